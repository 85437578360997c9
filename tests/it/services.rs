//! An ordinary HTTP service: started by its definition, bought for, and moved under load without a failed request.
use crate::common::{START, healthy};
use anyhow::{Context, ensure};
use headroom_tests::backing::free_port;
use headroom_tests::{Launch, Server, api, skip};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Defines the service `web` in a folder: nginx where it is installed, else the server of Python's library.
pub fn define(folder: &Path) -> anyhow::Result<Option<u16>> {
    let port = free_port()?;
    let has = |program: &str| {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&paths).chain(["/usr/sbin".into()]);
        folders.map(|at| at.join(program)).find(|path| path.is_file())
    };
    let (command, files) = if let Some(nginx) = has("nginx") {
        let text = "daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; \
            events {} http { access_log off; server { listen {address}:{port}; root {folder}; } }";
        let command = json!([nginx, "-e", "{folder}/error.log", "-p", "{folder}", "-c", "{folder}/nginx.conf"]);
        (command, format!("files = {{ \"nginx.conf\" = {}, \"index.html\" = \"hello\" }}\n", json!(text)))
    } else if let Some(python) = has("python3") {
        let command = json!([python, "-m", "http.server", "{port}", "--bind", "{address}", "--directory", "{folder}"]);
        (command, "files = { \"index.html\" = \"hello\" }\n".to_owned())
    } else {
        return Ok(None);
    };
    let text = format!(
        "command = {command}\n{files}listen = \"127.0.0.1:{port}\"\nready = {{ path = \"/\", within_seconds = 60 }}\n\
         [shadow]\nmin_compared = 20\nlatency_allowance_millis = 5000\n"
    );
    std::fs::write(folder.join("web.toml"), text)?;
    Ok(Some(port))
}

/// Clients that ask all the time, and what became of their requests.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    pub fn start(url: &str) -> Self {
        let (stop, answered, failed) = (Arc::new(AtomicBool::new(false)), Arc::default(), Arc::default());
        let client = |_| {
            let (stop, answered, failed): (_, Arc<AtomicU64>, Arc<AtomicU64>) =
                (Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&failed));
            let url = url.to_owned();
            tokio::spawn(async move {
                let http = api::client().build().unwrap_or_default();
                while !stop.load(Ordering::Relaxed) {
                    let text = match http.get(&url).send().await {
                        Ok(answer) if answer.status() == 200 => answer.text().await.unwrap_or_default(),
                        _ => String::new(),
                    };
                    let counter = if text == "hello" { &answered } else { &failed };
                    counter.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        };
        let clients = (0..4).map(client).collect();
        Self { stop, answered, failed, clients }
    }

    pub async fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            let _ = client.await;
        }
        (self.answered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// The workload once its move from a node has ended, or after some time.
async fn moved_from(server: &Server, id: &str, node: &str) -> anyhow::Result<Value> {
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    let mut now = Value::Null;
    for _ in 0..400 {
        admin.advance(2).await?;
        tokio::time::sleep(Duration::from_millis(150)).await;
        now = tenant.get(&format!("/v1/instances/{id}")).await?.ok()?;
        if now["node"] != node && now["swap"].is_null() {
            break;
        }
    }
    Ok(now)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_moves_under_load_without_a_failed_request() -> anyhow::Result<()> {
    const TEST: &str = "a_service_moves_under_load_without_a_failed_request";
    let (definitions, folder) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let Some(port) = define(definitions.path())? else {
        skip(TEST, "neither nginx nor python3 is here");
        return Ok(());
    };
    let launch = Launch::simulated(folder.path(), START).argument("--services");
    let server = launch.argument(&definitions.path().display().to_string()).start().await?;
    let (admin, operator, tenant) = (server.api("admin")?, server.api("operator")?, server.api("tenant")?);
    let modules = tenant.list("/v1/modules").await?;
    let service = modules.iter().find(|m| m["kind"] == "service").context("the service is offered")?;
    assert_eq!(service["name"], "web");
    let body = json!({ "name": "web", "module": service["id"], "pool": "fra1-gp", "baseline": { "cpu_milli": 200 },
        "floor": { "cpu_milli": 100 }, "limit": { "cpu_milli": 1000 }, "strategy": { "auto_offer": null } });
    let with_memory = json!({ "name": "web", "module": service["id"], "pool": "fra1-gp",
        "baseline": { "cpu_milli": 200, "mem_mib": 64 }, "floor": { "cpu_milli": 100 } });
    let refused = tenant.post_with_key("/v1/instances", "memory", &with_memory).await?;
    assert_eq!(refused.code(), "resource_not_enforced", "{}", refused.text);
    let asked = tenant.post_with_key("/v1/instances", "web", &body).await?;
    if asked.code() == "service_unavailable" && asked.text.contains("control group") {
        skip(TEST, &asked.text);
        return Ok(());
    }
    let made = asked.ok()?;
    let taken = tenant.post_with_key("/v1/instances", "second", &body).await?;
    assert_eq!((taken.status, taken.code().as_str()), (409, "service_taken"), "{}", taken.text);

    // It answers through its front.
    let url = format!("http://127.0.0.1:{port}/");
    let mut answers = false;
    for _ in 0..150 {
        admin.advance(1).await?;
        answers = api::client().build()?.get(&url).send().await.is_ok_and(|answer| answer.status() == 200);
        if answers {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ensure!(answers, "{}", server.log());

    // Its node is drained: a copy runs on another one beside it, is compared, and takes over.
    let (id, home) = (made["id"].as_str().context("an id")?, made["node"].as_str().context("a node")?);
    let load = Load::start(&url);
    operator.act(&format!("/v1/nodes/{home}/drain")).await?.ok()?;
    let now = moved_from(&server, id, home).await?;
    let swaps = tenant.list("/v1/swap_history").await?;
    let swap = swaps.iter().find(|s| s["instance"] == id && s["node_from"] == home);
    ensure!(now["node"] != home && now["state"] == "running", "{now} {swap:?} {}", server.log());
    let swap = swap.context("its swap")?;
    assert_eq!(swap["state"], "done", "{swap}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (answered, failed) = load.end().await;
    assert_eq!(failed, 0, "of {} requests", answered + failed);
    ensure!(answered > 50, "{answered} requests");

    // The server ends by force and comes back: the service is the same process, and is reached again.
    let launch = server.kill()?;
    let server = launch.start().await?;
    let (admin, tenant) = (server.api("admin")?, server.api("tenant")?);
    let mut answers = false;
    for _ in 0..100 {
        admin.advance(1).await?;
        answers = api::client().build()?.get(&url).send().await.is_ok_and(|answer| answer.status() == 200);
        if answers {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ensure!(answers, "{}", server.log());

    // Nobody calls it, and its node is drained in turn: it is compared by its probes.
    let second = now["node"].as_str().context("a node")?;
    let operator = server.api("operator")?;
    operator.act(&format!("/v1/nodes/{home}/uncordon")).await?.ok()?;
    operator.act(&format!("/v1/nodes/{second}/drain")).await?.ok()?;
    let moved = moved_from(&server, id, second).await?;
    ensure!(moved["node"] != second, "{moved} {:?}", tenant.list("/v1/swap_history").await?);

    tenant.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    let mut ended = false;
    for _ in 0..100 {
        admin.advance(1).await?;
        ended = api::client().build()?.get(&url).send().await.is_err();
        if ended {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ensure!(ended, "a stopped service is reached by nobody");
    healthy(&server.stop().await?).await
}
