//! Many products at their collars, and some who want all or nothing or have alternatives: blocks go before anybody who may be
//! filled in part.
use headroom_market::clearing::check::given_up;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, clear, parse, verify};
use serde_json::{Value, json};

const SLOTS: i64 = 4;

fn credits(micro: i64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

/// Bundles of some slots of one or two resources of a pool; half of the products have collars of their own, every second
/// pool has supply, one order in ten is a block and one in ten has an alternative elsewhere.
fn busy(seed: u64, pools: i64, orders: i64) -> Book {
    let mut d = Draw::new(seed ^ 0xB10C);
    let resources = ["cpu", "mem"];
    let mut products = Vec::new();
    for pool in 0..pools {
        for resource in resources {
            for slot in 0..SLOTS {
                let mut product =
                    json!({ "pool": format!("p{pool}"), "resource": resource, "slot": slot, "supply": [] });
                if pool % 2 == 0 {
                    let quantity = orders * d.between(50, 300);
                    product["supply"] =
                        json!([{ "quantity": quantity, "reserve": credits(d.between(100_000, 1_000_000)) }]);
                }
                if d.chance(50) {
                    product["cap"] = credits(d.between(1_500_000, 4_000_000)).into();
                }
                products.push(product);
            }
        }
    }
    let orders: Vec<Value> = (0..orders)
        .map(|i| {
            let (pool, first) = (d.between(0, pools - 1), d.between(0, SLOTS - 1));
            let last = d.between(first, SLOTS - 1);
            let both = d.chance(50);
            let one = resources[d.between(0, 1) as usize];
            let places = (first..=last).flat_map(|slot| resources.map(|resource| (slot, resource)));
            let places: Vec<(i64, &str, i64)> = places
                .filter(|(_, resource)| both || *resource == one)
                .map(|(slot, resource)| (slot, resource, d.between(100, 3_000)))
                .collect();
            let quantities = |pool: i64| {
                let of = |p: &(i64, &str, i64)| json!([format!("p{pool}"), p.1, p.0, p.2]);
                places.iter().map(of).collect::<Vec<_>>()
            };
            let units: i64 = places.iter().map(|p| p.2).sum();
            let bid = d.chance(85);
            let worth = if bid { d.between(300_000, 5_000_000) } else { d.between(100_000, 2_000_000) };
            let mut alternatives = vec![json!({ "quantities": quantities(pool) })];
            if d.chance(10) {
                let elsewhere = (pool + d.between(1, pools - 1)) % pools;
                alternatives.push(json!({ "quantities": quantities(elsewhere), "adder": "0.5" }));
            }
            let least = if d.chance(10) { ["1", "0.5"][d.between(0, 1) as usize] } else { "0" };
            json!({ "id": format!("o{i:04}"), "owner": format!("w{i}"), "side": if bid { "bid" } else { "offer" },
                "limit": credits(units * worth), "min_fill": least, "alternatives": alternatives })
        })
        .collect();
    let book = json!({ "format": "headroom.book/1", "cap": "3000", "alpha": "0", "seed": seed,
        "products": products, "orders": orders });
    parse(&book.to_string()).expect("a book")
}

/// (Before blocks went first, 140 and 211 orders of these books were given up, most of them divisible, and 19 and 42 % of the
/// bound was left open.)
#[test]
fn beside_blocks_nobody_is_given_up_at_a_collar() {
    let mut at_collars = 0;
    for (seed, orders) in [(11, 500), (15, 600)] {
        let book = busy(seed, 6, orders);
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
        let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
        let gone = given_up(&book, &outcome, Mode::Market);
        assert!(gone.is_empty(), "{orders} orders, seed {seed}: {gone:?}");
        let certificate = outcome.certificate.as_ref().expect("a certificate");
        assert!(certificate.verified, "{orders} orders, seed {seed}");
        let gap: f64 = certificate.gap.parse().expect("a number");
        println!("{orders} orders, seed {seed}: {gap} of the bound is left open");
        assert!(gap < 0.1, "{orders} orders, seed {seed}: {gap}");
        at_collars += outcome.prices.iter().filter(|p| p.set_by == "cap").count();
    }
    assert!(at_collars >= 10, "{at_collars}");
}
