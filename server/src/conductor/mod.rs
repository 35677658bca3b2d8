//! Turns a Task into a Workflow, one step at a time: whom to ask next, and why.

pub mod baseline;
pub mod dice;
pub mod heads;
pub mod host;
pub mod mini;
pub mod ultra;

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::ledger::{Embedding, Ledger, Neighbour, PastAttempt, PastRun};
use crate::pool::Facts;
use crate::task::{Goal, Task};
use crate::workflow::{Access, Role, Step};

use dice::Dice;
use heads::Heads;
use heads::declared::Declared;
use heads::record::{Attempt, Past, Record};
use heads::telling::{Sort, Telling, facts};
use host::{Host, HostError, Stats};
use mini::{Known, Need};
use ultra::Planner;

/// How many past attempts' tasks are compared with a task.
pub const NEAREST: usize = 40;

/// Decides. Cheap to make; nothing is started before the first [`Conductor::read`].
#[derive(Debug)]
pub struct Conductor {
    host: Host,
    ledger: Option<Arc<Ledger>>,
    planner: Option<Planner>,
    heads: Arc<Heads>,
    remark: Option<String>,
    exploration: f64,
}

/// What the conductor knows of one task. Computed once; every decision about the task goes by it.
#[derive(Debug, Clone)]
pub struct Reading {
    model: String,
    embedding: Option<Embedding>,
    neighbours: Vec<Neighbour>,
    remarks: Vec<String>,
    heads: Arc<Heads>,
    telling: Telling,
    record: Record,
    /// The share of spend for trying workers out, and the chance that decides.
    exploration: (f64, Dice),
}

impl Default for Reading {
    fn default() -> Self {
        let sort = Sort { goal: Goal::Fix, language: String::new() };
        Self::new(String::new(), Heads::shipped(), Telling { vector: Vec::new(), facts: None, sort })
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Ask somebody.
    Delegate {
        /// Whom, and for what.
        step: Step,
        /// Why, with the figures.
        why: String,
    },
    /// Ask nobody any more.
    Stop {
        /// Why.
        why: String,
    },
}

impl Conductor {
    /// Without a ledger, and with a host that cannot work, it decides by what is declared of the workers.
    pub fn new(host: Host, ledger: Option<Arc<Ledger>>) -> Self {
        Self { host, ledger, planner: None, heads: Heads::shipped(), remark: None, exploration: 0.0 }
    }

    /// This conductor with these heads, and what every decision shall say of them.
    pub fn led_by(self, heads: Arc<Heads>, remark: Option<String>) -> Self {
        Self { heads, remark, ..self }
    }

    /// The heads that decide; or why they are not the user's own, where these cannot be used.
    pub fn heads(&self) -> Result<String, &str> {
        self.remark.as_deref().map_or_else(|| Ok(self.heads.name()), Err)
    }

    /// This conductor, spending this share on trying workers out.
    pub fn exploring(self, exploration: f64) -> Self {
        Self { exploration, ..self }
    }

    /// This conductor with somebody to write the plans of tier ultra.
    pub fn planned_by(self, planner: Planner) -> Self {
        Self { planner: Some(planner), ..self }
    }

    /// The model that plans, if there is one.
    pub fn planner_name(&self) -> Option<&str> {
        self.planner.as_ref().map(Planner::name)
    }

    /// The models' process.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// How the process of the model that plans is; `None` while there is none.
    pub async fn planner_stats(&self) -> Option<Stats> {
        match &self.planner {
            Some(Planner::Embedded(writer) | Planner::Local(writer)) => writer.stats().await,
            _ => None,
        }
    }

    /// Whether the encoder works, tried out: what it is, or why it does not, in words.
    pub async fn probe(&self, cancel: &CancellationToken) -> Result<String, HostError> {
        let started = std::time::Instant::now();
        let vector = self.host.embed("Does it work?", cancel).await?;
        let (model, ms) = (self.host.model_name(), started.elapsed().as_millis());
        let mut words = format!("{model} gives {} numbers a text, the first after {ms} ms", vector.len());
        if let Some(stats) = self.host.stats().await {
            let network = if stats.offline { "cut off from the network" } else { "not cut off from the network" };
            words += &format!("; its process has {} MB and is {network}", stats.resident / 1_000_000);
        }
        Ok(words)
    }

    /// Reads a task, as [`describe`]d: embeds it and looks similar ones up. Never fails: what could not be
    /// had is a remark in every decision that follows. `Err` only when cancelled.
    pub async fn read(&self, description: &str, sort: Sort, cancel: &CancellationToken) -> Result<Reading, Cancelled> {
        let telling = Telling { vector: Vec::new(), facts: Some(facts(description)), sort };
        let mut reading = Reading::new(self.host.model_name(), self.heads.clone(), telling);
        reading.remarks.extend(self.remark.clone());
        reading.exploration = (self.exploration, Dice::of(rand::random()));
        let Some(ledger) = self.ledger.clone() else {
            reading.remarks.push("there is no ledger to learn from".into());
            return Ok(reading);
        };
        match self.host.embed(description, cancel).await {
            Ok(vector) => {
                // Vectors of another encoder have no meaning to the heads.
                if reading.model == self.heads.trained.encoder {
                    reading.telling.vector.clone_from(&vector);
                } else {
                    let (own, other) = (&self.heads.trained.encoder, &reading.model);
                    reading
                        .remarks
                        .push(format!("the heads read vectors of {own}, not of {other}: difficulty is not read"));
                }
                reading.embedding = Some(Embedding { model: reading.model.clone(), vector });
            }
            Err(HostError::Cancelled) => return Err(Cancelled),
            Err(error) => {
                reading.remarks.push(format!("similar tasks could not be looked up: {error}"));
                return Ok(reading);
            }
        }
        let (task, heads) = (reading.embedding.clone(), self.heads.clone());
        let look = move || {
            let Some(task) = task else { return Ok((Vec::new(), Record::default())) };
            let past = ledger.history(&task.model, heads.learned_until)?;
            Ok::<_, anyhow::Error>((ledger.neighbours(&task, NEAREST)?, recorded(past, &heads)))
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok((neighbours, record))) => (reading.neighbours, reading.record) = (neighbours, record),
            Ok(Err(error)) => reading.remarks.push(format!("the ledger could not be read: {error:#}")),
            Err(_) => reading.remarks.push("the ledger could not be read".into()),
        }
        Ok(reading)
    }
}

/// What the ledger has of past runs, as the heads take it.
pub fn recorded(runs: Vec<PastRun>, heads: &Heads) -> Record {
    let mut record = Record::default();
    let verifier = heads.verifier(mini::TESTS);
    for run in runs {
        let vector = if run.model == heads.trained.encoder { run.vector } else { Vec::new() };
        let sort = Sort { goal: run.goal, language: language(Path::new(&run.path)) };
        let attempts = run.attempts.into_iter().map(|PastAttempt { worker, accepted, again }| Attempt {
            worker,
            accepted,
            verifier,
            again,
        });
        record.push(Past { telling: Telling { vector, facts: None, sort }, attempts: attempts.collect() }, heads);
    }
    record
}

/// The identifier of the language of a file; empty where it has none that is known.
pub fn language(path: &Path) -> String {
    baton_grammars::by_path(path).map_or_else(String::new, |language| language.id.to_owned())
}

/// The user stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl Reading {
    fn new(model: String, heads: Arc<Heads>, telling: Telling) -> Self {
        Self {
            model,
            embedding: None,
            neighbours: Vec::new(),
            remarks: Vec::new(),
            heads,
            telling,
            record: Record::default(),
            exploration: (0.0, Dice::of(0)),
        }
    }

    /// What is known of the task and of these workers.
    pub fn known(&self, pool: &[Facts]) -> Known {
        let heads = self.heads.clone();
        let able = self.record.able(&self.telling, &heads, &Declared::of(pool));
        let belief = heads.difficulty.read(&self.telling, heads.policy.wider);
        Known { heads, belief, able, neighbours: self.neighbours.clone() }
    }

    /// The task's vector, for the ledger.
    pub fn embedding(&self) -> Option<&Embedding> {
        self.embedding.as_ref()
    }

    /// The file name of the model that read it.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Has every decision that follows say this too.
    pub fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// Whom to ask next. Pure.
    pub fn decide(&self, pool: &[Facts], need: &Need) -> Decision {
        let known = self.known(pool);
        let remarks: String = self.remarks.iter().map(|remark| format!("; {remark}")).collect();
        let (share, mut dice) = self.exploration.clone();
        let tried_out = mini::tried_out(pool, need, &known, share, &mut dice);
        let (choices, excluded) = mini::judge(pool, need, &known);
        let Some(choice) = tried_out.or(choices.into_iter().next()) else {
            return Decision::Stop { why: stop(pool, need, &excluded) + &remarks };
        };
        if let Some(thinker) = mini::thinker(pool, need, &known, &choice.worker) {
            let (worker, subtask) = (thinker.worker, THINK.to_owned());
            let step = Step { worker, role: Role::Thinker, subtask, access: Access::All };
            return Decision::Delegate { step, why: thinker.why + &remarks };
        }
        let access = if need.failed.is_empty() { Access::None } else { Access::All };
        let step = Step { worker: choice.worker, role: Role::Worker, subtask: subtask(need).into(), access };
        Decision::Delegate { step, why: choice.why + &remarks }
    }

    /// Whom to ask for tests that judge what `author` made, which nothing else can: the best of the others. Pure.
    pub fn tester(&self, author: &str, pool: &[Facts], need: &Need) -> Decision {
        let others: Vec<Facts> = pool.iter().filter(|facts| facts.name != author).cloned().collect();
        // Nobody has failed at it, and nothing tells whether tests are good.
        let need = Need { judged: false, failed: Vec::new(), turns_left: 1, ..need.clone() };
        let (choices, excluded) = mini::judge(&others, &need, &self.known(&others));
        match choices.into_iter().next() {
            Some(choice) => {
                let subtask = tests_wanted(need.goal).to_owned();
                let step = Step { worker: choice.worker, role: Role::Verifier, subtask, access: Access::None };
                Decision::Delegate { step, why: format!("nothing can judge what {author} made; {}", choice.why) }
            }
            None => Decision::Stop { why: stop(&others, &need, &excluded) },
        }
    }
}

/// What a thinker is asked to do.
const THINK: &str = "Say why what was tried before was refused, and what should be done instead.";

/// What a tester is asked to do.
fn tests_wanted(goal: Goal) -> &'static str {
    match goal {
        Goal::Refactor => "Write tests that pin down what the code does now.",
        _ => "Write tests that fail now and pass once the task is done.",
    }
}

/// What the encoder reads of a task: the user's words, what is wrong, the code in question; the telling first.
pub fn describe(task: &Task, failing_report: Option<&str>) -> String {
    let mut text = format!("{} {}\n{}\n", opening(task.goal), task.instruction, task.focus.path);
    for line in task.focus.diagnostics.iter().map(String::as_str).chain(failing_report.map(last_lines)) {
        text.push_str(line);
        text.push('\n');
    }
    if let Ok(code) = task.snapshot.read(&task.focus.path) {
        let range = task.focus.range.clone().unwrap_or(0..code.len());
        text.push_str(code.get(range).unwrap_or(&code));
    }
    text
}

/// How what the encoder reads begins.
pub fn opening(goal: Goal) -> &'static str {
    match goal {
        Goal::Fix => "Fix a bug.",
        Goal::Edit => "Change code.",
        Goal::Refactor => "Refactor code.",
        Goal::Ask => "Answer a question.",
    }
}

/// The end of a test report, where runners say what was wrong; at most some 400 bytes.
fn last_lines(report: &str) -> &str {
    let report = report.trim_end();
    let from = report.len().saturating_sub(400);
    report.get(from..).or_else(|| (from..).find_map(|at| report.get(at..))).unwrap_or(report)
}

/// What a worker is asked to do. The user's words are not repeated: the task goes to it whole, and this is recorded.
fn subtask(need: &Need) -> &'static str {
    match (need.goal, need.failed.is_empty()) {
        (goal, true) => first_subtask(goal),
        (Goal::Ask, false) => "Answer the question; the answers before were not accepted.",
        (_, false) => "What was tried before was refused; read why, and make the change in another way.",
    }
}

/// What a worker is asked to do where nobody has tried it.
fn first_subtask(goal: Goal) -> &'static str {
    match goal {
        Goal::Fix => "Fix it with the smallest change that makes the failing tests pass.",
        Goal::Edit => "Make the change that is asked for, and no other.",
        Goal::Refactor => "Change how the code is written as asked; what it does must stay the same.",
        Goal::Ask => "Answer the question.",
    }
}

fn stop(pool: &[Facts], need: &Need, excluded: &[String]) -> String {
    if pool.is_empty() {
        return "there is nobody to ask: configure a model under [[worker]]".into();
    }
    if need.turns_left == 0 {
        return format!("{} attempts failed, which is the limit", need.failed.len());
    }
    format!("nobody is left who is worth asking: {}", excluded.join(", "))
}

#[cfg(test)]
mod tests;
