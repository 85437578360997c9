//! Standing orders from the forecast: bids for what will probably be needed beyond the
//! baseline, offers of what will probably not be.
//!
//! A bid's n-th unit is worth shortage cost × P(at least n needed), the newsvendor rule; the
//! quantiles of the forecast cut it into a few steps. A shortage costs by resource, so the chance is
//! that of the unit's own resource. How the resources hang together decides how far the steps reach:
//! each ends where *no* resource is short with the step's chance. And it decides what is bid for at
//! once: resources that peak together are one order, of which no part comes without the other; others
//! are orders of their own, so that neither is paid for in slots that need the other.
//!
//! Orders that would hardly change stay as they are, so that a quiet market is a quiet journal. Each keeps what it was
//! decided by (`records/grounds.rs`).
//!
//! What its owner asks for by hand, or has won beyond the baseline, is not lent beside it: whoever lends by default must
//! not sell what it has just bought.
use crate::book::{away, close, place};
use crate::event::Event;
use crate::ids::{InstanceId, OrderId};
use crate::records::grounds::{ForecastUsed, Grounds, Input, Rule};
use crate::records::order::{
    Assurance, Order, OrderRequest, OrderStatus, Origin, PlacedBy, PoolChoice, Resell, Side, Window,
};
use crate::records::recallable::can_be_recalled;
use crate::records::round::AwardKind;
use crate::records::strategy::{Foreseen, SlotOutlook};
use crate::records::workload::{Instance, InstanceState};
use crate::state::State;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Amounts, Credits, Price, Resource, Share, amount};
use crate::workload::{buy_back, vacate};
use std::collections::{BTreeMap, BTreeSet};

/// A step or offer under this share (in percent) of the baseline is not worth an order.
const LEAST_PERCENT: i64 = 5;
/// An order whose quantity would change by less than this percentage is left alone, unless it lends more
/// than there is to be lent.
const KEEP_PERCENT: i64 = 10;
/// P(needed) of the units in a step without a joint forecast, in millionths: up to the median, to the
/// 90 %, to the 97.5 % quantile. The middle of each range of levels.
const STEPS: [(u16, i64); 3] = [(500, 750_000), (900, 300_000), (975, 62_000)];
/// Of the forecasts' levels, in thousandths, the one up to which nothing is lent as recallable: the slot's own need is
/// above it one time in ten, and then it is taken back. At the median it would be in every other slot.
const RECALLABLE_LEVEL: u16 = 900;
/// The level of which more is as likely needed as not.
const MEDIAN: u16 = 500;
/// A whole, in the millionths of a [`Share`].
const WHOLE: i64 = 1_000_000;
/// Resources are bid for at once where they are high together in at least half of the slots in which
/// one of them is.
const TOGETHER: Share = Share::from_units(500_000);

/// Units of some resources that are equally likely to be needed.
struct Step<'a> {
    need: &'a Amounts,
    /// In millionths.
    probability: i64,
    level: Share,
    /// Of a joint forecast.
    each: Option<Share>,
}

struct Wanted {
    side: Side,
    assurance: Assurance,
    resources: Amounts,
    limit: Credits,
    /// A part of it is of no use.
    whole: bool,
    /// Whether what is won is sold on at the limit: only where the limit is what it is worth.
    resell: Resell,
    grounds: Grounds,
}

/// Brings the automatic orders of an instance in line with its outlook.
pub fn follow(turn: &mut Turn<'_>, id: InstanceId, foreseen: &Foreseen) {
    let Some(instance) = turn.state.instances.get(&id).cloned() else { return };
    // The first slot that it speaks of begins where the last one that it has seen ends; one that was made in the middle
    // of a slot has seen it so far.
    let seen_until = foreseen.slots.first().map(|first| first.slot.start().min(turn.now));
    let forecast = seen_until.map(|seen_until| ForecastUsed { model: foreseen.model.clone(), seen_until });
    let by_hand = bids_by_hand(turn.state, &instance);
    let rhythm = turn.state.market.rhythm.clone();
    for slot in &foreseen.slots {
        if !rhythm.gate_is_open(slot.slot, turn.now) {
            continue;
        }
        let mut wanted = Vec::new();
        if instance.state == InstanceState::Running && !instance.stop_requested {
            wanted.extend(bids(turn.state, &instance, slot));
            // Nobody lends what it asks for; but to ask for memory, however unlikely it is to be needed, is no
            // reason to keep processors. Memory is given back by work, and work that waits holds it: who asks
            // for processors lends nothing.
            let mut asked: BTreeSet<Resource> = wanted.iter().flat_map(|w| w.resources.keys().copied()).collect();
            let by_hand = by_hand.iter().filter(|bid| bid.from <= slot.slot && bid.until.is_none_or(|u| slot.slot < u));
            asked.extend(by_hand.flat_map(|bid| &bid.resources));
            if !asked.contains(&Resource::CpuMilli) {
                let has_more = buy_back::position(turn.state, id, slot.slot);
                let keeps = |r: &Resource| asked.contains(r) || amount(&has_more, *r) > 0;
                let offers = offers(turn.state, &instance, slot);
                wanted.extend(offers.into_iter().filter(|offer| !offer.resources.keys().any(keeps)));
            }
        }
        for order in &mut wanted {
            (order.grounds.strategy_version, order.grounds.forecast) = (instance.strategy_version, forecast.clone());
        }
        replace_orders(turn, &instance, slot.slot, wanted);
    }
}

/// An open bid of a workload that a person has placed.
struct ByHand {
    resources: Vec<Resource>,
    from: Slot,
    /// None of a bid that may carry the workload to another pool: it goes only if nothing of it is lent at home from then
    /// on.
    until: Option<Slot>,
}

fn bids_by_hand(state: &State, instance: &Instance) -> Vec<ByHand> {
    if instance.strategy.auto_offer.is_none() {
        return Vec::new();
    }
    let seconds = state.market.rhythm.slot_seconds;
    let mine = |o: &&Order| o.origin == Origin::Manual && o.side == Side::Bid && state.order_is_open(o.id);
    let bid = |o: &Order| {
        let (leaves, from) = (away::leaves(state, &o.request), o.request.first_slot());
        let resources = if leaves { &instance.baseline } else { &o.request.resources };
        let until = o.request.last_start().plus(o.request.window_slots(seconds), seconds);
        ByHand { resources: resources.keys().copied().collect(), from, until: (!leaves).then_some(until) }
    };
    state.orders_of(instance.id).filter(mine).map(bid).collect()
}

fn replace_orders(turn: &mut Turn<'_>, instance: &Instance, slot: Slot, mut wanted: Vec<Wanted>) {
    let automatic = |o: &&Order| o.origin != Origin::Manual && o.request.first_slot() == slot;
    let present: Vec<(OrderId, bool)> =
        turn.state.orders_of(instance.id).filter(automatic).map(|o| (o.id, o.sealed_in.is_some())).collect();
    for (id, sealed) in present {
        let order = &turn.state.orders[&id];
        if let Some(at) = wanted.iter().position(|w| is_close(order, w)) {
            wanted.remove(at);
        } else if !sealed {
            close::close(turn, id, OrderStatus::Canceled, Some("forecast_changed".to_owned()), None);
        } else {
            // A sealed order plays its round out; the next outlook sees to it.
            let (side, assurance) = (order.side, order.request.assurance);
            wanted.retain(|w| (w.side, w.assurance) != (side, assurance));
        }
    }
    for order in wanted {
        let request = request(turn.state, instance, slot, &order);
        let origin = if order.side == Side::Bid { Origin::AutoBid } else { Origin::AutoOffer };
        // A refusal (no balance, too many orders, an own order that it meets) just means that there is no automatic order.
        let by = PlacedBy::rule(origin, order.grounds);
        let _refused = place::place(turn, instance.participant, order.side, request, None, by);
    }
}

fn is_close(order: &Order, wanted: &Wanted) -> bool {
    let near = |a: i64, b: i64| (a - b).abs() * 100 <= KEEP_PERCENT * a.max(b);
    let covers = |r: &Resource, q: i64| match wanted.side {
        // Less than the whole is of no use.
        Side::Bid => !wanted.whole || amount(&order.remaining, *r) >= q,
        Side::Offer => amount(&order.remaining, *r) <= q,
    };
    order.side == wanted.side
        && order.request.assurance == wanted.assurance
        && order.request.resell == wanted.resell
        && (order.request.min_fill.units() == WHOLE) == wanted.whole
        && order.remaining.len() == wanted.resources.len()
        && wanted.resources.iter().all(|(r, q)| near(amount(&order.remaining, *r), *q) && covers(r, *q))
        && near(order.remaining_limit.units(), wanted.limit.units())
}

fn request(state: &State, instance: &Instance, slot: Slot, wanted: &Wanted) -> OrderRequest {
    let end_at = slot.plus(1, state.market.rhythm.slot_seconds).start();
    OrderRequest {
        instance: Some(instance.id),
        window: Window { start_at: slot.start(), end_at },
        latest_start_at: None,
        replicas: 1,
        resources: wanted.resources.clone(),
        pools: vec![PoolChoice { pool: instance.pool.clone(), adder: Credits::ZERO }],
        assurance: wanted.assurance,
        limit: wanted.limit,
        min_fill: if wanted.whole { Share::from_units(WHOLE) } else { Share::ZERO },
        time_in_force: Default::default(),
        expires_at: None,
        resell: wanted.resell,
        project: None,
        no_displacement: false,
        min_run_slots: 0,
        class: instance.class,
        client_bid_id: None,
    }
}

fn bids(state: &State, instance: &Instance, outlook: &SlotOutlook) -> Vec<Wanted> {
    let hinted = hinted_need(state, instance.id, outlook.slot);
    let mut wanted = bids_for_proceeds(state, instance, outlook, &hinted);
    let Some(strategy) = &instance.strategy.auto_bid else { return wanted };
    let cost = &strategy.shortage_cost;
    // What is lent is missing as anything else that is not there.
    let mut covered = buy_back::position(state, instance.id, outlook.slot);
    wanted.extend(to_go_on(instance, outlook.slot, cost, &covered));
    let (steps, together) = steps(outlook, cost);
    for step in steps {
        let (mut resources, mut inputs) = (Amounts::new(), BTreeMap::new());
        for resource in cost.keys().filter(|r| can_have(instance, **r)) {
            let baseline = amount(&instance.baseline, *resource);
            let most = amount(&instance.limit, *resource) - baseline;
            let (forecast, hinted) = (amount(step.need, *resource), amount(&hinted, *resource));
            let needed = forecast.max(hinted);
            let beyond = (needed - baseline).min(most) - amount(&covered, *resource);
            let beyond = whole_up(instance.lot(*resource), beyond, most - amount(&covered, *resource));
            if beyond * 100 >= LEAST_PERCENT * baseline.max(1) && beyond > 0 {
                let input = Input {
                    baseline,
                    needed: Some(forecast),
                    hinted,
                    already: amount(&covered, *resource),
                    limit: (needed - baseline > most).then_some(baseline + most),
                    price: cost.get(resource).copied(),
                    ..Input::default()
                };
                inputs.insert(*resource, input);
                resources.insert(*resource, beyond);
                *covered.entry(*resource).or_default() += beyond;
            }
        }
        let is_recallable = |r: &Resource| strategy.assurance == Assurance::Recallable && can_be_recalled(*r);
        let assurance = |r: &Resource| if is_recallable(r) { Assurance::Recallable } else { Assurance::Firm };
        // What may be taken back and what may not are never one order.
        let mut orders: BTreeMap<(Assurance, usize), Amounts> = BTreeMap::new();
        for (index, (resource, quantity)) in resources.into_iter().enumerate() {
            // Devices are won whole, others as much as there is.
            let apart = if together && instance.lot(resource) == 1 { 0 } else { 1 + index };
            orders.entry((assurance(&resource), apart)).or_default().insert(resource, quantity);
        }
        for ((assurance, _), resources) in orders {
            let value = value_of(&resources, cost, step.probability);
            if !resources.is_empty() && value > Credits::ZERO {
                let (whole, resell) = (resources.keys().any(|r| instance.lot(*r) > 1), Resell::OwnLimit);
                let inputs = inputs.iter().filter(|(r, _)| resources.contains_key(r)).map(|(r, i)| (*r, *i)).collect();
                let chance = Some(Share::from_units(step.probability));
                let grounds =
                    Grounds { level: Some(step.level), each: step.each, chance, ..grounds(Rule::AutoBid, inputs) };
                wanted.push(Wanted { side: Side::Bid, assurance, resources, limit: value, whole, resell, grounds });
            }
        }
    }
    wanted
}

/// Without a way to give memory back a workload could have none, and would have to do without the rest of the order.
fn can_have(instance: &Instance, resource: Resource) -> bool {
    !vacate::is_vacatable(resource) || vacate::is_shown(instance) && instance.suspended.is_none()
}

/// What was lent of resources whose shortage has no price, as far as it will rather be needed than not: for no more than
/// what lending it brought.
fn bids_for_proceeds(state: &State, instance: &Instance, outlook: &SlotOutlook, hinted: &Amounts) -> Vec<Wanted> {
    let Some(lends) = &instance.strategy.auto_offer else { return Vec::new() };
    let priced = |r: &Resource| instance.strategy.auto_bid.as_ref().is_some_and(|b| b.shortage_cost.contains_key(r));
    let Some((_, need)) = outlook.need.iter().find(|(level, _)| *level == MEDIAN) else { return Vec::new() };
    let mut wanted = Vec::new();
    for resource in lends.minimum_price.keys().filter(|r| !priced(r) && can_have(instance, **r)) {
        let lent = buy_back::Lent::of(state, instance.id, outlook.slot, *resource);
        let baseline = amount(&instance.baseline, *resource);
        let (forecast, hinted) = (amount(need, *resource), amount(hinted, *resource));
        let needed = forecast.max(hinted).min(baseline);
        let missing = whole_up(instance.lot(*resource), needed - (baseline - lent.quantity), lent.quantity);
        let limit = lent.proceeds_of(missing);
        if missing > 0 && missing * 100 >= LEAST_PERCENT * baseline.max(1) && limit > Credits::ZERO {
            let (resources, whole) = ([(*resource, missing)].into(), instance.lot(*resource) > 1);
            let (side, assurance, resell) = (Side::Bid, Assurance::Firm, Resell::Never);
            let input = Input {
                baseline,
                needed: Some(forecast),
                hinted,
                already: -lent.quantity,
                limit: (forecast.max(hinted) > baseline).then_some(baseline),
                ..Input::default()
            };
            let (level, proceeds) = (Some(thousandths(MEDIAN)), Some(lent.left));
            let grounds = Grounds { level, proceeds, ..grounds(Rule::BuyBack, [(*resource, input)].into()) };
            wanted.push(Wanted { side, assurance, resources, limit, whole, resell, grounds });
        }
    }
    wanted
}

/// What one that stands still lacks to go on: all of it or nothing, at the whole cost of a shortage, which is certain.
fn to_go_on(instance: &Instance, slot: Slot, cost: &BTreeMap<Resource, Price>, covered: &Amounts) -> Option<Wanted> {
    let needs = &instance.suspended.as_ref()?.needs;
    let lacks =
        |(r, needed): (&Resource, &i64)| (*r, needed - amount(instance.baseline_in(slot), *r) - amount(covered, *r));
    let resources: Amounts = needs.iter().map(lacks).filter(|(_, lacks)| *lacks > 0).collect();
    let limit = value_of(&resources, cost, WHOLE);
    let is_priced = !resources.is_empty() && resources.keys().all(|r| cost.contains_key(r));
    let (side, assurance, resell) = (Side::Bid, Assurance::Firm, Resell::OwnLimit);
    let input = |r: &Resource| {
        let (needed, baseline) = (Some(amount(needs, *r)), amount(instance.baseline_in(slot), *r));
        let (already, price) = (amount(covered, *r), cost.get(r).copied());
        (*r, Input { baseline, needed, already, price, ..Input::default() })
    };
    let inputs = resources.keys().map(input).collect();
    let grounds = Grounds { chance: Some(Share::from_units(WHOLE)), ..grounds(Rule::Resume, inputs) };
    let wanted = Wanted { side, assurance, resources, limit, whole: true, resell, grounds };
    Some(wanted).filter(|_| is_priced && limit > Credits::ZERO)
}

/// So much in whole lots, at most `most`.
fn whole_up(lot: i64, quantity: i64, most: i64) -> i64 {
    if lot == 1 || quantity <= 0 {
        return quantity;
    }
    quantity.saturating_add(lot - 1).min(most.max(0)) / lot * lot
}

/// The steps of an outlook, and whether their resources are one order.
fn steps<'a>(outlook: &'a SlotOutlook, cost: &BTreeMap<Resource, Price>) -> (Vec<Step<'a>>, bool) {
    // A joint forecast of other resources than have a price now is older than the strategy.
    let forecast = |r: &&Resource| outlook.need.iter().any(|(_, need)| need.contains_key(r));
    let joint = outlook.joint.as_ref().filter(|joint| {
        joint.steps.iter().all(|s| cost.keys().filter(forecast).eq(s.need.keys().filter(|r| cost.contains_key(r))))
    });
    let Some(joint) = joint else {
        let step = |(level, probability)| {
            let (_, need) = outlook.need.iter().find(|(l, _)| *l == level)?;
            Some(Step { need, probability, level: thousandths(level), each: None })
        };
        return (STEPS.into_iter().filter_map(step).collect(), true);
    };
    let mut before = 0;
    let step = |step: &'a crate::records::strategy::JointStep| {
        let each = step.each.units().clamp(before, WHOLE);
        // The middle of the range of levels, rounded down as every limit is.
        let probability = WHOLE - (before + each + 1) / 2;
        before = each;
        Step { need: &step.need, probability, level: step.level, each: Some(step.each) }
    };
    (joint.steps.iter().map(step).collect(), joint.together >= TOGETHER)
}

fn offers(state: &State, instance: &Instance, outlook: &SlotOutlook) -> Vec<Wanted> {
    let Some(strategy) = &instance.strategy.auto_offer else { return Vec::new() };
    let lent = once_lent(state, instance.id);
    let hinted = hinted_need(state, instance.id, outlook.slot);
    let mut wanted = Vec::new();
    // Offers are sold by the unit, and a device is not.
    for resource in instance.baseline.keys().filter(|r| instance.lot(**r) == 1) {
        let baseline = amount(&instance.baseline, *resource);
        let (floor, hinted) = (amount(&instance.floor, *resource), amount(&hinted, *resource));
        let mut offer = |assurance: Assurance, price: Option<Price>, needed: i64, already: i64| {
            let quantity = baseline - needed.max(hinted).max(floor) - already;
            let worth_it = quantity > 0 && quantity * 100 >= LEAST_PERCENT * baseline.max(1);
            let Some(least) = price.filter(|_| worth_it) else { return 0 };
            let limit = least.hold_round_up(quantity).unwrap_or_default();
            let input = Input { baseline, needed: Some(needed), hinted, floor, already, price, ..Input::default() };
            let level = (assurance == Assurance::Recallable).then_some(thousandths(RECALLABLE_LEVEL));
            let grounds = Grounds { level, ..grounds(Rule::AutoOffer, [(*resource, input)].into()) };
            let resources = [(*resource, quantity)].into();
            let (side, resell) = (Side::Offer, Resell::OwnLimit);
            wanted.push(Wanted { side, assurance, resources, limit, whole: false, resell, grounds });
            quantity
        };
        let already = lent.get(&(outlook.slot, *resource)).copied().unwrap_or(0);
        let reserve = state.reserve_price(&instance.pool, *resource, outlook.slot);
        let reserve = reserve.filter(|_| strategy.at_least_reserve_price).unwrap_or(Price::ZERO);
        let least = strategy.minimum_price.get(resource).map(|own| reserve.max(*own));
        let firm = offer(Assurance::Firm, least, baseline - amount(&outlook.lendable, *resource), already);
        // More is known not to be needed in a slot than in the whole window that a firm offer is bounded by.
        let probably = outlook.need.iter().find(|(level, _)| *level == RECALLABLE_LEVEL);
        let needed = probably.map_or(baseline, |(_, need)| amount(need, *resource));
        offer(Assurance::Recallable, strategy.recallable_price.get(resource).copied(), needed, already + firm);
    }
    wanted
}

/// Without what `follow` adds for all of them.
fn grounds(rule: Rule, inputs: BTreeMap<Resource, Input>) -> Grounds {
    let (strategy_version, forecast) = (0, None);
    Grounds { rule, strategy_version, forecast, level: None, each: None, chance: None, proceeds: None, inputs }
}

fn thousandths(level: u16) -> Share {
    Share::from_units(i64::from(level) * 1_000)
}

/// What a workload has lent, also what of it its owner has taken back since: that was to say that it is needed.
fn once_lent(state: &State, id: InstanceId) -> BTreeMap<(Slot, Resource), i64> {
    let mut total = BTreeMap::new();
    for line in state.awards_of(id).filter(|a| a.kind == AwardKind::Lent).flat_map(|a| &a.lines) {
        *total.entry((line.slot, line.resource)).or_default() += line.quantity;
    }
    total
}

fn value_of(resources: &Amounts, cost: &BTreeMap<Resource, Price>, probability: i64) -> Credits {
    let all: Credits =
        resources.iter().filter_map(|(r, q)| cost.get(r).and_then(|price| price.charge_half_even(*q))).sum();
    all.share_floor(probability, WHOLE)
}

/// What external hints say will be needed at least.
pub fn hinted_need(state: &State, id: InstanceId, slot: Slot) -> Amounts {
    let at = slot.start();
    let mut need = Amounts::new();
    for hint in state.hints.values() {
        if hint.instance == id && hint.is_in_force(at) && hint.starts_at <= at {
            for (resource, quantity) in &hint.expected_demand {
                let entry = need.entry(*resource).or_default();
                *entry = (*entry).max(*quantity);
            }
        }
    }
    need
}

/// Notes what workloads are expected to need, and has their automatic orders follow it.
pub fn record_outlooks(turn: &mut Turn<'_>, model: Option<&str>, outlooks: Vec<(InstanceId, Vec<SlotOutlook>)>) {
    for (instance, slots) in outlooks {
        if !turn.state.instances.contains_key(&instance) {
            continue;
        }
        let foreseen = Foreseen { model: model.map(str::to_owned), slots };
        let (model, slots) = (foreseen.model.clone(), foreseen.slots.clone());
        turn.emit(Event::OutlookRecorded { instance, model, slots });
        follow(turn, instance, &foreseen);
    }
}

#[cfg(test)]
mod tests {
    use super::whole_up;

    #[test]
    fn what_comes_in_lots_is_wanted_in_whole_ones() {
        assert_eq!([1, 4_000, 4_001, 9_000].map(|wanted| whole_up(4_000, wanted, 8_000)), [4_000, 4_000, 8_000, 8_000]);
        assert_eq!(whole_up(4_000, 1, 3_000), 0, "less than a lot is possible");
        assert_eq!(whole_up(1, 7, 3), 7, "what has no lots is left as it is");
    }
}
