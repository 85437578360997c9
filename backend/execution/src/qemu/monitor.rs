//! The monitor of a machine: QMP over a Unix socket, one question after the other, each with a deadline.
//!
//! QEMU serves one client at a time, so a connection is short: others can ask again right after it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt};
use serde_json::{Value, json};

use crate::driver::DriverError;

/// QEMU's longest answers have some hundred KiB.
const LONGEST_LINE: usize = 4 << 20;
/// Events that are kept until somebody asks for them.
const MOST_EVENTS: usize = 256;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Why a monitor gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    #[error("nobody listens at {0}")]
    Away(PathBuf),
    #[error("{path}: {source}")]
    Socket { path: PathBuf, source: std::io::Error },
    #[error("{0} is in use: QEMU serves one client at a time, so give Headroom a socket of its own (a second -qmp)")]
    Held(PathBuf),
    #[error("what answers at {0} does not speak QMP")]
    NotQmp(PathBuf),
    #[error("{path} did not answer {command} in time")]
    Silent { path: PathBuf, command: String },
    #[error("{path} was closed before it answered {command}")]
    Cut { path: PathBuf, command: String },
    #[error("QEMU refuses {command}: {told}")]
    Refused { command: String, told: String },
}

impl MonitorError {
    pub(super) fn of(self, path: &Path) -> DriverError {
        DriverError::Io { path: path.to_owned(), source: std::io::Error::other(self.to_string()) }
    }
}

/// A connection to a machine's monitor.
pub struct Monitor {
    path: PathBuf,
    stream: UnixStream,
    unread: Vec<u8>,
    events: VecDeque<Event>,
    asked: u64,
}

/// Something that a machine tells of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    /// Unix microseconds of the host's clock.
    pub at_micros: i64,
    pub data: Value,
}

/// Opens a socket. One whose queue is full makes nobody wait longer than `deadline`.
fn open(path: &Path, deadline: Instant) -> Result<UnixStream, MonitorError> {
    let failed = |error: Errno| MonitorError::Socket { path: path.to_owned(), source: error.into() };
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    loop {
        match connect(&socket, &address) {
            Ok(()) => break,
            Err(Errno::AGAIN) if Instant::now() < deadline => std::thread::sleep(BETWEEN_TRIES),
            Err(Errno::AGAIN) => return Err(MonitorError::Held(path.to_owned())),
            Err(Errno::CONNREFUSED | Errno::NOENT) => return Err(MonitorError::Away(path.to_owned())),
            Err(error) => return Err(failed(error)),
        }
    }
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false).map_err(|source| MonitorError::Socket { path: path.to_owned(), source })?;
    Ok(stream)
}

/// Who listens at a socket: the number and the user of the process. Known also while another client holds it.
///
/// # Errors
/// Nobody listens there.
pub fn listener(path: &Path, patience: Duration) -> Result<(u32, u32), MonitorError> {
    let stream = open(path, Instant::now() + patience)?;
    let peer = sockopt::socket_peercred(&stream);
    let peer = peer.map_err(|error| MonitorError::Socket { path: path.to_owned(), source: error.into() })?;
    Ok((peer.pid.as_raw_nonzero().get().unsigned_abs(), peer.uid.as_raw()))
}

impl Monitor {
    /// Connects and greets. Another client that holds the socket, and what is no QEMU, is told within `patience`.
    ///
    /// # Errors
    /// Nobody listens, another client holds it, or what listens does not speak QMP.
    pub fn connect(path: &Path, patience: Duration) -> Result<Self, MonitorError> {
        let deadline = Instant::now() + patience;
        let stream = open(path, deadline)?;
        let mut monitor = Self { path: path.to_owned(), stream, unread: Vec::new(), events: VecDeque::new(), asked: 0 };
        let greeting = match monitor.line("the greeting", deadline) {
            Err(MonitorError::Silent { .. }) => return Err(MonitorError::Held(path.to_owned())),
            line => line?,
        };
        if !greeting["QMP"]["version"]["qemu"]["major"].is_u64() {
            return Err(MonitorError::NotQmp(path.to_owned()));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        monitor.ask("qmp_capabilities", &Value::Null, left)?;
        Ok(monitor)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks one thing and waits for its answer; events in between are kept.
    ///
    /// # Errors
    /// QEMU refuses it, says nothing within `patience`, or is gone.
    pub fn ask(&mut self, command: &str, arguments: &Value, patience: Duration) -> Result<Value, MonitorError> {
        let deadline = Instant::now() + patience;
        self.asked += 1;
        let mut question = json!({ "execute": command, "id": self.asked });
        if !arguments.is_null() {
            question["arguments"] = arguments.clone();
        }
        let cut = |path: &Path| MonitorError::Cut { path: path.to_owned(), command: command.to_owned() };
        let wait = Some(patience.max(BETWEEN_TRIES));
        self.stream.set_write_timeout(wait).map_err(|_| cut(&self.path))?;
        self.stream.write_all(format!("{question}\n").as_bytes()).map_err(|_| cut(&self.path))?;
        loop {
            let mut line = self.line(command, deadline)?;
            if line["event"].is_string() {
                self.keep(&line);
            } else if line["id"] == self.asked {
                if line["error"].is_object() {
                    let told = line["error"]["desc"].as_str().unwrap_or_default().to_owned();
                    return Err(MonitorError::Refused { command: command.to_owned(), told });
                }
                return Ok(line["return"].take());
            }
        }
    }

    /// The next event of this name, one that came before included; nothing within `patience`.
    ///
    /// # Errors
    /// The machine is gone.
    pub fn event(&mut self, name: &str, patience: Duration) -> Result<Option<Event>, MonitorError> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(at) = self.events.iter().position(|event| event.name == name) {
                return Ok(self.events.remove(at));
            }
            match self.line(name, deadline) {
                Err(MonitorError::Silent { .. }) => return Ok(None),
                line => self.keep(&line?),
            }
        }
    }

    fn keep(&mut self, line: &Value) {
        let of = |field: &str| line["timestamp"][field].as_i64().unwrap_or(0);
        let name = line["event"].as_str().unwrap_or_default().to_owned();
        let at_micros = of("seconds").saturating_mul(1_000_000).saturating_add(of("microseconds"));
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(Event { name, at_micros, data: line["data"].clone() });
    }

    /// One line of the machine. A peer that sends a byte now and then gains no time by it.
    fn line(&mut self, command: &str, deadline: Instant) -> Result<Value, MonitorError> {
        let cut = |path: &Path| MonitorError::Cut { path: path.to_owned(), command: command.to_owned() };
        let mut looked = 0;
        loop {
            if let Some(end) = self.unread[looked..].iter().position(|byte| *byte == b'\n').map(|at| looked + at) {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return serde_json::from_slice(&line).map_err(|_| MonitorError::NotQmp(self.path.clone()));
            }
            looked = self.unread.len();
            if looked > LONGEST_LINE {
                return Err(MonitorError::NotQmp(self.path.clone()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(MonitorError::Silent { path: self.path.clone(), command: command.to_owned() });
            }
            let mut buffer = [0; 16_384];
            self.stream.set_read_timeout(Some(left)).map_err(|_| cut(&self.path))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(cut(&self.path)),
                Ok(read) => self.unread.extend_from_slice(&buffer[..read]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Err(cut(&self.path)),
            }
        }
    }
}
