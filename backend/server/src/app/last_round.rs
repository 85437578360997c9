//! What an order would have won in the last cleared round, had it been there: that round is cleared again with it.
//!
//! Prices alone do not say it: there may be less at a price than is asked for, or nobody who buys. The last round's book is
//! asked, never the open one. The bid of a workload lies on that workload's node: moves are left out.
use crate::app::App;
use crate::app::turns::Turn;
use headroom_market::book::{Assurance, OrderRequest, Reason, Side, away};
use headroom_market::clearing::book::{Class, ProductKey, Side as BookSide};
use headroom_market::clearing::document::{Alternative, Award, Book, Order, Product, Quantity};
use headroom_market::ids::ParticipantId;
use headroom_market::pool::recallable::{book_node, book_pool, pool_of};
use headroom_market::record::Table;
use headroom_market::round::supply::book_product;
use headroom_market::round::{Round, sits_out};
use headroom_market::state::State as Market;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Credits, Resource, Share};
use headroom_solver::{beyond_all, clear_document};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::ToSchema;

/// Books of more orders are not cleared for a question before an order.
const MOST_ORDERS: usize = 500;
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

/// A round that was cleared.
#[derive(Clone)]
struct Cleared {
    round: u64,
    /// The book counts slots from this one.
    first_slot: Slot,
    book: Arc<Book>,
}

/// The round that was asked about last.
#[derive(Default)]
pub struct LastRound {
    known: Mutex<Option<Cleared>>,
}

/// `None` where the last round says nothing of the order: its slots, or its pools, were not in it, or the question would take too long.
pub async fn in_last_round(
    app: &App,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
    turn: Turn,
) -> Option<InLastRound> {
    let cleared = last_cleared(app).await?;
    let (known, request, now) = (cleared.clone(), request.clone(), app.now());
    let asked = app.sequencer.query(move |state| {
        let asked = entry(state, &known, participant, side, &request)?;
        let others = others(state, now, &known, &asked);
        Some((asked, others))
    });
    let (asked, others) = asked.await.ok()??;
    let Cleared { round, book, .. } = cleared;
    let book = if others.is_empty() { book } else { Arc::new(with(&book, others)) };
    let answer = move || {
        // Also for who has hung up: the work goes on, and the next waits for it.
        let _turn = turn;
        answer(round, &book, asked)
    };
    tokio::task::spawn_blocking(answer).await.ok()?
}

async fn last_cleared(app: &App) -> Option<Cleared> {
    let latest = app.sequencer.query(|s| s.market.last_round).await.ok()?;
    // The latest may be under way.
    for round in [latest, latest.saturating_sub(1)] {
        let known = app.last_round.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| known.round == round) {
            return Some(known);
        }
        let number = i64::try_from(round).ok()?;
        let Ok(Some((book, _, _))) = app.store.archived_round(number).await else { continue };
        let Ok(Some(record)) = app.store.at_position(Table::Rounds, number).await else { continue };
        let first_slot = serde_json::from_str::<Round>(&record).ok()?.first_slot;
        let found = Cleared { round, first_slot, book: Arc::new(serde_json::from_str(&book).ok()?) };
        *app.last_round.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        return Some(found);
    }
    None
}

/// The order as that book would have had it.
fn entry(
    state: &Market,
    Cleared { first_slot, book, .. }: &Cleared,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
) -> Option<Order> {
    if book.orders.len() > MOST_ORDERS {
        return None;
    }
    let seconds = state.market.rhythm.slot_seconds;
    let listed: BTreeSet<ProductKey> = book.products.iter().map(Product::key).collect();
    let mut alternatives = Vec::new();
    let home = request.instance.and_then(|id| state.instances.get(&id)).map(|i| i.node);
    for alternative in request.alternatives(seconds) {
        if away::carried(state, request, &alternative.pool).is_some() {
            continue;
        }
        let pool = match home {
            Some(node) => book_pool(&alternative.pool, &node.to_string()),
            None => alternative.pool.clone(),
        };
        let mut quantities = Vec::new();
        for slot in &alternative.slots {
            for (resource, quantity) in request.resources.iter().filter(|(_, quantity)| **quantity > 0) {
                let (pool, resource) = (pool.clone(), resource.name().to_owned());
                let product = ProductKey { pool, resource, slot: (slot.seconds() - first_slot.seconds()) / seconds };
                quantities.push(Quantity { product, quantity: quantity.checked_mul(i64::from(request.replicas))? });
            }
        }
        // One of which the round had nothing at all is another question.
        if quantities.iter().any(|q| listed.contains(&q.product)) {
            alternatives.push(Alternative { quantities, adder: alternative.adder, ..Alternative::default() });
        }
    }
    let first = alternatives.first()?;
    let node = home.map(|node| book_node(node, request.assurance == Assurance::Recallable));
    let node = node.filter(|name| book.nodes.iter().any(|n| n.id == *name));
    let side = if side == Side::Bid { BookSide::Bid } else { BookSide::Offer };
    if side == BookSide::Offer {
        // Of several slots a book has an offer each, and no one part tells of the whole.
        let [only] = first.quantities.as_slice() else { return None };
        let has_nodes = book.nodes.iter().any(|n| n.pool == only.product.pool);
        if alternatives.len() > 1 || !first.adder.is_zero() || has_nodes && node.is_none() {
            return None;
        }
    }
    // What is wanted whole, without a node of its own, lies whole on one.
    let is_one_lot = request.instance.is_none() && request.min_fill == Share::from_units(1_000_000);
    Some(Order {
        id: ASKED.to_owned(),
        owner: participant.to_string(),
        side,
        limit: request.limit,
        min_fill: if side == BookSide::Bid { request.min_fill } else { Share::ZERO },
        replicas: (side == BookSide::Bid && (request.replicas > 1 || is_one_lot))
            .then_some(i64::from(request.replicas)),
        node,
        class: Class::Standard,
        incumbent: false,
        // After all that were there.
        accepted: Some(i64::MAX),
        workload: None,
        alternatives,
    })
}

/// What the order asks for of which nobody had asked in that round, as a round would have it now.
fn others(state: &Market, now: Timestamp, Cleared { first_slot, book, .. }: &Cleared, asked: &Order) -> Vec<Product> {
    let listed: BTreeSet<ProductKey> = book.products.iter().map(Product::key).collect();
    let keys: BTreeSet<&ProductKey> =
        asked.alternatives.iter().flat_map(|a| &a.quantities).map(|q| &q.product).collect();
    let seconds = state.market.rhythm.slot_seconds;
    let product = |key: &ProductKey| {
        let slot = first_slot.plus(key.slot, seconds);
        let (pool, _) = pool_of(&key.pool);
        let product = book_product(state, now, (&pool, Resource::parse(&key.resource)?, slot), key.slot);
        Some(Product { pool: key.pool.clone(), ..product })
    };
    keys.into_iter().filter(|key| !listed.contains(key)).filter_map(product).collect()
}

fn with(book: &Book, others: Vec<Product>) -> Book {
    let mut book = book.clone();
    book.products.extend(others);
    book
}

fn answer(round: u64, book: &Book, asked: Order) -> Option<InLastRound> {
    let is_bid = asked.side == BookSide::Bid;
    let won = clear_with(book, &asked)?;
    let found = |won: &Won, whole| InLastRound { round, part: won.part, money: won.money, whole, reason: won.reason };
    let all = Share::from_units(1_000_000);
    if !is_bid || won.part == all {
        let whole = is_bid.then_some(won.money);
        return Some(found(&won, whole));
    }
    let at_any_price = clear_with(book, &Order { limit: beyond_all(book, &asked), ..asked })?;
    let whole = (at_any_price.part == all).then_some(at_any_price.money);
    Some(found(&won, whole))
}

struct Won {
    part: Share,
    money: Credits,
    reason: Option<Reason>,
}

/// `None` where the book with the order has no outcome.
fn clear_with(book: &Book, asked: &Order) -> Option<Won> {
    let mut with = book.clone();
    // Of one participant only one of two orders that could trade with each other is open.
    with.orders.retain(|o| !sits_out::is_self_trade(o, asked));
    with.orders.push(asked.clone());
    let outcome = clear_document(&with).ok()?;
    if let Some(award) = outcome.awards.iter().find(|a| a.order == ASKED) {
        let part = part_of(award, asked);
        return Some(Won { part, money: award.money, reason: award.limited_by.map(Reason::from) });
    }
    let refused = outcome.refused.iter().find(|r| r.order == ASKED)?;
    Some(Won { part: Share::ZERO, money: Credits::ZERO, reason: Some(refused.reason.into()) })
}

/// What it fills, rounded down.
pub(super) fn part_of(award: &Award, asked: &Order) -> Share {
    let part = i128::from(award.lots) * 1_000_000 / i128::from(asked.lots(award.alternative));
    i64::try_from(part).map_or(Share::ZERO, Share::from_units)
}
