//! The HTTP edge: parse, call one use case, map the result. Nothing is decided here.
pub mod acting;
pub mod admin;
mod adoptions;
mod agents;
pub mod api_keys;
pub mod audit;
pub mod auth;
pub mod bottlenecks;
pub mod catalogue;
pub mod crossing;
mod disputes;
mod draws;
pub mod drills;
pub mod events;
pub mod examples;
mod explain;
pub mod extract;
pub mod finance;
mod guidance;
pub mod instances;
mod ledger;
pub mod limit;
pub mod meta;
mod modules;
pub mod nodes;
pub mod orders;
mod parameters;
pub mod pool_settings;
pub mod pools;
pub mod prediction;
pub mod preview;
mod preview_warnings;
pub mod problem;
pub mod projects;
mod recalled_before;
pub mod recalls;
pub mod reply;
pub mod request_id;
pub mod reserve_decisions;
pub mod reserve_prices;
pub mod reserve_simulation;
pub mod round_externality;
pub mod rounds;
pub mod scarcity;
pub mod serve;
pub mod service_level;
pub mod session;
mod shapes;
pub mod strategies;
pub mod swap_approval;
mod swap_explain;
pub mod swap_request;
pub mod swaps;

use crate::app::App;
use crate::app::failure;
use crate::app::limiter::Remaining;
use crate::http::problem::Problem;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use headroom_store::Store;
use std::sync::{Arc, Mutex, PoisonError};
use tower::{Layer, ServiceExt};
use tower_http::compression::predicate::{And, DefaultPredicate, NotForContentType, Predicate};
use tower_http::compression::{Compression, CompressionLayer};
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Headroom",
        description = "A market for peak compute capacity. Money and prices are decimal strings, quantities integers in base units, times RFC 3339 in UTC. Enums are open: unknown values must be tolerated. Any request may name whom it is meant for in the headers Headroom-Participant and Headroom-User (ids, as in GET /v1/me): if the credentials are another's it is refused with 409 acting_for_another, and nothing is done.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "This server")),
    components(schemas(headroom_market::ids::BidId, headroom_market::ids::OfferId)),
    security(("bearer" = []), ("cookie" = [])),
    tags(
        (name = "session", description = "Signing in, who am I, API keys"),
        (name = "market", description = "Pools, prices, rounds, awards"),
        (name = "orders", description = "Bids, offers, and the limits of projects"),
        (name = "workloads", description = "Modules, instances, strategies"),
        (name = "swaps", description = "Resizes and moves"),
        (name = "forecasts", description = "Demand ahead, and how good forecasts have been"),
        (name = "guidance", description = "Hints and application profiles from outside"),
        (name = "finance", description = "Balances, statements, exports"),
        (name = "pricing", description = "Reserve prices"),
        (name = "admin", description = "Pools, participants, quotas, halts"),
        (name = "events", description = "What happens, as it happens")
    )
)]
struct Document;

fn api() -> OpenApiRouter<Arc<App>> {
    let v1 = OpenApiRouter::new()
        .merge(session::router())
        .merge(api_keys::router())
        .merge(orders::router())
        .merge(projects::router())
        .merge(pools::router())
        .merge(crossing::router())
        .merge(reserve_prices::router())
        .merge(reserve_decisions::router())
        .merge(pool_settings::router())
        .merge(reserve_simulation::router())
        .merge(nodes::router())
        .merge(adoptions::router())
        .merge(agents::router())
        .merge(round_externality::router())
        .merge(rounds::router())
        .merge(swaps::router())
        .merge(instances::router())
        .merge(service_level::router())
        .merge(recalls::router())
        .merge(draws::router())
        .merge(drills::router())
        .merge(prediction::router())
        .merge(bottlenecks::router())
        .merge(swap_request::router())
        .merge(admin::router())
        .merge(audit::router())
        .merge(finance::router())
        .merge(ledger::router())
        .merge(disputes::router())
        .merge(events::router())
        .merge(meta::router());
    OpenApiRouter::with_openapi(Document::openapi()).nest("/v1", v1)
}

/// The concept's three routes, which also answer without /v1.
fn concept() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().merge(swaps::history()).merge(prediction::concept()).merge(swap_request::router())
}

/// Their paths.
const CONCEPT: [&str; 3] = ["/swap_history", "/prediction", "/swap_request"];

/// The OpenAPI document of everything under /v1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = api().to_openapi();
    for (path, mut item) in concept().to_openapi().paths.paths {
        // Operation ids are unique: clients are generated from them.
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation.operation_id = operation.operation_id.take().map(|id| format!("{id}Unprefixed"));
        }
        document.paths.paths.insert(path, item);
    }
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("API key or access token")).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let cookie = ApiKeyValue::with_description(
        auth::ACCESS_COOKIE,
        "The browser's session; writes need X-CSRF-Token. All tabs of a browser share it: a page names in Headroom-Participant and Headroom-User whom it shows",
    );
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    examples::add(&mut document);
    shapes::add_answers_to_bodies(&mut document);
    shapes::join_closed(&mut document);
    document
}

/// Carries what the authentication learned of the rate limit to the response.
#[derive(Clone, Default)]
pub struct LimitSlot(Arc<Mutex<Option<Remaining>>>);

impl LimitSlot {
    pub fn set(&self, remaining: Remaining) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(remaining);
    }
}

/// The whole service: the routes, and what goes around each of them. As layers of the router these would be copied for
/// every request, route and all.
pub struct Service {
    process: u64,
    store: Arc<Store>,
    parameterless: parameters::Parameterless,
    routes: Router,
    compressed: Compression<Router, And<DefaultPredicate, NotForContentType>>,
}

impl Service {
    pub async fn answer(&self, mut request: Request) -> Response {
        let slot = LimitSlot::default();
        request.extensions_mut().insert(slot.clone());
        let is_api = request.uri().path().starts_with("/v1");
        // What is outside the API is in the binary, or says itself what it waits for: it answers also while the disk stalls.
        let reads = is_api && request.method() == Method::GET;
        let (id, mut response) =
            request_id::with(self.process, request.uri().clone(), self.while_stored(request, is_api)).await;
        if reads {
            // Commands are answered when they are durable; what is read may have been written a moment ago.
            self.store.all_seen_is_durable().await;
        }
        let headers = response.headers_mut();
        if let Some(remaining) = *slot.0.lock().unwrap_or_else(PoisonError::into_inner) {
            limit::write(remaining, headers);
        }
        for (name, value) in &SECURITY_HEADERS {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if is_api {
            headers.insert(&VERSION.0, VERSION.1.clone());
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
        }
        request_id::write(&id, headers);
        response
    }

    /// A database that goes away answers nobody, and what is in memory may be another server's by then: whoever asks hears
    /// so at once, also in the middle of a request.
    async fn while_stored(&self, request: Request, is_api: bool) -> Response {
        if !is_api && !CONCEPT.contains(&request.uri().path()) {
            return self.routed(request, is_api).await;
        }
        if self.store.is_away() {
            return Problem::from(failure::away()).into_response();
        }
        let changes = !request.method().is_safe();
        tokio::select! {
            biased;
            response = self.routed(request, is_api) => response,
            () = self.store.gone() => {
                Problem::from(if changes { failure::unknown() } else { failure::away() }).into_response()
            }
        }
    }

    async fn routed(&self, request: Request, is_api: bool) -> Response {
        if !names_its_host(&request) {
            let detail = "Send one Host header, as HTTP/1.1 requires.";
            return Problem::new(StatusCode::BAD_REQUEST, "host_required", detail).into_response();
        }
        if let Some(problem) = self.parameterless.refusal(request.method(), request.uri()) {
            return problem.into_response();
        }
        // Nobody caches these, so they need no word on what else could have been asked for.
        let answer = if is_api && !request.headers().contains_key(header::ACCEPT_ENCODING) {
            self.routes.clone().oneshot(request).await
        } else {
            self.compressed.clone().oneshot(request).await.map(|response| response.map(Body::new))
        };
        answer.unwrap_or_else(|never| match never {})
    }
}

/// A request of HTTP/1.1 without Host, or with two, may mean another server to a proxy in front than it does here.
fn names_its_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

static VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("headroom-version"), HeaderValue::from_static("2026-11-20"));

static SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

pub fn service(app: Arc<App>) -> Service {
    let (process, store) = (app.process, app.store.clone());
    let (v1, _) = api().split_for_parts();
    let (aliases, _) = concept().split_for_parts();
    let compressed = DefaultPredicate::new().and(NotForContentType::new("text/event-stream"));
    let routes = Router::new()
        .merge(v1)
        .merge(aliases)
        .route("/healthz", get(meta::healthz))
        .route("/readyz", get(meta::readyz))
        .route("/startupz", get(meta::readyz))
        .route("/.well-known/jwks.json", get(meta::jwks))
        .route("/docs/errors/{code}", get(meta::error_page))
        .fallback(meta::ui)
        .method_not_allowed_fallback(meta::method_not_allowed)
        .with_state(app)
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()));
    let compressed = CompressionLayer::new().compress_when(compressed).layer(routes.clone());
    let parameterless = parameters::Parameterless::of(&openapi());
    Service { process, store, parameterless, routes, compressed }
}
