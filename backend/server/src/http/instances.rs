//! Workloads: registered, stopped, restarted, measured; their baselines by an admin.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::{Anyone, Member, Platform, require};
use crate::http::extract::{Body, Path, Query};
use crate::http::orders::idempotency;
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, ListQuery, get_from, list_table, ok};
use crate::http::{guidance, modules, strategies};
use crate::sequencer::{Attached, Idempotency};
use crate::workers::modules::TooLittleMemory;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use headroom_market::command::{Command, NewInstance};
use headroom_market::ids::{InstanceId, ModuleId};
use headroom_market::participant::Role;
use headroom_market::pool::Node;
use headroom_market::record::Table;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::strategy::lent_by_default;
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Instance, Module, ModuleKind, Strategy};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_instances, register_instance))
        .routes(routes!(get_instance))
        .routes(routes!(instance_metrics))
        .routes(routes!(stop_instance))
        .routes(routes!(restart_instance))
        .merge(modules::router())
        .merge(strategies::router())
        .routes(routes!(put_baseline))
        .merge(guidance::router())
}

/// Refuses a baseline with less memory than the module starts with: it could not be kept to.
async fn check_memory(app: &App, module: &Module, baseline: &Amounts) -> Answered<()> {
    if module.kind == ModuleKind::Command && amount(baseline, Resource::MemMib) == 0 {
        let detail = "A process needs memory: give the baseline mem_mib, in a pool that has it.";
        return Err(Problem::field("baseline_below_module_memory", "/baseline/mem_mib", detail));
    }
    match app.nodes.check_memory(module, baseline, &app.store).await? {
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

/// Refuses a command whose program is not there now; a request that was answered gets that answer again.
async fn check_program(
    app: &App,
    module: &Module,
    named_at: &str,
    (pool, arguments): (&str, &[String]),
    idempotency: Option<&Idempotency>,
) -> Answered<()> {
    if !matches!(module.kind, ModuleKind::Command | ModuleKind::Service) || app.was_answered(idempotency).await? {
        return Ok(());
    }
    if module.kind == ModuleKind::Service {
        let pool = pool.to_owned();
        let is_of = move |node: &&Node| node.pool == pool;
        let nodes = app.sequencer.query(move |s| s.nodes.values().filter(is_of).cloned().collect::<Vec<_>>()).await?;
        let Some(why) = app.nodes.service_missing_in(&module.name, &nodes) else { return Ok(()) };
        let detail = format!("The service {} can't be started now: {why}. Its operator has to mend that.", module.name);
        return Err(Problem::field("service_unavailable", named_at, detail));
    }
    let Some(why) = app.nodes.command_missing(&module.name, arguments) else { return Ok(()) };
    let detail = format!(
        "The program of {} can't be run now: {why}. Its operator has to put it back, or to start the server with --commands.",
        module.name
    );
    Err(Problem::field("command_unavailable", named_at, detail))
}

/// Refuses a limit that the driver would not grant: what is bought beyond it could not be delivered.
fn check_most_memory(app: &App, kind: ModuleKind, limit: &Amounts) -> Answered<()> {
    let most = match kind {
        ModuleKind::Wasm => app.nodes.most_guest_mib,
        _ => app.nodes.most_command_mib,
    };
    let asked = amount(limit, Resource::MemMib);
    if asked <= most {
        return Ok(());
    }
    Err(Problem::field(
        "limit_above_driver",
        "/limit/mem_mib",
        format!(
            "A {} workload has at most {most} MiB of memory in this version; the limit, or without one the baseline, is {asked}.",
            kind.driver()
        ),
    ))
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
    /// `wasm` for a module, `command` for a command, `service` for an HTTP service; left out it is the one that fits.
    driver: Option<String>,
    /// One of `GET /v1/modules`, by its id; this or `command`.
    module: Option<ModuleId>,
    /// One of the commands that the operator offers (`GET /v1/modules`), by its name, then its arguments.
    #[schema(max_items = 33)]
    command: Option<Vec<String>>,
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
    /// What it does by itself. Where nothing is said of `auto_offer`, what it will not need of CPU is lent at
    /// the pool's reserve price or more; `"auto_offer": null` lends nothing. What else is left out is off.
    #[serde(default)]
    strategy: Strategy,
}

/// Whether a registration says anything of lending, be it that nothing is lent: `null` is said, too.
fn says_of_lending(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|body| body["strategy"].get("auto_offer").is_some())
}

/// What a workload is to be made of, of what its participant may use; `None` where a module is not there.
async fn made_of(
    app: &App,
    by: &Identity,
    body: &NewInstanceBody,
) -> Answered<(ModuleId, Vec<String>, Option<Module>)> {
    let participant = by.participant;
    let mine = move |m: &&Module| m.participant.is_none_or(|p| p == participant);
    match (body.module, body.command.as_deref()) {
        (Some(id), None) => {
            let module = app.sequencer.query(move |s| s.modules.get(&id).filter(mine).cloned()).await?;
            Ok((id, Vec::new(), module))
        }
        (None, Some([name, arguments @ ..])) => {
            let named = name.clone();
            let is_it = move |m: &&Module| m.kind == ModuleKind::Command && m.name == named;
            let offered = app.sequencer.query(move |s| s.modules.values().find(is_it).cloned()).await?;
            let Some(offered) = offered else {
                let detail = "There is no such command. GET /v1/modules lists those that the operator offers, with `kind` command; the operator offers them by starting the server with --commands.";
                return Err(Problem::field("not_found", "/command/0", detail));
            };
            Ok((offered.id, arguments.to_vec(), Some(offered)))
        }
        (None, Some([])) => {
            let detail = "A command begins with its name: [\"name\", \"argument\"].";
            Err(Problem::field("module_or_command", "/command", detail))
        }
        (module, _) => {
            let at = if module.is_some() { "/command" } else { "/module" };
            let detail = "A workload is made of a module or of a command: name one of the two.";
            Err(Problem::field("module_or_command", at, detail))
        }
    }
}

/// Registers a workload and starts it. It lends what it will not need, unless its strategy says otherwise.
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
    let mut new = body.value;
    if !says_of_lending(&body.bytes) {
        new.strategy.auto_offer = lent_by_default(&new.baseline);
    }
    let (id, arguments, module) = made_of(&app, &by, &new).await?;
    let kind = module.as_ref().map_or(ModuleKind::Wasm, |m| m.kind);
    let driver = kind.driver();
    if new.driver.as_deref().is_some_and(|named| named != driver) {
        let detail =
            format!("What this workload is made of is run by the driver `{driver}`; leave `driver` out or name it.");
        return Err(Problem::field("driver_unknown", "/driver", detail));
    }
    if let Some(module) = module {
        check_memory(&app, &module, &new.baseline).await?;
        let named_at = if new.module.is_some() { "/module" } else { "/command/0" };
        check_program(&app, &module, named_at, (&new.pool, &arguments), idempotency.as_ref()).await?;
    }
    let limit = new.limit.unwrap_or_else(|| new.baseline.clone());
    check_most_memory(&app, kind, &limit)?;
    let command = Command::RegisterInstance(Box::new(NewInstance {
        participant: by.participant,
        name: new.name,
        driver: driver.to_owned(),
        module: id,
        arguments,
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
    Ok(ok(app.object(&by, Command::StopInstance { participant, instance: id }).await?))
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
    Ok(ok(app.object(&by, Command::StartInstance { participant: by.participant, instance: id }).await?))
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Baseline {
    /// Names every resource that the present one has; 0 takes one away.
    baseline: Amounts,
    /// The same of the floor. Left out: it stays as it is.
    floor: Option<Amounts>,
}

/// What a workload has is not taken away by leaving it out.
fn check_complete(name: &str, present: &Amounts, new: &Amounts) -> Answered<()> {
    let missing = present.iter().find(|(resource, quantity)| **quantity > 0 && !new.contains_key(resource));
    match missing {
        None => Ok(()),
        Some((resource, quantity)) => Err(Problem::field(
            "resource_left_out",
            &format!("/{name}/{resource}"),
            format!("The workload's {name} has {quantity} of {resource}. Name it, too; 0 takes it away."),
        )),
    }
}

/// Sets a workload's baseline and floor, within its participant's quota (admin). Each names all resources that the
/// present one has; a floor that is left out stays. Slots whose gate has closed keep the baseline and floor that they were
/// planned with (`earlier_baselines`).
#[utoipa::path(put, path = "/instances/{id}/baseline", tag = "admin", operation_id = "putBaseline", request_body = Baseline, params(("id" = InstanceId, Path, description = "Workload")),
    responses((status = 200, description = "The workload", body = Instance), Problems))]
async fn put_baseline(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Path(id): Path<InstanceId>,
    Body(new): Body<Baseline>,
) -> Answered<Document> {
    by.may("admin:write")?;
    let known = app.sequencer.query(move |s| {
        let instance = s.instances.get(&id)?;
        Some((s.modules.get(&instance.module).cloned(), instance.baseline.clone(), instance.floor.clone()))
    });
    let (module, baseline, floor) = known.await?.ok_or_else(|| Problem::not_found("workload"))?;
    check_complete("baseline", &baseline, &new.baseline)?;
    check_complete("floor", &floor, new.floor.as_ref().unwrap_or(&floor))?;
    if let Some(module) = module {
        check_memory(&app, &module, &new.baseline).await?;
    }
    let floor = new.floor.unwrap_or(floor);
    Ok(ok(app.object(&by, Command::SetBaseline { instance: id, baseline: new.baseline, floor }).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_automatic_offers_says_something_of_lending() {
        for (body, says) in [
            (r#"{"name":"a"}"#, false),
            (r#"{"strategy":{}}"#, false),
            (r#"{"strategy":{"auto_bid":null}}"#, false),
            (r#"{"auto_offer":null}"#, false),
            (r#"{"strategy":{"auto_offer":null}}"#, true),
            (r#"{"strategy":{"auto_offer":{"minimum_price":{}}}}"#, true),
        ] {
            assert_eq!(says_of_lending(body.as_bytes()), says, "{body}");
        }
    }
}
