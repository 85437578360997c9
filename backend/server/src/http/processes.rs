//! Processes of a node's host: what may be adopted, and adopting it.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::{Anyone, require};
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, created, list_of};
use crate::workers::agents::ProcessReport;
use crate::workers::nodes::node_id;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headroom_execution::linux;
use headroom_market::command::{AdoptProcess, Command};
use headroom_market::ids::{InstanceId, NodeId, ParticipantId};
use headroom_market::participant::Role;
use headroom_market::pool::Node;
use headroom_market::printable::check_name;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::process::LEAST_CPU_MILLI;
use headroom_market::workload::strategy::lent_by_default;
use headroom_market::workload::{Class, Instance, Strategy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Processes that one answer lists.
const MOST_PROCESSES: usize = 200;
/// Baselines that are proposed are whole steps of so much, and no less.
const STEP_MILLI: i64 = 50;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_processes, adopt_process))
}

/// A process of the node's host, with all that it has started.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ProcessView {
    pid: u32,
    command: String,
    /// Numeric user that it runs as.
    user: u32,
    running_seconds: u64,
    /// Processes that it has started and that still run.
    descendants: u64,
    /// CPU over the last half second, in thousandths of a core, with its descendants.
    cpu_milli: u64,
    /// CPU since it started, in thousandths of a core, with its descendants.
    mean_cpu_milli: u64,
    /// Resident memory, with its descendants.
    mem_mib: u64,
    /// The workload that it is already, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<InstanceId>,
    proposed: Proposed,
}

/// A baseline with a quarter to spare over what it uses, and half of that as floor.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Proposed {
    baseline: Amounts,
    floor: Amounts,
}

impl Proposed {
    fn of(report: &ProcessReport) -> Self {
        let used = i64::try_from(report.cpu_milli.max(report.mean_cpu_milli)).unwrap_or(i64::MAX / 2);
        let steps = (used + used / 4).div_euclid(STEP_MILLI) + 1;
        Self::with_baseline(steps.saturating_mul(STEP_MILLI))
    }

    fn with_baseline(cpu_milli: i64) -> Self {
        let floor = (cpu_milli / 2).max(LEAST_CPU_MILLI);
        let of = |milli| [(Resource::CpuMilli, milli)].into();
        Self { baseline: of(cpu_milli), floor: of(floor) }
    }
}

/// Command lines and other people's programs are for those who operate the host.
fn check_operates(by: &Identity) -> Answered<()> {
    require(by, &[Role::Operator, Role::Admin])?;
    by.may(if by.role == Role::Admin { "admin:write" } else { "operations:write" })
}

async fn node_of(app: &App, id: NodeId) -> Answered<Node> {
    let node = app.sequencer.query(move |s| s.nodes.get(&id).cloned()).await?;
    node.ok_or_else(|| Problem::not_found("node"))
}

/// The processes of a node's host, the busiest first.
async fn found_on(app: &App, node: &Node, most: usize) -> Answered<Vec<ProcessReport>> {
    let unavailable = |reason: &str| {
        let detail = format!("No process of {} can be adopted: {reason}.", node.name);
        Problem::new(StatusCode::CONFLICT, "driver_unavailable", detail)
    };
    if node.has_agent() {
        let id = node_id(node.id);
        if let Some(reason) = app.nodes.agents.unavailable(&id) {
            return Err(unavailable(&reason));
        }
        let listed = app.nodes.agents.processes(&id).await;
        return listed.ok_or_else(|| unavailable("its agent does not list them in time"));
    }
    if let Some(reason) = app.nodes.linux.unavailable() {
        return Err(unavailable(reason));
    }
    let nodes = app.nodes.clone();
    let look = move || nodes.linux.candidates(most).into_iter().map(ProcessReport::from).collect();
    let failed =
        |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Processes cannot be looked at.");
    tokio::task::spawn_blocking(look).await.map_err(failed)
}

/// Lists the processes of a node's host that may be adopted, the busiest first (operator, admin).
#[utoipa::path(get, path = "/nodes/{id}/processes", tag = "admin", operation_id = "listProcesses", params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "Processes, the busiest first, at most 200", body = List<ProcessView>), Problems))]
async fn list_processes(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<NodeId>,
) -> Answered<Json<serde_json::Value>> {
    check_operates(&by)?;
    let node = node_of(&app, id).await?;
    let view = |report: ProcessReport| ProcessView {
        workload: report.workload.as_deref().and_then(|id| id.parse().ok()),
        proposed: Proposed::of(&report),
        pid: report.process.pid,
        command: report.process.command,
        user: report.user,
        running_seconds: report.running_seconds,
        descendants: report.descendants,
        cpu_milli: report.cpu_milli,
        mean_cpu_milli: report.mean_cpu_milli,
        mem_mib: report.mem_kib.div_ceil(1024),
    };
    let found = found_on(&app, &node, MOST_PROCESSES).await?;
    Ok(list_of(&found.into_iter().map(view).collect::<Vec<_>>()))
}

/// A process to take in as a workload.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Adoption {
    pid: u32,
    /// Who owns the workload, pays for it and bids for it.
    participant: ParticipantId,
    name: String,
    /// `cpu_milli` only, as memory is measured and not limited. Left out: what it uses and a quarter more.
    baseline: Option<Amounts>,
    /// At least 10 `cpu_milli`. Left out: half of the baseline.
    floor: Option<Amounts>,
    /// The most that it can use. Left out: the CPU of the node.
    limit: Option<Amounts>,
    #[serde(default)]
    class: Class,
    /// As of `POST /v1/instances`. Left out: CPU that it will not need is lent at the pool's reserve price or more.
    strategy: Option<Strategy>,
}

/// Takes in a process that runs, with all that it has started: from here on the kernel holds it to what its owner has won.
/// It is neither stopped nor restarted; stopping the workload lifts the limit (operator, admin).
#[utoipa::path(post, path = "/nodes/{id}/processes", tag = "admin", operation_id = "adoptProcess", request_body = Adoption, params(("id" = NodeId, Path, description = "Node")),
    responses((status = 201, description = "The workload", body = Instance), Problems))]
async fn adopt_process(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<NodeId>,
    Body(asked): Body<Adoption>,
) -> Answered<Document> {
    check_operates(&by)?;
    check_name(&asked.name, "/name")?;
    let node = node_of(&app, id).await?;
    let pid = asked.pid;
    if !node.has_agent() && linux::is_own(pid) {
        let detail = format!("Process {pid} is Headroom itself, one that it has started, or one that has started it.");
        return Err(Problem::field("process_protected", "/pid", detail));
    }
    let found = found_on(&app, &node, usize::MAX).await?.into_iter().find(|report| report.process.pid == pid);
    let Some(report) = found else {
        let detail = format!(
            "No process of {} that can be adopted has the number {pid}. GET /v1/nodes/{id}/processes lists them.",
            node.name
        );
        return Err(Problem::field("process_not_found", "/pid", detail));
    };
    if let Some(owner) = report.workload {
        let detail = format!("Process {pid}, or one that it has started, belongs to the workload {owner} already.");
        return Err(Problem::new(StatusCode::CONFLICT, "process_adopted", detail));
    }
    let proposed = match &asked.baseline {
        Some(baseline) => Proposed::with_baseline(amount(baseline, Resource::CpuMilli)),
        None => Proposed::of(&report),
    };
    let baseline = asked.baseline.unwrap_or(proposed.baseline);
    let cpu = amount(&node.capacity, Resource::CpuMilli).max(amount(&baseline, Resource::CpuMilli));
    let strategy =
        asked.strategy.unwrap_or_else(|| Strategy { auto_offer: lent_by_default(&baseline), ..Strategy::default() });
    let command = Command::AdoptProcess(Box::new(AdoptProcess {
        participant: asked.participant,
        name: asked.name,
        node: id,
        class: asked.class,
        floor: asked.floor.unwrap_or(proposed.floor),
        limit: asked.limit.unwrap_or_else(|| [(Resource::CpuMilli, cpu)].into()),
        baseline,
        strategy,
        process: report.process,
    }));
    Ok(created(app.object(&by, command).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposed_baseline_has_a_quarter_to_spare() {
        let proposed = |cpu_milli, mean_cpu_milli| {
            let process = headroom_market::workload::HostProcess {
                pid: 7,
                started_ticks: 1,
                boot: "b".to_owned(),
                command: "c".to_owned(),
            };
            let report = ProcessReport {
                process,
                user: 0,
                running_seconds: 9,
                cpu_milli,
                mean_cpu_milli,
                mem_kib: 0,
                descendants: 0,
                workload: None,
            };
            let Proposed { baseline, floor } = Proposed::of(&report);
            (amount(&baseline, Resource::CpuMilli), amount(&floor, Resource::CpuMilli))
        };
        assert_eq!(proposed(0, 0), (50, 25));
        assert_eq!(proposed(1_000, 100), (1_300, 650));
        assert_eq!(proposed(0, 400), (550, 275));
    }
}
