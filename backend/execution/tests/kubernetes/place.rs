//! Where the tests run: a fake, or the cluster of `KUBECONFIG`.

use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use headroom_execution::kubernetes::{Kubernetes, Settings};
use headroom_execution::{AdoptRequest, Driver, DriverError, InstanceId, Limits, NodeId, OpKey, Resized, Started};
use headroom_fake_kubernetes::{Fake, Pod as NewPod};
use headroom_market::workload::{Adopted, ClusterPod};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A pod of a real cluster has an image to load first.
const UNTIL_IT_RUNS: Duration = Duration::from_secs(120);
/// The mark of the driver.
pub const MARK: &str = "headroom/adopted";

pub struct Place {
    fake: Option<Fake>,
    kubeconfig: PathBuf,
    namespace: String,
    runtime: Runtime,
    pods: Api<Pod>,
    _folder: TempDir,
}

impl Place {
    /// A fake with a node of 4 cores and one of 2. With `looks` its kubelet takes resizes up by itself.
    pub fn fake(looks: bool) -> Self {
        let fake = Fake::start(&[("worker-1", 4_000), ("worker-2", 2_000)], looks).expect("a port");
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = fake.kubeconfig(folder.path(), "agent", "default").expect("written");
        let tester = fake.kubeconfig(folder.path(), "tester", "default").expect("written");
        let mut place = Self::of(Some(tester), folder);
        (place.fake, place.kubeconfig) = (Some(fake), kubeconfig);
        place
    }

    /// The cluster that the environment names; nothing, told loudly, where it names none.
    pub fn real(test: &str) -> Option<Self> {
        let Some(named) = std::env::var_os("KUBECONFIG").filter(|named| !named.is_empty()) else {
            println!("SKIP {test}: KUBECONFIG names no cluster; the driver was tested against a fake only");
            return None;
        };
        Some(Self::of(Some(named.into()), tempfile::tempdir().expect("a folder")))
    }

    fn of(kubeconfig: Option<PathBuf>, folder: TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("made");
        let kubeconfig = kubeconfig.unwrap_or_default();
        let read = Kubeconfig::read_from(&kubeconfig).expect("a kubeconfig");
        let (pods, namespace) = runtime.block_on(async {
            let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.expect("a config");
            let namespace = config.default_namespace.clone();
            (Api::namespaced(Client::try_from(config).expect("a client"), &namespace), namespace)
        });
        Self { fake: None, kubeconfig, namespace, runtime, pods, _folder: folder }
    }

    pub fn the_fake(&self) -> &Fake {
        self.fake.as_ref().expect("a test of the fake alone")
    }

    fn run<T>(&self, asked: impl Future<Output = kube::Result<T>>) -> T {
        self.runtime.block_on(asked).expect("the cluster answers")
    }

    /// Makes a pod with one container `app`, and waits until it runs.
    pub fn create(&self, name: &str, request: &str, limit: &str) -> ClusterPod {
        let document = NewPod { namespace: &self.namespace, name, request, limit }.document();
        self.create_of(name, document)
    }

    pub fn create_of(&self, name: &str, document: Value) -> ClusterPod {
        let pod: Pod = serde_json::from_value(document).expect("a pod");
        self.run(self.pods.create(&PostParams::default(), &pod));
        let started = Instant::now();
        loop {
            let found = self.get(name);
            if found["status"]["phase"] == "Running" {
                return ClusterPod {
                    namespace: self.namespace.clone(),
                    name: name.to_owned(),
                    uid: found["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
                    container: "app".to_owned(),
                };
            }
            assert!(started.elapsed() < UNTIL_IT_RUNS, "{name} does not run: {found}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn get(&self, name: &str) -> Value {
        serde_json::to_value(self.run(self.pods.get(name))).expect("a document")
    }

    /// Deletes a pod, and waits until it is gone.
    pub fn delete(&self, name: &str) {
        let _ = self.runtime.block_on(self.pods.delete(name, &DeleteParams::default().grace_period(0)));
        let started = Instant::now();
        while self.run(self.pods.get_opt(name)).is_some() {
            assert!(started.elapsed() < UNTIL_IT_RUNS, "{name} stays");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// CPU of its container: request and limit in force.
    pub fn in_force(&self, name: &str) -> (String, String) {
        let resources = &self.get(name)["status"]["containerStatuses"][0]["resources"];
        let of = |which: &str| resources[which]["cpu"].as_str().unwrap_or_default().to_owned();
        (of("requests"), of("limits"))
    }

    /// The agent of the node that a pod runs on.
    pub fn driver_of(&self, name: &str) -> Kubernetes {
        let node = self.get(name)["spec"]["nodeName"].as_str().unwrap_or_default().to_owned();
        self.driver_on(&node)
    }

    pub fn driver_on(&self, node: &str) -> Kubernetes {
        let patience = if self.fake.is_some() { Duration::from_secs(2) } else { Duration::from_secs(60) };
        let of_node = Settings::of_node(node);
        Kubernetes::new("exchange-1", Settings { kubeconfig: Some(self.kubeconfig.clone()), patience, ..of_node })
    }
}

pub fn instance() -> InstanceId {
    InstanceId::from("ins_a")
}

pub fn key(step: &str) -> OpKey {
    OpKey::new("list-1", step)
}

pub fn adopt(driver: &Kubernetes, pod: &ClusterPod, epoch: u64, milli: u64) -> Result<Started, DriverError> {
    let request = AdoptRequest {
        instance: instance(),
        node: NodeId::from("nod_a"),
        epoch,
        adopted: Adopted::Pod(pod.clone()),
        limits: Limits::new(milli, 0),
    };
    driver.adopt(&key("adopt"), &request)
}

pub fn resize(driver: &Kubernetes, epoch: u64, milli: u64) -> Result<Resized, DriverError> {
    driver.resize(&key(&format!("to-{milli}")), &instance(), epoch, &Limits::new(milli, 0))
}
