//! `baton eval`: policies played against recorded outcomes, and how they compare.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::{Usage, block_on};
use crate::config::Places;
use crate::eval::conducted::{Conducted, Mind};
use crate::eval::policies;
use crate::eval::recorded::{Source, Split};
use crate::eval::replay::{self, Decision, play};
use crate::eval::report::Report;
use crate::eval::similar::Similar;
use crate::eval::texts::{self, Vectors};
use crate::eval::valued::Valued;

/// Arguments of `baton eval`.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Play a policy and write its decisions, a line a task
    Replay(Replay),
    /// Score decisions beside the baselines: a table here, and a page of its own
    Report(Show),
}

#[derive(Args)]
struct Recorded {
    /// The folder of training tasks: tasks.jsonl and outcomes.csv
    #[arg(long, value_name = "DIR")]
    train: PathBuf,
    /// The folder of test tasks
    #[arg(long, value_name = "DIR")]
    test: PathBuf,
    /// Learn from the first N training tasks only
    #[arg(long, value_name = "N")]
    train_before: Option<usize>,
    /// Pass over the first N test tasks
    #[arg(long, value_name = "N")]
    test_from: Option<usize>,
    /// Whose word acceptance is: the column `accept_NAME`
    #[arg(long, value_name = "NAME", default_value = "tests")]
    verifier: String,
}

#[derive(Args)]
struct Replay {
    #[command(flatten)]
    recorded: Recorded,
    /// mini, value (mini's decision, by one difficulty a task and two numbers a worker), single, cheapest, random,
    /// `cascade:A>B>C`, fanout or best-of-3
    #[arg(long, value_name = "NAME", default_value = "mini")]
    policy: String,
    /// Where the decisions go; vectors of the tasks are kept beside them
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
struct Show {
    #[command(flatten)]
    recorded: Recorded,
    /// Where the page goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Decisions to score; each is called what its file is called
    decisions: Vec<PathBuf>,
}

/// Plays, or reports.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let done = match arguments.what {
        What::Replay(arguments) => replay(arguments),
        What::Report(arguments) => report(arguments),
    };
    done.map_err(|problem| Usage(format!("{problem:#}")))
}

fn replay(Replay { recorded, policy, out }: Replay) -> Result<ExitCode> {
    let split = Source::from(recorded).read()?;
    let decisions = match policy.as_str() {
        "mini" => conducted(Similar::new(&split.train, vectors(&split, &out)?)?, &split)?,
        "value" => conducted(Valued::new(&split.train, vectors(&split, &out)?)?, &split)?,
        name => play(&mut *policies::named(name, &split.train)?, &split.test)?,
    };
    write(&out, &replay::written(&decisions)?)?;
    Ok(ExitCode::SUCCESS)
}

fn vectors(split: &Split, out: &Path) -> Result<Vectors> {
    let encoder = texts::encoder(&Places::of_user()?.cache_dir);
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    block_on(texts::vectors(split, &encoder, folder))
}

fn conducted(mind: impl Mind, split: &Split) -> Result<Vec<Decision>> {
    let mut policy = Conducted::by(mind, &split.train);
    let decisions = play(&mut policy, &split.test)?;
    if policy.unwilling() > 0 {
        eprintln!("for {} tasks it would have asked nobody; the cheapest was called", policy.unwilling());
    }
    Ok(decisions)
}

fn report(Show { recorded, out, decisions }: Show) -> Result<ExitCode> {
    let source = Source::from(recorded);
    let split = source.read()?;
    let named = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok((name, replay::read(path, &split.test)?))
    };
    let report = Report::of(&source, &split, decisions.iter().map(named).collect::<Result<_>>()?)?;
    write(&out, &report.page()?)?;
    print!("{}", report.text());
    Ok(ExitCode::SUCCESS)
}

impl From<Recorded> for Source {
    fn from(Recorded { train, test, train_before, test_from, verifier }: Recorded) -> Self {
        Self { train, test, train_before, test_from, verifier }
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
