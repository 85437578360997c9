//! Sealing: who takes part in the next round, and the commitment to it.
use crate::book::expire;
use crate::clearing::book::Side;
use crate::clearing::document::Book;
use crate::event::Event;
use crate::ids::{OrderId, RoundId};
use crate::records::round::{Movers, Round, RoundState};
use crate::round::sealing::merkle;
use crate::round::{book, safe_state};
use crate::state::SealedBook;
use crate::turn::Turn;
use std::sync::Arc;

/// Seals the next round and returns its book, in which bids may take `movers` to another node; `None` if
/// a round is still sealed or nobody has asked or offered anything.
pub fn seal(turn: &mut Turn<'_>, movers: &Movers) -> Option<(u64, Arc<Book>)> {
    if turn.state.sealed.is_some() || turn.state.rounds.values().any(|r| r.state == RoundState::Sealed) {
        return None;
    }
    expire::expire(turn);
    let slots = turn.state.market.rhythm.open_slots(turn.now);
    let (first_slot, last_slot) = (*slots.first()?, *slots.last()?);
    let draft = book::build(turn.state, turn.now, &slots, movers);
    if !draft.book.orders.iter().any(|o| o.side == Side::Bid) {
        return None;
    }
    let root = merkle::root(&merkle::leaves(&draft.book)).to_hex().to_string();
    let previous_root = turn.state.market.last_root.clone();
    let number = turn.state.market.last_round + 1;
    let book = draft.book;
    let round = Round {
        id: RoundId::next(&mut turn.ids),
        number,
        state: RoundState::Sealed,
        sealed_at: turn.now,
        awarded_at: None,
        settled_at: None,
        first_slot,
        last_slot,
        orders: book.orders.len() as u32,
        awards: 0,
        root,
        previous_root,
        certificate: None,
        prices: Vec::new(),
        premiums: Vec::new(),
        interruptions: Vec::new(),
        void_reason: None,
        open_slots: Vec::new(),
    };
    let orders: Vec<OrderId> = book.orders.iter().filter_map(|o| o.id.parse().ok()).collect();
    turn.emit(Event::RoundSealed { round, orders });
    let book = Arc::new(book);
    let scarce = draft.scarce;
    let trading = safe_state::trading(turn.state);
    let sealed = SealedBook { round: number, book: book.clone(), slots, excluded: draft.excluded, scarce, trading };
    turn.state.sealed = Some(sealed);
    Some((number, book))
}
