//! A lender's bond: what its taking back of what it lends is expected to cost, set aside when its
//! offer wins (mechanism §8b).
//!
//! Of a line: ⌈quantity × (collar − price) × chance⌉. The collar is the most that the missing unit can
//! cost, so the difference is never too low. The chance comes from the lender's own record, beginning at
//! one line in ten, and is never under the 2 % that the forecasts of what may be lent leave open. It is the
//! higher of two: that of the lines, and that of what they put at risk, with ten lines like the new one as
//! the beginning. So neither do many small lines make a large one cheap, nor a large one many small ones.
//!
//! Available money is held for it as far as there is any; what that lacks stands against the proceeds of
//! the same line, which are paid at settlement, then against what is available by then; what is still lacking
//! is owed ([`super::arrears`]). So nobody has to own anything to lend, and nobody overdraws.
use crate::book::Order;
use crate::ledger::{Account, PostError, TransferKind};
use crate::round::AwardLine;
use crate::settlement::Receipt;
use crate::state::State;
use crate::turn::{Cause, Turn};
use crate::units::{Credits, Price};
use serde::{Deserialize, Serialize};

const MILLION: i64 = 1_000_000;
/// What is taken for known of a lender before it has lent anything: one line in ten.
const PRIOR_LINES: i64 = 10;
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
    /// What replacing them could have cost at the collars of their slots, in micro-credits.
    pub at_risk: i64,
    /// What replacing what was kept of them could have cost, in micro-credits.
    pub kept_at_risk: i64,
}

impl LendingRecord {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
    /// Notes a settled line of which its own workload kept so much.
    pub fn add(&mut self, quantity: i64, kept: i64, collar: Price) {
        if quantity <= 0 {
            return;
        }
        let kept = kept.clamp(0, quantity);
        self.lines += 1;
        self.kept += (i128::from(kept) * i128::from(MILLION) / i128::from(quantity)) as i64;
        self.at_risk = self.at_risk.saturating_add(micro_credits(quantity, collar));
        self.kept_at_risk = self.kept_at_risk.saturating_add(micro_credits(kept, collar));
        if self.lines >= MOST_LINES {
            (self.lines, self.kept) = (self.lines / 2, self.kept / 2);
            (self.at_risk, self.kept_at_risk) = (self.at_risk / 2, self.kept_at_risk / 2);
        }
    }
    /// The chance that a line that puts so many micro-credits at risk is kept, in millionths, rounded up.
    pub fn chance(&self, at_risk: i64) -> i64 {
        let share = |kept: i64, of: i64, unit: i64| {
            // Ten lines of a unit, of which one was kept, and what is known.
            let of = i128::from(unit) * i128::from(PRIOR_LINES) + i128::from(of);
            let kept = i128::from(unit) + i128::from(kept);
            (kept * i128::from(MILLION) + of - 1) / of.max(1)
        };
        // Kept lines are in millionths already.
        let lines = share(self.kept, self.lines * MILLION, MILLION);
        let worth = if at_risk > 0 { share(self.kept_at_risk, self.at_risk, at_risk) } else { 0 };
        (lines.max(worth) as i64).clamp(LEAST_CHANCE, MILLION)
    }
    /// The bond of so much at a price, in micro-credits rounded up.
    pub fn bond(&self, quantity: i64, price: Price, collar: Price) -> Credits {
        let at_risk = (i128::from(collar.units()) - i128::from(price.units())).max(0) * i128::from(quantity.max(0));
        let chance = self.chance(micro_credits(quantity, collar));
        // Nano-credits times millionths.
        let unit = 1_000 * i128::from(MILLION);
        let bond = (at_risk * i128::from(chance) + unit - 1) / unit;
        Credits::from_units(i64::try_from(bond).unwrap_or(i64::MAX))
    }
}

/// Micro-credits of so much at a price.
fn micro_credits(quantity: i64, price: Price) -> i64 {
    let nano_credits = i128::from(quantity.max(0)) * i128::from(price.units().max(0));
    i64::try_from(nano_credits / 1_000).unwrap_or(i64::MAX)
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

/// Ends what is held of a seller's bond: it pays what its workload kept, the rest comes back. What the
/// bond lacks was just paid as proceeds, or is available. Answers what was paid.
pub fn give_back(turn: &mut Turn<'_>, receipt: &Receipt, cause: Cause) -> Credits {
    let (available, bond) = (Account::Available(receipt.participant), Account::Bond(receipt.participant));
    let of_bond = receipt.bond.min(receipt.imbalance);
    turn.transfer_known(TransferKind::Imbalance, bond, Account::Imbalance, of_bond, cause);
    turn.transfer_known(TransferKind::BondRelease, bond, available, receipt.bond - of_bond, cause);
    turn.transfer_known(TransferKind::Imbalance, available, Account::Imbalance, receipt.imbalance - of_bond, cause);
    receipt.imbalance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_follows_the_record_and_never_falls_under_two_in_a_hundred() {
        let mut record = LendingRecord::default();
        let collar: Price = "0.001".parse().unwrap();
        let of = |quantity| micro_credits(quantity, collar);
        assert_eq!(record.chance(of(100)), 100_000, "one in ten before anything is known");
        record.add(100, 100, collar);
        assert_eq!(record.chance(of(100)), 181_819, "2 of 11, rounded up");
        record.add(100, 25, collar);
        assert_eq!((record.lines, record.kept, record.chance(of(100))), (2, 1_250_000, 187_500));
        let mut good = LendingRecord::default();
        (0..500).for_each(|_| good.add(7, 0, collar));
        assert_eq!(good.chance(of(7)), 20_000);
        let mut bad = LendingRecord::default();
        (0..5_000).for_each(|_| bad.add(7, 7, collar));
        assert!(bad.lines < 1_000 && bad.chance(of(7)) > 980_000 && bad.chance(of(7)) <= MILLION, "{bad:?}");
    }

    #[test]
    fn small_lines_say_little_of_a_large_one_and_a_large_one_little_of_small_ones() {
        let collar: Price = "0.001".parse().unwrap();
        let of = |quantity| micro_credits(quantity, collar);
        let mut small = LendingRecord::default();
        (0..500).for_each(|_| small.add(1, 0, collar));
        assert_eq!(small.chance(of(1)), 20_000);
        assert_eq!(small.chance(of(5_000)), 99_010, "10 lines of 5,000, and 500");
        let mut large = LendingRecord::default();
        large.add(1_000_000, 0, collar);
        (0..30).for_each(|_| large.add(1, 1, collar));
        assert_eq!(large.chance(of(1)), 756_098, "31 of 41 lines were kept, whatever they were worth");
        // What was put at risk of nothing says nothing.
        let mut nothing = LendingRecord::default();
        (0..500).for_each(|_| nothing.add(1, 0, Price::ZERO));
        assert_eq!(nothing.chance(of(5_000)), 100_000);
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
