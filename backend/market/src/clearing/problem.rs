//! A book by numbers: products, steps, orders and participant rows as indices, cut into
//! components that share nothing. Everything is in base units and micro-credits.
use super::book::*;
use super::rational::Rat;
use std::collections::BTreeMap;

/// A step of operator supply.
#[derive(Clone, Debug)]
pub struct StepRef {
    pub product: usize,
    pub index: usize,
    pub quantity: i128,
    pub reserve: i128,
}

#[derive(Clone, Debug)]
pub struct ArcRef {
    pub from: usize,
    pub to: usize,
    pub ratio: Rat,
    pub cost: i128,
    pub limit: Option<i128>,
}

#[derive(Clone, Debug)]
pub struct AltRef {
    pub quantities: Vec<(usize, i128)>,
    pub value: i128,
}

#[derive(Clone, Debug)]
pub struct OrderRef {
    pub bid: bool,
    pub alternatives: Vec<AltRef>,
    pub least: Rat,
    pub replicas: Option<i128>,
    pub incumbent: bool,
    pub class: Class,
    pub node: Option<usize>,
    /// Participant rows that could bind.
    pub rows: Vec<usize>,
    pub block: bool,
    /// The order that has to win for this one to win.
    pub parent: Option<usize>,
    /// The orders that can win only if this one does.
    pub children: Vec<usize>,
    /// BLAKE3(seed ‖ id): decides what nothing else decides.
    pub lot: [u8; 32],
}

/// Which rule a participant row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    Floor,
    MaxSwap,
    Budget,
}

/// `Σ coefficient · fill ≤ limit` over one participant's own orders.
#[derive(Clone, Debug)]
pub struct RowRef {
    pub kind: RowKind,
    /// The product whose quantities a floor or a thrash limit counts.
    pub product: Option<usize>,
    pub terms: Vec<(usize, usize, Rat)>,
    pub limit: Rat,
}

/// The indexed book. Orders are sorted by id, products by key.
#[derive(Clone)]
pub struct Market<'a> {
    pub book: &'a Book,
    pub products: Vec<ProductKey>,
    pub cap: Vec<i128>,
    pub reference: Vec<i128>,
    pub steps: Vec<StepRef>,
    pub steps_of: Vec<Vec<usize>>,
    pub arcs: Vec<ArcRef>,
    pub orders: Vec<OrderRef>,
    pub rows: Vec<RowRef>,
}

/// What a node has room for, over the orders that can lie there and nowhere else:
/// `Σ bids − Σ lent there ≤ free`.
#[derive(Clone, Debug)]
pub struct HostRow {
    pub node: usize,
    pub product: usize,
    pub free: i128,
    /// Order, alternative and its quantity of the product; what an offer lends is negative.
    pub terms: Vec<(usize, usize, i128)>,
}

/// Products and all that touches them: nothing outside has a say.
#[derive(Clone, Debug, Default)]
pub struct Component {
    pub products: Vec<usize>,
    pub steps: Vec<usize>,
    pub arcs: Vec<usize>,
    pub orders: Vec<usize>,
    pub rows: Vec<usize>,
    /// Nodes that turned out too small for what an allocation without this row put there.
    pub hosts: Vec<HostRow>,
}

impl<'a> Market<'a> {
    /// Indexes a sorted, valid book. Orders under `left_out` have no part in the round.
    pub fn new(book: &'a Book) -> Market<'a> {
        let mut index: BTreeMap<ProductKey, usize> = BTreeMap::new();
        for p in &book.products {
            index.insert(p.key(), 0);
        }
        for a in &book.arcs {
            index.insert(a.from.clone(), 0);
            index.insert(a.to.clone(), 0);
        }
        for q in book.orders.iter().flat_map(|o| &o.alternatives).flat_map(|a| &a.quantities) {
            if !index.contains_key(&q.product) {
                index.insert(q.product.clone(), 0);
            }
        }
        for (i, v) in index.values_mut().enumerate() {
            *v = i;
        }
        let n = index.len();
        let mut cap = vec![i128::from(book.cap.0); n];
        let mut reference: Vec<Option<i128>> = vec![None; n];
        let mut steps = Vec::new();
        let mut steps_of = vec![Vec::new(); n];
        for p in &book.products {
            let k = index[&p.key()];
            if let Some(c) = p.cap {
                cap[k] = c.0.into();
            }
            let first = p.supply.first().map(|s| s.reserve.0).filter(|r| *r > 0);
            reference[k] = p.reference.map(|m| m.0).or(first).map(i128::from);
            for (i, s) in p.supply.iter().enumerate() {
                steps_of[k].push(steps.len());
                steps.push(StepRef { product: k, index: i, quantity: s.quantity.into(), reserve: s.reserve.0.into() });
            }
        }
        let reference = (0..n).map(|k| reference[k].unwrap_or(cap[k])).collect();
        let arcs = book
            .arcs
            .iter()
            .map(|a| ArcRef {
                from: index[&a.from],
                to: index[&a.to],
                ratio: a.ratio.0.clone(),
                cost: a.cost.0.into(),
                limit: a.limit.map(i128::from),
            })
            .collect();
        let node_index: BTreeMap<&str, usize> =
            book.nodes.iter().enumerate().map(|(i, v)| (v.id.as_str(), i)).collect();
        let mut orders: Vec<OrderRef> = book.orders.iter().map(|o| order_ref(book, &index, &node_index, o)).collect();
        link(book, &mut orders);
        let products = index.into_keys().collect();
        let mut m = Market { book, products, cap, reference, steps, steps_of, arcs, orders, rows: Vec::new() };
        m.participant_rows();
        m
    }

    fn participant_rows(&mut self) {
        let mut rows = Vec::new();
        let mut of_budget: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut of_instance: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, o) in self.book.orders.iter().enumerate() {
            if let Some(h) = &o.budget {
                of_budget.entry(h).or_default().push(i);
            }
            if let Some(h) = &o.instance {
                of_instance.entry(h).or_default().push(i);
            }
        }
        for b in &self.book.budgets {
            let mut terms = Vec::new();
            for &i in of_budget.get(b.id.as_str()).into_iter().flatten() {
                for (a, alt) in self.orders[i].alternatives.iter().enumerate() {
                    let at_cap: i128 = alt.quantities.iter().map(|(k, q)| self.cap[*k] * q).sum();
                    let hold = at_cap.min(self.book.orders[i].limit.0.into());
                    terms.push((i, a, Rat::int(hold)));
                }
            }
            rows.push(RowRef { kind: RowKind::Budget, product: None, terms, limit: Rat::int(b.amount.0.into()) });
        }
        for inst in &self.book.instances {
            let Some(mine) = of_instance.get(inst.id.as_str()) else {
                continue;
            };
            let mut net: BTreeMap<usize, Vec<(usize, usize, Rat)>> = BTreeMap::new();
            for &i in mine {
                let s = if self.orders[i].bid { 1 } else { -1 };
                for (a, alt) in self.orders[i].alternatives.iter().enumerate() {
                    for (k, q) in &alt.quantities {
                        net.entry(*k).or_default().push((i, a, Rat::int(s * q)));
                    }
                }
            }
            let find = |rows: &[Quantity], k: usize| {
                rows.iter().find(|q| q.product == self.products[k]).map(|q| i128::from(q.quantity))
            };
            for (k, terms) in net {
                let minus: Vec<_> = terms.iter().map(|(i, a, v)| (*i, *a, -v)).collect();
                let (holding, floor) = (find(&inst.holding, k), find(&inst.floor, k));
                if holding.is_some() || floor.is_some() {
                    let room = (holding.unwrap_or(0) - floor.unwrap_or(0)).max(0);
                    rows.push(RowRef {
                        kind: RowKind::Floor,
                        product: Some(k),
                        terms: minus.clone(),
                        limit: Rat::int(room),
                    });
                }
                if let Some(most) = find(&inst.max_swap, k) {
                    rows.push(RowRef { kind: RowKind::MaxSwap, product: Some(k), terms, limit: Rat::int(most) });
                    rows.push(RowRef { kind: RowKind::MaxSwap, product: Some(k), terms: minus, limit: Rat::int(most) });
                }
            }
        }
        for mut r in rows {
            // what a bid with limit 0 takes of its budget
            r.terms.retain(|t| !t.2.is_zero());
            // at most one alternative of an order wins, so the greatest of each counts
            let mut most: BTreeMap<usize, Rat> = BTreeMap::new();
            for (i, _, v) in &r.terms {
                let e = most.entry(*i).or_default();
                *e = e.clone().max(v.clone());
            }
            let total = most.values().fold(Rat::ZERO, |a, b| &a + b);
            if total > r.limit {
                let id = self.rows.len();
                for i in most.keys() {
                    self.orders[*i].rows.push(id);
                }
                self.rows.push(r);
            }
        }
    }

    /// The components, ordered by their first product.
    pub fn components(&self) -> Vec<Component> {
        let mut root: Vec<usize> = (0..self.products.len()).collect();
        fn find(root: &mut [usize], mut k: usize) -> usize {
            while root[k] != k {
                root[k] = root[root[k]];
                k = root[k];
            }
            k
        }
        let join = |root: &mut [usize], a: usize, b: usize| {
            let (a, b) = (find(root, a), find(root, b));
            root[a.max(b)] = a.min(b);
        };
        let first = |i: usize| self.orders[i].alternatives[0].quantities[0].0;
        for (i, o) in self.orders.iter().enumerate() {
            for (k, _) in o.alternatives.iter().flat_map(|a| &a.quantities) {
                join(&mut root, first(i), *k);
            }
        }
        for a in &self.arcs {
            join(&mut root, a.from, a.to);
        }
        for (i, p) in self.orders.iter().enumerate().filter_map(|(i, o)| Some((i, o.parent?))) {
            join(&mut root, first(i), first(p));
        }
        for r in &self.rows {
            for (i, _, _) in &r.terms {
                join(&mut root, first(r.terms[0].0), first(*i));
            }
        }
        let mut parts: BTreeMap<usize, Component> = BTreeMap::new();
        for k in 0..self.products.len() {
            let c = parts.entry(find(&mut root, k)).or_default();
            c.products.push(k);
            c.steps.extend(&self.steps_of[k]);
        }
        for (e, a) in self.arcs.iter().enumerate() {
            parts.entry(find(&mut root, a.from)).or_default().arcs.push(e);
        }
        for i in 0..self.orders.len() {
            parts.entry(find(&mut root, first(i))).or_default().orders.push(i);
        }
        for (r, row) in self.rows.iter().enumerate() {
            parts.entry(find(&mut root, first(row.terms[0].0))).or_default().rows.push(r);
        }
        parts.into_values().collect()
    }

    /// The same market with some of its orders bound to nodes.
    pub fn with_nodes(&self, nodes: &BTreeMap<usize, usize>) -> Market<'a> {
        let mut m = self.clone();
        for (i, v) in nodes {
            m.orders[*i].node = Some(*v);
        }
        m
    }

    pub fn id(&self, order: usize) -> &str {
        &self.book.orders[order].id
    }

    /// An order with those of its children, and theirs, that have won too.
    pub fn family(&self, order: usize, won: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut family = vec![order];
        let mut at = 0;
        while at < family.len() {
            family.extend(self.orders[family[at]].children.iter().copied().filter(|c| won(*c)));
            at += 1;
        }
        family
    }
}

/// Orders that can win only with their parent.
fn link(book: &Book, orders: &mut [OrderRef]) {
    let index: BTreeMap<&str, usize> = book.orders.iter().enumerate().map(|(i, o)| (o.id.as_str(), i)).collect();
    for (i, o) in book.orders.iter().enumerate() {
        if let Some(p) = o.parent.as_deref().and_then(|p| index.get(p).copied()) {
            orders[i].parent = Some(p);
            orders[p].children.push(i);
        }
    }
}

/// What ties are broken by that nothing else decides.
pub fn lot(seed: u64, order: &str) -> [u8; 32] {
    let mut h = blake3::Hasher::new();
    h.update(&seed.to_be_bytes());
    h.update(order.as_bytes());
    *h.finalize().as_bytes()
}

fn order_ref(book: &Book, index: &BTreeMap<ProductKey, usize>, nodes: &BTreeMap<&str, usize>, o: &Order) -> OrderRef {
    OrderRef {
        bid: o.side == Side::Bid,
        alternatives: o
            .alternatives
            .iter()
            .enumerate()
            .map(|(a, alt)| AltRef {
                quantities: alt.quantities.iter().map(|q| (index[&q.product], i128::from(q.quantity))).collect(),
                value: o.effective_limit(a),
            })
            .collect(),
        least: o.least_fill(),
        replicas: o.replicas.map(i128::from),
        incumbent: o.incumbent,
        class: o.class,
        node: o.node.as_deref().and_then(|n| nodes.get(n).copied()),
        rows: Vec::new(),
        block: o.is_block(),
        parent: None,
        children: Vec::new(),
        lot: lot(book.seed, &o.id),
    }
}
