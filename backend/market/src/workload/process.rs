//! Adopting a process of a host: what is asked of it at the gate.
use crate::command::{AdoptProcess, NewInstance};
use crate::ids::InstanceId;
use crate::records::workload::{HostProcess, ModuleKind};
use crate::refusal::{Refusal, RefusalKind, invalid, not_found};
use crate::state::State;
use crate::turn::Turn;
use crate::units::{Amounts, Resource, amount};
use crate::workload::register;

/// The least CPU that a kernel can hold a process to, in thousandths of a core.
pub const LEAST_CPU_MILLI: i64 = 10;
/// The name of what all adopted processes are made of.
const MODULE: &str = "process";

/// Takes in a process as a workload of its owner, on the node where it runs.
pub fn adopt(turn: &mut Turn<'_>, asked: AdoptProcess) -> Result<InstanceId, Refusal> {
    let amounts = [(&asked.baseline, "baseline"), (&asked.floor, "floor"), (&asked.limit, "limit")];
    check_resources(&amounts, &asked.floor)?;
    check_is_new(turn.state, &asked.process)?;
    let pool = turn.state.nodes.get(&asked.node).map(|node| node.pool.clone()).ok_or_else(|| not_found("node"))?;
    let module = register::offered(turn, ModuleKind::Process, MODULE.to_owned())?;
    let AdoptProcess { participant, name, node, class, baseline, floor, limit, strategy, process } = asked;
    let new = NewInstance {
        participant,
        name,
        driver: ModuleKind::Process.driver().to_owned(),
        module,
        arguments: Vec::new(),
        pool,
        node: Some(node),
        class,
        baseline,
        floor,
        limit,
        at_end: Default::default(),
        comparison: Default::default(),
        strategy,
    };
    register::made_of(turn, new, Some(process))
}

/// Only CPU is limited, and the kernel takes no less than a hundredth of a core.
pub(super) fn check_resources(all: &[(&Amounts, &str)], floor: &Amounts) -> Result<(), Refusal> {
    for (amounts, field) in all {
        if let Some((resource, _)) = amounts.iter().find(|(r, quantity)| **r != Resource::CpuMilli && **quantity != 0) {
            let detail = format!(
                "An adopted process trades CPU; its {resource} is measured, not limited. Leave {resource} out."
            );
            return Err(invalid("resource_not_enforced", format!("/{field}/{resource}"), detail));
        }
    }
    let floor = amount(floor, Resource::CpuMilli);
    if floor < LEAST_CPU_MILLI {
        let detail = format!(
            "The kernel holds a process to {LEAST_CPU_MILLI} cpu_milli at least; the floor is {floor}. Ask for {LEAST_CPU_MILLI} or more."
        );
        return Err(invalid("floor_below_driver", "/floor/cpu_milli", detail));
    }
    Ok(())
}

/// A process is one workload; a stopped one goes on by a restart.
fn check_is_new(state: &State, process: &HostProcess) -> Result<(), Refusal> {
    let same = |known: &HostProcess| {
        (known.pid, known.started_ticks, &known.boot) == (process.pid, process.started_ticks, &process.boot)
    };
    match state.instances.values().find(|i| i.process.as_ref().is_some_and(same)) {
        None => Ok(()),
        Some(known) => Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "process_adopted",
            pointer: "/pid".to_owned(),
            detail: format!(
                "Process {} is the workload {} ({}) already. Restart that one if it is stopped.",
                process.pid, known.id, known.name
            ),
        }),
    }
}
