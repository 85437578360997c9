//! Relocations: a workload gets another pool as its own, asked for by a rule, within what its owner allows.
//!
//! While one is pending its orders sit rounds out (`round/admission/away.rs`), so what it has won and lent at home runs
//! out. Then it moves as from a draining node (`swap/drain.rs`). Pool and node change together, where the move is
//! verified, and go back together where it is rolled back.
//!
//! Invariant: while its move is under way it has no award and nothing sealed. Its baseline is an entitlement that costs
//! nothing in either pool, so a relocation moves no money; both nodes keep room for it until its move has ended.
use crate::advice::relocate::{Proposal, Stays, Survey, resources_of};
use crate::book::close;
use crate::event::Event;
use crate::ids::{InstanceId, OrderId};
use crate::records::order::{Order, OrderStatus, Origin};
use crate::records::pool::Pool;
use crate::records::relocation::{Relocation, RelocationEnd, RelocationEnded, RelocationRule};
use crate::records::swap::{Swap, SwapState};
use crate::records::workload::{Instance, InstanceState};
use crate::refusal::{Refusal, conflict, not_found};
use crate::state::State;
use crate::time::Timestamp;
use crate::turn::Turn;
use crate::units::Credits;
use crate::workload::strategy_check::{allowed_pools, named_pools};
use crate::workload::{auto, hold_time};
use std::cmp::Reverse;

/// So many begin in a slot at most: each takes two nodes and a shadow run while rounds move others, and the next are
/// decided by what these have left free.
pub const MOST_A_SLOT: usize = 2;
/// So many workloads are weighed in a slot at most, the others in the next ones: the market waits meanwhile.
const MOST_WEIGHED: usize = 1_000;
/// The code with which what a workload still asked for in its old pool is closed.
const RELOCATED: &str = "relocated";

/// What the rules ask for now, the highest class first, then the largest gain. `migration_cost`: of a move of a workload.
pub fn due(state: &State, now: Timestamp, migration_cost: impl Fn(&Instance) -> Credits) -> Vec<Proposal> {
    let left = MOST_A_SLOT.saturating_sub(begun_in_slot(state, now));
    let may: Vec<&Instance> = state.instances.values().filter(|i| may_go(state, i, now).is_ok()).collect();
    if left == 0 || may.is_empty() {
        return Vec::new();
    }
    let survey = Survey::of(state, now);
    let slot_number = now.seconds().div_euclid(state.market.rhythm.slot_seconds.max(1));
    let weighed = in_turn(may, usize::try_from(slot_number).unwrap_or(0), MOST_WEIGHED).into_iter();
    let mut proposals: Vec<_> =
        weighed.filter_map(|i| Some((i.class, survey.decide(i, migration_cost(i)).ok()?))).collect();
    proposals.sort_by_key(|(class, proposal)| (*class, Reverse(proposal.gain), proposal.instance));
    proposals.into_iter().take(left).map(|(_, proposal)| proposal).collect()
}

/// At most `most` of them, which go round from slot to slot.
fn in_turn<T>(mut all: Vec<T>, slot_number: usize, most: usize) -> Vec<T> {
    let groups = all.len().div_ceil(most).max(1);
    let first = slot_number % groups * most;
    all.rotate_left(first);
    all.truncate(most);
    all
}

/// Why a workload stays where it is now; `None` where it is to go.
pub fn stays(
    state: &State,
    now: Timestamp,
    instance: &Instance,
    migration_cost: Credits,
) -> Option<(&'static str, String)> {
    if let Err(refusal) = may_go(state, instance, now) {
        return Some((refusal.code, refusal.detail));
    }
    let decided = Survey::of(state, now).decide(instance, migration_cost);
    decided.err().map(|stays| (stays.code(), stays.detail()))
}

/// Relocations that were asked for less than a slot ago.
fn begun_in_slot(state: &State, now: Timestamp) -> usize {
    let seconds = state.market.rhythm.slot_seconds;
    let all = state.instances.values().flat_map(|i| [&i.relocation, &i.last_relocation]).flatten();
    all.filter(|r| now < r.asked_at.plus_seconds(seconds)).count()
}

/// A rule asks for another pool: everything is looked at again.
pub fn ask(
    turn: &mut Turn<'_>,
    id: InstanceId,
    pool: &str,
    rule: RelocationRule,
    migration_cost: Credits,
) -> Result<InstanceId, Refusal> {
    let state = &*turn.state;
    let instance = state.instances.get(&id).ok_or_else(|| not_found("instance"))?;
    may_go(state, instance, turn.now)?;
    if !allowed_pools(state, instance).iter().any(|allowed| allowed.slug == pool) {
        let detail = "The strategy of the workload does not allow this pool: move_to does not name it.";
        return Err(conflict("relocation_not_allowed", detail));
    }
    if begun_in_slot(state, turn.now) >= MOST_A_SLOT {
        let detail = format!("At most {MOST_A_SLOT} relocations begin in a slot. The next slot has room for others.");
        return Err(conflict("relocations_enough", detail));
    }
    let decided = Survey::of(state, turn.now).decide(instance, migration_cost);
    let proposal = match decided {
        Ok(proposal) if proposal.pool == pool && proposal.rule == rule => proposal,
        Ok(_) => return Err(conflict("relocation_outdated", "By what is known now another pool or rule comes first.")),
        Err(stays) => return Err(conflict(refused(&stays), stays.detail())),
    };
    let rhythm = &state.market.rhythm;
    let slots = 2 * rhythm.horizon_slots;
    let relocation = Relocation {
        pool_from: instance.pool.clone(),
        pool_to: proposal.pool,
        rule,
        asked_at: turn.now,
        until: turn.now.plus_seconds(slots * rhythm.slot_seconds),
        score_at_home: proposal.score_at_home,
        score_there: proposal.score_there,
        migration_cost,
        gain: proposal.gain,
        shortage_chance: proposal.shortage_chance,
        swap: None,
        ended: None,
    };
    let changed = Instance { relocation: Some(Box::new(relocation)), ..instance.clone() };
    turn.emit(Event::InstanceChanged(changed));
    Ok(id)
}

const fn refused(stays: &Stays) -> &'static str {
    match stays {
        Stays::NoRoom => "no_host_fits",
        Stays::NotMeasured(_) => "relocation_not_measured",
        _ => "relocation_no_gain",
    }
}

/// Whether a workload may be asked to go anywhere.
fn may_go(state: &State, instance: &Instance, now: Timestamp) -> Result<(), Refusal> {
    let because = |code, detail: &str| Err(conflict(code, detail));
    if instance.strategy.move_to.is_empty() {
        return because("relocation_not_allowed", "Its strategy allows no other pool: move_to is empty.");
    }
    if instance.state != InstanceState::Running || instance.stop_requested {
        return because("instance_not_running", "The workload does not run.");
    }
    if instance.adopted.is_some() {
        return because("workload_adopted", "An adopted workload stays where it runs.");
    }
    if instance.relocation.is_some() {
        return because("relocation_pending", "A relocation of the workload is pending.");
    }
    if instance.suspended.is_some() {
        return because("workload_suspended", "The workload stands still: no shadow run can show anything of it.");
    }
    if instance.away.is_some() {
        return because("workload_away", "The workload is in another pool, or about to go there, by a bid.");
    }
    let moves = instance.swap.and_then(|id| state.swaps.get(&id)).is_some_and(Swap::moves);
    if instance.is_pinned(now) || moves {
        return because("workload_pinned", "A move of the workload is under way, or has failed and is not tried yet.");
    }
    if hold_time::rests(instance, now, state.market.rhythm.slot_seconds) {
        return because("workload_rests", "The workload was moved a short while ago.");
    }
    let by_hand = |o: &Order| o.origin == Origin::Manual && o.status.is_live();
    if state.orders_of(instance.id).any(by_hand) {
        return because("workload_has_orders", "Its owner has an open order for it, placed by hand.");
    }
    let lacks = |pool: &Pool| resources_of(instance).any(|r| !pool.resources.contains(&r));
    if named_pools(state, &instance.strategy).into_iter().all(lacks) {
        return because("resource_not_in_pool", "No pool that it may move to has all of its resources.");
    }
    Ok(())
}

/// What else holds a workload at home from going: nothing that it has won, lent or asks a round for is left behind.
pub(crate) fn is_free(state: &State, instance: &Instance) -> bool {
    let open = state.awards_of(instance.id).flat_map(|a| &a.lines).any(|line| !line.settled);
    let sealed = state.orders_of(instance.id).any(|o| o.sealed_in.is_some());
    !open && !sealed && !instance.stop_requested && instance.away.is_none()
}

fn end(instance: &mut Instance, end: RelocationEnd, at: Timestamp) {
    if let Some(relocation) = instance.relocation.take() {
        let ended = Some(RelocationEnded { at, end });
        instance.last_relocation = Some(Box::new(Relocation { ended, ..*relocation }));
    }
}

/// Ends one whose move is not planned; a move under way is for its owner to cancel.
pub(crate) fn withdraw(instance: &mut Instance, at: Timestamp) {
    if instance.relocation.as_ref().is_some_and(|r| r.swap.is_none()) {
        end(instance, RelocationEnd::Withdrawn, at);
    }
}

/// Its owner asks for something for it by hand, where it is.
pub(crate) fn give_way(turn: &mut Turn<'_>, ids: &[OrderId]) {
    for id in ids {
        let order = turn.state.orders.get(id).filter(|o| o.origin == Origin::Manual);
        let instance = order.and_then(|o| turn.state.instances.get(&o.request.instance?)).cloned();
        if let Some(mut instance) = instance.filter(|i| i.relocation.as_ref().is_some_and(|r| r.swap.is_none())) {
            withdraw(&mut instance, turn.now);
            turn.emit(Event::InstanceChanged(instance));
        }
    }
}

/// Ends those whose time is over.
pub(crate) fn expire(turn: &mut Turn<'_>) {
    let is_over = |i: &&Instance| i.relocation.as_ref().is_some_and(|r| r.swap.is_none() && turn.now >= r.until);
    for mut instance in turn.state.instances.values().filter(is_over).cloned().collect::<Vec<_>>() {
        end(&mut instance, RelocationEnd::Expired, turn.now);
        turn.emit(Event::InstanceChanged(instance));
    }
}

/// The load runs on the new node from now on: that node's pool is its own.
pub(crate) fn arrive(instance: &mut Instance, swap: &Swap) {
    if instance.is_relocating() {
        instance.pool = swap.pool_to.clone();
    }
}

/// Its move has ended, `swap` as it is then; its `swap` is not taken off it yet.
pub(crate) fn after(instance: &mut Instance, swap: &Swap, now: Timestamp) {
    if !instance.is_relocating() {
        return;
    }
    if swap.state == SwapState::Done {
        end(instance, RelocationEnd::Done, now);
    } else {
        instance.pool = swap.pool_from.clone();
        end(instance, RelocationEnd::Failed, now);
    }
}

/// What it still asked for in its old pool is over; its automatic orders follow in the new one.
pub(crate) fn settle_in(turn: &mut Turn<'_>, swap: &Swap) {
    let Some(instance) = turn.state.instances.get(&swap.instance) else { return };
    let is_new = instance.last_relocation.as_ref().is_some_and(|r| r.swap == Some(swap.id));
    if swap.state != SwapState::Done || !is_new {
        return;
    }
    let id = instance.id;
    for order in turn.state.orders_of(id).map(|o| o.id).collect::<Vec<_>>() {
        close::close(turn, order, OrderStatus::Canceled, Some(RELOCATED.to_owned()), None);
    }
    let outlook = turn.state.outlooks.get(&id).cloned().unwrap_or_default();
    auto::follow(turn, id, &outlook);
}

#[cfg(test)]
mod tests {
    use super::in_turn;

    #[test]
    fn each_workload_is_weighed_once_within_some_slots() {
        let mut weighed: Vec<u32> = (7..11).flat_map(|slot| in_turn((0..10).collect(), slot, 3)).collect();
        assert_eq!(weighed.len(), 12);
        weighed.sort_unstable();
        weighed.dedup();
        assert_eq!(weighed, (0..10).collect::<Vec<_>>());
        assert_eq!(in_turn(vec![1, 2], 5, 3), [1, 2]);
        assert!(in_turn(Vec::<u32>::new(), 5, 3).is_empty());
    }
}
