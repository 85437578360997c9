//! What is to run on nodes, as the market's state says.
use crate::workers::nodes::ModuleId;
use headroom_market::pool::{Node, Pool};
use headroom_market::round::Award;
use headroom_market::state::State;
use headroom_market::swap::Swap;
use headroom_market::time::Slot;
use headroom_market::workload::{Instance, Module};
use std::collections::{BTreeMap, BTreeSet};

/// What the market wants to run, taken from its state at once.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub nodes: Vec<Node>,
    pub pools: BTreeMap<String, Pool>,
    pub instances: Vec<Instance>,
    pub modules: BTreeMap<ModuleId, Module>,
    /// Instances that a swap is moving or resizing now: it alone starts and stops their copies.
    pub under_way: BTreeSet<headroom_market::ids::InstanceId>,
    /// Slots for which somebody has bought capacity without a workload, until they are settled.
    pub without_workload: BTreeSet<Slot>,
}

impl Wanted {
    pub fn of(state: &State) -> Self {
        let begun = |s: &&Swap| s.state.has_begun();
        let unsettled = |a: &Award| a.lines.iter().filter(|l| !l.settled).map(|l| l.slot).collect::<BTreeSet<_>>();
        Self {
            without_workload: state.awards.values().filter(|a| a.instance.is_none()).flat_map(unsettled).collect(),
            under_way: state.swaps.values().filter(begun).map(|s| s.instance).collect(),
            nodes: state.nodes.values().cloned().collect(),
            pools: state.pools.clone(),
            instances: state.instances.values().cloned().collect(),
            modules: state.modules.clone(),
        }
    }
}
