//! What a command may use up, and how it ended.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, Rlimit};

/// What a command may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall clock; then everything is killed.
    pub wall: Duration,
    /// Processor time, of each process and of all together.
    pub cpu: Duration,
    /// Bytes of memory, of each process and of all together.
    pub memory: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Bytes of the largest file that may be written.
    pub file: u64,
    /// Bytes that all together may write to disk.
    pub disk: u64,
    /// Bytes of output that are kept: the beginning and the end.
    pub output: usize,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal, or because it used more than it may; the output's last line says which.
    Signalled,
    /// It was killed when its time was over.
    TimedOut,
    /// It was killed because the run was cancelled.
    Cancelled,
}

/// A command's end and what it printed.
#[derive(Debug, Clone)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// Standard output and error as they came, capped, without control sequences.
    pub output: String,
    /// Milliseconds.
    pub ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(120),
            cpu: Duration::from_secs(1800),
            memory: 4 << 30,
            processes: 512,
            file: 1 << 30,
            disk: 8 << 30,
            output: 1 << 20,
        }
    }
}

impl Limits {
    /// What the kernel holds each process to, beside the number of processes. Memory is what a process may write to,
    /// not the address space, of which node and the JVM reserve far more than they use.
    pub(super) fn of_each_process(&self) -> [(Resource, u64); 5] {
        [
            (Resource::Core, 0),
            (Resource::Cpu, self.cpu.as_secs().max(1)),
            (Resource::Fsize, self.file),
            (Resource::Data, self.memory),
            (Resource::Nofile, 4096),
        ]
    }
}

/// As much of it as this process may have: nobody can raise what is lower already.
pub(super) fn at_most(resource: Resource, most: u64) -> u64 {
    rustix::process::getrlimit(resource).maximum.map_or(most, |now| now.min(most))
}

/// Has the process that becomes `command` held to them, with all that it starts; no descriptor gets into it but its
/// standard ones.
pub(super) fn hold(command: &mut Command, limits: &Limits) {
    let limits = limits.of_each_process();
    let confine = move || {
        close_others_on_exec();
        set(&limits)
    };
    // SAFETY: between fork and exec only system calls are made, with numbers that were made before.
    unsafe { command.pre_exec(confine) };
}

/// What somebody opened meanwhile without thinking of exec goes too. Kernels before 5.11 cannot; there what was open at
/// the start is closed on exec, and Baton's own descriptors are.
fn close_others_on_exec() {
    // SAFETY: a system call that only marks descriptors of this process, which is about to become another program.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}

/// Sets limits of this process and of those that it starts. Only system calls are made.
pub(super) fn set(limits: &[(Resource, u64)]) -> io::Result<()> {
    limits.iter().try_for_each(|(resource, most)| {
        let most = Some(at_most(*resource, *most));
        Ok(rustix::process::setrlimit(*resource, Rlimit { current: most, maximum: most })?)
    })
}
