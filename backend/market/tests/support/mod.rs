//! Random small books with every feature, and a naive oracle: all choices of the binaries, each
//! with a dense two-phase simplex. The oracle shares nothing with the engine but rationals.
#![allow(dead_code)]
pub mod anything;
pub mod approvals;
pub mod away;
pub mod compensations;
pub mod crowded;
pub mod draws;
pub mod movers;
pub mod nodes;
pub mod one_node;
pub mod own_orders;
pub mod projects;
pub mod recallable;
pub mod recallable_paid;
pub mod reserve_world;
pub mod rolls;
pub mod runs;
pub mod self_trade;
pub mod world;
pub mod world_rolls;
pub mod world_settle;
pub mod world_steps;

use headroom_market::clearing::book::*;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::Outcome;
use headroom_market::clearing::rational::Rat;
use std::collections::BTreeMap;

/// Base units per step: large enough that rounding to units is small beside the quantities.
pub const UNIT: i64 = 840;

#[derive(Clone, Copy)]
pub struct Mix {
    pub nodes: bool,
    pub blocks: bool,
    pub rows: bool,
    pub low_caps: bool,
    pub replicas: bool,
}

fn key(p: i64, r: i64, t: i64) -> ProductKey {
    ProductKey { pool: format!("p{p}"), resource: format!("r{r}"), slot: t }
}

/// What lenders and the operator are paid for beyond what bidders pay for, in nano-credits, where that is more
/// than a unit of each order that was filled in part, and one more. For books without arcs.
pub fn left_over(book: &Book, out: &Outcome) -> i128 {
    let mut rest: BTreeMap<ProductKey, (i128, i128)> = BTreeMap::new();
    for award in &out.awards {
        let bid = book.orders.iter().any(|o| o.id == award.order && o.side == Side::Bid);
        for q in &award.quantities {
            let (lent, orders) = rest.entry(q.product.clone()).or_default();
            *lent += i128::from(if bid { -q.quantity } else { q.quantity });
            *orders += i128::from(award.fill.as_ref().is_none_or(|f| f.0 != Rat::ONE));
        }
    }
    for s in &out.supply {
        let product = ProductKey { pool: s.pool.clone(), resource: s.resource.clone(), slot: s.slot };
        rest.entry(product).or_default().0 += i128::from(s.used);
    }
    let price = |k: &ProductKey| {
        let row = out.prices.iter().find(|p| (&p.pool, &p.resource, p.slot) == (&k.pool, &k.resource, k.slot));
        row.map_or(0, |p| i128::from(p.price.0))
    };
    rest.iter().filter(|(_, (lent, orders))| *lent > orders + 1).map(|(k, (lent, _))| lent * price(k)).sum()
}

/// A small random book whose quantities are whole multiples of 840, so that few fills need rounding.
pub fn book(seed: u64, mix: Mix) -> Book {
    book_in_units(seed, mix, UNIT)
}

/// The same with multiples of `unit`: with 1, nearly every partial fill is rounded.
pub fn book_in_units(seed: u64, mix: Mix, unit: i64) -> Book {
    let mut d = Draw::new(seed.wrapping_mul(0x5851_F42D_4C95_7F2D) ^ 0xD1B5);
    let cap = if mix.low_caps { d.between(6, 12) } else { 10_000 };
    let mut b = Book::new(Money(cap * 1_000_000), d.raw() % 1000);
    let (pools, resources, slots) = (d.between(1, 3), d.between(1, 2), d.between(1, 3));
    for p in 0..pools {
        for r in 0..resources {
            for t in 0..slots {
                let mut reserve = d.between(0, 3);
                let supply = (0..d.between(0, 3))
                    .map(|_| {
                        reserve += d.between(0, 3);
                        Step { quantity: d.between(0, 25) * unit, reserve: Money(reserve * 1_000_000) }
                    })
                    .collect();
                if d.chance(92) {
                    let k = key(p, r, t);
                    b.products.push(Product {
                        pool: k.pool,
                        resource: k.resource,
                        slot: t,
                        supply,
                        cap: None,
                        reference: None,
                    });
                }
            }
        }
        if mix.nodes && d.chance(85) {
            for n in 0..d.between(1, 3) {
                let capacity = (0..resources).map(|r| (format!("r{r}"), d.between(2, 20) * unit)).collect();
                let committed = if d.chance(15) {
                    vec![Committed { resource: "r0".into(), slot: 0, quantity: d.between(0, 4) * unit }]
                } else {
                    Vec::new()
                };
                b.nodes.push(Node { id: format!("n{p}{n}"), pool: format!("p{p}"), capacity, committed });
            }
        }
    }
    for i in 0..d.between(1, 9) {
        let bid = d.chance(72);
        let replicas = if bid && mix.replicas && d.chance(65) { Some(d.between(1, 4)) } else { None };
        let alternatives = if mix.blocks && d.chance(25) { d.between(2, 3) } else { 1 };
        let mut total = 0;
        let mut alts = Vec::new();
        for a in 0..alternatives {
            let p = d.between(0, pools - 1);
            let from = d.between(0, slots - 1);
            let to = d.between(from, slots - 1);
            let mut q: BTreeMap<ProductKey, i64> = BTreeMap::new();
            for r in 0..resources {
                if r > 0 && d.chance(40) {
                    continue;
                }
                let n = match replicas {
                    Some(n) => d.between(1, 6) * n,
                    None => d.between(1, 14),
                };
                for t in from..=to {
                    q.insert(key(p, r, t), n * unit);
                }
            }
            if d.chance(8) {
                let other = key(d.between(0, pools - 1), 0, from);
                q.entry(other).or_insert(d.between(1, 5) * replicas.unwrap_or(1) * unit);
            }
            total = total.max(q.values().sum::<i64>());
            let adder = if a > 0 && d.chance(60) { d.between(0, 5) * unit * 1_000_000 } else { 0 };
            alts.push(Alternative {
                quantities: q.into_iter().map(|(product, quantity)| Quantity { product, quantity }).collect(),
                adder: Money(adder),
            });
        }
        let worth = if bid { d.between(1, 10) } else { d.between(0, 6) };
        let mut o = Order {
            id: format!("o{i}"),
            owner: format!("w{i}"),
            side: if bid { Side::Bid } else { Side::Offer },
            instance: None,
            limit: Money(total * worth * 1_000_000 + d.between(0, 3) * unit * 500_000),
            min_fill: Fraction::zero(),
            incumbent: d.chance(15),
            alternatives: alts,
            parent: None,
            budget: None,
            replicas,
            node: None,
            class: [Class::Standard, Class::Critical, Class::Opportunistic][d.between(0, 2) as usize],
        };
        if mix.blocks && d.chance(30) {
            o.min_fill =
                Fraction([Rat::ONE, Rat::ONE, Rat::ratio(1, 2), Rat::ratio(1, 4)][d.between(0, 3) as usize].clone());
        }
        if !b.nodes.is_empty() && d.chance(30) {
            o.node = Some(b.nodes[d.between(0, b.nodes.len() as i64 - 1) as usize].id.clone());
        }
        if mix.rows && d.chance(if bid { 15 } else { 60 }) {
            let rows = o.alternatives[0].quantities.clone();
            let mut inst = Instance { id: format!("i{i}"), owner: o.owner.clone(), ..Instance::default() };
            if !bid || d.chance(50) {
                inst.holding = rows.clone();
            }
            for q in rows {
                let part = d.between(0, q.quantity / unit) * unit;
                if d.chance(60) {
                    inst.floor.push(Quantity { product: q.product.clone(), quantity: part });
                }
                if d.chance(40) {
                    inst.max_swap.push(Quantity { product: q.product, quantity: part + unit });
                }
            }
            o.instance = Some(inst.id.clone());
            b.instances.push(inst);
        }
        b.orders.push(o);
    }
    if d.chance(15) {
        for o in b.orders.clone().into_iter().take(2) {
            b.orders.push(Order { id: format!("{}x", o.id), owner: format!("{}x", o.owner), instance: None, ..o });
        }
    }
    b
}

/// Makes about a third of the orders children of earlier ones, which get a min_fill if they have none.
pub fn with_families(mut b: Book, seed: u64) -> Book {
    let mut d = Draw::new(seed ^ 0xFA31);
    for i in 1..b.orders.len() {
        if d.chance(35) {
            let parent = d.between(0, i as i64 - 1) as usize;
            b.orders[i].parent = Some(b.orders[parent].id.clone());
            if b.orders[parent].min_fill.0.is_zero() {
                b.orders[parent].min_fill = Fraction([Rat::ONE, Rat::ratio(1, 2)][d.between(0, 1) as usize].clone());
            }
        }
    }
    b
}

/// `max c·x, rows ≤ b, x ≥ 0`: dense tableau, two phases, Bland's rule. `None` = infeasible.
pub fn maximise(c: &[Rat], rows: &[(Vec<Rat>, Rat)]) -> Option<Rat> {
    let (n, m) = (c.len(), rows.len());
    let negative: Vec<usize> = (0..m).filter(|i| rows[*i].1.is_neg()).collect();
    let width = n + m + negative.len();
    let mut basis = Vec::new();
    let mut t: Vec<Vec<Rat>> = Vec::new();
    for (i, (r, b)) in rows.iter().enumerate() {
        let s = if b.is_neg() { Rat::int(-1) } else { Rat::ONE };
        let mut line = vec![Rat::ZERO; width + 1];
        for (j, v) in r.iter().enumerate() {
            line[j] = &s * v;
        }
        line[n + i] = s.clone();
        line[width] = &s * b;
        basis.push(n + i);
        if let Some(a) = negative.iter().position(|x| *x == i) {
            line[n + m + a] = Rat::ONE;
            basis[i] = n + m + a;
        }
        t.push(line);
    }
    let mut first = vec![Rat::ZERO; width + 1];
    for &i in &negative {
        for j in 0..=width {
            first[j] = &first[j] + &t[i][j];
        }
    }
    for a in 0..negative.len() {
        first[n + m + a] = Rat::ZERO;
    }
    let mut second = vec![Rat::ZERO; width + 1];
    second[..n].clone_from_slice(c);
    run(&mut t, &mut basis, &mut first, &mut second, n + m);
    if !first[width].is_zero() {
        return None;
    }
    // artificial variables that stayed at 0 leave, or their rows say nothing
    for i in 0..m {
        if basis[i] >= n + m
            && let Some(j) = (0..n + m).find(|j| !t[i][*j].is_zero())
        {
            pivot(&mut t, &mut basis, &mut [&mut first, &mut second], i, j);
        }
    }
    let mut idle = vec![Rat::ZERO; width + 1];
    run(&mut t, &mut basis, &mut second, &mut idle, n + m);
    Some(-&second[width])
}

fn run(t: &mut [Vec<Rat>], basis: &mut [usize], z: &mut Vec<Rat>, other: &mut Vec<Rat>, limit: usize) {
    let right = z.len() - 1;
    while let Some(j) = (0..limit).find(|j| z[*j].is_pos()) {
        let r = (0..t.len())
            .filter(|i| t[*i][j].is_pos())
            .min_by(|a, b| {
                t[*a][right].div(&t[*a][j]).cmp(&t[*b][right].div(&t[*b][j])).then(basis[*a].cmp(&basis[*b]))
            })
            .expect("every program of the oracle is bounded");
        pivot(t, basis, &mut [z, other], r, j);
    }
}

fn pivot(t: &mut [Vec<Rat>], basis: &mut [usize], z: &mut [&mut Vec<Rat>], r: usize, j: usize) {
    let p = t[r][j].clone();
    for v in t[r].iter_mut() {
        *v = v.div(&p);
    }
    let line = t[r].clone();
    let reduce = |l: &mut Vec<Rat>| {
        if !l[j].is_zero() {
            let f = l[j].clone();
            for (v, e) in l.iter_mut().zip(&line) {
                *v = v.sub_mul(&f, e);
            }
        }
    };
    for (i, l) in t.iter_mut().enumerate() {
        if i != r {
            reduce(l);
        }
    }
    for l in z.iter_mut() {
        reduce(l);
    }
    basis[r] = j;
}

/// The best welfare in micro-credits by enumeration, and how many choices there were; with
/// `supported`, only allocations that uniform prices support count. `None` = too many choices.
pub fn best_welfare(b: &Book, supported: bool, most: usize) -> Option<Rat> {
    let blocks: Vec<&Order> = b.orders.iter().filter(|o| o.is_block()).collect();
    let choices: usize = blocks.iter().map(|o| o.alternatives.len() + 1).product();
    if choices > most {
        return None;
    }
    let mut best: Option<Rat> = None;
    for n in 0..choices {
        let mut rest = n;
        let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
        for o in &blocks {
            let k = o.alternatives.len() + 1;
            if rest % k > 0 {
                chosen.insert(&o.id, rest % k - 1);
            }
            rest /= k;
        }
        if let Some(w) = fixed(b, &chosen, supported) {
            best = Some(best.map_or(w.clone(), |x| x.max(w)));
        }
    }
    best
}

fn fixed(b: &Book, chosen: &BTreeMap<&str, usize>, supported: bool) -> Option<Rat> {
    let mut keys: Vec<ProductKey> = b.products.iter().map(|p| p.key()).collect();
    keys.extend(b.orders.iter().flat_map(|o| &o.alternatives).flat_map(|a| &a.quantities).map(|q| q.product.clone()));
    keys.sort();
    keys.dedup();
    // columns: value, entries over products, lower and upper bound, order, block
    struct Col<'a> {
        value: Rat,
        entries: BTreeMap<usize, i64>,
        lo: Rat,
        hi: Rat,
        order: Option<&'a Order>,
    }
    let mut cols: Vec<Col> = Vec::new();
    for o in &b.orders {
        if o.parent.as_deref().is_some_and(|p| !chosen.contains_key(p)) {
            if chosen.contains_key(o.id.as_str()) {
                return None;
            }
            continue;
        }
        let a = match (o.is_block(), chosen.get(o.id.as_str())) {
            (false, _) => 0,
            (true, Some(a)) => *a,
            (true, None) => continue,
        };
        let s = if o.side == Side::Bid { 1 } else { -1 };
        let entries = o.alternatives[a]
            .quantities
            .iter()
            .map(|q| (keys.binary_search(&q.product).expect("listed"), s * q.quantity))
            .collect();
        let lo = if o.is_block() { o.least_fill() } else { Rat::ZERO };
        cols.push(Col {
            value: Rat::int(i128::from(s) * o.effective_limit(a)),
            entries,
            lo,
            hi: Rat::ONE,
            order: Some(o),
        });
    }
    for p in &b.products {
        let k = keys.binary_search(&p.key()).expect("listed");
        for s in &p.supply {
            cols.push(Col {
                value: Rat::int(-i128::from(s.reserve.0)),
                entries: [(k, -1)].into(),
                lo: Rat::ZERO,
                hi: Rat::int(s.quantity.into()),
                order: None,
            });
        }
    }
    let n = cols.len();
    let mut rows: Vec<(Vec<Rat>, Rat)> = Vec::new();
    for k in 0..keys.len() {
        rows.push((cols.iter().map(|c| Rat::int(c.entries.get(&k).copied().unwrap_or(0).into())).collect(), Rat::ZERO));
    }
    let shared = rows.len();
    let listed = |l: &[Quantity], k: &ProductKey| l.iter().find(|q| q.product == *k).map(|q| q.quantity);
    for inst in &b.instances {
        for (k, name) in keys.iter().enumerate() {
            let net: Vec<Rat> = cols
                .iter()
                .map(|c| match c.order {
                    Some(o) if o.instance.as_deref() == Some(&inst.id) => {
                        Rat::int(c.entries.get(&k).copied().unwrap_or(0).into())
                    }
                    _ => Rat::ZERO,
                })
                .collect();
            let minus: Vec<Rat> = net.iter().map(|v| -v).collect();
            let (h, f) = (listed(&inst.holding, name), listed(&inst.floor, name));
            if h.is_some() || f.is_some() {
                rows.push((minus.clone(), Rat::int(i128::from((h.unwrap_or(0) - f.unwrap_or(0)).max(0)))));
            }
            if let Some(most) = listed(&inst.max_swap, name) {
                rows.push((net, Rat::int(most.into())));
                rows.push((minus, Rat::int(most.into())));
            }
        }
    }
    // x = lo + y, 0 ≤ y ≤ hi − lo
    let mut primal = Vec::new();
    for (r, b) in &rows {
        let b = r.iter().zip(&cols).fold(b.clone(), |b, (v, c)| b.sub_mul(v, &c.lo));
        primal.push((r.clone(), b));
    }
    for (j, c) in cols.iter().enumerate() {
        let mut r = vec![Rat::ZERO; n];
        r[j] = Rat::ONE;
        primal.push((r, &c.hi - &c.lo));
    }
    let c: Vec<Rat> = cols.iter().map(|c| c.value.clone()).collect();
    let base = cols.iter().fold(Rat::ZERO, |t, c| &t + &(&c.value * &c.lo));
    let value = &maximise(&c, &primal)? + &base;
    if !supported {
        return Some(value);
    }
    // dual variables: rows, then the upper bounds' s and the lower bounds' t of every column:
    // A·y + s − t = c, and a dual value no worse than the primal one; no accepted block loses
    let m = rows.len();
    let width = m + 2 * n;
    let mut dual: Vec<(Vec<Rat>, Rat)> = Vec::new();
    for (j, c) in cols.iter().enumerate() {
        let mut r = vec![Rat::ZERO; width];
        for (i, row) in rows.iter().enumerate() {
            r[i] = row.0[j].clone();
        }
        r[m + j] = Rat::ONE;
        r[m + n + j] = Rat::int(-1);
        dual.push((r.iter().map(|v| -v).collect(), -&c.value));
        dual.push((r, c.value.clone()));
        let Some(o) = c.order.filter(|o| o.is_block()) else { continue };
        let under = |root: &str, o: &Order| {
            let mut at = Some(o);
            while let Some(o) = at.filter(|o| o.id != root) {
                at = o.parent.as_ref().and_then(|p| b.orders.iter().find(|o| o.id == *p));
            }
            at.is_some()
        };
        let family: Vec<usize> = (0..n).filter(|j| cols[*j].order.is_some_and(|x| under(&o.id, x))).collect();
        let mut r = vec![Rat::ZERO; width];
        if family.len() > 1 {
            // what each earns, σ·x, is what its bounds are worth: s·hi − t·lo (without rows of its own)
            for j in family {
                r[m + j] = -&cols[j].hi;
                r[m + n + j] = cols[j].lo.clone();
            }
            dual.push((r, Rat::ZERO));
        } else {
            for (i, row) in rows.iter().enumerate().take(shared) {
                r[i] = row.0[j].clone();
            }
            dual.push((r, c.value.clone()));
        }
    }
    let mut r = vec![Rat::ZERO; width];
    for (i, row) in rows.iter().enumerate() {
        r[i] = row.1.clone();
    }
    for (j, c) in cols.iter().enumerate() {
        r[m + j] = c.hi.clone();
        r[m + n + j] = -&c.lo;
    }
    dual.push((r, value.clone()));
    maximise(&vec![Rat::ZERO; width], &dual).map(|_| value)
}

/// An order with nothing but a side, a limit and alternatives.
pub fn plain_order(id: &str, side: Side, limit: Money, alternatives: Vec<Alternative>) -> Order {
    Order {
        id: id.into(),
        owner: format!("owner of {id}"),
        side,
        instance: None,
        limit,
        min_fill: Fraction::zero(),
        incumbent: false,
        alternatives,
        parent: None,
        budget: None,
        replicas: None,
        node: None,
        class: Class::Standard,
    }
}
