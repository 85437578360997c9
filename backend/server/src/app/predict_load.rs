//! `predictLoad` of the concept for one workload: forecast demand, identify bottlenecks, propose swaps.
//!
//! 1. *Forecast*: the latest outlooks of all workloads of its pool (`workers/forecasts.rs`).
//! 2. *Bottlenecks*: `identify_bottlenecks` holds them against the pool's capacity.
//! 3. *Propose*: `recommend_swaps` (good_lp) over the pool, let through by the core's check; each pool
//!    is weighed by `evaluate_pop` and `select_pop`, with what a move is expected to cost.
//! 4. *Shadow* and 5. *apply* are the saga's (`market/src/swap/saga.rs`, `workers/swaps.rs`), once the
//!    orders that a person or `mode: apply` has placed have won capacity.
//!
//! Absent on purpose: moving anything. What others have or need goes into the program, never out.
use crate::app::App;
use crate::app::bottlenecks::{Bottleneck, PoolSupply, identify_bottlenecks};
use crate::app::failure::{Done, Failure};
use crate::app::turns::Turn;
use crate::workers::migration::{BYTE_COST_NANO, DIRTY_PART, History, migration_cost};
use headroom_execution::plan::{Situation, choose};
use headroom_market::advice::check::CheckedPlan;
use headroom_market::advice::gather::{Criteria, Outlooks, swap_problem};
use headroom_market::advice::places::{pop_facts, stakes};
use headroom_market::advice::pops::{PopOption, select_pop};
use headroom_market::advice::problem::{Figures, SwapProblem};
use headroom_market::advice::recommended;
use headroom_market::swap::Swap;
use headroom_market::time::Timestamp;
use headroom_market::units::Amounts;
use headroom_market::workload::{Instance, InstanceState};
use headroom_solver::recommend_swaps;
use serde::Serialize;
use utoipa::ToSchema;

/// What the chain proposes for a workload.
pub struct Proposal {
    /// Shortages that its pool is heading for, the likeliest first.
    pub bottlenecks: Vec<Bottleneck>,
    /// The program of its pool; its own cells have its id.
    pub problem: SwapProblem,
    /// `None` where nothing that was proposed passed the check.
    pub plan: Option<CheckedPlan>,
    /// All pools, the best place for its need first.
    pub pools: Vec<PopOption>,
    /// The workload's own figures as it is and as proposed.
    pub before: Figures,
    pub after: Figures,
}

/// Walks the chain for one workload.
pub async fn predict_load(app: &App, instance: &Instance, mut criteria: Criteria, keep_pool: bool) -> Done<Proposal> {
    let turn = app.limiter.questions.advice(instance.participant).await?;
    let (now, id, pool) = (app.now(), instance.id, instance.pool.clone());
    let subject = instance.clone();
    let known = app.sequencer.query(move |s| {
        let running = s.instances.values().filter(|i| i.pool == pool && i.state == InstanceState::Running);
        let baselines: Vec<_> = running.map(|i| (i.id, i.baseline.clone())).collect();
        (baselines, PoolSupply::of(s), stakes(s, now, &subject))
    });
    let (baselines, supply, stakes) = known.await?;
    let seconds = app.rhythm.slot_seconds;
    let outlooks = app.forecasts.outlooks(&baselines, seconds);
    let ids: Vec<_> = baselines.into_iter().map(|(id, _)| id).collect();
    let forecasts = app.forecasts.of_all(&ids, seconds);
    let bottlenecks = identify_bottlenecks(&supply, &forecasts, app.rhythm.first_open(now));

    let history = history(app).await?;
    let migration = migration_cost(&app.nodes, &history, instance, &stakes);
    criteria.move_cost = migration.cost;
    criteria.keep_node |= migration.method.is_empty();
    let (problem, plan) = propose_swaps(app, now, outlooks, criteria, turn).await?;
    let as_planned = plan.as_ref().map_or_else(|| problem.as_it_is(), |plan| plan.plan().clone());
    let mine = |cell: &headroom_market::advice::problem::Cell| cell.instance == id;
    let (before, after) = (problem.figures(&problem.as_it_is(), mine), problem.figures(&as_planned, mine));
    let weighed = {
        let problem = problem.clone();
        app.sequencer.query(move |s| pop_facts(s, now, id, &problem, &as_planned, &migration, keep_pool))
    };
    let pools = select_pop(&weighed.await?);
    Ok(Proposal { bottlenecks, problem, plan, pools, before, after })
}

/// `proposeSwaps`: the program of the pool, solved and checked off the market's threads.
async fn propose_swaps(
    app: &App,
    now: Timestamp,
    outlooks: Outlooks,
    criteria: Criteria,
    turn: Turn,
) -> Done<(SwapProblem, Option<CheckedPlan>)> {
    let problem = app.sequencer.query(move |s| swap_problem(s, now, &outlooks, &criteria)).await?;
    let solve = move || {
        let _turn = turn;
        let plan = recommended(&problem, recommend_swaps);
        (problem, plan)
    };
    tokio::task::spawn_blocking(solve).await.map_err(|e| Failure::fault(&e))
}

/// What a move that is prepared is expected to come to when its source is stopped.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Cutover {
    /// How long the workload stands still.
    pub pause_micros: i64,
    /// What has changed since the snapshot and is sent while it stands still.
    pub bytes: i64,
    /// How many finished moves say so; of none it is what a small guest takes on one host.
    pub learned_from_moves: i64,
}

async fn history(app: &App) -> Done<History> {
    Ok(History::read(&app.store, &app.sequencer).await?)
}

/// The same prediction as of a proposal, with what its snapshot came to.
pub async fn expected_cutover(app: &App, swap: &Swap) -> Done<Cutover> {
    let history = history(app).await?;
    let id = swap.instance;
    let instance = app.sequencer.query(move |state| state.instances.get(&id).cloned()).await?;
    let learned = instance.as_ref().map(|instance| history.of(instance).1.clone()).unwrap_or_default();
    let state_bytes = u64::try_from(swap.bytes).unwrap_or(0);
    let dirty_bytes = state_bytes / DIRTY_PART;
    let situation = Situation {
        fits_in_place: false,
        must_move: true,
        state_bytes,
        dirty_bytes,
        max_pause_micros: u64::MAX,
        byte_cost_nano_credits: BYTE_COST_NANO,
        pause_cost_micro_credits_per_s: 0,
        rollback_cost_micro_credits: 0,
    };
    let plan = choose(&situation, &app.nodes.driver(swap.instance).capabilities(), &learned);
    let pause = plan.chosen.map_or(learned.fixed_pause_micros, |(_, predicted)| predicted.pause_micros);
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Ok(Cutover { pause_micros: number(pause), bytes: number(dirty_bytes), learned_from_moves: number(learned.moves) })
}

/// What a workload used when it was last measured.
pub async fn last_usage(app: &App, instance: &Instance) -> Done<Amounts> {
    let from = app.now().plus_seconds(-60).micros();
    let samples = app.store.observations.samples(&instance.id.to_string(), from, 100).await?;
    let last = samples.last().and_then(|text| serde_json::from_str::<crate::workers::telemetry::Sample>(text).ok());
    Ok(last.map(|sample| sample.usage).unwrap_or_default())
}
