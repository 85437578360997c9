//! What documents say of the tree is so: files that they name are there, and files are as long as CONTRIBUTING says.
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Lines of a file that says nothing of its length.
const MOST_LINES: usize = 500;
/// How far down it may say why it is longer.
const FIRST_LINES: usize = 20;
/// Documents of what was: files that they name may be gone.
const HISTORY: [&str; 1] = ["CHANGELOG.md"];
const ENDINGS: [&str; 6] = [".rs", ".ts", ".tsx", ".mjs", ".sql", ".toml"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder, but what is built or fetched.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !["target", "node_modules", "dist", "data", ".git"].contains(&name) {
                files_below(&path, found)?;
            }
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn tree() -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    files_below(&root(), &mut found)?;
    assert!(found.len() > 500, "the tree is read: {}", found.len());
    Ok(found)
}

fn is_file_name(text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c));
    plain && ENDINGS.iter().any(|ending| text.ends_with(ending)) && !text.starts_with("..") && !text.contains("YYYY")
}

#[test]
fn files_that_documents_name_are_there() -> anyhow::Result<()> {
    let tree = tree()?;
    let documents = tree.iter().filter(|p| p.extension().is_some_and(|e| e == "md"));
    let documents = documents.filter(|p| !HISTORY.iter().any(|h| p.ends_with(h)));
    let (mut seen, mut missing) = (0, Vec::new());
    for document in documents {
        let text = std::fs::read_to_string(document)?;
        for name in text.split('`').skip(1).step_by(2).filter(|name| is_file_name(name)) {
            seen += 1;
            if !tree.iter().any(|file| file.ends_with(name)) {
                missing.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(seen > 300, "documents are read: {seen}");
    assert!(missing.is_empty(), "these are not there: {missing:#?}");
    Ok(())
}

#[test]
fn files_are_short_or_say_why_not() -> anyhow::Result<()> {
    let (mut long, mut looked_at) = (Vec::new(), 0);
    for file in tree()? {
        let name = file.strip_prefix(root())?.to_string_lossy().into_owned();
        let is_product = ["backend/", "frontend/src/"].iter().any(|part| name.starts_with(part));
        let is_written = [".rs", ".ts", ".tsx"].iter().any(|ending| name.ends_with(ending)) && !name.contains(".gen.");
        if !is_product || !is_written || name.contains("/tests/") || name.contains(".test.") {
            continue;
        }
        looked_at += 1;
        let text = std::fs::read_to_string(&file)?;
        let says_why = text.lines().take(FIRST_LINES).any(|line| line.contains("500 lines"));
        if text.lines().count() > MOST_LINES && !says_why {
            long.push(format!("{name}: {}", text.lines().count()));
        }
    }
    assert!(looked_at > 300, "the product is looked at: {looked_at}");
    assert!(long.is_empty(), "split them, or say why not in their first lines: {long:#?}");
    Ok(())
}

/// A README of a source folder has a line for each of its files.
#[test]
fn readmes_of_folders_list_their_files() -> anyhow::Result<()> {
    let (mut wrong, mut looked_at) = (Vec::new(), 0);
    for readme in tree()?.into_iter().filter(|f| f.ends_with("README.md") && f.starts_with(root().join("backend"))) {
        looked_at += 1;
        let folder = readme.parent().context("a folder")?;
        let text = std::fs::read_to_string(&readme)?;
        let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs")).collect();
        wrong.extend(named.iter().filter(|name| !folder.join(name).exists()).map(|name| format!("no {name} there")));
        for entry in std::fs::read_dir(folder)? {
            let file = entry?.file_name().to_string_lossy().into_owned();
            if file.ends_with(".rs") && file != "mod.rs" && !named.contains(&file.as_str()) {
                wrong.push(format!("{} does not name {file}", readme.display()));
            }
        }
    }
    assert!(looked_at >= 4, "READMEs are looked at: {looked_at}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
