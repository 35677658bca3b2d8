//! The object that `--json` prints. Other programs read it: fields are added, never renamed.

use serde::Serialize;

use crate::patch::Asks;
use crate::run::{ConductorRecord, Kind, Outcome, StepRecord};
use crate::verify::{Level, Rung, Verdict};
use crate::workflow::Step;

/// One run, as other programs read it.
#[derive(Serialize)]
pub struct Printed<'a> {
    outcome: Kind,
    message: &'a str,
    verdict: Option<PrintedVerdict<'a>>,
    diff: &'a str,
    #[serde(skip_serializing_if = "Asks::is_empty")]
    asks: &'a Asks,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    workflow: &'a [Step],
    steps: &'a [StepRecord],
    conductor: &'a ConductorRecord,
    usd: f64,
    ms: u64,
    run: &'a str,
}

#[derive(Serialize)]
struct PrintedVerdict<'a> {
    level: Level,
    passed: usize,
    failed: usize,
    report: &'a str,
    rungs: &'a [Rung],
}

impl<'a> From<&'a Outcome> for Printed<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        Self {
            outcome: outcome.kind,
            message: &outcome.message,
            verdict: outcome.verdict.as_ref().map(Verdict::report).map(|report| PrintedVerdict {
                level: report.level,
                passed: report.passed,
                failed: report.failed,
                report: &report.report,
                rungs: &report.rungs,
            }),
            diff: &outcome.diff,
            asks: &outcome.asks,
            answer: outcome.answer.as_deref(),
            workflow: &outcome.workflow.steps,
            steps: &outcome.steps,
            conductor: &outcome.conductor,
            usd: outcome.usage.usd,
            ms: outcome.ms,
            run: &outcome.run,
        }
    }
}
