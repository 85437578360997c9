//! A machine's balloon: memory that the guest gives back, and memory that it needs.
use headroom_execution::{Driver, Limits, NodeId, VerifyRequest};

use crate::world::{World, adopt, instance, key, resize};

const MIB: u64 = 1_024;

#[test]
fn a_balloon_takes_what_the_guest_can_spare() {
    let Some(world) = World::new("a_balloon_takes_what_the_guest_can_spare") else { return };
    let driver = world.driver();
    adopt(&driver, &world.machine(&driver), 1, 900).expect("adopted");
    let resized = resize(&driver, "less", 1, Limits::new(900, 104 * MIB)).expect("shrunk");
    assert_eq!((resized.before.mem_kib, resized.actual.mem_kib), (128 * MIB, 104 * MIB));
    assert_eq!(world.candidate(&driver, "web").0.told.balloon_kib, Some(104 * MIB));
    let limits = Limits::new(900, 104 * MIB);
    let verify = VerifyRequest {
        instance: instance(),
        node: NodeId::from("nod_a"),
        epoch: 1,
        limits,
        min_progress: 0,
        watched_micros: 0,
    };
    assert!(driver.verify(&verify).expect("verified").passed);
    let too_little = resize(&driver, "none", 1, Limits::new(500, 16 * MIB)).expect_err("it needs more");
    assert_eq!(too_little.code(), "memory_in_use");
    assert_eq!(
        driver.observe(&instance(), headroom_execution::Detail::Counters).expect("seen")[0].limits.cpu_milli,
        900
    );
    let done = world.work("web");
    world.works_beyond("web", done);
    let beyond = resize(&driver, "more", 1, Limits::new(900, 512 * MIB)).expect("grown");
    assert_eq!(beyond.actual.mem_kib, 128 * MIB, "no more than it has, and the answer says so");
    resize(&driver, "less-again", 1, Limits::new(900, 112 * MIB)).expect("shrunk");
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
    assert_eq!(world.candidate(&driver, "web").0.told.balloon_kib, Some(128 * MIB), "it has its own again");
}

#[test]
fn memory_stays_where_the_guest_has_no_balloon() {
    let Some(world) = World::new("memory_stays_where_the_guest_has_no_balloon") else { return };
    world.kill("web");
    world.start("web", &["--bare"]).expect("started before");
    let driver = world.driver();
    let machine = world.candidate(&driver, "web").0;
    assert_eq!(machine.told.balloon_kib, None);
    adopt(&driver, &machine.machine, 1, 900).expect("adopted for its CPU");
    let refused = resize(&driver, "less", 1, Limits::new(800, 96 * MIB)).expect_err("no balloon");
    assert!(refused.to_string().contains("-device virtio-balloon-pci"), "{refused}");
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
    world.kill("web");
    world
        .start("web", &["-append", "console=ttyS0 quiet panic=-1 rdinit=/init tsc=reliable nodrivers"])
        .expect("again");
    adopt(&driver, &world.machine(&driver), 2, 900).expect("adopted");
    let refused = resize(&driver, "less", 2, Limits::new(800, 96 * MIB)).expect_err("no driver");
    assert!(refused.to_string().contains("virtio_balloon"), "{refused}");
    driver.stop(&key("stop"), &instance(), 2).expect("let go");
}
