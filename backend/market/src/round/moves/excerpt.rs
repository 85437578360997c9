//! What the coming round needs of the state, apart from it.
//!
//! Who may move is found by trials of the round, up to sixteen of them, each with a book of its own. Built on the live
//! state they would each keep the one writer from everybody, and in a flood most of what they go through are orders
//! that have no place in the round. So the places are shared out once, and what has none stays behind.
//!
//! Invariant: a book built of an excerpt is the book built of the state it was taken from.
use crate::book::open;
use crate::ids::OrderId;
use crate::records::order::Order;
use crate::records::round::Movers;
use crate::round::admission::capacity::{Entry, Places};
use crate::round::book::{self, Draft};
use crate::round::moves::movers::Preparation;
use crate::state::State;
use crate::time::{Slot, Timestamp};
use std::collections::BTreeSet;

pub struct Excerpt {
    state: State,
    now: Timestamp,
    slots: Vec<Slot>,
    places: Places,
}

impl Excerpt {
    /// `None` where no round can be sealed.
    pub fn of(state: &State, now: Timestamp) -> Option<Self> {
        let slots = state.market.rhythm.open_slots(now);
        if state.sealed.is_some() || slots.is_empty() {
            return None;
        }
        let places = book::places(state, now, &slots);
        Some(Self { state: without_flood(state, &places), now, slots, places })
    }

    /// The book of the round with these movers. Of the orders without a place it says nothing.
    pub fn draft(&self, movers: &Movers) -> Draft {
        book::build_with(&self.state, self.now, &self.slots, movers, &self.places)
    }

    pub fn prepare(&self, movers: &Movers) -> Preparation {
        Preparation::of(self.draft(movers))
    }
}

/// A state without the orders that nothing in the round depends on: open, without a place.
fn without_flood(state: &State, places: &Places) -> State {
    let left_out = match places {
        Places::All => BTreeSet::new(),
        Places::Only(_) => {
            let left_out = |o: &&Order| open::is_open(o) && !places.has(Entry::Order(o.id));
            state.orders.values().filter(left_out).map(|o| o.id).collect::<BTreeSet<OrderId>>()
        }
    };
    state.of_a_round(&left_out)
}
