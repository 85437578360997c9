//! The front of one service, as its owner steers it. No call needs a runtime.
use crate::backend::Backend;
use crate::error::FrontError;
use crate::gate::{Fenced, Gate};
use crate::listen;
use crate::options::Options;
use crate::shadow::{Report, Rules, Shadow, probe};
use crate::watch::{WatchRules, Watched};
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

/// Between looks whether all connections have ended, while the front stops.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// One listening address of one service. Dropped, it stops at once; connections on a runtime of the caller's may still
/// end their requests.
pub struct Front {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Handle,
    own_runtime: Option<Runtime>,
    stop: watch::Sender<bool>,
    /// Held while a shadow run begins or ends, so that two callers do not begin two, nor one of the service itself.
    steering: Mutex<()>,
}

/// What a front has done, and does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Open connections of clients.
    pub connections: usize,
    /// Requests since the start.
    pub requests: u64,
    /// Of those, answered by the front itself with 500 or more.
    pub failed: u64,
    /// Requests sent once more because their connection had died.
    pub retried: u64,
    /// Answers that the backend broke off in the middle.
    pub broken: u64,
    /// Requests at a backend, until the end of their answers.
    pub in_flight: u64,
    /// Requests that wait behind the fence.
    pub held: usize,
    /// Open tunnels of other protocols.
    pub tunnels: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicUsize,
    pub(crate) requests: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) broken: AtomicU64,
    pub(crate) tunnels: AtomicU64,
}

/// What every request needs.
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) options: Options,
}

impl Front {
    /// Begins to serve at `listen` (port 0 takes a free one), on threads of its own. Requests go to `active`.
    ///
    /// # Errors
    /// The address cannot be listened at, or there can be no further threads.
    pub fn start(listen: SocketAddr, active: SocketAddr) -> io::Result<Self> {
        Self::start_with(listen, active, Options::default(), None)
    }

    /// As [`Front::start`], with other bounds, and on a runtime of the caller's if there is one. That runtime needs its
    /// I/O and its time.
    ///
    /// # Errors
    /// As [`Front::start`].
    pub fn start_with(
        listen: SocketAddr,
        active: SocketAddr,
        options: Options,
        runtime: Option<Handle>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (runtime, own_runtime) = match runtime {
            Some(given) => (given, None),
            None => {
                let own = own_runtime(options.threads)?;
                (own.handle().clone(), Some(own))
            }
        };
        let gate = Gate::new(Backend::new(active, &options), options.max_held, options.max_held_time);
        let shared = Arc::new(Shared { gate, counters: Arc::default(), options });
        let (stop, stopped) = watch::channel(false);
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(listen::accept(listener, shared.clone(), stopped));
        Ok(Self { shared, address, runtime, own_runtime, stop, steering: Mutex::default() })
    }

    /// Where clients reach the service.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where requests go.
    pub fn active(&self) -> SocketAddr {
        self.shared.gate.active()
    }

    /// Whether there is a fence.
    pub fn is_fenced(&self) -> bool {
        self.shared.gate.is_held()
    }

    /// What it has done, and does.
    pub fn counts(&self) -> Counts {
        let Shared { gate, counters, .. } = &*self.shared;
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Counts {
            connections: counters.connections.load(Ordering::SeqCst),
            requests: read(&counters.requests),
            failed: read(&counters.failed),
            retried: read(&counters.retried),
            broken: read(&counters.broken),
            in_flight: gate.in_flight(),
            held: gate.held(),
            tunnels: read(&counters.tunnels),
        }
    }

    /// Begins to mirror requests to a copy. The same copy with the same rules goes on as before.
    ///
    /// # Errors
    /// The rules mean nothing, the copy is where requests go, or another shadow run is under way.
    pub fn start_shadow(&self, copy: SocketAddr, rules: Rules) -> Result<(), FrontError> {
        rules.check()?;
        let _steering = crate::lock(&self.steering);
        match self.shared.gate.shadow().filter(|shadow| !shadow.has_ended()) {
            Some(shadow) if shadow.is(copy, &rules) => return Ok(()),
            Some(shadow) => return Err(FrontError::OtherShadow { copy: shadow.copy() }),
            None if copy == self.active() => return Err(FrontError::CopyIsActive(copy)),
            None => {}
        }
        let options = &self.shared.options;
        let shadow = Shadow::start(&self.runtime, Backend::new(copy, options), rules, options);
        if shadow.has_probes() {
            let front = Backend::new(reached_here(self.address), options);
            self.runtime.spawn(probe::ask(front, shadow.clone()));
        }
        self.shared.gate.set_shadow(Some(shadow));
        Ok(())
    }

    /// What was compared so far; nothing if no shadow run has begun since the last one was dropped.
    pub fn report(&self) -> Option<Report> {
        self.shared.gate.shadow().map(|shadow| shadow.report())
    }

    /// Ends the shadow run and forgets its report. Nothing is sent to the copy after this.
    pub fn drop_shadow(&self) {
        let _steering = crate::lock(&self.steering);
        if let Some(shadow) = self.shared.gate.set_shadow(None) {
            shadow.end();
        }
    }

    /// Lets new requests wait in the front, and waits until those in flight are answered or `deadline` has passed. The
    /// fence stays in both cases, until [`Front::switch`] or [`Front::resume`]. A deadline of 0 only lets them wait.
    ///
    /// A request that waits for too long is answered 503, as is one too many ([`Options`]). A request with effects counts
    /// as in flight until the service has answered it, even if its client has left.
    ///
    /// Blocks its thread, which must not be the only one of the runtime given to [`Front::start_with`].
    pub fn fence(&self, deadline: Duration) -> Fenced {
        self.shared.gate.fence(deadline)
    }

    /// Sends requests that wait and all later ones to `to`. Those in flight end where they are.
    ///
    /// To another address than before, this ends a shadow run; its report stays. Tunnels stay where they are.
    pub fn switch(&self, to: SocketAddr) {
        let _steering = crate::lock(&self.steering);
        self.shared.gate.switch(to, || Backend::new(to, &self.shared.options));
    }

    /// How requests were answered since the last switch to another address, beside those before it. `is_over`: the caller
    /// has waited for as long as the rules say.
    pub fn watched(&self, rules: &WatchRules, is_over: bool) -> Watched {
        self.shared.gate.watched(rules, is_over)
    }

    /// Takes the fence away: requests that wait go where they went before.
    pub fn resume(&self) {
        self.shared.gate.resume();
    }

    /// Accepts no further connections, lets requests end for at most `deadline`, and stops. Answers how many connections
    /// were still open.
    pub fn stop(self, deadline: Duration) -> usize {
        self.stop.send_replace(true);
        let until = Instant::now() + deadline;
        while self.counts().connections > 0 && Instant::now() < until {
            std::thread::sleep(LOOK_AGAIN);
        }
        self.counts().connections
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.drop_shadow();
        if let Some(runtime) = self.own_runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Where this host itself reaches an address that it listens at.
fn reached_here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn own_runtime(threads: usize) -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .max_blocking_threads(threads.max(1))
        .thread_name("headroom-front")
        .enable_all()
        .build()
}
