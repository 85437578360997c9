//! Who asks for what is scarce: whoever takes of the product itself, and whoever takes of one to which arcs send it
//! on. Behind an arc a price is no more than the one before it and what the arc costs, so a collar before the arc
//! holds down what is behind it, whatever the collar there.
use super::explain::NANO_PER_MICRO;
use super::model::{Meaning, Model};
use super::problem::{Component, Market};
use super::rational::Rat;
use super::simplex::Simplex;
use std::collections::{BTreeMap, BTreeSet};

/// Where products that are scarce are sent on to.
#[derive(Clone, Debug, Default)]
pub struct Behind {
    /// By product (by position in the component), the rows of those behind it.
    rows: BTreeMap<usize, BTreeSet<usize>>,
    /// The columns of arcs that hold the prices of all these down.
    pub arcs: Vec<usize>,
}

impl Behind {
    /// Where arcs whose prices agree in a solved program lead from products that are missing.
    pub fn of(m: &Market, c: &Component, model: &Model, solved: &Simplex, missing: &[usize]) -> Behind {
        // one that is at its limit holds no price down
        let full = |j: usize| solved.lp.cols[j].hi.as_ref().is_some_and(|most| solved.var(j) >= *most);
        let holds = |j: usize| solved.reduced(j).is_zero() && !full(j);
        let sent = model.meaning.iter().enumerate().filter_map(|(j, meaning)| match meaning {
            Meaning::Arc(e) if holds(j) => Some((m.arcs[*e].from, m.arcs[*e].to)),
            _ => None,
        });
        let sent: Vec<(usize, usize)> = sent.collect();
        let rows = |k: usize| reached(&sent, BTreeSet::from([k])).iter().map(|k| model.product_row[k]).collect();
        let all = reached(&sent, missing.iter().map(|k| c.products[*k]).collect());
        let leads_on = |meaning: &Meaning| matches!(meaning, Meaning::Arc(e) if all.contains(&m.arcs[*e].from));
        let arcs = (0..model.meaning.len()).filter(|j| leads_on(&model.meaning[*j]) && holds(*j)).collect();
        Behind { rows: missing.iter().map(|k| (*k, rows(c.products[*k]))).collect(), arcs }
    }

    /// Whether a column takes of a product (by position in the component), there or behind it.
    pub fn takes(&self, model: &Model, c: &Component, j: usize, k: usize) -> bool {
        let row = model.product_row[&c.products[k]];
        let behind = self.rows.get(&k);
        let there = |r: &usize| *r == row || behind.is_some_and(|rows| rows.contains(r));
        model.lp.cols[j].entries.iter().any(|(r, e)| there(r) && e.is_pos())
    }

    /// Whether a column takes of one of these products itself.
    pub fn is_at(model: &Model, c: &Component, j: usize, products: &[usize]) -> bool {
        products.iter().any(|k| Behind::default().takes(model, c, j, *k))
    }
}

/// The products at their collars at these prices (in nano-credits), and those whose prices are held down by that, as
/// arcs that could send more lead to them.
pub fn held_down<'a>(
    m: &Market,
    price: &[i128],
    flows: impl Iterator<Item = (&'a usize, &'a i128)>,
) -> BTreeSet<usize> {
    let holds = |(e, flow): &(&usize, &i128)| {
        let arc = &m.arcs[**e];
        let most = Rat::int(price[arc.from] + arc.cost * NANO_PER_MICRO);
        let gain = &(&arc.ratio * &Rat::int(price[arc.to])) - &most;
        arc.limit.is_none_or(|l| l > **flow) && gain.abs() <= &Rat::ONE + &arc.ratio
    };
    let sent: Vec<(usize, usize)> = flows.filter(holds).map(|(e, _)| (m.arcs[*e].from, m.arcs[*e].to)).collect();
    let collar = |k: &usize| price[*k] >= m.cap[*k] * NANO_PER_MICRO;
    reached(&sent, (0..price.len()).filter(collar).collect())
}

/// What is reached from these along arcs, and these.
pub(super) fn reached(arcs: &[(usize, usize)], mut reached: BTreeSet<usize>) -> BTreeSet<usize> {
    while let Some((_, to)) = arcs.iter().find(|(from, to)| reached.contains(from) && !reached.contains(to)) {
        reached.insert(*to);
    }
    reached
}
