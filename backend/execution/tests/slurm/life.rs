//! The life of an adopted job: its end, other jobs with its number, agents that start again, a controller that is down.
use std::collections::BTreeSet;
use std::time::Duration;

use crate::cluster::*;
use headroom_execution::slurm::{Settings, Slurm};
use headroom_execution::{AdoptRequest, Adopting, Detail, Driver, Limits, Operation, Support};

#[test]
fn the_end_of_a_job_is_told_with_its_state() {
    let Some(cluster) = Cluster::get("end") else { return };
    for (script, end, state) in [
        ("sleep 600", Some("scancel"), "CANCELLED"),
        ("until [ -e $0.end ]; do sleep 0.1; done; exit 0", None, "COMPLETED"),
        ("until [ -e $0.end ]; do sleep 0.1; done; exit 3", None, "FAILED"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let script = script.replace("$0", &folder.path().join("job").display().to_string());
        let (driver, job) = (cluster.driver(), cluster.submit(&[WHOLE, &["-N1"]].concat(), &script));
        driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
        assert_eq!(report(&driver).ended, None);
        match end {
            Some(program) => drop(cluster.run(program, &[&job.job.to_string()])),
            None => std::fs::write(folder.path().join("job.end"), "").expect("written"),
        }
        let told = ended(&driver);
        assert!(told.contains(state) && told.contains(&job.job.to_string()), "{told}");
        assert_eq!(report(&driver).cpu_milli, 0, "nothing is in force any more");
        let fault = driver.observe(&instance(), Detail::Counters).expect("observed").remove(0).fault;
        assert_eq!(fault, Some(told));
        let late = driver.resize(&key("late"), &instance(), 1, &nodes(2)).expect_err("it has ended");
        assert_eq!(late.code(), "wrong_state");
        // The next life of the agent tells it, too.
        let next = cluster.driver();
        next.adopt(&key("adopt"), &request(&job, 1)).expect("taken in, to be told of");
        assert!(ended(&next).contains(state));
        next.stop(&key("stop"), &instance(), 1).expect("let go");
    }
}

#[test]
fn a_requeued_job_is_told_as_such() {
    let Some(cluster) = Cluster::get("requeue") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    // The new time of submission is another second.
    std::thread::sleep(Duration::from_millis(1_100));
    cluster.run("scontrol", &["requeue", &job.job.to_string()]);
    let told = ended(&driver);
    assert!(told.contains("was requeued and waits: PENDING"), "{told}");
    assert_eq!(driver.limits_in_force(&instance()), Some(Limits::default()));
}

#[test]
fn another_job_of_the_same_number_is_never_touched() {
    let Some(cluster) = Cluster::get("number") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    let mut earlier = job.clone();
    earlier.submitted_at -= 1;
    let mut missing = job.clone();
    missing.job = 9_999_999;
    let mut elsewhere = job.clone();
    elsewhere.cluster = "another".to_owned();
    let mut larger = job.clone();
    larger.node_cpu_milli = 8_000;
    for wrong in [&earlier, &missing, &elsewhere, &larger] {
        let error = driver.adopt(&key("adopt"), &request(wrong, 2)).expect_err("not that job");
        assert_eq!(error.code(), "unsupported", "{error}");
        assert!(!driver.has(&instance()));
    }
    assert_eq!((cluster.size(job.job), &*cluster.comment(job.job)), ((1, 4), ""));
}

#[test]
fn another_life_of_the_agent_goes_on_with_the_job() {
    let Some(cluster) = Cluster::get("restart") else { return };
    let (first, job) = (cluster.driver(), cluster.one_node());
    cluster.run("scontrol", &["update", &format!("JobId={}", job.job), "AdminComment=ask Anna first"]);
    first.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    first.resize(&key("grow"), &instance(), 1, &nodes(3)).expect("grown");
    drop(first);
    let second = cluster.driver();
    assert!(!second.has(&instance()));
    let listed = second.candidates(Some("batch"), 10).expect("candidates");
    assert_eq!((listed.len(), &listed[0].1), (1, &Some(instance())), "the job itself says whose it is");
    let again = AdoptRequest { epoch: 2, ..request(&job, 3) };
    assert_eq!(second.adopt(&key("adopt"), &again).expect("adopted").limits, nodes(3));
    let late = cluster.driver().adopt(&key("late"), &request(&job, 1)).expect_err("an older epoch");
    assert_eq!(late.code(), "stale_epoch");
    let (name, id) = ("other", second.candidates(None, 10).expect("candidates").remove(0).0.job);
    let refused = Slurm::new(name, cluster.settings()).adopt(&key("theirs"), &request(&id, 1)).expect_err("another's");
    assert!(refused.to_string().contains("ins_a of exchange test"), "{refused}");
    drop(second);
    // A third life lets it go without having adopted it: it has what it had before the first.
    let third = cluster.driver();
    third.let_go_others(&[instance()].into()).expect("looked at");
    assert_eq!(cluster.size(job.job), (3, 12), "wanted still");
    third.let_go_others(&BTreeSet::new()).expect("let go");
    assert_eq!((cluster.size(job.job), &*cluster.comment(job.job)), ((1, 4), "ask Anna first"));
    assert_eq!(cluster.field(job.job, "%T"), "RUNNING");
}

#[test]
fn a_job_that_is_let_go_has_what_it_had_and_runs_on() {
    let Some(cluster) = Cluster::get("let go") else { return };
    let job = cluster.submit(&[WHOLE, &["-N2"]].concat(), "sleep 600");
    let script_host = cluster.field(job.job, "%B");
    for (step, count) in [("bought", 3), ("lent", 1)] {
        let driver = cluster.driver();
        driver.adopt(&key("adopt"), &request(&job, 2)).expect("adopted");
        driver.resize(&key(step), &instance(), 1, &nodes(count)).expect("resized");
        driver.stop(&key("stop"), &instance(), 1).expect("let go");
        assert!(!driver.has(&instance()));
        assert_eq!((cluster.size(job.job), &*cluster.comment(job.job)), ((2, 8), ""), "{step}");
        assert_eq!(
            (cluster.field(job.job, "%T"), cluster.field(job.job, "%B")),
            ("RUNNING".into(), script_host.clone())
        );
        let unknown = driver.stop(&key("again"), &instance(), 1).expect_err("it is gone");
        assert_eq!(unknown.code(), "unknown_instance");
    }
}

fn is_dead(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn errors_are_typed_while_the_controller_is_down() {
    let Some(cluster) = Cluster::get("controller") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    let config = cluster.run("scontrol", &["show", "config"]);
    let line = config.lines().find(|line| line.starts_with("SlurmctldPidFile")).expect("its file");
    let file = line.split_once("= ").expect("a path").1.trim().to_owned();
    let pid = std::fs::read_to_string(&file).expect("its number").trim().to_owned();
    // A job that began since the controller has last written its state would be lost to Slurm itself with KILL.
    cluster.output("kill", &["-TERM", &pid]);
    until("it has ended", || !std::path::Path::new(&format!("/proc/{pid}/stat")).exists() || is_dead(&pid));
    let patient = Settings { time_limit: Duration::from_secs(2), ..cluster.settings() };
    let hasty = Slurm::new("test", patient);
    let reason = hasty.probe().expect_err("it is down");
    assert!(reason.contains("scontrol"), "{reason}");
    assert!(hasty.unavailable().is_some());
    assert!(matches!(hasty.capabilities().of(Operation::ResizeCpu), Support::Unsupported(_)));
    for error in [
        hasty.adopt(&key("adopt"), &request(&job, 2)).map(|_| ()).expect_err("down"),
        driver.resize(&key("down"), &instance(), 1, &nodes(3)).map(|_| ()).expect_err("down"),
        driver.stop(&key("down"), &instance(), 1).map(|_| ()).expect_err("down"),
        driver.observe(&instance(), Detail::Counters).map(|_| ()).expect_err("down"),
        driver.partitions().map(|_| ()).expect_err("down"),
    ] {
        assert_eq!(error.code(), "command_unavailable", "{error}");
    }
    assert!(driver.has(&instance()), "it is still adopted");
    let started = cluster.output("slurmctld", &[]);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    until("it answers", || driver.probe().is_ok() && cluster.size(job.job) == (1, 4));
    until("its nodes are back", || {
        cluster.run("sinfo", &["-h", "-p", "batch", "-t", "idle", "-o", "%D"]).trim() == "2"
    });
    let resized = driver.resize(&key("down"), &instance(), 1, &nodes(3)).expect("the same step, now done");
    assert_eq!((resized.actual, cluster.size(job.job)), (nodes(3), (3, 12)));
}
