//! Agents of hosts of their own: two on this machine, each with its node and its key.
use crate::adopted::{Busy, limit_of};
use crate::common::{START, healthy};
use anyhow::{Context, ensure};
use headroom_tests::backing::free_port;
use headroom_tests::orders::Rhythm;
use headroom_tests::server::binary;
use headroom_tests::{Api, Launch, Server, skip};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

/// The process `headroom work` of a node.
pub struct Agent(Child);

impl Agent {
    fn start(server: &str, node: &str, key: &str) -> anyhow::Result<Self> {
        Self::start_with(server, node, key, &[], &[])
    }
    pub fn start_with(
        server: &str,
        node: &str,
        key: &str,
        arguments: &[&str],
        environment: &[(&str, &Path)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(binary()?);
        command.args(["work", "--server", server, "--node", node]).args(arguments).env("HEADROOM_KEY", key);
        command.envs(environment.iter().copied());
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }
    /// In a network namespace, told by its file.
    pub fn start_in(space: &str, server: &str, node: &str, key: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={space}")).arg(binary()?);
        command.args(["work", "--server", server, "--node", node]).args(arguments).env("HEADROOM_KEY", key);
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A market with a pool of two hosts, and the keys of their agents.
struct Hosts {
    folder: TempDir,
    server: Server,
    nodes: [String; 2],
    keys: [String; 2],
}

const NAMES: [&str; 2] = ["host-1", "host-2"];

/// At an address, with the same port after a restart: agents find the server again.
pub fn at_one_port(mut launch: Launch, address: &str) -> anyhow::Result<Launch> {
    let listen = launch.arguments.iter().position(|a| a == "127.0.0.1:0").context("--listen")?;
    launch.arguments[listen] = format!("{address}:{}", free_port()?);
    Ok(launch)
}

/// A pool `hosts` with a node of two cores for each name, and the keys of their agents.
pub async fn make_hosts<const N: usize>(
    server: &Server,
    names: [&str; N],
) -> anyhow::Result<([String; N], [String; N])> {
    let (admin, operator) = (server.api("admin")?, server.api("operator")?);
    let pool = json!({ "slug": "hosts", "name": "Hosts", "pop": "fra1", "tier": "general_purpose",
        "resources": ["cpu_milli"], "release_start": "1" });
    admin.post("/v1/pools", &pool).await?.ok()?;
    let (mut nodes, mut keys) = ([const { String::new() }; N], [const { String::new() }; N]);
    for (number, name) in names.into_iter().enumerate() {
        let node =
            json!({ "name": name, "pool": "hosts", "capacity": { "cpu_milli": 2000 }, "properties": { "agent": 1 } });
        nodes[number] = admin.post("/v1/nodes", &node).await?.id()?;
        let key = json!({ "name": name, "scopes": ["market:read", "nodes:work"] });
        let made = operator.post("/v1/api_keys", &key).await?.ok()?;
        keys[number] = made["secret"].as_str().context("a secret")?.to_owned();
    }
    let price = json!({ "resource": "cpu_milli", "price": "0.0005",
        "effective_at": Rhythm::of(&admin).await?.window(1, 1)["start_at"] });
    let headers = [("content-type", "application/json"), ("if-match", "*")];
    let route = "/v1/pools/hosts/reserve_prices";
    admin.send("POST", route, &headers, Some(price.to_string().into_bytes())).await?.ok()?;
    // A server tells agents nothing before it has looked at its market once.
    admin.advance(2).await?;
    Ok((nodes, keys))
}

impl Hosts {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = at_one_port(Launch::simulated(folder.path(), START), "127.0.0.1")?.start().await?;
        let (nodes, keys) = make_hosts(&server, NAMES).await?;
        Ok(Self { folder, server, nodes, keys })
    }

    fn agent(&self, number: usize) -> anyhow::Result<Agent> {
        Agent::start(&self.server.url, NAMES[number], &self.keys[number])
    }

    fn candidates(&self, number: usize) -> String {
        format!("/v1/nodes/{}/candidates", self.nodes[number])
    }

    /// Waits until an agent is heard; why its host limits no process, if so.
    async fn heard(&self, number: usize) -> anyhow::Result<Option<String>> {
        let operator = self.server.api("operator")?;
        for _ in 0..100 {
            let listed = operator.get(&self.candidates(number)).await?;
            if listed.is_success() {
                return Ok(None);
            }
            if listed.text.contains("no control group") {
                return Ok(Some(listed.text));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("the agent of {} is not heard", NAMES[number])
    }

    async fn adopted(&self, number: usize, pid: u32, name: &str) -> anyhow::Result<Value> {
        let owner = self.server.participant("tenant", 0)?;
        let asked = json!({ "pid": pid, "participant": owner, "name": name, "baseline": { "cpu_milli": 100 },
            "strategy": { "auto_offer": null } });
        self.server.api("operator")?.post(&format!("/v1/nodes/{}/adoptions", self.nodes[number]), &asked).await?.ok()
    }
}

/// Waits in real time until the kernel has a limit in force.
async fn becomes(pid: u32, limit: Option<i64>) -> anyhow::Result<()> {
    for _ in 0..200 {
        if limit_of(pid)? == limit {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the limit is {:?}, not {limit:?}", limit_of(pid)?)
}

async fn read(api: &Api, route: &str) -> anyhow::Result<Value> {
    api.get(route).await?.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_make_won_bids_true_on_their_own_hosts() -> anyhow::Result<()> {
    let hosts = Hosts::start().await?;
    let (mut first, _second) = (hosts.agent(0)?, hosts.agent(1)?);
    if let Some(why) = hosts.heard(0).await? {
        skip("agents_make_won_bids_true_on_their_own_hosts", &why);
        return Ok(());
    }
    hosts.heard(1).await?;
    let (mut one, two) = (Busy::start()?, Busy::start()?);
    let (admin, tenant) = (hosts.server.api("admin")?, hosts.server.api("tenant")?);
    let web = hosts.adopted(0, one.pid(), "web").await?;
    let batch = hosts.adopted(1, two.pid(), "batch").await?;
    assert_eq!((&web["node"], &batch["node"]), (&json!(hosts.nodes[0]), &json!(hosts.nodes[1])));
    admin.advance(5).await?;
    becomes(one.pid(), Some(100)).await?;
    becomes(two.pid(), Some(100)).await?;

    // Its host has no memory to sell; what it uses of CPU is known all the same.
    let route = format!("/v1/instances/{}/metrics", web["id"].as_str().unwrap_or_default());
    let mut used = None;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        admin.advance(5).await?;
        used = read(&tenant, &route).await?["data"].as_array().and_then(|all| all.last()).cloned();
        if used.as_ref().is_some_and(|used| used["usage"]["cpu_milli"].as_i64() > Some(0)) {
            break;
        }
    }
    let used = used.context("nothing was measured")?;
    ensure!(used["usage"]["cpu_milli"].as_i64() > Some(0) && used["usage"]["mem_mib"].is_null(), "{used}");

    // One buys 400 more for a slot of its host.
    let id = web["id"].as_str().unwrap_or_default();
    let bid = json!({ "instance": id, "window": Rhythm::of(&admin).await?.window(1, 1), "min_fill": "1",
        "resources": { "cpu_milli": 400 }, "pools": [{ "pool": "hosts" }], "limit": "20" });
    let order = tenant.post_with_key("/v1/bids", "bid", &bid).await?.id()?;
    let mut limits = vec![limit_of(one.pid())?];
    for _ in 0..60 {
        admin.advance(5).await?;
        let limit = limit_of(one.pid())?;
        if limits.last() != Some(&limit) {
            limits.push(limit);
        }
    }
    assert_eq!(limits, [Some(100), Some(500), Some(100)], "read in the kernel");
    assert_eq!(limit_of(two.pid())?, Some(100), "the other host's is as it was");
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("it is settled")?;
    assert_eq!(receipt["lines"][0]["delivered"], json!(400), "{receipt}");

    // Server and agent end by force. Nothing changes on the hosts, and both go on from there.
    let launch = hosts.server.kill()?;
    first.kill();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((limit_of(one.pid())?, limit_of(two.pid())?), (Some(100), Some(100)));
    let server = launch.start().await?;
    let hosts = Hosts { server, folder: hosts.folder, nodes: hosts.nodes, keys: hosts.keys };
    let _first = hosts.agent(0)?;
    // Before the server has looked at its market it has no list: nobody is let go of for that.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((limit_of(one.pid())?, limit_of(two.pid())?), (Some(100), Some(100)));
    let (admin, tenant) = (hosts.server.api("admin")?, hosts.server.api("tenant")?);
    admin.advance(5).await?;
    assert_eq!(hosts.heard(0).await?, None);
    assert_eq!(hosts.heard(1).await?, None);
    let route = format!("/v1/instances/{id}");
    tenant.act(&format!("{route}/stop")).await?.ok()?;
    admin.advance(5).await?;
    becomes(one.pid(), None).await?;
    assert_eq!(limit_of(two.pid())?, Some(100));
    tenant.act(&format!("{route}/restart")).await?.ok()?;
    admin.advance(5).await?;
    becomes(one.pid(), Some(100)).await?;

    // Operators see how loaded the whole host is.
    let operator = hosts.server.api("operator")?;
    let mut load = Value::Null;
    for _ in 0..100 {
        let nodes = read(&operator, "/v1/nodes").await?;
        let found = nodes["data"].as_array().into_iter().flatten().find(|node| node["id"] == json!(hosts.nodes[0]));
        load = found.map(|node| node["agent"]["host"].clone()).unwrap_or_default();
        if !load.is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let of = |field: &str| load[field].as_u64().unwrap_or(0);
    ensure!(of("cpu_milli") >= 1_000 && of("busy_milli") > 0 && of("memory_kib") > of("available_kib"), "{load}");

    // A process that ends by itself is told by its agent.
    one.end();
    for _ in 0..50 {
        admin.advance(5).await?;
        if read(&tenant, &route).await?["state"] == "failed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let ended = read(&tenant, &route).await?;
    ensure!(ended["state"] == "failed" && ended["fault"]["detail"].to_string().contains("has ended"), "{ended}");
    healthy(&hosts.server.stop().await?).await
}

#[tokio::test]
async fn an_agent_speaks_for_its_own_node_only() -> anyhow::Result<()> {
    let hosts = Hosts::start().await?;
    let server = &hosts.server;
    let beat = json!({ "version": "0", "boot": "b", "carried_out": 0, "workloads": [] });
    let route = |node: &str| format!("/v1/nodes/{node}/heartbeat");
    let agent = server.nobody().with(Some(&hosts.keys[0]));
    let own = agent.post(&route(&hosts.nodes[0]), &beat).await?;
    assert!(own.is_success() || own.status == 503, "{}", own.text);
    let other = agent.post(&route(&hosts.nodes[1]), &beat).await?;
    assert_eq!(other.status, 403, "{}", other.text);
    ensure!(other.text.contains("host-2"), "{}", other.text);
    let operator = server.api("operator")?;
    assert_eq!(operator.post(&route(&hosts.nodes[0]), &beat).await?.status, 403, "a person is no agent");
    let lies = json!({ "version": "0", "boot": "b", "carried_out": 0, "workloads": [], "capacity": 9 });
    assert_eq!(agent.post(&route(&hosts.nodes[0]), &lies).await?.status, 422);
    let silent = operator.get(&hosts.candidates(1)).await?;
    assert_eq!((silent.status, silent.code().as_str()), (409, "driver_unavailable"), "{}", silent.text);
    // Pools are of agents, or of the server; modules run on the server's own host.
    let admin = server.api("admin")?;
    let mixed = json!({ "name": "host-3", "pool": "hosts", "capacity": { "cpu_milli": 1000 } });
    assert_eq!(admin.post("/v1/nodes", &mixed).await?.code(), "pool_of_other_nodes");
    let tenant = server.api("tenant")?;
    let modules = tenant.list("/v1/modules").await?;
    let module = modules.iter().find(|m| m["name"] == "steady").context("steady")?;
    let body = json!({ "name": "w", "module": module["id"], "pool": "hosts", "baseline": { "cpu_milli": 100 } });
    let refused = tenant.post_with_key("/v1/instances", "w", &body).await?;
    assert_eq!((refused.status, refused.code().as_str()), (422, "pool_of_agents"), "{}", refused.text);
    // A revoked key lets nobody in.
    let keys = operator.list("/v1/api_keys").await?;
    let key = keys.iter().find(|k| k["name"] == "host-1").context("its key")?;
    operator.delete(&format!("/v1/api_keys/{}", key["id"].as_str().unwrap_or_default())).await?;
    assert_eq!(agent.post(&route(&hosts.nodes[0]), &beat).await?.status, 401);
    Ok(())
}

/// Takes connections over TLS and hands them on to a server; answers its address and its certificate.
async fn encrypted(to: String) -> anyhow::Result<(String, String)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = made.signing_key.serialize_der();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.try_into().map_err(anyhow::Error::msg)?)?;
    let (tls, listener) = (tokio_rustls::TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await?);
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (tls, to) = (tls.clone(), to.clone());
            tokio::spawn(async move {
                let (mut from, mut to) = (tls.accept(connection).await?, TcpStream::connect(to).await?);
                tokio::io::copy_bidirectional(&mut from, &mut to).await
            });
        }
    });
    Ok((url, made.cert.pem()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_speaks_tls_with_a_server_that_it_trusts() -> anyhow::Result<()> {
    let hosts = Hosts::start().await?;
    let plain = hosts.server.url.strip_prefix("http://").context("an address")?.to_owned();
    let (url, certificate) = encrypted(plain).await?;
    let (trusted, strange) = (hosts.folder.path().join("trusted.pem"), hosts.folder.path().join("strange.pem"));
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(&trusted, certificate)?;
    std::fs::write(&strange, other.cert.pem())?;
    let stranger = Agent::start_with(&url, NAMES[0], &hosts.keys[0], &[], &[("SSL_CERT_FILE", &strange)])?;
    let agent = Agent::start_with(&url, NAMES[1], &hosts.keys[1], &[], &[("SSL_CERT_FILE", &trusted)])?;
    hosts.heard(1).await?;
    let listed = hosts.server.api("operator")?.get(&hosts.candidates(0)).await?;
    assert!(listed.text.contains("was not heard yet"), "{}", listed.text);
    drop((stranger, agent));
    healthy(&hosts.server.stop().await?).await
}
