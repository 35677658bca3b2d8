//! `baton fix`: the main job from the shell.

use std::process::ExitCode;

use clap::Args;

use super::json::Printed;
use super::{Request, Usage, block_on, config, place, progress};
use crate::run::{Kind, Outcome};
use crate::task::{Goal, Task, split_command};
use crate::workspace::{Snapshot, WriteError, write_all};

/// Arguments of `baton fix`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    change: Change,
    /// What to do, in words; without it: make what fails pass
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
}

/// Runs the command; the exit code says how it ended.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    arguments.change.run(Goal::Fix, arguments.task.unwrap_or_default())
}

/// What `fix` and `edit` have in common.
#[derive(Args)]
pub(super) struct Change {
    #[command(flatten)]
    request: Request,
    /// The command that tests it [default: found by the project's files]
    #[arg(long, value_name = "CMD")]
    test: Option<String>,
    /// Write the verified change to the files
    #[arg(long, conflicts_with = "diff")]
    apply: bool,
    /// With --apply: a file that may change although it can execute code, be deleted or renamed; once for each
    #[arg(long, value_name = "PATH", requires = "apply")]
    allow: Vec<String>,
    /// Print the diff and nothing else on standard output (the default)
    #[arg(long)]
    diff: bool,
}

impl Change {
    /// Makes the change, shows it and, where asked, writes it.
    pub(super) fn run(self, goal: Goal, instruction: String) -> Result<ExitCode, Usage> {
        let Self { request, test, apply, allow, diff } = self;
        let config = config()?;
        let (snapshot, focus) = place::locate(&request.place, request.root.as_deref())?;
        let engine = request.engine(config, snapshot.root())?;
        let task = Task {
            goal,
            focus,
            instruction,
            test: test.as_deref().map(split_command).transpose().map_err(Usage)?,
            tier: request.tier.unwrap_or(engine.config().tier),
            policy: request.policy.clone(),
            depth: None,
            run: None,
            conversation: None,
            budget: request.budget(engine.config())?,
            allowed: request.allowed(&engine)?,
            snapshot: snapshot.clone(),
        };
        let mut outcome = block_on(progress::watch(|events, cancel| engine.run(task, events, cancel), !request.json));
        let verified = outcome.kind == Kind::Verified;
        let written = apply && verified && apply_to_disk(&mut outcome, &snapshot, &allow);
        if request.json {
            println!("{}", serde_json::to_string(&Printed::from(&outcome))?);
        } else {
            print_text(&outcome, written, apply || diff);
        }
        Ok(if apply && !written && verified { ExitCode::FAILURE } else { exit_code(outcome.kind) })
    }
}

fn apply_to_disk(outcome: &mut Outcome, snapshot: &Snapshot, allowed: &[String]) -> bool {
    let Some(verified) = &outcome.verified else { return false };
    let asks = outcome.asks.iter().filter(|(path, _)| !allowed.iter().any(|allowed| allowed == path.as_str()));
    let (whys, flags): (Vec<&str>, Vec<String>) =
        asks.map(|(path, why)| (why.as_str(), format!("--allow {path}"))).unzip();
    if !whys.is_empty() {
        outcome.message = format!("nothing was written: {}; allow it with {}", whys.join("; "), flags.join(" "));
        return false;
    }
    match write_all(snapshot, verified.patch()) {
        Ok(()) => return true,
        Err(WriteError::Stale(path)) => {
            outcome.kind = Kind::Stale;
            outcome.message = format!("{path} was changed meanwhile, so nothing was written; run the command again");
        }
        Err(problem) => {
            outcome.kind = Kind::Failed;
            outcome.message = format!("the verified change could not be written, no file was changed: {problem}");
        }
    }
    false
}

fn print_text(outcome: &Outcome, written: bool, decided: bool) {
    print!("{}", outcome.diff);
    eprintln!("{}", progress::summary(outcome));
    if written {
        eprintln!("written");
    } else if outcome.kind == Kind::Verified && !decided {
        let allow: String = outcome.asks.keys().map(|path| format!(" --allow {path}")).collect();
        eprintln!("nothing was written; add --apply{allow} to write it");
    }
}

/// The contract of exit codes.
pub fn exit_code(kind: Kind) -> ExitCode {
    ExitCode::from(match kind {
        Kind::Verified => 0,
        Kind::Cancelled => 130,
        Kind::Unverified | Kind::NoChange | Kind::Failed | Kind::Stale => 1,
    })
}
