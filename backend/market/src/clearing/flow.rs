//! Rounding of what arcs carry. A flow is rounded down or up so that no bid falls short of its floor
//! where some rounding avoids it; a unit more is taken where it comes from, less than one arrives.
use super::model::Meaning;
use super::problem::{ArcRef, Component};
use super::rational::Rat;
use super::rounding::Rounding;
use super::search::Solved;
use std::collections::BTreeMap;

/// How many moves of one flow are tried before the rounding is left as it is, by arc.
const MOVES: usize = 4;

/// What products are short of (less than 0: what is left), as flows move.
pub(super) struct Lacks(BTreeMap<usize, Rat>);

impl Lacks {
    fn total(&self) -> Rat {
        self.0.values().filter(|lack| lack.is_pos()).fold(Rat::ZERO, |t, l| &t + l)
    }

    pub(super) fn of(&self, product: usize) -> Rat {
        self.0.get(&product).cloned().unwrap_or_default()
    }

    /// So many units more along an arc.
    fn send(&mut self, arc: &ArcRef, by: i128) {
        let (from, to) = (self.of(arc.from), self.of(arc.to));
        self.0.insert(arc.from, &from + &Rat::int(by));
        self.0.insert(arc.to, to.sub_mul(&arc.ratio, &Rat::int(by)));
    }

    /// What would be short in all with so many units more along an arc.
    fn with(&self, arc: &ArcRef, by: i128, total: &Rat) -> Rat {
        let short = |lack: Rat| lack.max(Rat::ZERO);
        let (from, to) = (self.of(arc.from), self.of(arc.to));
        let now = &short(from.clone()) + &short(to.clone());
        let then = &short(&from + &Rat::int(by)) + &short(to.sub_mul(&arc.ratio, &Rat::int(by)));
        &(total - &now) + &then
    }
}

impl Rounding<'_> {
    /// Rounds the flows (given by arc), with bids at their floors and everybody lending what they may: first from
    /// whole units down, and where that leaves something short, from whole units up, as what is missing at the
    /// end of several arcs is missing on all of them; or from whole units up at once.
    pub(super) fn flow(
        &mut self,
        c: &Component,
        flows: &BTreeMap<usize, Rat>,
        steps: &BTreeMap<usize, Rat>,
        from_above: bool,
    ) {
        self.whole.flows = flows.iter().map(|(e, z)| (*e, z.floor())).collect();
        if flows.values().all(Rat::is_int) {
            return;
        }
        let lendable = self.lendable();
        let short = self.round_down(flows, self.lacks(c, &lendable, steps));
        if short.is_zero() && !from_above {
            return;
        }
        let up = |(e, z): (&usize, &Rat)| (*e, z.ceil().min(self.most(*e)));
        let up = flows.iter().map(up).collect();
        let from_below = std::mem::replace(&mut self.whole.flows, up);
        if self.round_up(flows, self.lacks(c, &lendable, steps)) >= short && !from_above {
            self.whole.flows = from_below;
        }
    }

    pub(super) fn most(&self, arc: usize) -> i128 {
        self.m.arcs[arc].limit.unwrap_or(i128::MAX)
    }

    /// Moves flows by a unit, between their whole units, as long as less is short for it. Answers what is short in
    /// the end.
    fn round_down(&mut self, flows: &BTreeMap<usize, Rat>, mut lacks: Lacks) -> Rat {
        let mut total = lacks.total();
        for _ in 0..MOVES * flows.len() {
            if total.is_zero() {
                break;
            }
            // the move that leaves least short; an arc's number decides between equals
            let mut best: Option<(Rat, usize, i128)> = None;
            for (e, z) in flows.iter().filter(|(_, z)| !z.is_int()) {
                let a = &self.m.arcs[*e];
                let by = if self.whole.flows[e] == z.floor() { 1 } else { -1 };
                let helps = if by > 0 { lacks.of(a.to) } else { lacks.of(a.from) };
                if !helps.is_pos() || self.whole.flows[e] + by > self.most(*e) {
                    continue;
                }
                let left = lacks.with(a, by, &total);
                if best.as_ref().is_none_or(|b| left < b.0) {
                    best = Some((left, *e, by));
                }
            }
            let Some((left, e, by)) = best.filter(|b| b.0 < total) else { break };
            *self.whole.flows.entry(e).or_insert(0) += by;
            lacks.send(&self.m.arcs[e], by);
            total = left;
        }
        total
    }

    /// Sends what is short on its way, arc by arc towards where there is enough. Answers what is short in the end.
    fn round_up(&mut self, flows: &BTreeMap<usize, Rat>, mut lacks: Lacks) -> Rat {
        for _ in 0..MOVES * flows.len() {
            // the arc that most is sent along by now has most room for a unit more
            let open = flows.iter().filter(|(e, z)| {
                z.is_pos() && self.whole.flows[*e] < self.most(**e) && lacks.of(self.m.arcs[**e].to).is_pos()
            });
            let Some((e, _)) = open.max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0))) else { break };
            let a = &self.m.arcs[*e];
            let by = lacks.of(a.to).div(&a.ratio).ceil().min(self.most(*e) - self.whole.flows[e]);
            *self.whole.flows.entry(*e).or_insert(0) += by;
            lacks.send(a, by);
        }
        lacks.total()
    }

    /// Takes back what rounding up left over in whole units: flows first, then what is lent. True if
    /// anything was.
    pub(super) fn tidy(&mut self, c: &Component, flows: &BTreeMap<usize, Rat>, steps: &BTreeMap<usize, Rat>) -> bool {
        let mut moved = false;
        for k in &c.products {
            let used: i128 = self.m.steps_of[*k].iter().map(|e| self.whole.steps.get(e).copied().unwrap_or(0)).sum();
            let open = self.m.steps_of[*k].iter().filter(|e| steps[*e].is_pos());
            let room: i128 = open.map(|e| self.m.steps[*e].quantity).sum();
            let mut idle = -&(&self.lack(*k, steps) + &Rat::int(room - used));
            for (e, z) in flows.iter().filter(|(e, _)| self.m.arcs[**e].to == *k) {
                let now = self.whole.flows[e];
                if idle >= Rat::ONE && Rat::int(now) > *z {
                    // of a unit less on the way `ratio` less arrives
                    let by = idle.div(&self.m.arcs[*e].ratio).floor().min(now - z.floor());
                    idle = idle.sub_mul(&self.m.arcs[*e].ratio, &Rat::int(by));
                    self.whole.flows.insert(*e, now - by);
                    moved |= by > 0;
                }
            }
            let lent = self.users(*k, false);
            let lent = lent.filter(|(i, _, f)| self.m.orders[*i].replicas.is_none() && f.fill < Rat::ONE);
            let lent: Vec<(usize, usize)> = lent.map(|(i, p, _)| (i, p)).collect();
            for (i, p) in lent {
                let by = idle.floor().min(self.lent_beyond(i, p));
                if by > 0 && self.rows_allow(i, *k, -by) {
                    if let Some(f) = self.whole.orders.get_mut(&i) {
                        f.quantities[p] -= by;
                    }
                    idle = &idle - &Rat::int(by);
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

    /// What products are short of with all of their steps that are in use.
    pub(super) fn lacks(&self, c: &Component, lendable: &BTreeMap<usize, i128>, steps: &BTreeMap<usize, Rat>) -> Lacks {
        let mut lacks = Lacks(BTreeMap::new());
        for k in c.products.iter().copied() {
            let more = lendable.get(&k).copied().unwrap_or(0);
            lacks.0.insert(k, Rat::int(self.short_at_home(k, steps) - more));
        }
        for (e, z) in &self.whole.flows {
            lacks.send(&self.m.arcs[*e], *z);
        }
        lacks
    }

    /// The same of one product.
    pub(super) fn lack(&self, k: usize, steps: &BTreeMap<usize, Rat>) -> Rat {
        let mut lacks = Lacks([(k, Rat::int(self.short_at_home(k, steps)))].into());
        for (e, z) in &self.whole.flows {
            let arc = &self.m.arcs[*e];
            if arc.from == k || arc.to == k {
                lacks.send(arc, *z);
            }
        }
        lacks.of(k)
    }

    /// What bids and flows take of a product beyond what offers and flows bring.
    pub(super) fn needed(&self, k: usize) -> Rat {
        let mut net = Rat::int(self.total(k, true) - self.total(k, false));
        for (e, z) in &self.whole.flows {
            let a = &self.m.arcs[*e];
            if a.from == k {
                net = &net + &Rat::int(*z);
            }
            if a.to == k {
                net = net.sub_mul(&a.ratio, &Rat::int(*z));
            }
        }
        net
    }

    /// Without what arcs bring and take.
    fn short_at_home(&self, k: usize, steps: &BTreeMap<usize, Rat>) -> i128 {
        let used = self.m.steps_of[k].iter().filter(|e| steps[*e].is_pos());
        let room: i128 = used.map(|e| self.m.steps[*e].quantity).sum();
        self.total(k, true) - self.total(k, false) - room
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
