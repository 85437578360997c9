//! Whether prices support a choice of blocks, and the prices and fills of the one that wins.
use super::Mode;
use super::behind::Behind;
use super::collar::{Rationed, Sharing};
use super::model::{Meaning, Model};
use super::nodal::Nodal;
use super::price::{Allocation, Polytope};
use super::rational::{Rat, sum};
use super::search::{Found, Search, Solved};
use super::simplex::{End, Lp, Simplex};
use super::ties;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// Entries that programs may work on for blocks of one choice that share with nobody: small books are searched for both.
const APART_AT_ONCE: u64 = 30_000;

/// The verdict on a candidate.
pub(super) enum Support {
    Yes,
    Shared(Rationed, Rat),
    /// The accepted blocks that should go, first of all the first.
    No(Vec<usize>),
}

impl Search<'_> {
    /// Whether prices support the candidate.
    pub(super) fn support(&self, model: &Model, s: &Simplex, x: &[Rat], accepted: &BTreeMap<usize, usize>) -> Support {
        if self.mode == Mode::Welfare && !model.blocks.is_empty() {
            return Support::Yes;
        }
        let dual: BTreeMap<usize, Rat> = model.product_row.values().map(|r| (*r, s.dual(*r))).collect();
        let surplus = |j: usize| {
            let c = &model.lp.cols[j];
            c.entries.iter().fold(c.cost.clone(), |t, (r, e)| dual.get(r).map_or(t.clone(), |p| t.sub_mul(e, p)))
        };
        // a multiplier of a link is not there once the parent's choice is made
        let linked = model.links.values().any(|(_, row)| !s.dual(*row).is_zero());
        let losing = accepted.iter().map(|(i, j)| (&surplus(*j) * &x[*j], *i)).filter(|(s, _)| s.is_neg()).min();
        let capped = model.product_row.iter().all(|(k, r)| dual[r] <= Rat::int(self.m.cap[*k]));
        // an offer that a node's room pays for, not the public price
        let stray = |(j, meaning): (usize, &Meaning)| {
            let offer = matches!(meaning, Meaning::Orders { members, .. } if !self.m.orders[members[0].0].bid);
            let col = &model.lp.cols[j];
            let there = col.entries.iter().any(|e| model.host_row.contains(&e.0));
            let s = if offer && there { surplus(j) } else { Rat::ZERO };
            (s.is_neg() && x[j] > col.lo) || (s.is_pos() && col.hi.as_ref().is_some_and(|h| x[j] < *h))
        };
        if losing.is_none() && capped && !linked && !model.meaning.iter().enumerate().any(stray) {
            return Support::Yes;
        }
        let mut fixed = model.clone();
        self.fix(&mut fixed, accepted);
        let a = Allocation { model: &fixed, values: x, accepted, families: self.mode == Mode::Market };
        let collared = Polytope::of(self.m, self.c, &a, true);
        if collared.feasible() {
            return Support::Yes;
        }
        let worst: Vec<usize> = losing.into_iter().map(|l| l.1).collect();
        // a block that no price supports may still be supported where prices stop at the collars
        if !collared.uncapped().feasible() && !fixed.host_row.is_empty() {
            return self.nodal(&fixed, accepted, worst);
        }
        let mut open = Model::build(self.m, self.c, self.upper, true);
        self.leave_out_too_dear(&mut open);
        self.fix(&mut open, accepted);
        let losers = RefCell::new(None);
        let sharing = Sharing {
            m: self.m,
            c: self.c,
            lp: &open.lp,
            model: &open,
            accepted,
            left: self.rationing,
            behind: Behind::default(),
            losers: &losers,
            from: self.rationing.get(),
            apart: false,
        };
        let (mut found, mut apart) = (None, None);
        if sharing.is_short(s) {
            found = sharing.run(|p, values| self.choose(&open, p, values)).map(|r| (welfare(&open.lp, &r.values), r));
            apart = self.with_blocks_apart(&sharing);
        }
        let better = |a: &(Rat, Rationed), f: &(Rat, Rationed)| a.0 > f.0 && !self.come_first(&sharing, &a.1, &f.1);
        match apart.filter(|a| found.as_ref().is_none_or(|f| better(a, f))).or(found) {
            Some((w, r)) => Support::Shared(r, w),
            None if !fixed.host_row.is_empty() => self.nodal(&fixed, accepted, worst),
            None => {
                let losers: Vec<usize> = losers.take().unwrap_or_default();
                Support::No(if losers.is_empty() { worst } else { losers })
            }
        }
    }

    /// The same where accepted blocks have what is best and share with nobody, if any has a least fill under all of it:
    /// that may be worth more.
    fn with_blocks_apart(&self, sharing: &Sharing) -> Option<(Rat, Rationed)> {
        let cols = &sharing.lp.cols;
        let in_part = |j: &usize| sharing.has_least(*j) && cols[*j].hi.as_ref() != Some(&cols[*j].lo);
        if !sharing.accepted.values().any(in_part) {
            return None;
        }
        let most = self.apart.get().min(APART_AT_ONCE);
        let (left, losers) = (Cell::new(most), RefCell::new(None));
        let apart = Sharing { apart: true, left: &left, losers: &losers, from: most, ..sharing.clone() };
        let found = apart.run(|p, values| self.choose(sharing.model, p, values));
        self.apart.set(self.apart.get() - (most - left.get()));
        found.map(|r| (welfare(sharing.lp, &r.values), r))
    }

    /// Whether accepted blocks that are nobody's parent or child, and gain, have more than where they share: nobody comes
    /// before others at a collar by asking for a least fill.
    fn come_first(&self, sharing: &Sharing, apart: &Rationed, shares: &Rationed) -> bool {
        sharing.accepted.iter().any(|(i, j)| {
            let o = &self.m.orders[*i];
            let more = apart.values[*j] > shares.values[*j] && sharing.model.gain(self.c, *j, &apart.low).is_pos();
            o.parent.is_none() && o.children.is_empty() && more
        })
    }

    /// Takes out what costs more than the collars pay, which no price brings to market: steps and offers of nobody's family.
    pub(super) fn leave_out_too_dear(&self, model: &mut Model) {
        let cap: BTreeMap<usize, Rat> =
            model.product_row.iter().map(|(k, row)| (*row, Rat::int(self.m.cap[*k]))).collect();
        for (meaning, col) in model.meaning.iter().zip(&mut model.lp.cols) {
            let sells = match meaning {
                Meaning::Step(_) => true,
                Meaning::Orders { members, .. } => {
                    let o = &self.m.orders[members[0].0];
                    !o.bid && o.parent.is_none() && o.children.is_empty()
                }
                _ => false,
            };
            let most = |(r, e): &(usize, Rat)| cap.get(r).map(|cap| e * cap);
            if sells && (&col.cost - &sum(col.entries.iter().filter_map(most))).is_neg() {
                col.hi = Some(Rat::ZERO);
            }
        }
    }

    /// The best allocation with these blocks that uniform prices carry although nodes are full.
    fn nodal(&self, fixed: &Model, accepted: &BTreeMap<usize, usize>, worst: Vec<usize>) -> Support {
        let found = Nodal { m: self.m, c: self.c, model: fixed, accepted, left: &self.programs }.run();
        let Some((values, welfare)) = found.best else {
            return Support::No(worst);
        };
        let a = Allocation { model: fixed, values: &values, accepted, families: true };
        match self.choose(fixed, &Polytope::of(self.m, self.c, &a, true), &values) {
            Some((low, high)) => Support::Shared(Rationed { values, low, high, complete: found.complete }, welfare),
            None => Support::No(worst),
        }
    }

    /// Bounds of the fixed program: accepted blocks between their least and full fill, no others, and
    /// no children of others.
    fn fix(&self, model: &mut Model, accepted: &BTreeMap<usize, usize>) {
        for (i, cols) in model.blocks.clone() {
            for j in cols {
                if accepted.get(&i) == Some(&j) {
                    let hi = model.lp.cols[j].hi.clone().unwrap_or_default();
                    model.lp.cols[j].lo = (&self.m.orders[i].least * &model.units(j)).min(hi);
                } else {
                    model.lp.cols[j].hi = Some(Rat::ZERO);
                }
            }
        }
        for (child, (cols, row)) in model.links.clone() {
            // with its parent accepted a child is as free as any order, without it refused
            model.lp.rhs[row] = Rat::ONE;
            let parent = self.m.orders[child].parent;
            if parent.is_none_or(|p| !accepted.contains_key(&p)) {
                for j in cols {
                    model.lp.cols[j].hi = Some(Rat::ZERO);
                }
            }
        }
    }

    fn choose(&self, model: &Model, p: &Polytope, values: &[Rat]) -> Option<(Vec<Rat>, Vec<Rat>)> {
        let mut volume: BTreeMap<usize, Rat> = BTreeMap::new();
        for (j, col) in model.lp.cols.iter().enumerate() {
            if matches!(&model.meaning[j], Meaning::Orders { members, .. } if self.m.orders[members[0].0].bid)
                && !values[j].is_zero()
            {
                for (r, e) in col.entries.iter() {
                    let t = volume.entry(*r).or_default();
                    *t = &*t + &(e * &values[j]);
                }
            }
        }
        let w: Vec<Rat> =
            self.c.products.iter().map(|k| volume.get(&model.product_row[k]).cloned().unwrap_or_default()).collect();
        let reference: Vec<Rat> = self.c.products.iter().map(|k| Rat::int(self.m.reference[*k])).collect();
        let cap: Vec<Rat> = self.c.products.iter().map(|k| Rat::int(self.m.cap[*k])).collect();
        p.choose(&w, &reference, &cap)
    }

    /// Ties and prices of the winner.
    pub(super) fn finish(&self, mut model: Model, found: Found, dropped: BTreeSet<usize>) -> Option<Solved> {
        let best = found.best?;
        self.fix(&mut model, &best.accepted);
        let bound = found.bound.max(best.welfare.clone());
        let rationed = best.shared.is_some();
        let (values, low, high) = match best.shared {
            Some(r) => (r.values, r.low, r.high),
            None => {
                // which point of the best ones it is does not depend on where it starts
                let mut s = best.simplex.map_or_else(|| Simplex::new(model.lp.clone()), |s| s.with(model.lp.clone()));
                s.most_effort = u64::MAX;
                if s.solve() != End::Optimal {
                    return None;
                }
                let values = ties::settle(self.m, &model, &s);
                if self.mode == Mode::Welfare && !model.blocks.is_empty() {
                    let y: Vec<Rat> = self
                        .c
                        .products
                        .iter()
                        .map(|k| s.dual(model.product_row[k]).min(Rat::int(self.m.cap[*k])).max(Rat::ZERO))
                        .collect();
                    (values, y.clone(), y)
                } else {
                    let priced = |values: Vec<Rat>| {
                        let a = Allocation { model: &model, values: &values, accepted: &best.accepted, families: true };
                        let (low, high) = self.choose(&model, &Polytope::of(self.m, self.c, &a, true), &values)?;
                        Some((values, low, high))
                    };
                    // with full nodes not every allocation of the best welfare has public prices
                    let nodal = || {
                        let (m, c, accepted) = (self.m, self.c, &best.accepted);
                        Nodal { m, c, model: &model, accepted, left: &self.programs }
                            .run()
                            .best
                            .filter(|b| b.1 == best.welfare)
                            .and_then(|b| priced(b.0))
                    };
                    priced(values).or_else(|| if model.host_row.is_empty() { None } else { nodal() })?
                }
            }
        };
        let alternative = |(i, j): (&usize, &usize)| {
            let at = model.blocks[i].iter().position(|x| x == j)?;
            Some((*i, at))
        };
        let winners = best.accepted.iter().filter_map(alternative).collect();
        Some(Solved {
            model,
            values,
            low,
            high,
            welfare: best.welfare,
            bound,
            cuts: found.cuts,
            exact: found.exact && dropped.is_empty(),
            rationed,
            dropped,
            winners,
            nodes: found.nodes,
            effort: found.effort,
        })
    }
}

fn welfare(lp: &Lp, values: &[Rat]) -> Rat {
    sum(lp.cols.iter().zip(values).map(|(c, v)| &c.cost * v))
}
