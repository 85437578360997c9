//! What a workload has lent and may want back: bought like anything else, while the slot's gate is open.
//!
//! Nothing undoes what was lent firmly: its buyers count on it. But the next rounds may sell the lender as much again, on
//! its own node, for what a shortage would cost it. Where its owner has said of no price what that is, lending is undone
//! for no more than what it has brought for that slot, so that whoever only lends never pays in the end.
//!
//! What was bought back is not lent again in that slot: automatic offers count all that was ever lent in it (`auto.rs`). What is
//! lent as recallable is no part of this: it is taken back, for nothing (`swap/recall.rs`).
use crate::ids::InstanceId;
use crate::records::round::{AwardKind, AwardLine};
use crate::state::State;
use crate::time::Slot;
use crate::units::{Amounts, Credits, Resource};

/// What an instance is planned to have beyond its baseline in a slot: what it has won less what it has lent for good.
pub(super) fn position(state: &State, id: InstanceId, slot: Slot) -> Amounts {
    let mut position = Amounts::new();
    for (kind, line) in lines(state, id, slot) {
        *position.entry(line.resource).or_default() += match kind {
            AwardKind::Bought => line.left(),
            AwardKind::Lent if !line.is_recallable() => -line.left(),
            AwardKind::Lent | AwardKind::Resold => 0,
        };
    }
    position
}

/// What is lent for good of a resource in a slot and has not been bought back yet.
pub(super) struct Lent {
    pub quantity: i64,
    /// What lending brings, less what was paid since.
    pub left: Credits,
}

impl Lent {
    pub fn of(state: &State, id: InstanceId, slot: Slot, resource: Resource) -> Self {
        let mut lent = Self { quantity: 0, left: Credits::ZERO };
        for (kind, line) in lines(state, id, slot).filter(|(_, line)| line.resource == resource) {
            match kind {
                AwardKind::Bought => {
                    lent.quantity -= line.left();
                    lent.left = lent.left - line.money;
                }
                AwardKind::Lent if !line.is_recallable() => {
                    lent.quantity += line.left();
                    lent.left += line.money;
                }
                AwardKind::Lent | AwardKind::Resold => {}
            }
        }
        lent
    }

    /// What of the proceeds a part of it may cost.
    pub fn proceeds_of(&self, quantity: i64) -> Credits {
        if self.quantity > 0 { self.left.share_floor(quantity, self.quantity) } else { Credits::ZERO }
    }
}

fn lines(state: &State, id: InstanceId, slot: Slot) -> impl Iterator<Item = (AwardKind, &AwardLine)> {
    let all = state.awards_of(id).flat_map(|award| award.lines.iter().map(move |line| (award.kind, line)));
    all.filter(move |(_, line)| line.slot == slot)
}
