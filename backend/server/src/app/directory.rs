//! Who may act: a read-only index of users and keys, rebuilt when they change.
//!
//! The state is the truth; this spares every request a question to the writer.
use headroom_market::ids::{ParticipantId, UserId};
use headroom_market::participant::{ApiKey, Participant, Role, User};
use headroom_market::printable::{is_printable, mixed_alphabets};
use headroom_market::state::State;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// Somebody who was authenticated, with one membership.
#[derive(Clone, Debug)]
pub struct Identity {
    pub user: UserId,
    pub participant: ParticipantId,
    pub role: Role,
    /// A key's scopes may be fewer than its role's.
    pub scopes: Arc<[String]>,
    /// For the rate limit and the audit log: the key, or the user.
    pub actor: Arc<str>,
}

#[derive(Default)]
pub struct Directory {
    /// With whom each stands for.
    keys: HashMap<String, (ApiKey, Identity)>,
    users: HashMap<UserId, User>,
    by_email: HashMap<String, UserId>,
    pub participants: HashMap<ParticipantId, Participant>,
}

/// Whether a text can be somebody's e-mail address: what no address is must not become an account.
pub fn is_email(text: &str) -> bool {
    let plain = is_printable(text) && !text.contains(char::is_whitespace);
    // Name and domain may be of two scripts, not a part of them: it would look like another's.
    let mixed = text.split(['@', '.']).any(|part| mixed_alphabets(part).is_some());
    let Some((local, domain)) = text.split_once('@') else { return false };
    let labels = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    !local.is_empty() && labels && !domain.contains('@') && text.len() <= 200 && plain && !mixed
}

/// SHA-256 of a secret, hex.
pub fn secret_hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

pub fn role_scopes(role: Role) -> Arc<[String]> {
    role.scopes().iter().map(|s| (*s).to_owned()).collect()
}

impl Directory {
    pub fn of(state: &State) -> Self {
        Self {
            keys: state.keys.values().map(|k| (k.secret_hash.clone(), (k.clone(), identity(k)))).collect(),
            users: state.users.values().map(|u| (u.id, u.clone())).collect(),
            by_email: state.users.values().map(|u| (u.email.clone(), u.id)).collect(),
            participants: state.participants.values().map(|p| (p.id, p.clone())).collect(),
        }
    }
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }
    pub fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id)
    }
    pub fn user_by_email(&self, email: &str) -> Option<&User> {
        self.users.get(self.by_email.get(&email.to_lowercase())?)
    }
    /// The name of the key that acts, if it is one.
    pub fn key_name(&self, actor: &str) -> Option<String> {
        self.keys.values().find(|(_, identity)| *identity.actor == *actor).map(|(key, _)| key.name.clone())
    }
    /// An API key by the hash of its secret, revoked and expired ones included, and whom it stands for.
    pub fn key(&self, secret_hash: &str) -> Option<&(ApiKey, Identity)> {
        self.keys.get(secret_hash)
    }
}

fn identity(key: &ApiKey) -> Identity {
    Identity {
        user: key.user,
        participant: key.participant,
        role: key.role,
        scopes: key.scopes.clone().into(),
        actor: key.id.to_string().into(),
    }
}
