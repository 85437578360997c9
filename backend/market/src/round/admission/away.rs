//! Which bids of a round may take their workload to another pool.
//!
//! One order decides where a workload is: beside a bid that may carry it away, and while it is away or about to
//! go, its other orders wait. So nothing of it is sold for a slot in which it may be elsewhere.
use crate::book::away;
use crate::book::open::{bought, open_alternatives};
use crate::ids::{InstanceId, OrderId};
use crate::records::order::{Alternative, Order, OrderRequest, Side};
use crate::records::pool::NodeState;
use crate::records::reason::Reason;
use crate::records::round::AwardKind;
use crate::records::workload::Instance;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::Credits;
use crate::workload::hold_time;
use std::collections::BTreeMap;

/// Those of the bids `open` that may carry their workloads away, one of each workload: the first in the order in
/// which the round takes them.
pub fn leavers<'a>(
    state: &State,
    now: Timestamp,
    open: impl Iterator<Item = &'a Order>,
    slots: &[Slot],
) -> BTreeMap<InstanceId, OrderId> {
    let mut leavers = BTreeMap::new();
    for order in open.filter(|o| o.side == Side::Bid) {
        let Some(id) = order.request.instance.filter(|id| !leavers.contains_key(id)) else { continue };
        let alternatives = open_alternatives(state, order, slots);
        let mut elsewhere = alternatives.iter().filter(|a| is_elsewhere(state, &order.request, a));
        if elsewhere.any(|a| may_go(state, now, order, a).is_ok()) {
            leavers.insert(id, order.id);
        }
    }
    leavers
}

pub fn is_elsewhere(state: &State, request: &OrderRequest, alternative: &Alternative) -> bool {
    away::carried(state, request, &alternative.pool).is_some()
}

/// Whether a bid may carry its workload to an alternative's pool.
pub fn may_go(state: &State, now: Timestamp, order: &Order, alternative: &Alternative) -> Result<(), Reason> {
    let Some(instance) = away::carried(state, &order.request, &alternative.pool) else { return Ok(()) };
    if instance.away.is_some() {
        return Err(Reason::WorkloadAway);
    }
    let moving = instance.swap.and_then(|id| state.swaps.get(&id)).is_some_and(|s| s.moves());
    let rests = hold_time::rests(instance, now, state.market.rhythm.slot_seconds);
    let home = state.nodes.get(&instance.node).is_some_and(|n| n.state == NodeState::Up);
    if moving || rests || instance.is_pinned(now) || !home {
        return Err(Reason::FrozenHoldTime);
    }
    let costs = move_costs(instance);
    if costs.checked_add(alternative.adder).is_none_or(|costs| costs >= order.remaining_limit) {
        return Err(Reason::OutOfMoney);
    }
    let most =
        |(resource, quantity): (&_, &i64)| instance.strategy.max_swap.get(resource).is_none_or(|most| quantity <= most);
    if !order.remaining.iter().all(most) {
        return Err(Reason::ThrashLimit);
    }
    let first = alternative.slots.first().copied().unwrap_or_default();
    let held = state.awards_of(instance.id).filter(|a| a.kind != AwardKind::Resold);
    let open = held.flat_map(|a| &a.lines).filter(|l| !l.settled && l.left() > 0);
    // On its way to another node of its own pool its home is not known yet.
    let settled_down = bought(state, instance.id).all(|a| a.nodes.first().is_none_or(|node| *node == instance.node));
    if settled_down && open.map(|l| l.slot).all(|slot| slot < first) { Ok(()) } else { Err(Reason::NeededAtHome) }
}

/// What a bid has to earn beyond its price to have its workload carried away: the owner's fees for that and the way home.
pub fn move_costs(instance: &Instance) -> Credits {
    let fee = instance.strategy.move_fee;
    fee.checked_add(fee).unwrap_or(Credits::from_units(i64::MAX))
}

/// Why an order of a workload has to wait for where the workload is.
pub fn waits(state: &State, order: &Order, leavers: &BTreeMap<InstanceId, OrderId>) -> Option<Reason> {
    let instance = state.instances.get(&order.request.instance?)?;
    if instance.relocation.is_some() {
        return Some(Reason::Relocating);
    }
    let waits = instance.away.is_some() || leavers.get(&instance.id).is_some_and(|leaver| *leaver != order.id);
    waits.then_some(Reason::WorkloadAway)
}
