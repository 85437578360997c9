//! What holds of the fake and of a real cluster alike.

use headroom_execution::{Adopting, Driver, DriverError, Limits, NodeId, VerifyRequest};

use crate::place::{MARK, Place, adopt, instance, key, resize};

type Scenario = fn(&Place);
const ALL: [(&str, Scenario); 5] = [
    ("a guaranteed pod grows, shrinks and is let go", grows_and_shrinks),
    ("a burstable pod keeps its class", keeps_its_class),
    ("more than the node has is infeasible", infeasible),
    ("another pod of the same name is left alone", reused_name),
    ("an agent that starts again goes on", starts_again),
];

fn grows_and_shrinks(place: &Place) {
    let pod = place.create("headroom-test", "200m", "200m");
    let driver = place.driver_of("headroom-test");
    assert_eq!(driver.unavailable(), None);
    let started = adopt(&driver, &pod, 1, 200).expect("adopted");
    assert_eq!((started.limits, driver.active_epoch(&instance())), (Limits::new(200, 0), Some(1)));
    let resized = resize(&driver, 1, 500).expect("grown");
    assert_eq!((resized.before.cpu_milli, resized.actual.cpu_milli), (200, 500));
    assert_eq!(place.in_force("headroom-test"), ("500m".to_owned(), "500m".to_owned()), "read in the cluster");
    let (instance, node, limits) = (instance(), NodeId::from("nod_a"), Limits::new(500, 0));
    let verified =
        driver.verify(&VerifyRequest { instance, node, epoch: 1, limits, min_progress: 0, watched_micros: 0 });
    assert!(verified.as_ref().is_ok_and(|verified| verified.passed), "{verified:?}");
    resize(&driver, 1, 100).expect("shrunk");
    let found = place.get("headroom-test");
    assert_eq!(found["status"]["containerStatuses"][0]["restartCount"], 0, "without a restart");
    assert!(found["metadata"]["annotations"][MARK].is_string(), "marked");
    driver.stop(&key("stop"), &crate::place::instance(), 1).expect("let go");
    wait_for(place, "headroom-test", ("200m", "200m"));
    assert!(place.get("headroom-test")["metadata"]["annotations"][MARK].is_null(), "the mark is gone");
    assert!(driver.reports().is_empty());
}

fn keeps_its_class(place: &Place) {
    let pod = place.create("headroom-test", "100m", "400m");
    let driver = place.driver_of("headroom-test");
    adopt(&driver, &pod, 1, 400).expect("adopted");
    resize(&driver, 1, 600).expect("grown");
    assert_eq!(place.in_force("headroom-test"), ("150m".to_owned(), "600m".to_owned()));
    assert_eq!(place.get("headroom-test")["status"]["qosClass"], "Burstable");
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
    wait_for(place, "headroom-test", ("100m", "400m"));
}

fn infeasible(place: &Place) {
    let pod = place.create("headroom-test", "200m", "200m");
    let driver = place.driver_of("headroom-test");
    adopt(&driver, &pod, 1, 200).expect("adopted");
    let refused = resize(&driver, 1, 1_000_000).expect_err("a thousand cores");
    assert_eq!(refused.code(), "resize_infeasible", "{refused}");
    assert_eq!(driver.limits_in_force(&instance()), Some(Limits::new(200, 0)), "what is in force, not what was asked");
    resize(&driver, 1, 300).expect("it goes on");
}

fn reused_name(place: &Place) {
    let first = place.create("headroom-test", "200m", "200m");
    let driver = place.driver_of("headroom-test");
    adopt(&driver, &first, 1, 200).expect("adopted");
    place.delete("headroom-test");
    let second = place.create("headroom-test", "200m", "200m");
    assert_ne!(first.uid, second.uid);
    let refused = resize(&driver, 1, 500).expect_err("another pod");
    assert_eq!(refused.code(), "wrong_state", "{refused}");
    assert_eq!(place.in_force("headroom-test").1, "200m");
    let ended = driver.reports().pop().and_then(|(_, report)| report.ended);
    assert_eq!(ended.as_deref(), Some("pod headroom-test was deleted"));
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
    assert!(place.get("headroom-test")["metadata"]["annotations"][MARK].is_null(), "never touched");
}

fn starts_again(place: &Place) {
    let pod = place.create("headroom-test", "200m", "200m");
    let first = place.driver_of("headroom-test");
    adopt(&first, &pod, 3, 200).expect("adopted");
    resize(&first, 3, 400).expect("grown");
    let second = place.driver_of("headroom-test");
    assert!(second.reports().is_empty(), "this life has not adopted it");
    let stale = adopt(&second, &pod, 2, 400).expect_err("an older epoch");
    assert!(matches!(stale, DriverError::StaleEpoch { given: 2, seen: 3, .. }), "{stale}");
    assert_eq!(adopt(&second, &pod, 4, 400).expect("adopted again").limits, Limits::new(400, 0));
    let fenced = resize(&first, 3, 300).expect_err("another agent goes on");
    assert!(matches!(fenced, DriverError::StaleEpoch { given: 3, seen: 4, .. }), "{fenced}");
    let third = place.driver_of("headroom-test");
    third.let_go_others(&[instance()].into()).expect("looked at");
    assert_eq!(place.in_force("headroom-test").1, "400m", "wanted still");
    third.let_go_others(&Default::default()).expect("let go by its mark alone");
    wait_for(place, "headroom-test", ("200m", "200m"));
}

/// A let-go pod gets its CPU back without anybody waiting for it.
fn wait_for(place: &Place, name: &str, cpu: (&str, &str)) {
    let expected = (cpu.0.to_owned(), cpu.1.to_owned());
    for _ in 0..100 {
        if place.in_force(name) == expected {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(place.in_force(name), expected);
}

fn run_all(place: &Place) {
    for (name, scenario) in ALL {
        println!("{name}");
        place.delete("headroom-test");
        scenario(place);
        place.delete("headroom-test");
    }
}

#[test]
fn the_suite_holds_on_the_fake() {
    run_all(&Place::fake(true));
}

#[test]
fn the_suite_holds_on_a_real_cluster() {
    if let Some(place) = Place::real("the_suite_holds_on_a_real_cluster") {
        run_all(&place);
    }
}
