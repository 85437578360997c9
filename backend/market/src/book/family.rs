//! Linked orders: a bid that can win only together with, or after, another bid of its owner: its parent.
//!
//! A parent needs a `min_fill` above 0, so it ends with its first award. Until then its children wait for
//! it; when it wins they are free of it, when it ends without an award they end with it, and when it is
//! replaced they follow the new version.
//!
//! Invariant: who waits for a parent has one that is live, of the same owner and not divisible; nobody is
//! its own forebear; a family keeps within [`MOST_FAMILY`] and [`MOST_GENERATIONS`]. The hold of a parent
//! covers what its children may carry of its price beyond its own limit.
//! Absent on purpose: offers. What an offer gains is not there to be charged, so no hold could cover a
//! parent that it carries.
use crate::book::{Order, OrderRequest, OrderStatus, Rejection, Side, place, validate};
use crate::event::Event;
use crate::ids::{OrderId, ParticipantId};
use crate::ledger::{Account, TransferKind};
use crate::round::book::remaining_request;
use crate::state::State;
use crate::turn::{Cause, Turn};
use crate::units::Credits;
use std::collections::BTreeSet;

/// The most open orders that hang together by parents.
pub const MOST_FAMILY: usize = 16;
/// The most that stand in one line: parent, child, grandchild and one more.
pub const MOST_GENERATIONS: usize = 4;
/// Why an order ended whose parent ended without an award.
pub const PARENT_ENDED: &str = "parent_ended";

/// An order and those that it waits for, the first parent first. Orders sorted by it stand behind their parents.
pub fn line(state: &State, id: OrderId) -> Vec<OrderId> {
    let mut line = vec![id];
    let waits_for = |id: &OrderId| state.orders.get(id).and_then(Order::waits_for);
    // The bound is the invariant's: it ends a walk that no rule lets go on.
    while let Some(parent) = line.last().and_then(waits_for).filter(|_| line.len() <= MOST_GENERATIONS) {
        line.push(parent);
    }
    line.reverse();
    line
}

/// Puts children before their parents: what ends by itself does so before its parent takes it along.
pub fn children_first(state: &State, orders: &mut [OrderId]) {
    orders.sort_by_cached_key(|id| std::cmp::Reverse(line(state, *id)));
}

/// Everybody who waits for an order, directly or not, with the generations below it.
fn descendants(state: &State, id: OrderId) -> (Vec<OrderId>, usize) {
    let (mut all, mut generation, mut depth) = (Vec::new(), vec![id], 0);
    loop {
        generation = generation.iter().flat_map(|id| state.children_of(*id)).collect();
        if generation.is_empty() || depth > MOST_GENERATIONS {
            return (all, depth);
        }
        depth += 1;
        all.extend(generation.iter().copied());
    }
}

/// The limits of everybody who waits for an order: the most that they may carry of its price.
fn limits_below(state: &State, id: OrderId) -> Credits {
    let (below, _) = descendants(state, id);
    below.iter().filter_map(|id| state.orders.get(id)).map(|o| o.remaining_limit).sum()
}

/// What an order has to hold: the most that it can be charged, by itself or carried by its children.
fn hold_with(state: &State, mut request: OrderRequest, below: Credits) -> Result<Credits, Rejection> {
    request.limit = request.limit.checked_add(below).ok_or(Rejection::LimitOutOfRange)?;
    validate::hold_needed(state, &request)
}

/// The hold that an open bid needs now.
pub fn hold_needed(state: &State, order: &Order) -> Result<Credits, Rejection> {
    hold_with(state, remaining_request(order), limits_below(state, order.id))
}

/// Whether an order keeps the parent that it had, or whose award it has survived.
fn keeps_parent(order: &Order, request: &OrderRequest) -> bool {
    request.parent == order.request.parent
}

/// Checks the parent that a request names, and the children of the order that it replaces.
pub fn check(
    state: &State,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
    previous: Option<&Order>,
) -> Result<(), Rejection> {
    let (below, depth) = previous.map_or((Vec::new(), 0), |p| descendants(state, p.id));
    if !below.is_empty() && request.min_fill.is_zero() {
        return Err(Rejection::ParentWithoutMinFill { pointer: "/min_fill" });
    }
    let Some(parent) = request.parent else { return Ok(()) };
    if side == Side::Offer {
        return Err(Rejection::ParentOfOffer);
    }
    let kept = previous.is_some_and(|p| keeps_parent(p, request));
    if kept && previous.is_some_and(|p| p.parent_won_in.is_some()) {
        return Ok(());
    }
    let unknown = Rejection::UnknownParent { id: parent };
    let own = state.orders.get(&parent).filter(|o| o.participant == participant && o.side == Side::Bid);
    let own = own.filter(|o| kept || o.status != OrderStatus::PendingCancel).ok_or(unknown)?;
    if own.request.min_fill.is_zero() {
        return Err(Rejection::ParentWithoutMinFill { pointer: "/parent" });
    }
    if kept {
        return Ok(());
    }
    // A new link to what is about to become another order, or of what a round has by its old link.
    if own.status == OrderStatus::PendingReplace || previous.is_some_and(|p| p.sealed_in.is_some()) {
        return Err(Rejection::ParentPending);
    }
    let line = line(state, parent);
    if previous.is_some_and(|p| line.contains(&p.id)) {
        return Err(Rejection::ParentCycle);
    }
    if line.len() + 1 + depth > MOST_GENERATIONS {
        return Err(Rejection::FamilyTooDeep { most: MOST_GENERATIONS });
    }
    let mut family: BTreeSet<OrderId> = descendants(state, line[0]).0.into_iter().collect();
    family.extend(below.iter().chain(&line));
    family.extend(previous.map(|p| p.id));
    if family.len() + usize::from(previous.is_none()) > MOST_FAMILY {
        return Err(Rejection::FamilyTooLarge { most: MOST_FAMILY });
    }
    Ok(())
}

/// What a request has to hold itself, and by how much the holds of its forebears rise for it.
pub fn holds(state: &State, request: &OrderRequest, previous: Option<&Order>) -> Result<(Credits, Credits), Rejection> {
    let below = previous.map_or(Credits::ZERO, |p| limits_below(state, p.id));
    let hold = hold_with(state, request.clone(), below)?;
    let is_free = previous.is_some_and(|p| p.parent_won_in.is_some() && keeps_parent(p, request));
    let Some(parent) = request.parent.filter(|_| !is_free) else { return Ok((hold, Credits::ZERO)) };
    let before = previous.map_or_else(Vec::new, |p| line(state, p.id));
    let mut rise = Credits::ZERO;
    for order in line(state, parent).iter().filter_map(|id| state.orders.get(id)) {
        let known =
            previous.filter(|_| before.contains(&order.id)).map_or(Credits::ZERO, |p| p.remaining_limit + below);
        let others = limits_below(state, order.id) - known;
        let limits = others.checked_add(below).and_then(|sum| sum.checked_add(request.limit));
        let needed = hold_with(state, remaining_request(order), limits.ok_or(Rejection::LimitOutOfRange)?)?;
        rise += if needed > order.hold { needed - order.hold } else { Credits::ZERO };
    }
    Ok((hold, rise))
}

/// Makes the holds of an order and its forebears what they have to be now that their children have changed.
pub fn follow_children(turn: &mut Turn<'_>, id: Option<OrderId>) {
    let Some(id) = id else { return };
    for id in line(turn.state, id) {
        let Some(order) = turn.state.orders.get(&id) else { continue };
        let Ok(needed) = hold_needed(turn.state, order) else { continue };
        let (participant, hold, sealed) = (order.participant, order.hold, order.sealed_in.is_some());
        if needed < hold {
            // A round that is being cleared charges by the collars of its own book.
            if sealed {
                continue;
            }
            place::release(turn, participant, id, hold - needed);
        } else {
            let (available, held) = (Account::Available(participant), Account::Held(participant));
            // Where the balance does not allow it, the order sits its rounds out, as when a collar rises.
            if turn.transfer(TransferKind::Hold, available, held, needed - hold, Cause::order(id)).is_err() {
                continue;
            }
        }
        if needed != hold {
            turn.emit(Event::OrderHold { order: id, hold: needed });
        }
    }
}

/// An order wins in this round: whoever waits for it is free of it from now on.
pub fn set_free(turn: &mut Turn<'_>, parent: OrderId, round: u64) {
    let children: Vec<OrderId> = turn.state.children_of(parent).collect();
    for order in children {
        turn.emit(Event::OrderFreed { order, round, at: turn.now });
    }
}

/// An order was replaced: whoever waited for it waits for the new one.
pub fn hand_over(turn: &mut Turn<'_>, old: OrderId, new: OrderId) {
    let children: Vec<OrderId> = turn.state.children_of(old).collect();
    for order in children {
        turn.emit(Event::OrderRelinked { order, parent: new, at: turn.now });
    }
}

/// An order has ended without an award: whoever waits for it ends with it.
pub fn end_children(turn: &mut Turn<'_>, parent: OrderId) {
    let children: Vec<OrderId> = turn.state.children_of(parent).collect();
    for id in children {
        let Some(order) = turn.state.orders.get(&id) else { continue };
        // It asked to be without this parent while a round had both; that is done right after this.
        let lets_go = order.pending_replacement.as_ref().is_some_and(|r| r.parent != Some(parent));
        if lets_go && order.status == OrderStatus::PendingReplace {
            continue;
        }
        place::close(turn, id, OrderStatus::Canceled, Some(PARENT_ENDED.to_owned()), None);
    }
}
