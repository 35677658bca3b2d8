//! Answers in the shapes of `/v1/responses`.

use serde_json::{Map, Value, json};

use super::super::answer::Answer;
use super::super::ask::Ask;
use super::super::failure::Failure;
use super::super::stream::{Asked, Piece, Rendered};
use super::super::turn::Happening;
use super::Request;
use crate::conversation::Call;
use crate::run::Ending;

/// How one answer is written.
pub(in crate::http) struct Rendering {
    run: String,
    created: u64,
    model: String,
    repeated: Map<String, Value>,
    /// Items that are complete.
    output: Vec<Value>,
    open: Open,
    sequence: u64,
}

/// The item that is being written, with its text so far.
enum Open {
    Nothing,
    /// What is no part of the answer.
    Aside(String),
    Message(String),
}

impl Rendering {
    /// The response as it is: `answer`: once there is one.
    fn response(&self, output: Vec<Value>, answer: Option<&Answer>) -> Value {
        let incomplete = match answer.map(|answer| answer.ending) {
            Some(Ending::Limit) => Some("max_output_tokens"),
            Some(Ending::Withheld) => Some("content_filter"),
            _ => None,
        };
        let status = match (answer, incomplete) {
            (None, _) => "in_progress",
            (Some(_), Some(_)) => "incomplete",
            (Some(_), None) => "completed",
        };
        let mut response = self.repeated.clone();
        let own = json!({
            "id": format!("resp_{}", self.run),
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": incomplete.map(|reason| json!({"reason": reason})),
            "model": self.model,
            "output": output,
            "previous_response_id": null,
            "store": false,
            "usage": answer.map(usage),
        });
        response.extend(own.as_object().cloned().unwrap_or_default());
        Value::Object(response)
    }

    fn reasoning(&self, text: Option<&str>) -> Value {
        let summary: Vec<Value> = text.map(|text| json!({"type": "summary_text", "text": text})).into_iter().collect();
        json!({"id": format!("rs_{}", self.run), "type": "reasoning", "summary": summary})
    }

    fn call(&self, number: usize, call: &Call) -> Value {
        let mut item = json!({
            "id": format!("fc_{}_{number}", self.run),
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        });
        if let Some(extra) = &call.extra {
            item["extra_content"] = extra.clone();
        }
        item
    }

    fn event(&mut self, name: &'static str, mut data: Value) -> Piece {
        data["type"] = name.into();
        data["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        (Some(name), data.to_string())
    }

    fn aside(&mut self, text: &str) -> Vec<Piece> {
        let at = self.output.len();
        let id = format!("rs_{}", self.run);
        let mut pieces = Vec::new();
        match &mut self.open {
            // Nothing can come between the words of a message; that there is life is said all the same.
            Open::Message(text) => {
                let mut item = message(&self.run, text, "completed");
                item["status"] = "in_progress".into();
                let mut output = self.output.clone();
                output.push(item);
                let response = self.response(output, None);
                return vec![self.event("response.in_progress", json!({"response": response}))];
            }
            Open::Aside(before) => before.push_str(text),
            Open::Nothing => {
                self.open = Open::Aside(text.to_owned());
                let (item, part) = (self.reasoning(None), json!({"type": "summary_text", "text": ""}));
                pieces.push(self.event("response.output_item.added", json!({"output_index": at, "item": item})));
                let added = json!({"item_id": id, "output_index": at, "summary_index": 0, "part": part});
                pieces.push(self.event("response.reasoning_summary_part.added", added));
            }
        }
        let delta = json!({"item_id": id, "output_index": at, "summary_index": 0, "delta": text});
        pieces.push(self.event("response.reasoning_summary_text.delta", delta));
        pieces
    }

    fn words(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = if matches!(self.open, Open::Message(_)) { Vec::new() } else { self.close() };
        let (at, id) = (self.output.len(), format!("msg_{}", self.run));
        match &mut self.open {
            Open::Message(before) => before.push_str(text),
            _ => {
                self.open = Open::Message(text.to_owned());
                let item = message(&self.run, "", "in_progress");
                pieces.push(self.event("response.output_item.added", json!({"output_index": at, "item": item})));
                let part = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
                let added = json!({"item_id": id, "output_index": at, "content_index": 0, "part": part});
                pieces.push(self.event("response.content_part.added", added));
            }
        }
        let delta = json!({"item_id": id, "output_index": at, "content_index": 0, "delta": text, "logprobs": []});
        pieces.push(self.event("response.output_text.delta", delta));
        pieces
    }

    /// Ends the item that is being written.
    fn close(&mut self) -> Vec<Piece> {
        let at = self.output.len();
        let mut pieces = Vec::new();
        let item = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return pieces,
            Open::Aside(text) => {
                let place = json!({"item_id": format!("rs_{}", self.run), "output_index": at, "summary_index": 0});
                let with = |name: &str, value: Value| with(&place, name, value);
                pieces.push(self.event("response.reasoning_summary_text.done", with("text", text.as_str().into())));
                let part = json!({"type": "summary_text", "text": text});
                pieces.push(self.event("response.reasoning_summary_part.done", with("part", part)));
                self.reasoning(Some(&text))
            }
            Open::Message(text) => {
                let place = json!({"item_id": format!("msg_{}", self.run), "output_index": at, "content_index": 0});
                let done = with(&with(&place, "text", text.as_str().into()), "logprobs", json!([]));
                pieces.push(self.event("response.output_text.done", done));
                let part = json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
                pieces.push(self.event("response.content_part.done", with(&place, "part", part)));
                message(&self.run, &text, "completed")
            }
        };
        pieces.push(self.event("response.output_item.done", json!({"output_index": at, "item": item})));
        self.output.push(item);
        pieces
    }

    fn called(&mut self, number: usize, call: &Call) -> Vec<Piece> {
        let (at, item) = (self.output.len(), self.call(number, call));
        let begun = with(&with(&item, "status", "in_progress".into()), "arguments", "".into());
        let place = json!({"item_id": item["id"], "output_index": at});
        let pieces = vec![
            self.event("response.output_item.added", json!({"output_index": at, "item": begun})),
            self.event("response.function_call_arguments.delta", with(&place, "delta", item["arguments"].clone())),
            self.event(
                "response.function_call_arguments.done",
                with(&with(&place, "arguments", item["arguments"].clone()), "name", item["name"].clone()),
            ),
            self.event("response.output_item.done", json!({"output_index": at, "item": item})),
        ];
        self.output.push(item);
        pieces
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Piece> {
        let mut response = self.response(self.output.clone(), None);
        response["status"] = "failed".into();
        response["error"] = json!({"code": failure.code, "message": failure.message});
        vec![self.event("response.failed", json!({"response": response}))]
    }
}

impl Asked for Request {
    type Rendering = Rendering;

    fn read(body: Value) -> Result<Self, Failure> {
        Self::read(body)
    }

    fn ask(&self) -> &Ask {
        &self.ask
    }

    fn streams(&self) -> bool {
        self.stream
    }

    fn rendering(&self, run: &str) -> Rendering {
        Rendering {
            run: run.to_owned(),
            created: super::super::now_ms() / 1000,
            model: self.ask.model.clone(),
            repeated: self.repeated.clone(),
            output: Vec::new(),
            open: Open::Nothing,
            sequence: 0,
        }
    }
}

impl Rendered for Rendering {
    fn whole(&self, answer: &Answer) -> Value {
        let message = (!answer.text.is_empty()).then(|| message(&self.run, &answer.text, "completed"));
        let calls = answer.calls.iter().enumerate().map(|(number, call)| self.call(number, call));
        self.response(message.into_iter().chain(calls).collect(), Some(answer))
    }

    fn begin(&mut self) -> Vec<Piece> {
        let response = self.response(Vec::new(), None);
        let data = json!({"response": response});
        vec![self.event("response.created", data.clone()), self.event("response.in_progress", data)]
    }

    fn happened(&mut self, happening: &Happening) -> Vec<Piece> {
        match happening {
            Happening::Progress(line) => self.aside(&format!("{line}\n")),
            Happening::Thought(text) => self.aside(text),
            Happening::Words(text) => self.words(text),
            Happening::End(_) => Vec::new(),
        }
    }

    fn end(&mut self, ended: &Result<Answer, Failure>) -> Vec<Piece> {
        let answer = match ended {
            Ok(answer) => answer,
            Err(failure) => return self.failed(failure),
        };
        let sent = match &self.open {
            Open::Message(text) => text.as_str(),
            _ => "",
        };
        let mut pieces = match answer.text.strip_prefix(sent) {
            Some("") => Vec::new(),
            Some(rest) => self.words(rest),
            None => return self.failed(&Failure::upstream("the answer that had begun was given up")),
        };
        pieces.extend(self.close());
        for (number, call) in answer.calls.iter().enumerate() {
            pieces.extend(self.called(number, call));
        }
        let response = self.response(self.output.clone(), Some(answer));
        let name = if response["status"] == "incomplete" { "response.incomplete" } else { "response.completed" };
        pieces.push(self.event(name, json!({"response": response})));
        pieces
    }
}

fn message(run: &str, text: &str, status: &str) -> Value {
    let content = match status {
        "in_progress" => json!([]),
        _ => json!([{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]),
    };
    json!({"id": format!("msg_{run}"), "type": "message", "status": status, "role": "assistant", "content": content})
}

/// An object with one field more.
fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

/// What was used: the answer's own, and apart from it what planning and the other steps used, as Fugu counts them.
fn usage(answer: &Answer) -> Value {
    let (own, others) = (answer.usage, answer.orchestration);
    json!({
        "input_tokens": own.tokens_in,
        "output_tokens": own.tokens_out,
        "total_tokens": own.tokens_in + own.tokens_out + others.tokens_in + others.tokens_out,
        "input_tokens_details": {
            "cached_tokens": own.tokens_cached,
            "cache_write_tokens": 0,
            "orchestration_input_tokens": others.tokens_in,
            "orchestration_input_cached_tokens": others.tokens_cached,
        },
        "output_tokens_details": {"reasoning_tokens": 0, "orchestration_output_tokens": others.tokens_out},
        "baton": answer.baton,
    })
}
