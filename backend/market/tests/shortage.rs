//! A peak hour: everybody wants more than there is, every bid lies on one full node, some want all or nothing, some lend,
//! and every product has a collar.
use headroom_market::clearing::check::given_up;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::Reason;
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, clear, parse, verify};

const SLOTS: i64 = 3;

/// `demand`: how many times what is free is asked for, in percent; `blocks`: how many percent of the bids are all-or-none.
fn peak_hour(seed: u64, orders: i64, nodes: i64, demand: i64, blocks: i64) -> Book {
    let mut draw = Draw::new(seed);
    let resources = [("cpu_milli", 64_000, 50), ("mem_mib", 256_000, 10)];
    let (mut committed, mut supply) = (vec![Vec::new(); nodes as usize], Vec::new());
    for (resource, capacity, reserve) in resources {
        for slot in 0..SLOTS {
            let mut free = 0;
            for gone in &mut committed {
                let here = capacity * draw.between(2, 22) / 100;
                free += here;
                gone.push(serde_json::json!([resource, slot, capacity - here]));
            }
            let money = |micro: i64| format!("0.{micro:06}");
            supply.push(serde_json::json!({"pool": "p", "resource": resource, "slot": slot, "cap": money(3 * reserve),
                "supply": [{"quantity": free * 7 / 10, "reserve": money(reserve)},
                           {"quantity": free - free * 7 / 10, "reserve": money(2 * reserve)}]}));
        }
    }
    let nodes_of: Vec<_> = committed
        .into_iter()
        .enumerate()
        .map(|(n, gone)| {
            serde_json::json!({"id": format!("n{n}"), "pool": "p", "committed": gone,
                "capacity": {"cpu_milli": 64_000, "mem_mib": 256_000}})
        })
        .collect();
    let usual = 64_000 * 12 / 100 * nodes * SLOTS * demand / 100 / orders;
    let (mut instances, mut all) = (Vec::new(), Vec::new());
    for n in 0..orders {
        let (id, first) = (format!("o{n:04}"), draw.between(0, SLOTS - 1));
        let cpu = (usual * draw.between(30, 250) / 100).max(50);
        let mem = cpu * [0, 0, 1, 2, 4][draw.between(0, 4) as usize];
        let lends = draw.between(0, 9) < 3;
        let last = if lends { first } else { (first + draw.between(0, 1)).min(SLOTS - 1) };
        let mut quantities = Vec::new();
        for slot in first..=last {
            quantities.push(serde_json::json!(["p", "cpu_milli", slot, cpu]));
            if mem > 0 {
                quantities.push(serde_json::json!(["p", "mem_mib", slot, mem]));
            }
        }
        let usually = (cpu * 50 + mem * 10) * (last - first + 1);
        let limit = usually * if lends { draw.between(80, 250) } else { draw.between(60, 900) } / 100;
        let block = !lends && draw.between(0, 99) < blocks;
        all.push(serde_json::json!({"id": id, "owner": id, "instance": id, "node": format!("n{}", draw.between(0, nodes - 1)),
            "side": if lends { "offer" } else { "bid" }, "min_fill": if block { "1" } else { "0" },
            "limit": format!("{}.{:06}", limit / 1_000_000, limit % 1_000_000),
            "alternatives": [{"quantities": quantities}]}));
        instances.push(serde_json::json!({"id": id, "owner": id}));
    }
    let book = serde_json::json!({"format": "headroom.book/1", "cap": "3000", "seed": seed, "products": supply,
        "nodes": nodes_of, "instances": instances, "orders": all});
    parse(&book.to_string()).expect("a book")
}

/// With the limits of a market's round. (Before nodes were filled without regard to collars, half of these 2,560 orders
/// were given up.)
#[test]
fn at_a_peak_hour_hardly_anybody_is_given_up() {
    let (mut orders, mut gone, mut awards, mut books) = (0, 0, 0, 0);
    for seed in 0..8 {
        for (count, nodes, demand, blocks) in [(60, 2, 300, 20), (100, 2, 600, 30), (160, 3, 200, 10)] {
            let book = peak_hour(seed, count, nodes, demand, blocks);
            let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("an outcome");
            let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
            let given: Vec<_> = outcome.refused.iter().filter(|r| r.reason == Reason::SolverFallback).collect();
            assert!(given_up(&book, &outcome, Mode::Market).len() <= given.len());
            orders += book.orders.len();
            gone += given.len();
            awards += outcome.awards.len();
            books += 1;
        }
    }
    println!("{books} books, {orders} orders, {awards} win, {gone} are given up");
    assert!(gone * 200 <= orders, "{gone} of {orders}");
    assert!(awards * 3 >= orders, "{awards} of {orders}");
}
