//! One control group of a workload, in version 1 or 2 of the kernel's interface.
//!
//! Version 1 has a tree of folders for each controller, version 2 one for all. Only CPU is limited here: a quota of
//! processor time in each period. What is in force is read back from the kernel, never remembered.
//! A group is made for the workload, or it is the host's own (`own_group.rs`).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The kernel's usual period. A quota is at least a millisecond, so 10 thousandths of a core are the least limit.
const PERIOD_MICROS: u64 = 100_000;
/// The least limit in thousandths of a core that the kernel takes at that period.
pub const LEAST_CPU_MILLI: u64 = 10;

/// No limit, or one that makes no sense, counts as so much: a million cores.
pub const MOST_CPU_MILLI: u64 = 1_000_000_000;

/// Where control groups are made on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroups {
    /// Folders of the controllers `cpu` and `cpuacct`, which may be the same.
    V1 {
        cpu: PathBuf,
        accounting: PathBuf,
    },
    V2 {
        root: PathBuf,
    },
}

/// What the kernel has counted for a group since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub cpu_micros: u64,
    /// Time in which it was kept from running by its limit, over all processors.
    pub throttled_micros: u64,
}

impl Cgroups {
    /// Finds where groups of this name can be made, and tries it.
    ///
    /// # Errors
    /// A sentence for people: what is missing, and what to do.
    pub fn probe(name: &str) -> Result<Self, String> {
        let mounts = std::fs::read_to_string("/proc/self/mounts").map_err(|e| format!("/proc/self/mounts: {e}"))?;
        let found = Self::find(&mounts, name).ok_or("this host has no control groups with the controller cpu")?;
        found.try_out().map_err(|error| format!("no control group can be made ({error}): run headroom as root"))?;
        Ok(found)
    }

    fn find(mounts: &str, name: &str) -> Option<Self> {
        let mounted = || mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).filter(|f| f.len() > 3);
        let of = |controller: &str| {
            let has = |f: &Vec<&str>| f[2] == "cgroup" && f[3].split(',').any(|option| option == controller);
            mounted().find(has).map(|f| PathBuf::from(f[1]).join(name))
        };
        if let (Some(cpu), Some(accounting)) = (of("cpu"), of("cpuacct")) {
            return Some(Self::V1 { cpu, accounting });
        }
        let unified = mounted().find(|f| f[2] == "cgroup2").map(|f| PathBuf::from(f[1]))?;
        Some(Self::V2 { root: unified.join(name) })
    }

    /// Makes the folder that holds the groups, and a group in it for a moment.
    fn try_out(&self) -> Result<(), String> {
        let told = |path: &Path| {
            let path = path.display().to_string();
            move |error: io::Error| format!("{path}: {error}")
        };
        for folder in self.folders() {
            std::fs::create_dir_all(folder).map_err(told(folder))?;
        }
        if let Self::V2 { root } = self {
            // Groups below have a controller only if every folder above hands it on.
            for above in root.parent().into_iter().chain([root.as_path()]) {
                let file = above.join("cgroup.subtree_control");
                std::fs::write(&file, "+cpu").map_err(told(&file))?;
            }
        }
        let trial = self.group("trial");
        let tried = trial.create().and_then(|()| trial.set_cpu(Some(1_000)));
        trial.remove();
        tried.map_err(|error| format!("{}: {error}", trial.cpu.display()))
    }

    fn folders(&self) -> Vec<&Path> {
        match self {
            Self::V1 { cpu, accounting } if cpu == accounting => vec![cpu],
            Self::V1 { cpu, accounting } => vec![cpu, accounting],
            Self::V2 { root } => vec![root],
        }
    }

    /// Removes the folders that hold the groups, if there is none in them.
    pub fn remove(&self) {
        for folder in self.folders() {
            let _ = std::fs::remove_dir(folder);
        }
    }

    /// Names of the groups that are there.
    pub fn names(&self) -> Vec<String> {
        let entries =
            self.folders().into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The group of this name, which need not be there.
    pub fn group(&self, name: &str) -> Group {
        match self {
            Self::V1 { cpu, accounting } => {
                Group { cpu: cpu.join(name), accounting: accounting.join(name), is_v2: false }
            }
            Self::V2 { root } => Group::of_v2(root.join(name)),
        }
    }

    /// Where version 2 is mounted, if it is used.
    pub fn mount_of_v2(&self) -> Option<&Path> {
        match self {
            Self::V1 { .. } => None,
            Self::V2 { root } => root.parent(),
        }
    }
}

/// The control group of one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    cpu: PathBuf,
    accounting: PathBuf,
    is_v2: bool,
}

impl Group {
    pub fn of_v2(folder: PathBuf) -> Self {
        Self { accounting: folder.clone(), cpu: folder, is_v2: true }
    }

    pub fn folder(&self) -> &Path {
        &self.cpu
    }

    /// Whether the kernel still has it.
    pub fn is_there(&self) -> bool {
        self.cpu.is_dir()
    }

    /// Makes it if it is not there; limits of an earlier life stay.
    pub fn create(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.cpu)?;
        std::fs::create_dir_all(&self.accounting)
    }

    /// Moves a process into it. What that process starts later is in it, too.
    pub fn attach(&self, pid: u32) -> io::Result<()> {
        std::fs::write(self.cpu.join("cgroup.procs"), pid.to_string())?;
        if self.accounting != self.cpu {
            std::fs::write(self.accounting.join("cgroup.procs"), pid.to_string())?;
        }
        Ok(())
    }

    /// Processes in it and in groups below it, which programs make for themselves.
    pub fn members(&self) -> io::Result<Vec<u32>> {
        members_of(&self.cpu)
    }

    /// Limits its CPU, in thousandths of a core; `None` lifts the limit.
    pub fn set_cpu(&self, milli: Option<u64>) -> io::Result<()> {
        let quota = milli.map(|milli| milli.max(LEAST_CPU_MILLI).saturating_mul(PERIOD_MICROS / 1_000));
        if self.is_v2 {
            let quota = quota.map_or_else(|| "max".to_owned(), |quota| quota.to_string());
            return std::fs::write(self.cpu.join("cpu.max"), format!("{quota} {PERIOD_MICROS}"));
        }
        std::fs::write(self.cpu.join("cpu.cfs_period_us"), PERIOD_MICROS.to_string())?;
        let quota = quota.map_or_else(|| "-1".to_owned(), |quota| quota.to_string());
        std::fs::write(self.cpu.join("cpu.cfs_quota_us"), quota)
    }

    /// Moves every process out of it, to where nothing is limited.
    pub fn empty(&self) -> io::Result<()> {
        for folder in [&self.cpu, &self.accounting] {
            // The folder of the exchange lies directly below the mounted tree.
            let Some(root) = folder.parent().and_then(Path::parent) else { continue };
            for pid in members_of(folder)? {
                match std::fs::write(root.join("cgroup.procs"), pid.to_string()) {
                    // One that has ended meanwhile is out.
                    Err(error) if !has_ended(&error) => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The limit that the kernel has in force, in thousandths of a core; `None` without one.
    pub fn cpu(&self) -> io::Result<Option<u64>> {
        let read = |file: &str| read(&self.cpu.join(file));
        let text = match self.is_v2 {
            true => read("cpu.max")?,
            false => format!("{} {}", read("cpu.cfs_quota_us")?.trim(), read("cpu.cfs_period_us")?.trim()),
        };
        let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
        // `max` and `-1` are no numbers: no limit.
        let (Some(Ok(quota)), Some(Ok(period))) = (numbers.next(), numbers.next()) else { return Ok(None) };
        Ok((period > 0).then(|| quota.saturating_mul(1_000) / period))
    }

    pub fn counted(&self) -> io::Result<Counted> {
        let stat = read(&self.cpu.join("cpu.stat"))?;
        let of = |key: &str| {
            let line = stat.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
            line.unwrap_or(0)
        };
        if self.is_v2 {
            return Ok(Counted { cpu_micros: of("usage_usec"), throttled_micros: of("throttled_usec") });
        }
        let used = read(&self.accounting.join("cpuacct.usage"))?;
        let used_nanos = used.trim().parse::<u64>().unwrap_or(0);
        Ok(Counted { cpu_micros: used_nanos / 1_000, throttled_micros: of("throttled_time") / 1_000 })
    }

    /// Removes it if nothing is in it. The kernel refuses otherwise, and that is right.
    pub fn remove(&self) {
        for folder in folders_of(&self.cpu).into_iter().chain(folders_of(&self.accounting)).rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn members_of(group: &Path) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for folder in folders_of(group) {
        let text = match read(&folder.join("cgroup.procs")) {
            // Programs remove their groups whenever they like.
            Err(_) if folder != group => continue,
            text => text?,
        };
        found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
    }
    Ok(found)
}

/// A file of the kernel, with as few calls as it takes: an agent reads thousands in each heartbeat.
pub fn read(path: &Path) -> io::Result<String> {
    const USUAL_BYTES: usize = 4_096;
    /// The kernel ends early where the next line would not fit: fewer free bytes than that may hide one.
    const LONGEST_LINE: usize = 256;
    let (mut file, mut text) = (File::open(path)?, vec![0; USUAL_BYTES]);
    let mut length = 0;
    loop {
        let read = file.read(&mut text[length..])?;
        length += read;
        if read == 0 || text.len() - length > LONGEST_LINE {
            break;
        }
        text.resize(text.len() * 2, 0);
    }
    text.truncate(length);
    String::from_utf8(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The folder of a group and all below it, each after the one that it lies in.
pub fn folders_of(group: &Path) -> Vec<PathBuf> {
    /// A folder without folders has two names: its own, and `.` in it.
    const NAMES_OF_LAST: u64 = 2;
    let (mut found, mut at) = (vec![group.to_owned()], 0);
    while let Some(folder) = found.get(at) {
        if std::fs::metadata(folder).is_ok_and(|folder| folder.nlink() == NAMES_OF_LAST) {
            at += 1;
            continue;
        }
        let below = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let folders: Vec<_> = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).collect();
        found.extend(folders.into_iter().map(|entry| entry.path()));
        at += 1;
    }
    found
}

/// Whether a process could not be moved because it has ended.
pub fn has_ended(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_are_found_where_they_are_mounted() {
        let v1 = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
        let both = PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/x");
        assert_eq!(Cgroups::find(v1, "x"), Some(Cgroups::V1 { cpu: both.clone(), accounting: both }));
        let apart = "cgroup /c/cpu cgroup rw,cpu 0 0\ncgroup /c/acct cgroup rw,cpuacct 0 0\ncgroup2 /c/unified cgroup2 rw 0 0\n";
        let (cpu, accounting) = (PathBuf::from("/c/cpu/x"), PathBuf::from("/c/acct/x"));
        assert_eq!(Cgroups::find(apart, "x"), Some(Cgroups::V1 { cpu, accounting }), "v1 has the controllers here");
        let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
        assert_eq!(Cgroups::find(v2, "x"), Some(Cgroups::V2 { root: PathBuf::from("/sys/fs/cgroup/x") }));
        assert_eq!(Cgroups::find("proc /proc proc rw 0 0\n", "x"), None);
    }

    #[test]
    fn processes_of_groups_below_are_members_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let group = Group::of_v2(folder.path().join("w"));
        for (name, pids) in [("", "7\n8\n"), ("a", "9\n"), ("a/b", "10\n"), ("c", "")] {
            std::fs::create_dir_all(group.cpu.join(name)).expect("made");
            std::fs::write(group.cpu.join(name).join("cgroup.procs"), pids).expect("written");
        }
        let many: String = (100..3_000).map(|pid| format!("{pid}\n")).collect();
        std::fs::write(group.cpu.join("c/cgroup.procs"), many).expect("written");
        let mut members = group.members().expect("read");
        members.sort_unstable();
        assert_eq!(members, (7..=10).chain(100..3_000).collect::<Vec<u32>>());
        std::fs::remove_file(group.cpu.join("a/cgroup.procs")).expect("removed");
        assert_eq!(group.members().expect("read").len(), members.len() - 1, "a group below that goes is no fault");
    }

    /// The files of both versions, as the kernel writes them, in plain folders: no kernel is behind them.
    #[test]
    fn limits_and_counters_are_read_in_both_versions() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &Path, text: &str| std::fs::write(path, text).expect("written");
        let two = Cgroups::V2 { root: folder.path().join("two") }.group("w");
        two.create().expect("made");
        two.set_cpu(Some(1_500)).expect("set");
        assert_eq!(std::fs::read_to_string(two.cpu.join("cpu.max")).expect("read"), "150000 100000");
        assert_eq!(two.cpu().expect("read"), Some(1_500));
        two.set_cpu(None).expect("set");
        assert_eq!(two.cpu().expect("read"), None);
        write(&two.cpu.join("cpu.stat"), "usage_usec 2500\nuser_usec 2000\nnr_throttled 3\nthrottled_usec 700\n");
        assert_eq!(two.counted().expect("read"), Counted { cpu_micros: 2_500, throttled_micros: 700 });
        let (cpu, accounting) = (folder.path().join("one/cpu"), folder.path().join("one/acct"));
        let one = Cgroups::V1 { cpu, accounting }.group("w");
        one.create().expect("made");
        one.set_cpu(Some(3)).expect("set");
        assert_eq!(one.cpu().expect("read"), Some(LEAST_CPU_MILLI), "the kernel takes no less");
        one.set_cpu(None).expect("set");
        assert_eq!(one.cpu().expect("read"), None);
        write(&one.cpu.join("cpu.stat"), "nr_periods 9\nnr_throttled 2\nthrottled_time 5000000\n");
        write(&one.accounting.join("cpuacct.usage"), "9000000\n");
        assert_eq!(one.counted().expect("read"), Counted { cpu_micros: 9_000, throttled_micros: 5_000 });
    }
}
