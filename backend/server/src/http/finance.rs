//! Balances and statements of a participant, as JSON and CSV. The whole ledger is in `ledger.rs`.
use crate::app::App;
use crate::app::directory::Identity;
use crate::http::auth::Anyone;
use crate::http::extract::Query;
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::reply::{csv_line, csv_response};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use headroom_market::ids::ParticipantId;
use headroom_market::ledger::Account;
use headroom_market::notice::Balance;
use headroom_market::time::Timestamp;
use headroom_market::units::Credits;
use headroom_store::read::LedgerLine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(get_balance)).routes(routes!(get_statement)).routes(routes!(export_statement))
}

/// Money of the caller's participant.
#[utoipa::path(get, path = "/balance", tag = "finance", operation_id = "getBalance",
    responses((status = 200, description = "Available and held", body = Balance), Problems))]
async fn get_balance(State(app): State<Arc<App>>, Anyone(by): Anyone) -> Answered<Json<Balance>> {
    by.may("finance:read").or_else(|_| by.may("orders:read"))?;
    Ok(Json(app.sequencer.query(move |s| Balance::of(s, by.participant)).await?))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StatementQuery {
    /// 24 hours ago by default.
    from: Option<Timestamp>,
    /// Now by default; not included.
    to: Option<Timestamp>,
    /// Platform roles may name any participant.
    pub(super) participant: Option<ParticipantId>,
}

/// What happened to a participant's money, like a bank statement: opening + movements = closing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Statement {
    pub participant: ParticipantId,
    pub participant_name: String,
    pub currency: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Available + held before `from`.
    pub opening: Credits,
    pub closing: Credits,
    pub lines: Vec<StatementLine>,
    pub totals: Totals,
    /// opening + Σ lines − closing: zero, or a stored transfer or balance was changed. Opening and lines are of the transfers,
    /// closing is of the balances.
    pub difference: Credits,
    /// More lines exist than are shown; the CSV has all.
    pub truncated: bool,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatementLine {
    pub at: Timestamp,
    pub kind: String,
    pub description: String,
    /// Signed: positive comes in.
    pub amount: Credits,
    /// After this line.
    pub balance: Credits,
    pub order: Option<String>,
    pub round: Option<i64>,
    pub slot: Option<Timestamp>,
    pub transfer: String,
}

#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Totals {
    pub granted: Credits,
    pub charges: Credits,
    pub credit_notes: Credits,
    pub proceeds: Credits,
    /// charges − credit notes: what was paid for deliveries.
    pub net_charges: Credits,
    /// Received less paid, so that it may be below 0.
    pub reservation_fees: Credits,
    /// Received for what lenders kept, less paid for what own workloads kept: may be below 0.
    pub compensations: Credits,
    /// Received because disputes were upheld.
    pub dispute_notes: Credits,
}

/// Lines in a JSON statement; the CSV has no limit.
const MOST_LINES: usize = 2000;

pub(super) struct Period {
    participant: ParticipantId,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

pub(super) fn period(app: &App, by: &Identity, query: &StatementQuery) -> Answered<Period> {
    by.may("finance:read")?;
    let participant = match query.participant {
        Some(other) if other != by.participant => {
            by.may("finance:platform")?;
            other
        }
        _ => by.participant,
    };
    let to = query.to.unwrap_or(app.now().plus_micros(1));
    let from = query.from.unwrap_or(to.plus_seconds(-24 * 3600));
    if from >= to {
        return Err(Problem::field("period_empty", "from", "from must be before to."));
    }
    Ok(Period { participant, from, to })
}

fn accounts_of(participant: ParticipantId) -> [String; 2] {
    [Account::Available(participant), Account::Held(participant)].map(|a| a.to_string())
}

/// All ledger lines of a participant in a period, oldest first. Moves between its own
/// accounts (holds and their release) change nothing and are left out.
async fn movements(app: &App, period: &Period) -> Answered<Vec<(LedgerLine, i64)>> {
    let mut merged: BTreeMap<String, (LedgerLine, i64)> = BTreeMap::new();
    let names = accounts_of(period.participant);
    for account in &names {
        let mut after = String::new();
        loop {
            let (from, to) = (period.from.micros(), period.to.micros());
            let lines = app.store.ledger_lines(account, from, to, &after, 5000).await?;
            let Some(last) = lines.last() else { break };
            after = last.id.clone();
            for line in lines {
                let inside = names.contains(&line.debit) && names.contains(&line.credit);
                if !inside {
                    let signed = if names.contains(&line.credit) { line.amount } else { -line.amount };
                    merged.insert(line.id.clone(), (line, signed));
                }
            }
        }
    }
    let mut lines: Vec<(LedgerLine, i64)> = merged.into_values().collect();
    lines.sort_by(|(a, _), (b, _)| (a.recorded_at, &a.id).cmp(&(b.recorded_at, &b.id)));
    Ok(lines)
}

async fn balance_before(app: &App, participant: ParticipantId, at: Timestamp) -> Answered<Credits> {
    let mut sum = 0;
    for account in &accounts_of(participant) {
        sum += app.store.balance_before(account, at.micros()).await?;
    }
    Ok(Credits::from_units(sum))
}

/// How often a period is read that money still moves in: transactions that are on their way to the disk.
const TRIES: u32 = 5;

/// Opening and lines from the transfers; closing from the balances themselves, less what came after the period. Each is
/// read by itself, so a transfer that was stored in between has all of them read again.
async fn account_of(app: &App, period: &Period) -> Answered<(Credits, Vec<(LedgerLine, i64)>, Credits)> {
    // What is decided from here on belongs to a later statement, or the reading would never end.
    let to = period.to.min(app.now().plus_micros(1)).max(period.from);
    let period = &Period { to, ..*period };
    let mut before = closing(app, period).await?;
    let mut tried = 0;
    loop {
        let opening = balance_before(app, period.participant, period.from).await?;
        let lines = movements(app, period).await?;
        let closing = closing(app, period).await?;
        tried += 1;
        if closing == before || tried == TRIES {
            return Ok((opening, lines, closing));
        }
        before = closing;
    }
}

async fn closing(app: &App, period: &Period) -> Answered<Credits> {
    let units = app.store.ledger_before(&accounts_of(period.participant), period.to.micros()).await?;
    Ok(Credits::from_units(units))
}

fn describe(line: &LedgerLine) -> String {
    let slot = line.slot.map(|s| format!(" for slot {}", Timestamp::from_seconds(s))).unwrap_or_default();
    match line.kind.as_str() {
        "grant" => "Credits granted, or a grant corrected".to_owned(),
        "charge" => match line.round {
            Some(round) => format!("Awarded in round {round}, in escrow until delivery"),
            None if line.slot.is_none() => "Taken at once without a round, in escrow until delivery".to_owned(),
            None => format!("Gone on with{slot} without a round, in escrow until delivery"),
        },
        "credit_note" => format!("Awarded and not delivered, or not there yet when it was taken{slot}"),
        "proceeds" => format!("Lent or resold and delivered{slot}"),
        "compensation" => format!("Lent and kept by its lender's own program{slot}"),
        "dispute_note" => format!("A dispute was upheld: a note on a receipt{slot}"),
        "reservation_fee" => format!("Capacity kept for a workload that could not be moved to it{slot}"),
        other => other.replace('_', " "),
    }
}

/// The totals of a participant's movements with their kinds, in micro-credits, above 0 if they came in.
pub(super) fn totals<'a>(movements: impl IntoIterator<Item = (&'a str, i64)>) -> Totals {
    let mut totals = Totals::default();
    for (kind, signed) in movements {
        let mut amount = signed.abs();
        let total = match kind {
            "grant" => {
                amount = signed;
                &mut totals.granted
            }
            "charge" => &mut totals.charges,
            "credit_note" => &mut totals.credit_notes,
            "proceeds" => &mut totals.proceeds,
            "reservation_fee" => {
                amount = signed;
                &mut totals.reservation_fees
            }
            "compensation" => {
                amount = signed;
                &mut totals.compensations
            }
            "dispute_note" => &mut totals.dispute_notes,
            _ => continue,
        };
        *total += Credits::from_units(amount);
    }
    totals.net_charges = totals.charges - totals.credit_notes;
    totals
}

/// A participant's statement.
#[utoipa::path(get, path = "/statements", tag = "finance", operation_id = "getStatement", params(StatementQuery),
    responses((status = 200, description = "Opening, lines, closing", body = Statement), Problems))]
async fn get_statement(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<StatementQuery>,
) -> Answered<Json<Statement>> {
    let period = period(&app, &by, &query)?;
    let (opening, lines, closing) = account_of(&app, &period).await?;
    let totals = totals(lines.iter().map(|(line, signed)| (line.kind.as_str(), *signed)));
    let mut balance = opening;
    let mut shown = Vec::new();
    for (line, signed) in &lines {
        balance += Credits::from_units(*signed);
        shown.push(StatementLine {
            at: Timestamp::from_micros(line.recorded_at),
            kind: line.kind.clone(),
            description: describe(line),
            amount: Credits::from_units(*signed),
            balance,
            order: line.order_id.clone(),
            round: line.round,
            slot: line.slot.map(Timestamp::from_seconds),
            transfer: line.id.clone(),
        });
    }
    let truncated = shown.len() > MOST_LINES;
    if truncated {
        shown.drain(..shown.len() - MOST_LINES);
    }
    let directory = app.directory();
    let participant_name = directory.participants.get(&period.participant).map(|p| p.name.clone());
    let participant_name = participant_name.ok_or_else(|| Problem::not_found("participant"))?;
    Ok(Json(Statement {
        participant: period.participant,
        participant_name,
        currency: "credits".to_owned(),
        from: period.from,
        to: period.to,
        opening,
        closing,
        lines: shown,
        totals,
        difference: balance - closing,
        truncated,
    }))
}

/// A participant's statement as CSV, all lines.
#[utoipa::path(get, path = "/statements.csv", tag = "finance", operation_id = "exportStatement", params(StatementQuery),
    responses((status = 200, description = "RFC 4180, UTF-8", body = String, content_type = "text/csv"), Problems))]
async fn export_statement(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Query(query): Query<StatementQuery>,
) -> Answered<Response> {
    let period = period(&app, &by, &query)?;
    let lines = movements(&app, &period).await?;
    let mut balance = balance_before(&app, period.participant, period.from).await?;
    let mut text = String::from("at,kind,description,amount,balance,order,round,slot,transfer\r\n");
    for (line, signed) in &lines {
        balance += Credits::from_units(*signed);
        let slot = line.slot.map(|s| Timestamp::from_seconds(s).to_string()).unwrap_or_default();
        text += &csv_line(&[
            Timestamp::from_micros(line.recorded_at).to_string(),
            line.kind.clone(),
            describe(line),
            Credits::from_units(*signed).to_string(),
            balance.to_string(),
            line.order_id.clone().unwrap_or_default(),
            line.round.map(|r| r.to_string()).unwrap_or_default(),
            slot,
            line.id.clone(),
        ]);
    }
    Ok(csv_response(&format!("headroom-statement-{}.csv", period.participant), text))
}
