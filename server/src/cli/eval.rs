//! `baton eval`: policies played against recorded outcomes, and how they compare.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};

use super::{Usage, beside, block_on};
use crate::conductor::heads::Heads;
use crate::conductor::host::{EXE, Writers};
use crate::conductor::ultra::Planner;
use crate::config::{Config, Options, Places};
use crate::eval::conducted::{Conducted, Mind};
use crate::eval::headed::Headed;
use crate::eval::planned::Planned;
use crate::eval::policies;
use crate::eval::recorded::{Source, Split};
use crate::eval::replay::{self, Decision, play};
use crate::eval::report::Report;
use crate::eval::stream::{Change, Scene, favourite, tell};
use crate::eval::texts::{self, Vectors};

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
    /// Play mini while a worker joins, leaves or becomes worse, beside who knows of it in advance
    Stream(Stream),
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
    /// mini, ultra (the embedded conductor), single, cheapest, random, `cascade:A>B>C`, fanout or best-of-3
    #[arg(long, value_name = "NAME", default_value = "mini")]
    policy: String,
    /// The heads by which mini decides, from `baton train heads` [default: those that are compiled in]
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// The share of cost for which mini tries workers out
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    exploration: f64,
    /// The seed of what mini leaves to chance
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where the decisions go; vectors of the tasks are kept beside them
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
struct Stream {
    #[command(flatten)]
    recorded: Recorded,
    /// joins (of it nothing is known), leaves, or degrades (it answers as the cheapest does)
    #[arg(long, value_name = "CHANGE")]
    change: String,
    /// Who it is [default: whom mini asks first most often, with everything known]
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
    /// Before which test task
    #[arg(long, value_name = "N")]
    at: usize,
    /// The strength, 0 to 1, that is declared of who joins [default: none is]
    #[arg(long, value_name = "X")]
    declared: Option<f64>,
    /// The heads by which mini decides [default: those that are compiled in]
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// The share of cost for which mini tries workers out
    #[arg(long, value_name = "X", default_value_t = 0.05)]
    exploration: f64,
    /// How many plays, each by a seed of its own
    #[arg(long, value_name = "N", default_value_t = 10)]
    seeds: u64,
    /// Where vectors of the tasks are kept
    #[arg(long, value_name = "DIR", default_value = ".")]
    vectors: PathBuf,
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
        What::Stream(arguments) => stream(arguments),
    };
    done.map_err(|problem| Usage(format!("{problem:#}")))
}

fn replay(Replay { recorded, policy, heads, exploration, seed, out }: Replay) -> Result<ExitCode> {
    let verifier = recorded.verifier.clone();
    let split = Source::from(recorded).read()?;
    let headed = || Headed::new(&split.train, vectors(&split, beside(&out))?, given(heads.as_deref())?, &verifier);
    let decisions = match policy.as_str() {
        "mini" => conducted(headed()?.exploring(exploration, seed), &split, &verifier)?,
        "ultra" => planned(headed()?, &split, &verifier)?,
        name => play(&mut *policies::named(name, &split.train)?, &split.test)?,
    };
    write(&out, &replay::written(&decisions)?)?;
    Ok(ExitCode::SUCCESS)
}

fn stream(
    Stream { recorded, change, worker, at, declared, heads, exploration, seeds, vectors: folder }: Stream,
) -> Result<ExitCode> {
    let verifier = recorded.verifier.clone();
    let split = Source::from(recorded).read()?;
    let heads = given(heads.as_deref())?;
    let vectors = vectors(&split, &folder)?;
    let worker = match worker {
        Some(name) => split.train.worker(&name)?,
        None => favourite(&split, &vectors, &heads, &verifier)?,
    };
    let (change_of, seeds) = (Change::named(&change)?, (1..=seeds).collect());
    let scene = Scene { change: change_of, worker, at, declared, exploration, seeds, verifier };
    let story = tell(&split, &vectors, &heads, &scene)?;
    print!("{} {change} before test task {at}\n{}", split.train.workers[worker], story.text());
    Ok(ExitCode::SUCCESS)
}

fn vectors(split: &Split, folder: &Path) -> Result<Vectors> {
    let encoder = texts::encoder(&Places::of_user()?.cache_dir);
    block_on(texts::vectors(split.train.tasks.iter().chain(&split.test.tasks), &encoder, folder, || {}))
}

/// Heads of a file, if one was named: other ones in its place would be no answer.
fn given(file: Option<&Path>) -> Result<Arc<Heads>> {
    let Some(file) = file else { return Ok(Heads::shipped()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(Arc::new(Heads::read(&text).map_err(|problem| anyhow!("{} {problem}", file.display()))?))
}

fn conducted(mind: impl Mind, split: &Split, verifier: &str) -> Result<Vec<Decision>> {
    let mut policy = Conducted::by(mind, &split.train, verifier);
    let decisions = play(&mut policy, &split.test)?;
    if policy.unwilling() > 0 {
        eprintln!("for {} tasks it would have asked nobody; the cheapest was called", policy.unwilling());
    }
    Ok(decisions)
}

fn planned(mind: impl Mind, split: &Split, verifier: &str) -> Result<Vec<Decision>> {
    let config = Config::from_options(Options::default(), Places::of_user()?)?;
    let planner = Planner::Embedded(Writers::of(&config, Path::new(EXE)).embedded());
    let mut policy = Planned::by(mind, planner, &split.train, verifier)?;
    let decisions = play(&mut policy, &split.test)?;
    let spent = policy.spent();
    if let (Some(middle), Some(longest)) = (spent.get(spent.len() / 2), spent.last()) {
        let (plans, middle, longest) = (spent.len(), middle.as_millis(), longest.as_millis());
        eprintln!("{plans} plans, half of them within {middle} ms, the longest {longest} ms");
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
