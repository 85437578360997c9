//! What a cluster is: its name, version and those of its settings that decide what can be done.

use crate::driver::DriverError;
use crate::slurm::Slurm;
use crate::slurm::run::excerpt;

/// Settings of a cluster, as its controller tells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub name: String,
    pub version: String,
    /// A job may get nodes while it runs.
    pub(in crate::slurm) expands: bool,
    /// A job may lose nodes while it runs.
    pub(in crate::slurm) shrinks: bool,
    /// It has slurmdbd: history of jobs, and more than one resize of each.
    pub(in crate::slurm) accounts: bool,
    /// It counts the CPU time of steps that run.
    pub(in crate::slurm) counts: bool,
}

impl Cluster {
    /// Reads the output of `scontrol show config`. Errors: name or version are missing.
    pub(in crate::slurm) fn read(text: &str) -> Result<Self, DriverError> {
        let of = |name: &str| {
            let found = text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == name);
            found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty() && *value != "(null)")
        };
        let needed = |name: &str| {
            let missing = || DriverError::Corrupt { what: "settings of the cluster", detail: format!("no {name}") };
            of(name).map(excerpt).ok_or_else(missing)
        };
        let options = of("SchedulerParameters").unwrap_or_default();
        let has = |option: &str| options.split(',').any(|one| one == option);
        Ok(Self {
            name: needed("ClusterName")?,
            version: needed("SLURM_VERSION")?,
            expands: has("permit_job_expansion"),
            shrinks: !has("disable_job_shrink"),
            accounts: of("AccountingStorageType").is_some_and(|kind| kind.ends_with("slurmdbd")),
            counts: of("JobAcctGatherType").is_some_and(|kind| !kind.ends_with("none")),
        })
    }

    /// Why jobs of it cannot be resized, if so.
    pub(in crate::slurm) fn cannot_resize(&self) -> Option<&'static str> {
        if !self.accounts {
            return Some("the cluster has no slurmdbd: after one resize Slurm refuses every further change of a job");
        }
        let closed = !self.shrinks && !self.expands;
        closed.then_some("SchedulerParameters has disable_job_shrink, and lacks permit_job_expansion")
    }
}

impl Slurm {
    /// Asks the controller. Errors: tools are missing, the controller does not answer.
    pub(in crate::slurm) fn ask_cluster(&self) -> Result<Cluster, DriverError> {
        Cluster::read(&self.commands.run("scontrol", &["show", "config"])?.output()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = "Configuration data as of 1796050000
AccountingStorageHost   = 127.0.0.1
AccountingStorageType   = accounting_storage/slurmdbd
ClusterName             = hr
JobAcctGatherType       = jobacct_gather/linux
SchedulerParameters     = permit_job_expansion,bf_interval=2,sched_interval=2,batch_sched_delay=0
SLURM_VERSION           = 22.05.8

Slurmctld(primary) at head is UP
";

    #[test]
    fn settings_of_a_real_cluster_are_read() {
        let cluster = Cluster::read(RECORDED).expect("settings");
        assert_eq!((&*cluster.name, &*cluster.version), ("hr", "22.05.8"));
        assert!(cluster.expands && cluster.shrinks && cluster.accounts && cluster.counts);
        assert_eq!(cluster.cannot_resize(), None);
    }

    #[test]
    fn a_cluster_without_accounting_says_why_not() {
        let text = RECORDED.replace("accounting_storage/slurmdbd", "accounting_storage/none");
        let reason = Cluster::read(&text).expect("settings").cannot_resize().expect("a reason");
        assert!(reason.contains("slurmdbd"), "{reason}");
        let text = RECORDED.replace("permit_job_expansion,bf", "disable_job_shrink,bf");
        assert!(Cluster::read(&text).expect("settings").cannot_resize().is_some());
    }

    #[test]
    fn settings_without_a_name_are_an_error() {
        for text in ["", "=", "ClusterName = (null)\nSLURM_VERSION = 1", "ClusterName = hr", "\0\u{1b}"] {
            assert!(Cluster::read(text).is_err(), "{text:?}");
        }
    }
}
