//! How much of an order can have a host at all, and which orders that were cut for want of one
//! get their place back.
use super::place::{Hosts, Packing};
use super::problem::{AltRef, Component, HostRow, Market, OrderRef};
use super::rational::Rat;
use super::rounding::{Filled, Whole};
use super::search::Solved;
use super::upstream::Upstream;
use std::collections::BTreeMap;

/// What an order's own row allows in whole replicas, where the row is its alone: the part of a
/// replica that the row would leave is no one's. Nothing where no price under the collars refuses it and all that is
/// in the book is too little for one.
pub fn own_bounds(m: &Market, whole_replicas: bool) -> Vec<Vec<Rat>> {
    let mut own: Vec<Vec<Rat>> = m.orders.iter().map(|o| vec![Rat::ONE; o.alternatives.len()]).collect();
    for r in &m.rows {
        let i = r.terms[0].0;
        let Some(n) = m.orders[i].replicas.filter(|_| r.terms.iter().all(|t| t.0 == i)) else {
            continue;
        };
        for (_, a, v) in r.terms.iter().filter(|t| t.2.is_pos()) {
            let whole = (&r.limit.div(v) * &Rat::int(n)).floor();
            own[i][*a] = own[i][*a].clone().min(Rat::ratio(whole, n));
        }
    }
    // a part of a replica is nobody's: no collar has to ration what can't come to a whole one
    let mut reach = None;
    let beyond = |a: &AltRef| a.value > a.quantities.iter().map(|(k, q)| m.cap[*k] * q).sum();
    let in_replicas = |o: &OrderRef| whole_replicas && o.bid && o.replicas.is_some();
    for (i, o) in m.orders.iter().enumerate().filter(|(_, o)| in_replicas(o)) {
        for (a, _) in o.alternatives.iter().enumerate().filter(|(_, alt)| beyond(alt)) {
            if !reach.get_or_insert_with(|| Upstream::new(m)).reaches(i, a) {
                own[i][a] = Rat::ZERO;
            }
        }
    }
    own
}

/// The rows of all nodes whose room for a product could bind.
pub fn host_rows(m: &Market, base: &Hosts, product: usize) -> Vec<HostRow> {
    let nodes = base.of_pool.get(m.products[product].pool.as_str()).into_iter().flatten();
    let rows = nodes.filter_map(|v| host_row(m, base, *v, product));
    rows.filter(|h| h.terms.iter().map(|t| t.2.max(0)).sum::<i128>() > h.free).collect()
}

/// The row of a node's room for a product, over the divisible orders that can lie there and
/// nowhere else. `None` where the row would not say what placement says: the node is overdrawn
/// before anybody comes, or what is lent there comes in lumps.
fn host_row(m: &Market, base: &Hosts, node: usize, product: usize) -> Option<HostRow> {
    let free = base.free(node, product);
    let mut terms = Vec::new();
    for (i, o) in m.orders.iter().enumerate() {
        if base.only_node(i, product) != Some(node) {
            continue;
        }
        for (a, alt) in o.alternatives.iter().enumerate() {
            for (_, q) in alt.quantities.iter().filter(|q| q.0 == product) {
                match (o.bid, o.replicas.is_some()) {
                    (true, false) => terms.push((i, a, *q)),
                    (false, false) => terms.push((i, a, -q)),
                    (true, true) => {}
                    (false, true) => return None,
                }
            }
        }
    }
    (free >= 0).then_some(HostRow { node, product, free, terms })
}

/// What could be hosted if everything lent were free and nobody else came.
pub fn hosts_at_best(m: &Market, base: &Hosts, own: &[Vec<Rat>]) -> Vec<Vec<Rat>> {
    let best = base.at_best();
    m.orders
        .iter()
        .enumerate()
        .map(|(i, o)| {
            (0..o.alternatives.len())
                .map(|a| if o.bid { best.reach(i, a, 0).min(own[i][a].clone()) } else { own[i][a].clone() })
                .collect()
        })
        .collect()
}

/// What a placement is judged by: who won what, where it lies, and the bounds it was solved under.
pub struct Placed<'a> {
    pub m: &'a Market<'a>,
    pub hosts: &'a Hosts<'a>,
    pub packing: &'a Packing,
    pub awards: &'a BTreeMap<usize, Filled>,
    pub upper: &'a [Vec<Rat>],
    /// The bounds before any placement cut.
    pub first: &'a [Vec<Rat>],
}

impl Placed<'_> {
    /// The first order that a cut holds back, in the money, although there is room for more of it
    /// now: order, alternative and its new bound. `may` says whose turn it can be.
    pub fn restore(
        &self,
        parts: &[Component],
        done: &[Option<(Solved, Whole)>],
        may: impl Fn(usize) -> bool,
    ) -> Option<(usize, usize, Rat)> {
        let held = |i: usize, a: usize| self.upper[i][a] < self.first[i][a];
        let m = self.m;
        let mut any = m
            .orders
            .iter()
            .enumerate()
            .filter(|(i, o)| o.bid && may(*i) && (0..o.alternatives.len()).any(|a| held(*i, a)))
            .peekable();
        any.peek()?;
        let mut price: BTreeMap<usize, &Rat> = BTreeMap::new();
        for (c, d) in parts.iter().zip(done) {
            if let Some((s, _)) = d {
                price.extend(c.products.iter().copied().zip(&s.low));
            }
        }
        for (i, o) in any {
            for (a, alt) in o.alternatives.iter().enumerate().filter(|(a, _)| held(i, *a)) {
                let award = self.awards.get(&i);
                if award.is_some_and(|f| f.alternative != a) || o.parent.is_some_and(|p| !self.awards.contains_key(&p))
                {
                    continue;
                }
                // a bound that does not bind holds nobody back
                let binds = match award {
                    Some(f) => f.fill >= self.upper[i][a],
                    None => self.upper[i][a].is_zero() || self.upper[i][a] < o.least,
                };
                let cost = alt
                    .quantities
                    .iter()
                    .fold(Rat::ZERO, |t, (k, q)| price.get(k).map_or(t.clone(), |p| &t + &(*p * &Rat::int(*q))));
                if !binds || cost > Rat::int(alt.value) {
                    continue;
                }
                let reach = self.reach(i, a).min(self.first[i][a].clone());
                let enough = reach >= o.least && (o.replicas.is_some() || !reach.is_zero());
                if reach > self.upper[i][a] && enough {
                    return Some((i, a, reach));
                }
            }
        }
        None
    }

    /// The greatest fill that the placement leaves room for, what the order has included.
    fn reach(&self, i: usize, a: usize) -> Rat {
        let o = &self.m.orders[i];
        let award = self.awards.get(&i);
        let placed = match (award, o.replicas) {
            (Some(f), Some(n)) => f.quantities[0] * n / o.alternatives[a].quantities[0].1,
            _ => 0,
        };
        match award.filter(|_| o.replicas.is_none()) {
            // an order that may shrink could grow where it lies, or move
            Some(f) => self.lifted(i, f).reach(i, a, 0),
            None => self.hosts.reach(i, a, placed),
        }
    }

    /// The nodes without what an order that is one replica has there.
    fn lifted(&self, i: usize, f: &Filled) -> Hosts<'_> {
        let mut lifted = self.hosts.clone();
        lifted.lift(i, f, self.packing);
        lifted
    }

    /// What leaves no room for the least of an alternative of a refused bid: node, product and what
    /// is free there.
    pub fn bottlenecks(&self) -> BTreeMap<(usize, usize), (usize, usize, i128)> {
        let mut out = BTreeMap::new();
        for (i, o) in self.m.orders.iter().enumerate().filter(|(i, o)| o.bid && !self.awards.contains_key(i)) {
            for a in 0..o.alternatives.len() {
                if let Some((v, k)) = self.hosts.bottleneck(i, a) {
                    out.insert((i, a), (v, k, self.hosts.free(v, k)));
                }
            }
        }
        out
    }

    /// Partly filled bids for which no node has room for a unit (or replica) more, and what is short
    /// for that: node, product and what is free there.
    pub fn cramped(&self) -> BTreeMap<usize, (usize, usize, i128)> {
        let more = |(i, f): (&usize, &Filled)| {
            let (i, a, o) = (*i, f.alternative, &self.m.orders[*i]);
            let full = &o.alternatives[a].quantities;
            let step = |p: usize| o.replicas.map_or(1, |n| full[p].1 / n);
            let wanted: Vec<i128> = (0..full.len()).map(|p| (f.quantities[p] + step(p)).min(full[p].1)).collect();
            let reach = self.reach(i, a);
            let fits = full.iter().zip(&wanted).all(|(q, w)| Rat::int(*w) <= &reach * &Rat::int(q.1));
            if !o.bid || fits {
                return None;
            }
            let (v, k) = match o.replicas {
                Some(_) => self.hosts.tightest(i, a, &(0..full.len()).map(step).collect::<Vec<_>>()),
                None => self.lifted(i, f).tightest(i, a, &wanted),
            }?;
            Some((i, (v, k, self.hosts.free(v, k))))
        };
        self.awards.iter().filter_map(more).collect()
    }

    /// Alternatives of refused bids for which the least that could win fits nowhere.
    pub fn homeless(&self, own: &[Vec<Rat>], parts: &[Component]) -> Vec<Vec<bool>> {
        let orders = self.m.orders.iter().enumerate();
        orders
            .map(|(i, o)| {
                let refused = o.bid && !self.awards.contains_key(&i);
                (0..o.alternatives.len())
                    .map(|a| {
                        let hosted = parts.iter().flat_map(|c| &c.hosts).flat_map(|h| &h.terms).any(|t| t.0 == i);
                        refused && (hosted || self.upper[i][a] < own[i][a]) && {
                            let reach = self.hosts.reach(i, a, 0);
                            reach.is_zero() || reach < o.least
                        }
                    })
                    .collect()
            })
            .collect()
    }
}
