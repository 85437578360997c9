//! Pools and their prices.
use crate::app::App;
use crate::http::auth::{Anyone, Platform};
use crate::http::extract::{Body, Path, Query};
use crate::http::nodes::refuse_unenforced;
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, created, list_of, ok};
use crate::http::scarcity::{self, ScarcityView};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use headroom_market::command::Command;
use headroom_market::pool::hourly::{self, AdministeredPrice};
use headroom_market::pool::recallable::{firm, is_recallable};
use headroom_market::pool::{Halt, NodeState, Pool, ReservePrice, Tier, in_force};
use headroom_market::record::Table;
use headroom_market::round::supply::operator_capacity;
use headroom_market::round::{ClearingPrice, Round};
use headroom_market::state::State as Market;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Price, Resource, Share, amount};
use headroom_store::read::{Page, Scope};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_pools, create_pool))
        .routes(routes!(get_pool))
        .routes(routes!(pool_prices))
        .routes(routes!(halt_pool))
        .routes(routes!(resume_pool))
}

/// A pool with what its resources cost in the next open slot.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PoolView {
    pub id: String,
    pub slug: String,
    pub name: String,
    pub pop: String,
    pub tier: Tier,
    /// Of a pool of recallable capacity: the pool that it is a part of.
    pub recallable_of: Option<String>,
    pub nodes: u32,
    pub halted: Option<Halt>,
    /// What happens while no rounds are held; `null` where none ever was, and of recallable capacity, which ends with
    /// its slot.
    pub safe_state: Option<SafeStateView>,
    pub next_slot: Slot,
    pub gate_closes_at: Timestamp,
    pub reserve_version: u64,
    /// Counts the changes of `moves_at_once`, `move_approval` and shortage costs: what their `If-Match` names.
    pub settings_version: u64,
    /// So many workloads at most go to another node of the pool for one slot; `null`: no bound.
    pub moves_at_once: Option<u32>,
    /// Whether a person has to approve moves into the pool and out of it.
    pub move_approval: bool,
    /// Whether a new reserve price waits for the approval of a second person.
    pub two_person_approval: bool,
    pub resources: Vec<ResourceView>,
}

/// Slots for which no round is held begin with what workloads have in the slot before, at an administered price.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SafeStateView {
    /// The first slot without a round, of those whose gate has closed; `null` while rounds are held.
    pub without_rounds_since: Option<Slot>,
    /// Slots of this pool that began so, ever.
    pub slots_rolled: u64,
    pub last_rolled: Option<Slot>,
    /// What a unit would cost in the next slot if no round is held for it.
    pub prices: Vec<AdministeredPrice>,
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
    /// The greatest price that does not interrupt a round: three times the reference.
    pub price_band: Price,
    pub reference: Price,
    /// Bought for the next open slot so far.
    pub volume: i64,
    /// Share of the capacity that is spoken for in the next open slot, four digits.
    pub utilisation: f64,
    /// Supply priced by the chance of a shortage; `null` where the pool does not do so.
    pub scarcity: Option<ScarcityView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriceNow {
    pub price: Price,
    pub slot: Slot,
    pub round: u64,
    pub set_by: String,
}

/// The last price at which anything changed hands, the next open slot's before others.
pub fn last_price(state: &Market, pool: &str, resource: Resource, next_slot: Slot) -> Option<PriceNow> {
    let traded = |slot: Option<Slot>| {
        state.rounds.values().rev().find_map(|round| {
            let of_product = |p: &&ClearingPrice| {
                p.pool == pool && p.resource == resource && p.volume > 0 && slot.is_none_or(|s| s == p.slot)
            };
            let price = round.prices.iter().filter(of_product).min_by_key(|p| (p.slot, Reverse(p.volume)))?;
            Some(PriceNow { price: price.price, slot: price.slot, round: round.number, set_by: price.set_by.clone() })
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
            price_band: state.price_band(&pool.slug, resource, next_slot),
            reference: state.reference(&pool.slug, resource, next_slot),
            volume: product.map_or(0, |p| p.volume),
            utilisation: share(spoken_for, capacity),
            scarcity: scarcity::view(state, pool, resource, next_slot, now),
        }
    };
    PoolView {
        id: pool.id.to_string(),
        slug: pool.slug.clone(),
        name: pool.name.clone(),
        pop: pool.pop.clone(),
        tier: pool.tier,
        recallable_of: is_recallable(&pool.slug).then(|| firm(&pool.slug).to_owned()),
        nodes: nodes.len() as u32,
        halted: state.halt(&pool.slug).cloned(),
        safe_state: safe_state(state, pool, next_slot),
        next_slot,
        gate_closes_at: state.market.rhythm.gate_closes(next_slot),
        reserve_version: pool.reserve_version,
        settings_version: pool.settings_version,
        moves_at_once: pool.moves_at_once,
        move_approval: pool.move_approval,
        two_person_approval: state.market.two_person_approval,
        resources: pool.resources.iter().filter(|r| state.enforces(&pool.slug, **r)).map(resource_view).collect(),
    }
}

fn safe_state(state: &Market, pool: &Pool, next_slot: Slot) -> Option<SafeStateView> {
    let rounds = state.market.pool_rounds.get(&pool.slug)?;
    let seconds = state.market.rhythm.slot_seconds;
    let last_planned = state.market.planned_until.plus(-1, seconds);
    let of = |r: &Resource| hourly::administered(state, &pool.slug, *r, next_slot, next_slot.plus(-1, seconds));
    let prices = pool.resources.iter().filter_map(of);
    Some(SafeStateView {
        without_rounds_since: (rounds.held_until < last_planned).then(|| rounds.held_until.plus(1, seconds)),
        slots_rolled: rounds.slots_rolled,
        last_rolled: rounds.last_rolled,
        prices: prices.collect(),
    })
}

fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 10_000.0).round() / 10_000.0 }
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
    /// Points at most, 1 to 500; 120 by default.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// `round`: of each round the price of the earliest slot that it traded (all of a round's are in
    /// `GET /v1/rounds/{number}`); `slot`: one mean price a slot.
    #[param(inline)]
    interval: Option<Interval>,
    /// Only from this time on: of rounds when they were sealed, of slots their beginning.
    from: Option<Timestamp>,
    /// Only before this time. Of a longer stretch the newest `limit` are told, with `has_more`: go on with `next_cursor` here.
    to: Option<Timestamp>,
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
    /// `interval=slot`: the last one in which it changed hands.
    pub round: Option<u64>,
    /// `interval=slot`: the mean of its rounds, weighted by volume; of a round and what may be taken back: on the node where most was bought.
    pub price: Price,
    /// `interval=slot`: the lowest and the highest price of the rounds in which it changed hands; of a round its price.
    pub low: Price,
    pub high: Price,
    /// `interval=slot`: the price of the first and of the last round in which it changed hands.
    pub open: Option<Price>,
    pub close: Option<Price>,
    pub volume: i64,
    pub set_by: String,
    pub reserve: Option<Price>,
    /// `interval=slot`: what a unit cost of what workloads went on with, as no round was held before the gate.
    pub administered_price: Option<Price>,
    /// How much that was, base units; not in `volume`.
    pub rolled_volume: Option<i64>,
    pub cleared_at: Timestamp,
}

/// A pool's prices, oldest first: of each round the earliest slot that it traded, or one mean price a slot. Earlier ones, as
/// `has_more` says, are those before `next_cursor`, sent as `to`.
#[utoipa::path(get, path = "/pools/{slug}/prices", tag = "market", operation_id = "listPoolPrices", params(("slug" = String, Path, description = "Pool"), PricesQuery),
    responses((status = 200, description = "Prices, oldest first", body = List<PricePoint>), Problems))]
async fn pool_prices(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(slug): Path<String>,
    Query(query): Query<PricesQuery>,
) -> Answered<Response> {
    by.may("market:read")?;
    let limit = query.limit.unwrap_or(120);
    if !(1..=500).contains(&limit) {
        return Err(Problem::field("page_limit_out_of_range", "limit", "limit is from 1 to 500."));
    }
    let known = {
        let slug = slug.clone();
        app.sequencer.query(move |s| s.pools.contains_key(&slug)).await?
    };
    if !known {
        return Err(Problem::not_found("pool"));
    }
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from >= to
    {
        return Err(Problem::field("period_empty", "to", "`to` has to be after `from`."));
    }
    let interval = query.interval.unwrap_or(Interval::Round);
    let Points { mut points, before } = match interval {
        Interval::Round => round_prices(&app, &slug, &query, limit).await?,
        Interval::Slot => slot_prices(&app, &slug, &query, limit).await?,
    };
    points.sort_by_key(|p| (p.cleared_at, p.slot));
    let list =
        serde_json::json!({ "object": "list", "data": points, "has_more": before.is_some(), "next_cursor": before });
    let mut response = Json(list).into_response();
    if let Some(before) = before {
        let interval = if interval == Interval::Round { "round" } else { "slot" };
        let from = query.from.map(|from| format!("&from={from}")).unwrap_or_default();
        let resource = query.resource.name();
        let next =
            format!("/v1/pools/{slug}/prices?resource={resource}&interval={interval}&limit={limit}{from}&to={before}");
        if let Ok(link) = HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// A stretch of a price history.
struct Points {
    points: Vec<PricePoint>,
    /// There are earlier ones, or may be: before this time.
    before: Option<Timestamp>,
}

/// So many rounds are read for one answer, as a pool may not have traded in most of them.
const MOST_ROUNDS: i64 = 2_000;

async fn round_prices(app: &App, slug: &str, query: &PricesQuery, limit: i64) -> Answered<Points> {
    let micros = |time: Option<Timestamp>| time.map(Timestamp::micros);
    let (resource, mut to, mut read) = (query.resource, query.to, 0);
    let mut points = Vec::new();
    loop {
        let page = Page { limit: 500, created_from: micros(query.from), created_to: micros(to), ..Page::default() };
        let rounds = app.store.list(Table::Rounds, &Scope::All, &page).await?;
        let count = rounds.rows.len();
        for (index, (_, document)) in rounds.rows.iter().enumerate() {
            let round: Round = serde_json::from_str(document).map_err(|e| Problem::fault(&e))?;
            let of_pool = round.prices.iter().filter(|p| p.pool == slug && p.resource == resource && p.volume > 0);
            let price = of_pool.min_by_key(|p| (p.slot, Reverse(p.volume)));
            if let (Some(price), Some(cleared_at)) = (price, round.awarded_at) {
                points.push(point(price, Some(round.number), cleared_at));
            }
            to = Some(round.sealed_at);
            read += 1;
            let enough = points.len() as i64 >= limit || read >= MOST_ROUNDS;
            if enough && (index + 1 < count || rounds.has_more) {
                return Ok(Points { points, before: to });
            }
        }
        if !rounds.has_more {
            return Ok(Points { points, before: None });
        }
    }
}

fn point(price: &ClearingPrice, round: Option<u64>, cleared_at: Timestamp) -> PricePoint {
    PricePoint {
        slot: price.slot,
        round,
        price: price.price,
        low: price.price,
        high: price.price,
        open: None,
        close: None,
        volume: price.volume,
        set_by: price.set_by.clone(),
        reserve: price.reserve,
        administered_price: None,
        rolled_volume: None,
        cleared_at,
    }
}

async fn slot_prices(app: &App, slug: &str, query: &PricesQuery, limit: i64) -> Answered<Points> {
    let now = app.now();
    let resource = query.resource;
    let last = now.seconds() + app.rhythm.horizon_slots * app.rhythm.slot_seconds + 2 * app.rhythm.slot_seconds;
    // A slot begins with a whole second.
    let ceiling =
        |time: Timestamp| time.micros().div_euclid(1_000_000) + i64::from(time.micros().rem_euclid(1_000_000) > 0);
    let to = query.to.map_or(last, |to| last.min(ceiling(to)));
    let newest = to.min(now.seconds()) - limit * app.rhythm.slot_seconds;
    let from = query.from.map_or(newest, |from| newest.max(ceiling(from)));
    // One product a slot, those whose gates are still open too.
    let of_class = format!("{slug}/{resource}/");
    let most = limit + app.rhythm.horizon_slots + 2;
    let documents = app.store.between_of(Table::Products, &Scope::All, &of_class, from, to, most).await?;
    let earliest = query.from.map_or(0, ceiling);
    let has_earlier = earliest < from
        && !app.store.between_of(Table::Products, &Scope::All, &of_class, earliest, from, 1).await?.is_empty();
    let schedules = {
        let slug = slug.to_owned();
        let of_pool = move |s: &Market| -> Vec<ReservePrice> {
            s.reserve_prices.values().filter(|r| r.pool == slug && r.resource == resource).cloned().collect()
        };
        app.sequencer.query(of_pool).await?
    };
    let reserve_at = |slot: Slot| in_force(schedules.iter(), slot).and_then(|r| r.steps.first()).map(|s| s.price);
    let mut points = Vec::new();
    for document in documents {
        let product: headroom_market::pool::Product =
            serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
        if let Some(price) = product.mean_price().or(product.administered_price) {
            let set_by = if product.mean_price().is_some() { "mean" } else { "administered" };
            points.push(PricePoint {
                slot: product.slot,
                round: product.last_round,
                price,
                low: product.lowest_price.unwrap_or(price),
                high: product.highest_price.unwrap_or(price),
                open: product.first_price,
                close: product.last_price,
                volume: product.volume,
                set_by: set_by.to_owned(),
                reserve: reserve_at(product.slot),
                administered_price: product.administered_price,
                rolled_volume: product.administered_price.map(|_| product.rolled_volume),
                cleared_at: product.slot.start(),
            });
        }
    }
    Ok(Points { points, before: has_earlier.then(|| Timestamp::from_seconds(from)) })
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

/// Creates a pool. It trades a resource once one of its nodes has some.
#[utoipa::path(post, path = "/pools", tag = "admin", operation_id = "createPool", request_body = NewPool,
    responses((status = 201, description = "The pool", body = Pool), Problems))]
async fn create_pool(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Body(new): Body<NewPool>,
) -> Answered<Document> {
    by.may("admin:write")?;
    let NewPool { slug, name, pop, tier, resources, release_start } = new;
    let listed = resources.iter().enumerate();
    refuse_unenforced(&app, listed.map(|(index, r)| (*r, format!("/resources/{index}"))))?;
    let release_start = release_start.unwrap_or(Share::from_units(400_000));
    let command = Command::CreatePool { slug, name, pop, tier, resources, release_start };
    Ok(created(app.object(&by, command).await?))
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
    Ok(ok(app.object(&by, Command::HaltPool { pool: slug, by: by.user, reason: request.reason }).await?))
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
    Ok(ok(app.object(&by, Command::ResumePool { pool: slug }).await?))
}
