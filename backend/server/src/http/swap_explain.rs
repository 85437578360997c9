//! Why a workload was resized or moved, who gained, and what its owner is paid: for whom it happens to.
use crate::app::App;
use crate::http::auth::Anyone;
use crate::http::extract::Path;
use crate::http::problem::{Answered, Problem, Problems};
use axum::Json;
use axum::extract::State;
use headroom_market::ids::{InstanceId, SwapId};
use headroom_market::pool::recallable;
use headroom_market::record::Table;
use headroom_market::round::safe_state::LeftOut;
use headroom_market::swap::approval;
use headroom_market::swap::cause::{Cause, CauseKind};
use headroom_market::swap::pair::{Counterpart, Pair};
use headroom_market::swap::saga::SUPERSEDED;
use headroom_market::swap::{Swap, SwapState};
use headroom_market::units::{Amounts, Credits, Resource, amount};
use headroom_market::workload::{RelocationRule, vacate};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;

/// Why a swap is made, and who has what from it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SwapExplanation {
    pub swap: SwapId,
    /// All of it for people.
    pub sentence: String,
    pub because: Vec<Because>,
    /// What it had in the slot before beside its baseline, where that is over and no reason above says so.
    pub until_then: Option<String>,
    /// Who has what the workload gives up in the slot.
    pub gained: Vec<Gained>,
    /// For the slot, if all of it is delivered. `null` where only the receipt can say it: something was taken back or
    /// stays away, the swap did not come to what was planned, or it is older than this.
    pub pays: Option<Credits>,
    /// The same of what it lends and sold on.
    pub is_paid: Option<Credits>,
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
    let causes = swap.causes.as_slice();
    let because = |cause: &Cause| Because { sentence: sentence_of(cause), cause: cause.clone() };
    let because: Vec<Because> = causes.iter().map(because).collect();
    let given = swap.pairs.iter().filter(|p| p.quantity < 0).map(given);
    let gained: Vec<Gained> = given.chain(causes.iter().filter_map(taken)).collect();
    let only_the_receipt =
        |c: &Cause| matches!(c.kind, CauseKind::Drawn | CauseKind::Recalled | CauseKind::TakenBack | CauseKind::Stayed);
    let is_known = swap.reason.is_none() && !causes.iter().any(only_the_receipt);
    let sum = |of: fn(&Cause) -> Credits| is_known.then(|| causes.iter().map(of).sum());
    let mut parts = vec![head(swap, from, to)];
    if because.is_empty() {
        parts.push(PLAIN.to_owned());
    }
    parts.extend(because.iter().map(|b| b.sentence.clone()));
    let until_then = (!because.is_empty()).then(|| until_then(swap, causes)).flatten();
    parts.extend(until_then.clone());
    parts.extend(gained.iter().map(|g| g.sentence.clone()));
    parts.extend(waits(swap));
    parts.extend(ended(swap));
    if !is_known {
        parts.push("What it comes to is on the receipts of the slot.".to_owned());
    }
    let (pays, is_paid) = (sum(|c| c.pays), sum(|c| c.is_paid));
    SwapExplanation { swap: swap.id, sentence: parts.join(" "), because, until_then, gained, pays, is_paid }
}

/// Where nothing was won or lent for the slot.
const PLAIN: &str =
    "It is to have its baseline: what it had won or lent until now is over, or the baseline was changed.";

fn head(swap: &Swap, from: &str, to: &str) -> String {
    let name = if swap.instance_name.is_empty() { swap.instance.to_string() } else { swap.instance_name.clone() };
    let slot = swap.slot;
    if swap.moves() {
        let (before, after) = (bundle(&swap.limits_from), bundle(&swap.limits_to));
        let why = why_it_moves(swap);
        return format!(
            "{name} goes from {from} to {to} for the slot {slot}: {why}. It has {after} there instead of {before}."
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

/// What a resized workload had won or lent beside its baseline until now: the reasons say how its new limits differ from
/// the baseline, and what its old ones did is over. Not where something changes within a slot, or says so itself.
fn until_then(swap: &Swap, causes: &[Cause]) -> Option<String> {
    use CauseKind::{
        Drained, Drawn, Lent, LentOn, NotRolled, Recalled, Relocated, Rolled, Sold, Stayed, TakenBack, Won,
    };
    let tells_itself = |c: &Cause| matches!(c.kind, Drawn | NotRolled | Recalled | Stayed | TakenBack);
    if swap.moves() || causes.iter().any(tells_itself) {
        return None;
    }
    let beside = |resource: Resource| -> i64 {
        let of = |c: &Cause| match c.kind {
            Won | Rolled => c.quantity,
            Lent | LentOn => -c.quantity,
            Sold | Drained | Drawn | NotRolled | Recalled | Relocated | Stayed | TakenBack => 0,
        };
        causes.iter().filter(|c| c.resource == resource).map(of).sum()
    };
    let had = changed(swap).filter_map(|(resource, before, after)| {
        let over = before - (after - beside(resource));
        let word = if over > 0 { "more" } else { "less" };
        (over != 0).then(|| format!("{} {word}", quantity(resource, over.abs())))
    });
    let had: Vec<String> = had.collect();
    (!had.is_empty()).then(|| {
        format!(
            "Until then it had {} than its baseline, for slots that are over now, or its baseline was changed.",
            had.join(" and ")
        )
    })
}

fn why_it_moves(swap: &Swap) -> String {
    let wins = |pool: &str| {
        let won = swap.causes.iter().filter(|c| c.kind == CauseKind::Won);
        won.into_iter().any(|c| recallable::firm(&c.pool) == pool)
    };
    if swap.causes.iter().any(|c| c.kind == CauseKind::Drained) {
        return "its node is drained".to_owned();
    }
    if let Some(rule) = swap.causes.iter().find_map(|c| c.rule) {
        let gain = swap.expected_gain;
        return match rule {
            RelocationRule::Score => format!(
                "its score is better in the pool {}, its own from then on: it is expected to gain {gain} credits a slot",
                swap.pool_to
            ),
            RelocationRule::Risk => format!(
                "its need may pass what the pool {} can give: {} is its own from then on, at a difference of {gain} credits a slot",
                swap.pool_from, swap.pool_to
            ),
        };
    }
    match swap.pool_from == swap.pool_to {
        true if wins(&swap.pool_to) => "its node has no room for all that it won".to_owned(),
        true => "its place in this slot is there".to_owned(),
        // Of another pool all is bought, and nothing of it at home.
        false if wins(&swap.pool_to) && !swap.limits_to.is_empty() => {
            format!("what it won for the slot is in the pool {}", swap.pool_to)
        }
        false => format!("what it had won in the pool {} is over, and it comes home", swap.pool_from),
    }
}

fn changed(swap: &Swap) -> impl Iterator<Item = (Resource, i64, i64)> + '_ {
    let resources: BTreeSet<Resource> = swap.limits_from.keys().chain(swap.limits_to.keys()).copied().collect();
    let pair = |r| (r, amount(&swap.limits_from, r), amount(&swap.limits_to, r));
    resources.into_iter().map(pair).filter(|(_, before, after)| before != after)
}

fn sentence_of(cause: &Cause) -> String {
    let what = quantity(cause.resource, cause.quantity);
    let (pays, is_paid) = (cause.pays, cause.is_paid);
    let may_go = recallable::is_recallable(&cause.pool);
    match cause.kind {
        CauseKind::Won if may_go => format!("It has {what} that their lenders may take back, for {pays} credits."),
        CauseKind::Won => format!("It won {what} for {pays} credits."),
        CauseKind::Drawn => format!(
            "It took {what} in the slot itself, as they were free: for {pays} credits a whole slot, of which it pays the time from then on."
        ),
        CauseKind::Drained => format!("Its node is drained: its baseline of {what} goes to another one."),
        CauseKind::Relocated => {
            format!(
                "Its strategy allows the pool {}, and a rule asked for it: its baseline of {what} goes there.",
                cause.pool
            )
        }
        CauseKind::Lent if may_go => format!("It lends {what} that it may take back, and is paid {is_paid} credits."),
        CauseKind::Lent => format!("It lends {what}, and is paid {is_paid} credits."),
        CauseKind::Sold => {
            format!(
                "It had won another {what} for {pays} credits, and later bids took them over for {is_paid} credits."
            )
        }
        CauseKind::Recalled => format!(
            "In this slot {what} that it had bought as recallable were taken back by who had lent them; it pays for the time before."
        ),
        CauseKind::TakenBack => {
            format!("In this slot it has taken back {what} of what it had lent; it is paid for the time before.")
        }
        CauseKind::Rolled => format!(
            "No round was held for this slot: it goes on with {what} that it had in the slot before, for {pays} credits at the administered price."
        ),
        CauseKind::LentOn => format!(
            "No round was held for this slot: it goes on lending {what}, and is paid {is_paid} credits at the administered price."
        ),
        CauseKind::NotRolled => {
            let why = cause.left_out.map_or("what it had won is over", why_left_out);
            format!("No round was held for this slot, and it does not go on with {what} that it had: {why}.")
        }
        CauseKind::Stayed => {
            format!(
                "It won {what} and was to go to another node for that; it can't be moved now, and does not get that."
            )
        }
    }
}

fn why_left_out(reason: LeftOut) -> &'static str {
    match reason {
        LeftOut::LetsGo => "its owner has said that it lets go then",
        LeftOut::PriceBeyondLimit => "the administered price is above the limit of its bid",
        LeftOut::NoPrice => "nothing of the kind has ever had a price",
        LeftOut::InsufficientFunds => "its owner's available balance is too small",
        LeftOut::ProjectExhausted => "its project has too little left",
        LeftOut::NoHostFits => "its node has no room for it, or nobody goes on lending it there",
        LeftOut::WorkloadLimit => "its own limits allow no more",
        LeftOut::Elsewhere => "what a workload has in another pool than its own ends with its slot",
        LeftOut::LeavesNode => "it is on another node in this slot",
    }
}

fn given(pair: &Pair) -> Gained {
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
    let sentence = format!("{what} go to {who}, {place}.");
    let (counterpart, instance) = (pair.counterpart, pair.instance);
    Gained { resource: pair.resource, quantity: quantity_given, counterpart, instance, sentence }
}

/// Who has what was sold on, or taken back: nobody trades with itself.
fn taken(cause: &Cause) -> Option<Gained> {
    let what = quantity(cause.resource, cause.quantity);
    let sentence = match cause.kind {
        CauseKind::Sold => format!("{what} go to later bids of other members."),
        CauseKind::Recalled => format!("{what} are with the members again who had lent them."),
        _ => return None,
    };
    let (resource, quantity, counterpart) = (cause.resource, cause.quantity, Counterpart::AnotherMember);
    Some(Gained { resource, quantity, counterpart, instance: None, sentence })
}

/// For whom it waits.
fn waits(swap: &Swap) -> Option<String> {
    let asked = swap.approval.as_ref().filter(|_| swap.is_live() && swap.is_unanswered())?;
    if let Some(withdrawn) = &asked.withdrawn {
        return Some(format!("It needs no approval any more, and ends in a moment: {}.", withdrawn.detail));
    }
    let by = asked.answer_by;
    Some(match swap.state {
        SwapState::AwaitingApproval => {
            let at = swap.positions_compared;
            format!("Its shadow run gave the same at {at} inputs, and goes on. An operator has to approve it by {by}.")
        }
        _ => format!("An operator has to approve it by {by}, once its shadow run has passed."),
    })
}

/// How it ended, where it did not come to what was planned.
fn ended(swap: &Swap) -> Option<String> {
    Some(match swap.reason.as_deref()? {
        SUPERSEDED => "A newer plan took its place before it was made.".to_owned(),
        vacate::VACATED => {
            "The program kept memory that was no longer its own: the workload was stopped, as its owner had chosen."
                .to_owned()
        }
        approval::REJECTED => {
            let answer = swap.approval.as_ref().and_then(|a| a.answer.as_ref());
            let why = answer.and_then(|a| a.reason.as_deref()).unwrap_or("no reason is known");
            format!(
                "An operator did not approve it ({why}): the workload stays, and the exchange bears what that costs others."
            )
        }
        approval::EXPIRED => {
            "No operator approved it in time: the workload stays, and the exchange bears what that costs others."
                .to_owned()
        }
        reason => {
            format!("It did not come to that ({}): the workload has what it had before.", reason.replace('_', " "))
        }
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

    fn cause(kind: &str, quantity: i64, pays: &str, is_paid: &str) -> serde_json::Value {
        serde_json::json!({ "kind": kind, "order": format!("bid_{ID}"), "orders": 1, "pool": "p", "resource": "cpu_milli", "quantity": quantity, "pays": pays, "is_paid": is_paid })
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
            "differences": [], "reason": reason, "cancel_requested": null,
            "created_at": "2026-11-20T10:19:00Z", "ended_at": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_lender_is_told_why_it_shrinks_who_gained_and_what_it_is_paid() {
        let said = explain(&swap(&[cause("lent", 300, "0", "0.35")], false, None), "a", "a");
        assert_eq!(
            said.sentence,
            "spell shrinks from 1.3 cores to 1 core in the slot 2026-11-20T10:20:00Z. It lends 0.3 cores, and is paid 0.350000 credits. 0.3 cores go to another member, on the same node."
        );
        let money = (said.is_paid.map(|c| c.to_string()), said.pays.map(|c| c.to_string()));
        assert_eq!(money, (Some("0.350000".to_owned()), Some("0.000000".to_owned())));
        assert_eq!((said.because.len(), said.gained.len(), said.gained[0].quantity), (1, 1, 300));
    }

    #[test]
    fn who_is_moved_is_told_why() {
        let won = cause("won", 400, "2", "0");
        let said = explain(&swap(std::slice::from_ref(&won), true, None), "a", "b").sentence;
        assert!(said.starts_with("spell goes from a to b for the slot"), "{said}");
        assert!(said.contains("its node has no room for all that it won. It has 1 core + 700 MiB there"), "{said}");
        let mut home = swap(&[], true, None);
        home.pool_from = "q".into();
        let said = explain(&home, "a", "b").sentence;
        assert!(said.contains("what it had won in the pool q is over, and it comes home"), "{said}");
        let mut away = swap(&[won], true, None);
        away.pool_from = "q".into();
        assert!(explain(&away, "a", "b").sentence.contains("what it won for the slot is in the pool p"));
    }

    #[test]
    fn what_was_sold_on_had_its_price_too() {
        let said = explain(&swap(&[cause("sold", 300, "1.44", "2.016")], false, None), "a", "a");
        assert!(
            said.sentence.contains(
                "It had won another 0.3 cores for 1.440000 credits, and later bids took them over for 2.016000 credits."
            ),
            "{}",
            said.sentence
        );
        assert_eq!(said.pays.map(|c| c.to_string()).as_deref(), Some("1.440000"));
        assert!(said.gained.iter().any(|g| g.sentence.contains("later bids of other members")));
    }

    /// What was lent for the slot before comes back beside what is won for this one.
    #[test]
    fn what_was_there_until_then_is_told_where_it_is_over() {
        let mut grows = swap(&[cause("won", 200, "1", "0")], false, None);
        (grows.limits_from, grows.limits_to) = (grows.limits_to, grows.limits_from);
        let said = explain(&grows, "a", "a");
        let expected = "Until then it had 0.1 cores less than its baseline, for slots that are over now, or its baseline was changed.";
        assert_eq!(said.until_then.as_deref(), Some(expected));
        assert!(said.sentence.contains(expected), "{}", said.sentence);
        // all of the change is what it won
        let mut only = swap(&[cause("won", 300, "1", "0")], false, None);
        (only.limits_from, only.limits_to) = (only.limits_to, only.limits_from);
        assert_eq!(explain(&only, "a", "a").until_then, None);
        // the recall is the change
        assert_eq!(explain(&swap(&[cause("recalled", 300, "0", "0")], false, None), "a", "a").until_then, None);
    }

    #[test]
    fn only_the_receipt_knows_what_is_paid_for_a_part_of_a_slot() {
        for (causes, reason) in [
            (vec![cause("recalled", 300, "0", "0")], None),
            (vec![cause("won", 300, "1", "0")], Some("shadow_mismatch")),
        ] {
            let said = explain(&swap(&causes, false, reason), "a", "a");
            assert_eq!((said.pays, said.is_paid), (None, None));
            assert!(said.sentence.ends_with("What it comes to is on the receipts of the slot."), "{}", said.sentence);
        }
    }

    #[test]
    fn without_a_round_it_is_told_what_goes_on() {
        let said = explain(&swap(&[cause("lent_on", 300, "0", "0.2")], false, None), "a", "a");
        assert!(
            said.sentence.contains("it goes on lending 0.3 cores, and is paid 0.200000 credits"),
            "{}",
            said.sentence
        );
        assert_eq!(said.is_paid.map(|c| c.to_string()).as_deref(), Some("0.200000"));
        let mut left = cause("not_rolled", 300, "0", "0");
        left["left_out"] = "PRICE_BEYOND_LIMIT".into();
        let said = explain(&swap(&[left], false, None), "a", "a").sentence;
        assert!(said.contains("does not go on with 0.3 cores that it had: the administered price is above"), "{said}");
    }

    #[test]
    fn no_reasons_are_made_up() {
        let plain = explain(&swap(&[], false, None), "a", "a");
        assert!(plain.sentence.contains(PLAIN) && plain.pays == Some(Credits::ZERO), "{}", plain.sentence);
    }
}
