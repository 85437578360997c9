//! Projects: a limit that a participant's bids share, from the first refusal to the last credit.
use crate::common::{Sim, balance, healthy};
use headroom_tests::money::units;
use headroom_tests::{Api, Reply, unique};
use serde_json::{Value, json};

const BIDS: &str = "/v1/bids";
const WEB: &str = "/v1/projects/web";

fn amount(object: &Value, field: &str) -> i128 {
    object[field].as_str().and_then(|text| units(text, 6)).unwrap_or_else(|| panic!("{field} in {object}"))
}

fn text(micro: i128) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

async fn put(api: &Api, limit: i128) -> anyhow::Result<Value> {
    api.put(WEB, &json!({ "limit": text(limit) })).await?.ok()
}

/// A bid that pays whatever the price is, so that only its project holds it back.
async fn generous(sim: &Sim, project: &str) -> anyhow::Result<Value> {
    let mut bid = sim.bid(600, "20").await?;
    bid["project"] = json!(project);
    Ok(bid)
}

#[tokio::test]
async fn a_project_is_never_charged_more_than_its_limit() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api) = (sim.api("admin")?, sim.trader("100").await?);
    put(&api, 0).await?;
    let bid = generous(&sim, "web").await?;
    let preview = api.post("/v1/bids/preview", &bid).await?.ok()?;
    let hold = amount(&preview, "hold");
    assert_eq!((amount(&preview, "project_left"), preview["fill_probability"].as_f64()), (0, Some(0.0)), "{preview}");
    assert!(preview["warnings"].to_string().contains("Project web has"), "{preview}");
    let limit = hold + hold / 2;
    let made = put(&api, limit).await?;
    assert_eq!((amount(&made, "left"), amount(&made, "committed"), &made["open_orders"]), (limit, 0, &json!(0)));
    let key = unique("key");
    let first = api.post_with_key(BIDS, &key, &bid).await?.id()?;
    assert_eq!(api.post_with_key(BIDS, &key, &bid).await?.id()?, first, "the same request is the same order");
    let committed = api.get(WEB).await?.ok()?;
    let figures = (amount(&committed, "committed"), amount(&committed, "left"), &committed["open_orders"]);
    assert_eq!(figures, (hold, limit - hold, &json!(1)));
    // What it reserves is not there for a second one, until the round has told what the first one costs.
    let second = unique("key");
    let refused = api.post_with_key(BIDS, &second, &bid).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "project_exhausted"), "{}", refused.text);
    assert_eq!(refused.pointers(), ["/project"], "{}", refused.text);
    assert!(refused.text.contains("cancel other bids of the project"), "{}", refused.text);
    admin.advance(5).await?;
    assert_eq!(api.get(&format!("{BIDS}/{first}")).await?.ok()?["status"], "filled");
    let project = api.get(WEB).await?.ok()?;
    let spent = amount(&project, "spent");
    assert!(spent > 0 && spent < hold, "{project}");
    assert_eq!((amount(&project, "left"), amount(&project, "committed")), (limit - spent, 0));
    let (available, held) = balance(&api).await?;
    assert_eq!(available + held + spent, 100_000_000, "what the account paid is what the project spent");
    let award = &api.list("/v1/awards").await?[0];
    assert_eq!(award["project"], project["id"], "an award says which project it counts for");
    // The refusal was not stored: with room for it the same key places it.
    put(&api, 3 * hold).await?;
    let second = api.post_with_key(BIDS, &second, &bid).await?.id()?;
    admin.advance(5).await?;
    assert_eq!(api.get(&format!("{BIDS}/{second}")).await?.ok()?["status"], "filled");
    // All of it is settled; nobody's workload missed anything, so nothing comes back.
    let before = amount(&api.get(WEB).await?.ok()?, "spent");
    admin.advance(10 * 60).await?;
    let after = api.get(WEB).await?.ok()?;
    assert_eq!((amount(&after, "spent"), amount(&after, "committed")), (before, 0));
    let simulate =
        json!({ "resource": "cpu_milli", "price": "0.004000", "effective_at": "2027-01-01T00:00:00Z", "rounds": 20 });
    let simulated = admin.post("/v1/pools/fra1-gp/reserve_prices/simulate", &simulate).await?.ok()?;
    let rounds = simulated["rounds"].as_array().map_or(0, Vec::len);
    assert!(rounds > 3 && simulated["skipped"].as_array().is_some_and(Vec::is_empty), "{simulated}");
    assert!(simulated["rounds"].as_array().into_iter().flatten().all(|r| r["void"].is_null()), "{simulated}");
    let launch = sim.server.kill()?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    let server = launch.start().await?;
    let api = server.nobody().with(api.bearer.as_deref());
    assert_eq!(api.get(WEB).await?.ok()?, after, "a restart forgets nothing");
    let deleted = api.delete(WEB).await?.ok()?;
    assert!(deleted["deleted_at"].is_string(), "{deleted}");
    assert_eq!(put(&api, 1).await?["spent"], "0.000000", "its name is free, and begins anew");
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn refusals_say_what_is_wrong() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api, other) = (sim.api("admin")?, sim.trader("100").await?, sim.trader("1").await?);
    let refused = |reply: Reply, status: u16, code: &str, pointers: &[&str]| {
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{}", reply.text);
        assert!(reply.is_problem(), "{}", reply.text);
        assert_eq!(reply.pointers(), pointers, "{}", reply.text);
    };
    let limit = |text: &str| json!({ "limit": text });
    refused(api.put(WEB, &limit("-1")).await?, 422, "project_limit_out_of_range", &["/limit"]);
    refused(api.put(WEB, &limit("1000000000.000001")).await?, 422, "project_limit_out_of_range", &["/limit"]);
    refused(api.put(WEB, &json!({ "limit": 5 })).await?, 422, "wrong_type", &["/limit"]);
    refused(api.put(WEB, &json!({ "limit": "1", "period": "day" })).await?, 422, "unknown_field", &["/period"]);
    for name in ["%2Dweb", "a%20b", "%C3%A4", &"x".repeat(65)] {
        refused(api.put(&format!("/v1/projects/{name}"), &limit("1")).await?, 422, "project_name_invalid", &["name"]);
    }
    let bid = generous(&sim, "web").await?;
    refused(api.post_with_key(BIDS, "none", &bid).await?, 422, "unknown_project", &["/project"]);
    refused(api.post("/v1/bids/preview", &bid).await?, 422, "unknown_project", &["/project"]);
    put(&api, 20_000_000).await?;
    refused(other.post_with_key(BIDS, "theirs", &bid).await?, 422, "unknown_project", &["/project"]);
    refused(other.get(WEB).await?, 404, "not_found", &[]);
    refused(other.delete(WEB).await?, 404, "not_found", &[]);
    assert!(other.list("/v1/projects").await?.is_empty());
    let tenant = sim.api("tenant")?;
    let lender = tenant.list("/v1/instances").await?.into_iter().find(|i| i["pool"] == "fra1-gp");
    let mut offer = sim.bid(10, "0.0001").await?;
    offer["instance"] = lender.unwrap_or_default()["id"].clone();
    offer["project"] = json!("web");
    refused(tenant.post_with_key("/v1/offers", "offer", &offer).await?, 422, "project_of_offer", &["/project"]);
    api.post_with_key(BIDS, "first", &bid).await?.id()?;
    refused(api.delete(WEB).await?, 409, "project_has_open_orders", &[]);
    admin.advance(5).await?;
    let project = api.get(WEB).await?.ok()?;
    let used = amount(&project, "spent") + amount(&project, "committed");
    assert!(used > 0);
    refused(api.put(WEB, &limit(&text(used - 1))).await?, 409, "project_limit_too_low", &[]);
    assert_eq!(amount(&put(&api, used).await?, "left"), 0);
    refused(api.post_with_key(BIDS, "second", &bid).await?, 409, "project_exhausted", &["/project"]);
    // The operator's roles see all projects, and whose they are.
    let seen = admin.list("/v1/projects").await?;
    assert_eq!(seen.iter().filter(|p| p["name"] == "web").count(), 1);
    for number in 1..64 {
        api.put(&format!("/v1/projects/p{number}"), &limit("0")).await?.ok()?;
    }
    refused(api.put("/v1/projects/more", &limit("0")).await?, 409, "too_many_projects", &[]);
    put(&api, used + 1).await?;
    api.delete("/v1/projects/p1").await?.ok()?;
    refused(api.delete("/v1/projects/p1").await?, 404, "not_found", &[]);
    api.put("/v1/projects/more", &limit("0")).await?.ok()?;
    let page = api.get("/v1/projects?limit=10").await?;
    let cursor = page.ok()?["next_cursor"].as_str().unwrap_or_default().to_owned();
    let next = api.get(&format!("/v1/projects?limit=500&starting_after={cursor}")).await?.ok()?;
    assert_eq!(next["data"].as_array().map(Vec::len), Some(54), "64 in all");
    assert_eq!(api.list("/v1/projects?status=deleted").await?.len(), 1);
    healthy(&sim.server.stop().await?).await
}
