//! Step D of the rule book's §5 at a collar: what shares leave idle there at its reserve price goes to refused blocks that gain.
//!
//! Shares are the first that go with prices, so that a block whose choice had others may gain at the prices of these and
//! find all that it asks for idle. With it nothing else changes, neither prices nor shares.
use super::model::{Meaning, Model};
use super::rational::{Rat, sum};
use super::search::{Best, Search};
use std::collections::BTreeMap;

impl Search<'_> {
    /// The same with refused bids that gain at its prices and are filled from idle steps alone, those that gain most first:
    /// blocks that are nobody's parent or child. Only where a collar rations; elsewhere the search, or a repair, has them.
    pub(super) fn with_idle(&self, model: &Model, mut best: Best) -> Best {
        let Some(shared) = &mut best.shared else { return best };
        let price: BTreeMap<usize, (&Rat, &Rat)> = self
            .c
            .products
            .iter()
            .zip(shared.low.iter().zip(&shared.high))
            .map(|(k, both)| (model.product_row[k], both))
            .collect();
        // steps whose reserve is the price, by the row of their product
        let mut idle: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (j, col) in model.lp.cols.iter().enumerate() {
            let Some((row, _)) = col.entries.first().filter(|_| matches!(model.meaning[j], Meaning::Step(_))) else {
                continue;
            };
            let reserve = -&col.cost;
            if price.get(row).is_some_and(|(low, high)| **low == reserve && **high == reserve) {
                idle.entry(*row).or_default().push(j);
            }
        }
        let mut left = model.lp.rhs.clone();
        for (col, x) in model.lp.cols.iter().zip(&shared.values).filter(|(_, x)| !x.is_zero()) {
            for (r, e) in col.entries.iter() {
                left[*r] = left[*r].sub_mul(e, x);
            }
        }
        let alone = |i: &usize| {
            let o = &self.m.orders[*i];
            o.bid && o.parent.is_none() && o.children.is_empty() && !best.accepted.contains_key(i)
        };
        let refused =
            model.blocks.iter().filter(|(i, _)| alone(i)).flat_map(|(i, cols)| cols.iter().map(move |j| (*i, *j)));
        let mut gaining: Vec<(Rat, [u8; 32], usize, usize)> = refused
            .map(|(i, j)| (-&(&model.gain(self.c, j, &shared.high) * &model.units(j)), self.m.orders[i].lot, i, j))
            .filter(|(loss, _, _, j)| loss.is_neg() && model.lp.cols[*j].hi.as_ref() == Some(&model.units(*j)))
            .collect();
        gaining.sort();
        for (loss, _, i, j) in gaining {
            let (units, entries) = (model.units(j), &model.lp.cols[j].entries);
            let rest = |values: &[Rat], step: usize| {
                model.lp.cols[step].hi.as_ref().map_or(Rat::ZERO, |hi| hi - &values[step]).max(Rat::ZERO)
            };
            let fits = entries.iter().all(|(r, e)| match price.get(r) {
                Some(_) => idle
                    .get(r)
                    .is_some_and(|steps| sum(steps.iter().map(|step| rest(&shared.values, *step))) >= e * &units),
                None => !model.host_row.contains(r) && left[*r] >= e * &units,
            });
            if !fits || best.accepted.contains_key(&i) {
                continue;
            }
            for (r, e) in entries.iter() {
                let Some(steps) = idle.get(r).filter(|_| price.contains_key(r)) else {
                    left[*r] = left[*r].sub_mul(e, &units);
                    continue;
                };
                let mut needs = e * &units;
                for step in steps {
                    let takes = needs.clone().min(rest(&shared.values, *step));
                    needs = &needs - &takes;
                    shared.values[*step] = &shared.values[*step] + &takes;
                }
            }
            shared.values[j] = units;
            best.accepted.insert(i, j);
            best.welfare = &best.welfare - &loss;
        }
        best
    }
}
