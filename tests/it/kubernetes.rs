//! A pod of a fake of Kubernetes, which is no kubelet: adopted while it runs, bought CPU for a slot, settled by what was in force.
use crate::common::{START, healthy};
use crate::quickstart::blocks;
use anyhow::{Context, ensure};
use headroom_fake_kubernetes::{Fake, Pod};
use headroom_tests::api::Api;
use headroom_tests::orders::Rhythm;
use headroom_tests::server::binary;
use headroom_tests::{Launch, Reply, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A market with a pool of one node, which is a node of a fake, and the agent of it.
struct Market {
    fake: Fake,
    server: Server,
    node: String,
    secret: String,
    kubeconfig: PathBuf,
    _folder: TempDir,
}

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Limit and request in force for the container of the pod `web`.
fn in_force(fake: &Fake) -> String {
    let pod = fake.pod("default", "web").unwrap_or_default();
    let resources = &pod["status"]["containerStatuses"][0]["resources"];
    let of = |which: &str| resources[which]["cpu"].as_str().unwrap_or("none").to_owned();
    format!("{} of {}", of("requests"), of("limits"))
}

impl Market {
    /// The node has 4 cores, of which the market sells 3; the pod `web` has one, and asks for half of it.
    async fn start() -> anyhow::Result<Self> {
        let fake = Fake::start(&[("worker-1", 4_000)], true)?;
        fake.world().samples = Some(BTreeMap::new());
        let web = Pod { namespace: "default", name: "web", request: "500m", limit: "1" };
        fake.world().create("default", web.document()).map_err(|refused| anyhow::anyhow!(refused.message))?;
        let folder = tempfile::tempdir()?;
        let kubeconfig = fake.kubeconfig(folder.path(), "agent", "default")?;
        let server = Launch::simulated(folder.path(), START).start().await?;
        let (admin, operator) = (server.api("admin")?, server.api("operator")?);
        let pool = json!({ "slug": "cluster", "name": "Cluster", "pop": "fra1", "tier": "general_purpose",
            "resources": ["cpu_milli"], "release_start": "1" });
        admin.post("/v1/pools", &pool).await?.ok()?;
        let node = json!({ "name": "worker-1", "pool": "cluster", "capacity": { "cpu_milli": 3000 },
            "properties": { "agent": 1 } });
        let node = admin.post("/v1/nodes", &node).await?.id()?;
        let key = json!({ "name": "worker-1", "scopes": ["market:read", "nodes:work"] });
        let key = operator.post("/v1/api_keys", &key).await?.ok()?;
        let secret = key["secret"].as_str().context("a secret")?.to_owned();
        let price = json!({ "resource": "cpu_milli", "price": "0.0005",
            "effective_at": Rhythm::of(&admin).await?.window(1, 1)["start_at"] });
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        let route = "/v1/pools/cluster/reserve_prices";
        admin.send("POST", route, &headers, Some(price.to_string().into_bytes())).await?.ok()?;
        admin.advance(2).await?;
        Ok(Self { fake, server, node, secret, kubeconfig, _folder: folder })
    }

    /// Its key is in a file, as where a cluster mounts it.
    fn agent(&self) -> anyhow::Result<Agent> {
        let file = self._folder.path().join("worker-1");
        std::fs::write(&file, format!("{}\n", self.secret))?;
        let mut agent = Command::new(binary()?);
        agent
            .args(["work", "--server", &self.server.url, "--node", "worker-1", "--kubernetes", "--key-file"])
            .arg(file);
        agent.env("KUBECONFIG", &self.kubeconfig).env_remove("HEADROOM_KEY");
        Ok(Agent(agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// What the agent lists, once it is heard.
    async fn candidates(&self, api: &Api) -> anyhow::Result<Reply> {
        let path = format!("/v1/nodes/{}/candidates", self.node);
        let mut listed = api.get(&path).await?;
        for _ in 0..100 {
            if listed.is_success() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            listed = api.get(&path).await?;
        }
        Ok(listed)
    }

    fn asked(&self, changes: Value) -> anyhow::Result<Value> {
        let owner = self.server.participant("tenant", 0)?;
        let mut body = json!({ "pod": "web", "participant": owner, "name": "web", "baseline": { "cpu_milli": 1000 } });
        changes.as_object().into_iter().flatten().for_each(|(name, value)| body[name] = value.clone());
        Ok(body)
    }
}

/// The documents of the manifest that the quickstart gives to a cluster, by kind.
fn manifest() -> anyhow::Result<BTreeMap<String, Value>> {
    let text = blocks("quickstart-kubernetes.md", "yaml")?.pop().context("a manifest")?;
    let read = |one: &str| -> anyhow::Result<(String, Value)> {
        let document: Value = serde_saphyr::from_str(one).with_context(|| one.to_owned())?;
        Ok((document["kind"].as_str().context("a kind")?.to_owned(), document))
    };
    text.split("\n---\n").map(read).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What a Role allows, as the fake notes it.
fn allowed(role: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let named = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
                all.extend(texts(&rule["verbs"]).into_iter().map(|verb| format!("{verb} {named}")));
            }
        }
    }
    all
}

#[test]
fn the_quickstarts_manifest_names_what_is_there() -> anyhow::Result<()> {
    let all = manifest()?;
    let kinds: Vec<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["DaemonSet", "Role", "RoleBinding", "ServiceAccount"]);
    let account = &all["ServiceAccount"]["metadata"];
    let pod = &all["DaemonSet"]["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], account["name"]);
    let subject = &all["RoleBinding"]["subjects"][0];
    assert_eq!((&subject["name"], &subject["namespace"]), (&account["name"], &account["namespace"]));
    assert_eq!(all["RoleBinding"]["roleRef"]["name"], all["Role"]["metadata"]["name"]);
    let help = Command::new(binary()?).args(["work", "--help"]).output()?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let arguments = pod["containers"][0]["args"].as_array().context("arguments")?;
    assert_eq!(arguments[0], "work");
    for flag in arguments.iter().filter_map(Value::as_str).filter(|argument| argument.starts_with("--")) {
        assert!(help.contains(&format!("{flag} ")), "{flag} is no flag of headroom work");
    }
    let mounted = &pod["containers"][0]["volumeMounts"][0];
    assert_eq!((&mounted["name"], &mounted["mountPath"]), (&pod["volumes"][0]["name"], &json!("/keys")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_won_bid_is_cpu_of_a_running_pod() -> anyhow::Result<()> {
    let market = Market::start().await?;
    let (fake, server) = (&market.fake, &market.server);
    let (admin, operator, tenant) = (server.api("admin")?, server.api("operator")?, server.api("tenant")?);
    let agent = market.agent()?;
    let listed = market.candidates(&operator).await?.ok()?;
    let found = &listed["data"][0];
    assert_eq!((&found["kind"], &found["pod"], &found["limit_milli"]), (&json!("pod"), &json!("web"), &json!(1000)));
    assert_eq!(found["proposed"]["baseline"]["cpu_milli"], 1000, "use is unknown: its limit");
    let adoptions = format!("/v1/nodes/{}/adoptions", market.node);
    let made = operator.post(&adoptions, &market.asked(json!({}))?).await?.ok()?;
    assert_eq!((&made["driver"], &made["adopted"]["name"]), (&json!("kubernetes"), &json!("web")), "{made}");
    let id = made["id"].as_str().unwrap_or_default();
    assert_eq!(operator.post(&adoptions, &market.asked(json!({}))?).await?.code(), "already_adopted");

    let window = Rhythm::of(&admin).await?.window(1, 1);
    let bid = json!({ "instance": id, "window": window, "min_fill": "1", "resources": { "cpu_milli": 1500 },
        "pools": [{ "pool": "cluster" }], "limit": "50" });
    let order = tenant.post_with_key("/v1/bids", "bid", &bid).await?.id()?;
    let mut seen = vec![in_force(fake)];
    for _ in 0..60 {
        admin.advance(5).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = in_force(fake);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        if seen.len() == 3 {
            break;
        }
    }
    assert_eq!(seen, ["500m of 1", "1250m of 2500m", "500m of 1000m"], "read in the cluster");
    for _ in 0..12 {
        admin.advance(5).await?;
    }
    let receipts = tenant.list("/v1/receipts").await?;
    let receipt = receipts.iter().find(|r| r["order"] == order.as_str()).context("it is settled")?;
    let delivered = receipt["lines"][0]["delivered"].as_i64().unwrap_or(0);
    ensure!(delivered > 0 && delivered <= 1500, "{receipt}");

    // An agent that starts again lets go of what was stopped while it was away.
    drop(agent);
    tenant.act(&format!("/v1/instances/{id}/stop")).await?.ok()?;
    admin.advance(5).await?;
    let marked =
        || fake.pod("default", "web").is_some_and(|pod| pod["metadata"]["annotations"]["headroom/adopted"].is_string());
    assert!(marked(), "nobody was there to let it go");
    let _agent = market.agent()?;
    for _ in 0..100 {
        if !marked() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!marked(), "its mark is gone");
    assert_eq!(in_force(fake), "500m of 1000m");
    assert_eq!(
        fake.world().used["agent"],
        allowed(&manifest()?["Role"]),
        "the quickstart allows what was needed, and no more"
    );
    healthy(&market.server.stop().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adoption_of_a_pod_is_refused_with_the_reason() -> anyhow::Result<()> {
    let market = Market::start().await?;
    let operator = market.server.api("operator")?;
    let two = json!([{ "name": "app", "image": "x", "resources": { "limits": { "cpu": "1" } } },
        { "name": "sidecar", "image": "x" }]);
    let pair = json!({ "metadata": { "name": "pair" }, "spec": { "containers": two } });
    market.fake.world().create("default", pair).map_err(|refused| anyhow::anyhow!(refused.message))?;
    let _agent = market.agent()?;
    market.candidates(&operator).await?.ok()?;
    for (changes, status, code, pointer) in [
        (json!({ "pod": "gone" }), 422, "candidate_not_found", "/pod"),
        (json!({ "pod": "pair" }), 422, "candidate_not_found", "/container"),
        (json!({ "pod": "pair", "container": "gone" }), 422, "candidate_not_found", "/pod"),
        (json!({ "pod": "pair", "container": "sidecar" }), 422, "pod_not_adoptable", "/pod"),
        (json!({ "pod": "" }), 422, "name_out_of_range", "/pod"),
        (json!({ "pid": 7 }), 422, "one_of_two", "/pod"),
        (json!({ "pod": null, "pid": 7, "container": "app" }), 422, "one_of_two", "/container"),
        (json!({ "floor": { "cpu_milli": 5 } }), 422, "floor_below_driver", "/floor/cpu_milli"),
        (json!({ "baseline": { "cpu_milli": 100, "mem_mib": 64 } }), 422, "resource_not_enforced", "/baseline/mem_mib"),
    ] {
        let asked = market.asked(changes)?;
        let refused = operator.post(&format!("/v1/nodes/{}/adoptions", market.node), &asked).await?;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{}", refused.text);
        assert_eq!(refused.pointers(), [pointer], "{}", refused.text);
    }
    assert_eq!(in_force(&market.fake), "500m of 1", "left as it was");
    healthy(&market.server.stop().await?).await
}
