//! One streamed answer, in whatever protocol it comes, event by event, until it is known to be whole.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Ending;
use crate::conversation::Call;

/// Most bytes of a model's thoughts that are kept; the rest is only counted.
const REASONING: usize = 64 * 1024;
/// Most tools that one answer may call.
const CALLS: usize = 128;
const THOUGHT: &str = "<think>";
const THOUGHT_END: &str = "</think>";

/// What has come of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The model's words.
    pub(super) text: String,
    /// Whether the server began to answer: from then on tokens are paid for.
    pub(super) begun: bool,
    /// Tokens as the server counted them.
    pub(super) counted: Option<Counted>,
    /// The model's thoughts, cut. They are for the record: no model is ever sent them.
    reasoning: String,
    thought: usize,
    /// Characters of `text`.
    said: usize,
    called: bool,
    /// The tools that it called, by the numbers that the protocol gives them.
    calls: BTreeMap<u64, Call>,
    end: Option<End>,
    repeats_ends: bool,
    done: bool,
}

/// Tokens as a server counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Read, those from a cache included.
    pub(super) tokens_in: u64,
    /// Of those read, the ones that came from a cache.
    pub(super) cached: u64,
    /// Written, thoughts included.
    pub(super) tokens_out: u64,
}

/// Why a model ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It had said all.
    Whole,
    /// It came to a limit; the server's word for it.
    Limit(String),
    /// It, or who watches over it, refused; the server's word for it.
    Withheld(String),
    /// It called a tool; the server's word for it.
    Tool(String),
}

/// Why an event ends an answer: a clause about the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) why: String,
    /// Whether it speaks of a state that passes.
    pub(super) passes: bool,
}

impl Fault {
    /// Something that asking again would not change.
    pub(super) fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: false }
    }

    /// An event that is not what the protocol says.
    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self::lasting(format!("sent an event that cannot be read ({})", plain(&error.to_string())))
    }

    /// What a server reports in the middle of a stream.
    pub(super) fn reported(error: &Value, passes: bool) -> Self {
        let said = message(error).filter(|said| !said.is_empty());
        Self { why: format!("broke off: {}", said.unwrap_or_else(|| "it does not say why".into())), passes }
    }
}

impl Answer {
    /// Takes words. None can follow an end, unless the protocol repeats ends.
    pub(super) fn say(&mut self, words: &str) -> Result<(), Fault> {
        if words.is_empty() {
            return Ok(());
        }
        if self.repeats_ends {
            self.end = None;
        } else if self.end.is_some() {
            return Err(Fault::lasting("went on after the end of its answer; none of it is used"));
        }
        self.said += words.chars().count();
        self.text.push_str(words);
        Ok(())
    }

    /// What may be shown of the words so far: not the thoughts that some servers leave in front of them.
    pub(super) fn shown(&self) -> &str {
        let text = self.text.trim_start();
        match text.strip_prefix(THOUGHT) {
            Some(rest) => rest.split_once(THOUGHT_END).map_or("", |(_, words)| words.trim_start()),
            None if THOUGHT.starts_with(text) => "",
            None => &self.text,
        }
    }

    /// The thoughts so far, as far as they are kept.
    pub(super) fn thoughts(&self) -> &str {
        &self.reasoning
    }

    /// Takes thoughts, which are no part of the answer.
    pub(super) fn think(&mut self, thoughts: &str) {
        self.thought += thoughts.chars().count();
        let room = REASONING.saturating_sub(self.reasoning.len()).min(thoughts.len());
        let cut = (0..=room).rev().find(|at| thoughts.is_char_boundary(*at)).unwrap_or(0);
        self.reasoning.push_str(&thoughts[..cut]);
    }

    /// Takes a call of a tool, or the next piece of one: the protocol's number for it, what is known of it so far.
    pub(super) fn call_tool(&mut self, number: u64, piece: Call) {
        self.called = true;
        if self.calls.len() >= CALLS && !self.calls.contains_key(&number) {
            return;
        }
        let call = self.calls.entry(number).or_default();
        self.thought += piece.arguments.chars().count();
        call.arguments.push_str(&piece.arguments);
        // Some servers send them once, some with every piece.
        for (own, new) in [(&mut call.id, piece.id), (&mut call.name, piece.name)] {
            if own.is_empty() {
                *own = new;
            }
        }
        call.extra = call.extra.take().or(piece.extra);
    }

    /// How many tools it has called.
    pub(super) fn called_tools(&self) -> u64 {
        self.calls.len() as u64
    }

    /// The calls of tools that are whole.
    pub(super) fn calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls).into_values().collect()
    }

    /// How it ended.
    pub(super) fn ending(&self) -> Ending {
        match &self.end {
            Some(End::Limit(_)) => Ending::Limit,
            Some(End::Withheld(_)) => Ending::Withheld,
            _ if self.called => Ending::Calls,
            _ => Ending::Whole,
        }
    }

    /// The model ended; how many tokens it used may still follow. Of several ends the one holds that says the worst.
    pub(super) fn end(&mut self, end: End) {
        if self.repeats_ends || self.end.as_ref().is_none_or(|before| *before == End::Whole) {
            self.end = Some(end);
        }
    }

    /// Of a protocol that may give every part of an answer an end of its own: the one after the last words holds, and
    /// only once the stream itself has ended.
    pub(super) fn repeat_ends(&mut self) {
        self.repeats_ends = true;
    }

    /// Nothing more is to come.
    pub(super) fn close(&mut self) {
        self.done = true;
    }

    /// Whether nothing more is to come.
    pub(super) fn done(&self) -> bool {
        self.done
    }

    /// Whether the model said that it ended, so that nothing that happens now takes anything from the answer.
    pub(super) fn finished(&self) -> bool {
        self.end.is_some() && !self.repeats_ends
    }

    /// Whether the model gave an end, if perhaps not the last one.
    pub(super) fn ended(&self) -> bool {
        self.end.is_some()
    }

    /// Whether it ended because it came to its limit.
    pub(super) fn at_limit(&self) -> bool {
        matches!(self.end, Some(End::Limit(_)))
    }

    /// Whether the answer may be used as the next turn of a conversation, which may call tools and may be cut short at a limit;
    /// else why not, as a clause about the server. Its thoughts are put apart.
    pub(super) fn turn(&mut self, max_output: usize) -> Result<(), String> {
        if self.called && self.end.is_some() {
            self.part_thoughts();
            let named = self.calls.values().all(|call| !call.name.is_empty());
            return if named { Ok(()) } else { Err("called a tool without a name".into()) };
        }
        match &self.end {
            Some(End::Limit(_) | End::Withheld(_)) if !self.text.trim().is_empty() => {
                self.part_thoughts();
                Ok(())
            }
            _ => self.whole(max_output),
        }
    }

    /// Whether the answer may be used; else why not, as a clause about the server. Its thoughts are put apart.
    pub(super) fn whole(&mut self, max_output: usize) -> Result<(), String> {
        self.part_thoughts();
        match &self.end {
            Some(End::Limit(word)) => {
                Err(format!("stopped at its limit of {max_output} tokens ({}); raise max_output", plain(word)))
            }
            Some(End::Withheld(word)) => Err(format!("withheld its answer ({})", plain(word))),
            Some(End::Tool(word)) => Err(called_a_tool(word)),
            None if !self.done && self.text.is_empty() => Err("ended without an answer; check base_url".into()),
            None if !self.done => Err("broke off in the middle of its answer; what came is not used".into()),
            _ if self.called => Err(called_a_tool("tool")),
            _ if self.text.trim().is_empty() && self.thought > 0 => {
                Err("thought and answered with nothing; raise max_output".into())
            }
            _ if self.text.trim().is_empty() => Err("answered with nothing".into()),
            _ => Ok(()),
        }
    }

    /// The thoughts as far as they were kept; `None` where there were none.
    pub(super) fn reasoning(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.reasoning)).filter(|thoughts| !thoughts.is_empty())
    }

    /// How much the model has said or thought; what else a server sends is no sign that the model works.
    pub(super) fn output(&self) -> usize {
        self.text.len() + self.thought
    }

    /// Tokens that were written, by a quarter of the characters.
    pub(super) fn estimate_out(&self) -> u64 {
        (self.said + self.thought).div_ceil(4) as u64
    }

    /// Some servers leave a model's thoughts in front of its words, between tags.
    fn part_thoughts(&mut self) {
        let Some(rest) = self.text.trim_start().strip_prefix(THOUGHT) else { return };
        let (thoughts, words) = rest.split_once(THOUGHT_END).unwrap_or((rest, ""));
        let (thoughts, words) = (thoughts.trim().to_owned(), words.trim_start().to_owned());
        self.think(&thoughts);
        self.said = words.chars().count();
        self.text = words;
    }
}

fn called_a_tool(word: &str) -> String {
    format!("called a tool instead of answering ({}); use a model that can answer in text", plain(word))
}

/// What a server says went wrong, found in the shapes that servers give it.
pub(super) fn message(body: &Value) -> Option<String> {
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let found = at("/error/message").or_else(|| at("/error")).or_else(|| at("/message")).or_else(|| at("/detail"));
    found.or_else(|| at("/0/error/message")).or(body.as_str()).map(plain)
}

/// A count out of an object; anything else than a whole number is none.
pub(super) fn count(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// Text of a server fit for one line: without control characters, cut after 300 characters.
pub(crate) fn plain(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Call, End, Ending, REASONING, message, plain};
    use serde_json::json;

    fn ended(words: &str, end: End) -> Answer {
        let mut answer = Answer::default();
        answer.say(words).expect("nothing has ended");
        answer.end(end);
        answer
    }

    #[test]
    fn an_answer_without_an_end_is_never_whole() {
        let mut answer = Answer::default();
        assert!(answer.whole(64).expect_err("nothing came").contains("without an answer"));
        answer.say("hallo").expect("nothing has ended");
        assert!(answer.whole(64).expect_err("no end").contains("broke off"));
        answer.end(End::Whole);
        assert_eq!(answer.whole(64), Ok(()));
    }

    #[test]
    fn other_ends_say_what_happened() {
        for (end, says) in [
            (End::Limit("length".into()), "limit of 64 tokens (length); raise max_output"),
            (End::Withheld("safety".into()), "withheld its answer (safety)"),
            (End::Tool("tool_calls".into()), "called a tool instead of answering (tool_calls)"),
        ] {
            assert!(ended("hallo", end).whole(64).expect_err(says).contains(says));
        }
        let mut called = ended("hallo", End::Whole);
        called.call_tool(0, Call::default());
        assert!(called.whole(64).expect_err("a tool was called").contains("called a tool"));
    }

    #[test]
    fn a_turn_of_a_conversation_may_call_tools_and_be_cut_short() {
        let piece = |id: &str, name: &str, arguments: &str| Call {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            extra: None,
        };
        let mut answer = Answer::default();
        answer.call_tool(0, piece("c1", "add", ""));
        answer.call_tool(1, piece("c2", "list", "{}"));
        answer.call_tool(0, piece("", "", "{\"a\""));
        answer.call_tool(0, piece("", "", ":1}"));
        assert!(answer.turn(64).is_err(), "no end");
        answer.end(End::Tool("tool_calls".into()));
        assert_eq!((answer.turn(64), answer.ending()), (Ok(()), Ending::Calls));
        assert_eq!(answer.calls(), [piece("c1", "add", "{\"a\":1}"), piece("c2", "list", "{}")]);
        let mut cut = ended("hal", End::Limit("length".into()));
        assert_eq!((cut.turn(64), cut.ending()), (Ok(()), Ending::Limit));
        let mut nothing = Answer::default();
        nothing.end(End::Limit("length".into()));
        assert!(nothing.turn(64).is_err(), "not a word came");
    }

    #[test]
    fn thoughts_in_front_of_words_are_not_shown() {
        let mut answer = Answer::default();
        for (words, shown) in
            [("<th", ""), ("ink>hm", ""), ("</think>\n", ""), ("the wo", "the wo"), ("rds", "the words")]
        {
            answer.say(words).expect("nothing has ended");
            assert_eq!(answer.shown(), shown, "{words}");
        }
        assert_eq!(ended("a <think>", End::Whole).shown(), "a <think>");
    }

    #[test]
    fn nothing_follows_an_end_unless_the_protocol_repeats_ends() {
        let fault = ended("hallo", End::Whole).say("again").expect_err("it had ended");
        assert!(fault.why.contains("went on after the end") && !fault.passes);
        let mut answer = ended("hal", End::Whole);
        answer.repeat_ends();
        answer.say("lo").expect("its end was no end");
        assert!(answer.whole(64).is_err(), "the last part had no end");
        answer.end(End::Whole);
        assert!(!answer.finished(), "the stream has not ended");
        assert_eq!((answer.whole(64), answer.text.as_str()), (Ok(()), "hallo"));
    }

    #[test]
    fn thoughts_between_tags_are_put_apart() {
        for (said, text, thoughts) in [
            ("<think>\nhm, a\n</think>\n\nthe words", "the words", Some("hm, a")),
            ("<think></think>the words", "the words", None),
            ("words about <think>x</think>", "words about <think>x</think>", None),
            ("<think>never ends", "", Some("never ends")),
        ] {
            let mut answer = ended(said, End::Whole);
            assert_eq!(answer.whole(64).is_ok(), !text.is_empty(), "{said}");
            assert_eq!((answer.reasoning().as_deref(), answer.text.as_str()), (thoughts, text), "{said}");
        }
    }

    #[test]
    fn thoughts_are_counted_whole_and_kept_in_part() {
        let mut answer = Answer::default();
        (0..3).for_each(|_| answer.think(&"ä".repeat(REASONING / 2 - 1)));
        assert_eq!(answer.estimate_out(), 3 * (REASONING as u64 / 2 - 1) / 4 + 1);
        let kept = answer.reasoning().expect("thoughts");
        assert!(kept.len() <= REASONING && kept.len() >= REASONING - 1, "{}", kept.len());
    }

    #[test]
    fn messages_are_found_and_made_harmless() {
        assert_eq!(
            message(&json!({"error": {"message": "no\u{1b}[31m such\nmodel"}})).as_deref(),
            Some("no [31m such model")
        );
        assert_eq!(message(&json!({"error": "plain"})).as_deref(), Some("plain"));
        assert_eq!(message(&json!({"detail": "d"})).as_deref(), Some("d"));
        assert_eq!(message(&json!([{"error": {"message": "in a list"}}])).as_deref(), Some("in a list"));
        assert_eq!(message(&json!([1])), None);
        assert_eq!(plain(&"ä".repeat(400)).chars().count(), 301);
    }
}
