//! The driver `service` with real processes behind a real front. Where this host lets nobody make control groups, it skips
//! and says what the kernel said.
#[path = "service/crashes.rs"]
mod crashes;
#[path = "service/definitions.rs"]
mod definitions;
#[path = "service/faults.rs"]
mod faults;
#[path = "service/places.rs"]
mod places;
#[path = "service/watch.rs"]
mod watch;
#[path = "service/world.rs"]
mod world;

use headroom_execution::{Adopting, Detail, Driver, DriverError, OpKey, Operation, Role, Support};
use headroom_market::shadow::Verdict;
use world::{Load, Move, PYTHON, SCRIPT, World, id, limits, nginx, wait_for};

const A: &str = "nod_a";
const B: &str = "nod_b";

fn the_move<'a>(world: &'a World, to: &'static str) -> Move<'a> {
    Move { services: world.services(), swap: "swap", epoch: 1, to, cpu_milli: 700 }
}

#[test]
fn a_started_service_is_reached_and_held_to_its_limit() {
    let Some(world) = World::new("limit") else { return };
    let started = world.start(A, 1, 500).expect("started");
    assert_eq!((started.limits.clone(), world.start(A, 1, 500).expect("again")), (limits(500), started));
    assert_eq!(world.get("/node"), A, "requests wait until it is ready");
    assert_eq!(world.services().address(&id()), Some(world.listen));
    let services = world.services();
    for cpu_milli in [200, 900] {
        let key = OpKey::new("resize", cpu_milli.to_string());
        let resized = services.resize(&key, &id(), 1, &limits(cpu_milli)).expect("resized");
        assert_eq!(resized.actual, limits(cpu_milli), "read back from the kernel");
        assert_eq!(services.resize(&key, &id(), 1, &limits(cpu_milli)).expect("again"), resized);
        assert_eq!(services.limits_in_force(&id()), Some(limits(cpu_milli)));
    }
    let reused = services.resize(&OpKey::new("resize", "200"), &id(), 1, &limits(300));
    assert!(matches!(reused, Err(DriverError::KeyReused { .. })), "{reused:?}");
    let seen = services.observe(&id(), Detail::Counters).expect("observed").remove(0);
    assert_eq!((seen.role, seen.node.as_str(), seen.limits.cpu_milli), (Role::Active, A, 900));
    assert!(seen.position >= 1 && seen.mem_kib > 0 && seen.fault.is_none(), "{seen:?}");
    assert!(services.traffic(&id()).expect("counts").requests >= 1 && services.reports().len() == 1);
    services.stop(&OpKey::new("stop", "1"), &id(), 1).expect("stopped");
    services.stop(&OpKey::new("stop", "1"), &id(), 1).expect("twice equals once");
    assert!(world.processes().is_empty() && !services.has(&id()));
    assert!(world.client().get("/").is_err(), "nobody listens any more");
}

#[test]
fn a_move_under_load_loses_no_request() {
    let Some(world) = World::new("move") else { return };
    let files = [("index.html", "hello"), ("page", "hello"), ("port", "{port}")];
    let command = format!(
        "command = [{PYTHON:?}, \"-m\", \"http.server\", \"{{port}}\", \"--bind\", \"127.0.0.1\", \"--directory\", \"{{folder}}\"]"
    );
    moves_under_load(&world, &command, &files);
}

#[test]
fn nginx_moves_under_load_without_a_lost_request() {
    let Some(nginx) = nginx() else { return println!("SKIP nginx: it is not installed") };
    let Some(world) = World::new("nginx") else { return };
    let text = "daemon off; worker_processes 2; error_log stderr; pid {folder}/nginx.pid; events {}\n\
        http { access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
        fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
        server { listen 127.0.0.1:{port}; location / { return 200 'hello'; } location /port { return 200 '{port}'; } } }";
    let command = format!("command = [{nginx:?}, \"-e\", \"stderr\", \"-c\", \"{{folder}}/nginx.conf\"]");
    moves_under_load(&world, &command, &[("nginx.conf", text)]);
}

fn moves_under_load(world: &World, command: &str, files: &[(&str, &str)]) {
    world.define(command, files, "");
    world.start(A, 1, 900).expect("started");
    let (first, before) = (world.get("/port"), world.processes());
    let load = Load::begin(world, 4);
    let the_move = the_move(world, B);
    let report = the_move.shadow_until_decided();
    assert_eq!((report.verdict(4, false), report.aborted.as_deref()), (Verdict::Pass, None), "{report:?}");
    let observed = world.services().observe(&id(), Detail::Counters).expect("observed");
    assert_eq!(observed.iter().map(|o| o.role).collect::<Vec<_>>(), [Role::Active, Role::Shadow]);
    assert_eq!(observed[1].limits, limits(700), "the copy has the target's limit");
    the_move.fence();
    let activated = the_move.activate().expect("activated");
    assert_eq!(the_move.activate().expect("again"), activated);
    assert!(activated.warm && activated.pause_micros > 0 && activated.limits == limits(700), "{activated:?}");
    the_move.verify();
    the_move.release();
    let second = world.get("/port");
    assert_ne!(second, first, "the copy on the target answers");
    assert_eq!(world.groups(), ["ins_a.nod_b"]);
    assert!(before.keys().all(|pid| !world.processes().contains_key(pid)), "the old copy is gone");
    for _ in 0..20 {
        assert_eq!(world.get("/port"), second);
    }
    let (answered, failed) = load.end();
    assert!(failed.is_empty(), "{} of {answered}: {:?}", failed.len(), failed.first());
    let counts = world.services().traffic(&id()).expect("counts");
    assert!(answered > 40 && counts.failed == 0 && counts.broken == 0, "{answered} {counts:?}");
}

#[test]
fn a_service_that_nobody_calls_is_verified_after_its_move() {
    let Some(world) = World::new("quiet") else { return };
    world.start(A, 1, 500).expect("started");
    world.get("/node");
    let the_move = the_move(&world, B);
    let report = the_move.shadow().expect("not ready yet is no fault");
    assert_eq!((report.verdict(1, false), report.aborted), (Verdict::Running, None));
    the_move.fence();
    wait_for("a ready copy", || the_move.activate().ok());
    the_move.verify();
    the_move.release();
    assert_eq!(world.get("/node"), B);
}

#[test]
fn a_copy_that_answers_otherwise_fails_with_both_values() {
    let Some(world) = World::new("other") else { return };
    world.start(A, 1, 500).expect("started");
    let load = Load::begin(&world, 2);
    let the_move = the_move(&world, "nod_other");
    let report = the_move.shadow_until_decided();
    assert_eq!(report.verdict(4, false), Verdict::Fail);
    let first = &report.comparison.differences[0];
    assert!(first.field.contains("body") && first.field.contains("GET /page"), "{first:?}");
    assert!(first.live.contains("hello") && first.shadow.contains("another page"), "{first:?}");
    world.services().drop_shadow(&the_move.key("drop"), &id()).expect("dropped");
    world.services().drop_shadow(&the_move.key("drop"), &id()).expect("twice equals once");
    assert_eq!((world.groups(), world.get("/node")), (vec!["ins_a.nod_a".to_owned()], A.to_owned()));
    assert_eq!(load.end().1, Vec::<String>::new());
}

#[test]
fn a_copy_that_is_too_slow_fails_the_shadow_run() {
    let Some(world) = World::new("slow") else { return };
    let rules = "min_compared = 10\nlatency_percent = 100\nlatency_allowance_millis = 100\nheld_paths = [\"/node\"]";
    world.define(&format!("command = [{PYTHON:?}, \"{{folder}}/server.py\"]"), &[("server.py", SCRIPT)], rules);
    world.start(A, 1, 500).expect("started");
    let load = Load::begin(&world, 1);
    let report = the_move(&world, "nod_slow").shadow_until_decided();
    assert_eq!((report.verdict(4, false), report.comparison.too_slow), (Verdict::Fail, true), "{report:?}");
    assert_eq!(report.comparison.differences[0].field, "latency");
    load.end();
}

#[test]
fn a_copy_that_never_gets_ready_aborts_with_its_output() {
    let Some(world) = World::new("unready") else { return };
    world.start(A, 1, 500).expect("started");
    world.get("/node");
    // Only later copies see this definition: the first one runs.
    world.services().stop(&OpKey::new("stop", "1"), &id(), 1).expect("stopped");
    let script =
        format!("import os\nif os.environ['HEADROOM_NODE'] == '{B}': exit('no licence for this node')\n{SCRIPT}");
    world.define(&format!("command = [{PYTHON:?}, \"{{folder}}/server.py\"]"), &[("server.py", &script)], "");
    world.start(A, 2, 500).expect("started");
    let the_move = Move { epoch: 2, ..the_move(&world, B) };
    let report = the_move.shadow_until_decided();
    let reason = report.aborted.as_deref().expect("aborted");
    assert!(reason.contains("has ended") && reason.contains("no licence for this node"), "{reason}");
    assert_eq!(report.verdict(1, true), Verdict::Inconclusive);
    assert!(matches!(the_move.activate(), Err(DriverError::EpochAhead { .. })), "there is no fence");
    world.services().drop_shadow(&the_move.key("drop"), &id()).expect("dropped");
    assert_eq!((world.groups(), world.get("/node")), (vec!["ins_a.nod_a".to_owned()], A.to_owned()));
}

#[test]
fn after_a_rollback_the_source_answers_again() {
    let Some(world) = World::new("rollback") else { return };
    let services = world.services();
    world.start(A, 1, 500).expect("started");
    let load = Load::begin(&world, 2);
    let before = world.processes();
    // After the fence, and after the activation.
    for (swap, epoch, activates) in [("one", 1, false), ("two", 3, true)] {
        let the_move = Move { swap, epoch, ..the_move(&world, B) };
        the_move.shadow_until_decided();
        the_move.fence();
        if activates {
            the_move.activate().expect("activated");
            assert_eq!(world.get("/node"), B);
        }
        let rolled_back = services.rollback(&the_move.key("rollback"), &id(), epoch + 2).expect("rolled back");
        assert_eq!((rolled_back.node.as_str(), rolled_back.epoch), (A, epoch + 2));
        assert_eq!(services.rollback(&the_move.key("rollback"), &id(), epoch + 2).expect("again"), rolled_back);
        assert_eq!(world.get("/node"), A);
        assert_eq!(world.processes(), before, "the source runs on, the copy is gone");
        let late = services.release(&the_move.key("late"), &id(), epoch + 1);
        assert!(matches!(late, Err(DriverError::StaleEpoch { .. })), "{late:?}");
    }
    assert_eq!(load.end().1, Vec::<String>::new());
}

#[test]
fn a_fence_gives_way_to_a_request_that_does_not_end() {
    let Some(world) = World::new("in-flight") else { return };
    let services = world.services();
    world.start(A, 1, 500).expect("started");
    world.get("/node");
    let the_move = the_move(&world, B);
    the_move.shadow().expect("begun");
    let mut client = world.client();
    let long = std::thread::spawn(move || client.get("/long"));
    wait_for("it", || (services.traffic(&id())?.in_flight > 0).then_some(()));
    let fenced = services.fence(&the_move.key("fence"), &id(), 1, 2);
    assert!(matches!(&fenced, Err(DriverError::Unanswered { told, .. }) if told.contains("in flight")), "{fenced:?}");
    assert_eq!(world.get("/node"), A, "nobody waits in the meantime");
    // The market counts on, whether or not there was a fence.
    let back = services.rollback(&the_move.key("rollback"), &id(), 3).expect("rolled back");
    assert_eq!((back.node.as_str(), back.pause_micros, services.active_epoch(&id())), (A, 0, Some(3)));
    assert_eq!(world.groups(), ["ins_a.nod_a"]);
    std::fs::write(world.path("state/ins_a.nod_a.folder/go"), "").expect("written");
    assert_eq!(long.join().expect("a client").expect("an answer").0, 200, "it is answered to its end");
}

#[test]
fn a_service_that_ends_by_itself_is_told() {
    let Some(world) = World::new("ends") else { return };
    world.start(A, 1, 500).expect("started");
    world.get("/node");
    let _ = world.client().get("/end");
    let fault =
        wait_for("a fault", || world.services().observe(&id(), Detail::Counters).expect("observed").remove(0).fault);
    assert!(fault.contains("has ended") && fault.contains("exit status: 3"), "{fault}");
    assert!(world.services().reports()[0].1.ended.is_some());
    world.services().stop(&OpKey::new("stop", "1"), &id(), 1).expect("stopped");
    world.start(A, 2, 500).expect("started");
    assert_eq!(world.get("/node"), A);
}

#[test]
fn a_stale_epoch_is_refused_in_every_operation() {
    let Some(world) = World::new("stale") else { return };
    let services = world.services();
    world.start(A, 5, 500).expect("started");
    let key = |step: &str| OpKey::new("late", step);
    let refused = [
        world.start(A, 4, 500).err(),
        services.resize(&key("resize"), &id(), 4, &limits(100)).err(),
        services.snapshot(&key("snapshot"), &id(), 4, None).err(),
        services.fence(&key("fence"), &id(), 4, 9).err(),
        services.release(&key("release"), &id(), 4).err(),
        services.stop(&key("stop"), &id(), 4).err(),
        Move { epoch: 4, ..the_move(&world, B) }.shadow().err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(DriverError::StaleEpoch { given: 4, seen: 5, .. })), "{error:?}");
    }
    let back = services.rollback(&key("rollback"), &id(), 5);
    assert!(matches!(back, Err(DriverError::EpochNotNewer { .. })), "{back:?}");
    assert_eq!(world.get("/node"), A);
    let capabilities = services.capabilities();
    assert_eq!(capabilities.of(Operation::Shadow), Support::Native);
    assert!(matches!(capabilities.of(Operation::Transfer), Support::Emulated(_)));
    assert!(
        capabilities.lacks(Operation::Suspend).is_some() && capabilities.lacks(Operation::ResizeMemoryUp).is_some()
    );
}
