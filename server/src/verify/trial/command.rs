//! Judging by the test command itself, run once for each candidate in a private tree.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::super::results::Results;
use super::super::{Baseline, End, Lane, Limits, RunnerKind, Sandbox, TestCommand, TestStatus, Verifier};
use crate::repair::{Judgement, TestTrace, Trace};
use crate::workspace::RelPath;

/// The shortest and the longest that a candidate's tests may take.
const WALL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The lanes and what they run.
pub(super) struct Commands {
    sandbox: Sandbox,
    argv: Vec<String>,
    env: Vec<(String, String)>,
    runner: RunnerKind,
    limits: Limits,
    focus: RelPath,
    failed: BTreeSet<String>,
    passed: BTreeSet<String>,
    lanes: Vec<Mutex<Lane>>,
    cancel: CancellationToken,
}

impl Commands {
    /// The judge, and what the tests' output on the original text says of the file.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        verifier: &Verifier,
        sandbox: &Sandbox,
        command: &TestCommand,
        baseline: &Baseline,
        focus: &RelPath,
        text: &str,
        lanes: Vec<Lane>,
        cancel: &CancellationToken,
    ) -> (Self, Trace) {
        let names = |status: TestStatus| {
            baseline.tests.iter().filter(|(_, found)| **found == status).map(|(name, _)| name.clone()).collect()
        };
        let (failed, passed): (BTreeSet<String>, BTreeSet<String>) =
            (names(TestStatus::Failed), names(TestStatus::Passed));
        let wall = Duration::from_millis(baseline.ms * 3).clamp(WALL.0, WALL.1);
        let frames = frames(&baseline.output, focus, text.lines().count());
        let failures = failed.len().max(usize::from(baseline.failed > 0));
        let mut tests = vec![TestTrace { passed: false, frames, ..TestTrace::default() }; failures];
        tests.extend(passed.iter().map(|_| TestTrace { passed: true, ..TestTrace::default() }));
        let commands = Self {
            sandbox: sandbox.clone(),
            argv: command.as_run(),
            env: command.env(),
            runner: command.runner,
            limits: Limits { wall, ..verifier.limits() },
            focus: focus.clone(),
            failed,
            passed,
            lanes: lanes.into_iter().map(Mutex::new).collect(),
            cancel: cancel.clone(),
        };
        (commands, Trace { tests, ..Trace::default() })
    }

    /// How many candidates can be judged at once.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Judges `text` on a lane.
    pub async fn judge(&self, lane: usize, text: &str, patience: Option<Duration>) -> Judgement {
        let mut lane = self.lanes[lane % self.lanes.len()].lock().await;
        if lane.put(&self.focus, text).is_err() {
            return Judgement::Broken;
        }
        let cell = self.env.iter().fold(lane.cell(), |cell, (name, value)| cell.env(name, value));
        let wall = patience.map_or(self.limits.wall, |patience| self.limits.wall + patience);
        let ran = self.sandbox.run(&cell, &self.argv, &Limits { wall, ..self.limits }, &self.cancel).await;
        if ran.end == End::TimedOut {
            return Judgement::Slow;
        }
        let results = Results::read(self.runner, &ran);
        if results.not_run.is_some() {
            return Judgement::Broken;
        }
        let is = |name: &String, status| results.tests.get(name) == Some(&status);
        let is_kept = self.passed.iter().all(|name| is(name, TestStatus::Passed));
        if ran.end == End::Exited(0) && is_kept && results.count(TestStatus::Failed) == 0 {
            return Judgement::Passed;
        }
        let mended = self.failed.iter().filter(|name| is(name, TestStatus::Passed)).count();
        Judgement::Failed { mended: if is_kept { mended } else { 0 } }
    }
}

/// The lines of the file that the output names, as `path:line` or `path", line`, in order.
fn frames(output: &str, focus: &RelPath, lines: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, _) in output.match_indices(focus.as_str()) {
        let rest = &output[at + focus.as_str().len()..];
        let number = rest.strip_prefix(':').or_else(|| rest.strip_prefix("\", line "));
        let digits: String = number.unwrap_or("").chars().take_while(char::is_ascii_digit).collect();
        if let Ok(line) = digits.parse::<usize>()
            && (1..=lines).contains(&line)
            && found.last() != Some(&line)
            && found.len() < 50
        {
            found.push(line);
        }
    }
    // Where a stack is printed, its first line is the innermost.
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_names_lines_of_the_file() {
        let output = "thread 'a' panicked at src/lib.rs:7:5:\n  at f (/w/src/lib.rs:3:1)\nsrc/lib.rs:99999\nsrc/lib.rs";
        assert_eq!(frames(output, &RelPath::new("src/lib.rs").unwrap(), 10), [3, 7]);
    }
}
