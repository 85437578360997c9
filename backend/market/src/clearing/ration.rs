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
use super::behind::{Behind, reached};
use super::collar::{Rationed, Sharing};
use super::model::Meaning;
use super::price::Polytope;
use super::rational::{Rat, sum};
use super::shares::Rows;
use super::simplex::{Lp, Simplex};
use std::collections::{BTreeMap, BTreeSet};

/// How often levels are tried, in each way.
const TURNS: usize = 24;

/// Grain of a level that is tried; the levels that come out are exact.
const GRAIN: i128 = 1 << 30;

/// What was found: products at their collar, the columns that share them, and the columns' values.
#[derive(Clone)]
pub(super) struct Levelled {
    pub scarce: BTreeSet<usize>,
    pub shared: BTreeSet<usize>,
    /// Bids on what is scarce that the prices leave no surplus: whatever they get, they do not share.
    pub even: BTreeSet<usize>,
    /// Those whose own rows, or node, would hold them back if what is missing could be had.
    pub stand_back: BTreeSet<usize>,
    pub evenness: Evenness,
    pub values: Vec<Rat>,
    /// Where what is scarce was sent on to.
    pub behind: Behind,
}

/// How those that use the same scarce products share, but for those that can have no more of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evenness {
    /// Not in the same parts, as where a price needs somebody to have more of another product.
    Uneven,
    /// In the same parts.
    Same,
    /// And nobody with rows of its own, which would be why, has less than somebody who uses all that is scarce of what
    /// it uses.
    NoLess,
    /// And nobody with rows of its own has less than others of everything scarce that it uses.
    Everywhere,
}

/// How many levels more are tried for shares that are [`Evenness::Everywhere`] before others are taken.
const MORE_TURNS: usize = 4;

/// Levels of the products at their collar (by position in the component): of incumbents and of others.
pub(super) type Levels = BTreeMap<usize, (Rat, Rat)>;

/// By product (by position in the component), the columns in which it is bought and sold at its collar.
type Trade = Vec<(usize, usize)>;

/// The solved program of a book in which anything could be had at the collars, what is traded there, and what is missing.
type AsIfThere = (Simplex, Trade, Vec<usize>);

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

/// What arcs could carry where what is missing could be had. Those that are not full in truth hold prices down, and might be
/// full there.
#[derive(Clone, Copy, PartialEq)]
enum Carried {
    AsTheyAre,
    /// Whatever leads on from what is missing.
    FromMissing,
    Anything,
}

impl Sharing<'_> {
    /// Fills that share what is missing, and that go with the prices of the book in which it could be had at the
    /// collars: the first that are `accepted`. There are none where what a rationed bid leaves idle would keep a price.
    pub(super) fn as_priced<R>(&self, uneven: bool, accepted: impl Fn(Levelled) -> Option<R>) -> Option<R> {
        let (s, trade, missing) = self.as_if_there(Carried::AsTheyAre)?;
        self.shared(&s, &trade, &missing, uneven, accepted)
    }

    /// The same where whoever asks for what is sent on from there shares, too. `None` if nothing is sent on.
    pub(super) fn as_sent(
        &self,
        choose: impl Fn(&Polytope, &[Rat]) -> Option<(Vec<Rat>, Vec<Rat>)>,
    ) -> Option<Rationed> {
        if self.c.arcs.is_empty() {
            return None;
        }
        let each = [Carried::AsTheyAre, Carried::FromMissing, Carried::Anything].into_iter();
        let there = |carried: Carried| Some((carried, self.as_if_there(carried)?));
        let each: Vec<(Carried, AsIfThere)> = each.filter_map(there).collect();
        let sent = |s: &Simplex, missing: &[usize]| {
            let behind = Behind::of(self.m, self.c, self.model, s, missing);
            Sharing { behind, ..self.clone() }
        };
        let at_once = || {
            each.iter().find_map(|(carried, (s, trade, missing))| {
                let mut sent = sent(s, missing);
                let as_if_there = *carried == Carried::AsTheyAre;
                if as_if_there {
                    sent.behind.arcs.clear(); // what is traded where everything could be had says which
                }
                let priced = |found: Levelled| sent.priced(found, as_if_there, &choose);
                [false, true].into_iter().find_map(|uneven| sent.shared(s, trade, missing, uneven, priced))
            })
        };
        let by_levels = || {
            each.iter().find_map(|(_, (s, _, missing))| {
                let sent = sent(s, missing);
                sent.levelled(|found| sent.priced(found, false, &choose))
            })
        };
        at_once().or_else(by_levels)
    }

    /// The solved program of the book in which what is missing could be had at the collars, the columns in which
    /// that is traded, and what is missing.
    fn as_if_there(&self, carried: Carried) -> Option<AsIfThere> {
        let (mut lp, trade) = self.market();
        let missing = |s: &Simplex| (0..trade.len()).filter(|k| s.var(trade[*k].0).is_pos()).collect::<Vec<usize>>();
        let lifted = match carried {
            Carried::AsTheyAre => Vec::new(),
            Carried::FromMissing => {
                let s = self.solved(lp.clone())?;
                self.leading_on(missing(&s).iter().map(|k| self.c.products[*k]).collect())
            }
            Carried::Anything => self.c.arcs.clone(),
        };
        for (col, meaning) in lp.cols.iter_mut().zip(&self.model.meaning) {
            if matches!(meaning, Meaning::Arc(e) if lifted.contains(e)) {
                col.hi = None;
            }
        }
        let s = self.solved(lp)?;
        let missing = missing(&s);
        Some((s, trade, missing))
    }

    /// The arcs that lead on from these products, and from wherever they lead to, but to none of these themselves.
    fn leading_on(&self, missing: BTreeSet<usize>) -> Vec<usize> {
        let ends = |e: &usize| (self.m.arcs[*e].from, self.m.arcs[*e].to);
        let arcs: Vec<usize> = self.c.arcs.iter().copied().filter(|e| !missing.contains(&ends(e).1)).collect();
        let reached = reached(&arcs.iter().map(ends).collect::<Vec<_>>(), missing);
        arcs.into_iter().filter(|e| reached.contains(&ends(e).0)).collect()
    }

    fn shared<R>(
        &self,
        s: &Simplex,
        trade: &[(usize, usize)],
        missing: &[usize],
        uneven: bool,
        accepted: impl Fn(Levelled) -> Option<R>,
    ) -> Option<R> {
        let shares = |first: bool| {
            let mut columns = (0..self.lp.cols.len()).filter(|j| self.rationable(*j) && self.incumbent(*j) == first);
            columns.any(|j| !self.uses(j, missing.iter()).is_empty())
        };
        // incumbents have all and newcomers a part, or these have nothing
        let part = Rat::ratio(1, 2);
        let mut ways = vec![(Rat::ONE, part.clone())];
        if shares(true) {
            ways.push((part, Rat::ZERO));
        }
        ways.into_iter().find_map(|way| {
            let levels = missing.iter().map(|k| (*k, way.clone())).collect();
            let rows = if uneven { Rows::Loose } else { Rows::Open };
            let found = self.exact(s, trade, &levels, rows)?;
            let all = self.with_those_that_stand_back(&found, missing, uneven);
            accepted(found).or_else(|| accepted(all?))
        })
    }

    /// Whoever is held back by rows of its own where everything could be had, is rationed where it can't: its rows
    /// may have room then. `None` if there are none.
    /// Nor are they where their rows leave them less than those have who share with them, but where they may be `uneven`.
    fn with_those_that_stand_back(&self, found: &Levelled, missing: &[usize], uneven: bool) -> Option<Levelled> {
        let part = |j: usize| found.values[j].div(&self.model.units(j));
        let has_less = |j: usize| {
            let mine = self.uses(j, missing.iter());
            let more = |k: &usize| self.incumbent(*k) == self.incumbent(j) && !self.has_least(*k) && part(*k) > part(j);
            let mut others = found.shared.iter().filter(|k| more(k));
            others.any(|k| mine.iter().all(|product| self.uses(*k, missing.iter()).contains(product)))
        };
        let short = |j: &&usize| {
            let more = self.lp.cols[**j].hi.as_ref() != Some(&found.values[**j]);
            let shares = self.rationable(**j) && !self.uses(**j, missing.iter()).is_empty();
            more && shares && (uneven || !has_less(**j))
        };
        let mut all = found.clone();
        all.shared.extend(found.stand_back.iter().filter(short));
        (all.shared.len() > found.shared.len()).then_some(all)
    }

    /// Fills and prices that agree where some products are at their collar: the first found that are `accepted`.
    pub(super) fn levelled<R>(&self, accepted: impl Fn(Levelled) -> Option<R>) -> Option<R> {
        let rows = if self.model.own_row.is_empty() { &[Rows::Tight][..] } else { &[Rows::Tight, Rows::Apart] };
        let searches = rows.iter().flat_map(|rows| [(Way::Damped, *rows), (Way::Halved, *rows)]);
        searches.into_iter().find_map(|(way, rows)| self.search(way, rows, &accepted))
    }

    fn search<R>(&self, way: Way, rows: Rows, accepted: &impl Fn(Levelled) -> Option<R>) -> Option<R> {
        let mut levels = Levels::new();
        let mut paths = BTreeMap::new();
        let (mut lp, trade) = self.market();
        // a row of its own may be why one has less than others: that is found where the outcome is checked
        let (mut uneven, mut same, mut since) = (None, None, 0);
        let mut crowded = Vec::new();
        for _ in 0..TURNS {
            self.bound(&mut lp, &trade, &levels);
            let Some(s) = self.solved(lp.clone()) else { break };
            let values = s.values();
            let excess: Vec<Rat> = trade.iter().map(|(more, less)| &values[*more] - &values[*less]).collect();
            crowded = self.crowding(&s, &excess, &levels);
            match self.exact(&s, &trade, &levels, rows) {
                Some(found) if found.evenness == Evenness::Everywhere => {
                    if let Some(found) = accepted(found) {
                        return Some(found);
                    }
                }
                Some(found) if found.evenness >= Evenness::Same => same = same.or(Some(found)),
                Some(found) => uneven = uneven.or(Some(found)),
                None => {}
            }
            since += usize::from(same.is_some());
            if since > MORE_TURNS
                && let Some(found) = same.take().and_then(accepted)
            {
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
                break;
            }
            levels = next;
        }
        let found = same.and_then(accepted).or_else(|| accepted(uneven?));
        if found.is_none() && !crowded.is_empty() && self.losers.borrow().as_ref().is_none_or(Vec::is_empty) {
            *self.losers.borrow_mut() = Some(crowded);
        }
        found
    }

    /// The accepted blocks on what is missing although a level leaves newcomers, or incumbents, none of it; those first that
    /// gain least at the prices of a program. Some of them have to go: no level makes room for all.
    fn crowding(&self, s: &Simplex, excess: &[Rat], levels: &Levels) -> Vec<usize> {
        let is_closed =
            |k: &usize| excess[*k].is_pos() && levels.get(k).is_some_and(|(inc, new)| inc.is_zero() || new.is_zero());
        let closed: Vec<usize> = (0..excess.len()).filter(is_closed).collect();
        let gain = |j: usize| {
            let col = &self.lp.cols[j];
            let paid = |gain: Rat, (r, e): &(usize, Rat)| gain.sub_mul(e, &s.dual(*r));
            &col.entries.iter().fold(col.cost.clone(), paid) * &s.var(j)
        };
        let is_bid = |i: &usize| self.m.orders[*i].bid;
        let takes = |(i, j): &(&usize, &usize)| is_bid(i) && !self.uses(**j, closed.iter()).is_empty();
        let mut found: Vec<(Rat, [u8; 32], usize)> =
            self.accepted.iter().filter(takes).map(|(i, j)| (gain(*j), self.m.orders[*i].lot, *i)).collect();
        found.retain(|(.., i)| self.lp.cols[self.accepted[i]].lo.is_pos());
        found.sort();
        found.into_iter().map(|(.., i)| i).collect()
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
    fn market(&self) -> (Lp, Trade) {
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
    pub(super) fn level_of(&self, j: usize, levels: &Levels) -> Rat {
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
            own && self.moves(j, &level) && values[j] == self.at(j, &level)
        })
    }

    /// A column whose fill may be rationed: bids, of an accepted block what is above its least fill where it is not `apart`.
    pub(super) fn rationable(&self, j: usize) -> bool {
        let col = &self.lp.cols[j];
        if self.apart && col.lo.is_pos() {
            return false;
        }
        let bid = matches!(&self.model.meaning[j], Meaning::Orders { members, .. } if self.m.orders[members[0].0].bid);
        bid && col.hi.as_ref().is_some_and(|hi| *hi > col.lo)
    }

    /// Whether a level may bound a column: above the least fill of a block.
    fn moves(&self, j: usize, level: &Rat) -> bool {
        level * &self.model.units(j) >= self.lp.cols[j].lo
    }

    /// Whether a column is that of a block with a least fill, which nobody compares its own share with.
    pub(super) fn has_least(&self, j: usize) -> bool {
        self.lp.cols[j].lo.is_pos()
    }

    fn incumbent(&self, j: usize) -> bool {
        matches!(&self.model.meaning[j], Meaning::Orders { members, .. } if self.m.orders[members[0].0].incumbent)
    }

    /// Which of some products (by position in the component) a column takes of, there or behind them.
    pub(super) fn uses<'k>(&self, j: usize, products: impl Iterator<Item = &'k usize>) -> Vec<usize> {
        products.filter(|k| self.behind.takes(self.model, self.c, j, **k)).copied().collect()
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
            let at_least = |j: usize| self.has_least(j) && values[j] == self.lp.cols[j].lo;
            let mine = mine.iter().copied().filter(move |j| self.incumbent(*j) == first && !at_least(*j));
            let has = sum(mine.clone().map(|j| &entry(j) * &values[j]));
            let own = if first { &inc } else { &new };
            let held = mine.clone().filter(|j| {
                let level = self.level_of(*j, levels);
                level == *own && self.moves(*j, &level) && values[*j] == self.at(*j, &level)
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
}

/// A part of `has` less `excess`, where `top` is the greatest part that one of them has.
fn less(top: &Rat, has: &Rat, excess: &Rat) -> Rat {
    (top * &(has - excess)).div(has)
}

/// A level to the grain.
fn grained(level: &Rat) -> Rat {
    Rat::ratio((level * &Rat::int(GRAIN)).floor(), GRAIN)
}
