//! A level of the tree organisation › POP › tier › pool, where a bid or a strategy names no single pool.
//!
//! Written `POP/TIER`, each of them or `*` for all: `fra1/*` is a POP, `fra1/general_purpose` a tier there,
//! `*/high_performance` a tier of every POP, `*/*` the organisation. No slug has a `/`, so none is taken for a level.
use crate::ids::ParticipantId;
use crate::records::order::{OrderRequest, PoolChoice};
use crate::records::pool::{Pool, Tier};
use crate::records::recallable::is_recallable;
use crate::state::State;
use std::collections::BTreeSet;

const ALL: &str = "*";
/// Pools and levels of one order that are looked at.
const MOST_CHOICES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level<'a> {
    pop: Option<&'a str>,
    tier: Option<Tier>,
}

impl<'a> Level<'a> {
    /// `None` where the text is the name of a pool, or of nothing.
    pub fn read(text: &'a str) -> Option<Self> {
        let (pop, tier) = text.rsplit_once('/')?;
        let tier = match tier {
            ALL => None,
            named => Some(Tier::ALL.into_iter().find(|tier| tier.name() == named)?),
        };
        Some(Self { pop: Some(pop).filter(|pop| *pop != ALL), tier })
    }

    /// Recallable capacity is at no level: a bid for it names its workload's own pool.
    pub fn has(&self, pool: &Pool) -> bool {
        self.pop.is_none_or(|pop| pop == pool.pop)
            && self.tier.is_none_or(|tier| tier == pool.tier)
            && !is_recallable(&pool.slug)
    }

    pub fn pools<'s>(self, state: &'s State) -> impl Iterator<Item = &'s Pool> + use<'s, 'a> {
        state.pools.values().filter(move |pool| self.has(pool))
    }
}

/// Names the pools of each level of an order in its stead, at the same adder. A pool that is halted, lacks a resource or
/// takes no workload from elsewhere is left out, and so is one that the order names by itself.
pub fn expand(state: &State, participant: ParticipantId, request: &mut OrderRequest) {
    let has_level = request.pools.iter().any(|choice| Level::read(&choice.pool).is_some());
    // One with more is refused all the same, and keeps nobody waiting for a look at each pool.
    if !has_level || request.pools.len() > MOST_CHOICES {
        return;
    }
    let mut named: BTreeSet<String> = request.pools.iter().map(|choice| choice.pool.clone()).collect();
    let mut expanded = Vec::new();
    // Each pool is looked at once, however many levels it is at.
    let fitting: BTreeSet<&str> = state
        .pools
        .values()
        .filter(|pool| can_have(state, participant, request, pool))
        .map(|pool| pool.slug.as_str())
        .collect();
    for choice in &request.pools {
        let pools = Level::read(&choice.pool).into_iter().flat_map(|level| level.pools(state));
        let found: Vec<&Pool> = pools.filter(|pool| fitting.contains(pool.slug.as_str())).collect();
        // A level without a pool stays, and is refused by its name.
        if found.is_empty() {
            expanded.push(choice.clone());
        }
        let unnamed = found.into_iter().filter(|pool| named.insert(pool.slug.clone()));
        expanded.extend(unnamed.map(|pool| PoolChoice { pool: pool.slug.clone(), adder: choice.adder }));
    }
    request.pools = expanded;
}

fn can_have(state: &State, participant: ParticipantId, request: &OrderRequest, pool: &Pool) -> bool {
    let has_all = request.resources.keys().all(|resource| state.enforces(&pool.slug, *resource));
    // What somebody else has says nothing here: such an order is refused.
    let instance = request.instance.and_then(|id| state.instances.get(&id)).filter(|i| i.participant == participant);
    let takes_it = instance.filter(|instance| instance.pool != pool.slug).is_none_or(|instance| {
        let of_agents = state.nodes.values().any(|node| node.pool == pool.slug && node.has_agent());
        let lacks = |(resource, quantity): (_, &i64)| *quantity > 0 && !pool.resources.contains(resource);
        instance.adopted.is_none() && !of_agents && !instance.baseline.iter().any(lacks)
    });
    has_all && takes_it && state.halt(&pool.slug).is_none()
}
