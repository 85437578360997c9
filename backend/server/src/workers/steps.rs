//! Steps of swaps that are under way. A step may have to wait for a workload's program; the market does not wait for it.
//!
//! Under a simulated clock steps are taken in line, so that the order of things is always the same.
use crate::workers::nodes::Nodes;
use crate::workers::swaps::{self, Situation};
use headroom_market::ids::SwapId;
use headroom_market::swap::Swap;
use headroom_market::swap::saga::StepResult;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long the market waits for a step that has just begun: most of them take less.
const PATIENCE: Duration = Duration::from_millis(100);

/// By swap; one step of each at a time.
#[derive(Default)]
pub struct Steps(BTreeMap<SwapId, JoinHandle<Option<StepResult>>>);

impl Steps {
    /// Forgets what is under way for swaps that have ended; what it comes to is an old message.
    pub fn keep(&mut self, present: &BTreeSet<SwapId>) {
        self.0.retain(|swap, _| present.contains(swap));
    }

    /// Takes the next step of a swap, or looks at the one that is under way. `None` if it has to wait, also for its
    /// program.
    pub async fn take(&mut self, nodes: &Arc<Nodes>, swap: Swap, situation: Arc<Situation>) -> Option<StepResult> {
        if situation.simulated {
            return swaps::step(nodes, &swap, &situation);
        }
        let id = swap.id;
        let (mut step, patience) = match self.0.remove(&id) {
            Some(begun) => (begun, Duration::ZERO),
            None => (tokio::spawn(swaps::step_apart(Arc::clone(nodes), swap, situation)), PATIENCE),
        };
        match tokio::time::timeout(patience, &mut step).await {
            // Whatever panics in a step is told by `step_apart`.
            Ok(ended) => ended.ok().flatten(),
            Err(_) => {
                self.0.insert(id, step);
                None
            }
        }
    }
}
