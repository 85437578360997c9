//! A machine moves while it runs, or goes on where it was.
use std::thread;
use std::time::Duration;

use headroom_execution::qemu::Monitor;
use headroom_execution::qemu::migrate::{How, MoveError, Settings, migrate};
use serde_json::Value;

use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(20);
const WAITING: [&str; 3] = ["-incoming", "defer", "-S"];

fn monitor(world: &World, name: &str) -> Monitor {
    Monitor::connect(&world.socket(name), PATIENCE).expect("it runs")
}

fn state(monitor: &mut Monitor) -> String {
    let told = monitor.ask("query-status", &Value::Null, PATIENCE).expect("it answers");
    told["status"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_machine_moves_while_it_works() {
    moves("a_machine_moves_while_it_works", How::PreCopy);
}

#[test]
fn a_machine_runs_while_its_memory_follows() {
    moves("a_machine_runs_while_its_memory_follows", How::PostCopy);
}

fn moves(test: &str, how: How) {
    let Some(world) = World::new(test) else { return };
    world.start("next", &WAITING).expect("started before");
    let (mut source, mut target) = (monitor(&world, "web"), monitor(&world, "next"));
    let through = world.folder().join("through");
    let moved = migrate(&mut source, &mut target, &through, &Settings { how, ..Settings::default() });
    let moved = moved.expect("moved");
    println!("128 MiB, {how:?}: {moved:?}");
    assert!(moved.sent_bytes > 1 << 20 && moved.pause_micros > 0 && moved.rounds > 0, "{moved:?}");
    assert_eq!(state(&mut target), "running");
    let done = world.work("web");
    world.works_beyond("next", done);
    assert_eq!(world.work("web"), done, "the source works no more");
    assert!(Monitor::connect(&world.socket("web"), Duration::from_millis(500)).is_err(), "it is gone");
}

#[test]
fn a_move_that_takes_too_long_is_given_up() {
    let Some(world) = World::new("a_move_that_takes_too_long_is_given_up") else { return };
    world.start("next", &WAITING).expect("started before");
    let (mut source, mut target) = (monitor(&world, "web"), monitor(&world, "next"));
    let slow = Settings { bytes_a_second: 2 << 20, patience: Duration::from_secs(1), ..Settings::default() };
    let given_up = migrate(&mut source, &mut target, &world.folder().join("through"), &slow);
    assert!(matches!(&given_up, Err(MoveError::RunsOn(why)) if why.contains("longer than 1 s")), "{given_up:?}");
    let done = world.work("web");
    world.works_beyond("web", done);
    assert_eq!(world.work("next"), 0, "the target has never run");
}

#[test]
fn the_source_runs_on_when_the_target_dies() {
    let Some(world) = World::new("the_source_runs_on_when_the_target_dies") else { return };
    world.start("next", &WAITING).expect("started before");
    let (mut source, mut target) = (monitor(&world, "web"), monitor(&world, "next"));
    let slow = Settings { bytes_a_second: 2 << 20, ..Settings::default() };
    let failed = thread::scope(|scope| {
        let copying = scope.spawn(|| migrate(&mut source, &mut target, &world.folder().join("through"), &slow));
        thread::sleep(Duration::from_millis(700));
        world.kill("next");
        copying.join().expect("it ends")
    });
    assert!(matches!(&failed, Err(MoveError::RunsOn(_))), "{failed:?}");
    println!("{}", failed.expect_err("failed"));
    let done = world.work("web");
    world.works_beyond("web", done);
}

#[test]
fn a_target_that_could_run_by_itself_is_refused() {
    let Some(world) = World::new("a_target_that_could_run_by_itself_is_refused") else { return };
    world.start("next", &WAITING[..2]).expect("started before");
    let (mut source, mut target) = (monitor(&world, "web"), monitor(&world, "next"));
    let through = world.folder().join("through");
    let refused = migrate(&mut source, &mut target, &through, &Settings::default());
    assert!(matches!(&refused, Err(MoveError::NotBegun(why)) if why.contains("-S")), "{refused:?}");
    let refused = migrate(&mut target, &mut source, &through, &Settings::default());
    assert!(matches!(&refused, Err(MoveError::NotBegun(why)) if why.contains("inmigrate")), "{refused:?}");
    assert_eq!(state(&mut source), "running");
}
