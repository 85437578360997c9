//! Questions that keep a core and the market's state busy for a while: previews and advice. Each participant has a queue
//! and an allowance, so that nobody's questions slow the others.
use crate::app::allowance::Allowance;
use crate::app::failure::{Done, busy, too_many};
use crate::app::turns::{Bounds, Full, Lane, Turn, Turns};
use headroom_market::ids::ParticipantId;
use std::time::Duration;

/// Of a participant and minute, of both kinds together: a form asks again at each pause in typing and at each round.
const A_MINUTE: u32 = 240;
/// One at a time of each kind: the market's own work comes first.
const BOUNDS: Bounds = Bounds { at_once: 1, each: 8, all: 256 };

pub struct Questions {
    allowance: Option<Allowance>,
    previews: Turns,
    advice: Turns,
}

impl Questions {
    pub fn new(bounded: bool) -> Self {
        let allowance = bounded.then(|| Allowance::a_minute(A_MINUTE));
        Self { allowance, previews: Turns::new(BOUNDS), advice: Turns::new(BOUNDS) }
    }

    /// Waits for a turn to preview an order.
    pub async fn preview(&self, by: ParticipantId) -> Done<Turn> {
        self.ask(&self.previews, by).await
    }

    /// Waits for a turn to work out what a workload should buy or lend.
    pub async fn advice(&self, by: ParticipantId) -> Done<Turn> {
        self.ask(&self.advice, by).await
    }

    async fn ask(&self, turns: &Turns, by: ParticipantId) -> Done<Turn> {
        let by = by.to_string();
        let taken = self.allowance.as_ref().map(|allowance| allowance.take(by.clone()));
        let taken = taken.transpose().map_err(|wait: Duration| {
            let detail = format!(
                "A participant has {A_MINUTE} previews and swap requests a minute. Wait for the time in Retry-After."
            );
            too_many("too_many_questions", wait.as_secs() as u32 + 1, detail)
        })?;
        let turn = turns.take(Lane::Second, &by).await.map_err(|full| match full {
            Full::Own => {
                let detail = format!(
                    "{} of this participant's previews or swap requests are waiting. Send one after the other, or wait for the time in Retry-After.",
                    BOUNDS.each
                );
                too_many("too_many_questions", 1, detail)
            }
            Full::All => busy("overloaded", 1, "Too many questions are waiting. Try again after the time in Retry-After."),
        })?;
        if let Some(taken) = taken {
            taken.use_up();
        }
        Ok(turn)
    }

    pub fn sweep(&self) {
        if let Some(allowance) = &self.allowance {
            allowance.sweep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::failure::{Because, Failure, Later};
    use futures::FutureExt;

    const ONE: ParticipantId = ParticipantId::from_raw(1);
    const TWO: ParticipantId = ParticipantId::from_raw(2);

    fn refused(answer: Option<Done<Turn>>) -> Option<Later> {
        match answer {
            Some(Err(Failure::Later(later))) => Some(later),
            _ => None,
        }
    }

    #[test]
    fn questions_of_one_participant_do_not_hold_up_another() {
        let questions = Questions::new(true);
        let held = questions.preview(ONE).now_or_never().expect("at once");
        let mut waiting: Vec<_> = (0..8).map(|_| Box::pin(questions.preview(ONE))).collect();
        assert!(waiting.iter_mut().all(|waits| waits.now_or_never().is_none()));
        let later = refused(questions.preview(ONE).now_or_never()).expect("its queue is full");
        assert_eq!((later.because, later.code), (Because::OfTheAsker, "too_many_questions"));
        assert!(questions.advice(ONE).now_or_never().is_some_and(|turn| turn.is_ok()), "advice has turns of its own");
        let mut other = Box::pin(questions.preview(TWO));
        assert!((&mut other).now_or_never().is_none());
        drop(held);
        let first = (&mut waiting[0]).now_or_never().expect("the next of who came first");
        assert!((&mut other).now_or_never().is_none());
        drop(first);
        assert!((&mut other).now_or_never().is_some_and(|turn| turn.is_ok()), "before the others of one participant");
    }

    #[test]
    fn a_participant_has_an_allowance_of_questions() {
        let questions = Questions::new(true);
        let ask = |by| questions.preview(by).now_or_never();
        assert!((0..A_MINUTE).all(|_| ask(ONE).is_some_and(|turn| turn.is_ok())));
        let later = refused(ask(ONE)).expect("a minute's worth is used up");
        assert_eq!((later.code, later.seconds), ("too_many_questions", 1));
        assert!(ask(TWO).is_some_and(|turn| turn.is_ok()));
        let free = Questions::new(false);
        assert!((0..=A_MINUTE).all(|_| free.preview(ONE).now_or_never().is_some_and(|turn| turn.is_ok())));
    }
}
