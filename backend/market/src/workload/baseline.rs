//! What a workload always has: its baseline and its floor, changed by an admin.
use crate::book::{away, self_trade};
use crate::event::Event;
use crate::ids::{InstanceId, NodeId, OrderId};
use crate::records::order::Side;
use crate::records::recallable::node_of;
use crate::records::round::AwardKind;
use crate::records::workload::{EarlierBaseline, Instance, InstanceState, ModuleKind};
use crate::refusal::{Refusal, RefusalKind, not_found};
use crate::round::book::occupancy::moves;
use crate::state::State;
use crate::time::Slot;
use crate::turn::Turn;
use crate::units::{Amounts, Resource, amount};
use crate::workload::away::is_elsewhere;
use crate::workload::check::{check_amounts, check_quota, check_shape};
use crate::workload::register::first_fit;
use crate::workload::{adopt, service};
use std::collections::{BTreeMap, BTreeSet};

pub fn set_baseline(
    turn: &mut Turn<'_>,
    id: InstanceId,
    baseline: Amounts,
    floor: Amounts,
) -> Result<InstanceId, Refusal> {
    let mut instance = turn.state.instances.get(&id).cloned().ok_or_else(|| not_found("instance"))?;
    let pool = &turn.state.pools[&instance.pool];
    check_amounts(pool, &baseline, "baseline")?;
    check_amounts(pool, &floor, "floor")?;
    check_shape(&baseline, &floor, &instance.limit)?;
    if instance.driver == ModuleKind::Service.driver() {
        service::check_amounts(&[(&baseline, "baseline"), (&floor, "floor")])?;
    }
    if let Some(adopted) = &instance.adopted {
        adopt::check_amounts(adopted, &[(&baseline, "baseline"), (&floor, "floor")])?;
    }
    check_quota(turn.state, instance.participant, Some(id), &baseline)?;
    check_committed(turn.state, &instance, &baseline, &floor)?;
    let more = baseline.iter().map(|(r, q)| (*r, q - amount(&instance.baseline, *r))).filter(|(_, q)| *q > 0);
    let more: Amounts = more.collect();
    if instance.state == InstanceState::Running && !more.is_empty() {
        // Where it is, and wherever its awards will take it,
        // also the round that is being cleared.
        let sealed = hosted_by_sealed(turn.state, id);
        let nodes = [instance.home_node()].into_iter().chain(moves(turn.state, id).into_keys()).chain(sealed);
        for node in nodes.collect::<BTreeSet<_>>() {
            let node = turn.state.nodes.get(&node);
            let pool = node.map_or(&instance.pool, |node| &node.pool);
            first_fit(turn.state, turn.now, pool, node.into_iter(), |_, _, _| more.clone())?;
        }
    }
    keep_for_planned_slots(turn, &mut instance);
    instance.baseline = baseline;
    instance.floor = floor;
    turn.emit(Event::InstanceChanged(instance));
    self_trade::follow_baseline(turn, id);
    Ok(id)
}

/// The nodes on which the bids of a workload are in the sealed round.
fn hosted_by_sealed(state: &State, id: InstanceId) -> BTreeSet<NodeId> {
    let orders = state.sealed.iter().flat_map(|sealed| &sealed.book.orders);
    let is_of = |name: &str| {
        let order = name.parse().ok().and_then(|order: OrderId| state.orders.get(&order));
        order.is_some_and(|order| order.request.instance == Some(id))
    };
    let hosts = orders.filter(|o| is_of(&o.id)).filter_map(|o| node_of(o.node.as_ref()?));
    let home =
        |node: &NodeId| state.nodes.get(node).zip(state.instances.get(&id)).is_some_and(|(n, i)| n.pool == i.pool);
    hosts.filter(home).collect()
}

/// Slots whose gate has closed go on with the baseline that they were planned with: what is in force
/// follows with the next plan, and the meter measures against what was meant to be there.
fn keep_for_planned_slots(turn: &Turn<'_>, instance: &mut Instance) {
    let market = &turn.state.market;
    let present = Slot::containing(turn.now, market.rhythm.slot_seconds);
    instance.earlier_baselines.retain(|earlier| earlier.until > present);
    let until = market.planned_until;
    // One that no slot was planned with was never in force; and what does not run has no slot planned with it.
    let planned_with = instance.earlier_baselines.last().is_none_or(|earlier| earlier.until < until);
    if until > present && planned_with && instance.state == InstanceState::Running {
        let (baseline, floor) = (instance.baseline.clone(), instance.floor.clone());
        instance.earlier_baselines.push(EarlierBaseline { until, baseline, floor });
    }
}

/// What an instance has won and lent by slot and resource, and may have when the round under way
/// is awarded: more of either than its limit or its floor allows would be no more than a promise.
#[derive(Default)]
struct Committed {
    won: BTreeMap<(Slot, Resource), i64>,
    lent: BTreeMap<(Slot, Resource), i64>,
    /// What of it is lent for good, whatever the round under way brings.
    gone: BTreeMap<(Slot, Resource), i64>,
    /// All that it has, or may come to have, in a slot in which it is in another pool.
    elsewhere: BTreeMap<Slot, Amounts>,
}

impl Committed {
    fn of(state: &State, id: InstanceId) -> Self {
        let mut all = Self::default();
        for award in state.awards_of(id) {
            let instance = state.instances.get(&id);
            if instance.is_some_and(|i| is_elsewhere(award, i)) {
                for line in award.lines.iter().filter(|l| !l.settled) {
                    *all.elsewhere.entry(line.slot).or_default().entry(line.resource).or_default() += line.quantity;
                }
                continue;
            }
            let side = match award.kind {
                AwardKind::Bought => &mut all.won,
                AwardKind::Lent => &mut all.lent,
                AwardKind::Resold => continue,
            };
            for line in award.lines.iter().filter(|l| !l.settled) {
                *side.entry((line.slot, line.resource)).or_default() += line.left();
                if award.kind == AwardKind::Lent && !line.is_recallable() {
                    *all.gone.entry((line.slot, line.resource)).or_default() += line.left();
                }
            }
        }
        for order in state.orders_of(id).filter(|o| o.sealed_in.is_some()) {
            let side = if order.side == Side::Bid { &mut all.won } else { &mut all.lent };
            let alternatives = order.request.alternatives(state.market.rhythm.slot_seconds);
            for there in alternatives.iter().filter(|a| away::carried(state, &order.request, &a.pool).is_some()) {
                let amounts = away::amounts(state, &order.request, &order.remaining, &there.pool);
                all.elsewhere.extend(there.slots.iter().map(|slot| (*slot, amounts.clone().into_owned())));
            }
            for slot in alternatives.into_iter().flat_map(|a| a.slots).collect::<BTreeSet<_>>() {
                for (resource, quantity) in &order.remaining {
                    *side.entry((slot, *resource)).or_default() += quantity;
                }
            }
        }
        all
    }
}

fn check_committed(state: &State, instance: &Instance, baseline: &Amounts, floor: &Amounts) -> Result<(), Refusal> {
    let committed = Committed::of(state, instance.id);
    let conflict = |code, (slot, resource): &(Slot, Resource), text: String| {
        Err(Refusal {
            kind: RefusalKind::Conflict,
            code,
            pointer: format!("/baseline/{resource}"),
            detail: format!(
                "{text} in the slot of {slot}, or are sealed in the round under way. Change the baseline for after that slot."
            ),
        })
    };
    // Slots that are planned keep the baseline and floor that what is lent and won was checked against. Of one that
    // does not run they keep what they were planned with while it ran.
    let kept_until = match instance.state {
        InstanceState::Running => state.market.planned_until,
        _ => instance.earlier_baselines.last().map_or(Slot::default(), |earlier| earlier.until),
    };
    let keeps = |slot: Slot| slot < kept_until;
    let open = |entry: &(&(Slot, Resource), &i64)| !keeps(entry.0.0) && *entry.1 > 0;
    let under_floor = |(at, q): &(&(Slot, Resource), &i64)| amount(baseline, at.1) - **q < amount(floor, at.1);
    if let Some((at, quantity)) = committed.lent.iter().filter(open).find(under_floor) {
        return conflict("capacity_lent", at, format!("{quantity} {} are lent", at.1));
    }
    for (slot, there) in committed.elsewhere.iter().filter(|(slot, _)| !keeps(**slot)) {
        if let Some(resource) = floor.iter().find(|(r, q)| amount(there, **r) < **q).map(|(r, _)| *r) {
            let text = format!("{} {resource} are all that it has won in another pool", amount(there, resource));
            return conflict("capacity_won", &(*slot, resource), text);
        }
    }
    // What was bought back takes the place of what is lent.
    let gone = |at: &(Slot, Resource)| committed.gone.get(at).copied().unwrap_or(0);
    let over_limit =
        |(at, q): &(&(Slot, Resource), &i64)| amount(baseline, at.1) + **q - gone(at) > amount(&instance.limit, at.1);
    if let Some((at, quantity)) = committed.won.iter().filter(open).find(over_limit) {
        return conflict("capacity_won", at, format!("{quantity} {} are won beside the baseline", at.1));
    }
    Ok(())
}
