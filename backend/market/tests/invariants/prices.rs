//! I6 to I11: what one round shows of its prices and its money.
use super::count;
use super::outcome::{all, check, ensure};
use super::view::{MICRO, View};
use crate::support::anything::anything;
use headroom_market::clearing::book::*;
use headroom_market::clearing::outcome::{Quality, Reason};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Limits, Mode, NoProposal, clear};

/// What is taken of a step or an arc agrees with prices, but for what rounding to units moves.
fn is_complementary(used: i64, most: Option<i64>, gain: &Rat, blur: i128, rounded: i128) -> bool {
    let blur = Rat::int(blur);
    let takes = i128::from(used) > rounded;
    let is_full = most.is_some_and(|m| i128::from(used) + rounded >= i128::from(m));
    (!takes || *gain >= -&blur) && (is_full || *gain <= blur)
}

#[test]
fn i06_supply_and_arcs_are_used_where_prices_say_so() {
    fn holds(v: &View) -> Result<(), String> {
        for p in &v.book.products {
            let k = p.key();
            for (i, s) in p.supply.iter().enumerate() {
                let gain = Rat::int(v.price_of(&k) - i128::from(s.reserve.0) * MICRO);
                let used = v.supply_used(&k, i);
                let fits = is_complementary(used, Some(s.quantity), &gain, 1, v.rounded(&k));
                ensure(fits, || format!("{used} of {} of step {i} of {k} at a gain of {gain}", s.quantity))?;
            }
        }
        for (i, a) in v.book.arcs.iter().enumerate() {
            let there = &Rat::int(v.price_of(&a.to)) * &a.ratio.0;
            let gain = &(&there - &Rat::int(v.price_of(&a.from))) - &Rat::int(i128::from(a.cost.0) * MICRO);
            let rounded = v.rounded(&a.from) + v.rounded(&a.to) * 2;
            let fits = is_complementary(v.flow(i), a.limit, &gain, 3, rounded);
            ensure(fits, || format!("{} through arc {i} at a gain of {gain}", v.flow(i)))?;
        }
        Ok(())
    }
    check(
        "I6",
        holds,
        &[("a price beside a step that is used in part", |b, out| {
            let copy = out.clone();
            let v = View::new(b, &copy);
            let used_in_part = b.products.iter().find(|p| {
                let part = |(i, s): (usize, &Step)| {
                    let used = i128::from(v.supply_used(&p.key(), i));
                    let rounded = v.rounded(&p.key());
                    used > rounded && used + rounded < i128::from(s.quantity)
                };
                p.supply.iter().enumerate().any(part)
            });
            let Some(p) = used_in_part else { return false };
            let row = out.prices.iter_mut().find(|r| (&r.pool, &r.resource, r.slot) == (&p.pool, &p.resource, p.slot));
            row.map(|r| r.price.0 += 1_000).is_some()
        })],
    );
}

#[test]
fn i07_strong_duality_of_the_fixed_program() {
    /// The dual's value at the published prices: what everybody gains at best, on their own.
    fn dual(v: &View) -> Option<Rat> {
        let mut value = Rat::ZERO;
        for o in &v.book.orders {
            let surplus = match v.awards.get(o.id.as_str()) {
                // a block that has won is fixed between its least and all
                Some(a) => v.surplus(o, a.alternative).0,
                None if o.is_block() => continue,
                None => v.surplus(o, 0).0.max(0),
            };
            let least = if o.is_block() { o.least_fill() } else { Rat::ZERO };
            let at_least = &Rat::int(surplus) * &least;
            value = &value + &Rat::int(surplus).max(at_least);
        }
        for p in &v.book.products {
            let gain =
                |s: &Step| (v.price_of(&p.key()) - i128::from(s.reserve.0) * MICRO).max(0) * i128::from(s.quantity);
            value = &value + &Rat::int(p.supply.iter().map(gain).sum());
        }
        for a in &v.book.arcs {
            let there = &Rat::int(v.price_of(&a.to)) * &a.ratio.0;
            let gain = &(&there - &Rat::int(v.price_of(&a.from))) - &Rat::int(i128::from(a.cost.0) * MICRO);
            match a.limit {
                Some(l) => value = &value + &(&gain.max(Rat::ZERO) * &Rat::int(l.into())),
                None if gain > Rat::int(3) => return None,
                None => {}
            }
        }
        Some(value)
    }
    /// Private multipliers are not published: books with rows of their own, hosts, families, and what a
    /// collar rations have another dual.
    fn applies(v: &View) -> bool {
        let b = v.book;
        let family = b.orders.iter().any(|o| o.parent.is_some());
        let gone = v.out.refused.iter().any(|r| r.reason == Reason::SolverFallback);
        let collar = v.keys().iter().any(|k| v.is_at_cap(k));
        let lump = |o: &Order| o.replicas.is_some() && !v.is_full(&o.id) && v.surplus(o, 0).0 > v.surplus(o, 0).1;
        let collar = collar || b.orders.iter().any(lump);
        b.instances.is_empty() && b.nodes.is_empty() && b.budgets.is_empty() && !family && !collar && !gone
    }
    fn holds(v: &View) -> Result<(), String> {
        if !applies(v) {
            return Ok(());
        }
        let welfare = &v.out.welfare.0 * &Rat::int(1_000_000_000);
        let dual = dual(v).ok_or("an arc without a limit would earn without end")?;
        // prices are rounded to a nano-credit a unit
        let units: i128 = v
            .book
            .orders
            .iter()
            .flat_map(|o| &o.alternatives)
            .flat_map(|a| &a.quantities)
            .map(|q| i128::from(q.quantity))
            .sum();
        let supply: i128 = v.book.products.iter().flat_map(|p| &p.supply).map(|s| i128::from(s.quantity)).sum();
        let flows: i128 = v.book.arcs.iter().filter_map(|a| a.limit).map(|l| i128::from(l) * 3).sum();
        // where whole flows come to less than parts of them their welfare is printed: at most a unit of each is missing
        let lossy = v
            .out
            .flows
            .iter()
            .map(|f| (&v.book.arcs[f.arc], f.flow))
            .filter(|(a, flow)| *flow > 0 && !(&a.ratio.0 * &Rat::int(i128::from(*flow))).is_int());
        let whole: i128 =
            lossy.map(|(a, _)| v.price_of(&a.from) + v.price_of(&a.to) + i128::from(a.cost.0) * MICRO).sum();
        // the program's own is then the bound, as far as the search has shown it to be the best
        let bound = v.out.bound.as_ref().map_or_else(|| welfare.clone(), |b| &b.0 * &Rat::int(1_000_000_000));
        let primal = if whole > 0 && v.out.quality == Quality::Optimal { &bound } else { &welfare };
        let (miss, tolerance) = ((&dual - primal).abs(), Rat::int(units + supply + flows + MICRO));
        let lost = primal - &welfare;
        let holds = miss <= tolerance && lost <= Rat::int(whole) && -&lost <= Rat::int(MICRO);
        ensure(holds, || format!("primal {primal}, printed {welfare}, dual {dual}"))
    }
    check(
        "I7",
        holds,
        &[
            ("another welfare", |b, out| {
                out.welfare.0 = &out.welfare.0 + &Rat::int(1000);
                let copy = out.clone();
                applies(&View::new(b, &copy))
            }),
            ("an award at a higher welfare's expense", |b, out| {
                let copy = out.clone();
                let v = View::new(b, &copy);
                let row = v.out.prices.iter().position(|p| {
                    let k = ProductKey { pool: p.pool.clone(), resource: p.resource.clone(), slot: p.slot };
                    b.products.iter().any(|x| x.key() == k && x.supply.iter().map(|s| s.quantity).sum::<i64>() > 840)
                });
                let Some(row) = row.filter(|_| applies(&v) && b.alpha.0.is_zero()) else { return false };
                // far over every price that supports this, and under the collar
                let cap = b.cap.0 * 1000 - 10;
                if out.prices[row].high.is_none_or(|h| h.0 > cap / 2) {
                    return false;
                }
                out.prices[row].price.0 = cap;
                true
            }),
        ],
    );
}

/// In welfare mode a round is worth at least what serving the dearest first is worth.
#[test]
fn i07_welfare_is_no_less_than_that_of_a_greedy_baseline() {
    let (mut higher, mut noticed) = (0, 0);
    for seed in 0..count(600) {
        let mut book = anything(seed);
        (book.nodes, book.instances, book.budgets) = (Vec::new(), Vec::new(), Vec::new());
        for o in &mut book.orders {
            (o.node, o.instance, o.budget) = (None, None, None);
        }
        let outcome = clear(&book, Mode::Welfare, &NoProposal, &Limits::default()).expect("it can be cleared");
        let greedy = &greedy(&book) * &Rat::ratio(1, 1_000_000);
        assert!(outcome.welfare.0 >= greedy, "seed {seed}: {} under {greedy}", outcome.welfare.0);
        higher += usize::from(outcome.welfare.0 > greedy);
        // an engine that clears nothing
        noticed += usize::from(greedy.is_pos());
    }
    println!("{higher} of {} books are worth more than the greedy baseline", count(600));
    assert!(higher as u64 > count(600) / 20 && noticed as u64 > count(600) / 4);
}

/// Bids one by one, the dearest unit first, whole and from the cheapest supply that is left; in micro-credits.
fn greedy(b: &Book) -> Rat {
    let mut left: std::collections::BTreeMap<ProductKey, Vec<(i64, i64)>> = b
        .products
        .iter()
        .map(|p| {
            let mut steps: Vec<_> = p.supply.iter().map(|s| (s.reserve.0, s.quantity)).collect();
            steps.sort();
            (p.key(), steps)
        })
        .collect();
    let mut bids: Vec<&Order> = b.orders.iter().filter(|o| o.side == Side::Bid && o.parent.is_none()).collect();
    bids.sort_by_key(|o| {
        let units: i64 = o.alternatives[0].quantities.iter().map(|q| q.quantity).sum();
        (std::cmp::Reverse(o.effective_limit(0) * 1_000_000 / i128::from(units.max(1))), &o.id)
    });
    let mut welfare = Rat::ZERO;
    for o in bids {
        let mut after = left.clone();
        let mut cost = 0;
        let served = o.alternatives[0].quantities.iter().all(|q| {
            let mut need = q.quantity;
            for (reserve, there) in after.entry(q.product.clone()).or_default() {
                let take = need.min(*there);
                (*there, need) = (*there - take, need - take);
                cost += i128::from(*reserve) * i128::from(take);
            }
            need == 0
        });
        if served && o.effective_limit(0) > cost {
            welfare = &welfare + &Rat::int(o.effective_limit(0) - cost);
            left = after;
        }
    }
    welfare
}

#[test]
fn i08_money_is_conserved() {
    fn holds(v: &View) -> Result<(), String> {
        let (mut rest, mut blur) = (Rat::ZERO, 0);
        for a in &v.out.awards {
            let sign = if v.order(&a.order).side == Side::Bid { 1 } else { -1 };
            rest = &rest + &Rat::int(sign * i128::from(a.money.0) * MICRO);
            // half a micro-credit each, and the clamp to a limit that a rounded price misses
            let part = |q: &Quantity| i128::from(q.quantity);
            blur += MICRO + if v.is_full(&a.order) { 0 } else { a.quantities.iter().map(part).sum::<i128>() };
        }
        for p in &v.book.products {
            for i in 0..p.supply.len() {
                rest = &rest - &Rat::int(v.price_of(&p.key()) * i128::from(v.supply_used(&p.key(), i)));
            }
        }
        for (i, a) in v.book.arcs.iter().enumerate() {
            let transfer = &(&Rat::int(v.price_of(&a.to)) * &a.ratio.0) - &Rat::int(v.price_of(&a.from));
            rest = &rest - &(&transfer * &Rat::int(v.flow(i).into()));
        }
        for k in v.keys() {
            // what rounding leaves over was bought by nobody
            rest = &rest + &(&v.slack(&k) * &Rat::int(v.price_of(&k)));
        }
        let full: i128 = v
            .out
            .awards
            .iter()
            .filter(|a| v.is_full(&a.order))
            .flat_map(|a| &a.quantities)
            .map(|q| i128::from(q.quantity))
            .sum();
        ensure(rest.abs() <= Rat::int(blur + full), || format!("{rest} nano-credits come from nowhere"))
    }
    check(
        "I8",
        holds,
        &[("money that nobody gets", |_, out| {
            let all: i64 = out.awards.iter().flat_map(|a| &a.quantities).map(|q| q.quantity).sum();
            out.awards.first_mut().map(|a| a.money.0 += 3 * (all / 500 + 10)).is_some()
        })],
    );
}

#[test]
fn i09_slack_products_are_free_and_prices_stay_under_the_collar() {
    fn holds(v: &View) -> Result<(), String> {
        all(v.keys().iter().map(|k| {
            let price = v.price_of(k);
            ensure((0..=v.cap(k)).contains(&price), || format!("{price} for {k}, the collar is {}", v.cap(k)))?;
            let product = v.book.products.iter().find(|p| p.key() == *k);
            let reserve = product.is_some_and(|p| p.supply.iter().any(|s| s.reserve.0 > 0));
            let unused: i64 =
                product.map_or(0, |p| p.supply.iter().enumerate().map(|(i, s)| s.quantity - v.supply_used(k, i)).sum());
            let left = &v.slack(k) + &Rat::int(unused.into());
            // an arc out of it, or a row or a host, may be what nobody can use it for
            let offered = v.book.orders.iter().any(|o| {
                o.side == Side::Offer && o.alternatives.iter().flat_map(|a| &a.quantities).any(|q| q.product == *k)
            });
            let idle = left > Rat::int(v.rounded(k)) && !reserve && !offered;
            ensure(!idle || price <= 1, || format!("{left} of {k} are left, at {price}"))
        }))
    }
    check(
        "I9",
        holds,
        &[
            ("a price over the collar", |b, out| {
                out.prices.first_mut().map(|p| p.price.0 = b.cap.0 * 1000 + 1).is_some()
            }),
            ("a price of what is left over", |b, out| {
                let copy = out.clone();
                let v = View::new(b, &copy);
                let idle = b.products.iter().find(|p| {
                    let k = p.key();
                    let unused: i64 = p.supply.iter().enumerate().map(|(i, s)| s.quantity - v.supply_used(&k, i)).sum();
                    let offered = b.orders.iter().any(|o| {
                        o.side == Side::Offer
                            && o.alternatives.iter().flat_map(|a| &a.quantities).any(|q| q.product == k)
                    });
                    p.supply.iter().all(|s| s.reserve.0 == 0) && !offered && i128::from(unused) > v.rounded(&k)
                });
                let Some(p) = idle else { return false };
                let row =
                    out.prices.iter_mut().find(|r| (&r.pool, &r.resource, r.slot) == (&p.pool, &p.resource, p.slot));
                row.map(|r| r.price.0 = 5_000).is_some()
            }),
        ],
    );
}

#[test]
fn i10_no_supply_is_sold_under_its_reserve_price() {
    fn holds(v: &View) -> Result<(), String> {
        for p in &v.book.products {
            for (i, s) in p.supply.iter().enumerate() {
                let used = i128::from(v.supply_used(&p.key(), i));
                let under = v.price_of(&p.key()) + 1 < i128::from(s.reserve.0) * MICRO;
                ensure(used == 0 || !under, || format!("{used} of step {i} of {} under its reserve", p.key()))?;
            }
        }
        Ok(())
    }
    check(
        "I10",
        holds,
        &[("a price under the reserve of what is sold", |b, out| {
            let dear = |u: &&headroom_market::clearing::outcome::SupplyUse| {
                let p = b.products.iter().find(|p| (&p.pool, &p.resource, p.slot) == (&u.pool, &u.resource, u.slot));
                u.used > 0 && p.expect("listed").supply[u.step].reserve.0 > 0
            };
            let Some(u) = out.supply.iter().find(dear).cloned() else { return false };
            let row = out.prices.iter_mut().find(|r| (&r.pool, &r.resource, r.slot) == (&u.pool, &u.resource, u.slot));
            row.map(|r| r.price.0 = 0).is_some()
        })],
    );
}

#[test]
fn i11_nothing_is_earned_by_carrying_along_an_arc() {
    fn holds(v: &View) -> Result<(), String> {
        all(v.book.arcs.iter().enumerate().map(|(i, a)| {
            let there = &Rat::int(v.price_of(&a.to)) * &a.ratio.0;
            let gain = &(&there - &Rat::int(v.price_of(&a.from))) - &Rat::int(i128::from(a.cost.0) * MICRO);
            let rounded = v.rounded(&a.from) + 2 * v.rounded(&a.to);
            let full = a.limit.is_some_and(|l| i128::from(v.flow(i)) + rounded >= i128::from(l));
            ensure(full || gain <= Rat::int(3), || format!("{gain} a unit through arc {i}"))
        }))
    }
    check(
        "I11",
        holds,
        &[("a price that pays for the way", |b, out| {
            let copy = out.clone();
            let v = View::new(b, &copy);
            let free = b.arcs.iter().enumerate().find(|(i, a)| {
                let rounded = v.rounded(&a.from) + 2 * v.rounded(&a.to);
                a.limit.is_none_or(|l| i128::from(v.flow(*i)) + rounded < i128::from(l))
            });
            let Some((_, a)) = free else { return false };
            let row = out
                .prices
                .iter_mut()
                .find(|r| (&r.pool, &r.resource, r.slot) == (&a.to.pool, &a.to.resource, a.to.slot));
            let dear = 3 * (v.price_of(&a.from) + i128::from(a.cost.0) * MICRO + 100_000);
            row.map(|r| r.price.0 = i64::try_from(dear).expect("small")).is_some()
        })],
    );
}
