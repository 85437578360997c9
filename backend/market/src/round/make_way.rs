//! Workloads that go to another node so that somebody else's bid has room, for a fee.
//!
//! A bid whose node is full may be worth more than what it costs another workload there to be moved. Who says what
//! that takes (`Strategy::makes_way_for`) is moved for it, and the bid pays: it has so much less to spend, as with the fee
//! of its own workload's move. Of those that are willing the one that asks least is looked at, if its departure gives the
//! bid all the room that it lacks and another node has room for the whole baseline. Whether the round is worth more so
//! is found out by its trials (`round/movers.rs`). Such a bid wins as a whole or not at all: of a part it would pay the
//! whole fee.
//!
//! The fee is put aside when the round is sealed and paid when the move is done. It goes back where the bid
//! wins nothing, or the move fails: then what was won is not delivered, and credited. Nobody else's bid can win the room: nobody
//! makes way for a bid beside which another could lie there (`round/book.rs`). If one could, and won it, its neighbour would have to go
//! for a fee that nobody has bid, and an exchange that paid that could be made to pay whoever asks. Source: mechanism §3.
use crate::book::{Order, Side};
use crate::event::Event;
use crate::ids::{InstanceId, NodeId, OrderId, ParticipantId};
use crate::ledger::{Account, Ledger, TransferKind};
use crate::market::Market;
use crate::round::book::is_open;
use crate::round::capacity::{Entry, Places};
use crate::state::State;
use crate::swap::{Swap, SwapState, hold_time};
use crate::time::{Slot, Timestamp};
use crate::turn::{Cause, Turn};
use crate::units::Credits;
use crate::workload::{Instance, InstanceState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// That a workload is to leave its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Way {
    /// Where it goes.
    pub node: NodeId,
    /// From which slot on it is there.
    pub slot: Slot,
    /// The bid that has the room.
    pub order: OrderId,
    /// Who pays.
    pub payer: ParticipantId,
    pub fee: Credits,
    pub round: u64,
    /// Whether the bid has won. Before that its place on the other node is kept, and nothing else.
    pub won: bool,
}

/// The workloads that may be asked, by node, those that ask least first.
#[derive(Default)]
pub struct Willing {
    by_node: BTreeMap<NodeId, BTreeSet<(Credits, InstanceId)>>,
    /// What bids of the round have promised so far.
    promised: BTreeMap<ParticipantId, Credits>,
}

impl Willing {
    pub fn of(state: &State, now: Timestamp, places: &Places) -> Self {
        let mut willing = Self::default();
        let asks = |i: &&Instance| i.strategy.makes_way_for.is_some() && can_go(state, i, now);
        let candidates: Vec<&Instance> = state.instances.values().filter(asks).collect();
        if candidates.is_empty() {
            return willing;
        }
        // Where a bid of its own puts it is decided by that.
        let bids =
            state.orders.values().filter(|o| o.side == Side::Bid && is_open(o) && places.has(Entry::Order(o.id)));
        let bidding: BTreeSet<InstanceId> = bids.filter_map(|o| o.request.instance).collect();
        for instance in candidates.into_iter().filter(|i| !bidding.contains(&i.id)) {
            let fee = instance.strategy.makes_way_for.unwrap_or_default();
            willing.by_node.entry(instance.node).or_default().insert((fee, instance.id));
        }
        willing
    }

    pub fn on(&self, node: NodeId) -> Vec<(Credits, InstanceId)> {
        self.by_node.get(&node).into_iter().flatten().copied().collect()
    }

    /// Nobody leaves twice, and nobody is asked for by two bids.
    pub fn take(&mut self, node: NodeId, fee: Credits, id: InstanceId) {
        if let Some(there) = self.by_node.get_mut(&node) {
            there.remove(&(fee, id));
        }
    }

    /// Whether a bid's owner has the fee, beside what other bids of the round have promised.
    pub fn affords(&self, ledger: &Ledger, order: &Order, fee: Credits) -> bool {
        let promised = self.promised.get(&order.participant).copied().unwrap_or_default();
        promised.checked_add(fee).is_some_and(|all| all <= ledger.balance(Account::Available(order.participant)))
    }

    pub fn promise(&mut self, order: &Order, fee: Credits) {
        *self.promised.entry(order.participant).or_default() += fee;
    }
}

/// Whether a workload may be moved now, for whatever reason.
fn can_go(state: &State, instance: &Instance, now: Timestamp) -> bool {
    instance.state == InstanceState::Running
        && instance.away.is_none()
        && instance.swap.is_none()
        && !instance.is_pinned(now)
        && !state.market.ways.contains_key(&instance.id)
        && !hold_time::rests(instance, now, state.market.rhythm.slot_seconds)
}

/// Where a workload is to be from a slot on, as far as a bid that it makes way for has won.
pub fn leaves_to(state: &State, id: InstanceId, slot: Slot) -> Option<NodeId> {
    state.market.ways.get(&id).filter(|way| way.won && slot >= way.slot).map(|way| way.node)
}

/// Puts the fees of a sealed round aside.
pub(super) fn seal(turn: &mut Turn<'_>, ways: BTreeMap<InstanceId, Way>) {
    for (id, way) in ways {
        // The book was made with it, and nothing was paid since.
        if pay(turn, &way, Account::Available(way.payer), Account::Migration) {
            change(turn, |market| _ = market.ways.insert(id, way));
        }
    }
}

/// Who of a round that is awarded is moved: those whose bids have won.
pub(super) fn award(turn: &mut Turn<'_>, round: u64, won: &BTreeSet<OrderId>) {
    for (id, mut way) in of_round(turn.state, round) {
        let instance = turn.state.instances.get(&id);
        let able = instance.is_some_and(|i| i.state == InstanceState::Running && !i.is_pinned(turn.now));
        if !able || !won.contains(&way.order) {
            drop_way(turn, id, &way);
            continue;
        }
        way.won = true;
        change(turn, |market| _ = market.ways.insert(id, way));
    }
}

/// Nobody is moved for a round that is void.
pub fn void(turn: &mut Turn<'_>, round: u64) {
    for (id, way) in of_round(turn.state, round) {
        drop_way(turn, id, &way);
    }
}

/// A workload stands still: its place is free without a move, and where it runs again is found out then.
pub fn stopped(turn: &mut Turn<'_>, id: InstanceId) {
    if let Some(way) = turn.state.market.ways.get(&id).filter(|way| way.won).cloned() {
        drop_way(turn, id, &way);
    }
}

/// A move has ended: whoever was moved for somebody else is paid.
pub fn after(turn: &mut Turn<'_>, swap: &Swap) {
    let Some(way) = turn.state.market.ways.get(&swap.instance).filter(|way| way.won).cloned() else { return };
    if swap.ended_at.is_none() || !swap.moves() {
        return;
    }
    if swap.state == SwapState::Done && swap.node_to == way.node {
        // Whose bid it was is nobody else's business.
        let cause = Cause { order: None, round: Some(way.round), slot: Some(way.slot) };
        let owner = Account::Available(swap.participant);
        turn.transfer_known(TransferKind::MoveFee, Account::Migration, owner, way.fee, cause);
        change(turn, |market| _ = market.ways.remove(&swap.instance));
    } else {
        drop_way(turn, swap.instance, &way);
    }
}

/// Those that should have gone for an earlier slot and neither went nor are on their way do not go any more.
pub fn end_late(turn: &mut Turn<'_>, slot: Slot) {
    let on_its_way = |id: &InstanceId| {
        let swap = turn.state.instances.get(id).and_then(|i| turn.state.swaps.get(&i.swap?));
        swap.is_some_and(|s| s.moves())
    };
    let late = turn.state.market.ways.iter().filter(|(id, way)| way.won && way.slot < slot && !on_its_way(id));
    let late: Vec<(InstanceId, Way)> = late.map(|(id, way)| (*id, way.clone())).collect();
    for (id, way) in late {
        drop_way(turn, id, &way);
    }
}

fn of_round(state: &State, round: u64) -> Vec<(InstanceId, Way)> {
    let waits = |way: &&Way| way.round == round && !way.won;
    state.market.ways.iter().filter(|(_, way)| waits(way)).map(|(id, way)| (*id, way.clone())).collect()
}

/// It does not go, and the fee goes back.
fn drop_way(turn: &mut Turn<'_>, id: InstanceId, way: &Way) {
    let _returned = pay(turn, way, Account::Migration, Account::Available(way.payer));
    change(turn, |market| _ = market.ways.remove(&id));
}

fn pay(turn: &mut Turn<'_>, way: &Way, from: Account, to: Account) -> bool {
    let cause = Cause { order: Some(way.order), round: Some(way.round), slot: Some(way.slot) };
    turn.transfer(TransferKind::MoveFee, from, to, way.fee, cause).is_ok()
}

fn change(turn: &mut Turn<'_>, what: impl FnOnce(&mut Market)) {
    let mut market = turn.state.market.clone();
    what(&mut market);
    turn.emit(Event::MarketChanged(market));
}
