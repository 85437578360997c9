//! Adopting what runs on a node already: what is asked of it at the gate.
use crate::command::{Adopt, NewInstance};
use crate::ids::InstanceId;
use crate::records::workload::{Adopted, ClusterPod, LEAST_CPU_MILLI, ModuleKind, VirtualMachine};
use crate::refusal::{Refusal, RefusalKind, invalid, not_found};
use crate::state::State;
use crate::turn::Turn;
use crate::units::{Amounts, Resource, amount};
use crate::workload::register;

/// The most CPU of a node of a cluster, in thousandths of a core.
const MOST_NODE_CPU_MILLI: i64 = 1_000_000_000;
/// What Kubernetes allows for a name.
const LONGEST_POD_NAME: usize = 253;

/// Takes in what runs already as a workload of its owner, on the node where it runs.
pub fn adopt(turn: &mut Turn<'_>, asked: Adopt) -> Result<InstanceId, Refusal> {
    let amounts = [(&asked.baseline, "baseline"), (&asked.floor, "floor"), (&asked.limit, "limit")];
    check_told(&asked.adopted)?;
    check_amounts(&asked.adopted, &amounts)?;
    check_is_new(turn.state, &asked.adopted)?;
    let kind = asked.adopted.kind();
    let pool = turn.state.nodes.get(&asked.node).map(|node| node.pool.clone()).ok_or_else(|| not_found("node"))?;
    let module = register::offered(turn, kind, name_of(kind).to_owned())?;
    let Adopt { participant, name, node, class, baseline, floor, limit, strategy, adopted } = asked;
    let new = NewInstance {
        participant,
        name,
        driver: kind.driver().to_owned(),
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
    register::made_of(turn, new, Some(adopted))
}

/// The name of what all adopted workloads of a kind are made of.
const fn name_of(kind: ModuleKind) -> &'static str {
    match kind {
        ModuleKind::SlurmJob => "slurm job",
        ModuleKind::Pod => "pod",
        ModuleKind::Vm => "virtual machine",
        _ => "process",
    }
}

/// What an agent tells is another machine's word: nodes of a job have whole cores, and not too many; names are short.
fn check_told(adopted: &Adopted) -> Result<(), Refusal> {
    match adopted {
        Adopted::SlurmJob(job) if !(1..=MOST_NODE_CPU_MILLI).contains(&job.node_cpu_milli) => {
            let detail = format!(
                "A node of job {} is said to have {} cpu_milli; nodes have from 1 to {MOST_NODE_CPU_MILLI}. Look at its agent.",
                job.job, job.node_cpu_milli
            );
            Err(invalid("job_not_adoptable", "/job", detail))
        }
        Adopted::Pod(ClusterPod { namespace, name, uid, container }) => {
            let is_name = |text: &&String| (1..=LONGEST_POD_NAME).contains(&text.len()) && text.bytes().all(is_of_name);
            if [namespace, name, uid, container].iter().all(is_name) {
                return Ok(());
            }
            let detail = format!(
                "Names of a pod have 1 to {LONGEST_POD_NAME} lower-case letters, digits, hyphens and dots; its agent tells others. Look at its agent."
            );
            Err(invalid("pod_not_adoptable", "/pod", detail))
        }
        Adopted::Vm(VirtualMachine { name, .. }) => {
            let longest = VirtualMachine::LONGEST_NAME;
            let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if (1..=longest).contains(&name.len()) && name.bytes().all(is_of_name) {
                return Ok(());
            }
            let detail = format!(
                "The name of a virtual machine has 1 to {longest} letters, digits, hyphens, underscores and dots; its agent tells another. Look at its agent."
            );
            Err(invalid("vm_not_adoptable", "/vm", detail))
        }
        Adopted::SlurmJob(_) | Adopted::Process(_) => Ok(()),
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
}

/// Only CPU is limited: of a job whole nodes, of all others no less than a hundredth of a core.
pub(super) fn check_amounts(adopted: &Adopted, all: &[(&Amounts, &str)]) -> Result<(), Refusal> {
    for (amounts, field) in all {
        if let Some((resource, _)) = amounts.iter().find(|(r, quantity)| **r != Resource::CpuMilli && **quantity != 0) {
            let detail = format!(
                "An adopted workload trades CPU; its {resource} is measured, not limited. Leave {resource} out."
            );
            return Err(invalid("resource_not_enforced", format!("/{field}/{resource}"), detail));
        }
        let cpu = amount(amounts, Resource::CpuMilli);
        let refused = |code, detail| Err(invalid(code, format!("/{field}/cpu_milli"), detail));
        match adopted {
            Adopted::Process(_) | Adopted::Pod(_) | Adopted::Vm(_) if cpu < LEAST_CPU_MILLI => {
                let what = name_of(adopted.kind());
                let detail = format!(
                    "The kernel holds a {what} to {LEAST_CPU_MILLI} cpu_milli at least; the {field} is {cpu}. Ask for {LEAST_CPU_MILLI} or more."
                );
                return refused("floor_below_driver", detail);
            }
            Adopted::SlurmJob(job) if cpu < job.node_cpu_milli || cpu % job.node_cpu_milli != 0 => {
                let lot = job.node_cpu_milli;
                let detail = format!(
                    "Job {} has whole nodes of {lot} cpu_milli; the {field} is {cpu}. Ask for a multiple of {lot}.",
                    job.job
                );
                return refused("lot_not_whole", detail);
            }
            _ => {}
        }
    }
    Ok(())
}

/// What was adopted is one workload; a stopped one goes on by a restart.
fn check_is_new(state: &State, adopted: &Adopted) -> Result<(), Refusal> {
    match state.instances.values().find(|i| i.adopted.as_ref().is_some_and(|known| known.is(adopted))) {
        None => Ok(()),
        Some(known) => {
            let pointer = match adopted.kind() {
                ModuleKind::SlurmJob => "/job",
                ModuleKind::Pod => "/pod",
                ModuleKind::Vm => "/vm",
                _ => "/pid",
            };
            let detail = format!(
                "The {adopted} is the workload {} ({}) already. Restart that one if it is stopped.",
                known.id, known.name
            );
            let pointer = pointer.to_owned();
            Err(Refusal { kind: RefusalKind::Conflict, code: "already_adopted", pointer, detail })
        }
    }
}
