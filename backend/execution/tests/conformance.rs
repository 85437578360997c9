//! What every driver has to keep, written over `&dyn Driver` and run here on the wasm driver.
//!
//! The harness knows how to let time pass and what came out; the tests know nothing of the
//! engine. Under a simulated clock, so each run is the same.

use std::path::Path;
use std::sync::Arc;

use headroom_execution::*;
use headroom_market::shadow::{Rules, Verdict};

/// A recorded service load: one input each 250 ms, its demand a function of the position.
struct Load {
    cpu_milli: fn(u64) -> u64,
    mem_kib: fn(u64) -> u32,
    until: u64,
}

const INTERVAL: i64 = 250_000;
const START: i64 = 1_763_600_000_000_000;

impl Load {
    fn calm() -> Self {
        Self { cpu_milli: |p| 50 + p * 7 % 100, mem_kib: |p| 200 + (p % 40) as u32 * 8, until: u64::MAX }
    }
}

impl InputFeed for Load {
    fn input(&self, instance: &InstanceId, position: u64) -> Option<Input> {
        if position >= self.until {
            return None;
        }
        let payload = format!("{instance} says {position}").into_bytes();
        let (cpu, mem) = ((self.cpu_milli)(position), (self.mem_kib)(position));
        Some(Input {
            due_at_micros: START + position as i64 * INTERVAL,
            bytes: DemandInput::for_interval(cpu, INTERVAL as u64, 5_000, mem, payload).encode(),
        })
    }
}

/// A driver with a way to let time pass. Another driver's suite implements these four.
struct Harness {
    cluster: Cluster,
    driver: Arc<dyn Driver>,
}

impl Harness {
    fn new(load: Load) -> Self {
        Self::with(Config::default(), load)
    }

    fn with(config: Config, load: Load) -> Self {
        let cluster = Cluster::new(config, Arc::new(load)).expect("built-in guests load");
        for (id, model) in [("n1", 1), ("n2", 2), ("n3", 1)] {
            cluster.ensure_node(NodeSpec {
                id: id.into(),
                name: id.to_uppercase(),
                pool: "general".into(),
                pop: "fra".into(),
                tier: "edge".into(),
                capacity: Limits::new(4_000, 16_384),
                properties: [("cpu_model_code".to_owned(), model)].into(),
            });
        }
        cluster.advance(START);
        Self { driver: Arc::new(cluster.clone()), cluster }
    }

    /// Until the first `positions` inputs were due.
    fn pass(&self, positions: u64) {
        self.cluster.advance(START + (positions as i64 - 1) * INTERVAL + 200_000);
    }

    fn outputs(&self, instance: &InstanceId) -> Vec<(u64, Vec<u8>)> {
        let records = self.cluster.outputs(instance, 0).expect("known");
        records.into_iter().map(|r| (r.position, r.bytes)).collect()
    }
}

fn key(step: &str) -> OpKey {
    OpKey::new("swp_1", step)
}

fn start(d: &dyn Driver, id: &InstanceId, program: &str) -> Started {
    d.start(&OpKey::new("boot", id.as_str()), &start_request(id, program)).expect("starts")
}

fn start_request(id: &InstanceId, program: &str) -> StartRequest {
    StartRequest {
        instance: id.clone(),
        node: "n1".into(),
        epoch: 1,
        program: Program(program.into()),
        limits: limits(),
        from: StartFrom::Fresh,
    }
}

fn limits() -> Limits {
    Limits::new(400, 1_024)
}

fn active(d: &dyn Driver, id: &InstanceId) -> Observation {
    let copies = d.observe(id, Detail::WithStateHash).expect("known");
    copies.into_iter().find(|o| o.role == Role::Active).expect("an active copy")
}

fn code<T: std::fmt::Debug>(result: Result<T, DriverError>) -> &'static str {
    result.expect_err("a refusal").code()
}

/// Snapshot, transfer, shadow on `to`.
fn shadow_on(d: &dyn Driver, id: &InstanceId, epoch: u64, to: &str) -> SnapshotId {
    let first = d.snapshot(&key("full"), id, epoch, None).expect("snapshot");
    d.transfer(&key("send"), id, epoch, &first.id, &to.into()).expect("transfer");
    let request = ShadowRequest {
        instance: id.clone(),
        epoch,
        node: to.into(),
        snapshot: first.id.clone(),
        limits: limits(),
        rules: Rules::default(),
    };
    d.start_shadow(&key("shadow"), &request).expect("shadow");
    first.id
}

/// Fence, last differential, activate.
fn cut_over(
    d: &dyn Driver,
    id: &InstanceId,
    epoch: u64,
    base: &SnapshotId,
    to: &str,
) -> (Fenced, SnapshotInfo, Activated) {
    let fenced = d.fence(&key("fence"), id, epoch, epoch + 1).expect("fence");
    let last = d.snapshot(&key("last"), id, epoch + 1, Some(base)).expect("differential");
    d.transfer(&key("send-last"), id, epoch + 1, &last.id, &to.into()).expect("transfer");
    let request = activate_request(id, epoch + 1, &last.id, to);
    let activated = d.activate(&key("activate"), &request).expect("activate");
    (fenced, last, activated)
}

fn activate_request(id: &InstanceId, epoch: u64, snapshot: &SnapshotId, to: &str) -> ActivateRequest {
    ActivateRequest { instance: id.clone(), node: to.into(), epoch, snapshot: snapshot.clone(), limits: limits() }
}

fn verify_request(id: &InstanceId, epoch: u64, node: &str, min_progress: u64) -> VerifyRequest {
    VerifyRequest { instance: id.clone(), node: node.into(), epoch, limits: limits(), min_progress }
}

/// State and outputs of an undisturbed run.
fn undisturbed(program: &str, positions: u64) -> (String, Vec<(u64, Vec<u8>)>) {
    let h = Harness::new(Load::calm());
    let id = InstanceId::from("ins_a");
    start(&*h.driver, &id, program);
    h.pass(positions);
    let seen = active(&*h.driver, &id);
    assert_eq!((seen.position, seen.fault), (positions, None));
    (seen.state_hash.expect("asked for"), h.outputs(&id))
}

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

#[test]
fn a_lost_node_is_survived_from_the_checkpoint() {
    let (expected, outputs) = undisturbed("steady", 200);
    let h = Harness::new(Load::calm());
    let d = &*h.driver;
    let id = InstanceId::from("ins_a");
    start(d, &id, "steady");
    h.pass(90);
    d.checkpoint(&key("checkpoint"), &id, 1).expect("checkpoint");
    h.pass(110);
    h.cluster.set_node_up(&"n1".into(), false).expect("known");
    h.pass(120);
    assert_eq!(code(d.checkpoint(&key("gone"), &id, 1)), "wrong_state");
    let request =
        StartRequest { node: "n2".into(), epoch: 2, from: StartFrom::Checkpoint, ..start_request(&id, "steady") };
    assert_eq!(d.start(&key("restart"), &request).expect("restart").position, 90);
    h.pass(200);
    assert_eq!(active(d, &id).state_hash, Some(expected));
    assert_eq!(h.outputs(&id), outputs);
}

#[test]
fn a_restarted_process_goes_on_from_its_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let (expected, outputs) = undisturbed("batch", 200);
    let id = InstanceId::from("ins_a");
    {
        let h = Harness::new(Load::calm());
        start(&*h.driver, &id, "batch");
        h.pass(100);
        let summary = h.cluster.checkpoint_all(dir.path()).expect("writes");
        assert_eq!((summary.instances, summary.skipped.len()), (1, 0));
        // Work after the checkpoint is lost with the process and done again.
        h.pass(130);
    }
    let h = Harness::new(Load::calm());
    let restored = h
        .cluster
        .restore_all(dir.path(), START + 140 * INTERVAL, &mut |saved| placed_on(saved, "n2"))
        .expect("reads")
        .restored;
    assert_eq!((restored.len(), restored[0].position), (1, 100));
    assert_eq!((&restored[0].saved.node, restored[0].saved.epoch), (&"n1".into(), 1));
    h.pass(200);
    let seen = active(&*h.driver, &id);
    assert_eq!((seen.node, seen.epoch, seen.limits.cpu_milli), ("n2".into(), 2, 500));
    assert_eq!(seen.state_hash, Some(expected));
    assert_eq!(h.outputs(&id), outputs);
    damaged_files_are_refused(dir.path());
}

fn damaged_files_are_refused(dir: &Path) {
    let path = std::fs::read_dir(dir).expect("there").next().expect("a file").expect("readable").path();
    let good = std::fs::read(&path).expect("readable");
    for at in [3, 12, 60, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&path, &bad).expect("writable");
        assert_eq!(restore_failure(dir), "corrupt", "byte {at}");
    }
    std::fs::write(&path, &good[..good.len() - 10]).expect("writable");
    assert_eq!(restore_failure(dir), "corrupt");
}

/// A newer epoch, on the node that the placements name.
fn placed_on(saved: &Saved, node: &str) -> Option<Placement> {
    Some(Placement { node: node.into(), epoch: saved.epoch + 1, limits: Limits::new(500, 1_024) })
}

fn restore_failure(dir: &Path) -> &'static str {
    let h = Harness::new(Load::calm());
    let summary = h.cluster.restore_all(dir, START, &mut |saved| placed_on(saved, "n1")).expect("lists");
    assert_eq!((summary.restored.len(), summary.failed.len()), (0, 1));
    summary.failed[0].1.code()
}

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

#[test]
fn threads_do_the_same_work_in_real_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let load = Load { until: 40, ..Load::calm() };
    let h = Harness::with(Config { checkpoint_dir: Some(dir.path().to_owned()), ..Config::default() }, load);
    let ids: Vec<InstanceId> = (0..6).map(|n| InstanceId(format!("ins_{n}"))).collect();
    for id in &ids {
        start(&*h.driver, id, "steady");
    }
    let began = std::time::Instant::now();
    // Ten times as fast as the inputs were recorded.
    let clock = move || START + 10 * i64::try_from(began.elapsed().as_micros()).expect("short");
    let threads = h.cluster.spawn_threads(clock, 2).expect("starts");
    while ids.iter().any(|id| active(&*h.driver, id).position < 40) {
        assert!(began.elapsed().as_secs() < 30, "it hangs");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let summary = threads.stop(Some(dir.path())).expect("stops");
    assert_eq!(summary.instances, 6);
    let other = Harness::new(Load::calm());
    start(&*other.driver, &ids[3], "steady");
    other.pass(40);
    assert_eq!(active(&*other.driver, &ids[3]).state_hash, active(&*h.driver, &ids[3]).state_hash);
}
