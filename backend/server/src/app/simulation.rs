//! Tries a reserve price on past rounds: reads the archive, lets the core replay it on a blocking thread.
//!
//! One simulation at a time: it takes a whole core, and rounds are cleared beside it. It ends by itself
//! after [`LONGEST`], and soon after whoever asked has gone away.
use crate::app::App;
use crate::app::failure::{Done, Failure, busy};
use crate::workers::rounds::would_give;
use headroom_market::book::{Assurance, Order, Resell, TimeInForce};
use headroom_market::clearing::document::{Book, Outcome};
use headroom_market::pool::recallable::refuse_reserve;
use headroom_market::pool::simulate::figures::Figures;
use headroom_market::pool::simulate::{self, BandEnd, Life, Pass, PastRound, PricedOut, Question, SimulatedRound};
use headroom_market::pool::{ReservePrice, ReserveStep, admin};
use headroom_market::record::Table;
use headroom_market::refusal::{conflict, invalid, not_found};
use headroom_market::round::interruption::awarded;
use headroom_market::round::supply::operator_capacity;
use headroom_market::round::{Award, AwardKind, Round, RoundState};
use headroom_market::state::State;
use headroom_market::time::Slot;
use headroom_market::units::Resource;
use headroom_store::read::Scope;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

/// Rounds in one simulation.
pub const MOST_ROUNDS: u32 = 240;
/// For bids held fixed; the band may take the rest.
const LONGEST_REPLAY: Duration = Duration::from_secs(12);
const LONGEST: Duration = Duration::from_secs(25);
/// Of stored books and outcomes, as text.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Awards that are looked up for the ids of what is sold on.
const MOST_AWARDS: i64 = 50_000;
/// Losers that an answer lists; their number is told in full.
const MOST_LISTED: usize = 100;

pub struct Simulations {
    turn: Arc<Semaphore>,
}

impl Default for Simulations {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)) }
    }
}

/// What is asked.
pub struct Wish {
    pub pool: String,
    pub resource: Resource,
    pub steps: Vec<ReserveStep>,
    pub rounds: u32,
    pub last_round: Option<u64>,
    pub elasticities: [u32; 2],
}

/// A round that could not be replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SkippedRound {
    number: u64,
    reason: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct PricedOutOrder {
    #[serde(flatten)]
    order: PricedOut,
    participant_name: Option<String>,
}

/// What a schedule would have done to past rounds, bids held fixed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Simulated {
    pool: String,
    resource: Resource,
    steps: Vec<ReserveStep>,
    /// False where time or the size of the books ended it early: then the rounds below are all it tells of.
    complete: bool,
    /// Earliest first.
    rounds: Vec<SimulatedRound>,
    skipped: Vec<SkippedRound>,
    before: Figures,
    after: Figures,
    /// The same with demand that follows the price, low elasticity first; empty where time did not suffice.
    band: Vec<BandEnd>,
    /// The greatest losses first, at most 100.
    priced_out: Vec<PricedOutOrder>,
    priced_out_total: usize,
    /// Orders that get more of the pool's resource than they got.
    gained_total: usize,
}

/// What the state says of the market around the question.
struct Known {
    question: Question,
    last_round: u64,
    names: BTreeMap<String, String>,
    lead_in: u64,
}

fn known(state: &State, wish: Wish) -> Done<Known> {
    refuse_reserve(&wish.pool)?;
    let pool = state.pools.get(&wish.pool).ok_or_else(|| not_found("pool"))?;
    if !pool.resources.contains(&wish.resource) {
        let detail = format!("Pool `{}` does not have {}.", wish.pool, wish.resource);
        return Err(invalid("resource_not_in_pool", "/resource", detail).into());
    }
    if pool.shortage_cost.contains_key(&wish.resource) {
        // Its steps followed the forecast errors of each round, which the archive does not have.
        let detail =
            "This resource's supply is priced by the chance of a shortage: reserve prices alone would say little.";
        return Err(conflict("scarcity_is_priced", detail).into());
    }
    admin::check_steps(&wish.steps, state.market.price_cap)?;
    let of_class = |r: &&ReservePrice| r.pool == wish.pool && r.resource == wish.resource;
    let rhythm = state.market.rhythm.clone();
    // Rounds in which a slot of the first replayed one may have been sold before.
    let lead_in = (rhythm.horizon_slots + 1) * rhythm.slot_seconds / rhythm.round_seconds.max(1) + 1;
    let question = Question {
        schedules: state.reserve_prices.values().filter(of_class).cloned().collect(),
        release_start: pool.release_start,
        capacity_now: operator_capacity(state, &wish.pool, wish.resource),
        rhythm,
        pool: wish.pool,
        resource: wish.resource,
        steps: wish.steps,
        sold_before: BTreeMap::new(),
        orders: BTreeMap::new(),
        awards: BTreeMap::new(),
        elasticities: wish.elasticities,
    };
    let names = state.participants.values().map(|p| (p.id.to_string(), p.name.clone())).collect();
    Ok(Known { question, last_round: state.market.last_round, names, lead_in: u64::try_from(lead_in).unwrap_or(0) })
}

/// Sets the flag when whoever asked has gone away: hyper drops what it no longer needs.
struct GoneAway(Arc<AtomicBool>);

impl Drop for GoneAway {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub async fn run(app: &App, wish: Wish) -> Done<Simulated> {
    let (count, wished_last) = (u64::from(wish.rounds), wish.last_round);
    let Known { mut question, last_round, names, lead_in } = app.sequencer.query(|s| known(s, wish)).await??;
    if let Some(wished) = wished_last.filter(|wished| *wished > last_round.max(1)) {
        let detail = format!("Round {wished} has not been yet: the latest is {last_round}.");
        return Err(invalid("last_round_out_of_range", "/last_round", detail).into());
    }
    let Ok(turn) = app.simulations.turn.clone().try_acquire_owned() else {
        let detail = "Another simulation is running. Try again after the time in Retry-After.";
        return Err(busy("simulation_running", 5, detail));
    };
    let last = wished_last.map_or(last_round, |wished| wished.min(last_round));
    let first = (last + 1).saturating_sub(count).max(1);
    let mut archive = read(app, first, last).await?;
    question.sold_before = sold_before(app, &question, &archive, first.saturating_sub(lead_in).max(1)).await?;
    question.awards = awards(app, first, last).await?;
    let gone = Arc::new(AtomicBool::new(false));
    let _asker = GoneAway(gone.clone());
    let slot_seconds = question.rhythm.slot_seconds;
    let parsed = tokio::task::spawn_blocking(move || (archive.parse(slot_seconds), archive));
    let (rounds, archive) = parsed.await.map_err(|e| Failure::fault(&e))?;
    let rounds = rounds?;
    question.orders = lives(app, slot_seconds, &rounds).await?;
    let (pool, resource, steps) = (question.pool.clone(), question.resource, question.steps.clone());
    let replay = move || {
        let started = Instant::now();
        let mut go_on = |pass: Pass| {
            let longest = if pass == Pass::Replay { LONGEST_REPLAY } else { LONGEST };
            !gone.load(Ordering::Relaxed) && started.elapsed() < longest
        };
        let result = simulate::run(&question, &rounds, &mut |book| would_give(book), &mut go_on);
        drop(turn);
        result
    };
    let found = tokio::task::spawn_blocking(replay).await.map_err(|e| Failure::fault(&e))?;
    let priced_out_total = found.priced_out.len();
    let named = |order: PricedOut| PricedOutOrder { participant_name: names.get(&order.participant).cloned(), order };
    Ok(Simulated {
        pool,
        resource,
        steps,
        complete: found.complete && !archive.cut,
        rounds: found.rounds,
        skipped: archive.skipped,
        before: found.before,
        after: found.after,
        band: found.band,
        priced_out: found.priced_out.into_iter().take(MOST_LISTED).map(named).collect(),
        priced_out_total,
        gained_total: found.gained,
    })
}

/// Rounds as they are stored, earliest first.
#[derive(Default)]
struct Archive {
    rounds: Vec<(Round, String, String)>,
    skipped: Vec<SkippedRound>,
    /// The books were too large: earlier rounds are missing.
    cut: bool,
}

impl Archive {
    /// Takes the texts out and reads them; what can't be read is skipped.
    fn parse(&mut self, slot_seconds: i64) -> Done<Vec<PastRound>> {
        let mut rounds = Vec::new();
        for (round, book, outcome) in std::mem::take(&mut self.rounds) {
            let read = || {
                let book: Book = serde_json::from_str(&book).ok()?;
                let outcome: Outcome = serde_json::from_str(&outcome).ok()?;
                let count = (round.last_slot.seconds() - round.first_slot.seconds()) / slot_seconds + 1;
                let slots = (0..count).map(|n| round.first_slot.plus(n, slot_seconds)).collect();
                let (number, sealed_at) = (round.number, round.sealed_at);
                Some(PastRound { number, sealed_at, slots, book: Arc::new(book), outcome })
            };
            match read() {
                Some(past) => rounds.push(past),
                None => self.skip(round.number, "its stored book or outcome cannot be read by this version"),
            }
        }
        Ok(rounds)
    }

    fn skip(&mut self, number: u64, reason: impl Into<String>) {
        self.skipped.push(SkippedRound { number, reason: reason.into() });
    }
}

/// From the newest back, so that what is too much is the oldest.
async fn read(app: &App, first: u64, last: u64) -> Done<Archive> {
    let mut archive = Archive::default();
    let mut bytes = 0;
    let mut records = round_records(app, first, last + 1).await?;
    while let Some(round) = records.pop() {
        if round.state == RoundState::Void {
            let reason = round.void_reason.clone().unwrap_or_default();
            archive.skip(round.number, format!("it was void: {reason}"));
            continue;
        }
        let Some((book, outcome, _)) = app.store.archived_round(round.number as i64).await? else {
            archive.skip(round.number, "it has no outcome yet");
            continue;
        };
        bytes += book.len() + outcome.len();
        if bytes > MOST_BYTES && !archive.rounds.is_empty() {
            archive.cut = true;
            break;
        }
        archive.rounds.push((round, book, outcome));
    }
    archive.rounds.reverse();
    archive.skipped.reverse();
    Ok(archive)
}

/// Rounds from `first` on to before `end`, by number.
async fn round_records(app: &App, first: u64, end: u64) -> Done<Vec<Round>> {
    let (from, to) = (first as i64, end as i64);
    let documents = app.store.between(Table::Rounds, &Scope::All, from, to, (to - from).max(1)).await?;
    documents.iter().map(|d| serde_json::from_str(d).map_err(|e| Failure::fault(&e))).collect()
}

/// Operator supply of the class sold, by step, before the first replayed round, of the slots that it still sells.
async fn sold_before(app: &App, question: &Question, archive: &Archive, from: u64) -> Done<BTreeMap<Slot, Vec<i64>>> {
    let mut sold: BTreeMap<Slot, Vec<i64>> = BTreeMap::new();
    let Some((first, _, _)) = archive.rounds.first() else { return Ok(sold) };
    let slot_seconds = question.rhythm.slot_seconds;
    for round in round_records(app, from, first.number).await? {
        if round.awards == 0 || round.last_slot < first.first_slot {
            continue;
        }
        let Some((book, outcome, _)) = app.store.archived_round(round.number as i64).await? else { continue };
        let book: Book = serde_json::from_str(&book).map_err(|e| Failure::fault(&e))?;
        let outcome: Outcome = serde_json::from_str(&outcome).map_err(|e| Failure::fault(&e))?;
        let outcome = awarded(&book, &outcome);
        let of_class =
            outcome.supply.iter().filter(|s| s.pool == question.pool && s.resource == question.resource.name());
        for used in of_class {
            let steps = sold.entry(round.first_slot.plus(used.slot, slot_seconds)).or_default();
            if steps.len() <= used.step {
                steps.resize(used.step + 1, 0);
            }
            steps[used.step] += used.used;
        }
    }
    sold.retain(|slot, _| *slot >= first.first_slot);
    Ok(sold)
}

/// Which award an order got in a round.
async fn awards(app: &App, first: u64, last: u64) -> Done<BTreeMap<(u64, String), Vec<String>>> {
    let documents = app.store.between(Table::Awards, &Scope::All, first as i64, last as i64 + 1, MOST_AWARDS).await?;
    let mut found: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for document in documents {
        let award: Award = serde_json::from_str(&document).map_err(|e| Failure::fault(&e))?;
        if award.kind == AwardKind::Bought {
            found.entry((award.round, award.order.to_string())).or_default().push(award.id.to_string());
        }
    }
    Ok(found)
}

/// How long the orders of these books live, and what becomes of what they win.
async fn lives(app: &App, slot_seconds: i64, rounds: &[PastRound]) -> Done<BTreeMap<String, Life>> {
    let ids: BTreeSet<&String> = rounds.iter().flat_map(|r| &r.book.orders).map(|o| &o.id).collect();
    let mut lives = BTreeMap::new();
    for id in ids {
        let Some(document) = app.store.get(Table::Orders, &Scope::All, id).await? else { continue };
        let order: Order = serde_json::from_str(&document).map_err(|e| Failure::fault(&e))?;
        let request = &order.request;
        // What its lender may take back is not sold on, whatever its order says.
        let firm = request.assurance == Assurance::Firm;
        let life = Life {
            once: matches!(request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok),
            expires_at: request.expires_at,
            stays_open: request.stays_open_after_award(slot_seconds),
            runs_of: request.runs_of(slot_seconds),
            resells: request.resell == Resell::OwnLimit && request.replicas == 1 && firm,
        };
        lives.insert(id.clone(), life);
    }
    Ok(lives)
}
