//! The group that a program has already: that of a service of systemd, or of a container.
//!
//! Version 2 has one tree for all controllers. A program that left its group would leave the memory limit and the
//! accounting of its service as well, so it stays there, and the CPU limit of the group is set. A mark on the folder
//! names the workload: it outlives the agent, and another exchange sees it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::fs::{XattrFlags, getxattr, removexattr, setxattr};

use super::cgroup::{Group, folders_of};

const MARK: &str = "user.headroom";
const LONGEST_MARK: usize = 256;
/// Limits that a program would lose if it left its group.
const LOST_LIMITS: [&str; 3] = ["memory.max", "memory.high", "cpu.max"];

/// Whose a group is that the host has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Where version 2 is mounted.
    pub mount: PathBuf,
    pub exchange: String,
    pub workload: String,
}

impl Owner {
    /// Whether the group is not this workload's any more: a service that starts again has a new one.
    pub fn has_lost(&self, group: &Group) -> bool {
        mark(group.folder()).is_none_or(|(exchange, of)| exchange != self.exchange || of != self.workload)
    }

    /// Lets the group have a CPU limit: every folder above has to hand the controller on. Systemd does so for some slices
    /// only, and takes it back when it likes.
    pub fn hand_on_cpu(&self, group: &Group) {
        if group.folder().join("cpu.max").exists() {
            return;
        }
        let above: Vec<&Path> = group.folder().ancestors().skip(1).collect();
        for folder in above.into_iter().rev().filter(|folder| folder.starts_with(&self.mount)) {
            // Without it the limit cannot be set, and that says why.
            let _ = std::fs::write(folder.join("cgroup.subtree_control"), "+cpu");
        }
    }

    /// Lifts the limit and takes the mark away. The program stays where it is.
    pub fn give_back(&self, group: &Group) -> std::io::Result<()> {
        if self.has_lost(group) {
            return Ok(());
        }
        group.set_cpu(None)?;
        Ok(removexattr(group.folder(), MARK)?)
    }
}

/// The exchange and the workload that a group is marked with.
pub fn mark(group: &Path) -> Option<(String, String)> {
    let mut buffer = [0_u8; LONGEST_MARK];
    let length = getxattr(group, MARK, &mut buffer[..]).ok()?;
    let text = std::str::from_utf8(buffer.get(..length)?).ok()?;
    text.split_once('/').map(|(exchange, workload)| (exchange.to_owned(), workload.to_owned()))
}

/// The folder of the group that a process is in, below the mounted tree; `None` for the first group of all.
pub fn folder_of(mount: &Path, pid: u32) -> Option<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?.trim_matches('/');
    // A group outside of the namespace of this agent begins with `..`.
    (!path.is_empty() && !path.starts_with("..")).then(|| mount.join(path))
}

/// The program's own group, marked with the exchange and the workload; `None` if it shares a group, and nothing is lost
/// when it leaves it.
///
/// # Errors
/// A sentence for people: whose group it is, or which limit it would lose, and what to do.
pub fn take(owner: &Owner, pid: u32, tree: &BTreeSet<u32>) -> Result<Option<Group>, String> {
    let mount = &owner.mount;
    let Some(folder) = folder_of(mount, pid) else { return Ok(None) };
    let shown = folder.strip_prefix(mount).unwrap_or(&folder).display().to_string();
    if shown.starts_with(super::process::PREFIX) {
        return Ok(None);
    }
    let group = Group::of_v2(folder);
    let members = group.members().map_err(|error| format!("{shown}: {error}"))?;
    if members.iter().any(|member| !tree.contains(member)) {
        return match lost_limit(mount, group.folder()) {
            None => Ok(None),
            Some(file) => Err(format!(
                "it shares the control group {shown} with other programs, and would lose {file}; adopt the first process \
                 of the group, or start it in a group of its own, as `systemd-run` does"
            )),
        };
    }
    owner.hand_on_cpu(&group);
    let limit = group.cpu().map_err(|error| format!("{shown} has no controller cpu ({error})"))?;
    match mark(group.folder()) {
        Some((marked, of)) if marked != owner.exchange || of != owner.workload => {
            return Err(format!("the control group {shown} is limited for the workload {of} of {marked} already"));
        }
        None if limit.is_some() => {
            return Err(format!(
                "{shown} has a CPU limit of its own; lift it, as with `systemctl set-property` and `CPUQuota=`"
            ));
        }
        _ => {}
    }
    let text = format!("{}/{}", owner.exchange, owner.workload);
    setxattr(group.folder(), MARK, text.as_bytes(), XattrFlags::empty())
        .map_err(|error| format!("{shown}: {error}"))?;
    Ok(Some(group))
}

/// Groups that an earlier life of this exchange has marked, with their workloads.
pub fn marked(mount: &Path, exchange: &str) -> Vec<(Group, Owner)> {
    let marked = |folder: PathBuf| {
        let (exchange, workload) = mark(&folder).filter(|(marked, _)| marked == exchange)?;
        Some((Group::of_v2(folder), Owner { mount: mount.to_owned(), exchange, workload }))
    };
    folders_of(mount).into_iter().filter_map(marked).collect()
}

/// The file of a limit that holds for a group, in it or above.
fn lost_limit(mount: &Path, group: &Path) -> Option<String> {
    let folders = group.ancestors().take_while(|folder| folder.starts_with(mount) && *folder != mount);
    let mut files = folders.flat_map(|folder| LOST_LIMITS.map(|file| folder.join(file)));
    let found = files.find(|file| std::fs::read_to_string(file).is_ok_and(|text| !text.starts_with("max")))?;
    Some(found.strip_prefix(mount).unwrap_or(&found).display().to_string())
}
