//! Before an order: what it would hold, cost and win.
//!
//! Every amount but the hold comes from one list: what the order would have cost in each of the
//! latest settled slots. Whether the nodes are large enough for it is asked of the nodes.
use crate::app::App;
use crate::app::costs::bundle_costs;
use crate::app::directory::Identity;
use crate::app::last_round::{InLastRound, in_last_round};
use crate::http::auth::Member;
use crate::http::extract::Body;
use crate::http::preview_warnings::{
    away_warning, last_round_warning, left_out_warning, pin_warning, project_warning, strategy_warnings, warnings,
};
use crate::http::problem::{Answered, Problem, Problems};
use crate::http::recalled_before::{firm_instead, recalled_before};
use axum::Json;
use axum::extract::State;
use headroom_market::book::{Assurance, OrderRequest, Side, away, place, validate};
use headroom_market::ids::ParticipantId;
use headroom_market::pool::NodeState;
use headroom_market::project;
use headroom_market::round::left_out;
use headroom_market::round::occupancy::Occupancy;
use headroom_market::state::State as Market;
use headroom_market::time::{Slot, Timestamp};
use headroom_market::units::{Credits, amount};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;

/// What an order would do if its slots cost what the latest slots have cost. No effect.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preview {
    pub hold: Credits,
    pub currency: String,
    /// Cost (of a bid) or proceeds (of an offer) of the best alternative: the median over the
    /// latest slots, or without any at the last prices; `null` where something of it has neither.
    pub expected: Option<Credits>,
    /// For how many slots that is: of a bid that takes shorter runs of its window, the run that would win at these
    /// prices. The limits are those of the whole order.
    pub slots: u32,
    /// Where four of five of the latest slots lie; `expected` is always inside.
    pub expected_low: Option<Credits>,
    pub expected_high: Option<Credits>,
    /// No trading fee in this version.
    pub fee: Credits,
    /// Share of the latest slots in which the limit would have been enough; `null` without any, and
    /// 0 where no node is large enough for the least that the order takes. Of an offer no more than the part of it
    /// that the last round would have taken.
    pub fill_probability: Option<f64>,
    /// Limits that would have been enough in 50, 80, 95 and 99 % of the latest slots.
    pub chances: Vec<Chance>,
    /// `recent_slots`: expected, range and chances are quantiles of the latest slots.
    /// `last_prices`: none of this was traded in a settled slot yet, so all three amounts are the cost
    /// at the last prices.
    /// `no_prices`: something of this was never traded, and the operator asks nothing for it: no amount is known.
    pub basis: Basis,
    /// How many slots that is, at most a day of them.
    pub basis_slots: usize,
    /// At the prices of the last round, or the usual ones where it had none; `null` where something of it was never traded
    /// and the operator asks nothing for it.
    pub last_cost: Option<Credits>,
    pub available_after: Credits,
    /// What the project that it names has left; `null` without one.
    pub project_left: Option<Credits>,
    /// What it would have won in the last cleared round, had it been there; `null` where that says nothing of it, or would
    /// take too long to find out.
    pub in_last_round: Option<InLastRound>,
    /// The round in which it would first count.
    pub round: u64,
    pub gate_closes_at: Timestamp,
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    RecentSlots,
    LastPrices,
    NoPrices,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Chance {
    pub probability: f64,
    pub limit: Credits,
}

/// The part of a bid that the nodes of its best alternative have room for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Room {
    /// If nothing but what runs there for this workload were on them.
    ever: f64,
    /// As things are, before anybody lends more or ends.
    now: f64,
}

impl Room {
    fn of(state: &Market, request: &OrderRequest) -> Self {
        let alternatives = request.alternatives(state.market.rhythm.slot_seconds);
        let slots: BTreeSet<Slot> = alternatives.iter().flat_map(|a| a.slots.iter().copied()).collect();
        let slots: Vec<Slot> = slots.into_iter().collect();
        let occupancy = Occupancy::of(state, &slots);
        let grower = request.instance.and_then(|id| state.instances.get(&id));
        let mut best = Self::default();
        for alternative in &alternatives {
            let nodes = state.nodes.values().filter(|n| n.pool == alternative.pool && n.state == NodeState::Up);
            let (mut ever, mut now) = (Vec::new(), Vec::new());
            // In another pool it buys what it has along with what it adds.
            let carried = away::carried(state, request, &alternative.pool).is_some();
            let amounts = away::amounts(state, request, &request.resources, &alternative.pool);
            for node in nodes {
                let at_home = grower.is_some_and(|i| i.node == node.id);
                if request.no_displacement && !at_home {
                    continue;
                }
                let (mut most, mut free) = (f64::INFINITY, f64::INFINITY);
                for (resource, quantity) in amounts.iter().filter(|(_, quantity)| **quantity > 0) {
                    // A workload that grows elsewhere takes what it has along.
                    let own = grower.filter(|_| !carried).map_or(0, |i| amount(&i.baseline, *resource));
                    let share = |room: i64| room.max(0) as f64 / *quantity as f64;
                    most = most.min(share(amount(&node.capacity, *resource) - own));
                    for slot in &alternative.slots {
                        let along = if at_home { 0 } else { own };
                        free = free.min(share(occupancy.room(node, *slot, *resource) - along));
                    }
                }
                ever.push(most);
                now.push(free);
            }
            best.ever = best.ever.max(part(&ever, request.replicas));
            best.now = best.now.max(part(&now, request.replicas));
        }
        best
    }
}

/// The part of an order that fits, by how often one replica of it does on each node. A single
/// replica may be had in part, of several each is whole.
fn part(nodes: &[f64], replicas: u32) -> f64 {
    match replicas {
        1 => nodes.iter().copied().fold(0.0, f64::max).min(1.0),
        several => (nodes.iter().map(|n| n.floor()).sum::<f64>() / f64::from(several)).min(1.0),
    }
}

fn room_warnings(room: Room, least: f64) -> Vec<String> {
    let percent = |share: f64| format!("{}\u{2009}%", (share * 100.0).floor());
    match room {
        Room { ever, .. } if ever <= 0.0 || ever < least => {
            vec!["No node is large enough for the least that this bid takes: it can't win.".to_owned()]
        }
        Room { ever, .. } if ever < 1.0 => {
            vec![format!("The nodes are too small for the whole: at most {} of it can ever be had.", percent(ever))]
        }
        Room { now, .. } if now < 1.0 => vec![format!(
            "The nodes have room for {} of it at present: more can only be had if others lend, end or make way.",
            percent(now)
        )],
        _ => Vec::new(),
    }
}

fn preview(
    state: &Market,
    now: Timestamp,
    participant: ParticipantId,
    side: Side,
    request: &OrderRequest,
) -> Result<Preview, Problem> {
    let given = request.limit;
    let request = &place::as_accepted(state, participant, side, request.clone());
    let recallable = request.assurance == Assurance::Recallable;
    let hold = validate::check(state, now, participant, side, request, None).map_err(|first| {
        let mut problem = Problem::from(headroom_market::refusal::Refusal::from(first));
        problem.also(validate::faults(state, now, participant, side, request));
        problem
    })?;
    // What overflows here costs more than any limit: its order can't win.
    let costs = bundle_costs(state, side, request).ok_or_else(|| {
        Problem::field("quantity_out_of_range", "/resources", "This costs more than can be reckoned.")
    })?;
    let slots = costs.recent.len();
    let enough = costs.recent.iter().filter(|units| match side {
        Side::Bid => costs.scope.limit_for(Credits::from_units(**units)) <= request.limit,
        Side::Offer => costs.scope.limit_for(Credits::from_units(**units)) >= request.limit,
    });
    let least = request.min_fill.units() as f64 / 1_000_000.0;
    // How much others lend is not known; nodes say nothing of it.
    let room = (side == Side::Bid && !recallable).then(|| Room::of(state, request));
    let project = project::of_request(state, participant, request);
    let project_left = project.map(|p| project::left(state, p));
    let exhausted = project.zip(project_left).and_then(|(p, left)| project_warning(p, left, hold));
    let impossible = room.is_some_and(|r| r.ever <= 0.0 || r.ever < least) || exhausted.is_some();
    let is_priced = costs.unpriced.is_empty();
    let slots = if is_priced { slots } else { 0 };
    let asked = left_out::as_open(now, participant, side, request);
    let left_out = left_out::reason(state, now, &asked);
    let fill_probability = match (slots, impossible) {
        (_, true) => Some(0.0),
        (0, _) => None,
        // prices say nothing of a bid that no round looks at
        _ if left_out.is_some() => Some(0.0),
        _ => Some(enough.count() as f64 / slots as f64),
    };
    let chance = |probability: f64| {
        let limit = if side == Side::Bid { costs.quantile(probability) } else { costs.reached(probability) };
        Chance { probability, limit: costs.scope.limit_for(limit) }
    };
    let chances = if slots == 0 { Vec::new() } else { [0.5, 0.8, 0.95, 0.99].map(chance).to_vec() };
    let available = state.available(participant);
    let mut warnings = warnings(side, request.limit, &costs, hold, available);
    warnings.extend(room.into_iter().flat_map(|r| room_warnings(r, least)));
    warnings.extend(exhausted);
    if request.limit < given {
        let (limit, cap) = (request.limit, state.market.price_cap);
        warnings
            .push(format!("No unit costs more than the price cap, {cap}: the limit of {given} is taken as {limit}."));
    }
    warnings.extend(strategy_warnings(state, side, request));
    warnings.extend(firm_instead(state, now, side, request));
    warnings.extend(away_warning(state, request));
    warnings.extend(left_out.map(|reason| left_out_warning(reason, &asked)));
    warnings.extend(pin_warning(state, now, side, request));
    if side == Side::Bid && request.instance.is_none() {
        let what = "It names no workload (`instance`): room is kept free and charged, and no program of yours gets it.";
        warnings.push(what.to_owned());
    }
    if recallable && side == Side::Bid {
        warnings.push(
            "Its lender may take it back in the middle of a slot: what was not there then is credited. Each node has its price: the amounts here are of all nodes, and what the last round would have given is of its own.".to_owned(),
        );
    }
    Ok(Preview {
        hold,
        currency: "credits".to_owned(),
        expected: is_priced.then(|| costs.median()),
        slots: u32::try_from(costs.scope.slots).unwrap_or(u32::MAX),
        expected_low: is_priced.then(|| costs.quantile(0.1)),
        expected_high: is_priced.then(|| costs.quantile(0.9)),
        fee: Credits::ZERO,
        fill_probability,
        chances,
        basis: match slots {
            _ if !is_priced => Basis::NoPrices,
            0 => Basis::LastPrices,
            _ => Basis::RecentSlots,
        },
        basis_slots: slots,
        last_cost: is_priced.then_some(costs.last),
        available_after: available - hold,
        project_left,
        in_last_round: None,
        round: state.market.last_round + 1,
        gate_closes_at: state.market.rhythm.gate_closes(request.first_slot()),
        warnings,
    })
}

async fn run_preview(app: &App, by: &Identity, side: Side, request: OrderRequest) -> Answered<Json<Preview>> {
    by.may("orders:read")?;
    let turn = app.limiter.questions.preview(by.participant).await?;
    let (now, participant) = (app.now(), by.participant);
    let recallable = request.assurance == Assurance::Recallable;
    let seen = app.sequencer.query(move |state| {
        let preview = preview(state, now, participant, side, &request)?;
        Ok::<_, Problem>((preview, place::normalise(state, participant, request)))
    });
    let (mut preview, request) = seen.await??;
    preview.warnings.extend(recalled_before(app, side, &request).await?);
    // One that can't win has its reason already.
    if preview.fill_probability != Some(0.0) || side == Side::Offer {
        preview.in_last_round = in_last_round(app, participant, side, &request, turn).await;
    }
    if let Some(last) = &preview.in_last_round {
        // Where there was not more of it at any price, prices give it no better chance; nor do those of other nodes.
        if side == Side::Offer || last.whole.is_none() || recallable {
            let taken = last.part.units() as f64 / 1_000_000.0;
            preview.fill_probability = preview.fill_probability.map(|chance| chance.min(taken));
        }
        // What nobody would have bought brings nothing, whatever its price is.
        if side == Side::Offer {
            preview.expected = preview.expected.map(|expected| expected.min(last.money));
            preview.expected_low = preview.expected_low.map(|low| low.min(last.money));
        }
        preview.warnings.extend(last_round_warning(side, last));
    }
    Ok(Json(preview))
}

/// Previews a bid: the same body as placing one, no effect.
#[utoipa::path(post, path = "/bids/preview", tag = "orders", operation_id = "previewBid", request_body = OrderRequest,
    responses((status = 200, description = "What it would hold, cost and win", body = Preview), Problems))]
pub async fn preview_bid(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Body(request): Body<OrderRequest>,
) -> Answered<Json<Preview>> {
    run_preview(&app, &by, Side::Bid, request).await
}

/// Previews an offer.
#[utoipa::path(post, path = "/offers/preview", tag = "orders", operation_id = "previewOffer", request_body = OrderRequest,
    responses((status = 200, description = "What it would bring", body = Preview), Problems))]
pub async fn preview_offer(
    State(app): State<Arc<App>>,
    Member(by): Member,
    Body(request): Body<OrderRequest>,
) -> Answered<Json<Preview>> {
    run_preview(&app, &by, Side::Offer, request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_fit_whole_and_a_single_one_in_part() {
        assert_eq!(part(&[0.25, 0.5], 1), 0.5);
        assert_eq!(part(&[3.0], 1), 1.0);
        assert_eq!(part(&[1.9, 0.9], 4), 0.25, "one of four");
        assert_eq!(part(&[], 2), 0.0);
    }

    #[test]
    fn what_no_node_can_hold_is_said_before_what_none_holds_now() {
        let said = |ever, now, least| room_warnings(Room { ever, now }, least).concat();
        assert!(said(0.5, 0.5, 1.0).contains("can't win"));
        assert!(said(0.5, 0.1, 0.2).contains("50"));
        assert!(said(1.0, 0.1, 1.0).contains("10"));
        assert_eq!(said(1.0, 1.0, 1.0), "");
    }
}
