//! Vacate drills: made one at a time, beside the market, as soon as a program runs or its owner asks.
use crate::workers::nodes::{Nodes, instance_id};
use headroom_execution::{Driver, DriverError};
use headroom_market::command::Command;
use headroom_market::ids::InstanceId;
use headroom_market::state::State;
use headroom_market::workload::{AtEnd, Instance, vacate};

/// A workload whose way of giving memory back is to be tried.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub instance: InstanceId,
    pub epoch: u64,
    pub at_end: AtEnd,
}

/// Drills that are made one after the other before anybody looks who is due again.
const MOST_AT_ONCE: usize = 64;

/// Whose turn it is, after the one that was tried last: one that has nothing to give back yet keeps
/// nobody waiting.
pub fn due(state: &State, last: Option<InstanceId>) -> Vec<Due> {
    let due = |i: &Instance| Some(Due { instance: i.id, epoch: i.epoch, at_end: vacate::due(i)? });
    let (after, before): (Vec<_>, Vec<_>) =
        state.instances.values().filter_map(due).partition(|d| last.is_none_or(|last| d.instance > last));
    after.into_iter().chain(before).take(MOST_AT_ONCE).collect()
}

/// What the drill came to; `None` if it has to be tried again later.
pub fn run(nodes: &Nodes, due: Due) -> Option<Command> {
    let Due { instance, epoch, at_end } = due;
    let (passed, detail) = match nodes.cluster.drill(&instance_id(instance), epoch) {
        Ok(report) => report.map(|r| (r.passed, r.detail))?,
        // Its program has faulted: the owner is told so, and a drill that was asked for ends.
        Err(DriverError::Guest { reason, .. }) => (false, format!("Its program does not run: {reason}.")),
        Err(error) => {
            tracing::debug!(%instance, %error, "no drill can be made of it now");
            return None;
        }
    };
    Some(Command::RecordDrill { instance, at_end, passed, detail })
}
