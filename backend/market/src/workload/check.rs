//! Whose a workload is, and what it may have.
use crate::ids::*;
use crate::records::pool::Pool;
use crate::records::round::AwardKind;
use crate::records::workload::{Instance, InstanceState};
use crate::refusal::{Refusal, invalid, not_found};
use crate::state::State;
use crate::time::Slot;
use crate::units::{Amounts, Resource, amount};
use std::collections::BTreeMap;

pub(crate) fn check_amounts(pool: &Pool, amounts: &Amounts, field: &str) -> Result<(), Refusal> {
    for (resource, quantity) in amounts {
        let pointer = format!("/{field}/{resource}");
        if !pool.resources.contains(resource) {
            let detail = format!("Pool `{}` does not have {resource}.", pool.slug);
            return Err(invalid("resource_not_in_pool", pointer, detail));
        }
        if !(0..=1_000_000_000).contains(quantity) {
            let detail = "Quantities are from 0 to 1000000000 base units.";
            return Err(invalid("quantity_out_of_range", pointer, detail));
        }
    }
    Ok(())
}

/// 0 ≤ floor ≤ baseline ≤ limit, resource by resource; a baseline of at least one resource.
pub(crate) fn check_shape(baseline: &Amounts, floor: &Amounts, limit: &Amounts) -> Result<(), Refusal> {
    if baseline.values().all(|q| *q == 0) {
        return Err(invalid("no_resources", "/baseline", "A workload needs a baseline of at least one resource."));
    }
    for resource in Resource::ALL {
        let (f, b, l) = (amount(floor, resource), amount(baseline, resource), amount(limit, resource));
        if f > b {
            return Err(invalid(
                "floor_above_baseline",
                format!("/floor/{resource}"),
                format!("The capacity floor ({f}) must not be above the baseline ({b})."),
            ));
        }
        if l < b {
            return Err(invalid(
                "limit_below_baseline",
                format!("/limit/{resource}"),
                format!("The limit ({l}) must not be below the baseline ({b})."),
            ));
        }
    }
    Ok(())
}

pub(crate) fn check_quota(
    state: &State,
    participant: ParticipantId,
    except: Option<InstanceId>,
    baseline: &Amounts,
) -> Result<(), Refusal> {
    let owner = state.participants.get(&participant).ok_or_else(|| not_found("participant"))?;
    let others = || state.instances.values().filter(|i| i.participant == participant && Some(i.id) != except);
    // What a stopped workload has lent stays with its buyers until that is settled.
    let mut lent: BTreeMap<(Slot, Resource), i64> = BTreeMap::new();
    for stopped in others().filter(|i| i.state != InstanceState::Running) {
        let awards = state.awards_of(stopped.id).filter(|a| a.kind == AwardKind::Lent);
        for line in awards.flat_map(|a| &a.lines).filter(|l| !l.settled) {
            *lent.entry((line.slot, line.resource)).or_default() += line.left();
        }
    }
    for (resource, quantity) in baseline {
        let running = others().filter(|i| i.state == InstanceState::Running);
        let most_lent = lent.iter().filter(|((_, r), _)| r == resource).map(|(_, q)| *q).max().unwrap_or(0);
        let used = running.map(|i| amount(&i.baseline, *resource)).sum::<i64>() + most_lent;
        let quota = amount(&owner.quota, *resource);
        if used.saturating_add(*quantity) > quota {
            return Err(invalid(
                "quota_exceeded",
                format!("/baseline/{resource}"),
                format!(
                    "The quota is {quota} {resource}, {used} {resource} are in use, {quantity} {resource} were asked for. Ask an admin for more quota."
                ),
            ));
        }
    }
    Ok(())
}

pub(crate) fn own(state: &State, participant: ParticipantId, id: InstanceId) -> Result<Instance, Refusal> {
    let instance = state.instances.get(&id).filter(|i| i.participant == participant);
    instance.cloned().ok_or_else(|| not_found("instance"))
}
