//! Circles of arcs in which more comes back than was sent: capacity out of nothing.
use super::book::{Arc, ProductKey};
use super::rational::Rat;
use std::collections::{BTreeMap, BTreeSet};

/// An arc of such a circle, by its place in the list.
///
/// The most that one unit of anything becomes on its way to each product goes on growing in a circle that gains, and
/// in none other beyond as many arcs as there are products (Bellman and Ford, with products for sums).
pub fn gaining(arcs: &[Arc]) -> Option<usize> {
    if arcs.iter().all(|a| a.ratio.0 <= Rat::ONE) {
        return None;
    }
    let arcs = in_circles(arcs);
    let mut most: BTreeMap<&ProductKey, Rat> = BTreeMap::new();
    for (_, a) in &arcs {
        most.insert(&a.from, Rat::ONE);
        most.insert(&a.to, Rat::ONE);
    }
    for turn in 0..=most.len() {
        let mut grew = None;
        for (i, a) in &arcs {
            let arrives = &most[&a.from] * &a.ratio.0;
            if arrives > most[&a.to] {
                most.insert(&a.to, arrives);
                grew = Some(*i);
            }
        }
        if grew.is_none() || turn == most.len() {
            return grew;
        }
    }
    None
}

/// Those that may lie in a circle: without what leads from a product that nothing leads to, or to one that nothing
/// leaves.
fn in_circles(arcs: &[Arc]) -> Vec<(usize, &Arc)> {
    let mut left: Vec<(usize, &Arc)> = arcs.iter().enumerate().filter(|(_, a)| a.ratio.0.is_pos()).collect();
    loop {
        let before = left.len();
        let ends =
            |end: fn(&Arc) -> &ProductKey| -> BTreeSet<&ProductKey> { left.iter().map(|(_, a)| end(a)).collect() };
        let (starts, goals) = (ends(|a| &a.from), ends(|a| &a.to));
        left.retain(|(_, a)| goals.contains(&a.from) && starts.contains(&a.to));
        if left.len() == before {
            return left;
        }
    }
}
