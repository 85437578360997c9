//! I19 and I21 to I27: what the history of an exchange shows. A history is commands and their events; a
//! mutant changes one event. `random_life` asserts much of this too, in other words and after each step.
use crate::support::world::{World, empty};
use crate::support::world_steps::{random_life, random_life_with};
use headroom_market::apply::apply;
use headroom_market::book::{Resell, Side};
use headroom_market::command::{Command, Envelope};
use headroom_market::event::Event;
use headroom_market::ledger::{Account, TransferKind};
use headroom_market::round::{Award, AwardKind, AwardLine};
use headroom_market::state::State;
use headroom_market::swap::{Swap, SwapState};
use headroom_market::time::Slot;
use headroom_market::units::{Credits, Resource, amount};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

type History = Vec<(Envelope, Vec<Event>)>;
type Holds = fn(&History) -> Result<(), String>;
/// Changes an event; false for those that it has no use for.
type Mutant = fn(&State, &mut Event) -> bool;

fn histories() -> &'static [History] {
    static HISTORIES: OnceLock<Vec<History>> = OnceLock::new();
    HISTORIES.get_or_init(|| {
        (100..200)
            .map(|seed| {
                let (World { log, .. }, _) = random_life(seed);
                log
            })
            .collect()
    })
}

/// Walks over a history: every event with the state before it.
fn walk(history: &History, mut visit: impl FnMut(&State, &Event) -> Result<(), String>) -> Result<State, String> {
    let mut state = empty();
    for event in history.iter().flat_map(|(_, events)| events) {
        visit(&state, event)?;
        state.fold(event);
    }
    Ok(state)
}

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

/// The invariant holds in every history, and is broken by a mutant wherever one can be made: the first,
/// one in the middle and the last of each history are tried.
fn check(name: &str, least: usize, holds: Holds, mutant: Mutant) {
    check_in(histories(), name, least, holds, mutant);
}

fn check_in(histories: &[History], name: &str, least: usize, holds: Holds, mutant: Mutant) {
    let mut tried = 0;
    for (n, history) in histories.iter().enumerate() {
        holds(history).unwrap_or_else(|broken| panic!("{name}, history {n}: {broken}"));
        let mut places = Vec::new();
        let mut state = empty();
        for (i, (_, events)) in history.iter().enumerate() {
            for (j, event) in events.iter().enumerate() {
                if mutant(&state, &mut event.clone()) {
                    places.push((i, j));
                }
                state.fold(event);
            }
        }
        let picked = [0, places.len() / 2, places.len().saturating_sub(1)].map(|at| places.get(at));
        for (i, j) in picked.into_iter().flatten() {
            let mut changed = history.clone();
            let before = walk(&history[..*i].to_vec(), |_, _| Ok(())).expect("nothing is looked at");
            let mut before = before;
            history[*i].1[..*j].iter().for_each(|e| before.fold(e));
            mutant(&before, &mut changed[*i].1[*j]);
            tried += 1;
            assert!(holds(&changed).is_err(), "{name}, history {n}: nobody notices what was changed in {i}/{j}");
        }
    }
    println!("{name}: {} histories, {tried} mutants", histories.len());
    assert!(tried > least, "{name}: {tried}");
}

#[test]
fn i19_no_swap_takes_a_workload_under_its_floor() {
    fn holds(history: &History) -> Result<(), String> {
        walk(history, |state, event| {
            let Event::SwapChanged(swap) = event else { return Ok(()) };
            let instance = &state.instances[&swap.instance];
            let is_new = !state.swaps.contains_key(&swap.id);
            let under = instance.floor_in(swap.slot).iter().find(|(r, f)| amount(&swap.limits_to, **r) < **f);
            ensure(!is_new || under.is_none(), || format!("{} to {:?}", swap.instance_name, swap.limits_to))
        })
        .map(|_| ())
    }
    check("I19", 40, holds, |state, event| {
        let Event::SwapChanged(swap) = event else { return false };
        let Some((resource, floor)) = state.instances[&swap.instance].floor_in(swap.slot).iter().next() else {
            return false;
        };
        swap.limits_to.insert(*resource, floor - 1);
        *floor > 0 && !state.swaps.contains_key(&swap.id)
    });
}

#[test]
fn i21_holds_cover_charges_and_no_balance_is_negative() {
    fn holds(history: &History) -> Result<(), String> {
        walk(history, |state, event| {
            if let Event::OrderFilled { order, money, .. } = event {
                let held = state.orders.get(order).filter(|o| o.side == Side::Bid).map(|o| o.hold);
                ensure(held.is_none_or(|h| *money <= h), || format!("{order} is charged {money} of {held:?}"))?;
            }
            let Event::Transferred(t) = event else { return Ok(()) };
            let left = state.ledger.balance(t.debit) - t.amount;
            let member = matches!(t.debit, Account::Available(_) | Account::Held(_));
            ensure(!member || !left.is_negative(), || format!("{:?} has {left} after {}", t.debit, t.kind.name()))
        })
        .map(|_| ())
    }
    check("I21", 40, holds, |state, event| match event {
        Event::Transferred(t) if t.kind == TransferKind::Charge => {
            t.amount = state.ledger.balance(t.debit) + Credits::from_units(1);
            true
        }
        _ => false,
    });
}

#[test]
fn i22_charges_less_credit_notes_are_price_times_delivered() {
    fn holds(history: &History) -> Result<(), String> {
        let (mut paid, mut delivered) = (Credits::ZERO, Credits::ZERO);
        walk(history, |_, event| {
            match event {
                Event::Transferred(t) if matches!(t.kind, TransferKind::Charge | TransferKind::Rounding) => {
                    paid += t.amount;
                }
                Event::Transferred(t) if t.kind == TransferKind::CreditNote => paid += -t.amount,
                Event::Received(r) if r.side == Side::Bid => {
                    for line in &r.lines {
                        delivered += line.price.charge_half_even(line.delivered).expect("it was charged");
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        ensure(paid == delivered, || format!("{paid} paid for what is worth {delivered}"))
    }
    check("I22", 40, holds, |_, event| match event {
        Event::Transferred(t) if t.kind == TransferKind::CreditNote => {
            t.amount += Credits::from_units(1);
            true
        }
        Event::Received(r) if r.side == Side::Bid && r.lines.iter().any(|l| l.delivered > 0 && !l.price.is_zero()) => {
            r.lines.iter_mut().for_each(|l| l.delivered *= 2);
            r.lines.iter().any(|l| l.price.charge_half_even(l.delivered).is_some_and(|m| !m.is_zero()))
        }
        _ => false,
    });
}

#[test]
fn i23_a_replay_gives_the_same_prices_and_ledger() {
    fn holds(history: &History) -> Result<(), String> {
        let mut again = empty();
        for (envelope, events) in history {
            let (repeated, _) = apply(&mut again, envelope);
            ensure(repeated == *events, || format!("{:?} gives other events", envelope.command))?;
        }
        let folded = walk(history, |_, _| Ok(()))?;
        ensure(again.ledger == folded.ledger, || "another ledger".into())
    }
    check("I23", 40, holds, |_, event| match event {
        Event::RoundAwarded { prices, .. } if !prices.is_empty() => {
            let one = &mut prices[0];
            std::mem::swap(&mut one.volume, &mut one.supply);
            one.volume += 1;
            true
        }
        _ => false,
    });
}

#[test]
fn i24_pairs_are_few_and_net_to_what_is_due() {
    fn holds(history: &History) -> Result<(), String> {
        let mut state = empty();
        for (_, events) in history {
            let mut told: BTreeMap<(Slot, Resource), usize> = BTreeMap::new();
            for event in events {
                if let Event::SwapChanged(swap) = event
                    && !state.swaps.contains_key(&swap.id)
                {
                    nets_to_its_awards(&state, swap)?;
                    for pair in swap.pairs.iter().filter(|p| p.quantity > 0) {
                        *told.entry((swap.slot, pair.resource)).or_default() += 1;
                    }
                }
                state.fold(event);
            }
            for ((slot, resource), pairs) in told {
                let lines = |a: &Award| a.lines.iter().any(|l| l.slot == slot && l.resource == resource);
                let parties: BTreeSet<_> = state
                    .awards
                    .values()
                    .filter(|a| lines(a))
                    .map(|a| (a.participant, a.instance, a.nodes.clone()))
                    .collect();
                // the operator is one more lender, and one less than all is a tree
                ensure(pairs <= parties.len(), || format!("{pairs} pairs of {} parties", parties.len()))?;
            }
        }
        Ok(())
    }
    fn nets_to_its_awards(state: &State, swap: &Swap) -> Result<(), String> {
        let mut due: BTreeMap<Resource, i64> = BTreeMap::new();
        for award in state.awards.values().filter(|a| a.instance == Some(swap.instance)) {
            for line in award.lines.iter().filter(|l| l.slot == swap.slot) {
                *due.entry(line.resource).or_default() += match award.kind {
                    AwardKind::Bought => line.quantity - line.resold,
                    AwardKind::Lent => -line.quantity,
                    AwardKind::Resold => 0,
                };
            }
        }
        for pair in &swap.pairs {
            *due.entry(pair.resource).or_default() -= pair.quantity;
        }
        let miss = due.into_iter().find(|(_, q)| *q != 0);
        // what a lender gave with something else, and nobody wanted, has no other end (and no price)
        ensure(miss.is_none_or(|(_, q)| q < 0), || format!("{}: {miss:?} is not paired", swap.instance_name))
    }
    check("I24", 40, holds, |state, event| {
        let Event::SwapChanged(swap) = event else { return false };
        let Some(pair) = swap.pairs.iter_mut().find(|p| p.quantity > 0) else { return false };
        pair.quantity -= 1;
        !state.swaps.contains_key(&swap.id)
    });
}

#[test]
fn i25_a_rollback_restores_the_source_exactly() {
    fn holds(history: &History) -> Result<(), String> {
        walk(history, |state, event| {
            // the event before has told what the workload has again
            let Event::SwapChanged(swap) = event else { return Ok(()) };
            if swap.state != SwapState::RolledBack {
                return Ok(());
            }
            let i = &state.instances[&swap.instance];
            let same = i.node == swap.node_from && i.pool == swap.pool_from && i.in_force == swap.limits_from;
            ensure(same && i.swap.is_none(), || format!("{} is not what it was", i.name))?;
            // whoever still runs under the epoch of the target is shut out
            ensure(i.epoch > swap.epoch + 1, || format!("{} under epoch {}", i.name, i.epoch))
        })
        .map(|_| ())
    }
    check("I25", 40, holds, |state, event| {
        let Event::InstanceChanged(i) = event else { return false };
        let swap = state.instances.get(&i.id).and_then(|i| i.swap).and_then(|id| state.swaps.get(&id));
        i.in_force.values_mut().for_each(|q| *q += 1);
        i.swap.is_none() && swap.is_some_and(|s| s.moves() && s.state.is_fenced() && i.epoch > s.epoch + 1)
    });
}

/// The least that a holder is paid for what is sold on of it, and what rounding may take of that.
fn owed(state: &State, sold: &Award) -> Option<(i128, i128)> {
    let held = sold.resale_of.and_then(|id| state.awards.get(&id))?;
    // the limit covers all that it bought: what is sold is worth its part of that
    let part = |lines: &[AwardLine]| lines.iter().map(|l| i128::from(l.quantity)).sum::<i128>();
    let (sold_units, all) = (part(&sold.lines), part(&held.lines));
    // lines are sold in the bundle's own proportions, each rounded to a unit
    let blur = held.lines.iter().map(|l| i128::from(l.price.units()) / 1000 + 1).sum::<i128>();
    Some((i128::from(held.limit.units()) * sold_units / all.max(1), blur))
}

#[test]
fn i27_a_holder_that_is_bought_out_is_paid_at_least_its_limit() {
    fn holds(history: &History) -> Result<(), String> {
        walk(history, |state, event| {
            let Event::AwardMade(sold) = event else { return Ok(()) };
            let Some((least, blur)) = owed(state, sold) else { return Ok(()) };
            let paid = i128::from(sold.money.units());
            ensure(sold.kind == AwardKind::Resold && paid + blur >= least, || {
                format!("{paid} for what is worth {least}")
            })
        })
        .map(|_| ())
    }
    // Among the others few are bought out: here each bids more than those before, and all would sell.
    let histories: Vec<History> = (0..600)
        .map(|seed| {
            let (World { log, .. }, _) = random_life_with(seed, |world, mut command| {
                if let Command::PlaceOrder { side: Side::Bid, request, .. } = &mut command {
                    let times = 1 + world.log.len() as i64 / 30;
                    request.limit = Credits::from_units(request.limit.units() * times);
                    (request.resell, request.replicas) = (Resell::OwnLimit, 1);
                }
                command
            });
            log
        })
        .collect();
    check_in(&histories, "I27", 20, holds, |state, event| match event {
        Event::AwardMade(sold) if owed(state, sold).is_some_and(|(least, blur)| least > blur) => {
            sold.money = Credits::ZERO;
            true
        }
        _ => false,
    });
}
