//! Forecasts and their record, risk scores, and the concept's `prediction`.
use crate::app::App;
use crate::http::auth::Anyone;
use crate::http::extract::Query;
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{List, list_of};
use crate::workers::forecasts::{LEVELS, MODEL, SeriesForecast, moments};
use axum::Json;
use axum::extract::State;
use headroom_market::ids::InstanceId;
use headroom_market::swap::{plan, recall};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::Instance;
use headroom_market::workload::auto::hinted_need;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(accuracy)).routes(routes!(list_allocations)).merge(concept())
}

/// One of the concept's three routes: with and without /v1.
pub fn concept() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(prediction))
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
    /// What hints in force say is needed at least, of all its workloads together; the quantiles of each are not under it.
    hinted: i64,
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
    let hinted = hinted(&app, &instances).await?;
    let mut by_resource: BTreeMap<Resource, Vec<(Instance, SeriesForecast)>> = BTreeMap::new();
    for instance in instances {
        for mut series in app.forecasts.of_instance(instance.id, seconds) {
            if query.resource.is_none_or(|r| r == series.resource) {
                raise(&mut series, &hinted);
                by_resource.entry(series.resource).or_default().push((instance.clone(), series));
            }
        }
    }
    let single = query.instance_id;
    let series = by_resource
        .into_iter()
        .map(|(resource, list)| predicted(&app, resource, &list, &horizons, single, &hinted))
        .collect();
    Ok(Json(Prediction { instance_id: query.instance_id, pool: query.pool, model: MODEL.to_owned(), series }))
}

pub async fn visible(app: &App, by: &crate::app::directory::Identity, id: InstanceId) -> Answered<Instance> {
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
            "horizons are minutes ahead: whole slots of {seconds} seconds, from 1 to {most} of them. The furthest is {} minutes.",
            (most * seconds) as f64 / 60.0
        );
        Problem::field("horizon_out_of_range", "horizons", detail)
    })
}

/// What hints say that workloads need in a slot.
type Hinted = BTreeMap<(InstanceId, Resource, Slot), i64>;

async fn hinted(app: &App, instances: &[Instance]) -> Answered<Hinted> {
    let ids: Vec<InstanceId> = instances.iter().map(|i| i.id).collect();
    let first = app.rhythm.first_open(app.now());
    let all = app.sequencer.query(move |s| {
        let mut all = Hinted::new();
        for id in ids.into_iter().filter(|id| s.hints.values().any(|h| h.instance == *id)) {
            // Forecasts may begin with a slot that has begun.
            for n in -2..=s.market.rhythm.horizon_slots {
                let slot = first.plus(n, s.market.rhythm.slot_seconds);
                all.extend(hinted_need(s, id, slot).into_iter().map(|(resource, need)| ((id, resource, slot), need)));
            }
        }
        all
    });
    Ok(all.await?)
}

/// No quantile is under what a hint says.
fn raise(series: &mut SeriesForecast, hinted: &Hinted) {
    for point in &mut series.points {
        let Some(need) = hinted.get(&(series.instance, series.resource, point.slot)) else { continue };
        point.quantiles.values_mut().for_each(|value| *value = value.max(*need as f64));
        let values: Option<Vec<f64>> = LEVELS.iter().map(|l| point.quantiles.get(&l.to_string()).copied()).collect();
        if let Some(values) = values {
            (point.mean, point.variance) = moments(&values);
        }
    }
}

/// The slots that are forecast, up to a horizon.
fn slots_up_to(list: &[(Instance, SeriesForecast)], horizon: i64) -> BTreeSet<Slot> {
    let points = list.iter().flat_map(|(_, s)| &s.points).filter(|p| p.horizon_slots as i64 <= horizon);
    points.map(|p| p.slot).collect()
}

fn predicted(
    app: &App,
    resource: Resource,
    list: &[(Instance, SeriesForecast)],
    horizons: &[i64],
    single: Option<InstanceId>,
    hinted: &Hinted,
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
        let needs = |slot: Slot| list.iter().filter_map(move |(i, _)| hinted.get(&(i.id, resource, slot)));
        let is_short = slots_up_to(list, *h).into_iter().any(|slot| needs(slot).any(|need| *need > capacity));
        let risk = single.and_then(|id| app.forecasts.probability_above(id, resource, capacity, *h as usize));
        let risk = if is_short { risk.map(|_| 1.0) } else { risk };
        Some(PredictedPoint {
            horizon_slots: *h,
            minutes: *h as f64 * minutes,
            slot: first.slot,
            mean,
            variance,
            quantiles,
            hinted: needs(first.slot).sum(),
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
    /// Baseline − lent + won − resold, less what lenders took back, with what it took back itself. Of a workload that can't
    /// be brought to where it has won something: without that.
    limits: Amounts,
    /// What it has won and will not have, as it can't be brought there (a move has failed or was refused): it is credited.
    missed: Amounts,
    /// Of what it has lent: what it may take back.
    recallable: Amounts,
}

fn recallable(state: &headroom_market::state::State, instance: &Instance, slot: Slot) -> Amounts {
    let of = |r: &Resource| recall::recallable(state, instance.id, *r, slot);
    instance.baseline.keys().map(|r| (*r, of(r))).filter(|(_, quantity)| *quantity > 0).collect()
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
                let (target, missed) = plan::expected(s, instance, slot);
                list.push(Allocation {
                    instance: instance.id,
                    instance_name: instance.name.clone(),
                    slot,
                    node: target.node,
                    baseline: instance.baseline.clone(),
                    limits: target.limits,
                    missed,
                    recallable: recallable(s, instance, slot),
                });
            }
        }
        list
    });
    Ok(list_of(&list.await?))
}
