//! Everything that a request or a worker can reach.
use crate::app::directory::{Directory, Identity};
use crate::app::disk::{self, Disk};
use crate::app::externality::Externalities;
use crate::app::failure::{Done, Failure, busy};
use crate::app::key_uses::KeyUses;
use crate::app::last_round::LastRound;
use crate::app::limiter::Limiter;
use crate::app::sessions::Sessions;
use crate::app::simulation::Simulations;
use crate::app::tokens::TokenKeys;
use crate::app::winning::WinningLimits;
use crate::clock::Clock;
use crate::sequencer::{Answer, Attached, Busy, Idempotency, Outcome, Sequencer};
use crate::workers::forecasts::Board;
use crate::workers::nodes::Nodes;
use crate::workers::pulse::Pulse;
use headroom_market::command::Command;
use headroom_market::market::Rhythm;
use headroom_market::refusal::invalid;
use headroom_market::time::Timestamp;
use headroom_store::Store;
use headroom_store::bus::Bus;
use headroom_store::journal::idempotency_key;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

pub struct App {
    pub sequencer: Sequencer,
    pub store: Arc<Store>,
    pub clock: Arc<dyn Clock>,
    pub bus: Arc<dyn Bus>,
    pub tokens: TokenKeys,
    pub sessions: Sessions,
    pub key_uses: KeyUses,
    pub limiter: Limiter,
    pub rhythm: Rhythm,
    pub demo: bool,
    /// `Secure` cookies only where the public address is https.
    pub secure_cookies: bool,
    /// X-Forwarded-For says who the client is.
    pub behind_proxy: bool,
    pub process: u64,
    pub forecasts: Arc<Board>,
    pub nodes: Arc<Nodes>,
    /// Moves the simulated clock and waits until everything due has been done.
    pub conductor: tokio::sync::mpsc::Sender<crate::workers::conductor::Advance>,
    pub stopping: tokio::sync::watch::Receiver<bool>,
    pub pulse: Arc<Pulse>,
    pub directory: LiveDirectory,
    pub winning: WinningLimits,
    pub last_round: LastRound,
    pub externalities: Externalities,
    pub simulations: Simulations,
    pub disk: Disk,
}

/// Users, keys and participants as they are now, read without asking the sequencer.
pub struct LiveDirectory {
    now: RwLock<Arc<Directory>>,
    /// Held from the question to the replacement: an earlier answer must not replace a later one,
    /// or a key that was just revoked would be good again.
    refreshing: Mutex<()>,
}

impl LiveDirectory {
    pub async fn of(sequencer: &Sequencer) -> Result<Self, Busy> {
        let now = RwLock::new(Arc::new(sequencer.query(Directory::of).await?));
        Ok(Self { now, refreshing: Mutex::default() })
    }
    fn read(&self) -> Arc<Directory> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    async fn refresh(&self, sequencer: &Sequencer) -> Result<(), Busy> {
        let _turn = self.refreshing.lock().await;
        let fresh = sequencer.query(Directory::of).await?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Ok(())
    }
}

impl App {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.read()
    }
    /// After users, keys or participants have changed.
    pub async fn refresh_directory(&self) -> Done<()> {
        Ok(self.directory.refresh(&self.sequencer).await?)
    }

    /// Submits a command and returns the JSON of what it made.
    pub async fn object(&self, by: &Identity, command: Command) -> Done<Arc<str>> {
        let answer = self.submit(by, command, None, Attached::default()).await?;
        match answer.outcome {
            Outcome::Object(document) | Outcome::Pending(document) => Ok(document),
            _ => Ok("{}".into()),
        }
    }

    /// Whether a request with this key was answered before: it gets that answer, whatever has changed since.
    pub async fn was_answered(&self, idempotency: Option<&Idempotency>) -> Done<bool> {
        let Some(idempotency) = idempotency else { return Ok(false) };
        let key = idempotency_key(&idempotency.participant, &idempotency.key);
        Ok(!self.store.known(vec![key], Vec::new()).await?.replied.is_empty())
    }

    /// Submits a command; refusals become failures.
    pub async fn submit(
        &self,
        by: &Identity,
        command: Command,
        idempotency: Option<Idempotency>,
        attached: Attached,
    ) -> Done<Answer> {
        if by.own().is_some() && disk::adds(&command) && self.disk.room().is_low {
            return Err(disk_nearly_full());
        }
        let answer = self.sequencer.submit(&by.actor, command, idempotency, attached).await?;
        match answer.outcome {
            Outcome::Refused(refusal) => Err(refusal.into()),
            Outcome::KeyReused => Err(invalid(
                "idempotency_key_reused",
                "",
                "This Idempotency-Key was used for another request. Use a new key for a new request.",
            )
            .into()),
            _ => Ok(answer),
        }
    }
}

/// Members wait until there is room again; the market itself goes on.
fn disk_nearly_full() -> Failure {
    let detail = "The exchange's disk is nearly full: it takes nothing new until there is room again. What is open can be cancelled. Tell its operator, and try again after the time in Retry-After.";
    busy("disk_nearly_full", 60, detail)
}
