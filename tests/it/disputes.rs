//! Disputes over the API: opened by a member, decided by finance, and seen in statement, ledger, audit and stream.
use crate::common::{Sim, healthy};
use anyhow::{Context, ensure};
use headroom_tests::Api;
use headroom_tests::money::units;
use serde_json::{Value, json};

fn micro(value: &Value) -> i128 {
    value.as_str().and_then(|text| units(text, 6)).unwrap_or_default()
}

/// What the exchange has set aside for disputes.
async fn disputed(finance: &Api) -> anyhow::Result<i128> {
    let summary = finance.get("/v1/finance/summary").await?.ok()?;
    let account = summary["accounts"].as_array().into_iter().flatten().find(|a| a["account"] == "exchange/disputed");
    Ok(account.map_or(0, |a| micro(&a["balance"])))
}

#[tokio::test]
async fn a_receipt_is_disputed_decided_and_paid() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let (admin, finance, bidder) = (sim.api("admin")?, sim.api("finance")?, sim.api("bidder")?);
    // until something that was bought has been settled
    let mut paid: Vec<Value> = Vec::new();
    for _ in 0..12 {
        admin.advance(30).await?;
        let receipts = bidder.list("/v1/receipts").await?;
        paid = receipts.into_iter().filter(|r| r["side"] == "bid" && micro(&r["amount"]) > 1).collect();
        if paid.len() >= 2 {
            break;
        }
    }
    ensure!(paid.len() >= 2, "nothing was bought and settled");
    let (first, second) = (&paid[0], &paid[1]);
    let amount = micro(&first["amount"]) + micro(&first["credit_note"]) + micro(&first["reservation_fee"]);

    // Money moves: a request without a key is refused. Wrong input is refused, by field.
    let keyless = bidder.post("/v1/disputes", &json!({ "receipt": first["id"], "reason": "slow" })).await?;
    ensure!(keyless.status == 400, "{}", keyless.text);
    let ask = |receipt: &Value, reason: &str| json!({ "receipt": receipt["id"], "reason": reason });
    let refused = |reply: &headroom_tests::Reply| reply.json()["code"].as_str().map(str::to_owned);
    let empty = bidder.post_with_key("/v1/disputes", "empty", &ask(first, " ")).await?;
    ensure!(refused(&empty).as_deref() == Some("reason_out_of_range"), "{}", empty.text);
    let mut more = ask(first, "slow");
    more["claimed"] = first["amount"].as_str().map(|a| json!(format!("1{a}"))).context("amount")?;
    let more = bidder.post_with_key("/v1/disputes", "more", &more).await?;
    ensure!(more.status == 422 && refused(&more).as_deref() == Some("claim_out_of_range"), "{}", more.text);
    // Somebody else's receipt is not there.
    let foreign = sim.api("tenant")?.post_with_key("/v1/disputes", "foreign", &ask(first, "slow")).await?;
    ensure!(foreign.status == 404, "{}", foreign.text);

    let opened = bidder.post_with_key("/v1/disputes", "dispute", &ask(first, "It stood still")).await?;
    ensure!(opened.status == 201, "{}", opened.text);
    let id = opened.id()?;
    let dispute = opened.json();
    ensure!(dispute["state"] == "open" && micro(&dispute["claimed"]) == amount, "{dispute}");
    ensure!(dispute["evidence"]["result_hash"].is_string() && dispute["round"] == first["round"], "{dispute}");
    // The same request again has the same answer; another for the receipt is refused.
    let again = bidder.post_with_key("/v1/disputes", "dispute", &ask(first, "It stood still")).await?;
    ensure!(again.text == opened.text, "{}", again.text);
    let twice = bidder.post_with_key("/v1/disputes", "twice", &ask(first, "again")).await?;
    ensure!(twice.status == 409 && refused(&twice).as_deref() == Some("dispute_exists"), "{}", twice.text);
    assert_eq!(disputed(&finance).await?, amount);

    // A member decides nothing, and takes nothing back that is not its own.
    let verdict = json!({ "note": "0.000001", "reason": "Its node was slow" });
    let path = format!("/v1/disputes/{id}/decide");
    ensure!(bidder.post(&path, &verdict).await?.status == 403, "a member decides nothing");
    ensure!(sim.api("operator")?.post(&path, &verdict).await?.status == 403, "nor do operators");
    let foreign = sim.api("tenant")?.post(&format!("/v1/disputes/{id}/withdraw"), &json!({})).await?;
    ensure!(foreign.status == 404, "{}", foreign.text);

    let before = bidder.get("/v1/statements").await?.ok()?;
    let open = finance.list("/v1/disputes?status=open").await?;
    ensure!(open.iter().any(|d| d["id"] == id.as_str()), "finance sees it: {open:?}");
    // Finance sees no swaps but those that a dispute names, with their phases.
    let named = dispute["evidence"]["swaps"].as_array().cloned().unwrap_or_default();
    let swaps = finance.list(&format!("/v1/disputes/{id}/swaps")).await?;
    assert_eq!(swaps.iter().map(|s| s["id"].clone()).collect::<Vec<_>>(), named);
    ensure!(swaps.iter().all(|s| s["phases"].is_array() && s["slot"] == first["slot"]), "{swaps:?}");
    if let Some(swap) = named.first().and_then(Value::as_str) {
        ensure!(finance.get(&format!("/v1/swaps/{swap}")).await?.status == 403, "finance sees no swaps elsewhere");
    }
    let foreign = sim.api("tenant")?.get(&format!("/v1/disputes/{id}/swaps")).await?;
    ensure!(foreign.status == 404, "{}", foreign.text);
    let decided = finance.post(&path, &verdict).await?.ok()?;
    ensure!(decided["state"] == "upheld" && decided["note"] == "0.000001", "{decided}");
    ensure!(finance.post(&path, &json!({ "note": "0", "reason": "no" })).await?.status == 409, "it stays decided");
    let after = bidder.get("/v1/statements").await?.ok()?;
    assert_eq!(micro(&after["totals"]["dispute_notes"]) - micro(&before["totals"]["dispute_notes"]), 1);
    assert_eq!(micro(&after["difference"]), 0, "{after}");
    let csv = bidder.get("/v1/statements.csv").await?.text;
    ensure!(csv.contains("dispute_note,A dispute was upheld"), "{csv}");
    assert_eq!(disputed(&finance).await?, 0);

    // One that is taken back may be opened anew, and waits over a restart.
    let withdrawn = bidder.post_with_key("/v1/disputes", "second", &ask(second, "a mistake")).await?.id()?;
    let back = bidder.post(&format!("/v1/disputes/{withdrawn}/withdraw"), &json!({})).await?.ok()?;
    ensure!(back["state"] == "withdrawn", "{back}");
    bidder.post_with_key("/v1/disputes", "third", &ask(second, "not a mistake")).await?.id()?;
    let list = bidder.list("/v1/disputes").await?;
    // Two of them were opened at one moment of the simulated clock: their ids say nothing of which came first.
    let mut states: Vec<&str> = list.iter().filter_map(|d| d["state"].as_str()).collect();
    states.sort_unstable();
    assert_eq!(states, ["open", "upheld", "withdrawn"]);
    let audit = admin.list("/v1/audit_events?action=dispute.opened,dispute.decided,dispute.withdrawn").await?;
    assert_eq!(audit.len(), 5, "{audit:?}");
    healthy(&sim.server.stop().await?).await
}
