//! Which modules may run: those whose whole state can be captured between steps.
//!
//! Refusals in this order, the first one found wins: too big, malformed, then what the
//! sections say in their order in the file, then missing exports, then engine features, then
//! what would take too long to compile (`complexity`).
//! Absent: judging what a module does; it has nothing but its imports to do it with.

use std::collections::BTreeSet;

use super::complexity;
pub use super::refusal::Refusal;
use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures};

/// Everything a guest may import from module `headroom`.
pub const IMPORTS: [&str; 8] = ["input", "output", "hold", "position", "now", "random", "phase", "node_property"];

/// What admission learned about a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Exported mutable globals, by export name, in the order of their index.
    pub globals: Vec<String>,
    pub initial_memory_kib: u64,
}

const KIB_PER_WASM_PAGE: u64 = 64;

/// What guests may use: WebAssembly 2.0 without reference types' mutation (refused above by
/// name) and with deterministic arithmetic only.
fn features() -> WasmFeatures {
    WasmFeatures::WASM1
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::SIMD
        | WasmFeatures::EXTENDED_CONST
}

/// Decides on a binary module.
pub fn admit(wasm: &[u8], max_bytes: usize, max_memory_kib: u64) -> Result<Admission, Refusal> {
    if wasm.len() > max_bytes {
        return Err(Refusal::TooBig { bytes: wasm.len(), limit: max_bytes });
    }
    let malformed = |e: wasmparser::BinaryReaderError| Refusal::Malformed(e.to_string());
    Validator::new_with_features(WasmFeatures::all()).validate_all(wasm).map_err(malformed)?;

    let mut mutable: Vec<(u32, ValType)> = Vec::new();
    let mut globals = 0_u32;
    let mut memories = Vec::new();
    let mut exported: Vec<(u32, String)> = Vec::new();
    let (mut has_memory, mut has_step) = (false, false);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(malformed)? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(malformed)?;
                    let offered = import.module == "headroom"
                        && IMPORTS.contains(&import.name)
                        && matches!(import.ty, TypeRef::Func(_));
                    if !offered {
                        return Err(Refusal::UnknownImport {
                            module: import.module.to_owned(),
                            name: import.name.to_owned(),
                        });
                    }
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    if table.map_err(malformed)?.ty.element_type.is_extern_ref() {
                        return Err(Refusal::ExternRef);
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    memories.push(memory.map_err(malformed)?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let ty = global.map_err(malformed)?.ty;
                    if is_extern_ref(ty.content_type) {
                        return Err(Refusal::ExternRef);
                    }
                    if ty.shared {
                        return Err(Refusal::Threads);
                    }
                    if ty.mutable {
                        mutable.push((globals, ty.content_type));
                    }
                    globals += 1;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    match export.kind {
                        ExternalKind::Global => {
                            exported.push((export.index, export.name.to_owned()));
                        }
                        ExternalKind::Memory => has_memory |= export.name == "memory",
                        ExternalKind::Func => has_step |= export.name == "step",
                        _ => {}
                    }
                }
            }
            Payload::StartSection { .. } => return Err(Refusal::StartFunction),
            Payload::CodeSectionEntry(body) => check_code(&body)?,
            _ => {}
        }
    }

    let [memory] = memories.as_slice() else {
        return Err(Refusal::Memory);
    };
    if memory.shared {
        return Err(Refusal::Threads);
    }
    if memory.memory64 || memory.page_size_log2.is_some() || !has_memory {
        return Err(Refusal::Memory);
    }
    let initial_memory_kib = memory.initial * KIB_PER_WASM_PAGE;
    if initial_memory_kib > max_memory_kib {
        return Err(Refusal::MemoryTooBig { kib: initial_memory_kib, limit_kib: max_memory_kib });
    }
    let mut names = Vec::with_capacity(mutable.len());
    for (index, ty) in mutable {
        if !matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64) {
            return Err(Refusal::UnsavableGlobal { index });
        }
        let name = exported.iter().find(|(of, _)| *of == index).map(|(_, name)| name.clone());
        names.push(name.ok_or(Refusal::PrivateMutableGlobal { index })?);
    }
    if !has_step {
        return Err(Refusal::MissingExport("step"));
    }
    Validator::new_with_features(features()).validate_all(wasm).map_err(|e| Refusal::Feature(e.to_string()))?;
    complexity::check(wasm)?;
    debug_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    Ok(Admission { globals: names, initial_memory_kib })
}

fn is_extern_ref(ty: ValType) -> bool {
    matches!(ty, ValType::Ref(reference) if reference.is_extern_ref())
}

fn check_code(body: &wasmparser::FunctionBody<'_>) -> Result<(), Refusal> {
    let malformed = |e: wasmparser::BinaryReaderError| Refusal::Malformed(e.to_string());
    for local in body.get_locals_reader().map_err(malformed)? {
        if is_extern_ref(local.map_err(malformed)?.1) {
            return Err(Refusal::ExternRef);
        }
    }
    let mut operators = body.get_operators_reader().map_err(malformed)?;
    while !operators.eof() {
        let operator = operators.read().map_err(malformed)?;
        match operator {
            Operator::TableSet { .. } => return Err(Refusal::TableMutation("table.set")),
            Operator::TableGrow { .. } => return Err(Refusal::TableMutation("table.grow")),
            Operator::TableFill { .. } => return Err(Refusal::TableMutation("table.fill")),
            Operator::TableCopy { .. } => return Err(Refusal::TableMutation("table.copy")),
            Operator::TableInit { .. } => return Err(Refusal::TableMutation("table.init")),
            Operator::DataDrop { .. } => return Err(Refusal::DataDrop),
            Operator::ElemDrop { .. } => return Err(Refusal::ElemDrop),
            Operator::AtomicFence { .. } | Operator::MemoryAtomicNotify { .. } => {
                return Err(Refusal::Threads);
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(wat: &str) -> Option<Refusal> {
        let wasm = wat::parse_str(wat).expect("the test's own text");
        admit(&wasm, 64 * 1024, 4_096).err()
    }

    fn with(extra: &str) -> String {
        format!(
            "(module {extra} (memory (export \"memory\") 1)
               (func (export \"step\") (result i32) (i32.const 0)))"
        )
    }

    #[test]
    fn a_module_whose_state_can_be_saved_is_admitted() {
        let wasm =
            wat::parse_str(with("(global (export \"g\") (mut i64) (i64.const 1))")).expect("the test's own text");
        assert_eq!(admit(&wasm, 64 * 1024, 4_096), Ok(Admission { globals: vec!["g".into()], initial_memory_kib: 64 }));
    }

    #[test]
    fn each_thing_that_cannot_be_saved_has_its_own_refusal() {
        let table = "(table 1 funcref) (elem $e func) ";
        for (extra, expected) in [
            (
                "(import \"env\" \"time\" (func))".to_owned(),
                Refusal::UnknownImport { module: "env".into(), name: "time".into() },
            ),
            ("(global (mut i32) (i32.const 0))".to_owned(), Refusal::PrivateMutableGlobal { index: 0 }),
            (
                "(global (export \"v\") (mut v128) (v128.const i64x2 0 0))".to_owned(),
                Refusal::UnsavableGlobal { index: 0 },
            ),
            (format!("{table}(func (table.set (i32.const 0) (ref.null func)))"), Refusal::TableMutation("table.set")),
            (format!("{table}(func (elem.drop $e))"), Refusal::ElemDrop),
            ("(data $d \"x\") (func (data.drop $d))".to_owned(), Refusal::DataDrop),
            ("(table 1 externref)".to_owned(), Refusal::ExternRef),
            ("(func (local externref))".to_owned(), Refusal::ExternRef),
            ("(func (atomic.fence))".to_owned(), Refusal::Threads),
            ("(func $s) (start $s)".to_owned(), Refusal::StartFunction),
            ("(memory $second 1)".to_owned(), Refusal::Memory),
        ] {
            assert_eq!(refusal(&with(&extra)), Some(expected), "{extra}");
        }
        assert_eq!(refusal("(module (memory (export \"memory\") 1))"), Some(Refusal::MissingExport("step")));
        assert_eq!(
            refusal("(module (memory (export \"memory\") 65))"),
            Some(Refusal::MemoryTooBig { kib: 4_160, limit_kib: 4_096 })
        );
        assert!(matches!(admit(b"\0asm junk", 1024, 64), Err(Refusal::Malformed(_))));
        assert_eq!(admit(&[0; 9], 8, 64), Err(Refusal::TooBig { bytes: 9, limit: 8 }));
    }
}
