//! Books of every feature mix with their outcomes, right and deliberately broken, and what `verify` says
//! of each: for comparing it with a checker that somebody else wrote (`scripts/compare_checkers`).
//!
//! `cargo run --release -p headroom-market --example checker_corpus -- DIR COUNT [FIRST_SEED]`
#[path = "../tests/support/mod.rs"]
mod support;

use headroom_market::clearing::book::{Book, Side};
use headroom_market::clearing::check::given_up;
use headroom_market::clearing::generate::Draw;
use headroom_market::clearing::outcome::{Outcome, Price, Quality, Reason};
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{Limits, Mode, NoProposal, clear, verify};
use std::fmt::Write as _;
use std::path::Path;

/// What is done to a right outcome. `None` where it has nothing to do it with.
type Break = fn(&Book, &mut Outcome, &mut Draw) -> Option<()>;

const BREAKS: [(&str, Break); 18] = [
    ("price_up", |_, o, d| {
        let n = pick(o.prices.len(), d)?;
        o.prices[n].price.0 += 50_000_000;
        Some(())
    }),
    ("price_down", |_, o, d| {
        let n = pick(o.prices.len(), d)?;
        o.prices[n].price.0 -= (o.prices[n].price.0 / 2).max(1_000_000);
        Some(())
    }),
    ("money_up", |_, o, d| {
        let n = pick(o.awards.len(), d)?;
        o.awards[n].money.0 += 5_000_000;
        Some(())
    }),
    ("money_down", |_, o, d| {
        let n = pick(o.awards.len(), d)?;
        o.awards[n].money.0 -= 5_000_000;
        Some(())
    }),
    ("quantity_up", |_, o, d| {
        let n = pick(o.awards.len(), d)?;
        o.awards[n].quantities[0].quantity += 5;
        Some(())
    }),
    ("quantity_down", |_, o, d| {
        let n = pick(o.awards.len(), d)?;
        let q = &mut o.awards[n].quantities[0].quantity;
        *q = (*q > 5).then(|| *q - 5)?;
        Some(())
    }),
    ("award_dropped", |_, o, d| {
        let n = pick(o.awards.len(), d)?;
        let order = o.awards.remove(n).order;
        o.placements.retain(|p| p.order != order);
        Some(())
    }),
    ("award_refused", |_, o, d| {
        let n = pick(o.awards.len(), d)?;
        let order = o.awards.remove(n).order;
        o.placements.retain(|p| p.order != order);
        let reason = Reason::OutOfMoney;
        o.refused.push(headroom_market::clearing::outcome::Refusal {
            order,
            reason,
            price: None,
            shortfall: None,
            winning_limit: None,
            binding: None,
        });
        Some(())
    }),
    ("refusal_dropped", |_, o, d| {
        let n = pick(o.refused.len(), d)?;
        o.refused.remove(n);
        Some(())
    }),
    ("reason_changed", |_, o, d| {
        let n = pick(o.refused.len(), d)?;
        let reasons = [Reason::OutOfMoney, Reason::MarginalProrata, Reason::Paradoxical, Reason::NoHostFits];
        let other = reasons.into_iter().filter(|r| *r != o.refused[n].reason).nth(d.between(0, 2) as usize)?;
        o.refused[n].reason = other;
        Some(())
    }),
    ("welfare_up", |_, o, _| {
        o.welfare.0 = &o.welfare.0 + &Rat::int(3);
        Some(())
    }),
    ("bound_under_welfare", |_, o, _| {
        let bound = o.bound.as_mut()?;
        bound.0 = &o.welfare.0 - &Rat::int(3);
        Some(())
    }),
    ("supply_used", |_, o, d| {
        let n = pick(o.supply.len(), d)?;
        o.supply[n].used += 7;
        Some(())
    }),
    ("flow_changed", |_, o, d| {
        let n = pick(o.flows.len(), d)?;
        o.flows[n].flow += 7;
        Some(())
    }),
    ("placement_dropped", |_, o, d| {
        let n = pick(o.placements.len(), d)?;
        o.placements.remove(n);
        Some(())
    }),
    ("winner_given_up", |_, o, d| {
        let n = pick(o.awards.len(), d)?;
        let one = o.awards[n].order.clone();
        give_up(o, |id| id == one);
        Some(())
    }),
    ("everybody_given_up", |_, o, _| {
        if o.awards.is_empty() {
            return None;
        }
        give_up(o, |_| true);
        o.supply.iter_mut().for_each(|s| s.used = 0);
        o.flows.iter_mut().for_each(|f| f.flow = 0);
        for p in &mut o.prices {
            (p.price, p.low, p.high, p.set_by) = (Price(0), Some(Price(0)), Some(Price(0)), "none".into());
        }
        o.welfare.0 = Rat::ZERO;
        Some(())
    }),
    ("winner_and_loser_swapped", |b, o, d| {
        let (n, m) = (pick(o.awards.len(), d)?, pick(o.refused.len(), d)?);
        let side = |id: &str| b.orders.iter().find(|x| x.id == id).map(|x| x.side);
        if side(&o.awards[n].order) != Some(Side::Bid) || side(&o.refused[m].order) != Some(Side::Bid) {
            return None;
        }
        let (winner, loser) = (o.awards[n].order.clone(), o.refused[m].order.clone());
        o.placements.iter_mut().filter(|p| p.order == winner).for_each(|p| p.order.clone_from(&loser));
        o.awards[n].order = loser;
        o.refused[m].order = winner;
        Some(())
    }),
];

/// Refuses those that won, and says that the search gave them up.
fn give_up(o: &mut Outcome, given_up: impl Fn(&str) -> bool) {
    let gone: Vec<String> = o.awards.iter().map(|a| a.order.clone()).filter(|id| given_up(id)).collect();
    o.awards.retain(|a| !gone.contains(&a.order));
    o.placements.retain(|p| !gone.contains(&p.order));
    o.quality = Quality::Fallback;
    o.refused.extend(gone.into_iter().map(|order| headroom_market::clearing::outcome::Refusal {
        order,
        reason: Reason::SolverFallback,
        price: None,
        shortfall: None,
        winning_limit: None,
        binding: None,
    }));
}

fn pick(length: usize, d: &mut Draw) -> Option<usize> {
    (length > 0).then(|| d.between(0, length as i64 - 1) as usize)
}

fn verdict(book: &Book, outcome: &Outcome) -> String {
    match verify(book, outcome.clone(), Mode::Market) {
        Ok(outcome) => match given_up(book, &outcome, Mode::Market)[..] {
            [] => "accepted".into(),
            _ => "refused I2".into(),
        },
        Err(broken) => {
            let mut rules: Vec<&str> = broken.iter().map(|b| b.rule).collect();
            rules.sort_unstable();
            rules.dedup();
            format!("refused {}", rules.join(","))
        }
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, directory, count, rest @ ..] = &arguments[..] else {
        eprintln!("checker_corpus DIR COUNT [FIRST_SEED]");
        std::process::exit(2);
    };
    let number = |text: &String| text.parse::<u64>().unwrap_or(0);
    let (directory, first) = (Path::new(directory), rest.first().map_or(0, number));
    std::fs::create_dir_all(directory)?;
    let mut table = String::new();
    for seed in first..first + number(count) {
        let mut book = support::anything::anything(seed);
        // the public format knows nothing of what earlier rounds have committed on a node
        book.nodes.iter_mut().for_each(|n| n.committed.clear());
        let Ok(mut right) = clear(&book, Mode::Market, &NoProposal, &Limits::default()) else { continue };
        // The hash alone would give every change away.
        right.certificate = None;
        let quality = if right.quality == Quality::Optimal { "right" } else { "right_fallback" };
        std::fs::write(directory.join(format!("{seed}.book.json")), serde_json::to_string(&book)?)?;
        let mut write = |number: usize, kind: &str, outcome: &Outcome| {
            std::fs::write(directory.join(format!("{seed}.{number}.json")), outcome.canonical())?;
            writeln!(table, "{seed}\t{number}\t{kind}\t{}", verdict(&book, outcome)).map_err(std::io::Error::other)
        };
        write(0, quality, &right)?;
        let mut draw = Draw::new(seed ^ 0xB4EA);
        for number in 1..=3 {
            let (kind, change) = BREAKS[draw.between(0, BREAKS.len() as i64 - 1) as usize];
            let mut broken = right.clone();
            if change(&book, &mut broken, &mut draw).is_some() {
                write(number, kind, &broken)?;
            }
        }
    }
    std::fs::write(directory.join("verdicts.tsv"), table)
}
