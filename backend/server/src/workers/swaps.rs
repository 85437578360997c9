//! Migration workers: perform the effect that a swap's present state asks for, and report.
//!
//! Every effect is idempotent by (swap, step), so a worker that dies between the effect and
//! its report just does it again. Epochs come from the swap: a zombie source can't act.
use crate::workers::nodes::{Nodes, instance_id, node_id};
use crate::workers::shadow_run;
use headroom_execution::{ActivateRequest, DriverError, OpKey, SnapshotId, SnapshotInfo, VerifyRequest};
use headroom_market::advice::shape::{self, GRACE_SECONDS, ShapeAction};
use headroom_market::records::move_forecast::MoveForecast;
use headroom_market::swap::saga::{self, StepReport, StepResult};
use headroom_market::swap::{ShadowEvidence, Swap, SwapState, approval};
use headroom_market::time::Timestamp;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::vacate::VACATED;
use headroom_market::workload::{AtEnd, ComparisonRules};
use std::sync::Arc;

/// What a step came to.
pub(super) enum Effect {
    Done(StepReport),
    /// Not yet: look again at the next tick.
    Wait,
    /// Not yet, because the program uses what is to be given back.
    InUse,
    /// Not yet, and the shadow run has shown more meanwhile.
    Compared(ShadowEvidence),
    Failed {
        reason: String,
        detail: String,
        report: StepReport,
    },
}

/// Where a swap stands beside its own record.
pub struct Situation {
    /// All swaps that it depends on have ended.
    pub may_begin: bool,
    /// One of them is not answered by a person: nothing is begun that would run out of its time for that.
    pub is_held_up: bool,
    /// Its slot lasts, or its instance is to be on its target now as well.
    pub is_wanted: bool,
    /// What its owner has chosen for where it still uses what it had won.
    pub at_end: Option<AtEnd>,
    pub comparison: ComparisonRules,
    /// What a move that begins is expected to come to.
    pub forecast: Option<Box<MoveForecast>>,
    /// What its instance has, as the state knows it.
    pub in_force: Amounts,
    pub now: Timestamp,
    pub slot_seconds: i64,
    /// Under a simulated clock the real time that a step took is left out: two runs are equal.
    pub simulated: bool,
}

/// Takes the next step of a swap; `None` if it has to wait.
pub fn step(nodes: &Nodes, swap: &Swap, situation: &Situation) -> Option<StepResult> {
    let state = swap.state;
    if let Some((reason, detail)) = approval::ending(swap) {
        undo(nodes, swap);
        let (reason, detail, report) = (reason.to_owned(), detail.to_owned(), StepReport::default());
        return Some(StepResult::Failed { state, reason, detail, report });
    }
    // In RELEASED the target carries the load: a cancel comes too late, and the source is let go.
    if let Some(why) = swap.cancel_requested.as_ref().filter(|_| state != SwapState::Released) {
        undo(nodes, swap);
        let (reason, detail, report) = ("cancelled_by_operator".to_owned(), why.clone(), StepReport::default());
        return Some(StepResult::Failed { state, reason, detail, report });
    }
    let out_of_time = saga::is_out_of_time(swap, situation.now, situation.slot_seconds) || !situation.is_wanted;
    if !out_of_time && let Some(in_force) = taken_at_once(nodes, swap, situation) {
        return Some(StepResult::TookAtOnce { state, in_force });
    }
    let effect = effect(nodes, swap, situation, out_of_time);
    if matches!(effect, Effect::Wait | Effect::InUse)
        && let Some(in_force) = given_back(nodes, swap, situation)
    {
        // Said before anybody else may take it: after a crash the workload starts with what it has now.
        return Some(StepResult::GaveBack { state, in_force });
    }
    match effect {
        Effect::Done(report) => Some(StepResult::Succeeded { state, report }),
        Effect::Failed { reason, detail, report } => {
            undo(nodes, swap);
            Some(StepResult::Failed { state, reason, detail, report })
        }
        Effect::Wait | Effect::InUse | Effect::Compared(_) if out_of_time => {
            undo(nodes, swap);
            Some(StepResult::OutOfTime { state })
        }
        Effect::Compared(evidence) => Some(StepResult::Compared { state, evidence }),
        Effect::InUse if swap.in_use_since.is_none() => Some(StepResult::InUse { state }),
        Effect::Wait | Effect::InUse => None,
    }
}

/// What a resize that waits for room or for its program has in force, where that is less than is known.
fn given_back(nodes: &Nodes, swap: &Swap, situation: &Situation) -> Option<Amounts> {
    let waits = !swap.moves() && swap.state == SwapState::Activated;
    let limits = nodes.limits_in_force(swap.instance).filter(|_| waits)?;
    let mut less = situation.in_force.clone();
    for (resource, quantity) in nodes.amounts(&limits) {
        if let Some(known) = less.get_mut(&resource) {
            *known = quantity.min(*known);
        }
    }
    (less != situation.in_force).then_some(less)
}

/// What a resize that waits for others has in force with what is free for it already.
fn taken_at_once(nodes: &Nodes, swap: &Swap, situation: &Situation) -> Option<Amounts> {
    let waits = swap.state == SwapState::Planned && !situation.may_begin && situation.now >= swap.slot.start();
    if !waits || swap.moves() || swap.at_once.is_empty() {
        return None;
    }
    let mut with_it = situation.in_force.clone();
    for (resource, quantity) in &swap.at_once {
        *with_it.entry(*resource).or_default() += quantity;
    }
    let limits = nodes.limits(&with_it);
    match nodes.driver(swap.instance).resize(&key(swap, "at-once"), &instance_id(swap.instance), swap.epoch, &limits) {
        Ok(resized) => {
            for (resource, quantity) in nodes.amounts(&resized.actual) {
                with_it.entry(resource).and_modify(|has| *has = quantity);
            }
            Some(with_it)
        }
        // Somebody has it after all, or the program is at fault: that is found out when its turn comes.
        Err(_) => None,
    }
}

pub(super) fn key(swap: &Swap, step: &str) -> OpKey {
    OpKey::new(swap.id.to_string(), step)
}

/// The same on a thread of its own. One that panics fails its swap: it would else wait for ever.
pub async fn step_apart(nodes: Arc<Nodes>, swap: Swap, situation: Arc<Situation>) -> Option<StepResult> {
    let failed = swap.clone();
    let stepped = {
        let nodes = nodes.clone();
        tokio::task::spawn_blocking(move || step(&nodes, &swap, &situation)).await
    };
    let error = match stepped {
        Ok(result) => return result,
        Err(error) => error,
    };
    tracing::error!(%error, swap = %failed.id, "a step of a swap has panicked: the swap fails");
    let state = failed.state;
    if let Err(error) = tokio::task::spawn_blocking(move || undo(&nodes, &failed)).await {
        tracing::error!(%error, "what it had done on its nodes stays until the workload's next move");
    }
    let (reason, detail) = ("engine".to_owned(), "the driver failed in this phase".to_owned());
    Some(StepResult::Failed { state, reason, detail, report: StepReport::default() })
}

/// Before the fence the shadow is dropped; after it the source resumes under a newer epoch.
pub fn undo(nodes: &Nodes, swap: &Swap) {
    let (instance, driver) = (instance_id(swap.instance), nodes.driver(swap.instance));
    let undone = match way_back(swap.state).filter(|_| swap.moves()) {
        None => return,
        Some(WayBack::DropShadow) => driver.drop_shadow(&key(swap, "drop"), &instance),
        Some(WayBack::Rollback) => driver.rollback(&key(swap, "rollback"), &instance, swap.epoch + 2).map(|_| ()),
    };
    if let Err(error) = undone {
        tracing::debug!(swap = %swap.id, %error, "nothing to undo");
    }
}

/// How a move is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WayBack {
    DropShadow,
    Rollback,
}

/// The way back from a state of a move. From RELEASED there is none: the market has the workload on its target, and the
/// source would be active a second time.
fn way_back(state: SwapState) -> Option<WayBack> {
    match state {
        SwapState::Released => None,
        state if state.is_fenced() => Some(WayBack::Rollback),
        state => state.has_begun().then_some(WayBack::DropShadow),
    }
}

fn done(detail: impl Into<String>) -> Effect {
    Effect::Done(StepReport { detail: Some(detail.into()), ..StepReport::default() })
}

fn effect(nodes: &Nodes, swap: &Swap, situation: &Situation, out_of_time: bool) -> Effect {
    let slot_has_begun = situation.now >= swap.slot.start();
    match swap.state {
        // A resize takes effect with its slot; a move is prepared before it.
        SwapState::Planned | SwapState::Reserved if swap.moves() && situation.is_held_up => Effect::Wait,
        // Nobody could be asked any more.
        SwapState::Planned | SwapState::Reserved if swap.is_unanswered() && out_of_time => Effect::Wait,
        SwapState::Planned if swap.moves() => Effect::Done(StepReport {
            detail: Some("preparing before the slot begins".to_owned()),
            forecast: situation.forecast.clone(),
            ..StepReport::default()
        }),
        SwapState::Planned if slot_has_begun && situation.may_begin => done("capacity is free"),
        SwapState::Planned => Effect::Wait,
        SwapState::Reserved => done("its capacity is kept for it"),
        SwapState::Snapshot => or_retry(snapshot(nodes, swap), |s| {
            Effect::Done(StepReport {
                detail: Some(format!("{} of state at input {}", size(s.payload_bytes), s.position)),
                ..StepReport::default()
            })
        }),
        SwapState::Transferred => or_retry(transfer(nodes, swap, "transfer", "snapshot"), |bytes| {
            Effect::Done(StepReport {
                detail: Some(format!("{} sent, compressed and hash-checked", size(bytes))),
                bytes,
                ..StepReport::default()
            })
        }),
        SwapState::Shadow | SwapState::AwaitingApproval => shadow_run::step(nodes, swap, situation, out_of_time),
        SwapState::Fenced => or_retry(fence(nodes, swap), |bytes| {
            Effect::Done(StepReport {
                detail: Some(format!("source stopped; {} changed since the snapshot", size(bytes))),
                bytes,
                ..StepReport::default()
            })
        }),
        SwapState::Activated if swap.moves() => or_retry(activate(nodes, swap, situation.simulated), Effect::Done),
        SwapState::Activated => resize(nodes, swap, situation),
        SwapState::Verified => verify(nodes, swap, situation),
        SwapState::Released => or_retry(
            nodes.driver(swap.instance).release(&key(swap, "release"), &instance_id(swap.instance), swap.epoch + 1),
            |_| done("source dropped"),
        ),
        _ => Effect::Wait,
    }
}

/// Bytes in a unit that does not turn a few hundred into 0.
fn size(bytes: impl TryInto<u64>) -> String {
    match bytes.try_into().unwrap_or(0) {
        small @ 0..1024 => format!("{small} bytes"),
        large => format!("{} KiB", large.div_ceil(1024)),
    }
}

/// A full node may have room at the next tick, and an agent may answer; anything else is a reason to give up.
pub(super) fn or_retry<T>(result: Result<T, DriverError>, then: impl FnOnce(T) -> Effect) -> Effect {
    match result {
        Ok(value) => then(value),
        Err(DriverError::NoRoom { .. } | DriverError::Unanswered { .. }) => Effect::Wait,
        Err(error) => {
            Effect::Failed { reason: error.code().to_owned(), detail: error.to_string(), report: StepReport::default() }
        }
    }
}

fn snapshot(nodes: &Nodes, swap: &Swap) -> Result<SnapshotInfo, DriverError> {
    nodes.driver(swap.instance).snapshot(&key(swap, "snapshot"), &instance_id(swap.instance), swap.epoch, None)
}

/// Asking for the snapshot again with the same key names the same one.
fn transfer(nodes: &Nodes, swap: &Swap, step: &str, snapshot_step: &str) -> Result<i64, DriverError> {
    let instance = instance_id(swap.instance);
    let info = nodes.driver(swap.instance).snapshot(&key(swap, snapshot_step), &instance, swap.epoch, None)?;
    let sent = nodes.driver(swap.instance).transfer(
        &key(swap, step),
        &instance,
        swap.epoch,
        &info.id,
        &node_id(swap.node_to),
    )?;
    Ok(i64::try_from(sent.sent_bytes).unwrap_or(i64::MAX))
}

/// Stops the source, then brings over what changed since the snapshot.
fn fence(nodes: &Nodes, swap: &Swap) -> Result<i64, DriverError> {
    let instance = instance_id(swap.instance);
    let (epoch, new_epoch) = (swap.epoch, swap.epoch + 1);
    let base = snapshot_id(nodes, swap)?;
    nodes.driver(swap.instance).fence(&key(swap, "fence"), &instance, epoch, new_epoch)?;
    let last = nodes.driver(swap.instance).snapshot(&key(swap, "last"), &instance, new_epoch, Some(&base))?;
    let sent = nodes.driver(swap.instance).transfer(
        &key(swap, "last-transfer"),
        &instance,
        new_epoch,
        &last.id,
        &node_id(swap.node_to),
    )?;
    Ok(i64::try_from(sent.sent_bytes).unwrap_or(i64::MAX))
}

pub(super) fn snapshot_id(nodes: &Nodes, swap: &Swap) -> Result<SnapshotId, DriverError> {
    snapshot(nodes, swap).map(|info| info.id)
}

fn activate(nodes: &Nodes, swap: &Swap, simulated: bool) -> Result<StepReport, DriverError> {
    let instance = instance_id(swap.instance);
    let epoch = swap.epoch + 1;
    let base = snapshot_id(nodes, swap)?;
    let last = nodes.driver(swap.instance).snapshot(&key(swap, "last"), &instance, epoch, Some(&base))?;
    let request = ActivateRequest {
        instance,
        node: node_id(swap.node_to),
        epoch,
        snapshot: last.id,
        limits: nodes.limits(&swap.limits_to),
    };
    let activated = nodes.driver(swap.instance).activate(&key(swap, "activate"), &request)?;
    let pause = if simulated { 0 } else { i64::try_from(activated.pause_micros).unwrap_or(i64::MAX) };
    let how = if activated.warm { "the warm shadow was promoted" } else { "restored from the snapshot" };
    Ok(StepReport {
        detail: Some(format!("{how}; paused for {:.1} ms", pause as f64 / 1000.0)),
        downtime_micros: Some(pause),
        in_force: Some(in_force(nodes, swap, &activated.limits)),
        ..StepReport::default()
    })
}

/// What the driver enforces, and the plan for what it does not.
fn in_force(nodes: &Nodes, swap: &Swap, actual: &headroom_execution::Limits) -> Amounts {
    let mut amounts = swap.limits_to.clone();
    for (resource, quantity) in nodes.amounts(actual) {
        if amounts.contains_key(&resource) {
            amounts.insert(resource, quantity);
        }
    }
    amounts
}

fn resize(nodes: &Nodes, swap: &Swap, situation: &Situation) -> Effect {
    let (instance, limits) = (instance_id(swap.instance), nodes.limits(&swap.limits_to));
    let vacated = |in_use_kib| {
        let mib = |kib| nodes.cluster.config().mib(kib);
        let (in_use, limit) = (mib(in_use_kib), mib(limits.mem_kib));
        let detail = format!("{in_use} in use where {limit} are left: stopped, as its owner has chosen (`at_end`)");
        Effect::Failed { reason: VACATED.to_owned(), detail, report: StepReport::default() }
    };
    let beyond = || nodes.cluster.memory_beyond_kib(&instance, limits.mem_kib);
    if let Some(at_end) = situation.at_end
        && let Some(in_use_kib) = beyond()
    {
        return match at_end {
            AtEnd::Checkpoint => suspend(nodes, swap, situation, &limits),
            AtEnd::Stop | AtEnd::Shrink => vacated(in_use_kib),
        };
    }
    let resized = nodes.driver(swap.instance).resize(&key(swap, "resize"), &instance, swap.epoch, &limits);
    match resized {
        Ok(resized) => {
            let micros = if situation.simulated { 0 } else { resized.work_micros };
            let stands_still = resized
                .suspended_kib
                .map(|kib| format!("; it stands still until it has {} of memory", nodes.cluster.config().mib(kib)));
            Effect::Done(StepReport {
                detail: Some(format!("limits changed in {micros} µs{}", stands_still.unwrap_or_default())),
                downtime_micros: Some(0),
                in_force: Some(in_force(nodes, swap, &resized.actual)),
                suspended: resized.suspended_kib.map(|kib| needs(nodes, swap, kib)),
                ..StepReport::default()
            })
        }
        // Memory that is in use can't be taken yet: the guest gives it back at its own pace, for a
        // while. Then it is somebody else's, and a program that still has it is ended.
        Err(DriverError::MemoryInUse { in_use_kib, .. }) if situation.at_end == Some(AtEnd::Stop) => {
            vacated(in_use_kib)
        }
        Err(DriverError::MemoryInUse { .. }) if situation.at_end == Some(AtEnd::Checkpoint) => {
            suspend(nodes, swap, situation, &limits)
        }
        Err(DriverError::MemoryInUse { limit_kib, in_use_kib }) => {
            if shape::reclaim(seconds_into(swap, situation)) != ShapeAction::Stop {
                return Effect::InUse;
            }
            let mib = |kib| nodes.cluster.config().mib(kib);
            let (in_use, limit) = (mib(in_use_kib), mib(limit_kib));
            let detail =
                format!("out of memory: {in_use} in use {GRACE_SECONDS} s after the limit went down to {limit}");
            match nodes.cluster.end_as_faulty(&instance, swap.epoch, detail.clone()) {
                Ok(()) => Effect::Failed { reason: "memory_in_use".to_owned(), detail, report: StepReport::default() },
                Err(error) => or_retry::<()>(Err(error), |()| Effect::Wait),
            }
        }
        Err(error) => or_retry::<()>(Err(error), |()| Effect::Wait),
    }
}

/// Written to disk it gives its memory back at once, and goes on from there when it has as much again. Where the disk
/// takes nothing it is tried for as long as any program has time to shrink; then the memory is somebody else's.
fn suspend(nodes: &Nodes, swap: &Swap, situation: &Situation, limits: &headroom_execution::Limits) -> Effect {
    let instance = instance_id(swap.instance);
    let suspended = match nodes.driver(swap.instance).suspend(&key(swap, "suspend"), &instance, swap.epoch, limits) {
        Err(error @ DriverError::Io { .. }) => {
            if shape::reclaim(seconds_into(swap, situation)) != ShapeAction::Stop {
                return Effect::Wait;
            }
            let detail = format!("it could not be written to disk for {GRACE_SECONDS} s: {error}");
            let reason = error.code().to_owned();
            return match nodes.cluster.end_as_faulty(&instance, swap.epoch, detail.clone()) {
                Ok(()) => Effect::Failed { reason, detail, report: StepReport::default() },
                Err(error) => or_retry::<()>(Err(error), |()| Effect::Wait),
            };
        }
        other => other,
    };
    or_retry(suspended, |suspended| {
        let held = nodes.cluster.config().mib(suspended.held_kib);
        let stored = size(suspended.stored_bytes);
        Effect::Done(StepReport {
            detail: Some(format!(
                "{held} in use: written to disk ({stored}) and given back; it stands still until it has as much again"
            )),
            in_force: Some(in_force(nodes, swap, &suspended.actual)),
            suspended: Some(needs(nodes, swap, suspended.held_kib)),
            ..StepReport::default()
        })
    })
}

/// How long its slot lasts already.
fn seconds_into(swap: &Swap, situation: &Situation) -> i64 {
    (situation.now.micros() - swap.slot.start().micros()).div_euclid(1_000_000)
}

/// The memory with which a program goes on: what it holds, as it was counted against its limit.
fn needs(nodes: &Nodes, swap: &Swap, held_kib: u64) -> Amounts {
    let held = nodes.mem_mib_up(held_kib);
    let before = amount(&swap.limits_from, Resource::MemMib);
    let fits_before = nodes.limits(&swap.limits_from).mem_kib.next_multiple_of(64) >= held_kib;
    [(Resource::MemMib, if fits_before { held.min(before) } else { held })].into()
}

fn verify(nodes: &Nodes, swap: &Swap, situation: &Situation) -> Effect {
    let since = swap.phases.last().map_or(situation.now, |phase| phase.started_at);
    let epoch = if swap.moves() { swap.epoch + 1 } else { swap.epoch };
    let request = VerifyRequest {
        instance: instance_id(swap.instance),
        node: node_id(swap.node_to),
        epoch,
        limits: nodes.limits(&swap.limits_to),
        min_progress: u64::from(swap.moves()),
        watched_micros: u64::try_from(situation.now.micros() - since.micros()).unwrap_or(0),
    };
    match nodes.driver(swap.instance).verify(&request) {
        Ok(verification) if verification.passed => {
            let level = verification.service_level().map(|seen| format!("{seen}; ")).unwrap_or_default();
            done(format!("{level}limits, node and progress are as promised"))
        }
        Ok(_) => Effect::Wait,
        Err(error) => or_retry::<()>(Err(error), |()| Effect::Wait),
    }
}

#[cfg(test)]
mod tests {
    use super::{WayBack, way_back};
    use headroom_market::swap::{SwapState, blame};

    #[test]
    fn a_move_whose_target_carries_the_load_has_no_way_back() {
        for state in [SwapState::Planned, SwapState::Reserved, SwapState::Released] {
            assert_eq!(way_back(state), None, "{state:?}");
        }
        for state in [SwapState::Snapshot, SwapState::Transferred, SwapState::Shadow, SwapState::AwaitingApproval] {
            assert_eq!(way_back(state), Some(WayBack::DropShadow), "{state:?}");
        }
        for state in [SwapState::Fenced, SwapState::Activated, SwapState::Verified] {
            assert_eq!(way_back(state), Some(WayBack::Rollback), "{state:?}");
        }
    }

    #[test]
    fn whose_doing_it_is_is_known_of_every_code_of_the_driver() {
        let text = include_str!("../../../execution/src/driver/error.rs");
        let text = text.split("pub fn code(&self)").nth(1).expect("the codes");
        let codes: Vec<&str> = text.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(codes.len() > 20, "{codes:?}");
        let unknown: Vec<_> = codes.iter().filter(|code| blame::known(code).is_none()).collect();
        assert!(unknown.is_empty(), "add them to swap/blame.rs: {unknown:?}");
    }
}
