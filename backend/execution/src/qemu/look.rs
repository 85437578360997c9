//! Machines of a folder: who listens at each socket, and what the machine behind it tells.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use headroom_market::workload::{HostProcess, VirtualMachine};
use serde_json::Value;

use super::balloon::{Memory, memory};
use super::monitor::{Monitor, MonitorError, listener};
use crate::linux::{find, is_own};

/// How the name of a socket ends; the first of a name counts.
const ENDINGS: [&str; 2] = ["qmp", "sock"];
/// A machine that is at work answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// Machines that are asked at once: one that does not answer keeps no others waiting.
const AT_ONCE: usize = 200;

/// What a machine tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// `running`, `paused` and others, in QEMU's words.
    pub status: String,
    pub vcpus: u32,
    pub is_kvm: bool,
    pub mem_kib: u64,
    /// What its balloon leaves; nothing without a balloon.
    pub balloon_kib: Option<u64>,
}

/// A machine of the folder, and why it cannot be adopted, if so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub machine: VirtualMachine,
    pub told: Told,
    pub refused: Option<String>,
}

/// Whether a machine may be called so: the name is a part of a path, and is shown to people.
pub fn is_name(name: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=VirtualMachine::LONGEST_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_of_name)
}

/// The socket of a machine.
pub fn socket_of(folder: &Path, name: &str) -> PathBuf {
    let mut paths = ENDINGS.iter().map(|ending| folder.join(format!("{name}.{ending}")));
    let first = paths.next().unwrap_or_default();
    if first.exists() { first } else { paths.find(|path| path.exists()).unwrap_or(first) }
}

/// Names of the machines that have a socket in the folder.
///
/// # Errors
/// The folder cannot be read.
pub fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let name_of = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let ending = path.extension()?.to_str()?;
        let is_socket = std::fs::metadata(&path).is_ok_and(|file| file.file_type().is_socket());
        let name = path.file_stem()?.to_str()?;
        (ENDINGS.contains(&ending) && is_socket && is_name(name)).then(|| name.to_owned())
    };
    let mut names: Vec<String> = std::fs::read_dir(folder)?.flatten().filter_map(name_of).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Whether a process runs QEMU, whatever the name is that it was started by.
pub fn is_qemu(pid: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    name.contains("qemu-system-") || name.contains("qemu-kvm")
}

/// Why the socket of a process is no machine's, if so.
fn doubtful(socket: &Path, process: &HostProcess) -> Option<String> {
    let user = |path: &Path| std::fs::metadata(path).ok().map(|file| file.uid());
    let (of_socket, of_process) = (user(socket), user(&PathBuf::from(format!("/proc/{}", process.pid))));
    let pid = process.pid;
    if !is_qemu(pid) {
        return Some(format!(
            "process {pid} listens at its socket, and is not QEMU; QEMU has to open the socket itself (-qmp unix:…)"
        ));
    }
    if of_socket != of_process {
        return Some(format!("its socket belongs to another user than process {pid}, which listens there"));
    }
    is_own(pid).then(|| format!("process {pid} was started by Headroom's agent itself"))
}

fn ask(socket: &Path) -> Result<Told, MonitorError> {
    let mut monitor = Monitor::connect(socket, PATIENCE)?;
    let mut ask = |command: &str| monitor.ask(command, &Value::Null, PATIENCE);
    let status = ask("query-status")?["status"].as_str().unwrap_or_default().to_owned();
    let vcpus = ask("query-cpus-fast")?.as_array().map_or(0, Vec::len);
    let is_kvm = ask("query-kvm")?["enabled"] == true;
    let Memory { whole_kib, left_kib } = memory(&mut monitor, PATIENCE)?;
    let vcpus = u32::try_from(vcpus).unwrap_or(u32::MAX);
    Ok(Told { status, vcpus, is_kvm, mem_kib: whole_kib, balloon_kib: left_kib })
}

/// One machine; nothing where nobody listens at its socket.
fn look_at(folder: &Path, name: &str) -> Option<Found> {
    let socket = socket_of(folder, name);
    let unseen = "its process is not seen from here: run the agent outside of containers".to_owned();
    let listener = match listener(&socket, PATIENCE) {
        Ok((pid, _)) => find(pid).ok_or(unseen),
        Err(MonitorError::Away(_)) => return None,
        // So many wait for it that not even its process is known.
        Err(error) => Err(error.to_string()),
    };
    let nobody = HostProcess { pid: 0, started_ticks: 0, boot: String::new(), command: String::new() };
    let (process, unheard) = listener.map_or_else(|why| (nobody, Some(why)), |process| (process, None));
    let machine = |vcpus| VirtualMachine { name: name.to_owned(), vcpus, process: process.clone() };
    if let Some(reason) = unheard.or_else(|| doubtful(&socket, &process)) {
        return Some(Found { machine: machine(0), told: Told::default(), refused: Some(reason) });
    }
    Some(match ask(&socket) {
        Ok(told) => Found { machine: machine(told.vcpus), told, refused: None },
        Err(error) => Found { machine: machine(0), told: Told::default(), refused: Some(error.to_string()) },
    })
}

/// All machines of the folder, by name.
///
/// # Errors
/// The folder cannot be read.
pub fn look(folder: &Path) -> std::io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for some in names(folder)?.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|name| scope.spawn(move || look_at(folder, name))).collect();
            found.extend(threads.into_iter().filter_map(|thread| thread.join().ok().flatten()));
        });
    }
    Ok(found)
}

/// Whether the machine of this name is another process by now; no answer of the socket is no sign of that.
pub fn is_another(folder: &Path, machine: &VirtualMachine) -> Option<u32> {
    let (pid, _) = listener(&socket_of(folder, &machine.name), PATIENCE).ok()?;
    (pid != machine.process.pid).then_some(pid)
}

/// Whether the QEMU at this socket was told not to run before somebody says so.
pub fn is_held_back(socket: &Path) -> bool {
    let Ok((pid, _)) = listener(socket, PATIENCE) else { return false };
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|argument| argument == b"-S")
}
