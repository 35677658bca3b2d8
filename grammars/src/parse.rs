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

thread_local! {
    static PARSER: RefCell<Parser> = RefCell::new(Parser::new());
}

impl Language {
    /// Parses `text`; with the edited `old` tree, only what changed. Some grammars take seconds for a large file
    /// that they cannot make sense of.
    pub fn parse(&self, text: &str, old: Option<&Tree>) -> Tree {
        self.parse_chunks(&mut |at| &text.as_bytes()[at.min(text.len())..], old)
    }

    /// Parses text that is read in pieces: `chunk(byte)` gives what starts there, empty at the end.
    pub fn parse_chunks<'a>(&self, chunk: &mut dyn FnMut(usize) -> &'a [u8], old: Option<&Tree>) -> Tree {
        self.run(chunk, old, None).expect("without a limit a parse always ends in a tree")
    }

    /// Parses `text`, or gives up after about `limit`.
    pub fn parse_within(&self, text: &str, limit: Duration) -> Option<Tree> {
        let end = Instant::now() + limit;
        let mut late =
            |_: &ParseState| if Instant::now() < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        let options = ParseOptions::new().progress_callback(&mut late);
        self.run(&mut |at| &text.as_bytes()[at.min(text.len())..], None, Some(options))
    }

    fn run<'a>(
        &self,
        chunk: &mut dyn FnMut(usize) -> &'a [u8],
        old: Option<&Tree>,
        options: Option<ParseOptions<'_>>,
    ) -> Option<Tree> {
        PARSER.with_borrow_mut(|parser| {
            parser.set_language(&self.grammar.into()).expect("the pinned grammars fit the pinned runtime");
            parser.reset();
            let Some(make_safe) = guard::of(self) else {
                return parser.parse_with_options(&mut |at, _: Point| chunk(at), old, options);
            };
            let mut text: Vec<u8> = Vec::new();
            while let part @ [_, ..] = chunk(text.len()) {
                text.extend_from_slice(part);
            }
            make_safe(&mut text);
            parser.parse_with_options(&mut |at, _: Point| &text[at.min(text.len())..], old, options)
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
