//! What a move is expected to cost: by what the driver can do, and by what past moves have shown.
use crate::sequencer::{Busy, Sequencer};
use crate::workers::conductor::Conductor;
use crate::workers::nodes::Nodes;
use headroom_execution::Capabilities;
use headroom_execution::plan::{self, Learned, Prediction, Situation, choose};
use headroom_market::advice::places::{Stakes, stakes};
use headroom_market::advice::pops::MigrationCost;
use headroom_market::ids::{InstanceId, ModuleId};
use headroom_market::record::Table;
use headroom_market::records::move_forecast::{LearnedFrom, MoveForecast, RejectedMethod};
use headroom_market::swap::{Method, Swap, SwapState, blame};
use headroom_market::time::Timestamp;
use headroom_market::units::Credits;
use headroom_market::workload::Instance;
use headroom_store::read::{Page, Scope};
use headroom_store::{Store, StoreError};
use std::collections::BTreeMap;

/// A move carries what changed since its snapshot while the workload waits: a tenth, without a record.
pub const DIRTY_PART: u64 = 10;
/// A longer pause is no move that anybody would recommend.
const MOST_PAUSE_MICROS: u64 = 1_000_000;
/// A million credits: no relocation gains that, so it stands for a driver without a way to move.
const NO_MOVE: Credits = Credits::from_units(1_000_000_000_000);
/// What carrying a byte is taken to cost: a MiB costs about a thousandth of a credit.
pub const BYTE_COST_NANO: u64 = 1;
/// Finished swaps that say how moves go here.
const RECORD: i64 = 200;
/// Fewer moves of a program, or of a driver, say less than those of more.
const LEAST_MOVES: u64 = 5;

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn whole(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// How the latest finished moves of this market went, whosever they were.
#[derive(Default)]
pub struct History {
    of_program: BTreeMap<(String, ModuleId), Learned>,
    of_driver: BTreeMap<String, Learned>,
    of_market: Learned,
}

/// Why it cannot be told how past moves went.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Busy(#[from] Busy),
}

impl History {
    pub async fn read(store: &Store, sequencer: &Sequencer) -> Result<Self, Unread> {
        let statuses = ["done", "aborted", "rolled_back", "failed"].map(str::to_owned).to_vec();
        let page = Page { limit: RECORD, statuses, ..Page::default() };
        let finished = store.list(Table::Swaps, &Scope::All, &page).await?;
        let swaps = finished.rows.iter().rev().filter_map(|(_, text)| serde_json::from_str::<Swap>(text).ok());
        let moves: Vec<Swap> = swaps.filter(says_something).collect();
        let ids: Vec<InstanceId> = moves.iter().map(|swap| swap.instance).collect();
        let programs = sequencer.query(move |state| {
            let program = |id| state.instances.get(&id).map(|i| (i.driver.clone(), i.module));
            ids.into_iter().map(program).collect::<Vec<_>>()
        });
        let mut history = Self::default();
        for (swap, program) in moves.iter().zip(programs.await?) {
            history.add(swap, program);
        }
        Ok(history)
    }

    fn add(&mut self, swap: &Swap, program: Option<(String, ModuleId)>) {
        let transfer = swap.phases.iter().find(|p| p.state == SwapState::Transferred);
        let took = transfer.and_then(|p| Some(p.ended_at?.micros() - p.started_at.micros())).unwrap_or(0);
        let failed = swap.state != SwapState::Done;
        let record = |learned: &mut Learned| {
            learned.record(whole(swap.bytes), whole(took), whole(swap.downtime_micros.unwrap_or(0)), failed);
        };
        record(&mut self.of_market);
        if let Some(program) = program {
            record(self.of_driver.entry(program.0.clone()).or_default());
            record(self.of_program.entry(program).or_default());
        }
    }

    /// The nearest that rests on enough moves.
    pub fn of(&self, instance: &Instance) -> (LearnedFrom, &Learned) {
        self.nearest(&instance.driver, instance.module)
    }

    /// What a move of it sends: as earlier ones of its program, or all that its memory limit allows.
    fn state_bytes(&self, nodes: &Nodes, instance: &Instance, stakes: &Stakes) -> u64 {
        match self.of(instance) {
            // The last part of it is sent while it stands still.
            (LearnedFrom::Program, learned) if learned.sent_bytes > 0 => {
                learned.sent_bytes - learned.sent_bytes / (DIRTY_PART + 1)
            }
            _ => nodes.limits(&stakes.in_force).mem_kib.saturating_mul(1024),
        }
    }

    fn nearest(&self, driver: &str, module: ModuleId) -> (LearnedFrom, &Learned) {
        let enough = |learned: &&Learned| learned.moves >= LEAST_MOVES;
        let program = self.of_program.get(&(driver.to_owned(), module)).filter(enough);
        let driver = self.of_driver.get(driver).filter(enough);
        let found = program.map(|learned| (LearnedFrom::Program, learned));
        let found = found.or(driver.map(|learned| (LearnedFrom::Driver, learned)));
        found.unwrap_or((LearnedFrom::Market, &self.of_market))
    }
}

/// A move that began, and that no person and no newer plan has ended.
fn says_something(swap: &Swap) -> bool {
    let began = swap.phases.iter().any(|phase| phase.state == SwapState::Snapshot);
    swap.moves() && began && !swap.reason.as_deref().is_some_and(blame::is_decision)
}

/// A move of so much state to another node.
fn situation(state_bytes: u64, stakes: &Stakes, max_pause_micros: u64) -> Situation {
    Situation {
        fits_in_place: false,
        must_move: true,
        state_bytes,
        dirty_bytes: state_bytes / DIRTY_PART,
        max_pause_micros,
        byte_cost_nano_credits: BYTE_COST_NANO,
        pause_cost_micro_credits_per_s: whole(stakes.pause_cost_per_second.units()),
        rollback_cost_micro_credits: whole(stakes.rollback_cost.units()),
    }
}

/// What a move of the workload is expected to cost: bytes, downtime × SLA rate, chance of failure ×
/// cost of a rollback, by what the driver can do and what past moves have shown.
pub fn migration_cost(nodes: &Nodes, history: &History, instance: &Instance, stakes: &Stakes) -> MigrationCost {
    let (_, learned) = history.of(instance);
    let state_bytes = history.state_bytes(nodes, instance, stakes);
    let situation = situation(state_bytes, stakes, MOST_PAUSE_MICROS);
    let plan = choose(&situation, &nodes.driver(instance.id).capabilities(), learned);
    plan.chosen.map_or_else(MigrationCost::default, |(method, p)| MigrationCost {
        method: format!("{method:?}").to_lowercase(),
        bytes: number(p.bytes),
        downtime_micros: number(p.pause_micros),
        failures_per_million: number(p.failures_per_million),
        learned_from_moves: number(learned.moves),
        cost: Credits::from_units(number(p.cost_micro_credits)),
    })
}

/// The same in credits, however long the pause: a workload that stands still for long costs what that comes to.
pub fn relocation_cost(nodes: &Nodes, history: &History, instance: &Instance, stakes: &Stakes) -> Credits {
    let state_bytes = history.state_bytes(nodes, instance, stakes);
    let situation = situation(state_bytes, stakes, u64::MAX);
    let plan = choose(&situation, &nodes.driver(instance.id).capabilities(), history.of(instance).1);
    let cost = plan.chosen.map(|(_, prediction)| Credits::from_units(number(prediction.cost_micro_credits)));
    cost.map_or(NO_MOVE, |cost| cost.min(NO_MOVE))
}

/// What a move that is about to begin is expected to come to; nothing where that cannot be read. `history` is read once.
pub async fn expected(
    history: &mut Option<Option<History>>,
    conductor: &Conductor,
    swap: &Swap,
    now: Timestamp,
) -> Option<Box<MoveForecast>> {
    let Conductor { store, sequencer, nodes, .. } = conductor;
    if history.is_none() {
        let read = History::read(store, sequencer).await;
        let unread = |error: &_| tracing::warn!(%error, swap = %swap.id, "how past moves went cannot be read");
        *history = Some(read.inspect_err(unread).ok());
    }
    let history = history.as_ref()?.as_ref()?;
    let id = swap.instance;
    let asked = sequencer.query(move |state| {
        let instance = state.instances.get(&id).cloned()?;
        let stakes = stakes(state, now, &instance);
        Some((instance, stakes))
    });
    let (instance, stakes) = asked.await.ok()??;
    let state_bytes = history.state_bytes(nodes, &instance, &stakes);
    let can = nodes.driver(id).capabilities();
    Some(Box::new(forecast(history, &instance, &stakes, state_bytes, &can)))
}

fn forecast(
    history: &History,
    instance: &Instance,
    stakes: &Stakes,
    state_bytes: u64,
    can: &Capabilities,
) -> MoveForecast {
    let (learned_from, learned) = history.of(instance);
    let plan = choose(&situation(state_bytes, stakes, u64::MAX), can, learned);
    let none = Prediction {
        pause_micros: learned.fixed_pause_micros,
        total_micros: 0,
        bytes: 0,
        failures_per_million: learned.failures_per_million(),
        cost_micro_credits: 0,
    };
    let chosen = plan.chosen.map_or(none, |(_, prediction)| prediction);
    let rejected = plan.rejected.into_iter().map(|rejected| RejectedMethod {
        method: method(rejected.method),
        reason: rejected.reason,
        bytes: rejected.prediction.as_ref().map(|p| number(p.bytes)),
        pause_micros: rejected.prediction.as_ref().map(|p| number(p.pause_micros)),
        cost: rejected.prediction.as_ref().map(|p| Credits::from_units(number(p.cost_micro_credits))),
    });
    MoveForecast {
        learned_from,
        moves: number(learned.moves),
        failures: number(learned.failures),
        bytes: number(chosen.bytes),
        pause_micros: number(chosen.pause_micros),
        failures_per_million: number(chosen.failures_per_million),
        cost: Credits::from_units(number(chosen.cost_micro_credits)),
        rejected: rejected.collect(),
    }
}

const fn method(method: plan::Method) -> Method {
    match method {
        plan::Method::Resize => Method::Resize,
        plan::Method::Live => Method::Live,
        plan::Method::Checkpoint => Method::Checkpoint,
        plan::Method::Partition => Method::Partition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01m7w6c380fh08zv3bjp1wmpmd";

    fn moved(state: &str, reason: Option<&str>) -> Swap {
        let at = "2026-11-20T10:20:00Z";
        let phase = serde_json::json!({ "state": "snapshot", "started_at": at, "ended_at": at, "detail": null });
        serde_json::from_value(serde_json::json!({
            "id": format!("swp_{ID}"), "participant": format!("par_{ID}"), "instance": format!("ins_{ID}"), "instance_name": "a",
            "state": state, "method": "checkpoint", "pool_from": "p", "pool_to": "p", "node_from": format!("nod_{ID}"),
            "node_to": "nod_01m7w6c380fh08zv3bjp1wmpme", "limits_from": {}, "limits_to": {}, "slot": at, "expected_gain": "0",
            "deadline": at, "depends_on": [], "pairs": [], "causes": [], "epoch": 1, "phases": [phase], "bytes": 0,
            "downtime_micros": 10_000, "positions_compared": 0, "difference_count": 0, "differences": [], "reason": reason,
            "cancel_requested": null, "created_at": at, "ended_at": at,
        }))
        .expect("a swap")
    }

    #[test]
    fn a_move_that_a_person_ended_says_nothing() {
        let ended = |reason| says_something(&moved("aborted", Some(reason)));
        let decided = ["cancelled_by_operator", "rejected_by_operator", "approval_expired", "superseded"].map(ended);
        assert_eq!(decided, [false; 4]);
        assert!(ended("shadow_mismatch") && says_something(&moved("done", None)));
        let mut resize = moved("done", None);
        resize.node_to = resize.node_from;
        assert!(!says_something(&resize));
    }

    #[test]
    fn own_moves_come_before_those_of_the_driver_and_the_market() {
        let mut history = History::default();
        let program = |driver: &str, module| Some((driver.to_owned(), ModuleId::from_raw(module)));
        for _ in 0..LEAST_MOVES {
            history.add(&moved("done", None), program("wasm", 1));
            history.add(&moved("aborted", Some("shadow_mismatch")), program("command", 2));
        }
        history.add(&moved("done", None), program("wasm", 3));
        let of = |driver: &str, module| {
            let (from, learned) = history.nearest(driver, ModuleId::from_raw(module));
            (from, learned.moves, learned.failures)
        };
        assert_eq!(of("wasm", 1), (LearnedFrom::Program, 5, 0));
        assert_eq!(of("wasm", 3), (LearnedFrom::Driver, 6, 0), "one of its own is too few");
        assert_eq!(of("command", 2), (LearnedFrom::Program, 5, 5));
        assert_eq!(of("service", 4), (LearnedFrom::Market, 11, 5));
    }
}
