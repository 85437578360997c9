//! Disputes: a member says that a receipt is wrong, finance or an admin decides.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::{Anyone, Member, Platform};
use crate::http::extract::{Body, HashedBody, Path, Query};
use crate::http::orders::{answered, idempotency};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, ListQuery, list_of, list_table, ok};
use crate::sequencer::Attached;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use headroom_market::command::Command;
use headroom_market::ids::{DisputeId, ReceiptId};
use headroom_market::printable::check_reason;
use headroom_market::record::Table;
use headroom_market::round::Round;
use headroom_market::settlement::Receipt;
use headroom_market::settlement::dispute::{Decision, Dispute, Evidence, NewDispute};
use headroom_market::swap::Swap;
use headroom_market::units::Credits;
use headroom_store::read::{Page, Scope};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Swaps of a workload that are looked through for those of one slot.
const SWAPS_LOOKED_AT: i64 = 500;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_disputes, open_dispute))
        .routes(routes!(get_dispute))
        .routes(routes!(list_dispute_swaps))
        .routes(routes!(decide_dispute))
        .routes(routes!(withdraw_dispute))
}

/// What is wrong with a receipt.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DisputeRequest {
    receipt: ReceiptId,
    /// For whoever decides, 1 to 200 characters.
    reason: String,
    /// What is wanted: all that the receipt charged and that is missing on it, where it is not given.
    #[serde(default)]
    claimed: Option<Credits>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DisputeDecision {
    /// What is paid for it, up to what is claimed; 0 rejects it.
    note: Credits,
    /// For the member, 1 to 200 characters.
    reason: String,
}

/// Lists disputes, the newest first: a member's own, or all.
#[utoipa::path(get, path = "/disputes", tag = "finance", operation_id = "listDisputes", params(ListQuery),
    responses((status = 200, description = "A page of disputes", body = List<Dispute>), Problems))]
async fn list_disputes(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("finance:read")?;
    list_table(&app, Table::Disputes, &by.scope(), &query, "/v1/disputes").await
}

/// Reads a dispute.
#[utoipa::path(get, path = "/disputes/{id}", tag = "finance", operation_id = "getDispute", params(("id" = DisputeId, Path, description = "Dispute")),
    responses((status = 200, description = "The dispute", body = Dispute), Problems))]
async fn get_dispute(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(id): Path<DisputeId>) -> Answered<Document> {
    by.may("finance:read")?;
    let found = app.store.get(Table::Disputes, &by.scope(), &id.to_string()).await?;
    found.map(ok).ok_or_else(|| Problem::not_found("dispute"))
}

/// Lists the swaps that a dispute names, with their phases: whoever reads the dispute may read these, too.
#[utoipa::path(get, path = "/disputes/{id}/swaps", tag = "finance", operation_id = "listDisputeSwaps", params(("id" = DisputeId, Path, description = "Dispute")),
    responses((status = 200, description = "Swaps of the workload for the slot", body = List<Swap>), Problems))]
async fn list_dispute_swaps(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<DisputeId>,
) -> Answered<Json<serde_json::Value>> {
    by.may("finance:read")?;
    let found = app.store.get(Table::Disputes, &by.scope(), &id.to_string()).await?;
    let found = found.ok_or_else(|| Problem::not_found("dispute"))?;
    let dispute: Dispute = serde_json::from_str(&found).map_err(|e| Problem::fault(&e))?;
    let mut swaps: Vec<Swap> = Vec::new();
    for swap in &dispute.evidence.swaps {
        let text = app.store.get(Table::Swaps, &Scope::All, &swap.to_string()).await?;
        swaps.extend(text.and_then(|text| serde_json::from_str(&text).ok()));
    }
    Ok(list_of(&swaps))
}

/// Says that a receipt is wrong, up to seven days after it was recorded. What is claimed is set aside until somebody of
/// the operator has decided.
#[utoipa::path(post, path = "/disputes", tag = "finance", operation_id = "openDispute", request_body = DisputeRequest,
    params(("Idempotency-Key" = String, Header, description = "Makes a repetition harmless")),
    responses((status = 201, description = "The dispute", body = Dispute), Problems))]
async fn open_dispute(
    State(app): State<Arc<App>>,
    Member(by): Member,
    headers: HeaderMap,
    body: HashedBody<DisputeRequest>,
) -> Answered<Response> {
    by.may("orders:write")?;
    let idempotency = idempotency(&by, &headers, true, "POST /v1/disputes", &body.bytes)?;
    let DisputeRequest { receipt, reason, claimed } = body.value;
    // what is wrong with a body is said before what is not there
    check_reason(&reason)?;
    let found = app.store.get(Table::Receipts, &by.scope(), &receipt.to_string()).await?;
    let receipt: Receipt =
        serde_json::from_str(&found.ok_or_else(|| Problem::not_found("receipt"))?).map_err(|e| Problem::fault(&e))?;
    let evidence = evidence(&app, &by, &receipt).await?;
    let new = NewDispute { receipt, evidence, reason, claimed, by: by.user };
    let command = Command::OpenDispute { participant: by.participant, dispute: Box::new(new) };
    let answer = app.submit(&by, command, idempotency, Attached::default()).await?;
    Ok(answered(answer, StatusCode::CREATED))
}

/// The certificate of the receipt's round, and the swaps of its workload for its slot.
async fn evidence(app: &App, by: &Identity, receipt: &Receipt) -> Answered<Evidence> {
    let at = i64::try_from(receipt.round).map_err(|e| Problem::fault(&e))?;
    let round = app.store.at_position(Table::Rounds, at).await?;
    let round: Option<Round> = round.and_then(|text| serde_json::from_str(&text).ok());
    let result_hash = round.and_then(|round| round.certificate).map(|certificate| certificate.result_hash);
    let page = Page { limit: SWAPS_LOOKED_AT, position: Some(receipt.slot.seconds()), ..Page::default() };
    let scope = Scope::Participant(by.participant.to_string());
    let rows = app.store.list(Table::Swaps, &scope, &page).await?.rows;
    let swaps = rows.iter().filter_map(|(_, text)| serde_json::from_str::<Swap>(text).ok());
    let swaps = swaps.filter(|swap| Some(swap.instance) == receipt.instance).map(|swap| swap.id).collect();
    Ok(Evidence { result_hash, swaps })
}

/// Decides on a dispute (finance, admin): a note is paid to the member, the rest of what was set aside goes back.
#[utoipa::path(post, path = "/disputes/{id}/decide", tag = "finance", operation_id = "decideDispute", request_body = DisputeDecision, params(("id" = DisputeId, Path, description = "Dispute")),
    responses((status = 200, description = "The dispute, decided", body = Dispute), Problems))]
async fn decide_dispute(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(dispute): Path<DisputeId>,
    Body(DisputeDecision { note, reason }): Body<DisputeDecision>,
) -> Answered<Document> {
    by.may("finance:platform")?;
    check_reason(&reason)?;
    let decision = Decision { note, reason, by: by.user };
    Ok(ok(app.object(&by, Command::DecideDispute { dispute, decision }).await?))
}

/// Takes one's own dispute back; its receipt may be disputed again.
#[utoipa::path(post, path = "/disputes/{id}/withdraw", tag = "finance", operation_id = "withdrawDispute", params(("id" = DisputeId, Path, description = "Dispute")),
    responses((status = 200, description = "The dispute, withdrawn", body = Dispute), Problems))]
async fn withdraw_dispute(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(dispute): Path<DisputeId>,
) -> Answered<Document> {
    by.may("orders:write")?;
    Ok(ok(app.object(&by, Command::WithdrawDispute { participant: by.participant, dispute }).await?))
}
