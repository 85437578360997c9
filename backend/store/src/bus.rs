//! Says that there are new events: to the server's own readers in memory, and to other programs over a channel of Redis
//! where there is one. Events themselves are read from the outbox, so a lost message costs a poll, never an event.
use crate::error::StoreError;
use redis::aio::MultiplexedConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Says "there is something new up to this id"; readers fetch it from the outbox.
pub trait Bus: Send + Sync {
    fn announce(&self, newest: i64);
    fn subscribe(&self) -> watch::Receiver<i64>;
    fn kind(&self) -> &'static str;
    /// Whether the last announcement, or the last look at Redis, came through.
    fn is_up(&self) -> bool;
}

pub struct InProcess {
    newest: watch::Sender<i64>,
}

impl InProcess {
    pub fn new(newest: i64) -> Self {
        Self { newest: watch::Sender::new(newest) }
    }
}

impl Bus for InProcess {
    fn announce(&self, newest: i64) {
        self.newest.send_if_modified(|old| {
            let changed = newest > *old;
            *old = newest.max(*old);
            changed
        });
    }
    fn subscribe(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }
    fn kind(&self) -> &'static str {
        "in-process"
    }
    fn is_up(&self) -> bool {
        true
    }
}

/// Announces over a Redis channel, too, to programs that listen there. The server's own readers are woken directly, so
/// none of them notices a lost Redis.
pub struct RedisBus {
    local: InProcess,
    outgoing: tokio::sync::mpsc::Sender<i64>,
    up: Arc<AtomicBool>,
}

const CHANNEL: &str = "headroom:events";
/// Where nothing is announced, Redis is asked this often whether it is there.
const LOOK: Duration = Duration::from_secs(1);
/// A Redis that answers nothing for as long is down.
const SILENT: Duration = Duration::from_secs(5);

/// The connection that announces; it is opened anew after an error.
struct Announcer {
    client: redis::Client,
    connection: Option<MultiplexedConnection>,
}

impl Announcer {
    async fn sends(&mut self, command: &redis::Cmd) -> Result<(), redis::RedisError> {
        let sending = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.client.get_multiplexed_async_connection().await?,
            };
            let _answer: redis::Value = command.query_async(&mut connection).await?;
            // Only a connection that works is kept.
            self.connection = Some(connection);
            Ok(())
        };
        let silent = || redis::RedisError::from((redis::ErrorKind::Io, "no answer within 5 seconds"));
        tokio::time::timeout(SILENT, sending).await.map_err(|_| silent())?
    }
}

impl RedisBus {
    /// Connects once, so that a wrong address is an error at start; later losses are retried.
    pub async fn connect(url: &str, newest: i64) -> Result<Self, StoreError> {
        let mut announcer = Announcer { client: redis::Client::open(url)?, connection: None };
        announcer.sends(&redis::cmd("PING")).await?;
        let up = Arc::new(AtomicBool::new(true));
        let (outgoing, mut queue) = tokio::sync::mpsc::channel::<i64>(64);
        let flag = up.clone();
        tokio::spawn(async move {
            let ping = redis::cmd("PING");
            loop {
                let sent = match tokio::time::timeout(LOOK, queue.recv()).await {
                    Ok(Some(newest)) => announcer.sends(redis::cmd("PUBLISH").arg(CHANNEL).arg(newest)).await,
                    Ok(None) => return,
                    Err(_) => announcer.sends(&ping).await,
                };
                let was_up = flag.swap(sent.is_ok(), Ordering::Relaxed);
                match sent {
                    Ok(()) if !was_up => tracing::warn!("Redis is back"),
                    Err(error) if was_up => tracing::warn!(%error, "Redis is down: nothing is announced there"),
                    _ => {}
                }
            }
        });
        Ok(Self { local: InProcess::new(newest), outgoing, up })
    }
}

impl Bus for RedisBus {
    fn announce(&self, newest: i64) {
        self.local.announce(newest);
        // A full queue means that Redis is slow: the next announcement carries more anyway.
        let _dropped = self.outgoing.try_send(newest);
    }
    fn subscribe(&self) -> watch::Receiver<i64> {
        self.local.subscribe()
    }
    fn kind(&self) -> &'static str {
        "redis"
    }
    fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }
}
