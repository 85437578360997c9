//! The HTTP services that the operator has defined: found in their folder and offered at each start.
use crate::sequencer::{Attached, Outcome, Sequencer};
use anyhow::Context;
use headroom_execution::service::list_services;
use headroom_market::command::Command;
use headroom_market::workload::{InstanceState, ModuleKind};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder as a whole path: services are started elsewhere.
pub fn folder(named: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    let Some(named) = named else { return Ok(None) };
    let whole = std::fs::canonicalize(named);
    let whole = whole.with_context(|| {
        format!("--services {} cannot be read: name a folder with one TOML file a service", named.display())
    })?;
    anyhow::ensure!(
        whole.is_dir(),
        "--services {} is not a folder: name one with one TOML file a service",
        named.display()
    );
    Ok(Some(whole))
}

/// Offers what is defined and not offered yet, and says what is missing or at fault.
pub async fn offer(sequencer: &Sequencer, folder: Option<&Path>) -> anyhow::Result<()> {
    let mut there = BTreeSet::new();
    for defined in folder.map(list_services).unwrap_or_default() {
        match defined {
            Ok(service) => {
                there.insert(service.name);
            }
            Err(fault) => tracing::warn!(%fault, "a service is not offered"),
        }
    }
    let (offered, used) = sequencer
        .query(|s| {
            let services = s.modules.values().filter(|m| m.kind == ModuleKind::Service);
            let names: BTreeSet<String> = services.map(|m| m.name.clone()).collect();
            let running = s.instances.values().filter(|i| i.state == InstanceState::Running);
            let used = running.filter_map(|i| s.modules.get(&i.module).filter(|m| m.kind == ModuleKind::Service));
            (names, used.map(|m| m.name.clone()).collect::<BTreeSet<String>>())
        })
        .await?;
    for name in there.difference(&offered) {
        let command = Command::OfferService { name: name.clone() };
        if let Outcome::Refused(refusal) = sequencer.internal(command, Attached::default()).await? {
            tracing::warn!(name, reason = refusal.detail, "a service is not offered");
        }
    }
    for service in used.difference(&there) {
        tracing::warn!(
            service,
            "a workload is a service that --services does not define: it stands still until it does"
        );
    }
    Ok(())
}
