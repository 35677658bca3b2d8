//! The child process that owns llama.cpp (the only code that names `llama_cpp_2`), and the server's
//! end of it. A crash, a hostile model file or an out-of-memory kill ends the child, never the server.

mod child;
pub mod cpu;
mod draw;
mod embedded;
mod encoder;
mod generator;
mod grammar;
mod keeper;
mod kept;
mod llama;
mod prefix;
mod process;
mod template;
mod wire;
mod writer;
mod writers;

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use child::child_main;
pub use wire::{Chat, Message, Stats, Written};
pub use writer::{Writer, WriterOptions};
pub use writers::Writers;

use keeper::Launch;
use kept::Kept;
use wire::{Body, Op};

/// Bytes of a text that are sent to the encoder: many times what its context holds, so that a huge
/// file costs nothing.
const MAX_TEXT: usize = 8 * 1024;

/// This program: its file may have been replaced by an upgrade, and what runs is still this one.
pub const EXE: &str = "/proc/self/exe";

/// Memory of an idle model is freed after this, unless the configuration says otherwise.
pub const IDLE: Duration = Duration::from_secs(600);

/// Longest silence that is taken for work; a disk may be slow, a token is not.
pub const PATIENCE: Duration = Duration::from_secs(60);

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

/// The local conductor's encoder. Cheap: the child process is started by the first request, once, and
/// ended after ten idle minutes or when this is dropped.
#[derive(Debug)]
pub struct Host {
    encoder: Option<PathBuf>,
    kept: Kept,
}

/// Why there is no vector or no text. Each is one sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// As was asked.
    #[error("cancelled")]
    Cancelled,
    /// The processor is too old.
    #[error("{0}")]
    Processor(String),
    /// The model's file cannot be used; it is not tried again until it changes.
    #[error("the local model {} cannot be used: {reason}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The embedded model could not be laid down.
    #[error("{0}")]
    Storage(String),
    /// The prompt is longer than the model's context.
    #[error("{0}")]
    Length(String),
    /// The child could not be started or kept alive.
    #[error("{0}")]
    Process(String),
}

impl Host {
    /// Nothing is started, read or written yet.
    pub fn new(options: HostOptions) -> Self {
        let HostOptions { exe, encoder, cache_dir } = options;
        let model = encoder.clone().unwrap_or_else(|| embedded::ENCODER.path(&cache_dir));
        let load = Op::Load { model: encoder.clone(), cache_dir };
        Self { encoder, kept: Kept::new(Launch { exe, load, model, idle: IDLE, patience: PATIENCE }) }
    }

    /// The vector of `text`, of length 1. Starts and loads on first use (tens of milliseconds); if the
    /// child dies, it is started again once. Only the text's beginning counts (256 tokens).
    /// Must be called within a tokio runtime.
    pub async fn embed(&self, text: &str, cancel: &CancellationToken) -> Result<Vec<f32>, HostError> {
        let end = (0..=text.len().min(MAX_TEXT)).rfind(|&at| text.is_char_boundary(at)).unwrap_or(0);
        match self.kept.ask(Op::Embed { text: text[..end].to_string() }, |_| {}, cancel).await? {
            Body::Embedding { vector, .. } => Ok(vector),
            _ => Err(HostError::Process("the local model answered something else than a vector".into())),
        }
    }

    /// The file name of the model, as it is shown and recorded.
    pub fn model_name(&self) -> String {
        match &self.encoder {
            Some(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            None => embedded::ENCODER.name.to_string(),
        }
    }

    /// How the child is; `None` while there is none.
    pub async fn stats(&self) -> Option<Stats> {
        self.kept.stats().await
    }
}
