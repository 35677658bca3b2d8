//! `baton bench-workflow`: fixed workflows on the real engine against any server, timed; for harnesses that compare
//! engines. Hidden, for nobody needs it to write code.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::{Usage, block_on};
use crate::config::{Config, Options, Places, RepairOptions, ToolchainOptions, Trust};
use crate::run::{Engine, Kind};
use crate::task::{Allowed, Budget, Focus, Goal, Policy, Task};
use crate::workflow::{Access, Role, Step, Workflow};
use crate::workspace::{RelPath, Snapshot};

/// The file of the workspace that each task is about.
const FILE: &str = "task.txt";

/// The one worker, which does every step.
const WORKER: &str = "bench";

/// Arguments of `baton bench-workflow`.
#[derive(Args)]
pub struct Arguments {
    /// An OpenAI-compatible server, as in a worker's `base_url`
    #[arg(long, value_name = "URL")]
    base_url: String,
    /// A file with one prompt a line; run number n takes line n, from the first again after the last
    #[arg(long, value_name = "FILE")]
    prompts: PathBuf,
    /// Three steps of which each sees those before it, or two or four at once
    #[arg(long, value_enum)]
    flow: Flow,
    /// How many runs, one after the other
    #[arg(long, default_value_t = 1, value_name = "N")]
    runs: usize,
    /// The model's name at the server
    #[arg(long, default_value = "bench", value_name = "NAME")]
    model: String,
}

/// Which workflow.
#[derive(Clone, Copy, ValueEnum)]
enum Flow {
    Seq3,
    Par2,
    Par4,
}

impl Flow {
    fn workflow(self) -> Workflow {
        let (steps, access) = match self {
            Self::Seq3 => (3, Access::All),
            Self::Par2 => (2, Access::None),
            Self::Par4 => (4, Access::None),
        };
        let step = |_| Step {
            worker: WORKER.into(),
            role: Role::Worker,
            subtask: "Answer the question.".into(),
            access: access.clone(),
        };
        Workflow { steps: (0..steps).map(step).collect() }
    }
}

/// Prints one JSON object: milliseconds of each run, in order, and of the whole; 1 if a run had no answer.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let Arguments { base_url, prompts, flow, runs, model } = arguments;
    let text = std::fs::read_to_string(&prompts).map_err(|e| Usage(format!("{}: {e}", prompts.display())))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return Err(Usage(format!("{} has no prompt; write one a line", prompts.display())));
    }
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?.join("workspace");
    std::fs::create_dir(&root)?;
    std::fs::write(root.join(FILE), "A question, and nothing else.\n")?;
    let workflow = flow.workflow();
    let written = json!({ "name": WORKER, "base_url": base_url, "model": model });
    let options = Options {
        worker: vec![serde_json::from_value(written)?],
        repair: RepairOptions { enabled: false, ..RepairOptions::default() },
        toolchain: ToolchainOptions { enabled: false },
        ..Options::default()
    };
    let config = Config::from_options(options, Places::below(folder.path()))?;
    let trust = Trust::load(&config.places.trust_file).and(&root);
    let engine = Engine::new(config, trust);
    let started = Instant::now();
    let outcomes = block_on(async {
        let mut outcomes = Vec::with_capacity(runs);
        for prompt in lines.iter().cycle().take(runs) {
            let task = Task {
                goal: Goal::Ask,
                focus: Focus { path: RelPath::new(FILE)?, range: None, diagnostics: Vec::new() },
                instruction: (*prompt).to_owned(),
                test: None,
                tier: engine.config().tier,
                policy: Some(Policy::Fixed(workflow.clone())),
                depth: None,
                run: None,
                conversation: None,
                budget: Budget { time: Duration::from_secs(3600), usd: 0.0 },
                allowed: Allowed::default(),
                snapshot: Snapshot::new(root.clone(), Default::default()),
            };
            let (events, _) = unbounded_channel();
            let began = Instant::now();
            let outcome = engine.run(task, events, CancellationToken::new()).await;
            outcomes.push((began.elapsed(), outcome));
        }
        Ok::<_, Usage>(outcomes)
    })?;
    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let whole = ms(started.elapsed());
    let times: Vec<f64> = outcomes.iter().map(|(time, _)| ms(*time)).collect();
    let failed = outcomes.iter().find(|(_, outcome)| outcome.kind != Kind::NoChange);
    let failed = failed.map(|(_, outcome)| outcome.message.clone());
    println!("{}", json!({ "runs_ms": times, "whole_ms": whole, "failed": failed }));
    Ok(if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
