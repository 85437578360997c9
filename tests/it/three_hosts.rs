//! Three hosts, each a network of its own: what ends by force, or is cut off, leaves no service active twice, loses nothing
//! that was promised, and is settled by what was there.
use crate::agents::{Agent, at_one_port, make_hosts};
use crate::common::{START, healthy};
use crate::services::{Load, define};
use crate::services_on_agents::{Copies, processes_of};
use anyhow::{Context, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, Launch, Server, api, skip};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const TEST: &str = "three_hosts_lose_nothing_by_ends_and_cuts";
const NAMES: [&str; 3] = ["host-1", "host-2", "host-3"];

/// A bridge of this machine, and a network namespace on it for each host. They go with it.
struct Networks {
    bridge: String,
    subnet: String,
}

impl Networks {
    /// Why there are none here, if so.
    fn make() -> Result<Self, String> {
        let number = std::process::id();
        // One of 10.64.0.0/10, which no other test of this machine has.
        let subnet = format!("10.{}.{}", 64 + (number >> 8) % 64, number % 256);
        let networks = Self { bridge: format!("hr{number}"), subnet };
        let bridge = &networks.bridge;
        ip(&format!("link add {bridge} type bridge"))?;
        ip(&format!("addr add {}/24 dev {bridge}", networks.address(None)))?;
        ip(&format!("link set {bridge} up"))?;
        for number in 0..NAMES.len() {
            let (space, link) = (networks.space(number), networks.link(number));
            ip(&format!("netns add {space}"))?;
            ip(&format!("link add {link} type veth peer name eth0 netns {space}"))?;
            ip(&format!("link set {link} master {bridge} up"))?;
            ip(&format!("-n {space} addr add {}/24 dev eth0", networks.address(Some(number))))?;
            ip(&format!("-n {space} link set eth0 up"))?;
            ip(&format!("-n {space} link set lo up"))?;
        }
        Ok(networks)
    }

    /// Of a host, or of this machine on the bridge.
    fn address(&self, host: Option<usize>) -> String {
        format!("{}.{}", self.subnet, host.map_or(1, |number| number + 2))
    }

    fn space(&self, host: usize) -> String {
        format!("{}-{host}", self.bridge)
    }

    fn link(&self, host: usize) -> String {
        format!("{}v{host}", self.bridge)
    }

    /// Takes the cable of a host out, or puts it in again.
    fn cut(&self, host: usize, is_cut: bool) -> anyhow::Result<()> {
        let state = if is_cut { "down" } else { "up" };
        ip(&format!("link set {} {state}", self.link(host))).map_err(anyhow::Error::msg)
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for number in 0..NAMES.len() {
            let _ = ip(&format!("netns del {}", self.space(number)));
        }
        let _ = ip(&format!("link del {}", self.bridge));
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let made = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    if made.status.success() {
        return Ok(());
    }
    Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&made.stderr).trim()))
}

struct Fleet {
    _copies: Copies,
    folder: TempDir,
    networks: Networks,
    server: Server,
    nodes: [String; 3],
    keys: [String; 3],
    url: String,
}

impl Fleet {
    async fn start(networks: Networks) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let definitions = folder.path().join("services");
        std::fs::create_dir(&definitions)?;
        let Some(port) = define(&definitions)? else {
            skip(TEST, "neither nginx nor python3 is here");
            return Ok(None);
        };
        let mut launch = Launch::simulated(&folder.path().join("data"), START).argument("--services");
        launch = launch.argument(&definitions.display().to_string());
        let server = at_one_port(launch, &networks.address(None))?.start().await?;
        let (nodes, keys) = make_hosts(&server, NAMES).await?;
        let url = format!("http://127.0.0.1:{port}/");
        let copies = Copies(folder.path().to_owned());
        Ok(Some(Self { _copies: copies, folder, networks, server, nodes, keys, url }))
    }

    async fn restarted(self) -> anyhow::Result<Self> {
        let Self { _copies, folder, networks, server, nodes, keys, url } = self;
        let launch = server.kill()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Self { server: launch.start().await?, _copies, folder, networks, nodes, keys, url })
    }

    fn agent(&self, number: usize) -> anyhow::Result<Agent> {
        let text = |path: &Path| path.display().to_string();
        let (definitions, own) = (self.folder.path().join("services"), self.folder.path().join(NAMES[number]));
        let (definitions, own, address) = (text(&definitions), text(&own), self.networks.address(Some(number)));
        let arguments = ["--services", &definitions, "--data", &own, "--address", &address];
        let space = format!("/run/netns/{}", self.networks.space(number));
        Agent::start_in(&space, &self.server.url, NAMES[number], &self.keys[number], &arguments)
    }

    /// Hosts on which a copy of the service runs.
    fn active(&self) -> anyhow::Result<Vec<usize>> {
        let mut active = Vec::new();
        for (number, name) in NAMES.iter().enumerate() {
            if !processes_of(&self.folder.path().join(name))?.is_empty() {
                active.push(number);
            }
        }
        Ok(active)
    }

    async fn registered(&self, tenant: &Api) -> anyhow::Result<Option<Value>> {
        let mut said = String::new();
        for attempt in 0..100 {
            let modules = tenant.list("/v1/modules").await?;
            let service = modules.iter().find(|m| m["kind"] == "service").context("the service is offered")?;
            let body = json!({ "name": "web", "module": service["id"], "pool": "hosts", "baseline": { "cpu_milli": 200 },
                "floor": { "cpu_milli": 100 }, "limit": { "cpu_milli": 1000 }, "strategy": { "auto_offer": null } });
            let asked = tenant.post_with_key("/v1/instances", &format!("web-{attempt}"), &body).await?;
            if asked.is_success() {
                return asked.ok().map(Some);
            }
            said = asked.text;
            if said.contains("control group") {
                skip(TEST, &said);
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::bail!("no agent offers it: {said}")
    }

    /// Advances, half a second of real time for two of the market, until something holds.
    async fn until<T>(&self, what: &str, look: impl AsyncFn() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
        let admin = self.server.api("admin")?;
        for _ in 0..300 {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            admin.advance(2).await?;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        anyhow::bail!("not within time: {what}; {}", self.server.log())
    }

    async fn until_answers(&self, whether: bool) -> anyhow::Result<()> {
        let http = api::client().timeout(Duration::from_secs(2)).build()?;
        let look = async || {
            let answer = http.get(&self.url).send().await;
            Ok((answer.is_ok_and(|answer| answer.status() == 200) == whether).then_some(()))
        };
        self.until(if whether { "it answers" } else { "it does not answer" }, look).await
    }

    /// Waits until a move has ended and one host alone has the service; which.
    async fn until_settled(&self, id: &str) -> anyhow::Result<usize> {
        let tenant = self.server.api("tenant")?;
        let look = async || {
            let workload = tenant.get(&format!("/v1/instances/{id}")).await?.ok()?;
            let home = self.nodes.iter().position(|node| workload["node"] == **node).context("a node")?;
            let is_settled = workload["swap"].is_null() && self.active()? == [home];
            Ok(is_settled.then_some(home))
        };
        self.until("one host has it", look).await
    }

    async fn node(&self, number: usize, verb: &str) -> anyhow::Result<()> {
        let route = format!("/v1/nodes/{}/{verb}", self.nodes[number]);
        self.server.api("operator")?.act(&route).await?.ok().map(|_| ())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hosts_lose_nothing_by_ends_and_cuts() -> anyhow::Result<()> {
    let networks = match Networks::make() {
        Ok(networks) => networks,
        Err(reason) => {
            skip(TEST, &format!("there can be no networks of hosts: {reason}"));
            return Ok(());
        }
    };
    let Some(fleet) = Fleet::start(networks).await? else { return Ok(()) };
    let mut agents = (0..NAMES.len()).map(|number| fleet.agent(number)).collect::<anyhow::Result<Vec<_>>>()?;
    let tenant = fleet.server.api("tenant")?;
    let Some(made) = fleet.registered(&tenant).await? else { return Ok(()) };
    let id = made["id"].as_str().context("an id")?.to_owned();
    fleet.until_answers(true).await?;
    let first = fleet.until_settled(&id).await?;

    // One host ends: a move between the other two is not disturbed, and no request fails.
    let ended = (first + 1) % NAMES.len();
    agents[ended].kill();
    let load = Load::start(&fleet.url);
    fleet.node(ended, "cordon").await?;
    fleet.node(first, "drain").await?;
    let second = fleet.until("it has moved", async || {
        let home = fleet.until_settled(&id).await?;
        Ok((home != first).then_some(home))
    });
    let second = second.await?;
    assert_eq!(second, NAMES.len() - first - ended, "the one that is left");
    let (answered, failed) = load.end().await;
    assert_eq!(failed, 0, "of {} requests", answered + failed);
    ensure!(answered > 50, "{answered} requests");
    agents[ended] = fleet.agent(ended)?;
    fleet.node(ended, "uncordon").await?;
    fleet.node(first, "uncordon").await?;

    // Its host is cut off with a won bid in force: nobody else begins it, and what was not there is credited.
    let window = Rhythm::of(&fleet.server.api("admin")?).await?.window(1, 2);
    let bid = json!({ "instance": id, "window": window, "min_fill": "1", "resources": { "cpu_milli": 300 },
        "pools": [{ "pool": "hosts" }], "limit": "20" });
    let order = tenant.post_with_key("/v1/bids", "bid", &bid).await?.id()?;
    let route = format!("/v1/instances/{id}");
    fleet
        .until("the bid is in force", async || {
            let workload = tenant.get(&route).await?.ok()?;
            Ok((workload["in_force"]["cpu_milli"] == 500 && workload["swap"].is_null()).then_some(()))
        })
        .await?;
    fleet.networks.cut(second, true)?;
    fleet.until_answers(false).await?;
    // A host is silent after ten seconds of real time.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let receipt = fleet
        .until("it is settled", async || {
            ensure!(fleet.active()? == [second], "nobody else begins it: {:?}", fleet.active()?);
            let receipts = tenant.list("/v1/receipts").await?;
            let own: Vec<_> = receipts.into_iter().filter(|r| r["order"] == order.as_str()).collect();
            Ok((own.len() == 2).then_some(own))
        })
        .await?;
    let delivered: Vec<i64> = receipt.iter().filter_map(|r| r["lines"][0]["delivered"].as_i64()).collect();
    println!("{delivered:?} of 300 delivered in two slots, the host cut off in the first");
    ensure!(delivered.len() == 2 && delivered.iter().all(|q| *q < 300), "{receipt:?}");

    // The server ends meanwhile. The cable is put in again: the same copy answers, at its baseline.
    let fleet = fleet.restarted().await?;
    fleet.networks.cut(second, false)?;
    fleet.until_answers(true).await?;
    assert_eq!(fleet.until_settled(&id).await?, second);

    // All that can end ends at once, and comes back.
    agents.iter_mut().for_each(Agent::kill);
    let fleet = fleet.restarted().await?;
    let _agents = (0..NAMES.len()).map(|number| fleet.agent(number)).collect::<anyhow::Result<Vec<_>>>()?;
    fleet.until_answers(true).await?;
    assert_eq!(fleet.until_settled(&id).await?, second);
    fleet.server.api("tenant")?.act(&format!("{route}/stop")).await?.ok()?;
    fleet.until("no host has it", async || Ok(fleet.active()?.is_empty().then_some(()))).await?;
    healthy(&fleet.server.stop().await?).await
}
