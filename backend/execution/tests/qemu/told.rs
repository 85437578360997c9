//! Sockets that are no machine's, or that others hold.
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use headroom_execution::qemu::{Monitor, MonitorError};
use headroom_execution::{Driver, Limits};
use serde_json::Value;

use crate::world::{World, adopt, instance, key, resize, until};

const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}}"#;

#[test]
fn a_socket_that_another_client_holds_is_told_so() {
    let Some(world) = World::new("a_socket_that_another_client_holds_is_told_so") else { return };
    let driver = world.driver();
    let machine = world.machine(&driver);
    let held = Monitor::connect(&world.socket("web"), Duration::from_secs(20)).expect("it runs");
    // Those who wait fill the queue of the socket.
    let waiting: Vec<_> = (0..2).map(|_| UnixStream::connect(world.socket("web")).expect("it listens")).collect();
    for _ in 0..2 {
        let refused = world.candidates_refused(&driver);
        assert!(refused.contains("is in use"), "{refused}");
    }
    adopt(&driver, &machine, 1, 300).expect("its CPU is the kernel's");
    assert_eq!(resize(&driver, "cpu", 1, Limits::new(400, 0)).expect("resized").actual.cpu_milli, 400);
    let memory = resize(&driver, "memory", 1, Limits::new(500, 96 << 10)).expect_err("nobody can ask it");
    assert!(memory.to_string().contains("is in use"), "{memory}");
    drop((held, waiting));
    until("it answers again", || world.candidate(&driver, "web").0.refused.is_none());
    driver.stop(&key("stop"), &instance(), 1).expect("let go");
}

#[test]
fn of_two_hundred_sockets_the_machine_is_found() {
    let Some(world) = World::new("of_two_hundred_sockets_the_machine_is_found") else { return };
    let forged: Vec<_> =
        (0..200).map(|at| UnixListener::bind(world.socket(&format!("other-{at}"))).expect("bound")).collect();
    drop(UnixListener::bind(world.socket("stale")).expect("bound"));
    UnixListener::bind(world.folder().join("not a name.qmp")).expect("bound");
    std::fs::write(world.socket("file"), "text").expect("written");
    let driver = world.driver();
    let all = driver.candidates(999).expect("listed");
    assert_eq!(all.len(), 201, "{} forged ones and the machine", forged.len());
    let (machine, _) = &all[0];
    assert_eq!((machine.machine.name.as_str(), &machine.refused), ("web", &None), "what can be adopted comes first");
    let why = all[1].0.refused.as_deref().unwrap_or_default();
    assert!(why.contains("is not QEMU"), "{why}");
    assert_eq!(driver.candidates(3).expect("listed").len(), 3);
}

#[test]
fn a_socket_of_another_user_is_not_the_machines() {
    let Some(world) = World::new("a_socket_of_another_user_is_not_the_machines") else { return };
    std::os::unix::fs::chown(world.socket("web"), Some(65_534), None).expect("root changes owners");
    let refused = world.candidates_refused(&world.driver());
    assert!(refused.contains("another user"), "{refused}");
}

/// What a listener that is no QEMU answers, and what is made of it.
fn told(folder: &Path, answer: impl FnOnce(UnixStream) + Send) -> MonitorError {
    let path = folder.join("forged.qmp");
    let listener = UnixListener::bind(&path).expect("bound");
    let error = thread::scope(|scope| {
        scope.spawn(move || answer(listener.accept().expect("somebody asks").0));
        let asked = Monitor::connect(&path, Duration::from_millis(600));
        asked.and_then(|mut monitor| monitor.ask("query-status", &Value::Null, Duration::from_millis(300)).map(|_| ()))
    });
    std::fs::remove_file(&path).expect("removed");
    error.expect_err("it is no machine")
}

/// Says it, and stays until the other side goes.
fn say(mut stream: UnixStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn a_peer_that_does_not_speak_as_qemu_is_told_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |answer: &str| told(folder.path(), |stream| say(stream, answer));
    assert!(matches!(of("HTTP/1.1 400 Bad Request\r\n\r\n"), MonitorError::NotQmp(_)));
    assert!(matches!(of("{\"QMP\": {\"version\": 7}}\n"), MonitorError::NotQmp(_)));
    assert!(matches!(of(&format!("{}\n", "[".repeat(100_000))), MonitorError::NotQmp(_)), "too deep");
    assert!(matches!(of(""), MonitorError::Held(_)), "it says nothing");
    assert!(matches!(of(&format!("{GREETING}\n")), MonitorError::Silent { .. }), "it greets and answers nothing");
    let refused = "{\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}";
    let refused = of(&format!("{GREETING}\n{refused}\n"));
    assert_eq!(refused.to_string(), "QEMU refuses qmp_capabilities: no");
    let cut =
        told(folder.path(), |mut stream| stream.write_all(format!("{GREETING}\n{{\"retu").as_bytes()).expect("said"));
    assert!(matches!(cut, MonitorError::Cut { .. }), "{cut:?}");
    let endless = told(folder.path(), |mut stream| while stream.write_all(&[b'x'; 65_536]).is_ok() {});
    assert!(matches!(endless, MonitorError::NotQmp(_)), "{endless:?}");
    let drip = told(folder.path(), |mut stream| {
        while stream.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert!(matches!(drip, MonitorError::Held(_)), "a byte now and then gains no time: {drip:?}");
    let away = Monitor::connect(&folder.path().join("gone.qmp"), Duration::from_millis(300));
    assert!(matches!(away, Err(MonitorError::Away(_))));
}
