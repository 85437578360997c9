//! Placements: every awarded replica once, in its pool, on a node that has room for it.
use super::super::outcome::Outcome;
use super::super::rational::Rat;
use super::Report;
use super::facts::Facts;
use std::collections::BTreeMap;

impl Hosting {
    /// Tests the placements and returns what is left free.
    pub fn check(f: &Facts, out: &Outcome, r: &mut Report) -> Hosting {
        let mut pools: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut free = Vec::new();
        for (v, n) in f.book.nodes.iter().enumerate() {
            pools.entry(n.pool.as_str()).or_default().push(v);
            let mut room = BTreeMap::new();
            for (k, key) in f.keys.iter().enumerate().filter(|(_, k)| k.pool == n.pool) {
                let gone: i64 = n
                    .committed
                    .iter()
                    .filter(|c| c.resource == key.resource && c.slot == key.slot)
                    .map(|c| c.quantity)
                    .sum();
                room.insert(
                    k,
                    Rat::int(i128::from(n.capacity.get(&key.resource).copied().unwrap_or(0)) - i128::from(gone)),
                );
            }
            free.push(room);
        }
        let ids: BTreeMap<&str, usize> = f.orders.iter().enumerate().map(|(i, o)| (o.id.as_str(), i)).collect();
        let nodes: BTreeMap<&str, usize> = f.book.nodes.iter().enumerate().map(|(v, n)| (n.id.as_str(), v)).collect();
        let mut host: BTreeMap<(usize, String), Vec<usize>> = BTreeMap::new();
        let mut seen: BTreeMap<(usize, &str), Vec<i128>> = BTreeMap::new();
        let mut took: BTreeMap<usize, bool> = BTreeMap::new();
        for p in &out.placements {
            let at: [(&'static str, &dyn std::fmt::Display); 3] =
                [("order", &p.order), ("replica", &p.replica), ("node", &p.node)];
            let (Some(&i), Some(&v)) = (ids.get(p.order.as_str()), nodes.get(p.node.as_str())) else {
                r.bad("PLACE", "a placement of something that is not in the book", &at);
                continue;
            };
            let o = &f.orders[i];
            let Some(a) = f.awards[i].as_ref().filter(|a| o.bid && a.alternative == p.alternative) else {
                r.bad("PLACE", "a placement of what is not awarded", &at);
                continue;
            };
            let pool = f.book.nodes[v].pool.as_str();
            if !o.alternatives[a.alternative].iter().any(|(k, _)| f.keys[*k].pool == pool) {
                r.bad("PLACE", "the order asks for nothing in the node's pool", &at);
                continue;
            }
            if !(0..o.replicas.unwrap_or(1)).contains(&i128::from(p.replica)) {
                r.bad("PLACE", "no such replica", &at);
                continue;
            }
            let list = seen.entry((i, pool)).or_default();
            if list.contains(&i128::from(p.replica)) {
                r.bad("PLACE", "a replica is placed twice", &at);
                continue;
            }
            list.push(p.replica.into());
            if o.node.is_some_and(|n| f.book.nodes[n].pool == pool && n != v) {
                r.bad("PLACE", "an order that grows in place lies on another node", &at);
            }
            host.entry((i, pool.to_string())).or_default().push(v);
            took.insert(v, true);
            for ((k, _), g) in o.alternatives[a.alternative].iter().zip(&a.got) {
                if let Some(room) = free[v].get_mut(k) {
                    *room = &*room - &Rat::ratio(*g, a.replicas.max(1));
                }
            }
        }
        for (i, a) in f.awards.iter().enumerate() {
            let (o, Some(a)) = (&f.orders[i], a) else {
                continue;
            };
            if o.bid {
                let wanted = if o.replicas.is_some() { a.replicas } else { i128::from(a.got.iter().any(|g| *g > 0)) };
                for pool in
                    pools.keys().filter(|p| o.alternatives[a.alternative].iter().any(|(k, _)| f.keys[*k].pool == **p))
                {
                    let placed = seen.get(&(i, *pool)).map_or(0, Vec::len);
                    if placed as i128 != wanted {
                        r.bad(
                            "PLACE",
                            "not every awarded replica is placed",
                            &[("order", &o.id), ("pool", pool), ("awarded", &wanted), ("placed", &placed)],
                        );
                    }
                }
            } else if let Some(v) = o.node {
                for ((k, _), g) in o.alternatives[a.alternative].iter().zip(&a.got) {
                    if let Some(room) = free[v].get_mut(k) {
                        *room = &*room + &Rat::int(*g);
                    }
                }
            }
        }
        for v in took.keys() {
            for (k, room) in free[*v].iter().filter(|(_, room)| room.is_neg()) {
                // what earlier rounds committed is not this round's fault
                let used = host.iter().any(|((i, _), vs)| {
                    vs.contains(v)
                        && f.awards[*i].as_ref().is_some_and(|a| {
                            f.orders[*i].alternatives[a.alternative]
                                .iter()
                                .zip(&a.got)
                                .any(|((q, _), g)| q == k && *g > 0)
                        })
                });
                if used {
                    r.bad(
                        "PLACE",
                        "more on a node than it holds",
                        &[("node", &f.book.nodes[*v].id), ("product", &f.keys[*k]), ("over by", &-room)],
                    );
                }
            }
        }
        Hosting {
            pools: pools.into_iter().map(|(p, v)| (p.to_string(), v)).collect(),
            pool_of: f.book.nodes.iter().map(|n| n.pool.clone()).collect(),
            product_pool: f.keys.iter().map(|k| k.pool.clone()).collect(),
            free,
            host,
        }
    }
}

/// The state after all placements, for the question whether one more would fit.
pub struct Hosting {
    pools: BTreeMap<String, Vec<usize>>,
    pool_of: Vec<String>,
    product_pool: Vec<String>,
    free: Vec<BTreeMap<usize, Rat>>,
    host: BTreeMap<(usize, String), Vec<usize>>,
}

impl Hosting {
    fn copies(&self, v: usize, need: &[(usize, i128)], back: &BTreeMap<usize, i128>) -> i128 {
        need.iter()
            .filter(|n| n.1 > 0)
            .map(|(k, q)| {
                let room =
                    &self.free[v].get(k).cloned().unwrap_or_default() + &Rat::int(back.get(k).copied().unwrap_or(0));
                if room.is_neg() { 0 } else { room.floor() / q }
            })
            .min()
            .unwrap_or(i128::MAX)
    }

    /// The node that an order names, if it concerns anything that the order asks for or lends.
    pub fn bound_to(&self, f: &Facts, i: usize) -> Option<usize> {
        let o = &f.orders[i];
        let concerned = |v: &usize| o.alternatives[0].iter().any(|(k, _)| self.product_pool[*k] == self.pool_of[*v]);
        o.node.filter(concerned)
    }

    /// What is free on each node, less what rounding may have left there.
    pub fn room(&self, f: &Facts) -> Vec<BTreeMap<usize, Rat>> {
        let less = |(k, room): (&usize, &Rat)| (*k, room - &Rat::int(f.rounding[*k]));
        self.free.iter().map(|node| node.iter().map(less).collect()).collect()
    }

    /// For each pool with nodes that a bid asks for anything of: the nodes that it may lie on.
    pub fn hosts_of(&self, f: &Facts, i: usize) -> Vec<Vec<usize>> {
        let o = &f.orders[i];
        let asks = |pool: &str| o.alternatives[0].iter().any(|(k, _)| self.product_pool[*k] == pool);
        let concerned = self.pools.iter().filter(|(pool, _)| asks(pool));
        let bound = |pool: &str| o.node.filter(|v| self.pool_of[*v] == pool);
        concerned.map(|(pool, nodes)| bound(pool).map_or_else(|| nodes.clone(), |v| vec![v])).collect()
    }

    /// Whether what has been awarded lies where not a unit more would have room: there a full award may
    /// have been rounded up.
    pub fn tight(&self, f: &Facts, i: usize, alternative: usize) -> bool {
        let asked = &f.orders[i].alternatives[alternative];
        let full = |v: &usize| asked.iter().any(|(k, _)| self.free[*v].get(k).is_some_and(|room| *room < Rat::ONE));
        let hosts = self.host.range((i, String::new())..(i + 1, String::new()));
        f.orders[i].replicas.is_none() && hosts.flat_map(|h| h.1).any(full)
    }

    /// True if the least more that an order could get of an alternative fits on no node.
    pub fn none_fits(&self, f: &Facts, i: usize, alternative: usize) -> bool {
        let o = &f.orders[i];
        let award = f.awards[i].as_ref();
        if !o.bid || award.is_some_and(|a| a.full || a.alternative != alternative) {
            return false;
        }
        self.pools.iter().any(|(pool, nodes)| {
            let part: Vec<(usize, usize, i128)> = o.alternatives[alternative]
                .iter()
                .enumerate()
                .filter(|(_, (k, _))| self.product_pool[*k] == *pool)
                .map(|(p, (k, q))| (p, *k, *q))
                .collect();
            if part.is_empty() {
                return false;
            }
            let mine: Vec<usize> = match o.node.filter(|v| self.pool_of[*v] == *pool) {
                Some(v) => vec![v],
                None => nodes.clone(),
            };
            let nothing = BTreeMap::new();
            match (o.replicas, award) {
                (Some(n), _) => {
                    let each: Vec<_> = part.iter().map(|(_, k, q)| (*k, q / n)).collect();
                    let want = if award.is_some() { 1 } else { (&o.least * &Rat::int(n)).floor().max(1) };
                    mine.iter().map(|v| self.copies(*v, &each, &nothing).min(n)).sum::<i128>() < want
                }
                (None, None) => {
                    let least: Vec<_> =
                        part.iter().map(|(_, k, q)| (*k, (&o.least * &Rat::int(*q)).ceil().max(1))).collect();
                    !mine.iter().any(|v| self.copies(*v, &least, &nothing) > 0)
                }
                (None, Some(a)) => {
                    let here = self.host.get(&(i, pool.clone())).and_then(|v| v.first().copied());
                    let more: Vec<_> = part.iter().map(|(p, k, q)| (*k, (*q).min(a.got[*p] + 1))).collect();
                    let back: BTreeMap<usize, i128> = part.iter().map(|(p, k, _)| (*k, a.got[*p])).collect();
                    !mine.iter().any(|v| self.copies(*v, &more, if Some(*v) == here { &back } else { &nothing }) > 0)
                }
            }
        })
    }
}
