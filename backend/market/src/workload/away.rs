//! A workload that is away: it has won room in another pool than its own, is carried there whole, and comes
//! home when that room ends.
//!
//! Invariant: its baseline is an entitlement of its own pool. Meanwhile it stays free on its node there, so that
//! it can always come home, and nothing of it counts in the other pool: what it has there is what it bought.
//! While this lasts no other order of the workload takes part in rounds (`round/admission/away.rs`).
use crate::event::Event;
use crate::ids::NodeId;
use crate::records::recallable::firm;
use crate::records::round::{Award, AwardKind};
use crate::records::swap::Swap;
use crate::records::workload::{Away, ComparisonRules, Instance};
use crate::state::State;
use crate::time::Slot;
use crate::turn::Turn;

/// Whether an award is in another pool than its workload's own.
pub fn is_elsewhere(award: &Award, instance: &Instance) -> bool {
    award.kind == AwardKind::Bought && award.lines.iter().any(|l| firm(&l.pool) != instance.pool)
}

/// A workload that should be home by now, and is not: its way home has failed, or has taken it a whole slot.
pub fn is_overdue(state: &State, instance: &Instance) -> bool {
    let seconds = state.market.rhythm.slot_seconds;
    let late = |away: Away| away.stranded || state.market.planned_until > away.last.plus(2, seconds);
    instance.is_away() && instance.away.is_some_and(late)
}

/// Notes that an award takes its workload elsewhere.
pub fn begin(turn: &mut Turn<'_>, award: &Award) {
    let Some(instance) = award.instance.and_then(|id| turn.state.instances.get(&id)) else { return };
    let slots = || award.lines.iter().map(|l| l.slot);
    if let (true, Some(first), Some(last)) = (is_elsewhere(award, instance), slots().min(), slots().max()) {
        let away = Some(Away { home: instance.home_node(), first, last, stranded: false });
        turn.emit(Event::InstanceChanged(Instance { away, ..instance.clone() }));
    }
}

/// What the end of a swap, done or not, means for a workload that was to be elsewhere.
pub fn after(instance: &mut Instance, swap: &Swap) {
    let over = |away: Away| swap.moves() || swap.slot > away.last;
    if !instance.is_away() && instance.away.is_some_and(over) {
        instance.away = None;
    }
}

/// How a swap's shadow run is compared: on the way home over no more positions than are usual, as what the
/// workload has elsewhere meanwhile is others' already.
pub fn comparison(instance: &Instance, swap: &Swap) -> ComparisonRules {
    let mut rules = instance.comparison.clone();
    if instance.is_away() && swap.node_to == instance.home_node() {
        rules.positions = rules.positions.min(ComparisonRules::default().positions);
    }
    rules
}

/// The slots from one on that it had won elsewhere.
pub fn slots_from(away: Away, first: Slot, slot_seconds: i64) -> impl Iterator<Item = Slot> {
    let first = away.first.max(first);
    (0..).map(move |n| first.plus(n, slot_seconds)).take_while(move |slot| *slot <= away.last)
}

/// A workload that runs no more is started again in its own pool. What it had won elsewhere from now on it
/// has given up: that is paid for, as whatever a stopped workload has won.
pub fn give_up(turn: &Turn<'_>, instance: &mut Instance) {
    let seconds = turn.state.market.rhythm.slot_seconds;
    let Some(away) = instance.away else { return };
    instance.node = away.home;
    instance.away = None;
    instance.given_up.extend(slots_from(away, Slot::containing(turn.now, seconds), seconds));
}

/// Forgets what is over: workloads that are home, or never left, after their last slot elsewhere was settled.
pub fn forget(turn: &mut Turn<'_>, settled: Slot) {
    let over = |i: &&Instance| !i.is_away() && i.away.is_some_and(|away| away.last <= settled);
    // A move that is not finished yet can still be rolled back; its end forgets it.
    let moves = |i: &&Instance| i.swap.and_then(|id| turn.state.swaps.get(&id)).is_some_and(Swap::moves);
    let home: Vec<Instance> = turn.state.instances.values().filter(over).filter(|i| !moves(i)).cloned().collect();
    for instance in home {
        turn.emit(Event::InstanceChanged(Instance { away: None, ..instance }));
    }
}

/// The node that a lent line belongs to. Awards from before that was noted say nothing of it.
pub(crate) fn lent_where(award: &Award, lender: &Instance) -> NodeId {
    award.nodes.first().copied().unwrap_or(lender.home_node())
}
