//! One wasm instance: made, stepped, captured and restored.
//!
//! Invariants: the state is read and written only between steps; a step that traps leaves a
//! guest that must not be stepped or captured again (its owner marks it faulty).
//! Absent: budgets and roles (`replica`), where snapshots are kept (`cell`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use wasmtime::{
    Engine, ExternType, FuncType, Global, InstancePre, Memory, OperatorCost, Store, TypedFunc, UpdateDeadline, Val,
};

use super::admission::{Admission, Refusal, admit};
use super::host::{Host, HostCounters, engine_error, linker};
use super::snapshot::{GlobalValue, PAGE_BYTES, PageHashes, Snapshot, ZERO_PAGE, page_hash, state_hash};
use super::watch::{Overrun, Watch, cpu_time};
use crate::command::Urgency;
use crate::config::{Config, mib};
use crate::driver::{DriverError, InstanceId, Limits, Program, SnapshotId};
use crate::feed::Input;

/// What `memory.grow` costs: it takes as long as so many instructions.
const GROW_FUEL: u8 = 50;

/// The engine with the settings that make guests deterministic.
pub(crate) struct Runtime {
    engine: Engine,
    linker: wasmtime::Linker<Host>,
    /// Raised when the process ends and steps under way have to, too.
    pub ending: Arc<AtomicBool>,
    pub urgency: Arc<Urgency>,
}

/// An admitted module, compiled and linked.
pub(crate) struct Module {
    pub program: Program,
    pub wasm: Arc<[u8]>,
    pub admission: Admission,
    ending: Arc<AtomicBool>,
    pre: InstancePre<Host>,
}

impl Runtime {
    pub fn new() -> Result<Self, DriverError> {
        let mut config = wasmtime::Config::new();
        config
            .consume_fuel(true)
            // Instructions that copy or fill memory cost a fuel a byte by default. Asking for
            // memory and being refused is a call to the host.
            .operator_cost(OperatorCost { MemoryGrow: GROW_FUEL, ..OperatorCost::new() })
            .epoch_interruption(true)
            .cranelift_nan_canonicalization(true)
            .wasm_relaxed_simd(false)
            .wasm_backtrace_max_frames(None);
        let engine = Engine::new(&config).map_err(engine_error)?;
        let linker = linker(&engine)?;
        Ok(Self { engine, linker, ending: Arc::default(), urgency: Arc::default() })
    }

    /// Lets every step under way look at its clock.
    pub fn tick(&self) {
        self.engine.increment_epoch();
    }

    /// Admits and compiles a module; `program` names it from now on.
    pub fn load(&self, config: &Config, program: Program, wasm: &[u8]) -> Result<Module, DriverError> {
        let admission = admit(wasm, config.max_module_bytes, config.max_guest_kib)?;
        let module = wasmtime::Module::from_binary(&self.engine, wasm).map_err(engine_error)?;
        let pre = self.linker.instantiate_pre(&module).map_err(|_| Refusal::ImportType(self.misfit(&module)))?;
        let step = module.get_export("step").and_then(|ty| ty.func().cloned());
        let step_fits = step.is_some_and(|ty| {
            ty.params().len() == 0 && ty.results().len() == 1 && ty.results().all(|result| result.is_i32())
        });
        if !step_fits {
            return Err(Refusal::MissingExport("step").into());
        }
        Ok(Module { program, wasm: wasm.into(), admission, ending: Arc::clone(&self.ending), pre })
    }

    /// The first import whose type is not the one that is offered.
    fn misfit(&self, module: &wasmtime::Module) -> String {
        let mut store = Store::new(&self.engine, Host::blank());
        for import in module.imports() {
            let offered = self.linker.get_by_import(&mut store, &import);
            let fits = match (offered.map(|item| item.ty(&store)), import.ty()) {
                (Some(ExternType::Func(a)), ExternType::Func(b)) => FuncType::eq(&a, &b),
                _ => false,
            };
            if !fits {
                return import.name().to_owned();
            }
        }
        "?".to_owned()
    }
}

/// Refuses a limit below the memory that a module starts with: it could not be kept to.
fn below_minimum(included_kib: u64, limit_kib: u64, minimum_kib: u64) -> Result<(), DriverError> {
    if minimum_kib > limit_kib.max(included_kib) {
        return Err(DriverError::BelowMinimum { limit_kib, minimum_kib });
    }
    Ok(())
}

/// What somebody has beyond a limit: linear memory comes in steps of 64 KiB, limits do not, and
/// what the module starts with is always allowed.
pub(crate) fn beyond(held_kib: u64, limit_kib: u64, minimum_kib: u64) -> Option<u64> {
    Some(held_kib).filter(|held| *held > limit_kib.next_multiple_of(64).max(minimum_kib))
}

/// Looking through memory is cheap beside writing it, and not free.
const BYTES_LOOKED_AT_A_FUEL: u64 = 64;

/// What one step did.
pub(crate) struct Done {
    pub fuel: u64,
    pub output: Vec<u8>,
    pub bytes_in: u64,
}

/// A running instance of a module.
pub(crate) struct WasmGuest {
    store: Store<Host>,
    memory: Memory,
    step: TypedFunc<(), i32>,
    globals: Vec<(String, Global)>,
    included_kib: u64,
    kib_per_mib: u64,
    /// The next input to process.
    pub position: u64,
}

impl WasmGuest {
    /// A new instance in its initial state.
    pub fn new(
        config: &Config,
        module: &Module,
        instance: &InstanceId,
        limits: &Limits,
        properties: BTreeMap<String, i64>,
    ) -> Result<Self, DriverError> {
        let seed = blake3::hash(instance.as_str().as_bytes());
        let mut seed_bytes = [0_u8; 8];
        seed_bytes.copy_from_slice(&seed.as_bytes()[..8]);
        let mut host = Host::blank();
        host.max_output_bytes = config.max_output_bytes;
        host.mem_limit_kib = limits.mem_kib.min(config.max_guest_kib);
        host.minimum_kib = module.admission.initial_memory_kib;
        host.properties = Arc::new(properties);
        host.seed = u64::from_le_bytes(seed_bytes);
        host.watch = Watch::new(Duration::from_micros(config.step_cpu_micros), Arc::clone(&module.ending));
        below_minimum(config.included_kib, host.mem_limit_kib, host.minimum_kib)?;
        let mut store = Store::new(module.pre.module().engine(), host);
        store.limiter(|host| host);
        store.set_fuel(config.step_fuel_ceiling).map_err(engine_error)?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            let may_go_on = store.data_mut().watch.may_go_on(cpu_time());
            Ok(if may_go_on { UpdateDeadline::Continue(1) } else { UpdateDeadline::Interrupt })
        });
        let made = module.pre.instantiate(&mut store).map_err(engine_error)?;
        let memory = made.get_memory(&mut store, "memory").ok_or(Refusal::MissingExport("memory"))?;
        let step = made.get_typed_func(&mut store, "step").map_err(engine_error)?;
        let mut globals = Vec::with_capacity(module.admission.globals.len());
        for name in &module.admission.globals {
            let global = made
                .get_global(&mut store, name)
                .ok_or_else(|| DriverError::Engine(format!("global {name} is gone")))?;
            globals.push((name.clone(), global));
        }
        store.data_mut().memory = Some(memory);
        let (included_kib, kib_per_mib) = (config.included_kib, config.kib_per_mib);
        Ok(Self { store, memory, step, globals, included_kib, kib_per_mib, position: 0 })
    }

    /// Processes the input at the guest's position. On an error the guest is unusable.
    pub fn step(&mut self, input: Input, ceiling: u64) -> Result<Done, String> {
        let bytes_in = input.bytes.len() as u64;
        let host = self.store.data_mut();
        host.input = input.bytes;
        host.due_at_micros = input.due_at_micros;
        host.position = self.position;
        host.draws = 0;
        host.output.clear();
        host.watch.step_begins();
        self.store.set_fuel(ceiling).map_err(|e| e.to_string())?;
        self.store.set_epoch_deadline(1);
        let result = self.step.call(&mut self.store, ());
        let left = self.store.get_fuel().map_err(|e| e.to_string())?;
        match result {
            Ok(0) => {}
            Ok(code) => return Err(format!("step answered {code}")),
            Err(error) => {
                let watch = &self.store.data().watch;
                return Err(match watch.overrun() {
                    Some(Overrun::Time) => {
                        format!("a step took more than {} ms of processor time", watch.limit.as_millis())
                    }
                    Some(Overrun::Ending) => "a step was ended because the process stops".to_owned(),
                    None if left == 0 => format!("a step burnt more than {ceiling} fuel"),
                    None => error.root_cause().to_string(),
                });
            }
        }
        let looked_at = self.nothing_is_kept_above_the_hold()?;
        self.position += 1;
        let output = std::mem::take(&mut self.store.data_mut().output);
        Ok(Done { fuel: ceiling - left + looked_at.div_ceil(BYTES_LOOKED_AT_A_FUEL), output, bytes_in })
    }

    /// A linear memory never shrinks, so a guest that says what it holds is taken at its word only
    /// if nothing is left above that, or above a limit that has gone down. Answers how many bytes
    /// had to be looked at; they are charged.
    fn nothing_is_kept_above_the_hold(&self) -> Result<u64, String> {
        let host = self.store.data();
        let Some(held_kib) = host.held_kib else { return Ok(0) };
        let kept_kib = held_kib.min(host.mem_limit_kib).max(host.minimum_kib);
        let from = usize::try_from(kept_kib.saturating_mul(1024)).unwrap_or(usize::MAX);
        let above = self.memory.data(&self.store).get(from..).unwrap_or_default();
        // Folded, not searched: this way a whole page is a few instructions.
        let used = |page: &[u8]| page.iter().fold(0, |all, byte| all | byte) != 0;
        if above.chunks(4096).any(used) {
            return Err(format!(
                "out of memory: it says that it holds {} of {} allowed, and keeps more",
                mib(held_kib, self.kib_per_mib),
                mib(host.mem_limit_kib, self.kib_per_mib)
            ));
        }
        Ok(above.len() as u64)
    }

    /// Takes what was counted since the last time.
    pub fn take_counters(&mut self) -> HostCounters {
        std::mem::take(&mut self.store.data_mut().counters)
    }

    /// Memory that counts: what the guest holds, or all of it if it never said.
    pub fn held_kib(&self) -> u64 {
        self.store.data().held_kib.unwrap_or_else(|| self.reserved_kib())
    }

    /// Whether it has said what it holds; one that never does only grows.
    pub fn manages_its_hold(&self) -> bool {
        self.store.data().held_kib.is_some()
    }

    /// Half of what it holds, or the least limit that there can be for its module if that is more; `None` where
    /// it holds no more than that.
    pub fn drill_target_kib(&self) -> Option<u64> {
        let host = self.store.data();
        let held = host.held_kib?;
        let least = if host.minimum_kib > self.included_kib { host.minimum_kib } else { 0 };
        Some((held / 2).max(least)).filter(|half| *half < held)
    }

    /// What it has beyond a limit, by the rule that limits are kept by.
    pub fn beyond_kib(&self, limit_kib: u64) -> Option<u64> {
        beyond(self.held_kib(), limit_kib, self.store.data().minimum_kib)
    }

    /// Whether a state of its module that held so much could run under a limit.
    pub fn could_hold(&self, held_kib: u64, limit_kib: u64) -> bool {
        let minimum_kib = self.minimum_kib();
        below_minimum(self.included_kib, limit_kib, minimum_kib).is_ok()
            && beyond(held_kib, limit_kib, minimum_kib).is_none()
    }

    /// Memory that its module starts with.
    pub fn minimum_kib(&self) -> u64 {
        self.store.data().minimum_kib
    }

    pub fn reserved_kib(&self) -> u64 {
        self.memory.data_size(&self.store) as u64 / 1024
    }

    /// Sets the memory limit in force. A guest that manages its hold has to have come down at the
    /// end of its next step; one that never does cannot come below what it has. None comes below
    /// what its module starts with.
    pub fn set_mem_limit(&mut self, limit_kib: u64) -> Result<(), DriverError> {
        let host = self.store.data();
        below_minimum(self.included_kib, limit_kib, host.minimum_kib)?;
        let in_use_kib = self.reserved_kib();
        // As when it grows: linear memory comes in steps of 64 KiB, limits do not.
        let allowed_kib = limit_kib.next_multiple_of(64).max(host.minimum_kib);
        let lowered = limit_kib < host.mem_limit_kib;
        if lowered && host.held_kib.is_none() && in_use_kib > allowed_kib {
            return Err(DriverError::MemoryInUse { limit_kib, in_use_kib });
        }
        self.store.data_mut().mem_limit_kib = limit_kib;
        Ok(())
    }

    fn global_values(&mut self) -> Vec<(String, GlobalValue)> {
        let store = &mut self.store;
        self.globals
            .iter()
            .map(|(name, global)| {
                let value = match global.get(&mut *store) {
                    Val::I32(v) => GlobalValue::I32(v),
                    Val::I64(v) => GlobalValue::I64(v),
                    Val::F32(bits) => GlobalValue::F32(bits),
                    Val::F64(bits) => GlobalValue::F64(bits),
                    // Admission lets no other type through.
                    other => unreachable!("a mutable global of type {other:?} was admitted"),
                };
                (name.clone(), value)
            })
            .collect()
    }

    /// The state at this step boundary, with a base only the pages that differ from it; without the hashes of its
    /// pages, which need the guest no more.
    pub fn copy(&mut self, id: SnapshotId, base: Option<Arc<Snapshot>>) -> Snapshot {
        let globals = self.global_values();
        let held_kib = self.store.data().held_kib;
        let memory = self.memory.data(&self.store);
        Snapshot::of(memory, (id, base), globals, self.position, held_kib)
    }

    /// Hash of the state at this step boundary.
    pub fn state_hash(&mut self) -> String {
        let globals = self.global_values();
        let pages: PageHashes = (0_u32..)
            .zip(self.memory.data(&self.store).chunks(PAGE_BYTES))
            .filter(|(_, page)| *page != ZERO_PAGE)
            .map(|(index, page)| (index, page_hash(page)))
            .collect();
        state_hash(&pages, &globals, self.position)
    }

    /// Goes on as `fresh`, which is brought to `state`: the memory that it does not hold any more goes
    /// back to the system with the old instance.
    pub fn go_on_as(&mut self, mut fresh: WasmGuest, state: &Snapshot) -> Result<(), DriverError> {
        fresh.become_snapshot(state)?;
        let (old, new) = (self.store.data_mut(), fresh.store.data_mut());
        new.mem_limit_kib = old.mem_limit_kib;
        new.counters = std::mem::take(&mut old.counters);
        *self = fresh;
        Ok(())
    }

    /// Fails where it keeps more memory than it may have now: a copy that was made with a lower limit than its source.
    pub fn fits_its_limit(&self) -> Result<(), DriverError> {
        let host = self.store.data();
        if host.held_kib.is_none() && self.outgrows_its_limit() {
            return Err(DriverError::MemoryInUse { limit_kib: host.mem_limit_kib, in_use_kib: self.reserved_kib() });
        }
        Ok(())
    }

    /// Whether its linear memory, which never shrinks, is larger than what it may have now.
    pub fn outgrows_its_limit(&self) -> bool {
        let host = self.store.data();
        self.reserved_kib() > host.mem_limit_kib.next_multiple_of(64).max(host.minimum_kib)
    }

    /// Whether this instance can be brought to `snapshot` in place: memory does not shrink.
    pub fn can_become(&self, snapshot: &Snapshot) -> bool {
        self.memory.data_size(&self.store) as u64 <= snapshot.memory_bytes
    }

    /// Brings the guest to exactly the state of `snapshot`; only pages that differ are written.
    pub fn become_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), DriverError> {
        let damaged = |detail: String| DriverError::Corrupt { what: "snapshot", detail };
        let size = self.memory.data_size(&self.store) as u64;
        if snapshot.memory_bytes < size || !snapshot.memory_bytes.is_multiple_of(65_536) {
            return Err(damaged(format!("memory of {} bytes over one of {size}", snapshot.memory_bytes)));
        }
        let more = (snapshot.memory_bytes - size) / 65_536;
        if more > 0 {
            // The state was legal on the source, so it may exceed the limit here; the limit
            // holds for what the guest asks for from now on.
            let limit = self.store.data().mem_limit_kib;
            self.store.data_mut().mem_limit_kib = snapshot.memory_bytes / 1024;
            let grown = self.memory.grow(&mut self.store, more);
            self.store.data_mut().mem_limit_kib = limit;
            grown.map_err(engine_error)?;
        }
        for (index, page) in (0_u32..).zip(self.memory.data_mut(&mut self.store).chunks_mut(PAGE_BYTES)) {
            let wanted = snapshot.page(index);
            if page != wanted {
                page.copy_from_slice(wanted);
            }
        }
        if snapshot.globals.len() != self.globals.len() {
            return Err(damaged(format!("{} globals", snapshot.globals.len())));
        }
        for ((name, global), (saved, value)) in self.globals.iter().zip(&snapshot.globals) {
            if name != saved {
                return Err(damaged(format!("global {saved} where {name} is expected")));
            }
            let value = match *value {
                GlobalValue::I32(v) => Val::I32(v),
                GlobalValue::I64(v) => Val::I64(v),
                GlobalValue::F32(bits) => Val::F32(bits),
                GlobalValue::F64(bits) => Val::F64(bits),
            };
            global.set(&mut self.store, value).map_err(engine_error)?;
        }
        self.position = snapshot.position;
        let host = self.store.data_mut();
        host.held_kib = snapshot.held_kib;
        host.counters = HostCounters::default();
        Ok(())
    }
}

impl Host {
    /// A host with nothing in it and nothing allowed.
    fn blank() -> Self {
        Self {
            memory: None,
            input: Vec::new(),
            position: 0,
            due_at_micros: 0,
            output: Vec::new(),
            max_output_bytes: 0,
            mem_limit_kib: 0,
            minimum_kib: 0,
            held_kib: None,
            properties: Arc::default(),
            seed: 0,
            draws: 0,
            counters: HostCounters::default(),
            watch: Watch::default(),
        }
    }
}
