//! The driver `linux` with real processes in real control groups. Where this host lets nobody make one, it skips and says
//! what the kernel said.
mod own_group;

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use headroom_execution::linux::{HostProcess, LEAST_CPU_MILLI, Linux, find, runs, tree};
use headroom_execution::{
    AdoptRequest, Adopting, Detail, Driver, DriverError, InstanceId, Limits, NodeId, Observation, OpKey, Operation,
    Support, VerifyRequest,
};
use headroom_market::workload::Adopted;

/// A program that knows nothing of us: a shell and a child, both busy.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        let script = "while :; do :; done & while :; do :; done";
        let child = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).spawn();
        let busy = Self(child.expect("sh is there"));
        // Its command line and its child are there a moment later.
        while find(busy.0.id()).is_none_or(|process| tree(&process).len() < 2) {
            sleep(Duration::from_millis(5));
        }
        busy
    }

    fn process(&self) -> HostProcess {
        find(self.0.id()).expect("it runs")
    }

    fn end(&mut self) {
        for pid in tree(&self.process()) {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        let _ = self.0.wait();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if find(self.0.id()).is_some() {
            self.end();
        }
    }
}

fn driver(name: &str) -> Option<Linux> {
    let driver = Linux::new(&format!("test-{name}-{}", std::process::id()));
    if let Some(reason) = driver.unavailable() {
        println!("SKIP {name}: the probe of control groups said: {reason}");
        return None;
    }
    Some(driver)
}

fn key(step: &str) -> OpKey {
    OpKey::new("swap", step)
}

fn request(process: HostProcess, cpu_milli: u64) -> AdoptRequest {
    let (instance, node) = (InstanceId::from("ins_a"), NodeId::from("nod_a"));
    AdoptRequest { instance, node, epoch: 1, adopted: Adopted::Process(process), limits: Limits::new(cpu_milli, 0) }
}

/// The control groups that it is in, as the kernel tells them.
fn group_of(busy: &Busy) -> String {
    std::fs::read_to_string(format!("/proc/{}/cgroup", busy.process().pid)).expect("read")
}

fn observed(driver: &Linux) -> Observation {
    driver.observe(&InstanceId::from("ins_a"), Detail::Counters).expect("it is there").remove(0)
}

#[test]
fn an_adopted_process_is_held_to_its_limit_by_the_kernel() {
    let Some(driver) = driver("limit") else { return };
    let busy = Busy::start();
    let asked = request(busy.process(), 200);
    let started = driver.adopt(&key("adopt"), &asked).expect("adopted");
    assert_eq!(started.limits, Limits::new(200, 0));
    assert_eq!(driver.adopt(&key("adopt"), &asked).expect("again"), started, "twice equals once");
    observed(&driver);
    for cpu_milli in [200, 50, 400] {
        let limits = Limits::new(cpu_milli, 0);
        let step = format!("resize-{cpu_milli}");
        let resized = driver.resize(&key(&step), &asked.instance, 1, &limits).expect("resized");
        assert_eq!(resized.actual, limits, "read back from the kernel");
        assert_eq!(driver.resize(&key(&step), &asked.instance, 1, &limits).expect("again"), resized);
        observed(&driver);
        sleep(Duration::from_millis(1_500));
        let seen = observed(&driver);
        // The kernel may grant a period more than a window holds.
        assert!(seen.cpu_milli <= cpu_milli + cpu_milli / 5 + 20, "{} of {cpu_milli}", seen.cpu_milli);
        assert!(seen.cpu_milli > 0 && seen.cpu_censored && seen.fault.is_none() && seen.mem_kib > 0, "{seen:?}");
        let (instance, node) = (asked.instance.clone(), asked.node.clone());
        let verified =
            driver.verify(&VerifyRequest { instance, node, epoch: 1, limits, min_progress: 0, watched_micros: 0 });
        assert!(verified.expect("verified").passed);
    }
    let reused = driver.resize(&key("resize-50"), &asked.instance, 1, &Limits::new(60, 0));
    assert!(matches!(reused, Err(DriverError::KeyReused { .. })), "{reused:?}");
    assert!(
        driver.candidates(10_000).iter().all(|(c, _)| Adopted::Process(c.process.clone()) != asked.adopted),
        "nobody adopts what this process started"
    );
    driver.stop(&key("stop"), &asked.instance, 1).expect("stopped");
    assert!(runs(&busy.process()), "what the exchange has not started it does not end");
}

#[test]
fn another_life_of_the_exchange_goes_on_with_what_runs() {
    let Some(first) = driver("restart") else { return };
    let name = format!("test-restart-{}", std::process::id());
    let mut busy = Busy::start();
    let asked = request(busy.process(), 100);
    first.adopt(&key("adopt"), &asked).expect("adopted");
    drop(first);
    let second = Linux::new(&name);
    assert!(!second.has(&asked.instance));
    let again = AdoptRequest { epoch: 2, limits: Limits::new(150, 0), ..asked.clone() };
    assert_eq!(second.adopt(&key("again"), &again).expect("adopted").limits, Limits::new(150, 0));
    let late = second.resize(&key("late"), &asked.instance, 1, &Limits::new(900, 0));
    assert!(matches!(late, Err(DriverError::StaleEpoch { .. })), "{late:?}");
    assert_eq!(second.active_epoch(&asked.instance), Some(2));
    busy.end();
    // The kernel takes a moment to end the last of them.
    let fault = loop {
        match observed(&second).fault {
            Some(fault) => break fault,
            None => sleep(Duration::from_millis(20)),
        }
    };
    assert!(fault.contains("has ended"), "{fault}");
    second.stop(&key("stop"), &asked.instance, 2).expect("stopped");
    let gone = AdoptRequest { epoch: 3, ..asked };
    second.adopt(&key("gone"), &gone).expect("taken in, to be told of");
    assert!(observed(&second).fault.is_some(), "a process that has ended is told, not started");
    second.stop(&key("stop"), &gone.instance, 3).expect("stopped");
}

#[test]
fn what_an_earlier_life_limited_is_let_go_unless_wanted() {
    let Some(first) = driver("others") else { return };
    let name = format!("test-others-{}", std::process::id());
    let busy = Busy::start();
    let asked = request(busy.process(), 100);
    first.adopt(&key("adopt"), &asked).expect("adopted");
    drop(first);
    let second = Linux::new(&name);
    second.let_go_others(&[asked.instance.clone()].into()).expect("looked at");
    let is_limited = || group_of(&busy).contains("/headroom-test-others-");
    assert!(is_limited(), "wanted still");
    second.let_go_others(&BTreeSet::new()).expect("let go");
    assert!(!is_limited() && runs(&busy.process()));
    assert!(second.reports().is_empty());
}

#[test]
fn what_the_driver_lacks_is_refused_with_its_reason() {
    let Some(driver) = driver("lacks") else { return };
    let busy = Busy::start();
    let asked = request(busy.process(), 1);
    let started = driver.adopt(&key("adopt"), &asked).expect("adopted");
    assert_eq!(started.limits.cpu_milli, LEAST_CPU_MILLI, "the kernel takes no less, and the answer says so");
    let snapshot = driver.snapshot(&key("snapshot"), &asked.instance, 1, None);
    let Err(error) = snapshot else { panic!("{snapshot:?}") };
    assert_eq!(error.code(), "unsupported");
    let Support::Unsupported(reason) = driver.capabilities().of(Operation::SnapshotFull) else { panic!("it can") };
    assert!(error.to_string().contains(&reason), "{error}");
    driver.stop(&key("stop"), &asked.instance, 1).expect("stopped");
}
