//! Linked orders in a round's book: a child is there only where its parent is, and what parents may be
//! charged beyond their own limits is kept back from their projects.
use crate::book::family;
use crate::book::{Order, Origin, Reason};
use crate::clearing::{Alternative, Book, Budget, Money, Order as Entry, ProductKey, Side};
use crate::ids::{OrderId, ProjectId};
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// What people ask for before what the forecast does, then the earliest; a child after its parent.
pub fn sort(state: &State, orders: &mut [&Order]) {
    orders.sort_by_cached_key(|o| (o.origin != Origin::Manual, Place::of(state, o)));
}

/// Where an order stands among others: behind its parents. Most have none, and are compared by their id alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    first: OrderId,
    /// Those that come after the first of its line, itself the last.
    behind: Vec<OrderId>,
}

impl Place {
    pub(super) fn of(state: &State, order: &Order) -> Self {
        if order.waits_for().is_none() {
            return Self { first: order.id, behind: Vec::new() };
        }
        let mut line = family::line(state, order.id).into_iter();
        Self { first: line.next().unwrap_or(order.id), behind: line.collect() }
    }
}

/// Takes out of a book whoever waits for a parent that is not in it, and answers who.
pub fn drop_orphans(orders: &mut Vec<Entry>) -> Vec<String> {
    let mut dropped = Vec::new();
    loop {
        let there: BTreeSet<&String> = orders.iter().map(|o| &o.id).collect();
        let orphan = |o: &&Entry| o.parent.as_ref().is_some_and(|p| !there.contains(p));
        let orphans: BTreeSet<String> = orders.iter().filter(orphan).map(|o| o.id.clone()).collect();
        if orphans.is_empty() {
            return dropped;
        }
        orders.retain(|o| !orphans.contains(&o.id));
        dropped.extend(orphans);
    }
}

/// The collars of a book's products, in micro-credits a unit, and what goes for all others.
pub(super) struct Collars {
    of: BTreeMap<ProductKey, i128>,
    others: i128,
}

impl Collars {
    pub(super) fn of(book: &Book) -> Self {
        let of = book.products.iter().filter_map(|p| Some((p.key(), i128::from(p.cap?.0)))).collect();
        Self { of, others: i128::from(book.cap.0) }
    }
    /// The most that an alternative can cost, in micro-credits.
    pub(super) fn value(&self, alternative: &Alternative) -> i128 {
        let cap = |key: &ProductKey| self.of.get(key).copied().unwrap_or(self.others);
        alternative.quantities.iter().map(|q| cap(&q.product) * i128::from(q.quantity)).sum()
    }
}

/// By parent of a budget: what it may be charged beyond what its budget's row counts of it, as its children
/// may carry so much of its price.
fn carried(book: &Book) -> BTreeMap<&str, (&str, i128)> {
    let mut children: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for child in &book.orders {
        if let Some(parent) = &child.parent {
            children.entry(parent).or_default().push(child);
        }
    }
    let mut carried = BTreeMap::new();
    if children.is_empty() {
        return carried;
    }
    let collars = Collars::of(book);
    for parent in book.orders.iter().filter(|o| o.side == Side::Bid && children.contains_key(o.id.as_str())) {
        let Some(budget) = &parent.budget else { continue };
        let mut below: Vec<&Entry> = vec![parent];
        let mut at = 0;
        while let Some(order) = below.get(at) {
            below.extend(children.get(order.id.as_str()).into_iter().flatten());
            at += 1;
        }
        let limits: i128 = below.iter().map(|o| i128::from(o.limit.0)).sum();
        let own = i128::from(parent.limit.0);
        let values = parent.alternatives.iter().map(|a| collars.value(a));
        let beyond = values.map(|value| value.min(limits) - value.min(own)).max().unwrap_or(0);
        if beyond > 0 {
            carried.insert(parent.id.as_str(), (budget.as_str(), beyond));
        }
    }
    carried
}

/// The same by budget.
pub fn kept_back(book: &Book) -> BTreeMap<String, i128> {
    let mut kept = BTreeMap::new();
    for (budget, beyond) in carried(book).values() {
        *kept.entry((*budget).to_owned()).or_default() += beyond;
    }
    kept
}

/// Makes a book whole whose orders stand: children have their parents in it, projects what they have left.
/// Answers who has no part in it for that, and why.
pub fn complete(state: &State, book: &mut Book) -> Vec<(OrderId, Reason)> {
    let mut orphans = drop_orphans(&mut book.orders);
    let projects: BTreeSet<String> = book.orders.iter().filter_map(|o| o.budget.clone()).collect();
    let left = |id: &str| {
        let project = id.parse().ok().and_then(|id: ProjectId| state.projects.get(&id));
        project.map_or(0, |p| i128::from(p.left().units()))
    };
    let (parents, more) = drop_beyond_budgets(book, left);
    orphans.extend(more);
    let kept = kept_back(book);
    let amount = |id: &str| i64::try_from(left(id) - kept.get(id).copied().unwrap_or(0)).unwrap_or(0);
    book.budgets = projects.into_iter().map(|id| Budget { amount: Money(amount(&id)), id }).collect();
    let orphans = orphans.iter().filter_map(|id| Some((id.parse().ok()?, Reason::ParentSatOut)));
    parents.into_iter().map(|id| (id, Reason::Budget)).chain(orphans).collect()
}

/// Takes parents out, the last first, until every budget has what has to be kept back of it; answers who,
/// with whoever waits for them.
pub fn drop_beyond_budgets(book: &mut Book, left: impl Fn(&str) -> i128) -> (Vec<OrderId>, Vec<String>) {
    let (mut parents, mut orphans) = (Vec::new(), Vec::new());
    loop {
        let kept = kept_back(book);
        let last = carried(book).into_iter().rev().find(|(_, (budget, _))| kept[*budget] > left(budget));
        let Some(parent) = last.map(|(parent, _)| parent.to_owned()) else { return (parents, orphans) };
        book.orders.retain(|o| o.id != parent);
        parents.extend(parent.parse::<OrderId>());
        orphans.extend(drop_orphans(&mut book.orders));
    }
}
