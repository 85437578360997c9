//! Recalls against others' interests, and when something else goes wrong at the same time.

use crate::support::away::{node, pool, workload};
use crate::support::one_node::*;
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::*;
use headroom_market::book::{Assurance, OrderRequest, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::InstanceId;
use headroom_market::swap::cause::{Cause, CauseKind};
use headroom_market::swap::recall::{self, Recall};
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::swap::{SwapState, plan};
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::Strategy;

#[test]
fn a_lender_of_another_round_is_paid_for_what_it_gave() {
    let mut one = one(4_000);
    let other = second_lender(&mut one, 1_000);
    one.placed(one.lender, Side::Offer, 500, "0.1");
    one.placed(one.buyers[0], Side::Bid, 500, "2");
    one.round();
    one.placed(other, Side::Offer, 500, "0.1");
    one.placed(one.buyers[1], Side::Bid, 500, "0.2");
    one.round();
    one.begin();
    one.recall(Some(500));
    one.carry_out();
    let limits = [other.1, one.buyers[0].1, one.buyers[1].1].map(|id| one.in_force(id));
    assert_eq!(limits, [500, 500, 1_000], "the buyer of its own round gives it up, whatever it would have paid");
    let all = vec![
        one.reading(one.lender.1, &[2_000; 4], 0, 0),
        one.reading(other.1, &[500; 4], 0, 0),
        one.reading(one.buyers[0].1, &[500; 4], 0, 0),
        one.reading(one.buyers[1].1, &[1_000; 4], 0, 0),
    ];
    let before = one.world.state.available(other.0);
    one.end(all);
    assert_eq!(one.world.state.available(other.0) - before, "0.1".parse().unwrap(), "it lent 500 all the time");
}

#[test]
fn everybody_is_told_why() {
    let mut one = traded(3_000);
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    let told = |one: &One, id: InstanceId| -> Vec<(CauseKind, i64, String)> {
        let swap = one.world.state.swaps.values().find(|s| s.instance == id).expect("a swap");
        let money = |c: &Cause| (c.pays + c.is_paid).to_string();
        swap.causes.iter().map(|c| (c.kind, c.quantity, money(c))).collect()
    };
    let [first, second] = [one.buyers[0].1, one.buyers[1].1];
    let price = one.price();
    let worth = |quantity: i64| price.charge_half_even(quantity).unwrap().to_string();
    assert_eq!(told(&one, one.lender.1), [(CauseKind::Lent, 1_000, worth(1_000))]);
    assert_eq!(told(&one, first), [(CauseKind::Won, 600, worth(600))]);
    one.world.now = one.slot.start().plus_seconds(1);
    one.carry_out();
    one.recall(Some(700));
    let taken = |kind, of: InstanceId| -> i64 {
        let swap = one.world.state.swaps.values().find(|s| s.instance == of);
        swap.map_or(0, |s| s.causes.iter().filter(|c| c.kind == kind).map(|c| c.quantity).sum())
    };
    assert_eq!(taken(CauseKind::TakenBack, one.lender.1), 700);
    assert_eq!(taken(CauseKind::Lent, one.lender.1), 300);
    assert_eq!(taken(CauseKind::Recalled, first) + taken(CauseKind::Recalled, second), 700);
}

#[test]
fn a_recall_is_no_way_round_the_reserve_price() {
    let mut one = one(9_000);
    let money = |one: &One| one.world.state.available(one.lender.0) + one.world.state.available(one.buyers[0].0);
    let before = money(&one);
    one.placed(one.lender, Side::Offer, 1_000, "0");
    one.placed(one.buyers[0], Side::Bid, 1_000, "0.000001");
    one.round();
    one.begin();
    one.recall(None);
    one.carry_out();
    let more = one.in_force(one.lender.1) + one.in_force(one.buyers[0].1) - 2_500;
    assert_eq!(more, 0, "together they have what they had before");
    let all = vec![one.reading(one.lender.1, &[2_000; 4], 0, 0), one.reading(one.buyers[0].1, &[500; 4], 0, 0)];
    one.end(all);
    assert_eq!(money(&one), before);
}

#[test]
fn a_recall_in_the_lead_of_the_next_slot_is_carried_out() {
    let mut one = traded(3_000);
    one.begin();
    // The gate of the next slot closes: everybody goes back to its baseline then.
    let next = one.slot.plus(1, RHYTHM.slot_seconds);
    one.world.now = RHYTHM.gate_closes(next).plus_seconds(1);
    one.world.run(Command::PlanSlot { slot: next });
    let recalled = one.recall(None);
    // What the driver may begin before the next slot: swaps of this one.
    for _ in 0..40 {
        let now = one.world.now;
        let ready = |s: &&headroom_market::swap::Swap| plan::may_begin(&one.world.state, s) && s.slot.start() <= now;
        let Some(swap) = one.world.state.swaps.values().find(ready).cloned() else { break };
        one.world.run(Command::StepSwap {
            swap: swap.id,
            result: StepResult::Succeeded { state: swap.state, report: StepReport::default() },
        });
    }
    println!(
        "{recalled:?} {:?}",
        one.world.state.swaps.values().map(|s| (s.slot == one.slot, s.limits_to.clone())).collect::<Vec<_>>()
    );
    assert_eq!(one.in_force(one.lender.1), 2_000, "told it has {} again, with 9 s of 60 to go", recalled.quantity);
}

#[test]
fn what_a_stopped_workload_lent_stands_in_for_nobody() {
    let mut world = World::new(7);
    pool(&mut world, "p", &[CPU, Resource::NetMbps], "0.0005");
    let node = node(&mut world, "p", "only", [(CPU, 4_000), (Resource::NetMbps, 9_000)].into());
    let both = |c: i64, n: i64| -> Amounts { [(CPU, c), (Resource::NetMbps, n)].into() };
    let mut member = |name: &str, baseline: i64| {
        let owner = participant(&mut world, name, "1000");
        let quota = Command::SetQuota {
            participant: owner,
            quota: Some(both(9_000, 9_000)),
            instance_limit: None,
            highest_class: None,
        };
        println!("{:?}", world.run(quota));
        (owner, workload(&mut world, owner, "p", both(baseline, 200), both(5_000, 5_000)))
    };
    let lender = member("lender", 2_000);
    let buyers = vec![member("first", 500), member("second", 500)];
    let other = member("other", 1_000);
    world.run(Command::OpenRecallable { pool: "p".into() });
    let slot = RHYTHM.first_open(world.now).plus(2, RHYTHM.slot_seconds);
    let mut one = One { world, node, lender, buyers, slot };
    for (resource, quantity) in [(CPU, 1_000), (Resource::NetMbps, 100)] {
        let lends = OrderRequest { resources: [(resource, quantity)].into(), ..one.request(lender.1, 1, "0.1") };
        assert!(matches!(one.place(lender.0, Side::Offer, lends), Reply::Order(_)));
    }
    let (who, id) = one.buyers[0];
    let bid = OrderRequest { resources: both(200, 100), ..one.request(id, 1, "3") };
    assert!(matches!(one.place(who, Side::Bid, bid), Reply::Order(_)));
    one.round();
    one.placed(other, Side::Offer, 500, "0.1");
    one.placed(one.buyers[1], Side::Bid, 500, "1");
    one.round();
    let lent = |one: &One, id| recall::recallable(&one.world.state, id, CPU, one.slot);
    println!("lent {} and {}", lent(&one, lender.1), lent(&one, other.1));
    let stopped = one.world.run(Command::StopInstance { participant: lender.0, instance: lender.1 });
    println!("{stopped:?}");
    // Its place is sold firmly.
    let who = participant(&mut one.world, "firm", "1000");
    let firm = OrderRequest { instance: None, assurance: Assurance::Firm, ..one.request(lender.1, 1_800, "5") };
    assert!(matches!(one.place(who, Side::Bid, firm), Reply::Order(_)));
    one.round();
    let won: Vec<_> =
        one.world.state.awards.values().filter(|a| a.participant == who).map(|a| a.lines[0].quantity).collect();
    println!("firm won {won:?}");
    let recall = Recall { instance: other.1, resource: CPU, slot: one.slot, quantity: None };
    println!("{:?}", one.world.run(Command::Recall { participant: Some(other.0), recall }));
    no_node_is_promised_twice(&one.world);
}

#[test]
fn a_stopped_buyer_pays_for_the_time_before_the_recall() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 600, "0.3");
    one.placed(one.buyers[0], Side::Bid, 600, "0.6");
    one.round();
    let (who, id) = one.buyers[0];
    // Taken back before the slot has begun, so that it never was there.
    one.recall(None);
    let reply = one.world.run(Command::StopInstance { participant: who, instance: id });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    one.begin();
    let all = vec![one.reading(one.lender.1, &[2_000; 4], 0, 0), one.reading(id, &[], 4, 0)];
    one.end(all);
    let r = one.world.receipts.iter().find(|r| r.participant == who).unwrap();
    assert!(r.amount.is_zero(), "{r:?}");
}

#[test]
fn platform_risk_does_not_pay_a_lender_for_what_it_has_again() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 600, "0.3");
    one.placed(one.buyers[0], Side::Bid, 600, "0.6");
    one.round();
    one.recall(None);
    one.begin();
    let all = vec![one.reading(one.lender.1, &[2_000; 1], 0, 3), one.reading(one.buyers[0].1, &[500; 1], 0, 3)];
    one.end(all);
    let r = one.world.receipts.iter().find(|r| r.side == Side::Offer).unwrap();
    assert!(r.amount.is_zero(), "{} was paid for what was never lent", r.amount);
}

#[test]
fn who_would_have_paid_least_gives_way_at_any_price() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 1_000, "0");
    one.placed(one.buyers[0], Side::Bid, 500, "0.1");
    one.placed(one.buyers[1], Side::Bid, 500, "0.8");
    one.round();
    println!("{:?}", one.price());
    one.begin();
    one.recall(Some(500));
    one.carry_out();
    assert_eq!((one.in_force(one.buyers[0].1), one.in_force(one.buyers[1].1)), (500, 1_000));
}

#[test]
fn two_resizes_that_fail_do_not_start_each_other() {
    let mut one = traded(3_000);
    one.begin();
    one.recall(None);
    let broken = [one.buyers[0].1, one.buyers[1].1];
    let mut failures = 0;
    for _ in 0..3_000 {
        let used = |id: InstanceId| -> i64 {
            one.world.state.instances.values().filter(|i| i.id != id).map(|i| amount(&i.in_force, CPU)).sum()
        };
        let ready = |s: &&headroom_market::swap::Swap| {
            plan::may_begin(&one.world.state, s)
                && (s.state != SwapState::Activated
                    || used(s.instance) + amount(&s.limits_to, CPU) <= 3_000
                    || broken.contains(&s.instance))
        };
        let Some(swap) = one.world.state.swaps.values().find(ready).cloned() else { break };
        let fails = broken.contains(&swap.instance) && swap.state == SwapState::Activated;
        let result = match fails {
            true => StepResult::Failed {
                state: swap.state,
                reason: "guest_failed".into(),
                detail: "it said no".into(),
                report: StepReport::default(),
            },
            false => StepResult::Succeeded { state: swap.state, report: StepReport::default() },
        };
        failures += usize::from(fails);
        one.world.run(Command::StepSwap { swap: swap.id, result });
    }
    assert!(failures < 20, "{failures} failures");
}

#[test]
fn what_was_taken_back_early_can_be_lent_again() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 1_900, "0.2");
    one.placed(one.buyers[0], Side::Bid, 1_900, "3");
    one.round();
    assert_eq!(one.recall(None).quantity, 1_900);
    one.placed(one.lender, Side::Offer, 1_000, "0.2");
    one.placed(one.buyers[1], Side::Bid, 1_000, "3");
    one.round();
    let lent = recall::recallable(&one.world.state, one.lender.1, CPU, one.slot);
    assert_eq!(lent, 1_000, "it has all of its baseline, and lends none of it");
}

#[test]
fn what_is_taken_back_counts_in_a_thrash_limit() {
    let mut one = one(9_000);
    let (participant, instance) = one.lender;
    let strategy = Strategy { max_swap: cpu(500), ..Strategy::default() };
    let reply = one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    let firm = |one: &mut One, quantity: i64| {
        let r = OrderRequest { assurance: Assurance::Firm, ..one.request(instance, quantity, "3") };
        let reply = one.place(participant, Side::Bid, r);
        assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
        one.round();
    };
    firm(&mut one, 300);
    one.placed(one.lender, Side::Offer, 200, "0");
    one.placed(one.buyers[0], Side::Bid, 200, "1");
    one.round();
    let reply = one.world.run(Command::Recall {
        participant: Some(participant),
        recall: Recall { instance, resource: CPU, slot: one.slot, quantity: None },
    });
    assert!(matches!(reply, Reply::Recalled(_)), "{reply:?}");
    firm(&mut one, 400);
    let target = plan::target(&one.world.state, &one.world.state.instances[&instance], one.slot);
    let change = amount(&target.limits, CPU) - 2_000;
    assert!(change <= 500, "changes by {change}");
}

/// Its own resize for a later slot is no reason to wait.
#[test]
fn a_lender_that_lends_less_in_the_next_slot_has_it_back_before_that() {
    let mut one = one(3_000);
    let next = one.slot.plus(1, RHYTHM.slot_seconds);
    one.placed(one.lender, Side::Offer, 1_000, "0.2");
    one.placed(one.buyers[0], Side::Bid, 1_000, "2");
    let slot = std::mem::replace(&mut one.slot, next);
    one.placed(one.lender, Side::Offer, 400, "0.1");
    one.placed(one.buyers[0], Side::Bid, 400, "2");
    one.slot = slot;
    one.round();
    one.begin();
    one.world.now = RHYTHM.gate_closes(next).plus_seconds(1);
    one.world.run(Command::PlanSlot { slot: next });
    one.recall(None);
    for _ in 0..40 {
        let now = one.world.now;
        let ready = |s: &&headroom_market::swap::Swap| plan::may_begin(&one.world.state, s) && s.slot.start() <= now;
        let Some(swap) = one.world.state.swaps.values().find(ready).cloned() else { break };
        let result = StepResult::Succeeded { state: swap.state, report: StepReport::default() };
        one.world.run(Command::StepSwap { swap: swap.id, result });
    }
    assert_eq!((one.in_force(one.lender.1), one.in_force(one.buyers[0].1)), (2_000, 500));
    // Both were planned again, one after the other: a driver lets who grows wait until there is room.
    one.world.now = next.start().plus_seconds(1);
    for _ in 0..40 {
        let others = |id: InstanceId| -> i64 {
            one.world.state.instances.values().filter(|i| i.id != id).map(|i| amount(&i.in_force, CPU)).sum()
        };
        let has_room = |s: &&headroom_market::swap::Swap| others(s.instance) + amount(&s.limits_to, CPU) <= 3_000;
        let Some(swap) = one.world.state.swaps.values().find(has_room).cloned() else { break };
        let result = StepResult::Succeeded { state: swap.state, report: StepReport::default() };
        one.world.run(Command::StepSwap { swap: swap.id, result });
    }
    assert_eq!((one.in_force(one.lender.1), one.in_force(one.buyers[0].1)), (1_600, 900), "and then as it was sold");
}
