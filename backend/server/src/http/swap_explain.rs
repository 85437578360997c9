//! Why a workload was resized or moved, who gained, and what its owner is paid: for whom it happens to.
use crate::app::App;
use crate::http::auth::Anyone;
use crate::http::extract::Path;
use crate::http::problem::{Answered, Problem, Problems};
use axum::Json;
use axum::extract::State;
use headroom_market::ids::{InstanceId, SwapId};
use headroom_market::record::Table;
use headroom_market::swap::Swap;
use headroom_market::swap::cause::{Cause, CauseKind};
use headroom_market::swap::pair::{Counterpart, Pair};
use headroom_market::swap::saga::SUPERSEDED;
use headroom_market::units::{Amounts, Credits, Resource, amount};
use headroom_market::workload::vacate;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Why a swap is made, and who has what from it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SwapExplanation {
    pub swap: SwapId,
    /// All of it for people.
    pub sentence: String,
    pub because: Vec<Because>,
    /// Who has what the workload gives up in the slot.
    pub gained: Vec<Gained>,
    /// For what it won in the slot, at the rounds' prices.
    pub pays: Credits,
    /// For what it lends and sold on, if all of it is there: settlement takes off what was not.
    pub is_paid: Credits,
}

/// One reason.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Because {
    #[serde(flatten)]
    pub cause: Cause,
    pub sentence: String,
}

/// Somebody who has something from it. Other members are not named.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Gained {
    pub resource: Resource,
    /// Base units.
    pub quantity: i64,
    pub counterpart: Counterpart,
    /// Of the same member.
    pub instance: Option<InstanceId>,
    pub sentence: String,
}

/// Why a swap is made: what its workload won, lent, sold on or had taken back, who gained, and what is paid for it.
#[utoipa::path(get, path = "/swaps/{id}/explain", tag = "swaps", operation_id = "explainSwap", params(("id" = SwapId, Path, description = "Swap")),
    responses((status = 200, description = "Reasons, who gained, and what is paid", body = SwapExplanation), Problems))]
pub async fn explain_swap(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<SwapId>,
) -> Answered<Json<SwapExplanation>> {
    by.may("swaps:read")?;
    let document = app.store.get(Table::Swaps, &by.scope(), &id.to_string()).await?;
    let document = document.ok_or_else(|| Problem::not_found("swap"))?;
    let swap: Swap = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    let (from, to) = (swap.node_from, swap.node_to);
    let look = move |s: &headroom_market::state::State| {
        let name = |id| s.nodes.get(&id).map(|n| n.name.clone());
        (name(from), name(to))
    };
    let (from, to) = app.sequencer.query(look).await?;
    let names = (from.unwrap_or_else(|| swap.node_from.to_string()), to.unwrap_or_else(|| swap.node_to.to_string()));
    Ok(Json(explain(&swap, &names.0, &names.1)))
}

fn explain(swap: &Swap, from: &str, to: &str) -> SwapExplanation {
    let because: Vec<Because> =
        merged(&swap.causes).into_iter().map(|cause| Because { sentence: sentence_of(&cause, swap), cause }).collect();
    let gained: Vec<Gained> = swap.pairs.iter().filter(|p| p.quantity < 0).map(gained).collect();
    let sum = |kinds: &[CauseKind]| -> Credits {
        swap.causes.iter().filter(|c| kinds.contains(&c.kind)).map(|c| c.money).sum()
    };
    let (pays, is_paid) = (sum(&[CauseKind::Won]), sum(&[CauseKind::Lent, CauseKind::Sold]));
    let mut parts = vec![head(swap, from, to)];
    if because.is_empty() {
        parts.push("Nothing of what it won or lent asks for it: its baseline changed, or it takes up again what it should have.".to_owned());
    }
    parts.extend(because.iter().map(|b| b.sentence.clone()));
    parts.extend(gained.iter().map(|g| g.sentence.clone()));
    parts.extend(ended(swap));
    SwapExplanation { swap: swap.id, sentence: parts.join(" "), because, gained, pays, is_paid }
}

/// Several orders may have won the same: one sentence for all of it. Those of one order keep its name.
fn merged(causes: &[Cause]) -> Vec<Cause> {
    let mut all: BTreeMap<(CauseKind, String, Resource), Cause> = BTreeMap::new();
    for cause in causes {
        let key = (cause.kind, cause.pool.clone(), cause.resource);
        all.entry(key)
            .and_modify(|sum| {
                sum.quantity += cause.quantity;
                sum.money += cause.money;
                sum.order = sum.order.filter(|order| Some(*order) == cause.order);
                sum.award = None;
            })
            .or_insert_with(|| cause.clone());
    }
    all.into_values().collect()
}

fn head(swap: &Swap, from: &str, to: &str) -> String {
    let name = if swap.instance_name.is_empty() { swap.instance.to_string() } else { swap.instance_name.clone() };
    let slot = swap.slot;
    if swap.moves() {
        let (before, after) = (bundle(&swap.limits_from), bundle(&swap.limits_to));
        return format!(
            "{name} goes from {from} to {to} for the slot {slot}, and has {after} there instead of {before}."
        );
    }
    let changes: Vec<String> = changed(swap)
        .map(|(resource, before, after)| {
            let verb = if after < before { "shrinks" } else { "grows" };
            format!("{verb} from {} to {}", quantity(resource, before), quantity(resource, after))
        })
        .collect();
    match changes.as_slice() {
        [] => format!("{name} keeps what it has in the slot {slot}."),
        changes => format!("{name} {} in the slot {slot}.", changes.join(" and ")),
    }
}

fn changed(swap: &Swap) -> impl Iterator<Item = (Resource, i64, i64)> + '_ {
    let resources: std::collections::BTreeSet<Resource> =
        swap.limits_from.keys().chain(swap.limits_to.keys()).copied().collect();
    let pair = |r| (r, amount(&swap.limits_from, r), amount(&swap.limits_to, r));
    resources.into_iter().map(pair).filter(|(_, before, after)| before != after)
}

fn sentence_of(cause: &Cause, swap: &Swap) -> String {
    let what = quantity(cause.resource, cause.quantity);
    let money = cause.money;
    match cause.kind {
        CauseKind::Won if swap.moves() => {
            format!("It won {what} for {money} credits, and its bid says that it may go where there is room for it.")
        }
        CauseKind::Won => format!("It won {what} for {money} credits."),
        CauseKind::Lent => format!("It lends {what}, and is paid {money} credits for it."),
        CauseKind::Sold => {
            format!("What it had won was sold on, {what} of it: it is paid {money} credits.")
        }
        CauseKind::Recalled => format!(
            "The lender of {what} that it had bought as recallable took it back; from then on it does not pay for it (a whole slot costs {money} credits)."
        ),
        CauseKind::TakenBack => format!(
            "It takes back {what} that it had lent; from then on it is not paid for it (a whole slot brings {money} credits)."
        ),
        CauseKind::Stayed => format!(
            "It won {what} on another node and can't be moved now: it does not get that, and does not pay the {money} credits."
        ),
        CauseKind::Ended => format!("The {what} beyond its baseline that it had before end."),
        CauseKind::Returned => format!("The {what} that it had lent before come back."),
    }
}

fn gained(pair: &Pair) -> Gained {
    let quantity_given = -pair.quantity;
    let what = quantity(pair.resource, quantity_given);
    let who = match pair.counterpart {
        Counterpart::Operator => "the operator",
        Counterpart::Own => "another workload of the same member",
        Counterpart::AnotherMember => "another member",
    };
    let place = match pair.distance {
        0 => "on the same node",
        1 | 2 => "in the same POP",
        _ => "in another POP",
    };
    let sentence = format!("{what} of it go to {who}, {place}.");
    let (counterpart, instance) = (pair.counterpart, pair.instance);
    Gained { resource: pair.resource, quantity: quantity_given, counterpart, instance, sentence }
}

/// How it ended, where it did not come to what was planned.
fn ended(swap: &Swap) -> Option<String> {
    Some(match swap.reason.as_deref()? {
        SUPERSEDED => "A newer plan took its place before it began.".to_owned(),
        vacate::VACATED => {
            "The program kept memory that was no longer its own: the workload was stopped, as its owner had chosen."
                .to_owned()
        }
        reason => format!(
            "It did not come to that ({}): the workload has what it had before. What was won and is not there is credited.",
            reason.replace('_', " ")
        ),
    })
}

fn bundle(amounts: &Amounts) -> String {
    let parts: Vec<String> = amounts.iter().filter(|(_, q)| **q > 0).map(|(r, q)| quantity(*r, *q)).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(" + ") }
}

/// A quantity in the units of the pages.
fn quantity(resource: Resource, base: i64) -> String {
    match resource {
        Resource::CpuMilli => milli(base, "core", "cores"),
        Resource::GpuMilli => milli(base, "device", "devices"),
        Resource::MemMib => format!("{base} MiB"),
        Resource::StorageGib => format!("{base} GiB"),
        Resource::IoMbps => format!("{base} MB/s"),
        Resource::NetMbps => format!("{base} Mbit/s"),
    }
}

fn milli(base: i64, one: &str, many: &str) -> String {
    let text = format!("{}.{:03}", base / 1000, base % 1000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {}", if base == 1000 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01m7w6c380fh08zv3bjp1wmpmd";

    fn cause(kind: &str, resource: &str, quantity: i64, money: &str) -> serde_json::Value {
        serde_json::json!({ "kind": kind, "order": format!("bid_{ID}"), "award": format!("awd_{ID}"), "pool": "p", "resource": resource, "quantity": quantity, "money": money })
    }

    fn swap(causes: &[serde_json::Value], moves: bool, reason: Option<&str>) -> Swap {
        let other = "nod_01m7w6c380fh08zv3bjp1wmpme";
        serde_json::from_value(serde_json::json!({
            "id": format!("swp_{ID}"), "participant": format!("par_{ID}"), "instance": format!("ins_{ID}"), "instance_name": "spell",
            "state": "done", "method": "resize", "pool_from": "p", "pool_to": "p", "node_from": format!("nod_{ID}"),
            "node_to": if moves { other.to_owned() } else { format!("nod_{ID}") },
            "limits_from": { "cpu_milli": 1300, "mem_mib": 700 }, "limits_to": { "cpu_milli": 1000, "mem_mib": 700 },
            "slot": "2026-11-20T10:20:00Z", "expected_gain": "0", "deadline": "2026-11-20T10:20:00Z", "depends_on": [],
            "pairs": [{ "pool": "p", "resource": "cpu_milli", "quantity": -300, "counterpart": "another_member", "instance": null, "distance": 0 }],
            "causes": causes, "epoch": 1, "phases": [], "bytes": 0, "downtime_micros": null, "positions_compared": 0, "difference_count": 0,
            "differences": [], "considered": [], "reason": reason, "cancel_requested": null,
            "created_at": "2026-11-20T10:19:00Z", "ended_at": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_lender_is_told_why_it_shrinks_who_gained_and_what_it_is_paid() {
        let lent = [cause("lent", "cpu_milli", 100, "0.1"), cause("lent", "cpu_milli", 200, "0.25")];
        let said = explain(&swap(&lent, false, None), "a", "a");
        assert_eq!(
            said.sentence,
            "spell shrinks from 1.3 cores to 1 core in the slot 2026-11-20T10:20:00Z. It lends 0.3 cores, and is paid 0.350000 credits for it. 0.3 cores of it go to another member, on the same node."
        );
        assert_eq!((said.is_paid.to_string(), said.pays.to_string()), ("0.350000".to_owned(), "0.000000".to_owned()));
        assert_eq!((said.because.len(), said.gained.len(), said.gained[0].quantity), (1, 1, 300));
    }

    #[test]
    fn who_is_moved_is_told_where_and_for_which_bid() {
        let said = explain(&swap(&[cause("won", "cpu_milli", 400, "2")], true, None), "a", "b").sentence;
        assert!(said.starts_with("spell goes from a to b for the slot"), "{said}");
        assert!(said.contains("It won 0.4 cores for 2.000000 credits, and its bid says that it may go"), "{said}");
    }

    #[test]
    fn who_is_recalled_is_told_that_the_lender_took_it_back() {
        let causes = [cause("recalled", "cpu_milli", 300, "0.3"), cause("ended", "cpu_milli", 300, "0")];
        let said = explain(&swap(&causes, false, None), "a", "a").sentence;
        assert!(said.contains("The lender of 0.3 cores that it had bought as recallable took it back"), "{said}");
    }

    #[test]
    fn what_did_not_come_about_says_so() {
        let said = explain(&swap(&[], true, Some("shadow_mismatch")), "a", "b").sentence;
        assert!(said.contains("Nothing of what it won or lent asks for it"), "{said}");
        assert!(said.ends_with("It did not come to that (shadow mismatch): the workload has what it had before. What was won and is not there is credited."), "{said}");
    }
}
