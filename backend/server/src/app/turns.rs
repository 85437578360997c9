//! Turns at something that takes long, a few at a time. Whoever asks for many of them waits behind
//! himself: each asker has a queue of its own, and the askers take turns.
//!
//! Those in the first lane come before all others, so that a crowd of strangers does not keep out
//! people who are known. A full lane makes room for who waits with less at the cost of who waits with most.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    First,
    Second,
}

/// Why there is no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The asker waits for too many already.
    Own,
    /// Too many askers wait.
    All,
}

#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub at_once: usize,
    /// Of one asker, waiting.
    pub each: usize,
    /// In a lane, waiting.
    pub all: usize,
}

pub struct Turns(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    queues: Mutex<Queues>,
}

type Waiting = oneshot::Sender<Turn>;

#[derive(Default)]
struct Queues {
    taken: usize,
    /// Of each lane: who waits, in the order of their next turns.
    lanes: [VecDeque<(String, VecDeque<Waiting>)>; 2],
}

/// One of the turns; dropping it passes it on.
pub struct Turn(Arc<Shared>);

impl Turns {
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared { bounds, queues: Mutex::default() }))
    }

    /// Waits for a turn, or says at once that too many wait.
    pub async fn take(&self, lane: Lane, asker: &str) -> Result<Turn, Full> {
        let waiting = {
            let mut queues = self.0.queues();
            if queues.taken < self.0.bounds.at_once {
                queues.taken += 1;
                return Ok(Turn(self.0.clone()));
            }
            queues.wait(lane, asker, self.0.bounds)?
        };
        // Another asker with less in the queue got the place.
        waiting.await.map_err(|_| Full::All)
    }
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn wait(&mut self, lane: Lane, asker: &str, bounds: Bounds) -> Result<oneshot::Receiver<Turn>, Full> {
        let lane = &mut self.lanes[lane as usize];
        // Those who have hung up wait no longer.
        lane.iter_mut().for_each(|(_, queue)| queue.retain(|waiting| !waiting.is_closed()));
        lane.retain(|(_, queue)| !queue.is_empty());
        let own = lane.iter().position(|(who, _)| who == asker);
        let own_length = own.map_or(0, |at| lane[at].1.len());
        if own_length >= bounds.each {
            return Err(Full::Own);
        }
        if lane.iter().map(|(_, queue)| queue.len()).sum::<usize>() >= bounds.all {
            let longest = lane.iter_mut().map(|(_, queue)| queue).max_by_key(|queue| queue.len());
            let longest = longest.filter(|queue| queue.len() > own_length + 1).ok_or(Full::All)?;
            longest.pop_back();
        }
        let (tell, told) = oneshot::channel();
        match own {
            Some(at) => lane[at].1.push_back(tell),
            None => lane.push_back((asker.to_owned(), VecDeque::from([tell]))),
        }
        Ok(told)
    }

    /// Whose turn it is: the first of the asker who has waited longest for one. That asker's next comes after all others.
    fn next(&mut self) -> Option<Waiting> {
        for lane in &mut self.lanes {
            while let Some((asker, mut queue)) = lane.pop_front() {
                let first = queue.pop_front();
                if !queue.is_empty() {
                    lane.push_back((asker, queue));
                }
                if let Some(first) = first.filter(|waiting| !waiting.is_closed()) {
                    return Some(first);
                }
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut queues = self.0.queues();
            let next = queues.next();
            if next.is_none() {
                queues.taken -= 1;
            }
            next
        };
        if let Some(next) = next {
            // Who hangs up at this moment drops it, and it goes on to the next.
            let _gone = next.send(Turn(self.0.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::future::Future;
    use std::pin::Pin;

    type Waits<'a> = Pin<Box<dyn Future<Output = Result<Turn, Full>> + 'a>>;

    /// Asks, and waits if there is no turn at once.
    fn ask<'a>(turns: &'a Turns, lane: Lane, asker: &'a str) -> Result<Waits<'a>, Full> {
        let mut asking: Waits<'a> = Box::pin(turns.take(lane, asker));
        match (&mut asking).now_or_never() {
            None => Ok(asking),
            Some(Ok(turn)) => Ok(Box::pin(std::future::ready(Ok(turn)))),
            Some(Err(full)) => Err(full),
        }
    }

    fn turns(each: usize, all: usize) -> Turns {
        Turns::new(Bounds { at_once: 1, each, all })
    }

    /// In which order those who wait get their turn, once `first` is over.
    fn order(first: Turn, mut waiting: Vec<(&'static str, Waits<'_>)>) -> Vec<&'static str> {
        let (mut turn, mut order) = (Some(first), Vec::new());
        while let Some(_over) = turn.take() {
            drop(_over);
            for at in 0..waiting.len() {
                match (&mut waiting[at].1).now_or_never() {
                    None => {}
                    Some(answer) => {
                        let (who, _) = waiting.remove(at);
                        turn = answer.ok();
                        order.push(who);
                        break;
                    }
                }
            }
        }
        order
    }

    #[test]
    fn askers_take_turns_however_many_each_waits_for() {
        let turns = turns(8, 64);
        let held = turns.take(Lane::Second, "crowd").now_or_never().expect("at once").expect("a turn");
        let asked = ["crowd", "crowd", "crowd", "one", "crowd", "two"];
        let waiting = asked.map(|who| (who, ask(&turns, Lane::Second, who).expect("a place")));
        assert_eq!(order(held, waiting.into()), ["crowd", "one", "two", "crowd", "crowd", "crowd"]);
        assert!(turns.take(Lane::Second, "one").now_or_never().is_some(), "all turns are back");
    }

    #[test]
    fn the_first_lane_goes_before_a_full_second_one() {
        let turns = turns(1, 2);
        let held = turns.take(Lane::Second, "a").now_or_never().expect("at once").expect("a turn");
        let mut waiting = Vec::new();
        for who in ["a", "b"] {
            waiting.push((who, ask(&turns, Lane::Second, who).expect("a place")));
        }
        assert_eq!(ask(&turns, Lane::Second, "c").err(), Some(Full::All));
        assert_eq!(ask(&turns, Lane::Second, "a").err(), Some(Full::Own));
        waiting.push(("known", ask(&turns, Lane::First, "known").expect("a lane of its own")));
        assert_eq!(order(held, waiting), ["known", "a", "b"]);
    }

    #[test]
    fn a_full_queue_sheds_who_waits_for_most() {
        let turns = turns(8, 3);
        let held = turns.take(Lane::Second, "x").now_or_never().expect("at once").expect("a turn");
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(("crowd", ask(&turns, Lane::Second, "crowd").expect("a place")));
        }
        waiting.push(("one", ask(&turns, Lane::Second, "one").expect("the place of one of the crowd")));
        waiting.push(("two", ask(&turns, Lane::Second, "two").expect("the place of one of the crowd")));
        assert_eq!(ask(&turns, Lane::Second, "three").err(), Some(Full::All), "each waits for one");
        let mut shed: Vec<_> = waiting.split_off(1);
        waiting.extend(shed.split_off(2));
        assert!(shed.iter_mut().all(|(_, waits)| matches!(waits.now_or_never(), Some(Err(Full::All)))));
        assert_eq!(order(held, waiting), ["crowd", "one", "two"]);
    }

    #[test]
    fn whoever_hangs_up_leaves_place_and_turn() {
        let turns = turns(1, 1);
        let held = turns.take(Lane::Second, "x").now_or_never().expect("at once").expect("a turn");
        drop(ask(&turns, Lane::Second, "gone").expect("a place"));
        let late = ask(&turns, Lane::Second, "late").expect("the place of who has gone");
        assert_eq!(order(held, vec![("late", late)]), ["late"]);
        let held = turns.take(Lane::Second, "x").now_or_never().expect("at once").expect("a turn");
        let gone = ask(&turns, Lane::Second, "gone").expect("a place");
        drop(held);
        drop(gone);
        assert!(turns.take(Lane::Second, "y").now_or_never().is_some(), "the turn that was sent to who has gone");
    }
}
