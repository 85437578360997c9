//! The numbers of what keeps an order out of rounds, where its row has none: as things are when somebody asks.
use headroom_market::book::{Order, Reason};
use headroom_market::pool::{Halt, PoolSlug};
use headroom_market::round::holding;
use headroom_market::state::State;
use headroom_market::time::Slot;
use headroom_market::units::Resource;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
pub enum Numbers {
    /// Where its workload's thrash limit leaves it least.
    Thrash { slot: Slot, resource: Resource, most: i64, left: i64 },
    /// All of its pools, with who halted them left to the audit.
    Halted(Vec<(PoolSlug, Halt)>),
}

impl Numbers {
    /// `None` for other reasons, and where what kept the order out is over.
    pub fn of(state: &State, order: &Order) -> Option<Self> {
        match order.last_reason.as_ref()?.reason {
            Reason::ThrashLimit => {
                let (slot, resource, most, left) = holding::least_change(state, order)?;
                Some(Self::Thrash { slot, resource, most, left })
            }
            Reason::Halted => {
                let pools: BTreeSet<&PoolSlug> = order.request.pools.iter().map(|choice| &choice.pool).collect();
                let halt = |slug: &PoolSlug| Some((slug.clone(), state.pools.get(slug)?.halted.clone()?));
                let halts: Vec<_> = pools.into_iter().filter_map(halt).collect();
                Some(Self::Halted(halts)).filter(|_| order.status.is_live())
            }
            _ => None,
        }
    }

    pub fn sentence(&self) -> Option<String> {
        Some(match self {
            Self::Thrash { slot, resource, most, left } => {
                let left = if *left == 0 { "nothing".to_owned() } else { left.to_string() };
                format!(
                    "The workload's strategy (`max_swap`) lets rounds change it by {most} {resource} in a slot at most, and in the slot of {slot} {left} of that is left for this order."
                )
            }
            Self::Halted(halts) => {
                let told = |(slug, halt): &(PoolSlug, Halt)| {
                    format!("Pool {slug} is halted since {}: {}.", halt.at, halt.reason.trim_end_matches('.'))
                };
                return Some(halts.iter().map(told).collect::<Vec<_>>().join(" ")).filter(|text| !text.is_empty());
            }
        })
    }
}
