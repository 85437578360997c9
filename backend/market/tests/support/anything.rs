//! Random small books of every feature mix: what `support::book` draws, and families, arcs, budgets,
//! references, and published prices between the two vectors.
use super::{Mix, book_in_units, with_families};
use headroom_market::clearing::book::*;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::rational::Rat;

/// Every feature in turn, and by and by every mix of them.
pub fn mix(seed: u64) -> Mix {
    Mix {
        nodes: !seed.is_multiple_of(3),
        blocks: !seed.is_multiple_of(4),
        rows: !seed.is_multiple_of(5),
        low_caps: seed.is_multiple_of(7),
        replicas: seed.is_multiple_of(2),
    }
}

pub fn anything(seed: u64) -> Book {
    let unit = if seed.is_multiple_of(11) { 1 } else { super::UNIT };
    mixed(seed, mix(seed), unit)
}

pub fn mixed(seed: u64, mix: Mix, unit: i64) -> Book {
    let mut b = book_in_units(seed, mix, unit);
    let mut d = Draw::new(seed ^ 0x0A11);
    if d.chance(25) && mix.blocks {
        b = with_families(b, seed);
    }
    if d.chance(30) {
        b = with_arcs(b, &mut d, unit);
    }
    if d.chance(30) {
        b = with_budgets(b, &mut d);
    }
    if d.chance(15) {
        b.alpha = Fraction([Rat::ONE, Rat::ratio(1, 2)][d.between(0, 1) as usize].clone());
    }
    for p in &mut b.products {
        if d.chance(10) {
            p.reference = Some(Money(d.between(1, 6) * 1_000_000));
        }
    }
    b
}

/// A random book with limits that no two orders share: there is no tie.
pub fn untied(seed: u64) -> Book {
    let mut b = anything(seed);
    for (i, o) in b.orders.iter_mut().enumerate() {
        let units: i64 = o.alternatives[0].quantities.iter().map(|q| q.quantity).sum();
        o.limit.0 += units * (7919 * (i as i64 + 1) % 997);
    }
    b
}

/// One to three arcs between products of the same resource and slot.
fn with_arcs(mut b: Book, d: &mut Draw, unit: i64) -> Book {
    let keys: Vec<ProductKey> = b.products.iter().map(Product::key).collect();
    if keys.len() < 2 {
        return b;
    }
    for _ in 0..d.between(1, 3) {
        let from = keys[d.between(0, keys.len() as i64 - 1) as usize].clone();
        let others: Vec<_> =
            keys.iter().filter(|k| k.pool != from.pool && k.resource == from.resource && k.slot == from.slot).collect();
        if others.is_empty() {
            continue;
        }
        let to = others[d.between(0, others.len() as i64 - 1) as usize].clone();
        // What grows goes up the pools' names and at most doubles, so no circle makes something of nothing.
        let up = [Rat::ONE, Rat::ratio(4, 5), Rat::ratio(1, 2), Rat::ratio(5, 4), Rat::ratio(2, 1), Rat::ratio(11, 10)];
        let drawn = up[d.between(0, 5) as usize].clone();
        let ratio = Fraction(if from.pool < to.pool { drawn } else { drawn.min(Rat::ratio(1, 2)) });
        let limit = d.chance(60).then(|| d.between(0, 12) * unit);
        b.arcs.push(Arc { from, to, ratio, cost: Money(d.between(0, 4) * 500_000), limit });
    }
    b
}

/// Bids of one or two groups share a budget that is often too small for all of them.
fn with_budgets(mut b: Book, d: &mut Draw) -> Book {
    let bids: Vec<usize> = (0..b.orders.len()).filter(|i| b.orders[*i].side == Side::Bid).collect();
    if bids.is_empty() {
        return b;
    }
    for g in 0..d.between(1, 2) {
        let id = format!("h{g}");
        let mut all = 0;
        for i in &bids {
            if b.orders[*i].budget.is_none() && d.chance(40) {
                b.orders[*i].budget = Some(id.clone());
                all += b.orders[*i].limit.0;
            }
        }
        b.budgets.push(Budget { id, amount: Money(all * d.between(0, 10) / 8) });
    }
    b
}
