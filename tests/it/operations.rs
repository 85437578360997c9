//! Every operation of the API with a request that its owner could send: what `bad_input` spoils
//! and `roles` sends as everybody. A route that is missing here fails both.
use crate::common::Sim;
use anyhow::Context;
use headroom_tests::orders::Rhythm;
use headroom_tests::time;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One operation of the OpenAPI document.
#[derive(Clone, Debug)]
pub struct Operation {
    pub id: String,
    pub method: String,
    /// With `{names}`.
    pub template: String,
    pub document: Value,
}

impl Operation {
    /// Open to everybody.
    pub fn is_public(&self) -> bool {
        self.document["security"]
            .as_array()
            .is_some_and(|s| s.iter().any(|r| r.as_object().is_some_and(serde_json::Map::is_empty)))
    }
    pub fn parameters(&self, kind: &str) -> Vec<String> {
        let all = self.document["parameters"].as_array().into_iter().flatten();
        all.filter(|p| p["in"] == kind).filter_map(|p| p["name"].as_str().map(str::to_owned)).collect()
    }
    pub fn has_json_body(&self) -> bool {
        self.document["requestBody"]["content"]["application/json"].is_object()
    }
}

/// The whole document and its operations.
pub async fn operations(sim: &Sim) -> anyhow::Result<(Value, Vec<Operation>)> {
    let document = sim.server.nobody().get("/openapi.json").await?.ok()?;
    let mut all = Vec::new();
    for (template, methods) in document["paths"].as_object().context("paths")? {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            all.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase(),
                template: template.clone(),
                document: operation.clone(),
            });
        }
    }
    Ok((document, all))
}

/// A request that is right in form; what it names exists where a name is here.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Role whose request it is.
    pub role: &'static str,
    pub path: String,
    pub body: Option<Value>,
    pub if_match: bool,
}

/// What the demo holds that samples name.
pub struct Names {
    pub bid: String,
    pub offer: String,
    pub instance: String,
    pub module: String,
    pub node: String,
    pub participant: String,
    pub swap: String,
    pub hint: String,
    pub profile: String,
    pub window: Value,
    pub later: String,
}

/// The first id of a list.
async fn first(sim: &Sim, role: &str, path: &str) -> anyhow::Result<String> {
    let list = sim.api(role)?.get(path).await?.ok()?;
    Ok(list["data"][0]["id"].as_str().with_context(|| format!("{path} is empty"))?.to_owned())
}

impl Names {
    /// Everything belongs to the demo's tenant.
    pub async fn of(sim: &Sim) -> anyhow::Result<Names> {
        let tenant = sim.api("tenant")?;
        let rhythm = Rhythm::of(&tenant).await?;
        let (window, later) = (rhythm.late_window(), time::rfc3339(rhythm.now + 1800));
        let instances = tenant.get("/v1/instances").await?.ok()?;
        let of_pool = instances["data"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|i| i["pool"] == "fra1-gp")
            .cloned()
            .unwrap_or_default();
        let instance = of_pool["id"].as_str().context("the tenant has no workload in fra1-gp")?.to_owned();
        let order = order(&instance, &window);
        let bid = tenant.post_with_key("/v1/bids", "names-bid", &order).await?.id()?;
        let offer = tenant.post_with_key("/v1/offers", "names-offer", &as_offer(&order)).await?.id()?;
        let hint = tenant
            .post(
                "/v1/allocation_hints",
                &json!({ "instance": instance, "expires_at": later, "expected_demand": { "cpu_milli": 100 } }),
            )
            .await?
            .id()?;
        let profile = tenant.post("/v1/application_profiles", &profile(&instance)).await?.id()?;
        // Well formed, and of nobody.
        let swap = "swp_01m7w6c380fh08zv3bjp1wmpmd".to_owned();
        Ok(Names {
            bid,
            offer,
            hint,
            profile,
            swap,
            window,
            later,
            module: first(sim, "tenant", "/v1/modules").await?,
            node: first(sim, "admin", "/v1/nodes").await?,
            participant: sim.server.participant("tenant", 0)?,
            instance,
        })
    }
}

/// The same order as an offer of another resource: nobody trades with itself.
fn as_offer(order: &Value) -> Value {
    let mut offer = order.clone();
    offer["resources"] = json!({ "mem_mib": 10 });
    offer
}

fn order(instance: &str, window: &Value) -> Value {
    json!({
        "instance": instance, "window": window, "latest_start_at": null, "replicas": 1,
        "resources": { "cpu_milli": 10 }, "pools": [{ "pool": "fra1-gp", "adder": "0" }],
        "assurance": "firm", "limit": "0.000100", "min_fill": "0", "time_in_force": "gtc", "expires_at": null,
        "resell": "own_limit", "project": null, "no_displacement": false, "min_run_slots": 0,
        "class": "standard",
    })
}

fn profile(instance: &str) -> Value {
    json!({ "name": "web", "instances": [instance], "typical": { "cpu_milli": 100 }, "peak": { "cpu_milli": 200 } })
}

/// A request for every operation.
pub fn samples(names: &Names) -> BTreeMap<&'static str, Sample> {
    let n = names;
    let order = order(&n.instance, &n.window);
    let reserve = json!({ "resource": "cpu_milli", "price": "0.000900", "steps": [], "effective_at": n.later });
    let resources = json!({ "cpu_milli": 100, "mem_mib": 100 });
    let simulated = json!({
        "resource": "cpu_milli", "price": "0.000900", "steps": [], "effective_at": n.later, "rounds": 2, "last_round": 1,
        "elasticity": { "low": "0.2", "high": "1" },
    });
    // Well formed, and of nobody.
    let decided = |verdict: &str| format!("/pools/fra1-hp/reserve_prices/rsv_01m7w6c380fh08zv3bjp1wmpmd/{verdict}");
    let mut all = BTreeMap::new();
    let mut add = |id: &'static str, role: &'static str, path: &str, body: Option<Value>| {
        let if_match = matches!(
            id,
            "scheduleReservePrice"
                | "replaceProfile"
                | "approveReservePrice"
                | "rejectReservePrice"
                | "withdrawReservePrice"
                | "putStrategy"
                | "setMovesAtOnce"
                | "setMoveApproval"
                | "setShortageCost"
        );
        all.insert(id, Sample { role, path: format!("/v1{path}"), body, if_match });
    };
    for (id, path) in [
        ("getAbout", "/about"),
        ("getMe", "/me"),
        ("listApiKeys", "/api_keys"),
        ("listModules", "/modules"),
        ("listInstances", "/instances"),
        ("listHints", "/allocation_hints"),
        ("listProfiles", "/application_profiles"),
        ("listAllocations", "/allocations"),
        ("listAwards", "/awards"),
        ("listReceipts", "/receipts"),
        ("listDisputes", "/disputes"),
        ("listAuditEvents", "/audit_events"),
        ("getBalance", "/balance"),
        ("listBids", "/bids"),
        ("listOffers", "/offers"),
        ("listProjects", "/projects"),
        ("streamEvents", "/events"),
        ("getStatement", "/statements"),
        ("exportStatement", "/statements.csv"),
        ("listForecasts", "/forecasts/accuracy"),
        ("listNodes", "/nodes"),
        ("listParticipants", "/participants"),
        ("listUsers", "/users"),
        ("listPools", "/pools"),
        ("getPool", "/pools/fra1-gp"),
        ("getPoolSettings", "/pools/fra1-gp/settings"),
        ("getPoolBook", "/pools/fra1-gp/book?resource=cpu_milli"),
        ("listPoolPrices", "/pools/fra1-gp/prices?resource=cpu_milli"),
        ("listReservePrices", "/pools/fra1-gp/reserve_prices"),
        ("listRounds", "/rounds"),
        ("getRound", "/rounds/1"),
        ("getRoundExternality", "/rounds/1/externality"),
        ("getRoundResult", "/rounds/1/result"),
        ("getRoundProof", "/rounds/1/proof"),
        ("listSwaps", "/swaps"),
        ("getSwapHistory", "/swap_history"),
        ("getPrediction", "/prediction?pool=fra1-gp"),
        ("listBottlenecks", "/bottlenecks"),
    ] {
        add(id, "tenant", path, None);
    }
    for (id, path) in [
        ("getBid", format!("/bids/{}", n.bid)),
        ("explainBid", format!("/bids/{}/explain", n.bid)),
        ("getBidByClientId", "/bids/by_client_id/none".to_owned()),
        ("cancelBidByClientId", "/bids/by_client_id/none".to_owned()),
        ("getOffer", format!("/offers/{}", n.offer)),
        ("explainOffer", format!("/offers/{}/explain", n.offer)),
        ("getOfferByClientId", "/offers/by_client_id/none".to_owned()),
        ("cancelOfferByClientId", "/offers/by_client_id/none".to_owned()),
        ("cancelBid", format!("/bids/{}", n.bid)),
        ("cancelOffer", format!("/offers/{}", n.offer)),
        ("getInstance", format!("/instances/{}", n.instance)),
        ("getStrategy", format!("/instances/{}/strategy", n.instance)),
        ("getInstanceMetrics", format!("/instances/{}/metrics", n.instance)),
        ("getServiceLevel", format!("/instances/{}/service_level", n.instance)),
        ("getRelocation", format!("/instances/{}/relocation", n.instance)),
        ("listDrawable", format!("/instances/{}/draws", n.instance)),
        ("getHint", format!("/allocation_hints/{}", n.hint)),
        ("withdrawHint", format!("/allocation_hints/{}", n.hint)),
        ("getProfile", format!("/application_profiles/{}", n.profile)),
        ("getSwap", format!("/swaps/{}", n.swap)),
        ("explainSwap", format!("/swaps/{}/explain", n.swap)),
        ("getSwapDifferences", format!("/swaps/{}/diffs", n.swap)),
        ("getDispute", "/disputes/dsp_01m7w6c380fh08zv3bjp1wmpmd".to_owned()),
        ("listDisputeSwaps", "/disputes/dsp_01m7w6c380fh08zv3bjp1wmpmd/swaps".to_owned()),
        ("withdrawDispute", "/disputes/dsp_01m7w6c380fh08zv3bjp1wmpmd/withdraw".to_owned()),
        ("getProject", "/projects/none".to_owned()),
        ("deleteProject", "/projects/none".to_owned()),
        ("revokeApiKey", "/api_keys/key_01m7w6c380fh08zv3bjp1wmpmd".to_owned()),
        ("stopInstance", "/instances/ins_01m7w6c380fh08zv3bjp1wmpmd/stop".to_owned()),
        ("restartInstance", "/instances/ins_01m7w6c380fh08zv3bjp1wmpmd/restart".to_owned()),
        ("uploadModule", "/modules?name=tests".to_owned()),
        ("cancelAll", "/bids/cancel_all".to_owned()),
        ("logout", "/auth/logout".to_owned()),
        ("refreshSession", "/auth/refresh".to_owned()),
    ] {
        add(id, "tenant", &path, None);
    }
    for (id, path) in [
        ("getRoundAudit", "/rounds/1/audit".to_owned()),
        ("exportLedger", "/finance/ledger.csv".to_owned()),
        ("getFinanceSummary", "/finance/summary".to_owned()),
        ("resumePool", "/pools/ams1-lp/resume".to_owned()),
        ("openRecallable", "/pools/fra1-gp/recallable".to_owned()),
        ("cordonNode", "/nodes/nod_01m7w6c380fh08zv3bjp1wmpmd/cordon".to_owned()),
        ("drainNode", "/nodes/nod_01m7w6c380fh08zv3bjp1wmpmd/drain".to_owned()),
        ("uncordonNode", "/nodes/nod_01m7w6c380fh08zv3bjp1wmpmd/uncordon".to_owned()),
        ("listCandidates", "/nodes/nod_01m7w6c380fh08zv3bjp1wmpmd/candidates".to_owned()),
        ("approveReservePrice", decided("approve")),
        ("withdrawReservePrice", decided("withdraw")),
    ] {
        add(id, "admin", &path, None);
    }
    let instance = json!({
        "name": "tests", "driver": "wasm", "module": n.module, "pool": "fra1-gp", "baseline": resources, "floor": { "cpu_milli": 10 },
        "limit": resources, "class": "standard",
    });
    let prices = json!({ "cpu_milli": "0.001000" });
    let strategy = json!({ "auto_bid": { "shortage_cost": prices, "promised_service_level": "0.95" }, "auto_offer": { "minimum_price": prices } });
    for (id, path, body) in [
        ("placeBid", "/bids".to_owned(), order.clone()),
        ("placeOffer", "/offers".to_owned(), as_offer(&order)),
        ("previewBid", "/bids/preview".to_owned(), order.clone()),
        ("previewOffer", "/offers/preview".to_owned(), as_offer(&order)),
        ("previewServiceLevel", format!("/instances/{}/service_level", n.instance), strategy.clone()),
        ("replaceBid", format!("/bids/{}", n.bid), order.clone()),
        ("replaceOffer", format!("/offers/{}", n.offer), as_offer(&order)),
        (
            "createHint",
            "/allocation_hints".to_owned(),
            json!({ "instance": n.instance, "expected_demand": resources, "avoid_nodes": [n.node], "starts_at": null, "expires_at": n.later, "source": "tests" }),
        ),
        ("createProfile", "/application_profiles".to_owned(), profile(&n.instance)),
        ("replaceProfile", format!("/application_profiles/{}", n.profile), profile(&n.instance)),
        (
            "createApiKey",
            "/api_keys".to_owned(),
            json!({ "name": "tests", "scopes": ["market:read"], "expires_at": n.later }),
        ),
        ("registerInstance", "/instances".to_owned(), instance),
        ("putProject", "/projects/tests".to_owned(), json!({ "limit": "1.000000" })),
        (
            "openDispute",
            "/disputes".to_owned(),
            json!({ "receipt": "rcp_01m7w6c380fh08zv3bjp1wmpmd", "reason": "tests", "claimed": "0.100000" }),
        ),
        ("putStrategy", format!("/instances/{}/strategy", n.instance), strategy),
        ("drillInstance", format!("/instances/{}/drill", n.instance), json!({ "at_end": "shrink" })),
        (
            "recallLent",
            format!("/instances/{}/recall", n.instance),
            json!({ "resource": "cpu_milli", "quantity": 1, "slot": null }),
        ),
        (
            "draw",
            format!("/instances/{}/draws", n.instance),
            json!({ "resource": "cpu_milli", "quantity": 1, "highest_price": "0.000000001" }),
        ),
        (
            "requestSwap",
            "/swap_request".to_owned(),
            json!({ "instance_id": n.instance, "desired_performance_improvement": 10.0, "cost_reduction_target": null,
                "constraints": { "max_cost": "1.000000", "keep_pool": true, "keep_node": false, "latest": n.later } }),
        ),
        (
            "login",
            "/auth/login".to_owned(),
            json!({ "email": "nobody@example.org", "password": "not-a-password", "participant": null }),
        ),
        ("advanceClock", "/sandbox/clock/advance".to_owned(), json!({ "seconds": 0 })),
    ] {
        add(id, "tenant", &path, Some(body));
    }
    for (id, path, body) in [
        ("createParticipant", "/participants".to_owned(), json!({ "name": "Tests", "quota": resources })),
        (
            "putQuota",
            format!("/participants/{}/quota", n.participant),
            json!({ "quota": { "cpu_milli": 40000, "mem_mib": 40000 } }),
        ),
        ("grantCredits", format!("/participants/{}/grants", n.participant), json!({ "amount": "1.000000" })),
        (
            "createUser",
            "/users".to_owned(),
            json!({ "email": "tests@example.org", "name": "Tests", "password": "long-enough-1", "memberships": [{ "participant": n.participant, "role": "bidder" }] }),
        ),
        (
            "createPool",
            "/pools".to_owned(),
            json!({ "slug": "tests-gp", "name": "Tests", "pop": "tests", "tier": "general_purpose", "resources": ["cpu_milli", "mem_mib"], "release_start": "0.4" }),
        ),
        (
            "createNode",
            "/nodes".to_owned(),
            json!({ "name": "tests-a", "pool": "fra1-gp", "capacity": resources, "properties": { "model": 1 } }),
        ),
        (
            "adopt",
            "/nodes/nod_01m7w6c380fh08zv3bjp1wmpmd/adoptions".to_owned(),
            json!({ "pid": 1, "participant": n.participant, "name": "tests", "baseline": { "cpu_milli": 100 } }),
        ),
        ("haltPool", "/pools/ams1-lp/halt".to_owned(), json!({ "reason": "tests" })),
        ("setMoveApproval", "/pools/fra1-hp/move_approval".to_owned(), json!({ "required": true })),
        ("setMovesAtOnce", "/pools/fra1-gp/moves_at_once".to_owned(), json!({ "moves_at_once": 8 })),
        (
            "setShortageCost",
            "/pools/fra1-gp/shortage_cost".to_owned(),
            json!({ "shortage_cost": { "cpu_milli": "0.001" } }),
        ),
        ("scheduleReservePrice", "/pools/fra1-hp/reserve_prices".to_owned(), reserve),
        ("simulateReservePrice", "/pools/fra1-hp/reserve_prices/simulate".to_owned(), simulated),
        ("rejectReservePrice", decided("reject"), json!({ "reason": "tests" })),
        (
            "decideDispute",
            "/disputes/dsp_01m7w6c380fh08zv3bjp1wmpmd/decide".to_owned(),
            json!({ "note": "0.000000", "reason": "tests" }),
        ),
        (
            "putBaseline",
            format!("/instances/{}/baseline", n.instance),
            json!({ "baseline": resources, "floor": { "cpu_milli": 10 } }),
        ),
    ] {
        add(id, "admin", &path, Some(body));
    }
    // The concept's three routes also answer without /v1.
    for (id, without) in [
        ("getPrediction", "getPredictionUnprefixed"),
        ("getSwapHistory", "getSwapHistoryUnprefixed"),
        ("requestSwap", "requestSwapUnprefixed"),
    ] {
        let mut sample = all[id].clone();
        sample.path = sample.path.trim_start_matches("/v1").to_owned();
        all.insert(without, sample);
    }
    let mut add = |id: &'static str, role: &'static str, path: &str, body: Option<Value>| {
        all.insert(id, Sample { role, path: format!("/v1{path}"), body, if_match: false });
    };
    for (id, verb) in [("cancelSwap", "cancel"), ("approveSwap", "approve"), ("rejectSwap", "reject")] {
        add(id, "operator", &format!("/swaps/{}/{verb}", n.swap), Some(json!({ "reason": "tests" })));
    }
    let beat = json!({ "version": "0.2.0", "boot": "b", "carried_out": 0, "workloads": [] });
    add("heartbeat", "operator", "/nodes/nod_01m7w6c380fh08zv3bjp1wmpmd/heartbeat", Some(beat));
    all
}

/// Operations without a sample, and samples without an operation.
pub fn unknown(operations: &[Operation], samples: &BTreeMap<&'static str, Sample>) -> Vec<String> {
    let ids: Vec<&str> = operations.iter().map(|o| o.id.as_str()).collect();
    let missing =
        ids.iter().filter(|id| !samples.contains_key(*id)).map(|id| format!("{id} has no sample in operations.rs"));
    let gone = samples.keys().filter(|id| !ids.contains(id)).map(|id| format!("the sample {id} has no operation"));
    missing.chain(gone).collect()
}

/// Sends a sample, as it is or with another body.
pub async fn send(
    api: &headroom_tests::Api,
    operation: &Operation,
    sample: &Sample,
    path: &str,
    body: Option<Vec<u8>>,
    extra: &[(&str, &str)],
) -> anyhow::Result<headroom_tests::Reply> {
    let key = headroom_tests::unique("operation");
    let mut headers: Vec<(&str, &str)> = Vec::new();
    let has = |name: &str| extra.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    if !has("idempotency-key") {
        headers.push(("idempotency-key", &key));
    }
    if body.is_some() && !has("content-type") {
        headers.push(("content-type", "application/json"));
    }
    if sample.if_match && !has("if-match") {
        headers.push(("if-match", "\"1\""));
    }
    headers.extend_from_slice(extra);
    api.send(&operation.method, path, &headers, body).await
}
