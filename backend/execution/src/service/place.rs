//! Where copies of services run: on this host, or on one that has an agent.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::definition::Service;
use super::lock;
use crate::driver::{DriverError, InstanceId, Limits, NodeId, Report};

/// A copy that is to run on a node.
#[derive(Debug, Clone, Copy)]
pub struct CopyRequest<'a> {
    pub instance: &'a InstanceId,
    pub node: &'a NodeId,
    pub epoch: u64,
    pub service: &'a Service,
    pub limits: &'a Limits,
}

/// Hosts on which copies of services can run.
pub trait Place: Send + Sync {
    /// Whether copies of this node run here.
    fn has(&self, node: &NodeId) -> bool;

    /// Starts a copy. Processes of an earlier copy of this workload on this node end first.
    ///
    /// # Errors
    /// It cannot be started there.
    fn start(&self, request: &CopyRequest<'_>) -> Result<Arc<dyn Copy>, DriverError>;

    /// The copy that requests go to after a start of the exchange: the one that runs there already, where this place alone
    /// knows of it, else a new one.
    ///
    /// # Errors
    /// As [`Place::start`].
    fn resume(&self, request: &CopyRequest<'_>) -> Result<Arc<dyn Copy>, DriverError> {
        self.start(request)
    }
}

/// What was counted for a copy, and when.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub at: Instant,
    /// Since its start.
    pub cpu_micros: u64,
    pub throttled_micros: u64,
    pub mem_kib: u64,
}

/// One copy of a service that was started at a place.
pub trait Copy: Send + Sync {
    fn node(&self) -> &NodeId;

    /// The name of its service.
    fn service(&self) -> &str;

    /// The newest epoch that it was told when it was started or found.
    fn epoch(&self) -> u64;

    /// What runs it, for people.
    fn identity(&self) -> String;

    /// Where the front reaches it; nothing while that is not known.
    fn address(&self) -> Option<SocketAddr>;

    /// Tells it a newer epoch.
    ///
    /// # Errors
    /// It cannot be kept for the next life.
    fn announce(&self, epoch: u64) -> Result<(), DriverError>;

    /// The limit that is in force, as it was read last.
    ///
    /// # Errors
    /// Nobody knows it.
    fn limits(&self) -> Result<Limits, DriverError>;

    /// Returns once the limit is in force.
    ///
    /// # Errors
    /// It is not in force, or not yet.
    fn set_limits(&self, limits: &Limits) -> Result<(), DriverError>;

    /// # Errors
    /// Nobody counts it now.
    fn usage(&self) -> Result<Usage, DriverError>;

    /// How it ended, if it has.
    fn ended(&self) -> Option<String>;

    /// What it means that it has not answered in time.
    fn late(&self, why: String) -> Readiness;

    /// Why it does not come about on its host, if so.
    fn hindrance(&self) -> Option<String> {
        None
    }

    /// Ends it with all that it has started, by force after `patience`. Asked again, it goes on with that.
    ///
    /// # Errors
    /// It still runs.
    fn stop(&self, patience: Duration) -> Result<(), DriverError>;
}

/// Whether a copy may be sent requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Waiting,
    Passed,
    /// It runs, and is not reached from here.
    Unreachable(String),
    Failed(String),
}

/// A copy that this life of the exchange steers, or has found.
pub(super) struct Running {
    copy: Arc<dyn Copy>,
    readiness: Mutex<Readiness>,
    /// Nobody waits for it to be ready any more.
    given_up: AtomicBool,
}

impl Deref for Running {
    type Target = dyn Copy;

    fn deref(&self) -> &Self::Target {
        &*self.copy
    }
}

impl Running {
    pub fn new(copy: Arc<dyn Copy>) -> Self {
        Self { copy, readiness: Mutex::new(Readiness::Waiting), given_up: AtomicBool::new(false) }
    }

    /// The same copy, as a later life of the exchange finds it.
    pub fn handed_on(&self) -> Self {
        self.give_up();
        Self::new(self.copy.clone())
    }

    pub fn readiness(&self) -> Readiness {
        lock(&self.readiness).clone()
    }

    pub fn note(&self, readiness: Readiness) {
        *lock(&self.readiness) = readiness;
    }

    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::SeqCst)
    }

    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// Why nothing can be expected of it any more.
    pub fn fault(&self) -> Option<String> {
        match self.readiness() {
            Readiness::Failed(reason) => Some(reason),
            Readiness::Waiting | Readiness::Passed | Readiness::Unreachable(_) => self.ended(),
        }
    }

    /// What was counted, and when.
    pub fn report(&self, epoch: u64) -> Result<(Report, Instant), DriverError> {
        let Usage { at, cpu_micros, throttled_micros, mem_kib } = self.usage()?;
        let cpu_milli = self.limits()?.cpu_milli;
        let ended = self.fault();
        Ok((Report { epoch, cpu_milli, cpu_micros: Some(cpu_micros), throttled_micros, mem_kib, ended }, at))
    }

    /// Ends it; nobody waits for it from here on.
    pub fn end(&self, patience: Duration) -> Result<(), DriverError> {
        self.give_up();
        self.stop(patience)
    }
}
