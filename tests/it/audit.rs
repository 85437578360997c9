//! Who has changed what: told to the operator in whole, to a tenant for its own, and never with a secret in it.
use crate::common::{Sim, balance, healthy};
use headroom_tests::orders::trader;
use serde_json::{Value, json};

const EVENTS: &str = "/v1/audit_events";

fn told(events: &[Value]) -> Vec<(&str, &str)> {
    events.iter().map(|e| (e["action"].as_str().unwrap_or("?"), e["object"].as_str().unwrap_or("?"))).collect()
}

#[tokio::test]
async fn every_change_is_told_with_who_made_it() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let before = admin.list(EVENTS).await?.len();
    let tenant = trader(&admin, "audited", "100").await?;
    admin.post("/v1/pools/ams1-lp/halt", &json!({ "reason": "a fan is loud" })).await?.ok()?;
    let again = admin.post("/v1/pools/ams1-lp/halt", &json!({ "reason": "" })).await?;
    assert_eq!(again.status, 422, "what is refused changes nothing: {}", again.text);
    admin.act("/v1/pools/ams1-lp/resume").await?.ok()?;
    let key = tenant.post("/v1/api_keys", &json!({ "name": "second" })).await?.ok()?;
    tenant.delete(&format!("/v1/api_keys/{}", key["id"].as_str().unwrap_or_default())).await?;
    tenant.put("/v1/projects/web", &json!({ "limit": "5" })).await?.ok()?;

    let all = admin.list(EVENTS).await?;
    let new = &all[before..];
    let participant = admin.list("/v1/participants").await?;
    let of = participant.iter().find(|p| p["name"] == "audited").and_then(|p| p["id"].as_str()).unwrap_or_default();
    let actions: Vec<&str> = told(new).into_iter().map(|(action, _)| action).collect();
    let expected = [
        "participant.created",
        "participant.granted",
        "user.created",
        "api_key.created",
        "pool.halted",
        "pool.resumed",
        "api_key.created",
        "api_key.revoked",
        "project.set",
    ];
    assert_eq!(actions, expected);
    let [created, granted, user, _, halted, ..] = new.iter().collect::<Vec<_>>()[..] else { panic!("{new:?}") };
    assert_eq!((&created["object"], &granted["object"]), (&json!(of), &json!(of)));
    assert_eq!((&granted["details"]["amount"], &granted["participant"]), (&json!("100.000000"), &Value::Null));
    assert_eq!((&halted["object"], &halted["details"]["reason"]), (&json!("ams1-lp"), &json!("a fan is loud")));
    assert_eq!(user["details"]["email"], "audited@traders.example.org");
    let whole = serde_json::to_string(&all)?;
    let secret = key["secret"].as_str().unwrap_or("?");
    for hidden in ["password", "argon2", "secret_hash", secret] {
        assert!(!whole.contains(hidden), "{hidden} is nobody's to see");
    }
    let me = admin.get("/v1/me").await?.ok()?;
    let name = me["user"]["name"].as_str().unwrap_or("?");
    let actor = &halted["actor"];
    assert!(actor["id"].as_str().is_some_and(|id| id.starts_with("key_")), "{actor}");
    assert!(actor["name"].as_str().is_some_and(|n| n.starts_with(&format!("{name} ("))), "{actor}");

    let own = tenant.list(EVENTS).await?;
    let actions: Vec<&str> = told(&own).into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["api_key.created", "api_key.created", "api_key.revoked", "project.set"], "its own alone");
    assert_eq!((&own[0]["actor"]["name"], &own[1]["actor"]["name"]), (&json!("audited"), &json!("audited (trader)")));
    assert_eq!(sim.api("bidder")?.get(EVENTS).await?.status, 403);
    // What the operator does with a member's workload the member hears of, and not which of its people it was.
    let lent = sim.api("tenant")?;
    let workload = lent.list("/v1/instances").await?.first().map(|i| i["id"].clone()).unwrap_or_default();
    admin.act(&format!("/v1/instances/{}/stop", workload.as_str().unwrap_or("?"))).await?.ok()?;
    let last = |events: Vec<Value>| events.into_iter().next_back().unwrap_or_default();
    let (seen, all) = (last(lent.list(EVENTS).await?), last(admin.list(EVENTS).await?));
    assert_eq!((&seen["action"], &seen["object"]), (&json!("instance.stopped"), &workload));
    assert_eq!(told(&tenant.list(EVENTS).await?).len(), 4, "nobody else does");
    assert_eq!(seen["actor"], json!({ "id": "operator", "name": "The operator" }), "{seen}");
    assert_eq!(all["actor"]["name"], actor["name"]);
    // So it is with its baselines, its quota and its keys.
    let participant = lent.get("/v1/me").await?.ok()?["participant"]["id"].as_str().unwrap_or("?").to_owned();
    let key = lent.post("/v1/api_keys", &json!({ "name": "third" })).await?.ok()?["id"].clone();
    let key = key.as_str().unwrap_or("?");
    admin.delete(&format!("/v1/api_keys/{key}")).await?.ok()?;
    let workloads = lent.list("/v1/instances").await?;
    let running = workloads.iter().find(|i| i["state"] == "running").cloned().unwrap_or_default();
    let path = format!("/v1/instances/{}/baseline", running["id"].as_str().unwrap_or("?"));
    admin.put(&path, &json!({ "baseline": running["baseline"] })).await?.ok()?;
    let quota = lent.get("/v1/me").await?.ok()?["participant"]["quota"].clone();
    let quota = if quota.is_object() { quota } else { json!({ "cpu_milli": 100_000, "mem_mib": 100_000 }) };
    admin.put(&format!("/v1/participants/{participant}/quota"), &json!({ "quota": quota })).await?.ok()?;
    let own = lent.list(EVENTS).await?;
    let newest: Vec<_> = told(&own).into_iter().rev().take(3).collect();
    let expected = [
        ("participant.quota_set", participant.as_str()),
        ("instance.baseline_set", running["id"].as_str().unwrap_or("?")),
        ("api_key.revoked", key),
    ];
    assert_eq!(newest, expected);
    assert!(own.iter().rev().take(3).all(|e| e["actor"]["id"] == "operator" && e["participant"] == json!(participant)));
    healthy(&sim.server.stop().await?).await
}

/// A change tells what it replaced, and what makes something new tells nothing of the kind.
#[tokio::test]
async fn a_change_tells_what_was_before() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    let tenant = trader(&admin, "changing", "100").await?;
    let participants = admin.list("/v1/participants").await?;
    let of = participants.iter().find(|p| p["name"] == "changing").and_then(|p| p["id"].as_str()).unwrap_or_default();
    for cores in [4_000, 6_000] {
        let quota = json!({ "quota": { "cpu_milli": cores } });
        admin.put(&format!("/v1/participants/{of}/quota"), &quota).await?.ok()?;
    }
    for limit in ["5", "7"] {
        tenant.put("/v1/projects/web", &json!({ "limit": limit })).await?.ok()?;
    }
    let events = admin.list(EVENTS).await?;
    let last = |action: &str| events.iter().rev().filter(|e| e["action"] == action).cloned().collect::<Vec<_>>();
    let quotas = last("participant.quota_set");
    assert_eq!(quotas[0]["before"]["quota"], json!({ "cpu_milli": 4_000 }), "{}", quotas[0]);
    assert_eq!(
        (&quotas[0]["object_name"], &quotas[0]["details"]["quota"]["cpu_milli"]),
        (&json!("changing"), &json!(6_000))
    );
    let projects = last("project.set");
    assert_eq!((&projects[0]["before"], &projects[1]["before"]), (&json!({ "limit": "5.000000" }), &Value::Null));
    healthy(&sim.server.stop().await?).await
}

#[tokio::test]
async fn its_pages_can_be_narrowed() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    for n in 0..5 {
        admin.post("/v1/pools/ams1-lp/halt", &json!({ "reason": format!("try {n}") })).await?.ok()?;
        admin.act("/v1/pools/ams1-lp/resume").await?.ok()?;
    }
    let halts = admin.list(&format!("{EVENTS}?action=pool.halted")).await?;
    let reasons: Vec<&str> = halts.iter().filter_map(|e| e["details"]["reason"].as_str()).collect();
    assert_eq!(reasons, ["try 0", "try 1", "try 2", "try 3", "try 4"]);
    let page = admin.get(&format!("{EVENTS}?action=pool.halted,pool.resumed&limit=3")).await?.ok()?;
    assert_eq!((page["data"].as_array().map(Vec::len), &page["has_more"]), (Some(3), &json!(true)));
    let next = page["next_cursor"].as_str().unwrap_or_default();
    let rest = admin.get(&format!("{EVENTS}?action=pool.halted,pool.resumed&starting_after={next}")).await?.ok()?;
    assert_eq!((rest["data"].as_array().map(Vec::len), &rest["has_more"]), (Some(7), &json!(false)));
    let unknown = admin.get(&format!("{EVENTS}?action=pool.sold")).await?;
    assert_eq!((unknown.status, unknown.code().as_str()), (422, "action_unknown"));
    assert!(unknown.text.contains("pool.halted") && unknown.text.contains("/action"), "{}", unknown.text);
    assert_eq!(admin.get(&format!("{EVENTS}?starting_after=bid_1")).await?.code(), "cursor_invalid");
    healthy(&sim.server.stop().await?).await
}

/// A zero too many is taken back, as far as it is still there; both movements stay in the ledger.
#[tokio::test]
async fn a_grant_can_be_corrected() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api) = (sim.api("admin")?, sim.trader("1000").await?);
    let me = api.get("/v1/me").await?.ok()?;
    let path = format!("/v1/participants/{}/grants", me["participant"]["id"].as_str().unwrap_or_default());
    let grant = |key: &str, amount: &str| {
        let body = json!({ "amount": amount, "reason": "a zero too many" });
        let (admin, path, key) = (admin.clone(), path.clone(), key.to_owned());
        async move { admin.post_with_key(&path, &key, &body).await }
    };
    let bid = sim.bid(100_000, "150").await?;
    api.post_with_key("/v1/bids", "holds", &bid).await?.ok()?;
    let (available, held) = balance(&api).await?;
    assert!(held > 0);
    let too_much = grant("more", "-1000").await?;
    assert_eq!((too_much.status, too_much.code().as_str()), (409, "not_available"), "what is held stays");
    grant("less", "-600").await?.ok()?;
    grant("less", "-600").await?.ok()?;
    assert_eq!(balance(&api).await?, (available - 600_000_000, held), "once, however often it is sent");
    let statement = api.get("/v1/statements?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z").await?.ok()?;
    assert_eq!(statement["totals"]["granted"], "400.000000", "{statement}");
    let told = admin.get(&format!("{EVENTS}?action=participant.granted&limit=1")).await?.ok()?;
    let details = &told["data"][0]["details"];
    assert_eq!((&details["amount"], &details["reason"]), (&json!("-600.000000"), &json!("a zero too many")));
    assert_eq!(grant("none", "0").await?.code(), "amount_out_of_range");
    let participants = admin.list("/v1/participants").await?;
    let own = participants.iter().find(|p| p["platform"] == true).and_then(|p| p["id"].as_str()).unwrap_or("?");
    let own = admin.post_with_key(&format!("/v1/participants/{own}/grants"), "own", &json!({ "amount": "1" })).await?;
    assert_eq!((own.status, own.code().as_str()), (422, "operator_does_not_trade"), "{}", own.text);
    healthy(&sim.server.stop().await?).await
}
