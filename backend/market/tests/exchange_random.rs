//! The whole exchange under random commands, against invariants that a naive auditor checks
//! after each: money is conserved, holds cover open bids, folding the events gives the same
//! state, the same commands give the same events, every swap ends.

use crate::support::away;
use crate::support::compensations;
use crate::support::projects;
use crate::support::recallable;
use crate::support::recallable_paid;
use crate::support::runs;
use headroom_market::apply::apply;
use headroom_market::book::{Order, Rejection, Side, validate};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, NodeId};
use headroom_market::ledger::{Account, TransferKind};
use headroom_market::project;
use headroom_market::round::{AwardKind, AwardLine};
use headroom_market::state::State;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::swap::{Swap, SwapState};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Price, Resource};
use headroom_market::workload::{InstanceState, Strategy, vacate};
use std::collections::BTreeMap;

use crate::support::world::*;
use crate::support::world_steps::*;

#[test]
fn random_commands_conserve_money_and_replay_to_the_same_state() {
    let (mut rounds, mut settled, mut moves) = (0, 0, 0);
    for seed in 0..60 {
        let (world, cleared) = random_life(seed);
        rounds += cleared;
        settled += world.receipts.len();
        moves +=
            world.log.iter().flat_map(|(_, e)| e).filter(|e| matches!(e, Event::SwapChanged(s) if s.moves())).count();
        check_settlement(&world);
        compensations::check(&world, &mut compensations::Seen::default());
        check_replay(&world);
    }
    // The run has to have exercised what it claims to check.
    assert!(
        rounds > 300 && settled > 300 && moves > 20,
        "rounds {rounds}, receipts {settled}, swap steps of moves {moves}"
    );
    let fees = FEES.load(std::sync::atomic::Ordering::Relaxed);
    assert!(fees > 0, "nobody paid a reservation fee");
}

/// The same with many who lend, programs that keep what they have, and lenders who are left with next to nothing.
#[test]
fn lenders_pay_for_what_their_programs_keep() {
    let mut kept = compensations::Seen::default();
    for seed in 300..760 {
        let (world, _) = random_life_with(seed, |world, command| {
            if world.chance.below(20) == 0 {
                take_nearly_all(world);
            }
            with_lenders(world, command)
        });
        check_settlement(&world);
        compensations::check(&world, &mut kept);
        check_replay(&world);
    }
    println!("{kept:?}");
    assert!(kept.kept > 100 && kept.paid > 50 && kept.short > 0 && kept.stood_in > 10, "{kept:?}");
    assert!(kept.compensated > 30 && kept.shared > 10, "{kept:?}");
}

/// Takes from a participant what is available to it, but for a few micro-credits.
fn take_nearly_all(world: &mut World) {
    let at = world.chance.below(world.state.participants.len() as u64) as usize;
    let Some(participant) = world.state.participants.keys().nth(at).copied() else { return };
    let left = Credits::from_units(1 + world.chance.below(2_000) as i64);
    let amount = left - world.state.available(participant);
    if amount.is_negative() {
        world.run(Command::Grant { participant, amount, reason: None });
    }
}

/// The same with orders for one resource each, of which members' own would often meet. Every sealed book is looked at
/// (`support/self_trade.rs`).
#[test]
fn own_orders_that_would_meet_are_refused_and_in_no_round() {
    let (mut kept, mut refused, mut rounds) = (compensations::Seen::default(), 0, 0);
    for seed in 4_000..4_260 {
        let (world, cleared) = random_life_with(seed, |world, command| {
            let mut command = with_lenders(world, command);
            if let Command::PlaceOrder { participant, side, request, .. } = &mut command {
                let one = if world.chance.below(3) == 0 { Resource::MemMib } else { Resource::CpuMilli };
                request.resources.retain(|resource, _| *resource == one);
                let checked = validate::check(&world.state, world.now, *participant, *side, request, None);
                refused += u32::from(matches!(checked, Err(Rejection::SelfTrade { .. })));
            }
            command
        });
        check_settlement(&world);
        compensations::check(&world, &mut kept);
        check_replay(&world);
        rounds += cleared;
    }
    println!("{refused} orders refused in {rounds} rounds, {kept:?}");
    assert!(refused > 60 && kept.kept > 100, "{refused}, {kept:?}");
}

/// The same with workloads that are stopped and started again between rounds, and while one is under way.
#[test]
fn stopped_and_started_workloads_are_promised_no_more_than_there_is() {
    let (mut stopped, mut started, mut refused, mut rounds) = (0, 0, 0, 0);
    for seed in 600..760 {
        let (world, cleared) = random_life_with(seed, |world, command| {
            // Whoever has begun anew is drilled anew, once no swap changes it.
            let due = world.state.instances.values().filter(|i| vacate::due(i).is_some());
            for id in due.map(|i| i.id).collect::<Vec<_>>() {
                world.drill(id);
            }
            let at = world.chance.below(world.state.instances.len() as u64) as usize;
            let Some((id, instance)) = world.state.instances.iter().nth(at) else { return command };
            let (participant, instance, runs) = (instance.participant, *id, instance.state == InstanceState::Running);
            match (runs, world.chance.below(8)) {
                (true, 0) => {
                    world.run(Command::StopInstance { participant, instance });
                    stopped += 1;
                }
                (false, 0..=3) => match world.run(Command::StartInstance { participant, instance }) {
                    Reply::Refused(_) => refused += 1,
                    _ => started += 1,
                },
                _ => {}
            }
            no_node_is_promised_twice(world);
            no_bid_may_cost_more_than_its_limit(world);
            command
        });
        rounds += cleared;
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{rounds} rounds, {stopped} stopped, {started} started, {refused} refused");
    assert!(rounds > 500 && started > 200 && refused > 0, "{rounds} {started} {refused}");
}

/// The same with workloads that are written to disk as they shrink: they are taken nowhere until they go on.
#[test]
fn workloads_that_stand_still_stay_where_they_are() {
    let (mut suspended, mut resumed) = (0, 0);
    for seed in 900..1_200 {
        let mut still: BTreeMap<InstanceId, NodeId> = BTreeMap::new();
        let (world, _) = random_life_with(seed, |world, command| {
            let resized = |s: &&Swap| !s.moves() && s.state == SwapState::Activated;
            let resized = world.state.swaps.values().filter(resized);
            let swaps: Vec<_> = resized.map(|s| (s.id, s.limits_from.clone())).collect();
            for (swap, needs) in swaps {
                if world.chance.below(2) == 0 {
                    continue;
                }
                let (state, report) =
                    (SwapState::Activated, StepReport { suspended: Some(needs), ..StepReport::default() });
                world.run(Command::StepSwap { swap, result: StepResult::Succeeded { state, report } });
                suspended += 1;
            }
            let stand: BTreeMap<InstanceId, NodeId> =
                world.state.instances.values().filter(|i| i.suspended.is_some()).map(|i| (i.id, i.node)).collect();
            for (id, node) in &still {
                match stand.get(id) {
                    Some(now) => assert_eq!(now, node, "one that stands still was moved"),
                    None => resumed += 1,
                }
            }
            let taken = |s: &Swap| s.moves() && stand.contains_key(&s.instance);
            assert!(!world.state.swaps.values().any(taken), "one that stands still is to be moved");
            still = stand;
            no_node_is_promised_twice(world);
            no_bid_may_cost_more_than_its_limit(world);
            command
        });
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{suspended} suspended, {resumed} resumed");
    assert!(suspended > 200 && resumed > 10, "{suspended} {resumed}");
}

/// The same with bids that take runs of their window, and bids that move nobody.
#[test]
fn runs_are_long_enough_and_paid_by_their_part_and_who_stays_wins_where_it_is() {
    let (mut seen, mut rounds) = (runs::Seen::default(), 0);
    for seed in 1_000..1_120 {
        let (world, cleared) = random_life_with(seed, runs::some_of_both);
        rounds += cleared;
        runs::check_history(&world, &mut seen);
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{rounds} rounds, {seen:?}");
    assert!(rounds > 500 && seen.shorter > 50 && seen.whole > 100 && seen.later > 30, "{rounds} {seen:?}");
    assert!(seen.in_part > 50 && seen.moved > 30, "{seen:?}");
    assert!(seen.in_place > 100 && seen.in_place_refused > 10, "{seen:?}");
}

/// The same with a second pool, and bids that would have their workloads there.
#[test]
fn workloads_are_in_one_place_at_a_time_and_come_home() {
    let (mut seen, mut rounds) = (away::Seen::default(), 0);
    for seed in 2_000..2_150 {
        let (world, cleared) = random_life_with(seed, away::some_elsewhere);
        rounds += cleared;
        away::check_history(&world, &mut seen);
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{rounds} rounds, {seen:?}");
    assert!(rounds > 500 && seen.carried > 100 && seen.went > 50 && seen.came_home > 40, "{rounds} {seen:?}");
    assert!(seen.not_brought > 5 && seen.went_on > 5 && seen.waited.len() == 2, "{seen:?}");
}

/// The same with what is lent so that it may be taken back, and taken back at any time.
#[test]
fn what_is_taken_back_is_given_up_by_who_had_it_and_by_nobody_else() {
    let (mut seen, mut paid, mut rounds) = (recallable::Seen::default(), recallable_paid::Paid::default(), 0);
    for seed in 3_000..3_700 {
        let (world, cleared) =
            random_life_with(seed, |world, command| recallable::some_of_it(world, command, &mut seen));
        rounds += cleared;
        recallable::check_history(&world, &mut seen);
        recallable_paid::check_paid(&world, &mut paid);
        compensations::check(&world, &mut compensations::Seen::default());
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{rounds} rounds, {seen:?}, {paid:?}");
    assert!(rounds > 2_000 && seen.lent > 120 && seen.bought > 120, "{rounds} {seen:?}");
    assert!(seen.recalls > 250 && seen.from_buyers > 150 && seen.early > 20, "{seen:?}");
    assert!(seen.early < seen.recalls && seen.fewer_delivered > 200, "{seen:?}");
}

/// Workloads that change by no more than they are told to, however many rounds there are for a slot.
#[test]
fn thrash_limits_hold_over_all_rounds_of_a_slot() {
    let (mut bound, mut rounds) = (0, 0);
    for seed in 800..900 {
        let mut limits = BTreeMap::new();
        let (world, cleared) = random_life_with(seed, |world, command| {
            if limits.is_empty() {
                for (id, instance) in world.state.instances.clone() {
                    let most = 100 + world.chance.below(500) as i64;
                    let strategy = Strategy { max_swap: amounts(most, most), ..Strategy::default() };
                    world.run(Command::SetStrategy {
                        participant: instance.participant,
                        instance: id,
                        strategy,
                        expected_version: None,
                    });
                    limits.insert(id, most);
                }
            }
            for (id, most) in &limits {
                for slot in RHYTHM.open_slots(world.now) {
                    for resource in [Resource::CpuMilli, Resource::MemMib] {
                        let change = change_of(world, *id, slot, resource);
                        assert!(change.abs() <= *most, "{change} of {most} {resource} in {slot}");
                        bound += u32::from(change.abs() == *most);
                    }
                }
            }
            command
        });
        rounds += cleared;
        check_settlement(&world);
        check_replay(&world);
    }
    println!("{rounds} rounds, {bound} times a limit was reached");
    assert!(rounds > 500 && bound > 200, "{rounds} {bound}");
}

/// What a workload has won less what it has lent for a slot.
fn change_of(world: &World, id: InstanceId, slot: Slot, resource: Resource) -> i64 {
    let awards = world.state.awards.values().filter(|a| a.instance == Some(id));
    let lines = awards.flat_map(|a| a.lines.iter().map(move |l| (a.kind, l)));
    let here = lines.filter(|(_, l)| l.slot == slot && l.resource == resource);
    let change = |(kind, line): (AwardKind, &AwardLine)| match kind {
        AwardKind::Bought => line.quantity - line.resold,
        AwardKind::Lent => -line.quantity,
        AwardKind::Resold => 0,
    };
    here.map(change).sum()
}

/// One workload of each participant lends, cheaply, and the other buys; half of the limits that are about to
/// change can't.
fn with_lenders(world: &mut World, mut command: Command) -> Command {
    let resizes = world.state.swaps.values().filter(|s| !s.moves());
    let about: Vec<_> = resizes.map(|s| (s.id, s.state)).collect();
    for (swap, state) in about.into_iter().filter(|(_, state)| *state == SwapState::Activated) {
        let report = StepReport::default();
        let result = match world.chance.below(4) {
            0 | 1 => StepResult::InUse { state },
            2 => StepResult::Failed { state, reason: "memory_in_use".into(), detail: String::new(), report },
            _ => continue,
        };
        world.run(Command::StepSwap { swap, result });
    }
    if let Command::PlaceOrder { side, request, .. } = &mut command {
        let lends = request.instance.is_some_and(|id| world.state.instances[&id].name.ends_with("-0"));
        *side = if lends { Side::Offer } else { Side::Bid };
        request.limit = if lends { request.limit.share_floor(1, 20) } else { request.limit + request.limit };
    }
    command
}

/// The same with halts, and with members who let go of what they have while no rounds are held.
#[test]
fn slots_without_rounds_begin_with_what_workloads_have() {
    let (mut slots, mut awards, mut lent, mut left_out) = (0, 0, 0, BTreeMap::<String, u32>::new());
    for seed in 1_000..1_500 {
        let (world, _) = random_life_with(seed, |world, command| {
            let command = with_lenders(world, command);
            with_halts(world);
            command
        });
        check_settlement(&world);
        check_replay(&world);
        for event in world.log.iter().flat_map(|(_, events)| events) {
            match event {
                Event::SlotRolled { not_rolled, .. } => {
                    slots += 1;
                    for left in not_rolled {
                        *left_out.entry(format!("{:?}", left.reason)).or_default() += 1;
                    }
                }
                Event::AwardMade(award) if award.rolled_from.is_some() => {
                    awards += 1;
                    lent += u32::from(award.kind == AwardKind::Lent);
                }
                _ => {}
            }
        }
        let rolled: u64 = world.state.market.pool_rounds.values().map(|r| r.slots_rolled).sum();
        let told = world
            .log
            .iter()
            .flat_map(|(_, e)| e)
            .filter(|e| matches!(e, Event::SlotRolled { rolled, .. } if rolled.awards > 0))
            .count();
        assert_eq!(rolled, told as u64);
    }
    println!("{slots} slots began without a round, {awards} awards went on ({lent} lent), left out: {left_out:?}");
    assert!(slots > 200 && awards > 120 && lent > 8, "{slots} slots, {awards} awards, {lent} lent");
    for reason in ["LetsGo", "NoHostFits", "LeavesNode"] {
        assert!(left_out.contains_key(reason), "{reason}: {left_out:?}");
    }
}

/// Pools are halted and resumed, and some members change their minds about what happens then.
fn with_halts(world: &mut World) {
    let pools: Vec<String> = world.state.pools.keys().cloned().collect();
    let pool = pools[world.chance.below(pools.len() as u64) as usize].clone();
    match world.chance.below(10) {
        0 | 1 => {
            let by = headroom_market::ids::UserId::from_raw(1);
            world.run(Command::HaltPool { pool, by, reason: "test".into() });
        }
        2..=4 => {
            world.run(Command::ResumePool { pool });
        }
        5 => {
            let at = world.chance.below(world.state.instances.len() as u64) as usize;
            let (instance, of) = world.state.instances.iter().nth(at).expect("one of them");
            let (participant, instance, of) = (of.participant, *instance, of.clone());
            let strategy = Strategy { lets_go_in_safe_state: world.chance.below(2) == 0, ..*of.strategy };
            world.run(Command::SetStrategy { participant, instance, strategy, expected_version: None });
        }
        _ => {}
    }
}

/// The same with projects: every bid may name one, limits change, projects come and go.
#[test]
fn projects_are_never_charged_more_than_their_limits() {
    let (mut rounds, mut void, mut refused) = (0, 0, 0);
    for seed in 100..300 {
        let (world, cleared) = random_life_with(seed, with_projects);
        rounds += cleared;
        check_settlement(&world);
        check_replay(&world);
        projects::check_spent(&world);
        void += world.log.iter().flat_map(|(_, e)| e).filter(|e| matches!(e, Event::RoundVoided { .. })).count();
        refused += usize::from(world.refused.contains("project_exhausted"));
        assert!(
            world.state.projects.values().all(|p| project::views(&world.state, vec![p.clone()])[0].open_orders == 0)
        );
    }
    println!("{rounds} rounds, {void} void, {refused} lives with a bid that its project refused");
    assert!(rounds > 1_000 && refused > 100, "rounds {rounds}, refused {refused}");
}

/// Names a project in most bids, and sometimes makes, changes or deletes one first.
fn with_projects(world: &mut World, mut command: Command) -> Command {
    projects::check_reserved(world);
    let Command::PlaceOrder { participant, side, request, .. } = &mut command else { return command };
    let (participant, name) = (*participant, ["web", "batch"][world.chance.below(2) as usize].to_owned());
    let before = world.state.project(participant, &name).cloned();
    match world.chance.below(8) {
        0..=2 => {
            let limit = Credits::from_units(world.chance.below(3_000_000) as i64 - 100_000);
            let reply = world.run(Command::PutProject { participant, name: name.clone(), limit });
            projects::check_put(world, before, participant, &name, limit, &reply);
        }
        3 => {
            let open = |o: &Order| o.participant == participant && o.request.project.as_deref() == Some(&name);
            let used = world.state.orders.values().any(open);
            let reply = world.run(Command::DeleteProject { participant, name: name.clone() });
            assert_eq!(matches!(reply, Reply::Project(_)), before.is_some() && !used, "{reply:?}");
        }
        _ => {}
    }
    if *side == Side::Bid && world.chance.below(5) > 0 {
        request.project = world.state.project(participant, &name).map(|_| name);
    }
    command
}

/// Σ charges − credit notes = Σ price × delivered, to the micro-credit; sellers and buyers get what
/// their receipts say, and escrow is empty.
pub fn check_settlement(world: &World) {
    let of = |kind: TransferKind| world.charged.get(kind.name()).copied().unwrap_or(0);
    let mut delivered = 0i128;
    let mut due: BTreeMap<(TransferKindName, Account), Credits> = BTreeMap::new();
    for receipt in &world.receipts {
        let mut total = Credits::ZERO;
        for line in &receipt.lines {
            let charge = |price: Price, quantity| price.charge_half_even(quantity).unwrap();
            let exact = match line.premium {
                Some(premium) if premium.delivered != line.delivered => {
                    assert_eq!(receipt.side, Side::Offer);
                    assert!((0..=line.awarded).contains(&premium.delivered));
                    charge(line.price - premium.price, line.delivered) + charge(premium.price, premium.delivered)
                }
                _ => charge(line.price, line.delivered),
            };
            assert_eq!(exact, line.amount, "an amount is price × delivered");
            assert!((0..=line.awarded).contains(&line.delivered));
            total += exact;
        }
        assert_eq!(receipt.amount, total);
        let (kind, amount) = match receipt.side {
            Side::Bid => (TransferKind::CreditNote, receipt.credit_note),
            Side::Offer => (TransferKind::Proceeds, receipt.amount),
        };
        let account = Account::Available(receipt.participant);
        *due.entry((kind.name(), account)).or_default() += amount;
        let fee = if receipt.side == Side::Bid { -receipt.reservation_fee } else { receipt.reservation_fee };
        *due.entry((TransferKind::ReservationFee.name(), account)).or_default() += fee;
        if receipt.side == Side::Bid {
            delivered += i128::from(total.units());
        }
    }
    assert_eq!(of(TransferKind::Charge) + of(TransferKind::Rounding) - of(TransferKind::CreditNote), delivered);
    let mut paid = world.paid.clone();
    paid.retain(|(kind, _), _| *kind != TransferKind::OperatorIncome.name());
    paid.retain(|_, amount| !amount.is_zero());
    due.retain(|_, amount| !amount.is_zero());
    assert_eq!(paid, due, "every receipt is paid, to whom it is made out");
    assert_eq!(world.state.ledger.balance(Account::Escrow), Credits::ZERO, "nothing stays in escrow");
}

/// Folding the events gives the state; applying the commands again gives the events.
pub fn check_replay(world: &World) {
    let rows = |state: &State| state.all_rows();
    assert_eq!(rows(&world.state), rows(&world.folded), "state is the fold of its events");
    let mut again = empty();
    for (envelope, events) in &world.log {
        let (repeated, _) = apply(&mut again, envelope);
        assert_eq!(&repeated, events, "the same command gives the same events");
    }
    assert_eq!(rows(&world.state), rows(&again));
}
