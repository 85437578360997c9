//! How much of a product an order could come to, were everything in the book there for it alone: for a bid what is
//! supplied and offered, here or where arcs come from; for an offer what is asked for, here or where arcs lead.
//!
//! An upper bound: what can come by several ways is counted for each of them. Nothing comes in a circle, as in
//! none more comes back than was sent.
use super::problem::Market;
use super::rational::Rat;

/// So many products are looked at for one answer; where that is not enough, all that is asked for counts as there.
const STEPS: usize = 1_000;

pub struct Reach<'a> {
    m: &'a Market<'a>,
    supplied: Vec<i128>,
    asked: Vec<i128>,
    arcs_to: Vec<Vec<usize>>,
    arcs_from: Vec<Vec<usize>>,
}

impl<'a> Reach<'a> {
    pub fn new(m: &'a Market<'a>) -> Reach<'a> {
        let none = || vec![Vec::new(); m.products.len()];
        let (mut arcs_to, mut arcs_from) = (none(), none());
        for (e, arc) in m.arcs.iter().enumerate() {
            arcs_to[arc.to].push(e);
            arcs_from[arc.from].push(e);
        }
        let mut supplied: Vec<i128> =
            m.steps_of.iter().map(|of| of.iter().map(|e| m.steps[*e].quantity).sum()).collect();
        let mut asked = vec![0; m.products.len()];
        for o in &m.orders {
            let sum = if o.bid { &mut asked } else { &mut supplied };
            // one alternative of an order wins at most
            let mut most = std::collections::BTreeMap::new();
            for (k, q) in o.alternatives.iter().flat_map(|a| &a.quantities) {
                let seen: &mut i128 = most.entry(*k).or_default();
                *seen = (*seen).max(*q);
            }
            most.into_iter().for_each(|(k, q)| sum[k] += q);
        }
        Reach { m, supplied, asked, arcs_to, arcs_from }
    }

    /// Whether an order could reach its least fill.
    pub fn least_fill(&self, order: usize) -> bool {
        let o = &self.m.orders[order];
        let enough = |(k, q): &(usize, i128)| self.suffices(o.bid, *k, &(&o.least * &Rat::int(*q)));
        o.alternatives.iter().any(|alternative| {
            if o.bid {
                return alternative.quantities.iter().all(enough);
            }
            // What nobody takes may stay idle, and is paid nothing: an offer wins if something else of it is paid
            // for, if it asks for nothing, or if its children carry it.
            alternative.value <= 0 || !o.children.is_empty() || alternative.quantities.iter().any(enough)
        })
    }

    fn suffices(&self, bid: bool, k: usize, least: &Rat) -> bool {
        if Rat::int(self.here(bid, k)) >= *least {
            return true;
        }
        let mut left = STEPS;
        self.walk(bid, k, &mut Vec::new(), &mut left).is_none_or(|there| there >= *least)
    }

    fn here(&self, bid: bool, k: usize) -> i128 {
        if bid { self.supplied[k] } else { self.asked[k] }
    }

    /// What there is at a product and beyond the arcs to it (a bid) or from it (an offer), without what
    /// lies on the way; `None` if the ways are too many.
    fn walk(&self, bid: bool, k: usize, way: &mut Vec<usize>, left: &mut usize) -> Option<Rat> {
        *left = left.checked_sub(1)?;
        way.push(k);
        let mut there = Rat::int(self.here(bid, k));
        for e in if bid { &self.arcs_to[k] } else { &self.arcs_from[k] } {
            let arc = &self.m.arcs[*e];
            let next = if bid { arc.from } else { arc.to };
            if way.contains(&next) {
                continue;
            }
            let beyond = self.walk(bid, next, way, left)?;
            // a limit counts what is sent, and of a unit sent `ratio` arrives
            let sent = if bid { beyond } else { beyond.div(&arc.ratio) };
            let sent = arc.limit.map_or(sent.clone(), |limit| sent.min(Rat::int(limit)));
            there = &there + &if bid { &arc.ratio * &sent } else { sent };
        }
        way.pop();
        Some(there)
    }
}
