//! `headroom adopt`: takes programs that run already into the market, over the server's API.
use crate::cli::say;
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Takes a program that runs already into the market, without a restart.
///
/// Its owner can buy it more CPU, and lends what it does not need; the kernel holds it to what was won.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  headroom adopt list --node host-1
  headroom adopt pid 4242 --node host-1 --owner acme --name web --cpu-milli 500")]
pub struct AdoptArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Lists the processes of a node's host that can be adopted, the busiest first.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Adopts a process with all that it has started.
    Pid {
        /// The number of the process, as `headroom adopt list` shows it.
        pid: u32,
        /// Name or id of the participant that owns the workload.
        #[arg(long)]
        owner: String,
        /// Name of the workload.
        #[arg(long)]
        name: String,
        /// What it always has, in thousandths of a core; what it uses and a quarter more if left out.
        #[arg(long, value_name = "MILLI")]
        cpu_milli: Option<i64>,
        /// What lending never takes it under; half of the baseline if left out.
        #[arg(long, value_name = "MILLI")]
        floor_milli: Option<i64>,
        #[command(flatten)]
        server: Server,
    },
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
        let client = reqwest::Client::new();
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

    async fn processes(&self) -> anyhow::Result<String> {
        Ok(format!("/v1/nodes/{}/processes", self.find("/v1/nodes", "node", &self.node).await?))
    }
}

pub async fn run(args: AdoptArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        What::List { server } => list(&server).await?,
        What::Pid { pid, owner, name, cpu_milli, floor_milli, server } => {
            let participant = server.find("/v1/participants", "participant", &owner).await?;
            let mut body = json!({ "pid": pid, "participant": participant, "name": name });
            if let Some(milli) = cpu_milli {
                body["baseline"] = json!({ "cpu_milli": milli });
            }
            if let Some(milli) = floor_milli {
                body["floor"] = json!({ "cpu_milli": milli });
            }
            let made = server.ask(&server.processes().await?, Some(&body)).await?;
            let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
            let milli = &made["baseline"]["cpu_milli"];
            say(format_args!(
                "{} {}: process {pid} has {milli} thousandths of a core from here on.",
                text("id"),
                text("name")
            ));
            say(format_args!("Stop it in the web UI or by POST /v1/instances/{}/stop to lift the limit.", text("id")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let found = server.ask(&server.processes().await?, None).await?;
    say(format_args!("{:>8} {:>9} {:>8} {:>9}  {:<30} command", "pid", "cpu milli", "mem MiB", "proposed", "workload"));
    for one in found["data"].as_array().into_iter().flatten() {
        let number = |field: &str| one[field].as_i64().unwrap_or(0);
        let proposed = one["proposed"]["baseline"]["cpu_milli"].as_i64().unwrap_or(0);
        let workload = one["workload"].as_str().unwrap_or("-");
        let command: String = one["command"].as_str().unwrap_or_default().chars().take(80).collect();
        let (pid, cpu, mem) = (number("pid"), number("cpu_milli"), number("mem_mib"));
        say(format_args!("{pid:>8} {cpu:>9} {mem:>8} {proposed:>9}  {workload:<30} {command}"));
    }
    Ok(())
}
