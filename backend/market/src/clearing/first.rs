//! Nobody comes first at a collar by asking for a least fill: what a block has there beyond it is no greater part than that
//! of a bid which asks for none and could have more.
//!
//! Fills are sought with one level for each block, which may be greater than those of others where prices would have
//! something sold to the last unit; that is no reason to refuse these. The independent check (`check/prices.rs`) has the
//! same rule in whole units.
use super::collar::Sharing;
use super::model::Meaning;
use super::problem::OrderRef;
use super::ration::Levelled;
use super::rational::Rat;
use super::simplex::Column;
use std::collections::BTreeSet;

impl Sharing<'_> {
    /// The accepted blocks (their orders) that come first so at these prices, which are by position in the component.
    pub(super) fn first(&self, found: &Levelled, price: &[Rat]) -> Vec<usize> {
        let values = &found.values;
        let part = |j: usize| values[j].div(&self.model.units(j));
        let alone = |o: &OrderRef| o.bid && o.alternatives.len() == 1 && o.parent.is_none() && o.children.is_empty();
        let gains = |j: usize| self.model.gain(self.c, j, price).is_pos();
        let mine = |(i, j): &(&usize, &usize)| {
            let all = (self.m.orders[**i].alternatives[0].quantities.len(), self.at_cap(**j, price).len());
            alone(&self.m.orders[**i]) && self.has_least(**j) && values[**j] > self.lp.cols[**j].lo && all.0 == all.1
        };
        // those that have less than they ask for, whatever they may be made of
        let short = |j: &usize| {
            let order = self.order(*j).filter(|o| alone(o) && !o.block);
            order.is_some()
                && self.lp.cols[*j].hi.as_ref() != Some(&values[*j])
                && gains(*j)
                && !self.is_held(*j, values)
        };
        let mut short_bids: Option<Vec<usize>> = None;
        let mut first = Vec::new();
        for (i, j) in self.accepted.iter().filter(mine).filter(|(_, j)| gains(**j)) {
            let at = self.at_cap(*j, price);
            let others = short_bids.get_or_insert_with(|| (0..values.len()).filter(short).collect());
            let waits = |k: &usize| {
                let Some(other) = self.order(*k).filter(|o| o.incumbent == self.m.orders[*i].incumbent) else {
                    return false;
                };
                let step = other.replicas.map_or(Rat::ZERO, |n| Rat::ratio(1, n));
                part(*j) > &part(*k) + &step && self.at_cap(*k, price) == at
            };
            if others.iter().any(waits) {
                first.push(*i);
            }
        }
        first
    }

    fn order(&self, j: usize) -> Option<&OrderRef> {
        match &self.model.meaning[j] {
            Meaning::Orders { members, .. } => Some(&self.m.orders[members[0].0]),
            _ => None,
        }
    }

    /// The products of a column that are at their collar.
    fn at_cap(&self, j: usize, price: &[Rat]) -> BTreeSet<usize> {
        let at = self.c.products.iter().zip(price).filter(|(k, p)| **p >= Rat::int(self.m.cap[**k]));
        let asks = |k: &usize| {
            let row = self.model.product_row[k];
            self.model.lp.cols[j].entries.iter().any(|(r, e)| *r == row && e.is_pos())
        };
        at.map(|(k, _)| *k).filter(asks).collect()
    }

    /// Whether a row of its own, or a node, leaves a column no room.
    fn is_held(&self, j: usize, values: &[Rat]) -> bool {
        let private = self.private_rows();
        self.lp.cols[j].entries.iter().map(|e| e.0).filter(|r| private.contains(r)).any(|row| {
            let of = |col: &Column| col.entries.iter().find(|e| e.0 == row).map(|e| e.1.clone());
            let used = self.lp.cols.iter().zip(values).filter_map(|(col, x)| Some(&of(col)? * x));
            used.fold(self.lp.rhs[row].clone(), |rest, u| &rest - &u) <= Rat::ZERO
        })
    }
}
