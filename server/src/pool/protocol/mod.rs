//! What differs from protocol to protocol, as pure functions: where a call goes, what is sent, what an event means.

mod anthropic;
mod gemini;
mod ollama;
mod openai;
#[cfg(test)]
mod tests;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;

use super::Prompt;
use super::answer::{Answer, Fault};
use super::key::Key;
use super::transport::Framing;
use crate::config::{WorkerKind, WorkerOptions};

/// One protocol. Nothing in it does IO.
pub(super) trait Protocol: std::fmt::Debug + Send + Sync {
    /// Where calls go, from the `base_url` that the user wrote.
    fn address(&self, base: Url, model: &str) -> Url;

    /// What `base_url` mostly looks like, for a sentence about a wrong one.
    fn usual(&self) -> &'static str;

    /// The header that carries the key, its value marked so that no log prints it.
    fn key(&self, key: &Key) -> Result<(HeaderName, HeaderValue), String>;

    /// A header that every call has.
    fn version(&self) -> Option<(HeaderName, HeaderValue)> {
        None
    }

    /// What is sent.
    fn body(&self, options: &WorkerOptions, url: &Url, prompt: &Prompt) -> Value;

    /// How the events of an answer are told apart.
    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// Takes the data of one event.
    fn take(&self, data: &str, answer: &mut Answer) -> Result<(), Fault>;
}

/// The protocol of this kind of worker.
pub(super) fn of(kind: WorkerKind) -> &'static dyn Protocol {
    match kind {
        // A model on this machine answers as such a server would.
        WorkerKind::Openai | WorkerKind::Gguf => &openai::Openai,
        WorkerKind::Anthropic => &anthropic::Anthropic,
        WorkerKind::Gemini => &gemini::Gemini,
        WorkerKind::Ollama => &ollama::Ollama,
    }
}

/// `base` without a last part that is one of `ends`, then with `parts`.
fn below(mut base: Url, ends: &[&str], parts: &[&str]) -> Url {
    let path = base.path().trim_end_matches('/');
    let kept = ends.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path).to_owned();
    base.set_path(&kept);
    if let Ok(mut segments) = base.path_segments_mut() {
        segments.pop_if_empty().extend(parts);
    }
    base
}
