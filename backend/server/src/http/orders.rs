//! Bids and offers: the same routes, fields and life cycle, other side.
use crate::app::App;
use crate::app::directory::Identity;
use crate::app::held_back::HeldBack;
use crate::http::auth::{Anyone, Member};
use crate::http::extract::{HashedBody, Path, Query};
use crate::http::problem::{Answered, Problem, Problems, Unpaid};
use crate::http::reply::{Document, List, ListQuery, get_from, ok};
use crate::sequencer::{Answer, Attached, Idempotency, Outcome};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use headroom_market::book::{Order, OrderRequest, Side, place, validate};
use headroom_market::command::Command;
use headroom_market::ids::{BidId, OfferId, OrderId, ParticipantId};
use headroom_market::record::Table;
use headroom_store::journal::client_key;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(place_bid, list_bids))
        .routes(routes!(crate::http::preview::preview_bid))
        .routes(routes!(cancel_all_bids))
        .routes(routes!(get_bid, replace_bid, cancel_bid))
        .routes(routes!(get_bid_by_client_id, cancel_bid_by_client_id))
        .routes(routes!(crate::http::explain::explain_bid))
        .routes(routes!(place_offer, list_offers))
        .routes(routes!(crate::http::preview::preview_offer))
        .routes(routes!(get_offer, replace_offer, cancel_offer))
        .routes(routes!(get_offer_by_client_id, cancel_offer_by_client_id))
        .routes(routes!(crate::http::explain::explain_offer))
}

/// Reads the Idempotency-Key: required where money moves.
pub fn idempotency(
    by: &Identity,
    headers: &HeaderMap,
    required: bool,
    request: &str,
    bytes: &[u8],
) -> Answered<Option<Idempotency>> {
    let key = headers.get("idempotency-key").map(|v| v.to_str().unwrap_or_default().to_owned());
    match key {
        None if required => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "idempotency_key_required",
            "Send an Idempotency-Key header, for example a UUID; repeat it when you repeat the request.",
        )),
        None => Ok(None),
        // `to_str` refuses what is not ASCII, but lets the tab pass.
        Some(key) if key.is_empty() || key.len() > 255 || key.contains('\t') => Err(Problem::field(
            "idempotency_key_invalid",
            "Idempotency-Key",
            "The key has 1 to 255 printable ASCII characters.",
        )),
        Some(key) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update(request.as_bytes()).update(b"\0").update(bytes);
            let request_hash = hasher.finalize().to_hex()[..32].to_owned();
            Ok(Some(Idempotency { participant: by.participant.to_string(), key, request_hash }))
        }
    }
}

/// 201, or 202 while the sealed round decides; `Idempotent-Replayed` on a repetition.
pub fn answered(answer: Answer, fresh: StatusCode) -> Response {
    let mut response = match answer.outcome {
        Outcome::Object(document) => Document(fresh, document).into_response(),
        Outcome::Pending(document) => Document(StatusCode::ACCEPTED, document).into_response(),
        _ => Document(StatusCode::OK, "{}".into()).into_response(),
    };
    mark_replayed(&mut response, answer.replayed);
    response
}

/// Says that nothing was done again for this request.
pub fn mark_replayed(response: &mut Response, replayed: bool) {
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
}

async fn place_order(
    app: &App,
    by: &Identity,
    side: Side,
    headers: &HeaderMap,
    body: HashedBody<OrderRequest>,
) -> Answered<Response> {
    by.may("orders:write")?;
    let path = if side == Side::Bid { "POST /v1/bids" } else { "POST /v1/offers" };
    let idempotency = idempotency(by, headers, true, path, &body.bytes)?;
    let client = body.value.client_bid_id.as_ref().map(|id| client_key(&by.participant.to_string(), id));
    let request = Box::new(body.value);
    let command = Command::PlaceOrder { participant: by.participant, side, request, client_order: None };
    let attached = Attached { client_key: client, ..Attached::default() };
    match app.submit(by, command, idempotency, attached).await {
        Ok(answer) => Ok(answered(answer, StatusCode::CREATED)),
        Err(failure) => Err(with_all_faults(app, by.participant, side, &body.bytes, failure.into()).await),
    }
}

/// A refused order is told all that is wrong with its form: whoever mends the first fault is not to find the next one then.
/// The body is read again, as an order that is accepted needs no second copy.
async fn with_all_faults(
    app: &App,
    participant: ParticipantId,
    side: Side,
    body: &[u8],
    mut problem: Problem,
) -> Problem {
    if problem.status != StatusCode::UNPROCESSABLE_ENTITY {
        return problem;
    }
    let Ok(request) = serde_json::from_slice::<OrderRequest>(body) else { return problem };
    let now = app.now();
    let faults = move |state: &_| {
        validate::faults(state, now, participant, side, &place::normalise(state, participant, request))
    };
    let faults = app.sequencer.query(faults).await;
    problem.also(faults.unwrap_or_default());
    problem
}

async fn replace(
    app: &App,
    by: &Identity,
    order: OrderId,
    headers: &HeaderMap,
    body: HashedBody<OrderRequest>,
) -> Answered<Response> {
    by.may("orders:write")?;
    let idempotency = idempotency(by, headers, false, &format!("PATCH {order}"), &body.bytes)?;
    let client = body.value.client_bid_id.as_ref().map(|id| client_key(&by.participant.to_string(), id));
    let request = Box::new(body.value);
    let command = Command::ReplaceOrder { participant: by.participant, order, request, client_order: None };
    let attached = Attached { client_key: client, ..Attached::default() };
    match app.submit(by, command, idempotency, attached).await {
        Ok(answer) => Ok(answered(answer, StatusCode::OK)),
        Err(failure) if failure.is_not_found() => Err(ended(app, by, order).await.unwrap_or(failure.into())),
        Err(failure) => {
            let side = if matches!(order, OrderId::Bid(_)) { Side::Bid } else { Side::Offer };
            Err(with_all_faults(app, by.participant, side, &body.bytes, failure.into()).await)
        }
    }
}

/// Cancelling what has ended is not an error; the answer is the order as it ended.
async fn cancel(app: &App, by: &Identity, order: OrderId) -> Answered<Response> {
    by.may("orders:write")?;
    let command = Command::CancelOrder { participant: by.participant, order };
    match app.submit(by, command, None, Attached::default()).await {
        Ok(answer) => Ok(answered(answer, StatusCode::OK)),
        Err(failure) if failure.is_not_found() => {
            let ended = get_from(app, Table::Orders, &by.scope(), &order.to_string(), "order").await?;
            match successor(&ended.1) {
                // Its replacement is another order: whoever cancels believes that nothing is open.
                Some(next) => Err(Problem::new(
                    StatusCode::CONFLICT,
                    "order_replaced",
                    format!("The order was replaced by {next}. Cancel that one."),
                )),
                None => Ok(ended.into_response()),
            }
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The order that has replaced this one.
fn successor(document: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(document).ok()?;
    value["replaced_by"].as_str().map(str::to_owned)
}

/// An order that has ended is a conflict, not a mystery.
async fn ended(app: &App, by: &Identity, order: OrderId) -> Option<Problem> {
    let document = app.store.get(Table::Orders, &by.scope(), &order.to_string()).await.ok()??;
    let value: serde_json::Value = serde_json::from_str(&document).unwrap_or_default();
    let status = value["status"].as_str().unwrap_or("ended");
    let conflict = |code: &str, detail: String| Some(Problem::new(StatusCode::CONFLICT, code, detail));
    match successor(&document) {
        Some(next) => conflict("order_replaced", format!("The order was replaced by {next}. Change that one.")),
        None => conflict("order_ended", format!("The order is {status}; that never changes. Place a new one.")),
    }
}

async fn by_client_id(app: &App, by: &Identity, client_id: &str) -> Answered<OrderId> {
    let key = client_key(&by.participant.to_string(), client_id);
    let id = app.store.order_by_client_key(&key).await?.ok_or_else(|| Problem::not_found("order"))?;
    id.parse().map_err(|_| Problem::not_found("order"))
}

async fn list_side(app: &App, by: &Identity, side: Side, query: &ListQuery) -> Answered<Response> {
    by.may("orders:read")?;
    let (path, prefix) = if side == Side::Bid { ("/v1/bids", "bid_") } else { ("/v1/offers", "off_") };
    let mut page = query.page(Table::Orders, prefix)?;
    // Bids sort before offers: the prefix is a lower or upper end of the ids. Ids go on with a
    // digit up to 7, so an 8 is after all of them, whatever the database's collation is.
    if page.starting_after.is_none() && page.ending_before.is_none() {
        page.starting_after = Some(if page.ascending { prefix.to_owned() } else { format!("{prefix}8") });
    }
    let held_back = HeldBack::now(app).await?;
    let scope = query.scope(Table::Orders, by.scope())?;
    let mut listed = app.store.list(Table::Orders, &scope, &page).await?;
    let before = listed.rows.len();
    listed.rows.retain(|(id, _)| id.starts_with(prefix));
    listed.has_more &= listed.rows.len() == before;
    for (_, document) in &mut listed.rows {
        *document = held_back.told(std::mem::take(document));
    }
    Ok(crate::http::reply::list(&listed, path, query, "status"))
}

async fn get(app: &App, by: &Identity, id: OrderId, what: &str) -> Answered<Document> {
    by.may("orders:read")?;
    let held_back = HeldBack::now(app).await?;
    let document = app.store.get(Table::Orders, &by.scope(), &id.to_string()).await?;
    document.map(|document| ok(held_back.told(document))).ok_or_else(|| Problem::not_found(what))
}

/// Places a bid. Needs an Idempotency-Key.
#[utoipa::path(post, path = "/bids", tag = "orders", operation_id = "placeBid", request_body = OrderRequest,
    params(("Idempotency-Key" = String, Header, description = "Makes a repetition harmless")),
    responses((status = 201, description = "Accepted, durable, its hold taken", body = Order), Problems, Unpaid))]
async fn place_bid(
    State(app): State<Arc<App>>,
    Member(by): Member,
    headers: HeaderMap,
    body: HashedBody<OrderRequest>,
) -> Answered<Response> {
    place_order(&app, &by, Side::Bid, &headers, body).await
}

/// Lists bids, newest first.
#[utoipa::path(get, path = "/bids", tag = "orders", operation_id = "listBids", params(ListQuery),
    responses((status = 200, description = "A page of bids", body = List<Order>), Problems))]
async fn list_bids(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    list_side(&app, &by, Side::Bid, &query).await
}

/// Reads a bid.
#[utoipa::path(get, path = "/bids/{id}", tag = "orders", operation_id = "getBid", params(("id" = BidId, Path, description = "Bid")),
    responses((status = 200, description = "The bid", body = Order), Problems))]
async fn get_bid(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(id): Path<BidId>) -> Answered<Document> {
    get(&app, &by, OrderId::Bid(id), "bid").await
}

/// Replaces a bid in one step: the old hold is released and the new one taken together.
#[utoipa::path(patch, path = "/bids/{id}", tag = "orders", operation_id = "replaceBid", request_body = OrderRequest, 
    params(("id" = BidId, Path, description = "Bid"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless")),
    responses((status = 200, description = "The new bid", body = Order), (status = 202, description = "Waits for the sealed round", body = Order), Problems, Unpaid))]
async fn replace_bid(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(id): Path<BidId>,
    headers: HeaderMap,
    body: HashedBody<OrderRequest>,
) -> Answered<Response> {
    replace(&app, &by, OrderId::Bid(id), &headers, body).await
}

/// Cancels a bid.
#[utoipa::path(delete, path = "/bids/{id}", tag = "orders", operation_id = "cancelBid", params(("id" = BidId, Path, description = "Bid")),
    responses((status = 200, description = "The bid as it ended", body = Order), (status = 202, description = "Waits for the sealed round", body = Order), Problems))]
async fn cancel_bid(State(app): State<Arc<App>>, Member(by): Member, Path(id): Path<BidId>) -> Answered<Response> {
    cancel(&app, &by, OrderId::Bid(id)).await
}

/// Reads a bid by its client id.
#[utoipa::path(get, path = "/bids/by_client_id/{client_id}", tag = "orders", operation_id = "getBidByClientId", params(("client_id" = String, Path, description = "client_bid_id")),
    responses((status = 200, description = "The bid", body = Order), Problems))]
async fn get_bid_by_client_id(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(client_id): Path<String>,
) -> Answered<Document> {
    by.may("orders:read")?;
    let id = by_client_id(&app, &by, &client_id).await?;
    get(&app, &by, id, "bid").await
}

/// Cancels a bid by its client id.
#[utoipa::path(delete, path = "/bids/by_client_id/{client_id}", tag = "orders", operation_id = "cancelBidByClientId", params(("client_id" = String, Path, description = "client_bid_id")),
    responses((status = 200, description = "The bid as it ended", body = Order), (status = 202, description = "Waits for the sealed round", body = Order), Problems))]
async fn cancel_bid_by_client_id(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(client_id): Path<String>,
) -> Answered<Response> {
    let id = by_client_id(&app, &by, &client_id).await?;
    cancel(&app, &by, id).await
}

/// How many orders were cancelled.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub struct CanceledCount {
    pub canceled: u32,
}

/// Cancels every open bid and offer of the participant.
#[utoipa::path(post, path = "/bids/cancel_all", tag = "orders", operation_id = "cancelAll",
    responses((status = 200, description = "How many", body = CanceledCount), Problems))]
async fn cancel_all_bids(State(app): State<Arc<App>>, Member(by): Member) -> Answered<Document> {
    by.may("orders:write")?;
    Ok(ok(app.object(&by, Command::CancelAll { participant: by.participant }).await?))
}

/// Places an offer: lends a part of an instance's baseline. Needs an Idempotency-Key.
#[utoipa::path(post, path = "/offers", tag = "orders", operation_id = "placeOffer", request_body = OrderRequest,
    params(("Idempotency-Key" = String, Header, description = "Makes a repetition harmless")),
    responses((status = 201, description = "Accepted and durable", body = Order), Problems))]
async fn place_offer(
    State(app): State<Arc<App>>,
    Member(by): Member,
    headers: HeaderMap,
    body: HashedBody<OrderRequest>,
) -> Answered<Response> {
    place_order(&app, &by, Side::Offer, &headers, body).await
}

/// Lists offers, newest first.
#[utoipa::path(get, path = "/offers", tag = "orders", operation_id = "listOffers", params(ListQuery),
    responses((status = 200, description = "A page of offers", body = List<Order>), Problems))]
async fn list_offers(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    list_side(&app, &by, Side::Offer, &query).await
}

/// Reads an offer.
#[utoipa::path(get, path = "/offers/{id}", tag = "orders", operation_id = "getOffer", params(("id" = OfferId, Path, description = "Offer")),
    responses((status = 200, description = "The offer", body = Order), Problems))]
async fn get_offer(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(id): Path<OfferId>) -> Answered<Document> {
    get(&app, &by, OrderId::Offer(id), "offer").await
}

/// Replaces an offer in one step.
#[utoipa::path(patch, path = "/offers/{id}", tag = "orders", operation_id = "replaceOffer", request_body = OrderRequest, 
    params(("id" = OfferId, Path, description = "Offer"), ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless")),
    responses((status = 200, description = "The new offer", body = Order), (status = 202, description = "Waits for the sealed round", body = Order), Problems))]
async fn replace_offer(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(id): Path<OfferId>,
    headers: HeaderMap,
    body: HashedBody<OrderRequest>,
) -> Answered<Response> {
    replace(&app, &by, OrderId::Offer(id), &headers, body).await
}

/// Cancels an offer.
#[utoipa::path(delete, path = "/offers/{id}", tag = "orders", operation_id = "cancelOffer", params(("id" = OfferId, Path, description = "Offer")),
    responses((status = 200, description = "The offer as it ended", body = Order), (status = 202, description = "Waits for the sealed round", body = Order), Problems))]
async fn cancel_offer(State(app): State<Arc<App>>, Member(by): Member, Path(id): Path<OfferId>) -> Answered<Response> {
    cancel(&app, &by, OrderId::Offer(id)).await
}

/// Reads an offer by its client id.
#[utoipa::path(get, path = "/offers/by_client_id/{client_id}", tag = "orders", operation_id = "getOfferByClientId", params(("client_id" = String, Path, description = "client_offer_id")),
    responses((status = 200, description = "The offer", body = Order), Problems))]
async fn get_offer_by_client_id(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(client_id): Path<String>,
) -> Answered<Document> {
    by.may("orders:read")?;
    let id = by_client_id(&app, &by, &client_id).await?;
    get(&app, &by, id, "offer").await
}

/// Cancels an offer by its client id.
#[utoipa::path(delete, path = "/offers/by_client_id/{client_id}", tag = "orders", operation_id = "cancelOfferByClientId", params(("client_id" = String, Path, description = "client_offer_id")),
    responses((status = 200, description = "The offer as it ended", body = Order), (status = 202, description = "Waits for the sealed round", body = Order), Problems))]
async fn cancel_offer_by_client_id(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(client_id): Path<String>,
) -> Answered<Response> {
    let id = by_client_id(&app, &by, &client_id).await?;
    cancel(&app, &by, id).await
}
