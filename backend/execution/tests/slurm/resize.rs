//! Growing and shrinking: what Slurm has in force, for the job itself and for others.
use std::time::Duration;

use crate::cluster::*;
use headroom_execution::{AdoptRequest, Adopting, Driver, DriverError, Limits, VerifyRequest};

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
        let verify = VerifyRequest {
            instance: instance(),
            node: asked.node.clone(),
            epoch: 1,
            limits,
            min_progress: 0,
            watched_micros: 0,
        };
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
    // A step is launched on all nodes that the job has at that moment. One that a shrink meets at its launch may wait for
    // ever for a node that is gone, so the script bounds each.
    let script = format!(
        "while :; do N=$(squeue -h -j $SLURM_JOB_ID -o %D); L=$(squeue -h -j $SLURM_JOB_ID -o %N); \
         SLURM_NNODES=$N SLURM_JOB_NUM_NODES=$N SLURM_NODELIST=$L SLURM_JOB_NODELIST=$L \
         timeout -k 1 8 srun --overlap -N$N -n$N sh -c 'echo $SLURMD_NODENAME' >{0}.new 2>&1; mv {0}.new {0}; sleep 0.2; done",
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
    assert_eq!(cluster.requests(), "", "no request is left");
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
