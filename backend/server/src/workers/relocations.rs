//! Relocations: once a slot, as soon as the forecasts of the coming slots are in, the rules of the core propose workloads for
//! another pool. The core looks at everything again, so a refusal costs nothing but this slot.
use crate::sequencer::{Busy, Sequencer};
use crate::workers::migration::{History, relocation_cost};
use crate::workers::nodes::Nodes;
use headroom_market::advice::places::stakes;
use headroom_market::command::Command;
use headroom_market::state::State;
use headroom_market::time::Timestamp;
use headroom_market::workload::relocation::due;
use headroom_store::Store;
use std::sync::Arc;

/// What is to be asked of the core now.
pub async fn asked(
    sequencer: &Sequencer,
    store: &Store,
    nodes: Arc<Nodes>,
    now: Timestamp,
) -> Result<Vec<Command>, Busy> {
    if !sequencer.query(somebody_may_move).await? {
        return Ok(Vec::new());
    }
    let history = match History::read(store, sequencer).await {
        Ok(history) => history,
        Err(error) => {
            tracing::warn!(%error, "what moves cost could not be read: nothing is moved by a rule in this slot");
            return Ok(Vec::new());
        }
    };
    let proposals = sequencer.query(move |state| {
        due(state, now, |instance| relocation_cost(&nodes, &history, instance, &stakes(state, now, instance)))
    });
    let ask = |p: headroom_market::advice::relocate::Proposal| Command::Relocate {
        instance: p.instance,
        pool: p.pool,
        rule: p.rule,
        migration_cost: p.migration_cost,
    };
    Ok(proposals.await?.into_iter().map(ask).collect())
}

fn somebody_may_move(state: &State) -> bool {
    state.instances.values().any(|instance| !instance.strategy.move_to.is_empty())
}
