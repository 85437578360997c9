//! Builds the web UI when it is stale, so that one command makes the whole product.
//!
//! Degrades: without npm the binary has no UI and says so. SKIP_UI_BUILD=1 leaves it alone.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

fn main() {
    // Asked when it runs: a script built in another checkout may serve this one.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let frontend = Path::new(&manifest).join("../../frontend");
    for watched in ["src", "public", "index.html", "package-lock.json", "vite.config.ts", "dist/index.html"] {
        println!("cargo:rerun-if-changed={}", frontend.join(watched).display());
    }
    println!("cargo:rerun-if-env-changed=SKIP_UI_BUILD");
    if std::env::var_os("SKIP_UI_BUILD").is_some() || !frontend.join("package.json").exists() || !is_stale(&frontend) {
        return;
    }
    if let Err(why) = build(&frontend) {
        println!("cargo:warning=the web UI is not built ({why}); the API still works");
    }
}

fn newest(path: &Path) -> Option<SystemTime> {
    let meta = path.metadata().ok()?;
    if meta.is_file() {
        return meta.modified().ok();
    }
    let entries = path.read_dir().ok()?;
    entries.filter_map(|e| newest(&e.ok()?.path())).max()
}

fn is_stale(frontend: &Path) -> bool {
    let Some(built) = newest(&frontend.join("dist/index.html")) else { return true };
    let sources = ["src", "public", "index.html", "package-lock.json", "vite.config.ts"];
    sources.iter().filter_map(|s| newest(&frontend.join(s))).any(|changed| changed > built)
}

fn build(frontend: &Path) -> Result<(), String> {
    let log = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("ui-build.log");
    let mut output = String::new();
    let mut run = |arguments: &[&str]| -> Result<(), String> {
        let ran = Command::new("npm").args(arguments).current_dir(frontend).output();
        let ran = ran.map_err(|_| "npm was not found; install Node 20.19 or newer".to_owned())?;
        output.push_str(&String::from_utf8_lossy(&ran.stdout));
        output.push_str(&String::from_utf8_lossy(&ran.stderr));
        let _best_effort = std::fs::write(&log, &output);
        if ran.status.success() {
            Ok(())
        } else {
            Err(format!("npm {} failed, see {}", arguments.join(" "), log.display()))
        }
    };
    let installed = newest(&frontend.join("node_modules/.package-lock.json"));
    if installed.is_none() || installed < newest(&frontend.join("package-lock.json")) {
        run(&["ci", "--no-audit", "--no-fund"])?;
    }
    run(&["run", "build"])
}
