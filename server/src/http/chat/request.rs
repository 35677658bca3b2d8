//! A request of `/v1/chat/completions`, understood whole or refused by the name of what is not.

use serde_json::{Value, json};

use super::super::ask::{Ask, Wanted, format, number_of_tokens, tool_named};
use super::super::failure::Failure;
use super::super::fields::Fields;
use crate::conversation::{Call, Choice, Conversation, Format, Message, Part, Speaker, Tool, Wishes};

/// What is asked, and how it is to be sent.
#[derive(Debug)]
pub(in crate::http) struct Request {
    pub ask: Ask,
    pub stream: bool,
    /// Whether a stream ends with what was used.
    pub with_usage: bool,
}

impl Request {
    pub fn read(body: Value) -> Result<Self, Failure> {
        let mut fields = Fields::of(body, "")?;
        let wanted = Wanted::take(&mut fields)?;
        let messages: Vec<Value> = fields.need("messages")?;
        let messages: Result<Vec<Message>, Failure> =
            messages.into_iter().enumerate().map(|(at, value)| message(value, &format!("messages[{at}]"))).collect();
        let stream = fields.take("stream")?.unwrap_or(false);
        let with_usage = match fields.take::<Value>("stream_options")? {
            Some(options) => {
                let mut options = Fields::of(options, "stream_options")?;
                let with_usage = options.take("include_usage")?.unwrap_or(false);
                options.only("include_obfuscation", &[json!(false)])?;
                options.end()?;
                with_usage
            }
            None => false,
        };
        let (newer, older) = (fields.take("max_completion_tokens")?, fields.take("max_tokens")?);
        let wishes = Wishes {
            max_tokens: number_of_tokens(newer.or(older), "max_completion_tokens")?,
            temperature: fields.number("temperature", 0.0, 2.0)?,
            top_p: fields.number("top_p", 0.0, 1.0)?,
            presence_penalty: fields.number("presence_penalty", -2.0, 2.0)?,
            frequency_penalty: fields.number("frequency_penalty", -2.0, 2.0)?,
            seed: fields.take("seed")?,
            stop: stops(fields.take("stop")?)?,
            tools: tools(fields.take("tools")?.unwrap_or_default())?,
            choice: choice(fields.take("tool_choice")?)?,
            parallel: fields.take("parallel_tool_calls")?,
            format: response_format(fields.take("response_format")?)?,
            effort: None,
        };
        fields.only("n", &[json!(1)])?;
        fields.only("logprobs", &[json!(false)])?;
        fields.only("modalities", &[json!(["text"])])?;
        fields.only("service_tier", &[json!("auto"), json!("default")])?;
        fields.only("store", &[json!(false)])?;
        fields.only("verbosity", &[json!("medium")])?;
        fields.only("logit_bias", &[json!({})])?;
        // Whom a client serves is nobody's business further on, and what it notes for itself is not kept.
        fields.without(&["user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"]);
        fields.end()?;
        let ask = wanted.ask(Conversation { messages: messages?, wishes })?;
        Ok(Self { ask, stream, with_usage })
    }
}

fn message(value: Value, at: &str) -> Result<Message, Failure> {
    let mut fields = Fields::of(value, at)?;
    let role: String = fields.need("role")?;
    let speaker = match role.as_str() {
        "system" | "developer" => Speaker::System,
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        "tool" => Speaker::Tool,
        _ => {
            let name = fields.name("role");
            return Err(Failure::of_param(&name, format!("`{name}` is system, developer, user, assistant or tool")));
        }
    };
    let parts = parts(fields.take("content")?, &fields.name("content"))?;
    let name = fields.take("name")?;
    let (mut calls, mut answers) = (Vec::new(), None);
    match speaker {
        Speaker::Assistant => {
            for (number, call) in fields.take::<Vec<Value>>("tool_calls")?.unwrap_or_default().into_iter().enumerate() {
                calls.push(tool_call(call, &fields.name(&format!("tool_calls[{number}]")))?);
            }
            fields.only("audio", &[])?;
            fields.only("function_call", &[])?;
            // No model is sent what another, or itself, has thought; and a refusal has its words in the content.
            fields.without(&["reasoning_content", "reasoning", "refusal", "annotations"]);
        }
        Speaker::Tool => answers = Some(fields.need("tool_call_id")?),
        Speaker::System | Speaker::User => {}
    }
    fields.end()?;
    if parts.is_empty() && calls.is_empty() && speaker != Speaker::Assistant && speaker != Speaker::Tool {
        return Err(Failure::of_param(&format!("{at}.content"), format!("`{at}.content` is missing")));
    }
    Ok(Message { speaker, name, parts, calls, answers })
}

fn parts(content: Option<Value>, at: &str) -> Result<Vec<Part>, Failure> {
    let parts = match content {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![Part::Text(text)]),
        Some(Value::Array(parts)) => parts,
        Some(_) => return Err(Failure::of_param(at, format!("`{at}` is a text or a list of parts"))),
    };
    let part = |(number, value)| {
        let at = format!("{at}[{number}]");
        let mut fields = Fields::of(value, &at)?;
        let kind: String = fields.need("type")?;
        let part = match kind.as_str() {
            "text" => Part::Text(fields.need("text")?),
            "refusal" => Part::Text(fields.need("refusal")?),
            "image_url" => {
                let mut image = Fields::of(fields.need("image_url")?, &format!("{at}.image_url"))?;
                let part = Part::Image { url: image.need("url")?, detail: image.take("detail")? };
                image.end()?;
                part
            }
            _ => {
                return Err(Failure::of_param(
                    &at,
                    format!("`{at}` is of type {kind}; Baton passes on text and image_url"),
                ));
            }
        };
        fields.without(&["cache_control"]);
        fields.end()?;
        Ok(part)
    };
    parts.into_iter().enumerate().map(part).collect()
}

fn tool_call(value: Value, at: &str) -> Result<Call, Failure> {
    let mut fields = Fields::of(value, at)?;
    let id = fields.need("id")?;
    fields.only("type", &[json!("function")])?;
    let mut function = Fields::of(fields.need("function")?, &format!("{at}.function"))?;
    let (name, arguments) = (function.need("name")?, function.take("arguments")?.unwrap_or_default());
    function.end()?;
    let extra = fields.take("extra_content")?;
    fields.without(&["index"]);
    fields.end()?;
    Ok(Call { id, name, arguments, extra })
}

fn stops(value: Option<Value>) -> Result<Vec<String>, Failure> {
    let stops = match value {
        None => return Ok(Vec::new()),
        Some(Value::String(stop)) => vec![stop],
        Some(list) => serde_json::from_value(list).unwrap_or_default(),
    };
    match stops.len() {
        1..=4 if stops.iter().all(|stop| !stop.is_empty()) => Ok(stops),
        _ => Err(Failure::of_param("stop", "`stop` is a text or a list of up to 4, none of them empty")),
    }
}

fn tools(list: Vec<Value>) -> Result<Vec<Tool>, Failure> {
    let tool = |(number, value)| {
        let at = format!("tools[{number}]");
        let mut fields = Fields::of(value, &at)?;
        let kind: String = fields.need("type")?;
        if kind != "function" {
            return Err(Failure::of_param(&at, format!("`{at}` is of type {kind}; Baton passes on functions")));
        }
        let function = Fields::of(fields.need("function")?, &format!("{at}.function"))?;
        fields.end()?;
        tool_named(function)
    };
    list.into_iter().enumerate().map(tool).collect()
}

fn choice(value: Option<Value>) -> Result<Option<Choice>, Failure> {
    Ok(Some(match value {
        None => return Ok(None),
        Some(Value::String(word)) => super::super::ask::choice(&word)?,
        Some(value) => {
            let mut fields = Fields::of(value, "tool_choice")?;
            fields.only("type", &[json!("function")])?;
            let mut function = Fields::of(fields.need("function")?, "tool_choice.function")?;
            let name = function.need("name")?;
            function.end()?;
            fields.end()?;
            Choice::Named(name)
        }
    }))
}

fn response_format(value: Option<Value>) -> Result<Option<Format>, Failure> {
    let Some(value) = value else { return Ok(None) };
    let mut fields = Fields::of(value, "response_format")?;
    let kind: String = fields.need("type")?;
    let schema = match kind.as_str() {
        "json_schema" => Some(Fields::of(fields.need("json_schema")?, "response_format.json_schema")?),
        _ => None,
    };
    fields.end()?;
    format(&kind, schema, "response_format.type")
}
