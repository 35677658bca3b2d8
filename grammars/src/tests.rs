//! The tests among the code of a file, found by each language's `tests.scm`.
//!
//! Captures: `@test` is a test, or what only tests use. `@mark` makes one of what stands after it, with the
//! `@attribute`s and comments beside it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use tree_sitter::Tree;

use crate::{Language, query};

impl Language {
    /// Bytes of the tests that stand among the code of a text, where the language marks them as such; all of it where
    /// it takes too long to be read whole, so that nobody takes a test for code.
    pub fn tests_in(&self, text: &str) -> Vec<Range<usize>> {
        if !self.facts.marks_tests {
            return Vec::new();
        }
        let read = self.parse(text).and_then(|tree| self.whole_tests(&tree, text));
        read.unwrap_or_else(|| vec![Range { start: 0, end: text.len() }])
    }

    /// Bytes of every test of the tree, with its attributes: the outermost, in order of the text. A class or a
    /// module of tests is one of them; a helper that stands outside is none.
    pub fn tests(&self, tree: &Tree, text: &str) -> Vec<Range<usize>> {
        self.found_tests(tree, text).0
    }

    /// The same; `None` where the query was cut short.
    fn whole_tests(&self, tree: &Tree, text: &str) -> Option<Vec<Range<usize>>> {
        let (found, is_whole) = self.found_tests(tree, text);
        is_whole.then_some(found)
    }

    fn found_tests(&self, tree: &Tree, text: &str) -> (Vec<Range<usize>>, bool) {
        let Some(query) = &self.tests else { return (Vec::new(), true) };
        let mut found = Vec::new();
        let mut marks = HashMap::new();
        let mut attributes = HashSet::new();
        let is_whole = query::run(query, tree, text, None, |captures, _| {
            for (name, node) in captures {
                match *name {
                    "test" => found.push(node.byte_range()),
                    "mark" => _ = marks.insert(node.id(), node.start_byte()),
                    "attribute" => _ = attributes.insert(node.id()),
                    _ => {}
                }
            }
        });
        found.extend(marked(tree, &marks, &attributes));
        found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        found.dedup_by(|later, kept| later.end <= kept.end);
        (found, is_whole)
    }
}

/// What stands after each mark. Nodes are told apart by their identity, because one may begin where another
/// does; a mark comes with its first byte. One walk, into nothing that holds no mark: to ask each mark for its
/// siblings would take time for each sibling of each.
fn marked(tree: &Tree, marks: &HashMap<usize, usize>, attributes: &HashSet<usize>) -> Vec<Range<usize>> {
    let mut places: Vec<usize> = marks.values().copied().collect();
    places.sort_unstable();
    let holds_mark = |range: Range<usize>| {
        let next = places.partition_point(|place| *place < range.start);
        places.get(next).is_some_and(|place| *place < range.end)
    };
    let mut found = Vec::new();
    let mut open = if marks.is_empty() { Vec::new() } else { vec![tree.root_node()] };
    let mut cursor = tree.walk();
    while let Some(node) = open.pop() {
        let (mut start, mut is_test) = (None, false);
        for child in node.children(&mut cursor) {
            if attributes.contains(&child.id()) {
                start = start.or(Some(child.start_byte()));
                is_test |= marks.contains_key(&child.id());
            } else if !child.is_extra() {
                match start.take().filter(|_| is_test) {
                    Some(start) => found.push(start..child.end_byte()),
                    None if holds_mark(child.byte_range()) => open.push(child),
                    None => {}
                }
                is_test = false;
            }
        }
    }
    found
}
