//! How much welfare is lost because capacity lies in pieces: random pools whose nodes are partly taken, cleared
//! with their nodes and as if each pool were one machine with the same room.
//!
//! `cargo run --release -p headroom-market --example fragmented_pools -- [BOOKS] [FIRST_SEED]`
//!
//! Prints how many awards have no host (there is to be none), what placement costs of the welfare of
//! the undivided pool, and how much of that could not be shown to be unavoidable (the gap to the bound).
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::Quality;
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{
    Alternative, Book, Class, Committed, Fraction, Limits, Mode, Money, NoProposal, Node, Order, Product, ProductKey,
    Quantity, Side, Step, clear, verify,
};

const RESOURCES: [&str; 2] = ["cpu_milli", "mem_mib"];
const CAPACITY: [i64; 2] = [16_000, 32_768];
const PRICE: [i64; 2] = [900, 60];

/// One pool of 3 to 10 nodes, each with a random part taken, and up to three slots.
fn fragmented(seed: u64) -> Book {
    let mut draw = Draw::new(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0xF4A6);
    let mut book = Book::new(Money(1_000_000), draw.raw() % 1000);
    let slots = draw.between(1, 3);
    let nodes = draw.between(3, 10);
    let mut free = [0, 0];
    for n in 0..nodes {
        let mut committed = Vec::new();
        for (at, resource) in RESOURCES.iter().enumerate() {
            let taken = CAPACITY[at] * draw.between(40, 95) / 100;
            free[at] += CAPACITY[at] - taken;
            let of_slot = |slot| Committed { resource: (*resource).into(), slot, quantity: taken };
            committed.extend((0..slots).map(of_slot));
        }
        let capacity = RESOURCES.iter().zip(CAPACITY).map(|(r, q)| ((*r).to_owned(), q)).collect();
        book.nodes.push(Node { id: format!("n{n}"), pool: "p".into(), capacity, committed });
    }
    for slot in 0..slots {
        for (at, resource) in RESOURCES.iter().enumerate() {
            book.products.push(Product {
                pool: "p".into(),
                resource: (*resource).into(),
                slot,
                supply: vec![Step { quantity: free[at], reserve: Money(PRICE[at]) }],
                cap: None,
                reference: None,
            });
        }
    }
    for n in 0..draw.between(4, 24) {
        // A replica is from a tenth to the whole of a middling piece.
        let part = draw.between(10, 100);
        let piece = [CAPACITY[0] * 3 / 10 * part / 100, CAPACITY[1] * 3 / 10 * draw.between(10, 100) / 100];
        let replicas = if draw.chance(35) { draw.between(2, 6) } else { 1 };
        let first = draw.between(0, slots - 1);
        let last = draw.between(first, slots - 1);
        let mut quantities = Vec::new();
        let mut cost = 0;
        for slot in first..=last {
            for (at, resource) in RESOURCES.iter().enumerate() {
                let product = ProductKey { pool: "p".into(), resource: (*resource).into(), slot };
                quantities.push(Quantity { product, quantity: piece[at] * replicas });
                cost += piece[at] * replicas * PRICE[at];
            }
        }
        book.orders.push(Order {
            id: format!("b{n}"),
            owner: format!("w{n}"),
            side: Side::Bid,
            instance: None,
            limit: Money(cost / 100 * draw.between(80, 400)),
            min_fill: if draw.chance(40) { Fraction(Rat::ONE) } else { Fraction::zero() },
            incumbent: false,
            alternatives: vec![Alternative { quantities, adder: Money(0) }],
            parent: None,
            budget: None,
            replicas: (replicas > 1).then_some(replicas),
            node: draw.chance(25).then(|| format!("n{}", draw.between(0, nodes - 1))),
            class: Class::Standard,
        });
    }
    book
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|n| n.parse::<u64>().ok());
    let (books, first) = (arguments.next().unwrap_or(1_000), arguments.next().unwrap_or(1));
    let (mut awards, mut homeless, mut refused, mut lossy, mut fallback) = (0, 0, 0, 0, 0);
    let (mut whole, mut reached, mut bounds) = (Rat::ZERO, Rat::ZERO, Rat::ZERO);
    let mut shares = Vec::new();
    for seed in first..first + books {
        let book = fragmented(seed);
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("a right book");
        for award in &outcome.awards {
            awards += 1;
            let hosted = outcome.placements.iter().filter(|p| p.order == award.order).count();
            homeless += usize::from(hosted == 0);
        }
        let undivided = Book { nodes: Vec::new(), ..book.clone() };
        let undivided =
            Book { orders: undivided.orders.iter().map(|o| Order { node: None, ..o.clone() }).collect(), ..undivided };
        let best = clear(&undivided, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("a right book");
        let (got, most) = (outcome.welfare.0.clone(), best.welfare.0.clone());
        let bound = outcome.bound.as_ref().map_or_else(|| most.clone(), |b| b.0.clone().min(most.clone()));
        fallback += usize::from(outcome.quality == Quality::Fallback);
        lossy += usize::from(got < most);
        if most.is_pos() {
            shares.push((&(&most - &got) * &Rat::int(1_000_000)).div(&most).floor());
        }
        (whole, reached, bounds) = (&whole + &most, &reached + &got, &bounds + &bound);
        if let Err(broken) = verify(&book, outcome, Mode::Market) {
            refused += 1;
            println!("seed {seed}: {broken:?}");
        }
    }
    let percent = |part: &Rat| (&(part.div(&whole)) * &Rat::int(10_000)).floor();
    let show = |hundredths: i128| format!("{}.{:02} %", hundredths / 100, hundredths % 100);
    shares.sort_unstable();
    let quantile = |n: usize| show(shares.get(shares.len() * n / 100).copied().unwrap_or(0) / 100);
    println!(
        "{books} books, {awards} awards, {homeless} without a host, {refused} not verified, {fallback} say fallback"
    );
    println!("{lossy} books lose welfare to placement: {} of all", show(percent(&(&whole - &reached))));
    println!("of that at most {} could be had by a better search", show(percent(&(&bounds - &reached))));
    println!("share lost by book: median {}, 90 in 100 at most {}", quantile(50), quantile(90));
}
