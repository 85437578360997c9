//! A service whose copy answers worse after the switch than in its shadow run: it goes back, and serves on.
use crate::common::{START, healthy};
use crate::services_on_agents::Copies;
use anyhow::{Context, ensure};
use headroom_tests::backing::free_port;
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use headroom_tests::{Launch, api, skip};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PYTHON: &str = "/usr/bin/python3";
/// Takes writes on the node that a file names, and on all while there is none: reads it answers everywhere.
const SCRIPT: &str = r#"
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")
    def do_GET(self): self.answer(200)
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        only = open(sys.argv[1]).read() if os.path.exists(sys.argv[1]) else os.environ["HEADROOM_NODE"]
        self.answer(200 if only == os.environ["HEADROOM_NODE"] else 500)
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

fn define(folder: &Path, only: &Path) -> anyhow::Result<u16> {
    let port = free_port()?;
    std::fs::create_dir_all(folder)?;
    let command = json!([PYTHON, "{folder}/server.py", only]);
    let text = format!(
        "command = {command}\nlisten = \"127.0.0.1:{port}\"\nready = {{ path = \"/\", within_seconds = 60 }}\n\
         [files]\n\"server.py\" = '''{SCRIPT}'''\n[shadow]\nmin_compared = 20\nlatency_allowance_millis = 5000\n"
    );
    std::fs::write(folder.join("web.toml"), text)?;
    Ok(port)
}

/// Clients that write all the time, and how often each status was answered; 0 is none.
struct Writers {
    stop: Arc<AtomicBool>,
    answers: Arc<Mutex<BTreeMap<u16, u64>>>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    fn start(url: &str) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<BTreeMap<u16, u64>>>::default());
        let client = |_| {
            let (stop, answers, url) = (stop.clone(), answers.clone(), url.to_owned());
            tokio::spawn(async move {
                let http = api::client().build().unwrap_or_default();
                while !stop.load(Ordering::Relaxed) {
                    let answer = http.post(&url).body("one").send().await;
                    let status = answer.map_or(0, |answer| answer.status().as_u16());
                    if let Ok(mut answers) = answers.lock() {
                        *answers.entry(status).or_default() += 1;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        };
        let clients = (0..4).map(client).collect();
        Self { stop, answers, clients }
    }

    fn so_far(&self) -> BTreeMap<u16, u64> {
        self.answers.lock().map(|answers| answers.clone()).unwrap_or_default()
    }

    async fn end(self) -> BTreeMap<u16, u64> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            let _ = client.await;
        }
        self.answers.lock().map(|answers| answers.clone()).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_makes_a_service_worse_is_rolled_back() -> anyhow::Result<()> {
    const TEST: &str = "a_move_that_makes_a_service_worse_is_rolled_back";
    if !Path::new(PYTHON).is_file() {
        skip(TEST, "python3 is not here");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let _copies = Copies(folder.path().to_owned());
    let (definitions, only) = (folder.path().join("services"), folder.path().join("only"));
    let port = define(&definitions, &only)?;
    let launch = Launch::simulated(&folder.path().join("data"), START).argument("--services");
    let server = launch.argument(&definitions.display().to_string()).start().await?;
    let (admin, operator, tenant) = (server.api("admin")?, server.api("operator")?, server.api("tenant")?);
    let modules = tenant.list("/v1/modules").await?;
    let service = modules.iter().find(|m| m["kind"] == "service").context("the service is offered")?;
    let body = json!({ "name": "web", "module": service["id"], "pool": "fra1-gp", "baseline": { "cpu_milli": 200 },
        "floor": { "cpu_milli": 100 }, "limit": { "cpu_milli": 1000 }, "strategy": { "auto_offer": null } });
    let asked = tenant.post_with_key("/v1/instances", "web", &body).await?;
    if asked.code() == "service_unavailable" && asked.text.contains("control group") {
        skip(TEST, &asked.text);
        return Ok(());
    }
    let made = asked.ok()?;
    let id = made["id"].as_str().context("an id")?;
    let workload = || async { tenant.get(&format!("/v1/instances/{id}")).await?.ok() };
    // What it has bought for the slots around its move is to be settled right.
    let rhythm = Rhythm::of(&tenant).await?;
    let bid = json!({ "instance": id, "window": rhythm.window(1, 5), "resources": { "cpu_milli": 300 },
        "pools": [{ "pool": "fra1-gp" }], "limit": "50", "resell": "never" });
    let bid = tenant.post_with_key("/v1/bids", "bid", &bid).await?.id()?;
    admin.advance(rhythm.first_open() + rhythm.slot_seconds - rhythm.now + 10).await?;
    let mut has = workload().await?;
    for _ in 0..100 {
        if has["in_force"]["cpu_milli"] == 500 && has["swap"].is_null() {
            break;
        }
        admin.advance(1).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        has = workload().await?;
    }
    assert_eq!((&has["in_force"]["cpu_milli"], &has["swap"]), (&json!(500), &Value::Null), "{has}");
    let home = has["node"].as_str().context("a node")?;
    std::fs::write(&only, home)?;

    // Its copy agrees in the shadow run, which sends it no writes, and fails them after the switch.
    let writers = Writers::start(&format!("http://127.0.0.1:{port}/"));
    operator.act(&format!("/v1/nodes/{home}/drain")).await?.ok()?;
    let mut ended = Value::Null;
    for _ in 0..400 {
        admin.advance(2).await?;
        tokio::time::sleep(Duration::from_millis(150)).await;
        let swaps = tenant.list("/v1/swap_history").await?;
        let its_move = |s: &&Value| s["instance"] == id && s["node_from"] == home && s["node_to"] != home;
        if let Some(swap) = swaps.iter().find(its_move) {
            ended = swap.clone();
            break;
        }
    }
    let swap = tenant.get(&format!("/v1/swaps/{}", ended["id"].as_str().context("its swap")?)).await?.ok()?;
    let end = (swap["state"].as_str(), swap["reason"].as_str());
    assert_eq!(end, (Some("rolled_back"), Some("service_level_worse")), "{swap} {}", server.log());
    let phases = swap["phases"].as_array().context("phases")?;
    let watched = phases.iter().find(|phase| phase["state"] == "verified").context("it was watched")?;
    let told = watched["detail"].as_str().unwrap_or_default();
    ensure!(told.contains("requests since the switch have failed, 0 of") && told.contains("95th percentile"), "{told}");
    println!("{told}");

    // The source serves on, under what it had, and every write is answered again.
    let (now, after) = (workload().await?, writers.so_far());
    assert_eq!((now["node"].as_str(), &now["state"]), (Some(home), &json!("running")), "{now}");
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if writers.so_far().get(&200) > after.get(&200).map(|n| n + 40).as_ref() {
            break;
        }
    }
    let answers = writers.end().await;
    println!("statuses of all writes: {answers:?}");
    ensure!(answers.keys().all(|status| [200, 500].contains(status)), "none is lost: {answers:?}");
    ensure!(answers.get(&200) > after.get(&200).map(|n| n + 40).as_ref(), "{after:?} {answers:?}");
    assert_eq!(answers.get(&500), after.get(&500), "the copy that failed them has ended");

    // The slots around it are settled: what was paid and what came back are the price together, without a fee.
    admin.advance(6 * rhythm.slot_seconds).await?;
    let receipts = tenant.list("/v1/receipts").await?;
    let settled: Vec<&Value> = receipts.iter().filter(|r| r["order"] == bid.as_str()).collect();
    let moved_in = swap["slot"].as_str().context("its slot")?;
    let micro = |value: &Value| value.as_str().and_then(|text| units(text, 6)).unwrap_or_default();
    ensure!(settled.len() == 5, "{settled:?}");
    for receipt in settled {
        let (line, slot) = (&receipt["lines"][0], receipt["slot"].as_str().unwrap_or_default());
        let delivered = line["delivered"].as_i64().context("delivered")?;
        println!("{slot}: {delivered} delivered for {}, credit note {}", receipt["amount"], receipt["credit_note"]);
        assert_eq!(micro(&receipt["reservation_fee"]), 0, "no program was shown to be at fault: {receipt}");
        let price = line["price"].as_str().and_then(|text| units(text, 9)).context("a price")?;
        let whole = price * 300 / 1_000;
        ensure!((micro(&receipt["amount"]) + micro(&receipt["credit_note"]) - whole).abs() <= 1, "{receipt}");
        ensure!(slot <= moved_in || delivered == 300, "where it serves on it has what it has bought: {receipt}");
    }
    tenant.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    admin.advance(5).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    healthy(&server.stop().await?).await
}
