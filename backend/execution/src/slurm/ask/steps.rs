//! Steps of jobs: what a job has launched on its nodes beside its script.

use crate::driver::DriverError;
use crate::slurm::job::Job;
use crate::slurm::table::Table;
use crate::slurm::{Slurm, hosts};

const WHAT: &str = "squeue";

/// A step that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::slurm) struct Step {
    /// The job and the step in it, `23.0`.
    pub id: String,
    pub hosts: Vec<String>,
}

impl Step {
    pub fn is_of(&self, job: &Job) -> bool {
        self.id.split_once('.').is_some_and(|(id, _)| id == job.id() || id == job.number.to_string())
    }
}

impl Slurm {
    /// Steps that jobs have launched; neither their scripts nor the step that Slurm keeps on each node of a job.
    pub(in crate::slurm) fn steps(&self, options: &[&str]) -> Result<Vec<Step>, DriverError> {
        let table = Table::new();
        let format = table.format(&["%i", "%N"]);
        let mut arguments = vec!["--steps", "--noheader", "--format", &format];
        arguments.extend(options);
        let output = self.commands.run(WHAT, &arguments)?.output()?;
        let mut steps = Vec::new();
        for fields in table.records(WHAT, &output, 2)? {
            let [id, nodes] = fields.as_slice() else { continue };
            if !id.ends_with(".batch") && !id.ends_with(".extern") {
                steps.push(Step { id: (*id).to_owned(), hosts: hosts::expand(nodes)? });
            }
        }
        Ok(steps)
    }
}
