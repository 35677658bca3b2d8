//! What the search is told of the tests: a trace of them on the original text, and a judgement of each candidate.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

/// One test as it ran on the original text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestTrace {
    /// Whether it passed.
    pub passed: bool,
    /// Lines of the file that it ran, counted from 1; empty where that is not known.
    pub lines: BTreeSet<usize>,
    /// Lines of the file on the way to its failure, innermost last.
    pub frames: Vec<usize>,
}

/// How the tests ran on the original text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// Every test that ran.
    pub tests: Vec<TestTrace>,
    /// Names of attributes that values in the file had: they may be used although the text does not show them.
    pub attributes: BTreeSet<String>,
    /// The types of values that names in the file had, in the language's own words.
    pub kinds: BTreeMap<String, BTreeSet<String>>,
}

/// What the tests say of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Everything passes that should.
    Passed,
    /// `mended` of the tests that failed before pass now, but not all that should.
    Failed {
        /// How many, of those that were run.
        mended: usize,
    },
    /// A test ran longer than it was allowed to: with more patience it might pass.
    Slow,
    /// It does not load or compile.
    Broken,
}

/// Judges candidates on several lanes at once.
pub trait Judge: Sync {
    /// How the tests ran on the original text.
    fn trace(&self) -> &Trace;

    /// How many candidates may be judged at the same time, each on its own lane (0 up to this number).
    fn lanes(&self) -> usize;

    /// Judges `text` in place of the file's own. `patience` is how long one test may take; `None`: as long as
    /// the judge thinks right for most.
    fn judge(&self, lane: usize, text: &str, patience: Option<Duration>) -> impl Future<Output = Judgement> + Send;
}
