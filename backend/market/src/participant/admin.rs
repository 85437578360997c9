//! Creating participants, users and keys, and granting credits.
use crate::command::{Refusal, RefusalKind};
use crate::event::Event;
use crate::ids::{KeyId, ParticipantId, UserId};
use crate::ledger::{Account, TransferKind};
use crate::participant::{ApiKey, Membership, Participant, User};
use crate::time::Timestamp;
use crate::turn::{Cause, Turn};
use crate::units::{Amounts, Credits};
use crate::workload::register::{check_name, invalid, not_found};

pub fn create(
    turn: &mut Turn<'_>,
    name: String,
    platform: bool,
    quota: Amounts,
    open_order_limit: u32,
) -> Result<ParticipantId, Refusal> {
    check_name(&name, "/name")?;
    let id = ParticipantId::next(&mut turn.ids);
    let participant = Participant { id, name, platform, quota, open_order_limit, created_at: turn.now };
    turn.emit(Event::ParticipantChanged(participant));
    Ok(id)
}

pub fn set_quota(turn: &mut Turn<'_>, id: ParticipantId, quota: Amounts) -> Result<ParticipantId, Refusal> {
    let mut participant = turn.state.participants.get(&id).cloned().ok_or_else(|| not_found("participant"))?;
    if let Some((resource, _)) = quota.iter().find(|(_, q)| !(0..=1_000_000_000_000).contains(*q)) {
        return Err(invalid(
            "quantity_out_of_range",
            format!("/quota/{resource}"),
            "Quotas are from 0 to 1000000000000 base units.",
        ));
    }
    participant.quota = quota;
    turn.emit(Event::ParticipantChanged(participant));
    Ok(id)
}

pub fn create_user(
    turn: &mut Turn<'_>,
    email: String,
    name: String,
    password_hash: String,
    memberships: Vec<Membership>,
) -> Result<UserId, Refusal> {
    check_name(&name, "/name")?;
    let email = email.to_lowercase();
    if turn.state.user_by_email(&email).is_some() {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "duplicate_email",
            pointer: "/email".to_owned(),
            detail: "There is a user with this address already.".to_owned(),
        });
    }
    let platform = |m: &Membership| turn.state.participants.get(&m.participant).map(|p| p.platform);
    for (index, membership) in memberships.iter().enumerate() {
        match platform(membership) {
            None => {
                return Err(invalid(
                    "not_found",
                    format!("/memberships/{index}/participant"),
                    "There is no such participant.",
                ));
            }
            Some(is_platform) if is_platform != membership.role.is_platform() => {
                let detail = "finance, admin and operator belong to the operator's participant, bidder and tenant to the others.";
                return Err(invalid("role_not_here", format!("/memberships/{index}/role"), detail));
            }
            Some(_) => {}
        }
    }
    let id = UserId::next(&mut turn.ids);
    turn.emit(Event::UserChanged(User { id, email, name, password_hash, memberships, created_at: turn.now }));
    Ok(id)
}

pub struct NewKey {
    pub name: String,
    pub user: UserId,
    pub membership: Membership,
    pub scopes: Vec<String>,
    pub prefix: String,
    pub secret_hash: String,
    pub expires_at: Option<Timestamp>,
}

pub fn create_key(turn: &mut Turn<'_>, new: NewKey) -> Result<KeyId, Refusal> {
    check_name(&new.name, "/name")?;
    let user = turn.state.users.get(&new.user).ok_or_else(|| not_found("user"))?;
    if !user.memberships.contains(&new.membership) {
        return Err(not_found("membership"));
    }
    let allowed = new.membership.role.scopes();
    if let Some(index) = new.scopes.iter().position(|s| !allowed.contains(&s.as_str())) {
        return Err(invalid(
            "scope_not_allowed",
            format!("/scopes/{index}"),
            format!("The role {} has these scopes: {}.", new.membership.role.name(), allowed.join(", ")),
        ));
    }
    if new.expires_at.is_some_and(|at| at <= turn.now) {
        return Err(invalid("expiry_in_the_past", "/expires_at", "expires_at must be in the future."));
    }
    let id = KeyId::next(&mut turn.ids);
    let scopes = if new.scopes.is_empty() { allowed.iter().map(|s| (*s).to_owned()).collect() } else { new.scopes };
    turn.emit(Event::KeyChanged(ApiKey {
        id,
        name: new.name,
        participant: new.membership.participant,
        user: new.user,
        role: new.membership.role,
        scopes,
        prefix: new.prefix,
        secret_hash: new.secret_hash,
        created_at: turn.now,
        expires_at: new.expires_at,
        revoked_at: None,
    }));
    Ok(id)
}

pub fn revoke_key(turn: &mut Turn<'_>, participant: ParticipantId, id: KeyId) -> Result<KeyId, Refusal> {
    let key = turn.state.keys.get(&id).filter(|k| k.participant == participant);
    let mut key = key.cloned().ok_or_else(|| not_found("API key"))?;
    key.revoked_at = key.revoked_at.or(Some(turn.now));
    turn.emit(Event::KeyChanged(key));
    Ok(id)
}

/// issued → available.
pub fn grant(turn: &mut Turn<'_>, id: ParticipantId, amount: Credits) -> Result<ParticipantId, Refusal> {
    if !turn.state.participants.contains_key(&id) {
        return Err(not_found("participant"));
    }
    if amount <= Credits::ZERO || amount.units() > 1_000_000_000_000_000 {
        return Err(invalid("amount_out_of_range", "/amount", "A grant is above 0 and at most 1000000000 credits."));
    }
    let to = Account::Available(id);
    turn.transfer(TransferKind::Grant, Account::Issued, to, amount, Cause::default())
        .map_err(|e| invalid("amount_out_of_range", "/amount", e.to_string()))?;
    Ok(id)
}
