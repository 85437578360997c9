//! Participants, users, quotas and grants: the admin's part.
use crate::app::App;
use crate::app::directory::is_email;
use crate::app::passwords;
use crate::app::sign_ins::Source;
use crate::http::auth::{Anyone, Platform};
use crate::http::extract::{Body, HashedBody, Path};
use crate::http::orders::{idempotency, mark_replayed};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, created, list_of, ok};
use crate::http::session::{MembershipView, UserView, memberships_of};
use crate::sequencer::Attached;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use headroom_market::command::Command;
use headroom_market::ids::ParticipantId;
use headroom_market::notice::Balance;
use headroom_market::participant::{Membership, Participant, Role};
use headroom_market::units::{Amounts, Credits};
use headroom_market::workload::Class;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_participants, create_participant))
        .routes(routes!(put_quota))
        .routes(routes!(grant))
        .routes(routes!(list_users, create_user))
}

/// Lists participants: all for platform roles, one's own for the others.
#[utoipa::path(get, path = "/participants", tag = "admin", operation_id = "listParticipants",
    responses((status = 200, description = "Participants", body = List<Participant>), Problems))]
async fn list_participants(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    let own = by.own();
    let list = app.sequencer.query(move |s| {
        s.participants.values().filter(|p| own.is_none_or(|id| id == p.id)).cloned().collect::<Vec<_>>()
    });
    Ok(list_of(&list.await?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewParticipant {
    name: String,
    /// The most baseline capacity of its workloads together.
    #[serde(default)]
    quota: Amounts,
    /// The most workloads that it may have running at once; 64 if left out.
    #[serde(default)]
    instance_limit: Option<u32>,
    /// The highest class that its orders and workloads may have; `standard` if left out. A higher
    /// class wins ties.
    #[serde(default)]
    highest_class: Option<Class>,
}

/// Orders that a new participant may have open.
pub const OPEN_ORDER_LIMIT: u32 = 10_000;

/// Creates a participant.
#[utoipa::path(post, path = "/participants", tag = "admin", operation_id = "createParticipant", request_body = NewParticipant,
    responses((status = 201, description = "The participant", body = Participant), Problems))]
async fn create_participant(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Body(new): Body<NewParticipant>,
) -> Answered<Document> {
    by.may("admin:write")?;
    let command = Command::CreateParticipant {
        name: new.name,
        platform: false,
        quota: new.quota,
        open_order_limit: OPEN_ORDER_LIMIT,
        instance_limit: new.instance_limit,
        highest_class: new.highest_class,
    };
    let document = app.object(&by, command).await?;
    app.refresh_directory().await?;
    Ok(created(document))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Quota {
    /// The whole quota: a resource that it leaves out has none. Unchanged if left out.
    #[serde(default)]
    quota: Option<Amounts>,
    /// Unchanged if left out.
    #[serde(default)]
    instance_limit: Option<u32>,
    /// Unchanged if left out. Running workloads above it get it; orders that are open keep theirs.
    #[serde(default)]
    highest_class: Option<Class>,
}

/// Sets a participant's quota, its instance limit and its highest class: those of them that are named.
#[utoipa::path(put, path = "/participants/{id}/quota", tag = "admin", operation_id = "putQuota", request_body = Quota, params(("id" = ParticipantId, Path, description = "Participant")),
    responses((status = 200, description = "The participant", body = Participant), Problems))]
async fn put_quota(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<ParticipantId>,
    Body(new): Body<Quota>,
) -> Answered<Document> {
    by.may("admin:write")?;
    let Quota { quota, instance_limit, highest_class } = new;
    if quota.is_none() && instance_limit.is_none() && highest_class.is_none() {
        let detail = "Send what is to change: quota, instance_limit or highest_class.";
        return Err(Problem::field("nothing_to_change", "/quota", detail));
    }
    let command = Command::SetQuota { participant: id, quota, instance_limit, highest_class };
    Ok(ok(app.object(&by, command).await?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Grant {
    /// Below 0 it takes back what was granted by mistake, as far as it is still available.
    amount: Credits,
    /// For the audit.
    #[serde(default)]
    reason: Option<String>,
}

/// Grants credits to a participant, or takes back what was granted by mistake. Needs an Idempotency-Key.
#[utoipa::path(post, path = "/participants/{id}/grants", tag = "admin", operation_id = "grantCredits", request_body = Grant,
    params(("id" = ParticipantId, Path, description = "Participant"), ("Idempotency-Key" = String, Header, description = "Makes a repetition harmless")),
    responses((status = 201, description = "The new balance", body = Balance), Problems))]
async fn grant(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<ParticipantId>,
    headers: HeaderMap,
    body: HashedBody<Grant>,
) -> Answered<Response> {
    by.may("admin:write")?;
    let idempotency = idempotency(&by, &headers, true, &format!("POST /v1/participants/{id}/grants"), &body.bytes)?;
    let command = Command::Grant { participant: id, amount: body.value.amount, reason: body.value.reason };
    let replayed = app.submit(&by, command, idempotency, Attached::default()).await?.replayed;
    let balance = app.sequencer.query(move |s| Balance::of(s, id)).await?;
    let mut response = (StatusCode::CREATED, Json(balance)).into_response();
    mark_replayed(&mut response, replayed);
    Ok(response)
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    email: String,
    name: String,
    /// At least 12 characters.
    password: String,
    memberships: Vec<NewMembership>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMembership {
    participant: ParticipantId,
    role: Role,
}

/// A user with all memberships.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct UserRecord {
    #[serde(flatten)]
    user: UserView,
    memberships: Vec<MembershipView>,
}

/// Lists users with their memberships, by address.
#[utoipa::path(get, path = "/users", tag = "admin", operation_id = "listUsers",
    responses((status = 200, description = "Users", body = List<UserRecord>), Problems))]
async fn list_users(State(app): State<Arc<App>>, Platform(by): Platform) -> Answered<Json<serde_json::Value>> {
    by.may("admin:write")?;
    let directory = app.directory();
    let mut users: Vec<UserRecord> = directory
        .users()
        .map(|u| UserRecord { user: UserView::of(u), memberships: memberships_of(&directory, u) })
        .collect();
    users.sort_by(|a, b| a.user.email.cmp(&b.user.email));
    Ok(list_of(&users))
}

/// Creates a user with memberships.
#[utoipa::path(post, path = "/users", tag = "admin", operation_id = "createUser", request_body = NewUser,
    responses((status = 201, description = "The user", body = UserView), Problems))]
async fn create_user(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Body(new): Body<NewUser>,
) -> Answered<Response> {
    by.may("admin:write")?;
    if new.password.chars().count() < passwords::LEAST_CHARACTERS || new.password.len() > 200 {
        return Err(Problem::field("password_out_of_range", "/password", "A password has 12 to 200 characters."));
    }
    if !is_email(&new.email) {
        return Err(Problem::field("email_invalid", "/email", "An address looks like name@example.org."));
    }
    if new.memberships.is_empty() {
        return Err(Problem::field("no_memberships", "/memberships", "A user needs at least one membership."));
    }
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|e| Problem::fault(&e))?;
    let password = new.password;
    let turn = app.limiter.sign_ins.turn(Source::Known(by.user)).await?;
    let hash = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        passwords::hash(&password, &salt)
    });
    let hash = hash.await;
    let password_hash = hash.map_err(|e| Problem::fault(&e))?;
    let memberships =
        new.memberships.into_iter().map(|m| Membership { participant: m.participant, role: m.role }).collect();
    let command = Command::CreateUser { email: new.email, name: new.name, password_hash, memberships };
    let document = app.object(&by, command).await?;
    app.refresh_directory().await?;
    let user: headroom_market::participant::User = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    Ok((StatusCode::CREATED, Json(UserView::of(&user))).into_response())
}
