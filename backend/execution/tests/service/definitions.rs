//! Definitions of services, good and bad.
use headroom_execution::service::list_services;

#[test]
fn bad_definitions_are_refused_by_file_and_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = "command = [\"web\"]\nlisten = \"127.0.0.1:8000\"\nready = { path = \"/\", within_seconds = 5 }\n";
    let files = [
        ("a-good", good.to_owned(), None),
        ("b-same-address", good.to_owned(), Some("listen: 127.0.0.1:8000 is the address of a-good")),
        ("c-unknown", format!("comand = []\n{good}"), Some("comand: unknown field")),
        ("d-missing", good.replace("listen = \"127.0.0.1:8000\"\n", ""), Some("listen: missing field")),
        ("e-type", good.replace("[\"web\"]", "\"web\""), Some("command: invalid type")),
        ("f-empty", good.replace("[\"web\"]", "[]"), Some("command: it has no program")),
        ("g-port", good.replace("8000", "0"), Some("listen: port 0")),
        ("h-address", good.replace("127.0.0.1:8000", "here"), Some("listen: ")),
        ("i-path", good.replace("\"/\"", "\"x\""), Some("ready.path: ")),
        ("j-seconds", good.replace("= 5", "= 0"), Some("ready.within_seconds: ")),
        ("k-file", format!("{good}[files]\n\"../x\" = \"\"\n"), Some("files: ")),
        ("l-rule", format!("{good}[shadow]\nmethods = [\"get\"]\n"), Some("shadow.methods: ")),
        ("m-rules", format!("{good}[shadow]\nmin_compares = 1\n"), Some("min_compares: unknown field")),
        (
            "n-points",
            format!("{good}[watch]\nmax_error_points = 101\n"),
            Some("watch.max_error_points: take 100 or less"),
        ),
        ("n-watch", format!("{good}[watch]\nminutes = 1\n"), Some("minutes: unknown field")),
        ("n-stop", format!("stop_seconds = 9999\n{good}"), Some("stop_seconds: ")),
        ("O-name", good.to_owned(), Some("name it with small letters")),
    ];
    for (name, text, _) in &files {
        std::fs::write(folder.path().join(name).with_extension("toml"), text).expect("written");
    }
    let read = list_services(folder.path());
    for (name, _, wanted) in files {
        let told: Vec<String> = read.iter().filter_map(|r| Some(r.as_ref().err()?.to_string())).collect();
        let fault = told.iter().find(|told| told.contains(&format!("/{name}.toml: ")));
        assert_eq!(fault.is_some(), wanted.is_some(), "{name}: {told:?}");
        assert!(fault.is_none_or(|fault| fault.contains(wanted.unwrap_or(""))), "{name}: {fault:?}");
    }
    assert_eq!(read.iter().flatten().map(|service| service.name.as_str()).collect::<Vec<_>>(), ["a-good"]);
}
