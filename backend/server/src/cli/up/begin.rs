//! The first commands of a start: a market that is new is opened and gets its first users, one that was there goes on.
use super::wish::admin_of;
use super::{Switch, UpArgs, commands, services};
use crate::clock::Clock;
use crate::demo::{access, seed};
use crate::sequencer::{Attached, Sequencer};
use crate::workers::forecasts::Board;
use crate::workers::meter::Meter;
use crate::workers::nodes::Nodes;
use crate::workers::recovery::{recall_meter, recover};
use anyhow::{Context, bail};
use headroom_market::command::Command;
use headroom_market::market::{Market, Rhythm};
use headroom_market::time::Timestamp;
use headroom_store::Store;
use std::sync::Arc;

/// The highest price of anything, credits per base unit and slot.
const PRICE_CAP: &str = "1";

/// What is known before the first command.
pub struct Start<'a> {
    pub args: &'a UpArgs,
    pub store: &'a Store,
    pub clock: &'a dyn Clock,
    pub url: &'a str,
    pub fresh: bool,
    pub rhythm: Rhythm,
    pub wished: Option<Rhythm>,
}

/// A market that goes on.
pub struct Begun {
    pub market: Market,
    pub nodes: Arc<Nodes>,
    pub board: Arc<Board>,
    pub meter: Meter,
}

pub async fn begin(start: Start<'_>, sequencer: &Sequencer) -> anyhow::Result<Begun> {
    let Start { args, store, clock, url, fresh, rhythm, wished } = start;
    if fresh {
        let command =
            Command::OpenMarket { name: "Headroom".to_owned(), rhythm, price_cap: PRICE_CAP.parse()?, demo: args.demo };
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
    let commands = commands::folder(args.commands.as_deref())?;
    let services = services::folder(args.services.as_deref())?;
    let trace_from = market.demo.then_some(args.trace_from);
    let seconds = market.rhythm.slot_seconds;
    let nodes = Nodes::new(&args.data, seconds, trace_from, commands.clone(), services.as_deref());
    let nodes = Arc::new(nodes.context(
        "workloads cannot be run with their checkpoints there. The path that is named must be a folder that this user may read and write: give it the right, or move away what is in its place",
    )?);
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
        first_start(args, sequencer, clock.now(), url).await?;
    } else {
        recover(sequencer, &nodes, clock.now()).await?;
    }
    commands::offer(sequencer, commands.as_deref()).await?;
    services::offer(sequencer, services.as_deref()).await?;
    if let Some(switch) = args.two_person_approval {
        // A command like any other, so the journal says when it was turned on and off.
        let command = Command::SetReserveApproval { two_person: switch == Switch::On };
        sequencer.internal(command, Attached::default()).await?;
    }
    let meter = recall_meter(sequencer, store, clock.now()).await?;
    Ok(Begun { market, nodes, board, meter })
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
