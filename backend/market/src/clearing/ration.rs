//! Rationing at the collar as an equilibrium with bounded prices: where the price of a product stops at
//! its collar, a level bounds what part of a bid that uses it can be had, the same for all that use the
//! same scarce products. Sought are levels with which nothing is missing at the collars: prices and
//! fills of one linear program then agree with each other (Drèze, *Existence of an exchange equilibrium
//! under price rigidities*, 1975, with uniform rationing of the buyers).
//!
//! The program lets what is scarce be bought and sold at its collar. From what would have to be bought
//! (or is left to be sold) the levels follow as supply over demand, coarsely; prices change in
//! jumps, so levels that are about right give the right prices, and with these the exact levels are
//! one more program. What comes out is tested like everything else: by the polytope of prices.
use super::collar::Sharing;
use super::model::Meaning;
use super::rational::{Rat, sum};
use super::simplex::{Lp, Simplex};
use std::collections::{BTreeMap, BTreeSet};

/// How often levels are tried, in each way.
const TURNS: usize = 24;

/// Grain of a level that is tried; the levels that come out are exact.
const GRAIN: i128 = 1 << 30;

/// Beyond so many groups not every level is raised as far as it goes.
const GROUPS: usize = 24;

/// What was found: products at their collar, the columns that share them, and the columns' values.
pub(super) struct Levelled {
    pub scarce: BTreeSet<usize>,
    pub shared: BTreeSet<usize>,
    /// Bids on what is scarce that the prices leave no surplus: whatever they get, they do not share.
    pub even: BTreeSet<usize>,
    pub values: Vec<Rat>,
}

/// Levels of the products at their collar (by position in the component): of incumbents and of others.
type Levels = BTreeMap<usize, (Rat, Rat)>;

/// Bids that share: incumbents or not, the scarce products that they use, and a column of its own or none.
type Group = (bool, Vec<usize>, Vec<usize>, usize);

/// What a level does that was too high before and is too low now, or the reverse. Neither ends always:
/// levels of several products move each other.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Shorter and shorter steps.
    Damped,
    /// Half the way between the two.
    Halved,
}

/// The last step of a level (as the sum of both): where it came from, whether that was too much, and how
/// many times longer than the excess says it was.
struct Path {
    from: Rat,
    over: bool,
    length: Rat,
}

impl Sharing<'_> {
    /// Fills and prices that agree where some products are at their collar, if they were found.
    pub(super) fn levelled(&self) -> Option<Levelled> {
        [Way::Damped, Way::Halved].into_iter().find_map(|way| self.search(way))
    }

    fn search(&self, way: Way) -> Option<Levelled> {
        let mut levels = Levels::new();
        let mut paths = BTreeMap::new();
        let (mut lp, trade) = self.market();
        for _ in 0..TURNS {
            self.bound(&mut lp, &trade, &levels);
            let s = self.solved(lp.clone())?;
            let values = s.values();
            let excess: Vec<Rat> = trade.iter().map(|(more, less)| &values[*more] - &values[*less]).collect();
            if let Some(found) = self.exact(&s, &trade, &levels) {
                return Some(found);
            }
            let mut next = levels.clone();
            for (k, excess) in excess.iter().enumerate() {
                let idle = !excess.is_pos() && !self.binds(k, &levels, &values);
                match self.adjusted(k, excess, &values, &levels).filter(|_| !idle) {
                    Some(level) => next.insert(k, level),
                    None => next.remove(&k),
                };
            }
            self.stride(way, &excess, &levels, &mut next, &mut paths);
            if next == levels {
                return None;
            }
            levels = next;
        }
        None
    }

    /// Longer steps for a level that goes on the same way, as what others take up may keep what is missing
    /// nearly the same; shorter ones, or none beyond half the way, where it was too much before and is too
    /// little now, or the reverse.
    fn stride(&self, way: Way, excess: &[Rat], levels: &Levels, next: &mut Levels, paths: &mut BTreeMap<usize, Path>) {
        let whole = (Rat::ONE, Rat::ONE);
        for (k, excess) in excess.iter().enumerate() {
            let Some(to) = next.get(&k).map(|(inc, new)| inc + new) else {
                paths.remove(&k);
                continue;
            };
            let (inc, new) = levels.get(&k).unwrap_or(&whole);
            let now = inc + new;
            let path = paths.remove(&k).filter(|path| path.from != now);
            let over = excess.is_pos();
            let again = path.as_ref().is_some_and(|path| path.over == over);
            let length = match &path {
                Some(path) if again => &path.length * &Rat::int(2),
                Some(path) if way == Way::Damped => path.length.div(&Rat::int(2)).min(Rat::ratio(1, 2)),
                _ => Rat::ONE,
            };
            let mut along = &now + &(&(&to - &now) * &length);
            if let Some(path) = path.filter(|_| !again && way == Way::Halved)
                && (if over { along <= path.from } else { along >= path.from })
            {
                along = (&now + &path.from).div(&Rat::int(2));
            }
            let along = along.max(Rat::ZERO);
            paths.insert(k, Path { from: now, over, length });
            let level = (grained(&along.clone().min(Rat::ONE)), grained(&(&along - &Rat::ONE).max(Rat::ZERO)));
            if level.1 < Rat::ONE {
                next.insert(k, level);
            } else {
                next.remove(&k);
            }
        }
    }

    /// The program with what may be bought and what may be sold at each collar, and these columns.
    fn market(&self) -> (Lp, Vec<(usize, usize)>) {
        let mut lp = self.lp.clone();
        let mut trade = Vec::new();
        for k in &self.c.products {
            let is_missing = |m: &Meaning| matches!(m, Meaning::Missing(of) if of == k);
            let Some(more) = self.model.meaning.iter().position(is_missing) else { continue };
            let row = self.model.product_row[k];
            let less = lp.col(Rat::int(self.m.cap[*k]), Rat::ZERO, Some(Rat::ZERO), vec![(row, Rat::ONE)]);
            trade.push((more, less));
        }
        (lp, trade)
    }

    /// Bounds of the levels: bids get no more of what is scarce, and it may be sold at its collar.
    fn bound(&self, lp: &mut Lp, trade: &[(usize, usize)], levels: &Levels) {
        for (k, (more, less)) in trade.iter().enumerate() {
            let most = self.lp.cols[*more].hi.clone();
            lp.cols[*less].hi = if levels.contains_key(&k) { most } else { Some(Rat::ZERO) };
        }
        for j in (0..self.lp.cols.len()).filter(|j| self.rationable(*j)) {
            lp.cols[j].hi = Some(self.at(j, &self.level_of(j, levels)));
        }
    }

    /// The least level of what a column uses.
    fn level_of(&self, j: usize, levels: &Levels) -> Rat {
        let first = self.incumbent(j);
        let mine = self.uses(j, levels.keys()).into_iter().map(|k| if first { &levels[&k].0 } else { &levels[&k].1 });
        mine.min().cloned().unwrap_or(Rat::ONE)
    }

    /// Whether the level of a product holds anybody back: not if all are under it for other reasons.
    fn binds(&self, k: usize, levels: &Levels, values: &[Rat]) -> bool {
        let Some((inc, new)) = levels.get(&k) else { return false };
        let users = (0..self.lp.cols.len()).filter(|j| !self.uses(*j, std::iter::once(&k)).is_empty());
        users.filter(|j| self.rationable(*j)).any(|j| {
            let level = self.level_of(j, levels);
            let own = level < Rat::ONE && level == *(if self.incumbent(j) { inc } else { new });
            own && values[j] == self.at(j, &level)
        })
    }

    /// A column whose fill may be rationed: bids, except those that are filled to a least part or not at all.
    fn rationable(&self, j: usize) -> bool {
        let bid = matches!(&self.model.meaning[j], Meaning::Orders { members, .. }
            if self.m.orders[members[0].0].bid && !self.m.orders[members[0].0].least.is_pos());
        bid && self.lp.cols[j].hi.as_ref().is_some_and(Rat::is_pos)
    }

    fn incumbent(&self, j: usize) -> bool {
        matches!(&self.model.meaning[j], Meaning::Orders { members, .. } if self.m.orders[members[0].0].incumbent)
    }

    /// Which of some products (by position in the component) a column takes of.
    fn uses<'k>(&self, j: usize, products: impl Iterator<Item = &'k usize>) -> Vec<usize> {
        let takes = |k: &&usize| {
            let row = self.model.product_row[&self.c.products[**k]];
            self.lp.cols[j].entries.iter().any(|e| e.0 == row && e.1.is_pos())
        };
        products.filter(takes).copied().collect()
    }

    /// The next level of a product, from what was missing (or left, if less than 0) at the last one.
    /// `None`: it is not scarce.
    fn adjusted(&self, k: usize, excess: &Rat, values: &[Rat], levels: &Levels) -> Option<(Rat, Rat)> {
        let level = levels.get(&k);
        if level.is_none() && !excess.is_pos() {
            return None;
        }
        let row = self.model.product_row[&self.c.products[k]];
        let mine: Vec<usize> = (0..self.lp.cols.len())
            .filter(|j| self.rationable(*j) && !self.uses(*j, std::iter::once(&k)).is_empty())
            .collect();
        let entry = |j: usize| self.lp.cols[j].entries.iter().find(|e| e.0 == row).map_or(Rat::ZERO, |e| e.1.clone());
        let (inc, new) = level.cloned().unwrap_or((Rat::ONE, Rat::ONE));
        // what they have, what those could have that this level holds back, and the greatest part of one
        let of = |first: bool| {
            let mine = mine.iter().copied().filter(move |j| self.incumbent(*j) == first);
            let has = sum(mine.clone().map(|j| &entry(j) * &values[j]));
            let own = if first { &inc } else { &new };
            let held = mine.clone().filter(|j| {
                let level = self.level_of(*j, levels);
                level == *own && values[*j] == self.at(*j, &level)
            });
            let most = sum(held.map(|j| &entry(j) * &self.at(j, &Rat::ONE)));
            let top = mine.map(|j| values[j].div(&self.model.units(j))).max().unwrap_or_default();
            (has, most, top)
        };
        let ((has_inc, most_inc, top_inc), (has_new, most_new, top_new)) = (of(true), of(false));
        let (inc, new) = if excess.is_pos() {
            if *excess <= has_new {
                (inc, less(&top_new, &has_new, excess))
            } else if has_inc.is_pos() {
                (less(&top_inc, &has_inc, &(excess - &has_new)), Rat::ZERO)
            } else {
                (inc, Rat::ZERO)
            }
        } else {
            let left = -excess;
            let open = &most_inc * &(&Rat::ONE - &inc);
            if left <= open && open.is_pos() {
                (&inc + &left.div(&most_inc), new)
            } else {
                let rest = &left - &open.max(Rat::ZERO);
                let more = if most_new.is_pos() { rest.div(&most_new) } else { Rat::ONE };
                (Rat::ONE, (&new + &more).min(Rat::ONE))
            }
        };
        Some((inc, new))
    }

    /// The fills that go with the prices of a solved program: whoever loses has nothing, whoever gains
    /// has all, or the same part as those that share with it, and nothing that has a price is left.
    fn exact(&self, s: &Simplex, trade: &[(usize, usize)], levels: &Levels) -> Option<Levelled> {
        let n = self.lp.cols.len();
        let scarce: BTreeSet<usize> = levels.keys().copied().collect();
        let mut lp = self.lp.clone();
        for (row, range) in lp.range.iter_mut().enumerate() {
            if !s.dual(row).is_zero() {
                *range = Some(Rat::ZERO);
            }
        }
        let mut groups: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
        let mut even = BTreeSet::new();
        for j in 0..n {
            let col = &mut lp.cols[j];
            let gain = col.entries.iter().fold(col.cost.clone(), |t, (r, e)| t.sub_mul(e, &s.dual(*r)));
            col.cost = Rat::ZERO;
            let using = if self.rationable(j) && !gain.is_neg() { self.uses(j, scarce.iter()) } else { Vec::new() };
            if gain.is_zero() && !using.is_empty() {
                even.insert(j);
                continue;
            }
            if trade.iter().any(|t| t.0 == j) {
                col.hi = Some(Rat::ZERO);
            } else if !using.is_empty() {
                // what has a bound of its own under the level (a host) stays at it
                if self.at(j, &Rat::ONE) < &self.level_of(j, levels) * &self.model.units(j) {
                    col.lo = col.hi.clone().unwrap_or_default();
                    continue;
                }
                let group = self.group(j, using);
                (col.lo, col.hi) = (Rat::ZERO, Some(Rat::ZERO));
                groups.entry(group).or_default().push(j);
            } else if gain.is_pos() {
                col.lo = col.hi.clone().unwrap_or_default();
            } else if gain.is_neg() {
                col.hi = Some(col.lo.clone());
            }
        }
        if groups.is_empty() {
            return None;
        }
        let levels = self.fair(lp, &groups, levels)?;
        let mut fixed = self.lp.clone();
        for (more, _) in trade {
            fixed.cols[*more].hi = Some(Rat::ZERO);
        }
        let mut shared = BTreeSet::new();
        for (members, level) in groups.values().zip(&levels) {
            for j in members {
                let value = self.at(*j, level);
                (fixed.cols[*j].lo, fixed.cols[*j].hi) = (value.clone(), Some(value));
                shared.insert(*j);
            }
        }
        let s = self.solved(fixed)?;
        let scarce = scarce.into_iter().map(|k| self.c.products[k]).collect();
        Some(Levelled { scarce, shared, even, values: super::ties::settle(self.m, self.model, &s) })
    }

    /// Who shares with whom: those that use the same scarce products. An order with rows of its own, with
    /// alternatives or a parent stands alone; one that a full node stops must not stop those on other nodes.
    fn group(&self, j: usize, using: Vec<usize>) -> Group {
        let Meaning::Orders { members, .. } = &self.model.meaning[j] else {
            return (false, using, Vec::new(), j);
        };
        let o = &self.m.orders[members[0].0];
        let plain = o.rows.is_empty() && !o.block && o.parent.is_none();
        let on = |r: &&usize| self.model.host_row.contains(r);
        let nodes = self.lp.cols[j].entries.iter().map(|e| &e.0).filter(on).copied().collect();
        (!o.incumbent, using, nodes, if plain { usize::MAX } else { j })
    }

    /// The levels of the groups, in their order: the least of them as great as it can be, then the next,
    /// incumbents before all others. `None` if no levels agree with the program.
    ///
    /// While newcomers have any level, incumbents have all; where these don't, newcomers have nothing.
    fn fair(&self, mut lp: Lp, groups: &BTreeMap<Group, Vec<usize>>, levels: &Levels) -> Option<Vec<Rat>> {
        let mut level = Vec::new();
        for ((newcomers, ..), members) in groups {
            let mut entries: BTreeMap<usize, Rat> = BTreeMap::new();
            let about = members.iter().map(|j| self.level_of(*j, levels)).min().unwrap_or_default();
            let (mut least, mut most) = (Rat::ZERO, Rat::ONE);
            match newcomers {
                true if about.is_zero() => most = Rat::ZERO,
                false if about == Rat::ONE => least = Rat::ONE,
                _ => {}
            }
            for j in members {
                let units = self.model.units(*j);
                most = most.min(self.at(*j, &Rat::ONE).div(&units));
                for (r, e) in self.lp.cols[*j].entries.iter() {
                    let t = entries.entry(*r).or_default();
                    *t = &*t + &(e * &units);
                }
            }
            least = least.min(most.clone());
            level.push(lp.col(Rat::ZERO, least, Some(most), entries.into_iter().collect()));
        }
        let newcomer: Vec<bool> = groups.keys().map(|g| g.0).collect();
        for class in [false, true] {
            let mut open: Vec<usize> = (0..level.len()).filter(|g| newcomer[*g] == class).collect();
            while !open.is_empty() {
                let mut together = lp.clone();
                let least = together.col(Rat::ONE, Rat::ZERO, Some(Rat::ONE), Vec::new());
                for g in &open {
                    let row = together.row(Rat::ZERO);
                    together.cols[least].push(row, Rat::ONE);
                    together.cols[level[*g]].push(row, Rat::int(-1));
                }
                let s = self.solved(together)?;
                let floor = s.var(least);
                let mut stuck = Vec::new();
                for g in &open {
                    let j = level[*g];
                    let value = if level.len() > GROUPS { s.var(j) } else { floor.clone() };
                    let most = lp.cols[j].hi.clone().unwrap_or_default();
                    if level.len() > GROUPS || most <= floor || open.len() == 1 {
                        stuck.push((*g, value.min(most)));
                        continue;
                    }
                    let mut alone = lp.clone();
                    for other in &open {
                        let col = &mut alone.cols[level[*other]];
                        col.lo = floor.clone().max(col.lo.clone()).min(col.hi.clone()?);
                    }
                    alone.cols[j].cost = Rat::ONE;
                    let s = self.solved(alone)?;
                    if s.var(j) <= floor.clone().max(lp.cols[j].lo.clone()) {
                        stuck.push((*g, s.var(j)));
                    }
                }
                if stuck.is_empty() {
                    return None; // can't happen: if each could have more, all could
                }
                for (g, value) in &stuck {
                    (lp.cols[level[*g]].lo, lp.cols[level[*g]].hi) = (value.clone(), Some(value.clone()));
                }
                open.retain(|g| stuck.iter().all(|s| s.0 != *g));
            }
        }
        Some(level.into_iter().map(|j| lp.cols[j].lo.clone()).collect())
    }
}

/// A part of `has` less `excess`, where `top` is the greatest part that one of them has.
fn less(top: &Rat, has: &Rat, excess: &Rat) -> Rat {
    (top * &(has - excess)).div(has)
}

/// A level to the grain.
fn grained(level: &Rat) -> Rat {
    Rat::ratio((level * &Rat::int(GRAIN)).floor(), GRAIN)
}
