//! Asked after a round: why an order has not won, and what would have.
use crate::app::App;
use crate::app::directory::Identity;
use crate::app::explanation::numbers::Numbers;
use crate::app::explanation::{BindingNode, Explanation, PARTIAL_FILL, explain, won};
use crate::app::held_back::HeldBack;
use crate::app::winning::{self, Asker};
use crate::http::auth::Anyone;
use crate::http::extract::Path;
use crate::http::problem::{Answered, Problem, Problems};
use axum::Json;
use axum::extract::State;
use headroom_market::book::{Assurance, NotWon, Order, OrderStatus, Reason, away};
use headroom_market::ids::{BidId, OfferId, OrderId};
use headroom_market::pool::{NodeState, recallable};
use headroom_market::record::Table;
use headroom_market::round::Award;
use headroom_market::state::State as Market;
use headroom_market::workload::vacate;
use headroom_solver::{Asked, Winning};
use headroom_store::read::Scope;
use std::sync::Arc;

async fn run_explain(app: &App, by: &Identity, id: OrderId) -> Answered<Json<Explanation>> {
    by.may("orders:read")?;
    let held_back = HeldBack::now(app).await?;
    let document = app.store.get(Table::Orders, &by.scope(), &id.to_string()).await?;
    let document = document.ok_or_else(|| Problem::not_found("order"))?;
    let mut order: Order = serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?;
    // Also where no round has been held since: in a quiet market it would wait without a word.
    if order.status.is_live() && order.last_reason.is_none() {
        let bid = order.clone();
        let waits = app.sequencer.query(move |s| vacate::has_no_path(s, &bid).then_some(s.market.last_round)).await?;
        order.last_reason = waits.map(|round| NotWon::plain(Reason::NoVacatePath, round));
    }
    held_back.add_to(&mut order);
    let node = order.last_reason.as_ref().and_then(|why| why.binding_node.clone());
    let node = match node {
        // A node's name says more to people than its id; one that is gone keeps the id.
        Some(id) => {
            let known = recallable::node_of(&id);
            let workload = order.request.instance.filter(|_| order.request.assurance == Assurance::Firm);
            let (node, own) = app
                .sequencer
                .query(move |s| {
                    let node = known.and_then(|n| s.nodes.get(&n)).cloned();
                    (node, workload.and_then(|id| s.instances.get(&id)).map(|i| i.node))
                })
                .await?;
            let own_takes_nothing = node.as_ref().is_some_and(|n| own == Some(n.id) && n.state != NodeState::Up);
            Some(BindingNode { name: node.map_or(id, |n| n.name), own_takes_nothing })
        }
        None => None,
    };
    // Where the price decided another limit may be the answer, and where room or a least fill did, it may be, too: with more
    // it may come before others.
    let refused = order.last_reason.as_ref().filter(|_| order.status != OrderStatus::Filled);
    let is_searched = |why: &&NotWon| why.reason.is_of_the_price() || why.reason == Reason::NoHost;
    let found = match refused.filter(is_searched) {
        Some(why) => {
            let slot_seconds = app.sequencer.query(|s| s.market.rhythm.slot_seconds).await?;
            let (name, runs_of) = (id.to_string(), order.request.runs_of(slot_seconds));
            winning::winning_limit(app, asker(&order, why.round), Asked { order: &name, runs_of }).await?
        }
        None => Winning::Unknown.into(),
    };
    let asked = order.clone();
    let numbers = app.sequencer.query(move |s| Numbers::of(s, &asked)).await?;
    let mut explanation = explain(&order, node, &found, numbers.as_ref());
    let asked = order.clone();
    let goes_elsewhere =
        move |s: &Market| asked.request.pools.iter().any(|c| away::carried(s, &asked.request, &c.pool).is_some());
    if app.sequencer.query(goes_elsewhere).await? {
        // Half a workload runs nowhere: a part would be refused (`away_not_whole`).
        explanation.changes.retain(|change| !change.change.starts_with(PARTIAL_FILL));
    }
    let awards = latest_awards(app, &order).await?;
    if order.status == OrderStatus::Filled && awards.len() == order.awards.len() {
        let slot_seconds = app.sequencer.query(|s| s.market.rhythm.slot_seconds).await?;
        let lines = awards.iter().flat_map(|a| &a.lines).map(|l| (l.resource, l.slot, l.quantity));
        explanation.sentence = won::in_part(&order, lines, slot_seconds).unwrap_or(explanation.sentence);
    }
    Ok(Json(explanation))
}

fn asker(order: &Order, refused_in: u64) -> Asker {
    Asker { participant: order.participant, refused_in, is_open: order.status.is_live() }
}

/// So many of an order's latest awards are looked through.
const LATEST_AWARDS: usize = 32;

async fn latest_awards(app: &App, order: &Order) -> Answered<Vec<Award>> {
    let mut awards = Vec::new();
    for id in order.awards.iter().rev().take(LATEST_AWARDS) {
        if let Some(document) = app.store.get(Table::Awards, &Scope::All, &id.to_string()).await? {
            awards.push(serde_json::from_str(&document).map_err(|e| Problem::fault(&e))?);
        }
    }
    Ok(awards)
}

/// Why the last round did not fill a bid, and what would have.
#[utoipa::path(get, path = "/bids/{id}/explain", tag = "orders", operation_id = "explainBid", params(("id" = BidId, Path, description = "Bid")),
    responses((status = 200, description = "Reason, numbers and what helps", body = Explanation), Problems))]
pub async fn explain_bid(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<BidId>,
) -> Answered<Json<Explanation>> {
    run_explain(&app, &by, OrderId::Bid(id)).await
}

/// Why the last round did not take an offer.
#[utoipa::path(get, path = "/offers/{id}/explain", tag = "orders", operation_id = "explainOffer", params(("id" = OfferId, Path, description = "Offer")),
    responses((status = 200, description = "Reason, numbers and what helps", body = Explanation), Problems))]
pub async fn explain_offer(
    State(app): State<Arc<App>>,
    Anyone(by): Anyone,
    Path(id): Path<OfferId>,
) -> Answered<Json<Explanation>> {
    run_explain(&app, &by, OrderId::Offer(id)).await
}
