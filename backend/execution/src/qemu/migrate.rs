//! A machine moves while it runs, from one QEMU to another on the same host, with a short stop.
//!
//! The target is started with `-incoming defer -S` and the arguments of the source. It runs only when it is told to, after
//! the source stands still for good. By pre-copy every failure before that ends with the source running.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::look::is_held_back;
use super::monitor::{Monitor, MonitorError};

const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// All memory is copied before the target runs.
    PreCopy,
    /// The target runs at once and fetches what it lacks: the shortest stop, and a fault in the rest loses the machine.
    PostCopy,
}

#[derive(Debug, Clone)]
pub struct Settings {
    pub how: How,
    /// The longest stop that QEMU plans by pre-copy; it goes on copying until it can keep to it.
    pub pause: Duration,
    /// A move that takes longer is given up.
    pub patience: Duration,
    pub bytes_a_second: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            how: How::PreCopy,
            pause: Duration::from_millis(50),
            patience: Duration::from_secs(60),
            bytes_a_second: 1 << 30,
        }
    }
}

/// A machine that has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// From the source's stop to the target's start, by the host's clock.
    pub pause_micros: u64,
    /// The stop as QEMU counts it, without the word to go on.
    pub downtime_millis: u64,
    pub whole_millis: u64,
    pub sent_bytes: u64,
    /// How often changed pages were looked for.
    pub rounds: u64,
}

/// Why a machine has not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("nothing was begun: {0}")]
    NotBegun(String),
    #[error("the machine runs on where it was: {0}")]
    RunsOn(String),
    #[error("both machines stand still, and a person has to decide which one goes on: {0}")]
    Undecided(String),
    #[error("the target ran without all of its memory, and no machine can go on: {0}")]
    Lost(String),
}

fn said(error: MonitorError) -> String {
    error.to_string()
}

fn status(monitor: &mut Monitor) -> Result<String, MonitorError> {
    let told = monitor.ask("query-status", &Value::Null, PATIENCE)?;
    Ok(told["status"].as_str().unwrap_or_default().to_owned())
}

fn copying(monitor: &mut Monitor) -> Result<(String, Value), MonitorError> {
    let told = monitor.ask("query-migrate", &Value::Null, PATIENCE)?;
    Ok((told["status"].as_str().unwrap_or_default().to_owned(), told))
}

/// Waits until a machine is in one of these states.
fn until(monitor: &mut Monitor, states: &[&str]) -> Result<String, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = status(monitor).map_err(said)?;
        if states.contains(&now.as_str()) {
            return Ok(now);
        }
        if Instant::now() > deadline {
            return Err(format!("{} is {now}, not {}", monitor.path().display(), states.join(" or ")));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// Moves a machine through a socket that is made for it at `through`. Afterwards the target runs and the source is gone.
///
/// # Errors
/// It has not moved; the error says which of the two runs.
pub fn migrate(
    source: &mut Monitor,
    target: &mut Monitor,
    through: &Path,
    settings: &Settings,
) -> Result<Moved, MoveError> {
    begin(source, target, through, settings).map_err(MoveError::NotBegun)?;
    let stands_still: &[&str] = match settings.how {
        How::PreCopy => &["postmigrate"],
        How::PostCopy => &["finish-migrate", "postmigrate"],
    };
    let ready = copy(source, settings).and_then(|()| until(source, stands_still));
    // The target was not told to run yet, so the source may still go on instead.
    if let Err(told) = ready.and_then(|_| until(target, &["paused", "prelaunch"])) {
        return Err(match go_on(source) {
            Ok(()) => MoveError::RunsOn(told),
            Err(why) => MoveError::Undecided(format!("{told}; {why}")),
        });
    }
    // From here on the target may run: the source never goes on.
    let undecided = |error: MonitorError| MoveError::Undecided(error.to_string());
    target.ask("cont", &Value::Null, PATIENCE).map_err(undecided)?;
    until(target, &["running"]).map_err(MoveError::Undecided)?;
    let stopped = source.event("STOP", PATIENCE).map_err(undecided)?;
    let resumed = target.event("RESUME", PATIENCE).map_err(undecided)?;
    let at = |event: Option<super::Event>| event.map_or(0, |event| event.at_micros);
    let pause = at(resumed).saturating_sub(at(stopped));
    let told = whole(source, settings.patience).map_err(MoveError::Lost)?;
    // A source that does not end stands still all the same.
    let _ = source.ask("quit", &Value::Null, PATIENCE);
    let of = |value: &Value| value.as_u64().unwrap_or(0);
    Ok(Moved {
        pause_micros: u64::try_from(pause).unwrap_or(0),
        downtime_millis: of(&told["downtime"]),
        whole_millis: of(&told["total-time"]),
        sent_bytes: of(&told["ram"]["transferred"]),
        rounds: of(&told["ram"]["dirty-sync-count"]),
    })
}

/// Lets both get ready, and the source begin to copy.
fn begin(source: &mut Monitor, target: &mut Monitor, through: &Path, settings: &Settings) -> Result<(), String> {
    let now = status(source).map_err(said)?;
    if now != "running" {
        return Err(format!("the machine is {now}, not running"));
    }
    if status(target).map_err(said)? != "inmigrate" || !is_held_back(target.path()) {
        return Err("the target has to be started with -incoming defer and -S".to_owned());
    }
    if settings.how == How::PostCopy {
        let both = json!({ "capabilities": [{ "capability": "postcopy-ram", "state": true }] });
        for machine in [&mut *source, &mut *target] {
            machine.ask("migrate-set-capabilities", &both, PATIENCE).map_err(said)?;
        }
    }
    let limits = json!({
        "downtime-limit": u64::try_from(settings.pause.as_millis()).unwrap_or(u64::MAX),
        "max-bandwidth": settings.bytes_a_second,
    });
    source.ask("migrate-set-parameters", &limits, PATIENCE).map_err(said)?;
    let uri = json!({ "uri": format!("unix:{}", through.display()) });
    target.ask("migrate-incoming", &uri, PATIENCE).map_err(said)?;
    source.ask("migrate", &uri, PATIENCE).map_err(said)?;
    Ok(())
}

/// The figures of a copy that is at its end, also of what a running target fetches.
fn whole(source: &mut Monitor, patience: Duration) -> Result<Value, String> {
    let deadline = Instant::now() + patience;
    loop {
        let (now, told) = copying(source).map_err(said)?;
        match now.as_str() {
            "completed" => return Ok(told),
            "postcopy-active" | "device" if Instant::now() < deadline => std::thread::sleep(BETWEEN_LOOKS),
            _ => return Err(format!("the copy is {now}")),
        }
    }
}

/// Waits until the target could run. QEMU says so a moment before the source is at its end.
fn copy(source: &mut Monitor, settings: &Settings) -> Result<(), String> {
    let (patience, mut has_switched) = (settings.patience, false);
    let deadline = Instant::now() + patience;
    loop {
        let (now, told) = copying(source).map_err(said)?;
        match now.as_str() {
            "completed" | "postcopy-active" => return Ok(()),
            "active" if settings.how == How::PostCopy && !has_switched => {
                source.ask("migrate-start-postcopy", &Value::Null, PATIENCE).map_err(said)?;
                has_switched = true;
            }
            "failed" | "cancelled" => {
                let why = told["error-desc"].as_str().unwrap_or("QEMU does not say why");
                return Err(format!("the copy was {now}: {why}"));
            }
            _ if Instant::now() > deadline => {
                return Err(format!("the copy takes longer than {} s", patience.as_secs()));
            }
            _ => std::thread::sleep(BETWEEN_LOOKS),
        }
    }
}

/// Ends a copy and lets the source go on. To be called only while the target has not been told to run.
fn go_on(source: &mut Monitor) -> Result<(), String> {
    source.ask("migrate_cancel", &Value::Null, PATIENCE).map_err(said)?;
    let deadline = Instant::now() + PATIENCE;
    while !matches!(copying(source).map_err(said)?.0.as_str(), "cancelled" | "failed" | "completed") {
        if Instant::now() > deadline {
            return Err("the copy cannot be cancelled".to_owned());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    // A machine that was stopped for the last pages goes on by itself, or is told to.
    let now = until(source, &["running", "postmigrate", "paused"])?;
    if now != "running" {
        source.ask("cont", &Value::Null, PATIENCE).map_err(said)?;
    }
    until(source, &["running"]).map(|_| ())
}
