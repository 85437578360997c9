//! `headroom up`: everything in one process.
//!
//! `wish` (what is asked for) → `open` (port, database, bus) → `begin` (first commands) → serving, here → `stop`.
mod announce;
mod begin;
mod commands;
mod open;
mod services;
mod stop;
mod wish;

use crate::app::disk::Disk;
use crate::app::exchange::{App, LiveDirectory};
use crate::app::key_uses::KeyUses;
use crate::app::limiter::Limiter;
use crate::app::refresh::REFRESH_SECONDS;
use crate::app::sessions::Sessions;
use crate::app::tokens::{ACCESS_SECONDS, TokenKeys};
use crate::demo::access;
use crate::http;
use crate::sequencer::{MOST_IN_A_BATCH, Parts, Sequencer};
use crate::workers::conductor::Conductor;
use anyhow::Context;
use begin::{Begun, Start, begin};
use clap::Args;
use headroom_store::Store;
use open::{Opened, open};
use std::path::PathBuf;
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
    /// Folder with programs that members may run as workloads, each by its name and as the user that this process
    /// is: put only programs there that you trust with that. Without it no commands run.
    #[arg(long, value_name = "DIR", env = "HEADROOM_COMMANDS")]
    commands: Option<PathBuf>,
    /// Folder with one TOML file for each HTTP service that a workload may be; started as the user that this process is.
    /// Without it no services run.
    #[arg(long, value_name = "DIR", env = "HEADROOM_SERVICES")]
    services: Option<PathBuf>,
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

/// Open connections get this long to finish after the streams have ended.
const DRAIN: Duration = Duration::from_secs(5);

/// What a server that has failed writes last may take as long as this, where it can be written at all.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub async fn run(args: UpArgs) -> anyhow::Result<()> {
    stop::refuse_instead_of_ending()?;
    let started = std::time::Instant::now();
    let Opened { clock, listener, url, store, bus, head, state, fresh, rhythm, wished } = open(&args).await?;
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
    let start = Start { args: &args, store: &store, clock: &*clock, url: &url, fresh, rhythm, wished };
    let Begun { market, nodes, board, meter } = match begin(start, &sequencer).await {
        Ok(begun) => begun,
        Err(error) => return Err(stop::what_ended_it(error, &mut writer).await),
    };
    let (end, stopping) = watch::channel(false);
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
        key_uses: key_uses(&store).await,
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
        externalities: Default::default(),
        last_round: Default::default(),
        simulations: Default::default(),
        disk: Disk::new(args.data.clone(), args.disk_reserve_mib),
    });
    let demo_access = match market.demo {
        true => access::settle(&args.data, &app.directory())
            .with_context(|| format!("cannot use {}", access::path(&args.data).display()))?,
        false => None,
    };
    let mut conductor = tokio::spawn(conductor.run());
    if !clock.is_simulated() {
        nodes.start_threads(clock.clone())?;
    }
    let sweeping = tokio::spawn(sweep(app.clone()));
    let mut beating = tokio::spawn(beat(store.clone()));
    let service = Arc::new(http::service(app.clone()));
    let stop_requested = stop::stop_signal()?;
    let served = tokio::spawn(http::serve::run(listener, service, stopping.clone()));
    announce::announce(&args, &url, started.elapsed(), demo_access.as_ref());
    let failure = tokio::select! {
        ended = &mut writer => Some(stop::not_committed(ended)),
        lost = &mut beating => Some(stop::not_committed(lost)),
        ended = &mut conductor => Some(stop::no_market(ended, &mut writer).await),
        () = stop_requested => None,
    };
    crate::cli::complain(format_args!("stopping: no new requests, finishing what is under way …"));
    // Streams end first: they would keep the connections open.
    end.send_replace(true);
    let _drained = tokio::time::timeout(DRAIN, served).await;
    sweeping.abort();
    beating.abort();
    if !conductor.is_finished() {
        let _stopped = tokio::time::timeout(DRAIN, conductor).await;
    }
    stop::pause(nodes).await?;
    let last = async {
        stop::store_forecasters(&store, &board).await;
        write_key_uses(&app).await;
    };
    // A database that has gone away would have each of them wait for a connection; what they write may be lost.
    let away = failure.is_some() || store.is_away();
    match away {
        true => drop(tokio::time::timeout(LAST_WORDS, last).await),
        false => last.await,
    }
    drop(app);
    drop(sequencer);
    if let Some(error) = failure {
        return Err(error);
    }
    if away {
        crate::cli::complain(format_args!(
            "the database is away: all that was acknowledged is stored, and the lease runs out by itself"
        ));
        return Ok(());
    }
    let _finished = tokio::time::timeout(DRAIN, writer).await;
    if let Err(error) = store.give_back_lease().await {
        tracing::warn!(%error, "the lease runs out by itself");
    }
    store.close().await;
    Ok(())
}

fn random_u64() -> anyhow::Result<u64> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no random numbers: {e}"))?;
    Ok(u64::from_le_bytes(bytes))
}

async fn sweep(app: Arc<App>) {
    let mut interval = tokio::time::interval(Duration::from_secs(60));
    loop {
        interval.tick().await;
        app.limiter.sweep();
        app.sessions.sweep(app.now().seconds());
        write_key_uses(&app).await;
    }
}

async fn key_uses(store: &Store) -> KeyUses {
    KeyUses::of(store.observations.key_uses().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "when keys were last used is not known");
        Vec::new()
    }))
}

async fn write_key_uses(app: &App) {
    let rows = app.key_uses.take_unwritten();
    if let Err(error) = app.store.observations.write_key_uses(&rows).await {
        tracing::warn!(%error, "when keys were last used is written later");
        app.key_uses.put_back(rows);
    }
}

/// Keeps the lease of an idle market; ends with the error when it is lost.
async fn beat(store: Arc<Store>) -> Result<(), headroom_store::StoreError> {
    loop {
        tokio::time::sleep(headroom_store::lease::HEARTBEAT).await;
        store.heartbeat().await?;
    }
}
