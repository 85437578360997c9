//! A book by numbers: products, steps, orders and participant rows as indices, cut into
//! components that share nothing, and each component as a linear program.
//!
//! Everything is in base units and micro-credits. Divisible orders that are alike (same side,
//! products in the same ratio, unit limit, incumbency and class, no row of their own) are one
//! column: they are filled pro-rata because they can't be filled otherwise. A column counts in
//! units of the greatest common divisor of its quantities, which keeps the rationals short.
use super::book::*;
use super::rational::{Rat, gcd_i128};
use super::simplex::Lp;
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

/// Products and all that touches them: nothing outside has a say.
#[derive(Clone, Debug, Default)]
pub struct Component {
    pub products: Vec<usize>,
    pub steps: Vec<usize>,
    pub arcs: Vec<usize>,
    pub orders: Vec<usize>,
    pub rows: Vec<usize>,
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
        for q in book
            .orders
            .iter()
            .flat_map(|o| &o.alternatives)
            .flat_map(|a| &a.quantities)
        {
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
                steps.push(StepRef {
                    product: k,
                    index: i,
                    quantity: s.quantity.into(),
                    reserve: s.reserve.0.into(),
                });
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
        let node_index: BTreeMap<&str, usize> = book
            .nodes
            .iter()
            .enumerate()
            .map(|(i, v)| (v.id.as_str(), i))
            .collect();
        let orders = book
            .orders
            .iter()
            .map(|o| order_ref(book, &index, &node_index, o))
            .collect();
        let products = index.into_keys().collect();
        let mut m = Market {
            book,
            products,
            cap,
            reference,
            steps,
            steps_of,
            arcs,
            orders,
            rows: Vec::new(),
        };
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
            rows.push(RowRef {
                kind: RowKind::Budget,
                product: None,
                terms,
                limit: Rat::int(b.amount.0.into()),
            });
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
                rows.iter()
                    .find(|q| q.product == self.products[k])
                    .map(|q| i128::from(q.quantity))
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
                    rows.push(RowRef {
                        kind: RowKind::MaxSwap,
                        product: Some(k),
                        terms,
                        limit: Rat::int(most),
                    });
                    rows.push(RowRef {
                        kind: RowKind::MaxSwap,
                        product: Some(k),
                        terms: minus,
                        limit: Rat::int(most),
                    });
                }
            }
        }
        for r in rows {
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
            parts
                .entry(find(&mut root, a.from))
                .or_default()
                .arcs
                .push(e);
        }
        for i in 0..self.orders.len() {
            parts
                .entry(find(&mut root, first(i)))
                .or_default()
                .orders
                .push(i);
        }
        for (r, row) in self.rows.iter().enumerate() {
            parts
                .entry(find(&mut root, first(row.terms[0].0)))
                .or_default()
                .rows
                .push(r);
        }
        parts.into_values().collect()
    }

    pub fn id(&self, order: usize) -> &str {
        &self.book.orders[order].id
    }
}

fn order_ref(
    book: &Book,
    index: &BTreeMap<ProductKey, usize>,
    nodes: &BTreeMap<&str, usize>,
    o: &Order,
) -> OrderRef {
    let mut h = blake3::Hasher::new();
    h.update(&book.seed.to_be_bytes());
    h.update(o.id.as_bytes());
    OrderRef {
        bid: o.side == Side::Bid,
        alternatives: o
            .alternatives
            .iter()
            .enumerate()
            .map(|(a, alt)| AltRef {
                quantities: alt
                    .quantities
                    .iter()
                    .map(|q| (index[&q.product], i128::from(q.quantity)))
                    .collect(),
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
        lot: *h.finalize().as_bytes(),
    }
}

/// What a column of the linear program stands for.
#[derive(Clone, Debug)]
pub enum Meaning {
    /// Orders that are alike: `(order, units)`, all with alternative `alternative`.
    Orders {
        alternative: usize,
        members: Vec<(usize, i128)>,
    },
    Step(usize),
    Arc(usize),
    /// Quantity of a product that would have to come at the collar.
    Missing(usize),
}

/// A component as a linear program.
#[derive(Clone, Debug)]
pub struct Model {
    pub lp: Lp,
    pub meaning: Vec<Meaning>,
    /// Row of each product of the component (same order as `Component::products`).
    pub product_row: BTreeMap<usize, usize>,
    /// Row of each participant row.
    pub own_row: BTreeMap<usize, usize>,
    /// Columns of each block, by alternative.
    pub blocks: BTreeMap<usize, Vec<usize>>,
}

impl Model {
    /// The relaxation: blocks between 0 and their upper bound, at most one alternative.
    /// `upper` bounds the fill of an order by alternative (placement), `missing` adds supply at the collar.
    pub fn build(m: &Market, c: &Component, upper: &[Vec<Rat>], missing: bool) -> Model {
        let mut lp = Lp::default();
        let mut meaning = Vec::new();
        let product_row: BTreeMap<usize, usize> =
            c.products.iter().map(|k| (*k, lp.row(Rat::ZERO))).collect();
        let own_row: BTreeMap<usize, usize> = c
            .rows
            .iter()
            .map(|r| (*r, lp.row(m.rows[*r].limit.clone())))
            .collect();
        for &s in &c.steps {
            let s_ = &m.steps[s];
            lp.col(
                Rat::int(-s_.reserve),
                Rat::ZERO,
                Some(Rat::int(s_.quantity)),
                vec![(product_row[&s_.product], Rat::int(-1))],
            );
            meaning.push(Meaning::Step(s));
        }
        let everything: i128 = c
            .orders
            .iter()
            .flat_map(|i| &m.orders[*i].alternatives)
            .flat_map(|a| &a.quantities)
            .map(|(_, q)| *q)
            .sum::<i128>()
            + 1;
        for &e in &c.arcs {
            let a = &m.arcs[e];
            let most = a
                .limit
                .map_or_else(|| Rat::int(everything).div(&a.ratio), Rat::int);
            let mut entries = vec![
                (product_row[&a.from], Rat::ONE),
                (product_row[&a.to], -&a.ratio),
            ];
            entries.sort_by_key(|x| x.0);
            lp.col(Rat::int(-a.cost), Rat::ZERO, Some(most), entries);
            meaning.push(Meaning::Arc(e));
        }
        for &k in &c.products {
            let most = if missing {
                Rat::int(everything)
            } else {
                Rat::ZERO
            };
            lp.col(
                Rat::int(-m.cap[k]),
                Rat::ZERO,
                Some(most),
                vec![(product_row[&k], Rat::int(-1))],
            );
            meaning.push(Meaning::Missing(k));
        }
        let mut own_terms: BTreeMap<(usize, usize), Vec<(usize, Rat)>> = BTreeMap::new();
        for r in &c.rows {
            for (i, a, v) in &m.rows[*r].terms {
                own_terms
                    .entry((*i, *a))
                    .or_default()
                    .push((own_row[r], v.clone()));
            }
        }
        type Alike = (bool, Vec<(usize, i128)>, Rat, bool, Class);
        let mut groups: BTreeMap<Alike, usize> = BTreeMap::new();
        let mut blocks: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &i in &c.orders {
            let o = &m.orders[i];
            for (a, alt) in o.alternatives.iter().enumerate() {
                let g = alt
                    .quantities
                    .iter()
                    .fold(0, |g, (_, q)| gcd_i128(g, *q))
                    .max(1);
                let ratio: Vec<(usize, i128)> =
                    alt.quantities.iter().map(|(k, q)| (*k, q / g)).collect();
                let unit = Rat::ratio(if o.bid { alt.value } else { -alt.value }, g);
                let most = &Rat::int(g) * &upper[i][a];
                let alike = !o.block && o.rows.is_empty() && upper[i][a] == Rat::ONE;
                if alike {
                    let key = (o.bid, ratio.clone(), unit.clone(), o.incumbent, o.class);
                    if let Some(&j) = groups.get(&key) {
                        if let Meaning::Orders { members, .. } = &mut meaning[j] {
                            members.push((i, g));
                        }
                        let col = &mut lp.cols[j];
                        col.hi = col.hi.as_ref().map(|h| h + &most);
                        continue;
                    }
                    groups.insert(key, lp.cols.len());
                }
                let s = if o.bid { 1 } else { -1 };
                let mut entries: Vec<(usize, Rat)> = ratio
                    .iter()
                    .map(|(k, q)| (product_row[k], Rat::int(s * q)))
                    .collect();
                for (r, v) in own_terms.remove(&(i, a)).unwrap_or_default() {
                    entries.push((r, v.div(&Rat::int(g))));
                }
                let j = lp.col(unit, Rat::ZERO, Some(most), entries);
                meaning.push(Meaning::Orders {
                    alternative: a,
                    members: vec![(i, g)],
                });
                if o.block {
                    blocks.entry(i).or_default().push(j);
                }
            }
        }
        for cols in blocks.values().filter(|c| c.len() > 1) {
            let row = lp.row(Rat::ONE);
            for j in cols {
                if let Meaning::Orders { members, .. } = &meaning[*j] {
                    lp.cols[*j].entries.push((row, Rat::ratio(1, members[0].1)));
                }
            }
        }
        Model {
            lp,
            meaning,
            product_row,
            own_row,
            blocks,
        }
    }

    /// Units of a column at full fill of its order (blocks and single orders).
    pub fn units(&self, col: usize) -> Rat {
        match &self.meaning[col] {
            Meaning::Orders { members, .. } => Rat::int(members.iter().map(|m| m.1).sum()),
            _ => Rat::ONE,
        }
    }
}
