//! Projects: limits of a participant's own, which its bids share.
use crate::ids::{ParticipantId, ProjectId};
use crate::time::Timestamp;
use crate::units::Credits;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Project {
    pub id: ProjectId,
    pub participant: ParticipantId,
    /// Unique among the participant's projects; a deleted one leaves it free.
    pub name: String,
    /// The most that the project's awards may cost together, until somebody changes it.
    pub limit: Credits,
    /// Charged for its awards and not credited back.
    pub spent: Credits,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}
