//! What a check says of a patch.

use serde::{Deserialize, Serialize};

/// How far up the ladder a patch was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It parses no worse than before.
    Parsed,
    /// It compiles or type-checks.
    Checked,
    /// The tests ran.
    Tested,
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
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every rung that could be run accepted it, compared with the baseline.
    Passed(Report),
    /// A rung refused it.
    Failed(Report),
    /// Nothing stronger than parsing could be run; `report` says why.
    Unknown(Report),
}

impl Verdict {
    /// What was found.
    pub fn report(&self) -> &Report {
        match self {
            Self::Passed(report) | Self::Failed(report) | Self::Unknown(report) => report,
        }
    }
}
