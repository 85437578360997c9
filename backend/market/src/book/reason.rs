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
    Expired,
    /// The clearing would have refused it as it stands.
    Ineligible,
    /// No drill has shown that the workload gives memory back.
    NoVacatePath,
    /// Its workload may not be moved, or is where this order would not have it.
    FrozenHoldTime,
    FloorProtected,
    /// The workload's own `max_swap`.
    ThrashLimit,
    ForecastHeadroom,
    OutOfMoney,
    MarginalProrata,
    NoHostFits,
    MinFillUnreachable,
    Paradoxical,
    TieLost,
    SolverFallback,
    /// There was no place for it (`round/capacity.rs`).
    RoundFull,
    /// It could take the workload over its own limit (`round/growth.rs`).
    AboveInstanceLimit,
    /// Its workload is in another pool, or about to go there.
    WorkloadAway,
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
            Reason::Expired => "EXPIRED",
            Reason::Ineligible => "INELIGIBLE",
            Reason::NoVacatePath => "NO_VACATE_PATH",
            Reason::FrozenHoldTime => "FROZEN_HOLD_TIME",
            Reason::FloorProtected => "FLOOR_PROTECTED",
            Reason::ThrashLimit => "THRASH_LIMIT",
            Reason::ForecastHeadroom => "FORECAST_HEADROOM",
            Reason::OutOfMoney => "OUT_OF_MONEY",
            Reason::MarginalProrata => "MARGINAL_PRORATA",
            Reason::NoHostFits => "NO_HOST_FITS",
            Reason::MinFillUnreachable => "MIN_FILL_UNREACHABLE",
            Reason::Paradoxical => "PARADOXICAL",
            Reason::TieLost => "TIE_LOST",
            Reason::SolverFallback => "SOLVER_FALLBACK",
            Reason::RoundFull => "ROUND_FULL",
            Reason::AboveInstanceLimit => "ABOVE_INSTANCE_LIMIT",
            Reason::WorkloadAway => "WORKLOAD_AWAY",
            Reason::NeededAtHome => "NEEDED_AT_HOME",
            Reason::TooManyAwards => "TOO_MANY_AWARDS",
            Reason::LeavesNode => "LEAVES_NODE",
            Reason::TookBack => "TOOK_BACK",
        }
    }
    /// Whether the round's prices decided, so that another limit may be the answer.
    pub const fn is_of_the_price(self) -> bool {
        use Reason::*;
        matches!(self, OutOfMoney | MarginalProrata | Paradoxical | TieLost | ForecastHeadroom)
    }
}

impl From<outcome::Reason> for Reason {
    fn from(reason: outcome::Reason) -> Self {
        match reason {
            outcome::Reason::Halted => Reason::Halted,
            outcome::Reason::Expired => Reason::Expired,
            // No round gives the others: only books from elsewhere know parents, budgets and holds.
            outcome::Reason::Ineligible
            | outcome::Reason::ParentRejected
            | outcome::Reason::Budget
            | outcome::Reason::InsufficientHold => Reason::Ineligible,
            outcome::Reason::NoVacatePath => Reason::NoVacatePath,
            outcome::Reason::FrozenHoldTime => Reason::FrozenHoldTime,
            outcome::Reason::FloorProtected => Reason::FloorProtected,
            outcome::Reason::ThrashLimit => Reason::ThrashLimit,
            outcome::Reason::ForecastHeadroom => Reason::ForecastHeadroom,
            outcome::Reason::OutOfMoney => Reason::OutOfMoney,
            outcome::Reason::MarginalProrata => Reason::MarginalProrata,
            outcome::Reason::NoHostFits => Reason::NoHostFits,
            outcome::Reason::MinFillUnreachable => Reason::MinFillUnreachable,
            outcome::Reason::Paradoxical => Reason::Paradoxical,
            outcome::Reason::TieLost => Reason::TieLost,
            outcome::Reason::SolverFallback => Reason::SolverFallback,
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
        let of_the_rule_book = [
            outcome::Reason::Halted,
            outcome::Reason::Expired,
            outcome::Reason::Ineligible,
            outcome::Reason::NoVacatePath,
            outcome::Reason::FrozenHoldTime,
            outcome::Reason::FloorProtected,
            outcome::Reason::ThrashLimit,
            outcome::Reason::ForecastHeadroom,
            outcome::Reason::OutOfMoney,
            outcome::Reason::MarginalProrata,
            outcome::Reason::NoHostFits,
            outcome::Reason::MinFillUnreachable,
            outcome::Reason::Paradoxical,
            outcome::Reason::TieLost,
            outcome::Reason::SolverFallback,
        ];
        for reason in of_the_rule_book {
            assert_eq!(Reason::from(reason).code(), reason.code(), "an outcome has the same code for it");
        }
        let own = [RoundFull, AboveInstanceLimit, WorkloadAway, NeededAtHome, TooManyAwards, LeavesNode, TookBack];
        for reason in of_the_rule_book.map(Reason::from).into_iter().chain(own) {
            assert_eq!(serde_json::to_value(reason).expect("a text"), reason.code());
            assert_eq!(serde_json::from_value::<Reason>(reason.code().into()).expect("known"), reason);
        }
    }
}
