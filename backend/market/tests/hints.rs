//! Hints: so many are in force at once, and what is over makes room.
use crate::support::one_node::*;
use headroom_market::command::{Command, Reply};
use headroom_market::time::Timestamp;

/// A hint of the first buyer, which ends then.
fn hint(one: &mut One, expires_at: Timestamp) -> Reply {
    let (participant, instance) = one.buyers[0];
    let starts_at = one.world.now;
    one.world.run(Command::PutHint {
        participant,
        instance,
        expected_demand: cpu(1),
        avoid_nodes: Vec::new(),
        starts_at,
        expires_at,
        source: None,
    })
}

fn refused(reply: &Reply) -> Option<&'static str> {
    if let Reply::Refused(refusal) = reply { Some(refusal.code) } else { None }
}

#[test]
fn what_is_over_or_withdrawn_makes_room_at_once() {
    let mut one = one(4_000);
    let (soon, late) = (one.world.now.plus_seconds(10), one.world.now.plus_seconds(3_600));
    assert!(matches!(hint(&mut one, soon), Reply::Hint(_)));
    let mut last = None;
    for _ in 1..200 {
        let Reply::Hint(id) = hint(&mut one, late) else { panic!("fewer than 200") };
        last = Some(id);
    }
    assert_eq!(refused(&hint(&mut one, late)), Some("too_many_hints"));
    one.world.now = soon;
    assert!(matches!(hint(&mut one, late), Reply::Hint(_)), "one is over");
    assert_eq!(refused(&hint(&mut one, late)), Some("too_many_hints"));
    let participant = one.buyers[0].0;
    let withdrawn = one.world.run(Command::WithdrawHint { participant, hint: last.expect("200 of them") });
    assert!(matches!(withdrawn, Reply::Hint(_)));
    assert!(matches!(hint(&mut one, late), Reply::Hint(_)), "one is withdrawn");
}
