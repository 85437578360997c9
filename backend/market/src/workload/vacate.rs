//! How a workload gives memory back when what it had won ends, and the drill that shows that it can.
//!
//! CPU, I/O and network are taken back by a limit. Memory (and devices) only its program can let go of:
//! a bid for it waits, with `NO_VACATE_PATH`, until a vacate drill has shown on this very workload that it
//! does. The drill is made on a copy, in the background, as soon as the program runs; the live one never
//! notices. Source: rule book §2.
use crate::event::Event;
use crate::ids::{InstanceId, ParticipantId};
use crate::records::order::{Order, Side};
use crate::records::swap::Swap;
pub use crate::records::workload::Suspended;
use crate::records::workload::{AtEnd, Drill, Instance, InstanceState};
use crate::refusal::{Refusal, RefusalKind};
use crate::shape::{Kind, kind};
use crate::state::State;
use crate::time::Timestamp;
use crate::turn::Turn;
use crate::units::{Amounts, Resource, amount};
use crate::workload::check::own;

/// Reason of a swap that ended its workload, as the owner had chosen.
pub const VACATED: &str = "vacated";
/// A drill takes processor time that nobody pays for.
const LEAST_SECONDS_BETWEEN: i64 = 60;
/// Of a drill's text, in characters.
const LONGEST_DETAIL: usize = 500;

/// Whether a resource comes back only by an action of whoever has it.
pub fn is_vacatable(resource: Resource) -> bool {
    kind(resource) == Kind::Vacatable
}

/// Whether its way of giving memory back has been shown to work. That it may be stopped is enough.
pub fn is_shown(instance: &Instance) -> bool {
    instance.at_end == AtEnd::Stop || instance.shown_at_end == Some(instance.at_end)
}

/// The way that a worker is to drill now: what was asked for, or what it was registered with.
pub fn due(instance: &Instance) -> Option<AtEnd> {
    // CPU alone is taken back by a limit.
    if instance.trades_cpu_only()
        || instance.state != InstanceState::Running
        || instance.suspended.is_some()
        || instance.swap.is_some()
    {
        return None;
    }
    match &instance.drill {
        Some(drill) => drill.ended_at.is_none().then_some(drill.at_end),
        None => (!is_shown(instance)).then_some(instance.at_end),
    }
}

/// A bid for memory of a workload that has not been shown to give it back. What it carries to another pool of its
/// baseline comes home with it, and needs no drill.
pub fn has_no_path(state: &State, order: &Order) -> bool {
    let instance = order.request.instance.and_then(|id| state.instances.get(&id));
    order.side == Side::Bid
        && order.request.resources.iter().any(|(resource, quantity)| *quantity > 0 && is_vacatable(*resource))
        && instance.is_some_and(|instance| !is_shown(instance))
}

/// Its owner asks for a drill; a way that passes is the workload's own from then on.
pub fn request(
    turn: &mut Turn<'_>,
    participant: ParticipantId,
    id: InstanceId,
    at_end: Option<AtEnd>,
) -> Result<InstanceId, Refusal> {
    let mut instance = own(turn.state, participant, id)?;
    let at_end = at_end.unwrap_or(instance.at_end);
    if instance.state != InstanceState::Running {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "instance_not_running",
            pointer: String::new(),
            detail: "A drill needs a running program. Restart the workload first.".to_owned(),
        });
    }
    if instance.suspended.is_some() && at_end != AtEnd::Stop {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "instance_suspended",
            pointer: String::new(),
            detail: "A drill needs a running program, and this one is written to disk until it has the memory of `suspended.needs` again. Bid for it, or ask then.".to_owned(),
        });
    }
    if at_end == AtEnd::Stop && instance.at_end == at_end && instance.shown_at_end == Some(at_end) {
        return Ok(id);
    }
    match instance.drill.as_ref().map(|drill| drill.ended_at) {
        Some(None) if instance.drill.as_ref().is_some_and(|drill| drill.at_end == at_end) => return Ok(id),
        Some(Some(ended)) if at_end != AtEnd::Stop && turn.now < ended.plus_seconds(LEAST_SECONDS_BETWEEN) => {
            return Err(Refusal {
                kind: RefusalKind::Conflict,
                code: "drilled_lately",
                pointer: String::new(),
                detail: format!(
                    "It was drilled less than {LEAST_SECONDS_BETWEEN} s ago; the result stands in `drill`. Try again then."
                ),
            });
        }
        _ => {}
    }
    instance.drill = Some(Box::new(Drill { at_end, asked_at: turn.now, ended_at: None, passed: false, detail: None }));
    if at_end == AtEnd::Stop {
        end(&mut instance, turn.now, true, "Nothing to try: it is stopped if it still has what it is to give back.");
    }
    turn.emit(Event::InstanceChanged(instance));
    Ok(id)
}

/// What a drill of the program that ran under `epoch` came to; one that nobody waits for any more changes nothing.
pub fn record(turn: &mut Turn<'_>, id: InstanceId, epoch: u64, at_end: AtEnd, passed: bool, detail: &str) -> bool {
    let Some(mut instance) = turn.state.instances.get(&id).cloned() else { return false };
    if instance.epoch != epoch || due(&instance) != Some(at_end) {
        return false;
    }
    let asked = Drill { at_end, asked_at: turn.now, ended_at: None, passed: false, detail: None };
    instance.drill.get_or_insert(asked.into());
    end(&mut instance, turn.now, passed, detail);
    turn.emit(Event::InstanceChanged(instance));
    true
}

fn end(instance: &mut Instance, now: Timestamp, passed: bool, detail: &str) {
    let Some(drill) = instance.drill.as_mut() else { return };
    drill.ended_at = Some(now);
    drill.passed = passed;
    drill.detail = Some(detail.chars().take(LONGEST_DETAIL).collect());
    if passed {
        instance.at_end = drill.at_end;
        instance.shown_at_end = Some(drill.at_end);
    } else if instance.shown_at_end == Some(drill.at_end) {
        instance.shown_at_end = None;
    }
}

/// What is to happen where a workload still uses the memory that a swap takes back, by its owner's choice; `None` where
/// its program is left to shrink. What it lends is its own to give, and what an admin takes off its baseline is not what
/// it had won. In another pool it is stopped, where it would else stand still.
pub fn acts(instance: &Instance, swap: &Swap, slot_seconds: i64) -> Option<AtEnd> {
    let memory = |amounts: &Amounts| amount(amounts, Resource::MemMib);
    let before = memory(&swap.limits_from);
    let had_won = before > memory(instance.baseline_in(swap.slot.plus(-1, slot_seconds)));
    let acts = instance.at_end != AtEnd::Shrink && had_won && memory(&swap.limits_to) < before;
    // Standing still it could not be brought home, and would keep a place elsewhere for nothing.
    let how = if instance.is_away() { AtEnd::Stop } else { instance.at_end };
    acts.then_some(how)
}

/// Whether it stands still now, and for what, as its driver has found it.
pub(crate) fn note(instance: &mut Instance, needs: Option<Amounts>, now: Timestamp) {
    let stands_still = instance.suspended.take();
    if needs.is_some() && instance.at_end == AtEnd::Checkpoint {
        // What a drill shows on a copy it has just done.
        instance.shown_at_end = Some(AtEnd::Checkpoint);
    }
    instance.suspended = needs.map(|needs| stands_still.unwrap_or(Suspended { since: now, needs }));
}

/// Whether it stands still, as its driver has found it under `epoch` while no swap changes it.
pub fn found(turn: &mut Turn<'_>, id: InstanceId, epoch: u64, needs: Option<Amounts>) {
    let Some(mut instance) = turn.state.instances.get(&id).cloned() else { return };
    let is_known = instance.suspended.is_some() == needs.is_some();
    if is_known || instance.epoch != epoch || instance.swap.is_some() || instance.state != InstanceState::Running {
        return;
    }
    if needs.is_none() {
        // It has begun anew, or with what it had before: nothing says that it is what a drill has seen.
        forget(&mut instance);
    }
    note(&mut instance, needs, turn.now);
    turn.emit(Event::InstanceChanged(instance));
}

/// What was shown is of no use any more: its program begins anew, or has kept memory all the same.
pub(crate) fn forget(instance: &mut Instance) {
    if instance.at_end != AtEnd::Stop {
        instance.shown_at_end = None;
        instance.drill = None;
    }
}
