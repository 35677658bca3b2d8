//! `baton trust`: the user's word that a folder may run its tests and show its text to models.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Usage;
use crate::config::{Places, Trust};

/// Arguments of `baton trust`.
#[derive(Args)]
pub struct Arguments {
    /// The folder; everything below it is trusted too
    dir: PathBuf,
}

/// Adds the folder to the list.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let places = Places::of_user()?;
    let named = arguments.dir;
    let folder = named.canonicalize().map_err(|e| Usage(format!("{}: {e}; name a folder", named.display())))?;
    if !folder.is_dir() {
        return Err(Usage(format!("{} is not a folder; name the folder to trust", folder.display())));
    }
    let file = &places.trust_file;
    let new = Trust::add(file, &folder).map_err(|e| Usage(format!("{} cannot be written: {e}", file.display())))?;
    let word = if new { "now trusted" } else { "already trusted" };
    println!("{} is {word}; to take it back, delete its line in {}", folder.display(), file.display());
    Ok(ExitCode::SUCCESS)
}
