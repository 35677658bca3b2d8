//! `baton context`: exactly what a model would be sent about a place, what each part of it costs and what stays here.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Usage, block_on, config, place};
use crate::config::Trust;
use crate::run::Engine;
use crate::task::{Allowed, Budget, Goal, Task};

/// Arguments of `baton context`.
#[derive(Args)]
pub struct Arguments {
    /// FILE, FILE:LINE or FILE:LINE:COL, counted from 1
    place: String,
    /// The workspace folder [default: the nearest one above FILE with .git or a project file]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Tokens that the prompt may have [default: what the first configured model leaves for it]
    #[arg(long, value_name = "N")]
    tokens: Option<usize>,
    /// What to do, in words, as for `baton fix`
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// As other programs read it: fields are added, never renamed.
#[derive(Serialize)]
struct Printed<'a> {
    system: &'a str,
    user: &'a str,
    tokens: usize,
    parts: Vec<Cost<'a>>,
    withheld: &'a [String],
}

#[derive(Serialize)]
struct Cost<'a> {
    part: &'a str,
    tokens: usize,
}

/// Prints the prompt on standard output and what is to be said of it on standard error; needs no trust, because
/// nothing runs and nothing is sent. What only a test run could tell, its report, is not in it.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let (snapshot, focus) = place::locate(&arguments.place, arguments.root.as_deref())?;
    let engine = Engine::new(config()?, Trust::default());
    let task = Task {
        goal: Goal::Fix,
        focus,
        instruction: arguments.task.unwrap_or_default(),
        test: None,
        tier: engine.config().tier,
        policy: None,
        depth: None,
        run: None,
        conversation: None,
        budget: Budget { time: std::time::Duration::ZERO, usd: 0.0 },
        allowed: Allowed::default(),
        snapshot,
    };
    let context = block_on(engine.preview(&task, arguments.tokens))?;
    let (parts, tokens) = context.costs();
    let prompt = &context.prompt;
    if arguments.json {
        let parts = parts.into_iter().map(|(part, tokens)| Cost { part, tokens }).collect();
        let (system, user, withheld) = (&prompt.system, &prompt.user, &context.withheld);
        println!("{}", serde_json::to_string(&Printed { system, user, tokens, parts, withheld })?);
    } else {
        print!("-- system --\n{}-- user --\n{}", prompt.system, prompt.user);
        eprintln!("{tokens} tokens:");
        parts.iter().for_each(|(part, tokens)| eprintln!("{tokens:7} {part}"));
        context.withheld.iter().for_each(|withheld| eprintln!("withheld: {withheld}"));
    }
    Ok(ExitCode::SUCCESS)
}
