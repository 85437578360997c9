//! Choices of blocks that are worth the same: which of them wins is decided by what they are, and by names only where the
//! hash has to.
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Outcome, Quality};
use headroom_market::clearing::rational::{Rat, sum};
use headroom_market::clearing::{Book, Limits, Mode, NoProposal, Side, clear, parse, verify};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An order for one product in each of these quantities; `also` has what else it says.
fn order(id: &str, side: &str, quantities: &[i64], limit: i64, also: Value) -> Value {
    let alternatives: Vec<Value> = quantities.iter().map(|q| json!({ "quantities": [["p", "cpu", 0, q]] })).collect();
    let mut order =
        json!({ "id": id, "owner": id, "side": side, "limit": limit.to_string(), "alternatives": alternatives });
    for (key, value) in also.as_object().into_iter().flatten() {
        order[key] = value.clone();
    }
    order
}

fn book(seed: u64, supply: Option<(i64, &str)>, orders: Vec<Value>) -> Book {
    let supply: Vec<Value> = supply.iter().map(|(q, r)| json!({ "quantity": q, "reserve": r })).collect();
    let book = json!({ "format": "headroom.book/1", "cap": "1000", "alpha": "0", "seed": seed,
        "products": [{ "pool": "p", "resource": "cpu", "slot": 0, "supply": supply }], "orders": orders });
    parse(&book.to_string()).expect("a book")
}

fn cleared(book: &Book) -> Outcome {
    let outcome = clear(book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    verify(book, outcome, Mode::Market).expect("it is verified").into_inner()
}

/// The same book under another set of names; owners keep theirs.
fn renamed(book: &Book, draw: &mut Draw) -> Book {
    let mut book = book.clone();
    let mut taken = BTreeSet::new();
    for order in &mut book.orders {
        loop {
            order.id = format!("{}", draw.between(1_000, 9_999));
            if taken.insert(order.id.clone()) {
                break;
            }
        }
    }
    book
}

/// What each owner has, and the price, under forty sets of names.
fn ways(book: &Book) -> BTreeSet<(String, Vec<(String, i64)>)> {
    let mut draw = Draw::new(book.seed);
    let way = |_| {
        let book = renamed(book, &mut draw);
        let outcome = cleared(&book);
        assert_eq!(outcome.quality, Quality::Optimal);
        let owner: BTreeMap<&str, &str> = book.orders.iter().map(|o| (&*o.id, &*o.owner)).collect();
        let had = outcome.awards.iter().map(|a| (owner[&*a.order].to_owned(), a.quantities[0].quantity));
        let mut had: Vec<(String, i64)> = had.collect();
        had.sort();
        (serde_json::to_string(&outcome.prices[0].price).expect("a price"), had)
    };
    (0..40).map(way).collect()
}

/// An incumbent that gains nothing would need an offer that gains nothing either and was not there before.
#[test]
fn an_incumbent_at_no_gain_takes_no_block_with_it() {
    let ways = ways(&book(
        181_775_840_055,
        Some((1000, "2")),
        vec![
            order("kept", "bid", &[3000], 6000, json!({ "min_fill": "0.5", "incumbent": true })),
            order("whole", "offer", &[3000], 6000, json!({ "min_fill": "1", "class": "opportunistic" })),
            order("takes", "bid", &[2000], 6000, json!({ "min_fill": "1" })),
            order("lends", "offer", &[2000], 0, json!({})),
        ],
    ));
    let had = vec![("lends".to_owned(), 2000), ("takes".to_owned(), 2000)];
    assert_eq!(ways.into_iter().map(|w| w.1).collect::<Vec<_>>(), [had]);
}

/// Offers and bids at one price, of which several together would come out even: nobody gains, nobody trades.
#[test]
fn sets_of_blocks_that_gain_nothing_do_not_trade() {
    let whole = || json!({ "min_fill": "1" });
    let ways = ways(&book(
        631_002_004_984,
        None,
        vec![
            order("b0", "bid", &[2000], 2000, whole()),
            order("b2", "bid", &[3000], 6000, json!({})),
            order("b4", "bid", &[3000], 6000, whole()),
            order("b6", "bid", &[1000, 2000], 2000, whole()),
            order("b7", "bid", &[2000], 4000, whole()),
            order("o1", "offer", &[2000], 4000, whole()),
            order("o3", "offer", &[1000], 2000, whole()),
            order("o5", "offer", &[1000], 2000, whole()),
        ],
    ));
    assert_eq!(ways.into_iter().map(|w| w.1).collect::<Vec<_>>(), [vec![]]);
}

/// Of choices that are worth the same, the one with fewest units of blocks: all of them gain something there.
#[test]
fn as_little_as_can_be_goes_to_blocks() {
    let ways = ways(&book(
        738_657_595_893,
        Some((1000, "2")),
        vec![
            order("b0", "bid", &[2000, 2000], 4000, json!({ "min_fill": "1", "class": "opportunistic" })),
            order("b1", "bid", &[1000], 2000, json!({ "min_fill": "0.5" })),
            order("b2", "bid", &[2000, 3000], 4000, json!({ "min_fill": "1" })),
            order("o3", "offer", &[3000, 1000], 0, json!({})),
            order("o4", "offer", &[3000], 6000, json!({ "min_fill": "1" })),
            order("o5", "offer", &[2000], 4000, json!({ "class": "opportunistic" })),
            order("o6", "offer", &[3000], 6000, json!({ "min_fill": "1", "class": "critical" })),
        ],
    ));
    let had = [("b1", 1000), ("b2", 2000), ("o3", 3000)].map(|(o, q)| (o.to_owned(), q)).to_vec();
    assert_eq!(ways, BTreeSet::from([("\"0.000000000\"".to_owned(), had)]));
}

/// Nine orders at one price but for two bids: what those leave is for nobody who gains nothing by it, whichever of many
/// such sets a search would find first.
#[test]
fn nobody_joins_a_trade_who_gains_nothing_by_it() {
    let least = |part: &str| json!({ "min_fill": part });
    let ways = ways(&book(
        986_440_607_858,
        Some((4000, "1")),
        vec![
            order("b0", "bid", &[3000], 6000, json!({})),
            order("o1", "offer", &[3000], 6000, json!({ "min_fill": "0.5", "incumbent": true })),
            order("o4", "offer", &[2000], 4000, least("1")),
            order("b5", "bid", &[2000], 4000, least("0.5")),
            order("b8", "bid", &[1000], 2000, least("1")),
            order("o9", "offer", &[3000], 6000, least("0.5")),
            order("b10", "bid", &[1000], 2000, least("1")),
            order("b11", "bid", &[2000, 2000], 6000, json!({})),
            order("b14", "bid", &[1000], 2000, least("0.5")),
        ],
    ));
    let had = [("b0", 2000), ("b11", 2000)].map(|(o, q)| (o.to_owned(), q)).to_vec();
    assert_eq!(ways.into_iter().map(|w| w.1).collect::<Vec<_>>(), [had]);
}

/// Books of few prices, where most orders are at the margin.
fn of_ties(seed: u64) -> Book {
    let mut draw = Draw::new(seed);
    let supply = draw.chance(60).then(|| (1000 * draw.between(1, 3), if draw.chance(33) { "1" } else { "2" }));
    let orders = (0..draw.between(3, 16)).map(|n| {
        let (bid, ways) = (draw.chance(60), if draw.chance(25) { 2 } else { 1 });
        let quantities: Vec<i64> = (0..ways).map(|_| 1000 * draw.between(1, 3)).collect();
        let each = [[0, 1, 2, 2], [1, 2, 2, 3]][usize::from(bid)][draw.between(0, 3) as usize];
        let mut also = json!({ "incumbent": draw.chance(20) });
        if draw.chance(60) {
            also["min_fill"] = json!(if draw.chance(75) { "1" } else { "0.5" });
        }
        if draw.chance(30) {
            also["class"] = json!(if draw.chance(50) { "critical" } else { "opportunistic" });
        }
        order(&format!("{n}"), if bid { "bid" } else { "offer" }, &quantities, each * quantities[0], also)
    });
    let orders = orders.collect();
    book(seed, supply, orders)
}

/// The same book with all money a thousand times as much.
fn dearer(book: &Book) -> Book {
    let mut book = book.clone();
    let money = book.orders.iter_mut().map(|o| &mut o.limit);
    let steps = book.products.iter_mut().flat_map(|p| &mut p.supply).map(|s| &mut s.reserve);
    money.chain(steps).chain([&mut book.cap]).for_each(|m| m.0 *= 1000);
    book
}

#[test]
fn names_and_the_size_of_money_do_not_decide_what_bids_are_worth() {
    let worth = |book: &Book| {
        let outcome = cleared(book);
        let bids = outcome.awards.iter().filter_map(|award| {
            let order = book.orders.iter().find(|o| o.id == award.order && o.side == Side::Bid)?;
            let asked = order.alternatives[award.alternative].quantities[0].quantity;
            let value = i128::from(order.limit.0);
            Some(&Rat::ratio(i128::from(award.quantities[0].quantity), i128::from(asked)) * &Rat::int(value))
        });
        (outcome.welfare.0.clone(), sum(bids))
    };
    let (mut traded, mut books) = (0, 0);
    for seed in 0..600 {
        let book = of_ties(seed);
        let first = worth(&book);
        let mut draw = Draw::new(!seed);
        for _ in 0..3 {
            assert_eq!(worth(&renamed(&book, &mut draw)), first, "seed {seed}");
        }
        let had = |book: &Book| -> Vec<_> {
            cleared(book).awards.into_iter().map(|a| (a.order, a.alternative, a.quantities)).collect()
        };
        assert_eq!(had(&dearer(&book)), had(&book), "seed {seed}");
        books += 1;
        traded += usize::from(first.1.is_pos());
    }
    println!("{books} books, {traded} of them with trades");
    assert!(2 * traded > books);
}
