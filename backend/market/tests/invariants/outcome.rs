//! I1 to I5: what one round shows of its awards.
use super::count;
use super::view::{MICRO, View};
use crate::support::anything::anything;
use headroom_market::clearing::book::*;
use headroom_market::clearing::outcome::{Award, Outcome, Reason, Refusal};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Limits, Mode, NoProposal, clear, verify};

/// `Err` says where the invariant is broken.
pub type Holds = fn(&View) -> Result<(), String>;
/// Breaks the invariant in a right outcome; false where there is nothing to break it with.
pub type Mutant = fn(&Book, &mut Outcome) -> bool;

/// The invariant holds in every outcome, and every mutant of every outcome is noticed.
pub fn check(name: &str, holds: Holds, mutants: &[(&str, Mutant)]) {
    let mut tried = vec![0; mutants.len()];
    for seed in 0..count(600) {
        let book = anything(seed);
        // by the rule book alone, and with replicas as a market has them
        let limits = Limits { whole_replicas: seed % 2 == 1, ..Limits::PRODUCTION };
        let view =
            |outcome: &Outcome| holds(&View { whole_replicas: limits.whole_replicas, ..View::new(&book, outcome) });
        let outcome = clear(&book, Mode::Market, &NoProposal, &limits).expect("a random book can be cleared");
        let outcome = verify(&book, outcome, Mode::Market).expect("a random book is verified").into_inner();
        if let Err(broken) = view(&outcome) {
            panic!("{name}, seed {seed}: {broken}");
        }
        for ((what, mutant), tried) in mutants.iter().zip(&mut tried) {
            let mut changed = outcome.clone();
            if mutant(&book, &mut changed) {
                *tried += 1;
                let noticed = view(&changed).is_err();
                assert!(noticed, "{name}, seed {seed}: nobody notices {what}");
            }
        }
    }
    println!("{name}: {} books, mutants tried {tried:?}", count(600));
    assert!(tried.iter().all(|n| *n > 10), "{name}: {tried:?}");
}

pub fn all(results: impl IntoIterator<Item = Result<(), String>>) -> Result<(), String> {
    results.into_iter().collect()
}

pub fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

#[test]
fn i01_nobody_pays_more_than_its_limit_or_receives_less_than_its_cost() {
    /// What the order and the accepted children under it gain, at least.
    fn gain(v: &View, o: &Order) -> i128 {
        let Some(a) = v.awards.get(o.id.as_str()) else { return 0 };
        let (least, most) = v.part(o, a);
        let worth = Rat::int(v.worth(o, a.alternative));
        let money = i128::from(a.money.0) * MICRO;
        let own = match o.side {
            Side::Bid => (&worth * &most).ceil() - money,
            Side::Offer => money - (&worth * &least).floor(),
        };
        let id = &v.order(&o.id).id;
        own + MICRO + v.children(id).map(|c| gain(v, c)).sum::<i128>()
    }
    fn holds(v: &View) -> Result<(), String> {
        all(v.out.awards.iter().map(|a| {
            let gained = gain(v, v.order(&a.order));
            ensure(gained >= 0, || format!("{} loses {gained} nano-credits", a.order))
        }))
    }
    check(
        "I1",
        holds,
        &[
            ("a bid that pays two micro-credits more than its limit", |b, out| {
                let alone = |a: &&mut Award| b.orders.iter().all(|o| o.parent.as_ref() != Some(&a.order));
                let bid = |a: &&mut Award| b.orders.iter().any(|o| o.id == a.order && o.side == Side::Bid);
                let Some(a) = out.awards.iter_mut().filter(alone).find(bid) else { return false };
                let o = b.orders.iter().find(|o| o.id == a.order).expect("of the book");
                a.money.0 = i64::try_from(o.effective_limit(a.alternative)).expect("small") + 3;
                true
            }),
            ("an offer that gives and gets nothing", |b, out| {
                let dear = |a: &&mut Award| {
                    let alone =
                        |o: &Order| o.parent.is_none() && b.orders.iter().all(|c| c.parent.as_ref() != Some(&o.id));
                    let costs = |o: &Order| o.side == Side::Offer && o.limit.0 > 1_000_000 && alone(o);
                    let whole = a.fill.as_ref().is_some_and(|f| f.0 == Rat::ONE);
                    whole && b.orders.iter().any(|o| o.id == a.order && costs(o))
                };
                out.awards.iter_mut().find(dear).map(|a| a.money.0 = 0).is_some()
            }),
        ],
    );
}

/// Why an order in the money may be short, beside what its reason says.
fn is_excused(v: &View, o: &Order) -> bool {
    let asked = &o.alternatives[0].quantities;
    let own_rows = o.budget.is_some()
        || o.instance.as_ref().and_then(|id| v.book.instances.iter().find(|i| i.id == *id)).is_some_and(|i| {
            asked.iter().any(|q| {
                [&i.holding, &i.floor, &i.max_swap].iter().any(|rows| rows.iter().any(|r| r.product == q.product))
            })
        });
    let collar = asked.iter().any(|q| v.is_at_cap(&q.product));
    let replica = is_too_large(v, o) || (v.whole_replicas && is_too_dear(v, o));
    own_rows || collar || replica || v.was_given_up(&o.id) || (o.side == Side::Bid && !has_room(v, o))
}

/// Whether a whole replica more is more than what is idle, what is offered and not taken, and what others have
/// who gain nothing by it.
fn is_too_large(v: &View, o: &Order) -> bool {
    let Some(n) = o.replicas else { return false };
    let left = |k: &ProductKey| {
        let listed = v.book.products.iter().find(|p| p.key() == *k).map_or(&[][..], |p| &p.supply);
        let mut left: i64 = listed.iter().enumerate().map(|(i, s)| s.quantity - v.supply_used(k, i)).sum();
        for other in v.book.orders.iter().filter(|x| x.id != o.id) {
            let of = |a: &Alternative| a.quantities.iter().filter(|q| q.product == *k).map(|q| q.quantity).max();
            let asked = other.alternatives.iter().filter_map(of).max().unwrap_or(0);
            let award = v.awards.get(other.id.as_str());
            let got = award.and_then(|a| a.quantities.iter().find(|q| q.product == *k)).map_or(0, |q| q.quantity);
            let gains = award.is_some_and(|a| v.surplus(other, a.alternative).0 > v.surplus(other, a.alternative).1);
            left += if other.side == Side::Offer {
                asked - got
            } else if gains {
                0
            } else {
                got
            };
        }
        left
    };
    let arcs = |k: &ProductKey| v.book.arcs.iter().any(|a| a.from == *k || a.to == *k);
    o.alternatives[0].quantities.iter().any(|q| q.quantity / n > left(&q.product) && !arcs(&q.product))
}

/// Whether a bid would gain nothing from a whole replica more at the lowest prices, from the published ones on,
/// at which so much would be there: idle supply, offers that such a price pays for, and what those have who gain
/// nothing by it. Bundles are taken to be there at any price.
fn is_too_dear(v: &View, o: &Order) -> bool {
    let Some(n) = o.replicas.filter(|_| o.side == Side::Bid) else { return false };
    let lowest = |q: &Quantity| -> Option<Rat> {
        let now = Rat::int(v.price_of(&q.product));
        let mut there: Vec<(Rat, i64)> = Vec::new();
        let listed = v.book.products.iter().find(|p| p.key() == q.product).map_or(&[][..], |p| &p.supply);
        for (i, step) in listed.iter().enumerate() {
            there.push((Rat::int(i128::from(step.reserve.0) * MICRO), step.quantity - v.supply_used(&q.product, i)));
        }
        for other in v.book.orders.iter().filter(|x| x.id != o.id) {
            let award = v.awards.get(other.id.as_str());
            let got =
                award.and_then(|a| a.quantities.iter().find(|x| x.product == q.product)).map_or(0, |x| x.quantity);
            if other.side == Side::Bid {
                let gains =
                    award.is_some_and(|a| v.surplus(other, a.alternative).0 > v.surplus(other, a.alternative).1);
                there.push((now.clone(), if gains { 0 } else { got }));
                continue;
            }
            for (a, alternative) in other.alternatives.iter().enumerate() {
                let Some(offered) = alternative.quantities.iter().find(|x| x.product == q.product && x.quantity > 0)
                else {
                    continue;
                };
                let alone = alternative.quantities.iter().filter(|x| x.quantity > 0).count() == 1;
                let each = Rat::ratio(v.worth(other, a), offered.quantity.into());
                let rest = (offered.quantity - got).min(v.may_lend(other, alternative, &q.product));
                there.push((if alone { each } else { Rat::ZERO }, rest));
            }
        }
        there.sort();
        let mut total = 0;
        there.into_iter().find_map(|(at, quantity)| {
            total += quantity.max(0);
            (total >= q.quantity / n).then_some(at.max(now.clone()))
        })
    };
    let asked = o.alternatives[0].quantities.iter().filter(|q| q.quantity > 0);
    let cost = asked.clone().try_fold(Rat::ZERO, |t, q| Some(&t + &(&Rat::int(q.quantity.into()) * &lowest(q)?)));
    let (worth, slack) = (Rat::int(v.worth(o, 0)), Rat::int(asked.map(|q| i128::from(q.quantity)).sum()));
    let arcs = v
        .book
        .arcs
        .iter()
        .any(|a| o.alternatives[0].quantities.iter().any(|q| a.from == q.product || a.to == q.product));
    !arcs && cost.is_none_or(|cost| &cost + &slack >= worth)
}

/// Whether a node surely has room for one replica (or two units of everything) more of a bid.
fn has_room(v: &View, o: &Order) -> bool {
    let asked: Vec<_> = o.alternatives[0].quantities.iter().filter(|q| q.quantity > 0).collect();
    let pools: std::collections::BTreeSet<&str> =
        asked.iter().map(|q| q.product.pool.as_str()).filter(|p| v.has_nodes(p)).collect();
    let free = v.free();
    let more = |q: &Quantity| o.replicas.map_or(2, |n| q.quantity / n);
    let lies_on: Vec<_> = v.out.placements.iter().filter(|p| p.order == o.id).map(|p| p.node.as_str()).collect();
    pools.len() <= 1
        && pools.iter().all(|pool| {
            let nodes = v.book.nodes.iter().filter(|n| n.pool == *pool);
            let bound = |n: &&Node| {
                let home = o.node.as_ref().and_then(|id| v.book.nodes.iter().find(|n| n.id == *id && n.pool == *pool));
                home.is_none_or(|h| h.id == n.id)
                    && (o.replicas.is_some() || lies_on.is_empty() || lies_on.contains(&n.id.as_str()))
            };
            nodes.filter(bound).any(|n| {
                asked.iter().all(|q| {
                    let key = (n.id.as_str(), q.product.resource.as_str(), q.product.slot);
                    free.get(&key).copied().unwrap_or(0) >= more(q)
                })
            })
        })
}

fn is_divisible(v: &View, o: &Order) -> bool {
    !o.is_block() && o.parent.as_ref().is_none_or(|p| v.has_won(p))
}

#[test]
fn i02_divisible_orders_in_the_money_are_filled_and_others_are_not() {
    fn holds(v: &View) -> Result<(), String> {
        all(v.book.orders.iter().filter(|o| is_divisible(v, o)).map(|o| {
            let (surplus, blur) = v.surplus(o, 0);
            ensure(v.is_full(&o.id) || surplus <= blur || is_excused(v, o), || {
                format!("{} is in the money by {surplus} and not full", o.id)
            })?;
            ensure(!v.has_won(&o.id) || surplus >= -blur, || format!("{} is out of the money and wins", o.id))
        }))
    }
    check(
        "I2",
        holds,
        &[
            ("a bid in the money that is refused", |b, out| {
                let copy = out.clone();
                let v = View::new(b, &copy);
                let gains = |a: &Award| {
                    let o = v.order(&a.order);
                    let alone = o.parent.is_none() && o.instance.is_none() && o.budget.is_none();
                    let plain = alone && !o.is_block() && o.replicas.is_none();
                    let parent = b.orders.iter().any(|c| c.parent.as_ref() == Some(&o.id));
                    let (surplus, blur) = v.surplus(o, 0);
                    let collar = o.alternatives[0].quantities.iter().any(|q| v.is_at_cap(&q.product));
                    plain && !parent && b.nodes.is_empty() && !collar && surplus > blur
                };
                let Some(at) = out.awards.iter().position(gains) else { return false };
                let order = out.awards.remove(at).order;
                out.refused.push(refusal(order, Reason::MarginalProrata));
                true
            }),
            ("a bid out of the money that wins", |b, out| {
                wins_at_a_loss(b, out, |o| !o.is_block() && o.parent.is_none())
            }),
        ],
    );
}

fn refusal(order: String, reason: Reason) -> Refusal {
    Refusal { order, reason, price: None, shortfall: None, winning_limit: None, binding: None }
}

/// Awards a refused order that its price does not suit.
fn wins_at_a_loss(b: &Book, out: &mut Outcome, which: impl Fn(&Order) -> bool) -> bool {
    let copy = out.clone();
    let v = View::new(b, &copy);
    let at = out.refused.iter().position(|r| {
        let o = v.order(&r.order);
        let (surplus, blur) = v.surplus(o, 0);
        which(o) && !v.is_in_family(o) && surplus < -2 * blur
    });
    let Some(at) = at else { return false };
    let o = v.order(&out.refused.remove(at).order);
    out.awards.push(award(o, 0));
    true
}

fn award(o: &Order, alternative: usize) -> Award {
    let quantities = o.alternatives[alternative].quantities.clone();
    let fill = Some(Fraction::one());
    Award { order: o.id.clone(), alternative, fill, quantities, money: o.limit, limited_by: None, binding: None }
}

#[test]
fn i03_no_block_is_accepted_at_a_loss() {
    fn holds(v: &View) -> Result<(), String> {
        all(v.out.awards.iter().map(|a| {
            let o = v.order(&a.order);
            let carried = v.children(&v.order(&a.order).id).any(|c| v.has_won(&c.id));
            let (surplus, blur) = v.surplus(o, a.alternative);
            ensure(!o.is_block() || carried || surplus >= -blur, || format!("{} loses {surplus}", a.order))
        }))
    }
    check("I3", holds, &[("a block that wins at a loss", |b, out| wins_at_a_loss(b, out, Order::is_block))]);
}

#[test]
fn i04_every_row_and_every_nodes_capacity_is_kept() {
    fn holds(v: &View) -> Result<(), String> {
        all(v.keys().iter().map(|k| ensure(!v.slack(k).is_neg(), || format!("{} of {k} sold twice", v.slack(k)))))?;
        for p in &v.book.products {
            for (i, s) in p.supply.iter().enumerate() {
                let used = v.supply_used(&p.key(), i);
                ensure((0..=s.quantity).contains(&used), || format!("{used} of step {i} of {}", p.key()))?;
            }
        }
        for (i, a) in v.book.arcs.iter().enumerate() {
            let flow = v.flow(i);
            ensure(flow >= 0 && a.limit.is_none_or(|l| flow <= l), || format!("{flow} through arc {i}"))?;
        }
        all(v.book.instances.iter().map(|i| rows_of(v, i)))?;
        all(v.out.awards.iter().map(|a| shape_of(v, a)))?;
        for h in &v.book.budgets {
            let mut used = Rat::ZERO;
            for o in v.book.orders.iter().filter(|o| o.budget.as_ref() == Some(&h.id)) {
                let Some(a) = v.awards.get(o.id.as_str()) else { continue };
                let asked = &o.alternatives[a.alternative].quantities;
                let at_caps: i128 = asked.iter().map(|q| v.cap(&q.product) * i128::from(q.quantity)).sum();
                let charge = at_caps.min(i128::from(o.limit.0) * MICRO);
                used = &used + &(&Rat::int(charge) * &v.part(o, a).0);
            }
            ensure(used <= Rat::int(i128::from(h.amount.0) * MICRO), || format!("budget {} is exceeded", h.id))?;
        }
        let short = v.free().into_iter().find(|(_, left)| *left < 0);
        ensure(short.is_none(), || format!("a node is overfull: {short:?}"))
    }
    fn rows_of(v: &View, i: &Instance) -> Result<(), String> {
        let of = |rows: &[Quantity], k: &ProductKey| rows.iter().find(|q| q.product == *k).map(|q| q.quantity);
        for k in v.keys() {
            let mut net = 0;
            for o in v.book.orders.iter().filter(|o| o.instance.as_ref() == Some(&i.id)) {
                let got = v.awards.get(o.id.as_str()).and_then(|a| of(&a.quantities, &k)).unwrap_or(0);
                net += if o.side == Side::Bid { got } else { -got };
            }
            let (holding, floor) = (of(&i.holding, &k), of(&i.floor, &k));
            let lendable = (holding.unwrap_or(0) - floor.unwrap_or(0)).max(0);
            let listed = holding.is_some() || floor.is_some();
            ensure(!listed || -net <= lendable, || format!("{} of {k} under the floor", i.id))?;
            let most = of(&i.max_swap, &k);
            ensure(most.is_none_or(|m| net.abs() <= m), || format!("{} changes by {net} of {k}", i.id))?;
        }
        Ok(())
    }
    /// Nobody gets more than it asked for or less than its least, or wins twice, without its parent, or
    /// without a host for each of its replicas.
    fn shape_of(v: &View, a: &Award) -> Result<(), String> {
        let o = v.order(&a.order);
        let (least, most) = v.part(o, a);
        ensure(most <= Rat::ONE && a.quantities.iter().all(|q| q.quantity >= 0), || format!("{} of {}", most, o.id))?;
        // a unit of each product is rounding, a replica is not
        let blur = o.alternatives[a.alternative].quantities.iter().map(|q| q.quantity).filter(|q| *q > 0).min();
        let blur = if o.replicas.is_some() { Rat::ZERO } else { Rat::ratio(1, blur.unwrap_or(1).into()) };
        ensure(&least + &blur >= o.least_fill(), || format!("{} has {least}, less than its min_fill", o.id))?;
        ensure(v.out.awards.iter().filter(|x| x.order == o.id).count() == 1, || format!("{} wins twice", o.id))?;
        ensure(v.out.refused.iter().all(|x| x.order != o.id), || format!("{} wins and loses", o.id))?;
        ensure(o.parent.as_ref().is_none_or(|p| v.has_won(p)), || format!("{} without its parent", o.id))?;
        let pools: std::collections::BTreeSet<&str> =
            a.quantities.iter().filter(|q| q.quantity > 0).map(|q| q.product.pool.as_str()).collect();
        for pool in pools.into_iter().filter(|p| o.side == Side::Bid && v.has_nodes(p)) {
            let here = |p: &&headroom_market::clearing::outcome::Placement| {
                p.order == o.id && v.book.nodes.iter().any(|n| n.id == p.node && n.pool == pool)
            };
            let hosts = v.out.placements.iter().filter(here).count() as i64;
            ensure(hosts == v.replicas_won(o, a), || format!("{hosts} hosts for {} in {pool}", o.id))?;
        }
        Ok(())
    }
    check(
        "I4",
        holds,
        &[
            ("more of a step than there is", |b, out| {
                let Some(u) = out.supply.iter_mut().find(|u| u.used > 0) else { return false };
                let p = b.products.iter().find(|p| (&p.pool, &p.resource, p.slot) == (&u.pool, &u.resource, u.slot));
                u.used = p.expect("listed").supply[u.step].quantity + 1;
                true
            }),
            ("a product sold twice", |b, out| {
                let bids = |a: &&Award| {
                    b.orders.iter().any(|o| o.id == a.order && o.side == Side::Bid && o.replicas.is_none())
                };
                let taken = out.awards.iter().find(bids).map(|a| a.quantities[0].product.clone());
                let Some(k) = taken else { return false };
                let here = |u: &&mut headroom_market::clearing::outcome::SupplyUse| {
                    (&u.pool, &u.resource, u.slot) == (&k.pool, &k.resource, k.slot) && u.used > 9
                };
                out.supply.iter_mut().find(here).map(|u| u.used -= 9).is_some()
            }),
            ("a placement that is missing", |_, out| out.placements.pop().is_some()),
            ("a block under its min_fill", |b, out| {
                let whole = |o: &&Order| o.min_fill.0 == Rat::ONE;
                let Some(o) = b.orders.iter().filter(whole).find(|o| out.awards.iter().any(|a| a.order == o.id)) else {
                    return false;
                };
                let a = out.awards.iter_mut().find(|a| a.order == o.id).expect("found");
                a.quantities.iter_mut().for_each(|q| q.quantity = 0);
                true
            }),
            ("a child without its parent", |b, out| {
                let child = b.orders.iter().find(|o| o.parent.is_some() && out.awards.iter().any(|a| a.order == o.id));
                let Some(parent) = child.and_then(|c| c.parent.clone()) else { return false };
                out.awards.retain(|a| a.order != parent);
                out.placements.retain(|p| p.order != parent);
                true
            }),
            ("an order that wins twice", |b, out| {
                let offer = |a: &&Award| b.orders.iter().any(|o| o.id == a.order && o.side == Side::Offer);
                let Some(a) = out.awards.iter().find(offer).cloned() else { return false };
                out.awards.push(a);
                true
            }),
        ],
    );
}

#[test]
fn i05_one_price_per_product_and_round() {
    fn holds(v: &View) -> Result<(), String> {
        ensure(v.price.len() == v.out.prices.len(), || "a product has two prices".into())?;
        all(v.out.awards.iter().map(|a| {
            let o = v.order(&a.order);
            let cost = v.cost(&a.quantities);
            let money = i128::from(a.money.0) * MICRO;
            // rounded prices may miss a limit; then the award's money is the limit
            let blur: i128 = a.quantities.iter().map(|q| i128::from(q.quantity)).sum::<i128>() + MICRO;
            ensure((money - cost).abs() <= blur, || format!("{} pays {money}, not {cost}", o.id))
        }))
    }
    check(
        "I5",
        holds,
        &[
            ("another price for one of them", |_, out| {
                let blur = |a: &Award| a.quantities.iter().map(|q| q.quantity).sum::<i64>() / 1000 + 3;
                out.awards.first_mut().map(|a| a.money.0 += 2 * blur(a)).is_some()
            }),
            ("a second price of a product", |_, out| {
                let Some(p) = out.prices.first().cloned() else { return false };
                out.prices.push(p);
                true
            }),
        ],
    );
}
