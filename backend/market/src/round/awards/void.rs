//! A round that comes to nothing: its orders go to the next one.
use crate::book::place;
use crate::command::Reply;
use crate::event::Event;
use crate::records::round::RoundState;
use crate::refusal::{Refusal, conflict};
use crate::turn::Turn;

pub fn void(turn: &mut Turn<'_>, round: u64, reason: String) -> Result<Reply, Refusal> {
    let sealed = turn.state.rounds.get(&round).is_some_and(|r| r.state == RoundState::Sealed);
    if !sealed {
        return Err(conflict("round_not_sealed", "Only a round that is sealed and not awarded can be void."));
    }
    turn.emit(Event::RoundVoided { number: round, reason, at: turn.now });
    place::apply_pending(turn);
    Ok(Reply::Done)
}
