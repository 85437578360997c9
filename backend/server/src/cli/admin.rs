//! The first admin of a market that is not a demo.
use crate::app::passwords;
use crate::sequencer::{Attached, Outcome, Sequencer};
use anyhow::{Context, bail};
use headroom_market::command::Command;
use headroom_market::participant::{Membership, Role};
use headroom_market::units::Amounts;

pub async fn create_first(sequencer: &Sequencer, email: &str, password: &str) -> anyhow::Result<()> {
    let command = Command::CreateParticipant {
        name: "Exchange operator".to_owned(),
        platform: true,
        quota: Amounts::new(),
        open_order_limit: 0,
        instance_limit: None,
        highest_class: None,
    };
    let Outcome::Object(document) = sequencer.internal(command, Attached::default()).await? else {
        bail!("the operator could not be created")
    };
    let value: serde_json::Value = serde_json::from_str(&document)?;
    let participant = value["id"].as_str().and_then(|id| id.parse().ok()).context("the operator has no id")?;
    for name in ["steady", "batch", "node_reader"] {
        let hash = blake3::hash(name.as_bytes()).to_hex().to_string();
        let command = Command::RegisterModule { participant: None, name: name.to_owned(), hash, size_bytes: 0 };
        sequencer.internal(command, Attached::default()).await?;
    }
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|e| anyhow::anyhow!("no random numbers: {e}"))?;
    let memberships = vec![Membership { participant, role: Role::Admin }];
    let command = Command::CreateUser {
        email: email.to_owned(),
        name: "Administrator".to_owned(),
        password_hash: passwords::hash(password, &salt),
        memberships,
    };
    match sequencer.internal(command, Attached::default()).await? {
        Outcome::Refused(refusal) => bail!("the admin was refused: {}", refusal.detail),
        _ => Ok(()),
    }
}
