//! Newton's method for one stage, over the near sets, with prices at 0 or above.

use super::fill::excess;
use super::linear::{Entries, Symmetric};
use super::{Near, Search, Stage};

const MOST_STEPS: usize = 40;
/// What is added to the curvature, relative to it, for systems that are nearly singular.
const LEAST_DAMPING: f64 = 1e-11;
const MOST_DAMPING: f64 = 1e3;
const MOST_TRIES: usize = 20;
/// The most times that a step's rows change between free and at a bound.
const MOST_SIDES: usize = 15;
/// So often all wrong rows change together without getting fewer.
const CHANCES: usize = 3;
/// A step changes no price by more than so many times itself and its scale.
const LONGEST: f64 = 4.0;

/// The slope of the smoothed D by row, and what is filled in part.
struct Slope {
    slope: Vec<f64>,
    curved: Vec<Curved>,
    /// Of all curved sets, one after the other.
    columns: Vec<u32>,
}

/// Columns of a set that are filled in part; in a full set of several they only trade with one another.
struct Curved {
    /// Where they end in [`Slope::columns`].
    end: usize,
    is_full: bool,
    weight: f64,
}

impl Search<'_> {
    pub(super) fn newton(&self, near: &Near, from: &[f64], centre: &[f64], stage: Stage) -> Vec<f64> {
        let mut price = from.to_vec();
        let enough: Vec<f64> =
            near.volume.iter().zip(&self.traffic).map(|(v, t)| stage.exact * (v + 0.01 * t)).collect();
        let mut at = self.slope(near, &price, centre, stage.width);
        let mut damping = LEAST_DAMPING;
        for _ in 0..MOST_STEPS {
            // No step goes beyond the near sets' reach, nor far beyond all prices there are.
            let bounds = |((price, from), (low, high)): ((&f64, &f64), &(f64, f64))| {
                let longest = LONGEST * (1.0 + price);
                (
                    (from - stage.reach).max(price - longest).max(*low),
                    (from + stage.reach).min(price + longest).min(*high),
                )
            };
            let bounds: Vec<(f64, f64)> = price.iter().zip(from).zip(&self.bounds).map(bounds).collect();
            let is_still = |row: usize| {
                let slope = at.slope[row];
                slope.abs() <= enough[row]
                    || if slope < 0.0 { price[row] >= bounds[row].1 } else { price[row] <= bounds[row].0 }
            };
            if (0..price.len()).all(is_still) {
                break;
            }
            let step = self.step(&at, &price, &bounds, damping);
            match self.line((near, centre, stage.width), &price, &at, &step) {
                Some((next, slope)) => (price, at) = (next, slope),
                // The model is nearly singular: a shorter and safer step.
                None if damping < MOST_DAMPING => {
                    damping *= 100.0;
                    continue;
                }
                None => break,
            }
            damping = (0.1 * damping).max(LEAST_DAMPING);
        }
        price
    }

    fn slope(&self, near: &Near, price: &[f64], centre: &[f64], width: f64) -> Slope {
        let model = self.model;
        let mut slope = near.rest.clone();
        if !self.curvature.is_empty() {
            slope.iter_mut().zip(self.curvature).zip(price).for_each(|((s, c), p)| *s += c * p);
        }
        let (mut curved, mut inside) = (Vec::new(), Vec::new());
        let mut wanted = Vec::new();
        for set in &near.sets {
            let columns = model.set(*set as usize);
            let weight = 1.0 / (width * self.size[*set as usize]);
            if columns.len() == 1 {
                let column = columns.start;
                let want = centre[column] + self.gain(column, price) * weight;
                let fill = want.clamp(model.low[column], model.high[column]);
                if fill == want {
                    inside.push(column as u32);
                    curved.push(Curved { end: inside.len(), is_full: false, weight });
                }
                if fill != 0.0 {
                    model.entries(column).for_each(|e| slope[model.row[e] as usize] -= model.units[e] * fill);
                }
                continue;
            }
            wanted.clear();
            wanted.extend(columns.clone().map(|column| centre[column] + self.gain(column, price) * weight));
            let bounds = (&model.low[columns.clone()], &model.high[columns.clone()]);
            let over = excess(&wanted, bounds);
            let before = inside.len();
            for (column, want) in columns.zip(&wanted) {
                let fill = (want - over).clamp(model.low[column], model.high[column]);
                if fill > model.low[column] && fill < model.high[column] {
                    inside.push(column as u32);
                }
                if fill != 0.0 {
                    model.entries(column).for_each(|e| slope[model.row[e] as usize] -= model.units[e] * fill);
                }
            }
            if inside.len() - before > usize::from(over > 0.0) {
                curved.push(Curved { end: inside.len(), is_full: over > 0.0, weight });
            } else {
                inside.truncate(before);
            }
        }
        Slope { slope, curved, columns: inside }
    }

    /// The least of the quadratic model within the bounds, as a change of prices.
    fn step(&self, at: &Slope, price: &[f64], bounds: &[(f64, f64)], damping: f64) -> Vec<f64> {
        let rows = price.len();
        let (matrix, least) = self.curvature(at, price, bounds, damping);
        let order = matrix.order();
        // A row is at its lower bound (-1), at its upper one (1), or free (0).
        let mut side: Vec<i8> = (0..rows)
            .map(|row| match at.slope[row] {
                slope if slope > 0.0 && price[row] <= bounds[row].0 => -1,
                slope if slope < 0.0 && price[row] >= bounds[row].1 => 1,
                _ => 0,
            })
            .collect();
        let mut step = vec![0.0; rows];
        // Block principal pivoting: all wrong rows change together, and one at a time where that goes in circles
        // (Júdice and Pires, 1994).
        let (mut fewest, mut chances) = (usize::MAX, CHANCES);
        for _ in 0..MOST_SIDES {
            for row in 0..rows {
                step[row] = match side[row] {
                    -1 => bounds[row].0 - price[row],
                    1 => bounds[row].1 - price[row],
                    _ => 0.0,
                };
            }
            let free: Vec<usize> = order.iter().copied().filter(|row| side[*row] == 0).collect();
            let moved = matrix.times(&step);
            let right: Vec<f64> = at.slope.iter().zip(&moved).map(|(slope, moved)| -slope - moved).collect();
            let solved = matrix.solve(&free, &least, &right);
            free.iter().zip(&solved).for_each(|(row, value)| step[*row] = *value);
            let slope = matrix.times(&step);
            let wrong: Vec<(usize, i8)> = (0..rows)
                .filter_map(|row| {
                    let (next, rounding) = (price[row] + step[row], 1e-12 * price[row].abs());
                    match side[row] {
                        0 if next < bounds[row].0 - rounding => Some((row, -1)),
                        0 if next > bounds[row].1 + rounding => Some((row, 1)),
                        -1 if at.slope[row] + slope[row] < 0.0 => Some((row, 0)),
                        1 if at.slope[row] + slope[row] > 0.0 => Some((row, 0)),
                        _ => None,
                    }
                })
                .collect();
            if wrong.len() < fewest {
                (fewest, chances) = (wrong.len(), CHANCES);
            } else {
                chances = chances.saturating_sub(1);
            }
            match wrong.last() {
                None => break,
                Some(last) if chances == 0 => side[last.0] = last.1,
                Some(_) => wrong.iter().for_each(|(row, new)| side[*row] = *new),
            }
        }
        for (row, step) in step.iter_mut().enumerate() {
            *step = step.clamp(bounds[row].0 - price[row], bounds[row].1 - price[row]);
        }
        step
    }

    /// The second derivative of the smoothed D, and the least pivot of each row.
    fn curvature(&self, at: &Slope, price: &[f64], bounds: &[(f64, f64)], damping: f64) -> (Symmetric, Vec<f64>) {
        let (model, rows) = (self.model, price.len());
        let mut entries = Entries::new(rows);
        let mut mean: Vec<(usize, f64)> = Vec::new();
        let outer = |entries: &mut Entries, units: &[(usize, f64)], weight: f64| {
            for (i, (a, x)) in units.iter().enumerate() {
                units[..=i].iter().for_each(|(b, y)| entries.add(*a, *b, x * y * weight));
            }
        };
        let (mut begin, mut units) = (0, Vec::new());
        for curved in &at.curved {
            mean.clear();
            let columns = &at.columns[begin..curved.end];
            begin = curved.end;
            for column in columns {
                units.clear();
                units.extend(model.entries(*column as usize).map(|e| (model.row[e] as usize, model.units[e])));
                outer(&mut entries, &units, curved.weight);
                for (row, units) in units.iter().copied().filter(|_| curved.is_full) {
                    match mean.iter_mut().find(|(known, _)| *known == row) {
                        Some((_, sum)) => *sum += units,
                        None => mean.push((row, units)),
                    }
                }
            }
            outer(&mut entries, &mean, -curved.weight / columns.len() as f64);
        }
        let mut least = Vec::with_capacity(rows);
        for row in 0..rows {
            let traffic = self.traffic[row].max(1e-9);
            if !self.curvature.is_empty() {
                entries.add(row, row, self.curvature[row]);
            }
            let curvature = entries.diagonal[row];
            // Where nothing is filled in part, the step leads far towards the bound that the slope points at.
            let is_flat = curvature < 1e-6 * traffic && self.curvature.is_empty();
            let slope = at.slope[row];
            let bound = if slope > 0.0 { bounds[row].0 } else { bounds[row].1 };
            let to_bound = 2.0 * slope.abs() / (bound - price[row]).abs().max(1e-12);
            entries.add(row, row, if is_flat { to_bound.clamp(1e-6 * traffic, traffic) } else { damping * curvature });
            least.push(LEAST_DAMPING * (curvature + 1e-6 * traffic));
        }
        (entries.sum(), least)
    }

    /// Goes along a step until the slope has turned flat, and not beyond its end.
    fn line(
        &self,
        (near, centre, width): (&Near, &[f64], f64),
        price: &[f64],
        at: &Slope,
        step: &[f64],
    ) -> Option<(Vec<f64>, Slope)> {
        let turn = |slope: &[f64]| -> f64 { step.iter().zip(slope).map(|(step, slope)| slope * step).sum() };
        let first = turn(&at.slope);
        if first >= 0.0 || first.is_nan() {
            return None;
        }
        let (mut low, mut high) = ((0.0, first), None::<(f64, f64)>);
        let mut length = 1.0;
        let mut best = None;
        for _ in 0..MOST_TRIES {
            let along = price.iter().zip(step).zip(&self.bounds);
            let next: Vec<f64> = along.map(|((p, s), (low, high))| (p + length * s).clamp(*low, *high)).collect();
            let slope = self.slope(near, &next, centre, width);
            let here = turn(&slope.slope);
            let is_enough = here.abs() <= 0.3 * first.abs() || (here <= 0.0 && length >= 1.0);
            if here <= 0.0 || is_enough {
                best = Some((next, slope));
            }
            if is_enough {
                break;
            }
            match here <= 0.0 {
                true => low = (length, here),
                false => high = Some((length, here)),
            }
            let (far, up) = high?;
            length = low.0 + (far - low.0) * (-low.1 / (up - low.1)).clamp(0.1, 0.9);
        }
        best
    }
}
