//! What a run leaves in the ledger.

use std::time::SystemTime;

use anyhow::anyhow;

use super::course::Course;
use super::delegate::Made;
use super::{Engine, Outcome, Texts};
use crate::ledger::{RunRecord, hash, new_id};
use crate::task::{Policy, Task};

impl Course<'_> {
    /// Notes what a step's worker was sent: its hash, and the texts only where the user wants them.
    pub(super) fn keep(&self, at: usize, made: &Made) {
        let Some(prompt) = &made.prompt else { return };
        let prompt = format!("{}\n\n{}", prompt.system, prompt.user);
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
    pub(super) fn record(&self, task: &Task, outcome: &mut Outcome) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let started = now.saturating_sub(outcome.ms);
        outcome.run = new_id(started);
        let memory = self.memory();
        let record = RunRecord {
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
            verdict: outcome.verdict.clone(),
            outcome: outcome.kind,
            message: outcome.message.clone(),
            usd: outcome.usage.usd,
            ms: outcome.ms,
            embedding: outcome.embedding.clone(),
        };
        let written = match &memory.ledger {
            Some(ledger) => ledger.record(&record),
            None => Err(anyhow!(memory.problems.join("; "))),
        };
        if let Err(problem) = written {
            outcome.message = format!("{} (this run is not in the ledger: {problem:#})", outcome.message);
        }
    }
}
