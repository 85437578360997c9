//! A workload that wins in another pool is carried there whole, has its place at home kept, and comes back.

use crate::support::away::*;
use crate::support::movers;
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::*;
use headroom_market::book::{OrderRequest, Resell, Side, TimeInForce, Window};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, NodeId, OrderId, ParticipantId, SwapId};
use headroom_market::round::occupancy::Occupancy;
use headroom_market::settlement::meter::Reading;
use headroom_market::swap::SwapState;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Credits, Resource, amount};
use headroom_market::workload::{Class, InstanceState};
use std::sync::Arc;

const CPU: [Resource; 1] = [Resource::CpuMilli];

/// Two pools of one node each: at home 4,000 of which 3,500 are the workload's, 10,000 elsewhere and cheaper.
struct Two {
    world: World,
    tenant: ParticipantId,
    instance: InstanceId,
    home: NodeId,
    elsewhere: NodeId,
}

fn cpu(quantity: i64) -> Amounts {
    [(Resource::CpuMilli, quantity)].into()
}

fn two() -> Two {
    let mut world = World::new(1);
    pool(&mut world, "p", &CPU, "0.0005");
    pool(&mut world, "q", &CPU, "0.0004");
    let home = node(&mut world, "p", "home", cpu(4_000));
    let elsewhere = node(&mut world, "q", "elsewhere", cpu(10_000));
    let tenant = participant(&mut world, "tenant", "1000");
    let instance = workload(&mut world, tenant, "p", cpu(3_500), cpu(9_000));
    Two { world, tenant, instance, home, elsewhere }
}

fn request(
    world: &World,
    instance: InstanceId,
    quantity: i64,
    limit: &str,
    pools: &[&str],
    min_fill: &str,
) -> OrderRequest {
    let first = RHYTHM.first_open(world.now);
    OrderRequest {
        instance: Some(instance),
        window: Window { start_at: first.start(), end_at: first.plus(1, RHYTHM.slot_seconds).start() },
        latest_start_at: None,
        replicas: 1,
        resources: cpu(quantity),
        pools: choices(pools),
        assurance: Default::default(),
        limit: limit.parse().unwrap(),
        min_fill: min_fill.parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        expires_at: None,
        resell: Resell::OwnLimit,
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: Class::Standard,
        client_bid_id: None,
    }
}

impl Two {
    fn place(&mut self, side: Side, request: OrderRequest) -> Reply {
        let participant = self.tenant;
        self.world.run(Command::PlaceOrder { participant, side, request: Box::new(request), client_order: None })
    }
    /// Of 1,000 more than its baseline.
    fn bid(&mut self, limit: &str, pools: &[&str]) -> OrderId {
        let request = request(&self.world, self.instance, 1_000, limit, pools, "1");
        match self.place(Side::Bid, request) {
            Reply::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }
    fn round(&mut self) {
        let seal = movers::seal(&self.world.state, self.world.now);
        let Reply::Sealed { round, book } = self.world.run(seal) else { panic!("no round") };
        let outcome = crate::support::cleared(&book);
        let result_hash = outcome.result_hash().to_owned();
        let reply = self.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
        assert!(matches!(reply, Reply::Done), "{reply:?}");
        no_node_is_promised_twice(&self.world);
    }
    /// Lets the time come at which a slot is planned, and plans it.
    fn plan(&mut self, slot: Slot) {
        self.world.now = self.world.now.max(RHYTHM.gate_closes(slot));
        self.world.run(Command::PlanSlot { slot });
        check_plan(&self.world, slot);
    }
    fn swap(&self) -> Option<SwapId> {
        self.world.state.instances[&self.instance].swap
    }
    /// Takes the swap under way to its end; fails it for `reason` once it has come to a state.
    fn carry_out(&mut self, fails: Option<(SwapState, &str)>) {
        let swap = self.swap().expect("it is to be changed");
        while let Some(state) = self.world.state.swaps.get(&swap).map(|s| s.state) {
            let report = StepReport::default();
            let result = match fails {
                Some((at, reason)) if at == state => {
                    StepResult::Failed { state, reason: reason.into(), detail: "test".into(), report }
                }
                _ => StepResult::Succeeded { state, report },
            };
            self.world.run(Command::StepSwap { swap, result });
        }
    }
    fn node(&self) -> NodeId {
        self.world.state.instances[&self.instance].node
    }
    fn has(&self) -> i64 {
        amount(&self.world.state.instances[&self.instance].in_force, Resource::CpuMilli)
    }
    fn room(&self, node: NodeId, slot: Slot) -> i64 {
        Occupancy::of(&self.world.state, &[slot]).room(&self.world.state.nodes[&node], slot, Resource::CpuMilli)
    }
    /// Wins elsewhere, is planned for it: the slot.
    fn carried_off(&mut self) -> Slot {
        let slot = RHYTHM.first_open(self.world.now);
        self.bid("100", &["p", "q"]);
        self.round();
        self.plan(slot);
        slot
    }
    /// One tick that shows what is in force, as the exchange meters it.
    fn settle(&mut self, slot: Slot) {
        self.world.now = RHYTHM.slot_end(slot).plus_seconds(6);
        let instance = &self.world.state.instances[&self.instance];
        let mut reading = Reading::new(self.instance, Resource::CpuMilli);
        reading.add_tick(self.has() - amount(instance.unbought_in(slot), Resource::CpuMilli));
        self.world.run(Command::SettleSlot { slot, readings: vec![reading] });
    }
    fn reason(&self, id: OrderId) -> Option<String> {
        self.world.state.orders[&id].last_reason.as_ref().map(|why| why.reason.code().to_owned())
    }
}

#[test]
fn it_is_carried_whole_kept_a_place_at_home_and_brought_back() {
    let mut two = two();
    let slot = two.carried_off();
    let award = two.world.state.awards.values().next().expect("it has won").clone();
    assert_eq!((award.lines.len(), award.lines[0].pool.as_str(), award.lines[0].quantity), (1, "q", 4_500));
    assert_eq!((award.nodes.as_slice(), award.resell), (&[two.elsewhere][..], false));
    two.carry_out(None);
    assert_eq!((two.node(), two.has()), (two.elsewhere, 4_500));
    assert_eq!((two.room(two.home, slot), two.room(two.elsewhere, slot)), (500, 5_500));
    assert_eq!(two.world.state.instances[&two.instance].pool, "p", "its own pool stays what it is");
    let next = slot.plus(1, RHYTHM.slot_seconds);
    assert_eq!((two.room(two.home, next), two.room(two.elsewhere, next)), (500, 10_000), "it is to be home by then");
    two.settle(slot);
    let receipt = two.world.receipts.last().expect("it was settled").clone();
    assert_eq!((receipt.lines[0].awarded, receipt.lines[0].delivered), (4_500, 4_500));
    two.plan(next);
    two.carry_out(None);
    assert_eq!((two.node(), two.has()), (two.home, 3_500));
    assert_eq!(two.world.state.instances[&two.instance].away, None);
    let states: Vec<_> = two.world.log.iter().flat_map(|(_, e)| e).filter_map(pools_of_ended_swap).collect();
    assert_eq!(states, [("p".to_owned(), "q".to_owned()), ("q".to_owned(), "p".to_owned())]);
}

fn pools_of_ended_swap(event: &Event) -> Option<(String, String)> {
    match event {
        Event::SwapChanged(s) if s.ended_at.is_some() => Some((s.pool_from.clone(), s.pool_to.clone())),
        _ => None,
    }
}

/// 4,500 for 0.0004 a unit is 1.8; the fee is counted for the way out and for the way home.
#[test]
fn it_leaves_only_for_a_price_that_leaves_it_its_fees() {
    for (limit, fee, expected) in
        [("1.81", "0", true), ("1.79", "0", false), ("2.01", "0.1", true), ("1.99", "0.1", false)]
    {
        let mut two = two();
        let strategy = headroom_market::workload::Strategy { move_fee: fee.parse().unwrap(), ..Default::default() };
        let (participant, instance) = (two.tenant, two.instance);
        two.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
        two.bid(limit, &["p", "q"]);
        two.round();
        assert_eq!(!two.world.state.awards.is_empty(), expected, "{limit} with a fee of {fee}");
    }
}

#[test]
fn where_it_fits_at_home_and_that_is_cheaper_it_stays() {
    let mut two = two();
    let small = request(&two.world, two.instance, 400, "100", &["p", "q"], "1");
    assert!(matches!(two.place(Side::Bid, small), Reply::Order(_)));
    two.round();
    let award = two.world.state.awards.values().next().expect("it has won");
    assert_eq!((award.lines[0].pool.as_str(), award.lines[0].quantity, award.nodes[0]), ("p", 400, two.home));
}

#[test]
fn its_other_orders_wait_until_it_is_home() {
    let mut two = two();
    let seconds = RHYTHM.slot_seconds;
    let slot = RHYTHM.first_open(two.world.now);
    two.bid("100", &["q"]);
    let mut later = request(&two.world, two.instance, 200, "100", &["p"], "0");
    (later.window.start_at, later.window.end_at) = (slot.plus(2, seconds).start(), slot.plus(3, seconds).start());
    let Reply::Order(other) = two.place(Side::Bid, later) else { panic!("refused") };
    // Another slot than it bids for: nobody trades with itself.
    let mut lends = request(&two.world, two.instance, 300, "0.1", &["p"], "0");
    (lends.window.start_at, lends.window.end_at) = (slot.plus(3, seconds).start(), slot.plus(4, seconds).start());
    let Reply::Order(offer) = two.place(Side::Offer, lends) else { panic!("refused") };
    two.round();
    let away = || Some("WORKLOAD_AWAY".to_owned());
    assert_eq!((two.reason(other), two.reason(offer)), (away(), away()), "beside the bid that carries it");
    two.round_with_another_bid();
    assert_eq!((two.reason(other), two.reason(offer)), (away(), away()), "while it is to go");
    two.plan(slot);
    two.carry_out(None);
    two.plan(slot.plus(1, seconds));
    two.carry_out(None);
    two.round_with_another_bid();
    assert_ne!(two.reason(offer), away(), "it is home");
}

impl Two {
    /// A round needs somebody who bids.
    fn round_with_another_bid(&mut self) {
        let mut any = request(&self.world, self.instance, 100, "1", &["q"], "0");
        any.instance = None;
        any.window.start_at = RHYTHM.last_open(self.world.now).start();
        any.window.end_at = RHYTHM.last_open(self.world.now).plus(1, RHYTHM.slot_seconds).start();
        assert!(matches!(self.place(Side::Bid, any), Reply::Order(_)));
        self.round();
    }
}

#[test]
fn what_it_has_lent_or_won_at_home_keeps_it_there() {
    for side in [Side::Offer, Side::Bid] {
        let mut two = two();
        let (limit, quantity) = if side == Side::Offer { ("0.001", 300) } else { ("10", 300) };
        let first = request(&two.world, two.instance, quantity, limit, &["p"], "0");
        assert!(matches!(two.place(side, first), Reply::Order(_)));
        if side == Side::Offer {
            let mut buyer = request(&two.world, two.instance, 800, "10", &["p"], "1");
            buyer.instance = None;
            let other = participant(&mut two.world, "other", "100");
            let place = Command::PlaceOrder {
                participant: other,
                side: Side::Bid,
                request: Box::new(buyer),
                client_order: None,
            };
            assert!(matches!(two.world.run(place), Reply::Order(_)));
        }
        two.round();
        assert!(two.world.state.awards_of(two.instance).next().is_some(), "{side:?}");
        let leaves = two.bid("100", &["q"]);
        two.round_with_another_bid();
        assert_eq!(two.reason(leaves), Some("NEEDED_AT_HOME".to_owned()), "{side:?}");
    }
}

#[test]
fn one_that_could_not_be_carried_there_has_what_it_had_and_pays_nothing() {
    for (state, reason) in [
        (SwapState::Snapshot, "io"),
        (SwapState::Shadow, "shadow_mismatch"),
        (SwapState::Activated, "io"),
        (SwapState::Verified, "service_level_worse"),
    ] {
        let mut two = two();
        let slot = two.carried_off();
        two.carry_out(Some((state, reason)));
        assert_eq!((two.node(), two.has()), (two.home, 3_500), "{state:?}");
        let by_exchange = two.world.state.instances[&two.instance].failed_by_exchange.contains(&slot);
        assert_eq!(by_exchange, reason == "io", "the exchange pays for nothing that a member can bring about");
        assert_eq!(two.world.state.instances[&two.instance].away, None);
        let spent = two.world.state.available(two.tenant);
        two.settle(slot);
        let receipt = two.world.receipts.last().expect("it was settled").clone();
        assert_eq!(receipt.lines[0].delivered, 0, "what it has at home is its own");
        let fee = receipt.reservation_fee;
        assert_eq!(fee.is_zero(), reason != "shadow_mismatch", "only its own program costs it the fee");
        let back = two.world.state.available(two.tenant) - spent;
        assert_eq!(back, receipt.lines[0].credit_note - fee);
        assert_eq!(receipt.lines[0].amount, Credits::ZERO);
    }
}

/// Its program passes the shadow run on the way out and fails it on the way home: it may not stay for nothing.
#[test]
fn a_program_that_can_not_be_brought_home_ends() {
    for (state, reason, ends) in [
        (SwapState::Shadow, "shadow_mismatch", true),
        (SwapState::Shadow, "shadow_inconclusive", true),
        (SwapState::Shadow, "deadline", false),
        (SwapState::Activated, "memory_in_use", false),
        (SwapState::Activated, "io", false),
    ] {
        let mut two = two();
        let slot = two.carried_off();
        two.carry_out(None);
        let next = slot.plus(1, RHYTHM.slot_seconds);
        two.plan(next);
        two.carry_out(Some((state, reason)));
        let instance = two.world.state.instances[&two.instance].clone();
        assert_eq!(instance.state == InstanceState::Failed, ends, "{state:?} {reason}");
        if ends {
            assert_eq!(instance.node, two.home, "that is where it is started again");
            let why = instance.fault.expect("it is said why").detail;
            assert!(why.contains("brought home") && why.contains(reason), "{why}");
            let (participant, instance) = (two.tenant, two.instance);
            assert!(matches!(two.world.run(Command::StartInstance { participant, instance }), Reply::Instance(_)));
            assert_eq!((two.node(), two.has()), (two.home, 3_500));
            continue;
        }
        // By others' fault: it keeps its baseline where it is, nobody is sold that, and the next slot tries again.
        assert_eq!(two.node(), two.elsewhere);
        two.carry_out(None);
        assert_eq!(two.has(), 3_500);
        let later = next.plus(2, RHYTHM.slot_seconds);
        assert_eq!(two.room(two.elsewhere, later), 6_500, "it may be late");
        two.plan(next.plus(1, RHYTHM.slot_seconds));
        two.carry_out(None);
        assert_eq!((two.node(), two.has()), (two.home, 3_500));
        assert_eq!(two.room(two.elsewhere, later), 10_000);
    }
}

#[test]
fn stopped_while_away_it_is_started_at_home() {
    let mut two = two();
    let slot = two.carried_off();
    two.carry_out(None);
    two.world.now = slot.start().plus_seconds(5);
    let (participant, instance) = (two.tenant, two.instance);
    assert!(matches!(two.world.run(Command::StopInstance { participant, instance }), Reply::Instance(_)));
    assert_eq!(two.node(), two.home);
    assert!(matches!(two.world.run(Command::StartInstance { participant, instance }), Reply::Instance(_)));
    assert_eq!((two.node(), two.has()), (two.home, 3_500), "its baseline, and not what it has won elsewhere");
    assert_eq!(two.world.state.instances[&two.instance].away, None, "it does not go again");
    two.settle(slot);
    let receipt = two.world.receipts.last().expect("it was settled");
    assert_eq!((receipt.lines[0].delivered, receipt.credit_note), (4_500, Credits::ZERO), "it is no way out of paying");
    assert!(two.world.state.instances[&two.instance].given_up.is_empty(), "settled and forgotten");
}

#[test]
fn a_bid_that_can_not_carry_its_workload_is_refused() {
    let mut two = two();
    let mem = [Resource::CpuMilli, Resource::MemMib];
    pool(&mut two.world, "r", &mem, "0.0004");
    node(&mut two.world, "r", "third", [(Resource::CpuMilli, 9_000), (Resource::MemMib, 9_000)].into());
    let both = workload(
        &mut two.world,
        two.tenant,
        "r",
        [(Resource::CpuMilli, 100), (Resource::MemMib, 100)].into(),
        [(Resource::CpuMilli, 900), (Resource::MemMib, 900)].into(),
    );
    let refused = |reply: Reply| match reply {
        Reply::Refused(refusal) => (refusal.code, refusal.pointer),
        other => panic!("{other:?}"),
    };
    let part = request(&two.world, two.instance, 100, "1", &["p", "q"], "0.5");
    assert_eq!(refused(two.place(Side::Bid, part)), ("away_not_whole", "/min_fill".to_owned()));
    let mut stays = request(&two.world, two.instance, 100, "1", &["q"], "1");
    stays.no_displacement = true;
    assert_eq!(refused(two.place(Side::Bid, stays)), ("away_without_move", "/no_displacement".to_owned()));
    let lacks = request(&two.world, both, 100, "1", &["r", "q"], "1");
    assert_eq!(refused(two.place(Side::Bid, lacks)), ("away_without_resource", "/pools/1/pool".to_owned()));
    let offer = request(&two.world, two.instance, 100, "1", &["q"], "0");
    assert_eq!(refused(two.place(Side::Offer, offer)).0, "offer_outside_home_pool");
}

/// Home again with its last slot elsewhere not settled yet, and two more nodes there.
#[test]
fn right_after_its_return_a_bid_at_home_is_for_its_own_node() {
    for quantity in [200, 400, 600] {
        let mut two = two();
        for name in ["n1", "n2"] {
            node(&mut two.world, "p", name, cpu(4_000));
        }
        let next = two.carried_off().plus(1, RHYTHM.slot_seconds);
        two.carry_out(None);
        two.plan(next);
        two.world.now = next.start().plus_seconds(2);
        two.carry_out(None);
        let mut later = request(&two.world, two.instance, quantity, "100", &["p"], "0");
        later.window.start_at = RHYTHM.last_open(two.world.now).start();
        later.window.end_at = RHYTHM.last_open(two.world.now).plus(1, RHYTHM.slot_seconds).start();
        let Reply::Order(id) = two.place(Side::Bid, later) else { panic!("refused") };
        two.round();
        let award = two.world.state.awards.values().find(|a| a.order == id).expect("it has won");
        assert_eq!((award.lines[0].quantity, award.nodes.as_slice()), (quantity.min(500), &[two.home][..]));
    }
}

/// On time, it takes nothing from those who buy there for later.
#[test]
fn what_it_has_elsewhere_is_for_sale_for_the_slots_after_its_window() {
    let mut two = two();
    let next = two.carried_off().plus(1, RHYTHM.slot_seconds);
    two.carry_out(None);
    let later = next.plus(2, RHYTHM.slot_seconds);
    two.plan(next);
    assert_eq!(two.room(two.elsewhere, later), 10_000);
}

/// A bid that has no part in the round keeps nothing from its workload's others.
#[test]
fn a_bid_above_its_workloads_limit_makes_no_other_order_wait() {
    let mut two = two();
    let slot = RHYTHM.first_open(two.world.now);
    let leaves = request(&two.world, two.instance, 5_400, "900", &["q"], "1");
    assert!(matches!(two.place(Side::Bid, leaves), Reply::Order(_)));
    let instance = two.instance;
    two.world.run(Command::SetBaseline { instance, baseline: cpu(3_700), floor: cpu(100) });
    let mut offer = request(&two.world, two.instance, 300, "0.1", &["p"], "0");
    offer.window = Window { start_at: slot.start(), end_at: slot.plus(1, RHYTHM.slot_seconds).start() };
    let Reply::Order(offer) = two.place(Side::Offer, offer) else { panic!("refused") };
    two.round_with_another_bid();
    assert_ne!(two.reason(offer), Some("WORKLOAD_AWAY".to_owned()));
}

/// The way out fails by the exchange: it has failed for all of the window, and who lent for it is paid.
#[test]
fn who_lent_for_it_is_paid_where_the_exchange_failed() {
    let mut two = two();
    let (slot, seconds) = (RHYTHM.first_open(two.world.now), RHYTHM.slot_seconds);
    let mut long = request(&two.world, two.instance, 1_000, "900", &["q"], "1");
    long.window.end_at = slot.plus(3, seconds).start();
    assert!(matches!(two.place(Side::Bid, long), Reply::Order(_)));
    two.round();
    two.plan(slot);
    two.carry_out(Some((SwapState::Snapshot, "io")));
    let failed: Vec<Slot> = two.world.state.instances[&two.instance].failed_by_exchange.iter().copied().collect();
    assert_eq!(failed, [0, 1, 2].map(|n| slot.plus(n, seconds)));
}
