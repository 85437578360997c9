//! Why a workload was not taken to another node for a bid that its own has too little room for, in words.
use super::Change;
use headroom_market::book::Order;
use headroom_market::clearing::Winning;
use headroom_market::round::stays::{Elsewhere, Stays};
use headroom_market::swap::hold_time::{HOLD_SLOTS, MOST_MOVES, WINDOW_SLOTS};
use headroom_market::units::Credits;

/// What was found of a bid for a workload on a full node.
#[derive(Clone, Copy, Debug)]
pub enum Staying {
    /// Of its own something keeps it there, as things are.
    Kept(Stays),
    /// It may go, for the fee of its move; what the book of the round says of that.
    MayGo(Credits, Elsewhere),
}

impl Staying {
    /// A bound, as other workloads may want to go there too: the least limit with which the round would have taken it there.
    pub fn least_limit(self, order: &Order) -> Option<Credits> {
        match self {
            Self::MayGo(_, Elsewhere::From(Winning::Limit(limit))) => {
                Some(Credits::from_units(limit.0)).filter(|limit| *limit > order.remaining_limit)
            }
            _ => None,
        }
    }

    /// Whether it may win elsewhere with its limit, as far as that is known.
    pub fn may_win(self, limit: Credits) -> bool {
        match self {
            Self::Kept(_) | Self::MayGo(_, Elsewhere::NoRoom | Elsewhere::From(Winning::NoneTried)) => false,
            Self::MayGo(_, Elsewhere::From(Winning::Limit(least))) => limit.units() >= least.0,
            Self::MayGo(_, Elsewhere::From(Winning::Unknown | Winning::Between { .. })) => true,
        }
    }

    /// What follows "The price was right, but the workload's node had too little room".
    pub fn sentence(self, order: &Order) -> Option<String> {
        Some(match self {
            Self::Kept(Stays::Pinned { until }) => {
                format!("it stays there until {until}, as its last move did not come about.")
            }
            Self::Kept(Stays::Rests) => format!(
                "it rests: after a move it stays for {HOLD_SLOTS} slots, and it is moved {MOST_MOVES} times in {WINDOW_SLOTS} slots at most."
            ),
            Self::Kept(Stays::Lends { until }) => {
                format!("it is not taken to another: in the slot of {until} it still lends on its node.")
            }
            Self::Kept(Stays::Won { until }) => format!(
                "it is not taken to another: it has won something on its node for the slot of {until}, and would have to come back for it."
            ),
            Self::Kept(Stays::MoveFee(fee)) => {
                format!("a move to another costs its owner {fee} (`move_fee`), which the limit is not above.")
            }
            Self::Kept(Stays::MovesAtOnce(most)) => {
                format!("as many workloads of its pool as may be moved for one slot ({most}) are to be moved already.")
            }
            Self::MayGo(_, Elsewhere::NoRoom) => {
                "no other node had room for its whole baseline with what it asks for.".to_owned()
            }
            Self::MayGo(fee, Elsewhere::From(Winning::Limit(_))) => {
                let limit = self.least_limit(order)?;
                match fee.is_zero() {
                    true => format!("a move to another was worth it to the round from a limit of {limit} on."),
                    false => format!(
                        "a move to another, with its fee of {fee}, was worth it to the round from a limit of {limit} on."
                    ),
                }
            }
            Self::MayGo(_, Elsewhere::From(Winning::NoneTried)) => {
                "with none of the limits that were tried was a move to another worth more to the round than the room that it takes there."
                    .to_owned()
            }
            Self::MayGo(_, Elsewhere::From(Winning::Unknown | Winning::Between { .. })) => return None,
        })
    }

    /// What helps beside another limit, and whether another limit helps.
    pub fn changes(self, order: &Order) -> Vec<Change> {
        let helps = |text: &str, limit: Option<Credits>| Change { change: text.to_owned(), limit, helps: true };
        let limit_does_not = || Change { change: "Raise the limit".to_owned(), limit: None, helps: false };
        match self {
            Self::Kept(Stays::Pinned { .. }) => {
                vec![helps("Bid for a slot after that, or for what its node has", None), limit_does_not()]
            }
            Self::Kept(Stays::Rests) => vec![helps("Wait until it may be moved again", None), limit_does_not()],
            Self::Kept(Stays::Lends { .. }) => {
                vec![helps("Bid for a slot after those that it lends in", None), limit_does_not()]
            }
            Self::Kept(Stays::Won { .. }) => {
                vec![helps("Bid for slots after those that it has won on its node", None), limit_does_not()]
            }
            Self::Kept(Stays::MoveFee(fee)) => {
                vec![helps("Raise the limit above its move fee", Some(fee)), helps("Lower its move fee", None)]
            }
            Self::Kept(Stays::MovesAtOnce(_)) => vec![helps("Bid for another slot", None), limit_does_not()],
            Self::MayGo(_, Elsewhere::From(Winning::Limit(_))) => match self.least_limit(order) {
                Some(limit) => vec![helps("Raise the limit, at least to this", Some(limit))],
                None => Vec::new(),
            },
            Self::MayGo(_, Elsewhere::NoRoom | Elsewhere::From(Winning::NoneTried)) => vec![limit_does_not()],
            Self::MayGo(_, Elsewhere::From(Winning::Unknown | Winning::Between { .. })) => Vec::new(),
        }
    }
}
