//! What should change for a workload, and where: the algorithms of the concept by their names.
//!
//! `predictLoad` of the concept is a chain, and its links are where their stage is:
//!
//! | concept | here |
//! |---|---|
//! | `calculatePredictedDemand` | the forecaster; its quantiles arrive as [`crate::records::strategy::SlotOutlook`] |
//! | `identifyBottlenecks` | `identify_bottlenecks` of the server, `GET /v1/bottlenecks` |
//! | `proposeSwaps`, `recommend_swaps` | [`gather`] writes the problem down, the solver proposes, [`recommended`] lets through only what [`check`] accepts |
//! | `evaluate_pop`, `select_pop` | [`pops`]: each pool with its price, migration cost and distance |
//! | `CalculateResourceOptimizationScore`, `FindBestResourceSwap` | [`score`]: ranks changes of tier |
//! | `shape_resources` | [`shape`]: the order in which a workload gives capacity back |
//! | `simulateSwap` (shadow execution) | the saga's SHADOW state, [`crate::shadow`] |
//! | `migrateJob` (apply) | [`crate::swap`], after the orders have won |
//!
//! [`relocate`] decides by score and `select_pop` which workload gets another pool as its own; a worker asks for that.
//!
//! The server's `predict_load` walks the first four links. Between proposing and applying stands the
//! market: a recommendation moves nothing, it names the orders that would carry it out.
//!
//! Invariants: integers only; whatever a solver proposes is checked by code that shares nothing with
//! it. Absent on purpose: bids and the prices of bids. Advice weighs idle capacity against missing
//! capacity; what others would pay is the clearing's business.
pub mod check;
pub mod gather;
pub mod places;
pub mod pops;
pub mod problem;
pub mod relocate;
pub mod score;
pub use crate::shape;

use check::CheckedPlan;
use problem::{SwapPlan, SwapProblem};

/// Solves a problem and lets through only what the check accepts. A plan whose moves find no node is
/// solved once more without moves; if that fails as well, there is no recommendation.
pub fn recommended(problem: &SwapProblem, solve: impl Fn(&SwapProblem) -> Option<SwapPlan>) -> Option<CheckedPlan> {
    let first = solve(problem).and_then(|plan| check::check(problem, plan).ok());
    if first.is_some() || !problem.cells.iter().any(|c| c.may_move) {
        return first;
    }
    let staying = problem.without_moves();
    solve(&staying).and_then(|plan| check::check(problem, plan).ok())
}
