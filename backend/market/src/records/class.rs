//! How much a workload matters.
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Class {
    Critical,
    #[default]
    Standard,
    Opportunistic,
}

impl Class {
    pub const fn name(self) -> &'static str {
        match self {
            Class::Critical => "critical",
            Class::Standard => "standard",
            Class::Opportunistic => "opportunistic",
        }
    }
}
