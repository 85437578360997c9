//! What a move is expected to cost: by what the driver can do, and by what past moves have shown.
use crate::workers::nodes::Nodes;
use headroom_execution::Driver;
use headroom_execution::plan::{Learned, Situation, choose};
use headroom_market::advice::places::Stakes;
use headroom_market::advice::pops::MigrationCost;
use headroom_market::record::Table;
use headroom_market::swap::{Swap, SwapState};
use headroom_market::units::Credits;
use headroom_store::read::{Page, Scope};
use headroom_store::{Store, StoreError};

/// A move carries what changed since its snapshot while the workload waits: a tenth, without a record.
pub const DIRTY_PART: u64 = 10;
/// A longer pause is no move that anybody would recommend.
const MOST_PAUSE_MICROS: u64 = 1_000_000;
/// What carrying a byte is taken to cost: a MiB costs about a thousandth of a credit.
pub const BYTE_COST_NANO: u64 = 1;
/// Finished swaps that say how moves go here.
const RECORD: i64 = 200;

/// What a move of the workload is expected to cost: bytes, downtime × SLA rate, chance of failure ×
/// cost of a rollback, by what the driver can do and what past moves have shown.
pub fn migration_cost(nodes: &Nodes, learned: &Learned, stakes: &Stakes) -> MigrationCost {
    let state_bytes = nodes.limits(&stakes.in_force).mem_kib.saturating_mul(1024);
    let micro = |money: Credits| u64::try_from(money.units()).unwrap_or(0);
    let situation = Situation {
        fits_in_place: false,
        must_move: true,
        state_bytes,
        dirty_bytes: state_bytes / DIRTY_PART,
        max_pause_micros: MOST_PAUSE_MICROS,
        byte_cost_nano_credits: BYTE_COST_NANO,
        pause_cost_micro_credits_per_s: micro(stakes.pause_cost_per_second),
        rollback_cost_micro_credits: micro(stakes.rollback_cost),
    };
    let plan = choose(&situation, &nodes.cluster.capabilities(), learned);
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    plan.chosen.map_or_else(MigrationCost::default, |(method, p)| MigrationCost {
        method: format!("{method:?}").to_lowercase(),
        bytes: number(p.bytes),
        downtime_micros: number(p.pause_micros),
        failures_per_million: number(p.failures_per_million),
        learned_from_moves: number(learned.moves),
        cost: Credits::from_units(number(p.cost_micro_credits)),
    })
}

/// What the latest finished moves of this market have shown, whosever they were.
pub async fn learned(store: &Store) -> Result<Learned, StoreError> {
    let statuses = ["done", "aborted", "rolled_back", "failed"].map(str::to_owned).to_vec();
    let page = Page { limit: RECORD, statuses, ..Page::default() };
    let finished = store.list(Table::Swaps, &Scope::All, &page).await?;
    let mut learned = Learned::default();
    let swaps = finished.rows.iter().rev().filter_map(|(_, text)| serde_json::from_str::<Swap>(text).ok());
    for swap in swaps.filter(Swap::moves) {
        let transfer = swap.phases.iter().find(|p| p.state == SwapState::Transferred);
        let took = transfer.and_then(|p| Some(p.ended_at?.micros() - p.started_at.micros())).unwrap_or(0);
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        let failed = swap.state != SwapState::Done;
        learned.record(number(swap.bytes), number(took), number(swap.downtime_micros.unwrap_or(0)), failed);
    }
    Ok(learned)
}
