//! From rational fills to integers: floors, then what is left by largest remainder, then the
//! hash. Orders with replicas move in whole replicas. Supply follows demand, so a product is
//! slack by less than a unit (or a replica) per partly filled order.
use super::branch::Solved;
use super::problem::{Component, Market, Meaning};
use super::rational::Rat;
use std::collections::BTreeMap;

/// An order's integer award.
#[derive(Clone, Debug)]
pub struct Filled {
    pub alternative: usize,
    /// The rational fill before rounding.
    pub fill: Rat,
    /// Quantities in the order of the alternative's products.
    pub quantities: Vec<i128>,
}

/// The integers of one component.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    pub orders: BTreeMap<usize, Filled>,
    pub steps: BTreeMap<usize, i128>,
    pub flows: BTreeMap<usize, i128>,
}

struct Rounding<'a> {
    m: &'a Market<'a>,
    upper: &'a [Vec<Rat>],
    whole: Whole,
}

pub fn round(m: &Market, c: &Component, s: &Solved, upper: &[Vec<Rat>]) -> Whole {
    let mut r = Rounding {
        m,
        upper,
        whole: Whole::default(),
    };
    let mut steps: BTreeMap<usize, Rat> = BTreeMap::new();
    let mut flows: BTreeMap<usize, Rat> = BTreeMap::new();
    for (j, meaning) in s.model.meaning.iter().enumerate() {
        let x = &s.values[j];
        match meaning {
            Meaning::Orders {
                alternative,
                members,
            } if x.is_pos() => {
                let fill = x.div(&s.model.units(j));
                for (i, _) in members {
                    r.floor(*i, *alternative, fill.clone());
                }
            }
            Meaning::Step(e) => {
                steps.insert(*e, x.clone());
            }
            Meaning::Arc(e) => {
                flows.insert(*e, x.clone());
            }
            _ => {}
        }
    }
    for (e, z) in flows {
        // a fraction more may be sent if the operator has it there, else a fraction less
        let spare = m.steps_of[m.arcs[e].from]
            .iter()
            .any(|t| steps[t].is_pos() && steps[t] < Rat::int(m.steps[*t].quantity));
        let most = m.arcs[e].limit.unwrap_or(i128::MAX);
        r.whole
            .flows
            .insert(e, if spare { z.ceil().min(most) } else { z.floor() });
    }
    r.share(c, s);
    r.supply(c, &steps);
    r.whole
        .orders
        .retain(|_, f| f.quantities.iter().any(|q| *q > 0));
    r.whole
}

impl Rounding<'_> {
    fn floor(&mut self, i: usize, alternative: usize, fill: Rat) {
        let o = &self.m.orders[i];
        let full = &o.alternatives[alternative].quantities;
        let quantities = match o.replicas {
            Some(n) => {
                let r = (&fill * &Rat::int(n)).floor();
                full.iter().map(|(_, q)| q / n * r).collect()
            }
            None => full
                .iter()
                .map(|(_, q)| (&fill * &Rat::int(*q)).floor())
                .collect(),
        };
        self.whole.orders.insert(
            i,
            Filled {
                alternative,
                fill,
                quantities,
            },
        );
    }

    /// Whether rounding up would break a bound of the order's own.
    fn stuck(&self, i: usize) -> bool {
        let f = &self.whole.orders[&i];
        !self.m.orders[i].rows.is_empty() || f.fill >= self.upper[i][f.alternative]
    }

    fn unit(&self, i: usize, at: usize) -> i128 {
        let o = &self.m.orders[i];
        let full = o.alternatives[self.whole.orders[&i].alternative].quantities[at].1;
        o.replicas.map_or(1, |n| full / n)
    }

    /// What of a product the bids (or offers) have now, in integers.
    fn total(&self, bids: bool) -> BTreeMap<usize, i128> {
        let mut t = BTreeMap::new();
        for (i, f) in &self.whole.orders {
            let o = &self.m.orders[*i];
            if o.bid == bids {
                for ((k, _), q) in o.alternatives[f.alternative]
                    .quantities
                    .iter()
                    .zip(&f.quantities)
                {
                    *t.entry(*k).or_insert(0) += q;
                }
            }
        }
        t
    }

    /// Distributes among the bids what their floors left over.
    fn share(&mut self, c: &Component, s: &Solved) {
        let mut demand: BTreeMap<usize, Rat> = BTreeMap::new();
        let mut most: BTreeMap<usize, Rat> = BTreeMap::new();
        for (i, f) in &self.whole.orders {
            let o = &self.m.orders[*i];
            for (k, q) in &o.alternatives[f.alternative].quantities {
                let t = if o.bid {
                    demand.entry(*k).or_default()
                } else {
                    most.entry(*k).or_default()
                };
                let v = &f.fill * &Rat::int(*q);
                *t = &*t
                    + &(if o.bid {
                        v
                    } else {
                        Rat::int(if self.stuck(*i) { v.floor() } else { v.ceil() })
                    });
            }
        }
        for (j, meaning) in s.model.meaning.iter().enumerate() {
            if let Meaning::Step(e) = meaning
                && s.values[j].is_pos()
            {
                let t = most.entry(self.m.steps[*e].product).or_default();
                *t = &*t + &Rat::int(self.m.steps[*e].quantity);
            }
        }
        for (e, z) in &self.whole.flows {
            let a = &self.m.arcs[*e];
            let t = most.entry(a.from).or_default();
            *t = &*t - &Rat::int(*z);
            let t = most.entry(a.to).or_default();
            *t = &*t + &(&a.ratio * &Rat::int(*z));
        }
        let have = self.total(true);
        let mut left: BTreeMap<usize, i128> = BTreeMap::new();
        for k in &c.products {
            let target = demand
                .get(k)
                .map_or(0, Rat::floor)
                .min(most.get(k).map_or(0, Rat::floor));
            left.insert(*k, target - have.get(k).copied().unwrap_or(0));
        }
        // whole replicas first
        let mut queue: Vec<(Rat, [u8; 32], usize)> = Vec::new();
        for (i, f) in &self.whole.orders {
            let o = &self.m.orders[*i];
            if let (true, Some(n)) = (o.bid, o.replicas) {
                let x = &f.fill * &Rat::int(n);
                if !x.is_int() && !self.stuck(*i) {
                    queue.push((&Rat::int(x.floor()) - &x, o.lot, *i));
                }
            }
        }
        queue.sort();
        for (_, _, i) in queue {
            let alt = self.whole.orders[&i].alternative;
            let keys: Vec<usize> = self.m.orders[i].alternatives[alt]
                .quantities
                .iter()
                .map(|q| q.0)
                .collect();
            let units: Vec<i128> = (0..keys.len()).map(|p| self.unit(i, p)).collect();
            if keys.iter().zip(&units).all(|(k, u)| left[k] >= *u) {
                for (k, u) in keys.iter().zip(&units) {
                    *left.entry(*k).or_insert(0) -= u;
                }
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities
                        .iter_mut()
                        .zip(&units)
                        .for_each(|(q, u)| *q += u);
                }
            }
        }
        for k in &c.products {
            let queue = self.remainders(*k, true);
            for (_, _, i, p) in queue {
                if left[k] <= 0 {
                    break;
                }
                *left.entry(*k).or_insert(0) -= 1;
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities[p] += 1;
                }
            }
            self.give_way(*k, &mut left);
        }
    }

    /// A floor can be too much only if a flow or an offer was rounded down: then the partly filled
    /// bids with the least remainders give a unit (or a replica) back.
    fn give_way(&mut self, k: usize, left: &mut BTreeMap<usize, i128>) {
        let mut queue: Vec<(Rat, [u8; 32], usize)> = Vec::new();
        for (i, f) in &self.whole.orders {
            let o = &self.m.orders[*i];
            let full = &o.alternatives[f.alternative].quantities;
            if let Some(p) = full
                .iter()
                .position(|q| q.0 == k)
                .filter(|p| o.bid && f.quantities[*p] > 0)
            {
                let units = Rat::int(o.replicas.unwrap_or(full[p].1));
                let x = &f.fill * &units;
                // full orders last of all
                let rest = if f.fill == Rat::ONE {
                    Rat::int(2)
                } else {
                    &x - &Rat::int(x.floor())
                };
                queue.push((rest, o.lot, *i));
            }
        }
        queue.sort();
        for (_, _, i) in queue {
            if left[&k] >= 0 {
                break;
            }
            let o = &self.m.orders[i];
            let alternative = self.whole.orders[&i].alternative;
            let parts: Vec<(usize, usize, i128)> = o.alternatives[alternative]
                .quantities
                .iter()
                .enumerate()
                .map(|(p, (q, _))| (p, *q, self.unit(i, p)))
                .collect();
            for (p, q, unit) in parts {
                if (o.replicas.is_some() || q == k)
                    && let Some(f) = self.whole.orders.get_mut(&i)
                    && f.quantities[p] >= unit
                {
                    f.quantities[p] -= unit;
                    *left.entry(q).or_insert(0) += unit;
                }
            }
        }
    }

    /// Partly filled orders without replicas by largest remainder in a product.
    fn remainders(&self, k: usize, bids: bool) -> Vec<(Rat, [u8; 32], usize, usize)> {
        let mut queue = Vec::new();
        for (i, f) in &self.whole.orders {
            let o = &self.m.orders[*i];
            if o.bid != bids || o.replicas.is_some() || self.stuck(*i) {
                continue;
            }
            for (p, (q, full)) in o.alternatives[f.alternative].quantities.iter().enumerate() {
                if *q == k {
                    let x = &f.fill * &Rat::int(*full);
                    if !x.is_int() {
                        queue.push((&Rat::int(x.floor()) - &x, o.lot, *i, p));
                    }
                }
            }
        }
        queue.sort();
        queue
    }

    /// Lets supply follow: lenders as filled, then the operator's steps, cheapest first.
    fn supply(&mut self, c: &Component, steps: &BTreeMap<usize, Rat>) {
        for &k in &c.products {
            let bids = self.total(true).get(&k).copied().unwrap_or(0);
            let mut net = Rat::int(bids);
            for (e, z) in &self.whole.flows {
                let a = &self.m.arcs[*e];
                if a.from == k {
                    net = &net + &Rat::int(*z);
                }
                if a.to == k {
                    net = net.sub_mul(&a.ratio, &Rat::int(*z));
                }
            }
            let mut rest = net.ceil() - self.total(false).get(&k).copied().unwrap_or(0);
            let mut order: Vec<usize> = self.m.steps_of[k].clone();
            order.sort_by_key(|e| (self.m.steps[*e].reserve, self.m.steps[*e].index));
            let room: i128 = order
                .iter()
                .filter(|e| steps[*e].is_pos())
                .map(|e| self.m.steps[*e].quantity)
                .sum();
            if rest > room {
                for (_, _, i, p) in self.remainders(k, false) {
                    if rest <= room {
                        break;
                    }
                    if let Some(f) = self.whole.orders.get_mut(&i) {
                        f.quantities[p] += 1;
                        rest -= 1;
                    }
                }
            }
            if rest > room {
                rest = self.more_replicas(k, rest, room);
            }
            for e in order {
                let q = if steps[&e].is_pos() {
                    self.m.steps[e].quantity.min(rest.max(0))
                } else {
                    0
                };
                rest -= q;
                self.whole.steps.insert(e, q);
            }
        }
    }

    /// Partly filled offers with replicas lend one more, all products of it.
    fn more_replicas(&mut self, k: usize, mut rest: i128, room: i128) -> i128 {
        let mut queue: Vec<([u8; 32], usize)> = self
            .whole
            .orders
            .iter()
            .filter(|(i, f)| {
                let o = &self.m.orders[**i];
                let uses = o.alternatives[f.alternative]
                    .quantities
                    .iter()
                    .any(|q| q.0 == k);
                !o.bid
                    && uses
                    && !self.stuck(**i)
                    && o.replicas
                        .is_some_and(|n| !(&f.fill * &Rat::int(n)).is_int())
            })
            .map(|(i, _)| (self.m.orders[*i].lot, *i))
            .collect();
        queue.sort();
        for (_, i) in queue {
            if rest <= room {
                break;
            }
            let n = self.whole.orders[&i].quantities.len();
            for p in 0..n {
                let u = self.unit(i, p);
                let f = &self.whole.orders[&i];
                let key = self.m.orders[i].alternatives[f.alternative].quantities[p].0;
                if key == k {
                    rest -= u;
                }
                if let Some(f) = self.whole.orders.get_mut(&i) {
                    f.quantities[p] += u;
                }
            }
        }
        rest
    }
}
