//! Starts that cannot work: one clear sentence with the next step, exit code not 0, no panic.
use crate::common::{START, Sim, healthy};
use anyhow::{Context, bail};
use headroom_tests::backing::{Postgres, SmallDisk, free_port};
use headroom_tests::orders::{Rhythm, bid, trader};
use headroom_tests::{Finished, Launch, Server, skip};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// Ended by itself with an error that a person can use.
pub(crate) fn explains(ended: &Finished, words: &[&str]) {
    assert!(matches!(ended.code, Some(1..=100)), "exit code {:?}: {}", ended.code, ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert!(ended.stderr.contains("headroom:"), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.to_lowercase().contains(&word.to_lowercase()), "{word:?} is not in: {}", ended.stderr);
    }
    assert!(ended.stderr.lines().count() <= 3, "one message, not a page: {}", ended.stderr);
}

#[tokio::test]
async fn a_locked_data_directory() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let second = Launch::simulated(sim.folder.path(), START).up_to_its_end().await?;
    explains(&second, &["another process"]);
    assert_eq!(sim.api("bidder")?.get("/v1/me").await?.status, 200, "the first goes on");
    Ok(())
}

#[tokio::test]
async fn a_corrupt_database() -> anyhow::Result<()> {
    for spoil in ["not a database", "cut", "overwritten"] {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("headroom.db");
        let launch = Launch::simulated(folder.path(), START);
        if spoil == "not a database" {
            std::fs::write(&path, "these are not the bytes of a database. ".repeat(300))?;
        } else {
            launch.start().await?.stop().await?;
            let mut bytes = std::fs::read(&path)?;
            if spoil == "cut" {
                bytes.truncate(bytes.len() / 2);
            } else {
                let length = bytes.len();
                bytes[4096..length.min(200_000)].fill(0x5a);
            }
            std::fs::write(&path, bytes)?;
        }
        let ended = launch.up_to_its_end().await.with_context(|| spoil.to_owned())?;
        explains(&ended, &["headroom.db", "Restore a backup", "doctor"]);
        let doctor = launch.run("doctor").await?;
        assert!(!matches!(doctor.code, Some(0) | None), "{spoil}: the doctor says {:?} {}", doctor.code, doctor.stdout);
        assert!(!doctor.stderr.contains("panicked"), "{spoil}: {}", doctor.stderr);
    }
    Ok(())
}

/// What other rules have decided can't be decided again here.
#[tokio::test]
async fn data_of_other_rules() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START);
    launch.start().await?.stop().await?;
    let database = rusqlite::Connection::open(folder.path().join("headroom.db"))?;
    assert!(database.execute("UPDATE journal SET rule_version = 34", [])? > 0);
    drop(database);
    let read = [launch.run("doctor").await?, launch.run("replay").await?];
    for ended in [launch.up_to_its_end().await?].iter().chain(&read) {
        explains(ended, &["another version (34, here", "new --data directory", "keep the program"]);
    }
    Ok(())
}

/// Money that no transfer has moved: nothing is started on it.
#[tokio::test]
async fn a_changed_balance() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = Launch::simulated(folder.path(), START);
    launch.start().await?.stop().await?;
    let database = rusqlite::Connection::open(folder.path().join("headroom.db"))?;
    let changed = database.execute(
        "UPDATE accounts SET balance = balance + 1000000 WHERE participant = (SELECT MIN(participant) FROM accounts)
         AND id LIKE '%available%'",
        [],
    );
    assert_eq!(changed?, 1);
    drop(database);
    explains(&launch.up_to_its_end().await?, &["1000000 micro-credits", "doctor"]);
    Ok(())
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_or_written() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way")?;
    explains(&Launch::simulated(&file, START).up_to_its_end().await?, &["data directory", "--data"]);
    explains(&Launch::simulated(&file.join("below"), START).up_to_its_end().await?, &["data directory", "--data"]);
    // Permissions mean nothing to root, a place where nobody can write does.
    explains(
        &Launch::simulated("/proc/headroom".as_ref(), START).up_to_its_end().await?,
        &["data directory", "--data"],
    );
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked)?;
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500))?;
    if std::fs::write(locked.join("probe"), "x").is_ok() {
        skip("startup: read-only directory", "this user may write everywhere");
        return Ok(());
    }
    explains(&Launch::simulated(&locked, START).up_to_its_end().await?, &["data directory", "--data"]);
    Ok(())
}

#[tokio::test]
async fn a_busy_port() -> anyhow::Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let folder = tempfile::tempdir()?;
    let busy = listener.local_addr()?.to_string();
    let ended = Launch::simulated(folder.path(), START).argument("--listen").argument(&busy).up_to_its_end().await;
    // Two --listen may be refused by the command line itself.
    let ended = match ended {
        Ok(ended) if !ended.stderr.contains("cannot be used multiple times") => ended,
        _ => {
            let mut launch = Launch::simulated(folder.path(), START);
            let at = launch.arguments.iter().position(|a| a == "--listen").context("--listen")?;
            launch.arguments[at + 1].clone_from(&busy);
            launch.up_to_its_end().await?
        }
    };
    explains(&ended, &["cannot listen", &busy, "--listen"]);
    assert!(!folder.path().join("headroom.db").exists(), "no half-made database is left behind");
    Ok(())
}

#[tokio::test]
async fn addresses_that_lead_nowhere() -> anyhow::Result<()> {
    let port = free_port()?;
    let secret = "hunter2hunter2";
    let elsewhere = tempfile::tempdir()?;
    let cases: [(&str, String, &[&str]); 7] = [
        ("DATABASE_URL", "mysql://root@localhost/x".to_owned(), &["DATABASE_URL", "sqlite://", "postgres://"]),
        ("DATABASE_URL", "sqlite://".to_owned(), &["DATABASE_URL"]),
        ("DATABASE_URL", "sqlite:///proc/nowhere/headroom.db".to_owned(), &["directory"]),
        // A mistyped path begins no market of its own.
        ("DATABASE_URL", format!("sqlite://{}/typo/x.db", elsewhere.path().display()), &["/typo", "does not exist"]),
        ("DATABASE_URL", format!("postgres://user:{secret}@127.0.0.1:{port}/none"), &["database"]),
        ("REDIS_URL", format!("redis://:{secret}@127.0.0.1:{port}"), &["REDIS_URL", "optional"]),
        ("REDIS_URL", "not an address".to_owned(), &["REDIS_URL"]),
    ];
    for (variable, value, words) in cases {
        let folder = tempfile::tempdir()?;
        let ended = Launch::simulated(folder.path(), START)
            .variable(variable, &value)
            .up_to_its_end()
            .await
            .with_context(|| value.clone())?;
        explains(&ended, words);
        assert!(!ended.stderr.contains(secret), "a password is shown: {}", ended.stderr);
    }
    assert!(!elsewhere.path().join("typo").exists(), "nothing was made there");
    Ok(())
}

#[tokio::test]
async fn a_postgres_database_that_is_not_there() -> anyhow::Result<()> {
    let cluster = match Postgres::start() {
        Ok(cluster) => cluster,
        Err(error) => {
            skip("startup: missing PostgreSQL database", &format!("{error:#}"));
            return Ok(());
        }
    };
    let there = cluster.database("there")?;
    let folder = tempfile::tempdir()?;
    let missing = there.replace("/there", "/missing");
    explains(
        &Launch::simulated(folder.path(), START).variable("DATABASE_URL", &missing).up_to_its_end().await?,
        &["missing", "does not exist", "DATABASE_URL"],
    );
    let said = Launch::simulated(folder.path(), START).variable("DATABASE_URL", &missing).up_to_its_end().await?.stderr;
    assert_eq!(said.matches("does not exist").count(), 1, "said once: {said}");
    assert!(!said.contains("at line"), "{said}");
    Ok(())
}

#[tokio::test]
async fn wrong_arguments() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut launch = Launch { data: folder.path().to_owned(), ..Launch::default() };
    launch = launch.argument("--listen").argument("127.0.0.1:0");
    explains(&launch.clone().up_to_its_end().await?, &["--demo"]);
    explains(
        &launch.clone().argument("--demo").argument("--sim-clock").argument("soon").up_to_its_end().await?,
        &["--sim-clock"],
    );
    let slots = launch
        .clone()
        .argument("--slot-seconds")
        .argument("7")
        .variable("HEADROOM_ADMIN_EMAIL", "a@example.org")
        .variable("HEADROOM_ADMIN_PASSWORD", "long-enough-1");
    explains(&slots.up_to_its_end().await?, &["3600"]);
    let mail = launch
        .clone()
        .variable("HEADROOM_ADMIN_EMAIL", "nonsense")
        .variable("HEADROOM_ADMIN_PASSWORD", "long-enough-1");
    explains(&mail.up_to_its_end().await?, &["HEADROOM_ADMIN_EMAIL", "name@example.org"]);
    for url in ["not a url", "example.org", "ftp://example.org", "https://example.org/path"] {
        let ended = launch.clone().argument("--demo").argument("--public-url").argument(url).up_to_its_end().await?;
        explains(&ended, &["--public-url", "https://"]);
    }
    let slots = launch.clone().argument("--demo").argument("--slot-seconds").argument("300");
    explains(&slots.up_to_its_end().await?, &["--slot-seconds", "60"]);
    let doctor = Launch { data: folder.path().join("nothing"), ..Launch::default() }.run("doctor").await?;
    assert!(matches!(doctor.code, Some(1..=100)) && !doctor.stderr.contains("panicked"), "{doctor:?}");
    Ok(())
}

/// The rhythm is fixed at the first start: another one must not be ignored.
#[tokio::test]
async fn another_slot_length() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = Launch { data: folder.path().to_owned(), ..Launch::default() }
        .argument("--listen")
        .argument("127.0.0.1:0")
        .variable("HEADROOM_ADMIN_EMAIL", "a@example.org")
        .variable("HEADROOM_ADMIN_PASSWORD", "long-enough-1");
    launch.clone().argument("--slot-seconds").argument("600").start().await?.stop().await?;
    let ended = launch.clone().argument("--slot-seconds").argument("300").up_to_its_end().await?;
    explains(&ended, &["--slot-seconds 300", "600", "--data"]);
    let launch = launch.start().await?.stop().await?;
    healthy(&launch).await
}

/// `headroom openapi | head`: who stops reading is no fault.
#[test]
fn a_reader_that_stops_early() -> anyhow::Result<()> {
    let mut child = std::process::Command::new(headroom_tests::server::binary()?)
        .arg("openapi")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    drop(child.stdout.take());
    let ended = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success() && said.is_empty(), "{:?} {said}", ended.status);
    Ok(())
}

/// A demo's data is not opened as an own market, and the other way round.
#[tokio::test]
async fn demo_data_without_demo() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let launch = sim.server.stop().await?;
    let mut own = launch.clone();
    own.arguments.retain(|a| a != "--demo");
    explains(&own.up_to_its_end().await?, &["--demo"]);
    healthy(&launch).await
}

/// Everything that a start prints.
async fn printed(server: &Server) -> String {
    let started = Instant::now();
    while !server.said().contains("Ctrl-C") && started.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.said()
}

/// Whoever a start prints can sign in.
async fn everybody_printed_can_sign_in(server: &Server) -> anyhow::Result<()> {
    let said = printed(server).await;
    let mut printed = 0;
    for line in said.lines().filter(|line| line.contains("@demo.example.org")) {
        let [_, email, password, key] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            bail!("a user without password or key: {line}");
        };
        let login = json!({ "email": email, "password": password });
        assert_eq!(server.nobody().post("/v1/auth/login", &login).await?.status, 200, "{line}");
        assert_eq!(server.nobody().with(Some(key)).get("/v1/me").await?.status, 200, "{line}");
        printed += 1;
    }
    assert_eq!(printed, 6, "{said}");
    Ok(())
}

/// A data directory may serve one database after the other: the users of none get lost.
#[tokio::test]
async fn demos_on_two_databases_of_one_directory() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    // Real clocks: only simulated demos have the same passwords every time.
    let here = Launch::demo(folder.path());
    std::fs::create_dir(folder.path().join("elsewhere"))?;
    let elsewhere = format!("sqlite://{}", folder.path().join("elsewhere/headroom.db").display());
    let there = here.clone().variable("DATABASE_URL", &elsewhere);
    for launch in [&here, &there, &here, &there] {
        let server = launch.start().await?;
        everybody_printed_can_sign_in(&server).await?;
        assert_eq!(server.api("tenant")?.get("/v1/me").await?.status, 200, "demo-access.json is of this market");
        server.stop().await?;
    }
    let mode = std::fs::metadata(folder.path().join("demo-access.json"))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only its owner reads it");
    let kept = std::fs::read_dir(folder.path())?.filter_map(Result::ok).map(|e| e.file_name());
    let kept = kept.filter(|name| name.to_string_lossy().starts_with("demo-access")).count();
    assert_eq!(kept, 2, "one file a market, and no copies");
    // Nothing is printed that does not work, not even where nothing is left to print.
    std::fs::remove_file(folder.path().join("demo-access.json"))?;
    let server = there.start().await?;
    let said = printed(&server).await;
    assert!(said.contains("demo-access.json") && !said.contains("xk_test_"), "another market's keys: {said}");
    server.stop().await?;
    let server = here.start().await?;
    everybody_printed_can_sign_in(&server).await?;
    healthy(&server.stop().await?).await
}

/// A full disk stops the server; nothing that was acknowledged is lost, and with room again it
/// goes on.
#[tokio::test]
async fn a_full_disk() -> anyhow::Result<()> {
    let disk = match SmallDisk::mount(48 * 1024 * 1024) {
        Ok(disk) => disk,
        Err(error) => {
            skip("startup: full disk", &format!("{error:#}"));
            return Ok(());
        }
    };
    // The last of it is given away, too, so that it gets full.
    let launch = Launch::simulated(disk.path(), START).variable("HEADROOM_DISK_RESERVE_MIB", "0");
    let server = launch.start().await?;
    let api = trader(&server.api("admin")?, "full-disk", "100").await?;
    let window = Rhythm::of(&api).await?.late_window();
    let bid = bid("fra1-gp", &window, 1, "0.000001");
    let ballast = disk.path().join("ballast");
    // Leaves a few pages free, so that the disk gets full in mid-write.
    let free = 48 * 1024 * 1024
        - std::fs::read_dir(disk.path())?
            .filter_map(Result::ok)
            .filter_map(|e| e.metadata().ok())
            .map(|m| m.len())
            .sum::<u64>();
    let _full = std::fs::write(&ballast, vec![0u8; usize::try_from(free.saturating_sub(256 * 1024))?]);
    let mut acked = Vec::new();
    for n in 0..2000 {
        match api.post_with_key("/v1/bids", &format!("full-{n}"), &bid).await {
            Ok(reply) if reply.status == 201 => acked.push(reply.id()?),
            Ok(reply) => {
                assert!(reply.is_problem(), "{}", reply.text);
                break;
            }
            Err(_) => break,
        }
    }
    assert!(acked.len() < 2000, "the disk did not get full");
    let log = server.log();
    drop(server);
    assert!(!log.contains("panicked"), "{log}");
    let full = launch.up_to_its_end().await;
    if let Ok(ended) = full {
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
    std::fs::remove_file(&ballast)?;
    let server = launch.start().await?;
    let there = server.nobody().with(api.bearer.as_deref()).list("/v1/bids").await?;
    let there: Vec<&str> = there.iter().filter_map(|o| o["id"].as_str()).collect();
    let lost = acked.iter().filter(|id| !there.contains(&id.as_str())).count();
    assert_eq!(lost, 0, "acknowledged orders are lost");
    healthy(&server.stop().await?).await
}

/// A browser gets the page wherever it goes; a program that has mistyped a path is told so.
#[tokio::test]
async fn mistyped_paths_are_no_pages() -> anyhow::Result<()> {
    let sim = Sim::start().await?;
    let nobody = sim.server.nobody();
    for path in ["/V1/bids", "/v2/bids", "/favicon.ico", "/v1/bid"] {
        let reply = nobody.get(path).await?;
        assert_eq!((reply.status, reply.code().as_str()), (404, "no_such_route"), "{path}");
        assert!(reply.is_problem(), "{path}");
    }
    for path in ["/", "/bids", "/pools/fra1-gp"] {
        let page = nobody.get(path).await?;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
    }
    for path in ["/bids", "/nothing-of-ours"] {
        let page = nobody.send("GET", path, &[("accept", "text/html,application/xhtml+xml")], None).await?;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
    }
    sim.server.stop().await.map(drop)
}
