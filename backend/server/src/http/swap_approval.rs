//! What a person says to a move that waits for approval.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::Platform;
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, ok};
use axum::extract::State;
use headroom_market::command::Command;
use headroom_market::ids::SwapId;
use headroom_market::record::Table;
use headroom_market::refusal::RefusalKind;
use headroom_market::swap::Swap;
use headroom_market::swap::approval::{self, MoveVerdict};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(approve_swap)).routes(routes!(reject_swap))
}

async fn answer(
    app: &App,
    by: &Identity,
    swap: SwapId,
    verdict: MoveVerdict,
    reason: Option<String>,
) -> Answered<Document> {
    by.may("swaps:approve")?;
    match app.object(by, Command::AnswerSwap { swap, verdict, reason, by: by.user }).await {
        // What has ended is live no more; its table has it.
        Err(failure) if failure.is_not_found() => answer_ended(app, by, swap, verdict).await,
        answered => Ok(ok(answered?)),
    }
}

/// The same answer by the same person is answered as before; any other comes too late.
async fn answer_ended(app: &App, by: &Identity, id: SwapId, verdict: MoveVerdict) -> Answered<Document> {
    let document = app.store.get(Table::Swaps, &by.scope(), &id.to_string()).await?;
    let document = document.ok_or_else(|| Problem::not_found("swap"))?;
    let swap: Swap = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    if swap.approval.is_none() {
        return Err(approval::nobody_asked(&swap).into());
    }
    match swap.approval.and_then(|a| a.answer) {
        Some(made) if made.by == by.user && made.verdict == verdict => Ok(ok(document)),
        Some(made) => Err(approval::answered(&made).into()),
        None => {
            let detail =
                format!("It has ended ({}) without an answer. What it was for is planned again.", swap.state.name());
            let (code, kind) = ("swap_ended", RefusalKind::Conflict);
            Err(headroom_market::refusal::Refusal { kind, code, pointer: String::new(), detail }.into())
        }
    }
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ApproveSwap {
    /// For the record, and for the workload's owner; may be left out.
    #[serde(default)]
    reason: Option<String>,
}

/// Approves a move whose shadow run has passed: it goes on, and is made once its slot has begun.
#[utoipa::path(post, path = "/swaps/{id}/approve", tag = "swaps", operation_id = "approveSwap", request_body = ApproveSwap, params(("id" = SwapId, Path, description = "Swap")),
    responses((status = 200, description = "The swap, which goes on", body = Swap), Problems))]
async fn approve_swap(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<SwapId>,
    Body(body): Body<ApproveSwap>,
) -> Answered<Document> {
    answer(&app, &by, id, MoveVerdict::Approved, body.reason).await
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RejectSwap {
    /// The workload's owner reads it.
    reason: String,
}

/// Rejects a move that waits for approval: its copy is dropped, the workload stays, and its buyers and lenders are made whole.
#[utoipa::path(post, path = "/swaps/{id}/reject", tag = "swaps", operation_id = "rejectSwap", request_body = RejectSwap, params(("id" = SwapId, Path, description = "Swap")),
    responses((status = 200, description = "The swap, which ends once its copy is dropped", body = Swap), Problems))]
async fn reject_swap(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<SwapId>,
    Body(body): Body<RejectSwap>,
) -> Answered<Document> {
    answer(&app, &by, id, MoveVerdict::Rejected, Some(body.reason)).await
}
