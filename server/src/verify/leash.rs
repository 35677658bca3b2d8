//! Ending a sandbox for certain, and noticing that it takes more than it may.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::sandbox::Limits;

/// How often the processes of a sandbox are counted.
const INTERVAL: Duration = Duration::from_millis(50);

/// Bytes that must stay free on the file system that holds the private tree.
const RESERVE: u64 = 256 << 20;

/// Ticks a second in which `/proc` counts processor time, on every Linux.
const TICKS: u64 = 100;

/// Kills everything in the sandbox whose outer process is `outer`; that one ends only when all the rest is gone.
/// Of a namespace the first process is killed, and the kernel then kills the others. A keeper is asked to: it must
/// live until it has killed what it keeps.
pub fn kill(outer: u32) {
    let inner = children(outer);
    for process in &inner {
        let signal = if namespace(*process).is_some() { Signal::KILL } else { Signal::TERM };
        let _ = pid(*process).map(|process| kill_process(process, signal));
    }
    // Too early for anything inside: the outer process alone is the sandbox, and what it starts dies with it.
    if inner.is_empty()
        && let Some(outer) = pid(outer)
    {
        let _ = kill_process(outer, Signal::KILL);
    }
}

/// Waits until all processes of the sandbox together have used or use more than they may, or the disk under `tree` is
/// nearly full; says which. It never ends otherwise. Limits of a single process are the kernel's to hold; these are
/// those of all together, and the count of processes also where the kernel does not hold it because Baton runs as root.
pub async fn overrun(outer: u32, limits: Limits, tree: PathBuf) -> &'static str {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let used = Usage::of(outer, limits.memory);
        let free = free_bytes(&tree);
        for (too_much, why) in [
            (used.threads > limits.processes, "too many processes"),
            (used.memory > limits.memory, "too much memory"),
            (used.cpu > limits.cpu, "too much processor time"),
            (used.written > limits.disk, "too much was written to disk"),
            (free.is_some_and(|free| free < RESERVE), "the disk is nearly full"),
        ] {
            if too_much {
                return why;
            }
        }
    }
}

/// What all processes of a sandbox use, and have used, together.
#[derive(Debug, Default)]
struct Usage {
    threads: u64,
    /// Resident bytes.
    memory: u64,
    cpu: Duration,
    /// Bytes written to disks.
    written: u64,
}

impl Usage {
    /// `enough`: bytes of memory up to which a rough count will do.
    fn of(outer: u32, enough: u64) -> Self {
        let mut total = Self::default();
        let (mut ticks, mut own, mut shared) = (0, 0, 0);
        let members = members(outer);
        for process in members.iter().copied() {
            let found = fields(process, "status", &["Threads", "RssAnon", "RssShmem"]).unwrap_or_else(|| vec![1, 0, 0]);
            total.threads += found[0];
            own += found[1] * 1024;
            shared += found[2] * 1024;
            ticks += processor_ticks(process).unwrap_or(0);
            // Of a process that has been waited for, its parent has the numbers.
            let written =
                fields(process, "io", &["write_bytes", "cancelled_write_bytes"]).unwrap_or_else(|| vec![0, 0]);
            total.written += written[0].saturating_sub(written[1]);
        }
        // What several share was counted for each of them.
        if own + shared > enough {
            let parts = members.iter().filter_map(|process| fields(*process, "smaps_rollup", &["Pss_Shmem"]));
            shared = parts.map(|part| part[0] * 1024).sum();
        }
        // Files in memory need not be mapped to be there. Those that are were counted above.
        total.memory = own + shared.max(files_in_memory(&members));
        total.cpu = Duration::from_millis(ticks * 1000 / TICKS);
        total
    }
}

/// Bytes of the files without a name that these processes have open and that lie in memory.
fn files_in_memory(processes: &[u32]) -> u64 {
    let open = processes.iter().filter_map(|process| fs::read_dir(format!("/proc/{process}/fd")).ok());
    let in_memory = open.flatten().flatten().map(|entry| entry.path()).filter(|path| {
        fs::read_link(path).is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"))
    });
    let files: BTreeMap<u64, u64> =
        in_memory.filter_map(|path| path.metadata().ok()).map(|found| (found.ino(), found.blocks() * 512)).collect();
    files.values().sum()
}

/// The processes in the sandbox: those of its namespace, or where it has none, the descendants of its outer process.
fn members(outer: u32) -> Vec<u32> {
    let inner = children(outer);
    if let Some(namespace) = inner.iter().copied().find_map(namespace) {
        return numbers().filter(|process| namespace_is(*process, &namespace)).collect();
    }
    let mut found = inner;
    let mut at = 0;
    while let Some(process) = found.get(at).copied() {
        found.extend(children(process));
        at += 1;
    }
    found
}

/// The namespace of a process, if it is not ours.
fn namespace(process: u32) -> Option<PathBuf> {
    let own = fs::read_link("/proc/self/ns/pid").ok()?;
    // Until the namespace is made, the child's is ours; counting everything of ours would be wrong.
    fs::read_link(format!("/proc/{process}/ns/pid")).ok().filter(|found| *found != own)
}

fn namespace_is(process: u32, namespace: &Path) -> bool {
    fs::read_link(format!("/proc/{process}/ns/pid")).is_ok_and(|found| found == namespace)
}

fn numbers() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes that this one started and that live, or have not been waited for.
pub(super) fn children(parent: u32) -> Vec<u32> {
    if parent == 0 {
        return Vec::new();
    }
    // The kernel's own list saves reading every process, but is optional. Each thread has its own.
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists: Vec<_> = threads.map(|thread| fs::read_to_string(thread.path().join("children"))).collect();
    if lists.iter().any(Result::is_ok) {
        let lists = lists.into_iter().flatten();
        return lists.flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<u32>>()).collect();
    }
    let is_child =
        |process: &u32| fields(*process, "status", &["PPid"]).is_some_and(|found| found == [u64::from(parent)]);
    numbers().filter(is_child).collect()
}

/// Processor time of a process and of those that it has waited for.
fn processor_ticks(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it may hold anything.
    let numbers = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    Some(numbers.filter_map(|number| number.parse::<u64>().ok()).sum())
}

/// Fields of a file of `/proc/N` as numbers, without their units; 0 where one is absent.
fn fields(process: u32, file: &str, wanted: &[&str]) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
    let field = |name: &&str| text.lines().find_map(|line| line.strip_prefix(*name)?.strip_prefix(':'));
    let number = |value: &str| value.split_whitespace().next()?.parse().ok();
    Some(wanted.iter().map(|name| field(name).and_then(number).unwrap_or(0)).collect())
}

fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}
