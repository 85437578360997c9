//! One process of a command: started, asked, stopped between two questions, killed.
//!
//! Invariants: it runs only while a question is open (SIGCONT before, SIGSTOP after); it does not
//! outlive its owner, nor this process (`setpriv` ties it to the thread that starts them all); a
//! question ends within its bounds, whatever the process does; after an error it is killed.
//! Absent: what is asked (`wire`), what an answer means (`mod`).

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, kill_process_group, prlimit};

use super::wire::{Ask, excerpt};
use crate::wasm::low_priority;

/// How often its usage is looked at while it works.
const LOOK: Duration = Duration::from_millis(20);
/// What is kept of what it writes to its error stream.
const MOST_ERROR_BYTES: usize = 1024;
/// Room for code and libraries beside what a workload may hold.
const ROOM_BESIDE_MIB: u64 = 256;
const SETPRIV: &str = "/usr/bin/setpriv";

/// What one question may take.
pub(super) struct Bounds<'a> {
    /// Processor time.
    pub cpu: Duration,
    /// Time that passes.
    pub time: Duration,
    /// Raised when this process ends and cannot wait.
    pub ending: &'a AtomicBool,
}

pub(super) struct Process {
    child: Child,
    pid: Pid,
    input: ChildStdin,
    output: ChildStdout,
    /// The last of what it wrote to its error stream.
    errors: Arc<Mutex<VecDeque<u8>>>,
    /// What it has written beyond the last answer.
    read: Vec<u8>,
    /// It has ended and its number may be another's.
    reaped: bool,
}

type Spawned = std::io::Result<Child>;
/// What is to be started, and who is to have it.
type Wish = (std::process::Command, Sender<Spawned>);

/// Starts all processes: the kernel ends them with the thread that started them, and this one
/// lives as long as the program.
static STARTER: LazyLock<Mutex<Sender<Wish>>> = LazyLock::new(|| {
    let (ask, asked) = channel::<Wish>();
    let start = move || {
        low_priority();
        for (mut command, answer) in asked {
            // Who has stopped waiting gets no process: dropping the child here would leave it running.
            if let Err(unwanted) = answer.send(command.spawn())
                && let Ok(mut child) = unwanted.0
            {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    };
    // Without the thread every send fails, and every start says so.
    let _ = std::thread::Builder::new().name("commands-starter".to_owned()).spawn(start);
    Mutex::new(ask)
});

fn spawn(command: std::process::Command) -> Spawned {
    let gone = || std::io::Error::other("the thread that starts processes is gone");
    let (answer, answered) = channel();
    let starter = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
    starter.send((command, answer)).map_err(|_| gone())?;
    drop(starter);
    answered.recv().map_err(|_| gone())?
}

impl Process {
    /// Starts it, stopped at its first question.
    pub fn start(file: &Path, arguments: &[String], most_mib: u64) -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("it cannot be started: {error}");
        let mut command = if Path::new(SETPRIV).exists() {
            let mut command = std::process::Command::new(SETPRIV);
            command.args(["--no-new-privs", "--pdeathsig", "KILL", "--"]).arg(file);
            command
        } else {
            std::process::Command::new(file)
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir(file.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(command).map_err(cannot)?;
        let pid = Pid::from_child(&child);
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("it has no streams".to_owned());
        };
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let process = Self { child, pid, input, output, errors: Arc::clone(&kept), read: Vec::new(), reaped: false };
        for (resource, value) in [(Resource::Core, 0), (Resource::Nofile, 256)] {
            let limit = Rlimit { current: Some(value), maximum: Some(value) };
            prlimit(Some(pid), resource, limit).map_err(|error| cannot(error.into()))?;
        }
        process.bound_memory(most_mib);
        rustix::io::ioctl_fionbio(&process.input, true).map_err(|error| cannot(error.into()))?;
        let keep = move || keep_last(errors, &kept);
        std::thread::Builder::new().name("command-errors".to_owned()).spawn(keep).map_err(cannot)?;
        Ok(process)
    }

    /// What it may allocate: its limit and room beside, so that a step that runs away meets a refusal
    /// before the host does. The limit itself is looked at after each step.
    pub fn bound_memory(&self, most_mib: u64) {
        let bytes = most_mib.saturating_add(ROOM_BESIDE_MIB).saturating_mul(1024 * 1024);
        // What this process may not exceed itself its children may not either.
        let maximum = getrlimit(Resource::Data).maximum;
        let current = Some(maximum.map_or(bytes, |most| most.min(bytes)));
        // Where it has ended there is nothing to bound.
        let _ = prlimit(Some(self.pid), Resource::Data, Rlimit { current, maximum });
    }

    /// Sends a line and waits for the line that answers it, of at most `most` bytes.
    pub fn ask(&mut self, ask: &Ask<'_>, most: usize, bounds: Bounds<'_>) -> Result<Vec<u8>, String> {
        let mut line = serde_json::to_vec(ask).map_err(|error| error.to_string())?;
        line.push(b'\n');
        if !self.read.is_empty() {
            return Err(format!("it wrote more than it was asked for: {}", excerpt(&self.read)));
        }
        self.signal(Signal::CONT);
        let answered = self.exchange(&line, most, bounds);
        self.signal(Signal::STOP);
        answered
    }

    fn signal(&self, signal: Signal) {
        // To itself, too: it may have left its group. One that has ended by itself is found out by reading.
        if !self.reaped {
            let _ = kill_process(self.pid, signal);
        }
        let _ = kill_process_group(self.pid, signal);
    }

    fn exchange(&mut self, mut line: &[u8], most: usize, bounds: Bounds<'_>) -> Result<Vec<u8>, String> {
        let (began, cpu_before) = (Instant::now(), self.cpu()?);
        let mut looked = began;
        let mut chunk = [0_u8; 16 * 1024];
        loop {
            let mut waits = vec![PollFd::from_borrowed_fd(self.output.as_fd(), PollFlags::IN)];
            // Once all is written its input is of no interest: closed, it would be told as ready for ever.
            if !line.is_empty() {
                waits.push(PollFd::from_borrowed_fd(self.input.as_fd(), PollFlags::OUT));
            }
            let look = Timespec::try_from(LOOK).map_err(|error| error.to_string())?;
            // Interrupted is looked at like any other wait that was for nothing.
            let _ = poll(&mut waits, Some(&look));
            let readable = waits[0].revents();
            let writable = waits.get(1).is_some_and(|wait| !wait.revents().is_empty());
            drop(waits);
            if writable {
                match self.input.write(line) {
                    Ok(written) => line = &line[written..],
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    // It has ended; why is found out by reading.
                    Err(_) => line = &[],
                }
            }
            if !readable.is_empty() {
                let count = self.output.read(&mut chunk).map_err(|error| error.to_string())?;
                if count == 0 {
                    return Err(self.ended());
                }
                self.read.extend_from_slice(&chunk[..count]);
                if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                    if !line.is_empty() {
                        return Err("it answered before it had read what it was asked".to_owned());
                    }
                    let rest = self.read.split_off(end + 1);
                    let mut answer = std::mem::replace(&mut self.read, rest);
                    answer.truncate(end);
                    return Ok(answer);
                }
                if self.read.len() > most {
                    return Err(format!("its answer is longer than {most} bytes"));
                }
            }
            if bounds.ending.load(Ordering::Relaxed) {
                return Err("a step was ended because the process stops".to_owned());
            }
            if began.elapsed() > bounds.time {
                return Err(format!("it did not answer within {:.1} s", bounds.time.as_secs_f32()));
            }
            if looked.elapsed() < LOOK {
                continue;
            }
            looked = Instant::now();
            let (took, limit) = (self.cpu()?.saturating_sub(cpu_before), bounds.cpu);
            if took > limit {
                return Err(format!("a step took more than {} ms of processor time", limit.as_millis()));
            }
        }
    }

    /// Why it ended by itself, with the last line of its error stream.
    fn ended(&mut self) -> String {
        // It has closed its output; what has not ended by now does not end by itself.
        let until = Instant::now() + Duration::from_millis(200);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.reaped = true;
                    break format!("it ended ({status})");
                }
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
                Ok(None) | Err(_) => break "it closed its output".to_owned(),
            }
        };
        // The thread that reads its error stream may be a moment behind.
        std::thread::sleep(Duration::from_millis(5));
        let said: Vec<u8> = self.errors.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        match said.split(|byte| *byte == b'\n').rfind(|line| !line.trim_ascii().is_empty()) {
            Some(line) => format!("{status}: {}", excerpt(line)),
            None => status,
        }
    }

    fn file(&self, name: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{name}", self.pid.as_raw_nonzero());
        std::fs::read_to_string(&path).map_err(|error| format!("it cannot be measured: {path}: {error}"))
    }

    /// Processor time of all its threads, since it began.
    pub fn cpu(&self) -> Result<Duration, String> {
        let stat = self.file("stat")?;
        // Behind the name, which may hold anything: user and system time, of itself and of children, in ticks.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields.iter().skip(11).take(4).filter_map(|text| text.parse::<u64>().ok()).sum();
        let rate = rustix::param::clock_ticks_per_second().max(1);
        let by_ticks = Duration::from_micros(ticks.saturating_mul(1_000_000 / rate));
        // Ticks are coarse; the scheduler's count is exact, but only of threads that are alive.
        let path = format!("/proc/{}/task", self.pid.as_raw_nonzero());
        let nanos = |task: std::fs::DirEntry| -> Option<u64> {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse().ok()
        };
        let tasks = std::fs::read_dir(path).into_iter().flatten().flatten();
        Ok(by_ticks.max(Duration::from_nanos(tasks.filter_map(nanos).sum())))
    }

    /// Memory that it has, in RAM and swapped out.
    pub fn resident_kib(&self) -> Result<u64, String> {
        let status = self.file("status")?;
        let kib = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        Ok(kib("VmRSS") + kib("VmSwap"))
    }

    /// Refuses what would not be counted, where the kernel tells: children of any of its threads. Who has given
    /// its children away (a daemon) is not found out.
    pub fn has_no_children(&self) -> Result<(), String> {
        let path = format!("/proc/{}/task", self.pid.as_raw_nonzero());
        let children = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).ok();
        let mut tasks = std::fs::read_dir(path).into_iter().flatten().flatten();
        if tasks.any(|task| children(task).is_some_and(|all| !all.trim().is_empty())) {
            return Err("it has started other processes, which nobody would count".to_owned());
        }
        Ok(())
    }
}

/// Reads to the end and keeps the last of it.
fn keep_last(mut from: impl Read, kept: &Mutex<VecDeque<u8>>) {
    let mut chunk = [0_u8; 512];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&chunk[..count]);
        let over = kept.len().saturating_sub(MOST_ERROR_BYTES);
        kept.drain(..over);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}
