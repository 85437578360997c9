//! What a shadow run finds, and what it must not disturb.
use crate::harness::*;
use headroom_execution::*;
use headroom_market::shadow::{Rules, Verdict};

#[test]
fn a_shadow_run_finds_what_depends_on_the_node() {
    for (target, expected) in [("n2", Verdict::Fail), ("n3", Verdict::Pass)] {
        let h = Harness::new(Load::calm());
        let d = &*h.driver;
        let id = InstanceId::from("ins_a");
        start(d, &id, "node_reader");
        h.pass(50);
        shadow_on(d, &id, 1, target);
        h.pass(80);
        let report = d.shadow_report(&id).expect("runs");
        assert_eq!(report.verdict(20, false), expected, "{target}");
        let comparison = &report.comparison;
        if expected == Verdict::Fail {
            assert_eq!(comparison.differences[0].field, "output.0");
            assert_eq!(comparison.differences[0].position, 50);
            assert!(comparison.differences.iter().any(|d| d.field == "state"));
            // Each output, and each state that was hashed.
            assert_eq!(comparison.differences_total, 30 + comparison.states_compared);
            assert_eq!(comparison.differences.len(), 32);
        }
        // The job itself never noticed.
        d.drop_shadow(&key("drop"), &id).expect("drops");
        h.pass(100);
        assert_eq!(active(d, &id).state_hash, Some(undisturbed("node_reader", 100).0));
    }
}

#[test]
fn a_shadow_that_cannot_keep_up_is_aborted_and_the_job_runs_on() {
    let h = Harness::with(
        Config { mirror_positions: 16, ..Config::default() },
        Load { cpu_milli: |_| 200, mem_kib: |_| 200, until: u64::MAX },
    );
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(20);
    let full = d.snapshot(&key("full"), &id, 1, None).expect("snapshot");
    d.transfer(&key("send"), &id, 1, &full.id, &"n2".into()).expect("transfer");
    let request = ShadowRequest {
        instance: id.clone(),
        epoch: 1,
        node: "n2".into(),
        snapshot: full.id,
        limits: Limits::new(20, 1_024),
        rules: Rules::default(),
    };
    d.start_shadow(&key("shadow"), &request).expect("starts");
    h.pass(100);
    let report = d.shadow_report(&id).expect("kept");
    assert!(report.aborted.as_deref().is_some_and(|why| why.contains("overflow")), "{report:?}");
    assert_eq!(report.verdict(1, true), Verdict::Inconclusive);
    assert_eq!((active(d, &id).position, active(d, &id).input_lag), (100, 0));
}
