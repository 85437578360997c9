//! `shape_resources`: the order in which a workload gives capacity back, from what costs it least.
//!
//! 1. *Throttle*: what is compressible (CPU, I/O, network) is taken back by its limit, at once.
//! 2. *Balloon*: memory is vacatable, its user has to let go of it. A balloon **inflates** inside the
//!    guest to reclaim, and deflates to give (the concept note's pseudocode has the verbs the other
//!    way round). What is not in use comes back at once, the rest while the guest frees it.
//! 3. *Checkpoint*: pages that were freed return to the machine when the guest goes on from a copy;
//!    devices can only be given back so.
//! 4. *Stop*: what is still in use after [`GRACE_SECONDS`] is somebody else's by then, and the
//!    program that has it is ended.
//!
//! The wasm driver does exactly this: it lowers the fuel of a step (1), the most that the guest may
//! hold (2), starts a guest whose memory is larger than its limit anew from its next checkpoint (3),
//! and ends one that is out of memory (4). Storage is persistent and never taken back by a swap.
//! Source: concept note 11231955.
use crate::units::{Amounts, Resource, amount};
use serde::{Deserialize, Serialize};

/// How long into its slot a smaller memory limit waits for what is in use.
pub const GRACE_SECONDS: i64 = 10;

/// How a resource can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By a limit.
    Compressible,
    /// Only by an action of whoever has it.
    Vacatable,
    /// Not at all while it is held.
    Persistent,
}

pub const fn kind(resource: Resource) -> Kind {
    match resource {
        Resource::CpuMilli | Resource::IoMbps | Resource::NetMbps => Kind::Compressible,
        Resource::MemMib | Resource::GpuMilli => Kind::Vacatable,
        Resource::StorageGib => Kind::Persistent,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ShapeAction {
    /// The limit goes down; the workload runs slower.
    Throttle,
    /// The balloon takes memory from the guest.
    InflateBalloon,
    /// It goes on from a copy that has less.
    Checkpoint,
    /// It is ended if it still uses what it should have given back.
    Stop,
    /// The balloon gives memory back to the guest.
    DeflateBalloon,
    /// The limit goes up.
    Raise,
}

/// One step, in the order in which they are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ShapeStep {
    pub resource: Resource,
    pub action: ShapeAction,
    pub from: i64,
    pub to: i64,
    /// Seconds after the limits change; later steps are only taken if those before did not suffice.
    pub after_seconds: i64,
}

/// The steps from what is in force to a target, given what is in use. What is taken goes first.
pub fn shape_resources(in_force: &Amounts, target: &Amounts, usage: &Amounts) -> Vec<ShapeStep> {
    let mut steps = Vec::new();
    let mut add = |resource, action, from, to, after_seconds| {
        steps.push(ShapeStep { resource, action, from, to, after_seconds });
    };
    for resource in Resource::ALL {
        let (from, to) = (amount(in_force, resource), amount(target, resource));
        match kind(resource) {
            Kind::Compressible if to < from => add(resource, ShapeAction::Throttle, from, to, 0),
            Kind::Compressible if to > from => add(resource, ShapeAction::Raise, from, to, 0),
            Kind::Vacatable if to > from => {
                let action =
                    if resource == Resource::MemMib { ShapeAction::DeflateBalloon } else { ShapeAction::Raise };
                add(resource, action, from, to, 0);
            }
            Kind::Vacatable if to < from => {
                if resource == Resource::MemMib {
                    add(resource, ShapeAction::InflateBalloon, from, to, 0);
                }
                let used = amount(usage, resource);
                if used > to || resource != Resource::MemMib {
                    add(resource, ShapeAction::Checkpoint, used.min(from), to, 0);
                    add(resource, ShapeAction::Stop, used.min(from), 0, GRACE_SECONDS);
                }
            }
            Kind::Compressible | Kind::Vacatable | Kind::Persistent => {}
        }
    }
    steps.sort_by_key(|step| (step.after_seconds, step.action, step.resource));
    steps
}

/// What is due now for memory that is still in use so many seconds after its limit went down.
pub fn reclaim(seconds_since: i64) -> ShapeAction {
    if seconds_since < GRACE_SECONDS { ShapeAction::InflateBalloon } else { ShapeAction::Stop }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(cpu: i64, mem: i64) -> Amounts {
        [(Resource::CpuMilli, cpu), (Resource::MemMib, mem)].into()
    }

    fn actions(steps: &[ShapeStep]) -> Vec<(Resource, ShapeAction)> {
        steps.iter().map(|s| (s.resource, s.action)).collect()
    }

    #[test]
    fn what_is_not_in_use_comes_back_without_a_stop() {
        let steps = shape_resources(&amounts(500, 100), &amounts(300, 60), &amounts(450, 40));
        let expected = [(Resource::CpuMilli, ShapeAction::Throttle), (Resource::MemMib, ShapeAction::InflateBalloon)];
        assert_eq!(actions(&steps), expected);
        assert_eq!((steps[1].from, steps[1].to), (100, 60));
    }

    #[test]
    fn what_is_in_use_is_waited_for_and_then_ended() {
        let steps = shape_resources(&amounts(500, 100), &amounts(500, 60), &amounts(450, 80));
        use ShapeAction::{Checkpoint, InflateBalloon, Stop};
        assert_eq!(actions(&steps), [InflateBalloon, Checkpoint, Stop].map(|a| (Resource::MemMib, a)));
        assert_eq!(steps[2].after_seconds, GRACE_SECONDS);
        assert_eq!((reclaim(GRACE_SECONDS - 1), reclaim(GRACE_SECONDS)), (InflateBalloon, Stop));
    }

    #[test]
    fn taking_comes_before_giving_and_storage_stays() {
        let mut target = amounts(300, 200);
        target.insert(Resource::StorageGib, 1);
        let mut has = amounts(500, 100);
        has.extend([(Resource::StorageGib, 9), (Resource::GpuMilli, 1000)]);
        let steps = shape_resources(&has, &target, &Amounts::new());
        let expected = [
            (Resource::CpuMilli, ShapeAction::Throttle),
            (Resource::GpuMilli, ShapeAction::Checkpoint),
            (Resource::MemMib, ShapeAction::DeflateBalloon),
            (Resource::GpuMilli, ShapeAction::Stop),
        ];
        assert_eq!(actions(&steps), expected);
    }
}
