//! Judging a patch by what the project itself says: parser, compilers, linters, then tests, in a sandboxed private
//! copy, compared with what they said before.

mod checks;
mod command;
mod compilation;
mod evidence;
mod fixing;
mod forgery;
mod formatting;
mod judge;
mod ladder;
mod lane;
pub mod leash;
mod listing;
mod manifest;
mod mirror;
mod modules;
mod narrow;
mod output;
mod overlay;
mod parse;
mod pen;
mod plan;
mod pyenv;
mod reaching;
#[cfg(test)]
mod redteam;
mod results;
mod runner;
mod sandbox;
mod seed;
mod shadow;
mod storage;
mod suites;
mod tool;
mod toolchains;
mod tree;
mod trial;
mod verdict;
mod walk;
mod watch;
mod write;
mod written;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

pub use checks::{Choices, Finding, Severity};
pub use command::TestCommand;
pub use fixing::Fixing;
pub use lane::Lane;
pub use manifest::Texts;
pub use overlay::works as overlays_work;
pub use results::TestStatus;
pub use runner::RunnerKind;
use sandbox::Known;
pub use sandbox::{Cell, End, Inside, Level as SandboxLevel, Limits, Ran, Sandbox};
pub use shadow::{Base, Shadow};
pub use storage::{Cleaned, Keep, clean, clean_now_and_then};
pub use trial::Trial;
pub use verdict::{Level, Report, Rung, RungEnd, Verdict};
pub use written::{Place, Written};

use self::checks::Baselines;
use self::reaching::Reaching;
use self::results::Results;
use self::shadow::Leaves;
use crate::patch::Patch;
use crate::task::Goal;
use crate::workspace::{RelPath, Snapshot};

/// What a [`Verifier`] is made from.
#[derive(Debug, Clone)]
pub struct Request {
    /// The workspace as the task saw it.
    pub snapshot: Snapshot,
    /// The file that the task is about; tests are looked for from there upwards.
    pub focus: RelPath,
    /// What kind of change is wanted.
    pub goal: Goal,
    /// The user's own words, which may hold examples.
    pub instruction: String,
    /// The user's test command; `None`: find one.
    pub test: Option<Vec<String>>,
    /// Messages of the diagnostics that the task is about, in the tools' own words.
    pub diagnostics: Vec<String>,
    /// Whether more is looked at than the project's own checks and tests: examples, behaviour, mutants.
    pub evidence: bool,
    /// What the user says of checks, by their names.
    pub checks: Choices,
    /// Where private copies are kept; made if absent, for the user alone.
    pub state_dir: PathBuf,
    /// Limits of one run of the tests; `wall` is that of the baseline, and no check takes longer.
    pub limits: Limits,
}

/// Why nothing can be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The private copy could not be made or kept.
    #[error("cannot keep a private copy of the workspace in {dir}: {reason}")]
    Shadow {
        /// Where.
        dir: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The workspace is larger than Baton copies.
    #[error("{0}")]
    TooLarge(String),
    /// The tests cannot be run, for this reason.
    #[error("{0}")]
    NoTests(String),
}

/// The tests' state before anything was changed.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// The command as a line for people.
    pub command: String,
    /// Every test by name. Names in angle brackets stand for the run itself: its build, its time, its end.
    pub tests: BTreeMap<String, TestStatus>,
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// What failed and with which messages; at most 2 kB.
    pub report: String,
    /// The whole output, capped as the limits say.
    pub output: String,
    /// Milliseconds that the command took.
    pub ms: u64,
    /// Why it is not the whole suite that was run: `the whole suite takes longer than 120 s`.
    pub cut: Option<String>,
    results: Results,
    /// What was run in its place.
    instead: Option<Arc<Reaching>>,
}

impl Baseline {
    /// Whether it is not only tests that fail, but perhaps the program that does not compile or load.
    pub fn may_not_compile(&self) -> bool {
        let stands_for_run = |name: &str| name.starts_with('<') && name != results::TIME;
        let failed = self.tests.iter().filter(|(_, status)| **status == TestStatus::Failed);
        failed.into_iter().any(|(name, _)| stands_for_run(name) || self.results.unloaded.contains(name))
    }
}

/// Judges patches of one snapshot.
pub struct Verifier {
    request: Request,
    sandbox: Result<Sandbox, String>,
    tests: Option<TestCommand>,
    /// What runs the examples that the task and the documentation of its file give.
    examples: Option<TestCommand>,
    /// Why nothing of the project can be run.
    confined: Option<String>,
    /// Why there are no tests to run.
    no_tests: Option<String>,
    unsaved: Arc<Texts>,
    /// What the private copies are layers over, where that is possible.
    base: Option<Arc<Base>>,
    /// Private copies that no check is using.
    free: Mutex<Vec<Shadow>>,
    baseline: OnceCell<Baseline>,
    reaching: reaching::Known,
    /// From which time of the whole suite on they run first.
    slow: Duration,
    check_baselines: Baselines,
}

/// A judged patch.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The judgement.
    pub verdict: Verdict,
    /// The patch as verified; only when it passed.
    pub verified: Option<VerifiedPatch>,
    /// Whether it is Unknown only because no test says anything of it, so that further tests could decide.
    pub lacks_tests: bool,
}

impl Checked {
    fn of(patch: &Patch, verdict: Verdict, lacks_tests: bool) -> Self {
        let passed = matches!(verdict, Verdict::Passed(_));
        let verified = passed.then(|| VerifiedPatch { patch: patch.clone(), verdict: verdict.clone() });
        Self { verdict, verified, lacks_tests }
    }
}

/// A patch that passed. Only this module can make one.
#[derive(Debug, Clone)]
pub struct VerifiedPatch {
    patch: Patch,
    verdict: Verdict,
}

impl VerifiedPatch {
    /// The patch.
    pub fn patch(&self) -> &Patch {
        &self.patch
    }

    /// Why it may be used.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

/// Time that a check gets at least, and as a multiple of what the baseline took.
const CHECK_AT_LEAST: Duration = Duration::from_secs(30);
const CHECK_FACTOR: u32 = 5;

impl Verifier {
    /// Finds the sandbox and the tests and makes the private copy. Without a sandbox or in a workspace that is too large
    /// it only parses, and says so; an error means that the disk refused the copy, or cancelling.
    pub async fn open(request: Request, cancel: &CancellationToken) -> Result<Self, VerifyError> {
        let buffers = request.snapshot.overlay().iter();
        let unsaved = buffers.map(|(path, buffer)| (path.clone(), Some(buffer.text.clone()))).collect();
        let state_dir = request.state_dir.clone();
        let find = move || {
            let known = Known::here(&state_dir);
            (Sandbox::known(known.as_ref()), known)
        };
        let (sandbox, known) = tokio::task::spawn_blocking(find).await.unwrap_or_else(|e| (Err(e.to_string()), None));
        let mut verifier = Self {
            sandbox,
            tests: None,
            examples: None,
            confined: None,
            no_tests: None,
            unsaved: Arc::new(unsaved),
            base: None,
            free: Mutex::default(),
            baseline: OnceCell::new(),
            reaching: reaching::Known::default(),
            slow: reaching::SLOW,
            check_baselines: Baselines::default(),
            request,
        };
        let commands = verifier.find_tests();
        verifier.examples = verifier.find_examples(&commands);
        verifier.confined = verifier.prepare(commands, known.as_ref(), cancel).await?.err();
        if cancel.is_cancelled() { Err(VerifyError::Cancelled) } else { Ok(verifier) }
    }

    /// Makes the private copy and picks the tests' command; the inner error is why only parsing is left.
    async fn prepare(
        &mut self,
        mut commands: Vec<TestCommand>,
        known: Option<&Known>,
        cancel: &CancellationToken,
    ) -> Result<Result<(), String>, VerifyError> {
        if commands.is_empty() && self.examples.is_none() && self.check_names().is_empty() {
            return Ok(Ok(()));
        }
        let sandbox = match &self.sandbox {
            Ok(sandbox) => sandbox.clone(),
            Err(why) => return Ok(Err(why.clone())),
        };
        if toolchains::home_dir().starts_with(self.root()) {
            return Ok(Err("the workspace holds the home directory; open the project's own folder".to_owned()));
        }
        if overlay::works(&sandbox, &self.request.state_dir, known).await.is_ok() {
            self.base = Some(self.open_base().await?);
        }
        let shadow = match self.take(&self.unsaved).await {
            Ok(shadow) => shadow,
            Err(VerifyError::TooLarge(why)) => return Ok(Err(why)),
            Err(e) => return Err(e),
        };
        // pytest is preferred where several would do, but is not part of Python.
        if let [first, _, ..] = commands.as_slice()
            && first.runner == RunnerKind::Pytest
            && self.request.test.is_none()
        {
            let argv = [first.argv[0].clone(), "-c".to_owned(), "import pytest".to_owned()];
            let limits = Limits { wall: Duration::from_secs(30), ..self.request.limits };
            let ran = sandbox.run(&shadow.cell(&first.directory), &argv, &limits, cancel).await;
            if ran.end != End::Exited(0) {
                commands.remove(0);
            }
        }
        self.tests = commands.into_iter().next();
        self.give_back(shadow);
        Ok(Ok(()))
    }

    /// The state of the tests before any patch; run once.
    pub async fn baseline(&self, cancel: &CancellationToken) -> Result<&Baseline, VerifyError> {
        self.baseline.get_or_try_init(|| self.run_baseline(cancel)).await
    }

    async fn run_baseline(&self, cancel: &CancellationToken) -> Result<Baseline, VerifyError> {
        let wall = self.request.limits.wall;
        let (mut ran, mut results) = self.run_suites(self.suites(), &self.unsaved, wall, cancel).await?;
        if let Some(why) = results.not_run {
            return Err(VerifyError::NoTests(why));
        }
        let mut instead = None;
        if results.tests.contains_key(results::TIME) {
            instead = self.reaching_only(None, cancel).await?;
        }
        if let Some(few) = &instead {
            results = self.with_examples(few, &results);
            (ran.output, ran.ms) = (few.output.clone(), few.ms);
        }
        let own = instead.as_ref().map_or(self.tests.as_ref(), |few| Some(&few.command));
        Ok(Baseline {
            command: own.into_iter().chain(&self.examples).map(TestCommand::line).collect::<Vec<_>>().join(" and "),
            tests: results.tests.clone(),
            passed: results.count(TestStatus::Passed),
            failed: results.count(TestStatus::Failed),
            report: judge::failures(&results),
            output: ran.output,
            ms: ran.ms,
            cut: instead.as_ref().map(|_| format!("the whole suite takes longer than {} s", wall.as_secs())),
            results,
            instead,
        })
    }

    /// The `n`-th private tree, equal to the snapshot; from 1 on, as the verifier's own is 0.
    pub async fn lane(&self, n: usize) -> Result<Lane, VerifyError> {
        let shadow = self.open_shadow(n, self.unsaved.clone()).await?;
        let directory = self.directory();
        let env = self.test_command().map(TestCommand::env).unwrap_or_default();
        Ok(Lane { shadow, unsaved: self.unsaved.clone(), directory, env })
    }

    /// The sandbox, if commands can be run at all.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref().ok()
    }

    /// The workspace's root.
    pub fn root(&self) -> &Path {
        self.request.snapshot.root()
    }

    /// The snapshot that patches are made against.
    pub fn snapshot(&self) -> &Snapshot {
        &self.request.snapshot
    }

    /// What kind of change is wanted.
    pub fn goal(&self) -> Goal {
        self.request.goal
    }

    /// Limits of one run.
    pub fn limits(&self) -> Limits {
        self.request.limits
    }

    /// A private copy that no other check uses, equal to the workspace with `texts` over it.
    async fn take(&self, texts: &Arc<Texts>) -> Result<Shadow, VerifyError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut shadow) = free else { return self.open_shadow(0, texts.clone()).await };
        let texts = texts.clone();
        let sync = move || shadow.sync(&texts).map(|_| shadow);
        tokio::task::spawn_blocking(sync).await.unwrap_or(Err(VerifyError::Cancelled))
    }

    async fn open_shadow(&self, n: usize, texts: Arc<Texts>) -> Result<Shadow, VerifyError> {
        let (root, state_dir) = (self.root().to_owned(), self.request.state_dir.clone());
        let base = self.base.clone();
        let open = move || {
            let mut shadow = match base {
                Some(base) => Shadow::over(&base),
                None => Shadow::open(&root, &state_dir, n)?,
            };
            shadow.sync(&texts).map(|_| shadow)
        };
        tokio::task::spawn_blocking(open).await.unwrap_or(Err(VerifyError::Cancelled))
    }

    async fn open_base(&self) -> Result<Arc<Base>, VerifyError> {
        let (root, state_dir, unsaved) = (self.root().to_owned(), self.request.state_dir.clone(), self.unsaved.clone());
        let open = move || Base::open(&root, &state_dir, unsaved);
        tokio::task::spawn_blocking(open).await.unwrap_or(Err(VerifyError::Cancelled))
    }

    /// Only a run of the workspace as it is, without a candidate, may keep what it leaves.
    fn leaves(&self, texts: &Arc<Texts>) -> Leaves {
        if Arc::ptr_eq(texts, &self.unsaved) { Leaves::Warmth } else { Leaves::Nothing }
    }

    fn give_back(&self, shadow: Shadow) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(shadow);
    }
}

/// `relative` below `root`; the root itself where it is empty.
fn mounted_at(root: &Path, relative: &Path) -> PathBuf {
    if relative.as_os_str().is_empty() { root.to_owned() } else { root.join(relative) }
}
