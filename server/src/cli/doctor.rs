//! `baton doctor`: what is configured, found and missing, with what to do about it.

use std::process::ExitCode;

use super::{Usage, block_on};
use crate::config::{Config, ConfigError, Places, Trust};
use crate::run::{Finding, examine};

/// Prints one line for each thing that Baton uses; 0 when nothing that it needs is missing.
pub fn run() -> Result<ExitCode, Usage> {
    let places = Places::of_user()?;
    let here = std::env::current_dir()?;
    let (config, mut findings) = match Config::load(places.clone()) {
        Ok(config) => {
            let file = places.config_file.display();
            let detail =
                if places.config_file.exists() { format!("{file}") } else { format!("{file} (absent: defaults)") };
            (config, vec![Finding::good("configuration", detail)])
        }
        Err(ConfigError(problem)) => {
            let defaults = Config::from_options(Default::default(), places.clone())?;
            (defaults, vec![Finding::bad("configuration", problem)])
        }
    };
    let trusted = Trust::load(&places.trust_file).covers(&here);
    let detail = if trusted { "trusted".to_owned() } else { format!("not trusted; `baton trust {}`", here.display()) };
    findings.push(Finding::note("this folder", detail));
    findings.extend(block_on(examine(&config)));
    for finding in &findings {
        println!("{finding}");
    }
    let sound = findings.iter().all(Finding::is_sound);
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
