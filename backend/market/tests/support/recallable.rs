//! Orders for what may be taken back, recalls at random, and an auditor of who gives up what.
#![allow(dead_code)]
use super::world::{RHYTHM, World};
use headroom_market::book::{Assurance, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::event::Event;
use headroom_market::ids::{AwardId, InstanceId, NodeId};
use headroom_market::pool::recallable::is_recallable;
use headroom_market::round::AwardKind;
use headroom_market::swap::plan;
use headroom_market::swap::recall::{Recall, Recalled, recallable};
use headroom_market::time::Slot;
use headroom_market::units::{Resource, amount};
use headroom_market::workload::InstanceState;
use std::collections::BTreeMap;

const CPU: Resource = Resource::CpuMilli;

/// What histories have shown.
#[derive(Debug, Default)]
pub struct Seen {
    pub lent: usize,
    pub bought: usize,
    pub recalls: usize,
    /// Recalls for which somebody gave something up, and of which some had been idle.
    pub from_buyers: usize,
    pub from_idle: usize,
    /// Of slots that had not begun.
    pub early: usize,
    pub refused: usize,
    /// Receipts that say so.
    pub fewer_delivered: usize,
}

/// Most orders of workloads are for recallable CPU, and now and then some of it is taken back.
pub fn some_of_it(world: &mut World, mut command: Command, seen: &mut Seen) -> Command {
    if world.state.pools.len() == 1 {
        let reply = world.run(Command::OpenRecallable { pool: "p".into() });
        assert!(matches!(reply, Reply::Pool(_)), "{reply:?}");
    }
    if let Command::PlaceOrder { request, side, .. } = &mut command
        && request.instance.is_some()
        && world.chance.below(4) > 0
    {
        request.assurance = Assurance::Recallable;
        request.resources.retain(|r, _| *r == CPU);
        // Who lends so asks little for it.
        if *side == Side::Offer {
            request.limit = request.limit.share_floor(1, 10);
        }
    }
    if world.chance.below(3) == 0 {
        some_recall(world, seen);
    }
    command
}

/// A lender takes back some of what it has lent, if anybody has.
fn some_recall(world: &mut World, seen: &mut Seen) {
    let slots: Vec<Slot> = {
        let present = Slot::containing(world.now, RHYTHM.slot_seconds);
        (0..4).map(|n| present.plus(n, RHYTHM.slot_seconds)).collect()
    };
    let could = |id: InstanceId| slots.iter().map(move |slot| (id, *slot));
    let all: Vec<(InstanceId, Slot)> = world.state.instances.keys().copied().flat_map(could).collect();
    let lends = |(id, slot): &(InstanceId, Slot)| recallable(&world.state, *id, CPU, *slot) > 0;
    let lenders: Vec<_> = all.into_iter().filter(lends).collect();
    if lenders.is_empty() {
        return;
    }
    let (instance, slot) = lenders[world.chance.below(lenders.len() as u64) as usize];
    let quantity = (world.chance.below(2) == 0).then(|| 1 + world.chance.below(400) as i64);
    recall(world, Recall { instance, resource: CPU, slot, quantity }, seen);
}

fn left(world: &World, kind: AwardKind, slot: Slot) -> BTreeMap<(AwardId, usize), i64> {
    let awards = world.state.awards.values().filter(|a| a.kind == kind);
    let lines = awards.flat_map(|a| a.lines.iter().enumerate().map(move |(n, l)| ((a.id, n), l)));
    lines.filter(|(_, l)| l.slot == slot).map(|(key, l)| (key, l.left())).collect()
}

fn promised(world: &World, node: NodeId, slot: Slot) -> i64 {
    let running = world.state.instances.values().filter(|i| i.state == InstanceState::Running);
    let targets = running.map(|i| plan::target(&world.state, i, slot));
    targets.filter(|t| t.node == node).map(|t| amount(&t.limits, CPU)).sum()
}

/// Takes back, and looks at who has lost what by it.
pub fn recall(world: &mut World, recall: Recall, seen: &mut Seen) -> Option<Recalled> {
    let Recall { instance, slot, .. } = recall;
    let node = world.state.instances[&instance].home_node();
    let had = recallable(&world.state, instance, CPU, slot);
    let (lent, bought) = (left(world, AwardKind::Lent, slot), left(world, AwardKind::Bought, slot));
    let before = promised(world, node, slot);
    let participant = Some(world.state.instances[&instance].participant);
    let recalled = match world.run(Command::Recall { participant, recall }) {
        Reply::Recalled(recalled) => recalled,
        Reply::Refused(refusal) => {
            let known = ["round_under_way", "instance_not_running"];
            assert!(known.contains(&refusal.code), "{refusal:?}");
            seen.refused += 1;
            return None;
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(recalled.quantity, recall.quantity.unwrap_or(had).min(had), "what it asked for, or all");
    assert_eq!(had - recallable(&world.state, instance, CPU, slot), recalled.quantity, "it has it again");
    let lost = |before: BTreeMap<(AwardId, usize), i64>, kind| {
        let after = left(world, kind, slot);
        before.into_iter().map(|(key, q)| (key, q - after[&key])).filter(|(_, q)| *q != 0).collect::<BTreeMap<_, _>>()
    };
    let (lent, bought) = (lost(lent, AwardKind::Lent), lost(bought, AwardKind::Bought));
    assert_eq!(lent.values().sum::<i64>(), recalled.quantity);
    assert_eq!(bought.values().sum::<i64>(), recalled.quantity - recalled.from_idle, "{bought:?} {recalled:?}");
    for (award, line) in bought.keys() {
        let award = &world.state.awards[award];
        assert!(is_recallable(&award.lines[*line].pool), "what is firm stays");
        assert_eq!(award.nodes, [node], "on the lender's node");
    }
    for (award, _) in lent.keys() {
        assert_eq!(world.state.awards[award].instance, Some(instance), "others' lending stays");
    }
    let after = promised(world, node, slot);
    assert_eq!(after - before, recalled.from_idle, "who shrinks and who grows are even, but for what was idle");
    let begun = slot.start() <= world.now;
    seen.recalls += 1;
    seen.from_buyers += usize::from(!bought.is_empty());
    seen.from_idle += usize::from(recalled.from_idle > 0);
    seen.early += usize::from(!begun);
    Some(recalled)
}

pub fn check_history(world: &World, seen: &mut Seen) {
    for event in world.log.iter().flat_map(|(_, events)| events) {
        let Event::AwardMade(award) = event else { continue };
        let recallable = award.lines.iter().filter(|l| l.is_recallable()).count();
        assert!(recallable == 0 || recallable == award.lines.len(), "an award is one or the other");
        if recallable > 0 {
            match award.kind {
                AwardKind::Lent => seen.lent += 1,
                AwardKind::Bought => seen.bought += 1,
                AwardKind::Resold => panic!("what its lender may take back is not sold on"),
            }
        }
    }
    let recalled = world.receipts.iter().filter(|r| r.cause.as_deref() == Some("recalled"));
    seen.fewer_delivered += recalled.count();
}
