//! Which sessions are over, for access tokens, which are good without a question to the database.
//!
//! A session is the family of its refresh tokens, and has ended when these are gone. An access
//! token names its session and lives 15 minutes, so it suffices to know the sessions that had one
//! in that time: those stored at the start, and every one that was begun, renewed or ended since.
//! Only this process changes them. A session that is not here has no good access token.
use crate::app::tokens::ACCESS_SECONDS;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Debug, Default)]
pub struct Sessions(RwLock<HashMap<String, Standing>>);

#[derive(Clone, Copy, Debug)]
struct Standing {
    /// Stays here for a while: a renewal that was under way when it ended must not revive it.
    ended: bool,
    /// In seconds; from then on none of its access tokens is good.
    until: i64,
}

impl Sessions {
    /// The sessions that may have an access token which an earlier process has issued.
    pub fn of(stored: Vec<String>, now_seconds: i64) -> Self {
        let standing = Standing { ended: false, until: now_seconds + ACCESS_SECONDS };
        Self(RwLock::new(stored.into_iter().map(|session| (session, standing)).collect()))
    }

    /// A session gets an access token now; `false` if it has ended meanwhile.
    #[must_use]
    pub fn goes_on(&self, session: &str, now_seconds: i64) -> bool {
        let until = now_seconds + ACCESS_SECONDS;
        let mut all = self.write();
        let standing = all.entry(session.to_owned()).or_insert(Standing { ended: false, until });
        standing.until = until;
        !standing.ended
    }

    pub fn end(&self, session: &str, now_seconds: i64) {
        self.write().insert(session.to_owned(), Standing { ended: true, until: now_seconds + ACCESS_SECONDS });
    }

    pub fn is_live(&self, session: &str) -> bool {
        self.read().get(session).is_some_and(|standing| !standing.ended)
    }

    /// Forgets the sessions whose access tokens have all expired.
    pub fn sweep(&self, now_seconds: i64) {
        self.write().retain(|_, standing| now_seconds < standing.until);
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Standing>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Standing>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_session_is_not_revived_and_is_forgotten_in_the_end() {
        let sessions = Sessions::of(vec!["stored".to_owned()], 0);
        assert!(sessions.is_live("stored") && !sessions.is_live("unknown"));
        assert!(sessions.goes_on("new", 100) && sessions.is_live("new"));
        sessions.end("new", 200);
        assert!(!sessions.is_live("new"));
        assert!(!sessions.goes_on("new", 201), "a renewal that was under way");
        assert!(!sessions.is_live("new"));
        sessions.sweep(ACCESS_SECONDS - 1);
        assert!(sessions.is_live("stored"));
        sessions.sweep(ACCESS_SECONDS);
        assert!(!sessions.is_live("stored"), "its access tokens have expired");
        assert_eq!(sessions.read().len(), 1, "the ended one is still known");
        sessions.sweep(201 + ACCESS_SECONDS);
        assert!(sessions.read().is_empty());
    }
}
