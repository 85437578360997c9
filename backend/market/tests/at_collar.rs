//! A collar excuses a bid that it rations, and nobody else: `verify` takes no outcome in which it is said to.
use headroom_market::clearing::outcome::Outcome;
use headroom_market::clearing::{Limits, Mode, NoProposal, clear, parse, verify};
use serde_json::{Value, json};

fn order(id: &str, side: &str, limit: &str, quantity: i64) -> Value {
    json!({"id": id, "owner": id, "side": side, "limit": limit, "alternatives": [{"quantities": [["p", "cpu", 0, quantity]]}]})
}

fn award(id: &str, quantity: i64, fill: &str, money: &str, limited_by: Option<&str>) -> Value {
    let award =
        json!({"order": id, "alternative": 0, "fill": fill, "quantities": [["p", "cpu", 0, quantity]], "money": money});
    let mut award = award.as_object().cloned().expect("an object");
    award.extend(limited_by.map(|reason| ("limited_by".to_owned(), json!(reason))));
    Value::Object(award)
}

struct Told {
    what: &'static str,
    /// Of the product, as is what the operator sells and at least for what.
    collar: &'static str,
    supply: (i64, &'static str),
    orders: Vec<Value>,
    welfare: &'static str,
    awards: Vec<Value>,
    refused: &'static str,
    /// Of the operator.
    used: i64,
}

/// Outcomes that would be right if the collar kept the refused order out.
fn told() -> Vec<Told> {
    vec![
        Told {
            what: "a bid beside idle supply at the collar",
            collar: "10",
            supply: (100, "10"),
            orders: vec![order("bid", "bid", "200", 10)],
            welfare: "0",
            awards: vec![],
            refused: "bid",
            used: 0,
        },
        Told {
            what: "a lender who asks less than the operator, who sells at the collar",
            collar: "10",
            supply: (10, "10"),
            orders: vec![order("lender", "offer", "50", 10), order("bid", "bid", "200", 10)],
            welfare: "100",
            awards: vec![award("bid", 10, "1", "100", None)],
            refused: "lender",
            used: 10,
        },
        Told {
            what: "a bid that gains beside one at just the collar",
            collar: "7.5",
            supply: (10, "5"),
            orders: vec![order("rich", "bid", "128", 8), order("poor", "bid", "150", 20)],
            welfare: "25",
            awards: vec![award("poor", 10, "0.5", "75", Some("MARGINAL_PRORATA"))],
            refused: "rich",
            used: 10,
        },
    ]
}

#[test]
fn a_collar_excuses_nobody_but_whom_it_rations() {
    for told in told() {
        let (quantity, reserve) = told.supply;
        let product =
            json!({"pool": "p", "resource": "cpu", "slot": 0, "supply": [{"quantity": quantity, "reserve": reserve}]});
        let book = json!({"format": "headroom.book/1", "cap": told.collar, "alpha": "0", "seed": 1, "products": [product], "orders": told.orders});
        let book = parse(&book.to_string()).expect("a book");
        let price = json!({"pool": "p", "resource": "cpu", "slot": 0, "price": told.collar, "low": told.collar, "high": told.collar, "set_by": "cap"});
        let used = json!([{"pool": "p", "resource": "cpu", "slot": 0, "step": 0, "used": told.used}]);
        let forged = json!({"format": "headroom.outcome/1", "mode": "market", "quality": "optimal", "welfare": told.welfare,
            "bound": told.welfare, "cuts": 0, "prices": [price], "awards": told.awards,
            "refused": [{"order": told.refused, "reason": "FORECAST_HEADROOM"}],
            "supply": if told.used > 0 { used } else { json!([]) }, "flows": []});
        let forged: Outcome = serde_json::from_value(forged).expect("an outcome");
        assert!(verify(&book, forged, Mode::Market).is_err(), "{}", told.what);
        let right = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
        let right = verify(&book, right, Mode::Market).expect("it is verified").into_inner();
        assert!(right.awards.iter().any(|a| a.order == told.refused), "{}", told.what);
    }
}

/// 9,000 and 1,000 units are sold under the collar, to two bids each.
const NO_OUTCOME: [&str; 2] = [
    r#"{"format":"headroom.book/1","cap":"20","alpha":"0","seed":29,"products":[{"pool":"p","resource":"cpu","slot":0,"cap":"7.5","supply":[{"quantity":9000,"reserve":"5"},{"quantity":12000,"reserve":"10"}]}],"orders":[{"id":"o0","owner":"w0","side":"bid","limit":"34160.000000","alternatives":[{"quantities":[["p","cpu",0,2135]]}],"replicas":5},{"id":"o1","owner":"w1","side":"bid","limit":"200320.000000","alternatives":[{"quantities":[["p","cpu",0,12520]]}],"replicas":5,"incumbent":true}]}"#,
    r#"{"format":"headroom.book/1","cap":"20","alpha":"0","seed":15,"products":[{"pool":"p","resource":"cpu","slot":0,"cap":"7.5","supply":[{"quantity":1000,"reserve":"5"},{"quantity":7000,"reserve":"10"}]}],"orders":[{"id":"o0","owner":"w0","side":"bid","limit":"8336.000000","alternatives":[{"quantities":[["p","cpu",0,1042]]}]},{"id":"o2","owner":"w2","side":"bid","limit":"57536.000000","alternatives":[{"quantities":[["p","cpu",0,3596]]}],"replicas":2,"incumbent":true}]}"#,
];

/// Two bids in replicas, or one beside another bid, that share too little at a collar for whole ones: somebody is given up,
/// and the bound says what for. It had been found without them, and then no outcome stood.
#[test]
fn a_shortage_of_whole_replicas_has_an_outcome() {
    for text in NO_OUTCOME {
        let book = parse(text).expect("a book");
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
        assert!(outcome.awards.iter().any(|a| a.quantities.iter().any(|q| q.quantity > 0)));
    }
}
