//! A job of a real Slurm cluster: adopted while it runs, bought a node for a slot, settled by what the cluster gave it.
use crate::common::{START, healthy};
use anyhow::{Context, bail, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::server::binary;
use headroom_tests::{Launch, skip};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A cluster of the tests' own, or one that the environment names.
pub struct Cluster {
    pub configuration: PathBuf,
    folder: Option<TempDir>,
}

/// What the script ends with where this machine lacks what it needs.
const NOT_HERE: i32 = 3;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/slurm-cluster")
}

impl Cluster {
    /// `Err` has the reason why there is none here.
    pub fn start() -> anyhow::Result<Result<Self, String>> {
        if let Ok(named) = std::env::var("HEADROOM_SLURM_CONF") {
            return Ok(Ok(Self { configuration: named.into(), folder: None }));
        }
        let folder = tempfile::tempdir()?;
        let output = Command::new(script()).arg("start").arg(folder.path().join("cluster")).output()?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.code() == Some(NOT_HERE) {
            return Ok(Err(format!("scripts/slurm-cluster said: {said}")));
        }
        ensure!(output.status.success(), "scripts/slurm-cluster said: {said}");
        Ok(Ok(Self { configuration: folder.path().join("cluster/slurm.conf"), folder: Some(folder) }))
    }

    fn command(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(program).args(arguments).env("SLURM_CONF", &self.configuration).output()?;
        ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A job of one node with all of its CPUs; its number.
    fn submit(&self) -> anyhow::Result<u64> {
        let job = self.command(
            "sbatch",
            &[
                "--parsable",
                "--nodes=1",
                "--ntasks=1",
                "--exclusive",
                "--time=60",
                "--partition=batch",
                "--job-name=simulation",
                "--chdir=/",
                "--output=/dev/null",
                "--wrap=sleep 3000",
            ],
        )?;
        let number = job.parse().context("a job's number")?;
        for _ in 0..100 {
            if self.nodes_of(number)? == "RUNNING 1" {
                return Ok(number);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        bail!("job {number} does not run")
    }

    /// State and number of nodes, as the cluster tells them.
    fn nodes_of(&self, job: u64) -> anyhow::Result<String> {
        self.command("squeue", &["--noheader", "--jobs", &job.to_string(), "--format=%T %D"])
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = Command::new(script()).arg("stop").arg(folder.path().join("cluster")).status();
        }
    }
}

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_won_bid_is_a_node_of_a_running_job() -> anyhow::Result<()> {
    let cluster = match Cluster::start()? {
        Ok(cluster) => cluster,
        Err(why) => {
            skip("a_won_bid_is_a_node_of_a_running_job", &why);
            return Ok(());
        }
    };
    let job = cluster.submit()?;
    let folder = tempfile::tempdir()?;
    let server = Launch::simulated(folder.path(), START).start().await?;
    let (admin, operator, tenant) = (server.api("admin")?, server.api("operator")?, server.api("tenant")?);
    let pool = json!({ "slug": "batch", "name": "Batch", "pop": "fra1", "tier": "general_purpose",
        "resources": ["cpu_milli"], "release_start": "1" });
    admin.post("/v1/pools", &pool).await?.ok()?;
    let node =
        json!({ "name": "batch", "pool": "batch", "capacity": { "cpu_milli": 12000 }, "properties": { "agent": 1 } });
    let node = admin.post("/v1/nodes", &node).await?.id()?;
    let key = json!({ "name": "batch", "scopes": ["market:read", "nodes:work"] });
    let key = operator.post("/v1/api_keys", &key).await?.ok()?;
    let price = json!({ "resource": "cpu_milli", "price": "0.0005",
        "effective_at": Rhythm::of(&admin).await?.window(1, 1)["start_at"] });
    let headers = [("content-type", "application/json"), ("if-match", "*")];
    let route = "/v1/pools/batch/reserve_prices";
    admin.send("POST", route, &headers, Some(price.to_string().into_bytes())).await?.ok()?;
    admin.advance(2).await?;
    let mut agent = Command::new(binary()?);
    agent.args(["work", "--server", &server.url, "--node", "batch", "--slurm", "batch"]);
    agent.env("HEADROOM_KEY", key["secret"].as_str().context("a secret")?).env("SLURM_CONF", &cluster.configuration);
    let _agent = Agent(agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);

    // The job is a candidate with what it has, and becomes a workload without a restart.
    let candidates = format!("/v1/nodes/{node}/candidates");
    let mut listed = operator.get(&candidates).await?;
    for _ in 0..100 {
        if listed.is_success() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        listed = operator.get(&candidates).await?;
    }
    let listed = listed.ok()?;
    let found = listed["data"].as_array().into_iter().flatten().find(|one| one["job"] == job);
    let found = found.with_context(|| format!("the job is no candidate: {listed}"))?;
    assert_eq!(
        (&found["kind"], &found["nodes"], &found["node_cpu_milli"]),
        (&json!("slurm_job"), &json!(1), &json!(4000))
    );
    let adoptions = format!("/v1/nodes/{node}/adoptions");
    let owner = server.participant("tenant", 0)?;
    let asked = json!({ "job": job, "participant": owner, "name": "simulation" });
    let uneven = json!({ "job": job, "participant": owner, "name": "simulation", "baseline": { "cpu_milli": 5000 } });
    assert_eq!(operator.post(&adoptions, &uneven).await?.code(), "lot_not_whole");
    let made = operator.post(&adoptions, &asked).await?.ok()?;
    assert_eq!((&made["driver"], &made["adopted"]["job"]), (&json!("slurm"), &json!(job)), "{made}");
    let id = made["id"].as_str().unwrap_or_default();
    assert_eq!(operator.post(&adoptions, &asked).await?.code(), "already_adopted");

    // Whole nodes only, and all or none.
    let bid = |quantity: i64, min_fill: &str, window| {
        json!({ "instance": id, "window": window, "min_fill": min_fill,
            "resources": { "cpu_milli": quantity }, "pools": [{ "pool": "batch" }], "limit": "50" })
    };
    let window = Rhythm::of(&admin).await?.window(1, 1);
    let part = tenant.post_with_key("/v1/bids", "part", &bid(3000, "1", window.clone())).await?;
    assert_eq!(part.code(), "lot_not_whole", "{}", part.text);
    let some = tenant.post_with_key("/v1/bids", "some", &bid(4000, "0", window.clone())).await?;
    assert_eq!(some.code(), "lot_divisible", "{}", some.text);
    let order = tenant.post_with_key("/v1/bids", "bid", &bid(4000, "1", window)).await?.id()?;
    let mut seen = vec![cluster.nodes_of(job)?];
    for _ in 0..60 {
        admin.advance(5).await?;
        // The cluster takes a second for a node, in real time.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let now = cluster.nodes_of(job)?;
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        if seen.len() == 3 {
            break;
        }
    }
    assert_eq!(seen, ["RUNNING 1", "RUNNING 2", "RUNNING 1"], "read in the cluster");
    for _ in 0..12 {
        admin.advance(5).await?;
    }
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("it is settled")?;
    let delivered = receipt["lines"][0]["delivered"].as_i64().unwrap_or(0);
    ensure!(delivered > 0 && delivered <= 4000, "{receipt}");

    // Let go, the job runs on as it was.
    tenant.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    admin.advance(5).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(cluster.nodes_of(job)?, "RUNNING 1");
    healthy(&server.stop().await?).await
}
