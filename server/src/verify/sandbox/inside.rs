//! What this program does when it is started for a sandbox: around a command, or as the canary within.

use super::canary::Canary;
use super::launcher::Plan;

/// How it is started.
#[derive(Debug, clap::Subcommand)]
pub enum Inside {
    /// Confines one command with Landlock and seccomp
    #[command(hide = true)]
    SandboxRun(Plan),
    /// Tries to get out of the sandbox that it is started in
    #[command(hide = true)]
    SandboxCanary(Canary),
}

impl Inside {
    /// Does it; returns the status to end with.
    pub fn main(self) -> u8 {
        match self {
            Self::SandboxRun(plan) => plan.run(),
            Self::SandboxCanary(canary) => {
                canary.sing();
                0
            }
        }
    }
}

/// The program of the unit tests takes the place of Baton's own.
#[cfg(test)]
mod as_baton {
    use clap::Parser;

    #[derive(Parser)]
    struct Started {
        #[command(subcommand)]
        inside: super::Inside,
    }

    #[ctor::ctor(unsafe)]
    fn before_the_tests() {
        if std::env::args_os().nth(1).is_some_and(|word| word.as_encoded_bytes().starts_with(b"sandbox-")) {
            std::process::exit(Started::parse().inside.main().into());
        }
    }
}
