//! A folder with machines that nobody started for Headroom.
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use headroom_execution::qemu::{Candidate, Qemu};
use headroom_execution::{AdoptRequest, Adopting, DriverError, InstanceId, Limits, NodeId, OpKey, Resized};
use headroom_execution::{Driver, Started};
use headroom_market::workload::{Adopted, VirtualMachine};
use tempfile::TempDir;

/// What the script ends with where this machine lacks what it needs.
const NOT_HERE: i32 = 3;
/// Machines are emulated: more than one test of them at once makes all of them slow.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub struct World {
    folder: TempDir,
    name: String,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    /// `None` where no machine can be started or no control group made, with the reason printed.
    pub fn new(test: &str) -> Option<Self> {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("test-{}-{}", number_of(test), std::process::id());
        let world = Self { folder: tempfile::tempdir().expect("a folder"), name, _turn: turn };
        if let Some(reason) = world.driver().unavailable() {
            println!("SKIP {test}: the probe of control groups said: {reason}");
            return None;
        }
        match world.start("web", &[]) {
            Ok(()) => Some(world),
            Err(reason) => {
                println!("SKIP {test}: scripts/qemu-machine said: {reason}");
                None
            }
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.qmp"))
    }

    pub fn driver(&self) -> Qemu {
        Qemu::new(&self.name, self.folder())
    }

    /// Starts one more machine.
    ///
    /// # Errors
    /// Why none can be started here.
    pub fn start(&self, name: &str, arguments: &[&str]) -> Result<(), String> {
        let mut start = script("start", self.folder());
        let output = start.arg(name).args(arguments).output().expect("the script is there");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.code() == Some(NOT_HERE) {
            return Err(said.lines().last().unwrap_or_default().to_owned());
        }
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    pub fn candidate(&self, driver: &Qemu, name: &str) -> (Candidate, Option<InstanceId>) {
        let all = driver.candidates(999).expect("the folder is there");
        let found = all.into_iter().find(|(candidate, _)| candidate.machine.name == name);
        found.unwrap_or_else(|| panic!("{name} is not listed"))
    }

    /// Why the machine `web` cannot be adopted.
    pub fn candidates_refused(&self, driver: &Qemu) -> String {
        self.candidate(driver, "web").0.refused.unwrap_or_default()
    }

    pub fn machine(&self, driver: &Qemu) -> VirtualMachine {
        self.candidate(driver, "web").0.machine
    }

    /// The last piece of work on the console of a machine.
    pub fn work(&self, name: &str) -> u64 {
        let log = std::fs::read(self.folder().join(format!("{name}.log"))).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let mut done = log.lines().rev().filter_map(|line| line.trim().strip_prefix("work ")?.parse().ok());
        done.next().unwrap_or(0)
    }

    /// Waits until a machine has done more than so much.
    pub fn works_beyond(&self, name: &str, done: u64) {
        until(&format!("{name} works on after {done}"), || self.work(name) > done);
    }

    pub fn kill(&self, name: &str) {
        let file = self.folder().join(format!("{name}.pid"));
        let pid = std::fs::read_to_string(file).expect("it was started").trim().to_owned();
        let _ = Command::new("kill").args(["-KILL", &pid]).status();
        until(&format!("{name} has ended"), || !Path::new("/proc").join(&pid).exists());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = script("stop", self.folder()).status();
        // Groups of a test that failed; those of others stay.
        let driver = self.driver();
        until("limits are lifted", || driver.let_go_others(&Default::default()).is_ok());
    }
}

fn number_of(test: &str) -> String {
    let sum = test.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("{sum:08x}")
}

fn script(what: &str, folder: &Path) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut script = Command::new(root.join("scripts/qemu-machine"));
    let kernel = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../linux-guest");
    script.arg(what).arg(folder).env("GUEST_FOLDER", kernel).stdin(Stdio::null());
    script
}

/// Waits for something that a busy host may make late.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_so() {
        if Instant::now() > deadline {
            // A panic in a drop would end the whole run.
            assert!(std::thread::panicking(), "not in time: {what}");
            return;
        }
        sleep(Duration::from_millis(20));
    }
}

pub fn instance() -> InstanceId {
    InstanceId::from("ins_a")
}

pub fn key(step: &str) -> OpKey {
    OpKey::new("swap", step)
}

pub fn request(machine: &VirtualMachine, epoch: u64, cpu_milli: u64) -> AdoptRequest {
    let adopted = Adopted::Vm(machine.clone());
    let node = NodeId::from("nod_a");
    AdoptRequest { instance: instance(), node, epoch, adopted, limits: Limits::new(cpu_milli, 0) }
}

pub fn adopt(driver: &Qemu, machine: &VirtualMachine, epoch: u64, cpu: u64) -> Result<Started, DriverError> {
    driver.adopt(&key(&format!("adopt-{epoch}")), &request(machine, epoch, cpu))
}

pub fn resize(driver: &Qemu, step: &str, epoch: u64, limits: Limits) -> Result<Resized, DriverError> {
    driver.resize(&key(step), &instance(), epoch, &limits)
}
