//! Worker nodes: what they have, what is reserved on them, which epochs they have seen.
//!
//! Invariants: reservations never exceed capacity, except that capacity may be lowered under
//! them; the epoch seen for an instance never falls, also when the node was down.
//! Absent: the guests themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::driver::{DriverError, InstanceId, Limits, NodeId, Role};

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    pub id: NodeId,
    pub name: String,
    pub pool: String,
    pub pop: String,
    pub tier: String,
    pub capacity: Limits,
    /// What a workload could find out about its host, `cpu_model_code` for instance.
    #[serde(default)]
    pub properties: BTreeMap<String, i64>,
}

/// A node with what is on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    pub spec: NodeSpec,
    pub up: bool,
    /// Limits of all copies, shadows and fenced sources too.
    pub reserved: Limits,
    pub copies: u64,
}

#[derive(Debug)]
struct Node {
    spec: NodeSpec,
    up: bool,
    reserved: BTreeMap<(InstanceId, u8), Limits>,
    epochs: BTreeMap<InstanceId, u64>,
}

/// All nodes of a cluster. One lock around it, held for arithmetic only.
#[derive(Debug, Default)]
pub(crate) struct Nodes(BTreeMap<NodeId, Node>);

impl Nodes {
    /// Adds a node or updates its description; guests and epochs stay.
    pub fn ensure(&mut self, spec: NodeSpec) {
        match self.0.get_mut(&spec.id) {
            Some(node) => node.spec = spec,
            None => {
                let node = Node { spec, up: true, reserved: BTreeMap::new(), epochs: BTreeMap::new() };
                self.0.insert(node.spec.id.clone(), node);
            }
        }
    }

    pub fn status(&self) -> Vec<NodeStatus> {
        self.0
            .values()
            .map(|node| NodeStatus {
                spec: node.spec.clone(),
                up: node.up,
                reserved: Limits::new(
                    node.reserved.values().map(|l| l.cpu_milli).sum(),
                    node.reserved.values().map(|l| l.mem_kib).sum(),
                ),
                copies: node.reserved.len() as u64,
            })
            .collect()
    }

    fn get(&self, id: &NodeId) -> Result<&Node, DriverError> {
        self.0.get(id).ok_or_else(|| DriverError::UnknownNode(id.clone()))
    }

    fn get_mut(&mut self, id: &NodeId) -> Result<&mut Node, DriverError> {
        self.0.get_mut(id).ok_or_else(|| DriverError::UnknownNode(id.clone()))
    }

    /// The node's properties, if it is up.
    pub fn properties(&self, id: &NodeId) -> Result<BTreeMap<String, i64>, DriverError> {
        let node = self.get(id)?;
        if !node.up {
            return Err(DriverError::NodeDown(id.clone()));
        }
        Ok(node.spec.properties.clone())
    }

    pub fn set_up(&mut self, id: &NodeId, up: bool) -> Result<(), DriverError> {
        let node = self.get_mut(id)?;
        node.up = up;
        if !up {
            node.reserved.clear();
        }
        Ok(())
    }

    pub fn is_up(&self, id: &NodeId) -> bool {
        self.0.get(id).is_some_and(|node| node.up)
    }

    /// The highest epoch that any node has seen for the instance.
    pub fn highest_epoch(&self, instance: &InstanceId) -> u64 {
        self.0.values().filter_map(|node| node.epochs.get(instance)).copied().max().unwrap_or(0)
    }

    /// Refuses an epoch that is not the one the node is at.
    pub fn check_epoch(&self, id: &NodeId, instance: &InstanceId, given: u64) -> Result<(), DriverError> {
        let node = self.get(id)?;
        if !node.up {
            return Err(DriverError::NodeDown(id.clone()));
        }
        let seen = node.epochs.get(instance).copied().unwrap_or(0);
        let (instance, node) = (instance.clone(), id.clone());
        match given.cmp(&seen) {
            std::cmp::Ordering::Less => Err(DriverError::StaleEpoch { instance, node, given, seen }),
            std::cmp::Ordering::Greater => Err(DriverError::EpochAhead { instance, node, given, seen }),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    /// Tells a node of an epoch; an older one than it has seen is refused.
    pub fn announce(&mut self, id: &NodeId, instance: &InstanceId, epoch: u64) -> Result<(), DriverError> {
        let node = self.get_mut(id)?;
        let seen = node.epochs.entry(instance.clone()).or_insert(0);
        if epoch < *seen {
            return Err(DriverError::StaleEpoch {
                instance: instance.clone(),
                node: id.clone(),
                given: epoch,
                seen: *seen,
            });
        }
        *seen = epoch;
        Ok(())
    }

    /// Reserves `limits` for a copy in place of what it had, if there is room.
    pub fn reserve(
        &mut self,
        id: &NodeId,
        instance: &InstanceId,
        role: Role,
        limits: &Limits,
    ) -> Result<(), DriverError> {
        let node = self.get_mut(id)?;
        if !node.up {
            return Err(DriverError::NodeDown(id.clone()));
        }
        let slot = (instance.clone(), role as u8);
        let others = |pick: fn(&Limits) -> u64| -> u64 {
            node.reserved.iter().filter(|(key, _)| **key != slot).map(|(_, l)| pick(l)).sum()
        };
        for (resource, needed, taken, capacity) in [
            ("cpu_milli", limits.cpu_milli, others(|l| l.cpu_milli), node.spec.capacity.cpu_milli),
            ("mem_kib", limits.mem_kib, others(|l| l.mem_kib), node.spec.capacity.mem_kib),
        ] {
            let free = capacity.saturating_sub(taken);
            if needed > free {
                return Err(DriverError::NoRoom { node: id.clone(), resource, needed, free });
            }
        }
        node.reserved.insert(slot, limits.clone());
        Ok(())
    }

    /// Frees a copy's reservation; freeing twice is fine.
    pub fn free(&mut self, id: &NodeId, instance: &InstanceId, role: Role) {
        if let Some(node) = self.0.get_mut(id) {
            node.reserved.remove(&(instance.clone(), role as u8));
        }
    }

    /// A copy changes its role; the reservation goes with it.
    pub fn change_role(&mut self, id: &NodeId, instance: &InstanceId, from: Role, to: Role) {
        if let Some(node) = self.0.get_mut(id)
            && let Some(limits) = node.reserved.remove(&(instance.clone(), from as u8))
        {
            node.reserved.insert((instance.clone(), to as u8), limits);
        }
    }
}
