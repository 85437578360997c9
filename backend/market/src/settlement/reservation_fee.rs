//! What buyers pay for capacity that was kept for them and that their own program could not be moved to: a tenth of its
//! price (rule book §6), to those who kept it.
use crate::ids::AwardId;
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::records::workload::Instance;
use crate::settlement::delivered::Deliveries;
use crate::settlement::shortfall;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, Resource};
use std::collections::BTreeMap;

/// Of the price of what was kept.
const PERCENT: i64 = 10;

/// The fees of a slot.
pub struct Fees {
    of_award: BTreeMap<(AwardId, Resource), Credits>,
    of_trade: BTreeMap<shortfall::Key, Credits>,
}

impl Fees {
    pub fn of_slot(state: &State, slot: Slot, now: Timestamp, awards: &[Award], deliveries: &Deliveries) -> Fees {
        let mut fees = Fees { of_award: BTreeMap::new(), of_trade: BTreeMap::new() };
        let by_program = |i: &Instance, award: &Award| {
            cannot_go_there(i, award, now) && i.pinned_by_program && !i.failed_by_exchange.contains(&slot)
        };
        for award in awards.iter().filter(|a| a.kind == AwardKind::Bought && !a.drawn) {
            let instance = award.instance.and_then(|id| state.instances.get(&id));
            if !instance.is_some_and(|i| by_program(i, award)) {
                continue;
            }
            for line in award.lines.iter().filter(|l| l.slot == slot && !l.settled) {
                let of_line = deliveries.line(award, line);
                let kept = (of_line.due - of_line.had - of_line.missed).max(0);
                let price = line.price.charge_half_even(kept).unwrap_or_default();
                let fee = price.share_floor(PERCENT, 100);
                fees.of_award.insert((award.id, line.resource), fee);
                *fees.of_trade.entry(shortfall::of_product(award, line)).or_default() += fee;
            }
        }
        fees
    }

    /// What a line pays, or, of what all of its trade pay, what a seller of `kept` gets where `lost` is
    /// not paid for: the operator has the rest.
    pub fn of_line(&self, award: &Award, line: &AwardLine, kept: i64, lost: i64) -> Credits {
        if award.kind == AwardKind::Bought {
            return self.of_award.get(&(award.id, line.resource)).copied().unwrap_or_default();
        }
        let pot = self.of_trade.get(&shortfall::of_product(award, line)).copied().unwrap_or_default();
        if lost > 0 { pot.share_floor(kept.clamp(0, lost), lost) } else { Credits::ZERO }
    }
}

/// Whether what was won is on a node that its instance may not be moved to.
pub fn cannot_go_there(instance: &Instance, award: &Award, now: Timestamp) -> bool {
    award.nodes.first().is_some_and(|node| *node != instance.node) && instance.is_pinned(now)
}
