//! Relocations: who goes to another pool by which rule, what keeps it at home, and that nothing is promised twice meanwhile.

use crate::exchange_random::{check_replay, check_settlement};
use crate::support::away::{choices, pool, workload};
use crate::support::movers;
use crate::support::world::{RHYTHM, World, amounts, participant};
use crate::support::world_steps::*;
use headroom_market::advice::score::PERFORMANCE_PROPERTY;
use headroom_market::book::{OrderRequest, Side, Window};
use headroom_market::command::{Command, NewInstance, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, NodeId, ParticipantId};
use headroom_market::round::AwardKind;
use headroom_market::swap::Swap;
use headroom_market::swap::cause::CauseKind;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Credits, Price, Resource};
use headroom_market::workload::relocation::{MOST_A_SLOT, due, stays};
use headroom_market::workload::{
    AutoBid, Class, Instance, InstanceState, RelocationEnd, RelocationRule, SlotOutlook, Strategy,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn cpu(quantity: i64) -> Amounts {
    [(Resource::CpuMilli, quantity)].into()
}

fn measured(world: &mut World, pool: &str, name: &str, capacity: Amounts, speed: Option<i64>) -> NodeId {
    let properties = speed.map(|speed| (PERFORMANCE_PROPERTY.to_owned(), speed)).into_iter().collect();
    match world.run(Command::CreateNode { name: name.into(), pool: pool.into(), capacity, properties }) {
        Reply::Node(id) => id,
        other => panic!("{other:?}"),
    }
}

/// A fast, dear pool and one of half its speed at a third of its price; a workload of 400 that may have 2,000.
struct Two {
    world: World,
    tenant: ParticipantId,
    id: InstanceId,
    fast: NodeId,
    slow: NodeId,
}

impl Two {
    fn new() -> Self {
        Self::with(Some(500), 4_000)
    }

    fn with(slow_speed: Option<i64>, slow_capacity: i64) -> Self {
        let mut world = World::new(1);
        pool(&mut world, "fast", &[Resource::CpuMilli], "0.0009");
        pool(&mut world, "slow", &[Resource::CpuMilli], "0.0003");
        let fast = measured(&mut world, "fast", "f", cpu(4_000), Some(1_000));
        let slow = measured(&mut world, "slow", "s", cpu(slow_capacity), slow_speed);
        let tenant = participant(&mut world, "tenant", "1000");
        let id = workload(&mut world, tenant, "fast", cpu(400), cpu(2_000));
        let mut two = Self { world, tenant, id, fast, slow };
        two.allow(&["fast", "slow"]);
        two
    }

    /// One like the first, of another class.
    fn another(&mut self, class: Class) -> InstanceId {
        let registered = self.world.log.iter().find_map(|(envelope, _)| match &envelope.command {
            Command::RegisterInstance(new) => Some(new.clone()),
            _ => None,
        });
        let new = NewInstance { class, name: format!("{class:?}"), ..*registered.expect("the first") };
        match self.world.run(Command::RegisterInstance(Box::new(new))) {
            Reply::Instance(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn allow(&mut self, pools: &[&str]) {
        let shortage_cost = [(Resource::CpuMilli, "0.0015".parse::<Price>().unwrap())].into();
        let auto_bid = Some(AutoBid { shortage_cost, promised_service_level: None, assurance: Default::default() });
        let move_to = pools.iter().map(|pool| (*pool).to_owned()).collect();
        let strategy = Strategy { auto_bid, move_to, ..self.instance().strategy.as_ref().clone() };
        let (participant, instance) = (self.tenant, self.id);
        let set = self.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
        assert!(matches!(set, Reply::Instance(_)), "{set:?}");
    }

    fn instance(&self) -> Instance {
        self.world.state.instances[&self.id].clone()
    }

    /// The same need in every coming slot.
    fn foresee(&mut self, need: i64) {
        let slots = RHYTHM.open_slots(self.world.now).into_iter();
        let need = |slot| SlotOutlook {
            slot,
            need: [500, 900, 975].map(|level| (level, cpu(need))).to_vec(),
            lendable: Amounts::new(),
            joint: None,
        };
        let outlooks = vec![(self.id, slots.map(need).collect())];
        self.world.run(Command::RecordOutlooks { model: None, outlooks });
    }

    fn ask(&mut self, pool: &str, rule: RelocationRule) -> Reply {
        let (instance, pool, migration_cost) = (self.id, pool.to_owned(), Credits::from_units(1_000));
        self.world.run(Command::Relocate { instance, pool, rule, migration_cost })
    }

    fn code(&mut self, pool: &str, rule: RelocationRule) -> &'static str {
        match self.ask(pool, rule) {
            Reply::Refused(refusal) => refusal.code,
            other => panic!("it is not refused: {other:?}"),
        }
    }

    /// What the rules ask for is what the core accepts.
    fn go(&mut self, pool: &str, rule: RelocationRule) {
        let due = due(&self.world.state, self.world.now, |_| Credits::from_units(1_000));
        let asked: Vec<_> = due.iter().map(|p| (p.instance, p.pool.as_str(), p.rule)).collect();
        assert_eq!(asked, [(self.id, pool, rule)]);
        let asked = self.ask(pool, rule);
        assert!(matches!(asked, Reply::Instance(_)), "{asked:?}");
        assert_eq!(self.code(pool, rule), "relocation_pending", "it is asked for once");
    }

    fn plan(&mut self) {
        let present = Slot::containing(self.world.now, RHYTHM.slot_seconds);
        let slot = self.world.state.market.planned_until.max(present);
        self.world.now = self.world.now.max(RHYTHM.gate_closes(slot));
        self.world.run(Command::PlanSlot { slot });
        no_node_is_promised_twice(&self.world);
    }

    fn swap(&self) -> Option<Swap> {
        self.world.state.swaps.values().find(|s| s.moves()).cloned()
    }

    fn step(&mut self, fails: Option<&str>) {
        let Some(Swap { id, state, .. }) = self.swap() else { panic!("no move") };
        let report = StepReport::default();
        let result = match fails {
            None => StepResult::Succeeded { state, report },
            Some(reason) => StepResult::Failed { state, reason: reason.into(), detail: "test".into(), report },
        };
        self.world.run(Command::StepSwap { swap: id, result });
        no_node_is_promised_twice(&self.world);
    }

    fn carry_out(&mut self) {
        while self.swap().is_some() {
            let before = self.swap().map(|s| s.state);
            self.step(None);
            let instance = self.instance();
            let there = self.world.state.nodes[&instance.node].pool.clone();
            assert_eq!(instance.pool, there, "pool and node change together, after {before:?}");
        }
    }

    fn ended(&self) -> Option<RelocationEnd> {
        Some(self.instance().last_relocation?.ended?.end)
    }

    fn bid(&mut self) -> Reply {
        let slot = RHYTHM.first_open(self.world.now);
        let request = OrderRequest {
            instance: Some(self.id),
            window: Window { start_at: slot.start(), end_at: slot.plus(1, RHYTHM.slot_seconds).start() },
            resources: cpu(300),
            pools: choices(&["fast"]),
            ..crate::support::one_node::plain("100")
        };
        let (participant, side) = (self.tenant, Side::Bid);
        self.world.run(Command::PlaceOrder { participant, side, request: Box::new(request), client_order: None })
    }

    fn round(&mut self) {
        let seal = movers::seal(&self.world.state, self.world.now);
        let Reply::Sealed { round, book } = self.world.run(seal) else { panic!("no round") };
        let outcome = crate::support::cleared(&book);
        let result_hash = outcome.result_hash().to_owned();
        self.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    }
}

#[test]
fn an_idle_workload_goes_to_the_cheaper_pool_for_good() {
    let mut two = Two::new();
    two.foresee(300);
    two.go("slow", RelocationRule::Score);
    let asked = two.instance().relocation.expect("it is pending");
    // 600 × 0.0003 − 300 × 0.0015 there, 300 × 0.0009 − 300 × 0.0015 at home; a twelfth of 0.001 for the move.
    assert_eq!((asked.score_at_home, asked.score_there), ("-0.18".parse().unwrap(), "-0.27".parse().unwrap()));
    assert_eq!(asked.gain, "0.089916".parse().unwrap());
    two.plan();
    let swap = two.swap().expect("its move");
    assert_eq!((swap.node_from, swap.node_to, swap.expected_gain), (two.fast, two.slow, asked.gain));
    assert_eq!((swap.pool_from.as_str(), swap.pool_to.as_str()), ("fast", "slow"));
    let causes: Vec<_> = swap.causes.iter().map(|c| (c.kind, c.rule, c.pool.as_str(), c.quantity)).collect();
    assert_eq!(causes, [(CauseKind::Relocated, Some(RelocationRule::Score), "slow", 400)]);
    two.carry_out();
    let instance = two.instance();
    assert_eq!((instance.pool.as_str(), instance.node, instance.away), ("slow", two.slow, None));
    assert_eq!((two.ended(), instance.relocation), (Some(RelocationEnd::Done), None));
    assert_eq!(two.code("fast", RelocationRule::Score), "workload_rests");
}

#[test]
fn ahead_of_a_peak_it_goes_back_by_score_once_it_has_settled() {
    let mut two = Two::new();
    two.foresee(300);
    two.go("slow", RelocationRule::Score);
    two.plan();
    two.carry_out();
    // Twelve slots of what is little there: dear pools are no better.
    for _ in 0..13 {
        two.plan();
        two.foresee(600);
        assert!(due(&two.world.state, two.world.now, |_| Credits::ZERO).is_empty(), "nothing is gained");
    }
    // 4,500 there are 2,250 in the fast pool, of which its limit leaves 2,000; at home it leaves less than half.
    two.foresee(4_500);
    two.go("fast", RelocationRule::Score);
    two.plan();
    two.carry_out();
    assert_eq!((two.instance().pool.as_str(), two.instance().node), ("fast", two.fast));
}

#[test]
fn a_shortage_at_any_price_moves_it_before_it_has_settled() {
    let mut two = Two::new();
    two.foresee(300);
    two.go("slow", RelocationRule::Score);
    two.plan();
    two.carry_out();
    for _ in 0..4 {
        two.plan();
    }
    two.foresee(2_400);
    let (code, _) =
        stays(&two.world.state, two.world.now, &two.instance(), Credits::from_units(1_000)).unwrap_or_default();
    assert_eq!(code, "", "its limit is 2,000 there, and 1,200 are enough in the fast pool");
    two.go("fast", RelocationRule::Risk);
    assert_eq!(two.instance().relocation.expect("pending").shortage_chance, "0.5".parse().unwrap());
}

#[test]
fn it_stays_where_no_rule_or_owner_wants_it_elsewhere() {
    let code = |two: &Two| {
        stays(&two.world.state, two.world.now, &two.instance(), Credits::from_units(1_000)).map(|(code, _)| code)
    };
    let mut two = Two::new();
    assert_eq!(code(&two), Some("no_forecast"));
    two.foresee(300);
    assert_eq!(code(&two), None);
    let dear = stays(&two.world.state, two.world.now, &two.instance(), "1.1".parse().unwrap());
    assert_eq!(dear.map(|(code, _)| code), Some("no_gain"), "a twelfth of its move costs more than it gains");
    two.foresee(1_950);
    assert_eq!(code(&two), Some("no_gain"), "twice as much is over its limit");
    two.foresee(300);
    two.allow(&["fast"]);
    assert_eq!(two.code("slow", RelocationRule::Score), "relocation_not_allowed");
    two.allow(&[]);
    assert_eq!(
        (code(&two), two.code("slow", RelocationRule::Score)),
        (Some("relocation_not_allowed"), "relocation_not_allowed")
    );
    let mut unmeasured = Two::with(None, 4_000);
    unmeasured.foresee(300);
    assert_eq!(
        (code(&unmeasured), unmeasured.code("slow", RelocationRule::Score)),
        (Some("not_measured"), "relocation_not_measured")
    );
    let mut full = Two::with(Some(500), 300);
    full.foresee(300);
    assert_eq!((code(&full), full.code("slow", RelocationRule::Score)), (Some("no_room"), "no_host_fits"));
}

#[test]
fn a_move_that_fails_leaves_it_at_home_and_pinned() {
    for steps in [0, 4, 6, 7] {
        let mut two = Two::new();
        two.foresee(300);
        two.go("slow", RelocationRule::Score);
        two.plan();
        (0..steps).for_each(|_| two.step(None));
        let state = two.swap().map(|s| s.state);
        two.step(Some("shadow_mismatch"));
        let instance = two.instance();
        assert_eq!((instance.pool.as_str(), instance.node), ("fast", two.fast), "{state:?}");
        assert_eq!((two.ended(), &instance.relocation), (Some(RelocationEnd::Failed), &None), "{state:?}");
        assert!(instance.is_pinned(two.world.now) && instance.in_force == instance.baseline, "{state:?}");
        assert_eq!(two.code("slow", RelocationRule::Score), "workload_pinned");
    }
}

#[test]
fn what_it_has_won_runs_out_before_it_goes() {
    let mut two = Two::new();
    two.foresee(300);
    let placed = two.bid();
    assert!(matches!(placed, Reply::Order(_)), "{placed:?}");
    assert_eq!(two.code("slow", RelocationRule::Score), "workload_has_orders");
    let slot = RHYTHM.first_open(two.world.now);
    two.round();
    assert!(two.world.state.awards.values().any(|a| a.kind == AwardKind::Bought), "it has won");
    two.go("slow", RelocationRule::Score);
    while two.world.state.market.planned_until <= slot.plus(1, RHYTHM.slot_seconds) {
        assert_eq!(two.swap(), None, "its award is not settled");
        two.plan();
        settle(&mut two.world);
        while let Some(Swap { id, state, .. }) = two.world.state.swaps.values().find(|s| !s.moves()).cloned() {
            let report = StepReport::default();
            two.world.run(Command::StepSwap { swap: id, result: StepResult::Succeeded { state, report } });
        }
    }
    two.world.now = RHYTHM.slot_end(slot).plus_seconds(10);
    settle(&mut two.world);
    two.plan();
    assert!(two.swap().is_some(), "{:?}", two.instance().relocation);
}

#[test]
fn its_automatic_orders_sit_out_and_follow_it() {
    let mut two = Two::new();
    two.foresee(1_000);
    // Twice as much there is still within its limit.
    two.go("slow", RelocationRule::Score);
    let open = |two: &Two| two.world.state.orders_of(two.id).map(|o| o.id).collect::<Vec<_>>();
    let before = open(&two);
    assert!(!before.is_empty(), "it bids for what it needs beyond its baseline");
    let sealed = two.world.run(movers::seal(&two.world.state, two.world.now));
    assert!(matches!(sealed, Reply::Nothing), "it alone asks, and waits: {sealed:?}");
    two.plan();
    two.carry_out();
    let closed = two.world.log.iter().flat_map(|(_, events)| events).filter_map(|event| match event {
        Event::OrderClosed { order, reason, .. } => Some((*order, reason.clone())),
        _ => None,
    });
    let closed: BTreeMap<_, _> = closed.collect();
    let after = open(&two);
    assert!(before.iter().all(|id| closed.contains_key(id) && !after.contains(id)), "{before:?} {closed:?}");
    assert!(closed.values().flatten().any(|reason| reason == "relocated"), "{closed:?}");
    let pools: BTreeSet<_> =
        two.world.state.orders_of(two.id).flat_map(|o| &o.request.pools).map(|c| c.pool.clone()).collect();
    assert_eq!(pools, ["slow".to_owned()].into(), "it bids where it is now");
}

#[test]
fn its_owner_ends_a_pending_relocation() {
    let pending = || {
        let mut two = Two::new();
        two.foresee(300);
        two.go("slow", RelocationRule::Score);
        two
    };
    let mut two = pending();
    two.allow(&["fast"]);
    assert_eq!(two.ended(), Some(RelocationEnd::Withdrawn), "the pool is not allowed any more");
    let mut two = pending();
    let placed = two.bid();
    assert!(matches!(placed, Reply::Order(_)), "{placed:?}");
    assert_eq!(two.ended(), Some(RelocationEnd::Withdrawn), "it asks for more at home");
    let mut two = pending();
    let (participant, instance) = (two.tenant, two.id);
    two.world.run(Command::StopInstance { participant, instance });
    assert_eq!(two.ended(), Some(RelocationEnd::Withdrawn), "it runs no more");
    let mut two = pending();
    two.world.run(Command::SetNodeState { node: two.slow, state: headroom_market::pool::NodeState::Down });
    for _ in 0..2 * RHYTHM.horizon_slots + 1 {
        assert_eq!(two.swap(), None, "its node there is down");
        two.plan();
    }
    assert_eq!(two.ended(), Some(RelocationEnd::Expired));
}

#[test]
fn a_strategy_names_pools_that_can_have_the_workload() {
    let mut two = Two::new();
    pool(&mut two.world, "memory", &[Resource::MemMib], "0.0001");
    let mut code = |move_to: Vec<String>| {
        let strategy = Strategy { move_to, ..Strategy::default() };
        let (participant, instance) = (two.tenant, two.id);
        match two.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None }) {
            Reply::Refused(refusal) => (refusal.code, refusal.pointer),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(vec!["slow".into(), "nope".into()]), ("unknown_pool", "/move_to/1".to_owned()));
    assert_eq!(code(vec!["memory".into()]), ("resource_not_in_pool", "/move_to/0".to_owned()));
    assert_eq!(code(vec!["slow".into(); 9]), ("too_many_pools", "/move_to".to_owned()));
}

#[test]
fn few_begin_in_a_slot_and_the_highest_class_goes_first() {
    let mut two = Two::new();
    let more = [Class::Opportunistic, Class::Standard].map(|class| two.another(class));
    let all = [two.id, more[0], more[1]];
    for id in more {
        two.id = id;
        two.allow(&["fast", "slow"]);
    }
    for id in all {
        two.id = id;
        two.foresee(300);
    }
    let first = due(&two.world.state, two.world.now, |_| Credits::ZERO);
    let ids: BTreeSet<_> = first.iter().map(|p| p.instance).collect();
    assert_eq!(MOST_A_SLOT, 2);
    assert_eq!(ids, [all[0], all[2]].into(), "the class comes before the age");
    for proposal in first {
        two.id = proposal.instance;
        assert!(matches!(two.ask("slow", RelocationRule::Score), Reply::Instance(_)));
    }
    assert!(due(&two.world.state, two.world.now, |_| Credits::ZERO).is_empty());
    two.id = *all.iter().find(|id| two.world.state.instances[id].relocation.is_none()).expect("the third");
    assert_eq!(two.code("slow", RelocationRule::Score), "relocations_enough");
}

/// What has to hold of every workload at any time.
fn check_places(world: &World) {
    for instance in world.state.instances.values() {
        let there = &world.state.nodes[&instance.away.map_or(instance.node, |away| away.home)].pool;
        assert_eq!(*there, instance.pool, "{} has its home in its pool", instance.name);
        let open = world.state.awards_of(instance.id).flat_map(|a| &a.lines).any(|l| !l.settled);
        assert!(!instance.is_relocating() || !open, "{} goes with what it has won or lent", instance.name);
    }
}

#[test]
fn random_lives_with_relocations_promise_nothing_twice() {
    let (mut asked, mut ends) = (0, BTreeMap::<String, usize>::new());
    for seed in 12_000..12_160 {
        let (world, _) = random_life_with(seed, |world, mut command| {
            check_places(world);
            no_node_is_promised_twice(world);
            if !world.state.pools.contains_key("q") {
                prepare(world);
            }
            foresee_some(world);
            if let Command::PlaceOrder { request, .. } = &mut command
                && let Some(instance) = request.instance.and_then(|id| world.state.instances.get(&id))
            {
                // Half of them ask for nothing themselves.
                match (instance.name.ends_with('1'), request.resources.len()) {
                    (true, _) => (request.instance, request.pools) = (None, choices(&["p", "q"])),
                    (false, _) => request.pools = choices(&[instance.pool.as_str()]),
                }
            }
            for due in due(&world.state, world.now, |_| Credits::from_units(100)) {
                let (instance, migration_cost) = (due.instance, due.migration_cost);
                let reply = world.run(Command::Relocate { instance, pool: due.pool, rule: due.rule, migration_cost });
                assert!(matches!(reply, Reply::Instance(_)), "what is due is accepted: {reply:?}");
                asked += 1;
            }
            command
        });
        let mut seen = BTreeSet::new();
        for event in world.log.iter().flat_map(|(_, events)| events) {
            if let Event::InstanceChanged(instance) = event
                && let Some(last) = &instance.last_relocation
                && seen.insert((instance.id, last.asked_at))
            {
                let end = last.ended.expect("it has ended").end;
                *ends.entry(format!("{end:?}")).or_default() += 1;
            }
        }
        check_places(&world);
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{asked} asked for, {ends:?}");
    let of = |end: &str| ends.get(end).copied().unwrap_or(0);
    assert!(asked > 200 && of("Done") > 50 && of("Failed") > 20 && of("Withdrawn") > 10, "{asked} {ends:?}");
}

/// A second pool, slower and cheaper, and strategies that allow both.
fn prepare(world: &mut World) {
    pool(world, "q", &[Resource::CpuMilli, Resource::MemMib], "0.000020");
    for name in ["x", "y"] {
        measured(world, "q", name, amounts(3_300, 3_300), Some(600));
    }
    for instance in world.state.instances.values().cloned().collect::<Vec<_>>() {
        allow_both(world, &instance, true);
    }
}

fn allow_both(world: &mut World, instance: &Instance, both: bool) {
    let move_to = if both { vec!["p".to_owned(), "q".to_owned()] } else { Vec::new() };
    let strategy = Strategy { move_to, ..instance.strategy.as_ref().clone() };
    let (participant, instance) = (instance.participant, instance.id);
    world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
}

fn foresee_some(world: &mut World) {
    for instance in world.state.instances.values().cloned().collect::<Vec<_>>() {
        let relocates = instance.relocation.is_some();
        if world.chance.below(if relocates { 12 } else { 3 }) == 0 {
            allow_both(world, &instance, !relocates);
        }
        let need = if world.chance.below(3) == 0 { 3_000 } else { 400 };
        let need = amounts(need, 200);
        let of = |slot| SlotOutlook {
            slot,
            need: vec![(500, need.clone()), (900, need.clone())],
            lendable: Amounts::new(),
            joint: None,
        };
        let slots = RHYTHM.open_slots(world.now).into_iter().map(of).collect();
        if instance.state == InstanceState::Running && world.chance.below(3) == 0 {
            world.run(Command::RecordOutlooks { model: None, outlooks: vec![(instance.id, slots)] });
        }
    }
    let by_hand = world.state.orders.values().find(|o| o.request.instance.is_some()).map(|o| (o.participant, o.id));
    if let Some((participant, order)) = by_hand.filter(|_| world.chance.below(4) == 0) {
        world.run(Command::CancelOrder { participant, order });
    }
}
