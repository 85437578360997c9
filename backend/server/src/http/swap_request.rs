//! The concept's `swap_request`: what to bid or lend for a workload. Nothing moves by itself.
use crate::app::App;
use crate::http::auth::Member;
use crate::http::extract::Body;
use crate::http::prediction::visible;
use crate::http::problem::{Answered, Problem, Problems};
use crate::workers::forecasts::SeriesForecast;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headroom_market::book::{OrderRequest, PoolChoice, Side, Window};
use headroom_market::command::Command;
use headroom_market::ids::InstanceId;
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Credits, Resource, amount};
use headroom_market::workload::Instance;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// One of the concept's three routes: with and without /v1.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(swap_request))
}

/// The concept's swap request: what should change for an instance, under these criteria. Without
/// any the forecast alone decides.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SwapRequest {
    instance_id: InstanceId,
    /// Percent more capacity than it has now, as far as its limit allows.
    #[serde(default)]
    desired_performance_improvement: Option<f64>,
    /// Percent of its baseline's cost, at the last prices, to get back by lending. With it nothing
    /// is recommended that costs more.
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
    /// At the last prices; negative is what lending brings.
    expected_cost: Credits,
    orders: Vec<OrderRequest>,
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
    check_criteria(&request)?;
    let instance = visible(&app, &by, request.instance_id).await?;
    let forecasts = app.forecasts.of_instance(instance.id, app.rhythm.slot_seconds);
    let advice = recommend(&app, &instance, &forecasts, &request);
    let slot = app.rhythm.first_open(app.now());
    let value = {
        let (pool, change) = (instance.pool.clone(), advice.change.clone());
        app.sequencer.query(move |s| {
            let of_resource = |(r, q): (&Resource, &i64)| s.reference(&pool, *r, slot).charge_half_even(*q);
            change.iter().map(|line| of_resource(line).unwrap_or_default()).sum::<Credits>()
        })
    };
    let value = value.await?;
    let orders = match advice.side {
        Some(side) => vec![order(&app, &instance, slot, &advice.change, limit(side, value))],
        None => Vec::new(),
    };
    let mut placed = Vec::new();
    if let Some(side) = advice.side.filter(|_| request.mode == SwapRequestMode::Apply) {
        for order in orders.clone() {
            let (participant, request) = (by.participant, Box::new(order));
            let command = Command::PlaceOrder { participant, side, request, client_order: None };
            let document = app.object(&by, command).await?;
            let value: serde_json::Value = serde_json::from_str(&document).unwrap_or_default();
            placed.extend(value["id"].as_str().map(str::to_owned));
        }
    }
    let recommendation = match advice.side {
        Some(Side::Bid) => "grow",
        Some(Side::Offer) => "lend",
        None => "keep",
    };
    Ok((
        StatusCode::ACCEPTED,
        Json(Recommendation {
            instance_id: instance.id,
            recommendation: recommendation.to_owned(),
            reason: advice.reason,
            risk: advice.risk,
            change: advice.change,
            expected_cost: if advice.side == Some(Side::Offer) { -value } else { value },
            orders,
            placed,
        }),
    ))
}

fn check_criteria(request: &SwapRequest) -> Answered<()> {
    for (value, most, field) in [
        (request.desired_performance_improvement, 1000.0, "desired_performance_improvement"),
        (request.cost_reduction_target, 100.0, "cost_reduction_target"),
    ] {
        if value.is_some_and(|v| !(0.0..=most).contains(&v)) {
            let detail = format!("{field} is a percentage from 0 to {most}.");
            return Err(Problem::field("percent_out_of_range", &format!("/{field}"), detail));
        }
    }
    let above_zero = |value: Option<f64>| value.is_some_and(|v| v > 0.0);
    if above_zero(request.desired_performance_improvement) && above_zero(request.cost_reduction_target) {
        return Err(Problem::field(
            "criteria_contradict",
            "/cost_reduction_target",
            "More capacity costs more: send desired_performance_improvement or cost_reduction_target, not both.",
        ));
    }
    Ok(())
}

/// Above this chance of running short, growing is recommended.
const RISK_THRESHOLD: f64 = 0.10;

/// What to do, before it has a price.
struct Advice {
    /// `None` is nothing.
    side: Option<Side>,
    reason: String,
    risk: BTreeMap<String, f64>,
    change: Amounts,
}

/// First simple rule: grow where the forecast says that it runs short, lend where it says
/// that a part will not be needed. (The linear model of the concept is a later issue.)
fn recommend(app: &App, instance: &Instance, forecasts: &[SeriesForecast], request: &SwapRequest) -> Advice {
    let mut risk = BTreeMap::new();
    let (mut grow, mut lend) = (Amounts::new(), Amounts::new());
    let saving = request.cost_reduction_target.filter(|percent| *percent > 0.0);
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
        // No more than brings what is asked for: the rest stays for what nobody foresaw.
        let enough = saving.map_or(spare, |percent| (baseline as f64 * percent / 100.0).ceil() as i64);
        if spare.min(enough) > 0 {
            lend.insert(resource, spare.min(enough));
        }
    }
    let (side, reason, change) = if forecasts.is_empty() {
        (None, "there is no forecast yet; one is issued after the first slot", Amounts::new())
    } else if saving.is_some() && lend.is_empty() {
        let reason = "nothing to recommend: the forecast needs the whole baseline, so no part of it can be lent, and more capacity would cost more";
        (None, reason, Amounts::new())
    } else if saving.is_some() {
        (Some(Side::Offer), "lending what will probably not be needed lowers the cost", lend)
    } else if !grow.is_empty() && request.desired_performance_improvement.is_some_and(|p| p > 0.0) {
        (Some(Side::Bid), "more capacity was asked for", grow)
    } else if !grow.is_empty() {
        (Some(Side::Bid), "the forecast exceeds what is in force", grow)
    } else if request.desired_performance_improvement.is_some_and(|p| p > 0.0) {
        (None, "nothing to recommend: the workload has what its own limit allows", Amounts::new())
    } else if !lend.is_empty() {
        (Some(Side::Offer), "a part of the baseline will probably not be needed", lend)
    } else {
        (None, "what is in force fits the forecast", Amounts::new())
    };
    Advice { side, reason: reason.to_owned(), risk, change }
}

/// The limit of a recommended order: a bid half as much again as it costs now, enough for a rising
/// price and no blank cheque; an offer half of what it brings now, as it is paid the price anyway.
fn limit(side: Side, value: Credits) -> Credits {
    match side {
        Side::Bid => value.share_floor(3, 2).max(Credits::from_units(1)),
        Side::Offer => value.share_floor(1, 2),
    }
}

fn order(app: &App, instance: &Instance, slot: Slot, resources: &Amounts, limit: Credits) -> OrderRequest {
    let end_at = slot.plus(1, app.rhythm.slot_seconds).start();
    OrderRequest {
        instance: Some(instance.id),
        window: Window { start_at: slot.start(), end_at },
        latest_start_at: None,
        replicas: 1,
        resources: resources.clone(),
        pools: vec![PoolChoice { pool: instance.pool.clone(), adder: Credits::ZERO }],
        assurance: Default::default(),
        limit,
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
