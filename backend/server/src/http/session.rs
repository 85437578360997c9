//! Signing in and out, and who am I.
use crate::app::App;
use crate::app::credential::is_key;
use crate::app::directory::{Directory, secret_hash};
use crate::app::passwords;
use crate::app::refresh::{GRACE_SECONDS, REFRESH_SECONDS, RefreshToken};
use crate::app::secret::random_hex;
use crate::app::sign_ins::Source;
use crate::app::tokens::ACCESS_SECONDS;
use crate::http::auth::{
    ACCESS_COOKIE, Anyone, BROWSER_COOKIE, CSRF_COOKIE, REFRESH_COOKIE, bearer, check_own_page, cookie,
};
use crate::http::extract::{Body, Query};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::serve::client_address;
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headroom_market::ids::{ParticipantId, UserId};
use headroom_market::market::Rhythm;
use headroom_market::participant::{Membership, Role, User};
use headroom_market::time::Timestamp;
use headroom_store::observations::{RefreshUse, Successors};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(refresh)).routes(routes!(logout)).routes(routes!(me))
}

/// For how long a browser is known that has signed in: it is asked for its password all the same.
const BROWSER_SECONDS: i64 = 365 * 24 * 3600;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    email: String,
    password: String,
    /// Where the user has several memberships.
    #[serde(default)]
    participant: Option<ParticipantId>,
}

/// A session: the browser gets it as httpOnly cookies too.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Session {
    /// Left out where the session was renewed by its cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub access_token: Option<String>,
    pub expires_in: i64,
    /// Browsers send it as X-CSRF-Token with everything that writes.
    pub csrf_token: String,
    /// For clients without cookies; rotated at each use. Left out where the session was renewed by its cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refresh_token: Option<String>,
}

/// Signs in with a password.
#[utoipa::path(post, path = "/auth/login", tag = "session", operation_id = "login", request_body = Login, security(()),
    responses((status = 200, description = "Signed in", body = Session), Problems))]
async fn login(State(app): State<Arc<App>>, request: Request) -> Answered<Response> {
    let (parts, body) = request.into_parts();
    let address = client_address(&parts, app.behind_proxy);
    let shown = cookie(&parts, BROWSER_COOKIE).map(str::to_owned);
    let Body(login) = Body::<Login>::from_request(Request::from_parts(parts, body), &app).await?;
    let directory = app.directory();
    let user = directory.user_by_email(&login.email).cloned();
    let known = user.as_ref().filter(|user| shown.is_some_and(|shown| app.tokens.is_of_browser(&shown, user)));
    let source = known.map_or(Source::Stranger(address), |user| Source::Known(user.id));
    let turn = app.limiter.sign_ins.attempt(&login.email, source).await?;
    let stored = user.as_ref().map(|u| u.password_hash.clone());
    let password = login.password;
    // Argon2 takes its time on purpose: not on the async threads. It goes on also for who has hung up.
    let check = move || {
        let _turn = turn;
        passwords::verify(&password, stored.as_deref())
    };
    let passed = tokio::task::spawn_blocking(check).await;
    let user = user.filter(|_| passed.unwrap_or(false));
    let user = user.ok_or_else(|| Problem::unauthorized("The address or the password is wrong."))?;
    let membership = user.memberships.iter().find(|m| login.participant.is_none_or(|p| p == m.participant));
    let membership = *membership.ok_or_else(not_a_member)?;
    let (family, token) = (random_hex()?, RefreshToken::new(&random_hex()?, membership));
    let expires_at = app.now().plus_seconds(REFRESH_SECONDS).micros();
    let user_id = user.id.to_string();
    app.store.observations.add_refresh_token(&token.hash(), &family, &user_id, expires_at).await?;
    let mut response = session(&app, user.id, &family, token, false)?;
    let (browser, secure) = (app.tokens.browser_of(&user), secure(&app));
    let cookie = format!(
        "{BROWSER_COOKIE}={browser}; Path=/v1/auth/login; Max-Age={BROWSER_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    );
    set_cookies(&mut response, &[cookie]);
    Ok(response)
}

fn secure(app: &App) -> &'static str {
    if app.secure_cookies { "; Secure" } else { "" }
}

fn session_ended() -> Problem {
    Problem::unauthorized("The session has ended. Sign in again.")
}

fn not_a_member() -> Problem {
    Problem::forbidden("This user is not a member of that participant.")
}

/// The tokens of a session whose refresh token is stored; a client that has shown a cookie gets them in cookies alone, where
/// no script can read them.
fn session(app: &App, user: UserId, family: &str, token: RefreshToken, in_cookies_alone: bool) -> Answered<Response> {
    let now = app.now().seconds();
    if !app.sessions.goes_on(family, now) {
        return Err(session_ended());
    }
    let of = token.membership;
    let access = app.tokens.issue(user, of.participant, of.role, family, now);
    let access_token = access.ok_or_else(|| Problem::fault(&"the token could not be signed"))?;
    let csrf_token = app.tokens.csrf_token(family, &random_hex()?);
    let refresh_token = token.into_text();
    let secure = secure(app);
    let cookies = [
        format!("{ACCESS_COOKIE}={}; Path=/; Max-Age={ACCESS_SECONDS}; HttpOnly; SameSite=Lax{secure}", access_token),
        format!(
            "{REFRESH_COOKIE}={}; Path=/v1/auth; Max-Age={REFRESH_SECONDS}; HttpOnly; SameSite=Lax{secure}",
            refresh_token
        ),
        format!("{CSRF_COOKIE}={}; Path=/; Max-Age={REFRESH_SECONDS}; SameSite=Lax{secure}", csrf_token),
    ];
    let told = |token: String| (!in_cookies_alone).then_some(token);
    let session = Session {
        access_token: told(access_token),
        expires_in: ACCESS_SECONDS,
        csrf_token,
        refresh_token: told(refresh_token),
    };
    let mut response = Json(session).into_response();
    set_cookies(&mut response, &cookies);
    Ok(response)
}

fn set_cookies(response: &mut Response, cookies: &[String]) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// A refresh token as it was presented.
struct Presented {
    token: String,
    by_cookie: bool,
}

fn refresh_token(parts: &Parts) -> Option<Presented> {
    let sent = parts.headers.get("x-refresh-token").and_then(|v| v.to_str().ok());
    if let Some(token) = sent {
        return Some(Presented { token: token.to_owned(), by_cookie: false });
    }
    cookie(parts, REFRESH_COOKIE).map(|token| Presented { token: token.to_owned(), by_cookie: true })
}

/// Which of the user's memberships to go on with.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Continue {
    /// Act for this participant from now on; left out: the one the session is for.
    participant: Option<ParticipantId>,
}

/// Renews a session, for the same participant or for another one of the user; the refresh token
/// (cookie with X-CSRF-Token, or header X-Refresh-Token) is used up. A second use within 10 seconds gets the same
/// successor, any other one ends the session.
#[utoipa::path(post, path = "/auth/refresh", tag = "session", operation_id = "refreshSession", security(()),
    params(Continue, ("X-Refresh-Token" = Option<String>, Header, description = "The refresh token, of a client without cookies")),
    responses((status = 200, description = "A new session", body = Session), Problems))]
async fn refresh(State(app): State<Arc<App>>, Query(asked): Query<Continue>, request: Request) -> Answered<Response> {
    let expired = session_ended;
    let (parts, _) = request.into_parts();
    let Presented { token, by_cookie } = refresh_token(&parts).ok_or_else(expired)?;
    if by_cookie {
        check_own_page(&parts)?;
    }
    let presented = RefreshToken::parse(token).ok_or_else(expired)?;
    let directory = app.directory();
    let now = app.now();
    let (mut holder, mut next, mut possible) = (None, Err(expired()), Vec::new());
    let successors = |user: &str| {
        holder = user.parse().ok().and_then(|id| directory.user(id));
        let Some(user) = holder else { return Successors::default() };
        let follows = |membership: &Membership| presented.successor(&app.tokens, *membership);
        possible = user.memberships.iter().map(follows).collect();
        next = goes_on_as(user, presented.membership, asked.participant).map(|membership| follows(&membership));
        let until = now.plus_seconds(REFRESH_SECONDS).micros();
        Successors {
            next: next.as_ref().ok().map(|token| (token.hash(), until)),
            possible: possible.iter().map(RefreshToken::hash).collect(),
        }
    };
    let grace = GRACE_SECONDS * 1_000_000;
    let store = &app.store.observations;
    let (family, token) = match store.rotate_refresh_token(&presented.hash(), now.micros(), grace, successors).await? {
        RefreshUse::Fresh { family } => (family, next?),
        RefreshUse::Again { family, successor } => {
            let token = possible.into_iter().find(|token| token.hash() == successor).ok_or_else(expired)?;
            if asked.participant.is_some_and(|other| other != token.membership.participant) {
                return Err(refresh_repeated());
            }
            (family, token)
        }
        RefreshUse::Reused { family } => {
            app.sessions.end(&family, now.seconds());
            return Err(expired());
        }
        RefreshUse::Unknown => return Err(expired()),
    };
    session(&app, holder.ok_or_else(expired)?.id, &family, token, by_cookie)
}

/// The successor is there, but for another participant than the one that is asked for.
fn refresh_repeated() -> Problem {
    let detail =
        "This refresh token was used a moment ago. Use the one that came for it to go on for another participant.";
    Problem::new(StatusCode::CONFLICT, "refresh_repeated", detail)
}

/// The membership that a session goes on with.
fn goes_on_as(user: &User, present: Membership, asked: Option<ParticipantId>) -> Answered<Membership> {
    match asked.filter(|other| *other != present.participant) {
        Some(other) => user.memberships.iter().find(|m| m.participant == other).copied().ok_or_else(not_a_member),
        None if user.memberships.contains(&present) => Ok(present),
        None => Err(session_ended()),
    }
}

fn has_session_cookie(parts: &Parts) -> bool {
    [ACCESS_COOKIE, REFRESH_COOKIE].into_iter().any(|name| cookie(parts, name).is_some())
}

/// The session of an access token, also of one that has just expired.
fn session_of(app: &App, parts: &Parts) -> Answered<Option<String>> {
    let token = parts.headers.get(header::AUTHORIZATION).and_then(bearer);
    if token.is_some_and(is_key) {
        let detail = "An API key is not a session: it works until DELETE /v1/api_keys/{id} revokes it.";
        return Err(Problem::new(StatusCode::CONFLICT, "not_a_session", detail));
    }
    let token = token.or_else(|| cookie(parts, ACCESS_COOKIE));
    Ok(token.and_then(|t| app.tokens.genuine(t)).map(|claims| claims.sid))
}

/// Signs out: the session, found by any of its tokens, ends with all of them and with its event
/// streams, and the cookies are removed.
#[utoipa::path(post, path = "/auth/logout", tag = "session", operation_id = "logout", security(()),
    params(("X-Refresh-Token" = Option<String>, Header, description = "The refresh token, of a client without cookies; the access token does as well")),
    responses((status = 204, description = "Signed out"), Problems))]
async fn logout(State(app): State<Arc<App>>, request: Request) -> Answered<Response> {
    let (parts, _) = request.into_parts();
    let family = session_of(&app, &parts)?;
    let presented = refresh_token(&parts);
    let bearer = parts.headers.contains_key(header::AUTHORIZATION);
    if !bearer && presented.as_ref().is_none_or(|p| p.by_cookie) && has_session_cookie(&parts) {
        check_own_page(&parts)?;
    }
    let other = match presented {
        Some(Presented { token, .. }) => app.store.observations.family_of(&secret_hash(&token)).await?,
        None => None,
    };
    for family in family.into_iter().chain(other) {
        // First, so that it has ended also for a client that hangs up while the database works.
        app.sessions.end(&family, app.now().seconds());
        app.store.observations.revoke_family(&family).await?;
    }
    let gone = |name: &str, path: &str| format!("{name}=; Path={path}; Max-Age=0; SameSite=Lax");
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookies(&mut response, &[gone(ACCESS_COOKIE, "/"), gone(REFRESH_COOKIE, "/v1/auth"), gone(CSRF_COOKIE, "/")]);
    Ok(response)
}

/// Who is signed in, and the market's rhythm.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Me {
    pub user: UserView,
    pub participant: ParticipantName,
    pub role: Role,
    pub scopes: Vec<String>,
    pub memberships: Vec<MembershipView>,
    pub market: Rhythm,
    pub currency: String,
    pub now: Timestamp,
    pub demo: bool,
    /// Shown on every page where it is set.
    pub banner: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserView {
    pub id: UserId,
    pub email: String,
    pub name: String,
}

impl UserView {
    pub fn of(user: &User) -> Self {
        Self { id: user.id, email: user.email.clone(), name: user.name.clone() }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ParticipantName {
    pub id: ParticipantId,
    pub name: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MembershipView {
    pub participant: ParticipantName,
    pub role: Role,
}

/// What the demo says of itself on every page.
pub const DEMO_BANNER: &str =
    "DEMO: workloads follow a recorded trace, one step a slot; 60-second slots, nothing else is accelerated.";

fn name_of(directory: &Directory, id: ParticipantId) -> ParticipantName {
    ParticipantName { id, name: directory.participants.get(&id).map(|p| p.name.clone()).unwrap_or_default() }
}

pub fn memberships_of(directory: &Directory, user: &User) -> Vec<MembershipView> {
    let view = |m: &Membership| MembershipView { participant: name_of(directory, m.participant), role: m.role };
    user.memberships.iter().map(view).collect()
}

/// Who am I?
#[utoipa::path(get, path = "/me", tag = "session", operation_id = "getMe",
    responses((status = 200, description = "User, participant, role and market", body = Me), Problems))]
async fn me(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<Me>> {
    let directory = app.directory();
    let user = directory.user(by.user).ok_or_else(|| Problem::unauthorized("This user is gone."))?;
    Ok(Json(Me {
        user: UserView::of(user),
        participant: name_of(&directory, by.participant),
        role: by.role,
        scopes: by.scopes.to_vec(),
        memberships: memberships_of(&directory, user),
        market: app.rhythm.clone(),
        currency: "credits".to_owned(),
        now: app.now(),
        demo: app.demo,
        banner: app.demo.then(|| DEMO_BANNER.to_owned()),
    }))
}
