//! What a workload does by itself in the market: its strategy, under a version of its own.
use crate::app::App;
use crate::app::failure::Failure;
use crate::http::auth::{Anyone, Member};
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, ProblemDocument, Problems};
use crate::http::reply::{get_from, ok};
use crate::http::reserve_prices::{etag, if_match, not_modified};
use crate::workers::migration::{History, relocation_cost};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use headroom_market::advice::places::stakes;
use headroom_market::command::Command;
use headroom_market::ids::InstanceId;
use headroom_market::record::Table;
use headroom_market::workload::{Instance, Relocation, Strategy, relocation};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get_strategy, put_strategy)).routes(routes!(get_relocation))
}

/// Reads a workload's strategy; the ETag is for its next change.
#[utoipa::path(get, path = "/instances/{id}/strategy", tag = "workloads", operation_id = "getStrategy", params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The strategy", body = Strategy, headers(("ETag" = String, description = "Version for If-Match"))), Problems))]
async fn get_strategy(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<InstanceId>,
    headers: HeaderMap,
) -> Answered<Response> {
    by.may("allocations:read")?;
    let document = get_from(&app, Table::Instances, &by.scope(), &id.to_string(), "workload").await?;
    let instance: Instance = serde_json::from_str(&document.1).map_err(|e| Problem::fault(&e))?;
    let tag = etag(instance.strategy_version);
    if let Some(unchanged) = not_modified(&headers, &tag) {
        return Ok(unchanged);
    }
    Ok(([(header::ETAG, tag)], Json(instance.strategy)).into_response())
}

/// Sets the whole strategy of a workload: what the body leaves out is off. Needs If-Match.
#[utoipa::path(put, path = "/instances/{id}/strategy", tag = "workloads", operation_id = "putStrategy", request_body = Strategy,
    params(("id" = InstanceId, Path, description = "Workload"), ("If-Match" = String, Header, description = "ETag of the strategy")),
    responses((status = 200, description = "The workload", body = Instance, headers(("ETag" = String, description = "Version for the next change"))), (status = 412, description = "Somebody else changed it", body = ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn put_strategy(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(id): Path<InstanceId>,
    headers: HeaderMap,
    Body(strategy): Body<Strategy>,
) -> Answered<Response> {
    by.may("strategies:write")?;
    let expected_version = if_match(&headers)?;
    let (participant, instance) = (by.participant, id);
    let command = Command::SetStrategy { participant, instance, strategy, expected_version };
    let document = app.object(&by, command).await?;
    let changed: Instance = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    Ok(([(header::ETAG, etag(changed.strategy_version))], ok(document)).into_response())
}

/// Whether the rules have a workload in another pool, and why not.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct RelocationView {
    /// It is to go there.
    pending: Option<Relocation>,
    /// The last one that ended, and how.
    last: Option<Relocation>,
    /// Why no rule moves it as things are; `null` where one is about to, or has asked already.
    stays: Option<Stays>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct Stays {
    /// A stable code, such as `no_room` or `no_gain`.
    code: String,
    detail: String,
}

/// Says which rule moves a workload to another pool by itself, with its numbers, or why none does.
#[utoipa::path(get, path = "/instances/{id}/relocation", tag = "workloads", operation_id = "getRelocation", params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The relocation", body = RelocationView), Problems))]
async fn get_relocation(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<InstanceId>,
) -> Answered<Json<RelocationView>> {
    by.may("allocations:read")?;
    let document = get_from(&app, Table::Instances, &by.scope(), &id.to_string(), "workload").await?;
    let instance: Instance = serde_json::from_str(&document.1).map_err(|e| Problem::fault(&e))?;
    // Its market is looked at as for a recommendation: some at a time.
    let _turn = app.limiter.questions.advice(instance.participant).await?;
    let history = History::read(&app.store, &app.sequencer).await.map_err(Failure::from)?;
    let (now, nodes, subject) = (app.now(), app.nodes.clone(), instance.clone());
    let stays = app.sequencer.query(move |state| {
        let cost = relocation_cost(&nodes, &history, &subject, &stakes(state, now, &subject));
        relocation::stays(state, now, &subject, cost)
    });
    let stays = stays.await?;
    let stays = stays.filter(|_| instance.relocation.is_none());
    let stays = stays.map(|(code, detail)| Stays { code: code.to_owned(), detail });
    let [pending, last] = [instance.relocation, instance.last_relocation].map(|r| r.map(|r| *r));
    Ok(Json(RelocationView { pending, last, stays }))
}
