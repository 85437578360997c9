//! The printed welfare against awards and prices.
//!
//! What is printed is the welfare of the rational optimum; awards are rounded to whole units, even
//! to nothing. A band around the rounded awards would be wide, and would need to know which
//! orders rounding emptied. Prices see through rounding: of any allocation whose priced products
//! have no slack, the welfare is the sum of all surpluses, `Σ σx + Σ (π−ρ)o + Σ gain·z`, and what
//! is filled in part has a coefficient of 0 there (tested as I2, I3, I6, I9 to I11). So a fill at
//! the margin counts for nothing however it was rounded, and steps and arcs that earn something
//! were full. Only an order in the money that its own rows, its host or a collar held back is
//! known no better than its printed fill, or as under one unit where it has no award.
//!
//! Where rounding moved flows or supply so far that whole units come to something else than any of that, what is
//! printed is the nearest that they come to (`whole_welfare`), or just what they are worth.
//!
//! No printed reason has a say in it.
use super::super::outcome::Outcome;
use super::super::rational::Rat;
use super::Report;
use super::facts::{Facts, NANO_PER_CREDIT, NANO_PER_MICRO, OrderFacts};
use super::place::Hosting;
use super::{prices, rows};
use std::collections::BTreeMap;

/// What participants' own rows have used, as `rows` counts it.
type OwnRows = (rows::Changes, Vec<Rat>);

/// A sum known to lie between two numbers.
#[derive(Default)]
struct Band {
    least: Rat,
    most: Rat,
}

impl Band {
    /// Adds a coefficient times something between two numbers.
    fn add(&mut self, coefficient: &Rat, from: &Rat, to: &Rat) {
        let (a, b) = (coefficient * from, coefficient * to);
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        self.least = &self.least + &a;
        self.most = &self.most + &b;
    }

    fn widen(&mut self, by: &Rat) {
        self.least = &self.least - by;
        self.most = &self.most + by;
    }
}

/// The welfare before rounding, in nano-credits: at least and at most.
pub fn before_rounding(f: &Facts, hosting: &Hosting) -> (Rat, Rat) {
    let mut band = Band::default();
    let own = (rows::changes(f), rows::spent(f));
    let mut held: BTreeMap<Row, Held> = BTreeMap::new();
    for (i, o) in f.orders.iter().enumerate() {
        let award = f.awards[i].as_ref();
        for a in (0..o.alternatives.len()).filter(|a| award.is_none_or(|w| w.alternative == *a)) {
            let (from, to) = fills(f, hosting, &own, i, a);
            let surplus = Rat::int(f.surplus(i, a, &f.price));
            // what all of a row had before rounding is no more than the row had left
            match binding(f, &own, i, a).filter(|_| award.is_none() && surplus.is_pos() && to.is_pos()) {
                Some((row, takes)) => {
                    let held = held.entry(row).or_default();
                    held.most = &held.most + &(&surplus * &to);
                    held.ratio = held.ratio.clone().max(surplus.div(&takes));
                }
                None => band.add(&surplus, &from, &to),
            }
        }
    }
    for (row, Held { most, ratio }) in held {
        band.most = &band.most + &most.min(&ratio * &room(f, &own, row));
    }
    let moved = moved(f);
    for (k, steps) in f.steps.iter().enumerate() {
        let by = Rat::int(moved[k]);
        for (quantity, reserve, used) in steps {
            let gain = Rat::int(f.price[k] - reserve);
            carry(&mut band, &gain, &Rat::ONE, (*used, Some(*quantity)), &by);
        }
    }
    for (from, to, ratio, cost, limit, flow) in &f.arcs {
        let gain = &(&(ratio * &Rat::int(f.price[*to])) - &Rat::int(f.price[*from])) - &Rat::int(*cost);
        carry(&mut band, &gain, &(&Rat::ONE + ratio), (*flow, *limit), &Rat::int(moved[*from] + moved[*to]));
    }
    (band.least, band.most)
}

/// A row of a participant: its budget, or a workload's change of a product, by what it wins or by what it lends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Budget(usize),
    Change(usize, usize, bool),
}

/// What orders without an award that one row held back may have had before rounding, each for itself, and the most surplus
/// for what any of them takes of the row.
#[derive(Default)]
struct Held {
    most: Rat,
    ratio: Rat,
}

/// The row that holds an order back, and what a fill of 1 takes of it.
fn binding(f: &Facts, own: &OwnRows, i: usize, a: usize) -> Option<(Row, Rat)> {
    if !prices::row_binds(f, i, a, &own.0, &own.1) {
        return None;
    }
    let o = &f.orders[i];
    let in_budget = o.budget.map(|h| (Row::Budget(h), rows::hold(f, i, a)));
    let of_workload = || {
        let mut places = o.alternatives[a].iter().enumerate();
        let (_, (k, takes)) = places.find(|(place, _)| rows::is_used_up(f, i, a, *place, &own.0))?;
        Some((Row::Change(o.instance?, *k, o.bid), *takes))
    };
    let (row, takes) = if o.instance.is_none() { in_budget? } else { of_workload().filter(|_| o.budget.is_none())? };
    (takes > 0).then(|| (row, Rat::int(takes)))
}

/// What a row has left at most: with a unit, or a replica, of each of its awards, as rounding may have added that.
fn room(f: &Facts, own: &OwnRows, row: Row) -> Rat {
    let awards = f.orders.iter().zip(&f.awards).enumerate().filter_map(|(i, (o, a))| Some((i, o, a.as_ref()?)));
    match row {
        Row::Budget(h) => {
            let left = &Rat::int(i128::from(f.book.budgets[h].amount.0) * NANO_PER_MICRO) - &own.1[h];
            let members = awards.filter(|(_, o, _)| o.budget == Some(h));
            members.fold(left, |left, (i, o, a)| {
                let hold = Rat::int(rows::hold(f, i, a.alternative));
                &left + &(&under_a_unit(o, a.alternative) * &hold)
            })
        }
        Row::Change(inst, k, bid) => {
            let rows_ = &f.book.instances[inst];
            let (won, lent, _) = own.0.get(&(inst, k)).copied().unwrap_or_default();
            let net = if bid { won - lent } else { lent - won };
            let swap = rows::listed(&rows_.max_swap, &f.keys[k]).map(|most| most - net);
            let floor = rows::lendable(rows_, &f.keys[k]).filter(|_| !bid).map(|room| room + won - lent);
            let left = [swap, floor].into_iter().flatten().min().unwrap_or_default();
            let of_workload = awards.filter(|(_, o, _)| o.instance == Some(inst));
            let units = of_workload.flat_map(|(_, o, a)| {
                let at = o.alternatives[a.alternative].iter().enumerate().filter(|(_, (at, _))| *at == k);
                at.map(|(p, _)| o.unit(a.alternative, p)).collect::<Vec<_>>()
            });
            Rat::int(left.max(0) + units.sum::<i128>())
        }
    }
}

/// Adds what a step or an arc earns: it was full if that is more than the tolerance of published
/// prices, idle if it is less, and in between anything that rounding turns into what is used.
fn carry(band: &mut Band, gain: &Rat, tolerance: &Rat, (used, most): (i128, Option<i128>), by: &Rat) {
    let now = Rat::int(used);
    let full = most.map(Rat::int).filter(|m| gain > tolerance && m - &now <= *by);
    if let Some(full) = full {
        band.add(gain, &full, &full);
    } else if gain.abs() <= *tolerance {
        band.add(gain, &now, &now);
        band.widen(&(tolerance * by));
    } else if used > 0 {
        // only where a collar keeps a price from what its use costs
        band.add(gain, &(&now - by).max(Rat::ZERO), &(&now + by));
    }
}

/// By how many units at most rounding moved what the steps and arcs of each product carry.
fn moved(f: &Facts) -> Vec<i128> {
    let mut moved = vec![0; f.price.len()];
    for o in &f.orders {
        for (a, quantities) in o.alternatives.iter().enumerate() {
            quantities.iter().enumerate().for_each(|(p, (k, _))| moved[*k] += o.unit(a, p));
        }
    }
    for (from, to, ratio, _, _, _) in &f.arcs {
        moved[*from] += 1;
        moved[*to] += ratio.ceil();
    }
    moved
}

/// Between what the fill of an alternative lay before rounding.
fn fills(f: &Facts, hosting: &Hosting, own: &OwnRows, i: usize, a: usize) -> (Rat, Rat) {
    let o = &f.orders[i];
    let surplus = f.surplus(i, a, &f.price);
    let unit = under_a_unit(o, a);
    let marginal = surplus.abs() <= f.tolerance(i, a);
    let capped = || surplus > 0 && f.capped(i, a);
    match &f.awards[i] {
        // it may have been rounded up
        Some(award) if award.full && (marginal || capped() || (surplus > 0 && hosting.tight(f, i, a))) => {
            (&award.lo - &unit, award.hi.clone())
        }
        Some(award) => (award.lo.clone(), award.hi.clone()),
        // a least fill of a unit or more can't be rounded away, and no child wins alone
        None if o.least >= unit || !f.live(i) => (Rat::ZERO, Rat::ZERO),
        None => {
            // a part of a replica is nobody's share at a collar
            let held = || {
                (capped() && o.replicas.is_none())
                    || prices::row_binds(f, i, a, &own.0, &own.1)
                    || hosting.none_fits(f, i, a)
            };
            let some = marginal || (surplus > 0 && held());
            (Rat::ZERO, if some { unit } else { Rat::ZERO })
        }
    }
}

/// The welfare of the awards, supply and flows as printed, in nano-credits: at least and at most, as an order, step or arc
/// that rounding touched may have had up to a unit (or a replica) more or less before it.
pub fn of_awards(f: &Facts) -> (Rat, Rat) {
    let (mut lo, mut hi) = (Rat::ZERO, Rat::ZERO);
    for (i, o) in f.orders.iter().enumerate() {
        let signed = |a: usize| Rat::int(if o.bid { o.worth[a] } else { -o.worth[a] });
        let soft = f.soft.contains(&i);
        match &f.awards[i] {
            Some(a) => {
                let one = o.replicas.map_or(Rat::ZERO, |n| Rat::ratio(1, n));
                let from = if a.full && soft { &a.lo - &one } else { a.lo.clone() };
                let v = signed(a.alternative);
                let (x, y) = (&v * &from, &v * &a.hi);
                lo = &lo + &x.clone().min(y.clone());
                hi = &hi + &x.max(y);
            }
            None if soft => {
                let each: Vec<Rat> =
                    (0..o.alternatives.len()).map(|a| signed(a).div(&Rat::int(o.replicas.unwrap_or(1)))).collect();
                lo = &lo + &each.iter().fold(Rat::ZERO, |t, v| t.min(v.clone()));
                hi = &hi + &each.iter().fold(Rat::ZERO, |t, v| t.max(v.clone()));
            }
            None => {}
        }
    }
    for (k, steps) in f.steps.iter().enumerate() {
        for (quantity, reserve, used) in steps {
            let d = if f.lots[k] > 0 { f.lots[k] } else { i128::from(*used > 0 && used < quantity && f.parts[k] > 0) };
            lo = &lo - &Rat::int(reserve * (used + d).min(*quantity));
            hi = &hi - &Rat::int(reserve * (used - d).max(0));
        }
    }
    for (from, to, _, cost, _, flow) in &f.arcs {
        let lots = f.lots[*from].max(f.lots[*to]);
        let d = if lots > 0 { lots } else { i128::from(*flow > 0 && (f.parts[*from] > 0 || f.parts[*to] > 0)) };
        lo = &lo - &Rat::int(cost * (flow + d));
        hi = &hi - &Rat::int(cost * (flow - d).max(0));
    }
    (lo, hi)
}

/// What awards, supply and flows are worth as they are printed, in nano-credits; nothing where a bundle has not the same
/// part of all its products.
fn as_printed(f: &Facts) -> Option<Rat> {
    let mut worth = Rat::ZERO;
    for (o, a) in f.orders.iter().zip(&f.awards).filter_map(|(o, a)| Some((o, a.as_ref()?))) {
        let value = Rat::int(if o.bid { o.worth[a.alternative] } else { -o.worth[a.alternative] });
        let parts =
            || o.alternatives[a.alternative].iter().zip(&a.got).map(|((_, asked), got)| Rat::ratio(*got, *asked));
        let part = parts().min().filter(|least| parts().all(|part| part == *least))?;
        worth = &worth + &(&value * &part);
    }
    let steps = f.steps.iter().flatten().map(|(_, reserve, used)| reserve * used).sum::<i128>();
    let flows = f.arcs.iter().map(|(_, _, _, cost, _, flow)| cost * flow).sum::<i128>();
    Some(&worth - &Rat::int(steps + flows))
}

/// What whole units can have come to: that of the awards, with the parts of units that rounding gave to some orders and took
/// from others, at the margin or where something held them back.
pub fn of_whole_units(f: &Facts, hosting: &Hosting) -> (Rat, Rat) {
    let (mut lo, mut hi) = of_awards(f);
    let own = (rows::changes(f), rows::spent(f));
    for (i, o) in f.orders.iter().enumerate() {
        let award = f.awards[i].as_ref();
        for a in (0..o.alternatives.len()).filter(|a| award.is_none_or(|w| w.alternative == *a)) {
            let (from, to) = fills(f, hosting, &own, i, a);
            let value = Rat::int(if o.bid { o.worth[a] } else { -o.worth[a] });
            let part = award.map_or(to, |w| &from - &w.lo);
            let part = &value * &part;
            lo = &lo + &part.clone().min(Rat::ZERO);
            hi = &hi + &part.max(Rat::ZERO);
        }
    }
    (lo, hi)
}

/// The greatest part of an alternative that is under one unit of every product.
fn under_a_unit(o: &OrderFacts, a: usize) -> Rat {
    let unit = (0..o.alternatives[a].len()).map(|p| Rat::ratio(o.unit(a, p), o.alternatives[a][p].1)).min();
    unit.unwrap_or_default()
}

/// The printed welfare is that of the awards, and (without blocks) the prices prove it best. Returns the greatest that it
/// can have been before rounding, in nano-credits.
pub fn check(f: &Facts, out: &Outcome, priced: bool, hosting: &Hosting, r: &mut Report) -> Rat {
    let (lo, hi) = of_awards(f);
    let nano = Rat::int(NANO_PER_CREDIT);
    let printed = &out.welfare.0 * &nano;
    let micro = Rat::int(NANO_PER_MICRO);
    let (least, most) = before_rounding(f, hosting);
    // where whole units come to something else than that, the nearest that they can come to, or just what they are worth
    let whole = of_whole_units(f, hosting);
    let nearest = if whole.1 < least { Some(&whole.1) } else { Some(&whole.0).filter(|lo| **lo > most) };
    let worth = as_printed(f);
    let is_whole =
        nearest.is_some_and(|w| [Some(w), worth.as_ref()].into_iter().flatten().any(|w| (&printed - w).abs() <= micro));
    if !is_whole && (printed < &least - &micro || printed > &most + &micro) {
        r.bad(
            "WELFARE",
            "the printed welfare differs from the awards",
            &[("printed in nano-credits", &printed), ("least", &least), ("most", &most)],
        );
    }
    if let Some(b) = &out.bound
        && &b.0 * &nano < &printed - &micro
    {
        r.bad("WELFARE", "the bound is under the welfare", &[("bound", &b.0), ("welfare", &out.welfare.0)]);
    }
    let greatest = most.max(printed);
    if !priced {
        return greatest;
    }
    let (mut dual, mut tol) = (Rat::ZERO, Rat::ZERO);
    for (k, steps) in f.steps.iter().enumerate() {
        for (quantity, reserve, _) in steps {
            dual = &dual + &Rat::int((f.price[k] - reserve).max(0) * quantity);
            tol = &tol + &Rat::int(*quantity);
        }
        tol = &tol + &Rat::int(f.price[k] * (f.rounding[k] + 1));
    }
    for (from, to, ratio, cost, limit, _) in &f.arcs {
        let gain = &(&(ratio * &Rat::int(f.price[*to])) - &Rat::int(f.price[*from])) - &Rat::int(*cost);
        let most = Rat::int(limit.unwrap_or(0));
        dual = &dual + &(&gain.max(Rat::ZERO) * &most);
        tol = &tol + &(&(&Rat::ONE + ratio) * &most);
    }
    for (i, o) in f.orders.iter().enumerate() {
        let best = (0..o.alternatives.len()).map(|a| f.surplus(i, a, &f.price)).max().unwrap_or(0).max(0);
        dual = &dual + &Rat::int(best);
        tol = &tol + &Rat::int((0..o.alternatives.len()).map(|a| f.tolerance(i, a)).max().unwrap_or(0));
        if let Some(a) = f.awards[i].as_ref().filter(|a| !a.full) {
            let step = o.replicas.map_or_else(
                || o.alternatives[a.alternative].iter().map(|q| Rat::ratio(1, q.1)).max().unwrap_or_default(),
                |n| Rat::ratio(1, n),
            );
            tol = &tol + &(&Rat::int(o.worth[a.alternative].abs()) * &step);
        }
    }
    if lo > &dual + &tol {
        r.bad(
            "I7",
            "welfare above the dual bound: the awards can't be feasible",
            &[("welfare in nano-credits", &lo), ("bound", &dual)],
        );
    }
    let rows = !f.book.budgets.is_empty()
        || f.book.instances.iter().any(|i| !(i.holding.is_empty() && i.floor.is_empty() && i.max_swap.is_empty()));
    let blocks = f.orders.iter().any(|o| o.block);
    // who is in the money and could have no whole replica more gains nothing, whatever prices say
    let lumps = f.orders.iter().enumerate().any(|(i, o)| {
        let full = f.awards[i].as_ref().is_some_and(|a| a.full);
        o.replicas.is_some() && !full && f.surplus(i, 0, &f.price) > f.tolerance(i, 0)
    });
    if !rows && !blocks && !lumps && !f.fallback && f.rationed.is_empty() {
        for i in 0..f.orders.len() {
            let s = f.surplus(i, 0, &f.price);
            if s > f.tolerance(i, 0) && hosting.none_fits(f, i, 0) {
                let got = f.awards[i].as_ref().map_or(Rat::ZERO, |a| a.lo.clone());
                dual = &dual - &(&Rat::int(s) * &(&Rat::ONE - &got));
            }
        }
        if dual > &(&hi + &tol) + &micro {
            r.bad(
                "I7",
                "the prices do not prove the welfare optimal",
                &[("welfare in nano-credits", &hi), ("dual", &dual)],
            );
        }
    }
    greatest
}
