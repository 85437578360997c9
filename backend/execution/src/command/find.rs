//! Which commands there are: executable files of the operator's folder, by their names.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Command;
use crate::config::Config;
use crate::driver::{DriverError, Program};

const PREFIX: &str = "command:";

/// The program that a command with its arguments is.
pub fn command_program(name: &str, arguments: &[String]) -> Program {
    let words: Vec<&str> = std::iter::once(name).chain(arguments.iter().map(String::as_str)).collect();
    Program(format!("{PREFIX}{}", serde_json::Value::from(words)))
}

/// The names of the executable files in a folder, in order; hidden ones are left out.
pub fn list_commands(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().filter(|name| reason_against(folder, name).is_none()) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn reason_against(folder: &Path, name: &str) -> Option<String> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Some("its name is not that of a file".to_owned());
    }
    match std::fs::metadata(folder.join(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("its file is not there".to_owned()),
        Err(error) => Some(error.to_string()),
        Ok(file) if !file.is_file() => Some("it is not a file".to_owned()),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => Some("the file is not executable".to_owned()),
        Ok(_) => None,
    }
}

impl Command {
    /// The command that a program names, if it names one.
    pub fn of(program: &Program, config: &Config) -> Option<Result<Self, DriverError>> {
        let words = program.0.strip_prefix(PREFIX)?;
        Some(Self::find(program, words, config))
    }

    fn find(program: &Program, words: &str, config: &Config) -> Result<Self, DriverError> {
        let mut words: Vec<String> = serde_json::from_str(words).unwrap_or_default();
        let name = if words.is_empty() { String::new() } else { words.remove(0) };
        let unavailable = |reason: String| DriverError::CommandUnavailable { name: name.clone(), reason };
        let Some(folder) = &config.commands_dir else {
            return Err(unavailable("this host runs no commands".to_owned()));
        };
        match reason_against(folder, &name) {
            Some(reason) => Err(unavailable(reason)),
            None => Ok(Self { program: program.clone(), file: folder.join(&name), arguments: words }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_executable_file_of_the_folder_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let outside = tempfile::NamedTempFile::new().expect("a file");
        for (name, mode) in [("run", 0o755), ("notes.txt", 0o644), (".hidden", 0o755)] {
            let path = dir.path().join(name);
            std::fs::write(&path, "").expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        }
        std::fs::create_dir(dir.path().join("folder")).expect("made");
        assert_eq!(list_commands(dir.path()).expect("read"), ["run"]);
        let config = Config { commands_dir: Some(dir.path().to_owned()), ..Config::default() };
        let find = |name: &str| Command::of(&command_program(name, &["a b".to_owned()]), &config).expect("a command");
        let found = find("run").expect("there");
        assert_eq!((found.file, found.arguments), (dir.path().join("run"), vec!["a b".to_owned()]));
        let elsewhere = format!("../{}", outside.path().display());
        for name in ["notes.txt", ".hidden", "folder", "absent", "", "..", "../run", &elsewhere, "run\0"] {
            assert_eq!(find(name).expect_err(name).code(), "command_unavailable", "{name}");
        }
        assert!(Command::of(&Program("steady".to_owned()), &config).is_none());
        let none = Command::of(&command_program("run", &[]), &Config::default()).expect("a command");
        assert!(none.expect_err("no folder").to_string().contains("runs no commands"));
    }
}
