//! One command's turn at the state: every event is folded as soon as it is decided, so that
//! the next decision of the same command sees it.
use crate::event::Event;
use crate::ids::{IdSource, OrderId, TransferId};
use crate::ledger::{Account, PostError, Transfer, TransferKind};
use crate::state::State;
use crate::time::{Slot, Timestamp};
use crate::units::Credits;

pub struct Turn<'a> {
    pub state: &'a mut State,
    pub now: Timestamp,
    pub ids: IdSource,
    pub events: Vec<Event>,
}

/// What a transfer is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cause {
    pub order: Option<OrderId>,
    pub round: Option<u64>,
    pub slot: Option<Slot>,
}

impl Cause {
    pub fn order(order: OrderId) -> Self {
        Self { order: Some(order), ..Self::default() }
    }
}

impl<'a> Turn<'a> {
    pub fn new(state: &'a mut State, now: Timestamp, seed: u64) -> Self {
        Self { state, now, ids: IdSource::new(now, seed), events: Vec::new() }
    }
    pub fn emit(&mut self, event: Event) {
        self.state.fold(&event);
        self.events.push(event);
    }
    /// Moves money, or says why it can't be moved. A zero amount moves nothing.
    pub fn transfer(
        &mut self,
        kind: TransferKind,
        debit: Account,
        credit: Account,
        amount: Credits,
        cause: Cause,
    ) -> Result<(), PostError> {
        if amount.is_zero() {
            return Ok(());
        }
        let Cause { order, round, slot } = cause;
        let id = TransferId::next(&mut self.ids);
        let transfer = Transfer { id, kind, debit, credit, amount, order, round, slot, at: self.now };
        self.state.ledger.check(&transfer)?;
        self.emit(Event::Transferred(transfer));
        Ok(())
    }
    /// Moves what is known to be there. If it is not, the program is wrong: the process ends before anything is decided
    /// on top of it.
    pub fn transfer_known(
        &mut self,
        kind: TransferKind,
        debit: Account,
        credit: Account,
        amount: Credits,
        cause: Cause,
    ) {
        let moved = self.transfer(kind, debit, credit, amount, cause);
        assert!(moved.is_ok(), "{kind:?} of {amount:?}: {moved:?}");
    }
}
