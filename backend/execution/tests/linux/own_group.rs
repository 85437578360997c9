//! Groups that programs have already, as systemd and containers make them. They are of version 2: elsewhere these tests
//! skip, and `scripts/linux-guest` runs them in a machine that has it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use headroom_execution::linux::{Linux, find, runs};
use headroom_execution::{Adopting, Driver, DriverError, Limits};

use crate::{Busy, group_of, key, observed, request};

const ROOT: &str = "/sys/fs/cgroup";

/// The group of a service in a slice of its own.
struct Service {
    slice: PathBuf,
    group: PathBuf,
}

impl Service {
    /// `None` without version 2. The slice hands on memory only, as most of systemd's do.
    fn new(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("read");
        let is_there = mounts.lines().any(|line| line.contains(&format!(" {ROOT} cgroup2 ")));
        let slice = PathBuf::from(format!("{ROOT}/test-{name}-{}.slice", std::process::id()));
        if !is_there || fs::create_dir(&slice).is_err() {
            println!("SKIP {name}: no control groups of version 2 can be made at {ROOT}");
            return None;
        }
        fs::write(slice.join("cgroup.subtree_control"), "+memory").expect("handed on");
        let service = Self { group: slice.join("web.service"), slice };
        service.make();
        Some(service)
    }

    fn make(&self) {
        fs::create_dir(&self.group).expect("made");
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.group.join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.group.join(file)).unwrap_or_else(|error| panic!("{file}: {error}")).trim().to_owned()
    }

    fn start(&self) -> Busy {
        let busy = Busy::start();
        for pid in headroom_execution::linux::tree(&busy.process()) {
            self.write("cgroup.procs", &pid.to_string());
        }
        busy
    }

    /// The kernel takes a moment to end the last process of a group.
    fn end(&self, mut busy: Busy) {
        busy.end();
        while fs::remove_dir(&self.group).is_err() {
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.group);
        let _ = fs::remove_dir(&self.slice);
    }
}

fn driver(name: &str) -> Linux {
    Linux::new(&format!("test-{name}-{}", std::process::id()))
}

fn refusal<T: std::fmt::Debug>(done: Result<T, DriverError>) -> String {
    let error = done.expect_err("refused");
    assert_eq!(error.code(), "unsupported");
    error.to_string()
}

#[test]
fn a_service_is_limited_in_its_group_and_given_back() {
    let Some(service) = Service::new("keeps") else { return };
    let (first, busy) = (driver("keeps"), service.start());
    service.write("memory.max", "64M");
    let (asked, before) = (request(busy.process(), 200), group_of(&busy));
    assert_eq!(first.adopt(&key("adopt"), &asked).expect("adopted").limits, Limits::new(200, 0));
    assert_eq!((group_of(&busy), service.read("memory.max").as_str()), (before, "67108864"));
    assert_eq!(service.read("cpu.max"), "20000 100000", "the slice hands the controller on now");
    observed(&first);
    sleep(Duration::from_secs(2));
    let seen = observed(&first);
    assert!(seen.cpu_milli > 0 && seen.cpu_milli <= 260 && seen.cpu_censored && seen.mem_kib > 0, "{seen:?}");
    let other = driver("other");
    assert!(refusal(other.adopt(&key("adopt"), &asked)).contains("is limited for the workload ins_a"));
    drop(first);
    let second = driver("keeps");
    let again = headroom_execution::AdoptRequest { epoch: 2, limits: Limits::new(150, 0), ..asked.clone() };
    assert_eq!(second.adopt(&key("again"), &again).expect("adopted").limits, Limits::new(150, 0));
    second.stop(&key("stop"), &asked.instance, 2).expect("given back");
    assert_eq!(service.read("cpu.max"), "max 100000");
    assert!(runs(&busy.process()));
    assert_eq!(other.adopt(&key("adopt"), &asked).expect("nobody has it").limits, Limits::new(200, 0));
    drop(other);
    let others = driver("other");
    others.let_go_others(&[asked.instance].into()).expect("looked at");
    assert_eq!(service.read("cpu.max"), "20000 100000", "wanted still");
    others.let_go_others(&BTreeSet::new()).expect("let go");
    assert_eq!(service.read("cpu.max"), "max 100000");
    service.end(busy);
}

#[test]
fn a_service_is_listed_with_its_workload_while_adopted() {
    let Some(service) = Service::new("listed") else { return };
    let driver = driver("listed");
    // Programs that this one has started are never listed: its first parent has to end.
    let started = Command::new("sh").args(["-c", "sleep 300 >/dev/null 2>&1 & echo $!"]).output().expect("sh is there");
    let pid: u32 = String::from_utf8_lossy(&started.stdout).trim().parse().expect("a number");
    service.write("cgroup.procs", &pid.to_string());
    let asked = request(find(pid).expect("it runs"), 200);
    let listed = || driver.candidates(10_000).into_iter().find(|(c, _)| c.process.pid == pid).map(|(_, of)| of);
    assert_eq!(listed(), Some(None));
    driver.adopt(&key("adopt"), &asked).expect("adopted");
    assert_eq!(listed(), Some(Some(asked.instance.clone())));
    driver.stop(&key("stop"), &asked.instance, 1).expect("given back");
    assert_eq!(listed(), Some(None));
    service.write("cgroup.kill", "1");
    while fs::remove_dir(&service.group).is_err() {
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_that_would_lose_a_limit_is_refused() {
    let Some(service) = Service::new("shares") else { return };
    let (driver, busy, neighbour) = (driver("shares"), service.start(), service.start());
    service.write("memory.max", "64M");
    let asked = request(busy.process(), 200);
    let told = refusal(driver.adopt(&key("adopt"), &asked));
    assert!(told.contains("shares the control group") && told.contains("web.service/memory.max"), "{told}");
    assert!(group_of(&busy).contains("web.service") && driver.reports().is_empty());
    service.write("memory.max", "max");
    driver.adopt(&key("adopt"), &asked).expect("nothing is lost");
    assert!(group_of(&busy).contains("/headroom-test-shares-") && group_of(&neighbour).contains("web.service"));
    driver.stop(&key("stop"), &asked.instance, 1).expect("let go");
    drop(busy);
    service.end(neighbour);
}

#[test]
fn a_service_with_a_cpu_limit_of_its_own_is_refused() {
    let Some(service) = Service::new("limited") else { return };
    fs::write(service.slice.join("cgroup.subtree_control"), "+cpu").expect("handed on");
    service.write("cpu.max", "50000 100000");
    let (driver, busy) = (driver("limited"), service.start());
    let told = refusal(driver.adopt(&key("adopt"), &request(busy.process(), 200)));
    assert!(told.contains("CPU limit of its own") && told.contains("CPUQuota="), "{told}");
    assert_eq!(service.read("cpu.max"), "50000 100000", "it is left alone");
    service.end(busy);
}

#[test]
fn a_service_that_starts_again_is_not_the_one_adopted() {
    let Some(service) = Service::new("again") else { return };
    let (driver, busy) = (driver("again"), service.start());
    let asked = request(busy.process(), 200);
    driver.adopt(&key("adopt"), &asked).expect("adopted");
    observed(&driver);
    service.end(busy);
    let (_, gone) = driver.reports().remove(0);
    assert!(gone.ended.as_ref().is_some_and(|ended| ended.contains("has ended")) && gone.cpu_milli == 200, "{gone:?}");
    assert!(gone.cpu_micros.is_some_and(|micros| micros > 0), "what was counted last is told: {gone:?}");
    service.make();
    let next = service.start();
    assert_eq!(driver.reports().remove(0).1, gone, "the new service is another");
    driver.stop(&key("stop"), &asked.instance, 1).expect("let go");
    assert!(!service.group.join("cpu.max").exists() || service.read("cpu.max") == "max 100000");
    assert!(runs(&next.process()));
    service.end(next);
}
