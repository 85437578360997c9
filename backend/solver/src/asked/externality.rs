//! What a bid's winning costs all others, beside what it pays: with one price for all it may pay to bid less than something
//! is worth (Clarke's payments would not), so each round publishes how far apart the two are (rule book §9).
//!
//! The operator is one of the others: what its reserve price asks for what the bid takes is part of the cost.
use crate::clear_document;
use headroom_market::clearing::book::{NANO_PER_MICRO, Side};
use headroom_market::clearing::document::{Award, Book, Order, Outcome};
use headroom_market::units::Credits;

/// What a bid pays, and what its winning costs all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Externality {
    pub paid: Credits,
    /// Nothing where others lose nothing by it. With blocks a round is not sure to be the best: what would be less than
    /// nothing is nothing.
    pub cost: Credits,
}

impl Externality {
    /// `paid ÷ cost` in thousandths; `None` where its winning costs nobody anything.
    pub fn ratio_thousandths(&self) -> Option<i64> {
        let (paid, cost) = (i128::from(self.paid.units()), i128::from(self.cost.units()));
        let rounded = || (paid * 1_000 + cost / 2) / cost;
        (cost > 0).then(rounded).and_then(|ratio| i64::try_from(ratio).ok())
    }
}

/// The same of one bid that has won: the welfare of all others without it less what they have with it. `None` where a
/// clearing fails, the order is no bid, or it has not won.
pub fn externality(book: &Book, outcome: &Outcome, order: &str) -> Option<Externality> {
    let award = outcome.awards.iter().find(|a| a.order == order)?;
    let position = book.orders.iter().position(|o| o.id == order && o.side == Side::Bid)?;
    let mut without = book.clone();
    // Of others with the same rank the place in the book decides.
    for (place, other) in without.orders.iter_mut().enumerate() {
        other.accepted = other.accepted.or(i64::try_from(place).ok());
    }
    let bid = without.orders.remove(position);
    let others_before = outcome.welfare_nano() - worth_nano(&bid, award);
    let others_after = clear_document(&without).ok()?.welfare_nano();
    let cost = (others_after - others_before + NANO_PER_MICRO / 2).div_euclid(NANO_PER_MICRO).max(0);
    Some(Externality { paid: award.money, cost: Credits::from_units(i64::try_from(cost).ok()?) })
}

/// What an award is worth to its bidder.
fn worth_nano(bid: &Order, award: &Award) -> i128 {
    let limit = i128::from(bid.effective_limit(award.alternative).units());
    limit * NANO_PER_MICRO * i128::from(award.lots) / i128::from(bid.lots(award.alternative))
}
