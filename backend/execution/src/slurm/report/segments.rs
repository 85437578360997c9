//! The true sizes of a job over time, as slurmdbd recorded them: what is settled is compared with these.

use headroom_market::workload::SlurmJob;

use crate::driver::DriverError;
use crate::slurm::table::number;
use crate::slurm::{Slurm, hosts};

const WHAT: &str = "sacct";
const FIELDS: &str = "JobIDRaw,Submit,Start,End,State,NNodes,AllocCPUS,NodeList";

/// A time in which a job had the same nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Unix seconds.
    pub started_at: i64,
    /// Unix seconds; `None` while it lasts.
    pub ended_at: Option<i64>,
    pub nodes: u64,
    /// CPUs on all of its nodes.
    pub cpus: u64,
    pub hosts: Vec<String>,
    /// How it ended, `RESIZING` or a state of the job, in Slurm's words.
    pub state: String,
}

/// The segments of one run of a job in a table of [`FIELDS`]: from its submission on, until one did not end by a resize.
pub(in crate::slurm) fn segments_of(text: &str, job: u64, submitted_at: i64) -> Result<Vec<Segment>, DriverError> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut is_in = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('|').collect();
        let [number_of, submitted, started, ended, state, nodes, cpus, list] = fields.as_slice() else {
            let detail = format!("no segment: {}", crate::slurm::run::excerpt(line));
            return Err(DriverError::Corrupt { what: WHAT, detail });
        };
        if number::<u64>(WHAT, number_of)? != job {
            continue;
        }
        let submitted: i64 = number(WHAT, submitted)?;
        is_in = is_in || submitted == submitted_at;
        if !is_in {
            continue;
        }
        let state = state.split(' ').next().unwrap_or_default();
        let nodes: u64 = number(WHAT, nodes)?;
        // One that has just begun has no nodes until slurmdbd hears of them; one that waits has none.
        if *started != "Unknown" && nodes > 0 {
            segments.push(Segment {
                // After a shrink Slurm tells the start of the job again; the time of submission is that of the resize.
                started_at: number::<i64>(WHAT, started)?.max(submitted),
                ended_at: if *ended == "Unknown" { None } else { Some(number(WHAT, ended)?) },
                nodes,
                cpus: number(WHAT, cpus)?,
                hosts: hosts::expand(list)?,
                state: state.to_owned(),
            });
        }
        if state != "RESIZING" {
            break;
        }
    }
    Ok(segments)
}

impl Slurm {
    /// The segments of a job, the earliest first; empty where slurmdbd knows no such job. Times are whole seconds. The
    /// newest segment may come a moment late. Errors: slurmdbd does not answer, or the cluster has none.
    pub fn segments(&self, job: &SlurmJob) -> Result<Vec<Segment>, DriverError> {
        let number = job.job.to_string();
        let arguments = ["--duplicates", "--allocations", "--noheader", "--parsable2", "--format", FIELDS, "--jobs"];
        let output = self.commands.run(WHAT, &[&arguments[..], &[&number]].concat())?.output()?;
        segments_of(&output, job.job, job.submitted_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of version 22.05: 1, 3, 2, 3 and 1 nodes, then another job of the same number.
    const RECORDED: &str = "7|1796049693|1796049694|1796049696|RESIZING|1|4|n1
7|1796049696|1796049696|1796049700|RESIZING|3|12|n[1-3]
7|1796049700|1796049694|1796049702|RESIZING|2|8|n[1-2]
7|1796049702|1796049702|1796049706|RESIZING|3|12|n[1-3]
7|1796049706|1796049706|1796049711|CANCELLED by 0|1|4|n1
7|1796059000|1796059001|Unknown|RUNNING|1|2|n3
";

    #[test]
    fn recorded_segments_are_those_of_one_run() {
        let segments = segments_of(RECORDED, 7, 1_796_049_693).expect("segments");
        let sizes: Vec<u64> = segments.iter().map(|segment| segment.nodes).collect();
        assert_eq!(sizes, [1, 3, 2, 3, 1]);
        assert!(
            segments.windows(2).all(|two| two[0].ended_at == Some(two[1].started_at)),
            "without a gap: {segments:?}"
        );
        assert_eq!(segments[4].state, "CANCELLED");
        let later = segments_of(RECORDED, 7, 1_796_059_000).expect("segments");
        assert_eq!((later.len(), later[0].ended_at, later[0].cpus), (1, None, 2));
    }

    #[test]
    fn a_segment_without_nodes_yet_is_left_out() {
        let text = "38|1796050050|1796050051|1796050052|RESIZING|1|4|n1\n38|1796050052|1796050052|Unknown|PENDING|0|0|None assigned\n";
        assert_eq!(segments_of(text, 38, 1_796_050_050).expect("segments").len(), 1);
        assert!(segments_of(text, 38, 1).expect("another run").is_empty());
    }

    #[test]
    fn hostile_segments_are_an_error() {
        for text in
            ["7", "7|1|2|3|X|1|4", "7|1|2|3|X|-1|4|n1", "x|1|2|3|X|1|4|n1", "7|1|soon|3|X|1|4|n1", "7|1|2|3|X|1|4|n["]
        {
            assert!(segments_of(text, 7, 1).is_err(), "{text}");
        }
    }
}
