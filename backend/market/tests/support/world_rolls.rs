//! What must hold of a slot that began without a round.
use super::world::*;
use headroom_market::event::Event;
use headroom_market::ids::AwardId;
use headroom_market::ledger::TransferKind;
use headroom_market::pool::hourly::AdministeredPrice;
use headroom_market::round::occupancy::Occupancy;
use headroom_market::round::safe_state::{NO_ROUND, RolledSlot};
use headroom_market::round::{Award, AwardKind};
use headroom_market::state::State;
use headroom_market::swap::plan;
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource};
use headroom_market::workload::away::is_overdue;
use std::collections::{BTreeMap, BTreeSet};

/// What the slots that were rolled came to.
#[derive(Default, Debug)]
pub struct Rolls {
    pub slots: u32,
    pub bought: u32,
    pub lent: u32,
    pub left_out: BTreeMap<String, u32>,
}

/// Audits the slot that was planned with the last command.
pub fn check_roll(world: &World, slot: Slot) -> Rolls {
    let (_, events) = world.log.last().expect("a slot was planned");
    let mut rolls = Rolls::default();
    for event in events {
        if let Event::SlotRolled { rolled, not_rolled } = event {
            assert!(!rolled.pool.contains('~') && rolled.slot == slot && rolled.from < slot);
            rolls.slots += 1;
            for left in not_rolled {
                *rolls.left_out.entry(format!("{:?}", left.reason)).or_default() += 1;
                assert!(!left.amounts.is_empty());
            }
            check_pool(world, rolled, events, &mut rolls);
        }
    }
    let made: Vec<&Award> = made(events).collect();
    assert_eq!(made.len() as u32, rolls.bought + rolls.lent, "nothing is rolled that nobody is told of");
    if !made.is_empty() {
        fits(world, slot);
    }
    rolls
}

fn made(events: &[Event]) -> impl Iterator<Item = &Award> {
    events.iter().filter_map(|event| match event {
        Event::AwardMade(award) => Some(award),
        _ => None,
    })
}

fn check_pool(world: &World, rolled: &RolledSlot, events: &[Event], rolls: &mut Rolls) {
    let state = &world.state;
    let price_of = |resource| rolled.prices.iter().find(|p: &&AdministeredPrice| p.resource == resource);
    let mut sums: BTreeMap<(AwardKind, Resource), i64> = BTreeMap::new();
    let mut of_source: BTreeSet<AwardId> = BTreeSet::new();
    let mine = made(events).filter(|a| a.lines.iter().all(|l| l.pool == rolled.pool));
    for award in mine {
        let source = &state.awards[&award.rolled_from.expect("it goes on with something")];
        assert!(of_source.insert(source.id), "no award goes on twice");
        assert_eq!((award.round, award.kind, award.instance), (NO_ROUND, source.kind, source.instance));
        assert_eq!(award.nodes, source.nodes);
        assert!(!state.instances[&award.instance.unwrap()].strategy.lets_go_in_safe_state);
        for line in &award.lines {
            assert_eq!((line.slot, Some(line.price)), (rolled.slot, price_of(line.resource).map(|p| p.price)));
            let had =
                source.lines.iter().find(|l| l.slot == rolled.from && l.resource == line.resource).expect("it had it");
            assert!(0 < line.quantity && line.quantity <= had.left(), "{} of {}", line.quantity, had.left());
            *sums.entry((award.kind, line.resource)).or_default() += line.quantity;
        }
        let paid: Credits = events
            .iter()
            .filter_map(|e| match e {
                Event::Transferred(t) if t.kind == TransferKind::Charge && t.order == Some(award.order) => {
                    Some(t.amount)
                }
                _ => None,
            })
            .sum();
        match award.kind {
            AwardKind::Bought => {
                rolls.bought += 1;
                assert!(award.money <= award.limit, "{} paid, at most {}", award.money, award.limit);
                assert!(award.limit <= source.limit, "the limit is that of what it had");
                assert!(paid >= award.money);
            }
            AwardKind::Lent => {
                rolls.lent += 1;
                // A micro-credit a line is rounding.
                assert!(award.money.units() + 2 >= award.limit.units(), "{} for {}", award.money, award.limit);
            }
            AwardKind::Resold => panic!("nobody sells on after the gate"),
        }
    }
    for resource in Resource::ALL {
        let of = |kind| sums.get(&(kind, resource)).copied().unwrap_or(0);
        assert_eq!(of(AwardKind::Bought), rolled.volume.get(&resource).copied().unwrap_or(0));
        assert!(of(AwardKind::Lent) <= of(AwardKind::Bought), "nobody lends what nobody has");
        let product = state.products.get(&(rolled.pool.clone(), resource, rolled.slot));
        assert_eq!(product.map_or(0, |p| p.rolled_volume), of(AwardKind::Bought));
    }
    nobody_has_more_than_before(state, rolled);
}

/// A workload that goes on has in all no more than it had, or what it had won for the slot anyway.
fn nobody_has_more_than_before(state: &State, rolled: &RolledSlot) {
    for instance in state.instances.keys() {
        for resource in Resource::ALL {
            let sum = |slot: Slot, kind: AwardKind, rolled_only: bool| -> i64 {
                let awards = state.awards_of(*instance).filter(|a| a.kind == kind);
                let awards = awards.filter(|a| !rolled_only || a.rolled_from.is_some());
                let lines = awards.flat_map(|a| &a.lines).filter(|l| l.pool == rolled.pool && l.resource == resource);
                lines.filter(|l| l.slot == slot).map(|l| l.left()).sum()
            };
            for kind in [AwardKind::Bought, AwardKind::Lent] {
                if sum(rolled.slot, kind, true) > 0 {
                    assert!(sum(rolled.slot, kind, false) <= sum(rolled.from, kind, false), "{instance} {resource}");
                }
            }
        }
    }
}

/// All that workloads are to have in the slot fits on the nodes.
fn fits(world: &World, slot: Slot) {
    let occupancy = Occupancy::of(&world.state, &[slot]);
    for node in world.state.nodes.values() {
        let overdue = world.state.instances.values().any(|i| i.node == node.id && is_overdue(&world.state, i));
        let on_it =
            |a: &Award| a.rolled_from.is_some() && a.nodes.contains(&node.id) && a.lines.iter().any(|l| l.slot == slot);
        let rolled_here = world.state.awards.values().any(on_it);
        let is_full = node.capacity.keys().any(|r| occupancy.left(node, slot, *r) < 0);
        assert!(overdue || !rolled_here || !is_full, "more is promised than {} has in {slot}", node.name);
    }
    for award in world.state.awards.values().filter(|a| a.rolled_from.is_some() && a.kind == AwardKind::Bought) {
        let instance = &world.state.instances[&award.instance.unwrap()];
        if award.lines.iter().any(|l| l.slot == slot) {
            assert_eq!(plan::target(&world.state, instance, slot).node, award.nodes[0], "nobody is moved for it");
        }
    }
}
