//! What a tool found and how it would mend it, and which of that a task is about.

use std::ops::Range;

use crate::patch::Edit;

/// One finding with the edits that mend it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Suggestion {
    /// Bytes of the text that the tool points at.
    pub place: Range<usize>,
    /// What it says, in one line; empty where it changes the file without a word.
    pub message: String,
    /// Whether the program does not compile because of it.
    pub is_error: bool,
    /// The edits, in no order.
    pub edits: Vec<Edit>,
}

/// Which suggestions a task is about, besides where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Those of these diagnostics, in the words that an editor shows.
    Named(&'a [String]),
    /// Those of errors, so that it compiles again.
    Errors,
    /// Every one.
    All,
}

impl Wanted<'_> {
    /// Whether a suggestion is among them. One without words is only known by its place.
    pub(super) fn holds(self, suggestion: &Suggestion) -> bool {
        match self {
            Self::All => true,
            Self::Errors => suggestion.is_error,
            Self::Named(diagnostics) => {
                let message = words(&suggestion.message);
                message.is_empty() || diagnostics.iter().any(|said| words(said).contains(&message))
            }
        }
    }
}

/// The words of a message: editors set the rest of it as they like.
fn words(message: &str) -> String {
    let parts = message.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words: String = parts.map(|word| format!(" {}", word.to_lowercase())).collect();
    if !words.is_empty() {
        words.push(' ');
    }
    words
}

/// Whether two ranges share a byte or touch.
pub(super) fn touch(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start <= other.end && other.start <= one.end
}

#[cfg(test)]
mod tests {
    use super::{Suggestion, Wanted};

    #[test]
    fn a_diagnostic_is_known_by_its_words() {
        let held = |said: &str, message: &str| {
            let suggestion = Suggestion { message: message.into(), ..Suggestion::default() };
            Wanted::Named(&[said.to_owned()]).holds(&suggestion)
        };
        let said = "unused import: `BTreeMap`\n`#[warn(unused_imports)]` on by default";
        assert!(held(said, "unused import: `BTreeMap`"));
        assert!(held(
            "Unexpected var, use let or const instead. (eslint no-var)",
            "Unexpected var, use let or const instead."
        ));
        assert!(!held(said, "unused import: `BTree`"), "only whole words are the same");
        assert!(!held("unused import: `a`", "unused import: `b`"));
        assert!(held(said, ""));
    }
}
