//! Checkpoints that are written beside running guests. Wasm only: they are its own files.
use crate::harness::*;
use crate::hogs::{active_counters, big, harness, real_clock, room, start_module, wait_until};
use headroom_execution::*;
use std::path::{Path, PathBuf};

/// Fills 32 MiB with what does not compress, once, and counts its steps.
pub const FULL: &str = r#"(module
  (memory (export "memory") 513)
  (func (export "step") (result i32)
    (local $at i32) (local $seed i64)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (if (i32.eq (i32.load (i32.const 0)) (i32.const 1)) (then
      (local.set $at (i32.const 65536))
      (local.set $seed (i64.const 1))
      (loop $l
        (local.set $seed (i64.mul (i64.add (local.get $seed) (i64.const 0x9E3779B97F4A7C15)) (i64.const 0xBF58476D1CE4E5B9)))
        (i64.store (local.get $at) (i64.xor (local.get $seed) (i64.shr_u (local.get $seed) (i64.const 29))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $l (i32.lt_u (local.get $at) (i32.const 33619968))))))
    (i32.const 0)))"#;

pub fn written_to(dir: &Path) -> Harness {
    harness(Config {
        checkpoint_dir: Some(dir.to_owned()),
        checkpoint_every_micros: 300_000,
        step_fuel_ceiling: 1 << 30,
        step_cpu_micros: 60_000_000,
        ..big()
    })
}

/// Enough CPU that filling the memory is not paid for with seconds.
pub fn much() -> Limits {
    Limits { cpu_milli: 50_000, ..room() }
}

pub fn ending_with(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).expect("there").map(|entry| entry.expect("readable").path());
    files.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
}

#[test]
fn a_guest_goes_on_while_its_checkpoint_is_written_and_restarts_from_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let h = written_to(dir.path());
    let id = InstanceId::from("ins_a");
    start_module(&h, &id, FULL, much()).expect("starts");
    let running = h.cluster.spawn_threads(real_clock(), 1).expect("threads");
    let position = || active_counters(&h, &id).expect("runs").position;
    wait_until("the first step", || position() > 0);
    wait_until("a checkpoint under way", || !ending_with(dir.path(), "part").is_empty());
    let before = position();
    wait_until("steps meanwhile", || position() > before + 1);
    wait_until("a checkpoint", || !ending_with(dir.path(), "checkpoint").is_empty());
    // A part that is under way is given up; what was there stays.
    running.stop(None).expect("stops");
    assert_eq!((ending_with(dir.path(), "part").len(), ending_with(dir.path(), "checkpoint").len()), (0, 1));
    assert_eq!(h.cluster.take_checkpoint_failure(), None);

    // What a process that is killed leaves half written is removed with the next start.
    std::fs::write(dir.path().join("ab.7.part"), b"HRCK").expect("writable");
    let other = written_to(dir.path());
    let summary = other.cluster.restore_all(dir.path(), START, &mut |saved| {
        placed_on(saved, "n2").map(|place| Placement { limits: saved.limits.clone(), ..place })
    });
    let summary = summary.expect("reads");
    assert_eq!((summary.restored.len(), summary.failed.len()), (1, 0), "{:?}", summary.failed);
    assert!(ending_with(dir.path(), "part").is_empty());
    let restored = active(&*other.driver, &id);
    let again = harness(Config { step_fuel_ceiling: 1 << 30, ..big() });
    start_module(&again, &id, FULL, much()).expect("starts");
    again.pass(restored.position);
    assert_eq!(restored.state_hash, active(&*again.driver, &id).state_hash);
}

#[test]
fn who_was_stopped_meanwhile_does_not_come_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let h = written_to(dir.path());
    let id = InstanceId::from("ins_a");
    start_module(&h, &id, FULL, much()).expect("starts");
    let running = h.cluster.spawn_threads(real_clock(), 1).expect("threads");
    wait_until("the first step", || active_counters(&h, &id).expect("runs").position > 0);
    wait_until("a checkpoint under way", || !ending_with(dir.path(), "part").is_empty());
    h.driver.stop(&key("stop"), &id, 1).expect("stops");
    wait_until("the end of writing", || ending_with(dir.path(), "part").is_empty());
    assert!(ending_with(dir.path(), "checkpoint").is_empty());
    running.stop(None).expect("stops");
    assert_eq!(
        code(h.driver.start(
            &key("again"),
            &StartRequest { epoch: 2, from: StartFrom::Checkpoint, ..start_request(&id, "steady") }
        )),
        "no_checkpoint"
    );
}
