//! Refresh tokens: `SECRET.PARTICIPANT.ROLE`. The membership that a session is for travels in the
//! token; only a hash of the whole is stored, so it covers both.
//!
//! A token is used once and leaves one successor; a later use means that somebody has a copy, and
//! ends the session for both. Honest clients come twice as well: several tabs of a browser that
//! wake up with the same cookie, or a client whose answer got lost on the way. So within
//! `GRACE_SECONDS` the token that was used last may come again, and gets *the same* successor:
//!
//! - The session stays one chain. A thief who copies a token and comes within the grace holds the
//!   very token that the owner holds; whoever of the two renews first, the other one's renewal is
//!   a second use, and the theft shows then. It does not for as long as the thief hits the grace
//!   of every renewal of the owner's, which is what the grace costs. With a new successor for each
//!   use the thief would have an own chain, which nothing would ever end.
//! - A token whose successor was used, or that was used longer ago, ends the session as before: a
//!   copy from a log or an old backup is worth nothing.
//!
//! The server stores no token, so it makes the successor's secret from the token and a key of its
//! own, and finds it again. Who has a token, but not that key, can't compute what follows it.
use crate::app::directory::secret_hash;
use crate::app::tokens::TokenKeys;
use headroom_market::participant::{Membership, Role};

/// Life of a refresh token.
pub const REFRESH_SECONDS: i64 = 30 * 24 * 3600;
/// For how long a token that was used may come again. A tab that waits for a slow line needs
/// seconds; nobody needs a minute.
pub const GRACE_SECONDS: i64 = 10;

#[derive(Clone, Debug)]
pub struct RefreshToken {
    text: String,
    pub membership: Membership,
}

impl RefreshToken {
    pub fn new(secret: &str, membership: Membership) -> Self {
        Self { text: format!("{secret}.{}.{}", membership.participant, membership.role.name()), membership }
    }

    pub fn parse(text: String) -> Option<Self> {
        let mut parts = text.split('.').skip(1);
        let participant = parts.next()?.parse().ok()?;
        let role = parts.next()?;
        let role = Role::ALL.into_iter().find(|known| known.name() == role)?;
        Some(Self { text, membership: Membership { participant, role } })
    }

    /// The token that follows this one, if the session goes on with that membership.
    pub fn successor(&self, keys: &TokenKeys, membership: Membership) -> Self {
        Self::new(&keys.successor_secret(&self.text), membership)
    }

    /// What is stored of it.
    pub fn hash(&self) -> String {
        secret_hash(&self.text)
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_market::ids::ParticipantId;

    #[test]
    fn a_successor_is_found_again_by_the_server_alone() {
        let keys = TokenKeys::from_seed([1; 32]);
        let membership = Membership { participant: ParticipantId::from_raw(6), role: Role::Tenant };
        let first = RefreshToken::new("secret", membership);
        let next = first.successor(&keys, membership);
        assert_eq!(next.hash(), first.successor(&keys, membership).hash());
        assert_ne!(next.hash(), first.successor(&TokenKeys::from_seed([2; 32]), membership).hash(), "another server");
        assert_ne!(next.hash(), next.successor(&keys, membership).hash());
        let other = Membership { role: Role::Bidder, ..membership };
        assert_ne!(next.hash(), first.successor(&keys, other).hash(), "another membership");
        let read = RefreshToken::parse(next.clone().into_text());
        assert_eq!(read.map(|t| (t.hash(), t.membership)), Some((next.hash(), membership)));
        for garbage in ["", "x", "a.b.c", "secret.par_1", &first.clone().into_text().replace("tenant", "king")] {
            assert!(RefreshToken::parse(garbage.to_owned()).is_none(), "{garbage}");
        }
    }
}
