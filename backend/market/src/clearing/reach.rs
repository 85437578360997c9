//! How much of an order could have a host, on which nodes, and what is short where it can't.
use super::place::Hosts;
use super::rational::Rat;
use std::collections::BTreeMap;

impl<'a> Hosts<'a> {
    /// What is free if everything that may be lent is lent.
    pub fn at_best(&self) -> Hosts<'a> {
        let mut best = self.clone();
        for (i, o) in self.m.orders.iter().enumerate() {
            for (a, alt) in o.alternatives.iter().enumerate() {
                let all: Vec<i128> = alt.quantities.iter().map(|q| q.1).collect();
                best.lend(i, a, &all);
            }
        }
        best
    }

    /// What is free on a node, by product.
    pub fn room(&self, node: usize) -> &BTreeMap<usize, i128> {
        &self.free[node]
    }

    /// The nodes of the first pool that leaves a bid a choice: one of one replica that names none.
    pub fn several(&self, order: usize, alternative: usize) -> Vec<usize> {
        let o = &self.m.orders[order];
        let free = o.bid && o.replicas.is_none() && o.node.is_none();
        let mut pools = self.parts(order, alternative).into_keys().map(|pool| &self.of_pool[pool]);
        pools.find(|all| free && all.len() > 1).cloned().unwrap_or_default()
    }

    /// The greatest fill that could have a host as things are, `extra` replicas beyond `placed`.
    pub fn reach(&self, order: usize, alternative: usize, placed: i128) -> Rat {
        let o = &self.m.orders[order];
        let mut best = Rat::ONE;
        for (pool, part) in self.parts(order, alternative) {
            let full: Vec<(usize, i128)> = part.iter().map(|p| o.alternatives[alternative].quantities[*p]).collect();
            let nodes = self.nodes(order, pool);
            let r = match o.replicas {
                Some(n) => {
                    let each: Vec<_> = full.iter().map(|(k, q)| (*k, q / n)).collect();
                    let count = nodes.iter().map(|v| self.copies(*v, &each).min(n)).sum::<i128>() + placed;
                    Rat::ratio(count.min(n), n)
                }
                None => nodes
                    .iter()
                    .map(|v| {
                        full.iter()
                            .map(|(k, q)| Rat::ratio(self.free[*v].get(k).copied().unwrap_or(0).clamp(0, *q), *q))
                            .min()
                            .unwrap_or(Rat::ONE)
                    })
                    .max()
                    .unwrap_or_default(),
            };
            best = best.min(r);
        }
        best
    }

    /// The node and product that leave no room for the least of a bid that could win, on the node
    /// that comes nearest to having it; `None` if there is room.
    pub fn bottleneck(&self, order: usize, alternative: usize) -> Option<(usize, usize)> {
        let o = &self.m.orders[order];
        let reach = self.reach(order, alternative, 0);
        if reach.is_pos() && reach >= o.least {
            return None;
        }
        let replicas = o.replicas.unwrap_or(1);
        let each: Vec<i128> = o.alternatives[alternative].quantities.iter().map(|q| q.1 / replicas).collect();
        self.tightest(order, alternative, &each)
    }

    /// The node that comes nearest to having room for so much of each product of an alternative, and
    /// the product that it is shortest of.
    pub fn tightest(&self, order: usize, alternative: usize, each: &[i128]) -> Option<(usize, usize)> {
        let quantities = &self.m.orders[order].alternatives[alternative].quantities;
        let share = |v: usize, k: usize, q: i128| Rat::ratio(self.free(v, k).max(0), q.max(1));
        let tight = |v: usize, part: &[usize]| {
            let shares = part.iter().map(|p| (share(v, quantities[*p].0, each[*p]), quantities[*p].0));
            shares.min().map(|(s, k)| (s, v, k))
        };
        let parts = self.parts(order, alternative);
        let best = parts.iter().filter_map(|(pool, part)| {
            let nodes = self.nodes(order, pool);
            nodes.into_iter().filter_map(|v| tight(v, part)).max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))
        });
        best.min().map(|(_, v, k)| (v, k))
    }
}
