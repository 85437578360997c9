//! Large books: prices of a sample first, then only the sets that prices close to these may fill otherwise.

use super::{NARROWEST, Point, SHRINK, Search};
use crate::model::{Model, Source};
use std::ops::Range;

/// Models of fewer sets are searched whole, and of fewer for each row.
const FEW_SETS: usize = 1_000;
const FEW_SETS_A_ROW: usize = 40;
/// One order in so many is in the sample.
const SAMPLED: usize = 8;
/// Prices of a sample are no more exact than this width.
const SAMPLE_WIDTH: f64 = 1e-3;
/// How far a price may be from that of the sample, at least and at most, in the scale of its row: it falls with the root
/// of the orders in it.
const REACH: (f64, f64) = (0.02, 1.0);
/// How far a price may move where prices add a curvature.
const CURVED_REACH: f64 = 0.1;
/// A reach is so many widths of its first stage, and later prices are within so many widths of a stage's end.
const WIDTHS_AT_FIRST: f64 = 64.0;
const WIDTHS: f64 = 8.0;
/// The most times that the reach of prices at its end is widened before all sets are searched.
const MOST_WIDENINGS: usize = 3;
const WIDER: f64 = 4.0;
/// A price this near to the end of its reach is there, in reaches.
const AT_END: f64 = 1e-3;

/// The optimum of a model without a starting point.
pub fn optimum(model: &Model) -> Point {
    sampled(model, NARROWEST)
}

fn sampled(model: &Model, narrowest: f64) -> Point {
    let bounds = vec![(0.0, f64::INFINITY); model.rows.len()];
    let is_large = model.sets.len() > FEW_SETS.max(FEW_SETS_A_ROW * model.rows.len());
    // Supply steps and arcs are all in a sample: where there are mostly these it saves nothing.
    let sample = is_large.then(|| sample(model)).filter(|sample| sample.sets.len() * 2 < model.sets.len());
    let Some(sample) = sample else {
        return Search::new(model, &[], bounds).stages(Point::start(model), (1.0, narrowest));
    };
    let found = sampled(&sample, SAMPLE_WIDTH);
    let mut orders = vec![1.0_f64; model.rows.len()];
    sample.row.iter().for_each(|row| orders[*row as usize] += 1.0);
    let reach: Vec<f64> = orders.iter().map(|orders| (2.0 / orders.sqrt()).clamp(REACH.0, REACH.1)).collect();
    let mut reaches = reach.clone();
    reaches.sort_unstable_by(f64::total_cmp);
    let width = reaches[reaches.len() / 2] / WIDTHS_AT_FIRST;
    let from = Point { price: found.price, ..Point::start(model) };
    narrow(&Search::new(model, &[], bounds), from, reach, (width, narrowest))
}

/// The width for a search that starts near its end: one changed column moves prices by its share.
fn close_by(model: &Model) -> f64 {
    (20.0 / model.columns().max(1) as f64).clamp(1e-4, 0.1)
}

/// The optimum from prices close by.
pub fn close(model: &Model, from: Point) -> Point {
    close_enough(model, from, NARROWEST)
}

/// The same up to a width: prices are near the optimum, and what they bound is a bound all the same.
pub fn close_enough(model: &Model, from: Point, narrowest: f64) -> Point {
    let width = close_by(model);
    let bounds = vec![(0.0, f64::INFINITY); model.rows.len()];
    let search = Search::new(model, &[], bounds);
    if model.sets.len() <= FEW_SETS {
        return search.stages(from, (width, narrowest));
    }
    narrow(&search, from, vec![WIDTHS_AT_FIRST * width; model.rows.len()], (width, narrowest))
}

/// The optimum of a model that prices add a curvature to.
pub fn curved(model: &Model, curvature: &[f64], from: Point) -> Point {
    let widths = (close_by(model), NARROWEST);
    let bounds = vec![(0.0, f64::INFINITY); model.rows.len()];
    let search = Search::new(model, curvature, bounds);
    let inner = |inside: &Search<'_>, at: Point, _: &[f64]| inside.stages(at, widths);
    let most = if model.sets.len() > FEW_SETS { MOST_WIDENINGS } else { 0 };
    match within_reach(&search, from, vec![CURVED_REACH; model.rows.len()], most, &inner) {
        Ok(found) => found,
        Err(at) => search.stages(at, widths),
    }
}

/// The optimum from prices that are within a reach of it, with fewer and fewer sets as the width shrinks.
fn narrow(search: &Search<'_>, from: Point, reach: Vec<f64>, widths: (f64, f64)) -> Point {
    let (width, narrowest) = widths;
    let next = (width * SHRINK).max(narrowest);
    let inner = |inside: &Search<'_>, mut at: Point, reach: &[f64]| {
        inside.stage(&mut at, width, false);
        let closer = reach.iter().map(|reach| reach.min(WIDTHS * width)).collect();
        narrow(inside, at, closer, (next, narrowest))
    };
    let most = if width > narrowest { MOST_WIDENINGS } else { 0 };
    match within_reach(search, from, reach, most, &inner) {
        Ok(found) => found,
        Err(at) => search.stages(at, widths),
    }
}

/// The optimum of those sets alone that prices within a reach may fill otherwise, as `inner` finds it; the latest point if
/// that does not hold at the most reaches tried.
fn within_reach(
    search: &Search<'_>,
    from: Point,
    mut reach: Vec<f64>,
    most: usize,
    inner: &dyn Fn(&Search<'_>, Point, &[f64]) -> Point,
) -> Result<Point, Point> {
    let (model, mut at) = (search.model, from);
    for _ in 0..most {
        let part = Part::of(model, &at.price, &reach);
        if part.sets.len() * 2 > model.sets.len() {
            break;
        }
        let here = at.price.iter().zip(&reach).zip(&search.bounds);
        let bounds = here.map(|((price, reach), (low, high))| ((price - reach).max(*low), (price + reach).min(*high)));
        let inside = Search::new(&part.model, search.curvature, bounds.collect());
        let start = Point { price: at.price.clone(), fill: part.fills(&at.fill, model), is_exact: false };
        let found = inner(&inside, start, &reach);
        let mut is_inside = true;
        for (row, price) in found.price.iter().enumerate() {
            let ((low, high), near) = (inside.bounds[row], AT_END * reach[row]);
            let is_at_end = (*price <= low + near && low > search.bounds[row].0)
                || (*price >= high - near && high < search.bounds[row].1);
            if is_at_end {
                reach[row] *= WIDER;
                is_inside = false;
            }
        }
        at = Point { price: found.price, fill: part.fill, is_exact: found.is_exact };
        let columns = part.sets.iter().flat_map(|set| model.set(*set));
        columns.zip(found.fill).for_each(|(column, fill)| at.fill[column] = fill);
        if is_inside {
            return Ok(at);
        }
    }
    Err(at)
}

/// Some of the orders, and as much less of everything else.
fn sample(model: &Model) -> Model {
    let share = 1.0 / SAMPLED as f64;
    let mut sample = Model { rows: model.rows.clone(), scale: model.scale.clone(), ..Model::new() };
    sample.supply = model.supply.iter().map(|supply| supply * share).collect();
    for set in 0..model.sets.len() - 1 {
        let is_order = matches!(model.source[model.set(set).start], Source::Alternative(..));
        // By a hash, as orders in a file often come in turns.
        let is_in = (set as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & (SAMPLED as u64 - 1) == 0;
        if is_order && !is_in {
            continue;
        }
        let part = if is_order { 1.0 } else { share };
        for column in model.set(set) {
            copy(model, column, &mut sample, part);
        }
        sample.close_set();
    }
    sample
}

fn copy(model: &Model, column: usize, to: &mut Model, share: f64) {
    for entry in model.entries(column) {
        to.row.push(model.row[entry]);
        to.units.push(model.units[entry] * share);
    }
    let bounds = (model.low[column], model.high[column]);
    to.add(model.source[column], model.worth[column] * share, bounds, &[]);
}

/// The sets of a model that prices within a reach may fill otherwise, and what all others take.
struct Part {
    model: Model,
    sets: Vec<usize>,
    /// By column of the whole model.
    fill: Vec<f64>,
}

impl Part {
    fn of(model: &Model, price: &[f64], reach: &[f64]) -> Self {
        let mut part = Model { rows: model.rows.clone(), scale: model.scale.clone(), ..Model::new() };
        part.supply = model.supply.clone();
        let (mut sets, mut fill) = (Vec::new(), vec![0.0; model.columns()]);
        for set in 0..model.sets.len() - 1 {
            let columns = model.set(set);
            let Some(full) = constant(model, columns.clone(), price, reach) else {
                columns.for_each(|column| copy(model, column, &mut part, 1.0));
                part.close_set();
                sets.push(set);
                continue;
            };
            for column in columns {
                let filled = if full == Some(column) { model.high[column] } else { model.low[column] };
                fill[column] = filled;
                if filled != 0.0 {
                    model.entries(column).for_each(|e| part.supply[model.row[e] as usize] -= model.units[e] * filled);
                }
            }
        }
        Part { model: part, sets, fill }
    }

    fn fills(&self, fill: &[f64], model: &Model) -> Vec<f64> {
        self.sets.iter().flat_map(|set| model.set(*set)).map(|column| fill[column]).collect()
    }
}

/// Which column of a set is full, or that none is, at all prices within a reach; `None` where that depends on them.
fn constant(model: &Model, columns: Range<usize>, price: &[f64], reach: &[f64]) -> Option<Option<usize>> {
    let (mut first, mut second, mut best) = ((f64::NEG_INFINITY, 0.0), f64::NEG_INFINITY, None);
    let is_single = columns.len() == 1;
    for column in columns {
        let (mut cost, mut spread) = (0.0, 0.0);
        for entry in model.entries(column) {
            let row = model.row[entry] as usize;
            cost += model.units[entry] * price[row];
            spread += model.units[entry].abs() * reach[row];
        }
        let gain = model.worth[column] - cost;
        if gain + spread > 0.0 && !model.high[column].is_finite()
            || gain - spread < 0.0 && !model.low[column].is_finite()
            || !is_single && (model.low[column] != 0.0 || model.high[column] != 1.0)
        {
            return None;
        }
        if gain > first.0 {
            second = f64::max(second, first.0 + first.1);
            (first, best) = ((gain, spread), Some(column));
        } else {
            second = second.max(gain + spread);
        }
    }
    let (gain, spread) = first;
    if gain + spread < 0.0 && second < 0.0 {
        Some(None)
    } else if gain - spread > second.max(0.0) {
        Some(best)
    } else {
        None
    }
}
