//! From fills to whole lots; who comes first where bids tie.

use headroom_market::clearing::book::{Book, Line, Rank, Side};
use std::collections::BTreeMap;

/// A fill this close under a whole lot is one.
const CLOSE: f64 = 1e-3;

fn gcd(a: i64, b: i64) -> i64 {
    if a == 0 { b } else { gcd(b % a, a) }
}

fn gcd_wide(a: i128, b: i128) -> i128 {
    if a == 0 { b.max(1) } else { gcd_wide(b % a, a) }
}

/// What bids have in common of which the first in rank is served first: worth a unit, and shape.
type Likeness = (i128, i128, Vec<(usize, i64)>);

/// Groups of two and more bids that tie, each in the order of rank: (alternative, units of the shape in a lot).
pub fn ties(book: &Book) -> Vec<Vec<(usize, i64)>> {
    let size = |at: usize| book.lines_of(&book.alternatives[at]).iter().map(|line| line.quantity).fold(0, gcd);
    // Equal fractions have equal quotients: only bids of an equal one are compared.
    let mut priced: Vec<(f64, usize, usize)> = Vec::new();
    for (number, order) in book.orders.iter().enumerate().filter(|(_, o)| o.side == Side::Bid && !o.is_block) {
        let at = order.alternatives.start;
        let alternative = &book.alternatives[at];
        let units = alternative.lots as f64 * size(at) as f64;
        priced.push((alternative.value_micro as f64 / units, number, at));
    }
    priced.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut groups: BTreeMap<Likeness, Vec<(usize, usize, i64)>> = BTreeMap::new();
    let equal = priced.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1);
    for (_, number, at) in equal.flatten().copied() {
        let (alternative, size) = (&book.alternatives[at], size(at));
        let lines = book.lines_of(alternative);
        let mut shape: Vec<(usize, i64)> = lines.iter().map(|line| (line.product, line.quantity / size)).collect();
        shape.sort_unstable();
        let (worth, units) = (i128::from(alternative.value_micro), i128::from(alternative.lots) * i128::from(size));
        let common = gcd_wide(worth, units);
        let likeness = (worth / common, units / common, shape);
        groups.entry(likeness).or_default().push((number, at, size));
    }
    let many = groups.into_values().filter(|group| group.len() > 1);
    many.map(|mut group| {
        group.sort_unstable_by_key(|(order, ..)| book.orders[*order].rank);
        group.into_iter().map(|(_, at, size)| (at, size)).collect()
    })
    .collect()
}

/// What a lot is of, the nodes that are named, and whether it uses no others.
type Place<'b> = (&'b [Line], &'b [usize], bool);

/// Divisible bids for the same lots on the same nodes, each group in the order in which an optimum serves them: worth a lot,
/// then rank. Exact, where a float can't tell two limits apart.
pub fn queues(book: &Book, divisible: &[bool]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Place<'_>, Vec<(Rank, usize)>> = BTreeMap::new();
    for order in book.orders.iter().filter(|o| o.side == Side::Bid && !o.is_block) {
        let at = order.alternatives.start;
        let alternative = &book.alternatives[at];
        if divisible[at] {
            let place = (book.lines_of(alternative), &book.hosts[alternative.hosts.clone()], alternative.bound);
            groups.entry(place).or_default().push((order.rank, at));
        }
    }
    let worth = |at: usize| {
        let alternative = &book.alternatives[at];
        (i128::from(alternative.value_micro), i128::from(alternative.lots))
    };
    let many = groups.into_values().filter(|group| group.len() > 1);
    many.map(|mut group| {
        group.sort_unstable_by(|(one_rank, one), (two_rank, two)| {
            let ((one, of_one), (two, of_two)) = (worth(*one), worth(*two));
            (two * of_one).cmp(&(one * of_two)).then(one_rank.cmp(two_rank))
        });
        group.into_iter().map(|(_, at)| at).collect()
    })
    .collect()
}

pub fn whole(amount: f64) -> i64 {
    (amount + CLOSE.max(amount.abs() * 1e-8)).floor() as i64
}
