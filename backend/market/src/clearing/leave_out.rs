//! Who may be left out of a round whose outcome breaks a rule.
use super::attempt::Run;
use super::book::Order;
use super::check::Broken;
use super::outcome::Outcome;
use super::problem::Market;
use std::collections::BTreeSet;

/// All orders of the components that these are in.
pub fn together(m: &Market, orders: &BTreeSet<usize>) -> BTreeSet<usize> {
    let parts = m.components().into_iter().filter(|c| c.orders.iter().any(|i| orders.contains(i)));
    parts.flat_map(|c| c.orders).collect()
}

/// What an order offers or asks for the alternative that is worth least.
pub fn least_value(m: &Market, order: usize) -> i128 {
    m.orders[order].alternatives.iter().map(|a| a.value.abs()).min().unwrap_or(0)
}

/// The accepted blocks that buy what broken rules name, those of least value first.
pub fn yielding(m: &Market, outcome: &Outcome, broken: &[Broken]) -> Vec<usize> {
    let mut products: BTreeSet<usize> = BTreeSet::new();
    let position = |id: &str| m.book.orders.binary_search_by(|o| o.id.as_str().cmp(id)).ok();
    for b in broken.iter().filter(|b| ["I2", "I6", "I9"].contains(&b.rule)) {
        for (name, value) in &b.numbers {
            match *name {
                "order" => {
                    let concerned = position(value).into_iter().flat_map(|i| &m.orders[i].alternatives);
                    products.extend(concerned.flat_map(|a| &a.quantities).map(|q| q.0));
                }
                "product" => products.extend(m.products.iter().position(|k| k.to_string() == *value)),
                _ => {}
            }
        }
    }
    let won = outcome.awards.iter().filter_map(|a| Some((position(&a.order)?, a.alternative)));
    let buys = |(i, a): &(usize, usize)| {
        let o = &m.orders[*i];
        let alone = o.parent.is_none() && o.children.is_empty();
        o.bid && o.block && alone && o.alternatives[*a].quantities.iter().any(|q| products.contains(&q.0))
    };
    let mut found: Vec<(usize, usize)> = won.filter(buys).collect();
    found.sort_by_key(|(i, a)| (m.orders[*i].alternatives[*a].value, m.orders[*i].lot));
    found.into_iter().map(|(i, _)| i).collect()
}

/// The orders that broken rules name, or that a product or an instance named there concerns. Where nothing is named,
/// as with the welfare, those that were rounded to nothing.
pub fn offenders(m: &Market, run: &Run, broken: &[Broken]) -> BTreeSet<usize> {
    let mut named = BTreeSet::new();
    let mut concerned = BTreeSet::new();
    let position = |id: &str| m.book.orders.iter().position(|o| o.id == id);
    for (name, value) in broken.iter().flat_map(|b| &b.numbers) {
        match *name {
            "order" => named.extend(position(value)),
            "orders" | "served" => named.extend(value.split(',').filter_map(position)),
            "product" => {
                for (i, o) in m.orders.iter().enumerate() {
                    let uses = o.alternatives.iter().flat_map(|a| &a.quantities);
                    if uses.clone().any(|(k, _)| m.products[*k].to_string() == *value) {
                        concerned.insert(i);
                    }
                }
            }
            "instance" => {
                let mine = |o: &Order| o.instance.as_deref() == Some(value);
                concerned.extend((0..m.orders.len()).filter(|i| mine(&m.book.orders[*i])));
            }
            _ => {}
        }
    }
    if !named.is_empty() {
        return named;
    }
    let awarded: BTreeSet<usize> = run.outcome.awards.iter().filter_map(|a| position(&a.order)).collect();
    let partly: BTreeSet<usize> = concerned.intersection(&awarded).copied().collect();
    match (partly.is_empty(), concerned.is_empty()) {
        (false, _) => partly,
        (true, false) => concerned,
        (true, true) => Some(run.end.rounded_away()).filter(|gone| !gone.is_empty()).unwrap_or(awarded),
    }
}
