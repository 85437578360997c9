//! The market itself: its fixed rhythm, its caps and its counters.
use crate::records::pool::PoolSlug;
use crate::time::{Slot, Timestamp};
use crate::units::Price;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Slots shorter than this end before workloads are resized.
const MIN_SLOT_SECONDS: i64 = 10;

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
    /// Why no market can have it, if none can.
    pub fn fault(&self) -> Option<&'static str> {
        if !(MIN_SLOT_SECONDS..=3600).contains(&self.slot_seconds) || 3600 % self.slot_seconds != 0 {
            return Some("slot_seconds must be a divisor of 3600 from 10 up");
        }
        if self.horizon_slots < 1 || self.round_seconds < 1 {
            return Some("horizon_slots and round_seconds must be above 0");
        }
        // the gate of a slot closes after it has opened, and rounds fit in between
        if !(0..self.slot_seconds).contains(&self.lead_seconds) || self.round_seconds > self.slot_seconds {
            return Some("lead_seconds and round_seconds must be shorter than a slot");
        }
        None
    }
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
    pub full_round: u64,
    /// Gates of slots before this one were planned (swap orders written).
    pub planned_until: Slot,
    /// Slots before this one are settled.
    pub settled_until: Slot,
    pub created_at: Timestamp,
    /// Until which slot rounds of each pool have been held, and how often none was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pool_rounds: BTreeMap<PoolSlug, PoolRounds>,
    /// A reserve price that somebody schedules waits for another person's approval.
    pub two_person_approval: bool,
}

/// What the market remembers of a pool's rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PoolRounds {
    /// Slots up to this one do not roll any more: a round was held shortly before its gate, or after that.
    pub held_until: Slot,
    /// Slots that began with what workloads had in the slot before.
    pub slots_rolled: u64,
    pub last_rolled: Option<Slot>,
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
