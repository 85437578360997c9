//! Which blocks and coarse lots are filled: a branch and bound over the continuous problem.
//!
//! Any prices bound the welfare from above (weak duality), so a branch is cut as soon as its D(π) is no better than the
//! best award known. Its length is a count of work.

use super::round::whole;
use crate::model::{Model, Source};
use crate::price_search::{Point, close, close_enough};
use headroom_market::clearing::book::{Book, Side};

/// Columns looked at in all, over all branches; where sellers have costs, a round trusts the first ones more.
const MOST_WORK: usize = 1_000_000;
const MOST_WORK_WITH_COSTS: usize = 100_000;
const MOST_BRANCHES: usize = 3_000;
/// Prices of a branch are no more exact than this width.
const BOUND_WIDTH: f64 = 1e-5;
/// A fill this close to whole is whole.
const CLOSE: f64 = 1e-6;
/// Bids of more lots than this are rounded and not branched on.
const FEW_LOTS: i64 = 8;

pub struct Tree<'b> {
    book: &'b Book,
    model: Model,
    is_divisible: &'b [bool],
    best: Option<(f64, Vec<i64>)>,
    /// Offers, supply and arcs all sell for nothing, or there are none: awards are worth what their bids are.
    sells_free: bool,
}

/// Bounds of columns: (column, low, high).
type Fixed = Vec<(usize, f64, f64)>;

struct Branch {
    fixed: Fixed,
    from: Point,
    bound: f64,
}

/// Lots by alternative of the best award found; divisible alternatives are 0.
pub fn best(book: &Book, model: &Model, is_divisible: &[bool], root: &Point) -> Vec<i64> {
    let divisible = |column: &usize| is_divisible[*column];
    let sells_free = (0..model.columns()).filter(divisible).all(|c| model.worth[c] == 0.0);
    let mut tree = Tree { book, model: model.clone(), is_divisible, best: None, sells_free };
    tree.walk(root);
    tree.best.map_or_else(|| vec![0; book.alternatives.len()], |(_, lots)| lots)
}

impl Tree<'_> {
    fn walk(&mut self, root: &Point) {
        let work = if self.sells_free { MOST_WORK } else { MOST_WORK_WITH_COSTS };
        let most = (work / self.model.columns().max(1)).clamp(1, MOST_BRANCHES);
        let mut open = vec![Branch { fixed: Vec::new(), from: root.clone(), bound: f64::INFINITY }];
        let mut count = 0;
        let (low, high) = (self.model.low.clone(), self.model.high.clone());
        while let Some(branch) = open.pop() {
            if count > most || self.is_cut(branch.bound) {
                continue;
            }
            for (column, low, high) in &branch.fixed {
                (self.model.low[*column], self.model.high[*column]) = (*low, *high);
            }
            let found = if count == 0 { branch.from } else { self.solve(branch.from) };
            count += 1;
            let bound = self.dual(&found.price);
            if !self.is_cut(bound) {
                let split = self.branches(&found);
                // Rounding a branch costs as much as solving it: now and then, and where nothing is left to split.
                if split.is_none() || self.sells_free || count.is_power_of_two() {
                    self.candidate(&found);
                }
                if let Some([first, second]) = split.filter(|_| !self.is_cut(bound)) {
                    for fixed in [second, first] {
                        let fixed = branch.fixed.iter().copied().chain(fixed).collect();
                        open.push(Branch { fixed, from: found.clone(), bound });
                    }
                }
            }
            for (column, ..) in &branch.fixed {
                (self.model.low[*column], self.model.high[*column]) = (low[*column], high[*column]);
            }
        }
    }

    fn is_cut(&self, bound: f64) -> bool {
        self.best.as_ref().is_some_and(|(best, _)| bound <= best + 1e-9 * best.abs() + 1e-3)
    }

    fn solve(&self, mut from: Point) -> Point {
        for (column, fill) in from.fill.iter_mut().enumerate() {
            *fill = fill.clamp(self.model.low[column], self.model.high[column]);
        }
        close_enough(&self.model, from, BOUND_WIDTH)
    }

    /// D(π) within the bounds of a branch.
    fn dual(&self, price: &[f64]) -> f64 {
        let model = &self.model;
        let gain = |c: usize| {
            model.worth[c] - model.entries(c).map(|e| model.units[e] * price[model.row[e] as usize]).sum::<f64>()
        };
        let mut bound: f64 = model.supply.iter().zip(price).map(|(supply, price)| supply * price).sum();
        for set in 0..model.sets.len() - 1 {
            let columns = model.set(set);
            // What has to be filled, and the best of what may be.
            let forced: f64 = columns.clone().map(|c| model.low[c] * gain(c)).sum();
            let left = 1.0 - columns.clone().map(|c| model.low[c]).sum::<f64>();
            let more = |c: usize| gain(c).max(0.0) * (model.high[c] - model.low[c]).min(left.max(0.0));
            bound += forced + columns.map(more).fold(0.0, f64::max);
        }
        bound
    }

    /// Splits where the fills are no award: towards more first.
    fn branches(&self, found: &Point) -> Option<[Fixed; 2]> {
        let model = &self.model;
        let mut best: Option<(f64, [Fixed; 2])> = None;
        let mut offer = |weight: f64, split: [Fixed; 2]| {
            if best.as_ref().is_none_or(|(known, _)| weight > *known) {
                best = Some((weight, split));
            }
        };
        for set in 0..model.sets.len() - 1 {
            let columns = model.set(set);
            let Source::Alternative(order, _) = model.source[columns.start] else { continue };
            if self.book.orders[order].side == Side::Offer || self.is_divisible[columns.start] {
                continue;
            }
            let Some(most) = columns.clone().max_by(|a, b| found.fill[*a].total_cmp(&found.fill[*b]).then(b.cmp(a)))
            else {
                continue;
            };
            let others: Vec<usize> = columns.filter(|c| *c != most).collect();
            let Source::Alternative(_, at) = model.source[most] else { continue };
            let alternative = &self.book.alternatives[at];
            let (fill, all) = (found.fill[most], alternative.lots as f64);
            let floor = alternative.least as f64 / all;
            let is_mixed = others.iter().any(|c| found.fill[*c] > CLOSE);
            let lots = fill * all;
            let is_part = fill > CLOSE && fill < floor - CLOSE;
            let is_broken = alternative.lots <= FEW_LOTS && (lots - lots.round()).abs() > CLOSE * all;
            let part = (fill - fill.round()).abs().max(0.01);
            let weight = part * model.worth[most].abs();
            let without = |c: &usize| (*c, 0.0, 0.0);
            if is_mixed || is_part {
                let low = floor.max(model.low[most]).min(model.high[most]);
                let up = others.iter().map(without).chain([(most, low, model.high[most])]).collect();
                if low >= floor - CLOSE {
                    offer(weight, [up, vec![without(&most)]]);
                }
            } else if is_broken {
                let (down, up) = (lots.floor() / all, lots.ceil() / all);
                offer(
                    weight * 0.1,
                    [
                        vec![(most, up.min(model.high[most]), model.high[most])],
                        vec![(most, model.low[most].min(down), down)],
                    ],
                );
            }
        }
        best.map(|(_, split)| split)
    }

    /// An award from fills: what is filled most comes first, then what gains most, as long as it fits.
    fn candidate(&mut self, found: &Point) {
        let model = &self.model;
        let mut left = model.supply.clone();
        for column in (0..model.columns()).filter(|column| self.is_divisible[*column]) {
            model
                .entries(column)
                .filter(|e| model.units[*e] < 0.0)
                .for_each(|e| left[model.row[e] as usize] -= model.units[e]);
        }
        let gain = |c: usize| {
            model.worth[c] - model.entries(c).map(|e| model.units[e] * found.price[model.row[e] as usize]).sum::<f64>()
        };
        let share = |c: usize| gain(c) / (model.worth[c].abs() + 1e-9);
        let mut columns: Vec<(f64, f64, usize)> = (0..model.columns())
            .filter(|c| !self.is_divisible[*c])
            .map(|c| ((found.fill[c] * 1e4).round(), share(c), c))
            .collect();
        columns.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
        let mut lots = vec![0; self.book.alternatives.len()];
        let mut taken = vec![false; self.book.orders.len()];
        for (_, _, column) in columns {
            let Source::Alternative(order, at) = model.source[column] else { continue };
            let alternative = &self.book.alternatives[at];
            // Where sellers have costs, what was not filled at all stays out: it would lose.
            if taken[order] || alternative.value_micro == 0 || (found.fill[column] <= CLOSE && !self.sells_free) {
                continue;
            }
            let all = alternative.lots as f64;
            let fits = model
                .entries(column)
                .map(|e| (left[model.row[e] as usize] / model.units[e] * all * (1.0 + 1e-12)).max(0.0))
                .fold(f64::INFINITY, f64::min);
            let wanted =
                if self.sells_free { alternative.lots } else { whole(found.fill[column] * all).max(alternative.least) };
            let won = wanted.min(whole(fits.min(1e15)));
            if won >= alternative.least && won > 0 {
                taken[order] = true;
                lots[at] = won;
                model.entries(column).for_each(|e| left[model.row[e] as usize] -= model.units[e] * won as f64 / all);
            }
        }
        let Some(welfare) = self.welfare(&lots, &found.price) else { return };
        if self.best.as_ref().is_none_or(|(best, _)| welfare > *best) {
            self.best = Some((welfare, lots));
        }
    }

    /// What an award of coarse lots is worth with the best of the divisible rest; `None` where they do not fit.
    fn welfare(&self, lots: &[i64], price: &[f64]) -> Option<f64> {
        let model = &self.model;
        let (mut part, mut worth) = (Model::new(), 0.0);
        part.rows = model.rows.clone();
        part.scale = model.scale.clone();
        part.supply = model.supply.clone();
        for column in 0..model.columns() {
            if self.is_divisible[column] {
                let entries: Vec<(u32, f64)> = model.entries(column).map(|e| (model.row[e], model.units[e])).collect();
                part.add(model.source[column], model.worth[column], (0.0, 1.0), &entries);
                part.close_set();
            } else if let Source::Alternative(_, at) = model.source[column] {
                let share = lots[at] as f64 / self.book.alternatives[at].lots as f64;
                worth += share * model.worth[column];
                model.entries(column).for_each(|e| part.supply[model.row[e] as usize] -= model.units[e] * share);
            }
        }
        if self.sells_free {
            return Some(worth);
        }
        let mut start = Point::start(&part);
        start.price = price.to_vec();
        let found = close(&part, start);
        let mut slack = part.supply.clone();
        for column in 0..part.columns() {
            worth += part.worth[column] * found.fill[column];
            part.entries(column).for_each(|e| slack[part.row[e] as usize] -= part.units[e] * found.fill[column]);
        }
        slack.iter().zip(&part.scale).all(|(slack, scale)| *slack > -0.5 * scale).then_some(worth)
    }
}
