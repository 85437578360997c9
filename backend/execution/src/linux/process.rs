//! Processes of this host as `/proc` shows them.
//!
//! A number alone names nobody: the kernel gives it to another process after the first has ended. A process is its
//! number, the tick at which it started, and the boot since which ticks count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{cgroup, own_group};
use headroom_market::workload::HostProcess;

/// Clock ticks a second of `/proc`, on every Linux that Rust runs on.
const TICKS_A_SECOND: u64 = 100;
/// What is kept of a command line.
const LONGEST_COMMAND: usize = 200;
/// How the names of all exchanges' folders of control groups begin.
pub const PREFIX: &str = "headroom-";
/// How long processes are looked at to see what they use now.
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);

/// A process that may be adopted, with what it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub process: HostProcess,
    pub parent: u32,
    /// Numeric user that it runs as.
    pub user: u32,
    pub running_seconds: u64,
    /// CPU of it and its descendants while they were looked at, in thousandths of a core.
    pub cpu_milli: u64,
    /// Mean CPU of it and its descendants since each started.
    pub mean_cpu_milli: u64,
    /// Resident memory of it and its descendants.
    pub mem_kib: u64,
    /// How many processes it has started that still run, directly or not.
    pub descendants: u64,
    /// The control group of an exchange that it, or one that it has started, is in: the exchange's folder and the workload.
    pub adopted: Option<(String, String)>,
}

/// The fields of `/proc/<pid>/stat` that are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    parent: u32,
    is_dead: bool,
    cpu_ticks: u64,
    started_ticks: u64,
    resident_pages: u64,
}

impl Stat {
    /// The name in brackets may hold blanks and brackets itself: what counts stands after the last one.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            is_dead: matches!(*fields.first()?, "Z" | "X"),
            cpu_ticks: number(11)? + number(12)?,
            started_ticks: number(19)?,
            resident_pages: number(21)?,
        })
    }
}

fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&read(pid, "stat")?).filter(|stat| !stat.is_dead)
}

fn read(pid: u32, file: &str) -> Option<String> {
    let bytes = std::fs::read(PathBuf::from(format!("/proc/{pid}/{file}"))).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The boot of this host, which every start of a machine renews.
pub fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn command_of(pid: u32) -> Option<String> {
    let line = read(pid, "cmdline")?;
    let line = line.trim_end_matches('\0').replace('\0', " ");
    let shown: String = line.chars().filter(|c| !c.is_control()).take(LONGEST_COMMAND).collect();
    (!shown.is_empty()).then_some(shown)
}

/// The process that has this number now; `None` if there is none, or it is a thread of the kernel.
pub fn find(pid: u32) -> Option<HostProcess> {
    let started_ticks = stat(pid)?.started_ticks;
    let process = HostProcess { pid, started_ticks, boot: boot(), command: command_of(pid)? };
    runs(&process).then_some(process)
}

/// Whether it still runs: its number may be another's by now.
pub fn runs(process: &HostProcess) -> bool {
    stat(process.pid).is_some_and(|stat| stat.started_ticks == process.started_ticks) && boot() == process.boot
}

/// It and all processes that it has started, directly or not.
pub fn tree(process: &HostProcess) -> Vec<u32> {
    Processes::all().tree(process.pid)
}

/// Whether a process is this one, one that it descends from or was started by it: nobody adopts those, nor the first.
pub fn is_own(pid: u32) -> bool {
    Processes::all().own().contains(&pid)
}

/// All processes at one moment.
struct Processes {
    stats: BTreeMap<u32, Stat>,
    children: BTreeMap<u32, Vec<u32>>,
}

impl Processes {
    fn all() -> Self {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let stats: BTreeMap<u32, Stat> = pids.filter_map(|pid| Some((pid, stat(pid)?))).collect();
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (pid, stat) in &stats {
            children.entry(stat.parent).or_default().push(*pid);
        }
        Self { stats, children }
    }

    /// The first process, this one, its ancestors and its descendants.
    fn own(&self) -> BTreeSet<u32> {
        let own = std::process::id();
        let mut found: BTreeSet<u32> = self.tree(own).into_iter().chain([1]).collect();
        let mut ancestor = own;
        while let Some(stat) = self.stats.get(&ancestor).filter(|_| ancestor > 1) {
            found.insert(ancestor);
            ancestor = stat.parent;
        }
        found
    }

    fn tree(&self, root: u32) -> Vec<u32> {
        let mut found = vec![root];
        let mut at = 0;
        while let Some(pid) = found.get(at).copied() {
            found.extend(self.children.get(&pid).into_iter().flatten());
            at += 1;
        }
        found
    }
}

/// The control group of an exchange that a process is in: a path `/headroom-…/workload`, or one with a mark.
fn adopted(pid: u32, mount: Option<&Path>) -> Option<(String, String)> {
    let text = read(pid, "cgroup")?;
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let mut groups = paths.filter_map(|path| path.trim_start_matches('/').split_once('/'));
    if let Some((folder, workload)) = groups.find(|(folder, _)| folder.starts_with(PREFIX)) {
        return Some((folder.to_owned(), workload.to_owned()));
    }
    let (mount, group) = (mount?, own_group::folder_of(mount?, pid)?);
    group.ancestors().take_while(|folder| folder.starts_with(mount)).find_map(own_group::mark)
}

/// Resident memory of a process in KiB; 0 once it has ended.
pub fn resident_kib(pid: u32) -> u64 {
    let sizes = cgroup::read(Path::new(&format!("/proc/{pid}/statm"))).unwrap_or_default();
    let resident = sizes.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    resident.unwrap_or(0) * page_kib()
}

fn page_kib() -> u64 {
    rustix::param::page_size() as u64 / 1024
}

/// Processes of this host that may be adopted, the busiest first; takes half a second. `mount` is where control groups of
/// version 2 are. Absent: threads of the kernel, the first process, this process with its ancestors and descendants.
pub fn candidates(most: usize, mount: Option<&Path>) -> Vec<Candidate> {
    let (before, began) = (Processes::all(), std::time::Instant::now());
    std::thread::sleep(LOOK);
    let (all, looked) = (Processes::all(), began.elapsed());
    let (kept, boot) = (all.own(), boot());
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let up_seconds = uptime.split('.').next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let groups: BTreeMap<u32, (String, String)> =
        all.stats.keys().filter_map(|pid| Some((*pid, adopted(*pid, mount)?))).collect();
    let mut found: Vec<Candidate> = Vec::new();
    for (pid, stat) in all.stats.iter().filter(|(pid, _)| !kept.contains(pid)) {
        let Some(command) = command_of(*pid) else { continue };
        let members = all.tree(*pid);
        let stats = || members.iter().filter_map(|member| all.stats.get(member));
        let ticks_since = |(pid, stat): (&u32, &Stat)| {
            let known = before.stats.get(pid).filter(|known| known.started_ticks == stat.started_ticks);
            stat.cpu_ticks.saturating_sub(known.map_or(stat.cpu_ticks, |known| known.cpu_ticks))
        };
        let recent = members.iter().filter_map(|member| all.stats.get_key_value(member)).map(ticks_since);
        let cpu_milli = recent.sum::<u64>() * 1_000_000 / TICKS_A_SECOND / looked.as_millis().max(1) as u64;
        let seconds = |stat: &Stat| up_seconds.saturating_sub(stat.started_ticks / TICKS_A_SECOND).max(1);
        let cpu = |stat: &Stat| stat.cpu_ticks * 1_000 / TICKS_A_SECOND / seconds(stat);
        found.push(Candidate {
            process: HostProcess { pid: *pid, started_ticks: stat.started_ticks, boot: boot.clone(), command },
            parent: stat.parent,
            user: std::fs::metadata(format!("/proc/{pid}")).map_or(0, |m| std::os::unix::fs::MetadataExt::uid(&m)),
            running_seconds: seconds(stat),
            cpu_milli,
            mean_cpu_milli: stats().map(cpu).sum(),
            mem_kib: stats().map(|stat| stat.resident_pages * page_kib()).sum(),
            descendants: members.len() as u64 - 1,
            adopted: members.iter().find_map(|member| groups.get(member)).cloned(),
        });
    }
    found
        .sort_by_key(|candidate| std::cmp::Reverse((candidate.cpu_milli, candidate.mean_cpu_milli, candidate.mem_kib)));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let text =
            "42 (a) b (c) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 0 0 20 0 1 0 987654 1000000 250 18446744073709551615";
        let stat = Stat::parse(text).expect("a line of stat");
        assert_eq!(
            (stat.parent, stat.is_dead, stat.cpu_ticks, stat.started_ticks, stat.resident_pages),
            (7, false, 33, 987_654, 250)
        );
        assert_eq!(Stat::parse("42 (cut"), None);
        assert_eq!(Stat::parse("42 (cut) S 1"), None);
    }

    #[test]
    fn a_number_that_another_process_has_now_is_not_the_same() {
        let own = find(std::process::id()).expect("this process runs");
        assert!(runs(&own));
        assert!(!runs(&HostProcess { started_ticks: own.started_ticks + 1, ..own.clone() }));
        assert!(!runs(&HostProcess { boot: "another".to_owned(), ..own.clone() }));
        assert!(tree(&own).contains(&own.pid) && is_own(own.pid));
        assert!(candidates(1_000, None).iter().all(|c| c.process.pid != own.pid), "nobody adopts the exchange itself");
    }
}
