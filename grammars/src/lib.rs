//! Everything in Baton that differs from language to language.
//!
//! A language is a folder beside `src/`: `language.toml` says how to recognise its files and how its
//! tests run, and each `*.scm` is a query. `items.scm` finds its functions and types, `tags.scm` what it
//! defines and uses, `tests.scm` what of it is a test, `injections.scm` where another language begins.
//! This crate is the only one that names tree-sitter; the others use what it re-exports.
//!
//! Nothing is read before it is needed: a program that never asks about a language pays nothing for it.

mod facts;
mod guard;
mod injections;
mod items;
mod language;
mod lookup;
mod parse;
mod query;
mod tags;
mod tests;

pub use facts::{Check, CheckKind, Facts, FixFormat, Fixer, Format, Formatter, Runner};
pub use injections::Injected;
pub use items::{Item, ItemKind};
pub use language::{Language, all};
pub use lookup::{by_alias, by_id, by_path, by_shebang};
pub use parse::SyntaxError;
pub use tags::{Tag, TagKind, What};
pub use tree_sitter::{Node, Tree};
