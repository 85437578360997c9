//! The fake as a program, to try the quickstart without a cluster. It is no Kubernetes.
use headroom_fake_kubernetes::{Fake, Pod};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: fake-kubernetes FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let fake = Fake::start(&[("worker-1", 4_000)], true)?;
    let web = Pod { namespace: "default", name: "web", request: "500m", limit: "500m" };
    fake.world().create("default", web.document()).map_err(|refused| refused.message)?;
    let written = fake.kubeconfig(&folder, "agent", "default")?;
    println!("This is a fake of Kubernetes: nothing runs in its pod web. KUBECONFIG={}", written.display());
    loop {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let name = ("default".to_owned(), "web".to_owned());
        fake.world().samples = Some([(name, (i64::try_from(seconds)?, 400))].into());
        std::thread::sleep(Duration::from_secs(15));
    }
}
