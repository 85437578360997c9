//! Adopting what runs already: what the agent of another machine tells is checked at the gate.

use crate::support::away::{node, pool};
use crate::support::world::{World, participant};
use headroom_market::command::{Adopt, Command, Reply};
use headroom_market::units::{Amounts, Resource};
use headroom_market::workload::{Adopted, Class, ClusterPod, HostProcess, SlurmJob, Strategy, VirtualMachine};

fn cpu(quantity: i64) -> Amounts {
    [(Resource::CpuMilli, quantity)].into()
}

/// The refusal of what runs on a node, with a baseline; nothing where it is adopted. Then it can be adopted no second time.
fn refusal_of(adopted: Adopted, baseline: i64) -> Option<&'static str> {
    let mut world = World::new(1);
    pool(&mut world, "p", &[Resource::CpuMilli], "0.0005");
    let node = node(&mut world, "p", "batch", cpu(16_000));
    let owner = participant(&mut world, "tenant", "1000");
    let lot = match &adopted {
        Adopted::SlurmJob(job) => job.node_cpu_milli,
        _ => 1,
    };
    let adopt = Adopt {
        participant: owner,
        name: "simulation".to_owned(),
        node,
        class: Class::Standard,
        baseline: cpu(baseline),
        floor: cpu(baseline),
        limit: cpu(baseline),
        strategy: Strategy::default(),
        adopted,
    };
    match world.run(Command::Adopt(Box::new(adopt.clone()))) {
        Reply::Instance(id) => {
            assert_eq!(world.state.instances[&id].lot(Resource::CpuMilli), lot);
            let again = world.run(Command::Adopt(Box::new(adopt)));
            assert!(matches!(&again, Reply::Refused(refusal) if refusal.code == "already_adopted"), "{again:?}");
            None
        }
        Reply::Refused(refusal) => Some(refusal.code),
        other => panic!("{other:?}"),
    }
}

/// The refusal of a job whose nodes are said to have so much.
fn refusal(node_cpu_milli: i64, baseline: i64) -> Option<&'static str> {
    let (cluster, name) = ("c".to_owned(), "simulation".to_owned());
    refusal_of(Adopted::SlurmJob(SlurmJob { cluster, job: 7, submitted_at: 1, name, node_cpu_milli }), baseline)
}

/// The refusal of a pod with these names.
fn refusal_of_pod([namespace, name, uid, container]: [&str; 4], baseline: i64) -> Option<&'static str> {
    let [namespace, name, uid, container] = [namespace, name, uid, container].map(str::to_owned);
    refusal_of(Adopted::Pod(ClusterPod { namespace, name, uid, container }), baseline)
}

#[test]
fn a_job_is_adopted_with_whole_nodes_only() {
    assert_eq!(refusal(4_000, 8_000), None);
    assert_eq!(refusal(4_000, 6_000), Some("lot_not_whole"));
    assert_eq!(refusal(4_000, 0), Some("lot_not_whole"));
}

#[test]
fn a_job_of_impossible_nodes_is_refused() {
    for told in [0, -4_000, i64::MIN, i64::MAX, 1_000_000_001] {
        assert_eq!(refusal(told, 4_000), Some("job_not_adoptable"), "{told}");
    }
}

#[test]
fn a_pod_is_adopted_with_what_a_kernel_can_hold_it_to() {
    let web = ["default", "web-5d4f9c7b6-x2x8z", "7d1c-4f", "app"];
    assert_eq!(refusal_of_pod(web, 10), None);
    assert_eq!(refusal_of_pod(web, 9), Some("floor_below_driver"));
    let long = "x".repeat(254);
    for (at, name) in [(0, ""), (1, "web/exec"), (2, "../x"), (3, long.as_str())] {
        let mut names = web;
        names[at] = name;
        assert_eq!(refusal_of_pod(names, 500), Some("pod_not_adoptable"), "{names:?}");
    }
}

#[test]
fn a_machine_is_its_process_and_has_a_short_name() {
    let refusal = |name: &str, baseline| {
        let process = HostProcess { pid: 7, started_ticks: 1, boot: "b".to_owned(), command: "qemu".to_owned() };
        refusal_of(Adopted::Vm(VirtualMachine { name: name.to_owned(), vcpus: 2, process }), baseline)
    };
    assert_eq!(refusal("Web-1.example_2", 10), None);
    assert_eq!(refusal("web", 9), Some("floor_below_driver"));
    let long = "x".repeat(65);
    for name in ["", "../web", "a b", "web\n", long.as_str()] {
        assert_eq!(refusal(name, 500), Some("vm_not_adoptable"), "{name:?}");
    }
    let machine = |name: &str, pid| {
        let process = HostProcess { pid, started_ticks: 1, boot: "b".to_owned(), command: name.to_owned() };
        Adopted::Vm(VirtualMachine { name: name.to_owned(), vcpus: 1, process })
    };
    assert!(machine("web", 7).is(&machine("db", 7)), "one process is one machine, whatever it is called");
    assert!(!machine("web", 7).is(&machine("web", 8)), "the next machine of that name is another");
    let process = |pid| HostProcess { pid, started_ticks: 1, boot: "b".to_owned(), command: "qemu".to_owned() };
    assert!(Adopted::Process(process(7)).is(&machine("web", 7)), "also where it was adopted as a process");
    assert!(!machine("web", 7).is(&Adopted::Process(process(8))));
}
