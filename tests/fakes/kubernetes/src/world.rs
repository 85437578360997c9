//! Pods with versions, uids and generations, as an API server keeps them.
use crate::rules::{self, Refused};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

/// Namespace and name.
pub type Name = (String, String);

/// What it takes to make a pod that runs.
pub struct Pod<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// Of its only container `app`, as Kubernetes writes CPU.
    pub request: &'a str,
    pub limit: &'a str,
}

impl Pod<'_> {
    /// Its document. Memory is the same in request and limit, so it is Guaranteed if CPU is, too.
    pub fn document(&self) -> Value {
        let resources = json!({ "requests": { "cpu": self.request, "memory": "64Mi" },
            "limits": { "cpu": self.limit, "memory": "64Mi" } });
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "namespace": self.namespace, "name": self.name },
            "spec": { "containers": [{ "name": "app", "image": "registry.k8s.io/pause:3.10", "resources": resources }] },
        })
    }
}

/// All that the fake holds, with its switches.
pub struct World {
    version: u64,
    made: u64,
    pods: BTreeMap<Name, Value>,
    /// CPU of each node that pods can have, in thousandths of a core.
    pub nodes: BTreeMap<String, u64>,
    /// Permissions that are switched off, `patch pods/resize` for instance.
    pub forbidden: BTreeSet<String>,
    /// Permissions that each user has needed.
    pub used: BTreeMap<String, BTreeSet<String>>,
    /// Statuses that the next requests for pods are answered with.
    pub faults: VecDeque<u16>,
    /// Somebody else writes before so many of the next patches.
    pub overtaken: u32,
    /// Whether `pods/resize` is served; no version before 1.33 does.
    pub has_resize: bool,
    /// Samples of use by pod: Unix seconds, thousandths of a core. `None`: the metrics API is not installed.
    pub samples: Option<BTreeMap<Name, (i64, u64)>>,
    /// What the kubelet says of every resize that it has begun and cannot end.
    pub stuck: Option<String>,
    /// The most items of one page.
    pub page: usize,
    /// So many of the next pages that go on with a list are refused: it was too old.
    pub expired: u32,
}

pub(crate) fn key(namespace: &str, name: &str) -> Name {
    (namespace.to_owned(), name.to_owned())
}

impl World {
    pub(crate) fn of(nodes: &[(&str, u64)]) -> Self {
        Self {
            version: 100,
            made: 0,
            pods: BTreeMap::new(),
            nodes: nodes.iter().map(|(name, milli)| ((*name).to_owned(), *milli)).collect(),
            forbidden: BTreeSet::new(),
            used: BTreeMap::new(),
            faults: VecDeque::new(),
            overtaken: 0,
            has_resize: true,
            samples: None,
            stuck: None,
            page: usize::MAX,
            expired: 0,
        }
    }

    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Value> {
        self.pods.get(&key(namespace, name))
    }

    pub(crate) fn names(&self) -> Vec<Name> {
        self.pods.keys().cloned().collect()
    }

    pub(crate) fn pods(&self) -> impl Iterator<Item = &Value> {
        self.pods.values()
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Makes a pod of a document, and lets it run at once on the node that it names or on the first one.
    ///
    /// # Errors
    /// The document is refused, or the name is taken.
    pub fn create(&mut self, namespace: &str, mut pod: Value) -> Result<Value, Refused> {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if self.pods.contains_key(&key(namespace, &name)) {
            return Err(Refused::new(409, "AlreadyExists", format!("pods \"{name}\" already exists")));
        }
        rules::complete(&mut pod);
        rules::check_pod(&pod)?;
        self.made += 1;
        pod["metadata"]["namespace"] = namespace.into();
        pod["metadata"]["uid"] = format!("00000000-0000-4000-8000-{:012}", self.made).into();
        pod["metadata"]["generation"] = 1.into();
        pod["metadata"]["creationTimestamp"] = now().into();
        if pod["spec"]["nodeName"].is_null() {
            pod["spec"]["nodeName"] = self.nodes.keys().next().cloned().unwrap_or_default().into();
        }
        let container = |container: &Value| {
            json!({ "name": container["name"], "image": container["image"], "imageID": "", "ready": true, "restartCount": 0,
                "started": true, "resources": container["resources"], "state": { "running": { "startedAt": now() } } })
        };
        let containers: Vec<Value> =
            pod["spec"]["containers"].as_array().into_iter().flatten().map(container).collect();
        pod["status"] = json!({ "phase": "Running", "qosClass": rules::class_of(&pod), "startTime": now(),
            "observedGeneration": 1, "containerStatuses": containers });
        Ok(self.put(&key(namespace, &name), pod))
    }

    /// Stores a pod under a new version, unless nothing of it has changed.
    pub(crate) fn put(&mut self, name: &Name, mut pod: Value) -> Value {
        let before = self.pods.get(name);
        pod["metadata"]["resourceVersion"] =
            before.map_or(Value::Null, |before| before["metadata"]["resourceVersion"].clone());
        if before == Some(&pod) {
            return pod;
        }
        if before.is_some_and(|before| before["spec"] != pod["spec"]) {
            pod["metadata"]["generation"] = (pod["metadata"]["generation"].as_i64().unwrap_or(0) + 1).into();
        }
        self.version += 1;
        pod["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.pods.insert(name.clone(), pod.clone());
        pod
    }

    /// Changes a pod as its kubelet or its controller would.
    pub fn change(&mut self, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let name = key(namespace, name);
        if let Some(mut pod) = self.pods.get(&name).cloned() {
            change(&mut pod);
            self.put(&name, pod);
        }
    }

    /// Takes a pod away, as after its grace period.
    pub fn delete(&mut self, namespace: &str, name: &str) -> Option<Value> {
        self.version += 1;
        self.pods.remove(&key(namespace, name))
    }

    /// Ends a pod with a phase and a reason, `Failed` and `Evicted` for instance.
    pub fn end(&mut self, namespace: &str, name: &str, phase: &str, reason: &str) {
        self.change(namespace, name, |pod| {
            pod["status"]["phase"] = phase.into();
            pod["status"]["reason"] = reason.into();
        });
    }
}

/// Now, as Kubernetes writes times.
pub(crate) fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    written(i64::try_from(seconds).unwrap_or(0))
}

/// Unix seconds as Kubernetes writes times.
pub(crate) fn written(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of year 0, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_kubernetes_does() {
        assert_eq!(written(0), "1970-01-01T00:00:00Z");
        assert_eq!(written(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(written(1_796_049_672), "2026-11-30T14:41:12Z");
    }
}
