//! A machine is taken in, limited, let go; and what happens to it meanwhile.
use std::thread::sleep;
use std::time::Duration;

use headroom_execution::{
    Adopting, Detail, DrillOf, Driver, DriverError, Limits, NodeId, Operation, Support, VerifyRequest,
};
use headroom_market::workload::VirtualMachine;

use crate::world::{World, adopt, instance, key, request, resize};

fn refused(answer: Result<impl std::fmt::Debug, DriverError>) -> String {
    answer.expect_err("refused").to_string()
}

#[test]
fn a_running_machine_is_held_to_its_limit_by_the_kernel() {
    let Some(world) = World::new("a_running_machine_is_held_to_its_limit_by_the_kernel") else { return };
    let driver = world.driver();
    let (found, workload) = world.candidate(&driver, "web");
    assert_eq!((&found.refused, workload), (&None, None));
    let told = &found.told;
    assert_eq!((told.status.as_str(), told.vcpus, told.mem_kib), ("running", 1, 128 << 10));
    assert_eq!(told.balloon_kib, Some(128 << 10), "{told:?}");
    println!("KVM boots the kernel here: {}", told.is_kvm);
    assert!(found.cpu_milli > 0 && found.resident_kib > 0, "{found:?}");

    let started = adopt(&driver, &found.machine, 1, 300).expect("adopted");
    assert_eq!(started.limits, Limits::new(300, 0), "read back from the kernel");
    assert_eq!(adopt(&driver, &found.machine, 1, 300).expect("again"), started, "twice equals once");
    assert_eq!(world.candidate(&driver, "web").1, Some(instance()));
    for cpu_milli in [300, 100, 600] {
        let limits = Limits::new(cpu_milli, 0);
        let resized = resize(&driver, &format!("to-{cpu_milli}"), 1, limits.clone()).expect("resized");
        assert_eq!(resized.actual, limits);
        driver.observe(&instance(), Detail::Counters).expect("observed");
        sleep(Duration::from_millis(1_500));
        let seen = driver.observe(&instance(), Detail::Counters).expect("observed").remove(0);
        // The kernel may grant a period more than a window holds.
        assert!(seen.cpu_milli <= cpu_milli + cpu_milli / 5 + 20, "{} of {cpu_milli}", seen.cpu_milli);
        assert!(seen.cpu_milli > 0 && seen.fault.is_none() && seen.mem_kib > 0, "{seen:?}");
        let verify = VerifyRequest {
            instance: instance(),
            node: NodeId::from("nod_a"),
            epoch: 1,
            limits,
            min_progress: 0,
            watched_micros: 0,
        };
        assert!(driver.verify(&verify).expect("verified").passed);
    }
    let done = world.work("web");
    world.works_beyond("web", done);
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
    assert!(driver.reports().is_empty());
    let after = world.candidate(&driver, "web");
    assert_eq!((after.0.machine, after.1), (found.machine, None), "the same process, and free again");
}

#[test]
fn an_agent_killed_in_a_change_finds_its_machines_again() {
    let Some(world) = World::new("an_agent_killed_in_a_change_finds_its_machines_again") else { return };
    let first = world.driver();
    let machine = world.machine(&first);
    adopt(&first, &machine, 1, 200).expect("adopted");
    // What is forgotten here ends as a killed agent does: nothing of it is taken back.
    std::mem::forget(first);
    let second = world.driver();
    assert_eq!(world.candidate(&second, "web").1, Some(instance()), "the kernel knows it");
    assert_eq!(adopt(&second, &machine, 2, 250).expect("adopted").limits, Limits::new(250, 0));
    assert_eq!(resize(&second, "late", 1, Limits::new(900, 0)).expect_err("older").code(), "stale_epoch");
    assert_eq!(second.limits_in_force(&instance()), Some(Limits::new(250, 0)));
    std::mem::forget(second);
    let third = world.driver();
    third.let_go_others(&Default::default()).expect("let go");
    assert_eq!(world.candidate(&third, "web").1, None, "nobody wants it any more");
}

#[test]
fn another_machine_with_the_same_name_is_never_touched() {
    let Some(world) = World::new("another_machine_with_the_same_name_is_never_touched") else { return };
    let driver = world.driver();
    let first = world.machine(&driver);
    adopt(&driver, &first, 1, 200).expect("adopted");
    world.kill("web");
    world.start("web", &[]).expect("started before");
    let report = driver.reports().remove(0).1;
    assert_eq!(report.ended.as_deref(), Some("the machine web has ended"));
    let (next, workload) = world.candidate(&driver, "web");
    assert!(!next.machine.process.is(&first.process) && workload.is_none() && next.refused.is_none(), "{next:?}");
    let memory = resize(&driver, "memory", 1, Limits::new(200, 96 << 10));
    assert!(refused(memory).contains("by now"), "its balloon is another's");
    let again = adopt(&driver, &first, 2, 200).expect("taken in, to be told of");
    assert_eq!(again.epoch, 2);
    assert!(driver.reports()[0].1.ended.is_some());
    driver.stop(&key("stop"), &instance(), 2).expect("let go");
    // A server that mixes them up changes nothing.
    let mixed = VirtualMachine { name: "db".to_owned(), ..next.machine.clone() };
    world.start("db", &[]).expect("started before");
    assert!(refused(adopt(&driver, &mixed, 3, 200)).contains("the machine db is process"));
    assert!(driver.reports().is_empty());
}

#[test]
fn what_is_no_machine_of_the_folder_is_not_limited() {
    let Some(world) = World::new("what_is_no_machine_of_the_folder_is_not_limited") else { return };
    let driver = world.driver();
    let machine = world.machine(&driver);
    let own = headroom_execution::linux::find(std::process::id()).expect("it runs");
    let forged = VirtualMachine { process: own.clone(), ..machine.clone() };
    assert!(refused(adopt(&driver, &forged, 1, 200)).contains("is not QEMU"));
    let elsewhere = VirtualMachine { name: "../web".to_owned(), ..machine.clone() };
    assert!(refused(adopt(&driver, &elsewhere, 1, 200)).contains("is no name of a machine"));
    let mut process = request(&machine, 1, 200);
    process.adopted = headroom_market::workload::Adopted::Process(own);
    assert!(refused(driver.adopt(&key("process"), &process)).contains("--qemu"));
    let linux = headroom_execution::linux::Linux::new("test-of-others");
    assert!(refused(linux.adopt(&key("vm"), &request(&machine, 1, 200))).contains("--qemu"));
}

#[test]
fn what_the_driver_lacks_is_refused_with_its_reason() {
    let Some(world) = World::new("what_the_driver_lacks_is_refused_with_its_reason") else { return };
    let driver = world.driver();
    adopt(&driver, &world.machine(&driver), 1, 500).expect("adopted");
    let capabilities = driver.capabilities();
    assert_eq!(capabilities.enforces, [headroom_market::units::Resource::CpuMilli].into());
    for (operation, support) in &capabilities.operations {
        println!("{operation:?}: {support:?}");
    }
    let lacks = |operation| capabilities.lacks(operation).expect("it cannot");
    let snapshot = driver.snapshot(&key("snapshot"), &instance(), 1, None);
    assert!(refused(snapshot).contains(&lacks(Operation::SnapshotFull)));
    let fenced = driver.fence(&key("fence"), &instance(), 1, 2);
    assert!(refused(fenced).contains(&lacks(Operation::Fence)));
    let drill = driver.drill(&instance(), 1, DrillOf::Shrink);
    assert!(refused(drill).contains(&lacks(Operation::Drill)));
    let suspended = driver.suspend(&key("suspend"), &instance(), 1, &Limits::new(100, 0));
    assert!(refused(suspended).contains(&lacks(Operation::Suspend)));
    let start = driver.capabilities().of(Operation::Start);
    assert!(matches!(start, Support::Unsupported(_)), "{start:?}");
    assert_eq!(driver.limits_in_force(&instance()), Some(Limits::new(500, 0)), "nothing of it was changed");
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
}
