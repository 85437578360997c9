//! The live state of the exchange: the fold of its events.
//!
//! Only live things are here; finished orders, rounds and swaps leave memory and stay in the
//! tables. Every fold also notes which rows it touched, so that the shell writes each row
//! once per transaction.
use crate::clearing::document;
use crate::ids::*;
use crate::ledger::{Account, Ledger, Transfer};
use crate::records::dispute::Dispute;
use crate::records::guidance::{ApplicationProfile, Hint};
use crate::records::market::Market;
use crate::records::order::{Order, OrderStatus, Side};
use crate::records::participant::{ApiKey, Participant, User};
use crate::records::pool::{
    Halt, HourlyPrice, Node, Pool, PoolSlug, Product, Reference, ReservePrice, Shortage, SlotShortage, in_force,
};
use crate::records::project::Project;
use crate::records::reason::Reason;
use crate::records::recallable;
use crate::records::round::{Award, Round};
use crate::records::row::{Record, Row, RowKey, Table};
use crate::records::settlement::Receipt;
use crate::records::strategy::Foreseen;
use crate::records::swap::Swap;
use crate::records::workload::{Instance, Module};
use crate::time::{Slot, Timestamp};
use crate::units::{Credits, Price, Resource, amount};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pool, resource and slot of a product.
pub type ProductKey = (PoolSlug, Resource, Slot);

/// The book that a sealed round is waiting to have cleared. Not durable: after a restart the
/// round is void and its orders go to the next one.
#[derive(Clone, Debug)]
pub struct SealedBook {
    pub round: u64,
    pub book: Arc<document::Book>,
    pub slots: Vec<Slot>,
    /// Open orders that sit the round out, and why.
    pub excluded: Vec<(OrderId, Reason)>,
    /// Products whose supply stands in it with the price of a shortage.
    pub scarce: BTreeSet<ProductKey>,
    /// The pools that were not halted.
    pub trading: BTreeSet<PoolSlug>,
}

/// What the folds since the last transaction have changed.
#[derive(Debug, Default)]
pub struct Changes {
    pub touched: BTreeMap<RowKey, Option<Row>>,
    pub transfers: Vec<Transfer>,
    pub receipts: Vec<Receipt>,
    pub balances: BTreeMap<Account, ()>,
    /// Orders as they were accepted, with their JSON: nearly all are written as they came.
    pub accepted: BTreeMap<OrderId, (Box<Order>, String)>,
}

#[derive(Debug)]
pub struct State {
    pub market: Market,
    pub participants: BTreeMap<ParticipantId, Participant>,
    pub users: BTreeMap<UserId, User>,
    pub keys: BTreeMap<KeyId, ApiKey>,
    pub pools: BTreeMap<PoolSlug, Pool>,
    pub nodes: BTreeMap<NodeId, Node>,
    pub reserve_prices: BTreeMap<ReservePriceId, ReservePrice>,
    pub references: BTreeMap<(PoolSlug, Resource), Reference>,
    pub products: BTreeMap<ProductKey, Product>,
    /// The latest chances of a shortage, of pools that price them.
    pub shortages: BTreeMap<(PoolSlug, Resource), Shortage>,
    /// What product classes cost, by hour of the day.
    pub hourly_prices: BTreeMap<(PoolSlug, Resource, u8), HourlyPrice>,
    pub modules: BTreeMap<ModuleId, Module>,
    pub instances: BTreeMap<InstanceId, Instance>,
    pub orders: BTreeMap<OrderId, Order>,
    /// The same by instance: members may have thousands.
    orders_of: BTreeMap<InstanceId, BTreeSet<OrderId>>,
    /// Live orders by participant and client id.
    pub client_ids: BTreeMap<(ParticipantId, String), OrderId>,
    orders_by: BTreeMap<(ParticipantId, Side), BTreeSet<OrderId>>,
    /// How many live orders name a project, and what is held for them together.
    project_orders: BTreeMap<(ParticipantId, String), (u32, Credits)>,
    pub awards: BTreeMap<AwardId, Award>,
    /// The same by instance: members may have thousands.
    awards_of: BTreeMap<InstanceId, BTreeSet<AwardId>>,
    pub rounds: BTreeMap<u64, Round>,
    pub swaps: BTreeMap<SwapId, Swap>,
    pub hints: BTreeMap<HintId, Hint>,
    pub profiles: BTreeMap<ProfileId, ApplicationProfile>,
    pub projects: BTreeMap<ProjectId, Project>,
    pub disputes: BTreeMap<DisputeId, Dispute>,
    /// The same by participant and name.
    project_names: BTreeMap<(ParticipantId, String), ProjectId>,
    pub ledger: Ledger,
    /// Latest outlook by instance; refreshed every slot, not durable state of the market.
    pub outlooks: BTreeMap<InstanceId, Foreseen>,
    pub sealed: Option<SealedBook>,
    pub changes: Changes,
}

impl State {
    pub fn new(market: Market) -> Self {
        Self {
            market,
            participants: BTreeMap::new(),
            users: BTreeMap::new(),
            keys: BTreeMap::new(),
            pools: BTreeMap::new(),
            nodes: BTreeMap::new(),
            reserve_prices: BTreeMap::new(),
            references: BTreeMap::new(),
            products: BTreeMap::new(),
            shortages: BTreeMap::new(),
            hourly_prices: BTreeMap::new(),
            modules: BTreeMap::new(),
            instances: BTreeMap::new(),
            orders: BTreeMap::new(),
            orders_of: BTreeMap::new(),
            client_ids: BTreeMap::new(),
            orders_by: BTreeMap::new(),
            project_orders: BTreeMap::new(),
            awards: BTreeMap::new(),
            awards_of: BTreeMap::new(),
            rounds: BTreeMap::new(),
            swaps: BTreeMap::new(),
            hints: BTreeMap::new(),
            profiles: BTreeMap::new(),
            projects: BTreeMap::new(),
            disputes: BTreeMap::new(),
            project_names: BTreeMap::new(),
            ledger: Ledger::default(),
            outlooks: BTreeMap::new(),
            sealed: None,
            changes: Changes::default(),
        }
    }

    /// What a round is built of, without some of the orders: no users, no balances, nothing that is over.
    pub(crate) fn of_a_round(&self, left_out: &BTreeSet<OrderId>) -> State {
        let takes_part = |o: &&Order| !left_out.contains(&o.id);
        State {
            participants: self.participants.clone(),
            pools: self.pools.clone(),
            nodes: self.nodes.clone(),
            reserve_prices: self.reserve_prices.clone(),
            references: self.references.clone(),
            products: self.products.clone(),
            shortages: self.shortages.clone(),
            instances: self.instances.clone(),
            orders: self.orders.values().filter(takes_part).map(|o| (o.id, o.clone())).collect(),
            orders_of: self.orders_of.clone(),
            awards: self.awards.clone(),
            awards_of: self.awards_of.clone(),
            swaps: self.swaps.clone(),
            hints: self.hints.clone(),
            outlooks: self.outlooks.clone(),
            ..State::new(self.market.clone())
        }
    }

    /// A new or changed live record.
    pub fn put<R: Held>(&mut self, record: R) {
        self.changes.touched.insert(record.key(), None);
        record.insert_into(self);
    }
    /// A record that has ended: its last row is written, then it leaves memory.
    pub fn finish<R: Record>(&mut self, record: &R) {
        self.changes.touched.insert(record.key(), Some(record.row()));
    }

    pub fn add_order(&mut self, order: Order) {
        if let Some(client_id) = &order.request.client_bid_id {
            self.client_ids.insert((order.participant, client_id.clone()), order.id);
        }
        self.orders_by.entry((order.participant, order.side)).or_default().insert(order.id);
        self.count_for_project(&order, 1, order.hold);
        self.changes.touched.insert(order.key(), None);
        if let Some(instance) = order.request.instance {
            self.orders_of.entry(instance).or_default().insert(order.id);
        }
        self.orders.insert(order.id, order);
    }
    fn count_for_project(&mut self, order: &Order, orders: i32, held: Credits) {
        let Some(name) = &order.request.project else { return };
        let sums = self.project_orders.entry((order.participant, name.clone())).or_default();
        *sums = (sums.0.saturating_add_signed(orders), sums.1 + held);
    }
    /// How many live orders name a project, and what is held for them together.
    pub fn project_orders(&self, project: &Project) -> (u32, Credits) {
        self.project_orders.get(&(project.participant, project.name.clone())).copied().unwrap_or_default()
    }
    /// The live orders of an instance, in the order of their ids.
    pub fn orders_of(&self, instance: InstanceId) -> impl Iterator<Item = &Order> {
        self.orders_of.get(&instance).into_iter().flatten().filter_map(|id| self.orders.get(id))
    }
    /// The live bids or offers of a participant, in the order of their ids.
    pub fn orders_by(&self, participant: ParticipantId, side: Side) -> impl Iterator<Item = &Order> {
        self.orders_by.get(&(participant, side)).into_iter().flatten().filter_map(|id| self.orders.get(id))
    }
    /// How many live orders a participant has.
    pub fn open_orders(&self, participant: ParticipantId) -> u32 {
        let count = |side| self.orders_by.get(&(participant, side)).map_or(0, |ids| ids.len() as u32);
        count(Side::Bid) + count(Side::Offer)
    }
    /// Changes a live order; one that is no longer live leaves memory.
    pub fn change_order(&mut self, id: OrderId, change: impl FnOnce(&mut Order)) {
        let Some(mut order) = self.orders.remove(&id) else { return };
        let hold = order.hold;
        change(&mut order);
        if order.status.is_live() {
            self.count_for_project(&order, 0, order.hold - hold);
            self.changes.touched.insert(order.key(), None);
            self.orders.insert(id, order);
            return;
        }
        self.count_for_project(&order, -1, Credits::ZERO - hold);
        if let Some(instance) = order.request.instance
            && let Some(ids) = self.orders_of.get_mut(&instance)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.orders_of.remove(&instance);
            }
        }
        if let Some(client_id) = &order.request.client_bid_id {
            self.client_ids.remove(&(order.participant, client_id.clone()));
        }
        let by = (order.participant, order.side);
        if let Some(ids) = self.orders_by.get_mut(&by) {
            ids.remove(&id);
            if ids.is_empty() {
                self.orders_by.remove(&by);
            }
        }
        self.finish(&order);
    }
    /// The same with the market's `full_round`.
    pub fn change_order_with(&mut self, id: OrderId, change: impl FnOnce(&mut Order, u64)) {
        let full_round = self.market.full_round;
        self.change_order(id, |order| change(order, full_round));
    }
    /// Notes the sealed round of an order. It lives no longer than the process, so no row is
    /// written for it.
    pub fn note_sealed(&mut self, id: OrderId, round: Option<u64>) {
        if let Some(order) = self.orders.get_mut(&id) {
            order.sealed_in = round;
        }
    }
    pub fn change_award(&mut self, id: AwardId, change: impl FnOnce(&mut Award)) {
        let Some(award) = self.awards.get_mut(&id) else { return };
        change(award);
        if award.is_live() {
            self.changes.touched.insert(award.key(), None);
        } else if let Some(award) = self.awards.remove(&id) {
            if let Some(ids) = award.instance.and_then(|i| self.awards_of.get_mut(&i)) {
                ids.remove(&id);
            }
            self.finish(&award);
        }
    }
    pub fn put_award(&mut self, award: Award) {
        self.changes.touched.insert(award.key(), None);
        if let Some(instance) = award.instance {
            self.awards_of.entry(instance).or_default().insert(award.id);
        }
        self.awards.insert(award.id, award);
    }
    /// What an instance has won, lent and sold on, the earliest first.
    pub fn awards_of(&self, instance: InstanceId) -> impl Iterator<Item = &Award> {
        self.awards_of.get(&instance).into_iter().flatten().filter_map(|id| self.awards.get(id))
    }
    pub fn change_round(&mut self, number: u64, change: impl FnOnce(&mut Round)) {
        let Some(round) = self.rounds.get_mut(&number) else { return };
        change(round);
        if round.live() {
            self.changes.touched.insert(round.key(), None);
        } else if let Some(round) = self.rounds.remove(&number) {
            self.finish(&round);
        }
    }
    /// What its participant withdrew before leaves memory; the last one stays, as the answer.
    pub fn put_hint(&mut self, hint: Hint) {
        let over = |h: &&Hint| h.participant == hint.participant && h.withdrawn_at.is_some() && h.id != hint.id;
        let over: Vec<Hint> = self.hints.values().filter(over).cloned().collect();
        for hint in over {
            self.hints.remove(&hint.id);
            self.finish(&hint);
        }
        self.put(hint);
    }
    pub fn put_project(&mut self, project: Project) {
        let name = (project.participant, project.name.clone());
        if project.live() {
            self.changes.touched.insert(project.key(), None);
            self.project_names.insert(name, project.id);
            self.projects.insert(project.id, project);
        } else {
            self.project_names.remove(&name);
            self.projects.remove(&project.id);
            self.finish(&project);
        }
    }
    /// A participant's project by its name.
    pub fn project(&self, participant: ParticipantId, name: &str) -> Option<&Project> {
        let id = self.project_names.get(&(participant, name.to_owned()))?;
        self.projects.get(id)
    }
    pub fn put_swap(&mut self, swap: Swap) {
        if swap.is_live() {
            self.changes.touched.insert(swap.key(), None);
            self.swaps.insert(swap.id, swap);
        } else {
            self.swaps.remove(&swap.id);
            self.finish(&swap);
        }
    }
    pub fn post(&mut self, transfer: Transfer) {
        self.ledger.post(&transfer);
        self.changes.balances.insert(transfer.debit, ());
        self.changes.balances.insert(transfer.credit, ());
        self.changes.transfers.push(transfer);
    }

    /// Takes the rows to write: each touched record once, as it is now.
    pub fn take_changes(&mut self) -> ChangedRows {
        let mut changes = std::mem::take(&mut self.changes);
        let mut rows = Vec::with_capacity(changes.touched.len());
        for (key, finished) in changes.touched {
            rows.extend(finished.or_else(|| self.row(&key, &mut changes.accepted)));
        }
        let balances = changes.balances.into_keys().map(|a| (a, self.ledger.balance(a))).collect();
        ChangedRows { rows, balances, transfers: changes.transfers, receipts: changes.receipts }
    }

    fn row(&self, key: &RowKey, accepted: &mut BTreeMap<OrderId, (Box<Order>, String)>) -> Option<Row> {
        let id = key.id.as_str();
        match key.table {
            Table::Market => Some(self.market.row()),
            Table::Participants => self.participants.get(&id.parse().ok()?).map(Record::row),
            Table::Users => self.users.get(&id.parse().ok()?).map(Record::row),
            Table::ApiKeys => self.keys.get(&id.parse().ok()?).map(Record::row),
            Table::Pools => self.pools.get(id).map(Record::row),
            Table::Nodes => self.nodes.get(&id.parse().ok()?).map(Record::row),
            Table::ReservePrices => self.reserve_prices.get(&id.parse().ok()?).map(Record::row),
            Table::References => {
                let (pool, resource) = id.split_once('/')?;
                self.references.get(&(pool.to_owned(), Resource::parse(resource)?)).map(Record::row)
            }
            Table::Products => {
                let mut parts = id.splitn(3, '/');
                let (pool, resource, slot) = (parts.next()?, parts.next()?, parts.next()?);
                let at: Timestamp = slot.parse().ok()?;
                let key = (pool.to_owned(), Resource::parse(resource)?, Slot::starting_at(at.seconds()));
                self.products.get(&key).map(Record::row)
            }
            Table::Modules => self.modules.get(&id.parse().ok()?).map(Record::row),
            Table::Instances => self.instances.get(&id.parse().ok()?).map(Record::row),
            Table::Orders => {
                let order = self.orders.get(&id.parse().ok()?)?;
                let known = accepted.remove(&order.id).filter(|(before, _)| **before == *order);
                Some(known.map_or_else(|| order.row(), |(_, document)| order.row_of(document)))
            }
            Table::Awards => self.awards.get(&id.parse().ok()?).map(Record::row),
            Table::Rounds => self.rounds.values().find(|r| r.id.to_string() == id).map(Record::row),
            Table::Swaps => self.swaps.get(&id.parse().ok()?).map(Record::row),
            Table::Hints => self.hints.get(&id.parse().ok()?).map(Record::row),
            Table::Profiles => self.profiles.get(&id.parse().ok()?).map(Record::row),
            Table::Disputes => self.disputes.get(&id.parse().ok()?).map(Record::row),
            Table::Projects => self.projects.get(&id.parse().ok()?).map(Record::row),
            Table::Shortages => {
                let (pool, resource) = id.split_once('/')?;
                self.shortages.get(&(pool.to_owned(), Resource::parse(resource)?)).map(Record::row)
            }
            Table::HourlyPrices => {
                let mut parts = id.splitn(3, '/');
                let (pool, resource, hour) = (parts.next()?, parts.next()?, parts.next()?);
                let key = (pool.to_owned(), Resource::parse(resource)?, hour.parse().ok()?);
                self.hourly_prices.get(&key).map(Record::row)
            }
            Table::Receipts | Table::AuditEvents => None,
        }
    }

    /// Every live record as a row: what `doctor` compares with the tables.
    pub fn all_rows(&self) -> Vec<Row> {
        let mut rows = vec![self.market.row()];
        rows.extend(self.participants.values().map(Record::row));
        rows.extend(self.users.values().map(Record::row));
        rows.extend(self.keys.values().map(Record::row));
        rows.extend(self.pools.values().map(Record::row));
        rows.extend(self.nodes.values().map(Record::row));
        rows.extend(self.reserve_prices.values().map(Record::row));
        rows.extend(self.references.values().map(Record::row));
        rows.extend(self.products.values().map(Record::row));
        rows.extend(self.modules.values().map(Record::row));
        rows.extend(self.instances.values().map(Record::row));
        rows.extend(self.orders.values().map(Record::row));
        rows.extend(self.awards.values().map(Record::row));
        rows.extend(self.rounds.values().map(Record::row));
        rows.extend(self.swaps.values().map(Record::row));
        rows.extend(self.hints.values().map(Record::row));
        rows.extend(self.profiles.values().map(Record::row));
        rows.extend(self.projects.values().map(Record::row));
        rows.extend(self.disputes.values().map(Record::row));
        rows.extend(self.shortages.values().map(Record::row));
        rows.extend(self.hourly_prices.values().map(Record::row));
        rows
    }

    // ---- questions that several rules ask

    pub fn available(&self, participant: ParticipantId) -> Credits {
        self.ledger.balance(Account::Available(participant))
    }
    /// The reserve price steps in force for a slot: the latest schedule that is effective by then.
    pub fn reserve(&self, pool: &str, resource: Resource, slot: Slot) -> Option<&ReservePrice> {
        in_force(self.reserve_prices.values().filter(|r| r.pool == pool && r.resource == resource), slot)
    }
    pub fn reserve_price(&self, pool: &str, resource: Resource, slot: Slot) -> Option<Price> {
        self.reserve(pool, resource, slot).and_then(|r| r.steps.first()).map(|s| s.price)
    }
    /// What the forecast errors say of a product, where its pool prices a shortage.
    pub fn shortage(&self, pool: &str, resource: Resource, slot: Slot) -> Option<(Price, &SlotShortage)> {
        let cost = *self.pools.get(pool)?.shortage_cost.get(&resource)?;
        let known = self.shortages.get(&(pool.to_owned(), resource))?;
        known.slots.iter().find(|s| s.slot == slot).map(|s| (cost, s))
    }
    /// Whether a pool has a resource: it trades it, and a node of it enforces some.
    pub fn enforces(&self, pool: &str, resource: Resource) -> bool {
        let home = recallable::firm(pool);
        let some = |n: &Node| n.pool == home && amount(&n.capacity, resource) > 0;
        self.pools.get(pool).is_some_and(|p| p.resources.contains(&resource)) && self.nodes.values().any(some)
    }
    /// Why nothing is traded in a pool: it is halted, or the pool is that it is the recallable part of.
    pub fn halt(&self, pool: &str) -> Option<&Halt> {
        [pool, recallable::firm(pool)].into_iter().find_map(|slug| self.pools.get(slug)?.halted.as_ref())
    }
    pub fn order_is_open(&self, id: OrderId) -> bool {
        self.orders.get(&id).is_some_and(|o| o.status.is_live() && o.status != OrderStatus::PendingCancel)
    }
    pub fn user_by_email(&self, email: &str) -> Option<&User> {
        self.users.values().find(|user| user.email == email)
    }
}

/// A record that the state keeps while it is live.
pub trait Held: Record {
    fn insert_into(self, state: &mut State);
}

macro_rules! held {
    ($($record:ty, $this:ident, $state:ident => $insert:expr;)*) => {$(
        impl Held for $record {
            fn insert_into($this, $state: &mut State) {
                $insert;
            }
        }
    )*};
}
held! {
    Market, self, state => state.market = self;
    Participant, self, state => state.participants.insert(self.id, self);
    User, self, state => state.users.insert(self.id, self);
    ApiKey, self, state => state.keys.insert(self.id, self);
    Pool, self, state => state.pools.insert(self.slug.clone(), self);
    Node, self, state => state.nodes.insert(self.id, self);
    ReservePrice, self, state => state.reserve_prices.insert(self.id, self);
    Reference, self, state => state.references.insert((self.pool.clone(), self.resource), self);
    Shortage, self, state => state.shortages.insert((self.pool.clone(), self.resource), self);
    HourlyPrice, self, state => state.hourly_prices.insert((self.pool.clone(), self.resource, self.hour), self);
    Product, self, state => state.products.insert((self.pool.clone(), self.resource, self.slot), self);
    Module, self, state => state.modules.insert(self.id, self);
    Hint, self, state => state.hints.insert(self.id, self);
    ApplicationProfile, self, state => state.profiles.insert(self.id, self);
    Instance, self, state => state.instances.insert(self.id, self);
    Dispute, self, state => state.disputes.insert(self.id, self);
    Round, self, state => state.rounds.insert(self.number, self);
}

/// What one transaction writes besides the journal.
#[derive(Debug)]
pub struct ChangedRows {
    pub rows: Vec<Row>,
    pub balances: Vec<(Account, Credits)>,
    pub transfers: Vec<Transfer>,
    pub receipts: Vec<Receipt>,
}
