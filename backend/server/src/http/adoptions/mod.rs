//! What runs on a node already: what may be adopted, and adopting it.
mod views;

use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::{Anyone, require};
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, created, list_of};
use crate::workers::agents::{Candidates, PodReport, ProcessReport, VmReport};
use crate::workers::nodes::node_id;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headroom_execution::{Adopting, linux};
use headroom_market::command::{self, Command};
use headroom_market::ids::{NodeId, ParticipantId};
use headroom_market::participant::Role;
use headroom_market::pool::Node;
use headroom_market::printable::check_name;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::strategy::lent_by_default;
use headroom_market::workload::{Adopted, Class, Instance, ModuleKind, Strategy};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use views::{CandidateView, Proposed};

/// Candidates that one answer lists.
const MOST_CANDIDATES: usize = 200;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_candidates)).routes(routes!(adopt))
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

/// What may be adopted on a node: processes, machines or pods, the busiest first, or jobs.
async fn found_on(app: &App, node: &Node, most: usize) -> Answered<Candidates> {
    let unavailable = |reason: &str| {
        let detail = format!("Nothing on {} can be adopted: {reason}.", node.name);
        Problem::new(StatusCode::CONFLICT, "driver_unavailable", detail)
    };
    if node.has_agent() {
        let id = node_id(node.id);
        if let Some(reason) = app.nodes.agents.unavailable(&id) {
            return Err(unavailable(&reason));
        }
        let listed = app.nodes.agents.candidates(&id).await;
        return listed.ok_or_else(|| unavailable("its agent does not list it in time"));
    }
    if let Some(reason) = app.nodes.linux.unavailable() {
        return Err(unavailable(&reason));
    }
    let nodes = app.nodes.clone();
    let look = move || nodes.linux.candidates(most).into_iter().map(ProcessReport::from).collect();
    let failed =
        |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Processes cannot be looked at.");
    let processes = tokio::task::spawn_blocking(look).await.map_err(failed)?;
    Ok(Candidates { processes, ..Candidates::default() })
}

/// Lists what runs on a node and may be adopted: processes, virtual machines or pods, the busiest first, or jobs of its cluster (operator, admin).
#[utoipa::path(get, path = "/nodes/{id}/candidates", tag = "admin", operation_id = "listCandidates", params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "At most 200", body = List<CandidateView>), Problems))]
async fn list_candidates(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<NodeId>,
) -> Answered<Json<serde_json::Value>> {
    check_operates(&by)?;
    let node = node_of(&app, id).await?;
    let Candidates { processes, jobs, pods, vms } = found_on(&app, &node, MOST_CANDIDATES).await?;
    let processes = processes.into_iter().map(|report| CandidateView::Process(report.into()));
    let jobs = jobs.into_iter().map(|report| CandidateView::SlurmJob(report.into()));
    let pods = pods.into_iter().map(|report| CandidateView::Pod(report.into()));
    let vms = vms.into_iter().map(|report| CandidateView::Vm(report.into()));
    Ok(list_of(&processes.chain(jobs).chain(pods).chain(vms).take(MOST_CANDIDATES).collect::<Vec<_>>()))
}

/// What runs on a node, to take in as a workload: a process by `pid`, a job of a Slurm cluster by `job`, a container of a
/// Kubernetes pod by `pod`, or a virtual machine by `vm`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Adoption {
    /// This, `job`, `pod` or `vm`.
    pid: Option<u32>,
    /// This, `pid`, `pod` or `vm`.
    job: Option<u64>,
    /// Name of the pod: this, `pid`, `job` or `vm`.
    pod: Option<String>,
    /// Name of the virtual machine: this, `pid`, `job` or `pod`.
    vm: Option<String>,
    /// Of a pod with several containers: the one whose CPU changes.
    container: Option<String>,
    /// Who owns the workload, pays for it and bids for it.
    participant: ParticipantId,
    name: String,
    /// `cpu_milli` only, as memory is measured and not limited. Left out: what it uses and a quarter more; of a job what it has.
    baseline: Option<Amounts>,
    /// At least 10 `cpu_milli`; of a job whole nodes. Left out: half of the baseline; of a job all of it.
    floor: Option<Amounts>,
    /// The most that it can use. Left out: the CPU of the node; of a virtual machine no more than its virtual processors.
    limit: Option<Amounts>,
    #[serde(default)]
    class: Class,
    /// As of `POST /v1/instances`. Left out: CPU that it will not need is lent, but by a job, at the pool's reserve price or more.
    strategy: Option<Strategy>,
}

/// What is adopted, and what is proposed for it.
fn candidate(found: Candidates, asked: &Adoption, node: &Node) -> Answered<(Adopted, Proposed)> {
    let Candidates { processes, jobs, pods, vms } = found;
    let missing = |what: &str, number: u64, pointer| {
        let detail = format!(
            "No {what} of {} that can be adopted has the number {number}. GET /v1/nodes/{}/candidates lists them.",
            node.name, node.id
        );
        Problem::field("candidate_not_found", pointer, detail)
    };
    let taken = |what: &str, number: u64, owner: &str| {
        let detail = format!("The {what} {number}, or what it has started, belongs to the workload {owner} already.");
        Problem::new(StatusCode::CONFLICT, "already_adopted", detail)
    };
    let baseline = asked.baseline.as_ref().map(|baseline| amount(baseline, Resource::CpuMilli));
    if let Some(pid) = asked.pid {
        let report = processes.into_iter().find(|report| report.process.pid == pid);
        let report = report.ok_or_else(|| missing("process", pid.into(), "/pid"))?;
        if let Some(owner) = &report.workload {
            return Err(taken("process", pid.into(), owner));
        }
        let proposed = baseline.map_or_else(|| Proposed::of_process(&report), Proposed::of_baseline);
        return Ok((Adopted::Process(report.process), proposed));
    }
    if let Some(pod) = &asked.pod {
        let report = pod_of(pods, pod, asked.container.as_deref(), node)?;
        let proposed = baseline.map_or_else(|| Proposed::of_pod(&report), Proposed::of_baseline);
        return Ok((Adopted::Pod(report.pod), proposed));
    }
    if let Some(vm) = &asked.vm {
        let report = vm_of(vms, vm, node)?;
        let proposed = baseline.map_or_else(|| Proposed::of_vm(&report), Proposed::of_baseline);
        return Ok((Adopted::Vm(report.machine), proposed));
    }
    let job = asked.job.unwrap_or_default();
    let report = jobs.into_iter().find(|report| report.job.job == job);
    let report = report.ok_or_else(|| missing("job", job, "/job"))?;
    if let Some(owner) = &report.workload {
        return Err(taken("job", job, owner));
    }
    if let Some(reason) = &report.refused {
        let detail = format!("Job {job} cannot be adopted: {reason}.");
        return Err(Problem::field("job_not_adoptable", "/job", detail));
    }
    let proposed = baseline.map_or_else(|| Proposed::of_job(&report), |baseline| Proposed::new(baseline, baseline));
    Ok((Adopted::SlurmJob(report.job), proposed))
}

/// The container that is asked for, or the only one that its pod has.
fn pod_of(pods: Vec<PodReport>, pod: &str, container: Option<&str>, node: &Node) -> Answered<PodReport> {
    let mut found: Vec<PodReport> = pods.into_iter().filter(|report| report.pod.name == pod).collect();
    if let Some(container) = container {
        found.retain(|report| report.pod.container == container);
    }
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|report| report.pod.container.as_str()).collect();
        let detail = format!("The pod {pod} has several containers: name one of {} in container.", names.join(", "));
        return Err(Problem::field("candidate_not_found", "/container", detail));
    }
    let Some(report) = found.pop() else {
        let of_it = container.map_or_else(String::new, |container| format!("container {container} of "));
        let detail =
            format!("There is no {of_it}pod {pod} on {}. GET /v1/nodes/{}/candidates lists them.", node.name, node.id);
        return Err(Problem::field("candidate_not_found", "/pod", detail));
    };
    if let Some(owner) = &report.workload {
        let detail = format!("The pod {pod} belongs to the workload {owner} already.");
        return Err(Problem::new(StatusCode::CONFLICT, "already_adopted", detail));
    }
    if let Some(reason) = &report.refused {
        let detail = format!("Pod {pod} cannot be adopted: {reason}.");
        return Err(Problem::field("pod_not_adoptable", "/pod", detail));
    }
    Ok(report)
}

/// The virtual machine that is asked for.
fn vm_of(vms: Vec<VmReport>, vm: &str, node: &Node) -> Answered<VmReport> {
    let Some(report) = vms.into_iter().find(|report| report.machine.name == vm) else {
        let detail = format!(
            "There is no virtual machine {vm} on {}. GET /v1/nodes/{}/candidates lists them.",
            node.name, node.id
        );
        return Err(Problem::field("candidate_not_found", "/vm", detail));
    };
    if let Some(owner) = &report.workload {
        let detail = format!("The virtual machine {vm} belongs to the workload {owner} already.");
        return Err(Problem::new(StatusCode::CONFLICT, "already_adopted", detail));
    }
    if let Some(reason) = &report.refused {
        let detail = format!("Virtual machine {vm} cannot be adopted: {reason}.");
        return Err(Problem::field("vm_not_adoptable", "/vm", detail));
    }
    Ok(report)
}

/// Takes in what runs on a node already, without stopping or restarting it: from here on it is held to what its owner has
/// won. Stopping the workload lets it go (operator, admin).
#[utoipa::path(post, path = "/nodes/{id}/adoptions", tag = "admin", operation_id = "adopt", request_body = Adoption, params(("id" = NodeId, Path, description = "Node")),
    responses((status = 201, description = "The workload", body = Instance), Problems))]
async fn adopt(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<NodeId>,
    Body(asked): Body<Adoption>,
) -> Answered<Document> {
    check_operates(&by)?;
    check_name(&asked.name, "/name")?;
    for (text, pointer) in [(&asked.pod, "/pod"), (&asked.container, "/container"), (&asked.vm, "/vm")] {
        text.as_deref().map_or(Ok(()), |text| check_name(text, pointer))?;
    }
    let given = [
        (asked.job.is_some(), "/job"),
        (asked.pod.is_some(), "/pod"),
        (asked.vm.is_some(), "/vm"),
        (asked.pid.is_some(), "/pid"),
    ];
    let named = given.iter().filter(|(is_given, _)| *is_given).count();
    if named == 1 && asked.container.is_some() && asked.pod.is_none() {
        return Err(Problem::field("one_of_two", "/container", "A container is of a pod: name that in pod."));
    }
    if named != 1 {
        let pointer = given.iter().find(|(is_given, _)| *is_given).map_or("/pid", |(_, pointer)| pointer);
        let detail = "Give one of four: the number of a process in pid, of a job in job, the name of a pod in pod, or of a virtual machine in vm.";
        return Err(Problem::field("one_of_two", pointer, detail));
    }
    let node = node_of(&app, id).await?;
    if let Some(pid) = asked.pid.filter(|pid| !node.has_agent() && linux::is_own(*pid)) {
        let detail = format!("Process {pid} is Headroom itself, one that it has started, or one that has started it.");
        return Err(Problem::field("process_protected", "/pid", detail));
    }
    let (adopted, proposed) = candidate(found_on(&app, &node, usize::MAX).await?, &asked, &node)?;
    let baseline = asked.baseline.unwrap_or(proposed.baseline);
    let cpu = amount(&node.capacity, Resource::CpuMilli).max(amount(&baseline, Resource::CpuMilli));
    let most = match &adopted {
        Adopted::Process(_) | Adopted::Pod(_) => cpu,
        // More than its processors can use would be bought for nothing.
        Adopted::Vm(machine) => {
            cpu.min(i64::from(machine.vcpus.max(1)) * 1_000).max(amount(&baseline, Resource::CpuMilli))
        }
        Adopted::SlurmJob(job) => cpu - cpu.checked_rem(job.node_cpu_milli).unwrap_or(0),
    };
    let lends = (adopted.kind() != ModuleKind::SlurmJob).then(|| lent_by_default(&baseline)).flatten();
    let strategy = asked.strategy.unwrap_or_else(|| Strategy { auto_offer: lends, ..Strategy::default() });
    let command = Command::Adopt(Box::new(command::Adopt {
        participant: asked.participant,
        name: asked.name,
        node: id,
        class: asked.class,
        floor: asked.floor.unwrap_or(proposed.floor),
        limit: asked.limit.unwrap_or_else(|| [(Resource::CpuMilli, most)].into()),
        baseline,
        strategy,
        adopted,
    }));
    Ok(created(app.object(&by, command).await?))
}
