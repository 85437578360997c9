//! What the cluster or the driver refuses, as a sentence that says what is missing.

use headroom_execution::{Adopting, Driver, Operation, Support};
use headroom_fake_kubernetes::Pod;
use serde_json::{Value, json};

use crate::place::{MARK, Place, adopt, instance, key, resize};

fn document(change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = Pod { namespace: "default", name: "web", request: "500m", limit: "1" }.document();
    change(&mut pod);
    pod
}

#[test]
fn what_cannot_be_adopted_is_refused_with_the_reason() {
    type Change = fn(&mut Value);
    type Made<'a> = dyn Fn(&mut Value) + 'a;
    let owner =
        |kind: &str| json!([{ "apiVersion": "apps/v1", "kind": kind, "name": "x", "uid": "u", "controller": true }]);
    let daemon = owner("DaemonSet");
    let all: [(&str, &Made<'_>); 7] = [
        ("has no CPU limit", &|pod| pod["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": "1" } })),
        ("has no CPU limit", &|pod| pod["spec"]["containers"][0]["resources"] = json!({})),
        ("resizePolicy for cpu is RestartContainer", &|pod| {
            pod["spec"]["containers"][0]["resizePolicy"] =
                json!([{ "resourceName": "cpu", "restartPolicy": "RestartContainer" }]);
        }),
        ("a static pod", &|pod| pod["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "h" })),
        ("DaemonSet x", &|pod| pod["metadata"]["ownerReferences"] = daemon.clone()),
        ("it runs on worker-2, and this agent serves worker-1", &|pod| pod["spec"]["nodeName"] = "worker-2".into()),
        ("set for the whole pod", &|pod| pod["spec"]["resources"] = json!({ "limits": { "cpu": "2" } })),
    ];
    let place = Place::fake(true);
    for (reason, change) in all {
        let pod = place.create_of("web", document(change));
        let refused = adopt(&place.driver_on("worker-1"), &pod, 1, 500).expect_err(reason);
        assert_eq!(refused.code(), "unsupported");
        assert!(refused.to_string().contains(reason), "{refused}");
        assert!(place.get("web")["metadata"]["annotations"][MARK].is_null(), "left as it was: {reason}");
        place.delete("web");
    }
    let later: [(&str, Change); 4] = [
        ("it is being deleted", |pod| pod["metadata"]["deletionTimestamp"] = "2026-11-30T12:00:00Z".into()),
        ("it is Pending", |pod| pod["status"]["phase"] = "Pending".into()),
        ("does not tell the CPU in force", |pod| pod["status"]["containerStatuses"][0]["resources"] = Value::Null),
        ("does not run now", |pod| {
            pod["status"]["containerStatuses"][0]["state"] = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        }),
    ];
    for (reason, change) in later {
        let pod = place.create_of("web", document(|_| ()));
        place.the_fake().world().change("default", "web", change);
        let refused = adopt(&place.driver_on("worker-1"), &pod, 1, 500).expect_err(reason);
        assert!(refused.to_string().contains(reason), "{refused}");
        place.delete("web");
    }
}

#[test]
fn a_pod_of_another_exchange_or_workload_is_left_to_it() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    let mark = |exchange: &str, workload: &str| {
        let mark = json!({ "exchange": exchange, "workload": workload, "epoch": 1, "uid": pod.uid, "container": "app",
            "request": "1", "limit": "1" });
        place.the_fake().world().change("default", "web", |pod| {
            pod["metadata"]["annotations"][MARK] = mark.to_string().into();
        });
    };
    for (exchange, workload) in [("another", "ins_a"), ("exchange-1", "ins_b")] {
        mark(exchange, workload);
        let refused = adopt(&driver, &pod, 1, 1_000).expect_err("taken");
        assert!(
            refused.to_string().contains(&format!("the workload {workload} of exchange {exchange} has it")),
            "{refused}"
        );
    }
    mark("exchange-1", "ins_a");
    adopt(&driver, &pod, 1, 1_000).expect("its own");
    mark("another", "ins_a");
    assert_eq!(resize(&driver, 1, 1_500).expect_err("taken away").code(), "wrong_state");
    driver.stop(&key("stop"), &instance(), 1).expect("nothing to give back");
    assert_eq!(place.in_force("web").1, "1");
    assert!(place.get("web")["metadata"]["annotations"][MARK].is_string(), "the other's mark stays");
}

#[test]
fn a_missing_permission_is_named() {
    for permission in ["get pods", "list pods", "patch pods", "patch pods/resize"] {
        let place = Place::fake(true);
        place.the_fake().world().forbidden.insert(permission.to_owned());
        let reason = place.driver_on("worker-1").unavailable().unwrap_or_default();
        let expected = format!("the cluster does not let this agent {permission}");
        assert!(reason.contains(&expected) && reason.contains("namespace default"), "{reason}");
    }
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    place.the_fake().world().forbidden.insert("patch pods/resize".to_owned());
    let refused = resize(&driver, 1, 1_500).expect_err("taken away meanwhile");
    assert_eq!(refused.code(), "permission_missing");
    assert!(refused.to_string().contains("does not let this agent patch pods/resize"), "{refused}");
}

#[test]
fn a_cluster_without_resize_is_unavailable() {
    let place = Place::fake(true);
    place.the_fake().world().has_resize = false;
    let driver = place.driver_on("worker-1");
    let reason = driver.unavailable().unwrap_or_default();
    assert!(reason.contains("has no pods/resize: version 1.33 or newer is needed"), "{reason}");
    assert!(matches!(driver.capabilities().of(Operation::ResizeCpu), Support::Unsupported(_)));
    let place = Place::fake(true);
    assert_eq!(place.driver_on("worker-1").capabilities().of(Operation::ResizeCpu), Support::Native);
}

#[test]
fn a_cluster_that_fails_or_is_away_is_told_as_such() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    place.the_fake().world().faults.extend([429, 503]);
    resize(&driver, 1, 1_500).expect("asked again after a while");
    place.the_fake().world().faults.extend([500]);
    assert_eq!(resize(&driver, 1, 2_000).expect_err("a fault").code(), "cluster_away");
    let gone = place.driver_on("worker-1");
    drop(place);
    assert!(gone.unavailable().unwrap_or_default().contains("the cluster does not answer"));
    assert_eq!(adopt(&gone, &pod, 1, 1_000).expect_err("nobody there").code(), "cluster_away");
    assert!(driver.reports().is_empty(), "nothing is told of what cannot be read");
}

#[test]
fn less_than_the_kernel_can_hold_is_refused() {
    let place = Place::fake(true);
    let pod = place.create("web", "1", "1");
    let driver = place.driver_on("worker-1");
    adopt(&driver, &pod, 1, 1_000).expect("adopted");
    assert_eq!(resize(&driver, 1, 9).expect_err("too little").code(), "unsupported");
    assert_eq!(place.in_force("web").1, "1");
}
