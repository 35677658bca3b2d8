//! The one path of a run: what is asked is looked at, the private copy opened, the baseline taken; then steps are made.

use std::path::Path;

use super::course::{Course, End, cancelled};
use super::delegate::{Checks, DECLINED, seconds};
use super::judge::{Judge, Judged};
use super::{ConductorRecord, Event, Kind};
use crate::conductor::heads::telling::Sort;
use crate::conductor::{self, baseline};
use crate::context::{self, Mapping};
use crate::patch::Patch;
use crate::task::{Goal, Policy, Tier};
use crate::verify::{Baseline, Limits, Request, Verifier, VerifyError};

/// The longest that tests are waited for, in seconds.
const DAY: f64 = 86_400.0;

impl Course<'_> {
    /// The whole run.
    pub async fn run(&self, mapping: Mapping) -> End {
        // Set once, here.
        let _ = self.mapping.set(mapping);
        if self.task.goal == Goal::Ask {
            return self.conduct(None).await;
        }
        let path = &self.task.focus.path;
        let Some(language) = baton_grammars::by_path(path.as_str().as_ref()) else {
            let with_files = baton_grammars::all().iter().filter(|language| !language.facts.extensions.is_empty());
            let known: Vec<&str> = with_files.map(|language| language.facts.name.as_str()).collect();
            return (Kind::Failed, format!("Baton has no parser for {path}; it knows {}", known.join(", ")));
        };
        if let Err(problem) = self.task.snapshot.read(path) {
            return (Kind::Failed, problem.to_string());
        }
        // Beside the private copy, which takes as long. Without a thread it is done when it is needed.
        let warm = || {
            language.warm();
            context::warm();
        };
        let _ = std::thread::Builder::new().name("warm".into()).spawn(warm);
        let verifier = match self.open().await {
            Ok(verifier) => verifier,
            Err(end) => return end,
        };
        let (baseline, report) = match verifier.baseline(&self.stop).await {
            Ok(baseline) => (Some(baseline), Some(baseline.report.clone())),
            Err(VerifyError::NoTests(why)) => {
                self.tell(Event::Preparing(why));
                let complaints = verifier.complaints(&self.stop).await;
                if let Some(complaints) = &complaints {
                    self.tell(Event::Preparing(format!("before: {complaints}")));
                }
                (None, complaints)
            }
            Err(problem) => return (Kind::Failed, problem.to_string()),
        };
        let checks = Checks { verifier: &verifier, baseline, report: report.as_deref() };
        let Some(Baseline { passed, failed, command, .. }) = baseline else { return self.conduct(Some(checks)).await };
        if let Some(why) = &baseline.and_then(|baseline| baseline.cut.as_ref()) {
            self.tell(Event::Preparing(format!("only the tests that reach {path}: {why}")));
        }
        self.tell(Event::Baseline { passed: *passed, failed: *failed, command: command.clone() });
        if !self.nothing_wrong(Some(checks)) {
            return self.conduct(Some(checks)).await;
        }
        // Only the language's own tools may still know something that is wrong.
        if self.tools_may_know(checks) {
            let (kind, message) = self.conduct(Some(checks)).await;
            if kind != Kind::Failed {
                return (kind, message);
            }
        }
        let tried = self.outcome(|outcome| outcome.steps.iter().any(|step| step.status != DECLINED));
        let tried = if tried { ", and what the language's own tools would change is no fix" } else { "" };
        let message = format!(
            "all {passed} tests of `{command}` pass{tried}; say what to change with --task, or which tests fail with --test"
        );
        (Kind::NoChange, message)
    }

    /// Judges one patch, nothing else.
    pub async fn verify(&self, patch: Patch) -> End {
        let verifier = match self.open().await {
            Ok(verifier) => verifier,
            Err(end) => return end,
        };
        match Judge::new(self, &verifier, None).judge(patch, None).await {
            Judged::Verified(report) => (Kind::Verified, report),
            Judged::Open(report) => (Kind::Unverified, report),
            Judged::Refused(_) | Judged::Stopped => {
                (Kind::Stale, "the files changed meanwhile, and with those changes the fix no longer passes".into())
            }
        }
    }

    /// Has the conductor read the task, and decide; or follows the workflow that was asked for.
    pub async fn conduct(&self, checks: Option<Checks<'_>>) -> End {
        for (worker, why) in self.engine.pool.passed_over(&self.task.allowed) {
            self.tell(Event::Preparing(format!("{worker} takes no part: {why}")));
        }
        if let Some(policy) = &self.task.policy {
            return self.follow(policy, checks).await;
        }
        let description = conductor::describe(self.task, checks.and_then(|checks| checks.report));
        let path = Path::new(self.task.focus.path.as_str());
        let sort = Sort { goal: self.task.goal, language: conductor::language(path) };
        let Ok(mut reading) = self.engine.memory().conductor.read(&description, sort, &self.stop).await else {
            return cancelled();
        };
        self.outcome(|outcome| outcome.embedding = reading.embedding().cloned());
        if self.task.tier == Tier::Ultra {
            let judge = checks.map(|checks| Judge::new(self, checks.verifier, Some(&reading)));
            match self.levels(&description, &reading, checks, judge.as_ref()).await {
                Ok(end) => return end,
                Err(why) => {
                    self.tell(Event::Preparing(format!("{} plans as tier mini does: {why}", reading.model())));
                    reading.remark(format!("{} plans as tier mini does: {why}", reading.model()));
                }
            }
        }
        let judge = checks.map(|checks| Judge::new(self, checks.verifier, Some(&reading)));
        self.turns(&reading, checks, judge.as_ref()).await
    }

    /// Does what a policy says, once: there is no conductor to ask again.
    async fn follow(&self, policy: &Policy, checks: Option<Checks<'_>>) -> End {
        let pool = self.workers(&self.need(checks), checks);
        let (steps, why) = match baseline::steps(policy, &pool, self.task.goal) {
            Ok(planned) => planned,
            Err(why) => return (Kind::Failed, why),
        };
        let name = policy.name();
        let conductor = ConductorRecord { name: name.clone(), model: format!("policy {name}"), why };
        let steps = self.plan(conductor, 0, steps);
        let judge = checks.map(|checks| Judge::new(self, checks.verifier, None));
        let end = self.execute(steps, checks, judge.as_ref()).await;
        end.unwrap_or_else(|| (Kind::Failed, format!("nothing that policy {name} brought passed")))
    }

    async fn open(&self) -> Result<Verifier, End> {
        let request = Request {
            snapshot: self.task.snapshot.clone(),
            focus: self.task.focus.path.clone(),
            goal: self.task.goal,
            instruction: self.task.instruction.clone(),
            evidence: self.engine.config.verify.evidence,
            test: self.task.test.clone(),
            diagnostics: self.task.focus.diagnostics.clone(),
            checks: self.engine.config.checks.clone(),
            state_dir: self.engine.config.places.cache_dir.clone(),
            limits: Limits { wall: seconds(self.engine.config.verify.max_seconds.min(DAY)), ..Limits::default() },
        };
        let verifier =
            Verifier::open(request, &self.stop).await.map_err(|problem| (Kind::Failed, problem.to_string()))?;
        self.tell(Event::Preparing(verifier.describe()));
        Ok(verifier)
    }
}
