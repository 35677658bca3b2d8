//! Recorded outcomes: tasks in the order of their dates, and what each worker did with each of them. Whether a worker was
//! right is known of training tasks; of test tasks it is [`Hidden`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use super::rows::{Row, Rows};
use super::score::Scoring;

/// A task as a policy may read it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Task {
    /// Unique.
    pub id: String,
    /// Year, month and day, so that dates compare as texts.
    pub date: String,
    /// What is wanted.
    pub kind: Kind,
    /// The language's name; empty where it is not told.
    #[serde(default)]
    pub language: String,
    /// What is asked.
    pub text: String,
}

/// What a task wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// That what fails passes.
    Fix,
    /// New code.
    Write,
}

/// What one worker did with one task.
#[derive(Debug, Clone)]
pub struct Outcome<S> {
    /// Whether it was right.
    pub solved: S,
    /// US dollars.
    pub usd: f64,
    /// Whether the verifier accepted it.
    pub accepted: bool,
}

/// Whether a worker's answer to a test task is right. Only who scores can open it, and only [`super::score`] scores.
#[derive(Clone)]
pub struct Hidden(Option<bool>);

impl Hidden {
    /// What is inside; `None` where the recording does not tell.
    pub fn open(&self, _: &Scoring) -> Option<bool> {
        self.0
    }
}

/// What may stand for "was it right": known, or hidden.
pub trait Truth: Sized {
    /// Of the column's text, which is empty where there is no such column; `None` where that is not enough.
    fn read(written: &str) -> Option<Self>;
}

impl Truth for bool {
    fn read(written: &str) -> Option<Self> {
        bit(written)
    }
}

impl Truth for Hidden {
    fn read(written: &str) -> Option<Self> {
        match written {
            "" => Some(Self(None)),
            _ => Some(Self(Some(bit(written)?))),
        }
    }
}

/// A folder's recording.
#[derive(Clone)]
pub struct Recording<S> {
    /// Where it was read.
    pub folder: PathBuf,
    /// In the order of their dates.
    pub tasks: Vec<Task>,
    /// Sorted.
    pub workers: Vec<String>,
    /// By task, then by worker.
    outcomes: Vec<Vec<Outcome<S>>>,
}

/// What is learned from, and what is played.
pub struct Split {
    /// Everything of it may be read.
    pub train: Recording<bool>,
    /// Of it a policy sees the tasks' words and, of a worker that it called, the cost and what the verifier said.
    pub test: Recording<Hidden>,
}

/// The folders as they are named to the shell.
#[derive(Debug, Clone)]
pub struct Source {
    /// Training tasks.
    pub train: PathBuf,
    /// Test tasks.
    pub test: PathBuf,
    /// Only so many of the training tasks, the oldest.
    pub train_before: Option<usize>,
    /// Test tasks from this one on.
    pub test_from: Option<usize>,
    /// Which `accept_…` column counts.
    pub verifier: String,
}

impl Source {
    /// Reads both. Only workers that both know take part, and only tasks that all of these were given.
    pub fn read(&self) -> Result<Split> {
        let train = Raw::<bool>::read(&self.train, &self.verifier, ..self.train_before.unwrap_or(usize::MAX))?;
        let test = Raw::<Hidden>::read(&self.test, &self.verifier, self.test_from.unwrap_or(0)..)?;
        let workers: Vec<String> = train.workers.intersection(&test.workers).cloned().collect();
        if workers.is_empty() {
            bail!("{} and {} have no worker in common", self.train.display(), self.test.display());
        }
        let (train, test) = (train.of(&workers)?, test.of(&workers)?);
        let known: BTreeSet<&str> = train.tasks.iter().map(|task| task.id.as_str()).collect();
        if let Some(task) = test.tasks.iter().find(|task| known.contains(task.id.as_str())) {
            bail!(
                "task {} is in the training and in the test set; separate them by --train-before and --test-from",
                task.id
            );
        }
        Ok(Split { train, test })
    }
}

impl<S> Recording<S> {
    /// What this worker did with this task, both by their place.
    pub fn outcome(&self, task: usize, worker: usize) -> &Outcome<S> {
        &self.outcomes[task][worker]
    }

    /// A worker's place.
    pub fn worker(&self, name: &str) -> Result<usize> {
        let at = self.workers.iter().position(|worker| worker == name);
        at.ok_or_else(|| {
            anyhow!("there is no worker `{name}` in both recordings; there are {}", self.workers.join(", "))
        })
    }

    /// A worker's mean cost, in US dollars.
    pub fn usd(&self, worker: usize) -> f64 {
        self.outcomes.iter().map(|row| row[worker].usd).sum::<f64>() / self.tasks.len() as f64
    }
}

impl Recording<bool> {
    /// All of a folder that may be learned from: its first tasks, if so many are named. `verifier`: which `accept_…` column counts.
    pub fn read(folder: &Path, verifier: &str, before: Option<usize>) -> Result<Self> {
        let raw = Raw::<bool>::read(folder, verifier, ..before.unwrap_or(usize::MAX))?;
        let workers: Vec<String> = raw.workers.iter().cloned().collect();
        if workers.is_empty() {
            bail!("{} names no worker", folder.display());
        }
        raw.of(&workers)
    }

    /// The share of tasks that a worker solved.
    pub fn success(&self, worker: usize) -> f64 {
        self.outcomes.iter().filter(|row| row[worker].solved).count() as f64 / self.tasks.len() as f64
    }

    /// The worker that solved most.
    pub fn best(&self) -> usize {
        self.first_by(|a, b| self.success(*b).total_cmp(&self.success(*a)))
    }

    /// The worker that cost least.
    pub fn cheapest(&self) -> usize {
        self.first_by(|a, b| self.usd(*a).total_cmp(&self.usd(*b)))
    }

    /// Of equals the first by name.
    fn first_by(&self, order: impl Fn(&usize, &usize) -> std::cmp::Ordering) -> usize {
        (0..self.workers.len()).min_by(order).unwrap_or_else(|| unreachable!("a split has workers"))
    }
}

impl<S: Clone> Recording<S> {
    /// Only the tasks at these places.
    pub fn only(&self, keep: impl Fn(usize) -> bool) -> Self {
        let places = || (0..self.tasks.len()).filter(|at| keep(*at));
        let tasks = places().map(|at| self.tasks[at].clone()).collect();
        let outcomes = places().map(|at| self.outcomes[at].clone()).collect();
        Self { folder: self.folder.clone(), tasks, workers: self.workers.clone(), outcomes }
    }

    /// From this task on, what `worker` does is what `other` does, at its own price.
    pub fn degraded(&self, worker: usize, other: usize, from: usize) -> Self {
        let mut changed = self.clone();
        for row in changed.outcomes.iter_mut().skip(from) {
            row[worker] = Outcome { usd: row[worker].usd, ..row[other].clone() };
        }
        changed
    }
}

/// A folder before it is known who takes part.
struct Raw<S> {
    folder: PathBuf,
    tasks: Vec<Task>,
    workers: BTreeSet<String>,
    outcomes: BTreeMap<(String, String), Outcome<S>>,
}

impl<S: Truth + Clone> Raw<S> {
    fn read(folder: &Path, verifier: &str, part: impl std::ops::RangeBounds<usize>) -> Result<Self> {
        let tasks = tasks(&folder.join("tasks.jsonl"))?;
        let path = folder.join("outcomes.csv");
        let rows = Rows::parse(&path, &text(&path)?)?;
        let accepted = format!("accept_{verifier}");
        let missing = ["task", "worker", "cost_usd", &accepted].into_iter().find(|column| !rows.has(column));
        if let Some(column) = missing {
            bail!("{} line 1 names no column `{column}`", path.display());
        }
        let (mut outcomes, mut workers) = (BTreeMap::new(), BTreeSet::new());
        for row in rows.iter() {
            let place = || format!("{} line {}", path.display(), row.line);
            let (task, worker) = (row.field("task"), row.field("worker"));
            let Some(at) = tasks.iter().position(|known| known.id == task) else {
                bail!("{}: there is no task {task} in tasks.jsonl", place());
            };
            workers.insert(worker.to_owned());
            // Of the other tasks nothing is read: what is known of them may be hidden from whoever learns.
            if !part.contains(&at) {
                continue;
            }
            let outcome = outcome(row, &accepted).with_context(place)?;
            if outcomes.insert((task.to_owned(), worker.to_owned()), outcome).is_some() {
                bail!("{}: {worker} has an outcome of task {task} already", place());
            }
        }
        let chosen = tasks.into_iter().enumerate().filter(|(at, _)| part.contains(at));
        let tasks = chosen.map(|(_, task)| task).collect();
        Ok(Self { folder: folder.to_owned(), tasks, workers, outcomes })
    }

    fn of(self, workers: &[String]) -> Result<Recording<S>> {
        let row = |task: &Task| {
            let outcomes = workers.iter().map(|worker| self.outcomes.get(&(task.id.clone(), worker.clone())).cloned());
            outcomes.collect::<Option<Vec<_>>>()
        };
        let whole = self.tasks.iter().filter_map(|task| Some((task.clone(), row(task)?)));
        let (tasks, outcomes): (Vec<_>, Vec<_>) = whole.unzip();
        if tasks.is_empty() {
            bail!("no task of {} that was chosen has an outcome of every worker", self.folder.display());
        }
        Ok(Recording { folder: self.folder, tasks, workers: workers.to_vec(), outcomes })
    }
}

/// The verifiers that a folder knows: its columns `accept_…`, without the beginning.
pub fn verifiers(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("outcomes.csv");
    let text = text(&path)?;
    let rows = Rows::parse(&path, text.lines().next().unwrap_or_default())?;
    Ok(rows.columns().filter_map(|column| column.strip_prefix("accept_")).map(str::to_owned).collect())
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn tasks(path: &Path) -> Result<Vec<Task>> {
    let (mut tasks, mut ids): (Vec<Task>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    for (at, line) in text(path)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{} line {}", path.display(), at + 1);
        let task: Task = serde_json::from_str(line).with_context(place)?;
        if let Some(before) = tasks.last().filter(|before| before.date > task.date) {
            bail!(
                "{}: {} comes after {}, but tasks stand in the order of their dates",
                place(),
                task.date,
                before.date
            );
        }
        if !ids.insert(task.id.clone()) {
            bail!("{}: there is a task {} already", place(), task.id);
        }
        tasks.push(task);
    }
    Ok(tasks)
}

fn outcome<S: Truth>(row: Row<'_>, accepted: &str) -> Result<Outcome<S>> {
    let bad = |column: &str| anyhow!("`{column}` is `{}` where it must be 0 or 1", row.field(column));
    let usd = row.field("cost_usd");
    let usd = usd.parse().ok().filter(|usd: &f64| usd.is_finite() && *usd >= 0.0);
    let usd =
        usd.ok_or_else(|| anyhow!("`cost_usd` is `{}`, which is no number of at least 0", row.field("cost_usd")))?;
    let solved = S::read(row.field("solved")).ok_or_else(|| bad("solved"))?;
    let accepted = bit(row.field(accepted)).ok_or_else(|| bad(accepted))?;
    Ok(Outcome { solved, usd, accepted })
}

fn bit(written: &str) -> Option<bool> {
    match written {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
