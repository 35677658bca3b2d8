//! What a run leaves in the ledger.

use std::time::SystemTime;

use anyhow::{Context, anyhow};

use super::course::Course;
use super::delegate::Made;
use super::{Engine, Outcome, Texts};
use crate::ledger::{RunRecord, hash, new_id};
use crate::pool::Usage;
use crate::task::{Policy, Task};

impl Course<'_> {
    /// Notes what a step's worker was sent: its hash, and the texts only where the user wants them.
    pub(super) fn keep(&self, at: usize, made: &Made) {
        let Some(prompt) = &made.prompt else { return };
        let prompt = prompt.texts().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
        let prompt_hash = hash(&prompt);
        let kept = self.engine.config.ledger.keep_texts;
        let texts = kept.then(|| Texts { prompt, reply: made.reply.clone().unwrap_or_default() });
        self.outcome(|outcome| {
            let step = &mut outcome.steps[at];
            (step.prompt_hash, step.texts) = (prompt_hash, texts);
        });
    }
}

impl Engine {
    /// Writes the run down and names it. A ledger that cannot be written costs a remark, never the run.
    pub(super) async fn record(&self, task: &Task, outcome: &mut Outcome) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let started = now.saturating_sub(outcome.ms);
        outcome.run = task.run.clone().unwrap_or_else(|| new_id(started));
        let memory = self.memory();
        let mut record = RunRecord {
            id: outcome.run.clone(),
            started,
            root: task.snapshot.root().display().to_string(),
            path: task.focus.path.to_string(),
            goal: task.goal,
            instruction_hash: hash(&task.instruction),
            tier: task.tier,
            conductor: outcome.conductor.clone(),
            policy: task.policy.as_ref().map(Policy::name).unwrap_or_default(),
            workflow: outcome.workflow.clone(),
            steps: outcome.steps.clone(),
            planning: planning(outcome),
            verdict: outcome.verdict.clone(),
            outcome: outcome.kind,
            message: outcome.message.clone(),
            usd: outcome.usage.usd,
            ms: outcome.ms,
            embedding: outcome.embedding.clone(),
        };
        let written = match &memory.ledger {
            Some(ledger) => {
                let ledger = ledger.clone();
                // A server may take its time, and other runs go on meanwhile.
                let writing = tokio::task::spawn_blocking(move || ledger.record(&mut record).map(|()| record.id));
                writing.await.context("it could not be written").flatten()
            }
            None => Err(anyhow!(memory.problems.join("; "))),
        };
        match written {
            // Not always the one that it was to have.
            Ok(id) => outcome.run = id,
            Err(problem) => {
                outcome.message = format!("{} (this run is not in the ledger: {problem:#})", outcome.message);
            }
        }
    }
}

/// What was used in all and by no step: the conductor's own calls.
fn planning(outcome: &Outcome) -> Usage {
    let mut steps = Usage::default();
    outcome.steps.iter().for_each(|step| steps.add(step.usage));
    let all = outcome.usage;
    Usage {
        tokens_in: all.tokens_in.saturating_sub(steps.tokens_in),
        tokens_cached: all.tokens_cached.saturating_sub(steps.tokens_cached),
        tokens_out: all.tokens_out.saturating_sub(steps.tokens_out),
        // Sums of fractions differ by less than anything costs.
        usd: Some(all.usd - steps.usd).filter(|usd| *usd > 1e-9).unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::StepRecord;
    use crate::workflow::{Access, Role, Step};

    #[test]
    fn what_no_step_used_was_used_for_planning() {
        let plan = Step { worker: "w".into(), role: Role::Worker, subtask: String::new(), access: Access::None };
        let usage = Usage { tokens_in: 10, tokens_cached: 4, tokens_out: 3, usd: 0.1 };
        let mut outcome = Outcome::failed("");
        outcome.steps = vec![StepRecord { usage, ..StepRecord::planned(&plan, 0) }; 3];
        (0..3).for_each(|_| outcome.usage.add(usage));
        assert_eq!(planning(&outcome), Usage::default());
        outcome.usage.add(Usage { usd: 0.25, ..usage });
        let planned = planning(&outcome);
        assert_eq!((planned.tokens_in, planned.tokens_cached, planned.tokens_out), (10, 4, 3));
        assert!((planned.usd - 0.25).abs() < 1e-9);
    }
}
