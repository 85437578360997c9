//! What a preview warns of, besides its numbers.
use crate::app::costs::{Costs, Scope};
use crate::app::explanation::sentence_of;
use crate::app::last_round::InLastRound;
use headroom_market::book::{Order, OrderRequest, Reason, Side, away};
use headroom_market::project::Project;
use headroom_market::state::State as Market;
use headroom_market::time::Timestamp;
use headroom_market::units::Credits;
use headroom_market::workload::vacate;

/// Under so many slots quantiles of them say little.
const FEW_SLOTS: usize = 20;

pub(super) fn warnings(side: Side, limit: Credits, costs: &Costs, hold: Credits, available: Credits) -> Vec<String> {
    let mut warnings = Vec::new();
    if hold > available {
        warnings
            .push(format!("The hold of {hold} is more than the {available} available: the order would be refused."));
    }
    if !costs.unpriced.is_empty() {
        let names: Vec<&str> = costs.unpriced.iter().map(|resource| resource.name()).collect();
        let own = match side {
            Side::Bid => "Name a limit of your own: up to that you may be charged.",
            Side::Offer => "Name a limit of your own: the least that you take for it.",
        };
        let names = names.join(" or ");
        warnings.push(format!(
            "Nobody has traded {names} there, and the operator asks no price for it: nothing says what this costs. {own}"
        ));
        return warnings;
    }
    match side {
        Side::Bid if costs.scope.limit_for(costs.last) > limit => {
            warnings.push("At the last prices the limit would not be enough.".to_owned())
        }
        Side::Offer if costs.last < limit => warnings.push("At the last prices the limit asks too much.".to_owned()),
        _ => {}
    }
    let Scope { slots, window, .. } = costs.scope;
    if slots < window {
        warnings.push(format!(
            "A run may win that is shorter than the window: the amounts are those of {slots} of its {window} slots, and the limits those of the whole order."
        ));
    }
    match costs.recent.len() {
        0 => warnings
            .push("None of this has been traded in a settled slot yet: expected is the cost at the last prices, without a range.".to_owned()),
        1 => warnings.push("This was traded in one settled slot only: a range from it says little.".to_owned()),
        few if few < FEW_SLOTS => {
            warnings.push(format!("This was traded in only {few} settled slots: range and chances from them say little."));
        }
        _ => {}
    }
    if !costs.recent.is_empty() && !costs.untraded.is_empty() {
        let names: Vec<&str> = costs.untraded.iter().map(|resource| resource.name()).collect();
        warnings.push(format!(
            "No {} has been traded in a settled slot yet: it counts at its last price in all of them.",
            names.join(" and no ")
        ));
    }
    warnings
}

/// That its project has less left than the bid reserves.
pub(super) fn project_warning(project: &Project, left: Credits, hold: Credits) -> Option<String> {
    (hold > left).then(|| {
        format!(
            "Project {} has {left} left, and this bid reserves {hold}: it is refused until other bids of the project are cancelled or its limit is raised.",
            project.name
        )
    })
}

/// What the workload's own strategy keeps the order from, whatever its price.
pub(super) fn strategy_warnings(state: &Market, side: Side, request: &OrderRequest) -> Vec<String> {
    let Some(workload) = request.instance.and_then(|id| state.instances.get(&id)) else { return Vec::new() };
    let strategy = &workload.strategy;
    let mut warnings = Vec::new();
    for (resource, quantity) in &request.resources {
        let Some(most) = strategy.max_swap.get(resource).filter(|most| quantity > *most) else { continue };
        let rest = if request.min_fill.units() as f64 * *quantity as f64 > *most as f64 * 1_000_000.0 {
            "it can't win"
        } else {
            "no more of it can be had"
        };
        warnings.push(format!(
            "The strategy of {} lets rounds change it by at most {most} {resource} in a slot (max_swap): {rest}.",
            workload.name
        ));
    }
    let memory = request.resources.iter().any(|(r, q)| *q > 0 && vacate::is_vacatable(*r));
    if side == Side::Bid && memory && !vacate::is_shown(workload) {
        let seen = match workload.drill.as_ref().filter(|d| d.ended_at.is_some()) {
            Some(drill) => format!("The last drill failed: {}", drill.detail.as_deref().unwrap_or_default()),
            None => "A drill waits for its turn.".to_owned(),
        };
        warnings.push(format!(
            "The bid waits until {} has been shown to give memory back, whatever its chance is then. {seen}",
            workload.name
        ));
    }
    if side == Side::Bid && !request.no_displacement && strategy.move_fee >= request.limit {
        warnings.push(format!(
            "The move fee of {} is {}, not under the limit: the bid wins only where the workload is.",
            workload.name, strategy.move_fee
        ));
    }
    warnings
}

/// A workload that may be carried to another pool buys all of itself there, and nothing else meanwhile.
pub(super) fn away_warning(state: &Market, request: &OrderRequest) -> Option<String> {
    let (pool, workload) =
        request.pools.iter().find_map(|c| Some((&c.pool, away::carried(state, request, &c.pool)?)))?;
    let all = away::amounts(state, request, &request.resources, pool);
    let all: Vec<String> = all.iter().map(|(resource, quantity)| format!("{quantity} {resource}")).collect();
    Some(format!(
        "In {pool} the workload {} is carried whole: the bid buys {} there, its baseline among it. Its other orders wait for rounds in which it is home and this bid is not open.",
        workload.name,
        all.join(", "),
    ))
}

/// A failed move keeps a workload where it is for a while: a bid wins only what its node has.
pub(super) fn pin_warning(state: &Market, now: Timestamp, side: Side, request: &OrderRequest) -> Option<String> {
    let workload = request.instance.and_then(|id| state.instances.get(&id)).filter(|_| side == Side::Bid)?;
    let until = workload.pinned_until.filter(|_| workload.is_pinned(now))?;
    Some(format!(
        "{} stays on its node until {until}, as its last move did not come about: until then the bid wins only what that node has.",
        workload.name
    ))
}

/// That the coming round leaves it out, whatever it pays.
pub(super) fn left_out_warning(reason: Reason, order: &Order) -> String {
    let why = match reason {
        // Of what costs more than the limit before anything is paid for what it buys.
        Reason::OutOfMoney => {
            "The limit is not above what it costs to carry its workload there and home again (`move_fee`, twice), with its adder."
                .to_owned()
        }
        // Only a bid that moves nobody is told so before a round.
        Reason::NoHost => {
            "Its workload is to be on another node in these slots, and this bid moves nobody.".to_owned()
        }
        _ => sentence_of(reason, order),
    };
    format!("As things are the coming round leaves it out ({}). {why}", reason.code())
}

/// What the last round would have left undone of it.
pub(super) fn last_round_warning(side: Side, last: &InLastRound) -> Option<String> {
    let InLastRound { round, part, whole, .. } = last;
    let percent = part.units() / 10_000;
    let part = match (side, part.units()) {
        (_, 1_000_000) => return None,
        (Side::Bid, 0) => format!("In round {round} this bid would have won nothing."),
        (Side::Offer, 0) => format!("In round {round} nobody would have bought any of this at that limit."),
        (Side::Bid, _) => format!("In round {round} it would have won {percent}\u{2009}% of this."),
        (Side::Offer, _) => format!("In round {round} {percent}\u{2009}% of this would have been bought."),
    };
    let all = match (side, whole) {
        (Side::Bid, Some(whole)) => format!(" All of it would have cost {whole}."),
        (Side::Bid, None) => " All of it could not be had at any price.".to_owned(),
        (Side::Offer, _) => String::new(),
    };
    Some(part + &all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_market::ids::ParticipantId;
    use headroom_market::round::left_out::as_open;

    #[test]
    fn who_is_left_out_hears_the_code_and_why() {
        let now = Timestamp::from_seconds(0);
        let request: OrderRequest = serde_json::from_value(serde_json::json!({
            "resources": { "cpu_milli": 100 }, "pools": [{ "pool": "p" }], "limit": "1",
            "window": { "start_at": "2026-11-20T10:20:00Z", "end_at": "2026-11-20T10:21:00Z" },
        }))
        .unwrap();
        let order = as_open(now, ParticipantId::from_raw(1), Side::Bid, &request);
        for (reason, part) in [
            (Reason::WorkloadAway, "until it is home its other orders wait"),
            (Reason::Relocating, "its orders wait until then"),
            (Reason::NeededAtHome, "carry its workload to another pool"),
            (Reason::OutOfMoney, "move_fee"),
            (Reason::NoHost, "moves nobody"),
        ] {
            let said = left_out_warning(reason, &order);
            assert!(said.contains(&format!("({})", reason.code())) && said.contains(part), "{said}");
        }
    }
}
