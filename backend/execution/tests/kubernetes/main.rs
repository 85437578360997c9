//! The driver of Kubernetes pods against a fake API server, which is no kubelet, and the suite against a real one where
//! `KUBECONFIG` names it.
mod life;
mod place;
mod refused;
mod resize;
mod suite;
mod told;
