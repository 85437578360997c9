//! From rational fills to integers: floors, then what is left by largest remainder, then the
//! hash. Orders with replicas move in whole replicas. Supply follows demand, so a product is
//! slack by less than a unit (or a replica) per partly filled order. An offer in replicas lends another one
//! where nothing else supplies the part that the margin takes of it, unless nobody may lend what is not
//! bought (`lend_up`).
//!
//! Invariant: nothing is short in the end. What rounding leaves short is made up by another unit
//! lent or sent, else the bids with the least remainders give way, blocks last of all; a row of a
//! participant is tested on the integers themselves before anything moves.
use super::Limits;
use super::model::Meaning;
use super::problem::{Component, HostRow, Market, RowRef};
use super::proposal::Proposer;
use super::rational::{Rat, sum};
use super::search::Solved;
use std::collections::{BTreeMap, BTreeSet};

/// An order's integer award.
#[derive(Clone, Debug)]
pub struct Filled {
    pub alternative: usize,
    /// The rational fill before rounding.
    pub fill: Rat,
    /// Quantities in the order of the alternative's products.
    pub quantities: Vec<i128>,
}

/// The integers of one component.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    pub orders: BTreeMap<usize, Filled>,
    pub steps: BTreeMap<usize, i128>,
    pub flows: BTreeMap<usize, i128>,
    /// Orders that are owed all, and have a unit or two less.
    pub cut: BTreeSet<usize>,
}

pub(super) struct Rounding<'a> {
    pub(super) m: &'a Market<'a>,
    pub(super) hosts: &'a [HostRow],
    pub(super) upper: &'a [Vec<Rat>],
    /// Whether an offer in replicas may lend a whole one of which only a part is bought.
    lend_up: bool,
    pub(super) whole: Whole,
    /// By product: the orders that have some of it, and in which place of their quantities.
    users: BTreeMap<usize, Vec<(usize, usize)>>,
}

/// Flows are rounded from whole units down; where that leaves products with more over than rounding explains, from whole
/// units up as well, and whichever leaves fewer of them counts. Both may leave somebody short who is owed all, as arcs lose
/// a part of units: then integers are sought for all at once.
pub fn round(
    m: &Market,
    c: &Component,
    s: &Solved,
    upper: &[Vec<Rat>],
    limits: &Limits,
    proposer: &dyn Proposer,
) -> Whole {
    let lend_up = !limits.whole_replicas;
    let new = || Rounding { m, hosts: &c.hosts, upper, lend_up, whole: Whole::default(), users: BTreeMap::new() };
    let way = |up: bool| {
        let mut r = new();
        let over = r.run(c, s, up);
        (over, r.adds_up(c), r.whole)
    };
    let (mut over, mut adds_up, mut whole) = way(false);
    if over != (0, 0) {
        let (less, other_adds_up, other) = way(true);
        if less < over {
            (over, adds_up, whole) = (less, other_adds_up, other);
        }
    }
    let mut all = new();
    if over != (0, 0) || !adds_up || all.misses_a_whole(s, &whole) {
        let cut = |r: &mut Rounding| if limits.cut_units { r.in_integers(c, s, proposer, true) } else { None };
        return all.in_integers(c, s, proposer, false).or_else(|| cut(&mut all)).unwrap_or(whole);
    }
    whole
}

impl Rounding<'_> {
    /// How many products have more over in the end than rounding explains, and how many had before those who were
    /// rounded to nothing took some of it.
    fn run(&mut self, c: &Component, s: &Solved, flows_up: bool) -> (usize, usize) {
        let mut steps: BTreeMap<usize, Rat> = BTreeMap::new();
        let mut flows: BTreeMap<usize, Rat> = BTreeMap::new();
        for (j, meaning) in s.model.meaning.iter().enumerate() {
            let x = &s.values[j];
            match meaning {
                Meaning::Orders { alternative, members } if x.is_pos() => {
                    let fill = x.div(&s.model.units(j));
                    for (i, _) in members {
                        self.floor(*i, *alternative, fill.clone());
                    }
                }
                Meaning::Step(e) => {
                    steps.insert(*e, x.clone());
                }
                Meaning::Arc(e) => {
                    flows.insert(*e, x.clone());
                }
                _ => {}
            }
        }
        self.note_users();
        self.flow(c, &flows, &steps, flows_up);
        self.share(c, s);
        self.balance(c, &steps, s);
        if self.make_room() {
            self.balance(c, &steps, s);
        }
        let mut empty = self.take_out_empty();
        while self.orphaned() {
            self.balance(c, &steps, s);
            empty.extend(self.take_out_empty());
        }
        // what was to be sent from above is not taken back: it may be of use at its end
        if !flows_up {
            // what is taken back at the end of an arc may be left over at its beginning then
            let mut tidied = false;
            while self.tidy(c, &flows, &steps) {
                tidied = true;
            }
            if tidied {
                self.balance(c, &steps, s);
            }
        }
        if self.use_up(c, &steps, s) {
            self.balance(c, &steps, s);
        }
        if self.take_back(c, &steps, s) {
            self.balance(c, &steps, s);
        }
        let before = self.overfull(c, &steps, s).len();
        if before > 0 && self.give_emptied(c, empty, &steps, s) {
            self.balance(c, &steps, s);
        }
        if s.rationed && !self.between(s).is_empty() && !self.whole.orders.keys().any(|i| self.m.orders[*i].bid) {
            // of what a collar rations nothing arrives: so nothing is lent, used or sent for it
            self.whole.orders.clear();
            self.whole.steps.values_mut().chain(self.whole.flows.values_mut()).for_each(|q| *q = 0);
        }
        let over = if before > 0 { self.overfull(c, &steps, s).len() } else { 0 };
        self.fill_again(s);
        (over, before)
    }

    fn floor(&mut self, i: usize, alternative: usize, fill: Rat) {
        let o = &self.m.orders[i];
        let full = &o.alternatives[alternative].quantities;
        let quantities = match o.replicas {
            Some(n) => {
                let r = (&fill * &Rat::int(n)).floor();
                full.iter().map(|(_, q)| q / n * r).collect()
            }
            None => full.iter().map(|(_, q)| (&fill * &Rat::int(*q)).floor()).collect(),
        };
        self.whole.orders.insert(i, Filled { alternative, fill, quantities });
    }

    /// Whether a bound of the order's own leaves room for one unit (or replica) more.
    pub(super) fn may_add(&self, i: usize, at: usize) -> bool {
        let (o, f) = (&self.m.orders[i], &self.whole.orders[&i]);
        let full = &o.alternatives[f.alternative].quantities;
        let upper = &self.upper[i][f.alternative];
        let parts = match o.replicas {
            Some(_) => 0..full.len(),
            None => at..at + 1,
        };
        parts.into_iter().all(|p| {
            let more = f.quantities[p] + self.unit(i, p);
            more <= (upper * &Rat::int(full[p].1)).floor()
                && self.rows_allow(i, full[p].0, self.unit(i, p))
                && (!o.bid || self.hosts_allow(i, full[p].0))
        })
    }

    /// Whether every row of the order's participant still holds if it changes by so much.
    pub(super) fn rows_allow(&self, i: usize, k: usize, by: i128) -> bool {
        self.m.orders[i].rows.iter().all(|r| self.row_allows(*r, i, k, by))
    }

    pub(super) fn row_allows(&self, row: usize, i: usize, k: usize, by: i128) -> bool {
        let row = &self.m.rows[row];
        let Some(product) = row.product else {
            return by < 0 || self.budget_allows(row, i, k, by);
        };
        if product != k {
            return true;
        }
        let mut total = Rat::ZERO;
        for (n, a, v) in &row.terms {
            if let Some(f) = self.whole.orders.get(n).filter(|f| f.alternative == *a) {
                let full = &self.m.orders[*n].alternatives[*a].quantities;
                for ((_, _), q) in full.iter().zip(&f.quantities).filter(|x| x.0.0 == k) {
                    let q = q + if *n == i { by } else { 0 };
                    total = &total + &Rat::int(if v.is_neg() { -q } else { q });
                }
            }
        }
        total <= row.limit
    }

    /// Whether a budget, which counts fills, holds if an order changes by so much: each counts with all that it may
    /// have had before rounding, and with all that it has of any of its products.
    fn budget_allows(&self, row: &RowRef, i: usize, k: usize, by: i128) -> bool {
        let fill = |n: usize, f: &Filled| {
            let full = &self.m.orders[n].alternatives[f.alternative].quantities;
            let parts = full.iter().zip(&f.quantities).map(|((product, all), q)| {
                let more = if n == i && *product == k { by } else { 0 };
                Rat::ratio(q + more, *all)
            });
            parts.fold(f.fill.clone(), Rat::max)
        };
        let held = row.terms.iter().filter_map(|(n, a, v)| {
            let f = self.whole.orders.get(n).filter(|f| f.alternative == *a)?;
            Some(v * &fill(*n, f))
        });
        sum(held) <= row.limit
    }

    pub(super) fn unit(&self, i: usize, at: usize) -> i128 {
        let o = &self.m.orders[i];
        let full = o.alternatives[self.whole.orders[&i].alternative].quantities[at].1;
        o.replicas.map_or(1, |n| full / n)
    }

    /// Takes back what orders have whose parent was rounded away.
    fn orphaned(&mut self) -> bool {
        let orphan = |i: &usize| self.m.orders[*i].parent.is_some_and(|p| !self.whole.orders.contains_key(&p));
        let orphans: Vec<usize> = self.whole.orders.keys().copied().filter(orphan).collect();
        orphans.iter().for_each(|i| {
            self.whole.orders.remove(i);
        });
        !orphans.is_empty()
    }

    pub(super) fn note_users(&mut self) {
        for (i, f) in &self.whole.orders {
            for (p, (k, _)) in self.m.orders[*i].alternatives[f.alternative].quantities.iter().enumerate() {
                self.users.entry(*k).or_default().push((*i, p));
            }
        }
    }

    /// The bids (or offers) that have some of a product, in which place of their quantities.
    pub(super) fn users(&self, k: usize, bids: bool) -> impl Iterator<Item = (usize, usize, &Filled)> {
        let users = self.users.get(&k).into_iter().flatten();
        let left = users.filter_map(|(i, p)| Some((*i, *p, self.whole.orders.get(i)?)));
        left.filter(move |(i, ..)| self.m.orders[*i].bid == bids)
    }

    /// What of a product the bids (or offers) have now, in integers.
    pub(super) fn total(&self, k: usize, bids: bool) -> i128 {
        self.users(k, bids).map(|(_, p, f)| f.quantities[p]).sum()
    }

    /// Distributes among the bids what their floors left over.
    fn share(&mut self, c: &Component, s: &Solved) {
        let mut demand: BTreeMap<usize, Rat> = BTreeMap::new();
        let mut most: BTreeMap<usize, Rat> = BTreeMap::new();
        for (i, f) in &self.whole.orders {
            let o = &self.m.orders[*i];
            for (p, (k, q)) in o.alternatives[f.alternative].quantities.iter().enumerate() {
                let t = if o.bid { demand.entry(*k).or_default() } else { most.entry(*k).or_default() };
                let v = &f.fill * &Rat::int(*q);
                *t = &*t
                    + &(if o.bid {
                        v
                    } else {
                        let parts = o.replicas.map_or(!v.is_int(), |n| !(&f.fill * &Rat::int(n)).is_int());
                        let more = parts && (o.replicas.is_none() || self.lend_up) && self.may_add(*i, p);
                        let lent = f.quantities[p];
                        Rat::int(if more { lent + self.unit(*i, p) } else { lent })
                    });
            }
        }
        for (j, meaning) in s.model.meaning.iter().enumerate() {
            if let Meaning::Step(e) = meaning
                && s.values[j].is_pos()
            {
                let t = most.entry(self.m.steps[*e].product).or_default();
                *t = &*t + &Rat::int(self.m.steps[*e].quantity);
            }
        }
        for (e, z) in &self.whole.flows {
            let a = &self.m.arcs[*e];
            let t = most.entry(a.from).or_default();
            *t = &*t - &Rat::int(*z);
            let t = most.entry(a.to).or_default();
            *t = &*t + &(&a.ratio * &Rat::int(*z));
        }
        let mut left: BTreeMap<usize, i128> = BTreeMap::new();
        for k in &c.products {
            let target = demand.get(k).map_or(0, Rat::floor).min(most.get(k).map_or(0, Rat::floor));
            left.insert(*k, target - self.total(*k, true));
        }
        // whole replicas first
        let mut queue: Vec<(Rat, [u8; 32], usize)> = Vec::new();
        for (i, f) in &self.whole.orders {
            let o = &self.m.orders[*i];
            if let (true, Some(n)) = (o.bid, o.replicas) {
                let x = &f.fill * &Rat::int(n);
                if !x.is_int() && self.may_add(*i, 0) {
                    queue.push((&Rat::int(x.floor()) - &x, o.lot, *i));
                }
            }
        }
        queue.sort();
        for (_, _, i) in queue {
            let alt = self.whole.orders[&i].alternative;
            let keys: Vec<usize> = self.m.orders[i].alternatives[alt].quantities.iter().map(|q| q.0).collect();
            let units: Vec<i128> = (0..keys.len()).map(|p| self.unit(i, p)).collect();
            if keys.iter().zip(&units).all(|(k, u)| left[k] >= *u) && self.may_add(i, 0) {
                for (k, u) in keys.iter().zip(&units) {
                    *left.entry(*k).or_insert(0) -= u;
                }
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities.iter_mut().zip(&units).for_each(|(q, u)| *q += u);
                }
            }
        }
        let flowing = !self.between(s).is_empty();
        for k in &c.products {
            let queue = self.remainders(*k, true);
            for (_, _, i, p) in queue {
                if left[k] <= 0 {
                    break;
                }
                if !self.may_add(i, p) {
                    continue;
                }
                *left.entry(*k).or_insert(0) -= 1;
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities[p] += 1;
                }
            }
            // where flows can change, what is short is moved on first (`balance`)
            if !flowing {
                self.give_way(*k, &mut left);
            }
        }
        self.lend_whole(c);
    }

    /// Lenders too are rounded so that their sum stays what it is: by largest remainder.
    fn lend_whole(&mut self, c: &Component) {
        let mut sums: BTreeMap<usize, Rat> = BTreeMap::new();
        for (i, f) in &self.whole.orders {
            let o = &self.m.orders[*i];
            if o.bid || o.replicas.is_some() {
                continue;
            }
            for ((k, full), q) in o.alternatives[f.alternative].quantities.iter().zip(&f.quantities) {
                let rest = (&f.fill * &Rat::int(*full)).sub_mul(&Rat::ONE, &Rat::int(*q));
                let t = sums.entry(*k).or_default();
                *t = &*t + &rest;
            }
        }
        for k in c.products.iter().filter(|k| sums.contains_key(k)) {
            let mut left = sums[k].floor();
            for (_, _, i, p) in self.remainders(*k, false) {
                if left <= 0 {
                    break;
                }
                if self.may_add(i, p)
                    && let Some(f) = self.whole.orders.get_mut(&i)
                {
                    f.quantities[p] += 1;
                    left -= 1;
                }
            }
        }
    }

    /// A floor can be too much only if a flow or an offer was rounded down: then the partly filled
    /// bids with the least remainders give a unit (or a replica) back.
    fn give_way(&mut self, k: usize, left: &mut BTreeMap<usize, i128>) {
        let mut queue: Vec<(u8, Rat, [u8; 32], usize)> = Vec::new();
        for (i, p, f) in self.users(k, true) {
            let o = &self.m.orders[i];
            let full = &o.alternatives[f.alternative].quantities;
            if f.quantities[p] > 0 {
                let units = Rat::int(o.replicas.unwrap_or(full[p].1));
                let x = &f.fill * &units;
                // full orders last but for blocks at their least fill
                let rank = match f.fill == Rat::ONE {
                    _ if o.least.is_pos() && f.fill <= o.least => 2,
                    true => 1,
                    false => 0,
                };
                queue.push((rank, &x - &Rat::int(x.floor()), o.lot, i));
            }
        }
        queue.sort();
        for (_, _, _, i) in queue {
            if left[&k] >= 0 {
                break;
            }
            let o = &self.m.orders[i];
            let alternative = self.whole.orders[&i].alternative;
            let parts: Vec<(usize, usize, i128)> = o.alternatives[alternative]
                .quantities
                .iter()
                .enumerate()
                .map(|(p, (q, _))| (p, *q, self.unit(i, p)))
                .filter(|(_, q, _)| o.replicas.is_some() || *q == k)
                .collect();
            let whole = |(p, q, unit): &(usize, usize, i128)| {
                self.whole.orders[&i].quantities[*p] >= *unit && self.rows_allow(i, *q, -unit)
            };
            if !parts.iter().all(whole) {
                continue;
            }
            for (p, q, unit) in parts {
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities[p] -= unit;
                    *left.entry(q).or_insert(0) += unit;
                }
            }
        }
    }

    /// Lets supply follow until nothing is short.
    fn balance(&mut self, c: &Component, steps: &BTreeMap<usize, Rat>, s: &Solved) {
        let mut turns = 8 + 2 * (c.orders.len() + c.arcs.len());
        loop {
            let short: Vec<(usize, i128)> =
                c.products.iter().map(|k| (*k, self.supply(*k, steps))).filter(|x| x.1 > 0).collect();
            let Some((k, missing)) = short.first() else {
                // a replica lent for one product is there in all of them: steps follow once more
                for k in &c.products {
                    self.supply(*k, steps);
                }
                return;
            };
            turns -= 1;
            if turns == 0 {
                return;
            }
            if self.send_more(*k, s) || self.move_on(*k, *missing, steps, s) {
                continue;
            }
            let mut left: BTreeMap<usize, i128> = c.products.iter().map(|k| (*k, 0)).collect();
            left.insert(*k, -missing);
            self.give_way(*k, &mut left);
        }
    }

    /// Supply of one product: lenders as filled, then the operator's steps, cheapest first.
    /// Returns what is still short.
    pub(super) fn supply(&mut self, k: usize, steps: &BTreeMap<usize, Rat>) -> i128 {
        let mut rest = self.needed(k).ceil();
        let mut order: Vec<usize> = self.m.steps_of[k].clone();
        order.sort_by_key(|e| (self.m.steps[*e].reserve, self.m.steps[*e].index));
        let room: i128 = order.iter().filter(|e| steps[*e].is_pos()).map(|e| self.m.steps[*e].quantity).sum();
        if rest > room {
            for (_, _, i, p) in self.remainders(k, false) {
                if rest <= room {
                    break;
                }
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities[p] += 1;
                    rest -= 1;
                }
            }
        }
        if self.lend_up && rest > room {
            for (_, _, i, p) in self.parts_of_replicas(k) {
                if rest <= room {
                    break;
                }
                let units: Vec<i128> = (0..self.whole.orders[&i].quantities.len()).map(|p| self.unit(i, p)).collect();
                rest -= units[p];
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities.iter_mut().zip(&units).for_each(|(q, u)| *q += u);
                }
            }
        }
        for e in order {
            let q = if steps[&e].is_pos() { self.m.steps[e].quantity.min(rest.max(0)) } else { 0 };
            rest -= q;
            self.whole.steps.insert(e, q);
        }
        rest
    }
}
