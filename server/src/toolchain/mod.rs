//! The fixes that a language's own tools know: asked for, cut to what the task is about, merged into edits.
//!
//! No model and no cost: [`mend`] has a compiler or linter run over one file by a [`Runner`] it is given, reads what
//! the tool would change and makes as much of it as goes together, round by round, because one fix unlocks the
//! next. What the tools print is written by foreign code: whatever it says, it can only become an edit of that
//! file, which is judged like anybody's.

mod clang;
mod eslint;
mod lines;
mod mend;
mod merge;
mod read;
mod rewritten;
mod ruff;
mod rustc;
mod suggestion;

pub use mend::{Mended, Runner, Target, Tool, mend};
pub use suggestion::Wanted;
