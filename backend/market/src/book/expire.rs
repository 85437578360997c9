//! When orders end by themselves.
use crate::book::close;
use crate::ids::OrderId;
use crate::records::order::{Order, OrderStatus};
use crate::turn::Turn;

/// Closes orders whose last gate has closed or whose own expiry has passed. Sealed ones wait.
pub fn expire(turn: &mut Turn<'_>) {
    let first_open = turn.state.market.rhythm.first_open(turn.now);
    let now = turn.now;
    let over = |o: &&Order| {
        o.sealed_in.is_none()
            && (o.request.last_start() < first_open || o.request.expires_at.is_some_and(|at| at <= now))
    };
    let expired: Vec<OrderId> = turn.state.orders.values().filter(over).map(|o| o.id).collect();
    for id in expired {
        let order = &turn.state.orders[&id];
        let reason = order.why_not_won(turn.state.market.full_round).map(|why| why.reason.code().to_owned());
        close::close(turn, id, OrderStatus::Expired, reason, None);
    }
}
