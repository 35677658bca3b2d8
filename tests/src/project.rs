//! A small project in a temporary folder, with a home of its own, and the shell commands run on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The project; deleted when dropped.
pub struct Project {
    dir: tempfile::TempDir,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Printed {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Project {
    /// Writes the files; `home` beside them is not part of the project.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let project = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        std::fs::create_dir(project.root()).expect("a new folder");
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// A copy of a folder of the repository, such as `tests/demo`.
    pub fn copy_of(folder: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
        let project = Self::new(&[]);
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            for entry in std::fs::read_dir(from.join(&below)).expect("the folder is in the repository") {
                let entry = entry.expect("a readable folder");
                let path = below.join(entry.file_name());
                if entry.path().is_dir() {
                    folders.push(path);
                } else {
                    let text = std::fs::read_to_string(entry.path()).expect("fixtures are text");
                    project.write(path.to_str().expect("fixtures have plain names"), &text);
                }
            }
        }
        project
    }

    /// The workspace folder, in canonical form.
    pub fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("it exists").join("project")
    }

    /// Home of configuration, ledger and caches.
    pub fn home(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("it exists").join("home")
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a new folder");
        std::fs::write(path, text).expect("a new file");
    }

    /// Writes the user's configuration.
    pub fn configure(&self, toml: &str) {
        let folder = self.home().join("config/baton");
        std::fs::create_dir_all(&folder).expect("a new folder");
        std::fs::write(folder.join("config.toml"), toml).expect("a new file");
    }

    /// The text of a file of the project.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).expect("the file is there")
    }

    /// `baton` with these arguments, started in the project with its own home.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(crate::binary());
        self.at_home(&mut command).args(arguments);
        command
    }

    /// Gives a command the project's folder and home.
    pub fn at_home<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .current_dir(self.root())
            .env("XDG_CONFIG_HOME", self.home().join("config"))
            .env("XDG_STATE_HOME", self.home().join("state"))
            .env("XDG_CACHE_HOME", self.home().join("cache"))
            .env("XDG_DATA_HOME", self.home().join("data"))
            .stdin(Stdio::null())
    }

    /// The same project, trusted as a user does it.
    #[must_use]
    pub fn trusted(self) -> Self {
        let printed = self.baton(&["trust", self.root().to_str().expect("a plain path")]);
        assert_eq!(printed.code, 0, "{printed:#?}");
        self
    }

    /// The URI of a file of the project, which needs no escapes.
    pub fn uri(&self, path: &str) -> String {
        format!("file://{}", self.root().join(path).display())
    }

    /// Runs `baton` to its end.
    pub fn baton(&self, arguments: &[&str]) -> Printed {
        self.command(arguments).output().expect("the binary is built").into()
    }

    /// Runs `baton … --json --trust` and reads the object.
    pub fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let printed = self.baton(&[arguments, &["--json", "--trust"]].concat());
        let value = serde_json::from_str(&printed.stdout).unwrap_or_else(|e| panic!("{e}: {printed:#?}"));
        (printed.code, value)
    }
}

impl From<Output> for Printed {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
