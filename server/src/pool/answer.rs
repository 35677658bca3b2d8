//! One streamed answer in OpenAI's chat protocol, event by event, until it is known to be whole.

use serde::Deserialize;
use serde_json::Value;

/// What has come of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The model's words.
    pub(super) text: String,
    /// Whether the server began to answer: from then on tokens are paid for.
    pub(super) begun: bool,
    /// Tokens as the server counted them.
    pub(super) counted: Option<Counted>,
    thought: usize,
    finish: Option<String>,
    done: bool,
}

/// Tokens as a server counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Counted {
    #[serde(default)]
    pub(super) prompt_tokens: u64,
    #[serde(default)]
    pub(super) completion_tokens: u64,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Content>,
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
}

/// Most servers stream strings, Mistral's reasoning models lists of typed parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Answer {
    /// Takes the data of one event. The new words are what follows the old end of `text`.
    /// An error is a clause about the server.
    pub(super) fn take(&mut self, data: &str) -> Result<(), String> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk =
            serde_json::from_str(data).map_err(|error| format!("sent an event that cannot be read ({error})"))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(format!("broke off: {}", message(&error).unwrap_or_default()));
        }
        if let Some(counted) = chunk.usage.and_then(|usage| serde_json::from_value(usage).ok()) {
            self.counted = Some(counted);
        }
        let Some(choice) = chunk.choices.and_then(|choices| choices.into_iter().next()) else {
            return Ok(());
        };
        if let Some(delta) = choice.delta {
            self.thought += delta.reasoning_content.map_or(0, |thought| thought.chars().count());
            match delta.content {
                Some(Content::Text(text)) => self.text.push_str(&text),
                Some(Content::Parts(parts)) => self.text.extend(parts.into_iter().filter_map(|part| part.text)),
                None => {}
            }
        }
        self.finish = choice.finish_reason.or(self.finish.take());
        Ok(())
    }

    /// Whether nothing more is to come.
    pub(super) fn done(&self) -> bool {
        self.done
    }

    /// Whether the model said that it ended; how many tokens it used may still follow.
    pub(super) fn finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether the answer may be used; else why not, as a clause about the server.
    pub(super) fn whole(&self, max_output: usize) -> Result<(), String> {
        match self.finish.as_deref() {
            Some("length") => Err(format!("stopped at its limit of {max_output} tokens (length); raise max_output")),
            Some("content_filter") => Err("withheld its answer (content_filter)".into()),
            Some(reason @ ("tool_calls" | "function_call")) => {
                Err(format!("called a tool instead of answering ({reason}); use a model that can answer in text"))
            }
            None if !self.done && self.text.is_empty() => Err("ended without an answer; check base_url".into()),
            None if !self.done => Err("broke off in the middle of its answer; what came is not used".into()),
            _ if self.text.trim().is_empty() => Err("answered with nothing".into()),
            _ => Ok(()),
        }
    }

    /// Tokens that were written, by a quarter of the characters.
    pub(super) fn estimate_out(&self) -> u64 {
        (self.text.chars().count() + self.thought).div_ceil(4) as u64
    }
}

/// What a server says went wrong, found in the shapes that servers give it.
pub(super) fn message(body: &Value) -> Option<String> {
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let found = at("/error/message").or_else(|| at("/error")).or_else(|| at("/message")).or_else(|| at("/detail"));
    found.or(body.as_str()).map(plain)
}

/// Text of a server fit for one line: without control characters, cut after 300 characters.
pub(super) fn plain(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Counted, message, plain};
    use serde_json::json;

    fn answer(events: &[&str]) -> (Answer, Result<(), String>) {
        let mut answer = Answer::default();
        let read = events.iter().try_for_each(|data| answer.take(data));
        let whole = read.and_then(|()| answer.whole(64));
        (answer, whole)
    }

    const HALLO: &str = r#"{"choices":[{"delta":{"content":"hallo"},"finish_reason":null}]}"#;

    #[test]
    fn an_answer_is_whole_only_with_an_end_marker() {
        let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        for (events, whole) in [
            (vec![HALLO, stop], true),
            (vec![HALLO, "[DONE]"], true),
            (vec![HALLO, stop, "[DONE]"], true),
            (vec![HALLO], false),
            (vec![], false),
            (vec!["[DONE]"], false),
        ] {
            assert_eq!(answer(&events).1.is_ok(), whole, "{events:?}");
        }
    }

    #[test]
    fn other_ends_than_stop_say_what_happened() {
        for (reason, says) in [("length", "max_output"), ("content_filter", "withheld"), ("tool_calls", "tool")] {
            let end = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
            let refused = answer(&[HALLO, &end, "[DONE]"]).1.expect_err(reason);
            assert!(refused.contains(says), "{refused}");
        }
        let error = answer(&[HALLO, r#"{"error":{"message":"overloaded"}}"#]).1.expect_err("an error event");
        assert_eq!(error, "broke off: overloaded");
        assert!(answer(&[HALLO, "{\"choices\":"]).1.expect_err("not JSON").contains("cannot be read"));
    }

    #[test]
    fn the_dialects_of_servers_are_understood() {
        let (read, whole) = answer(&[
            r#"{"choices":[{"delta":{"role":"assistant","content":null,"reasoning":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"thinking"}]}}],"usage":null}"#,
            r#"{"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#,
            "[DONE]",
        ]);
        assert_eq!((read.text.as_str(), whole), ("ab", Ok(())));
        assert_eq!(read.counted, Some(Counted { prompt_tokens: 7, completion_tokens: 2 }));
        assert_eq!(read.estimate_out(), 1);
    }

    #[test]
    fn messages_are_found_and_made_harmless() {
        assert_eq!(
            message(&json!({"error": {"message": "no\u{1b}[31m such\nmodel"}})).as_deref(),
            Some("no [31m such model")
        );
        assert_eq!(message(&json!({"error": "plain"})).as_deref(), Some("plain"));
        assert_eq!(message(&json!({"detail": "d"})).as_deref(), Some("d"));
        assert_eq!(message(&json!([1])), None);
        assert_eq!(plain(&"ä".repeat(400)).chars().count(), 301);
    }
}
