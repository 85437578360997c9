//! Settings of the embedded driver, each with its unit and the reason for its default.

use std::path::PathBuf;

/// How the embedded cluster runs its guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Fuel a second that one milli-core is worth. 5,000 makes a demo core 5 M fuel a second,
    /// less than 0.1 % of a real one (0.13 ns a fuel in arithmetic loops, several times that
    /// where memory is touched): 24 jobs of one core each stay far under 10 % of a core.
    /// `examples/guest_cost.rs` measures it.
    pub fuel_per_cpu_milli: u64,
    /// Unused allowance a job may keep, in microseconds of its limit. 100 ms is the period of
    /// Linux's CPU quota: usage over a 5 s telemetry window stays within 2 % of the limit.
    pub burst_micros: u64,
    /// A step that burns more is stopped and its guest is faulty. Twenty million is four demo
    /// cores for a second, and a few milliseconds of a real one.
    pub step_fuel_ceiling: u64,
    /// Processor time after which a step is stopped and its guest is faulty, in microseconds:
    /// fuel does not know how slow memory is. Half a second is ten times what the slowest step
    /// under the ceiling took here, so that only a hog meets it. Only while guests run in real
    /// time; a simulation is bounded by fuel alone, which is the same each time.
    pub step_cpu_micros: u64,
    /// What a command may take to answer, most of which it may wait: a step, a start or a save, in microseconds. An
    /// interpreter reads its libraries before it is ready.
    pub command_answer_micros: u64,
    /// Longest run of one guest before a worker thread turns to the next, in microseconds.
    /// Checked between steps: a guest whose step took longer pays with turns.
    pub slice_micros: u64,
    /// Largest linear memory of a guest, KiB.
    pub max_guest_kib: u64,
    /// Most memory of a command, KiB; nothing of it is copied in a move but what it saves.
    pub max_command_kib: u64,
    /// Memory that every guest may start with, whatever its limit: two wasm pages, which a
    /// limit of less than 64 KiB could not express.
    pub included_kib: u64,
    /// KiB of guest memory that people read as one MiB: 1024, unless a demo trades smaller ones.
    pub kib_per_mib: u64,
    /// Largest module that is admitted.
    pub max_module_bytes: usize,
    /// Compiled modules kept though no instance has them. They are compiled again on demand.
    pub max_idle_modules: usize,
    /// Largest output of one input position; a guest that writes more is faulty.
    pub max_output_bytes: usize,
    /// Output records kept for each instance.
    pub output_ring: usize,
    /// Positions that a shadow run may be apart from the live run before it is aborted.
    pub mirror_positions: u64,
    /// The state is hashed at every n-th position of a shadow run; outputs at each.
    pub shadow_hash_every: u64,
    /// Differences kept with both values; the rest is only counted.
    pub max_differences: usize,
    /// Uncompressed size of a transfer chunk: what is sent again after a damaged one.
    pub chunk_bytes: usize,
    /// Level 1 is faster than the loopback here and finds the zero runs that matter.
    pub zstd_level: i32,
    /// Time between two checkpoints of a job: the work that a crash may repeat.
    pub checkpoint_every_micros: i64,
    /// Where checkpoints are written; `None` keeps the newest in memory only, which survives
    /// a node but not the process.
    pub checkpoint_dir: Option<PathBuf>,
    /// Folder of the programs that may run as commands; `None` runs none.
    pub commands_dir: Option<PathBuf>,
    /// Snapshots kept for one instance on one node (one full, its differentials).
    pub max_snapshots: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fuel_per_cpu_milli: 5_000,
            burst_micros: 100_000,
            step_fuel_ceiling: 20_000_000,
            step_cpu_micros: 500_000,
            command_answer_micros: 10_000_000,
            slice_micros: 2_000,
            max_guest_kib: 4_096,
            max_command_kib: 64 * 1024 * 1024,
            included_kib: 128,
            kib_per_mib: 1024,
            max_module_bytes: 256 * 1024,
            max_idle_modules: 16,
            max_output_bytes: 256,
            output_ring: 256,
            mirror_positions: 256,
            shadow_hash_every: 4,
            max_differences: 32,
            chunk_bytes: 256 * 1024,
            zstd_level: 1,
            checkpoint_every_micros: 30_000_000,
            checkpoint_dir: None,
            commands_dir: None,
            max_snapshots: 8,
        }
    }
}

impl Config {
    /// Memory in use as people read it, rounded up: what passed a limit never reads as the limit.
    pub fn mib(&self, kib: u64) -> String {
        mib(kib, self.kib_per_mib)
    }
}

/// KiB as MiB with one digit after the point.
pub(crate) fn mib(kib: u64, kib_per_mib: u64) -> String {
    let tenths = kib.saturating_mul(10).div_ceil(kib_per_mib.max(1));
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_the_mib_that_are_traded() {
        let text = |kib, kib_per_mib| Config { kib_per_mib, ..Config::default() }.mib(kib);
        assert_eq!(text(131_072, 1024), "128.0 MiB");
        assert_eq!(text(131_073, 1024), "128.1 MiB");
        assert_eq!(text(64, 1024), "0.1 MiB");
        assert_eq!(text(256, 1), "256.0 MiB");
        assert_eq!(text(u64::MAX, 1024).len(), "1801439850948198.4 MiB".len());
    }
}
