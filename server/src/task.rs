//! What the user asked: the Task, with its focus, its goal and the limits it must stay within.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::conversation::{Conversation, Message};
use crate::workflow::Workflow;
use crate::workspace::{Buffer, RelPath, Snapshot};

/// One request of the user, together with the workspace as it was at that moment.
#[derive(Debug, Clone)]
pub struct Task {
    /// What kind of answer is wanted.
    pub goal: Goal,
    /// Where in the workspace.
    pub focus: Focus,
    /// The user's own words; empty when the focus says it all.
    pub instruction: String,
    /// A test command the user gave, split as a shell splits words; `None`: find one.
    pub test: Option<Vec<String>>,
    /// Which conductor decides.
    pub tier: Tier,
    /// A workflow by its name in place of a conductor's decisions.
    pub policy: Option<Policy>,
    /// How often tier `ultra` may look at what came of its workflow; `None`: as configured.
    pub depth: Option<usize>,
    /// What the run may use up.
    pub budget: Budget,
    /// Which workers it may go to.
    pub allowed: Allowed,
    /// The workspace as the user saw it.
    pub snapshot: Snapshot,
    /// The identifier of the run that it becomes; `None`: any.
    pub run: Option<String>,
    /// A conversation that is to go on, in place of a workspace: nothing of the disk belongs to such a task.
    pub conversation: Option<Arc<Conversation>>,
}

/// What stands where the file of a task has its path, if the task is a conversation.
const CONVERSATION: &str = "conversation";

impl Task {
    /// The next turn of a conversation.
    pub fn of(conversation: Arc<Conversation>, tier: Tier, budget: Budget, allowed: Allowed) -> Self {
        let path = RelPath::new(CONVERSATION).unwrap_or_else(|_| unreachable!("it is a name"));
        let question = conversation.question();
        // What was said before is what the question is about, as a file is.
        let before: Vec<String> =
            conversation.messages.iter().map(Message::text).filter(|text| *text != question).collect();
        let buffer = Buffer { text: before.join("\n\n").into(), version: 0 };
        Self {
            goal: Goal::Ask,
            focus: Focus { path: path.clone(), range: None, diagnostics: Vec::new() },
            instruction: question,
            test: None,
            tier,
            policy: None,
            depth: Some(0),
            budget,
            allowed,
            snapshot: Snapshot::new(PathBuf::new(), BTreeMap::from([(path, buffer)])),
            run: None,
            conversation: Some(conversation),
        }
    }
}

/// The place that a task is about.
#[derive(Debug, Clone)]
pub struct Focus {
    /// The file.
    pub path: RelPath,
    /// Bytes of its text: a selection, an item or a line; `None`: the whole file.
    pub range: Option<Range<usize>>,
    /// Messages of the diagnostics there, in the tools' own words.
    pub diagnostics: Vec<String>,
}

/// What kind of answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Make what fails pass.
    Fix,
    /// Change the code as instructed; what passed must still pass.
    Edit,
    /// Change how the code is written; what it does stays the same.
    Refactor,
    /// Answer a question; nothing is edited.
    Ask,
}

/// Which line of conductor decides (DESIGN §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// One turn at a time, by embedding and heads (TRINITY).
    #[default]
    Mini,
    /// A whole workflow at once, written by a generative model (Conductor).
    Ultra,
}

/// A workflow that needs no conductor: for who wants it, and to compare conductors with.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// The strongest model, once.
    Single,
    /// The strongest model, so many times at once.
    BestOf(usize),
    /// One model after the other, the cheapest first, until a change passes.
    Cascade,
    /// The other models propose at once, the strongest puts together (Mixture-of-Agents, arXiv 2406.04692).
    Mixture,
    /// The strongest model plans, the cheapest of the others edits.
    PlannerEditor,
    /// These steps.
    Fixed(Workflow),
}

impl Policy {
    /// As it is written and recorded.
    pub fn name(&self) -> String {
        match self {
            Self::Single => "single".into(),
            Self::BestOf(n) => format!("best-of-{n}"),
            Self::Cascade => "cascade".into(),
            Self::Mixture => "mixture".into(),
            Self::PlannerEditor => "planner-editor".into(),
            Self::Fixed(_) => "fixed".into(),
        }
    }
}

impl std::str::FromStr for Policy {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let tries = |n: &str| n.parse().ok().filter(|n| (2..=5).contains(n));
        match (written, written.strip_prefix("best-of-")) {
            ("single", _) => Ok(Self::Single),
            ("cascade", _) => Ok(Self::Cascade),
            ("mixture", _) => Ok(Self::Mixture),
            ("planner-editor", _) => Ok(Self::PlannerEditor),
            (_, Some(n)) if tries(n).is_some() => Ok(Self::BestOf(tries(n).unwrap_or_default())),
            _ => {
                Err("a policy is `single`, `best-of-2` to `best-of-5`, `cascade`, `mixture` or `planner-editor`".into())
            }
        }
    }
}

/// What a run may use up before it stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Wall clock of the whole run.
    pub time: Duration,
    /// US dollars, over all steps.
    pub usd: f64,
}

/// Which workers a task may go to, by their names or tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// These alone; empty: every worker.
    pub only: Vec<String>,
    /// None of these.
    pub never: Vec<String>,
}

/// Splits a test command as a shell splits words; nothing is expanded, and no shell will run it.
pub fn split_command(written: &str) -> Result<Vec<String>, String> {
    match shlex::split(written) {
        Some(words) if !words.is_empty() => Ok(words),
        _ => Err(format!(
            "the test command `{written}` is empty or has an open quote; write a program and its arguments"
        )),
    }
}
