//! Event fan-out behind one trait: in-process by default, Redis where several processes share
//! a market. An accelerator only: everything is in the outbox, so a lost message costs a
//! poll, never an event.
use crate::error::StoreError;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Says "there is something new up to this id"; readers fetch it from the outbox.
pub trait Bus: Send + Sync {
    fn announce(&self, newest: i64);
    fn subscribe(&self) -> watch::Receiver<i64>;
    fn kind(&self) -> &'static str;
    /// Whether messages are flowing; `false` means that readers fall back to polling.
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

/// Announces over a Redis channel; what other processes announce arrives here too. The own
/// readers are woken directly, so a lost Redis is not noticed by them at all.
pub struct RedisBus {
    local: Arc<InProcess>,
    outgoing: tokio::sync::mpsc::Sender<i64>,
    up: Arc<std::sync::atomic::AtomicBool>,
}

const CHANNEL: &str = "headroom:events";
const RETRY: Duration = Duration::from_secs(1);

impl RedisBus {
    /// Connects once, so that a wrong address is an error at start; later losses are retried.
    pub async fn connect(url: &str, newest: i64) -> Result<Self, StoreError> {
        let client = redis::Client::open(url)?;
        let mut connection = tokio::time::timeout(Duration::from_secs(5), client.get_multiplexed_async_connection())
            .await
            .map_err(|_| redis::RedisError::from((redis::ErrorKind::Io, "no answer within 5 seconds")))??;
        let _pong: String = redis::cmd("PING").query_async(&mut connection).await?;
        let local = Arc::new(InProcess::new(newest));
        let up = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let (outgoing, mut queue) = tokio::sync::mpsc::channel::<i64>(64);
        let publisher = client.clone();
        let flag = up.clone();
        tokio::spawn(async move {
            let mut connection = Some(connection);
            while let Some(newest) = queue.recv().await {
                if connection.is_none() {
                    connection = publisher.get_multiplexed_async_connection().await.ok();
                }
                let sent = match &mut connection {
                    Some(c) => redis::cmd("PUBLISH").arg(CHANNEL).arg(newest).query_async::<i64>(c).await.is_ok(),
                    None => false,
                };
                flag.store(sent, std::sync::atomic::Ordering::Relaxed);
                if !sent {
                    connection = None;
                }
            }
        });
        let incoming = local.clone();
        tokio::spawn(async move {
            loop {
                if let Ok(mut subscription) = client.get_async_pubsub().await
                    && subscription.subscribe(CHANNEL).await.is_ok()
                {
                    let mut messages = subscription.on_message();
                    while let Some(message) = messages.next().await {
                        if let Ok(newest) = message.get_payload::<i64>() {
                            incoming.announce(newest);
                        }
                    }
                }
                tracing::warn!("the Redis subscription ended; trying again");
                tokio::time::sleep(RETRY).await;
            }
        });
        Ok(Self { local, outgoing, up })
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
        self.up.load(std::sync::atomic::Ordering::Relaxed)
    }
}
