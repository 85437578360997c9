//! Recalls, reviewed a second time: each of these says what somebody loses, or gains, that should not.

use crate::support;
use crate::support::away;
use crate::support::away::node;
use crate::support::one_node::*;
use crate::support::world::{RHYTHM, World, participant};
use crate::support::world_steps::*;
use headroom_market::book::{Assurance, OrderRequest, Side};
use headroom_market::command::{Command, NewInstance, Reply};
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::settlement::Receipt;
use headroom_market::swap::recall::{self, Recall};
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::swap::{Swap, plan};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource, amount};
use headroom_market::workload::{AutoOffer, InstanceState, SlotOutlook, Strategy};

type Who = (ParticipantId, InstanceId);

fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

fn take_back(one: &mut One, (who, instance): Who, quantity: Option<i64>) {
    let recall = Recall { instance, resource: CPU, slot: one.slot, quantity };
    let reply = one.world.run(Command::Recall { participant: Some(who), recall });
    assert!(matches!(reply, Reply::Recalled(_)), "{reply:?}");
}

fn member(one: &mut One, name: &str, baseline: i64) -> Who {
    let owner = participant(&mut one.world, name, "1000");
    (owner, away::workload(&mut one.world, owner, "p", cpu(baseline), cpu(5_000)))
}

fn receipts(one: &One, who: ParticipantId) -> Vec<&Receipt> {
    one.world.receipts.iter().filter(|r| r.participant == who).collect()
}

fn firm(one: &mut One, (who, instance): Who, side: Side, quantity: i64, limit: &str) {
    let request = OrderRequest { assurance: Assurance::Firm, ..one.request(instance, quantity, limit) };
    let reply = one.place(who, side, request);
    assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
}

/// What a driver may do now: resizes of a slot that has begun, of which who grows waits for room.
fn drive(one: &mut One, mut may: impl FnMut(&One, &Swap) -> bool) {
    for _ in 0..80 {
        let now = one.world.now;
        let capacity = amount(&one.world.state.nodes[&one.node].capacity, CPU);
        let has_room = |s: &Swap| {
            let others = one.world.state.instances.values().filter(|i| i.id != s.instance);
            let used: i64 = others.map(|i| amount(&i.in_force, CPU)).sum();
            used + amount(&s.limits_to, CPU) <= capacity
        };
        let swaps = one.world.state.swaps.values();
        let ready =
            |s: &&Swap| plan::may_begin(&one.world.state, s) && s.slot.start() <= now && has_room(s) && may(one, s);
        let Some(swap) = swaps.clone().find(ready).cloned() else { return };
        let result = StepResult::Succeeded { state: swap.state, report: StepReport::default() };
        one.world.run(Command::StepSwap { swap: swap.id, result });
    }
    panic!("no end of swaps");
}

// ---- who is paid

/// One buyer has from two lenders, of two rounds; the first takes its part back.
#[test]
fn the_lender_of_a_buyers_other_award_is_paid() {
    let mut one = one(4_000);
    let other = second_lender(&mut one, 1_000);
    let buyer = one.buyers[0];
    one.placed(one.lender, Side::Offer, 500, "0.05");
    one.placed(buyer, Side::Bid, 500, "2");
    one.round();
    one.placed(other, Side::Offer, 500, "0.2");
    one.placed(buyer, Side::Bid, 500, "2");
    one.round();
    one.begin();
    one.recall(Some(500));
    one.carry_out();
    let limits = [one.lender, other, buyer].map(|(_, id)| one.in_force(id));
    assert_eq!(limits, [2_000, 500, 1_000]);
    let all = vec![
        one.reading(one.lender.1, &[2_000; 4], 0, 0),
        one.reading(other.1, &[500; 4], 0, 0),
        one.reading(buyer.1, &[1_000; 4], 0, 0),
    ];
    one.end(all);
    let told: Vec<_> = receipts(&one, buyer.0).iter().map(|r| (r.round, r.lines[0].delivered, r.amount)).collect();
    println!("the buyer: {told:?}");
    let earned: Credits = receipts(&one, other.0).iter().map(|r| r.amount).sum();
    assert_eq!(earned, credits("0.2"), "it lent 500 all the time, and they were used");
}

/// One lender lends to two buyers, in two rounds, and takes back what it lent in the first.
#[test]
fn a_lender_is_paid_for_what_it_goes_on_lending() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 500, "0.05");
    one.placed(one.buyers[0], Side::Bid, 500, "2");
    one.round();
    // Of awards of one millisecond chance says which is the earlier.
    one.world.now = one.world.now.plus_seconds(1);
    one.placed(one.lender, Side::Offer, 500, "0.2");
    one.placed(one.buyers[1], Side::Bid, 500, "2");
    one.round();
    one.begin();
    one.recall(Some(500));
    one.carry_out();
    let ids = [one.lender.1, one.buyers[0].1, one.buyers[1].1];
    assert_eq!(ids.map(|id| one.in_force(id)), [1_500, 500, 1_000]);
    let limits = [1_500, 500, 1_000];
    let all = ids.iter().zip(limits).map(|(id, limit)| one.reading(*id, &[limit; 4], 0, 0)).collect();
    one.end(all);
    let paid: Credits = receipts(&one, one.buyers[1].0).iter().map(|r| r.amount).sum();
    let earned: Credits = receipts(&one, one.lender.0).iter().map(|r| r.amount).sum();
    assert_eq!((paid, earned), (credits("0.2"), credits("0.2")), "500 of the second round were there all the time");
}

/// Buyers shrink before the lender grows; another lender of the round has no part in that.
#[test]
fn another_lender_of_the_round_earns_what_it_lends() {
    let mut one = one(4_000);
    let other = second_lender(&mut one, 1_000);
    one.placed(one.lender, Side::Offer, 500, "0.1");
    one.placed(other, Side::Offer, 500, "0.1");
    one.placed(one.buyers[0], Side::Bid, 500, "0.5");
    one.placed(one.buyers[1], Side::Bid, 500, "0.6");
    one.round();
    one.begin();
    one.recall(Some(500));
    one.carry_out();
    // The first buyer has shrunk after a quarter, the lender could grow after three: its driver had no room.
    let all = vec![
        one.reading(one.lender.1, &[1_500, 1_500, 1_500, 2_000], 0, 0),
        one.reading(other.1, &[500; 4], 0, 0),
        one.reading(one.buyers[0].1, &[1_000, 500, 500, 500], 0, 0),
        one.reading(one.buyers[1].1, &[1_000; 4], 0, 0),
    ];
    one.end(all);
    let earned: Credits = receipts(&one, other.0).iter().map(|r| r.amount).sum();
    let recalls: Credits = receipts(&one, one.lender.0).iter().map(|r| r.amount).sum();
    println!("who recalled has {recalls}, of 500 for a quarter: 0.025");
    assert_eq!(earned, credits("0.1"), "it lent 500 all the time, and they were used");
}

/// A workload that is stopped pays for what is there for it, until it is taken back.
#[test]
fn a_stopped_buyer_pays_until_the_recall() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 600, "0.3");
    one.placed(one.buyers[0], Side::Bid, 600, "0.6");
    one.round();
    one.begin();
    let (participant, instance) = one.buyers[0];
    let reply = one.world.run(Command::StopInstance { participant, instance });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    // Three quarters later.
    one.world.now = one.slot.start().plus_seconds(45);
    let lender = one.lender;
    take_back(&mut one, lender, None);
    let all = vec![one.reading(one.lender.1, &[1_400, 1_400, 1_400, 2_000], 0, 0), one.reading(instance, &[], 4, 0)];
    one.end(all);
    let of = |who| receipts(&one, who).iter().map(|r| r.amount).sum::<Credits>();
    assert_eq!((of(participant), of(one.lender.0)), (credits("0.225"), credits("0.225")), "three quarters of 600");
}

/// The same, where a second lender of the round lends all the time, and its units are used.
#[test]
fn a_stopped_buyer_is_no_loss_of_a_lender_that_takes_nothing_back() {
    let mut one = one(4_000);
    let other = second_lender(&mut one, 1_000);
    one.placed(one.lender, Side::Offer, 500, "0.1");
    one.placed(other, Side::Offer, 500, "0.1");
    one.placed(one.buyers[0], Side::Bid, 500, "0.5");
    one.placed(one.buyers[1], Side::Bid, 500, "0.6");
    one.round();
    one.begin();
    let (participant, instance) = one.buyers[0];
    one.world.run(Command::StopInstance { participant, instance });
    one.world.now = one.slot.start().plus_seconds(45);
    let lender = one.lender;
    take_back(&mut one, lender, Some(500));
    let all = vec![
        one.reading(one.lender.1, &[1_500, 1_500, 1_500, 2_000], 0, 0),
        one.reading(other.1, &[500; 4], 0, 0),
        one.reading(instance, &[], 4, 0),
        one.reading(one.buyers[1].1, &[1_000; 4], 0, 0),
    ];
    one.end(all);
    let earned: Credits = receipts(&one, other.0).iter().map(|r| r.amount).sum();
    assert_eq!(earned, credits("0.1"), "it lent 500 all the time, and they were used");
}

/// What a lender gave while the exchange stood still it is paid for, also if it takes it back after that.
#[test]
fn a_recall_after_an_outage_does_not_undo_what_was_given() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 600, "0.3");
    one.placed(one.buyers[0], Side::Bid, 600, "0.6");
    one.round();
    one.begin();
    one.world.now = one.slot.start().plus_seconds(45);
    one.recall(None);
    one.carry_out();
    let all = vec![one.reading(one.lender.1, &[2_000], 0, 3), one.reading(one.buyers[0].1, &[500], 0, 3)];
    one.end(all);
    let earned: Credits = receipts(&one, one.lender.0).iter().map(|r| r.amount).sum();
    assert_eq!(earned, credits("0.225"), "three quarters of 600");
}

/// Who has bought 300 so, lends 300 so, has its own taken back and takes back: it has what it had, and earns nothing.
#[test]
fn who_stands_in_the_middle_earns_nothing_by_two_recalls() {
    let mut one = one(4_500);
    let other = second_lender(&mut one, 1_000);
    let (middle, last) = (one.buyers[0], one.buyers[1]);
    let fourth = member(&mut one, "fourth", 500);
    one.placed(one.lender, Side::Offer, 300, "0.003");
    one.placed(middle, Side::Bid, 300, "1");
    one.round();
    one.placed(middle, Side::Offer, 300, "0.15");
    one.placed(other, Side::Offer, 300, "0.15");
    one.placed(last, Side::Bid, 300, "0.2");
    one.placed(fourth, Side::Bid, 300, "0.4");
    one.round();
    one.begin();
    take_back(&mut one, middle, None);
    one.carry_out();
    one.recall(None);
    one.carry_out();
    let limits = [one.lender, middle, last, other, fourth].map(|(_, id)| one.in_force(id));
    println!("{limits:?}");
    let before = one.world.state.available(middle.0);
    let all = [one.lender, middle, last, other, fourth].map(|(_, id)| one.reading(id, &[one.in_force(id); 4], 0, 0));
    one.end(all.into());
    for who in [one.lender.0, middle.0, last.0, other.0, fourth.0] {
        println!(
            "{:?}",
            receipts(&one, who).iter().map(|r| (r.side, r.round, r.lines[0].delivered, r.amount)).collect::<Vec<_>>()
        );
    }
    let hold = receipts(&one, middle.0).iter().map(|r| r.credit_note).sum::<Credits>();
    let gained = one.world.state.available(middle.0) - before - hold;
    let earned: Credits = receipts(&one, other.0).iter().map(|r| r.amount).sum();
    assert_eq!((earned, gained), (credits("0.15"), Credits::ZERO), "the second lender, and who stood in the middle");
}

#[test]
fn what_was_delivered_whole_has_no_cause_of_missing() {
    let mut one = traded(3_000);
    one.begin();
    // Too late for any tick.
    one.world.now = one.slot.start().plus_seconds(59);
    one.recall(None);
    let limits = [1_000, 1_100, 900];
    let ids = [one.lender.1, one.buyers[0].1, one.buyers[1].1];
    let all = ids.iter().zip(limits).map(|(id, limit)| one.reading(*id, &[limit; 4], 0, 0)).collect();
    one.end(all);
    for r in &one.world.receipts {
        assert_eq!(r.lines[0].delivered, r.lines[0].awarded);
        assert_eq!(r.cause, None, "nothing is missing");
    }
}

/// Two members agree on a price, and then on nothing: it costs neither anything, and others are shown it.
#[test]
fn what_was_taken_back_before_its_slot_makes_no_price() {
    let mut one = one(3_000);
    let money = |one: &One| one.world.state.available(one.lender.0) + one.world.state.available(one.buyers[0].0);
    let before = money(&one);
    one.placed(one.lender, Side::Offer, 1_000, "1.4");
    one.placed(one.buyers[0], Side::Bid, 1_000, "1.5");
    one.round();
    one.recall(None);
    one.begin();
    one.end(Vec::new());
    assert_eq!(money(&one), before);
    let known = one.world.state.references.get(&("p~recallable".to_owned(), CPU)).map(|r| r.recent.clone());
    assert_eq!(known.unwrap_or_default(), [], "nothing was ever lent");
}

// ---- who has what

/// A lender that runs again on another node takes back there, from nobody.
#[test]
fn a_restart_elsewhere_is_no_way_round_the_reserve_price() {
    let mut one = one(3_400);
    let other = node(&mut one.world, "p", "other", [(CPU, 2_000), (Resource::MemMib, 9_000)].into());
    let money = |one: &One| one.world.state.available(one.lender.0) + one.world.state.available(one.buyers[0].0);
    let before = money(&one);
    one.placed(one.lender, Side::Offer, 1_000, "0");
    one.placed(one.buyers[0], Side::Bid, 1_000, "0.000001");
    one.round();
    let (participant, instance) = one.lender;
    for command in [Command::StopInstance { participant, instance }, Command::StartInstance { participant, instance }] {
        let reply = one.world.run(command);
        assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    }
    println!("on the other node: {}", one.world.state.instances[&instance].node == other);
    take_back(&mut one, (participant, instance), None);
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    one.world.now = one.slot.start().plus_seconds(1);
    for _ in 0..40 {
        let ready = |s: &&Swap| plan::may_begin(&one.world.state, s);
        let Some(swap) = one.world.state.swaps.values().find(ready).cloned() else { break };
        let result = StepResult::Succeeded { state: swap.state, report: StepReport::default() };
        one.world.run(Command::StepSwap { swap: swap.id, result });
    }
    let has = one.in_force(instance) + one.in_force(one.buyers[0].1);
    let all = vec![
        one.reading(instance, &[one.in_force(instance); 4], 0, 0),
        one.reading(one.buyers[0].1, &[one.in_force(one.buyers[0].1); 4], 0, 0),
    ];
    one.end(all);
    println!("together they paid {}", before - money(&one));
    assert_eq!(has, 2_500, "together they have what they had before");
}

/// It runs again on another node, as its own is full: what it takes back it has there, and its friend gives it up.
#[test]
fn what_was_lent_on_another_node_is_given_up_there() {
    let mut one = traded(3_000);
    let other = node(&mut one.world, "p", "other", [(CPU, 2_000), (Resource::MemMib, 9_000)].into());
    let (participant, instance) = one.lender;
    one.world.run(Command::StopInstance { participant, instance });
    let who = support::world::participant(&mut one.world, "firm", "1000");
    let place = OrderRequest { instance: None, assurance: Assurance::Firm, ..one.request(instance, 600, "5") };
    assert!(matches!(one.place(who, Side::Bid, place), Reply::Order(_)));
    one.round();
    assert!(matches!(one.world.run(Command::StartInstance { participant, instance }), Reply::Instance(_)));
    assert_eq!(one.world.state.instances[&instance].node, other);
    no_node_is_promised_twice(&one.world);
    let recall = Recall { instance, resource: CPU, slot: one.slot, quantity: Some(700) };
    let reply = one.world.run(Command::Recall { participant: Some(participant), recall });
    assert!(matches!(reply, Reply::Recalled(r) if (r.quantity, r.from_idle) == (700, 0)), "{reply:?}");
    no_node_is_promised_twice(&one.world);
    let limits = [instance, one.buyers[0].1, one.buyers[1].1].map(|id| {
        let target = plan::target(&one.world.state, &one.world.state.instances[&id], one.slot);
        amount(&target.limits, CPU)
    });
    assert_eq!(limits, [1_700, 500, 800], "who would have paid least gives it up first");
}

/// Of two lenders of a round one runs elsewhere by now, and one is where it was: each has its own again, and what
/// they lend is never less than what is bought of it.
#[test]
fn lenders_of_a_round_on_two_nodes_take_back_what_is_theirs() {
    let mut one = one(4_000);
    let second = second_lender(&mut one, 1_000);
    let other = node(&mut one.world, "p", "other", [(CPU, 2_000), (Resource::MemMib, 9_000)].into());
    one.placed(one.lender, Side::Offer, 500, "0.1");
    one.placed(second, Side::Offer, 500, "0.1");
    one.placed(one.buyers[0], Side::Bid, 1_000, "2");
    one.round();
    let (participant, instance) = one.lender;
    one.world.run(Command::StopInstance { participant, instance });
    let who = support::world::participant(&mut one.world, "firm", "1000");
    let place = OrderRequest { instance: None, assurance: Assurance::Firm, ..one.request(instance, 1_000, "5") };
    assert!(matches!(one.place(who, Side::Bid, place), Reply::Order(_)));
    one.round();
    assert!(matches!(one.world.run(Command::StartInstance { participant, instance }), Reply::Instance(_)));
    assert_eq!(one.world.state.instances[&instance].node, other);
    for (who, left) in [(second, 500), (one.lender, 0)] {
        take_back(&mut one, who, None);
        no_node_is_promised_twice(&one.world);
        let target = plan::target(&one.world.state, &one.world.state.instances[&one.buyers[0].1], one.slot);
        assert_eq!(amount(&target.limits, CPU) - 500, left);
    }
}

/// Told to restart first, it can't: its room is used by those to whom it lent.
#[test]
fn a_lender_that_stopped_has_a_way_back() {
    let mut one = traded(3_000);
    one.begin();
    let (participant, instance) = one.lender;
    let reply = one.world.run(Command::StopInstance { participant, instance });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    let recall = Recall { instance, resource: CPU, slot: one.slot, quantity: None };
    let recalled = one.world.run(Command::Recall { participant: Some(participant), recall });
    let restarted = one.world.run(Command::StartInstance { participant, instance });
    println!("{recalled:?}\n{restarted:?}");
    assert!(
        matches!(recalled, Reply::Recalled(_)) || matches!(restarted, Reply::Instance(_)),
        "what may be taken back can't be, until its slot is over"
    );
}

/// Between the gate and its slot all is taken back: nobody has to be resized for a moment first.
#[test]
fn what_is_taken_back_before_its_slot_is_not_given_first() {
    let mut one = traded(3_000);
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    one.world.now = one.world.now.plus_seconds(1);
    one.recall(None);
    one.world.now = one.slot.start().plus_seconds(1);
    let mut least = 2_000;
    drive(&mut one, |one, _| {
        least = least.min(one.in_force(one.lender.1));
        true
    });
    assert_eq!(one.in_force(one.lender.1), 2_000);
    assert_eq!(least, 2_000, "it was taken back 9 s before its slot, and given in it all the same");
}

/// In the lead of the next slot, in which another member's purchase takes the place of a third's.
#[test]
fn a_recall_in_the_lead_waits_for_no_swap_of_the_next_slot() {
    let mut one = one(4_300);
    let (comes, goes) = (member(&mut one, "comes", 500), member(&mut one, "goes", 500));
    one.placed(one.lender, Side::Offer, 1_000, "0.2");
    one.placed(one.buyers[0], Side::Bid, 600, "0.6");
    one.placed(one.buyers[1], Side::Bid, 400, "0.8");
    firm(&mut one, goes, Side::Bid, 300, "3");
    let next = one.slot.plus(1, RHYTHM.slot_seconds);
    let slot = std::mem::replace(&mut one.slot, next);
    firm(&mut one, comes, Side::Bid, 300, "3");
    one.slot = slot;
    one.round();
    one.begin();
    let all = [one.lender.1, one.buyers[0].1, one.buyers[1].1, comes.1, goes.1];
    assert_eq!(all.map(|id| one.in_force(id)), [1_000, 1_100, 900, 500, 800]);
    one.world.now = RHYTHM.gate_closes(next).plus_seconds(1);
    one.world.run(Command::PlanSlot { slot: next });
    one.recall(None);
    drive(&mut one, |_, _| true);
    assert_eq!(all.map(|id| one.in_force(id))[1..3], [500, 500], "the buyers have given it up");
    assert_eq!(one.in_force(one.lender.1), 2_000, "1,000 are free on the node, with 9 s of 60 to go");
}

/// A lender whose own resize is stuck, and not what its recall has made of it, keeps nobody else waiting.
#[test]
fn a_recall_does_not_wait_for_who_has_no_part_in_it() {
    let mut one = one(4_000);
    let other = second_lender(&mut one, 1_000);
    one.placed(one.lender, Side::Offer, 500, "0.05");
    one.placed(one.buyers[0], Side::Bid, 500, "2");
    one.round();
    one.placed(other, Side::Offer, 500, "0.1");
    one.placed(one.buyers[1], Side::Bid, 500, "2");
    one.round();
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    one.world.now = one.slot.start().plus_seconds(1);
    // The other lender's resize, of which the second buyer waits, takes its time; it takes back one unit.
    take_back(&mut one, other, Some(1));
    let lender = one.lender.1;
    drive(&mut one, |_, s| s.instance == lender);
    assert_eq!(one.in_force(lender), 1_500);
    // The first buyer is about to grow when all of it is taken back.
    one.recall(None);
    drive(&mut one, |_, s| s.instance != other.1);
    assert_eq!(one.in_force(one.buyers[0].1), 500);
    assert_eq!(one.in_force(lender), 2_000, "500 are free on the node, and nobody else is to have them");
}

/// What it had bought on its node was taken back before its slot; its place was sold while it stood still.
#[test]
fn a_buyer_that_has_lost_all_of_it_may_run_elsewhere() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 500, "0.1");
    one.placed(one.buyers[0], Side::Bid, 500, "2");
    one.round();
    one.recall(None);
    let (participant, instance) = one.buyers[0];
    one.world.run(Command::StopInstance { participant, instance });
    let who = support::world::participant(&mut one.world, "firm", "1000");
    let place = OrderRequest { instance: None, assurance: Assurance::Firm, ..one.request(instance, 500, "5") };
    assert!(matches!(one.place(who, Side::Bid, place), Reply::Order(_)));
    one.round();
    node(&mut one.world, "p", "other", [(CPU, 2_000), (Resource::MemMib, 9_000)].into());
    let reply = one.world.run(Command::StartInstance { participant, instance });
    assert!(matches!(reply, Reply::Instance(_)), "it has nothing on its old node any more: {reply:?}");
}

/// A strategy does not lend again what the owner has just taken back for a slot to come.
#[test]
fn what_an_owner_took_back_is_not_lent_again_by_itself() {
    let mut one = one(9_000);
    let (participant, instance) = one.lender;
    let recallable_price = [(CPU, "0.0001".parse().unwrap())].into();
    let auto_offer = AutoOffer { minimum_price: Default::default(), at_least_reserve_price: false, recallable_price };
    let strategy = Strategy { auto_offer: Some(auto_offer), ..Strategy::default() };
    assert!(matches!(
        one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None }),
        Reply::Instance(_)
    ));
    let need = vec![(500, cpu(400)), (900, cpu(1_000)), (975, cpu(1_900))];
    let outlook = SlotOutlook { slot: one.slot, need, lendable: cpu(0), joint: None };
    let told = Command::RecordOutlooks { model: None, outlooks: vec![(instance, vec![outlook])] };
    one.world.run(told.clone());
    one.placed(one.buyers[0], Side::Bid, 1_000, "3");
    one.round();
    assert_eq!(one.recall(None).quantity, 1_000);
    one.world.run(told);
    one.placed(one.buyers[1], Side::Bid, 1_000, "3");
    one.round();
    assert_eq!(recall::recallable(&one.world.state, instance, CPU, one.slot), 0, "it has said that it needs it");
}

// ---- limits that members set

#[test]
fn what_is_taken_back_later_counts_in_a_thrash_limit() {
    let mut one = one(9_000);
    let (participant, instance) = one.lender;
    let strategy = Strategy { max_swap: cpu(500), ..Strategy::default() };
    let reply = one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    assert!(matches!(reply, Reply::Instance(_)), "{reply:?}");
    one.placed(one.lender, Side::Offer, 200, "0");
    one.placed(one.buyers[0], Side::Bid, 200, "1");
    one.round();
    for quantity in [300, 400] {
        let lender = one.lender;
        firm(&mut one, lender, Side::Bid, quantity, "3");
        one.round();
    }
    one.recall(None);
    let target = plan::target(&one.world.state, &one.world.state.instances[&instance], one.slot);
    let change = amount(&target.limits, CPU) - 2_000;
    assert!(change <= 500, "changes by {change}");
}

/// A buyer's thrash limit, passed by what another does.
#[test]
fn a_recall_takes_no_buyer_over_its_thrash_limit() {
    let mut one = one(9_000);
    let buyer = one.buyers[0];
    let strategy = Strategy { max_swap: cpu(300), ..Strategy::default() };
    let (participant, instance) = buyer;
    one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    one.placed(one.lender, Side::Offer, 200, "0");
    one.placed(buyer, Side::Bid, 200, "1");
    one.round();
    let taker = one.buyers[1];
    for quantity in [100, 200, 100] {
        firm(&mut one, buyer, Side::Offer, quantity, "0");
        firm(&mut one, taker, Side::Bid, quantity, "1");
        one.round();
    }
    one.recall(None);
    let target = plan::target(&one.world.state, &one.world.state.instances[&instance], one.slot);
    let change = amount(&target.limits, CPU) - 500;
    no_node_is_promised_twice(&one.world);
    assert!(change >= -300, "changes by {change}");
}

/// A bundle's worth is shared out over units of all kinds: a little of what has a high collar keeps the rest.
#[test]
fn a_trifle_of_something_dear_does_not_keep_ones_processors() {
    let mut world = World::new(7);
    away::pool(&mut world, "p", &[CPU], "0.0005");
    let net = Resource::NetMbps;
    world.run(Command::CreatePool {
        slug: "r".into(),
        name: "R".into(),
        pop: "r".into(),
        tier: headroom_market::pool::Tier::GeneralPurpose,
        resources: vec![CPU, net],
        release_start: "1".parse().unwrap(),
    });
    for (resource, price) in [(CPU, "0.0005"), (net, "0.05")] {
        let share = headroom_market::units::Share::from_units(1_000_000);
        let steps = vec![headroom_market::pool::ReserveStep { share, price: price.parse().unwrap() }];
        let (effective_at, pool) = (world.now.plus_seconds(-60), "r".to_owned());
        world.run(Command::ScheduleReserve { pool, resource, steps, effective_at, expected_version: None, by: None });
    }
    let both = |c: i64, n: i64| -> headroom_market::units::Amounts { [(CPU, c), (net, n)].into() };
    let node = node(&mut world, "r", "only", both(3_000, 900));
    let mut member = |name: &str, baseline: i64| {
        let owner = participant(&mut world, name, "1000");
        let quota = Some(both(9_000, 9_000));
        world.run(Command::SetQuota { participant: owner, quota, instance_limit: None, highest_class: None });
        (owner, away::workload(&mut world, owner, "r", both(baseline, 200), both(5_000, 5_000)))
    };
    let lender = member("lender", 2_000);
    let buyers = vec![member("first", 500), member("second", 500)];
    world.run(Command::OpenRecallable { pool: "r".into() });
    let slot = RHYTHM.first_open(world.now);
    let mut one = One { world, node, lender, buyers, slot };
    let pools = || away::choices(&["r"]);
    for resources in [cpu(1_000), [(net, 5)].into()] {
        let offer = OrderRequest { resources, pools: pools(), ..one.request(lender.1, 1, "0") };
        assert!(matches!(one.place(lender.0, Side::Offer, offer), Reply::Order(_)));
    }
    let [first, second] = [one.buyers[0], one.buyers[1]];
    // 0.3 for 500 of CPU and 5 of the network's; 0.75, the most that it can cost, for 500 of CPU.
    for (who, resources, limit) in [(first, both(500, 5), "0.9"), (second, cpu(500), "0.75")] {
        let bid = OrderRequest { resources, pools: pools(), ..one.request(who.1, 1, limit) };
        assert!(matches!(one.place(who.0, Side::Bid, bid), Reply::Order(_)));
    }
    one.round();
    let target = |one: &One, id: InstanceId| {
        amount(&plan::target(&one.world.state, &one.world.state.instances[&id], one.slot).limits, CPU)
    };
    assert_eq!((target(&one, first.1), target(&one, second.1)), (1_000, 1_000));
    take_back(&mut one, lender, Some(500));
    println!("{} {}", target(&one, first.1), target(&one, second.1));
    assert_eq!(target(&one, second.1), 1_000, "it would have paid the most that a unit of CPU can cost");
}

// ---- beside the subject

/// Its baseline is lowered while it stands still; in a slot that was planned before that it has the earlier one.
#[test]
fn a_start_takes_no_more_than_it_has_asked_for() {
    let mut one = one(3_000);
    one.world.now = RHYTHM.gate_closes(one.slot);
    one.world.run(Command::PlanSlot { slot: one.slot });
    one.world.now = one.slot.start().plus_seconds(1);
    let (participant, instance) = one.lender;
    one.world.run(Command::StopInstance { participant, instance });
    let lowered = Command::SetBaseline { instance, baseline: cpu(1_000), floor: cpu(100) };
    assert!(matches!(one.world.run(lowered), Reply::Instance(_)));
    // Another takes its place.
    member(&mut one, "next", 1_000);
    assert!(matches!(one.world.run(Command::StartInstance { participant, instance }), Reply::Instance(_)));
    let all: i64 = one.world.state.instances.values().map(|i| amount(&i.in_force, CPU)).sum();
    assert!(all <= 3_000, "{all} in force on a node of 3,000");
}

/// The same if it was lowered while it ran, and it has lent more than it is to have.
#[test]
fn a_start_gives_what_the_slot_was_planned_with() {
    let mut one = one(3_000);
    one.placed(one.lender, Side::Offer, 1_500, "0");
    one.placed(one.buyers[0], Side::Bid, 1_500, "1");
    one.round();
    one.begin();
    let (participant, instance) = one.lender;
    let lowered = Command::SetBaseline { instance, baseline: cpu(1_000), floor: cpu(100) };
    assert!(matches!(one.world.run(lowered), Reply::Instance(_)));
    one.world.run(Command::StopInstance { participant, instance });
    assert!(matches!(one.world.run(Command::StartInstance { participant, instance }), Reply::Instance(_)));
    assert_eq!(one.in_force(instance), 500, "2,000 until the slot is over, of which 1,500 are lent");
    one.recall(None);
    one.carry_out();
    assert_eq!((one.in_force(instance), one.in_force(one.buyers[0].1)), (2_000, 500));
}

/// What it has lent stays with its buyer, and its quota is free for another workload.
#[test]
fn a_lender_that_stops_does_not_lend_its_quota_twice() {
    for assurance in [Assurance::Firm, Assurance::Recallable] {
        let mut one = one(3_000);
        node(&mut one.world, "p", "other", [(CPU, 2_000), (Resource::MemMib, 9_000)].into());
        let (participant, instance) = one.lender;
        let quota =
            Command::SetQuota { participant, quota: Some(cpu(2_000)), instance_limit: None, highest_class: None };
        one.world.run(quota);
        for (who, side, limit) in [(one.lender, Side::Offer, "0"), (one.buyers[0], Side::Bid, "0.000001")] {
            let request = OrderRequest { assurance, ..one.request(who.1, 1_000, limit) };
            assert!(matches!(one.place(who.0, side, request), Reply::Order(_)));
        }
        one.round();
        one.world.run(Command::StopInstance { participant, instance });
        let mut new = |baseline: i64| {
            let stopped = &one.world.state.instances[&instance];
            let new = NewInstance {
                participant,
                name: "again".into(),
                driver: stopped.driver.clone(),
                module: stopped.module,
                arguments: Vec::new(),
                pool: "p".into(),
                node: None,
                class: stopped.class,
                baseline: cpu(baseline),
                floor: cpu(100),
                limit: cpu(5_000),
                at_end: stopped.at_end,
                comparison: stopped.comparison.clone(),
                strategy: Strategy::default(),
            };
            one.world.run(Command::RegisterInstance(Box::new(new)))
        };
        let refused = new(1_001);
        assert!(matches!(&refused, Reply::Refused(r) if r.code == "quota_exceeded"), "{refused:?}");
        let Reply::Instance(again) = new(1_000) else { panic!("{assurance:?}: 1,000 are lent and 1,000 are not") };
        let has = |id: InstanceId| {
            amount(&plan::target(&one.world.state, &one.world.state.instances[&id], one.slot).limits, CPU)
        };
        let together = has(again) + has(one.buyers[0].1);
        assert_eq!(together, 2_500, "{assurance:?}: of a quota of 2,000 and a baseline of 500, nothing bought");
    }
}

// ---- all at once

fn history(seed: u64, with_away: bool, seen: &mut [usize; 5]) {
    let (world, rounds) = random_life_with(seed, |world, command| {
        if !world.state.pools.contains_key("p~recallable") {
            assert!(matches!(world.run(Command::OpenRecallable { pool: "p".into() }), Reply::Pool(_)));
            for (id, instance) in world.state.instances.clone() {
                if world.chance.below(3) == 0 {
                    let strategy = Strategy { move_fee: credits("0.01"), ..Strategy::default() };
                    world.run(Command::SetStrategy {
                        participant: instance.participant,
                        instance: id,
                        strategy,
                        expected_version: None,
                    });
                }
            }
        }
        let mut command = if with_away { away::some_elsewhere(world, command) } else { command };
        if let Command::PlaceOrder { request, side, .. } = &mut command
            && request.instance.is_some()
            && request.pools.iter().all(|c| c.pool == "p")
            && world.chance.below(4) > 0
        {
            request.assurance = Assurance::Recallable;
            request.resources.retain(|r, _| *r == CPU);
            if *side == Side::Offer {
                request.limit = request.limit.share_floor(1, 10);
            }
        }
        let at = world.chance.below(world.state.instances.len() as u64) as usize;
        let (id, one) = world.state.instances.iter().nth(at).map(|(id, i)| (*id, i.clone())).unwrap();
        let participant = one.participant;
        match (one.state == InstanceState::Running, world.chance.below(10)) {
            (true, 0) if world.chance.below(3) == 0 => {
                seen[0] += usize::from(!matches!(
                    world.run(Command::StopInstance { participant, instance: id }),
                    Reply::Refused(_)
                ))
            }
            (true, 1) if world.chance.below(3) == 0 => {
                world.run(Command::ReportFault { instance: id, detail: "test".into() });
            }
            (false, 0..=4) => {
                seen[1] += usize::from(!matches!(
                    world.run(Command::StartInstance { participant, instance: id }),
                    Reply::Refused(_)
                ))
            }
            (_, 4) => {
                let slot = Slot::containing(world.now, RHYTHM.slot_seconds);
                world.run(Command::RetryRecalls { slot });
                let _known = recall::is_left_over(&world.state, slot, world.now);
            }
            _ => {}
        }
        no_room_is_promised_twice(world);
        for _ in 0..world.chance.below(3) {
            let present = Slot::containing(world.now, RHYTHM.slot_seconds);
            let slots: Vec<Slot> = (0..4).map(|n| present.plus(n, RHYTHM.slot_seconds)).collect();
            let all = world.state.instances.keys().flat_map(|id| slots.iter().map(move |slot| (*id, *slot)));
            let lends = |(id, slot): &(InstanceId, Slot)| recall::recallable(&world.state, *id, CPU, *slot) > 0;
            let lenders: Vec<_> = all.filter(lends).collect();
            if lenders.is_empty() {
                break;
            }
            let (instance, slot) = lenders[world.chance.below(lenders.len() as u64) as usize];
            let quantity = (world.chance.below(2) == 0).then(|| 1 + world.chance.below(400) as i64);
            let recall = Recall { instance, resource: CPU, slot, quantity };
            match world.run(Command::Recall { participant: None, recall }) {
                Reply::Recalled(_) => seen[2] += 1,
                Reply::Refused(_) => seen[3] += 1,
                other => panic!("{other:?}"),
            }
            no_room_is_promised_twice(world);
        }
        command
    });
    seen[4] += rounds as usize;
    assert_eq!(world.state.ledger.balance(headroom_market::ledger::Account::Escrow), Credits::ZERO);
    let mut again = support::world::empty();
    for (envelope, events) in &world.log {
        let (repeated, _) = headroom_market::apply::apply(&mut again, envelope);
        assert_eq!(&repeated, events);
    }
    assert_eq!(world.state.all_rows(), world.folded.all_rows());
    for receipt in &world.receipts {
        for line in &receipt.lines {
            assert!((0..=line.awarded).contains(&line.delivered), "{receipt:?}");
        }
    }
}

/// As `no_node_is_promised_twice`, and of the present slot and the next as well.
fn no_room_is_promised_twice(world: &World) {
    let present = Slot::containing(world.now, RHYTHM.slot_seconds);
    for slot in (0..6).map(|n| present.plus(n, RHYTHM.slot_seconds)) {
        for node in world.state.nodes.values() {
            if world
                .state
                .instances
                .values()
                .any(|i| i.node == node.id && headroom_market::workload::away::is_overdue(&world.state, i))
            {
                continue;
            }
            let mut bound = 0;
            for instance in world.state.instances.values() {
                let won: i64 = world
                    .state
                    .awards_of(instance.id)
                    .filter(|a| a.kind == headroom_market::round::AwardKind::Bought && a.nodes.contains(&node.id))
                    .flat_map(|a| &a.lines)
                    .filter(|l| l.slot == slot && l.resource == CPU && !l.settled)
                    .map(|l| l.left())
                    .sum();
                // What a workload that stands still has won stays its own.
                let runs = instance.state == InstanceState::Running;
                let target = plan::target(&world.state, instance, slot);
                bound += match (runs, target.node == node.id) {
                    (true, true) => amount(&target.limits, CPU),
                    (true, false) => {
                        let keeps = instance.away.filter(|away| away.home == node.id && away.home != target.node);
                        keeps.map_or(0, |_| amount(&instance.baseline, CPU))
                    }
                    (false, _) => won,
                };
            }
            for award in world
                .state
                .awards
                .values()
                .filter(|a| a.instance.is_none() && a.kind == headroom_market::round::AwardKind::Bought)
            {
                let here = award.nodes.iter().filter(|n| **n == node.id).count() as i64;
                let lines = award.lines.iter().filter(|l| l.slot == slot && l.resource == CPU && !l.settled);
                bound += lines.map(|l| l.left() / award.nodes.len().max(1) as i64 * here).sum::<i64>();
            }
            assert!(bound <= amount(&node.capacity, CPU), "{slot}: {bound} on {} at {}", node.name, world.now);
        }
    }
}

#[test]
fn histories_with_recalls_stops_and_faults() {
    let mut seen = [0; 5];
    let mut bad = Vec::new();
    let last = std::env::var("HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(200u64);
    for seed in 7_000..7_000 + last {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| history(seed, seed % 2 == 0, &mut seen)));
        bad.extend(ran.is_err().then_some(seed));
    }
    println!("stopped, started, recalls, refused, rounds: {seen:?}");
    assert!(bad.is_empty(), "{} of {last}: {bad:?}", bad.len());
}
