//! What is given up is not nothing: where orders that a search gave up could surely have had something, the printed
//! bound has to be above the welfare by all that this is worth.
//!
//! One of them, surely: a unit (or a replica) of everything that it asks for is idle at the operator's, or had by a
//! divisible bid of that product alone which is worth less, there is room for it on a node, it is worth more than that,
//! and no row of its own holds the order back. All of them together: what is idle at the operator's and on the nodes,
//! handed out one by one, those of most value first.
use super::super::outcome::{Outcome, Reason};
use super::super::rational::Rat;
use super::Report;
use super::facts::{Facts, NANO_PER_CREDIT, NANO_PER_MICRO};
use super::place::Hosting;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Welfare and bound are rounded to a micro-credit each.
const ROUNDED: i128 = 3 * NANO_PER_MICRO;

pub fn check(f: &Facts, out: &Outcome, hosting: &Hosting, r: &mut Report) {
    let Some(bound) = &out.bound else { return };
    let printed = &(&bound.0 - &out.welfare.0) * &Rat::int(NANO_PER_CREDIT);
    let missed = |gain: &Rat| *gain > Rat::int(ROUNDED) && printed < gain - &Rat::int(ROUNDED);
    let given_up: Vec<usize> = (0..f.orders.len()).filter(|i| is_given_up(f, *i)).collect();
    for i in &given_up {
        let Some(gain) = gain_alone(f, *i, hosting).filter(missed) else { continue };
        r.bad(
            "I7",
            "an order is given up that could have been served, and the bound leaves it out",
            &[("order", &f.orders[*i].id), ("gain in nano-credits", &gain), ("bound", &bound.0)],
        );
        return;
    }
    let gain = gain_together(f, &given_up, hosting);
    if missed(&gain) {
        r.bad(
            "I7",
            "orders are given up that could have been served together, and the bound leaves them out",
            &[("orders", &given_up.len()), ("gain in nano-credits", &gain), ("bound", &bound.0)],
        );
    }
}

/// A divisible bid that the search gave up, and that nothing but prices, supply and nodes holds back.
fn is_given_up(f: &Facts, i: usize) -> bool {
    let o = &f.orders[i];
    let thrash = o.instance.is_some_and(|n| !f.book.instances[n].max_swap.is_empty());
    let free = o.divisible() && f.single(i) && o.bid && o.budget.is_none() && !thrash;
    free && f.refused[i].is_some_and(|x| x.reason == Reason::SolverFallback)
}

/// What the least part of an order would have added.
fn gain_alone(f: &Facts, i: usize, hosting: &Hosting) -> Option<Rat> {
    let o = &f.orders[i];
    let asked = &o.alternatives[0];
    let most = asked.iter().map(|q| q.1).max().unwrap_or(1);
    let part = Rat::ratio(1, o.replicas.unwrap_or(most));
    // the cheapest supply that has enough of it left, or the winner that would miss it least
    let cost = asked.iter().try_fold(Rat::ZERO, |total, (k, q)| {
        let needed = &part * &Rat::int(*q);
        let idle = f.steps[*k].iter().filter(|s| Rat::int(s.0 - s.2) >= needed).map(|s| Rat::int(s.1));
        let least = idle.chain(winners(f, *k, &needed)).min()?;
        Some(&total + &(&needed * &least))
    });
    let gain = &(&Rat::int(o.worth[0]) * &part) - &cost?;
    (!hosting.none_fits(f, i, 0)).then_some(gain)
}

/// What a unit is worth to the divisible bids that won enough of this product, and of nothing else.
fn winners<'a>(f: &'a Facts, product: usize, needed: &'a Rat) -> impl Iterator<Item = Rat> + 'a {
    f.awards.iter().enumerate().filter_map(move |(i, award)| {
        let (o, award) = (&f.orders[i], award.as_ref()?);
        let [(k, quantity)] = o.alternatives[award.alternative][..] else { return None };
        let [got] = award.got[..] else { return None };
        let frees = o.bid && o.divisible() && f.single(i) && o.replicas.is_none() && k == product;
        (frees && Rat::int(got) >= *needed).then(|| Rat::ratio(o.worth[award.alternative], quantity))
    })
}

/// What these orders would have added together, at the least.
fn gain_together(f: &Facts, given_up: &[usize], hosting: &Hosting) -> Rat {
    let idle = |steps: &Vec<(i128, i128, i128)>| steps.iter().map(|s| (s.1, Rat::int(s.0 - s.2))).collect();
    let mut rest = Rest { idle: f.steps.iter().map(idle).collect(), room: hosting.room(f) };
    for (steps, rounding) in rest.idle.iter_mut().zip(&f.rounding) {
        steps.sort();
        // what rounding left over is in the welfare already
        take(steps, &Rat::int(*rounding));
    }
    let mut by_worth = given_up.to_vec();
    by_worth.sort_by_key(|i| (Reverse(f.orders[*i].worth[0]), *i));
    by_worth.into_iter().map(|i| rest.serve(f, i, hosting)).fold(Rat::ZERO, |sum, gain| &sum + &gain)
}

/// What nobody has: of each product by what a unit costs, and on each node.
struct Rest {
    idle: Vec<Vec<(i128, Rat)>>,
    room: Vec<BTreeMap<usize, Rat>>,
}

impl Rest {
    /// Gives an order as much as there is, if that is worth it; what it gains.
    fn serve(&mut self, f: &Facts, i: usize, hosting: &Hosting) -> Rat {
        let o = &f.orders[i];
        let asked = &o.alternatives[0];
        let supplied = asked.iter().map(|(k, q)| {
            let there = self.idle[*k].iter().fold(Rat::ZERO, |sum, step| &sum + &step.1);
            there.div(&Rat::int(*q))
        });
        let mut part = supplied.min().unwrap_or_default().min(Rat::ONE);
        let mut nodes = Vec::new();
        for candidates in hosting.hosts_of(f, i) {
            let reach = |v: &usize| {
                let here = asked.iter().filter_map(|(k, q)| Some(self.room[*v].get(k)?.div(&Rat::int(*q))));
                here.min().unwrap_or_default()
            };
            let best = candidates.into_iter().map(|v| (reach(&v), v)).max_by(|a, b| a.0.cmp(&b.0));
            let Some((reach, v)) = best else { return Rat::ZERO };
            part = part.min(reach);
            nodes.push(v);
        }
        if let Some(n) = o.replicas {
            part = Rat::ratio((&part * &Rat::int(n)).floor(), n);
        }
        if !part.is_pos() {
            return Rat::ZERO;
        }
        let mut idle = self.idle.clone();
        let costs = asked.iter().map(|(k, q)| take(&mut idle[*k], &(&part * &Rat::int(*q))));
        let cost = costs.fold(Rat::ZERO, |sum, cost| &sum + &cost);
        let gain = &(&part * &Rat::int(o.worth[0])) - &cost;
        if !gain.is_pos() {
            return Rat::ZERO;
        }
        self.idle = idle;
        for v in nodes {
            for (k, q) in asked {
                if let Some(room) = self.room[v].get_mut(k) {
                    *room = room.sub_mul(&part, &Rat::int(*q));
                }
            }
        }
        gain
    }
}

/// Takes so much of what is cheapest, as far as it goes; what that costs.
fn take(steps: &mut [(i128, Rat)], quantity: &Rat) -> Rat {
    let (mut left, mut cost) = (quantity.clone(), Rat::ZERO);
    for (price, there) in steps {
        let taken = left.clone().min(there.clone());
        *there = &*there - &taken;
        left = &left - &taken;
        cost = &cost + &(&Rat::int(*price) * &taken);
    }
    cost
}
