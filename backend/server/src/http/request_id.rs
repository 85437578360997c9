//! Every request has an id: in its log lines, its response header and its problem document.
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    static CURRENT: String;
}

static COUNT: AtomicU64 = AtomicU64::new(0);
static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that this task serves; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Unique for the life of the process; the process part is its start.
fn next(process: u64) -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("req_{process:08x}{count:010x}")
}

pub async fn assign(process: u64, request: Request, next_layer: Next) -> Response {
    let id = next(process);
    let mut response = CURRENT.scope(id.clone(), next_layer.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER.clone(), value);
    }
    response
}
