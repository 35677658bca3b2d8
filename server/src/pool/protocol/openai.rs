//! OpenAI's chat completions, as llama-server, vLLM and most providers speak them, each in its own dialect.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Protocol, below};
use crate::config::WorkerOptions;
use crate::pool::Prompt;
use crate::pool::answer::{Answer, Counted, End, Fault, count};
use crate::pool::key::Key;

#[derive(Debug)]
pub(super) struct Openai;

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Content>,
    reasoning_content: Option<String>,
    /// The name that vLLM and OpenRouter give it; some send both, with the same text.
    reasoning: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Value>,
    function_call: Option<Value>,
}

/// Most servers stream strings, Mistral's reasoning models lists of typed parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
    thinking: Option<Value>,
}

impl Protocol for Openai {
    fn address(&self, base: Url, _: &str) -> Url {
        below(base, &[], &["chat", "completions"])
    }

    fn usual(&self) -> &'static str {
        "it mostly ends in /v1"
    }

    fn key(&self, key: &Key) -> Result<(HeaderName, HeaderValue), String> {
        Ok((AUTHORIZATION, key.bearer()?))
    }

    fn body(&self, options: &WorkerOptions, url: &Url, prompt: &Prompt) -> Value {
        let mut messages = Vec::new();
        if !prompt.system.is_empty() {
            messages.push(json!({"role": "system", "content": prompt.system}));
        }
        messages.push(json!({"role": "user", "content": prompt.user}));
        // OpenAI's reasoning models refuse the old name, most other servers know only the old one.
        let limit = if url.host_str() == Some("api.openai.com") { "max_completion_tokens" } else { "max_tokens" };
        json!({
            "model": options.model,
            "messages": messages,
            "stream": true,
            "stream_options": {"include_usage": true},
            limit: options.max_output,
        })
    }

    fn take(&self, data: &str, answer: &mut Answer) -> Result<(), Fault> {
        if data.trim() == "[DONE]" {
            answer.close();
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| Fault::unreadable(&error))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let code = error.get("code").or_else(|| error.get("status")).and_then(Value::as_u64);
            return Err(Fault::reported(&error, code.is_some_and(|code| code == 429 || code >= 500)));
        }
        if let Some(usage) = chunk.usage.filter(Value::is_object) {
            answer.counted = Some(counted(&usage));
        }
        let first = |choices: Vec<Choice>| choices.into_iter().find(|choice| choice.index == 0);
        let Some(choice) = chunk.choices.and_then(first) else { return Ok(()) };
        if let Some(delta) = choice.delta {
            take_delta(delta, answer)?;
        }
        // Some servers send an empty reason until there is one.
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            answer.end(end(reason));
        }
        Ok(())
    }
}

fn take_delta(delta: Delta, answer: &mut Answer) -> Result<(), Fault> {
    if let Some(thoughts) = delta.reasoning_content.or(delta.reasoning) {
        answer.think(&thoughts);
    }
    match delta.content {
        Some(Content::Text(text)) => answer.say(&text)?,
        Some(Content::Parts(parts)) => {
            for part in parts {
                if let Some(thoughts) = &part.thinking {
                    answer.think(&all_text(thoughts));
                }
                answer.say(&part.text.unwrap_or_default())?;
            }
        }
        None => {}
    }
    if delta.tool_calls.is_some_and(|calls| calls.as_array().is_some_and(|calls| !calls.is_empty()))
        || delta.function_call.is_some_and(|call| call.is_object())
    {
        answer.call_tool();
    }
    if delta.refusal.is_some_and(|words| !words.is_empty()) {
        answer.end(End::Withheld("refusal".into()));
    }
    Ok(())
}

fn end(reason: String) -> End {
    match reason.as_str() {
        "length" | "max_tokens" => End::Limit(reason),
        "content_filter" | "refusal" => End::Withheld(reason),
        "tool_calls" | "function_call" => End::Tool(reason),
        // Servers have many words for an end of the model's own: stop, eos, end_turn.
        _ => End::Whole,
    }
}

/// Thoughts as Mistral nests them: a string, or a list of parts with text.
fn all_text(thoughts: &Value) -> String {
    let parts = thoughts.as_array().into_iter().flatten().filter_map(|part| part.get("text")?.as_str());
    thoughts.as_str().map_or_else(|| parts.collect(), str::to_owned)
}

fn counted(usage: &Value) -> Counted {
    let (read, written, total) =
        (count(usage, "prompt_tokens"), count(usage, "completion_tokens"), count(usage, "total_tokens"));
    let details = usage.get("prompt_tokens_details").map_or(0, |details| count(details, "cached_tokens"));
    Counted {
        tokens_in: read,
        // DeepSeek has a name of its own for it.
        cached: details.max(count(usage, "prompt_cache_hit_tokens")),
        // Some servers, xAI's and Gemini's among them, count thoughts in the total alone.
        tokens_out: written.max(total.saturating_sub(read)),
    }
}
