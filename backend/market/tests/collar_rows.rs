//! Scarcity at the collar beside budgets, thrash limits and arcs: prices are those of the book in which what is missing could
//! be had at the collars, and whoever is held back by rows of its own there shares where these have room in truth.
use crate::collar::{given_up, scarce};
use headroom_market::clearing::book::*;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Quality, Reason, Refusal};
use headroom_market::clearing::{Limits, Mode, NoProposal, Outcome, clear, parse, verify};

const NANO: i64 = 1_000_000_000;

fn read(rest: &str) -> Book {
    let book = format!(r#"{{"format":"headroom.book/1","cap":"50","alpha":"0","seed":1,{rest}}}"#);
    parse(&book).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn cleared(rest: &str) -> Outcome {
    let book = read(rest);
    let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
    verify(&book, outcome, Mode::Market).expect("it is verified").into_inner()
}

fn got(outcome: &Outcome) -> Vec<(&str, i64)> {
    outcome.awards.iter().map(|a| (a.order.as_str(), a.quantities[0].quantity)).collect()
}

/// Price, low and high, in nano-credits.
fn prices(outcome: &Outcome) -> Vec<[i64; 3]> {
    outcome.prices.iter().map(|p| [p.price.0, p.low.expect("low").0, p.high.expect("high").0]).collect()
}

fn reason(outcome: &Outcome, order: &str) -> Option<Reason> {
    outcome.refused.iter().find(|r| r.order == order).map(|r| r.reason)
}

/// Nobody has any CPU. If it could be had at its collar of 10, `first` would take 4 of the 10 memory that there are, at
/// their reserve of 3: that is the price of memory, though in truth nobody takes any, and `second`, who would have to
/// pay 52 of its 48, is out of the money and not rationed.
#[test]
fn prices_are_those_of_the_book_in_which_what_is_missing_could_be_had() {
    let outcome = cleared(
        r#""products":[{"pool":"p","resource":"cpu","slot":0,"supply":[],"cap":"10"},
            {"pool":"p","resource":"mem","slot":0,"supply":[{"quantity":10,"reserve":"3"}],"cap":"10"}],
        "orders":[
            {"id":"first","owner":"a","side":"bid","limit":"120",
                "alternatives":[{"quantities":[["p","cpu",0,8],["p","mem",0,4]]}]},
            {"id":"second","owner":"b","side":"bid","limit":"48",
                "alternatives":[{"quantities":[["p","cpu",0,4],["p","mem",0,4]]}]}]"#,
    );
    assert_eq!(prices(&outcome), [[10 * NANO; 3], [3 * NANO; 3]]);
    assert_eq!(reason(&outcome, "first"), Some(Reason::ForecastHeadroom));
    assert_eq!(reason(&outcome, "second"), Some(Reason::OutOfMoney));
}

/// The same with a budget: `held` could have 100 of its 240 if everything could be had, and has nothing.
#[test]
fn a_budget_does_not_change_them() {
    let product = |resource: &str, slot: i64, supply: &str| {
        format!(r#"{{"pool":"p","resource":"{resource}","slot":{slot},"supply":[{supply}],"cap":"10"}}"#)
    };
    let products = [
        product("cpu", 0, r#"{"quantity":5,"reserve":"3"}"#),
        product("cpu", 1, r#"{"quantity":10,"reserve":"5"}"#),
        product("mem", 0, r#"{"quantity":5,"reserve":"1"}"#),
        product("mem", 1, ""),
    ];
    let outcome = cleared(&format!(
        r#""products":[{}],"budgets":[{{"id":"h","amount":"100"}}],"orders":[
            {{"id":"held","owner":"a","side":"bid","limit":"240","budget":"h",
                "alternatives":[{{"quantities":[["p","cpu",0,6],["p","mem",0,6],["p","cpu",1,6],["p","mem",1,6]]}}]}},
            {{"id":"dear","owner":"b","side":"bid","limit":"96","budget":"h",
                "alternatives":[{{"quantities":[["p","cpu",0,4],["p","mem",0,8],["p","cpu",1,4],["p","mem",1,8]]}}]}}]"#,
        products.join(",")
    ));
    let published: Vec<i64> = prices(&outcome).into_iter().map(|[price, ..]| price / NANO).collect();
    assert_eq!(published, [3, 5, 1, 10]);
    assert_eq!(reason(&outcome, "dear"), Some(Reason::OutOfMoney));
}

/// `wide` may have no more than one unit of its two; of 20 units the other has 19, and neither is given up.
#[test]
fn whoever_is_held_by_a_thrash_limit_has_what_that_leaves_it() {
    let outcome = cleared(
        r#""products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":20,"reserve":"1"}],"cap":"6"}],
        "instances":[{"id":"i","owner":"b","holding":[["p","cpu",0,2]],"floor":[["p","cpu",0,2]],
            "max_swap":[["p","cpu",0,1]]}],
        "orders":[
            {"id":"even","owner":"a","side":"bid","limit":"60","alternatives":[{"quantities":[["p","cpu",0,10]]}]},
            {"id":"large","owner":"c","side":"bid","limit":"240","alternatives":[{"quantities":[["p","cpu",0,20]]}]},
            {"id":"wide","owner":"b","side":"bid","instance":"i","limit":"20",
                "alternatives":[{"quantities":[["p","cpu",0,2]]}]}]"#,
    );
    assert_eq!(got(&outcome), [("large", 19), ("wide", 1)]);
    assert_eq!(outcome.quality, Quality::Optimal);
}

/// 190 units among six at a collar of 1.6: 0.97 of what each asks for. `dear` and `cheap` have a budget of 99 for their 121.6, so that
/// `cheap` has less. Of 17.5 units `small` has 18, which is no greater part than that of `dear`: it is its share that
/// holds `dear` back, not that `cheap` has what the budget leaves. `dear` was given up for it.
#[test]
fn a_part_that_rounding_made_whole_is_no_greater_share() {
    let bid = |id: &str, limit: &str, quantity: i64, budget: &str| {
        format!(
            r#"{{"id":"{id}","owner":"{id}","side":"bid","limit":"{limit}",{budget}"alternatives":[{{"quantities":[["p","cpu",0,{quantity}]]}}]}}"#
        )
    };
    let of_h = r#""budget":"h","#;
    let orders = [
        bid("one", "121.6", 38, ""),
        bid("cheap", "121.6", 38, of_h),
        bid("two", "121.6", 38, ""),
        bid("small", "88.2", 18, ""),
        bid("three", "163.4", 38, ""),
        bid("dear", "163.4", 38, of_h),
    ];
    let outcome = cleared(&format!(
        r#""products":[{{"pool":"p","resource":"cpu","slot":0,"supply":[{{"quantity":190,"reserve":"0.8"}}],"cap":"1.6"}}],
        "budgets":[{{"id":"h","amount":"99"}}],"orders":[{}]"#,
        orders.join(",")
    ));
    assert_eq!(prices(&outcome), [[NANO * 16 / 10; 3]]);
    assert_eq!(outcome.awards.len(), 6, "{:?}", outcome.refused);
    assert_eq!(outcome.quality, Quality::Optimal);
}

/// `even` and `held` share what there is at the collar; the budget of `held` goes on to `other`, which gains less by it.
/// `even` was given up: of a bid with a minimum fill the check did not see that it has its share.
#[test]
fn a_minimum_fill_that_has_its_share_is_not_owed_the_rest_of_its_budget() {
    let outcome = cleared(
        r#""products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":31,"reserve":"0.6"}]},
            {"pool":"q","resource":"cpu","slot":0,"supply":[{"quantity":80,"reserve":"0.9"}],"cap":"2.1"}],
        "budgets":[{"id":"h","amount":"115"}],
        "orders":[
            {"id":"even","owner":"a","side":"bid","limit":"326.6","min_fill":"0.1",
                "alternatives":[{"quantities":[["q","cpu",0,71]]}]},
            {"id":"held","owner":"b","side":"bid","limit":"326.6","min_fill":"0.1","budget":"h",
                "alternatives":[{"quantities":[["q","cpu",0,71]]}]},
            {"id":"other","owner":"b","side":"bid","limit":"52.9","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",0,23]]}]}]"#,
    );
    assert_eq!(got(&outcome)[..2], [("even", 40), ("held", 40)]);
    assert_eq!(outcome.quality, Quality::Optimal);
}

/// Who asks for one unit may have had half of it, as the one has that half of a larger order.
#[test]
fn a_unit_that_rounding_took_may_have_been_a_share() {
    let outcome = cleared(
        r#""products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":8,"reserve":"1"}],"cap":"2.1"},
            {"pool":"q","resource":"cpu","slot":0,"supply":[{"quantity":4,"reserve":"0.1"}],"cap":"3"}],
        "budgets":[{"id":"h","amount":"18"}],
        "orders":[
            {"id":"dear","owner":"a","side":"bid","limit":"54.8","alternatives":[{"quantities":[["p","cpu",0,1],["q","cpu",0,1]]}]},
            {"id":"one","owner":"b","side":"bid","limit":"27.4","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",0,1],["q","cpu",0,1]]}]},
            {"id":"six","owner":"b","side":"bid","limit":"43.2","budget":"h",
                "alternatives":[{"quantities":[["q","cpu",0,6],["p","cpu",0,5]]}]}]"#,
    );
    assert!(given_up(&outcome).is_empty(), "{:?}", outcome.refused);
    assert_eq!(outcome.quality, Quality::Optimal);
}

/// If everything could be had, the budget of 100 would go to `better` alone. As 5 units are there, it has room for both,
/// and they share alike: 12 : 10.
#[test]
fn a_budget_that_has_room_in_truth_holds_nobody_back() {
    let outcome = cleared(
        r#""products":[{"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":5,"reserve":"1"}],"cap":"10"}],
        "budgets":[{"id":"h","amount":"100"}],
        "orders":[
            {"id":"better","owner":"a","side":"bid","limit":"150","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",0,10]]}]},
            {"id":"worse","owner":"a","side":"bid","limit":"144","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",0,12]]}]}]"#,
    );
    assert_eq!(got(&outcome), [("better", 2), ("worse", 3)]);
    assert_eq!(outcome.quality, Quality::Optimal);
}

/// Two products at their collars under one budget of 200, of which 180 are used: 0.625 of two bids, half of the third.
/// It was taken for a budget that is badly spent, and one of them was given up.
///
/// Nor does the check take it where one has more than another for it, or where one is left out.
#[test]
fn who_has_its_share_at_a_collar_is_not_owed_the_rest_of_its_budget() {
    let book = r#""products":[
            {"pool":"p","resource":"cpu","slot":0,"supply":[{"quantity":20,"reserve":"1"},{"quantity":30,"reserve":"3"}],"cap":"4"},
            {"pool":"p","resource":"cpu","slot":1,"supply":[{"quantity":10,"reserve":"2"}],"cap":"10"},
            {"pool":"q","resource":"cpu","slot":0,"supply":[{"quantity":5,"reserve":"5"}],"cap":"10"}],
        "budgets":[{"id":"h","amount":"200"}],
        "orders":[
            {"id":"both","owner":"a","side":"bid","limit":"192","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",0,12],["p","cpu",1,12]]}]},
            {"id":"late","owner":"a","side":"bid","limit":"48","budget":"h",
                "alternatives":[{"quantities":[["p","cpu",1,4]]}]},
            {"id":"other","owner":"a","side":"bid","limit":"150","budget":"h",
                "alternatives":[{"quantities":[["q","cpu",0,10]]}]}]"#;
    let outcome = cleared(book);
    let fills: Vec<_> = outcome.awards.iter().map(|a| serde_json::to_value(&a.fill).expect("a fill")).collect();
    assert_eq!(fills, ["0.625", "0.625", "0.5"]);
    assert_eq!(outcome.quality, Quality::Optimal);
    let rules = |change: &dyn Fn(&mut Outcome)| -> Vec<&str> {
        let mut outcome = outcome.clone();
        change(&mut outcome);
        let broken = verify(&read(book), outcome, Mode::Market).expect_err("nobody has its share");
        broken.iter().map(|b| b.rule).collect()
    };
    // 4 and 4 of 10 units instead of 7 and 2
    let uneven = rules(&|outcome| {
        for (award, quantity, fill) in [(0, 4, "0.333333"), (1, 4, "1")] {
            outcome.awards[award].quantities.iter_mut().for_each(|q| q.quantity = quantity);
            outcome.awards[award].fill = serde_json::from_value(fill.into()).ok();
        }
    });
    assert!(uneven.iter().any(|rule| ["I6", "RATION"].contains(rule)), "{uneven:?}");
    let left_out = rules(&|outcome| {
        let gone = outcome.awards.remove(1);
        let (money, reason) = (gone.money, Reason::Budget);
        let [price, shortfall] = [Some(money), Some(Money(0))];
        outcome.refused.push(Refusal {
            order: gone.order,
            reason,
            price,
            shortfall,
            winning_limit: None,
            binding: None,
        });
    });
    assert!(left_out.iter().any(|rule| ["I2", "I6", "RATION"].contains(rule)), "{left_out:?}");
}

/// More could come along an arc from a product with a lower collar that nobody supplies: it holds the price down to
/// 4 ÷ 0.9, so 20 are shared by 16 and 18. With the builds before one bid, and earlier both, had to be given up.
#[test]
fn what_would_come_along_an_arc_stops_nobody() {
    let outcome = cleared(
        r#""products":[{"pool":"p","resource":"mem","slot":0,"supply":[{"quantity":20,"reserve":"1"}],"cap":"20"},
            {"pool":"q","resource":"mem","slot":0,"supply":[],"cap":"4"}],
        "arcs":[{"from":["q","mem",0],"to":["p","mem",0],"ratio":"0.9","cost":"0","limit":5}],
        "orders":[
            {"id":"more","owner":"a","side":"bid","limit":"360","alternatives":[{"quantities":[["p","mem",0,16]]}]},
            {"id":"less","owner":"b","side":"bid","limit":"210","alternatives":[{"quantities":[["p","mem",0,18]]}]}]"#,
    );
    assert_eq!(got(&outcome), [("less", 11), ("more", 9)]);
}

/// Nobody supplies it, so no limit is named that would win.
#[test]
fn for_what_nobody_has_no_winning_limit_is_named() {
    let outcome = cleared(
        r#""products":[{"pool":"p","resource":"cpu","slot":0,"supply":[]},
            {"pool":"p","resource":"mem","slot":0,"supply":[{"quantity":5,"reserve":"3"}]}],
        "orders":[
            {"id":"none","owner":"a","side":"bid","limit":"2","alternatives":[{"quantities":[["p","cpu",0,10]]}]},
            {"id":"some","owner":"b","side":"bid","limit":"2","alternatives":[{"quantities":[["p","mem",0,1]]}]}]"#,
    );
    let limits: Vec<_> = outcome.refused.iter().map(|r| (r.order.as_str(), r.winning_limit.map(|l| l.0))).collect();
    // at a price of 2 nobody sells memory either; from 3 up the operator does
    assert_eq!(limits[0], ("none", None));
    assert!(limits[1].1.is_some(), "{limits:?}");
}

/// 100 units of `a` at its collar of 10, for `free`, `good` and `poor` that all gain there. The budget of 1,400 is best spent
/// on `good` (20 for what counts as 10), then `elsewhere` (9 for 10), then `poor` (5 for 10). With a part of 60 % for
/// whoever shares, `good` leaves 1,100, `elsewhere` has all, and 100 are left for a fifth of `poor`: 60 + 30 + 10 units.
#[test]
fn a_budget_beside_a_collar_goes_where_it_gains_most() {
    let outcome = cleared(
        r#""products":[{"pool":"p","resource":"a","slot":0,"supply":[{"quantity":100,"reserve":"5"}],"cap":"10"},
            {"pool":"p","resource":"b","slot":0,"supply":[{"quantity":200,"reserve":"1"}]}],
        "budgets":[{"id":"h","amount":"1400"}],"orders":[
            {"id":"elsewhere","owner":"w","side":"bid","limit":"1000","budget":"h",
                "alternatives":[{"quantities":[["p","b",0,100]]}]},
            {"id":"free","owner":"x","side":"bid","limit":"2000","alternatives":[{"quantities":[["p","a",0,100]]}]},
            {"id":"good","owner":"y","side":"bid","limit":"1000","budget":"h",
                "alternatives":[{"quantities":[["p","a",0,50]]}]},
            {"id":"poor","owner":"z","side":"bid","limit":"750","budget":"h",
                "alternatives":[{"quantities":[["p","a",0,50]]}]}]"#,
    );
    assert_eq!(got(&outcome), [("elsewhere", 100), ("free", 60), ("good", 30), ("poor", 10)]);
    assert_eq!(prices(&outcome).iter().map(|p| p[0] / NANO).collect::<Vec<_>>(), [10, 1]);
    assert_eq!(outcome.quality, Quality::Optimal);
}

/// Bundles over two pools, two resources and two slots, half of the products with a collar a little over their first
/// reserve, a third of the bids in one of three budgets of about half of what they could cost.
fn with_budgets(seed: u64) -> Book {
    let mut d = Draw::new(seed ^ 0xB0D6);
    let mut book = Book::new(Money(20 * 1_000_000), seed);
    let mut spare = std::collections::BTreeMap::new();
    for (pool, resource, slot) in (0..8).map(|n| (n / 4, n / 2 % 2, n % 2)) {
        let reserve = d.between(10, 60);
        let supply = Step { quantity: d.between(2_000, 12_000), reserve: Money(reserve * 10_000) };
        let cap = d.chance(50).then(|| Money(reserve * d.between(11, 16) * 1_000));
        let (pool, resource) = (format!("p{pool}"), format!("r{resource}"));
        spare.insert((pool.clone(), resource.clone(), slot), reserve);
        book.products.push(Product { pool, resource, slot, supply: vec![supply], cap, reference: None });
    }
    let mut could_cost = [0; 3];
    for i in 0..d.between(20, 60) {
        let pool = format!("p{}", d.between(0, 1));
        let (slots, resources) = ([0..=0, 1..=1, 0..=1], [0..=0, 1..=1, 0..=1]);
        let (slots, resources) = (&slots[d.between(0, 2) as usize], &resources[d.between(0, 2) as usize]);
        let (mut quantities, mut cost) = (Vec::new(), 0);
        for r in resources.clone() {
            let quantity = d.between(300, 2_500);
            for slot in slots.clone() {
                let product = ProductKey { pool: pool.clone(), resource: format!("r{r}"), slot };
                cost += spare[&(pool.clone(), format!("r{r}"), slot)] * 10_000 * quantity;
                quantities.push(Quantity { product, quantity });
            }
        }
        let limit = Money(cost * d.between(80, 300) / 100);
        let mut order = crate::support::plain_order(&format!("o{i:02}"), Side::Bid, limit, Vec::new());
        order.alternatives.push(Alternative { quantities, adder: Money(0) });
        if d.chance(33) {
            let h = d.between(0, 2) as usize;
            could_cost[h] += limit.0;
            order.budget = Some(format!("h{h}"));
        }
        book.orders.push(order);
    }
    for (h, all) in could_cost.iter().enumerate() {
        book.budgets.push(Budget { id: format!("h{h}"), amount: Money(all * d.between(20, 60) / 100) });
    }
    book
}

/// Collars and budgets alone, without blocks: 7 of 200 give one order up (28 before 27 November).
#[test]
fn bundles_at_their_collars_with_budgets_give_few_up() {
    let (mut rationed, mut lost, mut orders) = (0, 0, 0);
    for seed in 0..200 {
        let book = with_budgets(seed);
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
        let up = given_up(&outcome).len();
        rationed += u32::from(outcome.prices.iter().any(|p| p.set_by == "cap"));
        lost += u32::from(up > 0);
        orders += up;
        if up == 0 {
            verify(&book, outcome, Mode::Market).unwrap_or_else(|broken| panic!("seed {seed}: {broken:?}"));
        }
    }
    println!("{rationed} of 200 have a product at its collar, {lost} give {orders} orders up");
    assert!(rationed > 100 && lost <= 10, "{lost} give {orders} orders up");
}

/// Random books at their collars in which some bids have budgets or thrash limits: one in a thousand gives an order up.
#[test]
fn random_books_at_their_collars_with_rows_give_few_up() {
    let count = std::env::var("HEADROOM_RANDOM_BOOKS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let (mut held, mut rationed, mut lost) = (0_u64, 0_u64, 0_u64);
    for seed in (1..2 * count).step_by(2) {
        let book = with_rows(scarce(seed), seed);
        let outcome = clear(&book, Mode::Market, &NoProposal, &Limits::default()).expect("an outcome");
        let given_up = given_up(&outcome);
        if !given_up.is_empty() {
            println!("seed {seed} gives up {given_up:?}");
            lost += 1;
        }
        let by_row = |r: Option<Reason>| matches!(r, Some(Reason::Budget | Reason::ThrashLimit));
        let awards = outcome.awards.iter().any(|a| by_row(a.limited_by));
        held += u64::from(awards || outcome.refused.iter().any(|r| by_row(Some(r.reason))));
        rationed += u64::from(outcome.prices.iter().any(|p| p.set_by == "cap"));
        verify(&book, outcome, Mode::Market).unwrap_or_else(|broken| panic!("seed {seed}: {broken:?}"));
    }
    println!(
        "of {count} books {rationed} have a product at its collar, {held} a row that binds; {lost} give an order up"
    );
    assert!(rationed * 4 > count && held * 4 > count && lost * 300 <= count);
}

/// A third of the bids in one of two budgets, a third with a thrash limit.
fn with_rows(mut book: Book, seed: u64) -> Book {
    let mut d = Draw::new(seed ^ 0x0B_0D6E7);
    let mut in_budgets = 0;
    for i in 0..book.orders.len() {
        if book.orders[i].side != Side::Bid {
            continue;
        }
        match d.between(0, 2) {
            0 => {
                in_budgets += book.orders[i].limit.0;
                book.orders[i].budget = Some(format!("h{}", d.between(0, 1)));
            }
            1 => {
                let all = &book.orders[i].alternatives[0].quantities;
                let max_swap = all.iter().map(|q| Quantity { product: q.product.clone(), quantity: q.quantity / 3 });
                let instance = Instance {
                    id: format!("i{i}"),
                    owner: book.orders[i].owner.clone(),
                    holding: Vec::new(),
                    floor: Vec::new(),
                    max_swap: max_swap.filter(|q| q.quantity > 0).take(1).collect(),
                };
                book.orders[i].instance = Some(instance.id.clone());
                book.instances.push(instance);
            }
            _ => {}
        }
    }
    for h in 0..2 {
        let amount = Money(in_budgets / d.between(2, 6));
        book.budgets.push(Budget { id: format!("h{h}"), amount });
    }
    book
}
