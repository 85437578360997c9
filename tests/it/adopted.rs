//! A process that knows nothing of Headroom: adopted while it runs, bought for, held to what was won by the kernel, settled.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::{Api, skip};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A busy shell with a busy child.
pub struct Busy(Child);

impl Busy {
    pub fn start() -> anyhow::Result<Self> {
        let script = "while :; do :; done & while :; do :; done";
        let mut shell = Command::new("nice");
        shell.args(["-n", "19", "sh", "-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: one signal ends both.
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        Ok(Self(shell.spawn()?))
    }
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
    fn runs(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }
    pub fn end(&mut self) {
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.pid())]).status();
        let _ = self.0.wait();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.end();
    }
}

/// The limit that the kernel has in force for a process, in thousandths of a core; `None` without one.
pub fn limit_of(pid: u32) -> anyhow::Result<Option<i64>> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let of = |controller: &str| {
        let line = groups.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(controller)?.strip_prefix(':'));
        line.map(|path| path.trim_start_matches('/').to_owned())
    };
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let mounted = |kind: &str, option: &str| {
        let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mut of_kind =
            fields.filter(|f| f[2] == kind && (option.is_empty() || f[3].split(',').any(|o| o == option)));
        of_kind.next().map(|f| PathBuf::from(f[1]))
    };
    let numbers = match (of("cpu").or_else(|| of("cpu,cpuacct")), mounted("cgroup", "cpu")) {
        (Some(path), Some(root)) => {
            let read = |file: &str| std::fs::read_to_string(root.join(&path).join(file));
            format!("{} {}", read("cpu.cfs_quota_us")?.trim(), read("cpu.cfs_period_us")?.trim())
        }
        _ => {
            let (path, root) = (of("").context("a group")?, mounted("cgroup2", "").context("control groups")?);
            std::fs::read_to_string(root.join(path).join("cpu.max"))?
        }
    };
    let mut numbers = numbers.split_whitespace().map(str::parse::<i64>);
    Ok(match (numbers.next(), numbers.next()) {
        (Some(Ok(quota)), Some(Ok(period))) if quota > 0 => Some(quota * 1_000 / period),
        _ => None,
    })
}

async fn read(api: &Api, route: &str) -> anyhow::Result<Value> {
    api.get(route).await?.ok()
}

/// A market with a process to adopt, and the way to its node; `None` where this host has no control groups.
async fn place(test: &str) -> anyhow::Result<Option<(Sim, String)>> {
    let sim = Sim::start().await?;
    let nodes = sim.api("operator")?.list("/v1/nodes").await?;
    let node = nodes.iter().find(|n| n["name"] == "fra1-gp-b").context("a node")?;
    let route = format!("/v1/nodes/{}", node["id"].as_str().unwrap_or_default());
    let listed = sim.api("operator")?.get(&format!("{route}/candidates")).await?;
    if listed.code() == "driver_unavailable" {
        skip(test, &listed.text);
        return Ok(None);
    }
    listed.ok()?;
    Ok(Some((sim, route)))
}

#[tokio::test]
async fn a_won_bid_is_capacity_of_an_ordinary_process() -> anyhow::Result<()> {
    let Some((sim, node)) = place("a_won_bid_is_capacity_of_an_ordinary_process").await? else { return Ok(()) };
    let mut busy = Busy::start()?;
    let (admin, operator, tenant) = (sim.api("admin")?, sim.api("operator")?, sim.api("tenant")?);
    let owner = sim.server.participant("tenant", 0)?;
    let seen = operator.list(&format!("{node}/candidates")).await?;
    let candidate = seen.iter().find(|p| p["pid"] == busy.pid()).context("it is no candidate")?;
    ensure!(candidate["cpu_milli"].as_i64() > Some(0) && candidate["workload"].is_null(), "{candidate}");
    let asked = json!({ "pid": busy.pid(), "participant": owner, "name": "web", "baseline": { "cpu_milli": 100 },
        "strategy": { "auto_offer": null } });
    let made = operator.post(&format!("{node}/adoptions"), &asked).await?.ok()?;
    assert_eq!((&made["driver"], &made["adopted"]["pid"]), (&json!("linux"), &json!(busy.pid())), "{made}");
    assert_eq!(made["floor"], json!({ "cpu_milli": 50 }));
    admin.advance(5).await?;
    assert_eq!(limit_of(busy.pid())?, Some(100), "the baseline is in force");
    let again = operator.post(&format!("{node}/adoptions"), &asked).await?;
    assert_eq!((again.status, again.code().as_str()), (409, "already_adopted"), "{}", again.text);
    // Another exchange on this host does not take it away.
    if let Some((other, node)) = place("another exchange").await? {
        let seen = other.api("operator")?.list(&format!("{node}/candidates")).await?;
        ensure!(seen.iter().all(|p| p["pid"] != busy.pid()), "{seen:?}");
    }

    // Its owner buys 250 more for a slot: in force while it lasts.
    let id = made["id"].as_str().unwrap_or_default();
    let bid = json!({ "instance": id, "window": Rhythm::of(&admin).await?.window(0, 1), "min_fill": "1",
        "resources": { "cpu_milli": 250 }, "pools": [{ "pool": "fra1-gp" }], "limit": "20" });
    let order = tenant.post_with_key("/v1/bids", "bid", &bid).await?.id()?;
    let mut limits = vec![limit_of(busy.pid())?];
    for _ in 0..60 {
        admin.advance(5).await?;
        let limit = limit_of(busy.pid())?;
        if limits.last() != Some(&limit) {
            limits.push(limit);
        }
    }
    assert_eq!(limits, [Some(100), Some(350), Some(100)], "read in the kernel");
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("it is settled")?;
    assert_eq!(receipt["lines"][0]["delivered"], json!(250), "{receipt}");
    let swaps = tenant.list("/v1/swap_history").await?;
    ensure!(
        swaps.iter().filter(|s| s["instance"] == id).all(|s| s["method"] == "resize" && s["state"] == "done"),
        "{swaps:?}"
    );

    // The exchange ends, by force, and comes back: the process has run on under its limit.
    let launch = sim.server.kill()?;
    assert_eq!(limit_of(busy.pid())?, Some(100));
    let server = launch.start().await?;
    let (admin, tenant, operator) = (server.api("admin")?, server.api("tenant")?, server.api("operator")?);
    let route = format!("/v1/instances/{id}");
    admin.advance(10).await?;
    assert_eq!(read(&tenant, &route).await?["state"], "running");
    assert_eq!(limit_of(busy.pid())?, Some(100));

    // Stopping the workload lifts the limit and leaves the process alone; a restart sets it again.
    tenant.act(&format!("{route}/stop")).await?.ok()?;
    admin.advance(5).await?;
    ensure!(limit_of(busy.pid())?.is_none() && busy.runs()?);
    let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", busy.pid()))?;
    ensure!(!groups.contains("headroom-"), "another exchange may adopt it: {groups}");
    let restarted = tenant.act(&format!("{route}/restart")).await?.ok()?;
    assert_eq!(restarted["state"], "running", "{restarted}");
    admin.advance(5).await?;
    assert_eq!(limit_of(busy.pid())?, Some(100));
    let listed = operator.list(&format!("{node}/candidates")).await?;
    ensure!(listed.iter().any(|p| p["pid"] == busy.pid() && p["workload"] == id), "{listed:?}");

    // It ends by itself: its owner is told, and a restart finds nobody.
    busy.end();
    admin.advance(10).await?;
    let ended = read(&tenant, &route).await?;
    ensure!(ended["state"] == "failed" && ended["fault"]["detail"].to_string().contains("has ended"), "{ended}");
    let launch = server.stop().await?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_adopted_is_refused_with_a_reason() -> anyhow::Result<()> {
    let Some((sim, node)) = place("what_cannot_be_adopted_is_refused_with_a_reason").await? else { return Ok(()) };
    let busy = Busy::start()?;
    let (operator, owner) = (sim.api("operator")?, sim.server.participant("tenant", 0)?);
    let body = |changes: Value| {
        let mut body = json!({ "pid": busy.pid(), "participant": owner, "name": "web" });
        changes.as_object().into_iter().flatten().for_each(|(name, value)| body[name] = value.clone());
        body
    };
    for (changes, status, code, pointer) in [
        (json!({ "pid": 1 }), 422, "process_protected", "/pid"),
        (json!({ "pid": sim.server.pid() }), 422, "process_protected", "/pid"),
        (json!({ "pid": 4_000_000 }), 422, "candidate_not_found", "/pid"),
        (json!({ "pid": null, "job": 7 }), 422, "candidate_not_found", "/job"),
        (json!({ "job": 7 }), 422, "one_of_two", "/job"),
        (json!({ "pid": null }), 422, "one_of_two", "/pid"),
        (json!({ "baseline": { "cpu_milli": 100, "mem_mib": 64 } }), 422, "resource_not_enforced", "/baseline/mem_mib"),
        (json!({ "floor": { "cpu_milli": 5 } }), 422, "floor_below_driver", "/floor/cpu_milli"),
        (json!({ "baseline": { "cpu_milli": 900_000_000 } }), 422, "quota_exceeded", "/baseline/cpu_milli"),
        (json!({ "name": "" }), 422, "name_out_of_range", "/name"),
    ] {
        let refused = operator.post(&format!("{node}/adoptions"), &body(changes)).await?;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{}", refused.text);
        assert_eq!(refused.pointers(), [pointer], "{}", refused.text);
    }
    for role in ["tenant", "bidder", "finance"] {
        assert_eq!(
            sim.api(role)?.get(&format!("{node}/candidates")).await?.status,
            403,
            "{role} sees no command lines"
        );
        assert_eq!(sim.api(role)?.post(&format!("{node}/adoptions"), &body(json!({}))).await?.status, 403, "{role}");
    }
    let nowhere = operator.get("/v1/nodes/nod_01m7w6c380fh08zv3bjp1wmpmd/candidates").await?;
    assert_eq!(nowhere.status, 404, "{}", nowhere.text);
    ensure!(limit_of(busy.pid())?.is_none(), "what is refused is not touched");
    Ok(())
}
