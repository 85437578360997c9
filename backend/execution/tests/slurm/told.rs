//! What the driver tells: segments, candidates, usage, capabilities.
use std::time::Duration;

use crate::cluster::*;
use headroom_execution::slurm::{Settings, Slurm, Usage};
use headroom_execution::{Adopting, Detail, Driver, Operation, Support};

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
