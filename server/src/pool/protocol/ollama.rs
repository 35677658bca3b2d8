//! Ollama's own protocol. Its OpenAI-compatible one cannot say how large the context is to be, and then a long prompt
//! loses its beginning without a word.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Protocol, below};
use crate::config::WorkerOptions;
use crate::conversation::{Call, Conversation, Format, Message as Turn, Part, Speaker};
use crate::pool::Prompt;
use crate::pool::answer::{Answer, Counted, End, Fault};
use crate::pool::key::Key;
use crate::pool::transport::Framing;

#[derive(Debug)]
pub(super) struct Ollama;

#[derive(Deserialize)]
struct Line {
    message: Option<Message>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<Value>,
    eval_count: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    thinking: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
struct ToolCall {
    id: Option<String>,
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    arguments: Option<Value>,
}

impl Protocol for Ollama {
    fn address(&self, base: Url, _: &str) -> Url {
        below(base, &["/v1", "/api"], &["api", "chat"])
    }

    fn usual(&self) -> &'static str {
        "it is mostly http://127.0.0.1:11434"
    }

    fn key(&self, key: &Key) -> Result<(HeaderName, HeaderValue), String> {
        Ok((AUTHORIZATION, key.bearer()?))
    }

    fn body(&self, options: &WorkerOptions, _: &Url, prompt: &Prompt) -> Value {
        let messages = match &prompt.conversation {
            Some(conversation) => conversation.messages.iter().map(message).collect(),
            None => {
                let rules = (!prompt.system.is_empty()).then(|| json!({"role": "system", "content": prompt.system}));
                rules.into_iter().chain([json!({"role": "user", "content": prompt.user})]).collect::<Vec<_>>()
            }
        };
        let mut body = json!({
            "model": options.model,
            "messages": messages,
            "stream": true,
            // A prompt that does not fit is to be an error, not to lose its beginning; older versions ignore both.
            "truncate": false,
            "shift": false,
            "options": {"num_ctx": options.context, "num_predict": prompt.most_output(options.max_output)},
        });
        if let Some(keep) = &options.keep_alive {
            // A bare number is one of seconds, and has to be sent as a number.
            body["keep_alive"] = keep.parse::<i64>().map_or_else(|_| keep.as_str().into(), Value::from);
        }
        if let Some(conversation) = &prompt.conversation {
            wishes(conversation, &mut body);
        }
        body
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn take(&self, data: &str, answer: &mut Answer) -> Result<(), Fault> {
        let line: Line = serde_json::from_str(data).map_err(|error| Fault::unreadable(&error))?;
        if let Some(error) = line.error.filter(|error| !error.is_null()) {
            return Err(Fault::reported(&error, false));
        }
        if let Some(message) = line.message {
            answer.think(&message.thinking.unwrap_or_default());
            answer.say(&message.content.unwrap_or_default())?;
            for ToolCall { id, function: Function { name, arguments } } in message.tool_calls.into_iter().flatten() {
                let number = answer.called_tools();
                let id = id.unwrap_or_else(|| format!("call_{number}"));
                let arguments = arguments.filter(Value::is_object).unwrap_or_else(|| json!({})).to_string();
                answer.call_tool(number, Call { id, name, arguments, extra: None });
            }
        }
        if line.done {
            let number = |count: Option<Value>| count.and_then(|count| count.as_u64()).unwrap_or(0);
            let (tokens_in, tokens_out) = (number(line.prompt_eval_count), number(line.eval_count));
            if tokens_in > 0 || tokens_out > 0 {
                answer.counted = Some(Counted { tokens_in, cached: 0, tokens_out });
            }
            answer.end(match line.done_reason {
                Some(reason) if reason == "length" => End::Limit(reason),
                // Versions before 0.3 give no reason.
                _ => End::Whole,
            });
            answer.close();
        }
        Ok(())
    }
}

/// A message as it is sent.
fn message(message: &Turn) -> Value {
    let role = match message.speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
        Speaker::Tool => "tool",
    };
    let mut sent = json!({"role": role, "content": message.text()});
    let images = message.parts.iter().filter_map(|part| match part {
        Part::Image { url, .. } => super::inline(url).map(|(_, data)| data),
        Part::Text(_) => None,
    });
    let images: Vec<&str> = images.collect();
    if !images.is_empty() {
        sent["images"] = images.into();
    }
    if !message.calls.is_empty() {
        let call = |call: &Call| {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
            json!({"function": {"name": call.name, "arguments": arguments}})
        };
        sent["tool_calls"] = message.calls.iter().map(call).collect();
    }
    sent
}

/// Puts what the answer must keep to into the body; the limit of tokens is there.
fn wishes(conversation: &Conversation, body: &mut Value) {
    let wishes = &conversation.wishes;
    let options = [
        ("temperature", wishes.temperature.map(Value::from)),
        ("top_p", wishes.top_p.map(Value::from)),
        ("presence_penalty", wishes.presence_penalty.map(Value::from)),
        ("frequency_penalty", wishes.frequency_penalty.map(Value::from)),
        ("seed", wishes.seed.map(Value::from)),
        ("stop", (!wishes.stop.is_empty()).then(|| wishes.stop.clone().into())),
    ];
    options.into_iter().filter_map(|(name, value)| Some((name, value?))).for_each(|(name, value)| {
        body["options"][name] = value;
    });
    if !wishes.tools.is_empty() {
        let tools = wishes.tools.iter().map(|tool| {
            let parameters = tool.parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
            let description = tool.description.as_deref().unwrap_or_default();
            let function = json!({"name": tool.name, "description": description, "parameters": parameters});
            json!({"type": "function", "function": function})
        });
        body["tools"] = tools.collect();
    }
    match &wishes.format {
        Some(Format::Json) => body["format"] = "json".into(),
        Some(Format::Schema { schema, .. }) => body["format"] = schema.clone(),
        None => {}
    }
}
