//! The whole ledger, for finance: every account with its balance, what moved by kind and participant, and all transfers as CSV.
use crate::app::App;
use crate::http::auth::Platform;
use crate::http::extract::Query;
use crate::http::finance::{StatementQuery, Totals, period, totals};
use crate::http::problem::{Answered, Problems};
use crate::http::reply::{csv_line, csv_response};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use headroom_market::ids::ParticipantId;
use headroom_market::ledger::Account;
use headroom_market::time::Timestamp;
use headroom_market::units::Credits;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(finance_summary)).routes(routes!(export_ledger))
}

fn owner(account: &str) -> Option<ParticipantId> {
    account.parse::<Account>().ok().and_then(Account::participant)
}

/// The whole ledger in one table, or what of it is a participant's: finance's view.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Summary {
    pub from: Timestamp,
    pub to: Timestamp,
    pub currency: String,
    /// With what was there before `to`.
    pub accounts: Vec<AccountLine>,
    /// Of all balances: 0, or money was made or lost.
    pub sum: Credits,
    /// Totals by kind of transfer in the period.
    pub kinds: Vec<KindTotal>,
    /// Totals of everybody whose money moved in the period: the same as on their statements.
    pub participants: Vec<ParticipantTotals>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ParticipantTotals {
    pub participant: ParticipantId,
    pub participant_name: String,
    pub totals: Totals,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountLine {
    pub account: String,
    pub participant: Option<ParticipantId>,
    pub participant_name: Option<String>,
    pub balance: Credits,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KindTotal {
    pub kind: String,
    /// All that was moved, in whatever direction: the sum of the kind in the ledger's export.
    pub amount: Credits,
    pub count: i64,
    /// The part of it that left participants: what one takes back of a grant, what a fee costs.
    pub from_participants: Credits,
    /// The part of it that came to participants. What moves between two of them is in both, what stays with one in neither.
    pub to_participants: Credits,
}

/// All accounts with their balances, and the totals of a period; of one participant where it is named (`sum` stays that of all).
#[utoipa::path(get, path = "/finance/summary", tag = "finance", operation_id = "getFinanceSummary", params(StatementQuery),
    responses((status = 200, description = "Accounts and totals", body = Summary), Problems))]
async fn finance_summary(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Query(query): Query<StatementQuery>,
) -> Answered<Json<Summary>> {
    by.may("finance:platform")?;
    let period = period(&app, &by, &query)?;
    let directory = app.directory();
    let balances = match period.to > app.now() {
        true => app.store.balances().await?,
        false => app.store.balances_before(period.to.micros()).await?,
    };
    let sum = balances.iter().map(|(_, b)| *b).sum();
    let is_asked_for = |participant: Option<ParticipantId>| query.participant.is_none_or(|p| participant == Some(p));
    let line = |(account, balance): &(Account, Credits)| AccountLine {
        account: account.to_string(),
        participant: account.participant(),
        participant_name: account.participant().and_then(|p| directory.participants.get(&p)).map(|p| p.name.clone()),
        balance: *balance,
    };
    let accounts = balances.iter().filter(|(account, _)| is_asked_for(account.participant())).map(line).collect();
    let moved = app.store.transfer_totals(period.from.micros(), period.to.micros()).await?;
    let mut kinds: BTreeMap<&str, [i64; 4]> = BTreeMap::new();
    let mut by_participant: BTreeMap<ParticipantId, Vec<(&str, i64)>> = BTreeMap::new();
    for total in &moved {
        let (from, to) = (owner(&total.debit), owner(&total.credit));
        if !is_asked_for(from) && !is_asked_for(to) {
            continue;
        }
        let [amount, count, left, came] = kinds.entry(&total.kind).or_default();
        (*amount, *count) = (*amount + total.amount, *count + total.count);
        if from != to {
            *left += from.map_or(0, |_| total.amount);
            *came += to.map_or(0, |_| total.amount);
        }
        // Once if both accounts are its own.
        let moved = [from.filter(|p| to != Some(*p)).map(|p| (p, -total.amount)), to.map(|p| (p, total.amount))];
        for (participant, signed) in moved.into_iter().flatten().filter(|(p, _)| is_asked_for(Some(*p))) {
            by_participant.entry(participant).or_default().push((&total.kind, signed));
        }
    }
    let kind = |(kind, [amount, count, left, came]): (&str, [i64; 4])| KindTotal {
        kind: kind.to_owned(),
        amount: Credits::from_units(amount),
        count,
        from_participants: Credits::from_units(left),
        to_participants: Credits::from_units(came),
    };
    let name = |id: &ParticipantId| directory.participants.get(id).map(|p| p.name.clone()).unwrap_or_default();
    let of = |(participant, amounts): (ParticipantId, Vec<(&str, i64)>)| ParticipantTotals {
        participant,
        participant_name: name(&participant),
        totals: totals(amounts),
    };
    let kinds = kinds.into_iter().map(kind).collect();
    let participants = by_participant.into_iter().map(of).collect();
    Ok(Json(Summary {
        from: period.from,
        to: period.to,
        currency: "credits".to_owned(),
        accounts,
        sum,
        kinds,
        participants,
    }))
}

/// Every transfer of a period as CSV, two legs a line; the totals equal the ledger's. Where a participant is named, those
/// that one of its accounts is in.
#[utoipa::path(get, path = "/finance/ledger.csv", tag = "finance", operation_id = "exportLedger", params(StatementQuery),
    responses((status = 200, description = "RFC 4180, UTF-8", body = String, content_type = "text/csv"), Problems))]
async fn export_ledger(
    State(app): State<Arc<App>>,
    Platform(by): Platform,
    Query(query): Query<StatementQuery>,
) -> Answered<Response> {
    by.may("finance:platform")?;
    let period = period(&app, &by, &query)?;
    let mut text = String::from("at,transfer,kind,debit,credit,amount,order,round,slot\r\n");
    let mut after = String::new();
    loop {
        let lines = app.store.all_transfers(&after, period.from.micros(), period.to.micros(), 5000).await?;
        let Some(last) = lines.last() else { break };
        after = last.id.clone();
        let is_asked_for = |account: &str| query.participant.is_none_or(|p| owner(account) == Some(p));
        for line in lines.iter().filter(|line| is_asked_for(&line.debit) || is_asked_for(&line.credit)) {
            let slot = line.slot.map(|s| Timestamp::from_seconds(s).to_string()).unwrap_or_default();
            text += &csv_line(&[
                Timestamp::from_micros(line.recorded_at).to_string(),
                line.id.clone(),
                line.kind.clone(),
                line.debit.clone(),
                line.credit.clone(),
                Credits::from_units(line.amount).to_string(),
                line.order_id.clone().unwrap_or_default(),
                line.round.map(|r| r.to_string()).unwrap_or_default(),
                slot,
            ]);
        }
    }
    Ok(csv_response("headroom-ledger.csv", text))
}
