//! What a test command's output says of each test. The output is written by foreign code: where it contradicts
//! itself or the exit status, the worse counts.

mod cargo;
mod go;
mod node;
mod pytest;
mod unittest;

use std::collections::{BTreeMap, BTreeSet};

use super::command::RunnerKind;
use super::sandbox::{End, Ran};

/// What became of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestStatus {
    /// It passed.
    Passed,
    /// It was left out by the project.
    Skipped,
    /// It failed, could not be run, or was running when time was over.
    Failed,
}

/// The state of all tests after one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Results {
    /// Every test by name. Names in angle brackets are no tests but stand for the run itself.
    pub(super) tests: BTreeMap<String, TestStatus>,
    /// What a failing test said.
    pub(super) messages: BTreeMap<String, String>,
    /// Failures that stand for tests which could not be loaded: they vanish when they can.
    pub(super) unloaded: BTreeSet<String>,
    /// Why the tests did not run at all.
    pub(super) not_run: Option<String>,
    /// The test that had begun and not ended.
    started: Option<String>,
    /// Tests that passed, as the runner counted them.
    counted: Option<usize>,
}

/// The whole run, where the exit status alone speaks.
pub(super) const RUN: &str = "<the test command>";
/// The build before the tests.
pub(super) const BUILD: &str = "<the build>";
/// The time limit.
pub(super) const TIME: &str = "<the time limit>";

impl Results {
    /// Reads what a run of `kind` left.
    pub(super) fn read(kind: RunnerKind, ran: &Ran) -> Self {
        let mut results = match kind {
            RunnerKind::Pytest => pytest::read(&ran.output),
            RunnerKind::Unittest => unittest::read(&ran.output),
            RunnerKind::Cargo => cargo::read(&ran.output),
            RunnerKind::Node => node::read(&ran.output),
            RunnerKind::Go => go::read(&ran.output),
            RunnerKind::Opaque => Self::default(),
        };
        // An npm script can be anything.
        let opaque = kind == RunnerKind::Opaque || (kind == RunnerKind::Node && results.tests.is_empty());
        results.settle(ran, opaque);
        results
    }

    /// How many tests have this status.
    pub(super) fn count(&self, status: TestStatus) -> usize {
        self.tests.values().filter(|found| **found == status).count()
    }

    /// Notes one result; of several for one name the worst stays.
    fn note(&mut self, name: impl Into<String>, status: TestStatus) {
        let kept = self.tests.entry(name.into()).or_insert(status);
        *kept = (*kept).max(status);
    }

    fn fail(&mut self, name: &str, message: impl Into<String>) {
        self.note(name, TestStatus::Failed);
        self.say(name, message);
    }

    /// Notes what a test said; the first word stays.
    fn say(&mut self, name: &str, message: impl Into<String>) {
        let message = message.into();
        if !message.trim().is_empty() {
            self.messages.entry(name.to_owned()).or_insert_with(|| shortened(message.trim(), 400));
        }
    }

    /// Compares what was read with how the command ended.
    fn settle(&mut self, ran: &Ran, opaque: bool) {
        let last = ran.output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing");
        let failed = self.count(TestStatus::Failed) > 0;
        match ran.end {
            End::TimedOut => {
                if let Some(name) = self.started.take() {
                    self.fail(&name, "it was running when the time was over");
                }
                self.fail(TIME, format!("the tests did not end within {} s", ran.ms / 1000));
            }
            End::Signalled | End::Cancelled => {
                if let Some(name) = self.started.take() {
                    self.fail(&name, "the run was killed during it");
                }
                self.fail(RUN, format!("it was killed: {last}"));
            }
            End::Exited(126 | 127) if self.tests.is_empty() => {
                self.not_run = Some(format!("the test command cannot be started: {}", shortened(last, 200)));
            }
            End::Exited(0) if opaque => self.note(RUN, TestStatus::Passed),
            End::Exited(0) if self.tests.is_empty() => {
                self.not_run.get_or_insert_with(|| "the test command ran no tests".to_owned());
            }
            End::Exited(0) => {
                let named = self.count(TestStatus::Passed);
                if let Some(counted) = self.counted.filter(|counted| named > *counted) {
                    self.fail(RUN, format!("its output names {named} passing tests but counts {counted}"));
                }
            }
            End::Exited(_) if self.not_run.is_some() && self.tests.is_empty() => {}
            End::Exited(code) if !failed => {
                let tail: Vec<&str> = ran.output.lines().filter(|line| !line.trim().is_empty()).collect();
                let tail = tail[tail.len().saturating_sub(12)..].join("\n");
                self.fail(RUN, format!("it ended with status {code}:\n{}", shortened_front(&tail, 380)));
            }
            End::Exited(_) => {}
        }
    }
}

/// At most `most` bytes of the beginning.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// At most `most` bytes of the end.
fn shortened_front(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let start = (text.len() - most..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    format!("…{}", &text[start..])
}

/// The number before a word, as in `3 passed`.
fn number_before(line: &str, word: &str) -> Option<usize> {
    let words: Vec<&str> = line.split([' ', ',', '=', ';', '.']).filter(|part| !part.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word)?.first()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{RUN, Results, TIME, TestStatus};
    use crate::verify::command::RunnerKind;
    use crate::verify::sandbox::{End, Ran};

    fn read(kind: RunnerKind, end: End, output: &str) -> Results {
        Results::read(kind, &Ran { end, output: output.to_owned(), ms: 5000 })
    }

    /// One line a test, then what stands beside them.
    fn shown(results: &Results) -> String {
        let mut lines: Vec<String> = results.tests.iter().map(|(name, status)| format!("{status:?} {name}")).collect();
        lines.extend(results.messages.iter().map(|(name, said)| format!("  {name}: {}", said.replace('\n', " / "))));
        lines.extend(results.unloaded.iter().map(|name| format!("unloaded {name}")));
        lines.extend(results.not_run.iter().map(|why| format!("not run: {why}")));
        lines.join("\n")
    }

    #[test]
    fn pytest_names_every_test_with_its_message() {
        let output = include_str!("../../tests/fixtures/output/pytest.txt");
        insta::assert_snapshot!(shown(&read(RunnerKind::Pytest, End::Exited(1), output)));
        let hangs = "collected 2 items\n\na.py::test_x PASSED   [ 50%]\na.py::test_y[1 2] ";
        insta::assert_snapshot!(shown(&read(RunnerKind::Pytest, End::TimedOut, hangs)), @r"
        Failed <the time limit>
        Passed a.py::test_x
        Failed a.py::test_y[1 2]
          <the time limit>: the tests did not end within 5 s
          a.py::test_y[1 2]: it was running when the time was over
        ");
    }

    #[test]
    fn unittest_names_every_test_with_its_message() {
        let output = include_str!("../../tests/fixtures/output/unittest.txt");
        insta::assert_snapshot!(shown(&read(RunnerKind::Unittest, End::Exited(1), output)));
        let nothing = read(RunnerKind::Unittest, End::Exited(0), "\nRan 0 tests in 0.000s\n\nOK\n");
        assert_eq!(nothing.not_run.as_deref(), Some("the test command ran no tests"));
        let hangs = read(RunnerKind::Unittest, End::TimedOut, "test_x (a.C.test_x) ... ok\ntest_y (a.C.test_y) ... ");
        assert_eq!(hangs.tests.get("a.C.test_y"), Some(&TestStatus::Failed));
    }

    #[test]
    fn cargo_names_every_test_with_its_message() {
        let output = include_str!("../../tests/fixtures/output/cargo.txt");
        insta::assert_snapshot!(shown(&read(RunnerKind::Cargo, End::Exited(101), output)));
        let broken = "   Compiling x v0.1.0\nerror[E0308]: mismatched types\n --> src/lib.rs:3:5\n  |\nerror: could not compile `x` (lib) due to 1 previous error\n";
        insta::assert_snapshot!(shown(&read(RunnerKind::Cargo, End::Exited(101), broken)), @r"
        Failed <the build>
          <the build>: error[E0308]: mismatched types / --> src/lib.rs:3:5
        unloaded <the build>
        ");
        let offline = "error: no matching package named `serde` found\n";
        let missing = read(RunnerKind::Cargo, End::Exited(101), offline);
        assert_eq!(
            missing.not_run.as_deref(),
            Some("cargo could not start: error: no matching package named `serde` found")
        );
    }

    #[test]
    fn node_names_every_test_with_its_message() {
        let output = include_str!("../../tests/fixtures/output/node-tap.txt");
        insta::assert_snapshot!(shown(&read(RunnerKind::Node, End::Exited(1), output)));
        let output = include_str!("../../tests/fixtures/output/node-spec.txt");
        insta::assert_snapshot!(shown(&read(RunnerKind::Node, End::Exited(1), output)));
        let jest = "PASS a.test.js\n  sums\n    ✓ adds (3 ms)\n    ✕ subtracts\n\nTests: 1 failed, 1 passed, 2 total\n";
        insta::assert_snapshot!(shown(&read(RunnerKind::Node, End::Exited(1), jest)), @r"
        Passed sums > adds
        Failed sums > subtracts
        ");
        let script = read(RunnerKind::Node, End::Exited(1), "assertion failed\n");
        assert_eq!(script.tests.get(RUN), Some(&TestStatus::Failed));
    }

    #[test]
    fn go_names_every_test_with_its_message() {
        let output = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n    b_test.go:5: got 1, want 2\n--- FAIL: TestB (0.01s)\n\
            === RUN   TestC\n=== RUN   TestC/one\n--- FAIL: TestC (0.00s)\n    --- FAIL: TestC/one (0.00s)\n        c_test.go:9: no\n\
            FAIL\nFAIL\texample.com/x\t0.01s\nok  \texample.com/y\t0.01s\n# example.com/z\n./z.go:3:5: undefined: x\nFAIL\texample.com/z [build failed]\nFAIL\n";
        insta::assert_snapshot!(shown(&read(RunnerKind::Go, End::Exited(1), output)), @r"
        Failed <the build> example.com/z
        Passed example.com/x TestA
        Failed example.com/x TestB
        Failed example.com/x TestC
        Failed example.com/x TestC/one
          <the build> example.com/z: ./z.go:3:5: undefined: x
          example.com/x TestB: b_test.go:5: got 1, want 2
          example.com/x TestC/one: c_test.go:9: no
        unloaded <the build> example.com/z
        ");
    }

    #[test]
    fn what_contradicts_itself_has_not_passed() {
        let forged = "test a ... ok\ntest b ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";
        assert_eq!(read(RunnerKind::Cargo, End::Exited(0), forged).tests.get(RUN), Some(&TestStatus::Failed));
        let both = "test a ... ok\ntest a ... FAILED\n";
        assert_eq!(read(RunnerKind::Cargo, End::Exited(101), both).tests.get("a"), Some(&TestStatus::Failed));
        let killed_itself = "a.py::test_x PASSED [ 50%]\na.py::test_y PASSED [100%]\n";
        assert_eq!(read(RunnerKind::Pytest, End::Exited(3), killed_itself).tests.get(RUN), Some(&TestStatus::Failed));
        assert!(read(RunnerKind::Pytest, End::Exited(0), "").not_run.is_some());
        assert_eq!(read(RunnerKind::Opaque, End::Exited(0), "FAILED").tests.get(RUN), Some(&TestStatus::Passed));
        assert_eq!(read(RunnerKind::Opaque, End::Exited(2), "").tests.get(RUN), Some(&TestStatus::Failed));
        assert!(read(RunnerKind::Opaque, End::Exited(127), "").not_run.is_some());
        assert_eq!(read(RunnerKind::Opaque, End::TimedOut, "").tests.get(TIME), Some(&TestStatus::Failed));
    }
}
