//! Anthropic's Messages API.

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Protocol, below};
use crate::config::WorkerOptions;
use crate::pool::Prompt;
use crate::pool::answer::{Answer, Counted, End, Fault, count};
use crate::pool::key::Key;

#[derive(Debug)]
pub(super) struct Anthropic;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    message: Option<Message>,
    content_block: Option<Piece>,
    delta: Option<Piece>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<Value>,
}

/// The beginning of a block, what is added to one, or what is added to the message.
#[derive(Deserialize)]
struct Piece {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
    stop_reason: Option<String>,
}

impl Protocol for Anthropic {
    fn address(&self, base: Url, _: &str) -> Url {
        below(base, &["/v1"], &["v1", "messages"])
    }

    fn usual(&self) -> &'static str {
        "it is mostly https://api.anthropic.com"
    }

    fn key(&self, key: &Key) -> Result<(HeaderName, HeaderValue), String> {
        Ok((HeaderName::from_static("x-api-key"), key.bare()?))
    }

    fn version(&self) -> Option<(HeaderName, HeaderValue)> {
        Some((HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01")))
    }

    fn body(&self, options: &WorkerOptions, _: &Url, prompt: &Prompt) -> Value {
        let mut body = json!({
            "model": options.model,
            "max_tokens": options.max_output,
            "messages": [{"role": "user", "content": prompt.user}],
            "stream": true,
        });
        // An empty one is refused.
        if !prompt.system.is_empty() {
            body["system"] = prompt.system.as_str().into();
        }
        body
    }

    fn take(&self, data: &str, answer: &mut Answer) -> Result<(), Fault> {
        let event: Event = serde_json::from_str(data).map_err(|error| Fault::unreadable(&error))?;
        match event.kind.as_str() {
            "message_start" if answer.counted.is_some() || !answer.text.is_empty() => {
                return Err(Fault::lasting("began a second answer within the first; none of it is used"));
            }
            "message_start" => {
                let usage = event.message.and_then(|message| message.usage).unwrap_or_default();
                answer.counted = Some(counted(&usage, Counted::default()));
            }
            "content_block_start" => take_piece(event.content_block, answer)?,
            "content_block_delta" => take_piece(event.delta, answer)?,
            "message_delta" => {
                if let Some(usage) = event.usage {
                    answer.counted = Some(counted(&usage, answer.counted.unwrap_or_default()));
                }
                if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
                    answer.end(end(reason));
                }
            }
            "message_stop" => answer.close(),
            "error" => {
                let error = event.error.unwrap_or_default();
                let kind = error.get("type").and_then(Value::as_str).unwrap_or_default();
                let passes = ["overloaded_error", "api_error", "rate_limit_error", "timeout_error"].contains(&kind);
                return Err(Fault::reported(&error, passes));
            }
            // `ping`, `content_block_stop` and what later versions add.
            _ => {}
        }
        Ok(())
    }
}

fn take_piece(piece: Option<Piece>, answer: &mut Answer) -> Result<(), Fault> {
    let Some(piece) = piece else { return Ok(()) };
    match piece.kind.as_deref() {
        Some("text" | "text_delta") => answer.say(&piece.text.unwrap_or_default())?,
        Some("thinking" | "thinking_delta") => answer.think(&piece.thinking.unwrap_or_default()),
        Some("tool_use" | "server_tool_use" | "mcp_tool_use") => answer.call_tool(),
        _ => {}
    }
    Ok(())
}

fn end(reason: String) -> End {
    match reason.as_str() {
        "max_tokens" | "model_context_window_exceeded" => End::Limit(reason),
        "refusal" => End::Withheld(reason),
        "tool_use" => End::Tool(reason),
        // It paused itself and waits for another call; half an answer is none.
        "pause_turn" => End::Limit(reason),
        _ => End::Whole,
    }
}

/// Counts are of the whole answer so far; what an event leaves out stays as it was.
fn counted(usage: &Value, before: Counted) -> Counted {
    let read = count(usage, "input_tokens");
    let cached = count(usage, "cache_read_input_tokens");
    let all = read.saturating_add(cached).saturating_add(count(usage, "cache_creation_input_tokens"));
    Counted {
        tokens_in: all.max(before.tokens_in),
        cached: cached.max(before.cached),
        tokens_out: count(usage, "output_tokens").max(before.tokens_out),
    }
}
