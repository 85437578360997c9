//! The orders of a simulated round: those of the sealed book, changed by what the simulated rounds
//! before it gave them.
//!
//! Of a divisible order remains (asked in truth + won in truth) × demand − won in the simulation, its
//! limit in proportion. One that left the book because all of it was won stays until a round could no
//! longer take it. Whatever left for another reason (cancelled, replaced, expired, sat out) is left out
//! as it was.
use crate::clearing::book::{Class, ProductKey, Side};
use crate::clearing::document::{Alternative, Award, Book, Order, Outcome, Quantity};
use crate::records::runs;
use crate::round::admission::sits_out;
use crate::round::awards::interruption::awarded;
use crate::simulate::capacity::{Capacity, absolute, index, is_of};
use crate::simulate::elasticity::{WHOLE, scaled};
use crate::simulate::question::{Life, PastRound, Question};
use crate::time::Slot;
use crate::units::{Credits, Share};
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
    /// In an absolute slot.
    product: ProductKey,
    bought: i64,
    left: i64,
    limit: Credits,
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
        Some(Alternative { quantities: quantities?, ..a.clone() })
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
fn share(limit: Credits, part: i64, whole: i64) -> Credits {
    let value = i128::from(limit.units()) * i128::from(part) / i128::from(whole.max(1));
    Credits::from_units(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The adder of a run with another limit: what a shorter run has no part in follows the limit.
fn adder_of_run(alternative: &Alternative, window: i64, before: Credits, limit: Credits) -> Credits {
    let beyond = |limit: Credits| runs::beyond(limit, slots_of_run(alternative), window);
    alternative.adder - beyond(before) + beyond(limit)
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
                stays_open: order.min_fill.is_zero() && order.alternatives.len() == 1,
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
        if track.done || last.id.split('/').next().and_then(|id| self.same.get(id)) == Some(&false) {
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
        (order.limit > Credits::ZERO || order.side == Side::Offer).then_some(order)
    }

    fn follows_price(&self, order: &Order) -> bool {
        let of_class = |q: &Quantity| is_of(q, &self.question.pool, self.question.resource);
        order.side == Side::Bid && order.alternatives.iter().flat_map(|a| &a.quantities).any(of_class)
    }

    /// Takes in what the round gave in truth, and what it gave in the simulation.
    pub fn note(&mut self, round: &PastRound, book: &Book, outcome: Option<&Outcome>) {
        let true_outcome = awarded(&round.book, &round.outcome);
        self.capacity.note(round, &true_outcome, book, outcome);
        let truth: BTreeMap<&str, &Award> = true_outcome.awards.iter().map(|a| (a.order.as_str(), a)).collect();
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
                holding.left -= award.quantities.iter().map(|row| row.quantity).sum::<i64>();
            }
        }
        self.hold(round, &truth, &simulated, &entries);
    }

    /// What was won in the simulation and not in truth is offered again by its holder, and the reverse
    /// is not.
    fn hold(
        &mut self,
        round: &PastRound,
        truth: &BTreeMap<&str, &Award>,
        simulated: &BTreeMap<&str, &Award>,
        entries: &BTreeMap<&str, &Order>,
    ) {
        for (order, award) in truth {
            let same = simulated.get(order).is_some_and(|s| s.quantities == award.quantities);
            for id in self.question.awards.get(&(round.number, (*order).to_owned())).into_iter().flatten() {
                self.same.insert(id.clone(), same);
            }
        }
        for (id, award) in simulated {
            let resells = self.question.orders.get(*id).is_some_and(|life| life.resells);
            let known = truth.get(id).is_some_and(|t| t.quantities == award.quantities);
            let entry = entries.get(id).filter(|o| o.side == Side::Bid && o.replicas.is_none());
            let Some(entry) = entry.filter(|_| resells && !known) else { continue };
            let resources: BTreeSet<&String> = award.quantities.iter().map(|q| &q.product.resource).collect();
            if resources.len() != 1 {
                continue;
            }
            let known = self.question.awards.get(&(round.number, (*id).to_owned())).and_then(|ids| ids.first());
            let name = known.map_or_else(|| format!("{id}/{}", round.number), |award| format!("{award}/simulated"));
            let limit = used_limit(entry, award, self.question.orders.get(*id).and_then(|life| life.runs_of));
            let rows = award.quantities.len() as i64;
            let nodes = award.nodes.iter().map(|(node, lots)| (Some(node.clone()), *lots));
            let places: Vec<(Option<String>, i64)> =
                if award.nodes.is_empty() { vec![(None, award.lots)] } else { nodes.collect() };
            for (n, row) in award.quantities.iter().enumerate() {
                let Some(slot) = absolute(&round.slots, row.product.slot) else { continue };
                for (place, (node, lots)) in places.iter().enumerate() {
                    let quantity = row.quantity / award.lots.max(1) * lots;
                    self.holdings.push(Holding {
                        id: format!("{name}/{n}/{place}"),
                        owner: entry.owner.clone(),
                        node: node.clone(),
                        product: ProductKey { slot, ..row.product.clone() },
                        bought: quantity,
                        left: quantity,
                        limit: share(share(limit, 1, rows), *lots, award.lots),
                    });
                }
            }
        }
    }
}

/// The part of its limit that an award uses up.
fn used_limit(entry: &Order, award: &Award, runs_of: Option<i64>) -> Credits {
    let Some(alternative) = entry.alternatives.get(award.alternative) else { return entry.limit };
    match runs_of {
        Some(window) => runs::part(entry.limit, slots_of_run(alternative), window),
        None => share(entry.limit, award.lots, entry.lots(award.alternative)),
    }
}

/// A holding as an offer at its holder's own limit, as long as its slot is open.
fn resale(holding: &Holding, round: &PastRound) -> Option<Order> {
    let slot = index(&round.slots, holding.product.slot).filter(|_| holding.left > 0)?;
    let quantities = vec![Quantity { product: ProductKey { slot, ..holding.product.clone() }, quantity: holding.left }];
    let tick = Credits::from_units(1);
    Some(Order {
        id: holding.id.clone(),
        owner: holding.owner.clone(),
        side: Side::Offer,
        limit: (share(holding.limit, holding.left, holding.bought) + tick).min(holding.limit.max(tick)),
        min_fill: Share::ZERO,
        replicas: None,
        node: holding.node.clone(),
        class: Class::Standard,
        incumbent: true,
        accepted: None,
        workload: None,
        alternatives: vec![Alternative { quantities, ..Alternative::default() }],
    })
}

/// The slots that a book counts from 0: the first one, and as many as its rhythm opens.
pub fn slots_of(first: Slot, count: i64, slot_seconds: i64) -> Vec<Slot> {
    (0..count).map(|n| first.plus(n, slot_seconds)).collect()
}
