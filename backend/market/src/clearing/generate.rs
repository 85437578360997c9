//! Realistic books from a seed: for studying the market, for load and for tests.
//!
//! 20 % of the orders have alternatives (another pool with an adder, or a later start), 10 % are
//! all-or-none; supply comes in reserve steps, lenders keep floors. The generator is a plain
//! counter hashed by a mixing function, so the same arguments give the same book anywhere.
use super::book::*;

/// How much of everything.
pub struct Size {
    pub orders: usize,
    pub pools: u32,
    pub slots: u32,
    /// Nodes of each pool; 0 = none.
    pub nodes: u32,
}

/// A small deterministic generator (SplitMix64).
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(seed)
    }
    pub fn raw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// An integer from `lo` to `hi`, both included.
    pub fn between(&mut self, lo: i64, hi: i64) -> i64 {
        let span = (hi - lo) as u64 + 1;
        lo + (self.raw() % span) as i64
    }
    pub fn chance(&mut self, percent: u64) -> bool {
        self.raw() % 100 < percent
    }
}

const CPU: &str = "cpu_milli";
const MEM: &str = "mem_mib";

fn key(pool: i64, resource: &str, slot: i64) -> ProductKey {
    ProductKey { pool: format!("pool-{pool:02}"), resource: resource.into(), slot }
}

/// A bundle of cpu and memory over consecutive slots.
fn bundle(pool: i64, from: i64, slots: i64, cpu: i64, mem: i64) -> Vec<Quantity> {
    let mut q = Vec::new();
    for t in from..from + slots {
        q.push(Quantity { product: key(pool, CPU, t), quantity: cpu });
        q.push(Quantity { product: key(pool, MEM, t), quantity: mem });
    }
    q
}

/// A book of the given size.
pub fn book(size: &Size, seed: u64) -> Book {
    let mut d = Draw::new(seed);
    let mut b = Book::new(Money(2_000_000), seed);
    let (pools, slots) = (i64::from(size.pools), i64::from(size.slots));
    // supply for about two thirds of what is asked for
    let per_pool = (size.orders as i64 / pools).max(4);
    let cpu_there = per_pool * 1_000;
    let mem_there = per_pool * 2_500;
    for p in 0..pools {
        for t in 0..slots {
            for (r, there, rho) in [(CPU, cpu_there, 50), (MEM, mem_there, 12)] {
                let steps = [(60, 1), (25, 2), (15, 5)];
                let supply = steps
                    .iter()
                    .map(|(part, dear)| Step { quantity: there * part / 100, reserve: Money(rho * dear) })
                    .collect();
                let k = key(p, r, t);
                b.products.push(Product {
                    pool: k.pool,
                    resource: k.resource,
                    slot: t,
                    supply,
                    cap: None,
                    reference: None,
                });
            }
        }
        for n in 0..i64::from(size.nodes) {
            let share = |there: i64| there / i64::from(size.nodes) + 4_000;
            let capacity = [(CPU.to_string(), share(cpu_there)), (MEM.to_string(), share(mem_there) * 2)].into();
            b.nodes.push(Node {
                id: format!("node-{p:02}-{n:02}"),
                pool: format!("pool-{p:02}"),
                capacity,
                committed: Vec::new(),
            });
        }
    }
    for i in 0..size.orders as i64 {
        let pool = d.between(0, pools - 1);
        let length = d.between(1, slots.min(3));
        let from = d.between(0, slots - length);
        let replicas = d.between(1, 4);
        let cpu = d.between(1, 8) * 250;
        let mem = cpu / 250 * [256, 512, 1024][d.between(0, 2) as usize];
        let offer = d.chance(15);
        let at_reserve = replicas * length * (cpu * 50 + mem * 12);
        let mut o = Order {
            id: format!("o{i:06}"),
            owner: format!("t{:04}", d.between(0, size.orders as i64 / 3)),
            side: if offer { Side::Offer } else { Side::Bid },
            instance: None,
            limit: Money(at_reserve * if offer { d.between(50, 160) } else { d.between(70, 600) } / 100),
            min_fill: Fraction::zero(),
            incumbent: d.chance(10),
            alternatives: vec![Alternative {
                quantities: bundle(pool, from, length, cpu * replicas, mem * replicas),
                adder: Money(0),
            }],
            parent: None,
            budget: None,
            replicas: Some(replicas),
            node: None,
            class: [Class::Standard, Class::Standard, Class::Critical, Class::Opportunistic][d.between(0, 3) as usize],
        };
        if d.chance(10) {
            o.min_fill = Fraction::one();
        }
        if d.chance(20) {
            let adder = Money(o.limit.0 * d.between(0, 10) / 100);
            let quantities = if pools > 1 && d.chance(50) {
                bundle((pool + 1) % pools, from, length, cpu * replicas, mem * replicas)
            } else {
                bundle(pool, (from + 1) % (slots - length + 1), length, cpu * replicas, mem * replicas)
            };
            if quantities != o.alternatives[0].quantities {
                o.alternatives.push(Alternative { quantities, adder });
            }
        }
        if offer {
            let id = format!("i{i:06}");
            o.owner = format!("l{i:06}");
            o.instance = Some(id.clone());
            let holding = o.alternatives[0].quantities.clone();
            // a floor leaves whole replicas: a part of one could not be lent
            let kept = (replicas * d.between(0, 60) + 50) / 100;
            let floor = holding
                .iter()
                .map(|q| Quantity { product: q.product.clone(), quantity: q.quantity / replicas * kept })
                .collect();
            b.instances.push(Instance { id, owner: o.owner.clone(), holding, floor, max_swap: Vec::new() });
        }
        b.orders.push(o);
    }
    b
}
