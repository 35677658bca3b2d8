//! Search-based program repair: localise, templates, search; judged by a function it is given.
//!
//! No model and no network: [`search`] ranks small edits of one file by how suspicious their line is and how
//! often such an edit repairs a bug, and gives them to a [`Judge`] until one passes every test. It reads the
//! program only as a syntax tree; what differs from language to language is a table ([`dialect`]).

mod dialect;
mod judge;
mod localise;
mod scope;
mod search;
mod sites;
mod templates;

pub use judge::{Judge, Judgement, TestTrace, Trace};
pub use search::{Found, Limits, NotFound, Progress, Target, search};
