//! The engine: what outlives a run, and the frame around each one.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::course::{Course, End};
use super::{Event, Kind, Outcome};
use crate::conductor::Conductor;
use crate::conductor::heads::Heads;
use crate::conductor::heads::declared::Declared;
use crate::conductor::host::{EXE, Host, HostOptions, Writers};
use crate::conductor::ultra::Planner;
use crate::config::{Config, Trust, WorkerOptions};
use crate::context::Maps;
use crate::ledger::Ledger;
use crate::patch::Patch;
use crate::pool::{ConfigProblem, Facts, Pool};
use crate::task::Task;
use crate::verify::{self, Keep};

/// How long a run that was stopped may take to end what it started before it is given up.
const GRACE: Duration = Duration::from_secs(2);

/// Everything a run needs that outlives it.
pub struct Engine {
    pub(super) config: Config,
    pub(super) pool: Pool,
    trust: Trust,
    /// The model files, shared by the conductor and the pool.
    writers: Writers,
    problems: Vec<ConfigProblem>,
    memory: OnceLock<Memory>,
    pub(super) maps: Maps,
}

/// The conductor and what it learns from; made by the first run.
pub(super) struct Memory {
    pub conductor: Conductor,
    pub ledger: Option<Arc<Ledger>>,
    /// What does not work and does not stop a run, in sentences.
    pub problems: Vec<String>,
}

impl Engine {
    /// An engine for this configuration. Nothing is started, opened or contacted before the first run.
    pub fn new(config: Config, trust: Trust) -> Self {
        let (mut pool, mut problems) = Pool::new(&config.workers, &config.policy, &config.repair, &config.toolchain);
        let writers = Writers::of(&config, Path::new(EXE));
        for (options, writer) in writers.workers() {
            problems.extend(pool.add_local(options, writer).err());
        }
        let maps = Maps::new(config.places.cache_dir.clone());
        Self { config, trust, pool, writers, problems, memory: OnceLock::new(), maps }
    }

    pub(super) fn memory(&self) -> &Memory {
        self.memory.get_or_init(|| {
            let mut problems = Vec::new();
            let ledger = match Ledger::of(&self.config) {
                Ok(ledger) => Some(Arc::new(ledger)),
                Err(problem) => {
                    problems.push(format!("{problem:#}"));
                    None
                }
            };
            let host = Host::new(HostOptions {
                exe: EXE.into(),
                encoder: self.config.conductor.encoder.clone(),
                cache_dir: self.config.places.cache_dir.clone(),
            });
            let planner = Planner::of(&self.config.conductor, &self.config.policy, &self.writers);
            let planner = planner.unwrap_or_else(|problem| {
                problems.push(problem.to_string());
                Planner::Embedded(self.writers.embedded())
            });
            let (heads, remark) = Heads::load(&self.config.places.heads_file);
            let conductor = Conductor::new(host, ledger.clone()).planned_by(planner).led_by(heads, remark);
            let conductor = conductor.exploring(self.config.conductor.exploration);
            Memory { conductor, ledger, problems }
        })
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Workers that cannot be used as they are configured, each with what to change.
    pub fn problems(&self) -> Vec<String> {
        self.problems.iter().map(ToString::to_string).collect()
    }

    /// Has the runs of this engine ask nobody who takes part no more by a newer configuration.
    pub fn keep(&self, config: &Config) {
        let own = WorkerOptions::conductor(&config.conductor);
        self.pool.keep(&config.workers.iter().cloned().chain(own).collect::<Vec<_>>());
    }

    /// The workers that hold conversations, as the conductor knows them.
    pub fn talkers(&self) -> Vec<Facts> {
        self.pool.facts().into_iter().filter(|facts| self.pool.llm(&facts.name).is_some()).collect()
    }

    /// What decides: the encoder that reads tasks, the heads that judge by it, the model that plans for tier `ultra`.
    pub fn deciders(&self) -> [String; 3] {
        let conductor = &self.memory().conductor;
        let heads = conductor.heads().unwrap_or_else(str::to_owned);
        [conductor.host().model_name(), heads, conductor.planner_name().unwrap_or_default().to_owned()]
    }

    /// The workers' names and the strengths that are declared of them.
    pub fn declared(&self) -> Declared {
        self.pool.facts().into_iter().map(|facts| (facts.name, facts.strength)).collect()
    }

    /// Every word by which a task can name workers: their names and their tags.
    pub fn worker_names(&self) -> Vec<String> {
        let facts = self.pool.facts();
        let tags = facts.iter().flat_map(|facts| facts.terms.tags.clone());
        let mut names: Vec<String> = facts.iter().map(|facts| facts.name.clone()).chain(tags).collect();
        // Tags are shared; a few names are quickly compared.
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    /// Whether anything may run or be sent for this workspace (canonical root).
    pub fn trusts(&self, root: &Path) -> bool {
        self.trust.covers(root)
    }

    /// Does the task and says how it ended; never panics, never hangs past the budget.
    /// `events` gets every change of state; dropping its receiver does not matter.
    pub async fn run(&self, task: Task, events: UnboundedSender<Event>, cancel: CancellationToken) -> Outcome {
        let whole = cancel.clone();
        let run = async |course: &Course<'_>| {
            if course.task.conversation.is_some() {
                return course.conduct(None).await;
            }
            // While the tests run; what is not done when the run ends goes on for the next one.
            let mapping = self.maps.refresh(&course.task.snapshot, whole.clone());
            course.run(mapping).await
        };
        self.framed(task, events, cancel, run).await
    }

    /// Judges a patch again, for a snapshot that is newer than the one it was made for.
    pub async fn verify(
        &self,
        task: Task,
        patch: Patch,
        events: UnboundedSender<Event>,
        cancel: CancellationToken,
    ) -> Outcome {
        self.framed(task, events, cancel, async |course: &Course<'_>| course.verify(patch).await).await
    }

    /// Beside the run: it may take long, and nothing waits for it.
    fn clean_now_and_then(&self) {
        let copies = self.config.places.cache_dir.clone();
        let keep = Keep::new(self.config.shadow.keep_days, self.config.shadow.max_gb);
        std::thread::spawn(move || {
            if let Err(problem) = verify::clean_now_and_then(&copies, keep) {
                tracing::warn!(%problem, "old private copies cannot be removed");
            }
        });
    }

    async fn framed<W>(&self, task: Task, events: UnboundedSender<Event>, cancel: CancellationToken, work: W) -> Outcome
    where
        W: AsyncFnOnce(&Course<'_>) -> End,
    {
        let started = Instant::now();
        // The one check: everything that runs or sends is behind it. A conversation has no workspace: nothing is run for it, and
        // what is sent is what its client sent.
        if task.conversation.is_none() && !self.trusts(task.snapshot.root()) {
            let root = task.snapshot.root().display();
            return Outcome::failed(format!(
                "{root} is not trusted, so nothing was run or sent; `baton trust {root}` changes that"
            ));
        }
        if task.conversation.is_none() {
            self.clean_now_and_then();
        }
        let stop = cancel.child_token();
        let mut out_of_time = false;
        let course = Course::new(self, &task, events, stop.clone(), started);
        let ended = {
            let work = AssertUnwindSafe(work(&course)).catch_unwind();
            tokio::pin!(work);
            let ended = tokio::select! {
                ended = &mut work => Some(ended),
                () = cancel.cancelled() => None,
                () = tokio::time::sleep(task.budget.time) => { out_of_time = true; None }
            };
            stop.cancel();
            match ended {
                Some(ended) => Some(ended),
                None => tokio::time::timeout(GRACE, work).await.ok(),
            }
        };
        let mut outcome = course.into_outcome();
        match ended {
            Some(Ok((kind, message))) => (outcome.kind, outcome.message) = (kind, message),
            Some(Err(_)) => outcome.message = "Baton made a mistake and gave this run up; nothing was changed".into(),
            None => {}
        }
        if outcome.kind != Kind::Verified {
            if cancel.is_cancelled() {
                outcome.kind = Kind::Cancelled;
                outcome.message = "cancelled; nothing was changed".into();
            } else if out_of_time {
                let seconds = task.budget.time.as_secs_f64();
                outcome.kind = Kind::Failed;
                outcome.message =
                    format!("no fix passed within {seconds} s; --max-seconds or budget.max_seconds allows more");
            }
        }
        outcome.ms = started.elapsed().as_millis() as u64;
        self.record(&task, &mut outcome).await;
        outcome
    }
}
