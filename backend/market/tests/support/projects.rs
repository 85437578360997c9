//! An auditor of projects: it sums up what the ledger says, and asks nothing of `project::spend`.
use super::world::World;
use headroom_market::book::NotWon;
use headroom_market::command::Reply;
use headroom_market::event::Event;
use headroom_market::ids::{OrderId, ParticipantId, ProjectId};
use headroom_market::ledger::{Account, TransferKind};
use headroom_market::project::Project;
use headroom_market::units::Credits;
use std::collections::BTreeMap;

/// What rounding may give back beyond what was charged, in micro-credits, over a life.
const ROUNDING: i64 = 2_000;

/// Charges less credit notes, a fee kept, are what was spent, after each command; never above the limit.
pub fn check_spent(world: &World) {
    let mut names: BTreeMap<(ParticipantId, String), ProjectId> = BTreeMap::new();
    let mut project_of: BTreeMap<OrderId, ProjectId> = BTreeMap::new();
    let mut spent: BTreeMap<ProjectId, i64> = BTreeMap::new();
    let mut known: BTreeMap<ProjectId, Project> = BTreeMap::new();
    for (_, events) in &world.log {
        for event in events {
            match event {
                Event::ProjectChanged(p) => {
                    assert!(!p.spent.is_negative() && p.spent <= p.limit, "{} of {}", p.spent, p.limit);
                    let name = (p.participant, p.name.clone());
                    if p.deleted_at.is_none() {
                        names.insert(name, p.id)
                    } else {
                        names.remove(&name)
                    };
                    known.insert(p.id, p.clone());
                }
                Event::OrderAccepted(order) => {
                    if let Some(name) = &order.request.project {
                        project_of.insert(order.id, names[&(order.participant, name.clone())]);
                    }
                }
                Event::Transferred(t) => {
                    let Some(id) = t.order.and_then(|o| project_of.get(&o)) else { continue };
                    let amount = t.amount.units();
                    *spent.entry(*id).or_default() += match (t.kind, t.debit) {
                        (TransferKind::Charge, _) => amount,
                        (TransferKind::CreditNote, _) => -amount,
                        (TransferKind::ReservationFee, Account::Available(_)) => amount,
                        _ => 0,
                    };
                }
                _ => {}
            }
        }
        for project in known.values().filter(|p| p.deleted_at.is_none()) {
            let sum = spent.get(&project.id).copied().unwrap_or(0);
            let off = project.spent.units() - sum;
            assert!((0..=ROUNDING).contains(&off), "{}: {} spent, {sum} by the ledger", project.name, project.spent);
        }
    }
}

/// A limit is taken unless it is negative, under what was spent, or under what a round may still charge.
pub fn check_put(
    world: &World,
    before: Option<Project>,
    participant: ParticipantId,
    name: &str,
    limit: Credits,
    reply: &Reply,
) {
    let now = world.state.project(participant, name);
    match reply {
        Reply::Project(id) => {
            let now = now.expect("it is there");
            assert_eq!((now.id, now.limit), (*id, limit));
            assert_eq!(now.spent, before.map_or(Credits::ZERO, |p| p.spent));
        }
        Reply::Refused(refusal) => {
            assert_eq!(now, before.as_ref(), "a refusal changes nothing");
            let sealed = world.state.sealed.is_some();
            match refusal.code {
                "project_limit_out_of_range" => assert!(limit.is_negative()),
                "project_limit_below_spent" => assert!(before.is_some_and(|p| limit < p.spent)),
                "project_in_round" => assert!(sealed),
                other => panic!("{other}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

/// How many bids were told that their project had too little, and in how many rounds a budget was
/// smaller than the bids under it.
pub fn budgets_that_bound(world: &World) -> (usize, usize) {
    let (mut told, mut rounds) = (0, 0);
    for (_, events) in &world.log {
        for event in events {
            let Event::RoundAwarded { not_won, .. } = event else { continue };
            let budget = |why: &&NotWon| why.reason.code() == "BUDGET";
            let of_round: Vec<&NotWon> = not_won.iter().map(|(_, why)| why).filter(budget).collect();
            assert!(of_round.iter().all(|why| why.budget_left.is_some()), "with its number");
            told += of_round.len();
            rounds += usize::from(of_round.iter().any(|why| why.budget_left.is_some_and(|left| !left.is_zero())));
        }
    }
    (told, rounds)
}
