//! Whole replicas: what a part of one excuses.
use super::super::rational::Rat;
use super::facts::{Facts, OrderFacts};
use super::rows;
use std::collections::BTreeMap;

/// Won and lent of each instance and product, as `rows` counts them.
type Changes = BTreeMap<(usize, usize), (i128, i128, i128)>;

/// Whether an order in the money could have no whole replica more: of a bid because no prices at which so much
/// would be supplied leave it a gain, of an offer because nobody would take it.
pub fn fits_nobody(f: &Facts, i: usize, alternative: usize, price: &[i128], changes: &Changes) -> bool {
    let o = &f.orders[i];
    let Some(n) = o.replicas else { return false };
    let asked = o.alternatives[alternative].iter().enumerate().map(|(p, (k, _))| (*k, o.unit(alternative, p)));
    if !o.bid {
        return asked.into_iter().any(|(k, unit)| unit > takers(f, i, k, price));
    }
    let cost = asked.into_iter().try_fold(Rat::ZERO, |total, (k, unit)| {
        let at = supplied_at(f, i, k, unit, price, changes)?;
        Some(&total + &(&Rat::int(unit) * &Rat::int(at)))
    });
    let worth = Rat::int(o.worth[alternative] - f.tolerance(i, alternative));
    cost.is_none_or(|cost| &cost * &Rat::int(n) >= worth)
}

/// Whether the printed fill of an award says that a part of a replica was sold before rounding: the order is at the
/// margin then, and its own worth is the price.
pub fn has_a_part(f: &Facts, i: usize) -> bool {
    let printed = f.awards[i].as_ref().and_then(|a| a.fill.as_ref());
    printed.zip(f.orders[i].replicas).is_some_and(|(fill, n)| {
        let replicas = fill * &Rat::int(n);
        let least = (&replicas - &Rat::int(replicas.floor())).min(&Rat::int(replicas.ceil()) - &replicas);
        // printed to a millionth
        least > Rat::ratio(n, 1_000_000)
    })
}

/// The most that the alternatives of each other order come to.
fn others(f: &Facts, i: usize, of: impl Fn(usize, &OrderFacts, usize) -> i128) -> i128 {
    let orders = f.orders.iter().enumerate().filter(|(n, _)| *n != i);
    orders.map(|(n, o)| (0..o.alternatives.len()).map(|a| of(n, o, a)).max().unwrap_or(0)).sum()
}

/// What an alternative asks for of a product, and what of that was awarded.
fn asked_and_got(f: &Facts, n: usize, a: usize, k: usize) -> (i128, i128) {
    let o = &f.orders[n];
    let asked = o.alternatives[a].iter().filter(|q| q.0 == k).map(|q| q.1).sum();
    let at = o.alternatives[a].iter().position(|q| q.0 == k);
    let award = f.awards[n].as_ref().filter(|w| w.alternative == a);
    (asked, award.zip(at).map_or(0, |(w, p)| w.got[p]))
}

fn through_arcs(f: &Facts, k: usize) -> i128 {
    let mine = f.arcs.iter().filter(|a| a.0 == k || a.1 == k);
    mine.map(|a| a.4.unwrap_or_else(|| i128::from(i64::MAX))).sum()
}

/// The lowest price, from the published one on, at which so much more of a product would be there: idle supply,
/// what others offer, and what those have who gain nothing by it. `None` where not even the collar brings it.
fn supplied_at(f: &Facts, i: usize, k: usize, needed: i128, price: &[i128], changes: &Changes) -> Option<i128> {
    let mut there = vec![(price[k], f.slack[k].floor().max(0) + through_arcs(f, k))];
    there.extend(f.steps[k].iter().map(|s| (s.1, s.0 - s.2)));
    for (n, o) in f.orders.iter().enumerate().filter(|(n, _)| *n != i) {
        let mut of_order: Vec<(i128, i128)> =
            (0..o.alternatives.len()).filter_map(|a| given_at(f, n, a, k, price, changes)).collect();
        // of its alternatives one at a time: what a dearer one adds to the cheaper ones
        of_order.sort_unstable();
        let mut most = 0;
        for (at, quantity) in of_order {
            there.push((at, (quantity - most).max(0)));
            most = most.max(quantity);
        }
    }
    there.retain(|(at, quantity)| *quantity > 0 && *at <= f.cap[k]);
    there.sort_unstable();
    let mut total = 0;
    there.into_iter().find_map(|(at, quantity)| {
        total += quantity;
        (total >= needed).then_some(at.max(price[k]))
    })
}

/// From which price on another order would give what it has, or has not sold yet, of a product, and how much.
fn given_at(f: &Facts, n: usize, a: usize, k: usize, price: &[i128], changes: &Changes) -> Option<(i128, i128)> {
    let o = &f.orders[n];
    let (asked, got) = asked_and_got(f, n, a, k);
    if asked == 0 {
        return None;
    }
    let gain = f.surplus(n, a, price);
    if o.bid {
        return (gain <= f.tolerance(n, a)).then_some((price[k], got));
    }
    let quantity =
        lendable(f, n, a, changes).map_or(asked - got, |most| (asked - got).min((&most * &Rat::int(asked)).floor()));
    if gain >= -f.tolerance(n, a) {
        return Some((price[k], quantity));
    }
    // at the least if everything else that it offers fetched the collar
    let others: i128 = o.alternatives[a].iter().filter(|q| q.0 != k).map(|(other, q)| f.cap[*other] * q).sum();
    Some(((o.worth[a] - others).max(0) / asked, quantity))
}

/// The part of an offer that its instance's own rows still let it lend.
fn lendable(f: &Facts, n: usize, a: usize, changes: &Changes) -> Option<Rat> {
    let o = &f.orders[n];
    let instance = o.instance?;
    let rows = &f.book.instances[instance];
    let parts = o.alternatives[a].iter().filter_map(|(k, asked)| {
        let (won, lent, _) = changes.get(&(instance, *k)).copied().unwrap_or_default();
        let floor = rows::lendable(rows, &f.keys[*k]);
        let thrash = rows::listed(&rows.max_swap, &f.keys[*k]);
        let room = [floor, thrash].into_iter().flatten().min()?;
        Some(Rat::ratio((room + won - lent).max(0), *asked))
    });
    parts.min()
}

/// What bids are short of, and what is supplied at no gain. A bid that has all of an alternative that brings it
/// more is short of nothing.
fn takers(f: &Facts, i: usize, k: usize, price: &[i128]) -> i128 {
    let steps = f.steps[k].iter().filter(|s| price[k] - s.1 <= 1).map(|s| s.2).sum::<i128>();
    let of = |n: usize, o: &OrderFacts, a: usize| {
        let (asked, got) = asked_and_got(f, n, a, k);
        match o.bid {
            true if f.surplus(n, a, price) >= -f.tolerance(n, a) && !better_off(f, n, a, price) => asked - got,
            false if f.surplus(n, a, price).abs() <= f.tolerance(n, a) => got,
            _ => 0,
        }
    };
    steps + others(f, i, of) + through_arcs(f, k)
}

/// Whether an order has all of another alternative, and gains more by that.
fn better_off(f: &Facts, n: usize, a: usize, price: &[i128]) -> bool {
    let won = f.awards[n].as_ref().filter(|w| w.alternative != a);
    won.is_some_and(|w| {
        let full = f.orders[n].alternatives[w.alternative].iter().zip(&w.got).all(|(q, got)| q.1 == *got);
        full && f.surplus(n, w.alternative, price) > f.surplus(n, a, price) + f.tolerance(n, a)
    })
}

/// Whether an order of a group that shares what is scarce could have a whole replica more without those that
/// give it up for that having less of theirs than it.
pub fn could_have_more(f: &Facts, group: &[usize], i: usize, price: &[i128]) -> bool {
    let o = &f.orders[i];
    let Some(n) = o.replicas else { return true };
    let raised = Rat::ratio(f.awards[i].as_ref().map_or(0, |a| a.replicas) + 1, n);
    let mut at_cap = o.alternatives[0].iter().enumerate().filter(|(_, (k, _))| price[*k] >= f.cap[*k]).peekable();
    // of what comes along arcs it is not known
    at_cap.peek().is_some()
        && at_cap.all(|(p, (k, _))| {
            let spare = |j: &usize| {
                let (asked, got) = asked_and_got(f, *j, 0, *k);
                if *j == i { Rat::ZERO } else { (&Rat::int(got) - &(&raised * &Rat::int(asked))).max(Rat::ZERO) }
            };
            let idle = f.steps[*k].iter().map(|s| s.0 - s.2).sum::<i128>() + f.slack[*k].floor().max(0);
            let there = group.iter().map(spare).fold(Rat::int(idle), |t, s| &t + &s);
            Rat::int(o.unit(0, p)) <= there
        })
}
