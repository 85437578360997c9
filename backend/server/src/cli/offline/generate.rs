//! `headroom generate-book`: realistic books from a seed, for studying the market, for load and for tests.
//!
//! A sixth of the orders are offers. Of all orders a fifth have alternatives (another pool, a later start, another node
//! with the move's cost) and a tenth are all-or-none. Half of the bids without replicas lie on a node, where there are any.
use super::draw::Draw;
use super::{Done, write_text};
use clap::Args;
use headroom_market::clearing::book::{Class, ProductKey, Side};
use headroom_market::clearing::document::{
    Alternative, Book, Committed, Lending, Node, Order, Product, Quantity, Step, Workload,
};
use headroom_market::units::{Credits, Price, Share};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct GenerateArgs {
    /// How many orders.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    orders: u32,
    /// How many pools, each with cpu_milli and mem_mib.
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pools: u32,
    /// How many slots.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    slots: u32,
    /// Nodes of each pool; 0 = the book has none.
    #[arg(long, value_name = "M", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    nodes: u32,
    /// Seed of the generator.
    #[arg(long, value_name = "S")]
    seed: u64,
    /// Where the book goes, compressed where it ends in `.gz`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(args: &GenerateArgs) -> Done {
    let size = Size {
        orders: args.orders.into(),
        pools: args.pools.into(),
        slots: args.slots.into(),
        nodes: args.nodes.into(),
    };
    let text = serde_json::to_string_pretty(&book(size, args.seed)).map_err(|error| {
        crate::cli::complain(format_args!("headroom: can't write the book: {error}"));
        ExitCode::FAILURE
    })?;
    write_text(&text, Some(&args.out))
}

/// How much of everything; nodes of each pool.
#[derive(Clone, Copy)]
struct Size {
    orders: i64,
    pools: i64,
    slots: i64,
    nodes: i64,
}

const CPU: &str = "cpu_milli";
const MEMORY: &str = "mem_mib";
/// Reserve prices of a unit in nano-credits.
const RESERVE: [(&str, i64); 2] = [(CPU, 50_000), (MEMORY, 12_000)];
/// Steps of the supply: percent of it, and times the reserve price.
const STEPS: [(i64, i64); 3] = [(60, 1), (25, 2), (15, 5)];
/// Supply of a slot for each order of a pool. In a book of one slot that is about two thirds of what is asked for.
const OF_AN_ORDER: [(&str, i64); 2] = [(CPU, 1_000), (MEMORY, 2_500)];
/// The most slots of a window.
const LONGEST: i64 = 3;
/// Percent of bids, so that of all orders a fifth have alternatives and a tenth are all-or-none.
const WITH_ALTERNATIVES: i64 = 24;
const ALL_OR_NONE: i64 = 12;
/// A node's room beyond its part of the pool's supply: so many times what is there for an order.
const SPARE_ORDERS: i64 = 4;

fn pool_id(pool: i64) -> String {
    format!("pool-{pool:02}")
}

fn node_id(pool: i64, node: i64) -> String {
    format!("node-{pool:02}-{node:02}")
}

fn row(pool: i64, resource: &str, slot: i64, quantity: i64) -> Quantity {
    Quantity { product: ProductKey { pool: pool_id(pool), resource: resource.to_owned(), slot }, quantity }
}

/// A book of the given size.
fn book(size: Size, seed: u64) -> Book {
    let mut draw = Draw::new(seed);
    let mut book = Book { alpha: "0".to_owned(), ..Book::default() };
    for pool in 0..size.pools {
        for slot in 0..size.slots {
            for (resource, reserve) in RESERVE {
                let step = |(percent, times)| Step {
                    quantity: supply(size, resource) * percent / 100,
                    reserve: Price::from_units(reserve * times),
                };
                book.products.push(Product {
                    pool: pool_id(pool),
                    resource: resource.to_owned(),
                    slot,
                    reference: Some(Price::from_units(reserve)),
                    band: None,
                    supply: STEPS.map(step).into(),
                });
            }
        }
        (0..size.nodes).for_each(|node| book.nodes.push(listed_node(size, &mut draw, pool, node)));
    }
    for number in 0..size.orders {
        let order = if draw.between(1, 6) == 1 {
            offer(size, &mut draw, number, &mut book.workloads)
        } else {
            bid(size, &mut draw, number)
        };
        book.orders.push(order);
    }
    book
}

fn of_an_order(resource: &str) -> i64 {
    OF_AN_ORDER.iter().find(|(name, _)| *name == resource).map_or(0, |(_, quantity)| *quantity)
}

/// What a pool supplies of a resource in a slot.
fn supply(size: Size, resource: &str) -> i64 {
    (size.orders / size.pools).max(4) * of_an_order(resource)
}

/// A node; on one in five earlier rounds have given some of a slot.
fn listed_node(size: Size, draw: &mut Draw, pool: i64, node: i64) -> Node {
    let room = |resource: &str| supply(size, resource) / size.nodes + of_an_order(resource) * SPARE_ORDERS;
    let capacity = [CPU, MEMORY].map(|resource| (resource.to_owned(), room(resource)));
    let mut committed = Vec::new();
    if draw.chance(20) {
        let (slot, eighths) = (draw.between(0, size.slots - 1), draw.between(1, 3));
        for (resource, capacity) in &capacity {
            committed.push(Committed { resource: resource.clone(), slot, quantity: capacity / 8 * eighths });
        }
    }
    Node { id: node_id(pool, node), pool: pool_id(pool), capacity: capacity.into(), committed }
}

/// What quantities cost at the reserve prices, in micro-credits.
fn at_reserve(quantities: &[Quantity]) -> i64 {
    let nano = |q: &Quantity| {
        let reserve = RESERVE.iter().find(|(resource, _)| *resource == q.product.resource).map_or(0, |(_, nano)| *nano);
        q.quantity * reserve
    };
    quantities.iter().map(nano).sum::<i64>() / 1_000
}

/// So many percent of what quantities cost at the reserve prices.
fn limit(quantities: &[Quantity], percent: i64) -> Credits {
    Credits::from_units(at_reserve(quantities) * percent / 100)
}

/// One product in one slot; half of the lenders say what their workload can spare.
fn offer(size: Size, draw: &mut Draw, number: i64, workloads: &mut Vec<Workload>) -> Order {
    let (pool, slot) = (draw.between(0, size.pools - 1), draw.between(0, size.slots - 1));
    let quantity = draw.between(1, 16) * 250;
    let resource = if draw.chance(50) { CPU } else { MEMORY };
    let lent = row(pool, resource, slot, quantity);
    let limit = limit(std::slice::from_ref(&lent), draw.between(50, 160));
    let node = (size.nodes > 0).then(|| node_id(pool, draw.between(0, size.nodes - 1)));
    let workload = draw.chance(50).then(|| format!("w{number:06}"));
    if let Some(id) = &workload {
        let (kept, spare) = (draw.between(0, 8) * 250, draw.between(0, 4) * 250);
        let needed = kept * draw.between(60, 140) / 100;
        let baseline = quantity + spare + kept.max(needed);
        let lending = Lending { product: lent.product.clone(), baseline, floor: kept, forecast: needed };
        workloads.push(Workload { id: id.clone(), lending: vec![lending] });
    }
    Order {
        id: format!("o{number:06}"),
        owner: format!("l{number:06}"),
        side: Side::Offer,
        limit,
        min_fill: Share::ZERO,
        replicas: None,
        node,
        class: Class::Standard,
        incumbent: false,
        accepted: None,
        workload,
        alternatives: vec![Alternative { quantities: vec![lent], ..Alternative::default() }],
    }
}

/// What a bid asks for in each slot of its window.
#[derive(Clone, Copy)]
struct Wish {
    pool: i64,
    from: i64,
    length: i64,
    cpu: i64,
    memory: i64,
}

impl Wish {
    fn quantities(self) -> Vec<Quantity> {
        let both = |slot| [row(self.pool, CPU, slot, self.cpu), row(self.pool, MEMORY, slot, self.memory)];
        (self.from..self.from + self.length).flat_map(both).filter(|q| q.quantity > 0).collect()
    }
}

fn bid(size: Size, draw: &mut Draw, number: i64) -> Order {
    let length = draw.between(1, size.slots.min(LONGEST));
    let (pool, from) = (draw.between(0, size.pools - 1), draw.between(0, size.slots - length));
    let replicas = draw.chance(40).then(|| draw.between(1, 4));
    let units = draw.between(1, 8) * replicas.unwrap_or(1);
    let memory = units * [256, 512, 1_024][draw.between(0, 2) as usize];
    // A bid of one resource is divisible to the unit; a bundle is not.
    let one_resource = replicas.is_none() && draw.chance(30);
    let wish = Wish { pool, from, length, cpu: units * 250, memory: if one_resource { 0 } else { memory } };
    let quantities = wish.quantities();
    let limit = limit(&quantities, draw.between(70, 600));
    let home = (size.nodes > 0 && replicas.is_none() && draw.chance(50)).then(|| draw.between(0, size.nodes - 1));
    let min_fill = if draw.chance(ALL_OR_NONE) { Share::from_units(1_000_000) } else { Share::ZERO };
    let mut alternatives = vec![Alternative { quantities, ..Alternative::default() }];
    if draw.chance(WITH_ALTERNATIVES) {
        let adder = Credits::from_units(limit.units() * draw.between(0, 10) / 100);
        alternatives.extend(another(size, draw, wish, home).map(|other| Alternative { adder, ..other }));
    }
    let classes = [Class::Standard, Class::Standard, Class::Critical, Class::Opportunistic];
    Order {
        id: format!("o{number:06}"),
        owner: format!("t{:04}", draw.between(0, size.orders / 3)),
        side: Side::Bid,
        limit,
        min_fill,
        replicas,
        node: home.map(|node| node_id(pool, node)),
        class: classes[draw.between(0, 3) as usize],
        incumbent: draw.chance(10),
        accepted: None,
        workload: None,
        alternatives,
    }
}

/// Another way to fill a bid, as far as the book has one: in another pool, on another node with what the workload has, or
/// later.
fn another(size: Size, draw: &mut Draw, wish: Wish, home: Option<i64>) -> Option<Alternative> {
    let bought = |wish: Wish| Some(Alternative { quantities: wish.quantities(), ..Alternative::default() });
    if let Some(home) = home.filter(|_| size.nodes > 1 && draw.chance(40)) {
        let away = node_id(wish.pool, (home + draw.between(1, size.nodes - 1)) % size.nodes);
        let has = Wish { cpu: draw.between(1, 4) * 250, memory: draw.between(1, 4) * 256, ..wish };
        return Some(Alternative { nodes: vec![away], room: has.quantities(), ..bought(wish)? });
    }
    let elsewhere = Wish { pool: (wish.pool + 1) % size.pools, ..wish };
    let later = Wish { from: (wish.from + 1) % (size.slots - wish.length + 1), ..wish };
    let (pools, starts) = (size.pools > 1, later.from != wish.from);
    match draw.chance(50) {
        true if pools => bought(elsewhere),
        _ if starts => bought(later),
        _ if pools => bought(elsewhere),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Books of every shape are accepted, are what is promised of them, and the same for the same seed.
    #[test]
    fn generated_books_are_accepted_and_varied() {
        for (pools, slots, nodes) in [(1, 1, 0), (1, 4, 1), (3, 1, 2), (4, 6, 3)] {
            let size = Size { orders: 600, pools, slots, nodes };
            let made = book(size, 5);
            assert_eq!(made.text(), book(size, 5).text());
            assert_ne!(made.text(), book(size, 6).text());
            assert_eq!(made.numbered().map(|_| ()), Ok(()), "{pools} pools, {slots} slots, {nodes} nodes");
            let part = |of: &dyn Fn(&Order) -> bool| made.orders.iter().filter(|o| of(o)).count();
            assert!((70..130).contains(&part(&|o| o.side == Side::Offer)));
            assert!((35..90).contains(&part(&|o| !o.min_fill.is_zero())));
            assert!(part(&|o| o.replicas.is_some()) > 100 && !made.workloads.is_empty());
            let with_alternatives = part(&|o| o.alternatives.len() > 1);
            assert!((pools * slots == 1) == (with_alternatives == 0), "{with_alternatives}");
            let on_nodes = part(&|o| o.side == Side::Bid && o.node.is_some());
            assert_eq!(on_nodes > 100, nodes > 0, "{on_nodes}");
        }
    }
}
