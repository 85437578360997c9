//! Prices for a whole award: the least gap D(π) − W, then the least Σ volume·price, then the least Σ volume·price²/reference.
//!
//! The gap is the dual itself, since the welfare of the award is fixed; that nobody loses, that no unit goes unserved and
//! that nothing is left unsold under its price are steep penalties beside it. The second search stays on the face of all prices of least gap.

use crate::blocks::award::Award;
use crate::model::{Model, Row, Source, nano, only_host};
use crate::price_search::{Point, close, curved};
use headroom_market::clearing::book::{Book, Side};
use std::collections::{BTreeMap, BTreeSet};

/// How much steeper a penalty is than the gap.
const STEEP: f64 = 1_000.0;
/// A column of this part of what a row has in all needs no steeper penalty.
const STEEPER: f64 = 100.0;
/// A fill this close to a bound is there.
const CLOSE: f64 = 1e-5;
/// What the squares count against the sum: little enough that the sum decides first.
const SQUARES: f64 = 1e-3;

/// A price this small in its row's scale is none.
const NOTHING: f64 = 1e-10;

/// Limits that cross by this little, in a row's scale, are one to a float.
const SNAP: f64 = 1e-6;

/// Prices in nano-credits: of products, and premiums of full nodes.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    pub of_product: Vec<i128>,
    pub premium: BTreeMap<(usize, usize), i128>,
}

/// All prices of least gap for an award.
pub struct Choice<'b> {
    book: &'b Book,
    award: &'b Award,
    model: Model,
    least: Point,
}

impl<'b> Choice<'b> {
    /// Starts from prices that support the divisible orders.
    pub fn of(
        book: &'b Book,
        award: &'b Award,
        is_divisible: &dyn Fn(usize) -> bool,
        from: &BTreeMap<Row, f64>,
        exempt: &dyn Fn(usize) -> bool,
    ) -> Self {
        let model = Builder::new(book, award).model(is_divisible, exempt);
        let mut start = Point::start(&model);
        let known = |row: Row| from.get(&row).copied().unwrap_or(0.0);
        // A node's premium is what its pool's room costs and what its own costs beyond that.
        let price = |(row, scale): (&Row, &f64)| match *row {
            Row::NodeRoom(_, product) => (known(*row) + known(Row::PoolRoom(product))) / scale,
            _ => known(*row) / scale,
        };
        start.price = model.rows.iter().zip(&model.scale).map(price).collect();
        let least = close(&model, start.clone());
        // The prices that support the divisible orders are right, too, if not the ones of least gap.
        let least = if least.is_exact { least } else { start };
        Choice { book, award, model, least }
    }

    /// Some of them: enough to tell whether the award holds.
    pub fn any(&self) -> Prices {
        self.rounded(&self.least.price)
    }

    /// Those of least sum, or of the greatest, as the book asks.
    pub fn best(&self) -> Prices {
        if !self.least.is_exact {
            return self.any();
        }
        let volume = volumes(self.book, self.award, &self.model);
        let alpha = self.book.alpha_nano as f64 / 1e9;
        let mut price = vec![0.0; self.model.rows.len()];
        for (side, weight) in [(1.0, 1.0 - alpha), (-1.0, alpha)] {
            if weight > 0.0 {
                let found = on_face(self.book, &self.model, &self.least, &volume, side);
                price.iter_mut().zip(&found).for_each(|(sum, price)| *sum += weight * price);
            }
        }
        self.rounded(&price)
    }

    fn rounded(&self, price: &[f64]) -> Prices {
        let (book, model) = (self.book, &self.model);
        let mut prices = Prices { of_product: vec![0; book.products.len()], premium: BTreeMap::new() };
        let mut digits = vec![0; book.products.len()];
        for (row, of) in model.rows.iter().enumerate() {
            let price = if price[row] < NOTHING { 0.0 } else { price[row] };
            let rounded = (price * model.scale[row] * 1_000.0).round() as i128;
            match *of {
                Row::Product(product) => {
                    prices.of_product[product] = rounded;
                    digits[product] = (SNAP * model.scale[row] * 1_000.0) as i128;
                }
                Row::NodeRoom(node, product) if rounded > 0 => {
                    prices.premium.insert((node, product), rounded);
                }
                _ => {}
            }
        }
        self.snap(&mut prices, &digits);
        prices
    }

    /// Moves each price to where supply and divisible bids of one product allow it that pay no premium: at least what those ask
    /// that sell and those pay that go without, at most what the others do. A float may miss that by its last digits.
    fn snap(&self, prices: &mut Prices, digits: &[i128]) {
        let book = self.book;
        let mut bounds: Vec<(i128, i128)> = vec![(0, i128::MAX); book.products.len()];
        let mut bound = |product: usize, sells: bool, is_open: bool, is_used: bool, unit: i128| {
            let (least, most) = &mut bounds[product];
            if if sells { is_used } else { is_open } {
                *least = unit.max(*least);
            }
            if if sells { is_open } else { is_used } {
                *most = unit.min(*most);
            }
        };
        for (product, of) in book.products.iter().enumerate() {
            for (step, used) in of.supply.iter().zip(&self.award.used[product]) {
                bound(product, true, step.quantity > *used, *used > 0, step.reserve_nano);
            }
        }
        for of in book.orders.iter().filter(|of| !of.is_block) {
            let number = of.alternatives.start;
            let alternative = &book.alternatives[number];
            let [line] = book.lines_of(alternative) else { continue };
            let pool = book.products[line.product].pool;
            let has_premium = match only_host(book, alternative, pool) {
                Some(node) => prices.premium.contains_key(&(node, line.product)),
                None => !book.pools[pool].nodes.is_empty(),
            };
            if line.quantity == 1 && !has_premium {
                let unit = i128::from(alternative.value_micro) * 1_000 / i128::from(alternative.lots.max(1));
                let lots = self.award.lots[number];
                bound(line.product, of.side == Side::Offer, lots < alternative.lots, lots > 0, unit);
            }
        }
        for ((price, (least, most)), digits) in prices.of_product.iter_mut().zip(bounds).zip(digits) {
            // Where limits cross by less than a float tells, the seller's stands: a bid's loss is within its tolerance.
            if least <= most || least - most <= *digits {
                *price = (*price).min(most).max(least);
            }
        }
    }
}

/// Units that change hands by row, in the row's scale; a little where none do, so that prices stay low there.
fn volumes(book: &Book, award: &Award, model: &Model) -> Vec<f64> {
    let mut volume = vec![0.0; model.rows.len()];
    let mut traffic = vec![0.0; model.rows.len()];
    for column in 0..model.columns() {
        let share = match model.source[column] {
            Source::Alternative(order, at) if book.orders[order].side == Side::Bid => {
                award.lots[at] as f64 / book.alternatives[at].lots as f64
            }
            _ => 0.0,
        };
        for entry in model.entries(column) {
            let row = model.row[entry] as usize;
            traffic[row] += model.units[entry].abs();
            volume[row] += share * model.units[entry].max(0.0);
        }
    }
    volume.iter().zip(&traffic).map(|(volume, traffic)| volume.max(1e-4 * traffic).max(1e-9)).collect()
}

/// The least (side 1) or greatest (side -1) sum on the face of the prices that are optimal beside these fills.
fn on_face(book: &Book, model: &Model, least: &Point, volume: &[f64], side: f64) -> Vec<f64> {
    let mut face = Model { rows: model.rows.clone(), scale: model.scale.clone(), ..Model::new() };
    face.supply = volume.iter().map(|volume| side * volume).collect();
    let (any, up, down) = ((f64::NEG_INFINITY, f64::INFINITY), (0.0, f64::INFINITY), (f64::NEG_INFINITY, 0.0));
    let mut slack = model.supply.clone();
    for set in 0..model.sets.len() - 1 {
        let columns = model.set(set);
        for column in columns.clone() {
            let fill = least.fill[column];
            model.entries(column).for_each(|e| slack[model.row[e] as usize] -= model.units[e] * fill);
        }
        let entries = |column: usize| -> Vec<(u32, f64)> {
            model.entries(column).map(|e| (model.row[e], model.units[e])).collect()
        };
        if columns.len() == 1 {
            let column = columns.start;
            let (fill, low, high) = (least.fill[column], model.low[column], model.high[column]);
            let bounds = if fill > low + CLOSE && fill < high - CLOSE {
                any
            } else if fill >= high - CLOSE {
                down
            } else {
                up
            };
            face.add(model.source[column], model.worth[column], bounds, &entries(column));
            face.close_set();
            continue;
        }
        let total: f64 = columns.clone().map(|column| least.fill[column]).sum();
        let best = columns.clone().max_by(|a, b| least.fill[*a].total_cmp(&least.fill[*b])).unwrap_or(columns.start);
        let is_full = total >= 1.0 - CLOSE;
        for column in columns {
            let is_in = least.fill[column] > CLOSE;
            if column == best || !is_full {
                let bounds = if !is_full && is_in {
                    any
                } else if is_full {
                    down
                } else {
                    up
                };
                face.add(model.source[column], model.worth[column], bounds, &entries(column));
            } else {
                // Nobody in the set gains more than the one that is filled.
                let mut units: BTreeMap<u32, f64> = entries(column).into_iter().collect();
                entries(best).into_iter().for_each(|(row, value)| *units.entry(row).or_default() -= value);
                let units: Vec<(u32, f64)> = units.into_iter().collect();
                let bounds = if is_in { any } else { up };
                face.add(model.source[column], model.worth[column] - model.worth[best], bounds, &units);
            }
            face.close_set();
        }
    }
    let mut curvature = Vec::with_capacity(model.rows.len());
    for (row, of) in model.rows.iter().enumerate() {
        if slack[row] > 1e-6 * volume[row] + 0.5 * model.scale[row] {
            face.add(Source::Arc(0), 0.0, down, &[(row as u32, 1.0)]);
            face.close_set();
        }
        let product = match of {
            Row::Product(product) | Row::PoolRoom(product) | Row::NodeRoom(_, product) => *product,
        };
        let reference = nano(book.products[product].reference_nano).max(1e-9);
        curvature.push(SQUARES * volume[row] * (model.scale[row] / reference).clamp(1e-3, 1e3));
    }
    let start = Point { price: least.price.clone(), ..Point::start(&face) };
    curved(&face, &curvature, start).price
}

/// Makes the penalties of small columns as steep as those of large ones: else what a large block misses outweighs them.
fn steepen(model: &mut Model) {
    let mut total = vec![0.0; model.rows.len()];
    for (row, units) in model.row.iter().zip(&model.units) {
        total[*row as usize] += units.abs();
    }
    for column in 0..model.columns() {
        let share = |e: usize| total[model.row[e] as usize] / model.units[e].abs().max(1e-9) / STEEPER;
        let factor = model.entries(column).map(share).fold(1.0, f64::max).min(STEEP);
        if model.low[column] < 0.0 {
            model.low[column] *= factor;
        }
        if model.high[column] > 1.0 {
            model.high[column] *= factor;
        }
    }
}

/// Pools of more nodes, all full, have a row for what their cheapest node costs: else each bid has a column for each node.
const FEW_NODES: usize = 8;

struct Builder<'b> {
    book: &'b Book,
    award: &'b Award,
    rows: Vec<Row>,
    number: BTreeMap<Row, u32>,
}

impl<'b> Builder<'b> {
    fn new(book: &'b Book, award: &'b Award) -> Self {
        let mut rows: Vec<Row> = (0..book.products.len()).map(Row::Product).collect();
        for (node, room) in award.room(book).iter().enumerate() {
            let products = book.pools[book.nodes[node].pool].products.clone();
            rows.extend(
                products.zip(room).filter(|(_, left)| **left <= 0).map(|(product, _)| Row::NodeRoom(node, product)),
            );
        }
        let full: BTreeSet<Row> = rows.iter().copied().collect();
        for pool in book.pools.iter().filter(|pool| pool.nodes.len() > FEW_NODES) {
            let is_full =
                |product: &usize| pool.nodes.iter().all(|node| full.contains(&Row::NodeRoom(*node, *product)));
            rows.extend(pool.products.clone().filter(is_full).map(Row::PoolRoom));
        }
        let number = rows.iter().enumerate().map(|(number, row)| (*row, number as u32)).collect();
        Builder { book, award, rows, number }
    }

    /// What all lots of an alternative take, with the loads on these nodes.
    fn entries(&self, number: usize, sign: f64, nodes: &[usize]) -> Vec<(u32, f64)> {
        let alternative = &self.book.alternatives[number];
        let all = sign * alternative.lots as f64;
        let mut entries: Vec<(u32, f64)> = Vec::new();
        for line in self.book.lines_of(alternative) {
            entries.push((self.number[&Row::Product(line.product)], all * line.quantity as f64));
        }
        for node in nodes {
            for line in self.book.load_in(alternative, self.book.nodes[*node].pool) {
                if let Some(row) = self.number.get(&Row::NodeRoom(*node, line.product)) {
                    entries.push((*row, all * line.quantity as f64));
                }
            }
        }
        for pool in self.book.pools_with_nodes(alternative) {
            if nodes.iter().any(|node| self.book.nodes[*node].pool == pool) {
                continue;
            }
            for line in self.book.load_in(alternative, pool) {
                if let Some(row) = self.number.get(&Row::PoolRoom(line.product)) {
                    entries.push((*row, all * line.quantity as f64));
                }
            }
        }
        entries
    }

    /// Whether an alternative may lie on all nodes of a pool that has a row for its cheapest one.
    fn is_pooled(&self, number: usize, pool: usize) -> bool {
        let alternative = &self.book.alternatives[number];
        let load = self.book.load_in(alternative, pool);
        load.iter().any(|line| self.number.contains_key(&Row::PoolRoom(line.product)))
            && self.book.hosts_in(alternative, pool).count() == self.book.pools[pool].nodes.len()
    }

    /// Whether a node has no room left for something that an alternative uses.
    fn is_full(&self, number: usize, node: usize) -> bool {
        let load = self.book.load_in(&self.book.alternatives[number], self.book.nodes[node].pool);
        load.iter().any(|line| self.number.contains_key(&Row::NodeRoom(node, line.product)))
    }

    /// The nodes that an alternative may be priced on: none where one without any premium is open to it.
    fn priced_nodes(&self, number: usize) -> Vec<Vec<usize>> {
        let alternative = &self.book.alternatives[number];
        let mut choices = vec![Vec::new()];
        for pool in self.book.pools_with_nodes(alternative) {
            if let Some(node) = only_host(self.book, alternative, pool) {
                choices.iter_mut().for_each(|nodes| nodes.push(node));
                continue;
            }
            if self.is_pooled(number, pool) {
                continue;
            }
            let hosts: Vec<usize> = self.book.hosts_in(alternative, pool).collect();
            if hosts.iter().all(|node| self.is_full(number, *node)) {
                let with =
                    |nodes: &Vec<usize>, node: usize| nodes.iter().copied().chain([node]).collect::<Vec<usize>>();
                choices = choices.iter().flat_map(|nodes| hosts.iter().map(move |node| with(nodes, *node))).collect();
            }
        }
        choices
    }

    fn model(self, is_divisible: &dyn Fn(usize) -> bool, exempt: &dyn Fn(usize) -> bool) -> Model {
        let book = self.book;
        let mut model = Model::new();
        for (order, of) in book.orders.iter().enumerate() {
            let sign = if of.side == Side::Bid { 1.0 } else { -1.0 };
            let worth = |number: usize| sign * book.alternatives[number].value_micro as f64;
            let choices: Vec<(usize, Vec<usize>)> = of
                .alternatives
                .clone()
                .flat_map(|number| self.priced_nodes(number).into_iter().map(move |nodes| (number, nodes)))
                .collect();
            let lots = |number: usize| self.award.lots[number];
            // What lies on a full node pays its premium there, though another node may be free.
            let is_priced = |number: usize, nodes: &[usize]| {
                let mut hosts = self.award.hosts[number].iter();
                hosts.all(|(node, _)| nodes.contains(node) || !self.is_full(number, *node))
            };
            if let [(number, nodes)] = choices.as_slice()
                && is_priced(*number, nodes)
            {
                // The gap, and penalties: who won may not lose; who can be served to the unit may not go without.
                let must_serve = is_divisible(*number);
                let low = if lots(*number) > 0 && !exempt(order) { -STEEP } else { 0.0 };
                let high =
                    if lots(*number) < book.alternatives[*number].lots && must_serve { 1.0 + STEEP } else { 1.0 };
                model.add(
                    Source::Alternative(order, *number),
                    worth(*number),
                    (low, high),
                    &self.entries(*number, sign, nodes),
                );
                model.close_set();
                continue;
            }
            for (number, nodes) in &choices {
                model.add(
                    Source::Alternative(order, *number),
                    worth(*number),
                    (0.0, 1.0),
                    &self.entries(*number, sign, nodes),
                );
            }
            model.close_set();
            for number in of.alternatives.clone().filter(|number| lots(*number) > 0 && !exempt(order)) {
                let mut nodes: Vec<usize> = self.award.hosts[number].iter().map(|(node, _)| *node).collect();
                nodes.dedup();
                // Its dearest nodes matter; each is a penalty of its own.
                let apart: Vec<Vec<usize>> =
                    if nodes.is_empty() { vec![Vec::new()] } else { nodes.iter().map(|node| vec![*node]).collect() };
                let high =
                    if lots(number) < book.alternatives[number].lots && is_divisible(number) { STEEP } else { 0.0 };
                for nodes in apart {
                    model.add(
                        Source::Alternative(order, number),
                        worth(number),
                        (-STEEP, high),
                        &self.entries(number, sign, &nodes),
                    );
                    model.close_set();
                }
            }
        }
        for (product, of) in book.products.iter().enumerate() {
            for (step, of) in of.supply.iter().enumerate() {
                let (units, used) = (of.quantity as f64, self.award.used[product][step]);
                let low = if used > 0 { -STEEP } else { 0.0 };
                let high = if used < of.quantity { 1.0 + STEEP } else { 1.0 };
                let row = self.number[&Row::Product(product)];
                model.add(Source::Step(product, step), -units * nano(of.reserve_nano), (low, high), &[(row, -units)]);
                model.close_set();
            }
        }
        for (number, arc) in book.arcs.iter().enumerate() {
            let flow = self.award.flows[number];
            let units = arc.limit.unwrap_or(flow).max(1) as f64;
            let ends = [(self.number[&Row::Product(arc.from)], units), (self.number[&Row::Product(arc.to)], -units)];
            let low = if flow > 0 { -STEEP } else { 0.0 };
            let high = if arc.limit.is_none_or(|limit| flow < limit) { 1.0 + STEEP } else { 1.0 };
            model.add(Source::Arc(number), -units * nano(arc.cost_nano), (low, high), &ends);
            model.close_set();
        }
        // The cheapest node costs no more than any: what is between the two is a penalty.
        for (row, of) in self.rows.iter().enumerate() {
            let Row::PoolRoom(product) = *of else { continue };
            for node in &book.pools[book.products[product].pool].nodes {
                let units = book.room(*node, product).max(1) as f64;
                let ends = [(self.number[&Row::NodeRoom(*node, product)], units), (row as u32, -units)];
                model.add(Source::Arc(0), 0.0, (0.0, 1.0 + STEEP), &ends);
                model.close_set();
            }
        }
        model.supply = self
            .rows
            .iter()
            .map(|row| match row {
                Row::NodeRoom(node, product) => book.room(*node, *product) as f64,
                _ => 0.0,
            })
            .collect();
        model.rows = self.rows;
        steepen(&mut model);
        model.rescale();
        model
    }
}
