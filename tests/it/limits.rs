//! What one client may take, what an admin grants, and what is refused rather than ignored.
use crate::common::Sim;
use anyhow::{Context, ensure};
use headroom_tests::orders::Rhythm;
use headroom_tests::{Reply, time, unique};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::time::Duration;

fn refused(reply: &Reply, status: u16, code: &str, pointer: &str) -> anyhow::Result<()> {
    let pointers: Vec<String> = if pointer.is_empty() { Vec::new() } else { vec![pointer.to_owned()] };
    ensure!(
        (reply.status, reply.code().as_str()) == (status, code) && reply.pointers() == pointers,
        "{status} {code} at {pointer:?} expected: {} {}",
        reply.status,
        reply.text
    );
    Ok(())
}

#[tokio::test]
async fn orders_name_the_field_that_is_not_used() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, admin) = (sim.trader("10").await?, sim.api("admin")?);
    let rhythm = Rhythm::of(&admin).await?;
    let good = sim.bid(100, "0.0001").await?;
    let with = |name: &str, value: Value| {
        let mut bid = good.clone();
        bid[name] = value;
        bid
    };
    let off = |seconds: i64| json!(time::rfc3339(rhythm.first_open() + seconds));
    let half = json!({ "start_at": off(30), "end_at": off(90) });
    for (bid, code, pointer) in [
        (with("project", json!("p")), "unknown_project", "/project"),
        (with("expires_at", off(3600)), "expiry_not_used", "/expires_at"),
        (with("class", json!("critical")), "class_not_allowed", "/class"),
        (with("client_bid_id", json!("")), "client_id_out_of_range", "/client_bid_id"),
        (with("client_bid_id", json!("a\u{0}b")), "client_id_out_of_range", "/client_bid_id"),
        (with("resources", json!({ "cpu_milli": 0 })), "quantity_out_of_range", "/resources/cpu_milli"),
        (with("latest_start_at", off(rhythm.slot_seconds * 5 + 30)), "window_not_on_slots", "/latest_start_at"),
        (with("window", half), "window_not_on_slots", "/window/start_at"),
    ] {
        refused(&api.post_with_key("/v1/bids", &unique("limits"), &bid).await?, 422, code, pointer)?;
        refused(&api.post("/v1/bids/preview", &bid).await?, 422, code, pointer)?;
    }
    // Where several fields are wrong each is named; the code is that of the first.
    let mut wrong = good.clone();
    for (name, value) in [("limit", json!("-1")), ("min_fill", json!("3")), ("replicas", json!(0))] {
        wrong[name] = value;
    }
    (wrong["resources"], wrong["pools"]) = (json!({ "cpu_milli": -1 }), json!([{ "pool": "zz" }]));
    let all = ["/replicas", "/limit", "/min_fill", "/pools/0/pool", "/resources/cpu_milli"];
    for reply in
        [api.post_with_key("/v1/bids", &unique("limits"), &wrong).await?, api.post("/v1/bids/preview", &wrong).await?]
    {
        ensure!((reply.status, reply.code().as_str()) == (422, "replicas_out_of_range"), "{}", reply.text);
        ensure!(reply.is_problem() && reply.pointers() == all, "{}", reply.text);
        let errors = reply.json()["errors"].clone();
        ensure!(errors[1]["code"] == "limit_out_of_range" && errors[3]["code"] == "unknown_pool", "{errors}");
    }
    // An admin grants the class; then the tie-breaker is the participant's to use.
    let participant = api.get("/v1/me").await?.ok()?["participant"]["id"].as_str().context("id")?.to_owned();
    let path = format!("/v1/participants/{participant}/quota");
    refused(&admin.put(&path, &json!({})).await?, 422, "nothing_to_change", "/quota")?;
    let quota = json!({ "quota": { "cpu_milli": 7 }, "instance_limit": 3 });
    admin.put(&path, &quota).await?.ok()?;
    // What the body leaves out stays as it is.
    let granted = admin.put(&path, &json!({ "highest_class": "critical" })).await?.ok()?;
    let kept = json!([granted["quota"], granted["instance_limit"], granted["highest_class"]]);
    assert_eq!(kept, json!([{ "cpu_milli": 7 }, 3, "critical"]));
    // One that is too large is told what is the most.
    let large = admin.put(&path, &json!({ "instance_limit": 10_000_000_000_u64 })).await?;
    ensure!(large.status == 422 && large.text.contains("at most 4294967295"), "{}", large.text);
    api.post_with_key("/v1/bids", "critical", &with("class", json!("critical"))).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn workloads_and_hints_name_what_is_not_used() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, admin) = (sim.trader("10").await?, sim.api("admin")?);
    let participant = api.get("/v1/me").await?.ok()?["participant"]["id"].as_str().context("id")?.to_owned();
    let quota = json!({ "quota": { "cpu_milli": 100, "mem_mib": 100 }, "instance_limit": 2 });
    admin.put(&format!("/v1/participants/{participant}/quota"), &quota).await?.ok()?;
    let module = api.get("/v1/modules").await?.ok()?["data"][0]["id"].clone();
    let body =
        json!({ "name": "w", "module": module, "pool": "ams1-lp", "baseline": { "cpu_milli": 1, "mem_mib": 1 } });
    let with = |name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    let other = |pools: &[&str]| json!({ "move_to": pools });
    let dear = json!({ "auto_offer": { "minimum_price": { "cpu_milli": "2" } } });
    let fee = |fee: &str| json!({ "move_fee": fee });
    let change = |most: i64| json!({ "max_swap": { "cpu_milli": most } });
    for (body, code, pointer) in [
        (with("class", json!("critical")), "class_not_allowed", "/class"),
        (with("strategy", other(&["nope"])), "unknown_pool", "/strategy/move_to/0"),
        (with("strategy", other(&["fra1-gp"; 9])), "too_many_pools", "/strategy/move_to"),
        (with("strategy", dear), "price_out_of_range", "/strategy/auto_offer/minimum_price/cpu_milli"),
        (with("strategy", fee("-0.000001")), "move_fee_out_of_range", "/strategy/move_fee"),
        (with("strategy", fee("1000000.000001")), "move_fee_out_of_range", "/strategy/move_fee"),
        (with("strategy", json!({ "notice_seconds": 86_401 })), "notice_out_of_range", "/strategy/notice_seconds"),
        (with("strategy", change(-1)), "quantity_out_of_range", "/strategy/max_swap/cpu_milli"),
        (with("strategy", change(1_000_000_001)), "quantity_out_of_range", "/strategy/max_swap/cpu_milli"),
        (
            with("strategy", json!({ "max_swap": { "gpu_milli": 1 } })),
            "resource_not_in_pool",
            "/strategy/max_swap/gpu_milli",
        ),
    ] {
        refused(&api.post("/v1/instances", &body).await?, 422, code, pointer)?;
    }
    let first = api.post("/v1/instances", &body).await?.id()?;
    api.post("/v1/instances", &body).await?.ok()?;
    refused(&api.post("/v1/instances", &body).await?, 409, "too_many_instances", "")?;
    api.act(&format!("/v1/instances/{first}/stop")).await?.ok()?;
    let second = api.post("/v1/instances", &body).await?.id()?;
    let empty = json!({ "instance": second, "expires_at": "2026-11-20T11:00:00Z" });
    refused(&api.post("/v1/allocation_hints", &empty).await?, 422, "hint_empty", "/expected_demand")?;
    let hint =
        json!({ "instance": second, "expected_demand": { "cpu_milli": 1 }, "expires_at": "2099-11-20T11:00:00Z" });
    let mut hints = Vec::new();
    for _ in 0..200 {
        hints.push(api.post("/v1/allocation_hints", &hint).await?.id()?);
    }
    refused(&api.post("/v1/allocation_hints", &hint).await?, 409, "too_many_hints", "")?;
    for hint in hints[..1].iter().chain(&hints[..1]) {
        let withdrawn = api.send("DELETE", &format!("/v1/allocation_hints/{hint}"), &[], None).await?.ok()?;
        ensure!(withdrawn["withdrawn_at"].is_string(), "{withdrawn}");
    }
    api.post("/v1/allocation_hints", &hint).await?.ok()?;
    let mut profile = json!({ "name": "p", "instances": [second, second], "typical": {}, "peak": {} });
    refused(&api.post("/v1/application_profiles", &profile).await?, 422, "duplicate", "/instances/1")?;
    profile["instances"] = json!([]);
    for _ in 0..100 {
        api.post("/v1/application_profiles", &profile).await?.ok()?;
    }
    refused(&api.post("/v1/application_profiles", &profile).await?, 409, "too_many_profiles", "")?;
    let text = api.send("POST", "/v1/modules?name=w", &[], Some(b"(module\n (func (nonsense)))".to_vec())).await?;
    ensure!((text.status, text.code().as_str()) == (422, "module_refused"), "{}", text.text);
    assert!(!text.json()["detail"].as_str().unwrap_or("\n").contains('\n'), "one line: {}", text.text);
    Ok(())
}

#[tokio::test]
async fn an_admins_slips_are_refused() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    for quota in [-1, i64::MIN, i64::MAX] {
        let body = json!({ "name": "P", "quota": { "cpu_milli": quota } });
        refused(&admin.post("/v1/participants", &body).await?, 422, "quantity_out_of_range", "/quota/cpu_milli")?;
    }
    let pool = json!({ "slug": "q", "name": "Q", "pop": "q", "tier": "low_priority", "resources": ["cpu_milli", "cpu_milli"] });
    refused(&admin.post("/v1/pools", &pool).await?, 422, "resource_repeated", "/resources/1")?;
    let node = |name: &str, resource: &str| json!({ "name": name, "pool": "fra1-gp", "capacity": { resource: 1 } });
    refused(&admin.post("/v1/nodes", &node("fra1-gp-a", "cpu_milli")).await?, 409, "duplicate_name", "/name")?;
    // The nodes' driver limits and meters CPU and memory: nobody can sell anything else.
    for (index, resource) in ["gpu_milli", "storage_gib", "io_mbps", "net_mbps"].into_iter().enumerate() {
        let at = format!("/capacity/{resource}");
        refused(&admin.post("/v1/nodes", &node("new", resource)).await?, 422, "resource_not_enforced", &at)?;
        let mut pool =
            json!({ "slug": "p", "name": "P", "pop": "p", "tier": "low_priority", "resources": ["cpu_milli"] });
        pool["resources"].as_array_mut().context("a list")?.insert(index % 2, json!(resource));
        let at = format!("/resources/{}", index % 2);
        refused(&admin.post("/v1/pools", &pool).await?, 422, "resource_not_enforced", &at)?;
    }
    for capacity in [json!({}), json!({ "cpu_milli": 0 })] {
        let node = json!({ "name": "half", "pool": "fra1-gp", "capacity": capacity });
        refused(&admin.post("/v1/nodes", &node).await?, 422, "capacity_empty", "/capacity")?;
    }
    // Names that look like another one.
    for name in
        ["Two  spaces", " before", "after ", "tab\tbed", "turned\u{202e}gnp.exe", "no\u{200b}width", "Gen\u{43e}mics"]
    {
        let reply = admin.post("/v1/participants", &json!({ "name": name, "quota": {} })).await?;
        refused(&reply, 422, "name_out_of_range", "/name")?;
    }
    let participant = sim.server.participant("tenant", 0)?;
    let member = |role: &str| json!({ "participant": participant, "role": role });
    let user = |email: &str, memberships: Value| json!({ "email": email, "name": "u", "password": "long-enough-1", "memberships": memberships });
    let twice = user("u@example.org", json!([member("bidder"), member("tenant")]));
    refused(&admin.post("/v1/users", &twice).await?, 422, "membership_repeated", "/memberships/1/participant")?;
    for email in [
        "nonsense",
        "a@b",
        "a b@example.org",
        "a@@example.org",
        "a@example..org",
        "a\n@example.org",
        "\u{430}dmin@example.org",
        "a\u{200b}@example.org",
    ] {
        let reply = admin.post("/v1/users", &user(email, json!([member("bidder")]))).await?;
        refused(&reply, 422, "email_invalid", "/email")?;
    }
    refused(
        &admin.post("/v1/pools/ams1-lp/halt", &json!({ "reason": "" })).await?,
        422,
        "reason_out_of_range",
        "/reason",
    )?;
    let price = json!({ "resource": "cpu_milli", "price": "5", "effective_at": "2026-11-20T11:00:00Z" });
    let headers = [("content-type", "application/json"), ("if-match", "*")];
    let reply =
        admin.send("POST", "/v1/pools/fra1-gp/reserve_prices", &headers, Some(price.to_string().into_bytes())).await?;
    refused(&reply, 422, "price_out_of_range", "/price")
}

/// Expected, range and chances are of one distribution, and say how large it is.
#[tokio::test]
async fn a_preview_agrees_with_itself() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, admin) = (sim.api("tenant")?, sim.api("admin")?);
    let instances = tenant.get("/v1/instances").await?.ok()?;
    let amount = |value: &Value| value.as_str().and_then(|t| headroom_tests::money::units(t, 6)).unwrap_or(-1);
    let mut slots = Vec::new();
    for seconds in [0, 240, 180] {
        admin.advance(seconds).await?;
        let window = Rhythm::of(&admin).await?.late_window();
        for instance in instances["data"].as_array().into_iter().flatten() {
            for side in ["bids", "offers"] {
                let body = json!({ "instance": instance["id"], "window": window, "resources": { "cpu_milli": 100 },
                    "pools": [{ "pool": instance["pool"] }], "limit": "0.1" });
                let seen = tenant.post(&format!("/v1/{side}/preview"), &body).await?.ok()?;
                let (low, middle, high) =
                    (amount(&seen["expected_low"]), amount(&seen["expected"]), amount(&seen["expected_high"]));
                ensure!(0 <= low && low <= middle && middle <= high, "{seen}");
                let count = seen["basis_slots"].as_u64().context("basis_slots")?;
                ensure!(seen["basis"] == if count == 0 { "last_prices" } else { "recent_slots" }, "{seen}");
                ensure!(seen["fill_probability"].is_null() == (count == 0), "{seen}");
                let warned = seen["warnings"].to_string();
                ensure!(count >= 20 || warned.contains("settled slot"), "{seen}");
                slots.push(count);
            }
        }
    }
    assert!(slots.contains(&0) && slots.iter().any(|n| *n >= 2), "{slots:?}");
    Ok(())
}

/// A quantity that no node has is called so before it is bid for, and what is free at present too.
#[tokio::test]
async fn a_preview_knows_how_large_the_nodes_are() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, admin) = (sim.api("tenant")?, sim.api("admin")?);
    admin.advance(180).await?;
    let window = Rhythm::of(&admin).await?.late_window();
    let instances = tenant.get("/v1/instances").await?.ok()?;
    let instance = instances["data"].as_array().and_then(|i| i.first()).context("an instance")?;
    let nodes = admin.list("/v1/nodes").await?;
    let pool = &instance["pool"];
    let largest = nodes.iter().filter(|n| n["pool"] == *pool).filter_map(|n| n["capacity"]["cpu_milli"].as_i64()).max();
    let largest = largest.context("a node")?;
    for (quantity, min_fill, expected) in [
        (100, "1", None),
        (2 * largest, "1", Some("can't win")),
        (2 * largest, "0", Some("too small for the whole")),
        (largest, "0", Some("at present")),
    ] {
        let body = json!({ "window": window, "resources": { "cpu_milli": quantity },
            "pools": [{ "pool": pool }], "limit": "9", "min_fill": min_fill });
        let seen = tenant.post("/v1/bids/preview", &body).await?.ok()?;
        let warnings = seen["warnings"].to_string();
        match expected {
            None => ensure!(!warnings.contains("node"), "{seen}"),
            Some(text) => ensure!(warnings.contains(text), "{quantity} of {largest}: {seen}"),
        }
        ensure!((expected == Some("can't win")) == (seen["fill_probability"] == 0.0), "{seen}");
    }
    Ok(())
}

/// Who asks for lower cost is never told to buy.
#[tokio::test]
async fn a_cost_target_never_recommends_more_cost() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    sim.api("admin")?.advance(240).await?;
    let mut heard = Vec::new();
    for role in ["tenant", "bidder"] {
        let api = sim.api(role)?;
        for instance in api.get("/v1/instances").await?.ok()?["data"].as_array().into_iter().flatten() {
            let body = json!({ "instance_id": instance["id"], "cost_reduction_target": 20 });
            let advice = api.post("/v1/swap_request", &body).await?.ok()?;
            let cost =
                advice["expected_cost"].as_str().and_then(|t| headroom_tests::money::units(t, 6)).context("cost")?;
            ensure!(cost <= 0 && advice["recommendation"] != "grow", "{advice}");
            ensure!(
                advice["recommendation"] != "keep" || advice["reason"].as_str().is_some_and(|r| r.len() > 20),
                "{advice}"
            );
            heard.push(advice["recommendation"].clone());
            let both = json!({ "instance_id": instance["id"], "cost_reduction_target": 20, "desired_performance_improvement": 5 });
            refused(&api.post("/swap_request", &both).await?, 422, "criteria_contradict", "/cost_reduction_target")?;
        }
    }
    assert!(heard.len() > 5, "{heard:?}");
    Ok(())
}

#[tokio::test]
async fn a_key_has_so_many_streams() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let api = sim.api("tenant")?;
    let open = || {
        let request = api.http.get(format!("{}/v1/events", api.url));
        request.bearer_auth(api.bearer.clone().unwrap_or_default()).send()
    };
    let mut streams = Vec::new();
    for n in 0..64 {
        let stream = open().await?;
        ensure!(stream.status() == 200, "stream {n}: {}", stream.status());
        streams.push(stream);
    }
    let one_more = api.get("/v1/events").await?;
    refused(&one_more, 429, "too_many_streams", "")?;
    assert!(!one_more.header("retry-after").is_empty());
    assert_eq!(sim.api("bidder")?.get("/v1/events").await?.status, 200, "others have their own");
    drop(streams);
    for _ in 0..100 {
        if open().await?.status() == 200 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("closed streams are not given back")
}

/// A client that sends a little now and then, or nothing, loses its connection.
#[tokio::test]
async fn slow_clients_are_let_go() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let address = sim.server.url.trim_start_matches("http://").to_owned();
    let head =
        "POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let waiting = [("nothing", ""), ("half a header", "GET /v1/about HTTP/1.1\r\nHost: x\r\n"), ("half a body", head)];
    let mut all = Vec::new();
    for (what, bytes) in waiting {
        let address = address.clone();
        all.push(tokio::task::spawn_blocking(move || -> anyhow::Result<(&str, String)> {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            stream.write_all(bytes.as_bytes())?;
            let mut said = [0u8; 64];
            let count = stream.read(&mut said).with_context(|| format!("{what}: still open"))?;
            Ok((what, String::from_utf8_lossy(&said[..count]).into_owned()))
        }));
    }
    for one in all {
        let (what, said) = one.await??;
        let expected = if what == "half a body" { "HTTP/1.1 408" } else { "" };
        ensure!(said.starts_with(expected), "{what}: {said}");
    }
    Ok(())
}

/// With the limit on, one address has so many sign-ins, whatever the account.
#[tokio::test]
async fn one_address_guesses_slowly() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut launch = headroom_tests::Launch::simulated(folder.path(), crate::common::START);
    let at = launch.arguments.iter().position(|a| a == "--rate-limit").context("--rate-limit")?;
    launch.arguments[at + 1] = "6000".to_owned();
    let server = launch.argument("--behind-proxy").start().await?;
    let nobody = server.nobody();
    let guess = |n: usize, client: &'static str| {
        let body = json!({ "email": format!("user{n}@example.org"), "password": "guess-guess-guess" }).to_string();
        let headers = [("content-type", "application/json"), ("x-forwarded-for", client)];
        let nobody = nobody.clone();
        async move { nobody.send("POST", "/v1/auth/login", &headers, Some(body.into_bytes())).await }
    };
    let mut statuses = Vec::new();
    for n in 0..70 {
        statuses.push(guess(n, "198.51.100.9, 203.0.113.7").await?.status);
    }
    ensure!(statuses[..60].iter().all(|s| *s == 401) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(guess(100, "203.0.113.7, 198.51.100.9").await?.status, 401, "another client behind the same proxy");
    Ok(())
}

/// A participant has so many previews a minute, and so many at once; others have their own.
#[tokio::test]
async fn previews_of_one_participant_are_bounded() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut launch = headroom_tests::Launch::simulated(folder.path(), crate::common::START);
    let at = launch.arguments.iter().position(|a| a == "--rate-limit").context("--rate-limit")?;
    launch.arguments[at + 1] = "6000".to_owned();
    let server = launch.start().await?;
    let (one, other) = (server.api_of("bidder", 0)?, server.api_of("bidder", 1)?);
    let window = Rhythm::of(&one).await?.late_window();
    let nowhere = headroom_tests::orders::bid("nowhere", &window, 100, "1");
    let mut last = one.post("/v1/bids/preview", &nowhere).await?;
    for _ in 0..2_000 {
        if last.status == 429 {
            break;
        }
        refused(&last, 422, "unknown_pool", "/pools/0/pool")?;
        last = one.post("/v1/bids/preview", &nowhere).await?;
    }
    refused(&last, 429, "too_many_questions", "")?;
    assert!(!last.header("retry-after").is_empty());
    let order = headroom_tests::orders::bid("fra1-gp", &window, 100, "1");
    other.post("/v1/bids/preview", &order).await?.ok()?;
    one.get("/v1/balance").await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn a_request_names_one_host() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let address = sim.server.url.trim_start_matches("http://").to_owned();
    let ask = move |head: &str| -> anyhow::Result<String> {
        let mut stream = std::net::TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    };
    let asked = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        for (head, status) in [
            ("GET /v1/about HTTP/1.1\r\nHost: x\r\n", 200),
            ("GET /v1/about HTTP/1.0\r\n", 200),
            ("GET /v1/about HTTP/1.1\r\n", 400),
            ("GET /healthz HTTP/1.1\r\n", 400),
            ("GET /v1/about HTTP/1.1\r\nHost: x\r\nHost: y\r\n", 400),
        ] {
            let said = ask(head)?;
            ensure!(
                said.contains(&format!(" {status} ")) && (status == 200 || said.contains("host_required")),
                "{head}: {said}"
            );
        }
        Ok(())
    });
    asked.await?
}
