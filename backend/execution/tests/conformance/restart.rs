//! Lost nodes, restarted processes, and threads in real time.
use crate::harness::*;
use headroom_execution::*;
use std::path::Path;

#[test]
fn a_lost_node_is_survived_from_the_checkpoint() {
    let (expected, outputs) = undisturbed("steady", 200);
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(90);
    d.checkpoint(&key("checkpoint"), &id, 1).expect("checkpoint");
    h.pass(110);
    h.cluster.set_node_up(&"n1".into(), false).expect("known");
    h.pass(120);
    assert_eq!(code(d.checkpoint(&key("gone"), &id, 1)), "wrong_state");
    let request =
        StartRequest { node: "n2".into(), epoch: 2, from: StartFrom::Checkpoint, ..start_request(&id, "steady") };
    assert_eq!(d.start(&key("restart"), &request).expect("restart").position, 90);
    h.pass(200);
    assert_eq!(active(d, &id).state_hash, Some(expected));
    assert_eq!(h.outputs(&id), outputs);
}

#[test]
fn a_restarted_process_goes_on_from_its_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let (expected, outputs) = undisturbed("batch", 200);
    let id = InstanceId::from("ins_a");
    {
        let h = Harness::new(Load::calm());
        start(&*h.driver, &id, "batch");
        h.pass(100);
        let summary = h.cluster.checkpoint_all(dir.path()).expect("writes");
        assert_eq!((summary.instances, summary.skipped.len()), (1, 0));
        // Work after the checkpoint is lost with the process and done again.
        h.pass(130);
    }
    let h = Harness::new(Load::calm());
    let restored = h
        .cluster
        .restore_all(dir.path(), START + 140 * INTERVAL, &mut |saved| placed_on(saved, "n2"))
        .expect("reads")
        .restored;
    assert_eq!((restored.len(), restored[0].position), (1, 100));
    assert_eq!((&restored[0].saved.node, restored[0].saved.epoch), (&"n1".into(), 1));
    h.pass(200);
    let seen = active(&*h.driver, &id);
    assert_eq!((seen.node, seen.epoch, seen.limits.cpu_milli), ("n2".into(), 2, 500));
    assert_eq!(seen.state_hash, Some(expected));
    assert_eq!(h.outputs(&id), outputs);
    damaged_files_are_refused(dir.path());
}

fn damaged_files_are_refused(dir: &Path) {
    let path = std::fs::read_dir(dir).expect("there").next().expect("a file").expect("readable").path();
    let good = std::fs::read(&path).expect("readable");
    for at in [3, 12, 60, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&path, &bad).expect("writable");
        assert_eq!(restore_failure(dir), "corrupt", "byte {at}");
    }
    std::fs::write(&path, &good[..good.len() - 10]).expect("writable");
    assert_eq!(restore_failure(dir), "corrupt");
}

fn restore_failure(dir: &Path) -> &'static str {
    let h = Harness::new(Load::calm());
    let summary = h.cluster.restore_all(dir, START, &mut |saved| placed_on(saved, "n1")).expect("lists");
    assert_eq!((summary.restored.len(), summary.failed.len()), (0, 1));
    summary.failed[0].1.code()
}

#[test]
fn threads_do_the_same_work_in_real_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let load = Load { until: 40, ..Load::calm() };
    let h = Harness::with(Config { checkpoint_dir: Some(dir.path().to_owned()), ..Config::default() }, load);
    let ids: Vec<InstanceId> = (0..6).map(|n| InstanceId(format!("ins_{n}"))).collect();
    for id in &ids {
        start(&*h.driver, id, "steady");
    }
    let began = std::time::Instant::now();
    // Ten times as fast as the inputs were recorded.
    let clock = move || START + 10 * i64::try_from(began.elapsed().as_micros()).expect("short");
    let threads = h.cluster.spawn_threads(clock, 2).expect("starts");
    while ids.iter().any(|id| active(&*h.driver, id).position < 40) {
        assert!(began.elapsed().as_secs() < 30, "it hangs");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let summary = threads.stop(Some(dir.path())).expect("stops");
    assert_eq!(summary.instances, 6);
    let other = Harness::new(Load::calm());
    start(&*other.driver, &ids[3], "steady");
    other.pass(40);
    assert_eq!(active(&*other.driver, &ids[3]).state_hash, active(&*h.driver, &ids[3]).state_hash);
}
