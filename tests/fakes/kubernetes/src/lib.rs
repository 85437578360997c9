//! A fake of the API server of Kubernetes, for tests. It is no Kubernetes, and no container runs behind it.
mod http;
mod kubelet;
mod patch;
mod rules;
mod world;

pub use world::{Pod, World};

use serde_json::Value;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often the kubelet of a fake looks at its pods.
const LOOK: Duration = Duration::from_millis(20);

/// A fake that serves on a port of its own until it is dropped.
pub struct Fake {
    world: Arc<Mutex<World>>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Fake {
    /// Starts with nodes of so much CPU, in thousandths of a core. With `looks`, resizes are taken up at once; otherwise
    /// each step of the kubelet is asked for.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(nodes: &[(&str, u64)], looks: bool) -> io::Result<Self> {
        let world = Arc::new(Mutex::new(World::of(nodes)));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = Arc::clone(&world);
        let server = std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let looking = Arc::clone(&served);
                let look = async move {
                    loop {
                        tokio::time::sleep(LOOK).await;
                        if looks {
                            kubelet::step(&mut locked(&looking));
                        }
                    }
                };
                tokio::select! {
                    _ = axum::serve(listener, http::router(served)) => {}
                    () = look => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { world, address, stop: Some(stop), server: Some(server) })
    }

    /// What it holds, to look at and to change from outside.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.world)
    }

    /// One look of the kubelet at all pods.
    pub fn look(&self) {
        kubelet::step(&mut self.world());
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes a kubeconfig for a user, whose name is also its token.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn kubeconfig(&self, folder: &Path, user: &str, namespace: &str) -> io::Result<PathBuf> {
        let path = folder.join(format!("kubeconfig-{user}"));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: fake\nclusters:\n- name: fake\n  cluster: {{ server: {} }}\n\
             users:\n- name: {user}\n  user: {{ token: {user} }}\ncontexts:\n- name: fake\n  context: {{ cluster: fake, user: {user}, namespace: {namespace} }}\n",
            self.url()
        );
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// A pod as it stands now.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<Value> {
        self.world().pod(namespace, name).cloned()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

fn locked(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
