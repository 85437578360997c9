//! `headroom work`: the agent of a host. It adopts and limits what the server says, and tells what the kernel counts.
use crate::workers::agents::{AgentDriver, Heartbeat, Orders, ProcessReport, reported};
use anyhow::{Context, ensure};
use clap::Args;
use headroom_execution::linux::{Linux, boot};
use headroom_execution::{AdoptRequest, Adopting, Driver, DriverError, InstanceId, Limits, NodeId, OpKey};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

/// Candidates that one list has.
const MOST_LISTED: usize = 200;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A server answers within two seconds, or it is away.
const ANSWER: Duration = Duration::from_secs(10);

/// Runs the agent of a host: adopted processes there get the CPU that their owners have won.
///
/// It needs the right to make control groups: run it as root, or as a service with Delegate=yes. While the server is away
/// nothing on the host changes. Ctrl-C ends the agent and leaves limits and processes as they are.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:
  1. An admin makes the node: POST /v1/nodes with \"properties\": {\"agent\": 1}, in a pool of such nodes.
  2. An operator makes an API key with the name of the node and the scopes market:read and nodes:work.
  3. HEADROOM_KEY=xk_… headroom work --server http://market:8080 --node host-1")]
pub struct WorkArgs {
    /// Name or id of the node that this host is.
    #[arg(long)]
    node: String,
    /// Where the server is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// API key with the name of the node and the scopes market:read and nodes:work; better in the environment than on the command line.
    #[arg(long, env = "HEADROOM_KEY", hide_env_values = true)]
    key: String,
}

struct Agent {
    args: WorkArgs,
    http: reqwest::Client,
    linux: Linux,
}

pub async fn run(args: WorkArgs) -> anyhow::Result<ExitCode> {
    let hash = blake3::hash(format!("{} {}", args.key, args.node).as_bytes()).to_hex();
    let http = reqwest::Client::builder().timeout(ANSWER).build()?;
    let agent = Agent { args, http, linux: Linux::new(&hash[..12]) };
    if let Some(reason) = agent.linux.unavailable() {
        tracing::warn!("no process can be limited on this host: {reason}");
    }
    tokio::select! {
        ended = agent.work() => ended?,
        _ = tokio::signal::ctrl_c() => {}
    }
    // Groups and limits stay for the next start.
    Ok(ExitCode::SUCCESS)
}

impl Agent {
    async fn work(&self) -> anyhow::Result<()> {
        let (mut node, mut orders, mut pause) = (None, Orders::default(), FIRST_PAUSE);
        let mut refused = BTreeMap::new();
        loop {
            match self.beat(&mut node, &orders, &refused).await {
                Ok(next) => {
                    if pause > FIRST_PAUSE {
                        tracing::info!("the server answers");
                    }
                    pause = FIRST_PAUSE;
                    refused = tokio::task::block_in_place(|| self.carry_out(node.as_ref(), &next));
                    orders = next;
                }
                Err(error) => {
                    if pause == FIRST_PAUSE {
                        tracing::warn!("{error:#}; nothing changes on this host meanwhile, trying again");
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// One heartbeat: tells what is observed, and takes what is to be done.
    async fn beat(
        &self,
        node: &mut Option<NodeId>,
        orders: &Orders,
        refused: &BTreeMap<InstanceId, String>,
    ) -> anyhow::Result<Orders> {
        let id = match node {
            Some(id) => id.clone(),
            None => node.insert(self.find_node().await?).clone(),
        };
        let listed = orders.list_candidates.then(|| tokio::task::block_in_place(|| self.linux.candidates(MOST_LISTED)));
        let processes = listed.map(|found| found.into_iter().map(ProcessReport::from).collect());
        let told = Heartbeat {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            driver: AgentDriver::Linux,
            boot: boot(),
            carried_out: orders.list,
            unavailable: self.linux.unavailable(),
            workloads: reported(self.linux.reports(), refused),
            processes,
            jobs: None,
        };
        let answer = self.ask(&format!("/v1/nodes/{id}/heartbeat"), Some(serde_json::to_string(&told)?)).await?;
        serde_json::from_str(&answer).context("the server answers in another language: is it of this version?")
    }

    async fn find_node(&self) -> anyhow::Result<NodeId> {
        let nodes: Value = serde_json::from_str(&self.ask("/v1/nodes", None).await?)?;
        let named = &self.args.node;
        let mut all = nodes["data"].as_array().into_iter().flatten();
        let found = all.find(|one| one["name"] == *named || one["id"] == *named);
        let found = found.with_context(|| format!("the server has no node `{named}`"))?;
        Ok(NodeId::new(found["id"].as_str().unwrap_or_default()))
    }

    async fn ask(&self, path: &str, body: Option<String>) -> anyhow::Result<String> {
        let url = format!("{}{path}", self.args.server.trim_end_matches('/'));
        let request = match body {
            None => self.http.get(&url),
            Some(body) => self.http.post(&url).header("Content-Type", "application/json").body(body),
        };
        let answer = request.bearer_auth(&self.args.key).send().await;
        let answer = answer.with_context(|| format!("{url} does not answer"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        let read: Value = serde_json::from_str(&text).unwrap_or_default();
        ensure!(status.is_success(), "{}", read["detail"].as_str().unwrap_or(status.as_str()));
        Ok(text)
    }

    /// Adopts, limits and lets go, until this host runs what the list says. What fails is tried with the next heartbeat;
    /// answers why it fails.
    fn carry_out(&self, node: Option<&NodeId>, orders: &Orders) -> BTreeMap<InstanceId, String> {
        let mut refused = BTreeMap::new();
        let Some(node) = node else { return refused };
        for wanted in &orders.wanted {
            let (instance, limits) = (InstanceId::new(&wanted.instance), Limits::new(wanted.cpu_milli, 0));
            let key = OpKey::new(format!("list-{}", orders.list), wanted.instance.clone());
            let known = self.linux.active_epoch(&instance);
            let done = if known.is_none_or(|epoch| epoch < wanted.epoch) {
                let (adopted, node) = (wanted.adopted.clone(), node.clone());
                let request = AdoptRequest { instance: instance.clone(), node, epoch: wanted.epoch, adopted, limits };
                self.linux.adopt(&key, &request).map(|_| ())
            } else if self.linux.limits_in_force(&instance) != Some(limits.clone()) {
                self.linux.resize(&key, &instance, wanted.epoch, &limits).map(|_| ())
            } else {
                Ok(())
            };
            if let Err(error) = done {
                tell(&wanted.instance, &error);
                refused.insert(instance, error.to_string());
            }
        }
        let wanted: BTreeSet<&str> = orders.wanted.iter().map(|wanted| wanted.instance.as_str()).collect();
        for (instance, report) in self.linux.reports() {
            if !wanted.contains(instance.as_str()) {
                let key = OpKey::new(format!("list-{}", orders.list), "stop");
                if let Err(error) = self.linux.stop(&key, &instance, report.epoch) {
                    tell(instance.as_str(), &error);
                }
            }
        }
        refused
    }
}

fn tell(instance: &str, error: &DriverError) {
    tracing::warn!(instance, %error, "its limit cannot be set yet; trying again");
}
