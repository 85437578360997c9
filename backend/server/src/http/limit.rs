//! How much of its limit a client has left, as headers of draft-ietf-httpapi-ratelimit-headers-11.
use crate::app::limiter::Remaining;
use axum::http::{HeaderMap, HeaderValue};

/// Limits are by the minute.
const WINDOW_SECONDS: u32 = 60;

pub fn write(remaining: Remaining, headers: &mut HeaderMap) {
    let policy = format!("\"default\";q={};w={WINDOW_SECONDS}", remaining.quota);
    let left = format!("\"default\";r={};t={WINDOW_SECONDS}", remaining.left);
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}
