//! Older epochs are refused; an operation twice equals once.
use crate::harness::*;
use headroom_execution::*;
use headroom_market::shadow::Rules;

#[test]
fn an_older_epoch_is_refused_everywhere_and_changes_nothing() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(20);
    let base = shadow_on(d, &id, 1, "n2");
    h.pass(30);
    cut_over(d, &id, 1, &base, "n2");
    let before = active(d, &id);

    assert_eq!(code(d.resize(&key("z1"), &id, 1, &Limits::new(1, 1))), "stale_epoch");
    assert_eq!(code(d.snapshot(&key("z2"), &id, 1, None)), "stale_epoch");
    assert_eq!(code(d.fence(&key("z3"), &id, 1, 9)), "stale_epoch");
    assert_eq!(code(d.release(&key("z4"), &id, 1)), "stale_epoch");
    assert_eq!(code(d.stop(&key("z5"), &id, 1)), "stale_epoch");
    assert_eq!(code(d.checkpoint(&key("z6"), &id, 1)), "stale_epoch");
    assert_eq!(code(d.suspend(&key("z11"), &id, 1, &Limits::new(1, 1))), "stale_epoch");
    assert_eq!(code(d.rollback(&key("z7"), &id, 2)), "epoch_not_newer");
    assert_eq!(code(d.resize(&key("z8"), &id, 7, &limits())), "epoch_ahead");
    d.release(&key("release"), &id, 2).expect("release");
    // The old node starting it again from its checkpoint would be a zombie.
    d.stop(&key("stop"), &id, 2).expect("stop");
    for (step, epoch, expected) in [("z9", 1, "stale_epoch"), ("z10", 2, "epoch_not_newer")] {
        let request = StartRequest { epoch, from: StartFrom::Checkpoint, ..start_request(&id, "steady") };
        assert_eq!(code(d.start(&key(step), &request)), expected);
    }
    let request = StartRequest { epoch: 3, from: StartFrom::Checkpoint, ..start_request(&id, "steady") };
    assert_eq!(d.start(&key("again"), &request).expect("newer").position, before.position);
}

#[test]
fn every_operation_twice_equals_once() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    macro_rules! twice {
        ($call:expr) => {{
            let first = $call.expect("the first time");
            let nodes = d.nodes();
            assert_eq!(first, $call.expect("the second time"));
            assert_eq!(d.nodes(), nodes, stringify!($call));
            first
        }};
    }
    twice!(d.start(&key("start"), &start_request(&id, "steady")));
    h.pass(40);
    twice!(d.resize(&key("resize"), &id, 1, &Limits::new(300, 900)));
    twice!(d.checkpoint(&key("checkpoint"), &id, 1));
    twice!(d.suspend(&key("suspend"), &id, 1, &Limits::new(300, 128)));
    twice!(d.resize(&key("go-on"), &id, 1, &Limits::new(300, 900)));
    let full = twice!(d.snapshot(&key("full"), &id, 1, None));
    twice!(d.transfer(&key("send"), &id, 1, &full.id, &"n2".into()));
    let mut request = ShadowRequest {
        instance: id.clone(),
        epoch: 1,
        node: "n2".into(),
        snapshot: full.id.clone(),
        limits: limits(),
        rules: Rules::default(),
    };
    twice!(d.start_shadow(&key("shadow"), &request));
    h.pass(50);
    twice!(d.drop_shadow(&key("drop"), &id));
    let full = twice!(d.snapshot(&key("full2"), &id, 1, None));
    twice!(d.transfer(&key("send2"), &id, 1, &full.id, &"n2".into()));
    request.snapshot = full.id.clone();
    twice!(d.start_shadow(&key("shadow2"), &request));
    h.pass(60);
    twice!(d.fence(&key("fence"), &id, 1, 2));
    let last = twice!(d.snapshot(&key("last"), &id, 2, Some(&full.id)));
    twice!(d.transfer(&key("send-last"), &id, 2, &last.id, &"n2".into()));
    twice!(d.activate(&key("activate"), &activate_request(&id, 2, &last.id, "n2")));
    h.pass(70);
    twice!(d.verify(&verify_request(&id, 2, "n2", 1)));
    twice!(d.rollback(&key("rollback"), &id, 3));
    h.pass(80);
    twice!(d.release(&key("release"), &id, 3));
    assert_eq!(
        code(d.resize(&key("resize"), &id, 3, &Limits::new(100, 900))),
        "key_reused",
        "the same key for something else"
    );
    twice!(d.stop(&key("stop"), &id, 3));
    assert!(d.nodes().iter().all(|node| node.copies == 0));
}
