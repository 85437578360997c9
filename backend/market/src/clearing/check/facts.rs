//! Book and outcome side by side, by index, in nano-credits and base units.
use super::super::book::{Book, ProductKey, Side};
use super::super::outcome::{self, Outcome, Refusal};
use super::super::rational::Rat;
use super::{Lending, Report, collars};
use std::collections::{BTreeMap, BTreeSet};

/// Nano-credits in a credit.
pub const NANO_PER_CREDIT: i128 = 1_000_000_000;
/// Nano-credits in a micro-credit.
pub const NANO_PER_MICRO: i128 = 1_000;

/// An order as the checker sees it.
pub struct OrderFacts {
    pub id: String,
    pub bid: bool,
    pub alternatives: Vec<Vec<(usize, i128)>>,
    /// What an alternative is worth to a bid or costs an offer, in nano-credits.
    pub worth: Vec<i128>,
    pub least: Rat,
    pub replicas: Option<i128>,
    pub node: Option<usize>,
    pub instance: Option<usize>,
    pub budget: Option<usize>,
    pub incumbent: bool,
    pub class: super::super::book::Class,
    pub block: bool,
    pub limit: i128,
    pub parent: Option<usize>,
    pub children: Vec<usize>,
}

/// An award as printed.
pub struct AwardFacts {
    pub alternative: usize,
    /// In the order of the alternative's products.
    pub got: Vec<i128>,
    pub full: bool,
    /// The fill before rounding lies between these.
    pub lo: Rat,
    pub hi: Rat,
    /// The fill as it is printed, if it is.
    pub fill: Option<Rat>,
    pub money: i128,
    pub replicas: i128,
    /// The search has given up what is missing of it.
    pub given_up: bool,
}

pub struct Facts<'a> {
    pub book: &'a Book,
    pub keys: Vec<ProductKey>,
    pub cap: Vec<i128>,
    /// Steps of each product: quantity, reserve in nano-credits, used.
    pub steps: Vec<Vec<(i128, i128, i128)>>,
    pub price: Vec<i128>,
    pub low: Vec<i128>,
    pub high: Vec<i128>,
    /// From, to, ratio, cost in nano-credits, limit, flow.
    pub arcs: Vec<(usize, usize, Rat, i128, Option<i128>, i128)>,
    pub orders: Vec<OrderFacts>,
    pub awards: Vec<Option<AwardFacts>>,
    pub refused: Vec<Option<&'a Refusal>>,
    /// Supplied less taken, by product.
    pub slack: Vec<Rat>,
    /// By how much rounding may leave a product slack.
    pub rounding: Vec<i128>,
    /// The part of it that partly filled orders cause, without fractional arrivals.
    pub parts: Vec<i128>,
    /// The part of it that orders with replicas cause.
    pub lots: Vec<i128>,
    /// Orders with replicas that rounding may have moved by one.
    pub soft: BTreeSet<usize>,
    lending: Lending,
    /// The outcome says that its search gave up on the orders it refuses with SOLVER_FALLBACK.
    pub fallback: bool,
    /// The products whose collar keeps each product scarce at the published prices.
    pub scarce: Vec<BTreeSet<usize>>,
    /// Orders short at a cap, found while prices are checked.
    pub rationed: BTreeSet<usize>,
}

impl OrderFacts {
    /// What an award of a product is rounded to.
    pub fn unit(&self, alternative: usize, at: usize) -> i128 {
        self.replicas.map_or(1, |n| self.alternatives[alternative][at].1 / n)
    }
    pub fn divisible(&self) -> bool {
        !self.block
    }
}

impl<'a> Facts<'a> {
    /// What an order gains from all of an alternative at these prices.
    pub fn surplus(&self, i: usize, alternative: usize, price: &[i128]) -> i128 {
        let o = &self.orders[i];
        let cost: i128 = o.alternatives[alternative].iter().map(|(k, q)| price[*k] * q).sum();
        if o.bid { o.worth[alternative] - cost } else { cost - o.worth[alternative] }
    }

    /// Whether a collar keeps something scarce that an alternative is made of, at the published prices.
    pub fn capped(&self, i: usize, alternative: usize) -> bool {
        self.orders[i].alternatives[alternative].iter().any(|(k, _)| !self.scarce[*k].is_empty())
    }

    /// Whether an order's parent, if it has one, has won: a child of no winner is owed nothing.
    pub fn live(&self, i: usize) -> bool {
        self.orders[i].parent.is_none_or(|p| self.awards[p].is_some())
    }

    /// An order with those of its children, and theirs, that have won.
    pub fn family(&self, i: usize) -> Vec<usize> {
        let mut family = vec![i];
        let mut at = 0;
        while at < family.len() {
            family.extend(self.orders[family[at]].children.iter().copied().filter(|c| self.awards[*c].is_some()));
            at += 1;
        }
        family
    }

    /// Whether an order is in no family: nothing but its own price decides about it.
    pub fn single(&self, i: usize) -> bool {
        self.orders[i].parent.is_none() && self.orders[i].children.is_empty()
    }

    /// Whether the outcome says that the search gave an order up, or what is missing of it.
    pub fn is_given_up(&self, i: usize) -> bool {
        let missing = self.awards[i].as_ref().is_some_and(|a| a.given_up);
        self.fallback && (missing || self.refused[i].is_some_and(|x| x.reason == outcome::Reason::SolverFallback))
    }

    /// How far published prices may be off for an alternative.
    pub fn tolerance(&self, i: usize, alternative: usize) -> i128 {
        self.orders[i].alternatives[alternative].iter().map(|q| q.1).sum()
    }

    pub fn read(book: &'a Book, out: &'a Outcome, lending: Lending, r: &mut Report) -> Option<Facts<'a>> {
        let before = r.broken.len();
        if out.format != outcome::FORMAT {
            r.bad("FORMAT", "unknown format", &[("format", &out.format)]);
        }
        let mut keys: BTreeSet<ProductKey> = book.products.iter().map(|p| p.key()).collect();
        keys.extend(book.arcs.iter().flat_map(|a| [a.from.clone(), a.to.clone()]));
        keys.extend(
            book.orders
                .iter()
                .flat_map(|o| &o.alternatives)
                .flat_map(|a| &a.quantities)
                .filter(|q| q.quantity != 0)
                .map(|q| q.product.clone()),
        );
        let keys: Vec<ProductKey> = keys.into_iter().collect();
        let index: BTreeMap<&ProductKey, usize> = keys.iter().enumerate().map(|(i, k)| (k, i)).collect();
        let n = keys.len();
        let mut f = Facts {
            book,
            cap: vec![i128::from(book.cap.0) * NANO_PER_MICRO; n],
            steps: vec![Vec::new(); n],
            price: vec![0; n],
            low: vec![0; n],
            high: vec![0; n],
            arcs: Vec::new(),
            orders: Vec::new(),
            awards: Vec::new(),
            refused: Vec::new(),
            slack: Vec::new(),
            rounding: vec![0; n],
            parts: vec![0; n],
            lots: vec![0; n],
            soft: BTreeSet::new(),
            lending,
            fallback: out.quality == outcome::Quality::Fallback
                && (out.refused.iter().any(|x| x.reason == outcome::Reason::SolverFallback)
                    || out.awards.iter().any(|a| a.limited_by == Some(outcome::Reason::SolverFallback))),
            scarce: Vec::new(),
            rationed: BTreeSet::new(),
            keys: Vec::new(),
        };
        for p in &book.products {
            let k = index[&p.key()];
            if let Some(c) = p.cap {
                f.cap[k] = i128::from(c.0) * NANO_PER_MICRO;
            }
            f.steps[k] =
                p.supply.iter().map(|s| (s.quantity.into(), i128::from(s.reserve.0) * NANO_PER_MICRO, 0)).collect();
        }
        f.arcs = book
            .arcs
            .iter()
            .map(|a| {
                (
                    index[&a.from],
                    index[&a.to],
                    a.ratio.0.clone(),
                    i128::from(a.cost.0) * NANO_PER_MICRO,
                    a.limit.map(i128::from),
                    0,
                )
            })
            .collect();
        let names = |ids: Vec<&'a str>| -> BTreeMap<&'a str, usize> {
            ids.into_iter().enumerate().map(|(i, n)| (n, i)).collect()
        };
        let nodes = names(book.nodes.iter().map(|v| v.id.as_str()).collect());
        let instances = names(book.instances.iter().map(|v| v.id.as_str()).collect());
        let budgets = names(book.budgets.iter().map(|v| v.id.as_str()).collect());
        let at = |m: &BTreeMap<&str, usize>, n: &Option<String>| n.as_deref().and_then(|n| m.get(n).copied());
        let ids: BTreeMap<&str, usize> = book.orders.iter().enumerate().map(|(i, o)| (o.id.as_str(), i)).collect();
        for o in &book.orders {
            let bid = o.side == Side::Bid;
            let worth = o
                .alternatives
                .iter()
                .map(|a| i128::from(o.limit.0) + if bid { -i128::from(a.adder.0) } else { i128::from(a.adder.0) });
            f.orders.push(OrderFacts {
                id: o.id.clone(),
                bid,
                alternatives: o
                    .alternatives
                    .iter()
                    .map(|a| {
                        a.quantities
                            .iter()
                            .filter(|q| q.quantity > 0)
                            .map(|q| (index[&q.product], i128::from(q.quantity)))
                            .collect()
                    })
                    .collect(),
                worth: worth.map(|w| w * NANO_PER_MICRO).collect(),
                least: o.replicas.map_or(o.min_fill.0.clone(), |n| {
                    Rat::ratio((&o.min_fill.0 * &Rat::int(n.into())).ceil(), n.into())
                }),
                replicas: o.replicas.map(i128::from),
                node: at(&nodes, &o.node),
                instance: at(&instances, &o.instance),
                budget: at(&budgets, &o.budget),
                incumbent: o.incumbent,
                class: o.class,
                block: o.min_fill.0.is_pos() || o.alternatives.len() > 1,
                limit: i128::from(o.limit.0) * NANO_PER_MICRO,
                parent: at(&ids, &o.parent),
                children: Vec::new(),
            });
        }
        for i in 0..f.orders.len() {
            if let Some(p) = f.orders[i].parent {
                f.orders[p].children.push(i);
            }
        }
        f.read_prices(out, &index, r);
        f.read_awards(out, &index, &ids, r);
        f.read_supply(out, &index, r);
        f.keys = keys;
        f.balance();
        f.allowances();
        f.scarce = collars::scarce(&f, &f.price);
        (r.broken.len() == before).then_some(f)
    }

    fn balance(&mut self) {
        let mut slack = vec![Rat::ZERO; self.cap.len()];
        for (i, a) in self.awards.iter().enumerate() {
            if let Some(a) = a {
                let o = &self.orders[i];
                for ((k, _), g) in o.alternatives[a.alternative].iter().zip(&a.got) {
                    slack[*k] = if o.bid { &slack[*k] - &Rat::int(*g) } else { &slack[*k] + &Rat::int(*g) };
                }
            }
        }
        for (k, steps) in self.steps.iter().enumerate() {
            for s in steps {
                slack[k] = &slack[k] + &Rat::int(s.2);
            }
        }
        for (from, to, ratio, _, _, flow) in &self.arcs {
            slack[*from] = &slack[*from] - &Rat::int(*flow);
            slack[*to] = &slack[*to] + &(ratio * &Rat::int(*flow));
        }
        self.slack = slack;
    }

    /// How much slack rounding explains.
    fn allowances(&mut self) {
        for i in 0..self.orders.len() {
            let o = &self.orders[i];
            let alternatives: Vec<usize> = match &self.awards[i] {
                Some(a) => vec![a.alternative],
                None if o.replicas.is_some() => (0..o.alternatives.len()).collect(),
                None => continue,
            };
            // a full award whose printed fill is less was rounded up by a replica
            let full = self.awards[i].as_ref().is_some_and(|a| a.full);
            for alternative in alternatives {
                // at the margin less than a replica is nothing
                let s = self.surplus(i, alternative, &self.price);
                let rounded = o.bid || self.lending == Lending::Rounded;
                let marginal = rounded && o.replicas.is_some() && s.abs() <= self.tolerance(i, alternative);
                let o = &self.orders[i];
                if o.replicas.is_none() {
                    if !full {
                        for (k, _) in &o.alternatives[alternative] {
                            self.rounding[*k] += 1;
                        }
                    }
                } else if marginal || (rounded && self.awards[i].is_some() && !full) {
                    self.soft.insert(i);
                    // At the margin an offer may lend all its replicas for a part of the last: by its fill, which is what the
                    // rule book calls partly filled, it is rounded like any other.
                    let fill = self.awards[i].as_ref().and_then(|a| a.fill.as_ref());
                    let lends_a_part = marginal && !o.bid && fill.is_some_and(|fill| *fill < Rat::ONE);
                    if !full || lends_a_part {
                        for p in 0..o.alternatives[alternative].len() {
                            let k = o.alternatives[alternative][p].0;
                            let u = o.unit(alternative, p);
                            self.rounding[k] += u;
                            self.lots[k] += u;
                        }
                    }
                }
            }
        }
        self.parts.clone_from(&self.rounding);
        for (_, to, ratio, _, _, flow) in &self.arcs {
            if !(ratio * &Rat::int(*flow)).is_int() {
                self.rounding[*to] += 1;
            }
        }
    }
}
