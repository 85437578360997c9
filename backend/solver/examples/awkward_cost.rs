//! What a round costs that one member makes as awkward as it can, at the most that a round takes
//! (`round::capacity`).
//!
//! `cargo run --release -p headroom-solver --example awkward_cost -- [SEEDS] [PART OF A NAME] [PERCENT]` prints
//! for each kind of book, of so many percent of a round, the worst and the median wall-clock seconds of `clear`, and how far the welfare stays
//! under its bound.
use headroom_market::clearing::book::*;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Limits, Mode, clear};
use headroom_market::round::capacity::{Couples, MOST, weight_of};
use headroom_solver::MixedInteger;
use std::ops::Range;
use std::time::Instant;

const POOLS: [&str; 2] = ["one", "two"];
const SLOTS: i64 = 6;

/// What an order of a kind asks for.
struct Kind {
    name: &'static str,
    slots: Range<i64>,
    resources: usize,
    /// Later starts and the other pool, as alternatives.
    choices: bool,
    /// All or none, in so many percent of the orders.
    blocks: u64,
    /// To a node each, as a workload's bids are.
    bound: bool,
}

const KINDS: [Kind; 10] = [
    Kind { name: "single products", slots: 1..2, resources: 1, choices: false, blocks: 0, bound: false },
    Kind { name: "pairs on nodes", slots: 1..2, resources: 2, choices: false, blocks: 0, bound: true },
    Kind { name: "bundles on nodes", slots: 1..4, resources: 2, choices: false, blocks: 0, bound: true },
    Kind { name: "pairs of resources", slots: 1..2, resources: 2, choices: false, blocks: 0, bound: false },
    Kind { name: "bundles of slots", slots: 1..4, resources: 2, choices: false, blocks: 0, bound: false },
    Kind { name: "whole horizons", slots: 6..7, resources: 2, choices: false, blocks: 0, bound: false },
    Kind { name: "all or none", slots: 1..2, resources: 1, choices: false, blocks: 100, bound: false },
    Kind { name: "bundles, all or none", slots: 1..4, resources: 2, choices: false, blocks: 100, bound: false },
    Kind { name: "choices", slots: 1..4, resources: 2, choices: true, blocks: 0, bound: false },
    Kind { name: "choices, all or none", slots: 1..4, resources: 2, choices: true, blocks: 60, bound: false },
];

fn rows(pool: &str, slots: Range<i64>, amounts: [i64; 2], resources: usize) -> Vec<Quantity> {
    let names = ["cpu_milli", "mem_mib"];
    let of = |slot: i64| {
        (0..resources).map(move |r| Quantity {
            product: ProductKey { pool: pool.to_owned(), resource: names[r].to_owned(), slot },
            quantity: amounts[r],
        })
    };
    slots.flat_map(of).collect()
}

fn book(kind: &Kind, seed: u64, percent: u64) -> Book {
    let mut draw = Draw::new(seed ^ 0xA4);
    let mut book = Book::new(Money(2_000_000), seed);
    for pool in POOLS {
        for slot in 0..SLOTS {
            for (resource, quantity, reserve) in [("cpu_milli", 8_000, 1_000), ("mem_mib", 8_192, 100)] {
                let (pool, resource) = (pool.to_owned(), resource.to_owned());
                let supply = vec![Step { quantity, reserve: Money(reserve) }];
                book.products.push(Product { pool, resource, slot, supply, cap: None, reference: None });
            }
        }
        for node in ["a", "b"] {
            book.nodes.push(Node {
                id: format!("{pool}-{node}"),
                pool: pool.to_owned(),
                capacity: [("cpu_milli".into(), 4_000), ("mem_mib".into(), 4_096)].into(),
                committed: Vec::new(),
            });
        }
    }
    let mut left = MOST * percent / 100;
    for number in 0.. {
        let long = draw.between(kind.slots.start, kind.slots.end - 1);
        let amounts = [draw.between(300, 1_900), draw.between(50, 900)];
        let first = draw.between(0, SLOTS - long);
        let pool = POOLS[draw.between(0, 1) as usize];
        let alternative = |pool: &str, from: i64, adder: i64| Alternative {
            quantities: rows(pool, from..from + long, amounts, kind.resources),
            adder: Money(adder),
        };
        let alternatives: Vec<Alternative> = match kind.choices {
            true => {
                let starts = (0..=SLOTS - long).flat_map(|from| [(POOLS[0], from, 0), (POOLS[1], from, 5_000)]);
                starts.map(|(pool, from, adder)| alternative(pool, from, adder)).collect()
            }
            false => vec![alternative(pool, first, 0)],
        };
        let count: usize = alternatives.iter().map(|a| a.quantities.len()).sum();
        let couples = if alternatives.len() > 1 || long > 1 { Couples::Products } else { Couples::Nothing };
        let weight = weight_of(count, couples);
        if weight > left {
            break;
        }
        left -= weight;
        let whole = draw.chance(kind.blocks);
        book.orders.push(Order {
            id: format!("ord_{number:05}"),
            owner: format!("par_{}", number % 9),
            side: Side::Bid,
            instance: None,
            // About what it is worth where all of them ask for more than there is.
            limit: Money(draw.between(1_200_000, 2_800_000) * long),
            min_fill: if whole { Fraction(Rat::ratio(1, 1)) } else { Fraction::zero() },
            incumbent: false,
            alternatives,
            parent: None,
            budget: None,
            replicas: None,
            node: kind.bound.then(|| format!("{pool}-{}", if draw.chance(50) { "a" } else { "b" })),
            class: Class::Standard,
        });
    }
    book
}

fn main() {
    let seeds = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(5);
    let named = std::env::args().nth(2).unwrap_or_default();
    let percent = std::env::args().nth(3).and_then(|a| a.parse().ok()).unwrap_or(100);
    for kind in KINDS.into_iter().filter(|kind| kind.name.contains(&named)) {
        let (mut times, mut open, mut orders) = (Vec::new(), Vec::new(), 0);
        for seed in 0..seeds {
            let book = book(&kind, seed, percent);
            orders = book.orders.len();
            let start = Instant::now();
            match clear(&book, Mode::Market, &MixedInteger::PRODUCTION, &Limits::PRODUCTION) {
                Ok(outcome) => open.push(outcome.certificate.map(|c| c.gap).unwrap_or_default()),
                Err(error) => println!("{} seed {seed}: {error}", kind.name),
            }
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        open.sort();
        let worst = times.last().copied().unwrap_or(0.0);
        let (median, gap) = (times[times.len() / 2], open.last().cloned().unwrap_or_default());
        println!("{:22} {orders:5} orders: median {median:6.2} s, worst {worst:6.2} s, largest gap {gap}", kind.name);
    }
}
