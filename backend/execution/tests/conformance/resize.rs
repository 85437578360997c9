//! Usage, limits and what a node has room for.
use crate::harness::*;
use headroom_execution::*;

#[test]
fn usage_is_what_the_inputs_demand() {
    let h = Harness::new(Load { cpu_milli: |_| 120, mem_kib: |_| 900, until: u64::MAX });
    let id = InstanceId::from("ins_a");
    start(&*h.driver, &id, "steady");
    h.pass(41);
    active(&*h.driver, &id);
    h.pass(81);
    let seen = active(&*h.driver, &id);
    assert_eq!(seen.window_micros, 10_000_000);
    assert!((118..=123).contains(&seen.cpu_milli), "{} milli", seen.cpu_milli);
    assert_eq!((seen.mem_kib, seen.mem_peak_kib, seen.memory_stalls), (900, 900, 0));
    assert_eq!((seen.throttled_micros, seen.cpu_censored, seen.mem_censored), (0, false, false));
    assert_eq!((seen.steps, seen.outputs, seen.input_lag), (40, 40, 0));
    assert_eq!(seen.phases, [(1, 40), (2, 40), (3, 40)].into());
}

#[test]
fn demand_above_the_limits_is_throttled_and_reported_as_censored() {
    let h = Harness::new(Load { cpu_milli: |_| 800, mem_kib: |_| 2_000, until: u64::MAX });
    let id = InstanceId::from("ins_a");
    start(&*h.driver, &id, "steady");
    h.pass(81);
    let seen = active(&*h.driver, &id);
    // One step of 250 ms at twice the limit may be ahead of its budget.
    assert!((395..=420).contains(&seen.cpu_milli), "{} milli", seen.cpu_milli);
    assert!(seen.cpu_censored && seen.mem_censored);
    assert!(seen.throttled_micros > 15_000_000, "{}", seen.throttled_micros);
    assert!((35..=45).contains(&seen.input_lag), "{}", seen.input_lag);
    assert_eq!((seen.mem_kib, seen.mem_demand_kib), (1_024, 2_000));
    assert!(seen.memory_stalls > 0);

    // With more, the backlog is worked off and nothing was lost.
    let resized = h.driver.resize(&key("up"), &id, 1, &Limits::new(4_000, 2_048)).expect("room");
    assert_eq!((resized.before, resized.actual), (limits(), Limits::new(4_000, 2_048)));
    h.pass(121);
    let seen = active(&*h.driver, &id);
    assert_eq!((seen.position, seen.input_lag, seen.mem_kib), (121, 0, 2_000));
    let outputs = h.outputs(&id);
    assert_eq!(outputs.len(), 121);
    assert!(outputs.iter().zip(0..).all(|((position, _), n)| *position == n));

    // And less memory comes down with the next step.
    h.driver.resize(&key("down"), &id, 1, &Limits::new(4_000, 512)).expect("shrinks");
    h.pass(122);
    assert_eq!(active(&*h.driver, &id).mem_kib, 512);
}

#[test]
fn how_often_time_is_told_does_not_change_what_happens() {
    let busy = || Load { cpu_milli: |p| 300 + p % 7 * 50, mem_kib: |_| 300, until: u64::MAX };
    let (often, seldom) = (Harness::new(busy()), Harness::new(busy()));
    let id = InstanceId::from("ins_a");
    for h in [&often, &seldom] {
        start(&*h.driver, &id, "steady");
    }
    for tick in 0..3_000 {
        often.cluster.advance(START + tick * 10_007);
    }
    often.cluster.advance(START + 31_000_000);
    seldom.cluster.advance(START + 31_000_000);
    assert_eq!(active(&*often.driver, &id), active(&*seldom.driver, &id));
}

#[test]
fn a_node_gives_no_more_than_it_has() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let (a, b) = (InstanceId::from("ins_a"), InstanceId::from("ins_b"));
    start(d, &a, "steady");
    d.resize(&key("grow"), &a, 1, &Limits::new(3_900, 1_024)).expect("room");
    assert_eq!(code(d.start(&key("b"), &start_request(&b, "steady"))), "no_room");
    d.resize(&key("shrink"), &a, 1, &Limits::new(3_600, 1_024)).expect("room");
    d.start(&key("b"), &start_request(&b, "steady")).expect("the refusal was not remembered");
    assert_eq!(code(d.resize(&key("more"), &a, 1, &Limits::new(3_601, 1_024))), "no_room");
    assert_eq!(d.nodes()[0].reserved, Limits::new(4_000, 2_048));
}

/// All of a node's CPU is given out: one is to have more of it and less memory, the other less of it and more memory.
#[test]
fn a_resize_gives_first_and_has_the_rest_when_there_is_room() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let (a, b) = (InstanceId::from("ins_a"), InstanceId::from("ins_b"));
    start(d, &a, "steady");
    start(d, &b, "steady");
    d.resize(&key("a"), &a, 1, &Limits::new(600, 2_048)).expect("room");
    d.resize(&key("b"), &b, 1, &Limits::new(3_400, 1_024)).expect("room");
    let (more, fewer) = (Limits::new(800, 1_024), Limits::new(3_200, 2_048));
    for _ in 0..2 {
        assert_eq!(code(d.resize(&key("a-from-b"), &a, 1, &more)), "no_room");
        // It has given what it is to give, and has got nothing.
        assert_eq!((active(d, &a).limits, d.nodes()[0].reserved.mem_kib), (Limits::new(600, 1_024), 2_048));
    }
    let resized = d.resize(&key("b-to-a"), &b, 1, &fewer).expect("there is room");
    assert_eq!((&resized.actual, active(d, &b).limits), (&fewer, fewer.clone()));
    d.resize(&key("a-from-b"), &a, 1, &more).expect("and here now");
    assert_eq!(active(d, &a).limits, more);
}

/// The same where one of them is suspended: it gives what it is to give, and goes on when there is room.
#[test]
fn a_suspended_one_gives_first_as_well() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    h.cluster.ensure_node(NodeSpec { capacity: Limits::new(4_000, 1_500), ..d.nodes()[0].spec.clone() });
    let (a, b) = (InstanceId::from("ins_a"), InstanceId::from("ins_b"));
    start(d, &a, "steady");
    h.pass(4);
    d.suspend(&key("a"), &a, 1, &Limits::new(3_600, 128)).expect("suspends");
    start(d, &b, "steady");
    let (more, fewer) = (Limits::new(400, 1_024), Limits::new(3_600, 400));
    for _ in 0..2 {
        assert_eq!(code(d.resize(&key("a-from-b"), &a, 1, &more)), "no_room");
        assert_eq!((active(d, &a).limits, d.nodes()[0].reserved.cpu_milli), (Limits::new(400, 128), 800));
    }
    d.resize(&key("b-to-a"), &b, 1, &fewer).expect("there is room");
    assert_eq!(d.resize(&key("a-from-b"), &a, 1, &more).expect("and here now").suspended_kib, None);
    assert_eq!((active(d, &a).limits, d.nodes()[0].reserved.clone()), (more, Limits::new(4_000, 1_424)));
}
