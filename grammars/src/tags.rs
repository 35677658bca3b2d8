//! What a file defines and what it uses, found by each language's `tags.scm`.
//!
//! Captures: `@definition.<what>` or `@reference.<what>` is the whole, `@name` in the same match its name.
//! Where several patterns find the same name, the last of them in the file says what it is.

use std::cmp::Reverse;
use std::ops::Range;

use tree_sitter::Tree;

use crate::{Language, query};

/// Whether a tag brings a name into the world or uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagKind {
    /// It gives the name its meaning.
    Definition,
    /// It means what is defined elsewhere.
    Reference,
}

/// What is defined or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A function or macro.
    Function,
    /// A function that belongs to a type.
    Method,
    /// A class, struct, enum, trait, interface, alias; as a reference, its use as a type.
    Type,
    /// A constant, or a variable of a module.
    Constant,
    /// A module, namespace or package; as a reference, an import.
    Module,
    /// A field, property or variant.
    Field,
    /// A heading, table, key, element or rule of a text that is no program.
    Section,
    /// As a reference only: a call.
    Call,
    /// As a reference only: any other use, such as a name that is imported or a superclass.
    Use,
}

/// A name in the text, as a definition or a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Bytes of the name.
    pub name: Range<usize>,
    /// Bytes of the whole definition, call or other use.
    pub range: Range<usize>,
    /// Definition or reference.
    pub kind: TagKind,
    /// What of.
    pub what: What,
}

impl Language {
    /// What the tree defines and uses, in order of the text; a name counts once, as a definition if it is one.
    pub fn tags(&self, tree: &Tree, text: &str) -> Vec<Tag> {
        let mut tags = Vec::new();
        query::run(&self.tags, tree, text, None, |captures, pattern| {
            let name = captures.iter().find(|(name, _)| *name == "name").map(|(_, node)| *node);
            let name = name.and_then(|node| query::name(&self.tags, pattern, node, text));
            let whole = captures.iter().find_map(|(name, node)| Some((meaning(name)?, node.byte_range())));
            if let (Some(name), Some(((kind, what), range))) = (name, whole) {
                tags.push((pattern, Tag { name, range, kind, what }));
            }
        });
        tags.sort_by_key(|(pattern, tag)| (tag.name.start, tag.name.end, tag.kind, Reverse(*pattern)));
        tags.dedup_by(|(_, later), (_, kept)| later.name == kept.name);
        tags.into_iter().map(|(_, tag)| tag).collect()
    }
}

fn meaning(capture: &str) -> Option<(TagKind, What)> {
    let (kind, what) = capture.split_once('.')?;
    let kind = match kind {
        "definition" => TagKind::Definition,
        "reference" => TagKind::Reference,
        _ => return None,
    };
    let what = match what {
        "function" => What::Function,
        "method" => What::Method,
        "type" => What::Type,
        "constant" => What::Constant,
        "module" => What::Module,
        "field" => What::Field,
        "section" => What::Section,
        "call" => What::Call,
        "use" => What::Use,
        _ => return None,
    };
    Some((kind, what))
}
