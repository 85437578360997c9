//! A free port for a copy.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};

/// Below those that the kernel gives to outgoing connections, which could take one between the look and the start.
const FIRST: u64 = 18_000;
const COUNT: u64 = 14_000;

/// Whether a copy may listen at it.
pub fn is_of_copies(port: u16) -> bool {
    (FIRST..FIRST + COUNT).contains(&u64::from(port))
}

/// A port that nobody listens at; each look begins elsewhere, so that two that start at once take different ones.
pub(super) fn free(seed: &str) -> Option<u16> {
    static LOOKS: AtomicU64 = AtomicU64::new(0);
    let looks = LOOKS.fetch_add(1, Ordering::Relaxed);
    let hash = blake3::hash(format!("{seed} {} {looks}", std::process::id()).as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    let start = u64::from(u32::from_le_bytes([a, b, c, d]));
    (0..COUNT).filter_map(|step| u16::try_from(FIRST + (start + step) % COUNT).ok()).find(|port| is_free(*port))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}
