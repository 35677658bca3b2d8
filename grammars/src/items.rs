//! The items of a file (functions, methods, types), found by each language's `items.scm`.

use std::ops::Range;

use tree_sitter::{Node, QueryCursor, StreamingIterator, Tree};

use crate::Language;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A free function, or a method where the grammar does not tell them apart.
    Function,
    /// A function that belongs to a type.
    Method,
    /// A class, struct, enum, trait, interface or impl block.
    Type,
}

/// One item with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its name as written.
    pub name: String,
    /// Bytes of the whole item.
    pub range: Range<usize>,
    /// Bytes of the name.
    pub name_range: Range<usize>,
}

impl Language {
    /// Every item of the tree, in order of the text; `text` is what the tree was parsed from.
    pub fn items(&self, tree: &Tree, text: &str) -> Vec<Item> {
        let mut cursor = QueryCursor::new();
        let names = self.items.capture_names();
        let mut matches = cursor.matches(&self.items, tree.root_node(), text.as_bytes());
        let mut items = Vec::new();
        while let Some(found) = matches.next() {
            let mut whole: Option<(ItemKind, Node<'_>)> = None;
            let mut name = None;
            for capture in found.captures() {
                match names[capture.index as usize] {
                    "function" => whole = Some((ItemKind::Function, capture.node)),
                    "method" => whole = Some((ItemKind::Method, capture.node)),
                    "type" => whole = Some((ItemKind::Type, capture.node)),
                    _ => name = Some(capture.node),
                }
            }
            if let (Some((kind, node)), Some(name)) = (whole, name) {
                items.push(Item {
                    kind,
                    name: text[name.byte_range()].to_owned(),
                    range: node.byte_range(),
                    name_range: name.byte_range(),
                });
            }
        }
        items.sort_by_key(|item| (item.range.start, std::cmp::Reverse(item.range.end)));
        items
    }

    /// The innermost function or method around a byte, else the innermost type.
    pub fn item_at(&self, tree: &Tree, text: &str, byte: usize) -> Option<Item> {
        let around = |item: &Item| item.range.start <= byte && byte <= item.range.end;
        let items: Vec<Item> = self.items(tree, text).into_iter().filter(around).collect();
        let function = items.iter().rev().find(|item| item.kind != ItemKind::Type);
        function.or(items.last()).cloned()
    }
}
