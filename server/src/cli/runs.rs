//! `baton runs`: past runs as a list, or one of them whole: as text, as JSON or as a web page of its own.

mod graph;
mod page;
mod text;
mod timeline;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Usage, config};
use crate::ledger::Ledger;

/// Arguments of `baton runs`.
#[derive(Args)]
pub struct Arguments {
    /// Show this run whole; the beginning of its name is enough
    id: Option<String>,
    /// How many of the newest to list
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Print the run as one web page that needs nothing else
    #[arg(long, requires = "id", conflicts_with = "json")]
    html: bool,
    /// Write the page to this file instead
    #[arg(short, long, value_name = "FILE", requires = "html")]
    output: Option<PathBuf>,
}

/// Prints the list, or one run.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let Arguments { id, limit, json, html, output } = arguments;
    let failed = |problem: anyhow::Error| Usage(format!("{problem:#}"));
    let unknown = |id| Usage(format!("there is no run `{id}`; `baton runs` lists them"));
    let ledger = Ledger::existing(&config()?).map_err(failed)?;
    let Some(id) = id else {
        let runs = ledger.map_or_else(|| Ok(Vec::new()), |ledger| ledger.list(limit)).map_err(failed)?;
        match (json, runs.is_empty()) {
            (true, _) => println!("{}", serde_json::to_string(&runs)?),
            (false, true) => println!("no runs yet"),
            (false, false) => runs.iter().for_each(|run| println!("{}", text::line(run))),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let ledger = ledger.ok_or_else(|| unknown(&id))?;
    let run = ledger.get(&id).map_err(failed)?.ok_or_else(|| unknown(&id))?;
    if html {
        let page = page::page(&run, &ledger.texts(&run.id).map_err(failed)?).map_err(failed)?;
        match output {
            Some(file) => std::fs::write(&file, page)
                .map_err(|e| Usage(format!("{} cannot be written: {e}; name another file", file.display())))?,
            None => print!("{page}"),
        }
    } else if json {
        println!("{}", serde_json::to_string(&run)?);
    } else {
        print!("{}", text::whole(&run));
    }
    Ok(ExitCode::SUCCESS)
}
