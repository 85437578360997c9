//! Who trades and who acts: participants, users, memberships, roles and API keys.
//!
//! Secrets never live here: a user holds a password *hash*, a key the hash of its secret.
use crate::ids::{KeyId, ParticipantId, UserId};
use crate::records::class::Class;
use crate::time::Timestamp;
use crate::units::Amounts;
use serde::{Deserialize, Serialize};

/// What a membership lets a user do. The table role → scopes is in [`Role::scopes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Role {
    Bidder,
    Tenant,
    Finance,
    Admin,
    Operator,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Bidder, Role::Tenant, Role::Finance, Role::Admin, Role::Operator];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Bidder => "bidder",
            Role::Tenant => "tenant",
            Role::Finance => "finance",
            Role::Admin => "admin",
            Role::Operator => "operator",
        }
    }
    /// Roles of the operator's own participant; they see every participant.
    pub const fn is_platform(self) -> bool {
        matches!(self, Role::Finance | Role::Admin | Role::Operator)
    }
    /// The scopes that a role bundles; a key's scopes are a subset of its creator's.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Role::Bidder => &[
                "market:read",
                "orders:read",
                "orders:write",
                "strategies:write",
                "allocations:read",
                "swaps:read",
                "forecasts:read",
                "finance:read",
                "keys:read",
            ],
            Role::Tenant => &[
                "market:read",
                "orders:read",
                "orders:write",
                "strategies:write",
                "allocations:read",
                "swaps:read",
                "swaps:write",
                "forecasts:read",
                "finance:read",
                "workloads:write",
                "profiles:write",
                "keys:read",
                "keys:write",
                "audit:read",
            ],
            Role::Finance => {
                &["market:read", "finance:read", "finance:platform", "keys:read", "keys:write", "audit:read"]
            }
            Role::Admin => &[
                "market:read",
                "pricing:write",
                "admin:write",
                "finance:read",
                "finance:platform",
                "swaps:read",
                "orders:read",
                "forecasts:read",
                "allocations:read",
                "keys:read",
                "keys:write",
                "audit:read",
            ],
            Role::Operator => &[
                "market:read",
                "swaps:read",
                "swaps:write",
                "swaps:approve",
                "nodes:work",
                "forecasts:read",
                "orders:read",
                "allocations:read",
                "operations:write",
                "keys:read",
                "keys:write",
                "audit:read",
            ],
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Participant {
    pub id: ParticipantId,
    pub name: String,
    /// The operator's own participant; its members hold the platform roles.
    pub platform: bool,
    /// The most baseline capacity that this participant's instances may have together.
    pub quota: Amounts,
    /// The most orders it may have open at once.
    pub open_order_limit: u32,
    /// The most workloads that it may have running at once.
    pub instance_limit: u32,
    /// The highest class that its orders and workloads may have. A class decides ties, so an
    /// admin grants it; nobody takes it.
    pub highest_class: Class,
    pub created_at: Timestamp,
}

/// Running workloads of a participant for which nobody has set another number.
pub const INSTANCE_LIMIT: u32 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Membership {
    pub participant: ParticipantId,
    pub role: Role,
}

/// A person. The record carries the password hash, so it is never sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    /// Lower-cased; unique in the market.
    pub email: String,
    pub name: String,
    pub password_hash: String,
    pub memberships: Vec<Membership>,
    pub created_at: Timestamp,
}

/// An API key. Only the SHA-256 of its secret is kept; the prefix finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub id: KeyId,
    pub name: String,
    pub participant: ParticipantId,
    pub user: UserId,
    pub role: Role,
    pub scopes: Vec<String>,
    /// The first characters of the secret, shown in lists.
    pub prefix: String,
    /// SHA-256 of the whole secret, hex.
    pub secret_hash: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// The key that it was made with; it ends with that one.
    pub made_by: Option<KeyId>,
}
