//! The limit with which an order would have won its last round, found by clearing that round again
//! with other limits: asked for by people one order at a time, so one search runs at a time, and
//! what was found is remembered.
use crate::app::App;
use crate::app::failure::{Done, Failure};
use crate::app::last_round::part_of;
use crate::app::turns::{Bounds, Lane, Turns};
use headroom_market::clearing::book::Side;
use headroom_market::clearing::document::{Book, Order};
use headroom_market::ids::ParticipantId;
use headroom_market::units::{Credits, Share};
use headroom_solver::{Asked, Winning, award_with, full_fill_limit};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Books of more orders are not cleared dozens of times for one question.
const MOST_ORDERS: usize = 1_000;
/// Whoever would have to wait long is content with a bound.
const BOUNDS: Bounds = Bounds { at_once: 1, each: 4, all: 16 };
/// Answers that are remembered.
const MOST_KNOWN: usize = 2_000;

/// Somebody waits for the answer, and others for the turn: what takes longer stays a bound.
const LONGEST_SEARCH: Duration = Duration::from_secs(4);

/// What was found in the latest round that had an order in its book.
#[derive(Clone, Debug)]
pub struct Found {
    pub winning: Winning,
    /// That round; `None` where nothing was searched for.
    pub round: Option<u64>,
    /// How much of the order is won with that limit.
    pub part: Option<Share>,
    /// The limit with which all of it is won.
    pub whole: Option<Credits>,
    pub otherwise: Otherwise,
    /// Why nothing was tried.
    pub not_tried: Option<NotTried>,
}

/// Why a round was not cleared again for a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTried {
    /// Too many questions wait.
    Busy,
    /// The round had more orders than are cleared dozens of times for one question.
    TooLarge,
}

/// What else was tried than another limit; `None` of what was not, or not in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Otherwise {
    /// Whether any of it is won without its least fill.
    pub in_part: Option<bool>,
    /// Whether any of it is won where it asks for less, for the same a unit.
    pub for_less: Option<bool>,
    /// Of what won a part: its limit in that round, and the one with which it would have won all that it asked for then.
    pub all_of_it: Option<(Credits, Credits)>,
}

impl From<Winning> for Found {
    fn from(winning: Winning) -> Self {
        Self { winning, round: None, part: None, whole: None, otherwise: Otherwise::default(), not_tried: None }
    }
}

/// An answer that is remembered.
#[derive(Clone, Debug)]
struct Known {
    winning: Winning,
    part: Option<Share>,
    whole: Option<Credits>,
    otherwise: Otherwise,
}

const ALL: Share = Share::from_units(1_000_000);

/// A book order's id in a round.
type Question = (u64, String);

pub struct WinningLimits {
    turns: Turns,
    known: Mutex<BTreeMap<Question, Known>>,
}

impl Default for WinningLimits {
    fn default() -> Self {
        Self { turns: Turns::new(BOUNDS), known: Mutex::default() }
    }
}

impl WinningLimits {
    fn known(&self, asked: &Question) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(asked).cloned()
    }
    fn remember(&self, asked: Question, found: Known) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(asked, found);
        // Keys begin with the round: the first is the oldest.
        while known.len() > MOST_KNOWN {
            known.pop_first();
        }
    }
}

/// About which order it is asked: one that was refused in a round and is still open, or not, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub participant: ParticipantId,
    pub refused_in: u64,
    pub is_open: bool,
}

/// What would have won in the latest round that had the order in its book: `refused_in` or, of one that is still
/// open, one after it.
pub async fn winning_limit(app: &App, by: Asker, asked: Asked<'_>) -> Done<Found> {
    let (round, known) = match search(app, by, asked).await? {
        Ok(found) => found,
        Err(not_tried) => return Ok(Found { not_tried, ..Winning::Unknown.into() }),
    };
    let Known { winning, part, whole, otherwise } = known;
    Ok(Found { winning, round: Some(round), part, whole, otherwise, not_tried: None })
}

/// The round and what was found in it, or why nothing was tried; no reason where no round that is kept has the order.
async fn search(app: &App, by: Asker, asked: Asked<'_>) -> Done<Result<(u64, Known), Option<NotTried>>> {
    let Asker { participant, refused_in, is_open } = by;
    let Asked { order, runs_of } = asked;
    let rounds = match is_open {
        true => {
            let latest = app.sequencer.query(|s| s.market.last_round).await?;
            vec![latest, latest.saturating_sub(1), refused_in]
        }
        false => vec![refused_in],
    };
    for round in rounds {
        let question = (round, order.to_owned());
        if let Some(found) = app.winning.known(&question) {
            return Ok(Ok((round, found)));
        }
        let Ok(turn) = app.winning.turns.take(Lane::Second, &participant.to_string()).await else {
            return Ok(Err(Some(NotTried::Busy)));
        };
        // Somebody before may have asked the same.
        if let Some(found) = app.winning.known(&question) {
            return Ok(Ok((round, found)));
        }
        let Some((book, _, _)) = app.store.archived_round(i64::try_from(round).unwrap_or(0)).await? else { continue };
        let book: Book = serde_json::from_str(&book).map_err(|e| Failure::fault(&e))?;
        if !book.orders.iter().any(|o| o.id == order) {
            continue;
        }
        if book.orders.len() > MOST_ORDERS {
            return Ok(Err(Some(NotTried::TooLarge)));
        }
        let id = order.to_owned();
        let ends = Instant::now() + LONGEST_SEARCH;
        let look = move || {
            let _turn = turn;
            let in_time = || Instant::now() < ends;
            look_up(&book, Asked { order: &id, runs_of }, &in_time)
        };
        let found = tokio::task::spawn_blocking(look).await.map_err(|e| Failure::fault(&e))?;
        app.winning.remember(question, found.clone());
        return Ok(Ok((round, found)));
    }
    Ok(Err(None))
}

/// The limit with which it begins to win, what it wins with it and, where that is a part, the one for all of it.
fn look_up(book: &Book, asked: Asked<'_>, in_time: &dyn Fn() -> bool) -> Known {
    let winning = headroom_solver::winning_limit(book, asked, in_time);
    let (mut part, mut whole) = (None, None);
    if let Winning::Limit(limit) = winning {
        let order = book.orders.iter().find(|o| o.id == asked.order);
        let award = award_with(book, asked, limit);
        part = award.as_ref().zip(order).map(|(award, order)| part_of(award, order));
        whole = match part {
            Some(part) if part == ALL => Some(limit),
            Some(_) => match full_fill_limit(book, asked, in_time) {
                Winning::Limit(whole) => Some(whole),
                _ => None,
            },
            None => None,
        };
    }
    let otherwise = otherwise(book, asked, winning, in_time);
    Known { winning, part, whole, otherwise }
}

/// So much of what it asks for is tried instead, in thousandths.
const LESS: [i128; 4] = [750, 500, 250, 50];

fn otherwise(book: &Book, asked: Asked<'_>, winning: Winning, in_time: &dyn Fn() -> bool) -> Otherwise {
    let Some(position) = book.orders.iter().position(|o| o.id == asked.order) else { return Otherwise::default() };
    let order = &book.orders[position];
    if order.side != Side::Bid {
        return Otherwise::default();
    }
    // Runs follow the limit as they stand: what is less of them is not reckoned here.
    let as_it_stands = Asked { runs_of: None, ..asked };
    let wins = |other: Order| {
        if !in_time() {
            return None;
        }
        let (mut with, limit) = (book.clone(), other.limit);
        with.orders[position] = other;
        Some(award_with(&with, as_it_stands, limit))
    };
    if winning == Winning::Unknown {
        let part = wins(order.clone()).flatten().map(|award| part_of(&award, order));
        let all_of_it = match part.filter(|part| *part < ALL).map(|_| full_fill_limit(book, asked, in_time)) {
            Some(Winning::Limit(whole)) if whole > order.limit => Some((order.limit, whole)),
            _ => None,
        };
        return Otherwise { all_of_it, ..Otherwise::default() };
    }
    // What is whole on one node alone is one replica.
    let replicas = order.replicas.filter(|replicas| *replicas > 1);
    let divisible = Order { min_fill: Share::ZERO, replicas, ..order.clone() };
    let in_part = if order.min_fill.is_zero() { None } else { wins(divisible).map(|award| award.is_some()) };
    // The first that wins will do; where one was not tried in time nothing is known.
    let tries =
        LESS.iter().filter_map(|part| less_of(order, *part)).map(|less| wins(less).map(|award| award.is_some()));
    let mut for_less = Some(false);
    for tried in tries {
        for_less = tried;
        if tried != Some(false) {
            break;
        }
    }
    Otherwise { in_part, for_less, ..Otherwise::default() }
}

/// The same that asks for less of everything, for the same a unit; `None` where that is nothing of something.
fn less_of(order: &Order, thousandths: i128) -> Option<Order> {
    let replicas = i128::from(order.replicas.unwrap_or(1));
    let part = |of: i64| i64::try_from(i128::from(of) * thousandths / 1_000).unwrap_or(0);
    let money = |of: Credits| Credits::from_units(part(of.units()));
    let mut less = order.clone();
    less.limit = money(order.limit);
    for alternative in &mut less.alternatives {
        alternative.adder = money(alternative.adder);
        for row in &mut alternative.quantities {
            let each = i128::from(row.quantity) / replicas * thousandths / 1_000;
            row.quantity = i64::try_from(each * replicas).unwrap_or(0);
        }
    }
    less.alternatives.iter().flat_map(|a| &a.quantities).all(|row| row.quantity > 0).then_some(less)
}
