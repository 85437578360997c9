//! One copy of an instance on one node, with its allowance.
//!
//! Fuel is paid afterwards: a step may start while the allowance is above zero, runs to its
//! end and is charged; a negative allowance is worked off before the next step. So a step is
//! never cut, and over time the usage cannot exceed the limit by more than one step.
//!
//! Invariants: everything is integer arithmetic on the given times, so how often `advance`
//! is called does not change what is computed; inputs are processed in order, none twice.
//! Absent: what becomes of outputs (the caller's sink decides).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::snapshot::Snapshot;
use super::suspend::Suspension;
use crate::config::Config;
use crate::driver::{Detail, InstanceId, Limits, NodeId, Observation, Role, SnapshotId};
use crate::feed::InputFeed;
use crate::guest::Guest;
use headroom_market::shadow::PositionRecord;

/// Where inputs come from and under which settings.
pub(crate) struct Run<'a> {
    pub config: &'a Config,
    pub feed: &'a dyn InputFeed,
    pub instance: &'a InstanceId,
}

/// Why an advance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing to do before this time; without one, not before something changes.
    Until(Option<i64>),
    /// The slice or the bound on positions ended it; there is more.
    More,
}

/// Usage since the last observation.
#[derive(Debug, Default, Clone)]
struct Window {
    since_micros: i64,
    fuel: u64,
    throttled_micros: u64,
    memory_stalls: u64,
    mem_peak_kib: u64,
    mem_demand_kib: u64,
    bytes_in: u64,
    bytes_out: u64,
    outputs: u64,
    steps: u64,
    host_calls: u64,
    phases: BTreeMap<u32, u64>,
}

impl Window {
    fn since(now_micros: i64) -> Self {
        Self { since_micros: now_micros, ..Self::default() }
    }
}

pub(crate) struct Replica {
    pub node: NodeId,
    pub epoch: u64,
    pub role: Role,
    pub guest: Guest,
    pub limits: Limits,
    pub fault: Option<String>,
    /// While it stands still with its state in a checkpoint; `guest` then has its position only.
    pub suspension: Option<Suspension>,
    /// Position at which this copy became the active one.
    pub active_from: u64,
    clock_micros: i64,
    /// Fuel times a million, so that a microsecond's share is a whole number.
    allowance: i128,
    window: Window,
}

const SCALE: i128 = 1_000_000;

impl Replica {
    pub fn new(node: NodeId, epoch: u64, role: Role, guest: Guest, limits: Limits, now_micros: i64) -> Self {
        let active_from = guest.position();
        Self {
            node,
            epoch,
            role,
            guest,
            limits,
            fault: None,
            suspension: None,
            active_from,
            clock_micros: now_micros,
            // One micro-fuel: the first step may start at once.
            allowance: 1,
            window: Window::since(now_micros),
        }
    }

    /// Fuel a second; also millionths of fuel a microsecond.
    fn rate(&self, config: &Config) -> i128 {
        i128::from(self.limits.cpu_milli) * i128::from(config.fuel_per_cpu_milli)
    }

    fn accrue(&mut self, config: &Config, to_micros: i64) {
        let passed = i128::from(to_micros.saturating_sub(self.clock_micros).max(0));
        let rate = self.rate(config);
        let most = (rate * i128::from(config.burst_micros)).max(1);
        // Who stands still earns nothing: it would work off its inputs in a time that has passed.
        if self.suspension.is_none() {
            self.allowance = (self.allowance + rate * passed).min(most.max(self.allowance));
        }
        self.clock_micros = self.clock_micros.max(to_micros);
    }

    /// Takes over at `now`: what passed before neither earns nor counts.
    pub fn resume(&mut self, role: Role, epoch: u64, now_micros: i64) {
        self.role = role;
        self.epoch = epoch;
        self.clock_micros = self.clock_micros.max(now_micros);
        self.active_from = self.guest.position();
    }

    /// Stands still from `now` on as `fresh`, which gets nothing but the position.
    pub fn stand_still(&mut self, mut fresh: Guest, suspension: Suspension, now_micros: i64) {
        fresh.set_position(self.guest.position());
        self.guest = fresh;
        self.suspension = Some(suspension);
        self.window = Window::since(now_micros);
    }

    /// Goes on from `now` as `guest`, which has its state.
    pub fn go_on(&mut self, guest: Guest, now_micros: i64) {
        self.guest = guest;
        self.suspension = None;
        self.clock_micros = self.clock_micros.max(now_micros);
        self.window = Window::since(now_micros);
    }

    /// What it needs to go on, while it is suspended.
    pub fn suspended_kib(&self) -> Option<u64> {
        self.suspension.as_ref().map(|suspension| suspension.held_kib)
    }

    /// The state of its guest. One that cannot tell it is faulty from here on.
    pub fn snapshot(&mut self, id: SnapshotId, base: Option<Arc<Snapshot>>) -> Result<Snapshot, String> {
        let mut snapshot = self.copy(id, base)?;
        snapshot.hash_pages();
        Ok(snapshot)
    }

    /// The same without the hashes of its pages.
    pub fn copy(&mut self, id: SnapshotId, base: Option<Arc<Snapshot>>) -> Result<Snapshot, String> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let copied = self.guest.copy(id, base);
        if let Err(reason) = &copied {
            self.fault = Some(format!("at position {}: {reason}", self.guest.position()));
        }
        copied
    }

    /// Hash of its state, wherever that is; `None` for one that is faulty, or is from here on as it cannot tell.
    pub fn state_hash(&mut self) -> Option<String> {
        if let Some(suspension) = &self.suspension {
            return Some(suspension.state_hash.clone());
        }
        if self.fault.is_some() {
            return None;
        }
        let hash = self.guest.state_hash();
        hash.map_err(|reason| self.fault = Some(format!("at position {}: {reason}", self.guest.position()))).ok()
    }

    /// New limits from `now` on; the past is charged under the old ones.
    pub fn set_limits(&mut self, config: &Config, limits: Limits, now_micros: i64) {
        self.accrue(config, now_micros);
        self.guest.set_cpu_limit(limits.cpu_milli);
        self.limits = limits;
    }

    /// Processes due inputs below position `until`, as far as `now` and the allowance reach.
    /// With `hash_every`, each so many positions the state is hashed into the record.
    pub fn advance(
        &mut self,
        run: &Run<'_>,
        now_micros: i64,
        until: u64,
        hash_every: Option<u64>,
        keep_going: &mut dyn FnMut() -> bool,
        sink: &mut dyn FnMut(PositionRecord),
    ) -> Progress {
        let config = run.config;
        loop {
            let position = self.guest.position();
            if self.fault.is_some() || self.suspension.is_some() {
                self.accrue(config, now_micros);
                return Progress::Until(None);
            }
            if position >= until {
                return Progress::More;
            }
            let Some(input) = run.feed.input(run.instance, position) else {
                self.accrue(config, now_micros);
                return Progress::Until(None);
            };
            if input.due_at_micros > now_micros {
                self.accrue(config, now_micros);
                return Progress::Until(Some(input.due_at_micros));
            }
            let start = self.clock_micros.max(input.due_at_micros);
            self.accrue(config, start);
            if self.allowance <= 0 {
                let rate = self.rate(config);
                let ready = if rate == 0 {
                    i64::MAX
                } else {
                    let wait = (1 - self.allowance + rate - 1) / rate;
                    start.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX))
                };
                let stands_until = ready.min(now_micros).max(start);
                self.window.throttled_micros += stands_until.abs_diff(start);
                self.accrue(config, stands_until);
                if ready > now_micros {
                    return Progress::Until((rate > 0).then_some(ready));
                }
            }
            if !keep_going() {
                return Progress::More;
            }
            let due = input.due_at_micros;
            match self.guest.step(input, config.step_fuel_ceiling) {
                Err(reason) => self.fault = Some(format!("at position {position}: {reason}")),
                Ok(done) => {
                    self.allowance -= i128::from(done.fuel) * SCALE;
                    self.count(&done);
                    let hashed = hash_every.is_some_and(|n| position.is_multiple_of(n.max(1)));
                    sink(PositionRecord {
                        position,
                        output: done.output,
                        state: if hashed { self.state_hash() } else { None },
                        latency_micros: self.clock_micros.abs_diff(due),
                    });
                }
            }
        }
    }

    fn count(&mut self, done: &super::guest::Done) {
        let w = &mut self.window;
        w.fuel += done.fuel;
        w.steps += 1;
        w.bytes_in += done.bytes_in;
        w.bytes_out += done.output.len() as u64;
        w.outputs += u64::from(!done.output.is_empty());
        let counters = self.guest.take_counters();
        w.host_calls += counters.host_calls;
        w.memory_stalls += counters.memory_stalls;
        w.mem_peak_kib = w.mem_peak_kib.max(self.guest.held_kib());
        w.mem_demand_kib = w.mem_demand_kib.max(counters.demand_kib).max(self.guest.held_kib());
        for (code, times) in counters.phases {
            *w.phases.entry(code).or_insert(0) += times;
        }
    }

    /// What happened since the last observation; the next one starts here.
    pub fn observe(&mut self, run: &Run<'_>, now_micros: i64, detail: Detail) -> Observation {
        let w = std::mem::replace(&mut self.window, Window::since(now_micros));
        let window_micros = now_micros.abs_diff(w.since_micros);
        let per_milli = u128::from(run.config.fuel_per_cpu_milli.max(1)) * u128::from(window_micros);
        let used = u128::from(w.fuel) * 1_000_000 + per_milli / 2;
        let cpu_milli = u64::try_from(used.checked_div(per_milli).unwrap_or(0)).unwrap_or(u64::MAX);
        let held = self.held_kib();
        let runs = self.suspension.is_none();
        let near = |used: u64, limit: u64| runs && u128::from(used) * 100 >= u128::from(limit) * 98;
        let position = self.guest.position();
        Observation {
            observed_at_micros: now_micros,
            window_micros,
            cpu_milli,
            mem_peak_kib: w.mem_peak_kib.max(held),
            mem_demand_kib: w.mem_demand_kib.max(held),
            throttled_micros: w.throttled_micros,
            memory_stalls: w.memory_stalls,
            cpu_censored: w.throttled_micros > 0 || near(cpu_milli, self.limits.cpu_milli),
            mem_censored: w.memory_stalls > 0 || near(w.mem_peak_kib.max(held), self.limits.mem_kib),
            input_lag: run.feed.waiting(run.instance, position, now_micros),
            bytes_in: w.bytes_in,
            bytes_out: w.bytes_out,
            outputs: w.outputs,
            steps: w.steps,
            host_calls: w.host_calls,
            fuel: w.fuel,
            phases: w.phases,
            state_hash: match detail {
                Detail::WithStateHash => self.state_hash(),
                Detail::Counters => None,
            },
            ..self.standing(run.instance)
        }
    }

    /// Memory that counts; who is suspended has given all of it back.
    fn held_kib(&self) -> u64 {
        if self.suspension.is_some() { 0 } else { self.guest.held_kib() }
    }

    /// Where it stands and what is in force, with nothing counted.
    pub fn standing(&self, instance: &InstanceId) -> Observation {
        let held = self.held_kib();
        Observation {
            instance: instance.clone(),
            node: self.node.clone(),
            epoch: self.epoch,
            role: self.role,
            limits: self.limits.clone(),
            observed_at_micros: self.clock_micros,
            window_micros: 0,
            cpu_milli: 0,
            mem_kib: held,
            mem_peak_kib: held,
            mem_demand_kib: held,
            mem_reserved_kib: if self.suspension.is_some() { 0 } else { self.guest.reserved_kib() },
            throttled_micros: 0,
            memory_stalls: 0,
            cpu_censored: false,
            mem_censored: false,
            position: self.guest.position(),
            input_lag: 0,
            bytes_in: 0,
            bytes_out: 0,
            outputs: 0,
            steps: 0,
            host_calls: 0,
            fuel: 0,
            phases: BTreeMap::new(),
            state_hash: None,
            fault: self.fault.clone(),
            suspended_kib: self.suspended_kib(),
        }
    }
}
