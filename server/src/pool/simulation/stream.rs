//! Streams: the events of a well-behaved answer, and how bytes fall into pieces on their way.

use std::time::Duration;

use bytes::Bytes;

use super::dice::Dice;

/// Bytes that arrive together, and how long after those before them.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub after: Duration,
    pub bytes: Bytes,
}

/// How a server counts what a call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Right,
    Absent,
    Zero,
    More,
    Huge,
    Negative,
    Words,
    Half,
    Fraction,
}

/// Every wrong way to count.
pub(super) const WRONG: [Count; 8] =
    [Count::Absent, Count::Zero, Count::More, Count::Huge, Count::Negative, Count::Words, Count::Half, Count::Fraction];

const WORDS: [&str; 10] =
    ["def ", "merge", "(a, b)", ":\n    ", "naïve ", "日本語", " → ", "🎉", "\"quoted\" \\ ", "[DONE]\n\n"];

/// What a model writes: some words, some of them thought and not said.
pub(super) struct Speech {
    pub events: Vec<String>,
    written: usize,
}

/// A role, thoughts now and then, and words; no end yet.
pub(super) fn speech(dice: &mut Dice, words: usize) -> Speech {
    let mut events = vec![delta("role", "assistant")];
    let mut chars = 0;
    if dice.chance(0.2) {
        for _ in 0..dice.between(1, 4) {
            let thought = dice.pick(&WORDS);
            chars += thought.chars().count();
            events.push(delta("reasoning_content", thought));
        }
    }
    for _ in 0..words {
        let word = dice.pick(&WORDS);
        chars += word.chars().count();
        events.push(delta("content", word));
    }
    Speech { events, written: chars.div_ceil(4) }
}

impl Speech {
    /// The end, for this reason, with a count of so many tokens read.
    pub fn end(mut self, reason: &str, count: Count, read: usize) -> Vec<String> {
        self.events.push(finish(reason));
        self.events.extend(usage(count, read, self.written));
        self.events.push(event("[DONE]"));
        self.events
    }
}

pub(super) fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

pub(super) fn finish(reason: &str) -> String {
    event(&format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#))
}

pub(super) fn delta(field: &str, text: &str) -> String {
    let text = serde_json::to_string(text).expect("text is JSON");
    event(&format!(r#"{{"choices":[{{"index":0,"delta":{{"{field}":{text}}},"finish_reason":null}}]}}"#))
}

fn usage(count: Count, read: usize, written: usize) -> Option<String> {
    let counted = match count {
        Count::Absent => return None,
        Count::Right => format!(r#"{{"prompt_tokens":{read},"completion_tokens":{written}}}"#),
        Count::Zero => r#"{"prompt_tokens":0,"completion_tokens":0}"#.into(),
        Count::More => format!(r#"{{"prompt_tokens":{},"completion_tokens":{}}}"#, read * 3 / 2, written + 3),
        Count::Huge => format!(r#"{{"prompt_tokens":{},"completion_tokens":{}}}"#, u64::MAX, u64::MAX / 2),
        Count::Negative => r#"{"prompt_tokens":-5,"completion_tokens":-1}"#.into(),
        Count::Words => r#"{"prompt_tokens":"many","completion_tokens":"few"}"#.into(),
        Count::Half => format!(r#"{{"completion_tokens":{written}}}"#),
        Count::Fraction => r#"{"prompt_tokens":1.5,"completion_tokens":1e300}"#.into(),
    };
    Some(event(&format!(r#"{{"choices":[],"usage":{counted}}}"#)))
}

/// The bytes of events as they may be written: with a mark of their order, comments between, other ends of lines.
pub(super) fn written(dice: &mut Dice, events: &[String]) -> Vec<u8> {
    let mut text = String::new();
    if dice.chance(0.05) {
        text.push('\u{feff}');
    }
    for event in events {
        if dice.chance(0.05) {
            text += dice.pick(&[": keep-alive\n\n", ":\n", "event: message\n", "id: 7\n", "retry: 10\n"]);
        }
        text += event;
    }
    match dice.below(20) {
        0 => text = text.replace('\n', "\r\n"),
        1 => text = text.replace('\n', "\r"),
        _ => {}
    }
    text.into_bytes()
}

/// The bytes in pieces, cut anywhere, with pauses of up to so many milliseconds between them.
pub(super) fn pieces(dice: &mut Dice, bytes: Vec<u8>, pause: u64) -> Vec<Piece> {
    let bytes = Bytes::from(bytes);
    let mut cuts: Vec<usize> = (0..dice.below(6)).map(|_| dice.below(bytes.len())).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    let mut piece = |from: usize, to: usize| {
        let after = if dice.chance(0.7) { dice.time(1, pause) } else { Duration::ZERO };
        Piece { after, bytes: bytes.slice(from..to) }
    };
    cuts.windows(2).map(|cut| piece(cut[0], cut[1])).collect()
}

/// Each byte alone, so long after the one before it.
pub(super) fn byte_by_byte(bytes: Vec<u8>, after: Duration) -> Vec<Piece> {
    let bytes = Bytes::from(bytes);
    (0..bytes.len()).map(|at| Piece { after, bytes: bytes.slice(at..at + 1) }).collect()
}
