//! How long a module may take to compile: estimated from its code before anything compiles it.
//!
//! A compiler's time is no function of a module's size: a few hundred kilobytes of branches in
//! one function take it minutes and gigabytes. What is expensive is counted in points, about a
//! microsecond each where they were measured (`examples/compile_cost.rs`); most modules have a
//! tenth of what is admitted.
//! Absent: the time of what is cheap for its bytes; the size of a module bounds that.

use wasmparser::{
    CompositeInnerType, FuncValidatorAllocations, FunctionBody, Operator, Parser, Payload, ValidPayload, Validator,
    WasmFeatures, WasmModuleResources,
};

use super::refusal::Refusal;

/// Points of all functions: what one upload may cost.
const MAX_POINTS: u64 = 1_000_000;
/// Points of one function: the time of what the compiler does with the whole of it grows
/// faster than its length.
const MAX_FUNCTION_POINTS: u64 = 60_000;
/// Most of a kind; each far above what compilers of languages write.
const MAX_FUNCTIONS: u64 = 5_000;
const MAX_BODY_BYTES: u64 = 64 * 1024;
const MAX_LOCALS: u64 = 1_000;
const MAX_PARAMS: u64 = 64;
const MAX_RESULTS: u64 = 16;
const MAX_GLOBALS: u64 = 1_000;
const MAX_TABLES: u64 = 4;
const MAX_TABLE_ENTRIES: u64 = 10_000;
const MAX_SEGMENTS: u64 = 1_000;

/// The compiler's work for a function of its own, for a jump, for a place that others jump
/// back to (fuel and time are checked there), for a call, for one whose target is looked up.
const FUNCTION: u64 = 40;
const BRANCH: u64 = 15;
const LOOP: u64 = 35;
const CALL: u64 = 5;
const INDIRECT_CALL: u64 = 35;
/// Locals and operands, each of which may be another value after a jump, for one point.
const VALUES_A_POINT: u64 = 2;

fn at_most(what: &'static str, seen: u64, limit: u64) -> Result<(), Refusal> {
    if seen > limit { Err(Refusal::TooMany { what, seen, limit }) } else { Ok(()) }
}

/// Refuses a valid module that would take too long to compile.
pub(crate) fn check(wasm: &[u8]) -> Result<(), Refusal> {
    let malformed = |e: wasmparser::BinaryReaderError| Refusal::Malformed(e.to_string());
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut allocations = FuncValidatorAllocations::default();
    let (mut points, mut segments) = (0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        match &payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for ty in group.map_err(malformed)?.into_types() {
                        if let CompositeInnerType::Func(ty) = &ty.composite_type.inner {
                            at_most("parameters of a function", ty.params().len() as u64, MAX_PARAMS)?;
                            at_most("results of a function", ty.results().len() as u64, MAX_RESULTS)?;
                        }
                    }
                }
            }
            Payload::FunctionSection(section) => at_most("functions", section.count().into(), MAX_FUNCTIONS)?,
            Payload::GlobalSection(section) => at_most("globals", section.count().into(), MAX_GLOBALS)?,
            Payload::TableSection(section) => {
                at_most("tables", section.count().into(), MAX_TABLES)?;
                for table in section.clone() {
                    at_most("entries of a table", table.map_err(malformed)?.ty.initial, MAX_TABLE_ENTRIES)?;
                }
            }
            Payload::ElementSection(section) => segments += u64::from(section.count()),
            Payload::DataSection(section) => segments += u64::from(section.count()),
            _ => {}
        }
        at_most("element and data segments", segments, MAX_SEGMENTS)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(malformed)? {
            let mut function = function.into_validator(allocations);
            points += function_points(&mut function, &body)?;
            at_most("points of compiling effort", points, MAX_POINTS)?;
            allocations = function.into_allocations();
        }
    }
    Ok(())
}

fn function_points<T: WasmModuleResources>(
    function: &mut wasmparser::FuncValidator<T>,
    body: &FunctionBody<'_>,
) -> Result<u64, Refusal> {
    let malformed = |e: wasmparser::BinaryReaderError| Refusal::Malformed(e.to_string());
    at_most("bytes of a function", body.range().len() as u64, MAX_BODY_BYTES)?;
    let mut reader = body.get_binary_reader();
    function.read_locals(&mut reader).map_err(malformed)?;
    // Parameters are among them.
    let locals = u64::from(function.len_locals());
    at_most("locals of a function", locals, MAX_LOCALS)?;
    let mut points = FUNCTION + locals / VALUES_A_POINT;
    let mut operators = wasmparser::OperatorsReader::new(reader);
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset().map_err(malformed)?;
        let values = (locals + u64::from(function.operand_stack_height())) / VALUES_A_POINT;
        points += match &operator {
            Operator::Loop { .. } => LOOP + values,
            Operator::If { .. } | Operator::BrIf { .. } | Operator::Br { .. } => BRANCH + values,
            Operator::BrTable { targets } => (BRANCH + values) * (1 + u64::from(targets.len()) / 8),
            Operator::Call { .. } => CALL,
            Operator::CallIndirect { .. } => INDIRECT_CALL,
            _ => 0,
        };
        at_most("points of compiling effort in one function", points, MAX_FUNCTION_POINTS)?;
        function.op(offset, &operator).map_err(malformed)?;
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(extra: &str, step: &str) -> Option<String> {
        let text = format!(
            "(module {extra} (memory (export \"memory\") 1)
               (func (export \"step\") (result i32) (local $i i32) {step} (i32.const 0)))"
        );
        let wasm = wat::parse_str(text).expect("the test's own text");
        check(&wasm).err().map(|refusal| refusal.to_string())
    }

    /// What each kind of code costs: at the limit it is admitted, one more is refused.
    #[test]
    fn effort_has_a_bound_in_a_function_and_in_all() {
        let local = "(local.get $i)";
        for (what, unit, most) in [
            ("loops", "(loop)".to_owned(), 1_665),
            ("jumps", format!("(block (br_if 0 {local}))"), 3_745),
            ("jump tables", format!("(block (br_table 0 0 0 0 0 0 0 0 0 {local}))"), 1_870),
            ("lookups", format!("(drop (call_indirect (result i32) {local}))"), 1_712),
        ] {
            let table = "(table 1 funcref)";
            assert_eq!(refused(table, &unit.repeat(most)), None, "{what}");
            let why = refused(table, &unit.repeat(most + 60)).unwrap_or_default();
            assert!(why.contains("effort in one function, at most 60000"), "{what}: {why}");
        }
        let function = format!("(func {})", "(loop)".repeat(1_600));
        assert_eq!(refused(&function.repeat(16), ""), None);
        let why = refused(&function.repeat(18), "").unwrap_or_default();
        assert!(why.contains("effort, at most 1000000"), "{why}");
    }

    #[test]
    fn values_that_live_over_jumps_cost() {
        let jumps = "(block (br_if 0 (local.get $i)))".repeat(400);
        let locals = |n: usize| format!("(func (local $i i32) (local {}) {jumps})", "i32 ".repeat(n));
        assert_eq!(refused(&locals(100), ""), None);
        assert!(refused(&locals(900), "").is_some_and(|why| why.contains("one function")));
        let stack = |n: usize| {
            let (push, add) = ("(i32.load (i32.const 0))".repeat(n), "i32.add ".repeat(n - 1));
            format!("{push} {} {add} drop", "(block (br_if 0 (local.get $i)))".repeat(400))
        };
        assert_eq!(refused("", &stack(100)), None);
        assert!(refused("", &stack(900)).is_some_and(|why| why.contains("one function")));
    }

    #[test]
    fn each_kind_of_thing_has_a_bound() {
        for (extra, what) in [
            ("(func)".repeat(5_000), "functions"),
            (format!("(func (local {}))", "i32 ".repeat(1_001)), "locals"),
            (format!("(func (param {}))", "i32 ".repeat(65)), "parameters"),
            (format!("(type (func (result {})))", "i32 ".repeat(17)), "results"),
            ("(global i32 (i32.const 0))".repeat(1_001), "globals"),
            ("(table 1 funcref)".repeat(5), "tables"),
            ("(table 10001 funcref)".to_owned(), "entries"),
            ("(data (i32.const 0) \"\")".repeat(1_001), "segments"),
            (format!("(func {})", "(i32.store (i32.const 0) (i32.const 0))".repeat(10_000)), "bytes"),
        ] {
            let why = refused(&extra, "").unwrap_or_default();
            assert!(why.contains(what) && why.contains("at most"), "{what}: {why}");
        }
    }
}
