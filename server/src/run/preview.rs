//! What the first worker of a run would be sent, without a run: nothing is run, nothing leaves, no trust is needed.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::conductor::mini::Need;
use crate::conductor::{Decision, Reading};
use crate::context::{self, Context, Request, Unsendable};
use crate::pool::Facts;
use crate::task::Task;

/// Tokens of a prompt where no model is configured: what [`crate::config::WorkerOptions`] leaves of its defaults.
const TOKENS: usize = 32_768 - 4_096;

impl Engine {
    /// The prompt of the first step, with a map that is up to date however long that takes. `tokens`: that it may
    /// have; `None`: what the first configured model leaves for it.
    pub async fn preview(&self, task: &Task, tokens: Option<usize>) -> Result<Context, Unsendable> {
        let models = self.pool.facts();
        let first = models.iter().find_map(|facts| self.pool.llm(&facts.name));
        let tokens = tokens.or(first.map(crate::pool::Llm::prompt_budget)).unwrap_or(TOKENS);
        // Whom it decides for makes no difference to what is asked.
        let anyone = Facts { name: "anyone".into(), context: usize::MAX, ..Facts::repair() };
        let need = Need {
            goal: task.goal,
            failing_tests: false,
            tools_may_know: false,
            judged: false,
            verifier: String::new(),
            prompt_tokens: 0,
            failed: Vec::new(),
            unanswered: Vec::new(),
            thoughts: 0,
            turns_left: 1,
            attempts: 1,
            usd_left: 0.0,
        };
        let step = match Reading::default().decide(&[anyone], &need) {
            Decision::Delegate { step, .. } => step,
            Decision::Stop { why } => unreachable!("there is somebody to ask: {why}"),
        };
        let mapping = self.maps.refresh(&task.snapshot, CancellationToken::new());
        mapping.ready(Duration::MAX).await;
        mapping.look(&task.snapshot, |map| {
            context::prompt(Request { task, step: &step, report: None, earlier: &[], tokens, map, tests: None })
        })
    }
}
