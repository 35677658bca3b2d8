//! How the project's tests are started: as the user says, or as the files around the focus show.

use std::path::{Path, PathBuf};

use baton_grammars::{Facts, Runner};

use super::runner::RunnerKind;
use super::tool::{self, Signs};
use super::toolchains;
use crate::workspace::{RelPath, Snapshot};

/// How the tests are started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCommand {
    /// Program and arguments, as given or found.
    pub argv: Vec<String>,
    /// The format of its output.
    pub runner: RunnerKind,
    /// Programs that it needs beside the one it starts with.
    pub needs: Vec<String>,
    /// Where it starts, relative to the workspace; empty for the root.
    pub directory: PathBuf,
    /// Why this one, in words: `given`, `conftest.py found`.
    pub why: String,
    /// Variables that it needs, beside those of its runner.
    pub variables: Vec<(String, String)>,
}

impl TestCommand {
    /// The user's own command.
    pub fn given(argv: &[String]) -> Self {
        let why = "given".to_owned();
        Self {
            argv: argv.to_vec(),
            runner: RunnerKind::of(argv),
            needs: vec![],
            directory: PathBuf::new(),
            why,
            variables: vec![],
        }
    }

    /// The same, where the script that npm would start for it in the workspace `root` is looked at too.
    #[must_use]
    pub fn in_workspace(mut self, root: &Path) -> Self {
        if self.runner == RunnerKind::Node && !self.argv.iter().any(|word| word == "--test") {
            let script = test_script(&root.join(&self.directory).join("package.json"));
            self.runner = script.map_or(RunnerKind::Node, |script| RunnerKind::of_script(&script));
        }
        self
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
            let runners = language.facts.runner.iter();
            let found: Vec<Self> = runners.filter_map(|runner| command(snapshot, &home, runner)).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// As a line for people.
    pub fn line(&self) -> String {
        if self.runner == RunnerKind::Examples {
            return self.why.clone();
        }
        let word = |word: &String| {
            let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c)) && !word.is_empty();
            if plain { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
        };
        self.argv.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// The Python interpreter that it starts, if it says which.
    pub(super) fn interpreter(&self) -> Option<String> {
        let program = Path::new(self.argv.first()?);
        let name = program.file_name()?.to_str()?;
        if name.starts_with("python") {
            return Some(self.argv[0].clone());
        }
        // A script's interpreter stands beside it.
        let beside = program.parent().filter(|dir| name == "pytest" && !dir.as_os_str().is_empty())?;
        Some(beside.join("python").display().to_string())
    }

    /// As it is run: with the options that make it name every test, and go on after a failure.
    pub fn as_run(&self) -> Vec<String> {
        self.runner.as_run(&self.argv)
    }

    /// Variables that make it name every test.
    pub fn env(&self) -> Vec<(String, String)> {
        self.runner.env(&self.argv).into_iter().chain(self.variables.iter().cloned()).collect()
    }

    /// The first program that it needs and that a command in the workspace `root` would not find.
    pub fn missing(&self, root: &Path) -> Option<&str> {
        let own = self.argv.first().into_iter().chain(&self.needs);
        let home = root.join(&self.directory);
        own.map(String::as_str).find(|program| !toolchains::has_program(root, &home, program))
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

/// Where the project of the focus lies, relative to the workspace.
pub(super) fn home(root: &Path, focus: &RelPath, facts: &Facts) -> PathBuf {
    let above: Vec<PathBuf> = Path::new(focus.as_str()).ancestors().skip(1).map(Path::to_owned).collect();
    project(root, &above, facts).unwrap_or_default()
}

/// The project that the focus belongs to: the nearest directory with the most telling marker, or the outermost
/// where the directories of one project have markers of their own.
fn project(root: &Path, above: &[PathBuf], facts: &Facts) -> Option<PathBuf> {
    facts.markers.iter().find_map(|marker| {
        let mut marked = above.iter().filter(|dir| root.join(dir).join(marker).exists());
        if facts.nested { marked.next_back() } else { marked.next() }.cloned()
    })
}

fn command(snapshot: &Snapshot, home: &Path, runner: &Runner) -> Option<TestCommand> {
    let root = snapshot.root();
    let sign = Signs { when: &runner.when, inside: &runner.when_inside }.first(snapshot, home)?;
    let matched = sign.as_str().rsplit('/').next().unwrap_or_default();
    if !runner.with.iter().all(|pattern| tool::lies_in(snapshot, home, pattern)) {
        return None;
    }
    let mut argv = runner.command.clone();
    if argv.first().is_some_and(|program| program == "npm") {
        test_script(&root.join(home).join("package.json"))?;
    }
    if argv.first().is_some_and(|program| program == "python3") {
        argv[0] = python(root, home);
    }
    let kind = match RunnerKind::of(&argv) {
        RunnerKind::Opaque => RunnerKind::named(&runner.name),
        kind => kind,
    };
    let (needs, directory, why) = (runner.needs.clone(), home.to_owned(), format!("{matched} found"));
    Some(TestCommand { argv, runner: kind, needs, directory, why, variables: vec![] }.in_workspace(root))
}

/// The interpreter of a Python project: its own environment knows its dependencies.
pub(super) fn python(root: &Path, home: &Path) -> String {
    let environments = baton_grammars::by_id("python").map_or(&[][..], |language| &language.facts.dependencies);
    let homes = [root.join(home), root.to_owned()];
    let mut found = homes.iter().flat_map(|home| environments.iter().map(|dir| home.join(dir).join("bin/python")));
    found.find(|python| python.exists()).map_or("python3".to_owned(), |python| python.display().to_string())
}

/// What `npm test` starts, if it is something.
fn test_script(package: &Path) -> Option<String> {
    let parsed =
        std::fs::read(package).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())?;
    let script = parsed.get("scripts")?.get("test")?.as_str()?.to_owned();
    // What `npm init` writes is the absence of tests.
    (!script.trim().is_empty() && !script.contains("no test specified")).then_some(script)
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
    fn every_language_has_its_runners() {
        for (files, focus, lines) in [
            (
                &[("CMakeLists.txt", ""), ("src/CMakeLists.txt", ""), ("src/a.c", "")][..],
                "src/a.c",
                &["sh in \"\": CMakeLists.txt found"][..],
            ),
            (&[("Makefile", "all:\ncheck: all\n"), ("a.c", "")], "a.c", &["make check in \"\": Makefile found"]),
            (&[("Makefile", "all:\n"), ("a.c", "")], "a.c", &[]),
            (&[("test/a.bats", ""), ("a.sh", "")], "a.sh", &["bats test in \"\": a.bats found"]),
            (&[("test/a.py", ""), ("a.sh", "")], "a.sh", &[]),
            (
                &[("phpunit.xml", ""), ("vendor/autoload.php", ""), ("src/A.php", "")],
                "src/A.php",
                &[
                    "php vendor/bin/phpunit --colors=never in \"\": phpunit.xml found",
                    "phpunit --colors=never in \"\": phpunit.xml found",
                ],
            ),
            (&[("phpunit.xml", ""), ("A.php", "")], "A.php", &["phpunit --colors=never in \"\": phpunit.xml found"]),
            (&[("spec/a_spec.rb", ""), ("lib/a.rb", "")], "lib/a.rb", &["rspec --no-color in \"\": a_spec.rb found"]),
            (
                &[("Gemfile", ""), ("Rakefile", ""), ("a.rb", "")],
                "a.rb",
                &["bundle exec rake test in \"\": Rakefile found", "rake test in \"\": Rakefile found"],
            ),
            (
                &[("vitest.config.ts", ""), ("src/a.ts", "")],
                "src/a.ts",
                &["npx --no-install vitest run in \"\": vitest.config.ts found"],
            ),
            (
                &[("pom.xml", ""), ("A.java", "")],
                "A.java",
                &["mvn --offline --batch-mode --fail-at-end test in \"\": pom.xml found"],
            ),
        ] {
            // A script's text is its own documentation.
            let found = found(files, focus);
            let found: Vec<String> = found
                .iter()
                .map(|line| match line.split_once(" -c ") {
                    Some((program, rest)) => {
                        format!("{program} in{}", rest.rsplit_once(" in").map_or("", |(_, place)| place))
                    }
                    None => line.clone(),
                })
                .collect();
            assert_eq!(found, lines, "{files:?}");
        }
    }

    #[test]
    fn a_script_of_npm_is_looked_into() {
        let dir = tempfile::tempdir().unwrap();
        let given = |line| TestCommand::given(&words(line)).in_workspace(dir.path()).runner;
        assert_eq!(given("npm test"), RunnerKind::Node);
        fs::write(dir.path().join("package.json"), r#"{"scripts":{"test":"vitest run"}}"#).unwrap();
        assert_eq!(given("npm test"), RunnerKind::Vitest);
        assert_eq!(given("node --test"), RunnerKind::Node);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("run"), "").unwrap();
        for (line, needs, missing) in [
            ("sh x", &[][..], None),
            ("no-such-program x", &[], Some("no-such-program")),
            ("sh x", &["cat", "no-such-program"], Some("no-such-program")),
            ("./run", &[], None),
            ("./no-such-program", &[], Some("./no-such-program")),
        ] {
            let needs = needs.iter().map(|program| (*program).to_owned()).collect();
            let command = TestCommand { needs, ..TestCommand::given(&words(line)) };
            assert_eq!(command.missing(dir.path()), missing, "{line}");
        }
    }

    #[test]
    fn a_file_that_the_command_names_is_a_test() {
        let command = TestCommand::given(&words("python3 -m pytest ./checks/a.py::test_x"));
        assert!(command.names(&RelPath::new("checks/a.py").unwrap()));
        assert!(!command.names(&RelPath::new("a.py").unwrap()));
        assert_eq!(command.directory, Path::new(""));
    }
}
