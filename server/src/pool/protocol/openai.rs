//! OpenAI's chat completions, as llama-server, vLLM and most providers speak them, each in its own dialect.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Protocol, below};
use crate::config::WorkerOptions;
use crate::conversation::{Call, Choice as Chosen, Conversation, Format, Message, Part as Said, Speaker};
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
    tool_calls: Option<Vec<ToolCall>>,
    function_call: Option<Function>,
}

/// A call of a tool, or the next piece of one.
#[derive(Deserialize)]
struct ToolCall {
    #[serde(default)]
    index: u64,
    id: Option<String>,
    function: Option<Function>,
    extra_content: Option<Value>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
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
        let messages = match &prompt.conversation {
            Some(conversation) => conversation.messages.iter().map(message).collect(),
            None => {
                let rules = (!prompt.system.is_empty()).then(|| json!({"role": "system", "content": prompt.system}));
                rules.into_iter().chain([json!({"role": "user", "content": prompt.user})]).collect::<Vec<_>>()
            }
        };
        // OpenAI's reasoning models refuse the old name, most other servers know only the old one.
        let limit = if url.host_str() == Some("api.openai.com") { "max_completion_tokens" } else { "max_tokens" };
        let mut body = json!({
            "model": options.model,
            "messages": messages,
            "stream": true,
            "stream_options": {"include_usage": true},
            limit: prompt.most_output(options.max_output),
        });
        if let Some(conversation) = &prompt.conversation {
            wishes(conversation, &mut body);
        }
        body
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
    for ToolCall { index, id, function, extra_content } in delta.tool_calls.into_iter().flatten() {
        let Function { name, arguments } = function.unwrap_or(Function { name: None, arguments: None });
        let (id, name) = (id.unwrap_or_default(), name.unwrap_or_default());
        answer.call_tool(index, Call { id, name, arguments: arguments.unwrap_or_default(), extra: extra_content });
    }
    // The form of before 2023, which no conversation asks for.
    if delta.function_call.is_some() {
        answer.call_tool(0, Call::default());
    }
    if delta.refusal.is_some_and(|words| !words.is_empty()) {
        answer.end(End::Withheld("refusal".into()));
    }
    Ok(())
}

/// A message as it is sent.
fn message(message: &Message) -> Value {
    let role = match message.speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
        Speaker::Tool => "tool",
    };
    let mut sent = json!({"role": role});
    // What is only words is sent as words: not every server takes a list.
    sent["content"] = match message.parts.as_slice() {
        [] => Value::Null,
        [Said::Text(text)] => text.as_str().into(),
        parts => parts.iter().map(part).collect(),
    };
    if let Some(name) = &message.name {
        sent["name"] = name.as_str().into();
    }
    if let Some(answers) = &message.answers {
        sent["tool_call_id"] = answers.as_str().into();
    }
    if !message.calls.is_empty() {
        let call = |call: &Call| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            let mut sent = json!({"id": call.id, "type": "function", "function": function});
            if let Some(extra) = &call.extra {
                sent["extra_content"] = extra.clone();
            }
            sent
        };
        sent["tool_calls"] = message.calls.iter().map(call).collect();
    }
    sent
}

fn part(part: &Said) -> Value {
    match part {
        Said::Text(text) => json!({"type": "text", "text": text}),
        Said::Image { url, detail } => {
            let mut image = json!({"url": url});
            if let Some(detail) = detail {
                image["detail"] = detail.as_str().into();
            }
            json!({"type": "image_url", "image_url": image})
        }
    }
}

/// Puts what the answer must keep to into the body; the limit of tokens is there.
fn wishes(conversation: &Conversation, body: &mut Value) {
    let wishes = &conversation.wishes;
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    set("temperature", wishes.temperature.map(Into::into));
    set("top_p", wishes.top_p.map(Into::into));
    set("presence_penalty", wishes.presence_penalty.map(Into::into));
    set("frequency_penalty", wishes.frequency_penalty.map(Into::into));
    set("seed", wishes.seed.map(Into::into));
    set("stop", (!wishes.stop.is_empty()).then(|| wishes.stop.clone().into()));
    set("reasoning_effort", wishes.effort.clone().map(Into::into));
    set("parallel_tool_calls", wishes.parallel.map(Into::into));
    let tools = wishes.tools.iter().map(|tool| {
        let mut function = json!({"name": tool.name});
        let more = [
            ("description", tool.description.clone().map(Value::from)),
            ("parameters", tool.parameters.clone()),
            ("strict", tool.strict.map(Value::from)),
        ];
        more.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .for_each(|(name, value)| function[name] = value);
        json!({"type": "function", "function": function})
    });
    set("tools", (!wishes.tools.is_empty()).then(|| tools.collect()));
    set(
        "tool_choice",
        wishes.choice.as_ref().map(|choice| match choice {
            Chosen::Auto => "auto".into(),
            Chosen::None => "none".into(),
            Chosen::Required => "required".into(),
            Chosen::Named(name) => json!({"type": "function", "function": {"name": name}}),
        }),
    );
    set(
        "response_format",
        wishes.format.as_ref().map(|format| match format {
            Format::Json => json!({"type": "json_object"}),
            Format::Schema { name, schema, strict } => {
                let mut schema = json!({"name": name, "schema": schema});
                if let Some(strict) = strict {
                    schema["strict"] = (*strict).into();
                }
                json!({"type": "json_schema", "json_schema": schema})
            }
        }),
    );
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
