//! Google's Gemini, by its own protocol.

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Protocol, below};
use crate::config::WorkerOptions;
use crate::conversation::{Call, Choice, Conversation, Format, Message, Part as Said, Speaker};
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
    function_call: Option<FunctionCall>,
    thought_signature: Option<String>,
}

#[derive(Deserialize)]
struct FunctionCall {
    id: Option<String>,
    name: Option<String>,
    args: Option<Value>,
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
        if let Some(conversation) = &prompt.conversation {
            return going_on(conversation, prompt.most_output(options.max_output));
        }
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
            if let Some(FunctionCall { id, name, args }) = part.function_call {
                let number = answer.called_tools();
                let arguments = args.filter(Value::is_object).unwrap_or_else(|| json!({})).to_string();
                let id = id.unwrap_or_else(|| format!("call_{number}"));
                let extra = part.thought_signature.map(|own| json!({"google": {"thought_signature": own}}));
                answer.call_tool(number, Call { id, name: name.unwrap_or_default(), arguments, extra });
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

/// A conversation as it is sent.
fn going_on(conversation: &Conversation, limit: usize) -> Value {
    let (rules, said): (Vec<&Message>, Vec<&Message>) =
        conversation.messages.iter().partition(|message| message.speaker == Speaker::System);
    // An answer of a tool names the tool here, not the call.
    let name = |id: &str| {
        let mut calls = conversation.messages.iter().flat_map(|message| &message.calls);
        calls.find(|call| call.id == id).map_or("", |call| call.name.as_str())
    };
    let mut contents: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in said {
        let role = if message.speaker == Speaker::Assistant { "model" } else { "user" };
        let parts = parts(message, name);
        match contents.last_mut() {
            Some((last, all)) if *last == role => all.extend(parts),
            _ => contents.push((role, parts)),
        }
    }
    let contents = contents.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts}));
    let wishes = &conversation.wishes;
    let mut config = json!({"maxOutputTokens": limit});
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            config[name] = value;
        }
    };
    set("temperature", wishes.temperature.map(Into::into));
    set("topP", wishes.top_p.map(Into::into));
    set("presencePenalty", wishes.presence_penalty.map(Into::into));
    set("frequencyPenalty", wishes.frequency_penalty.map(Into::into));
    set("seed", wishes.seed.map(Into::into));
    set("stopSequences", (!wishes.stop.is_empty()).then(|| wishes.stop.clone().into()));
    set("responseMimeType", wishes.format.as_ref().map(|_| "application/json".into()));
    set(
        "responseJsonSchema",
        wishes.format.as_ref().and_then(|format| match format {
            Format::Json => None,
            Format::Schema { schema, .. } => Some(schema.clone()),
        }),
    );
    let mut body = json!({"contents": contents.collect::<Vec<_>>(), "generationConfig": config});
    let rules: Vec<Value> = rules.into_iter().map(|message| json!({"text": message.text()})).collect();
    if !rules.is_empty() {
        body["systemInstruction"] = json!({"parts": rules});
    }
    if !wishes.tools.is_empty() {
        let declared = wishes.tools.iter().map(|tool| {
            let mut declared =
                json!({"name": tool.name, "description": tool.description.as_deref().unwrap_or_default()});
            if let Some(schema) = &tool.parameters {
                declared["parametersJsonSchema"] = schema.clone();
            }
            declared
        });
        body["tools"] = json!([{"functionDeclarations": declared.collect::<Vec<_>>()}]);
    }
    if let Some(choice) = &wishes.choice {
        let config = match choice {
            Choice::Auto => json!({"mode": "AUTO"}),
            Choice::None => json!({"mode": "NONE"}),
            Choice::Required => json!({"mode": "ANY"}),
            Choice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
        };
        body["toolConfig"] = json!({"functionCallingConfig": config});
    }
    body
}

/// What a message says, part by part; `name`: of the tool that a call is of.
fn parts<'a>(message: &Message, name: impl Fn(&str) -> &'a str) -> Vec<Value> {
    if let Some(call) = &message.answers {
        return vec![json!({"functionResponse": {"name": name(call), "response": {"result": message.text()}}})];
    }
    let said = message.parts.iter().filter_map(|part| match part {
        Said::Text(text) if text.is_empty() => None,
        Said::Text(text) => Some(json!({"text": text})),
        Said::Image { url, .. } => {
            let (kind, data) = super::inline(url)?;
            Some(json!({"inlineData": {"mimeType": kind, "data": data}}))
        }
    });
    let calls = message.calls.iter().map(|call| {
        let args: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        let mut part = json!({"functionCall": {"name": call.name, "args": args}});
        if let Some(own) = call.extra.as_ref().and_then(|extra| extra.pointer("/google/thought_signature")) {
            part["thoughtSignature"] = own.clone();
        }
        part
    });
    said.chain(calls).collect()
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
