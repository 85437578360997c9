//! Memory that a guest gives back is given back by the process. Alone in its file: it looks at the
//! memory of the whole process.
use headroom_execution::*;
use std::sync::Arc;

/// Holds 64 MiB and writes all over them while it may have them, then says that it holds little.
const GROWS: &str = r#"(module
  (import "headroom" "hold" (func $hold (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "step") (result i32)
    (local $at i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (if (i32.and (i32.ge_u (call $hold (i32.const 65536)) (i32.const 65536)) (i32.lt_u (memory.size) (i32.const 1024)))
      (then
        (drop (memory.grow (i32.const 1023)))
        (local.set $at (i32.const 65536))
        (loop $l
          (i32.store (local.get $at) (i32.const 7))
          (local.set $at (i32.add (local.get $at) (i32.const 4096)))
          (br_if $l (i32.lt_u (local.get $at) (i32.const 67100000))))))
    (i32.const 0)))"#;

struct EverySecond;

impl InputFeed for EverySecond {
    fn input(&self, _: &InstanceId, position: u64) -> Option<Input> {
        Some(Input { due_at_micros: position as i64 * 1_000_000, bytes: Vec::new() })
    }
}

/// Memory of this process that is in use, in MiB.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux system");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a size");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") / 1024
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_guest_gives_back_is_free() {
    what_is_let_go_of();
    what_is_suspended();
}

fn started(config: Config) -> (Cluster, InstanceId, u64) {
    let config = Config { max_guest_kib: 256 * 1024, step_fuel_ceiling: 1 << 30, ..config };
    let cluster = Cluster::new(config, Arc::new(EverySecond)).expect("a cluster");
    cluster.ensure_node(NodeSpec {
        id: "n".into(),
        name: "N".into(),
        pool: "p".into(),
        pop: "fra".into(),
        tier: "edge".into(),
        capacity: Limits::new(100_000, 1 << 20),
        properties: Default::default(),
    });
    let id = InstanceId::from("ins_a");
    let program = cluster.admit(GROWS.as_bytes()).expect("admitted");
    let request = StartRequest {
        instance: id.clone(),
        node: "n".into(),
        epoch: 1,
        program,
        limits: Limits::new(50_000, 64 * 1024),
        from: StartFrom::Fresh,
    };
    let before = resident_mib();
    cluster.start(&key("start"), &request).expect("starts");
    cluster.advance(3_000_000);
    let full = resident_mib();
    assert!(full >= before + 60, "{before} MiB, then {full} MiB");
    (cluster, id, full)
}

fn key(step: &str) -> OpKey {
    OpKey::new("swp_1", step)
}

/// What the program held is on the disk and not in this process, until it goes on.
fn what_is_suspended() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = Config { checkpoint_dir: Some(dir.path().to_owned()), ..Config::default() };
    let (cluster, id, full) = started(config);
    let done = cluster.suspend(&key("suspend"), &id, 1, &Limits::new(50_000, 64)).expect("suspends");
    assert_eq!(done.held_kib, 64 * 1024);
    let after = resident_mib();
    assert!(after + 50 <= full, "{full} MiB, then {after} MiB");
    cluster.advance(60_000_000);
    cluster.resize(&key("on"), &id, 1, &Limits::new(50_000, 64 * 1024)).expect("goes on");
    let again = resident_mib();
    assert!(again >= after + 50, "{after} MiB, then {again} MiB");
    cluster.advance(120_000_000);
    let seen = cluster.observe(&id, Detail::Counters).expect("known");
    assert_eq!((seen[0].fault.as_deref(), seen[0].position, seen[0].mem_kib), (None, 121, 64 * 1024));
}

fn what_is_let_go_of() {
    let (cluster, id, full) = started(Config::default());
    cluster.resize(&key("shrink"), &id, 1, &Limits::new(50_000, 1024)).expect("it says what it holds");
    // The next checkpoint is due after half a minute; with the one in memory before it is forgotten.
    for seconds in [33, 66, 99] {
        cluster.advance(seconds * 1_000_000);
    }
    let after = resident_mib();
    assert!(after + 50 <= full, "{full} MiB, then {after} MiB");
    let seen = cluster.observe(&id, Detail::Counters).expect("known");
    assert_eq!((seen[0].fault.as_deref(), seen[0].position), (None, 100), "it goes on");
    let outputs = cluster.outputs(&id, 0).expect("known");
    assert_eq!(outputs.last().map(|o| o.position), Some(99));
}
