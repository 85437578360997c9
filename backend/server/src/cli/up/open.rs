//! What a server needs before its first command: clock, port, database, state and bus.
use super::UpArgs;
use super::wish::{admin_of, checked_url, rhythm_of_a_new_market, wished_rhythm};
use crate::cli::unusable;
use crate::clock::{Clock, SimulatedClock, SystemClock};
use anyhow::{Context, bail};
use headroom_market::market::{Market, Rhythm};
use headroom_market::state::State;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::Price;
use headroom_store::Store;
use headroom_store::bus::{Bus, InProcess, RedisBus};
use headroom_store::database::{self, Address};
use headroom_store::load::Head;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

/// A clock that is so far behind what the market has recorded is refused: until then the market would stand still.
const MOST_BEHIND_SECONDS: i64 = 600;

pub struct Opened {
    pub clock: Arc<dyn Clock>,
    pub listener: TcpListener,
    pub url: String,
    pub store: Arc<Store>,
    pub bus: Arc<dyn Bus>,
    pub head: Head,
    pub state: State,
    /// Nothing was ever written into the database.
    pub fresh: bool,
    /// The rhythm that a market which begins now will have.
    pub rhythm: Rhythm,
    pub wished: Option<Rhythm>,
}

pub async fn open(args: &UpArgs) -> anyhow::Result<Opened> {
    let simulated = simulated_start(args)?;
    let public_url = args.public_url.as_deref().map(checked_url).transpose()?;
    let wished = wished_rhythm(args)?;
    // The port first: a busy one must not leave a half-made database behind.
    let listener = listen(&args.listen).await?;
    let url = public_url
        .unwrap_or_else(|| format!("http://{}", listener.local_addr().map(|a| a.to_string()).unwrap_or_default()));
    let address = Address::choose(args.database_url.as_deref(), &args.data)?;
    let left = match &address {
        Address::Sqlite(path) => left_behind(&args.data, path),
        Address::Postgres(_) => Vec::new(),
    };
    if let Address::Sqlite(path) = &address
        && !std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
    {
        // Before an empty database is made of it.
        refuse_to_begin_anew(&args.data, path, &left)?;
    }
    let opened = Store::open(&address, &args.data).await;
    let store = Arc::new(opened.map_err(|error| unusable(&address, error))?);
    let head = store.head().await.map_err(|error| unusable(&address, error))?;
    let fresh = head.sequence == 0;
    if let (true, Address::Sqlite(path)) = (fresh, &address) {
        refuse_to_begin_anew(&args.data, path, &left)?;
    }
    if fresh && !args.demo {
        // Before anything is written: a market without an admin could never be used.
        admin_of(args)?;
    }
    let rhythm = rhythm_of_a_new_market(args)?;
    let state = match store.load_state().await.map_err(|error| unusable(&address, error))? {
        Some(state) if state.ledger.sum() != 0 => bail!(
            "all balances of the database sum to {} micro-credits and not to 0: it was changed by another program. Nothing was started. Run `headroom doctor --data {}`, and restore a backup",
            state.ledger.sum(),
            args.data.display()
        ),
        Some(state) => state,
        None if fresh => State::new(empty_market(rhythm.clone(), args.demo)),
        None => bail!("the database has a journal but no market. Run `headroom doctor --data {}`", args.data.display()),
    };
    let recorded = Timestamp::from_micros(store.last_recorded_at().await?);
    let clock = clock(simulated, recorded)?;
    let newest = store.stream_range().await?.1;
    let bus = bus(args.redis_url.as_deref().filter(|url| !url.is_empty()), newest).await?;
    Ok(Opened { clock, listener, url, store, bus, head, state, fresh, rhythm, wished })
}

fn simulated_start(args: &UpArgs) -> anyhow::Result<Option<Timestamp>> {
    let start = args.sim_clock.as_deref().map(str::parse).transpose();
    start.map_err(|e: &str| anyhow::anyhow!("--sim-clock: {e}"))
}

/// Never behind what the market has recorded: a slot that is settled would be traded and settled again.
fn clock(simulated: Option<Timestamp>, recorded: Timestamp) -> anyhow::Result<Arc<dyn Clock>> {
    if let Some(start) = simulated {
        return Ok(Arc::new(SimulatedClock::starting_at(start.max(recorded))));
    }
    let now = SystemClock::default().now();
    let behind = recorded.seconds() - now.seconds();
    if behind > MOST_BEHIND_SECONDS {
        bail!(
            "the clock of this machine says {now}, and the market has recorded something at {recorded}, {behind} s later. Nothing was started: until then it would stand still. Set the clock; if it is right now and was wrong before, wait until then, or restore a backup of before"
        );
    }
    if behind > 0 {
        tracing::warn!(
            %now, %recorded,
            "the clock is {behind} s behind what the market has recorded: the market stands still until then"
        );
    }
    Ok(Arc::new(SystemClock::not_before(recorded)))
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "Is another server running there? Choose another address with --listen",
            ErrorKind::AddrNotAvailable => {
                "This machine has no such address. Choose one that it has with --listen, or 0.0.0.0 for all"
            }
            ErrorKind::PermissionDenied => {
                "Ports below 1024 need a right of their own. Choose another with --listen, or give the program CAP_NET_BIND_SERVICE"
            }
            _ => "Name a host or an address and a port from 0 to 65535 with --listen, as in 127.0.0.1:8080 or [::1]:8080",
        };
        anyhow::Error::new(error).context(format!("cannot listen on `{address}`. {why}"))
    })
}

/// What a market has left in a data directory whose database is not there, or is empty. Files of a directory that
/// serves databases elsewhere are not of this one.
fn left_behind(data: &Path, database: &Path) -> Vec<&'static str> {
    let is_there = |name: &&str| std::fs::metadata(data.join(name)).is_ok();
    if database != data.join("headroom.db") || !is_there(&"observations.db") {
        return Vec::new();
    }
    // A first start that was refused has left the two databases and nothing else.
    let holds = |name: &&str| match *name {
        "checkpoints" => std::fs::read_dir(data.join(name)).is_ok_and(|mut files| files.next().is_some()),
        _ => is_there(name),
    };
    let left: Vec<&str> = ["token-signing.key", "checkpoints", "demo-access.json"].into_iter().filter(holds).collect();
    if left.is_empty() { left } else { [&["observations.db"], &left[..]].concat() }
}

/// A new market beside what is left of another one would hide that its database is lost.
fn refuse_to_begin_anew(data: &Path, database: &Path, left: &[&str]) -> anyhow::Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    bail!(
        "{} is not there or holds no market, and {} beside it are of one. Nothing was started. Put the database back, with its headroom.db-wal, or restore a backup; for a new market choose another directory with --data, or move what is left out of {}",
        database.display(),
        left.join(", "),
        data.display()
    )
}

async fn bus(redis: Option<&str>, newest: i64) -> anyhow::Result<Arc<dyn Bus>> {
    let Some(redis) = redis else { return Ok(Arc::new(InProcess::new(newest))) };
    let connected = RedisBus::connect(redis, newest).await.with_context(|| {
        format!(
            "cannot reach Redis at {}. Start it, correct REDIS_URL, or leave it out: it is optional",
            database::hide_password(redis)
        )
    })?;
    Ok(Arc::new(connected))
}

/// The state before the first command.
fn empty_market(rhythm: Rhythm, demo: bool) -> Market {
    let zero = Timestamp::default();
    let slot = Slot::default();
    Market {
        name: String::new(),
        rhythm,
        price_cap: Price::ZERO,
        demo,
        last_round: 0,
        last_root: String::new(),
        full_round: 0,
        pool_rounds: BTreeMap::new(),
        planned_until: slot,
        settled_until: slot,
        created_at: zero,
        two_person_approval: false,
    }
}
