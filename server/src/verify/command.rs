//! How the project's tests are started: as the user says, or as the files around the focus show.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use baton_grammars::{Facts, Runner};
use globset::Glob;

use crate::workspace::{RelPath, Snapshot};

/// How the tests are started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCommand {
    /// Program and arguments, as given or found.
    pub argv: Vec<String>,
    /// The format of its output.
    pub runner: RunnerKind,
    /// Where it starts, relative to the workspace; empty for the root.
    pub directory: PathBuf,
    /// Why this one, in words: `given`, `conftest.py found`.
    pub why: String,
}

/// The format of a test command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerKind {
    /// pytest.
    Pytest,
    /// Python's unittest with `-v`.
    Unittest,
    /// `cargo test`.
    Cargo,
    /// `node --test`, or what `npm test` prints.
    Node,
    /// `go test -v`.
    Go,
    /// Unknown: only the exit status counts.
    Opaque,
}

impl TestCommand {
    /// The user's own command.
    pub fn given(argv: &[String]) -> Self {
        let why = "given".to_owned();
        Self { argv: argv.to_vec(), runner: RunnerKind::of(argv), directory: PathBuf::new(), why }
    }

    /// The commands that fit the project around `focus`, the likeliest first.
    pub fn find(snapshot: &Snapshot, focus: &RelPath) -> Vec<Self> {
        let Some(language) = baton_grammars::by_path(Path::new(focus.as_str())) else { return Vec::new() };
        let root = snapshot.root();
        let above: Vec<PathBuf> = Path::new(focus.as_str()).ancestors().skip(1).map(Path::to_owned).collect();
        let mut homes: Vec<PathBuf> = project(root, &above, &language.facts).into_iter().collect();
        homes.push(PathBuf::new());
        homes.extend(above);
        for home in homes {
            let names = names(snapshot, &home);
            let runners = language.facts.runner.iter();
            let found: Vec<Self> =
                runners.filter_map(|runner| command(root, &home, &names, runner, &language.facts)).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// As a line for people.
    pub fn line(&self) -> String {
        let word = |word: &String| {
            let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c)) && !word.is_empty();
            if plain { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
        };
        self.argv.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// As it is run: with the options that make it name every test, and go on after a failure.
    pub fn as_run(&self) -> Vec<String> {
        let mut argv = self.argv.clone();
        let own = argv.iter().position(|word| word == "--").unwrap_or(argv.len());
        let drop_words = |words: &[&str], argv: &mut Vec<String>| {
            let mut at = 0;
            argv.retain(|word| {
                at += 1;
                at > own || !words.contains(&word.as_str())
            });
        };
        match self.runner {
            RunnerKind::Pytest => drop_words(&["-q", "-qq", "-qqq", "--quiet"], &mut argv),
            RunnerKind::Unittest => {
                drop_words(&["-q", "--quiet"], &mut argv);
                argv.push("-v".to_owned());
            }
            RunnerKind::Cargo => {
                drop_words(&["-q", "--quiet", "--no-fail-fast"], &mut argv);
                let own = argv.iter().position(|word| word == "--").unwrap_or(argv.len());
                argv.insert(own, "--no-fail-fast".to_owned());
            }
            RunnerKind::Go => {
                if let Some(at) = argv.iter().position(|word| word == "test")
                    && !argv.iter().any(|word| word == "-v" || word == "-json")
                {
                    argv.insert(at + 1, "-v".to_owned());
                }
            }
            RunnerKind::Node | RunnerKind::Opaque => {}
        }
        argv
    }

    /// Variables that make it name every test.
    pub fn env(&self) -> Vec<(String, String)> {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self.runner {
            RunnerKind::Pytest => {
                // An isolated interpreter would not find the plugin, and pytest would stop there.
                let isolated =
                    self.argv.iter().take_while(|word| *word != "-m").any(|word| ["-I", "-E"].contains(&word.as_str()));
                let options = "-vv -rfE --tb=short -p no:cacheprovider --continue-on-collection-errors --color=no";
                if isolated {
                    vec![set("PYTEST_ADDOPTS", options)]
                } else {
                    vec![set("PYTEST_ADDOPTS", &format!("{options} -p baton_limit")), set("PYTHONPATH", PLUGIN_DIR)]
                }
            }
            RunnerKind::Cargo => vec![set("RUST_BACKTRACE", "0")],
            _ => Vec::new(),
        }
    }

    /// Whether the command names this file as one of its tests.
    pub fn names(&self, path: &RelPath) -> bool {
        let file = Path::new(path.as_str());
        self.argv.iter().skip(1).any(|word| {
            let word = word.split("::").next().unwrap_or(word);
            let word = word.strip_prefix("./").unwrap_or(word);
            !word.is_empty() && self.directory.join(word) == file
        })
    }
}

/// Where the sandbox shows our pytest plugin.
pub(super) const PLUGIN_DIR: &str = "/run/baton";

impl RunnerKind {
    /// What a command line's output will look like.
    pub fn of(argv: &[String]) -> Self {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let name = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
        let Some(program) = words.first().map(|word| name(word)) else { return Self::Opaque };
        let rest = &words[1..];
        let module = rest.windows(2).find(|pair| pair[0] == "-m").map(|pair| pair[1]);
        match program.as_str() {
            "pytest" | "py.test" => Self::Pytest,
            python if python.starts_with("python") || python.starts_with("pypy") => match module {
                Some("pytest") => Self::Pytest,
                Some("unittest") => Self::Unittest,
                _ => Self::Opaque,
            },
            "uv" | "poetry" | "pipenv" | "hatch" | "pdm" if rest.first() == Some(&"run") => Self::of(&argv[2..]),
            "env" => {
                let at = rest.iter().position(|word| !word.contains('=') && !word.starts_with('-'));
                at.map_or(Self::Opaque, |at| Self::of(&argv[1 + at..]))
            }
            "cargo"
                if rest
                    .iter()
                    .find(|word| !word.starts_with(['-', '+']))
                    .is_some_and(|word| ["test", "t"].contains(word)) =>
            {
                Self::Cargo
            }
            "npm" | "pnpm" | "yarn" | "bun" if rest.contains(&"test") || rest.contains(&"t") => Self::Node,
            "node" if rest.contains(&"--test") => Self::Node,
            "go" if rest.first() == Some(&"test") => Self::Go,
            _ => Self::Opaque,
        }
    }
}

/// The project that the focus belongs to: the nearest directory with the most telling marker.
fn project(root: &Path, above: &[PathBuf], facts: &Facts) -> Option<PathBuf> {
    let holds = |marker: &String, dir: &PathBuf| root.join(dir).join(marker).exists();
    facts.markers.iter().find_map(|marker| above.iter().find(|dir| holds(marker, dir)).cloned())
}

/// What lies in a directory of the workspace, unsaved files included.
pub(super) fn names(snapshot: &Snapshot, home: &Path) -> BTreeSet<String> {
    let on_disk = std::fs::read_dir(snapshot.root().join(home)).into_iter().flatten().flatten();
    let mut names: BTreeSet<String> = on_disk.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let unsaved = snapshot.overlay().keys().filter_map(|path| Path::new(path.as_str()).strip_prefix(home).ok());
    names.extend(unsaved.filter_map(|path| path.iter().next()?.to_str().map(str::to_owned)));
    names
}

fn command(root: &Path, home: &Path, names: &BTreeSet<String>, runner: &Runner, facts: &Facts) -> Option<TestCommand> {
    let matched = runner.when.iter().find_map(|pattern| {
        let glob = Glob::new(pattern).ok()?.compile_matcher();
        names.iter().find(|name| glob.is_match(name))
    })?;
    let mut argv = runner.command.clone();
    if argv.first().is_some_and(|program| program == "npm") && !has_test_script(&root.join(home).join("package.json")) {
        return None;
    }
    // A project's own environment knows its dependencies.
    if argv.first().is_some_and(|program| program == "python3") {
        let homes = [root.join(home), root.to_owned()];
        let mut pythons =
            homes.iter().flat_map(|home| facts.dependencies.iter().map(|dir| home.join(dir).join("bin/python")));
        if let Some(python) = pythons.find(|python| python.exists()) {
            argv[0] = python.display().to_string();
        }
    }
    let runner = RunnerKind::of(&argv);
    Some(TestCommand { argv, runner, directory: home.to_owned(), why: format!("{matched} found") })
}

fn has_test_script(package: &Path) -> bool {
    let parsed = std::fs::read(package).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let script = parsed.and_then(|json| Some(json.get("scripts")?.get("test")?.as_str()?.to_owned()));
    // What `npm init` writes is the absence of tests.
    script.is_some_and(|script| !script.trim().is_empty() && !script.contains("no test specified"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::{RunnerKind, TestCommand};
    use crate::workspace::{RelPath, Snapshot};

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn found(files: &[(&str, &str)], focus: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, text) in files {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let snapshot = Snapshot::new(root.clone(), BTreeMap::new());
        let found = TestCommand::find(&snapshot, &RelPath::new(focus).unwrap());
        let line = |c: &TestCommand| {
            format!("{} in {:?}: {}", c.line().replace(&root.display().to_string(), "ROOT"), c.directory, c.why)
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn the_output_of_a_given_command_is_recognised() {
        for (line, kind) in [
            ("pytest -q tests", RunnerKind::Pytest),
            (".venv/bin/python -m pytest", RunnerKind::Pytest),
            ("uv run pytest", RunnerKind::Pytest),
            ("env A=1 python3.11 -m pytest", RunnerKind::Pytest),
            ("python3 -m unittest", RunnerKind::Unittest),
            ("python3 tests.py", RunnerKind::Opaque),
            ("cargo +nightly test -p x", RunnerKind::Cargo),
            ("cargo build", RunnerKind::Opaque),
            ("npm run test", RunnerKind::Node),
            ("node --test", RunnerKind::Node),
            ("go test ./...", RunnerKind::Go),
            ("make test", RunnerKind::Opaque),
        ] {
            assert_eq!(RunnerKind::of(&words(line)), kind, "{line}");
        }
    }

    #[test]
    fn a_command_is_run_so_that_it_names_every_test() {
        for (line, run) in [
            ("pytest -q tests", "pytest tests"),
            ("python3 -m unittest", "python3 -m unittest -v"),
            ("cargo test -q x -- -q", "cargo test x --no-fail-fast -- -q"),
            ("go test ./...", "go test -v ./..."),
            ("make -q test", "make -q test"),
        ] {
            assert_eq!(TestCommand::given(&words(line)).as_run().join(" "), run);
        }
    }

    #[test]
    fn tests_are_found_by_what_lies_around_the_focus() {
        let python = [("conftest.py", ""), ("pkg/a.py", "")];
        assert_eq!(found(&python, "pkg/a.py")[0], "python3 -m pytest in \"\": conftest.py found");
        let nested = [("pyproject.toml", ""), ("sub/pyproject.toml", ""), ("sub/src/a.py", "")];
        assert_eq!(found(&nested, "sub/src/a.py")[0], "python3 -m pytest in \"sub\": pyproject.toml found");
        let environment = [("test_a.py", ""), ("a.py", ""), (".venv/bin/python", "")];
        let lines = found(&environment, "a.py");
        assert_eq!(lines[0], "ROOT/.venv/bin/python -m pytest in \"\": test_a.py found");
        assert_eq!(lines[1], "ROOT/.venv/bin/python -m unittest in \"\": test_a.py found");
        assert_eq!(
            found(&[("Cargo.toml", ""), ("src/lib.rs", "")], "src/lib.rs")[0],
            "cargo test --offline in \"\": Cargo.toml found"
        );
        let script = [("package.json", r#"{"scripts":{"test":"node t.js"}}"#), ("a.js", "")];
        assert_eq!(found(&script, "a.js")[0], "npm test --silent in \"\": package.json found");
        let no_script =
            [("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#), ("a.js", "")];
        assert!(found(&no_script, "a.js").is_empty());
        assert_eq!(found(&[("a.test.mjs", ""), ("a.mjs", "")], "a.mjs")[0], "node --test in \"\": a.test.mjs found");
        assert!(found(&[("a.py", "")], "a.py").is_empty());
        assert!(found(&[("a.unknown", "")], "a.unknown").is_empty());
    }

    #[test]
    fn a_file_that_the_command_names_is_a_test() {
        let command = TestCommand::given(&words("python3 -m pytest ./checks/a.py::test_x"));
        assert!(command.names(&RelPath::new("checks/a.py").unwrap()));
        assert!(!command.names(&RelPath::new("a.py").unwrap()));
        assert_eq!(command.directory, Path::new(""));
    }
}
