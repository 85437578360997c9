//! Where requests go, and the fence that lets them wait.
//!
//! Invariant: where a request goes and that it is in flight there are decided under one lock. So no request slips past a
//! fence, and a backend with none in flight behind a fence gets none.
use crate::backend::Backend;
use crate::body::RequestBody;
use crate::lock;
use crate::shadow::{Shadow, probe};
use crate::watch::{self, Asked, Part, SentAt, WatchRules, Watched};
use hyper::Request;
use hyper::header::USER_AGENT;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync;
use tokio::time::Instant;

/// What a fence has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fenced {
    /// How long it waited for requests in flight.
    pub waited: Duration,
    /// Requests still in flight at the service: more than 0 only if the deadline passed. Tunnels are not among them.
    pub in_flight: u64,
    /// Requests that wait behind the fence.
    pub held: usize,
}

pub(crate) struct Gate {
    state: Mutex<State>,
    /// Told when a backend has no request in flight any more, and when the fence goes.
    quiet: Condvar,
    /// Told when the fence goes.
    opened: sync::watch::Sender<()>,
    in_flight: AtomicU64,
    max_held: usize,
    max_held_time: Duration,
}

struct State {
    backend: Arc<Backend>,
    /// Backends of before that may still have requests in flight: a switch back has to count those.
    earlier: Vec<Weak<Backend>>,
    /// How the backend before the last switch had answered until then.
    before: Part,
    shadow: Option<Arc<Shadow>>,
    is_held: bool,
    held: usize,
}

/// A request that may go to its backend; it is in flight until this is dropped.
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    pub(crate) backend: Arc<Backend>,
    pub(crate) shadow: Option<Arc<Shadow>>,
    was_held: bool,
}

impl Ticket {
    /// Counts a request as sent to the backend; nothing for one of the front's own, which are sent in a shadow run alone.
    pub(crate) fn ask(&self, request: &Request<RequestBody>) -> Option<Asked> {
        let is_own = self.shadow.is_some() && request.headers().get(USER_AGENT) == Some(&probe::NAME);
        let sent = match request.body() {
            RequestBody::Whole(_) => SentAt::from(OnceLock::from(std::time::Instant::now())),
            RequestBody::Client(_, _, sent) => sent.clone(),
        };
        (!is_own).then(|| Asked::new(&self.backend.served, self.was_held, sent))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.backend.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Under the lock, so that a fence that has just counted one is asleep by now.
            let _state = lock(&self.gate.state);
            self.gate.quiet.notify_all();
        }
    }
}

/// The fence has as many requests as it may, or this one has waited long enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused;

/// A place behind the fence.
struct Held<'a>(&'a Gate);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).held -= 1;
    }
}

impl Gate {
    pub(crate) fn new(backend: Arc<Backend>, max_held: usize, max_held_time: Duration) -> Arc<Self> {
        let state =
            State { backend, earlier: Vec::new(), before: Part::default(), shadow: None, is_held: false, held: 0 };
        Arc::new(Self {
            state: Mutex::new(state),
            quiet: Condvar::new(),
            opened: sync::watch::Sender::new(()),
            in_flight: AtomicU64::new(0),
            max_held,
            max_held_time,
        })
    }

    /// Lets a request through, behind the fence as soon as that goes.
    pub(crate) async fn enter(self: &Arc<Self>) -> Result<Ticket, Refused> {
        let mut place: Option<(Held, Instant)> = None;
        loop {
            let (mut opened, until) = {
                let mut state = lock(&self.state);
                if !state.is_held {
                    return Ok(self.ticket(&state, place.is_some()));
                }
                let until = match &place {
                    Some((_, until)) => *until,
                    None if state.held >= self.max_held => return Err(Refused),
                    None => {
                        state.held += 1;
                        let until = Instant::now() + self.max_held_time;
                        place = Some((Held(self), until));
                        until
                    }
                };
                (self.opened.subscribe(), until)
            };
            if tokio::time::timeout_at(until, opened.changed()).await.is_err() {
                return Err(Refused);
            }
        }
    }

    fn ticket(self: &Arc<Self>, state: &State, was_held: bool) -> Ticket {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        state.backend.in_flight.fetch_add(1, Ordering::SeqCst);
        let (backend, shadow) = (state.backend.clone(), state.shadow.clone());
        Ticket { gate: self.clone(), backend, shadow, was_held }
    }

    pub(crate) fn fence(&self, deadline: Duration) -> Fenced {
        let started = Instant::now();
        let mut state = lock(&self.state);
        state.is_held = true;
        let backend = state.backend.clone();
        let is_busy = |state: &mut State| state.is_held && backend.in_flight.load(Ordering::SeqCst) > 0;
        let (state, _) =
            self.quiet.wait_timeout_while(state, deadline, is_busy).unwrap_or_else(PoisonError::into_inner);
        let in_flight = backend.in_flight.load(Ordering::SeqCst);
        Fenced { waited: started.elapsed(), in_flight, held: state.held }
    }

    /// Sends everything to an address from now on, and opens the fence.
    pub(crate) fn switch(&self, to: SocketAddr, make: impl FnOnce() -> Arc<Backend>) {
        let mut state = lock(&self.state);
        if state.backend.address != to {
            state.earlier.retain(|backend| backend.strong_count() > 0);
            let known = state.earlier.iter().filter_map(Weak::upgrade).find(|backend| backend.address == to);
            let before = std::mem::replace(&mut state.backend, known.unwrap_or_else(make));
            state.before = before.served.read().0;
            state.backend.served.begin();
            state.earlier.push(Arc::downgrade(&before));
            // What was the original is no longer asked, so there is nothing to compare with.
            if let Some(shadow) = &state.shadow {
                shadow.end();
            }
        }
        self.open(&mut state);
    }

    pub(crate) fn resume(&self) {
        self.open(&mut lock(&self.state));
    }

    fn open(&self, state: &mut State) {
        state.is_held = false;
        self.quiet.notify_all();
        self.opened.send_replace(());
    }

    pub(crate) fn watched(&self, rules: &WatchRules, is_over: bool) -> Watched {
        let state = lock(&self.state);
        let (after, waiting) = state.backend.served.read();
        watch::compare(&state.before, &after, &waiting, rules, is_over)
    }

    pub(crate) fn active(&self) -> SocketAddr {
        lock(&self.state).backend.address
    }

    pub(crate) fn is_held(&self) -> bool {
        lock(&self.state).is_held
    }

    pub(crate) fn held(&self) -> usize {
        lock(&self.state).held
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn shadow(&self) -> Option<Arc<Shadow>> {
        lock(&self.state).shadow.clone()
    }

    /// Gives later requests another shadow run, or none; answers the one before.
    pub(crate) fn set_shadow(&self, shadow: Option<Arc<Shadow>>) -> Option<Arc<Shadow>> {
        std::mem::replace(&mut lock(&self.state).shadow, shadow)
    }
}
