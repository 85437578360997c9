//! Capacity that can't be delivered is offered again (mechanism §11): whoever needs it has it, its holder has no less than
//! a credit, and its sellers are paid by whoever uses it.

use crate::support::crowded::{bid, bid_that, market, node, round, workload};
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::*;
use headroom_market::command::Command;
use headroom_market::ids::{InstanceId, NodeId, OrderId, ParticipantId};
use headroom_market::ledger::Account;
use headroom_market::pool::{NodeState, ReserveStep};
use headroom_market::round::AwardKind;
use headroom_market::settlement::Receipt;
use headroom_market::settlement::meter::Reading;
use headroom_market::swap::plan;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource, Share};

/// A workload of 3,500 on a node of 4,000 wins 1,000 more for three slots, on a node of 5,000 where another has 400.
struct Stuck {
    world: World,
    target: NodeId,
    holder: (ParticipantId, InstanceId),
    other: (ParticipantId, InstanceId),
    order: OrderId,
    first: Slot,
}

impl Stuck {
    /// Its move for the first of them fails: for ten slots it stays where it is.
    fn new() -> Self {
        Self::with(None)
    }
    /// The same of a bid that a project pays for.
    fn with(project: Option<&str>) -> Self {
        let mut world = market(7);
        let (home, target) = (node(&mut world, "home", 4_000), node(&mut world, "target", 5_000));
        let (one, two) = (participant(&mut world, "one", "100"), participant(&mut world, "two", "100"));
        let holder = (one, workload(&mut world, one, home, 3_500));
        let other = (two, workload(&mut world, two, target, 400));
        let first = RHYTHM.first_open(world.now);
        if let Some(name) = project {
            world.run(Command::PutProject { participant: one, name: name.into(), limit: credits("50") });
        }
        let order = bid_that(&mut world, one, Some(holder.1), 1_000, "30", |r| {
            r.min_fill = "1".parse().unwrap();
            r.project = project.map(str::to_owned);
            r.window.end_at = first.plus(3, RHYTHM.slot_seconds).start();
        });
        assert_eq!(round(&mut world)[&order], (3_000, vec![target]));
        let mut stuck = Self { world, target, holder, other, order, first };
        stuck.plan(first);
        let swap = stuck.world.state.instances[&holder.1].swap.expect("it is to be moved");
        for reason in [None, None, None, None, Some("shadow_mismatch")] {
            let Some(state) = stuck.world.state.swaps.get(&swap).map(|s| s.state) else { break };
            let report = StepReport::default();
            let result = match reason {
                None => StepResult::Succeeded { state, report },
                Some(reason) => StepResult::Failed { state, reason: reason.into(), detail: "test".into(), report },
            };
            stuck.world.run(Command::StepSwap { swap, result });
        }
        let stays = &stuck.world.state.instances[&holder.1];
        assert_eq!((stays.node, stays.swap, stays.is_pinned(stuck.world.now)), (home, None, true));
        stuck
    }
    fn slot(&self, number: i64) -> Slot {
        self.first.plus(number, RHYTHM.slot_seconds)
    }
    fn plan(&mut self, slot: Slot) {
        self.world.now = RHYTHM.gate_closes(slot);
        self.world.run(Command::PlanSlot { slot });
        check_plan(&self.world, slot);
    }
    /// A bid of the other for the slot that is open first.
    fn asks(&mut self, quantity: i64, limit: &str) -> OrderId {
        let (owner, instance) = self.other;
        bid(&mut self.world, owner, Some(instance), quantity, limit)
    }
    fn resold(&self) -> Vec<(Slot, i64)> {
        let of_holder = self.world.state.awards_of(self.holder.1).filter(|a| a.kind == AwardKind::Resold);
        of_holder.flat_map(|a| &a.lines).map(|l| (l.slot, l.quantity)).collect()
    }
    /// Each has had so much beyond its baseline.
    fn settle(&mut self, slot: Slot, holder: i64, other: i64) -> Vec<Receipt> {
        self.world.now = RHYTHM.slot_end(slot).plus_seconds(5);
        let reading = |instance: InstanceId, had: i64| {
            let mut reading = Reading::new(instance, Resource::CpuMilli);
            (0..4).for_each(|_| reading.add_tick(had));
            reading
        };
        let readings = vec![reading(self.holder.1, holder), reading(self.other.1, other)];
        let before = self.world.receipts.len();
        self.world.run(Command::SettleSlot { slot, readings });
        self.world.receipts[before..].to_vec()
    }
    fn risk(&self) -> Credits {
        self.world.state.ledger.balance(Account::PlatformRisk)
    }
}

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

#[test]
fn what_a_stuck_workload_will_not_have_is_had_by_another() {
    let mut stuck = Stuck::new();
    // 400 + 3,500 + 1,000 of 5,000 are promised there, so 900 more have room only where the 1,000 are sold again
    let order = stuck.asks(900, "9");
    assert_eq!(round(&mut stuck.world)[&order], (900, vec![stuck.target]));
    let second = stuck.slot(1);
    assert_eq!(stuck.resold(), [(second, 900)]);
    let (_, missed) = plan::expected(&stuck.world.state, &stuck.world.state.instances[&stuck.holder.1], second);
    assert_eq!(missed, [(Resource::CpuMilli, 100)].into(), "what it is credited for");

    // The slot that has begun is credited as before: nobody could use it.
    let first = stuck.settle(stuck.first, 0, 0);
    assert_eq!((first.len(), first[0].amount, first[0].credit_note), (1, Credits::ZERO, credits("0.5")));
    stuck.plan(second);
    let target = plan::target(&stuck.world.state, &stuck.world.state.instances[&stuck.other.1], second);
    assert_eq!((target.node, target.limits), (stuck.target, [(Resource::CpuMilli, 1_300)].into()));
    let receipts = stuck.settle(second, 0, 900);
    let of = |participant: ParticipantId, kind: AwardKind| {
        let mut of = receipts.iter().filter(|r| r.participant == participant && r.kind == kind);
        let receipt = of.next().unwrap_or_else(|| panic!("{kind:?} in {receipts:?}"));
        (receipt.lines[0].delivered, receipt.amount, receipt.credit_note)
    };
    // Its holder is even: what it has paid for good comes back from the sale, the rest as a credit note.
    assert_eq!(of(stuck.holder.0, AwardKind::Bought), (900, credits("0.45"), credits("0.05")));
    assert_eq!(of(stuck.holder.0, AwardKind::Resold), (900, credits("0.45"), Credits::ZERO));
    assert_eq!(of(stuck.other.0, AwardKind::Bought), (900, credits("0.45"), Credits::ZERO));
    assert_eq!(stuck.risk(), Credits::ZERO);
    let available = stuck.world.state.ledger.balance(Account::Available(stuck.holder.0));
    // The third slot is still paid for, and of what was kept for its own failing program a tenth: 0.05 of the first slot,
    // 0.005 of what nobody took in the second.
    assert_eq!(available, credits("100") - credits("0.5") - credits("0.055"));
    stuck.world.audit();
}

/// Lent by a third to the first, bought again by a friend of the third whose program does not take it: the first is credited
/// as if nobody had bought it, and its seller bears that, so neither gains.
#[test]
fn what_the_second_buyer_does_not_take_is_not_delivered_to_the_first() {
    let mut stuck = Stuck::new();
    let order = stuck.asks(900, "9");
    assert_eq!(round(&mut stuck.world)[&order], (900, vec![stuck.target]));
    let second = stuck.slot(1);
    stuck.settle(stuck.first, 0, 0);
    stuck.plan(second);
    let (before, risk) = (stuck.world.state.ledger.balance(Account::Available(stuck.holder.0)), stuck.risk());
    let receipts = stuck.settle(second, 0, 0);
    let of = |participant: ParticipantId, kind: AwardKind| {
        let receipt = receipts.iter().find(|r| r.participant == participant && r.kind == kind).expect("a receipt");
        (receipt.lines[0].delivered, receipt.amount, receipt.credit_note)
    };
    assert_eq!(of(stuck.holder.0, AwardKind::Bought), (0, Credits::ZERO, credits("0.5")));
    assert_eq!(of(stuck.holder.0, AwardKind::Resold), (0, Credits::ZERO, Credits::ZERO));
    assert_eq!(of(stuck.other.0, AwardKind::Bought), (0, Credits::ZERO, credits("0.45")));
    // all of it comes back, less the tenth that its own program costs it
    let after = stuck.world.state.ledger.balance(Account::Available(stuck.holder.0));
    assert_eq!((after - before, stuck.risk()), (credits("0.45"), risk));
    stuck.world.audit();
}

/// Prices have risen: a program that fails on purpose brings its owner nothing.
#[test]
fn what_is_paid_beyond_its_cost_is_the_operators() {
    let mut stuck = Stuck::new();
    let steps = vec![ReserveStep { share: Share::from_units(1_000_000), price: "0.002".parse().unwrap() }];
    let (pool, resource, effective_at) = ("p".to_owned(), Resource::CpuMilli, stuck.world.now);
    let dearer = Command::ScheduleReserve { pool, resource, steps, effective_at, expected_version: None, by: None };
    stuck.world.run(dearer);
    // 50 come from the operator, for 0.002 a unit, so all do
    let order = stuck.asks(1_050, "9");
    assert_eq!(round(&mut stuck.world)[&order].0, 1_050);
    let second = stuck.slot(1);
    stuck.settle(stuck.first, 0, 0);
    stuck.plan(second);
    let income = stuck.world.state.ledger.balance(Account::OperatorIncome);
    let receipts = stuck.settle(second, 0, 1_050);
    let amount = |participant: ParticipantId, kind: AwardKind| {
        receipts.iter().find(|r| r.participant == participant && r.kind == kind).map(|r| (r.amount, r.lines[0].awarded))
    };
    assert_eq!(amount(stuck.other.0, AwardKind::Bought), Some((credits("2.1"), 1_050)));
    assert_eq!(amount(stuck.holder.0, AwardKind::Bought), Some((credits("0.5"), 1_000)));
    assert_eq!(amount(stuck.holder.0, AwardKind::Resold), Some((credits("0.5"), 1_000)), "what it has cost, no more");
    let more = stuck.world.state.ledger.balance(Account::OperatorIncome) - income;
    assert_eq!(more, credits("2.1"));
    stuck.world.audit();
}

#[test]
fn nothing_is_sold_again_on_a_cordoned_node() {
    let mut stuck = Stuck::new();
    stuck.world.run(Command::SetNodeState { node: stuck.target, state: NodeState::Cordoned });
    let order = stuck.asks(900, "9");
    assert!(!round(&mut stuck.world).contains_key(&order));
    assert!(stuck.resold().is_empty());
}

#[test]
fn it_is_offered_for_no_less_than_was_paid() {
    let mut stuck = Stuck::new();
    let paid = credits("0.5");
    let book = headroom_market::round::book::build(
        &stuck.world.state,
        stuck.world.now,
        &RHYTHM.open_slots(stuck.world.now),
        &Default::default(),
    )
    .book;
    let award = stuck.world.state.awards_of(stuck.holder.1).next().expect("its award");
    let offers: Vec<_> = book.orders.iter().filter(|o| o.id == award.id.to_string()).collect();
    assert_eq!(offers.len(), 1, "though its order says that it is never sold on, and its first slot is over");
    // two slots are left, of which the next is offered first, at 0.0005 a unit
    let offered = &offers[0].alternatives;
    assert_eq!((offers[0].limit.0, offered.len(), offered[0].quantities.len()), (paid.units(), 1, 1));
    assert_eq!((offered[0].quantities[0].product.slot, offered[0].quantities[0].quantity), (0, 1_000));
    // A bid that pays less has none of it.
    let order = stuck.asks(900, "0.44");
    assert!(!round(&mut stuck.world).contains_key(&order));
    assert!(stuck.resold().is_empty());
    assert!(stuck.world.state.orders.contains_key(&order) && !stuck.world.state.orders.contains_key(&stuck.order));
    // Once its gate has closed the last one is.
    stuck.plan(stuck.slot(1));
    let order = stuck.asks(900, "9");
    assert_eq!(round(&mut stuck.world)[&order], (900, vec![stuck.target]));
    assert_eq!(stuck.resold(), [(stuck.slot(2), 900)]);
}

#[test]
fn what_a_project_has_paid_comes_back_to_it_as_a_credit() {
    let mut stuck = Stuck::with(Some("web"));
    let order = stuck.asks(900, "9");
    assert_eq!(round(&mut stuck.world)[&order], (100, vec![stuck.target]), "what is free there");
    assert!(stuck.resold().is_empty());
    let receipts = stuck.settle(stuck.first, 0, 0);
    assert_eq!(receipts[0].credit_note, credits("0.5"));
    let spent = stuck.world.state.projects.values().map(|p| p.spent).collect::<Vec<_>>();
    // 1.5 for three slots, of which the first is credited less a tenth
    assert_eq!(spent, [credits("1.05")]);
}

#[test]
fn what_can_be_delivered_is_not_offered() {
    let mut stuck = Stuck::new();
    // It may be moved again: its owner keeps what it has won.
    for state in [&mut stuck.world.state, &mut stuck.world.folded] {
        state.instances.get_mut(&stuck.holder.1).unwrap().pinned_until = None;
    }
    let order = stuck.asks(900, "9");
    assert_eq!(round(&mut stuck.world)[&order], (100, vec![stuck.target]), "what is free there");
    assert!(stuck.resold().is_empty());
}
