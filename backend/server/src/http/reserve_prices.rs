//! Reserve price schedules: the operator's own offers, each valid from a slot on.
use crate::app::App;
use crate::http::auth::{Anyone, Platform};
use crate::http::extract::{HashedBody, Path};
use crate::http::orders::{answered, idempotency};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{List, list_of};
use crate::sequencer::Attached;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headroom_market::command::Command;
use headroom_market::ids::UserId;
use headroom_market::pool::{ReservePrice, ReserveState, ReserveStep, in_force_until};
use headroom_market::time::Timestamp;
use headroom_market::units::{Price, Resource, Share};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_reserve_prices, schedule_reserve_price))
}

pub fn etag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The version in If-Match, `None` for `*` (any that there is); missing → 428.
pub fn if_match(headers: &HeaderMap) -> Answered<Option<u64>> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if_match_required",
            "Read the object first and send its ETag as If-Match, so that nobody's change is overwritten unseen.",
        ));
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    text.trim_matches('"').parse().map(Some).map_err(|_| {
        Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "stale_version",
            "If-Match is not an ETag of this object. Read it again.",
        )
    })
}

/// 304, where the reader has this version already.
pub fn not_modified(headers: &HeaderMap, tag: &HeaderValue) -> Option<Response> {
    let has_it = headers.get(header::IF_NONE_MATCH) == Some(tag);
    has_it.then(|| (StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response())
}

/// How far ahead a reserve price may begin: a mistyped year would else wait unseen.
const FARTHEST_SECONDS: i64 = 366 * 24 * 3600;

/// A schedule with the names of those who set it.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ReservePriceView {
    #[serde(flatten)]
    reserve: ReservePrice,
    /// From when on a later schedule counts in its place, for slots that start at or after it: `null` while none is known, not
    /// after `effective_at` where it never was in force. Also `null` of what was not `scheduled`.
    in_force_until: Option<Timestamp>,
    /// Shown to the operator's roles only.
    created_by_name: Option<String>,
    /// Of who approved, rejected or withdrew it; shown to the operator's roles only.
    decided_by_name: Option<String>,
}

/// Lists a pool's reserve price schedules; the ETag is for the next change. What is not (yet) in force is shown to the operator's roles only.
#[utoipa::path(get, path = "/pools/{slug}/reserve_prices", tag = "pricing", operation_id = "listReservePrices", params(("slug" = String, Path, description = "Pool")),
    responses((status = 200, description = "Schedules, latest effect first", body = List<ReservePriceView>, headers(("ETag" = String, description = "Version for If-Match"))), Problems))]
async fn list_reserve_prices(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Answered<Response> {
    by.may("market:read")?;
    let platform = by.role.is_platform();
    let found = app.sequencer.query(move |s| {
        let pool = s.pools.get(&slug)?;
        let of_pool = s.reserve_prices.values().filter(|r| r.pool == slug);
        let shown = of_pool.filter(|r| platform || r.state == ReserveState::Scheduled);
        let ends = in_force_until(s.reserve_prices.values().filter(|r| r.pool == slug));
        let name = |user: Option<UserId>| user.filter(|_| platform).and_then(|u| Some(s.users.get(&u)?.name.clone()));
        let view = |r: &ReservePrice| ReservePriceView {
            reserve: r.clone(),
            in_force_until: ends.get(&r.id).copied(),
            created_by_name: name(r.created_by),
            decided_by_name: name(r.decision.as_ref().map(|d| d.by)),
        };
        let mut list: Vec<ReservePriceView> = shown.map(view).collect();
        list.sort_by_key(|r| std::cmp::Reverse((r.reserve.effective_at, r.reserve.created_at)));
        Some((pool.reserve_version, list))
    });
    let (version, list) = found.await?.ok_or_else(|| Problem::not_found("pool"))?;
    let tag = etag(version);
    if let Some(unchanged) = not_modified(&headers, &tag) {
        return Ok(unchanged);
    }
    let mut response = list_of(&list).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// A reserve price: one price, or rising steps whose shares add up to 1.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReservePrice {
    resource: Resource,
    /// Of all the supply; or send `steps`.
    #[serde(default)]
    price: Option<Price>,
    #[serde(default)]
    steps: Vec<ReserveStep>,
    /// For slots that start at or after it.
    effective_at: Timestamp,
}

/// Schedules a reserve price, or proposes one where a second person has to approve it. Needs If-Match.
#[utoipa::path(post, path = "/pools/{slug}/reserve_prices", tag = "pricing", operation_id = "scheduleReservePrice", request_body = NewReservePrice,
    params(("slug" = String, Path, description = "Pool"), ("If-Match" = String, Header, description = "ETag of the list")),
    responses((status = 201, description = "The schedule", body = ReservePrice), (status = 412, description = "Somebody else changed it", body = crate::http::problem::ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = crate::http::problem::ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn schedule_reserve_price(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: HashedBody<NewReservePrice>,
) -> Answered<Response> {
    by.may("pricing:write")?;
    let expected_version = if_match(&headers)?;
    let request = format!("POST /v1/pools/{slug}/reserve_prices");
    let idempotency = idempotency(&by, &headers, false, &request, &body.bytes)?;
    let new = body.value;
    let one_price = new.price.is_some();
    let steps = one_or_steps(new.price, new.steps)?;
    if new.effective_at < app.now().plus_seconds(-app.rhythm.slot_seconds) {
        return Err(Problem::field(
            "effective_in_the_past",
            "/effective_at",
            "effective_at must not be in the past: prices of cleared slots never change.",
        ));
    }
    if new.effective_at > app.now().plus_seconds(FARTHEST_SECONDS) {
        return Err(Problem::field(
            "effective_too_far",
            "/effective_at",
            "effective_at is at most 366 days ahead: nobody remembers a price for longer. Check its year.",
        ));
    }
    let command = Command::ScheduleReserve {
        pool: slug.clone(),
        resource: new.resource,
        steps,
        effective_at: new.effective_at,
        expected_version,
        by: Some(by.user),
    };
    let answer = app.submit(&by, command, idempotency, Attached::default()).await;
    let answer = answer.map_err(|failure| named(failure.into(), one_price))?;
    let version = version_of(&app, &slug).await?;
    let mut response = answered(answer, StatusCode::CREATED);
    response.headers_mut().insert(header::ETAG, etag(version));
    Ok(response)
}

/// The steps that a body asks for: those it lists, or one for all the supply.
pub fn one_or_steps(price: Option<Price>, steps: Vec<ReserveStep>) -> Answered<Vec<ReserveStep>> {
    match (price, steps.is_empty()) {
        (Some(price), true) => Ok(vec![ReserveStep { share: Share::from_units(1_000_000), price }]),
        (None, false) => Ok(steps),
        _ => Err(Problem::field("price_or_steps", "/price", "Send either `price` or `steps`.")),
    }
}

/// Where the client sent one price, the one step is ours and the price the client's.
pub fn named(mut problem: Problem, one_price: bool) -> Problem {
    for error in problem.errors.iter_mut().filter(|e| one_price && e.pointer == "/steps/0/price") {
        "/price".clone_into(&mut error.pointer);
    }
    problem
}

/// The version of a pool's list, for its ETag.
pub async fn version_of(app: &App, slug: &str) -> Answered<u64> {
    let slug = slug.to_owned();
    Ok(app.sequencer.query(move |s| s.pools.get(&slug).map_or(0, |p| p.reserve_version)).await?)
}
