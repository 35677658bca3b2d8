//! What the ladder says of a patch.

use serde::{Deserialize, Serialize};

use super::checks::Finding;

/// Most bytes of a report.
pub(super) const MOST_REPORT: usize = 2000;

/// How far up the ladder a patch was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It parses no worse than before.
    Parsed,
    /// It is laid out as the project's formatter does it.
    Formatted,
    /// It compiles or type-checks.
    Checked,
    /// The project's linters are content.
    Linted,
    /// The tests ran.
    Tested,
}

/// One rung of the ladder: one way that the project itself judges a change, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// What people call it: `cargo check`, `eslint`, `tests`.
    pub name: String,
    /// How far up it stands.
    pub level: Level,
    /// What came of it.
    pub end: RungEnd,
    /// Why it is missing or was not run, or what else is worth knowing; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What it found that was not there before, as many as the report names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Milliseconds, with the patch in place.
    pub ms: u64,
}

/// The name of the rung that runs the given tests.
pub(super) const TESTS: &str = "tests";
/// The name of the rung that runs some of them by themselves.
pub(super) const REACHING: &str = "tests that reach the change";

/// What came of a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RungEnd {
    /// It has nothing to say that it did not say before.
    Passed,
    /// It refuses the patch.
    Failed,
    /// It lets the patch pass and shows that this means little.
    Doubted,
    /// The project uses it and this machine does not have it.
    Missing,
    /// It could not be run, or what it said could not be compared.
    NotRun,
}

impl Rung {
    /// A rung that was stood on, and how it ended.
    pub(super) fn new(name: impl Into<String>, level: Level, end: RungEnd, ms: u64) -> Self {
        Self { name: name.into(), level, end, reason: String::new(), findings: Vec::new(), ms }
    }

    /// The same with why, or with what else is worth knowing.
    pub(super) fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }
}

/// What was found, in the project's own words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The highest rung that was reached.
    pub level: Level,
    /// Tests that pass now.
    pub passed: usize,
    /// Tests that fail now.
    pub failed: usize,
    /// At most 2 kB of plain text: what failed and where, or what could not be checked.
    pub report: String,
    /// Every rung that applies to the patch, up to the one that refused it.
    #[serde(default)]
    pub rungs: Vec<Rung>,
}

impl Report {
    /// A report of something below the tests.
    pub(super) fn new(level: Level, report: String) -> Self {
        Self { level, passed: 0, failed: 0, report, rungs: Vec::new() }
    }

    /// The rungs in one line: `parsed · cargo check · 12 tests passed, 0 failed; not checked: eslint (not installed)`.
    pub fn climbed(&self) -> String {
        let word = if self.passed == 1 { "test" } else { "tests" };
        let tests = || format!("{} {word} passed, {} failed", self.passed, self.failed);
        if self.rungs.is_empty() {
            // A record of an earlier version.
            return match self.level {
                Level::Tested => tests(),
                Level::Checked | Level::Linted => "compiled".to_owned(),
                Level::Parsed | Level::Formatted => "parsed".to_owned(),
            };
        }
        let is_whole = |rung: &Rung| rung.name == TESTS && [RungEnd::Passed, RungEnd::Failed].contains(&rung.end);
        let whole = self.rungs.iter().any(is_whole);
        let mut stood = Vec::new();
        let mut unchecked = Vec::new();
        for rung in &self.rungs {
            match rung.end {
                RungEnd::Missing | RungEnd::NotRun => {
                    let why = rung.reason.lines().next().unwrap_or_default();
                    unchecked.push(format!("{} ({why})", rung.name));
                }
                RungEnd::Passed if rung.level == Level::Parsed => stood.push("parsed".to_owned()),
                RungEnd::Passed | RungEnd::Failed if rung.name == TESTS => stood.push(tests()),
                RungEnd::Passed | RungEnd::Failed if rung.name == REACHING && !whole => {
                    stood.push(format!("{} of those that reach the change ({})", tests(), rung.reason));
                }
                RungEnd::Passed if rung.reason.is_empty() => stood.push(rung.name.clone()),
                RungEnd::Passed | RungEnd::Doubted => stood.push(format!("{} ({})", rung.name, rung.reason)),
                RungEnd::Failed => stood.push(format!("{} refuses it", rung.name)),
            }
        }
        let stood = stood.join(" · ");
        if unchecked.is_empty() { stood } else { format!("{stood}; not checked: {}", unchecked.join(", ")) }
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every rung that could be run accepted it, compared with the baseline.
    Passed(Report),
    /// A rung refused it.
    Failed(Report),
    /// Nothing that proves it could be run; `report` says why, and the rungs how far it came.
    Unknown(Report),
}

impl Verdict {
    /// What was found.
    pub fn report(&self) -> &Report {
        match self {
            Self::Passed(report) | Self::Failed(report) | Self::Unknown(report) => report,
        }
    }

    pub(super) fn report_mut(&mut self) -> &mut Report {
        match self {
            Self::Passed(report) | Self::Failed(report) | Self::Unknown(report) => report,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, Report, Rung, RungEnd, Verdict};

    #[test]
    fn the_rungs_are_one_line() {
        let mut report = Report { passed: 12, ..Report::new(Level::Tested, "1 test passes now".into()) };
        assert_eq!(report.climbed(), "12 tests passed, 0 failed");
        report.rungs = vec![
            Rung::new("parse", Level::Parsed, RungEnd::Passed, 1),
            Rung::new("cargo check", Level::Checked, RungEnd::Passed, 90).because("1 error gone"),
            Rung::new("clippy", Level::Linted, RungEnd::Missing, 0).because("not installed"),
            Rung::new("tests", Level::Tested, RungEnd::Passed, 400),
        ];
        let line =
            "parsed · cargo check (1 error gone) · 12 tests passed, 0 failed; not checked: clippy (not installed)";
        assert_eq!(report.climbed(), line);
    }

    #[test]
    fn tests_that_reach_the_change_are_not_taken_for_all() {
        let mut report = Report { passed: 2, failed: 1, ..Report::new(Level::Tested, String::new()) };
        let few = |end| Rung::new("tests that reach the change", Level::Tested, end, 9).because("2 files");
        report.rungs = vec![few(RungEnd::Failed)];
        assert_eq!(report.climbed(), "2 tests passed, 1 failed of those that reach the change (2 files)");
        report.rungs =
            vec![few(RungEnd::Passed), Rung::new("tests", Level::Tested, RungEnd::NotRun, 0).because("slow")];
        let line = "2 tests passed, 1 failed of those that reach the change (2 files); not checked: tests (slow)";
        assert_eq!(report.climbed(), line);
        report.rungs[1] = Rung::new("tests", Level::Tested, RungEnd::Passed, 90);
        assert_eq!(report.climbed(), "tests that reach the change (2 files) · 2 tests passed, 1 failed");
    }

    #[test]
    fn a_verdict_of_an_earlier_version_can_be_read() {
        let old = r#"{"verdict":"passed","level":"tested","passed":3,"failed":0,"report":"3 passed"}"#;
        let verdict: Verdict = serde_json::from_str(old).unwrap();
        assert_eq!(verdict.report().climbed(), "3 tests passed, 0 failed");
        let written = serde_json::to_string(&verdict).unwrap();
        assert_eq!(serde_json::from_str::<Verdict>(&written).unwrap(), verdict);
    }
}
