//! Draws at random, and an auditor of what they take and cost.
#![allow(dead_code)]
use super::world::{RHYTHM, World};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{AwardId, InstanceId, NodeId};
use headroom_market::ledger::Account;
use headroom_market::round::{Award, AwardKind};
use headroom_market::swap::draw::{Draw, Drawn, offered};
use headroom_market::swap::plan;
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Price, Resource, amount};
use headroom_market::workload::InstanceState;
use std::collections::{BTreeMap, BTreeSet};

/// What histories have shown.
#[derive(Debug, Default)]
pub struct Seen {
    pub draws: usize,
    /// Of which the slot that comes was planned already.
    pub before_the_next: usize,
    /// Of which less was there than was asked for.
    pub partly: usize,
    pub refused: BTreeMap<&'static str, usize>,
    /// Receipts: charged in full for what was left of the slot, in part, and not at all.
    pub delivered: usize,
    pub in_part: usize,
    pub not_at_all: usize,
}

/// Somebody asks for more now and then.
pub fn some_of_it(world: &mut World, command: Command, seen: &mut Seen) -> Command {
    if world.chance.below(2) == 0 {
        let all: Vec<InstanceId> = world.state.instances.keys().copied().collect();
        let instance = all[world.chance.below(all.len() as u64) as usize];
        let resource = [Resource::CpuMilli, Resource::MemMib][world.chance.below(2) as usize];
        let quantity = 1 + world.chance.below(700) as i64;
        let highest_price =
            (world.chance.below(4) == 0).then(|| Price::from_units(world.chance.below(1_500_000) as i64));
        draw(world, Draw { instance, resource, quantity, highest_price }, seen);
    }
    command
}

/// What all who run on a node are to have in a slot, and what is bought there without a workload.
pub fn promised(world: &World, node: NodeId, resource: Resource, slot: Slot) -> i64 {
    let state = &world.state;
    let running = state.instances.values().filter(|i| i.state == InstanceState::Running);
    let mut sum = 0;
    for instance in running {
        let target = plan::target(state, instance, slot);
        if target.node == node {
            sum += amount(&target.limits, resource);
        }
        if instance.away.is_some_and(|away| away.home == node && target.node != node) {
            sum += amount(&instance.baseline, resource);
        }
    }
    for award in state.awards.values().filter(|a| a.kind == AwardKind::Bought && a.instance.is_none()) {
        let here = award.nodes.iter().filter(|n| **n == node).count() as i64;
        let lines = award.lines.iter().filter(|l| l.slot == slot && l.resource == resource);
        sum += lines.map(|l| l.left() / award.nodes.len() as i64 * here).sum::<i64>();
    }
    sum
}

/// Draws, and looks at what that changed.
pub fn draw(world: &mut World, draw: Draw, seen: &mut Seen) -> Option<Drawn> {
    let slot = Slot::containing(world.now, RHYTHM.slot_seconds);
    let said = offered(&world.state, None, &draw, world.now);
    let before = world.state.instances[&draw.instance].clone();
    let (owner, node) = (before.participant, before.node);
    let available = world.state.available(owner);
    let escrow = world.state.ledger.balance(Account::Escrow);
    let was = amount(&plan::target(&world.state, &before, slot).limits, draw.resource);
    let drawn = match world.run(Command::Draw { participant: Some(owner), draw }) {
        Reply::Drawn(drawn) => drawn,
        Reply::Refused(refusal) => {
            *seen.refused.entry(refusal.code).or_default() += 1;
            assert_eq!(world.state.available(owner), available);
            return None;
        }
        other => panic!("{other:?}"),
    };
    seen.draws += 1;
    seen.before_the_next += usize::from(world.state.market.planned_until > slot.plus(1, RHYTHM.slot_seconds));
    seen.partly += usize::from(drawn.quantity < draw.quantity);
    let (said, _) = said.expect("it was offered");
    assert_eq!(Drawn { order: None, ..drawn }, said, "what was offered is had");
    let mean = world.state.products.get(&(before.pool.clone(), draw.resource, slot)).and_then(|p| p.mean_price());
    let reserve = world.state.reserve_price(&before.pool, draw.resource, slot);
    let band = world.state.price_band(&before.pool, draw.resource, slot);
    assert!(mean.or(reserve).is_none_or(|least| drawn.price >= least), "not cheaper than by bidding");
    assert!(drawn.price <= mean.unwrap_or(band).max(band));
    assert!(draw.highest_price.is_none_or(|most| drawn.price <= most));
    let cost = drawn.price.charge_half_even(drawn.quantity).unwrap();
    assert_eq!(world.state.available(owner), available - cost);
    assert_eq!(world.state.ledger.balance(Account::Escrow), escrow + cost);
    let after = &world.state.instances[&draw.instance];
    let target = plan::target(&world.state, after, slot);
    assert_eq!((target.node, amount(&target.limits, draw.resource)), (node, was + drawn.quantity));
    assert!(amount(&after.limit, draw.resource) >= was + drawn.quantity);
    let capacity = amount(&world.state.nodes[&node].capacity, draw.resource);
    let there = promised(world, node, draw.resource, slot);
    assert!(there <= capacity, "{there} of {capacity} are promised on a node in a slot in which something was drawn");
    Some(drawn)
}

/// What was drawn is charged for the ticks after it, and nothing of it outlasts its slot.
pub fn check_history(world: &World, seen: &mut Seen) {
    let mut drawn: BTreeMap<AwardId, Award> = BTreeMap::new();
    let mut received = BTreeSet::new();
    for event in world.log.iter().flat_map(|(_, events)| events) {
        match event {
            Event::AwardMade(award) if award.drawn => {
                let [line] = &award.lines[..] else { panic!("{award:?}") };
                assert!(line.slot.start() <= award.created_at && award.created_at < RHYTHM.slot_end(line.slot));
                assert!(award.round_number().is_none() && !award.resell && award.kind == AwardKind::Bought);
                drawn.insert(award.id, award.clone());
            }
            Event::AwardMade(award) => {
                assert!(award.rolled_from.is_none_or(|from| !drawn.contains_key(&from)), "it ends with its slot");
                assert!(award.resale_of.is_none_or(|of| !drawn.contains_key(&of)), "it is not sold on");
            }
            Event::Received(receipt) => {
                let Some(award) = drawn.get(&receipt.award) else { continue };
                received.insert(award.id);
                let [line] = &receipt.lines[..] else { panic!("{receipt:?}") };
                assert_eq!(receipt.amount + receipt.credit_note, award.money);
                assert_eq!((receipt.compensation, receipt.reservation_fee), (Credits::ZERO, Credits::ZERO));
                let whole = RHYTHM.slot_seconds * 1_000_000;
                let rest = RHYTHM.slot_end(line_slot(award)).micros() - award.created_at.micros();
                // Ticks are few in these histories: one more may be counted than the time that was left.
                let most = line.awarded * rest / whole;
                match line.delivered {
                    0 => seen.not_at_all += 1,
                    n if n + 1 >= most => seen.delivered += 1,
                    _ => seen.in_part += 1,
                }
            }
            _ => {}
        }
    }
    let left = |id: &AwardId| world.state.awards.get(id).is_some_and(|a| a.lines.iter().any(|l| !l.settled));
    assert!(drawn.keys().all(|id| received.contains(id) || left(id)), "a draw was never settled");
}

fn line_slot(award: &Award) -> Slot {
    award.lines[0].slot
}
