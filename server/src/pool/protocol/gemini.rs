//! Google's Gemini, by its own protocol.

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
pub(super) struct Gemini;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<Feedback>,
    usage_metadata: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    thought: Option<bool>,
    function_call: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

impl Protocol for Gemini {
    fn address(&self, base: Url, model: &str) -> Url {
        let method = format!("{}:streamGenerateContent", model.trim_start_matches("models/"));
        let version = if base.path().trim_end_matches('/').ends_with("/v1") { "v1" } else { "v1beta" };
        let mut url = below(base, &["/v1beta", "/v1"], &[version, "models", &method]);
        url.set_query(Some("alt=sse"));
        url
    }

    fn usual(&self) -> &'static str {
        "it is mostly https://generativelanguage.googleapis.com"
    }

    /// In a header: a URL ends up in logs.
    fn key(&self, key: &Key) -> Result<(HeaderName, HeaderValue), String> {
        Ok((HeaderName::from_static("x-goog-api-key"), key.bare()?))
    }

    fn body(&self, options: &WorkerOptions, _: &Url, prompt: &Prompt) -> Value {
        let mut body = json!({
            "contents": [{"role": "user", "parts": [{"text": prompt.user}]}],
            "generationConfig": {"maxOutputTokens": options.max_output},
        });
        if !prompt.system.is_empty() {
            body["systemInstruction"] = json!({"parts": [{"text": prompt.system}]});
        }
        body
    }

    fn take(&self, data: &str, answer: &mut Answer) -> Result<(), Fault> {
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| Fault::unreadable(&error))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let code = error.get("code").and_then(Value::as_u64);
            return Err(Fault::reported(&error, code.is_some_and(|code| code == 429 || code >= 500)));
        }
        if let Some(usage) = chunk.usage_metadata.filter(Value::is_object) {
            answer.counted = Some(counted(&usage));
        }
        // Some models give every chunk a reason to finish: only the last one's holds.
        answer.repeat_ends();
        if let Some(reason) = chunk.prompt_feedback.and_then(|feedback| feedback.block_reason) {
            answer.end(End::Withheld(reason));
        }
        let Some(candidate) = chunk.candidates.and_then(|candidates| candidates.into_iter().next()) else {
            return Ok(());
        };
        for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
            if part.function_call.is_some() {
                answer.call_tool();
            }
            let text = part.text.unwrap_or_default();
            if part.thought == Some(true) {
                answer.think(&text);
            } else {
                answer.say(&text)?;
            }
        }
        if let Some(reason) = candidate.finish_reason {
            answer.end(end(reason));
        }
        Ok(())
    }
}

fn end(reason: String) -> End {
    match reason.as_str() {
        "STOP" => End::Whole,
        "MAX_TOKENS" => End::Limit(reason),
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" => End::Tool(reason),
        // SAFETY, RECITATION, BLOCKLIST and whatever is added: none of them is a whole answer.
        _ => End::Withheld(reason),
    }
}

fn counted(usage: &Value) -> Counted {
    let read = count(usage, "promptTokenCount").saturating_add(count(usage, "toolUsePromptTokenCount"));
    let thoughts = count(usage, "thoughtsTokenCount");
    let written = count(usage, "candidatesTokenCount").saturating_add(thoughts);
    Counted {
        tokens_in: read,
        cached: count(usage, "cachedContentTokenCount"),
        tokens_out: written.max(count(usage, "totalTokenCount").saturating_sub(read)),
    }
}
