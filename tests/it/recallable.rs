//! Capacity that may be taken back, with real programs: by the exchange for a workload that needs it, and by its owner.
use crate::common::{Sim, healthy, steady_member};
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::money::units;
use headroom_tests::orders::Rhythm;
use serde_json::{Value, json};

const POOL: &str = "small";
const TWIN: &str = "small~recallable";

fn micro(value: &Value) -> i128 {
    value.as_str().and_then(|text| units(text, 6)).unwrap_or_default()
}

/// A pool of one node of 1,000 millicores, all of them baselines: whoever gets something back takes it from another.
async fn small_pool(sim: &Sim) -> anyhow::Result<()> {
    let admin = sim.api("admin")?;
    let pool = json!({ "slug": POOL, "name": "Small", "pop": "fra1", "tier": "general_purpose",
        "resources": ["cpu_milli", "mem_mib"], "release_start": "1" });
    admin.post("/v1/pools", &pool).await?.ok()?;
    let node = json!({ "name": "small-a", "pool": POOL, "capacity": { "cpu_milli": 1000, "mem_mib": 1000 } });
    admin.post("/v1/nodes", &node).await?.ok()?;
    Ok(())
}

fn order(instance: &str, window: &Value, limit: &str, quantity: i64) -> Value {
    json!({ "instance": instance, "window": window, "resources": { "cpu_milli": quantity }, "pools": [{ "pool": POOL }],
        "assurance": "recallable", "limit": limit, "resell": "never" })
}

async fn in_force(api: &Api, id: &str) -> anyhow::Result<i64> {
    let instance = api.get(&format!("/v1/instances/{id}")).await?.ok()?;
    instance["in_force"]["cpu_milli"].as_i64().context("limit in force")
}

#[tokio::test]
async fn what_is_lent_so_comes_back_when_its_workload_needs_it() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let admin = sim.api("admin")?;
    small_pool(&sim).await?;
    let (lender, lends) = steady_member(&sim, POOL, 600, 64).await?;
    let (buyer, buys) = steady_member(&sim, POOL, 400, 64).await?;
    admin.advance(10).await?;

    // First nobody may, then an admin opens it, twice.
    let closed = order(&buys, &Rhythm::of(&buyer).await?.window(1, 1), "5", 500);
    let refused = buyer.post_with_key("/v1/bids", "closed", &closed).await?;
    assert_eq!((refused.status, refused.code().as_str()), (422, "recallable_not_traded"));
    let refused = buyer.post(&format!("/v1/pools/{POOL}/recallable"), &json!({})).await?;
    assert_eq!(refused.status, 403);
    for _ in 0..2 {
        let opened = admin.post(&format!("/v1/pools/{POOL}/recallable"), &json!({})).await?.ok()?;
        ensure!(opened["slug"] == TWIN && opened["resources"] == json!(["cpu_milli"]), "{opened}");
    }
    let shown = buyer.get(&format!("/v1/pools/{TWIN}")).await?.ok()?;
    ensure!(shown["recallable_of"] == POOL, "{shown}");
    let nothing = json!({ "resource": "cpu_milli" });
    let refused = lender.post(&format!("/v1/instances/{lends}/recall"), &nothing).await?;
    assert_eq!((refused.status, refused.code().as_str()), (409, "nothing_to_recall"));

    // What the operator asks for what is firm is no price of what nobody has lent yet.
    let later = Rhythm::of(&buyer).await?.window(5, 1);
    let path = format!("/v1/pools/{POOL}/reserve_prices");
    let etag = admin.get(&path).await?.header("etag").to_owned();
    let reserve = json!({ "resource": "cpu_milli", "price": "0.004", "effective_at": later["start_at"] });
    let headers = [("content-type", "application/json"), ("if-match", etag.as_str()), ("idempotency-key", "reserve")];
    ensure!(admin.send("POST", &path, &headers, Some(serde_json::to_vec(&reserve)?)).await?.status == 201);
    let unpriced = buyer.post("/v1/bids/preview", &order(&buys, &later, "0.1", 500)).await?.ok()?;
    ensure!(unpriced["basis"] == "no_prices" && unpriced["expected"].is_null(), "{unpriced}");
    let warned = unpriced["warnings"].to_string();
    ensure!(warned.contains("Nobody has traded cpu_milli there") && !warned.contains("not be enough"), "{unpriced}");

    // It lends 500 of its 600, though it will need 450.
    let window = Rhythm::of(&lender).await?.window(1, 1);
    let offer = lender.post_with_key("/v1/offers", "offer", &order(&lends, &window, "0.1", 500)).await?.id()?;
    let preview = buyer.post("/v1/bids/preview", &order(&buys, &window, "5", 500)).await?.ok()?;
    let warned = preview["warnings"].as_array().into_iter().flatten();
    ensure!(warned.filter_map(Value::as_str).any(|w| w.contains("take it back")), "{preview}");
    let bid = buyer.post_with_key("/v1/bids", "bid", &order(&buys, &window, "5", 500)).await?.id()?;
    let rhythm = Rhythm::of(&lender).await?;
    admin.advance(rhythm.first_open() + rhythm.slot_seconds - rhythm.now - 1).await?;
    assert_eq!((in_force(&lender, &lends).await?, in_force(&buyer, &buys).await?), (600, 400), "before its slot");
    let allocations = lender.list("/v1/allocations").await?;
    let ahead = allocations.iter().find(|a| a["slot"] == window["start_at"]).context("no allocation")?;
    ensure!(ahead["recallable"]["cpu_milli"] == 500 && ahead["limits"]["cpu_milli"] == 100, "{ahead}");

    // Somebody else's is not to be had, and a slot begins when it begins.
    let foreign = buyer.post(&format!("/v1/instances/{lends}/recall"), &nothing).await?;
    assert_eq!(foreign.status, 404);
    let crooked = json!({ "resource": "cpu_milli", "slot": "2026-01-01T00:00:07Z" });
    let refused = lender.post(&format!("/v1/instances/{lends}/recall"), &crooked).await?;
    assert_eq!((refused.status, refused.code().as_str()), (422, "window_not_on_slots"));

    // Its slot has begun: within two ticks the exchange has seen that it needs it, and taken it back.
    admin.advance(20).await?;
    let (has, left) = (in_force(&lender, &lends).await?, in_force(&buyer, &buys).await?);
    ensure!((450..=600).contains(&has) && has + left == 1000, "{has} and {left}");
    // The owner takes the rest, once.
    if has < 600 {
        let path = format!("/v1/instances/{lends}/recall");
        let first = lender.post_with_key(&path, "rest", &nothing).await?.ok()?;
        ensure!(first["quantity"] == 600 - has && first["from_idle"] == 0, "{first} of {has}");
        let again = lender.post_with_key(&path, "rest", &nothing).await?.ok()?;
        assert_eq!(first, again, "a repetition is harmless");
    }
    admin.advance(2).await?;
    assert_eq!((in_force(&lender, &lends).await?, in_force(&buyer, &buys).await?), (600, 400));
    let awards = buyer.list("/v1/awards").await?;
    let award = awards.iter().find(|a| a["order"] == bid.as_str()).context("the bid did not win")?;
    ensure!(award["lines"][0]["recalled"] == 500 && award["lines"][0]["pool"] == TWIN, "{award}");

    // Time is paid for: what the buyer pays the lender earns, and it compensates nobody.
    admin.advance(2 * rhythm.slot_seconds).await?;
    let of = |all: Vec<Value>, id: &str| all.into_iter().find(|r| r["order"] == id).context("no receipt");
    let bought = of(buyer.list("/v1/receipts").await?, &bid)?;
    let lent = of(lender.list("/v1/receipts").await?, &offer)?;
    let delivered = bought["lines"][0]["delivered"].as_i64().context("delivered")?;
    ensure!((1..250).contains(&delivered) && bought["cause"] == "recalled", "{bought}");
    ensure!(lent["cause"] == "recalled" && micro(&lent["compensation"]) == 0, "{lent}");
    ensure!((micro(&lent["amount"]) - micro(&bought["amount"])).abs() <= 1_000, "{lent} {bought}");
    let statement = buyer.get("/v1/statements").await?.ok()?;
    assert_eq!(micro(&statement["difference"]), 0, "{statement}");

    // What was not traded for its slot counts at the pool's newest price, not at what is firm elsewhere.
    let prices = buyer.get(&format!("/v1/pools/{TWIN}/prices?resource=cpu_milli&interval=slot")).await?.ok()?;
    let newest = prices["data"].as_array().and_then(|p| p.last()).context("a price")?;
    let nano = newest["price"].as_str().and_then(|text| units(text, 9)).context("nine digits")?;
    let later = Rhythm::of(&buyer).await?.window(2, 1);
    let preview = buyer.post("/v1/bids/preview", &order(&buys, &later, "5", 500)).await?.ok()?;
    assert_eq!(micro(&preview["last_cost"]), nano * 500 / 1_000, "{preview} {newest}");
    // So much of what was bought of it was there; and where the operator has as much for sale, that is said.
    let says = |preview: &Value, what: &str| {
        let warned = preview["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
        warned.filter(|w| w.contains(what)).count()
    };
    ensure!(says(&preview, "was there: the rest was taken back") == 1, "{preview}");
    ensure!(says(&preview, "that nobody takes back") == 0, "all of the node is baselines: {preview}");
    admin.post("/v1/pools/fra1-gp/recallable", &json!({})).await?.ok()?;
    let (elsewhere, grows) = steady_member(&sim, "fra1-gp", 100, 64).await?;
    let mut asked = order(&grows, &later, "5", 10);
    asked["pools"][0]["pool"] = "fra1-gp".into();
    let preview = elsewhere.post("/v1/bids/preview", &asked).await?.ok()?;
    ensure!(says(&preview, "that nobody takes back") == 1, "{preview}");
    healthy(&sim.server.stop().await?).await
}
