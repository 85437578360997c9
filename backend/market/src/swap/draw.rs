//! A draw: a workload takes at once, for the rest of the slot, what nobody has bought on its node.
//!
//! A round sells slots that have not begun. Whoever needs more in the middle of one has what the operator has left of
//! it: that is idle, and it is there already, so that a resize makes it true within seconds. It is an award like
//! others, of an order that is filled as it is placed: by ticks from then on, for what was there.
//!
//! *Price* (`draw_price.rs`): that of the last reserve step that it reaches, at least the mean price of the slot, at most
//! the top of the price band. So nobody has it cheaper by waiting for the slot than bids were in the mean, and it
//! sets no price of the market. What rounds sell by the chance of a shortage is not drawn: it would be cheaper so.
//!
//! What is drawn ends with its slot. It is not sold on, makes nobody an incumbent, and goes on without a round for
//! nobody. Room that others wait for, or that is kept for whoever comes home, is not there to be drawn.
//!
//! Source: rule book §5 (draws). Absent on
//! purpose: drawing on what others have bought. They hold it for its slot; what a lender takes back is theirs by
//! `recall.rs`.
use crate::book::growth::Growth;
use crate::book::validate::not_enforced;
use crate::book::{lent, place};
use crate::ids::{NodeId, ParticipantId};
use crate::records::class::Class;
use crate::records::grounds::{Grounds, Input, Rule};
use crate::records::order::{Assurance, OrderRequest, Origin, PlacedBy, PoolChoice, Resell, TimeInForce, Window};
use crate::records::pool::NodeState;
use crate::records::rejection::Rejection;
use crate::records::round::{AwardLine, NO_ROUND};
use crate::records::swap::SwapState;
pub use crate::records::swap::{Draw, Drawn};
use crate::records::workload::{Instance, InstanceState};
use crate::refusal::{Refusal, conflict_at, invalid, not_found};
use crate::round::awards::award::{self, Part, Won};
use crate::round::book::occupancy::{Occupancy, moves};
use crate::state::State;
use crate::swap::dependencies::free_now;
use crate::swap::{draw_price, plan};
use crate::time::{Slot, Timestamp};
use crate::turn::Turn;
use crate::units::{Amounts, Resource, Share, amount};
use crate::workload::{target, vacate};
use std::collections::BTreeSet;

/// With less of a slot left, it would be over before there is anything to use; of short slots a sixth.
pub const LEAST_SECONDS: i64 = 10;

/// Takes it. `owner`: who asks, if it is a person or program and not the exchange for a workload whose strategy says so.
pub fn draw(turn: &mut Turn<'_>, owner: Option<ParticipantId>, asked: &Draw) -> Result<Drawn, Refusal> {
    let (drawn, instance) = offered(turn.state, owner, asked, turn.now)?;
    if let Some(most) = asked.highest_price.filter(|most| drawn.price > *most) {
        let detail = format!(
            "{} of {} are free for the rest of the slot, for {} each and slot. That is above your {most}.",
            drawn.quantity, asked.resource, drawn.price
        );
        return Err(conflict_at("draw_too_dear", "/highest_price", detail));
    }
    let slot = Slot::containing(turn.now, turn.state.market.rhythm.slot_seconds);
    let unpriced = || invalid("quantity_out_of_range", "/quantity", "That many cost more than there is money.");
    let line = AwardLine::new(instance.pool.clone(), asked.resource, slot, drawn.quantity, drawn.price);
    let line = line.ok_or_else(unpriced)?;
    let available = turn.state.available(instance.participant);
    if line.money > available {
        return Err(Rejection::CreditHoldExceedsBalance { needed: line.money, available }.into());
    }
    let request = OrderRequest {
        instance: Some(instance.id),
        window: Window { start_at: slot.start(), end_at: drawn.until },
        latest_start_at: None,
        replicas: 1,
        resources: Amounts::from([(asked.resource, drawn.quantity)]),
        pools: vec![PoolChoice::new(instance.pool.clone())],
        assurance: Assurance::Firm,
        limit: line.money,
        min_fill: Share::ZERO,
        time_in_force: TimeInForce::Ioc,
        expires_at: None,
        resell: Resell::Never,
        project: None,
        no_displacement: true,
        min_run_slots: 0,
        class: Class::default(),
        client_bid_id: None,
    };
    let money = line.money;
    let grounds = owner.is_none().then(|| Box::new(grounds(&instance, asked)));
    let by = PlacedBy { origin: Origin::Draw, grounds };
    let order = place::place_for_now(turn, instance.participant, request, money, by);
    let part = Part { nodes: vec![instance.node], lots: 1, lines: vec![line] };
    let won = Won { parts: vec![part], slots: 1, certified: money };
    award::fill(turn, NO_ROUND, order, won).map_err(|error| conflict_at("draw_failed", "", error.to_string()))?;
    plan::plan_changed(turn, &BTreeSet::from([instance.id]), slot, "more was drawn before it began");
    Ok(Drawn { order: Some(order), ..drawn })
}

/// What a strategy's draw goes by: a measurement, and the highest price that its owner has named.
fn grounds(instance: &Instance, asked: &Draw) -> Grounds {
    let baseline = amount(&instance.baseline, asked.resource);
    let input = Input { baseline, lacked: Some(asked.quantity), price: asked.highest_price, ..Input::default() };
    Grounds {
        rule: Rule::Draws,
        strategy_version: instance.strategy_version,
        forecast: None,
        level: None,
        each: None,
        chance: None,
        proceeds: None,
        inputs: [(asked.resource, input)].into(),
    }
}

/// How much of what is asked for could be drawn now, and at which price; and for whom.
pub fn offered(
    state: &State,
    owner: Option<ParticipantId>,
    asked: &Draw,
    now: Timestamp,
) -> Result<(Drawn, Instance), Refusal> {
    let instance = state.instances.get(&asked.instance).filter(|i| owner.is_none_or(|owner| i.participant == owner));
    let instance = instance.ok_or_else(|| not_found("instance"))?;
    let resource = asked.resource;
    if asked.quantity < 1 {
        return Err(invalid("quantity_out_of_range", "/quantity", "Draw at least one base unit."));
    }
    may_draw(state, instance, resource, now)?;
    let rhythm = &state.market.rhythm;
    let slot = Slot::containing(now, rhythm.slot_seconds);
    let most = within_limits(state, instance, slot, resource);
    if most == 0 {
        let limit = amount(&instance.limit, resource);
        return Err(Rejection::AboveInstanceLimit { resource, limit }.into());
    }
    let unsold = draw_price::headroom(state, slot, &instance.pool, resource);
    let there = free(state, instance, slot, resource).min(unsold.iter().map(|(quantity, _)| quantity).sum());
    let least = asked.quantity.min(most).min(there);
    let quantity = least - least % instance.lot(resource);
    if quantity < 1 {
        let detail = "No more of this resource is free on the workload's node in this slot. Bid for the slots that come, or \
                      ask again: what others let go of is free at once.";
        return Err(conflict_at("nothing_to_draw", "", detail.to_owned()));
    }
    let price = draw_price::of_headroom(state, slot, &instance.pool, resource, &unsold, quantity);
    let drawn = Drawn { order: None, resource, quantity, price, until: rhythm.slot_end(slot) };
    Ok((drawn, instance.clone()))
}

/// Whether a workload may draw at all now.
fn may_draw(state: &State, instance: &Instance, resource: Resource, now: Timestamp) -> Result<(), Refusal> {
    if instance.state != InstanceState::Running || instance.stop_requested {
        return Err(Rejection::InstanceNotRunning.into());
    }
    if let Some(halt) = state.halt(&instance.pool) {
        return Err(Rejection::PoolHalted { slug: instance.pool.clone(), reason: halt.reason.clone() }.into());
    }
    if !state.enforces(&instance.pool, resource) {
        return Err(not_enforced(state, instance.pool.clone(), resource).into());
    }
    let seconds = state.market.rhythm.slot_seconds;
    let slot = Slot::containing(now, seconds);
    // Who has kept what was to be given back in this slot has not shown that it gives back more.
    let keeps = instance.kept_by_program.contains(&slot);
    if vacate::is_vacatable(resource) && (keeps || !vacate::is_shown(instance)) {
        return Err(Rejection::NoVacatePath { resource }.into());
    }
    // Rounds sell it dearer the less is left, by chances that nobody knows in the slot itself.
    if state.pools.get(&instance.pool).is_some_and(|pool| pool.shortage_cost.contains_key(&resource)) {
        let detail =
            format!("{resource} of this pool is priced by the chance of a shortage, and not drawn. Bid for it.");
        return Err(conflict_at("draw_of_scarce", "", detail));
    }
    if slot < state.market.settled_until {
        let detail = "The market's first slot has not begun. Draw when it has.";
        return Err(conflict_at("slot_not_traded", "", detail.to_owned()));
    }
    // A round that takes longer than it should may still award the slot, and what goes on in it without a round is not
    // known before it is planned.
    if state.sealed.as_ref().is_some_and(|sealed| sealed.slots.contains(&slot)) || slot >= state.market.planned_until {
        let detail = "It is not decided yet who has what in this slot. Try again in a few seconds.";
        return Err(conflict_at("round_under_way", "", detail.to_owned()));
    }
    let least = LEAST_SECONDS.min(seconds / 6);
    if now.plus_seconds(least) > state.market.rhythm.slot_end(slot) {
        let detail = format!("Less than {least} s of the slot are left. Draw when the next one has begun.");
        return Err(conflict_at("slot_nearly_over", "", detail));
    }
    let swap = instance.swap.and_then(|id| state.swaps.get(&id));
    let changes = swap.is_some_and(|s| s.state != SwapState::Planned || s.moves() || s.slot <= slot);
    let node_state = state.nodes.get(&instance.node).map(|node| node.state);
    if node_state != Some(NodeState::Up) {
        let detail = "The workload's node is cordoned, or is down: it takes nothing new. A bid can have the workload \
                      moved to another node of the pool.";
        return Err(conflict_at("node_takes_nothing", "", detail));
    }
    if !changes && target::has_stayed(state, instance, slot) {
        let until = instance.pinned_until.map(|until| format!(" until {until}")).unwrap_or_default();
        let detail = format!(
            "What the workload has won in this slot is on another node, and its move there has failed or was refused. It \
             stays where it is{until}, and what it had won is credited. Draw in a slot for which it has won nothing \
             elsewhere, or bid for one after that."
        );
        return Err(conflict_at("workload_pinned", "", detail));
    }
    let is_there = target::target(state, instance, slot).node == instance.node;
    if instance.is_away() || instance.suspended.is_some() || changes || !is_there {
        let detail = "The workload is being resized or moved, is in another pool, or stands still. Try again when that \
                      is over.";
        return Err(conflict_at("workload_changes", "", detail.to_owned()));
    }
    Ok(())
}

/// What its limit and its thrash limit leave it.
fn within_limits(state: &State, instance: &Instance, slot: Slot, resource: Resource) -> i64 {
    // A baseline that was lowered is still there in slots that were planned with it.
    let more = (amount(instance.baseline_in(slot), resource) - amount(&instance.baseline, resource)).max(0);
    let room = Growth::of_instance(state, instance.id).room(instance, slot, resource) - more;
    let changed = lent::changed(state, instance.id).get(&(slot, resource)).copied().unwrap_or_default();
    let swappable = instance.strategy.max_swap.get(&resource).map_or(i64::MAX, |most| changed.may_win(*most));
    room.min(swappable).max(0)
}

/// What nobody is to have on its node in the slot, and nobody has.
fn free(state: &State, instance: &Instance, slot: Slot, resource: Resource) -> i64 {
    let Some(node) = state.nodes.get(&instance.node).filter(|n| n.state == NodeState::Up) else { return 0 };
    let promised = Occupancy::of(state, &[slot]).room(node, slot, resource);
    let free = promised.min(amount(&free_now(state, slot, node.id), resource));
    (free - arriving(state, node.id, slot, resource)).max(0)
}

/// What comes to a node for the slot after this one: its shadow runs take their room before that.
fn arriving(state: &State, node: NodeId, slot: Slot, resource: Resource) -> i64 {
    let next = slot.plus(1, state.market.rhythm.slot_seconds);
    let runs_elsewhere = |i: &&Instance| i.state == InstanceState::Running && i.node != node && i.swap.is_none();
    let comes = |i: &&Instance| moves(state, i.id).get(&node).is_some_and(|from| *from <= next);
    let there = state.instances.values().filter(runs_elsewhere).filter(comes);
    there.map(|i| target::target(state, i, next)).filter(|t| t.node == node).map(|t| amount(&t.limits, resource)).sum()
}
