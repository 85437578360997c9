//! The limit with which a refused order would have won, found by clearing its book again.
//!
//! What the published prices say is a bound only: a higher limit may itself move the price, and a
//! block may win before its price is met. Here the same book is cleared with other limits of this
//! one order, all else as it was, until two neighbours are found of which one wins and the other
//! does not (I18). Only that pair is claimed: with blocks a limit in between need not be monotone, and
//! a budget that counts limits has too little for a very high one. So where the limit that nobody
//! outbids does not win either, a ladder of others is tried.
use super::book::{Alternative, Book, Money, ProductKey, Side};
use super::engine::clear;
use super::outcome::Mode;
use super::{Limits, Proposer};
use crate::book::runs;
use crate::units::Credits;
use std::collections::BTreeSet;

/// What clearing again has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winning {
    /// It wins with this limit, and does not with one tick less (a bid) or more (an offer).
    Limit(Money),
    /// It wins with none of the limits that were tried, up to one that nobody outbids.
    NoneTried,
    /// The order is not in the book, wins already, a clearing failed, or the search was ended.
    Unknown,
}

/// How far beyond the present limit, or what the prices say, others are tried.
const PER_MILLE: [i64; 11] = [5, 20, 50, 100, 200, 350, 500, 750, 1_000, 3_000, 9_000];
/// How far below it those of an offer are. One that asks for nothing may be paid nothing, and has not won then.
const PER_MILLE_BELOW: [i64; 14] = [5, 20, 50, 100, 200, 350, 500, 680, 800, 880, 940, 970, 990, 999];

/// One book, one order, many limits.
struct Trial<'a> {
    book: Book,
    position: usize,
    /// Of a bid that takes runs: the slots of its window, and by alternative the slots of the run and what
    /// its adder has that does not follow the limit.
    runs: Option<(i64, Vec<(i64, i64)>)>,
    go_on: &'a dyn Fn() -> bool,
    wins: &'a Wins<'a>,
}

/// Whether the order at a place of a book wins; `None` where a clearing fails.
pub type Wins<'a> = dyn Fn(&Book, usize) -> Option<bool> + 'a;

impl Trial<'_> {
    /// Whether the order wins with this limit.
    fn wins(&mut self, limit: i64) -> Option<bool> {
        if !(self.go_on)() {
            return None;
        }
        let order = &mut self.book.orders[self.position];
        order.limit = Money(limit);
        if let Some((window, alternatives)) = &self.runs {
            for (alternative, (slots, fixed)) in order.alternatives.iter_mut().zip(alternatives) {
                let beyond = runs::beyond(Credits::from_units(limit), *slots, *window);
                alternative.adder = Money(beyond.units().saturating_add(*fixed));
            }
        }
        (self.wins)(&self.book, self.position)
    }
}

/// The order that is asked for.
pub struct Asked<'a> {
    pub order: &'a str,
    /// Of a bid that takes runs (`book::runs`): the slots of its window. The adders of shorter runs then
    /// follow the limit.
    pub runs_of: Option<i64>,
    /// What the prices say.
    pub guess: Option<Money>,
}

/// The least limit of a bid, the greatest of an offer, that would have won. `guess` is tried
/// first: where it is right four clearings do, else about 40, or some 17 where none is found; `go_on` is asked before each.
pub fn winning_limit(
    book: &Book,
    asked: Asked<'_>,
    proposer: &dyn Proposer,
    limits: &Limits,
    go_on: &dyn Fn() -> bool,
) -> Winning {
    // An offer has won what is paid: who lends what nobody buys, and is paid nothing, has not.
    let wins = |book: &Book, position: usize| {
        let outcome = clear(book, Mode::Market, proposer, limits).ok()?;
        let order = &book.orders[position];
        Some(outcome.awards.iter().any(|a| a.order == order.id && (order.side == Side::Bid || a.money.0 > 0)))
    };
    winning_limit_by(book, asked, go_on, &wins)
}

/// The same where `wins` says what winning is.
pub fn winning_limit_by(
    book: &Book,
    Asked { order, runs_of, guess }: Asked<'_>,
    go_on: &dyn Fn() -> bool,
    wins: &Wins<'_>,
) -> Winning {
    let Some(position) = book.orders.iter().position(|o| o.id == order) else { return Winning::Unknown };
    let given = &book.orders[position];
    let (bid, present) = (given.side == Side::Bid, given.limit.0);
    // A bid that nobody outbids, an offer that asks for nothing.
    let Some(extreme) = (if bid { dearest(book, position, runs_of) } else { Some(0) }) else { return Winning::Unknown };
    let run = |window: i64| {
        let of_alternative = |a: &Alternative| {
            let slots = a.quantities.iter().map(|q| q.product.slot).collect::<BTreeSet<_>>().len() as i64;
            (slots, a.adder.0 - runs::beyond(Credits::from_units(present), slots, window).units())
        };
        (window, given.alternatives.iter().map(of_alternative).collect())
    };
    let mut trial = Trial { book: book.clone(), position, runs: runs_of.map(run), go_on, wins };
    // `loses` and `wins` close in on each other; `toward` leads from the first to the second.
    let toward = if bid { 1 } else { -1 };
    if (extreme - present) * toward <= 0 {
        return Winning::NoneTried;
    }
    let (mut loses, mut wins) = (present, extreme);
    let guessed = guess.map(|g| g.0).filter(|g| (g - loses) * toward > 0 && (wins - g) * toward > 0);
    let mut tries: Vec<i64> = guessed.into_iter().flat_map(|g| [g - toward, g]).collect();
    match (trial.wins(loses), trial.wins(wins)) {
        (Some(false), Some(true)) => {}
        (Some(false), Some(false)) => {
            let most = given.budget.as_ref().and_then(|id| book.budgets.iter().find(|b| b.id == *id));
            for rung in ladder(present, extreme, guess, most.map(|b| b.amount)) {
                match trial.wins(rung) {
                    Some(true) => {
                        wins = rung;
                        break;
                    }
                    Some(false) => loses = rung,
                    None => return Winning::Unknown,
                }
            }
            if wins == extreme {
                return Winning::NoneTried;
            }
        }
        _ => return Winning::Unknown,
    }
    while (wins - loses) * toward > 1 {
        let next = tries.pop().unwrap_or_else(|| loses + (wins - loses) / 2);
        if (next - loses) * toward <= 0 || (wins - next) * toward <= 0 {
            continue;
        }
        match trial.wins(next) {
            Some(true) => wins = next,
            Some(false) => loses = next,
            None => return Winning::Unknown,
        }
    }
    Winning::Limit(Money(wins))
}

/// Limits between the present one and the extreme, the nearest first: what the prices say, what its budget
/// allows, and steps that grow.
fn ladder(present: i64, extreme: i64, guess: Option<Money>, budget: Option<Money>) -> Vec<i64> {
    let between = |limit: &i64| (present.min(extreme) + 1..present.max(extreme)).contains(limit);
    let from = guess.map_or(present, |g| g.0);
    let higher = extreme > present;
    let (steps, direction) = if higher { (&PER_MILLE[..], 1) } else { (&PER_MILLE_BELOW[..], -1) };
    let steps = steps.iter().filter_map(|by| {
        let part = i128::from(from) * i128::from(*by) / 1_000;
        i64::try_from(i128::from(from) + direction * part).ok()
    });
    let mut rungs: Vec<i64> = guess.into_iter().chain(budget).map(|m| m.0).chain(steps).filter(between).collect();
    rungs.sort_by_key(|limit| limit.abs_diff(present));
    rungs.dedup();
    rungs
}

/// More than the order could have to pay, and worth more than all other bids together: where the
/// collars ration, welfare decides who gets what there is. Of a bid that takes runs one slot's part alone is
/// worth so much.
fn dearest(book: &Book, position: usize, runs_of: Option<i64>) -> Option<i64> {
    let cap = |product: &ProductKey| {
        let own = book.products.iter().find(|p| p.key() == *product).and_then(|p| p.cap);
        i128::from(own.unwrap_or(book.cap).0)
    };
    let cost = |a: &Alternative| -> i128 {
        let quantities: i128 = a.quantities.iter().map(|q| cap(&q.product) * i128::from(q.quantity)).sum();
        quantities + i128::from(a.adder.0)
    };
    // A child may have to carry those without whom it can't win.
    let mut own = 0;
    let (mut at, mut left) = (Some(&book.orders[position]), book.orders.len());
    while let Some(order) = at.filter(|_| left > 0) {
        own += order.alternatives.iter().map(cost).max()?;
        at = order.parent.as_ref().and_then(|parent| book.orders.iter().find(|o| o.id == *parent));
        left -= 1;
    }
    let others: i128 = book.orders.iter().filter(|o| o.side == Side::Bid).map(|o| i128::from(o.limit.0)).sum();
    i64::try_from((own + others + 1) * i128::from(runs_of.unwrap_or(1))).ok()
}
