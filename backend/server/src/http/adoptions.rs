//! What runs on a node already: what may be adopted, and adopting it.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::{Anyone, require};
use crate::http::extract::{Body, Path};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{Document, List, created, list_of};
use crate::workers::agents::{Candidates, JobReport, PodReport, ProcessReport};
use crate::workers::nodes::node_id;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use headroom_execution::{Adopting, linux};
use headroom_market::command::{self, Command};
use headroom_market::ids::{InstanceId, NodeId, ParticipantId};
use headroom_market::participant::Role;
use headroom_market::pool::Node;
use headroom_market::printable::check_name;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::strategy::lent_by_default;
use headroom_market::workload::{Adopted, Class, Instance, LEAST_CPU_MILLI, Strategy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Candidates that one answer lists.
const MOST_CANDIDATES: usize = 200;
/// Baselines that are proposed are whole steps of so much, and no less.
const STEP_MILLI: i64 = 50;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_candidates)).routes(routes!(adopt))
}

/// What runs on a node and may be adopted.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum CandidateView {
    Process(ProcessView),
    SlurmJob(JobView),
    Pod(PodView),
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

/// A running job of the node's cluster.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct JobView {
    job: u64,
    name: String,
    partition: String,
    user: String,
    running_seconds: u64,
    /// Seconds until its time limit; left out without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_seconds: Option<u64>,
    /// Nodes that it has.
    nodes: u64,
    /// CPU of one of its nodes: it grows and shrinks by so much.
    node_cpu_milli: i64,
    /// Why it cannot be adopted, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The workload that it is already, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<InstanceId>,
    proposed: Proposed,
}

/// A container of a pod of the node.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PodView {
    namespace: String,
    /// Name of the pod.
    pod: String,
    container: String,
    uid: String,
    /// The Deployment, StatefulSet, Job or other object that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// The class of service that Kubernetes gives it: `Guaranteed`, `Burstable` or `BestEffort`.
    service: String,
    /// CPU that it asks for and has at most, in thousandths of a core; left out where it has no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_milli: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_milli: Option<u64>,
    /// CPU over the newest sample, in thousandths of a core; left out where nobody takes samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_milli: Option<u64>,
    mem_mib: u64,
    running_seconds: u64,
    /// Why it cannot be adopted, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The workload that it is already, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<InstanceId>,
    proposed: Proposed,
}

/// Of a process: a baseline with a quarter to spare over what it uses, and half of that as floor. Of a pod the same, and no
/// more than its limit; its limit where its use is unknown. Of a job: what it has.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Proposed {
    baseline: Amounts,
    floor: Amounts,
}

impl Proposed {
    fn of_process(report: &ProcessReport) -> Self {
        let used = i64::try_from(report.cpu_milli.max(report.mean_cpu_milli)).unwrap_or(i64::MAX / 2);
        Self::of_baseline(Self::with_spare(used))
    }

    /// A quarter more than is used, in whole steps.
    fn with_spare(used: i64) -> i64 {
        let used = used.min(i64::MAX / 2);
        ((used + used / 4).div_euclid(STEP_MILLI) + 1).saturating_mul(STEP_MILLI)
    }

    fn of_pod(report: &PodReport) -> Self {
        let of = |milli: u64| i64::try_from(milli).unwrap_or(i64::MAX / 2);
        let limit = report.limit_milli.map_or(LEAST_CPU_MILLI, of).max(LEAST_CPU_MILLI);
        Self::of_baseline(report.cpu_milli.map_or(limit, |used| Self::with_spare(of(used)).min(limit)))
    }

    fn of_baseline(cpu_milli: i64) -> Self {
        Self::new(cpu_milli, (cpu_milli / 2).max(LEAST_CPU_MILLI))
    }

    fn of_job(report: &JobReport) -> Self {
        let nodes = i64::try_from(report.nodes).unwrap_or(1);
        let cpu_milli = report.job.node_cpu_milli.saturating_mul(nodes.max(1));
        Self::new(cpu_milli, cpu_milli)
    }

    fn new(baseline: i64, floor: i64) -> Self {
        let of = |milli| [(Resource::CpuMilli, milli)].into();
        Self { baseline: of(baseline), floor: of(floor) }
    }
}

impl From<ProcessReport> for ProcessView {
    fn from(report: ProcessReport) -> Self {
        Self {
            workload: report.workload.as_deref().and_then(|id| id.parse().ok()),
            proposed: Proposed::of_process(&report),
            pid: report.process.pid,
            command: report.process.command,
            user: report.user,
            running_seconds: report.running_seconds,
            descendants: report.descendants,
            cpu_milli: report.cpu_milli,
            mean_cpu_milli: report.mean_cpu_milli,
            mem_mib: report.mem_kib.div_ceil(1024),
        }
    }
}

impl From<JobReport> for JobView {
    fn from(report: JobReport) -> Self {
        Self {
            workload: report.workload.as_deref().and_then(|id| id.parse().ok()),
            proposed: Proposed::of_job(&report),
            job: report.job.job,
            name: report.job.name,
            node_cpu_milli: report.job.node_cpu_milli,
            partition: report.partition,
            user: report.user,
            running_seconds: report.running_seconds,
            left_seconds: report.left_seconds,
            nodes: report.nodes,
            refused: report.refused,
        }
    }
}

impl From<PodReport> for PodView {
    fn from(report: PodReport) -> Self {
        Self {
            workload: report.workload.as_deref().and_then(|id| id.parse().ok()),
            proposed: Proposed::of_pod(&report),
            namespace: report.pod.namespace,
            pod: report.pod.name,
            container: report.pod.container,
            uid: report.pod.uid,
            owner: report.owner,
            service: report.service,
            request_milli: report.request_milli,
            limit_milli: report.limit_milli,
            cpu_milli: report.cpu_milli,
            mem_mib: report.mem_kib.div_ceil(1024),
            running_seconds: report.running_seconds,
            refused: report.refused,
        }
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

/// What may be adopted on a node: processes or pods, the busiest first, or jobs.
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

/// Lists what runs on a node and may be adopted: processes or pods, the busiest first, or jobs of its cluster (operator, admin).
#[utoipa::path(get, path = "/nodes/{id}/candidates", tag = "admin", operation_id = "listCandidates", params(("id" = NodeId, Path, description = "Node")),
    responses((status = 200, description = "At most 200", body = List<CandidateView>), Problems))]
async fn list_candidates(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<NodeId>,
) -> Answered<Json<serde_json::Value>> {
    check_operates(&by)?;
    let node = node_of(&app, id).await?;
    let Candidates { processes, jobs, pods } = found_on(&app, &node, MOST_CANDIDATES).await?;
    let processes = processes.into_iter().map(|report| CandidateView::Process(report.into()));
    let jobs = jobs.into_iter().map(|report| CandidateView::SlurmJob(report.into()));
    let pods = pods.into_iter().map(|report| CandidateView::Pod(report.into()));
    Ok(list_of(&processes.chain(jobs).chain(pods).take(MOST_CANDIDATES).collect::<Vec<_>>()))
}

/// What runs on a node, to take in as a workload: a process by `pid`, a job of a Slurm cluster by `job`, or a container of a
/// Kubernetes pod by `pod`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Adoption {
    /// This, `job` or `pod`.
    pid: Option<u32>,
    /// This, `pid` or `pod`.
    job: Option<u64>,
    /// Name of the pod: this, `pid` or `job`.
    pod: Option<String>,
    /// Of a pod with several containers: the one whose CPU changes.
    container: Option<String>,
    /// Who owns the workload, pays for it and bids for it.
    participant: ParticipantId,
    name: String,
    /// `cpu_milli` only, as memory is measured and not limited. Left out: what a process or a pod uses and a quarter more,
    /// what a job has.
    baseline: Option<Amounts>,
    /// At least 10 `cpu_milli`; of a job whole nodes. Left out: half of a process's or a pod's baseline, all of a job's.
    floor: Option<Amounts>,
    /// The most that it can use. Left out: the CPU of the node.
    limit: Option<Amounts>,
    #[serde(default)]
    class: Class,
    /// As of `POST /v1/instances`. Left out: CPU that a process or a pod will not need is lent at the pool's reserve price or more.
    strategy: Option<Strategy>,
}

/// What is adopted, and what is proposed for it.
fn candidate(found: Candidates, asked: &Adoption, node: &Node) -> Answered<(Adopted, Proposed)> {
    let Candidates { processes, jobs, pods } = found;
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
    for (text, pointer) in [(&asked.pod, "/pod"), (&asked.container, "/container")] {
        text.as_deref().map_or(Ok(()), |text| check_name(text, pointer))?;
    }
    let given = [(asked.job.is_some(), "/job"), (asked.pod.is_some(), "/pod"), (asked.pid.is_some(), "/pid")];
    let named = given.iter().filter(|(is_given, _)| *is_given).count();
    if named == 1 && asked.container.is_some() && asked.pod.is_none() {
        return Err(Problem::field("one_of_two", "/container", "A container is of a pod: name that in pod."));
    }
    if named != 1 {
        let pointer = given.iter().find(|(is_given, _)| *is_given).map_or("/pid", |(_, pointer)| pointer);
        let detail = "Give one of three: the number of a process in pid, of a job in job, or the name of a pod in pod.";
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
        Adopted::SlurmJob(job) => cpu - cpu.checked_rem(job.node_cpu_milli).unwrap_or(0),
    };
    let lends = matches!(adopted, Adopted::Process(_) | Adopted::Pod(_)).then(|| lent_by_default(&baseline)).flatten();
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
            let Proposed { baseline, floor } = Proposed::of_process(&report);
            (amount(&baseline, Resource::CpuMilli), amount(&floor, Resource::CpuMilli))
        };
        assert_eq!(proposed(0, 0), (50, 25));
        assert_eq!(proposed(1_000, 100), (1_300, 650));
        assert_eq!(proposed(0, 400), (550, 275));
    }

    #[test]
    fn a_pods_baseline_is_never_above_its_limit() {
        let proposed = |cpu_milli, limit_milli| {
            let name = || "x".to_owned();
            let pod = headroom_market::workload::ClusterPod {
                namespace: name(),
                name: name(),
                uid: name(),
                container: name(),
            };
            let report = PodReport {
                pod,
                owner: None,
                service: "Guaranteed".to_owned(),
                request_milli: limit_milli,
                limit_milli,
                cpu_milli,
                mem_kib: 0,
                running_seconds: 9,
                refused: None,
                workload: None,
            };
            let Proposed { baseline, floor } = Proposed::of_pod(&report);
            (amount(&baseline, Resource::CpuMilli), amount(&floor, Resource::CpuMilli))
        };
        assert_eq!(proposed(Some(400), Some(2_000)), (550, 275));
        assert_eq!(proposed(Some(1_990), Some(2_000)), (2_000, 1_000));
        assert_eq!(proposed(None, Some(2_000)), (2_000, 1_000), "its use is unknown");
        assert_eq!(proposed(None, None), (10, 10));
        assert_eq!(proposed(Some(u64::MAX), Some(u64::MAX)).0, i64::MAX / 2);
    }
}
