//! What of an order is still open, and what a workload has bought.
use crate::ids::InstanceId;
use crate::records::order::{Alternative, Order, OrderStatus};
use crate::records::round::{Award, AwardKind};
use crate::state::State;
use crate::time::Slot;
use crate::workload::away::is_elsewhere;

/// The alternatives of an order that are still open, in the order of the book.
pub fn open_alternatives(state: &State, order: &Order, slots: &[Slot]) -> Vec<Alternative> {
    let all = order.request.alternatives(state.market.rhythm.slot_seconds);
    let open = |a: &Alternative| a.slots.iter().all(|s| slots.contains(s)) && takes_orders(state, &a.pool);
    all.into_iter().filter(open).collect()
}

/// Whether there is such a pool, and it is not halted.
pub(crate) fn takes_orders(state: &State, pool: &str) -> bool {
    state.pools.contains_key(pool) && state.halt(pool).is_none()
}

pub(crate) fn is_open(order: &Order) -> bool {
    matches!(order.status, OrderStatus::Open | OrderStatus::PartiallyFilled)
}

pub(crate) fn bought(state: &State, id: InstanceId) -> impl Iterator<Item = &Award> {
    state.awards_of(id).filter(|a| a.kind == AwardKind::Bought)
}

/// The same in its own pool: what it has won elsewhere says nothing of where it is at home.
pub(crate) fn bought_at_home(state: &State, id: InstanceId) -> impl Iterator<Item = &Award> {
    let instance = state.instances.get(&id);
    bought(state, id).filter(move |award| !instance.is_some_and(|i| is_elsewhere(award, i)))
}
