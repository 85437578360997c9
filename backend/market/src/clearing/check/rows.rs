//! The rows: balance, floors, thrash limits, least fills, links and budgets.
use super::super::book::{Instance, ProductKey, Quantity};
use super::super::outcome::Reason;
use super::super::rational::Rat;
use super::Report;
use super::facts::{Facts, NANO_PER_MICRO};
use std::collections::BTreeMap;

/// The quantity that an instance lists for a product.
pub fn listed(rows: &[Quantity], k: &ProductKey) -> Option<i128> {
    rows.iter().find(|q| q.product == *k).map(|q| i128::from(q.quantity))
}

/// What an instance may lend of a product, net of what it wins.
pub fn lendable(inst: &Instance, k: &ProductKey) -> Option<i128> {
    let (holding, floor) = (listed(&inst.holding, k), listed(&inst.floor, k));
    (holding.is_some() || floor.is_some()).then(|| (holding.unwrap_or(0) - floor.unwrap_or(0)).max(0))
}

/// Won and lent of each instance and product, and the units its partly filled orders round to.
pub type Changes = BTreeMap<(usize, usize), (i128, i128, i128)>;

/// Whether a row of an order's workload leaves no unit more of the product at a place of one of its alternatives.
pub fn is_used_up(f: &Facts, i: usize, alternative: usize, place: usize, changes: &Changes) -> bool {
    let o = &f.orders[i];
    let Some(inst) = o.instance else { return false };
    let (rows, k) = (&f.book.instances[inst], o.alternatives[alternative][place].0);
    let (won, lent, partial) = changes.get(&(inst, k)).copied().unwrap_or_default();
    let unit = o.unit(alternative, place).max(partial);
    let floor = !o.bid && lendable(rows, &f.keys[k]).is_some_and(|room| room + won - lent < unit);
    let net = if o.bid { won - lent } else { lent - won };
    floor || listed(&rows.max_swap, &f.keys[k]).is_some_and(|most| most - net < unit)
}

pub fn changes(f: &Facts) -> Changes {
    let mut t = Changes::new();
    for (o, a) in f.orders.iter().zip(&f.awards) {
        if let (Some(inst), Some(a)) = (o.instance, a) {
            for (p, ((k, _), g)) in o.alternatives[a.alternative].iter().zip(&a.got).enumerate() {
                let e = t.entry((inst, *k)).or_default();
                *(if o.bid { &mut e.0 } else { &mut e.1 }) += g;
                e.2 += if a.full { 0 } else { o.unit(a.alternative, p) };
            }
        }
    }
    t
}

/// What a fill of 1 takes of a bid's budget: its limit, or its bundle at the caps.
pub fn hold(f: &Facts, i: usize, alternative: usize) -> i128 {
    let o = &f.orders[i];
    o.limit.min(o.alternatives[alternative].iter().map(|(k, q)| f.cap[*k] * q).sum())
}

/// The least part of an alternative that an order can have: a unit of all of it or a replica, and its least fill.
pub fn least(f: &Facts, i: usize, alternative: usize) -> Rat {
    unit(f, i, alternative).max(f.orders[i].least.clone())
}

/// A unit of everything in an alternative, or a replica, as a part of all of it.
pub fn unit(f: &Facts, i: usize, alternative: usize) -> Rat {
    let o = &f.orders[i];
    let unit = o.alternatives[alternative].iter().map(|q| Rat::ratio(1, q.1)).max().unwrap_or_default();
    o.replicas.map_or(unit, |n| Rat::ratio(1, n))
}

/// The limit value of the fills under each budget.
pub fn spent(f: &Facts) -> Vec<Rat> {
    let mut spent = vec![Rat::ZERO; f.book.budgets.len()];
    for (i, a) in f.awards.iter().enumerate() {
        if let (Some(h), Some(a)) = (f.orders[i].budget, a) {
            spent[h] = &spent[h] + &(&a.lo * &Rat::int(hold(f, i, a.alternative)));
        }
    }
    spent
}

/// What rows have room for beyond what is awarded: what orders without all of what they ask for may have been rounded by.
pub struct Room {
    changes: Changes,
    /// What is left of each budget, and by how much its members may have been rounded.
    budgets: Vec<(Rat, Rat)>,
    /// Units that the orders of an instance on a product may have been rounded by.
    units: BTreeMap<(usize, usize), i128>,
}

impl Room {
    pub fn of(f: &Facts) -> Room {
        let spent = spent(f);
        let mut budgets: Vec<(Rat, Rat)> =
            (0..spent.len()).map(|budget| (surely_left(f, budget, &spent), Rat::ZERO)).collect();
        let mut units = BTreeMap::new();
        for (i, o) in f.orders.iter().enumerate().filter(|(i, _)| !f.awards[*i].as_ref().is_some_and(|a| a.full)) {
            for (a, alternative) in o.alternatives.iter().enumerate() {
                if let Some(inst) = o.instance {
                    for (p, (k, _)) in alternative.iter().enumerate() {
                        *units.entry((inst, *k)).or_default() += o.unit(a, p);
                    }
                }
                if let Some(budget) = o.budget {
                    let step = alternative.iter().map(|q| Rat::ratio(1, q.1)).max().unwrap_or_default();
                    let step = o.replicas.map_or(step.clone(), |n| step.max(Rat::ratio(1, n)));
                    let rounded = &mut budgets[budget].1;
                    *rounded = &*rounded + &(&step * &Rat::int(hold(f, i, a)));
                }
            }
        }
        Room { changes: changes(f), budgets, units }
    }

    /// Whether a row of this kind may be why an order has no more: not if the least that it could have beside what it has
    /// fits, however others were rounded.
    pub fn may_refuse(&self, f: &Facts, i: usize, reason: Reason) -> bool {
        let o = &f.orders[i];
        let step = |a: usize| if f.awards[i].is_some() { unit(f, i, a) } else { least(f, i, a) };
        if reason == Reason::Budget {
            let of_budget = |(left, rounded): &(Rat, Rat)| {
                (0..o.alternatives.len()).any(|a| *left <= &(&step(a) * &Rat::int(hold(f, i, a))) + rounded)
            };
            return o.budget.is_some_and(|budget| of_budget(&self.budgets[budget]));
        }
        let Some(inst) = o.instance else { return false };
        let rows = &f.book.instances[inst];
        let asked = o.alternatives.iter().enumerate().flat_map(|(a, asked)| asked.iter().map(move |q| (a, q)));
        asked.into_iter().any(|(a, (k, quantity))| {
            let (won, lent, _) = self.changes.get(&(inst, *k)).copied().unwrap_or_default();
            let net = if o.bid { won - lent } else { lent - won };
            let most = match reason {
                Reason::FloorProtected if o.bid => None,
                Reason::FloorProtected => lendable(rows, &f.keys[*k]),
                _ => listed(&rows.max_swap, &f.keys[*k]),
            };
            let rounded = self.units.get(&(inst, *k)).copied().unwrap_or_default();
            let step = &step(a) * &Rat::int(*quantity);
            most.is_some_and(|most| Rat::int(most - net - rounded) < step)
        })
    }
}

/// What is surely left of a budget, as printed fills have six digits: a little less than the amount less what is `spent`.
pub fn surely_left(f: &Facts, budget: usize, spent: &[Rat]) -> Rat {
    let half = Rat::ratio(1, 2_000_000);
    let left = &Rat::int(i128::from(f.book.budgets[budget].amount.0) * NANO_PER_MICRO) - &spent[budget];
    let members = f.awards.iter().enumerate().filter(|(i, _)| f.orders[*i].budget == Some(budget));
    members.filter_map(|(i, a)| Some((i, a.as_ref().filter(|a| !a.full)?))).fold(left, |left, (i, a)| {
        let Some(fill) = &a.fill else { return left };
        let most = a.hi.clone().min(fill + &half);
        left.sub_mul(&(&most - &a.lo).max(Rat::ZERO), &Rat::int(hold(f, i, a.alternative)))
    })
}

pub fn check(f: &Facts, r: &mut Report) {
    for (k, s) in f.slack.iter().enumerate() {
        if s.is_neg() {
            r.bad("ROW1", "more is taken than supplied", &[("product", &f.keys[k]), ("missing", &-s)]);
        }
    }
    for ((inst, k), (won, lent, _)) in changes(f) {
        let inst = &f.book.instances[inst];
        if let Some(room) = lendable(inst, &f.keys[k])
            && lent > 0
            && lent - won > room
        {
            r.bad(
                "ROW4",
                "an instance lends below its floor",
                &[("instance", &inst.id), ("product", &f.keys[k]), ("lent", &lent), ("won", &won), ("may lend", &room)],
            );
        }
        if let Some(most) = listed(&inst.max_swap, &f.keys[k])
            && (won - lent).abs() > most
        {
            r.bad(
                "ROW5",
                "a change above max_swap",
                &[("instance", &inst.id), ("product", &f.keys[k]), ("change", &(won - lent)), ("max_swap", &most)],
            );
        }
    }
    for (o, a) in f.orders.iter().zip(&f.awards) {
        let Some(a) = a.as_ref().filter(|a| o.least.is_pos() && !a.full) else {
            continue;
        };
        for ((_, asked), got) in o.alternatives[a.alternative].iter().zip(&a.got) {
            let due = &o.least * &Rat::int(*asked);
            let got_ = Rat::int(*got);
            let under = if o.replicas.is_some() || o.least == Rat::ONE { got_ < due } else { got_ <= &due - &Rat::ONE };
            if under {
                r.bad(
                    "ROW6",
                    "filled below min_fill",
                    &[("order", &o.id), ("awarded", got), ("asked", asked), ("min_fill", &o.least)],
                );
                break;
            }
        }
    }
    let orphans = f.orders.iter().enumerate().filter(|(i, _)| f.awards[*i].is_some() && !f.live(*i));
    for o in orphans.map(|x| x.1) {
        let parent = o.parent.map_or("", |p| f.orders[p].id.as_str());
        r.bad("ROW6", "a child is awarded without its parent", &[("order", &o.id), ("parent", &parent)]);
    }
    let mut paid = vec![0_i128; f.book.budgets.len()];
    for (o, a) in f.orders.iter().zip(&f.awards) {
        if let (Some(h), Some(a)) = (o.budget, a) {
            paid[h] += a.money;
        }
    }
    for (h, s) in spent(f).iter().enumerate() {
        let amount = i128::from(f.book.budgets[h].amount.0) * NANO_PER_MICRO;
        if *s > Rat::int(amount) || paid[h] > amount {
            r.bad(
                "ROW7",
                "a budget is exceeded",
                &[("budget", &f.book.budgets[h].id), ("limit value", s), ("paid", &paid[h]), ("amount", &amount)],
            );
        }
    }
}
