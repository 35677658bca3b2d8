//! A warm Python interpreter in the sandbox that judges candidates: the client side of `driver.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::super::{Limits, leash};

/// The program that the interpreter is given.
pub(super) const DRIVER: &str = include_str!("driver.py");

/// Longest answer that is read, in bytes: what runs in there is not to be trusted.
const MAX_ANSWER: u64 = 8 << 20;

/// The first line that the driver reads.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Setup {
    /// `pytest` or `unittest`.
    pub runner: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The file, relative to where the driver starts or absolute.
    pub focus: String,
    /// Its original text.
    pub text: String,
    /// Whether modules are imported from where the driver starts, as with `-m`.
    pub here: bool,
    /// Bytes of address space for each child.
    pub memory: u64,
    /// Seconds that collecting the tests may take.
    pub warm_wall: f64,
}

/// How one test ran on the original text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct TestRun {
    pub id: String,
    pub status: String,
    pub ms: f64,
    #[serde(default)]
    pub lines: BTreeSet<usize>,
    #[serde(default)]
    pub frames: Vec<usize>,
}

/// The driver's answer to a request.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    /// Which request.
    pub id: u64,
    /// `done`, `hung`, `died`, `broken` or `cold`.
    pub end: String,
    /// Of a judgement: how many tests passed.
    pub passed: usize,
    /// Of a judgement: tests that failed.
    pub failed: Vec<String>,
    /// Of a judgement: tests that took too long.
    pub hung: Vec<String>,
    /// Of a trace: every test.
    pub tests: Vec<TestRun>,
    /// Of a trace: names of attributes.
    pub words: BTreeSet<String>,
    /// Of a trace: types of variables.
    pub kinds: BTreeMap<String, BTreeSet<String>>,
    /// Of a trace: whether the interpreter imported the file at all.
    pub loaded: bool,
    /// Of a trace: whether functions of the file ran while it was imported.
    pub early: bool,
    /// Of `warm`: whether hot judgements are possible.
    pub hot: bool,
    /// The tests could not be started.
    pub fatal: bool,
}

/// A request.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Ask<'a> {
    /// `trace`, `plan`, `warm` or `judge`.
    pub op: &'a str,
    /// The candidate.
    pub text: &'a str,
    /// Whether the hot state is to judge.
    pub hot: bool,
    /// Processor seconds of one test.
    pub limit: f64,
    /// Of `plan`: the tests that are run from now on, in this order.
    pub order: &'a [String],
    /// Set by [`Warm::ask`].
    pub id: u64,
}

/// The driver is gone, or answers nonsense; it must be started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

/// What all processes of a driver together may use; without one only the limits of each process hold.
#[derive(Debug, Clone)]
pub(super) struct Leash {
    pub limits: Limits,
    pub tree: PathBuf,
}

/// A running driver. When it is dropped, everything in its sandbox is killed.
pub(super) struct Warm {
    child: Child,
    leash: Option<Leash>,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    last: u64,
    is_waiting: bool,
}

impl Warm {
    /// Starts a driver; `command` runs the interpreter with [`DRIVER`] in the sandbox.
    pub async fn start((mut command, leash): (Command, Option<Leash>), setup: &Setup) -> Result<Self, Lost> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|_| Lost)?;
        let requests = child.stdin.take().ok_or(Lost)?;
        let answers = BufReader::new(child.stdout.take().ok_or(Lost)?);
        let mut warm = Self { child, leash, requests, answers, last: 0, is_waiting: false };
        warm.send(setup).await?;
        Ok(warm)
    }

    /// Asks and waits for the answer, for `wall` at most.
    pub async fn ask(&mut self, mut ask: Ask<'_>, wall: Duration) -> Result<Answer, Lost> {
        // A question that was given up leaves its answer behind; nobody could tell it from the next one's.
        if self.is_waiting {
            return Err(Lost);
        }
        self.is_waiting = true;
        self.last += 1;
        ask.id = self.last;
        let pid = self.child.id().unwrap_or_default();
        let leash = self.leash.clone();
        let overrun = async {
            match leash {
                Some(Leash { limits, tree }) => leash::overrun(pid, limits, tree).await,
                None => std::future::pending().await,
            }
        };
        let exchange = async {
            self.send(&ask).await?;
            self.receive().await
        };
        let answer = tokio::select! {
            answer = exchange => answer?,
            _ = overrun => return Err(Lost),
            () = tokio::time::sleep(wall) => return Err(Lost),
        };
        if answer.fatal || (matches!(ask.op, "trace" | "judge") && answer.id != ask.id) {
            return Err(Lost);
        }
        self.is_waiting = false;
        Ok(answer)
    }

    async fn send(&mut self, value: &impl Serialize) -> Result<(), Lost> {
        let mut line = serde_json::to_vec(value).map_err(|_| Lost)?;
        line.push(b'\n');
        self.requests.write_all(&line).await.map_err(|_| Lost)?;
        self.requests.flush().await.map_err(|_| Lost)
    }

    async fn receive(&mut self) -> Result<Answer, Lost> {
        let mut line = Vec::new();
        let mut capped = (&mut self.answers).take(MAX_ANSWER);
        capped.read_until(b'\n', &mut line).await.map_err(|_| Lost)?;
        serde_json::from_slice(&line).map_err(|_| Lost)
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        if let Some(pid) = self.child.id() {
            leash::kill(pid);
        }
    }
}
