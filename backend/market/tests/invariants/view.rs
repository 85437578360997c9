//! A book and its outcome side by side, with lookups and nothing else. Nano-credits throughout.
use headroom_market::clearing::book::*;
use headroom_market::clearing::outcome::{Award, Outcome, Reason};
use headroom_market::clearing::rational::Rat;
use std::collections::{BTreeMap, BTreeSet};

pub const MICRO: i128 = 1000;

pub struct View<'a> {
    pub book: &'a Book,
    pub out: &'a Outcome,
    pub price: BTreeMap<ProductKey, i128>,
    pub awards: BTreeMap<&'a str, &'a Award>,
    /// Cleared so that nobody's part of a replica is left over.
    pub whole_replicas: bool,
}

impl<'a> View<'a> {
    pub fn new(book: &'a Book, out: &'a Outcome) -> View<'a> {
        let key = |p: &PriceRow| ProductKey { pool: p.pool.clone(), resource: p.resource.clone(), slot: p.slot };
        View {
            book,
            out,
            price: out.prices.iter().map(|p| (key(p), i128::from(p.price.0))).collect(),
            awards: out.awards.iter().map(|a| (a.order.as_str(), a)).collect(),
            whole_replicas: false,
        }
    }

    pub fn order(&self, id: &str) -> &'a Order {
        self.book.orders.iter().find(|o| o.id == id).expect("an order of the book")
    }

    pub fn price_of(&self, k: &ProductKey) -> i128 {
        self.price.get(k).copied().unwrap_or(0)
    }

    pub fn cost(&self, quantities: &[Quantity]) -> i128 {
        quantities.iter().map(|q| self.price_of(&q.product) * i128::from(q.quantity)).sum()
    }

    pub fn worth(&self, o: &Order, alternative: usize) -> i128 {
        o.effective_limit(alternative) * MICRO
    }

    /// What a full fill is worth beyond its price to its owner, and by how much rounded prices blur that.
    pub fn surplus(&self, o: &Order, alternative: usize) -> (i128, i128) {
        let asked = &o.alternatives[alternative].quantities;
        let gain = self.worth(o, alternative) - self.cost(asked);
        let blur = asked.iter().map(|q| i128::from(q.quantity)).sum::<i128>() + MICRO;
        (if o.side == Side::Bid { gain } else { -gain }, blur)
    }

    /// The least and the greatest part of what was asked for that was awarded, over the products.
    pub fn part(&self, o: &Order, a: &Award) -> (Rat, Rat) {
        let asked = o.alternatives[a.alternative].quantities.iter().filter(|q| q.quantity > 0);
        let parts: Vec<Rat> = asked
            .map(|q| {
                let got = a.quantities.iter().find(|g| g.product == q.product).map_or(0, |g| g.quantity);
                Rat::ratio(got.into(), q.quantity.into())
            })
            .collect();
        (parts.iter().min().cloned().unwrap_or_default(), parts.iter().max().cloned().unwrap_or_default())
    }

    pub fn is_full(&self, id: &str) -> bool {
        self.awards.get(id).is_some_and(|a| self.part(self.order(id), a).0 == Rat::ONE)
    }

    pub fn has_won(&self, id: &str) -> bool {
        self.awards.contains_key(id)
    }

    pub fn children(&self, id: &'a str) -> impl Iterator<Item = &'a Order> {
        self.book.orders.iter().filter(move |o| o.parent.as_deref() == Some(id))
    }

    pub fn is_in_family(&self, o: &Order) -> bool {
        o.parent.is_some() || self.book.orders.iter().any(|c| c.parent.as_deref() == Some(&o.id))
    }

    pub fn has_nodes(&self, pool: &str) -> bool {
        self.book.nodes.iter().any(|n| n.pool == pool)
    }

    pub fn cap(&self, k: &ProductKey) -> i128 {
        let own = self.book.products.iter().find(|p| p.key() == *k).and_then(|p| p.cap);
        i128::from(own.unwrap_or(self.book.cap).0) * MICRO
    }

    pub fn is_at_cap(&self, k: &ProductKey) -> bool {
        self.price_of(k) + 1 >= self.cap(k)
    }

    pub fn keys(&self) -> BTreeSet<ProductKey> {
        self.price.keys().cloned().collect()
    }

    pub fn was_given_up(&self, id: &str) -> bool {
        self.out.refused.iter().any(|r| r.order == id && r.reason == Reason::SolverFallback)
    }

    /// Orders that may have been rounded in this product: filled in part, or to nothing.
    pub fn rounded(&self, k: &ProductKey) -> i128 {
        let uses = |o: &&Order| o.alternatives.iter().flat_map(|a| &a.quantities).any(|q| q.product == *k);
        let partial = |o: &&Order| !self.is_full(&o.id);
        let unit = |o: &Order| {
            let most = |a: &Alternative| a.quantities.iter().filter(|q| q.product == *k).map(|q| q.quantity).max();
            match o.replicas {
                Some(n) => o.alternatives.iter().filter_map(most).max().unwrap_or(0) / n,
                None => 1,
            }
        };
        let arcs = self.book.arcs.iter().filter(|a| a.from == *k || a.to == *k).count() as i128;
        self.book.orders.iter().filter(uses).filter(partial).map(|o| i128::from(unit(o)).max(1)).sum::<i128>() + arcs
    }

    pub fn supply_used(&self, k: &ProductKey, step: usize) -> i64 {
        let here = |u: &&headroom_market::clearing::outcome::SupplyUse| {
            (&u.pool, &u.resource, u.slot, u.step) == (&k.pool, &k.resource, k.slot, step)
        };
        self.out.supply.iter().filter(here).map(|u| u.used).sum()
    }

    pub fn flow(&self, arc: usize) -> i64 {
        self.out.flows.iter().filter(|f| f.arc == arc).map(|f| f.flow).sum()
    }

    /// How much more of a product the rows of an offer's own instance let it lend by an alternative.
    pub fn may_lend(&self, o: &Order, alternative: &Alternative, k: &ProductKey) -> i64 {
        let instance = o.instance.as_ref().and_then(|id| self.book.instances.iter().find(|i| i.id == *id));
        let Some(instance) = instance else { return i64::MAX };
        let mut part = Rat::int(i64::MAX.into());
        for q in alternative.quantities.iter().filter(|q| q.quantity > 0) {
            let listed = |rows: &[Quantity]| rows.iter().find(|r| r.product == q.product).map(|r| r.quantity);
            let mut net = 0;
            for a in &self.out.awards {
                let other = self.order(&a.order);
                let sign = if other.side == Side::Bid { 1 } else { -1 };
                let mine = a.quantities.iter().filter(|g| other.instance == o.instance && g.product == q.product);
                net += sign * mine.map(|g| g.quantity).sum::<i64>();
            }
            let (holding, floor) = (listed(&instance.holding), listed(&instance.floor));
            let kept = (holding.is_some() || floor.is_some())
                .then(|| (holding.unwrap_or(0) - floor.unwrap_or(0)).max(0) + net);
            let thrash = listed(&instance.max_swap).map(|most| most + net);
            for room in [kept, thrash].into_iter().flatten() {
                part = part.min(Rat::ratio(room.max(0).into(), q.quantity.into()));
            }
        }
        let offered = alternative.quantities.iter().find(|q| q.product == *k).map_or(0, |q| q.quantity);
        i64::try_from((&part * &Rat::int(offered.into())).floor()).unwrap_or(i64::MAX)
    }

    /// What there is of a product beyond what is taken of it; under 0 = sold twice.
    pub fn slack(&self, k: &ProductKey) -> Rat {
        let mut left = Rat::ZERO;
        let steps = self.book.products.iter().find(|p| p.key() == *k).map_or(0, |p| p.supply.len());
        for step in 0..steps {
            left = &left + &Rat::int(self.supply_used(k, step).into());
        }
        for a in &self.out.awards {
            let sign = if self.order(&a.order).side == Side::Bid { -1 } else { 1 };
            for q in a.quantities.iter().filter(|q| q.product == *k) {
                left = &left + &Rat::int(i128::from(sign * q.quantity));
            }
        }
        for (i, arc) in self.book.arcs.iter().enumerate() {
            let flow = Rat::int(self.flow(i).into());
            if arc.from == *k {
                left = &left - &flow;
            }
            if arc.to == *k {
                left = &left + &(&flow * &arc.ratio.0);
            }
        }
        left
    }

    /// What each node has left of each resource and slot, with all placements as published.
    pub fn free(&self) -> BTreeMap<(&'a str, &'a str, i64), i64> {
        let mut free = BTreeMap::new();
        let slots: BTreeSet<i64> = self.price.keys().map(|k| k.slot).collect();
        for n in &self.book.nodes {
            for ((r, q), t) in n.capacity.iter().flat_map(|c| slots.iter().map(move |t| (c, *t))) {
                let gone: i64 =
                    n.committed.iter().filter(|c| c.resource == *r && c.slot == t).map(|c| c.quantity).sum();
                // what earlier rounds have committed may be more than a node that has shrunk has
                free.insert((n.id.as_str(), r.as_str(), t), (q - gone).max(0));
            }
        }
        for a in &self.out.awards {
            let o = self.order(&a.order);
            if let (Side::Offer, Some(node)) = (o.side, &o.node) {
                let pool = &self.book.nodes.iter().find(|n| n.id == *node).expect("of the book").pool;
                for q in a.quantities.iter().filter(|q| q.product.pool == *pool) {
                    let node = self.book.nodes.iter().find(|n| n.id == *node).expect("of the book");
                    let Some((r, _)) = node.capacity.get_key_value(&q.product.resource) else { continue };
                    *free.entry((node.id.as_str(), r.as_str(), q.product.slot)).or_default() += q.quantity;
                }
            }
        }
        for p in &self.out.placements {
            let (o, Some(a)) = (self.order(&p.order), self.awards.get(p.order.as_str())) else { continue };
            let node = self.book.nodes.iter().find(|n| n.id == p.node).expect("a node of the book");
            let won = self.replicas_won(o, a);
            for q in a.quantities.iter().filter(|q| q.product.pool == node.pool && q.quantity > 0) {
                let r = node.capacity.get_key_value(&q.product.resource).map_or("none", |(r, _)| r.as_str());
                *free.entry((node.id.as_str(), r, q.product.slot)).or_default() -= q.quantity / won.max(1);
            }
        }
        free
    }

    pub fn replicas_won(&self, o: &Order, a: &Award) -> i64 {
        let Some(n) = o.replicas else { return 1 };
        let asked = o.alternatives[a.alternative].quantities.iter().filter(|q| q.quantity > 0);
        let won = asked.filter_map(|q| {
            let got = a.quantities.iter().find(|g| g.product == q.product)?;
            Some(got.quantity / (q.quantity / n))
        });
        won.min().unwrap_or(0)
    }
}

use headroom_market::clearing::outcome::PriceRow;
