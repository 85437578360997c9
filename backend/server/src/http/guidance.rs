//! What others know of a workload: hints of its near future, and application profiles.
use crate::app::App;
use crate::http::auth::{Anyone, Member};
use crate::http::extract::{Body, Path, Query};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, ListQuery, created, get_from, list_table, ok};
use crate::http::reserve_prices::if_match;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use headroom_market::command::Command;
use headroom_market::ids::{HintId, InstanceId, NodeId, ProfileId};
use headroom_market::record::Table;
use headroom_market::time::Timestamp;
use headroom_market::units::Amounts;
use headroom_market::workload::guidance::{ApplicationProfile, Hint};
use headroom_store::read::Scope;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_hints, put_hint))
        .routes(routes!(get_hint, withdraw_hint))
        .routes(routes!(list_profiles, create_profile))
        .routes(routes!(get_profile, replace_profile))
}

/// A hint: what an external system knows of a workload's near future.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewHint {
    instance: InstanceId,
    #[serde(default)]
    expected_demand: Amounts,
    #[serde(default)]
    avoid_nodes: Vec<NodeId>,
    #[serde(default)]
    starts_at: Option<Timestamp>,
    expires_at: Timestamp,
    #[serde(default)]
    source: Option<String>,
}

/// Gives a hint: it raises the expected need, or keeps moves off nodes, until it expires.
#[utoipa::path(post, path = "/allocation_hints", tag = "guidance", operation_id = "createHint", request_body = NewHint,
    responses((status = 201, description = "The hint", body = Hint), Problems))]
async fn put_hint(State(app): State<Arc<App>>, Member(by): Member, Body(new): Body<NewHint>) -> Answered<Document> {
    by.may("profiles:write")?;
    let command = Command::PutHint {
        participant: by.participant,
        instance: new.instance,
        expected_demand: new.expected_demand,
        avoid_nodes: new.avoid_nodes,
        starts_at: new.starts_at.unwrap_or(app.now()),
        expires_at: new.expires_at,
        source: new.source,
    };
    Ok(created(app.object(&by, command).await?))
}

/// Lists hints.
#[utoipa::path(get, path = "/allocation_hints", tag = "guidance", operation_id = "listHints", params(ListQuery),
    responses((status = 200, description = "A page of hints", body = List<Hint>), Problems))]
async fn list_hints(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("forecasts:read")?;
    list_table(&app, Table::Hints, &by.scope(), &query, "/v1/allocation_hints").await
}

/// Reads a hint.
#[utoipa::path(get, path = "/allocation_hints/{id}", tag = "guidance", operation_id = "getHint", params(("id" = HintId, Path, description = "Hint")),
    responses((status = 200, description = "The hint", body = Hint), Problems))]
async fn get_hint(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(id): Path<HintId>) -> Answered<Document> {
    by.may("forecasts:read")?;
    get_from(&app, Table::Hints, &by.scope(), &id.to_string(), "hint").await
}

/// Withdraws a hint.
#[utoipa::path(delete, path = "/allocation_hints/{id}", tag = "guidance", operation_id = "withdrawHint", params(("id" = HintId, Path, description = "Hint")),
    responses((status = 200, description = "The withdrawn hint", body = Hint), Problems))]
async fn withdraw_hint(State(app): State<Arc<App>>, Member(by): Member, Path(id): Path<HintId>) -> Answered<Document> {
    by.may("profiles:write")?;
    match app.object(&by, Command::WithdrawHint { participant: by.participant, hint: id }).await {
        // One that was withdrawn before is no longer at hand, and withdrawn all the same.
        Err(failure) if failure.is_not_found() => {
            get_from(&app, Table::Hints, &Scope::Participant(by.participant.to_string()), &id.to_string(), "hint").await
        }
        answer => Ok(ok(answer?)),
    }
}

/// A custom application profile: where forecasts start before there is data.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProfile {
    name: String,
    #[serde(default)]
    instances: Vec<InstanceId>,
    typical: Amounts,
    peak: Amounts,
}

/// Uploads an application profile.
#[utoipa::path(post, path = "/application_profiles", tag = "guidance", operation_id = "createProfile", request_body = NewProfile,
    responses((status = 201, description = "The profile", body = ApplicationProfile), Problems))]
async fn create_profile(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Body(new): Body<NewProfile>,
) -> Answered<Document> {
    by.may("profiles:write")?;
    let NewProfile { name, instances, typical, peak } = new;
    let command = Command::PutProfile {
        participant: by.participant,
        profile: None,
        expected_version: None,
        name,
        instances,
        typical,
        peak,
    };
    Ok(created(app.object(&by, command).await?))
}

/// Replaces an application profile with its next version. Needs If-Match.
#[utoipa::path(put, path = "/application_profiles/{id}", tag = "guidance", operation_id = "replaceProfile", request_body = NewProfile,
    params(("id" = ProfileId, Path, description = "Profile"), ("If-Match" = String, Header, description = "Its present version, quoted")),
    responses((status = 200, description = "The profile", body = ApplicationProfile), (status = 412, description = "Somebody else changed it", body = crate::http::problem::ProblemDocument, content_type = "application/problem+json"), (status = 428, description = "If-Match is missing", body = crate::http::problem::ProblemDocument, content_type = "application/problem+json"), Problems))]
async fn replace_profile(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(id): Path<ProfileId>,
    headers: HeaderMap,
    Body(new): Body<NewProfile>,
) -> Answered<Document> {
    by.may("profiles:write")?;
    let expected_version = if_match(&headers)?;
    let NewProfile { name, instances, typical, peak } = new;
    let command = Command::PutProfile {
        participant: by.participant,
        profile: Some(id),
        expected_version,
        name,
        instances,
        typical,
        peak,
    };
    Ok(ok(app.object(&by, command).await?))
}

/// Lists application profiles.
#[utoipa::path(get, path = "/application_profiles", tag = "guidance", operation_id = "listProfiles", params(ListQuery),
    responses((status = 200, description = "A page of profiles", body = List<ApplicationProfile>), Problems))]
async fn list_profiles(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("forecasts:read")?;
    list_table(&app, Table::Profiles, &by.scope(), &query, "/v1/application_profiles").await
}

/// Reads an application profile.
#[utoipa::path(get, path = "/application_profiles/{id}", tag = "guidance", operation_id = "getProfile", params(("id" = ProfileId, Path, description = "Profile")),
    responses((status = 200, description = "The profile", body = ApplicationProfile), Problems))]
async fn get_profile(State(app): State<Arc<App>>, Anyone(by): Anyone, Path(id): Path<ProfileId>) -> Answered<Response> {
    by.may("forecasts:read")?;
    let document = get_from(&app, Table::Profiles, &by.scope(), &id.to_string(), "profile").await?;
    let profile: ApplicationProfile = serde_json::from_str(&document.1).map_err(|e| Problem::fault(&e))?;
    Ok(([(axum::http::header::ETAG, format!("\"{}\"", profile.version))], document).into_response())
}
