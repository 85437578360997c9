//! The programs of the operator that workloads may be: found in their folder and offered at each start.
use crate::sequencer::{Attached, Outcome, Sequencer};
use anyhow::Context;
use headroom_execution::list_commands;
use headroom_market::command::Command;
use headroom_market::workload::{InstanceState, ModuleKind};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder as a whole path: programs are started there.
pub fn folder(named: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    let Some(named) = named else { return Ok(None) };
    let whole = std::fs::canonicalize(named);
    let whole = whole.with_context(|| {
        format!("--commands {} cannot be read: name a folder with executable files", named.display())
    })?;
    anyhow::ensure!(whole.is_dir(), "--commands {} is not a folder: name one with executable files", named.display());
    Ok(Some(whole))
}

/// Offers what is there and not offered yet, and says what is missing.
pub async fn offer(sequencer: &Sequencer, folder: Option<&Path>) -> anyhow::Result<()> {
    let there = match folder {
        Some(folder) => {
            let listed = list_commands(folder);
            listed.with_context(|| {
                format!("--commands {} cannot be read: give this user the right to", folder.display())
            })?
        }
        None => Vec::new(),
    };
    let (offered, used) = sequencer
        .query(|s| {
            let commands = s.modules.values().filter(|m| m.kind == ModuleKind::Command);
            let names: BTreeSet<String> = commands.map(|m| m.name.clone()).collect();
            let running = s.instances.values().filter(|i| i.state == InstanceState::Running);
            let used = running.filter_map(|i| s.modules.get(&i.module).filter(|m| m.kind == ModuleKind::Command));
            (names, used.map(|m| m.name.clone()).collect::<Vec<String>>())
        })
        .await?;
    for name in there.iter().filter(|name| !offered.contains(*name)) {
        let command = Command::OfferCommand { name: name.clone() };
        if let Outcome::Refused(refusal) = sequencer.internal(command, Attached::default()).await? {
            tracing::warn!(name, reason = refusal.detail, "a program is not offered as a command");
        }
    }
    let missing: BTreeSet<&String> = used.iter().filter(|name| !there.contains(name)).collect();
    for name in missing {
        let workloads = used.iter().filter(|used| *used == name).count();
        tracing::warn!(
            command = name,
            workloads,
            "workloads run a command that is not in the folder of --commands: they stand still until it is there"
        );
    }
    Ok(())
}
