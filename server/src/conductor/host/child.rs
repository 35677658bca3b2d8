//! `baton conductor-host`: the child process. One thread reads and answers what needs no computing,
//! the main thread computes. Between requests both are blocked in the kernel and cost nothing.

use std::collections::HashSet;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::encoder::Encoder;
use super::generator::Generator;
use super::wire::{Body, Fault, Op, Reply, Request, Stats};
use super::{cpu, embedded};

/// What both threads know.
#[derive(Default)]
struct Shared {
    busy: AtomicBool,
    orphaned: AtomicBool,
    embeddings: AtomicU64,
    decoded: AtomicU64,
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
            Op::Load { .. } | Op::LoadGenerator { .. } | Op::Embed { .. } | Op::Write(_) => {
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

impl Shared {
    /// Whether request `id` is not wanted any more.
    fn is_cancelled(&self, id: u64) -> bool {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }
}

/// The one model of a process.
enum Model {
    None,
    Encoder(Encoder),
    Generator(Box<Generator>),
}

/// Does the jobs one by one.
fn compute(shared: &Shared, jobs: &mpsc::Receiver<Request>) {
    let mut model = Model::None;
    for Request { id, op } in jobs {
        shared.busy.store(true, Ordering::SeqCst);
        if shared.orphaned.load(Ordering::SeqCst) {
            return;
        }
        let body = if shared.is_cancelled(id) {
            Body::Cancelled
        } else {
            perform(id, op, &mut model, shared).unwrap_or_else(|(fault, message)| Body::Failed { fault, message })
        };
        // It may have been cancelled too late.
        shared.cancelled.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        shared.busy.store(false, Ordering::SeqCst);
        say(id, body);
    }
}

fn perform(id: u64, op: Op, model: &mut Model, shared: &Shared) -> Result<Body, (Fault, String)> {
    let no_model = || (Fault::Request, "no such model is loaded".to_string());
    let of_file = |message| (Fault::Model, message);
    match (op, &mut *model) {
        (Op::Load { .. } | Op::LoadGenerator { .. }, Model::Encoder(_) | Model::Generator(_)) => {
            Err((Fault::Request, "a process loads one model".into()))
        }
        (Op::Load { model: path, cache_dir }, Model::None) => {
            let path = match path {
                Some(path) => path,
                None => laid_down(&embedded::ENCODER, &cache_dir)?,
            };
            limit_memory(&path, 0);
            let loaded = Encoder::load(&path).map_err(of_file)?;
            let body = Body::Loaded { dimensions: loaded.dimensions(), context: loaded.max_tokens() };
            *model = Model::Encoder(loaded);
            Ok(body)
        }
        (Op::LoadGenerator { model: path, context, cache_dir }, Model::None) => {
            let path = match path {
                Some(path) => path,
                None => laid_down(&embedded::NANO, &cache_dir)?,
            };
            limit_memory(&path, 0);
            let room = |bytes| limit_memory(&path, bytes);
            let loaded = Generator::load(&path, context, &cache_dir, room).map_err(of_file)?;
            let body = Body::Ready { context: loaded.size() };
            *model = Model::Generator(Box::new(loaded));
            Ok(body)
        }
        (Op::Embed { text }, Model::Encoder(encoder)) => {
            let (vector, tokens) = encoder.embed(&text).map_err(of_file)?;
            shared.embeddings.fetch_add(1, Ordering::Relaxed);
            Ok(Body::Embedding { vector, tokens })
        }
        (Op::Write(chat), Model::Generator(generator)) => {
            let written = generator.write(&chat, &mut |body| say(id, body), &|| shared.is_cancelled(id));
            shared.decoded.store(generator.decoded(), Ordering::Relaxed);
            match written {
                Ok(written) => Ok(Body::Written(written)),
                Err(None) => Ok(Body::Cancelled),
                Err(Some(stopped)) => Err(stopped),
            }
        }
        (Op::Embed { .. } | Op::Write(_), _) => Err(no_model()),
        (Op::Cancel { .. } | Op::Stats, _) => Err((Fault::Request, "answered by the reader".into())),
    }
}

fn laid_down(model: &embedded::Embedded, cache_dir: &Path) -> Result<PathBuf, (Fault, String)> {
    model.materialise(cache_dir).map_err(|message| (Fault::Storage, message))
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
        decoded: shared.decoded.load(Ordering::Relaxed),
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
/// room for the file twice over, for `more`, and 2 GiB for threads and libraries.
fn limit_memory(path: &Path, more: u64) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        let mut limit = getrlimit(Resource::As);
        let room = size.saturating_mul(2).saturating_add(2 << 30).saturating_add(more);
        limit.current = Some(limit.maximum.map_or(room, |maximum| maximum.min(room)));
        let _ = setrlimit(Resource::As, limit);
    }
    #[cfg(not(unix))]
    let _ = (path, more);
}

/// Ends the process while its other thread is inside llama.cpp: no destructor may run beneath it.
fn end_now() {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    #[cfg(not(unix))]
    std::process::abort();
}
