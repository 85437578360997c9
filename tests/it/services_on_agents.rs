//! HTTP services whose copies run at agents: two on this machine, each with its own node, key, definitions and files.
use crate::agents::{Agent, at_one_port, make_hosts};
use crate::common::{START, healthy};
use crate::quickstart::{blocks, shell};
use crate::services::{Load, define};
use anyhow::{Context, ensure};
use headroom_tests::backing::free_port;
use headroom_tests::{Api, Launch, Server, api, skip};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const NAMES: [&str; 2] = ["host-1", "host-2"];

/// Copies whose files lie in a folder: a test that fails leaves none behind.
pub struct Copies(pub PathBuf);

impl Drop for Copies {
    fn drop(&mut self) {
        let left = processes_of(&self.0).unwrap_or_default();
        for pid in left.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// A market with a pool of two hosts, and what their agents start with.
struct Fleet {
    _copies: Copies,
    folder: TempDir,
    server: Server,
    nodes: [String; 2],
    keys: [String; 2],
    url: String,
}

impl Fleet {
    /// Nothing where no server of HTTP is installed.
    async fn start(test: &str) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let definitions = folder.path().join("services");
        std::fs::create_dir(&definitions)?;
        let Some(port) = define(&definitions)? else {
            skip(test, "neither nginx nor python3 is here");
            return Ok(None);
        };
        for name in NAMES {
            let own = folder.path().join(name);
            std::fs::create_dir_all(own.join("services"))?;
            // Where its front listens is the server's business.
            let text = std::fs::read_to_string(definitions.join("web.toml"))?;
            let other = free_port()?;
            let text = text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{other}"));
            std::fs::write(own.join("services/web.toml"), text)?;
        }
        let data = folder.path().join("data");
        let mut launch = Launch::simulated(&data, START).argument("--services");
        launch = launch.argument(&definitions.display().to_string());
        let server = at_one_port(launch, "127.0.0.1")?.start().await?;
        let (nodes, keys) = make_hosts(&server, NAMES).await?;
        let _copies = Copies(folder.path().to_owned());
        Ok(Some(Self { _copies, folder, server, nodes, keys, url: format!("http://127.0.0.1:{port}/") }))
    }

    /// The same with its server killed and started again.
    async fn restarted(self) -> anyhow::Result<Self> {
        let arguments = self.server.launch.arguments.clone();
        self.restarted_with(arguments).await
    }

    async fn restarted_with(self, arguments: Vec<String>) -> anyhow::Result<Self> {
        let Self { _copies, folder, server, nodes, keys, url } = self;
        let launch = Launch { arguments, ..server.kill()? };
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Self { server: launch.start().await?, _copies, folder, nodes, keys, url })
    }

    fn own(&self, number: usize) -> PathBuf {
        self.folder.path().join(NAMES[number])
    }

    fn agent(&self, number: usize) -> anyhow::Result<Agent> {
        let own = self.own(number);
        let folders = [("--services", own.join("services")), ("--data", own.join("files"))];
        let folders: Vec<String> = folders
            .into_iter()
            .flat_map(|(option, folder)| [option.to_owned(), folder.display().to_string()])
            .collect();
        let arguments: Vec<&str> = folders.iter().map(String::as_str).collect();
        Agent::start_with(&self.server.url, NAMES[number], &self.keys[number], &arguments, &[])
    }

    /// The processes of a host's copies: its files are theirs.
    fn processes(&self, number: usize) -> anyhow::Result<BTreeSet<u32>> {
        processes_of(&self.own(number).join("files"))
    }

    async fn asks(&self, key: &str) -> anyhow::Result<headroom_tests::Reply> {
        let tenant = self.server.api("tenant")?;
        let modules = tenant.list("/v1/modules").await?;
        let service = modules.iter().find(|m| m["kind"] == "service").context("the service is offered")?;
        let body = json!({ "name": "web", "module": service["id"], "pool": "hosts", "baseline": { "cpu_milli": 200 },
            "floor": { "cpu_milli": 100 }, "limit": { "cpu_milli": 1000 }, "strategy": { "auto_offer": null } });
        tenant.post_with_key("/v1/instances", key, &body).await
    }

    /// Registers the service as soon as both hosts offer it; its id and the number of its host.
    async fn registered(&self, test: &str) -> anyhow::Result<Option<(String, usize)>> {
        for attempt in 0..100 {
            let asked = self.asks(&format!("web-{attempt}")).await?;
            if asked.is_success() {
                let made = asked.ok()?;
                let home = self.nodes.iter().position(|node| made["node"] == **node).context("a node of the pool")?;
                return Ok(Some((made["id"].as_str().context("an id")?.to_owned(), home)));
            }
            assert_eq!(asked.code(), "service_unavailable", "{}", asked.text);
            if asked.text.contains("control group") {
                skip(test, &asked.text);
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::bail!("no agent offers it: {}", self.asks("last").await?.text)
    }

    /// Waits until it answers, or does no longer.
    async fn until_answers(&self, whether: bool) -> anyhow::Result<()> {
        let admin = self.server.api("admin")?;
        for _ in 0..150 {
            admin.advance(1).await?;
            let answer = api::client().build()?.get(&self.url).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) == whether {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::bail!("it answers: {}; {}", !whether, self.server.log())
    }

    async fn drain(&self, number: usize) -> anyhow::Result<()> {
        self.server.api("operator")?.act(&format!("/v1/nodes/{}/drain", self.nodes[number])).await?.ok().map(|_| ())
    }

    async fn uncordon(&self, number: usize) -> anyhow::Result<()> {
        self.server.api("operator")?.act(&format!("/v1/nodes/{}/uncordon", self.nodes[number])).await?.ok().map(|_| ())
    }

    /// Advances until something holds of the workload and its newest swap.
    async fn until(&self, id: &str, is_it: impl Fn(&Value, &Value) -> bool) -> anyhow::Result<Value> {
        self.until_by(2, id, is_it).await
    }

    /// The same by so many seconds at once.
    async fn until_by(&self, seconds: i64, id: &str, is_it: impl Fn(&Value, &Value) -> bool) -> anyhow::Result<Value> {
        let (admin, tenant) = (self.server.api("admin")?, self.server.api("tenant")?);
        let (mut workload, mut newest) = (Value::Null, Value::Null);
        for _ in 0..400 {
            admin.advance(seconds).await?;
            tokio::time::sleep(Duration::from_millis(150)).await;
            workload = tenant.get(&format!("/v1/instances/{id}")).await?.ok()?;
            newest = newest_swap(&tenant, &workload).await?;
            if is_it(&workload, &newest) {
                return Ok(newest);
            }
        }
        anyhow::bail!("{workload} {newest} {}", self.server.log())
    }

    async fn act(&self, id: &str, verb: &str) -> anyhow::Result<()> {
        self.server.api("tenant")?.act(&format!("/v1/instances/{id}/{verb}")).await?.ok().map(|_| ())
    }

    /// Its owner stops it: nobody reaches it any more, and no host has it.
    async fn end(self, id: &str) -> anyhow::Result<()> {
        self.act(id, "stop").await?;
        self.until_answers(false).await?;
        for number in [0, 1] {
            self.until_gone(number).await?;
        }
        healthy(&self.server.stop().await?).await
    }

    /// Waits in real time until a host has no copy any more.
    async fn until_gone(&self, number: usize) -> anyhow::Result<()> {
        for _ in 0..150 {
            if self.processes(number)?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("{} still has {:?}", NAMES[number], self.processes(number)?)
    }
}

/// The processes of copies whose files lie in a folder.
pub fn processes_of(files: &Path) -> anyhow::Result<BTreeSet<u32>> {
    let pids = std::fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_own = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(&files.display().to_string()) && !line.contains("--data")
    };
    Ok(pids.filter(is_own).collect())
}

/// The swap that is under way, else the one that has ended last.
async fn newest_swap(tenant: &Api, workload: &Value) -> anyhow::Result<Value> {
    let id = workload["id"].as_str().unwrap_or_default();
    if let Some(swap) = workload["swap"].as_str() {
        let under_way = tenant.get(&format!("/v1/swaps/{swap}")).await?;
        if under_way.is_success() {
            return under_way.ok();
        }
    }
    let ended = tenant.list("/v1/swap_history").await?;
    let moves = ended.into_iter().filter(|swap| swap["instance"] == id && swap["node_from"] != swap["node_to"]);
    Ok(moves.max_by_key(|swap| swap["id"].as_str().unwrap_or_default().to_owned()).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_moves_between_agents_without_a_failed_request() -> anyhow::Result<()> {
    const TEST: &str = "a_service_moves_between_agents_without_a_failed_request";
    let Some(fleet) = Fleet::start(TEST).await? else { return Ok(()) };
    let unheard = fleet.asks("unheard").await?;
    assert_eq!(unheard.code(), "service_unavailable", "{}", unheard.text);
    ensure!(unheard.text.contains("not heard yet"), "{}", unheard.text);

    // A host with another definition takes none of its copies.
    let definition = fleet.own(1).join("services/web.toml");
    let text = std::fs::read_to_string(&definition)?;
    std::fs::write(&definition, text.replace("hello", "another"))?;
    let mut agents = vec![fleet.agent(0)?, fleet.agent(1)?];
    let mut other = fleet.asks("other-0").await?;
    for attempt in 1..50 {
        if other.text.contains("differs") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        other = fleet.asks(&format!("other-{attempt}")).await?;
    }
    if other.text.contains("control group") {
        skip(TEST, &other.text);
        return Ok(());
    }
    ensure!(other.text.contains("on node host-2 its web.toml differs from the server's"), "{}", other.text);
    std::fs::write(&definition, text)?;

    let Some((id, home)) = fleet.registered(TEST).await? else { return Ok(()) };
    let target = 1 - home;
    fleet.until_answers(true).await?;
    ensure!(!fleet.processes(home)?.is_empty() && fleet.processes(target)?.is_empty(), "it runs on its node");

    // Its node is drained under load.
    let load = Load::start(&fleet.url);
    fleet.drain(home).await?;
    let swap =
        fleet.until(&id, |workload, _| workload["node"] == *fleet.nodes[target] && workload["swap"].is_null()).await?;
    assert_eq!(swap["state"], "done", "{swap}");
    fleet.until_gone(home).await?;
    let (answered, failed) = load.end().await;
    assert_eq!(failed, 0, "of {} requests", answered + failed);
    ensure!(answered > 50, "{answered} requests");
    println!("{answered} requests, {failed} failed");

    // The server ends by force and comes back: the same processes go on.
    let before = fleet.processes(target)?;
    let fleet = fleet.restarted().await?;
    fleet.until_answers(true).await?;
    assert_eq!(fleet.processes(target)?, before, "it was not restarted");
    // A server that does not know the service leaves its copy as it is.
    let arguments = fleet.server.launch.arguments.clone();
    let at = arguments.iter().position(|argument| argument == "--services").context("--services")?;
    let fleet = fleet.restarted_with([&arguments[..at], &arguments[at + 2..]].concat()).await?;
    for _ in 0..5 {
        fleet.server.api("admin")?.advance(2).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(fleet.processes(target)?, before, "nobody ends it");
    let fleet = fleet.restarted_with(arguments).await?;
    fleet.until_answers(true).await?;
    assert_eq!(fleet.processes(target)?, before, "it was not restarted");
    // Its agent, too: the copy runs on and is reached.
    agents.remove(target).kill();
    fleet.until_answers(true).await?;
    // Both at once.
    let fleet = fleet.restarted().await?;
    assert_eq!(fleet.processes(target)?, before);
    let _agent = fleet.agent(target)?;
    fleet.until_answers(true).await?;
    assert_eq!(fleet.processes(target)?, before, "it was not restarted");

    // Its owner stops it, starts it anew, and stops it for good.
    fleet.act(&id, "stop").await?;
    fleet.until_answers(false).await?;
    fleet.until_gone(target).await?;
    fleet.act(&id, "restart").await?;
    fleet.until_answers(true).await?;
    let after: BTreeSet<u32> = fleet.processes(home)?.union(&fleet.processes(target)?).copied().collect();
    ensure!(!after.is_empty() && after.is_disjoint(&before), "{after:?} are others than {before:?}");
    fleet.end(&id).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_answers_whichever_agent_is_killed() -> anyhow::Result<()> {
    const TEST: &str = "a_service_answers_whichever_agent_is_killed";
    let Some(fleet) = Fleet::start(TEST).await? else { return Ok(()) };
    let mut agents = [fleet.agent(0)?, fleet.agent(1)?];
    let Some((id, home)) = fleet.registered(TEST).await? else { return Ok(()) };
    let target = 1 - home;
    fleet.until_answers(true).await?;
    let load = Load::start(&fleet.url);
    let has_ended = |swap: &Value| swap["ended_at"].is_string();

    // During the shadow run: the copy is there and is reached, so that the move goes on, or is dropped.
    fleet.drain(home).await?;
    fleet.until(&id, |_, swap| swap["state"] == "shadow").await?;
    while fleet.processes(target)?.is_empty() {
        fleet.server.api("admin")?.advance(1).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    agents[target].kill();
    let swap = fleet.until(&id, |workload, swap| workload["swap"].is_null() && has_ended(swap)).await?;
    println!("with the target's agent killed during the shadow run: {} {}", swap["state"], swap["reason"]);
    let known = ["host_unreachable", "shadow_inconclusive", "deadline"].map(Value::from);
    ensure!(swap["state"] == "done" || known.contains(&swap["reason"]), "{swap}");
    agents[target] = fleet.agent(target)?;
    fleet
        .until_by(20, &id, |workload, _| workload["node"] == *fleet.nodes[target] && workload["swap"].is_null())
        .await?;
    fleet.until_gone(home).await?;

    // After the switch: the copy runs on without its agent, and goes on with it.
    let before = fleet.processes(target)?;
    agents[target].kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    fleet.until_answers(true).await?;
    agents[target] = fleet.agent(target)?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fleet.processes(target)?, before, "it was not restarted");

    // Before the move back: it is dropped, with its reason, and the source serves on.
    agents[home].kill();
    tokio::time::sleep(Duration::from_secs(11)).await;
    fleet.uncordon(home).await?;
    fleet.drain(target).await?;
    let back = |swap: &Value| swap["node_to"] == *fleet.nodes[home] && has_ended(swap);
    let dropped = fleet.until_by(10, &id, |workload, swap| workload["swap"].is_null() && back(swap)).await?;
    assert_eq!((&dropped["state"], &dropped["reason"]), (&json!("aborted"), &json!("host_unreachable")), "{dropped}");
    ensure!(fleet.processes(home)?.is_empty() && fleet.processes(target)? == before, "only the source runs");
    let (answered, failed) = load.end().await;
    assert_eq!(failed, 0, "of {} requests", answered + failed);
    println!("{answered} requests, {failed} failed");
    fleet.end(&id).await
}

/// The guide's section, typed as it stands; only its folders and the address of the front are this test's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_brings_a_service_to_other_hosts() -> anyhow::Result<()> {
    const TEST: &str = "the_guide_brings_a_service_to_other_hosts";
    if !Path::new("/usr/sbin/nginx").is_file() {
        skip(TEST, "nginx is not here");
        return Ok(());
    }
    let (folder, port) = (tempfile::tempdir()?, free_port()?);
    let own = |text: &str| {
        let text = text.replace("/srv/", &format!("{}/", folder.path().display()));
        text.replace("127.0.0.1:8000", &format!("127.0.0.1:{port}")).replace("fra1-gp", "web")
    };
    let typed: Vec<String> = blocks("services.md", "sh")?.iter().map(|block| own(block)).collect();
    let [define, register, keys, agents] = &typed[..] else { anyhow::bail!("{typed:?}") };
    std::fs::create_dir_all(folder.path().join("www"))?;
    std::fs::write(folder.path().join("www/index.html"), "hello")?;
    let (define, up) = define.split_once("headroom up").context("how the server starts")?;
    ensure!(up.contains("--services"), "{up}");
    let data = folder.path().join("data");
    let defined = shell(define, folder.path(), "")?.output()?;
    ensure!(defined.status.success(), "{}", String::from_utf8_lossy(&defined.stderr));
    let definitions = folder.path().join("services").display().to_string();
    let mut launch = Launch::demo(&data).argument("--services").argument(&definitions);
    let listen = launch.arguments.iter().position(|a| a == "127.0.0.1:0").context("--listen")?;
    launch.arguments[listen] = format!("127.0.0.1:{}", free_port()?);
    let server = launch.start().await?;
    let front = format!("http://127.0.0.1:{port}/");
    let script = format!(
        "{keys}\n{agents}\nsleep 4\n{}\necho\nfor TRY in $(seq 100); do curl -fs {front} && break; sleep 0.2; done\necho\necho agents $(jobs -p)",
        register.replace("URL=http://127.0.0.1:8080; ", "")
    );
    let mut shell = shell(&script, folder.path(), &server.url)?;
    let bearer = |role: &str| anyhow::Ok(server.api(role)?.bearer.context("a bearer")?);
    shell.env("KEY", bearer("tenant")?).env("HOST_1", "127.0.0.1").env("HOST_2", "127.0.0.1");
    for (name, role) in [("ADMIN", "admin"), ("OPERATOR", "operator")] {
        shell.env(name, format!("Authorization: Bearer {}", bearer(role)?));
    }
    let said_to = folder.path().join("said");
    let (output, errors) = (File::create(&said_to)?, File::create(folder.path().join("errors"))?);
    ensure!(shell.stdout(output).stderr(errors).status()?.success());
    let said = std::fs::read_to_string(&said_to)?;
    let agents = said.lines().find_map(|line| line.strip_prefix("agents ")).unwrap_or_default().to_owned();
    let has_answered = said.lines().any(|line| line == "hello");
    // The server ends by force and comes back in real time: agents are told what to keep before it steers again.
    let copies = || {
        anyhow::Ok([processes_of(&folder.path().join("headroom-1"))?, processes_of(&folder.path().join("headroom-2"))?])
    };
    let before = copies()?;
    let server = server.kill()?.start().await?;
    let mut answers_again = false;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        answers_again = api::client().build()?.get(&front).send().await.is_ok_and(|answer| answer.status() == 200);
        if answers_again {
            break;
        }
    }
    let after = copies()?;
    let tenant = server.api("tenant")?;
    let made = tenant.list("/v1/instances").await?.into_iter().find(|instance| instance["pool"] == "web");
    if let Some(id) = made.as_ref().and_then(|made| made["id"].as_str()) {
        tenant.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
    let ended = std::process::Command::new("kill").arg("-KILL").args(agents.split(' ')).status()?;
    if said.contains("control group") {
        skip(TEST, &said);
        return Ok(());
    }
    ensure!(made.is_some() && has_answered && ended.success(), "{said}\n{}", server.log());
    ensure!(answers_again && before == after, "{before:?} {after:?} {}", server.log());
    ensure!(copies()?.iter().all(BTreeSet::is_empty), "they end with their workload");
    healthy(&server.stop().await?).await
}
