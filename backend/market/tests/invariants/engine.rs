//! I12 to I18: how the outcomes of two books compare. A mutant is an engine that errs as engines do:
//! it looks at the order of writing, keeps something from the last call, forgets an order, and so on.
use super::count;
use crate::support::anything::{anything, mix, mixed, untied};
use crate::support::{Mix, UNIT, book};
use headroom_market::clearing::book::*;
use headroom_market::clearing::outcome::{Outcome, Price, PriceRow, Quality, Reason, Refusal};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Asked, Limits, Mode, NoProposal, Winning, clear, verify, winning_limit};
use std::collections::BTreeMap;

/// Clears a book.
type Engine<'a> = &'a (dyn Fn(&Book) -> Outcome + Sync);
/// `Ok(true)` = it holds, and the book had something to try it on.
type Holds = fn(&Book, Engine<'_>) -> Result<bool, String>;

fn honest(book: &Book) -> Outcome {
    let outcome = clear(book, Mode::Market, &NoProposal, &Limits::PRODUCTION).expect("a random book can be cleared");
    verify(book, outcome, Mode::Market).expect("a random book is verified").into_inner()
}

/// The engine without the order that `which` picks from the book as it is written.
fn without(book: &Book, which: impl Fn(&Book) -> Option<usize>) -> Outcome {
    let mut short = book.clone();
    if let Some(i) = which(book) {
        let gone = short.orders.remove(i).id;
        short.orders.iter_mut().filter(|o| o.parent.as_ref() == Some(&gone)).for_each(|o| o.parent = None);
    }
    honest(&short)
}

fn check(name: &str, books: impl Fn(u64) -> Book, holds: Holds, mutant: Engine<'_>) {
    let (mut tried, mut noticed) = (0, 0);
    for seed in 0..count(600) {
        let book = books(seed);
        match holds(&book, &honest) {
            Ok(had) => tried += u64::from(had),
            Err(broken) => panic!("{name}, seed {seed}: {broken}"),
        }
        noticed += u64::from(holds(&book, mutant).is_err());
    }
    println!("{name}: tried on {tried} of {} books, the mutant is noticed on {noticed}", count(600));
    assert!(tried * 10 > count(600) && noticed > 5, "{name}");
}

fn same(what: &str, one: &Outcome, other: &Outcome) -> Result<bool, String> {
    let (one, other) = (one.canonical(), other.canonical());
    if one == other { Ok(true) } else { Err(format!("{what}:\n{one}\n{other}")) }
}

#[test]
fn i12_the_order_of_writing_does_not_matter() {
    fn holds(b: &Book, engine: Engine<'_>) -> Result<bool, String> {
        let mut c = b.clone();
        c.orders.reverse();
        c.products.reverse();
        c.nodes.reverse();
        c.instances.reverse();
        c.budgets.reverse();
        c.orders.iter_mut().flat_map(|o| &mut o.alternatives).for_each(|a| a.quantities.reverse());
        same("written in another order", &engine(b), &engine(&c))
    }
    check("I12", anything, holds, &|b| without(b, |b| b.orders.len().checked_sub(1)));
}

/// A book with other names for its orders.
fn renamed(b: &Book) -> Book {
    let renamed = |id: &str| format!("renamed-{}", id.chars().rev().collect::<String>());
    let mut c = b.clone();
    for o in &mut c.orders {
        o.id = renamed(&o.id);
        o.parent = o.parent.as_deref().map(renamed);
    }
    c
}

/// Names decide ties and nothing else: with other names, welfare and prices are the same where no tie is
/// near, and who is alike gets the same together.
#[test]
fn i12_names_matter_only_in_the_tie_hash() {
    fn holds(b: &Book, engine: Engine<'_>) -> Result<bool, String> {
        let c = renamed(b);
        let (one, other) = (engine(b), engine(&c));
        // where a search ended early, what it tried first is what it found
        if [&one, &other].iter().any(|o| o.quality == Quality::Fallback) {
            return Ok(false);
        }
        let alike = |b: &Book, o: &Outcome| {
            let mut groups: BTreeMap<_, i64> = BTreeMap::new();
            for order in &b.orders {
                let got: i64 = o
                    .awards
                    .iter()
                    .filter(|a| a.order == order.id)
                    .flat_map(|a| &a.quantities)
                    .map(|q| q.quantity)
                    .sum();
                *groups
                    .entry((order.side, order.limit, order.alternatives.clone(), order.instance.clone()))
                    .or_default() += got;
            }
            groups
        };
        let prices = |o: &Outcome| o.prices.iter().map(|p| (p.price, p.low, p.high)).collect::<Vec<_>>();
        let agree =
            one.welfare == other.welfare && prices(&one) == prices(&other) && alike(b, &one) == alike(&c, &other);
        if agree { Ok(true) } else { Err(format!("{}\n{}", one.canonical(), other.canonical())) }
    }
    check("I12 (names)", untied, holds, &|b| without(b, |b| (0..b.orders.len()).max_by_key(|i| &b.orders[*i].id)));
}

/// What a search that ended early came to is hardly ever a matter of names: of 3,000 books, where the order to be
/// left out was once chosen by its name, three came to another welfare, one to a third less.
#[test]
fn i12_names_hardly_matter_where_a_search_ends_early() {
    let (mut early, mut differ) = (0, Vec::new());
    for seed in 0..3_000 {
        let book = untied(seed);
        let outcomes = [false, true].map(|new_names| honest(&if new_names { renamed(&book) } else { book.clone() }));
        early += u32::from(outcomes.iter().any(|o| o.quality == Quality::Fallback));
        if outcomes[0].welfare != outcomes[1].welfare {
            differ.push(seed);
        }
    }
    println!("{early} searches ended early, names mattered in {differ:?}");
    assert!(early > 100 && differ.is_empty(), "{differ:?}");
}

#[test]
fn i13_the_same_book_gives_the_same_bytes_on_one_thread_and_on_two() {
    fn holds(b: &Book, engine: Engine<'_>) -> Result<bool, String> {
        let alone = engine(b);
        let [one, other] = std::thread::scope(|s| {
            [s.spawn(|| engine(b)), s.spawn(|| engine(b))].map(|t| t.join().expect("an engine does not panic"))
        });
        same("on a second thread", &alone, &one)?;
        same("on a third", &alone, &other)
    }
    let calls = std::sync::atomic::AtomicUsize::new(0);
    check("I13", anything, holds, &|b| {
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        without(b, |b| (call % 3 == 2).then_some(0).filter(|_| !b.orders.is_empty()))
    });
}

fn money_times(b: &Book, n: i64) -> Book {
    let mut c = b.clone();
    c.cap.0 *= n;
    for p in &mut c.products {
        p.cap.iter_mut().chain(&mut p.reference).for_each(|m| m.0 *= n);
        p.supply.iter_mut().for_each(|s| s.reserve.0 *= n);
    }
    c.arcs.iter_mut().for_each(|a| a.cost.0 *= n);
    c.budgets.iter_mut().for_each(|h| h.amount.0 *= n);
    for o in &mut c.orders {
        o.limit.0 *= n;
        o.alternatives.iter_mut().for_each(|a| a.adder.0 *= n);
    }
    c
}

#[test]
fn i14_prices_times_a_thousand_scale_the_answer() {
    fn holds(b: &Book, engine: Engine<'_>) -> Result<bool, String> {
        let (one, other) = (engine(b), engine(&money_times(b, 1000)));
        let fills = |o: &Outcome| {
            o.awards
                .iter()
                .map(|a| (a.order.clone(), a.alternative, a.fill.clone(), a.quantities.clone()))
                .collect::<Vec<_>>()
        };
        // each is rounded once, welfare to a micro-credit and a price to a nano-credit
        let welfare = (&(&one.welfare.0 * &Rat::int(1000)) - &other.welfare.0).abs() <= Rat::ratio(1, 1000);
        let price = |(p, q): (&PriceRow, &PriceRow)| (p.price.0 * 1000 - q.price.0).abs() <= 1000;
        let prices = one.prices.iter().zip(&other.prices).all(price);
        if welfare && prices && fills(&one) == fills(&other) && one.placements == other.placements {
            Ok(!one.awards.is_empty())
        } else {
            Err(format!("{}\n{}", one.canonical(), other.canonical()))
        }
    }
    // an engine with a constant in credits: a fee a micro-credit a unit
    check("I14 (prices)", anything, holds, &|b| {
        let mut c = b.clone();
        c.products.iter_mut().flat_map(|p| &mut p.supply).for_each(|s| s.reserve.0 += 1_000);
        honest(&c)
    });
}

#[test]
fn i14_quantities_times_a_thousand_scale_the_answer_to_within_rounding() {
    fn holds(b: &Book, engine: Engine<'_>) -> Result<bool, String> {
        let n = 1000;
        // what an order is worth grows with it, what a unit is worth does not
        let mut c = b.clone();
        for o in &mut c.orders {
            o.limit.0 *= n;
            o.alternatives.iter_mut().for_each(|a| a.adder.0 *= n);
            o.alternatives.iter_mut().flat_map(|a| &mut a.quantities).for_each(|q| q.quantity *= n);
        }
        c.budgets.iter_mut().for_each(|h| h.amount.0 *= n);
        c.products.iter_mut().flat_map(|p| &mut p.supply).for_each(|s| s.quantity *= n);
        c.arcs.iter_mut().filter_map(|a| a.limit.as_mut()).for_each(|l| *l *= n);
        for i in &mut c.instances {
            i.holding.iter_mut().chain(&mut i.floor).chain(&mut i.max_swap).for_each(|q| q.quantity *= n);
        }
        for node in &mut c.nodes {
            node.capacity.values_mut().for_each(|q| *q *= n);
            node.committed.iter_mut().for_each(|q| q.quantity *= n);
        }
        let (one, other) = (engine(b), engine(&c));
        // beside nodes and min_fills, what is rounded decides who fits, and with that the rest
        let decided = |o: &Outcome| o.quality == Quality::Optimal;
        let whole = |o: &Outcome| o.awards.iter().all(|a| a.fill.as_ref().is_none_or(|f| f.0 == Rat::ONE));
        let exact = b.nodes.is_empty() && b.arcs.is_empty() && decided(&one) && decided(&other);
        if !(exact || whole(&one) && whole(&other) && decided(&one)) {
            return Ok(false);
        }
        let got =
            |o: &Outcome, id: &str| o.awards.iter().find(|a| a.order == id).map_or(0, |a| a.quantities[0].quantity);
        for o in &b.orders {
            // a unit of what is rounded, in the least of its products
            let most = o.alternatives.iter().flat_map(|a| &a.quantities).map(|q| q.quantity).max().unwrap_or(1);
            let least = o
                .alternatives
                .iter()
                .flat_map(|a| &a.quantities)
                .map(|q| q.quantity)
                .filter(|q| *q > 0)
                .min()
                .unwrap_or(1);
            let rounding = n * (1 + most / least);
            let (a, z) = (got(&one, &o.id), got(&other, &o.id));
            if (a * n - z).abs() > rounding.max(n * o.replicas.map_or(1, |r| most / r)) {
                return Err(format!("{}: {a} and {z}\n{}\n{}", o.id, one.canonical(), other.canonical()));
            }
        }
        let price = |(p, q): (&PriceRow, &PriceRow)| p.price == q.price;
        if !one.prices.iter().zip(&other.prices).all(price) {
            return Err(format!("prices\n{}\n{}", one.canonical(), other.canonical()));
        }
        Ok(true)
    }
    // an engine that keeps a fixed reserve of units back
    check("I14 (quantities)", |seed| book(seed, Mix { nodes: false, ..mix(seed) }), holds, &|b| {
        let mut c = b.clone();
        c.products.iter_mut().flat_map(|p| &mut p.supply).for_each(|s| s.quantity = (s.quantity - 3000).max(0));
        honest(&c)
    });
}

const PLAIN: Mix = Mix { nodes: false, blocks: false, rows: false, low_caps: false, replicas: false };

fn plain(seed: u64) -> Book {
    book(seed, PLAIN)
}

/// A book of nothing but [`PLAIN`]: nothing is left to rounding or to a search there.
fn is_plain(b: &Book) -> bool {
    b.nodes.is_empty() && b.arcs.is_empty() && b.budgets.is_empty() && b.instances.is_empty()
}

/// Books whose orders are all divisible, every other feature of [`anything`] mixed in: with blocks nobody promises
/// what I16 and I17 say.
fn divisible(seed: u64) -> Book {
    let mix = Mix { blocks: false, replicas: false, ..mix(seed) };
    mixed(seed, mix, UNIT)
}

fn prices(o: &Outcome) -> Vec<Price> {
    o.prices.iter().map(|p| p.price).collect()
}

/// Beside blocks, too: the best outcome is the same one. On nodes two halves fit where a whole does not.
#[test]
fn i15_splitting_a_divisible_order_changes_nothing() {
    fn holds(b: &Book, engine: Engine<'_>) -> Result<bool, String> {
        let parents: Vec<&str> = b.orders.iter().filter_map(|o| o.parent.as_deref()).collect();
        let alone = |o: &Order| o.parent.is_none() && !parents.contains(&o.id.as_str());
        let divisible = |o: &Order| o.min_fill.0.is_zero() && o.alternatives.len() == 1 && o.replicas.is_none();
        let even = |o: &Order| o.limit.0 % 2 == 0 && o.alternatives[0].quantities.iter().all(|q| q.quantity % 2 == 0);
        let splits = |o: &Order| alone(o) && divisible(o) && even(o);
        let Some(i) = b.orders.iter().position(splits) else { return Ok(false) };
        let mut c = b.clone();
        let mut half = c.orders[i].clone();
        half.id += "-half";
        for x in [&mut c.orders[i], &mut half] {
            x.limit.0 /= 2;
            x.alternatives[0].quantities.iter_mut().for_each(|q| q.quantity /= 2);
        }
        c.orders.push(half);
        let (one, other) = (engine(b), engine(&c));
        // where a search ended early, what it tried first is what it found
        if !is_plain(b) && [&one, &other].iter().any(|o| o.quality == Quality::Fallback) {
            return Ok(false);
        }
        // two halves are rounded to whole units, not one order: a unit more or less of what is rounded
        let worth = |o: &Order| Rat::int(i128::from(o.limit.0) / i128::from(o.alternatives[0].quantities[0].quantity));
        let unit = b.orders.iter().map(worth).max().unwrap_or(Rat::ZERO);
        let rounding = if is_plain(b) { Rat::ZERO } else { &unit * &Rat::int(4) };
        let welfare = (&one.welfare.0 - &other.welfare.0).abs() <= rounding;
        if welfare && prices(&one) == prices(&other) {
            Ok(!one.awards.is_empty())
        } else {
            Err(format!("{}\n{}", one.canonical(), other.canonical()))
        }
    }
    let books = |seed| mixed(seed, Mix { nodes: false, ..mix(seed) }, UNIT);
    // an engine with room for eight orders at most
    let mutant = |b: &Book| without(b, |b| (b.orders.len() > 4).then(|| b.orders.len() - 1));
    check("I15", plain, holds, &mutant);
    check("I15 (every mix)", books, holds, &mutant);
}

#[test]
fn i16_removing_a_refused_divisible_order_leaves_the_allocation() {
    fn holds(b: &Book, engine: Engine<'_>) -> Result<bool, String> {
        let one = engine(b);
        let plain = is_plain(b);
        // beside rows and nodes a shortfall may be of somebody else's making
        let out = |r: &&Refusal| match plain {
            true => r.shortfall.is_some_and(|s| s.0 > 0),
            false => r.reason == Reason::OutOfMoney,
        };
        let Some(loser) = one.refused.iter().find(out) else { return Ok(false) };
        let mut c = b.clone();
        c.orders.retain(|o| o.id != loser.order);
        let other = engine(&c);
        if !plain && [&one, &other].iter().any(|o| o.quality == Quality::Fallback) {
            return Ok(false);
        }
        let fills = |o: &Outcome| o.awards.iter().map(|a| (a.order.clone(), a.quantities.clone())).collect::<Vec<_>>();
        if fills(&one) == fills(&other) && one.welfare == other.welfare {
            Ok(true)
        } else {
            Err(format!("without {}:\n{}\n{}", loser.order, one.canonical(), other.canonical()))
        }
    }
    // an engine that averages over how many ask
    let mutant = |b: &Book| without(b, |b| (b.orders.len() % 2 == 1).then_some(0));
    check("I16", plain, holds, &mutant);
    check("I16 (every mix)", divisible, holds, &mutant);
}

/// Not where the order has a budget: rule 7 counts a unit at its limit there, so less of it fits.
#[test]
fn i17_raising_a_limit_never_lowers_ones_own_fill() {
    fn holds(b: &Book, engine: Engine<'_>) -> Result<bool, String> {
        let single = |o: &Order| o.side == Side::Bid && o.alternatives[0].quantities.len() == 1 && o.budget.is_none();
        let Some(i) = b.orders.iter().position(single) else { return Ok(false) };
        let mut c = b.clone();
        c.orders[i].limit.0 = c.orders[i].limit.0 * 3 / 2;
        let fill =
            |o: &Outcome| o.awards.iter().find(|a| a.order == b.orders[i].id).map_or(0, |a| a.quantities[0].quantity);
        let (before, after) = (fill(&engine(b)), fill(&engine(&c)));
        if after >= before {
            Ok(true)
        } else {
            Err(format!("{} has {after} for more, {before} for less", b.orders[i].id))
        }
    }
    // an engine that distrusts the highest limit
    let mutant = |b: &Book| without(b, |b| (0..b.orders.len()).max_by_key(|i| b.orders[*i].limit));
    check("I17", plain, holds, &mutant);
    check("I17 (every mix)", divisible, holds, &mutant);
}

/// What would have won wins, and one tick worse does not; who is told that nothing would have loses at
/// any price. On a thousand limits, each by clearing with it.
#[test]
fn i18_the_winning_limit_wins_and_one_tick_worse_loses() {
    let (mut exact, mut never, mut as_printed, mut not_monotone, mut unknown, mut mutants) = (0, 0, 0, 0, 0, 0);
    let clearings = std::cell::Cell::new(0);
    let go_on = || {
        clearings.set(clearings.get() + 1);
        true
    };
    let (mut for_exact, mut between): (Vec<i32>, u32) = (Vec::new(), 0);
    for seed in 0..count(600) {
        let b = anything(seed);
        for refused in honest(&b).refused {
            let position = b.orders.iter().position(|o| o.id == refused.order).expect("it is in the book");
            let wins = |limit: i64| {
                if limit < 0 {
                    return false; // nobody can ask for that
                }
                let mut changed = b.clone();
                changed.orders[position].limit = Money(limit);
                honest(&changed).awards.iter().any(|a| a.order == refused.order)
            };
            let worse = if b.orders[position].side == Side::Bid { -1 } else { 1 };
            let holds = |limit: i64| wins(limit) && !wins(limit + worse);
            let asked = Asked { order: &refused.order, runs_of: None, guess: refused.winning_limit };
            clearings.set(0);
            match winning_limit(&b, asked, &NoProposal, &Limits::PRODUCTION, &go_on) {
                Winning::Limit(limit) => {
                    for_exact.push(clearings.get());
                    assert!(holds(limit.0), "seed {seed}: {} and {limit:?}", refused.order);
                    // a limit that is a tick off, to either side, is noticed
                    if exact % 8 == 0 {
                        assert!(!holds(limit.0 + worse) && !holds(limit.0 - worse), "seed {seed}: {}", refused.order);
                        mutants += 2;
                        // A search that is ended before says between what it is, where it knows that.
                        let most = for_exact.last().unwrap_or(&0) - 1;
                        let tried = std::cell::Cell::new(0);
                        let in_time = || tried.replace(tried.get() + 1) < most;
                        let asked = Asked { order: &refused.order, runs_of: None, guess: refused.winning_limit };
                        match winning_limit(&b, asked, &NoProposal, &Limits::PRODUCTION, &in_time) {
                            Winning::Between { loses, wins } => {
                                between += 1;
                                assert!((limit.0 - loses.0) * worse < 0 && (wins.0 - limit.0) * worse <= 0);
                            }
                            found => assert_eq!(found, Winning::Unknown, "seed {seed}: {}", refused.order),
                        }
                    }
                    exact += 1;
                    as_printed += usize::from(refused.winning_limit == Some(limit));
                }
                Winning::NoneTried => {
                    let extreme = if b.orders[position].side == Side::Bid { i64::MAX / 1_000_000 } else { 0 };
                    never += 1;
                    // Where orders are cut for want of a host, more may win after less has lost.
                    not_monotone += usize::from(wins(extreme));
                }
                Winning::Between { .. } | Winning::Unknown => unknown += 1,
            }
        }
    }
    println!(
        "I18: {exact} exact limits, {as_printed} of them what the prices had said; {never} orders that no limit helps, \
         {not_monotone} of them won with an absurd one; {unknown} not known; {mutants} mutants noticed"
    );
    for_exact.sort_unstable();
    let (half, eight_in_ten) = (for_exact[for_exact.len() / 2], for_exact[for_exact.len() * 8 / 10]);
    println!("I18: half of the limits were found with {half} clearings, eight in ten with {eight_in_ten}");
    assert!(between > 0, "none was ended between two limits");
    assert!(half <= 6 && eight_in_ten <= 20, "{for_exact:?}");
    assert!(exact as u64 * 2 > count(600) && unknown == 0 && not_monotone * 20 <= never);
}
