//! What a guest can ask of its host. Everything but `node_property` is a function of the
//! recorded inputs, so that a replay sees the same.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use wasmtime::{Caller, Engine, Linker, Memory, ResourceLimiter, Trap, bail};

use super::watch::Watch;
use crate::driver::DriverError;

/// Codes of execution-trace phases that are counted apart; more would be a guest's way to
/// fill our memory.
const MAX_PHASES: usize = 16;
/// Longest name of a node property.
const MAX_PROPERTY_NAME: usize = 64;
/// What a call costs besides what it does: it takes as long as so many instructions.
const CALL_FUEL: u64 = 50;
/// Bytes that are copied or zeroed for one fuel. A function of the call's arguments and the
/// guest's own past, so a replay is charged the same.
const BYTES_A_FUEL: u64 = 8;

/// The host's side of one guest.
pub(crate) struct Host {
    pub memory: Option<Memory>,
    pub input: Vec<u8>,
    pub position: u64,
    pub due_at_micros: i64,
    pub output: Vec<u8>,
    pub max_output_bytes: usize,
    pub mem_limit_kib: u64,
    /// Memory that the module starts with; always allowed.
    pub minimum_kib: u64,
    /// What the guest asked to hold and was granted; `None` until it first asks.
    pub held_kib: Option<u64>,
    pub properties: Arc<BTreeMap<String, i64>>,
    pub seed: u64,
    pub draws: u64,
    pub counters: HostCounters,
    pub watch: Watch,
}

/// Counted until somebody takes them.
#[derive(Debug, Default, Clone)]
pub(crate) struct HostCounters {
    pub host_calls: u64,
    pub memory_stalls: u64,
    pub demand_kib: u64,
    pub phases: BTreeMap<u32, u64>,
}

impl Host {
    fn granted(&self, asked_kib: u64) -> u64 {
        asked_kib.min(self.mem_limit_kib)
    }

    /// What is discarded when the guest holds `granted_kib` from now on.
    fn discarded(&self, granted_kib: u64, memory_bytes: usize) -> Range<usize> {
        let bytes = |kib: u64| usize::try_from(kib.saturating_mul(1024)).unwrap_or(usize::MAX);
        // The module's own pages are never discarded, however little it says it holds.
        let keep = bytes(granted_kib.max(self.minimum_kib));
        let before = self.held_kib.map_or(memory_bytes, bytes).min(memory_bytes);
        keep.min(before)..before
    }

    fn hold(&mut self, asked_kib: u64, memory: &mut [u8]) -> u64 {
        let granted = self.granted(asked_kib);
        self.counters.demand_kib = self.counters.demand_kib.max(asked_kib);
        if granted < asked_kib {
            self.counters.memory_stalls += 1;
        }
        let discarded = self.discarded(granted, memory.len());
        memory[discarded].fill(0);
        self.held_kib = Some(granted);
        granted
    }

    fn random(&mut self) -> u64 {
        self.draws += 1;
        // SplitMix64 over instance, position and call.
        let mut x = self
            .seed
            .wrapping_add(self.position.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_add(self.draws.wrapping_mul(0xd1b5_4a32_d192_ed03));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let desired_kib = desired as u64 / 1024;
        // Linear memory grows in steps of 64 KiB, limits do not.
        let allowed_kib = self.mem_limit_kib.next_multiple_of(64).max(self.minimum_kib);
        let granted = desired_kib <= allowed_kib && maximum.is_none_or(|max| desired <= max);
        self.counters.demand_kib = self.counters.demand_kib.max(desired_kib);
        if !granted {
            self.counters.memory_stalls += 1;
        }
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Tables are made once, at instantiation; 10,000 entries are 80 KB.
        Ok(current == 0 && desired <= 10_000)
    }
}

fn slice(memory: &[u8], ptr: i32, len: i32) -> wasmtime::Result<&[u8]> {
    let (start, len) = (ptr as u32 as usize, len as u32 as usize);
    match start.checked_add(len).and_then(|end| memory.get(start..end)) {
        Some(slice) => Ok(slice),
        None => bail!("{len} bytes at {start} are outside of the memory"),
    }
}

/// Charges a call that touches `bytes` bytes, then gives what it works on.
fn enter<'a>(caller: &'a mut Caller<'_, Host>, bytes: usize) -> wasmtime::Result<(&'a mut [u8], &'a mut Host)> {
    let Some(memory) = caller.data().memory else { bail!("no memory yet") };
    let cost = CALL_FUEL + (bytes as u64).div_ceil(BYTES_A_FUEL);
    let left = caller.get_fuel()?;
    caller.set_fuel(left.saturating_sub(cost))?;
    if left < cost {
        return Err(Trap::OutOfFuel.into());
    }
    let (bytes, host) = memory.data_and_store_mut(caller);
    host.counters.host_calls += 1;
    Ok((bytes, host))
}

/// What the engine itself can't do.
pub(crate) fn engine_error(error: wasmtime::Error) -> DriverError {
    DriverError::Engine(format!("{error:#}"))
}

/// All imports of the guest ABI.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Host>, DriverError> {
    let mut linker = Linker::new(engine);
    define(&mut linker).map_err(engine_error)?;
    Ok(linker)
}

fn define(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    const M: &str = "headroom";
    linker.func_wrap(M, "input", |mut caller: Caller<'_, Host>, ptr: i32, len: i32| {
        let wanted = caller.data().input.len().min(len as u32 as usize);
        let (memory, host) = enter(&mut caller, wanted)?;
        slice(memory, ptr, wanted as i32)?;
        let start = ptr as u32 as usize;
        memory[start..start + wanted].copy_from_slice(&host.input[..wanted]);
        wasmtime::Result::Ok(i32::try_from(host.input.len()).unwrap_or(i32::MAX))
    })?;
    linker.func_wrap(M, "output", |mut caller: Caller<'_, Host>, ptr: i32, len: i32| {
        let most = caller.data().max_output_bytes;
        let (memory, host) = enter(&mut caller, most.min(len as u32 as usize))?;
        let bytes = slice(memory, ptr, len)?;
        if host.output.len() + bytes.len() > host.max_output_bytes {
            bail!("more than {} bytes of output in one step", host.max_output_bytes);
        }
        host.output.extend_from_slice(bytes);
        wasmtime::Result::Ok(())
    })?;
    linker.func_wrap(M, "hold", |mut caller: Caller<'_, Host>, kib: i32| {
        let asked = u64::from(kib as u32);
        let size = caller.data().memory.map_or(0, |memory| memory.data_size(&caller));
        let discarded = caller.data().discarded(caller.data().granted(asked), size);
        let (memory, host) = enter(&mut caller, discarded.len())?;
        let granted = host.hold(asked, memory);
        wasmtime::Result::Ok(granted as u32 as i32)
    })?;
    linker.func_wrap(M, "position", |mut caller: Caller<'_, Host>| {
        let (_, host) = enter(&mut caller, 0)?;
        wasmtime::Result::Ok(host.position as i64)
    })?;
    linker.func_wrap(M, "now", |mut caller: Caller<'_, Host>| {
        let (_, host) = enter(&mut caller, 0)?;
        wasmtime::Result::Ok(host.due_at_micros)
    })?;
    linker.func_wrap(M, "random", |mut caller: Caller<'_, Host>| {
        let (_, host) = enter(&mut caller, 0)?;
        wasmtime::Result::Ok(host.random() as i64)
    })?;
    linker.func_wrap(M, "phase", |mut caller: Caller<'_, Host>, code: i32| {
        let (_, host) = enter(&mut caller, 0)?;
        let phases = &mut host.counters.phases;
        let code = code as u32;
        if phases.len() < MAX_PHASES || phases.contains_key(&code) {
            *phases.entry(code).or_insert(0) += 1;
        }
        wasmtime::Result::Ok(())
    })?;
    linker.func_wrap(M, "node_property", |mut caller: Caller<'_, Host>, ptr: i32, len: i32| {
        let (memory, host) = enter(&mut caller, MAX_PROPERTY_NAME)?;
        let name = slice(memory, ptr, len)?;
        if name.len() > MAX_PROPERTY_NAME {
            bail!("a node property's name has at most {MAX_PROPERTY_NAME} bytes");
        }
        let value = std::str::from_utf8(name).ok().and_then(|name| host.properties.get(name));
        wasmtime::Result::Ok(value.copied().unwrap_or(0))
    })?;
    Ok(())
}
