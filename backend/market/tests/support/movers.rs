//! Who may move in the next round, tried as the exchange does it.
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{self, Mode, NoProposal};
use headroom_market::command::Command;
use headroom_market::round::movers::{Choice, Movers, Preparation, TRIAL, Trial, prepare};
use headroom_market::state::State;
use headroom_market::time::Timestamp;

/// The command that seals the next round with the movers that trials choose.
pub fn seal(state: &State, now: Timestamp) -> Command {
    Command::SealRound(Some(choose(state, now)))
}

/// The movers of the next round.
pub fn choose(state: &State, now: Timestamp) -> Movers {
    let Some(prepared) = prepare(state, now, &Movers::new()) else { return Movers::new() };
    let mut choice = Choice::of(&prepared);
    while let Some(movers) = choice.next() {
        let prepared = prepare(state, now, &movers).expect("as before");
        let outcome = clearing::clear(&prepared.book, Mode::Market, &NoProposal, &TRIAL).ok();
        choice.record(outcome.map(|outcome| Trial::of(&prepared, &outcome)));
    }
    choice.chosen()
}

/// What the next round would be worth with these movers.
pub fn welfare(state: &State, now: Timestamp, movers: &Movers) -> Rat {
    let Preparation { book, .. } = prepare(state, now, movers).expect("a round");
    clearing::clear(&book, Mode::Market, &NoProposal, &TRIAL).expect("a book of a round").welfare.0
}
