//! Bids that nothing there is could serve for what they pay: the best allocation has none of them either, so they keep
//! nobody's welfare down.
use super::problem::{Market, OrderRef};
use super::rational::Rat;
use std::collections::BTreeMap;

/// Base units and what one costs at least, the cheapest first, by product.
pub struct Supply(BTreeMap<usize, Vec<(i128, Rat)>>);

impl Supply {
    pub fn of(m: &Market) -> Supply {
        let mut supply: BTreeMap<usize, Vec<(i128, Rat)>> = BTreeMap::new();
        for step in &m.steps {
            supply.entry(step.product).or_default().push((step.quantity, Rat::int(step.reserve)));
        }
        for alternative in m.orders.iter().filter(|o| !o.bid).flat_map(|o| &o.alternatives) {
            for (k, quantity) in &alternative.quantities {
                // of a bundle a part may be had for nothing
                let alone = alternative.quantities.len() == 1;
                let cost = if alone { Rat::ratio(alternative.value, *quantity) } else { Rat::ZERO };
                supply.entry(*k).or_default().push((*quantity, cost));
            }
        }
        // what comes along an arc is not followed to where it is from
        for arc in &m.arcs {
            supply.entry(arc.to).or_default().push((i128::MAX, Rat::ZERO));
        }
        supply.values_mut().for_each(|parts| parts.sort_by(|a, b| a.1.cmp(&b.1)));
        Supply(supply)
    }

    /// Whether the least of a bid costs more than it is worth, whichever alternative it takes and whoever else goes
    /// without. One with children may be carried by them.
    pub fn is_beyond(&self, o: &OrderRef) -> bool {
        let too_dear = |a: &super::problem::AltRef| {
            let cost = a.quantities.iter().try_fold(Rat::ZERO, |total, (k, quantity)| {
                Some(&total + &self.cost(*k, &(&o.least * &Rat::int(*quantity)))?)
            });
            cost.is_none_or(|cost| cost > &o.least * &Rat::int(a.value))
        };
        o.bid && o.children.is_empty() && o.least.is_pos() && o.alternatives.iter().all(too_dear)
    }

    /// What so much of a product costs at least; none where there is too little.
    fn cost(&self, product: usize, quantity: &Rat) -> Option<Rat> {
        let (mut left, mut cost) = (quantity.clone(), Rat::ZERO);
        for (there, each) in self.0.get(&product)? {
            let part = left.clone().min(Rat::int(*there));
            cost = &cost + &(&part * each);
            left = &left - &part;
            if left.is_zero() {
                return Some(cost);
            }
        }
        None
    }
}
