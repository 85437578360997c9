//! The live state from its tables: what a start needs, never the whole history.
use crate::database::{Database, Store};
use crate::error::StoreError;
use crate::journal::{GENESIS, JournalRow};
use crate::on_either;
use crate::reference;
use crate::sql::constant;
use crate::write::{MARKET, table_name};
use headroom_market::book::Order;
use headroom_market::ledger::Account;
use headroom_market::market::Market;
use headroom_market::project::Project;
use headroom_market::record::{Record, Table};
use headroom_market::round::Award;
use headroom_market::state::{Changes, Held, State};
use headroom_market::swap::Swap;
use headroom_market::units::Credits;

/// The end of the journal and of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub sequence: i64,
    pub chain_hash: String,
    /// The newest event's id. A command with many events can leave it ahead of its sequence.
    pub event: i64,
}

/// A row of an account: its id and micro-credits.
pub(crate) fn parse_balance((id, balance): (String, i64)) -> Result<(Account, Credits), StoreError> {
    let account = id.parse().map_err(|reason: &str| corrupt("accounts", &id, reason))?;
    Ok((account, Credits::from_units(balance)))
}

impl Store {
    pub async fn head(&self) -> Result<Head, StoreError> {
        let text = "SELECT sequence, chain_hash FROM journal ORDER BY sequence DESC LIMIT 1";
        let row: Option<(i64, String)> =
            on_either!(&self.market, pool => sqlx::query_as(text).fetch_optional(pool).await?);
        let (_oldest, event) = self.stream_range().await?;
        let (sequence, chain_hash) = row.unwrap_or_else(|| (0, GENESIS.to_owned()));
        Ok(Head { sequence, chain_hash, event })
    }

    /// The live state; `None` in a database where no market was opened yet.
    pub async fn load_state(&self) -> Result<Option<State>, StoreError> {
        let markets: Vec<Market> = live(&self.market).await?;
        let Some(market) = markets.into_iter().next() else { return Ok(None) };
        let mut state = State::new(market);
        put_all::<headroom_market::participant::Participant>(self, &mut state).await?;
        put_all::<headroom_market::participant::User>(self, &mut state).await?;
        put_all::<headroom_market::participant::ApiKey>(self, &mut state).await?;
        put_all::<headroom_market::pool::Pool>(self, &mut state).await?;
        put_all::<headroom_market::pool::Node>(self, &mut state).await?;
        put_all::<headroom_market::pool::ReservePrice>(self, &mut state).await?;
        put_all::<headroom_market::pool::Reference>(self, &mut state).await?;
        put_all::<headroom_market::pool::Product>(self, &mut state).await?;
        put_all::<headroom_market::pool::scarcity::Shortage>(self, &mut state).await?;
        put_all::<headroom_market::pool::hourly::HourlyPrice>(self, &mut state).await?;
        put_all::<headroom_market::workload::Module>(self, &mut state).await?;
        put_all::<headroom_market::workload::Instance>(self, &mut state).await?;
        put_all::<headroom_market::settlement::dispute::Dispute>(self, &mut state).await?;
        put_all::<headroom_market::workload::guidance::Hint>(self, &mut state).await?;
        put_all::<headroom_market::workload::guidance::ApplicationProfile>(self, &mut state).await?;
        for project in live::<Project>(&self.market).await? {
            state.put_project(project);
        }
        put_all::<headroom_market::round::Round>(self, &mut state).await?;
        for order in live::<Order>(&self.market).await? {
            state.add_order(order);
        }
        for award in live::<Award>(&self.market).await? {
            state.put_award(award);
        }
        for swap in live::<Swap>(&self.market).await? {
            state.put_swap(swap);
        }
        for (account, balance) in self.balances().await? {
            state.ledger.restore(account, balance);
        }
        state.changes = Changes::default();
        Ok(Some(state))
    }

    pub async fn balances(&self) -> Result<Vec<(Account, Credits)>, StoreError> {
        let text = "SELECT id, balance FROM accounts WHERE market = $1 ORDER BY id";
        let rows: Vec<(String, i64)> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(MARKET).fetch_all(pool).await?);
        rows.into_iter().map(parse_balance).collect()
    }

    /// Journal rows from `after` on, in order, at most `limit`.
    pub async fn journal_after(&self, after: i64, limit: i64) -> Result<Vec<JournalRow>, StoreError> {
        type Columns = (i64, i64, String, Option<String>, Option<String>, String, String, String, i64, String);
        let text = "SELECT sequence, recorded_at, actor, idempotency, request_hash, command, events, reply, rule_version, chain_hash FROM journal WHERE sequence > $1 ORDER BY sequence LIMIT $2";
        let rows: Vec<Columns> =
            on_either!(&self.market, pool => sqlx::query_as(text).bind(after).bind(limit).fetch_all(pool).await?);
        let row = |(
            sequence,
            recorded_at,
            actor,
            idempotency,
            request_hash,
            command,
            events,
            reply,
            rule_version,
            chain_hash,
        ): Columns| {
            JournalRow {
                sequence,
                recorded_at,
                actor,
                idempotency,
                request_hash,
                command,
                events,
                reply,
                rule_version,
                chain_hash,
            }
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Every live row of a table as (id, document), for `doctor`.
    pub async fn live_documents(&self, table: Table) -> Result<Vec<(String, String)>, StoreError> {
        documents(&self.market, table).await
    }
}

async fn put_all<R: Held>(store: &Store, state: &mut State) -> Result<(), StoreError> {
    for record in live::<R>(&store.market).await? {
        state.put(record);
    }
    Ok(())
}

async fn documents(database: &Database, table: Table) -> Result<Vec<(String, String)>, StoreError> {
    let text = format!("SELECT id, document FROM {} WHERE market = $1 AND live = 1 ORDER BY id", table_name(table));
    let mut rows: Vec<(String, String)> =
        on_either!(database, pool => sqlx::query_as(constant(text)).bind(MARKET).fetch_all(pool).await?);
    reference::resolve_rows(database, table_name(table), &mut rows).await?;
    Ok(rows)
}

async fn live<R: Record>(database: &Database) -> Result<Vec<R>, StoreError> {
    let parse = |(id, document): (String, String)| {
        serde_json::from_str(&document).map_err(|e| corrupt(table_name(R::TABLE), &id, &e.to_string()))
    };
    documents(database, R::TABLE).await?.into_iter().map(parse).collect()
}

pub fn corrupt(table: &str, id: &str, reason: &str) -> StoreError {
    StoreError::Corrupt { table: table.to_owned(), id: id.to_owned(), reason: reason.to_owned() }
}
