//! What a run leaves in the ledger.

use std::time::SystemTime;

use super::{Engine, Outcome};
use crate::ledger::{RunRecord, hash, new_id};
use crate::task::Task;

impl Engine {
    /// Writes the run down and names it. A ledger that cannot be written costs a remark, never the run.
    pub(super) fn record(&self, task: &Task, outcome: &mut Outcome) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let started = now.saturating_sub(outcome.ms);
        outcome.run = new_id(started);
        let Some(ledger) = &self.memory().ledger else { return };
        let written = ledger.record(&RunRecord {
            id: outcome.run.clone(),
            started,
            root: task.snapshot.root().display().to_string(),
            path: task.focus.path.to_string(),
            goal: task.goal,
            instruction_hash: hash(&task.instruction),
            tier: task.tier,
            conductor: outcome.conductor.clone(),
            workflow: outcome.workflow.clone(),
            steps: outcome.steps.clone(),
            verdict: outcome.verdict.clone(),
            outcome: outcome.kind,
            message: outcome.message.clone(),
            usd: outcome.usage.usd,
            ms: outcome.ms,
            embedding: outcome.embedding.clone(),
        });
        if let Err(problem) = written {
            outcome.message = format!("{} (this run is not in the ledger: {problem:#})", outcome.message);
        }
    }
}
