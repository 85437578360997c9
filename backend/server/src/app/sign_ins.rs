//! Whose password is checked when. A crowd of guessers must neither keep others from signing in nor lock anybody out.
//!
//! - Attempts count by account *and* source, so whoever guesses from elsewhere uses up none of the owner's.
//! - A source is the browser that has signed in to the account before, which a cookie proves, or else a network.
//! - Such browsers come before all strangers; strangers take turns by network.
use crate::app::allowance::Allowance;
use crate::app::failure::{Done, busy};
use crate::app::limiter::rate_limited;
use crate::app::turns::{Bounds, Lane, Turn, Turns};
use headroom_market::ids::UserId;
use std::net::IpAddr;

/// Attempts per account and source and minute.
const OF_AN_ACCOUNT: u32 = 20;
/// Attempts of strangers per network and minute, whatever the account: a team behind one address signs in, a list of
/// stolen passwords does not get far.
const OF_A_NETWORK: u32 = 60;
/// Each check takes 19 MiB and a core for tens of milliseconds. Those of 256 who wait are over in some five seconds.
const BOUNDS: Bounds = Bounds { at_once: 2, each: 32, all: 256 };

/// Where an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A browser that has signed in to this account before.
    Known(UserId),
    Stranger(Option<IpAddr>),
}

impl Source {
    fn place(self) -> (Lane, String) {
        match self {
            Self::Known(user) => (Lane::First, user.to_string()),
            Self::Stranger(address) => (Lane::Second, address.map_or_else(String::new, network)),
        }
    }
}

pub struct SignIns {
    accounts: Allowance,
    networks: Option<Allowance>,
    turns: Turns,
}

impl SignIns {
    pub fn new(bounds_networks: bool) -> Self {
        Self {
            accounts: Allowance::a_minute(OF_AN_ACCOUNT),
            networks: bounds_networks.then(|| Allowance::a_minute(OF_A_NETWORK)),
            turns: Turns::new(BOUNDS),
        }
    }

    /// Waits for a turn to check a password. An attempt counts only with it: by network first, as whoever guesses at many
    /// accounts from one place must not use up the attempts of each.
    pub async fn attempt(&self, account: &str, source: Source) -> Done<Turn> {
        let (lane, asker) = source.place();
        let networks = self.networks.as_ref().filter(|_| lane == Lane::Second);
        let of_network = networks.map(|networks| networks.take(asker.clone())).transpose().map_err(rate_limited)?;
        // Addresses may be long, and are remembered for a minute.
        let account = blake3::hash(account.to_lowercase().as_bytes()).to_hex();
        let of_account = self.accounts.take(format!("{asker} {account}")).map_err(rate_limited)?;
        let turn = self.turn(source).await?;
        of_account.use_up();
        if let Some(taken) = of_network {
            taken.use_up();
        }
        Ok(turn)
    }

    /// Waits for a turn, for a password that nobody guesses at: one that is being set.
    pub async fn turn(&self, source: Source) -> Done<Turn> {
        let (lane, asker) = source.place();
        self.turns.take(lane, &asker).await.map_err(|_| {
            let detail = "Too many people are signing in at this moment. Try again after the time in Retry-After.";
            busy("sign_in_busy", 1, detail)
        })
    }

    pub fn sweep(&self) {
        self.accounts.sweep();
        if let Some(networks) = &self.networks {
            networks.sweep();
        }
    }
}

/// Whom an address belongs to: an IPv4 address, or the /56 that one IPv6 customer may get.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{:x}::/56", d & 0xff00)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::failure::Failure;
    use futures::FutureExt;

    const OWNER: Source = Source::Known(UserId::from_raw(7));

    fn from(last: u8) -> Source {
        Source::Stranger(Some(IpAddr::from([10, 0, 0, last])))
    }

    fn code(answer: Option<Done<Turn>>) -> Option<&'static str> {
        match answer {
            Some(Err(Failure::Later(later))) => Some(later.code),
            Some(Ok(_)) => Some("turn"),
            _ => None,
        }
    }

    #[test]
    fn guesses_from_elsewhere_do_not_lock_the_owner_out() {
        let sign_ins = SignIns::new(true);
        let attempt = |source| code(sign_ins.attempt("Owner@example.org", source).now_or_never());
        assert!((0..20).all(|_| attempt(from(1)) == Some("turn")));
        assert_eq!(attempt(from(1)), Some("rate_limited"));
        assert_eq!(attempt(OWNER), Some("turn"));
        assert_eq!(attempt(from(2)), Some("turn"), "from a network of its own");
        let other = |source| code(sign_ins.attempt("other@example.org", source).now_or_never());
        assert_eq!(other(from(1)), Some("turn"), "another account");
        // The network's own bound is for strangers alone.
        for account in 0..100 {
            let _any = sign_ins.attempt(&format!("{account}@example.org"), from(1)).now_or_never();
        }
        assert_eq!((other(from(1)), attempt(OWNER)), (Some("rate_limited"), Some("turn")));
    }

    #[test]
    fn attempts_that_were_shed_do_not_count() {
        let sign_ins = SignIns::new(true);
        let others: Vec<String> = (0..BOUNDS.each).map(|n| format!("{n}@example.org")).collect();
        let attempt = || sign_ins.attempt("owner@example.org", from(9)).now_or_never();
        let held: Vec<_> = (0..2).map(|n| sign_ins.attempt("other", from(n)).now_or_never()).collect();
        // Both turns are taken and as many wait as may: what comes then is shed, and what hangs up is given back.
        let mut waiting: Vec<_> = others.iter().map(|who| Box::pin(sign_ins.attempt(who, from(9)))).collect();
        assert!(waiting.iter_mut().all(|waits| waits.now_or_never().is_none()));
        assert!((0..100).all(|_| code(attempt()) == Some("sign_in_busy")));
        drop((waiting, held));
        assert!((0..20).all(|_| code(attempt()) == Some("turn")));
        assert_eq!(code(attempt()), Some("rate_limited"));
    }
}
