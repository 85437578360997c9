//! The outcome of an award at prices: money, reasons, who set each price, and the certificate.

use super::unsold::Unsold;
use crate::blocks::award::Award;
use crate::price_choice::Prices;
use headroom_market::clearing::book::{Alternative, Book, Line, NANO_PER_MICRO, Side};
use headroom_market::clearing::outcome::{self, Gap, Mode, Outcome, Quality, Reason, Refused, SetBy};
use std::collections::BTreeMap;

fn worth(alternative: &Alternative) -> i128 {
    i128::from(alternative.value_micro) * NANO_PER_MICRO
}

fn price(book: &Book, prices: &Prices, alternative: &Alternative) -> i128 {
    book.lines_of(alternative).iter().map(|line| prices.of_product[line.product] * i128::from(line.quantity)).sum()
}

fn premium(book: &Book, prices: &Prices, alternative: &Alternative, node: usize) -> i128 {
    premium_of(prices, &book.load_in(alternative, book.nodes[node].pool), node)
}

fn premium_of(prices: &Prices, load: &[Line], node: usize) -> i128 {
    let of = |line: &Line| prices.premium.get(&(node, line.product)).copied().unwrap_or(0) * i128::from(line.quantity);
    load.iter().map(of).sum()
}

/// What a lot costs on the cheapest nodes.
fn cheapest(book: &Book, prices: &Prices, alternative: &Alternative) -> i128 {
    let base = price(book, prices, alternative);
    if prices.premium.is_empty() {
        return base;
    }
    let least = |pool: usize| {
        let load = book.load_in(alternative, pool);
        let mut least = None;
        for node in book.hosts_in(alternative, pool) {
            let premium = premium_of(prices, &load, node);
            // Most pools have a node with room: no premium is less.
            if premium == 0 {
                return 0;
            }
            least = Some(least.map_or(premium, |known: i128| known.min(premium)));
        }
        least.unwrap_or(0)
    };
    base + book.pools_with_nodes(alternative).into_iter().map(least).sum::<i128>()
}

/// What all lots would gain at the cheapest place.
pub fn best_gain(book: &Book, prices: &Prices, number: usize, side: Side) -> i128 {
    let alternative = &book.alternatives[number];
    let gain = worth(alternative) - cheapest(book, prices, alternative) * i128::from(alternative.lots);
    if side == Side::Bid { gain } else { -gain }
}

fn cost(book: &Book, award: &Award, prices: &Prices, number: usize) -> i128 {
    let alternative = &book.alternatives[number];
    let hosts =
        award.hosts[number].iter().map(|(node, lots)| premium(book, prices, alternative, *node) * i128::from(*lots));
    price(book, prices, alternative) * i128::from(award.lots[number]) + hosts.sum::<i128>()
}

/// What the lots of an award gain where they lie, in nano-credits.
pub fn gain(book: &Book, award: &Award, prices: &Prices, number: usize) -> f64 {
    let alternative = &book.alternatives[number];
    let part = worth(alternative) as f64 * award.lots[number] as f64 / alternative.lots as f64;
    part - cost(book, award, prices, number) as f64
}

pub fn tolerance(book: &Book, alternative: &Alternative) -> i128 {
    let units: i128 = book.lines_of(alternative).iter().map(|line| i128::from(line.quantity)).sum();
    units * i128::from(alternative.lots) + NANO_PER_MICRO
}

pub fn outcome(book: &Book, mode: Mode, award: &Award, prices: &Prices, reasons: &BTreeMap<usize, Reason>) -> Outcome {
    let mut outcome = Outcome::empty(book, mode);
    outcome.prices_nano = prices.of_product.clone();
    outcome.premiums_nano = prices.premium.clone();
    outcome.used = award.used.clone();
    outcome.flows = award.flows.clone();
    let (mut allowance, mut unsold) = (0, None);
    let (mut bound, mut welfare, mut blocks, mut hosts) = (0, 0, 0, 0);
    for (order, of) in book.orders.iter().enumerate() {
        let best = of
            .alternatives
            .clone()
            .max_by_key(|n| best_gain(book, prices, *n, of.side) - tolerance(book, &book.alternatives[*n]));
        let Some(best) = best else { continue };
        let top = of.alternatives.clone().map(|n| best_gain(book, prices, n, of.side)).max().unwrap_or(0).max(0);
        bound += top;
        let mut lot = 0;
        for number in of.alternatives.clone() {
            let alternative = &book.alternatives[number];
            if best_gain(book, prices, number, of.side).abs() <= tolerance(book, alternative) {
                lot = lot.max(-(-worth(alternative)).div_euclid(i128::from(alternative.lots)));
            }
        }
        allowance += lot + of.alternatives.clone().map(|n| tolerance(book, &book.alternatives[n])).max().unwrap_or(0);
        let won = of.alternatives.clone().find(|number| award.lots[*number] > 0);
        let mut has = 0;
        if let Some(number) = won {
            let alternative = &book.alternatives[number];
            let cost = cost(book, award, prices, number);
            let part = (worth(alternative) * i128::from(award.lots[number])).div_euclid(i128::from(alternative.lots));
            let sign = if of.side == Side::Bid { 1 } else { -1 };
            welfare += sign * part;
            has = sign * (part - cost);
            let is_all = award.lots[number] == alternative.lots;
            let gains = best_gain(book, prices, number, of.side) > tolerance(book, alternative);
            outcome.awards.push(outcome::Award {
                order,
                alternative: number - of.alternatives.start,
                lots: award.lots[number],
                hosts: award.hosts[number].clone(),
                money_micro: if of.side == Side::Bid {
                    cost.div_euclid(NANO_PER_MICRO)
                } else {
                    -(-cost).div_euclid(NANO_PER_MICRO)
                },
                limited_by: (!is_all).then(|| {
                    let is_dear = |(node, _): &(usize, i64)| premium(book, prices, alternative, *node) > 0;
                    let known = reasons.get(&order).copied();
                    known.unwrap_or(match gains {
                        true => Reason::NoRoom,
                        false if of.side == Side::Bid && award.hosts[number].iter().any(is_dear) => Reason::NoHost,
                        false => Reason::Tie,
                    })
                }),
            });
        } else {
            let alternative = &book.alternatives[best];
            let gain = best_gain(book, prices, best, of.side);
            let cost = cheapest(book, prices, alternative) * i128::from(alternative.lots);
            let reason = if gain > tolerance(book, alternative) {
                let known = reasons.get(&order).copied();
                known.unwrap_or_else(|| {
                    let unsold = unsold.get_or_insert_with(|| Unsold::of(book, award, prices));
                    unsold.first_reason(book, best, of.is_block)
                })
            } else if gain < -tolerance(book, alternative) {
                Reason::OutOfMoney
            } else {
                Reason::Tie
            };
            let shortfall = (-gain).max(0);
            outcome.refused.push(Refused {
                order,
                reason,
                cost_micro: -(-cost).div_euclid(NANO_PER_MICRO),
                shortfall_micro: -(-shortfall).div_euclid(NANO_PER_MICRO),
            });
            if reason == Reason::NoHost {
                hosts += top;
            }
        }
        if of.is_block {
            blocks += top - has;
        }
    }
    for (product, of) in book.products.iter().enumerate() {
        for (step, used) in of.supply.iter().zip(&award.used[product]) {
            bound += (prices.of_product[product] - step.reserve_nano).max(0) * i128::from(step.quantity);
            allowance += i128::from(step.quantity);
            welfare -= step.reserve_nano * i128::from(*used);
        }
    }
    for ((node, product), premium) in &prices.premium {
        bound += premium * i128::from(book.room(*node, *product));
        allowance += i128::from(book.room(*node, *product));
    }
    for (arc, flow) in book.arcs.iter().zip(&award.flows) {
        let profit = prices.of_product[arc.to] - prices.of_product[arc.from] - arc.cost_nano;
        bound += profit.max(0) * i128::from(arc.limit.unwrap_or(*flow));
        allowance += i128::from(arc.limit.unwrap_or(0));
        welfare -= arc.cost_nano * i128::from(*flow);
    }
    let gap = bound - welfare;
    (outcome.welfare_nano, outcome.bound_nano) = (welfare, bound);
    outcome.quality = if gap <= allowance { Quality::Optimal } else { Quality::Bounded };
    // Money that rounding moves is of no cause; what blocks and hosts do not explain is rounding.
    blocks = blocks.clamp(0, gap.max(0));
    hosts = hosts.clamp(0, gap.max(0) - blocks);
    outcome.gap = Gap { blocks_nano: blocks, hosts_nano: hosts, rounding_nano: gap - blocks - hosts };
    set_by(book, award, prices, &mut outcome);
    outcome
}

/// Who set each price: what is at the margin there, first what is used in part, bids before offers before supply.
fn set_by(book: &Book, award: &Award, prices: &Prices, outcome: &mut Outcome) {
    let mut found: Vec<Option<(u8, SetBy)>> = vec![None; book.products.len()];
    let mut offer = |product: usize, rank: u8, by: SetBy| {
        if prices.of_product[product] > 0 && found[product].is_none_or(|(known, _)| rank < known) {
            found[product] = Some((rank, by));
        }
    };
    for (order, of) in book.orders.iter().enumerate() {
        for number in of.alternatives.clone() {
            let alternative = &book.alternatives[number];
            if best_gain(book, prices, number, of.side).abs() > tolerance(book, alternative) {
                continue;
            }
            let (lots, is_bid) = (award.lots[number], of.side == Side::Bid);
            let rank = if lots > 0 && lots < alternative.lots {
                0
            } else if (lots > 0) != is_bid {
                2
            } else {
                4
            };
            let by = if is_bid { SetBy::Bid(order) } else { SetBy::Offer(order) };
            book.lines_of(alternative).iter().for_each(|line| offer(line.product, rank + u8::from(!is_bid), by));
        }
    }
    for (product, of) in book.products.iter().enumerate() {
        for (number, (step, used)) in of.supply.iter().zip(&award.used[product]).enumerate() {
            if (prices.of_product[product] - step.reserve_nano).abs() <= 1 {
                let rank = if *used > 0 && *used < step.quantity {
                    1
                } else if *used > 0 {
                    3
                } else {
                    6
                };
                offer(product, rank, SetBy::Reserve(number));
            }
        }
    }
    for (number, (arc, flow)) in book.arcs.iter().zip(&award.flows).enumerate() {
        let profit = prices.of_product[arc.to] - prices.of_product[arc.from] - arc.cost_nano;
        if *flow > 0 && profit.abs() <= 1 {
            offer(arc.to, 5, SetBy::Arc(number));
        }
    }
    outcome.set_by = found.into_iter().map(|found| found.map_or(SetBy::Nothing, |(_, by)| by)).collect();
}
