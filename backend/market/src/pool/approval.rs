//! Two people for one price: who may decide on a schedule that somebody else proposed.
//!
//! A pending schedule prices nothing, ever, unless another person than its author approves it before
//! it takes effect. The rule is on when the market's record says so; turning it off leaves what is
//! pending pending. Absent on purpose: an approval by the exchange itself, and a late approval.
use crate::command::Reply;
use crate::event::Event;
use crate::ids::{ReservePriceId, UserId};
use crate::pool::admin::check_version;
use crate::printable::check_reason;
pub use crate::records::pool::Verdict;
use crate::records::pool::{ReserveDecision, ReservePrice, ReserveState};
use crate::refusal::{Refusal, conflict, not_found};
use crate::turn::Turn;

impl Verdict {
    const fn leads_to(self) -> ReserveState {
        match self {
            Verdict::Approve => ReserveState::Scheduled,
            Verdict::Reject => ReserveState::Rejected,
            Verdict::Withdraw => ReserveState::Withdrawn,
        }
    }
}

pub struct Decision {
    pub verdict: Verdict,
    pub reason: Option<String>,
    pub expected_version: Option<u64>,
    pub by: UserId,
}

/// Turns the rule on or off; nothing happens where it is so already.
pub fn set(turn: &mut Turn<'_>, two_person: bool) -> Reply {
    if turn.state.market.two_person_approval == two_person {
        return Reply::Nothing;
    }
    let market = crate::records::market::Market { two_person_approval: two_person, ..turn.state.market.clone() };
    turn.emit(Event::MarketChanged(market));
    Reply::Done
}

/// Decides on a pending schedule. The same decision by the same person again is answered as before.
pub fn decide(
    turn: &mut Turn<'_>,
    slug: &str,
    id: ReservePriceId,
    decision: Decision,
) -> Result<ReservePriceId, Refusal> {
    let Decision { verdict, reason, expected_version, by } = decision;
    if let Some(reason) = &reason {
        check_reason(reason)?;
    }
    let mut pool = turn.state.pools.get(slug).cloned().ok_or_else(|| not_found("pool"))?;
    let proposal = turn.state.reserve_prices.get(&id).filter(|r| r.pool == slug).cloned();
    let proposal = proposal.ok_or_else(|| not_found("reserve price"))?;
    if proposal.state != ReserveState::Pending {
        return repeated(&proposal, verdict, by);
    }
    check_version(&pool, expected_version)?;
    check_person(&proposal, verdict, by)?;
    if verdict == Verdict::Approve && proposal.effective_at <= turn.now {
        return Err(conflict(
            "approval_too_late",
            format!(
                "It was to take effect at {}, which has passed. Reject it, and propose it again for a later time.",
                proposal.effective_at
            ),
        ));
    }
    pool.reserve_version += 1;
    turn.emit(Event::PoolChanged(pool));
    let at = turn.now;
    let decision = Some(ReserveDecision { by, at, reason });
    turn.emit(Event::ReserveDecided(ReservePrice { state: verdict.leads_to(), decision, ..proposal }));
    Ok(id)
}

/// A request that was sent twice has one effect and the same answer.
fn repeated(proposal: &ReservePrice, verdict: Verdict, by: UserId) -> Result<ReservePriceId, Refusal> {
    match &proposal.decision {
        Some(made) if made.by == by && proposal.state == verdict.leads_to() => Ok(proposal.id),
        Some(made) => {
            let what = match proposal.state {
                ReserveState::Scheduled => "approved",
                ReserveState::Rejected => "rejected",
                _ => "withdrawn",
            };
            Err(conflict(
                "proposal_decided",
                format!("It was {what} at {} already. Propose another schedule to change what is in force.", made.at),
            ))
        }
        None => {
            Err(conflict("not_pending", "It was scheduled without asking a second person: there is nothing to decide."))
        }
    }
}

fn check_person(proposal: &ReservePrice, verdict: Verdict, by: UserId) -> Result<(), Refusal> {
    let own = proposal.created_by == Some(by);
    match (verdict, own) {
        (Verdict::Approve, true) => Err(conflict(
            "own_proposal",
            "You proposed it yourself: another person who may set prices has to approve it.",
        )),
        (Verdict::Reject, true) => Err(conflict("own_proposal", "You proposed it yourself: withdraw it instead.")),
        (Verdict::Withdraw, false) => {
            Err(conflict("not_own_proposal", "Somebody else proposed it: reject it instead."))
        }
        _ => Ok(()),
    }
}
