//! Who bears what buyers did not get, after mechanism §11: the exchange for what it did itself, and
//! nobody else's money for it; the sellers of the same round and product for the rest. Nobody can
//! be traced to a seller where one price clears many, so all of them hand on the same share.
//!
//! Without this two members could sell to each other at a price of their own, let the delivery
//! fail, and be made whole by the exchange.
use crate::ids::InstanceId;
use crate::pool::PoolSlug;
use crate::round::{Award, AwardKind, AwardLine};
use crate::time::Slot;
use crate::units::Resource;
use std::collections::BTreeMap;

/// One round's trade in a product of the slot that is settled, in base units.
#[derive(Clone, Copy, Debug, Default)]
struct Trade {
    bought: i64,
    /// Bought and not delivered, and the exchange did not cause it.
    not_delivered: i64,
    /// Lent and not given: those lenders bear it themselves.
    not_given: i64,
}

/// What failed in a slot, by round and product.
#[derive(Debug, Default)]
pub struct Shortfalls(BTreeMap<(u64, PoolSlug, Resource), Trade>);

impl Shortfalls {
    /// `delivered` is what each line of an award got or gave; `by_exchange` whether it was the
    /// exchange that kept an instance from its share.
    pub fn of(
        slot: Slot,
        awards: &[Award],
        delivered: impl Fn(&Award, &AwardLine) -> i64,
        by_exchange: impl Fn(InstanceId) -> bool,
    ) -> Self {
        let mut trades = BTreeMap::<_, Trade>::new();
        for award in awards {
            let excused = award.instance.is_some_and(&by_exchange);
            for line in award.lines.iter().filter(|l| l.slot == slot && !l.settled) {
                let trade = trades.entry((award.round, line.pool.clone(), line.resource)).or_default();
                let missing = (line.quantity - delivered(award, line)).max(0);
                match award.kind {
                    AwardKind::Bought => {
                        trade.bought += line.quantity;
                        trade.not_delivered += if excused { 0 } else { missing };
                    }
                    AwardKind::Lent => trade.not_given += missing,
                    AwardKind::Resold => {}
                }
            }
        }
        Self(trades)
    }

    /// What of a seller's `given` reached buyers, or would have but for the exchange, rounded down.
    pub fn handed_on(&self, award: &Award, line: &AwardLine, given: i64) -> i64 {
        let key = (award.round, line.pool.clone(), line.resource);
        let trade = self.0.get(&key).copied().unwrap_or_default();
        let supplied = (trade.bought - trade.not_given).max(0);
        let lost = (trade.not_delivered - trade.not_given).clamp(0, supplied);
        if lost == 0 {
            return given;
        }
        (i128::from(given) * i128::from(supplied - lost) / i128::from(supplied)) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Side;
    use crate::ids::{AwardId, OrderId, ParticipantId};
    use crate::time::Timestamp;
    use crate::units::{Credits, Price};

    const SLOT: Slot = Slot::starting_at(60);

    fn award(number: u128, kind: AwardKind, quantity: i64) -> Award {
        let line = AwardLine {
            pool: "p".to_owned(),
            resource: Resource::CpuMilli,
            slot: SLOT,
            quantity,
            price: Price::ZERO,
            money: Credits::ZERO,
            resold: 0,
            settled: false,
        };
        Award {
            id: AwardId::from_raw(number),
            round: 1,
            kind,
            side: if kind == AwardKind::Bought { Side::Bid } else { Side::Offer },
            order: OrderId::Bid(crate::ids::BidId::from_raw(number)),
            resale_of: None,
            participant: ParticipantId::from_raw(number),
            instance: Some(InstanceId::from_raw(number)),
            lines: vec![line],
            nodes: Vec::new(),
            money: Credits::ZERO,
            limit: Credits::ZERO,
            resell: false,
            created_at: Timestamp::from_seconds(0),
        }
    }

    /// What the sellers' `got` of 50 each becomes: a buyer of 100, two lenders.
    fn handed_on(bought: i64, got: [i64; 2], by_exchange: bool) -> [i64; 2] {
        let awards = [award(1, AwardKind::Bought, 100), award(2, AwardKind::Lent, 50), award(3, AwardKind::Lent, 50)];
        let delivered = |award: &Award, _: &AwardLine| match award.kind {
            AwardKind::Bought => bought,
            _ if award.id == awards[1].id => got[0],
            _ => got[1],
        };
        let shortfalls = Shortfalls::of(SLOT, &awards, delivered, |_| by_exchange);
        [1, 2].map(|n| shortfalls.handed_on(&awards[n], &awards[n].lines[0], got[n - 1]))
    }

    #[test]
    fn sellers_share_what_members_failed_to_take() {
        assert_eq!(handed_on(100, [50, 50], false), [50, 50]);
        assert_eq!(handed_on(0, [50, 50], false), [0, 0]);
        assert_eq!(handed_on(25, [50, 50], false), [12, 12], "rounded down, so that nobody else pays");
        assert_eq!(handed_on(0, [50, 50], true), [50, 50], "the exchange pays for its own failures");
    }

    #[test]
    fn what_a_lender_kept_is_not_taken_from_the_others_again() {
        assert_eq!(handed_on(50, [0, 50], false), [0, 50]);
        assert_eq!(handed_on(25, [0, 50], false), [0, 25], "only what lacks besides");
        assert_eq!(handed_on(80, [0, 50], false), [0, 50], "the buyer had more than was given");
    }
}
