//! Letting a job go: it has the nodes that it had when it was adopted, carries no mark, and runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use headroom_market::workload::SlurmJob;

use crate::driver::{DriverError, InstanceId, NodeId};
use crate::slurm::mark::{self, Mark};
use crate::slurm::{Entry, Slurm, locked};

impl Slurm {
    /// Lets a workload go, also one that an earlier life of the agent has adopted. Errors: the cluster does not answer;
    /// then it is still adopted.
    pub(in crate::slurm) fn let_go(&self, instance: &InstanceId, epoch: u64) -> Result<(), DriverError> {
        let entry = match self.entry_of(instance, epoch) {
            Err(DriverError::UnknownInstance(_)) => self.marked(instance, epoch)?,
            known => known?,
        };
        let mut changes = locked(&entry.changes);
        let job = self.job(entry.job.job)?.filter(|job| job.submitted_at == entry.job.submitted_at);
        if let Some(job) = job.filter(|job| !job.has_ended()) {
            let mark = match self.own_mark(&entry) {
                // Somebody has taken the mark away, and with it the job.
                Err(DriverError::WrongState { .. }) => None,
                mark => Some(mark?),
            };
            if let Some(mark) = mark {
                match self.bring_to(&entry, &mut changes, mark.nodes.max(1)) {
                    // What it lent it gets back where there is room.
                    Ok(_) | Err(DriverError::NoRoom { .. } | DriverError::WrongState { .. }) => {}
                    Err(error) => return Err(error),
                }
                let comment = self.extra(job.number)?.map(|extra| extra.administrators_comment).unwrap_or_default();
                self.write_comment(&job, &mark::unmarked(&comment))?;
            }
        }
        locked(&self.entries).remove(instance);
        Ok(())
    }

    /// Lets go of every job that an earlier life has marked and that nobody wants.
    pub(in crate::slurm) fn let_go_unwanted(&self, wanted: &BTreeSet<InstanceId>) -> Result<(), DriverError> {
        let extras = self.extras(&[])?;
        let marks = extras.values().filter_map(|extra| Mark::read(&extra.administrators_comment));
        let others = marks.filter(|mark| mark.exchange == self.exchange && !wanted.contains(&mark.instance));
        // A workload's earlier jobs keep marks of older epochs for a while.
        let mut newest: BTreeMap<InstanceId, u64> = BTreeMap::new();
        for mark in others.filter(|mark| !self.has(&mark.instance)) {
            let epoch = newest.entry(mark.instance).or_default();
            *epoch = mark.epoch.max(*epoch);
        }
        for (instance, epoch) in newest {
            match self.let_go(&instance, epoch) {
                // It has ended meanwhile.
                Ok(()) | Err(DriverError::UnknownInstance(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A workload that is known by the mark on its job alone.
    fn marked(&self, instance: &InstanceId, epoch: u64) -> Result<Arc<Entry>, DriverError> {
        let extras = self.extras(&[])?;
        let marks = extras.iter().filter_map(|(job, extra)| Some((*job, Mark::read(&extra.administrators_comment)?)));
        let own = marks.filter(|(_, mark)| mark.exchange == self.exchange && mark.instance == *instance);
        let mut found = None;
        for (number, mark) in own {
            // Jobs that have ended keep their marks for a while.
            let job = self.job(number)?.filter(|job| job.submitted_at == mark.submitted_at && !job.has_ended());
            found = found.or(job);
        }
        let job = found.ok_or_else(|| DriverError::UnknownInstance(instance.clone()))?;
        let cpus = job.cpus.checked_div(job.nodes).unwrap_or(0);
        let job = SlurmJob {
            cluster: self.cluster()?.name.clone(),
            job: job.number,
            submitted_at: job.submitted_at,
            name: job.name,
            node_cpu_milli: i64::try_from(cpus.saturating_mul(1_000)).unwrap_or(i64::MAX),
        };
        let (node, counted, ended) = (NodeId::from(""), Mutex::default(), OnceLock::new());
        Ok(Arc::new(Entry { instance: instance.clone(), job, node, epoch, changes: Arc::default(), counted, ended }))
    }
}
