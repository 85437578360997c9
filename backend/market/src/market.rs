//! The market itself: its fixed rhythm, its caps and its counters.
use crate::ids::InstanceId;
use crate::pool::PoolSlug;
use crate::round::make_way::Way;
use crate::round::safe_state::PoolRounds;
use crate::time::{Slot, Timestamp};
use crate::units::Price;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rhythm, written into the database at first start and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Rhythm {
    /// A divisor of 3600.
    pub slot_seconds: i64,
    pub horizon_slots: i64,
    /// A slot's gate closes this long before it starts, so that moves finish in time.
    pub lead_seconds: i64,
    pub round_seconds: i64,
}

impl Rhythm {
    /// The first slot whose gate is open at `now`.
    pub fn first_open(&self, now: Timestamp) -> Slot {
        let earliest = now.plus_seconds(self.lead_seconds);
        Slot::containing(earliest, self.slot_seconds).plus(1, self.slot_seconds)
    }
    /// The open slots at `now`, earliest first.
    pub fn open_slots(&self, now: Timestamp) -> Vec<Slot> {
        let first = self.first_open(now);
        (0..self.horizon_slots).map(|n| first.plus(n, self.slot_seconds)).collect()
    }
    pub fn last_open(&self, now: Timestamp) -> Slot {
        self.first_open(now).plus(self.horizon_slots - 1, self.slot_seconds)
    }
    pub fn gate_closes(&self, slot: Slot) -> Timestamp {
        slot.start().plus_seconds(-self.lead_seconds)
    }
    pub fn gate_is_open(&self, slot: Slot, now: Timestamp) -> bool {
        slot >= self.first_open(now) && slot <= self.last_open(now)
    }
    /// When the slot was first open.
    pub fn opened(&self, slot: Slot) -> Timestamp {
        self.gate_closes(slot).plus_seconds(-self.horizon_slots * self.slot_seconds)
    }
    pub fn slot_end(&self, slot: Slot) -> Timestamp {
        slot.plus(1, self.slot_seconds).start()
    }
}

/// The market's own record: one a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Market {
    pub name: String,
    pub rhythm: Rhythm,
    /// No product may cost more in any round.
    pub price_cap: Price,
    /// A test market: its keys are `xk_test_`, its pages say DEMO.
    pub demo: bool,
    /// Number of the last sealed round.
    pub last_round: u64,
    pub last_root: String,
    /// The last round that held orders back which no round had taken before (`Order::held_back_since`).
    #[serde(default)]
    pub full_round: u64,
    /// Gates of slots before this one were planned (swap orders written).
    pub planned_until: Slot,
    /// Slots before this one are settled.
    pub settled_until: Slot,
    pub created_at: Timestamp,
    /// Until which slot rounds of each pool have been held, and how often none was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pool_rounds: BTreeMap<PoolSlug, PoolRounds>,
    /// Workloads that are to leave their nodes for somebody else's bid.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ways: BTreeMap<InstanceId, Way>,
    /// A reserve price that somebody schedules waits for another person's approval.
    #[serde(default)]
    pub two_person_approval: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_close_before_the_slot() {
        let rhythm = Rhythm { slot_seconds: 60, horizon_slots: 6, lead_seconds: 10, round_seconds: 5 };
        let slot = Slot::starting_at(600);
        assert!(rhythm.gate_is_open(slot, Timestamp::from_seconds(589)));
        assert!(!rhythm.gate_is_open(slot, Timestamp::from_seconds(590)));
        assert_eq!(rhythm.opened(slot), Timestamp::from_seconds(230));
        assert!(rhythm.gate_is_open(slot, Timestamp::from_seconds(230)));
        assert!(!rhythm.gate_is_open(slot, Timestamp::from_seconds(229)));
    }
}
