//! Starts on a data directory of which a file is missing, damaged, or not to be read or written: which file it is, and what
//! to do; and settings that are none.
use crate::common::{START, healthy};
use crate::startup::explains;
use anyhow::{Context, ensure};
use headroom_tests::server::binary;
use headroom_tests::{Finished, Launch};
use rustix::process::geteuid;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A demo that has run, and its directory.
async fn stopped() -> anyhow::Result<(tempfile::TempDir, Launch)> {
    let folder = tempfile::tempdir()?;
    let server = Launch::simulated(folder.path(), START).start().await?;
    server.api("admin")?.advance(60).await?;
    let launch = server.stop().await?;
    Ok((folder, launch))
}

fn finished(command: &mut Command) -> anyhow::Result<Finished> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Finished { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// `up` to its end as a user for whom permissions mean something; whoever it is has the directory.
fn up_as_nobody(launch: &Launch) -> anyhow::Result<Finished> {
    const NOBODY: &str = "65534";
    let mut command = Command::new("timeout");
    command.arg("60");
    if geteuid().is_root() {
        let given = Command::new("chown").arg("-R").arg(NOBODY).arg(&launch.data).status()?;
        ensure!(given.success(), "chown");
        command.args(["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    }
    command.arg(binary()?).arg("up").arg("--data").arg(&launch.data).args(&launch.arguments);
    finished(&mut command)
}

fn mode(path: &Path, bits: u32) -> anyhow::Result<()> {
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits))?)
}

#[tokio::test]
async fn a_file_in_bad_shape_is_named() -> anyhow::Result<()> {
    let (folder, launch) = stopped().await?;
    let at = |name: &str| folder.path().join(name);
    let kept = |name: &str| folder.path().join(format!("{name}.kept"));
    let cases: [(&str, &[&str]); 4] = [
        ("headroom.db", &["headroom.db", "cannot open"]),
        ("observations.db", &["observations.db", "cannot open"]),
        ("token-signing.key", &["token-signing.key", "move it away"]),
        ("checkpoints", &["checkpoints", "move away"]),
    ];
    for (name, words) in cases {
        std::fs::rename(at(name), kept(name))?;
        // A folder in the place of a file, or the other way round.
        if name == "checkpoints" {
            std::fs::write(at(name), "in the way")?;
        } else {
            std::fs::create_dir(at(name))?;
        }
        explains(&launch.up_to_its_end().await.with_context(|| name.to_owned())?, words);
        if name == "checkpoints" {
            std::fs::remove_file(at(name))?;
        } else {
            std::fs::remove_dir(at(name))?;
        }
        std::fs::rename(kept(name), at(name))?;
    }
    std::fs::rename(at("observations.db"), kept("observations.db"))?;
    for log in ["observations.db-wal", "observations.db-shm"] {
        let _not_there = std::fs::remove_file(at(log));
    }
    std::fs::write(at("observations.db"), "these are not the bytes of a database. ".repeat(300))?;
    let ended = launch.up_to_its_end().await?;
    explains(&ended, &["observations.db is damaged", "sign", "move it away"]);
    assert!(!ended.stderr.contains("headroom.db is damaged"), "{}", ended.stderr);
    std::fs::remove_file(at("observations.db"))?;
    launch.start().await?.stop().await?;
    healthy(&launch).await
}

#[tokio::test]
async fn a_database_that_another_program_holds_is_named() -> anyhow::Result<()> {
    let (folder, launch) = stopped().await?;
    let holder = rusqlite::Connection::open(folder.path().join("headroom.db"))?;
    holder.execute_batch("BEGIN EXCLUSIVE")?;
    let ended = launch.up_to_its_end().await?;
    explains(&ended, &["headroom.db", "another program has locked", "start again"]);
    assert!(!ended.stderr.contains("CREATE TABLE"), "no statements in it: {}", ended.stderr);
    drop(holder);
    launch.start().await?.stop().await?;
    healthy(&launch).await
}

#[tokio::test]
async fn doctor_names_a_file_that_it_cannot_read_to_its_end() -> anyhow::Result<()> {
    let (folder, _launch) = stopped().await?;
    let path = folder.path().join("headroom.db");
    // All pages but the first, which lists the tables.
    let mut bytes = std::fs::read(&path)?;
    ensure!(bytes.len() > 100_000, "{} bytes", bytes.len());
    bytes[65_536..].fill(0xff);
    std::fs::write(&path, bytes)?;
    let doctor = finished(Command::new(binary()?).arg("doctor").arg("--data").arg(folder.path()))?;
    assert_eq!(doctor.code, Some(1), "{} {}", doctor.stdout, doctor.stderr);
    explains(&doctor, &["headroom.db is damaged", "Restore a backup"]);
    Ok(())
}

#[tokio::test]
async fn a_file_that_may_not_be_read_or_written_is_named() -> anyhow::Result<()> {
    let (folder, launch) = stopped().await?;
    let at = |name: &str| folder.path().join(name);
    let cases: [(&str, u32, u32, &[&str]); 5] = [
        ("headroom.db", 0o000, 0o644, &["headroom.db", "cannot open"]),
        ("observations.db", 0o000, 0o644, &["observations.db", "cannot open"]),
        ("token-signing.key", 0o000, 0o600, &["token-signing.key", "Permission denied", "move it away"]),
        ("checkpoints", 0o000, 0o755, &["checkpoints", "Permission denied", "no other copy", "move it away"]),
        // Last, as SQLite gives the files beside it the same mode.
        ("observations.db", 0o444, 0o644, &["observations.db", "cannot write", "right to write"]),
    ];
    for (name, spoilt, whole, words) in cases {
        mode(&at(name), spoilt)?;
        let ended = up_as_nobody(&launch).with_context(|| name.to_owned())?;
        mode(&at(name), whole)?;
        explains(&ended, words);
    }
    healthy(&launch).await
}

/// A new market beside what is left of another one would hide that its database is lost.
#[tokio::test]
async fn no_market_begins_beside_what_is_left_of_another() -> anyhow::Result<()> {
    let (folder, launch) = stopped().await?;
    let database = folder.path().join("headroom.db");
    let kept = std::fs::read(&database)?;
    for gone in [false, true] {
        match gone {
            true => std::fs::remove_file(&database)?,
            false => std::fs::write(&database, "")?,
        }
        let ended = launch.up_to_its_end().await?;
        explains(&ended, &["headroom.db", "token-signing.key", "checkpoints", "backup", "--data"]);
        assert_eq!(database.exists(), !gone, "nothing was made");
        let doctor = launch.run("doctor").await?;
        assert_eq!(doctor.code, Some(1), "{doctor:?}");
        assert!(doctor.stderr.contains("headroom"), "{doctor:?}");
    }
    std::fs::write(&database, kept)?;
    launch.start().await?.stop().await?;
    healthy(&launch).await
}

/// An empty journal is nothing that could be checked.
#[tokio::test]
async fn the_doctor_of_no_market() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let own = Launch { data: folder.path().to_owned(), ..Launch::default() };
    explains(&own.up_to_its_end().await?, &["first admin"]);
    let doctor = own.run("doctor").await?;
    explains(&doctor, &["no market", "backup"]);
    assert_eq!((doctor.code, doctor.stdout.as_str()), (Some(1), ""));
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_none() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for address in ["foo", "127.0.0.1:99999", "127.0.0.1", ""] {
        let mut launch = Launch::simulated(folder.path(), START);
        let at = launch.arguments.iter().position(|a| a == "--listen").context("--listen")?;
        launch.arguments[at + 1] = address.to_owned();
        let ended = launch.up_to_its_end().await?;
        explains(&ended, &["cannot listen", "--listen", "127.0.0.1:8080"]);
        assert!(!ended.stderr.contains("another server"), "{}", ended.stderr);
    }
    let mut launch = Launch::simulated(folder.path(), START);
    let at = launch.arguments.iter().position(|a| a == "--listen").context("--listen")?;
    launch.arguments[at + 1] = "203.0.113.7:8080".to_owned();
    explains(&launch.up_to_its_end().await?, &["cannot listen", "no such address", "--listen"]);
    Ok(())
}

#[tokio::test]
async fn settings_that_are_none_are_named() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START)
        .variable("HEADROOM_RATE_LIMTI", "5")
        .variable("HEADROOM_LOG", "infoo")
        .variable("HEADROOM_BIN", "elsewhere")
        .variable("HEADROOM_URL", "http://127.0.0.1:1");
    let server = launch.start().await?;
    let said = server.log();
    for words in ["HEADROOM_RATE_LIMTI", "Did you mean HEADROOM_RATE_LIMIT?", "HEADROOM_LOG: `infoo`", "`info`"] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert!(!said.contains("HEADROOM_BIN") && !said.contains("HEADROOM_URL"), "{said}");
    server.stop().await.map(drop)
}

#[test]
fn a_book_has_an_end() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let asked = "generate-book --orders 99999999999 --pools 1 --slots 1 --seed 1 --out book.json";
    let mut command = Command::new("timeout");
    command.arg("20").arg(binary()?).args(asked.split_whitespace()).current_dir(folder.path());
    let ended = finished(&mut command)?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--orders") && ended.stderr.contains("1000000"), "{}", ended.stderr);
    Ok(())
}
