//! The task that keeps the child process: starts it when it is needed, asks it one thing at a time,
//! starts it again when it dies, rests when it keeps dying, ends it when nobody asks.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::process::{Death, Process, Silence};
use super::wire::{Body, Fault, Op, Stats};
use super::{HostError, HostOptions, embedded};

/// An idle child is ended after this.
const IDLE: Duration = Duration::from_secs(600);

/// Longest silence that is taken for work; a disk may be slow, an embedding is not.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first rest after a request that killed the child twice; each further one is twice as long, to two minutes.
const REST: Duration = Duration::from_secs(1);

/// A request to the keeper.
pub enum Ask {
    /// A text as a vector.
    Embed {
        /// The text.
        text: String,
        /// Dropped by whoever does not want it any more.
        reply: oneshot::Sender<Result<Vec<f32>, HostError>>,
    },
    /// How the child is.
    Stats {
        /// `None` while there is no child.
        reply: oneshot::Sender<Option<Stats>>,
    },
}

/// Owns the child.
pub struct Keeper {
    options: HostOptions,
    process: Option<Process>,
    refused: Option<(Stamp, HostError)>,
    failures: u32,
    rest_until: Option<Instant>,
}

/// What tells one content of a file from another without reading it.
type Stamp = Option<(u64, SystemTime)>;

/// Why one attempt came to nothing.
enum Trouble {
    /// The child died; another may do it.
    Died(Death),
    /// Another would say the same.
    Final(HostError),
}

impl Keeper {
    /// Starts nothing yet.
    pub fn new(options: HostOptions) -> Self {
        Self { options, process: None, refused: None, failures: 0, rest_until: None }
    }

    /// Answers until every sender is gone.
    pub async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Ask>) {
        loop {
            let next = if self.process.is_some() {
                timeout(IDLE, inbox.recv()).await
            } else {
                // Without a child there is no timer either: nothing wakes an idle server.
                Ok(inbox.recv().await)
            };
            match next {
                Ok(Some(Ask::Embed { text, mut reply })) => {
                    let answer = tokio::select! {
                        biased;
                        () = reply.closed() => { self.call_off().await; continue }
                        answer = self.embed(&text) => answer,
                    };
                    let _ = reply.send(answer);
                }
                Ok(Some(Ask::Stats { reply })) => {
                    let stats = self.stats().await;
                    let _ = reply.send(stats);
                }
                Ok(None) => return,
                Err(_) => self.process = None,
            }
        }
    }

    async fn embed(&mut self, text: &str) -> Result<Vec<f32>, HostError> {
        if let Some(until) = self.rest_until
            && let Some(left) = until.checked_duration_since(Instant::now())
        {
            return Err(HostError::Process(format!(
                "the conductor's process keeps ending; the next attempt is in {} s",
                left.as_secs() + 1
            )));
        }
        let mut deaths = Vec::new();
        while deaths.len() < 2 {
            match self.attempt(text).await {
                Ok(vector) => {
                    self.failures = 0;
                    return Ok(vector);
                }
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Died(death)) => deaths.push(death),
            }
        }
        let rest = REST * 2u32.pow(self.failures.min(7));
        self.failures += 1;
        self.rest_until = Some(Instant::now() + rest.min(Duration::from_secs(120)));
        Err(HostError::Process(format!(
            "the conductor's process {} while it read the task, and again when it was repeated",
            deaths[0].how
        )))
    }

    /// Once, with a child that is started and loaded if need be.
    async fn attempt(&mut self, text: &str) -> Result<Vec<f32>, Trouble> {
        // One that died while idle is replaced without further ado.
        if self.process.as_mut().is_some_and(Process::has_ended) {
            self.process = None;
        }
        if self.process.as_ref().is_none_or(Process::is_loading) {
            self.load().await?;
        }
        let op = Op::Embed { text: text.to_string() };
        match self.ask(async |process| process.ask(op).await).await.map_err(Trouble::Died)? {
            Body::Embedding { vector, .. } => Ok(vector),
            body => Err(Trouble::Final(self.fault(body))),
        }
    }

    /// Has a child load the model. Whatever goes wrong here and did not come from outside is the
    /// file's doing, and is remembered until the file changes.
    async fn load(&mut self) -> Result<(), Trouble> {
        let stamp = self.stamp();
        if let Some((of, error)) = &self.refused
            && *of == stamp
        {
            return Err(Trouble::Final(error.clone()));
        }
        if self.process.is_none() {
            self.start().await?;
        }
        let op = Op::Load { model: self.options.encoder.clone(), cache_dir: self.options.cache_dir.clone() };
        let error = match self.ask(async |process| process.load(op).await).await {
            Ok(Body::Loaded { .. }) => return Ok(()),
            Ok(body) => self.fault(body),
            Err(death) if death.from_outside => return Err(Trouble::Died(death)),
            Err(death) => {
                let reason = format!("the process that loaded it {}", death.how);
                HostError::Model { path: self.model(), reason }
            }
        };
        self.process = None;
        if matches!(error, HostError::Model { .. }) {
            self.refused = Some((stamp, error.clone()));
        }
        Err(Trouble::Final(error))
    }

    /// Starts a child and hears from it: what goes wrong before that is not the model's doing.
    async fn start(&mut self) -> Result<(), Trouble> {
        let exe = self.options.exe.clone();
        let failed = |why: String| {
            Trouble::Final(HostError::Process(format!("cannot start the conductor's process {}: {why}", exe.display())))
        };
        self.process = Some(Process::start(&exe).map_err(|error| failed(error.to_string()))?);
        match self.ask(async |process| process.ask(Op::Stats).await).await {
            Ok(Body::Stats(_)) => Ok(()),
            Ok(body) => Err(Trouble::Final(self.fault(body))),
            Err(death) if death.from_outside => Err(Trouble::Died(death)),
            Err(death) => Err(failed(format!("it {}", death.how))),
        }
    }

    /// Asks the child and waits; buries it if it does not answer.
    async fn ask(&mut self, question: impl AsyncFnOnce(&mut Process) -> Result<Body, Silence>) -> Result<Body, Death> {
        let answered = match self.process.as_mut() {
            Some(process) => timeout(PATIENCE, question(process)).await.unwrap_or(Err(Silence)),
            None => Err(Silence),
        };
        match (answered, self.process.take()) {
            (Ok(body), process) => {
                self.process = process;
                Ok(body)
            }
            (Err(Silence), Some(process)) => Err(process.bury().await),
            (Err(Silence), None) => Err(Death { how: "was not there".into(), from_outside: true }),
        }
    }

    /// Nobody waits for the request in progress any more: what is not begun need not begin.
    async fn call_off(&mut self) {
        if let Some(process) = self.process.as_mut()
            && process.call_off().await.is_err()
        {
            self.process = None;
        }
    }

    async fn stats(&mut self) -> Option<Stats> {
        if self.process.as_mut()?.has_ended() {
            self.process = None;
        }
        self.process.as_ref()?;
        match self.ask(async |process| process.ask(Op::Stats).await).await {
            Ok(Body::Stats(stats)) => Some(stats),
            _ => None,
        }
    }

    /// An answer other than the one that was asked for.
    fn fault(&self, body: Body) -> HostError {
        match body {
            Body::Failed { fault: Fault::Processor, message } => HostError::Processor(message),
            Body::Failed { fault: Fault::Storage, message } => HostError::Storage(message),
            Body::Failed { fault: Fault::Model, message } => HostError::Model { path: self.model(), reason: message },
            Body::Failed { fault: Fault::Request, message } => HostError::Process(message),
            _ => HostError::Process("the conductor's process answered something else than was asked".into()),
        }
    }

    /// The file that the child loads.
    fn model(&self) -> PathBuf {
        match &self.options.encoder {
            Some(path) => path.clone(),
            None => self.options.cache_dir.join("models").join(embedded::NAME),
        }
    }

    fn stamp(&self) -> Stamp {
        let meta = std::fs::metadata(self.model()).ok()?;
        Some((meta.len(), meta.modified().ok()?))
    }
}
