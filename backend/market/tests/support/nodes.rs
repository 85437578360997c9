//! Books of one product on nodes that are nearly full, and brute force over them: every whole
//! quantity of every order, and every node that a bid may lie on.
use super::plain_order;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::{
    Alternative, Book, Committed, Limits, Mode, Money, NoProposal, Node, Order, Outcome, Product, ProductKey, Quantity,
    Side, Step, clear, verify,
};

pub const MICRO: i128 = 1_000_000;

pub fn count(default: u64) -> u64 {
    std::env::var("HEADROOM_RANDOM_BOOKS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

pub fn cleared(b: &Book, name: &str) -> Outcome {
    let out = clear(b, Mode::Market, &NoProposal, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    verify(b, out, Mode::Market).unwrap_or_else(|broken| panic!("{name}: {broken:?}")).into_inner()
}

pub fn key(resource: &str, slot: i64) -> ProductKey {
    ProductKey { pool: "p".into(), resource: resource.into(), slot }
}

pub fn node(id: &str, capacity: i64, committed: i64) -> Node {
    Node {
        id: id.into(),
        pool: "p".into(),
        capacity: [("cpu".to_string(), capacity)].into(),
        committed: vec![Committed { resource: "cpu".into(), slot: 0, quantity: committed }],
    }
}

pub fn order(id: &str, side: Side, node: &str, quantity: i64, unit: i64) -> Order {
    let quantities = vec![Quantity { product: key("cpu", 0), quantity }];
    let mut o = plain_order(id, side, Money(unit * quantity), vec![Alternative { quantities, adder: Money(0) }]);
    o.node = Some(node.into());
    o
}

/// What an order won or lent of its first product.
pub fn got(out: &Outcome, id: &str) -> i64 {
    out.awards.iter().find(|a| a.order == id).map_or(0, |a| a.quantities[0].quantity)
}

/// What a brute force knows of a book.
struct Small {
    full: Vec<i64>,
    worth: Vec<i64>,
    bid: Vec<bool>,
    unbound: Vec<bool>,
    free: Vec<i64>,
    supply: Vec<(i64, i64)>,
    cap: i64,
}

impl Small {
    fn of(b: &Book) -> Small {
        let full: Vec<i64> = b.orders.iter().map(|o| o.alternatives[0].quantities[0].quantity).collect();
        Small {
            worth: b.orders.iter().zip(&full).map(|(o, q)| o.limit.0 / q).collect(),
            bid: b.orders.iter().map(|o| o.side == Side::Bid).collect(),
            unbound: b.orders.iter().map(|o| o.node.is_none()).collect(),
            free: b.nodes.iter().map(|n| n.capacity["cpu"] - n.committed[0].quantity).collect(),
            supply: b.products[0].supply.iter().map(|s| (s.quantity, s.reserve.0)).collect(),
            cap: b.cap.0,
            full,
        }
    }

    /// Whether a bid that lies on `at` is held back: its node is full, and no other that it may lie
    /// on has room for more than it has.
    fn held(&self, i: usize, at: usize, q: i64, room: &[i64]) -> bool {
        let full = |v: usize| room[v] <= if v == at { 0 } else { q };
        if self.unbound[i] { (0..room.len()).all(full) } else { full(at) }
    }

    /// The welfare of these quantities on these nodes, and whether one price carries them; `None`
    /// where they don't fit.
    fn judge(&self, at: &[usize], q: &[i64]) -> Option<(i64, bool)> {
        let mut room = self.free.clone();
        let (mut short, mut welfare) = (0, 0);
        for i in 0..q.len() {
            let s = if self.bid[i] { 1 } else { -1 };
            room[at[i]] -= s * q[i];
            short += s * q[i];
            welfare += s * q[i] * self.worth[i];
        }
        if room.iter().any(|r| *r < 0) || short > self.supply.iter().map(|s| s.0).sum() {
            return None;
        }
        // what is left over has no price
        let (mut least, mut most) = (0, if short < 0 { 0 } else { self.cap });
        let mut rest = short.max(0);
        for (quantity, reserve) in &self.supply {
            let used = rest.min(*quantity);
            rest -= used;
            welfare -= used * reserve;
            if used > 0 {
                least = least.max(*reserve);
            }
            if used < *quantity {
                most = most.min(*reserve);
            }
        }
        for i in 0..q.len() {
            let (floor, roof) = match self.bid[i] {
                true => (q[i] < self.full[i] && !self.held(i, at[i], q[i], &room), q[i] > 0),
                false => (q[i] > 0, q[i] < self.full[i]),
            };
            if floor {
                least = least.max(self.worth[i]);
            }
            if roof {
                most = most.min(self.worth[i]);
            }
        }
        Some((welfare, least <= most))
    }
}

/// The best welfare of whole quantities that fit on the nodes, and of those among them that one
/// price carries. Enumerates everything.
pub fn brute(b: &Book) -> (i128, i128) {
    let small = Small::of(b);
    let bound_to = |o: &Order| b.nodes.iter().position(|n| Some(&n.id) == o.node.as_ref());
    let mut at: Vec<usize> = b.orders.iter().map(|o| bound_to(o).unwrap_or(0)).collect();
    let (mut fits, mut carried) = (0, 0);
    let mut q = vec![0_i64; small.full.len()];
    loop {
        if let Some((welfare, priced)) = small.judge(&at, &q) {
            fits = fits.max(i128::from(welfare));
            if priced {
                carried = carried.max(i128::from(welfare));
            }
        }
        // the next node of an unbound bid that has something, else the next quantities
        let mut movable = (0..q.len()).filter(|i| small.unbound[*i] && q[*i] > 0);
        let next = movable.find(|i| {
            at[*i] = (at[*i] + 1) % b.nodes.len();
            at[*i] > 0
        });
        if next.is_some() {
            continue;
        }
        let Some(i) = (0..q.len()).find(|i| q[*i] < small.full[*i]) else {
            return (fits, carried);
        };
        q[..i].fill(0);
        q[i] += 1;
    }
}

/// The one product of a small book, with up to two steps of supply.
pub fn product(d: &mut Draw, unit: i64) -> Product {
    let steps = d.between(0, 2);
    let mut reserve = 0;
    let mut step = |d: &mut Draw| {
        reserve += d.between(0, 6);
        Step { quantity: d.between(0, 4) * unit, reserve: Money(reserve * 1_000) }
    };
    Product {
        pool: "p".into(),
        resource: "cpu".into(),
        slot: 0,
        supply: (0..steps).map(|_| step(d)).collect(),
        cap: None,
        reference: None,
    }
}
