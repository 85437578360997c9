//! Creating participants, users and keys, and granting credits.
use crate::event::Event;
use crate::ids::{KeyId, ParticipantId, UserId};
use crate::ledger::{Account, TransferKind};
use crate::printable::{check_name, check_reason};
use crate::records::class::Class;
use crate::records::participant::{ApiKey, INSTANCE_LIMIT, Membership, Participant, User};
use crate::records::workload::InstanceState;
use crate::refusal::{Refusal, RefusalKind, invalid, not_found};
use crate::time::Timestamp;
use crate::turn::{Cause, Turn};
use crate::units::{Amounts, Credits};

/// What an admin allows a participant; what is left out keeps its value.
pub struct Allowance {
    pub quota: Amounts,
    pub instance_limit: Option<u32>,
    pub highest_class: Option<Class>,
}

/// The highest instance limit: every running workload costs memory and a place in each seal.
pub const MOST_INSTANCES: u32 = 10_000;

/// API keys of one participant that are neither revoked nor expired. Each has a rate limit of its own.
pub const MOST_KEYS: usize = 64;

impl Allowance {
    fn check(&self) -> Result<(), Refusal> {
        if let Some((resource, _)) = self.quota.iter().find(|(_, q)| !(0..=1_000_000_000_000).contains(*q)) {
            return Err(invalid(
                "quantity_out_of_range",
                format!("/quota/{resource}"),
                "Quotas are from 0 to 1000000000000 base units.",
            ));
        }
        if self.instance_limit.is_some_and(|limit| limit > MOST_INSTANCES) {
            let detail = format!("A participant may have from 0 to {MOST_INSTANCES} running workloads.");
            return Err(invalid("instance_limit_out_of_range", "/instance_limit", detail));
        }
        Ok(())
    }
}

pub fn create(
    turn: &mut Turn<'_>,
    name: String,
    platform: bool,
    allowance: Allowance,
    open_order_limit: u32,
) -> Result<ParticipantId, Refusal> {
    check_name(&name, "/name")?;
    allowance.check()?;
    let called = name.to_lowercase();
    if turn.state.participants.values().any(|p| p.name.to_lowercase() == called) {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "participant_name_taken",
            pointer: "/name".to_owned(),
            detail: "Another participant has this name; people tell them apart by it. Choose another one.".to_owned(),
        });
    }
    let id = ParticipantId::next(&mut turn.ids);
    turn.emit(Event::ParticipantChanged(Participant {
        id,
        name,
        platform,
        quota: allowance.quota,
        open_order_limit,
        instance_limit: allowance.instance_limit.unwrap_or(INSTANCE_LIMIT),
        highest_class: allowance.highest_class.unwrap_or_default(),
        created_at: turn.now,
    }));
    Ok(id)
}

/// What is `None` keeps its value.
pub fn set_quota(
    turn: &mut Turn<'_>,
    id: ParticipantId,
    quota: Option<Amounts>,
    instance_limit: Option<u32>,
    highest_class: Option<Class>,
) -> Result<ParticipantId, Refusal> {
    let mut participant = turn.state.participants.get(&id).cloned().ok_or_else(|| not_found("participant"))?;
    let quota = quota.unwrap_or_else(|| participant.quota.clone());
    let allowance = Allowance { quota, instance_limit, highest_class };
    allowance.check()?;
    participant.quota = allowance.quota;
    participant.instance_limit = allowance.instance_limit.unwrap_or(participant.instance_limit);
    participant.highest_class = allowance.highest_class.unwrap_or(participant.highest_class);
    let highest = participant.highest_class;
    turn.emit(Event::ParticipantChanged(participant));
    // Automatic orders have their workload's class: one that was taken away must not stay there.
    let above = turn.state.instances.values().filter(|i| i.participant == id && i.class < highest);
    let above: Vec<_> = above.filter(|i| i.state == InstanceState::Running).cloned().collect();
    for mut instance in above {
        instance.class = highest;
        turn.emit(Event::InstanceChanged(instance));
    }
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
        // A session is one membership, found by its participant: a second role there could
        // never be chosen.
        if memberships[..index].iter().any(|m| m.participant == membership.participant) {
            return Err(invalid(
                "membership_repeated",
                format!("/memberships/{index}/participant"),
                "A user has one role in a participant. Choose the one with more scopes, or make a second user.",
            ));
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
    pub made_by: Option<KeyId>,
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
    let now = turn.now;
    let works = |k: &&ApiKey| k.revoked_at.is_none() && k.expires_at.is_none_or(|at| at > now);
    let own = turn.state.keys.values().filter(|k| k.participant == new.membership.participant);
    if own.filter(works).count() >= MOST_KEYS {
        return Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "too_many_keys",
            pointer: String::new(),
            detail: format!(
                "A participant has at most {MOST_KEYS} API keys that work. GET /v1/api_keys lists them; revoke one first."
            ),
        });
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
        made_by: new.made_by,
    }));
    Ok(id)
}

pub fn revoke_key(turn: &mut Turn<'_>, participant: Option<ParticipantId>, id: KeyId) -> Result<KeyId, Refusal> {
    let key = turn.state.keys.get(&id).filter(|k| participant.is_none_or(|p| p == k.participant));
    let mut key = key.cloned().ok_or_else(|| not_found("API key"))?;
    key.revoked_at = key.revoked_at.or(Some(turn.now));
    turn.emit(Event::KeyChanged(key));
    // Who has found a key may have made others with it: they end with it.
    let made = |by: KeyId| move |k: &&ApiKey| k.made_by == Some(by) && k.revoked_at.is_none();
    let mut parents = vec![id];
    while let Some(parent) = parents.pop() {
        let children: Vec<ApiKey> = turn.state.keys.values().filter(made(parent)).cloned().collect();
        for mut child in children {
            parents.push(child.id);
            child.revoked_at = Some(turn.now);
            turn.emit(Event::KeyChanged(child));
        }
    }
    Ok(id)
}

/// The most credits of one grant, in micro-credits.
const MOST_GRANTED: i64 = 1_000_000_000_000_000;

/// issued → available, and back where the amount is below 0: what was granted by mistake, as far as it is still available.
pub fn grant(
    turn: &mut Turn<'_>,
    id: ParticipantId,
    amount: Credits,
    reason: Option<&str>,
) -> Result<ParticipantId, Refusal> {
    let participant = turn.state.participants.get(&id).ok_or_else(|| not_found("participant"))?;
    if participant.platform {
        let detail = "The operator's own participant does not trade: credits would be of no use to it.";
        return Err(invalid("operator_does_not_trade", "/id", detail));
    }
    if amount.is_zero() || !(-MOST_GRANTED..=MOST_GRANTED).contains(&amount.units()) {
        let detail = "A grant is of up to 1000000000 credits; below 0 it takes back what was granted by mistake.";
        return Err(invalid("amount_out_of_range", "/amount", detail));
    }
    if let Some(reason) = reason {
        check_reason(reason)?;
    }
    let (issued, available) = (Account::Issued, Account::Available(id));
    let posted = if amount.is_negative() {
        let back = Credits::from_units(-amount.units());
        let there = turn.state.available(id);
        if back > there {
            return Err(Refusal {
                kind: RefusalKind::Conflict,
                code: "not_available",
                pointer: "/amount".to_owned(),
                detail: format!("Only {there} credits are available; what is held or spent can't be taken back."),
            });
        }
        turn.transfer(TransferKind::Grant, available, issued, back, Cause::default())
    } else {
        turn.transfer(TransferKind::Grant, issued, available, amount, Cause::default())
    };
    posted.map_err(|e| invalid("amount_out_of_range", "/amount", e.to_string()))?;
    Ok(id)
}
