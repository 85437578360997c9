//! Nobody trades with itself: an order that could trade with an open order of its own participant is refused.
//!
//! Two orders could trade where both name a product, each in any of its alternatives, and the bid pays for a unit of it at
//! least what the offer asks. A bid for several products could pay all of its limit for one of them. An offer of several
//! could give one of them for nothing.
//!
//! Automatic offers give way: a bid withdraws those that it meets. What is left of an order pays no more for a unit than
//! before, and asks no less (`round/awards/award.rs`). So open orders of one participant never come to meet later.
//!
//! Absent on purpose: nodes and prices, which change from round to round. What was won and is for sale again is no order;
//! rounds see to it (`round/admission/sits_out.rs`).
use crate::book::away;
use crate::book::close;
use crate::ids::{InstanceId, OrderId, ParticipantId};
use crate::records::order::{Order, OrderRequest, OrderStatus, Origin, Side};
use crate::records::pool::PoolSlug;
use crate::records::rejection::Rejection;
use crate::state::{ProductKey, State};
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::Resource;
use std::borrow::Cow;
use std::cell::LazyCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Why an automatic offer has ended, or a bid whose workload takes other capacity than when it was placed.
pub const MEETS_OWN: &str = "self_trade";

/// Refuses an order that could trade with an open one of its own participant. Offers that give way refuse nothing.
pub fn check(
    state: &State,
    now: Timestamp,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
) -> Result<(), Rejection> {
    match met(state, now, participant, side, request).find(|order| !gives_way(order)) {
        Some(order) => Err(Rejection::SelfTrade { other: Some(order.id), side }),
        None => Ok(()),
    }
}

/// The same of orders that are to be placed together, the earlier of which have no ids yet.
pub fn check_among(
    state: &State,
    now: Timestamp,
    (side, request): (Side, &OrderRequest),
    earlier: &[(Side, OrderRequest)],
) -> Result<(), Rejection> {
    let mine = Units::of(state, now, side, request);
    let others = earlier.iter().filter(|(of, other)| *of != side && could_share(request, other));
    match others.map(|(of, other)| Units::of(state, now, *of, other)).any(|other| mine.meets(side, &other)) {
        true => Err(Rejection::SelfTrade { other: None, side }),
        false => Ok(()),
    }
}

/// Cancels the automatic offers that a bid meets; of a sealed one what its round leaves of it.
pub(crate) fn withdraw(turn: &mut Turn<'_>, participant: ParticipantId, side: Side, request: &OrderRequest) {
    if side == Side::Offer {
        return;
    }
    let offers = met(turn.state, turn.now, participant, side, request).filter(|order| gives_way(order));
    let offers: Vec<OrderId> = offers.map(|order| order.id).collect();
    for id in offers {
        // One that is about to be replaced is looked at as that is done.
        let _waits = close::cancel(turn, participant, id, MEETS_OWN);
    }
}

/// What a bid takes in another pool than its workload's own follows the baseline: after a change of it the bid may meet an
/// offer, and then it ends.
pub(crate) fn follow_baseline(turn: &mut Turn<'_>, instance: InstanceId) {
    let leaves = |o: &&Order| o.side == Side::Bid && away::leaves(turn.state, &o.request);
    let bids: Vec<Order> = turn.state.orders_of(instance).filter(leaves).cloned().collect();
    for bid in bids {
        let Some(request) = as_it_will_stand(&bid) else { continue };
        match check(turn.state, turn.now, bid.participant, Side::Bid, &request) {
            Ok(()) => withdraw(turn, bid.participant, Side::Bid, &request),
            Err(_) => {
                let _waits = close::cancel(turn, bid.participant, bid.id, MEETS_OWN);
            }
        }
    }
}

fn gives_way(order: &Order) -> bool {
    order.origin == Origin::AutoOffer
}

/// The open orders of a participant that an order could trade with.
fn met<'a>(
    state: &'a State,
    now: Timestamp,
    participant: ParticipantId,
    side: Side,
    request: &'a OrderRequest,
) -> impl Iterator<Item = &'a Order> {
    let mine = LazyCell::new(move || Units::of(state, now, side, request));
    let other_side = if side == Side::Bid { Side::Offer } else { Side::Bid };
    state.orders_by(participant, other_side).filter(move |order| {
        let is_over = |other: &OrderRequest| other.expires_at.is_some_and(|at| at <= now);
        let could = asked_for(order).is_some_and(|other| could_share(request, other) && !is_over(other));
        let other = if could { as_it_will_stand(order) } else { None };
        other.is_some_and(|other| mine.meets(side, &Units::of(state, now, other_side, &other)))
    })
}

/// What an order asks for in the rounds to come. One that is about to be cancelled is in none of them.
fn asked_for(order: &Order) -> Option<&OrderRequest> {
    match order.status {
        OrderStatus::Open | OrderStatus::PartiallyFilled => Some(&order.request),
        OrderStatus::PendingReplace => order.pending_replacement.as_deref(),
        _ => None,
    }
}

/// The same, less what has been won.
fn as_it_will_stand(order: &Order) -> Option<Cow<'_, OrderRequest>> {
    let request = asked_for(order)?;
    let is_replaced = order.status == OrderStatus::PendingReplace;
    let remaining = || OrderRequest {
        resources: order.remaining.clone(),
        replicas: order.remaining_replicas,
        limit: order.remaining_limit,
        ..request.clone()
    };
    Some(if is_replaced { Cow::Borrowed(request) } else { Cow::Owned(remaining()) })
}

/// Of two requests that have no pool or no time in common nothing has to be reckoned.
fn could_share(one: &OrderRequest, other: &OrderRequest) -> bool {
    let before = |a: &OrderRequest, b: &OrderRequest| {
        let length = a.window.end_at.micros() - a.window.start_at.micros();
        let latest = a.latest_start_at.unwrap_or(a.window.start_at);
        latest.micros() + length <= b.window.start_at.micros()
    };
    let pools = |pool: &PoolSlug| other.pools.iter().any(|choice| choice.pool == *pool);
    !before(one, other) && !before(other, one) && one.pools.iter().any(|choice| pools(&choice.pool))
}

/// What an order pays, or asks, for a unit of each product: of a bid the most, of an offer the least.
pub(crate) struct Units<K>(BTreeMap<K, Unit>);

impl Units<ProductKey> {
    fn of(state: &State, now: Timestamp, side: Side, request: &OrderRequest) -> Self {
        let rhythm = &state.market.rhythm;
        let first_open = rhythm.first_open(now);
        let all = request.alternatives(rhythm.slot_seconds).into_iter();
        let open = all.filter(|a| a.slots.first().is_none_or(|slot: &Slot| *slot >= first_open));
        let ways = open.map(|a| {
            let amounts = away::amounts(state, request, &request.resources, &a.pool);
            let limit = if side == Side::Bid { request.limit - a.adder } else { request.limit + a.adder };
            let each = |slot: &Slot| {
                let row = |(r, q): (&Resource, &i64)| {
                    ((a.pool.clone(), *r, *slot), q.saturating_mul(request.replicas.into()))
                };
                amounts.iter().map(row).collect::<Vec<_>>()
            };
            (limit.units(), a.slots.iter().flat_map(each).collect())
        });
        if side == Side::Bid { Self::paid(ways) } else { Self::asked(ways) }
    }
    fn meets(&self, side: Side, other: &Self) -> bool {
        if side == Side::Bid { self.reach(other) } else { other.reach(self) }
    }
}

impl<K: Ord> Units<K> {
    /// Of bids: their alternatives, each with what it pays at most.
    pub(crate) fn paid(ways: impl IntoIterator<Item = (i64, Vec<(K, i64)>)>) -> Self {
        let mut most = BTreeMap::new();
        for (money, rows) in ways {
            for (product, quantity) in rows {
                let unit = Unit::new(money, quantity);
                most.entry(product).and_modify(|known: &mut Unit| *known = (*known).max(unit)).or_insert(unit);
            }
        }
        Self(most)
    }
    /// Of offers: their alternatives, each with what it asks.
    pub(crate) fn asked(ways: impl IntoIterator<Item = (i64, Vec<(K, i64)>)>) -> Self {
        let mut least = BTreeMap::new();
        for (money, rows) in ways {
            let money = if rows.len() == 1 { money } else { 0 };
            for (product, quantity) in rows {
                let unit = Unit::new(money, quantity);
                least.entry(product).and_modify(|known: &mut Unit| *known = (*known).min(unit)).or_insert(unit);
            }
        }
        Self(least)
    }
    /// Whether what is paid reaches what is asked for a product.
    pub(crate) fn reach(&self, asked: &Self) -> bool {
        asked.0.iter().any(|(product, asks)| self.0.get(product).is_some_and(|pays| pays >= asks))
    }
}

/// Micro-credits for so many units.
#[derive(Clone, Copy)]
struct Unit {
    money: i128,
    units: i128,
}

impl Unit {
    fn new(money: i64, units: i64) -> Self {
        Self { money: money.into(), units: units.max(1).into() }
    }
}

impl Ord for Unit {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.money * other.units).cmp(&(other.money * self.units))
    }
}
impl PartialOrd for Unit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Unit {}
