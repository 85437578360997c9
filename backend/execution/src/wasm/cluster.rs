//! The cluster of in-process nodes: who is where, and what time it is.
//!
//! Time comes from outside: [`Cluster::advance`] under a simulated clock, or a clock function
//! with [`Cluster::spawn_threads`]. Both run the same work; the first in instance order and
//! to the end, so it is deterministic.
//!
//! Locks are taken in the order cells, cell, nodes, and none is held while waiting.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::cell::Cell;
use super::guest::Runtime;
use super::library::Library;
use super::outputs::OutputRecord;
use super::recovery::Kept;
use super::replica::{Progress, Replica, Run};
use super::slot::Slot;
use crate::config::Config;
use crate::driver::{DriverError, InstanceId, Limits, NodeId, Program, Role};
use crate::feed::InputFeed;
use crate::guest::{Code, Guest};
use crate::node::{NodeSpec, Nodes};

/// A clock in Unix microseconds that does not go backwards.
pub(crate) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

pub(crate) struct Shared {
    pub config: Config,
    pub runtime: Runtime,
    pub feed: Arc<dyn InputFeed>,
    pub nodes: Mutex<Nodes>,
    pub cells: RwLock<BTreeMap<InstanceId, Arc<Slot>>>,
    pub library: Library,
    pub latest_micros: AtomicI64,
    pub checkpoint_failure: Mutex<Option<(InstanceId, String)>>,
    pub clock: RwLock<Option<Clock>>,
}

/// Nodes, guests and their driver. Clones are handles to the same cluster.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) shared: Arc<Shared>,
}

/// The guests that come with the crate.
pub(super) const BUILT_IN: [(&str, &str); 3] = [
    ("steady", include_str!("guests/steady.wat")),
    ("batch", include_str!("guests/batch.wat")),
    ("node_reader", include_str!("guests/node_reader.wat")),
];

/// A panic in one guest's work must not take the others with it; each lock guards plain
/// values that are valid at every step boundary.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// An empty cluster with the guests that come with the crate.
    pub fn new(config: Config, feed: Arc<dyn InputFeed>) -> Result<Self, DriverError> {
        let runtime = Runtime::new()?;
        let library = Library::default();
        for (name, text) in BUILT_IN {
            let wasm = wat::parse_str(text).map_err(|e| DriverError::Engine(e.to_string()))?;
            let module = runtime.load(&config, Program(name.to_owned()), &wasm)?;
            library.insert(Code::Wasm(module), true, config.max_idle_modules);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                config,
                runtime,
                feed,
                nodes: Mutex::default(),
                cells: RwLock::default(),
                library,
                latest_micros: AtomicI64::new(0),
                checkpoint_failure: Mutex::default(),
                clock: RwLock::new(None),
            }),
        })
    }

    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Adds a node, or updates what is known of it.
    pub fn ensure_node(&self, spec: NodeSpec) {
        lock(&self.shared.nodes).ensure(spec);
    }

    /// A node that goes down loses its guests and snapshots at once; its epochs it keeps.
    pub fn set_node_up(&self, node: &NodeId, up: bool) -> Result<(), DriverError> {
        lock(&self.shared.nodes).set_up(node, up)?;
        if !up {
            for slot in self.slots() {
                slot.lock().lose(node);
            }
        }
        Ok(())
    }

    /// The cluster's time: the clock's where one runs, else the latest advance.
    pub fn now_micros(&self) -> i64 {
        let clock = self.shared.clock.read().unwrap_or_else(PoisonError::into_inner).clone();
        let now = clock.map_or(i64::MIN, |clock| clock());
        self.shared.latest_micros.fetch_max(now, Ordering::AcqRel).max(now)
    }

    /// Processes everything that is due until `now`, in instance order. A time before the
    /// latest one does nothing.
    pub fn advance(&self, now_micros: i64) {
        self.shared.latest_micros.fetch_max(now_micros, Ordering::AcqRel);
        for slot in self.slots() {
            let cell = &mut *slot.lock();
            while self.work(cell, now_micros, &mut || true) == Progress::More {}
            self.checkpoint_if_due(cell, now_micros);
        }
    }

    /// One instance's share of work.
    pub(crate) fn work(&self, cell: &mut Cell, now_micros: i64, keep_going: &mut dyn FnMut() -> bool) -> Progress {
        let instance = cell.instance.clone();
        cell.advance(&self.run(&instance), now_micros, keep_going)
    }

    pub(crate) fn run<'a>(&'a self, instance: &'a InstanceId) -> Run<'a> {
        Run { config: &self.shared.config, feed: &*self.shared.feed, instance }
    }

    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        let cells = self.shared.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.values().cloned().collect()
    }

    pub(crate) fn cell(&self, instance: &InstanceId) -> Result<Arc<Slot>, DriverError> {
        let cells = self.shared.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.get(instance).cloned().ok_or_else(|| DriverError::UnknownInstance(instance.clone()))
    }

    pub(crate) fn cell_or_new(&self, instance: &InstanceId) -> Arc<Slot> {
        let mut cells = self.shared.cells.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(instance.clone()).or_insert_with(|| Arc::new(Slot::new(instance.clone()))))
    }

    /// Instances that have a copy here; does not wait for a step that is under way.
    pub fn instances(&self) -> Vec<InstanceId> {
        self.slots().iter().filter(|slot| slot.runs()).map(|slot| slot.instance.clone()).collect()
    }

    /// Whether it runs a command, whose steps may wait; does not wait for one that is under way.
    pub fn is_command(&self, instance: &InstanceId) -> bool {
        self.cell(instance).is_ok_and(|slot| slot.is_command())
    }

    /// The epoch that the active copy runs under; does not wait for a step that is under way.
    pub fn active_epoch(&self, instance: &InstanceId) -> Option<u64> {
        self.cell(instance).ok()?.standing().map(|copy| copy.epoch)
    }

    /// The outputs from a position on that are still kept.
    pub fn outputs(&self, instance: &InstanceId, from_position: u64) -> Result<Vec<OutputRecord>, DriverError> {
        Ok(self.cell(instance)?.lock().outputs.since(from_position))
    }

    /// A copy on a node, in its initial state.
    pub(crate) fn new_replica(
        &self,
        cell: &Cell,
        node: &NodeId,
        role: Role,
        epoch: u64,
        limits: &Limits,
    ) -> Result<Replica, DriverError> {
        let guest = self.new_guest(cell, node, limits)?;
        let now = self.now_micros();
        Ok(Replica::new(node.clone(), epoch, role, guest, limits.clone(), now))
    }

    /// An instance of the cell's module on a node, in its initial state.
    pub(crate) fn new_guest(&self, cell: &Cell, node: &NodeId, limits: &Limits) -> Result<Guest, DriverError> {
        let module = cell.module.as_ref().ok_or_else(|| DriverError::UnknownInstance(cell.instance.clone()))?;
        let properties = lock(&self.shared.nodes).properties(node)?;
        // Its program may have gone since the instance was started.
        if module.is_command() {
            self.check_program(module.program())?;
        }
        Guest::new(&self.shared.config, module, &cell.instance, limits, properties)
    }

    /// Makes the active copy, fresh or in the state of a checkpoint, under a newer epoch. One that
    /// was suspended and does not fit `limits` stays so.
    pub(crate) fn start_active(
        &self,
        cell: &mut Cell,
        node: &NodeId,
        epoch: u64,
        limits: &Limits,
        state: Option<&Kept>,
    ) -> Result<(), DriverError> {
        let instance = cell.instance.clone();
        {
            let mut nodes = lock(&self.shared.nodes);
            let seen = nodes.highest_epoch(&instance);
            if epoch < seen {
                let node = node.clone();
                return Err(DriverError::StaleEpoch { instance, node, given: epoch, seen });
            }
            if epoch == seen {
                return Err(DriverError::EpochNotNewer { instance, given: epoch, seen });
            }
            nodes.reserve(node, &instance, Role::Active, limits)?;
        }
        let guest = match state {
            Some(kept) if kept.suspended => self.stand_in(cell, node, limits),
            _ => self.new_guest(cell, node, limits),
        };
        let now = self.now_micros();
        let replica = |guest| Replica::new(node.clone(), epoch, Role::Active, guest, limits.clone(), now);
        let made = guest.map(replica).and_then(|mut copy| {
            if let Some(kept) = state {
                match kept.suspension_under(limits, &copy.guest) {
                    None => copy.guest.become_snapshot(&kept.snapshot)?,
                    Some(suspension) => {
                        copy.guest.set_position(kept.snapshot.position);
                        copy.suspension = Some(suspension);
                    }
                }
                copy.active_from = copy.guest.position();
            }
            Ok(copy)
        });
        let mut nodes = lock(&self.shared.nodes);
        match made {
            Err(error) => {
                nodes.free(node, &instance, Role::Active);
                Err(error)
            }
            Ok(copy) => {
                nodes.announce(node, &instance, epoch)?;
                cell.outputs.raise_epoch(epoch);
                cell.last_checkpoint_micros = self.now_micros();
                cell.checkpoint_number += 1;
                cell.active = Some(copy);
                Ok(())
            }
        }
    }
}
