//! What an order would have won in the last cleared round, had it been there: that round is cleared again with it.
//!
//! Prices alone do not say it: there may be less at a price than is asked for, or nobody who buys. The last round's book is
//! asked, never the open one. A bid may lie on any node that has room for it; moves and their fees are left out.
use crate::app::App;
use crate::app::turns::Turn;
use headroom_market::book::{Assurance, OrderRequest, Reason, Side, away};
use headroom_market::clearing::outcome::Award;
use headroom_market::clearing::{self, Book, Fraction, Mode, Money, rational::Rat};
use headroom_market::ids::ParticipantId;
use headroom_market::pool::recallable::{book_node, book_pool, pool_of};
use headroom_market::round::movers::TRIAL;
use headroom_market::round::sits_out;
use headroom_market::round::supply::book_product;
use headroom_market::state::State as Market;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Credits, Resource, Share};
use headroom_solver::MixedInteger;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

/// Books of more orders are not cleared for a question before an order.
const MOST_ORDERS: usize = 500;
/// No limit of an order is higher.
pub(super) const ANY_PRICE: Money = Money(1_000_000_000_000_000);
/// The name in the book; those of orders have a prefix.
const ASKED: &str = "asked";

/// What the order would have won in the last cleared round.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InLastRound {
    pub round: u64,
    /// The part of it that it would have won with its limit, from 0 to 1.
    pub part: Share,
    /// What that part would have cost, or brought.
    pub money: Credits,
    /// Of a bid: what all of it would have cost with a limit that is high enough; `null` where all of it could not be
    /// had at any price.
    pub whole: Option<Credits>,
    /// Why it would not have won all of it: a reason as of orders that have not won; `null` where it would have.
    pub reason: Option<Reason>,
}

/// The book of the round that was asked about last.
#[derive(Default)]
pub struct LastRound {
    book: Mutex<Option<(u64, Arc<Book>)>>,
}

/// `None` where the last round says nothing of the order: its slots, or its pools, were not in it, or the question would take too long.
pub async fn in_last_round(
    app: &App,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
    turn: Turn,
) -> Option<InLastRound> {
    let (round, book) = last_book(app).await?;
    let (known, request, now) = (book.clone(), request.clone(), app.now());
    let asked = app.sequencer.query(move |state| {
        let asked = entry(state, &known, participant, side, &request)?;
        let others = others(state, now, &known, &asked);
        Some((asked, others))
    });
    let (asked, others) = asked.await.ok()??;
    let book = if others.is_empty() { book } else { Arc::new(with(&book, others)) };
    let answer = move || {
        // Also for who has hung up: the work goes on, and the next waits for it.
        let _turn = turn;
        answer(round, &book, asked)
    };
    tokio::task::spawn_blocking(answer).await.ok()?
}

async fn last_book(app: &App) -> Option<(u64, Arc<Book>)> {
    let latest = app.sequencer.query(|s| s.market.last_round).await.ok()?;
    // The latest may be under way.
    for round in [latest, latest.saturating_sub(1)] {
        let known = app.last_round.book.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|(of, _)| *of == round) {
            return Some(known);
        }
        let Ok(Some((book, _, _))) = app.store.archived_round(i64::try_from(round).ok()?).await else { continue };
        let found = (round, Arc::new(serde_json::from_str::<Book>(&book).ok()?));
        *app.last_round.book.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        return Some(found);
    }
    None
}

/// The order as that book would have had it.
fn entry(
    state: &Market,
    book: &Book,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
) -> Option<clearing::Order> {
    if book.orders.len() > MOST_ORDERS {
        return None;
    }
    let base: Timestamp = book.slot_base.as_ref()?.parse().ok()?;
    let seconds = book.slot_seconds.filter(|s| *s > 0)?;
    let listed: BTreeSet<clearing::ProductKey> = book.products.iter().map(clearing::Product::key).collect();
    let mut alternatives = Vec::new();
    let home = request.instance.and_then(|id| state.instances.get(&id));
    for alternative in request.alternatives(seconds) {
        if away::carried(state, request, &alternative.pool).is_some() {
            continue;
        }
        let mut quantities = Vec::new();
        for slot in &alternative.slots {
            for (resource, quantity) in request.resources.iter().filter(|(_, quantity)| **quantity > 0) {
                let product = clearing::ProductKey {
                    pool: home.map_or_else(
                        || alternative.pool.clone(),
                        |i| book_pool(&alternative.pool, &i.node.to_string()),
                    ),
                    resource: resource.name().to_owned(),
                    slot: (slot.seconds() - base.seconds()) / seconds,
                };
                let quantity = quantity.checked_mul(i64::from(request.replicas))?;
                quantities.push(clearing::Quantity { product, quantity });
            }
        }
        // One of which the round had nothing at all is another question.
        if quantities.iter().any(|q| listed.contains(&q.product)) {
            let adder = Money(alternative.adder.units());
            alternatives.push(clearing::Alternative { quantities, adder });
        }
    }
    if alternatives.is_empty() {
        return None;
    }
    let recallable = request.assurance == Assurance::Recallable;
    let instance = request.instance.and_then(|id| state.instances.get(&id));
    // An offer is of its node, and so is a bid that may not move; any other may be anywhere.
    let stays = side == Side::Offer || request.no_displacement || recallable;
    let node = instance.filter(|_| stays).map(|i| book_node(i.node, recallable));
    let node = node.filter(|name| book.nodes.iter().any(|n| n.id == *name));
    let instance = instance.map(|i| i.id.to_string()).filter(|id| book.instances.iter().any(|i| i.id == *id));
    Some(clearing::Order {
        id: ASKED.to_owned(),
        owner: participant.to_string(),
        side: if side == Side::Bid { clearing::Side::Bid } else { clearing::Side::Offer },
        instance,
        limit: Money(request.limit.units()),
        min_fill: Fraction(Rat::ratio(i128::from(request.min_fill.units()), 1_000_000)),
        incumbent: false,
        alternatives,
        parent: None,
        budget: None,
        replicas: (request.replicas > 1).then_some(i64::from(request.replicas)),
        node,
        class: clearing::Class::Standard,
    })
}

/// What the order asks for of which nobody had asked in that round, as a round would have it now.
fn others(state: &Market, now: Timestamp, book: &Book, asked: &clearing::Order) -> Vec<clearing::Product> {
    let listed: BTreeSet<clearing::ProductKey> = book.products.iter().map(clearing::Product::key).collect();
    let keys: BTreeSet<&clearing::ProductKey> =
        asked.alternatives.iter().flat_map(|a| &a.quantities).map(|q| &q.product).collect();
    let base: Option<Timestamp> = book.slot_base.as_ref().and_then(|at| at.parse().ok());
    let (Some(base), Some(seconds)) = (base, book.slot_seconds) else { return Vec::new() };
    let product = |key: &clearing::ProductKey| {
        let slot = Slot::containing(base, seconds).plus(key.slot, seconds);
        let (pool, _) = pool_of(&key.pool);
        let product = book_product(state, now, (&pool, Resource::parse(&key.resource)?, slot), key.slot);
        Some(clearing::Product { pool: key.pool.clone(), ..product })
    };
    keys.into_iter().filter(|key| !listed.contains(key)).filter_map(product).collect()
}

fn with(book: &Book, others: Vec<clearing::Product>) -> Book {
    let mut book = book.clone();
    book.products.extend(others);
    book
}

fn answer(round: u64, book: &Book, asked: clearing::Order) -> Option<InLastRound> {
    let is_bid = asked.side == clearing::Side::Bid;
    let won = clear_with(book, &asked)?;
    let found = |won: &Won, whole| InLastRound { round, part: won.part, money: won.money, whole, reason: won.reason };
    let all = Share::from_units(1_000_000);
    if !is_bid || won.part == all {
        let whole = is_bid.then_some(won.money);
        return Some(found(&won, whole));
    }
    let at_any_price = clear_with(book, &clearing::Order { limit: ANY_PRICE, ..asked })?;
    let whole = (at_any_price.part == all).then_some(at_any_price.money);
    Some(found(&won, whole))
}

struct Won {
    part: Share,
    money: Credits,
    reason: Option<Reason>,
}

/// `None` where no outcome of the book with the order passes the check.
fn clear_with(book: &Book, asked: &clearing::Order) -> Option<Won> {
    let mut with = book.clone();
    // Of one participant only one of two orders that could trade with each other is open.
    with.orders.retain(|o| !sits_out::is_self_trade(o, asked));
    with.orders.push(asked.clone());
    let outcome = clearing::clear(&with, Mode::Market, &MixedInteger::PRODUCTION, &TRIAL).ok()?;
    let outcome = clearing::verify_round(&with, outcome).ok()?.into_inner();
    if let Some(award) = outcome.awards.iter().find(|a| a.order == ASKED) {
        let part = part_of(award, asked);
        let reason = award.limited_by.map(Reason::from);
        return Some(Won { part, money: Credits::from_units(award.money.0), reason });
    }
    let refused = outcome.refused.iter().find(|r| r.order == ASKED)?;
    Some(Won { part: Share::ZERO, money: Credits::ZERO, reason: Some(refused.reason.into()) })
}

/// What it fills, rounded down; of whole replicas the least part of any of its products.
pub(super) fn part_of(award: &Award, asked: &clearing::Order) -> Share {
    // of a few units a part may be none, of which the rest of the bundle says nothing
    if let Some(fill) = award.fill.as_ref().filter(|_| asked.replicas.is_none()) {
        return i64::try_from((&fill.0 * &Rat::int(1_000_000)).floor()).map_or(Share::ZERO, Share::from_units);
    }
    let full = asked.alternatives.get(award.alternative).map(|a| a.quantities.as_slice()).unwrap_or_default();
    let part = |q: &clearing::Quantity| {
        let won = award.quantities.iter().find(|w| w.product == q.product).map_or(0, |w| w.quantity);
        i64::try_from(i128::from(won) * 1_000_000 / i128::from(q.quantity.max(1))).unwrap_or(0)
    };
    Share::from_units(full.iter().map(part).min().unwrap_or(0))
}
