//! API keys: made, listed, revoked.
use crate::app::App;
use crate::app::directory::{Identity, secret_hash};
use crate::app::secret::random_hex;
use crate::http::auth::Anyone;
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, list_of, ok};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use headroom_market::command::Command;
use headroom_market::ids::{KeyId, ParticipantId};
use headroom_market::participant::{ApiKey, Membership, Role};
use headroom_market::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_keys, create_key)).routes(routes!(revoke_key))
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
