//! Rounding of what arcs carry. A flow is rounded down or up so that no bid falls short of its floor
//! where some rounding avoids it; a unit more is taken where it comes from, less than one arrives.
use super::branch::Solved;
use super::model::Meaning;
use super::problem::Component;
use super::rational::Rat;
use super::round::Rounding;
use std::collections::BTreeMap;

/// How many moves of one flow are tried before the rounding is left as it is, by arc.
const MOVES: usize = 4;

impl Rounding<'_> {
    /// Rounds the flows (given by arc), with bids at their floors and everybody lending what they may: first from
    /// whole units down, and where that leaves something short, from whole units up, as what is missing at the
    /// end of several arcs is missing on all of them.
    pub(super) fn flow(&mut self, c: &Component, flows: &BTreeMap<usize, Rat>, steps: &BTreeMap<usize, Rat>) {
        let down: BTreeMap<usize, i128> = flows.iter().map(|(e, z)| (*e, z.floor())).collect();
        self.whole.flows = down;
        if flows.values().all(Rat::is_int) {
            return;
        }
        let lendable = self.lendable();
        let short = self.round_flows(c, flows, steps, &lendable, 0);
        if short.is_zero() {
            return;
        }
        let up = |(e, z): (&usize, &Rat)| (*e, z.ceil().min(self.m.arcs[*e].limit.unwrap_or(i128::MAX)));
        let up = flows.iter().map(up).collect();
        let from_below = std::mem::replace(&mut self.whole.flows, up);
        if self.round_flows(c, flows, steps, &lendable, 1) >= short {
            self.whole.flows = from_below;
        }
    }

    /// Moves flows by a unit as long as less is short for it, and answers what is short in the end. A flow stays
    /// between its whole units, or so many above.
    fn round_flows(
        &mut self,
        c: &Component,
        flows: &BTreeMap<usize, Rat>,
        steps: &BTreeMap<usize, Rat>,
        lendable: &BTreeMap<usize, i128>,
        above: i128,
    ) -> Rat {
        let missing = |r: &Rounding| -> BTreeMap<usize, Rat> {
            let lacks = c.products.iter().map(|k| (*k, r.lack(*k, lendable, steps)));
            lacks.filter(|(_, lack)| lack.is_pos()).collect()
        };
        let total = |lacks: &BTreeMap<usize, Rat>| lacks.values().fold(Rat::ZERO, |t, l| &t + l);
        let mut lacks = missing(self);
        for _ in 0..MOVES * flows.len() {
            if lacks.is_empty() {
                break;
            }
            // the move that leaves least short; an arc's number decides between equals
            let mut best: Option<(Rat, usize, i128, BTreeMap<usize, Rat>)> = None;
            for (e, z) in flows {
                let a = &self.m.arcs[*e];
                let now = self.whole.flows[e];
                let most = (z.ceil() + above).min(a.limit.unwrap_or(i128::MAX));
                let mut moves = Vec::new();
                if lacks.contains_key(&a.to) && now < most {
                    moves.push(now + 1);
                }
                if lacks.contains_key(&a.from) && now > z.floor() {
                    moves.push(now - 1);
                }
                for to in moves {
                    self.whole.flows.insert(*e, to);
                    let left = missing(self);
                    let sum = total(&left);
                    if best.as_ref().is_none_or(|b| sum < b.0) {
                        best = Some((sum, *e, to, left));
                    }
                }
                self.whole.flows.insert(*e, now);
            }
            let Some((_, e, to, left)) = best.filter(|b| b.0 < total(&lacks)) else { break };
            self.whole.flows.insert(e, to);
            lacks = left;
        }
        total(&lacks)
    }

    /// Takes back what rounding up left over in whole units: flows first, then what is lent. True if
    /// anything was.
    pub(super) fn tidy(&mut self, c: &Component, flows: &BTreeMap<usize, Rat>, steps: &BTreeMap<usize, Rat>) -> bool {
        let mut moved = false;
        let none = BTreeMap::new();
        for k in &c.products {
            let idle = |r: &Rounding| {
                let used: i128 = r.m.steps_of[*k].iter().map(|e| r.whole.steps.get(e).copied().unwrap_or(0)).sum();
                let room: i128 =
                    r.m.steps_of[*k].iter().filter(|e| steps[*e].is_pos()).map(|e| r.m.steps[*e].quantity).sum();
                -&(&r.lack(*k, &none, steps) + &Rat::int(room - used))
            };
            for (e, z) in flows.iter().filter(|(e, _)| self.m.arcs[**e].to == *k) {
                // of a unit less on the way `ratio` less arrives
                let spare = Rat::int(self.whole.flows[e] - z.floor());
                if Rat::int(self.whole.flows[e]) > *z
                    && idle(self) >= &spare * &self.m.arcs[*e].ratio.clone().max(Rat::ONE)
                {
                    self.whole.flows.insert(*e, z.floor());
                    moved = true;
                }
            }
            let lent: Vec<(usize, usize)> = self
                .whole
                .orders
                .iter()
                .filter(|(i, f)| !self.m.orders[**i].bid && self.m.orders[**i].replicas.is_none() && f.fill < Rat::ONE)
                .filter_map(|(i, f)| {
                    let full = &self.m.orders[*i].alternatives[f.alternative].quantities;
                    Some((*i, full.iter().position(|q| q.0 == *k)?))
                })
                .collect();
            for (i, p) in lent {
                let f = &self.whole.orders[&i];
                let full = self.m.orders[i].alternatives[f.alternative].quantities[p].1;
                let up = Rat::int(f.quantities[p]) > &f.fill * &Rat::int(full);
                if up && idle(self) >= Rat::ONE && self.rows_allow(i, *k, -1) {
                    if let Some(f) = self.whole.orders.get_mut(&i) {
                        f.quantities[p] -= 1;
                    }
                    moved = true;
                }
            }
        }
        moved
    }

    /// What offers that were rounded down may lend more, by product.
    fn lendable(&self) -> BTreeMap<usize, i128> {
        let mut more = BTreeMap::new();
        for (i, f) in self.whole.orders.iter().filter(|(i, _)| !self.m.orders[**i].bid) {
            for (p, (k, full)) in self.m.orders[*i].alternatives[f.alternative].quantities.iter().enumerate() {
                if !(&f.fill * &Rat::int(*full)).is_int() && self.may_add(*i, p) {
                    *more.entry(*k).or_insert(0) += self.unit(*i, p);
                }
            }
        }
        more
    }

    /// What a product is short of with all of its steps that are in use (less than 0: what is left).
    fn lack(&self, k: usize, lendable: &BTreeMap<usize, i128>, steps: &BTreeMap<usize, Rat>) -> Rat {
        let got = |bids: bool| self.total(bids).get(&k).copied().unwrap_or(0);
        let room: i128 =
            self.m.steps_of[k].iter().filter(|e| steps[*e].is_pos()).map(|e| self.m.steps[*e].quantity).sum();
        let mut lack = Rat::int(got(true) - got(false) - room - lendable.get(&k).copied().unwrap_or(0));
        for (e, z) in &self.whole.flows {
            let a = &self.m.arcs[*e];
            if a.from == k {
                lack = &lack + &Rat::int(*z);
            }
            if a.to == k {
                lack = lack.sub_mul(&a.ratio, &Rat::int(*z));
            }
        }
        lack
    }

    /// One unit more along an arc whose flow was rounded down, or one less along one that was
    /// rounded up.
    pub(super) fn send_more(&mut self, k: usize, s: &Solved) -> bool {
        for (j, meaning) in s.model.meaning.iter().enumerate() {
            let Meaning::Arc(e) = meaning else { continue };
            let (a, z) = (&self.m.arcs[*e], &s.values[j]);
            let now = self.whole.flows[e];
            let most = a.limit.unwrap_or(i128::MAX);
            if a.to == k && now == z.floor() && !z.is_int() && now < most && self.idle(a.from) {
                self.whole.flows.insert(*e, now + 1);
                return true;
            }
            if a.from == k && Rat::int(now) > *z {
                self.whole.flows.insert(*e, now - 1);
                return true;
            }
        }
        false
    }

    /// Whether a used step of a product has a unit left.
    fn idle(&self, k: usize) -> bool {
        self.m.steps_of[k].iter().any(|e| {
            let used = self.whole.steps.get(e).copied().unwrap_or(0);
            used > 0 && used < self.m.steps[*e].quantity
        })
    }
}
