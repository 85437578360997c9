//! Every awarded replica on a node: vector bin packing, pool by pool.
//!
//! In-place orders stay, then replicas go best value per dominant share first, each to the node
//! it fills best, with a bounded search behind it. If no packing is found, the replica that made
//! the difference is named: the first, in order of value, that fits nowhere beside the better ones.
//!
//! Invariants: a node is never overfull in any resource and slot; limits count search steps.
use super::problem::Market;
use super::rational::Rat;
use super::rounding::Filled;
use std::collections::{BTreeMap, BTreeSet};

/// Search steps for one packing, of few and of many items.
const STEPS: usize = 4_000;
const FEW: usize = 16;

/// How many nodes are kept free in turn for the one that is cut.
const MOST_OFF: usize = 4;

/// The grain of comparisons between what nodes have left.
const PARTS: i128 = 1 << 40;

/// Nodes with what is free on them, by product of the market.
#[derive(Clone)]
pub struct Hosts<'a> {
    pub(super) m: &'a Market<'a>,
    /// Nodes of each pool.
    pub of_pool: BTreeMap<&'a str, Vec<usize>>,
    pub(super) free: Vec<BTreeMap<usize, i128>>,
    total: BTreeMap<usize, i128>,
}

/// Something to be placed: one replica of an order in one pool.
#[derive(Clone)]
struct Item {
    order: usize,
    replica: i128,
    need: Vec<(usize, i128)>,
    only: Option<usize>,
    share: Rat,
}

/// A packing: node of `(order, replica, pool)`.
pub type Packing = BTreeMap<(usize, i128, String), usize>;

/// What to take away so that the rest can be packed.
#[derive(Debug)]
pub struct Cut {
    pub order: usize,
    pub alternative: usize,
    /// The greatest fill that may still have a host.
    pub upper: Rat,
}

impl<'a> Hosts<'a> {
    /// Capacity less what earlier rounds committed.
    pub fn new(m: &'a Market<'a>) -> Hosts<'a> {
        let mut of_pool: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut free = Vec::new();
        let mut total = BTreeMap::new();
        for (v, node) in m.book.nodes.iter().enumerate() {
            of_pool.entry(node.pool.as_str()).or_default().push(v);
            let mut f = BTreeMap::new();
            for (k, p) in m.products.iter().enumerate().filter(|(_, p)| p.pool == node.pool) {
                let capacity = node.capacity.get(&p.resource).copied().unwrap_or(0);
                let gone = node
                    .committed
                    .iter()
                    .filter(|c| c.resource == p.resource && c.slot == p.slot)
                    .map(|c| i128::from(c.quantity))
                    .sum::<i128>();
                f.insert(k, i128::from(capacity) - gone);
                *total.entry(k).or_insert(0) += i128::from(capacity);
            }
            free.push(f);
        }
        Hosts { m, of_pool, free, total }
    }

    /// What is free on a node of a product.
    pub fn free(&self, node: usize, product: usize) -> i128 {
        self.free[node].get(&product).copied().unwrap_or(0)
    }

    /// The one node where a bid's part in a product's pool can lie, or where an offer frees it.
    pub fn only_node(&self, order: usize, product: usize) -> Option<usize> {
        let o = &self.m.orders[order];
        let all = self.of_pool.get(self.m.products[product].pool.as_str())?;
        o.node.filter(|v| all.contains(v)).or_else(|| all.first().copied().filter(|_| o.bid && all.len() == 1))
    }

    /// What is free as it is here, for the orders of another market of the same book.
    pub fn of(&self, m: &'a Market<'a>) -> Hosts<'a> {
        Hosts { m, ..self.clone() }
    }

    /// Nodes and products that are short of room for bids that can only lie there.
    pub fn overfull(&self, awards: &BTreeMap<usize, Filled>) -> BTreeSet<(usize, usize)> {
        let mut took: BTreeMap<(usize, usize), i128> = BTreeMap::new();
        for (i, f) in awards {
            let o = &self.m.orders[*i];
            if !o.bid || o.replicas.is_some() {
                continue;
            }
            for ((k, _), q) in o.alternatives[f.alternative].quantities.iter().zip(&f.quantities) {
                if let Some(v) = self.only_node(*i, *k) {
                    *took.entry((v, *k)).or_insert(0) += q;
                }
            }
        }
        took.into_iter().filter(|((v, k), q)| *q > 0 && *q > self.free(*v, *k)).map(|t| t.0).collect()
    }

    /// Frees on its node what an offer lends.
    pub fn lend(&mut self, order: usize, alternative: usize, quantities: &[i128]) {
        let o = &self.m.orders[order];
        let Some(v) = o.node.filter(|_| !o.bid) else {
            return;
        };
        for ((k, _), q) in o.alternatives[alternative].quantities.iter().zip(quantities) {
            if let Some(f) = self.free[v].get_mut(k) {
                *f += q;
            }
        }
    }

    /// Takes an order that is one replica off its nodes again.
    pub fn lift(&mut self, order: usize, f: &Filled, packing: &Packing) {
        let full = &self.m.orders[order].alternatives[f.alternative].quantities;
        for (pool, part) in self.parts(order, f.alternative) {
            if let Some(v) = packing.get(&(order, 0, pool.to_string())) {
                let need: Vec<(usize, i128)> = part.iter().map(|p| (full[*p].0, f.quantities[*p])).collect();
                self.take(*v, &need, -1);
            }
        }
    }

    pub(super) fn parts(&self, order: usize, alternative: usize) -> BTreeMap<&'a str, Vec<usize>> {
        let mut parts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (p, (k, _)) in self.m.orders[order].alternatives[alternative].quantities.iter().enumerate() {
            let pool = self.m.products[*k].pool.as_str();
            if let Some((pool, _)) = self.of_pool.get_key_value(pool) {
                parts.entry(pool).or_default().push(p);
            }
        }
        parts
    }

    pub(super) fn nodes(&self, order: usize, pool: &str) -> Vec<usize> {
        let all = self.of_pool.get(pool).cloned().unwrap_or_default();
        match self.m.orders[order].node {
            Some(v) if all.contains(&v) => vec![v],
            _ => all,
        }
    }

    /// How many copies still fit on a node.
    pub(super) fn copies(&self, v: usize, need: &[(usize, i128)]) -> i128 {
        need.iter()
            .filter(|n| n.1 > 0)
            .map(|(k, q)| self.free[v].get(k).copied().unwrap_or(0).max(0) / q)
            .min()
            .unwrap_or(i128::MAX)
    }

    fn fits(&self, v: usize, need: &[(usize, i128)]) -> bool {
        let room = |k: &usize| self.free[v].get(k).copied().unwrap_or(0);
        need.iter().all(|(k, q)| *q <= 0 || *q <= room(k))
    }

    fn take(&mut self, v: usize, need: &[(usize, i128)], sign: i128) {
        for (k, q) in need {
            if let Some(f) = self.free[v].get_mut(k) {
                *f -= sign * q;
            }
        }
    }

    fn items(&self, awards: &BTreeMap<usize, Filled>) -> BTreeMap<&'a str, Vec<Item>> {
        let mut items: BTreeMap<&str, Vec<Item>> = BTreeMap::new();
        for (i, f) in awards.iter().filter(|(i, _)| self.m.orders[**i].bid) {
            let o = &self.m.orders[*i];
            let full = &o.alternatives[f.alternative].quantities;
            let r = match o.replicas {
                Some(n) => f.quantities[0] * n / full[0].1,
                None => 1,
            };
            let value = Rat::ratio(o.alternatives[f.alternative].value, o.replicas.unwrap_or(1));
            for (pool, part) in self.parts(*i, f.alternative) {
                let need: Vec<(usize, i128)> = part.iter().map(|p| (full[*p].0, f.quantities[*p] / r.max(1))).collect();
                let share = need
                    .iter()
                    .map(|(k, q)| Rat::ratio(*q, self.total.get(k).copied().unwrap_or(0).max(1)))
                    .max()
                    .unwrap_or_default();
                let worth =
                    if share.is_zero() { value.clone() } else { (&value * &f.fill_of_one(o.replicas)).div(&share) };
                let all = self.nodes(*i, pool);
                let only = o.node.filter(|v| all.contains(v));
                for replica in 0..r {
                    items.entry(pool).or_default().push(Item {
                        order: *i,
                        replica,
                        need: need.clone(),
                        only,
                        share: worth.clone(),
                    });
                }
            }
        }
        items
    }

    /// Packs all awards, or names what has to go in every group of items that can't be packed: one
    /// replica, in a large group a few. `hint` keeps replicas where they were. Leaves `free` as packed.
    pub fn pack(
        &mut self,
        awards: &BTreeMap<usize, Filled>,
        hint: &Packing,
        order: &Precedence,
    ) -> Result<Packing, Vec<Cut>> {
        let mut packing = Packing::new();
        let mut cuts = Vec::new();
        for (pool, items) in self.items(awards) {
            let nodes = self.of_pool[pool].clone();
            for mut items in groups(items) {
                items
                    .sort_by(|a, b| b.only.is_some().cmp(&a.only.is_some()).then_with(|| order.of_worth(self.m, a, b)));
                let placed = self
                    .hinted(pool, &items, hint)
                    .or_else(|| self.search(&nodes, &items))
                    .or_else(|| self.largest_first(&nodes, &items));
                match placed {
                    Some(at) => {
                        for (item, v) in items.iter().zip(at) {
                            self.take(v, &item.need, 1);
                            packing.insert((item.order, item.replica, pool.to_string()), v);
                        }
                    }
                    None => {
                        // of many items several are named at once, which saves whole searches
                        let most = 1 + items.len() / FEW;
                        for _ in 0..most {
                            let (cut, at) = self.victim(&nodes, &items, awards, order);
                            items.remove(at);
                            cuts.push(cut);
                            if self.search(&nodes, &items).is_some() {
                                break;
                            }
                        }
                    }
                }
            }
        }
        if cuts.is_empty() { Ok(packing) } else { Err(cuts) }
    }

    /// The same search, bound items first and then the large ones.
    fn largest_first(&self, nodes: &[usize], items: &[Item]) -> Option<Vec<usize>> {
        let mut big: Vec<usize> = (0..items.len()).collect();
        big.sort_by_key(|n| {
            let largest = items[*n].need.iter().map(|n| n.1).max();
            (items[*n].only.is_none(), std::cmp::Reverse(largest))
        });
        let sorted: Vec<Item> = big.iter().map(|n| items[*n].clone()).collect();
        let found = self.search(nodes, &sorted)?;
        let mut at = vec![0; items.len()];
        for (n, v) in big.into_iter().zip(found) {
            at[n] = v;
        }
        Some(at)
    }

    /// Whether the sums alone show that no packing exists.
    fn too_much(&self, nodes: &[usize], items: &[Item]) -> bool {
        let mut of_pool: BTreeMap<usize, i128> = BTreeMap::new();
        let mut of_node: BTreeMap<(usize, usize), i128> = BTreeMap::new();
        for i in items {
            for (k, q) in &i.need {
                *of_pool.entry(*k).or_insert(0) += q;
                if let Some(v) = i.only {
                    *of_node.entry((v, *k)).or_insert(0) += q;
                }
            }
        }
        let room = |v: usize, k: usize| self.free[v].get(&k).copied().unwrap_or(0).max(0);
        of_node.iter().any(|((v, k), q)| *q > room(*v, *k))
            || of_pool.iter().any(|(k, q)| *q > nodes.iter().map(|v| room(*v, *k)).sum())
    }

    /// Keeps what was placed before and adds the rest where it fits.
    fn hinted(&mut self, pool: &str, items: &[Item], hint: &Packing) -> Option<Vec<usize>> {
        if hint.is_empty() {
            return None;
        }
        let mut h = self.clone();
        let mut at = vec![usize::MAX; items.len()];
        for known in [true, false] {
            for (n, i) in items.iter().enumerate() {
                let was = hint.get(&(i.order, i.replica, pool.to_string())).copied();
                if was.is_some() != known {
                    continue;
                }
                let v = match was {
                    Some(v) if h.fits(v, &i.need) => v,
                    _ => h.best(&self.of_pool[pool], i)?,
                };
                h.take(v, &i.need, 1);
                at[n] = v;
            }
        }
        Some(at)
    }

    /// The node that an item fills best.
    fn best(&self, nodes: &[usize], item: &Item) -> Option<usize> {
        self.ranked(nodes, item).into_iter().next()
    }

    fn ranked(&self, nodes: &[usize], item: &Item) -> Vec<usize> {
        // what would be left, in parts of the pool's capacity, product by product
        let left = |v: usize| -> i128 {
            let part = |(k, q): &(usize, i128)| {
                let total = self.total.get(k).copied().unwrap_or(1).max(1);
                (self.free[v].get(k).copied().unwrap_or(0) - q) * PARTS / total
            };
            item.need.iter().map(part).sum()
        };
        let mut fit: Vec<(i128, usize)> = nodes
            .iter()
            .filter(|v| item.only.is_none_or(|o| o == **v) && self.fits(**v, &item.need))
            .map(|v| (left(*v), *v))
            .collect();
        fit.sort_unstable();
        fit.into_iter().map(|f| f.1).collect()
    }

    /// Depth-first search in the order of the items, within a number of steps.
    fn search(&self, nodes: &[usize], items: &[Item]) -> Option<Vec<usize>> {
        self.search_off(None, nodes, items)
    }

    /// The same that takes one of the nodes last.
    fn search_off(&self, off: Option<usize>, nodes: &[usize], items: &[Item]) -> Option<Vec<usize>> {
        if self.too_much(nodes, items) {
            return None;
        }
        let mut h = self.clone();
        let most = if items.len() <= FEW { STEPS } else { (STEPS / items.len()).max(50) + 2 * items.len() };
        let mut choices: Vec<Vec<usize>> = Vec::new();
        let mut at: Vec<usize> = Vec::new();
        let mut steps = 0;
        while at.len() < items.len() {
            let n = at.len();
            if choices.len() == n {
                let mut c = h.ranked(nodes, &items[n]);
                c.sort_by_key(|v| Some(*v) == off);
                c.reverse();
                choices.push(c);
            }
            steps += 1;
            match choices[n].pop().filter(|_| steps < most) {
                Some(v) => {
                    h.take(v, &items[n].need, 1);
                    at.push(v);
                }
                None => {
                    if steps >= most {
                        return None;
                    }
                    choices.pop();
                    let v = at.pop()?;
                    h.take(v, &items[n - 1].need, -1);
                }
            }
        }
        Some(at)
    }

    /// The first item, best first, that can't be packed together with all before it. A bid that can lie on one node
    /// only is packed first and, beside bids in replicas, worth no more for it: for others `pin` looks for nodes.
    fn victim(
        &self,
        nodes: &[usize],
        items: &[Item],
        awards: &BTreeMap<usize, Filled>,
        order: &Precedence,
    ) -> (Cut, usize) {
        let mut best: Vec<usize> = (0..items.len()).collect();
        let replicas = |i: &Item| i.only.is_none() && self.m.orders[i.order].replicas.is_some();
        let by_worth = !order.bound_first && items.iter().any(|i| replicas(i) || order.leads(i));
        let most = if by_worth { best.len() } else { 0 };
        best[..most].sort_by(|a, b| order.of_worth(self.m, &items[*a], &items[*b]));
        // of the best so many, in the order in which they are packed
        let among = |most: usize| -> Vec<Item> {
            let mut some = best[..most].to_vec();
            some.sort_unstable();
            some.into_iter().map(|n| items[n].clone()).collect()
        };
        let (mut good, mut bad) = (0, items.len());
        while bad - good > 1 {
            let mid = (good + bad) / 2;
            if self.search(nodes, &among(mid)).is_some() { good = mid } else { bad = mid }
        }
        let out = &items[best[bad - 1]];
        let f = &awards[&out.order];
        let o = &self.m.orders[out.order];
        let kept = among(good);
        // the better ones may lie where they leave it most
        let own = nodes.iter().filter(|v| o.replicas.is_none() && out.only.is_none_or(|only| only == **v));
        let reach = |off: Option<usize>| {
            let mut h = self.clone();
            for (i, v) in kept.iter().zip(self.search_off(off, nodes, &kept).unwrap_or_default()) {
                h.take(v, &i.need, 1);
            }
            h.reach(out.order, f.alternative, 0)
        };
        let offs = own.take(MOST_OFF).map(|v| Some(*v));
        let upper = match o.replicas {
            Some(n) => {
                Rat::ratio(out.replica.min(f.quantities[0] * n / o.alternatives[f.alternative].quantities[0].1 - 1), n)
            }
            None => offs.chain([None]).map(reach).max().unwrap_or_default().min(f.fill.clone()),
        };
        let cut = Cut { order: out.order, alternative: f.alternative, upper };
        (cut, best[bad - 1])
    }
}

/// By order, how many of its replicas are given a node before everybody's.
pub type Leading = BTreeMap<usize, i128>;

/// Who is given a node before whom.
pub struct Precedence<'a> {
    /// Those who go before everybody, also before those that can lie on one node only, each with its first so many replicas.
    pub leading: &'a Leading,
    /// Those who go before all others but for these.
    pub first: &'a BTreeSet<usize>,
    /// Whether bids that can lie on one node only go before those in replicas that may lie on several.
    pub bound_first: bool,
}

impl Precedence<'_> {
    fn leads(&self, item: &Item) -> bool {
        self.leading.get(&item.order).is_some_and(|replicas| item.replica < *replicas)
    }

    /// Those that go first, then by value per dominant share, then by hash.
    fn of_worth(&self, m: &Market, a: &Item, b: &Item) -> std::cmp::Ordering {
        let lot = |i: &Item| m.orders[i.order].lot;
        let rank = |i: &Item| (self.leads(i), self.first.contains(&i.order));
        rank(b).cmp(&rank(a)).then(b.share.cmp(&a.share)).then(lot(a).cmp(&lot(b))).then(a.replica.cmp(&b.replica))
    }
}

/// Items of a pool that share no product, directly or through others, are packed apart.
fn groups(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut of_product: BTreeMap<usize, usize> = BTreeMap::new();
    let mut root: Vec<usize> = (0..items.len()).collect();
    fn find(root: &mut [usize], mut n: usize) -> usize {
        while root[n] != n {
            root[n] = root[root[n]];
            n = root[n];
        }
        n
    }
    for (n, i) in items.iter().enumerate() {
        for (k, _) in &i.need {
            let other = *of_product.entry(*k).or_insert(n);
            let (a, b) = (find(&mut root, n), find(&mut root, other));
            root[a.max(b)] = a.min(b);
        }
    }
    let mut groups: BTreeMap<usize, Vec<Item>> = BTreeMap::new();
    for (n, i) in items.into_iter().enumerate() {
        groups.entry(find(&mut root, n)).or_default().push(i);
    }
    groups.into_values().collect()
}

impl Filled {
    /// The part of the order's fill that one replica stands for.
    fn fill_of_one(&self, replicas: Option<i128>) -> Rat {
        match replicas {
            Some(_) => Rat::ONE,
            None => self.fill.clone(),
        }
    }
}
