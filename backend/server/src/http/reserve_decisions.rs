//! What a second person, or its author, does with a proposed reserve price.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::Platform;
use crate::http::extract::{Body, PathWithin};
use crate::http::problem::{Answered, ProblemDocument, Problems};
use crate::http::reply::ok;
use crate::http::reserve_prices::{etag, if_match, version_of};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use headroom_market::command::Command;
use headroom_market::ids::ReservePriceId;
use headroom_market::pool::ReservePrice;
use headroom_market::pool::approval::Verdict;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(approve_reserve_price))
        .routes(routes!(reject_reserve_price))
        .routes(routes!(withdraw_reserve_price))
}

async fn decide(
    app: &App,
    by: &Identity,
    (slug, reserve): (String, ReservePriceId),
    headers: &HeaderMap,
    (verdict, reason): (Verdict, Option<String>),
) -> Answered<Response> {
    by.may("pricing:write")?;
    let expected_version = if_match(headers)?;
    let pool = slug.clone();
    let command = Command::DecideReserve { pool, reserve, verdict, reason, expected_version, by: by.user };
    let document = app.object(by, command).await?;
    let mut response = ok(document).into_response();
    response.headers_mut().insert(header::ETAG, etag(version_of(app, &slug).await?));
    Ok(response)
}

/// Approves somebody else's proposal, before it takes effect. Needs If-Match.
#[utoipa::path(post, path = "/pools/{slug}/reserve_prices/{id}/approve", tag = "pricing", operation_id = "approveReservePrice",
    params(("slug" = String, Path, description = "Pool"), ("id" = ReservePriceId, Path, description = "The proposal"), ("If-Match" = String, Header, description = "ETag of the list")),
    responses((status = 200, description = "The schedule, in force for its slots", body = ReservePrice), (status = 412, description = "Somebody else changed the list", body = ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn approve_reserve_price(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    PathWithin(slug, id): PathWithin<ReservePriceId>,
    headers: HeaderMap,
) -> Answered<Response> {
    decide(&app, &by, (slug, id), &headers, (Verdict::Approve, None)).await
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rejection {
    /// Its author and the other admins read it.
    reason: String,
}

/// Rejects somebody else's proposal. Needs If-Match.
#[utoipa::path(post, path = "/pools/{slug}/reserve_prices/{id}/reject", tag = "pricing", operation_id = "rejectReservePrice", request_body = Rejection,
    params(("slug" = String, Path, description = "Pool"), ("id" = ReservePriceId, Path, description = "The proposal"), ("If-Match" = String, Header, description = "ETag of the list")),
    responses((status = 200, description = "The proposal, which prices nothing", body = ReservePrice), (status = 412, description = "Somebody else changed the list", body = ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn reject_reserve_price(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    PathWithin(slug, id): PathWithin<ReservePriceId>,
    headers: HeaderMap,
    Body(rejection): Body<Rejection>,
) -> Answered<Response> {
    decide(&app, &by, (slug, id), &headers, (Verdict::Reject, Some(rejection.reason))).await
}

/// Takes one's own proposal back. Needs If-Match.
#[utoipa::path(post, path = "/pools/{slug}/reserve_prices/{id}/withdraw", tag = "pricing", operation_id = "withdrawReservePrice",
    params(("slug" = String, Path, description = "Pool"), ("id" = ReservePriceId, Path, description = "The proposal"), ("If-Match" = String, Header, description = "ETag of the list")),
    responses((status = 200, description = "The proposal, which prices nothing", body = ReservePrice), (status = 412, description = "Somebody else changed the list", body = ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn withdraw_reserve_price(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    PathWithin(slug, id): PathWithin<ReservePriceId>,
    headers: HeaderMap,
) -> Answered<Response> {
    decide(&app, &by, (slug, id), &headers, (Verdict::Withdraw, None)).await
}
