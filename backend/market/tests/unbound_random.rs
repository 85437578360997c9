//! Bids without a workload, which may lie on any node of their pool, among orders of instances on
//! nodes that are nearly full. Small books are compared with brute force over all whole quantities
//! and all nodes. `HEADROOM_RANDOM_BOOKS` sets how many books (default 1500).

use crate::support::UNIT;
use crate::support::nodes::{MICRO, brute, cleared, count, got, node, order, product};
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Award, Bottleneck, Quality, Reason};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Book, Money, Outcome, Product, Side};
use std::collections::BTreeMap;

/// One product, 2–3 nodes that are nearly full, 2–6 orders; of the bids one to three name no node.
fn unbound(seed: u64, unit: i64) -> Book {
    let mut d = Draw::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xF4EE);
    let mut b = Book::new(Money(1_000_000), d.raw() % 1000);
    b.products.push(product(&mut d, unit));
    let (nodes, crowded) = (d.between(2, 3), d.chance(50));
    for v in 0..nodes {
        let full = d.between(4, 10) * unit;
        let free = if crowded || d.chance(60) { 0 } else { d.between(0, 4) * unit };
        b.nodes.push(node(&format!("n{v}"), full, full - free));
    }
    // few different prices: offers of one price on several nodes share what is bought
    let (mut left, dearest) = (3, d.between(1, 9));
    for i in 0..d.between(2, 6) {
        let side = if d.chance(50) { Side::Bid } else { Side::Offer };
        let (quantity, price) = (d.between(1, 4), d.between(0, dearest));
        let v = d.between(0, nodes - 1);
        let mut o = order(&format!("o{i}"), side, &format!("n{v}"), quantity * unit, price * 1_000);
        if side == Side::Bid && left > 0 && (left == 3 || d.chance(50)) {
            left -= 1;
            o.node = None;
        }
        b.orders.push(o);
    }
    b
}

/// Two nodes without room, an offer of the same price on each, and a bid that may lie on either.
fn two_full_nodes(asked: i64, node_of_bid: Option<&str>) -> Book {
    let mut b = Book::new(Money(1_000_000), 7);
    b.products.push(Product {
        pool: "p".into(),
        resource: "cpu".into(),
        slot: 0,
        supply: Vec::new(),
        cap: None,
        reference: None,
    });
    b.nodes = vec![node("A", 1_000, 1_000), node("B", 1_000, 1_000)];
    let mut bid = order("b", Side::Bid, "A", asked, 12_500);
    bid.node = node_of_bid.map(str::to_owned);
    b.orders = vec![bid, order("o", Side::Offer, "A", 40, 960), order("o2", Side::Offer, "B", 40, 960)];
    b
}

#[test]
fn equal_offers_on_two_full_nodes_do_not_share_one_bid() {
    for asked in [40, 25, 60] {
        let out = cleared(&two_full_nodes(asked, None), &format!("{asked} asked"));
        let there = asked.min(40);
        let lent: Vec<i64> = out.awards.iter().filter(|a| a.order != "b").map(|a| a.quantities[0].quantity).collect();
        assert_eq!((got(&out, "b"), lent), (there, vec![there]), "{asked} asked");
        assert_eq!(out.welfare, cleared(&two_full_nodes(asked, Some("A")), "bound").welfare, "{asked} asked");
        assert_eq!((out.quality, out.bound.as_ref()), (Quality::Optimal, Some(&out.welfare)), "{asked} asked");
    }
}

/// Components are searched one by one, and each keeps what was found for it.
#[test]
fn every_pool_finds_its_own_nodes() {
    let mut b = two_full_nodes(60, None);
    let mut second = two_full_nodes(25, None);
    second.products.iter_mut().for_each(|p| p.pool = "q".into());
    for n in &mut second.nodes {
        (n.id, n.pool) = (format!("q{}", n.id), "q".into());
    }
    for o in &mut second.orders {
        o.id = format!("q{}", o.id);
        o.node = o.node.take().map(|n| format!("q{n}"));
        o.alternatives[0].quantities[0].product.pool = "q".into();
    }
    b.products.append(&mut second.products);
    b.nodes.append(&mut second.nodes);
    b.orders.append(&mut second.orders);
    let out = cleared(&b, "two pools");
    assert_eq!((got(&out, "b"), got(&out, "qb")), (40, 25));
    assert_eq!((out.quality, out.bound.as_ref()), (Quality::Optimal, Some(&out.welfare)));
}

/// What holds a partly filled bid back is named like what refuses one.
#[test]
fn a_bid_that_a_full_node_holds_back_is_told_which_and_of_what() {
    for node_of_bid in [None, Some("A")] {
        let out = cleared(&two_full_nodes(60, node_of_bid), "60 asked");
        let b = out.awards.iter().find(|a| a.order == "b").expect("an award");
        let full = Bottleneck { node: "A".into(), resource: "cpu".into(), slot: 0, free: 0 };
        assert_eq!((b.limited_by, b.binding.as_ref()), (Some(Reason::NoHostFits), Some(&full)));
        assert!(out.awards.iter().filter(|a| a.order != "b").all(|a| a.binding.is_none()));
    }
    // where the price alone divides, no node is named
    let mut b = two_full_nodes(60, Some("A"));
    b.nodes.iter_mut().for_each(|n| n.committed.clear());
    b.orders.push(order("c", Side::Bid, "B", 60, 12_500));
    let out = cleared(&b, "room everywhere");
    let parts = |a: &Award| (a.order == "b" || a.order == "c").then_some((a.limited_by, a.binding.clone()));
    let parts: Vec<_> = out.awards.iter().filter_map(parts).collect();
    assert_eq!(parts, vec![(Some(Reason::MarginalProrata), None); 2]);
}

/// `NO_HOST_FITS` is right only where no node has room for more of a bid, moved or not, and it names a
/// node and what is free there.
fn told_rightly(b: &Book, out: &Outcome, name: &str) {
    let mut free: BTreeMap<&str, i64> = BTreeMap::new();
    for n in &b.nodes {
        free.insert(&n.id, n.capacity["cpu"] - n.committed.iter().map(|c| c.quantity).sum::<i64>());
    }
    for o in b.orders.iter().filter(|o| o.side == Side::Offer) {
        let at = o.node.as_deref().expect("an offer names a node");
        free.entry(at).and_modify(|f| *f += got(out, &o.id));
    }
    for p in &out.placements {
        free.entry(&p.node).and_modify(|f| *f -= got(out, &p.order));
    }
    let fits = |id: &str, more: i64| {
        let o = b.orders.iter().find(|o| o.id == id).expect("an order");
        let here = out.placements.iter().find(|p| p.order == id).map(|p| p.node.as_str());
        let may = |v: &&str| o.node.as_deref().is_none_or(|n| n == *v);
        free.iter().filter(|(v, _)| may(v)).any(|(v, f)| f + if here == Some(v) { got(out, id) } else { 0 } >= more)
    };
    for a in out.awards.iter().filter(|a| a.limited_by == Some(Reason::NoHostFits)) {
        let named = a.binding.as_ref().unwrap_or_else(|| panic!("{name}: {} names no node", a.order));
        assert!(!fits(&a.order, a.quantities[0].quantity + 1), "{name}: {} could have more", a.order);
        assert_eq!(free[named.node.as_str()], named.free, "{name}: {}", a.order);
    }
    for r in out.refused.iter().filter(|r| r.reason == Reason::NoHostFits) {
        assert!(r.binding.is_some() && !fits(&r.order, 1), "{name}: {} could have some", r.order);
    }
}

#[test]
fn welfare_is_that_of_brute_force_where_bids_may_lie_on_any_node() {
    let (mut total, mut reached, mut optimal) = (0, 0, 0);
    let mut failures = Vec::new();
    for seed in 0..count(1500) {
        let b = unbound(seed, UNIT);
        let out = cleared(&b, &format!("seed {seed}"));
        told_rightly(&b, &out, &format!("seed {seed}"));
        // in single units nearly every partial fill is rounded
        let b = unbound(seed, 1);
        told_rightly(
            &b,
            &cleared(&b, &format!("seed {seed} in single units")),
            &format!("seed {seed} in single units"),
        );
        let (fits, carried) = brute(&unbound(seed, 1));
        let lots = Rat::ratio(MICRO, UNIT.into());
        let welfare = &out.welfare.0 * &lots;
        let bound = out.bound.as_ref().map(|b| &b.0 * &lots).expect("a bound");
        let is_best = out.quality == Quality::Optimal;
        let (fits, carried) = (Rat::int(fits), Rat::int(carried));
        // in parts of a unit a little more than in whole ones may find a price
        if welfare < carried || welfare > fits || bound != fits || is_best != (welfare == fits) {
            failures.push(format!("seed {seed}: {welfare} under {bound}, brute force {carried} under {fits}"));
        }
        total += u32::from(carried.is_pos());
        reached += u32::from(carried.is_pos() && welfare >= carried);
        optimal += u32::from(carried.is_pos() && is_best);
    }
    println!("{total} books that could trade: {reached} reach the welfare of brute force, {optimal} are optimal");
    assert!(failures.is_empty(), "{failures:#?}");
}
