//! An auditor of projects: it sums up what the ledger says, and asks nothing of `project::spend`.
use super::world::World;
use headroom_market::book::Order;
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

/// A limit is taken unless it is negative, or under what is spent and held.
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
            match refusal.code {
                "project_limit_out_of_range" => assert!(limit.is_negative()),
                "project_limit_too_low" => {
                    let held = |p: &Project| world.state.project_orders(p).1;
                    assert!(before.is_some_and(|p| limit < p.spent + held(&p)));
                }
                other => panic!("{other}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

/// What is spent and held is never more than the limit, and the sums of the open bids are those of the orders.
pub fn check_reserved(world: &World) {
    for project in world.state.projects.values().filter(|p| p.deleted_at.is_none()) {
        let of = |o: &&Order| o.participant == project.participant && o.request.project.as_ref() == Some(&project.name);
        let open: Vec<&Order> = world.state.orders.values().filter(of).collect();
        let held: Credits = open.iter().map(|o| o.hold).sum();
        assert_eq!(world.state.project_orders(project), (open.len() as u32, held));
        assert!(project.spent + held <= project.limit, "{} and {held} of {}", project.spent, project.limit);
    }
}
