//! Compiled modules: each compiled once, one at a time, and forgotten when nobody needs it.
//!
//! Invariants: a module that an instance has stays; of the others only the latest used are
//! kept, because compiled code is many times the size of its module.
//! Absent: the modules' bytes, which whoever admits a module keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::cluster::{Cluster, lock};
use super::{admission, low_priority};
use crate::command::{Command, Signals};
use crate::driver::{DriverError, Program};
use crate::guest::Code;

struct Entry {
    module: Arc<Code>,
    built_in: bool,
    last_use: u64,
}

#[derive(Default)]
struct Shelf {
    entries: BTreeMap<Program, Entry>,
    uses: u64,
    compiled: u64,
}

/// The compiled modules of a cluster.
#[derive(Default)]
pub(crate) struct Library {
    shelf: Mutex<Shelf>,
    /// Held while compiling: it takes all of a core and much memory, so it is done once at a time.
    compiling: Mutex<()>,
}

impl Library {
    pub fn get(&self, program: &Program) -> Result<Arc<Code>, DriverError> {
        let shelf = &mut *lock(&self.shelf);
        shelf.uses += 1;
        let entry = shelf.entries.get_mut(program).ok_or_else(|| DriverError::UnknownProgram(program.0.clone()))?;
        entry.last_use = shelf.uses;
        Ok(Arc::clone(&entry.module))
    }

    pub fn insert(&self, module: Code, built_in: bool, most_idle: usize) {
        let shelf = &mut *lock(&self.shelf);
        shelf.uses += 1;
        shelf.compiled += 1;
        let entry = Entry { built_in, last_use: shelf.uses, module: Arc::new(module) };
        shelf.entries.insert(entry.module.program().clone(), entry);
        loop {
            let idle = || shelf.entries.values().filter(|e| !e.built_in && Arc::strong_count(&e.module) == 1);
            if idle().count() <= most_idle {
                return;
            }
            let Some(oldest) = idle().min_by_key(|e| e.last_use).map(|e| e.module.program().clone()) else { return };
            shelf.entries.remove(&oldest);
        }
    }

    /// How often something was compiled.
    pub fn compiled(&self) -> u64 {
        lock(&self.shelf).compiled
    }
}

fn program_of(wasm: &[u8]) -> Program {
    Program(format!("wasm-{}", &blake3::hash(wasm).to_hex()[..32]))
}

impl Cluster {
    /// Admits a module in binary or text form. Its id is its content, so twice is once.
    /// Compiling takes up to seconds: not for an async thread, see [`Cluster::admit_apart`].
    pub fn admit(&self, module: &[u8]) -> Result<Program, DriverError> {
        let shared = &self.shared;
        let limit = shared.config.max_module_bytes;
        if module.len() > limit {
            let bytes = module.len();
            return Err(admission::Refusal::TooBig { bytes, limit }.into());
        }
        let wasm = wat::parse_bytes(module).map_err(|e| admission::Refusal::Malformed(e.to_string()))?;
        let program = program_of(&wasm);
        let _turn = lock(&shared.library.compiling);
        if shared.library.get(&program).is_err() {
            let loaded = shared.runtime.load(&shared.config, program.clone(), &wasm)?;
            shared.library.insert(Code::Wasm(loaded), false, shared.config.max_idle_modules);
        }
        Ok(program)
    }

    /// As [`Cluster::admit`], on a thread of its own behind everything else; `done` is called
    /// there.
    pub fn admit_apart(
        &self,
        module: Arc<[u8]>,
        done: impl FnOnce(Result<Program, DriverError>) + Send + 'static,
    ) -> Result<(), DriverError> {
        let cluster = self.clone();
        let work = move || {
            low_priority();
            done(cluster.admit(&module));
        };
        let spawned = std::thread::Builder::new().name("module".to_owned()).spawn(work);
        spawned.map(drop).map_err(|source| DriverError::Io { path: "module thread".into(), source })
    }

    /// Memory that a module starts with, KiB, without compiling it.
    pub fn initial_memory_kib(&self, module: &[u8]) -> Result<u64, DriverError> {
        let config = &self.shared.config;
        let wasm = wat::parse_bytes(module).map_err(|e| admission::Refusal::Malformed(e.to_string()))?;
        Ok(admission::admit(&wasm, config.max_module_bytes, config.max_guest_kib)?.initial_memory_kib)
    }

    /// Memory that a program starts with, KiB, if it is compiled.
    pub fn initial_memory_of(&self, program: &Program) -> Option<u64> {
        self.module(program).ok().map(|module| module.initial_memory_kib())
    }

    /// A module that is compiled already, by its bytes.
    pub fn find_compiled(&self, module: &[u8]) -> Option<Program> {
        let program = program_of(&wat::parse_bytes(module).ok()?);
        self.is_compiled(&program).then_some(program)
    }

    /// Whether a program can be started here, or why not.
    pub fn check_program(&self, program: &Program) -> Result<(), DriverError> {
        self.module(program).map(drop)
    }

    /// Whether a program can be started without compiling it.
    pub fn is_compiled(&self, program: &Program) -> bool {
        self.module(program).is_ok()
    }

    /// How many modules were compiled since the start.
    pub fn compiled_modules(&self) -> u64 {
        self.shared.library.compiled()
    }

    /// A compiled module, or a command as its file is now.
    pub(crate) fn module(&self, program: &Program) -> Result<Arc<Code>, DriverError> {
        match Command::of(program, &self.shared.config) {
            Some(command) => {
                let (ending, urgency) = (&self.shared.runtime.ending, &self.shared.runtime.urgency);
                let signals = Signals { ending: Arc::clone(ending), urgency: Arc::clone(urgency) };
                Ok(Arc::new(Code::Command(command?, signals)))
            }
            None => self.shared.library.get(program),
        }
    }
}
