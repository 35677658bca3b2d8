//! What `baton sandbox-run` does: it confines one command with Landlock and seccomp and sees to its end.
//!
//! Three processes. The *outer* one is what the server knows: it ends when nothing of the command is left. The
//! *keeper*, its child, starts the command and stays outside its confinement: whatever the command's descendants do,
//! they become the keeper's children when their own parents end, and are killed when the command has ended, when
//! somebody asks the keeper to (SIGTERM), or when the outer process has gone in any way. The third is the command.

mod attributes;
mod kernel;
mod rules;
mod syscalls;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Resource, Signal, WaitOptions, WaitStatus};

pub(super) use self::kernel::new_user_namespace;

use self::attributes::Attributes;
use super::limits;
use super::wall::{Wall, Walls};
use crate::verify::tree::Tree;

/// Which command, and what it may do.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// The process that must not be outlived.
    #[arg(long)]
    parent: i32,
    /// A place beside the tree for the command's home and temporary files; made anew, removed at the end.
    #[arg(long)]
    scratch: PathBuf,
    /// Where the command starts.
    #[arg(long)]
    cwd: PathBuf,
    /// Processor seconds of each process.
    #[arg(long)]
    cpu: u64,
    /// Bytes that each process may write to.
    #[arg(long)]
    memory: u64,
    /// Processes and threads beside those that the user has already.
    #[arg(long)]
    processes: u64,
    /// Bytes of the largest file.
    #[arg(long)]
    file: u64,
    /// Readable and executable, with all below.
    #[arg(long)]
    read: Vec<PathBuf>,
    /// Writable too.
    #[arg(long)]
    write: Vec<PathBuf>,
    /// Pairs: a link that is made before the command starts, and where it leads.
    #[arg(long)]
    link: Vec<PathBuf>,
    /// The whole environment, as NAME=VALUE.
    #[arg(long)]
    env: Vec<OsString>,
    /// A wall that does not stand.
    #[cfg(test)]
    #[arg(long)]
    without: Vec<Wall>,
    /// The command.
    #[arg(last = true)]
    argv: Vec<OsString>,
}

/// The status of a command that could not be started, as shells have it.
const NOT_STARTED: u8 = 127;

impl Plan {
    /// Runs the command and returns its status, 128 + N after a signal N, when nothing of it is left.
    pub fn run(self) -> u8 {
        self.outer().unwrap_or_else(|e| {
            eprintln!("{e}");
            NOT_STARTED
        })
    }

    #[cfg(not(test))]
    fn walls(&self) -> Walls {
        Walls::default()
    }

    #[cfg(test)]
    fn walls(&self) -> Walls {
        Walls::without(&self.without)
    }

    fn outer(self) -> io::Result<u8> {
        // Its end must not be noticed too late, so it is asked for first and looked at then.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        if rustix::process::getppid().is_none_or(|parent| parent.as_raw_nonzero().get() != self.parent) {
            return Err(io::Error::other("whoever asked for the sandbox is gone"));
        }
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let signals = kernel::Signals::take()?;
        let walls = self.walls();
        let Some(keeper) = kernel::fork()? else {
            let code = self.keep(&signals).unwrap_or_else(|e| {
                eprintln!("the sandbox cannot be made: {e}");
                NOT_STARTED
            });
            std::process::exit(i32::from(code));
        };
        loop {
            if let Some((_, status)) = rustix::process::waitpid(Some(keeper), WaitOptions::empty())? {
                // A keeper that was killed leaves its children to us.
                end_all(walls);
                return Ok(code_of(status));
            }
        }
    }

    /// The keeper's whole life.
    fn keep(self, signals: &kernel::Signals) -> io::Result<u8> {
        let outer = rustix::process::getppid();
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
        if rustix::process::getppid() != outer || outer.is_none() {
            return Err(io::Error::other("whoever asked for the sandbox is gone"));
        }
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        self.renew_scratch(true)?;
        let kept = self.keep_command(signals);
        end_all(self.walls());
        self.renew_scratch(false)?;
        kept
    }

    fn keep_command(&self, signals: &kernel::Signals) -> io::Result<u8> {
        let (command, listener) = match self.start() {
            Ok(started) => started,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
                eprintln!("{}: {e}", self.argv.first().map_or("", |name| name.to_str().unwrap_or("the command")));
                return Ok(NOT_STARTED);
            }
            Err(e) => return Err(e),
        };
        let writable = self.write.iter().chain([&self.scratch]).filter_map(|path| path.canonicalize().ok()).collect();
        let attributes = Attributes::new(listener, writable);
        loop {
            let mut watched = vec![PollFd::new(signals, PollFlags::IN)];
            watched.extend(attributes.listener().map(|listener| PollFd::from_borrowed_fd(listener, PollFlags::IN)));
            match poll(&mut watched, None) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            let ready: Vec<bool> = watched.iter().map(|fd| fd.revents().contains(PollFlags::IN)).collect();
            if ready.get(1) == Some(&true) {
                attributes.answer();
            }
            if ready[0] && signals.asked_to_end()? {
                return Ok(128 + Signal::KILL.as_raw() as u8);
            }
            while let Ok(Some((ended, status))) = rustix::process::wait(WaitOptions::NOHANG) {
                if ended == command {
                    return Ok(code_of(status));
                }
            }
        }
    }

    /// Starts the command within its walls; with it comes what asks for changes of attributes.
    fn start(&self) -> io::Result<(Pid, Option<OwnedFd>)> {
        let walls = self.walls();
        let program = self.argv.first().ok_or_else(|| io::Error::other("there is no command"))?;
        let mut ruleset = walls.stands(Wall::Processes).then(|| rules::ruleset(self, walls)).transpose()?;
        let filters = syscalls::filters(walls)?;
        let (ours, theirs) = kernel::pair()?;
        let limits = [
            (Resource::Core, 0),
            (Resource::Cpu, self.cpu),
            (Resource::Fsize, self.file),
            (Resource::Data, self.memory),
            (Resource::Nproc, self.processes + threads_of_user()),
            (Resource::Nofile, 4096),
        ];
        let links: Vec<(PathBuf, PathBuf)> =
            self.link.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let confine = move || -> io::Result<()> {
            if walls.stands(Wall::Terminal) {
                rustix::process::setsid()?;
            }
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            limits::set(&limits)?;
            if walls.stands(Wall::Privileges) {
                kernel::drop_capabilities()?;
            }
            rustix::thread::set_no_new_privs(true)?;
            if let Some(ruleset) = ruleset.take() {
                ruleset.restrict_self().map_err(io::Error::other)?;
            }
            // Made from within the walls: what lies in the tree cannot lead them out. Some are there already.
            links.iter().for_each(|(name, target)| drop(symlink(target, name)));
            if walls.stands(Wall::Attributes) {
                kernel::send(&theirs, &syscalls::ask_for_attributes()?)?;
            }
            kernel::unblock_signals()?;
            filters.iter().try_for_each(|filter| seccompiler::apply_filter(filter)).map_err(io::Error::other)
        };
        let mut command = Command::new(program);
        command.args(&self.argv[1..]).env_clear().current_dir(&self.cwd);
        if !walls.stands(Wall::Environment) {
            command.envs(std::env::vars_os());
        }
        for set in &self.env {
            let set = set.as_encoded_bytes();
            let at = set.iter().position(|byte| *byte == b'=').unwrap_or(set.len());
            let text = |bytes: &[u8]| -> OsString { std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec()) };
            command.env(text(&set[..at]), text(set.get(at + 1..).unwrap_or_default()));
        }
        kernel::before_exec(&mut command, confine);
        let child = command.spawn()?;
        let pid = Pid::from_child(&child);
        // The keeper waits for every child, so this one's handle is not needed.
        drop(child);
        drop(command);
        Ok((pid, kernel::receive(&ours)?))
    }

    /// Removes what an earlier command left in its scratch place, and makes a new one if wanted.
    fn renew_scratch(&self, wanted: bool) -> io::Result<()> {
        let (Some(beside), Some(name)) = (self.scratch.parent(), self.scratch.file_name()) else {
            return Err(io::Error::other("the scratch place has no parent"));
        };
        // Not where the tree's own waits: that is emptied by somebody else.
        let trash = self.scratch.with_extension("old");
        std::fs::create_dir_all(&trash)?;
        let mut tree = Tree::open(beside, &trash)?;
        tree.remove(name.as_ref())?;
        tree.empty_trash()?;
        if wanted {
            for made in [self.scratch.clone(), self.scratch.join("home"), self.scratch.join("tmp")] {
                std::fs::create_dir(made)?;
            }
        }
        Ok(())
    }
}

/// Kills every child, and those that become ours by that, until there is none.
fn end_all(walls: Walls) {
    while walls.stands(Wall::Processes) {
        for child in crate::verify::leash::children(std::process::id()) {
            let _ = Pid::from_raw(child as i32).map(|child| rustix::process::kill_process(child, Signal::KILL));
        }
        match rustix::process::wait(WaitOptions::NOHANG) {
            Err(rustix::io::Errno::CHILD) => return,
            Ok(None) => std::thread::yield_now(),
            _ => {}
        }
    }
}

/// Threads of all processes of this user: the kernel's limit counts them together.
fn threads_of_user() -> u64 {
    let own = rustix::process::getuid().as_raw();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_user = |entry: &std::fs::DirEntry| {
        entry.metadata().is_ok_and(|found| found.uid() == own)
            && entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit)
    };
    entries
        .filter(of_user)
        .map(|entry| std::fs::read_dir(entry.path().join("task")).map_or(1, Iterator::count) as u64)
        .sum()
}

fn code_of(status: WaitStatus) -> u8 {
    let of_signal = || status.terminating_signal().map(|signal| 128 + signal);
    status.exit_status().or_else(of_signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
