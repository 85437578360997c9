//! Prices against the allocation: limits, complementary slackness, arbitrage, collars and shares.
use super::super::outcome::Reason;
use super::super::rational::Rat;
use super::Report;
use super::facts::{AwardFacts, Facts};
use super::first_reason::Tight;
use super::place::Hosting;
use super::{at_collar, collars, lots, own_rows, rows};
use std::collections::{BTreeMap, BTreeSet};

/// An order in the money that did not get all of it.
struct Short {
    order: usize,
    alternative: usize,
}

/// Tests the published prices and the vectors `low` and `high`.
pub fn check(f: &mut Facts, hosting: &Hosting, r: &mut Report) {
    let mut rationed = BTreeSet::new();
    let vectors = [f.price.clone(), f.low.clone(), f.high.clone()];
    for (n, p) in vectors.iter().enumerate() {
        if n > 0 && vectors[..n].contains(p) {
            continue;
        }
        let which = ["price", "low", "high"][n];
        supply(f, p, which, r);
        families(f, p, which, r);
        let scarce = collars::scarce(f, p);
        let short = orders(f, p, which, &scarce, hosting, r);
        if n == 0 {
            rationed.extend(short.iter().map(|s| s.order));
            shares(f, p, &short, hosting, r);
        }
    }
    alpha(f, r);
    least_and_most(f, r);
    f.rationed = rationed;
}

/// In welfare mode with blocks only the range of prices is promised.
pub fn bounds(f: &Facts, r: &mut Report) {
    for (k, p) in f.price.iter().enumerate() {
        if *p < 0 || *p > f.cap[k] {
            r.bad(
                "I9",
                "a price outside 0..cap",
                &[("product", &f.keys[k]), ("price in nano-credits", p), ("cap", &f.cap[k])],
            );
        }
    }
}

fn supply(f: &Facts, price: &[i128], which: &'static str, r: &mut Report) {
    for (k, p) in price.iter().enumerate() {
        let key = &f.keys[k];
        if *p < 0 || *p > f.cap[k] {
            r.bad(
                "I9",
                "a price outside 0..cap",
                &[("vector", &which), ("product", key), ("price in nano-credits", p), ("cap", &f.cap[k])],
            );
        }
        if *p > 1 && f.slack[k].is_pos() && f.slack[k] >= Rat::int(f.rounding[k]) {
            r.bad(
                "I9",
                "a product with slack has a price",
                &[("vector", &which), ("product", key), ("price in nano-credits", p), ("slack", &f.slack[k])],
            );
        }
        for (n, (quantity, reserve, used)) in f.steps[k].iter().enumerate() {
            if *used > 0 && *p < reserve - 1 {
                r.bad(
                    "I10",
                    "operator supply is used under its reserve price",
                    &[
                        ("vector", &which),
                        ("product", key),
                        ("step", &n),
                        ("price in nano-credits", p),
                        ("reserve", reserve),
                    ],
                );
            }
            if quantity - used > f.rounding[k] && *p > reserve + 1 {
                r.bad(
                    "I6",
                    "operator supply is idle although the price is above its reserve",
                    &[
                        ("vector", &which),
                        ("product", key),
                        ("step", &n),
                        ("used", used),
                        ("quantity", quantity),
                        ("price in nano-credits", p),
                    ],
                );
            }
        }
    }
    for (e, (from, to, ratio, cost, limit, flow)) in f.arcs.iter().enumerate() {
        let gain = &(&(ratio * &Rat::int(price[*to])) - &Rat::int(price[*from])) - &Rat::int(*cost);
        let tol = &Rat::ONE + ratio;
        if *flow > 0 && gain < -&tol {
            r.bad(
                "I11",
                "a flow along an arc that loses money",
                &[("vector", &which), ("arc", &e), ("flow", flow), ("gain", &gain)],
            );
        }
        let idle = limit.is_none_or(|l| l - flow > f.rounding[*from] + f.rounding[*to] || (l > *flow && *flow == 0));
        if gain > tol && idle {
            r.bad(
                "I11",
                "an arc under its limit earns more than its cost",
                &[("vector", &which), ("arc", &e), ("flow", flow), ("gain", &gain)],
            );
        }
    }
}

/// Whether accepted children may carry what an accepted parent loses: only at its least fill, as more of
/// it would lose more.
fn carried(f: &Facts, i: usize) -> bool {
    let (o, Some(a)) = (&f.orders[i], &f.awards[i]) else { return false };
    let least = |asked: i128, got: i128| Rat::int(got) < &(&o.least * &Rat::int(asked)) + &Rat::ONE;
    let won = o.children.iter().any(|c| f.awards[*c].is_some());
    let filled = o.alternatives[a.alternative].iter().zip(&a.got).all(|(q, got)| least(q.1, *got));
    won && o.least.is_pos() && (o.least == Rat::ONE || !a.full) && (a.full || filled)
}

/// No parent loses money together with its accepted children, subtree by subtree.
fn families(f: &Facts, price: &[i128], which: &'static str, r: &mut Report) {
    for (i, o) in f.orders.iter().enumerate().filter(|(i, o)| !o.children.is_empty() && f.awards[*i].is_some()) {
        let (mut together, mut tolerance) = (Rat::ZERO, Rat::ZERO);
        for n in f.family(i) {
            let Some(a) = &f.awards[n] else { continue };
            let surplus = f.surplus(n, a.alternative, price);
            let best = if surplus < 0 { &a.lo } else { &a.hi };
            together = &together + &(&Rat::int(surplus) * best);
            tolerance = &tolerance + &Rat::int(f.tolerance(n, a.alternative));
        }
        if together < -&tolerance {
            r.bad(
                "I3",
                "a parent and its accepted children together lose money",
                &[("vector", &which), ("order", &o.id), ("surplus in nano-credits", &together)],
            );
        }
    }
}

/// Tests every order and returns those that only a cap excuses.
fn orders(
    f: &Facts,
    price: &[i128],
    which: &'static str,
    scarce: &[BTreeSet<usize>],
    hosting: &Hosting,
    r: &mut Report,
) -> Vec<Short> {
    let changes = rows::changes(f);
    let spent = rows::spent(f);
    let tight = Tight::of(f);
    let mut at_cap = Vec::new();
    for (i, o) in f.orders.iter().enumerate() {
        let award = f.awards[i].as_ref();
        let alternative = match award {
            Some(a) => a.alternative,
            None if o.divisible() && f.live(i) => 0,
            None => continue, // a block may be refused paradoxically
        };
        let (s, tol) = (f.surplus(i, alternative, price), f.tolerance(i, alternative));
        if award.is_some() && s < -tol && !carried(f, i) {
            let (rule, what) = if o.divisible() && o.parent.is_none() {
                ("I2", "an order out of the money is filled")
            } else {
                ("I3", "an accepted block loses money")
            };
            r.bad(rule, what, &[("vector", &which), ("order", &o.id), ("surplus in nano-credits", &s)]);
        }
        if s <= tol || award.is_some_and(|a| a.full) {
            continue;
        }
        let given_up = f.is_given_up(i);
        if row_binds(f, i, alternative, &changes, &spent) {
            if hosting.none_fits(f, i, alternative) || shares_at_cap(f, i, alternative, scarce) {
                continue;
            }
            match own_rows::served_before(f, i, alternative, price, &changes) {
                Some(_) if given_up => r.gives_up(which, &o.id, s),
                Some((instead, what)) => {
                    let instead = &f.orders[instead].id;
                    r.bad("I6", what, &[("vector", &which), ("order", &o.id), ("instead", instead)]);
                }
                None => {}
            }
            continue;
        }
        // where its rows have no room for the least of it either, it is told those
        let says_so = |reason: Reason| reason == Reason::NoHostFits || tight.refuses(f, i, alternative, reason);
        let told = which != "price" || given_up || f.refused[i].is_none_or(|x| says_so(x.reason));
        if told && hosting.none_fits(f, i, alternative) {
            continue;
        }
        if at_collar::rations(f, i, alternative, price, scarce) {
            if given_up {
                r.gives_up(which, &o.id, s);
            } else {
                at_cap.push(Short { order: i, alternative });
            }
            continue;
        }
        if !lots::has_a_part(f, i) && lots::fits_nobody(f, i, alternative, price, &changes) {
            continue;
        }
        if given_up {
            r.gives_up(which, &o.id, s);
            continue;
        }
        r.bad(
            "I2",
            "an order in the money is left unfilled",
            &[("vector", &which), ("order", &o.id), ("surplus in nano-credits", &s)],
        );
    }
    at_cap
}

/// Whether a row of the order's own participant leaves no room for more of it.
pub fn row_binds(f: &Facts, i: usize, alternative: usize, changes: &rows::Changes, spent: &[Rat]) -> bool {
    let o = &f.orders[i];
    if let Some(h) = o.budget {
        let least = o.alternatives[alternative].iter().map(|q| Rat::ratio(1, q.1)).max().unwrap_or_default();
        // a fill is known from its units: to one either way
        let step = o.replicas.map_or(&least + &least, |n| least.max(Rat::ratio(1, n)));
        if rows::surely_left(f, h, spent) <= &step * &Rat::int(rows::hold(f, i, alternative)) {
            return true;
        }
    }
    (0..o.alternatives[alternative].len()).any(|place| rows::is_used_up(f, i, alternative, place, changes))
}

/// Whether a product of the order is at its cap, and nobody who comes no earlier surely has a greater part of what it
/// asks for there: then the order has its share, however much of its budget is left. So has an accepted block, beyond its least.
fn shares_at_cap(f: &Facts, i: usize, alternative: usize, scarce: &[BTreeSet<usize>]) -> bool {
    let o = &f.orders[i];
    // whoever was rounded to nothing may have had all but a unit
    let under_a_unit = || {
        let parts = o.alternatives[alternative].iter().enumerate();
        parts.map(|(p, (_, asked))| Rat::ratio(o.unit(alternative, p), *asked)).min().unwrap_or_default()
    };
    let mine = f.awards[i].as_ref().map_or_else(under_a_unit, |a| a.hi.clone());
    let more = |k: usize| {
        f.awards.iter().zip(&f.orders).enumerate().any(|(j, (award, other))| {
            let alike = j != i && other.bid && other.divisible() && (o.incumbent || !other.incumbent);
            let uses = |a: &AwardFacts| other.alternatives[a.alternative].iter().any(|q| scarce[q.0].contains(&k));
            alike && award.as_ref().is_some_and(|a| uses(a) && surely_had(f, j, a) > mine)
        })
    };
    let may_share = o.divisible() || f.awards[i].is_some();
    o.bid && may_share && o.alternatives[alternative].iter().flat_map(|(k, _)| &scarce[*k]).any(|k| !more(*k))
}

/// The least that an award's fill may have been before rounding: one that rounding made whole is told as whole.
fn surely_had(f: &Facts, i: usize, award: &AwardFacts) -> Rat {
    let places = f.orders[i].alternatives[award.alternative].iter().zip(&award.got).enumerate();
    let least = places.map(|(p, ((_, asked), got))| Rat::ratio(got - f.orders[i].unit(award.alternative, p), *asked));
    if award.full { least.max().unwrap_or_default().min(award.lo.clone()) } else { award.lo.clone() }
}

/// The open interval in which an order's fill lies before rounding.
pub fn span(f: &Facts, i: usize) -> (Rat, Rat) {
    let o = &f.orders[i];
    let mut lo = Rat::int(-1);
    let mut hi = Rat::int(2);
    for (p, (_, asked)) in o.alternatives[0].iter().enumerate() {
        let got = f.awards[i].as_ref().map_or(0, |a| a.got[p]);
        let u = o.unit(0, p);
        lo = lo.max(Rat::ratio(got - u, *asked));
        hi = hi.min(Rat::ratio(got + u, *asked));
    }
    (lo, hi)
}

/// Orders in the money on the same products at their cap have equal fills; bids of incumbents come before those of
/// others. Whoever is short of what is only sent on from there has no less than those who ask for it there, for the
/// same as it, or for what has been sent on from there.
fn shares(f: &Facts, price: &[i128], short: &[Short], hosting: &Hosting, r: &mut Report) {
    let changes = rows::changes(f);
    let spent = rows::spent(f);
    let mut groups: BTreeMap<(bool, bool, BTreeSet<usize>), Vec<usize>> = BTreeMap::new();
    let mut sent = groups.clone();
    let at_cap = |i: usize| -> BTreeSet<usize> {
        f.orders[i].alternatives[0].iter().map(|q| q.0).filter(|k| price[*k] >= f.cap[*k]).collect()
    };
    for (i, o) in f.orders.iter().enumerate() {
        if f.is_given_up(i)
            || !f.single(i)
            || !o.divisible()
            || (o.incumbent && !o.bid)
            || f.surplus(i, 0, price) <= f.tolerance(i, 0)
            || row_binds(f, i, 0, &changes, &spent)
            || hosting.none_fits(f, i, 0)
        {
            continue;
        }
        if !at_cap(i).is_empty() {
            groups.entry((o.bid, o.incumbent, at_cap(i))).or_default().push(i);
        }
        let from: BTreeSet<usize> = o.alternatives[0].iter().flat_map(|q| &f.scarce[q.0]).copied().collect();
        if o.bid && !from.is_empty() {
            sent.entry((true, o.incumbent, from)).or_default().push(i);
        }
    }
    let is_short = |i: &usize| short.iter().any(|s| s.order == *i && s.alternative == 0);
    let waiting: Vec<usize> =
        groups.iter().filter(|((bid, ..), _)| *bid).flat_map(|(_, g)| g).copied().filter(|i| is_short(i)).collect();
    at_collar::idle_gains_wait(f, price, &waiting, r);
    for ((_, incumbents, at), g) in &groups {
        let newcomers = groups.get(&(true, false, at.clone())).filter(|_| *incumbents);
        newcomers_wait(f, g, newcomers.map_or(&[], Vec::as_slice), price, &is_short, r);
    }
    for (i, o) in f.orders.iter().enumerate() {
        let in_part = o.bid && o.alternatives.len() == 1 && o.least.is_pos() && o.least < Rat::ONE;
        // where not all that it asks for is at its cap, a price may need it to have more of the rest
        let all_at_cap = in_part && at_cap(i).len() == o.alternatives[0].len();
        if !all_at_cap || !f.single(i) || f.surplus(i, 0, price) <= f.tolerance(i, 0) {
            continue;
        }
        let (has, _) = span(f, i);
        let waits = |j: &&usize| {
            is_short(j) && has > o.least && span(f, **j).1 <= has && lots::could_have_more(f, &[i, **j], **j, price)
        };
        let others = groups.get(&(true, o.incumbent, at_cap(i)));
        if let Some(waits) = others.into_iter().flatten().find(waits) {
            r.bad(
                "RATION",
                "who asks for a least fill has more at a collar than who does not",
                &[("order", &f.orders[*waits].id), ("instead", &o.id)],
            );
        }
    }
    let behind = |i: &usize| at_cap(*i).is_empty();
    for ((_, incumbents, from), g) in &sent {
        let newcomers = sent.get(&(true, false, from.clone())).filter(|_| *incumbents);
        let g: Vec<usize> = g.iter().copied().filter(behind).collect();
        newcomers_wait(f, &g, newcomers.map_or(&[], Vec::as_slice), price, &is_short, r);
    }
    let products = |i: &usize| -> BTreeSet<usize> { f.orders[*i].alternatives[0].iter().map(|q| q.0).collect() };
    let fed = collars::fed(f, price);
    let has_of = |j: &usize, from: &BTreeSet<usize>| {
        let of: BTreeSet<usize> = products(j).iter().flat_map(|k| &fed[*k]).copied().collect();
        of == *from
    };
    let waits = |i: &&usize| is_short(i) && behind(i);
    // those who ask for the same are compared at once, with everybody who has something of what they are short of
    let sent = sent.iter().flat_map(|((.., from), g)| {
        let (has, others): (Vec<usize>, Vec<usize>) = g.iter().partition(|j| !behind(j) || has_of(j, from));
        let asked: BTreeSet<BTreeSet<usize>> = g.iter().filter(waits).map(products).collect();
        let products = &products;
        asked.into_iter().map(move |asked| {
            let same = others.iter().copied().filter(|j| products(j) == asked);
            (has.iter().copied().chain(same).collect::<Vec<usize>>(), Some(asked.clone()))
        })
    });
    let groups = groups.values().filter(|g| g.iter().any(is_short)).map(|g| (g.clone(), None));
    for (g, asked) in groups.chain(sent).filter(|(g, _)| g.len() > 1) {
        let spans: Vec<(Rat, Rat)> = g.iter().map(|i| span(f, *i)).collect();
        let most = spans.iter().map(|s| &s.0).max();
        let concerned =
            |i: &usize| asked.as_ref().is_none_or(|asked| behind(i) && is_short(i) && products(i) == *asked);
        let under = |(i, s): &(&usize, &(Rat, Rat))| most.is_some_and(|m| *m >= s.1) && concerned(i);
        if g.iter().zip(&spans).filter(under).any(|(i, _)| lots::could_have_more(f, &g, *i, price)) {
            let names: Vec<&str> = g.iter().map(|i| f.orders[*i].id.as_str()).collect();
            r.bad(
                "RATION",
                "orders in the money at a cap are not filled equally",
                &[("vector", &"price"), ("orders", &names.join(","))],
            );
        }
    }
}

/// While an incumbent could have more of what is scarce, nobody who comes new to it has any.
fn newcomers_wait(
    f: &Facts,
    incumbents: &[usize],
    newcomers: &[usize],
    price: &[i128],
    is_short: &impl Fn(&usize) -> bool,
    r: &mut Report,
) {
    let served = newcomers.iter().find(|j| span(f, **j).0 > Rat::ZERO);
    let Some(served) = served else { return };
    let could_have = |i: &&usize| {
        let mut group = newcomers.to_vec();
        group.push(**i);
        is_short(i) && lots::could_have_more(f, &group, **i, price)
    };
    if let Some(waits) = incumbents.iter().find(could_have) {
        r.bad(
            "RATION",
            "at a cap a newcomer has what an incumbent is short of",
            &[("vector", &"price"), ("order", &f.orders[*waits].id), ("instead", &f.orders[*served].id)],
        );
    }
}

fn alpha(f: &Facts, r: &mut Report) {
    let alpha = &f.book.alpha.0;
    let tol = if alpha.is_zero() || *alpha == Rat::ONE { 1 } else { 2 };
    for k in 0..f.price.len() {
        let want = &Rat::int(f.low[k]) + &(alpha * &Rat::int(f.high[k] - f.low[k]));
        if (&want - &Rat::int(f.price[k])).abs() > Rat::int(tol) {
            r.bad(
                "I5",
                "a price is not low + alpha (high - low)",
                &[
                    ("product", &f.keys[k]),
                    ("price in nano-credits", &f.price[k]),
                    ("low", &f.low[k]),
                    ("high", &f.high[k]),
                ],
            );
        }
    }
}

/// What bids have won costs no more at `low` than at `high`: both are an end of what the prices that support the
/// allocation come to.
fn least_and_most(f: &Facts, r: &mut Report) {
    let mut bought = vec![0_i128; f.keys.len()];
    let mut unsure = vec![0_i128; f.keys.len()];
    for (i, award) in f.awards.iter().enumerate() {
        let Some(award) = award.as_ref().filter(|_| f.orders[i].bid) else { continue };
        for (place, (k, _)) in f.orders[i].alternatives[award.alternative].iter().enumerate() {
            bought[*k] += award.got[place];
            // before rounding it may have been a unit, or a replica, more or less
            unsure[*k] += if award.full { 0 } else { f.orders[i].unit(award.alternative, place) };
        }
    }
    let (mut more, mut tolerance) = (Rat::ZERO, Rat::ZERO);
    for k in 0..f.keys.len() {
        let apart = f.low[k] - f.high[k];
        more = &more + &Rat::int(apart * bought[k]);
        // and both are printed to a nano-credit
        tolerance = &tolerance + &Rat::int(apart.abs() * unsure[k] + 2 * (bought[k] + unsure[k]));
    }
    if more > tolerance {
        r.bad(
            "I5",
            "what was bought costs more at `low` than at `high`",
            &[("more in nano-credits", &more), ("tolerance", &tolerance)],
        );
    }
}
