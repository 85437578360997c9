//! Suspending to a checkpoint and going on: nothing is lost, nothing done twice, and the memory is
//! somebody else's meanwhile.
use crate::checkpoints::{FULL, ending_with, much, written_to};
use crate::harness::*;
use crate::hogs::{active_counters, real_clock, start_module, wait_until};
use headroom_execution::*;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

const LITTLE: u64 = 128;

fn little() -> Limits {
    Limits::new(400, LITTLE)
}

fn in_dir(dir: &Path) -> Harness {
    Harness::with(Config { checkpoint_dir: Some(dir.to_owned()), ..Config::default() }, Load::calm())
}

/// A program that has read `positions` inputs and is suspended under little memory.
fn suspended(h: &Harness, program: &str, positions: u64) -> (InstanceId, Suspended) {
    let id = InstanceId::from("ins_a");
    start(&*h.driver, &id, program);
    h.pass(positions);
    let done = h.driver.suspend(&key("suspend"), &id, 1, &little()).expect("suspends");
    (id, done)
}

/// What a new process makes of the files.
fn restarted(dir: &Path, limits: &Limits) -> Harness {
    let h = in_dir(dir);
    let place =
        &mut |saved: &Saved| Some(Placement { node: "n2".into(), epoch: saved.epoch + 1, limits: limits.clone() });
    let summary = h.cluster.restore_all(dir, START, place).expect("reads");
    assert_eq!((summary.restored.len(), summary.failed.len()), (1, 0), "{:?}", summary.failed);
    h
}

fn file(dir: &Path) -> PathBuf {
    let mut files = ending_with(dir, "checkpoint");
    assert_eq!(files.len(), 1);
    files.remove(0)
}

fn bytes(dir: &Path) -> Vec<u8> {
    std::fs::read(file(dir)).expect("readable")
}

#[test]
fn a_suspended_program_reads_nothing_and_its_memory_is_anothers() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    h.cluster.ensure_node(NodeSpec { capacity: Limits::new(4_000, 1_500), ..d.nodes()[0].spec.clone() });
    let (a, b) = (InstanceId::from("ins_a"), InstanceId::from("ins_b"));
    start(d, &a, "steady");
    h.pass(8);
    let before = active(d, &a);
    assert_eq!(before.suspended_kib, None);
    assert_eq!(code(d.start(&key("b"), &start_request(&b, "steady"))), "no_room");
    h.pass(10);
    let done = d.suspend(&key("suspend"), &a, 1, &little()).expect("suspends");
    assert_eq!((done.before, done.actual), (limits(), little()));
    assert_eq!((done.position, done.held_kib), (10, 200 + 9 * 8));
    assert!(done.stored_bytes > 0);
    assert_eq!(d.nodes()[0].reserved, little());
    d.start(&key("b"), &start_request(&b, "steady")).expect("there is room now");
    h.pass(30);

    let seen = active(d, &a);
    assert_eq!((seen.position, seen.input_lag, seen.epoch), (10, 20, 1));
    assert_eq!((&seen.node, &seen.limits, seen.suspended_kib), (&"n1".into(), &little(), Some(272)));
    assert_eq!((seen.mem_kib, seen.mem_peak_kib, seen.mem_demand_kib, seen.mem_reserved_kib), (0, 0, 0, 0));
    assert_eq!((seen.cpu_milli, seen.fuel, seen.steps, seen.throttled_micros), (0, 0, 0, 0));
    assert_eq!((seen.cpu_censored, seen.mem_censored, seen.fault), (false, false, None));
    assert_eq!(h.outputs(&a).len(), 10);
    assert_eq!(active(d, &b).position, 30);
    assert_eq!(h.cluster.limits_in_force(&a), Some(little()));
    assert_eq!(h.cluster.memory_beyond_kib(&a, 0), None);
    assert_eq!(h.cluster.active_epoch(&a), Some(1));
    let verify = VerifyRequest { limits: little(), ..verify_request(&a, 1, "n1", 0) };
    assert!(d.verify(&verify).expect("runs").passed);
    d.suspend(&key("nothing"), &a, 1, &Limits::new(0, 0)).expect("is suspended");
    let seen = active(d, &a);
    assert_eq!((seen.cpu_censored, seen.mem_censored, seen.position), (false, false, 10));
    d.suspend(&key("little"), &a, 1, &little()).expect("is suspended");

    // It gets back what is free, and nobody else's.
    assert_eq!(code(d.resize(&key("on"), &a, 1, &limits())), "no_room");
    assert_eq!((active(d, &a).limits, d.nodes()[0].reserved.mem_kib), (little(), LITTLE + 1_024));
    d.stop(&key("stop"), &b, 1).expect("stops");
    let resized = d.resize(&key("on"), &a, 1, &limits()).expect("room");
    assert_eq!((resized.before, resized.actual, resized.suspended_kib), (little(), limits(), None));
    assert_eq!(d.nodes()[0].reserved, limits());
}

#[test]
fn it_goes_on_as_one_that_was_never_suspended() {
    let dir = tempfile::tempdir().expect("a directory");
    for program in ["steady", "batch", "node_reader"] {
        let (expected, outputs) = undisturbed(program, 200);
        for h in [Harness::new(Load::calm()), in_dir(&dir.path().join(program))] {
            let d = &*h.driver;
            let id = InstanceId::from("ins_a");
            start(d, &id, program);
            h.pass(50);
            let before = active(d, &id);
            d.suspend(&key("suspend"), &id, 1, &little()).expect("suspends");
            assert_eq!(active(d, &id).state_hash, before.state_hash);
            h.pass(90);
            d.resize(&key("on"), &id, 1, &limits()).expect("goes on");
            let on = active(d, &id);
            assert_eq!((on.position, on.state_hash, on.suspended_kib), (50, before.state_hash, None), "{program}");
            assert_eq!((on.mem_kib, on.epoch), (before.mem_kib, 1));
            h.pass(200);
            let seen = active(d, &id);
            assert_eq!((seen.position, seen.fault, seen.state_hash), (200, None, Some(expected.clone())), "{program}");
            assert_eq!(h.outputs(&id), outputs, "{program}");
        }
    }
}

#[test]
fn it_stays_suspended_until_it_has_as_much_as_it_held() {
    // Never says what it holds, so that it holds what it has grown to: 512 KiB.
    let grows = r#"(module (memory (export "memory") 1)
      (func (export "step") (result i32)
        (drop (memory.grow (i32.sub (i32.const 8) (memory.size))))
        (i32.store (i32.const 500000) (i32.add (i32.load (i32.const 500000)) (i32.const 1)))
        (i32.const 0)))"#;
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start_module(&h, &id, grows, limits()).expect("starts");
    h.pass(10);
    let before = active(d, &id);
    assert_eq!(code(d.resize(&key("down"), &id, 1, &little())), "memory_in_use");
    d.suspend(&key("suspend"), &id, 1, &little()).expect("suspends");
    let resize = |kib| d.resize(&key(&format!("to-{kib}")), &id, 1, &Limits::new(300, kib)).expect("room");
    for kib in [64, 300, 448] {
        let resized = resize(kib);
        assert_eq!((resized.actual.mem_kib, resized.suspended_kib), (kib, Some(512)));
        assert_eq!((active(d, &id).limits, d.nodes()[0].reserved.mem_kib), (Limits::new(300, kib), kib));
    }
    h.pass(20);
    assert_eq!(active(d, &id).position, 10);
    // Suspended again it gets the limits and stays where it is, whether or not it would fit.
    let again = d.suspend(&key("again"), &id, 1, &limits()).expect("is suspended");
    assert_eq!((again.before.mem_kib, again.actual), (448, limits()));
    assert_eq!((again.position, again.held_kib, active(d, &id).suspended_kib), (10, 512, Some(512)));
    // As for one that runs, memory comes in steps of 64 KiB: 449 are 512.
    assert_eq!(resize(449).suspended_kib, None);
    let on = active(d, &id);
    assert_eq!((on.state_hash, on.mem_kib, on.position), (before.state_hash, 512, 10));
    h.pass(21);
    assert_eq!((active(d, &id).position, active(d, &id).fault), (21, None));
}

#[test]
fn what_waited_is_not_worked_off_faster_than_its_limit() {
    let h = Harness::new(Load { cpu_milli: |_| 200, mem_kib: |_| 900, until: u64::MAX });
    let (id, _) = suspended(&h, "steady", 10);
    for position in 11..=200 {
        h.pass(position);
    }
    h.driver.resize(&key("on"), &id, 1, &limits()).expect("goes on");
    h.pass(204);
    let seen = active(&*h.driver, &id);
    // A second at twice what its inputs need, the burst of 100 ms that anybody may keep, and a step ahead.
    assert!((17..=20).contains(&seen.position), "{}", seen.position);
    assert!((380..=490).contains(&seen.cpu_milli), "{} milli", seen.cpu_milli);
    assert_eq!(seen.window_micros, 1_000_000, "it was measured from where it went on");
    h.pass(600);
    let seen = active(&*h.driver, &id);
    assert_eq!((seen.position, seen.input_lag), (600, 0));
}

#[test]
fn a_new_process_finds_it_suspended_or_lets_it_run_where_it_fits() {
    let (expected, outputs) = undisturbed("batch", 200);
    for runs in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let held = {
            // Gone without another word: nobody stops it, nobody writes anything.
            let h = in_dir(dir.path());
            suspended(&h, "batch", 60).1.held_kib
        };
        let h = restarted(dir.path(), &if runs { limits() } else { little() });
        let (d, id) = (&*h.driver, InstanceId::from("ins_a"));
        h.pass(80);
        let seen = active(d, &id);
        assert_eq!((&seen.node, seen.epoch), (&"n2".into(), 2));
        if !runs {
            assert_eq!((seen.position, seen.suspended_kib, seen.mem_kib), (60, Some(held), 0));
            assert_eq!((&seen.limits, &d.nodes()[1].reserved), (&little(), &little()));
            // Once more, and it is suspended again, which changes nothing.
            let again = d.suspend(&key("again"), &id, 2, &little()).expect("is suspended");
            assert_eq!(
                (again.position, again.held_kib, again.stored_bytes),
                (60, held, bytes(dir.path()).len() as u64)
            );
            let resized = d.resize(&key("on"), &id, 2, &limits()).expect("goes on");
            assert_eq!(resized.suspended_kib, None);
        } else {
            assert_eq!((seen.position, seen.suspended_kib), (80, None));
        }
        h.pass(200);
        let seen = active(d, &id);
        assert_eq!((seen.position, seen.state_hash), (200, Some(expected.clone())));
        assert_eq!(h.outputs(&id), outputs, "each position once");
    }
}

#[test]
fn the_file_says_suspended_until_the_first_checkpoint_after_going_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (expected, outputs) = undisturbed("steady", 220);
    let h = in_dir(dir.path());
    let (id, _) = suspended(&h, "steady", 60);
    let written = bytes(dir.path());
    // Half a minute is 120 inputs. No periodic checkpoint is taken, and none has failed.
    h.pass(400);
    let summary = h.cluster.checkpoint_all(dir.path()).expect("nothing to do");
    assert_eq!((summary.instances, summary.skipped.len()), (0, 0));
    assert_eq!((bytes(dir.path()), h.cluster.take_checkpoint_failure()), (written.clone(), None));
    // Into another directory it is written as it is.
    let elsewhere = tempfile::tempdir().expect("a directory");
    assert_eq!(h.cluster.checkpoint_all(elsewhere.path()).expect("writes").instances, 1);
    let other = restarted(elsewhere.path(), &little());
    assert_eq!((active(&*other.driver, &id).position, bytes(dir.path())), (60, written.clone()));
    assert!(active(&*other.driver, &id).suspended_kib.is_some());

    h.driver.resize(&key("on"), &id, 1, &limits()).expect("goes on");
    assert_eq!(bytes(dir.path()), written);
    let between = restarted(dir.path(), &limits());
    between.pass(220);
    assert_eq!(active(&*between.driver, &id).state_hash, Some(expected));
    assert_eq!(between.outputs(&id), outputs);
    // A new harness works in the same directory; this one begins again from the same file.
    std::fs::write(file(dir.path()), &written).expect("writable");
    h.pass(404);
    assert_ne!(bytes(dir.path()), written, "the checkpoint that was due");
    let position = active(&*h.driver, &id).position;
    let after = restarted(dir.path(), &Limits::new(400, 200));
    let seen = active(&*after.driver, &id);
    assert_eq!(seen.suspended_kib, None, "it was not suspended when this was written");
    assert!(seen.position > 60 && seen.position <= position);
}

#[test]
fn without_a_directory_its_state_survives_the_node_and_a_stop() {
    for lost in [true, false] {
        let (expected, outputs) = undisturbed("steady", 100);
        let h = Harness::new(Load::calm());
        let d = &*h.driver;
        let (id, done) = suspended(&h, "steady", 40);
        if lost {
            h.cluster.set_node_up(&"n1".into(), false).expect("known");
        } else {
            let stopped = d.stop(&key("stop"), &id, 1).expect("stops");
            assert_eq!(stopped.position, 40);
            assert!(d.nodes().iter().all(|node| node.copies == 0));
        }
        let request = |epoch, limits| StartRequest {
            node: "n2".into(),
            epoch,
            limits,
            from: StartFrom::Checkpoint,
            ..start_request(&id, "steady")
        };
        let started = d.start(&key("restart"), &request(2, little())).expect("starts");
        assert_eq!((started.position, active(d, &id).suspended_kib), (40, Some(done.held_kib)));
        d.stop(&key("stop-again"), &id, 2).expect("stops");
        d.start(&key("with-more"), &request(3, limits())).expect("starts");
        assert_eq!(active(d, &id).suspended_kib, None);
        h.pass(100);
        assert_eq!(active(d, &id).state_hash, Some(expected));
        assert_eq!(h.outputs(&id), outputs);
    }
}

#[test]
fn a_checkpoint_that_is_gone_or_damaged_leaves_it_suspended() {
    let dir = tempfile::tempdir().expect("a directory");
    let h = in_dir(dir.path());
    let d = &*h.driver;
    let (id, done) = suspended(&h, "steady", 30);
    let (path, good) = (file(dir.path()), bytes(dir.path()));
    let refused = |expected: &str| {
        assert_eq!(code(d.resize(&key("on"), &id, 1, &Limits::new(600, 2_048))), expected);
        let seen = active(d, &id);
        assert_eq!((seen.suspended_kib, seen.position, seen.limits), (Some(done.held_kib), 30, little()));
        assert_eq!((seen.fault, &d.nodes()[0].reserved), (None, &little()));
    };
    for at in [3, 60, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&path, &bad).expect("writable");
        refused("corrupt");
    }
    std::fs::remove_file(&path).expect("there");
    refused("no_checkpoint");
    // A whole file, of another state than the one that was suspended.
    let other = Harness::new(Load::calm());
    start(&*other.driver, &id, "steady");
    other.pass(31);
    other.cluster.checkpoint_all(dir.path()).expect("writes");
    refused("corrupt");
    std::fs::write(&path, &good).expect("writable");
    assert_eq!(d.resize(&key("on"), &id, 1, &Limits::new(600, 2_048)).expect("goes on").suspended_kib, None);
    assert_eq!(d.nodes()[0].reserved, Limits::new(600, 2_048));
}

#[test]
fn nothing_is_let_go_of_that_could_not_be_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let blocked = dir.path().join("a file");
    std::fs::write(&blocked, b"in the way").expect("writable");
    let h = in_dir(&blocked);
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(20);
    let before = active(d, &id);
    assert_eq!(code(d.suspend(&key("suspend"), &id, 1, &little())), "io");
    let seen = active(d, &id);
    assert_eq!((seen.suspended_kib, seen.limits, seen.mem_kib), (None, limits(), before.mem_kib));
    assert_eq!((seen.state_hash, &d.nodes()[0].reserved), (before.state_hash, &limits()));
    h.pass(25);
    assert_eq!(active(d, &id).position, 25);
}

#[test]
fn who_can_not_be_suspended_goes_on_as_it_was() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(20);
    let suspend = |step: &str, epoch| d.suspend(&key(step), &id, epoch, &little());
    assert_eq!(code(suspend("older", 0)), "stale_epoch");
    assert_eq!(code(suspend("newer", 2)), "epoch_ahead");
    assert_eq!(code(d.suspend(&key("unknown"), &"ins_x".into(), 1, &little())), "unknown_instance");
    let base = shadow_on(d, &id, 1, "n2");
    assert_eq!(code(suspend("shadowed", 1)), "wrong_state");
    h.pass(30);
    assert_eq!(active(d, &id).position, 30);
    cut_over(d, &id, 1, &base, "n2");
    assert_eq!(code(suspend("not-released", 2)), "wrong_state");
    d.release(&key("release"), &id, 2).expect("release");
    d.fence(&key("fence-2"), &id, 2, 3).expect("fence");
    assert_eq!(code(suspend("fenced", 3)), "wrong_state");
    d.rollback(&key("rollback"), &id, 4).expect("rollback");
    h.cluster.end_as_faulty(&id, 4, "for a test".into()).expect("runs");
    assert_eq!(code(suspend("faulty", 4)), "guest_failed");
    d.stop(&key("stop"), &id, 4).expect("stops");
    assert_eq!(code(suspend("stopped", 4)), "wrong_state");
}

/// It gives back what it can at once, and waits for the rest standing still.
#[test]
fn one_that_trades_memory_for_processors_gives_first() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(20);
    assert_eq!(code(d.suspend(&key("cpu"), &id, 1, &Limits::new(4_001, LITTLE))), "no_room");
    let seen = active(d, &id);
    assert!(seen.suspended_kib.is_some());
    assert_eq!((&seen.limits, &d.nodes()[0].reserved), (&Limits::new(limits().cpu_milli, LITTLE), &seen.limits));
    assert_eq!(d.suspend(&key("room"), &id, 1, &little()).expect("it is suspended").actual, little());
    d.resize(&key("on"), &id, 1, &limits()).expect("goes on");
    h.pass(30);
    assert_eq!(active(d, &id).position, 30);
}

/// Who lends a little of what its module starts with keeps nothing by that, through a new start of the process too.
#[test]
fn a_limit_below_what_its_module_starts_with_is_kept_to() {
    let big = r#"(module (memory (export "memory") 64) (func (export "step") (result i32) (i32.const 0)))"#;
    let id = InstanceId::from("ins_a");
    let dir = tempfile::tempdir().expect("a directory");
    let h = in_dir(dir.path());
    let (whole, below) = (Limits::new(100, 4_096), Limits::new(10, 4_095));
    start_module(&h, &id, big, whole.clone()).expect("starts");
    h.pass(5);
    h.driver.suspend(&key("below"), &id, 1, &below).expect("is suspended");
    assert_eq!((active(&*h.driver, &id).limits, h.driver.nodes()[0].reserved.clone()), (below.clone(), below.clone()));
    h.driver.resize(&key("less"), &id, 1, &Limits::new(10, 64)).expect("stands still");
    h.driver.resize(&key("more"), &id, 1, &below).expect("stands still");
    assert!(active(&*h.driver, &id).suspended_kib.is_some());

    let h = in_dir(dir.path());
    let mut place =
        |saved: &Saved| Some(Placement { node: "n1".into(), epoch: saved.epoch + 1, limits: below.clone() });
    let summary = h.cluster.restore_all(dir.path(), 0, &mut place).expect("reads");
    assert_eq!((summary.restored.len(), summary.failed.len()), (1, 0));
    assert!(active(&*h.driver, &id).suspended_kib.is_some());
    h.driver.resize(&key("on"), &id, 2, &whole).expect("goes on");
    h.pass(9);
    assert!(active(&*h.driver, &id).position >= 5 && active(&*h.driver, &id).suspended_kib.is_none());
}

#[test]
fn what_needs_its_state_is_refused_while_it_is_suspended() {
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(20);
    let full = d.snapshot(&key("full"), &id, 1, None).expect("snapshot");
    d.transfer(&key("send"), &id, 1, &full.id, &"n2".into()).expect("transfer");
    let first = d.suspend(&key("suspend"), &id, 1, &little()).expect("suspends");
    assert_eq!(d.suspend(&key("suspend"), &id, 1, &little()).expect("twice is once"), first);
    assert_eq!(code(d.suspend(&key("suspend"), &id, 1, &limits())), "key_reused");
    assert_eq!(code(d.snapshot(&key("snapshot"), &id, 1, None)), "wrong_state");
    assert_eq!(code(d.checkpoint(&key("checkpoint"), &id, 1)), "wrong_state");
    assert_eq!(code(d.fence(&key("fence"), &id, 1, 2)), "wrong_state");
    let shadow = ShadowRequest {
        instance: id.clone(),
        epoch: 1,
        node: "n2".into(),
        snapshot: full.id,
        limits: limits(),
        rules: Default::default(),
    };
    assert_eq!(code(d.start_shadow(&key("shadow"), &shadow)), "wrong_state");
    assert_eq!(code(h.cluster.end_as_faulty(&id, 1, "no".into())), "wrong_state");
    assert_eq!(d.drill(&id, 1, DrillOf::Shrink).expect("known"), None);
    assert_eq!(d.drill(&id, 1, DrillOf::Checkpoint).expect("known"), None);
    assert_eq!(code(d.resize(&key("older"), &id, 0, &limits())), "stale_epoch");
    let seen = active(d, &id);
    assert_eq!((seen.suspended_kib, seen.epoch, seen.limits), (Some(first.held_kib), 1, little()));
    // The first answer still holds when it has gone on, and does not suspend it again.
    d.resize(&key("on"), &id, 1, &limits()).expect("goes on");
    assert_eq!(d.suspend(&key("suspend"), &id, 1, &little()).expect("twice is once"), first);
    assert_eq!(active(d, &id).suspended_kib, None);
    assert_eq!(d.capabilities().of(Operation::Suspend), Support::Native);
}

#[test]
fn a_stop_forgets_its_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let h = in_dir(dir.path());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(20);
    let before = active(d, &id);
    d.suspend(&key("suspend"), &id, 1, &little()).expect("suspends");
    let stopped = d.stop(&key("stop"), &id, 1).expect("stops");
    assert_eq!((stopped.position, Some(stopped.state_hash)), (20, before.state_hash));
    assert!(ending_with(dir.path(), "checkpoint").is_empty());
    assert!(d.nodes().iter().all(|node| node.copies == 0));
    assert_eq!(code(d.suspend(&key("gone"), &id, 1, &little())), "wrong_state");
}

/// The writer of checkpoints has copied the state, and is not done when it is suspended.
#[test]
fn a_checkpoint_that_was_under_way_does_not_replace_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let h = written_to(dir.path());
    let id = InstanceId::from("ins_a");
    start_module(&h, &id, FULL, much()).expect("starts");
    let running = h.cluster.spawn_threads(real_clock(), 1).expect("threads");
    wait_until("the first step", || active_counters(&h, &id).expect("runs").position > 0);
    wait_until("a checkpoint under way", || !ending_with(dir.path(), "part").is_empty());
    let done = h.driver.suspend(&key("suspend"), &id, 1, &Limits::new(100, 33_000)).expect("suspends");
    let written = bytes(dir.path());
    assert_eq!(done.stored_bytes, written.len() as u64);
    wait_until("the end of writing", || ending_with(dir.path(), "part").is_empty());
    // More than a look for checkpoints that are due.
    std::thread::sleep(std::time::Duration::from_millis(1_300));
    assert!(bytes(dir.path()) == written, "somebody else has written it");
    h.driver.resize(&key("on"), &id, 1, &much()).expect("goes on");
    wait_until("more steps", || active_counters(&h, &id).expect("runs").position > done.position);
    running.stop(None).expect("stops");
    assert_eq!(h.cluster.take_checkpoint_failure(), None);
}

/// Asks what can be said without the lock, whenever somebody else has it.
#[derive(Default)]
struct Asks {
    cluster: OnceLock<Cluster>,
    seen: Mutex<Vec<Observation>>,
}

impl InputFeed for Asks {
    fn input(&self, instance: &InstanceId, position: u64) -> Option<Input> {
        Load::calm().input(instance, position)
    }

    fn waiting(&self, instance: &InstanceId, _: u64, _: i64) -> u64 {
        let cluster = self.cluster.get().expect("set");
        let seen = cluster.observe(instance, Detail::Counters).expect("known");
        self.seen.lock().expect("whole").extend(seen);
        0
    }
}

#[test]
fn it_is_seen_without_waiting_for_it() {
    let feed = Arc::new(Asks::default());
    let cluster = Cluster::new(Config::default(), feed.clone()).expect("built-in guests load");
    cluster.ensure_node(Harness::new(Load::calm()).driver.nodes()[0].spec.clone());
    feed.cluster.set(cluster.clone()).unwrap_or_else(|_| panic!("set once"));
    let id = InstanceId::from("ins_a");
    start(&cluster, &id, "steady");
    cluster.advance(START + 10 * INTERVAL);
    let last = || {
        active(&cluster, &id);
        feed.seen.lock().expect("whole").pop().expect("it was asked")
    };
    assert_eq!(last().suspended_kib, None);
    // Under the same limits: nothing else tells the two apart.
    let done = cluster.suspend(&key("suspend"), &id, 1, &limits()).expect("suspends");
    let seen = last();
    assert_eq!((seen.suspended_kib, seen.position), (Some(done.held_kib), 11));
    assert_eq!((seen.mem_kib, seen.mem_reserved_kib, seen.window_micros), (0, 0, 0));
    cluster.resize(&key("on"), &id, 1, &limits()).expect("goes on");
    let seen = last();
    assert_eq!((seen.suspended_kib, seen.mem_kib), (None, done.held_kib));
}
