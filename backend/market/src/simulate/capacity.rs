//! What there is to be sold in a simulated round: operator supply by step, room on nodes, what lenders
//! still have. Each follows from what the book says and from how far the simulated awards have left
//! those that were made.
//!
//! Slots are absolute here (seconds in place of a book's index), as books of different rounds meet.
use crate::clearing::book::{ProductKey, Side};
use crate::clearing::document::{Book, Committed, Lending, Node, Order, Outcome, Product, Quantity, Workload};
use crate::pool::release::released_millis;
use crate::pool::supply;
use crate::records::pool::in_force;
use crate::simulate::question::{PastRound, Question};
use crate::time::Slot;
use crate::units::Resource;
use std::collections::{BTreeMap, BTreeSet};

/// The start of the slot that a book counts as `index`, in seconds.
pub(super) fn absolute(slots: &[Slot], index: i64) -> Option<i64> {
    slots.get(usize::try_from(index).ok()?).map(|s| s.seconds())
}

/// How a book with these slots counts the slot that starts then.
pub(super) fn index(slots: &[Slot], seconds: i64) -> Option<i64> {
    slots.iter().position(|s| s.seconds() == seconds).map(|n| n as i64)
}

fn key_at(key: &ProductKey, slot: i64) -> ProductKey {
    ProductKey { slot, ..key.clone() }
}

/// A product as it was last seen, with what has been sold of it by step.
struct Seen {
    product: Product,
    /// Sold in truth before the round in which it was seen.
    sold_then: Vec<i64>,
    /// Of all supply, where the class is the one in question.
    total: i64,
}

#[derive(Default)]
struct Sold {
    truth: Vec<i64>,
    simulated: Vec<i64>,
}

type NodeKey = (String, String, i64);
type HoldingKey = (String, ProductKey);

pub(super) struct Capacity<'q> {
    question: &'q Question,
    seen: BTreeMap<ProductKey, Seen>,
    sold: BTreeMap<ProductKey, Sold>,
    /// Simulated less true use of nodes.
    used: BTreeMap<NodeKey, i64>,
    nodes: BTreeMap<String, (Node, BTreeMap<NodeKey, i64>)>,
    lent_truth: BTreeMap<HoldingKey, i64>,
    lent_simulated: BTreeMap<HoldingKey, i64>,
    /// What lenders hold for a slot before anything is lent in these rounds; (holding, floor).
    holdings: BTreeMap<HoldingKey, (i64, i64)>,
}

fn add(list: &mut Vec<i64>, step: usize, quantity: i64) {
    if list.len() <= step {
        list.resize(step + 1, 0);
    }
    list[step] += quantity;
}

fn step(list: &[i64], index: usize) -> i64 {
    list.get(index).copied().unwrap_or(0)
}

impl<'q> Capacity<'q> {
    pub fn new(question: &'q Question) -> Self {
        Self {
            question,
            seen: BTreeMap::new(),
            sold: BTreeMap::new(),
            used: BTreeMap::new(),
            nodes: BTreeMap::new(),
            lent_truth: BTreeMap::new(),
            lent_simulated: BTreeMap::new(),
            holdings: BTreeMap::new(),
        }
    }

    fn in_question(&self, key: &ProductKey) -> bool {
        key.pool == self.question.pool && key.resource == self.question.resource.name()
    }

    /// Remembers what the sealed book says.
    pub fn see(&mut self, round: &PastRound) {
        for product in &round.book.products {
            let Some(slot) = absolute(&round.slots, product.slot) else { continue };
            let key = key_at(&product.key(), slot);
            let total = if self.in_question(&key) { self.first_sight(&key, product, round) } else { 0 };
            let sold_then = self.sold.entry(key.clone()).or_default().truth.clone();
            self.seen.insert(key, Seen { product: product.clone(), sold_then, total });
        }
        for node in &round.book.nodes {
            let base = node.committed.iter().filter_map(|c| {
                let key = (node.id.clone(), c.resource.clone(), absolute(&round.slots, c.slot)?);
                let moved = self.used.get(&key).copied().unwrap_or(0);
                Some((key, c.quantity - moved))
            });
            // `used` counts from the first round, so it is taken out of what is seen here and put in later.
            let base = base.collect();
            self.nodes.insert(node.id.clone(), (node.clone(), base));
        }
        for workload in &round.book.workloads {
            for row in &workload.lending {
                let Some(slot) = absolute(&round.slots, row.product.slot) else { continue };
                let key = (workload.id.clone(), key_at(&row.product, slot));
                let lent = self.lent_truth.get(&key).copied().unwrap_or(0);
                self.holdings.insert(key, (row.baseline + lent, row.floor));
            }
        }
    }

    /// The total supply behind a product of the class in question; what was sold of it before is
    /// counted into the new steps when it is seen for the first time.
    fn first_sight(&mut self, key: &ProductKey, product: &Product, round: &PastRound) -> i64 {
        let slot = Slot::starting_at(key.slot);
        let question = self.question;
        let known = !self.sold.contains_key(key);
        let entry = self.sold.entry(key.clone()).or_default();
        if known && let Some(before) = question.sold_before.get(&slot) {
            entry.truth.clone_from(before);
        }
        let by_then = question.schedules.iter().filter(|s| s.entered_at() <= round.sealed_at);
        let old = in_force(by_then, slot);
        let released = self.question.released(slot, round.sealed_at);
        let total = match old {
            Some(old) => {
                supply::total_behind(&product.supply, released, &old.steps, &entry.truth).unwrap_or_else(|| {
                    let all = product.supply.iter().map(|s| s.quantity).sum::<i64>() + entry.truth.iter().sum::<i64>();
                    i64::try_from(i128::from(all) * 1000 / i128::from(released.max(1))).unwrap_or(all)
                })
            }
            None => question.capacity_now,
        };
        if known {
            let same_shares =
                old.is_some_and(|old| old.steps.iter().map(|s| s.share).eq(question.steps.iter().map(|s| s.share)));
            entry.simulated = if same_shares {
                entry.truth.clone()
            } else {
                // Under the new steps the same quantity would have gone from the cheapest on.
                supply::filled(total, &question.steps, entry.truth.iter().sum())
            };
        }
        total
    }

    /// The product as the simulated round has it; `None` if no book has had it.
    fn product(&self, key: &ProductKey, round: &PastRound) -> Option<Product> {
        let seen = self.seen.get(key)?;
        let sold = self.sold.get(key)?;
        let mut product = Product { slot: index(&round.slots, key.slot)?, ..seen.product.clone() };
        if self.in_question(key) {
            let released = self.question.released(Slot::starting_at(key.slot), round.sealed_at);
            product.supply = supply::steps(seen.total, released, &self.question.steps, &sold.simulated);
            self.raise(&mut product, seen);
        } else {
            let mut left: i64 = seen.product.supply.iter().map(|s| s.quantity).sum::<i64>()
                + seen.sold_then.iter().sum::<i64>()
                - sold.simulated.iter().sum::<i64>();
            for (n, of_step) in product.supply.iter_mut().enumerate() {
                let quantity = of_step.quantity + step(&seen.sold_then, n) - step(&sold.simulated, n);
                of_step.quantity = quantity.clamp(0, left.max(0));
                left -= of_step.quantity;
            }
        }
        Some(product)
    }

    /// A reference price is never under the reserve, and the band three times it.
    fn raise(&self, product: &mut Product, seen: &Seen) {
        let Some(first) = self.question.steps.first() else { return };
        let reserve = first.price;
        if seen.product.supply.first().is_some_and(|old| old.reserve >= reserve) {
            return;
        }
        product.reference = product.reference.map(|r| r.max(reserve));
        product.band = product.band.map(|band| band.max(reserve.times(3)));
    }

    /// Puts supply, nodes and holdings into a book whose orders are the simulated ones.
    pub fn rewrite(&self, book: &mut Book, round: &PastRound) {
        let rows = book.orders.iter().flat_map(|o| &o.alternatives).flat_map(|a| &a.quantities);
        let wanted: BTreeSet<ProductKey> = rows.map(|q| q.product.clone()).collect();
        let there: BTreeSet<ProductKey> = book.products.iter().map(|p| p.key()).collect();
        let key = |k: &ProductKey| absolute(&round.slots, k.slot).map(|slot| key_at(k, slot));
        for product in &mut book.products {
            if let Some(new) = key(&product.key()).and_then(|k| self.product(&k, round)) {
                *product = new;
            }
        }
        book.products.extend(wanted.difference(&there).filter_map(|k| self.product(&key(k)?, round)));
        self.nodes(book, round);
        self.workloads(book, round);
    }

    /// Whether the books so far know every product that an order names.
    pub fn knows(&self, order: &Order, slots: &[Slot]) -> bool {
        order.alternatives.iter().flat_map(|a| &a.quantities).all(|q| {
            absolute(slots, q.product.slot).is_some_and(|slot| self.seen.contains_key(&key_at(&q.product, slot)))
        })
    }

    fn nodes(&self, book: &mut Book, round: &PastRound) {
        let pools: BTreeSet<&String> = book.products.iter().map(|p| &p.pool).collect();
        let there: BTreeSet<String> = book.nodes.iter().map(|n| n.id.clone()).collect();
        let missing = self.nodes.values().filter(|(n, _)| pools.contains(&n.pool) && !there.contains(&n.id));
        book.nodes.extend(missing.map(|(node, _)| Node { committed: Vec::new(), ..node.clone() }).collect::<Vec<_>>());
        for node in &mut book.nodes {
            let base = if there.contains(&node.id) { None } else { self.nodes.get(&node.id).map(|(_, base)| base) };
            let mut taken: BTreeMap<(String, i64), i64> =
                node.committed.iter().map(|c| ((c.resource.clone(), c.slot), c.quantity)).collect();
            for ((_, resource, slot), quantity) in base.into_iter().flatten() {
                if let Some(slot) = index(&round.slots, *slot) {
                    taken.insert((resource.clone(), slot), *quantity);
                }
            }
            let range = (node.id.clone(), String::new(), i64::MIN)..;
            for ((_, resource, slot), moved) in self.used.range(range).take_while(|((id, _, _), _)| *id == node.id) {
                if let (true, Some(slot)) = (*moved != 0, index(&round.slots, *slot)) {
                    *taken.entry((resource.clone(), slot)).or_default() += moved;
                }
            }
            let capacity = &node.capacity;
            let changed: BTreeMap<(String, i64), i64> = taken
                .into_iter()
                .map(|((resource, slot), quantity)| {
                    let most = capacity.get(&resource).copied().unwrap_or(0);
                    ((resource, slot), quantity.clamp(0, most))
                })
                .filter(|(_, quantity)| *quantity > 0)
                .collect();
            let was: BTreeMap<(String, i64), i64> =
                node.committed.iter().map(|c| ((c.resource.clone(), c.slot), c.quantity)).collect();
            if changed != was {
                let row = |((resource, slot), quantity): ((String, i64), i64)| Committed { resource, slot, quantity };
                node.committed = changed.into_iter().map(row).collect();
            }
        }
    }

    /// What lenders have left; of one that had nothing to lend in truth as it was last seen.
    fn workloads(&self, book: &mut Book, round: &PastRound) {
        let mut named: BTreeMap<&String, BTreeSet<&ProductKey>> = BTreeMap::new();
        for order in &book.orders {
            let Some(workload) = &order.workload else { continue };
            let products = order.alternatives.iter().flat_map(|a| &a.quantities).map(|q| &q.product);
            named.entry(workload).or_default().extend(products);
        }
        let row = |id: &String, product: &ProductKey| {
            let key = (id.clone(), key_at(product, absolute(&round.slots, product.slot)?));
            let (holding, floor) = self.holdings.get(&key).copied()?;
            let lent = self.lent_simulated.get(&key).copied().unwrap_or(0);
            Some(Lending { product: product.clone(), baseline: (holding - lent).max(floor), floor, forecast: 0 })
        };
        let workload = |(id, products): (&String, BTreeSet<&ProductKey>)| Workload {
            id: id.clone(),
            lending: products.into_iter().filter_map(|product| row(id, product)).collect(),
        };
        book.workloads = named.into_iter().map(workload).collect();
        self.hold_to_lending(book);
    }

    /// Offers beyond what their lender has left are cut to it, and left out where that is nothing.
    fn hold_to_lending(&self, book: &mut Book) {
        let mut left: BTreeMap<(String, ProductKey), i64> = BTreeMap::new();
        for workload in &book.workloads {
            for row in &workload.lending {
                left.insert((workload.id.clone(), row.product.clone()), row.baseline - row.floor);
            }
        }
        book.orders.retain_mut(|order| {
            let Some(workload) = order.workload.clone() else { return true };
            for quantity in order.alternatives.iter_mut().flat_map(|a| &mut a.quantities) {
                let left = left.entry((workload.clone(), quantity.product.clone())).or_default();
                let all = quantity.quantity;
                quantity.quantity = all.min(*left);
                *left -= quantity.quantity;
                order.limit = order.limit - order.limit.share_floor(all - quantity.quantity, all);
            }
            order.alternatives.iter().flat_map(|a| &a.quantities).all(|q| q.quantity > 0)
        });
    }

    /// What the two outcomes of a round have taken: the true one, and the simulated one on its book.
    pub fn note(&mut self, round: &PastRound, truth: &Outcome, book: &Book, outcome: Option<&Outcome>) {
        self.take(round, &round.book, truth, false);
        if let Some(outcome) = outcome {
            self.take(round, book, outcome, true);
        }
    }

    fn take(&mut self, round: &PastRound, book: &Book, outcome: &Outcome, simulated: bool) {
        for sold in &outcome.supply {
            let Some(slot) = absolute(&round.slots, sold.slot) else { continue };
            let key = ProductKey { pool: sold.pool.clone(), resource: sold.resource.clone(), slot };
            let entry = self.sold.entry(key).or_default();
            add(if simulated { &mut entry.simulated } else { &mut entry.truth }, sold.step, sold.used);
        }
        let orders: BTreeMap<&str, &Order> = book.orders.iter().map(|o| (o.id.as_str(), o)).collect();
        let sign = if simulated { 1 } else { -1 };
        for award in &outcome.awards {
            let Some(order) = orders.get(award.order.as_str()) else { continue };
            for row in &award.quantities {
                let Some(slot) = absolute(&round.slots, row.product.slot) else { continue };
                let resource = &row.product.resource;
                if order.side == Side::Bid {
                    let lot = row.quantity / award.lots.max(1);
                    for (node, lots) in &award.nodes {
                        *self.used.entry((node.clone(), resource.clone(), slot)).or_default() += sign * lot * lots;
                    }
                    continue;
                }
                if let Some(node) = &order.node {
                    *self.used.entry((node.clone(), resource.clone(), slot)).or_default() -= sign * row.quantity;
                }
                if let Some(workload) = &order.workload {
                    let lent = if simulated { &mut self.lent_simulated } else { &mut self.lent_truth };
                    *lent.entry((workload.clone(), key_at(&row.product, slot))).or_default() += row.quantity;
                }
            }
        }
    }
}

impl Question {
    /// Released thousandths of the supply of a slot at a time.
    fn released(&self, slot: Slot, at: crate::time::Timestamp) -> i64 {
        released_millis(&self.rhythm, slot, at, self.release_start.units() / 1000)
    }
}

/// Whether a row is of a pool's resource.
pub(super) fn is_of(row: &Quantity, pool: &str, resource: Resource) -> bool {
    row.product.pool == pool && row.product.resource == resource.name()
}
