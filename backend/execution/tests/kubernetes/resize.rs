//! Resizes that do not simply come about.

use std::time::Duration;

use headroom_execution::{Adopting, Limits};

use crate::place::{Place, adopt, instance, resize};

/// Runs a call beside steps of the kubelet that begin a moment later.
fn with_looks<T>(place: &Place, looks: usize, call: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..looks {
                std::thread::sleep(Duration::from_millis(150));
                place.the_fake().look();
            }
        });
        call()
    })
}

#[test]
fn a_deferred_resize_is_in_force_once_there_is_room() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    place.create("batch", "2500m", "2500m");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    let deferred = resize(&driver, 1, 2_000).expect_err("4 cores are there, 4.5 were asked for");
    assert_eq!(deferred.code(), "resize_deferred", "{deferred}");
    assert!(deferred.to_string().contains("requested: 2000, used: 2500, capacity: 4000"), "{deferred}");
    assert_eq!(driver.reports()[0].1.cpu_milli, 1_000, "in force, not asked for");
    place.delete("batch");
    for _ in 0..50 {
        if place.in_force("web").1 == "2000m" {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(driver.reports()[0].1.cpu_milli, 2_000, "the kubelet did it by itself");
    let version = place.get("web")["metadata"]["resourceVersion"].clone();
    assert_eq!(resize(&driver, 1, 2_000).expect("there is room").actual, Limits::new(2_000, 0));
    assert_eq!(place.get("web")["metadata"]["resourceVersion"], version, "nothing was left to write");
}

#[test]
fn a_slow_kubelet_is_waited_for_and_then_told() {
    let place = Place::fake(false);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    let late = resize(&driver, 1, 1_500).expect_err("nobody takes it up");
    assert_eq!(late.code(), "resize_unfinished", "{late}");
    assert_eq!(driver.limits_in_force(&instance()), Some(Limits::new(1_000, 0)));
    let resized = with_looks(&place, 2, || resize(&driver, 1, 1_500)).expect("it is asked for already");
    assert_eq!((resized.before.cpu_milli, resized.actual.cpu_milli), (1_000, 1_500));
}

#[test]
fn a_condition_of_an_older_wish_does_not_count() {
    let place = Place::fake(false);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    let infeasible = with_looks(&place, 1, || resize(&driver, 1, 9_000)).expect_err("more than the node has");
    assert_eq!(infeasible.code(), "resize_infeasible");
    // The condition stands until the kubelet looks again.
    with_looks(&place, 2, || resize(&driver, 1, 2_000)).expect("another wish");
}

#[test]
fn a_kubelet_that_fails_is_told_in_its_words() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    place.the_fake().world().stuck = Some("cgroup: device or resource busy".to_owned());
    let failed = resize(&driver, 1, 1_500).expect_err("stuck");
    assert_eq!(failed.code(), "resize_unfinished");
    let told = failed.to_string();
    assert!(told.contains("Error: cgroup: device or resource busy") && !told.contains("still at it"), "{told}");
}

#[test]
fn an_overtaken_write_is_read_and_tried_again() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    place.the_fake().world().overtaken = 2;
    adopt(&driver, &pod, 1, 1_000).expect("adopted at the third try");
    place.the_fake().world().overtaken = 2;
    resize(&driver, 1, 1_500).expect("resized at the third try");
    place.the_fake().world().overtaken = 100;
    let contended = resize(&driver, 1, 2_000).expect_err("somebody always writes first");
    assert_eq!(contended.code(), "resize_unfinished", "{contended}");
    assert!(place.the_fake().world().overtaken > 90, "it stops trying");
    assert_eq!(place.in_force("web").1, "1500m");
}

#[test]
fn a_pod_deleted_in_the_middle_of_a_resize_is_told() {
    let place = Place::fake(false);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    let failed = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            place.the_fake().world().delete("default", "web");
        });
        resize(&driver, 1, 1_500).expect_err("deleted")
    });
    assert_eq!(failed.code(), "wrong_state", "{failed}");
    assert_eq!(driver.reports()[0].1.ended.as_deref(), Some("pod web was deleted"));
}

#[test]
fn a_repeated_key_is_answered_and_changes_nothing() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    let first = resize(&driver, 1, 1_500).expect("grown");
    let version = place.get("web")["metadata"]["resourceVersion"].clone();
    assert_eq!(resize(&driver, 1, 1_500).expect("the same"), first);
    assert_eq!(place.get("web")["metadata"]["resourceVersion"], version);
    let other = headroom_execution::Driver::resize(
        &driver,
        &crate::place::key("to-1500"),
        &instance(),
        1,
        &Limits::new(1_700, 0),
    );
    assert_eq!(other.expect_err("another request").code(), "key_reused");
}
