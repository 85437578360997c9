//! Vacate drills: made one after the other, beside the market, as soon as a program runs or its owner asks.
use crate::workers::nodes::{Nodes, instance_id};
use headroom_execution::{DrillOf, Driver, DriverError};
use headroom_market::command::Command;
use headroom_market::ids::InstanceId;
use headroom_market::state::State;
use headroom_market::time::Timestamp;
use headroom_market::workload::{AtEnd, Instance, vacate};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// Drills that are made one after the other before anybody looks who is due again.
const MOST_AT_ONCE: usize = 64;
/// A program that could not be drilled is left alone for so long, and each time for twice as long.
const FIRST_PAUSE_SECONDS: i64 = 5;
const LONGEST_PAUSE_SECONDS: i64 = 600;

/// A workload whose way of giving memory back is to be tried.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub instance: InstanceId,
    pub epoch: u64,
    pub at_end: AtEnd,
}

/// When workloads that could not be drilled are tried again.
#[derive(Clone, Debug, Default)]
pub struct Pauses(BTreeMap<InstanceId, (i64, Timestamp)>);

impl Pauses {
    /// Takes in whose drills came to nothing.
    pub fn note(&mut self, tried: &[Due], done: &[Command], now: Timestamp) {
        for due in tried {
            let came_to_something =
                |c: &Command| matches!(c, Command::RecordDrill { instance, .. } if *instance == due.instance);
            if done.iter().any(came_to_something) {
                self.0.remove(&due.instance);
                continue;
            }
            let last = self.0.get(&due.instance).map_or(FIRST_PAUSE_SECONDS / 2, |(seconds, _)| *seconds);
            let seconds = (2 * last).clamp(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS);
            self.0.insert(due.instance, (seconds, now.plus_seconds(seconds)));
        }
    }

    /// Whose turn it is; those who are not due any more are forgotten.
    pub fn due(&mut self, all: Vec<Due>, now: Timestamp) -> Vec<Due> {
        self.0.retain(|id, _| all.iter().any(|due| due.instance == *id));
        let may = |due: &Due| self.0.get(&due.instance).is_none_or(|(_, not_before)| *not_before <= now);
        all.into_iter().filter(may).take(MOST_AT_ONCE).collect()
    }
}

/// Every workload that is to be drilled; first those whose bids wait for it.
pub fn waiting(state: &State) -> Vec<Due> {
    let due = |i: &Instance| Some(Due { instance: i.id, epoch: i.epoch, at_end: vacate::due(i)? });
    let mut all: Vec<Due> = state.instances.values().filter_map(due).collect();
    if all.len() > 1 {
        let bids = state.orders.values().filter(|o| o.status.is_live() && vacate::has_no_path(state, o));
        let bidding: BTreeSet<InstanceId> = bids.filter_map(|o| o.request.instance).collect();
        all.sort_by_key(|due| !bidding.contains(&due.instance));
    }
    all
}

/// What drills came to; nothing of those that have to be tried again later.
pub fn run(nodes: &Nodes, due: &[Due]) -> Vec<Command> {
    due.iter().filter_map(|due| run_one(nodes, *due)).collect()
}

/// What a look at drills under way comes to.
pub enum Look {
    Found(Box<Command>),
    UnderWay,
    Ended,
}

/// Drills under way on a thread of their own.
pub struct Apart {
    tried: Vec<Due>,
    done: Vec<Command>,
    results: mpsc::UnboundedReceiver<Command>,
}

impl Apart {
    /// Begins drills on a thread that leaves the processor to others: programs in a drill pay for nothing.
    pub fn begin(nodes: Arc<Nodes>, due: Vec<Due>) -> std::io::Result<Self> {
        let (found, results) = mpsc::unbounded_channel();
        let tried = due.clone();
        std::thread::Builder::new().name("drills".to_owned()).spawn(move || {
            headroom_execution::low_priority();
            // Told one by one: a bid does not wait for the drills of others.
            for due in due {
                // One program that ends its drill's thread must not keep the others from theirs.
                let one = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run_one(&nodes, due)));
                if one.is_err() {
                    tracing::error!(instance = %due.instance, "a drill ended before its time");
                }
                if one.ok().flatten().is_some_and(|command| found.send(command).is_err()) {
                    break;
                }
            }
        })?;
        Ok(Self { tried, done: Vec::new(), results })
    }

    /// The next thing that has been found.
    pub fn look(&mut self) -> Look {
        match self.results.try_recv() {
            Ok(command) => Look::Found(Box::new(command)),
            Err(TryRecvError::Empty) => Look::UnderWay,
            Err(TryRecvError::Disconnected) => Look::Ended,
        }
    }

    /// Takes in that a finding is recorded.
    pub fn note(&mut self, recorded: Command) {
        self.done.push(recorded);
    }

    /// Who was tried, and what came of it.
    pub fn into_parts(self) -> (Vec<Due>, Vec<Command>) {
        (self.tried, self.done)
    }
}

fn run_one(nodes: &Nodes, due: Due) -> Option<Command> {
    let Due { instance, epoch, at_end } = due;
    let how = match at_end {
        AtEnd::Checkpoint => DrillOf::Checkpoint,
        AtEnd::Shrink | AtEnd::Stop => DrillOf::Shrink,
    };
    match nodes.cluster.drill(&instance_id(instance), epoch, how) {
        Ok(report) => {
            report.map(|r| Command::RecordDrill { instance, epoch, at_end, passed: r.passed, detail: r.detail })
        }
        // It is not started yet, moved, restarted or has faulted: tried again when it runs.
        Err(
            DriverError::Guest { .. }
            | DriverError::StaleEpoch { .. }
            | DriverError::WrongState { .. }
            | DriverError::UnknownInstance(_),
        ) => None,
        Err(error) => {
            tracing::warn!(%instance, %error, "no drill can be made of it; trying again");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_not_be_drilled_is_tried_less_and_less_often() {
        let due = |n| Due { instance: InstanceId::from_raw(n), epoch: 1, at_end: AtEnd::Shrink };
        let all = || vec![due(1), due(2)];
        let at = Timestamp::from_seconds;
        let mut pauses = Pauses::default();
        let mut tries = Vec::new();
        for second in (0..3_600).step_by(5) {
            let now = pauses.due(all(), at(second));
            if now.iter().any(|d| d.instance == InstanceId::from_raw(1)) {
                tries.push(second);
            }
            // The second one passes, whenever it is tried.
            let (instance, at_end) = (InstanceId::from_raw(2), AtEnd::Shrink);
            let passed = Command::RecordDrill { instance, epoch: 1, at_end, passed: true, detail: String::new() };
            assert!(now.iter().any(|d| d.instance == instance));
            pauses.note(&now, &[passed], at(second));
        }
        assert_eq!(tries[..6], [0, 5, 15, 35, 75, 155]);
        assert!(tries.len() < 16, "{tries:?}");
        assert!(pauses.due(Vec::new(), at(0)).is_empty());
        assert_eq!(pauses.due(all(), at(1)).len(), 2, "whoever was not due meanwhile begins anew");
    }
}
