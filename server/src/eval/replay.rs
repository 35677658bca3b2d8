//! Plays a policy: task by task in the order of their dates, the outcomes laid face down on a [`Table`], turned over one call at
//! a time.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::policies::Policy;
use super::recorded::{Hidden, Recording};

/// What a policy did with a task, by names: a line of a file of decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The task's name.
    pub task: String,
    /// Who was called, in order.
    pub calls: Vec<String>,
    /// Whose answer is given; one of `calls`.
    pub answer: String,
}

/// A worker that was called, and what there is to see of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Its place.
    pub worker: usize,
    /// US dollars.
    pub usd: f64,
    /// Whether the verifier accepted its answer.
    pub accepted: bool,
}

/// One test task's outcomes, as far as they were paid for.
pub struct Table<'a> {
    recording: &'a Recording<Hidden>,
    task: usize,
    seen: Vec<Seen>,
}

impl Table<'_> {
    /// Calls a worker.
    pub fn call(&mut self, worker: usize) -> Seen {
        let outcome = self.recording.outcome(self.task, worker);
        let seen = Seen { worker, usd: outcome.usd, accepted: outcome.accepted };
        self.seen.push(seen);
        seen
    }

    /// Every call, in order.
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }
}

/// Has the policy decide every task of the recording.
pub fn play(policy: &mut dyn Policy, test: &Recording<Hidden>) -> Result<Vec<Decision>> {
    let mut decisions = Vec::new();
    for (at, task) in test.tasks.iter().enumerate() {
        let mut table = Table { recording: test, task: at, seen: Vec::new() };
        let answer = policy.play(task, &mut table)?;
        let name = |worker: usize| test.workers[worker].clone();
        let calls = table.seen.iter().map(|seen| name(seen.worker)).collect();
        decisions.push(Decision { task: task.id.clone(), calls, answer: name(answer.worker) });
    }
    Ok(decisions)
}

/// The file's text: a line a task.
pub fn written(decisions: &[Decision]) -> Result<String> {
    let lines: Result<Vec<String>, _> = decisions.iter().map(serde_json::to_string).collect();
    Ok(lines?.into_iter().map(|line| line + "\n").collect())
}

/// Reads a file of decisions, in the order of the recording's tasks.
pub fn read(path: &Path, test: &Recording<Hidden>) -> Result<Vec<Decision>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut found = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{} line {}", path.display(), at + 1);
        let decision: Decision = serde_json::from_str(line).with_context(place)?;
        if !test.tasks.iter().any(|task| task.id == decision.task) {
            bail!("{}: there is no task {} in the test set", place(), decision.task);
        }
        for worker in &decision.calls {
            test.worker(worker).with_context(place)?;
        }
        if !decision.calls.contains(&decision.answer) {
            bail!("{}: the answer is {}'s, who is not among the calls", place(), decision.answer);
        }
        if let Some(Decision { task, .. }) = found.insert(decision.task.clone(), decision) {
            bail!("{}: there is a decision about task {task} already", place());
        }
    }
    let of = |id: &String| {
        found.get(id).cloned().with_context(|| format!("{} has no decision about task {id}", path.display()))
    };
    test.tasks.iter().map(|task| of(&task.id)).collect()
}

#[cfg(test)]
mod tests;
