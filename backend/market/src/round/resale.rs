//! What was won is for sale again by its holder, until its slots begin: at the holder's own limit, so a more urgent bidder
//! may have it.
use crate::book::Side;
use crate::event::Event;
use crate::ids::AwardId;
use crate::pool::NodeState;
use crate::round::award::AwardError;
use crate::round::{Award, AwardKind, AwardLine};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Credits, Resource};

/// The limit at which what is left of an award is for sale in a round. None of its slots has begun, all of it is there, it
/// can be divided, and its workload need not know yet what it will have in the first of the slots.
pub(super) fn limit(state: &State, now: Timestamp, slots: &[Slot], award: &Award) -> Option<Credits> {
    // A cordoned node takes nothing new.
    let is_up = |node| state.nodes.get(node).is_some_and(|n| n.state == NodeState::Up);
    let instance = award.instance.and_then(|id| state.instances.get(&id));
    let notice = i64::from(instance.map_or(0, |i| i.strategy.notice_seconds));
    let is_for_sale = award.kind == AwardKind::Bought
        && award.resell
        && award.nodes.iter().all(is_up)
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
    Some((award.limit.share_floor(share.0, share.1) + least).min(award.limit.max(least)))
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

/// An earlier award is sold on: its holder is a seller in this round.
pub(super) fn sell(turn: &mut Turn<'_>, number: u64, source: AwardId, lines: Vec<AwardLine>) -> Result<(), AwardError> {
    let unknown = || AwardError::Unknown(source.to_string());
    let held = turn.state.awards.get(&source).cloned().ok_or_else(unknown)?;
    for line in &lines {
        let same = |l: &AwardLine| l.pool == line.pool && l.resource == line.resource && l.slot == line.slot;
        let index = held.lines.iter().position(same).ok_or_else(unknown)?;
        turn.emit(Event::AwardResold { award: source, line: index, quantity: line.quantity });
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
