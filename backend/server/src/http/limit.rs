//! What one client may take: requests (with the headers of
//! draft-ietf-httpapi-ratelimit-headers-11), sign-ins, password checks, open streams.
use crate::http::problem::Problem;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};

const WINDOW_SECONDS: u32 = 60;
/// Sign-in attempts per account and minute.
const LOGINS_A_MINUTE: u32 = 20;
/// Sign-in attempts per network address and minute, whatever the account: a team behind one
/// address signs in, a list of stolen passwords does not get far.
const LOGINS_A_MINUTE_AND_ADDRESS: u32 = 60;
/// Event streams of one key or user: ten browsers with six tabs each.
const STREAMS: u32 = 64;
/// Password checks at the same time. Each takes 19 MiB and a core for tens of milliseconds.
const PASSWORD_CHECKS: usize = 2;
/// Password checks that may wait for their turn: about a second's worth.
const PASSWORD_QUEUE: usize = 32;

type Keyed = RateLimiter<Arc<str>, DashMapStateStore<Arc<str>>, DefaultClock, StateInformationMiddleware>;

pub struct Limiter {
    requests: Option<(Keyed, u32)>,
    logins: Keyed,
    addresses: Option<Keyed>,
    /// Those that wait are in it too.
    password_places: Semaphore,
    password_checks: Semaphore,
    streams: Arc<Mutex<HashMap<Arc<str>, u32>>>,
}

/// The right to check one password now.
pub struct PasswordTurn<'a> {
    _place: SemaphorePermit<'a>,
    _check: SemaphorePermit<'a>,
}

/// An open event stream; dropping it makes room for another.
pub struct StreamSlot {
    streams: Arc<Mutex<HashMap<Arc<str>, u32>>>,
    actor: Arc<str>,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(&self.actor) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                streams.remove(&self.actor);
            }
        }
    }
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
        Self {
            requests,
            logins: keyed(LOGINS_A_MINUTE),
            addresses: (requests_a_minute > 0).then(|| keyed(LOGINS_A_MINUTE_AND_ADDRESS)),
            password_places: Semaphore::new(PASSWORD_CHECKS + PASSWORD_QUEUE),
            password_checks: Semaphore::new(PASSWORD_CHECKS),
            streams: Arc::default(),
        }
    }
    pub fn check(&self, actor: &Arc<str>) -> Result<Option<Remaining>, Problem> {
        let Some((limiter, quota)) = &self.requests else { return Ok(None) };
        match limiter.check_key(actor) {
            Ok(snapshot) => Ok(Some(Remaining { quota: *quota, left: snapshot.remaining_burst_capacity() })),
            Err(until) => Err(too_many(until.wait_time_from(DefaultClock::default().now()))),
        }
    }
    /// Counts an attempt to sign in, by address first: who guesses at many accounts from one
    /// place must not use up the attempts of those accounts.
    pub fn check_login(&self, account: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        let account: Arc<str> = account.to_lowercase().into();
        let address = address.map(|a| Arc::from(network(a)));
        for (limiter, key) in [(self.addresses.as_ref(), address), (Some(&self.logins), Some(account))] {
            if let (Some(limiter), Some(key)) = (limiter, key)
                && let Err(until) = limiter.check_key(&key)
            {
                return Err(too_many(until.wait_time_from(DefaultClock::default().now())));
            }
        }
        Ok(())
    }
    /// Waits for a turn to check a password; refuses at once when too many wait already.
    pub async fn password_turn(&self) -> Result<PasswordTurn<'_>, Problem> {
        let Ok(place) = self.password_places.try_acquire() else {
            let mut problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "sign_in_busy",
                "Too many people are signing in at this moment. Try again after the time in Retry-After.",
            );
            problem.retry_after_seconds = Some(1);
            return Err(problem);
        };
        let check = self.password_checks.acquire().await.map_err(|e| Problem::fault(&e))?;
        Ok(PasswordTurn { _place: place, _check: check })
    }
    /// Takes one of the actor's event streams.
    pub fn open_stream(&self, actor: &Arc<str>) -> Result<StreamSlot, Problem> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(actor.clone()).or_default();
        if *count >= STREAMS {
            let mut problem = Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                format!(
                    "{STREAMS} event streams are open for this key or user. Close one; one stream can carry all topics."
                ),
            );
            problem.retry_after_seconds = Some(5);
            return Err(problem);
        }
        *count += 1;
        Ok(StreamSlot { streams: self.streams.clone(), actor: actor.clone() })
    }
    /// Forgets actors that have not been seen for a window.
    pub fn sweep(&self) {
        if let Some((limiter, _)) = &self.requests {
            limiter.retain_recent();
        }
        self.logins.retain_recent();
        if let Some(limiter) = &self.addresses {
            limiter.retain_recent();
        }
    }
}

/// Whom an address belongs to: an IPv4 address, or the /64 that one IPv6 customer gets.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
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
