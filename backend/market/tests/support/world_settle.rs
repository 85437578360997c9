//! Settles slots of a random exchange by readings at random, and audits who bears what.
use super::world::*;
use headroom_market::book::Side;
use headroom_market::command::Command;
use headroom_market::ids::InstanceId;
use headroom_market::ledger::Account;
use headroom_market::pool::recallable;
use headroom_market::round::{AwardKind, AwardLine};
use headroom_market::settlement::Receipt;
use headroom_market::settlement::meter::{Reading, Run};
use headroom_market::state::State;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Credits, Resource, amount};
use std::collections::BTreeMap;

pub fn settle(world: &mut World) {
    settle_by(world, random_readings);
}

/// Settles the first slot that is due.
pub fn settle_by(world: &mut World, readings: impl FnOnce(&mut World, Slot) -> Vec<Reading>) {
    let due = |slot: &Slot, now: Timestamp| RHYTHM.slot_end(*slot).plus_seconds(5) <= now;
    let now = world.now;
    let lines = world.state.awards.values().flat_map(|a| a.lines.iter()).filter(|l| !l.settled).map(|l| l.slot);
    let Some(slot) = lines.filter(|s| due(s, now)).min() else { return };
    let readings = readings(world, slot);
    let expected: Vec<_> = readings.iter().map(|reading| delivered(&world.state, slot, reading)).collect();
    let (before, risk) = (world.receipts.len(), world.state.ledger.balance(Account::PlatformRisk));
    world.run(Command::SettleSlot { slot, readings: readings.clone() });
    let mut kept_back = 0;
    for (reading, (bought, lent)) in readings.iter().zip(expected) {
        let of = |kind: AwardKind| -> i64 {
            let mine = |r: &&Receipt| r.kind == kind && r.instance == Some(reading.instance);
            let lines = world.receipts[before..].iter().filter(mine).flat_map(|r| &r.lines);
            lines.filter(|l| l.resource == reading.resource).map(|l| l.delivered).sum()
        };
        assert_eq!(of(AwardKind::Bought), bought, "what the ticks show is delivered");
        assert!(of(AwardKind::Lent) <= lent, "and no more than that is taken for lent");
        kept_back += lent - of(AwardKind::Lent);
    }
    let lines = world.receipts[before..].iter().flat_map(|r| r.lines.iter().map(move |l| (r.side, l)));
    let short: i64 = lines.clone().filter(|(s, _)| *s == Side::Bid).map(|(_, l)| l.awarded - l.delivered).sum();
    assert!(kept_back <= short + lines.count() as i64, "{kept_back} kept back from lenders, {short} not delivered");
    who_bears_what_was_not_delivered(world, slot, &world.receipts[before..], risk);
}

/// Around what is in force now.
pub fn random_readings(world: &mut World, slot: Slot) -> Vec<Reading> {
    let instances: Vec<_> = world.state.instances.values().map(|i| (i.id, i.in_force.clone())).collect();
    let mut readings = Vec::new();
    for (instance, in_force) in instances {
        for resource in [Resource::CpuMilli, Resource::MemMib] {
            let mut reading = Reading::new(instance, resource);
            for _ in 0..1 + world.chance.below(3) {
                // Now and then less is there than should be, or more; much more where its program keeps it.
                let keeps = world.state.instances[&instance].kept_by_program.contains(&slot);
                let off = if world.chance.below(4) == 0 { world.chance.below(400) as i64 - 200 } else { 0 };
                let off = if keeps { off.abs() + 100 } else { off };
                let seen = (amount(&in_force, resource) + off).max(0);
                reading.add_tick(seen - unbought(&world.state, instance, slot, resource));
            }
            readings.push(reading);
        }
    }
    readings
}

/// Everybody has what it has won and not what it has lent, until it is taken back; some stand still.
pub fn exact_readings(world: &mut World, slot: Slot) -> Vec<Reading> {
    let instances: Vec<_> = world.state.instances.keys().copied().collect();
    let all = (world.chance.below(2) == 0).then(|| 1 + world.chance.below(4) as i64);
    let mut readings = Vec::new();
    for instance in instances {
        for resource in [Resource::CpuMilli, Resource::MemMib] {
            let ticks = all.unwrap_or_else(|| 1 + world.chance.below(3) as i64);
            let mut reading = Reading::new(instance, resource);
            for tick in 0..ticks {
                let at = middle(slot, tick, ticks);
                let sum = |kind| entitled(&world.state, instance, resource, slot, kind, at);
                reading.add(match world.chance.below(6) {
                    0 => Run::Absent { absent: 1 },
                    _ => Run::Had(sum(AwardKind::Bought) - sum(AwardKind::Lent), 1),
                });
            }
            readings.push(reading);
        }
    }
    readings
}

/// When a tick of so many is taken.
pub fn middle(slot: Slot, tick: i64, ticks: i64) -> Timestamp {
    slot.start().plus_micros((2 * tick + 1) * RHYTHM.slot_seconds * 1_000_000 / (2 * ticks))
}

fn lines(
    state: &State,
    instance: InstanceId,
    resource: Resource,
    slot: Slot,
    kind: AwardKind,
) -> impl Iterator<Item = &AwardLine> {
    let awards = state.awards.values().filter(move |a| a.kind == kind && a.instance == Some(instance));
    awards.flat_map(|a| &a.lines).filter(move |l| l.slot == slot && l.resource == resource && !l.settled)
}

/// What of its lines of a kind a workload is to have, or to give, at a time.
fn entitled(
    state: &State,
    instance: InstanceId,
    resource: Resource,
    slot: Slot,
    kind: AwardKind,
    at: Timestamp,
) -> i64 {
    // What was drawn is its workload's from then on.
    let awards = state.awards.values().filter(|a| a.kind == kind && a.instance == Some(instance));
    let there = awards.filter(|a| !a.drawn || a.created_at < at).flat_map(|a| &a.lines);
    let of_slot = there.filter(|l| l.slot == slot && l.resource == resource && !l.settled);
    of_slot.map(|l| l.quantity - l.resold - l.recalled_by(at)).sum()
}

/// Unless it has failed itself the exchange pays nothing, and sellers lose no more than what buyers
/// did not get.
pub fn who_bears_what_was_not_delivered(world: &World, slot: Slot, receipts: &[Receipt], risk: Credits) {
    let lines = || receipts.iter().flat_map(|r| r.lines.iter().map(move |l| (r, l)));
    let spent = risk - world.state.ledger.balance(Account::PlatformRisk);
    // A plan that keeps a workload from where it is to be is its own failure, and receipts say so.
    let says_so = receipts.iter().any(|r| r.cause.as_deref() == Some("exchange_failed"));
    if !world.failed_by_exchange.contains(&slot) && !says_so {
        // Half a micro-credit a line is rounding.
        assert!(spent.units() <= lines().count() as i64, "the exchange pays {spent} for others' failures");
    }
    let mut products: BTreeMap<_, (i64, i64)> = BTreeMap::new();
    for (receipt, line) in lines() {
        let (short, kept_back) = products.entry((receipt.round, line.pool.clone(), line.resource)).or_default();
        match receipt.side {
            Side::Bid => *short += line.awarded - line.delivered,
            // A unit is rounding. A lender may have kept some itself.
            Side::Offer if receipt.kind == AwardKind::Resold => {
                *kept_back += (line.awarded - line.delivered - 1).max(0);
            }
            Side::Offer => {}
        }
    }
    for (short, kept_back) in products.values() {
        assert!(kept_back <= short, "{kept_back} kept back from sellers, {short} not delivered");
    }
    reservation_fees(receipts);
    let unserved = receipts.iter().any(|r| r.cause.as_deref() == Some("buyer_not_served"));
    let short = receipts.iter().any(|r| r.side == Side::Bid && r.cause.is_some());
    assert!(short || !unserved, "every buyer was served");
}

/// Only who could not be moved pays for what was kept, a tenth of it, and only who was not paid for
/// that gets it.
pub fn reservation_fees(receipts: &[Receipt]) {
    let (mut paid, mut received) = (Credits::ZERO, Credits::ZERO);
    for receipt in receipts.iter().filter(|r| !r.reservation_fee.is_zero()) {
        let cause = receipt.cause.as_deref();
        if receipt.side == Side::Bid {
            paid += receipt.reservation_fee;
            assert!(receipt.reservation_fee <= receipt.credit_note.share_floor(1, 10) + Credits::from_units(1));
            assert_eq!(cause, Some("move_failed"));
        } else {
            received += receipt.reservation_fee;
            assert_eq!(cause, Some("buyer_not_served"));
        }
    }
    assert!(received <= paid, "{received} received of {paid}");
    FEES.fetch_add(u32::from(!paid.is_zero()), std::sync::atomic::Ordering::Relaxed);
}

/// Slots in which somebody paid one.
pub static FEES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// What one instance got and gave in a slot, by the ticks: above what it keeps when all that it lends at the time
/// is gone, and below what it has with all that it has won and nobody has taken back.
pub fn delivered(state: &State, slot: Slot, reading: &Reading) -> (i64, i64) {
    let Reading { instance, resource, .. } = *reading;
    let all = |kind| lines(state, instance, resource, slot, kind);
    let sold_on: i64 = all(AwardKind::Bought).map(|l| l.resold).sum();
    let kinds = reading.runs.iter().flat_map(|run| vec![*run; run.ticks() as usize]);
    let (mut got, mut gave, ticks) = (0, 0, reading.ticks());
    for (tick, run) in kinds.enumerate() {
        let at = middle(slot, tick as i64, ticks);
        let sum = |kind| entitled(state, instance, resource, slot, kind, at);
        let (won, lent) = (sum(AwardKind::Bought), sum(AwardKind::Lent));
        let (part_got, part_gave) = match run {
            Run::Had(beyond, _) => ((beyond + lent).max(0).min(won), (won - beyond).max(0).min(lent)),
            Run::Absent { .. } => (won, lent),
            Run::Missed { .. } => (0, lent),
        };
        (got, gave) = (got + part_got, gave + part_gave);
    }
    // What it had won elsewhere and gave up by standing still was there all the same.
    let elsewhere = |line: &AwardLine| recallable::firm(&line.pool) != state.instances[&instance].pool;
    let given_up = state.instances[&instance].given_up.contains(&slot) && all(AwardKind::Bought).any(elsewhere);
    let won: i64 = all(AwardKind::Bought).map(AwardLine::left).sum();
    (sold_on + if given_up { won } else { got / ticks }, gave / ticks)
}

/// What a workload has where it is in a slot without having bought it: in another pool nothing.
fn unbought(state: &State, instance: InstanceId, slot: Slot, resource: Resource) -> i64 {
    let instance = &state.instances[&instance];
    let at_home = state.nodes[&instance.node].pool == instance.pool;
    let carried = instance.away.is_some_and(|away| (away.first..=away.last).contains(&slot));
    if carried && !at_home { 0 } else { amount(&instance.baseline, resource) }
}
