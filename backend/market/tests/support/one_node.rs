//! A market of one node on which one lends so that it may take back, and two others buy.
#![allow(dead_code)]
use super::away::{node, pool, workload};
use super::movers;
use super::recallable::{self, Seen};
use super::world::{RHYTHM, World, participant};
use super::world_steps::*;
use headroom_market::book::{Assurance, OrderRequest, PoolChoice, Resell, Side, TimeInForce, Window};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, NodeId, OrderId, ParticipantId};
use headroom_market::settlement::meter::{Reading, Run};
use headroom_market::swap::recall::{self, Recall};
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::swap::{SwapState, plan};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Amounts, Credits, Price, Resource, amount};
use headroom_market::workload::Class;
use std::sync::Arc;

pub const CPU: Resource = Resource::CpuMilli;

pub fn cpu(quantity: i64) -> Amounts {
    [(CPU, quantity)].into()
}

/// One node of the pool `p`: a lender of 2,000 and two buyers of 500 each on it.
pub struct One {
    pub world: World,
    pub node: NodeId,
    pub lender: (ParticipantId, InstanceId),
    pub buyers: Vec<(ParticipantId, InstanceId)>,
    pub slot: Slot,
}

pub fn one(capacity: i64) -> One {
    let mut world = World::new(7);
    pool(&mut world, "p", &[CPU, Resource::MemMib], "0.0005");
    let node = node(&mut world, "p", "only", [(CPU, capacity), (Resource::MemMib, 9_000)].into());
    let mut member = |name: &str, baseline: i64| {
        let owner = participant(&mut world, name, "1000");
        (owner, workload(&mut world, owner, "p", cpu(baseline), cpu(5_000)))
    };
    let lender = member("lender", 2_000);
    let buyers = vec![member("first", 500), member("second", 500)];
    let reply = world.run(Command::OpenRecallable { pool: "p".into() });
    assert!(matches!(reply, Reply::Pool(slug) if slug == "p~recallable"));
    let slot = RHYTHM.first_open(world.now);
    One { world, node, lender, buyers, slot }
}

/// Asks for nothing yet: where, when and of what is for whoever takes it.
pub fn plain(limit: &str) -> OrderRequest {
    OrderRequest {
        instance: None,
        window: Window { start_at: Timestamp::default(), end_at: Timestamp::default() },
        latest_start_at: None,
        replicas: 1,
        resources: Amounts::new(),
        pools: Vec::new(),
        assurance: Assurance::Firm,
        limit: limit.parse().unwrap(),
        min_fill: "0".parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        expires_at: None,
        resell: Resell::Never,
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: Class::Standard,
        client_bid_id: None,
    }
}

/// Seals, clears, verifies and records.
pub fn hold_round(world: &mut World) {
    let seal = movers::seal(&world.state, world.now);
    let reply = world.run(seal);
    let Reply::Sealed { round, book } = reply else { panic!("no round: {reply:?}") };
    let outcome = crate::support::cleared(&book);
    let result_hash = outcome.result_hash().to_owned();
    let reply = world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    assert!(matches!(reply, Reply::Done), "{reply:?}");
}

impl One {
    /// Ticks at which it stood still and that nobody took come first.
    pub fn reading(&self, id: InstanceId, limits: &[i64], absent: u32, missed: u32) -> Reading {
        let baseline = amount(&self.world.state.instances[&id].baseline, CPU);
        let mut reading = Reading::new(id, CPU);
        [Run::Absent { absent }, Run::Missed { missed }].into_iter().for_each(|run| reading.add(run));
        limits.iter().for_each(|l| reading.add_tick(l - baseline));
        reading
    }
    pub fn end(&mut self, readings: Vec<Reading>) {
        self.world.now = RHYTHM.slot_end(self.slot).plus_seconds(5);
        self.world.run(Command::SettleSlot { slot: self.slot, readings });
    }
    pub fn request(&self, instance: InstanceId, quantity: i64, limit: &str) -> OrderRequest {
        OrderRequest {
            instance: Some(instance),
            window: Window { start_at: self.slot.start(), end_at: self.slot.plus(1, RHYTHM.slot_seconds).start() },
            resources: cpu(quantity),
            pools: vec![PoolChoice { pool: "p".into(), adder: Credits::ZERO }],
            assurance: Assurance::Recallable,
            ..plain(limit)
        }
    }
    pub fn place(&mut self, who: ParticipantId, side: Side, request: OrderRequest) -> Reply {
        self.world.run(Command::PlaceOrder { participant: who, side, request: Box::new(request), client_order: None })
    }
    pub fn placed(
        &mut self,
        (who, instance): (ParticipantId, InstanceId),
        side: Side,
        quantity: i64,
        limit: &str,
    ) -> OrderId {
        let request = self.request(instance, quantity, limit);
        match self.place(who, side, request) {
            Reply::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }
    pub fn round(&mut self) {
        hold_round(&mut self.world);
        no_node_is_promised_twice(&self.world);
    }
    /// The slot begins, and all of its swaps are done.
    pub fn begin(&mut self) {
        self.world.now = RHYTHM.gate_closes(self.slot);
        self.world.run(Command::PlanSlot { slot: self.slot });
        check_plan(&self.world, self.slot);
        self.world.now = self.slot.start().plus_seconds(1);
        self.carry_out();
    }
    pub fn carry_out(&mut self) {
        for _ in 0..40 {
            let ready = |s: &&headroom_market::swap::Swap| plan::may_begin(&self.world.state, s);
            let Some(swap) = self.world.state.swaps.values().find(ready).cloned() else { break };
            // What a node has is never more than promised: the driver would refuse.
            if swap.state == SwapState::Reserved {
                let there = self.world.state.instances.values().filter(|i| i.node == swap.node_to);
                let others = there.filter(|i| i.id != swap.instance);
                let used: i64 = others.map(|i| amount(&i.in_force, CPU)).sum();
                let capacity = amount(&self.world.state.nodes[&swap.node_to].capacity, CPU);
                assert!(used + amount(&swap.limits_to, CPU) <= capacity, "{used} and {:?}", swap.limits_to);
            }
            let result = StepResult::Succeeded { state: swap.state, report: StepReport::default() };
            self.world.run(Command::StepSwap { swap: swap.id, result });
        }
        assert!(self.world.state.swaps.is_empty());
    }
    /// The swaps of one slot.
    pub fn carry_out_of(&mut self, slot: Slot) {
        for _ in 0..40 {
            let ready = |s: &&headroom_market::swap::Swap| s.slot == slot && plan::may_begin(&self.world.state, s);
            let Some(swap) = self.world.state.swaps.values().find(ready).cloned() else { break };
            let result = StepResult::Succeeded { state: swap.state, report: StepReport::default() };
            self.world.run(Command::StepSwap { swap: swap.id, result });
        }
    }
    pub fn in_force(&self, instance: InstanceId) -> i64 {
        amount(&self.world.state.instances[&instance].in_force, CPU)
    }
    pub fn recall(&mut self, quantity: Option<i64>) -> recall::Recalled {
        let recall = Recall { instance: self.lender.1, resource: CPU, slot: self.slot, quantity };
        recallable::recall(&mut self.world, recall, &mut Seen::default()).expect("it may")
    }
    /// Settles the slot by the limits of each quarter of it.
    pub fn settle(&mut self, quarters: [i64; 4], of: InstanceId) {
        let mut readings = Vec::new();
        for instance in self.world.state.instances.values() {
            let mut reading = Reading::new(instance.id, CPU);
            let baseline = amount(&instance.baseline, CPU);
            for quarter in quarters {
                // The others keep what they have now.
                let limit = if instance.id == of { quarter } else { amount(&instance.in_force, CPU) };
                reading.add_tick(limit - baseline);
            }
            readings.push(reading);
        }
        self.world.now = RHYTHM.slot_end(self.slot).plus_seconds(5);
        self.world.run(Command::SettleSlot { slot: self.slot, readings });
    }
    pub fn price(&self) -> Price {
        let product = &self.world.state.products[&("p~recallable".to_owned(), CPU, self.slot)];
        product.last_price.expect("it was traded")
    }
}

/// The lender and the first buyer have traded 1,000 at the lender's limit: nobody else is there to raise it.
pub fn traded(capacity: i64) -> One {
    let mut one = one(capacity);
    one.placed(one.lender, Side::Offer, 1_000, "0.2");
    one.placed(one.buyers[0], Side::Bid, 600, "0.6");
    one.placed(one.buyers[1], Side::Bid, 400, "0.8");
    one.round();
    one
}

pub fn second_lender(one: &mut One, baseline: i64) -> (ParticipantId, InstanceId) {
    let owner = participant(&mut one.world, "other lender", "1000");
    let id = workload(&mut one.world, owner, "p", cpu(baseline), cpu(5_000));
    (owner, id)
}
