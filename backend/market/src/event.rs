//! What happened. State is the fold of these; the journal keeps them for ever.
//!
//! An event says what changed, not what to do: folding it needs no decision. Events are
//! stable across versions; a new version may add variants and optional fields.
use crate::ids::*;
use crate::ledger::Transfer;
use crate::records::dispute::Dispute;
use crate::records::guidance::{ApplicationProfile, Hint};
use crate::records::market::Market;
use crate::records::order::{NotWon, Order, OrderRequest, OrderStatus};
use crate::records::participant::{ApiKey, Participant, User};
use crate::records::pool::{HourlyPrice, Node, Pool, Product, Reference, ReservePrice, Shortage};
use crate::records::project::Project;
use crate::records::round::{
    Award, Certificate, ClearingPrice, Interruption, NodePremium, NotRolled, RolledSlot, Round, RoundState,
};
use crate::records::settlement::Receipt;
use crate::records::strategy::{Foreseen, SlotOutlook};
use crate::records::swap::Swap;
use crate::records::workload::{Instance, Module};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::{Amounts, Credits};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    MarketChanged(Market),
    ParticipantChanged(Participant),
    UserChanged(User),
    KeyChanged(ApiKey),
    PoolChanged(Pool),
    NodeChanged(Node),
    ReserveScheduled(ReservePrice),
    /// A proposal was approved, rejected or withdrawn.
    ReserveDecided(ReservePrice),
    ReferenceChanged(Reference),
    ProductChanged(Product),
    ShortageRecorded(Shortage),
    HourlyPriceChanged(HourlyPrice),
    ModuleRegistered(Module),
    InstanceChanged(Instance),
    HintChanged(Hint),
    ProfileChanged(ApplicationProfile),
    ProjectChanged(Project),
    DisputeChanged(Dispute),
    OutlookRecorded {
        instance: InstanceId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        slots: Vec<SlotOutlook>,
    },
    OrderAccepted(Box<Order>),
    /// `orders` were placed because of `advice`, a recommendation as JSON.
    RecommendationApplied {
        participant: ParticipantId,
        instance: InstanceId,
        orders: Vec<OrderId>,
        advice: String,
        at: Timestamp,
    },
    /// The order waits for the sealed round with a cancellation or a replacement.
    OrderPending {
        order: OrderId,
        status: OrderStatus,
        replacement: Option<Box<OrderRequest>>,
        at: Timestamp,
    },
    OrderClosed {
        order: OrderId,
        status: OrderStatus,
        reason: Option<String>,
        replaced_by: Option<OrderId>,
        at: Timestamp,
    },
    OrderFilled {
        order: OrderId,
        awards: Vec<AwardId>,
        money: Credits,
        remaining: Amounts,
        remaining_replicas: u32,
        remaining_limit: Credits,
        hold: Credits,
        status: OrderStatus,
        at: Timestamp,
    },
    Transferred(Transfer),
    RoundSealed {
        round: Round,
        orders: Vec<OrderId>,
    },
    RoundAwarded {
        number: u64,
        certificate: Certificate,
        prices: Vec<ClearingPrice>,
        premiums: Vec<NodePremium>,
        interruptions: Vec<Interruption>,
        awards: u32,
        open_slots: Vec<Slot>,
        not_won: Vec<(OrderId, NotWon)>,
        /// Orders that it held back and no round has taken yet: their age says so, nothing is written.
        held_back: u32,
        at: Timestamp,
    },
    RoundVoided {
        number: u64,
        reason: String,
        at: Timestamp,
    },
    AwardMade(Award),
    AwardResold {
        award: AwardId,
        line: usize,
        quantity: i64,
    },
    /// Its lender has taken back a part of it: a line of what was lent, or of what was bought.
    AwardRecalled {
        award: AwardId,
        line: usize,
        quantity: i64,
        at: Timestamp,
    },
    SwapChanged(Box<Swap>),
    SlotSettled {
        slot: Slot,
        at: Timestamp,
    },
    Received(Receipt),
    /// A slot of a pool began with what workloads had in the slot before, save some.
    SlotRolled {
        rolled: RolledSlot,
        not_rolled: Vec<NotRolled>,
    },
}

impl State {
    /// Applies one event. Total: an event about a record that has left memory changes nothing.
    pub fn fold(&mut self, event: &Event) {
        match event {
            Event::MarketChanged(r) => self.put(r.clone()),
            Event::ParticipantChanged(r) => self.put(r.clone()),
            Event::UserChanged(r) => self.put(r.clone()),
            Event::KeyChanged(r) => self.put(r.clone()),
            Event::PoolChanged(r) => self.put(r.clone()),
            Event::NodeChanged(r) => self.put(r.clone()),
            Event::ReserveScheduled(r) | Event::ReserveDecided(r) => self.put(r.clone()),
            Event::ReferenceChanged(r) => self.put(r.clone()),
            Event::ProductChanged(r) => self.put(r.clone()),
            Event::ShortageRecorded(r) => self.put(r.clone()),
            Event::HourlyPriceChanged(r) => self.put(r.clone()),
            Event::ModuleRegistered(r) => self.put(r.clone()),
            Event::InstanceChanged(r) => self.put(r.clone()),
            Event::HintChanged(r) => self.put_hint(r.clone()),
            Event::ProfileChanged(r) => self.put(r.clone()),
            Event::ProjectChanged(r) => self.put_project(r.clone()),
            Event::DisputeChanged(r) => self.put(r.clone()),
            Event::OutlookRecorded { instance, model, slots } => {
                self.outlooks.insert(*instance, Foreseen { model: model.clone(), slots: slots.clone() });
            }
            Event::OrderAccepted(order) => self.add_order((**order).clone()),
            // the orders have events of their own; this one says why
            Event::RecommendationApplied { .. } => {}
            // It is written now anyway, and from here on its age does not say any more why it waited.
            Event::OrderPending { order, status, replacement, at } => {
                self.change_order_with(*order, |o, full_round| {
                    o.last_reason = o.why_not_won(full_round);
                    o.status = *status;
                    o.pending_replacement = replacement.clone();
                    o.updated_at = *at;
                })
            }
            Event::OrderClosed { order, status, reason, replaced_by, at } => {
                self.change_order_with(*order, |o, full_round| {
                    o.last_reason = o.why_not_won(full_round);
                    o.status = *status;
                    o.closed_reason = reason.clone();
                    o.replaced_by = *replaced_by;
                    o.pending_replacement = None;
                    o.sealed_in = None;
                    o.hold = Credits::ZERO;
                    o.updated_at = *at;
                })
            }
            Event::OrderFilled {
                order,
                awards,
                money,
                remaining,
                remaining_replicas,
                remaining_limit,
                hold,
                status,
                at,
            } => {
                self.change_order(*order, |o| {
                    o.awards.extend(awards);
                    o.awarded += *money;
                    o.remaining = remaining.clone();
                    o.remaining_replicas = *remaining_replicas;
                    o.remaining_limit = *remaining_limit;
                    o.hold = *hold;
                    o.status = *status;
                    o.updated_at = *at;
                    // The award unseals live orders; this one leaves memory before it.
                    if !status.is_live() {
                        o.sealed_in = None;
                    }
                });
            }
            Event::Transferred(transfer) => self.post(transfer.clone()),
            Event::RoundSealed { round, orders } => {
                for id in orders {
                    self.note_sealed(*id, Some(round.number));
                }
                let mut market = self.market.clone();
                market.last_round = round.number;
                market.last_root = round.root.clone();
                self.put(market);
                self.put(round.clone());
            }
            Event::RoundAwarded {
                number,
                certificate,
                prices,
                premiums,
                interruptions,
                awards,
                open_slots,
                not_won,
                held_back,
                at,
            } => {
                self.unseal(*number);
                if *held_back > 0 {
                    self.put(Market { full_round: *number, ..self.market.clone() });
                }
                for (id, why) in not_won {
                    self.change_order(*id, |o| o.last_reason = Some(why.clone()));
                }
                self.change_round(*number, |round| {
                    round.state = if open_slots.is_empty() { RoundState::Settled } else { RoundState::Executing };
                    round.awarded_at = Some(*at);
                    round.settled_at = open_slots.is_empty().then_some(*at);
                    round.certificate = Some(certificate.clone());
                    round.prices = prices.clone();
                    round.premiums = premiums.clone();
                    round.interruptions = interruptions.clone();
                    round.awards = *awards;
                    round.open_slots = open_slots.clone();
                });
            }
            Event::RoundVoided { number, reason, at } => {
                self.unseal(*number);
                self.change_round(*number, |round| {
                    round.state = RoundState::Void;
                    round.void_reason = Some(reason.clone());
                    round.settled_at = Some(*at);
                });
            }
            Event::AwardMade(award) => self.put_award(award.clone()),
            Event::AwardResold { award, line, quantity } => self.change_award(*award, |a| {
                if let Some(line) = a.lines.get_mut(*line) {
                    line.resold += quantity;
                }
            }),
            Event::AwardRecalled { award, line, quantity, at } => self.change_award(*award, |a| {
                if let Some(line) = a.lines.get_mut(*line) {
                    line.take_back(*at, *quantity);
                }
            }),
            Event::SwapChanged(swap) => self.put_swap((**swap).clone()),
            Event::SlotSettled { slot, at } => self.settle_slot(*slot, *at),
            Event::Received(receipt) => self.changes.receipts.push(receipt.clone()),
            Event::SlotRolled { rolled, .. } => {
                let mut market = self.market.clone();
                let rounds = market.pool_rounds.get_mut(&rolled.pool).filter(|_| rolled.awards > 0);
                if let Some(rounds) = rounds {
                    rounds.slots_rolled += 1;
                    rounds.last_rolled = Some(rolled.slot);
                }
                self.put(market);
            }
        }
    }

    fn unseal(&mut self, number: u64) {
        let sealed: Vec<OrderId> = self.orders.values().filter(|o| o.sealed_in == Some(number)).map(|o| o.id).collect();
        for id in sealed {
            self.note_sealed(id, None);
        }
        self.sealed = None;
    }

    fn settle_slot(&mut self, slot: Slot, at: Timestamp) {
        let awards: Vec<AwardId> = self.awards.keys().copied().collect();
        for id in awards {
            if self.awards[&id].lines.iter().any(|l| l.slot == slot && !l.settled) {
                self.change_award(id, |a| {
                    a.lines.iter_mut().filter(|l| l.slot == slot).for_each(|l| l.settled = true);
                });
            }
        }
        let rounds: Vec<u64> = self.rounds.keys().copied().collect();
        for number in rounds {
            if self.rounds[&number].open_slots.contains(&slot) {
                self.change_round(number, |round| {
                    round.open_slots.retain(|s| *s != slot);
                    if round.open_slots.is_empty() && round.state == RoundState::Executing {
                        round.state = RoundState::Settled;
                        round.settled_at = Some(at);
                    }
                });
            }
        }
        let products: Vec<_> = self.products.keys().filter(|(_, _, s)| *s == slot).cloned().collect();
        for key in products {
            if let Some(mut product) = self.products.remove(&key) {
                product.settled = true;
                self.finish(&product);
            }
        }
        let mut market = self.market.clone();
        market.settled_until = market.settled_until.max(slot.plus(1, market.rhythm.slot_seconds));
        self.put(market);
    }
}
