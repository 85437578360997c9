//! Rounds, their certificates, and what is needed to verify them elsewhere.
use crate::app::App;
use crate::http::auth::{Anyone, Platform};
use crate::http::extract::{Path, Query};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, ListQuery, list_table, ok};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use headroom_market::clearing::book::ProductKey;
use headroom_market::clearing::document::{Book, Outcome};
use headroom_market::record::Table;
use headroom_market::round::interruption::awarded;
use headroom_market::round::prices::kind_of_setter;
use headroom_market::round::{Award, Round, merkle};
use headroom_market::settlement::Receipt;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_rounds))
        .routes(routes!(get_round))
        .routes(routes!(round_result))
        .routes(routes!(round_audit))
        .routes(routes!(round_proof))
        .routes(routes!(list_awards))
        .routes(routes!(list_receipts))
}

/// Lists rounds, newest first.
#[utoipa::path(get, path = "/rounds", tag = "market", operation_id = "listRounds", params(ListQuery),
    responses((status = 200, description = "A page of rounds", body = List<Round>), Problems))]
async fn list_rounds(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("market:read")?;
    list_table(&app, Table::Rounds, &headroom_store::read::Scope::All, &query, "/v1/rounds").await
}

/// Reads a round with its prices and certificate.
#[utoipa::path(get, path = "/rounds/{number}", tag = "market", operation_id = "getRound", params(("number" = u64, Path, description = "Round number")),
    responses((status = 200, description = "The round", body = Round), Problems))]
async fn get_round(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(number): Path<u64>) -> Answered<Document> {
    by.may("market:read")?;
    let number = i64::try_from(number).map_err(|_| Problem::not_found("round"))?;
    app.store.at_position(Table::Rounds, number).await?.map(ok).ok_or_else(|| Problem::not_found("round"))
}

async fn archived(app: &App, number: u64) -> Answered<(String, String, String)> {
    let number = i64::try_from(number).map_err(|_| Problem::not_found("round"))?;
    app.store.archived_round(number).await?.ok_or_else(|| Problem::not_found("cleared round in the archive"))
}

/// A round's outcome as headroom.outcome/2; own orders and prices of what changed hands, unless the role sees all: then
/// as it was verified, before an interruption. No orders without the scope orders:read.
#[utoipa::path(get, path = "/rounds/{number}/result", tag = "market", operation_id = "getRoundResult", params(("number" = u64, Path, description = "Round number")),
    responses((status = 200, description = "headroom.outcome/2", body = serde_json::Value), Problems))]
async fn round_result(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(number): Path<u64>) -> Answered<Document> {
    by.may("market:read")?;
    let (book, outcome, _) = archived(&app, number).await?;
    let orders = by.may("orders:read").is_ok();
    if by.role.is_platform() && orders {
        return Ok(ok(outcome));
    }
    let book: Book = serde_json::from_str(&book).map_err(|e| Problem::fault(&e))?;
    let outcome: Outcome = serde_json::from_str(&outcome).map_err(|e| Problem::fault(&e))?;
    let mut outcome = awarded(&book, &outcome).into_owned();
    let traded: BTreeSet<ProductKey> = outcome.traded().into_iter().cloned().collect();
    outcome.prices.retain(|p| traded.contains(&p.key()));
    // A premium of what nobody bought there may be somebody's limit, as such a price may.
    let premiums = std::mem::take(&mut outcome.premiums);
    let full = outcome.traded_on();
    let told = premiums.iter().filter(|p| full.contains(&(&p.node, &p.resource, p.slot))).cloned().collect();
    outcome.premiums = told;
    let me = by.participant.to_string();
    let own: BTreeSet<&String> = book.orders.iter().filter(|o| orders && o.owner == me).map(|o| &o.id).collect();
    outcome.awards.retain(|a| own.contains(&a.order));
    outcome.refused.retain(|r| own.contains(&r.order));
    for price in &mut outcome.prices {
        let owner = price.set_by.split_once(':').map(|(_, order)| order.to_owned());
        if owner.is_none_or(|order| !own.contains(&order)) {
            price.set_by = kind_of_setter(&price.set_by);
        }
    }
    serde_json::to_string(&outcome).map(ok).map_err(|e| Problem::fault(&e))
}

/// A round's sealed book as headroom.book/2, for `headroom verify`.
#[utoipa::path(get, path = "/rounds/{number}/audit", tag = "admin", operation_id = "getRoundAudit", params(("number" = u64, Path, description = "Round number")),
    responses((status = 200, description = "headroom.book/2", body = serde_json::Value), Problems))]
async fn round_audit(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(number): Path<u64>,
) -> Answered<Document> {
    by.may("orders:read")?;
    Ok(ok(archived(&app, number).await?.0))
}

/// Proofs that one's orders were in the sealed book.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Proofs {
    round: u64,
    root: String,
    /// How to check: leaf = BLAKE3("leaf" ‖ order), node = BLAKE3("node" ‖ left ‖ right).
    method: String,
    proofs: Vec<InclusionProof>,
    /// That supply, nodes and workloads were in the book as well: the last leaf.
    rest: RestProof,
}

/// How a proof is checked.
const METHOD: &str = "leaf = BLAKE3(\"leaf\" ‖ document), node = BLAKE3(\"node\" ‖ left ‖ right), an odd node moves up unchanged; \
                      the leaves are the orders by their index, and last the rest of the book";

#[derive(Clone, Debug, Serialize, ToSchema)]
struct RestProof {
    index: usize,
    /// Its hash, hex.
    leaf: String,
    /// The book without its orders: the bytes that the leaf covers. Only for admins, finance and operators, as
    /// it names what others have.
    document: Option<String>,
    path: Vec<Option<String>>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct InclusionProof {
    order: String,
    index: usize,
    /// The order as it stood in the book: the bytes that the leaf covers.
    document: String,
    /// Siblings from the leaf up, hex; `null` where a node moves up alone.
    path: Vec<Option<String>>,
}

/// Merkle proofs for the caller's orders in a round.
#[utoipa::path(get, path = "/rounds/{number}/proof", tag = "market", operation_id = "getRoundProof", params(("number" = u64, Path, description = "Round number")),
    responses((status = 200, description = "One proof an order", body = Proofs), Problems))]
async fn round_proof(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(number): Path<u64>,
) -> Answered<Json<Proofs>> {
    by.may("orders:read")?;
    let (book, _, _) = archived(&app, number).await?;
    let book: Book = serde_json::from_str(&book).map_err(|e| Problem::fault(&e))?;
    let at = i64::try_from(number).map_err(|_| Problem::not_found("round"))?;
    let round = app.store.at_position(Table::Rounds, at).await?.ok_or_else(|| Problem::not_found("round"))?;
    let round: Round = serde_json::from_str(&round).map_err(|e| Problem::fault(&e))?;
    let leaves = merkle::leaves(&book);
    if merkle::root(&leaves).to_hex().as_str() != round.root {
        return Err(Problem::fault(&format!(
            "the archived book of round {number} is not the one that was committed to"
        )));
    }
    let path = |index: usize| -> Vec<Option<String>> {
        merkle::proof(&leaves, index).into_iter().map(|h| h.map(|h| h.to_hex().to_string())).collect()
    };
    let me = by.participant.to_string();
    let own = book.orders.iter().enumerate().filter(|(_, o)| by.role.is_platform() || o.owner == me);
    let proofs = own.map(|(index, order)| InclusionProof {
        order: order.id.clone(),
        index,
        document: merkle::order_document(order),
        path: path(index),
    });
    let proofs = proofs.collect();
    let rest = RestProof {
        index: book.orders.len(),
        leaf: leaves[book.orders.len()].to_hex().to_string(),
        document: by.role.is_platform().then(|| merkle::rest_document(&book)),
        path: path(book.orders.len()),
    };
    let root = merkle::root(&leaves).to_hex().to_string();
    Ok(Json(Proofs { round: number, root, method: METHOD.to_owned(), proofs, rest }))
}

/// Lists awards: what orders won.
#[utoipa::path(get, path = "/awards", tag = "market", operation_id = "listAwards", params(ListQuery),
    responses((status = 200, description = "A page of awards", body = List<Award>), Problems))]
async fn list_awards(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("allocations:read")?;
    list_table(&app, Table::Awards, &by.scope(), &query, "/v1/awards").await
}

/// Lists receipts: what was delivered of each award and slot.
#[utoipa::path(get, path = "/receipts", tag = "finance", operation_id = "listReceipts", params(ListQuery),
    responses((status = 200, description = "A page of receipts", body = List<Receipt>), Problems))]
async fn list_receipts(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("finance:read")?;
    list_table(&app, Table::Receipts, &by.scope(), &query, "/v1/receipts").await
}
