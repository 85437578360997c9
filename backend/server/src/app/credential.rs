//! What somebody proves who they are with, and whether it is still good.
//!
//! One rule for both who ask: a request does once, an event stream again and again for as long as
//! it is open. Everything is in memory, so that asking costs nothing worth saving.
use crate::app::directory::{Directory, Identity, role_scopes, secret_hash};
use crate::app::sessions::Sessions;
use crate::app::tokens::Claims;
use headroom_market::participant::{ApiKey, Membership};
use headroom_market::time::Timestamp;

/// How every API key begins.
const KEY_PREFIX: &str = "xk_";

#[derive(Clone, Debug)]
pub enum Credential {
    /// An API key, by the hash of its secret.
    Key(String),
    /// A genuine access token.
    Token(Claims),
}

/// Why a credential is good no longer, and by that what its holder can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    KeyRevoked,
    KeyExpired,
    TokenExpired,
    SessionEnded,
    MembershipEnded,
}

impl Lapse {
    pub fn code(self) -> &'static str {
        match self {
            Lapse::KeyRevoked => "key_revoked",
            Lapse::KeyExpired => "key_expired",
            Lapse::TokenExpired => "token_expired",
            Lapse::SessionEnded => "session_ended",
            Lapse::MembershipEnded => "membership_ended",
        }
    }
    pub fn detail(self) -> &'static str {
        match self {
            Lapse::KeyRevoked => "The API key was revoked. Use another one.",
            Lapse::KeyExpired => "The API key has expired. Use another one.",
            Lapse::TokenExpired => {
                "The access token has expired. Renew the session (POST /v1/auth/refresh) and resume with Last-Event-ID."
            }
            Lapse::SessionEnded => "The session has ended. Sign in again.",
            Lapse::MembershipEnded => "The user no longer has this role there. Sign in again.",
        }
    }
}

/// Whether a text is meant as an API key.
pub fn is_key(secret: &str) -> bool {
    secret.starts_with(KEY_PREFIX)
}

impl Credential {
    pub fn of_key(secret: &str) -> Self {
        Credential::Key(secret_hash(secret))
    }

    /// Who holds it, if it is good now.
    pub fn identity(&self, directory: &Directory, sessions: &Sessions, now: Timestamp) -> Result<Identity, Lapse> {
        self.check(directory, sessions, now)?;
        match self {
            Credential::Key(hash) => {
                let (_, identity) = directory.key(hash).ok_or(Lapse::KeyRevoked)?;
                Ok(identity.clone())
            }
            Credential::Token(claims) => Ok(Identity {
                user: claims.sub,
                participant: claims.participant,
                role: claims.role,
                scopes: role_scopes(claims.role),
                actor: claims.sub.to_string().into(),
            }),
        }
    }

    /// Whether it is good now.
    pub fn check(&self, directory: &Directory, sessions: &Sessions, now: Timestamp) -> Result<(), Lapse> {
        let (user, membership) = match self {
            Credential::Key(hash) => {
                let (key, _) = directory.key(hash).ok_or(Lapse::KeyRevoked)?;
                check_key(key, now)?;
                (key.user, Membership { participant: key.participant, role: key.role })
            }
            Credential::Token(claims) => {
                if !claims.are_in_time(now.seconds()) {
                    return Err(Lapse::TokenExpired);
                }
                if !sessions.is_live(&claims.sid) {
                    return Err(Lapse::SessionEnded);
                }
                (claims.sub, Membership { participant: claims.participant, role: claims.role })
            }
        };
        let is_member = directory.user(user).is_some_and(|user| user.memberships.contains(&membership));
        if is_member { Ok(()) } else { Err(Lapse::MembershipEnded) }
    }
}

fn check_key(key: &ApiKey, now: Timestamp) -> Result<(), Lapse> {
    if key.revoked_at.is_some() {
        return Err(Lapse::KeyRevoked);
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(Lapse::KeyExpired);
    }
    Ok(())
}
