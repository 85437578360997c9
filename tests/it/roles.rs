//! Who may do what: every operation as nobody and as every role, against a table. A route that
//! is not in the table fails; so does one that answers a stranger's object.
use crate::common::Sim;
use crate::operations::{Names, operations, samples, send, unknown};
use std::collections::BTreeMap;

/// Letters of the roles that an operation lets through: bidder, tenant, finance, admin,
/// operator. `*` is everybody, nobody included.
const TABLE: &[(&str, &str)] = &[
    ("*", "getAbout login logout refreshSession"),
    ("btfao", "getMe listApiKeys listParticipants streamEvents advanceClock"),
    (
        "btfao",
        "listPools getPool getPoolSettings getPoolBook listPoolPrices listReservePrices listNodes listRounds getRound getRoundExternality getRoundResult",
    ),
    ("btfao", "getBalance"),
    ("btao", "getRoundProof listModules"),
    ("btao", "listHints getHint listProfiles getProfile"),
    ("btfa", "getStatement exportStatement listReceipts listDisputes getDispute listDisputeSwaps"),
    ("bt", "openDispute withdrawDispute"),
    ("fa", "decideDispute"),
    ("tfao", "listAuditEvents"),
    (
        "btao",
        "listBids getBid getBidByClientId explainBid listOffers getOffer getOfferByClientId explainOffer listProjects",
    ),
    ("btao", "listInstances getInstance getStrategy getRelocation listAllocations listAwards"),
    ("btao", "listSwaps getSwapHistory getSwapHistoryUnprefixed getSwap getSwapDifferences explainSwap"),
    (
        "btao",
        "getPrediction getPredictionUnprefixed listForecasts listBottlenecks getInstanceMetrics getServiceLevel previewServiceLevel listDrawable",
    ),
    ("bt", "placeBid replaceBid cancelBid cancelBidByClientId cancelAll previewBid"),
    ("bt", "getProject putProject deleteProject"),
    ("bt", "placeOffer replaceOffer cancelOffer cancelOfferByClientId previewOffer"),
    ("bt", "requestSwap requestSwapUnprefixed putStrategy recallLent draw"),
    (
        "t",
        "registerInstance restartInstance drillInstance uploadModule createHint withdrawHint createProfile replaceProfile",
    ),
    ("tfao", "createApiKey revokeApiKey"),
    ("tao", "stopInstance"),
    ("ao", "getRoundAudit"),
    ("fa", "exportLedger getFinanceSummary"),
    (
        "a",
        "createParticipant putQuota grantCredits listUsers createUser createPool createNode haltPool resumePool openRecallable setShortageCost setMovesAtOnce setMoveApproval scheduleReservePrice simulateReservePrice approveReservePrice rejectReservePrice withdrawReservePrice putBaseline",
    ),
    ("ao", "cordonNode drainNode uncordonNode listCandidates adopt"),
    ("o", "heartbeat cancelSwap approveSwap rejectSwap"),
];

const ROLES: [(&str, char); 5] =
    [("bidder", 'b'), ("tenant", 't'), ("finance", 'f'), ("admin", 'a'), ("operator", 'o')];

fn table() -> BTreeMap<&'static str, &'static str> {
    TABLE.iter().flat_map(|(letters, ids)| ids.split(' ').map(move |id| (id, *letters))).collect()
}

#[tokio::test]
async fn every_route_lets_through_whom_the_table_says() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let names = Names::of(&sim).await?;
    let samples = samples(&names);
    let (_, operations) = operations(&sim).await?;
    let mut wrong = unknown(&operations, &samples);
    let table = table();
    for operation in &operations {
        let (Some(letters), Some(sample)) = (table.get(operation.id.as_str()), samples.get(operation.id.as_str()))
        else {
            wrong.push(format!(
                "{} {} ({}) is not in the table of roles",
                operation.method, operation.template, operation.id
            ));
            continue;
        };
        let body = || sample.body.as_ref().map(|b| b.to_string().into_bytes());
        let public = *letters == "*";
        if public != operation.is_public() {
            wrong.push(format!("{}: the document's security says otherwise than the table", operation.id));
        }
        let revoked = format!("xk_test_{}", "a".repeat(64));
        for (who, bearer) in [("nobody", None), ("an unknown key", Some(revoked.as_str()))] {
            let reply = send(&sim.server.nobody().with(bearer), operation, sample, &sample.path, body(), &[]).await?;
            let refused = reply.status == 401 && reply.is_problem();
            if refused == public && operation.id != "login" && operation.id != "refreshSession" {
                wrong.push(format!("{} as {who}: {}", operation.id, reply.status));
            }
        }
        if public {
            continue;
        }
        for (role, letter) in ROLES {
            let reply = send(&sim.api(role)?, operation, sample, &sample.path, body(), &[]).await?;
            let allowed = letters.contains(letter);
            let fits = if allowed {
                !matches!(reply.status, 401 | 403) && reply.status < 500
            } else {
                reply.status == 403 && reply.is_problem()
            };
            if !fits {
                wrong.push(format!("{} as {role}: {} {}", operation.id, reply.status, reply.code()));
            }
        }
    }
    let ids: Vec<&str> = operations.iter().map(|o| o.id.as_str()).collect();
    wrong.extend(
        table.keys().filter(|id| !ids.contains(id)).map(|id| format!("{id} is in the table and not in the API")),
    );
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn another_participants_things_do_not_exist() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let names = Names::of(&sim).await?;
    let samples = samples(&names);
    let (_, operations) = operations(&sim).await?;
    // Everything that the samples name belongs to the demo's tenant; this is somebody else
    // with the same role.
    let stranger = sim.trader("10").await?;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for operation in operations.iter().filter(|o| o.template.contains("{id}")) {
        let Some(sample) = samples.get(operation.id.as_str()) else { continue };
        if sample.role != "tenant" {
            continue;
        }
        asked += 1;
        let body = sample.body.as_ref().map(|b| b.to_string().into_bytes());
        let reply = send(&stranger, operation, sample, &sample.path, body, &[]).await?;
        // Where the body names the stranger's workload too, either may be what is not found.
        if !matches!(reply.status, 404 | 422) || reply.code() != "not_found" || !reply.is_problem() {
            wrong.push(format!("{} of a stranger's object: {} {}", operation.id, reply.status, reply.text));
        }
    }
    assert!(asked > 10, "only {asked} operations were asked");
    for (id, names_instance) in
        [("placeBid", true), ("placeOffer", true), ("createHint", true), ("createProfile", true), ("requestSwap", true)]
    {
        let (Some(operation), Some(sample)) = (operations.iter().find(|o| o.id == id), samples.get(id)) else {
            continue;
        };
        let body = sample.body.as_ref().map(|b| b.to_string().into_bytes());
        let reply = send(&stranger, operation, sample, &sample.path, body, &[]).await?;
        if names_instance && !matches!(reply.status, 404 | 422) {
            wrong.push(format!("{id} with a stranger's workload: {} {}", reply.status, reply.text));
        }
    }
    let statement = format!("/v1/statements?participant={}", names.participant);
    for path in [
        statement.as_str(),
        &statement.replace("statements", "statements.csv"),
        &format!("/v1/prediction?instance_id={}", names.instance),
    ] {
        let reply = stranger.get(path).await?;
        if !matches!(reply.status, 403 | 404) {
            wrong.push(format!("{path}: {}", reply.status));
        }
    }
    for path in [
        "/v1/bids",
        "/v1/offers",
        "/v1/instances",
        "/v1/swaps",
        "/v1/receipts",
        "/v1/awards",
        "/v1/allocations",
        "/v1/allocation_hints",
        "/v1/application_profiles",
        "/v1/forecasts/accuracy",
    ] {
        let list = stranger.get(path).await?.ok()?;
        if list["data"].as_array().is_none_or(|data| !data.is_empty()) {
            wrong.push(format!("{path} shows a newcomer {list}"));
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}
