//! What the simplest losers are told.
use super::*;
use serde_json::{Value, json};

/// A book with these steps of `p/cpu/0`, each a quantity and its reserve price, and orders.
fn book(steps: &[(i64, &str)], orders: Value) -> Value {
    let supply: Vec<Value> = steps.iter().map(|(q, reserve)| json!({ "quantity": q, "reserve": reserve })).collect();
    json!({ "format": "headroom.book/1", "cap": "100", "orders": orders,
        "products": [{ "pool": "p", "resource": "cpu", "slot": 0, "supply": supply }] })
}

fn order(id: &str, side: &str, limit: &str, quantity: i64) -> Value {
    of("p", id, side, limit, quantity)
}

fn of(pool: &str, id: &str, side: &str, limit: &str, quantity: i64) -> Value {
    json!({ "id": id, "owner": format!("owner-{id}"), "side": side, "limit": limit,
        "alternatives": [{ "quantities": [[pool, "cpu", 0, quantity]] }] })
}

fn with(mut order: Value, key: &str, value: Value) -> Value {
    order[key] = value;
    order
}

fn all_or_none(order: Value) -> Value {
    with(order, "min_fill", json!("1"))
}

/// What is told of an order, after clearing and checking the book.
fn explained(book: &Value, id: &str) -> String {
    let book = clearing::parse(&book.to_string()).unwrap();
    let outcome = clear_book(&book, Mode::Market).unwrap().outcome;
    let (story, order) = (Story { book: &book, outcome: &outcome }, book.orders.iter().find(|o| o.id == id).unwrap());
    story.about(order) + &searched(&story, order, std::time::Duration::MAX)
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_bid_under_the_reserve_is_told_what_the_supply_asks() {
    let told = explained(&book(&[(2, "1"), (8, "6")], json!([order("b", "bid", "5", 10)])), "b");
    says(
        &told,
        &[
            "because nobody supplies it for its limit, and nothing of it was traded (MARGINAL_PRORATA)",
            "The cheapest supply of p/cpu/0 asks 1 a unit; for all 10 the price would be 6.",
            "All of it comes to 60 credits so: its limit is 5 credits, 0.5 a unit.",
        ],
    );
    assert!(!told.contains("went to orders like it"), "{told}");
}

#[test]
fn a_bid_that_nobody_supplies_is_told_so() {
    let none = explained(&book(&[], json!([order("b", "bid", "50", 10)])), "b");
    says(&none, &["because nobody supplies what it asks for (MARGINAL_PRORATA)", "Nobody supplies p/cpu/0."]);
    let typo = explained(&book(&[(10, "1")], json!([of("P", "b", "bid", "50", 10)])), "b");
    says(&typo, &["Nobody supplies P/cpu/0, which is not among the products of the book (did you mean p/cpu/0?)."]);
}

#[test]
fn a_bid_whose_only_supply_is_held_is_told_by_what() {
    let offer = with(order("s", "offer", "5", 10), "instance", json!("i"));
    let mut held = book(&[], json!([offer, order("b", "bid", "50", 10)]));
    let ten = json!([["p", "cpu", 0, 10]]);
    held["instances"] = json!([{ "id": "i", "owner": "owner-s", "holding": ten.clone(), "floor": ten }]);
    says(
        &explained(&held, "b"),
        &[
            "because nothing of it was traded, although there is somebody for it (MARGINAL_PRORATA)",
            "s would supply 10 p/cpu/0 for 0.5 a unit, but wins nothing because lending more would leave the workload \
             less than its floor.",
        ],
    );
}

#[test]
fn an_offer_is_told_what_is_bid() {
    let alone = explained(&book(&[], json!([order("s", "offer", "5", 10)])), "s");
    says(&alone, &["because nobody bids for what it offers (", "Nobody bids for p/cpu/0."]);
    let dear = explained(&book(&[], json!([order("s", "offer", "50", 10), order("b", "bid", "20", 10)])), "s");
    says(&dear, &["The best bid for p/cpu/0 pays 2 a unit.", "its limit is 50 credits, 5 a unit."]);
}

/// 5 wanted; 5 may be sent, of each a half arrives. And: an arc from where nothing is.
#[test]
fn what_arcs_cannot_bring_is_unreachable() {
    let q = all_or_none(of("q", "b", "bid", "100", 5));
    let arc = |ratio: &str, limit: Value| json!([{ "from": ["p", "cpu", 0], "to": ["q", "cpu", 0], "ratio": ratio, "cost": "0", "limit": limit }]);
    let lost = |steps: &[(i64, &str)], arcs: Value| {
        let mut book = book(steps, json!([q.clone()]));
        book["arcs"] = arcs;
        explained(&book, "b")
    };
    says(
        &lost(&[(100, "1")], arc("0.5", json!(5))),
        &["(MIN_FILL_UNREACHABLE)", "There are only 2 q/cpu/0, and it takes all 5 or none."],
    );
    says(&lost(&[], arc("1", Value::Null)), &["nobody supplies what it asks for (MIN_FILL_UNREACHABLE)"]);
    // forth and back brings nothing new
    let (mut both, back) = (arc("1", Value::Null), json!({ "from": ["q", "cpu", 0], "to": ["p", "cpu", 0] }));
    both.as_array_mut().unwrap().push(back);
    says(&lost(&[(4, "1")], both.clone()), &["(MIN_FILL_UNREACHABLE)"]);
    says(&lost(&[(5, "1")], both), &["It wins all of it"]);
    // enough arrives where a unit sent is worth two
    let mut twice = book(&[(3, "1")], json!([all_or_none(of("q", "b", "bid", "100", 6))]));
    twice["arcs"] = arc("2", json!(3));
    says(&explained(&twice, "b"), &["It wins all of it"]);
}

#[test]
fn an_offer_of_more_than_anybody_asks_for_would_lose_by_the_price() {
    let orders = json!([all_or_none(order("s", "offer", "10", 10)), order("b", "bid", "45", 5)]);
    says(
        &explained(&book(&[], orders), "s"),
        &["(PARADOXICAL)", "Others ask only for 5 p/cpu/0, and it takes all 10 or none."],
    );
}

#[test]
fn a_block_under_the_reserve_is_told_the_reserve() {
    let told = explained(&book(&[(10, "4")], json!([all_or_none(order("b", "bid", "20", 10))])), "b");
    says(
        &told,
        &[
            "(PARADOXICAL)",
            "The cheapest supply of p/cpu/0 asks 4 a unit.",
            "All of it comes to 40 credits so: its limit is 20 credits, 2 a unit.",
        ],
    );
    assert!(!told.contains("comes to 0 credits"), "{told}");
}

#[test]
fn a_block_that_is_sold_out_is_told_who_has_it() {
    let orders = json!([
        all_or_none(order("a", "bid", "50", 6)),
        all_or_none(order("b", "bid", "40", 6)),
        order("c", "bid", "6", 4)
    ]);
    says(
        &explained(&book(&[(10, "1")], orders), "b"),
        &[
            "because too little is left for it of what there is (PARADOXICAL)",
            "Others with higher limits a unit have 6 of the 10 p/cpu/0 that there are (a 6 with a limit of 8.333333333 a \
             unit): that leaves 4, and it takes all 6 or none.",
        ],
    );
}

#[test]
fn a_limit_that_wins_a_part_says_which() {
    let told = explained(&book(&[(2, "1"), (8, "6")], json!([order("b", "bid", "5", 10)])), "b");
    says(&told, &["With a limit of 10 credits it would have won 2 of 10 p/cpu/0 (20 %), and with"]);
}

#[test]
fn a_budget_says_what_it_counts_and_what_it_has_left() {
    let mine = |o: Value| with(o, "budget", json!("h"));
    let budget = |orders: Value| {
        let mut book = book(&[(20, "1")], orders);
        book["budgets"] = json!([{ "id": "h", "amount": "100" }]);
        book
    };
    let lost = explained(&budget(json!([mine(all_or_none(order("b", "bid", "500", 10)))])), "b");
    says(
        &lost,
        &[
            "the lesser of its limit (500 credits) and of its quantities at the highest prices that there can be (1000 \
             credits). All of it counts 500 credits.",
            "The budget h is 100 credits: other orders count 0 credits of it, which leaves 100 credits for this one. A \
             lower limit counts less.",
            "Lowered to 100 credits, which is what its budget has left, its limit would have won all of it (10 p/cpu/0)",
        ],
    );
    assert!(!lost.contains("comes to 0 credits"), "{lost}");
    let orders = json!([mine(order("b", "bid", "500", 10)), mine(all_or_none(order("a", "bid", "60", 1)))]);
    let part = explained(&budget(orders), "b");
    says(&part, &["other orders count 60 credits of it, which leaves 40 credits for this one"]);
    says(&part, &["Lowered to 40 credits", "would have won all of it (10 p/cpu/0)"]);
}

/// Of five units a budget of 22 credits pays for parts of one: the search gave this bid up, and its budget is why.
#[test]
fn who_is_given_up_is_told_of_a_budget_that_is_too_small_for_it() {
    let mine = |id: &str, limit: &str, quantity| with(order(id, "bid", limit, quantity), "budget", json!("h"));
    let mut few = book(&[(5, "3")], json!([mine("a", "90", 9), mine("b", "416", 8), mine("c", "387", 9)]));
    few["budgets"] = json!([{ "id": "h", "amount": "22" }]);
    let told = explained(&few, "a");
    says(&told, &["(SOLVER_FALLBACK)", "The budget h is 22 credits", "All of it counts 90 credits"]);
    let alone = explained(&book(&[(5, "3")], json!([order("a", "bid", "90", 9)])), "a");
    assert!(!alone.contains("budget"), "{alone}");
}

#[test]
fn replicas_are_named_where_they_are_why() {
    let offer = with(with(order("s", "offer", "5", 382), "instance", json!("i")), "replicas", json!(1));
    let mut held = book(&[], json!([offer, order("b", "bid", "5000", 382)]));
    held["instances"] = json!([{ "id": "i", "owner": "owner-s", "holding": [["p", "cpu", 0, 750]],
        "floor": [["p", "cpu", 0, 382]] }]);
    says(
        &explained(&held, "s"),
        &["it may lend 368, and one replica is 382.", "It is had in one replica of 382 p/cpu/0: all or none."],
    );
    let few = json!([with(order("b", "bid", "1000", 10), "replicas", json!(2))]);
    says(
        &explained(&book(&[(4, "1")], few), "b"),
        &["There are only 4 p/cpu/0, and one replica of it is 5.", "in whole replicas only: 2 of 5 p/cpu/0 each."],
    );
}

/// A node that is full is no matter for whoever pays too little.
#[test]
fn no_node_is_named_where_the_price_decides() {
    let bid = |id, limit| with(order(id, "bid", limit, 10), "replicas", json!(1));
    let mut small = book(&[(20, "3")], json!([bid("rich", "100"), bid("b", "5")]));
    small["nodes"] = json!([{ "id": "n", "pool": "p", "capacity": { "cpu": 10 } }]);
    let lost = explained(&small, "b");
    says(&lost, &["(OUT_OF_MONEY)"]);
    assert!(!lost.contains("The nearest is node") && !lost.contains("replica"), "{lost}");
}

#[test]
fn a_winner_is_told_what_its_winning_costs_others() {
    let bids = json!([order("a", "bid", "70", 10), order("b", "bid", "50", 10)]);
    let told = explained(&book(&[(15, "2")], bids), "a");
    says(
        &told,
        &[
            "(the operator with its reserve price among them) would be better off by 35 credits: it pays 50 credits, 1.429 times that.",
        ],
    );
    let enough = explained(&book(&[(25, "2")], json!([order("a", "bid", "70", 10)])), "a");
    says(&enough, &["would be better off by 20 credits: it pays 20 credits, 1 times that."]);
}
