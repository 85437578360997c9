//! The fills that go with prices at which something is at its collar: what each bid has of what is scarce.
//!
//! Those that use the same scarce products have the same part, raised together until something runs out, incumbents
//! before newcomers, and whoever gains nothing after both.
use super::behind::Behind;
use super::collar::Sharing;
use super::model::Meaning;
use super::ration::{Evenness, Levelled, Levels};
use super::rational::Rat;
use super::simplex::{Lp, Simplex};
use super::ties;
use std::collections::{BTreeMap, BTreeSet};

/// Bids that share: incumbents or not, the scarce products that they use, and a column of its own or none.
type Group = (bool, Vec<usize>, Vec<usize>, usize);

/// What the duals of a participant's own rows and of nodes say of the fills that are sought.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Rows {
    /// Those that have a price are full, and who gains in spite of it shares as if it had none.
    Tight,
    /// Those that have a price are full, and may be why one has less than others.
    Apart,
    /// Nothing: they are of a book in which more is had.
    Open,
    /// Nothing, and who uses fewer scarce products than others may have less.
    Loose,
}

impl Rows {
    /// Whether those that have a price are full.
    fn are_full(self) -> bool {
        matches!(self, Rows::Tight | Rows::Apart)
    }
}

/// The columns by what they have at some prices.
struct Sorted {
    /// The program with those bounds, and without those that share.
    lp: Lp,
    groups: BTreeMap<Group, Vec<usize>>,
    /// Bids on what is scarce that gain nothing.
    even: BTreeSet<usize>,
    /// Those of them that gain by prices alone, and nothing as a budget or a limit of their own has better uses: they have
    /// no more than who shares with them.
    outdone: BTreeMap<usize, Group>,
    /// Those that rows of their own, or nodes, may hold back, and the part that these leave them at most.
    stand_back: BTreeMap<usize, Rat>,
}

impl Sorted {
    /// Whoever is outdone, with the group (by position) whose part bounds it: those without rows of their own, if there
    /// are any.
    fn bounds(&self) -> impl Iterator<Item = (usize, usize)> {
        self.outdone.iter().filter_map(|(j, mine)| Some((*j, self.sharing_with(mine)?)))
    }

    /// Groups of one that has rows of its own, with the group of those that share with it and have none.
    fn alone(&self) -> impl Iterator<Item = (usize, usize)> {
        let keys: Vec<&Group> = self.groups.keys().collect();
        (0..keys.len())
            .filter(|g| keys[*g].3 != usize::MAX)
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(move |g| Some((g, self.sharing_with(keys[g]).filter(|other| keys[*other].3 == usize::MAX)?)))
    }

    fn sharing_with(&self, mine: &Group) -> Option<usize> {
        let alike = |(_, g): &(usize, &Group)| (g.0, &g.1) == (mine.0, &mine.1);
        self.groups.keys().enumerate().filter(alike).max_by_key(|(_, g)| g.3).map(|(g, _)| g)
    }
}

impl Sharing<'_> {
    /// The fills that go with the prices of a solved program: whoever loses has nothing, whoever gains
    /// has all, or the same part as those that share with it, and nothing that has a price is left.
    pub(super) fn exact(&self, s: &Simplex, trade: &[(usize, usize)], levels: &Levels, rows: Rows) -> Option<Levelled> {
        let scarce: BTreeSet<usize> = levels.keys().copied().collect();
        let mut sorted = self.sorted(s, trade, levels, rows);
        if sorted.groups.is_empty() && rows.are_full() {
            return None;
        }
        let mut evenness;
        let (values, shared) = loop {
            let parts = self.fair(&sorted, levels, true).or_else(|| self.fair(&sorted, levels, false))?;
            evenness = self.evenness(&sorted, &parts);
            let least = if rows == Rows::Loose { Evenness::Same } else { Evenness::NoLess };
            if !rows.are_full() && evenness < least {
                return None;
            }
            let (values, shared) = self.filled(&sorted, trade, &parts)?;
            let held = self.held_for_nothing(&sorted.stand_back, &values);
            if held.is_empty() {
                break (values, shared);
            }
            // whose own rows have room now shares as others do
            sorted.stand_back.extend(held.into_iter().map(|j| (j, Rat::ONE)));
        };
        let late = sorted.even.iter().filter(|j| values[**j].is_pos()).flat_map(|j| self.uses(*j, scarce.iter()));
        let late: BTreeSet<usize> = late.collect();
        let too_early = |j: &usize| values[*j] < self.at(*j, &Rat::ONE) && !self.uses(*j, late.iter()).is_empty();
        // who gains comes before who gains nothing
        if !rows.are_full() && shared.iter().any(too_early) {
            return None;
        }
        let scarce = scarce.into_iter().map(|k| self.c.products[k]).collect();
        let stand_back = sorted.stand_back.into_keys().collect();
        Some(Levelled { scarce, shared, even: sorted.even, stand_back, evenness, values, behind: self.behind.clone() })
    }

    /// Who has nothing, all, or a part at the prices of a solved program.
    fn sorted(&self, s: &Simplex, trade: &[(usize, usize)], levels: &Levels, rows: Rows) -> Sorted {
        let private = self.private_rows();
        let open = |row: &usize| !rows.are_full() && private.contains(row);
        let mut lp = self.lp.clone();
        for (row, range) in lp.range.iter_mut().enumerate() {
            if !s.dual(row).is_zero() && !open(&row) {
                *range = Some(Rat::ZERO);
            }
        }
        let (mut groups, mut even) = (BTreeMap::<Group, Vec<usize>>::new(), BTreeSet::new());
        let (mut stand_back, mut outdone) = (BTreeMap::new(), BTreeMap::new());
        for (j, col) in lp.cols.iter_mut().enumerate() {
            let gain = col.entries.iter().fold(col.cost.clone(), |t, (r, e)| t.sub_mul(e, &s.dual(*r)));
            let own = col.entries.iter().filter(|e| private.contains(&e.0));
            let public = own.fold(gain.clone(), |t, (r, e)| &t + &(e * &s.dual(*r)));
            col.cost = Rat::ZERO;
            // what its own rows leave it is known once there are fills, and is no more than where all could be had
            let stands_back = col.entries.iter().any(|e| open(&e.0)) && public.is_pos();
            let shares = self.rationable(j) && (stands_back || !gain.is_neg());
            let using = if shares { self.uses(j, levels.keys()) } else { Vec::new() };
            if stands_back && using.is_empty() {
                continue;
            }
            if gain.is_zero() && !using.is_empty() && !stands_back {
                even.insert(j);
                if rows.are_full() && public.is_pos() {
                    outdone.insert(j, self.group(j, using, rows));
                }
                continue;
            }
            if trade.iter().any(|t| t.0 == j) {
                col.hi = Some(Rat::ZERO);
            } else if !using.is_empty() {
                // what has a bound of its own under the level (a host) stays at it
                let most = self.at(j, &Rat::ONE);
                if rows.are_full() && most < &self.level_of(j, levels) * &self.model.units(j) {
                    col.lo = col.hi.clone().unwrap_or_default();
                    continue;
                }
                let mut group = self.group(j, using, rows);
                let most = if stands_back { s.var(j) } else { most };
                if !rows.are_full() && most < self.model.units(j) {
                    group.3 = j;
                }
                if stands_back {
                    stand_back.insert(j, most.div(&self.model.units(j)));
                }
                (col.lo, col.hi) = (Rat::ZERO, Some(Rat::ZERO));
                groups.entry(group).or_default().push(j);
            } else if gain.is_pos() {
                col.lo = col.hi.clone().unwrap_or_default();
            } else if gain.is_neg() {
                col.hi = Some(col.lo.clone());
            }
        }
        Sorted { lp, groups, even, outdone, stand_back }
    }

    /// The values of all columns where those that share have their parts, and which of them have less than they
    /// would have taken.
    fn filled(&self, sorted: &Sorted, trade: &[(usize, usize)], parts: &[Rat]) -> Option<(Vec<Rat>, BTreeSet<usize>)> {
        let mut fixed = self.lp.clone();
        for (more, _) in trade {
            fixed.cols[*more].hi = Some(Rat::ZERO);
        }
        let mut shared = BTreeSet::new();
        for (members, part) in sorted.groups.values().zip(parts) {
            for j in members {
                let value = self.at(*j, part);
                (fixed.cols[*j].lo, fixed.cols[*j].hi) = (value.clone(), Some(value));
                if sorted.stand_back.get(j) != Some(part) {
                    shared.insert(*j);
                }
            }
        }
        for (j, g) in sorted.bounds() {
            fixed.cols[j].hi = Some(self.at(j, &parts[g]));
        }
        Some((ties::settle(self.m, self.model, &self.solved(fixed)?), shared))
    }

    /// How those that use the same scarce products share.
    fn evenness(&self, sorted: &Sorted, parts: &[Rat]) -> Evenness {
        let compared: Vec<((&Group, &Vec<usize>), &Rat)> = sorted
            .groups
            .iter()
            .zip(parts)
            .filter(|((_, members), _)| !members.iter().any(|j| self.has_least(*j)))
            .collect();
        let parts: Vec<&Rat> = compared.iter().map(|(_, part)| *part).collect();
        let groups: Vec<((&Group, &Vec<usize>), Rat)> =
            compared.iter().map(|((group, members), _)| ((*group, *members), self.most(members, sorted))).collect();
        let held = |group: &((&Group, &Vec<usize>), Rat), part: &Rat, of: &dyn Fn(&Group) -> bool| {
            let ((mine, _), most) = group;
            let mut others = groups.iter().zip(&parts).map(|(((other, _), _), p)| (*other, *p));
            part < most && others.any(|(other, p)| other.0 == mine.0 && part < p && of(other))
        };
        let own = |members: &[usize]| members.iter().any(|j| self.has_rows(*j));
        let each = || groups.iter().zip(parts.iter().copied());
        if each().any(|(group, part)| held(group, part, &|other| other.1 == group.0.0.1)) {
            return Evenness::Uneven;
        }
        let has_less = |of_all: bool| {
            each().any(|(group, part)| {
                let mine = &group.0.0.1;
                own(group.0.1)
                    && if of_all {
                        held(group, part, &|other| mine.iter().all(|k| other.1.contains(k)))
                    } else {
                        mine.iter().all(|k| held(group, part, &|other| other.1.contains(k)))
                    }
            })
        };
        match (has_less(true), has_less(false)) {
            (true, _) => Evenness::Same,
            (_, true) => Evenness::NoLess,
            _ => Evenness::Everywhere,
        }
    }

    /// The greatest part that all of these may have for themselves.
    fn most(&self, members: &[usize], sorted: &Sorted) -> Rat {
        let most = |j: &usize| {
            let bound = self.at(*j, &Rat::ONE).div(&self.model.units(*j));
            sorted.stand_back.get(j).cloned().unwrap_or(Rat::ONE).min(bound)
        };
        members.iter().map(most).min().unwrap_or(Rat::ONE)
    }

    fn has_rows(&self, j: usize) -> bool {
        matches!(&self.model.meaning[j], Meaning::Orders { members, .. } if !self.m.orders[members[0].0].rows.is_empty())
    }

    pub(super) fn private_rows(&self) -> BTreeSet<usize> {
        self.model.own_row.values().chain(&self.model.host_row).copied().collect()
    }

    /// Of those that have no more than their own rows would leave them if all could be had, the ones whose rows have
    /// room at these values.
    fn held_for_nothing(&self, stand_back: &BTreeMap<usize, Rat>, values: &[Rat]) -> Vec<usize> {
        let mut left: BTreeMap<usize, Rat> =
            self.private_rows().into_iter().map(|r| (r, self.lp.rhs[r].clone())).collect();
        for (col, x) in self.lp.cols.iter().zip(values).filter(|(_, x)| !x.is_zero()) {
            for (r, e) in col.entries.iter() {
                if let Some(rest) = left.get_mut(r) {
                    *rest = rest.sub_mul(e, x);
                }
            }
        }
        let is_full = |r: &usize| left.get(r).is_some_and(|rest| !rest.is_pos());
        let has_room = |j: usize| !self.lp.cols[j].entries.iter().any(|e| is_full(&e.0));
        stand_back.iter().filter(|(j, part)| **part < Rat::ONE && has_room(**j)).map(|(j, _)| *j).collect()
    }

    /// Who shares with whom: those that use the same scarce products. An order with alternatives or a parent stands alone,
    /// and one with rows of its own but where these are [`Rows::Tight`]; one that a full node stops must not stop those on other nodes.
    fn group(&self, j: usize, using: Vec<usize>, rows: Rows) -> Group {
        let Meaning::Orders { members, .. } = &self.model.meaning[j] else {
            return (false, using, Vec::new(), j);
        };
        let o = &self.m.orders[members[0].0];
        let plain = (rows == Rows::Tight || o.rows.is_empty()) && !o.block && o.parent.is_none();
        let on = |r: &&usize| self.model.host_row.contains(r);
        let nodes = self.lp.cols[j].entries.iter().map(|e| &e.0).filter(on).copied().collect();
        // whoever is behind an arc may have what does not come through it
        let behind = !Behind::is_at(self.model, self.c, j, &using);
        let through = self.lp.cols[j].entries.iter().filter(|_| behind).map(|(r, _)| usize::MAX - r);
        let using = using.into_iter().chain(through).collect();
        (!o.incumbent, using, nodes, if plain { usize::MAX } else { j })
    }

    /// The levels of the groups, in their order: the least of them as great as it can be, then the next,
    /// incumbents before all others. `None` if no levels agree with the program.
    ///
    /// `no_more`: whoever has rows of its own has no greater part than those without, though such a row be full of it.
    ///
    /// While newcomers have any level, incumbents have all; where these don't, newcomers have nothing.
    fn fair(&self, sorted: &Sorted, levels: &Levels, no_more: bool) -> Option<Vec<Rat>> {
        let (mut lp, groups) = (sorted.lp.clone(), &sorted.groups);
        let mut level = Vec::new();
        for ((newcomers, ..), members) in groups {
            let mut entries: BTreeMap<usize, Rat> = BTreeMap::new();
            let about = members.iter().map(|j| self.level_of(*j, levels)).min().unwrap_or_default();
            let (mut least, mut most) = (Rat::ZERO, self.most(members, sorted));
            match newcomers {
                true if about.is_zero() => most = Rat::ZERO,
                false if about == Rat::ONE => least = Rat::ONE,
                _ => {}
            }
            for j in members {
                let units = self.model.units(*j);
                for (r, e) in self.lp.cols[*j].entries.iter() {
                    let t = entries.entry(*r).or_default();
                    *t = &*t + &(e * &units);
                }
            }
            let of_blocks = members.iter().map(|j| self.lp.cols[*j].lo.div(&self.model.units(*j))).max();
            let of_blocks = of_blocks.unwrap_or_default();
            most = most.max(of_blocks.clone());
            least = least.max(of_blocks).min(most.clone());
            level.push(lp.col(Rat::ZERO, least, Some(most), entries.into_iter().collect()));
        }
        for (j, g) in sorted.bounds() {
            let row = lp.row(Rat::ZERO);
            lp.cols[j].push(row, Rat::ONE);
            lp.cols[level[g]].push(row, -&self.model.units(j));
        }
        for (g, as_most) in sorted.alone().filter(|_| no_more) {
            let row = lp.row(Rat::ZERO);
            lp.cols[level[g]].push(row, Rat::ONE);
            lp.cols[level[as_most]].push(row, Rat::int(-1));
        }
        let newcomer: Vec<bool> = groups.keys().map(|g| g.0).collect();
        for class in [false, true] {
            let mut open: Vec<usize> = (0..level.len()).filter(|g| newcomer[*g] == class).collect();
            if open.is_empty() {
                continue;
            }
            // the least of those that are open, which the others no longer hold back
            let mut together = lp.clone();
            let least = together.col(Rat::ONE, Rat::ZERO, Some(Rat::ONE), Vec::new());
            let mut held: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
            for g in &open {
                let row = together.row(Rat::ZERO);
                together.cols[least].push(row, Rat::ONE);
                together.cols[level[*g]].push(row, Rat::int(-1));
                let free = together.col(Rat::ZERO, Rat::ZERO, Some(Rat::ZERO), vec![(row, Rat::int(-1))]);
                held.insert(*g, (row, free));
            }
            let mut s = Simplex::new(together);
            while !open.is_empty() {
                self.solve(&mut s)?;
                let floor = s.var(least);
                // a level whose row has a price is no greater in any solution
                let most = |g: &usize| lp.cols[level[*g]].hi.clone().unwrap_or_default();
                let is_stuck = |g: &&usize| !s.dual(held[*g].0).is_zero() || most(g) <= floor;
                let stuck: Vec<(usize, Rat)> =
                    open.iter().filter(is_stuck).map(|g| (*g, s.var(level[*g]).min(most(g)))).collect();
                if stuck.is_empty() {
                    return None; // can't happen: if no row has a price, the least could be greater
                }
                for (g, value) in &stuck {
                    (lp.cols[level[*g]].lo, lp.cols[level[*g]].hi) = (value.clone(), Some(value.clone()));
                    s.set_bounds(level[*g], value.clone(), Some(value.clone()));
                    s.set_bounds(held[g].1, Rat::ZERO, Some(Rat::ONE));
                }
                open.retain(|g| stuck.iter().all(|s| s.0 != *g));
            }
        }
        Some(level.into_iter().map(|j| lp.cols[j].lo.clone()).collect())
    }
}
