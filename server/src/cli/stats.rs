//! `baton stats`: what the record says of each worker, and whether conducting pays.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::visible::in_line;
use super::{Usage, config};
use crate::ledger::{Ledger, Stats, WorkerStats};

const DAY: u64 = 86_400_000;

/// Arguments of `baton stats`.
#[derive(Args)]
pub struct Arguments {
    /// Only the runs of the last N days
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Prints the figures.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let since = arguments.days.map_or(0, |days| now.saturating_sub(u64::from(days) * DAY));
    let failed = |problem: anyhow::Error| Usage(format!("{problem:#}"));
    let stats = match Ledger::existing(&config()?).map_err(failed)? {
        Some(ledger) => ledger.stats(since).map_err(failed)?,
        None => Stats::none(),
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&stats)?);
    } else {
        print!("{}", text(&stats));
    }
    Ok(ExitCode::SUCCESS)
}

fn text(stats: &Stats) -> String {
    if stats.runs == 0 {
        return "no runs yet\n".into();
    }
    let mut text = table(&stats.workers);
    let Stats { runs, runs_with_attempts, usd, usd_with_attempts, attempts_needed, .. } = stats;
    text +=
        &format!("\nall {runs} runs: ${usd:.4}; the {runs_with_attempts} with an attempt: ${usd_with_attempts:.4}\n");
    text += &match &stats.strongest {
        Some(strongest) => {
            let difference = match strongest.saved_usd {
                saved if saved >= 0.0 => format!("${saved:.4} less was paid"),
                saved => format!("${:.4} more was paid", -saved),
            };
            format!(
                "estimate: with `{worker}` for every attempt they would have cost ${:.4}, so {difference}. It is made so: \
                 {worker} is the strongest, with {:.0} % success the best of the models with at least {attempts_needed} \
                 attempts; its mean of ${:.4} an attempt is taken once for each of the {runs_with_attempts} runs, as if \
                 one attempt were always enough.\n",
                strongest.estimated_usd,
                100.0 * strongest.success,
                strongest.usd_per_attempt,
                worker = in_line(&strongest.worker),
            )
        }
        None => format!(
            "what the strongest model alone would have cost is not estimated: none has made {attempts_needed} attempts\n"
        ),
    };
    text
}

/// Names to the left, figures to the right.
fn table(workers: &[WorkerStats]) -> String {
    let head = [
        "worker",
        "attempts",
        "solved",
        "success",
        "others",
        "cost",
        "per success",
        "median",
        "p90",
        "tokens in",
        "cached",
        "out",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(workers.iter().map(|worker| {
        let or_none = |shown: Option<String>| shown.unwrap_or_else(|| "-".into());
        let seconds = |seconds: Option<f64>| or_none(seconds.map(|seconds| format!("{seconds:.1} s")));
        [
            in_line(&worker.worker).into_owned(),
            worker.attempts.to_string(),
            worker.solved.to_string(),
            or_none(worker.success.map(|share| format!("{:.0} %", 100.0 * share))),
            worker.others.to_string(),
            format!("${:.4}", worker.usd),
            or_none(worker.usd_per_success.map(|usd| format!("${usd:.4}"))),
            seconds(worker.median_seconds),
            seconds(worker.p90_seconds),
            worker.tokens_in.to_string(),
            worker.tokens_cached.to_string(),
            worker.tokens_out.to_string(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 12] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
        text += &format!("{:width$}{}\n", row[0], cells.collect::<String>(), width = widths[0]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Stats, text};
    use crate::ledger::{Strongest, WorkerStats};

    fn stats() -> Stats {
        let strong = WorkerStats {
            worker: "strong".into(),
            attempts: 10,
            solved: 8,
            success: Some(0.8),
            others: 3,
            usd: 0.5,
            usd_per_success: Some(0.0625),
            median_seconds: Some(4.25),
            p90_seconds: Some(17.0),
            tokens_in: 123_456,
            tokens_cached: 100_000,
            tokens_out: 7_890,
        };
        let idle = WorkerStats { worker: "a\u{1b}[2Jb".into(), others: 1, ..WorkerStats::default() };
        let strongest = Strongest {
            worker: "strong".into(),
            success: 0.8,
            usd_per_attempt: 0.05,
            estimated_usd: 1.0,
            saved_usd: 0.45,
        };
        Stats {
            workers: vec![strong, idle],
            runs: 25,
            runs_with_attempts: 20,
            usd: 0.6,
            usd_with_attempts: 0.55,
            strongest: Some(strongest),
            attempts_needed: 5,
        }
    }

    #[test]
    fn the_figures_are_a_table_and_the_estimate_says_how_it_is_made() {
        insta::assert_snapshot!(text(&stats()));
    }

    #[test]
    fn what_cannot_be_said_is_not_said() {
        let mut stats = Stats { strongest: None, ..stats() };
        assert!(text(&stats).ends_with("is not estimated: none has made 5 attempts\n"), "{}", text(&stats));
        stats.runs = 0;
        assert_eq!(text(&stats), "no runs yet\n");
    }

    #[test]
    fn paying_more_is_said_as_well() {
        let mut stats = stats();
        stats.strongest.as_mut().unwrap().saved_usd = -0.2;
        assert!(text(&stats).contains("so $0.2000 more was paid"), "{}", text(&stats));
    }
}
