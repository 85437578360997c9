//! `headroom doctor` and `headroom replay`: proofs from the journal and the archive, offline.
use clap::Args;
use headroom_market::apply::apply;
use headroom_market::audit;
use headroom_market::book::Order;
use headroom_market::clearing::{self, Book, Mode};
use headroom_market::command::{Command, Envelope};
use headroom_market::event::Event;
use headroom_market::ledger::{Account, Transfer, TransferKind};
use headroom_market::market::Market;
use headroom_market::participant::{ApiKey, Participant, User};
use headroom_market::pool::hourly::HourlyPrice;
use headroom_market::pool::scarcity::Shortage;
use headroom_market::pool::{Node, Pool, Product, Reference, ReservePrice};
use headroom_market::project::Project;
use headroom_market::record::{Record, Table};
use headroom_market::round::{Award, Round};
use headroom_market::state::{Changes, State};
use headroom_market::swap::Swap;
use headroom_market::time::Slot;
use headroom_market::units::Credits;
use headroom_market::workload::guidance::{ApplicationProfile, Hint};
use headroom_market::workload::{Instance, Module};
use headroom_store::Store;
use headroom_store::database::Address;
use headroom_store::journal::{GENESIS, RULE_VERSION};
use headroom_store::read::{Listed, Page, Scope};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Checks a data directory offline.
///
/// The journal's hash chain, that folding it gives the stored state, that every transfer has
/// two legs, that all balances sum to 0, that holds cover charges and bonds are those of open awards, and that every workload lies on
/// a node that is there. Exit 0: all holds. Exit 4: the first bad row is printed.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: headroom doctor --data ./data\nDATABASE_URL, when set, names the database instead.")]
pub struct DoctorArgs {
    #[arg(long, value_name = "DIR", default_value = "./data", env = "HEADROOM_DATA")]
    data: PathBuf,
    #[arg(long, env = "DATABASE_URL", hide = true)]
    database_url: Option<String>,
}

/// Clears stored rounds again; exit 0 if every result hash is the same.
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

/// What was found; anything else is a fault of the check itself.
const BAD: u8 = 4;
const PAGE: i64 = 1000;
/// How often a market that is running is read again.
const TRIES: u32 = 5;

pub async fn doctor(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let address = Address::choose(args.database_url.as_deref(), &args.data)?;
    let store = Store::open_read_only(&address).await.map_err(|error| crate::cli::unusable(&address, error))?;
    for _ in 0..TRIES {
        let before = store.head().await?;
        match examine(&store).await? {
            Ok(report) => {
                crate::cli::say(format_args!("{report}"));
                return Ok(ExitCode::SUCCESS);
            }
            // The market went on between reading the journal and reading the tables.
            Err(_) if store.head().await?.sequence != before.sequence => {}
            Err(bad) => {
                crate::cli::say(format_args!("BAD: {bad}"));
                return Ok(ExitCode::from(BAD));
            }
        }
    }
    anyhow::bail!("the market changes while it is read, {TRIES} times in a row. Stop it, or check a copy")
}

/// Walks the journal once; `Err` is the first bad row.
async fn examine(store: &Store) -> anyhow::Result<Result<String, String>> {
    let mut previous = GENESIS.to_owned();
    let mut sequence = 0;
    let mut state: Option<State> = None;
    let mut replayed: Option<State> = None;
    let mut transfers = 0u64;
    let (mut commands, mut decided) = (0u64, 0u64);
    let mut made_whole = MadeWhole::default();
    // The row of the journal of each change that belongs into the audit.
    let mut audited: BTreeMap<String, i64> = BTreeMap::new();
    loop {
        let rows = store.journal_after(sequence, PAGE).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let expected = row.chained(&previous);
            if row.sequence != sequence + 1 {
                return Ok(Err(format!("journal: row {} follows row {sequence}", row.sequence)));
            }
            if row.chain_hash != expected {
                return Ok(Err(format!(
                    "journal: row {} has chain hash {}, its content gives {expected}",
                    row.sequence, row.chain_hash
                )));
            }
            sequence = row.sequence;
            previous = expected;
            commands += 1;
            let events: Vec<Event> = match serde_json::from_str(&row.events) {
                Ok(events) => events,
                Err(error) => return Ok(Err(format!("journal: events of row {sequence} cannot be read: {error}"))),
            };
            for event in &events {
                if let Event::Transferred(transfer) = event {
                    transfers += 1;
                    let owners = (transfer.debit.participant(), transfer.credit.participant());
                    if transfer.kind.stays_with_its_owner() && owners.0 != owners.1 {
                        return Ok(Err(format!(
                            "journal: transfer {} of row {sequence} leaves its owner",
                            transfer.id
                        )));
                    }
                    made_whole.count(transfer);
                    let ledger = state.as_ref().map(|s| s.ledger.check(transfer));
                    if let Some(Err(error)) = ledger {
                        return Ok(Err(format!("journal: transfer {} of row {sequence}: {error}", transfer.id)));
                    }
                }
                if let Event::MarketChanged(market) = event {
                    state.get_or_insert_with(|| State::new(market.clone()));
                }
                if let Some(state) = &mut state {
                    state.fold(event);
                }
            }
            let envelope: Envelope = match serde_json::from_str(&row.command) {
                Ok(envelope) => envelope,
                Err(error) => return Ok(Err(format!("journal: command of row {sequence} cannot be read: {error}"))),
            };
            if !events.is_empty() && audit::is_audited(&row.actor, &envelope.command) {
                audited.insert(audit::id_of(sequence as u64, &envelope).to_string(), sequence);
            }
            if let Some(bad) = decide_again(&row, &envelope, &events, &mut replayed, &mut decided) {
                return Ok(Err(bad));
            }
            if let Some(state) = &mut state {
                state.changes = Changes::default();
                if state.ledger.sum() != 0 {
                    return Ok(Err(format!(
                        "ledger: after row {sequence} all balances sum to {} micro-credits",
                        state.ledger.sum()
                    )));
                }
            }
        }
    }
    let Some(state) = state else { return Ok(Ok("the journal is empty: nothing to check".to_owned())) };
    if let Some(bad) = compare_rows(store, &state).await? {
        return Ok(Err(bad));
    }
    if let Some(bad) = compare_audit(store, audited).await? {
        return Ok(Err(bad));
    }
    if let Some(bad) = compare_ledger(store, &state).await? {
        return Ok(Err(bad));
    }
    if let Some(bad) = check_holds(&state) {
        return Ok(Err(bad));
    }
    if let Some(bad) = store.lookup_faults().await?.into_iter().next() {
        return Ok(Err(format!("lookups: {bad}")));
    }
    Ok(Ok(format!(
        "{made_whole}ok: {commands} commands in an unbroken chain, {decided} decided again with the same events ({} outcomes of rounds and commands of earlier versions are taken as they were; `headroom replay` clears the rounds again), {transfers} transfers, all balances sum to 0, {} live rows equal to the tables; chain head {previous}",
        commands - decided,
        state.all_rows().len()
    )))
}

/// What the exchange has paid out of its own account because sellers were due more than buyers paid. No
/// fault by itself, but where it grows without failures, somebody has found a way to be paid for nothing.
#[derive(Default)]
struct MadeWhole {
    by_slot: BTreeMap<Option<Slot>, Credits>,
}

impl MadeWhole {
    fn count(&mut self, transfer: &Transfer) {
        if transfer.kind == TransferKind::PlatformRisk {
            *self.by_slot.entry(transfer.slot).or_default() += transfer.amount;
        }
    }
}

impl std::fmt::Display for MadeWhole {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some((slot, most)) = self.by_slot.iter().max_by_key(|(_, paid)| **paid) else { return Ok(()) };
        let sum: Credits = self.by_slot.values().copied().sum();
        let of = slot.map_or_else(String::new, |slot| format!(" of {slot}"));
        writeln!(
            out,
            "note: platform_risk has paid {sum} credits in {} slots because sellers were due more than buyers paid, most ({most}) in the slot{of}. Failures of the exchange explain that; without them, look for who sold in that slot",
            self.by_slot.len()
        )
    }
}

/// Applies the command again and demands the same events. Commands whose inputs are not in
/// the journal (an outcome is in the archive, a seal's book in memory) are folded only.
fn decide_again(
    row: &headroom_store::journal::JournalRow,
    envelope: &Envelope,
    events: &[Event],
    replayed: &mut Option<State>,
    decided: &mut u64,
) -> Option<String> {
    let fold_only = row.rule_version != RULE_VERSION || matches!(envelope.command, Command::RecordOutcome { .. });
    if replayed.is_none() {
        let market = events.iter().find_map(|e| if let Event::MarketChanged(m) = e { Some(m.clone()) } else { None });
        *replayed = market.map(|m| State::new(Market { last_round: 0, ..m }));
        if let Some(state) = replayed {
            events.iter().for_each(|e| state.fold(e));
            state.changes = Changes::default();
        }
        return None;
    }
    let Some(state) = replayed else { return None };
    if fold_only {
        events.iter().for_each(|e| state.fold(e));
    } else {
        // A rule that finds itself wrong panics; here it is a row that is wrong.
        let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| apply(state, envelope).0));
        *decided += 1;
        if again.is_err() {
            return Some(format!("journal: row {} can't be decided again: its rule finds itself wrong", row.sequence));
        }
        if again.is_ok_and(|again| again != events) {
            return Some(format!("journal: row {} decides otherwise when its command is applied again", row.sequence));
        }
    }
    state.changes = Changes::default();
    None
}

async fn compare_rows(store: &Store, state: &State) -> anyhow::Result<Option<String>> {
    let mut folded: BTreeMap<(Table, String), String> =
        state.all_rows().into_iter().filter(|r| r.live).map(|r| ((r.table, r.id), r.document)).collect();
    for table in Table::ALL {
        for (id, document) in store.live_documents(table).await? {
            match folded.remove(&(table, id.clone())) {
                None => return Ok(Some(format!("{table:?}: row {id} is live in the table and not in the journal"))),
                Some(expected) if expected != document && expected != in_present_form(table, &document) => {
                    return Ok(Some(format!("{table:?}: row {id} is {document}, the journal gives {expected}")));
                }
                Some(_) => {}
            }
        }
    }
    Ok(folded
        .into_keys()
        .next()
        .map(|(table, id)| format!("{table:?}: row {id} is live in the journal and not in the table")))
}

/// Every change since there is an audit has its event there, and nothing else has.
async fn compare_audit(store: &Store, mut audited: BTreeMap<String, i64>) -> anyhow::Result<Option<String>> {
    let mut since = None;
    let mut page = Page { limit: PAGE, ascending: true, ..Page::default() };
    loop {
        let Listed { rows, has_more } = store.list(Table::AuditEvents, &Scope::All, &page).await?;
        for (id, _) in &rows {
            match audited.remove(id) {
                Some(sequence) => since = since.or(Some(sequence)),
                None => return Ok(Some(format!("AuditEvents: row {id} is in the table and not in the journal"))),
            }
        }
        page.starting_after = rows.into_iter().next_back().map(|(id, _)| id);
        if !has_more {
            break;
        }
    }
    // Earlier versions kept none.
    let missing = audited.into_iter().find(|(_, sequence)| since.is_some_and(|since| *sequence > since));
    Ok(missing.map(|(id, sequence)| format!("AuditEvents: {id} of journal row {sequence} is not in the table")))
}

/// A row that an earlier version wrote may lack fields that have a default since.
fn in_present_form(table: Table, document: &str) -> String {
    match table {
        Table::Participants => again::<Participant>(document),
        Table::Market => again::<Market>(document),
        Table::Users => again::<User>(document),
        Table::ApiKeys => again::<ApiKey>(document),
        Table::Pools => again::<Pool>(document),
        Table::Nodes => again::<Node>(document),
        Table::ReservePrices => again::<ReservePrice>(document),
        Table::References => again::<Reference>(document),
        Table::Products => again::<Product>(document),
        Table::Shortages => again::<Shortage>(document),
        Table::HourlyPrices => again::<HourlyPrice>(document),
        Table::Modules => again::<Module>(document),
        Table::Instances => again::<Instance>(document),
        Table::Hints => again::<Hint>(document),
        Table::Profiles => again::<ApplicationProfile>(document),
        Table::Projects => again::<Project>(document),
        Table::Rounds => again::<Round>(document),
        Table::Orders => again::<Order>(document),
        Table::Awards => again::<Award>(document),
        Table::Swaps => again::<Swap>(document),
        // They are never live.
        Table::Receipts | Table::AuditEvents => String::new(),
    }
}

fn again<R: Record>(document: &str) -> String {
    serde_json::from_str(document).map(|record: R| record.document()).unwrap_or_default()
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
    // A lender's bond is held for its awards that are not settled, and for nothing else.
    let mut bonds: BTreeMap<_, Credits> = BTreeMap::new();
    for award in state.awards.values() {
        let open = award.lines.iter().filter(|l| !l.settled).map(|l| l.bond_held);
        *bonds.entry(award.participant).or_default() += open.sum();
    }
    for participant in state.participants.keys() {
        let bond = state.ledger.balance(Account::Bond(*participant));
        let expected = bonds.get(participant).copied().unwrap_or_default();
        if bond != expected {
            return Some(format!("accounts: {participant} has a bond of {bond}, its open awards need {expected}"));
        }
    }
    // A workload lies on one node, and that node is there.
    let nowhere = state.instances.values().find(|i| !state.nodes.contains_key(&i.node));
    nowhere.map(|i| format!("instances: {} lies on {}, which is not there", i.id, i.node))
}

pub async fn replay(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let address = Address::choose(args.database_url.as_deref(), &args.data)?;
    let store = Store::open_read_only(&address).await.map_err(|error| crate::cli::unusable(&address, error))?;
    let rounds = match args.round {
        Some(round) => vec![round],
        None => store.archived_rounds().await?,
    };
    let total = rounds.len();
    for round in rounds {
        let Some((book, outcome, hash)) = store.archived_round(round).await? else {
            crate::cli::say(format_args!("BAD: round {round} is not in the archive"));
            return Ok(ExitCode::from(BAD));
        };
        if let Err(bad) = clear_again(&book, &outcome, &hash) {
            crate::cli::say(format_args!("BAD: round {round}: {bad}"));
            return Ok(ExitCode::from(BAD));
        }
    }
    crate::cli::say(format_args!("ok: {total} rounds cleared again with the same result hash"));
    Ok(ExitCode::SUCCESS)
}

fn clear_again(book: &str, outcome: &str, hash: &str) -> Result<(), String> {
    let book: Book = serde_json::from_str(book).map_err(|e| format!("its book cannot be read: {e}"))?;
    let stored: clearing::Outcome =
        serde_json::from_str(outcome).map_err(|e| format!("its outcome cannot be read: {e}"))?;
    let stored_hash = stored.result_hash();
    if stored_hash != hash {
        return Err(format!("its outcome hashes to {stored_hash}, the record says {hash}"));
    }
    if let Err(broken) = clearing::verify_round(&book, stored) {
        return Err(format!("its outcome does not pass the check: {broken:?}"));
    }
    let book = Arc::new(book);
    for without_blocks in [false, true] {
        let limits = clearing::Limits { without_blocks, ..clearing::Limits::PRODUCTION };
        let Ok(again) = clearing::clear(&book, Mode::Market, &headroom_solver::MixedInteger::PRODUCTION, &limits)
        else {
            continue;
        };
        if again.result_hash() == hash {
            return Ok(());
        }
    }
    Err("clearing it again gives another result".to_owned())
}
