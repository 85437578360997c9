//! Placing, replacing and cancelling orders, with their holds.
//!
//! Invariant: the hold of every live bid covers the most that it can be charged.
use crate::book::close::{close, own_order};
use crate::book::{away, self_trade, validate};
use crate::event::Event;
use crate::ids::{BidId, OfferId, OrderId, ParticipantId};
use crate::ledger::{Account, TransferKind};
use crate::pool::level;
use crate::project;
use crate::records::order::{Assurance, Order, OrderRequest, OrderStatus, Origin, PlacedBy, Side, TimeInForce};
use crate::records::pool::PoolSlug;
use crate::records::recallable;
use crate::records::rejection::Rejection;
use crate::state::State;
use crate::turn::{Cause, Turn};
use crate::units::{Credits, Share};

/// Places an order, or says why not. `client_order`: a finished order with the same client id.
pub fn place(
    turn: &mut Turn<'_>,
    participant: ParticipantId,
    side: Side,
    request: OrderRequest,
    client_order: Option<OrderId>,
    by: PlacedBy,
) -> Result<OrderId, Rejection> {
    check_client_id(turn.state, participant, &request, client_order)?;
    let request = as_accepted(turn.state, participant, side, request);
    let hold = validate::check(turn.state, turn.now, participant, side, &request, None)?;
    check_funds(turn.state, participant, &request, hold, None)?;
    let id = next_id(turn, side);
    accept(turn, id, participant, side, request, hold, by, None);
    Ok(id)
}

/// The order of what is taken at once: whoever calls has looked whether that can be, and fills it.
pub(crate) fn place_for_now(
    turn: &mut Turn<'_>,
    participant: ParticipantId,
    request: OrderRequest,
    hold: Credits,
    by: PlacedBy,
) -> OrderId {
    let id = next_id(turn, Side::Bid);
    accept(turn, id, participant, Side::Bid, request, hold, by, None);
    id
}

/// Releases the old hold and takes the new one in one step, so a replacement never fails on
/// its own hold. While the order is sealed, the replacement waits for the round.
pub fn replace(
    turn: &mut Turn<'_>,
    participant: ParticipantId,
    id: OrderId,
    request: OrderRequest,
    client_order: Option<OrderId>,
) -> Result<Replaced, Rejection> {
    let order = own_order(turn.state, participant, id)?;
    let (side, sealed) = (order.side, order.sealed_in.is_some());
    let same_client_id = request.client_bid_id == order.request.client_bid_id;
    if !same_client_id {
        check_client_id(turn.state, participant, &request, client_order)?;
    }
    let request = as_accepted(turn.state, participant, side, request);
    let hold = validate::check(turn.state, turn.now, participant, side, &request, Some(id))?;
    check_funds(turn.state, participant, &request, hold, Some(id))?;
    if sealed {
        let replacement = Some(Box::new(request));
        turn.emit(Event::OrderPending { order: id, status: OrderStatus::PendingReplace, replacement, at: turn.now });
        return Ok(Replaced::Pending(id));
    }
    Ok(Replaced::Now(swap_orders(turn, id, request, hold)))
}

pub enum Replaced {
    Now(OrderId),
    Pending(OrderId),
}

fn swap_orders(turn: &mut Turn<'_>, old: OrderId, request: OrderRequest, hold: Credits) -> OrderId {
    let before = &turn.state.orders[&old];
    let (participant, side) = (before.participant, before.side);
    // A person asks for this instead: no forecast has decided it.
    let by = PlacedBy { origin: before.origin, grounds: None };
    let new = next_id(turn, side);
    close(turn, old, OrderStatus::Replaced, None, Some(new));
    accept(turn, new, participant, side, request, hold, by, Some(old));
    new
}

/// Cancellations and replacements that waited for a round that is over now.
pub fn apply_pending(turn: &mut Turn<'_>) {
    let pending: Vec<OrderId> = turn
        .state
        .orders
        .values()
        .filter(|o| matches!(o.status, OrderStatus::PendingCancel | OrderStatus::PendingReplace))
        .map(|o| o.id)
        .collect();
    for id in pending {
        let order = &turn.state.orders[&id];
        let (participant, side) = (order.participant, order.side);
        let Some(request) = order.pending_replacement.clone() else {
            // A bid of its owner may have withdrawn it while it was sealed.
            let withdrawn = order.origin == Origin::AutoOffer
                && self_trade::check(turn.state, turn.now, participant, side, &order.request).is_err();
            let reason = if withdrawn { self_trade::MEETS_OWN } else { "user" };
            close(turn, id, OrderStatus::Canceled, Some(reason.to_owned()), None);
            continue;
        };
        let checked = validate::check(turn.state, turn.now, participant, side, &request, Some(id))
            .and_then(|hold| check_funds(turn.state, participant, &request, hold, Some(id)).map(|()| hold));
        match checked {
            Ok(hold) => {
                swap_orders(turn, id, *request, hold);
            }
            // What was asked for is no longer possible: the order must not go on as it was either.
            Err(rejection) => close(turn, id, OrderStatus::Canceled, Some(rejection.code().to_owned()), None),
        }
    }
}

fn check_client_id(
    state: &State,
    participant: ParticipantId,
    request: &OrderRequest,
    client_order: Option<OrderId>,
) -> Result<(), Rejection> {
    let Some(client_id) = &request.client_bid_id else { return Ok(()) };
    let live = state.client_ids.get(&(participant, client_id.clone())).copied();
    match live.or(client_order) {
        Some(existing) => Err(Rejection::DuplicateClientId { existing }),
        None => Ok(()),
    }
}

/// A level stands for its pools; `fok` is a block that may not wait; what is recallable of a pool is a pool of its own.
pub fn normalise(state: &State, participant: ParticipantId, mut request: OrderRequest) -> OrderRequest {
    level::expand(state, participant, &mut request);
    if request.assurance == Assurance::Recallable {
        for choice in &mut request.pools {
            choice.pool = recallable::of(&choice.pool);
        }
    }
    if request.time_in_force == TimeInForce::Fok && request.min_fill.is_zero() {
        request.min_fill = Share::from_units(1_000_000);
    }
    request
}

/// The request as it is accepted. No bid pays more than the price cap for all that it asks for: a higher limit would only
/// hold more money.
pub fn as_accepted(state: &State, participant: ParticipantId, side: Side, request: OrderRequest) -> OrderRequest {
    let mut request = normalise(state, participant, request);
    if side == Side::Offer {
        return request;
    }
    let rows = |pool: &PoolSlug| {
        let amounts = away::amounts(state, &request, &request.resources, pool);
        amounts.values().try_fold(0_i64, |sum, quantity| sum.checked_add(*quantity))
    };
    let slots = request.window_slots(state.market.rhythm.slot_seconds);
    let most = request.pools.iter().filter_map(|choice| rows(&choice.pool)).max();
    let units = most.and_then(|q| q.checked_mul(i64::from(request.replicas))).and_then(|q| q.checked_mul(slots));
    let adder = request.pools.iter().map(|choice| choice.adder).max().unwrap_or(Credits::ZERO);
    let cap =
        units.and_then(|units| state.market.price_cap.hold_round_up(units)).and_then(|cap| cap.checked_add(adder));
    request.limit = cap.map_or(request.limit, |cap| request.limit.min(cap.max(Credits::from_units(1))));
    request
}

/// The balance and the project have to cover the hold. `previous` is the order that it replaces.
fn check_funds(
    state: &State,
    participant: ParticipantId,
    request: &OrderRequest,
    hold: Credits,
    previous: Option<OrderId>,
) -> Result<(), Rejection> {
    let freed = previous.and_then(|id| state.orders.get(&id)).map_or(Credits::ZERO, |order| order.hold);
    let available = state.available(participant) + freed;
    if hold > available {
        return Err(Rejection::CreditHoldExceedsBalance { needed: hold, available });
    }
    project::check_hold(state, participant, request, hold, previous)
}

fn next_id(turn: &mut Turn<'_>, side: Side) -> OrderId {
    match side {
        Side::Bid => OrderId::Bid(BidId::next(&mut turn.ids)),
        Side::Offer => OrderId::Offer(OfferId::next(&mut turn.ids)),
    }
}

#[expect(clippy::too_many_arguments, reason = "one private constructor of one record")]
fn accept(
    turn: &mut Turn<'_>,
    id: OrderId,
    participant: ParticipantId,
    side: Side,
    request: OrderRequest,
    hold: Credits,
    by: PlacedBy,
    replaces: Option<OrderId>,
) {
    self_trade::withdraw(turn, participant, side, &request);
    let order = Order {
        id,
        side,
        participant,
        status: OrderStatus::Open,
        remaining: request.resources.clone(),
        remaining_replicas: request.replicas,
        remaining_limit: request.limit,
        request,
        hold,
        awarded: Credits::ZERO,
        awards: Vec::new(),
        origin: by.origin,
        grounds: by.grounds,
        first_round: turn.state.market.last_round + 1,
        last_reason: None,
        closed_reason: None,
        replaces,
        replaced_by: None,
        pending_replacement: None,
        sealed_in: None,
        created_at: turn.now,
        updated_at: turn.now,
    };
    let (available, held) = (Account::Available(participant), Account::Held(participant));
    turn.transfer_known(TransferKind::Hold, available, held, hold, Cause::order(id));
    turn.emit(Event::OrderAccepted(Box::new(order)));
}
