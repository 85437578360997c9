//! What an outcome says beside its allocation: who set a price, why an order was refused, what it
//! faced. An allocation can be right and its explanations wrong; people act on the explanations.
use super::super::book::ProductKey;
use super::super::outcome::{Mode, Outcome, Reason, Refusal};
use super::super::rational::Rat;
use super::Report;
use super::facts::{Facts, NANO_PER_MICRO};
use super::upstream;
use std::collections::{BTreeMap, BTreeSet};

pub fn check(f: &Facts, out: &Outcome, mode: Mode, r: &mut Report) {
    if out.mode != mode {
        r.bad("MODE", "the outcome is of another mode than it is checked for", &[]);
    }
    let ids: BTreeMap<&str, usize> = f.orders.iter().enumerate().map(|(i, o)| (o.id.as_str(), i)).collect();
    setters(f, out, mode, &ids, r);
    for a in &out.awards {
        let Some(&i) = ids.get(a.order.as_str()) else { continue };
        let Some(award) = &f.awards[i] else { continue };
        if award.full && a.limited_by.is_some() {
            r.bad("REASON", "a full award is said to be limited", &[("order", &a.order)]);
        }
        let low = |fill: &Rat| (fill + &Rat::ratio(1, 1_000_000)) < f.orders[i].least;
        if let Some(fill) = a.fill.as_ref().filter(|fill| f.orders[i].block && low(&fill.0)) {
            r.bad("ROW6", "a printed fill under the least", &[("order", &a.order), ("fill", &fill.0)]);
        }
    }
    let hard = hard_products(f);
    for (i, x) in f.refused.iter().enumerate() {
        let Some(x) = x else { continue };
        reason(f, i, x, r);
        let mine = f.orders[i].alternatives.iter().flatten();
        if x.reason == Reason::SolverFallback && f.orders[i].divisible() && mine.clone().all(|(k, _)| !hard.contains(k))
        {
            r.bad(
                "REASON",
                "a divisible order is given up where nothing can have it lose by the prices",
                &[("order", &x.order)],
            );
        }
        if mode == Mode::Market {
            faced(f, i, x, r);
        }
    }
}

/// The order, step or arc that is said to have set a price is there, concerns the product, and neither gains nor loses at
/// the published prices: who would have traded a little more or less at another price.
fn setters(f: &Facts, out: &Outcome, mode: Mode, ids: &BTreeMap<&str, usize>, r: &mut Report) {
    let index: BTreeMap<&ProductKey, usize> = f.keys.iter().enumerate().map(|(k, key)| (key, k)).collect();
    for p in &out.prices {
        let key = ProductKey { pool: p.pool.clone(), resource: p.resource.clone(), slot: p.slot };
        let Some(&k) = index.get(&key) else { continue };
        let (kind, name) = p.set_by.split_once(':').unwrap_or((&p.set_by, ""));
        let named = match kind {
            // Another program need not say.
            "" | "none" => name.is_empty().then_some(Setter::Nobody),
            "cap" => (name.is_empty() && f.price[k] >= f.cap[k]).then_some(Setter::Nobody),
            "bid" | "offer" => ids.get(name).copied().map(Setter::Order).filter(|_| {
                let o = &f.orders[ids[name]];
                o.bid == (kind == "bid") && o.alternatives.iter().flatten().any(|q| q.0 == k)
            }),
            // nor which of the steps
            "reserve" if p.set_by == kind => Some(Setter::Step(None)),
            "reserve" => {
                name.parse().ok().filter(|step: &usize| *step < f.steps[k].len()).map(|s| Setter::Step(Some(s)))
            }
            "arc" => name
                .parse()
                .ok()
                .filter(|a: &usize| f.arcs.get(*a).is_some_and(|a| a.0 == k || a.1 == k))
                .map(Setter::Arc),
            _ => None,
        };
        let Some(named) = named else {
            r.bad(
                "PRICE",
                "nothing of this name could set the price",
                &[("product", &f.keys[k]), ("set_by", &p.set_by)],
            );
            continue;
        };
        // in welfare mode blocks leave no prices that carry the allocation
        if let Some(gain) = (mode == Mode::Market).then(|| gain_of(f, k, named)).flatten() {
            r.bad(
                "PRICE",
                "what is said to have set the price gains or loses by it",
                &[
                    ("product", &f.keys[k]),
                    ("set_by", &p.set_by),
                    ("price in nano-credits", &f.price[k]),
                    ("gain in nano-credits", &gain),
                ],
            );
        }
    }
}

/// What is said to have set a price.
#[derive(Clone, Copy)]
enum Setter {
    Nobody,
    Order(usize),
    /// A step of the reserve curve, or any of them.
    Step(Option<usize>),
    Arc(usize),
}

/// What a setter of a price gains or loses there (a step and an arc by the unit, an order in all), if that is more
/// than the rounding of published prices explains.
fn gain_of(f: &Facts, k: usize, setter: Setter) -> Option<Rat> {
    let least = |gains: &mut dyn Iterator<Item = (Rat, i128)>| {
        gains.min_by_key(|g| g.0.abs()).filter(|(gain, near)| gain.abs() > Rat::int(*near)).map(|g| g.0)
    };
    match setter {
        Setter::Nobody => None,
        Setter::Order(i) => {
            let of = |a: usize| f.orders[i].alternatives[a].iter().any(|q| q.0 == k);
            let mut alternatives = (0..f.orders[i].alternatives.len()).filter(|a| of(*a));
            least(&mut alternatives.by_ref().map(|a| (Rat::int(f.surplus(i, a, &f.price)), f.tolerance(i, a))))
        }
        Setter::Step(step) => {
            let steps = f.steps[k].iter().enumerate().filter(|(n, _)| step.is_none_or(|s| s == *n));
            least(&mut steps.map(|(_, s)| (Rat::int(f.price[k] - s.1), 1)))
        }
        Setter::Arc(a) => {
            let (from, to, ratio, cost, ..) = &f.arcs[a];
            let brought = &Rat::int(f.price[*to]) * ratio;
            let near = 1 + ratio.ceil();
            least(&mut std::iter::once((&brought - &Rat::int(f.price[*from] + cost), near)))
        }
    }
}

/// Reasons that a book alone can give, and where it is a matter of counting, those that it does.
fn reason(f: &Facts, i: usize, x: &Refusal, r: &mut Report) {
    let elsewhere = matches!(
        x.reason,
        Reason::Halted
            | Reason::Expired
            | Reason::Ineligible
            | Reason::NoVacatePath
            | Reason::InsufficientHold
            | Reason::FrozenHoldTime
    );
    if elsewhere {
        r.bad("REASON", "a reason that is given before a book is written", &[("order", &x.order)]);
    }
    if x.reason == Reason::MinFillUnreachable && upstream::surely_reached(f, i) {
        r.bad("REASON", "all that is in the book reaches the minimum fill", &[("order", &x.order)]);
    }
}

/// Products of which a divisible order may have to be given up: those of alternatives, replicas, nodes, arcs, families and
/// rows of participants, those that a collar may have to ration, and whatever orders tie to them. In all others the
/// best allocation is that of one linear program once it is known which blocks win: blocks that lose by its prices
/// go, and nothing excuses giving anybody else up.
fn hard_products(f: &Facts) -> BTreeSet<usize> {
    let with_nodes: BTreeSet<&str> = f.book.nodes.iter().map(|n| n.pool.as_str()).collect();
    let mut hard: BTreeSet<usize> =
        (0..f.keys.len()).filter(|k| with_nodes.contains(f.keys[*k].pool.as_str())).collect();
    hard.extend(f.arcs.iter().flat_map(|a| [a.0, a.1]));
    hard.extend((0..f.keys.len()).filter(|k| rationed(f, *k)));
    let rows = |n: usize| {
        let n = &f.book.instances[n];
        !(n.holding.is_empty() && n.floor.is_empty() && n.max_swap.is_empty())
    };
    let products = |i: usize| f.orders[i].alternatives.iter().flatten().map(|q| q.0);
    for (i, o) in f.orders.iter().enumerate() {
        let chooses = o.alternatives.len() > 1;
        if chooses || o.parent.is_some() || o.replicas.is_some() || o.budget.is_some() || o.instance.is_some_and(rows) {
            hard.extend(products(i));
        }
    }
    loop {
        let tied = |i: &usize| products(*i).any(|k| hard.contains(&k)) && products(*i).any(|k| !hard.contains(&k));
        let more: Vec<usize> = (0..f.orders.len()).filter(tied).flat_map(products).collect();
        if more.is_empty() {
            return hard;
        }
        hard.extend(more);
    }
}

/// Whether bids that would pay a product's collar, were all else for free, ask for more of it than can be had
/// there for sure: what an offer sells only together with something else need not be sold.
fn rationed(f: &Facts, k: usize) -> bool {
    let steps = f.steps[k].iter().filter(|s| s.1 <= f.cap[k]).map(|s| s.0).sum::<i128>();
    let sure = |o: &&super::facts::OrderFacts| {
        let one = o.alternatives.len() == 1 && o.alternatives[0].len() == 1 && o.alternatives[0][0].0 == k;
        !o.bid && one && o.worth[0] <= f.cap[k] * o.alternatives[0][0].1
    };
    let there = steps + f.orders.iter().filter(sure).map(|o| o.alternatives[0][0].1).sum::<i128>();
    let pays = |o: &super::facts::OrderFacts| {
        let of = |a: usize| o.alternatives[a].iter().filter(|q| q.0 == k).map(|q| q.1).sum::<i128>();
        (0..o.alternatives.len()).filter(|a| o.worth[*a] >= f.cap[k] * of(*a)).map(of).max().unwrap_or(0)
    };
    f.orders.iter().filter(|o| o.bid).map(pays).sum::<i128>() > there
}

/// The price and the shortfall that a refused order is told are those of one of its alternatives.
fn faced(f: &Facts, i: usize, x: &Refusal, r: &mut Report) {
    let o = &f.orders[i];
    let told = |a: usize| {
        let cost: i128 = o.alternatives[a].iter().map(|(k, q)| f.price[*k] * q).sum();
        let near = f.tolerance(i, a) + NANO_PER_MICRO;
        let short = (-f.surplus(i, a, &f.price)).max(0);
        x.price.is_none_or(|p| (i128::from(p.0) * NANO_PER_MICRO - cost).abs() <= near)
            && x.shortfall.is_none_or(|s| (i128::from(s.0) * NANO_PER_MICRO - short).abs() <= near)
    };
    if !(0..o.alternatives.len()).any(told) {
        r.bad(
            "REASON",
            "the price that a refused order is told is of none of its alternatives",
            &[
                ("order", &x.order),
                ("price in micro-credits", &x.price.map_or(0, |p| p.0)),
                ("shortfall in micro-credits", &x.shortfall.map_or(0, |s| s.0)),
            ],
        );
    }
    let other_way = |limit: i128| if o.bid { limit < o.limit } else { limit > o.limit };
    if let Some(limit) = x.winning_limit.filter(|w| other_way(i128::from(w.0) * NANO_PER_MICRO)) {
        r.bad(
            "REASON",
            "a limit is said to have won that is worse than the order's own",
            &[("order", &x.order), ("winning_limit in micro-credits", &limit.0)],
        );
    }
}
