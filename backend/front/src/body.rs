//! Bodies on their way through, with what is copied of them.
use crate::backend::Lease;
use crate::front::Counters;
use crate::gate::Ticket;
use crate::lock;
use crate::shadow::Mirror;
use crate::watch::SentAt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The first bytes of a body, up to a bound.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_over: bool,
    pub(crate) is_whole: bool,
    bound: usize,
}

impl Copied {
    pub(crate) fn new(bound: usize) -> Self {
        Self { bytes: Vec::new(), is_over: false, is_whole: false, bound }
    }

    pub(crate) fn add(&mut self, data: &[u8]) {
        self.is_over |= self.bytes.len() + data.len() > self.bound;
        if self.is_over {
            // Nobody reads a part.
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(data);
        }
    }
}

/// The body of a request to a backend.
pub(crate) enum RequestBody {
    /// All of it; taken once it is sent.
    Whole(Option<Bytes>),
    /// What the client sends, copied on the way if it is mirrored.
    Client(Incoming, Option<Arc<Mutex<Copied>>>, SentAt),
}

impl RequestBody {
    /// The same body again, where that needs no stream.
    pub(crate) fn copy(&self) -> Option<Self> {
        match self {
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Client(..) => None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Client(incoming, copied, sent) => {
                let polled = Pin::new(&mut *incoming).poll_frame(cx);
                let Poll::Ready(frame) = &polled else { return polled };
                let is_whole = frame.is_none() || incoming.is_end_stream();
                if is_whole {
                    sent.get_or_init(Instant::now);
                }
                if let Some(copied) = copied {
                    let mut copied = lock(copied);
                    if let Some(data) = frame.as_ref().and_then(|f| f.as_ref().ok()).and_then(Frame::data_ref) {
                        copied.add(data);
                    }
                    copied.is_whole = is_whole;
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Client(incoming, ..) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Client(incoming, ..) => incoming.size_hint(),
        }
    }
}

/// The body of an answer to a client. The request is in flight until it has ended or is dropped.
pub(crate) struct AnswerBody {
    source: Source,
    rest: Option<Rest>,
}

enum Source {
    /// The front's own words.
    Text(Option<Bytes>),
    Backend(Incoming),
}

/// What is to be done after an answer.
pub(crate) struct Rest {
    pub(crate) ticket: Ticket,
    pub(crate) lease: Option<Lease>,
    pub(crate) mirror: Option<Box<Mirror>>,
    pub(crate) counters: Arc<Counters>,
    /// From sending the request on, without the time that the client took to read.
    pub(crate) waited: Duration,
    /// Since when the backend owes a frame.
    pub(crate) owed_since: Option<Instant>,
}

impl AnswerBody {
    pub(crate) fn text(text: &'static str) -> Self {
        Self { source: Source::Text(Some(Bytes::from_static(text.as_bytes()))), rest: None }
    }

    pub(crate) fn empty() -> Self {
        Self { source: Source::Text(None), rest: None }
    }

    pub(crate) fn backend(incoming: Incoming, rest: Rest) -> Self {
        let mut body = Self { source: Source::Backend(incoming), rest: Some(rest) };
        if body.is_end_stream() {
            body.end();
        }
        body
    }

    /// After the last byte: the connection serves others, the request is no longer in flight, the copy is asked.
    fn end(&mut self) {
        let Some(Rest { ticket, lease, mirror, waited, .. }) = self.rest.take() else {
            return;
        };
        if let Some(lease) = lease {
            lease.give_back();
        }
        drop(ticket);
        if let Some(mirror) = mirror {
            mirror.submit(waited);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let body = self.get_mut();
        let incoming = match &mut body.source {
            Source::Text(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Source::Backend(incoming) => incoming,
        };
        let polled = Pin::new(incoming).poll_frame(cx);
        let Some(rest) = &mut body.rest else {
            return polled;
        };
        let Poll::Ready(frame) = polled else {
            if rest.mirror.is_some() {
                rest.owed_since.get_or_insert_with(Instant::now);
            }
            return Poll::Pending;
        };
        rest.waited += rest.owed_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        match &frame {
            None => body.end(),
            Some(Ok(frame)) => {
                if let (Some(mirror), Some(data)) = (&mut rest.mirror, frame.data_ref()) {
                    mirror.answer.add(data);
                }
            }
            Some(Err(_)) => {
                rest.counters.broken.fetch_add(1, Ordering::Relaxed);
                rest.ticket.backend.served.break_off();
                body.rest = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Text(text) => text.is_none(),
            Source::Backend(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |t| t.len() as u64)),
            Source::Backend(incoming) => incoming.size_hint(),
        }
    }
}

/// A server does not ask for the end of a body whose length it knows.
impl Drop for AnswerBody {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.end();
        }
    }
}
