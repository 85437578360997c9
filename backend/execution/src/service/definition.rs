//! Definitions of services: one TOML file each, in a folder of the operator's.
//!
//! Only these files name commands, so no participant of the market can. Each fault is told with its file and field.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};

use headroom_front::{RuleFault, Rules, WatchRules};
use serde::Deserialize;

/// Longest name of a service.
const LONGEST_NAME: usize = 64;
const ENDING: &str = "toml";
/// Longest waits that a definition may ask for.
const MOST_READY_SECONDS: u64 = 3_600;
const MOST_STOP_SECONDS: u64 = 300;

/// A service that may be started here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name of its file, without the ending.
    pub name: String,
    /// The program and its arguments, with `{port}`, `{address}` and `{folder}` in them. It stays in the foreground.
    pub command: Vec<String>,
    /// Texts with `{port}`, `{address}` and `{folder}`, by the path in the copy's own folder. Written before each start.
    pub files: BTreeMap<String, String>,
    /// Where the front listens.
    pub listen: SocketAddr,
    /// When a copy may be sent requests.
    pub ready: Ready,
    /// Seconds from SIGTERM to SIGKILL.
    pub stop_seconds: u64,
    /// How a shadow run is compared.
    pub shadow: Rules,
    /// How it may answer after a move, beside before.
    pub watch: WatchRules,
}

/// A copy is ready once this path answers 2xx or 3xx.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Path and query.
    pub path: String,
    /// Seconds after which a copy has failed.
    pub within_seconds: u64,
}

/// Why a definition cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}{reason}", file.display(), field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default())]
pub struct DefinitionFault {
    /// The file, or the folder where that cannot be read.
    pub file: PathBuf,
    /// The field, where one is at fault.
    pub field: Option<String>,
    /// A sentence for people.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    command: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    listen: SocketAddr,
    ready: Ready,
    #[serde(default = "usual_stop_seconds")]
    stop_seconds: u64,
    #[serde(default)]
    shadow: Rules,
    #[serde(default)]
    watch: WatchRules,
}

fn usual_stop_seconds() -> u64 {
    10
}

/// All definitions of a folder by name, good and bad. Two that listen at one address: the second is at fault.
pub fn list_services(folder: &Path) -> Vec<Result<Service, DefinitionFault>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let (file, reason) = (folder.to_owned(), error.to_string());
            return vec![Err(DefinitionFault { file, field: None, reason })];
        }
    };
    let files = entries.flatten().map(|entry| entry.path());
    let files: BTreeSet<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == ENDING)).collect();
    let mut taken: BTreeMap<SocketAddr, String> = BTreeMap::new();
    let mut read = |file: PathBuf| {
        let service = read_service(&file)?;
        if let Some(other) = taken.get(&service.listen) {
            let reason = format!("{} is the address of {other} already", service.listen);
            return Err(fault(&file, "listen", reason));
        }
        taken.insert(service.listen, service.name.clone());
        Ok(service)
    };
    files.into_iter().map(&mut read).collect()
}

/// The service of this name.
pub(super) fn find_service(folder: &Path, name: &str) -> Result<Service, String> {
    if !is_name(name) {
        return Err("no service has such a name".to_owned());
    }
    let file = folder.join(name).with_extension(ENDING);
    if !file.exists() {
        return Err(format!("the folder of services has no {name}.{ENDING}"));
    }
    read_service(&file).map_err(|fault| fault.to_string())
}

fn fault(file: &Path, field: &str, reason: impl Into<String>) -> DefinitionFault {
    DefinitionFault { file: file.to_owned(), field: Some(field.to_owned()), reason: reason.into() }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain)
}

fn read_service(file: &Path) -> Result<Service, DefinitionFault> {
    let whole = |reason: String| DefinitionFault { file: file.to_owned(), field: None, reason };
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    if !is_name(name) {
        return Err(whole("name it with small letters, digits, - and _".to_owned()));
    }
    let text = std::fs::read_to_string(file).map_err(|error| whole(error.to_string()))?;
    let document: Document = toml::from_str(&text).map_err(|error| {
        let reason = error.message().to_owned();
        DefinitionFault { file: file.to_owned(), field: field_of(&text, &error), reason }
    })?;
    let Document { command, files, listen, ready, stop_seconds, mut shadow, watch } = document;
    if shadow.probes.is_empty() && shadow.lets_through(&ready.path) {
        shadow.probes.push(ready.path.clone());
    }
    let service = Service { name: name.to_owned(), command, files, listen, ready, stop_seconds, shadow, watch };
    match service.check() {
        Ok(()) => Ok(service),
        Err((field, reason)) => Err(fault(file, &field, reason)),
    }
}

/// The field that an error of the reader is about: the one that it names, else the one on its line.
fn field_of(text: &str, error: &toml::de::Error) -> Option<String> {
    let named = ["missing field `", "unknown field `"].iter().find_map(|start| error.message().strip_prefix(start));
    if let Some(named) = named {
        return named.split('`').next().map(str::to_owned);
    }
    let start = text[..error.span()?.start].rfind('\n').map_or(0, |at| at + 1);
    let (key, _) = text[start..].lines().next()?.split_once('=')?;
    Some(key.trim().to_owned())
}

impl Service {
    /// A hash of all that decides how a copy runs: not of where the front listens, nor of how copies are compared.
    pub fn fingerprint(&self) -> String {
        let Self { command, files, ready, stop_seconds, .. } = self;
        let whole = serde_json::json!([command, files, ready.path, ready.within_seconds, stop_seconds]);
        blake3::hash(whole.to_string().as_bytes()).to_hex()[..32].to_owned()
    }

    fn check(&self) -> Result<(), (String, String)> {
        let no = |field: &str, reason: &str| Err((field.to_owned(), reason.to_owned()));
        if self.command.first().is_none_or(|program| program.trim().is_empty()) {
            return no("command", "it has no program");
        }
        if self.command.iter().any(|part| part.contains('\0')) {
            return no("command", "it has a zero byte");
        }
        for name in self.files.keys() {
            let stays = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            if name.is_empty() || !stays || name.contains('\0') {
                return no("files", &format!("{name:?} is no path within the folder of the copy"));
            }
        }
        if self.listen.port() == 0 {
            return no("listen", "port 0 is no fixed address");
        }
        let path = &self.ready.path;
        if !path.starts_with('/') || path.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return no("ready.path", "it begins with a slash and has no blanks");
        }
        if !(1..=MOST_READY_SECONDS).contains(&self.ready.within_seconds) {
            return no("ready.within_seconds", &format!("take 1 to {MOST_READY_SECONDS}"));
        }
        if self.stop_seconds > MOST_STOP_SECONDS {
            return no("stop_seconds", &format!("take {MOST_STOP_SECONDS} or less"));
        }
        let of = |table: &str, fault: RuleFault| {
            let text = fault.to_string();
            let (field, reason) = text.split_once(": ").unwrap_or(("rules", &text));
            (format!("{table}.{field}"), reason.to_owned())
        };
        self.shadow.check().map_err(|fault| of("shadow", fault))?;
        self.watch.check().map_err(|fault| of("watch", fault))
    }
}
