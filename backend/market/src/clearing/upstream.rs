//! How much of a product a bid could have, were everything in the book there for it alone: what is supplied and
//! offered, here or where arcs come from. An offer reaches any fill: what nobody takes may stay idle.
//!
//! An upper bound: what can come by several ways is counted for each of them. Nothing comes in a circle, as in
//! none more comes back than was sent.
use super::problem::Market;
use super::rational::Rat;

/// So many products are looked at for one answer; where that is not enough, all that is asked for counts as there.
const STEPS: usize = 1_000;

pub struct Upstream<'a> {
    m: &'a Market<'a>,
    supplied: Vec<i128>,
    arcs_to: Vec<Vec<usize>>,
}

impl<'a> Upstream<'a> {
    pub fn new(m: &'a Market<'a>) -> Upstream<'a> {
        let mut arcs_to = vec![Vec::new(); m.products.len()];
        for (e, arc) in m.arcs.iter().enumerate() {
            arcs_to[arc.to].push(e);
        }
        let mut supplied: Vec<i128> =
            m.steps_of.iter().map(|of| of.iter().map(|e| m.steps[*e].quantity).sum()).collect();
        for o in m.orders.iter().filter(|o| !o.bid) {
            // one alternative of an order wins at most
            let mut most = std::collections::BTreeMap::new();
            for (k, q) in o.alternatives.iter().flat_map(|a| &a.quantities) {
                let seen: &mut i128 = most.entry(*k).or_default();
                *seen = (*seen).max(*q);
            }
            most.into_iter().for_each(|(k, q)| supplied[k] += q);
        }
        Upstream { m, supplied, arcs_to }
    }

    /// Whether an order could reach its least fill, or a whole replica.
    pub fn least_fill(&self, order: usize) -> bool {
        let o = &self.m.orders[order];
        !o.bid || (0..o.alternatives.len()).any(|a| self.reaches(order, a))
    }

    /// The same of one alternative of a bid.
    pub fn reaches(&self, order: usize, alternative: usize) -> bool {
        let o = &self.m.orders[order];
        let least = o.replicas.map_or(Rat::ZERO, |n| Rat::ratio(1, n)).max(o.least.clone());
        o.alternatives[alternative].quantities.iter().all(|(k, q)| self.suffices(*k, &(&least * &Rat::int(*q))))
    }

    /// Whether there is anything of all that an alternative asks for, at any price.
    pub fn is_supplied(&self, order: usize, alternative: usize) -> bool {
        let anything = |k: usize| {
            let mut left = STEPS;
            self.supplied[k] > 0 || self.walk(k, &mut Vec::new(), &mut left).is_none_or(|there| there.is_pos())
        };
        self.m.orders[order].alternatives[alternative].quantities.iter().all(|(k, _)| anything(*k))
    }

    fn suffices(&self, k: usize, least: &Rat) -> bool {
        let mut left = STEPS;
        Rat::int(self.supplied[k]) >= *least
            || self.walk(k, &mut Vec::new(), &mut left).is_none_or(|there| there >= *least)
    }

    /// What there is at a product and beyond the arcs to it, without what lies on the way; `None` if the
    /// ways are too many.
    fn walk(&self, k: usize, way: &mut Vec<usize>, left: &mut usize) -> Option<Rat> {
        *left = left.checked_sub(1)?;
        way.push(k);
        let mut there = Rat::int(self.supplied[k]);
        for e in &self.arcs_to[k] {
            let arc = &self.m.arcs[*e];
            if way.contains(&arc.from) {
                continue;
            }
            let beyond = self.walk(arc.from, way, left)?;
            // a limit counts what is sent, and of a unit sent `ratio` arrives
            let sent = arc.limit.map_or(beyond.clone(), |limit| beyond.min(Rat::int(limit)));
            there = &there + &(&arc.ratio * &sent);
        }
        way.pop();
        Some(there)
    }
}
