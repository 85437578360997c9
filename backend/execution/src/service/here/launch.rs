//! Starting a copy: it is in its control group, and its record on disk, before its first instruction.
//!
//! A shell waits for a word on its input and then becomes the program. If the exchange ends before it says the word, the
//! shell ends, too: so every copy is known. The shell reads no part of the command.

use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use headroom_market::workload::HostProcess;

use super::output;
use super::process::{Process, end_group};
use super::record::{Files, Record};
use crate::driver::DriverError;
use crate::linux::cgroup::Cgroups;
use crate::linux::find;
use crate::service::place::CopyRequest;

const SHELL: &str = "/bin/sh";
const BECOME: &str = r#"read -r word && exec "$@" </dev/null"#;
/// How long the shell may take to begin.
const SHELL_TIME: Duration = Duration::from_secs(10);
/// Where programs are looked for whose name has no slash.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A copy that is to be started.
pub(super) struct Launch<'a> {
    pub cgroups: &'a Cgroups,
    pub state: &'a Path,
    pub request: CopyRequest<'a>,
    pub address: SocketAddrV4,
}

impl Launch<'_> {
    /// Starts it. Processes of an earlier copy of this workload on this node end first.
    pub fn start(&self) -> Result<Process, DriverError> {
        self.check_program()?;
        let files = Files::new(self.state, self.request.instance, self.request.node);
        let group = self.cgroups.group(&files.name);
        let in_group = |source| DriverError::Io { path: group.folder().to_owned(), source };
        if end_group(&group, Duration::ZERO) > 0 {
            let told = "an earlier copy still runs".to_owned();
            return Err(DriverError::Unanswered { node: self.request.node.clone(), told });
        }
        files.remove()?;
        self.write_files(&files)?;
        group.create().and_then(|()| group.set_cpu(Some(self.request.limits.cpu_milli))).map_err(in_group)?;
        let mut child = self.spawn(&files)?;
        let started = group.attach(child.id()).map_err(in_group).and_then(|()| self.let_go(&files, &mut child));
        match started {
            Ok(record) => Ok(Process::new(record, files, group, Some(child))),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                group.remove();
                let _ = files.remove();
                Err(error)
            }
        }
    }

    /// Writes its record, and says the word.
    fn let_go(&self, files: &Files, child: &mut Child) -> Result<Record, DriverError> {
        let process = HostProcess { command: self.request.service.command.join(" "), ..self.identity(child)? };
        let record = Record {
            instance: self.request.instance.clone(),
            service: self.request.service.name.clone(),
            node: self.request.node.clone(),
            epoch: self.request.epoch,
            port: self.address.port(),
            address: *self.address.ip(),
            process,
        };
        files.write(&record)?;
        let mut input = child.stdin.take().ok_or_else(|| self.unavailable(format!("{SHELL} has no input")))?;
        input.write_all(b"go\n").map_err(|error| self.unavailable(format!("{SHELL} does not read: {error}")))?;
        Ok(record)
    }

    /// The shell, once it is one: for a moment after its start the kernel shows no command line of it.
    fn identity(&self, child: &mut Child) -> Result<HostProcess, DriverError> {
        let until = Instant::now() + SHELL_TIME;
        loop {
            match (find(child.id()), child.try_wait()) {
                (Some(process), _) => return Ok(process),
                (None, Ok(None)) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
                (None, _) => return Err(self.unavailable(format!("{SHELL} has ended"))),
            }
        }
    }

    fn unavailable(&self, reason: String) -> DriverError {
        DriverError::CommandUnavailable { name: self.request.service.name.clone(), reason }
    }

    fn check_program(&self) -> Result<(), DriverError> {
        let program = self.request.service.command.first().map_or("", String::as_str);
        let is_there = match program.contains('/') {
            // One of its own files is there only later.
            true => program.contains("{folder}") || Path::new(program).is_file(),
            false => PATH.split(':').any(|folder| Path::new(folder).join(program).is_file()),
        };
        if is_there { Ok(()) } else { Err(self.unavailable(format!("there is no program {program}"))) }
    }

    fn replaced(&self, text: &str, folder: &Path) -> String {
        let text = text.replace("{port}", &self.address.port().to_string());
        text.replace("{address}", &self.address.ip().to_string()).replace("{folder}", &folder.to_string_lossy())
    }

    fn write_files(&self, files: &Files) -> Result<(), DriverError> {
        let folder = files.folder();
        let write = |path: PathBuf, text: &str| {
            let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let written = made.and_then(|()| std::fs::write(&path, self.replaced(text, &folder)));
            written.map_err(|source| DriverError::Io { path, source })
        };
        std::fs::create_dir_all(&folder).map_err(|source| DriverError::Io { path: folder.clone(), source })?;
        self.request.service.files.iter().try_for_each(|(name, text)| write(folder.join(name), text))
    }

    fn spawn(&self, files: &Files) -> Result<Child, DriverError> {
        let folder = files.folder();
        let path = files.output();
        let opened = output::open(&path).and_then(|file| Ok((file.try_clone()?, file)));
        let (output, errors) = opened.map_err(|source| DriverError::Io { path, source })?;
        // Secrets of the exchange may be in its own environment: only this goes on.
        let spawned: io::Result<Child> = Command::new(SHELL)
            .args(["-c", BECOME, SHELL])
            .args(self.request.service.command.iter().map(|part| self.replaced(part, &folder)))
            .current_dir(&folder)
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .env("HOME", &folder)
            .env("PORT", self.address.port().to_string())
            .env("ADDRESS", self.address.ip().to_string())
            .env("HEADROOM_NODE", self.request.node.as_str())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn();
        spawned.map_err(|error| self.unavailable(format!("{SHELL} cannot be started: {error}")))
    }
}
