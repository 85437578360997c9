//! What members tell of what their workloads will need.
use crate::ids::{HintId, InstanceId, NodeId, ParticipantId, ProfileId};
use crate::time::Timestamp;
use crate::units::Amounts;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Hint {
    pub id: HintId,
    pub participant: ParticipantId,
    pub instance: InstanceId,
    /// At least this much will be needed between `starts_at` and `expires_at`.
    pub expected_demand: Amounts,
    /// Nodes that its moves should not go to.
    pub avoid_nodes: Vec<NodeId>,
    pub starts_at: Timestamp,
    pub expires_at: Timestamp,
    /// Who says so, for people.
    pub source: Option<String>,
    pub created_at: Timestamp,
    pub withdrawn_at: Option<Timestamp>,
}

impl Hint {
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.withdrawn_at.is_none() && now < self.expires_at
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApplicationProfile {
    pub id: ProfileId,
    pub participant: ParticipantId,
    pub name: String,
    pub version: u64,
    /// Instances whose forecasts start from it.
    pub instances: Vec<InstanceId>,
    /// Typical and peak demand in base units.
    pub typical: Amounts,
    pub peak: Amounts,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
