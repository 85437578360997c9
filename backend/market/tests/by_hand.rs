//! Small books whose outcome is worked out by hand beside each.
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Outcome, Quality, Reason};
use headroom_market::clearing::{Asked, Book, Limits, Mode, NoProposal, Winning, clear, parse, verify, winning_limit};
use serde_json::{Value, json};

fn product(pool: &str, supply: &[(i64, &str)]) -> Value {
    let supply: Vec<Value> = supply.iter().map(|(q, r)| json!({ "quantity": q, "reserve": r })).collect();
    json!({ "pool": pool, "resource": "cpu", "slot": 0, "supply": supply })
}

fn order(id: &str, side: &str, limit: &str, quantities: &[(&str, i64)], more: Value) -> Value {
    let quantities: Vec<Value> = quantities.iter().map(|(pool, q)| json!([pool, "cpu", 0, q])).collect();
    let mut order = json!({ "id": id, "owner": format!("owner-{id}"), "side": side, "limit": limit,
        "alternatives": [{ "quantities": quantities }] });
    for (key, value) in more.as_object().into_iter().flatten() {
        order[key] = value.clone();
    }
    order
}

fn book(seed: u64, parts: Value) -> Book {
    let mut book = json!({ "format": "headroom.book/1", "cap": "1000", "alpha": "0", "seed": seed });
    for (key, value) in parts.as_object().into_iter().flatten() {
        book[key] = value.clone();
    }
    parse(&book.to_string()).expect("a book")
}

fn cleared(book: &Book) -> Outcome {
    let outcome = clear(book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    verify(book, outcome, Mode::Market).expect("it is verified").into_inner()
}

fn won(outcome: &Outcome) -> Vec<(&str, i64)> {
    outcome.awards.iter().map(|a| (a.order.as_str(), a.quantities[0].quantity)).collect()
}

fn reason(outcome: &Outcome, order: &str) -> Option<Reason> {
    outcome.refused.iter().find(|r| r.order == order).map(|r| r.reason)
}

fn arc(from: &str, to: &str, ratio: &str) -> Value {
    json!({ "from": [from, "cpu", 0], "to": [to, "cpu", 0], "ratio": ratio })
}

/// 8 arrive if a half of what is sent arrives twice: 32 leave, at 1 each, and the bid pays 4 a unit.
#[test]
fn what_is_lost_on_several_arcs_is_sent_on_the_first() {
    let book = book(
        1,
        json!({
            "products": [product("a", &[(50, "1")]), product("b", &[]), product("c", &[])],
            "arcs": [arc("a", "b", "0.5"), arc("b", "c", "0.5")],
            "orders": [order("d", "bid", "60", &[("c", 8)], json!({}))],
        }),
    );
    let outcome = cleared(&book);
    assert_eq!(outcome.quality, Quality::Optimal);
    assert_eq!(won(&outcome), [("d", 8)]);
    assert_eq!(outcome.flows.iter().map(|f| f.flow).collect::<Vec<_>>(), [32, 16]);
    let prices: Vec<i64> = outcome.prices.iter().map(|p| p.price.0).collect();
    assert_eq!(prices, [1_000_000_000, 2_000_000_000, 4_000_000_000]);
}

/// Lines of two to four pools with arcs that lose something: without limits they carry what they carry with ones that
/// nothing reaches.
#[test]
fn an_arc_without_a_limit_has_none() {
    let mut given_up = 0;
    for seed in 0..300 {
        let mut draw = Draw::new(seed);
        let mut pick = |n: u64| draw.between(0, n as i64 - 1) as u64;
        let pools = ["p0", "p1", "p2", "p3"];
        let last = 1 + pick(3) as usize;
        let products: Vec<Value> = (0..=last)
            .map(|p| {
                let there = p == 0 || pick(3) == 0;
                let step = (20_000 + 1_000 * pick(40) as i64, ["1", "2", "3"][pick(3) as usize]);
                product(pools[p], if there { std::slice::from_ref(&step) } else { &[] })
            })
            .collect();
        let arcs: Vec<Value> = (0..last)
            .map(|p| arc(pools[p], pools[p + 1], ["1", "0.5", "0.9", "0.7", "0.3"][pick(5) as usize]))
            .collect();
        let orders: Vec<Value> = (0..1 + pick(4))
            .map(|n| {
                let quantity = [1, 1_000][pick(2) as usize] * (5 + pick(15) as i64) * 10 + pick(10) as i64;
                let limit = (quantity * (3 + pick(9) as i64)).to_string();
                order(&format!("b{n}"), "bid", &limit, &[(pools[1 + pick(last as u64) as usize], quantity)], json!({}))
            })
            .collect();
        let free = book(seed, json!({ "products": products, "arcs": arcs, "orders": orders }));
        let mut limited = free.clone();
        limited.arcs.iter_mut().for_each(|a| a.limit = Some(100_000_000));
        let (free, limited) = (cleared(&free), cleared(&limited));
        assert_eq!(free.welfare, limited.welfare, "seed {seed}");
        assert_eq!(free.bound, limited.bound, "seed {seed}");
        given_up += u32::from(free.quality != Quality::Optimal);
    }
    // where all that there is is sold, what rounding loses on the arcs may be missing at a bid's end
    println!("{given_up} of 300 give a bid up");
    assert!(given_up <= 1);
}

/// Networks of 4 to 30 pools with arcs that lose something, all of whose supply is sold: what rounding loses on the arcs
/// goes to where somebody is at the margin, and nobody is given up for it.
#[test]
fn what_rounding_loses_in_a_network_costs_nobody_an_order() {
    let mut given_up = 0;
    for seed in 0..40 {
        let mut draw = Draw::new(5_000 + seed);
        let mut pick = |from: i64, to: i64| draw.between(from, to);
        let pools: Vec<String> = (0..[4, 8, 12, 30][seed as usize % 4]).map(|p| format!("p{p:02}")).collect();
        let last = pools.len() as i64 - 1;
        let products: Vec<Value> = pools
            .iter()
            .map(|pool| product(pool, &[(pick(500, 5_000), ["1", "3", "5", "8"][pick(0, 3) as usize])]))
            .collect();
        let ratio = ["0.9", "0.5", "0.95", "0.33"][pick(0, 3) as usize];
        let mut arcs: Vec<Value> = pools.windows(2).map(|pair| arc(&pair[0], &pair[1], ratio)).collect();
        if seed % 2 == 0 {
            for _ in 0..2 * pools.len() {
                let (from, to) = (pick(0, last), pick(0, last - 1));
                let to = if to >= from { to + 1 } else { to };
                let ratio = ["0.9", "0.7", "0.33"][pick(0, 2) as usize];
                arcs.push(arc(&pools[from as usize], &pools[to as usize], ratio));
            }
        }
        let orders: Vec<Value> = (0..20 * pools.len())
            .map(|n| {
                let (quantity, pool) = (pick(10, 99), &pools[pick(0, last) as usize]);
                let side = if pick(0, 4) == 0 { "offer" } else { "bid" };
                order(&format!("o{n}"), side, &(quantity * pick(1, 40)).to_string(), &[(pool, quantity)], json!({}))
            })
            .collect();
        let outcome = cleared(&book(seed, json!({ "products": products, "arcs": arcs, "orders": orders })));
        given_up += u32::from(outcome.quality != Quality::Optimal);
    }
    // where who is at the margin has too little of it, a whole order still is
    println!("{given_up} of 40 give an order up");
    assert!(given_up <= 1);
}

/// Room for one of two blocks that nothing tells apart but what they are: the incumbent has it, else the higher class,
/// else the one that the seed puts first.
#[test]
fn ties_of_blocks_go_to_incumbents_then_to_the_class_then_by_the_seed() {
    let of = |seed, x: Value, y: Value| {
        let block = |id, mut more: Value| {
            more["min_fill"] = "1".into();
            order(id, "bid", "50", &[("a", 10)], more)
        };
        let orders = json!([block("x", x), block("y", y)]);
        cleared(&book(seed, json!({ "products": [product("a", &[(10, "1")])], "orders": orders })))
    };
    let mut by_seed = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let incumbent = || json!({ "incumbent": true });
        let class = |name: &str| json!({ "class": name });
        assert_eq!(won(&of(seed, incumbent(), class("critical"))), [("x", 10)]);
        assert_eq!(won(&of(seed, class("critical"), incumbent())), [("y", 10)]);
        assert_eq!(won(&of(seed, class("critical"), json!({}))), [("x", 10)]);
        assert_eq!(won(&of(seed, class("opportunistic"), json!({}))), [("y", 10)]);
        by_seed.insert(won(&of(seed, json!({}), json!({})))[0].0.to_owned());
    }
    assert_eq!(by_seed.len(), 2, "no name wins under every seed");
}

/// Two of four offers in one piece suffice; and an incumbent block goes before a divisible bid of its price.
#[test]
fn ties_of_blocks_with_others() {
    let block = |id, side, limit, quantity, incumbent: bool| {
        order(id, side, limit, &[("a", quantity)], json!({ "min_fill": "1", "incumbent": incumbent }))
    };
    for seed in 0..8 {
        let mut orders: Vec<Value> =
            ["p", "q", "r", "s"].iter().map(|id| block(id, "offer", "10", 5, *id == "s" || *id == "p")).collect();
        orders.push(order("d", "bid", "90", &[("a", 10)], json!({})));
        let outcome = cleared(&book(seed, json!({ "products": [product("a", &[])], "orders": orders })));
        assert_eq!(won(&outcome), [("d", 10), ("p", 5), ("s", 5)], "seed {seed}");

        let orders = json!([block("x", "bid", "50", 10, true), order("d", "bid", "50", &[("a", 10)], json!({}))]);
        let outcome = cleared(&book(seed, json!({ "products": [product("a", &[(10, "1")])], "orders": orders })));
        assert_eq!(won(&outcome), [("x", 10)], "seed {seed}");
        assert_eq!(reason(&outcome, "d"), Some(Reason::MarginalProrata));
    }
}

/// A block that gains nothing at the price wins only if it is an incumbent.
#[test]
fn a_block_at_its_limit_wins_only_as_an_incumbent() {
    for incumbent in [true, false] {
        let block = order("x", "bid", "50", &[("a", 10)], json!({ "min_fill": "1", "incumbent": incumbent }));
        let orders = json!([block, order("d", "bid", "60", &[("a", 10)], json!({}))]);
        let outcome = cleared(&book(3, json!({ "products": [product("a", &[(20, "5")])], "orders": orders })));
        assert_eq!(won(&outcome).contains(&("x", 10)), incumbent);
        assert_eq!(reason(&outcome, "x"), (!incumbent).then_some(Reason::TieLost));
    }
}

/// Two alike bids share although a row of one of them is there: at 5 of 10 it does not bind, at 3 it does.
#[test]
fn a_row_that_does_not_bind_makes_no_difference_among_alike_bids() {
    let of = |most: i64| {
        let orders = json!([
            order("x", "bid", "50", &[("a", 10)], json!({ "instance": "i", "owner": "o" })),
            order("y", "bid", "50", &[("a", 10)], json!({})),
        ]);
        let instances = json!([{ "id": "i", "owner": "o", "holding": [], "floor": [],
            "max_swap": [["a", "cpu", 0, most]] }]);
        book(5, json!({ "products": [product("a", &[(10, "1")])], "orders": orders, "instances": instances }))
    };
    assert_eq!(won(&cleared(&of(7))), [("x", 5), ("y", 5)]);
    assert_eq!(won(&cleared(&of(3))), [("x", 3), ("y", 7)]);
}

/// A block that its workload's own rows forbid is told so, and not that prices do.
#[test]
fn a_block_that_its_own_row_forbids_is_told_so() {
    let of = |side: &str, limit: &str, row: Value| {
        let mut instance = json!({ "id": "i", "owner": "o", "holding": [], "floor": [], "max_swap": [] });
        for (key, value) in row.as_object().into_iter().flatten() {
            instance[key] = value.clone();
        }
        let orders = json!([
            order("x", side, limit, &[("a", 8)], json!({ "min_fill": "1", "instance": "i", "owner": "o" })),
            order("d", "bid", "90", &[("a", 9)], json!({})),
        ]);
        let parts = json!({ "products": [product("a", &[(30, "5")])], "orders": orders, "instances": [instance] });
        reason(&cleared(&book(5, parts)), "x")
    };
    let five = json!([["a", "cpu", 0, 5]]);
    assert_eq!(of("bid", "80", json!({ "max_swap": five })), Some(Reason::ThrashLimit));
    assert_eq!(
        of("offer", "8", json!({ "holding": [["a", "cpu", 0, 10]], "floor": five })),
        Some(Reason::FloorProtected)
    );
}

/// An offer in one piece of more than anybody asks for: the rest may stay idle, but then the price is nothing.
#[test]
fn an_offer_of_more_than_is_asked_for_is_paradoxical() {
    let orders = json!([
        order("d", "bid", "100", &[("a", 10)], json!({})),
        order("x", "offer", "12", &[("a", 12)], json!({ "min_fill": "1" })),
        order("s", "offer", "40", &[("a", 10)], json!({})),
    ]);
    let outcome = cleared(&book(5, json!({ "products": [product("a", &[])], "orders": orders })));
    assert_eq!(won(&outcome), [("d", 10), ("s", 10)]);
    assert_eq!(reason(&outcome, "x"), Some(Reason::Paradoxical));
}

/// Nobody supplies the scarce half of a bundle, whose price is its collar. The other half has the price that it had,
/// could the scarce one be had at its collar: the reserve.
#[test]
fn the_other_half_of_a_scarce_bundle_has_the_price_of_a_book_without_scarcity() {
    let mut scarce = product("a", &[]);
    scarce["cap"] = "3".into();
    let orders = json!([order("x", "bid", "60", &[("a", 6), ("b", 4)], json!({}))]);
    let outcome = cleared(&book(5, json!({ "products": [scarce, product("b", &[(19, "2")])], "orders": orders })));
    assert!(outcome.awards.is_empty());
    assert_eq!(reason(&outcome, "x"), Some(Reason::ForecastHeadroom));
    let printed: Vec<[i64; 3]> =
        outcome.prices.iter().map(|p| [p.price.0, p.low.map_or(-1, |v| v.0), p.high.map_or(-1, |v| v.0)]).collect();
    assert_eq!(printed, [[3_000_000_000; 3], [2_000_000_000; 3]]);
}

/// Who asks for nothing lends what is taken and no more; who offers what nobody takes is not told to ask for nothing.
#[test]
fn nobody_lends_what_nobody_takes() {
    let orders = json!([
        order("x", "offer", "0", &[("a", 10)], json!({})),
        order("y", "offer", "5", &[("b", 10)], json!({})),
        order("d", "bid", "40", &[("a", 4)], json!({})),
    ]);
    let book = book(5, json!({ "products": [product("a", &[]), product("b", &[])], "orders": orders }));
    assert_eq!(won(&cleared(&book)), [("d", 4), ("x", 4)]);
    let asked = Asked { order: "y", runs_of: None, guess: None };
    let found = winning_limit(&book, asked, &NoProposal, &Limits::default(), &|| true);
    assert_eq!(found, Winning::NoneTried);
}

/// Room for one of two alike blocks, one of them an incumbent, beside another product at its collar.
#[test]
fn ties_of_blocks_beside_a_product_at_its_collar() {
    let mut scarce = product("m", &[(4, "1")]);
    scarce["cap"] = "3".into();
    for (first, second) in [("p", "q"), ("q", "p")] {
        let block = |id, incumbent: bool| {
            order(id, "bid", "50", &[("a", 10)], json!({ "min_fill": "1", "incumbent": incumbent }))
        };
        let orders = json!([
            block(first, true),
            block(second, false),
            order("both", "bid", "90", &[("a", 2), ("m", 8)], json!({})),
        ]);
        let parts = json!({ "products": [product("a", &[(12, "1")]), scarce], "orders": orders });
        let outcome = cleared(&book(5, parts));
        assert_eq!(reason(&outcome, first), None, "{outcome:?}");
        assert!(reason(&outcome, second).is_some());
        assert_eq!(outcome.prices[1].price.0, 3_000_000_000, "it is at its collar");
    }
}

/// Of two alike blocks with two alternatives, both of which win, the incumbent has the one that is worth more.
#[test]
fn who_comes_first_has_the_better_alternative() {
    for (first, second) in [("p", "q"), ("q", "p")] {
        for dear_first in [true, false] {
            let block = |id, incumbent: bool| {
                let mut alternatives = json!([
                    { "quantities": [["a", "cpu", 0, 10]], "adder": "3" },
                    { "quantities": [["b", "cpu", 0, 10]] },
                ]);
                if !dear_first {
                    alternatives = json!([alternatives[1], alternatives[0]]);
                }
                let more = json!({ "min_fill": "1", "incumbent": incumbent, "alternatives": alternatives });
                order(id, "bid", "50", &[], more)
            };
            let products = [product("a", &[(10, "1")]), product("b", &[(10, "1")])];
            let orders = json!([block(first, true), block(second, false)]);
            let outcome = cleared(&book(5, json!({ "products": products, "orders": orders })));
            let of =
                |id: &str| outcome.awards.iter().find(|a| a.order == id).map(|a| a.quantities[0].product.pool.clone());
            assert_eq!(of(first).as_deref(), Some("b"));
            assert_eq!(of(second).as_deref(), Some("a"));
        }
    }
}

/// A bundle that is filled in part beside a bid behind an arc: what rounding leaves is sent or kept by whoever is at the margin.
#[test]
fn offers_alone_supply_bids_behind_an_arc() {
    for scale in [1, 7, 1_000] {
        let bundle = |id: &str, side: &str, limit: i64, cpu: i64, memory: i64| {
            json!({ "id": id, "owner": id, "side": side, "limit": (limit * scale).to_string(), "alternatives": [{
                "quantities": [["a", "cpu", 0, cpu * scale], ["a", "memory", 0, memory * scale]] }] })
        };
        let book = book(
            1,
            json!({
                "products": [],
                "arcs": [arc("a", "b", "1")],
                "orders": [
                    order("y", "bid", &(5_051 * scale).to_string(), &[("b", 8_861 * scale)], json!({})),
                    bundle("x", "bid", 86_613, 5_894, 15_031),
                    bundle("s", "offer", 19_901, 7_566, 5_052),
                ],
            }),
        );
        let outcome = cleared(&book);
        assert_eq!(outcome.quality, Quality::Optimal, "times {scale}");
        assert_eq!(reason(&outcome, "s"), None);
        assert_eq!(
            outcome.awards.iter().find(|a| a.order == "s").expect("it lends").quantities[0].quantity,
            7_566 * scale
        );
    }
}

/// The budget allows 0.744827… of the better bid, and nothing of the other. Units are small beside what is not spent of
/// it in printed fills of six digits.
#[test]
fn a_budget_binds_in_large_quantities_as_in_small_ones() {
    for scale in [1, 10, 1_000] {
        let bid = |id, limit: i64, quantity: i64| {
            order(id, "bid", &(limit * scale).to_string(), &[("a", quantity * scale)], json!({ "budget": "h" }))
        };
        let book = book(
            1,
            json!({
                "products": [product("a", &[(5_000 * scale, "0.01")])],
                "budgets": [{ "id": "h", "amount": (1_728 * scale).to_string() }],
                "orders": [bid("x", 2_320, 1_000), bid("y", 6, 500)],
            }),
        );
        let outcome = cleared(&book);
        assert_eq!((outcome.quality, reason(&outcome, "y")), (Quality::Optimal, Some(Reason::Budget)), "times {scale}");
        assert_eq!(won(&outcome), [("x", 1_000 * scale * 1_728 / 2_320)]);
    }
}

/// Two bids that only one node has room for, one of them bound to it: the one of more value per dominant share has it.
#[test]
fn whoever_is_bound_to_a_node_has_no_better_claim_to_it() {
    let of = |bound: &str, other: &str| {
        let bid = |id, limit: &str, cpu: i64, memory: i64, more: Value| {
            let mut bid = order(id, "bid", limit, &[("p", cpu)], more);
            let memory = json!(["p", "memory", 0, memory]);
            bid["alternatives"][0]["quantities"].as_array_mut().expect("a list").push(memory);
            bid["replicas"] = 1.into();
            bid
        };
        let supply = |resource: &str, quantity: i64| json!({ "pool": "p", "resource": resource, "slot": 0, "supply": [{ "quantity": quantity, "reserve": "0.1" }] });
        let node = |id: &str, cpu: i64, memory: i64| json!({ "id": id, "pool": "p", "capacity": { "cpu": cpu, "memory": memory } });
        let book = book(
            1,
            json!({
                "products": [supply("cpu", 15), supply("memory", 13)],
                "nodes": [node("n0", 5, 4), node("n1", 10, 9)],
                "orders": [
                    bid("bound", bound, 1, 5, json!({ "node": "n1" })),
                    bid("other", other, 2, 6, json!({})),
                ],
            }),
        );
        let outcome = cleared(&book);
        outcome.awards.iter().map(|a| a.order.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("3.6", "26.4"), ["other"]);
    assert_eq!(of("26.4", "3.6"), ["bound"]);
}

/// 3,001 units are asked for and lent in lots of 1,000: a part of the last one is lent, as of any other.
#[test]
fn demand_that_ends_inside_an_offer_s_last_replica() {
    for (asked, got) in [(3_001, 3_001), (3_999, 3_999), (3_000, 3_000), (2_500, 2_500), (4_500, 4_000)] {
        let book = book(
            1,
            json!({
                "products": [],
                "orders": [
                    order("s", "offer", "400", &[("a", 4_000)], json!({ "replicas": 4 })),
                    order("b", "bid", &asked.to_string(), &[("a", asked)], json!({})),
                ],
            }),
        );
        let outcome = cleared(&book);
        let traded = outcome.awards.iter().find(|a| a.order == "b").map_or(0, |a| a.quantities[0].quantity);
        assert_eq!(traded, got, "of {asked}");
    }
}

/// The bid has it cheaper elsewhere, until the offer asks for less than that: 72 units for 15.12 credits at most.
#[test]
fn an_offer_whose_buyer_has_an_alternative_is_told_what_would_have_sold() {
    let mut asks = order("b", "bid", "85", &[("a", 72)], json!({}));
    asks["alternatives"].as_array_mut().expect("a list").push(json!({ "quantities": [["b", "cpu", 0, 72]] }));
    let book = book(
        1,
        json!({
            "products": [product("b", &[(151, "0.21")])],
            "orders": [order("s", "offer", "127", &[("a", 84)], json!({})), asks],
        }),
    );
    let asked = Asked { order: "s", runs_of: None, guess: None };
    let found = winning_limit(&book, asked, &NoProposal, &Limits::default(), &|| true);
    let Winning::Limit(limit) = found else { panic!("{found:?}") };
    // 84 / 72 of 15.12, less a tick where both are worth the same
    assert!((17_639_990..=17_640_000).contains(&limit.0), "{limit:?}");
}

/// A circle of arcs around products at their collars: bids that a collar rations gain from every unit, so none of them is
/// asked for what rounding is short of.
#[test]
fn rounding_takes_nothing_from_whom_a_collar_rations() {
    let product = |pool: &str, cap: &str, supply: &[(i64, &str)]| {
        let mut product = product(pool, supply);
        product["cap"] = cap.into();
        product
    };
    let arc = |from: &str, to: &str, cost: &str| {
        let mut arc = arc(from, to, "1");
        arc["cost"] = cost.into();
        arc
    };
    let book = book(
        1_012,
        json!({
            "products": [
                product("p0", "0.062", &[(13, "0.039")]),
                product("p1", "0.105", &[]),
                product("p2", "0.043", &[(16, "0.001")]),
            ],
            "arcs": [arc("p0", "p1", "0.001"), arc("p1", "p2", "0.002"), arc("p2", "p0", "0.003")],
            "orders": [
                order("o0", "bid", "1.155", &[("p2", 35)], json!({ "min_fill": "1" })),
                order("o1", "bid", "0.055", &[("p1", 5)], json!({})),
                order("o2", "bid", "0.42", &[("p0", 15)], json!({})),
                order("o3", "bid", "6.03", &[("p2", 34), ("p0", 33)], json!({})),
                order("o4", "bid", "0.623", &[("p2", 7)], json!({})),
            ],
        }),
    );
    let outcome = cleared(&book);
    assert_eq!((outcome.quality, reason(&outcome, "o3")), (Quality::Optimal, None));
}

/// 40 credits of the budget are left, and that is what the second bid counts: it was left out for nothing.
#[test]
fn what_is_left_of_a_budget_is_no_excuse() {
    let book = book(
        1,
        json!({
            "products": [product("a", &[(1_000, "0.1")])],
            "budgets": [{ "id": "h", "amount": "90" }],
            "orders": [
                order("x", "bid", "100", &[("a", 2)], json!({ "budget": "h" })),
                order("y", "bid", "40", &[("a", 100)], json!({ "budget": "h" })),
            ],
        }),
    );
    let outcome = |fill: Option<&str>| -> Outcome {
        let mut award = json!({ "order": "x", "alternative": 0, "quantities": [["a", "cpu", 0, 1]], "money": "0.1" });
        if let Some(fill) = fill {
            award["fill"] = fill.into();
        }
        let outcome = json!({
            "format": "headroom.outcome/1", "mode": "market", "quality": "fallback", "welfare": "49.9", "bound": "199",
            "cuts": 0, "awards": [award], "refused": [{ "order": "y", "reason": "BUDGET" }], "flows": [],
            "prices": [{ "pool": "a", "resource": "cpu", "slot": 0, "price": "0.1", "set_by": "reserve:0" }],
            "supply": [{ "pool": "a", "resource": "cpu", "slot": 0, "step": 0, "used": 1 }],
        });
        serde_json::from_value(outcome).expect("an outcome")
    };
    for fill in [None, Some("0.5")] {
        let broken = verify(&book, outcome(fill), Mode::Market).expect_err("the second bid could have been served");
        assert!(broken.iter().any(|b| b.rule == "I2"), "{broken:?}");
    }
}
