//! The arrows of the architecture: server → {store, solver, forecast, execution} → market; the
//! four in the middle never import each other; the core has no clock, chance or I/O.
use anyhow::Context;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::path::{Path, PathBuf};

const MIDDLE: [&str; 4] = ["headroom-store", "headroom-solver", "headroom-forecast", "headroom-execution"];
const CORE: &str = "headroom-market";
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
