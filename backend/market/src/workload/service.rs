//! HTTP services that the operator has defined: what is asked of their workloads at the gate.
use crate::ids::{InstanceId, ModuleId};
use crate::records::workload::{InstanceState, LEAST_CPU_MILLI};
use crate::refusal::{Refusal, RefusalKind, invalid};
use crate::state::State;
use crate::units::{Amounts, Resource, amount};

/// Only CPU is limited, and the kernel takes no less than a hundredth of a core.
pub(super) fn check_amounts(all: &[(&Amounts, &str)]) -> Result<(), Refusal> {
    for (amounts, field) in all {
        if let Some((resource, _)) = amounts.iter().find(|(r, quantity)| **r != Resource::CpuMilli && **quantity != 0) {
            let detail = format!("A service trades CPU; its {resource} is not limited. Leave {resource} out.");
            return Err(invalid("resource_not_enforced", format!("/{field}/{resource}"), detail));
        }
        let cpu = amount(amounts, Resource::CpuMilli);
        if cpu < LEAST_CPU_MILLI {
            let detail = format!(
                "The kernel holds a service to {LEAST_CPU_MILLI} cpu_milli at least; the {field} is {cpu}. Ask for {LEAST_CPU_MILLI} or more."
            );
            return Err(invalid("floor_below_driver", format!("/{field}/cpu_milli"), detail));
        }
    }
    Ok(())
}

/// A service has one address, and one workload at a time.
pub(super) fn check_is_free(state: &State, module: ModuleId, own: Option<InstanceId>) -> Result<(), Refusal> {
    let mut running = state.instances.values().filter(|i| i.module == module && i.state == InstanceState::Running);
    match running.find(|i| own.is_none_or(|own| own != i.id)) {
        None => Ok(()),
        Some(other) => Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "service_taken",
            pointer: "/module".to_owned(),
            detail: format!("The service runs as the workload {} already. Stop that one first.", other.id),
        }),
    }
}
