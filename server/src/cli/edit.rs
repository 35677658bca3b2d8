//! `baton edit` and `baton refactor`: a change in words, made by a model; what passed before must still pass, and what is
//! refactored must do what it did.

use std::process::ExitCode;

use clap::Args;

use super::Usage;
use super::fix::Change;
use crate::task::Goal;

/// Arguments of `baton edit` and `baton refactor`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    change: Change,
    /// What to change
    instruction: String,
}

/// Runs the command; the exit codes are those of `baton fix`.
pub fn run(arguments: Arguments, goal: Goal) -> Result<ExitCode, Usage> {
    arguments.change.run(goal, arguments.instruction)
}
