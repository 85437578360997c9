//! Archived rounds against what the journal says of them, and `headroom replay`.
use super::walk::{Chain, PAGE};
use super::{BAD, ReplayArgs};
use headroom_market::clearing::document::{self, Book, Outcome};
use headroom_market::event::Event;
use headroom_market::round::merkle;
use headroom_store::database::Address;
use headroom_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// A round that was cleared, as the journal has it.
#[derive(Clone, Debug)]
pub struct Cleared {
    pub number: u64,
    /// The Merkle root of its book.
    root: String,
    pub result_hash: String,
}

/// Rounds that are sealed and not cleared yet, with their roots.
#[derive(Debug, Default)]
pub struct Sealed(BTreeMap<u64, String>);

impl Sealed {
    /// The round that an event says was cleared.
    pub fn follow(&mut self, event: &Event) -> Option<Cleared> {
        match event {
            Event::RoundSealed { round, .. } => {
                self.0.insert(round.number, round.root.clone());
                None
            }
            Event::RoundVoided { number, .. } => {
                self.0.remove(number);
                None
            }
            Event::RoundAwarded { number, certificate, .. } => Some(Cleared {
                number: *number,
                root: self.0.remove(number).unwrap_or_default(),
                result_hash: certificate.result_hash.clone(),
            }),
            _ => None,
        }
    }
}

/// The book of a round and the text of its outcome, from the archive; `Err` says why it is not what the journal says it is.
pub async fn read(store: &Store, cleared: &Cleared) -> Result<Result<(Book, String), String>, StoreError> {
    let number = cleared.number;
    let bad = |why: &str| Ok(Err(format!("round_archive: round {number} {why}")));
    let (book, outcome, hash) = match store.archived_round(number as i64).await {
        Ok(Some(archived)) => archived,
        Ok(None) => return bad("was cleared, says the journal, and is not in the table"),
        Err(StoreError::Archive(fault)) => return bad(&format!("cannot be unpacked: {fault}")),
        Err(error) => return Err(error),
    };
    if hash != cleared.result_hash {
        return bad(&format!("has the result hash {hash}, the journal says {}", cleared.result_hash));
    }
    let book: Book = match serde_json::from_str(&book) {
        Ok(book) => book,
        Err(error) => return bad(&format!("has a book that cannot be read: {error}")),
    };
    if let Err(error) = serde_json::from_str::<Outcome>(&outcome) {
        return bad(&format!("has an outcome that cannot be read: {error}"));
    }
    let found = result_hash(&outcome, &hash);
    if found != hash {
        return bad(&format!("has an outcome that hashes to {found}, the journal says {hash}"));
    }
    let root = merkle::root(&merkle::leaves(&book)).to_hex().to_string();
    if root != cleared.root {
        return bad(&format!("has a book with the Merkle root {root}, the journal says {}", cleared.root));
    }
    Ok(Ok((book, outcome)))
}

/// The hash of an outcome's text without the hash that it names.
fn result_hash(outcome: &str, named: &str) -> String {
    let bare = outcome.replacen(&format!(",\"result_hash\":\"{named}\""), "", 1);
    format!("blake3:{}", blake3::hash(bare.as_bytes()).to_hex())
}

/// An archived round that no row of the journal has cleared; `known` is sorted.
pub async fn unknown(store: &Store, known: &[u64]) -> Result<Option<String>, StoreError> {
    let archived = store.archived_rounds().await?;
    let strange = archived.into_iter().find(|n| known.binary_search(&(*n as u64)).is_err());
    Ok(strange.map(|n| format!("round_archive: round {n} is in the table, and the journal has not cleared it")))
}

/// All rounds that the journal has cleared, by number; `Err` is a row that is not what was written.
async fn all(store: &Store) -> anyhow::Result<Result<Vec<Cleared>, String>> {
    let (mut chain, mut sealed, mut rounds) = (Chain::default(), Sealed::default(), Vec::new());
    loop {
        let rows = store.journal_after(chain.sequence, PAGE).await?;
        if rows.is_empty() {
            rounds.sort_by_key(|round: &Cleared| round.number);
            return Ok(Ok(rounds));
        }
        for row in rows {
            if let Some(bad) = chain.broken_by(&row) {
                return Ok(Err(bad));
            }
            // Most rows are of orders, and have nothing to say of rounds.
            if !row.events.contains("\"event\":\"round_") {
                continue;
            }
            match serde_json::from_str::<Vec<Event>>(&row.events) {
                Ok(events) => rounds.extend(events.iter().filter_map(|e| sealed.follow(e))),
                Err(error) => {
                    return Ok(Err(format!("journal: events of row {} cannot be read: {error}", row.sequence)));
                }
            }
        }
    }
}

pub async fn replay(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let address = Address::choose(args.database_url.as_deref(), &args.data)?;
    let store = Store::open_read_only(&address).await.map_err(|error| crate::cli::unusable(&address, error))?;
    match again(&store, args.round).await.map_err(|error| super::unreadable(&address, error))? {
        Ok(count) => {
            let rounds = if count == 1 { "round" } else { "rounds" };
            crate::cli::say(format_args!("ok: {count} {rounds} cleared again with the same result hash"));
            Ok(ExitCode::SUCCESS)
        }
        Err(bad) => {
            crate::cli::say(format_args!("BAD: {bad}"));
            Ok(ExitCode::from(BAD))
        }
    }
}

async fn again(store: &Store, only: Option<i64>) -> anyhow::Result<Result<usize, String>> {
    let mut rounds = match all(store).await? {
        Ok(rounds) => rounds,
        Err(bad) => return Ok(Err(bad)),
    };
    match only {
        Some(number) => {
            rounds.retain(|round| i64::try_from(round.number) == Ok(number));
            if rounds.is_empty() {
                return Ok(Err(format!("round {number} was not cleared, says the journal")));
            }
        }
        None => {
            let numbers: Vec<u64> = rounds.iter().map(|round| round.number).collect();
            if let Some(bad) = unknown(store, &numbers).await? {
                return Ok(Err(bad));
            }
        }
    }
    for round in &rounds {
        let cleared = match read(store, round).await? {
            Ok((book, outcome)) => clear_again(&book, &outcome, &round.result_hash),
            Err(bad) => return Ok(Err(bad)),
        };
        if let Err(bad) = cleared {
            return Ok(Err(format!("round {}: {bad}", round.number)));
        }
    }
    Ok(Ok(rounds.len()))
}

fn clear_again(book: &Book, outcome: &str, hash: &str) -> Result<(), String> {
    let numbers = book.numbered().map_err(|faults| format!("its book is refused: {faults:?}"))?;
    document::verify_text(&numbers, outcome).map_err(|why| format!("its outcome does not pass the check: {why}"))?;
    match headroom_solver::clear_document(book) {
        Ok(again) if again.result_hash() == hash => Ok(()),
        _ => Err("clearing it again gives another result".to_owned()),
    }
}
