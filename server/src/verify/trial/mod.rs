//! Judging many candidates of one file quickly: the lanes of a [`Verifier`], kept warm.
//!
//! A trial only proposes: what it lets pass is checked again, whole, by the verifier. Python's tests are run by
//! warm interpreters ([`python`]); other tests by their own command, once for each candidate ([`command`]).

mod command;
mod python;
mod warm;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Lane, RunnerKind, Sandbox, Verifier};
use crate::patch::is_test;
use crate::repair::{Judge, Judgement, Trace};
use crate::workspace::RelPath;

use command::Commands;
use python::{Python, Start};
use warm::{DRIVER, Leash, Setup};

/// Most candidates that are judged at the same time.
const MAX_LANES: usize = 8;

/// Judges candidates of one file by the project's tests.
pub struct Trial {
    trace: Trace,
    way: Way,
    // The trees that the judges work in.
    _lanes: Vec<Lane>,
}

enum Way {
    Python(Python),
    Command(Commands),
}

impl Trial {
    /// Runs the tests once on the original text and prepares the lanes. An error is one sentence for people.
    pub async fn open(verifier: &Verifier, focus: &RelPath, cancel: &CancellationToken) -> Result<Self, String> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err("cancelled".to_owned()),
            trial = Self::prepare(verifier, focus, cancel) => trial,
        }
    }

    async fn prepare(verifier: &Verifier, focus: &RelPath, cancel: &CancellationToken) -> Result<Self, String> {
        if is_test(focus) {
            return Err(format!("{focus} holds tests; repair changes only what they test"));
        }
        let sandbox = verifier.sandbox().ok_or("repair needs a sandbox to run the tests in")?;
        let command = verifier.test_command().ok_or("repair needs tests: name the command that runs them")?;
        let text = verifier.snapshot().read(focus).map_err(|e| e.to_string())?;
        let count = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, MAX_LANES);
        let lanes = (1..=count).map(|n| verifier.lane(n));
        let lanes: Vec<Lane> = futures::future::try_join_all(lanes).await.map_err(|e| e.to_string())?;
        if let Some(how) = Interpreted::of(&command.argv, command.runner) {
            let setup = how.setup(focus, &text, &lanes[0], verifier);
            let starts = lanes.iter().map(|lane| how.start(sandbox, lane, verifier)).collect();
            // Where the tests cannot be run so (they start the program as a process, say), their command can.
            if let Ok((python, trace)) = Python::open(setup, starts).await {
                return Ok(Self { trace, way: Way::Python(python), _lanes: lanes });
            }
        }
        let baseline = verifier.baseline(cancel).await.map_err(|e| e.to_string())?;
        let (commands, trace) = Commands::new(verifier, sandbox, command, baseline, focus, &text, lanes, cancel);
        Ok(Self { trace, way: Way::Command(commands), _lanes: Vec::new() })
    }
}

impl Judge for Trial {
    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn lanes(&self) -> usize {
        match &self.way {
            Way::Python(python) => python.lanes(),
            Way::Command(commands) => commands.lanes(),
        }
    }

    async fn judge(&self, lane: usize, text: &str, patience: Option<Duration>) -> Judgement {
        match &self.way {
            Way::Python(python) => python.judge(lane, text, patience).await,
            Way::Command(commands) => commands.judge(lane, text, patience).await,
        }
    }
}

/// A test command that is Python's pytest or unittest, taken apart.
#[derive(Debug, PartialEq)]
struct Interpreted {
    interpreter: String,
    runner: &'static str,
    arguments: Vec<String>,
    here: bool,
}

impl Interpreted {
    fn of(argv: &[String], kind: RunnerKind) -> Option<Self> {
        let program = Path::new(argv.first()?);
        let name = program.file_name()?.to_str()?;
        let runner = match kind {
            RunnerKind::Pytest => "pytest",
            RunnerKind::Unittest | RunnerKind::Examples => "unittest",
            _ => return None,
        };
        let (interpreter, rest, here) = if name.starts_with("python") {
            let is_module = argv.get(1)? == "-m" && argv.get(2)? == runner;
            is_module.then_some((argv[0].clone(), 3, true))?
        } else if name == "pytest" {
            // The script's own interpreter stands beside it.
            let beside = program.parent().filter(|dir| !dir.as_os_str().is_empty());
            (beside.map_or("python3".to_owned(), |dir| dir.join("python").display().to_string()), 1, false)
        } else {
            return None;
        };
        Some(Self { interpreter, runner, arguments: argv[rest..].to_vec(), here })
    }

    fn setup(&self, focus: &RelPath, text: &str, lane: &Lane, verifier: &Verifier) -> Setup {
        // Relative to where the tests start: not every sandbox shows the trees of all lanes at one place.
        let up = lane.directory.components().map(|_| "..").collect::<PathBuf>();
        Setup {
            runner: self.runner.to_owned(),
            arguments: self.arguments.clone(),
            focus: focus.under(&up).display().to_string(),
            text: text.to_owned(),
            here: self.here,
            memory: verifier.limits().memory,
            warm_wall: 10.0,
        }
    }

    fn start(&self, sandbox: &Sandbox, lane: &Lane, verifier: &Verifier) -> Start {
        let (sandbox, cell, limits) = (sandbox.clone(), lane.cell(), verifier.limits());
        let argv = [self.interpreter.clone(), "-c".to_owned(), DRIVER.to_owned()];
        let leash = Leash { limits, tree: cell.tree.clone() };
        Box::new(move || (sandbox.command(&cell, &argv, &limits), Some(leash.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn only_plain_python_commands_are_run_warm() {
        let of = |line: &str, kind| {
            let found = Interpreted::of(&words(line), kind)?;
            Some(format!("{} {} {:?} {}", found.interpreter, found.runner, found.arguments, found.here))
        };
        use RunnerKind::{Opaque, Pytest, Unittest};
        assert_eq!(of("python3 -m pytest -q a.py", Pytest).as_deref(), Some(r#"python3 pytest ["-q", "a.py"] true"#));
        assert_eq!(of("/v/bin/pytest a.py", Pytest).as_deref(), Some(r#"/v/bin/python pytest ["a.py"] false"#));
        assert_eq!(of("pytest", Pytest).as_deref(), Some("python3 pytest [] false"));
        assert_eq!(of("python3 -m unittest -v", Unittest).as_deref(), Some(r#"python3 unittest ["-v"] true"#));
        assert_eq!(of("python3 -O -m pytest", Pytest), None);
        assert_eq!(of("uv run pytest", Pytest), None);
        assert_eq!(of("python3 run.py", Opaque), None);
    }

    #[test]
    fn tests_are_not_repaired() {
        for (path, expected) in [("tests/a.py", true), ("test_a.py", true), ("src/a.py", false), ("a.test.js", true)] {
            assert_eq!(is_test(&RelPath::new(path).unwrap()), expected, "{path}");
        }
    }
}
