//! Modules from outside: admitted, moved, and failing alone.
use crate::harness::*;
use headroom_execution::*;
use headroom_market::shadow::Verdict;

#[test]
fn an_admitted_module_is_moved_like_the_built_in_ones_and_survives_the_process() {
    let text = r#"(module
        (import "headroom" "output" (func $output (param i32 i32)))
        (import "headroom" "random" (func $random (result i64)))
        (import "headroom" "now" (func $now (result i64)))
        (memory (export "memory") 1)
        (global $sum (export "sum") (mut i64) (i64.const 0))
        (func (export "step") (result i32)
          (global.set $sum (i64.add (global.get $sum) (i64.xor (call $random) (call $now))))
          (i64.store (i32.const 8) (global.get $sum))
          (call $output (i32.const 8) (i32.const 8))
          (i32.const 0)))"#;
    let dir = tempfile::tempdir().expect("a directory");
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let program = h.cluster.admit(text.as_bytes()).expect("admitted");
    assert_eq!(h.cluster.admit(text.as_bytes()).expect("twice is once"), program);
    let id = InstanceId::from("ins_u");
    start(d, &id, &program.0);
    h.pass(10);
    shadow_on(d, &id, 1, "n2");
    h.pass(30);
    assert_eq!(d.shadow_report(&id).expect("runs").verdict(20, false), Verdict::Pass);
    h.cluster.checkpoint_all(dir.path()).expect("writes");
    h.pass(60);

    let again = Harness::new(Load::calm());
    again.cluster.restore_all(dir.path(), START, &mut |saved| placed_on(saved, "n1")).expect("reads");
    again.pass(60);
    assert_eq!(active(&*again.driver, &id).state_hash, active(d, &id).state_hash);
    let wrong = text.replace(
        "(result i64)))\n        (import \"headroom\" \"now\"",
        "(result i32)))\n        (import \"headroom\" \"now\"",
    );
    assert_eq!(code(h.cluster.admit(wrong.as_bytes())), "module_refused");
}

#[test]
fn a_guest_that_fails_stops_alone_and_says_why() {
    let text = r#"(module (memory (export "memory") 1)
        (func (export "step") (result i32) (loop $l (br $l)) (i32.const 0)))"#;
    let h = Harness::with(Config { step_fuel_ceiling: 1_000_000, ..Config::default() }, Load::calm());
    let program = h.cluster.admit(text.as_bytes()).expect("admitted");
    let (good, bad) = (InstanceId::from("ins_a"), InstanceId::from("ins_b"));
    start(&*h.driver, &bad, &program.0);
    start(&*h.driver, &good, "batch");
    h.pass(10);
    let seen = active(&*h.driver, &bad);
    assert!(seen.fault.is_some_and(|why| why.contains("1000000 fuel")));
    assert_eq!(active(&*h.driver, &good).position, 10);
    assert_eq!(code(h.driver.snapshot(&key("no"), &bad, 1, None)), "guest_failed");
    h.driver.stop(&key("stop"), &bad, 1).expect("a faulty guest can be stopped");
}
