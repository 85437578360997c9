//! Offers that sit a round out say which of their owner's other wishes keeps them from it.
#[path = "support/away.rs"]
mod away;
#[path = "support/one_node.rs"]
mod one_node;
#[path = "support/recallable.rs"]
mod recallable;
mod support;

use away::{node, workload};
use headroom_market::book::{Assurance, Side};
use headroom_market::command::Reply;
use headroom_market::ids::{InstanceId, OrderId, ParticipantId};
use headroom_market::units::Resource;
use one_node::{CPU, One, cpu, one};

type Member = (ParticipantId, InstanceId);

fn place(one: &mut One, (who, instance): Member, side: Side, quantity: i64, limit: &str) -> OrderId {
    let mut request = one.request(instance, quantity, limit);
    request.assurance = Assurance::Firm;
    match one.place(who, side, request) {
        Reply::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

fn why(one: &One, order: OrderId) -> Option<String> {
    one.world.state.orders[&order].last_reason.as_ref().map(|r| r.reason.clone())
}

#[test]
fn an_offer_waits_while_its_owner_bids_for_the_same_product() {
    let mut one = one(4_000);
    let owner = one.lender.0;
    let other = (owner, workload(&mut one.world, owner, "p", cpu(500), cpu(5_000)));
    let lender = one.lender;
    let offer = place(&mut one, lender, Side::Offer, 300, "0.01");
    let bid = place(&mut one, other, Side::Bid, 100, "0.9");
    let stranger = one.buyers[0];
    let bought = place(&mut one, stranger, Side::Bid, 100, "0.9");
    one.round();
    assert_eq!(why(&one, offer).as_deref(), Some("SELF_TRADE"));
    // Both bids have what the operator has.
    assert!([bid, bought].iter().all(|id| one.world.state.awards.values().any(|a| a.order == *id)));
    // Once the bid is gone, others may have it.
    place(&mut one, stranger, Side::Bid, 500, "0.9");
    one.world.now = one.world.now.plus_seconds(5);
    one.round();
    assert!(one.world.state.awards.values().any(|a| a.order == offer));
}

#[test]
fn an_offer_waits_where_its_workload_has_won_on_another_node() {
    // All of the node is baselines: who grows has to move.
    let mut one = one(3_000);
    node(&mut one.world, "p", "roomy", [(CPU, 9_000), (Resource::MemMib, 9_000)].into());
    let grows = one.buyers[0];
    let bid = place(&mut one, grows, Side::Bid, 400, "9");
    one.round();
    let award = one.world.state.awards.values().find(|a| a.order == bid).expect("it wins");
    assert_ne!(award.nodes, [one.node]);
    let offer = place(&mut one, grows, Side::Offer, 100, "0.01");
    let stranger = one.buyers[1];
    place(&mut one, stranger, Side::Bid, 100, "0.9");
    one.world.now = one.world.now.plus_seconds(5);
    one.round();
    assert_eq!(why(&one, offer).as_deref(), Some("LEAVES_NODE"));
}
