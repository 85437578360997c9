//! Choosing how a swap order is carried out: the cheapest method whose predicted downtime
//! fits, with the rejected ones and their numbers.
//!
//! cost = bytes × cost of a byte + downtime × what the SLA charges for it + chance of failure
//! × cost of a rollback. Bandwidth, downtime and failures are learned from past moves.
//!
//! Invariants: a pure function of its arguments, whole numbers only; every method appears,
//! chosen or rejected with a reason; ties go to the earlier of resize, live, checkpoint,
//! partition. Absent: which node, and whether the gain is worth it (the market's part).

use serde::{Deserialize, Serialize};

use crate::driver::{Capabilities, Operation};

/// How a swap order is carried out, in order of preference at equal cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Resize,
    Live,
    Checkpoint,
    Partition,
}

/// What past moves of this driver and application have shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    pub bandwidth_bytes_per_s: u64,
    /// Time of a cutover that does not depend on bytes.
    pub fixed_pause_micros: u64,
    /// What a move sends in all; 0 before the first that was done.
    pub sent_bytes: u64,
    pub moves: u64,
    pub failures: u64,
}

impl Default for Learned {
    /// Loopback with zstd, as measured with small guests; replaced within a few moves.
    fn default() -> Self {
        Self { bandwidth_bytes_per_s: 200_000_000, fixed_pause_micros: 2_000, sent_bytes: 0, moves: 0, failures: 0 }
    }
}

impl Learned {
    /// Takes in a finished move. A quarter of the way to each new measurement follows a change
    /// of the network within a handful of moves and forgives an outlier.
    pub fn record(&mut self, bytes: u64, transfer_micros: u64, pause_micros: u64, failed: bool) {
        self.moves += 1;
        self.failures += u64::from(failed);
        let quarter = |old: u64, new: u64| (old / 4).saturating_mul(3).saturating_add(new / 4);
        // Below 64 KiB the fixed costs drown the bandwidth.
        if bytes >= 64 * 1024 && transfer_micros > 0 {
            let seen = u128::from(bytes) * 1_000_000 / u128::from(transfer_micros);
            let seen = u64::try_from(seen).unwrap_or(u64::MAX);
            self.bandwidth_bytes_per_s = quarter(self.bandwidth_bytes_per_s, seen).max(1);
        }
        if !failed {
            self.fixed_pause_micros = quarter(self.fixed_pause_micros, pause_micros);
            self.sent_bytes = if self.sent_bytes == 0 { bytes } else { quarter(self.sent_bytes, bytes) };
        }
    }

    /// Failures per million; before the first move as if one of twenty had failed.
    pub fn failures_per_million(&self) -> u64 {
        let seen = u128::from(self.failures) * 1_000_000 + 1_000_000;
        u64::try_from(seen / (u128::from(self.moves) + 20)).unwrap_or(1_000_000)
    }
}

/// What is to be done and what it may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Situation {
    /// The instance's own node has room for the new limits.
    pub fits_in_place: bool,
    /// The order itself asks for another node (pool, POP or hardware).
    pub must_move: bool,
    pub state_bytes: u64,
    /// What changes between the snapshot and the fence.
    pub dirty_bytes: u64,
    pub max_pause_micros: u64,
    pub byte_cost_nano_credits: u64,
    pub pause_cost_micro_credits_per_s: u64,
    pub rollback_cost_micro_credits: u64,
}

/// The numbers of one method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    pub pause_micros: u64,
    pub total_micros: u64,
    pub bytes: u64,
    pub failures_per_million: u64,
    pub cost_micro_credits: u64,
}

/// A method that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    pub method: Method,
    pub reason: String,
    /// Missing where the method is impossible and has no numbers.
    pub prediction: Option<Prediction>,
}

/// The choice and all that it was preferred to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub chosen: Option<(Method, Prediction)>,
    pub rejected: Vec<Rejected>,
}

/// Chooses a method.
pub fn choose(situation: &Situation, can: &Capabilities, learned: &Learned) -> Plan {
    let mut possible = Vec::new();
    let mut rejected = Vec::new();
    for method in [Method::Resize, Method::Live, Method::Checkpoint, Method::Partition] {
        if let Some(reason) = impossible(method, situation, can) {
            rejected.push(Rejected { method, reason, prediction: None });
            continue;
        }
        let prediction = predict(method, situation, can, learned);
        if prediction.pause_micros > situation.max_pause_micros {
            let reason = format!(
                "a pause of {} µs is predicted, {} µs are allowed",
                prediction.pause_micros, situation.max_pause_micros
            );
            rejected.push(Rejected { method, reason, prediction: Some(prediction) });
        } else {
            possible.push((method, prediction));
        }
    }
    let best = possible
        .iter()
        .enumerate()
        .min_by_key(|(_, (method, prediction))| (prediction.cost_micro_credits, *method))
        .map(|(index, _)| index);
    let chosen = best.map(|index| possible.remove(index));
    for (method, prediction) in possible {
        let reason = "costs more".to_owned();
        rejected.push(Rejected { method, reason, prediction: Some(prediction) });
    }
    rejected.sort_by_key(|rejected| rejected.method);
    Plan { chosen, rejected }
}

fn impossible(method: Method, situation: &Situation, can: &Capabilities) -> Option<String> {
    let needs: &[Operation] = match method {
        Method::Resize => &[Operation::ResizeCpu],
        Method::Live => &[Operation::LiveMigrate],
        Method::Checkpoint => &[Operation::SnapshotFull, Operation::Transfer, Operation::Fence],
        Method::Partition => &[Operation::Partition],
    };
    if method == Method::Resize {
        if situation.must_move {
            return Some("the order asks for another node".into());
        }
        if !situation.fits_in_place {
            return Some("its node has no room".into());
        }
    }
    needs.iter().find_map(|operation| can.lacks(*operation))
}

fn predict(method: Method, situation: &Situation, can: &Capabilities, learned: &Learned) -> Prediction {
    let time = |bytes: u64| {
        let micros = u128::from(bytes) * 1_000_000 / u128::from(learned.bandwidth_bytes_per_s.max(1));
        u64::try_from(micros).unwrap_or(u64::MAX)
    };
    // Without differentials everything moves while the source stands still.
    let differential = can.lacks(Operation::SnapshotDifferential).is_none();
    let last = if differential { situation.dirty_bytes } else { situation.state_bytes };
    let (bytes, pause) = match method {
        Method::Resize => (0, 0),
        Method::Live => {
            let bytes = situation.state_bytes.saturating_add(situation.dirty_bytes);
            (bytes, learned.fixed_pause_micros.saturating_add(time(situation.dirty_bytes) / 2))
        }
        Method::Checkpoint => {
            let first = if differential { situation.state_bytes } else { 0 };
            let pause = learned.fixed_pause_micros.saturating_add(time(last));
            (first.saturating_add(last), pause)
        }
        Method::Partition => (situation.state_bytes, learned.fixed_pause_micros),
    };
    let failures_per_million = match method {
        Method::Resize => 0,
        _ => learned.failures_per_million(),
    };
    let cost = u128::from(bytes) * u128::from(situation.byte_cost_nano_credits) / 1_000
        + u128::from(pause) * u128::from(situation.pause_cost_micro_credits_per_s) / 1_000_000
        + u128::from(failures_per_million) * u128::from(situation.rollback_cost_micro_credits) / 1_000_000;
    Prediction {
        pause_micros: pause,
        total_micros: time(bytes).saturating_add(learned.fixed_pause_micros),
        bytes,
        failures_per_million,
        cost_micro_credits: u64::try_from(cost).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::driver::Support;

    fn can(operations: &[Operation]) -> Capabilities {
        let operations: BTreeMap<_, _> = operations.iter().map(|operation| (*operation, Support::Native)).collect();
        Capabilities { driver: "test".into(), enforces: [].into(), operations }
    }

    fn situation() -> Situation {
        Situation {
            fits_in_place: true,
            must_move: false,
            state_bytes: 64 << 20,
            dirty_bytes: 640 << 10,
            max_pause_micros: 10_000,
            byte_cost_nano_credits: 1,
            pause_cost_micro_credits_per_s: 1_000_000,
            rollback_cost_micro_credits: 100_000,
        }
    }

    const MOVE: [Operation; 4] =
        [Operation::SnapshotFull, Operation::SnapshotDifferential, Operation::Transfer, Operation::Fence];

    #[test]
    fn in_place_wins_where_it_fits_and_the_rest_is_kept_with_numbers() {
        let mut all = MOVE.to_vec();
        all.push(Operation::ResizeCpu);
        let plan = choose(&situation(), &can(&all), &Learned::default());
        assert_eq!(plan.chosen.map(|(method, _)| method), Some(Method::Resize));
        let checkpoint = plan.rejected.iter().find(|r| r.method == Method::Checkpoint);
        let numbers = checkpoint.and_then(|r| r.prediction.clone()).expect("it was possible");
        assert_eq!(numbers.pause_micros, 2_000 + 3_276);
        assert_eq!(plan.rejected.len(), 3);
    }

    #[test]
    fn without_room_it_moves_if_the_pause_is_short_enough() {
        let full = Situation { fits_in_place: false, ..situation() };
        let learned = Learned::default();
        let plan = choose(&full, &can(&MOVE), &learned);
        assert_eq!(plan.chosen.map(|(method, _)| method), Some(Method::Checkpoint));

        let slow = [Operation::SnapshotFull, Operation::Transfer, Operation::Fence];
        let plan = choose(&full, &can(&slow), &learned);
        assert_eq!(plan.chosen, None);
        let reasons: Vec<_> = plan.rejected.iter().map(|r| r.reason.as_str()).collect();
        assert_eq!(reasons[0], "its node has no room");
        assert!(reasons[2].starts_with("a pause of 337"), "{reasons:?}");
    }

    #[test]
    fn failures_make_moves_dearer() {
        let mut learned = Learned::default();
        let before = learned.failures_per_million();
        learned.record(1 << 20, 5_000, 900, true);
        assert!(learned.failures_per_million() > before);
        assert_eq!((learned.fixed_pause_micros, learned.sent_bytes), (2_000, 0), "a failed move says nothing of both");
        for _ in 0..200 {
            learned.record(1 << 20, 10_000, 900, false);
        }
        assert!(learned.failures_per_million() < 10_000);
        assert!((100_000_000..110_000_000).contains(&learned.bandwidth_bytes_per_s));
    }
}
