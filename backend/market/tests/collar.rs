//! Scarcity at the collar where offers tie products together: what one of them can sell hangs on what
//! is rationed of another. However hard that is, the round must not be void for everybody.
use headroom_market::clearing::{Limits, Mode, NoProposal, Outcome, clear, parse, verify};

fn cleared(products: &str, nodes: &str, orders: &str) -> Outcome {
    let book = format!(
        r#"{{"format":"headroom.book/1","cap":"100","alpha":"0","seed":1,"products":{products},"nodes":{nodes},"orders":{orders}}}"#
    );
    let book = parse(&book).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    verify(&book, outcome, Mode::Market).expect("it is verified").into_inner()
}

fn won(outcome: &Outcome) -> Vec<&str> {
    outcome.awards.iter().map(|a| a.order.as_str()).collect()
}

/// The bid would pay more than the collars. The offer needs a price of its second product, of which
/// nobody would take all that it sells.
#[test]
fn what_cannot_be_rationed_is_not_traded() {
    let products = r#"[{"pool":"a","resource":"cpu","slot":0,"supply":[],"cap":"5"},
        {"pool":"a","resource":"mem","slot":0,"supply":[{"quantity":80,"reserve":"2"}],"cap":"7"}]"#;
    let orders = r#"[{"id":"offer","owner":"o","side":"offer","limit":"240",
        "alternatives":[{"quantities":[["a","mem",0,50],["a","cpu",0,40]]}]},
        {"id":"bid","owner":"b","side":"bid","limit":"386.123456",
        "alternatives":[{"quantities":[["a","mem",0,30],["a","cpu",0,30]]}]}]"#;
    let outcome = cleared(products, "[]", orders);
    assert_eq!(won(&outcome), [""; 0]);
    assert_eq!(outcome.prices.iter().find(|p| p.resource == "cpu").map(|p| p.set_by.as_str()), Some("cap"));
}

/// Only what ties products together stays out, not everybody who wants what is scarce.
#[test]
fn one_offer_of_several_products_does_not_stop_a_pool() {
    let products = r#"[{"pool":"a","resource":"cpu","slot":0,"supply":[{"quantity":100,"reserve":"1"}],"cap":"4"}]"#;
    let nodes = r#"[{"id":"n","pool":"a","capacity":{"cpu":300,"mem":600}}]"#;
    let orders = r#"[{"id":"one","owner":"a","side":"bid","limit":"503.5",
        "alternatives":[{"quantities":[["a","cpu",0,100]]}]},
        {"id":"three","owner":"b","side":"bid","limit":"3375.5",
        "alternatives":[{"quantities":[["a","mem",0,200],["a","cpu",0,600]]}]},
        {"id":"tying","owner":"c","side":"offer","limit":"700",
        "alternatives":[{"quantities":[["a","mem",0,100],["a","cpu",0,100]]}]},
        {"id":"two","owner":"d","side":"bid","limit":"2417.123456",
        "alternatives":[{"quantities":[["a","cpu",0,500],["a","mem",0,100]]}]}]"#;
    let outcome = cleared(products, nodes, orders);
    assert!(won(&outcome).contains(&"one"), "{:?}", won(&outcome));
}
