//! Health, about, the OpenAPI document, the error catalogue and the embedded web UI.
use crate::app::App;
use crate::http::problem::{Answered, Problem, Problems};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(about)).routes(routes!(advance_clock))
}

/// The built web UI; empty when npm was not there at build time.
#[derive(RustEmbed)]
#[folder = "../../frontend/dist"]
#[allow_missing = true]
struct Ui;

#[derive(Clone, Debug, Serialize, ToSchema)]
struct Ready {
    ready: bool,
    database: String,
    sequencer: String,
    /// The market's rhythm: telemetry, rounds, swaps, settlement.
    conductor: String,
    bus: String,
    version: String,
    /// What to look at, when it is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

/// The process lives.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Database, migrations and sequencer are up, and the market moves.
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    // A database that has gone away may leave whoever asks it waiting for longer than a probe does.
    let away = app.store.is_away();
    let patience = std::time::Duration::from_millis(if away { 0 } else { 1500 });
    let (pinged, answered) = tokio::join!(
        tokio::time::timeout(patience, app.store.ping()),
        tokio::time::timeout(patience, app.sequencer.query(|_| ()))
    );
    let database = match pinged {
        _ if away => "down".to_owned(),
        Ok(Ok(())) => app.store.market.kind().to_owned(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            "down".to_owned()
        }
        Err(_) => {
            tracing::warn!("not ready: the database has not answered for a second and a half");
            "down".to_owned()
        }
    };
    let sequencer = if matches!(answered, Ok(Ok(()))) { "up" } else { "down" };
    let still = app.pulse.stands_still_for();
    let conductor = if still.is_some() { "stands still" } else { "up" };
    let mut reasons = Vec::new();
    if database == "down" {
        let reason =
            "The database does not answer: look whether it runs, and at its disk. The market goes on when it is back.";
        reasons.push(reason.to_owned());
    } else if sequencer == "down" {
        reasons.push(
            "The sequencer has not answered for a second and a half: the database is slow, or its disk is.".to_owned(),
        );
    }
    if let Some(silent) = still {
        reasons.push(format!(
            "The market has not moved for {} seconds: no telemetry, no rounds. Look at the log; if nothing there says why, restart the server.",
            silent.as_secs()
        ));
    }
    if *app.stopping.borrow() {
        reasons.push("The server is stopping.".to_owned());
    }
    let ready = reasons.is_empty();
    // It still serves, and nothing is lost; a person has to look.
    if app.store.log_grows() {
        let reason =
            "The log could not be copied into the database file, and grows: look at the disk and its free space.";
        reasons.push(reason.to_owned());
    }
    let room = app.disk.room();
    if room.is_low {
        reasons.push(format!(
            "Only {} MiB are free on the disk: nothing new is taken from members until there is more room.",
            room.free >> 20
        ));
    }
    let bus = format!("{}{}", app.bus.kind(), if app.bus.is_up() { "" } else { " (down: nothing is announced there)" });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let (sequencer, conductor) = (sequencer.to_owned(), conductor.to_owned());
    (status, Json(Ready { ready, database, sequencer, conductor, bus, version, reasons })).into_response()
}

/// Public keys for checking access tokens elsewhere.
pub async fn jwks(State(app): State<Arc<App>>) -> Json<serde_json::Value> {
    Json(app.tokens.jwks())
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct About {
    version: String,
    licence: String,
    demo: bool,
    attributions: Vec<Attribution>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct Attribution {
    name: String,
    text: String,
    licence: String,
}

/// Version, licence and whose work is inside.
#[utoipa::path(get, path = "/about", tag = "session", operation_id = "getAbout", security(()),
    responses((status = 200, description = "Version and attributions", body = About), Problems))]
async fn about(State(app): State<Arc<App>>) -> Json<About> {
    let attribution = |name: &str, text: &str, licence: &str| Attribution {
        name: name.to_owned(),
        text: text.to_owned(),
        licence: licence.to_owned(),
    };
    Json(About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        licence: "Apache-2.0".to_owned(),
        demo: app.demo,
        attributions: vec![
            attribution(
                "Google cluster trace 2011",
                "The demo's workloads follow an extract of clusterdata-2011-2 (24 machines, CPU and memory, one day), one step a slot, then again with the entities permuted.",
                "CC-BY 4.0",
            ),
            attribution("Inter", "Typeface of the web UI, by The Inter Project Authors; a subset.", "SIL OFL 1.1"),
        ],
    })
}

#[derive(Clone, Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdvanceClock {
    /// How far; at most an hour at once.
    seconds: i64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ClockView {
    now: headroom_market::time::Timestamp,
}

/// Moves the clock of a server that runs on a simulated one, and waits for all that is due.
#[utoipa::path(post, path = "/sandbox/clock/advance", tag = "session", operation_id = "advanceClock", request_body = AdvanceClock,
    responses((status = 200, description = "The new time", body = ClockView), Problems))]
async fn advance_clock(
    State(app): State<Arc<App>>,
    crate::http::auth::Anyone(_by): crate::http::auth::Anyone,
    crate::http::extract::Body(body): crate::http::extract::Body<AdvanceClock>,
) -> Answered<Json<ClockView>> {
    if !app.clock.is_simulated() {
        let detail = "This server runs on the wall clock; only one started with --sim-clock can be advanced.";
        return Err(Problem::new(StatusCode::CONFLICT, "clock_is_real", detail));
    }
    if !(0..=3600).contains(&body.seconds) {
        return Err(Problem::field("seconds_out_of_range", "/seconds", "seconds is from 0 to 3600."));
    }
    let to = app.now().plus_seconds(body.seconds);
    let (done, wait) = tokio::sync::oneshot::channel();
    let stopped = |_| Problem::from(crate::sequencer::Busy::Stopped);
    app.conductor.send(crate::workers::conductor::Advance { to, done }).await.map_err(|_| stopped(()))?;
    wait.await.map_err(|_| stopped(()))?;
    Ok(Json(ClockView { now: app.now() }))
}

/// What a problem code means; the `type` of every problem points here.
pub async fn error_page(axum::extract::Path(code): axum::extract::Path<String>) -> Response {
    let known = crate::http::catalogue::entries().into_iter().find(|e| e.code == code);
    match known {
        Some(entry) => Html(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title><h1>{0}</h1><p>HTTP {1}</p><p>{2}</p><p>The answer itself says more: <code>detail</code>, and in <code>errors</code> which field is at fault. Its <code>request_id</code> is in the operator's log.</p><p><a href=\"/docs\">The API</a></p></html>",
            entry.code, entry.status, escape(&entry.detail)
        ))
        .into_response(),
        None => (StatusCode::NOT_FOUND, Html("<!doctype html><html lang=\"en\"><title>Unknown code</title><h1>Unknown code</h1></html>".to_owned())).into_response(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Paths that are the API's own: an unknown one is a problem, not the UI.
const API_PATHS: [&str; 10] = [
    "/v1",
    "/assets",
    "/docs",
    "/openapi.json",
    "/metrics",
    "/healthz",
    "/readyz",
    "/startupz",
    "/.well-known",
    "/swap_",
];

/// How the addresses of the UI's pages begin; a test compares them with its routes.
const PAGES: [&str; 15] = [
    "login",
    "nodes",
    "add-workloads",
    "pools",
    "bids",
    "workloads",
    "projects",
    "rounds",
    "swaps",
    "forecasts",
    "finance",
    "admin",
    "developers",
    "audit",
    "about",
];

/// A known path with a method that it does not have.
pub async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This path does not have that method. /docs lists what it has; the Allow header, too.",
    )
}

fn no_such_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_such_route", "There is no such route. /docs lists them all.")
}

/// The web UI: files by path, the page itself for everything else that a browser asks for.
pub async fn ui(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let name = path.trim_start_matches('/');
    if !name.is_empty() && name != "index.html" {
        if let Some(file) = Ui::get(name) {
            return file_response(name, file, &headers);
        }
        if API_PATHS
            .iter()
            .any(|p| path == *p || path.starts_with(&format!("{p}/")) || (p.ends_with('_') && path.starts_with(p)))
        {
            return no_such_route().into_response();
        }
        if !PAGES.contains(&name.split('/').next().unwrap_or_default()) {
            return unknown(&headers);
        }
    }
    page(&headers)
}

/// A browser gets the page, which says that there is none of this address; whoever does not ask for pages by that name
/// has mistyped a path of the API.
fn unknown(headers: &HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let mut response = match accepts.is_some_and(|types| types.contains("text/html")) {
        true => page(headers),
        false => no_such_route().into_response(),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn page(headers: &HeaderMap) -> Response {
    match Ui::get("index.html") {
        Some(page) => file_response("index.html", page, headers),
        None => (
            StatusCode::OK,
            Html("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Headroom</title><h1>Headroom</h1><p>This binary was built without the web UI (npm was not found). The API works: see <a href=\"/docs\">/docs</a>.</p></html>"),
        )
            .into_response(),
    }
}

/// The few kinds of file that the UI's build makes.
fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn file_response(name: &str, file: rust_embed::EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..12]));
    let kind = media_type(name).to_owned();
    // Assets have their hash in their name; the page has not.
    let caching = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { file.data.into_owned().into_response() };
    let all = response.headers_mut();
    for (name, value) in
        [(header::ETAG, tag), (header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, caching.to_owned())]
    {
        if let Ok(value) = HeaderValue::from_str(&value) {
            all.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_page_of_the_ui_has_an_address_of_its_own() {
        let routes = include_str!("../../../../frontend/src/app/routes.ts");
        let router = include_str!("../../../../frontend/src/app/router.tsx");
        let paths = [routes, router].into_iter().flat_map(|text| text.split("path: '/").skip(1));
        let first = |path: &'static str| path.split(['/', '\'']).next().filter(|name| !name.is_empty());
        assert_eq!(paths.filter_map(first).collect::<BTreeSet<_>>(), BTreeSet::from(PAGES));
    }
}
