//! Who can sign in to a demo, kept in `demo-access.json` of the data directory: a password and a
//! key are known nowhere else.
//!
//! One directory may serve several databases, one after the other. `demo-access.json` is always
//! the file of the market that runs; the others wait beside it under a name of their own, and
//! none is ever written over.
use crate::app::directory::Directory;
use crate::app::tokens::write_private;
use headroom_market::ids::ParticipantId;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The file of the market that runs.
const FILE: &str = "demo-access.json";
/// How the names of the others begin.
const ASIDE: &str = "demo-access-";

/// Who can sign in to the demo: printed, and written to `demo-access.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Access {
    pub url: String,
    pub users: Vec<DemoUser>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoUser {
    pub role: String,
    pub participant: ParticipantId,
    pub email: String,
    pub password: String,
    pub api_key: String,
}

impl Access {
    /// Whether these are users of that market. Ids are made of the time and a random seed, so no
    /// two markets have the same participants.
    fn is_of(&self, market: &Directory) -> bool {
        !self.users.is_empty() && self.users.iter().all(|u| market.participants.contains_key(&u.participant))
    }
}

pub fn path(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// Writes the users of a market that was just made.
pub fn write(data: &Path, access: &Access) -> io::Result<()> {
    set_aside(data)?;
    write_private(&path(data), &serde_json::to_vec_pretty(access)?)
}

/// Puts the file of this market in its place and reads it; `None` if there is none.
pub fn settle(data: &Path, market: &Directory) -> io::Result<Option<Access>> {
    if let Some(access) = read(&path(data)).filter(|access| access.is_of(market)) {
        return Ok(Some(access));
    }
    let mut others = Vec::new();
    for entry in std::fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(ASIDE) && name.ends_with(".json")) {
            others.push(entry.path());
        }
    }
    others.sort();
    let found = others.into_iter().find_map(|other| Some((read(&other).filter(|a| a.is_of(market))?, other)));
    // Also where this market has none: what another market's file says does not work here.
    set_aside(data)?;
    let Some((access, other)) = found else { return Ok(None) };
    std::fs::rename(other, path(data))?;
    Ok(Some(access))
}

fn read(path: &Path) -> Option<Access> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Gives another market's file a name of its own, made from its bytes.
fn set_aside(data: &Path) -> io::Result<()> {
    let bytes = match std::fs::read(path(data)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let name = &blake3::hash(&bytes).to_hex()[..8];
    std::fs::rename(path(data), data.join(format!("{ASIDE}{name}.json")))
}
