//! Quantiles between and beyond the learned levels, and the level of a value.
use crate::LEVELS;

/// Between learned levels linear; beyond the outermost ones as an exponential tail.
pub(crate) fn at_level(quantiles: &[f64; LEVELS.len()], level: f64) -> f64 {
    let last = LEVELS.len() - 1;
    let tail = |edge: usize, inner: usize, ratio: f64| {
        // The distance of two learned levels gives the decay of the tail.
        let decay = (tail_mass(LEVELS[inner]) / tail_mass(LEVELS[edge])).ln();
        quantiles[edge] + (quantiles[edge] - quantiles[inner]) / decay * ratio.max(1.0).ln().min(5.0)
    };
    if level <= LEVELS[0] {
        return tail(0, 2, LEVELS[0] / level.max(1e-6));
    }
    if level >= LEVELS[last] {
        return tail(last, last - 2, (1.0 - LEVELS[last]) / (1.0 - level).max(1e-6));
    }
    let above = LEVELS.partition_point(|known| *known < level).max(1);
    let share = (level - LEVELS[above - 1]) / (LEVELS[above] - LEVELS[above - 1]);
    quantiles[above - 1] + share * (quantiles[above] - quantiles[above - 1])
}

fn tail_mass(level: f64) -> f64 {
    level.min(1.0 - level)
}

/// The level whose quantile `value` is; the inverse of [`at_level`].
pub(crate) fn level_of(quantiles: &[f64; LEVELS.len()], value: f64) -> f64 {
    let last = LEVELS.len() - 1;
    if value < quantiles[0] || value >= quantiles[last] {
        let (mut low, mut high) = if value < quantiles[0] { (1e-6, LEVELS[0]) } else { (LEVELS[last], 1.0 - 1e-6) };
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if at_level(quantiles, middle) <= value { low = middle } else { high = middle }
        }
        return low;
    }
    let above = quantiles.partition_point(|quantile| *quantile <= value);
    let (low, high) = (quantiles[above - 1], quantiles[above]);
    let share = (value - low) / (high - low);
    LEVELS[above - 1] + share * (LEVELS[above] - LEVELS[above - 1])
}
