//! The exchange's own rhythm: telemetry, forecasts, rounds, swaps, settlement, in this order,
//! a few times a second. Under a simulated clock the same ticks run one after the other and
//! are exactly reproducible; in real time the clearing runs beside them.
use crate::clock::Clock;
use crate::demo::errands;
use crate::sequencer::{Attached, Busy, Outcome, Sequencer};
use crate::workers::forecasts::{Board, MODEL};
use crate::workers::meter::Meter;
use crate::workers::nodes::{Nodes, instance_id};
use crate::workers::pulse::Pulse;
use crate::workers::slot_demand::SlotSums;
use crate::workers::steps::{self, Steps};
use crate::workers::telemetry::{self, Sample, TICK_SECONDS};
use crate::workers::view::{Standing, View};
use crate::workers::wanted::Wanted;
use crate::workers::{draws, drills, migration, prune, recalls, relocations, rounds, swaps};
use headroom_market::command::Command;
use headroom_market::state::State;
use headroom_market::swap::saga::StepResult;
use headroom_market::swap::{Swap, SwapState, recall};
use headroom_market::time::{Slot, Timestamp};
use headroom_market::workload::guidance::ApplicationProfile;
use headroom_store::Store;
use headroom_store::observations::Observed;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Time between two ticks.
const TICK_MICROS: i64 = 250_000;
/// Forecaster states are stored every so many slots.
const STORE_EVERY_SLOTS: i64 = 2;

/// Moves the simulated clock; answered when everything due by then has been done.
pub struct Advance {
    pub to: Timestamp,
    pub done: oneshot::Sender<()>,
}

pub struct Conductor {
    pub sequencer: Sequencer,
    pub store: Arc<Store>,
    pub clock: Arc<dyn Clock>,
    pub nodes: Arc<Nodes>,
    pub board: Arc<Board>,
    pub advances: mpsc::Receiver<Advance>,
    pub stopping: watch::Receiver<bool>,
    pub pulse: Arc<Pulse>,
    progress: Progress,
}

#[derive(Default)]
struct Progress {
    meter: Meter,
    sums: SlotSums,
    /// The slot that the sums belong to.
    slot: Option<Slot>,
    last_tick: Option<Timestamp>,
    last_round: Option<Timestamp>,
    last_reconcile: Option<Timestamp>,
    last_prune: Option<Timestamp>,
    round: Option<tokio::task::JoinHandle<Result<bool, Busy>>>,
    drills: Option<drills::Apart>,
    pauses: drills::Pauses,
    steps: Steps<StepResult>,
    slots_seen: i64,
    /// The slot for which the demo's errands were last looked for.
    errands: Option<Slot>,
}

impl Conductor {
    pub fn new(
        sequencer: Sequencer,
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        nodes: Arc<Nodes>,
        board: Arc<Board>,
        advances: mpsc::Receiver<Advance>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let pulse = Arc::new(Pulse::new(clock.is_simulated()));
        let progress = Progress::default();
        Self { sequencer, store, clock, nodes, board, advances, stopping, pulse, progress }
    }

    /// Goes on from what the process before had read.
    #[must_use]
    pub fn recalling(mut self, meter: Meter) -> Self {
        self.progress.meter = meter;
        self
    }

    /// Runs until the process stops.
    pub async fn run(mut self) {
        let ended = if self.clock.is_simulated() { self.run_simulated().await } else { self.run_in_time().await };
        if let Err(busy) = ended {
            tracing::debug!(%busy, "the conductor stops");
        }
        if let Some(round) = self.progress.round.take() {
            // A sealed round that is not awarded when the process ends is void at the next start.
            round.abort();
        }
    }

    async fn run_in_time(&mut self) -> Result<(), Busy> {
        let mut interval = tokio::time::interval(Duration::from_micros(TICK_MICROS as u64));
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopping = self.stopping.clone();
        let slot_seconds = self.sequencer.query(|state| state.market.rhythm.slot_seconds).await?;
        loop {
            // What was won is to be in force when its slot begins, not up to a tick later.
            let slot_begins = tokio::time::sleep(until_next_slot(self.clock.now(), slot_seconds));
            tokio::select! {
                _ = interval.tick() => {}
                () = slot_begins => {}
                _ = stopping.changed() => return Ok(()),
            }
            self.tick(self.clock.now()).await?;
        }
    }

    async fn run_simulated(&mut self) -> Result<(), Busy> {
        let mut stopping = self.stopping.clone();
        loop {
            let advance = tokio::select! {
                advance = self.advances.recv() => advance,
                _ = stopping.changed() => return Ok(()),
            };
            let Some(Advance { to, done }) = advance else { return Ok(()) };
            while self.clock.now() < to {
                let next = self.clock.now().plus_micros(TICK_MICROS);
                self.clock.set(if next < to { next } else { to });
                let now = self.clock.now();
                self.nodes.cluster.advance(now.micros());
                self.tick(now).await?;
            }
            let _gone = done.send(());
        }
    }

    async fn command(&self, command: Command) -> Result<Outcome, Busy> {
        self.sequencer.internal(command, Attached::default()).await
    }

    async fn tick(&mut self, now: Timestamp) -> Result<(), Busy> {
        let view = self.sequencer.query(move |state| View::of(state, now)).await?;
        for (participant, instance) in view.stops.iter().copied() {
            self.command(Command::StopInstance { participant, instance }).await?;
        }
        self.reconcile(now).await?;
        self.measure(&view, now).await?;
        self.end_drills(now).await?;
        self.forecast(&view, now).await?;
        self.send_out(&view, now).await?;
        self.end_round().await?;
        // Before the next round begins: rounds that take longer than their interval follow one
        // another without a gap.
        self.plan(&view, now).await?;
        self.clear(&view, now).await?;
        self.step_swaps(&view, now).await?;
        self.settle(&view).await?;
        self.prune(now).await;
        self.pulse.beat();
        Ok(())
    }

    fn is_due(last: Option<Timestamp>, now: Timestamp, micros: i64) -> bool {
        last.is_none_or(|last| now.micros() - last.micros() >= micros)
    }

    async fn reconcile(&mut self, now: Timestamp) -> Result<(), Busy> {
        if !Self::is_due(self.progress.last_reconcile, now, 1_000_000) {
            return Ok(());
        }
        self.progress.last_reconcile = Some(now);
        let wanted = self.sequencer.query(Wanted::of).await?;
        self.nodes.reconcile(&wanted, &self.store, now.micros()).await;
        Ok(())
    }

    /// Ticks stand in the middle of their 5 seconds, clear of the slot's boundaries, where
    /// limits change.
    async fn measure(&mut self, view: &View, now: Timestamp) -> Result<(), Busy> {
        let tick = TICK_SECONDS * 1_000_000;
        let middle = now.micros().rem_euclid(tick) >= tick / 2;
        if !middle || !Self::is_due(self.progress.last_tick, now, tick * 9 / 10) {
            return Ok(());
        }
        let last = self.progress.last_tick.replace(now);
        let seconds = view.market.rhythm.slot_seconds;
        let slot = Slot::containing(now, seconds);
        let wanted = self.sequencer.query(Wanted::of).await?;
        if let Some(last) = last {
            telemetry::miss_all(&wanted, last, now, seconds, &mut self.progress.meter);
        }
        let measured = telemetry::measure(&self.nodes, &wanted, now, slot, &mut self.progress.meter);
        if let Some((instance, detail)) = self.nodes.cluster.take_checkpoint_failure() {
            tracing::warn!(%instance, %detail, "a checkpoint could not be written; after a crash older work is repeated");
        }
        for (instance, detail) in measured.faults {
            tracing::warn!(%instance, %detail, "a workload's program faulted");
            self.command(Command::ReportFault { instance, detail }).await?;
        }
        for (instance, epoch, needs) in measured.suspensions {
            tracing::warn!(%instance, ?needs, "a workload stands still, or runs, and was known not to");
            self.command(Command::RecordSuspension { instance, epoch, needs }).await?;
        }
        for rejected in measured.rejected {
            tracing::warn!(?rejected, "a measurement is more than its node has, or negative: it is no sample");
            self.board.reject(rejected.instance, rejected.resource);
        }
        let samples = measured.samples;
        let (read, samples) = (samples.clone(), samples);
        let look = move |state: &State| {
            (
                recalls::due(state, &read, slot),
                recall::is_left_over(state, slot, now),
                draws::due(state, &read, slot, now),
            )
        };
        let (due, left_over, draws) = self.sequencer.query(look).await?;
        if left_over {
            self.command(Command::RetryRecalls { slot }).await?;
        }
        for recall in due {
            self.command(Command::Recall { participant: None, recall }).await?;
        }
        for draw in draws {
            self.command(Command::Draw { participant: None, draw }).await?;
        }
        self.drill(now).await?;
        self.progress.slot.get_or_insert(slot);
        let mut observed = Observed::default();
        for sample in &samples {
            self.progress.sums.add(sample);
            let document = serde_json::to_string(sample).unwrap_or_default();
            observed.samples.push((sample.instance.to_string(), now.micros(), document));
        }
        for reading in self.progress.meter.of_slot(slot) {
            let document = serde_json::to_string(reading).unwrap_or_default();
            let (instance, resource) = (reading.instance.to_string(), reading.resource.to_string());
            observed.readings.push((slot.seconds(), instance, resource, document));
        }
        self.observe(observed).await;
        self.look_ahead(&wanted, &samples, slot, seconds).await
    }

    /// A lender that is short now will hardly need less in the slots that come: it does not wait for the slot's end to ask
    /// for what it has lent of them, as the gate of the next one closes before.
    async fn look_ahead(
        &mut self,
        wanted: &Wanted,
        samples: &[Sample],
        slot: Slot,
        slot_seconds: i64,
    ) -> Result<(), Busy> {
        // Samples of a slot that has not been taken in yet say nothing of this one.
        if self.progress.slot != Some(slot) {
            return Ok(());
        }
        let short = self.progress.sums.short_lenders(wanted, samples, slot, slot_seconds);
        if short.is_empty() {
            return Ok(());
        }
        let outlooks = self.board.look_ahead(wanted, &short, slot, slot_seconds, &self.progress.sums);
        self.command(Command::RecordOutlooks { model: Some(MODEL.to_owned()), outlooks }).await.map(|_| ())
    }

    /// Takes in what drills have shown since the last tick.
    async fn end_drills(&mut self, now: Timestamp) -> Result<(), Busy> {
        while let Some(look) = self.progress.drills.as_mut().map(drills::Apart::look) {
            match look {
                drills::Look::Found(command) => {
                    self.command((*command).clone()).await?;
                    if let Some(drills) = &mut self.progress.drills {
                        drills.note(*command);
                    }
                }
                drills::Look::UnderWay => break,
                drills::Look::Ended => {
                    if let Some((tried, done)) = self.progress.drills.take().map(drills::Apart::into_parts) {
                        self.progress.pauses.note(&tried, &done, now);
                    }
                }
            }
        }
        Ok(())
    }

    /// Drills run beside the market: a program's step may take long. In a simulation in line.
    async fn drill(&mut self, now: Timestamp) -> Result<(), Busy> {
        if self.progress.drills.is_some() {
            return Ok(());
        }
        let waiting = self.sequencer.query(drills::waiting).await?;
        let due = self.progress.pauses.due(waiting, now);
        if due.is_empty() {
            return Ok(());
        }
        if self.clock.is_simulated() {
            let done = drills::run(&self.nodes, &due);
            self.progress.pauses.note(&due, &done, now);
            for command in done {
                self.command(command).await?;
            }
            return Ok(());
        }
        match drills::Apart::begin(self.nodes.clone(), due) {
            Ok(drills) => self.progress.drills = Some(drills),
            Err(error) => tracing::error!(%error, "no thread for drills"),
        }
        Ok(())
    }

    /// Observations may be lost, never the market's rhythm with them.
    async fn observe(&self, observed: Observed) {
        if let Err(error) = self.store.observations.write(observed).await {
            tracing::error!(%error, "telemetry could not be stored; forecasts go on from memory");
        }
    }

    async fn forecast(&mut self, view: &View, now: Timestamp) -> Result<(), Busy> {
        let seconds = view.market.rhythm.slot_seconds;
        let present = Slot::containing(now, seconds);
        let Some(slot) = self.progress.slot.filter(|s| *s < present) else { return Ok(()) };
        self.progress.slot = None;
        let sums = std::mem::take(&mut self.progress.sums);
        if sums.is_empty() {
            return Ok(());
        }
        let (wanted, profiles) = self
            .sequencer
            .query(|s| (Wanted::of(s), s.profiles.values().cloned().collect::<Vec<ApplicationProfile>>()))
            .await?;
        let outlooks = self.board.observe(&wanted, &profiles, slot, seconds, now, &sums);
        // Before the orders that follow from the outlooks: none is shown a price of older chances.
        let shortages = self.board.shortages(&wanted, slot, seconds);
        if !shortages.is_empty() {
            self.command(Command::RecordShortages { shortages }).await?;
        }
        self.command(Command::RecordOutlooks { model: Some(MODEL.to_owned()), outlooks }).await?;
        for command in relocations::asked(&self.sequencer, &self.store, self.nodes.clone(), now).await? {
            self.command(command).await?;
        }
        self.progress.slots_seen += 1;
        let mut observed = Observed::default();
        let instances: Vec<_> = wanted.instances.iter().map(|i| i.id).collect();
        for forecast in self.board.of_all(&instances, seconds) {
            let document = serde_json::to_string(&forecast).unwrap_or_default();
            observed.forecasts.push((
                forecast.instance.to_string(),
                forecast.resource.to_string(),
                now.micros(),
                document,
            ));
        }
        if self.progress.slots_seen % STORE_EVERY_SLOTS == 0 {
            observed.forecasters = self.board.states();
        }
        self.observe(observed).await;
        Ok(())
    }

    /// In a demo a member's own program places an order now and then, once for each slot in which it does.
    async fn send_out(&mut self, view: &View, now: Timestamp) -> Result<(), Busy> {
        let slot = Slot::containing(now, view.market.rhythm.slot_seconds);
        if !view.market.demo || self.progress.errands.replace(slot) == Some(slot) {
            return Ok(());
        }
        if let Some(order) = self.sequencer.query(move |state| errands::due(state, slot)).await? {
            self.command(order).await?;
        }
        Ok(())
    }

    async fn end_round(&mut self) -> Result<(), Busy> {
        if let Some(round) = self.progress.round.take_if(|r| r.is_finished()) {
            match round.await {
                Ok(result) => {
                    result?;
                }
                Err(error) => tracing::error!(%error, "the round's task ended"),
            }
        }
        Ok(())
    }

    async fn clear(&mut self, view: &View, now: Timestamp) -> Result<(), Busy> {
        let interval = view.market.rhythm.round_seconds * 1_000_000;
        if self.progress.round.is_some() || !Self::is_due(self.progress.last_round, now, interval) {
            return Ok(());
        }
        self.progress.last_round = Some(now);
        if self.clock.is_simulated() {
            rounds::run(&self.sequencer, &self.nodes.rejected_books, now).await?;
        } else {
            let (sequencer, nodes) = (self.sequencer.clone(), self.nodes.clone());
            let round = async move { rounds::run(&sequencer, &nodes.rejected_books, now).await };
            self.progress.round = Some(tokio::spawn(round));
        }
        Ok(())
    }

    /// Writes the swap orders of a slot whose gate has closed, when no round is under way
    /// that could still award capacity in it.
    async fn plan(&mut self, view: &View, now: Timestamp) -> Result<(), Busy> {
        let rhythm = &view.market.rhythm;
        let present = Slot::containing(now, rhythm.slot_seconds);
        let slot = view.market.planned_until.max(present);
        if self.progress.round.is_some() || now < rhythm.gate_closes(slot) {
            return Ok(());
        }
        self.command(Command::PlanSlot { slot }).await.map(|_| ())
    }

    async fn step_swaps(&mut self, view: &View, now: Timestamp) -> Result<(), Busy> {
        self.progress.steps.keep(&view.swaps.iter().map(|standing| standing.swap.id).collect());
        let mut history = None;
        for Standing { swap, may_begin, is_held_up, is_wanted, at_end, comparison, in_force } in &view.swaps {
            let begins = swap.moves() && swap.state == SwapState::Planned && !is_held_up;
            let forecast = match begins {
                true => migration::expected(&mut history, self, swap, now).await,
                false => None,
            };
            let situation = Arc::new(swaps::Situation {
                forecast,
                may_begin: *may_begin,
                is_held_up: *is_held_up,
                is_wanted: *is_wanted,
                at_end: *at_end,
                comparison: comparison.clone(),
                in_force: in_force.clone(),
                now,
                slot_seconds: view.market.rhythm.slot_seconds,
                simulated: self.clock.is_simulated(),
            });
            let mut present = Some(swap.clone());
            // On to the next state at once: between the fence and the activation the workload
            // stands still, and must not wait for a tick.
            while let Some(one) = present.take() {
                let (id, state) = (one.id, one.state);
                let (nodes, situation) = (self.nodes.clone(), situation.clone());
                // In a simulation in line, so that the order of things is always the same.
                let taken = if situation.simulated {
                    swaps::step(&nodes, &one, &situation)
                } else {
                    let command = nodes.cluster.is_command(&instance_id(one.instance));
                    let patience = if command { steps::PATIENCE } else { steps::MODULE_PATIENCE };
                    self.progress.steps.take(id, patience, || swaps::step_apart(nodes, one, situation)).await
                };
                let Some(result) = taken else { break };
                self.command(Command::StepSwap { swap: id, result }).await?;
                // What waits is looked at again with the next tick.
                let went_on = move |s: &&Swap| s.state != state;
                present = self.sequencer.query(move |s| s.swaps.get(&id).filter(went_on).cloned()).await?;
            }
        }
        Ok(())
    }

    async fn settle(&mut self, view: &View) -> Result<(), Busy> {
        let Some(slot) = view.unsettled else { return Ok(()) };
        let readings = self.progress.meter.take(slot);
        self.command(Command::SettleSlot { slot, readings }).await.map(|_| ())
    }

    async fn prune(&mut self, now: Timestamp) {
        if !Self::is_due(self.progress.last_prune, now, prune::EVERY_MICROS) {
            return;
        }
        // Not at once: a start has enough to do.
        if self.progress.last_prune.replace(now).is_some() {
            prune::prune(&self.store, now).await;
        }
    }
}

/// Time until the next slot begins; a whole slot at the moment of a beginning.
fn until_next_slot(now: Timestamp, slot_seconds: i64) -> Duration {
    let slot_micros = slot_seconds.max(1) * 1_000_000;
    let left_micros = slot_micros - now.micros().rem_euclid(slot_micros);
    Duration::from_micros(u64::try_from(left_micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_slot_begins_after_what_is_left_of_this_one() {
        let begin = Timestamp::from_micros(1_800_000_000 * 1_000_000);
        for (passed_micros, left_micros) in
            [(0, 60_000_000), (1, 59_999_999), (59_999_999, 1), (60_000_000, 60_000_000)]
        {
            let left = until_next_slot(begin.plus_micros(passed_micros), 60);
            assert_eq!(left, Duration::from_micros(left_micros), "{passed_micros} after its beginning");
        }
    }
}
