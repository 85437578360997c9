//! A member with two workloads on one node, and its orders.
#![allow(dead_code)]
use super::away::workload;
use super::one_node::{One, cpu, one};
use headroom_market::book::{Assurance, OrderRequest, Side};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, OrderId, ParticipantId};
use headroom_market::round::Award;
use headroom_market::units::Credits;

pub type Member = (ParticipantId, InstanceId);

/// The lender of 2,000 and another workload of the same member, of 500; all of the node is baselines.
pub fn own() -> (One, Member, Member) {
    own_on(3_500)
}

pub fn own_on(capacity: i64) -> (One, Member, Member) {
    let mut one = one(capacity);
    let lender = one.lender;
    let other = (lender.0, workload(&mut one.world, lender.0, "p", cpu(500), cpu(5_000)));
    (one, lender, other)
}

pub fn firm(one: &One, (_, instance): Member, quantity: i64, limit: &str) -> OrderRequest {
    OrderRequest { assurance: Assurance::Firm, ..one.request(instance, quantity, limit) }
}

pub fn place(one: &mut One, member: Member, side: Side, quantity: i64, limit: &str) -> OrderId {
    let request = firm(one, member, quantity, limit);
    ask(one, member, side, request)
}

pub fn ask(one: &mut One, member: Member, side: Side, request: OrderRequest) -> OrderId {
    match one.place(member.0, side, request) {
        Reply::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

pub fn seal(one: &mut One) -> Reply {
    one.world.run(Command::SealRound(None))
}

pub fn awards(one: &One, order: OrderId) -> Vec<Award> {
    one.world.state.awards.values().filter(|a| a.order == order).cloned().collect()
}

pub fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}
