//! `baton clean`: gives the disk back what private copies of workspaces take.

use std::process::ExitCode;

use clap::Args;

use super::{Usage, config};
use crate::verify::{self, Cleaned, Keep};

/// Arguments of `baton clean`.
#[derive(Args)]
pub struct Arguments {
    /// Also those that a next run would use again; only what is in use now stays
    #[arg(long)]
    all: bool,
}

/// Removes private copies and says in one sentence what that freed.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let config = config()?;
    let dir = &config.places.cache_dir;
    let keep = (!arguments.all).then(|| Keep::new(config.shadow.keep_days, config.shadow.max_gb));
    let cleaned = verify::clean(dir, keep)
        .map_err(|e| Usage(format!("{} cannot be cleaned: {e}; remove what is in it by hand", dir.display())))?;
    println!("{}", sentence(&cleaned, arguments.all));
    Ok(ExitCode::SUCCESS)
}

fn sentence(cleaned: &Cleaned, all: bool) -> String {
    let mut said = match cleaned.removed {
        0 => "nothing to free".to_owned(),
        n => format!("freed {}: the private copies of {}", size(cleaned.bytes), count(n)),
    };
    if cleaned.in_use > 0 {
        said += &format!("; those of {} stay, they are in use", count(cleaned.in_use));
    }
    let ready = cleaned.kept - cleaned.in_use;
    if ready > 0 && !all {
        said += &format!("; those of {} are kept for the next run, --all removes them too", count(ready));
    }
    said
}

fn count(workspaces: usize) -> String {
    if workspaces == 1 { "1 workspace".to_owned() } else { format!("{workspaces} workspaces") }
}

fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    format!("{:.1} {name}", bytes as f64 / unit)
}

#[cfg(test)]
mod tests {
    use super::{Cleaned, sentence};

    #[test]
    fn what_was_done_is_one_sentence() {
        let done = |removed, bytes, kept, in_use| Cleaned { removed, bytes, kept, in_use };
        for (cleaned, all, expected) in [
            (done(0, 0, 0, 0), false, "nothing to free"),
            (done(1, 52_300, 0, 0), true, "freed 52.3 kB: the private copies of 1 workspace"),
            (
                done(3, 1_230_000_000, 2, 1),
                false,
                "freed 1.2 GB: the private copies of 3 workspaces; those of 1 workspace stay, they are in use; \
                 those of 1 workspace are kept for the next run, --all removes them too",
            ),
            (done(0, 0, 1, 1), true, "nothing to free; those of 1 workspace stay, they are in use"),
        ] {
            assert_eq!(sentence(&cleaned, all), expected);
        }
    }
}
