//! Bids that were rounded to nothing: where more is left over than rounding explains and nobody else has use for it, they
//! have a unit, the largest remainder first. Supply would lie idle under its price else.
use super::problem::Component;
use super::rational::Rat;
use super::rounding::{Filled, Rounding};
use super::search::Solved;
use std::collections::BTreeMap;

impl Rounding<'_> {
    /// Takes out who has nothing, and answers which of them may have a unit after all: bids that may be filled to any
    /// part and are in no family. Of a replica nobody has a part.
    pub(super) fn take_out_empty(&mut self) -> BTreeMap<usize, Filled> {
        let is_empty = |f: &Filled| f.quantities.iter().all(|q| *q == 0);
        let empty = self.whole.orders.extract_if(.., |_, f| is_empty(f));
        empty
            .filter(|(i, _)| {
                let o = &self.m.orders[*i];
                o.bid && !o.block && o.replicas.is_none() && o.parent.is_none() && o.children.is_empty()
            })
            .collect()
    }

    /// Gives them what is left. True if anybody got something.
    pub(super) fn give_emptied(
        &mut self,
        c: &Component,
        empty: BTreeMap<usize, Filled>,
        steps: &BTreeMap<usize, Rat>,
        s: &Solved,
    ) -> bool {
        let mut queue: Vec<(Rat, [u8; 32], usize, usize)> = Vec::new();
        for (i, f) in &empty {
            let o = &self.m.orders[*i];
            for (p, (_, all)) in o.alternatives[f.alternative].quantities.iter().enumerate() {
                queue.push((-&(&f.fill * &Rat::int(*all)), o.lot, *i, p));
            }
        }
        queue.sort();
        let mut left: BTreeMap<usize, i128> =
            self.overfull(c, steps, s).into_iter().map(|k| (k, self.over(k, steps))).collect();
        let mut given = false;
        for (_, _, i, p) in queue {
            let f = &empty[&i];
            let k = self.m.orders[i].alternatives[f.alternative].quantities[p].0;
            if self.whole.orders.contains_key(&i) || left.get(&k).is_none_or(|units| *units <= 0) {
                continue;
            }
            self.whole.orders.insert(i, f.clone());
            if !self.may_add(i, p) {
                self.whole.orders.remove(&i);
                continue;
            }
            if let Some(f) = self.whole.orders.get_mut(&i) {
                f.quantities[p] = 1;
            }
            left.entry(k).and_modify(|units| *units -= 1);
            given = true;
        }
        given
    }
}
