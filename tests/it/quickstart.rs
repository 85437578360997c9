//! The quickstarts, run from their own code blocks on a server in real time.
use crate::qemu::Machines;
use crate::slurm::Cluster;
use anyhow::{Context, ensure};
use headroom_fake_kubernetes::Fake;
use headroom_tests::server::binary;
use headroom_tests::{Launch, skip};
use std::path::Path;
use std::process::{Command, Stdio};

/// The blocks of a document in a language.
pub fn blocks(document: &str, language: &str) -> anyhow::Result<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let begun = text.split(&format!("\n```{language}\n")).skip(1).map(str::to_owned).collect::<Vec<_>>();
    Ok(begun.iter().filter_map(|rest| rest.split("\n```").next()).map(str::to_owned).collect())
}

/// The blocks of a document that a reader types, one after the other.
fn typed(document: &str) -> anyhow::Result<String> {
    let blocks = blocks(document, "sh")?;
    ensure!(blocks.len() > 4, "{document} has {} blocks", blocks.len());
    Ok(blocks.join("\n"))
}

/// A shell that types a script in an empty folder, with this build's program on its path.
pub fn shell(script: &str, data: &Path, url: &str) -> anyhow::Result<Command> {
    let path = std::env::var("PATH").unwrap_or_default();
    let beside = binary()?.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let work = data.join("typed");
    std::fs::create_dir_all(&work)?;
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).current_dir(work).env("PATH", format!("{beside}:{path}"));
    shell.env("DATA", data).env("URL", url).stdin(Stdio::null());
    Ok(shell)
}

#[tokio::test]
async fn the_quickstart_for_slurm_buys_a_node() -> anyhow::Result<()> {
    let script = typed("quickstart-slurm.md")?;
    let cluster = match Cluster::start()? {
        Ok(cluster) => cluster,
        Err(why) => {
            skip("the_quickstart_for_slurm_buys_a_node", &why);
            return Ok(());
        }
    };
    let folder = tempfile::tempdir()?;
    let server = Launch::demo(folder.path()).start().await?;
    let mut shell = shell(&script, folder.path(), &server.url)?;
    shell.env("SLURM_CONF", &cluster.configuration);
    let ran = shell.output().context("bash is needed")?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    let nodes: Vec<&str> = said.lines().filter(|line| line.parse::<u32>().is_ok()).collect();
    ensure!(nodes == ["1", "2", "1"], "{nodes:?}\n{said}\n{errors}\n{}", server.log());
    let is_charged = said.lines().any(|line| line.starts_with("20") && line.contains(",bid_"));
    ensure!(is_charged && said.contains("RUNNING with 1"), "{said}\n{errors}");
    Ok(())
}

/// On a fake of Kubernetes, which is no kubelet: what `kubectl apply` would make is made there as the document has it.
#[tokio::test]
async fn the_quickstart_for_kubernetes_buys_a_core() -> anyhow::Result<()> {
    let script = typed("quickstart-kubernetes.md")?;
    let manifest = blocks("quickstart-kubernetes.md", "yaml")?.into_iter().next().context("a pod")?;
    if Command::new("kubectl").args(["version", "--client"]).stdout(Stdio::null()).status().is_err() {
        skip("the_quickstart_for_kubernetes_buys_a_core", "kubectl is not here");
        return Ok(());
    }
    let fake = Fake::start(&[("worker-1", 4_000)], true)?;
    let pod = serde_saphyr::from_str(&manifest).context("the document's pod")?;
    fake.world().create("default", pod).map_err(|refused| anyhow::anyhow!(refused.message))?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = fake.kubeconfig(folder.path(), "agent", "default")?;
    let server = Launch::demo(folder.path()).start().await?;
    let mut shell = shell(&script, folder.path(), &server.url)?;
    shell.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", folder.path().join("kubectl"));
    let ran = shell.output().context("bash is needed")?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    let limits: Vec<&str> = said.lines().filter(|line| line.ends_with("00m")).collect();
    ensure!(limits == ["500m", "1500m", "500m", "500m"], "{limits:?}\n{said}\n{errors}\n{}", server.log());
    let is_charged = said.lines().any(|line| line.starts_with("20") && line.contains(",bid_"));
    ensure!(is_charged && said.contains("the pod is let go"), "{said}\n{errors}");
    Ok(())
}

#[tokio::test]
async fn the_quickstart_for_hosts_buys_half_a_core() -> anyhow::Result<()> {
    let script = typed("quickstart-host.md")?;
    for tool in ["bash", "curl", "setsid"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_err() {
            skip("the_quickstart_for_hosts_buys_half_a_core", &format!("{tool} is not here"));
            return Ok(());
        }
    }
    let folder = tempfile::tempdir()?;
    let server = Launch::demo(folder.path()).start().await?;
    let operator = server.api("operator")?;
    let nodes = operator.list("/v1/nodes").await?;
    let node = nodes.first().and_then(|node| node["id"].as_str()).context("a node")?.to_owned();
    let listed = operator.get(&format!("/v1/nodes/{node}/candidates")).await?;
    if listed.code() == "driver_unavailable" {
        skip("the_quickstart_for_hosts_buys_half_a_core", &listed.text);
        return Ok(());
    }
    let script = format!("{script}\nkill -KILL $PID\n");
    let ran = shell(&script, folder.path(), &server.url)?.output().context("bash is needed")?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    let limits: Vec<&str> =
        said.lines().filter_map(|line| line.split(' ').next()).filter(|w| w.parse::<u32>().is_ok()).collect();
    // On a busy machine ticks are missed, so how much counts as delivered is not asked here (`adopted` does).
    ensure!(limits.contains(&"20000") && limits.contains(&"70000"), "{said}\n{errors}\n{}", server.log());
    let is_charged = said.lines().any(|line| line.starts_with("20") && line.contains(",bid_"));
    ensure!(is_charged && said.contains("it runs"), "{said}\n{errors}");
    Ok(())
}

#[tokio::test]
async fn the_quickstart_for_machines_buys_half_a_core() -> anyhow::Result<()> {
    let script = typed("quickstart-vm.md")?;
    let machines = match Machines::start()? {
        Ok(machines) => machines,
        Err(why) => {
            skip("the_quickstart_for_machines_buys_half_a_core", &why);
            return Ok(());
        }
    };
    let folder = tempfile::tempdir()?;
    let server = Launch::demo(folder.path()).start().await?;
    let operator = server.api("operator")?;
    let nodes = operator.list("/v1/nodes").await?;
    let node = nodes.first().and_then(|node| node["id"].as_str()).context("a node")?.to_owned();
    let listed = operator.get(&format!("/v1/nodes/{node}/candidates")).await?;
    if listed.code() == "driver_unavailable" {
        skip("the_quickstart_for_machines_buys_half_a_core", &listed.text);
        return Ok(());
    }
    let mut shell = shell(&script, folder.path(), &server.url)?;
    let ran = shell.env("MACHINES", machines.folder()).output().context("bash is needed")?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    let limits: Vec<&str> =
        said.lines().filter_map(|line| line.split(' ').next()).filter(|w| w.parse::<u32>().is_ok()).collect();
    ensure!(limits.ends_with(&["20000", "70000", "20000"]), "{limits:?}\n{said}\n{errors}\n{}", server.log());
    let is_charged = said.lines().any(|line| line.starts_with("20") && line.contains(",bid_"));
    ensure!(is_charged && said.contains("the machine runs"), "{said}\n{errors}");
    Ok(())
}
