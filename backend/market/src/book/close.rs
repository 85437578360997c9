//! How orders end, and their holds with them.
use crate::event::Event;
use crate::ids::{OrderId, ParticipantId};
use crate::ledger::{Account, TransferKind};
use crate::records::order::{Order, OrderStatus};
use crate::records::rejection::Rejection;
use crate::state::State;
use crate::turn::{Cause, Turn};
use crate::units::Credits;

/// Cancels an order; while it is sealed, the cancellation waits for the round.
pub fn cancel(turn: &mut Turn<'_>, participant: ParticipantId, id: OrderId, reason: &str) -> Result<bool, Rejection> {
    // Twice is no error.
    if turn.state.orders.get(&id).is_some_and(|o| o.participant == participant && ends_already(o)) {
        return Ok(false);
    }
    let order = own_order(turn.state, participant, id)?;
    if order.sealed_in.is_some() {
        let at = turn.now;
        turn.emit(Event::OrderPending { order: id, status: OrderStatus::PendingCancel, replacement: None, at });
        return Ok(false);
    }
    close(turn, id, OrderStatus::Canceled, Some(reason.to_owned()), None);
    Ok(true)
}

fn ends_already(order: &Order) -> bool {
    order.status == OrderStatus::PendingCancel
}

pub fn cancel_all(turn: &mut Turn<'_>, participant: ParticipantId) -> u32 {
    let orders: Vec<OrderId> =
        turn.state.orders.values().filter(|o| o.participant == participant && !ends_already(o)).map(|o| o.id).collect();
    let mut count = 0;
    for id in orders {
        count += u32::from(cancel(turn, participant, id, "user").is_ok());
    }
    count
}

/// Ends an order and releases its hold.
pub fn close(
    turn: &mut Turn<'_>,
    id: OrderId,
    status: OrderStatus,
    reason: Option<String>,
    replaced_by: Option<OrderId>,
) {
    let Some(order) = turn.state.orders.get(&id) else { return };
    let (participant, hold) = (order.participant, order.hold);
    release(turn, participant, id, hold);
    turn.emit(Event::OrderClosed { order: id, status, reason, replaced_by, at: turn.now });
}

/// held → available. The hold was taken before, so this can't overdraw.
pub fn release(turn: &mut Turn<'_>, participant: ParticipantId, id: OrderId, amount: Credits) {
    let (held, available) = (Account::Held(participant), Account::Available(participant));
    turn.transfer_known(TransferKind::Release, held, available, amount, Cause::order(id));
}

pub(crate) fn own_order(state: &State, participant: ParticipantId, id: OrderId) -> Result<&Order, Rejection> {
    let order = state.orders.get(&id).filter(|o| o.participant == participant);
    let order = order.ok_or(Rejection::NotFound { what: "open order", pointer: "" })?;
    match order.status {
        OrderStatus::PendingCancel | OrderStatus::PendingReplace => {
            Err(Rejection::OrderEnded { status: order.status.name() })
        }
        _ => Ok(order),
    }
}
