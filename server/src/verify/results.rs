//! What a test command's output says of each test. The output is written by foreign code: where it contradicts
//! itself or the exit status, the worse counts.

mod cargo;
mod ctest;
mod dotnet;
mod go;
mod junit;
mod minitest;
mod pytest;
mod spec;
mod tap;
mod unittest;

use std::collections::{BTreeMap, BTreeSet};

use super::runner::RunnerKind;
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
    /// Files of tests that ran the file which the task is about, as far as the runner tells: a hint, and no more.
    pub(super) reached: BTreeSet<String>,
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
        let output = ran.output.as_str();
        let mut results = match kind {
            RunnerKind::Pytest => pytest::read(output),
            RunnerKind::Unittest | RunnerKind::Examples => unittest::read(output),
            RunnerKind::Cargo => cargo::read(output),
            RunnerKind::Go => go::read(output),
            RunnerKind::Node if !tap::is(output) => spec::read(output),
            RunnerKind::Ruby if !tap::is(output) => minitest::read(output),
            RunnerKind::Node | RunnerKind::Ruby | RunnerKind::Jest => tap::read(output),
            RunnerKind::Vitest
            | RunnerKind::Mocha
            | RunnerKind::Phpunit
            | RunnerKind::Bats
            | RunnerKind::Busted
            | RunnerKind::Reports => junit::read(output),
            RunnerKind::Ctest => ctest::read(output),
            RunnerKind::Dotnet => dotnet::read(output),
            RunnerKind::Opaque => Self::default(),
        };
        if kind.is_javascript() {
            // A file that cannot be loaded fails as a test with the file's name, and its own tests are not named.
            let ends = [".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"];
            let is_file = |name: &&String| ends.iter().any(|end| name.ends_with(end));
            results.unloaded = results.tests.keys().filter(is_file).cloned().collect();
        }
        results.settle(ran, kind.is_script() && results.tests.is_empty());
        results
    }

    /// How many tests have this status.
    pub(super) fn count(&self, status: TestStatus) -> usize {
        self.tests.values().filter(|found| **found == status).count()
    }

    /// Adds what another suite said.
    pub(super) fn absorb(&mut self, other: Self) {
        if !other.tests.is_empty() && self.tests.is_empty() {
            self.not_run = None;
        }
        for (name, status) in other.tests {
            self.note(name, status);
        }
        self.messages.extend(other.messages);
        self.unloaded.extend(other.unloaded);
        self.reached.extend(other.reached);
    }

    /// What it says of the tests that are wanted.
    pub(super) fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let tests = self.tests.iter().filter(|(name, _)| is_wanted(name));
        let messages = self.messages.iter().filter(|(name, _)| is_wanted(name));
        Self {
            tests: tests.map(|(name, status)| (name.clone(), *status)).collect(),
            messages: messages.map(|(name, said)| (name.clone(), said.clone())).collect(),
            unloaded: self.unloaded.iter().filter(|name| is_wanted(name)).cloned().collect(),
            ..Self::default()
        }
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
            End::Exited(0) if opaque && self.not_run.is_none() => self.note(RUN, TestStatus::Passed),
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

/// Why a build tool came to no test, where it says so: what it lacks, or what does not compile.
fn build(output: &str, results: &mut Results) {
    let lacking = ["offline mode", "could not be resolved", "was not found in any of the following sources"];
    let is_lacking = |line: &&str| lacking.iter().any(|words| line.contains(words));
    if let Some(line) = output.lines().find(is_lacking) {
        let line = shortened(line.trim_start_matches("[ERROR]").trim(), 300);
        results.not_run = Some(format!("what the tests depend on is not on this machine: {line}"));
        return;
    }
    let is_error = |line: &&str| {
        line.contains(": error") || line.starts_with("CMake Error") || line.starts_with("e: ") || {
            line.starts_with("[ERROR] ") && [".java:[", ".kt:["].iter().any(|place| line.contains(place))
        }
    };
    let mut errors: Vec<&str> = Vec::new();
    for line in output.lines().filter(is_error) {
        // Maven says each twice.
        if errors.len() < 6 && !errors.contains(&line) {
            errors.push(line);
        }
    }
    if !errors.is_empty() {
        results.fail(BUILD, errors.join("\n"));
        results.unloaded.insert(BUILD.to_owned());
    }
}

/// The number before a word, as in `3 passed`.
fn number_before(line: &str, word: &str) -> Option<usize> {
    let words: Vec<&str> = line.split([' ', ',', '=', ';', '.']).filter(|part| !part.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word)?.first()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{RUN, Results, TIME, TestStatus};
    use crate::verify::runner::RunnerKind;
    use crate::verify::sandbox::{End, Ran};

    fn read(kind: RunnerKind, end: End, output: &str) -> Results {
        Results::read(kind, &Ran { end, output: output.to_owned(), ms: 5000 })
    }

    /// One line a test, then what stands beside them.
    fn shown(results: &Results) -> String {
        let mut lines: Vec<String> = results.tests.iter().map(|(name, status)| format!("{status:?} {name}")).collect();
        lines.extend(results.messages.iter().map(|(name, said)| format!("  {name}: {}", said.replace('\n', " / "))));
        lines.extend(results.unloaded.iter().map(|name| format!("unloaded {name}")));
        lines.extend(results.reached.iter().map(|name| format!("reached by {name}")));
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
        let reaches = "a.py::test_x PASSED   [100%]\n\n[baton reaches] /w/a.py\n==== 1 passed in 0.01s ====\n";
        insta::assert_snapshot!(shown(&read(RunnerKind::Pytest, End::Exited(0), reaches)), @r"
        Passed a.py::test_x
        reached by /w/a.py
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
    fn every_other_runner_names_every_test_with_its_message() {
        for (name, kind, code, output) in [
            ("bats", RunnerKind::Bats, 1, include_str!("../../tests/fixtures/output/bats.txt")),
            ("busted", RunnerKind::Busted, 1, include_str!("../../tests/fixtures/output/busted.txt")),
            ("ctest", RunnerKind::Ctest, 8, include_str!("../../tests/fixtures/output/ctest.txt")),
            ("gradle", RunnerKind::Reports, 1, include_str!("../../tests/fixtures/output/gradle.txt")),
            ("jest", RunnerKind::Jest, 1, include_str!("../../tests/fixtures/output/jest.txt")),
            ("maven", RunnerKind::Reports, 1, include_str!("../../tests/fixtures/output/maven.txt")),
            ("minitest", RunnerKind::Ruby, 1, include_str!("../../tests/fixtures/output/minitest.txt")),
            ("mocha", RunnerKind::Mocha, 1, include_str!("../../tests/fixtures/output/mocha.txt")),
            ("phpunit", RunnerKind::Phpunit, 2, include_str!("../../tests/fixtures/output/phpunit.txt")),
            ("rspec", RunnerKind::Ruby, 1, include_str!("../../tests/fixtures/output/rspec.txt")),
            ("vitest", RunnerKind::Vitest, 1, include_str!("../../tests/fixtures/output/vitest.txt")),
        ] {
            insta::assert_snapshot!(name, shown(&read(kind, End::Exited(code), output)));
        }
    }

    #[test]
    fn dotnet_names_every_test_with_its_message() {
        let output = "Starting test execution, please wait...\n  Passed N.C.Adds(x: 1) [3 ms]\n  Failed N.C.Subtracts [5 ms]\n  Error Message:\n   Assert.Equal() Failure\nExpected: 1\nActual:   2\n  Stack Trace:\n     at N.C.Subtracts() in /project/C.cs:line 9\n  Skipped N.C.Later [1 ms]\n\nTotal tests: 3\n     Passed: 1\n     Failed: 1\n    Skipped: 1\n";
        insta::assert_snapshot!(shown(&read(RunnerKind::Dotnet, End::Exited(1), output)), @r"
        Passed N.C.Adds(x: 1)
        Skipped N.C.Later
        Failed N.C.Subtracts
          N.C.Subtracts: Assert.Equal() Failure / Expected: 1 / Actual:   2
        ");
        let broken = "/project/C.cs(3,5): error CS0103: The name 'x' does not exist [/project/a.csproj]\n";
        insta::assert_snapshot!(shown(&read(RunnerKind::Dotnet, End::Exited(1), broken)), @r"
        Failed <the build>
          <the build>: /project/C.cs(3,5): error CS0103: The name 'x' does not exist [/project/a.csproj]
        unloaded <the build>
        ");
    }

    #[test]
    fn reports_of_swift_and_sbt_are_read_as_they_are_documented() {
        let swift = "[the reports of the tests]\n<testsuites>\n<testsuite name=\"TestResults\" errors=\"0\" tests=\"2\" failures=\"1\" skipped=\"0\" time=\"0.1\">\n<testcase classname=\"M.T\" name=\"testA\" time=\"0.0\">\n</testcase>\n<testcase classname=\"M.T\" name=\"testB\" time=\"0.0\">\n<failure message=\"failed\"></failure>\n</testcase>\n</testsuite>\n</testsuites>\n";
        insta::assert_snapshot!(shown(&read(RunnerKind::Reports, End::Exited(1), swift)), @r"
        Passed M.T > testA
        Failed M.T > testB
          M.T > testB: failed
        ");
        let sbt = "[the reports of the tests]\n<testsuite hostname=\"h\" name=\"S\" tests=\"2\" errors=\"0\" failures=\"1\" skipped=\"0\" time=\"0.1\">\n<testcase classname=\"S\" name=\"a\" time=\"0.0\">\n\n</testcase><testcase classname=\"S\" name=\"b\" time=\"0.0\">\n<failure message=\"1 was not 2\" type=\"F\">F: 1 was not 2\n</failure></testcase>\n</testsuite>\n";
        insta::assert_snapshot!(shown(&read(RunnerKind::Reports, End::Exited(1), sbt)), @r"
        Passed S > a
        Failed S > b
          S > b: 1 was not 2
        ");
    }

    #[test]
    fn a_build_tool_says_why_no_test_ran() {
        for (kind, code, output, wanted) in [
            (
                RunnerKind::Reports,
                1,
                "[INFO] BUILD FAILURE\n[ERROR] Plugin x:y:1 or one of its dependencies could not be resolved: Cannot access central (https://repo) in offline mode\n",
                "not run: what the tests depend on is not on this machine: Plugin x:y:1",
            ),
            (
                RunnerKind::Reports,
                1,
                "* What went wrong:\n> No cached version of junit:junit:4.13 available for offline mode.\n",
                "not run: what the tests depend on is not on this machine: > No cached version",
            ),
            (
                RunnerKind::Reports,
                1,
                "[ERROR] COMPILATION ERROR :\n[ERROR] /project/A.java:[3,5] ';' expected\n[INFO] 1 error\n",
                "Failed <the build>\n  <the build>: [ERROR] /project/A.java:[3,5] ';' expected\nunloaded <the build>",
            ),
            (
                RunnerKind::Ctest,
                2,
                "/project/a.c:3:5: error: expected ';'\nmake: *** [all] Error 2\n",
                "Failed <the build>\n  <the build>: /project/a.c:3:5: error: expected ';'\nunloaded <the build>",
            ),
            (RunnerKind::Ctest, 0, "No tests were found!!!\n", "not run: CTest found no tests"),
            (
                RunnerKind::Ruby,
                0,
                "0 runs, 0 assertions, 0 failures, 0 errors, 0 skips\n",
                "not run: the test command ran no tests",
            ),
            (
                RunnerKind::Vitest,
                127,
                "sh: 1: vitest: not found\n",
                "not run: the test command cannot be started: sh: 1: vitest: not found",
            ),
        ] {
            let found = shown(&read(kind, End::Exited(code), output));
            assert!(found.starts_with(wanted), "{output}: {found}");
        }
    }

    #[test]
    fn what_a_test_prints_is_no_result() {
        let suite = |inner: &str| {
            format!("<testsuite tests=\"1\" failures=\"0\"><testcase name=\"a\">{inner}</testcase></testsuite>")
        };
        for (kind, end, output) in [
            // More than the runner counted.
            (RunnerKind::Bats, 0, format!("<testcase name='forged'/>{}", suite(""))),
            (RunnerKind::Phpunit, 0, format!("{}<testcase name='forged'/>", suite(""))),
            (RunnerKind::Jest, 0, "TAP version 13\nok 1 - forged\nok 1 - a\n1..1\n".into()),
            (RunnerKind::Ruby, 0, "A#a = 0.00 s = .\nA#forged = 0.00 s = .\n1 runs, 1 assertions, 0 failures, 0 errors, 0 skips\n".into()),
            (RunnerKind::Ctest, 0, "1/1 Test #1: a ...   Passed    0.00 sec\n9/9 Test #9: forged ...   Passed    0.00 sec\n100% tests passed, 0 tests failed out of 1\n".into()),
            (RunnerKind::Dotnet, 0, "  Passed A [1 ms]\n  Passed Forged [1 ms]\nTotal tests: 1\n     Passed: 1\n".into()),
            // It left before the end, with success.
            (RunnerKind::Bats, 0, "<testcase name='forged'/>".into()),
            (RunnerKind::Jest, 0, "TAP version 13\nok 1 - a\n".into()),
            (RunnerKind::Ruby, 0, "A#a = 0.00 s = .\n".into()),
            (RunnerKind::Ctest, 0, "1/1 Test #1: a ...   Passed    0.00 sec\n".into()),
            (RunnerKind::Dotnet, 0, "  Passed A [1 ms]\n".into()),
            // The counts and the status do not agree.
            (RunnerKind::Vitest, 1, suite("")),
        ] {
            let results = read(kind, End::Exited(end), &output);
            assert_eq!(results.tests.get(RUN), Some(&TestStatus::Failed), "{output}: {}", shown(&results));
        }
        // What stands in a quoted part of a report is text.
        let quoted = read(RunnerKind::Reports, End::Exited(0), &suite("<![CDATA[<testcase name='forged'/>]]>"));
        assert_eq!(shown(&quoted), "Passed a");
        // Of two results for one name the worse counts, and a name may be anything.
        let twice = "<testsuite tests='2' failures='1'><testcase classname='c' name='a'/><testcase classname='c' name='a'><failure/></testcase></testsuite>";
        assert_eq!(shown(&read(RunnerKind::Mocha, End::Exited(1), twice)), "Failed c > a");
        let odd = "<testsuite tests='1'><testcase name='x > y &#27;[31m&bogus; &amp;'/></testsuite><testcase name=";
        assert_eq!(shown(&read(RunnerKind::Mocha, End::Exited(0), odd)), "Passed x > y &#27;[31m&bogus; &");
        let printed = "A#b = A#forged = 0.00 s = .\n0.00 s = F\n1 runs, 0 assertions, 1 failures, 0 errors, 0 skips\n";
        assert_eq!(shown(&read(RunnerKind::Ruby, End::Exited(1), printed)), "Failed A#b");
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
