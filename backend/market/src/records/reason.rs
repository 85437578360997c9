//! Why a round gave an order nothing, or not all that it asked for.
use crate::clearing::outcome;
use serde::{Deserialize, Serialize};

/// Stable codes. Those of the clearing are the rule book's; the others are of orders that had no part in the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Reason {
    /// Every pool of the order is halted.
    Halted,
    /// The clearing would have refused it as it stands.
    Ineligible,
    /// No drill has shown that the workload gives memory back.
    NoVacatePath,
    /// Its workload may not be moved, or is where this order would not have it.
    FrozenHoldTime,
    /// Its workload has lent all that is above its floor.
    FloorProtected,
    /// The workload's own `max_swap`.
    ThrashLimit,
    /// A price of its products was beyond the band (`round/awards/interruption.rs`).
    Interrupted,
    OutOfMoney,
    /// At the margin, behind others in the tie-break.
    Tie,
    /// At these prices less is left unsold than a lot takes.
    NoRoom,
    /// No node that it may use has room for a lot.
    NoHost,
    /// Its minimum fill, or all of its alternatives, could not win together with the others.
    Block,
    /// There was no place for it (`round/admission/capacity.rs`).
    RoundFull,
    /// It could take the workload over its own limit (`book/growth.rs`).
    AboveInstanceLimit,
    /// Its workload is in another pool, or about to go there.
    WorkloadAway,
    /// Its workload is about to get another pool as its own.
    Relocating,
    /// It would carry its workload to another pool, and what the workload has won or lent keeps it at home.
    NeededAtHome,
    /// The participant has as many awards as it may have whose slots are not settled.
    TooManyAwards,
    /// Its workload is to be on another node by then; what it offers is on the node where it runs.
    LeavesNode,
    /// What its workload had lent for a slot of it, it has taken back more than once.
    TookBack,
}

impl Reason {
    /// The code that orders, outcomes and people have for it.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::Halted => "HALTED",
            Reason::Ineligible => "INELIGIBLE",
            Reason::NoVacatePath => "NO_VACATE_PATH",
            Reason::FrozenHoldTime => "FROZEN_HOLD_TIME",
            Reason::FloorProtected => "FLOOR_PROTECTED",
            Reason::ThrashLimit => "THRASH_LIMIT",
            Reason::Interrupted => "INTERRUPTED",
            Reason::OutOfMoney => "OUT_OF_MONEY",
            Reason::Tie => "TIE",
            Reason::NoRoom => "NO_ROOM",
            Reason::NoHost => "NO_HOST",
            Reason::Block => "BLOCK",
            Reason::RoundFull => "ROUND_FULL",
            Reason::AboveInstanceLimit => "ABOVE_INSTANCE_LIMIT",
            Reason::WorkloadAway => "WORKLOAD_AWAY",
            Reason::Relocating => "RELOCATING",
            Reason::NeededAtHome => "NEEDED_AT_HOME",
            Reason::TooManyAwards => "TOO_MANY_AWARDS",
            Reason::LeavesNode => "LEAVES_NODE",
            Reason::TookBack => "TOOK_BACK",
        }
    }
    /// Whether the round's prices decided, so that another limit may be the answer.
    pub const fn is_of_the_price(self) -> bool {
        use Reason::*;
        matches!(self, OutOfMoney | Tie | NoRoom | Block)
    }
}

impl From<outcome::Reason> for Reason {
    fn from(reason: outcome::Reason) -> Self {
        match reason {
            outcome::Reason::Halted => Reason::Halted,
            outcome::Reason::WorkloadAway => Reason::WorkloadAway,
            outcome::Reason::NoVacatePath => Reason::NoVacatePath,
            outcome::Reason::Interrupted => Reason::Interrupted,
            outcome::Reason::OutOfMoney => Reason::OutOfMoney,
            outcome::Reason::Tie => Reason::Tie,
            outcome::Reason::NoRoom => Reason::NoRoom,
            outcome::Reason::NoHost => Reason::NoHost,
            outcome::Reason::Block => Reason::Block,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code of the journal is read back as what it was.
    #[test]
    fn codes_are_what_is_written() {
        use Reason::*;
        let of_the_clearing = [
            outcome::Reason::Halted,
            outcome::Reason::WorkloadAway,
            outcome::Reason::NoVacatePath,
            outcome::Reason::Interrupted,
            outcome::Reason::OutOfMoney,
            outcome::Reason::Tie,
            outcome::Reason::NoRoom,
            outcome::Reason::NoHost,
            outcome::Reason::Block,
        ];
        for reason in of_the_clearing {
            assert_eq!(serde_json::to_value(reason).expect("a text"), Reason::from(reason).code());
        }
        let own = [
            Ineligible,
            FrozenHoldTime,
            FloorProtected,
            ThrashLimit,
            RoundFull,
            AboveInstanceLimit,
            NeededAtHome,
            TooManyAwards,
            LeavesNode,
            TookBack,
        ];
        for reason in of_the_clearing.map(Reason::from).into_iter().chain(own) {
            assert_eq!(serde_json::to_value(reason).expect("a text"), reason.code());
            assert_eq!(serde_json::from_value::<Reason>(reason.code().into()).expect("known"), reason);
        }
    }
}
