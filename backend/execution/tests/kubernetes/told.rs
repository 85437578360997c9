//! What the driver tells: use, candidates, lists in pages, and the permissions that it has needed.

use headroom_execution::{Adopting, Detail, Driver};
use serde_json::json;

use crate::place::{Place, adopt, instance, key, resize};

fn sample(place: &Place, at: i64, milli: u64) {
    place.the_fake().world().samples = Some([(("default".to_owned(), "web".to_owned()), (at, milli))].into());
}

#[test]
fn use_is_unknown_without_the_metrics_api() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    assert_eq!(driver.reports()[0].1.cpu_micros, None);
    let observed = driver.observe(&instance(), Detail::Counters).expect("observed").remove(0);
    assert_eq!((observed.window_micros, observed.limits.cpu_milli), (0, 1_000), "no window, so no use of 0");
    assert_eq!(driver.candidates(9).expect("listed")[0].0.cpu_milli, None);
}

#[test]
fn use_is_counted_from_samples_once_each() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    sample(&place, 1_000, 300);
    assert_eq!(driver.reports()[0].1.cpu_micros, None, "the first sample begins the count");
    sample(&place, 1_015, 400);
    assert_eq!(driver.reports()[0].1.cpu_micros, None, "samples are asked for every few seconds only");
    std::thread::sleep(std::time::Duration::from_millis(5_100));
    let report = driver.reports().remove(0).1;
    assert_eq!((report.cpu_micros, report.mem_kib), (Some(6_000_000), 32_768));
}

#[test]
fn candidates_have_owner_use_and_the_reason_why_not() {
    let place = Place::fake(true);
    let pod = |name: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let new = headroom_fake_kubernetes::Pod { namespace: "default", name, request: "250m", limit: "500m" };
        let mut document = new.document();
        change(&mut document);
        place.create_of(name, document)
    };
    pod("web", &|pod| {
        pod["metadata"]["labels"] = json!({ "pod-template-hash": "5d4f9c" });
        pod["metadata"]["ownerReferences"] = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f9c", "uid": "u", "controller": true }]);
    });
    pod("db-0", &|pod| {
        pod["metadata"]["ownerReferences"] =
            json!([{ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u", "controller": true }]);
        let sidecar = json!({ "name": "sidecar", "image": "x", "resources": {} });
        pod["spec"]["containers"].as_array_mut().into_iter().for_each(|all| all.push(sidecar.clone()));
    });
    pod("away", &|pod| pod["spec"]["nodeName"] = "worker-2".into());
    sample(&place, 1_000, 125);
    let driver = place.driver_on("worker-1");
    let found = driver.candidates(9).expect("listed");
    let told: Vec<_> = found
        .iter()
        .map(|(of, _)| {
            (of.pod.name.as_str(), of.pod.container.as_str(), of.owner.as_deref(), of.cpu_milli, of.limit_milli)
        })
        .collect();
    let expected = [
        ("web", "app", Some("Deployment web"), Some(125), Some(500)),
        ("db-0", "app", Some("StatefulSet db"), None, Some(500)),
        ("db-0", "sidecar", Some("StatefulSet db"), None, None),
    ];
    assert_eq!(told, expected, "the busiest first, then those that cannot be adopted");
    let why = found[2].0.refused.as_deref();
    assert_eq!(why, Some("its container sidecar has no CPU limit; set one, and a request"));
    assert_eq!((found[0].0.request_milli, found[0].0.service.as_str()), (Some(250), "Burstable"));
    adopt(&driver, &found[1].0.pod, 1, 500).expect("adopted");
    let again = driver.candidates(9).expect("listed");
    let of = |container: &str| again.iter().find(|(of, _)| of.pod.name == "db-0" && of.pod.container == container);
    assert_eq!(of("app").and_then(|(_, workload)| workload.clone()), Some(instance()));
    let taken = of("sidecar").and_then(|(of, _)| of.refused.clone());
    assert_eq!(taken.as_deref(), Some("its container app is the workload ins_a"), "one workload for each pod");
}

#[test]
fn a_list_whose_pages_expire_begins_anew() {
    let place = Place::fake(true);
    for number in 0..7 {
        place.create(&format!("web-{number}"), "10m", "10m");
    }
    place.the_fake().world().page = 2;
    let driver = place.driver_on("worker-1");
    assert_eq!(driver.candidates(99).expect("listed").len(), 7, "all pages");
    place.the_fake().world().expired = 2;
    assert_eq!(driver.candidates(99).expect("listed at the third try").len(), 7);
    place.the_fake().world().expired = 100;
    assert_eq!(driver.candidates(99).expect_err("it always expires").code(), "cluster_away");
    assert_eq!(place.the_fake().world().expired, 97, "it stops trying");
}

/// The permissions that the quickstart gives to an agent are checked against this list.
#[test]
fn a_whole_life_needs_five_permissions() {
    let place = Place::fake(true);
    sample(&place, 1_000, 125);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    assert_eq!(driver.unavailable(), None);
    driver.candidates(9).expect("listed");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    resize(&driver, 1, 1_500).expect("grown");
    driver.reports();
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
    let used: Vec<String> = place.the_fake().world().used["agent"].iter().cloned().collect();
    let five = ["get pods", "list pods", "list pods.metrics.k8s.io", "patch pods", "patch pods/resize"];
    assert_eq!(used, five);
}
