//! Offers in whole replicas of which the margin takes a part: what a book's rounding allows, and a market does not.
use crate::support::anything::untied;
use headroom_market::clearing::book::Order;
use headroom_market::clearing::generate::{Size, book};
use headroom_market::clearing::outcome::{Quality, Reason};
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, Outcome, clear, parse, verify, verify_round};

/// Whoever lends has three replicas of two units, at 1 a unit; somebody pays a lot for just three units.
fn three_of_six() -> Book {
    let text = r#"{"format":"headroom.book/1","cap":"100","alpha":"0","seed":1,
        "products":[{"pool":"p","resource":"cpu","slot":0,"supply":[]}],
        "orders":[
        {"id":"lends","owner":"l","side":"offer","limit":"6","replicas":3,
            "alternatives":[{"quantities":[["p","cpu",0,6]]}]},
        {"id":"buys","owner":"b","side":"bid","limit":"90","min_fill":"1",
            "alternatives":[{"quantities":[["p","cpu",0,3]]}]}]}"#;
    parse(text).expect("a book")
}

fn quantity(outcome: &Outcome, order: &str) -> Option<i64> {
    outcome.awards.iter().find(|a| a.order == order).map(|a| a.quantities[0].quantity)
}

/// At the margin a replica is lent as a whole although only half of it is bought: the price is what the lender asks, and
/// nobody who would pay more goes without. (It was rounded down, and the bid had to go.)
#[test]
fn a_book_has_the_margin_lent_as_a_whole_replica() {
    let book = three_of_six();
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    assert_eq!((quantity(&outcome, "buys"), quantity(&outcome, "lends")), (Some(3), Some(4)));
    assert_eq!(outcome.prices[0].price.0, 1_000_000_000);
    assert!(outcome.refused.is_empty());
}

/// A round of a market would have to pay the lender for what nobody buys, so there it is not right.
#[test]
fn a_round_of_a_market_lends_nothing_that_nobody_buys() {
    let book = three_of_six();
    let rounded = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let broken = verify_round(&book, rounded).expect_err("a unit is lent to nobody");
    assert!(broken.iter().any(|b| b.rule == "I9"), "{broken:?}");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("an outcome");
    let outcome = verify_round(&book, outcome).expect("it is verified").into_inner();
    let (bought, lent) = (quantity(&outcome, "buys").unwrap_or(0), quantity(&outcome, "lends").unwrap_or(0));
    assert!(lent <= bought, "{lent} are lent, {bought} bought");
}

/// In books of the size of a busy round, where nearly everything comes in replicas, nobody who may be filled to any part
/// is given up: where whole replicas leave more than prices allow, a block goes instead, which is owed nothing.
#[test]
fn generated_books_give_up_no_order_that_may_be_filled_in_part() {
    let mut blocks = 0;
    for seed in 1..=10 {
        let book = book(&Size { orders: 300, pools: 4, slots: 6, nodes: if seed % 2 == 0 { 4 } else { 0 } }, seed);
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
        let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
        for refused in outcome.refused.iter().filter(|r| r.reason == Reason::SolverFallback) {
            let order = book.orders.iter().find(|o| o.id == refused.order).expect("it is in the book");
            let block = order.alternatives.len() > 1 || !order.min_fill.0.is_zero();
            assert!(block, "seed {seed}: {} is given up", order.id);
            blocks += 1;
        }
    }
    println!("{blocks} blocks are given up");
}

/// What is too little for anybody's whole replica is no shortage: its price is not the collar's, nobody has a part of a
/// replica in the welfare, and who buys something else has it. (The round was not verified, and all were refused.)
#[test]
fn a_part_of_a_replica_is_no_shortage() {
    let text = r#"{"format":"headroom.book/1","cap":"7","alpha":"0","seed":1,
        "products":[
        {"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":2,"reserve":"3"}]},
        {"pool":"p","resource":"mem","slot":0,"supply":[{"quantity":9,"reserve":"2"}]},
        {"pool":"q","resource":"cpu","slot":0,"supply":[{"quantity":10,"reserve":"1"}]}],
        "orders":[
        {"id":"two","owner":"a","side":"bid","limit":"160","replicas":4,
            "alternatives":[{"quantities":[["p","cpu",0,16],["p","mem",0,8]]}]},
        {"id":"less","owner":"b","side":"bid","limit":"40","replicas":2,
            "alternatives":[{"quantities":[["p","cpu",0,6]]}]},
        {"id":"elsewhere","owner":"c","side":"bid","limit":"50",
            "alternatives":[{"quantities":[["q","cpu",0,5]]}]}]}"#;
    let book = parse(text).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("an outcome");
    let outcome = verify_round(&book, outcome).expect("it is verified").into_inner();
    assert_eq!(quantity(&outcome, "elsewhere"), Some(5));
    assert_eq!(outcome.awards.len(), 1);
    let reason = |id: &str| outcome.refused.iter().find(|r| r.order == id).map(|r| r.reason);
    assert_eq!((reason("two"), reason("less")), (Some(Reason::ForecastHeadroom), Some(Reason::MarginalProrata)));
}

/// Random books of which an outcome says more welfare than its whole replicas bear out: whoever was rounded to nothing
/// is left out, and all others trade. (Those who had won were, one after the other, until nobody traded.)
#[test]
fn who_was_rounded_to_nothing_takes_nobody_along() {
    for seed in [1_804, 18_183, 36_982] {
        let book = untied(seed);
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("an outcome");
        let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
        assert!(!outcome.awards.is_empty(), "seed {seed}");
    }
}

/// Random books in which leaving out one after the other, and then all blocks, leaves something broken: nobody is given
/// up who can trade without breaking anything. (Whoever traded beside the broken rule was given up with it: in the first
/// of these books nobody traded. Since replicas that a shortage held back come back nobody is given up in them.)
#[test]
fn after_the_last_resort_whoever_can_trades_again() {
    for (seed, awards) in [(117_852, 2), (96_516, 7), (335_706, 5), (578_161, 3)] {
        let book = untied(seed);
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
        let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
        assert_eq!(outcome.awards.len(), awards, "seed {seed}");
    }
}

/// Books of which rounds that have no work to spend end in the last resort, beside blocks in another pool: those trade, as
/// nothing is broken there.
#[test]
fn the_last_resort_stays_in_its_part_of_the_book() {
    let limits = Limits { work: 0, ..Limits::default() };
    for seed in [90_534, 117_852, 377_382] {
        beside_blocks_apart(seed, &limits);
    }
    beside_blocks_apart(62_144, &Limits::default());
}

fn beside_blocks_apart(seed: u64, limits: &Limits) {
    let mut book = untied(seed);
    let apart = r#"{"format":"headroom.book/1","cap":"7","alpha":"0","seed":1,
        "products":[{"pool":"q","resource":"cpu","slot":0,"supply":[{"quantity":2000,"reserve":"1"}]}],
        "orders":[{"id":"apart","owner":"a","side":"bid","limit":"50","min_fill":"1",
            "alternatives":[{"quantities":[["q","cpu",0,5]]}]}]}"#;
    let apart = parse(apart).expect("a book");
    book.products.extend(apart.products);
    let blocks = (0..300).map(|n| Order { id: format!("apart{n:03}"), ..apart.orders[0].clone() });
    book.orders.extend(blocks);
    let outcome = clear(&book, Mode::Market, &NoProposal, limits).expect("an outcome");
    let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    assert_eq!(outcome.awards.iter().filter(|a| a.order.starts_with("apart")).count(), 300, "seed {seed}");
    assert!(outcome.refused.iter().any(|r| r.reason == Reason::SolverFallback), "seed {seed}");
}

/// Of two replicas one is too little, and by its fill the offer gives a part of the second.
#[test]
fn all_replicas_may_be_lent_for_a_part_of_the_last() {
    let text = r#"{"format":"headroom.book/1","cap":"3000","alpha":"0","seed":1,
        "products":[{"pool":"p","resource":"cpu","slot":0,"supply":[]}],
        "orders":[
        {"id":"lends","owner":"l","side":"offer","limit":"14413","replicas":2,
            "alternatives":[{"quantities":[["p","cpu",0,14024]]}]},
        {"id":"buys","owner":"b","side":"bid","limit":"48657","replicas":2,
            "alternatives":[{"quantities":[["p","cpu",0,8084]]}]}]}"#;
    let book = parse(text).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    assert_eq!((quantity(&outcome, "buys"), quantity(&outcome, "lends")), (Some(8_084), Some(14_024)));
    assert_eq!(outcome.quality, Quality::Optimal);
    // One that says that it is full lends for nobody.
    let mut forged = outcome;
    forged.awards.iter_mut().find(|a| a.order == "lends").expect("it lends").fill = None;
    let broken = verify(&book, forged, Mode::Market).expect_err("a replica is lent to nobody");
    assert!(broken.iter().any(|b| b.rule == "I9"), "{broken:?}");
}

/// A block on a node that has no room for it without a dearer offer there: nobody was given up, so it is placement that
/// the bound is missed by.
#[test]
fn what_a_node_has_no_room_for_is_not_called_given_up() {
    let text = r#"{"format":"headroom.book/1","cap":"0.0027","alpha":"0","seed":1,
        "products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":4811,"reserve":"0.0009"}]}],
        "nodes":[{"id":"n","pool":"p","capacity":{"cpu":911}}],
        "orders":[
        {"id":"buys","owner":"b","side":"bid","limit":"5.3","min_fill":"1","node":"n",
            "alternatives":[{"quantities":[["p","cpu",0,2000]]}]},
        {"id":"lends","owner":"l","side":"offer","limit":"1.0602","node":"n",
            "alternatives":[{"quantities":[["p","cpu",0,1089]]}]}]}"#;
    let book = parse(text).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    let refused = outcome.refused.iter().find(|r| r.order == "buys").expect("it is refused");
    let limited_by = outcome.certificate.as_ref().and_then(|c| c.limited_by);
    assert_eq!((refused.reason, limited_by), (Reason::NoHostFits, Some(Reason::NoHostFits)));
}
