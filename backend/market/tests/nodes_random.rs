//! Instances bound to nodes that are nearly full: what they lend and ask for meets only where a
//! node has room. Small books are compared with brute force over all integer quantities, once over
//! what fits on the nodes and once over what one price a product can carry as well; the difference
//! is what uniform prices cost. `HEADROOM_RANDOM_BOOKS` sets how many books (default 1500).

use crate::support::nodes::{MICRO, brute, cleared, count, got, key, node, order, product};
use crate::support::{UNIT, maximise, plain_order};
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Bottleneck, Quality, Reason};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{
    Alternative, Book, Committed, Mode, Money, Node, Order, Product, Quantity, Side, Step, verify,
};

/// One product; node A is full, B has room.
fn two_nodes(orders: Vec<Order>) -> Book {
    let mut b = Book::new(Money(1_000_000), 7);
    b.products.push(Product {
        pool: "p".into(),
        resource: "cpu".into(),
        slot: 0,
        supply: vec![Step { quantity: 700, reserve: Money(900) }],
        cap: Some(Money(2_700)),
        reference: Some(Money(900)),
    });
    b.nodes = vec![node("A", 16_000, 16_000), node("B", 6_500, 3_700)];
    b.orders = orders;
    b
}

#[test]
fn an_offer_of_the_same_price_on_another_node_stops_no_trade() {
    let (bid, offer) = (order("b", Side::Bid, "A", 673, 1_800), order("o", Side::Offer, "A", 88, 600));
    let elsewhere = order("o2", Side::Offer, "B", 70, 600);
    let second = order("b2", Side::Bid, "A", 1_054, 720);
    for (n, more) in [vec![], vec![elsewhere.clone()], vec![second, elsewhere]].into_iter().enumerate() {
        let b = two_nodes([vec![bid.clone(), offer.clone()], more].concat());
        let out = cleared(&b, &format!("book {n}"));
        assert_eq!((got(&out, "b"), got(&out, "o"), got(&out, "o2")), (88, 88, 0), "book {n}");
        assert_eq!(out.welfare.0, Rat::ratio(105_600, MICRO), "book {n}");
        assert_eq!((out.quality, out.bound.as_ref()), (Quality::Optimal, Some(&out.welfare)), "book {n}");
        assert_eq!(out.certificate.as_ref().map(|c| c.gap.as_str()), Some("0"), "book {n}");
        let b_award = out.awards.iter().find(|a| a.order == "b");
        assert_eq!(b_award.and_then(|a| a.limited_by), Some(Reason::NoHostFits), "book {n}");
        let full = Bottleneck { node: "A".into(), resource: "cpu".into(), slot: 0, free: 0 };
        assert_eq!(b_award.and_then(|a| a.binding.as_ref()), Some(&full), "book {n}");
    }
}

/// Seven orders of one product as a live round had them: what was resold, three bids and an offer
/// on the full node, a bid and an offer on the other.
#[test]
fn a_round_of_seven_orders_trades_what_its_two_best_alone_would() {
    let mut resold = order("r", Side::Offer, "A", 955, 1_800);
    resold.incumbent = true;
    let mut orders = vec![
        resold,
        order("b", Side::Bid, "A", 673, 1_800),
        order("c", Side::Bid, "B", 163, 1),
        order("d", Side::Bid, "A", 557, 1),
        order("e", Side::Bid, "A", 1_054, 720),
        order("o", Side::Offer, "A", 88, 600),
        order("o2", Side::Offer, "B", 70, 600),
    ];
    (orders[2].limit, orders[3].limit) = (Money(24_254), Money(82_881));
    let out = cleared(&two_nodes(orders), "seven orders");
    assert_eq!((got(&out, "b"), got(&out, "o")), (88, 88));
    assert_eq!((out.quality, &out.welfare.0), (Quality::Optimal, &Rat::ratio(105_600, MICRO)));
}

/// The cheaper offer would have to be bought first, but its room is on the other node: no price
/// carries the trade, and the outcome says what that costs.
#[test]
fn what_no_uniform_price_carries_is_told_as_a_gap_of_placement() {
    let b = two_nodes(vec![
        order("b", Side::Bid, "A", 673, 1_800),
        order("o", Side::Offer, "A", 88, 600),
        order("o2", Side::Offer, "B", 70, 500),
    ]);
    let out = cleared(&b, "a cheaper offer elsewhere");
    assert!(out.welfare.0.is_zero());
    assert_eq!(out.bound.as_ref().map(|b| &b.0), Some(&Rat::ratio(105_600, MICRO)));
    let c = out.certificate.clone().expect("a certificate");
    assert_eq!((c.gap.as_str(), c.limited_by), ("1.000000000", Some(Reason::NoHostFits)));
    assert_eq!(out.quality, Quality::Fallback);
    // no limit helps where the node is full, and the refusal says which one and of what
    let refused = |id: &str| out.refused.iter().find(|r| r.order == id).expect("refused");
    let full = Bottleneck { node: "A".into(), resource: "cpu".into(), slot: 0, free: 0 };
    let (b_, o) = (refused("b"), refused("o"));
    assert_eq!((b_.reason, b_.winning_limit, b_.binding.as_ref()), (Reason::NoHostFits, None, Some(&full)));
    assert_eq!((o.reason, o.winning_limit, o.binding.as_ref()), (Reason::OutOfMoney, None, None));
    // a certificate that hides the gap is refused
    for (gap, quality) in [("0", Quality::Fallback), ("0.999", Quality::Fallback), ("1.000000000", Quality::Optimal)] {
        let mut lie = out.clone();
        lie.quality = quality;
        let c = lie.certificate.as_mut().expect("a certificate");
        c.gap = gap.into();
        c.result_hash.clear();
        let broken = verify(&b, lie, Mode::Market).expect_err("a lie");
        assert!(broken.iter().all(|b| b.rule == "GAP"), "{broken:?}");
    }
}

/// What a refusal names as the limit that would have won does win, on both sides of the book.
#[test]
fn the_winning_limit_wins() {
    let b = two_nodes(vec![
        order("b", Side::Bid, "B", 500, 700),
        order("c", Side::Bid, "B", 100, 400),
        order("o", Side::Offer, "B", 300, 500),
        order("p", Side::Offer, "B", 300, 650),
        order("q", Side::Offer, "B", 100, 690),
    ]);
    let out = cleared(&b, "as it is");
    for (id, limit) in [("c", 65_001), ("q", 64_999)] {
        let r = out.refused.iter().find(|r| r.order == id).expect("refused");
        assert_eq!((r.reason, r.winning_limit), (Reason::OutOfMoney, Some(Money(limit))), "{id}");
        let mut again = b.clone();
        again.orders.iter_mut().filter(|o| o.id == id).for_each(|o| o.limit = Money(limit));
        assert!(got(&cleared(&again, id), id) > 0, "{id}");
    }
}

/// Orders of instances on 2–4 nodes that are nearly full, all of one product.
fn pinned(seed: u64, unit: i64) -> Book {
    let mut d = Draw::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x40DE);
    let mut b = Book::new(Money(1_000_000), d.raw() % 1000);
    b.products.push(product(&mut d, unit));
    let nodes = d.between(2, 4);
    for v in 0..nodes {
        let full = d.between(4, 10) * unit;
        let free = if d.chance(60) { 0 } else { d.between(0, 4) * unit };
        b.nodes.push(node(&format!("n{v}"), full, full - free));
    }
    for i in 0..d.between(2, 7) {
        let side = if d.chance(50) { Side::Bid } else { Side::Offer };
        let (quantity, price) = (d.between(1, 4), d.between(0, 9));
        let v = d.between(0, nodes - 1);
        b.orders.push(order(&format!("o{i}"), side, &format!("n{v}"), quantity * unit, price * 1_000));
    }
    b
}

#[test]
fn welfare_is_that_of_brute_force_where_nodes_are_full() {
    let (mut lost, mut with_loss, mut worst, mut total) = (Rat::ZERO, 0, Rat::ZERO, 0);
    let mut failures = Vec::new();
    for seed in 0..count(1500) {
        let out = cleared(&pinned(seed, UNIT), &format!("seed {seed}"));
        let (fits, carried) = brute(&pinned(seed, 1));
        let lots = Rat::ratio(MICRO, UNIT.into());
        let welfare = &out.welfare.0 * &lots;
        let bound = out.bound.as_ref().map(|b| &b.0 * &lots).expect("a bound");
        let optimal = out.quality == Quality::Optimal;
        if welfare != Rat::int(carried) || bound != Rat::int(fits) || optimal != (fits == carried) {
            failures.push(format!("seed {seed}: {welfare} under {bound}, brute force {carried} under {fits}"));
        }
        // parts of single units are somebody's, too: of whom rounding emptied, and of whom it gave the rest of a unit
        let single = &cleared(&pinned(seed, 1), &format!("seed {seed} in single units")).welfare.0 * &Rat::int(MICRO);
        if single != Rat::int(carried) {
            failures.push(format!("seed {seed} in single units: {single}, brute force {carried}"));
        }
        if fits > 0 {
            let part = Rat::ratio(fits - carried, fits);
            lost = &lost + &part;
            with_loss += u32::from(part.is_pos());
            worst = worst.max(part);
            total += 1;
        }
    }
    let percent = |r: &Rat| (r * &Rat::int(10_000)).round() as f64 / 100.0;
    println!(
        "{total} books that could trade: {with_loss} lose welfare to placement under one price, mean {} %, worst {} %",
        percent(&lost.div(&Rat::int(total.max(1)))),
        percent(&worst)
    );
    assert!(failures.is_empty(), "{failures:#?}");
}

/// The same shape with several products, bundles of cpu and memory, two slots, orders that may lie
/// anywhere and others in whole replicas.
fn bundles(seed: u64) -> Book {
    let mut d = Draw::new(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x0B0E);
    let mut b = Book::new(Money(if seed.is_multiple_of(5) { 8_000 } else { 1_000_000 }), d.raw() % 1000);
    let (slots, nodes) = (d.between(1, 2), d.between(2, 4));
    for t in 0..slots {
        for r in ["cpu", "mem"] {
            let mut reserve = 0;
            let supply = (0..d.between(0, 2))
                .map(|_| {
                    reserve += d.between(0, 5);
                    Step { quantity: d.between(0, 60) * UNIT, reserve: Money(reserve * 1_000) }
                })
                .collect();
            let p = Product { pool: "p".into(), resource: r.into(), slot: t, supply, cap: None, reference: None };
            b.products.push(p);
        }
    }
    for v in 0..nodes {
        let mut n = Node { id: format!("n{v}"), pool: "p".into(), capacity: Default::default(), committed: Vec::new() };
        for r in ["cpu", "mem"] {
            n.capacity.insert(r.into(), 200 * UNIT);
            for slot in 0..slots {
                let free = if d.chance(50) { 0 } else { d.between(0, 60) * UNIT };
                n.committed.push(Committed { resource: r.into(), slot, quantity: 200 * UNIT - free });
            }
        }
        b.nodes.push(n);
    }
    for i in 0..d.between(3, 9) {
        let side = if d.chance(50) { Side::Bid } else { Side::Offer };
        let slot = d.between(0, slots - 1);
        let replicas = if side == Side::Bid && d.chance(15) { Some(d.between(1, 3)) } else { None };
        let of = replicas.unwrap_or(1);
        let mut quantities = vec![Quantity { product: key("cpu", slot), quantity: d.between(1, 60) * of * UNIT }];
        if d.chance(45) {
            quantities.push(Quantity { product: key("mem", slot), quantity: d.between(1, 60) * of * UNIT });
        }
        if d.chance(15) {
            quantities.remove(0).product.slot = slot;
            if quantities.is_empty() {
                quantities.push(Quantity { product: key("mem", slot), quantity: d.between(1, 60) * of * UNIT });
            }
        }
        let limit = quantities.iter().map(|q| q.quantity * d.between(0, 9) * 1_000).sum::<i64>();
        let mut o =
            plain_order(&format!("o{i}"), side, Money(limit), vec![Alternative { quantities, adder: Money(0) }]);
        o.node = d.chance(85).then(|| format!("n{}", d.between(0, nodes - 1)));
        o.replicas = replicas;
        o.incumbent = d.chance(15);
        b.orders.push(o);
    }
    b
}

#[test]
fn books_of_bundles_on_full_nodes_are_verified() {
    let (mut lost, mut total, mut worst, mut short, mut given_up) = (Rat::ZERO, 0, Rat::ZERO, 0, 0);
    for seed in 0..count(1500) {
        let b = bundles(seed);
        let out = cleared(&b, &format!("seed {seed}"));
        let bound = out.bound.as_ref().map(|b| b.0.clone()).expect("a bound");
        given_up += usize::from(out.refused.iter().any(|r| r.reason == Reason::SolverFallback));
        if bound.is_pos() {
            let part = (&bound - &out.welfare.0).div(&bound).max(Rat::ZERO);
            total += 1;
            short += u32::from(out.quality == Quality::Fallback);
            lost = &lost + &part;
            worst = worst.max(part);
        }
    }
    let percent = |r: &Rat| (r * &Rat::int(10_000)).round() as f64 / 100.0;
    println!(
        "{total} books that could trade: {short} under their bound, mean {} %, worst {} %; {given_up} give an order up",
        percent(&lost.div(&Rat::int(total.max(1)))),
        percent(&worst)
    );
    assert!(given_up as u64 * 200 <= count(1500).max(200));
}

/// Bundles of cpu and memory on two full nodes, small enough for `oracle`. `unbound` bids name no
/// node.
fn small_bundles(seed: u64, unbound: bool) -> Book {
    let mut d = Draw::new(seed.wrapping_mul(0xA24B_AED4_963E_E407) ^ 0x5EED);
    let mut b = Book::new(Money(1_000_000), d.raw() % 1000);
    for (r, steps) in [("cpu", d.between(0, 1)), ("mem", 0)] {
        let supply = (0..steps)
            .map(|_| Step { quantity: d.between(1, 20) * UNIT, reserve: Money(d.between(0, 6) * 1_000) })
            .collect();
        b.products.push(Product { pool: "p".into(), resource: r.into(), slot: 0, supply, cap: None, reference: None });
    }
    for v in 0..2 {
        let mut n = Node { id: format!("n{v}"), pool: "p".into(), capacity: Default::default(), committed: Vec::new() };
        for r in ["cpu", "mem"] {
            n.capacity.insert(r.into(), if d.chance(70) { 0 } else { d.between(0, 20) * UNIT });
        }
        b.nodes.push(n);
    }
    for i in 0..4 {
        let side = if i % 2 == 0 { Side::Bid } else { Side::Offer };
        let mut quantities = vec![Quantity { product: key("cpu", 0), quantity: d.between(1, 20) * UNIT }];
        if d.chance(60) {
            quantities.push(Quantity { product: key("mem", 0), quantity: d.between(1, 20) * UNIT });
        }
        let price = if side == Side::Bid { d.between(2, 9) } else { d.between(0, 6) };
        let limit = quantities.iter().map(|q| q.quantity * price * 1_000).sum::<i64>();
        let mut o =
            plain_order(&format!("o{i}"), side, Money(limit), vec![Alternative { quantities, adder: Money(0) }]);
        o.node = Some(format!("n{}", d.between(0, 1))).filter(|_| side == Side::Offer || !unbound);
        b.orders.push(o);
    }
    b
}

/// The best welfare that one price a product carries, in micro-credits: every choice of what each
/// order and step does (nothing, all, a part) and of what is scarce, each with one program for
/// prices and one for fills.
fn oracle(b: &Book) -> Rat {
    let keys = [key("cpu", 0), key("mem", 0)];
    // value, quantity by product, by node and product, upper bound, and whether a node holds it back
    type Col = (Rat, [i128; 2], [i128; 4], bool);
    let mut cols: Vec<Col> = Vec::new();
    for o in &b.orders {
        let s = if o.side == Side::Bid { 1 } else { -1 };
        let v = b.nodes.iter().position(|n| Some(&n.id) == o.node.as_ref()).expect("bound to a node");
        let (mut q, mut at) = ([0; 2], [0; 4]);
        for x in &o.alternatives[0].quantities {
            let k = keys.iter().position(|k| *k == x.product).expect("a product");
            q[k] = s * i128::from(x.quantity);
            at[2 * v + k] = q[k];
        }
        cols.push((Rat::int(s * i128::from(o.limit.0)), q, at, s > 0));
    }
    for s in b.products.iter().flat_map(|p| &p.supply) {
        let q = i128::from(s.quantity);
        cols.push((Rat::int(-q * i128::from(s.reserve.0)), [-q, 0], [0; 4], false));
    }
    let free = |h: usize| Rat::int(b.nodes[h / 2].capacity[["cpu", "mem"][h % 2]].into());
    let n = cols.len();
    let mut best = Rat::ZERO;
    for choice in 0..3_usize.pow(n as u32) * 64 {
        let (scarce, mut rest) = (choice % 64, choice / 64);
        let states: Vec<usize> = (0..n)
            .map(|_| {
                let s = rest % 3;
                rest /= 3;
                s
            })
            .collect();
        let unit = |j: usize, v: i128| {
            let mut r = vec![Rat::ZERO; 6];
            r[j] = Rat::int(v);
            r
        };
        // prices and nodes' multipliers, 0 where nothing is scarce
        let mut dual: Vec<(Vec<Rat>, Rat)> =
            (0..6).filter(|r| scarce >> r & 1 == 0).map(|r| (unit(r, 1), Rat::ZERO)).collect();
        for (c, state) in cols.iter().zip(&states) {
            let mut r: Vec<Rat> = c.1.iter().map(|q| Rat::int(*q)).collect();
            r.extend(c.2.iter().map(|q| if c.3 { Rat::int(*q) } else { Rat::ZERO }));
            if *state != 0 {
                dual.push((r.clone(), c.0.clone()));
            }
            if *state != 1 {
                dual.push((r.iter().map(|v| -v).collect(), -&c.0));
            }
        }
        if maximise(&vec![Rat::ZERO; 6], &dual).is_none() {
            continue;
        }
        let mut primal: Vec<(Vec<Rat>, Rat)> = Vec::new();
        for r in 0..6 {
            let row: Vec<Rat> = cols.iter().map(|c| Rat::int(if r < 2 { c.1[r] } else { c.2[r - 2] })).collect();
            let limit = if r < 2 { Rat::ZERO } else { free(r - 2) };
            if scarce >> r & 1 == 1 {
                primal.push((row.iter().map(|v| -v).collect(), -&limit));
            }
            primal.push((row, limit));
        }
        for (j, state) in states.iter().enumerate() {
            let mut r = vec![Rat::ZERO; n];
            r[j] = Rat::ONE;
            if *state == 1 {
                primal.push((r.iter().map(|v| -v).collect(), Rat::int(-1)));
            }
            primal.push((r, if *state == 0 { Rat::ZERO } else { Rat::ONE }));
        }
        let value: Vec<Rat> = cols.iter().map(|c| c.0.clone()).collect();
        if let Some(w) = maximise(&value, &primal) {
            best = best.max(w);
        }
    }
    best
}

#[test]
fn bundles_on_full_nodes_trade_what_an_oracle_finds() {
    let (mut traded, mut under, mut exact) = (0, 0, 0);
    for seed in 0..count(1500) / 50 {
        let b = small_bundles(seed, false);
        let out = cleared(&b, &format!("seed {seed}"));
        let best = oracle(&b);
        let got = &out.welfare.0 * &Rat::int(MICRO);
        // a unit that rounding left without room is cut, and moves prices and fills by so much
        let grain = best.div(&Rat::int(1_000)).max(Rat::ONE);
        assert!((&got - &best).abs() <= grain, "seed {seed}: welfare {got}, oracle {best}");
        exact += u32::from((&got - &best).abs() <= Rat::ONE);
        traded += u32::from(best.is_pos());
        under += u32::from(out.quality == Quality::Fallback);
    }
    println!("{traded} books of bundles traded, {under} under their bound, {exact} exactly as the oracle");
}

/// The same book with its unbound bids on the nodes, in every way.
fn every_way(b: &Book) -> Vec<Book> {
    let mut ways = vec![b.clone()];
    for i in (0..b.orders.len()).filter(|i| b.orders[*i].node.is_none()) {
        let each = |b: &Book| {
            let mut out = vec![b.clone(); b.nodes.len()];
            out.iter_mut().zip(&b.nodes).for_each(|(c, v)| c.orders[i].node = Some(v.id.clone()));
            out
        };
        ways = ways.iter().flat_map(each).collect();
    }
    ways
}

#[test]
fn bundles_that_may_lie_on_any_node_trade_what_the_best_nodes_allow() {
    let (mut traded, mut optimal) = (0, 0);
    for seed in 0..count(1500) / 250 {
        let b = small_bundles(seed, true);
        let out = cleared(&b, &format!("seed {seed}"));
        let best = every_way(&b).iter().map(oracle).max().unwrap_or_default();
        let got = &out.welfare.0 * &Rat::int(MICRO);
        let grain = best.div(&Rat::int(1_000)).max(Rat::ONE);
        assert!((&got - &best).abs() <= grain, "seed {seed}: welfare {got}, oracle {best}");
        traded += u32::from(best.is_pos());
        optimal += u32::from(out.quality == Quality::Optimal);
    }
    println!("{traded} books of bundles on any node traded, {optimal} are optimal");
}
