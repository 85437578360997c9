//! What a simulation is asked, and of which rounds.
use crate::clearing::document::{Book, Outcome};
use crate::records::market::Rhythm;
use crate::records::pool::{ReservePrice, ReserveStep};
use crate::time::{Slot, Timestamp};
use crate::units::{Resource, Share};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A round that was awarded, as the archive has it.
pub struct PastRound {
    pub number: u64,
    pub sealed_at: Timestamp,
    /// The slots that the book counts from 0.
    pub slots: Vec<Slot>,
    pub book: Arc<Book>,
    pub outcome: Outcome,
}

/// What a book does not say of an order.
#[derive(Clone, Debug)]
pub struct Life {
    /// ioc and fok: one round only.
    pub once: bool,
    pub expires_at: Option<Timestamp>,
    /// What an award leaves of it stays open.
    pub stays_open: bool,
    /// What it wins is offered again at its own limit.
    pub resells: bool,
    /// The slots of its window, of a bid that takes shorter runs.
    pub runs_of: Option<i64>,
}

/// The schedule to try, and what is known of the market around it.
pub struct Question {
    pub pool: String,
    pub resource: Resource,
    pub steps: Vec<ReserveStep>,
    /// Every schedule of the pool's resource that counts or counted.
    pub schedules: Vec<ReservePrice>,
    pub rhythm: Rhythm,
    pub release_start: Share,
    /// What the operator can sell at present: used where no schedule let it sell anything.
    pub capacity_now: i64,
    /// Of slots that were open before the first round here: what had been sold by then, by step.
    pub sold_before: BTreeMap<Slot, Vec<i64>>,
    pub orders: BTreeMap<String, Life>,
    /// The awards that an order got in a round, one a node: their ids are those of resales.
    pub awards: BTreeMap<(u64, String), Vec<String>>,
    /// Low and high elasticity, in hundredths.
    pub elasticities: [u32; 2],
}

impl Question {
    pub(crate) fn class(&self) -> (&str, Resource) {
        (&self.pool, self.resource)
    }
}
