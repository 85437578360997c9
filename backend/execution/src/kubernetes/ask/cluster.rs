//! The API server: a client with a small runtime of its own, so that the driver's calls are plain calls. What the version
//! and the permissions allow is asked once in a while.

use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Runtime;

use super::failure::Failure;
use crate::driver::DriverError;

/// What the driver does to pods: verb, and subresource or nothing.
const NEEDED: [(&str, &str); 4] = [("get", ""), ("list", ""), ("patch", ""), ("patch", "resize")];
const NO_RESIZE: &str = "has no pods/resize: version 1.33 or newer is needed, and 1.35 is the first that promises it";

/// A cluster that answers.
pub(in crate::kubernetes) struct Cluster {
    runtime: Option<Runtime>,
    pub client: Client,
    pub pods: Api<Pod>,
    pub namespace: String,
    time_limit: Duration,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it would be forbidden on a thread of another runtime.
            runtime.shutdown_background();
        }
    }
}

fn away(told: impl ToString) -> DriverError {
    DriverError::ClusterAway { told: told.to_string() }
}

/// The answer of a request that runs on the driver's own runtime, within a time.
fn wait<T: Send + 'static>(
    runtime: &Runtime,
    within: Duration,
    asked: impl Future<Output = T> + Send + 'static,
) -> Result<T, DriverError> {
    let (tell, told) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Nobody waits any more: nobody is told.
        let _ = tell.send(tokio::time::timeout(within, asked).await);
    });
    let late = || away(format!("no answer within {} seconds", within.as_secs()));
    told.recv().map_err(|_| away("the request was dropped"))?.map_err(|_| late())
}

async fn connect(kubeconfig: Option<PathBuf>) -> Result<(Client, String), String> {
    let config = match kubeconfig {
        None => Config::infer().await.map_err(|error| error.to_string())?,
        Some(path) => {
            let read = Kubeconfig::read_from(&path).map_err(|error| error.to_string())?;
            let built = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
            built.map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    let namespace = config.default_namespace.clone();
    Ok((Client::try_from(config).map_err(|error| error.to_string())?, namespace))
}

impl Cluster {
    /// Connects by a kubeconfig, or as a pod of the cluster; without a namespace, to that of the connection.
    pub fn connect(
        kubeconfig: Option<PathBuf>,
        namespace: Option<String>,
        time_limit: Duration,
    ) -> Result<Self, DriverError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(away)?;
        let connected = wait(&runtime, time_limit, connect(kubeconfig)).and_then(|made| made.map_err(away));
        let (client, of_connection) = match connected {
            Ok(made) => made,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let namespace = namespace.unwrap_or(of_connection);
        let pods = Api::namespaced(client.clone(), &namespace);
        Ok(Self { runtime: Some(runtime), client, pods, namespace, time_limit })
    }

    /// The answer to a request that needs this permission.
    pub fn ask<T: Send + 'static>(
        &self,
        permission: &str,
        asked: impl Future<Output = kube::Result<T>> + Send + 'static,
    ) -> Result<T, Failure> {
        let Some(runtime) = &self.runtime else { return Err(away("the driver has ended").into()) };
        wait(runtime, self.time_limit, asked)?.map_err(|error| Failure::of(error, permission))
    }

    /// The version of the API server. Errors: it does not answer, is too old, or allows too little, as a sentence.
    pub fn probe(&self) -> Result<String, DriverError> {
        let told = |failure| match failure {
            Failure::Other(error) => error,
            Failure::Gone | Failure::Conflict => away("it is no API server of Kubernetes"),
        };
        let client = self.client.clone();
        let version = self.ask("get /version", async move { client.apiserver_version().await }).map_err(told)?;
        let version = version.git_version;
        let client = self.client.clone();
        let listed = self.ask("get /api/v1", async move { client.list_core_api_resources("v1").await });
        if !listed.map_err(told)?.resources.iter().any(|resource| resource.name == "pods/resize") {
            return Err(DriverError::ClusterRefused { told: format!("Kubernetes {version} {NO_RESIZE}") });
        }
        for (verb, subresource) in NEEDED {
            let permission = of_pods(verb, subresource);
            if !self.is_allowed(verb, subresource).map_err(told)? {
                let told = format!("allow it by a Role in the namespace {}", self.namespace);
                return Err(DriverError::PermissionMissing { permission, told });
            }
        }
        Ok(version)
    }

    fn is_allowed(&self, verb: &str, subresource: &str) -> Result<bool, Failure> {
        let attributes = ResourceAttributes {
            namespace: Some(self.namespace.clone()),
            verb: Some(verb.to_owned()),
            resource: Some("pods".to_owned()),
            subresource: Some(subresource.to_owned()).filter(|name| !name.is_empty()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let asked = async move { reviews.create(&PostParams::default(), &review).await };
        let answer = self.ask("create selfsubjectaccessreviews", asked)?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

/// A permission on pods, as people write it.
pub(in crate::kubernetes) fn of_pods(verb: &str, subresource: &str) -> String {
    if subresource.is_empty() { format!("{verb} pods") } else { format!("{verb} pods/{subresource}") }
}
