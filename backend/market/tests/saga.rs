//! The saga under crashes: after every intent and every effect the process dies, the state is
//! read back from its rows, and the swap still ends in DONE, ABORTED or ROLLED_BACK with the
//! instance in one place.
use headroom_market::event::Event;
use headroom_market::ids::*;
use headroom_market::market::{Market, Rhythm};
use headroom_market::record::Record;
use headroom_market::state::State;
use headroom_market::swap::saga::{self, StepReport, StepResult};
use headroom_market::swap::{Method, Phase, Swap, SwapState};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::turn::Turn;
use headroom_market::units::{Amounts, Credits, Resource};
use headroom_market::workload::{AtEnd, Class, ComparisonRules, Instance, InstanceState, run};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn cpu(milli: i64) -> Amounts {
    [(Resource::CpuMilli, milli)].into()
}

fn market() -> Market {
    let rhythm = Rhythm { slot_seconds: 60, horizon_slots: 6, lead_seconds: 10, round_seconds: 5 };
    let slot = Slot::default();
    Market {
        name: "t".into(),
        rhythm,
        price_cap: "1".parse().unwrap(),
        demo: false,
        last_round: 0,
        last_root: String::new(),
        full_round: 0,
        pool_rounds: Default::default(),
        planned_until: slot,
        settled_until: slot,
        two_person_approval: false,
        created_at: NOW,
    }
}

fn instance() -> Instance {
    Instance {
        id: InstanceId::from_raw(1),
        participant: ParticipantId::from_raw(2),
        name: "job".into(),
        driver: "wasm".into(),
        module: ModuleId::from_raw(3),
        arguments: Vec::new(),
        adopted: None,
        pool: "p".into(),
        away: None,
        relocation: None,
        last_relocation: None,
        given_up: Default::default(),
        node: NodeId::from_raw(10),
        epoch: 1,
        class: Class::Standard,
        baseline: cpu(1000),
        floor: cpu(500),
        limit: cpu(3000),
        in_force: cpu(1000),
        at_end: AtEnd::Shrink,
        shown_at_end: None,
        drill: None,
        comparison: ComparisonRules::default(),
        strategy: Box::default(),
        strategy_version: 1,
        state: InstanceState::Running,
        suspended: None,
        fault: None,
        swap: Some(SwapId::from_raw(4)),
        pinned_until: None,
        failed_by_exchange: Default::default(),
        kept_by_program: Default::default(),
        pinned_by_exchange: false,
        pinned_by_program: false,
        stop_requested: false,
        recent_moves: Vec::new(),
        earlier_baselines: Vec::new(),
        created_at: NOW,
    }
}

fn swap(to: u128) -> Swap {
    Swap {
        id: SwapId::from_raw(4),
        participant: ParticipantId::from_raw(2),
        instance: InstanceId::from_raw(1),
        instance_name: "job".into(),
        state: SwapState::Planned,
        method: if to == 10 { Method::Resize } else { Method::Checkpoint },
        pool_from: "p".into(),
        pool_to: "p".into(),
        node_from: NodeId::from_raw(10),
        node_to: NodeId::from_raw(to),
        limits_from: cpu(1000),
        limits_to: cpu(1500),
        slot: Slot::starting_at(1_800_000_060),
        expected_gain: Credits::ZERO,
        deadline: NOW,
        depends_on: Vec::new(),
        at_once: Amounts::new(),
        pairs: Vec::new(),
        causes: Vec::new(),
        approval: None,
        kept_waiting: false,
        epoch: 1,
        phases: vec![Phase { state: SwapState::Planned, started_at: NOW, ended_at: None, detail: None }],
        forecast: None,
        bytes: 0,
        downtime_micros: None,
        positions_compared: 0,
        difference_count: 0,
        differences: Vec::new(),
        reason: None,
        in_use_since: None,
        cancel_requested: None,
        created_at: NOW,
        ended_at: None,
    }
}

fn world(to: u128) -> State {
    let mut state = State::new(market());
    state.put(instance());
    state.put_swap(swap(to));
    state
}

/// The process dies: all that is left is what its rows say.
fn crash(state: &State) -> State {
    let mut restarted = State::new(serde_json::from_str(&state.market.document()).unwrap());
    for instance in state.instances.values() {
        restarted.put(serde_json::from_str::<Instance>(&instance.document()).unwrap());
    }
    for swap in state.swaps.values() {
        restarted.put_swap(serde_json::from_str::<Swap>(&swap.document()).unwrap());
    }
    restarted
}

fn step(state: &mut State, result: StepResult) -> Vec<Event> {
    let mut turn = Turn::new(state, NOW, 1);
    saga::step(&mut turn, SwapId::from_raw(4), result);
    turn.events
}

fn present(state: &State) -> Option<SwapState> {
    state.swaps.get(&SwapId::from_raw(4)).map(|s| s.state)
}

fn succeed(state: &mut State) {
    if let Some(now) = present(state) {
        step(state, StepResult::Succeeded { state: now, report: StepReport::default() });
    }
}

/// What a restart does with a swap that was under way: its driver state is gone.
fn give_up(state: &mut State) -> Option<SwapState> {
    let now = present(state)?;
    let result = StepResult::Failed {
        state: now,
        reason: "restarted".into(),
        detail: String::new(),
        report: StepReport::default(),
    };
    let events = step(state, result);
    events.iter().find_map(|e| if let Event::SwapChanged(s) = e { Some(s.state) } else { None })
}

/// Walks `steps` successful steps, crashing after each, then loses the driver's state.
fn walk(to: u128, steps: usize) -> (Option<SwapState>, Instance) {
    let mut state = world(to);
    for _ in 0..steps {
        succeed(&mut state);
        state = crash(&state);
    }
    let end = give_up(&mut state);
    (end, state.instances[&InstanceId::from_raw(1)].clone())
}

#[test]
fn a_crash_after_any_intent_ends_in_one_place_under_a_newer_epoch() {
    for (to, last) in [(11, 9), (10, 4)] {
        for steps in 0..=last {
            let mut before = world(to);
            (0..steps).for_each(|_| succeed(&mut before));
            let fenced = to != 10 && present(&before).is_some_and(SwapState::is_fenced);
            let (end, instance) = walk(to, steps);
            assert_eq!(instance.swap, None, "nothing is left in flight after {steps} steps");
            match end {
                None => assert_eq!(instance.node, NodeId::from_raw(to), "it was done after {steps} steps"),
                Some(SwapState::Done) => assert_eq!(instance.node, NodeId::from_raw(to)),
                Some(SwapState::Aborted) => {
                    assert!(!fenced, "before the fence the source is untouched");
                    assert_eq!(instance.node, NodeId::from_raw(10));
                    assert_eq!(instance.epoch, 1);
                }
                Some(SwapState::RolledBack) => {
                    assert!(fenced, "from the fence on it rolls back");
                    assert!(instance.is_pinned(NOW), "a move that failed is not tried again at once");
                    assert_eq!((instance.node, instance.in_force.clone()), (NodeId::from_raw(10), cpu(1000)));
                    assert!(instance.epoch > 2, "the source resumes under a newer epoch than the target's");
                }
                other => panic!("{other:?} after {steps} steps"),
            }
        }
    }
}

/// The states in the order of the contract; nothing is skipped and nothing comes early.
#[test]
fn a_swap_goes_through_every_state_in_order() {
    use SwapState::*;
    let moves = [Planned, Reserved, Snapshot, Transferred, Shadow, Fenced, Activated, Verified, Released];
    let resizes = [Planned, Reserved, Activated, Verified];
    for (to, states) in [(11, &moves[..]), (10, &resizes[..])] {
        let mut state = world(to);
        for expected in states {
            assert_eq!(present(&state), Some(*expected));
            succeed(&mut state);
        }
        assert_eq!(present(&state), None, "it is done");
        let moved = &state.instances[&InstanceId::from_raw(1)].recent_moves;
        assert_eq!(moved.len(), usize::from(to == 11), "a move is remembered, a resize is none");
    }
}

#[test]
fn an_old_message_changes_nothing_and_twice_equals_once() {
    let mut state = world(11);
    for _ in 0..9 {
        let Some(now) = present(&state) else { break };
        let result = StepResult::Succeeded { state: now, report: StepReport::default() };
        assert!(!step(&mut state, result.clone()).is_empty());
        assert!(step(&mut state, result).is_empty(), "the same report again is old news in {now:?}");
    }
    assert_eq!(present(&state), None, "done");
}

/// The process dies before the question, while it waits, after the answer, and after every intent that follows.
#[test]
fn a_crash_before_the_fence_keeps_a_question_and_its_answer() {
    use headroom_market::swap::approval::{Answering, Approval, MoveVerdict, answer};
    let (id, one) = (SwapId::from_raw(4), InstanceId::from_raw(1));
    let planned = || {
        let (mut state, by) = (world(11), NOW.plus_seconds(120));
        let question =
            Approval { ask_by: by, answer_by: by, asked_at: None, evidence: None, withdrawn: None, answer: None };
        state.put_swap(Swap { approval: Some(question), ..swap(11) });
        crash(&state)
    };
    // As `recover` of the server: what does not go on fails, then every workload runs again.
    let restart = |state: &State| {
        let mut state = crash(state);
        if state.swaps.get(&id).is_some_and(Swap::is_ended_by_restart) {
            give_up(&mut state);
        }
        let mut turn = Turn::new(&mut state, NOW, 1);
        run::recover(&mut turn, one).expect("it runs again");
        state
    };
    let say = |state: &mut State, verdict| {
        let mut turn = Turn::new(state, NOW, 1);
        let (reason, by) = (Some("because".to_owned()), UserId::from_raw(9));
        answer(&mut turn, id, Answering { verdict, reason, by }).expect("it waits");
    };
    let to_question = |state: &mut State| {
        for _ in 0..6 {
            succeed(state);
        }
        assert_eq!(present(state), Some(SwapState::AwaitingApproval), "only a person gets it on");
    };
    for steps in 0..=5 {
        let mut state = planned();
        (0..steps).for_each(|_| succeed(&mut state));
        state = restart(&state);
        assert!(matches!(present(&state), Some(SwapState::Planned | SwapState::Reserved)), "after {steps} steps");
        assert_eq!(state.swaps[&id].epoch, state.instances[&one].epoch);
        to_question(&mut state);
    }
    for steps in 0..=6 {
        let mut state = planned();
        to_question(&mut state);
        say(&mut state, MoveVerdict::Approved);
        (0..steps).for_each(|_| succeed(&mut state));
        let (before, fenced) = (present(&state), present(&state).is_some_and(SwapState::is_fenced));
        state = restart(&state);
        if let Some(again) = state.swaps.get(&id) {
            assert!(!fenced, "{before:?} after {steps} steps");
            let answered = again.approval.clone().and_then(|a| a.answer).expect("it is kept");
            assert_eq!((answered.by, answered.reason.as_deref()), (UserId::from_raw(9), Some("because")));
            (0..9).for_each(|_| succeed(&mut state));
        }
        let instance = &state.instances[&one];
        assert_eq!(instance.swap, None, "nothing is left in flight after {steps} steps");
        let there = !fenced || before == Some(SwapState::Released);
        assert_eq!(instance.node, NodeId::from_raw(if there { 11 } else { 10 }), "{before:?} after {steps} steps");
    }
    let mut state = planned();
    to_question(&mut state);
    say(&mut state, MoveVerdict::Rejected);
    state = restart(&state);
    assert_eq!(give_up(&mut state), Some(SwapState::Rejected));
    let instance = &state.instances[&one];
    assert_eq!((instance.swap, instance.node), (None, NodeId::from_raw(10)));
    assert!(instance.is_pinned(NOW) && instance.pinned_by_exchange);
}

#[test]
fn the_epoch_is_durable_before_the_source_is_stopped() {
    let mut state = world(11);
    for _ in 0..9 {
        if present(&state) != Some(SwapState::Fenced) {
            succeed(&mut state);
        }
    }
    assert_eq!(present(&state), Some(SwapState::Fenced));
    // Entering FENCED is the intent: its effect, the stop, has not been reported yet.
    assert_eq!(crash(&state).instances[&InstanceId::from_raw(1)].epoch, 2);
}
