//! Whether prices at a collar carry what is traded in whole replicas.
//!
//! As everywhere: what gains is had in full, what loses is not had, and what is had in part gains nothing. But for two
//! things. At a collar a bid may be short of what it gains by. And what is less than a replica of those that are filled
//! in part may be left over, although it would bring more than it costs.
use super::model::Meaning;
use super::problem::{Component, Market};
use super::rational::Rat;
use super::search::Solved;
use super::simplex::Column;
use std::collections::BTreeMap;

/// By row of the program.
type ByRow = BTreeMap<usize, Rat>;

/// `bounded` are the orders that whole replicas bound, by alternative.
pub fn carry(
    m: &Market,
    c: &Component,
    prices: &[Rat],
    traded: &Solved,
    bounded: &BTreeMap<(usize, usize), Option<Rat>>,
) -> bool {
    let row = |k: &usize| traded.model.product_row[k];
    let price: ByRow = c.products.iter().zip(prices).map(|(k, p)| (row(k), p.clone())).collect();
    let lumps = lumps(m, traded, bounded);
    let at_collar = |i: usize| {
        let mut asked = m.orders[i].alternatives.iter().flat_map(|a| &a.quantities);
        m.orders[i].bid && asked.any(|(k, _)| price[&row(k)] >= Rat::int(m.cap[*k]))
    };
    let columns = traded.model.meaning.iter().zip(&traded.model.lp.cols).zip(&traded.values);
    columns.into_iter().all(|((meaning, col), value)| {
        let gain = gain(col, &price);
        match meaning {
            Meaning::Missing(_) => true,
            Meaning::Arc(_) => agrees(col, value, &gain),
            Meaning::Step(_) => {
                let left = &col.hi.clone().unwrap_or_default() - value;
                let lump = col.entries.iter().filter_map(|(r, _)| lumps.get(r)).fold(Rat::ZERO, |t, l| &t + l);
                agrees(col, value, &gain) || gain.is_pos() && left < lump
            }
            Meaning::Orders { members, .. } => {
                let first = members[0].0;
                let refused_block = m.orders[first].block && !value.is_pos();
                let short = gain.is_pos() && value.is_pos() && at_collar(first);
                refused_block || agrees(col, value, &gain) || short
            }
        }
    })
}

/// What a unit of a column brings at these prices beyond what it costs.
fn gain(col: &Column, price: &ByRow) -> Rat {
    let paid = col.entries.iter().filter_map(|(r, e)| Some(e * price.get(r)?));
    paid.fold(col.cost.clone(), |gain, paid| &gain - &paid)
}

/// Had in full where it gains, not at all where it loses.
fn agrees(col: &Column, value: &Rat, gain: &Rat) -> bool {
    let full = col.hi.as_ref().is_some_and(|most| value >= most);
    gain.is_zero() || (gain.is_pos() && full) || (gain.is_neg() && !value.is_pos())
}

/// Less than this of a product may be left over.
fn lumps(m: &Market, traded: &Solved, bounded: &BTreeMap<(usize, usize), Option<Rat>>) -> ByRow {
    let mut lumps = ByRow::new();
    for (meaning, value) in traded.model.meaning.iter().zip(&traded.values) {
        let Meaning::Orders { alternative, members } = meaning else { continue };
        for (i, _) in members.iter().filter(|m| value.is_pos() && bounded.contains_key(&(m.0, *alternative))) {
            let o = &m.orders[*i];
            let Some(n) = o.replicas else { continue };
            for (k, q) in &o.alternatives[*alternative].quantities {
                let lump = lumps.entry(traded.model.product_row[k]).or_default();
                *lump = &*lump + &Rat::int(q / n);
            }
        }
    }
    lumps
}
