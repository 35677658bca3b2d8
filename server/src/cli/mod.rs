//! The shell: one file a command. Exit codes are a contract: 0 verified or done, 1 no verified fix,
//! 2 usage or configuration, 130 cancelled.

mod ask;
mod bench_workflow;
mod clean;
mod context;
mod doctor;
mod edit;
mod eval;
mod fix;
mod json;
mod models;
mod place;
mod progress;
mod runs;
mod serve;
mod stats;
mod train;
mod trust;
mod visible;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Places, Trust};
use crate::run::Engine;
use crate::task::{Allowed, Budget, Goal, Policy, Tier};
use crate::verify::Inside;

/// Fixes and refactors code with a pool of models led by a local conductor, and verifies the result.
#[derive(Parser)]
#[command(name = "baton", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fix what fails in a file, verify the fix and show it
    Fix(fix::Arguments),
    /// Change a file as the words say, verify the change and show it
    Edit(edit::Arguments),
    /// Change how a file is written, verify that it still does the same, and show the change
    Refactor(edit::Arguments),
    /// Ask a question about a file; nothing is edited
    Ask(ask::Arguments),
    /// Print what a model would be sent about a place; nothing is sent and nothing runs
    Context(context::Arguments),
    /// Speak the language server protocol on standard input and output
    Lsp,
    /// Answer OpenAI clients: the models baton-mini and baton-ultra over HTTP
    Serve(serve::Arguments),
    /// List past runs, or show one
    Runs(runs::Arguments),
    /// List the models that may be asked, check that they answer, or fetch one
    Models(models::Arguments),
    /// Say what the runs tell of each worker, and what they would have cost with the strongest one
    Stats(stats::Arguments),
    /// Say what is configured, found and missing
    Doctor,
    /// Trust a folder: its tests may run (in a sandbox) and its text may go to the configured models
    Trust(trust::Arguments),
    /// Free the disk of private copies that are no longer needed
    Clean(clean::Arguments),
    /// Play policies against recorded outcomes, and compare them
    Eval(eval::Arguments),
    /// Train what the conductor decides by
    Train(train::Arguments),
    /// Time fixed workflows on the engine
    #[command(hide = true)]
    BenchWorkflow(bench_workflow::Arguments),
    /// The child process that runs the conductor's model
    #[command(hide = true)]
    ConductorHost,
    #[command(flatten)]
    Inside(Inside),
}

/// What `fix`, `edit` and `ask` have in common.
#[derive(Args)]
struct Request {
    /// FILE, FILE:LINE or FILE:LINE:COL, counted from 1
    place: String,
    /// The workspace folder [default: the nearest one above FILE with .git or a project file]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Which conductor decides [default: from the configuration]
    #[arg(long, value_parser = tier, value_name = "mini|ultra")]
    tier: Option<Tier>,
    /// Have no conductor decide, but follow this workflow: `single` (the strongest model), `best-of-N` (N tries of it at
    /// once), `cascade` (from the cheapest model upwards), `mixture` (all propose, the strongest puts together) or
    /// `planner-editor` (the strongest plans, the cheapest of the others edits)
    #[arg(long, value_name = "NAME", conflicts_with = "tier")]
    policy: Option<Policy>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Stop after this many seconds
    #[arg(long, value_name = "N")]
    max_seconds: Option<f64>,
    /// Spend at most this much
    #[arg(long, value_name = "X")]
    max_usd: Option<f64>,
    /// A worker that may take part, by name or tag, and no other; once for each
    #[arg(long, value_name = "NAME")]
    only_worker: Vec<String>,
    /// A worker that may not take part, by name or tag; once for each
    #[arg(long, value_name = "NAME")]
    not_worker: Vec<String>,
    /// Trust the workspace for this call only
    #[arg(long)]
    trust: bool,
}

/// A command line that cannot be followed: one sentence on standard error, exit code 2.
struct Usage(String);

impl<E: std::error::Error> From<E> for Usage {
    fn from(e: E) -> Self {
        Self(e.to_string())
    }
}

fn tier(written: &str) -> Result<Tier, String> {
    match written {
        "mini" => Ok(Tier::Mini),
        "ultra" => Ok(Tier::Ultra),
        _ => Err("a tier is `mini` or `ultra`".into()),
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Fix(arguments) => fix::run(arguments),
        Command::Edit(arguments) => edit::run(arguments, Goal::Edit),
        Command::Refactor(arguments) => edit::run(arguments, Goal::Refactor),
        Command::Ask(arguments) => ask::run(arguments),
        Command::Context(arguments) => context::run(arguments),
        Command::Lsp => return crate::lsp::serve(),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Runs(arguments) => runs::run(arguments),
        Command::Models(arguments) => models::run(arguments),
        Command::Stats(arguments) => stats::run(arguments),
        Command::Doctor => doctor::run(),
        Command::Trust(arguments) => trust::run(arguments),
        Command::Clean(arguments) => clean::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::Train(arguments) => train::run(arguments),
        Command::BenchWorkflow(arguments) => bench_workflow::run(arguments),
        Command::ConductorHost => return crate::conductor::host::child_main(),
        Command::Inside(inside) => return ExitCode::from(inside.main()),
    };
    done.unwrap_or_else(|Usage(sentence)| {
        eprintln!("baton: {sentence}");
        ExitCode::from(2)
    })
}

fn config() -> Result<Config, Usage> {
    Ok(Config::load(Places::of_user()?)?)
}

impl Request {
    /// The engine for this call, once the workspace is known to be trusted.
    fn engine(&self, config: Config, root: &std::path::Path) -> Result<Engine, Usage> {
        let trust = Trust::load(&config.places.trust_file);
        let trust = if self.trust { trust.and(root) } else { trust };
        if !trust.covers(root) {
            return Err(Usage(format!(
                "{0} is not trusted, so nothing was run or sent; look at what is in it, then `baton trust {0}` or add --trust for this call",
                root.display()
            )));
        }
        let engine = Engine::new(config, trust);
        match engine.problems().into_iter().next() {
            Some(problem) => Err(Usage(format!("{}: {problem}", engine.config().places.config_file.display()))),
            None => Ok(engine),
        }
    }
}

impl Request {
    /// Which workers the task may go to. A name that nobody has is a mistake: what it should keep text from could still get it.
    fn allowed(&self, engine: &Engine) -> Result<Allowed, Usage> {
        let known = engine.worker_names();
        match self.only_worker.iter().chain(&self.not_worker).find(|name| !known.contains(name)) {
            Some(name) => Err(Usage(format!("there is no worker `{name}`; there are {}", known.join(", ")))),
            None => Ok(Allowed { only: self.only_worker.clone(), never: self.not_worker.clone() }),
        }
    }

    fn budget(&self, config: &Config) -> Result<Budget, Usage> {
        let seconds = self.max_seconds.unwrap_or(config.budget.max_seconds);
        let usd = self.max_usd.unwrap_or(config.budget.max_usd);
        match Duration::try_from_secs_f64(seconds) {
            Ok(time) if usd >= 0.0 => Ok(Budget { time, usd }),
            _ => Err(Usage("--max-seconds and --max-usd are numbers of at least 0".into())),
        }
    }
}

/// The folder of a file.
fn beside(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Runs a future to its end on this thread's own small runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the system gives a process its event queue")
        .block_on(future)
}
