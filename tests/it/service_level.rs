//! What shortage costs cover at today's prices, and whether that is what was promised.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::{Api, money};
use serde_json::{Value, json};

/// Outcomes at every horizon need 24 slots and 6 more, of a minute each in the demo.
const UNTIL_KNOWN_SECONDS: i64 = 33 * 60;

async fn advance(admin: &Api, seconds: i64) -> anyhow::Result<()> {
    // A request has a time limit; a busy machine takes a second for a slot or two.
    for _ in 0..seconds / 180 {
        admin.advance(180).await?;
    }
    Ok(())
}

fn millionths(share: &Value) -> anyhow::Result<i128> {
    share.as_str().and_then(|text| money::units(text, 6)).with_context(|| format!("a share: {share}"))
}

fn nano(price: &Value) -> anyhow::Result<i128> {
    price.as_str().and_then(|text| money::units(text, 9)).with_context(|| format!("a price: {price}"))
}

/// Levels of resources are the newsvendor's, and the joint one keeps its bounds; answers with the joint one.
fn checked(level: &Value) -> anyhow::Result<Option<i128>> {
    let mut levels = Vec::new();
    for resource in level["resources"].as_array().context("resources")? {
        let (price, cost) = (nano(&resource["price"])?, nano(&resource["shortage_cost"])?);
        let wanted = if price >= cost { 0 } else { ((cost - price) * 1_000_000 / cost).min(999_999) };
        let got = millionths(&resource["service_level"])?;
        ensure!(got == wanted, "{resource}: {wanted}");
        levels.push(got);
    }
    let others = 1_000_000 * (levels.len() as i128 - 1);
    let (most, least) = (*levels.iter().min().context("levels")?, (levels.iter().sum::<i128>() - others).max(0));
    ensure!(millionths(&level["joint"]["at_least"])? == least, "{level}");
    if level["joint"]["service_level"].is_null() {
        return Ok(None);
    }
    let joint = millionths(&level["joint"]["service_level"])?;
    ensure!((least..=most).contains(&joint), "{least} to {most}: {level}");
    Ok(Some(joint))
}

#[tokio::test]
async fn a_promise_that_the_shortage_costs_do_not_carry_is_warned_of_until_they_do() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (tenant, admin) = (sim.api("tenant")?, sim.api("admin")?);
    let instances = tenant.get("/v1/instances").await?.ok()?;
    let running = instances["data"].as_array().into_iter().flatten().find(|i| i["state"] == "running");
    let id = running.and_then(|i| i["id"].as_str()).context("a running workload")?.to_owned();
    let (path, put) = (format!("/v1/instances/{id}/service_level"), format!("/v1/instances/{id}/strategy"));
    let strategy = |costs: &Value, promised: Value| json!({ "auto_bid": { "shortage_cost": costs, "promised_service_level": promised } });

    let cheap = json!({ "cpu_milli": "0.001500", "mem_mib": "0.000100" });
    for (promised, code) in [
        (json!("0"), "service_level_out_of_range"),
        (json!("1"), "service_level_out_of_range"),
        (json!("-0.2"), "service_level_out_of_range"),
        (json!("95"), "service_level_out_of_range"),
        (json!("much"), "invalid"),
        (json!(0.95), "wrong_type"),
    ] {
        let reply = tenant.put_over("*", &put, &strategy(&cheap, promised.clone())).await?;
        ensure!((reply.status, reply.code().as_str()) == (422, code), "{promised}: {}", reply.text);
        ensure!(reply.pointers() == ["/auto_bid/promised_service_level"], "{}", reply.text);
    }
    ensure!(sim.trader("1").await?.get(&path).await?.status == 404, "somebody else's");

    // A strategy that is only typed is refused as a saved one is, answered as a saved one is, and not saved.
    let typed = tenant.post(&path, &strategy(&cheap, json!("95"))).await?;
    ensure!((typed.status, typed.code().as_str()) == (422, "service_level_out_of_range"), "{}", typed.text);
    let typed = tenant.post(&path, &strategy(&cheap, json!("0.95"))).await?.ok()?;
    ensure!(typed["promised_service_level"] == json!("0.950000"), "{typed}");
    ensure!(tenant.get(&path).await?.ok()?["promised_service_level"].is_null(), "only typed");

    // Before there is a record of how the resources hang together: unknown, with its bound and the reason.
    tenant.put_over("*", &put, &strategy(&cheap, json!("0.95"))).await?.ok()?;
    let stored = tenant.get(&format!("/v1/instances/{id}")).await?.ok()?;
    ensure!(stored["strategy"]["auto_bid"]["promised_service_level"] == json!("0.950000"), "{stored}");
    advance(&admin, 180).await?;
    let early = tenant.get(&path).await?.ok()?;
    ensure!(tenant.post(&path, &strategy(&cheap, json!("0.95"))).await?.ok()? == early, "the same as saved: {early}");
    ensure!(checked(&early)?.is_none(), "{early}");
    ensure!(early["joint"]["reason"].as_str().is_some_and(|reason| reason.contains("24 slots")), "{early}");
    ensure!(early["warning"]["code"] == "service_level_under_promised", "{early}");
    let detail = early["warning"]["detail"].as_str().context("detail")?;
    ensure!(detail.contains("at least") && detail.contains("0.95 is promised"), "a bound is called one: {detail}");

    advance(&admin, UNTIL_KNOWN_SECONDS).await?;
    let under = tenant.get(&path).await?.ok()?;
    let joint = checked(&under)?.with_context(|| format!("a joint level by now: {under}"))?;
    ensure!(joint < 950_000 && under["joint"]["reason"].is_null(), "{under}");
    ensure!(under["joint"]["outcomes"].as_u64().is_some_and(|known| known >= 24), "{under}");
    let warning = &under["warning"];
    ensure!(warning["code"] == "service_level_under_promised", "{under}");

    // What the warning names is enough, at this price; nothing was advanced in between.
    tenant.put_over("*", &put, &strategy(&warning["shortage_cost"], json!("0.95"))).await?.ok()?;
    let kept = tenant.get(&path).await?.ok()?;
    let joint = checked(&kept)?.context("a joint level")?;
    ensure!(joint >= 950_000 && kept["warning"].is_null(), "{kept}");
    ensure!(kept["promised_service_level"] == json!("0.950000"), "{kept}");

    // A promise that no price under the cap carries, and none at all.
    tenant.put_over("*", &put, &strategy(&cheap, json!("0.999999"))).await?.ok()?;
    let beyond = tenant.get(&path).await?.ok()?;
    ensure!(beyond["warning"]["code"] == "service_level_out_of_reach", "{beyond}");
    tenant.put_over("*", &put, &json!({})).await?.ok()?;
    let off = tenant.get(&path).await?.ok()?;
    ensure!(off["resources"] == json!([]) && off["warning"].is_null() && off["joint"]["at_least"].is_null(), "{off}");

    // Automatic bids followed joint outlooks: the journal has them, and gives the same orders again.
    tenant
        .put_over("*", &put, &strategy(&json!({ "cpu_milli": "0.05", "mem_mib": "0.005" }), json!("0.99")))
        .await?
        .ok()?;
    advance(&admin, 180).await?;
    let Sim { server, folder: _folder } = sim;
    let launch = server.stop().await?;
    healthy(&launch).await?;
    let replayed = launch.run("replay").await?;
    ensure!(replayed.code == Some(0), "{}{}", replayed.stdout, replayed.stderr);
    Ok(())
}
