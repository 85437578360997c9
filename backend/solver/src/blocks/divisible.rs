//! The divisible orders beside fixed coarse lots: solved again, and made whole.

use super::award::Award;
use super::round::whole;
use crate::model::{Model, Row, Source, only_host};
use crate::price_search::{Point, close};
use headroom_market::clearing::book::{Book, NANO_PER_MICRO, Side};
use std::collections::{BTreeMap, BTreeSet};

/// A gain this small against what a column is worth is none.
const MARGINAL: f64 = 1e-7;
/// A price this small in its row's scale is none.
const PRICED: f64 = 1e-9;
const MOST_ROUNDS: usize = 6;

/// Fills the divisible columns beside the coarse lots of an award; answers the prices that support them.
pub fn fill(
    book: &Book,
    model: &Model,
    queues: &[Vec<usize>],
    is_open: &dyn Fn(usize) -> bool,
    award: &mut Award,
    from: &[f64],
) -> Vec<f64> {
    let part = part(book, model, is_open, award);
    let mut start = Point::start(&part);
    start.price = from.to_vec();
    let found = close(&part, start);
    for (column, source) in part.source.iter().enumerate() {
        let fill = found.fill[column];
        match *source {
            Source::Alternative(_, at) => {
                award.lots[at] = whole(fill * book.alternatives[at].lots as f64).min(book.alternatives[at].lots)
            }
            Source::Step(product, step) => {
                let all = book.products[product].supply[step].quantity;
                award.used[product][step] = whole(fill * all as f64).min(all);
            }
            Source::Arc(arc) => {
                let all = part.entries(column).next().map_or(0.0, |e| part.units[e] / part.scale[part.row[e] as usize]);
                let flow = whole(fill * all);
                award.flows[arc] = book.arcs[arc].limit.map_or(flow, |limit| flow.min(limit));
            }
        }
    }
    serve_queues(book, &part, &found.fill, queues, award);
    Balance::new(book, &part, &found.price).settle(award);
    lenders_first(book, award);
    found.price
}

/// What a column gains at prices, and the size of the numbers that this is a difference of.
fn gain(part: &Model, column: usize, price: &[f64]) -> (f64, f64) {
    let (mut gain, mut size) = (part.worth[column], part.worth[column].abs());
    for entry in part.entries(column) {
        let cost = part.units[entry] * price[part.row[entry] as usize];
        gain -= cost;
        size += cost.abs();
    }
    (gain, size)
}

/// What the open bids of a queue have together goes to the first of it, in whole lots.
fn serve_queues(book: &Book, part: &Model, fill: &[f64], queues: &[Vec<usize>], award: &mut Award) {
    let mut lots: Vec<Option<f64>> = vec![None; book.alternatives.len()];
    for (column, source) in part.source.iter().enumerate() {
        if let Source::Alternative(_, at) = source {
            lots[*at] = Some(fill[column] * book.alternatives[*at].lots as f64);
        }
    }
    for queue in queues {
        let mut left = whole(queue.iter().filter_map(|at| lots[*at]).sum());
        for at in queue.iter().filter(|at| lots[**at].is_some()) {
            award.lots[*at] = left.min(book.alternatives[*at].lots);
            left -= award.lots[*at];
        }
    }
}

/// What a member lends for no more than the operator asks is sold before it. A lender only adds room on its node.
fn lenders_first(book: &Book, award: &mut Award) {
    let mut open: Vec<Vec<usize>> = vec![Vec::new(); book.products.len()];
    for order in book.orders.iter().filter(|order| order.side == Side::Offer) {
        let at = order.alternatives.start;
        if award.lots[at] < book.alternatives[at].lots {
            open[book.lines_of(&book.alternatives[at])[0].product].push(at);
        }
    }
    for (product, mut offers) in open.into_iter().enumerate().filter(|(_, offers)| !offers.is_empty()) {
        let cost = |at: usize| {
            let offer = &book.alternatives[at];
            (i128::from(offer.value_micro) * NANO_PER_MICRO, i128::from(offer.lots))
        };
        offers.sort_by(|one, two| {
            let ((one, of_one), (two, of_two)) = (cost(*one), cost(*two));
            (one * of_two).cmp(&(two * of_one))
        });
        for (step, of) in book.products[product].supply.iter().enumerate().rev() {
            for at in &offers {
                let (cost, lots) = cost(*at);
                let more = award.used[product][step].min(book.alternatives[*at].lots - award.lots[*at]);
                if more > 0 && cost <= of.reserve_nano * lots {
                    award.used[product][step] -= more;
                    award.lots[*at] += more;
                }
            }
        }
    }
}

/// The divisible columns alone, with what the coarse lots leave of each row.
fn part(book: &Book, model: &Model, is_open: &dyn Fn(usize) -> bool, award: &Award) -> Model {
    let mut part = Model::new();
    let is_open = |column: &usize| match model.source[*column] {
        Source::Alternative(_, at) => is_open(at),
        _ => true,
    };
    for column in (0..model.columns()).filter(is_open) {
        // A block that has won is as divisible as any bid above its minimum.
        let low = match model.source[column] {
            Source::Alternative(order, at) if book.orders[order].is_block => {
                book.alternatives[at].least as f64 / book.alternatives[at].lots as f64
            }
            _ => 0.0,
        };
        let entries: Vec<(u32, f64)> = model.entries(column).map(|e| (model.row[e], model.units[e])).collect();
        part.add(model.source[column], model.worth[column], (low, 1.0), &entries);
        part.close_set();
    }
    part.rows = model.rows.clone();
    part.scale = model.scale.clone();
    part.supply = model.supply.clone();
    let number: BTreeMap<Row, usize> = model.rows.iter().enumerate().map(|(n, row)| (*row, n)).collect();
    for column in (0..model.columns()).filter(|column| !is_open(column)) {
        let Source::Alternative(_, at) = model.source[column] else { continue };
        let alternative = &book.alternatives[at];
        let share = award.lots[at] as f64 / alternative.lots as f64;
        if share == 0.0 {
            continue;
        }
        for entry in model.entries(column) {
            let row = model.row[entry] as usize;
            if !matches!(model.rows[row], Row::NodeRoom(..)) {
                part.supply[row] -= model.units[entry] * share;
            }
        }
        for (node, lots) in &award.hosts[at] {
            for line in book.load_in(alternative, book.nodes[*node].pool) {
                if let Some(row) = number.get(&Row::NodeRoom(*node, line.product)) {
                    part.supply[*row] -= (line.quantity * lots) as f64 * model.scale[*row];
                }
            }
        }
    }
    // Whole units: a last digit of a float may not leave less than nothing.
    part.supply.iter_mut().zip(&part.scale).for_each(|(supply, scale)| *supply = (*supply / scale).round() * scale);
    part
}

/// Makes sold and bought agree to the unit, by columns at the margin.
struct Balance<'a> {
    book: &'a Book,
    part: &'a Model,
    /// Columns at the margin by product: orders in the order of rank, then supply and arcs.
    by_product: Vec<Vec<usize>>,
    /// Products with a price.
    priced: BTreeSet<Row>,
}

impl<'a> Balance<'a> {
    fn new(book: &'a Book, part: &'a Model, price: &[f64]) -> Self {
        let is_marginal = |column: &usize| {
            let (gain, size) = gain(part, *column, price);
            gain.abs() <= MARGINAL * size
        };
        let mut marginal: Vec<usize> = (0..part.columns()).filter(is_marginal).collect();
        marginal.sort_by_key(|column| match part.source[*column] {
            Source::Alternative(order, _) => (0, Some(book.orders[order].rank)),
            _ => (1, None),
        });
        let mut by_product: Vec<Vec<usize>> = vec![Vec::new(); book.products.len()];
        for column in &marginal {
            for entry in part.entries(*column) {
                if let Row::Product(product) = part.rows[part.row[entry] as usize] {
                    by_product[product].push(*column);
                }
            }
        }
        let priced = part.rows.iter().zip(price).filter(|(_, price)| **price > PRICED).map(|(row, _)| *row).collect();
        Balance { book, part, by_product, priced }
    }

    fn settle(&self, award: &mut Award) {
        let book = self.book;
        for _ in 0..MOST_ROUNDS {
            self.seat(award);
            let mut is_even = true;
            let mut left = award.left(book);
            let room = award.room(book);
            for product in 0..book.products.len() {
                if left[product] < 0 || (left[product] > 0 && self.priced.contains(&Row::Product(product))) {
                    is_even = false;
                    // What is missing comes from sellers first and then from the last bids in rank; what is over goes to
                    // the first bids in rank.
                    let (bids, mut sellers): (Vec<usize>, Vec<usize>) =
                        self.by_product[product].iter().partition(|c| self.is_bid(**c));
                    // Steps first: offers lend room on nodes as well.
                    sellers.sort_by_key(|column| matches!(self.part.source[*column], Source::Alternative(..)));
                    let is_short = left[product] < 0;
                    let order: Vec<usize> = if is_short {
                        sellers.into_iter().chain(bids.into_iter().rev()).collect()
                    } else {
                        bids.into_iter().chain(sellers).collect()
                    };
                    for column in order {
                        self.change(column, product, award, &mut left, &room);
                    }
                }
            }
            if is_even {
                break;
            }
        }
        // What still is bought beyond what is sold goes without.
        let mut left = award.left(book);
        for column in (0..self.part.columns()).rev() {
            let Source::Alternative(order, at) = self.part.source[column] else { continue };
            if book.orders[order].side == Side::Bid && award.lots[at] > 0 {
                let lines = book.lines_of(&book.alternatives[at]);
                let least = if book.orders[order].is_block { book.alternatives[at].least } else { 0 };
                let over = lines
                    .iter()
                    .map(|line| -left[line.product])
                    .max()
                    .unwrap_or(0)
                    .clamp(0, i128::from((award.lots[at] - least).max(0)));
                award.lots[at] -= over as i64;
                lines.iter().for_each(|line| left[line.product] += over);
            }
        }
        self.take_back(award, &mut left);
        self.seat(award);
    }

    /// What is sold and nobody buys goes back along arcs and to supply: it is not sold out then, and its price is bound
    /// by that.
    fn take_back(&self, award: &mut Award, left: &mut [i128]) {
        for _ in 0..MOST_ROUNDS {
            for (number, arc) in self.book.arcs.iter().enumerate() {
                let back = i128::from(award.flows[number]).min(left[arc.to].max(0));
                award.flows[number] -= back as i64;
                left[arc.to] -= back;
                left[arc.from] += back;
            }
        }
        for (product, steps) in award.used.iter_mut().enumerate() {
            for used in steps.iter_mut().rev() {
                let back = i128::from(*used).min(left[product].max(0));
                *used -= back as i64;
                left[product] -= back;
            }
        }
    }

    fn is_bid(&self, column: usize) -> bool {
        matches!(self.part.source[column], Source::Alternative(order, _) if self.book.orders[order].side == Side::Bid)
    }

    /// Puts the lots of divisible orders onto their only nodes, as far as they have one.
    fn seat(&self, award: &mut Award) {
        for source in &self.part.source {
            let Source::Alternative(_, at) = *source else { continue };
            let alternative = &self.book.alternatives[at];
            let pool = self.book.products[self.book.lines_of(alternative)[0].product].pool;
            if let Some(node) = only_host(self.book, alternative, pool) {
                award.hosts[at] = if award.lots[at] > 0 { vec![(node, award.lots[at])] } else { Vec::new() };
            }
        }
    }

    /// What sellers at the margin of a product can sell more, or less.
    fn slack(&self, product: usize, more: bool, award: &Award) -> i128 {
        let open = |column: &usize| match self.part.source[*column] {
            Source::Step(of, step) if of == product => {
                let used = award.used[product][step];
                if more { self.book.products[product].supply[step].quantity - used } else { used }
            }
            Source::Alternative(order, at)
                if self.book.orders[order].side == Side::Offer
                    && self.book.lines_of(&self.book.alternatives[at])[0].product == product =>
            {
                if more {
                    self.book.alternatives[at].lots - award.lots[at]
                } else {
                    award.lots[at]
                }
            }
            _ => 0,
        };
        self.by_product[product].iter().map(|column| i128::from(open(column))).sum()
    }

    /// Changes a marginal column so that a product comes out even, if that makes no other product short.
    fn change(&self, column: usize, product: usize, award: &mut Award, left: &mut [i128], room: &[Vec<i128>]) {
        let book = self.book;
        let need = left[product];
        if need == 0 {
            return;
        }
        match self.part.source[column] {
            Source::Step(_, step) => {
                let used = &mut award.used[product][step];
                let next =
                    (i128::from(*used) - need).clamp(0, i128::from(book.products[product].supply[step].quantity));
                left[product] += next - i128::from(*used);
                *used = next as i64;
            }
            Source::Arc(number) => {
                let arc = &book.arcs[number];
                let flow = award.flows[number];
                let change = if arc.to == product { -need } else { need };
                let next = (i128::from(flow) + change).clamp(0, arc.limit.map_or(i128::MAX, i128::from));
                let change = next - i128::from(flow);
                left[arc.from] -= change;
                left[arc.to] += change;
                award.flows[number] = next as i64;
            }
            Source::Alternative(order, at) => {
                let alternative = &book.alternatives[at];
                let lines = book.lines_of(alternative);
                let is_bid = book.orders[order].side == Side::Bid;
                // A window changes only as far as sellers at the margin make up for it in its other slots.
                let most = lines.iter().map(|line| {
                    let open = if need > 0 { left[line.product] } else { -left[line.product] };
                    let others = if line.product == product { 0 } else { self.slack(line.product, need > 0, award) };
                    (open + others).max(0)
                });
                let most = most.min().unwrap_or(0);
                let mut change = if (need > 0) == is_bid { most } else { -most };
                if change > 0 {
                    let pool = book.products[product].pool;
                    for line in
                        book.load_in(alternative, pool).iter().filter(|_| is_bid && !book.pools[pool].nodes.is_empty())
                    {
                        let at = line.product - book.pools[pool].products.start;
                        let fits = match only_host(book, alternative, pool) {
                            Some(node) => room[node][at],
                            None => book.pools[pool].nodes.iter().map(|node| room[*node][at].max(0)).sum(),
                        };
                        change = change.min(fits.max(0));
                    }
                }
                let least = if book.orders[order].is_block { alternative.least } else { 0 };
                let next = (i128::from(award.lots[at]) + change).clamp(i128::from(least), i128::from(alternative.lots));
                let change = next - i128::from(award.lots[at]);
                award.lots[at] = next as i64;
                let sign = if is_bid { -1 } else { 1 };
                lines.iter().for_each(|line| left[line.product] += sign * change * i128::from(line.quantity));
            }
        }
    }
}
