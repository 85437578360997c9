//! Signing in and out, who am I, API keys.
use crate::app::App;
use crate::app::credential::is_key;
use crate::app::directory::{Directory, Identity, secret_hash};
use crate::app::passwords;
use crate::app::refresh::{GRACE_SECONDS, REFRESH_SECONDS, RefreshToken};
use crate::app::secret::random_hex;
use crate::app::tokens::ACCESS_SECONDS;
use crate::http::auth::{ACCESS_COOKIE, Anyone, CSRF_COOKIE, REFRESH_COOKIE, bearer, check_own_page, cookie};
use crate::http::extract::{Body, Path, Query};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, list_of, ok};
use crate::http::serve::client_address;
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headroom_market::command::Command;
use headroom_market::ids::{KeyId, ParticipantId, UserId};
use headroom_market::market::Rhythm;
use headroom_market::participant::{ApiKey, Membership, Role, User};
use headroom_market::time::Timestamp;
use headroom_store::observations::{RefreshUse, Successors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(list_keys, create_key))
        .routes(routes!(revoke_key))
}

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
    let Body(login) = Body::<Login>::from_request(Request::from_parts(parts, body), &app).await?;
    app.limiter.check_login(&login.email, address)?;
    let directory = app.directory();
    let user = directory.user_by_email(&login.email).cloned();
    let stored = user.as_ref().map(|u| u.password_hash.clone());
    let password = login.password;
    let turn = app.limiter.password_turn().await?;
    // Argon2 takes its time on purpose: not on the async threads.
    let passed = tokio::task::spawn_blocking(move || passwords::verify(&password, stored.as_deref())).await;
    drop(turn);
    let user = user.filter(|_| passed.unwrap_or(false));
    let user = user.ok_or_else(|| Problem::unauthorized("The address or the password is wrong."))?;
    let membership = user.memberships.iter().find(|m| login.participant.is_none_or(|p| p == m.participant));
    let membership = *membership.ok_or_else(not_a_member)?;
    let (family, token) = (random_hex()?, RefreshToken::new(&random_hex()?, membership));
    let expires_at = app.now().plus_seconds(REFRESH_SECONDS).micros();
    let user_id = user.id.to_string();
    app.store.observations.add_refresh_token(&token.hash(), &family, &user_id, expires_at).await?;
    session(&app, user.id, &family, token, false)
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
    let csrf_token = random_hex()?;
    let refresh_token = token.into_text();
    let secure = if app.secure_cookies { "; Secure" } else { "" };
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

/// An API key without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyView {
    pub id: KeyId,
    pub participant: ParticipantId,
    pub name: String,
    pub role: Role,
    pub scopes: Vec<String>,
    pub prefix: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// The key that it was made with, and with which it is revoked; `null` where a person made it.
    pub made_by: Option<KeyId>,
    /// To the minute; `null` where nobody has used it since this is recorded.
    pub last_used_at: Option<Timestamp>,
}

/// A new key; the secret is shown this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NewKeyView {
    #[serde(flatten)]
    pub key: KeyView,
    pub secret: String,
}

fn key_view(key: &ApiKey) -> KeyView {
    KeyView {
        id: key.id,
        participant: key.participant,
        name: key.name.clone(),
        role: key.role,
        scopes: key.scopes.clone(),
        prefix: key.prefix.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        made_by: key.made_by,
        last_used_at: None,
    }
}

/// Whose keys somebody sees and revokes: an admin everybody's, so that a leaked one can be cut off, others their participant's.
fn keys_of(by: &Identity) -> Option<ParticipantId> {
    (by.own().is_some() || by.may("admin:write").is_err()).then_some(by.participant)
}

/// Lists the participant's API keys; for an admin those of all participants.
#[utoipa::path(get, path = "/api_keys", tag = "session", operation_id = "listApiKeys",
    responses((status = 200, description = "Keys without their secrets", body = List<KeyView>), Problems))]
async fn list_keys(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("keys:read").or_else(|_| by.may("keys:write"))?;
    let whose = keys_of(&by);
    let is_theirs = move |key: &ApiKey| whose.is_none_or(|of| of == key.participant);
    let list =
        move |s: &headroom_market::state::State| s.keys.values().filter(|k| is_theirs(k)).map(key_view).collect();
    let mut keys: Vec<KeyView> = app.sequencer.query(list).await?;
    keys.iter_mut().for_each(|key| key.last_used_at = app.key_uses.of_key(key.id));
    Ok(list_of(&keys))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: String,
    /// A subset of the caller's own scopes; all of them if left out. An empty list is refused.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// The scopes of a new key: never more than the caller has, who may be a key itself.
fn scopes_of_key(by: &Identity, asked: Option<Vec<String>>) -> Answered<Vec<String>> {
    let Some(asked) = asked else { return Ok(by.scopes.to_vec()) };
    if asked.is_empty() {
        let detail = "A key without scopes could do nothing. Name some, or leave `scopes` out for all of yours.";
        return Err(Problem::field("scopes_empty", "/scopes", detail));
    }
    match asked.iter().position(|scope| !by.scopes.contains(scope)) {
        Some(index) => Err(Problem::field(
            "scope_not_allowed",
            &format!("/scopes/{index}"),
            format!("A key has at most the scopes of who makes it: {}.", by.scopes.join(", ")),
        )),
        // one that is named twice is one
        None => Ok(asked.into_iter().collect::<BTreeSet<_>>().into_iter().collect()),
    }
}

/// The command that makes a key, and its secret.
fn key_command(
    name: String,
    by: &Identity,
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
    demo: bool,
) -> Answered<(Command, String)> {
    let secret = format!("xk_{}_{}", if demo { "test" } else { "live" }, random_hex()?);
    let command = Command::CreateKey {
        name,
        user: by.user,
        membership: Membership { participant: by.participant, role: by.role },
        scopes,
        prefix: secret[..16].to_owned(),
        secret_hash: secret_hash(&secret),
        expires_at,
        made_by: by.actor.parse().ok(),
    };
    Ok((command, secret))
}

/// Makes an API key.
#[utoipa::path(post, path = "/api_keys", tag = "session", operation_id = "createApiKey", request_body = NewKey,
    responses((status = 201, description = "The key; its secret is shown this once", body = NewKeyView), Problems))]
async fn create_key(State(app): State<Arc<App>>, Anyone(by): Anyone, Body(new): Body<NewKey>) -> Answered<Response> {
    by.may("keys:write")?;
    let scopes = scopes_of_key(&by, new.scopes)?;
    let (command, secret) = key_command(new.name, &by, scopes, new.expires_at, app.demo)?;
    let document = app.object(&by, command).await?;
    app.refresh_directory().await?;
    let key: ApiKey = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    let view = NewKeyView { key: key_view(&key), secret };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(view)).into_response())
}

/// Revokes an API key and all that were made with it: one of the participant, or as an admin anybody's; the roles
/// finance and operator those of their role.
#[utoipa::path(delete, path = "/api_keys/{id}", tag = "session", operation_id = "revokeApiKey", params(("id" = KeyId, Path, description = "Key")),
    responses((status = 200, description = "The revoked key", body = KeyView), Problems))]
async fn revoke_key(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(id): Path<KeyId>) -> Answered<Document> {
    by.may("keys:write")?;
    if by.role.is_platform() && by.may("admin:write").is_err() {
        // The operator's people share a participant, and not what they may do.
        let role = app.sequencer.query(move |s| s.keys.get(&id).map(|key| key.role)).await?;
        if role.is_some_and(|role| role != by.role) {
            let detail = format!("A key of another role is revoked by an admin; yours is {}.", by.role.name());
            return Err(Problem::forbidden(detail));
        }
    }
    let document = app.object(&by, Command::RevokeKey { participant: keys_of(&by), key: id }).await?;
    app.refresh_directory().await?;
    let key: ApiKey = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    Ok(ok(serde_json::to_string(&key_view(&key)).map_err(|e| Problem::fault(&e))?))
}
