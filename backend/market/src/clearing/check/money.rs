//! Money, welfare, ties and the reasons given.
use super::super::outcome::{Mode, Outcome, Reason};
use super::super::rational::Rat;
use super::Report;
use super::facts::{Facts, MICRO, NANO};
use super::place::Hosting;
use super::prices;
use super::rows;
use std::collections::BTreeMap;

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
        let slack = Rat::int(if a.full { 0 } else { MICRO });
        let diff = a.money - cost;
        count += 1;
        if diff.abs() >= MICRO {
            let bought = o.bid && diff < 0 && money >= &(&worth * &least) - &Rat::int(MICRO);
            let sold = !o.bid && diff > 0 && money <= &(&worth * &most) + &Rat::int(MICRO);
            if diff.abs() > a.got.iter().sum::<i128>() + MICRO || !(bought || sold) {
                r.bad(
                    "I8",
                    "money is not price x quantity",
                    &[("order", &o.id), ("money in nano-credits", &a.money), ("price x quantity", &cost)],
                );
            }
            clamped += diff.abs();
        }
        if o.bid && money > &(&worth * &most) + &slack {
            r.bad(
                "I1",
                "a bid pays more than its limit",
                &[("order", &o.id), ("money in nano-credits", &a.money), ("limit", &(&worth * &most))],
            );
        }
        if !o.bid && money < &(&worth * &least) - &slack {
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
    if rest.abs() > &Rat::int(MICRO * count + clamped) + &idle {
        r.bad(
            "I8",
            "money is not conserved",
            &[("buyers", &buyers), ("lenders", &lenders), ("operator", &operator), ("arcs", &arcs), ("rest", &rest)],
        );
    }
}

/// The printed welfare is that of the awards, and (without blocks) the prices prove it best.
pub fn welfare(f: &Facts, out: &Outcome, priced: bool, hosting: &Hosting, r: &mut Report) {
    let (mut lo, mut hi) = (Rat::ZERO, Rat::ZERO);
    for (i, o) in f.orders.iter().enumerate() {
        let signed = |a: usize| Rat::int(if o.bid { o.worth[a] } else { -o.worth[a] });
        let soft = f.soft.contains(&i);
        match &f.awards[i] {
            Some(a) => {
                let one = o.replicas.map_or(Rat::ZERO, |n| Rat::ratio(1, n));
                let from = if a.full && soft { &a.lo - &one } else { a.lo.clone() };
                let v = signed(a.alternative);
                let (x, y) = (&v * &from, &v * &a.hi);
                lo = &lo + &x.clone().min(y.clone());
                hi = &hi + &x.max(y);
            }
            None if soft => {
                let each: Vec<Rat> =
                    (0..o.alternatives.len()).map(|a| signed(a).div(&Rat::int(o.replicas.unwrap_or(1)))).collect();
                lo = &lo + &each.iter().fold(Rat::ZERO, |t, v| t.min(v.clone()));
                hi = &hi + &each.iter().fold(Rat::ZERO, |t, v| t.max(v.clone()));
            }
            // At the margin a fill under one unit is rounded to nothing: the welfare before
            // rounding has it, the awards have not.
            None if f.refused[i].is_some_and(|x| x.reason == Reason::MarginalProrata) => {
                for (a, quantities) in o.alternatives.iter().enumerate() {
                    let least = quantities.iter().map(|(_, q)| *q).min().unwrap_or(1).max(1);
                    let unit = signed(a).div(&Rat::int(least));
                    lo = &lo + &unit.clone().min(Rat::ZERO);
                    hi = &hi + &unit.max(Rat::ZERO);
                }
            }
            None => {}
        }
    }
    for (k, steps) in f.steps.iter().enumerate() {
        for (quantity, reserve, used) in steps {
            let d =
                if f.lots[k] > 0 { f.lots[k] } else { i128::from(*used > 0 && used < quantity && f.rounding[k] > 0) };
            lo = &lo - &Rat::int(reserve * (used + d).min(*quantity));
            hi = &hi - &Rat::int(reserve * (used - d).max(0));
        }
    }
    for (from, to, _, cost, _, flow) in &f.arcs {
        let lots = f.lots[*from].max(f.lots[*to]);
        let d = if lots > 0 { lots } else { i128::from(*flow > 0 && (f.rounding[*from] > 0 || f.rounding[*to] > 0)) };
        lo = &lo - &Rat::int(cost * (flow + d));
        hi = &hi - &Rat::int(cost * (flow - d).max(0));
    }
    let nano = Rat::int(NANO);
    let printed = &out.welfare.0 * &nano;
    let micro = Rat::int(MICRO);
    if printed < &lo - &micro || printed > &hi + &micro {
        r.bad(
            "WELFARE",
            "the printed welfare differs from the awards",
            &[("printed in nano-credits", &printed), ("least", &lo), ("most", &hi)],
        );
    }
    if let Some(b) = &out.bound
        && &b.0 * &nano < &printed - &micro
    {
        r.bad("WELFARE", "the bound is under the welfare", &[("bound", &b.0), ("welfare", &out.welfare.0)]);
    }
    if !priced {
        return;
    }
    let (mut dual, mut tol) = (Rat::ZERO, Rat::ZERO);
    for (k, steps) in f.steps.iter().enumerate() {
        for (quantity, reserve, _) in steps {
            dual = &dual + &Rat::int((f.price[k] - reserve).max(0) * quantity);
            tol = &tol + &Rat::int(*quantity);
        }
        tol = &tol + &Rat::int(f.price[k] * (f.rounding[k] + 1));
    }
    for (from, to, ratio, cost, limit, _) in &f.arcs {
        let gain = &(&(ratio * &Rat::int(f.price[*to])) - &Rat::int(f.price[*from])) - &Rat::int(*cost);
        let most = Rat::int(limit.unwrap_or(0));
        dual = &dual + &(&gain.max(Rat::ZERO) * &most);
        tol = &tol + &(&(&Rat::ONE + ratio) * &most);
    }
    for (i, o) in f.orders.iter().enumerate() {
        let best = (0..o.alternatives.len()).map(|a| f.surplus(i, a, &f.price)).max().unwrap_or(0).max(0);
        dual = &dual + &Rat::int(best);
        tol = &tol + &Rat::int((0..o.alternatives.len()).map(|a| f.tolerance(i, a)).max().unwrap_or(0));
        if let Some(a) = f.awards[i].as_ref().filter(|a| !a.full) {
            let step = o.replicas.map_or_else(
                || o.alternatives[a.alternative].iter().map(|q| Rat::ratio(1, q.1)).max().unwrap_or_default(),
                |n| Rat::ratio(1, n),
            );
            tol = &tol + &(&Rat::int(o.worth[a.alternative].abs()) * &step);
        }
    }
    if lo > &dual + &tol {
        r.bad(
            "I7",
            "welfare above the dual bound: the awards can't be feasible",
            &[("welfare in nano-credits", &lo), ("bound", &dual)],
        );
    }
    let rows = !f.book.budgets.is_empty()
        || f.book.instances.iter().any(|i| !(i.holding.is_empty() && i.floor.is_empty() && i.max_swap.is_empty()));
    let blocks = f.orders.iter().any(|o| o.block);
    if !rows && !blocks && !f.fallback && f.rationed.is_empty() {
        for i in 0..f.orders.len() {
            let s = f.surplus(i, 0, &f.price);
            if s > f.tolerance(i, 0) && hosting.none_fits(f, i, 0) {
                let got = f.awards[i].as_ref().map_or(Rat::ZERO, |a| a.lo.clone());
                dual = &dual - &(&Rat::int(s) * &(&Rat::ONE - &got));
            }
        }
        if dual > &(&hi + &tol) + &micro {
            r.bad(
                "I7",
                "the prices do not prove the welfare optimal",
                &[("welfare in nano-credits", &hi), ("dual", &dual)],
            );
        }
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
        let gone = f.fallback && f.refused[i].is_some_and(|x| x.reason == Reason::SolverFallback);
        if gone || !o.divisible() || o.budget.is_some() || rows || (!full && hosting.none_fits(f, i, 0)) {
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

/// A refusal's reason does not contradict prices or placements, and its numbers are right.
pub fn reasons(f: &Facts, hosting: &Hosting, mode: Mode, r: &mut Report) {
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
            Reason::Paradoxical => mode == Mode::Market && !(o.block && each.iter().any(|(s, t)| *s >= -t)),
            Reason::ParentRejected => true,
            Reason::MinFillUnreachable => !o.least.is_pos(),
            Reason::Budget => o.budget.is_none(),
            Reason::FloorProtected => o.bid || o.instance.is_none(),
            Reason::ThrashLimit => o.instance.is_none(),
            Reason::NoHostFits => {
                let pays: Vec<usize> =
                    (0..each.len()).filter(|a| mode == Mode::Welfare || each[*a].0 >= -each[*a].1).collect();
                !pays.iter().any(|a| hosting.none_fits(f, i, *a))
                    || pays.iter().any(|a| each[*a].0 > each[*a].1 && !hosting.none_fits(f, i, *a))
            }
            _ => false,
        };
        if wrong {
            let best = each.iter().map(|e| e.0).max().unwrap_or(0);
            r.bad(
                "REASON",
                "the reason given for a refusal does not hold",
                &[("order", &o.id), ("reason", &format!("{:?}", x.reason)), ("surplus in nano-credits", &best)],
            );
        }
        if let (1, Mode::Market, Some(p)) = (each.len(), mode, x.price) {
            let cost: i128 = o.alternatives[0].iter().map(|(k, q)| f.price[*k] * q).sum();
            if (i128::from(p.0) * MICRO - cost).abs() > MICRO {
                r.bad(
                    "REASON",
                    "the printed bundle price is not price x quantity",
                    &[("order", &o.id), ("printed", &p.0), ("in nano-credits", &cost)],
                );
            }
            if let (Reason::OutOfMoney, Some(s)) = (x.reason, x.shortfall)
                && (i128::from(s.0) * MICRO - (-each[0].0).max(0)).abs() > MICRO
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
