//! All tests of the core that are not beside its code, as one program: what they share is compiled once, and all of them
//! share the processors.
mod support;

mod approvals;
mod approvals_elsewhere;
mod auto_bids;
mod away;
mod buy_back;
mod clearing;
mod compensation;
mod disputes;
mod draws;
mod exchange_random;
mod flood;
mod grounds;
mod hints;
mod invariants;
mod movers;
mod optimization_score;
mod plan;
mod projects;
mod published;
mod recallable;
mod recalls;
mod recalls_paid;
mod recalls_second;
mod renewals;
mod reserve_prices;
mod room;
mod runs;
mod safe_state;
mod safe_state_price;
mod saga;
mod self_trade;
mod shadow;
mod sits_out;
mod vacate;
