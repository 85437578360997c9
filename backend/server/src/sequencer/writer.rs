//! What the one writer does: it decides commands as they come, and writes what is decided in one
//! transaction while it decides the next ones. On SQLite those before may still be on their way to the disk then.
//!
//! Nothing is acknowledged before it is durable, and nothing is shown: a query waits until all that
//! was decided before it is durable. A failed COMMIT ends the writer and with it the process, and what was
//! decided on top of it is lost with it, unanswered: what is stored is then not known, and only a restart
//! finds out.
use super::answers::{render, stored_outcome, stored_reply};
use super::{Answer, EVENTS_A_COMMAND, Idempotency, Message, Outcome, Parts, Query, Submission};
use headroom_market::apply::apply;
use headroom_market::audit;
use headroom_market::command::{Command, Envelope, Reply};
use headroom_market::event::Event;
use headroom_market::notice::{ACCEPTED, Notice, accepted_documents, journal_text, notices};
use headroom_market::state::State;
use headroom_store::journal::{JournalRow, RULE_VERSION, idempotency_key};
use headroom_store::load::Head;
use headroom_store::lookups::{Known, accepted};
use headroom_store::reference;
use headroom_store::write::{Batch, OutboxRow};
use headroom_store::{StoreError, UnderWay};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};

pub(super) struct Writer {
    parts: Parts,
    queue: mpsc::Receiver<Message>,
    many_wait: Arc<Notify>,
    seeds: u64,
    decided: Decided,
    /// Transactions that are not durable, oldest first.
    under_way: VecDeque<Committing>,
    /// The last of them, until it is written and the next one may be.
    writing: Option<oneshot::Receiver<()>>,
    /// They wait for all that is decided.
    queries: Vec<Query>,
}

/// So many decided commands are a transaction, whoever else waits: those are decided while it is written.
const ENOUGH: usize = 8;

/// Transactions that are not durable, at most: one that is being written, and those before it, which one flush takes
/// together. Where a flush takes a millisecond, two would leave the writer waiting for the disk.
const MOST_UNDER_WAY: usize = 8;

/// Events of a command that orders are referred to: longer ones, of the forecasts of all workloads or of a round, accept
/// hundreds at once, and each would have all of them read.
const MOST_REFERRED_BYTES: usize = 8 << 10;

/// Commands that the next transaction will hold.
#[derive(Default)]
struct Decided {
    batch: Batch,
    stream: Stream,
    waiting: Vec<Waiting>,
    named: Named,
}

/// What is on its way to the disk.
struct Committing {
    durable: oneshot::Receiver<Result<(), StoreError>>,
    newest_event: Option<i64>,
    waiting: Vec<Waiting>,
    named: Named,
}

/// What clients may name again before the database knows it.
#[derive(Default)]
struct Named {
    /// Hash of the request and answer by idempotency key: a duplicate gets the first one's.
    requests: BTreeMap<String, (String, Outcome)>,
    /// Orders by their client id with its owner.
    orders: BTreeMap<String, String>,
}

/// An answer that waits for the COMMIT.
struct Waiting {
    answer: oneshot::Sender<Answer>,
    outcome: Outcome,
    replayed: bool,
}

impl Writer {
    pub(super) fn new(parts: Parts, queue: mpsc::Receiver<Message>, many_wait: Arc<Notify>) -> Self {
        let (decided, queries) = (Decided::default(), Vec::new());
        Writer { parts, queue, many_wait, seeds: 0, decided, under_way: VecDeque::new(), writing: None, queries }
    }

    /// Until every handle is dropped and all that was sent is durable.
    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        loop {
            if self.may_write() {
                // The disk waits for nobody where there is enough for it; and a query goes before what came after it.
                if self.decided.waiting.len() < ENOUGH && self.queries.is_empty() {
                    let waiting = self.collect(None);
                    self.decide(waiting).await?;
                }
                self.begin_commit();
                if !self.under_way.is_empty() && self.queries.is_empty() {
                    // On PostgreSQL it begins when this task lets go of its thread.
                    tokio::task::yield_now().await;
                    let waiting = self.collect(None);
                    self.decide(waiting).await?;
                }
            }
            if !self.under_way.is_empty() {
                let takes_more = self.queries.is_empty() && self.room() > 0;
                tokio::select! {
                    biased;
                    ended = durable(&mut self.under_way) => {
                        ended?;
                        self.answer_committed();
                    }
                    written = written(&mut self.writing) => {
                        self.writing = None;
                        if !written {
                            return self.failed().await;
                        }
                    }
                    () = self.many_wait.notified(), if takes_more => {
                        let waiting = self.collect(None);
                        self.decide(waiting).await?;
                    }
                }
            } else if !self.queries.is_empty() {
                self.queries.drain(..).for_each(|query| query(&self.parts.state));
            } else {
                let Some(first) = self.queue.recv().await else { return Ok(()) };
                let waiting = self.collect(Some(first));
                self.decide(waiting).await?;
            }
        }
    }

    /// Whether a transaction may begin: none is being written, and where one is on its way to the disk there is enough
    /// for another.
    fn may_write(&self) -> bool {
        let enough =
            self.under_way.len() < self.most_under_way() && self.decided.waiting.len() + self.queue.len() >= ENOUGH;
        self.writing.is_none() && (self.under_way.is_empty() || enough)
    }

    /// Whoever commits each command by itself waits for each.
    fn most_under_way(&self) -> usize {
        MOST_UNDER_WAY.min(self.parts.max_batch)
    }

    /// The error of what could not be written.
    async fn failed(&mut self) -> Result<(), StoreError> {
        match self.under_way.back_mut() {
            Some(last) => ended(&mut last.durable).await.and(Err(StoreError::WriterEnded)),
            None => Err(StoreError::WriterEnded),
        }
    }

    /// How many more commands the next transaction takes.
    fn room(&self) -> usize {
        self.parts.max_batch.saturating_sub(self.decided.waiting.len())
    }

    /// What waits, as much as there is room for.
    #[expect(clippy::vec_box, reason = "they come boxed from the channel; unpacking would copy each once more")]
    fn collect(&mut self, mut first: Option<Message>) -> Vec<Box<Submission>> {
        let room = self.room();
        let mut submissions = Vec::new();
        while submissions.len() < room {
            match first.take().or_else(|| self.queue.try_recv().ok()) {
                Some(Message::Submit(submission)) => submissions.push(submission),
                Some(Message::Query(query)) => self.queries.push(query),
                None => break,
            }
        }
        submissions
    }

    #[expect(clippy::vec_box, reason = "they come boxed from the channel; unpacking would copy each once more")]
    async fn decide(&mut self, submissions: Vec<Box<Submission>>) -> Result<(), StoreError> {
        if submissions.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = submissions.iter().filter_map(|s| s.idempotency.as_ref().map(key_of)).collect();
        let client_keys: Vec<String> = submissions.iter().filter_map(|s| s.attached.client_key.clone()).collect();
        let known = self.parts.store.known(keys, client_keys).await?;
        let now = self.parts.clock.now();
        for (place, submission) in submissions.into_iter().enumerate() {
            let Submission { mut command, actor, idempotency, attached, answer } = *submission;
            let key = idempotency.as_ref().map(key_of);
            if let (Some(key), Some(request)) = (&key, &idempotency)
                && let Some((request_hash, outcome)) = self.earlier_answer(&known, key)
            {
                let replayed = request_hash == request.request_hash;
                let outcome = if replayed { outcome } else { Outcome::KeyReused };
                self.decided.waiting.push(Waiting { answer, outcome, replayed });
                continue;
            }
            if let Some(client_key) = &attached.client_key {
                set_client_order(&mut command, self.client_order(&known, client_key));
            }
            let sequence = self.parts.head.sequence + 1;
            // In a tie the earlier order comes first: two of a batch are not of one moment.
            let now = now.plus_micros(i64::try_from(place).unwrap_or(0));
            let envelope = Envelope { now, seed: self.next_seed(), command };
            let before = audit::before(&envelope.command, &self.parts.state);
            let (events, reply) = apply(&mut self.parts.state, &envelope);
            if let Reply::Refused(refusal) = &reply
                && !events.is_empty()
            {
                let events = events.len();
                tracing::error!(
                    sequence,
                    code = refusal.code,
                    events,
                    "refused after something was decided: report this"
                );
            }
            let told = notices(&events, &self.parts.state);
            let outcome = render(&reply, &self.parts.state, &told, &events);
            // A refusal is no answer for ever: once its cause is gone, the same key may do what was asked.
            let nothing_happened = events.is_empty() && (key.is_none() || matches!(reply, Reply::Refused(_)));
            if !nothing_happened {
                self.parts.head.sequence = sequence;
                let text = journal_text(&events, &told);
                // Nobody has to read more than a page of the journal for one order.
                let refers = text.len() <= MOST_REFERRED_BYTES;
                let row =
                    self.journal_row(sequence, &envelope, text, &reply, &actor, key.clone(), &idempotency, &outcome);
                self.parts.head.chain_hash = row.chain_hash.clone();
                let decided = &mut self.decided;
                if !events.is_empty() {
                    let changed = audit::event(sequence as u64, &envelope, &actor, &reply, before, &self.parts.state);
                    decided.batch.audit.extend(changed);
                }
                decided.batch.journal.push(row);
                for order in events.iter().filter_map(accepted) {
                    decided.named.orders.extend(order.client_key.clone().map(|key| (key, order.order.clone())));
                    decided.batch.accepted.push(order);
                }
                let reference = refers.then(|| reference::to(sequence));
                remember(&mut self.parts.state, events, &told, reference.as_deref());
                decided.stream.add(&mut self.parts.head, told, reference.as_deref(), now.micros());
                decided.batch.archive.extend(attached.archive);
                decided.batch.modules.extend(attached.module);
            }
            if !nothing_happened && let (Some(key), Some(request)) = (key, idempotency) {
                self.decided.named.requests.insert(key, (request.request_hash, outcome.clone()));
            }
            self.decided.waiting.push(Waiting { answer, outcome, replayed: false });
        }
        Ok(())
    }

    /// The hash of an earlier request with the same key, and its answer.
    fn earlier_answer(&self, known: &Known, key: &str) -> Option<(String, Outcome)> {
        let here = self.not_known_yet().find_map(|named| named.requests.get(key)).cloned();
        let stored = || known.replied.get(key).map(|r| (r.request_hash.clone(), stored_outcome(&r.reply, &r.events)));
        here.or_else(stored)
    }

    fn client_order<'a>(&'a self, known: &'a Known, client_key: &str) -> Option<&'a str> {
        let here = self.not_known_yet().find_map(|named| named.orders.get(client_key));
        here.or_else(|| known.orders.get(client_key)).map(String::as_str)
    }

    /// What a lookup in the database could miss, newest first.
    fn not_known_yet(&self) -> impl Iterator<Item = &Named> {
        std::iter::once(&self.decided.named).chain(self.under_way.iter().rev().map(|c| &c.named))
    }

    /// Sends what is decided to the disk, or answers it at once where it changed nothing.
    fn begin_commit(&mut self) {
        let Decided { mut batch, stream, waiting, named } = std::mem::take(&mut self.decided);
        if batch.journal.is_empty() {
            match self.under_way.back_mut() {
                // Answers rest on what was decided before them.
                Some(last) => last.waiting.extend(waiting),
                None => waiting.into_iter().for_each(Waiting::send),
            }
            return;
        }
        batch.changes.push(self.parts.state.take_changes());
        batch.outbox = stream.rows.into_iter().flatten().collect();
        let newest_event = batch.outbox.last().map(|row| row.id);
        let UnderWay { written, durable } = self.parts.store.begin(batch, self.most_under_way() > 1);
        self.writing = Some(written);
        self.under_way.push_back(Committing { durable, newest_event, waiting, named });
    }

    fn answer_committed(&mut self) {
        let Some(Committing { newest_event, waiting, .. }) = self.under_way.pop_front() else { return };
        if self.under_way.is_empty() {
            self.writing = None;
        }
        waiting.into_iter().for_each(Waiting::send);
        if let Some(newest) = newest_event {
            self.parts.bus.announce(newest);
        }
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
        outcome: &Outcome,
    ) -> JournalRow {
        let mut row = JournalRow {
            sequence,
            recorded_at: envelope.now.micros(),
            actor: actor.to_owned(),
            idempotency: key,
            request_hash: idempotency.as_ref().map(|i| i.request_hash.clone()),
            command: serde_json::to_string(envelope).expect("a command holds nothing that JSON can't"),
            events,
            reply: stored_reply(reply, outcome),
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

impl Waiting {
    fn send(self) {
        // Whoever asked may have gone away; the command stands all the same.
        let _gone = self.answer.send(Answer { outcome: self.outcome, replayed: self.replayed });
    }
}

/// The end of the oldest that is on its way to the disk; never, where nothing is.
async fn durable(under_way: &mut VecDeque<Committing>) -> Result<(), StoreError> {
    match under_way.front_mut() {
        Some(committing) => ended(&mut committing.durable).await,
        None => std::future::pending().await,
    }
}

/// Whether what was being written is; never, where nothing is.
async fn written(writing: &mut Option<oneshot::Receiver<()>>) -> bool {
    match writing {
        Some(writing) => writing.await.is_ok(),
        None => std::future::pending().await,
    }
}

async fn ended(durable: &mut oneshot::Receiver<Result<(), StoreError>>) -> Result<(), StoreError> {
    // A panic of the thread has been reported when it happened.
    durable.await.unwrap_or(Err(StoreError::WriterEnded))
}

fn key_of(idempotency: &Idempotency) -> String {
    idempotency_key(&idempotency.participant, &idempotency.key)
}

fn set_client_order(command: &mut Command, known: Option<&str>) {
    let known = known.and_then(|id| id.parse().ok());
    match command {
        Command::PlaceOrder { client_order, .. } | Command::ReplaceOrder { client_order, .. } => *client_order = known,
        _ => {}
    }
}

/// Keeps which orders were accepted: as long as nothing has changed their rows refer to the journal, or have the same JSON.
fn remember(state: &mut State, events: Vec<Event>, told: &[Notice], reference: Option<&str>) {
    let orders = events.into_iter().filter_map(|event| match event {
        Event::OrderAccepted(order) => Some(order),
        _ => None,
    });
    let pairs = orders.zip(accepted_documents(told)).filter(|(order, (id, _))| order.id.to_string() == *id);
    let kept = pairs.map(|(order, (_, document))| (order.id, (order, reference.unwrap_or(document).to_owned())));
    state.changes.accepted.extend(kept);
}

/// Events of the stream that go with one transaction. A balance that changes often in it is told once, with its last
/// value.
#[derive(Default)]
struct Stream {
    /// In the order of their ids; `None` where a later one has taken the place.
    rows: Vec<Option<OutboxRow>>,
    /// Where the row of a participant's balance is.
    balances: HashMap<String, usize>,
}

impl Stream {
    fn add(&mut self, head: &mut Head, notices: Vec<Notice>, reference: Option<&str>, now: i64) {
        for notice in notices {
            if notice.kind == "balance.changed" {
                let earlier = self.balances.insert(notice.object.clone(), self.rows.len());
                if let Some(row) = earlier.and_then(|place| self.rows.get_mut(place)) {
                    *row = None;
                }
            }
            head.event = (head.sequence * EVENTS_A_COMMAND).max(head.event + 1);
            self.rows.push(Some(OutboxRow {
                id: head.event,
                kind: notice.kind,
                participant: notice.participant.map(|p| p.to_string()),
                object: notice.object,
                // The journal has it, word for word.
                data: reference.filter(|_| notice.kind == ACCEPTED).map_or(notice.data, str::to_owned),
                created_at: now,
            }));
        }
    }
}
