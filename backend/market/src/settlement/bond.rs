//! A lender's bond: what its taking back of what it lends is expected to cost, set aside when its
//! offer wins (mechanism §8b).
//!
//! Of a line: ⌈quantity × (collar − price) × chance⌉. The collar is the most that the missing unit can
//! cost, so the difference is never too low. The chance comes from the lender's own record, beginning at
//! one line in ten, and is never under the 2 % that the forecasts of what may be lent leave open.
//!
//! Available money is held for it as far as there is any; what that lacks stands against the proceeds of
//! the same line, which are paid at settlement. So nobody has to own anything to lend, nobody overdraws,
//! and a lender without money risks what it earns.
use crate::book::Order;
use crate::ledger::{Account, PostError, TransferKind};
use crate::round::AwardLine;
use crate::state::State;
use crate::turn::{Cause, Turn};
use crate::units::{Credits, Price};
use serde::{Deserialize, Serialize};

const MILLION: i64 = 1_000_000;
/// What is taken for known of a lender before it has lent anything: one line in ten.
const PRIOR_LINES: i64 = 10;
const PRIOR_KEPT: i64 = MILLION;
/// ε of the lendable cap (mechanism §8), in millionths: also who never failed may.
const LEAST_CHANCE: i64 = 20_000;
/// Older lines count less: here both counts are halved.
const MOST_LINES: i64 = 1_000;

/// How a participant has kept what it promised as a lender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LendingRecord {
    /// Lent and settled: a resource of an award in a slot counts as one.
    pub lines: i64,
    /// What its own workloads kept of them, in millionths of a line.
    pub kept: i64,
}

impl LendingRecord {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
    /// Notes a settled line of which its own workload kept so much.
    pub fn add(&mut self, quantity: i64, kept: i64) {
        if quantity <= 0 {
            return;
        }
        self.lines += 1;
        self.kept += (i128::from(kept.clamp(0, quantity)) * i128::from(MILLION) / i128::from(quantity)) as i64;
        if self.lines >= MOST_LINES {
            (self.lines, self.kept) = (self.lines / 2, self.kept / 2);
        }
    }
    /// The chance that what it lends is kept, in millionths, rounded up.
    pub fn chance(&self) -> i64 {
        let lines = PRIOR_LINES + self.lines;
        ((PRIOR_KEPT + self.kept + lines - 1) / lines).clamp(LEAST_CHANCE, MILLION)
    }
    /// The bond of so much at a price, in micro-credits rounded up.
    pub fn bond(&self, quantity: i64, price: Price, collar: Price) -> Credits {
        let at_risk = (i128::from(collar.units()) - i128::from(price.units())).max(0) * i128::from(quantity.max(0));
        // Nano-credits times millionths.
        let unit = 1_000 * i128::from(MILLION);
        let bond = (at_risk * i128::from(self.chance()) + unit - 1) / unit;
        Credits::from_units(i64::try_from(bond).unwrap_or(i64::MAX))
    }
}

/// available → bond for the lines of an offer that has won, as far as the lender has it.
pub fn hold(turn: &mut Turn<'_>, round: u64, order: &Order, lines: &mut [AwardLine]) -> Result<(), PostError> {
    let lender = order.participant;
    let record = turn.state.participants.get(&lender).map(|p| p.lending).unwrap_or_default();
    let held = secure(turn.state, record, turn.state.available(lender), lines);
    let cause = Cause { order: Some(order.id), round: Some(round), slot: None };
    turn.transfer(TransferKind::Bond, Account::Available(lender), Account::Bond(lender), held, cause)
}

/// Writes into lent lines what their bond is and what of it `available` covers, the earliest slots
/// first; answers what is held for all of them.
fn secure(state: &State, record: LendingRecord, available: Credits, lines: &mut [AwardLine]) -> Credits {
    let mut left = available.max(Credits::ZERO);
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|n| (lines[*n].slot, *n));
    for n in order {
        let line = &mut lines[n];
        let collar = state.collar(&line.pool, line.resource, line.slot);
        line.bond = record.bond(line.quantity, line.price, collar);
        line.bond_held = line.bond.min(left);
        left = left - line.bond_held;
    }
    lines.iter().map(|l| l.bond_held).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_follows_the_record_and_never_falls_under_two_in_a_hundred() {
        let mut record = LendingRecord::default();
        assert_eq!(record.chance(), 100_000, "one in ten before anything is known");
        record.add(100, 100);
        assert_eq!(record.chance(), 181_819, "2 of 11, rounded up");
        record.add(100, 25);
        assert_eq!((record.lines, record.kept, record.chance()), (2, 1_250_000, 187_500));
        let mut good = LendingRecord::default();
        (0..500).for_each(|_| good.add(7, 0));
        assert_eq!(good.chance(), 20_000);
        let mut bad = LendingRecord::default();
        (0..5_000).for_each(|_| bad.add(7, 7));
        assert!(bad.lines < 1_000 && bad.chance() > 980_000 && bad.chance() <= MILLION, "{bad:?}");
    }

    #[test]
    fn a_bond_is_the_chance_of_the_dearest_replacement() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let record = LendingRecord::default();
        // 500 × (0.003 − 0.001) × 10 %
        assert_eq!(record.bond(500, price("0.001"), price("0.003")), "0.1".parse().unwrap());
        assert_eq!(record.bond(1, price("0"), price("0.000000001")), Credits::from_units(1), "rounded up");
        assert_eq!(record.bond(500, price("0.003"), price("0.003")), Credits::ZERO);
        assert_eq!(record.bond(500, price("0.004"), price("0.003")), Credits::ZERO);
    }
}
