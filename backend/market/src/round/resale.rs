//! What was won and is for sale again.
//!
//! By its holder, until its slots begin: at the holder's own limit, so a more urgent bidder may have it.
//!
//! By the market, where it can't be delivered (mechanism §11): a workload whose move failed is pinned, and what it has won
//! on another node for the slots of that time is not used by it. It is credited for that, and its room is there all the
//! same. So it is offered again, slot by slot in the rounds before each gate, at what was paid for it, whatever its order
//! says of selling on. Its holder gets what it has paid and no more, as it did nothing for it; what is paid beyond that is
//! the operator's. What whoever buys it does not take is not delivered to its holder either, and credited as before
//! (`settlement/reoffered.rs`): so nobody gains or loses by it but who needs it.
use crate::book::Side;
use crate::event::Event;
use crate::ids::{AwardId, NodeId};
use crate::pool::NodeState;
use crate::round::award::AwardError;
use crate::round::{Award, AwardKind, AwardLine};
use crate::state::State;
use crate::swap::plan;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Credits, Resource};
use crate::workload::{Instance, InstanceState, away};

/// Lines of an award that are offered, and for how much.
pub(super) struct Resale<'a> {
    /// Lines that are sold together, and what they cost beyond the limit; one of these at most.
    pub alternatives: Vec<(Vec<&'a AwardLine>, Credits)>,
    pub limit: Credits,
    /// Where it lies, if that is one node.
    pub node: Option<NodeId>,
    /// It can't be delivered.
    pub is_reoffer: bool,
}

/// What of an award is for sale in a round.
pub(super) fn of<'a>(state: &State, now: Timestamp, slots: &[Slot], award: &'a Award) -> Option<Resale<'a>> {
    // A cordoned node takes nothing new.
    let is_up = |node: &NodeId| state.nodes.get(node).is_some_and(|n| n.state == NodeState::Up);
    if !award.nodes.iter().all(is_up) {
        return None;
    }
    undeliverable(state, slots, award).or_else(|| by_its_holder(state, now, slots, award))
}

/// None of its slots has begun, all of it is there, it can be divided, and its workload need not know yet what it will
/// have in the first of the slots.
fn by_its_holder<'a>(state: &State, now: Timestamp, slots: &[Slot], award: &'a Award) -> Option<Resale<'a>> {
    let instance = award.instance.and_then(|id| state.instances.get(&id));
    let notice = i64::from(instance.map_or(0, |i| i.strategy.notice_seconds));
    let is_for_sale = award.kind == AwardKind::Bought
        && award.resell
        && award.lines.iter().all(|l| {
            slots.contains(&l.slot)
                && l.left() > 0
                && !l.settled
                && l.resource != Resource::GpuMilli
                && (notice == 0 || now < l.slot.start().plus_seconds(-notice))
        });
    if !is_for_sale {
        return None;
    }
    // The limit of what is left: the share of the tightest line, rounded up for the holder.
    let share = award
        .lines
        .iter()
        .map(|l| (l.quantity - l.resold, l.quantity))
        .max_by(|a, b| (i128::from(a.0) * i128::from(b.1)).cmp(&(i128::from(b.0) * i128::from(a.1))))?;
    let least = Credits::from_units(1);
    let limit = (award.limit.share_floor(share.0, share.1) + least).min(award.limit.max(least));
    let alternatives = vec![(award.lines.iter().collect(), Credits::ZERO)];
    Some(Resale { alternatives, limit, node: node_of(award), is_reoffer: false })
}

/// What its workload can't be brought to in slots that rounds still sell.
fn undeliverable<'a>(state: &State, slots: &[Slot], award: &'a Award) -> Option<Resale<'a>> {
    let instance = award.instance.and_then(|id| state.instances.get(&id))?;
    let node = node_of(award).filter(|node| *node != instance.node)?;
    // What a project has paid comes back to it as a credit, and what is sold on as its member's proceeds.
    let is_plain = award.kind == AwardKind::Bought && award.project.is_none();
    if !is_plain || !may_be_left(award, instance) {
        return None;
    }
    let is_lost = |l: &&AwardLine| {
        slots.contains(&l.slot)
            && l.left() > 0
            && !l.settled
            && !l.is_recallable()
            && l.resource != Resource::GpuMilli
            && plan::has_stayed(state, instance, l.slot)
    };
    let lost: Vec<&AwardLine> = award.lines.iter().filter(is_lost).collect();
    // One slot at a time, as few need all of them; of several resources each alone, too.
    let slot = lost.iter().map(|l| l.slot).min()?;
    let lines: Vec<&AwardLine> = lost.into_iter().filter(|l| l.slot == slot).collect();
    let apart = lines.iter().map(|line| vec![*line]).filter(|_| lines.len() > 1);
    let choices: Vec<Vec<&AwardLine>> = std::iter::once(lines.clone()).chain(apart).collect();
    let limit = choices.iter().map(|lines| paid(lines)).min()?.max(Credits::from_units(1));
    let beyond = |lines: Vec<&'a AwardLine>| (paid(&lines) - limit).max(Credits::ZERO);
    let alternatives = choices.into_iter().map(|lines| (lines.clone(), beyond(lines))).collect();
    Some(Resale { alternatives, limit, node: Some(node), is_reoffer: true })
}

/// What was paid for what is left of some lines.
fn paid(lines: &[&AwardLine]) -> Credits {
    lines.iter().map(|l| l.price.charge_half_even(l.left()).unwrap_or(l.money)).sum()
}

/// What a stopped or suspended workload has won stays what it is for when it runs again; and in another pool what it has
/// won goes with the baseline that it has bought there.
fn may_be_left(award: &Award, instance: &Instance) -> bool {
    instance.state == InstanceState::Running && instance.suspended.is_none() && !away::is_elsewhere(award, instance)
}

fn node_of(award: &Award) -> Option<NodeId> {
    if let [node] = award.nodes.as_slice() { Some(*node) } else { None }
}

/// What is sold on must be there to be sold.
pub(super) fn check(turn: &Turn<'_>, source: AwardId, lines: &[AwardLine]) -> Option<()> {
    let held = turn.state.awards.get(&source)?;
    let covered = |line: &AwardLine| {
        let same = |l: &&AwardLine| l.pool == line.pool && l.resource == line.resource && l.slot == line.slot;
        held.lines.iter().find(same).is_some_and(|l| l.quantity - l.resold >= line.quantity)
    };
    lines.iter().all(covered).then_some(())
}

/// An earlier award is sold on: its holder is a seller in this round. What could not be delivered brings what it has cost.
pub(super) fn sell(
    turn: &mut Turn<'_>,
    number: u64,
    source: AwardId,
    mut lines: Vec<AwardLine>,
    reoffered: bool,
) -> Result<(), AwardError> {
    let unknown = || AwardError::Unknown(source.to_string());
    let held = turn.state.awards.get(&source).cloned().ok_or_else(unknown)?;
    for line in &mut lines {
        let same = |l: &AwardLine| l.pool == line.pool && l.resource == line.resource && l.slot == line.slot;
        let index = held.lines.iter().position(same).ok_or_else(unknown)?;
        turn.emit(Event::AwardResold { award: source, line: index, quantity: line.quantity });
        if reoffered {
            line.price = held.lines[index].price;
            line.money = line.price.charge_half_even(line.quantity).ok_or_else(unknown)?;
        }
    }
    let money = lines.iter().map(|l| l.money).sum();
    let award = Award {
        id: AwardId::next(&mut turn.ids),
        round: number,
        kind: AwardKind::Resold,
        side: Side::Offer,
        order: held.order,
        resale_of: Some(source),
        rolled_from: None,
        drawn: false,
        reoffered,
        participant: held.participant,
        instance: held.instance,
        lines,
        nodes: Vec::new(),
        money,
        limit: Credits::ZERO,
        resell: false,
        class: held.class,
        no_displacement: false,
        project: None,
        created_at: turn.now,
    };
    turn.emit(Event::AwardMade(award));
    Ok(())
}
