//! The one loop: Task → Workflow → Replies → Patch → Verdict → Outcome.
//!
//! [`Engine::run`] is the only entry that does anything. `path` is the run from its start, `course` what its steps share;
//! `turns` has the steps planned one by one, `levels` whole workflows; `execute` does them, `delegate` what happens within one, `judge` what is
//! found of what it brought.

mod converse;
mod course;
mod delegate;
mod engine;
mod event;
mod examine;
mod execute;
mod judge;
mod levels;
mod models;
mod outcome;
mod path;
mod preview;
mod record;
mod tester;
mod turns;

pub use crate::pool::{CallError, Ending, Said, Usage};
pub(crate) use course::{CANCELLED, NOT_BEGUN};
pub use engine::Engine;
pub use event::Event;
pub use examine::{Finding, examine};
pub use models::{Model, Trial, Tried, models, trials};
pub use outcome::{ConductorRecord, Kind, Outcome, StepRecord, Texts};
