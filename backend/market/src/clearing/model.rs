//! A component as a linear program.
//!
//! Divisible orders that are alike (same side, products in the same ratio, unit limit, incumbency
//! and class, no row of their own) are one column: they are filled pro-rata because they can't be
//! filled otherwise. An order that can win only with its parent is a column of its own, and its
//! fill is at most the parent's over the parent's least fill: what a parent that is not accepted
//! at all leaves is 0. A column counts in units of the greatest common divisor of its quantities,
//! which keeps the rationals short. Where a node's room is a row, orders bound to different nodes
//! are not alike: one of them may find room where the other does not.
use super::book::Class;
use super::problem::{Component, Market};
use super::rational::{Rat, gcd_i128};
use super::simplex::Lp;
use std::collections::BTreeMap;

/// Quantities beyond this are no bound of anything: those of all orders together are far less.
const MOST: i128 = 10_i128.pow(24);

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
    /// Row of each participant row that could bind.
    pub own_row: BTreeMap<usize, usize>,
    /// Row of each node's room (same order as `Component::hosts`).
    pub host_row: Vec<usize>,
    /// Columns of each block, by alternative.
    pub blocks: BTreeMap<usize, Vec<usize>>,
    /// Columns and row of each order that can win only with its parent.
    pub links: BTreeMap<usize, (Vec<usize>, usize)>,
}

impl Model {
    /// The relaxation: blocks between 0 and their upper bound, at most one alternative.
    /// `upper` bounds the fill of an order by alternative (placement), `missing` adds supply at the collar.
    pub fn build(m: &Market, c: &Component, upper: &[Vec<Rat>], missing: bool) -> Model {
        let mut lp = Lp::default();
        let mut meaning = Vec::new();
        let product_row: BTreeMap<usize, usize> = c.products.iter().map(|k| (*k, lp.row(Rat::ZERO))).collect();
        // a row that the bounds of its orders keep by themselves says nothing more
        let most = |r: &usize| {
            let terms = m.rows[*r].terms.iter().filter(|t| t.2.is_pos());
            terms.fold(Rat::ZERO, |sum, (i, a, v)| &sum + &(v * &upper[*i][*a]))
        };
        let binding: Vec<usize> = c.rows.iter().copied().filter(|r| most(r) > m.rows[*r].limit).collect();
        let own_row: BTreeMap<usize, usize> = binding.iter().map(|r| (*r, lp.row(m.rows[*r].limit.clone()))).collect();
        let host_row: Vec<usize> = c.hosts.iter().map(|h| lp.row(Rat::int(h.free))).collect();
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
        // more is never sent, however many arcs that lose something lie behind each other on the way
        let lossy = c.arcs.iter().map(|e| &m.arcs[*e].ratio).filter(|ratio| **ratio < Rat::ONE);
        let everything = lossy.fold(everything, |most, ratio| Rat::int(most.min(MOST)).div(ratio).ceil());
        let everything = Rat::int(everything.min(MOST));
        for &e in &c.arcs {
            let a = &m.arcs[e];
            let most = a.limit.map_or_else(|| everything.clone(), Rat::int);
            let mut entries = vec![(product_row[&a.from], Rat::ONE), (product_row[&a.to], -&a.ratio)];
            entries.sort_by_key(|x| x.0);
            lp.col(Rat::int(-a.cost), Rat::ZERO, Some(most), entries);
            meaning.push(Meaning::Arc(e));
        }
        for &k in &c.products {
            let most = if missing { everything.clone() } else { Rat::ZERO };
            lp.col(Rat::int(-m.cap[k]), Rat::ZERO, Some(most), vec![(product_row[&k], Rat::int(-1))]);
            meaning.push(Meaning::Missing(k));
        }
        let mut own_terms: BTreeMap<(usize, usize), Vec<(usize, Rat)>> = BTreeMap::new();
        for r in &binding {
            for (i, a, v) in &m.rows[*r].terms {
                own_terms.entry((*i, *a)).or_default().push((own_row[r], v.clone()));
            }
        }
        let mut host_terms: BTreeMap<(usize, usize), Vec<(usize, i128)>> = BTreeMap::new();
        for (h, row) in c.hosts.iter().zip(&host_row) {
            for (i, a, q) in &h.terms {
                host_terms.entry((*i, *a)).or_default().push((*row, *q));
            }
        }
        type Alike = (bool, Vec<(usize, i128)>, Vec<usize>, Rat, bool, Class);
        let mut groups: BTreeMap<Alike, usize> = BTreeMap::new();
        let mut blocks: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &i in &c.orders {
            let o = &m.orders[i];
            for (a, alt) in o.alternatives.iter().enumerate() {
                let g = alt.quantities.iter().fold(0, |g, (_, q)| gcd_i128(g, *q)).max(1);
                let ratio: Vec<(usize, i128)> = alt.quantities.iter().map(|(k, q)| (*k, q / g)).collect();
                let unit = Rat::ratio(if o.bid { alt.value } else { -alt.value }, g);
                let most = &Rat::int(g) * &upper[i][a];
                let alike = !o.block && o.rows.is_empty() && o.parent.is_none() && upper[i][a] == Rat::ONE;
                if alike {
                    let rows = host_terms.get(&(i, a)).into_iter().flatten().map(|t| t.0).collect();
                    let key = (o.bid, ratio.clone(), rows, unit.clone(), o.incumbent, o.class);
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
                let mut entries: Vec<(usize, Rat)> =
                    ratio.iter().map(|(k, q)| (product_row[k], Rat::int(s * q))).collect();
                for (r, v) in own_terms.remove(&(i, a)).unwrap_or_default() {
                    entries.push((r, v.div(&Rat::int(g))));
                }
                for (r, q) in host_terms.remove(&(i, a)).unwrap_or_default() {
                    entries.push((r, Rat::ratio(q, g)));
                }
                let j = lp.col(unit, Rat::ZERO, Some(most), entries);
                meaning.push(Meaning::Orders { alternative: a, members: vec![(i, g)] });
                if o.block {
                    blocks.entry(i).or_default().push(j);
                }
                if o.parent.is_some() {
                    children.entry(i).or_default().push(j);
                }
            }
        }
        for cols in blocks.values().filter(|c| c.len() > 1) {
            let row = lp.row(Rat::ONE);
            for j in cols {
                if let Meaning::Orders { members, .. } = &meaning[*j] {
                    lp.cols[*j].push(row, Rat::ratio(1, members[0].1));
                }
            }
        }
        let mut model = Model { lp, meaning, product_row, own_row, host_row, blocks, links: BTreeMap::new() };
        for (i, cols) in children {
            model.link(m, i, cols);
        }
        model
    }

    /// The row of an order that can win only with its parent.
    fn link(&mut self, m: &Market, child: usize, cols: Vec<usize>) {
        let Some(parent) = m.orders[child].parent else { return };
        let row = self.lp.row(Rat::ZERO);
        for &j in &cols {
            let units = self.units(j);
            self.lp.cols[j].push(row, Rat::ONE.div(&units));
        }
        // a parent that has no part in the round has no columns, and leaves its children nothing
        for j in self.blocks.get(&parent).cloned().unwrap_or_default() {
            let least = &m.orders[parent].least * &self.units(j);
            self.lp.cols[j].push(row, -&Rat::ONE.div(&least));
        }
        self.links.insert(child, (cols, row));
    }

    /// Whether a column is of bids that a node's row concerns.
    pub fn hosted(&self, m: &Market, col: usize) -> bool {
        let bid = matches!(&self.meaning[col], Meaning::Orders { members, .. } if m.orders[members[0].0].bid);
        bid && self.lp.cols[col].entries.iter().any(|e| self.host_row.contains(&e.0))
    }

    /// What a unit of a column gains at public prices (by position in the component).
    pub fn gain(&self, c: &Component, j: usize, price: &[Rat]) -> Rat {
        let at: BTreeMap<usize, &Rat> = c.products.iter().map(|k| self.product_row[k]).zip(price).collect();
        let paid = |gain: Rat, (r, e): &(usize, Rat)| at.get(r).map_or(gain.clone(), |p| gain.sub_mul(e, p));
        let col = &self.lp.cols[j];
        col.entries.iter().fold(col.cost.clone(), paid)
    }

    /// Units of a column at full fill of its order (blocks and single orders).
    pub fn units(&self, col: usize) -> Rat {
        match &self.meaning[col] {
            Meaning::Orders { members, .. } => Rat::int(members.iter().map(|m| m.1).sum()),
            _ => Rat::ONE,
        }
    }
}
