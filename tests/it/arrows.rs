//! The arrows of the architecture: server → {store, solver, forecast, execution} → market; the
//! four in the middle never import each other; the core has no clock, chance or I/O.
use anyhow::Context;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const MIDDLE: [&str; 4] = ["headroom-store", "headroom-solver", "headroom-forecast", "headroom-execution"];
const CORE: &str = "headroom-market";
/// The front of ordinary services: it knows nothing of the market.
const FRONT: &str = "headroom-front";
/// Crates that would bring I/O, time or chance into the core.
const NOT_IN_CORE: [&str; 15] = [
    "tokio",
    "async-std",
    "futures",
    "sqlx",
    "axum",
    "hyper",
    "reqwest",
    "redis",
    "rand",
    "getrandom",
    "uuid",
    "chrono",
    "time",
    "jiff",
    "tracing",
];
/// Folders of the core, each of which may import those before it alone.
const WAY_OF_THE_DATA: [&str; 5] = ["records", "book", "round", "swap", "settlement"];
/// Words of the language that would do the same.
const NOT_IN_CORE_SOURCE: [&str; 8] =
    ["HashMap", "HashSet", "SystemTime", "Instant::now", "std::fs", "std::net", "std::thread", "std::env"];

fn metadata() -> anyhow::Result<Metadata> {
    Ok(MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .no_deps()
        .exec()?)
}

/// Names of what a package uses, tests left out.
fn uses(metadata: &Metadata, package: &str) -> anyhow::Result<Vec<String>> {
    let package = metadata
        .packages
        .iter()
        .find(|p| *p.name == package)
        .with_context(|| format!("{package} is not in the workspace"))?;
    Ok(package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development).map(|d| d.name.clone()).collect())
}

#[test]
fn arrows_point_one_way() -> anyhow::Result<()> {
    let metadata = metadata()?;
    for middle in MIDDLE {
        let uses = uses(&metadata, middle)?;
        for other in MIDDLE.iter().filter(|o| **o != middle).chain(&["headroom-server"]) {
            assert!(!uses.iter().any(|u| u == other), "{middle} imports {other}");
        }
    }
    let front = uses(&metadata, FRONT)?;
    assert!(!front.iter().any(|u| u.starts_with("headroom-")), "the front imports {front:?}");
    let core = uses(&metadata, CORE)?;
    assert!(!core.iter().any(|u| u.starts_with("headroom-")), "the core imports {core:?}");
    let server = uses(&metadata, "headroom-server")?;
    for needed in MIDDLE.iter().chain(&[CORE]) {
        assert!(server.iter().any(|u| u == needed), "the server does not use {needed}");
    }
    Ok(())
}

#[test]
fn the_core_is_pure() -> anyhow::Result<()> {
    let metadata = metadata()?;
    let uses = uses(&metadata, CORE)?;
    let impure: Vec<&String> = uses.iter().filter(|u| NOT_IN_CORE.contains(&u.as_str())).collect();
    assert!(impure.is_empty(), "{CORE} uses {impure:?}");
    let mut found = Vec::new();
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../backend/market/src"))? {
        let text = std::fs::read_to_string(&file)?;
        // Unit tests at the end of a file may use what they like.
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in product.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = NOT_IN_CORE_SOURCE.iter().find(|w| code.contains(**w)) {
                found.push(format!("{}:{}: {word}", file.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// Inside the server: HTTP and the command line use the use cases, and none of those knows of a request.
#[test]
fn only_http_knows_of_http() -> anyhow::Result<()> {
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("../backend/server/src");
    let mut found = Vec::new();
    let mut read = 0;
    for folder in ["app", "sequencer", "workers", "demo"] {
        for file in rust_files(&server.join(folder))? {
            read += 1;
            let text = std::fs::read_to_string(&file)?;
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if code.contains("crate::http") || code.contains("axum") {
                    found.push(format!("{}:{}: {line}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(read > 40, "the sources are read: {read}");
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// Inside the core: records know nothing but records, the state holds them, and the domains decide by it. So no module
/// imports, over others, what imports it. A folder's `mod.rs` stands above its files, which import each other by name.
#[test]
fn modules_of_the_core_import_in_one_direction() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../backend/market/src");
    let mut sources = BTreeMap::new();
    for file in rust_files(&root)? {
        let name = file.strip_prefix(&root)?.with_extension("").to_string_lossy().replace('/', "::");
        let name = name.strip_suffix("::mod").unwrap_or(&name).to_owned();
        sources.insert(if name == "lib" { String::new() } else { name }, std::fs::read_to_string(&file)?);
    }
    let modules: BTreeSet<&str> = sources.keys().map(String::as_str).collect();
    let imports: BTreeMap<&str, BTreeSet<&str>> =
        sources.iter().map(|(module, text)| (module.as_str(), imports_of(module, text, &modules))).collect();
    let count: usize = imports.values().map(BTreeSet::len).sum();
    assert!(modules.len() > 100 && count > 500, "the sources are read: {} modules, {count} imports", modules.len());
    let step = |module: &str| WAY_OF_THE_DATA.iter().position(|folder| module.split("::").next() == Some(folder));
    let mut done = BTreeSet::new();
    for module in &modules {
        let back = imports[module].iter().find(|import| step(import) > step(module));
        assert!(step(module).is_none() || back.is_none(), "{module} imports {back:?}, a later step");
        if let Some(circle) = circle(module, &imports, &mut Vec::new(), &mut done) {
            panic!("these import each other in a circle: {}", circle.join(" → "));
        }
    }
    Ok(())
}

/// The modules that a file declares, and those that its paths name from `crate`, `self` or `super` on.
fn imports_of<'a>(module: &str, text: &str, modules: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    // Unit tests at the end of a file may import what they like.
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = product.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let declared = code.iter().filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod ").map(|(_, child)| child));
    let mut paths: Vec<String> = declared.map(|child| format!("self::{child}")).collect();
    let code = code.join("\n");
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            if !code[..at].ends_with(|c: char| c == ':' || c == '_' || c.is_alphanumeric()) {
                read_paths(&code[at..], "", &mut paths);
            }
        }
    }
    let named = paths.iter().filter_map(|path| module_of(path, module, modules));
    named.filter(|named| *named != module).collect()
}

/// Reads a path, or all of `a::{b, c::{d, e}}`, and answers how long it is.
fn read_paths(text: &str, before: &str, found: &mut Vec<String>) -> usize {
    let is_part = |c: char| c == '_' || c.is_alphanumeric();
    let blank = |at: usize| text[at..].len() - text[at..].trim_start().len();
    let (mut path, mut at) = (before.to_owned(), 0);
    loop {
        at += blank(at);
        if text[at..].starts_with('{') {
            while !text[at..].starts_with('}') {
                at += 1 + blank(at + 1);
                if !text[at..].starts_with('}') {
                    at += read_paths(&text[at..], &path, found);
                    at += text[at..].find([',', '}']).unwrap_or_else(|| panic!("`{path}` does not end"));
                }
            }
            return at + 1;
        }
        let part: String = text[at..].chars().take_while(|c| is_part(*c)).collect();
        at += part.len();
        path = [path.as_str(), &part].join(if path.is_empty() { "" } else { "::" });
        match text[at..].strip_prefix("::") {
            Some(_) => at += 2,
            None => {
                found.push(path);
                return at;
            }
        }
    }
}

/// The module that a path leads into.
fn module_of<'a>(path: &str, from: &str, modules: &BTreeSet<&'a str>) -> Option<&'a str> {
    let mut at: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
    for part in path.split("::") {
        match part {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            "self" | "" => {}
            part => at.push(part),
        }
    }
    (0..=at.len()).rev().find_map(|parts| modules.get(at[..parts].join("::").as_str())).copied()
}

/// A way from a module back to itself, or to one on the way to it.
fn circle<'a>(
    module: &'a str,
    imports: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(first) = way.iter().position(|on_way| *on_way == module) {
        return Some(way[first..].iter().copied().chain([module]).collect());
    }
    if !done.insert(module) {
        return None;
    }
    way.push(module);
    let found = imports[module].iter().find_map(|next| circle(next, imports, way, done));
    way.pop();
    found
}

fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
