//! How a server ends: by a signal in good order, or because something could not be committed.
use super::DRAIN;
use crate::sequencer::Busy;
use crate::workers::forecasts::Board;
use crate::workers::nodes::Nodes;
use anyhow::Context;
use headroom_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};

/// How long after those that ask it the writer itself is seen to have ended.
const WRITER_FOLLOWS: Duration = Duration::from_secs(2);

/// How the sequencer's writer, or the watch over its lease, ended.
pub type Ended = Result<Result<(), StoreError>, JoinError>;

pub fn not_committed(ended: Ended) -> anyhow::Error {
    let error = match ended {
        Err(error) if error.is_panic() => {
            return anyhow::Error::new(error).context("a rule of the market has found itself wrong, so the process ends before anything is decided on top of it; all that was acknowledged is stored. Report the lines above: starting again may end the same way");
        }
        Ok(Ok(())) => anyhow::anyhow!("the sequencer ended"),
        Ok(Err(error)) => anyhow::Error::new(error),
        Err(error) => anyhow::Error::new(error),
    };
    error.context("a transaction could not be committed, so the process ends; all that was acknowledged is stored, and of what was not some may be. Check the disk and the database, then start again")
}

/// Whoever holds the rounds has ended: orders would be taken that nobody clears. Mostly the writer ended before, and
/// knows why.
pub async fn no_market(ended: Result<(), JoinError>, writer: &mut JoinHandle<Result<(), StoreError>>) -> anyhow::Error {
    if let Ok(ended) = tokio::time::timeout(WRITER_FOLLOWS, writer).await {
        return not_committed(ended);
    }
    let error = match ended {
        Ok(()) => anyhow::anyhow!("the conductor ended"),
        Err(error) => anyhow::Error::new(error),
    };
    error.context("nobody holds rounds or moves workloads any more, so the process ends; all that was acknowledged is stored. Start it again, and report what the log says above")
}

/// Where a start fails because the writer has ended, the writer knows why.
pub async fn what_ended_it(error: anyhow::Error, writer: &mut JoinHandle<Result<(), StoreError>>) -> anyhow::Error {
    if !matches!(error.downcast_ref::<Busy>(), Some(Busy::Stopped | Busy::Unknown)) {
        return error;
    }
    match tokio::time::timeout(DRAIN, writer).await {
        Ok(ended) => not_committed(ended),
        Err(_) => error,
    }
}

/// Pauses the workloads, each with a checkpoint.
pub async fn pause(nodes: Arc<Nodes>) -> anyhow::Result<()> {
    match tokio::task::spawn_blocking(move || nodes.stop()).await? {
        Ok(count) => crate::cli::complain(format_args!("{count} workloads paused with a checkpoint")),
        Err(error) => crate::cli::complain(format_args!(
            "checkpoints could not be written: {error}. Workloads go on from older ones"
        )),
    }
    Ok(())
}

pub async fn store_forecasters(store: &Store, board: &Board) {
    let observed = headroom_store::observations::Observed { forecasters: board.states(), ..Default::default() };
    if let Err(error) = store.observations.write(observed).await {
        tracing::warn!(%error, "what the forecasters learned since the last save is lost");
    }
}

/// From here on a file that may not grow any more (`ulimit -f`) refuses what is written, like a full disk, instead of
/// ending the process without a word.
pub fn refuse_instead_of_ending() -> anyhow::Result<()> {
    /// SIGXFSZ of Linux and macOS.
    const FILE_TOO_LARGE: i32 = 25;
    // Heard once, it is never again what ends the process.
    signal(SignalKind::from_raw(FILE_TOO_LARGE)).map(|_heard| ()).context("cannot listen for signals")
}

/// Listens for SIGINT and SIGTERM from the call on, not only from the first poll: a stop that
/// comes right after the start must be an orderly one too.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
