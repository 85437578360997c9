//! A real Slurm cluster for tests: the one that the environment names, or one that `scripts/slurm-cluster` starts.
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use headroom_execution::slurm::{Settings, Slurm};
use headroom_execution::{AdoptRequest, Adopting, InstanceId, Limits, NodeId, OpKey, Report};
use headroom_market::workload::{Adopted, SlurmJob};

/// A deadline of these tests, which a busy machine does not reach.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Options of a job that has whole nodes.
pub const WHOLE: &[&str] = &["--exclusive"];
/// CPU of a node of the cluster, in thousandths of a core.
pub const NODE_MILLI: u64 = 4_000;

static CLUSTER: Mutex<Option<Result<PathBuf, String>>> = Mutex::new(None);

/// The cluster, for one test at a time.
pub struct Cluster {
    pub configuration: PathBuf,
    _guard: MutexGuard<'static, Option<Result<PathBuf, String>>>,
}

/// What the script ends with where this machine lacks what it needs.
const NOT_HERE: i32 = 3;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/slurm-cluster")
}

/// Starts a cluster that ends soon after this process.
fn started() -> Result<PathBuf, String> {
    for name in ["HEADROOM_SLURM_CONF", "SLURM_CONF"] {
        if let Some(path) = std::env::var_os(name) {
            return Ok(path.into());
        }
    }
    let folder = std::env::temp_dir().join(format!("headroom-slurm-{}", std::process::id()));
    let output = Command::new(script()).arg("start").arg(&folder).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.code() == Some(NOT_HERE) {
        let _ = std::fs::remove_dir_all(&folder);
        return Err(format!("scripts/slurm-cluster said: {said}"));
    }
    assert!(output.status.success(), "scripts/slurm-cluster said: {said}");
    let watch = "while kill -0 \"$1\" 2>/dev/null; do sleep 0.2; done; \"$2\" stop \"$3\"; rm -rf \"$3\"";
    let own = std::process::id().to_string();
    let watcher = Command::new("setsid").args(["sh", "-c", watch, "sh", &own]).arg(script()).arg(&folder).spawn();
    watcher.map_err(|error| error.to_string())?;
    Ok(folder.join("slurm.conf"))
}

impl Cluster {
    /// Without jobs; `None`, and a line that says why, where there can be none.
    pub fn get(test: &str) -> Option<Self> {
        let mut guard = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
        match guard.get_or_insert_with(started).clone() {
            Ok(configuration) => {
                let cluster = Self { configuration, _guard: guard };
                cluster.clear();
                Some(cluster)
            }
            Err(reason) => {
                println!("SKIP {test}: {reason}");
                None
            }
        }
    }

    pub fn clear(&self) {
        self.run("scancel", &["--state=RUNNING"]);
        self.run("scancel", &["--state=PENDING"]);
        self.run("scancel", &["--state=SUSPENDED"]);
        until("no job is there", || self.run("squeue", &["--noheader"]).trim().is_empty());
        until("all nodes are idle", || self.run("sinfo", &["-h", "-N", "-o", "%T"]).lines().all(|line| line == "idle"));
    }

    pub fn settings(&self) -> Settings {
        Settings { configuration: Some(self.configuration.clone()), ..Settings::default() }
    }

    pub fn driver(&self) -> Slurm {
        let patience = Duration::from_secs(10);
        Slurm::new("test", Settings { patience, ..self.settings() })
    }

    pub fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env("SLURM_CONF", &self.configuration).env("SLURM_TIME_FORMAT", "%s").env("TZ", "UTC0");
        command.output().unwrap_or_else(|error| panic!("{program}: {error}"))
    }

    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.output(program, arguments);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Submits a script and waits until it runs.
    pub fn submit(&self, options: &[&str], script: &str) -> SlurmJob {
        let wrap = format!("--wrap={script}");
        let base = ["--parsable", "--output=/dev/null", "--chdir=/", "--time=60", &wrap];
        let output = self.output("sbatch", &[&base[..], options].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let number = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
        until("the job runs", || self.field(number, "%T") == "RUNNING");
        self.identity(number)
    }

    /// One that has one whole node of `batch` and is idle.
    pub fn one_node(&self) -> SlurmJob {
        self.submit(&[WHOLE, &["--nodes=1"]].concat(), "sleep 600")
    }

    pub fn identity(&self, number: u64) -> SlurmJob {
        let config = self.run("scontrol", &["show", "config"]);
        let name = config.lines().find(|line| line.starts_with("ClusterName")).and_then(|line| line.split_once("= "));
        SlurmJob {
            cluster: name.expect("a name").1.trim().to_owned(),
            job: number,
            submitted_at: self.field(number, "%V").parse().expect("Unix seconds"),
            name: "wrap".to_owned(),
            node_cpu_milli: NODE_MILLI as i64,
        }
    }

    pub fn field(&self, number: u64, format: &str) -> String {
        let text = self.run("squeue", &["-h", "-t", "all", "-j", &number.to_string(), "-o", &format!("%A {format}")]);
        let own = format!("{number} ");
        text.lines().find_map(|line| line.strip_prefix(&own)).unwrap_or_default().trim().to_owned()
    }

    /// Nodes and CPUs as `scontrol show job` has them.
    pub fn size(&self, number: u64) -> (u64, u64) {
        let text = self.run("scontrol", &["show", "job", &number.to_string()]);
        let of = |name: &str| {
            let value = text.split_ascii_whitespace().find_map(|word| word.strip_prefix(name));
            value.and_then(|value| value.split('-').next()?.parse().ok()).unwrap_or(0)
        };
        (of("NumNodes="), of("NumCPUs="))
    }

    pub fn comment(&self, number: u64) -> String {
        let text = self.run("squeue", &["-h", "-j", &number.to_string(), "-O", "admin_comment:300"]);
        text.trim().replace("(null)", "")
    }

    /// Jobs that ask for nodes for workloads, in any state but the last.
    pub fn requests(&self) -> String {
        self.run("squeue", &["-h", "--name=headroom-ins_a", "-o", "%A %T"])
    }
}

pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(50));
    }
}

pub fn key(step: &str) -> OpKey {
    OpKey::new("swap", step)
}

pub fn instance() -> InstanceId {
    InstanceId::from("ins_a")
}

pub fn nodes(count: u64) -> Limits {
    Limits::new(count * NODE_MILLI, 0)
}

pub fn request(job: &SlurmJob, count: u64) -> AdoptRequest {
    let adopted = Adopted::SlurmJob(job.clone());
    AdoptRequest { instance: instance(), node: NodeId::from("nod_a"), epoch: 1, adopted, limits: nodes(count) }
}

pub fn report(driver: &Slurm) -> Report {
    driver.reports().pop().expect("a report").1
}

/// Waits for its end, and answers how it is told.
pub fn ended(driver: &Slurm) -> String {
    let mut told = None;
    until("its end is told", || {
        told = driver.reports().pop().and_then(|(_, report)| report.ended);
        told.is_some()
    });
    told.unwrap_or_default()
}
