//! Ends of pods, and what becomes of their workloads.

use headroom_execution::{Adopting, Driver};
use serde_json::json;

use crate::place::{Place, adopt, instance, key};

/// What the driver tells of the end of a pod that this was done to.
fn told(change: impl FnOnce(&Place)) -> Option<String> {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    change(&place);
    let mut reports = driver.reports();
    assert_eq!(reports.len(), 1);
    let report = reports.remove(0).1;
    assert_eq!(report.cpu_milli == 0, report.ended.is_some(), "one that has ended has nothing");
    driver.stop(&key("stop"), &instance(), 1).expect("let go, whatever became of it");
    report.ended
}

#[test]
fn an_evicted_pod_has_ended_with_the_reason() {
    let evicted = told(|place| place.the_fake().world().end("default", "web", "Failed", "Evicted"));
    assert_eq!(evicted.as_deref(), Some("pod web has failed: Evicted"));
    let done = told(|place| place.the_fake().world().end("default", "web", "Succeeded", ""));
    assert_eq!(done.as_deref(), Some("pod web has succeeded"));
    let deleted = told(|place| place.delete("web"));
    assert_eq!(deleted.as_deref(), Some("pod web was deleted"));
}

#[test]
fn a_container_that_is_started_again_has_not_ended() {
    let terminated = |policy: &'static str, code: i64| {
        move |place: &Place| {
            place.the_fake().world().change("default", "web", |pod| {
                pod["spec"]["restartPolicy"] = policy.into();
                pod["status"]["containerStatuses"][0]["state"] =
                    json!({ "terminated": { "exitCode": code, "reason": "OOMKilled" } });
            });
        }
    };
    assert_eq!(told(terminated("Always", 137)), None);
    assert_eq!(told(terminated("OnFailure", 137)), None);
    let never = told(terminated("Never", 137));
    assert_eq!(never.as_deref(), Some("container app of pod web has ended: OOMKilled, exit code 137"));
    assert!(told(terminated("OnFailure", 0)).is_some());
}

#[test]
fn a_pod_that_has_ended_is_taken_in_and_told() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    place.delete("web");
    let driver = place.driver_on("worker-1");
    assert_eq!(adopt(&driver, &pod, 1, 1_000).expect("taken in").limits.cpu_milli, 0);
    assert_eq!(driver.reports()[0].1.ended.as_deref(), Some("pod web was deleted"));
}

#[test]
fn a_copy_of_a_marked_document_is_not_adopted_with_it() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    let mut copy = place.get("web");
    copy["metadata"] = json!({ "name": "copy", "annotations": copy["metadata"]["annotations"] });
    let copied = place.create_of("copy", copy);
    let reports = driver.reports();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let other = place.driver_on("worker-1");
    let found = other.candidates(9).expect("listed");
    let of_copy = found.iter().find(|(candidate, _)| candidate.pod == copied).expect("listed");
    assert_eq!((&of_copy.0.refused, &of_copy.1), (&None, &None), "it is anybody's");
}
