//! Where foreign code runs: one command that sees one tree and the toolchains, and nothing else.
//!
//! There are two kinds: bubblewrap with namespaces of its own, and where that cannot be used, Landlock and seccomp.
//! Which of them holds on this machine is found out by trying to get out of it (`probe`); if none does, nothing runs.

mod bubblewrap;
mod canary;
mod cell;
mod fence;
mod inside;
mod known;
mod launcher;
mod limits;
mod probe;
mod surroundings;
mod wall;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

pub use self::cell::Cell;
pub use self::inside::Inside;
pub use self::known::{Fact, Known};
pub use self::limits::{End, Limits, Ran};

use self::bubblewrap::Bubblewrap;
use self::fence::Fence;
use self::wall::{Wall, Walls};
use super::leash;
use super::output::Capped;
use super::pen::Pen;

/// A sandbox that works here. It exists only after attempts to get out of it have failed.
#[derive(Debug, Clone)]
pub struct Sandbox {
    kind: Kind,
    refused: Option<Arc<str>>,
    pen: Option<Arc<Pen>>,
    walls: Walls,
}

/// How the walls are made.
#[derive(Debug, Clone)]
enum Kind {
    Bubblewrap(Bubblewrap),
    Fence(Fence),
}

/// How strong a sandbox is; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Namespaces: a network, processes and a file system of its own.
    Bubblewrap,
    /// No network at all, not even with itself; numbers of processes outside can be guessed, not looked into.
    Landlock,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "Landlock and seccomp",
        })
    }
}

impl Sandbox {
    /// The strongest sandbox that holds on this machine, found out once; otherwise one sentence with what to do.
    pub fn probe() -> Result<Self, String> {
        Self::known(None)
    }

    /// The same, but where it is known already, it is not tried again.
    pub fn known(known: Option<&Known>) -> Result<Self, String> {
        let mut found = locked();
        if let Some(sandbox) = &*found {
            return Ok(sandbox.clone());
        }
        let sandbox = match known {
            Some(known) if known.says(Fact::Holds) => probe::untried()?,
            _ => probe::strongest()?,
        };
        if let (Some(known), Level::Bubblewrap) = (known, sandbox.level()) {
            known.note(Fact::Holds);
        }
        Ok(found.insert(sandbox).clone())
    }

    /// The sandbox of this strength, if it holds on this machine; otherwise one sentence with what to do.
    pub fn of_level(level: Level) -> Result<Self, String> {
        probe::of_level(level, Pen::make().map(Arc::new))
    }

    /// How strong it is.
    pub fn level(&self) -> Level {
        match self.kind {
            Kind::Bubblewrap(_) => Level::Bubblewrap,
            Kind::Fence(_) => Level::Landlock,
        }
    }

    /// Why it is not a stronger one, and what to do.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// `argv` in the cell, ready to spawn; stdio is the caller's to set. The command dies with the
    /// thread that spawns it, so spawn it from one that outlives it (a runtime's worker, not a blocking task).
    /// Wall time, what all processes use together and output are the caller's to hold; [`Sandbox::run`] does, see
    /// also [`leash::overrun`].
    pub fn command(&self, cell: &Cell, argv: &[String], limits: &Limits) -> tokio::process::Command {
        let line = match &self.kind {
            Kind::Bubblewrap(bubblewrap) => bubblewrap.command_line(cell, argv, limits, self.walls),
            Kind::Fence(fence) => fence.command_line(cell, argv, limits, self.walls),
        };
        let mut command = std::process::Command::new(&line[0]);
        command.args(&line[1..]).current_dir("/").process_group(0);
        if let Some(pen) = &self.pen {
            pen.take_in(&mut command);
        }
        if let Kind::Bubblewrap(_) = &self.kind {
            limits::hold(&mut command, limits);
            if let Some(overlay) = &cell.overlay {
                overlay.mount_in(&mut command);
            }
        }
        if self.walls.stands(Wall::Environment) {
            command.env_clear();
        }
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        command
    }

    /// Runs `argv` in the cell within its limits. When this returns, nothing of it is alive.
    pub async fn run(&self, cell: &Cell, argv: &[String], limits: &Limits, cancel: &CancellationToken) -> Ran {
        let started = Instant::now();
        let ended = |end, output| Ran { end, output, ms: started.elapsed().as_millis() as u64 };
        if cancel.is_cancelled() {
            return ended(End::Cancelled, String::new());
        }
        let mut command = self.command(cell, argv, limits);
        let (mut child, mut output) = match start(&mut command) {
            Ok(started) => started,
            Err(e) => return ended(End::Exited(127), format!("the sandbox cannot be started: {e}")),
        };
        // The command holds the writing end of the pipe; the end of output is seen only without it.
        drop(command);
        let pid = child.id().unwrap_or_default();
        let mut kept = Capped::new(limits.output);
        let (mut over, mut killed) = (None, None);
        let status = {
            let work = async {
                kept.read_all(&mut output).await;
                child.wait().await.ok()
            };
            tokio::pin!(work);
            let done = tokio::select! {
                status = &mut work => Some(status),
                () = tokio::time::sleep(limits.wall) => { killed = Some(End::TimedOut); None }
                () = cancel.cancelled() => { killed = Some(End::Cancelled); None }
                why = leash::overrun(pid, *limits, cell.tree.clone()) => { over = Some(why); killed = Some(End::Signalled); None }
            };
            match done {
                Some(status) => status,
                None => {
                    leash::kill(pid);
                    // The outer process ends when everything inside has: waiting for it is the proof.
                    tokio::time::timeout(Duration::from_secs(5), &mut work).await.unwrap_or_else(|_| {
                        tracing::error!(pid, "a killed sandbox has not ended after 5 s");
                        None
                    })
                }
            }
        };
        let end = killed.unwrap_or_else(|| match status.and_then(|status| status.code()) {
            // bwrap and shells report a death by signal N as 128 + N.
            Some(code) if code <= 128 => End::Exited(code),
            _ => End::Signalled,
        });
        let mut text = kept.into_text();
        if let Kind::Fence(_) = self.kind {
            text = fence::untranslated(cell, text);
        }
        if let Some(why) = over {
            text.push_str(&format!("\n[stopped: {why}]\n"));
        }
        ended(end, text)
    }

    /// What `argv` makes of `input`: its standard output, if it succeeds within its limits and writes text.
    pub async fn filter(
        &self,
        cell: &Cell,
        argv: &[String],
        input: &str,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Option<String> {
        let mut command = self.command(cell, argv, limits);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let (mut feed, output) = (child.stdin.take()?, child.stdout.take()?);
        let pid = child.id().unwrap_or_default();
        let work = async {
            let feed = async {
                // A program that stops reading early has its reasons.
                let _ = feed.write_all(input.as_bytes()).await;
                drop(feed);
            };
            let mut written = Vec::new();
            let mut capped = output.take(limits.output as u64 + 1);
            let ((), read) = tokio::join!(feed, capped.read_to_end(&mut written));
            let fits = read.is_ok() && written.len() <= limits.output;
            (fits && child.wait().await.is_ok_and(|status| status.success())).then_some(written)
        };
        let written = tokio::select! {
            written = work => written,
            () = tokio::time::sleep(limits.wall) => None,
            () = cancel.cancelled() => None,
            _ = leash::overrun(pid, *limits, cell.tree.clone()) => None,
        };
        if written.is_none() {
            leash::kill(pid);
            let _ = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
        }
        String::from_utf8(written?).ok()
    }
}

/// The sandbox that this process uses, once it has one.
fn locked() -> MutexGuard<'static, Option<Sandbox>> {
    static FOUND: Mutex<Option<Sandbox>> = Mutex::new(None);
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the command with both outputs in one pipe, so that their lines keep their order.
fn start(command: &mut tokio::process::Command) -> io::Result<(Child, Receiver)> {
    let (output, errors) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(errors.try_clone()?).stderr(errors);
    let child = command.spawn()?;
    Ok((child, Receiver::from_owned_fd(output.into())?))
}

/// Descriptors that whoever started Baton left open must not reach foreign code. Baton's own are closed on
/// exec already.
fn close_inherited_on_exec() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        // SAFETY: the number was in use a moment ago; if it was closed meanwhile the call fails with EBADF, and if
        // it was reused, it is a descriptor of ours, which is to be closed on exec too.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC);
    }
}
