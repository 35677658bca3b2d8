//! `baton conductor-host`: the child process. One thread reads and answers what needs no computing,
//! the main thread computes. Between requests both are blocked in the kernel and cost nothing.

use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::encoder::Encoder;
use super::wire::{Body, Fault, Op, Reply, Request, Stats};
use super::{cpu, embedded};

/// What both threads know.
#[derive(Default)]
struct Shared {
    busy: AtomicBool,
    orphaned: AtomicBool,
    embeddings: AtomicU64,
    offline: bool,
    cancelled: Mutex<HashSet<u64>>,
}

/// Serves until stdin ends. Must be called before the process has a second thread.
pub fn child_main() -> ExitCode {
    if let Some(problem) = cpu::problem() {
        say(0, Body::Failed { fault: Fault::Processor, message: problem });
        return ExitCode::FAILURE;
    }
    let shared = Arc::new(Shared { offline: leave_the_network(), ..Shared::default() });
    let (queue, jobs) = mpsc::channel();
    let reader = shared.clone();
    std::thread::spawn(move || read(&reader, &queue));
    compute(&shared, &jobs);
    ExitCode::SUCCESS
}

/// Reads requests until the parent is gone; drops `queue` then.
fn read(shared: &Shared, queue: &mpsc::Sender<Request>) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let request: Request = match serde_json::from_str(&line) {
            Ok(request) => request,
            Err(error) => {
                say(0, Body::Failed { fault: Fault::Request, message: format!("not a request: {error}") });
                continue;
            }
        };
        match request.op {
            Op::Cancel { target } => {
                shared.cancelled.lock().unwrap_or_else(PoisonError::into_inner).insert(target);
            }
            Op::Stats => say(request.id, Body::Stats(stats(shared))),
            Op::Load { .. } | Op::Embed { .. } => {
                if queue.send(request).is_err() {
                    break;
                }
            }
        }
    }
    // Whoever asked is gone: nobody wants what is being computed or waits for it, and it may take long.
    shared.orphaned.store(true, Ordering::SeqCst);
    if shared.busy.load(Ordering::SeqCst) {
        end_now();
    }
}

/// Does the jobs one by one.
fn compute(shared: &Shared, jobs: &mpsc::Receiver<Request>) {
    let mut encoder = None;
    for Request { id, op } in jobs {
        shared.busy.store(true, Ordering::SeqCst);
        if shared.orphaned.load(Ordering::SeqCst) {
            return;
        }
        let body = if shared.cancelled.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
            Body::Cancelled
        } else {
            perform(op, &mut encoder, shared).unwrap_or_else(|(fault, message)| Body::Failed { fault, message })
        };
        // It may have been cancelled too late.
        shared.cancelled.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        shared.busy.store(false, Ordering::SeqCst);
        say(id, body);
    }
}

fn perform(op: Op, encoder: &mut Option<Encoder>, shared: &Shared) -> Result<Body, (Fault, String)> {
    match op {
        Op::Load { .. } if encoder.is_some() => Err((Fault::Request, "a process loads one model".into())),
        Op::Load { model, cache_dir } => {
            let path = match model {
                Some(path) => path,
                None => embedded::materialise(&cache_dir).map_err(|message| (Fault::Storage, message))?,
            };
            limit_memory(&path);
            let loaded = Encoder::load(&path).map_err(|message| (Fault::Model, message))?;
            let body = Body::Loaded { dimensions: loaded.dimensions(), context: loaded.max_tokens() };
            *encoder = Some(loaded);
            Ok(body)
        }
        Op::Embed { text } => {
            let encoder = encoder.as_mut().ok_or((Fault::Request, "no model is loaded".to_string()))?;
            let (vector, tokens) = encoder.embed(&text).map_err(|message| (Fault::Model, message))?;
            shared.embeddings.fetch_add(1, Ordering::Relaxed);
            Ok(Body::Embedding { vector, tokens })
        }
        Op::Cancel { .. } | Op::Stats => Err((Fault::Request, "answered by the reader".into())),
    }
}

/// One line to the parent. If it is gone, so are we: stdin tells the same.
fn say(id: u64, body: Body) {
    let Ok(mut line) = serde_json::to_vec(&Reply { id, body }) else { return };
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}

fn stats(shared: &Shared) -> Stats {
    Stats {
        pid: std::process::id(),
        resident: resident(),
        embeddings: shared.embeddings.load(Ordering::Relaxed),
        busy: shared.busy.load(Ordering::SeqCst),
        offline: shared.offline,
    }
}

#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(not(target_os = "linux"))]
fn resident() -> u64 {
    0
}

/// Moves this process into a network namespace of its own, where nothing is reachable, and gives up
/// the right to gain privileges. Whether it worked: some systems forbid it to ordinary users, and
/// then llama.cpp, which opens no connection by itself, goes on without the wall.
#[cfg(target_os = "linux")]
fn leave_the_network() -> bool {
    use rustix::thread::{UnshareFlags, set_no_new_privs, unshare_unsafe};
    let _ = set_no_new_privs(true);
    // Root needs no user namespace for it, and would lose its access to other users' files in one.
    let flags = if rustix::process::geteuid().is_root() {
        UnshareFlags::NEWNET
    } else {
        UnshareFlags::NEWUSER | UnshareFlags::NEWNET
    };
    // SAFETY: file descriptors are not unshared, and there is one thread.
    unsafe { unshare_unsafe(flags) }.is_ok()
}

#[cfg(not(target_os = "linux"))]
fn leave_the_network() -> bool {
    false
}

/// Lets a file that lies about its size fail to allocate in place of taking the machine's memory:
/// room for the file twice over and 2 GiB for threads, context and libraries.
fn limit_memory(path: &Path) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        let mut limit = getrlimit(Resource::As);
        let room = size.saturating_mul(2).saturating_add(2 << 30);
        limit.current = Some(limit.current.map_or(room, |current| current.min(room)));
        let _ = setrlimit(Resource::As, limit);
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Ends the process while its other thread is inside llama.cpp: no destructor may run beneath it.
fn end_now() {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    #[cfg(not(unix))]
    std::process::abort();
}
