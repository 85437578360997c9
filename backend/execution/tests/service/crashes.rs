//! The exchange ends in any phase, and its next life finds the copies.
use std::process::{Child, Command, Stdio};

use headroom_execution::service::Services;
use headroom_execution::{Adopting, Detail, Driver, DriverError, OpKey, Program, StartFrom, StartRequest};

use crate::world::{Load, World, id, limits, node, wait_for};
use crate::{A, B, the_move};

/// A phase of a move, its steps until then, and the market's node and epoch after the crash.
const PHASES: [(&str, usize, &str, u64); 6] = [
    ("started", 0, A, 2),
    ("shadow", 1, A, 2),
    ("fenced", 2, A, 4),
    ("activated", 3, A, 4),
    ("releasing", 3, B, 4),
    ("released", 4, B, 4),
];

#[test]
fn a_crash_in_any_phase_leaves_one_copy() {
    for (phase, reached, at, epoch) in PHASES {
        let Some(mut world) = World::new(&format!("crash-{phase}")) else { return };
        world.start(A, 1, 500).expect("started");
        world.get("/node");
        {
            let the_move = the_move(&world, B);
            let load = Load::begin(&world, 1);
            if reached > 0 {
                the_move.shadow_until_decided();
            }
            load.end();
            if reached > 1 {
                the_move.fence();
            }
            if reached > 2 {
                the_move.activate().expect("activated");
            }
            if reached > 3 {
                the_move.release();
            }
        }
        let before = world.processes();
        world.crash();
        assert!(world.services().has(&id()), "{phase}: its copies are known");
        assert_eq!(world.processes(), before, "{phase}: nobody ends what the market may want");
        // From the fence on the new epoch is on disk.
        let newest = if reached > 1 { 2 } else { 1 };
        let stale = world.start(at, newest - 1, 600);
        assert!(matches!(stale, Err(DriverError::StaleEpoch { .. })), "{phase}: {stale:?}");
        let started = world.start(at, epoch, 600).expect("taken on");
        assert_eq!((started.epoch, started.limits), (epoch, limits(600)), "{phase}");
        assert_eq!(world.get("/node"), at, "{phase}");
        let after = world.processes();
        assert_eq!(after.len(), 1, "{phase}: {after:?}");
        assert!(after.keys().all(|pid| before.contains_key(pid)), "{phase}: it was not restarted");
        let observed = world.services().observe(&id(), Detail::Counters).expect("observed");
        assert!(observed.len() == 1 && observed[0].fault.is_none(), "{phase}: {observed:?}");
        world.services().stop(&OpKey::new("stop", "last"), &id(), epoch).expect("stopped");
        assert!(world.processes().is_empty(), "{phase}");
        let left = std::fs::read_dir(world.path("state")).expect("the state").count();
        assert_eq!(left, 0, "{phase}: no file is left");
    }
}

/// It ends with its test.
struct Life(Child);

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Another life of the exchange, in a process of its own; run by the next test.
#[test]
fn life_of_an_exchange() {
    let Ok(folder) = std::env::var("LIFE_FOLDER") else { return };
    let folder = std::path::Path::new(&folder);
    let name = std::env::var("LIFE_NAME").expect("a name");
    let services = Services::new(&name, &folder.join("services"), &folder.join("state")).expect("begun");
    let request = StartRequest {
        instance: id(),
        node: node(A),
        epoch: 1,
        program: Program("web".to_owned()),
        limits: limits(500),
        from: StartFrom::Fresh,
    };
    services.start(&OpKey::new("start", "1"), &request).expect("started");
    println!("it runs");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_exchange_finds_its_copy_again() {
    let Some(mut world) = World::new("killed") else { return };
    let life = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crashes::life_of_an_exchange", "--nocapture"])
        .env("LIFE_FOLDER", world.folder.path())
        .env("LIFE_NAME", &world.name)
        .stdout(Stdio::null())
        .spawn()
        .expect("a life");
    let mut life = Life(life);
    wait_for("an answer", || world.client().get("/node").ok());
    let before = world.processes();
    life.0.kill().and_then(|()| life.0.wait()).expect("killed");
    assert!(world.client().get("/node").is_err(), "the front has ended with the exchange");
    world.crash();
    world.start(A, 2, 300).expect("taken on");
    assert_eq!((world.get("/node").as_str(), world.processes()), (A, before));
    // A copy that has ended between two lives is started anew.
    let _ = world.client().get("/end");
    wait_for("its end", || world.processes().is_empty().then_some(()));
    world.crash();
    world.start(A, 3, 300).expect("started");
    assert_eq!(world.get("/node"), A);
}

#[test]
fn a_group_that_no_file_knows_is_ended_at_the_start() {
    let Some(mut world) = World::new("orphan") else { return };
    world.start(A, 1, 500).expect("started");
    world.get("/node");
    std::fs::remove_file(world.path("state/ins_a.nod_a.json")).expect("removed");
    world.crash();
    assert!(world.processes().is_empty() && !world.services().has(&id()));
    world.start(A, 1, 500).expect("started");
    world.get("/node");
    world.crash();
    world.services().let_go_others(&[id()].into()).expect("kept");
    assert_eq!(world.processes().len(), 1);
    world.services().let_go_others(&Default::default()).expect("ended");
    assert!(world.processes().is_empty(), "the market does not know it any more");
}
