//! The one loop: Task → Workflow → Replies → Patch → Verdict → Outcome.
//!
//! [`Engine::run`] is the only entry that does anything. `turns` is the loop itself, `delegate` what happens within one step.

mod delegate;
mod engine;
mod event;
mod examine;
mod outcome;
mod preview;
mod record;
mod tester;
mod turns;

pub use engine::Engine;
pub use event::Event;
pub use examine::{Finding, examine};
pub use outcome::{ConductorRecord, Kind, Outcome, StepRecord};
