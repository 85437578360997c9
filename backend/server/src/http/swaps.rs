//! Swaps: what is being resized or moved, phase by phase.
use crate::app::App;
use crate::app::directory::Identity;
use crate::app::predict_load::{Cutover, expected_cutover};
use crate::http::auth::{Anyone, Platform};
use crate::http::extract::{Body, Path, Query};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, ListQuery, get_from, list_table};
use crate::http::swap_approval;
use crate::http::swap_explain::{__path_explain_swap, explain_swap};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use headroom_market::command::Command;
use headroom_market::ids::SwapId;
use headroom_market::printable::check_reason;
use headroom_market::record::Table;
use headroom_market::refusal::{Refusal, RefusalKind};
use headroom_market::swap::SwapState;
use headroom_market::swap::{Difference, Swap};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_swaps))
        .routes(routes!(get_swap))
        .routes(routes!(swap_differences))
        .routes(routes!(explain_swap))
        .routes(routes!(cancel_swap))
        .merge(swap_approval::router())
        .merge(history())
}

/// One of the concept's three routes: with and without /v1.
pub fn history() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(swap_history))
}

/// Lists swaps, newest first.
#[utoipa::path(get, path = "/swaps", tag = "swaps", operation_id = "listSwaps", params(ListQuery),
    responses((status = 200, description = "A page of swaps", body = List<Swap>), Problems))]
async fn list_swaps(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("swaps:read")?;
    list_table(&app, Table::Swaps, &by.scope(), &query, "/v1/swaps").await
}

/// Finished swaps: state, method, bytes, downtime, differences, reason.
#[utoipa::path(get, path = "/swap_history", tag = "swaps", operation_id = "getSwapHistory", params(ListQuery),
    responses((status = 200, description = "A page of finished swaps", body = List<Swap>), Problems))]
async fn swap_history(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(mut query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("swaps:read")?;
    if query.status.is_none() {
        let ended: Vec<&str> = SwapState::ALL.iter().filter(|s| s.is_terminal()).map(|s| s.name()).collect();
        query.status = Some(ended.join(","));
    }
    list_table(&app, Table::Swaps, &by.scope(), &query, "/v1/swap_history").await
}

/// A swap, who it is of and who answered for it, and what is expected of a move.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SwapView {
    #[serde(flatten)]
    swap: Swap,
    /// Name of the workload's owner; shown to the operator's roles only.
    participant_name: Option<String>,
    /// Of a move that a person answers for, until its source is stopped.
    cutover: Option<Cutover>,
    /// Of who approved or rejected it; shown to the operator's roles only.
    answered_by_name: Option<String>,
}

/// Reads a swap with its phases.
#[utoipa::path(get, path = "/swaps/{id}", tag = "swaps", operation_id = "getSwap", params(("id" = SwapId, Path, description = "Swap")),
    responses((status = 200, description = "The swap", body = SwapView), Problems))]
async fn get_swap(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(id): Path<SwapId>) -> Answered<Json<SwapView>> {
    by.may("swaps:read")?;
    let document = get_from(&app, Table::Swaps, &by.scope(), &id.to_string(), "swap").await?;
    let swap: Swap = serde_json::from_str(&document.1).map_err(|e| Problem::fault(&e))?;
    let cutover = match swap.is_live() && swap.approval.is_some() && !swap.state.is_fenced() {
        true => Some(expected_cutover(&app, &swap).await?),
        false => None,
    };
    let names = Some(app.directory()).filter(|_| by.role.is_platform());
    let answer = swap.approval.as_ref().and_then(|a| a.answer.as_ref());
    let answered_by = names.as_ref().zip(answer).and_then(|(names, a)| Some(names.user(a.by)?.name.clone()));
    let owner = names.as_ref().and_then(|names| names.participants.get(&swap.participant));
    let participant_name = owner.map(|p| p.name.clone());
    Ok(Json(SwapView { swap, participant_name, cutover, answered_by_name: answered_by }))
}

/// Where the shadow run and the live run differ.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Differences {
    swap: SwapId,
    positions_compared: i64,
    count: i64,
    items: Vec<Difference>,
}

/// The differences that a swap's shadow run found.
#[utoipa::path(get, path = "/swaps/{id}/diffs", tag = "swaps", operation_id = "getSwapDifferences", params(("id" = SwapId, Path, description = "Swap")),
    responses((status = 200, description = "The first 100 differences and their number", body = Differences), Problems))]
async fn swap_differences(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<SwapId>,
) -> Answered<Json<Differences>> {
    by.may("swaps:read")?;
    let document = app.store.get(Table::Swaps, &by.scope(), &id.to_string()).await?;
    let document = document.ok_or_else(|| Problem::not_found("swap"))?;
    let swap: Swap = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    Ok(Json(Differences {
        swap: id,
        positions_compared: swap.positions_compared,
        count: swap.difference_count,
        items: swap.differences,
    }))
}

/// Why a swap that is there can't be cancelled any more.
async fn ended(app: &App, by: &Identity, id: SwapId) -> Answered<Problem> {
    let document = app.store.get(Table::Swaps, &by.scope(), &id.to_string()).await?;
    let document = document.ok_or_else(|| Problem::not_found("swap"))?;
    let swap: Swap = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    let detail = format!("It has ended ({}): there is nothing left to cancel.", swap.state.name());
    let (code, kind) = ("swap_ended", RefusalKind::Conflict);
    Ok(Refusal { kind, code, pointer: String::new(), detail }.into())
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CancelSwap {
    reason: String,
}

/// Asks for a running swap to be stopped: it is aborted before the fence, rolled back after it.
#[utoipa::path(post, path = "/swaps/{id}/cancel", tag = "swaps", operation_id = "cancelSwap", request_body = CancelSwap, params(("id" = SwapId, Path, description = "Swap")),
    responses((status = 202, description = "The swap; its worker undoes it next", body = Swap), Problems))]
async fn cancel_swap(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<SwapId>,
    Body(body): Body<CancelSwap>,
) -> Answered<Document> {
    by.may("swaps:approve")?;
    check_reason(&body.reason)?;
    let command = Command::CancelSwap { swap: id, participant: by.own(), reason: body.reason };
    match app.object(&by, command).await {
        // What has ended is live no more; its table has it.
        Err(failure) if failure.is_not_found() => Err(ended(&app, &by, id).await?),
        answered => Ok(Document(StatusCode::ACCEPTED, answered?)),
    }
}
