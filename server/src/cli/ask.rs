//! `baton ask`: a question about a file, answered by a model; nothing is edited.

use std::process::ExitCode;

use clap::Args;

use super::json::Printed;
use super::{Request, Usage, block_on, config, place, progress};
use crate::task::{Goal, Task};

/// Arguments of `baton ask`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    request: Request,
    /// The question
    question: String,
}

/// Runs the command: 0 with an answer, 1 without.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let Arguments { request, question } = arguments;
    let (snapshot, focus) = place::locate(&request.place, request.root.as_deref())?;
    let engine = request.engine(config()?, snapshot.root())?;
    let task = Task {
        goal: Goal::Ask,
        focus,
        instruction: question,
        test: None,
        tier: request.tier.unwrap_or(engine.config().tier),
        policy: request.policy.clone(),
        depth: None,
        run: None,
        conversation: None,
        budget: request.budget(engine.config())?,
        allowed: request.allowed(&engine)?,
        snapshot,
    };
    let outcome = block_on(progress::watch(|events, cancel| engine.run(task, events, cancel), !request.json));
    if request.json {
        println!("{}", serde_json::to_string(&Printed::from(&outcome))?);
    } else {
        if let Some(answer) = &outcome.answer {
            println!("{}", answer.trim_end());
        }
        eprintln!("{}", progress::summary(&outcome));
    }
    Ok(match outcome.answer {
        Some(_) => ExitCode::SUCCESS,
        None => super::fix::exit_code(outcome.kind),
    })
}
