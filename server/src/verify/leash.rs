//! Ending a sandbox for certain, and noticing that it takes more than it may.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::sandbox::Limits;

/// How often the processes of a sandbox are counted.
const INTERVAL: Duration = Duration::from_millis(50);

/// Bytes that must stay free on the file system that holds the private tree.
const RESERVE: u64 = 256 << 20;

/// Kills everything in the sandbox whose outer process is `bwrap`. The first process of its namespace is killed:
/// the kernel then kills the rest, and the outer process ends only when all of them are gone.
pub fn kill(bwrap: u32) {
    let inner: Vec<Pid> = children(bwrap).into_iter().filter_map(pid).collect();
    for process in &inner {
        let _ = kill_process(*process, Signal::KILL);
    }
    // Too early for a namespace: the outer process alone is the sandbox, and what it starts dies with it.
    if inner.is_empty()
        && let Some(outer) = pid(bwrap)
    {
        let _ = kill_process(outer, Signal::KILL);
    }
}

/// Waits until the sandbox has more processes or more memory than it may, or fills the disk under `tree`; says which.
/// It never ends otherwise. Limits of a single process are the kernel's to hold; these are those of all together,
/// and the count of processes also where the kernel does not hold it because Baton runs as root.
pub async fn overrun(bwrap: u32, limits: Limits, tree: PathBuf) -> &'static str {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (processes, memory) = usage(bwrap);
        if processes > limits.processes {
            return "too many processes";
        }
        if memory > limits.memory {
            return "too much memory";
        }
        if free_bytes(&tree).is_some_and(|free| free < RESERVE) {
            return "the disk is nearly full";
        }
    }
}

/// Threads and resident bytes of all processes in the sandbox.
fn usage(bwrap: u32) -> (u64, u64) {
    let Some(namespace) = children(bwrap).into_iter().find_map(namespace) else { return (0, 0) };
    let mut total = (0, 0);
    for process in numbers() {
        if namespace_is(process, &namespace) {
            let found = status(process, &["Threads", "RssAnon"]).unwrap_or_else(|| vec![1, 0]);
            total.0 += found[0];
            total.1 += found[1] * 1024;
        }
    }
    total
}

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

fn children(parent: u32) -> Vec<u32> {
    if parent == 0 {
        return Vec::new();
    }
    // The kernel's own list saves reading every process, but is optional.
    if let Ok(list) = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")) {
        return list.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    }
    numbers().filter(|process| status(*process, &["PPid"]).is_some_and(|found| found == [u64::from(parent)])).collect()
}

/// Fields of `/proc/N/status` as numbers, without their units; 0 where one is absent.
fn status(process: u32, wanted: &[&str]) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
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
