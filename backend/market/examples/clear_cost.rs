//! What clearing and checking cost, on books like those of production.
//!
//! `cargo run --release -p headroom-market --example clear_cost -- [BOOKS] [SEED]` prints, for each
//! kind of book, the CPU milliseconds of `clear` and `verify` (worst and mean over the seeds), how
//! many outcomes are proven optimal, and the largest gap of the others.
//!
//! - `bundles`: 3 pools of 2 nodes, 6 slots, cpu and memory of one slot in each order, reserve
//!   steps, bids and offers bound to nodes, many alike strategy orders, what is held offered again.
//! - `blocks`: the same size with 30 % blocks whose windows and alternatives link all pools.
#![expect(clippy::disallowed_types, reason = "this is a stopwatch around the core")]
use headroom_market::clearing::book::*;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Quality, Reason};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Limits, Mode, NoProposal, clear, verify};
use std::time::Instant;

const POOLS: i64 = 3;
const SLOTS: i64 = 6;
const CPU: i64 = 5_000;
const MEM: i64 = 20_480;
/// Reserve prices of a milli-core and a MiB, in micro-credits.
const RHO: [i64; 2] = [50, 12];

fn quantity(pool: i64, resource: &str, slot: i64, quantity: i64) -> Quantity {
    let pool = format!("pool-{pool}");
    Quantity { product: ProductKey { pool, resource: resource.into(), slot }, quantity }
}

fn bundle(pool: i64, slots: std::ops::Range<i64>, cpu: i64, mem: i64) -> Vec<Quantity> {
    slots.flat_map(|t| [quantity(pool, "cpu_milli", t, cpu), quantity(pool, "mem_mib", t, mem)]).collect()
}

/// A book of production's shape; `blocks` is the share of blocks in percent.
fn book(orders: i64, blocks: u64, seed: u64) -> Book {
    let mut d = Draw::new(seed ^ 0xC0_57);
    let mut b = Book::new(Money(5_000), seed);
    for p in 0..POOLS {
        for t in 0..SLOTS {
            for (r, (name, there)) in [("cpu_milli", CPU), ("mem_mib", MEM)].iter().enumerate() {
                let steps = [(24, 100), (10, 140), (6, 260), (4, 500)];
                let step = |(part, dear): (i64, i64)| Step {
                    quantity: 2 * there * part / 100,
                    reserve: Money(RHO[r] * dear / 100),
                };
                let k = quantity(p, name, t, 0).product;
                b.products.push(Product {
                    pool: k.pool,
                    resource: k.resource,
                    slot: t,
                    supply: steps.map(step).to_vec(),
                    cap: Some(Money(RHO[r] * 20)),
                    reference: None,
                });
            }
        }
        for n in 0..2 {
            let part = |of: i64| of * d_part(seed, p, n) / 100;
            let committed =
                (0..SLOTS).map(|slot| Committed { resource: "cpu_milli".into(), slot, quantity: part(CPU) / 3 });
            b.nodes.push(Node {
                id: format!("node-{p}{n}"),
                pool: format!("pool-{p}"),
                capacity: [("cpu_milli".into(), part(CPU)), ("mem_mib".into(), part(MEM))].into(),
                committed: committed.collect(),
            });
        }
    }
    // what a strategy asks for: the same for everyone who uses it
    let plans: Vec<(i64, i64, i64)> =
        (0..6).map(|_| (d.between(1, 6) * 125, d.between(1, 8) * 256, d.between(90, 420))).collect();
    for i in 0..orders {
        let (pool, from) = (d.between(0, POOLS - 1), d.between(0, SLOTS - 1));
        let strategy = d.chance(55);
        let (cpu, mem, dear) = match strategy {
            true => plans[d.between(0, 5) as usize],
            false => (d.between(50, 3_000), d.between(100, 8_000), d.between(60, 700)),
        };
        let resale = d.chance(22);
        let offer = resale || d.chance(15);
        let block = !resale && d.chance(blocks);
        let long = if block { d.between(1, 3.min(SLOTS - from)) } else { 1 };
        let worth = long * (cpu * RHO[0] + mem * RHO[1]);
        let node = d.chance(if offer { 90 } else { 70 });
        let mut o = Order {
            id: format!("ord_{i:05}"),
            owner: format!("par_{i:05}"),
            side: if offer { Side::Offer } else { Side::Bid },
            instance: None,
            limit: Money(worth * if offer { dear.min(400) / 2 + 40 } else { dear } / 100),
            min_fill: Fraction::zero(),
            incumbent: resale,
            alternatives: vec![Alternative { quantities: bundle(pool, from..from + long, cpu, mem), adder: Money(0) }],
            parent: None,
            budget: None,
            replicas: None,
            node: node.then(|| format!("node-{pool}{}", d.between(0, 1))),
            class: Class::Standard,
        };
        if block {
            if d.chance(50) {
                o.min_fill = Fraction(Rat::ratio(1, d.between(1, 2).into()));
            }
            if !o.min_fill.0.is_pos() || d.chance(30) {
                o.node = None;
                o.alternatives.push(Alternative {
                    quantities: bundle((pool + 1) % POOLS, from..from + long, cpu, mem),
                    adder: Money(worth / 50),
                });
            }
        } else if !offer && !node {
            o.replicas = Some(d.between(1, 3));
            for q in &mut o.alternatives[0].quantities {
                q.quantity *= o.replicas.unwrap_or(1);
            }
            o.limit.0 *= o.replicas.unwrap_or(1);
        }
        b.orders.push(o);
    }
    b
}

/// Nodes are not of one size.
fn d_part(seed: u64, pool: i64, node: i64) -> i64 {
    Draw::new(seed ^ (pool * 7 + node) as u64).between(60, 110)
}

/// CPU nanoseconds of this thread, or the wall clock where the system does not tell.
fn clock(start: Instant) -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|s| s.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| start.elapsed().as_nanos() as u64)
}

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let books = arguments.first().copied().unwrap_or(10);
    let first = arguments.get(1).copied().unwrap_or(0);
    let limits = Limits::PRODUCTION;
    let start = Instant::now();
    for (name, orders, blocks) in [("bundles", 250, 0), ("bundles", 400, 0), ("blocks", 300, 30)] {
        let (mut clearing, mut checking) = (Vec::new(), Vec::new());
        let (mut optimal, mut given_up, mut cuts) = (0, 0, 0);
        let mut gap = String::from("0");
        let (mut welfare, mut bound) = (Rat::ZERO, Rat::ZERO);
        for seed in first..first + books {
            let b = book(orders, blocks, seed);
            let t = clock(start);
            let out = match clear(&b, Mode::Market, &NoProposal, &limits) {
                Ok(out) => out,
                Err(e) => {
                    println!("{name} {orders} seed {seed}: {e}");
                    continue;
                }
            };
            let u = clock(start);
            let verdict = verify(&b, out.clone(), Mode::Market);
            let v = clock(start);
            if let Err(broken) = verdict {
                println!("{name} {orders} seed {seed}: {}", broken[0]);
            }
            clearing.push((u - t, seed));
            checking.push(v - u);
            optimal += u32::from(out.quality == Quality::Optimal);
            cuts += out.cuts;
            welfare = &welfare + &out.welfare.0;
            bound = out.bound.iter().fold(bound, |t, b| &t + &b.0);
            let gone = |r: &&headroom_market::clearing::outcome::Refusal| r.reason == Reason::SolverFallback;
            given_up += out.refused.iter().filter(gone).count();
            let g = out.certificate.map_or(String::new(), |c| c.gap);
            let value = |g: &str| {
                let (p, q) = g.split_once('/').unwrap_or((g, "1"));
                p.parse::<f64>().unwrap_or(0.0) / q.parse::<f64>().unwrap_or(1.0)
            };
            if value(&g) > value(&gap) {
                gap = format!("{:.6}", value(&g));
            }
        }
        let ms = |n: u64| n as f64 / 1e6;
        let (worst, seed) = clearing.iter().max().copied().unwrap_or_default();
        let mean = |v: u64| ms(v) / books as f64;
        println!(
            "{name:8} {orders} orders: clear {:.1} ms mean, {:.1} worst (seed {seed}); verify {:.1} \
             mean, {:.1} worst; {optimal}/{books} optimal, {:.2} % of the bound, largest gap {gap}, \
             {cuts} cuts, {given_up} given up",
            mean(clearing.iter().map(|c| c.0).sum()),
            ms(worst),
            mean(checking.iter().sum()),
            ms(checking.iter().max().copied().unwrap_or(0)),
            (&welfare.div(&bound) * &Rat::int(10_000)).floor() as f64 / 100.0,
        );
    }
}
