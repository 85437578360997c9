//! Before and after a bid: what it would cost and win, and why it has not won.
use crate::app::App;
use crate::http::auth::{Anyone, Member};
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use axum::Json;
use axum::extract::State;
use headroom_market::book::{NotWon, Order, OrderRequest, Side, validate};
use headroom_market::ids::{BidId, OfferId, OrderId, ParticipantId};
use headroom_market::record::Table;
use headroom_market::state::State as Market;
use headroom_market::time::Timestamp;
use headroom_market::units::{Credits, Price};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What an order would do, at the prices of the last cleared round. No effect.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preview {
    pub hold: Credits,
    pub currency: String,
    /// Cost (of a bid) or proceeds (of an offer) at the last prices, best alternative.
    pub expected: Credits,
    pub expected_low: Credits,
    pub expected_high: Credits,
    /// The most that can be charged.
    pub worst_case: Credits,
    /// No trading fee in this version.
    pub fee: Credits,
    /// Share of the latest slots in which the limit would have been enough; `null` without any.
    pub fill_probability: Option<f64>,
    /// Limits that would have been enough in 50, 80, 95 and 99 % of the latest slots.
    pub chances: Vec<Chance>,
    pub available_after: Credits,
    /// The round in which it would first count.
    pub round: u64,
    pub gate_closes_at: Timestamp,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Chance {
    pub probability: f64,
    pub limit: Credits,
}

/// Why an order has not won, and what would have.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    pub order: OrderId,
    pub status: String,
    /// Stable code; `null` where it has not been refused.
    pub reason: Option<String>,
    /// The same for people.
    pub sentence: String,
    pub round: Option<u64>,
    pub limit: Credits,
    pub price_faced: Option<Credits>,
    pub shortfall: Option<Credits>,
    pub minimum_winning_limit: Option<WinningLimit>,
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WinningLimit {
    pub value: Credits,
    /// `exact` or `bound`.
    pub quality: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Change {
    pub change: String,
    pub limit: Option<Credits>,
    pub helps: bool,
}

/// The price to reckon with: the product's last one, else its class's reference.
fn price_of(
    state: &Market,
    pool: &str,
    resource: headroom_market::units::Resource,
    slot: headroom_market::time::Slot,
) -> Price {
    let product = state.products.get(&(pool.to_owned(), resource, slot)).and_then(|p| p.last_price);
    product.unwrap_or_else(|| state.reference(pool, resource, slot))
}

fn bundle_costs(state: &Market, request: &OrderRequest) -> Option<(Credits, Vec<i64>)> {
    let seconds = state.market.rhythm.slot_seconds;
    let mut best: Option<(Credits, Vec<i64>)> = None;
    for alternative in request.alternatives(seconds) {
        let mut cost = Credits::ZERO;
        let mut history: Vec<i64> = Vec::new();
        for slot in &alternative.slots {
            for (resource, quantity) in &request.resources {
                let all = quantity.checked_mul(i64::from(request.replicas))?;
                cost = cost.checked_add(price_of(state, &alternative.pool, *resource, *slot).charge_half_even(all)?)?;
                let key = (alternative.pool.clone(), *resource);
                let recent = state.references.get(&key).map(|r| r.recent.as_slice()).unwrap_or_default();
                if history.is_empty() {
                    history = vec![0; recent.len()];
                }
                // The newest slots are aligned; a class with a shorter history shortens all.
                let keep = history.len().min(recent.len());
                history = history.split_off(history.len() - keep);
                for (sum, price) in history.iter_mut().zip(&recent[recent.len() - keep..]) {
                    *sum += price.charge_half_even(all)?.units();
                }
            }
        }
        let effective = cost + alternative.adder;
        if best.as_ref().is_none_or(|(least, _)| effective < *least) {
            best = Some((cost, history));
        }
    }
    best
}

fn preview(
    state: &Market,
    now: Timestamp,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
) -> Result<Preview, Problem> {
    let acceptable = validate::check(state, now, participant, side, request, None)
        .map_err(|r| Problem::from(headroom_market::command::Refusal::from(r)))?;
    let (expected, mut history) = bundle_costs(state, request).unwrap_or_default();
    history.sort_unstable();
    let at = |share: f64| -> Credits {
        let index = ((history.len() as f64 * share).ceil() as usize).clamp(1, history.len().max(1)) - 1;
        history.get(index).map_or(expected, |units| Credits::from_units(*units))
    };
    let enough = history.iter().filter(|units| match side {
        Side::Bid => **units <= request.limit.units(),
        Side::Offer => **units >= request.limit.units(),
    });
    let fill_probability = (!history.is_empty()).then(|| enough.count() as f64 / history.len() as f64);
    let available = state.available(participant);
    let mut warnings = Vec::new();
    if acceptable.hold > available {
        warnings.push(format!(
            "The hold of {} is more than the {} available: the order would be refused.",
            acceptable.hold, available
        ));
    }
    if side == Side::Bid && expected > request.limit {
        warnings.push("At the last prices the limit would not be enough.".to_owned());
    }
    let chances = [0.5, 0.8, 0.95, 0.99].map(|probability| Chance { probability, limit: at(probability) }).to_vec();
    Ok(Preview {
        hold: acceptable.hold,
        currency: "credits".to_owned(),
        expected,
        expected_low: at(0.1),
        expected_high: at(0.9),
        worst_case: if side == Side::Bid { acceptable.hold } else { Credits::ZERO },
        fee: Credits::ZERO,
        fill_probability,
        chances: if history.is_empty() { Vec::new() } else { chances },
        available_after: available - acceptable.hold,
        round: state.market.last_round + 1,
        gate_closes_at: state.market.rhythm.gate_closes(request.first_slot()),
        warnings,
    })
}

async fn run_preview(
    app: &App,
    by: &crate::app::directory::Identity,
    side: Side,
    request: OrderRequest,
) -> Answered<Json<Preview>> {
    by.may("orders:read")?;
    let (now, participant) = (app.now(), by.participant);
    app.sequencer.query(move |state| preview(state, now, participant, side, &request)).await?.map(Json)
}

/// Previews a bid: the same body as placing one, no effect.
#[utoipa::path(post, path = "/bids/preview", tag = "orders", operation_id = "previewBid", request_body = OrderRequest,
    responses((status = 200, description = "What it would hold, cost and win", body = Preview), Problems))]
pub async fn preview_bid(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Body(request): Body<OrderRequest>,
) -> Answered<Json<Preview>> {
    run_preview(&app, &by, Side::Bid, request).await
}

/// Previews an offer.
#[utoipa::path(post, path = "/offers/preview", tag = "orders", operation_id = "previewOffer", request_body = OrderRequest,
    responses((status = 200, description = "What it would bring", body = Preview), Problems))]
pub async fn preview_offer(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Body(request): Body<OrderRequest>,
) -> Answered<Json<Preview>> {
    run_preview(&app, &by, Side::Offer, request).await
}

/// What a reason code means, for people.
pub fn sentence_of(reason: &str) -> &'static str {
    match reason {
        "HALTED" => "Every pool of the order is halted.",
        "INSUFFICIENT_HOLD" => "The collar rose and the balance could not follow with a larger hold.",
        "INELIGIBLE" => {
            "The same participant traded the other side of a product, or an earlier award has fixed another node."
        }
        "OUT_OF_MONEY" => "The price was beyond the limit.",
        "MARGINAL_PRORATA" => "The limit is the price: what was left was shared among equals.",
        "NO_HOST_FITS" => "The price was right, but no node had room for it in one piece.",
        "MIN_FILL_UNREACHABLE" => "Not even all the supply together reaches the minimum fill.",
        "PARADOXICAL" => "Filling all of it would have moved the price against somebody who won.",
        "TIE_LOST" => "Others offered the same; the published seed decided.",
        "FLOOR_PROTECTED" => "Lending more would have taken the instance under its capacity floor.",
        "THRASH_LIMIT" => "The instance may not change by that much in one round.",
        "SOLVER_FALLBACK" => {
            "The round was cleared without all-or-none orders, because its first outcome did not pass the check."
        }
        "BUDGET" => "The budget group is used up.",
        _ => "The round did not fill it.",
    }
}

fn explain(order: &Order) -> Explanation {
    let not_won: Option<&NotWon> = order.last_reason.as_ref();
    let ended = !order.status.is_live();
    let sentence = match not_won {
        _ if order.status == headroom_market::book::OrderStatus::Filled => "It won all that it asked for.".to_owned(),
        Some(why) => match (why.price_faced, why.shortfall) {
            (Some(price), Some(short)) if !short.is_zero() && order.side == Side::Bid => {
                format!(
                    "Short by {short} credits: the bundle cost {price}, the limit for it is {}.",
                    order.remaining_limit
                )
            }
            _ => sentence_of(&why.reason).to_owned(),
        },
        None if ended => format!("It ended as {} before a round refused it.", order.status.name()),
        None => "No round has looked at it yet; the next one will.".to_owned(),
    };
    let bid_price = not_won.filter(|_| order.side == Side::Bid).and_then(|w| w.price_faced);
    // One tick above what the bundle cost is enough while nothing else changes: a bound.
    let winning = bid_price.map(|p| WinningLimit { value: p + Credits::from_units(1), quality: "bound".to_owned() });
    let mut changes = Vec::new();
    if let Some(winning) = winning.as_ref().filter(|w| w.value > order.remaining_limit) {
        changes.push(Change { change: "Raise the limit".to_owned(), limit: Some(winning.value), helps: true });
    }
    if not_won.is_some_and(|w| w.reason == "NO_HOST_FITS") {
        changes.push(Change {
            change: "Accept another pool, or ask for smaller replicas".to_owned(),
            limit: None,
            helps: true,
        });
        changes.push(Change { change: "Raise the limit".to_owned(), limit: None, helps: false });
    }
    if not_won.is_some() && !order.request.min_fill.is_zero() {
        changes.push(Change { change: "Accept a partial fill (min_fill \"0\")".to_owned(), limit: None, helps: true });
    }
    Explanation {
        order: order.id,
        status: order.status.name().to_owned(),
        reason: not_won.map(|w| w.reason.clone()).or_else(|| order.closed_reason.clone()),
        sentence,
        round: not_won.map(|w| w.round),
        limit: order.remaining_limit,
        price_faced: not_won.and_then(|w| w.price_faced),
        shortfall: not_won.and_then(|w| w.shortfall),
        minimum_winning_limit: winning,
        changes,
    }
}

async fn run_explain(app: &App, by: &crate::app::directory::Identity, id: OrderId) -> Answered<Json<Explanation>> {
    by.may("orders:read")?;
    let document = app.store.get(Table::Orders, &by.scope(), &id.to_string()).await?;
    let document = document.ok_or_else(|| Problem::not_found("order"))?;
    let order: Order = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    Ok(Json(explain(&order)))
}

/// Why the last round did not fill a bid, and what would have.
#[utoipa::path(get, path = "/bids/{id}/explain", tag = "orders", operation_id = "explainBid", params(("id" = BidId, Path, description = "Bid")),
    responses((status = 200, description = "Reason, numbers and what helps", body = Explanation), Problems))]
pub async fn explain_bid(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<BidId>,
) -> Answered<Json<Explanation>> {
    run_explain(&app, &by, OrderId::Bid(id)).await
}

/// Why the last round did not take an offer.
#[utoipa::path(get, path = "/offers/{id}/explain", tag = "orders", operation_id = "explainOffer", params(("id" = OfferId, Path, description = "Offer")),
    responses((status = 200, description = "Reason, numbers and what helps", body = Explanation), Problems))]
pub async fn explain_offer(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<OfferId>,
) -> Answered<Json<Explanation>> {
    run_explain(&app, &by, OrderId::Offer(id)).await
}
