//! Prices and fills of the continuous problem: the least of the dual D(π), smoothed, by Newton's method.
//!
//! D(π) = Σ rows supply·π + Σ sets max of fill·(worth − units·π) over the set's fills. Each stage adds a proximal term
//! of a width to the fills, which makes D smooth, solves, and moves the centre of the term to the fills found; the width
//! shrinks from stage to stage. For linear problems this ends at an exact optimum after finitely many stages (Rockafellar,
//! "Augmented Lagrangians and applications of the proximal point algorithm", 1976).

mod fill;
mod linear;
mod newton;
mod sample;

use crate::model::Model;
use fill::{Kind, fill, judge};

pub use sample::{close, close_enough, curved, optimum};

/// Where the widths begin and end, relative to the worth of a column, and by what they shrink.
const WIDEST: f64 = 1.0;
const NARROWEST: f64 = 1e-6;
const SHRINK: f64 = 0.15;
/// A far column is this many widths from being filled in part.
const MARGIN: f64 = 8.0;
/// The most stages of one search.
const MOST_STAGES: usize = 24;
/// Fills and prices that change less are found.
const EXACT: f64 = 1e-10;

/// Prices by row, in the model's scale, and fills by column.
#[derive(Clone, Debug)]
pub struct Point {
    pub price: Vec<f64>,
    pub fill: Vec<f64>,
    /// The last stage changed nothing.
    pub is_exact: bool,
}

impl Point {
    pub fn start(model: &Model) -> Self {
        let middle = |c: usize| 0.5 * (model.low[c].max(0.0) + model.high[c].clamp(0.0, 1.0));
        let mut fill: Vec<f64> = (0..model.columns()).map(middle).collect();
        for set in 0..model.sets.len() - 1 {
            let columns = model.set(set);
            if columns.len() > 1 {
                let share = 1.0 / (columns.len() + 1) as f64;
                fill[columns].iter_mut().for_each(|fill| *fill = share);
            }
        }
        Point { price: vec![1.0; model.rows.len()], fill, is_exact: false }
    }
}

/// What stays the same over a search.
struct Search<'m> {
    model: &'m Model,
    /// Size of each set in money: the width is counted in it.
    size: Vec<f64>,
    /// Adds curvature·price²/2 to D, by row.
    curvature: &'m [f64],
    /// Units of all columns by row.
    traffic: Vec<f64>,
    /// Least and greatest price by row.
    bounds: Vec<(f64, f64)>,
}

/// One stage: its width, how far prices may go from where the near sets were chosen, and how exact the slope has to be.
#[derive(Clone, Copy)]
struct Stage {
    width: f64,
    reach: f64,
    exact: f64,
}

/// Sets near the margin, and what all others add to the slope of D.
struct Near {
    sets: Vec<u32>,
    /// Supply less the fills of the far sets, by row.
    rest: Vec<f64>,
    /// Units that change hands, by row.
    volume: Vec<f64>,
}

impl Search<'_> {
    /// Stages of shrinking widths.
    fn stages(&self, from: Point, widths: (f64, f64)) -> Point {
        let mut at = from;
        let narrowest = widths.1;
        let mut width = widths.0.min(WIDEST).max(narrowest);
        let mut lasts = 0;
        for _ in 0..MOST_STAGES {
            let is_last = width <= narrowest;
            let (moved, change) = self.stage(&mut at, width, is_last);
            lasts += usize::from(is_last);
            // Fills settle to the last digit soon, or to fewer where the optimum is degenerate.
            let enough = if lasts <= 8 { EXACT } else { 1e3 * EXACT };
            if is_last && ((moved <= enough && change <= EXACT) || narrowest > NARROWEST) {
                at.is_exact = true;
                break;
            }
            width = (width * SHRINK).max(narrowest);
        }
        at
    }

    /// One stage; answers how much fills and prices have moved.
    fn stage(&self, at: &mut Point, width: f64, is_last: bool) -> (f64, f64) {
        let before = at.price.clone();
        let mut margin = MARGIN;
        let near = loop {
            let near = self.near(at, width, margin);
            // No far set becomes near while every price stays within the margin: a set's gain changes by its size times
            // the greatest change of a price at most.
            let reach = margin * width;
            let exact = if !is_last {
                1e-3
            } else if self.curvature.is_empty() {
                1e-8
            } else {
                1e-12
            };
            let price = self.newton(&near, &at.price, &at.fill, Stage { width, reach, exact });
            let is_inside = price.iter().zip(&at.price).all(|(next, from)| (next - from).abs() < 0.99 * reach);
            at.price = price;
            if is_inside || margin > 1e9 {
                break near;
            }
            margin *= 2.0;
        };
        let moved = self.recentre(&near, at, width);
        let change =
            at.price.iter().zip(&before).map(|(a, b)| (a - b).abs() / (a.abs() + b.abs() + 1e-3)).fold(0.0, f64::max);
        (moved, change)
    }
}

impl<'m> Search<'m> {
    fn new(model: &'m Model, curvature: &'m [f64], bounds: Vec<(f64, f64)>) -> Self {
        let mut traffic = vec![0.0; model.rows.len()];
        let of = |column: usize| {
            let units: f64 = model.entries(column).map(|entry| model.units[entry].abs()).sum();
            model.worth[column].abs() + units
        };
        let size = (0..model.sets.len() - 1).map(|set| model.set(set).map(of).fold(1e-9, f64::max)).collect();
        for (row, units) in model.row.iter().zip(&model.units) {
            traffic[*row as usize] += units.abs();
        }
        Search { model, size, curvature, traffic, bounds }
    }

    /// What a whole column gains at these prices.
    fn gain(&self, column: usize, price: &[f64]) -> f64 {
        let entries = self.model.entries(column);
        let cost: f64 = entries.map(|entry| self.model.units[entry] * price[self.model.row[entry] as usize]).sum();
        self.model.worth[column] - cost
    }

    /// One pass over all sets.
    fn near(&self, at: &Point, width: f64, margin: f64) -> Near {
        let model = self.model;
        let volume = model.supply.iter().map(|supply| supply.abs()).collect();
        let mut near = Near { sets: Vec::new(), rest: model.supply.clone(), volume };
        let mut wanted = Vec::new();
        for set in 0..self.size.len() {
            let columns = model.set(set);
            let per_money = 1.0 / (width * self.size[set]);
            wanted.clear();
            wanted.extend(columns.clone().map(|c| at.fill[c] + self.gain(c, &at.price) * per_money));
            let bounds = (&model.low[columns.clone()], &model.high[columns.clone()]);
            let kind = judge(&wanted, bounds, margin);
            if kind == Kind::Near {
                near.sets.push(set as u32);
            }
            fill(&mut wanted, bounds);
            for (column, filled) in columns.zip(&wanted).filter(|(_, filled)| **filled != 0.0) {
                for entry in model.entries(column) {
                    let (row, units) = (model.row[entry] as usize, model.units[entry] * filled);
                    near.volume[row] += units.abs();
                    if kind == Kind::Far {
                        near.rest[row] -= units;
                    }
                }
            }
        }
        near
    }

    /// Moves the centre to the fills at the point's prices; answers the greatest change of a near one.
    fn recentre(&self, near: &Near, at: &mut Point, width: f64) -> f64 {
        let model = self.model;
        let mut wanted = Vec::new();
        let mut moved = 0.0_f64;
        let mut next = near.sets.iter().peekable();
        for set in 0..self.size.len() {
            let columns = model.set(set);
            let is_near = next.next_if(|near| **near as usize == set).is_some();
            let per_money = 1.0 / (width * self.size[set]);
            wanted.clear();
            wanted.extend(columns.clone().map(|c| at.fill[c] + self.gain(c, &at.price) * per_money));
            fill(&mut wanted, (&model.low[columns.clone()], &model.high[columns.clone()]));
            for (column, filled) in columns.zip(&wanted) {
                if is_near {
                    moved = moved.max((filled - at.fill[column]).abs() / (1.0 + filled.abs()));
                }
                at.fill[column] = *filled;
            }
        }
        moved
    }
}
