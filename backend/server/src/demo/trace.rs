//! The recorded trace that drives the demo's workloads: one step a slot, then again with the
//! entities permuted.
use std::sync::OnceLock;

const TEXT: &str = include_str!("trace.csv");
pub const ENTITIES: usize = 24;
pub const STEPS: usize = 288;
/// Coprime to the number of entities: every pass of the trace is another permutation.
const SHIFT_A_PASS: usize = 7;

/// Demand in tenths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub cpu_tenths: u64,
    pub mem_tenths: u64,
}

fn table() -> &'static [[Step; STEPS]; ENTITIES] {
    static TABLE: OnceLock<Box<[[Step; STEPS]; ENTITIES]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Box::new([[Step::default(); STEPS]; ENTITIES]);
        for line in TEXT.lines().skip(1) {
            let mut cells = line.split(',');
            let mut next = || cells.next().unwrap_or_default();
            let (entity, step) = (next().parse::<usize>(), next().parse::<usize>());
            let (cpu_tenths, mem_tenths) = (tenths(next()), tenths(next()));
            if let (Ok(entity), Ok(step)) = (entity, step)
                && entity < ENTITIES
                && step < STEPS
            {
                table[entity][step] = Step { cpu_tenths, mem_tenths };
            }
        }
        table
    })
}

fn tenths(text: &str) -> u64 {
    text.replace('.', "").parse().unwrap_or(0)
}

/// The demand of an entity in the n-th slot since the start.
pub fn at(entity: usize, slot: u64) -> Step {
    let pass = (slot / STEPS as u64) as usize % ENTITIES;
    let entity = (entity + pass * SHIFT_A_PASS) % ENTITIES;
    table()[entity][(slot % STEPS as u64) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_is_whole_and_the_second_pass_is_permuted() {
        assert_eq!(TEXT.lines().count(), ENTITIES * STEPS + 1);
        assert!((0..ENTITIES).all(|e| (0..STEPS).any(|s| at(e, s as u64).cpu_tenths > 0)));
        assert_eq!(at(0, STEPS as u64), at(SHIFT_A_PASS, 0));
    }
}
