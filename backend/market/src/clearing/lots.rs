//! Whole replicas where the linear program has parts of one.
//!
//! At the margin a part of a replica is rounded and costs its bidder nothing: its surplus is 0. In the money it
//! is not so. What holds an order back there (its own rows, a collar) leaves it a part that it can't have, that
//! would be kept from everybody, and that lenders would be paid for. So such an order is bounded by the whole
//! replicas that it was rounded to, and the program is solved again: the rest goes to others. Where in the end
//! its own rows leave it another whole replica, it gets that back, once.
//!
//! A marginal bid that is rounded down leaves what lenders gave for its part with nobody, at a price that its
//! own limit made, and a marginal offer that is rounded up lends a part that nobody buys. The rule book takes
//! that for rounding. A market has to pay for it (`whole_replicas`): there such a bid is bounded as well (the
//! price falls to what the lenders ask for), and an offer is never rounded up.
use super::carried::carry;
use super::model::Meaning;
use super::problem::{Component, Market};
use super::rational::Rat;
use super::rounding::Whole;
use super::search::Solved;
use std::collections::{BTreeMap, BTreeSet};

/// Order, alternative and the whole replicas (as a fill) that it is to be bounded by.
pub fn bounds(m: &Market, c: &Component, s: &Solved, whole: &Whole, marginal: bool) -> Vec<(usize, usize, Rat)> {
    let price: BTreeMap<usize, &Rat> = c.products.iter().copied().zip(&s.low).collect();
    let unsold = if marginal { unsold(m, whole) } else { BTreeSet::new() };
    let mut found = Vec::new();
    for (j, meaning) in s.model.meaning.iter().enumerate() {
        let Meaning::Orders { alternative, members } = meaning else { continue };
        if !s.values[j].is_pos() {
            continue;
        }
        let fill = s.values[j].div(&s.model.units(j));
        for (i, _) in members {
            let o = &m.orders[*i];
            let Some(n) = o.replicas else { continue };
            let replicas = &fill * &Rat::int(n);
            if replicas.is_int() {
                continue;
            }
            let alt = &o.alternatives[*alternative];
            let cost = alt.quantities.iter().fold(Rat::ZERO, |t, (k, q)| &t + &(price[k] * &Rat::int(*q)));
            if !o.bid {
                // at the margin it was rounded like anybody, up where its part is needed
                if !marginal && Rat::int(alt.value) == cost {
                    continue;
                }
                found.push((*i, *alternative, Rat::ratio(replicas.floor(), n)));
                continue;
            }
            let full = alt.quantities[0].1;
            let got = whole.orders.get(i).map_or(0, |f| f.quantities[0] * n / full);
            let wasted = Rat::int(got) < replicas && alt.quantities.iter().any(|(k, _)| unsold.contains(k));
            if Rat::int(alt.value) > cost || wasted {
                found.push((*i, *alternative, Rat::ratio(got, n)));
            }
        }
    }
    found
}

/// Whether less is left of each product, also of supply that costs less than its price, than a replica, or a unit, of
/// all that are filled in part.
fn is_left_over(m: &Market, c: &Component, (s, whole): (&Solved, &Whole)) -> bool {
    let mut lumps: BTreeMap<usize, Rat> = BTreeMap::new();
    for (i, f) in &whole.orders {
        let o = &m.orders[*i];
        let alternative = &o.alternatives[f.alternative];
        let is_full = alternative.quantities.iter().zip(&f.quantities).all(|((_, asked), got)| asked == got);
        for (k, asked) in alternative.quantities.iter().filter(|_| !is_full) {
            let lump = lumps.entry(*k).or_default();
            *lump = &*lump + &o.replicas.map_or(Rat::ONE, |n| Rat::ratio(*asked, n));
        }
    }
    let mut left = surplus(m, whole);
    for step in c.steps.iter().map(|e| (&m.steps[*e], whole.steps.get(e).copied().unwrap_or(0))) {
        let at = c.products.iter().position(|k| *k == step.0.product);
        if at.is_some_and(|at| s.low[at] > Rat::int(step.0.reserve)) {
            let idle = left.entry(step.0.product).or_default();
            *idle = &*idle + &Rat::int(step.0.quantity - step.1);
        }
    }
    left.iter().all(|(k, left)| !left.is_pos() || lumps.get(k).is_some_and(|lump| left < lump))
}

/// Products of which at least a unit more is lent than bought. However small that is, and whatever it is due to, a
/// bid that loses a part of a replica is not to set its price: a tolerance by order would be bought with small ones.
fn unsold(m: &Market, whole: &Whole) -> BTreeSet<usize> {
    surplus(m, whole).into_iter().filter(|(_, left)| *left >= Rat::ONE).map(|(k, _)| k).collect()
}

/// How much more of each product is lent than bought.
fn surplus(m: &Market, whole: &Whole) -> BTreeMap<usize, Rat> {
    let mut rest: BTreeMap<usize, Rat> = BTreeMap::new();
    let mut add = |k: usize, by: Rat| {
        let t = rest.entry(k).or_default();
        *t = &*t + &by;
    };
    for (i, f) in &whole.orders {
        let o = &m.orders[*i];
        for ((k, _), q) in o.alternatives[f.alternative].quantities.iter().zip(&f.quantities) {
            add(*k, Rat::int(if o.bid { -q } else { *q }));
        }
    }
    for (e, used) in &whole.steps {
        add(m.steps[*e].product, Rat::int(*used));
    }
    for (e, z) in &whole.flows {
        add(m.arcs[*e].from, Rat::int(-z));
        add(m.arcs[*e].to, &m.arcs[*e].ratio * &Rat::int(*z));
    }
    rest
}

/// What a component is told as, once orders are bounded by whole replicas.
pub enum Told {
    /// As it was solved with these bounds.
    Bounded,
    /// So, at the prices that it had before.
    AtCollar,
    /// As it was solved with parts of replicas, and what that was rounded to.
    Parts,
}

/// Which of these a component is told as.
///
/// Bounds may hide a shortage: a product was at its collar, and is under it now that bids in the money are bounded by
/// what they were rounded to. Nothing is missing then only because they may not ask for more. Not so if one of them was
/// rounded to nothing: a part of a replica is nobody's share at a collar.
///
/// `before` is the component as it was solved with parts of replicas, and what that was rounded to, `now` the same
/// with bounds; `bounded` are the orders that have one. By the `rule_book` parts are rounded wherever a collar rations
/// and nobody is rounded to nothing, also where lenders would be paid for what nobody bought, and where what is too
/// little for any replica is more to others, who would then have more than their share of what is scarce. Where
/// somebody is, those who are short keep the price at its collar.
pub fn told(
    m: &Market,
    c: &Component,
    before: (&Solved, &Whole),
    now: (&Solved, &Whole),
    bounded: &BTreeMap<(usize, usize), Option<Rat>>,
    rule_book: bool,
    parts_at_collars: bool,
) -> Told {
    let emptied = bounded.keys().any(|(i, _)| m.orders[*i].bid && !before.1.orders.contains_key(i));
    if rule_book && before.0.rationed && !emptied {
        return Told::Parts;
    }
    let hidden = hides_shortage(m, c, before.0, now.0, bounded);
    if !hidden {
        return Told::Bounded;
    }
    if rule_book {
        let carried = [&before.0.low, &before.0.high].into_iter().all(|prices| carry(m, c, prices, now.0, bounded));
        // else the parts may be rounded after all, if what those lose who are short is what rounding may leave over
        return if carried {
            Told::AtCollar
        } else if parts_at_collars && before.0.rationed && is_left_over(m, c, before) {
            Told::Parts
        } else {
            Told::Bounded
        };
    }
    let costly = worth(m, before.1) < worth(m, now.1) || !unsold(m, before.1).is_empty();
    if emptied || costly { Told::Bounded } else { Told::Parts }
}

/// Whether a product was at its collar, and is under it now though bids on it are in the money.
fn hides_shortage(
    m: &Market,
    c: &Component,
    before: &Solved,
    now: &Solved,
    bounded: &BTreeMap<(usize, usize), Option<Rat>>,
) -> bool {
    let price: BTreeMap<usize, &Rat> = c.products.iter().copied().zip(&now.low).collect();
    let fallen = |(at, k): (usize, &usize)| {
        let cap = Rat::int(m.cap[*k]);
        (before.low[at] >= cap && now.low[at] < cap).then_some(*k)
    };
    let fallen: BTreeSet<usize> = c.products.iter().enumerate().filter_map(fallen).collect();
    bounded.keys().any(|(i, a)| {
        let (o, alt) = (&m.orders[*i], &m.orders[*i].alternatives[*a]);
        let cost = alt.quantities.iter().fold(Rat::ZERO, |t, (k, q)| &t + &(price[k] * &Rat::int(*q)));
        o.bid && alt.quantities.iter().any(|(k, _)| fallen.contains(k)) && Rat::int(alt.value) > cost
    })
}

/// The welfare of integers.
fn worth(m: &Market, whole: &Whole) -> Rat {
    let mut total = Rat::ZERO;
    for (i, f) in &whole.orders {
        let (o, alt) = (&m.orders[*i], &m.orders[*i].alternatives[f.alternative]);
        let part = &Rat::int(alt.value) * &Rat::ratio(f.quantities[0], alt.quantities[0].1);
        total = if o.bid { &total + &part } else { &total - &part };
    }
    for (e, used) in &whole.steps {
        total = total.sub_mul(&Rat::int(m.steps[*e].reserve), &Rat::int(*used));
    }
    for (e, flow) in &whole.flows {
        total = total.sub_mul(&Rat::int(m.arcs[*e].cost), &Rat::int(*flow));
    }
    total
}

/// Of the orders that were bounded, `before` what they might have had, those in the money whose own rows leave
/// room for a whole replica more, or that have none and could have it of what is idle, with their new bounds.
pub fn room(
    m: &Market,
    c: &Component,
    s: &Solved,
    before: &BTreeMap<(usize, usize), Option<Rat>>,
) -> Vec<(usize, usize, Rat)> {
    let price: BTreeMap<usize, &Rat> = c.products.iter().copied().zip(&s.low).collect();
    let mut fills: BTreeMap<(usize, usize), Rat> = BTreeMap::new();
    for (j, meaning) in s.model.meaning.iter().enumerate() {
        if let Meaning::Orders { alternative, members } = meaning {
            let fill = s.values[j].div(&s.model.units(j));
            fills.extend(members.iter().map(|(i, _)| ((*i, *alternative), fill.clone())));
        }
    }
    let (mut found, mut idle) = (Vec::new(), idle(m, c, s));
    for ((i, a), most) in before.iter().filter(|(k, _)| fills.contains_key(k)) {
        let Some(most) = most else { continue };
        let o = &m.orders[*i];
        let (Some(n), alt, fill) = (o.replicas, &o.alternatives[*a], &fills[&(*i, *a)]) else { continue };
        let cost = alt.quantities.iter().fold(Rat::ZERO, |t, (k, q)| &t + &(price[k] * &Rat::int(*q)));
        if !o.bid || Rat::int(alt.value) <= cost {
            continue;
        }
        let mut more = most - fill;
        if o.rows.is_empty() {
            // a shortage that is over held it back
            let there = alt.quantities.iter().map(|(k, q)| idle[k].div(&Rat::int(*q))).min();
            more = more.min(there.unwrap_or_default());
        }
        for r in &o.rows {
            let row = &m.rows[*r];
            let used = row
                .terms
                .iter()
                .fold(Rat::ZERO, |t, (i, a, v)| fills.get(&(*i, *a)).map_or(t.clone(), |f| &t + &(v * f)));
            for (_, _, v) in row.terms.iter().filter(|t| (t.0, t.1) == (*i, *a) && t.2.is_pos()) {
                more = more.min((&row.limit - &used).div(v));
            }
        }
        let whole = (&more * &Rat::int(n)).floor();
        if whole > 0 {
            let part = Rat::ratio(whole, n);
            for (k, q) in &alt.quantities {
                let left = idle[k].sub_mul(&part, &Rat::int(*q));
                idle.insert(*k, left);
            }
            found.push((*i, *a, fill + &part));
        }
    }
    found
}

/// What of each product nobody has: supply within its collar, and offers of it alone.
fn idle(m: &Market, c: &Component, s: &Solved) -> BTreeMap<usize, Rat> {
    let mut idle: BTreeMap<usize, Rat> = c.products.iter().map(|k| (*k, Rat::ZERO)).collect();
    for ((meaning, col), x) in s.model.meaning.iter().zip(&s.model.lp.cols).zip(&s.values) {
        let left = &col.hi.clone().unwrap_or_default() - x;
        let (k, of_one, ask) = match meaning {
            Meaning::Step(e) => (m.steps[*e].product, Rat::ONE, Rat::int(m.steps[*e].reserve)),
            Meaning::Orders { alternative, members } => {
                let o = &m.orders[members[0].0];
                let [(k, _)] = o.alternatives[*alternative].quantities[..] else { continue };
                let [(_, entry)] = &col.entries[..] else { continue };
                if o.bid || o.block {
                    continue;
                }
                (k, -entry, (-&col.cost).div(&-entry))
            }
            Meaning::Arc(_) | Meaning::Missing(_) => continue,
        };
        if ask <= Rat::int(m.cap[k]) {
            let rest = &idle[&k] + &(&left * &of_one);
            idle.insert(k, rest);
        }
    }
    idle
}
