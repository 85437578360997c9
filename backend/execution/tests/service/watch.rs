//! The service level after a move, beside the one before, and the way back.
use headroom_execution::{Check, Driver, DriverError};

use crate::world::{Load, Move, World, id, wait_for};
use crate::{A, B, the_move};

/// Moves it to a node under the source's load, up to the activation.
fn activated<'a>(world: &'a World, to: &'static str) -> Move<'a> {
    world.start(A, 1, 500).expect("started");
    (0..60).for_each(|_| drop(world.get("/page")));
    let the_move = the_move(world, to);
    let report = the_move.shadow_until_decided();
    assert_eq!((report.comparison.differences_total, report.aborted), (0, None), "the shadow run shows nothing");
    the_move.fence();
    the_move.activate().expect("activated");
    the_move
}

/// What is worse, once it is said.
fn worse(the_move: &Move) -> String {
    wait_for("a level that is worse", || match the_move.verified_after(0) {
        Ok(verified) => {
            assert!(!verified.passed, "{verified:?}");
            None
        }
        Err(error @ DriverError::ServiceLevelWorse { .. }) => Some(error.to_string()),
        Err(error) => panic!("{error}"),
    })
}

/// The way back: the source serves on, and all requests are answered.
fn goes_back(world: &World, the_move: &Move) {
    world.services().rollback(&the_move.key("rollback"), &id(), 3).expect("rolled back");
    let load = Load::begin_with(world, 2, "POST");
    (0..60).for_each(|_| assert_eq!(world.get("/node"), A));
    assert_eq!(load.end().1, Vec::<String>::new());
    assert_eq!(world.groups(), ["ins_a.nod_a"]);
}

#[test]
fn a_copy_that_fails_writes_is_rolled_back() {
    let Some(world) = World::new("writes") else { return };
    let the_move = activated(&world, "nod_refuses");
    let load = Load::begin_with(&world, 2, "POST");
    let told = worse(&the_move);
    assert!(told.contains("have failed, 0 of") && told.ends_with("(ins_a on nod_refuses)"), "{told}");
    goes_back(&world, &the_move);
    let (answered, failed) = load.end();
    // No request is lost: what failed is what the copy has answered.
    assert!(answered > 0 && failed.iter().all(|answer| answer.contains("500")), "{answered} {failed:?}");
    let counts = world.services().traffic(&id()).expect("counts");
    assert_eq!((counts.failed, counts.broken), (0, 0), "{counts:?}");
}

#[test]
fn a_copy_that_is_slow_after_the_switch_is_rolled_back() {
    let Some(world) = World::new("cold") else { return };
    let the_move = activated(&world, B);
    std::fs::write(world.path("state/ins_a.nod_b.folder/cold"), "").expect("written");
    let load = Load::begin(&world, 4);
    let told = worse(&the_move);
    assert!(told.contains("the 95th percentile is") && told.contains("before"), "{told}");
    goes_back(&world, &the_move);
    assert_eq!(load.end().1, Vec::<String>::new(), "each slow request is answered, too");
}

#[test]
fn a_copy_that_ends_after_the_switch_is_rolled_back() {
    let Some(world) = World::new("dies") else { return };
    let the_move = activated(&world, B);
    let _ = world.client().get("/end");
    let told = worse(&the_move);
    assert!(told.contains("has ended") || told.contains("have failed"), "{told}");
    goes_back(&world, &the_move);
}

#[test]
fn a_copy_that_answers_as_before_passes_with_its_counts() {
    let Some(world) = World::new("good") else { return };
    let the_move = activated(&world, B);
    (0..49).for_each(|_| drop(world.get("/page")));
    assert!(!the_move.verified_after(9).expect("as before").passed, "49 requests in 9 seconds are too few");
    world.get("/page");
    let verified = the_move.verified_after(0).expect("as before");
    let seen = verified.service_level().expect("counts").to_owned();
    assert!(verified.passed && seen.starts_with("since the switch 50 requests, 0 failed, 95th percentile "), "{seen}");
    assert!(seen.contains("; before "), "{seen}");
    the_move.release();
    // Afterwards it is nobody's move.
    assert_eq!(
        the_move.verified_after(0).expect("a resize").checks.iter().find(|c| c.name == Check::SERVICE_LEVEL),
        None
    );
}

#[test]
fn without_requests_the_watch_ends_with_its_time() {
    let Some(world) = World::new("still") else { return };
    let the_move = activated(&world, B);
    assert!(!the_move.verified_after(9).expect("nothing is worse").passed);
    let verified = the_move.verified_after(10).expect("nothing is worse");
    let seen = verified.service_level().expect("counts").to_owned();
    assert!(verified.passed && seen.contains("switch 0 requests") && seen.ends_with("/ is answered"), "{seen}");
}

#[test]
fn one_failure_of_few_requests_fails_the_watch_at_its_end() {
    let Some(world) = World::new("few") else { return };
    let the_move = activated(&world, B);
    assert_eq!(world.client().get("/cut").expect("an answer of the front").0, 502);
    assert!(!the_move.verified_after(9).expect("it may be chance").passed);
    let worse = the_move.verified_after(10);
    assert!(matches!(worse, Err(DriverError::ServiceLevelWorse { .. })), "{worse:?}");
    goes_back(&world, &the_move);
}
