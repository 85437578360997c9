//! Price ÷ externality of a round: what its winning bids pay, beside what their winning costs all others. A clearing for
//! each bid that is looked at, so one round at a time, and what was found is remembered.
use crate::app::App;
use crate::app::failure::{Done, Failure};
use headroom_market::clearing::book::Side;
use headroom_market::clearing::document::{Book, Outcome};
use headroom_market::units::Credits;
use headroom_solver::{Externality, externality};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// Books of more orders are not cleared so often for one question.
const MOST_ORDERS: usize = 1_000;
/// Of a round so many winning bids are looked at.
const MOST_BIDS: usize = 16;
/// Rounds that are remembered.
const MOST_KNOWN: usize = 500;
/// Somebody waits for the answer, and others for the turn: then those that were looked at have to do.
const LONGEST: Duration = Duration::from_secs(4);
/// Whoever would have to wait longer for others gets no answer.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Of fewer bids the figures would tell what others have bid: of one, the limit of whoever lost to it.
const LEAST_TOLD: usize = 4;

/// What the winning bids of a round pay, beside what their winning costs all others: with uniform prices it may pay to
/// bid less than something is worth, and the more so, the further this is above 1.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriceToExternality {
    /// Bids that won.
    pub winners: usize,
    /// So many of them were looked at, chosen by the hash of the round's book.
    pub looked_at: usize,
    /// `paid` ÷ `externality`, to three digits; `null` where nobody would have gained anything, and, for members, where
    /// fewer than four were looked at: it would tell what others have bid.
    pub ratio: Option<String>,
    /// What these pay together; for platform roles alone, like all that follows.
    pub paid: Option<Credits>,
    /// What all others would have gained had one of them stayed away, added up.
    pub externality: Option<Credits>,
    /// The same ratio of a single bid: the least, and the greatest.
    pub least: Option<String>,
    pub greatest: Option<String>,
}

impl PriceToExternality {
    /// What members are told.
    fn for_members(self) -> PriceToExternality {
        let ratio = self.ratio.filter(|_| self.looked_at >= LEAST_TOLD);
        PriceToExternality { ratio, paid: None, externality: None, least: None, greatest: None, ..self }
    }
}

/// Why a round has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoExternality {
    /// No bid has won.
    NoWinner,
    /// Its book is too large to be cleared again for each.
    TooLarge,
    /// Another round is looked at: ask again.
    Busy,
}

pub struct Externalities {
    turn: Semaphore,
    known: Mutex<BTreeMap<u64, PriceToExternality>>,
}

impl Default for Externalities {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), known: Mutex::default() }
    }
}

impl Externalities {
    fn known(&self, round: u64) -> Option<PriceToExternality> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&round).cloned()
    }
    fn remember(&self, round: u64, found: PriceToExternality) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(round, found);
        while known.len() > MOST_KNOWN {
            known.pop_first();
        }
    }
}

/// `Err` says why there is none. `members`: for who does not see others' orders.
pub async fn of_round(
    app: &App,
    round: u64,
    book: Book,
    outcome: Outcome,
    members: bool,
) -> Done<Result<PriceToExternality, NoExternality>> {
    let found = look_once(app, round, book, outcome).await?;
    Ok(found.map(|found| if members { found.for_members() } else { found }))
}

async fn look_once(
    app: &App,
    round: u64,
    book: Book,
    outcome: Outcome,
) -> Done<Result<PriceToExternality, NoExternality>> {
    if let Some(known) = app.externalities.known(round) {
        return Ok(Ok(known));
    }
    if outcome.awards.is_empty() {
        return Ok(Err(NoExternality::NoWinner));
    }
    if book.orders.len() > MOST_ORDERS {
        return Ok(Err(NoExternality::TooLarge));
    }
    let Ok(Ok(turn)) = tokio::time::timeout(LONGEST_WAIT, app.externalities.turn.acquire()).await else {
        return Ok(Err(NoExternality::Busy));
    };
    if let Some(known) = app.externalities.known(round) {
        return Ok(Ok(known));
    }
    let ends = Instant::now() + LONGEST;
    let look = move || look(&book, &outcome, || Instant::now() < ends);
    let found = tokio::task::spawn_blocking(look).await.map_err(|e| Failure::fault(&e))?;
    drop(turn);
    if let Some(found) = &found {
        app.externalities.remember(round, found.clone());
    }
    Ok(found.ok_or(NoExternality::NoWinner))
}

fn look(book: &Book, outcome: &Outcome, in_time: impl Fn() -> bool) -> Option<PriceToExternality> {
    let won = winners(book, outcome);
    let winners = won.len();
    let found: Vec<Externality> = won
        .into_iter()
        .take(MOST_BIDS)
        .take_while(|_| in_time())
        .filter_map(|bid| externality(book, outcome, bid))
        .collect();
    if found.is_empty() {
        return None;
    }
    let sum = |of: fn(&Externality) -> Credits| found.iter().map(of).sum::<Credits>();
    let all = Externality { paid: sum(|e| e.paid), cost: sum(|e| e.cost) };
    let single = || found.iter().filter_map(Externality::ratio_thousandths);
    Some(PriceToExternality {
        winners,
        looked_at: found.len(),
        ratio: all.ratio_thousandths().map(decimal),
        paid: Some(all.paid),
        externality: Some(all.cost),
        least: single().min().map(decimal),
        greatest: single().max().map(decimal),
    })
}

/// The bids that have won, by a hash with that of their round's book, which nobody can choose.
fn winners<'a>(book: &Book, outcome: &'a Outcome) -> Vec<&'a str> {
    let bids: BTreeSet<&str> = book.orders.iter().filter(|o| o.side == Side::Bid).map(|o| o.id.as_str()).collect();
    let mut won: Vec<&str> = outcome.awards.iter().map(|a| a.order.as_str()).filter(|id| bids.contains(id)).collect();
    let lot = |id: &str| *blake3::hash(format!("{}\n{id}", outcome.certificate.input_hash).as_bytes()).as_bytes();
    won.sort_by_cached_key(|id| lot(id));
    won
}

fn decimal(thousandths: i64) -> String {
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}
