//! Anthropic's Messages API.

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Protocol, below};
use crate::config::WorkerOptions;
use crate::conversation::{Call, Choice, Conversation, Message as Turn, Part, Speaker};
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
    #[serde(default)]
    index: u64,
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
    id: Option<String>,
    name: Option<String>,
    partial_json: Option<String>,
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
        if let Some(conversation) = &prompt.conversation {
            return going_on(conversation, options, prompt.most_output(options.max_output));
        }
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
            "content_block_start" => take_piece(event.index, event.content_block, answer)?,
            "content_block_delta" => take_piece(event.index, event.delta, answer)?,
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

fn take_piece(index: u64, piece: Option<Piece>, answer: &mut Answer) -> Result<(), Fault> {
    let Some(piece) = piece else { return Ok(()) };
    match piece.kind.as_deref() {
        Some("text" | "text_delta") => answer.say(&piece.text.unwrap_or_default())?,
        Some("thinking" | "thinking_delta") => answer.think(&piece.thinking.unwrap_or_default()),
        Some("tool_use" | "server_tool_use" | "mcp_tool_use") => {
            let (id, name) = (piece.id.unwrap_or_default(), piece.name.unwrap_or_default());
            answer.call_tool(index, Call { id, name, ..Call::default() });
        }
        Some("input_json_delta") => {
            let arguments = piece.partial_json.unwrap_or_default();
            answer.call_tool(index, Call { arguments, ..Call::default() });
        }
        _ => {}
    }
    Ok(())
}

/// A conversation as it is sent: rules apart, and what one speaker says in a row in one message, for they must alternate.
fn going_on(conversation: &Conversation, options: &WorkerOptions, limit: usize) -> Value {
    let rules = conversation.messages.iter().filter(|message| message.speaker == Speaker::System);
    let rules: Vec<String> = rules.map(Turn::text).filter(|text| !text.is_empty()).collect();
    let mut messages: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in conversation.messages.iter().filter(|message| message.speaker != Speaker::System) {
        let role = if message.speaker == Speaker::Assistant { "assistant" } else { "user" };
        let blocks = blocks(message);
        match messages.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => messages.push((role, blocks)),
        }
    }
    let messages = messages.into_iter().map(|(role, blocks)| json!({"role": role, "content": blocks}));
    let wishes = &conversation.wishes;
    let mut body = json!({
        "model": options.model,
        "max_tokens": limit,
        "messages": messages.collect::<Vec<_>>(),
        "stream": true,
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    set("system", (!rules.is_empty()).then(|| rules.join("\n\n").into()));
    set("temperature", wishes.temperature.map(Into::into));
    set("top_p", wishes.top_p.map(Into::into));
    set("stop_sequences", (!wishes.stop.is_empty()).then(|| wishes.stop.clone().into()));
    let tools = wishes.tools.iter().map(|tool| {
        let schema = tool.parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        let description = tool.description.as_deref().unwrap_or_default();
        json!({"name": tool.name, "description": description, "input_schema": schema})
    });
    set("tools", (!wishes.tools.is_empty()).then(|| tools.collect()));
    let choice = wishes.choice.clone().or(wishes.parallel.map(|_| Choice::Auto));
    set(
        "tool_choice",
        choice.filter(|_| !wishes.tools.is_empty()).map(|choice| {
            let mut sent = match choice {
                Choice::Auto => json!({"type": "auto"}),
                Choice::None => return json!({"type": "none"}),
                Choice::Required => json!({"type": "any"}),
                Choice::Named(name) => json!({"type": "tool", "name": name}),
            };
            if let Some(parallel) = wishes.parallel {
                sent["disable_parallel_tool_use"] = (!parallel).into();
            }
            sent
        }),
    );
    body
}

/// What a message says, block by block. An empty text is refused.
fn blocks(message: &Turn) -> Vec<Value> {
    let said = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) if text.is_empty() => None,
        Part::Text(text) => Some(json!({"type": "text", "text": text})),
        Part::Image { url, .. } => {
            let source = match super::inline(url) {
                Some((kind, data)) => json!({"type": "base64", "media_type": kind, "data": data}),
                None => json!({"type": "url", "url": url}),
            };
            Some(json!({"type": "image", "source": source}))
        }
    });
    if let Some(call) = &message.answers {
        return vec![json!({"type": "tool_result", "tool_use_id": call, "content": said.collect::<Vec<_>>()})];
    }
    let calls = message.calls.iter().map(|call| {
        let input = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
    });
    said.chain(calls).collect()
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
