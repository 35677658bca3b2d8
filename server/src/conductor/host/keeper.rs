//! The task that keeps the child process: starts it when it is needed, asks it one thing at a time,
//! starts it again when it dies, rests when it keeps dying, ends it when nobody asks.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::HostError;
use super::process::{Death, Process, Silence};
use super::wire::{Body, Fault, Op, Stats};

/// The first rest after a request that killed the child twice; each further one is twice as long, to two minutes.
const REST: Duration = Duration::from_secs(1);

/// What a child is made of.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub exe: PathBuf,
    /// The request that loads its model.
    pub load: Op,
    /// The file that it loads.
    pub model: PathBuf,
    /// An idle child is ended after this.
    pub idle: Duration,
    /// Longest silence that is taken for work.
    pub patience: Duration,
}

/// Takes the pieces of an answer, each with the number of the attempt: one that is repeated begins anew.
pub type Pieces = mpsc::UnboundedSender<(usize, String)>;

/// A request to the keeper.
pub enum Ask {
    /// Something that the loaded model is to do.
    Do {
        /// What.
        op: Op,
        /// Gets what comes of it before the answer.
        pieces: Pieces,
        /// Dropped by whoever does not want it any more.
        reply: oneshot::Sender<Result<Body, HostError>>,
    },
    /// How the child is.
    Stats {
        /// `None` while there is no child.
        reply: oneshot::Sender<Option<Stats>>,
    },
}

/// Owns the child.
pub struct Keeper {
    launch: Launch,
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
    pub fn new(launch: Launch) -> Self {
        Self { launch, process: None, refused: None, failures: 0, rest_until: None }
    }

    /// Answers until every sender is gone.
    pub async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Ask>) {
        loop {
            let next = if self.process.is_some() {
                timeout(self.launch.idle, inbox.recv()).await
            } else {
                // Without a child there is no timer either: nothing wakes an idle server.
                Ok(inbox.recv().await)
            };
            match next {
                Ok(Some(Ask::Do { op, pieces, mut reply })) => {
                    let answer = tokio::select! {
                        biased;
                        () = reply.closed() => { self.call_off().await; continue }
                        answer = self.answer(&op, &pieces) => answer,
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

    async fn answer(&mut self, op: &Op, pieces: &Pieces) -> Result<Body, HostError> {
        if let Some(until) = self.rest_until
            && let Some(left) = until.checked_duration_since(Instant::now())
        {
            return Err(HostError::Process(format!(
                "the local model's process keeps ending; the next attempt is in {} s",
                left.as_secs() + 1
            )));
        }
        let mut deaths = Vec::new();
        while deaths.len() < 2 {
            match self.attempt(op, pieces, deaths.len()).await {
                Ok(body) => {
                    self.failures = 0;
                    return Ok(body);
                }
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Died(death)) => deaths.push(death),
            }
        }
        let rest = REST * 2u32.pow(self.failures.min(7));
        self.failures += 1;
        self.rest_until = Some(Instant::now() + rest.min(Duration::from_secs(120)));
        Err(HostError::Process(format!(
            "the local model's process {} while it worked on the task, and again when it was repeated",
            deaths[0].how
        )))
    }

    /// Once, with a child that is started and loaded if need be.
    async fn attempt(&mut self, op: &Op, pieces: &Pieces, number: usize) -> Result<Body, Trouble> {
        // One that died while idle is replaced without further ado.
        if self.process.as_mut().is_some_and(Process::has_ended) {
            self.process = None;
        }
        if !self.process.as_ref().is_some_and(Process::has_model) {
            self.load().await?;
        }
        let (op, pieces) = (op.clone(), pieces.clone());
        let mut piece = move |text| {
            // Whoever listens may have left.
            let _ = pieces.send((number, text));
        };
        match self.ask(async |process| process.ask(op, &mut piece).await).await.map_err(Trouble::Died)? {
            body @ (Body::Embedding { .. } | Body::Written(_)) => Ok(body),
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
        let op = self.launch.load.clone();
        let error = match self.ask(async |process| process.load(op).await).await {
            Ok(Body::Loaded { .. } | Body::Ready { .. }) => return Ok(()),
            Ok(body) => self.fault(body),
            Err(death) if death.from_outside => return Err(Trouble::Died(death)),
            Err(death) => {
                let reason = format!("the process that loaded it {}", death.how);
                HostError::Model { path: self.launch.model.clone(), reason }
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
        let exe = self.launch.exe.clone();
        let failed = |why: String| {
            Trouble::Final(HostError::Process(format!(
                "cannot start the local model's process {}: {why}",
                exe.display()
            )))
        };
        self.process = Some(Process::start(&exe, self.launch.patience).map_err(|error| failed(error.to_string()))?);
        match self.ask(async |process| process.ask(Op::Stats, &mut |_| {}).await).await {
            Ok(Body::Stats(_)) => Ok(()),
            Ok(body) => Err(Trouble::Final(self.fault(body))),
            Err(death) if death.from_outside => Err(Trouble::Died(death)),
            Err(death) => Err(failed(format!("it {}", death.how))),
        }
    }

    /// Asks the child and waits; buries it if it does not answer.
    async fn ask(&mut self, question: impl AsyncFnOnce(&mut Process) -> Result<Body, Silence>) -> Result<Body, Death> {
        let answered = match self.process.as_mut() {
            Some(process) => question(process).await,
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
        match self.ask(async |process| process.ask(Op::Stats, &mut |_| {}).await).await {
            Ok(Body::Stats(stats)) => Some(stats),
            _ => None,
        }
    }

    /// An answer other than the one that was asked for.
    fn fault(&self, body: Body) -> HostError {
        match body {
            Body::Failed { fault: Fault::Processor, message } => HostError::Processor(message),
            Body::Failed { fault: Fault::Storage, message } => HostError::Storage(message),
            Body::Failed { fault: Fault::Model, message } => {
                HostError::Model { path: self.launch.model.clone(), reason: message }
            }
            Body::Failed { fault: Fault::Length, message } => HostError::Length(message),
            Body::Failed { fault: Fault::Request, message } => HostError::Process(message),
            _ => HostError::Process("the local model's process answered something else than was asked".into()),
        }
    }

    fn stamp(&self) -> Stamp {
        let meta = std::fs::metadata(&self.launch.model).ok()?;
        Some((meta.len(), meta.modified().ok()?))
    }
}
