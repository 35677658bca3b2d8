//! The child process that owns llama.cpp (the only code that names `llama_cpp_2`), and the server's
//! end of it. A crash, a hostile model file or an out-of-memory kill ends the child, never the server.

mod child;
pub mod cpu;
mod embedded;
mod encoder;
mod keeper;
mod process;
mod wire;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use child::child_main;
pub use wire::Stats;

use keeper::{Ask, Keeper};

/// Bytes of a text that are sent to the encoder: many times what its context holds, so that a huge
/// file costs nothing.
const MAX_TEXT: usize = 8 * 1024;

/// Where the child comes from and what it loads.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// This program.
    pub exe: PathBuf,
    /// An encoder GGUF in place of the embedded one; absolute.
    pub encoder: Option<PathBuf>,
    /// Where the embedded model is laid down, below `models/`.
    pub cache_dir: PathBuf,
}

/// The local conductor's models. Cheap: the child process is started by the first request, once, and
/// ended after ten idle minutes or when this is dropped.
#[derive(Debug)]
pub struct Host {
    options: HostOptions,
    keeper: Mutex<Option<mpsc::UnboundedSender<Ask>>>,
}

/// Why there is no vector. Each is one sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// As was asked.
    #[error("cancelled")]
    Cancelled,
    /// The processor is too old.
    #[error("{0}")]
    Processor(String),
    /// The model's file cannot be used; it is not tried again until it changes.
    #[error("the conductor's model {} cannot be used: {reason}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The embedded model could not be laid down.
    #[error("{0}")]
    Storage(String),
    /// The child could not be started or kept alive.
    #[error("{0}")]
    Process(String),
}

impl Host {
    /// Nothing is started, read or written yet.
    pub fn new(options: HostOptions) -> Self {
        Self { options, keeper: Mutex::default() }
    }

    /// The vector of `text`, of length 1. Starts and loads on first use (tens of milliseconds); if the
    /// child dies, it is started again once. Only the text's beginning counts (256 tokens).
    /// Must be called within a tokio runtime.
    pub async fn embed(&self, text: &str, cancel: &CancellationToken) -> Result<Vec<f32>, HostError> {
        if cancel.is_cancelled() {
            return Err(HostError::Cancelled);
        }
        if let Some(problem) = cpu::problem() {
            return Err(HostError::Processor(problem));
        }
        let (reply, answer) = oneshot::channel();
        let end = (0..=text.len().min(MAX_TEXT)).rfind(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let text = text[..end].to_string();
        self.keeper(true).and_then(|keeper| keeper.send(Ask::Embed { text, reply }).ok());
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(HostError::Cancelled),
            answer = answer => answer.unwrap_or_else(|_| Err(HostError::Process("the conductor is shutting down".into()))),
        }
    }

    /// The file name of the model, as it is shown and recorded.
    pub fn model_name(&self) -> String {
        match &self.options.encoder {
            Some(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            None => embedded::NAME.to_string(),
        }
    }

    /// How the child is; `None` while there is none.
    pub async fn stats(&self) -> Option<Stats> {
        let (reply, answer) = oneshot::channel();
        self.keeper(false)?.send(Ask::Stats { reply }).ok()?;
        answer.await.ok().flatten()
    }

    /// The queue of the task that keeps the child, which is started if `start` and there is none.
    fn keeper(&self, start: bool) -> Option<mpsc::UnboundedSender<Ask>> {
        let mut slot = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        // It is closed where the runtime that it lived in has ended.
        let alive = slot.as_ref().is_some_and(|keeper| !keeper.is_closed());
        if !alive && start {
            let (keeper, inbox) = mpsc::unbounded_channel();
            tokio::spawn(Keeper::new(self.options.clone()).run(inbox));
            *slot = Some(keeper);
        }
        slot.clone()
    }
}
