//! What was won is for sale again by its holder, until its slots begin: at the holder's own limit, so a more urgent bidder
//! may have it.
use crate::event::Event;
use crate::ids::AwardId;
use crate::records::order::Side;
use crate::records::pool::NodeState;
use crate::records::round::{Award, AwardError, AwardKind, AwardLine};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Credits, Resource};
use std::collections::BTreeSet;

/// The lines of an award that are for sale in a round, each with its holder's limit. Their slots have not begun, and the
/// workload need not know yet what it will have in them. What is won of several resources together stays together: a core
/// without its memory is of no use to its holder.
pub(crate) fn for_sale(state: &State, now: Timestamp, slots: &[Slot], award: &Award) -> Vec<(usize, Credits)> {
    // A cordoned node takes nothing new.
    let is_up = |node| state.nodes.get(node).is_some_and(|n| n.state == NodeState::Up);
    let resources: BTreeSet<Resource> = award.lines.iter().map(|l| l.resource).collect();
    let is_divisible = resources.len() == 1 && !resources.contains(&Resource::GpuMilli);
    if award.kind != AwardKind::Bought || !award.resell || !is_divisible || !award.nodes.iter().all(is_up) {
        return Vec::new();
    }
    let instance = award.instance.and_then(|id| state.instances.get(&id));
    let notice = i64::from(instance.map_or(0, |i| i.strategy.notice_seconds));
    let in_time = |l: &AwardLine| notice == 0 || now < l.slot.start().plus_seconds(-notice);
    let is_open = |l: &AwardLine| slots.contains(&l.slot) && l.left() > 0 && !l.settled && in_time(l);
    let all: i64 = award.lines.iter().map(|l| l.quantity).sum();
    // Rounded up for the holder.
    let limit = |l: &AwardLine| award.limit - award.limit.share_floor(all - l.left(), all);
    let open = award.lines.iter().enumerate().filter(|(_, l)| is_open(l));
    open.map(|(index, line)| (index, limit(line).max(Credits::from_units(1)))).collect()
}

/// What is sold on must be there to be sold.
pub(crate) fn check<'a>(
    turn: &Turn<'_>,
    source: AwardId,
    mut lines: impl Iterator<Item = &'a AwardLine>,
) -> Option<()> {
    let held = turn.state.awards.get(&source)?;
    let covered = |line: &'a AwardLine| {
        let same = |l: &&AwardLine| l.pool == line.pool && l.resource == line.resource && l.slot == line.slot;
        held.lines.iter().find(same).is_some_and(|l| l.quantity - l.resold >= line.quantity)
    };
    lines.all(covered).then_some(())
}

/// An earlier award is sold on: its holder is a seller in this round.
pub(crate) fn sell(turn: &mut Turn<'_>, number: u64, source: AwardId, lines: Vec<AwardLine>) -> Result<(), AwardError> {
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
