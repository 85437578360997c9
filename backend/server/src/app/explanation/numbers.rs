//! The numbers of what keeps an order out of rounds, where its row has none: as things are when somebody asks.
use headroom_market::book::{Order, Reason};
use headroom_market::ids::OrderId;
use headroom_market::pool::{Halt, PoolSlug};
use headroom_market::round::{holding, sits_out};
use headroom_market::state::State;
use headroom_market::time::Slot;
use headroom_market::units::Resource;
use std::collections::BTreeSet;

/// So many of its owner's bids are named.
const MOST_NAMED: usize = 3;

#[derive(Clone, Debug)]
pub enum Numbers {
    /// Where its workload's thrash limit leaves it least.
    Thrash { slot: Slot, resource: Resource, most: i64, left: i64 },
    /// All of its pools, with who halted them left to the audit.
    Halted(Vec<(PoolSlug, Halt)>),
    /// Bids of an offer's owner for what it offers, and whether the first is for its own workload.
    OwnBids { bids: Vec<OrderId>, own_workload: bool },
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
            Reason::SelfTrade => {
                let bids = sits_out::own_bids(state, order);
                let first = state.orders.get(bids.first()?)?;
                let own_workload = first.request.instance == order.request.instance;
                Some(Self::OwnBids { bids, own_workload })
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
            Self::OwnBids { bids, own_workload } => {
                let named: Vec<String> = bids.iter().take(MOST_NAMED).map(ToString::to_string).collect();
                let more = match bids.len().saturating_sub(MOST_NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let (asks, it) = match bids.len() {
                    1 => ("asks for what it offers and would pay as much", "it"),
                    _ => ("ask for what it offers, and one of them at least would pay as much", "the first"),
                };
                let why = if *own_workload {
                    format!("{it} is for the very workload that offers: served from there, it would have nothing")
                } else {
                    "none can be served from the offer before a round that is for a workload on another node, for other slots or several resources, or not to be divided"
                        .to_owned()
                };
                format!(
                    "Of the same participant {}{more} {asks}. Nobody trades with itself, and {why}. So the offer sat the round out.",
                    named.join(", ")
                )
            }
        })
    }
}
