//! Modules from outside on their way to compiled code: one at a time, on a thread of its own.
//!
//! Compiling takes all of a core for up to seconds. Whoever uploads waits for it in a queue
//! with a bound, in all and for each participant; the async threads and the market never wait.
//! Also: whether a baseline has the memory that a module starts with. Absent: what a module may be (`headroom_execution`), who may upload how many (the market).
use crate::workers::nodes::{Loading, Nodes};
use headroom_execution::{Cluster, DriverError, Program};
use headroom_market::ids::ParticipantId;
use headroom_market::units::{Amounts, Resource, amount};
use headroom_market::workload::{Module, ModuleKind};
use headroom_store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The largest wasm module.
pub const MOST_MODULE_BYTES: usize = 256 * 1024;

/// Uploads that are compiled or wait for it: a bound on the memory that they take.
const PLACES: usize = 16;
/// Of one participant, so that the others find a place.
const PLACES_EACH: usize = 4;

/// The queue in front of the compiler.
pub struct ModuleQueue {
    cluster: Cluster,
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    of: Arc<Mutex<HashMap<ParticipantId, usize>>>,
}

/// Why a module has not been admitted.
#[derive(Debug)]
pub enum NotAdmitted {
    Refused(DriverError),
    /// Too many wait already.
    Busy,
    /// The participant has too many in the queue.
    OwnBusy,
}

/// A place in the queue; given back when the compiler is done with it, also if nobody waits
/// for the answer any more.
struct Place {
    _place: OwnedSemaphorePermit,
    of: Arc<Mutex<HashMap<ParticipantId, usize>>>,
    participant: ParticipantId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = of.get_mut(&self.participant) {
            *count -= 1;
            if *count == 0 {
                of.remove(&self.participant);
            }
        }
    }
}

impl ModuleQueue {
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            places: Arc::new(Semaphore::new(PLACES)),
            turn: Arc::new(Semaphore::new(1)),
            of: Arc::default(),
        }
    }

    fn place(&self, participant: ParticipantId) -> Result<Place, NotAdmitted> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let count = of.entry(participant).or_default();
        if *count >= PLACES_EACH {
            return Err(NotAdmitted::OwnBusy);
        }
        let permit = self.places.clone().try_acquire_owned();
        if permit.is_ok() {
            *count += 1;
        } else if *count == 0 {
            of.remove(&participant);
        }
        let permit = permit.map_err(|_| NotAdmitted::Busy)?;
        Ok(Place { _place: permit, of: self.of.clone(), participant })
    }

    /// Checks and compiles a module when its turn has come.
    pub async fn admit(&self, participant: ParticipantId, bytes: Arc<[u8]>) -> Result<Program, NotAdmitted> {
        let place = self.place(participant)?;
        // The semaphore is never closed.
        let turn = self.turn.clone().acquire_owned().await.map_err(|_| NotAdmitted::Busy)?;
        let (tell, told) = oneshot::channel();
        let done = move |result| {
            drop((turn, place));
            let _gone = tell.send(result);
        };
        self.cluster.admit_apart(bytes, done).map_err(NotAdmitted::Refused)?;
        let gone = || DriverError::Engine("the compiler ended without an answer".to_owned());
        told.await.unwrap_or_else(|_| Err(gone())).map_err(NotAdmitted::Refused)
    }

    /// Compiles a module that was admitted before, in its turn and for nobody to wait for.
    pub fn compile_later(&self, bytes: Arc<[u8]>, done: impl FnOnce(Result<Program, DriverError>) + Send + 'static) {
        let (cluster, turn) = (self.cluster.clone(), self.turn.clone());
        tokio::spawn(async move {
            let Ok(turn) = turn.acquire_owned().await else { return };
            let spawned = cluster.admit_apart(bytes, move |result| {
                drop(turn);
                done(result);
            });
            if let Err(error) = spawned {
                tracing::error!(%error, "a module cannot be compiled");
            }
        });
    }
}

/// A module that starts with more memory than a baseline has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLittleMemory {
    pub needed_mib: i64,
    pub baseline_mib: i64,
}

impl Nodes {
    /// Whether a workload of `module` can be kept to its baseline's memory from its start.
    /// The little that comes with every guest is free.
    pub async fn check_memory(
        &self,
        module: &Module,
        baseline: &Amounts,
        store: &Store,
    ) -> Result<Option<TooLittleMemory>, StoreError> {
        // What a command begins with is known once it has begun.
        if module.kind != ModuleKind::Wasm {
            return Ok(None);
        }
        let known = match (&module.participant, self.loading(module.id)) {
            (None, _) => Some(Program(module.name.clone())),
            (Some(_), Some(Loading::Known(program))) => Some(program),
            (Some(_), _) => None,
        };
        let initial_kib = match known.and_then(|program| self.cluster.initial_memory_of(&program)) {
            Some(kib) => kib,
            None => {
                let bytes = store.module_bytes(&module.hash).await?.unwrap_or_default();
                // What cannot be read was accepted under other rules; starting it says why.
                self.cluster.initial_memory_kib(&bytes).unwrap_or(0)
            }
        };
        let given_kib = self.limits(baseline).mem_kib;
        let fits = initial_kib <= given_kib.max(self.cluster.config().included_kib);
        Ok((!fits).then(|| TooLittleMemory {
            needed_mib: self.mem_mib_up(initial_kib),
            baseline_mib: amount(baseline, Resource::MemMib),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_execution::{Config, Input, InputFeed, InstanceId};

    struct Nothing;
    impl InputFeed for Nothing {
        fn input(&self, _: &InstanceId, _: u64) -> Option<Input> {
            None
        }
    }

    #[tokio::test]
    async fn one_participant_does_not_fill_the_queue_and_places_come_back() {
        let cluster = Cluster::new(Config::default(), Arc::new(Nothing)).expect("built-in guests load");
        let queue = ModuleQueue::new(cluster);
        let participant = |n: u128| ParticipantId::from_raw(n);
        let held: Vec<_> = (0..PLACES_EACH).map(|_| queue.place(participant(1)).expect("room")).collect();
        assert!(matches!(queue.place(participant(1)), Err(NotAdmitted::OwnBusy)));
        let others: Vec<_> =
            (PLACES_EACH..PLACES).map(|n| queue.place(participant(n as u128 + 2)).expect("room")).collect();
        assert!(matches!(queue.place(participant(99)), Err(NotAdmitted::Busy)));
        drop((held, others));
        assert!(queue.of.lock().expect("not poisoned").is_empty());
        let text: Arc<[u8]> =
            b"(module (memory (export \"memory\") 1) (func (export \"step\") (result i32) (i32.const 0)))"[..].into();
        let first = queue.admit(participant(1), text.clone()).await.expect("admitted");
        let before = queue.cluster.compiled_modules();
        assert_eq!(queue.admit(participant(2), text).await.expect("admitted"), first);
        assert_eq!(queue.cluster.compiled_modules(), before, "compiled once");
        let refused = queue.admit(participant(1), b"(module)"[..].into()).await;
        assert!(matches!(refused, Err(NotAdmitted::Refused(_))));
        assert!(queue.of.lock().expect("not poisoned").is_empty());
    }
}
