//! Where no round is held before a slot's gate, workloads go on with what they have at an administered price; by hand,
//! in a market of one node.

use crate::support::away;
use crate::support::away::workload;
use crate::support::one_node;
use crate::support::one_node::{CPU, One, cpu, one};
use crate::support::rolls::*;
use crate::support::world::{RHYTHM, participant};
use crate::support::world_rolls::check_roll;
use headroom_market::book::{Assurance, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::UserId;
use headroom_market::ledger::Account;
use headroom_market::pool::hourly::AdministeredBasis;
use headroom_market::project;
use headroom_market::round::AwardKind;
use headroom_market::round::safe_state::{LeftOut, NO_ROUND};
use headroom_market::swap::cause::CauseKind;
use headroom_market::time::Timestamp;
use headroom_market::units::Credits;
use headroom_market::workload::Strategy;

#[test]
fn what_a_workload_has_goes_on_at_the_price_of_the_slot_before() {
    let mut one = bought();
    let (who, instance) = one.buyers[0];
    let before = one.world.state.available(who);
    let (rolls, left) = roll(&mut one);
    assert_eq!((rolls.len(), left.len()), (1, 0));
    let [of_cpu] = rolls[0].prices[..] else { panic!("{rolls:?}") };
    assert_eq!((of_cpu.price, of_cpu.basis), (price("0.0005"), AdministeredBasis::Hour));
    assert_eq!(rolls[0].volume[&CPU], 1_000);
    let [award] = &awards(&one, instance, AwardKind::Bought)[..] else { panic!("one award") };
    assert_eq!((award.round, award.money, award.lines[0].quantity), (NO_ROUND, credits("0.5"), 1_000));
    assert_eq!(one.in_force(instance), 1_500, "nothing was changed");
    assert_eq!(before - one.world.state.available(who), credits("0.5"));
    // It is delivered and settled like anything else.
    let readings = vec![one.reading(instance, &[1_500], 0, 0)];
    let income = one.world.state.ledger.balance(Account::OperatorIncome);
    let slot = one.slot;
    one.world.run(Command::SettleSlot { slot: slot.plus(-1, RHYTHM.slot_seconds), readings: Vec::new() });
    one.end(readings);
    let receipt = one.world.receipts.iter().find(|r| r.slot == slot).expect("a receipt");
    assert_eq!((receipt.round, receipt.amount, receipt.credit_note), (NO_ROUND, credits("0.5"), Credits::ZERO));
    assert_eq!(one.world.state.ledger.balance(Account::OperatorIncome) - income, credits("0.5"));
    assert_eq!(one.world.state.ledger.balance(Account::Escrow), Credits::ZERO);
    let rounds = one.world.state.market.pool_rounds["p"];
    assert_eq!((rounds.slots_rolled, rounds.last_rolled), (1, Some(slot)));
}

#[test]
fn it_goes_on_slot_after_slot_until_a_round_is_held() {
    let mut one = bought();
    let instance = one.buyers[0].1;
    for _ in 0..3 {
        assert_eq!(roll(&mut one).0.len(), 1);
        assert_eq!(one.in_force(instance), 1_500);
    }
    // Nobody asks for anything, but somebody could have: that is a market. Half a slot before the gate is too early.
    before_the_gate(&mut one, 31);
    one.world.run(Command::SealRound(None));
    assert_eq!(roll(&mut one).0.len(), 1);
    before_the_gate(&mut one, 30);
    let reply = one.world.run(Command::SealRound(None));
    assert!(matches!(reply, Reply::Nothing));
    assert_eq!(roll(&mut one), (vec![], vec![]));
    assert_eq!(one.in_force(instance), 500);
}

#[test]
fn a_halt_stops_rounds_and_not_what_runs() {
    let mut one = bought();
    let instance = one.buyers[0].1;
    let by = UserId::from_raw(1);
    one.world.run(Command::HaltPool { pool: "p".into(), by, reason: "repair".into() });
    let reply = one.world.run(Command::SealRound(None));
    assert!(matches!(reply, Reply::Nothing), "its orders are in no round");
    assert_eq!(roll(&mut one).0.len(), 1);
    one.world.run(Command::ResumePool { pool: "p".into() });
    before_the_gate(&mut one, 5);
    one.world.run(Command::SealRound(None));
    assert_eq!(roll(&mut one).0.len(), 0);
    assert_eq!(one.in_force(instance), 500);
}

#[test]
fn a_void_round_is_none() {
    let mut one = bought();
    let (buyer, slot) = (one.buyers[1], one.slot);
    one.slot = next(slot);
    firm(&mut one, buyer, Side::Bid, 100, "0.9");
    one.slot = slot;
    let Reply::Sealed { round, .. } = one.world.run(Command::SealRound(None)) else { panic!("a round") };
    one.world.run(Command::VoidRound { round, reason: "test".into() });
    assert_eq!(roll(&mut one).0.len(), 1);
    assert_eq!(one.in_force(one.buyers[0].1), 1_500);
}

#[test]
fn what_was_won_for_the_slot_already_counts() {
    let mut one = bought();
    let (buyer, slot) = (one.buyers[0], one.slot);
    // Held before the gate of the slot that runs: three slots off by the time that it is planned.
    one.slot = slot.plus(2, RHYTHM.slot_seconds);
    firm(&mut one, buyer, Side::Bid, 400, "0.9");
    one.slot = slot;
    before_the_gate(&mut one, 5);
    one.round();
    // For the next slot a round was held, and nobody asked for it.
    assert_eq!(roll(&mut one).0.len(), 0);
    assert_eq!(one.in_force(buyer.1), 500);
    let (rolls, _) = roll(&mut one);
    assert_eq!((rolls.len(), one.in_force(buyer.1)), (0, 900), "it had nothing, and has what it won");
    // And of what it has then, so much goes on as it has not won again.
    let (rolls, _) = roll(&mut one);
    assert_eq!(rolls[0].volume[&CPU], 400);
    assert_eq!(one.in_force(buyer.1), 900);
}

#[test]
fn lenders_go_on_with_what_is_needed() {
    let mut one = lent();
    let (lender, second) = (one.lender, one.buyers[1]);
    let strategy = Strategy { lets_go_in_safe_state: true, ..Strategy::default() };
    let (participant, instance) = second;
    one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    let (rolls, left) = roll(&mut one);
    assert_eq!((rolls[0].awards, rolls[0].volume[&CPU]), (2, 600));
    assert_eq!((left[0].instance, left[0].reason, left[0].amounts[&CPU]), (instance, LeftOut::LetsGo, 400));
    assert_eq!((one.in_force(lender.1), one.in_force(instance)), (1_400, 500));
    let [award] = &awards(&one, lender.1, AwardKind::Lent)[..] else { panic!("one award") };
    assert_eq!(award.lines[0].quantity, 600);
    let readings = vec![one.reading(lender.1, &[1_400], 0, 0), one.reading(one.buyers[0].1, &[1_100], 0, 0)];
    let before = one.world.state.available(lender.0);
    one.world.run(Command::SettleSlot { slot: one.slot.plus(-1, RHYTHM.slot_seconds), readings: Vec::new() });
    let of_first = one.world.state.available(lender.0) - before;
    one.end(readings);
    let of_second = one.world.state.available(lender.0) - before - of_first;
    assert_eq!(of_second, award.money, "it is paid as any lender is");
}

#[test]
fn who_shrinks_is_told_why() {
    let mut one = lent();
    let (participant, instance) = one.buyers[1];
    let strategy = Strategy { lets_go_in_safe_state: true, ..Strategy::default() };
    one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    roll(&mut one);
    let swaps: Vec<_> = one
        .world
        .log
        .iter()
        .flat_map(|(_, events)| events)
        .filter_map(|e| match e {
            Event::SwapChanged(s) if s.slot == one.slot => Some(s.clone()),
            _ => None,
        })
        .collect();
    let causes_of = |id| swaps.iter().find(|s| s.instance == id).map(|s| s.causes.clone()).expect("a swap");
    let [cause] = &causes_of(instance)[..] else { panic!("{:?}", causes_of(instance)) };
    assert_eq!((cause.kind, cause.quantity, cause.left_out), (CauseKind::NotRolled, 400, Some(LeftOut::LetsGo)));
    let [cause] = &causes_of(one.lender.1)[..] else { panic!("{:?}", causes_of(one.lender.1)) };
    assert_eq!((cause.kind, cause.quantity, cause.left_out), (CauseKind::LentOn, 600, None));
    assert!(cause.is_paid > Credits::ZERO);
}

#[test]
fn without_its_lender_what_was_lent_ends() {
    let mut one = lent();
    let (participant, instance) = one.lender;
    let strategy = Strategy { lets_go_in_safe_state: true, ..Strategy::default() };
    one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
    let (_, left) = roll(&mut one);
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|l| l.reason == LeftOut::NoHostFits), "{left:?}");
    assert_eq!((one.in_force(instance), one.in_force(one.buyers[0].1)), (2_000, 500));
}

#[test]
fn who_cannot_pay_does_not_go_on() {
    let mut one = one(5_000);
    let owner = participant(&mut one.world, "poor", "0.95");
    let poor = (owner, workload(&mut one.world, owner, "p", cpu(500), cpu(5_000)));
    firm(&mut one, poor, Side::Bid, 1_000, "0.9");
    one.round();
    one.begin();
    let (_, left) = roll(&mut one);
    assert_eq!((left[0].reason, one.in_force(poor.1)), (LeftOut::InsufficientFunds, 500));
    assert_eq!(one.world.state.available(owner), credits("0.45"));
}

#[test]
fn a_stopped_workload_and_what_may_be_taken_back_end_with_their_slot() {
    let mut one = bought();
    let (participant, instance) = one.buyers[0];
    one.world.run(Command::StopInstance { participant, instance });
    assert_eq!(roll(&mut one).0.len(), 0);
    let mut one = one_node::traded(3_000);
    one.begin();
    assert_eq!(roll(&mut one), (vec![], vec![]));
}

#[test]
fn after_a_standstill_beyond_the_horizon_all_begin_anew() {
    for (slots, rolls) in [(RHYTHM.horizon_slots, 1), (RHYTHM.horizon_slots + 1, 0)] {
        let mut one = bought();
        one.slot = one.slot.plus(slots - 1, RHYTHM.slot_seconds);
        let awards: u32 = roll(&mut one).0.iter().map(|r| r.awards).sum();
        assert_eq!(awards, rolls, "{slots} slots later");
    }
}

#[test]
fn a_workload_stays_within_the_limits_that_it_has_now() {
    let mut one = bought();
    let (participant, instance) = one.buyers[0];
    let max_swap = [(CPU, 900)].into();
    one.world.run(Command::SetStrategy {
        participant,
        instance,
        strategy: Strategy { max_swap, ..Strategy::default() },
        expected_version: None,
    });
    let (_, left) = roll(&mut one);
    assert_eq!(left[0].reason, LeftOut::WorkloadLimit);
}

#[test]
fn a_sealed_round_is_not_pre_empted() {
    let mut one = bought();
    let (buyer, slot) = (one.buyers[1], one.slot);
    one.slot = next(slot);
    firm(&mut one, buyer, Side::Bid, 100, "0.9");
    one.world.now = Timestamp::from_seconds(RHYTHM.gate_closes(next(slot)).seconds() - 1);
    assert!(matches!(one.world.run(Command::SealRound(None)), Reply::Sealed { .. }));
    one.world.now = RHYTHM.gate_closes(next(slot));
    one.world.run(Command::PlanSlot { slot: next(slot) });
    assert_eq!(check_roll(&one.world, next(slot)).slots, 0);
}

#[test]
fn what_was_sold_on_is_not_bought_again() {
    let mut one = one(4_000);
    let (buyer, other) = (one.buyers[0], one.buyers[1]);
    let mut request = one.request(buyer.1, 1_000, "1.2");
    request.assurance = Assurance::Firm;
    request.resell = headroom_market::book::Resell::OwnLimit;
    assert!(matches!(one.place(buyer.0, Side::Bid, request.clone()), Reply::Order(_)));
    request.window.start_at = next(one.slot).start();
    request.window.end_at = one.slot.plus(2, RHYTHM.slot_seconds).start();
    request.limit = credits("0.6");
    assert!(matches!(one.place(buyer.0, Side::Bid, request), Reply::Order(_)));
    one.round();
    one.begin();
    assert_eq!(one.in_force(buyer.1), 1_500);
    let slot = one.slot;
    one.slot = next(slot);
    firm(&mut one, other, Side::Bid, 1_000, "1.4");
    one.slot = slot;
    one.round();
    // There is room again: the node has grown (or somebody's workload ended).
    let mut node = one.world.state.nodes[&one.node].clone();
    node.capacity.insert(CPU, 6_000);
    one.world.state.fold(&Event::NodeChanged(node.clone()));
    one.world.folded.fold(&Event::NodeChanged(node));
    assert_eq!(roll(&mut one), (vec![], vec![]));
    assert_eq!(one.in_force(buyer.1), 500, "it has sold all of it");
}

fn flap(halt_at_seal: bool) -> One {
    let mut one = bought();
    away::pool(&mut one.world, "q", &[CPU], "0.0005");
    away::node(&mut one.world, "q", "other", cpu(5_000));
    let slot = one.slot;
    one.slot = next(slot);
    let mut request = one.request(one.buyers[1].1, 100, "0.9");
    request.assurance = Assurance::Firm;
    request.instance = None;
    request.pools[0].pool = "q".into();
    let who = one.buyers[1].0;
    let reply = one.place(who, Side::Bid, request);
    assert!(matches!(reply, Reply::Order(_)), "{reply:?}");
    one.slot = slot;
    before_the_gate(&mut one, 5);
    let by = UserId::from_raw(1);
    let halt = Command::HaltPool { pool: "p".into(), by, reason: "repair".into() };
    let resume = Command::ResumePool { pool: "p".into() };
    if halt_at_seal {
        one.world.run(halt.clone());
    }
    let Reply::Sealed { round, book } = one.world.run(Command::SealRound(None)) else { panic!() };
    let outcome = crate::support::cleared(&book);
    let result_hash = outcome.result_hash().to_owned();
    one.world.run(if halt_at_seal { resume } else { halt });
    let reply =
        one.world.run(Command::RecordOutcome { round, result_hash, outcome: Some(std::sync::Arc::new(outcome)) });
    assert!(matches!(reply, Reply::Done), "{reply:?}");
    one
}

#[test]
fn a_pool_halted_when_the_round_was_sealed_was_in_no_round() {
    let mut one = flap(true);
    assert_eq!(roll(&mut one).0.len(), 1, "no round of p was held in the half slot");
}

#[test]
fn a_pool_halted_after_the_round_was_sealed_was_in_it() {
    let mut one = flap(false);
    assert_eq!(roll(&mut one).0.len(), 0, "p was in the round");
}

#[test]
fn money_held_for_the_slot_that_rolls_is_there() {
    let mut one = one(5_000);
    let owner = participant(&mut one.world, "tight", "1.4");
    let tight = (owner, workload(&mut one.world, owner, "p", cpu(500), cpu(5_000)));
    firm(&mut one, tight, Side::Bid, 1_000, "0.9");
    one.round();
    one.begin();
    assert_eq!(one.world.state.available(owner), credits("0.9"));
    let slot = one.slot;
    one.slot = next(slot);
    firm(&mut one, tight, Side::Bid, 1_000, "0.9");
    one.slot = slot;
    let by = UserId::from_raw(1);
    one.world.run(Command::HaltPool { pool: "p".into(), by, reason: "repair".into() });
    one.world.now = Timestamp::from_seconds(RHYTHM.gate_closes(next(slot)).seconds() - 1);
    one.world.run(Command::SealRound(None));
    roll(&mut one);
    assert_eq!(one.in_force(tight.1), 1_500, "its own bid for this very slot can win no more");
}

#[test]
fn a_workload_that_needs_more_does_not_lend_on() {
    let mut one = one(3_500);
    let (lender, [first, second]) = (one.lender, [one.buyers[0], one.buyers[1]]);
    firm(&mut one, lender, Side::Offer, 1_000, "0.4");
    firm(&mut one, first, Side::Bid, 600, "0.9");
    firm(&mut one, second, Side::Bid, 400, "0.9");
    one.round();
    one.begin();
    assert_eq!(one.in_force(lender.1), 1_000);
    let slot = one.slot;
    one.slot = next(slot);
    firm(&mut one, lender, Side::Bid, 500, "0.7");
    one.slot = slot;
    one.round();
    roll(&mut one);
    assert!(
        one.in_force(lender.1) >= 2_500,
        "{}: it has bought 500 more than its baseline for the slot",
        one.in_force(lender.1)
    );
}

#[test]
fn what_runs_on_a_cordoned_node_stays() {
    let mut one = bought();
    let node = one.node;
    one.world.run(Command::SetNodeState { node, state: headroom_market::pool::NodeState::Cordoned });
    roll(&mut one);
    assert_eq!(one.in_force(one.buyers[0].1), 1_500);
}

#[test]
fn who_goes_on_lending_pays_nothing_for_what_it_keeps() {
    let mut one = one(4_000);
    let (lender, [first, second]) = (one.lender, [one.buyers[0], one.buyers[1]]);
    firm(&mut one, lender, Side::Offer, 500, "0.2");
    firm(&mut one, first, Side::Bid, 1_000, "1.4");
    firm(&mut one, second, Side::Bid, 500, "0.7");
    one.round();
    one.begin();
    roll(&mut one);
    let slot = one.slot;
    one.world.run(Command::SettleSlot { slot: slot.plus(-1, RHYTHM.slot_seconds), readings: Vec::new() });
    let mut keeps = one.world.state.instances[&lender.1].clone();
    keeps.kept_by_program.insert(slot);
    one.world.state.fold(&Event::InstanceChanged(keeps.clone()));
    one.world.folded.fold(&Event::InstanceChanged(keeps));
    let readings =
        [(lender.1, 2_000), (first.1, 1_500), (second.1, 500)].map(|(id, has)| one.reading(id, &[has], 0, 0));
    one.end(readings.to_vec());
    let kept = one.world.receipts.iter().find(|r| r.slot == slot && r.kind == AwardKind::Lent).expect("a receipt");
    assert_eq!((kept.lines[0].kept, kept.compensation), (500, Credits::ZERO), "nobody has chosen to lend it");
}

#[test]
fn who_asks_less_goes_on_lending_first() {
    // The first lender's award is the older one.
    for (first, second) in [("0.2", "0.4"), ("0.4", "0.2")] {
        let mut one = one(4_000);
        let (lender, buyers) = (one.lender, one.buyers.clone());
        let other = one_node::second_lender(&mut one, 1_000);
        firm(&mut one, lender, Side::Offer, 500, first);
        firm(&mut one, other, Side::Offer, 500, second);
        firm(&mut one, buyers[0], Side::Bid, 500, "0.7");
        firm(&mut one, buyers[1], Side::Bid, 500, "0.7");
        one.round();
        one.begin();
        let (participant, instance) = buyers[1];
        let strategy = Strategy { lets_go_in_safe_state: true, ..Strategy::default() };
        one.world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
        roll(&mut one);
        let goes_on = if first < second { (1_500, 1_000) } else { (2_000, 500) };
        assert_eq!((one.in_force(lender.1), one.in_force(other.1)), goes_on, "{first} and {second}");
    }
}

#[test]
fn what_a_workload_lends_by_now_it_does_not_buy_as_well() {
    let lends_some = || {
        let mut one = bought();
        let (buyer, other, slot) = (one.buyers[0], one.buyers[1], one.slot);
        one.slot = next(slot);
        firm(&mut one, buyer, Side::Offer, 300, "0.01");
        firm(&mut one, other, Side::Bid, 300, "0.9");
        one.slot = slot;
        one.round();
        one
    };
    let mut one = lends_some();
    let [buyer, other] = [one.buyers[0].1, one.buyers[1].1];
    let (rolls, _) = roll(&mut one);
    assert_eq!(rolls[0].volume[&CPU], 700);
    assert_eq!((one.in_force(buyer), one.in_force(other)), (900, 800));
    let [award] = &awards(&one, buyer, AwardKind::Bought)[..] else { panic!("one award") };
    // Its limit was 0.9 for 1,000.
    assert_eq!(award.limit, credits("0.63"));
    // And no more a unit for a part of it.
    let mut one = lends_some();
    cost(&mut one, &[(1, "0.0012")]);
    assert_eq!(roll(&mut one).1[0].reason, LeftOut::PriceBeyondLimit);
}

#[test]
fn a_project_pays_for_what_goes_on() {
    let mut one = one(4_000);
    let (participant, instance) = one.buyers[0];
    let project = Command::PutProject { participant, name: "web".into(), limit: credits("1.2") };
    let Reply::Project(id) = one.world.run(project) else { panic!("a project") };
    let mut request = one.request(instance, 1_000, "0.9");
    (request.assurance, request.project) = (Assurance::Firm, Some("web".into()));
    assert!(matches!(one.place(participant, Side::Bid, request), Reply::Order(_)));
    one.round();
    one.begin();
    let left = |one: &One| project::left(&one.world.state, &one.world.state.projects[&id]);
    assert_eq!(left(&one), credits("0.7"), "1,000 at 0.0005");
    roll(&mut one);
    assert_eq!((left(&one), one.in_force(instance)), (credits("0.2"), 1_500));
    let (_, not_rolled) = roll(&mut one);
    assert_eq!((not_rolled[0].reason, one.in_force(instance)), (LeftOut::ProjectExhausted, 500));
}
