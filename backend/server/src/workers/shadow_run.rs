//! The shadow run of a move: what it has shown decides whether it goes on, and what a person is shown.
use crate::workers::nodes::{Nodes, instance_id, node_id};
use crate::workers::swaps::{Effect, Situation, key, or_retry, snapshot_id};
use headroom_execution::{DriverError, ShadowReport, ShadowRequest};
use headroom_market::shadow::{self, Verdict};
use headroom_market::swap::saga::StepReport;
use headroom_market::swap::{Difference, ShadowEvidence, Swap, SwapState};
use headroom_market::time::Timestamp;

/// Runs beside the live job on the same inputs. Where a person is to answer it is asked for as soon as it has passed, and
/// goes on; else, and once that is approved, it passes into the fence when the slot has begun and the capacity there is free.
pub(super) fn step(nodes: &Nodes, swap: &Swap, situation: &Situation, out_of_time: bool) -> Effect {
    let report = match shadow_report(nodes, swap, situation) {
        Ok(report) => report,
        Err(error) => return or_retry::<()>(Err(error), |()| Effect::Wait),
    };
    let evidence = evidence(&report, situation.now);
    let compared = evidence.positions_compared;
    let mut step = StepReport { positions_compared: compared, ..StepReport::default() };
    // One that began late for somebody else's sake has not had its time.
    let had_its_time = out_of_time && !(swap.is_unanswered() && swap.kept_waiting);
    let slot_has_begun = situation.now >= swap.slot.start();
    let may_pass = if swap.is_unanswered() { !out_of_time } else { slot_has_begun && situation.may_begin };
    match report.verdict(u64::from(situation.comparison.positions), had_its_time) {
        // It has passed before: what was compared since then is the same, too.
        Verdict::Pass | Verdict::Running if swap.state == SwapState::AwaitingApproval => {
            match compared >= swap.positions_compared.saturating_mul(2).max(1) {
                true => Effect::Compared(evidence),
                false => Effect::Wait,
            }
        }
        Verdict::Pass if may_pass => {
            step.detail = Some(format!("{compared} inputs gave the same on both sides"));
            step.evidence = Some(evidence);
            Effect::Done(step)
        }
        Verdict::Running | Verdict::Pass => Effect::Wait,
        Verdict::Fail => {
            step.difference_count = i64::try_from(report.comparison.differences_total).unwrap_or(i64::MAX);
            let difference = |d: &headroom_market::shadow::Difference| Difference {
                position: i64::try_from(d.position).unwrap_or(i64::MAX),
                field: d.field.clone(),
                live: d.live.clone(),
                shadow: d.shadow.clone(),
            };
            step.differences = report.comparison.differences.iter().map(difference).collect();
            let places =
                if step.difference_count == 1 { "1 place" } else { &format!("{} places", step.difference_count) };
            let detail = format!("the shadow run differs from the live run in {places}");
            Effect::Failed { reason: "shadow_mismatch".to_owned(), detail, report: step }
        }
        Verdict::Inconclusive => Effect::Failed {
            reason: "shadow_inconclusive".to_owned(),
            detail: report.aborted.unwrap_or_else(|| "too few inputs were compared in time".to_owned()),
            report: step,
        },
    }
}

/// Asking for its start again with the same key names the same run.
fn shadow_report(nodes: &Nodes, swap: &Swap, situation: &Situation) -> Result<ShadowReport, DriverError> {
    let instance = instance_id(swap.instance);
    let request = ShadowRequest {
        instance: instance.clone(),
        epoch: swap.epoch,
        node: node_id(swap.node_to),
        snapshot: snapshot_id(nodes, swap)?,
        limits: nodes.limits(&swap.limits_to),
        rules: shadow::Rules::of(&situation.comparison),
    };
    let driver = nodes.driver(swap.instance);
    driver.start_shadow(&key(swap, "shadow"), &request)?;
    driver.shadow_report(&instance)
}

/// What a person is shown of a shadow run.
fn evidence(report: &ShadowReport, at: Timestamp) -> ShadowEvidence {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let compared = &report.comparison;
    let mean = |sum: u64| number(sum.checked_div(compared.positions_compared).unwrap_or(0));
    ShadowEvidence {
        at,
        positions_compared: number(compared.positions_compared),
        states_compared: number(compared.states_compared),
        lag: number(report.live_position.saturating_sub(report.shadow_position)),
        live_latency_micros: mean(compared.live_latency_sum_micros),
        shadow_latency_micros: mean(compared.shadow_latency_sum_micros),
    }
}
