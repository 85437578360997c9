//! The one writer of the market, as everybody else sees it: commands go in, answers come out once what
//! they did is durable.
mod answers;
mod writer;

use crate::clock::Clock;
use headroom_market::clearing::document::Book;
use headroom_market::command::Command;
use headroom_market::refusal::Refusal;
use headroom_market::state::State;
use headroom_store::bus::Bus;
use headroom_store::load::Head;
use headroom_store::write::ArchivedRound;
use headroom_store::{Store, StoreError};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};
use writer::Writer;

/// Commands that may wait; beyond it the answer is 503 with Retry-After.
pub const CHANNEL_LENGTH: usize = 8192;
/// So many waiting commands are worth waking the writer for while it commits; fewer wait for the end of it.
const WORTH_WAKING: usize = 8;
/// Commands in one transaction.
pub const MOST_IN_A_BATCH: usize = 1024;
/// The first event of a command has at least the id sequence × this. A command with more
/// events pushes the ids of the next ones up; they only ever rise.
pub const EVENTS_A_COMMAND: i64 = 1000;

/// What makes a resent request the same request.
#[derive(Clone, Debug)]
pub struct Idempotency {
    pub participant: String,
    pub key: String,
    /// Hash of method, path and body.
    pub request_hash: String,
}

/// Side effects of a command that belong into its transaction.
#[derive(Debug, Default)]
pub struct Attached {
    pub archive: Option<ArchivedRound>,
    pub module: Option<(String, Vec<u8>)>,
    /// The participant's client id with its owner, for orders that have one.
    pub client_key: Option<String>,
}

struct Submission {
    command: Command,
    actor: String,
    idempotency: Option<Idempotency>,
    attached: Attached,
    answer: oneshot::Sender<Answer>,
}

/// What a command came to, after it was made durable.
#[derive(Clone, Debug)]
pub struct Answer {
    pub outcome: Outcome,
    /// The stored answer to an earlier, equal request.
    pub replayed: bool,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    /// The object that was made or changed, as JSON.
    Object(Arc<str>),
    /// Accepted, waiting for the sealed round.
    Pending(Arc<str>),
    Done,
    Nothing,
    Sealed {
        round: u64,
        book: Arc<Book>,
    },
    Refused(Refusal),
    /// The idempotency key was used for another request.
    KeyReused,
}

type Query = Box<dyn FnOnce(&State) + Send>;

enum Message {
    Submit(Box<Submission>),
    Query(Query),
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    #[error("too many commands are waiting")]
    Full,
    #[error("the server is stopping")]
    Stopped,
    /// It was taken, and the writer ended before it could say whether it is stored.
    #[error("the server stopped before it was known whether this was done")]
    Unknown,
}

/// A handle to the sequencer; cheap to clone.
#[derive(Clone)]
pub struct Sequencer {
    messages: mpsc::Sender<Message>,
    many_wait: Arc<Notify>,
}

impl Sequencer {
    /// Starts the sequencer on a loaded state. The task ends when every handle is dropped, or
    /// with the error that a COMMIT gave.
    pub fn start(parts: Parts) -> (Sequencer, tokio::task::JoinHandle<Result<(), StoreError>>) {
        let (messages, queue) = mpsc::channel(CHANNEL_LENGTH);
        let many_wait = Arc::new(Notify::new());
        let task = tokio::spawn(Writer::new(parts, queue, many_wait.clone()).run());
        (Sequencer { messages, many_wait }, task)
    }

    /// Submits a command for a user; refuses at once when too many are waiting.
    pub async fn submit(
        &self,
        actor: &str,
        command: Command,
        idempotency: Option<Idempotency>,
        attached: Attached,
    ) -> Result<Answer, Busy> {
        let (answer, receive) = oneshot::channel();
        let submission = Box::new(Submission { command, actor: actor.to_owned(), idempotency, attached, answer });
        self.messages.try_send(Message::Submit(submission)).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Busy::Full,
            mpsc::error::TrySendError::Closed(_) => Busy::Stopped,
        })?;
        if self.messages.max_capacity() - self.messages.capacity() >= WORTH_WAKING {
            self.many_wait.notify_one();
        }
        receive.await.map_err(|_| Busy::Unknown)
    }

    /// Submits a command of the exchange itself: waits for room instead of refusing.
    pub async fn internal(&self, command: Command, attached: Attached) -> Result<Outcome, Busy> {
        let (answer, receive) = oneshot::channel();
        let submission =
            Box::new(Submission { command, actor: "exchange".to_owned(), idempotency: None, attached, answer });
        self.messages.send(Message::Submit(submission)).await.map_err(|_| Busy::Stopped)?;
        receive.await.map(|a| a.outcome).map_err(|_| Busy::Unknown)
    }

    /// Reads the state when all that was decided before is durable. Keep it short: the writer waits.
    pub async fn query<T: Send + 'static>(&self, read: impl FnOnce(&State) -> T + Send + 'static) -> Result<T, Busy> {
        let (answer, receive) = oneshot::channel();
        let query: Query = Box::new(move |state| {
            let _gone = answer.send(read(state));
        });
        self.messages.send(Message::Query(query)).await.map_err(|_| Busy::Stopped)?;
        receive.await.map_err(|_| Busy::Stopped)
    }
}

/// What the writer needs.
pub struct Parts {
    pub store: Arc<Store>,
    pub state: State,
    pub head: Head,
    pub clock: Arc<dyn Clock>,
    pub bus: Arc<dyn Bus>,
    /// Where the seeds of commands come from: chance in production, fixed in simulations.
    pub process_seed: u64,
    /// 1 for the naive comparison of the load test.
    pub max_batch: usize,
}
