//! Asked before an order: whether the coming round would leave it out, whatever it pays, for what its workload does.
//!
//! A book is built with the order in it, behind all that its owner has placed, and says so itself. It has what concerns
//! its workload alone: the live state is not copied for a question, and nothing of what others ask for shows in the answer.
//! So it answers only with reasons that others, and workloads that the round may move, change nothing of.
use crate::ids::{BidId, OfferId, OrderId, ParticipantId};
use crate::records::order::{Assurance, Order, OrderRequest, OrderStatus, Origin, Side};
use crate::records::reason::Reason;
use crate::records::round::Movers;
use crate::records::workload::Instance;
use crate::round::admission::capacity::Places;
use crate::round::book::{MOST_AWARDS, build_with};
use crate::state::State;
use crate::time::Timestamp;
use crate::units::Credits;

/// An order as it would be open, were it placed now.
pub fn as_open(now: Timestamp, participant: ParticipantId, side: Side, request: &OrderRequest) -> Order {
    Order {
        // later than any other
        id: match side {
            Side::Bid => OrderId::Bid(BidId::from_raw(u128::MAX)),
            Side::Offer => OrderId::Offer(OfferId::from_raw(u128::MAX)),
        },
        side,
        participant,
        status: OrderStatus::Open,
        remaining: request.resources.clone(),
        remaining_replicas: request.replicas,
        remaining_limit: request.limit,
        // no bid has to hold more
        hold: request.limit,
        request: request.clone(),
        awarded: Credits::ZERO,
        awards: Vec::new(),
        origin: Origin::Manual,
        grounds: None,
        first_round: 0,
        last_reason: None,
        closed_reason: None,
        replaces: None,
        replaced_by: None,
        pending_replacement: None,
        sealed_in: None,
        created_at: now,
        updated_at: now,
    }
}

/// Why the coming round leaves an order out; `None` where nothing says so for certain.
pub fn reason(state: &State, now: Timestamp, order: &Order) -> Option<Reason> {
    if state.awards.values().filter(|a| a.participant == order.participant).count() >= MOST_AWARDS {
        return Some(Reason::TooManyAwards);
    }
    let instance = order.request.instance.and_then(|id| state.instances.get(&id))?;
    let slots = state.market.rhythm.open_slots(now);
    let alone = alone(state, instance, order);
    let draft = build_with(&alone, now, &slots, &Movers::new(), &Places::All);
    let (_, reason) = draft.excluded.into_iter().find(|(id, _)| *id == order.id)?;
    let moves_nobody = order.request.no_displacement || order.request.assurance == Assurance::Recallable;
    let is_certain = match reason {
        Reason::WorkloadAway
        | Reason::Relocating
        | Reason::NeededAtHome
        | Reason::FrozenHoldTime
        | Reason::AboveInstanceLimit
        | Reason::LeavesNode
        | Reason::TookBack
        | Reason::ThrashLimit
        | Reason::OutOfMoney => true,
        // Of any other the round may find that its workload moves.
        Reason::NoHost => moves_nobody,
        _ => false,
    };
    is_certain.then_some(reason)
}

/// A state with one workload, its orders and what it has won and lent, and one more order of it.
fn alone(state: &State, instance: &Instance, order: &Order) -> State {
    let mut alone = State::new(state.market.clone());
    alone.pools = state.pools.clone();
    alone.nodes = state.nodes.clone();
    alone.references = state.references.clone();
    alone.reserve_prices = state.reserve_prices.clone();
    alone.participants.extend(state.participants.get(&order.participant).map(|p| (p.id, p.clone())));
    alone.swaps.extend(instance.swap.and_then(|id| state.swaps.get(&id)).map(|s| (s.id, s.clone())));
    alone.instances.insert(instance.id, instance.clone());
    state.awards_of(instance.id).for_each(|award| alone.put_award(award.clone()));
    state.orders_of(instance.id).for_each(|other| alone.add_order(other.clone()));
    alone.add_order(order.clone());
    alone
}
