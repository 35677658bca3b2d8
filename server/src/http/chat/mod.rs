//! `/v1/chat/completions`.

mod reply;
mod request;

use serde_json::Value;

use super::failure::Failure;
use super::stream::Rendered;
use super::turn::{Answer, Happening};
use reply::Envelope;
pub(super) use request::Request;

/// How one answer is written.
pub(super) struct Rendering {
    envelope: Envelope,
    with_usage: bool,
    /// Of the words, as many bytes as were sent.
    sent: String,
}

impl Rendering {
    pub fn new(run: &str, request: &Request) -> Self {
        let envelope = Envelope {
            id: format!("chatcmpl-{run}"),
            created: super::now_ms() / 1000,
            model: request.ask.model.clone(),
        };
        Self { envelope, with_usage: request.with_usage, sent: String::new() }
    }

    pub fn whole(&self, answer: &Answer) -> Value {
        self.envelope.whole(answer)
    }
}

impl Rendered for Rendering {
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
