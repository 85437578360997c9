//! The whole exchange as one state machine: `apply(&mut State, Envelope) → (Events, Reply)`.
//!
//! Every decision is here or below; nothing outside decides. The same envelope on the same
//! state gives the same events, on any machine and for ever.
use crate::book::close;
use crate::book::{expire, place, together};
use crate::command::{Command, Envelope, Reply};
use crate::event::Event;
use crate::ids::{OrderId, ParticipantId};
use crate::market;
use crate::participant::admin as participants;
use crate::pool::{admin as pools, approval, recallable, scarcity};
use crate::project;
use crate::records::order::PlacedBy;
use crate::records::round::Movers;
use crate::refusal::{Refusal, conflict};
use crate::round::awards::{award, void};
use crate::round::safe_state;
use crate::round::sealing::seal;
use crate::settlement::{dispute, settle};
use crate::state::State;
use crate::swap::{approval as approval_of_moves, draw, plan, recall, saga};
use crate::time::Slot;
use crate::turn::Turn;
use crate::workload::{adopt, auto, baseline, guidance, register, relocation, run, strategy, vacate};

/// Decides a command and folds its events into the state.
///
/// What is refused has changed nothing: a rule checks all before it decides anything. (Where one does not, what it has
/// decided stands, and is in the journal; whoever calls this says so.)
pub fn apply(state: &mut State, envelope: &Envelope) -> (Vec<Event>, Reply) {
    let mut turn = Turn::new(state, envelope.now, envelope.seed);
    let reply = decide(&mut turn, envelope.command.clone()).unwrap_or_else(Reply::Refused);
    (turn.events, reply)
}

fn decide(turn: &mut Turn<'_>, command: Command) -> Result<Reply, Refusal> {
    match command {
        Command::OpenMarket { name, rhythm, price_cap, demo } => market::open(turn, name, rhythm, price_cap, demo),
        Command::CreateParticipant { name, platform, quota, open_order_limit, instance_limit, highest_class } => {
            let allowance = participants::Allowance { quota, instance_limit, highest_class };
            participants::create(turn, name, platform, allowance, open_order_limit).map(Reply::Participant)
        }
        Command::SetQuota { participant, quota, instance_limit, highest_class } => {
            participants::set_quota(turn, participant, quota, instance_limit, highest_class).map(Reply::Participant)
        }
        Command::CreateUser { email, name, password_hash, memberships } => {
            participants::create_user(turn, email, name, password_hash, memberships).map(Reply::User)
        }
        Command::CreateKey { name, user, membership, scopes, prefix, secret_hash, expires_at, made_by } => {
            let new = participants::NewKey { name, user, membership, scopes, prefix, secret_hash, expires_at, made_by };
            participants::create_key(turn, new).map(Reply::Key)
        }
        Command::RevokeKey { participant, key } => participants::revoke_key(turn, participant, key).map(Reply::Key),
        Command::Grant { participant, amount, reason } => {
            participants::grant(turn, participant, amount, reason.as_deref()).map(Reply::Participant)
        }
        Command::CreatePool { slug, name, pop, tier, resources, release_start } => {
            let new = pools::NewPool { slug, name, pop, tier, resources, release_start };
            pools::create(turn, new).map(Reply::Pool)
        }
        Command::CreateNode { name, pool, capacity, properties } => {
            pools::add_node(turn, name, pool, capacity, properties).map(Reply::Node)
        }
        Command::SetNodeState { node, state } => pools::set_node_state(turn, node, state).map(Reply::Node),
        Command::HaltPool { pool, by, reason } => pools::halt(turn, &pool, by, reason).map(Reply::Pool),
        Command::ResumePool { pool } => pools::resume(turn, &pool).map(Reply::Pool),
        Command::ScheduleReserve { pool, resource, steps, effective_at, expected_version, by } => {
            let new = pools::NewReserve { resource, steps, effective_at, expected_version, by };
            pools::schedule_reserve(turn, &pool, new).map(Reply::ReservePrice)
        }
        Command::RecordSuspension { instance, epoch, needs } => {
            vacate::found(turn, instance, epoch, needs);
            Ok(Reply::Done)
        }
        Command::SetMovesAtOnce { pool, moves_at_once, expected_version } => {
            pools::set_moves_at_once(turn, &pool, moves_at_once, expected_version).map(Reply::Pool)
        }
        Command::SetMoveApproval { pool, required, expected_version } => {
            approval_of_moves::set(turn, &pool, required, expected_version).map(Reply::Pool)
        }
        Command::SetShortageCost { pool, shortage_cost, expected_version } => {
            scarcity::set(turn, &pool, shortage_cost, expected_version).map(Reply::Pool)
        }
        Command::DecideReserve { pool, reserve, verdict, reason, expected_version, by } => {
            let decision = approval::Decision { verdict, reason, expected_version, by };
            approval::decide(turn, &pool, reserve, decision).map(Reply::ReservePrice)
        }
        Command::SetReserveApproval { two_person } => Ok(approval::set(turn, two_person)),
        Command::RegisterModule { participant, name, hash, size_bytes } => {
            register::module(turn, participant, name, hash, size_bytes).map(Reply::Module)
        }
        Command::OfferCommand { name } => register::command(turn, name).map(Reply::Module),
        Command::OfferService { name } => register::service(turn, name).map(Reply::Module),
        Command::Adopt(asked) => adopt::adopt(turn, *asked).map(Reply::Instance),
        Command::RegisterInstance(new) => register::instance(turn, *new).map(Reply::Instance),
        Command::SetBaseline { instance, baseline, floor } => {
            baseline::set_baseline(turn, instance, baseline, floor).map(Reply::Instance)
        }
        Command::SetStrategy { participant, instance, strategy, expected_version } => {
            strategy::set(turn, participant, instance, strategy, expected_version).map(Reply::Instance)
        }
        Command::StopInstance { participant, instance } => run::stop(turn, participant, instance).map(Reply::Instance),
        Command::StartInstance { participant, instance } => {
            run::restart(turn, participant, instance).map(Reply::Instance)
        }
        Command::ReportFault { instance, detail } => run::fail(turn, instance, detail).map(Reply::Instance),
        Command::PutHint { participant, instance, expected_demand, avoid_nodes, starts_at, expires_at, source } => {
            let new = guidance::NewHint { instance, expected_demand, avoid_nodes, starts_at, expires_at, source };
            guidance::hint(turn, participant, new).map(Reply::Hint)
        }
        Command::WithdrawHint { participant, hint } => {
            guidance::withdraw_hint(turn, participant, hint).map(Reply::Hint)
        }
        Command::PutProfile { participant, profile, expected_version, name, instances, typical, peak } => {
            let new = guidance::NewProfile { profile, expected_version, name, instances, typical, peak };
            guidance::profile(turn, participant, new).map(Reply::Profile)
        }
        Command::PutProject { participant, name, limit } => {
            project::put(turn, participant, name, limit).map(Reply::Project)
        }
        Command::DeleteProject { participant, name } => project::delete(turn, participant, &name).map(Reply::Project),
        Command::OpenDispute { participant, dispute: new } => {
            dispute::open(turn, participant, *new).map(Reply::Dispute)
        }
        Command::DecideDispute { dispute, decision } => dispute::decide(turn, dispute, decision).map(Reply::Dispute),
        Command::WithdrawDispute { participant, dispute } => {
            dispute::withdraw(turn, participant, dispute).map(Reply::Dispute)
        }
        Command::PlaceOrder { participant, side, request, client_order } => {
            let placed = place::place(turn, participant, side, *request, client_order, PlacedBy::hand());
            let placed = placed.map_err(Refusal::from)?;
            relocation::give_way(turn, &[placed]);
            Ok(Reply::Order(placed))
        }
        Command::PlaceRecommended(recommended) => {
            let placed = together::place(turn, *recommended).map_err(|(order, rejection)| {
                let mut refusal = Refusal::from(rejection);
                if let Some(index) = order {
                    refusal.pointer = format!("/orders/{index}{}", refusal.pointer);
                }
                refusal
            })?;
            relocation::give_way(turn, &placed);
            Ok(Reply::Orders(placed))
        }
        Command::ReplaceOrder { participant, order, request, client_order } => {
            match place::replace(turn, participant, order, *request, client_order)? {
                place::Replaced::Now(id) => {
                    relocation::give_way(turn, &[id]);
                    Ok(Reply::Order(id))
                }
                place::Replaced::Pending(id) => Ok(Reply::PendingOrder(id)),
            }
        }
        Command::CancelOrder { participant, order } => cancel(turn, participant, order),
        Command::CancelAll { participant } => Ok(Reply::Canceled(close::cancel_all(turn, participant))),
        Command::RecordOutlooks { model, outlooks } => {
            auto::record_outlooks(turn, model.as_deref(), outlooks);
            Ok(Reply::Done)
        }
        Command::RecordShortages { shortages } => {
            scarcity::record(turn, shortages);
            Ok(Reply::Done)
        }
        Command::ExpireOrders => {
            expire::expire(turn);
            Ok(Reply::Done)
        }
        Command::SealRound(movers) => Ok(seal_round(turn, &movers.unwrap_or_default())),
        Command::RecordOutcome { round, outcome, .. } => {
            let outcome = outcome.ok_or_else(|| conflict("no_outcome", "The outcome is not at hand."))?;
            award::apply(turn, round, &outcome).map_err(|e| conflict("outcome_refused", e.to_string()))?;
            Ok(Reply::Done)
        }
        Command::VoidRound { round, reason } => void::void(turn, round, reason),
        Command::PlanSlot { slot } => Ok(plan_slot(turn, slot)),
        Command::StepSwap { swap, result } => {
            Ok(if saga::step(turn, swap, result) { Reply::Swap(swap) } else { Reply::Nothing })
        }
        Command::AnswerSwap { swap, verdict, reason, by } => {
            approval_of_moves::answer(turn, swap, approval_of_moves::Answering { verdict, reason, by }).map(Reply::Swap)
        }
        Command::CancelSwap { swap, participant, reason } => saga::cancel(turn, swap, participant, reason),
        Command::Recall { participant, recall: asked } => {
            recall::recall(turn, participant, &asked).map(Reply::Recalled)
        }
        Command::Draw { participant, draw: asked } => draw::draw(turn, participant, &asked).map(Reply::Drawn),
        Command::Relocate { instance, pool, rule, migration_cost } => {
            relocation::ask(turn, instance, &pool, rule, migration_cost).map(Reply::Instance)
        }
        Command::RequestDrill { participant, instance, at_end } => {
            vacate::request(turn, participant, instance, at_end).map(Reply::Instance)
        }
        Command::RecordDrill { instance, epoch, at_end, passed, detail } => {
            let known = vacate::record(turn, instance, epoch, at_end, passed, &detail);
            Ok(if known { Reply::Instance(instance) } else { Reply::Nothing })
        }
        Command::RetryRecalls { slot } => {
            recall::try_again(turn, slot);
            Ok(Reply::Done)
        }
        Command::OpenRecallable { pool } => recallable::open(turn, &pool).map(Reply::Pool),
        Command::RecoverInstance { instance } => run::recover(turn, instance).map(Reply::Instance),
        Command::SettleSlot { slot, readings } => {
            if slot < turn.state.market.settled_until {
                return Ok(Reply::Nothing);
            }
            settle::settle(turn, slot, &readings);
            Ok(Reply::Done)
        }
    }
}

fn seal_round(turn: &mut Turn<'_>, movers: &Movers) -> Reply {
    let is_free = turn.state.sealed.is_none();
    if let Some((round, book)) = seal::seal(turn, movers) {
        return Reply::Sealed { round, book };
    }
    if is_free {
        // The market is there, and nobody asks for anything.
        let pools = safe_state::trading(turn.state);
        safe_state::note_round(turn, pools, turn.now);
    }
    Reply::Nothing
}

fn cancel(turn: &mut Turn<'_>, participant: ParticipantId, order: OrderId) -> Result<Reply, Refusal> {
    let now = close::cancel(turn, participant, order, "user")?;
    Ok(if now { Reply::Order(order) } else { Reply::PendingOrder(order) })
}

fn plan_slot(turn: &mut Turn<'_>, slot: Slot) -> Reply {
    if slot < turn.state.market.planned_until {
        return Reply::Nothing;
    }
    // What was bid for the slot can't win any more: its money is there for what goes on.
    expire::expire(turn);
    let not_rolled = safe_state::roll(turn, slot);
    plan::plan_slot(turn, slot, &not_rolled);
    Reply::Done
}
