//! Forecasts and their record, risk scores, and the concept's `prediction` and
//! `swap_request`.
use crate::app::App;
use crate::http::auth::{Anyone, Member};
use crate::http::extract::{Body, Query};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{List, list_of};
use crate::workers::forecasts::{LEVELS, MODEL, SeriesForecast};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headroom_market::ids::InstanceId;
use headroom_market::swap::plan;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Credits, Resource, amount};
use headroom_market::workload::Instance;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(accuracy)).routes(routes!(list_allocations)).merge(concept())
}

/// Two of the concept's three routes: with and without /v1.
pub fn concept() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(prediction)).routes(routes!(swap_request))
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PredictionQuery {
    /// One of `instance_id` and `pool` is required.
    instance_id: Option<InstanceId>,
    pool: Option<String>,
    resource: Option<Resource>,
    /// Minutes ahead, separated by commas; slots 1, 3 and 6 by default.
    horizons: Option<String>,
}

/// Demand ahead of one instance or of a whole pool.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Prediction {
    instance_id: Option<InstanceId>,
    pool: Option<String>,
    model: String,
    series: Vec<PredictedSeries>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct PredictedSeries {
    resource: Resource,
    issued_at: Option<Timestamp>,
    /// Base units that are in force or schedulable: what the demand meets.
    capacity: i64,
    points: Vec<PredictedPoint>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct PredictedPoint {
    horizon_slots: i64,
    minutes: f64,
    slot: Slot,
    mean: f64,
    variance: f64,
    quantiles: BTreeMap<String, f64>,
    /// Chance that the demand exceeds the capacity in this slot or before.
    risk: Option<f64>,
    /// Shares of past truths inside this horizon's intervals.
    coverage_80: Option<f64>,
    coverage_95: Option<f64>,
}

/// Forecast demand with intervals and the coverage they have had.
#[utoipa::path(get, path = "/prediction", tag = "forecasts", operation_id = "getPrediction", params(PredictionQuery),
    responses((status = 200, description = "Quantiles by resource and horizon", body = Prediction), Problems))]
async fn prediction(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<PredictionQuery>,
) -> Answered<Json<Prediction>> {
    by.may("forecasts:read")?;
    let horizons = horizons(&app, query.horizons.as_deref())?;
    let instances = match (query.instance_id, &query.pool) {
        (Some(id), None) => vec![visible(&app, &by, id).await?],
        (None, Some(pool)) => of_pool(&app, pool.clone()).await?,
        _ => return Err(Problem::field("instance_or_pool", "instance_id", "Send either instance_id or pool.")),
    };
    let seconds = app.rhythm.slot_seconds;
    let mut by_resource: BTreeMap<Resource, Vec<(Instance, SeriesForecast)>> = BTreeMap::new();
    for instance in instances {
        for series in app.forecasts.of_instance(instance.id, seconds) {
            if query.resource.is_none_or(|r| r == series.resource) {
                by_resource.entry(series.resource).or_default().push((instance.clone(), series));
            }
        }
    }
    let single = query.instance_id;
    let series =
        by_resource.into_iter().map(|(resource, list)| predicted(&app, resource, &list, &horizons, single)).collect();
    Ok(Json(Prediction { instance_id: query.instance_id, pool: query.pool, model: MODEL.to_owned(), series }))
}

async fn visible(app: &App, by: &crate::app::directory::Identity, id: InstanceId) -> Answered<Instance> {
    let own = by.own();
    let found =
        app.sequencer.query(move |s| s.instances.get(&id).filter(|i| own.is_none_or(|p| p == i.participant)).cloned());
    found.await?.ok_or_else(|| Problem::not_found("workload"))
}

async fn of_pool(app: &App, pool: String) -> Answered<Vec<Instance>> {
    let found = app.sequencer.query(move |s| {
        let known = s.pools.contains_key(&pool);
        known.then(|| s.instances.values().filter(|i| i.pool == pool).cloned().collect::<Vec<_>>())
    });
    found.await?.ok_or_else(|| Problem::not_found("pool"))
}

/// Minutes to slots; refused where they are not whole slots inside the horizon.
fn horizons(app: &App, text: Option<&str>) -> Answered<Vec<i64>> {
    let Some(text) = text else { return Ok(vec![1, 3, 6]) };
    let seconds = app.rhythm.slot_seconds;
    let most = app.rhythm.horizon_slots.min(headroom_forecast::HORIZONS as i64);
    let slots = text.split(',').map(|part| {
        let minutes: f64 = part.trim().parse().ok()?;
        let slots = minutes * 60.0 / seconds as f64;
        let whole = slots.round();
        ((slots - whole).abs() < 1e-9 && whole >= 1.0 && whole <= most as f64).then_some(whole as i64)
    });
    let slots: Option<Vec<i64>> = slots.collect();
    slots.ok_or_else(|| {
        let detail = format!(
            "horizons are minutes, multiples of {} and at most {}.",
            seconds as f64 / 60.0,
            (most * seconds) as f64 / 60.0
        );
        Problem::field("horizon_out_of_range", "horizons", detail)
    })
}

fn predicted(
    app: &App,
    resource: Resource,
    list: &[(Instance, SeriesForecast)],
    horizons: &[i64],
    single: Option<InstanceId>,
) -> PredictedSeries {
    let capacity = list.iter().map(|(i, _)| amount(&i.in_force, resource)).sum();
    let minutes = app.rhythm.slot_seconds as f64 / 60.0;
    let points = horizons.iter().filter_map(|h| {
        let of_horizon: Vec<_> =
            list.iter().filter_map(|(_, s)| s.points.iter().find(|p| p.horizon_slots as i64 == *h)).collect();
        let first = of_horizon.first()?;
        let mean: f64 = of_horizon.iter().map(|p| p.mean).sum();
        let variance: f64 = of_horizon.iter().map(|p| p.variance).sum();
        // One series keeps its own quantiles; a sum of independent ones is close to normal.
        let quantiles = if of_horizon.len() == 1 { first.quantiles.clone() } else { normal_quantiles(mean, variance) };
        let accuracy = list.iter().filter_map(|(_, s)| s.accuracy.iter().find(|a| a.horizon_slots as i64 == *h));
        let (mut scored, mut in_80, mut in_95) = (0.0, 0.0, 0.0);
        for a in accuracy {
            let n = a.scored as f64;
            scored += n;
            in_80 += n * a.coverage_80.unwrap_or(0.0);
            in_95 += n * a.coverage_95.unwrap_or(0.0);
        }
        let risk = single.and_then(|id| app.forecasts.probability_above(id, resource, capacity, *h as usize));
        Some(PredictedPoint {
            horizon_slots: *h,
            minutes: *h as f64 * minutes,
            slot: first.slot,
            mean,
            variance,
            quantiles,
            risk,
            coverage_80: (scored > 0.0).then_some(in_80 / scored),
            coverage_95: (scored > 0.0).then_some(in_95 / scored),
        })
    });
    PredictedSeries {
        resource,
        issued_at: list.iter().map(|(_, s)| s.issued_at).max(),
        capacity,
        points: points.collect(),
    }
}

/// Standard normal quantiles at the published levels.
const NORMAL: [f64; 9] = [-1.960, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.960];

fn normal_quantiles(mean: f64, variance: f64) -> BTreeMap<String, f64> {
    let deviation = variance.sqrt();
    LEVELS.iter().zip(NORMAL).map(|(level, z)| (level.to_string(), (mean + z * deviation).max(0.0))).collect()
}

/// All forecasts the caller may see, with the coverage and error they have had.
#[utoipa::path(get, path = "/forecasts/accuracy", tag = "forecasts", operation_id = "listForecasts",
    responses((status = 200, description = "One series an instance and resource", body = List<SeriesForecast>), Problems))]
async fn accuracy(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("forecasts:read")?;
    let own = by.own();
    let ids = app.sequencer.query(move |s| {
        s.instances.values().filter(|i| own.is_none_or(|p| p == i.participant)).map(|i| i.id).collect::<Vec<_>>()
    });
    let seconds = app.rhythm.slot_seconds;
    Ok(list_of(&app.forecasts.of_all(&ids.await?, seconds)))
}

/// What a workload has in one of the coming slots.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Allocation {
    instance: InstanceId,
    instance_name: String,
    slot: Slot,
    node: headroom_market::ids::NodeId,
    baseline: Amounts,
    /// Baseline − lent + won − resold.
    limits: Amounts,
}

/// What every workload will have in the coming slots, as awarded so far.
#[utoipa::path(get, path = "/allocations", tag = "market", operation_id = "listAllocations",
    responses((status = 200, description = "One line a workload and slot", body = List<Allocation>), Problems))]
async fn list_allocations(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("allocations:read")?;
    let (own, now) = (by.own(), app.now());
    let list = app.sequencer.query(move |s| {
        let rhythm = &s.market.rhythm;
        let first = Slot::containing(now, rhythm.slot_seconds);
        let mut list = Vec::new();
        for n in 0..=rhythm.horizon_slots {
            let slot = first.plus(n, rhythm.slot_seconds);
            for instance in s.instances.values().filter(|i| own.is_none_or(|p| p == i.participant)) {
                let target = plan::target(s, instance, slot);
                list.push(Allocation {
                    instance: instance.id,
                    instance_name: instance.name.clone(),
                    slot,
                    node: target.node,
                    baseline: instance.baseline.clone(),
                    limits: target.limits,
                });
            }
        }
        list
    });
    Ok(list_of(&list.await?))
}

/// The concept's swap request: what should change for an instance, under these criteria.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SwapRequest {
    instance_id: InstanceId,
    /// Percent more capacity than it has now.
    #[serde(default)]
    desired_performance_improvement: Option<f64>,
    /// Percent less cost than the last prices.
    #[serde(default)]
    cost_reduction_target: Option<f64>,
    #[serde(default)]
    mode: SwapRequestMode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SwapRequestMode {
    /// Only says what it would do.
    #[default]
    Recommend,
    /// Places the orders.
    Apply,
}

/// A recommendation and the orders that would carry it out. Nothing moves by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Recommendation {
    instance_id: InstanceId,
    /// `grow`, `lend` or `keep`.
    recommendation: String,
    reason: String,
    /// Chance that the demand exceeds what is in force within six slots, by resource.
    risk: BTreeMap<String, f64>,
    change: Amounts,
    expected_cost: Credits,
    orders: Vec<headroom_market::book::OrderRequest>,
    /// Ids of the orders that were placed (mode `apply`).
    placed: Vec<String>,
}

/// Recommends what to bid or lend for an instance; `mode: apply` places the orders.
#[utoipa::path(post, path = "/swap_request", tag = "swaps", operation_id = "requestSwap", request_body = SwapRequest,
    responses((status = 202, description = "The recommendation", body = Recommendation), Problems))]
async fn swap_request(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Body(request): Body<SwapRequest>,
) -> Answered<(StatusCode, Json<Recommendation>)> {
    by.may("orders:write")?;
    for (value, field) in [
        (request.desired_performance_improvement, "desired_performance_improvement"),
        (request.cost_reduction_target, "cost_reduction_target"),
    ] {
        if value.is_some_and(|v| !(0.0..=1000.0).contains(&v)) {
            return Err(Problem::field(
                "percent_out_of_range",
                &format!("/{field}"),
                "A percentage is from 0 to 1000.",
            ));
        }
    }
    let instance = visible(&app, &by, request.instance_id).await?;
    let forecasts = app.forecasts.of_instance(instance.id, app.rhythm.slot_seconds);
    let now = app.now();
    let mut advice = recommend(&app, &instance, &forecasts, &request);
    let slot = app.rhythm.first_open(now);
    if !advice.change.is_empty() {
        let prices = {
            let (pool, change) = (instance.pool.clone(), advice.change.clone());
            app.sequencer.query(move |s| {
                change
                    .iter()
                    .map(|(r, q)| s.reference(&pool, *r, slot).charge_half_even(q.abs()).unwrap_or_default())
                    .sum::<Credits>()
            })
        };
        advice.expected_cost = prices.await?;
        advice.orders = vec![order(&app, &instance, slot, &advice)];
    }
    if request.mode == SwapRequestMode::Apply {
        let side = if advice.recommendation == "lend" {
            headroom_market::book::Side::Offer
        } else {
            headroom_market::book::Side::Bid
        };
        for order in advice.orders.clone() {
            let command = headroom_market::command::Command::PlaceOrder {
                participant: by.participant,
                side,
                request: Box::new(order),
                client_order: None,
            };
            let document = app.object(&by, command).await?;
            let value: serde_json::Value = serde_json::from_str(&document).unwrap_or_default();
            advice.placed.extend(value["id"].as_str().map(str::to_owned));
        }
    }
    Ok((StatusCode::ACCEPTED, Json(advice)))
}

/// Above this chance of running short, growing is recommended.
const RISK_THRESHOLD: f64 = 0.10;

/// First simple rule: grow where the forecast says that it runs short, lend where it says
/// that a part will not be needed. (The linear model of the concept is a later issue.)
fn recommend(app: &App, instance: &Instance, forecasts: &[SeriesForecast], request: &SwapRequest) -> Recommendation {
    let mut risk = BTreeMap::new();
    let (mut grow, mut lend) = (Amounts::new(), Amounts::new());
    for series in forecasts {
        let resource = series.resource;
        let (have, baseline) = (amount(&instance.in_force, resource), amount(&instance.baseline, resource));
        let chance =
            app.forecasts.probability_above(instance.id, resource, have, headroom_forecast::HORIZONS).unwrap_or(0.0);
        risk.insert(resource.to_string(), chance);
        let high =
            series.points.iter().filter_map(|p| p.quantiles.get("0.9")).fold(0.0, |a: f64, b| a.max(*b)).ceil() as i64;
        let wished = request.desired_performance_improvement.map_or(0, |p| (have as f64 * p / 100.0).ceil() as i64);
        let most = amount(&instance.limit, resource) - baseline;
        let more = (high - baseline).max(wished).min(most);
        if more > 0 && (chance > RISK_THRESHOLD || wished > 0) {
            grow.insert(resource, more);
        }
        let spare = (baseline - high.max(amount(&instance.floor, resource))).max(0);
        if spare > 0 {
            lend.insert(resource, spare);
        }
    }
    let (recommendation, reason, change) = if !grow.is_empty() {
        ("grow", "the forecast exceeds what is in force", grow)
    } else if !lend.is_empty() {
        ("lend", "a part of the baseline will probably not be needed", lend)
    } else if forecasts.is_empty() {
        ("keep", "there is no forecast yet; one is issued after the first slot", Amounts::new())
    } else {
        ("keep", "what is in force fits the forecast", Amounts::new())
    };
    Recommendation {
        instance_id: instance.id,
        recommendation: recommendation.to_owned(),
        reason: reason.to_owned(),
        risk,
        change,
        expected_cost: Credits::ZERO,
        orders: Vec::new(),
        placed: Vec::new(),
    }
}

fn order(app: &App, instance: &Instance, slot: Slot, advice: &Recommendation) -> headroom_market::book::OrderRequest {
    use headroom_market::book::{OrderRequest, PoolChoice, Window};
    let end_at = slot.plus(1, app.rhythm.slot_seconds).start();
    OrderRequest {
        instance: Some(instance.id),
        window: Window { start_at: slot.start(), end_at },
        latest_start_at: None,
        replicas: 1,
        resources: advice.change.clone(),
        pools: vec![PoolChoice { pool: instance.pool.clone(), adder: Credits::ZERO }],
        assurance: Default::default(),
        // Half as much again as it costs now: enough for a rising price, no blank cheque.
        limit: advice.expected_cost.share_floor(3, 2).max(Credits::from_units(1)),
        min_fill: Default::default(),
        time_in_force: Default::default(),
        expires_at: None,
        resell: Default::default(),
        parent: None,
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: instance.class,
        client_bid_id: None,
    }
}
