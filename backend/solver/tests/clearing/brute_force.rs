//! Welfare against the best of all awards of a small book, found by trying every one.

use crate::books::{Dice, cleared, count_from, order, parsed, supply};
use headroom_market::clearing::book::{Alternative, Book, NANO_PER_MICRO, Side};
use headroom_market::clearing::outcome::{Mode, Quality};
use serde_json::{Value, json};

/// What the orders so far leave: sold less bought by product, and room by node and product of its pool.
#[derive(Clone)]
struct State {
    left: Vec<i64>,
    room: Vec<Vec<i64>>,
    worth: i128,
}

/// The greatest welfare of a book without arcs.
fn best(book: &Book) -> i128 {
    let room = book.nodes.iter().map(|node| node.room.clone()).collect();
    let start = State { left: vec![0; book.products.len()], room, worth: 0 };
    // Offers first: what they lend is room for the bids after them.
    let mut orders: Vec<usize> = (0..book.orders.len()).collect();
    orders.sort_by_key(|order| book.orders[*order].side == Side::Bid);
    let mut most = 0;
    each(book, &orders, &start, &mut most);
    most
}

fn each(book: &Book, orders: &[usize], state: &State, most: &mut i128) {
    let Some((first, rest)) = orders.split_first() else {
        if let Some(cost) = supply_cost(book, &state.left) {
            *most = (*most).max(state.worth - cost);
        }
        return;
    };
    each(book, rest, state, most);
    let of = &book.orders[*first];
    for number in of.alternatives.clone() {
        let alternative = &book.alternatives[number];
        for lots in alternative.least.max(1)..=alternative.lots {
            let sign = if of.side == Side::Bid { 1 } else { -1 };
            let mut next = state.clone();
            let worth = i128::from(alternative.value_micro) * NANO_PER_MICRO * i128::from(lots);
            next.worth += i128::from(sign) * worth / i128::from(alternative.lots);
            book.lines_of(alternative).iter().for_each(|l| next.left[l.product] -= sign * lots * l.quantity);
            let pools = book.pools_with_nodes(alternative);
            placed(book, number, sign, lots, &pools, next, &mut |next| each(book, rest, &next, most));
        }
    }
}

/// Every way to place lots in each of the pools.
fn placed(
    book: &Book,
    number: usize,
    sign: i64,
    lots: i64,
    pools: &[usize],
    state: State,
    then: &mut dyn FnMut(State),
) {
    let Some((pool, rest)) = pools.split_first() else { return then(state) };
    let alternative = &book.alternatives[number];
    let hosts: Vec<usize> = book.hosts_in(alternative, *pool).collect();
    let load = book.load_in(alternative, *pool);
    let start = book.pools[*pool].products.start;
    let mut open = vec![(0, lots, state)];
    while let Some((host, left, state)) = open.pop() {
        if left == 0 {
            placed(book, number, sign, lots, rest, state, then);
            continue;
        }
        let Some(node) = hosts.get(host) else { continue };
        for here in 0..=left {
            let mut next = state.clone();
            load.iter().for_each(|l| next.room[*node][l.product - start] -= sign * here * l.quantity);
            if next.room[*node].iter().all(|room| *room >= 0) {
                open.push((host + 1, left - here, next));
            }
        }
    }
}

/// What the operator's supply costs that makes up for all that is bought beyond what members sell.
fn supply_cost(book: &Book, left: &[i64]) -> Option<i128> {
    let mut cost = 0;
    for (product, left) in book.products.iter().zip(left) {
        let mut need = -left;
        let mut steps: Vec<_> = product.supply.iter().map(|step| (step.reserve_nano, step.quantity)).collect();
        steps.sort_unstable();
        for (reserve, quantity) in steps {
            let used = need.clamp(0, quantity);
            need -= used;
            cost += reserve * i128::from(used);
        }
        if need > 0 {
            return None;
        }
    }
    Some(cost)
}

/// At most six orders of few lots: blocks, alternatives, replicas, bundles, lenders and nodes.
fn small_book(seed: u64) -> Value {
    let mut dice = Dice(seed ^ 0xb007);
    let (pools, nodes) = (1 + dice.below(2), dice.below(3));
    let mut products = Vec::new();
    for (pool, resource) in (0..pools).flat_map(|pool| ["cpu_milli", "mem_mib"].map(|resource| (pool, resource))) {
        let step = |n: i64, dice: &mut Dice| supply(1 + dice.below(4), &(n * 2 + dice.below(3)).to_string());
        let steps: Vec<Value> = (0..1 + dice.below(2)).map(|n| step(n, &mut dice)).collect();
        products.push(json!({ "pool": format!("p{pool}"), "resource": resource, "slot": 0, "supply": steps }));
    }
    let listed: Vec<Value> = (0..pools * nodes)
        .map(|n| {
            let capacity = json!({ "cpu_milli": 1 + dice.below(4), "mem_mib": 1 + dice.below(4) });
            json!({ "id": format!("n{n}"), "pool": format!("p{}", n % pools), "capacity": capacity })
        })
        .collect();
    let mut orders = Vec::new();
    for number in 0..1 + dice.below(6) {
        let (pool, amount, price) = (dice.below(pools), 1 + dice.below(3), 1 + dice.below(9));
        let node = (nodes > 0).then(|| format!("n{}", pool + pools * dice.below(nodes.max(1))));
        let lines = |pool: i64, both: bool| -> Vec<Value> {
            let resources: &[&str] = if both { &["cpu_milli", "mem_mib"] } else { &["cpu_milli"] };
            resources.iter().map(|resource| json!([format!("p{pool}"), resource, 0, amount])).collect()
        };
        if dice.one_in(5) {
            let limit = (amount * price / 2).to_string();
            let mut offer = order(&format!("o{number}"), "offer", &limit, json!(lines(pool, false)));
            offer["node"] = json!(node);
            orders.push(offer);
            continue;
        }
        let both = dice.one_in(3);
        let limit = (amount * price * if both { 2 } else { 1 }).to_string();
        let mut bid = order(&format!("b{number}"), "bid", &limit, json!(lines(pool, both)));
        match dice.below(6) {
            0 => bid["min_fill"] = json!("1"),
            1 => bid["min_fill"] = json!("0.5"),
            2 => bid["replicas"] = json!(amount),
            3 if pools > 1 => {
                let other = json!({ "quantities": lines(1 - pool, both), "adder": "0.5" });
                bid["alternatives"].as_array_mut().expect("alternatives").push(other);
            }
            4 if nodes > 0 => bid["node"] = json!(node),
            _ => {}
        }
        orders.push(bid);
    }
    json!({ "format": "headroom.book/2", "products": products, "nodes": listed, "orders": orders })
}

/// What the dearest lot of each order is worth: by so much an outcome that is said to be optimal may miss the best.
fn a_lot_of_each(book: &Book) -> i128 {
    let lot = |number: usize| {
        let alternative = &book.alternatives[number];
        i128::from(alternative.value_micro) * NANO_PER_MICRO / i128::from(alternative.lots)
    };
    book.orders.iter().filter_map(|order| order.alternatives.clone().map(lot).max()).sum()
}

#[test]
fn welfare_is_that_of_brute_force_within_the_bound() {
    let (count, first) = count_from(400, 0);
    let mut short = 0;
    for seed in first..first + count {
        let book = parsed(&small_book(seed));
        let best = best(&book);
        let is_divisible = |a: &Alternative| matches!(book.lines_of(a), [line] if line.quantity == 1);
        let all_divisible = book.orders.iter().all(|o| !o.is_block) && book.alternatives.iter().all(is_divisible);
        for mode in [Mode::Market, Mode::Welfare] {
            let outcome = cleared(&book, mode);
            let (welfare, bound) = (outcome.welfare_nano, outcome.bound_nano);
            // A bound is as exact as its prices: a nano-credit a unit.
            assert!(welfare <= best && best <= bound + 1_000, "{seed} {mode:?}: {welfare} ≤ {best} ≤ {bound}");
            short += u64::from(mode == Mode::Welfare && welfare < best);
            if all_divisible {
                assert_eq!(welfare, best, "{seed} {mode:?}: every order is divisible to the unit");
            }
            if outcome.quality == Quality::Optimal {
                assert!(best - welfare <= a_lot_of_each(&book), "{seed} {mode:?}: {welfare} is not optimal, {best} is");
            }
        }
    }
    println!("{short} of {count} books miss the best welfare");
}
