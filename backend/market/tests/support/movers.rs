//! Who may move in the next round, tried as the exchange does it.
use headroom_market::clearing::rational::Rat;
use headroom_market::clearing::{self, Mode, NoProposal};
use headroom_market::command::Command;
use headroom_market::round::book;
use headroom_market::round::excerpt::Excerpt;
use headroom_market::round::movers::{Choice, Movers, Preparation, TRIAL, Trial};
use headroom_market::state::State;
use headroom_market::time::Timestamp;

/// The command that seals the next round with the movers that trials choose.
pub fn seal(state: &State, now: Timestamp) -> Command {
    Command::SealRound(Some(choose(state, now)))
}

/// The movers of the next round.
pub fn choose(state: &State, now: Timestamp) -> Movers {
    let Some(excerpt) = Excerpt::of(state, now) else { return Movers::new() };
    let prepared = prepare(state, &excerpt, now, &Movers::new());
    let mut choice = Choice::of(&prepared);
    while let Some(movers) = choice.next() {
        let prepared = prepare(state, &excerpt, now, &movers);
        let outcome = clearing::clear(&prepared.book, Mode::Market, &NoProposal, &TRIAL).ok();
        choice.record(outcome.map(|outcome| Trial::of(&prepared, &outcome)));
    }
    choice.chosen()
}

/// What a trial is made of, having looked that it is what the whole state would give.
fn prepare(state: &State, excerpt: &Excerpt, now: Timestamp, movers: &Movers) -> Preparation {
    let slots = state.market.rhythm.open_slots(now);
    let (whole, part) = (book::build(state, now, &slots, movers), excerpt.draft(movers));
    assert_eq!(part.book, whole.book, "an excerpt gives another book");
    assert_eq!(part.moves, whole.moves, "an excerpt moves others");
    Preparation::of(part)
}

/// The next round with these movers.
pub fn look(state: &State, now: Timestamp, movers: &Movers) -> Option<Preparation> {
    Excerpt::of(state, now).map(|excerpt| prepare(state, &excerpt, now, movers))
}

/// What the next round would be worth with these movers.
pub fn welfare(state: &State, now: Timestamp, movers: &Movers) -> Rat {
    let Preparation { book, .. } = look(state, now, movers).expect("a round");
    clearing::clear(&book, Mode::Market, &NoProposal, &TRIAL).expect("a book of a round").welfare.0
}
