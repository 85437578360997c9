//! What admins set of a pool besides its prices by schedule, under one version.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::{Anyone, Platform};
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, ProblemDocument, Problems};
use crate::http::reply::ok;
use crate::http::reserve_prices::{etag, if_match, not_modified};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use headroom_market::command::Command;
use headroom_market::pool::{Pool, PoolSlug};
use headroom_market::units::{Price, Resource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(get_pool_settings))
        .routes(routes!(set_moves_at_once))
        .routes(routes!(set_move_approval))
        .routes(routes!(set_shortage_cost))
}

/// What admins set of a pool; all of it has one version.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PoolSettings {
    pool: PoolSlug,
    /// The ETag, quoted.
    settings_version: u64,
    /// So many workloads at most go to another node of the pool for one slot; `null`: no bound.
    moves_at_once: Option<u32>,
    /// Whether a person has to approve moves into the pool and out of it.
    move_approval: bool,
    /// What a missing unit costs, by resource; one that is not here has reserve prices alone.
    shortage_cost: BTreeMap<Resource, Price>,
}

/// Reads what admins set of a pool; the ETag is for the next change of any of it.
#[utoipa::path(get, path = "/pools/{slug}/settings", tag = "market", operation_id = "getPoolSettings", params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "The settings", body = PoolSettings, headers(("ETag" = String, description = "Version for If-Match"))), Problems))]
async fn get_pool_settings(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Answered<Response> {
    by.may("market:read")?;
    let pool = app.sequencer.query(move |s| s.pools.get(&slug).cloned()).await?;
    let pool = pool.ok_or_else(|| Problem::not_found("pool"))?;
    let tag = etag(pool.settings_version);
    if let Some(unchanged) = not_modified(&headers, &tag) {
        return Ok(unchanged);
    }
    let Pool { slug: pool, settings_version, moves_at_once, move_approval, shortage_cost, .. } = pool;
    let settings = PoolSettings { pool, settings_version, moves_at_once, move_approval, shortage_cost };
    Ok(([(header::ETAG, tag)], Json(settings)).into_response())
}

/// Answers with the pool as it is then, under its version.
async fn set(app: &App, by: &Identity, command: Command) -> Answered<Response> {
    let document = app.object(by, command).await?;
    let pool: Pool = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    Ok(([(header::ETAG, etag(pool.settings_version))], ok(document)).into_response())
}

/// How many moves a pool carries.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MovesAtOnce {
    /// So many workloads at most go to another node of the pool for one slot; `null`: no bound, 0: none.
    #[schema(required)]
    #[serde(deserialize_with = "Option::deserialize")]
    moves_at_once: Option<u32>,
}

/// Bounds how many workloads rounds take to another node of a pool for one slot; moves that are planned stay. Needs If-Match.
#[utoipa::path(put, path = "/pools/{slug}/moves_at_once", tag = "admin", operation_id = "setMovesAtOnce", request_body = MovesAtOnce,
    params(("slug" = String, Path, description = "Pool"), ("If-Match" = String, Header, description = "ETag of the settings")),
    responses((status = 200, description = "The pool", body = Pool, headers(("ETag" = String, description = "Version for the next change"))), (status = 412, description = "Somebody else changed the settings", body = ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn set_moves_at_once(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(pool): Path<String>,
    headers: HeaderMap,
    Body(request): Body<MovesAtOnce>,
) -> Answered<Response> {
    by.may("admin:write")?;
    let (moves_at_once, expected_version) = (request.moves_at_once, if_match(&headers)?);
    set(&app, &by, Command::SetMovesAtOnce { pool, moves_at_once, expected_version }).await
}

/// Whether moves wait for a person.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MoveApproval {
    /// A person has to approve every move into the pool and out of it when its shadow run has passed.
    required: bool,
}

/// Says whether a person has to approve moves into a pool and out of it; those that are planned stay as they are. Needs If-Match.
#[utoipa::path(put, path = "/pools/{slug}/move_approval", tag = "admin", operation_id = "setMoveApproval", request_body = MoveApproval,
    params(("slug" = String, Path, description = "Pool"), ("If-Match" = String, Header, description = "ETag of the settings")),
    responses((status = 200, description = "The pool", body = Pool, headers(("ETag" = String, description = "Version for the next change"))), (status = 412, description = "Somebody else changed the settings", body = ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn set_move_approval(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(pool): Path<String>,
    headers: HeaderMap,
    Body(request): Body<MoveApproval>,
) -> Answered<Response> {
    by.may("admin:write")?;
    let (required, expected_version) = (request.required, if_match(&headers)?);
    set(&app, &by, Command::SetMoveApproval { pool, required, expected_version }).await
}

/// What a missing unit costs, by resource.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShortageCost {
    /// Credits per base unit and slot; a resource that is left out has reserve prices alone.
    shortage_cost: BTreeMap<Resource, Price>,
}

/// Says what a missing unit costs in a pool: its supply then is dearer the likelier a shortage is. Needs If-Match.
#[utoipa::path(put, path = "/pools/{slug}/shortage_cost", tag = "pricing", operation_id = "setShortageCost", request_body = ShortageCost,
    params(("slug" = String, Path, description = "Pool"), ("If-Match" = String, Header, description = "ETag of the settings")),
    responses((status = 200, description = "The pool", body = Pool, headers(("ETag" = String, description = "Version for the next change"))), (status = 412, description = "Somebody else changed the settings", body = ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn set_shortage_cost(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(pool): Path<String>,
    headers: HeaderMap,
    Body(request): Body<ShortageCost>,
) -> Answered<Response> {
    by.may("pricing:write")?;
    let (shortage_cost, expected_version) = (request.shortage_cost, if_match(&headers)?);
    set(&app, &by, Command::SetShortageCost { pool, shortage_cost, expected_version }).await
}
