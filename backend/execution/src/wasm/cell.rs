//! Everything of one instance behind one lock: its copies, outputs, snapshots, answers.
//!
//! Invariants: at most one copy is active; a fenced source and a shadow do not write outputs;
//! a shadow that lags too far is aborted, and the job never waits for it.
//! Absent: reservations and epochs of nodes (`node`), which are checked before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::outputs::OutputLog;
use super::recovery::Kept;
use super::replica::{Progress, Replica, Run};
use super::snapshot::Snapshot;
use crate::driver::{DriverError, InstanceId, NodeId, OpKey, Role, ShadowReport, SnapshotId};
use crate::guest::Code;
use headroom_market::shadow::{Comparison, PositionRecord, Rules, compare};

/// Answers remembered for each instance; a saga has about a dozen steps.
const REMEMBERED_ANSWERS: usize = 256;

/// A shadow run with both recordings that wait to be compared.
pub(crate) struct ShadowRun {
    pub node: NodeId,
    /// `None` once it was promoted, lost or failed.
    pub replica: Option<Replica>,
    pub rules: Rules,
    pub aborted: Option<String>,
    pub comparison: Comparison,
    position: u64,
    live: VecDeque<PositionRecord>,
    shadow: VecDeque<PositionRecord>,
}

impl ShadowRun {
    pub fn new(replica: Replica, rules: Rules) -> Self {
        Self {
            node: replica.node.clone(),
            position: replica.guest.position(),
            replica: Some(replica),
            rules,
            aborted: None,
            comparison: Comparison::default(),
            live: VecDeque::new(),
            shadow: VecDeque::new(),
        }
    }

    fn abort(&mut self, reason: String) {
        self.aborted.get_or_insert(reason);
        self.live.clear();
        self.shadow.clear();
    }

    /// Whether it still mirrors.
    pub fn runs(&self) -> bool {
        self.replica.is_some() && self.aborted.is_none()
    }

    /// Compares what both have and forgets it.
    fn settle(&mut self, keep: usize) {
        let (Some(live_to), Some(shadow_to)) =
            (self.live.back().map(|record| record.position), self.shadow.back().map(|record| record.position))
        else {
            return;
        };
        let to = live_to.min(shadow_to);
        let take = |records: &mut VecDeque<PositionRecord>| -> Vec<PositionRecord> {
            let n = records.partition_point(|record| record.position <= to);
            records.drain(..n).collect()
        };
        let (live, shadow) = (take(&mut self.live), take(&mut self.shadow));
        let part = compare(&live, &shadow, &self.rules, keep);
        self.comparison.merge(part, &self.rules, keep);
    }
}

/// A stopped source that can be resumed.
pub(crate) struct FencedCopy {
    pub replica: Replica,
    pub since: Instant,
    pub state_hash: String,
    /// The last differential, taken with the fence in one pass over the memory.
    pub last: Option<Snapshot>,
}

/// What activation established, for `verify`.
#[derive(Debug, Clone)]
pub(crate) struct Activation {
    pub expected_hash: Option<String>,
    pub state_hash: String,
}

struct Answer {
    request: String,
    reply: serde_json::Value,
}

/// One instance.
pub(crate) struct Cell {
    pub instance: InstanceId,
    pub module: Option<Arc<Code>>,
    pub active: Option<Replica>,
    pub fenced: Option<FencedCopy>,
    pub shadow: Option<ShadowRun>,
    pub activation: Option<Activation>,
    pub outputs: OutputLog,
    pub snapshots: BTreeMap<(NodeId, SnapshotId), Arc<Snapshot>>,
    /// The newest checkpoint, where there is no directory for them.
    pub kept_checkpoint: Option<Arc<Kept>>,
    pub last_checkpoint_micros: i64,
    /// Rises with every copy for a checkpoint, start and stop: a file that was begun before is
    /// not put in its place any more.
    pub checkpoint_number: u64,
    answers: BTreeMap<(OpKey, &'static str), Answer>,
    answer_order: VecDeque<(OpKey, &'static str)>,
}

impl Cell {
    pub fn new(instance: InstanceId) -> Self {
        Self {
            instance,
            module: None,
            active: None,
            fenced: None,
            shadow: None,
            activation: None,
            outputs: OutputLog::default(),
            snapshots: BTreeMap::new(),
            kept_checkpoint: None,
            last_checkpoint_micros: 0,
            checkpoint_number: 0,
            answers: BTreeMap::new(),
            answer_order: VecDeque::new(),
        }
    }

    /// Does `operation` once for a key; a repeat gets the first answer. Failures are not
    /// remembered: they changed nothing and may be tried again.
    pub fn once<T: Serialize + DeserializeOwned>(
        &mut self,
        key: &OpKey,
        operation: &'static str,
        request: &impl Serialize,
        work: impl FnOnce(&mut Self) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let broken = |e: serde_json::Error| DriverError::Engine(format!("answer log: {e}"));
        let request = serde_json::to_string(request).map_err(broken)?;
        let slot = (key.clone(), operation);
        if let Some(answer) = self.answers.get(&slot) {
            if answer.request != request {
                return Err(DriverError::KeyReused { swap: key.swap.clone(), step: key.step.clone() });
            }
            return serde_json::from_value(answer.reply.clone()).map_err(broken);
        }
        let reply = work(self)?;
        let stored = serde_json::to_value(&reply).map_err(broken)?;
        self.answers.insert(slot.clone(), Answer { request, reply: stored });
        self.answer_order.push_back(slot);
        if self.answer_order.len() > REMEMBERED_ANSWERS
            && let Some(oldest) = self.answer_order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        Ok(reply)
    }

    pub fn state(&self) -> &'static str {
        match (&self.active, &self.fenced, &self.shadow) {
            (Some(active), _, _) if active.suspension.is_some() => "suspended",
            (Some(_), Some(_), _) => "activated, its source not released",
            (Some(_), None, Some(_)) => "active with a shadow run",
            (Some(_), None, None) => "active",
            (None, Some(_), _) => "fenced",
            (None, None, _) => "not running",
        }
    }

    pub fn wrong(&self, operation: &'static str, needed: &'static str) -> DriverError {
        let (instance, state) = (self.instance.clone(), self.state());
        DriverError::WrongState { instance, operation, needed, state }
    }

    /// Processes what is due until `now`. `keep_going` is asked before each step.
    pub fn advance(&mut self, run: &Run<'_>, now_micros: i64, keep_going: &mut dyn FnMut() -> bool) -> Progress {
        let config = run.config;
        loop {
            let Some(active) = self.active.as_mut() else {
                return Progress::Until(None);
            };
            let outputs = &mut self.outputs;
            let Some(shadow) = self.shadow.as_mut().filter(|s| s.runs() && active.role == Role::Active) else {
                let epoch = active.epoch;
                return active.advance(run, now_micros, u64::MAX, None, keep_going, &mut |r| {
                    outputs.append(r.position, epoch, &r.output, config.output_ring);
                });
            };

            // The live run goes ahead by half a mirror, then the shadow follows, so that one
            // long advance does not overflow what many short ones would not.
            let stretch = (config.mirror_positions / 2).max(1);
            let live_until = active.guest.position().saturating_add(stretch);
            let every = Some(config.shadow_hash_every);
            let epoch = active.epoch;
            let records = &mut shadow.live;
            let live = active.advance(run, now_micros, live_until, every, keep_going, &mut |r| {
                outputs.append(r.position, epoch, &r.output, config.output_ring);
                records.push_back(r);
            });
            let live_full = live == Progress::More && active.guest.position() >= live_until;
            let live_position = active.guest.position();

            let records = &mut shadow.shadow;
            let shadow_until = live_position.saturating_add(stretch);
            let mut behind = Progress::Until(None);
            let mut failed = None;
            if let Some(copy) = shadow.replica.as_mut() {
                behind = copy.advance(run, now_micros, shadow_until, every, keep_going, &mut |r| {
                    records.push_back(r);
                });
                shadow.position = copy.guest.position();
                failed = copy.fault.clone();
                if copy.guest.position() >= shadow_until {
                    behind = Progress::Until(None);
                }
            }
            if let Some(fault) = failed {
                shadow.abort(format!("the shadow's guest failed {fault}"));
            }
            shadow.settle(config.max_differences);
            let lag = live_position.saturating_sub(shadow.position);
            if shadow.aborted.is_none() && lag > config.mirror_positions {
                shadow.abort(format!("the mirror overflowed: {lag} positions behind"));
            }
            match (live, behind) {
                _ if live_full => {}
                (Progress::More, _) | (_, Progress::More) => return Progress::More,
                (Progress::Until(a), Progress::Until(b)) => {
                    return Progress::Until(a.into_iter().chain(b).min());
                }
            }
        }
    }

    pub fn shadow_report(&self) -> Option<ShadowReport> {
        let shadow = self.shadow.as_ref()?;
        let live = self.active.as_ref().or(self.fenced.as_ref().map(|f| &f.replica));
        Some(ShadowReport {
            instance: self.instance.clone(),
            node: shadow.node.clone(),
            live_position: live.map_or(0, |copy| copy.guest.position()),
            shadow_position: shadow.position,
            comparison: shadow.comparison.clone(),
            aborted: shadow.aborted.clone(),
        })
    }

    /// A node is gone and everything on it.
    pub fn lose(&mut self, node: &NodeId) {
        self.active.take_if(|copy| copy.node == *node);
        self.fenced.take_if(|fenced| fenced.replica.node == *node);
        if let Some(shadow) = self.shadow.as_mut().filter(|shadow| shadow.node == *node) {
            shadow.replica = None;
            shadow.abort(format!("node {node} went down"));
        }
        self.snapshots.retain(|(at, _), _| at != node);
    }
}
