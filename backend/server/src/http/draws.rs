//! Draws: taking at once, for the rest of the slot, what nobody has bought on a workload's node.
use crate::app::App;
use crate::http::auth::{Anyone, Member};
use crate::http::extract::{HashedBody, Path};
use crate::http::orders::{answered, idempotency};
use crate::http::problem::{Answered, Problem, Problems, Unpaid};
use crate::http::reply::get_from;
use crate::sequencer::Attached;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use headroom_market::command::Command;
use headroom_market::ids::InstanceId;
use headroom_market::record::Table;
use headroom_market::swap::draw::{Draw, Drawn, offered};
use headroom_market::time::Timestamp;
use headroom_market::units::{Price, Resource};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(drawable, draw))
}

/// What a workload could take of a resource now, or why it can't.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Drawable {
    resource: Resource,
    /// Base units; 0 where nothing can be taken.
    quantity: i64,
    /// Of all of it, per base unit and slot: less may cost less. What is charged is the part of the slot in which it is
    /// there.
    price: Option<Price>,
    /// It would end then.
    until: Option<Timestamp>,
    /// Why nothing can be taken.
    code: Option<&'static str>,
    detail: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct Drawables {
    data: Vec<Drawable>,
}

/// What is asked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DrawRequest {
    resource: Resource,
    /// Base units, at most: what is free of it is had.
    quantity: i64,
    /// Per base unit and slot. Whoever does not say it pays what it costs, at most the top of the price band.
    #[serde(default)]
    highest_price: Option<Price>,
}

/// What a workload could take at once, for the rest of the slot: by resource of its pool, what nobody has bought on its node.
#[utoipa::path(get, path = "/instances/{id}/draws", tag = "workloads", operation_id = "listDrawable",
    params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "What could be had now, or why not", body = Drawables), Problems))]
async fn drawable(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<InstanceId>,
) -> Answered<Json<Drawables>> {
    by.may("allocations:read")?;
    // Whose it is, is asked there: somebody else's can't be told from none.
    get_from(&app, Table::Instances, &by.scope(), &id.to_string(), "workload").await?;
    let now = app.now();
    let look = move |state: &headroom_market::state::State| {
        let instance = state.instances.get(&id)?;
        let pool = state.pools.get(&instance.pool)?;
        let of = |resource: &Resource| {
            let asked = Draw { instance: id, resource: *resource, quantity: i64::MAX, highest_price: None };
            match offered(state, None, &asked, now) {
                Ok((drawn, _)) => Drawable {
                    resource: *resource,
                    quantity: drawn.quantity,
                    price: Some(drawn.price),
                    until: Some(drawn.until),
                    code: None,
                    detail: None,
                },
                Err(refusal) => Drawable {
                    resource: *resource,
                    quantity: 0,
                    price: None,
                    until: None,
                    code: Some(refusal.code),
                    detail: Some(refusal.detail),
                },
            }
        };
        Some(Drawables { data: pool.resources.iter().map(of).collect() })
    };
    let drawables = app.sequencer.query(look).await?;
    drawables.map(Json).ok_or_else(|| Problem::not_found("workload"))
}

/// Takes at once, for the rest of the slot, what nobody has bought on the workload's node: as much as there is, up to what is
/// asked for. It is paid for as long as it is there. Needs an Idempotency-Key.
#[utoipa::path(post, path = "/instances/{id}/draws", tag = "workloads", operation_id = "draw", request_body = DrawRequest,
    params(("id" = InstanceId, Path, description = "Workload that needs more"),
        ("Idempotency-Key" = String, Header, description = "Makes a repetition harmless")),
    responses((status = 200, description = "What it has taken", body = Drawn), Problems, Unpaid))]
async fn draw(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(id): Path<InstanceId>,
    headers: HeaderMap,
    body: HashedBody<DrawRequest>,
) -> Answered<Response> {
    by.may("orders:write")?;
    let idempotency = idempotency(&by, &headers, true, &format!("POST /v1/instances/{id}/draws"), &body.bytes)?;
    let DrawRequest { resource, quantity, highest_price } = body.value;
    let draw = Draw { instance: id, resource, quantity, highest_price };
    let command = Command::Draw { participant: Some(by.participant), draw };
    let answer = app.submit(&by, command, idempotency, Attached::default()).await?;
    Ok(answered(answer, StatusCode::OK))
}
