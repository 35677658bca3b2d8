//! A generative model file as the server uses it: a conversation in, an answer out, computed in a child of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::HostError;
use super::embedded;
use super::keeper::Launch;
use super::kept::Kept;
use super::wire::{Body, Chat, Message, Op, Stats, Written};
use crate::pool::{Local, Part, Turn};

/// A generative GGUF, and how it is kept.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// This program.
    pub exe: PathBuf,
    /// The file, absolute; `None`: the embedded one.
    pub model: Option<PathBuf>,
    /// Tokens that it shall hold, prompt and answer together.
    pub context: usize,
    /// Where states of prompts are kept, below `prefixes/`.
    pub cache_dir: PathBuf,
    /// After so long without a request its memory is freed.
    pub idle: Duration,
    /// Longest silence that is taken for work, per token.
    pub patience: Duration,
}

/// How warm a worker's answers are: small models that always take the likeliest token begin to repeat themselves.
const TEMPERATURE: f32 = 0.2;

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
        let path = model.clone().unwrap_or_else(|| embedded::NANO.path(&cache_dir));
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let load = Op::LoadGenerator { model, context, cache_dir };
        Self { kept: Kept::new(Launch { exe, load, model: path, idle, patience }), name, context }
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

    /// How its process is; `None` while there is none.
    pub async fn stats(&self) -> Option<Stats> {
        self.kept.stats().await
    }
}

impl Local for Writer {
    fn answer(self: Arc<Self>, said: Vec<Turn>, max_output: usize) -> BoxStream<'static, Result<Part, String>> {
        let (parts, mut heard) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let leaving = cancel.clone().drop_guard();
        tokio::spawn(async move {
            let rules = said.iter().take_while(|turn| turn.role == "system").count();
            let chat = Chat {
                messages: said.into_iter().map(|turn| Message::new(&turn.role, turn.content)).collect(),
                fixed: rules,
                grammar: None,
                temperature: TEMPERATURE,
                seed: 0,
                max_tokens: max_output,
            };
            let on_text = |so_far: &str| {
                // Whoever listens may have left.
                let _ = parts.send(Ok(Part::SoFar(so_far.to_owned())));
            };
            let end = self.write(&chat, on_text, &cancel).await.map_err(|error| error.to_string());
            let end = end.map(|Written { text, whole, tokens_in, reused, tokens_out, .. }| Part::End {
                text,
                whole,
                tokens_in,
                tokens_cached: reused,
                tokens_out,
            });
            let _ = parts.send(end);
        });
        Box::pin(stream::poll_fn(move |context| {
            let _held = &leaving;
            heard.poll_recv(context)
        }))
    }
}
