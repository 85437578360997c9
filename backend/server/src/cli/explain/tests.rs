//! What is told of orders in small books whose outcome is known.
use super::story::Story;
use super::{Loaded, cleared};
use serde_json::{Value, json};

fn bid(id: &str, limit: &str, quantity: i64) -> Value {
    json!({ "id": id, "owner": format!("owner-{id}"), "side": "bid", "limit": limit,
        "alternatives": [{ "quantities": [["p", "cpu", 0, quantity]] }] })
}

fn with(mut order: Value, key: &str, value: Value) -> Value {
    order[key] = value;
    order
}

/// A pool with 20 units at 1 credit each.
fn book(nodes: Value, orders: Value) -> Value {
    json!({ "format": "headroom.book/2", "nodes": nodes, "orders": orders,
        "products": [{ "pool": "p", "resource": "cpu", "slot": 0, "supply": [{ "quantity": 20, "reserve": "1" }] }] })
}

fn node(id: &str, room: i64) -> Value {
    json!({ "id": id, "pool": "p", "capacity": { "cpu": room } })
}

fn told(book: &Value, id: &str) -> String {
    let loaded = Loaded::of(&book.to_string()).expect("a book");
    let outcome = cleared(&loaded.numbers).expect("an outcome");
    let number = loaded.names.orders.iter().position(|order| order.id == id).expect("an order");
    Story::new(&loaded.numbers, (&outcome.numbers, &outcome.names), number, &loaded.names.orders[number]).about()
}

fn says(told: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(told.contains(sentence), "{sentence:?} is not in: {told}");
    }
}

#[test]
fn a_winner_is_told_its_cost_and_its_distance_to_the_limit() {
    let all = told(&book(json!([]), json!([bid("b", "30", 20)])), "b");
    says(
        &all,
        &["b is a bid of owner-b, with a limit of 30 credits.", "It wins all of it: 20 p/cpu/0; it pays 20 credits."],
    );
    says(&all, &["That is 10 credits under its limit.", "          20 x p/cpu/0", "reserve:0"]);
}

#[test]
fn a_part_is_told_in_lots_with_what_is_left_of_the_limit() {
    let orders = json!([bid("first", "60", 15), bid("b", "20", 10)]);
    says(&told(&book(json!([]), orders), "b"), &["It wins 5 of its 10 lots: 5 p/cpu/0", "It has no more because"]);
}

#[test]
fn who_pays_too_little_is_told_by_how_much() {
    let lost = told(&book(json!([]), json!([bid("other", "30", 10), bid("b", "4", 10)])), "b");
    says(&lost, &["It wins nothing because it costs more than its limit (OUT_OF_MONEY)."]);
    says(&lost, &["At these prices all of it costs 10 credits: its limit is 6 credits short."]);
}

/// The price of what nobody has bought is that of its best bid: the cheapest supply is told beside it.
#[test]
fn who_sets_a_price_at_which_nobody_sells_is_told_what_is_asked() {
    let lost = told(&book(json!([]), json!([bid("b", "4", 10)])), "b");
    says(&lost, &["its limit is the price, at which nobody sells (TIE)"]);
    says(&lost, &["Nobody has bought p/cpu/0: the cheapest of it costs 1 a unit."]);
    let mut unsold = book(json!([]), json!([bid("b", "4", 10)]));
    unsold["products"] = json!([]);
    says(&told(&unsold, "b"), &["Nobody sells p/cpu/0."]);
}

/// Two bids for the room of one node: the second is told the premium, and that the other node is not full.
#[test]
fn a_full_node_is_named_with_what_another_would_cost() {
    let on = |order| with(order, "node", json!("n1"));
    let orders = json!([on(bid("high", "16", 2)), on(bid("b", "10", 2))]);
    let lost = told(&book(json!([node("n1", 2), node("n2", 9)]), orders), "b");
    says(&lost, &["on node n1, with a limit of 10 credits.", "premium of node n1, which is full."]);
    says(&lost, &["On node n2 all of it would cost 2 credits.", "n1/p/cpu/0"]);
}

#[test]
fn a_lot_that_no_node_holds_is_told_the_nearest() {
    let whole = with(bid("b", "100", 5), "replicas", json!(1));
    let lost = told(&book(json!([node("n1", 3), node("n2", 4)]), json!([whole])), "b");
    says(
        &lost,
        &["in 1 replica", "(NO_HOST)", "The nearest is node n2: 4 cpu are free there in slot 0, and a lot takes 5."],
    );
}

#[test]
fn what_does_not_fit_into_the_rest_is_told_how_much_is_left() {
    let whole = with(with(bid("b", "100", 25), "replicas", json!(1)), "min_fill", json!("1"));
    let lost = told(&book(json!([]), json!([whole])), "b");
    says(&lost, &["b is a bid of owner-b in 1 replica, all or none,", "It wins nothing because"]);
    let part = with(bid("b", "100", 25), "replicas", json!(1));
    says(&told(&book(json!([]), json!([part])), "b"), &["(NO_ROOM)", "Of p/cpu/0 20 are left unsold at these prices"]);
}

#[test]
fn an_offer_is_told_what_it_brings() {
    let offer = with(bid("s", "50", 10), "side", json!("offer"));
    let lost = told(&book(json!([]), json!([offer, bid("b", "30", 10)])), "s");
    says(
        &lost,
        &["s is an offer of owner-s", "(OUT_OF_MONEY)", "brings 10 credits: its limit is 40 credits more than that."],
    );
}

#[test]
fn a_book_of_the_first_version_is_refused() {
    assert!(Loaded::of(r#"{ "format": "headroom.book/1", "cap": "1" }"#).is_err());
}
