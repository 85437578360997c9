//! One round: choose who may move, seal, clear, check, record. The solver runs outside the transaction on a
//! blocking thread; its limits are counts of work, never time. Only a verified outcome can be recorded.
use crate::sequencer::{Attached, Busy, Outcome, Sequencer};
use headroom_market::clearing::document::{self, Book, Verified};
use headroom_market::command::Command;
use headroom_market::round::excerpt::Excerpt;
use headroom_market::round::movers::{self, Choice, Movers, Trial};
use headroom_market::time::Timestamp;
use headroom_solver::{ClearFault, clear_document};
use headroom_store::write::ArchivedRound;
use std::path::Path;
use std::sync::Arc;

/// Seals and clears the next round; `false` if there was nothing to clear.
pub async fn run(sequencer: &Sequencer, rejected: &Path, now: Timestamp) -> Result<bool, Busy> {
    let movers = choose_movers(sequencer, now).await?;
    let sealed = sequencer.internal(Command::SealRound(Some(movers)), Attached::default()).await?;
    let Outcome::Sealed { round, book } = sealed else { return Ok(false) };
    let cleared = clear_verified(book.clone()).await;
    let Some(outcome) = cleared else {
        keep_rejected(rejected, round, &book);
        void(sequencer, round, "no outcome passed the check").await?;
        return Ok(true);
    };
    let result_hash = outcome.result_hash().to_owned();
    let archive = ArchivedRound {
        round: round as i64,
        book: book.text(),
        outcome: outcome.text().to_owned(),
        result_hash: result_hash.clone(),
        recorded_at: now.micros(),
    };
    let command = Command::RecordOutcome { round, result_hash, outcome: Some(Arc::new(outcome)) };
    let attached = Attached { archive: Some(archive), ..Attached::default() };
    if let Outcome::Refused(refusal) = sequencer.internal(command, attached).await? {
        tracing::error!(
            round,
            code = refusal.code,
            detail = refusal.detail,
            "the outcome could not be applied; the round is void"
        );
        void(sequencer, round, &refusal.detail).await?;
    }
    Ok(true)
}

/// Tries the round without and with what its bids would take to other nodes, apart from the state: nobody waits for it.
async fn choose_movers(sequencer: &Sequencer, now: Timestamp) -> Result<Movers, Busy> {
    if !sequencer.query(movers::could_be).await? {
        return Ok(Movers::new());
    }
    let Some(excerpt) = sequencer.query(move |state| Excerpt::of(state, now)).await? else { return Ok(Movers::new()) };
    let chosen = tokio::task::spawn_blocking(move || {
        let mut choice = Choice::of(&excerpt.prepare(&Movers::new()));
        while let Some(movers) = choice.next() {
            let prepared = excerpt.prepare(&movers);
            let outcome = clear_document(&prepared.book).ok();
            choice.record(outcome.map(|outcome| Trial::of(&prepared, &outcome)));
        }
        choice.chosen()
    });
    Ok(chosen.await.unwrap_or_else(|error| {
        tracing::error!(%error, "the trials of a round ended; nobody is moved for it");
        Movers::new()
    }))
}

async fn void(sequencer: &Sequencer, round: u64, reason: &str) -> Result<(), Busy> {
    let command = Command::VoidRound { round, reason: reason.to_owned() };
    sequencer.internal(command, Attached::default()).await.map(|_| ())
}

/// Clears and checks; without an outcome, which is a defect, the round is void.
async fn clear_verified(book: Arc<Book>) -> Option<Verified<document::Outcome>> {
    let work = move || {
        let cleared = clear_document(&book);
        cleared.map_err(|fault| tracing::error!(why = brief(&fault), "a round could not be cleared")).ok()
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the clearing thread ended");
        None
    })
}

/// What a round of this book would give; `None` where it would be void.
pub fn would_give(book: &Arc<Book>) -> Option<document::Outcome> {
    let no_outcome = |fault: &ClearFault| tracing::debug!(why = brief(fault), "a simulated round has no outcome");
    clear_document(book).inspect_err(no_outcome).ok().map(Verified::into_inner)
}

/// A book that could not be cleared is kept for whoever looks into it: `headroom clear` takes it.
fn keep_rejected(folder: &Path, round: u64, book: &Book) {
    let path = folder.join(format!("round-{round}.book.json"));
    let kept = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, book.text()));
    match kept {
        Ok(()) => tracing::error!(round, book = %path.display(), "the round is void; its book was kept"),
        Err(error) => tracing::error!(round, %error, "the round is void; its book could not be kept"),
    }
}

/// A log line, not a page: the first faults say enough.
fn brief(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.chars().take(600).collect()
}
