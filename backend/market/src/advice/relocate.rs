//! Whether a workload is better off with another of the pools that its owner allows as its own.
//!
//! `score`: the Resource Optimization Score (`score.rs`) of its need there is lower than at home, by more than a tenth of
//! what the need costs at home, the move paid for. The need is converted by measured speed: half as fast takes twice as
//! much. So a slow, cheap pool wins while its limit and a node carry all of the work, and loses ahead of a peak.
//! The weight is what a unit costs at home, or what its owner says that a missing one costs, whichever is more.
//!
//! `risk`: the need passes what home can give, at any price, with a chance of a tenth or more; `select_pop` chooses among
//! the allowed pools that carry it.
//!
//! Invariants: integers, no clock. The worker proposes by this, and the core asks it again before it believes that.
use crate::advice::gather::{DEMAND_LEVEL, predicted_need};
use crate::advice::pops::{MigrationCost, PopFacts, distance, select_pop};
use crate::advice::score::{self, Speed};
use crate::ids::{InstanceId, NodeId};
use crate::records::pool::{Node, NodeState, Pool, PoolSlug};
use crate::records::relocation::RelocationRule;
use crate::records::strategy::SlotOutlook;
use crate::records::workload::Instance;
use crate::round::book::occupancy::Occupancy;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits, Price, Resource, Share, amount};
use crate::workload::guidance::avoided_nodes;
use crate::workload::strategy_check::allowed_pools;
use crate::workload::target::target;
use std::collections::{BTreeMap, BTreeSet};

/// It stays so many slots where a score has brought it: what its move costs is spread over them.
pub const STAYS_SLOTS: i64 = 12;
/// Slots ahead that are weighed: its move is prepared in the first, and what lies further is seen in time.
const SLOTS: usize = 3;
/// A better score has to gain this part of what the need costs at home, in percent, as any change of a plan has to.
const THRESHOLD_PERCENT: i128 = 10;
/// The chance of a shortage from which on the risk rule asks, in thousandths. `DEMAND_LEVEL` is its other end.
const RISK_MILLIS: i64 = 1_000 - DEMAND_LEVEL as i64;

/// What is to be done, with the numbers that say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub instance: InstanceId,
    pub pool: PoolSlug,
    pub rule: RelocationRule,
    /// In credits a slot.
    pub score_at_home: Credits,
    pub score_there: Credits,
    pub migration_cost: Credits,
    /// Credits a slot, its part of the migration cost deducted.
    pub gain: Credits,
    pub shortage_chance: Share,
}

/// Why it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stays {
    /// Its strategy names no pool.
    NotAllowed,
    NoForecast,
    /// Nodes of this pool have no measured speed.
    NotMeasured(PoolSlug),
    /// No node of the pools that would be better has room.
    NoRoom,
    /// It has come by a score, and stays for some slots.
    Settles,
    NoGain,
}

impl Stays {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NoForecast => "no_forecast",
            Self::NotMeasured(_) => "not_measured",
            Self::NoRoom => "no_room",
            Self::Settles => "settles",
            Self::NoGain => "no_gain",
        }
    }

    pub fn detail(&self) -> String {
        match self {
            Self::NotAllowed => "Its strategy allows no other pool: move_to is empty.".to_owned(),
            Self::NoForecast => "Nothing is forecast of it for the coming slots yet.".to_owned(),
            Self::NotMeasured(pool) => {
                format!("Pool `{pool}` has nodes without a measured speed: the property performance_millis.")
            }
            Self::NoRoom => "No node of the pools that it may move to has room for it.".to_owned(),
            Self::Settles => format!("It was moved by its score, and stays for {STAYS_SLOTS} slots."),
            Self::NoGain => "No pool that it may move to is better for what it will need.".to_owned(),
        }
    }
}

/// What a place does for a need, in nano-credits and thousandths.
#[derive(Clone, Copy, Default)]
struct Weighed {
    score_nano: i128,
    price_nano: i128,
    chance_millis: i64,
}

/// A market in its next slots, looked at once for many workloads.
pub struct Survey<'a> {
    state: &'a State,
    now: Timestamp,
    slots: Vec<Slot>,
    occupancy: Occupancy,
    /// The most that is free on one node of a pool.
    most_free: BTreeMap<(&'a str, Slot, Resource), i64>,
}

impl<'a> Survey<'a> {
    pub fn of(state: &'a State, now: Timestamp) -> Self {
        let planned = state.market.planned_until;
        let open = state.market.rhythm.open_slots(now).into_iter();
        let slots: Vec<Slot> = open.filter(|slot| *slot >= planned).take(SLOTS).collect();
        let occupancy = Occupancy::of(state, &slots);
        let mut most_free = BTreeMap::new();
        for node in state.nodes.values() {
            for (slot, resource) in slots.iter().flat_map(|slot| node.capacity.keys().map(move |r| (*slot, *r))) {
                let most = most_free.entry((node.pool.as_str(), slot, resource)).or_default();
                *most = occupancy.room(node, slot, resource).max(*most);
            }
        }
        Self { state, now, slots, occupancy, most_free }
    }

    pub fn decide(&self, instance: &Instance, migration_cost: Credits) -> Result<Proposal, Stays> {
        if instance.strategy.move_to.is_empty() {
            return Err(Stays::NotAllowed);
        }
        let outlooks = self.outlooks(instance);
        let Some(home) = self.state.pools.get(&instance.pool).filter(|_| !outlooks.is_empty()) else {
            return Err(Stays::NoForecast);
        };
        let speed_at_home = self.speed(home)?;
        let at_home =
            self.weigh(instance, &outlooks, home, Speed::HOME, |slot, r| self.most_at_home(instance, slot, r));
        // Why a pool that it may move to is no choice.
        let mut lacking: Option<Stays> = None;
        let mut places = Vec::new();
        for pool in allowed_pools(self.state, instance) {
            if pool.slug == home.slug || pool.halted.is_some() {
                continue;
            }
            let there = match self.speed(pool) {
                Ok(there) => there,
                Err(unmeasured) => {
                    lacking.get_or_insert(unmeasured);
                    continue;
                }
            };
            let speed = Speed { there, at_home: speed_at_home };
            let Some(node) = self.host(instance, pool) else {
                lacking = Some(Stays::NoRoom);
                continue;
            };
            let there = self.weigh(instance, &outlooks, pool, speed, |slot, r| self.occupancy.room(node, slot, r));
            places.push((pool, there));
        }
        let slots = outlooks.len() as i128;
        let settles = self.settles(instance);
        let proposal = |pool: &Pool, there: &Weighed, rule| Proposal {
            instance: instance.id,
            pool: pool.slug.clone(),
            rule,
            score_at_home: score::as_credits(at_home.score_nano / slots),
            score_there: score::as_credits(there.score_nano / slots),
            migration_cost,
            gain: score::as_credits(gain_nano(&at_home, there, migration_cost, slots)),
            shortage_chance: Share::from_units(at_home.chance_millis * 1_000),
        };
        let is_safe =
            |there: &Weighed| there.chance_millis < RISK_MILLIS || there.chance_millis <= at_home.chance_millis;
        let gains = |there: &Weighed| {
            gain_nano(&at_home, there, migration_cost, slots) * slots * 100 > at_home.price_nano * THRESHOLD_PERCENT
        };
        let better = places.iter().filter(|(_, there)| is_safe(there) && gains(there));
        let best = better.min_by_key(|(pool, there)| (there.score_nano, &pool.slug));
        if let Some((pool, there)) = best.filter(|_| !settles) {
            return Ok(proposal(pool, there, RelocationRule::Score));
        }
        if at_home.chance_millis < RISK_MILLIS {
            return Err(best.map_or(lacking.unwrap_or(Stays::NoGain), |_| Stays::Settles));
        }
        let facts: Vec<PopFacts> =
            places.iter().map(|(pool, there)| facts(home, pool, there, migration_cost)).collect();
        let selected = select_pop(&facts).into_iter().find(|option| option.selected).ok_or(Stays::NoRoom)?;
        let (pool, there) = places.iter().find(|(pool, _)| pool.slug == selected.pool).ok_or(Stays::NoRoom)?;
        Ok(proposal(pool, there, RelocationRule::Risk))
    }

    /// What is forecast for the slots that are weighed.
    fn outlooks(&self, instance: &Instance) -> Vec<&SlotOutlook> {
        let known = self.state.outlooks.get(&instance.id);
        known.into_iter().flat_map(|f| &f.slots).filter(|o| self.slots.contains(&o.slot)).collect()
    }

    fn speed(&self, pool: &Pool) -> Result<i64, Stays> {
        let speed = score::measured_speed(pool, self.state.nodes.values());
        speed.ok_or_else(|| Stays::NotMeasured(pool.slug.clone()))
    }

    fn settles(&self, instance: &Instance) -> bool {
        let seconds = self.state.market.rhythm.slot_seconds;
        let done = instance.last_relocation.as_ref().filter(|r| r.pool_to == instance.pool).and_then(|r| r.ended);
        done.is_some_and(|ended| self.now < ended.at.plus_seconds(STAYS_SLOTS * seconds))
    }

    fn nodes(&self, pool: &'a Pool) -> impl Iterator<Item = &'a Node> {
        self.state.nodes.values().filter(|n| n.pool == pool.slug && n.state == NodeState::Up)
    }

    /// The first node of a pool that has room for its baseline in each slot.
    fn host(&self, instance: &Instance, pool: &'a Pool) -> Option<&'a Node> {
        let avoided: BTreeSet<NodeId> = avoided_nodes(self.state, instance.id, self.now);
        let fits = |n: &&Node| self.occupancy.fits(self.state, n.id, &instance.baseline, &self.slots);
        self.nodes(pool).find(|n| !avoided.contains(&n.id) && fits(n))
    }

    /// What it can have in its pool at any price: what it has and what is free beside it, or all that is free on another node.
    fn most_at_home(&self, instance: &Instance, slot: Slot, resource: Resource) -> i64 {
        let has = amount(&target(self.state, instance, slot).limits, resource);
        let own = self.state.nodes.get(&instance.node).map_or(0, |n| self.occupancy.room(n, slot, resource));
        let elsewhere = self.most_free.get(&(instance.pool.as_str(), slot, resource)).copied().unwrap_or(0);
        elsewhere.max(has + own)
    }

    fn weigh(
        &self,
        instance: &Instance,
        outlooks: &[&SlotOutlook],
        pool: &Pool,
        speed: Speed,
        room: impl Fn(Slot, Resource) -> i64,
    ) -> Weighed {
        let mut sum = Weighed::default();
        for outlook in outlooks {
            let slot = outlook.slot;
            let most = |resource| room(slot, resource).min(amount(&instance.limit, resource));
            for (resource, need) in predicted_need(self.state, instance.id, outlook) {
                let speed = if follows_speed(resource) { speed } else { Speed::HOME };
                let there = converted(need, speed);
                let done = score::performance(most(resource), there, speed).min(need);
                let price = self.state.reference(&pool.slug, resource, slot);
                let weight = self.weight(instance, resource, slot);
                sum.score_nano += score::resource_optimization_score(there, price, done, weight);
                sum.price_nano += i128::from(there) * i128::from(price.units());
            }
            // What is hinted counts as a quantile of the level at which demand is planned.
            let hinted = (DEMAND_LEVEL, predicted_need(self.state, instance.id, outlook));
            for (level, need) in outlook.need.iter().chain([&hinted]) {
                let lacks = |(r, need): (&Resource, &i64)| {
                    let speed = if follows_speed(*r) { speed } else { Speed::HOME };
                    converted(*need, speed) > most(*r)
                };
                if need.iter().any(lacks) {
                    sum.chance_millis = sum.chance_millis.max(1_000 - i64::from(*level));
                }
            }
        }
        sum
    }

    /// What a unit at home is worth: its price, or what its owner says that a missing one costs.
    fn weight(&self, instance: &Instance, resource: Resource, slot: Slot) -> Price {
        let said = instance.strategy.auto_bid.as_ref().and_then(|bid| bid.shortage_cost.get(&resource).copied());
        let price = self.state.reference(&instance.pool, resource, slot);
        said.map_or(price, |said| if said > price { said } else { price })
    }
}

/// Whether a faster node needs less of it for the same work: memory and storage are as large everywhere.
const fn follows_speed(resource: Resource) -> bool {
    matches!(resource, Resource::CpuMilli | Resource::GpuMilli)
}

/// The base units there that do the work of so many at home, rounded up.
fn converted(need: i64, speed: Speed) -> i64 {
    let (at_home, there) = (i128::from(speed.at_home), i128::from(speed.there.max(1)));
    i64::try_from((i128::from(need) * at_home + there - 1).div_euclid(there)).unwrap_or(i64::MAX)
}

/// A slot's gain in nano-credits, rounded down, the migration cost spread over the slots that it stays.
fn gain_nano(home: &Weighed, there: &Weighed, migration_cost: Credits, slots: i128) -> i128 {
    let migration = i128::from(migration_cost.units()) * 1_000 / i128::from(STAYS_SLOTS);
    (home.score_nano - there.score_nano).div_euclid(slots) - migration
}

fn facts(home: &Pool, pool: &Pool, there: &Weighed, migration_cost: Credits) -> PopFacts {
    PopFacts {
        pool: pool.slug.clone(),
        pop: pool.pop.clone(),
        tier: pool.tier,
        is_home: false,
        need_price: score::as_credits(there.price_nano),
        migration: MigrationCost { cost: migration_cost, ..MigrationCost::default() },
        distance: distance(home, pool),
        score_nano: Some(there.score_nano),
        impossible: (there.chance_millis >= RISK_MILLIS).then_some("no_host_fits"),
    }
}

/// Which resources of a workload another pool has to have.
pub fn resources_of(instance: &Instance) -> impl Iterator<Item = Resource> {
    let all = |amounts: &Amounts| amounts.iter().filter(|(_, q)| **q > 0).map(|(r, _)| *r).collect::<BTreeSet<_>>();
    let mut resources = all(&instance.baseline);
    resources.extend(all(&instance.limit));
    resources.into_iter()
}
