//! Ollama's own protocol. Its OpenAI-compatible one cannot say how large the context is to be, and then a long prompt
//! loses its beginning without a word.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Protocol, below};
use crate::config::WorkerOptions;
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
    tool_calls: Option<Value>,
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
        let mut messages = Vec::new();
        if !prompt.system.is_empty() {
            messages.push(json!({"role": "system", "content": prompt.system}));
        }
        messages.push(json!({"role": "user", "content": prompt.user}));
        let mut body = json!({
            "model": options.model,
            "messages": messages,
            "stream": true,
            // A prompt that does not fit is to be an error, not to lose its beginning; older versions ignore both.
            "truncate": false,
            "shift": false,
            "options": {"num_ctx": options.context, "num_predict": options.max_output},
        });
        if let Some(keep) = &options.keep_alive {
            // A bare number is one of seconds, and has to be sent as a number.
            body["keep_alive"] = keep.parse::<i64>().map_or_else(|_| keep.as_str().into(), Value::from);
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
            if message.tool_calls.is_some_and(|calls| calls.as_array().is_some_and(|calls| !calls.is_empty())) {
                answer.call_tool();
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
