//! The room that is left where the market is kept.
//!
//! A disk that is full ends the process for everybody, and each order that anybody places takes some of it for good. So what
//! members may add is refused while there is a last piece of it left: rounds, deliveries and settlement go on with that.
use headroom_market::command::Command;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// How much stays free where nothing else is said: a few hours of a busy market, or a twentieth of a small disk.
const MOST_RESERVED: u64 = 512 * MIB;
const RESERVED_PART: u64 = 20;
/// How old an answer may be.
const LOOKED_LATELY: Duration = Duration::from_secs(1);

/// What is free, in bytes, and whether that is too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub free: u64,
    pub is_low: bool,
}

pub struct Disk {
    folder: PathBuf,
    /// `None`: as much as the disk's size suggests.
    reserve: Option<u64>,
    seen: Mutex<Option<(Instant, Room)>>,
}

impl Disk {
    /// `reserve_mib`: how much stays free; 0 refuses nothing.
    pub fn new(folder: PathBuf, reserve_mib: Option<u64>) -> Self {
        Self { folder, reserve: reserve_mib.map(|mib| mib.saturating_mul(MIB)), seen: Mutex::default() }
    }

    /// What there is, looked at once a second at most. Where the system does not say, nothing is refused for it.
    pub fn room(&self) -> Room {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, room)) = seen.filter(|(at, _)| at.elapsed() < LOOKED_LATELY) {
            return room;
        }
        let room = match rustix::fs::statvfs(&self.folder) {
            Ok(stat) => {
                let (free, all) = (stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize);
                Room { free, is_low: free < self.reserve.unwrap_or(MOST_RESERVED.min(all / RESERVED_PART)) }
            }
            Err(error) => {
                tracing::warn!(%error, folder = %self.folder.display(), "nobody says how much room is left");
                Room { free: u64::MAX, is_low: false }
            }
        };
        *seen = Some((Instant::now(), room));
        room
    }
}

/// Whether a member's command leaves something behind that the market can do without.
pub fn adds(command: &Command) -> bool {
    matches!(
        command,
        Command::PlaceOrder { .. }
            | Command::ReplaceOrder { .. }
            | Command::PlaceRecommended(_)
            | Command::RegisterModule { .. }
            | Command::RegisterInstance(_)
            | Command::Adopt(_)
            | Command::CreateKey { .. }
            | Command::PutHint { .. }
            | Command::PutProfile { .. }
            | Command::PutProject { .. }
            | Command::SetStrategy { .. }
            | Command::Draw { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_low_follows_from_the_reserve() {
        let folder = std::env::temp_dir();
        let free = Disk::new(folder.clone(), Some(0)).room();
        assert!(!free.is_low && free.free > 0, "{free:?}");
        let asked = Disk::new(folder, Some(u64::MAX));
        assert!(asked.room().is_low);
        assert_eq!(asked.room(), asked.room(), "an answer holds for a moment");
    }

    #[test]
    fn a_place_that_is_not_there_refuses_nothing() {
        assert!(!Disk::new("/nowhere/at/all".into(), Some(u64::MAX)).room().is_low);
    }
}
