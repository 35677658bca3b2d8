//! `baton edit`: a change in words, made by a model; what passed before must still pass.

use std::process::ExitCode;

use clap::Args;

use super::Usage;
use super::fix::Change;
use crate::task::Goal;

/// Arguments of `baton edit`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    change: Change,
    /// What to change
    instruction: String,
}

/// Runs the command; the exit codes are those of `baton fix`.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    arguments.change.run(Goal::Edit, arguments.instruction)
}
