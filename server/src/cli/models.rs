//! `baton models`: which models there are, whether they answer, and fetching one to this machine.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use futures::future::join_all;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::{Usage, block_on, config};
use crate::config::Config;
use crate::models::{self, ENDPOINT, Hub, Name};
use crate::run::{self, Model, Tried};

/// How long a worker may take to say one word, a model that has to be loaded first included.
const PATIENCE: Duration = Duration::from_secs(120);

/// Arguments of `baton models`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Ask every configured worker for one word, which may cost a little; says first what is sent and what it costs at most
    #[arg(long)]
    check: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch a GGUF model from a hub (Hugging Face, or HF_ENDPOINT); goes on where an earlier try broke off
    Pull {
        /// OWNER/NAME or OWNER/NAME:FILE; FILE may be a part of the name that only one file has, such as Q4_K_M
        #[arg(value_name = "REPO[:FILE]")]
        name: String,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

/// Lists, checks or fetches.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let config = config()?;
    match arguments.command {
        Some(Command::Pull { name, json }) => pull(&config, &name, json),
        None if arguments.check => check(&config, arguments.json),
        None => list(&config, arguments.json),
    }
}

fn list(config: &Config, json: bool) -> Result<ExitCode, Usage> {
    let models = run::models(config);
    if json {
        println!("{}", serde_json::to_string(&models)?);
    } else {
        models.iter().for_each(|model| println!("{}", line(model)));
        if config.workers.is_empty() {
            let file = config.places.config_file.display();
            eprintln!("no model is configured to be asked; add a [[worker]] to {file}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(model: &Model) -> String {
    let Model { name, kind, model: at, address, usd_in, usd_out, context, key, problem, .. } = model;
    let context = context.map_or(String::new(), |tokens| format!(", {tokens} tokens"));
    let price = if *kind == "gguf" { String::new() } else { format!(", ${usd_in} in and ${usd_out} out a million") };
    let key = if *kind == "gguf" { String::new() } else { format!(", key: {key}") };
    let problem = problem.as_ref().map_or(String::new(), |problem| format!("\n  cannot be used: {problem}"));
    format!("{name:16} {kind:9} {at} at {address}{context}{price}{key}{problem}")
}

fn check(config: &Config, json: bool) -> Result<ExitCode, Usage> {
    let (words, trials) = run::trials(config);
    let asked: Vec<&str> = trials.iter().flatten().map(run::Trial::name).collect();
    let worst: f64 = trials.iter().flatten().map(|trial| trial.worst).sum();
    if worst > config.budget.max_usd {
        let limit = config.budget.max_usd;
        return Err(Usage(format!("a word from each could cost ${worst:.4} and budget.max_usd is ${limit:.4}")));
    }
    let to = if asked.is_empty() { "nobody".to_owned() } else { asked.join(", ") };
    eprintln!("sending `{words}` and nothing of yours to {to}; together that costs at most ${worst:.6}");
    let cancel = CancellationToken::new();
    let tried: Vec<Tried> = block_on(join_all(trials.into_iter().map(|trial| async {
        match trial {
            Ok(trial) => trial.run(PATIENCE, &cancel).await,
            Err(tried) => tried,
        }
    })));
    if json {
        println!("{}", serde_json::to_string(&tried)?);
    } else {
        tried.iter().for_each(|tried| println!("{}", result(tried)));
    }
    let answered = tried.iter().all(|tried| tried.problem.is_none());
    Ok(if answered { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn result(tried: &Tried) -> String {
    match &tried.problem {
        Some(problem) => format!("failed  {problem}"),
        None => {
            let (usage, seconds) = (tried.usage, tried.ms as f64 / 1000.0);
            let (name, tokens_in, tokens_out, usd) = (&tried.name, usage.tokens_in, usage.tokens_out, usage.usd);
            format!("ok      {name}: {seconds:.1} s, {tokens_in} tokens in, {tokens_out} out, ${usd:.6}")
        }
    }
}

fn pull(config: &Config, name: &str, json: bool) -> Result<ExitCode, Usage> {
    let name: Name = name.parse().map_err(Usage)?;
    let set = |variable: &str| std::env::var(variable).ok().filter(|value| !value.trim().is_empty());
    let endpoint = set("HF_ENDPOINT").or_else(|| config.models.endpoint.clone());
    let hub = Hub::new(endpoint.as_deref().unwrap_or(ENDPOINT), set("HF_TOKEN").as_deref()).map_err(Usage)?;
    let folder = models::folder(&config.places.cache_dir);
    let bar = bar();
    let progress = |bytes, total: Option<u64>| {
        total.into_iter().for_each(|total| bar.set_length(total));
        bar.set_position(bytes);
    };
    let pulled = block_on(models::pull(&hub, &folder, &name, progress));
    bar.finish_and_clear();
    let pulled = match pulled {
        Ok(pulled) => pulled,
        Err(why) => {
            eprintln!("baton: {why}");
            return Ok(ExitCode::from(1));
        }
    };
    if json {
        println!("{}", serde_json::to_string(&pulled)?);
        return Ok(ExitCode::SUCCESS);
    }
    let how = if pulled.fetched { "fetched" } else { "was there already" };
    let compared = if pulled.known { "as the first time" } else { "which later pulls are compared with" };
    eprintln!("{how}: {} bytes, SHA-256 {}, {compared}", pulled.bytes, pulled.sha256);
    println!("{}", pulled.path.display());
    Ok(ExitCode::SUCCESS)
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    ProgressBar::no_length().with_style(style)
}
