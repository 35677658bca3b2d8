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
use crate::conversation::{Choice, Conversation, Feature, Part};

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

/// Why a worker of this kind cannot go on with this conversation, as a clause about it; `None`: it can.
pub(super) fn unfit(options: &WorkerOptions, conversation: &Conversation) -> Option<String> {
    let kind = options.kind;
    let lacks: &[Feature] = match kind {
        WorkerKind::Openai => &[],
        WorkerKind::Anthropic => {
            &["presence_penalty", "frequency_penalty", "seed", "response_format", "reasoning_effort", "name"]
        }
        WorkerKind::Gemini => &["parallel_tool_calls", "reasoning_effort", "name"],
        WorkerKind::Ollama => &["parallel_tool_calls", "reasoning_effort", "name"],
        WorkerKind::Gguf => &[
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "stop",
            "tools",
            "parallel_tool_calls",
            "response_format",
            "reasoning_effort",
            "images",
            "name",
        ],
    };
    let features = conversation.features();
    if let Some(lacking) = features.iter().find(|feature| lacks.contains(feature)) {
        return Some(format!("its protocol has no {lacking}"));
    }
    if features.contains(&"images") && !options.images {
        return Some("it takes no images (`images = true` in its configuration says that it does)".into());
    }
    let images = || conversation.messages.iter().flat_map(|message| &message.parts);
    let by_address = || images().any(|part| matches!(part, Part::Image { url, .. } if inline(url).is_none()));
    if [WorkerKind::Ollama, WorkerKind::Gemini].contains(&kind) && by_address() {
        return Some("it takes images only as data: URLs".into());
    }
    if kind == WorkerKind::Anthropic && conversation.wishes.temperature.is_some_and(|temperature| temperature > 1.0) {
        return Some("its temperature ends at 1".into());
    }
    let choice = conversation.wishes.choice.as_ref();
    if kind == WorkerKind::Ollama && choice.is_some_and(|choice| *choice != Choice::Auto) {
        return Some("its protocol has no tool_choice".into());
    }
    None
}

/// The kind and the data, in base64, of a `data:` URL.
fn inline(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
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
