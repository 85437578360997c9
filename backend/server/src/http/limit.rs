//! Rate limits per actor, with the headers of draft-ietf-httpapi-ratelimit-headers-11.
use crate::http::problem::Problem;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;

const WINDOW_SECONDS: u32 = 60;
/// Sign-in attempts per account and minute.
const LOGINS_A_MINUTE: u32 = 20;

type Keyed = RateLimiter<Arc<str>, DashMapStateStore<Arc<str>>, DefaultClock, StateInformationMiddleware>;

pub struct Limiter {
    requests: Option<(Keyed, u32)>,
    logins: Keyed,
}

/// What the response says of the limit.
#[derive(Clone, Copy, Debug)]
pub struct Remaining {
    pub quota: u32,
    pub left: u32,
}

fn keyed(a_minute: u32) -> Keyed {
    let quota = Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN));
    RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>()
}

impl Limiter {
    /// 0 requests a minute switches the limit off.
    pub fn new(requests_a_minute: u32) -> Self {
        let requests = (requests_a_minute > 0).then(|| (keyed(requests_a_minute), requests_a_minute));
        Self { requests, logins: keyed(LOGINS_A_MINUTE) }
    }
    pub fn check(&self, actor: &Arc<str>) -> Result<Option<Remaining>, Problem> {
        let Some((limiter, quota)) = &self.requests else { return Ok(None) };
        match limiter.check_key(actor) {
            Ok(snapshot) => Ok(Some(Remaining { quota: *quota, left: snapshot.remaining_burst_capacity() })),
            Err(until) => Err(too_many(until.wait_time_from(DefaultClock::default().now()))),
        }
    }
    pub fn check_login(&self, account: &str) -> Result<(), Problem> {
        let account: Arc<str> = account.to_lowercase().into();
        match self.logins.check_key(&account) {
            Ok(_) => Ok(()),
            Err(until) => Err(too_many(until.wait_time_from(DefaultClock::default().now()))),
        }
    }
    /// Forgets actors that have not been seen for a window.
    pub fn sweep(&self) {
        if let Some((limiter, _)) = &self.requests {
            limiter.retain_recent();
        }
        self.logins.retain_recent();
    }
}

fn too_many(wait: std::time::Duration) -> Problem {
    let mut problem = Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "Too many requests. Wait for the time in Retry-After; the header RateLimit says how much is left.",
    );
    problem.retry_after_seconds = Some(wait.as_secs() as u32 + 1);
    problem
}

impl Remaining {
    pub fn write(self, headers: &mut HeaderMap) {
        let policy = format!("\"default\";q={};w={WINDOW_SECONDS}", self.quota);
        let left = format!("\"default\";r={};t={WINDOW_SECONDS}", self.left);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}
