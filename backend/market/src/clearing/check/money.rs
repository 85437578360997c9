//! Money, ties and the reasons given.
use super::super::outcome::{Mode, Outcome, Reason};
use super::super::rational::Rat;
use super::Report;
use super::facts::{Facts, NANO_PER_MICRO};
use super::first_reason::{self, Tight};
use super::place::Hosting;
use super::prices;
use super::rows;
use std::collections::BTreeMap;

const ANOTHER: &str = "another reason applies before the one that is given";

/// Every award costs price times quantity, nobody pays above its limit, and nothing is lost.
pub fn check(f: &Facts, r: &mut Report) {
    let (mut buyers, mut lenders, mut clamped, mut count) = (0_i128, 0_i128, 0_i128, 0_i128);
    for (i, a) in f.awards.iter().enumerate() {
        let (o, Some(a)) = (&f.orders[i], a) else {
            continue;
        };
        let asked = &o.alternatives[a.alternative];
        let cost: i128 = asked.iter().zip(&a.got).map(|((k, _), g)| f.price[*k] * g).sum();
        let most = asked.iter().zip(&a.got).map(|(q, g)| Rat::ratio(*g, q.1)).max().unwrap_or_default();
        let least = asked.iter().zip(&a.got).map(|(q, g)| Rat::ratio(*g, q.1)).min().unwrap_or_default();
        let worth = Rat::int(o.worth[a.alternative]);
        let money = Rat::int(a.money);
        let slack = Rat::int(if a.full { 0 } else { NANO_PER_MICRO });
        // what a parent pays beyond its limit is judged together with the children that carry it
        let alone = !o.children.iter().any(|c| f.awards[*c].is_some());
        let diff = a.money - cost;
        count += 1;
        if diff.abs() >= NANO_PER_MICRO {
            let bought = o.bid && diff < 0 && money >= &(&worth * &least) - &Rat::int(NANO_PER_MICRO);
            let sold = !o.bid && diff > 0 && money <= &(&worth * &most) + &Rat::int(NANO_PER_MICRO);
            if diff.abs() > a.got.iter().sum::<i128>() + NANO_PER_MICRO || !(bought || sold) {
                r.bad(
                    "I8",
                    "money is not price x quantity",
                    &[("order", &o.id), ("money in nano-credits", &a.money), ("price x quantity", &cost)],
                );
            }
            clamped += diff.abs();
        }
        if alone && o.bid && money > &(&worth * &most) + &slack {
            r.bad(
                "I1",
                "a bid pays more than its limit",
                &[("order", &o.id), ("money in nano-credits", &a.money), ("limit", &(&worth * &most))],
            );
        }
        if alone && !o.bid && money < &(&worth * &least) - &slack {
            r.bad(
                "I1",
                "an offer receives less than its cost",
                &[("order", &o.id), ("money in nano-credits", &a.money), ("cost", &(&worth * &least))],
            );
        }
        *(if o.bid { &mut buyers } else { &mut lenders }) += a.money;
    }
    let operator: i128 = f
        .steps
        .iter()
        .enumerate()
        .flat_map(|(k, s)| s.iter().map(move |s| (k, s.2)))
        .map(|(k, used)| f.price[k] * used)
        .sum();
    let arcs = f.arcs.iter().fold(Rat::ZERO, |t, (from, to, ratio, _, _, flow)| {
        &t + &(&(&(ratio * &Rat::int(f.price[*to])) - &Rat::int(f.price[*from])) * &Rat::int(*flow))
    });
    let idle = f.slack.iter().zip(&f.price).fold(
        Rat::ZERO,
        |t, (s, p)| {
            if s.is_pos() { &t + &(s * &Rat::int(*p)) } else { t }
        },
    );
    let rest = &Rat::int(buyers - lenders - operator) - &arcs;
    if rest.abs() > &Rat::int(NANO_PER_MICRO * count + clamped) + &idle {
        r.bad(
            "I8",
            "money is not conserved",
            &[("buyers", &buyers), ("lenders", &lenders), ("operator", &operator), ("arcs", &arcs), ("rest", &rest)],
        );
    }
}

/// Orders that are alike: incumbents first, then the higher class, then pro-rata.
///
/// Orders bound to different nodes are not alike: one of them may find room where the other does
/// not, and what one lends serves bids that the other can't.
///
/// Classes decide ties, that is among orders without surplus. What a collar rations is in the
/// money, and there the rule is equal fills whatever the class (`At the collar`).
pub fn ties(f: &Facts, hosting: &Hosting, r: &mut Report) {
    type Alike = (bool, Rat, Vec<(usize, Rat)>, Option<usize>);
    let mut groups: BTreeMap<Alike, Vec<usize>> = BTreeMap::new();
    for (i, o) in f.orders.iter().enumerate() {
        let full = f.awards[i].as_ref().is_some_and(|a| a.full);
        let rows = o.instance.is_some_and(|inst| {
            let n = &f.book.instances[inst];
            o.alternatives[0].iter().any(|(k, _)| {
                [&n.holding, &n.floor, &n.max_swap].iter().any(|l| rows::listed(l, &f.keys[*k]).is_some())
            })
        });
        let housed = full || !hosting.none_fits(f, i, 0);
        if f.is_given_up(i) || !f.single(i) || !o.divisible() || o.budget.is_some() || rows || !housed {
            continue;
        }
        let total: i128 = o.alternatives[0].iter().map(|q| q.1).sum();
        let mut ratio: Vec<(usize, Rat)> = o.alternatives[0].iter().map(|(k, q)| (*k, Rat::ratio(*q, total))).collect();
        ratio.sort();
        groups.entry((o.bid, Rat::ratio(o.worth[0], total), ratio, hosting.bound_to(f, i))).or_default().push(i);
    }
    for g in groups.values().filter(|g| g.len() > 1) {
        let mut ranks: BTreeMap<(bool, super::super::book::Class), Vec<usize>> = BTreeMap::new();
        let rationed = g.iter().any(|i| f.rationed.contains(i));
        for &i in g {
            let class = match rationed {
                true => super::super::book::Class::Standard,
                false => f.orders[i].class,
            };
            ranks.entry((!f.orders[i].incumbent, class)).or_default().push(i);
        }
        let names = |g: &[usize]| g.iter().map(|i| f.orders[*i].id.as_str()).collect::<Vec<_>>().join(",");
        let mut short: Option<&Vec<usize>> = None;
        for g in ranks.values() {
            let spans: Vec<(Rat, Rat)> = g.iter().map(|i| prices::span(f, *i)).collect();
            if g.len() > 1 && spans.iter().map(|s| &s.0).max() >= spans.iter().map(|s| &s.1).min() {
                r.bad("TIE", "orders that are alike are not filled pro-rata", &[("orders", &names(g))]);
            }
            if let Some(before) = short
                && spans.iter().any(|s| s.0.is_pos())
            {
                r.bad(
                    "TIE",
                    "a tied order is served before one of higher precedence is full",
                    &[("before", &names(before)), ("served", &names(g))],
                );
            }
            if g.iter().zip(&spans).any(|(i, s)| s.1 <= Rat::ONE && !f.awards[*i].as_ref().is_some_and(|a| a.full)) {
                short = short.or(Some(g));
            }
        }
    }
}

/// What is said of an award that was filled in part does not contradict prices, rows or placements. Nobody is told that its
/// limit is the price who would gain by more: a bid by itself.
pub fn limits(f: &Facts, out: &Outcome, hosting: &Hosting, r: &mut Report) {
    let ids: BTreeMap<&str, usize> = f.orders.iter().enumerate().map(|(i, o)| (o.id.as_str(), i)).collect();
    let room = rows::Room::of(f);
    for a in &out.awards {
        let Some((reason, &i)) = a.limited_by.zip(ids.get(a.order.as_str())) else { continue };
        let Some(award) = &f.awards[i] else { continue };
        let (gain, tolerance) = (f.surplus(i, award.alternative, &f.price), f.tolerance(i, award.alternative));
        let wrong = match reason {
            Reason::MarginalProrata => f.orders[i].bid && f.single(i) && gain > tolerance,
            Reason::ForecastHeadroom => f.single(i) && gain <= 0,
            Reason::Budget | Reason::FloorProtected | Reason::ThrashLimit => !room.may_refuse(f, i, reason),
            Reason::NoHostFits => !hosting.none_fits(f, i, award.alternative),
            Reason::SolverFallback => !f.fallback || gain <= tolerance,
            _ => true,
        };
        if wrong {
            r.bad(
                "REASON",
                "what is said to limit an award does not",
                &[("order", &a.order), ("reason", &reason.code()), ("surplus in nano-credits", &gain)],
            );
        }
    }
}

/// Whether an order loses at the published prices and at both ends of those that carry the outcome, whatever it would have won:
/// that is why it has nothing then, whoever gave it up.
fn loses_anyway(f: &Facts, i: usize) -> bool {
    let prices = [&f.low, &f.price, &f.high];
    let loses = |price: &[i128], a: usize| f.surplus(i, a, price) < -f.tolerance(i, a);
    prices.into_iter().all(|price| (0..f.orders[i].alternatives.len()).all(|a| loses(price, a)))
}

/// Whether an order that gains has no node in any alternative in which it does: that is why it has nothing, or a row of its
/// owner is, whoever gave it up.
fn is_homeless(f: &Facts, i: usize, hosting: &Hosting) -> bool {
    let gains = |a: &usize| f.surplus(i, *a, &f.price) > f.tolerance(i, *a);
    let gaining: Vec<usize> = (0..f.orders[i].alternatives.len()).filter(gains).collect();
    let has_none = |a: &usize| hosting.none_fits(f, i, *a);
    f.single(i) && f.orders[i].bid && !gaining.is_empty() && gaining.iter().all(has_none)
}

/// A refusal's reason does not contradict prices or placements, and its numbers are right.
pub fn reasons(f: &Facts, hosting: &Hosting, mode: Mode, r: &mut Report) {
    let (room, tight) = (rows::Room::of(f), Tight::of(f));
    for (i, x) in f.refused.iter().enumerate() {
        let (o, Some(x)) = (&f.orders[i], x) else {
            continue;
        };
        let each: Vec<(i128, i128)> =
            (0..o.alternatives.len()).map(|a| (f.surplus(i, a, &f.price), f.tolerance(i, a))).collect();
        let wrong = match x.reason {
            Reason::OutOfMoney => mode == Mode::Market && each.iter().any(|(s, t)| s > t),
            Reason::MarginalProrata | Reason::TieLost => {
                mode == Mode::Market && !each.iter().any(|(s, t)| s.abs() <= *t)
            }
            Reason::Paradoxical => {
                mode == Mode::Market && !((o.block || o.parent.is_some()) && each.iter().any(|(s, t)| *s >= -t))
            }
            Reason::SolverFallback => {
                !f.fallback || mode == Mode::Market && (loses_anyway(f, i) || is_homeless(f, i, hosting))
            }
            Reason::ForecastHeadroom => {
                let lots = o.replicas.is_some();
                mode == Mode::Market && !(0..each.len()).any(|a| each[a].0 >= -each[a].1 && (lots || f.capped(i, a)))
            }
            Reason::ParentRejected => f.live(i),
            Reason::MinFillUnreachable => !o.least.is_pos(),
            Reason::Budget | Reason::FloorProtected | Reason::ThrashLimit => !room.may_refuse(f, i, x.reason),
            Reason::NoHostFits => {
                let pays: Vec<usize> =
                    (0..each.len()).filter(|a| mode == Mode::Welfare || each[*a].0 >= -each[*a].1).collect();
                !pays.iter().any(|a| hosting.none_fits(f, i, *a))
                    || pays.iter().any(|a| each[*a].0 > each[*a].1 && !hosting.none_fits(f, i, *a))
            }
            _ => false,
        };
        if wrong || mode == Mode::Market && first_reason::is_another(f, i, x.reason, &tight) {
            let best = each.iter().map(|e| e.0).max().unwrap_or(0);
            r.bad(
                "REASON",
                if wrong { "the reason given for a refusal does not hold" } else { ANOTHER },
                &[("order", &o.id), ("reason", &x.reason.code()), ("surplus in nano-credits", &best)],
            );
        }
        if let (1, Mode::Market, Some(p)) = (each.len(), mode, x.price) {
            let cost: i128 = o.alternatives[0].iter().map(|(k, q)| f.price[*k] * q).sum();
            if (i128::from(p.0) * NANO_PER_MICRO - cost).abs() > NANO_PER_MICRO {
                r.bad(
                    "REASON",
                    "the printed bundle price is not price x quantity",
                    &[("order", &o.id), ("printed", &p.0), ("in nano-credits", &cost)],
                );
            }
            if let (Reason::OutOfMoney, Some(s)) = (x.reason, x.shortfall)
                && (i128::from(s.0) * NANO_PER_MICRO - (-each[0].0).max(0)).abs() > NANO_PER_MICRO
            {
                r.bad(
                    "REASON",
                    "the printed shortfall is wrong",
                    &[("order", &o.id), ("printed", &s.0), ("in nano-credits", &-each[0].0)],
                );
            }
        }
    }
}
