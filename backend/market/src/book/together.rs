//! Orders of a recommendation: placed together or not at all, and only if the workload's orders still are what
//! the recommendation knew of them.
use crate::book::{place, self_trade, validate};
use crate::event::Event;
use crate::ids::{InstanceId, OrderId};
pub use crate::records::order::Recommended;
use crate::records::order::{Known, Order, PlacedBy};
use crate::records::rejection::Rejection;
use crate::state::State;
use crate::turn::Turn;
use crate::units::Credits;

/// The live orders of a workload.
pub fn known(state: &State, instance: InstanceId) -> Known {
    let open = |o: &&Order| state.order_is_open(o.id);
    state.orders_of(instance).filter(open).map(|o| (o.id, o.updated_at)).collect()
}

/// Places all orders, or says of which one why none was.
pub fn place(turn: &mut Turn<'_>, recommended: Recommended) -> Result<Vec<OrderId>, (Option<usize>, Rejection)> {
    let Recommended { participant, instance, known: then, orders, advice } = recommended;
    if known(turn.state, instance) != then {
        return Err((None, Rejection::RecommendationOutdated));
    }
    let mut needed = Credits::ZERO;
    for (index, (side, request)) in orders.iter().enumerate() {
        let among = self_trade::check_among(turn.state, turn.now, (*side, request), &orders[..index]);
        let checked = among
            .and_then(|()| validate::check(turn.state, turn.now, participant, *side, request, None))
            .and_then(|hold| needed.checked_add(hold).ok_or(Rejection::LimitOutOfRange));
        needed = checked.map_err(|rejection| (Some(index), rejection))?;
    }
    let open = turn.state.open_orders(participant);
    let most = turn.state.participants.get(&participant).map_or(0, |p| p.open_order_limit);
    if open as usize + orders.len() > most as usize {
        return Err((None, Rejection::TooManyOpenOrders { most }));
    }
    let available = turn.state.available(participant);
    if needed > available {
        return Err((None, Rejection::CreditHoldExceedsBalance { needed, available }));
    }
    let mut placed = Vec::with_capacity(orders.len());
    for (index, (side, request)) in orders.into_iter().enumerate() {
        let order = place::place(turn, participant, side, request, None, PlacedBy::hand());
        placed.push(order.map_err(|rejection| (Some(index), rejection))?);
    }
    turn.emit(Event::RecommendationApplied { participant, instance, orders: placed.clone(), advice, at: turn.now });
    Ok(placed)
}
