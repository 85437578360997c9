//! The image and the compose file, as far as they can be tried where no containers run: what the build copies is all that it
//! needs, and what the compose file sets starts a market that the image's health check finds well.
use crate::common::healthy;
use anyhow::{Context, ensure};
use headroom_tests::backing::{Postgres, Redis, free_port};
use headroom_tests::{Launch, skip};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root().join(name)).with_context(|| name.to_owned())
}

/// The instructions of the Dockerfile, by stage; lines that go on are one.
fn stages() -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let text = read("Dockerfile")?.replace("\\\n", " ");
    let mut stages: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("FROM ") {
            Some(image) => stages.push((image.to_owned(), Vec::new())),
            None => stages.last_mut().context("an instruction before FROM")?.1.push(line.to_owned()),
        }
    }
    Ok(stages)
}

/// What a stage copies from the checkout.
fn copied(instructions: &[String]) -> BTreeSet<String> {
    let copies = instructions.iter().filter_map(|line| line.strip_prefix("COPY ")).filter(|c| !c.starts_with("--from"));
    copies.flat_map(|copy| copy.split_whitespace().rev().skip(1)).map(str::to_owned).collect()
}

#[test]
fn the_image_is_built_from_files_that_are_there_and_sent() -> anyhow::Result<()> {
    let ignore = read(".dockerignore")?;
    let sent: BTreeSet<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    ensure!(ignore.lines().next() == Some("*"), "all but what is named is left out");
    let all: BTreeSet<String> = stages()?.iter().flat_map(|(_, lines)| copied(lines)).collect();
    ensure!(all.len() > 8, "{all:?}");
    for path in &all {
        ensure!(root().join(path).exists(), "there is no {path}");
        let first = path.split('/').next().unwrap_or_default();
        ensure!(sent.contains(first), ".dockerignore keeps {path} from the build");
    }
    Ok(())
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// What is read while a crate is compiled has to be in the stage that compiles it.
#[test]
fn the_binary_is_compiled_with_all_that_it_has_in_it() -> anyhow::Result<()> {
    let stages = stages()?;
    let (_, lines) =
        stages.iter().find(|(image, _)| image.ends_with(" AS binary")).context("no stage for the binary")?;
    let mut there: Vec<PathBuf> = copied(lines).iter().map(|path| root().join(path)).collect();
    // The web UI comes from the stage before.
    there.push(root().join("frontend/dist"));
    let there: Vec<PathBuf> = there.iter().map(|path| normal(path)).collect();
    let manifest = read("Cargo.toml")?;
    for member in manifest.split("members = [").nth(1).and_then(|m| m.split(']').next()).unwrap_or("").split('"') {
        let path = normal(&root().join(member));
        ensure!(
            member.trim_matches([',', ' ', '\n']).is_empty() || there.iter().any(|t| path.starts_with(t)),
            "{member}"
        );
    }
    let (mut files, mut seen) = (Vec::new(), 0);
    rust_files(&root().join("backend"), &mut files)?;
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let crate_folder = file.ancestors().find(|f| f.join("Cargo.toml").is_file()).context("no crate")?;
        if file.strip_prefix(crate_folder)?.components().any(|part| part.as_os_str() == "tests")
            || file.ends_with("tests.rs")
        {
            continue;
        }
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (before, from) in [
            ("include_str!(\"", file.parent()),
            ("include_bytes!(\"", file.parent()),
            ("#[folder = \"", Some(crate_folder)),
            ("migrate!(\"", Some(crate_folder)),
        ] {
            for part in product.split(before).skip(1) {
                let named = part.split('"').next().unwrap_or_default();
                let path = normal(&from.unwrap_or(crate_folder).join(named));
                seen += 1;
                let is_there = there.iter().any(|t| path.starts_with(t));
                ensure!(is_there, "{} reads {named}, which the image's build does not copy", file.display());
            }
        }
    }
    ensure!(seen > 8, "only {seen} files are read while something is compiled");
    Ok(())
}

/// Without `..`, also of what is not there.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// What the compose file sets for a service, with these values for what it takes from outside.
fn environment(service: &str, outside: &BTreeMap<&str, &str>) -> anyhow::Result<BTreeMap<String, String>> {
    let text = read("docker-compose.yml")?;
    let of_service = text.split(&format!("\n  {service}:\n")).nth(1).context("no such service")?;
    let block = of_service.split("    environment:\n").nth(1).context("nothing is set")?;
    let lines = block.lines().take_while(|line| line.starts_with("      "));
    let mut found = BTreeMap::new();
    for line in lines {
        let (name, value) = line.trim().split_once(": ").with_context(|| line.to_owned())?;
        let mut said = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            let (named, after) = after.split_once('}').with_context(|| line.to_owned())?;
            let end = named.find(':').unwrap_or(named.len());
            let default = named[end..].strip_prefix(":-");
            let value =
                outside.get(&named[..end]).copied().or(default).with_context(|| format!("{named} is missing"))?;
            said = said + before + value;
            rest = after;
        }
        found.insert(name.to_owned(), said + rest);
    }
    Ok(found)
}

/// The server ends by itself where nobody knows what is stored, and without its database it can't start.
#[test]
fn a_server_that_has_ended_is_started_again() -> anyhow::Result<()> {
    let compose = read("docker-compose.yml")?;
    let services =
        compose.split("\nservices:\n").nth(1).and_then(|s| s.split("\nvolumes:").next()).context("no services")?;
    let is_service = |line: &&str| line.starts_with("  ") && !line[2..].starts_with([' ', '#']) && line.ends_with(':');
    let (count, again) = (services.lines().filter(is_service).count(), "    restart: unless-stopped");
    ensure!(count == 3 && services.lines().filter(|line| *line == again).count() == count, "{count} services");
    let unit = read("packaging/headroom.service")?;
    for line in ["Restart=on-failure", "StartLimitIntervalSec=0", "TimeoutStopSec=30"] {
        ensure!(unit.lines().any(|l| l == line), "the unit has no {line}");
    }
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).context("it starts nothing")?;
    ensure!(started.ends_with("/headroom up --data /var/lib/headroom"), "{started}");
    ensure!(unit.contains("StateDirectory=headroom\n"), "its data directory is made");
    Ok(())
}

#[tokio::test]
async fn what_the_compose_file_sets_starts_a_market_that_the_health_check_finds_well() -> anyhow::Result<()> {
    let (cluster, redis) = match (Postgres::start(), Redis::start()) {
        (Ok(cluster), Ok(redis)) => (cluster, redis),
        (Err(error), _) | (_, Err(error)) => {
            skip("containers: the compose file", &format!("{error:#}"));
            return Ok(());
        }
    };
    let (email, password) = ("you@example.org", "long-enough-secret");
    let outside = [("POSTGRES_PASSWORD", "x"), ("HEADROOM_ADMIN_EMAIL", email), ("HEADROOM_ADMIN_PASSWORD", password)];
    let mut set = environment("headroom", &outside.into())?;
    // The image's own settings, which the compose file may replace.
    let stages = stages()?;
    let image = &stages.last().context("no image")?.1;
    for line in image.iter().filter_map(|line| line.strip_prefix("ENV ")) {
        for (name, value) in line.split_whitespace().filter_map(|pair| pair.split_once('=')) {
            set.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    let said = read("docs/configuration.md")?;
    for name in set.keys() {
        ensure!(said.contains(&format!("`{name}`")), "{name} is no setting");
    }
    // Its other services are these two, and its port is one that is free here.
    let port = free_port()?.to_string();
    let listens = set.get("HEADROOM_LISTEN").context("it listens nowhere")?.clone();
    let inside = listens.rsplit(':').next().context("no port")?.to_owned();
    ensure!(
        image.contains(&format!("EXPOSE {inside}"))
            && read("docker-compose.yml")?.contains(&format!(":{inside}:{inside}\""))
    );
    for (name, value) in &mut set {
        match name.as_str() {
            "DATABASE_URL" => {
                ensure!(value == "postgres://headroom:x@postgres/headroom", "{value}");
                *value = cluster.database("compose")?;
            }
            "REDIS_URL" => {
                ensure!(value == "redis://redis:6379", "{value}");
                *value = redis.url();
            }
            "HEADROOM_LISTEN" | "HEADROOM_PUBLIC_URL" => *value = value.replace(&inside, &port),
            _ => {}
        }
    }
    let folder = tempfile::tempdir()?;
    let mut launch = Launch { data: folder.path().to_owned(), ..Launch::default() };
    for (name, value) in set.iter().filter(|(name, _)| *name != "HEADROOM_DATA") {
        launch = launch.variable(name, value);
    }
    let server = launch.start().await?;
    let ready = server.nobody().get("/readyz").await?.json();
    ensure!(ready["bus"] == "redis", "{ready}");
    let signed_in = server.nobody().post("/v1/auth/login", &json!({ "email": email, "password": password })).await?;
    ensure!(signed_in.is_success(), "{}", signed_in.text);

    let check = image.iter().find_map(|line| line.strip_prefix("HEALTHCHECK ")).context("no health check")?;
    let check: Vec<String> = serde_json::from_str(&check[check.find('[').context("no command")?..])?;
    let find_well = || {
        let command: Vec<String> = check.iter().map(|part| part.replace(&inside, &port)).collect();
        Command::new(&command[0]).args(&command[1..]).status().map(|status| status.success())
    };
    ensure!(find_well()?, "the health check fails: {check:?}");
    let launch = server.stop().await?;
    ensure!(!find_well()?, "the health check finds well what has ended");
    healthy(&launch).await
}
