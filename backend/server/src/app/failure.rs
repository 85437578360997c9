//! Why a use case is not done. What HTTP makes of it says `http/problem.rs`; here nobody knows of HTTP.
use crate::sequencer::Busy;
use crate::workers::migration::Unread;
use headroom_market::refusal::{Refusal, RefusalKind};
use headroom_store::StoreError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is not to be had: expected, with what to do.
    Refused(Refusal),
    /// Nothing is wrong with it but the moment.
    Later(Later),
    /// A fault of ours; its cause is in the log.
    Fault,
}

/// When it may be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    pub because: Because,
    pub code: &'static str,
    pub detail: String,
    pub seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The exchange has too much to do, or too little room.
    OfTheExchange,
    /// Whoever asks has had its share.
    OfTheAsker,
}

/// What a use case ends with.
pub type Done<T> = Result<T, Failure>;

impl Failure {
    /// Whether there is no such thing, or it has ended: then it is no longer among what commands act on.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.kind == RefusalKind::NotFound)
    }
    /// Logs the cause, once, under the request that it belongs to.
    pub fn fault(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::Fault
    }
}

/// The exchange can't do it before `seconds` have passed.
pub fn busy(code: &'static str, seconds: u32, detail: impl Into<String>) -> Failure {
    Failure::Later(Later { because: Because::OfTheExchange, code, detail: detail.into(), seconds })
}

/// Whoever asks has to wait for `seconds`.
pub fn too_many(code: &'static str, seconds: u32, detail: impl Into<String>) -> Failure {
    Failure::Later(Later { because: Because::OfTheAsker, code, detail: detail.into(), seconds })
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The database is away, and nothing was done.
pub fn away() -> Failure {
    busy(
        "database_away",
        AWAY_SECONDS,
        "The database can't be reached, and nothing was done. Try again after the time in Retry-After.",
    )
}

/// The database went away, or the server ended, in the middle of it.
pub fn unknown() -> Failure {
    busy(
        "outcome_unknown",
        AWAY_SECONDS,
        "The server lost its database, or ended, before it was known whether this was done. Look when it is back, or send the same again with the same Idempotency-Key.",
    )
}

const AWAY_SECONDS: u32 = 2;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error.passes() {
            tracing::warn!(%error, "request refused: the database is away");
            return away();
        }
        Self::fault(&error)
    }
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Store(error) => error.into(),
            Unread::Busy(reason) => reason.into(),
        }
    }
}

impl From<Busy> for Failure {
    fn from(reason: Busy) -> Self {
        match reason {
            Busy::Full => {
                busy("overloaded", 1, "Too many commands are waiting. Try again after the time in Retry-After.")
            }
            Busy::Stopped => busy(
                "stopping",
                1,
                "The server is stopping, and nothing was done. Try again after the time in Retry-After.",
            ),
            Busy::Unknown => unknown(),
        }
    }
}
