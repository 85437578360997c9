//! Recallable capacity: opening trade in it, and taking back what was lent so.
use crate::app::App;
use crate::http::auth::{Member, Platform};
use crate::http::extract::{HashedBody, Path};
use crate::http::orders::{answered, idempotency};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, ok};
use crate::sequencer::Attached;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use headroom_market::command::Command;
use headroom_market::ids::InstanceId;
use headroom_market::pool::Pool;
use headroom_market::swap::recall::{Recall, Recalled};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::Resource;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(recall)).routes(routes!(open_recallable))
}

/// What of a workload's lending is asked back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RecallRequest {
    resource: Resource,
    /// Base units; all that is left of it where it is not given.
    #[serde(default)]
    quantity: Option<i64>,
    /// Start of the slot; the present one where it is not given.
    #[serde(default)]
    slot: Option<Timestamp>,
}

/// Takes back what a workload has lent as recallable for a slot: at once if the slot has begun.
#[utoipa::path(post, path = "/instances/{id}/recall", tag = "workloads", operation_id = "recallLent", request_body = RecallRequest,
    params(("id" = InstanceId, Path, description = "Workload that lends"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless")),
    responses((status = 200, description = "What it has again", body = Recalled), Problems))]
async fn recall(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(id): Path<InstanceId>,
    headers: HeaderMap,
    body: HashedBody<RecallRequest>,
) -> Answered<Response> {
    by.may("orders:write")?;
    let idempotency = idempotency(&by, &headers, false, &format!("POST /v1/instances/{id}/recall"), &body.bytes)?;
    let RecallRequest { resource, quantity, slot } = body.value;
    let seconds = app.sequencer.query(|s| s.market.rhythm.slot_seconds).await?;
    let slot = match slot {
        None => Slot::containing(app.now(), seconds),
        Some(at) if at == Slot::containing(at, seconds).start() => Slot::containing(at, seconds),
        Some(_) => {
            let detail = format!("A slot is named by its start, a multiple of {seconds} s.");
            return Err(Problem::field("window_not_on_slots", "/slot", detail));
        }
    };
    let recall = Recall { instance: id, resource, slot, quantity };
    let command = Command::Recall { participant: Some(by.participant), recall };
    let answer = app.submit(&by, command, idempotency, Attached::default()).await?;
    Ok(answered(answer, StatusCode::OK))
}

/// Opens trade in what may be taken back of a pool's capacity: the pool `SLUG~recallable` (admin). It can be
/// halted like any other.
#[utoipa::path(post, path = "/pools/{slug}/recallable", tag = "admin", operation_id = "openRecallable", params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "The pool of what is recallable", body = Pool), Problems))]
async fn open_recallable(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(slug): Path<String>,
) -> Answered<Document> {
    by.may("admin:write")?;
    Ok(ok(app.object(&by, Command::OpenRecallable { pool: slug }).await?))
}
