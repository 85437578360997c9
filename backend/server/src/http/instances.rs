//! Workloads: modules, instances, strategies, hints and application profiles.
use crate::app::App;
use crate::http::auth::{Anyone, Member, Platform, require};
use crate::http::extract::{Body, Path, Query, read_bytes};
use crate::http::orders::idempotency;
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, ListQuery, created, get_from, list_of, list_table, ok};
use crate::http::reserve_prices::if_match;
use crate::http::strategies;
use crate::sequencer::{Attached, Outcome};
use crate::workers::modules::NotAdmitted;
use crate::workers::nodes::TooLittleMemory;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use headroom_market::command::{Command, NewInstance};
use headroom_market::ids::{HintId, InstanceId, ModuleId, NodeId, ProfileId};
use headroom_market::participant::Role;
use headroom_market::record::Table;
use headroom_market::time::Timestamp;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::guidance::{ApplicationProfile, Hint};
use headroom_market::workload::register;
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Instance, Module, Strategy};
use headroom_store::read::Scope;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_modules, upload_module))
        .routes(routes!(list_instances, register_instance))
        .routes(routes!(get_instance))
        .routes(routes!(instance_metrics))
        .routes(routes!(stop_instance))
        .routes(routes!(restart_instance))
        .merge(strategies::router())
        .routes(routes!(put_baseline))
        .routes(routes!(list_hints, put_hint))
        .routes(routes!(get_hint, withdraw_hint))
        .routes(routes!(list_profiles, create_profile))
        .routes(routes!(get_profile, replace_profile))
}

/// Lists modules: those that come with the product and one's own.
#[utoipa::path(get, path = "/modules", tag = "workloads", operation_id = "listModules",
    responses((status = 200, description = "Modules", body = List<Module>), Problems))]
async fn list_modules(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<serde_json::Value>> {
    by.may("allocations:read")?;
    let all = by.role.is_platform();
    let modules = app.sequencer.query(move |s| {
        let mine = |m: &&Module| all || m.participant.is_none_or(|p| p == by.participant);
        s.modules.values().filter(mine).cloned().collect::<Vec<_>>()
    });
    Ok(list_of(&modules.await?))
}

/// The largest wasm module.
pub const MOST_MODULE_BYTES: usize = 256 * 1024;

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    name: String,
}

/// The bytes of a module, or its text format.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "names the body in the OpenAPI document; never built")]
struct WasmBytes(Vec<u8>);

/// The first line of a refusal: compilers draw the place in the text below it.
fn first_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.next().unwrap_or("the module cannot be read").trim_end_matches(['.', ':']);
    match lines.find_map(|line| line.strip_prefix("--> ").and_then(|place| place.split_once(':'))) {
        Some((_, place)) => format!("{said}, at line and column {place}."),
        None => format!("{said}."),
    }
}

fn not_admitted(why: NotAdmitted) -> Problem {
    let (status, code, detail, seconds) = match why {
        NotAdmitted::Refused(error) => return Problem::field("module_refused", "", first_line(&error.to_string())),
        NotAdmitted::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "compiler_busy",
            "Too many modules are being checked at this moment. Try again after the time in Retry-After.",
            5,
        ),
        NotAdmitted::OwnBusy => (
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_uploads",
            "Several uploads of this participant are being checked. Upload one after the other, or wait for the time in Retry-After.",
            2,
        ),
    };
    let mut problem = Problem::new(status, code, detail);
    problem.retry_after_seconds = Some(seconds);
    problem
}

/// Refuses a baseline with less memory than the module starts with: it could not be kept to.
async fn check_memory(app: &App, module: Option<Module>, baseline: &Amounts) -> Answered<()> {
    // An unknown module is the command's to refuse.
    let Some(module) = module else { return Ok(()) };
    match app.nodes.check_memory(&module, baseline, &app.store).await? {
        None => Ok(()),
        Some(TooLittleMemory { needed_mib, baseline_mib }) => Err(Problem::field(
            "baseline_below_module_memory",
            "/baseline/mem_mib",
            format!(
                "The module starts with {needed_mib} MiB of memory, the baseline has {baseline_mib}. Give it at least {needed_mib}, or build the module with a smaller initial memory."
            ),
        )),
    }
}

/// Refuses a limit that the driver would not grant: what is bought beyond it could not be delivered.
fn check_most_memory(app: &App, limit: &Amounts) -> Answered<()> {
    let (asked, most) = (amount(limit, Resource::MemMib), app.nodes.most_guest_mib);
    if asked <= most {
        return Ok(());
    }
    Err(Problem::field(
        "limit_above_driver",
        "/limit/mem_mib",
        format!(
            "A wasm workload has at most {most} MiB of memory in this version; the limit, or without one the baseline, is {asked}."
        ),
    ))
}

/// Uploads a wasm module (the body is the bytes). It is checked before it is accepted.
#[utoipa::path(post, path = "/modules", tag = "workloads", operation_id = "uploadModule", params(UploadQuery),
    request_body(content((WasmBytes = "application/wasm"), (WasmBytes = "application/octet-stream"))),
    responses((status = 201, description = "The module", body = Module), Problems))]
async fn upload_module(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Answered<Document> {
    by.may("workloads:write")?;
    let bytes: Arc<[u8]> = read_bytes(request, &(), MOST_MODULE_BYTES).await?.as_ref().into();
    let hash = blake3::hash(&bytes).to_hex().to_string();
    // Asked before it is compiled, decided again with the command.
    let (participant, same) = (by.participant, hash.clone());
    let there = app.sequencer.query(move |s| register::may_add_module(s, Some(participant), &same)).await??;
    if there.is_none() {
        app.nodes.modules.admit(by.participant, bytes.clone()).await.map_err(not_admitted)?;
    }
    let command = Command::RegisterModule {
        participant: Some(by.participant),
        name: query.name,
        hash: hash.clone(),
        size_bytes: bytes.len() as i64,
    };
    let attached = Attached { module: Some((hash, bytes.to_vec())), ..Attached::default() };
    match app.submit(&by, command, None, attached).await?.outcome {
        Outcome::Object(document) => Ok(created(document)),
        // The same bytes were uploaded before: nothing new to store.
        _ => Err(Problem::not_found("module")),
    }
}

/// Lists workloads.
#[utoipa::path(get, path = "/instances", tag = "workloads", operation_id = "listInstances", params(ListQuery),
    responses((status = 200, description = "A page of workloads", body = List<Instance>), Problems))]
async fn list_instances(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<ListQuery>,
) -> Answered<Response> {
    by.may("allocations:read")?;
    list_table(&app, Table::Instances, &by.scope(), &query, "/v1/instances").await
}

/// Reads a workload.
#[utoipa::path(get, path = "/instances/{id}", tag = "workloads", operation_id = "getInstance", params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The workload", body = Instance), Problems))]
async fn get_instance(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<InstanceId>,
) -> Answered<Document> {
    by.may("allocations:read")?;
    get_from(&app, Table::Instances, &by.scope(), &id.to_string(), "workload").await
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MetricsQuery {
    /// How far back, 1 to 1440; 15 by default.
    #[param(minimum = 1, maximum = 1440)]
    minutes: Option<i64>,
}

/// What the driver measured of a workload, oldest first.
#[utoipa::path(get, path = "/instances/{id}/metrics", tag = "workloads", operation_id = "getInstanceMetrics", params(("id" = InstanceId, Path, description = "Workload"), MetricsQuery),
    responses((status = 200, description = "Samples, oldest first", body = List<crate::workers::telemetry::Sample>), Problems))]
async fn instance_metrics(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<InstanceId>,
    Query(query): Query<MetricsQuery>,
) -> Answered<Document> {
    by.may("forecasts:read")?;
    let minutes = query.minutes.unwrap_or(15);
    if !(1..=1440).contains(&minutes) {
        return Err(Problem::field("minutes_out_of_range", "minutes", "minutes is from 1 to 1440."));
    }
    get_from(&app, Table::Instances, &by.scope(), &id.to_string(), "workload").await?;
    let from = app.now().plus_seconds(-60 * minutes).micros();
    let samples = app.store.observations.samples(&id.to_string(), from, 20_000).await?;
    let text =
        format!("{{\"object\":\"list\",\"data\":[{}],\"has_more\":false,\"next_cursor\":null}}", samples.join(","));
    Ok(ok(text))
}

/// A workload to run.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInstanceBody {
    name: String,
    /// `wasm` in this version.
    #[serde(default = "wasm")]
    driver: String,
    module: ModuleId,
    pool: String,
    baseline: Amounts,
    #[serde(default)]
    floor: Amounts,
    /// The most it can use; the baseline if left out.
    #[serde(default)]
    limit: Option<Amounts>,
    #[serde(default)]
    class: Class,
    #[serde(default)]
    at_end: AtEnd,
    #[serde(default)]
    comparison: ComparisonRules,
    #[serde(default)]
    strategy: Strategy,
}

fn wasm() -> String {
    "wasm".to_owned()
}

/// Registers a workload and starts it.
#[utoipa::path(post, path = "/instances", tag = "workloads", operation_id = "registerInstance", request_body = NewInstanceBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition harmless")),
    responses((status = 201, description = "The workload, starting", body = Instance), Problems))]
async fn register_instance(
    State(app): State<Arc<App>>,
    Member(by): Member,
    headers: HeaderMap,
    body: crate::http::extract::HashedBody<NewInstanceBody>,
) -> Answered<Response> {
    by.may("workloads:write")?;
    let idempotency = idempotency(&by, &headers, false, "POST /v1/instances", &body.bytes)?;
    let new = body.value;
    if new.driver != "wasm" {
        return Err(Problem::field("driver_unknown", "/driver", "The only driver in this version is `wasm`."));
    }
    let (participant, id) = (by.participant, new.module);
    let mine = move |m: &&Module| m.participant.is_none_or(|p| p == participant);
    let module = app.sequencer.query(move |s| s.modules.get(&id).filter(mine).cloned()).await?;
    check_memory(&app, module, &new.baseline).await?;
    let limit = new.limit.unwrap_or_else(|| new.baseline.clone());
    check_most_memory(&app, &limit)?;
    let command = Command::RegisterInstance(Box::new(NewInstance {
        participant: by.participant,
        name: new.name,
        driver: new.driver,
        module: new.module,
        pool: new.pool,
        node: None,
        class: new.class,
        baseline: new.baseline,
        floor: new.floor,
        limit,
        at_end: new.at_end,
        comparison: new.comparison,
        strategy: new.strategy,
    }));
    let answer = app.submit(&by, command, idempotency, Attached::default()).await?;
    Ok(crate::http::orders::answered(answer, axum::http::StatusCode::CREATED))
}

/// Stops a workload; its open orders are cancelled. Operators and admins may stop anybody's.
#[utoipa::path(post, path = "/instances/{id}/stop", tag = "workloads", operation_id = "stopInstance", params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The stopped workload", body = Instance), Problems))]
async fn stop_instance(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<InstanceId>,
) -> Answered<Document> {
    let participant = match by.role {
        Role::Bidder | Role::Tenant => {
            by.may("workloads:write")?;
            by.participant
        }
        Role::Operator | Role::Admin | Role::Finance => {
            require(&by, &[Role::Operator, Role::Admin])?;
            by.may(if by.role == Role::Admin { "admin:write" } else { "operations:write" })?;
            let owner = app.sequencer.query(move |s| s.instances.get(&id).map(|i| i.participant)).await?;
            owner.ok_or_else(|| Problem::not_found("workload"))?
        }
    };
    // The journal names who did it, the command whose it is.
    app.object(&by, Command::StopInstance { participant, instance: id }).await.map(ok)
}

/// Runs a stopped or failed workload again, from its beginning.
#[utoipa::path(post, path = "/instances/{id}/restart", tag = "workloads", operation_id = "restartInstance", params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The running workload", body = Instance), Problems))]
async fn restart_instance(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Path(id): Path<InstanceId>,
) -> Answered<Document> {
    by.may("workloads:write")?;
    app.object(&by, Command::StartInstance { participant: by.participant, instance: id }).await.map(ok)
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Baseline {
    baseline: Amounts,
    #[serde(default)]
    floor: Amounts,
}

/// Sets a workload's baseline and floor, within its participant's quota (admin). Slots whose gate
/// has closed keep the baseline and floor that they were planned with (`earlier_baselines`).
#[utoipa::path(put, path = "/instances/{id}/baseline", tag = "admin", operation_id = "putBaseline", request_body = Baseline, params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The workload", body = Instance), Problems))]
async fn put_baseline(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<InstanceId>,
    Body(new): Body<Baseline>,
) -> Answered<Document> {
    by.may("admin:write")?;
    let module = app.sequencer.query(move |s| s.instances.get(&id).and_then(|i| s.modules.get(&i.module)).cloned());
    check_memory(&app, module.await?, &new.baseline).await?;
    app.object(&by, Command::SetBaseline { instance: id, baseline: new.baseline, floor: new.floor }).await.map(ok)
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
    app.object(&by, command).await.map(created)
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
        Err(problem) if problem.status == axum::http::StatusCode::NOT_FOUND => {
            get_from(&app, Table::Hints, &Scope::Participant(by.participant.to_string()), &id.to_string(), "hint").await
        }
        answer => answer.map(ok),
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
    app.object(&by, command).await.map(created)
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
    app.object(&by, command).await.map(ok)
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
