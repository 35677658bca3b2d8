//! From text to a syntax tree, and what is wrong in it.

use std::cell::RefCell;
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use tree_sitter::{ParseOptions, ParseState, Parser, Point, Tree};

use crate::{Language, guard};

/// A place where the text does not follow the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Bytes of the unreadable text; empty where something is missing.
    pub range: Range<usize>,
    /// Zero-based row.
    pub row: usize,
    /// What is missing, if the parser could tell.
    pub missing: Option<String>,
}

/// The longest that a parse may take; a megabyte of code takes a fifth of a second.
const PATIENCE: Duration = Duration::from_secs(5);

thread_local! {
    static PARSER: RefCell<Parser> = RefCell::new(Parser::new());
}

impl Language {
    /// Parses `text`; `None` if that takes longer than a text that people wrote can take. Some grammars never end
    /// with a text that they cannot make sense of.
    pub fn parse(&self, text: &str) -> Option<Tree> {
        self.parse_within(text, PATIENCE)
    }

    /// Parses `text`, or gives up after about `limit`.
    pub fn parse_within(&self, text: &str, limit: Duration) -> Option<Tree> {
        let end = Instant::now() + limit;
        let mut late =
            |_: &ParseState| if Instant::now() < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        let options = ParseOptions::new().progress_callback(&mut late);
        let safe = guard::of(self).map(|make_safe| {
            let mut bytes = text.as_bytes().to_vec();
            make_safe(&mut bytes);
            bytes
        });
        let bytes = safe.as_deref().unwrap_or(text.as_bytes());
        PARSER.with_borrow_mut(|parser| {
            parser.set_language(&self.grammar.into()).expect("the pinned grammars fit the pinned runtime");
            parser.reset();
            parser.parse_with_options(&mut |at, _: Point| &bytes[at.min(bytes.len())..], None, Some(options))
        })
    }

    /// The outermost error and missing nodes, in order of the text.
    pub fn syntax_errors(&self, tree: &Tree) -> Vec<SyntaxError> {
        let mut found = Vec::new();
        let mut open = vec![tree.root_node()];
        let mut cursor = tree.walk();
        while let Some(node) = open.pop() {
            if node.is_error() || node.is_missing() {
                found.push(SyntaxError {
                    range: node.byte_range(),
                    row: node.start_position().row,
                    missing: node.is_missing().then(|| node.kind().to_owned()),
                });
            } else if node.has_error() {
                let first = open.len();
                open.extend(node.children(&mut cursor));
                open[first..].reverse();
            }
        }
        found
    }
}
