//! Drills: who lets go of memory and who does not, who goes on from a checkpoint, and that the
//! live copy notices nothing.
use crate::harness::*;
use headroom_execution::*;

/// What a program is that reads an input, holds `keep` KiB whatever it is granted, and writes there.
fn stubborn(keep_kib: u32, holds: bool) -> Vec<u8> {
    let hold = if holds { format!("(drop (call $hold (i32.const {keep_kib})))") } else { String::new() };
    let pages = keep_kib / 64;
    wat::parse_str(format!(
        r#"(module
          (import "headroom" "hold" (func $hold (param i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "step") (result i32)
            (if (i32.lt_u (memory.size) (i32.const {pages}))
              (then (drop (memory.grow (i32.sub (i32.const {pages}) (memory.size))))))
            {hold}
            (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (i32.const 7))
            (i32.const 0)))"#
    ))
    .expect("a module")
}

fn started(h: &Harness, id: &InstanceId, module: &[u8]) {
    let program = h.cluster.admit(module).expect("admitted");
    h.driver.start(&key("start"), &start_request(id, &program.0)).expect("starts");
}

#[test]
fn a_program_that_lets_go_passes_and_goes_on_as_if_nothing_had_been() {
    let h = Harness::new(Load { cpu_milli: |_| 120, mem_kib: |_| 900, until: u64::MAX });
    let id = InstanceId::from("ins_a");
    start(&*h.driver, &id, "steady");
    h.pass(8);
    let before = active(&*h.driver, &id);
    let report = h.driver.drill(&id, 1, DrillOf::Shrink).expect("runs").expect("it holds something");
    assert!(report.passed, "{report:?}");
    assert!(report.detail.contains("it kept"), "{report:?}");
    let after = active(&*h.driver, &id);
    assert_eq!((after.state_hash, after.position, after.mem_kib), (before.state_hash, before.position, before.mem_kib));
    assert_eq!(after.limits, before.limits);
    h.pass(20);
    let alone = Harness::new(Load { cpu_milli: |_| 120, mem_kib: |_| 900, until: u64::MAX });
    start(&*alone.driver, &id, "steady");
    alone.pass(20);
    assert_eq!(h.outputs(&id), alone.outputs(&id));
    assert_eq!(active(&*h.driver, &id).state_hash, active(&*alone.driver, &id).state_hash);
}

#[test]
fn a_program_that_never_says_what_it_holds_fails() {
    let h = Harness::new(Load::calm());
    let id = InstanceId::from("ins_a");
    started(&h, &id, &stubborn(512, false));
    h.pass(4);
    let report = h.driver.drill(&id, 1, DrillOf::Shrink).expect("runs").expect("it has grown");
    assert!(!report.passed && report.detail.contains("never says what it holds"), "{report:?}");
}

#[test]
fn a_program_that_keeps_what_it_says_it_gave_fails() {
    let h = Harness::new(Load::calm());
    let id = InstanceId::from("ins_a");
    started(&h, &id, &stubborn(512, true));
    h.pass(4);
    let report = h.driver.drill(&id, 1, DrillOf::Shrink).expect("runs").expect("it holds something");
    assert!(!report.passed && report.detail.contains("out of memory"), "{report:?}");
    assert_eq!(active(&*h.driver, &id).fault, None, "only the copy failed");
}

#[test]
fn a_program_that_has_nothing_yet_is_tried_later_and_a_stale_epoch_is_refused() {
    let h = Harness::new(Load::calm());
    let (id, empty) = (InstanceId::from("ins_a"), InstanceId::from("ins_empty"));
    start(&*h.driver, &id, "steady");
    assert_eq!(h.driver.drill(&id, 1, DrillOf::Shrink).expect("known"), None, "it has read nothing");
    started(&h, &empty, &stubborn(0, true));
    h.pass(8);
    assert_eq!(h.driver.drill(&empty, 1, DrillOf::Shrink).expect("known"), None, "it holds nothing");
    assert!(h.driver.drill(&id, 1, DrillOf::Shrink).expect("runs").is_some_and(|r| r.passed));
    assert_eq!(code(h.driver.drill(&id, 0, DrillOf::Shrink)), "stale_epoch");
    assert_eq!(code(h.driver.drill(&"ins_b".into(), 1, DrillOf::Shrink)), "unknown_instance");
}

#[test]
fn a_program_that_is_written_down_and_read_back_passes_and_notices_nothing() {
    for program in ["steady", "batch", "node_reader"] {
        let h = Harness::new(Load { until: 123, ..Load::calm() });
        let d = &*h.driver;
        let id = InstanceId::from("ins_a");
        start(d, &id, program);
        let drill = || d.drill(&id, 1, DrillOf::Checkpoint);
        assert_eq!(drill().expect("known"), None, "it has read nothing");
        for (position, inputs) in [(118, "4 inputs"), (120, "3 inputs"), (122, "1 input")] {
            h.pass(position);
            let before = active(d, &id);
            let report = drill().expect("runs").expect("there are inputs");
            let told = format!("Written down at input {position} and read back, it gave the same for {inputs}.");
            assert_eq!((report.passed, report.detail), (true, told), "{program}");
            let after = active(d, &id);
            assert_eq!((after.state_hash, after.limits), (before.state_hash, before.limits));
        }
        h.pass(123);
        assert_eq!(drill().expect("known"), None, "nothing is left to read");
        assert_eq!(h.outputs(&id).len(), 123);
        assert_eq!(code(d.drill(&id, 0, DrillOf::Checkpoint)), "stale_epoch");
    }
}
