//! Series in, dated quantiles out: the online tier, one small state a series.
//!
//! [`Forecaster`] takes a series' slots as they come and always has quantiles for the next six
//! slots. Several simple experts each give a point; around each point a set of quantiles is
//! learned; the experts' quantiles are weighted by what they would have saved on the pinball
//! loss; a last correction keeps the coverage right. Nothing is fitted in batches, nothing
//! looks at another series, and the memory of a series is bounded.
//!
//! Invariants: quantiles are finite, in rising order and within [0, capacity], from the first
//! sample on; what is forecast at a slot depends on samples up to that slot only; a missing
//! sample is normal, and a negative one or one above the capacity counts as missing; the same
//! samples give the same forecasts.
//!
//! How the series of one workload hang together is kept beside them, in [`joint`].
//!
//! Absent: the pooled and the batch tier (they enter as further experts), anomalies, prices,
//! any clock or file. [`stream`] has the CSV contract of `headroom forecast`.

mod blend;
mod experts;
mod forecaster;
pub mod joint;
mod levels;
mod paths;
mod risk;
mod score;
pub mod stream;
pub mod windows;

pub use forecaster::{Forecaster, LARGEST, Observed, Quantiles, Settings};
pub use score::{HorizonScore, Score};

/// Slots ahead that are forecast.
pub const HORIZONS: usize = 6;

/// Levels that are learned; others are interpolated.
pub const LEVELS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975];
