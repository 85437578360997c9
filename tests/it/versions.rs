//! Strategies and settings of pools have versions: of two who change one at once the second is told.
use crate::common::Sim;
use anyhow::{Context, ensure};
use headroom_tests::{Api, Reply};
use serde_json::{Value, json};

async fn etag(api: &Api, path: &str) -> anyhow::Result<String> {
    let reply = api.get(path).await?;
    let tag = reply.header("etag").to_owned();
    ensure!(tag.starts_with('"'), "{path} has a strong ETag: {tag}");
    let headers = [("if-none-match", tag.as_str())];
    let unchanged = api.send("GET", path, &headers, None).await?;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""), "{path}");
    Ok(tag)
}

fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code().as_str(), reply.is_problem()), (status, code, true), "{}", reply.text);
}

/// Missing, stale, not one at all, and right; answers the version that follows.
async fn guarded(api: &Api, read: &str, put: &str, bodies: [&Value; 2]) -> anyhow::Result<()> {
    let before = etag(api, read).await?;
    refused(&api.put(put, bodies[0]).await?, 428, "if_match_required");
    for wrong in ["\"77\"", "nonsense"] {
        refused(&api.put_over(wrong, put, bodies[0]).await?, 412, "stale_version");
    }
    assert_eq!(etag(api, read).await?, before, "what is refused changes nothing");
    let changed = api.put_over(&before, put, bodies[0]).await?;
    ensure!(changed.status == 200, "{put}: {}", changed.text);
    let after = changed.header("etag").to_owned();
    ensure!(after != before, "{put} has a new version");
    refused(&api.put_over(&before, put, bodies[1]).await?, 412, "stale_version");
    assert_eq!(etag(api, read).await?, after, "{read} is what was answered");
    ensure!(api.put_over("*", put, bodies[1]).await?.status == 200, "{put} over whatever there is");
    Ok(())
}

#[tokio::test]
async fn nobody_overwrites_unseen_what_somebody_else_has_set() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, tenant) = (sim.api("admin")?, sim.api("tenant")?);
    let workload = tenant.list("/v1/instances").await?.into_iter().next().context("a workload")?;
    let strategy = format!("/v1/instances/{}/strategy", workload["id"].as_str().context("id")?);
    guarded(&tenant, &strategy, &strategy, [&json!({ "move_fee": "2" }), &json!({ "notice_seconds": 30 })]).await?;
    let set = tenant.get(&strategy).await?.ok()?;
    assert_eq!(
        (&set["notice_seconds"], &set["auto_bid"]),
        (&json!(30), &Value::Null),
        "what is left out is off: {set}"
    );
    let stranger = sim.trader("1").await?;
    assert_eq!(stranger.get(&strategy).await?.status, 404, "somebody else's");

    let settings = "/v1/pools/fra1-gp/settings";
    for (name, bodies) in [
        ("moves_at_once", [json!({ "moves_at_once": 3 }), json!({ "moves_at_once": null })]),
        ("move_approval", [json!({ "required": true }), json!({ "required": false })]),
        (
            "shortage_cost",
            [
                json!({ "shortage_cost": { "cpu_milli": "0.004" } }),
                json!({ "shortage_cost": { "cpu_milli": "0.005" } }),
            ],
        ),
    ] {
        guarded(&admin, settings, &format!("/v1/pools/fra1-gp/{name}"), [&bodies[0], &bodies[1]]).await?;
    }
    // What is so already is no change.
    let before = etag(&admin, settings).await?;
    let same = json!({ "moves_at_once": null });
    let reply = admin.put_over(&before, "/v1/pools/fra1-gp/moves_at_once", &same).await?;
    assert_eq!((reply.status, reply.header("etag")), (200, before.as_str()));
    let pool = admin.get("/v1/pools/fra1-gp").await?.ok()?;
    assert_eq!(json!(before), json!(format!("\"{}\"", pool["settings_version"])), "{pool}");
    Ok(())
}
