//! `evaluate_pop` and `select_pop`: what a workload's predicted need costs in each pool, getting there
//! included.
//!
//! ```text
//! score = need × price there + migration cost + distance × price/100
//! ```
//!
//! All of it is the whole need, at home too, so that pools are compared like with like. A pool that
//! can't take the need has no score (the concept's INFINITY) and says why. Units: micro-credits for
//! all slots considered. Source: concept note 10754701; distances are the market's (same host 0, same
//! POP 2, other POP 5).
use crate::records::pool::{Pool, PoolSlug, Tier};
use crate::units::Credits;
use serde::{Deserialize, Serialize};

/// What getting there is expected to cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MigrationCost {
    /// `resize`, `live`, `checkpoint` or `partition`; empty where no method is possible.
    pub method: String,
    pub bytes: i64,
    pub downtime_micros: i64,
    pub failures_per_million: i64,
    /// Finished moves that these figures are learned from; with 0 they are assumed.
    pub learned_from_moves: i64,
    /// Bytes + downtime × SLA rate + chance of failure × cost of a rollback.
    pub cost: Credits,
}

impl MigrationCost {
    /// Nothing moves.
    pub fn none() -> Self {
        Self { method: "resize".to_owned(), ..Self::default() }
    }
}

/// What is known of a pool before it is scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopFacts {
    pub pool: PoolSlug,
    pub pop: String,
    pub tier: Tier,
    pub is_home: bool,
    /// The predicted need at the pool's last prices, all slots together.
    pub need_price: Credits,
    pub migration: MigrationCost,
    pub distance: i64,
    /// ROS there in nano-credits; `None` where no speed is measured.
    pub score_nano: Option<i128>,
    /// Why it can't take the need: INFINITY.
    pub impossible: Option<&'static str>,
}

/// A pool with its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PopOption {
    pub pool: PoolSlug,
    pub pop: String,
    pub tier: Tier,
    /// 1 is the best place for the need.
    pub rank: u32,
    /// The best of all that can take the need.
    pub selected: bool,
    /// The whole predicted need at the pool's last prices, all slots together.
    pub need_price: Credits,
    pub migration: MigrationCost,
    /// Same host 0, same POP 2, other POP 5.
    pub distance: i64,
    pub distance_cost: Credits,
    /// Sum of the three; `null` where the pool can't take the need.
    pub total: Option<Credits>,
    /// Resource Optimization Score there, lower is better; above 0 the need costs more than what it gets is worth.
    /// `null` where the speed of the pool or of the own one is not measured.
    pub resource_optimization_score: Option<Credits>,
    /// Whether orders can bring it all of the need.
    pub can_be_carried_out: bool,
    /// Why not, a stable code: `carried_whole` (an order there buys its baseline, too), `no_host_fits`, `need_not_met`, `pool_halted`,
    /// `resource_not_in_pool`, `keep_pool` or `pinned`.
    pub reason: Option<String>,
}

/// Same host 0 (the caller knows that nothing moves), same POP 2, other POP 5.
pub fn distance(home: &Pool, other: &Pool) -> i64 {
    if home.pop == other.pop { 2 } else { 5 }
}

/// A point of distance costs this part of the price of the need.
const DISTANCE_PARTS: i64 = 100;

fn distance_cost(facts: &PopFacts) -> Credits {
    facts.need_price.share_floor(facts.distance, DISTANCE_PARTS)
}

/// Cost of having the need in a pool; `None` where it can't take it (INFINITY).
pub fn evaluate_pop(facts: &PopFacts) -> Option<Credits> {
    if facts.impossible.is_some() {
        return None;
    }
    facts.need_price.checked_add(facts.migration.cost)?.checked_add(distance_cost(facts))
}

/// All pools, the cheapest first; the first that can take the need is selected. At equal cost home
/// comes first, then the better score (one that is not known last), then the name.
pub fn select_pop(candidates: &[PopFacts]) -> Vec<PopOption> {
    let mut ranked: Vec<(Option<Credits>, &PopFacts)> = candidates.iter().map(|f| (evaluate_pop(f), f)).collect();
    let score = |f: &PopFacts| (f.score_nano.is_none(), f.score_nano);
    ranked.sort_by_key(|(total, f)| (total.is_none(), *total, !f.is_home, score(f), f.pool.clone()));
    let options = ranked.into_iter().zip(1u32..).map(|((total, facts), rank)| PopOption {
        pool: facts.pool.clone(),
        pop: facts.pop.clone(),
        tier: facts.tier,
        rank,
        selected: rank == 1 && total.is_some(),
        need_price: facts.need_price,
        migration: facts.migration.clone(),
        distance: facts.distance,
        distance_cost: distance_cost(facts),
        total,
        resource_optimization_score: facts.score_nano.map(super::score::as_credits),
        can_be_carried_out: facts.is_home && total.is_some(),
        reason: match facts.impossible {
            Some(why) => Some(why.to_owned()),
            None if !facts.is_home => Some("carried_whole".to_owned()),
            None => None,
        },
    });
    options.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pool: &str, price: i64, migration: i64, distance: i64) -> PopFacts {
        PopFacts {
            pool: pool.to_owned(),
            pop: "pop".to_owned(),
            tier: Tier::GeneralPurpose,
            is_home: distance == 0,
            need_price: Credits::from_units(price),
            migration: MigrationCost { cost: Credits::from_units(migration), ..MigrationCost::default() },
            distance,
            score_nano: Some(0),
            impossible: None,
        }
    }

    #[test]
    fn costs_by_hand() {
        assert_eq!(evaluate_pop(&facts("home", 1_000, 0, 0)).map(Credits::units), Some(1_000));
        assert_eq!(evaluate_pop(&facts("far", 600, 50, 5)).map(Credits::units), Some(600 + 50 + 30));
        let full = PopFacts { impossible: Some("no_host_fits"), ..facts("full", 1, 0, 2) };
        assert_eq!(evaluate_pop(&full), None);
    }

    #[test]
    fn the_cheapest_that_can_take_it_is_selected_and_says_whether_an_order_can_follow() {
        let full = PopFacts { impossible: Some("no_host_fits"), ..facts("full", 1, 0, 2) };
        let options = select_pop(&[full.clone(), facts("home", 1_000, 0, 0), facts("far", 600, 50, 5)]);
        let names: Vec<_> = options.iter().map(|o| (o.pool.as_str(), o.selected, o.can_be_carried_out)).collect();
        assert_eq!(names, [("far", true, false), ("home", false, true), ("full", false, false)]);
        assert_eq!(options[0].reason.as_deref(), Some("carried_whole"));
        assert_eq!(options[2].reason.as_deref(), Some("no_host_fits"));
        // Moving costs what is saved: home stays.
        assert_eq!(select_pop(&[facts("a", 1_000, 0, 2), facts("home", 1_020, 0, 0)])[0].pool, "home");
        assert!(!select_pop(&[full])[0].selected);
    }
}
