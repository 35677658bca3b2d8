//! `baton runs`: past runs as a list, or one of them whole.

use std::process::ExitCode;

use clap::Args;

use super::{Usage, config};
use crate::ledger::{Ledger, RunRecord};
use crate::workflow::Access;

/// Arguments of `baton runs`.
#[derive(Args)]
pub struct Arguments {
    /// Show this run whole
    id: Option<String>,
    /// How many of the newest to list
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Prints the list, or one run.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let file = config()?.places.ledger_file;
    if !file.exists() {
        println!("{}", if arguments.json { "[]" } else { "no runs yet" });
        return Ok(ExitCode::SUCCESS);
    }
    let failed = |problem: anyhow::Error| Usage(format!("{problem:#}"));
    let ledger = Ledger::open(&file).map_err(failed)?;
    match &arguments.id {
        None => {
            let runs = ledger.list(arguments.limit).map_err(failed)?;
            if arguments.json {
                println!("{}", serde_json::to_string(&runs)?);
            } else {
                runs.iter().for_each(|run| println!("{}", line(run)));
            }
        }
        Some(id) => {
            let unknown = || Usage(format!("there is no run `{id}`; `baton runs` lists them"));
            let run = ledger.get(id).map_err(failed)?.ok_or_else(unknown)?;
            if arguments.json {
                println!("{}", serde_json::to_string(&run)?);
            } else {
                print!("{}", whole(&run));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn line(run: &RunRecord) -> String {
    let ago = ago(run.started);
    let workers: Vec<&str> = run.steps.iter().map(|step| step.worker.as_str()).collect();
    let workers = if workers.is_empty() { "-".to_owned() } else { workers.join(" → ") };
    let (goal, outcome, seconds) = (word(run.goal), word(run.outcome), run.ms as f64 / 1000.0);
    format!("{}  {ago:>8}  {goal:4} {outcome:10} {seconds:6.1} s  ${:.4}  {}  {workers}", run.id, run.usd, run.path)
}

fn whole(run: &RunRecord) -> String {
    let mut text =
        format!("{}\nin {}\nconductor {} ({})\n", line(run), run.root, run.conductor.name, run.conductor.model);
    text += &format!("why: {}\n", run.conductor.why);
    for (number, (step, done)) in (1..).zip(run.workflow.steps.iter().zip(&run.steps)) {
        let usage = &done.usage;
        text += &format!("step {number}: {} as {}, seeing {}\n", step.worker, word(step.role), seeing(&step.access));
        text += &format!("  asked: {}\n", step.subtask);
        text += &format!(
            "  {} in {:.1} s, {} tokens in, {} out, ${:.4}\n",
            done.status,
            done.ms as f64 / 1000.0,
            usage.tokens_in,
            usage.tokens_out,
            usage.usd
        );
    }
    if let Some(verdict) = &run.verdict {
        let report = verdict.report();
        text += &format!("verdict ({}): {}\n", word(report.level), report.climbed());
        text.extend(report.report.lines().map(|line| format!("  {line}\n")));
    }
    text + &format!("{}: {}\n", word(run.outcome), run.message)
}

fn seeing(access: &Access) -> String {
    let numbers =
        |numbers: &[usize]| numbers.iter().map(|at| format!("step {}", at + 1)).collect::<Vec<_>>().join(", ");
    match access {
        Access::All => "all earlier steps".into(),
        Access::Steps(steps) if !steps.is_empty() => numbers(steps),
        Access::None | Access::Steps(_) => "no earlier step".into(),
    }
}

fn ago(started: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seconds = (now.as_millis() as u64).saturating_sub(started) / 1000;
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86400),
    }
}
