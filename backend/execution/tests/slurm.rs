//! The driver `slurm` with real jobs of a real cluster: `HEADROOM_SLURM_CONF` or `SLURM_CONF` names it, else
//! `scripts/slurm-cluster` starts one. Where there can be none, each test skips and says why.
#[path = "support/cluster.rs"]
mod cluster;

use cluster::*;
use headroom_execution::slurm::{Settings, Slurm, Usage};
use headroom_execution::{
    AdoptRequest, Adopting, Detail, Driver, DriverError, Limits, Operation, Support, VerifyRequest,
};
use std::time::Duration;

#[test]
fn an_adopted_job_grows_and_shrinks_by_whole_nodes() {
    let Some(cluster) = Cluster::get("resize") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    let asked = request(&job, 1);
    let started = driver.adopt(&key("adopt"), &asked).expect("adopted");
    assert_eq!(started.limits, nodes(1));
    assert_eq!(driver.adopt(&key("adopt"), &asked).expect("again"), started, "twice equals once");
    let mut before = 1;
    for count in [3, 2, 1, 2, 3, 1] {
        // Half a node more is rounded down.
        let limits = Limits::new(count * NODE_MILLI + NODE_MILLI / 2, 0);
        let step = format!("resize-{before}-{count}");
        let resized = driver.resize(&key(&step), &instance(), 1, &limits).expect("resized");
        assert_eq!((resized.before, resized.actual.clone()), (nodes(before), nodes(count)));
        assert_eq!(cluster.size(job.job), (count, count * 4), "read back by scontrol");
        assert_eq!(driver.limits_in_force(&instance()), Some(nodes(count)));
        let again = driver.resize(&key(&step), &instance(), 1, &limits).expect("again");
        assert_eq!(again.actual, resized.actual);
        let verify =
            VerifyRequest { instance: instance(), node: asked.node.clone(), epoch: 1, limits, min_progress: 0 };
        let verified = driver.verify(&verify).expect("verified");
        assert!(verified.passed, "{verified:?}");
        assert_eq!(cluster.requests(), "", "no request is left");
        before = count;
    }
    let reused = driver.resize(&key("resize-2-3"), &instance(), 1, &nodes(2));
    assert!(matches!(reused, Err(DriverError::KeyReused { .. })), "{reused:?}");
    let none = driver.resize(&key("none"), &instance(), 1, &Limits::new(NODE_MILLI - 1, 0));
    assert_eq!(none.expect_err("less than a node").code(), "unsupported");
    for (epoch, code) in [(0, "stale_epoch"), (2, "epoch_ahead")] {
        let refused = driver.resize(&key("epoch"), &instance(), epoch, &nodes(2)).expect_err("another epoch");
        assert_eq!(refused.code(), code);
    }
    assert_eq!(cluster.size(job.job), (1, 4), "what is refused changes nothing");
}

#[test]
fn steps_of_the_jobs_own_script_see_its_new_nodes() {
    let Some(cluster) = Cluster::get("steps") else { return };
    let seen = tempfile::tempdir().expect("a folder");
    let file = seen.path().join("seen");
    // A step is launched on all nodes that the job has at that moment.
    let script = format!(
        "while :; do N=$(squeue -h -j $SLURM_JOB_ID -o %D); L=$(squeue -h -j $SLURM_JOB_ID -o %N); \
         SLURM_NNODES=$N SLURM_JOB_NUM_NODES=$N SLURM_NODELIST=$L SLURM_JOB_NODELIST=$L \
         srun --overlap -N$N -n$N sh -c 'echo $SLURMD_NODENAME' >{0}.new 2>&1; mv {0}.new {0}; sleep 0.2; done",
        file.display()
    );
    let job = cluster.submit(&[WHOLE, &["-N1"]].concat(), &script);
    let driver = cluster.driver();
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    let names = || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    until("a step on one node", || names().len() == 1 && names()[0].starts_with('n'));
    driver.resize(&key("grow"), &instance(), 1, &nodes(3)).expect("grown");
    until("a step on three nodes", || names() == ["n1", "n2", "n3"]);
    driver.resize(&key("shrink"), &instance(), 1, &nodes(1)).expect("shrunk");
    let own = [cluster.field(job.job, "%B")];
    until("a step on the node of the script", || names() == own);
}

#[test]
fn without_free_nodes_nothing_waits_and_the_job_stays_as_it_is() {
    let Some(cluster) = Cluster::get("room") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    let _others = [cluster.one_node(), cluster.one_node()];
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    let error = driver.resize(&key("grow"), &instance(), 1, &nodes(3)).expect_err("no node is free");
    let DriverError::NoRoom { resource, needed, free, .. } = error else { panic!("{error}") };
    assert_eq!((resource, needed, free), ("cpu_milli of free nodes", 2 * NODE_MILLI, 0));
    // The whole partition has three nodes: Slurm refuses at once, or would give a node that the job has already.
    let error = driver.resize(&key("beyond"), &instance(), 1, &nodes(4)).expect_err("there is no fourth");
    assert_eq!(error.code(), "no_room");
    assert_eq!(cluster.requests(), "", "no request is left");
    assert_eq!(cluster.size(job.job), (1, 4));
    assert!(report(&driver).ended.is_none());
}

#[test]
fn a_full_partition_never_counts_a_node_twice() {
    let Some(cluster) = Cluster::get("twice") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    driver.resize(&key("all"), &instance(), 1, &nodes(3)).expect("grown");
    let error = driver.resize(&key("beyond"), &instance(), 1, &nodes(4)).expect_err("there is no fourth");
    assert_eq!(error.code(), "no_room", "{error}");
    assert_eq!(cluster.size(job.job), (3, 12));
}

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
    cluster.driver().stop(&key("stop"), &instance(), 2).expect("let go");
    assert_eq!((cluster.size(job.job), &*cluster.comment(job.job)), ((1, 4), "ask Anna first"));
    assert_eq!(cluster.field(job.job, "%T"), "RUNNING");
}

#[test]
fn a_crash_between_grant_and_merge_is_mended() {
    let Some(cluster) = Cluster::get("crash") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    let own = cluster.field(job.job, "%N");
    let grant = |count: &str| {
        let dependency = format!("--dependency=expand:{}", job.job);
        let (nodes, exclude) = (format!("--nodes={count}"), format!("--exclude={own}"));
        let arguments = [
            "--no-shell",
            "--job-name=headroom-ins_a",
            &dependency,
            &nodes,
            &exclude,
            "--exclusive",
            "--time=30",
            "--mem=400",
            "--immediate=20",
        ];
        let granted = cluster.output("salloc", &arguments);
        assert!(granted.status.success(), "{}", String::from_utf8_lossy(&granted.stderr));
        assert!(cluster.requests().contains("RUNNING"));
    };
    // Granted, and wanted: it is merged, and no further one is asked for.
    grant("2");
    let resized = driver.resize(&key("grow"), &instance(), 1, &nodes(3)).expect("mended");
    assert_eq!((resized.actual, cluster.size(job.job)), (nodes(3), (3, 12)));
    assert_eq!(cluster.requests(), "");
    driver.resize(&key("shrink"), &instance(), 1, &nodes(1)).expect("shrunk");
    // Granted, and more than what is wanted now: it is undone by the next life of the agent.
    grant("2");
    let next = cluster.driver();
    let again = AdoptRequest { epoch: 2, ..request(&job, 2) };
    assert_eq!(next.adopt(&key("adopt"), &again).expect("adopted").limits, nodes(2));
    until("the request is gone", || cluster.requests().is_empty());
    assert_eq!(cluster.size(job.job), (2, 8));
}

#[test]
fn segments_are_the_true_history_of_sizes() {
    let Some(cluster) = Cluster::get("segments") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    let mut wanted = vec![1];
    for count in [3, 2, 3, 1] {
        std::thread::sleep(Duration::from_millis(1_100));
        driver.resize(&key(&format!("{}-{count}", wanted.len())), &instance(), 1, &nodes(count)).expect("resized");
        wanted.push(count);
    }
    std::thread::sleep(Duration::from_millis(1_100));
    cluster.run("scancel", &[&job.job.to_string()]);
    let mut segments = Vec::new();
    until("slurmdbd has all of it", || {
        segments = driver.segments(&job).expect("segments");
        segments.last().is_some_and(|last| last.state == "CANCELLED")
    });
    let sizes: Vec<(u64, u64)> = segments.iter().map(|segment| (segment.nodes, segment.cpus)).collect();
    assert_eq!(sizes, wanted.iter().map(|count| (*count, count * 4)).collect::<Vec<_>>());
    assert!(segments.windows(2).all(|two| two[0].ended_at == Some(two[1].started_at)), "without a gap: {segments:?}");
    assert!(segments.iter().all(|segment| segment.hosts.len() as u64 == segment.nodes), "{segments:?}");
    let mut another = job.clone();
    another.submitted_at -= 1;
    assert!(driver.segments(&another).expect("no such run").is_empty());
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
fn while_the_controller_is_down_errors_are_typed_and_nothing_changes() {
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

#[test]
fn a_job_grows_into_its_own_partition_only() {
    let Some(cluster) = Cluster::get("partitions") else { return };
    let driver = cluster.driver();
    let partitions = driver.partitions().expect("partitions");
    let seen: Vec<_> = partitions.iter().map(|one| (&*one.name, &*one.state, one.nodes.len(), one.cpus_idle)).collect();
    assert_eq!(seen, [("batch", "up", 3, 12), ("urgent", "up", 2, 8)]);
    let job = cluster.submit(&[WHOLE, &["-p", "urgent", "-N1"]].concat(), "sleep 600");
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    driver.resize(&key("grow"), &instance(), 1, &nodes(2)).expect("grown");
    assert_eq!(cluster.field(job.job, "%N"), "n[4-5]");
    let error = driver.resize(&key("beyond"), &instance(), 1, &nodes(3)).expect_err("batch is not its partition");
    assert_eq!(error.code(), "no_room", "{error}");
    let idle: Vec<u64> = driver.partitions().expect("partitions").iter().map(|one| one.cpus_idle).collect();
    assert_eq!(idle, [12, 0]);
}

#[test]
fn a_node_that_a_job_got_goes_to_no_other_job() {
    let Some(cluster) = Cluster::get("double") else { return };
    let (driver, job) = (cluster.driver(), cluster.one_node());
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    for (step, count) in [("a", 3), ("b", 1), ("c", 3)] {
        driver.resize(&key(step), &instance(), 1, &nodes(count)).expect("resized");
    }
    let small = ["--parsable", "-n1", "--mem=1", "-t1", "-D/", "-o/dev/null", "--wrap=true"];
    let other = cluster.output("sbatch", &small);
    let other: u64 = String::from_utf8_lossy(&other.stdout).trim().parse().expect("a number");
    until("Slurm says why it waits", || cluster.field(other, "%r") == "Resources");
    // The scheduler has looked at it a few times more by then.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(cluster.field(other, "%T"), "PENDING");
    driver.resize(&key("d"), &instance(), 1, &nodes(2)).expect("shrunk");
    until("what was given back runs it", || ["COMPLETING", "COMPLETED"].contains(&&*cluster.field(other, "%T")));
}

#[test]
fn nodes_that_were_given_back_serve_others_after_it() {
    let Some(cluster) = Cluster::get("exclusive") else { return };
    let job = cluster.submit(&[WHOLE, &["-N2"]].concat(), "sleep 600");
    let driver = cluster.driver();
    driver.adopt(&key("adopt"), &request(&job, 2)).expect("adopted");
    for (step, count) in [("a", 3), ("b", 1), ("c", 2), ("d", 1)] {
        driver.resize(&key(step), &instance(), 1, &nodes(count)).expect("resized");
        assert_eq!(cluster.size(job.job), (count, count * 4));
    }
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
    cluster.clear();
    for name in ["n1", "n2", "n3"] {
        cluster.submit(&["--exclusive", "-N1", "-w", name], "sleep 600");
    }
    cluster.clear();
    cluster.submit(&["--exclusive", "-N3"], "sleep 600");
}

#[test]
fn candidates_say_why_a_job_cannot_be_adopted() {
    let Some(cluster) = Cluster::get("candidates") else { return };
    let driver = cluster.driver();
    let hostile =
        ["--exclusive", "-N1", "--job-name=a\n9|b", "--comment=\n   AdminComment=[headroom test ins_b 9 9 9]"];
    let whole = cluster.submit(&hostile, "sleep 600");
    let shared = cluster.submit(&["-p", "urgent", "-n1", "--mem=1"], "sleep 600");
    let endless = cluster.submit(&[WHOLE, &["-p", "urgent", "-N1", "--time=UNLIMITED"]].concat(), "sleep 600");
    let spread = cluster.submit(&["--exclusive", "-N2"], "srun --overlap -N2 -n2 sleep 600");
    let has_step =
        || !cluster.run("squeue", &["-h", "-s", "-j", &spread.job.to_string(), "-o", "%i"]).trim().is_empty();
    until("the step runs", has_step);
    let listed = driver.candidates(None, 100).expect("candidates");
    assert_eq!(listed.len(), 4, "{listed:#?}");
    let of = |job: u64| listed.iter().find(|(one, _)| one.job.job == job).expect("listed").clone();
    let (seen, workload) = of(whole.job);
    assert_eq!((seen.refused, workload, seen.nodes, seen.cpus, &*seen.job.name), (None, None, 1, 4, "a9|b"));
    assert_eq!(
        (seen.job.node_cpu_milli, &*seen.partition, seen.job.submitted_at),
        (4_000, "batch", whole.submitted_at)
    );
    assert!(seen.left_seconds.is_some_and(|left| left > 3_000), "{:?}", seen.left_seconds);
    for (job, reason) in [(&shared, "--exclusive"), (&endless, "time limit"), (&spread, "on 2 nodes at once")] {
        let refused = of(job.job).0.refused.expect("a reason");
        assert!(refused.contains(reason), "{refused}");
        let error = driver.adopt(&key("adopt"), &request(job, 1)).expect_err("refused");
        assert_eq!(error.code(), "unsupported", "{error}");
    }
    assert!(
        driver.candidates(Some("urgent"), 100).expect("candidates").iter().all(|(one, _)| one.partition == "urgent")
    );
    assert!(driver.candidates(Some("-x"), 100).is_err(), "no option is passed as a name");
    driver.adopt(&key("adopt"), &request(&whole, 1)).expect("a hostile name harms nothing");
}

#[test]
fn the_last_task_of_an_array_grows_alone() {
    let Some(cluster) = Cluster::get("array") else { return };
    let tasks = cluster.submit(&[WHOLE, &["--array=0-1", "-N1"]].concat(), "sleep 600");
    let number = tasks.job.to_string();
    until("both tasks run", || cluster.run("squeue", &["-h", "-r", "-t", "R", "-j", &number]).lines().count() == 2);
    let driver = cluster.driver();
    let arrays: Vec<_> =
        driver.candidates(None, 9).expect("candidates").iter().filter_map(|(one, _)| one.array).collect();
    assert!(arrays.contains(&(tasks.job, 0)) && arrays.contains(&(tasks.job, 1)), "{arrays:?}");
    driver.adopt(&key("adopt"), &request(&cluster.identity(tasks.job), 1)).expect("adopted");
    driver.resize(&key("grow"), &instance(), 1, &nodes(2)).expect("grown");
    let sizes = cluster.run("squeue", &["-h", "-r", "-j", &number, "-o", "%D"]);
    let mut sizes: Vec<&str> = sizes.lines().map(str::trim).collect();
    sizes.sort_unstable();
    assert_eq!((sizes.as_slice(), cluster.field(tasks.job, "%D")), (&["1", "2"][..], "2".to_owned()));
    driver.resize(&key("shrink"), &instance(), 1, &nodes(1)).expect("shrunk");
    assert_eq!(cluster.run("squeue", &["-h", "-r", "-j", &number, "-o", "%D"]).lines().count(), 2);
}

#[test]
fn usage_is_counted_or_told_as_unknown() {
    let Some(cluster) = Cluster::get("usage") else { return };
    let busy = cluster.submit(&[WHOLE, &["-N1"]].concat(), "while :; do :; done");
    let driver = cluster.driver();
    driver.adopt(&key("adopt"), &request(&busy, 1)).expect("adopted");
    assert!(matches!(driver.usage(&instance()), Some(Usage::Unknown(_))), "nobody has looked yet");
    let first = driver.observe(&instance(), Detail::Counters).expect("observed").remove(0);
    assert_eq!((first.window_micros, first.limits), (0, nodes(1)), "a first look tells no usage");
    let mut seen = None;
    until("a window of usage", || {
        let now = driver.observe(&instance(), Detail::Counters).expect("observed").remove(0);
        seen = (now.window_micros > 0).then_some(now);
        seen.is_some()
    });
    let seen = seen.expect("a window");
    assert!(seen.cpu_milli > 0 && seen.cpu_milli <= 2_000 && seen.mem_kib > 0, "one busy shell: {seen:?}");
    assert!(matches!(driver.usage(&instance()), Some(Usage::Counted { cpu_micros: 1.., .. })));
}

#[test]
fn missing_tools_and_other_operations_are_told_with_reasons() {
    let settings = Settings { configuration: Some("/nowhere/slurm.conf".into()), ..Settings::default() };
    let nowhere = Slurm::new("test", settings);
    let reason = nowhere.unavailable().expect("a reason");
    assert!(reason.contains("scontrol"), "{reason}");
    let Some(cluster) = Cluster::get("capabilities") else { return };
    let driver = cluster.driver();
    let found = driver.probe().expect("a cluster");
    assert!(found.version.chars().next().is_some_and(|c| c.is_ascii_digit()), "{found:?}");
    let capabilities = driver.capabilities();
    assert!(matches!(capabilities.of(Operation::ResizeCpu), Support::Emulated(_)));
    for operation in [Operation::ResizeMemoryUp, Operation::Fence, Operation::SnapshotFull, Operation::Suspend] {
        assert!(capabilities.lacks(operation).is_some_and(|reason| !reason.is_empty()), "{operation:?}");
    }
    let job = cluster.one_node();
    driver.adopt(&key("adopt"), &request(&job, 1)).expect("adopted");
    let snapshot = driver.snapshot(&key("snapshot"), &instance(), 1, None).expect_err("it has none");
    assert_eq!(snapshot.code(), "unsupported");
}
