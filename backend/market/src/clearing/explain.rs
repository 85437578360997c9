//! The outcome in the words of the format: published prices and who set them, money, and for
//! every order that did not win the first reason that applies, with its numbers.
use super::behind;
use super::book::{Book, Fraction, Money, Quantity};
use super::budget_reason;
use super::cleared::Cleared;
use super::hopeless;
use super::model::Meaning;
use super::outcome::*;
use super::problem::{Market, RowKind};
use super::rational::Rat;
use super::upstream::Upstream;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const NANO_PER_MICRO: i128 = 1_000;

fn small(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX })
}

/// Exact price, the vectors around it and who set it.
struct Quote {
    price: i128,
    low: i128,
    high: i128,
    set_by: String,
}

/// What keeps the welfare under the bound: placement alone, as far as that is known. So it is where a program says so; and
/// where a search that ended has refused for want of a host, and nobody for another reason that is its own, but for
/// blocks that nobody could serve for what they pay.
fn limited_by(c: &Cleared, refused: &[Refusal]) -> Reason {
    let supply = hopeless::Supply::of(c.m);
    let is_hopeless = |id: &str| (0..c.m.orders.len()).any(|i| c.m.id(i) == id && supply.is_beyond(&c.m.orders[i]));
    let of_the_search = |r: &Refusal| match r.reason {
        Reason::SolverFallback | Reason::ParentRejected => true,
        Reason::Paradoxical => !is_hopeless(&r.order),
        _ => false,
    };
    let ended = c.exact && c.components.iter().all(|s| s.1.exact);
    let homeless = refused.iter().any(|r| r.reason == Reason::NoHostFits);
    if c.only_placement || ended && homeless && !refused.iter().any(of_the_search) {
        Reason::NoHostFits
    } else {
        Reason::SolverFallback
    }
}

pub fn outcome(c: &Cleared, book: &Book, mode: Mode) -> Outcome {
    let m = c.m;
    let quotes = quotes(c);
    let price: Vec<i128> = quotes.iter().map(|q| q.price).collect();
    let welfare = c.components.iter().fold(Rat::ZERO, |t, s| &t + &s.1.welfare);
    let bound = c.bound.clone().max(welfare.clone());
    let gap = gap(&welfare, &bound);
    let exact = gap == "0" && c.exact && c.components.iter().all(|s| s.1.exact);
    let mut awards = Vec::new();
    let mut refused = Vec::new();
    let mut bindings = binding(c, &if m.rows.is_empty() { BTreeMap::new() } else { fills(c) });
    // who has a unit less than it is owed was given up, as far as that unit goes
    let owed = |i: &&usize| c.awards.get(i).is_some_and(|f| in_the_money(m, **i, f.alternative, &price));
    for i in c.components.iter().flat_map(|part| &part.2.cut).filter(owed) {
        bindings[*i] = Some(Reason::SolverFallback);
    }
    let around = Around {
        price: &price,
        ends: [quotes.iter().map(|q| q.low).collect(), quotes.iter().map(|q| q.high).collect()],
        binding: bindings,
        beyond: budget_reason::beyond(m),
        used_up: binding(c, &BTreeMap::new()),
        dropped: c.components.iter().flat_map(|part| part.1.dropped.iter().copied()).collect(),
        reach: Upstream::new(m),
    };
    let held_down = behind::held_down(m, &price, c.components.iter().flat_map(|part| &part.2.flows));
    for i in 0..m.orders.len() {
        match c.awards.get(&i) {
            Some(f) => {
                let at_collar =
                    m.orders[i].alternatives[f.alternative].quantities.iter().any(|q| held_down.contains(&q.0));
                awards.push(award(c, i, f, &price, mode, around.binding[i], at_collar));
            }
            None => refused.push(refusal(c, i, &around)),
        }
    }
    let limited_by = (gap != "0").then(|| limited_by(c, &refused));
    let mut supply = Vec::new();
    let mut flows = Vec::new();
    for (_, solved, w) in &c.components {
        // a step that was used before rounding is told, too, as welfare counts it
        let in_parts: BTreeSet<usize> = solved
            .model
            .meaning
            .iter()
            .zip(&solved.values)
            .filter_map(|(meaning, value)| match meaning {
                Meaning::Step(e) if value.is_pos() => Some(*e),
                _ => None,
            })
            .collect();
        for (e, used) in &w.steps {
            let s = &m.steps[*e];
            if m.steps_of[s.product].iter().all(|e| w.steps[e] == 0 && !in_parts.contains(e)) {
                continue;
            }
            let p = &m.products[s.product];
            supply.push((
                s.product,
                s.index,
                SupplyUse {
                    pool: p.pool.clone(),
                    resource: p.resource.clone(),
                    slot: p.slot,
                    step: s.index,
                    used: small(*used),
                },
            ));
        }
        flows.extend(w.flows.iter().map(|(e, z)| Flow { arc: *e, flow: small(*z) }));
    }
    supply.sort_by_key(|s| (s.0, s.1));
    flows.sort_by_key(|f| f.arc);
    let mut placements: Vec<Placement> = c
        .packing
        .iter()
        .map(|((i, r, _), v)| Placement {
            order: m.id(*i).into(),
            alternative: c.awards[i].alternative,
            replica: small(*r),
            node: m.book.nodes[*v].id.clone(),
        })
        .collect();
    placements.sort();
    let mut out = Outcome {
        format: FORMAT.into(),
        mode,
        quality: if exact { Quality::Optimal } else { Quality::Fallback },
        welfare: credits(welfare.round()),
        bound: Some(credits(bound.ceil())),
        cuts: c.placement_cuts + c.components.iter().map(|s| s.1.cuts).sum::<u32>(),
        prices: m
            .products
            .iter()
            .zip(quotes)
            .map(|(p, q)| PriceRow {
                pool: p.pool.clone(),
                resource: p.resource.clone(),
                slot: p.slot,
                price: Price(small(q.price)),
                low: Some(Price(small(q.low))),
                high: Some(Price(small(q.high))),
                set_by: q.set_by,
            })
            .collect(),
        awards,
        refused,
        supply: supply.into_iter().map(|s| s.2).collect(),
        flows,
        placements,
        certificate: Some(Certificate {
            verified: false,
            gap,
            limited_by,
            input_hash: book.input_hash(),
            result_hash: String::new(),
        }),
    };
    let hash = out.result_hash();
    if let Some(c) = &mut out.certificate {
        c.result_hash = hash;
    }
    out
}

fn quotes(c: &Cleared) -> Vec<Quote> {
    let m = c.m;
    let alpha = &m.book.alpha.0;
    let nano = Rat::int(NANO_PER_MICRO);
    let mut quotes: BTreeMap<usize, Quote> = BTreeMap::new();
    for (part, s, _) in &c.components {
        for (i, &k) in part.products.iter().enumerate() {
            let exact = &s.low[i] + &(alpha * &(&s.high[i] - &s.low[i]));
            let (set_by, up) = setter(m, s, k, &exact, part, alpha);
            let publish =
                |v: &Rat| if up { (v * &nano).ceil() } else { (v * &nano).floor() }.min(m.cap[k] * NANO_PER_MICRO);
            quotes.insert(
                k,
                Quote { price: publish(&exact), low: publish(&s.low[i]), high: publish(&s.high[i]), set_by },
            );
        }
    }
    quotes.into_values().collect()
}

/// Who set a price, and whether it is rounded up (an offer's price) or down (a bid's).
fn setter(
    m: &Market,
    s: &super::search::Solved,
    k: usize,
    price: &Rat,
    part: &super::problem::Component,
    alpha: &Rat,
) -> (String, bool) {
    if s.rationed && *price == Rat::int(m.cap[k]) {
        return ("cap".into(), false);
    }
    let row = s.model.product_row[&k];
    let at: BTreeMap<usize, Rat> = part
        .products
        .iter()
        .enumerate()
        .map(|(i, p)| (s.model.product_row[p], &s.low[i] + &(alpha * &(&s.high[i] - &s.low[i]))))
        .collect();
    let mut best: Option<(u8, String, bool)> = None;
    for (j, col) in s.model.lp.cols.iter().enumerate() {
        if !col.entries.iter().any(|e| e.0 == row) || matches!(s.model.meaning[j], Meaning::Missing(_)) {
            continue;
        }
        let surplus =
            col.entries.iter().fold(col.cost.clone(), |t, (r, e)| at.get(r).map_or(t.clone(), |p| t.sub_mul(e, p)));
        if !surplus.is_zero() {
            continue;
        }
        let part_used = s.values[j] > col.lo && col.hi.as_ref().is_some_and(|h| s.values[j] < *h);
        let rank = |kind: u8| if part_used { kind } else { kind + 10 };
        let found = match &s.model.meaning[j] {
            Meaning::Step(e) => (rank(0), format!("reserve:{}", m.steps[*e].index), true),
            Meaning::Orders { members, .. } => {
                let bid = m.orders[members[0].0].bid;
                let id = m.id(members[0].0);
                if bid { (rank(1), format!("bid:{id}"), false) } else { (rank(2), format!("offer:{id}"), true) }
            }
            Meaning::Arc(e) => (rank(3), format!("arc:{e}"), false),
            Meaning::Missing(_) => continue,
        };
        if best.as_ref().is_none_or(|b| (found.0, &found.1) < (b.0, &b.1)) {
            best = Some(found);
        }
    }
    match best {
        Some((_, name, up)) => (name, up),
        None => ("none".into(), false),
    }
}

fn money(c: &Cleared, i: usize, alternative: usize, q: &[i128], price: &[i128], mode: Mode) -> i64 {
    let o = &c.m.orders[i];
    let alt = &o.alternatives[alternative];
    let nano: i128 = alt.quantities.iter().zip(q).map(|((k, _), q)| price[*k] * q).sum();
    let mut micro = (nano + NANO_PER_MICRO / 2).div_euclid(NANO_PER_MICRO);
    // a parent that its children carry pays what it costs, beyond its own limit
    let carried = o.children.iter().any(|i| c.awards.contains_key(i)) && !in_the_money(c.m, i, alternative, price);
    // in welfare mode prices carry the allocation only where there are no blocks
    let priced = mode == Mode::Market || !c.m.orders.iter().any(|o| o.block);
    if priced && !carried {
        let shares = alt.quantities.iter().zip(q).map(|((_, full), q)| Rat::ratio(*q, *full));
        let value = Rat::int(alt.value);
        micro = if o.bid {
            micro.min((&value * &shares.max().unwrap_or_default()).floor())
        } else {
            micro.max((&value * &shares.min().unwrap_or_default()).ceil())
        };
    }
    small(micro)
}

fn award(
    c: &Cleared,
    i: usize,
    f: &super::rounding::Filled,
    price: &[i128],
    mode: Mode,
    binding: Option<Reason>,
    at_collar: bool,
) -> Award {
    let m = c.m;
    let alt = &m.orders[i].alternatives[f.alternative];
    let quantities: Vec<Quantity> = alt
        .quantities
        .iter()
        .zip(&f.quantities)
        .map(|((k, _), q)| Quantity { product: m.products[*k].clone(), quantity: small(*q) })
        .collect();
    let full = all_of(&alt.quantities, &f.quantities);
    let mut digits = Rat::int(1_000_000);
    if (&f.fill * &digits).floor() == 0 {
        digits = Rat::int(1_000_000_000_000_000_000);
    }
    // an award that rounding made full is told as full, unless it lends a part of its last replica
    let lends_a_part = !m.orders[i].bid && m.orders[i].replicas.is_some() && f.fill < Rat::ONE;
    let fill =
        if full && !lends_a_part { Rat::ONE } else { Rat::ratio((&f.fill * &digits).round().max(1), digits.floor()) };
    let limited_by = if full {
        None
    } else if (f.fill >= c.upper[i][f.alternative] && c.upper[i][f.alternative] < c.own[i][f.alternative])
        || (c.cramped.contains_key(&i) && in_the_money(m, i, f.alternative, price))
    {
        Some(Reason::NoHostFits)
    } else {
        // of replicas one more may be missing at any price
        let may_be_short = at_collar || (m.orders[i].bid && m.orders[i].replicas.is_some());
        let short = may_be_short && in_the_money(m, i, f.alternative, price);
        let otherwise = if short { Reason::ForecastHeadroom } else { Reason::MarginalProrata };
        Some(binding.unwrap_or(otherwise))
    };
    Award {
        order: m.id(i).into(),
        alternative: f.alternative,
        fill: Some(Fraction(fill)),
        money: Money(money(c, i, f.alternative, &f.quantities, price, mode)),
        quantities,
        limited_by,
        binding: c.cramped.get(&i).filter(|_| limited_by == Some(Reason::NoHostFits)).map(|b| bottleneck(m, *b)),
    }
}

/// Whether nothing of what is asked for is missing.
fn all_of(asked: &[(usize, i128)], got: &[i128]) -> bool {
    asked.iter().zip(got).all(|((_, asked), got)| asked == got)
}

fn bottleneck(m: &Market, (node, product, free): (usize, usize, i128)) -> Bottleneck {
    Bottleneck {
        node: m.book.nodes[node].id.clone(),
        resource: m.products[product].resource.clone(),
        slot: m.products[product].slot,
        free: small(free),
    }
}

/// Whether an alternative gains at the published prices, however they were rounded.
fn in_the_money(m: &Market, i: usize, a: usize, price: &[i128]) -> bool {
    let (alt, bid) = (&m.orders[i].alternatives[a], m.orders[i].bid);
    let cost: i128 = alt.quantities.iter().map(|(k, q)| (price[*k] + if bid { 1 } else { -1 }) * q).sum();
    if bid { alt.value * NANO_PER_MICRO > cost } else { cost > alt.value * NANO_PER_MICRO }
}

/// What each order had of an alternative before rounding, also if that left it nothing.
fn fills(c: &Cleared) -> BTreeMap<(usize, usize), Rat> {
    let mut fills = BTreeMap::new();
    for (_, s, _) in &c.components {
        for (j, meaning) in s.model.meaning.iter().enumerate().filter(|(j, _)| s.values[*j].is_pos()) {
            let Meaning::Orders { alternative, members } = meaning else { continue };
            let fill = s.values[j].div(&s.model.units(j));
            fills.extend(members.iter().map(|(i, _)| ((*i, *alternative), fill.clone())));
        }
    }
    fills
}

/// The participant row that holds an order back, if one is tight: in whole units, or in these fills before rounding.
fn binding(c: &Cleared, fills: &BTreeMap<(usize, usize), Rat>) -> Vec<Option<Reason>> {
    let m = c.m;
    let mut out = vec![None; m.orders.len()];
    for row in &m.rows {
        let (mut used, mut before) = (Rat::ZERO, Rat::ZERO);
        for (i, a, v) in &row.terms {
            if let Some(f) = c.awards.get(i).filter(|f| f.alternative == *a) {
                // what rounding made whole is paid for and had as a whole
                let whole = all_of(&m.orders[*i].alternatives[*a].quantities, &f.quantities);
                used = &used + &if whole { v.clone() } else { v * &f.fill };
            }
            if let Some(fill) = fills.get(&(*i, *a)) {
                before = &before + &(v * fill);
            }
        }
        for (i, a, v) in &row.terms {
            let o = &m.orders[*i];
            let least = o.alternatives[*a].quantities.iter().map(|q| Rat::ratio(1, q.1)).max().unwrap_or_default();
            let step = o.replicas.map_or(least, |n| Rat::ratio(1, n));
            // one that has nothing needs room for its least fill, one that misses less than a unit for that
            let step = match c.awards.get(i) {
                Some(f) if f.alternative == *a => step.min(&Rat::ONE - &f.fill),
                Some(_) => step,
                None => step.max(o.least.clone()),
            };
            if v.is_pos() && ((&used + &(v * &step)) > row.limit || before >= row.limit) {
                let reason = match row.kind {
                    RowKind::Budget => Reason::Budget,
                    RowKind::Floor => Reason::FloorProtected,
                    RowKind::MaxSwap => Reason::ThrashLimit,
                };
                if out[*i].is_none_or(|r| reason < r) {
                    out[*i] = Some(reason);
                }
            }
        }
    }
    out
}

/// What decides which reason a refused order is told.
struct Around<'a> {
    price: &'a [i128],
    /// The prices at both ends of those that carry the outcome.
    ends: [Vec<i128>; 2],
    /// The participant row that holds each order back.
    binding: Vec<Option<Reason>>,
    /// Orders whose budget never pays for the least of them.
    beyond: BTreeSet<usize>,
    /// The row that has no room for the least of each order, as awards are in whole units.
    used_up: Vec<Option<Reason>>,
    /// Orders that the search gave up.
    dropped: BTreeSet<usize>,
    reach: Upstream<'a>,
}

fn refusal(c: &Cleared, i: usize, around: &Around) -> Refusal {
    let m = c.m;
    let Around { price, ends, binding, beyond, used_up, dropped, reach } = around;
    let o = &m.orders[i];
    // (surplus, tolerance of published prices, bundle price, alternative), all in nano-credits
    let best = o
        .alternatives
        .iter()
        .enumerate()
        .map(|(a, alt)| {
            let cost: i128 = alt.quantities.iter().map(|(k, q)| price[*k] * q).sum();
            let tol: i128 = alt.quantities.iter().map(|(_, q)| *q).sum();
            let value = alt.value * NANO_PER_MICRO;
            (if o.bid { value - cost } else { cost - value }, tol, cost, a)
        })
        .max_by_key(|b| (b.0, std::cmp::Reverse(b.3)));
    let (surplus, tol, cost, a) = best.unwrap_or((0, 0, 0, 0));
    // an alternative in the money that has a host is refused for another reason
    let unhosted = |a: usize| c.homeless[i][a];
    let pays = |a: usize, least: i128| {
        let alt = &o.alternatives[a];
        let cost: i128 = alt.quantities.iter().map(|(k, q)| price[*k] * q).sum();
        alt.value * NANO_PER_MICRO - cost > least
    };
    let homeless = o.bid && unhosted(a) && (0..o.alternatives.len()).all(|a| unhosted(a) || !pays(a, tol));
    let given_up = c.left_out.contains(&i) || dropped.contains(&i);
    // whoever was given up and would have lost at every price there could be: that says more
    let loses_at = |price: &[i128], alt: &super::problem::AltRef| {
        let (cost, tol) = alt.quantities.iter().fold((0, 0), |t, (k, q)| (t.0 + price[*k] * q, t.1 + q));
        let value = alt.value * NANO_PER_MICRO;
        (if o.bid { value - cost } else { cost - value }) < -tol
    };
    let surely = ends.iter().all(|price| o.alternatives.iter().all(|alt| loses_at(price, alt)));
    let reason = if beyond.contains(&i) {
        Reason::Budget
    } else if given_up && homeless && surplus > tol {
        // no price and no search gives it a node
        used_up[i].unwrap_or(Reason::NoHostFits)
    } else if given_up && !(surely && surplus < -tol) {
        Reason::SolverFallback
    } else if surplus < -tol {
        Reason::OutOfMoney
    } else if let Some(r) = binding[i].filter(|_| surplus > tol) {
        r
    } else if homeless && surplus > tol {
        Reason::NoHostFits
    } else if o.block && o.least.is_pos() && !reach.least_fill(i) {
        Reason::MinFillUnreachable
    } else if o.parent.is_some_and(|p| !c.awards.contains_key(&p)) {
        Reason::ParentRejected
    } else if o.block && surplus > tol {
        Reason::Paradoxical
    } else if o.block {
        Reason::TieLost
    } else if surplus > tol {
        // in the money, but the collar rations and nothing was left for it
        Reason::ForecastHeadroom
    } else {
        Reason::MarginalProrata
    };
    let short = (-surplus).max(0).div_euclid(NANO_PER_MICRO)
        + i128::from((-surplus).max(0) % NANO_PER_MICRO >= NANO_PER_MICRO / 2);
    // what is more than an amount of money can be is not told, rather than wrongly
    let told = |micro: i128| i64::try_from(micro).ok().map(Money);
    let binding = c.bottlenecks.get(&(i, a)).map(|b| bottleneck(m, *b));
    // no limit brings a bid what nobody has, or a replica that all there is does not come to
    let could_win = !o.bid || (reach.is_supplied(i, a) && reach.reaches(i, a));
    let by_price = matches!(reason, Reason::OutOfMoney | Reason::MarginalProrata) && binding.is_none() && could_win;
    Refusal {
        order: m.id(i).into(),
        reason,
        price: told((cost + NANO_PER_MICRO / 2).div_euclid(NANO_PER_MICRO)),
        shortfall: told(short),
        winning_limit: by_price.then(|| winning_limit(c, i, a, cost)).flatten(),
        binding,
    }
}

/// The limit one tick beyond what an alternative costs (a bid) or brings (an offer) at the
/// published prices, its adder included, and beyond the order's own, which was not enough although
/// a rounded price may say so; a limit is never negative.
fn winning_limit(c: &Cleared, i: usize, a: usize, cost: i128) -> Option<Money> {
    let adder = i128::from(c.m.book.orders[i].alternatives[a].adder.0);
    let own = i128::from(c.m.book.orders[i].limit.0);
    let limit = match c.m.orders[i].bid {
        true => (-(-cost).div_euclid(NANO_PER_MICRO) + adder).max(own) + 1,
        false => (cost.div_euclid(NANO_PER_MICRO) - adder).min(own) - 1,
    };
    i64::try_from(limit).ok().filter(|l| *l >= 0).map(Money)
}
