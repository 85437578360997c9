//! Who bears what buyers did not get, after rule book §6: the exchange for what it did itself, and
//! nobody else's money for it; the sellers of the same round and product for the rest. Nobody can
//! be traced to a seller where one price clears many, so all of them hand on the same share.
//!
//! What was taken back is missing to nobody: its buyers and its lender are not entitled to it from the same
//! moment. Should the ticks of a buyer say that of an earlier one, who took back bears it and no other seller.
//!
//! Without this two members could sell to each other at a price of their own, let the delivery
//! fail, and be made whole by the exchange.
use crate::ids::AwardId;
use crate::records::pool::PoolSlug;
use crate::records::recallable::book_pool;
use crate::records::round::{Award, AwardKind, AwardLine};
use crate::settlement::delivered::Delivered;
use crate::time::Slot;
use crate::units::Resource;
use std::collections::BTreeMap;

/// One round's trade in a product of the slot that is settled, in base units, of what was to be there.
#[derive(Clone, Copy, Debug, Default)]
struct Trade {
    bought: i64,
    /// By members; where nothing is short, more than is bought.
    sold: i64,
    /// Bought and not delivered, and the exchange did not cause it.
    not_delivered: i64,
    /// Lent and not given: those lenders bear it themselves.
    not_given: i64,
    /// Taken back from buyers and not, by then, from what their lenders had lent.
    early: i64,
}

impl Trade {
    fn supplied(&self) -> i64 {
        (self.bought.max(self.sold) - self.not_given).max(0)
    }
    fn lost(&self) -> i64 {
        (self.not_delivered + self.early.max(0) - self.not_given).clamp(0, self.supplied())
    }
    /// Who took back bears what of it its buyers lost too early, as far as it has given so much.
    fn bear(&mut self, given: i64) -> i64 {
        let borne = self.early.clamp(0, given.max(0));
        self.early -= borne;
        self.sold -= borne;
        borne
    }
    /// What of the first `given` reached buyers, rounded down.
    fn reached(&self, given: i64) -> i64 {
        match self.supplied() {
            0 => given,
            supplied => (i128::from(given) * i128::from(supplied - self.lost()) / i128::from(supplied)) as i64,
        }
    }
}

/// Round and product that a line was traded in, of what may be taken back that of its node.
pub type Key = (u64, PoolSlug, Resource);

pub fn of_product(award: &Award, line: &AwardLine) -> Key {
    let pool = match award.nodes.first() {
        Some(node) => book_pool(&line.pool, &node.to_string()),
        None => line.pool.clone(),
    };
    (award.round, pool, line.resource)
}

/// Round and node whose premium a line pays or earns: of that only buyers and lenders on the node have a part.
pub fn of_node(award: &Award, line: &AwardLine) -> Option<Key> {
    line.premium.map(|premium| (award.round, premium.node.to_string(), line.resource))
}

/// What failed in a slot, by round and product.
#[derive(Debug, Default)]
pub struct Shortfalls {
    trades: BTreeMap<Key, Trade>,
    /// What of each seller's line reached buyers.
    handed_on: BTreeMap<(AwardId, PoolSlug, Resource), i64>,
}

impl Shortfalls {
    /// `delivered` is what became of each line of an award; `by_exchange` how much of it the
    /// exchange itself kept its instance from.
    pub fn of(
        slot: Slot,
        awards: &[Award],
        key: impl Fn(&Award, &AwardLine) -> Option<Key>,
        delivered: impl Fn(&Award, &AwardLine) -> Delivered,
        by_exchange: impl Fn(&Award, &AwardLine) -> i64,
    ) -> Self {
        let mut trades = BTreeMap::<_, Trade>::new();
        // What was drawn has no seller among the members.
        for award in awards.iter().filter(|a| !a.drawn) {
            for line in award.lines.iter().filter(|l| l.slot == slot && !l.settled) {
                let Some(key) = key(award, line) else { continue };
                let trade = trades.entry(key).or_default();
                let Delivered { due, had, .. } = delivered(award, line);
                let missing = (due - had).max(0);
                if award.kind == AwardKind::Bought {
                    trade.bought += due;
                    trade.early += line.quantity - due;
                    trade.not_delivered += (missing - by_exchange(award, line)).max(0);
                } else {
                    trade.sold += due;
                    trade.early -= line.quantity - due;
                    trade.not_given += missing;
                }
            }
        }
        let sellers = || {
            let sellers = awards.iter().filter(|a| a.kind != AwardKind::Bought);
            let lines = sellers.flat_map(|a| a.lines.iter().map(move |l| (a, l)));
            let open = lines.filter(|(_, l)| l.slot == slot && !l.settled);
            open.filter_map(|(a, l)| Some((a, l, key(a, l)?)))
        };
        let mut given = Vec::new();
        for (award, line, key) in sellers() {
            let had = delivered(award, line).had;
            let borne = match trades.get_mut(&key) {
                Some(trade) if line.recalled > 0 => trade.bear(had),
                _ => 0,
            };
            given.push(had - borne);
        }
        let mut handed_on = BTreeMap::new();
        // Rounded as a running total, so that all sellers of a trade together lose just what was lost,
        // however small their lots are.
        let mut so_far = BTreeMap::<_, i64>::new();
        for ((award, line, key), given) in sellers().zip(given) {
            let trade = &trades[&key];
            let before = so_far.entry(key).or_default();
            let after = *before + given;
            handed_on.insert(line_of(award, line), trade.reached(after) - trade.reached(*before));
            *before = after;
        }
        Self { trades, handed_on }
    }

    /// What members failed to take of a line's product, and its sellers hand on less for.
    pub fn lost(&self, award: &Award, line: &AwardLine) -> i64 {
        self.trades.get(&of_product(award, line)).map_or(0, Trade::lost)
    }

    /// What of a seller's line reached buyers, or would have but for the exchange.
    pub fn handed_on(&self, award: &Award, line: &AwardLine) -> i64 {
        self.handed_on.get(&line_of(award, line)).copied().unwrap_or(0)
    }
}

fn line_of(award: &Award, line: &AwardLine) -> (AwardId, PoolSlug, Resource) {
    (award.id, line.pool.clone(), line.resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{InstanceId, NodeId, OrderId, ParticipantId};
    use crate::records::order::Side;
    use crate::time::Timestamp;
    use crate::units::{Credits, Price};

    const SLOT: Slot = Slot::starting_at(60);

    fn award(number: u128, kind: AwardKind, quantity: i64) -> Award {
        let line = AwardLine::new("p".to_owned(), Resource::CpuMilli, SLOT, quantity, Price::ZERO).unwrap();
        Award {
            id: AwardId::from_raw(number),
            round: 1,
            kind,
            side: if kind == AwardKind::Bought { Side::Bid } else { Side::Offer },
            order: OrderId::Bid(crate::ids::BidId::from_raw(number)),
            resale_of: None,
            rolled_from: None,
            drawn: false,
            participant: ParticipantId::from_raw(number),
            instance: Some(InstanceId::from_raw(number)),
            lines: vec![line],
            nodes: Vec::new(),
            money: Credits::ZERO,
            limit: Credits::ZERO,
            resell: false,
            no_displacement: false,
            class: Default::default(),
            project: None,
            created_at: Timestamp::from_seconds(0),
        }
    }

    fn delivered(due: i64, had: i64) -> Delivered {
        Delivered { due, had, missed: 0 }
    }

    /// What the sellers' `got` of 50 each becomes: a buyer of 100, two lenders.
    fn handed_on(bought: i64, got: [i64; 2], by_exchange: i64) -> [i64; 2] {
        let awards = [award(1, AwardKind::Bought, 100), award(2, AwardKind::Lent, 50), award(3, AwardKind::Lent, 50)];
        let delivered = |award: &Award, line: &AwardLine| match award.kind {
            AwardKind::Bought => delivered(line.quantity, bought),
            _ if award.id == awards[1].id => delivered(line.quantity, got[0]),
            _ => delivered(line.quantity, got[1]),
        };
        let shortfalls = Shortfalls::of(SLOT, &awards, |a, l| Some(of_product(a, l)), delivered, |_, _| by_exchange);
        [1, 2].map(|n| shortfalls.handed_on(&awards[n], &awards[n].lines[0]))
    }

    #[test]
    fn sellers_share_what_members_failed_to_take() {
        assert_eq!(handed_on(100, [50, 50], 0), [50, 50]);
        assert_eq!(handed_on(0, [50, 50], 0), [0, 0]);
        assert_eq!(handed_on(25, [50, 50], 0), [12, 13], "together what reached the buyer");
        assert_eq!(handed_on(0, [50, 50], 100), [50, 50], "the exchange pays for its own failures");
        assert_eq!(handed_on(0, [50, 50], 20), [10, 10], "and for no more than these");
    }

    /// What may be taken back is used on the node where it is lent, and nobody sells it elsewhere.
    #[test]
    fn of_what_may_be_taken_back_each_node_has_its_own_sellers() {
        let on = |number: u128, kind, node: u128, pool: &str| {
            let mut award = award(number, kind, 100);
            (award.lines[0].pool, award.nodes) = (pool.to_owned(), vec![NodeId::from_raw(node)]);
            award
        };
        let handed_on = |pool: &str| {
            let awards = [
                on(1, AwardKind::Bought, 1, pool),
                on(2, AwardKind::Lent, 1, pool),
                on(3, AwardKind::Bought, 2, pool),
                on(4, AwardKind::Lent, 2, pool),
            ];
            let had = |award: &Award, line: &AwardLine| {
                delivered(line.quantity, if award.id == awards[0].id { 40 } else { line.quantity })
            };
            let shortfalls = Shortfalls::of(SLOT, &awards, |a, l| Some(of_product(a, l)), had, |_, _| 0);
            [1, 3].map(|n| shortfalls.handed_on(&awards[n], &awards[n].lines[0]))
        };
        assert_eq!(handed_on("p~recallable"), [40, 100]);
        assert_eq!(handed_on("p"), [70, 70], "of a firm product all sellers share");
    }

    #[test]
    fn small_lots_lose_no_more_together_than_was_lost() {
        let mut awards = vec![award(1, AwardKind::Bought, 1), award(2, AwardKind::Bought, 39)];
        awards.extend((3..43).map(|n| award(n, AwardKind::Lent, 1)));
        let had = |award: &Award, line: &AwardLine| if award.id == awards[0].id { 0 } else { line.quantity };
        let delivered = |award: &Award, line: &AwardLine| delivered(line.quantity, had(award, line));
        let shortfalls = Shortfalls::of(SLOT, &awards, |a, l| Some(of_product(a, l)), delivered, |_, _| 0);
        let handed_on = awards[2..].iter().map(|a| shortfalls.handed_on(a, &a.lines[0]));
        assert_eq!(handed_on.sum::<i64>(), 39);
        assert_eq!(shortfalls.lost(&awards[2], &awards[2].lines[0]), 1);
    }

    #[test]
    fn what_a_lender_kept_is_not_taken_from_the_others_again() {
        assert_eq!(handed_on(50, [0, 50], 0), [0, 50]);
        assert_eq!(handed_on(25, [0, 50], 0), [0, 25], "only what lacks besides");
        assert_eq!(handed_on(80, [0, 50], 0), [0, 50], "the buyer had more than was given");
    }

    #[test]
    fn who_takes_back_bears_what_its_buyer_lost_too_early() {
        let mut awards =
            [award(1, AwardKind::Bought, 100), award(2, AwardKind::Lent, 50), award(3, AwardKind::Lent, 50)];
        awards[1].lines[0].recalled = 50;
        let handed_on = |of_buyer: Delivered, of_first: Delivered| {
            let of = |award: &Award, line: &AwardLine| match award.id {
                id if id == awards[0].id => of_buyer,
                id if id == awards[1].id => of_first,
                _ => delivered(line.quantity, line.quantity),
            };
            let shortfalls = Shortfalls::of(SLOT, &awards, |a, l| Some(of_product(a, l)), of, |_, _| 0);
            [1, 2].map(|n| shortfalls.handed_on(&awards[n], &awards[n].lines[0]))
        };
        assert_eq!(handed_on(delivered(60, 60), delivered(10, 10)), [10, 50]);
        assert_eq!(handed_on(delivered(55, 55), delivered(10, 10)), [5, 50]);
        assert_eq!(handed_on(delivered(65, 65), delivered(10, 10)), [10, 50]);
        assert_eq!(handed_on(delivered(55, 55), delivered(10, 0)), [0, 50], "it has not given that much");
        assert_eq!(handed_on(delivered(55, 0), delivered(10, 10)), [0, 0], "what its buyer does not take is shared");
    }
}
