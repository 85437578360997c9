//! A shadow run: requests wait in a bounded queue, go to the copy, and the answers are compared.
//!
//! Invariant: a request is put into the queue once the original has answered it to the end. So a client never waits, and
//! what the original did not answer is not asked of the copy.
mod allow;
mod compare;
mod decimal;
mod decode;
mod json;
pub(crate) mod latency;
pub(crate) mod probe;
mod report;
mod rules;

pub use compare::Differs;
pub use latency::Percentiles;
pub use report::{Difference, NotMirrored, Report, Verdict};
pub use rules::{BodyRule, RuleFault, Rules};

use crate::backend::Backend;
use crate::body::{Copied, RequestBody};
use crate::lock;
use crate::options::{Options, Protocol};
use compare::{Answer, Found, compare, shorten};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request, Response, Uri};
use report::{Compared, Named, Reason, Record};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

/// Bodies from this size on are compared on a thread that no client waits for.
const LARGE_BYTES: usize = 16 << 10;

pub(crate) struct Shadow {
    copy: Arc<Backend>,
    rules: Arc<Rules>,
    queue: mpsc::Sender<Job>,
    /// Bytes of bodies that may wait.
    room: Arc<Semaphore>,
    max_request_bytes: usize,
    max_answer_bytes: usize,
    record: Arc<Mutex<Record>>,
    waiting: Arc<AtomicU64>,
    has_ended: AtomicBool,
    worker: Mutex<Option<AbortHandle>>,
}

/// A request that is mirrored, while the original answers it.
pub(crate) struct Mirror {
    shadow: Arc<Shadow>,
    named: Named,
    request: Request<()>,
    request_body: Option<Arc<Mutex<Copied>>>,
    head: Option<(u16, HeaderMap)>,
    pub(crate) answer: Copied,
    is_counted: bool,
}

/// A request that waits for the copy.
struct Job {
    named: Named,
    request: Request<RequestBody>,
    original: Answer,
    original_micros: u64,
    waits: Waits,
}

/// A place in the queue, with its bytes.
struct Waits {
    waiting: Arc<AtomicU64>,
    _room: OwnedSemaphorePermit,
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shadow {
    pub(crate) fn start(runtime: &Handle, copy: Arc<Backend>, rules: Rules, options: &Options) -> Arc<Self> {
        let (queue, jobs) = mpsc::channel(options.queue_requests.max(1));
        let shadow = Arc::new(Self {
            copy: copy.clone(),
            rules: Arc::new(rules),
            queue,
            room: Arc::new(Semaphore::new(options.queue_bytes.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS))),
            max_request_bytes: options.max_request_bytes,
            max_answer_bytes: options.max_answer_bytes,
            record: Arc::default(),
            waiting: Arc::default(),
            has_ended: AtomicBool::new(false),
            worker: Mutex::default(),
        });
        let asking = Asking {
            copy,
            rules: shadow.rules.clone(),
            record: shadow.record.clone(),
            max_answer_bytes: options.max_answer_bytes,
        };
        let worker = runtime.spawn(work(jobs, Arc::new(asking), options.mirror_concurrency.max(1)));
        *lock(&shadow.worker) = Some(worker.abort_handle());
        shadow
    }

    pub(crate) fn is(&self, copy: std::net::SocketAddr, rules: &Rules) -> bool {
        self.copy.address == copy && *self.rules == *rules
    }

    pub(crate) fn has_probes(&self) -> bool {
        !self.rules.probes.is_empty()
    }

    pub(crate) fn copy(&self) -> std::net::SocketAddr {
        self.copy.address
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// Nothing goes to the copy from now on; the report stays.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
        if let Some(worker) = lock(&self.worker).take() {
            worker.abort();
        }
    }

    pub(crate) fn report(&self) -> Report {
        let waiting = self.waiting.load(Ordering::Relaxed);
        lock(&self.record).report(self.copy.address, !self.has_ended(), waiting, &self.rules)
    }

    /// Counts a request, and answers what is to be gathered of it if it may be mirrored.
    pub(crate) fn consider(self: &Arc<Self>, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Box<Mirror>> {
        if self.has_ended() {
            return None;
        }
        let mut record = lock(&self.record);
        record.requests += 1;
        if let Err(held) = allow::may_be_mirrored(&self.rules, method, uri.path(), uri.query(), headers) {
            record.skip(Reason::Held(held));
            return None;
        }
        let path = shorten(uri.path_and_query().map_or("/", |p| p.as_str()));
        let named = Named { number: record.requests, method: method.to_string(), path };
        Some(Box::new(Mirror {
            shadow: self.clone(),
            named,
            request: Request::new(()),
            request_body: None,
            head: None,
            answer: Copied::new(self.max_answer_bytes),
            is_counted: false,
        }))
    }

    pub(crate) fn note_upgrade(&self) {
        if !self.has_ended() {
            let mut record = lock(&self.record);
            record.requests += 1;
            record.skip(Reason::Upgrade);
        }
    }
}

impl Mirror {
    /// Keeps the head of the request as it goes to the original.
    pub(crate) fn set_request(&mut self, request: &Request<RequestBody>) {
        *self.request.method_mut() = request.method().clone();
        *self.request.uri_mut() = request.uri().clone();
        *self.request.version_mut() = request.version();
        *self.request.headers_mut() = request.headers().clone();
    }

    /// Where the body of the request is copied to on its way.
    pub(crate) fn copy_body(&mut self) -> Arc<Mutex<Copied>> {
        let copied = Arc::new(Mutex::new(Copied::new(self.shadow.max_request_bytes)));
        self.request_body = Some(copied.clone());
        copied
    }

    pub(crate) fn set_head<B>(&mut self, response: &Response<B>) {
        self.head = Some((response.status().as_u16(), response.headers().clone()));
    }

    /// Puts the request into the queue after the end of the original's answer.
    pub(crate) fn submit(mut self: Box<Self>, original: Duration) {
        self.is_counted = true;
        let shadow = self.shadow.clone();
        if let Err(reason) = self.queue(original) {
            lock(&shadow.record).skip(reason);
        }
    }

    fn queue(&mut self, original: Duration) -> Result<(), Reason> {
        let shadow = &self.shadow;
        let Some((status, headers)) = self.head.take() else {
            return Err(Reason::Unfinished);
        };
        let request_body = match &self.request_body {
            None => None,
            Some(copied) => {
                let mut copied = lock(copied);
                if copied.is_over {
                    return Err(Reason::RequestTooLarge);
                } else if !copied.is_whole {
                    return Err(Reason::Unfinished);
                }
                Some(Bytes::from(std::mem::take(&mut copied.bytes)))
            }
        };
        if self.answer.is_over {
            return Err(Reason::AnswerTooLarge);
        }
        let body = Bytes::from(std::mem::take(&mut self.answer.bytes));
        let bytes = body.len() + request_body.as_ref().map_or(0, Bytes::len);
        let bytes = u32::try_from(bytes).map_err(|_| Reason::Overflow)?;
        let room = shadow.room.clone().try_acquire_many_owned(bytes).map_err(|_| Reason::Overflow)?;
        shadow.waiting.fetch_add(1, Ordering::Relaxed);
        let job = Job {
            named: self.named.clone(),
            request: std::mem::take(&mut self.request).map(|()| RequestBody::Whole(request_body)),
            original: Answer { status, headers, body },
            original_micros: micros(original),
            waits: Waits { waiting: shadow.waiting.clone(), _room: room },
        };
        match shadow.queue.try_send(job) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(Reason::Overflow),
            // Closed: the shadow run is over, and so is its count.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if !self.is_counted {
            lock(&self.shadow.record).skip(Reason::Unfinished);
        }
    }
}

/// Takes requests out of the queue, a bounded number at a time. Aborted, it drops those at the copy, too.
async fn work(mut jobs: mpsc::Receiver<Job>, asking: Arc<Asking>, concurrency: usize) {
    let mut asked = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        while asked.try_join_next().is_some() {}
        if asked.len() >= concurrency {
            asked.join_next().await;
        }
        asked.spawn(asking.clone().ask(job));
    }
}

/// What it takes to ask the copy.
struct Asking {
    copy: Arc<Backend>,
    rules: Arc<Rules>,
    record: Arc<Mutex<Record>>,
    max_answer_bytes: usize,
}

impl Asking {
    async fn ask(self: Arc<Self>, job: Job) {
        let Job { named, request, original, original_micros, waits } = job;
        let timeout = Duration::from_millis(self.rules.answer_timeout_millis);
        let answered = tokio::time::timeout(timeout, self.answer(request)).await;
        let compared = match answered.map_err(|_| "none in time".to_owned()).and_then(|answer| answer) {
            Ok((copy, copy_micros)) => match self.compare(original, copy).await {
                Ok(found) => Ok(Compared { found, original_micros, copy_micros: Some(copy_micros) }),
                Err(reason) => Err(reason),
            },
            Err(reason) => {
                let status = original.status.to_string();
                let found = Found { differs: Differs::NoAnswer, original: status, copy: shorten(&reason) };
                Ok(Compared { found: vec![found], original_micros, copy_micros: None })
            }
        };
        drop(waits);
        let mut record = lock(&self.record);
        match compared {
            Ok(compared) => record.add(&named, compared, self.rules.max_logged),
            Err(reason) => record.skip(reason),
        }
    }

    /// The copy's answer and its microseconds, or why there is none.
    async fn answer(&self, request: Request<RequestBody>) -> Result<(Answer, u64), String> {
        let started = Instant::now();
        // A request that cannot be repeated gets a new connection: one that was closed unused says nothing of the copy.
        let sent = if request.method().is_idempotent() || self.copy.protocol == Protocol::Http2 {
            self.copy.send(request).await
        } else {
            self.copy.send_alone(request).await
        };
        let sent = sent.map_err(|error| error.to_string())?;
        let (head, mut body) = sent.response.into_parts();
        let mut bytes = Vec::new();
        // Everything up to the bound was kept of the original: one byte more is a difference already.
        while bytes.len() <= self.max_answer_bytes {
            match body.frame().await {
                Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => return Err(format!("it ends in the middle: {error}")),
                None => {
                    if let Some(lease) = sent.lease {
                        lease.give_back();
                    }
                    break;
                }
            }
        }
        let micros = micros(started.elapsed());
        Ok((Answer { status: head.status.as_u16(), headers: head.headers, body: bytes.into() }, micros))
    }

    async fn compare(&self, original: Answer, copy: Answer) -> Result<Vec<Found>, Reason> {
        let (rules, most_bytes) = (self.rules.clone(), self.max_answer_bytes);
        let is_large = original.body.len() + copy.body.len() >= LARGE_BYTES;
        let compare = move || compare_plain(original, copy, &rules, most_bytes);
        if !is_large {
            return compare();
        }
        // A comparison that could not be made is no agreement.
        tokio::task::spawn_blocking(compare).await.unwrap_or_else(|error| {
            let [original, copy] = [String::new(), shorten(&error.to_string())];
            Ok(vec![Found { differs: Differs::NoAnswer, original, copy }])
        })
    }
}

/// Compares two answers, without their compression where the rule reads JSON.
fn compare_plain(
    mut original: Answer,
    mut copy: Answer,
    rules: &Rules,
    most_bytes: usize,
) -> Result<Vec<Found>, Reason> {
    if rules.body.reads_json() {
        let plain = decode::plain_body(&original.headers, &original.body, most_bytes);
        original.body = plain.ok_or(Reason::Compressed)?;
        let Some(plain) = decode::plain_body(&copy.headers, &copy.body, most_bytes) else {
            let rest = Rules { body: BodyRule::Ignore {}, ..rules.clone() };
            let mut found = compare(&original, &copy, &rest);
            let original = shorten(&String::from_utf8_lossy(&original.body));
            let copy = "(not as its encoding says, or too large)".to_owned();
            found.push(Found { differs: Differs::BodyByte(0), original, copy });
            return Ok(found);
        };
        copy.body = plain;
    }
    Ok(compare(&original, &copy, rules))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
