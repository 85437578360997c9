//! Whether a workload runs: stopped by its participant, ended by a fault of its program, started again.
use crate::event::Event;
use crate::ids::{InstanceId, OrderId, ParticipantId};
use crate::records::workload::{Fault, Instance, InstanceState, ModuleKind};
use crate::refusal::{Refusal, RefusalKind, not_found};
use crate::round::book::occupancy::{Occupancy, moves_from};
use crate::state::State;
use crate::swap::{approval, plan, waiting};
use crate::time::Slot;
use crate::turn::Turn;
use crate::workload::check::{check_quota, own};
use crate::workload::register::first_fit;
use crate::workload::{away, relocation, service, vacate};

const INSTANCE_STOPPED: &str = "instance_stopped";
pub(crate) const INSTANCE_FAILED: &str = "instance_failed";

/// Of a fault's text, in characters.
const LONGEST_FAULT: usize = 500;

/// Stops a workload; its orders are cancelled, capacity that it won goes unused. While a swap changes it the stop is
/// remembered until that has ended: halfway between two nodes it can't be stopped on either.
pub fn stop(turn: &mut Turn<'_>, participant: ParticipantId, id: InstanceId) -> Result<InstanceId, Refusal> {
    own(turn.state, participant, id)?;
    waiting::withdraw_of(turn, id, INSTANCE_STOPPED);
    let mut instance = own(turn.state, participant, id)?;
    if instance.swap.is_some() {
        return stop_later(turn, participant, id);
    }
    instance.state = InstanceState::Stopped;
    instance.stop_requested = false;
    instance.suspended = None;
    away::give_up(turn, &mut instance);
    relocation::withdraw(&mut instance, turn.now);
    instance.fault = None;
    turn.emit(Event::InstanceChanged(instance));
    end_orders(turn, participant, id, INSTANCE_STOPPED);
    Ok(id)
}

fn stop_later(turn: &mut Turn<'_>, participant: ParticipantId, id: InstanceId) -> Result<InstanceId, Refusal> {
    let mut instance = own(turn.state, participant, id)?;
    if instance.state != InstanceState::Running {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "swap_in_progress",
            pointer: String::new(),
            detail: "A swap is changing this workload. Try again when it has ended.".to_owned(),
        });
    }
    instance.stop_requested = true;
    turn.emit(Event::InstanceChanged(instance));
    end_orders(turn, participant, id, INSTANCE_STOPPED);
    Ok(id)
}

/// A stop that has waited for a swap comes about once that has ended.
pub(crate) fn stop_if_due(turn: &mut Turn<'_>, id: InstanceId) {
    let due = turn.state.instances.get(&id).filter(|i| i.stop_requested && i.swap.is_none());
    if let Some(participant) = due.map(|i| i.participant) {
        let _known = stop(turn, participant, id);
    }
}

/// What is to be stopped now, as no swap changes it any more.
pub fn stops_due(state: &State) -> Vec<(ParticipantId, InstanceId)> {
    let due = state.instances.values().filter(|i| i.stop_requested && i.swap.is_none());
    due.map(|i| (i.participant, i.id)).collect()
}

/// What does not run bids for nothing.
fn end_orders(turn: &mut Turn<'_>, participant: ParticipantId, id: InstanceId, reason: &'static str) {
    let orders: Vec<OrderId> = turn.state.orders_of(id).map(|o| o.id).collect();
    for order in orders {
        let _waits_if_sealed = crate::book::close::cancel(turn, participant, order, reason);
    }
}

/// Notes that a workload's program faulted: it runs no more and its orders are cancelled. What
/// it has won was made available to it and is paid for.
pub fn fail(turn: &mut Turn<'_>, id: InstanceId, detail: String) -> Result<InstanceId, Refusal> {
    let is_running = |i: &Instance| i.state == InstanceState::Running;
    if !turn.state.instances.get(&id).map(is_running).ok_or_else(|| not_found("instance"))? {
        return Ok(id);
    }
    waiting::withdraw_of(turn, id, INSTANCE_FAILED);
    if turn.state.instances.get(&id).is_some_and(|i| i.swap.is_some()) {
        // A swap is about to find out, or ends for that: the driver will say it again.
        return Ok(id);
    }
    let mut instance = turn.state.instances.get(&id).cloned().ok_or_else(|| not_found("instance"))?;
    let participant = instance.participant;
    instance.state = InstanceState::Failed;
    instance.stop_requested = false;
    instance.suspended = None;
    away::give_up(turn, &mut instance);
    relocation::withdraw(&mut instance, turn.now);
    instance.fault = Some(Fault { at: turn.now, detail: detail.chars().take(LONGEST_FAULT).collect() });
    turn.emit(Event::InstanceChanged(instance));
    end_orders(turn, participant, id, INSTANCE_FAILED);
    Ok(id)
}

/// Ends a workload that still uses what it had won, as its owner has chosen: it is stopped, without a fault.
pub(crate) fn vacate(turn: &mut Turn<'_>, id: InstanceId) {
    let Some(mut instance) = turn.state.instances.get(&id).cloned() else { return };
    if instance.state != InstanceState::Running {
        return;
    }
    let participant = instance.participant;
    instance.state = InstanceState::Stopped;
    instance.stop_requested = false;
    instance.suspended = None;
    away::give_up(turn, &mut instance);
    relocation::withdraw(&mut instance, turn.now);
    turn.emit(Event::InstanceChanged(instance));
    end_orders(turn, participant, id, vacate::VACATED);
}

/// Runs a stopped or failed workload again from its beginning, on its node if its baseline, less what it has lent,
/// still fits there.
pub fn restart(turn: &mut Turn<'_>, participant: ParticipantId, id: InstanceId) -> Result<InstanceId, Refusal> {
    let mut instance = own(turn.state, participant, id)?;
    if instance.state == InstanceState::Running {
        if instance.stop_requested {
            // a stop that has not come about yet is taken back
            instance.stop_requested = false;
            turn.emit(Event::InstanceChanged(instance));
        }
        return Ok(id);
    }
    check_quota(turn.state, participant, Some(id), &instance.baseline)?;
    if instance.driver == ModuleKind::Service.driver() {
        service::check_is_free(turn.state, instance.module, Some(id))?;
    }
    let nodes = || turn.state.nodes.values().filter(|n| n.pool == instance.pool);
    let (home, other): (Vec<_>, Vec<_>) = nodes().partition(|n| n.id == instance.node);
    // What it has lent others have: it has no need of that, and its buyers may fill the node.
    let asked = |occupancy: &Occupancy, node, slot| occupancy.taken_again(turn.state, &instance, node, slot);
    instance.node = first_fit(turn.state, turn.now, &instance.pool, home.into_iter().chain(other), asked)?;
    // Its baseline goes along to where its awards are; while it stood still it was not counted there.
    for node in moves_from(turn.state, &instance).into_keys() {
        let node = turn.state.nodes.get(&node).into_iter();
        first_fit(turn.state, turn.now, &instance.pool, node, |_, _, slot| instance.baseline_in(slot).clone())?;
    }
    instance.state = InstanceState::Running;
    instance.fault = None;
    vacate::forget(&mut instance);
    instance.epoch += 1;
    // What it has won and lent in this slot stands, a restart is no way out of either; but what was
    // won is kept free on the node of its award only.
    let present = Slot::containing(turn.now, turn.state.market.rhythm.slot_seconds);
    let target = crate::workload::target::target(turn.state, &instance, present);
    let stands = target.node == instance.node;
    instance.in_force = if stands { target.limits } else { instance.baseline_in(present).clone() };
    turn.emit(Event::InstanceChanged(instance));
    crate::swap::plan::plan_restarted(turn, id);
    Ok(id)
}

/// After the process has ended: the instance runs again from its checkpoint, with the limits it had, under a new epoch.
pub fn recover(turn: &mut Turn<'_>, id: InstanceId) -> Result<InstanceId, Refusal> {
    let mut instance = turn.state.instances.get(&id).cloned().ok_or_else(|| not_found("instance"))?;
    instance.epoch += 1;
    let goes_on = instance.swap.and_then(|swap| turn.state.swaps.get(&swap)).filter(|s| !s.is_ended_by_restart());
    if let Some(swap) = goes_on.cloned() {
        approval::prepare_again(turn, swap, instance.epoch);
    }
    turn.emit(Event::InstanceChanged(instance));
    plan::plan_recovered(turn, id);
    // Outlooks live in memory only: a restart has forgotten them, and the journal says so.
    turn.emit(Event::OutlookRecorded { instance: id, model: None, slots: Vec::new() });
    Ok(id)
}
