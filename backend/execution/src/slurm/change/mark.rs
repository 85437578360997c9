//! The mark on an adopted job: which exchange and workload it belongs to, under which epoch, and what it had before.
//!
//! It stands in the administrator's comment, which users cannot write, behind what an administrator wrote there. So it
//! outlives the agent, and a second exchange sees it.

use crate::driver::InstanceId;

const BEGIN: &str = "[headroom ";
const END: char = ']';
/// What the comment may have with the mark; beyond, it could be cut where it is read.
pub(in crate::slurm) const MOST_CHARACTERS: usize = 800;

/// What is written on a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::slurm) struct Mark {
    pub exchange: String,
    pub instance: InstanceId,
    pub epoch: u64,
    /// Nodes that the job had when it was adopted.
    pub nodes: u64,
    /// The run that was adopted: Slurm gives a requeued job a new time of submission. Unix seconds.
    pub submitted_at: i64,
}

/// Names that can stand in a mark, in a job's name and in a command.
pub(in crate::slurm) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl Mark {
    /// The mark of a comment, if it has one.
    pub fn read(comment: &str) -> Option<Self> {
        let (_, rest) = comment.rsplit_once(BEGIN)?;
        let fields: Vec<&str> = rest.split_once(END)?.0.split(' ').collect();
        let [exchange, instance, epoch, nodes, submitted_at] = fields.as_slice() else { return None };
        if !is_name(exchange) || !is_name(instance) {
            return None;
        }
        Some(Self {
            exchange: (*exchange).to_owned(),
            instance: InstanceId::from(*instance),
            epoch: epoch.parse().ok()?,
            nodes: nodes.parse().ok()?,
            submitted_at: submitted_at.parse().ok()?,
        })
    }

    /// The comment with this mark in place of an earlier one.
    pub fn written(&self, comment: &str) -> String {
        let Self { exchange, instance, epoch, nodes, submitted_at } = self;
        let mark = format!("{BEGIN}{exchange} {instance} {epoch} {nodes} {submitted_at}{END}");
        match unmarked(comment) {
            own if own.is_empty() => mark,
            own => format!("{own} {mark}"),
        }
    }
}

/// The comment as it was before the mark.
pub(in crate::slurm) fn unmarked(comment: &str) -> String {
    let comment = if comment == "(null)" { "" } else { comment };
    let Some((before, rest)) = comment.rsplit_once(BEGIN) else { return comment.trim().to_owned() };
    let after = rest.split_once(END).map_or("", |(_, after)| after);
    format!("{} {}", before.trim(), after.trim()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let (exchange, instance) = ("x1".to_owned(), InstanceId::from("ins_a"));
        Mark { exchange, instance, epoch: 7, nodes: 2, submitted_at: 1_796_049_672 }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for own in ["(null)", "", "ask Anna first"] {
            let written = mark().written(own);
            assert_eq!(Mark::read(&written), Some(mark()));
            let newer = Mark { epoch: 8, ..mark() };
            assert_eq!(Mark::read(&newer.written(&written)), Some(newer.clone()), "one mark, the last");
            assert_eq!(newer.written(&written).matches(BEGIN).count(), 1);
            assert_eq!(unmarked(&written), own.replace("(null)", ""), "what was there before is kept");
        }
    }

    #[test]
    fn a_damaged_mark_is_none() {
        for text in ["", "(null)", "[headroom ", "[headroom a b]", "[headroom a b 1 x 3]", "[headroom a/ b 1 2 3]"] {
            assert_eq!(Mark::read(text), None, "{text}");
        }
        assert_eq!(Mark::read("[headroom a b -1 2 3]"), None);
    }
}
