//! Everything in Baton that differs from language to language.
//!
//! A language is a folder beside `src/`: `language.toml` says how to recognise it and how its tests
//! run, `items.scm` what its functions and types are. This crate is the only one that names
//! tree-sitter; the others use what it re-exports.

mod items;
mod language;
mod parse;

pub use items::{Item, ItemKind};
pub use language::{Facts, Language, Runner, all, by_id, by_path};
pub use parse::SyntaxError;
pub use tree_sitter::{InputEdit, Node, Point, Tree, TreeCursor};
