//! Adopting what runs already: what the agent of another machine tells is checked at the gate.

use crate::support::away::{node, pool};
use crate::support::world::{World, participant};
use headroom_market::command::{Adopt, Command, Reply};
use headroom_market::units::{Amounts, Resource};
use headroom_market::workload::{Adopted, Class, SlurmJob, Strategy};

fn cpu(quantity: i64) -> Amounts {
    [(Resource::CpuMilli, quantity)].into()
}

/// The refusal of a job whose nodes are said to have so much, with a baseline; nothing where it is adopted.
fn refusal(node_cpu_milli: i64, baseline: i64) -> Option<&'static str> {
    let mut world = World::new(1);
    pool(&mut world, "p", &[Resource::CpuMilli], "0.0005");
    let node = node(&mut world, "p", "batch", cpu(16_000));
    let owner = participant(&mut world, "tenant", "1000");
    let (cluster, name) = ("c".to_owned(), "simulation".to_owned());
    let job = SlurmJob { cluster, job: 7, submitted_at: 1, name, node_cpu_milli };
    let adopt = Adopt {
        participant: owner,
        name: "simulation".to_owned(),
        node,
        class: Class::Standard,
        baseline: cpu(baseline),
        floor: cpu(baseline),
        limit: cpu(baseline),
        strategy: Strategy::default(),
        adopted: Adopted::SlurmJob(job),
    };
    match world.run(Command::Adopt(Box::new(adopt))) {
        Reply::Instance(id) => {
            assert_eq!(world.state.instances[&id].lot(Resource::CpuMilli), node_cpu_milli);
            None
        }
        Reply::Refused(refusal) => Some(refusal.code),
        other => panic!("{other:?}"),
    }
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
