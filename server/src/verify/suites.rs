//! What is run to see whether a text is right: the project's own tests, and the examples that the task comes with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::command::TestCommand;
use super::evidence::Interpreter;
use super::reaching::Reaching;
use super::results::Results;
use super::{End, Limits, Ran, RunnerKind, TestStatus, Texts, Verifier, VerifyError, evidence};

impl Verifier {
    /// The commands that can start the tests, the likeliest first; where there are none, why.
    pub(super) fn find_tests(&mut self) -> Vec<TestCommand> {
        let request = &self.request;
        let (mut commands, why) = match &request.test {
            Some(argv) if argv.is_empty() => (Vec::new(), "the test command is empty".to_owned()),
            Some(argv) => (vec![TestCommand::given(argv).in_workspace(request.snapshot.root())], String::new()),
            None => {
                let mut found = TestCommand::find(&request.snapshot, &request.focus);
                let missing = found.first().and_then(|command| command.missing(request.snapshot.root()));
                let why = match missing {
                    Some(program) => format!("{program} is not installed: its tests were not run"),
                    None => "no tests were found; name a test command with --test".to_owned(),
                };
                found.retain(|command| command.missing(request.snapshot.root()).is_none());
                (found, why)
            }
        };
        self.no_tests = commands.is_empty().then_some(why);
        let focus = self.request.focus.under(self.root()).display().to_string();
        for command in commands.iter_mut().filter(|command| command.runner == RunnerKind::Pytest) {
            // What our plugin is asked about.
            command.variables.push(("BATON_REACH".to_owned(), focus.clone()));
        }
        commands
    }

    /// What runs the examples, where there are any.
    pub(super) fn find_examples(&self, commands: &[TestCommand]) -> Option<TestCommand> {
        let request = &self.request;
        if !request.evidence {
            return None;
        }
        let (interpreter, _) = Interpreter::of(&request.focus)?;
        let words = std::iter::once(&request.instruction).chain(&request.diagnostics).map(String::as_str);
        let examples = evidence::given(&request.snapshot, &request.focus, &words.collect::<Vec<_>>());
        let directory = commands.first().map(|command| command.directory.clone()).unwrap_or_default();
        let own = commands.first().and_then(TestCommand::interpreter);
        let program = interpreter.program(own, self.root(), &directory);
        let found = evidence::command(interpreter, program, directory, &request.focus, &examples)?;
        found.missing(self.root()).is_none().then_some(found)
    }

    /// What will be checked, or why it is not: one line.
    pub fn describe(&self) -> String {
        if let Some(why) = &self.confined {
            return format!("parse only: {why}");
        }
        let checks = self.check_names().join(", ");
        let suite = |tests: &TestCommand| match tests.runner {
            RunnerKind::Examples => tests.line(),
            _ => format!("`{}` ({})", tests.line(), tests.why),
        };
        let suites = self.suites().map(suite).collect::<Vec<_>>().join(" and ");
        match (suites.as_str(), checks.as_str()) {
            ("", "") => format!("parse only: {}", self.why_no_tests()),
            ("", checks) => format!("parse, {checks}{}: {}", self.weaker(), self.why_no_tests()),
            (suites, "") => format!("parse, then {suites}{}", self.weaker()),
            (suites, checks) => format!("parse, {checks}, then {suites}{}", self.weaker()),
        }
    }

    /// Which sandbox is used and why, where it is not the strongest.
    pub(super) fn weaker(&self) -> String {
        let sandbox = self.sandbox.as_ref().ok();
        let weaker = sandbox.and_then(|sandbox| Some((sandbox.level(), sandbox.refused()?)));
        weaker.map(|(level, why)| format!(", confined by {level} only: {why}")).unwrap_or_default()
    }

    /// Why the tests say nothing.
    pub(super) fn why_no_tests(&self) -> String {
        let why = self.confined.as_ref().or(self.no_tests.as_ref());
        why.cloned().unwrap_or_else(|| "no tests were found".to_owned())
    }

    /// How the tests that fail are started, as the baseline has it; where none fails, the project's own.
    pub fn test_command(&self) -> Option<&TestCommand> {
        let fails_only_in_examples = self.baseline.get().is_some_and(|baseline| {
            let mut failing = baseline.tests.iter().filter(|(_, status)| **status == TestStatus::Failed).peekable();
            failing.peek().is_some() && failing.all(|(name, _)| evidence::is_example(name))
        });
        let examples = self.examples.as_ref().filter(|_| fails_only_in_examples);
        examples.or_else(|| self.suites().next())
    }

    /// The program that runs the project's code for an interpreter.
    pub(super) fn interpreter(&self, interpreter: &Interpreter) -> String {
        let own = self.suites().find_map(TestCommand::interpreter);
        interpreter.program(own, self.root(), &self.directory())
    }

    /// Where the tests start, relative to the root.
    pub(super) fn directory(&self) -> PathBuf {
        self.test_command().map(|command| command.directory.clone()).unwrap_or_default()
    }

    /// What is run to see whether a text is right: the project's tests, those that reach the focus where they do not end,
    /// then the examples.
    pub(super) fn suites(&self) -> impl Iterator<Item = &TestCommand> {
        let few = self.baseline.get().and_then(|baseline| baseline.instead.as_deref());
        few.map(|few| &few.command).or(self.tests.as_ref()).into_iter().chain(&self.examples)
    }

    /// What the tests that reach a change said before it, with what the examples did.
    pub(super) fn with_examples(&self, few: &Reaching, all: &Results) -> Results {
        let mut results = few.before.clone();
        results.absorb(all.only(evidence::is_example));
        results
    }

    /// Runs suites over the workspace with `texts` laid over it, within `wall` for each.
    pub(super) async fn run_suites(
        &self,
        suites: impl Iterator<Item = &TestCommand>,
        texts: &Arc<Texts>,
        wall: Duration,
        cancel: &CancellationToken,
    ) -> Result<(Ran, Results), VerifyError> {
        let mut all: Option<(Ran, Results)> = None;
        for command in suites {
            let (ran, results) = self.run_suite(command, texts, wall, cancel).await?;
            match &mut all {
                None => all = Some((ran, results)),
                Some((first, merged)) => {
                    first.ms += ran.ms;
                    merged.absorb(results);
                }
            }
        }
        all.ok_or_else(|| VerifyError::NoTests(self.why_no_tests()))
    }

    pub(super) async fn run_suite(
        &self,
        command: &TestCommand,
        texts: &Arc<Texts>,
        wall: Duration,
        cancel: &CancellationToken,
    ) -> Result<(Ran, Results), VerifyError> {
        let Ok(sandbox) = &self.sandbox else { return Err(VerifyError::NoTests(self.why_no_tests())) };
        let shadow = self.take(texts).await?;
        let cell = shadow.cell_with(&command.directory, None, self.leaves(texts));
        let cell = command.env().into_iter().fold(cell, |cell, (name, value)| cell.env(name, value));
        let limits = Limits { wall, ..self.request.limits };
        let ran = sandbox.run(&cell, &command.as_run(), &limits, cancel).await;
        self.give_back(shadow);
        if ran.end == End::Cancelled {
            return Err(VerifyError::Cancelled);
        }
        let results = Results::read(command.runner, &ran);
        Ok((ran, results))
    }

    /// What a program makes of `input` in the workspace with `texts` laid over it; why it makes nothing.
    pub(super) async fn filter(
        &self,
        texts: &Arc<Texts>,
        argv: &[String],
        input: &str,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Result<String, String> {
        let sandbox = self.sandbox.as_ref()?;
        let shadow = self.take(texts).await.map_err(|e| e.to_string())?;
        let cell = shadow.cell(Path::new(""));
        let made = sandbox.filter(&cell, argv, input, limits, cancel).await;
        self.give_back(shadow);
        made.ok_or_else(|| "it could not be run".to_owned())
    }
}
