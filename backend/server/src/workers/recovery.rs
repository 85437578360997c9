//! What a process finds that starts where another one has ended.
use crate::sequencer::{Attached, Busy, Sequencer};
use crate::workers::meter::{self, Meter};
use crate::workers::nodes::Nodes;
use crate::workers::wanted::Wanted;
use anyhow::Context;
use headroom_market::command::Command;
use headroom_market::swap::Swap;
use headroom_market::swap::saga::{self, StepResult};
use headroom_market::time::{Slot, Timestamp};
use headroom_store::Store;
use std::collections::BTreeMap;

/// After a restart: what was half done is ended, what had not begun waits on, what a person answers for is prepared again,
/// every workload runs again from its checkpoint under a new epoch.
pub async fn recover(sequencer: &Sequencer, nodes: &Nodes, now: Timestamp) -> anyhow::Result<()> {
    let (sealed, live, instances) = sequencer
        .query(|s| {
            let sealed: Vec<u64> = s
                .rounds
                .values()
                .filter(|r| r.state == headroom_market::round::RoundState::Sealed)
                .map(|r| r.number)
                .collect();
            let live: Vec<Swap> = s.swaps.values().filter(|s| s.is_ended_by_restart()).cloned().collect();
            let running: Vec<_> = s.instances.values().map(|i| i.id).collect();
            (sealed, live, running)
        })
        .await?;
    for round in sealed {
        let reason = "the process ended while the round was sealed; its orders go to the next one".to_owned();
        sequencer.internal(Command::VoidRound { round, reason }, Attached::default()).await?;
    }
    let states: BTreeMap<_, _> = live.iter().map(|s| (s.id, s.state)).collect();
    for (swap, state) in states {
        let report = Default::default();
        let detail = "the process ended in this phase".to_owned();
        let result = StepResult::Failed { state, reason: saga::RESTARTED.to_owned(), detail, report };
        sequencer.internal(Command::StepSwap { swap, result }, Attached::default()).await?;
    }
    for instance in instances {
        sequencer.internal(Command::RecoverInstance { instance }, Attached::default()).await?;
    }
    let wanted = sequencer.query(Wanted::of).await?;
    nodes.restore(&wanted, now.micros()).context(
        "checkpoints cannot be read, and of suspended workloads there is no other copy. Nothing was run. Give this user the right to read and write the path that is named, then start again; or move it away, and its workloads start afresh",
    )
}

/// What the meter of the process before had read, and what was missed since then. Observations
/// may be lost: without them the slots under way count as missed, never as delivered.
pub async fn recall_meter(sequencer: &Sequencer, store: &Store, now: Timestamp) -> Result<Meter, Busy> {
    let (due, seconds) = sequencer.query(move |s| (meter::due(s, now), s.market.rhythm.slot_seconds)).await?;
    let Some(first) = due.first().map(|(slot, _, _)| slot.seconds()) else { return Ok(Meter::default()) };
    let rows = store.observations.readings(first).await.unwrap_or_else(|error| {
        tracing::error!(%error, "readings of slots under way are lost: they are settled as not delivered");
        Vec::new()
    });
    let readings = rows.into_iter().filter_map(|(slot, document)| match serde_json::from_str(&document) {
        Ok(reading) => Some((Slot::starting_at(slot), reading)),
        Err(error) => {
            tracing::error!(%error, slot, "a reading is not legible");
            None
        }
    });
    Ok(Meter::recall(readings, &due, seconds, now))
}
