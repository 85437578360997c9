//! Random small books: every outcome passes the independent checker, every award has a host, and
//! the welfare is that of brute force. `HEADROOM_RANDOM_BOOKS` sets how many (default 1500).

use crate::support::anything::{anything, mix};
use crate::support::{Mix, best_welfare, book, book_in_units, left_over, with_families};
use headroom_market::clearing::generate::{self, Size};
use headroom_market::clearing::outcome::{Quality, Reason, Refusal};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, Outcome, Side, clear, parse, verify};

fn count(default: u64) -> u64 {
    std::env::var("HEADROOM_RANDOM_BOOKS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn run(b: &Book) -> Outcome {
    clear(b, Mode::Market, &NoProposal, &Limits::default()).expect("a random book can be cleared")
}

#[test]
fn random_books_are_verified_and_every_award_has_a_host() {
    verified_with_hosts(840);
}

/// Nearly every partial fill is rounded here, many of them to nothing.
#[test]
fn random_books_in_single_units_are_verified() {
    verified_with_hosts(1);
}

fn verified_with_hosts(unit: i64) {
    let (mut placed, mut awards, mut fallback, mut given_up) = (0, 0, 0, 0);
    let mut failures = Vec::new();
    for seed in 0..count(1500) {
        let b = book_in_units(seed, mix(seed), unit);
        assert_eq!(b.validate(), Vec::new(), "seed {seed}");
        let out = run(&b);
        awards += out.awards.len();
        placed += out.placements.len();
        fallback += usize::from(out.quality == Quality::Fallback);
        let gone = |r: &Refusal| r.reason == Reason::SolverFallback;
        given_up += usize::from(out.refused.iter().any(gone));
        if let Err(broken) = verify(&b, out, Mode::Market) {
            let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
            failures.push((seed, broken));
        }
    }
    println!(
        "{} books in units of {unit}, {awards} awards, {placed} placements, {fallback} fallbacks ({given_up} give an \
         order up), {} not verified",
        count(1500),
        failures.len()
    );
    assert!(failures.is_empty(), "{failures:#?}");
    // the fallback that makes every outcome right is for books that nothing else can clear
    assert!(given_up as u64 * 1000 <= 2 * count(1500).max(1000));
}

/// Where a market has to pay for what rounding leaves over, no replica is left over: lenders are paid for less
/// than a unit of each order more than bidders pay for.
#[test]
fn whole_replicas_leave_nothing_lent_to_the_exchange() {
    let whole = Limits { whole_replicas: true, ..Limits::default() };
    let (mut rounded, mut given_up, mut with_replicas, mut tried) = (0, 0, 0, 0);
    for seed in 0..count(1500) {
        let b = anything(seed);
        if !b.arcs.is_empty() {
            continue;
        }
        let nano = 1_000_000_000;
        rounded += usize::from(left_over(&b, &run(&b)) > nano);
        let out = clear(&b, Mode::Market, &NoProposal, &whole).expect("a random book can be cleared");
        let rest = left_over(&b, &out);
        assert!(rest <= nano, "seed {seed}: {rest} nano-credits are lent to nobody");
        let replicas = |id: &str| b.orders.iter().any(|o| o.id == id && o.replicas.is_some());
        with_replicas += usize::from(out.awards.iter().any(|a| replicas(&a.order)));
        given_up += usize::from(out.refused.iter().any(|r| r.reason == Reason::SolverFallback));
        verify(&b, out, Mode::Market).unwrap_or_else(|broken| panic!("seed {seed}: {broken:?}"));
        tried += 1;
    }
    println!(
        "{tried} books, {with_replicas} award replicas; {rounded} would leave some over, {given_up} give an order up"
    );
    assert!(rounded * 100 > tried && with_replicas * 5 > tried);
    assert!(given_up * 50 <= tried, "{given_up} of {tried}");
}

/// Bids of a unit each, all filled, leave no more over beside a marginal bid of large replicas than none do.
#[test]
fn small_bids_buy_no_tolerance_for_a_large_replica() {
    let order = |id: String, side: &str, limit: &str, quantity: i64, replicas: i64| {
        format!(
            r#"{{ "id": "{id}", "owner": "{side}", "side": "{side}", "limit": "{limit}", "replicas": {replicas},
                 "alternatives": [ {{ "quantities": [ ["p", "cpu", 0, {quantity}] ] }} ] }}"#
        )
    };
    for small in [0, 1, 50, 200] {
        let mut orders = vec![
            order("lender".into(), "offer", "0.00933", 2 * small.max(1), 1).replace("\"replicas\": 1,", ""),
            order("large".into(), "bid", "700", 934, 2),
        ];
        orders.extend(
            (0..small).map(|n| order(format!("small{n}"), "bid", "0.99", 1, 1).replace("\"replicas\": 1,", "")),
        );
        let text = format!(
            r#"{{ "format": "headroom.book/1", "cap": "1", "products": [ {{ "pool": "p", "resource": "cpu", "slot": 0 }} ],
                 "orders": [{}] }}"#,
            orders.join(",")
        );
        let b = parse(&text).expect("a book");
        let whole = Limits { whole_replicas: true, ..Limits::default() };
        let out = clear(&b, Mode::Market, &NoProposal, &whole).expect("it can be cleared");
        let quantity = |side: Side| -> i64 {
            let of = |id: &str| b.orders.iter().any(|o| o.id == id && o.side == side);
            out.awards.iter().filter(|a| of(&a.order)).flat_map(|a| &a.quantities).map(|q| q.quantity).sum()
        };
        let sold = quantity(Side::Bid);
        assert_eq!((sold, quantity(Side::Offer)), (small, small), "{small} small bids");
        verify(&b, out, Mode::Market).unwrap_or_else(|broken| panic!("{small} small bids: {broken:?}"));
    }
}

#[test]
fn generated_books_are_verified() {
    let limits = Limits::PRODUCTION;
    let mut given_up = 0;
    for seed in 0..count(1500) / 10 {
        let size = Size {
            orders: 8 + (seed as usize * 7) % 60,
            pools: 1 + (seed % 4) as u32,
            slots: 1 + (seed % 5) as u32,
            nodes: (seed % 3) as u32,
        };
        let b = generate::book(&size, seed);
        let out = clear(&b, Mode::Market, &NoProposal, &limits).expect("it can be cleared");
        given_up += usize::from(out.refused.iter().any(|r| {
            let divisible = b.orders.iter().any(|o| o.id == r.order && !o.is_block());
            r.reason == Reason::SolverFallback && divisible
        }));
        verify(&b, out, Mode::Market).unwrap_or_else(|broken| panic!("seed {seed}: {broken:?}"));
    }
    println!("{given_up} generated books give a divisible order up");
}

#[test]
fn welfare_is_that_of_brute_force() {
    let mut compared = 0;
    // the last one is divisible alone, with a fill of nine elevenths at a price of as many digits
    for seed in (0..count(1500) / 5).chain([3685]) {
        let b = book(
            seed,
            Mix { nodes: false, blocks: true, rows: seed.is_multiple_of(2), low_caps: false, replicas: false },
        );
        for mode in [Mode::Market, Mode::Welfare] {
            let Some(best) = best_welfare(&b, mode == Mode::Market, 24) else {
                continue;
            };
            let out = clear(&b, mode, &NoProposal, &Limits::default()).expect("a random book can be cleared");
            let got = &out.welfare.0 * &Rat::int(1_000_000);
            assert!((&got - &best).abs() <= Rat::ONE, "seed {seed} {mode:?}: welfare {got}, brute force {best}");
            compared += 1;
        }
    }
    println!("{compared} welfares compared with brute force");
    assert!(compared > 0);
}

/// Parents and children, to several levels: verified, nobody wins without its parent, and the welfare is
/// that of brute force.
#[test]
fn families_are_verified_and_the_best_there_are() {
    let (mut won, mut carried, mut orphans, mut compared, mut given_up) = (0, 0, 0, 0, 0);
    for seed in 0..count(1500) {
        let b = with_families(book(seed, mix(seed)), seed);
        let out = run(&b);
        let wins = |id: &str| out.awards.iter().any(|a| a.order == id);
        for o in b.orders.iter().filter(|o| o.parent.is_some()) {
            let parent = o.parent.as_deref().expect("filtered");
            assert!(!wins(&o.id) || wins(parent), "seed {seed}: {} without {parent}", o.id);
            won += usize::from(wins(&o.id));
        }
        for a in &out.awards {
            let o = b.orders.iter().find(|o| o.id == a.order).expect("in the book");
            let over = a.fill.as_ref().is_some_and(|f| f.0 == Rat::ONE) && a.money.0 > o.limit.0;
            carried += usize::from(o.side == Side::Bid && over);
        }
        orphans += out.refused.iter().filter(|r| r.reason == Reason::ParentRejected).count();
        given_up += usize::from(out.refused.iter().any(|r| r.reason == Reason::SolverFallback));
        verify(&b, out, Mode::Market).unwrap_or_else(|broken| panic!("seed {seed}: {broken:?}"));
        let free = Mix { nodes: false, blocks: true, rows: false, low_caps: false, replicas: false };
        let b = with_families(book(seed, free), seed);
        for mode in [Mode::Market, Mode::Welfare] {
            let Some(best) = best_welfare(&b, mode == Mode::Market, 48) else { continue };
            let out = clear(&b, mode, &NoProposal, &Limits::default()).expect("a random book can be cleared");
            let got = &out.welfare.0 * &Rat::int(1_000_000);
            assert!((&got - &best).abs() <= Rat::ONE, "seed {seed} {mode:?}: welfare {got}, brute force {best}");
            compared += 1;
        }
    }
    println!(
        "{won} children won, {carried} parents were carried, {orphans} children refused with their parents, {compared} \
         welfares compared, {given_up} books give an order up"
    );
    assert!(won > 100 && carried > 0 && orphans > 10 && compared > 0);
}

#[test]
fn verify_rejects_what_was_changed() {
    let mut tried = [0_u32; 5];
    for seed in 0..200 {
        let b = book(
            seed,
            Mix { nodes: true, blocks: seed.is_multiple_of(2), rows: true, low_caps: false, replicas: true },
        );
        let mut out = run(&b);
        out.certificate = None; // the hash alone would give every change away
        let Ok(good) = verify(&b, out, Mode::Market) else {
            continue;
        };
        let good = good.into_inner();
        if good.awards.is_empty() {
            continue;
        }
        let rejected = |name: &str, o: Outcome| {
            assert!(verify(&b, o, Mode::Market).is_err(), "seed {seed}: {name} was not noticed")
        };
        // a price moved above the range that supports the awards
        let k = &good.awards[0].quantities[0].product;
        let mut o = good.clone();
        if let Some(p) = o.prices.iter_mut().find(|p| p.pool == k.pool && p.resource == k.resource && p.slot == k.slot)
        {
            p.price.0 = p.high.map_or(p.price.0, |h| h.0) + 1_000_000_000;
        }
        rejected("a price moved", o);
        tried[0] += 1;
        let mut o = good.clone();
        o.awards[0].money.0 += 10_000_000;
        rejected("money moved", o);
        tried[1] += 1;
        let mut o = good.clone();
        o.awards.remove(0);
        rejected("an award dropped", o);
        tried[2] += 1;
        let mut o = good.clone();
        o.awards[0].quantities.iter_mut().for_each(|q| q.quantity /= 2);
        rejected("an award halved", o);
        tried[3] += 1;
        if let Some(p) = good.placements.first() {
            let mut o = good.clone();
            let pool = &b.nodes.iter().find(|n| n.id == p.node).expect("placed on a node of the book").pool;
            if let Some(n) = b.nodes.iter().find(|n| n.pool != *pool) {
                o.placements[0].node = n.id.clone();
                rejected("a placement moved to another pool", o);
            }
            let mut o = good.clone();
            o.placements.remove(0);
            rejected("a placement dropped", o);
            tried[4] += 1;
        }
    }
    println!("mutations tried: {tried:?}");
    assert!(tried.iter().all(|n| *n > 20));
}
