//! Of several reasons that could be told the first one is, and `verify` takes no other.
use headroom_market::clearing::book::Book;
use headroom_market::clearing::outcome::{Outcome, Quality, Reason};
use headroom_market::clearing::{Limits, Mode, NoProposal, clear, parse, verify};

/// At `short` two bids share all there is at the collar; `even` is sold to one bid at what others would just pay;
/// of `ample` there is more than anybody's budget has money for.
const BOOK: &str = r#"{"format":"headroom.book/1","cap":"2","alpha":"0","seed":1,
    "products":[{"pool":"p","resource":"short","slot":0,"supply":[{"quantity":10,"reserve":"1"}]},
        {"pool":"p","resource":"even","slot":0,"supply":[{"quantity":10,"reserve":"1"}]},
        {"pool":"p","resource":"ample","slot":0,"supply":[{"quantity":100,"reserve":"1"}]}],
    "budgets":[{"id":"h","amount":"0.5"},{"id":"some","amount":"5"}],
    "orders":[
        {"id":"left","owner":"a","side":"bid","limit":"30","alternatives":[{"quantities":[["p","short",0,10]]}]},
        {"id":"right","owner":"b","side":"bid","limit":"30","alternatives":[{"quantities":[["p","short",0,10]]}]},
        {"id":"under","owner":"c","side":"bid","limit":"1","budget":"h","alternatives":[{"quantities":[["p","short",0,5]]}]},
        {"id":"under-huge","owner":"c","side":"bid","limit":"50","min_fill":"1","alternatives":[{"quantities":[["p","short",0,50]]}]},
        {"id":"broke","owner":"d","side":"bid","limit":"15","budget":"h","alternatives":[{"quantities":[["p","short",0,5]]}]},
        {"id":"huge","owner":"e","side":"bid","limit":"500","min_fill":"1","alternatives":[{"quantities":[["p","short",0,50]]}]},
        {"id":"whole","owner":"f","side":"bid","limit":"17","min_fill":"1","alternatives":[{"quantities":[["p","short",0,8]]}]},
        {"id":"served","owner":"g","side":"bid","limit":"15","alternatives":[{"quantities":[["p","even",0,10]]}]},
        {"id":"equal","owner":"h","side":"bid","limit":"10","alternatives":[{"quantities":[["p","even",0,10]]}]},
        {"id":"equal-whole","owner":"i","side":"bid","limit":"10","min_fill":"1","alternatives":[{"quantities":[["p","even",0,10]]}]},
        {"id":"part","owner":"j","side":"bid","limit":"30","budget":"some","alternatives":[{"quantities":[["p","ample",0,10]]}]}]}"#;

const REASONS: [Reason; 12] = [
    Reason::Budget,
    Reason::FloorProtected,
    Reason::ThrashLimit,
    Reason::ForecastHeadroom,
    Reason::OutOfMoney,
    Reason::MarginalProrata,
    Reason::NoHostFits,
    Reason::MinFillUnreachable,
    Reason::ParentRejected,
    Reason::Paradoxical,
    Reason::TieLost,
    Reason::SolverFallback,
];

fn cleared() -> (Book, Outcome) {
    let book = parse(BOOK).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let mut outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    // its hash alone would tell that anything was changed
    outcome.certificate = None;
    (book, outcome)
}

#[test]
fn a_refused_order_is_told_the_first_reason_and_no_other_is_believed() {
    let (book, outcome) = cleared();
    let told: Vec<(&str, Reason)> = outcome.refused.iter().map(|r| (r.order.as_str(), r.reason)).collect();
    assert_eq!(
        told,
        [
            ("broke", Reason::Budget),
            ("equal", Reason::MarginalProrata),
            ("equal-whole", Reason::TieLost),
            ("huge", Reason::MinFillUnreachable),
            ("under", Reason::OutOfMoney),
            ("under-huge", Reason::OutOfMoney),
            ("whole", Reason::Paradoxical),
        ]
    );
    let mut believed = Vec::new();
    for (at, (order, reason)) in told.iter().enumerate() {
        for other in REASONS.into_iter().filter(|other| other != reason) {
            let mut forged = outcome.clone();
            forged.refused[at].reason = other;
            if verify(&book, forged, Mode::Market).is_ok() {
                believed.push((*order, other));
            }
        }
    }
    // The price is their limit: what is told of it may be told as another program saw it before it was rounded. At a
    // collar a block in the money is kept out by who shares there, and by how little there is.
    let either = [
        ("equal", Reason::OutOfMoney),
        ("equal", Reason::TieLost),
        ("equal-whole", Reason::OutOfMoney),
        ("equal-whole", Reason::MarginalProrata),
        ("equal-whole", Reason::Paradoxical),
        ("under", Reason::Budget),
        ("whole", Reason::ForecastHeadroom),
    ];
    assert_eq!(believed, either);
}

#[test]
fn who_has_spent_a_budget_is_told_so_of_the_part_that_it_has() {
    let (book, outcome) = cleared();
    let at = outcome.awards.iter().position(|a| a.order == "part").expect("it has a part");
    assert_eq!(outcome.awards[at].limited_by, Some(Reason::Budget));
    let believed: Vec<Reason> = REASONS
        .into_iter()
        .filter(|other| {
            let mut forged = outcome.clone();
            forged.awards[at].limited_by = Some(*other);
            *other != Reason::Budget && verify(&book, forged, Mode::Market).is_ok()
        })
        .collect();
    assert_eq!(believed, []);
}

/// A workload may change by 12, lend 30 of what it holds, and a budget has less than the least of a bid whatever it costs.
const ROWS: &str = r#"{"format":"headroom.book/1","cap":"10","alpha":"0","seed":1,
    "products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":1000,"reserve":"1"}]},
        {"pool":"p","resource":"lent","slot":0}],
    "instances":[{"id":"i","owner":"a","max_swap":[["p","cpu",0,12]]},
        {"id":"l","owner":"b","holding":[["p","lent",0,40]],"floor":[["p","lent",0,10]]}],
    "budgets":[{"id":"h","amount":"60"}],
    "orders":[
        {"id":"changes","owner":"a","side":"bid","limit":"190","instance":"i","alternatives":[{"quantities":[["p","cpu",0,20]]}]},
        {"id":"changes-whole","owner":"a","side":"bid","limit":"82","min_fill":"1","instance":"i","alternatives":[{"quantities":[["p","cpu",0,14]]}]},
        {"id":"lends","owner":"b","side":"offer","limit":"40","instance":"l","alternatives":[{"quantities":[["p","lent",0,40]]}]},
        {"id":"takes","owner":"c","side":"bid","limit":"400","alternatives":[{"quantities":[["p","lent",0,60]]}]},
        {"id":"sets","owner":"d","side":"bid","limit":"10000","alternatives":[{"quantities":[["p","cpu",0,2000]]}]},
        {"id":"beyond","owner":"e","side":"bid","limit":"2000","min_fill":"1","budget":"h","alternatives":[{"quantities":[["p","cpu",0,500]]}]}]}"#;

#[test]
fn a_row_that_leaves_not_a_unit_more_is_the_reason_of_a_part_and_of_a_refusal() {
    let book = parse(ROWS).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let mut outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    outcome.certificate = None;
    let parts: Vec<(&str, Option<Reason>)> =
        outcome.awards.iter().filter_map(|a| Some((a.order.as_str(), Some(a.limited_by?)))).collect();
    println!("{parts:?}");
    let refused: Vec<(&str, Reason)> = outcome.refused.iter().map(|r| (r.order.as_str(), r.reason)).collect();
    assert_eq!(refused, [("beyond", Reason::Budget), ("changes-whole", Reason::ThrashLimit)]);
    // no limit pays for it: a higher one counts with more of the budget
    assert_eq!(outcome.refused[0].winning_limit, None);
    let rows = [("changes", Reason::ThrashLimit), ("lends", Reason::FloorProtected)];
    let not_rows = [Reason::ForecastHeadroom, Reason::MarginalProrata];
    for (order, row) in rows {
        let at = outcome.awards.iter().position(|a| a.order == order).expect("it has a part");
        assert_eq!(outcome.awards[at].limited_by, Some(row), "{order}");
        for other in not_rows {
            let mut forged = outcome.clone();
            forged.awards[at].limited_by = Some(other);
            assert!(verify(&book, forged, Mode::Market).is_err(), "{order} told {other:?}");
        }
    }
    for other in [Reason::Paradoxical, Reason::ForecastHeadroom, Reason::MarginalProrata, Reason::TieLost] {
        let mut forged = outcome.clone();
        forged.refused[1].reason = other;
        assert!(verify(&book, forged, Mode::Market).is_err(), "changes-whole told {other:?}");
    }
}

/// A node has none of the memory that a bid asks for beside processors, and its workload may change by less of it than
/// one processor comes with.
const NOWHERE: &str = r#"{"format":"headroom.book/1","cap":"20","alpha":"0","seed":1,
    "products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":100,"reserve":"0.001"}]},
        {"pool":"p","resource":"mem","slot":0,"supply":[{"quantity":100,"reserve":"0.001"}]}],
    "nodes":[{"id":"n","pool":"p","capacity":{"cpu":10,"mem":0}}],
    "instances":[{"id":"i","owner":"a","max_swap":[["p","mem",0,3]]}],
    "orders":[{"id":"b","owner":"a","side":"bid","instance":"i","limit":"10","alternatives":[{"quantities":[["p","cpu",0,2],["p","mem",0,8]]}]}]}"#;

#[test]
fn a_row_that_refuses_what_no_node_has_room_for_is_told_and_nobody_is_given_up() {
    let book = parse(NOWHERE).expect("a book");
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    let mut outcome = verify(&book, outcome, Mode::Market).expect("it is verified").into_inner();
    assert_eq!(outcome.quality, Quality::Optimal);
    assert_eq!(outcome.refused[0].reason, Reason::ThrashLimit);
    outcome.certificate = None;
    outcome.quality = Quality::Fallback;
    for other in [Reason::SolverFallback, Reason::NoHostFits, Reason::Paradoxical, Reason::ForecastHeadroom] {
        let mut forged = outcome.clone();
        forged.refused[0].reason = other;
        assert!(verify(&book, forged, Mode::Market).is_err(), "told {other:?}");
    }
}
