//! What a command may use up, and how it ended.

use std::time::Duration;

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
