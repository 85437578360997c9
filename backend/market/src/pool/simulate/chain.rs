//! The orders of a simulated round: those of the sealed book, changed by what the simulated rounds
//! before it gave them.
//!
//! Of a divisible order remains (asked in truth + won in truth) × demand − won in the simulation, its
//! limit in proportion. One that left the book because all of it was won stays until a round could no
//! longer take it. Whatever left for another reason (cancelled, replaced, expired, sat out) is left out
//! as it was.
use super::capacity::{Capacity, absolute, index, is_of};
use super::elasticity::{WHOLE, scaled};
use super::{Life, PastRound, Question};
use crate::book::runs;
use crate::clearing::outcome::Award;
use crate::clearing::{Alternative, Book, Class, Fraction, Money, Order, Outcome, ProductKey, Quantity, Side};
use crate::round::sits_out;
use crate::time::Slot;
use crate::units::Credits;
use std::collections::{BTreeMap, BTreeSet};

/// By resource, the least of its slots: what still is asked for follows the slot that got least.
type Amounts = BTreeMap<String, i64>;

struct Track {
    /// As it was last in a sealed book, in absolute slots.
    last: Order,
    life: Life,
    /// What it asked for when no sealed book has it any more is 0 only if it had won all.
    filled: bool,
    won_truth: Amounts,
    won_simulated: Amounts,
    /// Nothing more can come: a block that has won.
    done: bool,
}

/// What a simulated award holds for slots that have not begun, where in truth there was none like it.
struct Holding {
    id: String,
    owner: String,
    node: Option<String>,
    /// (row in absolute slots, bought, left)
    rows: Vec<(ProductKey, i64, i64)>,
    limit: i64,
}

pub(super) struct Chain<'q> {
    question: &'q Question,
    /// On the quantities of bids for the class in question, in millionths.
    demand: i64,
    tracks: BTreeMap<String, Track>,
    holdings: Vec<Holding>,
    /// Awards of these rounds by id: whether the simulation made the same.
    same: BTreeMap<String, bool>,
    capacity: Capacity<'q>,
}

/// The order with its slots counted otherwise; alternatives with a slot that is not there fall away.
fn moved(order: &Order, slot: impl Fn(i64) -> Option<i64>) -> Option<Order> {
    let row = |q: &Quantity| {
        let product = ProductKey { slot: slot(q.product.slot)?, ..q.product.clone() };
        Some(Quantity { product, quantity: q.quantity })
    };
    let alternative = |a: &Alternative| {
        let quantities: Option<Vec<Quantity>> = a.quantities.iter().map(row).collect();
        Some(Alternative { quantities: quantities?, adder: a.adder })
    };
    let alternatives: Vec<Alternative> = order.alternatives.iter().filter_map(alternative).collect();
    (!alternatives.is_empty()).then(|| Order { alternatives, ..order.clone() })
}

fn least(rows: &[Quantity]) -> Amounts {
    let mut slots: BTreeMap<(&str, i64), i64> = BTreeMap::new();
    for row in rows {
        *slots.entry((&row.product.resource, row.product.slot)).or_default() += row.quantity;
    }
    let mut amounts = Amounts::new();
    for ((resource, _), quantity) in slots {
        let least = amounts.entry(resource.to_owned()).or_insert(quantity);
        *least = quantity.min(*least);
    }
    amounts
}

fn of(amounts: &Amounts, resource: &str) -> i64 {
    amounts.get(resource).copied().unwrap_or(0)
}

fn add(total: &mut Amounts, more: &Amounts) {
    for (resource, quantity) in more {
        *total.entry(resource.clone()).or_default() += quantity;
    }
}

/// `part` of `whole` of a limit, rounded down.
fn share(limit: Money, part: i64, whole: i64) -> Money {
    let value = i128::from(limit.0) * i128::from(part) / i128::from(whole.max(1));
    Money(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The adder of a run with another limit: what a shorter run has no part in follows the limit.
fn adder_of_run(alternative: &Alternative, window: i64, before: Money, limit: Money) -> Money {
    let slots = slots_of_run(alternative);
    let beyond = |limit: Money| runs::beyond(Credits::from_units(limit.0), slots, window).units();
    Money(alternative.adder.0 - beyond(before) + beyond(limit))
}

fn slots_of_run(alternative: &Alternative) -> i64 {
    alternative.quantities.iter().map(|q| q.product.slot).collect::<BTreeSet<_>>().len() as i64
}

impl<'q> Chain<'q> {
    pub fn new(question: &'q Question, demand: i64) -> Self {
        let capacity = Capacity::new(question);
        let (tracks, holdings, same) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        Self { question, demand, tracks, holdings, same, capacity }
    }

    /// The book that the round would have had.
    pub fn rewrite(&mut self, round: &PastRound) -> Book {
        self.capacity.see(round);
        for order in &round.book.orders {
            let Some(last) = moved(order, |slot| absolute(&round.slots, slot)) else { continue };
            let life = self.question.orders.get(&order.id).cloned().unwrap_or(Life {
                once: false,
                expires_at: None,
                stays_open: !order.is_block(),
                resells: false,
                runs_of: None,
            });
            match self.tracks.get_mut(&order.id) {
                Some(track) => {
                    track.last = last;
                    track.filled = false;
                }
                None => {
                    let (won_truth, won_simulated) = (Amounts::new(), Amounts::new());
                    let track = Track { last, life, filled: false, won_truth, won_simulated, done: false };
                    self.tracks.insert(order.id.clone(), track);
                }
            }
        }
        let there: BTreeSet<&str> = round.book.orders.iter().map(|o| o.id.as_str()).collect();
        let mut orders: Vec<Order> = Vec::new();
        for (id, track) in &self.tracks {
            let entry = self.entry(track, there.contains(id.as_str()), round);
            orders.extend(entry.and_then(|o| moved(&o, |slot| index(&round.slots, slot))));
        }
        orders.extend(self.holdings.iter().filter_map(|h| resale(h, round)));
        orders.retain(|o| self.capacity.knows(o, &round.slots));
        let resales = sits_out::resales_met(&orders);
        orders.retain(|o| !resales.contains(&o.id));
        orders.sort_by(|a, b| a.id.cmp(&b.id));
        let mut book = Book { orders, ..(*round.book).clone() };
        self.capacity.rewrite(&mut book, round);
        book
    }

    /// What is left of an order here, in absolute slots.
    fn entry(&self, track: &Track, there: bool, round: &PastRound) -> Option<Order> {
        let Track { last, life, .. } = track;
        if track.done || self.same.get(&last.id) == Some(&false) {
            return None;
        }
        if !there {
            let expired = life.expires_at.is_some_and(|at| at <= round.sealed_at);
            let open = track.filled && !life.once && !expired;
            // The gate of its earliest slot ends an order without a choice of starts.
            let begun = |q: &Quantity| index(&round.slots, q.product.slot).is_none();
            let one_start = life.stays_open || life.runs_of.is_some();
            if !open || (one_start && last.alternatives.iter().flat_map(|a| &a.quantities).any(begun)) {
                return None;
            }
        }
        let demand = if self.follows_price(last) { self.demand } else { WHOLE };
        let mut order = last.clone();
        for alternative in &mut order.alternatives {
            let asked = least(&alternative.quantities);
            let replicas = last.replicas.filter(|n| *n > 0);
            for row in &mut alternative.quantities {
                let resource = row.product.resource.clone();
                let asks = if there || !life.stays_open { of(&asked, &resource) } else { 0 };
                let (mut wanted, won) = if life.stays_open {
                    (asks + of(&track.won_truth, &resource), of(&track.won_simulated, &resource))
                } else {
                    (asks, 0)
                };
                wanted = match replicas {
                    Some(n) => {
                        let each = (of(&asked, &resource) / n).max(1);
                        scaled(wanted / each, demand) * each
                    }
                    None => scaled(wanted, demand),
                };
                // Rows of one resource differ by rounding at most; what has changed is the same for all.
                row.quantity += wanted - won - of(&asked, &resource);
                if row.quantity <= 0 {
                    return None;
                }
            }
            if let (Some(n), Some(row)) = (replicas, alternative.quantities.first()) {
                let each = (of(&asked, &row.product.resource) / n).max(1);
                order.replicas = Some((row.quantity / each).max(1));
            }
        }
        let was = last.alternatives.iter().flat_map(|a| &a.quantities);
        let is = order.alternatives.iter().flat_map(|a| &a.quantities);
        let parts = was.zip(is).map(|(was, is)| (is.quantity, was.quantity.max(1)));
        let least_part = parts.min_by_key(|(is, was)| i128::from(*is) * 1_000_000_000_000 / i128::from(*was));
        if let Some((is, was)) = least_part.filter(|(is, was)| is != was) {
            order.limit = share(last.limit, is, was);
            if let Some(window) = life.runs_of {
                for (alternative, before) in order.alternatives.iter_mut().zip(&last.alternatives) {
                    alternative.adder = adder_of_run(before, window, last.limit, order.limit);
                }
            }
        }
        (order.limit.0 > 0 || order.side == Side::Offer).then_some(order)
    }

    fn follows_price(&self, order: &Order) -> bool {
        let of_class = |q: &Quantity| is_of(q, &self.question.pool, self.question.resource);
        order.side == Side::Bid && order.alternatives.iter().flat_map(|a| &a.quantities).any(of_class)
    }

    /// Takes in what the round gave in truth, and what it gave in the simulation.
    pub fn note(&mut self, round: &PastRound, book: &Book, outcome: Option<&Outcome>) {
        self.capacity.note(round, book, outcome);
        let truth: BTreeMap<&str, &Award> = round.outcome.awards.iter().map(|a| (a.order.as_str(), a)).collect();
        let simulated: BTreeMap<&str, &Award> =
            outcome.into_iter().flat_map(|o| &o.awards).map(|a| (a.order.as_str(), a)).collect();
        for award in truth.values() {
            let Some(track) = self.tracks.get_mut(&award.order) else { continue };
            let won = least(&award.quantities);
            let asked = track.last.alternatives.get(award.alternative).map(|a| least(&a.quantities));
            let all = asked.is_none_or(|asked| asked.iter().any(|(resource, q)| of(&won, resource) >= *q));
            track.filled = !track.life.stays_open || all;
            add(&mut track.won_truth, &won);
        }
        let entries: BTreeMap<&str, &Order> = book.orders.iter().map(|o| (o.id.as_str(), o)).collect();
        for award in simulated.values() {
            if let Some(track) = self.tracks.get_mut(&award.order) {
                let won = least(&award.quantities);
                track.done = !track.life.stays_open && won.values().any(|q| *q > 0);
                add(&mut track.won_simulated, &won);
            }
            if let Some(holding) = self.holdings.iter_mut().find(|h| h.id == award.order) {
                for row in &award.quantities {
                    let slot = absolute(&round.slots, row.product.slot);
                    let same = |r: &&mut (ProductKey, i64, i64)| {
                        r.0.pool == row.product.pool && r.0.resource == row.product.resource && Some(r.0.slot) == slot
                    };
                    if let Some(held) = holding.rows.iter_mut().find(same) {
                        held.2 -= row.quantity;
                    }
                }
            }
        }
        self.hold(round, &truth, &simulated, &entries, outcome);
    }

    /// What was won in the simulation and not in truth is offered again by its holder, and the reverse
    /// is not.
    fn hold(
        &mut self,
        round: &PastRound,
        truth: &BTreeMap<&str, &Award>,
        simulated: &BTreeMap<&str, &Award>,
        entries: &BTreeMap<&str, &Order>,
        outcome: Option<&Outcome>,
    ) {
        for (order, award) in truth {
            let same = simulated.get(order).is_some_and(|s| s.quantities == award.quantities);
            if let Some(id) = self.question.awards.get(&(round.number, (*order).to_owned())) {
                self.same.insert(id.clone(), same);
            }
        }
        for (id, award) in simulated {
            let resells = self.question.orders.get(*id).is_some_and(|life| life.resells);
            let known = truth.get(id).is_some_and(|t| t.quantities == award.quantities);
            let entry = entries.get(id).filter(|o| o.side == Side::Bid && o.replicas.is_none());
            let Some(entry) = entry.filter(|_| resells && !known) else { continue };
            let rows: Option<Vec<(ProductKey, i64, i64)>> = award
                .quantities
                .iter()
                .filter(|q| q.quantity > 0)
                .map(|q| {
                    let slot = absolute(&round.slots, q.product.slot)?;
                    Some((ProductKey { slot, ..q.product.clone() }, q.quantity, q.quantity))
                })
                .collect();
            let Some(rows) = rows.filter(|rows| !rows.is_empty()) else { continue };
            let placed = outcome.into_iter().flat_map(|o| &o.placements).filter(|p| p.order == **id);
            let nodes: Vec<&String> = placed.map(|p| &p.node).collect();
            let name = self.question.awards.get(&(round.number, (*id).to_owned())).cloned();
            self.holdings.push(Holding {
                id: name.map_or_else(|| format!("{id}/{}", round.number), |award| format!("{award}/simulated")),
                owner: entry.owner.clone(),
                node: if let [node] = nodes.as_slice() { Some((*node).clone()) } else { None },
                limit: used_limit(entry, award, self.question.orders.get(*id).and_then(|life| life.runs_of)),
                rows,
            });
        }
    }
}

/// The part of its limit that an award uses up.
fn used_limit(entry: &Order, award: &Award, runs_of: Option<i64>) -> i64 {
    let Some(alternative) = entry.alternatives.get(award.alternative) else { return entry.limit.0 };
    if let Some(window) = runs_of {
        return runs::part(Credits::from_units(entry.limit.0), slots_of_run(alternative), window).units();
    }
    let (asked, won) = (least(&alternative.quantities), least(&award.quantities));
    let left = asked.iter().map(|(resource, q)| ((q - of(&won, resource)).max(0), *q));
    let least_left = left.min_by_key(|(left, all)| i128::from(*left) * 1_000_000_000_000 / i128::from((*all).max(1)));
    entry.limit.0 - least_left.map_or(0, |(left, all)| share(entry.limit, left, all).0)
}

/// A holding as an offer at its holder's own limit, as long as none of its slots has closed.
fn resale(holding: &Holding, round: &PastRound) -> Option<Order> {
    let mut quantities = Vec::new();
    for (key, _, left) in &holding.rows {
        let slot = index(&round.slots, key.slot)?;
        if *left <= 0 {
            return None;
        }
        quantities.push(Quantity { product: ProductKey { slot, ..key.clone() }, quantity: *left });
    }
    let parts = holding.rows.iter().map(|(_, bought, left)| (*left, *bought));
    let (left, bought) = parts.max_by_key(|(l, b)| i128::from(*l) * 1_000_000_000_000 / i128::from((*b).max(1)))?;
    let limit = share(Money(holding.limit), left, bought).0 + 1;
    Some(Order {
        id: holding.id.clone(),
        owner: holding.owner.clone(),
        side: Side::Offer,
        instance: None,
        limit: Money(limit.min(holding.limit.max(1))),
        min_fill: Fraction::zero(),
        incumbent: true,
        alternatives: vec![Alternative { quantities, adder: Money(0) }],
        parent: None,
        budget: None,
        replicas: None,
        node: holding.node.clone(),
        class: Class::Standard,
    })
}

/// Slots of a book: its base and as many as its rhythm opens.
pub fn slots_of(book: &Book, count: i64) -> Option<Vec<Slot>> {
    let base: crate::time::Timestamp = book.slot_base.as_deref()?.parse().ok()?;
    let seconds = book.slot_seconds?;
    Some((0..count).map(|n| Slot::starting_at(base.seconds() + n * seconds)).collect())
}
