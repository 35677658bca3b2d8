//! A request of `/v1/responses`, understood whole or refused by the name of what is not.

use serde_json::{Map, Value, json};

use super::super::ask::{self, Ask, Wanted, format, number_of_tokens, tool_named};
use super::super::failure::Failure;
use super::super::fields::Fields;
use crate::conversation::{Call, Choice, Conversation, Format, Message, Part, Speaker, Tool, Wishes};

/// What is asked, and what the answer repeats of it.
#[derive(Debug)]
pub(in crate::http) struct Request {
    pub ask: Ask,
    pub stream: bool,
    /// The parameters that an answer repeats, as they were sent.
    pub repeated: Map<String, Value>,
}

/// Parameters that an answer repeats, with what stands for absent ones.
fn absent() -> Map<String, Value> {
    let absent = json!({
        "instructions": null,
        "max_output_tokens": null,
        "metadata": {},
        "parallel_tool_calls": true,
        "reasoning": {"effort": null, "summary": null},
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "user": null,
    });
    absent.as_object().cloned().unwrap_or_default()
}

impl Request {
    pub fn read(body: Value) -> Result<Self, Failure> {
        let mut repeated = absent();
        for (name, value) in &mut repeated {
            if let Some(sent) = body.get(name).filter(|sent| !sent.is_null()) {
                value.clone_from(sent);
            }
        }
        let mut fields = Fields::of(body, "")?;
        let mut wanted = Wanted::take(&mut fields)?;
        let rules: Option<String> = fields.take("instructions")?;
        let mut messages: Vec<Message> = rules.map(|rules| Message::of(Speaker::System, rules)).into_iter().collect();
        messages.extend(input(fields.need("input")?)?);
        if let Some(reasoning) = fields.take::<Value>("reasoning")? {
            let mut reasoning = Fields::of(reasoning, "reasoning")?;
            wanted = wanted.thinking(reasoning.take("effort")?, "reasoning.effort")?;
            reasoning.without(&["summary", "generate_summary"]);
            reasoning.end()?;
        }
        let format = match fields.take::<Value>("text")? {
            Some(text) => {
                let mut text = Fields::of(text, "text")?;
                text.only("verbosity", &[json!("medium")])?;
                let found = text.take::<Value>("format")?.map(text_format).transpose()?.flatten();
                text.end()?;
                found
            }
            None => None,
        };
        let wishes = Wishes {
            max_tokens: number_of_tokens(fields.take("max_output_tokens")?, "max_output_tokens")?,
            temperature: fields.number("temperature", 0.0, 2.0)?,
            top_p: fields.number("top_p", 0.0, 1.0)?,
            tools: tools(fields.take("tools")?.unwrap_or_default())?,
            choice: choice(fields.take("tool_choice")?)?,
            // What clients always send says nothing.
            parallel: fields.take("parallel_tool_calls")?.filter(|parallel| !parallel),
            format,
            ..Wishes::default()
        };
        let stream = fields.take("stream")?.unwrap_or(false);
        if let Some(options) = fields.take::<Value>("stream_options")? {
            let mut options = Fields::of(options, "stream_options")?;
            options.only("include_obfuscation", &[json!(false)])?;
            options.end()?;
        }
        // Nothing is kept, so that nothing can be referred to.
        fields.only("store", &[json!(false)])?;
        fields.only("previous_response_id", &[])?;
        fields.only("conversation", &[])?;
        fields.only("background", &[json!(false)])?;
        fields.only("include", &[json!([])])?;
        fields.only("prompt", &[])?;
        fields.only("max_tool_calls", &[])?;
        fields.only("top_logprobs", &[json!(0)])?;
        fields.only("service_tier", &[json!("auto"), json!("default")])?;
        fields.only("truncation", &[json!("disabled"), json!("auto")])?;
        fields.without(&["user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"]);
        fields.end()?;
        let ask = wanted.ask(Conversation { messages, wishes })?;
        Ok(Self { ask, stream, repeated })
    }
}

/// What was said: a text, or items in order.
fn input(value: Value) -> Result<Vec<Message>, Failure> {
    let items = match value {
        Value::String(text) => return Ok(vec![Message::of(Speaker::User, text)]),
        Value::Array(items) => items,
        _ => return Err(Failure::of_param("input", "`input` is a text or a list of items")),
    };
    let mut messages: Vec<Message> = Vec::new();
    for (number, value) in items.into_iter().enumerate() {
        let at = format!("input[{number}]");
        let mut fields = Fields::of(value, &at)?;
        let kind = fields.take::<String>("type")?.unwrap_or_else(|| "message".into());
        fields.without(&["id", "status"]);
        match kind.as_str() {
            "message" => messages.push(message(&mut fields)?),
            "function_call" => {
                let (name, arguments) = (fields.need("name")?, fields.need("arguments")?);
                let call = Call { id: fields.need("call_id")?, name, arguments, extra: fields.take("extra_content")? };
                match messages.last_mut() {
                    // Calls of one turn belong together.
                    Some(last) if last.speaker == Speaker::Assistant => last.calls.push(call),
                    _ => messages.push(Message {
                        calls: vec![call],
                        parts: Vec::new(),
                        ..Message::of(Speaker::Assistant, "")
                    }),
                }
            }
            "function_call_output" => {
                let answers = Some(fields.need("call_id")?);
                let output = match fields.need::<Value>("output")? {
                    Value::String(text) => vec![Part::Text(text)],
                    parts => content(parts, &fields.name("output"))?,
                };
                messages.push(Message { answers, parts: output, ..Message::of(Speaker::Tool, "") });
            }
            // No model is sent what another, or itself, has thought.
            "reasoning" => fields.without(&["summary", "content", "encrypted_content"]),
            _ => return Err(Failure::of_param(&at, format!("`{at}` is of type {kind}, which Baton cannot honour"))),
        }
        fields.end()?;
    }
    Ok(messages)
}

fn message(fields: &mut Fields) -> Result<Message, Failure> {
    let role: String = fields.need("role")?;
    let speaker = match role.as_str() {
        "system" | "developer" => Speaker::System,
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        _ => {
            let name = fields.name("role");
            return Err(Failure::of_param(&name, format!("`{name}` is system, developer, user or assistant")));
        }
    };
    fields.without(&["phase"]);
    let parts = content(fields.need("content")?, &fields.name("content"))?;
    Ok(Message { parts, ..Message::of(speaker, "") })
}

fn content(value: Value, at: &str) -> Result<Vec<Part>, Failure> {
    let parts = match value {
        Value::String(text) => return Ok(vec![Part::Text(text)]),
        Value::Array(parts) => parts,
        _ => return Err(Failure::of_param(at, format!("`{at}` is a text or a list of parts"))),
    };
    let part = |(number, value)| {
        let at = format!("{at}[{number}]");
        let mut fields = Fields::of(value, &at)?;
        let kind: String = fields.need("type")?;
        let part = match kind.as_str() {
            "input_text" | "output_text" | "text" => Part::Text(fields.need("text")?),
            "refusal" => Part::Text(fields.need("refusal")?),
            "input_image" => {
                fields.only("file_id", &[])?;
                Part::Image { url: fields.need("image_url")?, detail: fields.take("detail")? }
            }
            _ => {
                let why = format!("`{at}` is of type {kind}; Baton passes on input_text and input_image");
                return Err(Failure::of_param(&at, why));
            }
        };
        fields.without(&["annotations", "logprobs"]);
        fields.end()?;
        Ok(part)
    };
    parts.into_iter().enumerate().map(part).collect()
}

fn tools(list: Vec<Value>) -> Result<Vec<Tool>, Failure> {
    let tool = |(number, value)| {
        let at = format!("tools[{number}]");
        let mut fields = Fields::of(value, &at)?;
        let kind: String = fields.need("type")?;
        if kind != "function" {
            return Err(Failure::of_param(&at, format!("`{at}` is of type {kind}; Baton passes on functions")));
        }
        tool_named(fields)
    };
    list.into_iter().enumerate().map(tool).collect()
}

fn choice(value: Option<Value>) -> Result<Option<Choice>, Failure> {
    Ok(Some(match value {
        None => return Ok(None),
        Some(Value::String(word)) => ask::choice(&word)?,
        Some(value) => {
            let mut fields = Fields::of(value, "tool_choice")?;
            fields.only("type", &[json!("function")])?;
            let name = fields.need("name")?;
            fields.end()?;
            Choice::Named(name)
        }
    }))
    .map(|choice| choice.filter(|choice| *choice != Choice::Auto))
}

fn text_format(value: Value) -> Result<Option<Format>, Failure> {
    let mut fields = Fields::of(value, "text.format")?;
    let kind: String = fields.need("type")?;
    if kind == "json_schema" {
        return format(&kind, Some(fields), "text.format.type");
    }
    fields.end()?;
    format(&kind, None, "text.format.type")
}
