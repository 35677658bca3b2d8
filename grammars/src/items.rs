//! The items of a file (functions, methods, types, sections), found by each language's `items.scm`.
//!
//! Captures: `@function`, `@method`, `@type` or `@section` is an item and `@name` in the same match its
//! name. `@doc` is a comment, attribute or decorator that belongs to the item which it stands before.
//! `@wrapper` only introduces the `@wrapped` in it, as `export` and `const` do. `@docstring` documents the
//! `@documented` around it.

use std::collections::HashMap;
use std::ops::Range;

use tree_sitter::{Node, Tree};

use crate::injections::{Injected, PATIENCE};
use crate::{Language, query};

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A free function, or a method where the grammar does not tell them apart.
    Function,
    /// A function that belongs to a type.
    Method,
    /// A class, struct, enum, trait, interface or impl block.
    Type,
    /// A part of a text that is no program: a heading with what it is over, a table, a key, an element, a rule.
    Section,
}

/// One item with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its name as written.
    pub name: String,
    /// Bytes of the item itself, as the grammar has it: without what introduces it.
    pub range: Range<usize>,
    /// Bytes of the name.
    pub name_range: Range<usize>,
    /// Bytes of the item with what introduces it: `export`, `const`, decorators.
    pub outer: Range<usize>,
    /// Bytes of what documents it: the comments, attributes and decorators directly before it, as one range
    /// without the white space after them; where there are none, the docstring that its body begins with.
    /// A blank line separates, and what the grammar holds within the item (Java's annotations) is in `range`.
    pub doc: Option<Range<usize>>,
}

impl Item {
    /// Bytes of all that goes when the item goes: what documents and what introduces it, and the item.
    pub fn whole(&self) -> Range<usize> {
        let start = self.doc.as_ref().map_or(self.outer.start, |doc| doc.start.min(self.outer.start));
        start..self.outer.end
    }
}

impl Language {
    /// Every item of the tree, in order of the text; `text` is what the tree was parsed from.
    pub fn items(&self, tree: &Tree, text: &str) -> Vec<Item> {
        let mut around = Around::default();
        let mut items = Vec::new();
        query::run(&self.items, tree, text, None, |captures, pattern| {
            let find = |wanted: &str| captures.iter().find(|(name, _)| *name == wanted).map(|(_, node)| *node);
            let item = captures.iter().find_map(|(name, node)| Some((kind(name)?, *node)));
            if let (Some((kind, node)), Some(name)) = (item, find("name")) {
                let Some(name_range) = query::name(&self.items, pattern, name, text) else { return };
                items.push(Item {
                    kind,
                    name: text[name_range.clone()].to_owned(),
                    range: node.byte_range(),
                    name_range,
                    outer: node.byte_range(),
                    doc: None,
                });
            } else if let (Some(outer), Some(inner)) = (find("wrapper"), find("wrapped")) {
                around.wrappers.insert(inner.start_byte(), outer.byte_range());
            } else if let (Some(item), Some(doc)) = (find("documented"), find("docstring")) {
                around.docstrings.entry(item.start_byte()).or_insert(doc.byte_range());
            } else if let Some(doc) = find("doc") {
                around.docs.push(trimmed(doc, text));
            }
        });
        around.docs.sort_by_key(|doc| doc.start);
        for item in &mut items {
            around.complete(item, text);
        }
        items.sort_by_key(|item| (item.range.start, std::cmp::Reverse(item.range.end)));
        items
    }

    /// The innermost function, method or section around a byte, else the innermost type. Where another language
    /// is written inside this one it is that language's item, if it has one there.
    pub fn item_at(&'static self, tree: &Tree, text: &str, byte: usize) -> Option<Item> {
        self.inner_item(tree, text, byte).or_else(|| self.own_item(tree, text, byte))
    }

    fn inner_item(&'static self, tree: &Tree, text: &str, byte: usize) -> Option<Item> {
        let Injected { language, range } = self.language_at(tree, text, byte);
        if language == self {
            return None;
        }
        let (start, inner) = (range.start, &text[range]);
        let item = language.own_item(&language.parse_within(inner, PATIENCE)?, inner, byte - start)?;
        let moved = |range: Range<usize>| range.start + start..range.end + start;
        Some(Item {
            range: moved(item.range),
            name_range: moved(item.name_range),
            outer: moved(item.outer),
            doc: item.doc.map(moved),
            ..item
        })
    }

    fn own_item(&self, tree: &Tree, text: &str, byte: usize) -> Option<Item> {
        let around = |item: &Item| item.range.start <= byte && byte <= item.range.end;
        let items: Vec<Item> = self.items(tree, text).into_iter().filter(around).collect();
        let function = items.iter().rev().find(|item| item.kind != ItemKind::Type);
        function.or(items.last()).cloned()
    }
}

fn kind(capture: &str) -> Option<ItemKind> {
    Some(match capture {
        "function" => ItemKind::Function,
        "method" => ItemKind::Method,
        "type" => ItemKind::Type,
        "section" => ItemKind::Section,
        _ => return None,
    })
}

/// Some grammars count the line break after a comment as its own.
fn trimmed(node: Node<'_>, text: &str) -> Range<usize> {
    let written = text.get(node.byte_range()).unwrap_or_default();
    node.start_byte()..node.start_byte() + written.trim_end().len()
}

/// What stands around the items. It is joined to them by place, which takes one pass: asking the tree for
/// the siblings of each item would take time for each sibling of each.
#[derive(Default)]
struct Around {
    /// In order of the text.
    docs: Vec<Range<usize>>,
    /// By the first byte of what they wrap.
    wrappers: HashMap<usize, Range<usize>>,
    /// By the first byte of what they document.
    docstrings: HashMap<usize, Range<usize>>,
}

impl Around {
    fn complete(&self, item: &mut Item, text: &str) {
        while let Some(outer) = self.wrappers.get(&item.outer.start).filter(|outer| outer.start < item.outer.start) {
            item.outer = outer.clone();
        }
        item.doc = self.before(item, text).or_else(|| self.docstrings.get(&item.range.start).cloned());
    }

    fn before(&self, item: &Item, text: &str) -> Option<Range<usize>> {
        let until = |byte: usize| self.docs.partition_point(|doc| doc.start < byte);
        let (mut first, last) = (until(item.outer.start), until(item.range.start));
        let mut start = item.outer.start;
        while let Some(doc) = first.checked_sub(1).map(|at| &self.docs[at]) {
            if !text.get(doc.end..start).is_some_and(is_close) {
                break;
            }
            start = doc.start;
            first -= 1;
        }
        // A comment at the end of a line is about that line.
        while first < last && !begins_line(&self.docs[first], text) {
            first += 1;
        }
        (first < last).then(|| self.docs[first].start..self.docs[last - 1].end)
    }
}

/// Whether nothing, or a line break and no blank line, separates two neighbours.
fn is_close(between: &str) -> bool {
    between.trim().is_empty() && between.matches('\n').count() <= 1
}

fn begins_line(range: &Range<usize>, text: &str) -> bool {
    let before = text[..range.start].trim_end_matches([' ', '\t', '\u{feff}']);
    before.is_empty() || before.ends_with('\n')
}
