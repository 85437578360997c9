//! The book of a round: the state, seen by the clearing.
pub(crate) mod faulty;
pub mod holding;
pub mod occupancy;
pub(crate) mod renewal;
pub(crate) mod resale;
pub mod supply;

use crate::book::away as away_bids;
use crate::book::growth::Growth;
use crate::book::open::{is_open, open_alternatives};
use crate::clearing::{book as clearing, document};
use crate::ids::{AwardId, InstanceId, OrderId, ParticipantId};
use crate::records::class::Class;
use crate::records::order::{Alternative, Assurance, Order, Origin, Side};
use crate::records::reason::Reason;
use crate::records::recallable::{book_node, book_pool, is_recallable, pool_of};
use crate::records::round::{Award, Movers};
use crate::round::admission::capacity::{self, Entry, Places};
use crate::round::admission::{away, sits_out};
use crate::round::book::faulty::drop_faulty;
use crate::round::book::holding::{Bounds, lending};
use crate::round::book::renewal::Renewals;
use crate::round::book::supply::book_product;
use crate::round::moves::host::Hosts;
use crate::round::moves::movers::{Moves, Preparation};
use crate::state::{ProductKey, State};
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, Resource, Share};
use crate::workload::vacate;
use std::collections::{BTreeMap, BTreeSet};

/// Awards that a member may have whose slots are not settled; beyond it, its orders sit rounds out.
/// Every award is looked at in every round, and one order may win a little in each of many.
pub const MOST_AWARDS: usize = 10_000;

/// A book and what had to be left out of it.
pub struct Draft {
    pub book: document::Book,
    /// Orders that sit this round out, with a reason code.
    pub excluded: Vec<(OrderId, Reason)>,
    /// Products whose supply is listed with the price of a shortage.
    pub scarce: BTreeSet<ProductKey>,
    /// What its bids would take to other nodes, and what else they could.
    pub moves: Moves,
    /// Whose an order of the book is.
    pub workload_of: BTreeMap<String, InstanceId>,
}

impl Preparation {
    pub fn of(draft: Draft) -> Self {
        let Draft { book, moves, workload_of, .. } = draft;
        Self { book, moves, workload_of }
    }
}

pub fn build(state: &State, now: Timestamp, slots: &[Slot], movers: &Movers) -> Draft {
    build_with(state, now, slots, movers, &places(state, now, slots))
}

/// The same where it is known who has a place.
pub(crate) fn build_with(state: &State, now: Timestamp, slots: &[Slot], movers: &Movers, places: &Places) -> Draft {
    let mut builder = Builder::new(state, now, slots, movers, places);
    builder.add_orders();
    builder.add_resales();
    builder.drop_offers();
    builder.finish()
}

/// Who has a place in the round.
pub(crate) fn places(state: &State, now: Timestamp, slots: &[Slot]) -> Places {
    capacity::places(state, now, &waiting(state).asking, slots)
}

/// The open orders, apart from those that take nobody's place.
struct Waiting<'a> {
    asking: Vec<&'a Order>,
    excluded: Vec<(OrderId, Reason)>,
}

fn waiting(state: &State) -> Waiting<'_> {
    let open = state.orders.values().filter(|o| is_open(o));
    let (no_path, asking): (Vec<&Order>, Vec<&Order>) = open.partition(|o| vacate::has_no_path(state, o));
    let excluded = no_path.iter().map(|o| (o.id, Reason::NoVacatePath)).collect();
    Waiting { asking, excluded }
}

struct Builder<'a> {
    state: &'a State,
    now: Timestamp,
    slots: &'a [Slot],
    hosts: Hosts<'a>,
    orders: Vec<document::Order>,
    excluded: Vec<(OrderId, Reason)>,
    places: &'a Places,
    renewals: Renewals,
    bounds: Bounds,
    workload_of: BTreeMap<String, InstanceId>,
}

impl<'a> Builder<'a> {
    fn new(state: &'a State, now: Timestamp, slots: &'a [Slot], movers: &'a Movers, places: &'a Places) -> Self {
        Self {
            state,
            now,
            slots,
            hosts: Hosts::of(state, now, slots, movers),
            orders: Vec::new(),
            excluded: Vec::new(),
            places,
            renewals: Renewals::default(),
            bounds: Bounds::default(),
            workload_of: BTreeMap::new(),
        }
    }

    fn slot_index(&self, slot: Slot) -> Option<i64> {
        self.slots.iter().position(|s| *s == slot).map(|n| n as i64)
    }

    fn add_orders(&mut self) {
        let state = self.state;
        let Waiting { asking: mut open, excluded } = waiting(state);
        self.excluded.extend(excluded);
        let mut unsettled: BTreeMap<ParticipantId, usize> = BTreeMap::new();
        for award in self.state.awards.values() {
            *unsettled.entry(award.participant).or_default() += 1;
        }
        let has_too_many = |o: &Order| unsettled.get(&o.participant).is_some_and(|n| *n >= MOST_AWARDS);
        // All but a few of a flood.
        let (excluded, places) = (&mut self.excluded, self.places);
        open.retain(|o| {
            let stays = places.has(Entry::Order(o.id)) || has_too_many(o);
            excluded.extend((!stays).then_some((o.id, Reason::RoundFull)));
            stays
        });
        // What people ask for before what the forecast does, then the earliest.
        open.sort_by_key(|o| (o.origin != Origin::Manual, o.id));
        let mut growth = Growth::of(self.state);
        // One that has no part in the round itself keeps nothing from others.
        let takes_part = |o: &&Order| {
            self.places.has(Entry::Order(o.id))
                && !has_too_many(o)
                && o.request.instance.is_some_and(|id| Growth::of_instance(state, id).admits(state, o, self.slots))
        };
        let leaving = open.iter().copied().filter(|o| away_bids::leaves(state, &o.request)).filter(takes_part);
        let leavers = away::leavers(state, self.now, leaving, self.slots);
        for order in open {
            let entry = if has_too_many(order) {
                Err(Reason::TooManyAwards)
            } else if let Some(reason) = away::waits(state, order, &leavers) {
                Err(reason)
            } else if growth.admits(self.state, order, self.slots) {
                self.entry(order)
            } else {
                Err(Reason::AboveInstanceLimit)
            };
            match entry {
                Ok(entry) => self.orders.push(entry),
                Err(reason) => self.excluded.push((order.id, reason)),
            }
        }
    }

    /// The order as the clearing sees it, or why it sits this round out.
    fn entry(&mut self, order: &Order) -> Result<document::Order, Reason> {
        let mut alternatives = open_alternatives(self.state, order, self.slots);
        if alternatives.is_empty() {
            return Err(Reason::Halted);
        }
        if order.side == Side::Offer {
            alternatives = sits_out::not_taken_back(self.state, order, alternatives);
            if alternatives.is_empty() {
                return Err(Reason::TookBack);
            }
        }
        let (mut node, mut move_fee) = (None, Credits::ZERO);
        let mut possible = alternatives;
        if let Some(instance) = order.request.instance.and_then(|id| self.state.instances.get(&id)) {
            let elsewhere = |a: &Alternative| away::is_elsewhere(self.state, &order.request, a);
            let (leaving, mut home): (Vec<_>, Vec<_>) = possible.into_iter().partition(elsewhere);
            let (leaving, not_now) = self.may_go(order, leaving);
            let host = match order.side {
                _ if home.is_empty() => Err(not_now),
                Side::Offer if self.hosts.leaves_by(instance, &home) => Err(Reason::LeavesNode),
                Side::Offer => Ok(instance.node),
                Side::Bid => self.hosts.host(order, instance.id, &home),
            };
            match host {
                Ok(host) => (move_fee, node) = (self.hosts.move_fee(instance.id, host), Some(host)),
                // At home there is nothing for it now; elsewhere there may be.
                Err(_) if !leaving.is_empty() => home.clear(),
                Err(reason) => return Err(reason),
            }
            home.extend(leaving);
            possible = home;
        }
        self.renewals.note(self.state, order, &possible);
        let replicas = i64::from(order.remaining_replicas);
        let entries = possible.iter().map(|a| self.alternative(order, a, replicas, move_fee)).collect();
        let lender = order.request.instance.filter(|_| order.side == Side::Offer);
        let recallable = order.request.assurance == Assurance::Recallable;
        let mut entry = document::Order {
            id: order.id.to_string(),
            owner: order.participant.to_string(),
            side: side(order.side),
            limit: order.remaining_limit,
            min_fill: order.request.min_fill,
            replicas: self.replicas(order),
            node: node.map(|n| book_node(n, recallable)),
            class: class(order.request.class),
            incumbent: false,
            accepted: Some(order.created_at.micros()),
            workload: lender.map(|id| id.to_string()),
            alternatives: entries,
        };
        if let Some(instance) = order.request.instance.and_then(|id| self.state.instances.get(&id)) {
            self.bounds.bound(self.state, self.slots, instance, &mut entry)?;
            self.workload_of.insert(entry.id.clone(), instance.id);
        }
        Ok(entry)
    }

    /// What has to lie whole on one node is one lot: devices, a workload in another pool, and whatever is wanted all or
    /// none without a node of its own.
    fn replicas(&self, order: &Order) -> Option<i64> {
        let request = &order.request;
        let is_whole = request.min_fill == Share::from_units(1_000_000);
        let moves = away_bids::leaves(self.state, request) || request.instance.is_none();
        let is_one_lot = order.side == Side::Bid && is_whole && moves;
        (request.replicas > 1 || is_one_lot).then_some(i64::from(order.remaining_replicas))
    }

    fn alternative(
        &self,
        order: &Order,
        alternative: &Alternative,
        replicas: i64,
        move_fee: Credits,
    ) -> document::Alternative {
        let mut quantities = Vec::new();
        let carried = away_bids::carried(self.state, &order.request, &alternative.pool);
        let move_fee = carried.map_or(move_fee, away::move_costs);
        let amounts = away_bids::amounts(self.state, &order.request, &order.remaining, &alternative.pool);
        for slot in &alternative.slots {
            let Some(index) = self.slot_index(*slot) else { continue };
            for (resource, quantity) in amounts.iter() {
                let quantity = quantity * replicas;
                if quantity > 0 {
                    quantities.push(row(&alternative.pool, *resource, index, quantity));
                }
            }
        }
        document::Alternative { quantities, adder: alternative.adder + move_fee, ..Default::default() }
    }

    /// Those alternatives in other pools that the workload may be carried to now; why not, if none is left.
    fn may_go(&self, order: &Order, elsewhere: Vec<Alternative>) -> (Vec<Alternative>, Reason) {
        let mut reason = Reason::Halted;
        let mut may = |a: &Alternative| match away::may_go(self.state, self.now, order, a) {
            Ok(()) => true,
            Err(why) => {
                reason = why;
                false
            }
        };
        let left = elsewhere.into_iter().filter(|a| may(a)).collect();
        (left, reason)
    }

    fn drop_offers(&mut self) {
        let resales = sits_out::resales_met(&self.orders);
        self.orders.retain(|o| !resales.contains(&o.id));
        self.sit_out(&sits_out::offers_of_movers(self.state, &self.orders, &self.workload_of), Reason::LeavesNode);
    }

    fn sit_out(&mut self, orders: &BTreeSet<String>, reason: Reason) {
        self.orders.retain(|o| !orders.contains(&o.id));
        self.excluded.extend(orders.iter().filter_map(|id| Some((id.parse().ok()?, reason))));
    }

    /// What was won for slots that have not begun stays in the book.
    fn add_resales(&mut self) {
        for award in self.state.awards.values() {
            if !self.places.has(Entry::Resale(award.id)) {
                continue;
            }
            for (index, limit) in resale::for_sale(self.state, self.now, self.slots, award) {
                let entry = self.resale(award, index, limit);
                self.orders.extend(entry);
            }
        }
    }

    fn resale(&self, award: &Award, index: usize, limit: Credits) -> Option<document::Order> {
        let line = &award.lines[index];
        let quantities = vec![row(&line.pool, line.resource, self.slot_index(line.slot)?, line.left())];
        Some(document::Order {
            id: if award.lines.len() == 1 { award.id.to_string() } else { format!("{}/{index}", award.id) },
            owner: award.participant.to_string(),
            side: clearing::Side::Offer,
            limit,
            min_fill: Share::ZERO,
            replicas: None,
            node: award.nodes.first().map(|node| node.to_string()),
            class: clearing::Class::Standard,
            incumbent: true,
            accepted: None,
            workload: None,
            alternatives: vec![document::Alternative { quantities, ..Default::default() }],
        })
    }

    fn finish(mut self) -> Draft {
        let state = self.state;
        let mut used: BTreeSet<ProductKey> = BTreeSet::new();
        for order in &self.orders {
            for quantity in order.alternatives.iter().flat_map(|a| a.quantities.iter()) {
                if let Some(resource) = Resource::parse(&quantity.product.resource) {
                    let slot = self.slots[quantity.product.slot as usize];
                    used.insert((quantity.product.pool.clone(), resource, slot));
                }
            }
        }
        self.orders.sort_by(|a, b| a.id.cmp(&b.id));
        let mut book = document::Book::default();
        for (pool, resource, slot) in &used {
            let index = self.slot_index(*slot).unwrap_or(0);
            book.products.push(book_product(state, self.now, (pool, *resource, *slot), index));
        }
        let pools: BTreeSet<&String> = used.iter().map(|(pool, _, _)| pool).collect();
        book.nodes = self.hosts.occupancy.nodes(state, self.slots, &pools);
        book.orders = self.orders;
        apart_by_node(&mut book);
        book.workloads = lending(state, self.slots, &book.orders);
        let faulty = drop_faulty(&mut book).into_iter().filter_map(|id| Some((id.parse().ok()?, Reason::Ineligible)));
        self.excluded.extend(faulty);
        self.renewals.mark(state, &mut book.orders);
        let scarce = used.into_iter().filter(|(p, r, s)| state.shortage(p, *r, *s).is_some()).collect();
        Draft { book, excluded: self.excluded, scarce, moves: self.hosts.moves, workload_of: self.workload_of }
    }
}

/// What may be taken back as products of the nodes where it is lent (`recallable::book_pool`). Such a pool is one place: what
/// is lent there is all the room that it has.
fn apart_by_node(book: &mut document::Book) {
    let mut traded: BTreeSet<clearing::ProductKey> = BTreeSet::new();
    for order in &mut book.orders {
        let Some(node) = order.node.take_if(|node| is_recallable(node)) else { continue };
        for row in order.alternatives.iter_mut().flat_map(|a| &mut a.quantities) {
            row.product.pool = book_pool(&row.product.pool, &node);
            traded.insert(row.product.clone());
        }
    }
    let (whole, mut products): (Vec<_>, Vec<_>) = book.products.drain(..).partition(|p| is_recallable(&p.pool));
    for key in traded {
        let (pool, _) = pool_of(&key.pool);
        let of = whole.iter().find(|p| p.pool == pool && p.resource == key.resource && p.slot == key.slot);
        products.extend(of.map(|product| document::Product { pool: key.pool, ..product.clone() }));
    }
    products.sort_by_key(document::Product::key);
    book.products = products;
}

pub(crate) fn row(pool: &str, resource: Resource, slot: i64, quantity: i64) -> document::Quantity {
    let product = clearing::ProductKey { pool: pool.to_owned(), resource: resource.to_string(), slot };
    document::Quantity { product, quantity }
}

fn side(side: Side) -> clearing::Side {
    match side {
        Side::Bid => clearing::Side::Bid,
        Side::Offer => clearing::Side::Offer,
    }
}

fn class(class: Class) -> clearing::Class {
    match class {
        Class::Critical => clearing::Class::Critical,
        Class::Standard => clearing::Class::Standard,
        Class::Opportunistic => clearing::Class::Opportunistic,
    }
}

/// The award, and its line, of which a book order is the resale.
pub fn resale_of(book_order: &str) -> Option<AwardId> {
    book_order.split('/').next().and_then(|id| id.parse().ok())
}
