//! What a stream says, read whole and at leisure: the yardstick for the reader of the product, which reads it piece by
//! piece as it comes. Written after the standard of server-sent events, not after the product.

use serde_json::Value;

/// A stream as far as it came.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The words, up to the mark of the end or an event that cannot be read.
    pub text: String,
    /// How much of `text` had come when the model said that it ended.
    pub text_at_finish: usize,
    /// Characters of thought.
    pub thought: usize,
    /// Why the model ended.
    pub finish: Option<String>,
    /// Whether the mark of the end came.
    pub done: bool,
    /// Whether an event could not be read, or was an error.
    pub broken: bool,
    /// At which byte each event ended that brought output or the end.
    pub output: Vec<usize>,
}

impl Heard {
    /// Whether the answer is whole and the model's own.
    pub fn is_whole(&self) -> bool {
        let limited = ["length", "content_filter", "tool_calls", "function_call"];
        let ended = self.finish.as_deref().map_or(self.done, |finish| !limited.contains(&finish));
        ended && !self.text.trim().is_empty()
    }

    /// Whether nobody could doubt it: it ended in good order before anything went wrong.
    pub fn is_beyond_doubt(&self) -> bool {
        self.is_whole() && !self.broken && !self.text[..self.text_at_finish].trim().is_empty()
    }

    /// Tokens that a server counts for it: a quarter of the characters.
    pub fn tokens(&self) -> usize {
        (self.text.chars().count() + self.thought).div_ceil(4)
    }
}

/// Reads what came.
pub(super) fn hear(bytes: &[u8]) -> Heard {
    let mut heard = Heard::default();
    let mut data: Vec<&[u8]> = Vec::new();
    for (line, end) in lines(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes), bytes.len()) {
        if !line.is_empty() {
            if let Some(value) = line.strip_prefix(b"data:") {
                data.push(value.strip_prefix(b" ").unwrap_or(value));
            }
            continue;
        }
        let event = std::mem::take(&mut data).join(&b'\n');
        if event.is_empty() {
            continue;
        }
        let before = (heard.text.len(), heard.thought, heard.finish.is_some());
        let understood = take(&event, &mut heard);
        if before != (heard.text.len(), heard.thought, heard.finish.is_some()) {
            heard.output.push(end);
        }
        if understood.is_none() {
            heard.broken = true;
        }
        if heard.broken || heard.done {
            break;
        }
    }
    if heard.finish.is_none() {
        heard.text_at_finish = heard.text.len();
    }
    // A character that was only begun is none that is wrong.
    heard.broken |= std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some());
    heard
}

fn take(event: &[u8], heard: &mut Heard) -> Option<()> {
    let event = std::str::from_utf8(event).ok()?;
    if event.trim() == "[DONE]" {
        heard.done = true;
        return Some(());
    }
    let event: Value = serde_json::from_str(event).ok()?;
    let (choices, choice) = (&event["choices"], &event["choices"][0]);
    let is_sound = event.is_object()
        && event["error"].is_null()
        && (choices.is_null() || choices.is_array())
        && (choice.is_null() || choice.is_object())
        && (choice["delta"].is_null() || choice["delta"].is_object());
    if !is_sound {
        return None;
    }
    let words = choice["delta"]["content"].as_str().unwrap_or_default();
    if !words.is_empty() && heard.finish.is_some() {
        return None;
    }
    heard.text += words;
    heard.thought += choice["delta"]["reasoning_content"].as_str().unwrap_or_default().chars().count();
    if let Some(finish) = choice["finish_reason"].as_str() {
        if heard.finish.is_none() {
            heard.text_at_finish = heard.text.len();
        }
        // The worst that was said holds.
        heard.finish = heard.finish.take().filter(|before| before != "stop").or(Some(finish.to_owned()));
    }
    Some(())
}

/// The lines that ended, each with the place in the whole where it did.
fn lines(bytes: &[u8], whole: usize) -> Vec<(&[u8], usize)> {
    let (mut lines, mut from, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let length = match &bytes[at..] {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        if length > 0 {
            lines.push((&bytes[from..at], whole - bytes.len() + at + length));
            from = at + length;
        }
        at += length.max(1);
    }
    lines
}
