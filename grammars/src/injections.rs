//! Where another language begins within a text, found by each language's `injections.scm`.
//!
//! Captures: `@content` is the other language's text; which language it is says `@language` in the same
//! match, by a word that is looked up as an alias, or `(#set! language "…")`.

use std::ops::Range;
use std::time::Duration;

use tree_sitter::Tree;

use crate::{Language, by_alias, by_id, query};

/// Deepest nesting that is followed: HTML in PHP, a script in it, a template in that.
const DEPTH: usize = 4;
/// Longest time that an inner text is parsed; one that takes longer is not looked into.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);

/// The language of a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Injected {
    /// The innermost language there.
    pub language: &'static Language,
    /// Bytes of its text around the place; all of the text where no other language begins. In a quoted or
    /// indented Markdown fence it includes the marks at the beginning of each line.
    pub range: Range<usize>,
}

impl Language {
    /// Whether other languages can be written inside this one.
    pub fn holds_others(&self) -> bool {
        self.injections.is_some()
    }

    /// The language at a byte: this one, or the one that is written inside it there. Both ends of an inner
    /// text belong to it. Parses what it enters.
    pub fn language_at(&'static self, tree: &Tree, text: &str, byte: usize) -> Injected {
        let mut place = Injected { language: self, range: 0..text.len() };
        let mut parsed: Option<Tree> = None;
        for _ in 0..DEPTH {
            let part = &text[place.range.clone()];
            let at = byte.saturating_sub(place.range.start);
            let tree = parsed.as_ref().unwrap_or(tree);
            let Some((language, range)) = place.language.inner(tree, part, at) else { break };
            place = Injected { language, range: place.range.start + range.start..place.range.start + range.end };
            if language.injections.is_none() {
                break;
            }
            parsed = language.parse_within(&text[place.range.clone()], PATIENCE);
            if parsed.is_none() {
                break;
            }
        }
        place
    }

    /// The smallest injected text around a byte.
    fn inner(&self, tree: &Tree, text: &str, byte: usize) -> Option<(&'static Language, Range<usize>)> {
        let query = self.injections.as_ref()?;
        let mut found: Option<(&'static Language, Range<usize>)> = None;
        let near = byte.saturating_sub(1)..byte + 1;
        query::run(query, tree, text, Some(near), |captures, pattern| {
            let find =
                |wanted: &str| captures.iter().find(|(name, _)| *name == wanted).map(|(_, node)| node.byte_range());
            let Some(range) = find("content").filter(|range| range.start <= byte && byte <= range.end) else { return };
            let set = query.property_settings(pattern).iter().find(|property| &*property.key == "language");
            let language = match set {
                Some(property) => property.value.as_deref().and_then(by_id),
                None => find("language").and_then(|word| by_alias(text.get(word)?)),
            };
            let smaller = found.as_ref().is_none_or(|(_, kept)| range.len() < kept.len());
            if let Some(language) = language.filter(|_| smaller && text.get(range.clone()).is_some()) {
                found = Some((language, range));
            }
        });
        found
    }
}
