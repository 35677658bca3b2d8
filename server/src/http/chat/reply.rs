//! Answers in the shapes of `/v1/chat/completions`.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::answer::Answer;
use crate::conversation::Call;
use crate::run::Ending;

/// What all pieces of one answer have in common.
#[derive(Debug, Clone)]
pub(in crate::http) struct Envelope {
    pub id: String,
    pub created: u64,
    pub model: String,
}

/// One piece of a stream.
#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    finish_reason: Option<&'static str>,
    logprobs: Option<()>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    /// Where clients look for thoughts, and others look away.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Value>,
}

impl Envelope {
    /// A whole answer.
    pub fn whole(&self, answer: &Answer) -> Value {
        let mut message = json!({"role": "assistant", "content": answer.text, "refusal": null});
        if !answer.calls.is_empty() {
            message["tool_calls"] = calls(&answer.calls, false);
            if answer.text.is_empty() {
                message["content"] = Value::Null;
            }
        }
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish(answer.ending), "logprobs": null}],
            "usage": usage(answer),
        })
    }

    /// The first piece: who speaks.
    pub fn begin(&self) -> String {
        self.piece(Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, None)
    }

    pub fn words(&self, text: &str) -> String {
        self.piece(Delta { content: Some(text), ..Delta::default() }, None)
    }

    /// What is no part of the answer.
    pub fn aside(&self, text: &str) -> String {
        self.piece(Delta { reasoning_content: Some(text), ..Delta::default() }, None)
    }

    pub fn calls(&self, called: &[Call]) -> String {
        self.piece(Delta { tool_calls: Some(calls(called, true)), ..Delta::default() }, None)
    }

    pub fn end(&self, ending: Ending) -> String {
        self.piece(Delta::default(), Some(finish(ending)))
    }

    /// The last piece, of a client that wants it.
    pub fn usage(&self, answer: &Answer) -> String {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [],
            "usage": usage(answer),
        })
        .to_string()
    }

    fn piece(&self, delta: Delta<'_>, finish_reason: Option<&'static str>) -> String {
        let choices = [Choice { index: 0, delta, finish_reason, logprobs: None }];
        let object = "chat.completion.chunk";
        let chunk = Chunk { id: &self.id, object, created: self.created, model: &self.model, choices };
        serde_json::to_string(&chunk).unwrap_or_else(|error| unreachable!("texts and numbers: {error}"))
    }
}

fn calls(called: &[Call], numbered: bool) -> Value {
    let call = |(number, call): (usize, &Call)| {
        let function = json!({"name": call.name, "arguments": call.arguments});
        let mut shown = json!({"id": call.id, "type": "function", "function": function});
        if numbered {
            shown["index"] = number.into();
        }
        if let Some(extra) = &call.extra {
            shown["extra_content"] = extra.clone();
        }
        shown
    };
    called.iter().enumerate().map(call).collect()
}

fn finish(ending: Ending) -> &'static str {
    match ending {
        Ending::Whole => "stop",
        Ending::Limit => "length",
        Ending::Withheld => "content_filter",
        Ending::Calls => "tool_calls",
    }
}

/// What was used: the answer's own, and apart from it what planning and the other steps used, as Fugu counts them.
fn usage(answer: &Answer) -> Value {
    let (own, others) = (answer.usage, answer.orchestration);
    let total = own.tokens_in + own.tokens_out + others.tokens_in + others.tokens_out;
    json!({
        "prompt_tokens": own.tokens_in,
        "completion_tokens": own.tokens_out,
        "total_tokens": total,
        "prompt_tokens_details": {
            "cached_tokens": own.tokens_cached,
            "orchestration_input_tokens": others.tokens_in,
            "orchestration_input_cached_tokens": others.tokens_cached,
        },
        "completion_tokens_details": {"orchestration_output_tokens": others.tokens_out},
        "baton": answer.baton,
    })
}
