//! Draining a node: each workload moves to another node of its pool once nothing holds it, and nothing is promised twice.

use crate::exchange_random::{check_replay, check_settlement};
use crate::support::away::{node, pool, workload};
use crate::support::movers;
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::*;
use headroom_market::book::{OrderRequest, Side};
use headroom_market::command::{Command, NewInstance, Reply};
use headroom_market::ids::{InstanceId, NodeId, ParticipantId};
use headroom_market::pool::NodeState;
use headroom_market::swap::cause::CauseKind;
use headroom_market::swap::drain::{Leaving, leaving};
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Resource};
use headroom_market::workload::Class;
use std::collections::BTreeSet;
use std::sync::Arc;

fn cpu(quantity: i64) -> Amounts {
    [(Resource::CpuMilli, quantity)].into()
}

/// Nodes of 4,000 and 2,000, and two workloads of 1,500 on the first.
struct Drained {
    world: World,
    tenant: ParticipantId,
    workloads: [InstanceId; 2],
    from: NodeId,
    to: NodeId,
}

impl Drained {
    fn new() -> Self {
        let mut world = World::new(1);
        pool(&mut world, "p", &[Resource::CpuMilli], "0.0005");
        let from = node(&mut world, "p", "from", cpu(4_000));
        let tenant = participant(&mut world, "tenant", "1000");
        let workloads = [0, 1].map(|_| workload(&mut world, tenant, "p", cpu(1_500), cpu(3_000)));
        let to = node(&mut world, "p", "to", cpu(2_000));
        Self { world, tenant, workloads, from, to }
    }

    fn set(&mut self, node: NodeId, state: NodeState) {
        assert!(matches!(self.world.run(Command::SetNodeState { node, state }), Reply::Node(_)));
    }

    fn leaving(&self, at: usize) -> Option<Leaving> {
        leaving(&self.world.state, self.world.now, self.workloads[at])
    }

    fn next(&self) -> Slot {
        self.world.state.market.planned_until.max(Slot::containing(self.world.now, RHYTHM.slot_seconds))
    }

    /// Without rounds what was won would go on.
    fn round(&mut self) {
        let seal = movers::seal(&self.world.state, self.world.now);
        let Reply::Sealed { round, book } = self.world.run(seal) else { panic!("no round") };
        let outcome = crate::support::cleared(&book);
        let result_hash = outcome.result_hash().to_owned();
        self.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    }

    fn plan(&mut self) {
        let slot = self.next();
        self.world.now = self.world.now.max(RHYTHM.gate_closes(slot));
        self.world.run(Command::PlanSlot { slot });
        no_node_is_promised_twice(&self.world);
    }

    fn carry_out(&mut self) {
        while let Some(swap) = self.world.state.swaps.values().next() {
            let (swap, state, report) = (swap.id, swap.state, StepReport::default());
            self.world.run(Command::StepSwap { swap, result: StepResult::Succeeded { state, report } });
        }
    }

    fn on(&self, node: NodeId) -> usize {
        self.world.state.instances.values().filter(|i| i.node == node).count()
    }
}

#[test]
fn the_highest_class_leaves_a_drained_node_first() {
    let mut drained = Drained::new();
    let registered = drained.world.log.iter().find_map(|(envelope, _)| match &envelope.command {
        Command::RegisterInstance(new) => Some(new.clone()),
        _ => None,
    });
    let (participant, allowed) = (drained.tenant, Some(Class::Critical));
    drained.world.run(Command::SetQuota { participant, quota: None, instance_limit: None, highest_class: allowed });
    let node = Some(drained.from);
    let new = NewInstance { class: Class::Critical, node, baseline: cpu(1_000), ..*registered.expect("the first") };
    let Reply::Instance(critical) = drained.world.run(Command::RegisterInstance(Box::new(new))) else {
        panic!("registered")
    };
    drained.set(drained.from, NodeState::Draining);
    drained.plan();
    let leaving = drained.world.state.swaps.values().filter(|swap| swap.moves());
    assert_eq!(leaving.map(|swap| swap.instance).collect::<Vec<_>>(), [critical], "the other node has room for one");
}

#[test]
fn a_drained_node_is_left_as_far_as_others_have_room() {
    let mut drained = Drained::new();
    assert_eq!(drained.leaving(0), None, "nobody leaves a node that is up");
    drained.set(drained.from, NodeState::Draining);
    assert_eq!([0, 1].map(|at| drained.leaving(at)), [Some(Leaving::Waiting), Some(Leaving::Waiting)]);
    drained.plan();
    let swaps: Vec<_> = drained.world.state.swaps.values().cloned().collect();
    let [swap] = &swaps[..] else { panic!("the other node has room for one: {swaps:?}") };
    assert_eq!((swap.node_from, swap.node_to), (drained.from, drained.to));
    assert_eq!(swap.causes.iter().map(|c| (c.kind, c.quantity)).collect::<Vec<_>>(), [(CauseKind::Drained, 1_500)]);
    let moving = drained.workloads.iter().position(|id| *id == swap.instance).expect("one of both");
    assert_eq!(drained.leaving(moving), Some(Leaving::Moving(swap.id)));
    drained.carry_out();
    assert_eq!((drained.on(drained.from), drained.on(drained.to)), (1, 1));
    assert_eq!((drained.leaving(moving), drained.leaving(1 - moving)), (None, Some(Leaving::NoRoom)));
    // A third node takes the other one.
    let third = node(&mut drained.world, "p", "third", cpu(2_000));
    drained.plan();
    drained.carry_out();
    assert_eq!((drained.on(drained.from), drained.on(third)), (0, 1));
}

#[test]
fn a_workload_with_capacity_on_a_drained_node_uses_it_first() {
    let mut drained = Drained::new();
    let slot = RHYTHM.first_open(drained.world.now);
    let request = crate::support::one_node::plain("100");
    let request = OrderRequest {
        instance: Some(drained.workloads[0]),
        window: headroom_market::book::Window {
            start_at: slot.start(),
            end_at: slot.plus(1, RHYTHM.slot_seconds).start(),
        },
        resources: cpu(800),
        pools: crate::support::away::choices(&["p"]),
        min_fill: "1".parse().unwrap(),
        no_displacement: true,
        ..request
    };
    let (participant, side) = (drained.tenant, Side::Bid);
    let placed =
        drained.world.run(Command::PlaceOrder { participant, side, request: Box::new(request), client_order: None });
    assert!(matches!(placed, Reply::Order(_)), "{placed:?}");
    drained.round();
    assert_eq!(drained.world.state.awards.len(), 1, "it has won");

    drained.set(drained.from, NodeState::Draining);
    assert_eq!(drained.leaving(0), Some(Leaving::WonHere(RHYTHM.slot_end(slot))));
    while drained.next() <= slot {
        drained.plan();
        drained.carry_out();
        assert_eq!(drained.world.state.instances[&drained.workloads[0]].node, drained.from);
    }
    // The other one has gone meanwhile, and a node for this one is there after the slot.
    let third = node(&mut drained.world, "p", "third", cpu(2_000));
    assert_eq!(drained.leaving(0), Some(Leaving::Waiting));
    drained.plan();
    drained.carry_out();
    assert_eq!(drained.world.state.instances[&drained.workloads[0]].node, third);
    assert_eq!(drained.on(drained.from), 0);
}

#[test]
fn random_lives_with_drained_nodes_promise_nothing_twice() {
    let (mut begun, mut ended, mut moved) = (0, 0, BTreeSet::new());
    for seed in 9_000..9_200 {
        let (world, _) = random_life_with(seed, |world, command| {
            if world.chance.below(12) == 0 {
                let at = world.chance.below(world.state.nodes.len() as u64) as usize;
                let (node, state) = world.state.nodes.values().nth(at).map(|n| (n.id, n.state)).expect("a node");
                let (to, count) = if state == NodeState::Up {
                    (NodeState::Draining, &mut begun)
                } else {
                    (NodeState::Up, &mut ended)
                };
                *count += 1;
                world.run(Command::SetNodeState { node, state: to });
            }
            no_node_is_promised_twice(world);
            command
        });
        for event in world.log.iter().flat_map(|(_, events)| events) {
            if let headroom_market::event::Event::SwapChanged(swap) = event
                && swap.causes.iter().any(|c| c.kind == CauseKind::Drained)
                && swap.state == headroom_market::swap::SwapState::Done
            {
                moved.insert(swap.id);
            }
        }
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{begun} drains, {ended} ended, {} moves", moved.len());
    assert!(begun > 300 && ended > 100 && moved.len() > 10, "{begun} {ended} {}", moved.len());
}
