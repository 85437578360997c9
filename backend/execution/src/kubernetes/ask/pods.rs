//! Pods: read, listed in pages, and patched.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::Value;

use super::cluster::{Cluster, of_pods};
use super::failure::Failure;
use crate::driver::DriverError;

/// Pods of one page, as kubectl asks for.
const OF_PAGE: u32 = 500;
/// A list whose pages have expired begins anew so often.
const MOST_LISTS: usize = 3;

impl Cluster {
    /// A pod by its name; nothing where there is none.
    pub fn pod(&self, name: &str) -> Result<Option<Pod>, DriverError> {
        let (pods, name) = (self.pods.clone(), name.to_owned());
        match self.ask(&of_pods("get", ""), async move { pods.get(&name).await }) {
            Ok(pod) => Ok(Some(pod)),
            Err(Failure::Gone) => Ok(None),
            Err(Failure::Conflict) => Err(DriverError::ClusterRefused { told: "a conflict for a read".to_owned() }),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// All pods of the namespace on a node.
    pub fn pods_on(&self, node: &str) -> Result<Vec<Pod>, DriverError> {
        'lists: for _ in 0..MOST_LISTS {
            let (mut found, mut token) = (Vec::new(), None::<String>);
            loop {
                let mut asked = ListParams::default().fields(&format!("spec.nodeName={node}")).limit(OF_PAGE);
                if let Some(token) = &token {
                    asked = asked.continue_token(token);
                }
                let pods = self.pods.clone();
                match self.ask(&of_pods("list", ""), async move { pods.list(&asked).await }) {
                    Ok(page) => {
                        found.extend(page.items);
                        token = page.metadata.continue_.filter(|token| !token.is_empty());
                    }
                    // The pages were too old to go on with.
                    Err(Failure::Gone | Failure::Conflict) => continue 'lists,
                    Err(Failure::Other(error)) => return Err(error),
                }
                if token.is_none() {
                    return Ok(found);
                }
            }
        }
        Err(DriverError::ClusterAway { told: "its lists of pods expire before they are read".to_owned() })
    }

    /// Changes the annotations of a pod.
    pub fn annotate(&self, name: &str, patch: Value) -> Result<Pod, Failure> {
        let (pods, name) = (self.pods.clone(), name.to_owned());
        let asked = async move { pods.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await };
        self.ask(&of_pods("patch", ""), asked)
    }

    /// Asks for other resources of containers, in place.
    pub fn resize(&self, name: &str, patch: Value) -> Result<Pod, Failure> {
        let (pods, name) = (self.pods.clone(), name.to_owned());
        let asked = async move { pods.patch_resize(&name, &PatchParams::default(), &Patch::Strategic(patch)).await };
        self.ask(&of_pods("patch", "resize"), asked)
    }
}
