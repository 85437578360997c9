//! From fills to whole lots; who comes first where bids tie.

use headroom_market::clearing::book::{Book, Line, Rank, Side};
use std::collections::BTreeMap;

/// A fill this close under a whole lot is one.
const CLOSE: f64 = 1e-3;
/// Worths that differ by this part are one to a float.
const NEAR: f64 = 1e-7;

fn gcd(a: i64, b: i64) -> i64 {
    if a == 0 { b } else { gcd(b % a, a) }
}

/// Products and their units in the smallest lot of that shape.
type Shape = Vec<(usize, i64)>;

/// Bids of one shape whose worth a unit a float may take for equal, each group by worth and then by rank:
/// (alternative, units of the shape in a lot).
pub fn ties(book: &Book) -> Vec<Vec<(usize, i64)>> {
    let mut shapes: BTreeMap<Shape, Vec<(Rank, usize, i64)>> = BTreeMap::new();
    for order in book.orders.iter().filter(|o| o.side == Side::Bid && !o.is_block) {
        let at = order.alternatives.start;
        let lines = book.lines_of(&book.alternatives[at]);
        let size = lines.iter().map(|line| line.quantity).fold(0, gcd);
        let mut shape: Shape = lines.iter().map(|line| (line.product, line.quantity / size)).collect();
        shape.sort_unstable();
        shapes.entry(shape).or_default().push((order.rank, at, size));
    }
    let worth = |(_, at, size): &(Rank, usize, i64)| {
        let alternative = &book.alternatives[*at];
        (i128::from(alternative.value_micro), i128::from(alternative.lots) * i128::from(*size))
    };
    let mut groups = Vec::new();
    for mut bids in shapes.into_values() {
        bids.sort_unstable_by(|one, two| {
            let ((of_one, units_of_one), (of_two, units_of_two)) = (worth(one), worth(two));
            (of_two * units_of_one).cmp(&(of_one * units_of_two)).then(one.0.cmp(&two.0))
        });
        let is_near = |high: &(Rank, usize, i64), low: &(Rank, usize, i64)| {
            let [high, low] = [high, low].map(|bid| worth(bid).0 as f64 / worth(bid).1 as f64);
            high - low <= NEAR * high
        };
        let near = bids.chunk_by(is_near).filter(|group| group.len() > 1);
        groups.extend(near.map(|group| group.iter().map(|(_, at, size)| (*at, *size)).collect()));
    }
    groups
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
