//! The outcome's own numbers into the facts: prices, awards, refusals, supply and flows. The shape
//! of the outcome is tested on the way (every order once, whole replicas, quantities in bounds).
use super::super::book::ProductKey;
use super::super::outcome::{Outcome, Reason};
use super::super::rational::Rat;
use super::Report;
use super::facts::{AwardFacts, Facts, NANO_PER_MICRO};
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Facts<'a> {
    pub(super) fn read_prices(&mut self, out: &Outcome, index: &BTreeMap<&ProductKey, usize>, r: &mut Report) {
        let mut seen = BTreeSet::new();
        for p in &out.prices {
            let key = ProductKey { pool: p.pool.clone(), resource: p.resource.clone(), slot: p.slot };
            let Some(&k) = index.get(&key) else {
                r.bad("FORMAT", "a price of a product that is not in the book", &[("product", &key)]);
                continue;
            };
            if !seen.insert(k) {
                r.bad("I5", "two prices for one product", &[("product", &key)]);
            }
            self.price[k] = p.price.0.into();
            self.low[k] = p.low.unwrap_or(p.price).0.into();
            self.high[k] = p.high.unwrap_or(p.price).0.into();
        }
        for (key, k) in index {
            if !seen.contains(k) {
                r.bad("I5", "no price for a product of the book", &[("product", key)]);
            }
        }
    }

    pub(super) fn read_awards(
        &mut self,
        out: &'a Outcome,
        index: &BTreeMap<&ProductKey, usize>,
        ids: &BTreeMap<&str, usize>,
        r: &mut Report,
    ) {
        self.awards = self.orders.iter().map(|_| None).collect();
        self.refused = vec![None; self.orders.len()];
        for w in &out.awards {
            let Some(&i) = ids.get(w.order.as_str()) else {
                r.bad("FORMAT", "an award of an order that is not in the book", &[("order", &w.order)]);
                continue;
            };
            if self.awards[i].is_some() {
                r.bad("ROW6", "an order is awarded twice", &[("order", &w.order)]);
                continue;
            }
            let o = &self.orders[i];
            let Some(asked) = o.alternatives.get(w.alternative) else {
                r.bad("FORMAT", "no such alternative", &[("order", &w.order), ("alternative", &w.alternative)]);
                continue;
            };
            let mut got = vec![0_i128; asked.len()];
            for q in &w.quantities {
                let at = index.get(&q.product).and_then(|k| asked.iter().position(|a| a.0 == *k));
                match at {
                    Some(p) => got[p] += i128::from(q.quantity),
                    None if q.quantity == 0 => {}
                    None => r.bad(
                        "ROW6",
                        "an award of a product that the alternative does not ask for",
                        &[("order", &w.order), ("product", &q.product), ("quantity", &q.quantity)],
                    ),
                }
            }
            for ((_, most), v) in asked.iter().zip(&got) {
                if v < &0 || v > most {
                    r.bad(
                        "ROW6",
                        "an award outside 0..quantity",
                        &[("order", &w.order), ("awarded", v), ("asked", most)],
                    );
                }
            }
            let full = asked.iter().zip(&got).all(|(a, g)| a.1 == *g);
            let mut replicas = 1;
            if let Some(n) = o.replicas {
                let each: BTreeSet<Rat> = asked.iter().zip(&got).map(|(a, g)| Rat::ratio(g * n, a.1)).collect();
                if each.len() > 1 || each.iter().any(|v| !v.is_int()) {
                    r.bad(
                        "ROW6",
                        "an order with replicas is not filled in whole replicas",
                        &[("order", &w.order), ("replicas", &n)],
                    );
                }
                replicas = each.iter().next().map_or(0, Rat::floor);
            }
            let mut lo = Rat::ZERO;
            let mut hi = Rat::ONE;
            for (p, (a, g)) in asked.iter().zip(&got).enumerate() {
                let u = o.unit(w.alternative, p);
                if !full {
                    lo = lo.max(Rat::ratio(g - u, a.1));
                    hi = hi.min(Rat::ratio(g + u, a.1));
                } else {
                    lo = Rat::ONE;
                }
            }
            if lo > hi {
                r.bad(
                    "FILL",
                    "the products of a bundle are filled unequally",
                    &[("order", &w.order), ("between", &lo), ("and", &hi)],
                );
            }
            if let Some(fill) = &w.fill {
                let fill = &fill.0;
                let e = Rat::ratio(1, 1_000_000);
                if !fill.is_pos() || *fill > Rat::ONE {
                    r.bad("FORMAT", "a fill outside 0..1", &[("order", &w.order), ("fill", fill)]);
                }
                let unit = (0..asked.len())
                    .map(|p| Rat::ratio(o.unit(w.alternative, p), asked[p].1))
                    .max()
                    .unwrap_or_default();
                let near =
                    if full { fill > &(&(&Rat::ONE - &unit) - &e) } else { (fill + &e) >= lo && (fill - &e) <= hi };
                if !near {
                    r.bad(
                        "FILL",
                        "the printed fill differs from the quantities",
                        &[("order", &w.order), ("fill", fill), ("between", &lo), ("and", &hi)],
                    );
                } else if !full {
                    lo = lo.max(fill - &e);
                    hi = hi.min(fill + &e);
                }
            }
            self.awards[i] = Some(AwardFacts {
                alternative: w.alternative,
                got,
                full,
                lo,
                hi,
                fill: w.fill.as_ref().map(|fill| fill.0.clone()),
                money: i128::from(w.money.0) * NANO_PER_MICRO,
                replicas,
                given_up: w.limited_by == Some(Reason::SolverFallback),
            });
        }
        for x in &out.refused {
            match ids.get(x.order.as_str()) {
                None => r.bad("FORMAT", "a refusal of an order that is not in the book", &[("order", &x.order)]),
                Some(&i) => {
                    if self.refused[i].is_some() || self.awards[i].is_some() {
                        r.bad("FORMAT", "an order is refused and told of again", &[("order", &x.order)]);
                    }
                    self.refused[i] = Some(x);
                }
            }
        }
        for (i, o) in self.orders.iter().enumerate() {
            if self.awards[i].is_none() && self.refused[i].is_none() {
                r.bad("FORMAT", "an order is neither awarded nor refused", &[("order", &o.id)]);
            }
        }
    }

    pub(super) fn read_supply(&mut self, out: &Outcome, index: &BTreeMap<&ProductKey, usize>, r: &mut Report) {
        let mut seen = BTreeSet::new();
        for s in &out.supply {
            let key = ProductKey { pool: s.pool.clone(), resource: s.resource.clone(), slot: s.slot };
            let step = index.get(&key).and_then(|k| self.steps[*k].get_mut(s.step));
            let Some(step) = step else {
                if s.used != 0 {
                    r.bad(
                        "ROW2",
                        "use of a supply step that is not in the book",
                        &[("product", &key), ("step", &s.step), ("used", &s.used)],
                    );
                }
                continue;
            };
            if !seen.insert((key.clone(), s.step)) {
                r.bad("FORMAT", "a supply step is listed twice", &[("product", &key), ("step", &s.step)]);
            }
            step.2 = s.used.into();
            if step.2 < 0 || step.2 > step.0 {
                r.bad(
                    "ROW2",
                    "supply used outside 0..quantity",
                    &[("product", &key), ("step", &s.step), ("used", &s.used), ("quantity", &step.0)],
                );
            }
        }
        let mut seen = BTreeSet::new();
        for x in &out.flows {
            let Some(a) = self.arcs.get_mut(x.arc) else {
                r.bad("FORMAT", "no such arc", &[("arc", &x.arc)]);
                continue;
            };
            if !seen.insert(x.arc) {
                r.bad("FORMAT", "an arc is listed twice", &[("arc", &x.arc)]);
            }
            a.5 = x.flow.into();
            if a.5 < 0 || a.4.is_some_and(|l| a.5 > l) {
                r.bad("ROW3", "arc flow outside 0..limit", &[("arc", &x.arc), ("flow", &x.flow)]);
            }
        }
    }
}
