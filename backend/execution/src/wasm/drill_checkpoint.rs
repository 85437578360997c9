//! The drill of a suspension: whether a program that was written down and read back goes on as
//! the one that was not.
//!
//! Two copies read the same next inputs: one as the program stands, the other brought through
//! the bytes of a checkpoint. No disk is needed, and nothing that they answer leaves this file.
//! Absent: what every drill begins with (`drill`), suspending itself (`suspend`).

use super::drill::{STEPS, Trial};
use super::guest::Done;
use super::snapshot::Snapshot;
use crate::driver::{DrillReport, DriverError};
use crate::feed::Input;
use crate::guest::Guest;

impl Trial<'_> {
    pub(super) fn of_checkpoint(&self, state: Snapshot) -> Result<Option<DrillReport>, DriverError> {
        let original = self.copy(&state)?;
        let bytes = state.to_bytes()?;
        // Each of them is as large as the program.
        drop(state);
        let restored = self.copy(&Snapshot::from_bytes(bytes, |_| None)?)?;
        Ok(compare(original, restored, self.ceiling(), |position| self.input(position)))
    }
}

/// Lets both read up to [`STEPS`] inputs; `None` where there is none to read.
fn compare(
    mut original: Guest,
    mut restored: Guest,
    ceiling: u64,
    next: impl Fn(u64) -> Option<Input>,
) -> Option<DrillReport> {
    let report = |passed: bool, detail: String| Some(DrillReport { passed, detail });
    let from = original.position();
    let differ = |a: &mut Guest, b: &mut Guest| -> Result<bool, String> { Ok(a.state_hash()? != b.state_hash()?) };
    let failed = |reason: String| format!("The copy failed by itself: {reason}.");
    match differ(&mut original, &mut restored) {
        Err(reason) => return report(false, failed(reason)),
        Ok(false) => {}
        Ok(true) => {
            return report(false, format!("Written down at input {from} and read back, its state was another one."));
        }
    }
    let mut steps = 0;
    while steps < STEPS {
        let at = original.position();
        let Some(input) = next(at) else { break };
        let step = |guest: &mut Guest| guest.step(input.clone(), ceiling).map(|Done { output, .. }| output);
        let (expected, seen) = match (step(&mut original), step(&mut restored)) {
            (Err(reason), _) => return report(false, failed(reason)),
            (Ok(_), Err(reason)) => {
                return report(false, format!("Written down at input {from} and read back, it failed: {reason}."));
            }
            (Ok(expected), Ok(seen)) => (expected, seen),
        };
        let difference = if expected != seen {
            Some("it put out something else")
        } else {
            match differ(&mut original, &mut restored) {
                Err(reason) => return report(false, failed(reason)),
                Ok(differs) => differs.then_some("its state was another one"),
            }
        };
        if let Some(what) = difference {
            return report(false, format!("Written down at input {from} and read back, {what} at input {at}."));
        }
        steps += 1;
    }
    let inputs = match steps {
        0 => return None,
        1 => "1 input".to_owned(),
        more => format!("{more} inputs"),
    };
    report(true, format!("Written down at input {from} and read back, it gave the same for {inputs}."))
}

#[cfg(test)]
mod tests {
    use super::super::guest::Runtime;
    use super::*;
    use crate::config::Config;
    use crate::driver::{Limits, Program, SnapshotId};
    use crate::guest::Code;

    /// Puts out, keeps and answers what three properties of its node are: what a copy does not bring along.
    const READS: &str = r#"(module
      (import "headroom" "output" (func $output (param i32 i32)))
      (import "headroom" "node_property" (func $property (param i32 i32) (result i64)))
      (memory (export "memory") 1)
      (data (i32.const 0) "ska")
      (func (export "step") (result i32)
        (i64.store (i32.const 16) (call $property (i32.const 0) (i32.const 1)))
        (call $output (i32.const 16) (i32.const 1))
        (i64.store (i32.const 16) (call $property (i32.const 1) (i32.const 1)))
        (i32.wrap_i64 (call $property (i32.const 2) (i32.const 1)))))"#;

    struct Bench {
        config: Config,
        module: Code,
    }

    impl Bench {
        fn new() -> Self {
            let config = Config::default();
            let wasm = wat::parse_str(READS).expect("a module");
            let runtime = Runtime::new().expect("an engine");
            let module = runtime.load(&config, Program("reads".into()), &wasm).expect("admitted");
            Self { config, module: Code::Wasm(module) }
        }

        /// With one byte of its state, on a node where the named property is 1.
        fn guest(&self, byte: u8, property: &str) -> Guest {
            let limits = Limits::new(100, 1_024);
            let properties = [(property.to_owned(), 1)].into();
            let new = |properties| Guest::new(&self.config, &self.module, &"ins_a".into(), &limits, properties);
            let mut guest = new(properties).expect("starts");
            let mut state = guest.snapshot(SnapshotId::new("state"), None).expect("has one");
            state.bytes[100] = byte;
            state.position = 120;
            guest.become_snapshot(&state).expect("fits");
            guest
        }

        fn told(&self, restored: Guest, until: u64) -> Option<(bool, String)> {
            let next = |at| (at < until).then(|| Input { due_at_micros: 0, bytes: Vec::new() });
            let report = compare(self.guest(1, "none"), restored, 1_000_000, next)?;
            Some((report.passed, report.detail))
        }
    }

    #[test]
    fn equals_pass_for_as_many_inputs_as_there_are() {
        let bench = Bench::new();
        let told = |until| bench.told(bench.guest(1, "none"), until);
        let same =
            |inputs| Some((true, format!("Written down at input 120 and read back, it gave the same for {inputs}.")));
        assert_eq!(told(120), None);
        assert_eq!(told(121), same("1 input"));
        assert_eq!(told(900), same("4 inputs"));
    }

    #[test]
    fn what_differs_is_told() {
        let bench = Bench::new();
        for (byte, property, what) in [
            (2, "none", "its state was another one."),
            (1, "s", "it put out something else at input 120."),
            (1, "k", "its state was another one at input 120."),
            (1, "a", "it failed: step answered 1."),
        ] {
            let told = bench.told(bench.guest(byte, property), 900);
            assert_eq!(told, Some((false, format!("Written down at input 120 and read back, {what}"))));
        }
        let next = |_| Some(Input { due_at_micros: 0, bytes: Vec::new() });
        let report = compare(bench.guest(1, "a"), bench.guest(1, "a"), 1_000_000, next).expect("an input");
        assert_eq!((report.passed, &*report.detail), (false, "The copy failed by itself: step answered 1."));
    }
}
