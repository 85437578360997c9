//! The concept's `swap_request`: what to bid or lend for a workload. Nothing moves by itself.
//!
//! It runs `predict_load` (forecast, bottlenecks, `recommend_swaps`, `select_pop`) and answers with what
//! concerns the workload alone; what others of its pool have or need does not leave the program.
use crate::app::App;
use crate::app::advice::{Quantity, Shaping, Step, asked, orders, priced, quantities, shaping, steps, why};
use crate::app::predict_load::{Proposal, last_usage, predict_load};
use crate::http::auth::Member;
use crate::http::extract::HashedBody;
use crate::http::orders::{idempotency, mark_replayed};
use crate::http::prediction::visible;
use crate::http::problem::{Answered, Problem, Problems, Unpaid};
use crate::sequencer::{Attached, Outcome};
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use headroom_market::advice::gather::Criteria;
use headroom_market::advice::pops::PopOption;
use headroom_market::advice::score::as_credits;
use headroom_market::book::together::{Recommended, known};
use headroom_market::book::{OrderRequest, Side};
use headroom_market::command::Command;
use headroom_market::ids::{InstanceId, OrderId};
use headroom_market::time::Timestamp;
use headroom_market::units::{Amounts, Credits, Share, amount};
use headroom_market::workload::{Instance, InstanceState};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
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
    /// Percent more capacity than it is planned to have, as far as its limit allows.
    #[serde(default)]
    desired_performance_improvement: Option<f64>,
    /// Percent of its baseline to lend at most. With it nothing is recommended that costs more.
    #[serde(default)]
    cost_reduction_target: Option<f64>,
    #[serde(default, deserialize_with = "object")]
    constraints: Option<Constraints>,
    #[serde(default)]
    mode: SwapRequestMode,
}

/// What a recommendation must keep to.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Constraints {
    /// All recommended bids together cost at most this, their limits included.
    max_cost: Option<Credits>,
    /// Other pools are not weighed.
    keep_pool: bool,
    /// It does not grow where it would have to be moved to another node.
    keep_node: bool,
    /// Slots that begin later are left out.
    latest: Option<Timestamp>,
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

/// Money as it is, and as it would be with the recommendation.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct BeforeAfter {
    before: Credits,
    after: Credits,
}

/// A recommendation and the orders that would carry it out. Nothing moves by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Recommendation {
    instance_id: InstanceId,
    /// `grow`, `lend` or `keep`.
    recommendation: String,
    reason: String,
    /// Why in sentences with numbers.
    why: Vec<String>,
    /// Chance that the demand exceeds what is in force within six slots, by resource.
    risk: BTreeMap<String, f64>,
    /// What is bought or lent in the first slot that changes.
    change: Amounts,
    /// Of all orders at the last prices; negative is what lending brings.
    expected_cost: Credits,
    /// What the program says of each slot and resource of the workload.
    quantities: Vec<Quantity>,
    /// Idle capacity of the workload at the reserve price.
    waste: BeforeAfter,
    /// Predicted demand that is not in force, at the top of the price band.
    sla_violation: BeforeAfter,
    /// Predicted demand × current cost − current performance × weight, where it is now; above 0 it
    /// pays for what it does not get.
    resource_optimization_score: Option<Credits>,
    /// Every pool with what the need costs there, the best first.
    pools: Vec<PopOption>,
    /// How its limits would be changed, and when.
    shaping: Vec<Shaping>,
    /// What each order does; in the order of `orders`.
    steps: Vec<Step>,
    orders: Vec<OrderRequest>,
    /// Ids of the orders that were placed (mode `apply`).
    placed: Vec<OrderId>,
}

/// Recommends what to bid or lend for an instance; `mode: apply` places the orders, all or none, needs an
/// Idempotency-Key, and is refused if the workload's orders change meanwhile.
#[utoipa::path(post, path = "/swap_request", tag = "swaps", operation_id = "requestSwap", request_body = SwapRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless; `mode: apply` needs it")),
    responses((status = 202, description = "The recommendation", body = Recommendation), Problems, Unpaid))]
async fn swap_request(
    State(app): State<Arc<App>>,
    Member(by): Member,
    headers: HeaderMap,
    body: HashedBody<SwapRequest>,
) -> Answered<Response> {
    by.may("orders:write")?;
    let request = body.value;
    let apply = request.mode == SwapRequestMode::Apply;
    let key = idempotency(&by, &headers, apply, "POST /v1/swap_request", &body.bytes)?.filter(|_| apply);
    check_criteria(&request)?;
    let constraints = request.constraints.clone().unwrap_or_default();
    check_constraints(&app, &constraints)?;
    let instance = visible(&app, &by, request.instance_id).await?;
    let id = instance.id;
    // what changes from here on makes the recommendation outdated
    let before = app.sequencer.query(move |s| known(s, id)).await?;
    let criteria = criteria(&request, &constraints);
    let proposal = predict_load(&app, &instance, criteria, constraints.keep_pool).await?;
    let answer = recommendation(&app, &instance, &request, &constraints, &proposal).await?;
    if !apply {
        return Ok((StatusCode::ACCEPTED, Json(answer)).into_response());
    }
    let orders = answer.steps.iter().map(|s| s.side).zip(answer.orders.iter().cloned()).collect();
    let advice = serde_json::to_string(&answer).unwrap_or_default();
    let recommended = Recommended { participant: by.participant, instance: id, known: before, orders, advice };
    let command = Command::PlaceRecommended(Box::new(recommended));
    let placed = app.submit(&by, command, key, Attached::default()).await?;
    let Outcome::Object(document) = placed.outcome else {
        return Ok((StatusCode::ACCEPTED, Json(answer)).into_response());
    };
    let mut response =
        (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], document.to_string()).into_response();
    mark_replayed(&mut response, placed.replayed);
    Ok(response)
}

/// An object or null: the fields of a list have no names.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Constraints>, D::Error> {
    struct Object;
    impl<'de> Visitor<'de> for Object {
        type Value = Option<Constraints>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of constraints")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Constraints::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    deserializer.deserialize_any(Object)
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

fn check_constraints(app: &App, constraints: &Constraints) -> Answered<()> {
    if let Some(most) = constraints.max_cost.filter(|most| most.is_negative()) {
        let detail = format!("max_cost is 0 or more credits, not {most}.");
        return Err(Problem::field("max_cost_negative", "/constraints/max_cost", detail));
    }
    let first = app.rhythm.first_open(app.now());
    if constraints.latest.is_some_and(|latest| latest < first.start()) {
        let detail = format!("No open slot begins by then: the first one begins at {first}.");
        return Err(Problem::field("latest_too_early", "/constraints/latest", detail));
    }
    Ok(())
}

/// Percent as millionths of the whole; the range is checked.
fn share(percent: Option<f64>) -> Option<Share> {
    percent.filter(|p| *p > 0.0).map(|p| Share::from_units((p * 10_000.0).ceil() as i64))
}

fn criteria(request: &SwapRequest, constraints: &Constraints) -> Criteria {
    Criteria {
        instance: request.instance_id,
        improvement: share(request.desired_performance_improvement),
        saving: share(request.cost_reduction_target),
        max_cost: constraints.max_cost,
        keep_node: constraints.keep_node,
        latest: constraints.latest,
        move_cost: Credits::ZERO,
    }
}

async fn recommendation(
    app: &App,
    instance: &Instance,
    request: &SwapRequest,
    constraints: &Constraints,
    proposal: &Proposal,
) -> Answered<Recommendation> {
    let open = {
        let instance = instance.clone();
        app.sequencer.query(move |s| asked(s, &instance)).await?
    };
    let (wanted, pool) = (steps(proposal, instance, &open), instance.pool.clone());
    let steps = app.sequencer.query(move |s| priced(s, &pool, wanted)).await?;
    let saving = request.cost_reduction_target.is_some_and(|p| p > 0.0);
    let quantities = quantities(proposal, instance, saving);
    let changes = quantities.iter().any(|q| q.recommended != q.planned);
    let side = steps.iter().map(|s| s.side).min_by_key(|side| *side != Side::Bid);
    let main = steps.iter().find(|s| Some(s.side) == side);
    let home = proposal.pools.iter().find(|p| p.pool == instance.pool);
    let usage = last_usage(app, instance).await?;
    Ok(Recommendation {
        instance_id: instance.id,
        recommendation: match side {
            Some(Side::Bid) => "grow",
            Some(Side::Offer) => "lend",
            None => "keep",
        }
        .to_owned(),
        reason: reason(app, instance, request, &quantities, side, changes).to_owned(),
        why: why(proposal, instance, &quantities),
        risk: risk(app, instance),
        change: main.map(|s| s.resources.clone()).unwrap_or_default(),
        expected_cost: steps.iter().map(|s| s.expected_cost).sum(),
        waste: BeforeAfter {
            before: as_credits(proposal.before.idle_nano),
            after: as_credits(proposal.after.idle_nano),
        },
        sla_violation: BeforeAfter {
            before: as_credits(proposal.before.missing_nano),
            after: as_credits(proposal.after.missing_nano),
        },
        resource_optimization_score: home.and_then(|p| p.resource_optimization_score),
        pools: proposal.pools.clone(),
        shaping: if changes { shaping(proposal, instance, &app.rhythm, &usage) } else { Vec::new() },
        orders: orders(instance, &app.rhythm, &steps, constraints.max_cost),
        quantities,
        steps,
        placed: Vec::new(),
    })
}

/// The recommendation in one clause. `side` is that of the orders, if there are any; `changes` says
/// that the program changes something, ordered already or not.
fn reason(
    app: &App,
    instance: &Instance,
    request: &SwapRequest,
    quantities: &[Quantity],
    side: Option<Side>,
    changes: bool,
) -> &'static str {
    let wished = request.desired_performance_improvement.is_some_and(|p| p > 0.0);
    let saving = request.cost_reduction_target.is_some_and(|p| p > 0.0);
    let has_forecast = !app.forecasts.of_instance(instance.id, app.rhythm.slot_seconds).is_empty();
    let short = quantities.iter().find_map(|q| q.limited_by.as_deref());
    match (side, short) {
        (Some(Side::Offer), _) if saving => "lending what will probably not be needed lowers the cost",
        (Some(Side::Offer), _) => "a part of the baseline will probably not be needed",
        (Some(Side::Bid), _) if wished => "more capacity was asked for",
        (Some(Side::Bid), _) => "the forecast exceeds what is in force",
        (None, _) if instance.state != InstanceState::Running => "the workload does not run; restart it first",
        (None, _) if !has_forecast => "there is no forecast yet; one is issued after the first slot",
        (None, _) if quantities.is_empty() => "the forecast does not reach an open slot yet; ask again after this slot",
        (None, _) if changes => "nothing more to recommend: open orders of the workload ask for it already",
        (None, _) if saving => {
            "nothing to recommend: the forecast needs the whole baseline, so no part of it can be lent, and more capacity would cost more"
        }
        (None, Some("instance_limit")) => "nothing to recommend: the workload has what its own limit allows",
        (None, Some("budget")) => "nothing to recommend: what it lacks costs more than max_cost",
        (None, Some(_)) => "nothing to recommend: what it lacks is not free in its pool, and nobody has it to spare",
        (None, None) => "what is in force fits the forecast",
    }
}

/// Chance that the demand exceeds what is in force within the forecast's horizon, by resource.
fn risk(app: &App, instance: &Instance) -> BTreeMap<String, f64> {
    let series = app.forecasts.of_instance(instance.id, app.rhythm.slot_seconds);
    let chance = |resource| {
        let have = amount(&instance.in_force, resource);
        app.forecasts.probability_above(instance.id, resource, have, headroom_forecast::HORIZONS).unwrap_or(0.0)
    };
    series.iter().map(|s| (s.resource.to_string(), chance(s.resource))).collect()
}
