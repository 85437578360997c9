//! Rationing at the collar: prices that stop at the cap leave more demand than there is.
//!
//! Prices are those of the book in which anything missing could be had at the caps. What is
//! really there is then shared: divisible orders in the money that use the same products at
//! their cap get equal fills, raised together until something runs out (incumbents before
//! newcomers); orders without surplus come after them.
//!
//! If the smaller allocation leaves a product idle that those prices still charge for, the prices
//! are taken once more with the rationed fills as given (and the scarce products at their cap),
//! until allocation and prices agree. Where they do not, products with a price may not be idle (an
//! offer of several products may have to be), and at last what is scarce is not traded at all.
use super::model::{Meaning, Model};
use super::price::{Allocation, Polytope};
use super::problem::{Component, Market};
use super::ration::Levelled;
use super::rational::Rat;
use super::simplex::{End, Lp, Simplex};
use super::ties;
use std::collections::{BTreeMap, BTreeSet};

/// Fills and prices of a component with a product at its collar.
pub struct Rationed {
    pub values: Vec<Rat>,
    pub low: Vec<Rat>,
    pub high: Vec<Rat>,
    /// Whether the search that found them is known to have found the best.
    pub complete: bool,
}

/// How often prices and rationed fills are matched before the case is given up.
const ROUNDS: usize = 8;

/// What a column may do while what is scarce is shared.
#[derive(Clone, PartialEq)]
enum Role {
    Fixed(Rat),
    /// Raised together with its group.
    Share(usize),
    /// Without surplus: whatever the others leave.
    Free,
}

pub struct Sharing<'a> {
    pub m: &'a Market<'a>,
    pub c: &'a Component,
    /// The model with missing quantities allowed, and its bounds set to the accepted blocks.
    pub lp: &'a Lp,
    pub model: &'a Model,
    pub accepted: &'a BTreeMap<usize, usize>,
}

/// How much of what is scarce is shared, in the order of trying.
#[derive(Clone, Copy, PartialEq)]
enum Share {
    All,
    /// As much as leaves nothing idle that has a price.
    NothingIdle,
    Nothing,
}

impl Sharing<'_> {
    /// Prices with missing quantities at the caps, then fills without them.
    pub fn run(&self, choose: impl Fn(&Polytope, &[Rat]) -> Option<(Vec<Rat>, Vec<Rat>)>) -> Option<Rationed> {
        if let Some(found) = self.levelled() {
            return self.priced(found, choose);
        }
        [Share::All, Share::NothingIdle, Share::Nothing].into_iter().find_map(|share| self.matched(share, &choose))
    }

    /// The prices of fills that go with levels of what is scarce. `None` if an accepted block loses at them:
    /// then it is the block that can't be accepted.
    fn priced(
        &self,
        found: Levelled,
        choose: impl Fn(&Polytope, &[Rat]) -> Option<(Vec<Rat>, Vec<Rat>)>,
    ) -> Option<Rationed> {
        let (model, accepted) = (self.model, self.accepted);
        let a = Allocation { model, values: &found.values, accepted, families: true, at_cap: &found.scarce };
        let p = Polytope::of_shared(self.m, self.c, &a, &found.shared, false)?;
        // whoever has less than all of it shares at the collar of each product that is scarce
        let rationed = |j: &&usize| self.lp.cols[**j].hi.as_ref() != Some(&found.values[**j]);
        let short: BTreeSet<usize> =
            found.shared.iter().filter(rationed).flat_map(|j| &self.lp.cols[*j].entries).map(|e| e.0).collect();
        let held = |(i, k): (usize, &usize)| {
            let concerned = found.scarce.contains(k) && short.contains(&model.product_row[k]);
            !concerned || p.lo[i] == Rat::int(self.m.cap[*k])
        };
        if !self.c.products.iter().enumerate().all(held) {
            return None;
        }
        let (low, high) = choose(&p, &found.values)?;
        Some(Rationed { values: found.values, low, high, complete: true })
    }

    fn matched(
        &self,
        share: Share,
        choose: impl Fn(&Polytope, &[Rat]) -> Option<(Vec<Rat>, Vec<Rat>)>,
    ) -> Option<Rationed> {
        let mut s = Simplex::new(self.lp.clone());
        if s.solve() != End::Optimal {
            return None;
        }
        let virtual_values = ties::settle(self.m, self.model, &s);
        let none = BTreeSet::new();
        let dream = Allocation {
            model: self.model,
            values: &virtual_values,
            accepted: self.accepted,
            families: true,
            at_cap: &none,
        };
        let (mut low, mut high) = choose(&Polytope::of(self.m, self.c, &dream, true), &virtual_values)?;
        for _ in 0..ROUNDS {
            let (values, shared) = self.fills(&virtual_values, &low, share)?;
            let at_cap = self
                .c
                .products
                .iter()
                .zip(&low)
                .filter(|(k, p)| **p >= Rat::int(self.m.cap[**k]))
                .map(|(k, _)| *k)
                .collect();
            let real = Allocation {
                model: self.model,
                values: &values,
                accepted: self.accepted,
                families: true,
                at_cap: &at_cap,
            };
            let strict = Polytope::of_shared(self.m, self.c, &real, &shared, false);
            if let Some(p) = strict {
                if p.holds(&low) && p.holds(&high) {
                    return Some(Rationed { values, low, high, complete: share == Share::All });
                }
                (low, high) = choose(&p, &values)?;
            } else {
                let p = Polytope::of_shared(self.m, self.c, &real, &shared, true)?;
                (low, high) = choose(&p, &values)?;
            }
        }
        None
    }

    /// The surplus a unit of a column earns at these prices.
    fn surplus(&self, j: usize, price: &BTreeMap<usize, &Rat>) -> Rat {
        let c = &self.lp.cols[j];
        c.entries.iter().fold(c.cost.clone(), |t, (r, e)| price.get(r).map_or(t.clone(), |p| t.sub_mul(e, p)))
    }

    /// Fills without missing quantities, and the columns that were rationed.
    fn fills(&self, virtual_values: &[Rat], low: &[Rat], share: Share) -> Option<(Vec<Rat>, BTreeSet<usize>)> {
        let price: BTreeMap<usize, &Rat> =
            self.c.products.iter().zip(low).map(|(k, p)| (self.model.product_row[k], p)).collect();
        let at_cap: BTreeSet<usize> = self
            .c
            .products
            .iter()
            .zip(low)
            .filter(|(k, p)| **p >= Rat::int(self.m.cap[**k]))
            .map(|(k, _)| self.model.product_row[k])
            .collect();
        let mut groups: BTreeMap<(bool, Vec<usize>, Vec<usize>, usize), usize> = BTreeMap::new();
        let mut incumbents = Vec::new();
        let mut roles = Vec::with_capacity(self.lp.cols.len());
        for (j, col) in self.lp.cols.iter().enumerate() {
            let s = self.surplus(j, &price);
            let hi = col.hi.clone().unwrap_or_default();
            roles.push(match &self.model.meaning[j] {
                Meaning::Missing(_) => Role::Fixed(Rat::ZERO),
                Meaning::Orders { members, .. } => {
                    let o = &self.m.orders[members[0].0];
                    let mine: Vec<usize> = col.entries.iter().map(|e| e.0).filter(|r| at_cap.contains(r)).collect();
                    if col.lo == hi || s.is_neg() || (o.block && o.least.is_pos()) {
                        if s.is_neg() { Role::Fixed(col.lo.clone()) } else { Role::Fixed(virtual_values[j].clone()) }
                    } else if s.is_zero() {
                        Role::Free
                    } else if !o.bid || mine.is_empty() {
                        Role::Fixed(virtual_values[j].clone())
                    } else {
                        // an order with a row of its own, alternatives or a parent stands alone
                        let alone = if o.rows.is_empty() && !o.block && o.parent.is_none() { usize::MAX } else { j };
                        // one that a full node stops must not stop those on other nodes
                        let on = |r: &&usize| self.model.host_row.contains(r);
                        let rows: Vec<usize> = col.entries.iter().map(|e| &e.0).filter(on).copied().collect();
                        let n = groups.len();
                        let g = *groups.entry((o.incumbent, mine, rows, alone)).or_insert(n);
                        if g == n {
                            incumbents.push(o.incumbent);
                        }
                        Role::Share(g)
                    }
                }
                Meaning::Step(_) | Meaning::Arc(_) => match s.signum() {
                    0 => Role::Free,
                    1 => Role::Fixed(hi),
                    _ => Role::Fixed(Rat::ZERO),
                },
            });
        }
        let shared: BTreeSet<usize> = (0..roles.len()).filter(|j| matches!(roles[*j], Role::Share(_))).collect();
        let priced: Vec<usize> = match share {
            Share::NothingIdle => price.iter().filter(|(_, p)| p.is_pos()).map(|(row, _)| *row).collect(),
            _ => Vec::new(),
        };
        if share == Share::Nothing {
            for j in &shared {
                roles[*j] = Role::Fixed(self.lp.cols[*j].lo.clone());
            }
        }
        for first in [true, false] {
            let mut open: BTreeSet<usize> = (0..incumbents.len()).filter(|g| incumbents[*g] == first).collect();
            let mut level: BTreeMap<usize, Rat> = BTreeMap::new();
            let mut top = Rat::ZERO;
            while !open.is_empty() {
                top = self.raise(&roles, &level, &open, &top, &priced)?;
                for g in &open {
                    level.insert(*g, top.clone());
                }
                if top == Rat::ONE {
                    break;
                }
                let mut stuck = BTreeSet::new();
                for g in &open {
                    if self.raise(&roles, &level, &BTreeSet::from([*g]), &top, &priced)? <= top {
                        stuck.insert(*g);
                    }
                }
                if stuck.is_empty() {
                    break;
                }
                open.retain(|g| !stuck.contains(g));
            }
            for (j, r) in roles.iter_mut().enumerate() {
                if let Role::Share(g) = r
                    && let Some(v) = level.get(g)
                {
                    *r = Role::Fixed(self.at(j, v));
                }
            }
        }
        let mut lp = self.lp.clone();
        for (j, r) in roles.iter().enumerate() {
            // what is shared stays; everything else does the best that is left for it
            if let Role::Fixed(v) = r
                && (shared.contains(&j) || matches!(self.model.meaning[j], Meaning::Missing(_)))
            {
                lp.cols[j].lo = v.clone();
                lp.cols[j].hi = Some(v.clone());
            }
        }
        for row in priced {
            lp.range[row] = Some(Rat::ZERO);
        }
        let mut s = Simplex::new(lp);
        if s.solve() != End::Optimal {
            return None;
        }
        Some((ties::settle(self.m, self.model, &s), shared))
    }

    /// Supply that the prices want in full may stay idle where the rationed orders need none.
    fn loosen(&self, lp: &mut Lp) {
        for (j, meaning) in self.model.meaning.iter().enumerate() {
            if matches!(meaning, Meaning::Step(_) | Meaning::Arc(_)) {
                lp.cols[j].lo = Rat::ZERO;
            }
        }
    }

    /// The value of a column at a fill, as far as its own bound allows it.
    pub(super) fn at(&self, j: usize, fill: &Rat) -> Rat {
        (fill * &self.model.units(j)).min(self.lp.cols[j].hi.clone().unwrap_or_default())
    }

    /// The greatest common fill, from `start` up, of the open groups, the others at their level
    /// (or at nothing). An order whose own bound is under it stays at its bound.
    fn raise(
        &self,
        roles: &[Role],
        level: &BTreeMap<usize, Rat>,
        open: &BTreeSet<usize>,
        start: &Rat,
        priced: &[usize],
    ) -> Option<Rat> {
        let mut top = start.clone();
        loop {
            let mut lp = self.lp.clone();
            let mut together: BTreeMap<usize, Rat> = BTreeMap::new();
            // how far all can be raised before one of them reaches its own bound
            let mut next = &Rat::ONE - &top;
            for (j, r) in roles.iter().enumerate() {
                let col = &mut lp.cols[j];
                col.cost = Rat::ZERO;
                let fixed = match r {
                    Role::Free => continue,
                    Role::Fixed(v) => v.clone(),
                    Role::Share(g) if open.contains(g) => {
                        let (now, units) = (self.at(j, &top), self.model.units(j));
                        let room = &col.hi.clone().unwrap_or_default() - &now;
                        if room.is_pos() {
                            next = next.min(room.div(&units));
                            for (row, e) in &col.entries {
                                let t = together.entry(*row).or_default();
                                *t = &*t + &(e * &units);
                            }
                        }
                        now
                    }
                    Role::Share(g) => level.get(g).map_or(Rat::ZERO, |v| self.at(j, v)),
                };
                col.lo = fixed.clone();
                col.hi = Some(fixed);
            }
            if together.is_empty() {
                return Some(Rat::ONE);
            }
            for row in priced {
                lp.range[*row] = Some(Rat::ZERO);
            }
            self.loosen(&mut lp);
            let entries = together.into_iter().filter(|e| !e.1.is_zero()).collect();
            let more = lp.col(Rat::ONE, Rat::ZERO, Some(next.clone()), entries);
            let mut s = Simplex::new(lp);
            if s.solve() != End::Optimal {
                return None;
            }
            let by = s.var(more);
            top = &top + &by;
            if by < next || top == Rat::ONE {
                return Some(top);
            }
        }
    }
}

/// How many bids stay out one by one before others do.
const ONE_BY_ONE: u32 = 6;

/// The last resort where no prices under the collars were found that agree with a rationing, at its
/// `turn`: some orders stay out of this round, and the outcome says so. First, one by one, bids that
/// would pay more than the collars and ask for more than there is: what nobody could fill must not keep
/// the others from trading. Then offers of several products at once: what is sold of one of them hangs
/// on what is rationed of another. Then other bids that would pay more than the collars, the one that
/// asks for most first, and last all on what is missing.
pub fn starved(m: &Market, c: &Component, upper: &[Vec<Rat>], turn: u32) -> BTreeSet<usize> {
    let greedy = if turn < ONE_BY_ONE { greediest(m, c) } else { None };
    if let Some((_, i)) = greedy.as_ref().filter(|(share, _)| *share > Rat::ONE) {
        return BTreeSet::from([*i]);
    }
    let tying = |i: &&usize| !m.orders[**i].bid && m.orders[**i].alternatives.iter().any(|a| a.quantities.len() > 1);
    let tying: BTreeSet<usize> = c.orders.iter().filter(tying).copied().collect();
    if !tying.is_empty() {
        return tying;
    }
    if let Some((_, i)) = greedy {
        return BTreeSet::from([i]);
    }
    let model = Model::build(m, c, upper, true);
    let mut s = Simplex::new(model.lp.clone());
    let mut missing = BTreeSet::new();
    if s.solve() == End::Optimal {
        for (j, meaning) in model.meaning.iter().enumerate() {
            if let Meaning::Missing(k) = meaning
                && s.var(j).is_pos()
            {
                missing.insert(*k);
            }
        }
    }
    let uses = |i: &usize| {
        m.orders[*i].bid
            && m.orders[*i].alternatives.iter().flat_map(|a| &a.quantities).any(|(k, _)| missing.contains(k))
    };
    let gone: BTreeSet<usize> = c.orders.iter().copied().filter(uses).collect();
    if gone.is_empty() { c.orders.iter().copied().collect() } else { gone }
}

/// Of the bids that would pay more than the collars, the one that asks for most, and how much that is
/// of all that there is of a product.
fn greediest(m: &Market, c: &Component) -> Option<(Rat, usize)> {
    let mut supply: BTreeMap<usize, i128> = BTreeMap::new();
    for s in &c.steps {
        *supply.entry(m.steps[*s].product).or_default() += m.steps[*s].quantity;
    }
    for i in c.orders.iter().filter(|i| !m.orders[**i].bid) {
        for (k, q) in m.orders[*i].alternatives.iter().flat_map(|a| &a.quantities) {
            *supply.entry(*k).or_default() += q;
        }
    }
    let share = |i: &usize| {
        let beyond = m.orders[*i].alternatives.iter().filter(|a| {
            let at_caps: i128 = a.quantities.iter().map(|(k, q)| m.cap[*k] * q).sum();
            a.value > at_caps
        });
        let parts = beyond.flat_map(|a| &a.quantities).map(|(k, q)| {
            let there = supply.get(k).copied().unwrap_or(0).max(1);
            Rat::ratio(*q, there)
        });
        parts.max()
    };
    let bids = c.orders.iter().filter(|i| m.orders[**i].bid);
    let greedy = bids.filter_map(|i| Some((share(i)?, m.orders[*i].lot, *i)));
    greedy.max_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1))).map(|g| (g.0, g.2))
}
