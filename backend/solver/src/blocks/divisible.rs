//! The divisible orders beside fixed coarse lots: solved again, and rounded down to whole lots.

use super::award::Award;
use super::round::whole;
use crate::model::{Model, Row, Source};
use crate::price_search::{Point, close};
use headroom_market::clearing::book::Book;
use std::collections::BTreeMap;

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
    found.price
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
