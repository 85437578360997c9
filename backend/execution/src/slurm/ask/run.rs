//! Commands of Slurm: run without a shell, with a time limit, in an environment that changes none of their options.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::driver::DriverError;

/// What a command may write: answers of a large cluster have a few MiB.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// What is kept of a complaint.
const LONGEST_COMPLAINT: usize = 200;
/// How often a command is looked at while it runs.
const LOOK: Duration = Duration::from_millis(5);
/// Variables that are passed on: the others may name formats, partitions and accounts.
const PASSED: [&str; 5] = ["PATH", "HOME", "LD_LIBRARY_PATH", "SLURM_CONF", "USER"];

/// How commands are run.
#[derive(Debug, Clone)]
pub(in crate::slurm) struct Commands {
    /// The file `slurm.conf`; without it the variable `SLURM_CONF` or Slurm's own place decides.
    pub configuration: Option<PathBuf>,
    pub time_limit: Duration,
}

/// What a command said that has ended.
#[derive(Debug)]
pub(in crate::slurm) struct Ended {
    program: &'static str,
    pub succeeded: bool,
    pub output: String,
    pub complaint: String,
}

impl Ended {
    /// Its output, where it succeeded.
    pub fn output(self) -> Result<String, DriverError> {
        match self.succeeded {
            true => Ok(self.output),
            false => Err(self.refused()),
        }
    }

    /// Its complaint as an error.
    pub fn refused(&self) -> DriverError {
        unavailable(self.program, &self.complaint)
    }
}

/// A command that could not be run, or that Slurm refused.
pub(in crate::slurm) fn unavailable(program: &str, reason: &str) -> DriverError {
    DriverError::CommandUnavailable { name: program.to_owned(), reason: reason.to_owned() }
}

/// A command under way; it is killed when this is dropped.
pub(in crate::slurm) struct Running {
    program: &'static str,
    child: Child,
    output: Receiver<Vec<u8>>,
    errors: Receiver<Vec<u8>>,
}

impl Commands {
    /// Runs a command to its end. Errors: it cannot be started, or takes longer than the time limit.
    pub fn run(&self, program: &'static str, arguments: &[&str]) -> Result<Ended, DriverError> {
        let mut running = self.start(program, arguments)?;
        let until = Instant::now() + self.time_limit;
        loop {
            if let Some(ended) = running.ended()? {
                return Ok(ended);
            }
            if Instant::now() >= until {
                let limit = self.time_limit.as_secs_f64();
                return Err(unavailable(program, &format!("it has not answered in {limit:.0} seconds and was killed")));
            }
            std::thread::sleep(LOOK);
        }
    }

    pub fn start(&self, program: &'static str, arguments: &[&str]) -> Result<Running, DriverError> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(PASSED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
        // Times are Unix seconds, and those that a clock shows twice a year are not mistaken.
        command.envs([("SLURM_TIME_FORMAT", "%s"), ("TZ", "UTC0"), ("LC_ALL", "C")]);
        if let Some(configuration) = &self.configuration {
            command.env("SLURM_CONF", configuration);
        }
        let mut child = command.spawn().map_err(|error| unavailable(program, &error.to_string()))?;
        let output = child.stdout.take().map(reader);
        let errors = child.stderr.take().map(reader);
        match (output, errors) {
            (Some(output), Some(errors)) => Ok(Running { program, child, output, errors }),
            _ => Err(unavailable(program, "its output cannot be read")),
        }
    }
}

impl Running {
    /// What it said, once it has ended.
    pub fn ended(&mut self) -> Result<Option<Ended>, DriverError> {
        let status = self.child.try_wait().map_err(|error| unavailable(self.program, &error.to_string()))?;
        let Some(status) = status else { return Ok(None) };
        // A process that it has left behind may keep the pipes open: what is not there in a second is not waited for.
        let read = |pipe: &Receiver<Vec<u8>>| pipe.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        let (output, errors) = (read(&self.output), read(&self.errors));
        if output.len() as u64 >= MOST_BYTES {
            return Err(DriverError::Corrupt { what: self.program, detail: format!("more than {MOST_BYTES} bytes") });
        }
        let complaint = match excerpt(&String::from_utf8_lossy(&errors)) {
            silent if silent.is_empty() => status.to_string(),
            said => said,
        };
        let output = String::from_utf8_lossy(&output).into_owned();
        Ok(Some(Ended { program: self.program, succeeded: status.success(), output, complaint }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(MOST_BYTES).read_to_end(&mut bytes);
        // What is beyond is read and dropped, so that the command ends.
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        let _ = send.send(bytes);
    });
    receive
}

/// The last line of a complaint, without what a terminal would act on.
pub(in crate::slurm) fn excerpt(text: &str) -> String {
    let last = text.trim_end().rsplit('\n').next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(LONGEST_COMPLAINT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(time_limit: Duration) -> Commands {
        Commands { configuration: Some("/nowhere".into()), time_limit }
    }

    #[test]
    fn a_command_beyond_its_time_is_killed_with_an_error() {
        let error = commands(Duration::from_millis(50)).run("sleep", &["600"]).expect_err("it was killed");
        assert_eq!(error.code(), "command_unavailable");
        assert!(error.to_string().contains("has not answered"), "{error}");
    }

    #[test]
    fn a_missing_program_is_told_by_name() {
        let error = commands(Duration::from_secs(5)).run("no-such-program", &[]).expect_err("it is missing");
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }

    #[test]
    fn what_an_environment_would_change_is_not_passed_on() {
        let ended = commands(Duration::from_secs(5)).run("env", &[]).expect("env runs");
        let names = ended.output.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.to_owned());
        let own = ["SLURM_TIME_FORMAT", "TZ", "LC_ALL"];
        assert!(names.clone().all(|name| PASSED.contains(&&*name) || own.contains(&&*name)), "{}", ended.output);
        assert!(ended.output.contains("SLURM_CONF=/nowhere\n"));
    }

    #[test]
    fn a_complaint_loses_what_a_terminal_acts_on() {
        assert_eq!(excerpt("first\nsalloc: \u{1b}[31merror\u{7}\n"), "salloc: [31merror");
        assert_eq!(excerpt(&"x".repeat(900)).len(), LONGEST_COMPLAINT);
        assert_eq!(excerpt(""), "");
    }
}
