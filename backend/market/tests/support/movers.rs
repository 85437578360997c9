//! Who may move in the next round, tried as the exchange does it.
use headroom_market::command::Command;
use headroom_market::round::book;
use headroom_market::round::excerpt::Excerpt;
use headroom_market::round::movers::{Choice, Movers, Preparation, Trial};
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
        choice.record(Some(Trial::of(&prepared, &crate::support::cleared(&prepared.book))));
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

/// What the next round would be worth with these movers, in nano-credits.
pub fn welfare(state: &State, now: Timestamp, movers: &Movers) -> i128 {
    let Preparation { book, .. } = look(state, now, movers).expect("a round");
    crate::support::cleared(&book).welfare_nano()
}
