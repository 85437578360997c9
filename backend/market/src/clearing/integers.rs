//! Rounding as a whole, where unit by unit it takes from who is owed all: flows, steps in use and orders at the margin
//! as integers, everybody else with just what they have won.
//!
//! Prices are those of the fills before rounding, so whoever is worth more than they pay has to have all of it, and a
//! product that costs something may have less than a unit over. Along a chain of arcs that lose something few integers do
//! both. They are proposed from outside (`Proposer::integers`) and counted again here.
use super::model::Meaning;
use super::problem::Component;
use super::proposal::{IntegerColumn, IntegerProgram, IntegerRow, Proposer};
use super::rational::Rat;
use super::rounding::{Filled, Rounding, Whole};
use super::search::Solved;
use std::collections::{BTreeMap, BTreeSet};

/// How many units who is owed all may have less, where that is allowed, and of how many orders those that would miss a
/// unit least.
const CUT: i128 = 2;
const MOST_CUT: usize = 200;

/// How far a flow, a step or an order at the margin may be from what it was before rounding, in units: near first, as a
/// search among few is soon done.
const REACHES: [i128; 2] = [8, 60];

/// Under a unit: what a product that costs something may have over.
const LESS_THAN_A_UNIT: (i128, i128) = (999, 1_000);

/// Programs of more columns than this are not tried.
const MOST_COLUMNS: usize = 400;

/// What a column stands for.
#[derive(Clone, Copy)]
enum Stands {
    Arc(usize),
    Step(usize),
    /// An order, and the place in its quantities.
    Part(usize, usize),
}

/// The program, and what is not a variable of it.
struct Program {
    columns: Vec<(Stands, IntegerColumn)>,
    orders: BTreeMap<usize, Filled>,
    steps: BTreeMap<usize, i128>,
    flows: BTreeMap<usize, i128>,
}

impl Rounding<'_> {
    /// Whether somebody who had all of it before rounding has less now.
    pub(super) fn misses_a_whole(&self, s: &Solved, whole: &Whole) -> bool {
        let all = |(meaning, x): (&Meaning, &Rat), j: usize| match meaning {
            Meaning::Orders { alternative, members } if x.is_pos() && x.div(&s.model.units(j)) == Rat::ONE => {
                members.iter().all(|(i, _)| {
                    let full = &self.m.orders[*i].alternatives[*alternative].quantities;
                    whole.orders.get(i).is_some_and(|f| f.quantities.iter().zip(full).all(|(got, q)| *got == q.1))
                })
            }
            _ => true,
        };
        !s.model.meaning.iter().zip(&s.values).enumerate().all(|(j, pair)| all(pair, j))
    }

    /// Integers with which nobody misses anything; none where no such are found.
    /// `cut`: where somebody may have a unit or two less.
    pub(super) fn in_integers(
        &mut self,
        c: &Component,
        s: &Solved,
        proposer: &dyn Proposer,
        cut: bool,
    ) -> Option<Whole> {
        let between = self.between(s);
        if between.is_empty() {
            return None;
        }
        REACHES.into_iter().find_map(|reach| {
            let mut program = self.program(c, s, &between, reach);
            if cut {
                self.open_to_cuts(c, s, &mut program);
            }
            if program.columns.is_empty() || program.columns.len() > MOST_COLUMNS {
                return None;
            }
            let values = proposer.integers(&self.rows(c, s, &program))?;
            self.take(c, s, program, &values)
        })
    }

    /// Whether nothing is short, and quantities are what fills are rounded to.
    pub(super) fn adds_up(&self, c: &Component) -> bool {
        let is_rounded = |(i, f): (&usize, &Filled)| {
            let o = &self.m.orders[*i];
            let full = &o.alternatives[f.alternative].quantities;
            let apart = |(got, (_, q)): (&i128, &(usize, i128))| (&Rat::int(*got) - &(&f.fill * &Rat::int(*q))).abs();
            o.replicas.is_some() || f.quantities.iter().zip(full).all(|pair| apart(pair) <= Rat::ONE)
        };
        !c.products.iter().any(|k| self.short_with(*k).is_pos()) && self.whole.orders.iter().all(is_rounded)
    }

    fn program(&self, c: &Component, s: &Solved, between: &BTreeSet<usize>, reach: i128) -> Program {
        let mut p = Program {
            columns: Vec::new(),
            orders: BTreeMap::new(),
            steps: c.steps.iter().map(|e| (*e, 0)).collect(),
            flows: c.arcs.iter().map(|e| (*e, 0)).collect(),
        };
        let near = |x: &Rat, most: i128| IntegerColumn {
            least: (x.floor() - reach).max(0),
            most: (x.ceil() + reach).min(most),
            gain: Rat::ZERO,
        };
        for (j, meaning) in s.model.meaning.iter().enumerate() {
            let x = &s.values[j];
            match meaning {
                Meaning::Arc(e) if between.contains(e) => {
                    p.columns.push((Stands::Arc(*e), near(x, self.most(*e))));
                }
                Meaning::Arc(e) => {
                    p.flows.insert(*e, x.floor());
                }
                Meaning::Step(e) => match self.m.steps[*e].quantity {
                    most if x.is_pos() && *x < Rat::int(most) => {
                        p.columns.push((Stands::Step(*e), near(x, most)));
                    }
                    _ => {
                        p.steps.insert(*e, x.floor());
                    }
                },
                Meaning::Orders { alternative, members } if x.is_pos() => {
                    let fill = x.div(&s.model.units(j));
                    for (i, _) in members {
                        self.order(&mut p, *i, (*alternative, &fill), if members.len() == 1 { reach } else { 0 });
                    }
                }
                _ => {}
            }
        }
        p
    }

    /// Who has all of it keeps it; a part may be a unit more or less. One that is like nobody else and of one product
    /// may have any part, as it is indifferent.
    fn order(&self, p: &mut Program, i: usize, (alternative, fill): (usize, &Rat), reach: i128) {
        let o = &self.m.orders[i];
        let full = &o.alternatives[alternative].quantities;
        let floor = |q: i128| match o.replicas {
            Some(n) => (fill * &Rat::int(n)).floor() * (q / n),
            None => (fill * &Rat::int(q)).floor(),
        };
        let quantities = full.iter().map(|(_, q)| floor(*q)).collect();
        p.orders.insert(i, Filled { alternative, fill: fill.clone(), quantities });
        if *fill == Rat::ONE || o.replicas.is_some() || !o.rows.is_empty() {
            return;
        }
        let reach = if full.len() == 1 && !o.block { reach } else { 0 };
        for (at, (_, q)) in full.iter().enumerate() {
            let x = fill * &Rat::int(*q);
            let (least, most) = ((x.floor() - reach).max(0), (x.ceil() + reach).min(*q));
            let column = IntegerColumn { least, most, gain: Rat::ZERO };
            p.columns.push((Stands::Part(i, at), column));
        }
    }

    /// Lets those who have all of one product have a little less: what a unit gains beyond its price is what it costs.
    fn open_to_cuts(&self, c: &Component, s: &Solved, p: &mut Program) {
        let price: BTreeMap<usize, &Rat> = c.products.iter().copied().zip(&s.low).collect();
        let mut queue: Vec<(Rat, [u8; 32], usize, i128)> = Vec::new();
        for (i, f) in p.orders.iter().filter(|(_, f)| f.fill == Rat::ONE) {
            let o = &self.m.orders[*i];
            let is_plain = o.replicas.is_none() && !o.block && o.rows.is_empty() && o.parent.is_none();
            let [(k, q)] = o.alternatives[f.alternative].quantities[..] else { continue };
            if let Some(price) = price.get(&k).filter(|_| is_plain && o.children.is_empty()) {
                let each = Rat::ratio(o.alternatives[f.alternative].value, q);
                queue.push((if o.bid { &each - *price } else { *price - &each }, o.lot, *i, q));
            }
        }
        queue.sort();
        for (gain, _, i, q) in queue.into_iter().take(MOST_CUT) {
            p.columns.push((Stands::Part(i, 0), IntegerColumn { least: (q - CUT).max(1), most: q, gain }));
        }
    }

    /// Supply less demand of each product, and what is over by its price.
    fn rows(&self, c: &Component, s: &Solved, p: &Program) -> IntegerProgram {
        let mut over: BTreeMap<usize, Rat> = c.products.iter().map(|k| (*k, Rat::ZERO)).collect();
        let mut add = |k: usize, by: &Rat| {
            if let Some(sum) = over.get_mut(&k) {
                *sum = &*sum + by;
            }
        };
        let mut free = BTreeSet::new();
        for (stands, _) in &p.columns {
            if let Stands::Part(i, at) = stands {
                free.insert((*i, *at));
            }
        }
        for (i, f) in &p.orders {
            let o = &self.m.orders[*i];
            for (at, ((k, _), q)) in o.alternatives[f.alternative].quantities.iter().zip(&f.quantities).enumerate() {
                if !free.contains(&(*i, at)) {
                    add(*k, &Rat::int(if o.bid { -q } else { *q }));
                }
            }
        }
        for (e, used) in &p.steps {
            add(self.m.steps[*e].product, &Rat::int(*used));
        }
        for (e, z) in &p.flows {
            let a = &self.m.arcs[*e];
            add(a.from, &Rat::int(-z));
            add(a.to, &(&a.ratio * &Rat::int(*z)));
        }
        let price: BTreeMap<usize, &Rat> = c.products.iter().copied().zip(&s.low).collect();
        let mut terms: BTreeMap<usize, Vec<(usize, Rat)>> = BTreeMap::new();
        let mut columns = Vec::new();
        for (j, (stands, column)) in p.columns.iter().enumerate() {
            let parts = match stands {
                Stands::Arc(e) => {
                    let a = &self.m.arcs[*e];
                    vec![(a.from, Rat::int(-1)), (a.to, a.ratio.clone())]
                }
                Stands::Step(e) => vec![(self.m.steps[*e].product, Rat::ONE)],
                Stands::Part(i, at) => {
                    let o = &self.m.orders[*i];
                    let k = o.alternatives[p.orders[i].alternative].quantities[*at].0;
                    vec![(k, Rat::int(if o.bid { -1 } else { 1 }))]
                }
            };
            // what is over is lost at its price
            let lost = parts.iter().filter_map(|(k, by)| Some(by * *price.get(k)?)).fold(Rat::ZERO, |t, v| &t + &v);
            columns.push(IntegerColumn { gain: &column.gain - &lost, ..column.clone() });
            for (k, by) in parts {
                terms.entry(k).or_default().push((j, by));
            }
        }
        let less_than_a_unit = Rat::ratio(LESS_THAN_A_UNIT.0, LESS_THAN_A_UNIT.1);
        let rows = over.into_iter().map(|(k, there)| IntegerRow {
            terms: terms.remove(&k).unwrap_or_default(),
            least: -&there,
            most: price.get(&k).filter(|price| price.is_pos()).map(|_| &less_than_a_unit - &there),
        });
        IntegerProgram { rows: rows.collect(), columns }
    }

    /// The outcome with these integers, if they do what they are for.
    fn take(&mut self, c: &Component, s: &Solved, p: Program, values: &[i128]) -> Option<Whole> {
        let Program { columns, mut orders, mut steps, mut flows } = p;
        if values.len() != columns.len() {
            return None;
        }
        for ((stands, column), value) in columns.iter().zip(values) {
            if !(column.least..=column.most).contains(value) {
                return None;
            }
            match stands {
                Stands::Arc(e) => drop(flows.insert(*e, *value)),
                Stands::Step(e) => drop(steps.insert(*e, *value)),
                Stands::Part(i, at) => orders.get_mut(i)?.quantities[*at] = *value,
            }
        }
        let mut cut = BTreeSet::new();
        for (i, f) in &mut orders {
            let full = &self.m.orders[*i].alternatives[f.alternative].quantities;
            if f.fill == Rat::ONE && f.quantities.iter().zip(full).any(|(got, (_, q))| got < q) {
                f.fill = Rat::ratio(f.quantities[0], full[0].1);
                cut.insert(*i);
            }
        }
        // whoever has nothing is no winner; where others need it to be one, this is no outcome
        orders.retain(|_, f| f.quantities.iter().any(|q| *q > 0));
        let needs = |i: &usize| self.m.orders[*i].parent.is_some_and(|parent| !orders.contains_key(&parent));
        if orders.keys().any(needs) {
            return None;
        }
        self.whole = Whole { orders, steps, flows, cut };
        self.note_users();
        let used: BTreeMap<usize, Rat> = self.whole.steps.iter().map(|(e, q)| (*e, Rat::int(*q))).collect();
        let short = |k: &usize| self.short_with(*k).is_pos();
        if c.products.iter().any(short) || !self.overfull(c, &used, s).is_empty() {
            return None;
        }
        self.fill_again(s);
        Some(std::mem::take(&mut self.whole))
    }

    /// What a product is short of with the steps as they are used.
    fn short_with(&self, k: usize) -> Rat {
        let used: i128 = self.m.steps_of[k].iter().map(|e| self.whole.steps.get(e).copied().unwrap_or(0)).sum();
        &self.needed(k) - &Rat::int(used)
    }
}
