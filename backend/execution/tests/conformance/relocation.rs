//! Snapshot, move and rollback keep a state exactly.
use crate::harness::*;
use headroom_execution::*;
use headroom_market::shadow::Verdict;

#[test]
fn a_state_that_went_through_a_snapshot_is_the_same_state() {
    for program in ["steady", "batch", "node_reader"] {
        let (expected, outputs) = undisturbed(program, 400);
        let h = Harness::new(Load::calm());
        let id = InstanceId::from("ins_a");
        start(&*h.driver, &id, program);
        h.pass(150);
        let full = h.driver.snapshot(&key("full"), &id, 1, None).expect("snapshot");
        assert_eq!(full.position, 150);
        h.driver.transfer(&key("send"), &id, 1, &full.id, &"n3".into()).expect("transfer");
        h.driver.fence(&key("fence"), &id, 1, 2).expect("fence");
        let request = activate_request(&id, 2, &full.id, "n3");
        let activated = h.driver.activate(&key("activate"), &request).expect("activate");
        assert_eq!(activated.state_hash, full.state_hash);
        h.pass(400);
        let seen = active(&*h.driver, &id);
        assert_eq!((seen.position, seen.state_hash), (400, Some(expected)), "{program}");
        assert_eq!(h.outputs(&id), outputs, "{program}");
    }
}

#[test]
fn a_move_with_a_shadow_run_keeps_the_state_exactly() {
    let (expected, outputs) = undisturbed("steady", 300);
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(100);
    let base = shadow_on(d, &id, 1, "n2");
    h.pass(140);
    let report = d.shadow_report(&id).expect("runs");
    assert_eq!((report.comparison.positions_compared, report.aborted.clone()), (40, None));
    assert_eq!(report.comparison.states_compared, 10);
    assert_eq!(report.verdict(20, false), Verdict::Pass, "{report:?}");

    let (fenced, last, activated) = cut_over(d, &id, 1, &base, "n2");
    assert!(activated.warm);
    assert_eq!((activated.position, &activated.state_hash), (140, &fenced.state_hash));
    assert!(last.payload_bytes <= 32 * 4_096, "{} bytes", last.payload_bytes);
    h.pass(150);
    let verification = d.verify(&verify_request(&id, 2, "n2", 5)).expect("runs");
    assert!(verification.passed, "{verification:?}");
    let released = d.release(&key("release"), &id, 2).expect("release");
    assert_eq!((released.node, released.freed), (Some("n1".into()), limits()));
    h.pass(300);
    let seen = active(d, &id);
    assert_eq!((seen.node, seen.epoch, seen.position), ("n2".into(), 2, 300));
    assert_eq!(seen.state_hash, Some(expected));
    assert_eq!(h.outputs(&id)[..], outputs[outputs.len() - h.outputs(&id).len()..]);
    let copies: Vec<u64> = d.nodes().iter().map(|node| node.copies).collect();
    assert_eq!(copies, [0, 1, 0], "nothing is left behind");
}

#[test]
fn a_rollback_restores_the_source_exactly() {
    let (expected, outputs) = undisturbed("steady", 240);
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(100);
    let base = shadow_on(d, &id, 1, "n2");
    h.pass(120);
    let (fenced, ..) = cut_over(d, &id, 1, &base, "n2");
    // The target has already worked and put out when it is judged bad.
    h.pass(130);
    let back = d.rollback(&key("rollback"), &id, 3).expect("rollback");
    assert_eq!((back.position, &back.state_hash), (120, &fenced.state_hash));
    assert_eq!((back.node, back.epoch), ("n1".into(), 3));
    h.pass(240);
    let seen = active(d, &id);
    assert_eq!((seen.node, seen.epoch, seen.state_hash), ("n1".into(), 3, Some(expected)));
    assert_eq!(h.outputs(&id), outputs, "each position once, as if nothing had happened");
    let copies: Vec<u64> = d.nodes().iter().map(|node| node.copies).collect();
    assert_eq!(copies, [1, 0, 0]);
}
