//! A real virtual machine: adopted while it runs, bought CPU for a slot, settled by what the kernel had in force.
use crate::common::{START, healthy};
use anyhow::{Context, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::server::binary;
use headroom_tests::{Launch, Reply, Server, skip};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// What the script ends with where this machine lacks what it needs.
const NOT_HERE: i32 = 3;

/// A folder with a machine `web` of one processor, which is always busy.
pub struct Machines {
    folder: TempDir,
}

fn script(what: &str, folder: &Path) -> Command {
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/qemu-machine"));
    let kernel = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../linux-guest");
    script.arg(what).arg(folder).env("GUEST_FOLDER", kernel).stdin(Stdio::null());
    script
}

impl Machines {
    /// `Err` has the reason why there is none here.
    pub fn start() -> anyhow::Result<Result<Self, String>> {
        let machines = Self { folder: tempfile::tempdir()? };
        let output = script("start", machines.folder()).arg("web").output()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.code() == Some(NOT_HERE) {
            return Ok(Err(format!("scripts/qemu-machine said: {}", said.lines().last().unwrap_or_default())));
        }
        ensure!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(Ok(machines))
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn pid(&self) -> anyhow::Result<u32> {
        Ok(std::fs::read_to_string(self.folder().join("web.pid"))?.trim().parse()?)
    }

    /// The quota that the kernel has in force for the machine's process, in thousandths of a core.
    fn quota(&self) -> anyhow::Result<Option<u64>> {
        let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", self.pid()?))?;
        let of = |controller: &str| {
            let mut all = groups.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
            let found = all.find(|fields| fields.len() == 3 && fields[1].split(',').any(|one| one == controller));
            found.map(|fields| fields[2].trim_start_matches('/').to_owned())
        };
        let read = |file: PathBuf| std::fs::read_to_string(&file).with_context(|| file.display().to_string());
        let text = match of("cpu") {
            Some(group) => {
                let folder = Path::new("/sys/fs/cgroup/cpu").join(group);
                format!("{} {}", read(folder.join("cpu.cfs_quota_us"))?.trim(), read(folder.join("cpu.cfs_period_us"))?)
            }
            None => read(Path::new("/sys/fs/cgroup").join(of("").context("a group")?).join("cpu.max"))?,
        };
        let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
        let (Some(Ok(quota)), Some(Ok(period))) = (numbers.next(), numbers.next()) else { return Ok(None) };
        ensure!(period > 0, "{text}");
        Ok(Some(quota * 1_000 / period))
    }

    /// How much work the machine has done.
    fn work(&self) -> usize {
        std::fs::read(self.folder().join("web.log")).map_or(0, |log| log.split(|byte| *byte == b'\n').count())
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        let _ = script("stop", self.folder()).status();
    }
}

/// A market with a pool of one node, which is a host of virtual machines.
struct Market {
    server: Server,
    node: String,
    secret: String,
    _folder: TempDir,
}

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Market {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = Launch::simulated(folder.path(), START).start().await?;
        let (admin, operator) = (server.api("admin")?, server.api("operator")?);
        let pool = json!({ "slug": "machines", "name": "Machines", "pop": "fra1", "tier": "general_purpose",
            "resources": ["cpu_milli"], "release_start": "1" });
        admin.post("/v1/pools", &pool).await?.ok()?;
        let node = json!({ "name": "machines-1", "pool": "machines", "capacity": { "cpu_milli": 2000 },
            "properties": { "agent": 1 } });
        let node = admin.post("/v1/nodes", &node).await?.id()?;
        let key = json!({ "name": "machines-1", "scopes": ["market:read", "nodes:work"] });
        let key = operator.post("/v1/api_keys", &key).await?.ok()?;
        let secret = key["secret"].as_str().context("a secret")?.to_owned();
        let price = json!({ "resource": "cpu_milli", "price": "0.0005",
            "effective_at": Rhythm::of(&admin).await?.window(1, 1)["start_at"] });
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        let route = "/v1/pools/machines/reserve_prices";
        admin.send("POST", route, &headers, Some(price.to_string().into_bytes())).await?.ok()?;
        admin.advance(2).await?;
        Ok(Self { server, node, secret, _folder: folder })
    }

    fn agent(&self, machines: &Machines) -> anyhow::Result<Agent> {
        let mut agent = Command::new(binary()?);
        agent.args(["work", "--server", &self.server.url, "--node", "machines-1", "--qemu"]).arg(machines.folder());
        agent.env("HEADROOM_KEY", &self.secret);
        Ok(Agent(agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// What the agent lists, once it is heard.
    async fn candidates(&self) -> anyhow::Result<Reply> {
        let (operator, path) = (self.server.api("operator")?, format!("/v1/nodes/{}/candidates", self.node));
        let mut listed = operator.get(&path).await?;
        for _ in 0..100 {
            if listed.is_success() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            listed = operator.get(&path).await?;
        }
        Ok(listed)
    }

    async fn adopt(&self, changes: Value) -> anyhow::Result<Reply> {
        let owner = self.server.participant("tenant", 0)?;
        let mut body = json!({ "vm": "web", "participant": owner, "name": "web", "baseline": { "cpu_milli": 200 } });
        changes.as_object().into_iter().flatten().for_each(|(name, value)| body[name] = value.clone());
        self.server.api("operator")?.post(&format!("/v1/nodes/{}/adoptions", self.node), &body).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_won_bid_is_cpu_of_a_running_machine() -> anyhow::Result<()> {
    let machines = match Machines::start()? {
        Ok(machines) => machines,
        Err(why) => {
            skip("a_won_bid_is_cpu_of_a_running_machine", &why);
            return Ok(());
        }
    };
    let market = Market::start().await?;
    let (admin, tenant) = (market.server.api("admin")?, market.server.api("tenant")?);
    let agent = market.agent(&machines)?;
    let listed = market.candidates().await?;
    if listed.code() == "driver_unavailable" {
        skip("a_won_bid_is_cpu_of_a_running_machine", &listed.text);
        return Ok(());
    }
    let listed = listed.ok()?;
    let found = &listed["data"][0];
    assert_eq!((&found["kind"], &found["vm"], &found["vcpus"]), (&json!("vm"), &json!("web"), &json!(1)), "{listed}");
    assert_eq!((&found["status"], &found["memory_mib"]), (&json!("running"), &json!(128)));
    for (changes, status, code, pointer) in [
        (json!({ "vm": "gone" }), 422, "candidate_not_found", "/vm"),
        (json!({ "vm": "" }), 422, "name_out_of_range", "/vm"),
        (json!({ "pid": 7 }), 422, "one_of_two", "/vm"),
        (json!({ "container": "app" }), 422, "one_of_two", "/container"),
        (json!({ "floor": { "cpu_milli": 5 } }), 422, "floor_below_driver", "/floor/cpu_milli"),
        (json!({ "baseline": { "cpu_milli": 200, "mem_mib": 64 } }), 422, "resource_not_enforced", "/baseline/mem_mib"),
    ] {
        let refused = market.adopt(changes).await?;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{}", refused.text);
        assert_eq!(refused.pointers(), [pointer], "{}", refused.text);
    }
    assert_eq!(machines.quota()?, None, "left as it was");
    let made = market.adopt(json!({})).await?.ok()?;
    assert_eq!((&made["driver"], &made["adopted"]["name"]), (&json!("qemu"), &json!("web")), "{made}");
    assert_eq!(made["limit"]["cpu_milli"], 1_000, "no more than its one processor can use");
    let id = made["id"].as_str().unwrap_or_default();
    assert_eq!(market.adopt(json!({})).await?.code(), "already_adopted");

    let window = Rhythm::of(&admin).await?.window(1, 1);
    let bid = json!({ "instance": id, "window": window, "min_fill": "1", "resources": { "cpu_milli": 500 },
        "pools": [{ "pool": "machines" }], "limit": "50" });
    let order = tenant.post_with_key("/v1/bids", "bid", &bid).await?.id()?;
    let (mut seen, pid, work) = (Vec::new(), machines.pid()?, machines.work());
    for _ in 0..60 {
        admin.advance(5).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = machines.quota()?;
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        if seen.len() >= 3 && now == Some(200) {
            break;
        }
    }
    let held = seen.iter().flatten().copied().collect::<Vec<u64>>();
    assert_eq!(held, [200, 700, 200], "read in the kernel: {seen:?}");
    for _ in 0..12 {
        admin.advance(5).await?;
    }
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("it is settled")?;
    let delivered = receipt["lines"][0]["delivered"].as_i64().unwrap_or(0);
    ensure!(delivered > 0 && delivered <= 500, "{receipt}");

    // An agent that starts again lets go of what was stopped while it was away.
    drop(agent);
    tenant.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    admin.advance(5).await?;
    assert_eq!(machines.quota()?, Some(200), "nobody was there to let it go");
    let _agent = market.agent(&machines)?;
    for _ in 0..100 {
        if machines.quota()?.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(machines.quota()?, None);
    assert_eq!(machines.pid()?, pid, "the same machine");
    for _ in 0..100 {
        if machines.work() > work {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(machines.work() > work, "it works on");
    healthy(&market.server.stop().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_has_ended_ends_its_workload() -> anyhow::Result<()> {
    let machines = match Machines::start()? {
        Ok(machines) => machines,
        Err(why) => {
            skip("a_machine_that_has_ended_ends_its_workload", &why);
            return Ok(());
        }
    };
    let market = Market::start().await?;
    let admin = market.server.api("admin")?;
    let _agent = market.agent(&machines)?;
    let listed = market.candidates().await?;
    if listed.code() == "driver_unavailable" {
        skip("a_machine_that_has_ended_ends_its_workload", &listed.text);
        return Ok(());
    }
    let made = market.adopt(json!({})).await?.ok()?;
    let path = format!("/v1/instances/{}", made["id"].as_str().unwrap_or_default());
    admin.advance(5).await?;
    let _ = script("stop", machines.folder()).status();
    let mut now = Value::Null;
    for _ in 0..60 {
        admin.advance(5).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        now = market.server.api("tenant")?.get(&path).await?.ok()?;
        if now["state"] == "failed" {
            break;
        }
    }
    assert_eq!(
        (&now["state"], &now["fault"]["detail"]),
        (&json!("failed"), &json!("the machine web has ended")),
        "{now}"
    );
    // Another machine of that name is another workload.
    let started = script("start", machines.folder()).arg("web").status()?;
    ensure!(started.success(), "it started before");
    let mut again = market.adopt(json!({ "name": "web-2" })).await?;
    for _ in 0..20 {
        if again.is_success() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        again = market.adopt(json!({ "name": "web-2" })).await?;
    }
    assert_ne!(again.ok()?["id"], made["id"]);
    healthy(&market.server.stop().await?).await
}
