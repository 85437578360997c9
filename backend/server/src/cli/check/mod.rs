//! `headroom doctor` and `headroom replay`: proofs from the journal and the archive, offline.
//!
//! Everything is read as it was at one moment, also of a market that goes on. What the journal says should be in the
//! tables is compared with what is there: transfers, receipts, live and finished rows, the audit, the stream as far as it
//! is kept, and archived rounds. Nothing is held in memory but the live state and the row that differs.
mod archive;
mod stored;
mod sums;
mod told;
mod walk;

pub use archive::replay;

use clap::Args;
use headroom_market::ledger::Account;
use headroom_market::record::Table;
use headroom_market::settlement::dispute::DisputeState;
use headroom_market::state::State;
use headroom_market::units::Credits;
use headroom_store::database::Address;
use headroom_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use stored::Batches;
use sums::{Kind, Place, Side};
use walk::{Walked, walk};

/// Checks a data directory offline.
///
/// The journal's hash chain, that deciding its commands again gives the same events, and that what is stored is what it says:
/// every row, transfer, receipt and audit event, the stream of events as far as it is kept, books and results of rounds.
/// That all balances sum to 0, holds cover charges, and that every workload lies on
/// a node that is there. Exit 0: all holds. Exit 4: the first bad row is printed. Exit 1: it could not be checked.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: headroom doctor --data ./data\nDATABASE_URL, when set, names the database instead.")]
pub struct DoctorArgs {
    #[arg(long, value_name = "DIR", default_value = "./data", env = "HEADROOM_DATA")]
    data: PathBuf,
    #[arg(long, env = "DATABASE_URL", hide = true)]
    database_url: Option<String>,
}

/// Clears stored rounds again; exit 0 if every result hash is the one in the journal.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: headroom replay --data ./data --round 42")]
pub struct ReplayArgs {
    #[arg(long, value_name = "DIR", default_value = "./data", env = "HEADROOM_DATA")]
    data: PathBuf,
    /// Only this round (its number); all of the archive by default.
    #[arg(long, value_name = "NUMBER")]
    round: Option<i64>,
    #[arg(long, env = "DATABASE_URL", hide = true)]
    database_url: Option<String>,
}

/// Of how many sums that differ the rows are looked at, if those of the first are as they should be: each takes two walks.
const LOOKED_AT: usize = 16;

/// What was found; anything else is a fault of the check itself.
const BAD: u8 = 4;

pub async fn doctor(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let address = Address::choose(args.database_url.as_deref(), &args.data)?;
    let store = Store::open_read_only(&address).await.map_err(|error| crate::cli::unusable(&address, error))?;
    match examine(&store).await.map_err(|error| unreadable(&address, error))? {
        Ok(report) => {
            crate::cli::say(format_args!("{report}"));
            Ok(ExitCode::SUCCESS)
        }
        Err(bad) => {
            crate::cli::say(format_args!("BAD: {bad}"));
            Ok(ExitCode::from(BAD))
        }
    }
}

/// A page in the middle of a file shows only when it is read.
fn unreadable(address: &Address, error: anyhow::Error) -> anyhow::Error {
    let error = match error.downcast::<StoreError>() {
        Ok(error) => crate::cli::unusable(address, error),
        Err(error) => return error,
    };
    match error.downcast::<StoreError>() {
        Ok(StoreError::Damaged { path, said }) => StoreError::Unreadable { path, said }.into(),
        Ok(error) => error.into(),
        Err(error) => error,
    }
}

/// `Err` is the first bad row.
async fn examine(store: &Store) -> anyhow::Result<Result<String, String>> {
    let examined = compare(store).await;
    match examined {
        // Which row cannot be read is what was asked.
        Err(error) => match error.downcast_ref::<StoreError>() {
            Some(StoreError::Corrupt { table, id, reason }) => {
                Ok(Err(format!("{table}: row {id} cannot be read: {reason}")))
            }
            _ => Err(error),
        },
        examined => examined,
    }
}

async fn compare(store: &Store) -> anyhow::Result<Result<String, String>> {
    let (mut batches, mut side) = (Batches::default(), Side::default());
    stored::transfers(store, &mut side, Some(&mut batches)).await?;
    let walked = match walk(store, &batches, Side::default(), true).await? {
        Ok(Some(walked)) => walked,
        Ok(None) => anyhow::bail!(
            "the journal is empty: there is no market here, so nothing was checked. If there was one, the database is not the one that it had, or was copied without its headroom.db-wal. Restore a backup"
        ),
        Err(bad) => return Ok(Err(bad)),
    };
    stored::tables(store, &mut side).await?;
    stored::stream(store, &mut side).await?;
    let places = walked.side.differs_from(&side);
    if let Some(first) = places.first() {
        for place in places.iter().take(LOOKED_AT) {
            if let Some(bad) = named(store, &batches, *place).await? {
                return Ok(Err(bad));
            }
        }
        let table = first.kind.table();
        return Ok(Err(format!("{table}: what was read twice was not the same both times")));
    }
    let bad = match archive::unknown(store, &walked.rounds).await? {
        None => compare_ledger(store, &walked.state).await?,
        bad => bad,
    };
    if let Some(bad) = bad.or_else(|| check_holds(&walked.state)) {
        return Ok(Err(bad));
    }
    if let Some(bad) = store.lookup_faults().await?.into_iter().next() {
        return Ok(Err(format!("lookups: {bad}")));
    }
    Ok(Ok(report(&walked, &side)))
}

/// Reads both sides once more, for the row that differs; nothing where each is as the journal gave it last.
async fn named(store: &Store, batches: &Batches, place: Place) -> anyhow::Result<Option<String>> {
    let mut side = Side::of(place);
    match place.kind {
        Kind::Transfers => stored::transfers(store, &mut side, None).await?,
        Kind::Rows(_) => stored::tables(store, &mut side).await?,
        Kind::Stream => stored::stream(store, &mut side).await?,
    }
    Ok(match walk(store, batches, Side::of(place), false).await? {
        Ok(walked) => walked.and_then(|walked| walked.side.named(&side, place)),
        Err(bad) => Some(bad),
    })
}

fn report(walked: &Walked, side: &Side) -> String {
    let Walked { chain, state, decided, made_whole, rounds, .. } = walked;
    let rows = |table| side.count(Kind::Rows(table));
    let all: u64 = Table::ALL.into_iter().map(rows).sum();
    format!(
        "{made_whole}ok: {} commands in an unbroken chain, {decided} decided again with the same events ({} outcomes of rounds are taken as they were; `headroom replay` clears the rounds again). The same in the tables as in the journal: {} transfers, {} receipts, {} audit events, {} orders, {} awards, {} rounds, {} swaps, {} other rows ({} of all are live), {} events of the stream, {} archived rounds with their books and results, {} balances, which sum to 0; chain head {}",
        chain.sequence,
        chain.sequence as u64 - decided,
        side.count(Kind::Transfers),
        rows(Table::Receipts),
        rows(Table::AuditEvents),
        rows(Table::Orders),
        rows(Table::Awards),
        rows(Table::Rounds),
        rows(Table::Swaps),
        all - [Table::Receipts, Table::AuditEvents, Table::Orders, Table::Awards, Table::Rounds, Table::Swaps]
            .map(rows)
            .into_iter()
            .sum::<u64>(),
        state.all_rows().iter().filter(|row| row.live).count(),
        side.count(Kind::Stream),
        rounds.len(),
        state.ledger.balances().count(),
        chain.head,
    )
}

async fn compare_ledger(store: &Store, state: &State) -> anyhow::Result<Option<String>> {
    let mut sum = 0i128;
    for (account, balance) in store.balances().await? {
        sum += i128::from(balance.units());
        if state.ledger.balance(account) != balance {
            return Ok(Some(format!(
                "accounts: {account} has {balance}, the journal gives {}",
                state.ledger.balance(account)
            )));
        }
        if account.participant().is_some() && balance.is_negative() {
            return Ok(Some(format!("accounts: {account} is overdrawn: {balance}")));
        }
    }
    Ok((sum != 0).then(|| format!("accounts: all balances sum to {sum} micro-credits")))
}

/// What is held for open bids is what lies on the held accounts, no more and no less.
fn check_holds(state: &State) -> Option<String> {
    let mut holds: BTreeMap<_, Credits> = BTreeMap::new();
    for order in state.orders.values() {
        *holds.entry(order.participant).or_default() += order.hold;
    }
    for participant in state.participants.keys() {
        let held = state.ledger.balance(Account::Held(*participant));
        let expected = holds.get(participant).copied().unwrap_or_default();
        if held != expected {
            return Some(format!("accounts: {participant} has {held} held, its open orders need {expected}"));
        }
    }
    // What open disputes claim is set aside for them, and nothing else is.
    let open = state.disputes.values().filter(|d| d.state == DisputeState::Open);
    let (claimed, disputed) = (open.map(|d| d.claimed).sum::<Credits>(), state.ledger.balance(Account::Disputed));
    if claimed != disputed {
        return Some(format!("accounts: exchange/disputed has {disputed}, open disputes claim {claimed}"));
    }
    // A workload lies on one node, and that node is there.
    let nowhere = state.instances.values().find(|i| !state.nodes.contains_key(&i.node));
    nowhere.map(|i| format!("instances: {} lies on {}, which is not there", i.id, i.node))
}
