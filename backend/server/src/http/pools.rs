//! Pools, their prices, their last crossing and their reserve prices.
use crate::app::App;
use crate::http::auth::{Anyone, Platform, require};
use crate::http::extract::{Body, Path, Query};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, created, list_of, ok};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headroom_market::book::Side;
use headroom_market::clearing;
use headroom_market::command::Command;
use headroom_market::participant::Role;
use headroom_market::pool::{Halt, NodeState, Pool, ReservePrice, ReserveStep, Tier};
use headroom_market::record::Table;
use headroom_market::round::book::operator_capacity;
use headroom_market::round::{ClearingPrice, Round};
use headroom_market::state::State as Market;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Price, Resource, Share, amount};
use headroom_store::read::{Page, Scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_pools, create_pool))
        .routes(routes!(get_pool))
        .routes(routes!(pool_prices))
        .routes(routes!(pool_book))
        .routes(routes!(list_reserve_prices, schedule_reserve_price))
        .routes(routes!(halt_pool))
        .routes(routes!(resume_pool))
        .routes(routes!(list_nodes, create_node))
        .routes(routes!(drain_node))
        .routes(routes!(undrain_node))
}

/// A pool with what its resources cost in the next open slot.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PoolView {
    pub id: String,
    pub slug: String,
    pub name: String,
    pub pop: String,
    pub tier: Tier,
    pub nodes: u32,
    pub halted: Option<Halt>,
    pub next_slot: Slot,
    pub gate_closes_at: Timestamp,
    pub reserve_version: u64,
    pub resources: Vec<ResourceView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResourceView {
    pub resource: Resource,
    /// Of all nodes, base units.
    pub capacity: i64,
    /// Capacity less baselines: what the operator can sell.
    pub schedulable: i64,
    /// Not yet sold of it for the next open slot.
    pub free: i64,
    /// Price of the next open slot in the last round that traded it.
    pub price: Option<PriceNow>,
    pub reserve: Option<Price>,
    pub collar: Price,
    pub reference: Price,
    /// Bought for the next open slot so far.
    pub volume: i64,
    /// Share of the capacity that is spoken for in the next open slot.
    pub utilisation: f64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriceNow {
    pub price: Price,
    pub slot: Slot,
    pub round: u64,
    pub set_by: String,
    pub low: Price,
    pub high: Price,
}

/// The last price at which anything changed hands, the next open slot's before others.
fn last_price(state: &Market, pool: &str, resource: Resource, next_slot: Slot) -> Option<PriceNow> {
    let traded = |slot: Option<Slot>| {
        state.rounds.values().rev().find_map(|round| {
            let of_product = |p: &&ClearingPrice| {
                p.pool == pool && p.resource == resource && p.volume > 0 && slot.is_none_or(|s| s == p.slot)
            };
            let price = round.prices.iter().find(of_product)?;
            Some(PriceNow {
                price: price.price,
                slot: price.slot,
                round: round.number,
                set_by: price.set_by.clone(),
                low: price.low,
                high: price.high,
            })
        })
    };
    traded(Some(next_slot)).or_else(|| traded(None))
}

pub fn view(state: &Market, pool: &Pool, now: Timestamp) -> PoolView {
    let next_slot = state.market.rhythm.first_open(now);
    let nodes: Vec<_> = state.nodes.values().filter(|n| n.pool == pool.slug && n.state == NodeState::Up).collect();
    let resource_view = |resource: &Resource| {
        let resource = *resource;
        let product = state.products.get(&(pool.slug.clone(), resource, next_slot));
        let capacity: i64 = nodes.iter().map(|n| amount(&n.capacity, resource)).sum();
        let schedulable = operator_capacity(state, &pool.slug, resource);
        let sold: i64 = product.map_or(0, |p| p.sold_steps.iter().sum());
        let spoken_for = capacity - schedulable + sold;
        ResourceView {
            resource,
            capacity,
            schedulable,
            free: (schedulable - sold).max(0),
            price: last_price(state, &pool.slug, resource, next_slot),
            reserve: state.reserve_price(&pool.slug, resource, next_slot),
            collar: state.collar(&pool.slug, resource, next_slot),
            reference: state.reference(&pool.slug, resource, next_slot),
            volume: product.map_or(0, |p| p.volume),
            utilisation: if capacity == 0 { 0.0 } else { spoken_for as f64 / capacity as f64 },
        }
    };
    PoolView {
        id: pool.id.to_string(),
        slug: pool.slug.clone(),
        name: pool.name.clone(),
        pop: pool.pop.clone(),
        tier: pool.tier,
        nodes: nodes.len() as u32,
        halted: pool.halted.clone(),
        next_slot,
        gate_closes_at: state.market.rhythm.gate_closes(next_slot),
        reserve_version: pool.reserve_version,
        resources: pool.resources.iter().map(resource_view).collect(),
    }
}

/// Lists pools with their prices.
#[utoipa::path(get, path = "/pools", tag = "market", operation_id = "listPools",
    responses((status = 200, description = "All pools", body = List<PoolView>), Problems))]
async fn list_pools(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("market:read")?;
    let now = app.now();
    let pools = app.sequencer.query(move |s| s.pools.values().map(|p| view(s, p, now)).collect::<Vec<_>>()).await?;
    Ok(list_of(&pools))
}

/// Reads a pool.
#[utoipa::path(get, path = "/pools/{slug}", tag = "market", operation_id = "getPool", params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "The pool", body = PoolView), Problems))]
async fn get_pool(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(slug): Path<String>,
) -> Answered<Json<PoolView>> {
    by.may("market:read")?;
    let now = app.now();
    let pool = app.sequencer.query(move |s| s.pools.get(&slug).map(|p| view(s, p, now))).await?;
    pool.map(Json).ok_or_else(|| Problem::not_found("pool"))
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PricesQuery {
    resource: Resource,
    /// Rounds back from the last, 1 to 500; 120 by default.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// `round`: the next open slot's price in each round; `slot`: one mean price a slot.
    #[param(inline)]
    interval: Option<Interval>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Interval {
    Round,
    Slot,
}

/// One point of a pool's price history.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PricePoint {
    pub slot: Slot,
    pub round: Option<u64>,
    pub price: Price,
    pub low: Price,
    pub high: Price,
    pub volume: i64,
    pub set_by: String,
    pub reserve: Option<Price>,
    pub cleared_at: Timestamp,
}

/// A pool's prices, oldest first: of each round that traded its earliest slot, or one mean price a slot.
#[utoipa::path(get, path = "/pools/{slug}/prices", tag = "market", operation_id = "listPoolPrices", params(("slug" = String, Path, description = "Pool"), PricesQuery),
    responses((status = 200, description = "Prices, oldest first", body = List<PricePoint>), Problems))]
async fn pool_prices(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(slug): Path<String>,
    Query(query): Query<PricesQuery>,
) -> Answered<Json<serde_json::Value>> {
    by.may("market:read")?;
    let limit = query.limit.unwrap_or(120);
    if !(1..=500).contains(&limit) {
        return Err(Problem::field("limit_out_of_range", "limit", "limit is from 1 to 500."));
    }
    let known = {
        let slug = slug.clone();
        app.sequencer.query(move |s| s.pools.contains_key(&slug)).await?
    };
    if !known {
        return Err(Problem::not_found("pool"));
    }
    let mut points = match query.interval.unwrap_or(Interval::Round) {
        Interval::Round => round_prices(&app, &slug, query.resource, limit).await?,
        Interval::Slot => slot_prices(&app, &slug, query.resource, limit).await?,
    };
    points.sort_by_key(|p| (p.cleared_at, p.slot));
    Ok(list_of(&points))
}

async fn round_prices(app: &App, slug: &str, resource: Resource, limit: i64) -> Answered<Vec<PricePoint>> {
    let page = Page { limit, ..Page::default() };
    let rounds = app.store.list(Table::Rounds, &Scope::All, &page).await?;
    let mut points = Vec::new();
    for (_, document) in &rounds.rows {
        let round: Round = serde_json::from_str(document).map_err(|e| Problem::fault(&e))?;
        let of_pool = round.prices.iter().filter(|p| p.pool == slug && p.resource == resource && p.volume > 0);
        let price = of_pool.min_by_key(|p| p.slot);
        if let (Some(price), Some(cleared_at)) = (price, round.awarded_at) {
            points.push(point(price, Some(round.number), cleared_at));
        }
    }
    Ok(points)
}

fn point(price: &ClearingPrice, round: Option<u64>, cleared_at: Timestamp) -> PricePoint {
    PricePoint {
        slot: price.slot,
        round,
        price: price.price,
        low: price.low,
        high: price.high,
        volume: price.volume,
        set_by: price.set_by.clone(),
        reserve: price.reserve,
        cleared_at,
    }
}

async fn slot_prices(app: &App, slug: &str, resource: Resource, limit: i64) -> Answered<Vec<PricePoint>> {
    let now = app.now();
    let to = now.seconds() + app.rhythm.horizon_slots * app.rhythm.slot_seconds + 2 * app.rhythm.slot_seconds;
    let from = now.seconds() - limit * app.rhythm.slot_seconds;
    let documents = app.store.between(Table::Products, &Scope::All, from, to, 20_000).await?;
    let schedules = {
        let slug = slug.to_owned();
        let of_pool = move |s: &Market| -> Vec<ReservePrice> {
            s.reserve_prices.values().filter(|r| r.pool == slug && r.resource == resource).cloned().collect()
        };
        app.sequencer.query(of_pool).await?
    };
    let reserve_at = |slot: Slot| {
        let in_force = schedules.iter().filter(|r| r.effective_at <= slot.start());
        in_force.max_by_key(|r| (r.effective_at, r.created_at)).and_then(|r| r.steps.first()).map(|s| s.price)
    };
    let mut points = Vec::new();
    for document in documents {
        let product: headroom_market::pool::Product =
            serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
        if product.pool == slug
            && product.resource == resource
            && let Some(price) = product.mean_price()
        {
            let (low, high, set_by) = (price, price, "mean".to_owned());
            points.push(PricePoint {
                slot: product.slot,
                round: product.last_round,
                price,
                low,
                high,
                volume: product.volume,
                set_by,
                reserve: reserve_at(product.slot),
                cleared_at: product.slot.start(),
            });
        }
    }
    Ok(points)
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BookQuery {
    resource: Resource,
    /// The last cleared round by default.
    round: Option<u64>,
    /// The round's most traded slot by default.
    slot: Option<Slot>,
}

/// Bids against offers of one product in a cleared round, best first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Crossing {
    pub round: u64,
    pub pool: String,
    pub resource: Resource,
    pub slot: Slot,
    pub bids: Vec<Level>,
    pub offers: Vec<Level>,
    pub price: Option<Price>,
    /// Bought in the round.
    pub quantity: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Level {
    /// The order's own limit for a unit of this resource: of a bundle, the share that the
    /// round's prices give it.
    pub price: Price,
    pub quantity: i64,
    /// `bid`, `offer` or `reserve`.
    pub kind: String,
    pub mine: bool,
}

/// The crossing of the last cleared round; never the open book.
#[utoipa::path(get, path = "/pools/{slug}/book", tag = "market", operation_id = "getPoolBook", params(("slug" = String, Path, description = "Pool"), BookQuery),
    responses((status = 200, description = "Bids and offers of one product", body = Crossing), Problems))]
async fn pool_book(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(slug): Path<String>,
    Query(query): Query<BookQuery>,
) -> Answered<Json<Crossing>> {
    by.may("market:read")?;
    let round = match query.round {
        Some(number) => number,
        None => last_awarded(&app).await?.ok_or_else(|| Problem::not_found("cleared round"))?,
    };
    let archived = app.store.archived_round(round as i64).await?.ok_or_else(|| Problem::not_found("cleared round"))?;
    let book: clearing::Book = serde_json::from_str(&archived.0).map_err(|e| Problem::fault(&e))?;
    let outcome: clearing::Outcome = serde_json::from_str(&archived.1).map_err(|e| Problem::fault(&e))?;
    crossing(round, &slug, query.resource, query.slot, &by.participant.to_string(), &book, &outcome)
        .map(Json)
        .ok_or_else(|| Problem::not_found("product in this round"))
}

async fn last_awarded(app: &App) -> Answered<Option<u64>> {
    let page = Page { limit: 1, statuses: vec!["executing".to_owned(), "settled".to_owned()], ..Page::default() };
    let rounds = app.store.list(Table::Rounds, &Scope::All, &page).await?;
    let round = rounds.rows.first().and_then(|(_, d)| serde_json::from_str::<Round>(d).ok());
    Ok(round.map(|r| r.number))
}

fn crossing(
    round: u64,
    pool: &str,
    resource: Resource,
    slot: Option<Slot>,
    me: &str,
    book: &clearing::Book,
    outcome: &clearing::Outcome,
) -> Option<Crossing> {
    let base: Timestamp = book.slot_base.as_ref()?.parse().ok()?;
    let seconds = book.slot_seconds?;
    let of_pool = book.products.iter().filter(|p| p.pool == pool && p.resource == resource.name());
    let index = match slot {
        Some(slot) => (slot.seconds() - base.seconds()) / seconds,
        // The slot that was traded most says more than the first.
        None => of_pool.clone().map(|p| (bought(outcome, pool, resource, p.slot), -p.slot)).max().map(|(_, n)| -n)?,
    };
    let product = of_pool.clone().find(|p| p.slot == index)?;
    let prices: BTreeMap<(String, String, i64), i64> =
        outcome.prices.iter().map(|p| ((p.pool.clone(), p.resource.clone(), p.slot), p.price.0)).collect();
    let price = prices.get(&(pool.to_owned(), resource.name().to_owned(), index)).copied();
    let mut bids = Vec::new();
    let mut offers: Vec<Level> = product
        .supply
        .iter()
        .filter(|s| s.quantity > 0)
        .map(|s| Level {
            price: Price::from_units(s.reserve.0 * 1000),
            quantity: s.quantity,
            kind: "reserve".to_owned(),
            mine: false,
        })
        .collect();
    for order in &book.orders {
        for alternative in &order.alternatives {
            let here = |q: &&clearing::Quantity| {
                q.product.pool == pool && q.product.resource == resource.name() && q.product.slot == index
            };
            let Some(line) = alternative.quantities.iter().find(here) else { continue };
            let Some(unit) = unit_limit(order, alternative, line, &prices) else { continue };
            let side = if order.side == clearing::Side::Bid { Side::Bid } else { Side::Offer };
            let kind = if side == Side::Bid { "bid" } else { "offer" };
            let level = Level {
                price: Price::from_units(unit),
                quantity: line.quantity,
                kind: kind.to_owned(),
                mine: order.owner == me,
            };
            if side == Side::Bid { bids.push(level) } else { offers.push(level) }
        }
    }
    bids.sort_by_key(|l| std::cmp::Reverse(l.price));
    offers.sort_by_key(|l| l.price);
    Some(Crossing {
        round,
        pool: pool.to_owned(),
        resource,
        slot: Slot::starting_at(base.seconds() + index * seconds),
        bids,
        offers,
        price: price.map(Price::from_units),
        quantity: bought(outcome, pool, resource, index),
    })
}

/// What bids won of a product, base units.
fn bought(outcome: &clearing::Outcome, pool: &str, resource: Resource, slot: i64) -> i64 {
    let bids = outcome.awards.iter().filter(|a| a.order.starts_with("bid_"));
    let here = |q: &&clearing::Quantity| {
        q.product.pool == pool && q.product.resource == resource.name() && q.product.slot == slot
    };
    bids.flat_map(|a| a.quantities.iter()).filter(here).map(|q| q.quantity).sum()
}

/// The limit of a bundle, shared out by the round's prices: nano-credits a unit of one line.
fn unit_limit(
    order: &clearing::Order,
    alternative: &clearing::Alternative,
    line: &clearing::Quantity,
    prices: &BTreeMap<(String, String, i64), i64>,
) -> Option<i64> {
    let price = |q: &clearing::Quantity| {
        let key = (q.product.pool.clone(), q.product.resource.clone(), q.product.slot);
        i128::from(prices.get(&key).copied().unwrap_or(0))
    };
    let total: i128 = alternative.quantities.iter().map(|q| price(q) * i128::from(q.quantity)).sum();
    let limit = (i128::from(order.limit.0) * 1000).max(0);
    let unit = if total == 0 {
        // Nothing costs anything: by quantity, so that a single resource still shows its limit.
        let all: i128 = alternative.quantities.iter().map(|q| i128::from(q.quantity)).sum();
        limit / all.max(1)
    } else {
        limit * price(line) / total
    };
    i64::try_from(unit).ok()
}

fn etag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The version in If-Match; missing → 428.
pub fn if_match(headers: &HeaderMap) -> Answered<u64> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_required",
            "Read the object first and send its ETag as If-Match, so that nobody's change is overwritten unseen.",
        ));
    };
    let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
    text.parse().map_err(|_| {
        Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "stale_version",
            "If-Match is not an ETag of this object. Read it again.",
        )
    })
}

/// Lists a pool's reserve price schedules; the ETag is for the next change.
#[utoipa::path(get, path = "/pools/{slug}/reserve_prices", tag = "pricing", operation_id = "listReservePrices", params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "Schedules, latest effect first", body = List<ReservePrice>, headers(("ETag" = String, description = "Version for If-Match"))), Problems))]
async fn list_reserve_prices(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Answered<Response> {
    by.may("market:read")?;
    let found = app.sequencer.query(move |s| {
        let pool = s.pools.get(&slug)?;
        let mut list: Vec<ReservePrice> = s.reserve_prices.values().filter(|r| r.pool == slug).cloned().collect();
        list.sort_by_key(|r| std::cmp::Reverse((r.effective_at, r.created_at)));
        Some((pool.reserve_version, list))
    });
    let (version, list) = found.await?.ok_or_else(|| Problem::not_found("pool"))?;
    let tag = etag(version);
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let mut response = list_of(&list).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// A reserve price: one price, or rising steps whose shares add up to 1.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReservePrice {
    resource: Resource,
    /// Of all the supply; or send `steps`.
    #[serde(default)]
    price: Option<Price>,
    #[serde(default)]
    steps: Vec<ReserveStep>,
    /// For slots that start at or after it.
    effective_at: Timestamp,
}

/// Schedules a reserve price. Needs If-Match.
#[utoipa::path(post, path = "/pools/{slug}/reserve_prices", tag = "pricing", operation_id = "scheduleReservePrice", request_body = NewReservePrice,
    params(("slug" = String, Path, description = "Pool"), ("If-Match" = String, Header, description = "ETag of the list")),
    responses((status = 201, description = "The schedule", body = ReservePrice), (status = 412, description = "Somebody else changed it", body = crate::http::problem::ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = crate::http::problem::ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn schedule_reserve_price(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(slug): Path<String>,
    headers: HeaderMap,
    Body(new): Body<NewReservePrice>,
) -> Answered<Response> {
    by.may("pricing:write")?;
    let expected = if_match(&headers)?;
    let steps = match (new.price, new.steps.is_empty()) {
        (Some(price), true) => vec![ReserveStep { share: Share::from_units(1_000_000), price }],
        (None, false) => new.steps,
        _ => return Err(Problem::field("price_or_steps", "/price", "Send either `price` or `steps`.")),
    };
    if new.effective_at < app.now().plus_seconds(-app.rhythm.slot_seconds) {
        return Err(Problem::field(
            "effective_in_the_past",
            "/effective_at",
            "effective_at must not be in the past: prices of cleared slots never change.",
        ));
    }
    let command = Command::ScheduleReserve {
        pool: slug,
        resource: new.resource,
        steps,
        effective_at: new.effective_at,
        expected_version: Some(expected),
        by: Some(by.user),
    };
    let document = app.object(&by, command).await?;
    let mut response = created(document).into_response();
    response.headers_mut().insert(header::ETAG, etag(expected + 1));
    Ok(response)
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPool {
    slug: String,
    name: String,
    pop: String,
    tier: Tier,
    resources: Vec<Resource>,
    /// Share of the supply that a slot's first round may sell; 0.4 by default.
    #[serde(default)]
    release_start: Option<Share>,
}

/// Creates a pool.
#[utoipa::path(post, path = "/pools", tag = "admin", operation_id = "createPool", request_body = NewPool,
    responses((status = 201, description = "The pool", body = Pool), Problems))]
async fn create_pool(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Body(new): Body<NewPool>,
) -> Answered<Document> {
    by.may("admin:write")?;
    let release_start = new.release_start.unwrap_or(Share::from_units(400_000));
    let command = Command::CreatePool {
        slug: new.slug,
        name: new.name,
        pop: new.pop,
        tier: new.tier,
        resources: new.resources,
        release_start,
    };
    app.object(&by, command).await.map(created)
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HaltRequest {
    reason: String,
}

/// Halts a pool: open orders stay, no round clears them until it resumes.
#[utoipa::path(post, path = "/pools/{slug}/halt", tag = "admin", operation_id = "haltPool", request_body = HaltRequest, params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "The pool", body = Pool), Problems))]
async fn halt_pool(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(slug): Path<String>,
    Body(request): Body<HaltRequest>,
) -> Answered<Document> {
    by.may("admin:write")?;
    app.object(&by, Command::HaltPool { pool: slug, by: by.user, reason: request.reason }).await.map(ok)
}

/// Resumes a halted pool.
#[utoipa::path(post, path = "/pools/{slug}/resume", tag = "admin", operation_id = "resumePool", params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "The pool", body = Pool), Problems))]
async fn resume_pool(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(slug): Path<String>,
) -> Answered<Document> {
    by.may("admin:write")?;
    app.object(&by, Command::ResumePool { pool: slug }).await.map(ok)
}

/// Lists nodes.
#[utoipa::path(get, path = "/nodes", tag = "market", operation_id = "listNodes",
    responses((status = 200, description = "All nodes", body = List<headroom_market::pool::Node>), Problems))]
async fn list_nodes(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("market:read")?;
    let nodes = app.sequencer.query(|s| s.nodes.values().cloned().collect::<Vec<_>>()).await?;
    Ok(list_of(&nodes))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNode {
    name: String,
    pool: String,
    capacity: Amounts,
    #[serde(default)]
    properties: BTreeMap<String, i64>,
}

/// Adds a node to a pool.
#[utoipa::path(post, path = "/nodes", tag = "admin", operation_id = "createNode", request_body = NewNode,
    responses((status = 201, description = "The node", body = headroom_market::pool::Node), Problems))]
async fn create_node(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Body(new): Body<NewNode>,
) -> Answered<Document> {
    by.may("admin:write")?;
    let command =
        Command::CreateNode { name: new.name, pool: new.pool, capacity: new.capacity, properties: new.properties };
    let document = app.object(&by, command).await?;
    app.nodes.add_from(&document);
    Ok(created(document))
}

async fn set_node_state(
    app: &App,
    by: &crate::app::directory::Identity,
    node: headroom_market::ids::NodeId,
    state: NodeState,
) -> Answered<Document> {
    require(by, &[Role::Operator, Role::Admin])?;
    app.object(by, Command::SetNodeState { node, state }).await.map(ok)
}

/// Takes no new awards on a node; what runs there stays.
#[utoipa::path(post, path = "/nodes/{id}/drain", tag = "admin", operation_id = "drainNode", params(("id" = headroom_market::ids::NodeId, Path, description = "Node")),
    responses((status = 200, description = "The node", body = headroom_market::pool::Node), Problems))]
async fn drain_node(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<headroom_market::ids::NodeId>,
) -> Answered<Document> {
    set_node_state(&app, &by, id, NodeState::Draining).await
}

/// Takes awards on a drained node again.
#[utoipa::path(post, path = "/nodes/{id}/undrain", tag = "admin", operation_id = "undrainNode", params(("id" = headroom_market::ids::NodeId, Path, description = "Node")),
    responses((status = 200, description = "The node", body = headroom_market::pool::Node), Problems))]
async fn undrain_node(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<headroom_market::ids::NodeId>,
) -> Answered<Document> {
    set_node_state(&app, &by, id, NodeState::Up).await
}
