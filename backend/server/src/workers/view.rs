//! What a tick of the conductor looks at.
use headroom_market::ids::{InstanceId, ParticipantId};
use headroom_market::market::Market;
use headroom_market::state::State;
use headroom_market::swap::{Swap, approval, plan};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::Amounts;
use headroom_market::workload::{AtEnd, ComparisonRules, away, run, vacate};

/// A slot is settled this long after its end.
const SETTLE_AFTER_SECONDS: i64 = 5;

/// A swap, and what the state says of it.
pub struct Standing {
    pub swap: Swap,
    pub may_begin: bool,
    pub is_held_up: bool,
    pub is_wanted: bool,
    pub at_end: Option<AtEnd>,
    pub comparison: ComparisonRules,
    pub in_force: Amounts,
}

/// What a tick looks at, taken from the state at once.
pub struct View {
    pub market: Market,
    pub swaps: Vec<Standing>,
    pub unsettled: Option<Slot>,
    /// Workloads whose stop has waited for a swap that has ended.
    pub stops: Vec<(ParticipantId, InstanceId)>,
}

impl View {
    pub fn of(state: &State, now: Timestamp) -> Self {
        let due = |s: &Slot| state.market.rhythm.slot_end(*s).plus_seconds(SETTLE_AFTER_SECONDS) <= now;
        let lines = state.awards.values().flat_map(|a| a.lines.iter()).filter(|l| !l.settled).map(|l| l.slot);
        let products = state.products.values().map(|p| p.slot);
        let live = state.swaps.values().map(|s| {
            let (may_begin, is_wanted) = (plan::may_begin(state, s), plan::is_wanted(state, s, now));
            let instance = state.instances.get(&s.instance);
            let comparison = instance.map(|i| away::comparison(i, s)).unwrap_or_default();
            let seconds = state.market.rhythm.slot_seconds;
            let at_end = instance.and_then(|i| vacate::acts(i, s, seconds));
            let in_force = instance.map(|i| i.in_force.clone()).unwrap_or_default();
            let is_held_up = approval::is_held_up(state, s);
            Standing { swap: s.clone(), may_begin, is_held_up, is_wanted, at_end, comparison, in_force }
        });
        Self {
            market: state.market.clone(),
            swaps: live.collect(),
            stops: run::stops_due(state),
            unsettled: lines.chain(products).filter(due).min(),
        }
    }
}
