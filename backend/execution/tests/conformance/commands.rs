//! Commands: processes that are stopped, copied, moved and compared like modules.
use crate::harness::*;
use headroom_execution::*;
use headroom_market::shadow::{Rules, Verdict};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The example of a command, as a folder of commands.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    symlink(env!("CARGO_BIN_EXE_command_steady"), dir.path().join("steady")).expect("linked");
    dir
}

/// Memory of processes is counted in MiB here, as in a market: a KiB of these guests stands for one.
fn config(commands: &Path) -> Config {
    let commands_dir = Some(commands.to_owned());
    // Less than the usual patience, and still much for what answers at once, also on a busy machine.
    Config { commands_dir, kib_per_mib: 1, command_answer_micros: 3_000_000, ..Config::default() }
}

fn calm() -> Load {
    Load { cpu_milli: |_| 10, mem_kib: |p| 1_024 + (p % 8) as u32 * 512, until: u64::MAX }
}

struct Bench {
    h: Harness,
    dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = folder();
        Self { h: Harness::with(config(dir.path()), calm()), dir }
    }

    fn start(&self, id: &InstanceId, arguments: &[&str]) {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        start(&*self.h.driver, id, &command_program("steady", &arguments).0);
    }

    fn active(&self, id: &InstanceId) -> Observation {
        active(&*self.h.driver, id)
    }
}

fn processes_of(dir: &Path) -> Vec<PathBuf> {
    let mine = std::fs::canonicalize(dir.join("steady")).expect("there");
    let all = std::fs::read_dir("/proc").expect("a /proc").flatten().map(|entry| entry.path());
    // Only those that were started from this folder: other tests run beside this one.
    let here = |path: &PathBuf| {
        std::fs::read_link(path.join("exe")).is_ok_and(|exe| exe == mine)
            && std::fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd == dir)
    };
    all.filter(here).collect()
}

fn state_of(process: &Path) -> String {
    let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
    status.lines().find(|line| line.starts_with("State:")).unwrap_or_default().to_owned()
}

/// The signal reaches a process on another core a moment later.
fn wait_until_stopped(process: &Path) {
    let until = Instant::now() + Duration::from_secs(30);
    while !state_of(process).contains("(stopped)") {
        assert!(Instant::now() < until, "{}", state_of(process));
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_command_works_at_inputs_only_and_is_measured() {
    let b = Bench::new();
    let id = InstanceId::from("ins_c");
    b.start(&id, &[]);
    assert_eq!(processes_of(b.dir.path()).len(), 0, "it begins with its first input");
    b.h.pass(20);
    let seen = b.active(&id);
    assert_eq!((seen.position, seen.fault.clone(), seen.outputs), (20, None, 20));
    assert!(seen.fuel > 0 && seen.mem_kib > 0, "{seen:?}");
    let running = processes_of(b.dir.path());
    assert_eq!(running.len(), 1);
    wait_until_stopped(&running[0]);
    b.h.driver.stop(&key("stop"), &id, 1).expect("stops");
    assert_eq!(processes_of(b.dir.path()).len(), 0);
}

#[test]
fn one_that_leaves_its_process_group_is_stopped_all_the_same() {
    let b = Bench::new();
    b.start(&"ins_c".into(), &["strays"]);
    b.h.pass(5);
    let running = processes_of(b.dir.path());
    assert_eq!(running.len(), 1);
    wait_until_stopped(&running[0]);
}

#[test]
fn it_moves_after_a_shadow_run_and_goes_on_as_if_nothing_had_been() {
    let b = Bench::new();
    let (moved, still) = (InstanceId::from("ins_c"), Bench::new());
    still.start(&moved, &[]);
    still.h.pass(60);
    b.start(&moved, &[]);
    b.h.pass(20);
    let d = &*b.h.driver;
    let base = shadow_on(d, &moved, 1, "n2");
    b.h.pass(40);
    let report = d.shadow_report(&moved).expect("runs");
    assert_eq!(report.verdict(20, false), Verdict::Pass, "{report:?}");
    let (fenced, last, activated) = cut_over(d, &moved, 1, &base, "n2");
    assert_eq!((fenced.position, activated.position), (40, 40));
    assert_eq!((&fenced.state_hash, &last.state_hash), (&activated.state_hash, &activated.state_hash));
    assert!(activated.warm);
    b.h.pass(60);
    assert!(d.verify(&verify_request(&moved, 2, "n2", 1)).expect("active").passed);
    d.release(&key("release"), &moved, 2).expect("released");
    assert_eq!(processes_of(b.dir.path()).len(), 1);
    assert_eq!(b.h.outputs(&moved), still.h.outputs(&moved));
    assert_eq!(b.active(&moved).state_hash, still.active(&moved).state_hash);
}

#[test]
fn a_shadow_run_finds_a_command_that_depends_on_its_node() {
    for (target, expected) in [("n2", Verdict::Fail), ("n3", Verdict::Pass)] {
        let b = Bench::new();
        let id = InstanceId::from("ins_c");
        b.start(&id, &["node"]);
        b.h.pass(10);
        shadow_on(&*b.h.driver, &id, 1, target);
        b.h.pass(40);
        let report = b.h.driver.shadow_report(&id).expect("runs");
        assert_eq!(report.verdict(20, false), expected, "{target}");
    }
}

#[test]
fn one_that_cannot_save_any_more_does_not_begin_anew_as_if_nothing_had_been() {
    let b = Bench::new();
    let id = InstanceId::from("ins_c");
    b.start(&id, &["forget"]);
    b.h.pass(3);
    let d = &*b.h.driver;
    shadow_on(d, &id, 1, "n2");
    b.h.pass(30);
    // The first state that is compared after it has forgotten is that at input 8.
    let seen = d.observe(&id, Detail::Counters).expect("known");
    let live = seen.iter().find(|copy| copy.role == Role::Active).expect("an active copy");
    assert_eq!(live.position, 9);
    assert!(live.fault.as_ref().is_some_and(|why| why.contains("it has forgotten")), "{live:?}");
    let report = d.shadow_report(&id).expect("kept");
    assert_ne!(report.verdict(4, true), Verdict::Pass, "{report:?}");
    assert_eq!(code(d.checkpoint(&key("late"), &id, 1)), "guest_failed");
}

#[test]
fn it_comes_back_from_its_checkpoint_and_after_a_rollback() {
    let b = Bench::new();
    let id = InstanceId::from("ins_c");
    let files = tempfile::tempdir().expect("a directory");
    b.start(&id, &["some", "words"]);
    b.h.pass(30);
    b.h.cluster.checkpoint_all(files.path()).expect("writes");
    let again = Harness::with(config(b.dir.path()), calm());
    let summary = again.cluster.restore_all(files.path(), START, &mut |saved| placed_on(saved, "n1")).expect("reads");
    assert!(summary.failed.is_empty(), "{:?}", summary.failed);
    b.h.pass(50);
    again.pass(50);
    assert_eq!(active(&*again.driver, &id).state_hash, b.active(&id).state_hash);
    let without = Harness::with(Config { commands_dir: None, ..config(b.dir.path()) }, calm());
    let summary = without.cluster.restore_all(files.path(), START, &mut |saved| placed_on(saved, "n1")).expect("reads");
    assert_eq!(summary.failed[0].1.code(), "command_unavailable");

    let d = &*b.h.driver;
    let base = shadow_on(d, &id, 1, "n2");
    b.h.pass(60);
    cut_over(d, &id, 1, &base, "n2");
    d.rollback(&key("back"), &id, 3).expect("rolls back");
    b.h.pass(80);
    again.pass(80);
    assert_eq!((b.active(&id).position, b.active(&id).node.as_str()), (80, "n1"));
    assert_eq!(active(&*again.driver, &id).state_hash, b.active(&id).state_hash);
}

#[test]
fn whatever_it_does_ends_itself_alone_and_says_why() {
    let cases = [
        ("hang", "it did not answer within 3.0 s"),
        ("dribble", "it did not answer within 3.0 s"),
        ("exit", "it ended (exit status: 1): Error: \"its database is gone\""),
        ("twice", ""),
        ("nonsense", "not what a command answers"),
        ("refuse", "it says: no such table"),
        ("children", "it has started other processes"),
        ("grandchildren", "it has started other processes"),
        ("grow", "out of memory: it has"),
        ("balloon", "it ended (signal: 6 (SIGABRT))"),
    ];
    let b = Bench::new();
    let good = InstanceId::from("ins_good");
    b.start(&good, &[]);
    for (does, _) in cases {
        let id = InstanceId(format!("ins_{does}"));
        let program = command_program("steady", &[does.to_owned()]);
        let request = StartRequest { limits: Limits::new(100, 64), ..start_request(&id, &program.0) };
        b.h.driver.start(&OpKey::new("boot", does), &request).expect("starts");
    }
    b.h.pass(10);
    for (does, said) in cases {
        let seen = b.active(&InstanceId(format!("ins_{does}")));
        // What is written too much is found with the next question.
        assert!((5..=6).contains(&seen.position), "{does} at {}", seen.position);
        let fault = seen.fault.unwrap_or_default();
        // Whether the second line is read with the first one is chance; it is never taken for the next answer.
        let twice = does == "twice" && (fault.contains("wrote more than") || fault.contains("asked for input 6"));
        assert!(twice || (does != "twice" && fault.contains(said)), "{does}: {fault}");
    }
    assert_eq!((b.active(&good).position, b.active(&good).fault), (10, None));
    assert_eq!(processes_of(b.dir.path()).len(), 1, "those that failed are gone");
}

#[test]
fn a_step_has_a_bound_of_processor_time() {
    let dir = folder();
    // So little that it is used up on a busy machine, too, before the time for an answer is over.
    let bounds = Config { step_cpu_micros: 50_000, command_answer_micros: 30_000_000, ..config(dir.path()) };
    let h = Harness::with(bounds, calm());
    let id = InstanceId::from("ins_c");
    start(&*h.driver, &id, &command_program("steady", &["burn".to_owned()]).0);
    h.pass(10);
    let fault = active(&*h.driver, &id).fault.unwrap_or_default();
    assert!(fault.contains("a step took more than 50 ms of processor time"), "{fault}");
}

#[test]
fn its_memory_comes_down_when_it_is_told_and_a_drill_shows_that() {
    let b = Bench::new();
    let id = InstanceId::from("ins_c");
    let load = Load { cpu_milli: |_| 10, mem_kib: |_| 40 * 1_024, until: u64::MAX };
    let h = Harness::with(config(b.dir.path()), load);
    let d = &*h.driver;
    let request =
        StartRequest { limits: Limits::new(400, 100), ..start_request(&id, &command_program("steady", &[]).0) };
    d.start(&OpKey::new("boot", "c"), &request).expect("starts");
    h.pass(5);
    let held = active(d, &id).mem_kib;
    assert!((40..=60).contains(&held), "{held} MiB");
    let drilled = d.drill(&id, 1, DrillOf::Shrink).expect("drilled").expect("holds something");
    assert!(drilled.passed, "{}", drilled.detail);
    let written = d.drill(&id, 1, DrillOf::Checkpoint).expect("drilled").expect("has inputs");
    assert!(written.passed, "{}", written.detail);
    let smaller = Limits::new(400, 40);
    assert_eq!(code(d.resize(&key("less"), &id, 1, &smaller)), "memory_in_use");
    h.pass(7);
    d.resize(&key("less"), &id, 1, &smaller).expect("it was told, and has come down");
    h.pass(10);
    let seen = active(d, &id);
    assert_eq!((seen.fault, seen.limits.mem_kib), (None, 40));
    assert!(seen.mem_kib <= 40, "{}", seen.mem_kib);

    // Written to disk it has no process.
    let suspended = d.suspend(&key("suspend"), &id, 1, &Limits::new(0, 0)).expect("suspends");
    assert!(suspended.held_kib > 0);
    assert_eq!(processes_of(b.dir.path()).len(), 0);
    d.resize(&key("more"), &id, 1, &Limits::new(400, 100)).expect("goes on");
    h.pass(20);
    assert_eq!((active(d, &id).position, active(d, &id).fault), (20, None));
}

#[test]
fn in_real_time_one_that_hangs_keeps_nobody_waiting() {
    let dir = folder();
    let feed = ScriptedFeed::default();
    let (good, hangs) = (InstanceId::from("ins_good"), InstanceId::from("ins_hangs"));
    let lazy = InstanceId::from("ins_lazy");
    let wasm = InstanceId::from("ins_wasm");
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after").as_micros() as i64;
    for id in [&good, &hangs, &lazy, &wasm] {
        for at in 0..40_i64 {
            let bytes = DemandInput::for_interval(10, 20_000, 5_000, 512, vec![at as u8]).encode();
            feed.push(id, Input { due_at_micros: now() + at * 20_000, bytes });
        }
    }
    // More patience than either of them sleeps: only the end of all makes it short.
    let patient = Config { command_answer_micros: 120_000_000, ..config(dir.path()) };
    let cluster = Cluster::new(patient, Arc::new(feed)).expect("loads");
    cluster.ensure_node(NodeSpec {
        id: "n1".into(),
        name: "N1".into(),
        pool: "general".into(),
        pop: "fra".into(),
        tier: "edge".into(),
        capacity: Limits::new(4_000, 16_384),
        properties: Default::default(),
    });
    let program =
        |words: &[&str]| command_program("steady", &words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
    let running = cluster.spawn_threads(now, 1).expect("threads");
    start(&cluster, &good, &program(&[]).0);
    start(&cluster, &hangs, &program(&["hang"]).0);
    start(&cluster, &lazy, &program(&["lazy"]).0);
    start(&cluster, &wasm, "batch");
    let until = Instant::now() + Duration::from_secs(60);
    let position = |id: &InstanceId| active_counters(&cluster, id).position;
    while [&good, &lazy, &wasm].iter().any(|id| position(id) < 40) {
        assert!(Instant::now() < until, "good at {}, wasm at {}", position(&good), position(&wasm));
        std::thread::sleep(Duration::from_millis(5));
    }
    // Observed all the same, by its own thread while nobody else gets at it.
    let hanging = cluster.observe(&hangs, Detail::Counters).expect("known");
    assert_eq!(hanging[0].role, Role::Active);
    // A stop does not wait for the one that hangs, nor long for the one that takes its time to save.
    let files = tempfile::tempdir().expect("a directory");
    let summary = running.stop(Some(files.path())).expect("stops");
    assert_eq!(summary.instances, 2, "{:?}", summary.skipped);
    assert_eq!(summary.skipped.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&hangs, &lazy]);
    let why = &summary.skipped[1].1;
    assert!(why.contains("did not answer within"), "it was not waited for: {why}");
    drop(cluster);
    assert_eq!(processes_of(dir.path()).len(), 0, "no process outlives its cluster");
}

fn active_counters(cluster: &Cluster, id: &InstanceId) -> Observation {
    let copies = cluster.observe(id, Detail::Counters).expect("known");
    copies.into_iter().find(|copy| copy.role == Role::Active).expect("an active copy")
}

#[test]
fn shadow_rules_hold_for_commands_too() {
    let b = Bench::new();
    let id = InstanceId::from("ins_c");
    b.start(&id, &[]);
    b.h.pass(10);
    let d = &*b.h.driver;
    let first = d.snapshot(&key("full"), &id, 1, None).expect("snapshot");
    d.transfer(&key("send"), &id, 1, &first.id, &"n2".into()).expect("transfer");
    let request = ShadowRequest {
        instance: id.clone(),
        epoch: 1,
        node: "n2".into(),
        snapshot: first.id,
        // Less than it holds: it cannot even begin there.
        limits: Limits::new(400, 1),
        rules: Rules::default(),
    };
    assert_eq!(code(d.start_shadow(&key("shadow"), &request)), "memory_in_use");
    assert_eq!(b.active(&id).fault, None);
}
