//! `/v1/chat/completions`.

mod reply;
mod request;

use serde_json::Value;

use super::answer::Answer;
use super::ask::Ask;
use super::failure::Failure;
use super::stream::{Asked, Rendered};
use super::turn::Happening;
use reply::Envelope;
pub(super) use request::Request;

/// How one answer is written.
pub(super) struct Rendering {
    envelope: Envelope,
    with_usage: bool,
    /// Of the words, as many bytes as were sent.
    sent: String,
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
        let (id, model) = (format!("chatcmpl-{run}"), self.ask.model.clone());
        let envelope = Envelope { id, created: super::now_ms() / 1000, model };
        Rendering { envelope, with_usage: self.with_usage, sent: String::new() }
    }
}

impl Rendered for Rendering {
    fn whole(&self, answer: &Answer) -> Value {
        self.envelope.whole(answer)
    }

    fn begin(&mut self) -> Vec<(Option<&'static str>, String)> {
        vec![(None, self.envelope.begin())]
    }

    fn happened(&mut self, happening: &Happening) -> Vec<(Option<&'static str>, String)> {
        let data = match happening {
            Happening::Progress(line) => self.envelope.aside(&format!("{line}\n")),
            Happening::Thought(text) => self.envelope.aside(text),
            Happening::Words(text) => {
                self.sent.push_str(text);
                self.envelope.words(text)
            }
            Happening::End(_) => return Vec::new(),
        };
        vec![(None, data)]
    }

    fn end(&mut self, ended: &Result<Answer, Failure>) -> Vec<(Option<&'static str>, String)> {
        let answer = match ended {
            Ok(answer) => answer,
            Err(failure) => return vec![(None, failure.body().to_string())],
        };
        let mut pieces = Vec::new();
        match answer.text.strip_prefix(self.sent.as_str()) {
            Some("") => {}
            Some(rest) => pieces.push(self.envelope.words(rest)),
            // Somebody else answered after all; what was shown is no beginning of it.
            None => {
                let failure = Failure::upstream("the answer that had begun was given up");
                return vec![(None, failure.body().to_string())];
            }
        }
        if !answer.calls.is_empty() {
            pieces.push(self.envelope.calls(&answer.calls));
        }
        pieces.push(self.envelope.end(answer.ending));
        if self.with_usage {
            pieces.push(self.envelope.usage(answer));
        }
        pieces.push("[DONE]".into());
        pieces.into_iter().map(|data| (None, data)).collect()
    }
}
