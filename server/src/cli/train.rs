//! `baton train heads`: the conductor's heads from recordings, for everybody; or from the ledger, for this user.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Usage, beside, block_on};
use crate::conductor::heads::Heads;
use crate::config::{Config, Places, Trust};
use crate::eval::texts;
use crate::eval::training::{Recorded, Settings, Stage, Training, adapted, reliabilities, train};
use crate::ledger::Ledger;
use crate::run::Engine;

/// Rounds of the search (TRINITY, arXiv 2512.04695: at most 60).
const ROUNDS: usize = 60;

/// Arguments of `baton train`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Fit the heads of tier mini: how hard a task is, how a worker is placed, what a decision weighs
    Heads(Wanted),
}

#[derive(Args)]
struct Wanted {
    /// A folder of recorded outcomes, tasks.jsonl and outcomes.csv; once for each
    #[arg(long, value_name = "DIR", required_unless_present = "ledger")]
    data: Vec<PathBuf>,
    /// Adapt the heads to your own runs, which are in the ledger
    #[arg(long, conflicts_with = "data")]
    ledger: bool,
    /// Where the heads go [default with --ledger: where Baton finds them]
    #[arg(long, value_name = "FILE", required_unless_present = "ledger")]
    out: Option<PathBuf>,
    /// The search's seed: the same one finds the same
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "ledger")]
    seed: u64,
    /// Whose word acceptance is: the column `accept_NAME`
    #[arg(long, value_name = "NAME", default_value = "tests", conflicts_with = "ledger")]
    verifier: String,
    /// Learn from the first N tasks of each folder only
    #[arg(long, value_name = "N", conflicts_with = "ledger")]
    train_before: Option<usize>,
    /// What a task may cost, as a share of the best single worker's cost
    #[arg(long, value_name = "X", default_value_t = 0.25, conflicts_with = "ledger")]
    cost: f64,
    /// Rounds of the search for the policy's numbers
    #[arg(long, value_name = "N", default_value_t = ROUNDS, conflicts_with = "ledger")]
    rounds: usize,
}

/// Trains, writes the file and says what came of it.
pub fn run(Arguments { what: What::Heads(wanted) }: Arguments) -> Result<ExitCode, Usage> {
    let done = if wanted.ledger { of_ledger(&wanted) } else { of_recordings(&wanted) };
    done.map(|()| ExitCode::SUCCESS).map_err(|problem| Usage(format!("{problem:#}")))
}

fn of_recordings(wanted: &Wanted) -> Result<()> {
    let out = wanted.out.as_deref().context("--out is missing")?;
    let read = |folder: &PathBuf| Recorded::read(folder, &wanted.verifier, wanted.train_before);
    let recorded: Vec<Recorded> = wanted.data.iter().map(read).collect::<Result<_>>()?;
    let verifiers = reliabilities(&wanted.data, wanted.train_before)?;
    let encoder = texts::encoder(&Places::of_user()?.cache_dir);
    let folder = beside(out);
    let tasks: usize = recorded.iter().map(|of| of.tasks.len()).sum();
    let bar = bar(tasks as u64, "reading tasks");
    let all = recorded.iter().flat_map(|of| &of.tasks);
    let vectors = block_on(texts::vectors(all, &encoder, folder, || bar.inc(1)))?;
    let settings = Settings {
        seed: wanted.seed,
        cost: wanted.cost,
        rounds: wanted.rounds,
        verifier: wanted.verifier.clone(),
        encoder: encoder.model_name(),
    };
    bar.reset();
    let Training { heads, report } = train(&recorded, verifiers, &vectors, &settings, |stage| match stage {
        Stage::Fitted(of) => {
            bar.set_length(of as u64);
            bar.set_message("fitting difficulties and workers");
            bar.inc(1);
            if bar.position() == of as u64 {
                bar.set_position(0);
                bar.set_length(wanted.rounds as u64);
            }
        }
        Stage::Searched(right, cost) => {
            bar.set_message(format!("searching: {:.1} % at {cost:.2} of the best single worker's cost", 100.0 * right));
            bar.inc(1);
        }
    })?;
    bar.finish_and_clear();
    write(out, &heads)?;
    print!("{report}");
    Ok(())
}

fn of_ledger(wanted: &Wanted) -> Result<()> {
    let config = Config::load(Places::of_user()?)?;
    let out = wanted.out.as_deref().unwrap_or(&config.places.heads_file);
    let (heads, problem) = Heads::load(&config.places.heads_file);
    if let Some(problem) = problem {
        eprintln!("baton: {problem}");
    }
    let ledger = Ledger::of(&config)?;
    let runs = ledger.history(&heads.trained.encoder, heads.learned_until)?;
    let declared = Engine::new(config.clone(), Trust::default()).declared();
    let Training { heads, report } = adapted(runs, &heads, &declared)?;
    write(out, &heads)?;
    println!("{report}written: {}", out.display());
    Ok(())
}

fn bar(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}");
    // Standard error; nothing where that is no terminal.
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what)
}

/// Beside the destination first, so that a reader sees the whole file or none.
fn write(path: &Path, heads: &Heads) -> Result<()> {
    let write = || -> Result<()> {
        let folder = beside(path);
        std::fs::create_dir_all(folder)?;
        let new = tempfile::NamedTempFile::new_in(folder)?;
        std::fs::write(new.path(), heads.written()?)?;
        new.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
