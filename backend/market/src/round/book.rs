//! The book of a round: the state, seen by the clearing.
//!
//! Money has 6 digits in a book; collars and references are rounded up to them, so that a
//! hold computed from the finer number always covers the coarser one.
use crate::book::{self, Alternative, Assurance, Order, OrderRequest, OrderStatus, Side, family};
use crate::clearing::{self, Money};
use crate::ids::{AwardId, InstanceId, NodeId, OrderId, ParticipantId};
use crate::pool::NodeState;
use crate::pool::recallable::{self, book_node, node_of};
use crate::pool::scarcity::{self, ScarceStep};
use crate::pool::supply::{self, money_up};
use crate::project;
use crate::round::away;
use crate::round::capacity::{self, Entry, Places};
use crate::round::faulty::{FAULTY, drop_faulty};
use crate::round::growth::Growth;
use crate::round::host::Hosts;
use crate::round::linked::{self, PARENT_SAT_OUT};
use crate::round::movers::{Movers, Moves};
use crate::round::reachable::{UNREACHABLE, drop_unreachable};
use crate::round::renewal::Renewals;
use crate::round::{Award, AwardKind};
use crate::settlement::arrears::IN_ARREARS;
use crate::state::{ProductKey, State};
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, Price, Resource, amount};
use crate::workload::away::is_elsewhere;
use crate::workload::{Class, vacate};
use std::collections::{BTreeMap, BTreeSet};

/// Awards that a member may have whose slots are not settled; beyond it, its orders sit rounds out.
/// Every award is looked at in every round, and one order may win a little in each of many.
pub const MOST_AWARDS: usize = 10_000;

/// A book and what had to be left out of it.
pub struct Draft {
    pub book: clearing::Book,
    /// Orders that sit this round out, with a reason code.
    pub excluded: Vec<(OrderId, &'static str)>,
    /// Products whose supply is listed with the price of a shortage.
    pub scarce: BTreeSet<ProductKey>,
    /// What its bids would take to other nodes, and what else they could.
    pub moves: Moves,
}

/// The part of an order that is still asked for, as a request of its own.
pub fn remaining_request(order: &Order) -> OrderRequest {
    let mut request = order.request.clone();
    request.resources = order.remaining.clone();
    request.replicas = order.remaining_replicas;
    request.limit = order.remaining_limit;
    request
}

/// The alternatives of an order that are still open, in the order of the book.
pub fn open_alternatives(state: &State, order: &Order, slots: &[Slot]) -> Vec<Alternative> {
    let all = order.request.alternatives(state.market.rhythm.slot_seconds);
    let open = |a: &Alternative| a.slots.iter().all(|s| slots.contains(s)) && takes_orders(state, &a.pool);
    all.into_iter().filter(open).collect()
}

/// Whether there is such a pool, and it is not halted.
pub(super) fn takes_orders(state: &State, pool: &str) -> bool {
    state.pools.contains_key(pool) && state.halt(pool).is_none()
}

pub fn build(state: &State, now: Timestamp, slots: &[Slot], movers: &Movers) -> Draft {
    let mut builder = Builder::new(state, now, slots, movers);
    builder.add_orders();
    builder.add_resales();
    builder.drop_self_trades();
    builder.drop_offers_of_movers();
    builder.finish()
}

struct Builder<'a> {
    state: &'a State,
    now: Timestamp,
    slots: &'a [Slot],
    hosts: Hosts<'a>,
    orders: Vec<clearing::Order>,
    excluded: Vec<(OrderId, &'static str)>,
    places: Places,
    renewals: Renewals,
}

impl<'a> Builder<'a> {
    fn new(state: &'a State, now: Timestamp, slots: &'a [Slot], movers: &'a Movers) -> Self {
        Self {
            state,
            now,
            slots,
            hosts: Hosts::of(state, now, slots, movers),
            orders: Vec::new(),
            excluded: Vec::new(),
            places: Places::All,
            renewals: Renewals::default(),
        }
    }

    fn slot_index(&self, slot: Slot) -> Option<i64> {
        self.slots.iter().position(|s| *s == slot).map(|n| n as i64)
    }

    fn add_orders(&mut self) {
        let open =
            self.state.orders.values().filter(|o| matches!(o.status, OrderStatus::Open | OrderStatus::PartiallyFilled));
        // Bids of a project that has nothing left take nobody's place.
        let state = self.state;
        let used_up = |o: &&Order| project::of_order(state, o).is_some_and(|p| p.left().is_zero());
        let (none_left, open): (Vec<&Order>, Vec<&Order>) = open.partition(used_up);
        self.excluded.extend(none_left.iter().map(|o| (o.id, linked::BUDGET)));
        let (waiting, mut open): (Vec<&Order>, Vec<&Order>) =
            open.into_iter().partition(|o| vacate::has_no_path(state, o));
        self.excluded.extend(waiting.iter().map(|o| (o.id, vacate::NO_VACATE_PATH)));
        self.places = capacity::places(self.state, self.now, &open, self.slots);
        let mut unsettled: BTreeMap<ParticipantId, usize> = BTreeMap::new();
        for award in self.state.awards.values() {
            *unsettled.entry(award.participant).or_default() += 1;
        }
        let has_too_many = |o: &Order| unsettled.get(&o.participant).is_some_and(|n| *n >= MOST_AWARDS);
        // All but a few of a flood.
        let (excluded, places) = (&mut self.excluded, &self.places);
        open.retain(|o| {
            let stays = places.has(Entry::Order(o.id)) || o.waits_for().is_some() || has_too_many(o);
            excluded.extend((!stays).then_some((o.id, book::ROUND_FULL)));
            stays
        });
        linked::sort(state, &mut open);
        let mut growth = Growth::of(self.state);
        let mut taken: BTreeSet<OrderId> = BTreeSet::new();
        // One that has no part in the round itself keeps nothing from others.
        let takes_part = |o: &&Order| {
            let hold = family::hold_needed(state, o);
            let owner = state.participants.get(&o.participant);
            self.places.has(Entry::Order(o.id))
                && hold.is_ok_and(|needed| needed <= o.hold)
                && owner.is_some_and(|p| p.arrears.is_zero())
                && !has_too_many(o)
                && o.request.instance.is_some_and(|id| Growth::of_instance(state, id).admits(state, o, self.slots))
        };
        let leaving = open.iter().copied().filter(|o| book::away::leaves(state, &o.request)).filter(takes_part);
        let leavers = away::leavers(state, self.now, leaving, self.slots);
        for order in open {
            let entry = if order.waits_for().is_some_and(|parent| !taken.contains(&parent)) {
                Err(PARENT_SAT_OUT)
            } else if has_too_many(order) {
                Err("TOO_MANY_AWARDS")
            } else if !self.places.has(Entry::Order(order.id)) {
                Err(book::ROUND_FULL)
            } else if away::waits(state, order, &leavers) {
                Err(away::AWAY)
            } else if growth.admits(self.state, order, self.slots) {
                self.entry(order)
            } else {
                Err("ABOVE_INSTANCE_LIMIT")
            };
            match entry {
                Ok(entry) => {
                    taken.insert(order.id);
                    self.orders.push(entry);
                }
                Err(reason) => self.excluded.push((order.id, reason)),
            }
        }
    }

    /// The order as the clearing sees it, or why it sits this round out.
    fn entry(&mut self, order: &Order) -> Result<clearing::Order, &'static str> {
        let alternatives = open_alternatives(self.state, order, self.slots);
        if alternatives.is_empty() {
            return Err("HALTED");
        }
        if order.side == Side::Bid {
            if self.state.participants.get(&order.participant).is_some_and(|p| p.arrears > Credits::ZERO) {
                return Err(IN_ARREARS);
            }
            let needed = family::hold_needed(self.state, order).map_err(|_| "INELIGIBLE")?;
            if needed > order.hold {
                return Err("INSUFFICIENT_HOLD");
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
                Side::Offer if self.hosts.leaves_by(instance, &home) => Err("INELIGIBLE"),
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
        Ok(clearing::Order {
            id: order.id.to_string(),
            owner: order.participant.to_string(),
            side: side(order.side),
            instance: order.request.instance.map(|i| i.to_string()),
            limit: money(order.remaining_limit),
            min_fill: clearing::Fraction(clearing::rational::Rat::ratio(
                i128::from(order.request.min_fill.units()),
                1_000_000,
            )),
            incumbent: false,
            alternatives: entries,
            parent: order.waits_for().map(|id| id.to_string()),
            budget: project::of_order(self.state, order).map(|p| p.id.to_string()),
            replicas: (order.request.replicas > 1).then_some(replicas),
            node: node.map(|n| book_node(n, order.request.assurance == Assurance::Recallable)),
            class: class(order.request.class),
        })
    }

    fn alternative(
        &self,
        order: &Order,
        alternative: &Alternative,
        replicas: i64,
        move_fee: Credits,
    ) -> clearing::Alternative {
        let mut quantities = Vec::new();
        let carried = book::away::carried(self.state, &order.request, &alternative.pool);
        let move_fee = carried.map_or(move_fee, away::move_fees);
        let amounts = book::away::amounts(self.state, &order.request, &order.remaining, &alternative.pool);
        for slot in &alternative.slots {
            let Some(index) = self.slot_index(*slot) else { continue };
            for (resource, quantity) in amounts.iter() {
                let quantity = quantity * replicas;
                if quantity > 0 {
                    quantities.push(row(&alternative.pool, *resource, index, quantity));
                }
            }
        }
        clearing::Alternative { quantities, adder: money(alternative.adder + move_fee) }
    }

    /// Those alternatives in other pools that the workload may be carried to now; why not, if none is left.
    fn may_go(&self, order: &Order, elsewhere: Vec<Alternative>) -> (Vec<Alternative>, &'static str) {
        let mut reason = "HALTED";
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

    /// What a workload offers on its node sits out where a bid of it would have it elsewhere by then.
    fn drop_offers_of_movers(&mut self) {
        let slots = |o: &clearing::Order| -> Vec<i64> {
            o.alternatives.iter().flat_map(|a| &a.quantities).map(|q| q.product.slot).collect()
        };
        let mut leaves: BTreeMap<String, i64> = BTreeMap::new();
        for bid in self.orders.iter().filter(|o| o.side == clearing::Side::Bid) {
            let instance = bid.instance.as_ref().and_then(|id| self.state.instances.get(&id.parse().ok()?));
            let goes_to = bid.node.as_deref().and_then(node_of);
            let Some(instance) = instance.filter(|i| goes_to != Some(i.node)) else {
                continue;
            };
            if let Some(first) = slots(bid).into_iter().min() {
                let slot = leaves.entry(instance.id.to_string()).or_insert(first);
                *slot = first.min(*slot);
            }
        }
        let stays = |o: &clearing::Order| {
            let leaves = o.instance.as_ref().and_then(|id| leaves.get(id));
            o.side == clearing::Side::Bid || leaves.is_none_or(|first| slots(o).into_iter().all(|s| s < *first))
        };
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut self.orders).into_iter().partition(stays);
        self.orders = kept;
        self.excluded.extend(dropped.iter().filter_map(|o| Some((o.id.parse().ok()?, "INELIGIBLE"))));
    }

    /// What was won for slots that have not begun stays in the book at the holder's own limit.
    fn add_resales(&mut self) {
        for award in self.state.awards.values() {
            if !self.places.has(Entry::Resale(award.id)) {
                continue;
            }
            if let Some(entry) = self.resale(award) {
                self.orders.push(entry);
            }
        }
    }

    fn resale(&self, award: &Award) -> Option<clearing::Order> {
        if !is_for_sale(self.state, self.now, self.slots, award) {
            return None;
        }
        let mut quantities = Vec::new();
        for line in &award.lines {
            let left = line.left();
            if left <= 0 {
                return None;
            }
            quantities.push(row(&line.pool, line.resource, self.slot_index(line.slot)?, left));
        }
        // The limit of what is left: the share of the tightest line, rounded up for the holder.
        let share = award
            .lines
            .iter()
            .map(|l| (l.quantity - l.resold, l.quantity))
            .max_by(|a, b| (i128::from(a.0) * i128::from(b.1)).cmp(&(i128::from(b.0) * i128::from(a.1))))?;
        let limit = award.limit.share_floor(share.0, share.1) + Credits::from_units(1);
        Some(clearing::Order {
            id: award.id.to_string(),
            owner: award.participant.to_string(),
            side: clearing::Side::Offer,
            instance: None,
            limit: money(limit.min(award.limit.max(Credits::from_units(1)))),
            min_fill: clearing::Fraction::zero(),
            incumbent: true,
            alternatives: vec![clearing::Alternative { quantities, adder: Money(0) }],
            parent: None,
            budget: None,
            replicas: None,
            node: if let [node] = award.nodes.as_slice() { Some(node.to_string()) } else { None },
            class: clearing::Class::Standard,
        })
    }

    /// Nobody trades with itself: in a product that a participant bids for, its own offers
    /// sit the round out.
    fn drop_self_trades(&mut self) {
        let products = |o: &clearing::Order| -> Vec<(String, clearing::ProductKey)> {
            let rows = o.alternatives.iter().flat_map(|a| a.quantities.iter());
            rows.map(|q| (o.owner.clone(), q.product.clone())).collect()
        };
        let bids = self.orders.iter().filter(|o| o.side == clearing::Side::Bid);
        let wanted: BTreeSet<_> = bids.flat_map(products).collect();
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut self.orders)
            .into_iter()
            .partition(|o| o.side == clearing::Side::Bid || !products(o).iter().any(|key| wanted.contains(key)));
        self.orders = kept;
        self.excluded.extend(dropped.iter().filter_map(|o| Some((o.id.parse().ok()?, "INELIGIBLE"))));
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
        let mut book = clearing::Book::new(money_up(state.market.price_cap), 0);
        book.slot_base = self.slots.first().map(|s| s.to_string());
        book.slot_seconds = Some(state.market.rhythm.slot_seconds);
        for (pool, resource, slot) in &used {
            book.products.push(clearing::Product {
                pool: pool.clone(),
                resource: resource.to_string(),
                slot: self.slot_index(*slot).unwrap_or(0),
                supply: supply_steps(state, self.now, pool, *resource, *slot),
                cap: Some(money_up(state.collar(pool, *resource, *slot))),
                reference: Some(money_up(state.reference(pool, *resource, *slot).max(Price::from_units(1000)))),
            });
        }
        book.instances = self.instances();
        let pools: BTreeSet<&String> = used.iter().map(|(pool, _, _)| pool).collect();
        book.nodes = self.hosts.occupancy.nodes(state, self.slots, &pools);
        book.orders = self.orders;
        self.excluded.extend(drop_unreachable(&mut book).into_iter().map(|id| (id, UNREACHABLE)));
        self.excluded.extend(linked::complete(state, &mut book));
        let faulty = drop_faulty(&mut book).into_iter().filter_map(|id| Some((id.parse().ok()?, FAULTY)));
        self.excluded.extend(faulty);
        self.renewals.mark(state, &mut book.orders);
        let scarce = used.into_iter().filter(|(p, r, s)| state.shortage(p, *r, *s).is_some()).collect();
        Draft { book, excluded: self.excluded, scarce, moves: self.hosts.moves }
    }

    /// The instances that orders name; holdings and floors of those that lend in this round.
    fn instances(&self) -> Vec<clearing::Instance> {
        let named: BTreeSet<&String> = self.orders.iter().filter_map(|o| o.instance.as_ref()).collect();
        let lends = |id: &String| {
            self.orders.iter().any(|o| o.side == clearing::Side::Offer && o.instance.as_ref() == Some(id))
        };
        let mut instances = Vec::new();
        for instance in self.state.instances.values() {
            let id = instance.id.to_string();
            if !named.contains(&id) {
                continue;
            }
            let lender = lends(&id);
            let firm = self.in_firm_orders(&id);
            let mut entry = clearing::Instance { id, owner: instance.participant.to_string(), ..Default::default() };
            if lender {
                self.add_holdings(instance, &firm, &mut entry);
            }
            self.add_thrash_limits(instance, &firm, &mut entry);
            instances.push(entry);
        }
        instances
    }

    /// What the firm orders of an instance in this round offer and ask for, by slot and resource; `None` if it has
    /// no others. A row of a book bounds one product, and what is recallable is another: it has what all firm
    /// orders together would leave of a bound.
    fn in_firm_orders(&self, id: &str) -> Option<FirmOrders> {
        let mine = || self.orders.iter().filter(|o| o.instance.as_deref() == Some(id));
        let rows =
            |o: &'_ clearing::Order| o.alternatives.iter().flat_map(|a| a.quantities.clone()).collect::<Vec<_>>();
        let is_recallable = |q: &clearing::Quantity| recallable::is_recallable(&q.product.pool);
        if !mine().flat_map(rows).any(|q| is_recallable(&q)) {
            return None;
        }
        let mut firm = FirmOrders::default();
        for order in mine() {
            // Of alternatives that share a product at most one wins; counting all of them is on the safe side.
            for quantity in rows(order).iter().filter(|q| !is_recallable(q)) {
                let Some(resource) = Resource::parse(&quantity.product.resource) else { continue };
                let key = (quantity.product.slot, resource);
                if order.side == clearing::Side::Offer {
                    *firm.offered.entry(key).or_default() += quantity.quantity;
                }
                *firm.either.entry(key).or_default() += quantity.quantity;
            }
        }
        Some(firm)
    }

    /// How much more of each resource may be won or lent in a slot: what earlier rounds changed counts, in whichever
    /// direction that is more, be what may be taken back all taken back, all there, or only its own or others'.
    fn add_thrash_limits(
        &self,
        instance: &crate::workload::Instance,
        firm: &Option<FirmOrders>,
        entry: &mut clearing::Instance,
    ) {
        if instance.strategy.max_swap.is_empty() {
            return;
        }
        // The least and the most that it may come to have beyond its baseline.
        let mut changed: BTreeMap<(Slot, Resource), (i64, i64)> = BTreeMap::new();
        for award in self.state.awards_of(instance.id) {
            for line in &award.lines {
                let (least, most) = changed.entry((line.slot, line.resource)).or_default();
                let may_go = line.is_recallable();
                match award.kind {
                    AwardKind::Bought => {
                        *least += if may_go { 0 } else { line.left() };
                        *most += line.left();
                    }
                    AwardKind::Lent => {
                        *least -= line.left();
                        *most -= if may_go { 0 } else { line.left() };
                    }
                    AwardKind::Resold => {}
                }
            }
        }
        for (index, slot) in self.slots.iter().enumerate() {
            for (resource, most) in &instance.strategy.max_swap {
                let already = changed.get(&(*slot, *resource)).map_or(0, |(low, high)| low.abs().max(high.abs()));
                entry.max_swap.push(row(&instance.pool, *resource, index as i64, (most - already).max(0)));
                if let Some(firm) = firm {
                    let used = firm.either.get(&(index as i64, *resource)).copied().unwrap_or(0);
                    let (pool, left) =
                        (recallable::of(&instance.pool), most.saturating_sub(already.saturating_add(used)));
                    entry.max_swap.push(row(&pool, *resource, index as i64, left.max(0)));
                }
            }
        }
    }

    fn add_holdings(
        &self,
        instance: &crate::workload::Instance,
        firm: &Option<FirmOrders>,
        entry: &mut clearing::Instance,
    ) {
        let lent = lent(self.state, instance.id);
        for (index, slot) in self.slots.iter().enumerate() {
            for (resource, baseline) in &instance.baseline {
                let already = lent.get(&(*slot, *resource)).copied().unwrap_or(0);
                let floor = amount(&instance.floor, *resource);
                entry.holding.push(row(&instance.pool, *resource, index as i64, (baseline - already).max(floor)));
                entry.floor.push(row(&instance.pool, *resource, index as i64, floor));
                if let Some(firm) = firm.as_ref().filter(|_| recallable::can_be_recalled(*resource)) {
                    let offered = firm.offered.get(&(index as i64, *resource)).copied().unwrap_or(0);
                    let (pool, left) = (recallable::of(&instance.pool), baseline - already - offered);
                    entry.holding.push(row(&pool, *resource, index as i64, left.max(floor)));
                    entry.floor.push(row(&pool, *resource, index as i64, floor));
                }
            }
        }
    }
}

/// Whether what was won is for sale again in a round: none of its slots has begun, all of it is there, it can be divided,
/// and its workload need not know yet what it will have in the first of the slots.
pub(super) fn is_for_sale(state: &State, now: Timestamp, slots: &[Slot], award: &Award) -> bool {
    let instance = award.instance.and_then(|id| state.instances.get(&id));
    let notice = i64::from(instance.map_or(0, |i| i.strategy.notice_seconds));
    award.kind == AwardKind::Bought
        && award.resell
        && award.lines.iter().all(|l| {
            slots.contains(&l.slot)
                && !l.settled
                && l.resource != Resource::GpuMilli
                && (notice == 0 || now < l.slot.start().plus_seconds(-notice))
        })
}

/// What an instance's firm orders in a round are for, by slot of the book and resource.
#[derive(Default)]
struct FirmOrders {
    offered: BTreeMap<(i64, Resource), i64>,
    /// Offered or asked for.
    either: BTreeMap<(i64, Resource), i64>,
}

/// Released, not yet sold operator supply by reserve step, cheapest first.
fn supply_steps(state: &State, now: Timestamp, pool: &str, resource: Resource, slot: Slot) -> Vec<clearing::Step> {
    let Some(schedule) = state.reserve(pool, resource, slot) else { return Vec::new() };
    let Some(home) = state.pools.get(pool) else { return Vec::new() };
    let total = operator_capacity(state, pool, resource);
    let start_millis = home.release_start.units() / 1000;
    let released = state.market.rhythm.released_millis(slot, now, start_millis);
    let sold = state.products.get(&(pool.to_owned(), resource, slot)).map(|p| p.sold_steps.clone()).unwrap_or_default();
    match state.shortage(pool, resource, slot) {
        None => supply::steps(total, released, &schedule.steps, &sold),
        Some(_) => scarcity::book_steps(&scarce_steps(state, now, pool, resource, slot)),
    }
}

/// The same with the price of a shortage; empty where none is known.
pub fn scarce_steps(state: &State, now: Timestamp, pool: &str, resource: Resource, slot: Slot) -> Vec<ScarceStep> {
    let (Some(schedule), Some(home)) = (state.reserve(pool, resource, slot), state.pools.get(pool)) else {
        return Vec::new();
    };
    let Some((shortage_cost, shortage)) = state.shortage(pool, resource, slot) else { return Vec::new() };
    let product = state.products.get(&(pool.to_owned(), resource, slot));
    let supply = scarcity::Supply {
        total: operator_capacity(state, pool, resource),
        released_millis: state.market.rhythm.released_millis(slot, now, home.release_start.units() / 1000),
        schedule: &schedule.steps,
        sold: product.map_or(0, |p| p.sold_steps.iter().sum()),
        shortage_cost,
        price_cap: state.market.price_cap,
    };
    scarcity::steps(&supply, shortage)
}

/// Schedulable capacity of a pool's nodes less the baselines placed there, node by node: what stands
/// on a node that is drained takes nothing from the others.
pub fn operator_capacity(state: &State, pool: &str, resource: Resource) -> i64 {
    let mut placed: BTreeMap<NodeId, i64> = BTreeMap::new();
    for instance in state.instances.values().filter(|i| i.state == crate::workload::InstanceState::Running) {
        *placed.entry(instance.home_node()).or_default() += amount(&instance.baseline, resource);
    }
    let nodes = state.nodes.values().filter(|n| n.pool == pool && n.state == NodeState::Up);
    nodes.map(|n| (amount(&n.capacity, resource) - placed.get(&n.id).copied().unwrap_or(0)).max(0)).sum()
}

pub(super) fn bought(state: &State, id: InstanceId) -> impl Iterator<Item = &Award> {
    state.awards_of(id).filter(|a| a.kind == AwardKind::Bought)
}

/// The same in its own pool: what it has won elsewhere says nothing of where it is at home.
pub(super) fn bought_at_home(state: &State, id: InstanceId) -> impl Iterator<Item = &Award> {
    let instance = state.instances.get(&id);
    bought(state, id).filter(move |award| !instance.is_some_and(|i| is_elsewhere(award, i)))
}

/// What an instance has already lent, by slot and resource.
pub fn lent(state: &State, id: InstanceId) -> BTreeMap<(Slot, Resource), i64> {
    let mut total = BTreeMap::new();
    let awards = state.awards_of(id).filter(|a| a.kind == AwardKind::Lent);
    for line in awards.flat_map(|a| a.lines.iter()) {
        *total.entry((line.slot, line.resource)).or_default() += line.left();
    }
    total
}

fn row(pool: &str, resource: Resource, slot: i64, quantity: i64) -> clearing::Quantity {
    let product = clearing::ProductKey { pool: pool.to_owned(), resource: resource.to_string(), slot };
    clearing::Quantity { product, quantity }
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

fn money(credits: Credits) -> Money {
    Money(credits.units())
}

/// Whether a book order is the resale of an award.
pub fn resale_id(book_order: &str) -> Option<AwardId> {
    book_order.parse().ok()
}
