//! `headroom adopt`: takes programs that run already into the market, over the server's API.
use crate::cli::client::client;
use crate::cli::say;
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Takes a program that runs already into the market, without a restart.
///
/// Its owner can buy it more CPU. The kernel holds a process, a pod or a virtual machine to what was won; a Slurm cluster gives a job whole nodes.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  headroom adopt list --node host-1
  headroom adopt pid 4242 --node host-1 --owner acme --name web --cpu-milli 500
  headroom adopt slurm-job 17 --node batch --owner acme --name simulation
  headroom adopt pod web-5d4f9c7b6-x2x8z --node worker-1 --owner acme --name web
  headroom adopt vm web --node machines --owner acme --name web")]
pub struct AdoptArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Lists what can be adopted on a node: processes, virtual machines or pods, the busiest first, or jobs of its cluster.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Adopts a process with all that it has started.
    Pid {
        /// The number of the process, as `headroom adopt list` shows it.
        pid: u32,
        #[command(flatten)]
        as_workload: AsWorkload,
    },
    /// Adopts a running job of a Slurm cluster.
    SlurmJob {
        /// The number of the job, as `squeue` and `headroom adopt list` show it.
        job: u64,
        #[command(flatten)]
        as_workload: AsWorkload,
    },
    /// Adopts a container of a running Kubernetes pod.
    Pod {
        /// The name of the pod, as `kubectl get pods` and `headroom adopt list` show it.
        pod: String,
        /// The container whose CPU changes; left out where the pod has only one.
        #[arg(long)]
        container: Option<String>,
        #[command(flatten)]
        as_workload: AsWorkload,
    },
    /// Adopts a running virtual machine.
    Vm {
        /// The name of its socket without .qmp, as `headroom adopt list` shows it.
        vm: String,
        #[command(flatten)]
        as_workload: AsWorkload,
    },
}

#[derive(Args, Clone, Debug)]
struct AsWorkload {
    /// Name or id of the participant that owns the workload.
    #[arg(long)]
    owner: String,
    /// Name of the workload.
    #[arg(long)]
    name: String,
    /// What it always has, in thousandths of a core. Left out: what it uses and a quarter more, of a job what it has.
    #[arg(long, value_name = "MILLI")]
    cpu_milli: Option<i64>,
    /// What lending never takes it under. Left out: half of its baseline, of a job all of it.
    #[arg(long, value_name = "MILLI")]
    floor_milli: Option<i64>,
    #[command(flatten)]
    server: Server,
}

impl AsWorkload {
    /// Adopts what these fields of the request name, and says that it was this.
    async fn adopt(&self, mut body: Value, what: &str) -> anyhow::Result<()> {
        body["participant"] = self.server.find("/v1/participants", "participant", &self.owner).await?.into();
        body["name"] = self.name.as_str().into();
        if let Some(milli) = self.cpu_milli {
            body["baseline"] = json!({ "cpu_milli": milli });
        }
        if let Some(milli) = self.floor_milli {
            body["floor"] = json!({ "cpu_milli": milli });
        }
        let path = format!("{}/adoptions", self.server.node_path().await?);
        let made = self.server.ask(&path, Some(&body)).await?;
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        let (id, name, milli) = (text("id"), text("name"), &made["baseline"]["cpu_milli"]);
        say(format_args!("{id} {name}: {what} has {milli} thousandths of a core from here on."));
        say(format_args!("Stop it in the web UI or by POST /v1/instances/{id}/stop to let it go."));
        Ok(())
    }
}

#[derive(Args, Clone, Debug)]
struct Server {
    /// Name or id of the node on whose host it runs.
    #[arg(long)]
    node: String,
    /// Where the server is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// API key of an operator or admin; better in the environment than on the command line.
    #[arg(long, env = "HEADROOM_KEY", hide_env_values = true)]
    key: String,
}

impl Server {
    async fn ask(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.server.trim_end_matches('/'));
        let client = client().build()?;
        let request = match body {
            None => client.get(&url),
            Some(body) => client.post(&url).header("Content-Type", "application/json").body(body.to_string()),
        };
        let answer = request.bearer_auth(&self.key).send().await;
        let answer = answer.with_context(|| format!("{url} does not answer: is the server there?"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        let read: Value = serde_json::from_str(&text).unwrap_or_default();
        ensure!(
            status.is_success(),
            "{} ({})",
            read["detail"].as_str().unwrap_or(&text),
            read["code"].as_str().unwrap_or(status.as_str())
        );
        Ok(read)
    }

    /// The id of what has this name or id.
    async fn find(&self, path: &str, what: &str, named: &str) -> anyhow::Result<String> {
        let all = self.ask(path, None).await?;
        let all: Vec<&Value> = all["data"].as_array().into_iter().flatten().collect();
        let found = all.iter().find(|one| one["id"] == named || one["name"] == named);
        let names: Vec<&str> = all.iter().filter_map(|one| one["name"].as_str()).collect();
        let found = found.with_context(|| format!("there is no {what} `{named}`; there are {}", names.join(", ")))?;
        Ok(found["id"].as_str().unwrap_or_default().to_owned())
    }

    async fn node_path(&self) -> anyhow::Result<String> {
        Ok(format!("/v1/nodes/{}", self.find("/v1/nodes", "node", &self.node).await?))
    }
}

pub async fn run(args: AdoptArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        What::List { server } => list(&server).await?,
        What::Pid { pid, as_workload } => as_workload.adopt(json!({ "pid": pid }), &format!("process {pid}")).await?,
        What::SlurmJob { job, as_workload } => {
            as_workload.adopt(json!({ "job": job }), &format!("job {job}")).await?;
        }
        What::Pod { pod, container, as_workload } => {
            let mut body = json!({ "pod": pod });
            if let Some(container) = container {
                body["container"] = container.into();
            }
            as_workload.adopt(body, &format!("pod {pod}")).await?;
        }
        What::Vm { vm, as_workload } => {
            as_workload.adopt(json!({ "vm": vm }), &format!("virtual machine {vm}")).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let found = server.ask(&format!("{}/candidates", server.node_path().await?), None).await?;
    let all: Vec<&Value> = found["data"].as_array().into_iter().flatten().collect();
    let of = |kind: &str| all.iter().copied().filter(|one| one["kind"] == kind).collect::<Vec<_>>();
    list_processes(&of("process"));
    list_jobs(&of("slurm_job"));
    list_pods(&of("pod"));
    list_machines(&of("vm"));
    Ok(())
}

fn number(one: &Value, field: &str) -> i64 {
    one[field].as_i64().unwrap_or(0)
}

fn text(one: &Value, field: &str) -> String {
    one[field].as_str().unwrap_or("-").to_owned()
}

fn proposed(one: &Value) -> i64 {
    one["proposed"]["baseline"]["cpu_milli"].as_i64().unwrap_or(0)
}

/// A name, and why it cannot be adopted if so.
fn with_reason(name: String, one: &Value) -> String {
    match one["refused"].as_str() {
        Some(reason) => format!("{name} (not adoptable: {reason})"),
        None => name,
    }
}

fn list_processes(processes: &[&Value]) {
    if !processes.is_empty() {
        let heads = ("pid", "cpu milli", "mem MiB", "proposed", "workload");
        say(format_args!("{:>8} {:>9} {:>8} {:>9}  {:<30} command", heads.0, heads.1, heads.2, heads.3, heads.4));
    }
    for one in processes {
        let command: String = text(one, "command").chars().take(80).collect();
        let (pid, cpu, mem) = (number(one, "pid"), number(one, "cpu_milli"), number(one, "mem_mib"));
        say(format_args!("{pid:>8} {cpu:>9} {mem:>8} {:>9}  {:<30} {command}", proposed(one), text(one, "workload")));
    }
}

fn list_jobs(jobs: &[&Value]) {
    if !jobs.is_empty() {
        let heads = ("job", "nodes", "node milli", "proposed", "workload");
        say(format_args!("{:>8} {:>9} {:>10} {:>9}  {:<30} name", heads.0, heads.1, heads.2, heads.3, heads.4));
    }
    for one in jobs {
        let (job, nodes, lot) = (number(one, "job"), number(one, "nodes"), number(one, "node_cpu_milli"));
        let name = with_reason(text(one, "name"), one);
        say(format_args!("{job:>8} {nodes:>9} {lot:>10} {:>9}  {:<30} {name}", proposed(one), text(one, "workload")));
    }
}

fn list_pods(pods: &[&Value]) {
    if !pods.is_empty() {
        let heads = ("cpu milli", "limit", "proposed", "workload", "pod/container");
        say(format_args!("{:>9} {:>8} {:>9}  {:<30} {}", heads.0, heads.1, heads.2, heads.3, heads.4));
    }
    for one in pods {
        let or_unknown = |field: &str| one[field].as_i64().map_or("-".to_owned(), |milli| milli.to_string());
        let (cpu, limit, workload) = (or_unknown("cpu_milli"), or_unknown("limit_milli"), text(one, "workload"));
        let name = with_reason(format!("{}/{}", text(one, "pod"), text(one, "container")), one);
        say(format_args!("{cpu:>9} {limit:>8} {:>9}  {workload:<30} {name}", proposed(one)));
    }
}

fn list_machines(machines: &[&Value]) {
    if !machines.is_empty() {
        let heads = ("cpu milli", "vcpus", "mem MiB", "proposed", "workload");
        say(format_args!("{:>9} {:>6} {:>8} {:>9}  {:<30} machine", heads.0, heads.1, heads.2, heads.3, heads.4));
    }
    for one in machines {
        let (cpu, vcpus, mem) = (number(one, "cpu_milli"), number(one, "vcpus"), number(one, "memory_mib"));
        let name = with_reason(text(one, "vm"), one);
        say(format_args!("{cpu:>9} {vcpus:>6} {mem:>8} {:>9}  {:<30} {name}", proposed(one), text(one, "workload")));
    }
}
