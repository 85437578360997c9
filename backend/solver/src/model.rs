//! A book as a problem in price space: rows are what is scarce, columns are what can be filled.
//!
//! Rows: products; the room of a pool with nodes for each of its products; the room of a node that a bound bid loads.
//! Columns: an alternative, an offer, a supply step, an arc. A column's units are positive where it takes and negative
//! where it gives. Prices are counted in the row's own scale, so that all numbers are of the size of money.

use headroom_market::clearing::book::{Alternative, Book, Order, Side};
use std::collections::BTreeMap;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    Product(usize),
    /// The room of all nodes of a product's pool.
    PoolRoom(usize),
    /// The room of a node for a product.
    NodeRoom(usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An order, and its alternative in [`Book::alternatives`].
    Alternative(usize, usize),
    /// A product, and its supply step.
    Step(usize, usize),
    Arc(usize),
}

/// Micro-credits, as floats: the solver's proposals are checked in integers.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub rows: Vec<Row>,
    /// What a price of 1 in the scale of its row means, in micro-credits per base unit.
    pub scale: Vec<f64>,
    /// Units that are there without a column, scaled.
    pub supply: Vec<f64>,
    /// Where each column's entries begin; one more than there are columns.
    pub start: Vec<u32>,
    pub row: Vec<u32>,
    pub units: Vec<f64>,
    pub worth: Vec<f64>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    pub source: Vec<Source>,
    /// Where each set of columns begins. A set of several is filled once at most.
    pub sets: Vec<u32>,
}

impl Model {
    pub fn columns(&self) -> usize {
        self.worth.len()
    }
    pub fn entries(&self, column: usize) -> Range<usize> {
        self.start[column] as usize..self.start[column + 1] as usize
    }
    pub fn set(&self, set: usize) -> Range<usize> {
        self.sets[set] as usize..self.sets[set + 1] as usize
    }

    pub fn new() -> Self {
        Model { start: vec![0], sets: vec![0], ..Model::default() }
    }

    /// Adds a column to the open set.
    pub fn add(&mut self, source: Source, worth: f64, bounds: (f64, f64), entries: &[(u32, f64)]) {
        for (row, units) in entries {
            self.row.push(*row);
            self.units.push(*units);
        }
        self.start.push(self.row.len() as u32);
        self.worth.push(worth);
        self.low.push(bounds.0);
        self.high.push(bounds.1);
        self.source.push(source);
    }

    pub fn close_set(&mut self) {
        self.sets.push(self.columns() as u32);
    }

    /// All of a book.
    pub fn of(book: &Book) -> Self {
        let rows = Rows::of(book);
        let mut model = Model::new();
        for (order, of) in book.orders.iter().enumerate() {
            for number in of.alternatives.clone() {
                let alternative = &book.alternatives[number];
                let sign = if of.side == Side::Bid { 1.0 } else { -1.0 };
                let entries = rows.entries(book, of, alternative);
                let worth = sign * alternative.value_micro as f64;
                model.add(Source::Alternative(order, number), worth, (0.0, 1.0), &entries);
            }
            model.close_set();
        }
        for (product, of) in book.products.iter().enumerate() {
            for (step, of) in of.supply.iter().enumerate().filter(|(_, of)| of.quantity > 0) {
                let units = of.quantity as f64;
                let row = rows.number[&Row::Product(product)];
                model.add(Source::Step(product, step), -units * nano(of.reserve_nano), (0.0, 1.0), &[(row, -units)]);
                model.close_set();
            }
        }
        let all: f64 = book.products.iter().flat_map(|p| &p.supply).map(|s| s.quantity as f64).sum::<f64>()
            + book.alternatives.iter().map(|a| a.lots as f64 * most(book, a)).sum::<f64>();
        for (number, arc) in book.arcs.iter().enumerate() {
            let units = arc.limit.map_or(all, |limit| (limit as f64).min(all));
            let ends = [(rows.number[&Row::Product(arc.from)], units), (rows.number[&Row::Product(arc.to)], -units)];
            model.add(Source::Arc(number), -units * nano(arc.cost_nano), (0.0, 1.0), &ends);
            model.close_set();
        }
        model.rows = rows.rows;
        model.supply = model.rows.iter().map(|row| room(book, *row)).collect();
        model.rescale();
        model
    }

    /// Takes each row's typical price as its scale.
    pub fn rescale(&mut self) {
        let mut money = vec![0.0; self.rows.len()];
        let mut units = vec![0.0; self.rows.len()];
        for column in 0..self.columns() {
            let entries = self.entries(column);
            let share = self.worth[column].abs() / entries.len().max(1) as f64;
            for entry in entries {
                money[self.row[entry] as usize] += share;
                units[self.row[entry] as usize] += self.units[entry].abs();
            }
        }
        self.scale = money.iter().zip(&units).map(|(m, u)| if *m > 0.0 && *u > 0.0 { m / u } else { 1.0 }).collect();
        for (entry, row) in self.row.iter().enumerate() {
            self.units[entry] *= self.scale[*row as usize];
        }
        self.supply.iter_mut().zip(&self.scale).for_each(|(supply, scale)| *supply *= scale);
    }
}

pub fn nano(nano: i128) -> f64 {
    nano as f64 / 1_000.0
}

fn most(book: &Book, alternative: &Alternative) -> f64 {
    book.lines_of(alternative).iter().map(|line| line.quantity as f64).fold(0.0, f64::max)
}

fn room(book: &Book, row: Row) -> f64 {
    match row {
        Row::Product(_) => 0.0,
        Row::NodeRoom(node, product) => book.room(node, product) as f64,
        Row::PoolRoom(product) => {
            let pool = &book.pools[book.products[product].pool];
            pool.nodes.iter().map(|node| book.room(*node, product) as f64).sum()
        }
    }
}

struct Rows {
    rows: Vec<Row>,
    number: BTreeMap<Row, u32>,
}

impl Rows {
    fn of(book: &Book) -> Self {
        let mut rows = Rows { rows: Vec::new(), number: BTreeMap::new() };
        for product in 0..book.products.len() {
            rows.add(Row::Product(product));
            if !book.pools[book.products[product].pool].nodes.is_empty() {
                rows.add(Row::PoolRoom(product));
            }
        }
        for order in &book.orders {
            for alternative in book.alternatives_of(order) {
                for pool in book.pools_with_nodes(alternative) {
                    let Some(node) = only_host(book, alternative, pool) else { continue };
                    for line in book.load_in(alternative, pool) {
                        rows.add(Row::NodeRoom(node, line.product));
                    }
                }
            }
        }
        rows
    }

    fn add(&mut self, row: Row) {
        let next = self.rows.len() as u32;
        if *self.number.entry(row).or_insert(next) == next {
            self.rows.push(row);
        }
    }

    fn entries(&self, book: &Book, order: &Order, alternative: &Alternative) -> Vec<(u32, f64)> {
        let sign = if order.side == Side::Bid { 1.0 } else { -1.0 };
        let all = sign * alternative.lots as f64;
        let mut entries = Vec::new();
        for line in book.lines_of(alternative) {
            entries.push((self.number[&Row::Product(line.product)], all * line.quantity as f64));
        }
        for pool in book.pools_with_nodes(alternative) {
            let node = only_host(book, alternative, pool);
            for line in book.load_in(alternative, pool) {
                let units = all * line.quantity as f64;
                entries.push((self.number[&Row::PoolRoom(line.product)], units));
                if let Some(node) = node {
                    entries.push((self.number[&Row::NodeRoom(node, line.product)], units));
                }
            }
        }
        entries
    }
}

/// The node where all lots of an alternative lie, if there is but one in a pool.
pub fn only_host(book: &Book, alternative: &Alternative, pool: usize) -> Option<usize> {
    let mut hosts = book.hosts_in(alternative, pool);
    let first = hosts.next()?;
    if hosts.next().is_none() { Some(first) } else { None }
}
