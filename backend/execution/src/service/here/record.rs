//! The record of a copy for the next life of the exchange: a small file of JSON.

use std::fs::File;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use headroom_market::workload::HostProcess;
use serde::{Deserialize, Serialize};

use crate::driver::{DriverError, InstanceId, NodeId};

const ENDING: &str = "json";

/// One copy of a service that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub instance: InstanceId,
    pub service: String,
    pub node: NodeId,
    /// The newest epoch that it was told.
    pub epoch: u64,
    pub port: u16,
    /// Where it listens at that port; this host's own address in records of before there were others.
    #[serde(default = "own_address")]
    pub address: Ipv4Addr,
    pub process: HostProcess,
}

fn own_address() -> Ipv4Addr {
    Ipv4Addr::LOCALHOST
}

/// Where a copy has its files, by its name; its control group has the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    state: PathBuf,
    pub name: String,
}

impl Files {
    /// A workload has one copy on a node at most.
    pub fn new(state: &Path, instance: &InstanceId, node: &NodeId) -> Self {
        let is_plain = |id: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            !id.is_empty() && id.len() <= 100 && id.chars().all(plain)
        };
        let name = if is_plain(instance.as_str()) && is_plain(node.as_str()) {
            format!("{instance}.{node}")
        } else {
            blake3::hash(format!("{}:{instance}{node}", instance.as_str().len()).as_bytes()).to_hex().to_string()
        };
        Self { state: state.to_owned(), name }
    }

    fn record(&self) -> PathBuf {
        self.state.join(format!("{}.{ENDING}", self.name))
    }

    /// The copy's own folder.
    pub fn folder(&self) -> PathBuf {
        self.state.join(format!("{}.folder", self.name))
    }

    /// The output of the copy.
    pub fn output(&self) -> PathBuf {
        self.state.join(format!("{}.output", self.name))
    }

    /// Writes the record; it is on disk when this returns.
    pub fn write(&self, record: &Record) -> Result<(), DriverError> {
        let path = self.record();
        let next = path.with_extension("next");
        let written = || -> io::Result<()> {
            let mut file = File::create(&next)?;
            file.write_all(&serde_json::to_vec(record)?)?;
            file.sync_all()?;
            std::fs::rename(&next, &path)?;
            File::open(&self.state)?.sync_all()
        };
        written().map_err(|source| DriverError::Io { path: self.record(), source })
    }

    /// Removes the record, and then the rest.
    pub fn remove(&self) -> Result<(), DriverError> {
        let record = self.record();
        match std::fs::remove_file(&record) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(DriverError::Io { path: record, source });
            }
            _ => {}
        }
        // These may stay: the next copy of this name writes them anew.
        let _ = std::fs::remove_dir_all(self.folder());
        let _ = std::fs::remove_file(self.output());
        Ok(())
    }
}

/// All records of a folder that can be read. One that cannot be was never finished, so its program never ran.
pub(super) fn read_all(state: &Path) -> Result<Vec<Record>, DriverError> {
    let entries = std::fs::read_dir(state).map_err(|source| DriverError::Io { path: state.to_owned(), source })?;
    let files = entries.flatten().map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == ENDING));
    Ok(files.filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok()).collect())
}
