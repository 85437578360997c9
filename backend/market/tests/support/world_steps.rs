//! The steps of a random exchange, each with its auditors.
use super::{approvals, movers};
use headroom_market::book::{Order, OrderStatus, Side, TimeInForce};
use headroom_market::clearing::book::Side as BookSide;
use headroom_market::clearing::document::Book;
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{InstanceId, NodeId, OrderId, SwapId};
use headroom_market::pool::recallable;
use headroom_market::round::movers::Movers;
use headroom_market::round::occupancy::Occupancy;
use headroom_market::round::{Award, AwardKind, AwardLine};
use headroom_market::swap::cause::CauseKind;
use headroom_market::swap::hold_time::SLOTS_AFTER_FAILURE;
use headroom_market::swap::saga::{StepReport, StepResult};
use headroom_market::swap::{Swap, SwapState, plan};
use headroom_market::time::Slot;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::away::is_overdue;
use headroom_market::workload::{Instance, InstanceState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::self_trade::nobody_meets_itself;
use super::world::*;
use super::world_rolls::check_roll;
pub use super::world_settle::*;
/// 120 random commands and steps, and the end of all that they began; how many rounds were cleared.
pub fn random_life(seed: u64) -> (World, u32) {
    random_life_with(seed, |_, command| command)
}

/// The same, with each order changed before it is placed.
pub fn random_life_with(seed: u64, mut change: impl FnMut(&mut World, Command) -> Command) -> (World, u32) {
    let mut rounds = 0;
    let (mut world, workloads) = seeded(seed);
    for _ in 0..120 {
        match world.chance.below(10) {
            0..=4 => {
                let command = random_order(&mut world, &workloads);
                let command = change(&mut world, command);
                world.run(command);
            }
            5 => {
                let id = world.state.orders.keys().next_back().copied();
                if let Some(order) = id.and_then(|id| world.state.orders.get(&id)) {
                    let (owner, order) = (order.participant, order.id);
                    let (participant, _) = workloads[world.chance.below(workloads.len() as u64) as usize];
                    let reply = world.run(Command::CancelOrder { participant, order });
                    assert!(participant == owner || matches!(reply, Reply::Refused(_)), "it is somebody else's");
                }
            }
            6 => rounds += u32::from(clear_round(&mut world)),
            7 => step_swaps(&mut world),
            8 if world.chance.below(3) == 0 => {
                let (_, instance) = workloads[world.chance.below(workloads.len() as u64) as usize];
                let baseline = amounts(900 + world.chance.below(900) as i64, 500 + world.chance.below(800) as i64);
                let floor = amounts(100 + world.chance.below(800) as i64, 100 + world.chance.below(400) as i64);
                let present = Slot::containing(world.now, RHYTHM.slot_seconds);
                let (before, until) = (world.state.instances[&instance].clone(), world.state.market.planned_until);
                let planned = (0..3).map(|n| present.plus(n, RHYTHM.slot_seconds)).filter(|s| *s < until);
                world.run(Command::SetBaseline { instance, baseline, floor });
                let after = &world.state.instances[&instance];
                // Of one that stands still nothing is planned.
                for slot in planned.filter(|_| before.state == InstanceState::Running) {
                    assert_eq!(after.baseline_in(slot), before.baseline_in(slot), "what is planned stays");
                }
                assert_eq!(after.baseline_in(until.max(present)), &after.baseline);
            }
            _ => world.now = world.now.plus_seconds(5 + world.chance.below(20) as i64),
        }
        if world.chance.below(40) == 0 {
            recover(&mut world);
        }
        let gate = world.state.market.planned_until.max(Slot::containing(world.now, RHYTHM.slot_seconds));
        if world.state.sealed.is_none() && world.now >= RHYTHM.gate_closes(gate) {
            world.run(Command::PlanSlot { slot: gate });
            check_roll(&world, gate);
            check_plan(&world, gate);
        }
        settle(&mut world);
    }
    finish(&mut world);
    (world, rounds)
}

pub fn clear_round(world: &mut World) -> bool {
    let previous_root = world.state.market.last_root.clone();
    let movers = movers::choose(&world.state, world.now);
    if !movers.is_empty() {
        let worth = |movers| movers::welfare(&world.state, world.now, movers);
        let (alone, moved) = (worth(&Movers::new()), worth(&movers));
        assert!(moved >= alone, "what moves is worth {moved}, and takes room from what is worth {alone}");
    }
    let Reply::Sealed { round, book } = world.run(Command::SealRound(Some(movers))) else { return false };
    assert!(!matches!(world.run(Command::SealRound(None)), Reply::Sealed { .. }), "one round at a time");
    check_commitment(world, round, &previous_root);
    nobody_meets_itself(&book);
    who_cannot_move_bids_where_it_is(world, &book);
    bids_hold_their_limits(world);
    nothing_is_overdue(world);
    let once = |o: &&Order| matches!(o.request.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    let in_book = |o: &&Order| o.sealed_in == Some(round);
    let once: Vec<_> = world.state.orders.values().filter(once).filter(in_book).map(|o| o.id).collect();
    if world.chance.below(4) == 0 {
        // What is cancelled while the round is sealed waits for it.
        let id = world.state.orders.keys().next().copied();
        if let Some(order) = id.and_then(|id| world.state.orders.get(&id)) {
            let command = Command::CancelOrder { participant: order.participant, order: order.id };
            world.run(command);
        }
    }
    if world.chance.below(3) == 0 {
        // An admin does not know what the round will award.
        let at = world.chance.below(world.state.instances.len() as u64) as usize;
        let instance = *world.state.instances.keys().nth(at).expect("one of them");
        let baseline = amounts(900 + world.chance.below(1_500) as i64, 500 + world.chance.below(1_200) as i64);
        world.run(Command::SetBaseline { instance, baseline, floor: amounts(100, 100) });
    }
    let outcome = super::cleared(&book);
    let result_hash = outcome.result_hash().to_owned();
    let reply = world.run(Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) });
    assert!(matches!(reply, Reply::Done), "a verified outcome can be applied: {reply:?}");
    who_lends_stays(world);
    no_node_is_promised_twice(world);
    nobody_goes_to_and_fro(world);
    assert!(!once.iter().any(|id| world.state.orders.contains_key(id)), "ioc and fok orders live for one round");
    everybody_is_told_why(world, &once);
    nothing_is_overdue(world);
    true
}

/// What a bid has been charged and what it may yet be is no more than its limit.
pub fn no_bid_may_cost_more_than_its_limit(world: &World) {
    for bid in world.state.orders.values().filter(|o| o.side == Side::Bid) {
        let most = bid.awarded + bid.remaining_limit;
        assert!(most <= bid.request.limit, "{}: {} and up to {} more", bid.id, bid.awarded, bid.remaining_limit);
    }
}

/// In the slots that can be traded, baselines and what was won fit on every node beside what was lent, as
/// they are counted for bids and as they will be planned.
pub fn no_node_is_promised_twice(world: &World) {
    let slots = RHYTHM.open_slots(world.now);
    let occupancy = Occupancy::of(&world.state, &slots);
    for node in world.state.nodes.values() {
        // What was sold before somebody failed to go home on time can't be taken back.
        let overdue = world.state.instances.values().any(|i| i.node == node.id && is_overdue(&world.state, i));
        let has = |r: Resource| slots.iter().all(|slot| occupancy.left(node, *slot, r) >= 0);
        let fits = RESOURCES.into_iter().all(has);
        assert!(overdue || fits, "more is promised than {} has", node.name);
        for (slot, resource) in slots.iter().flat_map(|s| RESOURCES.map(|r| (*s, r))) {
            let running = world.state.instances.values().filter(|i| i.state == InstanceState::Running);
            let targets: Vec<_> = running.map(|i| (i, plan::target(&world.state, i, slot))).collect();
            let mut bound: i64 =
                targets.iter().filter(|(_, t)| t.node == node.id).map(|(_, t)| amount(&t.limits, resource)).sum();
            // What is elsewhere has its baseline at home all the same.
            for (instance, target) in &targets {
                let home = instance.away.filter(|away| away.home == node.id && away.home != target.node);
                bound += home.map_or(0, |_| amount(&instance.baseline, resource));
            }
            let mut unbound = 0;
            for award in world.state.awards.values().filter(|a| a.kind == AwardKind::Bought && a.instance.is_none()) {
                let here = award.nodes.iter().filter(|n| **n == node.id).count() as i64;
                let lines = award.lines.iter().filter(|l| l.slot == slot && l.resource == resource);
                unbound += lines.map(|l| l.left() / award.nodes.len() as i64 * here).sum::<i64>();
            }
            let capacity = amount(&node.capacity, resource);
            assert!(
                bound + unbound <= capacity,
                "{slot}: {bound} + {unbound} of {capacity} {resource} on {}",
                node.name
            );
        }
    }
}

/// What a workload lends is on its node: it is not to be on another by then.
pub fn who_lends_stays(world: &World) {
    for instance in world.state.instances.values() {
        let mine = || world.state.awards.values().filter(|a| a.instance == Some(instance.id));
        // What it has won in another pool and could not be carried to takes it nowhere any more.
        let void =
            |a: &Award| instance.away.is_none() && a.lines.iter().any(|l| recallable::firm(&l.pool) != instance.pool);
        let elsewhere = |a: &&Award| a.kind == AwardKind::Bought && a.nodes.first() != Some(&instance.node) && !void(a);
        let open = |l: &&AwardLine| !l.settled && l.left() > 0;
        let leaves = mine().filter(elsewhere).flat_map(|a| &a.lines).filter(open).map(|l| l.slot).min();
        let lent = mine().filter(|a| a.kind == AwardKind::Lent).flat_map(|a| &a.lines).filter(open).map(|l| l.slot);
        let clash = leaves.zip(lent.max()).filter(|(leaves, lent)| leaves <= lent);
        assert!(clash.is_none(), "{} leaves and lends: {clash:?}", instance.name);
    }
}

/// Nothing is sold to a workload on a node that it can't go to.
pub fn who_cannot_move_bids_where_it_is(world: &World, book: &Book) {
    for bid in book.orders.iter().filter(|o| o.side == BookSide::Bid) {
        let order = bid.id.parse::<OrderId>().ok().and_then(|id| world.state.orders.get(&id));
        let Some(instance) = order.and_then(|o| o.request.instance).map(|id| &world.state.instances[&id]) else {
            continue;
        };
        // What may be taken back names its node by its pool.
        let Some(node) = bid.node.as_deref() else { continue };
        let there = recallable::node_of(node) == Some(instance.node);
        assert!(there || !instance.is_pinned(world.now), "{} is pinned and bids elsewhere", instance.name);
    }
}

/// An order that has ended with its round or waits on has the reason why it has not won all.
pub fn everybody_is_told_why(world: &World, once: &[OrderId]) {
    let (_, events) = world.log.last().expect("the outcome");
    let reasons = events.iter().find_map(|e| match e {
        Event::RoundAwarded { not_won, .. } => Some(not_won.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>()),
        _ => None,
    });
    let reasons = reasons.expect("a round was awarded");
    let filled = |id: &OrderId| {
        let mut filled = events.iter().filter_map(|e| match e {
            Event::OrderFilled { order, status, .. } if order == id => Some(*status),
            _ => None,
        });
        filled.next_back() == Some(OrderStatus::Filled)
    };
    for id in once {
        assert!(reasons.contains(id) || filled(id), "{id} has ended and does not know why");
    }
}

/// Roots are a chain.
pub fn check_commitment(world: &World, number: u64, previous_root: &str) {
    let sealed = world.state.rounds.values().find(|r| r.number == number).expect("the sealed round");
    assert_eq!(sealed.previous_root, previous_root, "roots are a chain");
    assert_eq!(world.state.market.last_root, sealed.root);
}

/// A live bid holds what is left of its limit.
pub fn bids_hold_their_limits(world: &World) {
    for order in world.state.orders.values().filter(|o| o.side == Side::Bid) {
        assert_eq!(order.hold, order.remaining_limit, "{}", order.id);
    }
}

/// No order outlives its expiry or the gate of its last slot, unless a round has it.
pub fn nothing_is_overdue(world: &World) {
    let first = RHYTHM.first_open(world.now).start();
    for order in world.state.orders.values().filter(|o| o.sealed_in.is_none()) {
        assert!(order.request.expires_at.is_none_or(|at| at > world.now), "it has expired");
        assert!(order.request.window.start_at >= first, "its gate has closed");
    }
}

/// Every live swap takes a step, sometimes a failing or a stale one.
pub fn step_swaps(world: &mut World) {
    let live: Vec<_> = world.state.swaps.values().map(|s| (s.id, s.state)).collect();
    for (swap, state) in live {
        if !world.state.swaps.contains_key(&swap) {
            continue;
        }
        take_at_once(world, swap);
        if approvals::end_as_said(world, swap) {
            continue;
        }
        if state == SwapState::AwaitingApproval {
            approvals::answer_or_not(world, swap);
            continue;
        }
        if let Some(result) = approvals::out_of_time(world, swap) {
            world.run(Command::StepSwap { swap, result });
            continue;
        }
        let report = StepReport::default();
        let result = match world.chance.below(12) {
            0 => {
                let by_exchange = world.chance.below(2) == 0;
                let reason = if by_exchange { "cancelled_by_operator" } else { "shadow_mismatch" };
                if by_exchange && state != SwapState::Released {
                    blame(world, swap);
                }
                StepResult::Failed { state, reason: reason.into(), detail: "test".into(), report }
            }
            1 => StepResult::Succeeded { state: SwapState::Released, report },
            2 if state == SwapState::Activated => StepResult::InUse { state },
            3 | 4 if state == SwapState::Activated => StepResult::GaveBack { state, in_force: given_back(world, swap) },
            _ => StepResult::Succeeded { state, report },
        };
        let of = world.state.swaps.get(&swap).map(|s| (s.instance, s.slot));
        world.run(Command::StepSwap { swap, result });
        if let Some((instance, slot)) = of.filter(|_| !world.state.swaps.contains_key(&swap)) {
            nothing_planned_is_missed(world, instance, slot);
        }
    }
}

/// Who waits for others takes what is free for it when its slot has begun: where everything else is as it was planned,
/// nobody has it.
fn take_at_once(world: &mut World, id: SwapId) {
    let swap = world.state.swaps.get(&id).filter(|s| s.state == SwapState::Planned && s.slot.start() <= world.now);
    let Some(swap) = swap.filter(|s| !s.at_once.is_empty()).cloned() else { return };
    assert!(!swap.moves(), "who is moved has all or nothing");
    let mut in_force = world.state.instances[&swap.instance].in_force.clone();
    for (resource, part) in &swap.at_once {
        let has = in_force.entry(*resource).or_default();
        *has += part;
        assert!(*part > 0 && *has <= amount(&swap.limits_to, *resource), "{part} {resource} too much: {swap:?}");
    }
    world.run(Command::StepSwap { swap: id, result: StepResult::TookAtOnce { state: swap.state, in_force } });
    world.took_at_once += 1;
}

/// What a workload has won takes it to one other node at most, and not back from there. One whose move has failed stays.
fn nobody_goes_to_and_fro(world: &World) {
    for instance in world.state.instances.values().filter(|i| i.away.is_none() && !i.is_pinned(world.now)) {
        let mut places: BTreeMap<Slot, BTreeSet<NodeId>> = BTreeMap::new();
        for award in world.state.awards_of(instance.id).filter(|a| a.kind == AwardKind::Bought) {
            let lines = award.lines.iter().filter(|l| !l.settled && l.left() > 0 && l.slot.start() > world.now);
            // What it has given up elsewhere, as somebody refused the move, takes it nowhere.
            let lines = lines.filter(|l| !instance.given_up.contains(&l.slot));
            lines.for_each(|l| places.entry(l.slot).or_default().extend(award.nodes.first()));
        }
        let mut at = instance.node;
        let mut moves = 0;
        for (slot, nodes) in &places {
            assert!(nodes.len() == 1, "{} is to be on {nodes:?} in {slot}", instance.name);
            moves += u32::from(!nodes.contains(&at));
            at = *nodes.first().expect("one");
        }
        assert!(moves <= 1, "{} is to be moved {moves} times: {places:?}", instance.name);
    }
}

/// What a workload has once it has given back what a resize frees.
fn given_back(world: &World, swap: SwapId) -> Amounts {
    let swap = &world.state.swaps[&swap];
    let mut in_force = world.state.instances[&swap.instance].in_force.clone();
    in_force.iter_mut().for_each(|(resource, has)| *has = amount(&swap.limits_to, *resource).min(*has));
    in_force
}

/// The exchange ends a swap itself: it answers for its slot, and for those in which the workload is
/// not moved for that.
pub fn blame(world: &mut World, swap: SwapId) {
    let swap = &world.state.swaps[&swap];
    let slots = if swap.moves() { 2 + SLOTS_AFTER_FAILURE } else { 1 };
    let slots: Vec<_> = (0..slots).map(|n| swap.slot.plus(n, RHYTHM.slot_seconds)).collect();
    world.failed_by_exchange.extend(slots);
}

/// The process ended and began again: what had not begun waits on, the rest is planned anew.
pub fn recover(world: &mut World) {
    let swaps = world.state.swaps.values().map(|s| (s.id, s.state, s.is_ended_by_restart()));
    for (swap, state, ends) in swaps.collect::<Vec<_>>() {
        if !ends && state.has_begun() {
            // It is prepared again, and late for that.
            blame(world, swap);
        }
        if ends {
            blame(world, swap);
            let (detail, report) = (String::new(), StepReport::default());
            let result = StepResult::Failed { state, reason: "restarted".into(), detail, report };
            world.run(Command::StepSwap { swap, result });
        }
    }
    for instance in world.state.instances.keys().copied().collect::<Vec<_>>() {
        world.run(Command::RecoverInstance { instance });
        let recovered = &world.state.instances[&instance];
        match recovered.swap.map(|swap| &world.state.swaps[&swap]) {
            Some(swap) => assert_eq!((swap.epoch, swap.state.has_begun()), (recovered.epoch, false)),
            None => nothing_planned_is_missed(world, instance, Slot::default()),
        }
    }
}

/// Whoever was in a swap while a later slot was planned gets what that slot owes it.
pub fn nothing_planned_is_missed(world: &World, instance: InstanceId, done: Slot) {
    let last = world.state.market.planned_until.plus(-1, RHYTHM.slot_seconds);
    let instance = &world.state.instances[&instance];
    let stands_still = instance.state != InstanceState::Running;
    if last <= done || RHYTHM.slot_end(last) <= world.now || instance.is_pinned(world.now) || stands_still {
        return;
    }
    let target = plan::target(&world.state, instance, last);
    let has_it = target.node == instance.node && target.limits == instance.in_force;
    assert!(has_it || instance.swap.is_some(), "{} is owed {target:?} in {last}", instance.name);
}

/// What a swap says of its reasons adds up to its limits, and to what its owner pays and is paid for the slot.
fn check_causes(world: &World, swap: &Swap, resource: Resource, base: i64) {
    let causes = || swap.causes.iter().filter(|c| c.resource == resource);
    let of = |kind| -> i64 { causes().filter(|c| c.kind == kind).map(|c| c.quantity).sum() };
    let has = of(CauseKind::Won) + of(CauseKind::Drawn) + of(CauseKind::Rolled);
    assert_eq!(base + has - of(CauseKind::Lent) - of(CauseKind::LentOn), amount(&swap.limits_to, resource), "{swap:?}");
    if causes().any(|c| matches!(c.kind, CauseKind::Recalled | CauseKind::TakenBack | CauseKind::Stayed)) {
        return;
    }
    let pool = |line: &AwardLine| recallable::firm(&line.pool) == swap.pool_to;
    let money = |bought: bool| -> i64 {
        let awards = world.state.awards_of(swap.instance).filter(|a| (a.kind == AwardKind::Bought) == bought);
        let lines = awards.flat_map(|a| &a.lines).filter(|l| l.slot == swap.slot && l.resource == resource && pool(l));
        lines.map(|l| l.money.units()).sum()
    };
    let told = |pays: bool| -> i64 { causes().map(|c| if pays { c.pays } else { c.is_paid }.units()).sum() };
    // A micro-credit less for each part of a line that is told apart.
    for (said, is) in [(told(true), money(true)), (told(false), money(false))] {
        assert!(said <= is && is - said <= 64, "{said} and {is}: {swap:?}");
    }
}

/// Everybody is to have baseline − lent + won − resold, and who takes waits for who frees. Who has won in another
/// pool is to have that there, and nothing else.
pub fn check_plan(world: &World, slot: Slot) {
    let planned = |swap: &Swap| swap.slot == slot && swap.created_at == world.now;
    // One that stands still has nothing to change.
    for instance in world.state.instances.values().filter(|i| i.state == InstanceState::Running) {
        let swap = instance.swap.and_then(|id| world.state.swaps.get(&id));
        if swap.is_some_and(|s| !planned(s)) {
            continue;
        }
        let node = plan::target(&world.state, instance, slot).node;
        let carried = instance.away.is_some_and(|away| (away.first..=away.last).contains(&slot));
        let home = instance.away.map_or(instance.node, |away| away.home);
        // What it has won elsewhere it can't have; what it has lent is others' all the same.
        let stays = instance.is_pinned(world.now) && node != instance.node && instance.node == home;
        let goes = carried && !stays;
        for resource in [Resource::CpuMilli, Resource::MemMib] {
            let mut wanted = if goes { 0 } else { amount(&instance.baseline, resource) };
            for award in world.state.awards.values().filter(|a| a.instance == Some(instance.id)) {
                let here = |l: &&AwardLine| (recallable::firm(&l.pool) != instance.pool) == goes;
                for line in award.lines.iter().filter(|l| l.slot == slot && l.resource == resource).filter(here) {
                    wanted += match award.kind {
                        AwardKind::Bought if stays => 0,
                        AwardKind::Bought => line.left(),
                        AwardKind::Lent => -line.left(),
                        AwardKind::Resold => 0,
                    };
                }
            }
            let planned = swap.map_or(&instance.in_force, |s| &s.limits_to);
            assert_eq!(amount(planned, resource), wanted, "{resource:?} of {}", instance.name);
            if let Some(swap) = swap {
                let base = if goes { 0 } else { amount(&instance.baseline, resource) };
                check_causes(world, swap, resource, base);
            }
        }
    }
    // With those of earlier plans that are late: their room is not there yet either.
    let swaps: BTreeMap<_, _> = world.state.swaps.iter().collect();
    for (id, taker) in swaps.iter().filter(|(_, s)| planned(s)) {
        let node = taker.node_to;
        let change = |s: &Swap, r| still_to_change(world, s, node, r);
        let frees = |s: &Swap| RESOURCES.iter().any(|r| change(s, *r) < 0);
        let waits = |other: &SwapId| waits_for(&swaps, **id, *other);
        let not_awaited =
            |(o, s): &(&&SwapId, &&Swap)| **o != *id && frees(s) && !waits(o) && !waits_for(&swaps, ***o, **id);
        if RESOURCES.iter().all(|r| change(taker, *r) <= 0) || !swaps.iter().any(|s| not_awaited(&s)) {
            continue;
        }
        // Of a circle nobody waits for a resize: it frees first what it does.
        let frees_first = |one: SwapId, o: &SwapId| {
            !swaps[o].moves() && frees(swaps[o]) && planned(swaps[o]) && need_each_other(world, &swaps, one, *o)
        };
        let is_freed = |o: &SwapId| waits(o) || frees_first(**id, o);
        // It does not wait for all: then there is room for it and for whoever waits for no more.
        let early = |s: &Swap| {
            let after = |o: &SwapId| s.depends_on.contains(o) || frees_first(s.id, o);
            swaps.keys().all(|o| !after(o) || is_freed(o))
        };
        for resource in RESOURCES.into_iter().filter(|r| change(taker, *r) > 0) {
            let there = world.state.instances.values().filter(|i| i.node == node && i.state == InstanceState::Running);
            let used: i64 = there.map(|i| amount(&i.in_force, resource)).sum();
            // One of an earlier plan that waits for others has from them what they free, and no more than that.
            let from_others = |s: &Swap| -> i64 {
                let givers = s.depends_on.iter().filter(|o| !waits(o)).filter_map(|o| swaps.get(o));
                givers.map(|s| change(s, resource).min(0)).sum()
            };
            let takes = |s: &Swap| match (early(s), planned(s)) {
                (true, _) => change(s, resource).max(0),
                (false, false) => (change(s, resource) + from_others(s)).max(0),
                (false, true) => 0,
            };
            let taken: i64 = swaps.values().map(|s| takes(s)).sum();
            // A resize for an earlier slot is followed by one for this.
            let follows = |s: &Swap| {
                let own = plan::target(&world.state, &world.state.instances[&s.instance], slot);
                let is_late = s.slot < slot && s.node_to == node && !s.moves() && own.node == node;
                if is_late { (amount(&own.limits, resource) - amount(&s.limits_to, resource)).min(0) } else { 0 }
            };
            let frees = |s: &Swap| change(s, resource).min(0) + follows(s);
            let freed: i64 = swaps.iter().filter(|(o, _)| is_freed(o)).map(|(_, s)| frees(s)).sum();
            let capacity = amount(&world.state.nodes[&node].capacity, resource);
            assert!(used + taken + freed <= capacity, "{used} + {taken} {freed} of {capacity} {resource:?}");
        }
    }
}

/// Whether each of two swaps takes what the other frees, over others of the same plan too.
fn need_each_other(world: &World, swaps: &BTreeMap<&SwapId, &Swap>, one: SwapId, other: SwapId) -> bool {
    let of_plan = |s: &&&Swap| s.slot == swaps[&one].slot && s.created_at == swaps[&one].created_at;
    let needs = |s: &Swap, o: &Swap| {
        RESOURCES
            .iter()
            .any(|r| still_to_change(world, s, s.node_to, *r) > 0 && still_to_change(world, o, s.node_to, *r) < 0)
    };
    let reaches = |from: SwapId, to: SwapId| {
        let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
        while let Some(at) = open.pop() {
            for next in swaps.values().filter(of_plan).filter(|o| o.id != at && needs(swaps[&at], o)) {
                if seen.insert(next.id) {
                    open.push(next.id);
                }
            }
        }
        seen.contains(&to)
    };
    one != other && reaches(one, other) && reaches(other, one)
}

/// What a swap is still to take on a node, below 0 what it is to free there: once verified, nothing.
fn still_to_change(world: &World, swap: &Swap, node: NodeId, resource: Resource) -> i64 {
    let instance = &world.state.instances[&swap.instance];
    let there = |at: NodeId, limits: &Amounts| if at == node { amount(limits, resource) } else { 0 };
    there(swap.node_to, &swap.limits_to) - there(instance.node, &instance.in_force)
}

pub const RESOURCES: [Resource; 2] = [Resource::CpuMilli, Resource::MemMib];

/// What a swap takes on a node, below 0 what it frees there.
pub fn change(swap: &Swap, node: NodeId, resource: Resource) -> i64 {
    let there = |at: NodeId, limits: &Amounts| if at == node { amount(limits, resource) } else { 0 };
    there(swap.node_to, &swap.limits_to) - there(swap.node_from, &swap.limits_from)
}

/// Whether one swap waits for another, over others too.
pub fn waits_for(swaps: &BTreeMap<&SwapId, &Swap>, one: SwapId, other: SwapId) -> bool {
    let before = swaps.get(&one).map_or(&[][..], |s| &s.depends_on[..]);
    before.contains(&other) || before.iter().any(|next| waits_for(swaps, *next, other))
}

/// Lets everything that is under way come to its end.
pub fn finish(world: &mut World) {
    for order in world.state.orders.keys().copied().collect::<Vec<_>>() {
        let participant = world.state.orders[&order].participant;
        world.run(Command::CancelOrder { participant, order });
    }
    // While a workload is away each slot is planned, and what goes on without a round has new awards in it.
    const PLANNED_STEPS: usize = 60;
    for step in 0..PLANNED_STEPS + 20 {
        world.now = world.now.plus_seconds(15);
        let gate = world.state.market.planned_until.max(Slot::containing(world.now, RHYTHM.slot_seconds));
        // The way home is planned with a slot.
        let is_away = world.state.instances.values().any(Instance::is_away);
        if is_away && step < PLANNED_STEPS && world.now >= RHYTHM.gate_closes(gate) {
            world.run(Command::PlanSlot { slot: gate });
            check_roll(world, gate);
            check_plan(world, gate);
        }
        step_swaps(world);
        settle(world);
    }
    assert!(world.state.swaps.is_empty(), "every swap ends");
    let slots = |a: &Award| a.lines.iter().map(|l| l.slot).collect::<Vec<_>>();
    let open: Vec<_> = world.state.awards.values().map(|a| (a.kind, slots(a))).collect();
    assert!(open.is_empty(), "every award is settled by {}: {open:?}", world.now);
    assert!(world.state.instances.values().all(|i| i.swap.is_none()));
}
