//! Offers that sit a round out say which of their owner's other wishes keeps them from it.

use crate::support::away::node;
use crate::support::one_node::{CPU, One, one, second_lender};
use crate::support::world::RHYTHM;
use headroom_market::book::{Assurance, OrderRequest, Resell, Side, Window};
use headroom_market::command::{Command, Reply};
use headroom_market::ids::{InstanceId, OrderId, ParticipantId};
use headroom_market::units::Resource;

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
    one.world.state.orders[&order].last_reason.as_ref().map(|r| r.reason.code().to_owned())
}

/// What was won is for sale at its holder's limit; a bid of the holder for the same would buy it from itself.
#[test]
fn what_was_won_is_not_sold_to_its_own_holder() {
    for (limit, meets) in [("0.09", true), ("0.01", false)] {
        let mut one = one(4_000);
        let holder = one.buyers[0];
        let won = OrderRequest { resell: Resell::OwnLimit, ..one.request(holder.1, 100, "0.09") };
        let won = OrderRequest { assurance: Assurance::Firm, ..won };
        assert!(matches!(one.place(holder.0, Side::Bid, won), Reply::Order(_)));
        one.round();
        let [award] = one.world.state.awards.keys().copied().collect::<Vec<_>>()[..] else { panic!("one award") };
        place(&mut one, holder, Side::Bid, 100, limit);
        let stranger = one.buyers[1];
        place(&mut one, stranger, Side::Bid, 100, "0.01");
        one.world.now = one.world.now.plus_seconds(5);
        let Reply::Sealed { book, .. } = one.world.run(Command::SealRound(None)) else { panic!("a round") };
        let is_for_sale = book.orders.iter().any(|o| o.id == award.to_string());
        assert_eq!(is_for_sale, !meets, "at {limit}");
    }
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

/// One that asks nothing may take back what it lent and lend it again, but does not keep others from selling time and again.
#[test]
fn what_was_taken_back_twice_is_not_lent_again_in_its_slot() {
    let mut one = one(2_000 + 500 + 500 + 1_000);
    let other = second_lender(&mut one, 1_000);
    let (lender, buyer) = (one.lender, one.buyers[0]);
    for _ in 0..2 {
        let offer = one.placed(lender, Side::Offer, 500, "0");
        one.placed(buyer, Side::Bid, 500, "2");
        one.round();
        let won = one.world.state.awards.values().find(|a| a.order == offer).expect("it is lent");
        assert_eq!(won.lines[0].quantity, 500);
        one.recall(None);
        one.world.now = one.world.now.plus_seconds(5);
    }
    let again = one.placed(lender, Side::Offer, 500, "0");
    let next = one.slot.plus(1, RHYTHM.slot_seconds).start();
    let after = one.slot.plus(2, RHYTHM.slot_seconds).start();
    let mut later = one.request(lender.1, 100, "0");
    later.window = Window { start_at: next, end_at: after };
    let Reply::Order(later) = one.place(lender.0, Side::Offer, later) else { panic!("an order") };
    let stranger = one.placed(other, Side::Offer, 500, "0.1");
    one.placed(buyer, Side::Bid, 500, "2");
    one.round();
    assert_eq!(why(&one, again).as_deref(), Some("TOOK_BACK"));
    assert_ne!(why(&one, later).as_deref(), Some("TOOK_BACK"), "another slot");
    let sold = one.world.state.awards.values().filter(|a| a.order == stranger).flat_map(|a| &a.lines);
    assert_eq!(sold.map(|l| l.quantity).sum::<i64>(), 500);
}
