//! What rounding leaves short, or over, where nobody is at the margin goes along arcs to where somebody is: to a bid
//! that is filled in part, a step that has more, or an offer that lends more or less. It is worth nothing to anybody on its
//! way, as prices along an arc that is neither idle nor full differ by what it costs and loses.
use super::model::Meaning;
use super::problem::Component;
use super::rational::Rat;
use super::rounding::{Filled, Rounding};
use super::search::Solved;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many times what is over is moved on, by product.
const TURNS: usize = 4;

/// A way from a product to the other end of an arc.
#[derive(Clone, Copy)]
struct Way {
    arc: usize,
    /// Whether the arc leads away.
    out: bool,
}

impl Rounding<'_> {
    /// Has what a product is short of borne by bids and offers at the margin there, or moves it to the nearest one where it
    /// can be. False if nothing changed.
    pub(super) fn move_on(&mut self, k: usize, missing: i128, steps: &BTreeMap<usize, Rat>, s: &Solved) -> bool {
        if self.between(s).is_empty() {
            return false;
        }
        let short = self.yield_units(k, missing, s);
        let short = self.lend_units(k, short);
        let short = self.yield_parts(k, short, s);
        short == 0 || self.detour(k, short, steps, s) || short < missing
    }

    fn detour(&mut self, k: usize, missing: i128, steps: &BTreeMap<usize, Rat>, s: &Solved) -> bool {
        let idle = |r: &Self, e: &usize| {
            steps[e].is_pos() && r.whole.steps.get(e).copied().unwrap_or(0) < r.m.steps[*e].quantity
        };
        let bears = |r: &Self, at: usize| {
            r.m.steps_of[at].iter().any(|e| idle(r, e))
                || !r.remainders(at, false).is_empty()
                || r.lends_more(at)
                || r.marginal(at, s).iter().any(|alike| r.had(alike) > 0)
                || r.yields_parts(at, s)
        };
        let way = |r: &Self, way: Way| {
            let now = r.whole.flows[&way.arc];
            if way.out { now > 0 } else { now < r.most(way.arc) }
        };
        let Some((end, path)) = self.nearest(k, s, way, bears) else { return false };
        let mut short = missing;
        for (way, there) in path {
            self.borrow(short, way);
            short = self.supply(there, steps).max(0);
        }
        let short = self.yield_units(end, short, s);
        let short = self.lend_units(end, short);
        self.yield_parts(end, short, s);
        true
    }

    /// Moves what products have over in whole units to the nearest ones where it is of use. False if nothing moved.
    pub(super) fn use_up(&mut self, c: &Component, steps: &BTreeMap<usize, Rat>, s: &Solved) -> bool {
        if self.between(s).is_empty() {
            return false;
        }
        let mut moved = false;
        for _ in 0..TURNS {
            let mut again = false;
            for k in self.overfull(c, steps, s) {
                let units = self.over(k, steps);
                again |= units > 0 && self.send_on(k, units, c, steps, s);
            }
            if !again {
                break;
            }
            moved = true;
        }
        moved
    }

    /// The products that have more over in whole units than rounding explains, and that no price allows to.
    pub(super) fn overfull(&self, c: &Component, steps: &BTreeMap<usize, Rat>, s: &Solved) -> Vec<usize> {
        if self.between(s).is_empty() {
            return Vec::new();
        }
        let lacks = self.lacks(c, &BTreeMap::new(), steps);
        let full = c.products.iter().copied().filter(|k| !self.may_idle(*k, c, steps, s));
        full.filter(|k| -&lacks.of(*k) >= Rat::int(self.rounding(*k).max(1))).collect()
    }

    fn send_on(&mut self, k: usize, over: i128, c: &Component, steps: &BTreeMap<usize, Rat>, s: &Solved) -> bool {
        let left = self.take_units(k, over, s);
        let left = self.take_parts(k, left, s);
        let left = self.take_more(k, left, s);
        if self.lend_less(k, left) < over {
            return true;
        }
        // the part of a replica is for whoever has use for all of it
        let few = self.are_few(k, over);
        let takes = |r: &Self, at: usize| {
            let more = |alike: &&[(usize, i128)]| r.had(alike) < alike.iter().map(|a| a.1).sum();
            let keeps = |(i, p, _): (usize, usize, &Filled)| r.may_keep(i, p) > 0;
            r.may_idle(at, c, steps, s)
                || r.marginal(at, s).iter().any(more)
                || (few && r.takes_more(at, s))
                || (r.are_few(at, over) && r.users(at, false).any(keeps))
        };
        let way = |r: &Self, way: Way| {
            let now = r.whole.flows[&way.arc];
            if way.out { now < r.most(way.arc) } else { now > 0 }
        };
        let Some((end, path)) = self.nearest(k, s, way, takes) else { return false };
        let (mut at, mut over, mut any) = (k, over, false);
        for (way, there) in path {
            let moved = self.lend_on(over, way);
            any |= moved > 0;
            over = self.over(there, steps).max(0);
            at = there;
            if moved == 0 {
                break;
            }
        }
        if at == end && over > 0 {
            let left = self.take_units(end, over, s);
            let left = self.take_more(end, left, s);
            self.lend_less(end, left);
        }
        any
    }

    /// The way to the nearest product that is looked for, along arcs that are neither idle nor full.
    fn nearest(
        &self,
        k: usize,
        s: &Solved,
        open: impl Fn(&Self, Way) -> bool,
        found: impl Fn(&Self, usize) -> bool,
    ) -> Option<(usize, Vec<(Way, usize)>)> {
        let arcs = self.between(s);
        let mut from: BTreeMap<usize, Option<(usize, Way)>> = BTreeMap::from([(k, None)]);
        let mut queue = VecDeque::from([k]);
        while let Some(at) = queue.pop_front() {
            if at != k && found(self, at) {
                let (mut path, mut end) = (Vec::new(), at);
                while let Some((before, way)) = from[&end] {
                    path.push((way, end));
                    end = before;
                }
                path.reverse();
                return Some((at, path));
            }
            for arc in arcs.iter().copied() {
                let (a, out) = (&self.m.arcs[arc], self.m.arcs[arc].from == at);
                let next = if out { a.to } else { a.from };
                if (!out && a.to != at) || !open(self, Way { arc, out }) {
                    continue;
                }
                if let Entry::Vacant(entry) = from.entry(next) {
                    entry.insert(Some((at, Way { arc, out })));
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// The arcs that are neither idle nor full.
    pub(super) fn between(&self, s: &Solved) -> BTreeSet<usize> {
        let arcs = s.model.meaning.iter().zip(&s.values).filter_map(|(meaning, z)| {
            let Meaning::Arc(e) = meaning else { return None };
            (z.is_pos() && *z < Rat::int(self.most(*e))).then_some(*e)
        });
        arcs.collect()
    }

    /// Has so many units of a product from the other end of an arc.
    fn borrow(&mut self, units: i128, way: Way) {
        let (a, now) = (&self.m.arcs[way.arc], self.whole.flows[&way.arc]);
        let to = if way.out { now - units } else { now + Rat::int(units).div(&a.ratio).ceil() };
        self.whole.flows.insert(way.arc, to.clamp(0, self.most(way.arc)));
    }

    /// Leaves so many units of a product to the other end of an arc. Answers by how much its flow changed.
    fn lend_on(&mut self, units: i128, way: Way) -> i128 {
        let (a, now) = (&self.m.arcs[way.arc], self.whole.flows[&way.arc]);
        let to = if way.out { now + units } else { now - Rat::int(units).div(&a.ratio).floor() };
        let to = to.clamp(0, self.most(way.arc));
        self.whole.flows.insert(way.arc, to);
        (to - now).abs()
    }

    /// How many units of a product rounding may leave over: under one of each order that is filled in part, and of each
    /// arc along which a part of a unit arrives.
    fn rounding(&self, k: usize) -> i128 {
        let partly = self.whole.orders.iter().filter(|(i, f)| {
            let asked = &self.m.orders[**i].alternatives[f.alternative].quantities;
            asked.iter().any(|q| q.0 == k) && asked.iter().zip(&f.quantities).any(|(q, got)| q.1 != *got)
        });
        let fractional = self.whole.flows.iter().filter(|(e, z)| {
            let a = &self.m.arcs[**e];
            a.to == k && !(&a.ratio * &Rat::int(**z)).is_int()
        });
        (partly.count() + fractional.count()) as i128
    }

    /// What a product has over in whole units, with all of its steps that are in use.
    pub(super) fn over(&self, k: usize, steps: &BTreeMap<usize, Rat>) -> i128 {
        (-&self.lack(k, steps)).floor()
    }

    /// Whether a unit may be left over without harm: a step is used in part, or the product costs nothing.
    fn may_idle(&self, k: usize, c: &Component, steps: &BTreeMap<usize, Rat>, s: &Solved) -> bool {
        let part = |e: &usize| steps[e].is_pos() && steps[e] < Rat::int(self.m.steps[*e].quantity);
        self.m.steps_of[k].iter().any(part)
            || c.products.iter().position(|p| *p == k).is_none_or(|p| s.low[p].is_zero())
    }
}
