//! A generative model file as the server uses it: a conversation in, an answer out, computed in a child of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::HostError;
use super::keeper::Launch;
use super::kept::Kept;
use super::wire::{Body, Chat, Op, Stats, Written};

/// A generative GGUF, and how it is kept.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// This program.
    pub exe: PathBuf,
    /// The file; absolute.
    pub model: PathBuf,
    /// Tokens that it shall hold, prompt and answer together.
    pub context: usize,
    /// Where states of prompts are kept, below `prefixes/`.
    pub cache_dir: PathBuf,
    /// After so long without a request its memory is freed.
    pub idle: Duration,
    /// Longest silence that is taken for work, per token.
    pub patience: Duration,
}

/// A generative model. Cheap: its process is started by the first request, once.
#[derive(Debug)]
pub struct Writer {
    kept: Kept,
    name: String,
    context: usize,
}

impl Writer {
    /// Nothing is started, read or written yet.
    pub fn new(options: WriterOptions) -> Self {
        let WriterOptions { exe, model, context, cache_dir, idle, patience } = options;
        let name = model.file_name().unwrap_or(model.as_os_str()).to_string_lossy().into_owned();
        let load = Op::LoadGenerator { model: model.clone(), context, cache_dir };
        Self { kept: Kept::new(Launch { exe, load, model, idle, patience }), name, context }
    }

    /// The model's answer; `on_text` gets all of it so far, each time that there is more; less again if the child died and
    /// was started anew, which is done once. Dropping the future or cancelling stops it before its next token.
    pub async fn write(
        &self,
        chat: &Chat,
        on_text: impl FnMut(&str),
        cancel: &CancellationToken,
    ) -> Result<Written, HostError> {
        match self.kept.ask(Op::Write(chat.clone()), on_text, cancel).await? {
            Body::Written(written) => Ok(written),
            _ => Err(HostError::Process("the local model answered something else than text".into())),
        }
    }

    /// The file name of the model, as it is shown and recorded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tokens that it shall hold, prompt and answer together.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Whether `model` is its file.
    pub fn is_of(&self, model: &Path) -> bool {
        self.kept.is_of(model)
    }

    /// How its process is; `None` while there is none.
    pub async fn stats(&self) -> Option<Stats> {
        self.kept.stats().await
    }
}
