//! `headroom up`: everything in one process.
use crate::app::disk::Disk;
use crate::app::exchange::{App, LiveDirectory};
use crate::app::refresh::REFRESH_SECONDS;
use crate::app::sessions::Sessions;
use crate::app::tokens::{ACCESS_SECONDS, TokenKeys};
use crate::clock::{Clock, SimulatedClock, SystemClock};
use crate::demo::access::{self, Access};
use crate::demo::seed;
use crate::http;
use crate::http::limit::Limiter;
use crate::sequencer::{Attached, Busy, MOST_IN_A_BATCH, Parts, Sequencer};
use crate::workers::conductor::{Conductor, recall_meter, recover};
use crate::workers::forecasts::Board;
use crate::workers::nodes::Nodes;
use anyhow::{Context, bail};
use clap::Args;
use headroom_market::command::Command;
use headroom_market::market::{Market, Rhythm};
use headroom_market::state::State;
use headroom_market::time::Timestamp;
use headroom_market::units::Price;
use headroom_store::bus::{Bus, InProcess, RedisBus};
use headroom_store::database::Address;
use headroom_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Starts the market: API, web UI, sequencer, forecaster, clearing and node workers.
///
/// Everything runs in one process on an embedded database under --data. Ctrl-C stops it: the
/// running transaction is finished, workloads are paused with a checkpoint, and the next start
/// goes on from there.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  headroom up --demo                     a small market driven by a real trace\n  headroom up --data /srv/headroom       your own market\n  DATABASE_URL=postgres://… headroom up  on PostgreSQL\n\nEnvironment: DATABASE_URL (sqlite://… or postgres://…), REDIS_URL, HEADROOM_LOG (info, debug, …)."
)]
pub struct UpArgs {
    /// Seeds a small market on first start and drives it from a real trace.
    #[arg(long)]
    demo: bool,
    /// Where the data is.
    #[arg(long, value_name = "DIR", default_value = "./data", env = "HEADROOM_DATA")]
    data: PathBuf,
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", env = "HEADROOM_LISTEN")]
    listen: String,
    /// Address that users see, if it is another one; https makes cookies Secure.
    #[arg(long, value_name = "URL", env = "HEADROOM_PUBLIC_URL")]
    public_url: Option<String>,
    /// A proxy is in front: the last address in X-Forwarded-For is the client's.
    #[arg(long, env = "HEADROOM_BEHIND_PROXY")]
    behind_proxy: bool,
    /// Requests a minute and user; 0 switches the limit off.
    #[arg(long, value_name = "N", default_value_t = 6000, env = "HEADROOM_RATE_LIMIT")]
    rate_limit: u32,
    /// MiB that members leave free on the disk of the data directory: with less, nothing new is taken from them and the
    /// market goes on. 512 if left out, or a twentieth of a small disk; 0 refuses nothing.
    #[arg(long, value_name = "MIB", env = "HEADROOM_DISK_RESERVE_MIB")]
    disk_reserve_mib: Option<u64>,
    /// Seconds of a slot (a divisor of 3600), 300 if left out; fixed at the first start.
    #[arg(long, value_name = "S", env = "HEADROOM_SLOT_SECONDS")]
    slot_seconds: Option<i64>,
    /// Commands in one transaction; for comparisons.
    #[arg(long, value_name = "N", default_value_t = MOST_IN_A_BATCH, env = "HEADROOM_SEQUENCER_MAX_BATCH", hide = true)]
    max_batch: usize,
    /// Runs on a clock that only moves by POST /v1/sandbox/clock/advance.
    #[arg(long, value_name = "START", hide = true)]
    sim_clock: Option<String>,
    /// The demo's trace begins so many slots later: other demand for the same market, in tests.
    #[arg(long, value_name = "SLOTS", default_value_t = 0, hide = true)]
    trace_from: u64,
    /// Whether a reserve price needs the approval of a second person; stays as it was if left out.
    #[arg(long, value_name = "on|off", env = "HEADROOM_TWO_PERSON_APPROVAL")]
    two_person_approval: Option<Switch>,
    #[arg(long, env = "DATABASE_URL", hide = true)]
    database_url: Option<String>,
    #[arg(long, env = "REDIS_URL", hide = true)]
    redis_url: Option<String>,
    /// The first admin of a market that is not a demo.
    #[arg(long, value_name = "EMAIL", env = "HEADROOM_ADMIN_EMAIL")]
    admin_email: Option<String>,
    /// Its password.
    #[arg(long, value_name = "PASSWORD", env = "HEADROOM_ADMIN_PASSWORD", hide_env_values = true)]
    admin_password: Option<String>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    On,
    Off,
}

/// Slots of a market whose first start named no other length.
const SLOT_SECONDS: i64 = 300;
/// The highest price of anything, credits per base unit and slot.
const PRICE_CAP: &str = "1";
/// Open connections get this long to finish after the streams have ended.
const DRAIN: Duration = Duration::from_secs(5);

pub async fn run(args: UpArgs) -> anyhow::Result<()> {
    refuse_instead_of_ending()?;
    let started = std::time::Instant::now();
    let clock: Arc<dyn Clock> = match &args.sim_clock {
        Some(text) => {
            let start: Timestamp = text.parse().map_err(|e: &str| anyhow::anyhow!("--sim-clock: {e}"))?;
            Arc::new(SimulatedClock::starting_at(start))
        }
        None => Arc::new(SystemClock::default()),
    };
    let public_url = args.public_url.as_deref().map(checked_url).transpose()?;
    let wished = wished_rhythm(&args)?;
    // The port first: a busy one must not leave a half-made database behind.
    let listener = tokio::net::TcpListener::bind(&args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}. Is another server running there? Choose another address with --listen",
            args.listen
        )
    })?;
    let url = public_url
        .unwrap_or_else(|| format!("http://{}", listener.local_addr().map(|a| a.to_string()).unwrap_or_default()));
    let address = Address::choose(args.database_url.as_deref(), &args.data)?;
    let opened = Store::open(&address, &args.data).await;
    let store = Arc::new(opened.map_err(|error| crate::cli::unusable(&address, error))?);
    let unusable = |error| crate::cli::unusable(&address, error);
    let head = store.head().await.map_err(unusable)?;
    let fresh = head.sequence == 0;
    if fresh && !args.demo {
        // Before anything is written: a market without an admin could never be used.
        admin_of(&args)?;
    }
    let rhythm = wished.clone().unwrap_or(if args.demo { seed::RHYTHM } else { own_rhythm(SLOT_SECONDS)? });
    let state = match store.load_state().await.map_err(unusable)? {
        Some(state) if state.ledger.sum() != 0 => bail!(
            "all balances of the database sum to {} micro-credits and not to 0: it was changed by another program. Nothing was started. Run `headroom doctor --data {}`, and restore a backup",
            state.ledger.sum(),
            args.data.display()
        ),
        Some(state) => state,
        None if fresh => State::new(empty_market(rhythm.clone(), args.demo)),
        None => bail!("the database has a journal but no market. Run `headroom doctor --data {}`", args.data.display()),
    };
    let newest = store.stream_range().await?.1;
    let bus: Arc<dyn Bus> = match args.redis_url.as_deref().filter(|u| !u.is_empty()) {
        Some(redis) => Arc::new(RedisBus::connect(redis, newest).await.with_context(|| {
            format!(
                "cannot reach Redis at {}. Start it, correct REDIS_URL, or leave it out: it is optional",
                headroom_store::database::hide_password(redis)
            )
        })?),
        None => Arc::new(InProcess::new(newest)),
    };
    let process_seed = if clock.is_simulated() { 1 } else { random_u64()? };
    let parts = Parts {
        store: store.clone(),
        state,
        head,
        clock: clock.clone(),
        bus: bus.clone(),
        process_seed,
        max_batch: args.max_batch.clamp(1, MOST_IN_A_BATCH),
    };
    let (sequencer, mut writer) = Sequencer::start(parts);
    let begun = async {
        if fresh {
            let command = Command::OpenMarket {
                name: "Headroom".to_owned(),
                rhythm,
                price_cap: PRICE_CAP.parse()?,
                demo: args.demo,
            };
            sequencer.internal(command, Attached::default()).await?;
        }
        let market = sequencer.query(|s| s.market.clone()).await?;
        if market.demo != args.demo {
            let kind = if market.demo {
                "a demo market: start it with --demo"
            } else {
                "a market of your own: start it without --demo"
            };
            bail!("{} holds {kind}, or choose another directory with --data", args.data.display());
        }
        if let Some(wished) = wished.filter(|wished| wished.slot_seconds != market.rhythm.slot_seconds) {
            bail!(
                "--slot-seconds {} can't change this market: since its first start its slots have {} seconds. Leave --slot-seconds (HEADROOM_SLOT_SECONDS) out, or choose another directory with --data",
                wished.slot_seconds,
                market.rhythm.slot_seconds
            );
        }
        let nodes =
            Arc::new(Nodes::new(&args.data, market.rhythm.slot_seconds, market.demo.then_some(args.trace_from))?);
        let board = Arc::new(Board::default());
        match store.observations.forecasters().await {
            Ok(rows) => board.restore(rows, market.rhythm.slot_seconds, clock.now()),
            Err(error) => tracing::warn!(%error, "forecasters start afresh"),
        }
        let unfinished = !fresh && sequencer.query(|s| s.users.is_empty()).await?;
        if unfinished && args.demo {
            bail!("the demo was stopped while it was being seeded. Remove {} and start again", args.data.display());
        }
        if fresh || unfinished {
            first_start(&args, &sequencer, clock.now(), &url).await?;
        } else {
            recover(&sequencer, &nodes, clock.now()).await?;
        }
        if let Some(switch) = args.two_person_approval {
            // A command like any other, so the journal says when it was turned on and off.
            let command = Command::SetReserveApproval { two_person: switch == Switch::On };
            sequencer.internal(command, Attached::default()).await?;
        }
        let meter = recall_meter(&sequencer, &store, clock.now()).await?;
        anyhow::Ok((market, nodes, board, meter))
    };
    let (market, nodes, board, meter) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return Err(what_ended_it(error, &mut writer).await),
    };
    let (stop, stopping) = watch::channel(false);
    let (advances, advance_queue) = mpsc::channel(1);
    let conductor = Conductor::new(
        sequencer.clone(),
        store.clone(),
        clock.clone(),
        nodes.clone(),
        board.clone(),
        advance_queue,
        stopping.clone(),
    )
    .recalling(meter);
    // Issued within the life of an access token, so one of theirs may still be good.
    let recent = clock.now().plus_seconds(REFRESH_SECONDS - ACCESS_SECONDS).micros();
    let recent = store.observations.families_until_after(recent).await?;
    let sessions = Sessions::of(recent, clock.now().seconds());
    let app = Arc::new(App {
        sequencer: sequencer.clone(),
        store: store.clone(),
        clock: clock.clone(),
        bus,
        tokens: TokenKeys::load_or_create(&args.data)?,
        sessions,
        limiter: Limiter::new(args.rate_limit),
        rhythm: market.rhythm.clone(),
        demo: market.demo,
        secure_cookies: url.starts_with("https://"),
        behind_proxy: args.behind_proxy,
        process: process_seed & 0xffff_ffff,
        forecasts: board.clone(),
        nodes: nodes.clone(),
        conductor: advances,
        stopping: stopping.clone(),
        pulse: conductor.pulse.clone(),
        directory: LiveDirectory::of(&sequencer).await?,
        winning: Default::default(),
        last_round: Default::default(),
        advice_turn: tokio::sync::Semaphore::new(1),
        simulations: Default::default(),
        disk: Disk::new(args.data.clone(), args.disk_reserve_mib),
    });
    let demo_access = match market.demo {
        true => access::settle(&args.data, &app.directory())
            .with_context(|| format!("cannot use {}", access::path(&args.data).display()))?,
        false => None,
    };
    let conductor = tokio::spawn(conductor.run());
    if !clock.is_simulated() {
        nodes.start_threads(clock.clone())?;
    }
    let sweeping = tokio::spawn(sweep(app.clone()));
    let beating = tokio::spawn(beat(store.clone()));
    let service = Arc::new(http::service(app.clone()));
    let stop_requested = stop_signal()?;
    let served = tokio::spawn(http::serve::run(listener, service, stopping.clone()));
    announce(&args, &url, started.elapsed(), demo_access.as_ref());
    let mut beating = beating;
    let failure = tokio::select! {
        ended = &mut writer => Some(ended),
        lost = &mut beating => Some(lost),
        () = stop_requested => None,
    };
    crate::cli::complain(format_args!("stopping: no new requests, finishing what is under way …"));
    // Streams end first: they would keep the connections open.
    stop.send_replace(true);
    let _drained = tokio::time::timeout(DRAIN, served).await;
    sweeping.abort();
    beating.abort();
    let _stopped = tokio::time::timeout(DRAIN, conductor).await;
    let paused = tokio::task::spawn_blocking({
        let nodes = nodes.clone();
        move || nodes.stop()
    })
    .await?;
    match paused {
        Ok(count) => crate::cli::complain(format_args!("{count} workloads paused with a checkpoint")),
        Err(error) => crate::cli::complain(format_args!(
            "checkpoints could not be written: {error}. Workloads go on from older ones"
        )),
    }
    store_forecasters(&store, &board).await;
    drop(app);
    drop(sequencer);
    if let Some(ended) = failure {
        return Err(not_committed(ended));
    }
    let _finished = tokio::time::timeout(DRAIN, writer).await;
    if let Err(error) = store.give_back_lease().await {
        tracing::warn!(%error, "the lease runs out by itself");
    }
    store.close().await;
    Ok(())
}

type Ended = Result<Result<(), StoreError>, tokio::task::JoinError>;

fn not_committed(ended: Ended) -> anyhow::Error {
    let error = match ended {
        Ok(Ok(())) => anyhow::anyhow!("the sequencer ended"),
        Ok(Err(error)) => anyhow::Error::new(error),
        Err(error) => anyhow::Error::new(error),
    };
    error.context("a transaction could not be committed, so the process ends; all that was acknowledged is stored, and of what was not some may be. Check the disk and the database, then start again")
}

/// Where a start fails because the writer has ended, the writer knows why.
async fn what_ended_it(
    error: anyhow::Error,
    writer: &mut tokio::task::JoinHandle<Result<(), StoreError>>,
) -> anyhow::Error {
    if !matches!(error.downcast_ref::<Busy>(), Some(Busy::Stopped | Busy::Unknown)) {
        return error;
    }
    match tokio::time::timeout(DRAIN, writer).await {
        Ok(ended) => not_committed(ended),
        Err(_) => error,
    }
}

fn own_rhythm(slot_seconds: i64) -> anyhow::Result<Rhythm> {
    if !(10..=3600).contains(&slot_seconds) || 3600 % slot_seconds != 0 {
        bail!("--slot-seconds {slot_seconds} is not possible: it must be a divisor of 3600 from 10 up");
    }
    let lead_seconds = (slot_seconds / 5).clamp(2, 60);
    let round_seconds = (slot_seconds / 30).clamp(2, 10);
    Ok(Rhythm { slot_seconds, horizon_slots: 6, lead_seconds, round_seconds })
}

/// The rhythm that the command line asks for, if it does.
fn wished_rhythm(args: &UpArgs) -> anyhow::Result<Option<Rhythm>> {
    let Some(slot_seconds) = args.slot_seconds else { return Ok(None) };
    if args.demo && slot_seconds != seed::RHYTHM.slot_seconds {
        bail!("a demo has slots of {} seconds: leave --slot-seconds out", seed::RHYTHM.slot_seconds);
    }
    if args.demo { Ok(Some(seed::RHYTHM)) } else { own_rhythm(slot_seconds).map(Some) }
}

/// An address that links can be made of and that says whether it is https.
fn checked_url(text: &str) -> anyhow::Result<String> {
    let uri: Option<axum::http::Uri> = text.trim_end_matches('/').parse().ok();
    let whole = uri.filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    let whole = whole.filter(|uri| uri.path() == "/" && uri.query().is_none());
    match whole {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => bail!(
            "--public-url `{text}` is not the address of a server. Write it with http or https and without a path, for example https://headroom.example.org"
        ),
    }
}

/// The state before the first command.
fn empty_market(rhythm: Rhythm, demo: bool) -> Market {
    let zero = Timestamp::default();
    let slot = headroom_market::time::Slot::default();
    Market {
        name: String::new(),
        rhythm,
        price_cap: Price::ZERO,
        demo,
        last_round: 0,
        last_root: String::new(),
        full_round: 0,
        pool_rounds: BTreeMap::new(),
        ways: BTreeMap::new(),
        planned_until: slot,
        settled_until: slot,
        created_at: zero,
        two_person_approval: false,
    }
}

fn random_u64() -> anyhow::Result<u64> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no random numbers: {e}"))?;
    Ok(u64::from_le_bytes(bytes))
}

async fn first_start(args: &UpArgs, sequencer: &Sequencer, now: Timestamp, url: &str) -> anyhow::Result<()> {
    if args.demo {
        let fixed = args.sim_clock.is_some().then_some(1);
        let access = seed::seed(sequencer, now, url, fixed).await?;
        let written = access::write(&args.data, &access);
        return written.with_context(|| format!("cannot write {}", access::path(&args.data).display()));
    }
    let (email, password) = admin_of(args)?;
    crate::cli::admin::create_first(sequencer, email, password).await
}

fn admin_of(args: &UpArgs) -> anyhow::Result<(&str, &str)> {
    let (Some(email), Some(password)) = (&args.admin_email, &args.admin_password) else {
        bail!(
            "a new market needs its first admin: set HEADROOM_ADMIN_EMAIL and HEADROOM_ADMIN_PASSWORD (at least 12 characters), or try --demo"
        );
    };
    if !crate::app::directory::is_email(email) {
        bail!("HEADROOM_ADMIN_EMAIL `{email}` is not an e-mail address. It looks like name@example.org");
    }
    if password.chars().count() < crate::app::passwords::LEAST_CHARACTERS {
        bail!("HEADROOM_ADMIN_PASSWORD must have at least {} characters", crate::app::passwords::LEAST_CHARACTERS);
    }
    Ok((email, password))
}

/// The address and who can sign in.
fn announce(args: &UpArgs, url: &str, took: Duration, access: Option<&Access>) {
    crate::cli::say(format_args!("Headroom is at {url}  (API: {url}/docs, started in {:.1} s)", took.as_secs_f64()));
    if args.demo {
        print_demo(&args.data, url, access);
    }
    crate::cli::say(format_args!("Ctrl-C stops it; the next start goes on from there."));
}

fn print_demo(data: &Path, url: &str, access: Option<&Access>) {
    let path = access::path(data);
    let path = path.display();
    if let Some(access) = access {
        crate::cli::say(format_args!("\nDEMO: sign in at {url} as any of these (also in {path}):\n"));
        crate::cli::say(format_args!("  {:<9} {:<28} {:<22} API key", "role", "email", "password"));
        for user in &access.users {
            let (role, email, password, key) = (&user.role, &user.email, &user.password, &user.api_key);
            crate::cli::say(format_args!("  {role:<9} {email:<28} {password:<22} {key}"));
        }
    } else {
        crate::cli::say(format_args!(
            "\nDEMO: the passwords and keys of this market are in no file of {}. Put its {path} back, or start a new demo with another --data.",
            data.display()
        ));
    }
    crate::cli::say(format_args!(
        "\n60-second slots driven by a recorded trace; the first delivery is settled within 3 minutes.\n"
    ));
}

async fn sweep(app: Arc<App>) {
    let mut interval = tokio::time::interval(Duration::from_secs(60));
    loop {
        interval.tick().await;
        app.limiter.sweep();
        app.sessions.sweep(app.now().seconds());
    }
}

/// Keeps the lease of an idle market; ends with the error when it is lost.
async fn beat(store: Arc<Store>) -> Result<(), headroom_store::StoreError> {
    loop {
        tokio::time::sleep(headroom_store::lease::HEARTBEAT).await;
        store.heartbeat().await?;
    }
}

async fn store_forecasters(store: &Store, board: &Board) {
    let observed = headroom_store::observations::Observed { forecasters: board.states(), ..Default::default() };
    if let Err(error) = store.observations.write(observed).await {
        tracing::warn!(%error, "what the forecasters learned since the last save is lost");
    }
}

/// From here on a file that may not grow any more (`ulimit -f`) refuses what is written, like a full disk, instead of
/// ending the process without a word.
fn refuse_instead_of_ending() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    /// SIGXFSZ of Linux and macOS.
    const FILE_TOO_LARGE: i32 = 25;
    // Heard once, it is never again what ends the process.
    signal(SignalKind::from_raw(FILE_TOO_LARGE)).map(|_heard| ()).context("cannot listen for signals")
}

/// Listens for SIGINT and SIGTERM from the call on, not only from the first poll: a stop that
/// comes right after the start must be an orderly one too.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
