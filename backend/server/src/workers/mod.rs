//! What the exchange does by itself. Each worker rereads the state it works on, so a lost
//! message or a restart only delays it, and twice equals once.
pub mod adopted;
pub mod agents;
pub mod commands;
pub mod conductor;
pub mod draws;
pub mod drills;
pub mod feed;
pub mod forecasts;
pub mod joint;
pub mod lending;
pub mod meter;
pub mod modules;
pub mod nodes;
pub mod outlook;
pub mod prune;
pub mod pulse;
pub mod recalls;
pub mod recovery;
pub mod rounds;
pub mod services;
pub mod shortage;
pub mod slot_demand;
pub mod steps;
pub mod swaps;
pub mod telemetry;
pub mod view;
