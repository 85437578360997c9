//! Partitions of the cluster and their nodes, of which an operator makes nodes of the market.

use std::collections::BTreeMap;

use crate::driver::DriverError;
use crate::slurm::Slurm;
use crate::slurm::job::Job;
use crate::slurm::table::{Table, micros, number};

const WHAT: &str = "sinfo";
const FIELDS: [&str; 6] = ["%R", "%a", "%l", "%N", "%T", "%C"];

/// A partition with its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    pub name: String,
    /// `up` where jobs start, in Slurm's words.
    pub state: String,
    /// The longest that a job may run, in seconds; `None` without a limit.
    pub most_seconds: Option<u64>,
    pub nodes: Vec<PartitionNode>,
    pub cpus_total: u64,
    pub cpus_idle: u64,
}

/// A node of a partition; it may be in several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionNode {
    pub name: String,
    /// `idle`, `mixed`, `allocated`, `down*`…, in Slurm's words.
    pub state: String,
    pub cpus_total: u64,
    pub cpus_idle: u64,
}

/// Whether jobs can begin on a node; `planned` are those that Slurm keeps for one that waits.
fn serves(state: &str) -> bool {
    ["idle", "mixed", "planned"].contains(&state)
}

/// The partitions of a table of [`FIELDS`], by name.
pub(in crate::slurm) fn partitions_of(records: &[Vec<&str>]) -> Result<Vec<Partition>, DriverError> {
    let mut partitions: BTreeMap<&str, Partition> = BTreeMap::new();
    for fields in records {
        let [name, state, most, host, host_state, cpus] = fields.as_slice() else { continue };
        let cpus: Vec<&str> = cpus.split('/').collect();
        let [_, idle, _, total] = cpus.as_slice() else {
            return Err(DriverError::Corrupt { what: WHAT, detail: "no count of CPUs".to_owned() });
        };
        let (idle, cpus_total) = (number(WHAT, idle)?, number(WHAT, total)?);
        // CPUs of a node that was merged into a job count as idle, although nobody gets them: its state says so.
        let cpus_idle = if serves(host_state) { idle } else { 0 };
        let partition = partitions.entry(name).or_insert_with(|| Partition {
            name: (*name).to_owned(),
            state: (*state).to_owned(),
            most_seconds: micros(most).map(|micros| micros / 1_000_000),
            nodes: Vec::new(),
            cpus_total: 0,
            cpus_idle: 0,
        });
        let (name, state) = ((*host).to_owned(), (*host_state).to_owned());
        partition.nodes.push(PartitionNode { name, state, cpus_total, cpus_idle });
        partition.cpus_total = partition.cpus_total.saturating_add(cpus_total);
        partition.cpus_idle = partition.cpus_idle.saturating_add(cpus_idle);
    }
    Ok(partitions.into_values().collect())
}

impl Slurm {
    /// All partitions by name, also those that are hidden or down. Errors: the controller does not answer.
    pub fn partitions(&self) -> Result<Vec<Partition>, DriverError> {
        self.sinfo(&[])
    }

    fn sinfo(&self, options: &[&str]) -> Result<Vec<Partition>, DriverError> {
        let table = Table::new();
        let format = table.format(&FIELDS);
        let mut arguments = vec!["--noheader", "--all", "--Node", "--format", &format];
        arguments.extend(options);
        let output = self.commands.run(WHAT, &arguments)?.output()?;
        partitions_of(&table.records(WHAT, &output, FIELDS.len())?)
    }

    /// Nodes of a job's partition that it could get now: not its own, in service, with enough idle CPUs.
    pub(in crate::slurm) fn idle_nodes(&self, job: &Job, cpus_of_node: u64) -> Result<u64, DriverError> {
        let partitions = self.sinfo(&["--partition", &job.partition])?;
        let nodes = partitions.iter().flat_map(|partition| &partition.nodes);
        let is_free = |node: &&PartitionNode| {
            serves(&node.state) && node.cpus_idle >= cpus_of_node && !job.hosts.contains(&node.name)
        };
        Ok(nodes.filter(is_free).count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_nodes_are_summed_by_partition() {
        let lines = [
            "batch|up|infinite|n1|idle|0/4/0/4",
            "urgent|up|1-00:00:00|n3|mixed|3/1/0/4",
            "batch|up|infinite|n2|down*|0/0/4/4",
        ];
        let records: Vec<Vec<&str>> = lines.iter().map(|line| line.split('|').collect()).collect();
        let partitions = partitions_of(&records).expect("partitions");
        let seen: Vec<_> =
            partitions.iter().map(|p| (&*p.name, p.nodes.len(), p.cpus_total, p.cpus_idle, p.most_seconds)).collect();
        assert_eq!(seen, [("batch", 2, 8, 4, None), ("urgent", 1, 4, 1, Some(86_400))]);
        assert_eq!(partitions[0].nodes[1].state, "down*");
    }

    #[test]
    fn a_hostile_count_of_cpus_is_an_error() {
        for cpus in ["", "4", "0/4/0", "a/b/c/d", "0/-4/0/4", "0/4/0/4/4"] {
            assert!(partitions_of(&[vec!["batch", "up", "infinite", "n1", "idle", cpus]]).is_err(), "{cpus}");
        }
    }
}
