//! Authority as a type: a handler that takes `Member` or `Platform` can't run without it.
//!
//! Bearer API key, bearer access token, or the browser's httpOnly cookie with a CSRF header
//! on everything that writes.
use crate::app::App;
use crate::app::credential::{Credential, is_key};
use crate::app::directory::Identity;
use crate::http::acting;
use crate::http::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::{HeaderValue, Method, header, request::Parts};
use headroom_market::ids::ParticipantId;
use headroom_market::participant::Role;
use headroom_store::read::Scope;
use std::sync::Arc;

pub const ACCESS_COOKIE: &str = "headroom_access";
pub const REFRESH_COOKIE: &str = "headroom_refresh";
pub const CSRF_COOKIE: &str = "headroom_csrf";
/// Shows that a browser has signed in to an account before. It lets nobody in, and outlives the session.
pub const BROWSER_COOKIE: &str = "headroom_browser";
pub const CSRF_HEADER: &str = "x-csrf-token";

/// Anybody who is signed in.
#[derive(Clone, Debug)]
pub struct Anyone(pub Identity);

/// Anybody who is signed in, with what they proved it by: for an answer that goes on after the
/// request, and has to end with it.
#[derive(Clone, Debug)]
pub struct Listener {
    pub by: Identity,
    pub credential: Credential,
}

/// A member of an ordinary participant: bidder or tenant.
#[derive(Clone, Debug)]
pub struct Member(pub Identity);

/// A member of the operator's participant.
#[derive(Clone, Debug)]
pub struct Platform(pub Identity);

impl Identity {
    pub fn may(&self, scope: &str) -> Result<(), Problem> {
        if self.scopes.iter().any(|s| s == scope) {
            return Ok(());
        }
        Err(Problem::forbidden(format!(
            "This needs the scope {scope}; the role {} or this key does not have it. GET /v1/me names yours.",
            self.role.name()
        )))
    }
    /// Whose rows a read may show.
    pub fn scope(&self) -> Scope {
        if self.role.is_platform() { Scope::All } else { Scope::Participant(self.participant.to_string()) }
    }
    /// The participant whose objects it may change, `None` for all.
    pub fn own(&self) -> Option<ParticipantId> {
        (!self.role.is_platform()).then_some(self.participant)
    }
}

/// A cookie's value.
pub fn cookie<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let all = parts.headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(n, _)| *n == name).map(|(_, value)| value))
}

/// What a header Authorization: Bearer carries.
pub fn bearer(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")))
}

fn identify(parts: &Parts, app: &App) -> Result<(Identity, Credential), Problem> {
    let known = |credential: Option<Credential>| {
        let credential = credential?;
        Some((credential.identity(&app.directory(), &app.sessions, app.now()).ok()?, credential))
    };
    let claims = |token: &str| app.tokens.genuine(token);
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let secret = bearer(value).ok_or_else(|| Problem::unauthorized("Send Authorization: Bearer KEY."))?;
        let identified = if is_key(secret) {
            known(Some(Credential::of_key(secret)))
        } else {
            known(claims(secret).map(Credential::Token))
        };
        return identified.ok_or_else(|| {
            Problem::unauthorized("The key or token is unknown, expired or revoked. Sign in again, or make a new key.")
        });
    }
    let Some(token) = cookie(parts, ACCESS_COOKIE) else {
        return Err(Problem::unauthorized("Sign in, or send an API key as Authorization: Bearer KEY."));
    };
    let expired = || Problem::unauthorized("The session has expired. Sign in again.");
    let claims = claims(token).ok_or_else(expired)?;
    let session = claims.sid.clone();
    let identified = known(Some(Credential::Token(claims))).ok_or_else(expired)?;
    let writes = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if writes {
        check_csrf(parts, app, &session)?;
    }
    Ok(identified)
}

/// That a page of this origin asks: no other site may send a header of ours. Its value does not count where sessions are
/// renewed or ended, as several tabs may do that at once, and each renewal changes the cookie.
pub fn check_own_page(parts: &Parts) -> Result<(), Problem> {
    if parts.headers.get(CSRF_HEADER).is_none_or(HeaderValue::is_empty) {
        return Err(Problem::forbidden("With a session cookie, send the header X-CSRF-Token."));
    }
    Ok(())
}

/// What writes by a cookie has to show that it can read what came with the session: other sites can't, and who plants a
/// cookie of another session gains nothing.
fn check_csrf(parts: &Parts, app: &App, session: &str) -> Result<(), Problem> {
    let sent = parts.headers.get(CSRF_HEADER).and_then(|v| v.to_str().ok());
    if sent.is_some_and(|sent| app.tokens.is_csrf_token_of(sent, session)) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "With a session cookie, X-CSRF-Token must carry the value of the headroom_csrf cookie of this session.",
    ))
}

impl FromRequestParts<Arc<App>> for Listener {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let (identity, credential) = identify(parts, app)?;
        if let Some(remaining) = app.limiter.check(&identity.actor, identity.participant)?
            && let Some(slot) = parts.extensions.get::<super::LimitSlot>()
        {
            slot.set(remaining);
        }
        acting::check(&parts.headers, &identity)?;
        app.key_uses.note(&identity.actor, app.now());
        Ok(Listener { by: identity, credential })
    }
}

impl FromRequestParts<Arc<App>> for Anyone {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Ok(Anyone(Listener::from_request_parts(parts, app).await?.by))
    }
}

impl FromRequestParts<Arc<App>> for Member {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Anyone(identity) = Anyone::from_request_parts(parts, app).await?;
        if identity.role.is_platform() {
            let detail = "The operator's own participant does not trade. Sign in as a bidder or tenant.";
            return Err(Problem::forbidden(detail));
        }
        Ok(Member(identity))
    }
}

impl FromRequestParts<Arc<App>> for Platform {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Anyone(identity) = Anyone::from_request_parts(parts, app).await?;
        if !identity.role.is_platform() {
            return Err(Problem::forbidden("This is for a role of the operator. GET /v1/me names what yours may do."));
        }
        Ok(Platform(identity))
    }
}

/// A role that may do a thing, by name, for messages.
pub fn require(identity: &Identity, roles: &[Role]) -> Result<(), Problem> {
    if roles.contains(&identity.role) {
        return Ok(());
    }
    let names: Vec<&str> = roles.iter().map(|r| r.name()).collect();
    Err(Problem::forbidden(format!("This is for the role {}.", names.join(" or "))))
}
