//! How a swap is carried out, and what a move is expected to come to, written
//! with its swap before it begins.
use crate::units::Credits;
use serde::{Deserialize, Serialize};

/// How a swap is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Method {
    Resize,
    Live,
    Checkpoint,
    Partition,
}

/// What finished moves have shown that a forecast rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum LearnedFrom {
    /// Moves of the same program.
    Program,
    /// Too few of that: moves of all programs of its driver.
    Driver,
    /// Too few of that, too: all moves of the market.
    Market,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MoveForecast {
    pub learned_from: LearnedFrom,
    /// Finished moves that it rests on, of the newest of the market; of none it is what a small program takes on one host.
    pub moves: i64,
    /// Of those, what failed by the program, its nodes or the driver.
    pub failures: i64,
    pub bytes: i64,
    pub pause_micros: i64,
    pub failures_per_million: i64,
    /// Bytes, pause and the risk of a rollback in credits.
    pub cost: Credits,
    /// The methods that were not taken.
    pub rejected: Vec<RejectedMethod>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RejectedMethod {
    pub method: Method,
    pub reason: String,
    /// `null`, as the two below, where the method is impossible.
    pub bytes: Option<i64>,
    pub pause_micros: Option<i64>,
    pub cost: Option<Credits>,
}
