//! Linked bids over the API: together, one after the other, or ended together.
use crate::common::{Sim, balance, healthy};
use headroom_tests::money::units;
use headroom_tests::{Api, Reply, unique};
use serde_json::{Value, json};

const BIDS: &str = "/v1/bids";

fn amount(object: &Value, field: &str) -> i128 {
    object[field].as_str().and_then(|text| units(text, 6)).unwrap_or_else(|| panic!("{field} in {object}"))
}

fn text(micro: i128) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

async fn read(api: &Api, id: &str) -> anyhow::Result<Value> {
    api.get(&format!("{BIDS}/{id}")).await?.ok()
}

async fn explain(api: &Api, id: &str) -> anyhow::Result<Value> {
    api.get(&format!("{BIDS}/{id}/explain")).await?.ok()
}

async fn place(api: &Api, bid: &Value) -> anyhow::Result<String> {
    api.post_with_key(BIDS, &unique("key"), bid).await?.id()
}

/// 600 milli at this limit, all or none or in any part, linked or not.
async fn bid(sim: &Sim, limit: i128, min_fill: &str, parent: Option<&str>) -> anyhow::Result<Value> {
    let mut bid = sim.bid(600, &text(limit)).await?;
    bid["min_fill"] = json!(min_fill);
    bid["parent"] = json!(parent);
    Ok(bid)
}

#[tokio::test]
async fn linked_bids_win_together_go_on_alone_and_end_together() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, api) = (sim.api("admin")?, sim.trader("100").await?);
    let asked = bid(&sim, 20_000_000, "1", None).await?;
    let cost = amount(&api.post("/v1/bids/preview", &asked).await?.ok()?, "last_cost");
    assert!(cost > 1_000, "{cost}");
    // The parent is far too cheap, and what the child gains is not enough for both.
    let parent = place(&api, &bid(&sim, cost / 10, "1", None).await?).await?;
    let wanted = bid(&sim, cost * 3 / 2, "1", Some(&parent)).await?;
    let preview = api.post("/v1/bids/preview", &wanted).await?.ok()?;
    let limit = cost * 3 / 2;
    assert_eq!((amount(&preview, "hold"), amount(&preview, "hold_of_parents")), (2 * limit, limit), "{preview}");
    assert!(preview["warnings"].to_string().contains(&parent), "{preview}");
    let child = place(&api, &wanted).await?;
    assert_eq!(amount(&read(&api, &parent).await?, "hold"), cost / 10 + limit, "what the child may carry");
    assert_eq!(balance(&api).await?.1, cost / 10 + 2 * limit);
    admin.advance(5).await?;
    let order = read(&api, &child).await?;
    assert_eq!(
        (&order["last_reason"]["reason"], &order["last_reason"]["parent"]),
        (&json!("PARENT_REJECTED"), &json!(parent))
    );
    let why = explain(&api, &child).await?;
    assert_eq!((&why["reason"], &why["parent"]), (&json!("PARENT_REJECTED"), &json!(parent)), "{why}");
    assert!(why["sentence"].as_str().is_some_and(|s| s.contains("parent has not won")), "{why}");
    // With the limit that it names it would have carried its parent, and does.
    let carries = amount(&why["minimum_winning_limit"], "value");
    assert_eq!(why["minimum_winning_limit"]["quality"], "exact", "{why}");
    assert!(carries > limit, "{why}");
    // A new parent version brings the child along.
    let patched = api.patch(&format!("{BIDS}/{parent}"), &bid(&sim, cost * 5 / 4, "1", None).await?).await?.ok()?;
    let parent = patched["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(read(&api, &child).await?["parent"], json!(parent));
    let late = place(&api, &bid(&sim, cost / 10, "0", Some(&parent)).await?).await?;
    admin.advance(5).await?;
    for id in [&parent, &child] {
        assert_eq!(read(&api, id).await?["status"], "filled");
    }
    // Whoever has not won with it is free of it, also as a new version.
    let free = read(&api, &late).await?;
    assert_eq!((&free["status"], &free["parent"]), (&json!("open"), &json!(parent)), "{free}");
    assert!(free["parent_won_in"].is_number(), "{free}");
    assert_eq!(explain(&api, &late).await?["parent"], Value::Null, "it waits for nobody");
    let raised = bid(&sim, cost * 5 / 4, "0", Some(&parent)).await?;
    let late = api.patch(&format!("{BIDS}/{late}"), &raised).await?.id()?;
    admin.advance(5).await?;
    assert_eq!(read(&api, &late).await?["status"], "filled");
    assert_eq!(balance(&api).await?.1, 0, "nothing is held for what has ended");
    // A carried parent pays more than its limit, out of a hold that covers it.
    let parent = place(&api, &bid(&sim, cost / 10, "1", None).await?).await?;
    let child = place(&api, &bid(&sim, cost * 5 / 2, "1", Some(&parent)).await?).await?;
    admin.advance(5).await?;
    assert_eq!(read(&api, &child).await?["status"], "filled");
    let carried = read(&api, &parent).await?;
    assert!(amount(&carried, "awarded") > cost / 10, "{carried}");
    // Who ends with its parent is told so.
    let parent = place(&api, &bid(&sim, 10, "1", None).await?).await?;
    let child = place(&api, &bid(&sim, 10, "1", Some(&parent)).await?).await?;
    let grandchild = place(&api, &bid(&sim, 10, "0", Some(&child)).await?).await?;
    api.delete(&format!("{BIDS}/{parent}")).await?.ok()?;
    for (id, of) in [(&child, &parent), (&grandchild, &child)] {
        let order = read(&api, id).await?;
        assert_eq!((&order["status"], &order["closed_reason"]), (&json!("canceled"), &json!("parent_ended")));
        let why = explain(&api, id).await?;
        assert_eq!((&why["reason"], &why["parent"]), (&json!("parent_ended"), &json!(of)), "{why}");
        assert!(why["sentence"].as_str().is_some_and(|s| s.contains(of.as_str())), "{why}");
    }
    assert_eq!(balance(&api).await?.1, 0);
    // Past rounds can be tried at another price, and cleared again; a restart knows who waits for whom.
    let parent = place(&api, &bid(&sim, 10, "1", None).await?).await?;
    let child = place(&api, &bid(&sim, 10, "0", Some(&parent)).await?).await?;
    let simulate =
        json!({ "resource": "cpu_milli", "price": "0.004000", "effective_at": "2027-01-01T00:00:00Z", "rounds": 20 });
    let simulated = admin.post("/v1/pools/fra1-gp/reserve_prices/simulate", &simulate).await?.ok()?;
    assert!(simulated["rounds"].as_array().is_some_and(|r| r.len() > 3 && r.iter().all(|r| r["void"].is_null())));
    let launch = sim.server.kill()?;
    healthy(&launch).await?;
    let replay = launch.run("replay").await?;
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    let server = launch.start().await?;
    let api = server.nobody().with(api.bearer.as_deref());
    api.delete(&format!("{BIDS}/{parent}")).await?.ok()?;
    assert_eq!(read(&api, &child).await?["closed_reason"], "parent_ended");
    healthy(&server.stop().await?).await
}

#[tokio::test]
async fn links_that_can_not_be_are_refused() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (api, other) = (sim.trader("100").await?, sim.trader("1").await?);
    let refused = |reply: Reply, status: u16, code: &str, pointer: &str| {
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{}", reply.text);
        assert!(reply.is_problem(), "{}", reply.text);
        assert_eq!(reply.pointers(), [pointer], "{}", reply.text);
    };
    let divisible = place(&api, &bid(&sim, 10, "0", None).await?).await?;
    let parent = place(&api, &bid(&sim, 10, "1", None).await?).await?;
    let linked = bid(&sim, 10, "1", Some(&parent)).await?;
    let mut wrong = linked.clone();
    for (value, code) in [(json!(7), "wrong_type"), (json!("x"), "wrong_type"), (json!({}), "wrong_type")] {
        wrong["parent"] = value;
        let reply = api.post_with_key(BIDS, &unique("key"), &wrong).await?;
        assert_eq!((reply.status, reply.pointers()), (422, vec!["/parent".to_owned()]), "{code}: {}", reply.text);
    }
    let theirs = other.post_with_key(BIDS, &unique("key"), &linked).await?;
    let said = theirs.json()["detail"].clone();
    refused(theirs, 422, "unknown_parent", "/parent");
    let mut nobody = linked.clone();
    nobody["parent"] = json!("bid_01m7wesma7fgdaqfmrggmg43y8");
    let reply = other.post_with_key(BIDS, &unique("key"), &nobody).await?;
    let of_nobody = reply.json()["detail"].as_str().map(|s| s.replace("bid_01m7wesma7fgdaqfmrggmg43y8", &parent));
    assert_eq!(said.as_str(), of_nobody.as_deref(), "somebody else's can't be told from nobody's");
    refused(reply, 422, "unknown_parent", "/parent");
    refused(other.post("/v1/bids/preview", &linked).await?, 422, "unknown_parent", "/parent");
    let of_divisible = bid(&sim, 10, "1", Some(&divisible)).await?;
    refused(api.post_with_key(BIDS, &unique("key"), &of_divisible).await?, 422, "parent_without_min_fill", "/parent");
    let child = place(&api, &linked).await?;
    let none = bid(&sim, 10, "0", None).await?;
    refused(api.patch(&format!("{BIDS}/{parent}"), &none).await?, 422, "parent_without_min_fill", "/min_fill");
    let circle = bid(&sim, 10, "1", Some(&child)).await?;
    refused(api.patch(&format!("{BIDS}/{parent}"), &circle).await?, 422, "parent_cycle", "/parent");
    let mut last = child.clone();
    for _ in 0..2 {
        last = place(&api, &bid(&sim, 10, "1", Some(&last)).await?).await?;
    }
    let fifth = bid(&sim, 10, "1", Some(&last)).await?;
    refused(api.post_with_key(BIDS, &unique("key"), &fifth).await?, 422, "family_too_deep", "/parent");
    for _ in 4..16 {
        place(&api, &linked).await?;
    }
    refused(api.post_with_key(BIDS, &unique("key"), &linked).await?, 422, "family_too_large", "/parent");
    let tenant = sim.api("tenant")?;
    let lender = tenant.list("/v1/instances").await?.into_iter().find(|i| i["pool"] == "fra1-gp");
    let mut offer = linked.clone();
    offer["resources"] = json!({ "cpu_milli": 10 });
    offer["instance"] = lender.unwrap_or_default()["id"].clone();
    refused(tenant.post_with_key("/v1/offers", &unique("key"), &offer).await?, 422, "parent_of_offer", "/parent");
    let canceled = api.post("/v1/bids/cancel_all", &json!({})).await?.ok()?;
    assert_eq!(canceled["canceled"], 17, "children are counted");
    assert_eq!(balance(&api).await?.1, 0);
    refused(api.post_with_key(BIDS, &unique("key"), &linked).await?, 422, "unknown_parent", "/parent");
    healthy(&sim.server.stop().await?).await
}
