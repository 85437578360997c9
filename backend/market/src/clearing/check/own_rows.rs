//! What a participant's own rows (a budget, a thrash limit, a floor) leave to its orders goes to those that gain most by it
//! at the prices: else some order in the money is kept out by one that is worth less.
//!
//! Deliberately absent: orders in replicas under a thrash limit or a floor, whose best choice would need a search.
use super::super::rational::Rat;
use super::facts::{AwardFacts, Facts};
use super::rows::{self, Changes};

/// One that is served before an order which a row of its participant keeps out, and gains less by it; and what that is called.
pub fn served_before(
    f: &Facts,
    i: usize,
    alternative: usize,
    price: &[i128],
    changes: &Changes,
) -> Option<(usize, &'static str)> {
    let in_budget = of_budget(f, i, alternative, price);
    let in_budget = in_budget.map(|j| (j, "a budget is spent on less surplus than it could earn"));
    let of_workload = || of_instance(f, i, alternative, price, changes);
    in_budget.or_else(|| of_workload().map(|j| (j, "a workload's own rows go to an order that gains less by them")))
}

/// Under one budget, no order with less surplus per credit held is served before this one.
fn of_budget(f: &Facts, i: usize, alternative: usize, price: &[i128]) -> Option<usize> {
    let h = f.orders[i].budget.filter(|_| f.orders[i].instance.is_none())?;
    let mine = Rat::ratio(
        f.surplus(i, alternative, price) - f.tolerance(i, alternative),
        rows::hold(f, i, alternative).max(1),
    );
    // what it could have of the budget has to be enough for a replica of it
    let least = Rat::ratio(rows::hold(f, i, alternative), f.orders[i].replicas.unwrap_or(i128::MAX));
    let group = |j: &usize| *j != i && f.orders[*j].budget == Some(h);
    let held =
        |j: usize| f.awards[j].as_ref().map_or(Rat::ZERO, |a| &a.hi * &Rat::int(rows::hold(f, j, a.alternative)));
    let amount = Rat::int(i128::from(f.book.budgets[h].amount.0) * super::facts::NANO_PER_MICRO);
    let own = f.awards[i].as_ref().map_or(Rat::ZERO, |a| &a.hi * &Rat::int(rows::hold(f, i, a.alternative)));
    let taken = |j: &usize| {
        let theirs = f.awards[*j].as_ref().map(|a| f.surplus(*j, a.alternative, price));
        theirs.is_some_and(|s| Rat::ratio(s, rows::hold(f, *j, 0).max(1)) >= mine)
    };
    let better = (0..f.orders.len()).filter(group).filter(taken).fold(own, |t, j| &t + &held(j));
    if f.orders[i].replicas.is_some() && &better + &least > amount {
        return None;
    }
    for (j, a) in f.awards.iter().enumerate() {
        let Some(a) = a.as_ref().filter(|_| j != i && f.orders[j].budget == Some(h) && f.orders[j].divisible()) else {
            continue;
        };
        let theirs = Rat::ratio(
            f.surplus(j, a.alternative, price) + f.tolerance(j, a.alternative),
            rows::hold(f, j, a.alternative).max(1),
        );
        // an award of less than a unit's rounding proves nothing
        let real = f.orders[j].alternatives[a.alternative]
            .iter()
            .zip(&a.got)
            .enumerate()
            .all(|(p, (_, g))| *g > f.orders[j].unit(a.alternative, p));
        if real && theirs < mine {
            return Some(j);
        }
    }
    None
}

/// Under the thrash limits and the floor of one workload, no order of the same side with less surplus per unit of what binds
/// is served before this one. Both are divisible, in units, and in no budget.
fn of_instance(f: &Facts, i: usize, alternative: usize, price: &[i128], changes: &Changes) -> Option<usize> {
    let o = &f.orders[i];
    let inst = o.instance.filter(|_| o.budget.is_none() && o.divisible() && o.replicas.is_none() && f.single(i))?;
    // at a collar everybody has a share, and lending what is won at once is another matter
    let plain = |j: usize, a: usize| {
        f.orders[j].alternatives[a].iter().all(|(k, _)| {
            let (won, lent, _) = changes.get(&(inst, *k)).copied().unwrap_or_default();
            price[*k] < f.cap[*k] && f.scarce[*k].is_empty() && (won == 0 || lent == 0)
        })
    };
    let places = o.alternatives[alternative].iter().enumerate();
    let used_up = places.filter(|(place, _)| rows::is_used_up(f, i, alternative, *place, changes));
    let bound: Vec<(usize, i128)> = used_up.map(|(_, takes)| *takes).collect();
    if bound.is_empty() || !plain(i, alternative) {
        return None;
    }
    let mine = Rat::int(f.surplus(i, alternative, price) - f.tolerance(i, alternative));
    let gains_less = |j: usize, a: &AwardFacts| {
        let other = &f.orders[j];
        let theirs = f.surplus(j, a.alternative, price) + f.tolerance(j, a.alternative);
        // what of the other has to go for all of this one, by the row that asks for most
        let parts = bound.iter().map(|(k, q)| {
            let takes = other.alternatives[a.alternative].iter().find(|(at, _)| at == k)?.1;
            (takes > 0).then(|| Rat::ratio(*q, takes))
        });
        let part = parts.collect::<Option<Vec<_>>>().and_then(|parts| parts.into_iter().max());
        part.is_some_and(|part| &Rat::int(theirs.max(0)) * &part < mine)
    };
    f.awards.iter().enumerate().find_map(|(j, a)| {
        let other = &f.orders[j];
        let a = a.as_ref().filter(|_| j != i && other.instance == Some(inst) && other.bid == o.bid)?;
        let alike = f.single(j)
            && other.divisible()
            && other.replicas.is_none()
            && other.budget.is_none()
            && plain(j, a.alternative);
        // an award of less than a unit's rounding proves nothing
        let real = a.got.iter().enumerate().all(|(p, got)| *got > other.unit(a.alternative, p));
        (alike && real && gains_less(j, a)).then_some(j)
    })
}
