//! Which bids may take their workload to another node.
pub mod excerpt;
pub(crate) mod host;
pub(crate) mod in_flight;
pub mod movers;
