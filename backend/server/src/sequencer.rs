//! The one writer of the market: drains what is waiting, decides, commits once, replies.
//!
//! Nothing is acknowledged before COMMIT has returned. A failed COMMIT ends the sequencer and
//! with it the process: what is stored is then not known, and only a restart finds out.
use crate::clock::Clock;
use headroom_market::apply::apply;
use headroom_market::clearing::Book;
use headroom_market::command::{Command, Envelope, Refusal, RefusalKind, Reply};
use headroom_market::event::Event;
use headroom_market::notice::{Notice, accepted_documents, journal_text, notices};
use headroom_market::project;
use headroom_market::record::Record;
use headroom_market::state::State;
use headroom_store::bus::Bus;
use headroom_store::journal::{JournalRow, RULE_VERSION, idempotency_key};
use headroom_store::load::Head;
use headroom_store::lookups::accepted;
use headroom_store::write::{ArchivedRound, Batch, OutboxRow};
use headroom_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait; beyond it the answer is 503 with Retry-After.
pub const CHANNEL_LENGTH: usize = 8192;
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
}

/// A handle to the sequencer; cheap to clone.
#[derive(Clone)]
pub struct Sequencer {
    messages: mpsc::Sender<Message>,
}

impl Sequencer {
    /// Starts the sequencer on a loaded state. The task ends when every handle is dropped, or
    /// with the error that a COMMIT gave.
    pub fn start(parts: Parts) -> (Sequencer, tokio::task::JoinHandle<Result<(), StoreError>>) {
        let (messages, queue) = mpsc::channel(CHANNEL_LENGTH);
        let task = tokio::spawn(Writer { parts, queue, seeds: 0 }.run());
        (Sequencer { messages }, task)
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
        receive.await.map_err(|_| Busy::Stopped)
    }

    /// Submits a command of the exchange itself: waits for room instead of refusing.
    pub async fn internal(&self, command: Command, attached: Attached) -> Result<Outcome, Busy> {
        let (answer, receive) = oneshot::channel();
        let submission =
            Box::new(Submission { command, actor: "exchange".to_owned(), idempotency: None, attached, answer });
        self.messages.send(Message::Submit(submission)).await.map_err(|_| Busy::Stopped)?;
        receive.await.map(|a| a.outcome).map_err(|_| Busy::Stopped)
    }

    /// Reads the committed state between two batches. Keep it short: the writer waits.
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

struct Writer {
    parts: Parts,
    queue: mpsc::Receiver<Message>,
    seeds: u64,
}

/// An answer that waits for the COMMIT.
struct Waiting {
    answer: oneshot::Sender<Answer>,
    outcome: Outcome,
    replayed: bool,
}

impl Writer {
    async fn run(mut self) -> Result<(), StoreError> {
        while let Some(first) = self.queue.recv().await {
            let mut submissions = Vec::new();
            let mut queries = Vec::new();
            let mut sort = |message| match message {
                Message::Submit(submission) => submissions.push(submission),
                Message::Query(query) => queries.push(query),
            };
            sort(first);
            let mut taken = 1;
            while taken < self.parts.max_batch
                && let Ok(message) = self.queue.try_recv()
            {
                sort(message);
                taken += 1;
            }
            if !submissions.is_empty() {
                self.batch(submissions).await?;
            }
            for query in queries {
                query(&self.parts.state);
            }
        }
        Ok(())
    }

    #[expect(clippy::vec_box, reason = "they come boxed from the channel; unpacking would copy each once more")]
    async fn batch(&mut self, submissions: Vec<Box<Submission>>) -> Result<(), StoreError> {
        let key_of = |i: &Idempotency| idempotency_key(&i.participant, &i.key);
        let keys: Vec<String> = submissions.iter().filter_map(|s| s.idempotency.as_ref().map(key_of)).collect();
        let named: Vec<String> = submissions.iter().filter_map(|s| s.attached.client_key.clone()).collect();
        let known = self.parts.store.known(keys, named).await?;
        let now = self.parts.clock.now();
        let mut batch = Batch::default();
        let mut waiting: Vec<Waiting> = Vec::with_capacity(submissions.len());
        // Answers of this batch by idempotency key: a duplicate gets the first one's.
        let mut answered: BTreeMap<String, (String, Outcome)> = BTreeMap::new();
        let mut client_keys: BTreeMap<String, String> = BTreeMap::new();
        let mut stream: Vec<OutboxRow> = Vec::new();
        for submission in submissions {
            let Submission { mut command, actor, idempotency, attached, answer } = *submission;
            let key = idempotency.as_ref().map(key_of);
            if let (Some(key), Some(request)) = (&key, &idempotency) {
                let stored =
                    known.replied.get(key).map(|r| (r.request_hash.clone(), stored_outcome(&r.reply, &r.events)));
                if let Some((request_hash, outcome)) = stored.or_else(|| answered.get(key).cloned()) {
                    let same = request_hash == request.request_hash;
                    let outcome = if same { outcome } else { Outcome::KeyReused };
                    waiting.push(Waiting { answer, outcome, replayed: same });
                    continue;
                }
            }
            if let Some(named) = &attached.client_key {
                let order = client_keys.get(named).or_else(|| known.orders.get(named)).cloned();
                set_client_order(&mut command, order.as_deref());
            }
            let sequence = self.parts.head.sequence + 1;
            let envelope = Envelope { now, seed: self.next_seed(), command };
            let (events, reply) = apply(&mut self.parts.state, &envelope);
            let told = notices(&events, &self.parts.state);
            let outcome = render(&reply, &self.parts.state, &told, &events);
            let nothing_happened = events.is_empty() && key.is_none();
            if !nothing_happened {
                self.parts.head.sequence = sequence;
                let row = self.journal_row(
                    sequence,
                    &envelope,
                    journal_text(&events, &told),
                    &reply,
                    &actor,
                    key.clone(),
                    &idempotency,
                );
                self.parts.head.chain_hash = row.chain_hash.clone();
                batch.journal.push(row);
                for order in events.iter().filter_map(accepted) {
                    client_keys.extend(order.client_key.clone().map(|key| (key, order.order.clone())));
                    batch.accepted.push(order);
                }
                remember(&mut self.parts.state, events, &told);
                collect_stream(&mut stream, &mut self.parts.head, told, now.micros());
                batch.archive.extend(attached.archive);
                batch.modules.extend(attached.module);
            }
            if let (Some(key), Some(request)) = (key, idempotency) {
                answered.insert(key, (request.request_hash, outcome.clone()));
            }
            waiting.push(Waiting { answer, outcome, replayed: false });
        }
        let newest = stream.last().map(|row| row.id);
        if !batch.journal.is_empty() {
            batch.changes.push(self.parts.state.take_changes());
            batch.outbox = stream;
            self.parts.store.commit(batch).await?;
        }
        for Waiting { answer, outcome, replayed } in waiting {
            // Whoever asked may have gone away; the command stands all the same.
            let _gone = answer.send(Answer { outcome, replayed });
        }
        if let Some(newest) = newest {
            self.parts.bus.announce(newest);
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one private constructor of one row")]
    fn journal_row(
        &self,
        sequence: i64,
        envelope: &Envelope,
        events: String,
        reply: &Reply,
        actor: &str,
        key: Option<String>,
        idempotency: &Option<Idempotency>,
    ) -> JournalRow {
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        let mut row = JournalRow {
            sequence,
            recorded_at: envelope.now.micros(),
            actor: actor.to_owned(),
            idempotency: key,
            request_hash: idempotency.as_ref().map(|i| i.request_hash.clone()),
            command: json(serde_json::to_string(envelope)),
            events,
            reply: stored_reply(reply),
            rule_version: RULE_VERSION,
            chain_hash: String::new(),
        };
        row.chain_hash = row.chained(&self.parts.head.chain_hash);
        row
    }

    fn next_seed(&mut self) -> u64 {
        self.seeds += 1;
        let mut input = [0u8; 24];
        input[..8].copy_from_slice(&self.parts.process_seed.to_le_bytes());
        input[8..16].copy_from_slice(&self.seeds.to_le_bytes());
        input[16..].copy_from_slice(&self.parts.head.sequence.to_le_bytes());
        let mut seed = [0u8; 8];
        seed.copy_from_slice(&blake3::hash(&input).as_bytes()[..8]);
        u64::from_le_bytes(seed)
    }
}

fn set_client_order(command: &mut Command, known: Option<&str>) {
    let known = known.and_then(|id| id.parse().ok());
    match command {
        Command::PlaceOrder { client_order, .. } | Command::ReplaceOrder { client_order, .. } => *client_order = known,
        _ => {}
    }
}

/// Keeps the JSON of orders that were accepted for their rows.
fn remember(state: &mut State, events: Vec<Event>, told: &[Notice]) {
    let orders = events.into_iter().filter_map(|event| match event {
        Event::OrderAccepted(order) => Some(order),
        _ => None,
    });
    let pairs = orders.zip(accepted_documents(told)).filter(|(order, (id, _))| order.id.to_string() == *id);
    let kept = pairs.map(|(order, (_, document))| (order.id, (order, document.to_owned())));
    state.changes.accepted.extend(kept);
}

/// A balance that changes often in one batch is told once, with its last value.
fn collect_stream(stream: &mut Vec<OutboxRow>, head: &mut Head, notices: Vec<Notice>, now: i64) {
    for notice in notices {
        if notice.kind == "balance.changed" {
            stream.retain(|row| row.kind != notice.kind || row.object != notice.object);
        }
        head.event = (head.sequence * EVENTS_A_COMMAND).max(head.event + 1);
        stream.push(OutboxRow {
            id: head.event,
            kind: notice.kind,
            participant: notice.participant.map(|p| p.to_string()),
            object: notice.object,
            data: notice.data,
            created_at: now,
        });
    }
}

/// The object that a reply names, as JSON, in the state after the command.
fn render(reply: &Reply, state: &State, told: &[Notice], events: &[Event]) -> Outcome {
    fn object<R: Record>(record: Option<&R>) -> Outcome {
        record.map_or(Outcome::Done, |r| Outcome::Object(r.document().into()))
    }
    match reply {
        Reply::Done => Outcome::Done,
        Reply::Nothing => Outcome::Nothing,
        Reply::Refused(refusal) => Outcome::Refused(refusal.clone()),
        Reply::Sealed { round, book } => Outcome::Sealed { round: *round, book: book.clone() },
        Reply::Canceled(count) => Outcome::Object(format!("{{\"canceled\":{count}}}").into()),
        Reply::Participant(id) => object(state.participants.get(id)),
        Reply::User(id) => object(state.users.get(id)),
        Reply::Key(id) => object(state.keys.get(id)),
        Reply::Pool(slug) => object(state.pools.get(slug)),
        Reply::Node(id) => object(state.nodes.get(id)),
        Reply::ReservePrice(id) => object(state.reserve_prices.get(id)),
        Reply::Module(id) => object(state.modules.get(id)),
        Reply::Instance(id) => object(state.instances.get(id)),
        Reply::Hint(id) => object(state.hints.get(id)),
        Reply::Profile(id) => object(state.profiles.get(id)),
        Reply::Project(id) => project_document(state, id, told),
        Reply::Swap(id) => object(state.swaps.get(id)),
        Reply::Order(id) => Outcome::Object(order_document(state, id, told)),
        Reply::Orders(_) => events.iter().find_map(applied).map_or(Outcome::Done, |d| Outcome::Object(d.into())),
        Reply::PendingOrder(id) => Outcome::Pending(order_document(state, id, told)),
    }
}

/// A recommendation as it was when its orders were placed, with their ids.
fn applied(event: &Event) -> Option<String> {
    let Event::RecommendationApplied { orders, advice, .. } = event else { return None };
    let mut document: serde_json::Value = serde_json::from_str(advice).ok()?;
    document["placed"] = serde_json::json!(orders);
    Some(document.to_string())
}

/// An order as the stream was just told, as it is now, or as it was when it ended in this batch.
fn order_document(state: &State, id: &headroom_market::ids::OrderId, told: &[Notice]) -> Arc<str> {
    let text = id.to_string();
    if let Some(notice) = told.iter().rfind(|notice| notice.object == text) {
        return notice.data.as_str().into();
    }
    if let Some(order) = state.orders.get(id) {
        return order.document().into();
    }
    let key = headroom_market::record::RowKey { table: headroom_market::record::Table::Orders, id: text };
    let row = state.changes.touched.get(&key).and_then(|row| row.as_ref());
    row.map(|row| row.document.as_str()).unwrap_or_default().into()
}

/// A project as the stream was just told, or, where nothing has changed, as it is.
fn project_document(state: &State, id: &headroom_market::ids::ProjectId, told: &[Notice]) -> Outcome {
    let text = id.to_string();
    if let Some(notice) = told.iter().rfind(|notice| notice.object == text) {
        return Outcome::Object(notice.data.as_str().into());
    }
    let views = project::views(state, state.projects.get(id).cloned().into_iter().collect());
    let document = views.first().and_then(|view| serde_json::to_string(view).ok());
    document.map_or(Outcome::Done, |document| Outcome::Object(document.into()))
}

/// What the journal keeps of a reply: enough to give it again.
fn stored_reply(reply: &Reply) -> String {
    let value = match reply {
        Reply::Refused(r) => serde_json::json!({
            "refused": r.code, "kind": format!("{:?}", r.kind), "pointer": r.pointer, "detail": r.detail,
        }),
        Reply::Order(id) | Reply::PendingOrder(id) => serde_json::json!({ "order": id }),
        Reply::Orders(ids) => serde_json::json!({ "orders": ids }),
        Reply::Participant(id) => serde_json::json!({ "participant": id }),
        Reply::Instance(id) => serde_json::json!({ "instance": id }),
        Reply::ReservePrice(id) => serde_json::json!({ "reserve_price": id }),
        Reply::Sealed { round, .. } => serde_json::json!({ "round": round }),
        _ => serde_json::json!({ "done": true }),
    };
    value.to_string()
}

/// The answer to an earlier request, from its journal row.
fn stored_outcome(reply: &str, events: &str) -> Outcome {
    let value: serde_json::Value = serde_json::from_str(reply).unwrap_or_default();
    if let Some(code) = value["refused"].as_str() {
        let kind = match value["kind"].as_str() {
            Some("NotFound") => RefusalKind::NotFound,
            Some("Conflict") => RefusalKind::Conflict,
            Some("StaleVersion") => RefusalKind::StaleVersion,
            Some("Payment") => RefusalKind::Payment,
            _ => RefusalKind::Invalid,
        };
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        // Codes are few and live as long as the process: one leak each.
        let code: &'static str = known_code(code);
        return Outcome::Refused(Refusal { kind, code, pointer: text("pointer"), detail: text("detail") });
    }
    let events: Vec<Event> = serde_json::from_str(events).unwrap_or_default();
    for event in events.iter().rev() {
        let document = match event {
            Event::RecommendationApplied { .. } => applied(event).unwrap_or_default(),
            Event::OrderAccepted(order) => order.document(),
            Event::InstanceChanged(instance) => instance.document(),
            Event::ReserveScheduled(reserve) | Event::ReserveDecided(reserve) => reserve.document(),
            Event::ParticipantChanged(participant) => participant.document(),
            Event::HintChanged(hint) => hint.document(),
            Event::ProfileChanged(profile) => profile.document(),
            Event::ModuleRegistered(module) => module.document(),
            _ => continue,
        };
        return Outcome::Object(document.into());
    }
    Outcome::Done
}

fn known_code(code: &str) -> &'static str {
    use std::sync::Mutex;
    static CODES: Mutex<BTreeMap<String, &'static str>> = Mutex::new(BTreeMap::new());
    let mut codes = CODES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    codes.entry(code.to_owned()).or_insert_with(|| code.to_owned().leak())
}
