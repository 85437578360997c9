//! The limit with which an order wins.
use super::limit;
use super::trial::{Asked, Trial};
use headroom_market::clearing::book::{GREATEST, Side};
use headroom_market::clearing::document::{Award, Book, Order, Outcome};
use headroom_market::units::Credits;

/// What clearing again has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winning {
    /// It wins with this limit, and does not with one micro-credit less (a bid) or more (an offer).
    Limit(Credits),
    /// The search was ended between these two: with the second it wins, with the first it does not.
    Between { loses: Credits, wins: Credits },
    /// It wins with none of the limits that were tried, up to one that nobody outbids.
    NoneTried,
    /// The order is not in the book, wins already, a clearing failed, or the search was ended.
    Unknown,
}

/// The most that a book takes for a limit, in micro-credits.
const MOST_MICRO: i64 = GREATEST * 1_000_000;

/// From the guess on limits are tried in steps that grow by this factor.
const STEP_GROWS: i64 = 8;

/// The least limit of a bid, the greatest of an offer, with which it wins anything. Where the prices of the round say it
/// right three clearings do, else some thirty; `go_on` is asked before each.
///
/// Only two neighbours are claimed, of which one wins and the other does not: with blocks a limit beyond them may lose.
pub fn winning_limit(book: &Book, asked: Asked<'_>, go_on: &dyn Fn() -> bool) -> Winning {
    search(book, asked, go_on, &|_, _| true)
}

/// The same with which it wins all that it asks for, or sells all that it offers.
pub fn full_fill_limit(book: &Book, asked: Asked<'_>, go_on: &dyn Fn() -> bool) -> Winning {
    search(book, asked, go_on, &|award, order| award.lots == order.lots(award.alternative))
}

fn search(
    book: &Book,
    asked: Asked<'_>,
    go_on: &dyn Fn() -> bool,
    is_enough: &dyn Fn(&Award, &Order) -> bool,
) -> Winning {
    let Some(mut trial) = Trial::of(book, asked) else { return Winning::Unknown };
    let present = trial.order().limit.units();
    // An offer that asks for nothing may be paid nothing, and has not won then.
    let (toward, extreme) = match trial.order().side {
        // Of a bid that takes runs one slot's part alone is worth so much.
        Side::Bid => {
            let most = limit::beyond_all(book, trial.order()).units().saturating_mul(asked.runs_of.unwrap_or(1));
            (1, most.min(MOST_MICRO))
        }
        Side::Offer => (-1, 1),
    };
    if (extreme - present) * toward <= 0 {
        return Winning::NoneTried;
    }
    let wins_in = |outcome: &Outcome, order: &Order| {
        outcome.awards.iter().any(|award| award.order == order.id && is_enough(award, order))
    };
    let mut cleared = |micro: i64| {
        let outcome = if go_on() { trial.cleared_with(Credits::from_units(micro))? } else { return None };
        let wins = wins_in(&outcome, trial.order());
        Some((wins, limit::said(&outcome, trial.order())))
    };
    // `loses` and `wins` close in on each other; `toward` leads from the first to the second.
    let (mut loses, mut wins) = (present, extreme);
    let Some((false, said)) = cleared(present) else { return Winning::Unknown };
    let guess = said.clamp(present.min(extreme), present.max(extreme));
    let guess = if guess == present { present + toward } else { guess };
    match cleared(guess) {
        Some((true, _)) => wins = guess,
        Some((false, _)) => loses = guess,
        None => return Winning::Unknown,
    }
    if wins == extreme && guess != extreme {
        match cleared(extreme) {
            Some((true, _)) => {}
            Some((false, _)) => return Winning::NoneTried,
            None => return Winning::Unknown,
        }
    } else if loses == extreme {
        return Winning::NoneTried;
    }
    let mut step = 1;
    while (wins - loses) * toward > 1 {
        let half = (wins - loses) * toward / 2;
        // Away from the guess, until something near has won and something near has lost.
        let next = match (loses == present, wins == extreme) {
            (_, true) => loses + toward * half.min(step),
            (true, false) => wins - toward * half.min(step),
            (false, false) => loses + toward * half,
        };
        step = step.saturating_mul(STEP_GROWS);
        match cleared(next) {
            Some((true, _)) => wins = next,
            Some((false, _)) => loses = next,
            // That nobody outbids it at any price says nothing.
            None if wins == extreme => return Winning::Unknown,
            None => {
                return Winning::Between { loses: Credits::from_units(loses), wins: Credits::from_units(wins) };
            }
        }
    }
    Winning::Limit(Credits::from_units(wins))
}
