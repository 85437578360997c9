//! The limit with which a refused order would have won, found by clearing its book again.
//!
//! What the published prices say is a bound only: a higher limit may itself move the price, and a
//! block may win before its price is met. Here the same book is cleared with other limits of this
//! one order, all else as it was, until two neighbours are found of which one wins and the other
//! does not (I18). Only that pair is claimed: with blocks a limit in between need not be monotone, and
//! a budget that counts limits has too little for a very high one. So where the limit that nobody
//! outbids does not win either, a ladder of others is tried.
use super::book::{Alternative, Book, Money, Order, ProductKey, Quantity, Side};
use super::engine::clear;
use super::outcome::{Award, Mode, Outcome, PriceRow};
use super::rational::Rat;
use super::{Limits, Proposer};
use crate::book::runs;
use crate::units::Credits;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What clearing again has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winning {
    /// It wins with this limit, and does not with one tick less (a bid) or more (an offer).
    Limit(Money),
    /// The search was ended between these two: with the second it wins, with the first it does not.
    Between { loses: Money, wins: Money },
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

/// What a clearing has said of the order at a place of a book.
pub struct Tried {
    pub wins: bool,
    /// What all of it came to, and how much of the order was filled, where that says what the order takes from others.
    pub worth: Option<(Rat, Rat)>,
    /// What its prices say of the limit: that it wins with this one, as far as they stay.
    pub said: Option<i64>,
}

/// Whether the order at a place of a book wins; `None` where a clearing fails.
pub type Wins<'a> = dyn Fn(&Book, usize) -> Option<Tried> + 'a;

impl<'a> Trial<'a> {
    fn new(
        book: &Book,
        position: usize,
        runs_of: Option<i64>,
        go_on: &'a dyn Fn() -> bool,
        wins: &'a Wins<'a>,
    ) -> Self {
        let given = &book.orders[position];
        let run = |window: i64| {
            let of_alternative = |a: &Alternative| {
                let slots = a.quantities.iter().map(|q| q.product.slot).collect::<BTreeSet<_>>().len() as i64;
                let present = Credits::from_units(given.limit.0);
                (slots, a.adder.0 - runs::beyond(present, slots, window).units())
            };
            (window, given.alternatives.iter().map(of_alternative).collect())
        };
        Trial { book: book.clone(), position, runs: runs_of.map(run), go_on, wins }
    }

    /// What becomes of the order with this limit.
    fn try_with(&mut self, limit: i64) -> Option<Tried> {
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
/// first, then what the clearings themselves say of it ([`Tried::leads_to`]): where one of them is right four to
/// eight clearings do, else up to seventy, or some 17 where none is found; `go_on` is asked before each.
pub fn winning_limit(
    book: &Book,
    asked: Asked<'_>,
    proposer: &dyn Proposer,
    limits: &Limits,
    go_on: &dyn Fn() -> bool,
) -> Winning {
    // An offer has won what is paid: who lends what nobody buys, and is paid nothing, has not.
    let wins = |outcome: &Outcome, order: &Order| {
        outcome.awards.iter().any(|a| a.order == order.id && (order.side == Side::Bid || a.money.0 > 0))
    };
    by_clearing(book, asked, proposer, limits, go_on, &wins)
}

/// What the order wins with a limit, if anything.
pub fn award_with(
    book: &Book,
    asked: &Asked<'_>,
    limit: Money,
    proposer: &dyn Proposer,
    limits: &Limits,
) -> Option<Award> {
    let position = book.orders.iter().position(|o| o.id == asked.order)?;
    let award = RefCell::new(None);
    let wins = |book: &Book, position: usize| {
        let outcome = clear(book, Mode::Market, proposer, limits).ok()?;
        *award.borrow_mut() = outcome.awards.into_iter().find(|a| a.order == book.orders[position].id);
        None
    };
    Trial::new(book, position, asked.runs_of, &|| true, &wins).try_with(limit.0);
    award.into_inner()
}

/// The least limit of a bid, the greatest of an offer, with which all of it would have been filled (mechanism §7 asks for
/// full fill), where [`winning_limit`] is the one with which it begins to win.
pub fn full_fill_limit(
    book: &Book,
    asked: Asked<'_>,
    proposer: &dyn Proposer,
    limits: &Limits,
    go_on: &dyn Fn() -> bool,
) -> Winning {
    by_clearing(book, asked, proposer, limits, go_on, &is_full)
}

/// The limit with which an outcome of the book has an order win, by what winning is.
fn by_clearing(
    book: &Book,
    asked: Asked<'_>,
    proposer: &dyn Proposer,
    limits: &Limits,
    go_on: &dyn Fn() -> bool,
    is_won: &dyn Fn(&Outcome, &Order) -> bool,
) -> Winning {
    // The alternatives of a bid that takes runs follow its limit.
    let has_runs = asked.runs_of.is_some();
    let wins = |book: &Book, position: usize| {
        let outcome = clear(book, Mode::Market, proposer, limits).ok()?;
        let order = &book.orders[position];
        let said = said(&outcome, order).filter(|_| !has_runs);
        Some(Tried { wins: is_won(&outcome, order), worth: worth(&outcome, &order.id), said })
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
    let mut trial = Trial::new(book, position, runs_of, go_on, wins);
    // `loses` and `wins` close in on each other; `toward` leads from the first to the second.
    let toward = if bid { 1 } else { -1 };
    if (extreme - present) * toward <= 0 {
        return Winning::NoneTried;
    }
    let (mut loses, mut wins) = (present, extreme);
    let guessed = guess.map(|g| g.0).filter(|g| (g - loses) * toward > 0 && (wins - g) * toward > 0);
    let mut tries: Vec<i64> = Vec::new();
    let (there, gone) = (trial.try_with(loses), trial.try_with(wins));
    let without = there.as_ref().and_then(|loses| loses.worth.as_ref()).map(|(worth, _)| worth.clone());
    match (there.as_ref().map(|t| t.wins), gone.as_ref().map(|t| t.wins)) {
        (Some(false), Some(true)) => {
            for (limit, tried) in [(wins, gone), (loses, there)] {
                tries.extend(tried.iter().flat_map(|t| t.leads_to(limit, without.as_ref(), toward)));
            }
        }
        (Some(false), Some(false)) => {
            let most = given.budget.as_ref().and_then(|id| book.budgets.iter().find(|b| b.id == *id));
            for rung in ladder(present, extreme, guess, most.map(|b| b.amount)) {
                let Some(tried) = trial.try_with(rung) else { return Winning::Unknown };
                if tried.wins {
                    wins = rung;
                    tries.extend(tried.leads_to(rung, without.as_ref(), toward));
                    break;
                }
                loses = rung;
            }
            if wins == extreme {
                return Winning::NoneTried;
            }
        }
        _ => return Winning::Unknown,
    }
    tries.extend(guessed.into_iter().flat_map(|g| [g - toward, g + toward, g]));
    // What has led so far is near: away from it in steps that grow, until both ends are.
    let (mut step, mut followed) = (FIRST_STEP, 0);
    while (wins - loses) * toward > 1 {
        let next = tries.pop().unwrap_or_else(|| {
            let (reach, half) = (step, (wins - loses) * toward / 2);
            step = step.saturating_mul(STEP_GROWS);
            match (loses == present, wins == extreme) {
                (_, true) => loses + toward * reach.min(half),
                (true, false) => wins - toward * reach.min(half),
                (false, false) => loses + toward * half,
            }
        });
        if next <= loses.min(wins) || next >= loses.max(wins) {
            continue;
        }
        let Some(tried) = trial.try_with(next) else {
            // That it would win at any price says nothing.
            let known = Winning::Between { loses: Money(loses), wins: Money(wins) };
            return if wins == extreme { Winning::Unknown } else { known };
        };
        *if tried.wins { &mut wins } else { &mut loses } = next;
        if followed < MOST_FOLLOWED {
            followed += 1;
            tries.extend(tried.leads_to(next, without.as_ref(), toward));
        }
    }
    Winning::Limit(Money(wins))
}

/// So often what a trial says is tried next: each may be a tick further than the last.
const MOST_FOLLOWED: u32 = 8;
/// How far from what has led a search is tried first, in micro-credits, and how that grows.
const FIRST_STEP: i64 = 16;
const STEP_GROWS: i64 = 8;
const NANO_PER_MICRO: i128 = 1_000;

/// What an outcome came to in micro-credits, and how much of an order it filled.
fn worth(outcome: &Outcome, order: &str) -> Option<(Rat, Rat)> {
    let micro = |welfare: &Rat| welfare * &Rat::int(1_000_000);
    let fill = match outcome.awards.iter().find(|a| a.order == order) {
        Some(award) => award.fill.as_ref().map_or(Rat::int(1), |f| f.0.clone()),
        None => Rat::int(0),
    };
    Some((micro(&outcome.welfare.0), fill))
}

/// Whether an order has all of an alternative. (A printed fill may be rounded up to it.)
fn is_full(outcome: &Outcome, order: &Order) -> bool {
    let Some(award) = outcome.awards.iter().find(|a| a.order == order.id) else { return false };
    let units = |quantities: &[Quantity]| quantities.iter().map(|q| i128::from(q.quantity)).sum::<i128>();
    order.alternatives.get(award.alternative).is_some_and(|a| units(&a.quantities) == units(&award.quantities))
}

/// What the prices of an outcome say of the limit with which an order wins: where it has won what it costs or brings there,
/// as it would have won as much for that; where not what the outcome itself says.
fn said(outcome: &Outcome, order: &Order) -> Option<i64> {
    let Some(award) = outcome.awards.iter().find(|a| a.order == order.id) else {
        return outcome.refused.iter().find(|r| r.order == order.id)?.winning_limit.map(|limit| limit.0);
    };
    let alternative = order.alternatives.get(award.alternative)?;
    let price = |product: &ProductKey| {
        let row = |p: &&PriceRow| p.pool == product.pool && p.resource == product.resource && p.slot == product.slot;
        outcome.prices.iter().find(row).map(|p| i128::from(p.price.0))
    };
    let parts = alternative.quantities.iter().map(|q| Some(price(&q.product)? * i128::from(q.quantity)));
    let (cost, adder) = (parts.sum::<Option<i128>>()?, i128::from(alternative.adder.0));
    let limit = match order.side {
        Side::Bid => -(-cost).div_euclid(NANO_PER_MICRO) + adder,
        Side::Offer => cost.div_euclid(NANO_PER_MICRO) - adder,
    };
    i64::try_from(limit).ok()
}

impl Tried {
    /// The limits that this trial with `limit` speaks for, the first of them last: what its prices say, and the rule
    /// book's own V_win, which is what all others lose by the order, W(without it) − W(with it, at a limit of 0), where it
    /// has won. Where prices that carry blocks cost welfare both are guesses. At V_win itself it may lose a tie.
    fn leads_to(&self, limit: i64, without: Option<&Rat>, toward: i64) -> impl Iterator<Item = i64> {
        let by_worth = without.zip(self.worth.as_ref()).filter(|_| self.wins).and_then(|(without, (with, fill))| {
            if !fill.is_pos() {
                return None;
            }
            let gains = (with - without).div(fill);
            let least = &Rat::int(i128::from(limit)) - &(&gains * &Rat::int(i128::from(toward)));
            i64::try_from(if toward > 0 { least.ceil() } else { least.floor() }).ok()
        });
        // Prices that follow the limit lead no further than a tick at a time.
        let said = self.said.filter(|said| said.abs_diff(limit) > 2);
        by_worth.into_iter().chain(said).flat_map(move |v| [v.saturating_sub(toward), v.saturating_add(toward), v])
    }
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
