//! The limit with which an order would have won its last round, found by clearing that round again
//! with other limits: asked for by people one order at a time, so one search runs at a time, and
//! what was found is remembered.
use crate::app::App;
use crate::app::failure::{Done, Failure};
use headroom_market::clearing::{self, Asked, Book, Limits, Winning};
use headroom_market::round::stays::{Elsewhere, MayGo, elsewhere};
use headroom_market::units::Credits;
use headroom_solver::MixedInteger;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Books of more orders are not cleared dozens of times for one question.
const MOST_ORDERS: usize = 1_000;
/// Questions that may wait for their turn.
const MOST_WAITING: usize = 8;
/// Answers that are remembered.
const MOST_KNOWN: usize = 2_000;

/// Somebody waits for the answer, and others for the turn: what takes longer stays a bound.
const LONGEST_SEARCH: Duration = Duration::from_secs(4);

/// A book order's id in a round, and the fee of a move where that is what is asked about.
type Question = (u64, String, Option<Credits>);

pub struct WinningLimits {
    turn: Semaphore,
    queue: Semaphore,
    known: Mutex<BTreeMap<Question, Elsewhere>>,
}

impl Default for WinningLimits {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), queue: Semaphore::new(MOST_WAITING), known: Mutex::default() }
    }
}

impl WinningLimits {
    /// A place in the queue, if it is not too long.
    fn wait(&self) -> Option<SemaphorePermit<'_>> {
        self.queue.try_acquire().ok()
    }
    fn known(&self, asked: &Question) -> Option<Elsewhere> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(asked).copied()
    }
    fn remember(&self, asked: Question, found: Elsewhere) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(asked, found);
        // Keys begin with the round: the first is the oldest.
        while known.len() > MOST_KNOWN {
            known.pop_first();
        }
    }
}

/// What would have won in the latest round that had the order in its book: `refused_in` or, of one that is still
/// open, one after it.
pub async fn winning_limit(app: &App, refused_in: u64, is_open: bool, asked: Asked<'_>) -> Done<Winning> {
    match search(app, refused_in, is_open, asked, None).await? {
        Elsewhere::From(winning) => Ok(winning),
        Elsewhere::NoRoom => Ok(Winning::Unknown),
    }
}

/// The same for a bid whose workload's node had too little room: what would have taken it to another.
pub async fn winning_elsewhere(
    app: &App,
    refused_in: u64,
    is_open: bool,
    asked: Asked<'_>,
    may_go: MayGo,
) -> Done<Elsewhere> {
    search(app, refused_in, is_open, asked, Some(may_go)).await
}

async fn search(app: &App, refused_in: u64, is_open: bool, asked: Asked<'_>, may_go: Option<MayGo>) -> Done<Elsewhere> {
    const UNKNOWN: Elsewhere = Elsewhere::From(Winning::Unknown);
    let Asked { order, runs_of, guess } = asked;
    let rounds = match is_open {
        true => {
            let latest = app.sequencer.query(|s| s.market.last_round).await?;
            vec![latest, latest.saturating_sub(1), refused_in]
        }
        false => vec![refused_in],
    };
    for round in rounds {
        let question = (round, order.to_owned(), may_go.as_ref().map(|go| go.move_fee));
        if let Some(found) = app.winning.known(&question) {
            return Ok(found);
        }
        // Whoever would have to wait long is content with a bound.
        let Some(waiting) = app.winning.wait() else { return Ok(UNKNOWN) };
        let Ok(turn) = app.winning.turn.acquire().await else { return Ok(UNKNOWN) };
        drop(waiting);
        // Somebody before may have asked the same.
        if let Some(found) = app.winning.known(&question) {
            return Ok(found);
        }
        let Some((book, _, _)) = app.store.archived_round(i64::try_from(round).unwrap_or(0)).await? else { continue };
        let book: Book = serde_json::from_str(&book).map_err(|e| Failure::fault(&e))?;
        if !book.orders.iter().any(|o| o.id == order) {
            continue;
        }
        if book.orders.len() > MOST_ORDERS {
            return Ok(UNKNOWN);
        }
        let (id, may_go) = (order.to_owned(), may_go.clone());
        let ends = Instant::now() + LONGEST_SEARCH;
        let search = move || {
            let in_time = || Instant::now() < ends;
            let (asked, proposer) = (Asked { order: &id, runs_of, guess }, &MixedInteger::PRODUCTION);
            match may_go {
                Some(may_go) => elsewhere(&book, &may_go, asked, proposer, &in_time),
                None => Elsewhere::From(clearing::winning_limit(&book, asked, proposer, &Limits::PRODUCTION, &in_time)),
            }
        };
        let found = tokio::task::spawn_blocking(search).await.map_err(|e| Failure::fault(&e))?;
        drop(turn);
        app.winning.remember(question, found);
        return Ok(found);
    }
    Ok(UNKNOWN)
}
