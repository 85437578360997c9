//! Every request has an id: in its log lines, its response header and its problem document, which names its path, too.
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    static CURRENT: (String, Uri);
}

static COUNT: AtomicU64 = AtomicU64::new(0);
static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that this task serves; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(|(id, _)| id.clone()).unwrap_or_default()
}

/// The path that it asks for.
pub fn path() -> String {
    CURRENT.try_with(|(_, asked)| asked.path().to_owned()).unwrap_or_default()
}

/// Unique for the life of the process; the process part is its start.
fn next(process: u64) -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("req_{process:08x}{count:010x}")
}

/// Serves a request under an id of its own.
pub async fn with<T>(process: u64, asked: Uri, serving: impl Future<Output = T>) -> (String, T) {
    let id = next(process);
    let served = CURRENT.scope((id.clone(), asked), serving).await;
    (id, served)
}

pub fn write(id: &str, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(&HEADER, value);
    }
}
