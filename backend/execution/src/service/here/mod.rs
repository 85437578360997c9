//! Copies as processes of this host: `launch` starts one, `process` is one that runs, `record` lets the next life find it.

mod launch;
mod output;
mod port;
mod process;
mod record;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::place::{Copy, CopyRequest, Place};
use crate::driver::{DriverError, InstanceId, NodeId};
use crate::linux::cgroup::Cgroups;
use crate::linux::process::PREFIX;
use launch::Launch;
use process::{Process, end_group};
use record::Files;

pub use port::is_of_copies as is_port_of_copies;

/// Copies of an earlier life, by workload.
type Earlier = Vec<(InstanceId, Arc<dyn Copy>)>;

/// This host.
pub(super) struct Here {
    cgroups: Result<Cgroups, String>,
    state: PathBuf,
    /// Where copies listen.
    address: Ipv4Addr,
}

impl Here {
    /// Keeps its files in `state`. Control groups lie below `headroom-services-` and `name`, which must be this exchange's, or
    /// this agent's, own on this host.
    pub fn new(name: &str, state: &Path, address: Ipv4Addr) -> Result<Self, DriverError> {
        let in_state = |source| DriverError::Io { path: state.to_owned(), source };
        std::fs::create_dir_all(state).map_err(in_state)?;
        // Copies run elsewhere than here, so their paths have to be whole.
        let state = std::fs::canonicalize(state).map_err(in_state)?;
        Ok(Self { cgroups: Cgroups::probe(&format!("{PREFIX}services-{name}")), state, address })
    }

    /// Why there can be no control groups, if so.
    pub fn unavailable(&self) -> Option<String> {
        self.cgroups.as_ref().err().cloned()
    }

    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Copies of an earlier life that run, by workload; all else in this one's groups ends.
    pub fn find_earlier(&self) -> Result<Earlier, DriverError> {
        let Ok(cgroups) = &self.cgroups else { return Ok(Vec::new()) };
        let (mut known, mut found) = (BTreeSet::new(), Earlier::new());
        for record in record::read_all(&self.state)? {
            let files = Files::new(&self.state, &record.instance, &record.node);
            let (instance, name) = (record.instance.clone(), files.name.clone());
            let copy = Process::new(record, files, cgroups.group(&name), None);
            if copy.ended().is_none() {
                known.insert(name);
                found.push((instance, Arc::new(copy)));
            } else if copy.stop(Duration::ZERO).is_err() {
                known.insert(name);
            }
        }
        for name in cgroups.names().into_iter().filter(|name| !known.contains(name)) {
            let group = cgroups.group(&name);
            if end_group(&group, Duration::ZERO) == 0 {
                group.remove();
            }
        }
        Ok(found)
    }

    /// Removes what is empty of its groups.
    pub fn remove_groups(&self) {
        if let Ok(cgroups) = &self.cgroups {
            cgroups.remove();
        }
    }
}

impl Place for Here {
    fn has(&self, _: &NodeId) -> bool {
        true
    }

    fn start(&self, request: &CopyRequest<'_>) -> Result<Arc<dyn Copy>, DriverError> {
        let unsupported = |reason: &String| DriverError::Unsupported { operation: "start", reason: reason.clone() };
        let cgroups = self.cgroups.as_ref().map_err(unsupported)?;
        let name = &request.service.name;
        let port = port::free(&format!("{} {name}", self.state.display()));
        let none = || DriverError::CommandUnavailable { name: name.clone(), reason: "no port is free".to_owned() };
        let address = SocketAddrV4::new(self.address, port.ok_or_else(none)?);
        let launch = Launch { cgroups, state: &self.state, request: *request, address };
        Ok(Arc::new(launch.start()?))
    }
}
