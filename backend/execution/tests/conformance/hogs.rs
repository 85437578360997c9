//! Guests that try to take more than they pay for. Wasm only: how a step is bounded differs
//! between drivers, that it is bounded does not.
use crate::harness::*;
use headroom_execution::*;
use headroom_market::shadow::Verdict;
use std::time::{Duration, Instant};

/// Grows to 2 MiB, then makes the host zero them over and over.
const HOLDS: &str = r#"(module
  (import "headroom" "hold" (func $hold (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "step") (result i32)
    (local $i i32)
    (drop (memory.grow (i32.const 31)))
    (loop $l
      (drop (call $hold (i32.const 2048)))
      (drop (call $hold (i32.const 0)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 900000))))
    (i32.const 0)))"#;

/// A loop of one instruction, with what it needs around it.
fn looping(body: &str) -> String {
    format!(
        r#"(module
          (import "headroom" "position" (func $position (result i64)))
          (memory (export "memory") 16)
          (func (export "step") (result i32)
            (local $i i32)
            (loop $l {body} (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $l (i32.lt_u (local.get $i) (i32.const 1000000))))
            (i32.const 0)))"#
    )
}

/// Reads all over its memory, where an instruction waits far longer than its fuel says.
const SLOW: &str = r#"(module
  (memory (export "memory") 2048)
  (func (export "step") (result i32)
    (local $i i32) (local $at i32)
    (loop $l
      (local.set $at (i32.and (i32.mul (local.get $i) (i32.const 0x9E3779B1)) (i32.const 0x7fffff8)))
      (i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (i64.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $l))
    (i32.const 0)))"#;

pub fn big() -> Config {
    Config { max_guest_kib: 256 * 1024, ..Config::default() }
}

pub fn room() -> Limits {
    Limits::new(1_000, 256 * 1024)
}

/// Nodes with room for the guests of these tests.
pub fn harness(config: Config) -> Harness {
    let h = Harness::with(config, Load::calm());
    for id in ["n1", "n2", "n3"] {
        h.cluster.ensure_node(NodeSpec {
            id: id.into(),
            name: id.to_uppercase(),
            pool: "general".into(),
            pop: "fra".into(),
            tier: "edge".into(),
            capacity: Limits::new(100_000, 16 << 20),
            properties: Default::default(),
        });
    }
    h
}

pub fn start_module(h: &Harness, id: &InstanceId, text: &str, limits: Limits) -> Result<Started, DriverError> {
    let program = h.cluster.admit(text.as_bytes()).expect("admitted");
    h.driver.start(&OpKey::new("boot", id.as_str()), &StartRequest { limits, ..start_request(id, &program.0) })
}

#[test]
fn what_the_host_does_for_a_guest_is_charged() {
    for (what, text) in [
        ("hold", HOLDS.to_owned()),
        ("host calls", looping("(drop (call $position))")),
        ("memory.grow", looping("(drop (memory.grow (i32.const 100000)))")),
        ("memory.fill", looping("(memory.fill (i32.const 0) (i32.const 1) (i32.const 1048576))")),
        ("memory.copy", looping("(memory.copy (i32.const 0) (i32.const 524288) (i32.const 524288))")),
    ] {
        let h = harness(Config::default());
        let id = InstanceId::from("ins_a");
        start_module(&h, &id, &text, Limits::new(1_000, 4_096)).expect("starts");
        h.pass(1);
        let fault = active(&*h.driver, &id).fault;
        assert!(fault.as_deref().is_some_and(|why| why.contains("20000000 fuel")), "{what}: {fault:?}");
    }
}

#[test]
fn the_charge_is_a_function_of_the_guest_and_its_inputs() {
    // Holds 2 MiB and lets them go: 1,984 KiB are zeroed, at 8 bytes a fuel, and looked through
    // at the end of the step, at 64.
    let text = r#"(module
      (import "headroom" "hold" (func $hold (param i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "step") (result i32)
        (drop (memory.grow (i32.const 31)))
        (drop (call $hold (i32.const 2048)))
        (drop (call $hold (i32.const 0)))
        (i32.const 0)))"#;
    let fuel = || {
        let h = harness(Config::default());
        let id = InstanceId::from("ins_a");
        start_module(&h, &id, text, Limits::new(1_000, 4_096)).expect("starts");
        h.pass(1);
        let seen = active(&*h.driver, &id);
        assert_eq!((seen.position, seen.fault), (1, None));
        seen.fuel
    };
    let once = fuel();
    assert!((1_984 * 144..1_984 * 144 + 300).contains(&once), "{once}");
    assert_eq!(fuel(), once);
}

/// A guest is taken at its word about what it holds only if it keeps to it.
#[test]
fn a_guest_that_says_it_holds_little_and_keeps_much_is_ended() {
    let text = r#"(module
      (import "headroom" "hold" (func $hold (param i32) (result i32)))
      (import "headroom" "position" (func $position (result i64)))
      (memory (export "memory") 1)
      (func (export "step") (result i32)
        (if (i64.eqz (call $position)) (then
          (drop (memory.grow (i32.const 31)))
          (drop (call $hold (i32.const 64)))))
        (if (i64.ge_u (call $position) (i64.const 2)) (then (i64.store (i32.const 2000000) (call $position))))
        (i32.const 0)))"#;
    let h = harness(Config::default());
    let id = InstanceId::from("ins_a");
    start_module(&h, &id, text, Limits::new(1_000, 4_096)).expect("starts");
    h.pass(2);
    assert_eq!(active(&*h.driver, &id).fault, None, "what it does not use it has given back");
    h.pass(4);
    let fault = active(&*h.driver, &id).fault;
    assert!(fault.as_deref().is_some_and(|why| why.contains("position 2: out of memory")), "{fault:?}");
    let said = "it says that it holds 0.1 MiB of 4.0 MiB allowed";
    assert!(fault.as_deref().is_some_and(|why| why.contains(said)), "in the unit that is traded: {fault:?}");
}

/// Only a limit that goes down can find memory in use.
#[test]
fn a_limit_that_does_not_go_down_finds_no_memory_in_use() {
    let text = r#"(module (memory (export "memory") 1)
      (func (export "step") (result i32)
        (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (i32.const 0)))"#;
    let h = harness(Config::default());
    let id = InstanceId::from("ins_a");
    // Memory comes in steps of 64 KiB: it gets 256.
    start_module(&h, &id, text, Limits::new(1_000, 200)).expect("starts");
    h.pass(1);
    let resize = |key: &str, limits: Limits| h.driver.resize(&OpKey::new(key, "resize"), &id, 1, &limits);
    resize("more cpu", Limits::new(2_000, 200)).expect("memory stays as it is");
    resize("less, within the step", Limits::new(2_000, 193)).expect("256 are 193 rounded up");
    let refused = resize("less", Limits::new(2_000, 190));
    assert!(matches!(refused, Err(DriverError::MemoryInUse { in_use_kib: 256, .. })), "{refused:?}");
}

#[test]
fn a_shadow_of_a_guest_that_gives_memory_back_still_gives_the_same() {
    let text = r#"(module
      (import "headroom" "hold" (func $hold (param i32) (result i32)))
      (import "headroom" "position" (func $position (result i64)))
      (memory (export "memory") 1)
      (func (export "step") (result i32)
        (if (i32.lt_u (memory.size) (i32.const 8)) (then (drop (memory.grow (i32.const 7)))))
        (drop (call $hold (i32.const 512)))
        (i64.store (i32.const 300000) (call $position))
        (drop (call $hold (i32.const 0)))
        (i64.store (i32.const 0) (i64.add (i64.load (i32.const 300000)) (call $position)))
        (i32.const 0)))"#;
    let h = harness(Config::default());
    let id = InstanceId::from("ins_a");
    start_module(&h, &id, text, limits()).expect("starts");
    h.pass(10);
    shadow_on(&*h.driver, &id, 1, "n2");
    h.pass(50);
    assert_eq!(h.driver.shadow_report(&id).expect("runs").verdict(20, false), Verdict::Pass);
}

#[test]
fn nobody_runs_below_what_the_module_starts_with() {
    let text = r#"(module (memory (export "memory") 64) (func (export "step") (result i32) (i32.const 0)))"#;
    let h = harness(Config::default());
    let id = InstanceId::from("ins_a");
    assert_eq!(code(start_module(&h, &id, text, Limits::new(100, 1_024))), "below_minimum");
    assert!(h.driver.nodes().iter().all(|node| node.reserved == Limits::default()), "nothing stays reserved");
    start_module(&h, &id, text, Limits::new(100, 4_096)).expect("starts");
    h.pass(1);
    let resize = |kib| h.driver.resize(&key(&format!("to-{kib}")), &id, 1, &Limits::new(100, kib));
    assert_eq!(code(resize(4_095)), "below_minimum");
    assert_eq!(active(&*h.driver, &id).limits.mem_kib, 4_096);
    // Two pages come with every guest.
    let small = InstanceId::from("ins_b");
    start(&*h.driver, &small, "steady");
    h.driver.resize(&key("small"), &small, 1, &Limits::new(100, 1)).expect("two pages are included");
}

/// The clock of the machine, from the harness's beginning on.
pub fn real_clock() -> impl Fn() -> i64 + Send + Sync + 'static {
    let begin = Instant::now();
    move || START + i64::try_from(begin.elapsed().as_micros()).unwrap_or(i64::MAX)
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what} took more than a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_step_that_takes_too_long_ends_as_a_fault_and_the_others_go_on() {
    let h = harness(Config { step_fuel_ceiling: u64::MAX >> 1, step_cpu_micros: 100_000, ..big() });
    let (hog, good) = (InstanceId::from("ins_a"), InstanceId::from("ins_b"));
    start_module(&h, &hog, SLOW, room()).expect("starts");
    start(&*h.driver, &good, "steady");
    let running = h.cluster.spawn_threads(real_clock(), 1).expect("threads");
    let fault = || active_counters(&h, &hog).and_then(|seen| seen.fault);
    wait_until("the fault", || fault().is_some());
    assert!(fault().is_some_and(|why| why.contains("100 ms of processor time")), "{:?}", fault());
    let before = active_counters(&h, &good).expect("seen").position;
    wait_until("progress", || active_counters(&h, &good).is_some_and(|seen| seen.position > before + 2));
    assert_eq!(active_counters(&h, &good).expect("seen").fault, None);
    running.stop(None).expect("stops");
}

#[test]
fn nobody_waits_for_a_step_under_way() {
    let h = harness(Config { step_fuel_ceiling: u64::MAX >> 1, step_cpu_micros: 600_000_000, ..big() });
    let id = InstanceId::from("ins_a");
    start_module(&h, &id, SLOW, room()).expect("starts");
    let first = h.driver.observe(&id, Detail::Counters).expect("known");
    assert_eq!(first.len(), 1);
    let dir = tempfile::tempdir().expect("a directory");
    let running = h.cluster.spawn_threads(real_clock(), 1).expect("threads");
    // Once the worker has it, this answers what was seen last, with nothing counted.
    wait_until("the step", || h.driver.observe(&id, Detail::Counters).expect("known")[0].window_micros == 0);
    for _ in 0..100 {
        let seen = h.driver.observe(&id, Detail::Counters).expect("known");
        assert_eq!((seen.len(), seen[0].window_micros, seen[0].fuel), (1, 0, 0));
        assert_eq!((&seen[0].limits, seen[0].epoch), (&first[0].limits, first[0].epoch));
        assert_eq!(h.cluster.instances(), std::slice::from_ref(&id));
    }
    // And a stop ends the step, though it had minutes left; the guest keeps its last checkpoint.
    let summary = running.stop(Some(dir.path())).expect("stops");
    assert_eq!((summary.instances, summary.skipped.len()), (0, 1), "{summary:?}");
    assert!(summary.skipped[0].1.contains("process stops"), "{summary:?}");
}

#[test]
fn a_guest_over_its_share_does_not_starve_the_others() {
    // Five guests whose steps take fifty times as long as the sixth's; everybody always has
    // work, because the clock is a thousand times too fast and nobody's fuel ends.
    let h = harness(Config { fuel_per_cpu_milli: 1 << 32, step_fuel_ceiling: u64::MAX >> 1, ..big() });
    let steps = |millions: &str| looping("").replace("1000000", millions);
    let hogs: Vec<_> = (0..5).map(|n| InstanceId(format!("ins_{n}"))).collect();
    for hog in &hogs {
        start_module(&h, hog, &steps("5000000"), limits()).expect("starts");
    }
    let good = InstanceId::from("ins_z");
    start_module(&h, &good, &steps("100000"), limits()).expect("starts");
    let begin = Instant::now();
    let clock = move || START + i64::try_from(begin.elapsed().as_micros() * 1_000).unwrap_or(i64::MAX);
    let running = h.cluster.spawn_threads(clock, 1).expect("threads");
    let position = |id| active_counters(&h, id).map_or(0, |seen| seen.position);
    wait_until("five hundred steps", || position(&good) >= 500);
    running.stop(None).expect("stops");
    // As much time for each would be a fiftieth of the steps; without turns it is a fifth.
    for hog in &hogs {
        assert!(position(hog) * 12 < position(&good), "{} of {}", position(hog), position(&good));
    }
}

pub fn active_counters(h: &Harness, id: &InstanceId) -> Option<Observation> {
    let copies = h.driver.observe(id, Detail::Counters).expect("known");
    copies.into_iter().find(|o| o.role == Role::Active)
}

#[test]
fn a_shadow_that_runs_out_of_time_decides_nothing() {
    // Only on that node a step does not end.
    let h = harness(Config { step_cpu_micros: 50_000, step_fuel_ceiling: u64::MAX >> 1, ..big() });
    let text = r#"(module
      (import "headroom" "node_property" (func $property (param i32 i32) (result i64)))
      (memory (export "memory") 1) (data (i32.const 0) "slow")
      (func (export "step") (result i32)
        (loop $l (br_if $l (i64.eq (call $property (i32.const 0) (i32.const 4)) (i64.const 1))))
        (i32.const 0)))"#;
    h.cluster.ensure_node(NodeSpec {
        id: "slow".into(),
        name: "SLOW".into(),
        pool: "general".into(),
        pop: "fra".into(),
        tier: "edge".into(),
        capacity: Limits::new(100_000, 16 << 20),
        properties: [("slow".to_owned(), 1)].into(),
    });
    let id = InstanceId::from("ins_a");
    start_module(&h, &id, text, limits()).expect("starts");
    let running = h.cluster.spawn_threads(real_clock(), 1).expect("threads");
    wait_until("the first step", || active_counters(&h, &id).is_some_and(|seen| seen.position > 0));
    shadow_on(&*h.driver, &id, 1, "slow");
    wait_until("the shadow's end", || h.driver.shadow_report(&id).expect("kept").aborted.is_some());
    let report = h.driver.shadow_report(&id).expect("kept");
    assert!(report.aborted.as_deref().is_some_and(|why| why.contains("processor time")), "{report:?}");
    assert_eq!(report.verdict(1, false), Verdict::Inconclusive);
    assert_eq!(active_counters(&h, &id).expect("runs").fault, None);
    running.stop(None).expect("stops");
}
