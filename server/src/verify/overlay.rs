//! A view of a private tree for one run: the run sees it with its candidate's texts and may change everything, and
//! nothing of that reaches the tree. So the tree needs no looking over afterwards, and many runs can use it at once.
//!
//! The kernel's overlay file system does this. It is mounted in name spaces of the run's own, which the process that
//! becomes the sandbox makes for itself, so no privilege is needed (Linux 5.11 or newer).

use std::collections::{BTreeMap, HashSet};
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::MountFlags;
use rustix::thread::UnshareFlags;
use tokio_util::sync::CancellationToken;

use super::manifest::{Want, above};
use super::plan::Plan;
use super::sandbox::{Cell, End, Fact, Known, Level, Limits, Sandbox};
use super::storage::{self, private_dir};
use super::tree::{self, Place, Tree};
use super::write;

/// Where what one run writes goes. It is deleted when it is dropped.
#[derive(Debug)]
pub(super) struct Layer {
    dir: PathBuf,
}

/// What has to be mounted before a command starts.
#[derive(Debug, Clone)]
pub struct Overlay {
    layer: Arc<Layer>,
    mounts: Vec<Mount>,
    /// While any of these is alive, the directories below must stay as they are.
    _uses: Vec<Arc<()>>,
}

#[derive(Debug, Clone)]
struct Mount {
    /// The directory that is shown, relative to the layer.
    lower: String,
    /// Its name in the layer.
    name: String,
}

/// The name of the tree in a layer.
const TREE: &str = "tree";

/// The least priority that a thread can have.
const LEAST: i32 = 19;

/// Makes names apart; a copy belongs to one process at a time.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Layer {
    /// An empty one over the tree of the copy in `dir`.
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        let layers = dir.join("layers");
        private_dir(&layers)?;
        let layer = Self { dir: layers.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string()) };
        private_dir(&layer.dir)?;
        layer.add(TREE)?;
        Ok(layer)
    }

    fn add(&self, name: &str) -> io::Result<()> {
        for made in [self.dir.join(name), self.upper(name)] {
            fs::create_dir_all(made)?;
        }
        Ok(())
    }

    fn upper(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}-upper"))
    }

    /// Lays over the tree what makes it what is wanted.
    pub(super) fn lay(&self, root: &Path, plan: &Plan<'_>) -> io::Result<()> {
        private_dir(&self.dir.join("trash"))?;
        let mut upper = Tree::open(&self.upper(TREE), &self.dir.join("trash"))?;
        let make_above = |upper: &mut Tree, path: &str| above(path).try_for_each(|dir| upper.directory(Path::new(dir)));
        let is_missing = |path: &str| plan.missing.binary_search_by(|(other, _)| other.as_str().cmp(path)).is_ok();
        let mut hidden = HashSet::new();
        for path in plan.gone.iter().filter(|path| !is_missing(path)) {
            if !above(path).any(|dir| hidden.contains(dir)) {
                make_above(&mut upper, path)?;
                upper.hide(Path::new(path))?;
                hidden.insert(path.as_str());
            }
        }
        for (path, _) in &plan.missing {
            make_above(&mut upper, path)?;
        }
        write::all(&Place::open(root)?, &mut upper, &plan.missing).map(drop)
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        let dir = std::mem::take(&mut self.dir);
        // A build may have left thousands of files, and nothing waits for their end. What a killed Baton leaves is
        // deleted when the copy is opened the next time.
        std::thread::spawn(move || {
            // Of this thread alone. The next check has already begun.
            let _ = rustix::process::setpriority_process(None, LEAST);
            tree::delete(&dir)
        });
    }
}

impl Overlay {
    /// The tree of the copy, through a layer.
    pub(super) fn of_tree(layer: Arc<Layer>, uses: Vec<Arc<()>>) -> Self {
        let mounts = vec![Mount { lower: "../../tree".to_owned(), name: TREE.to_owned() }];
        Self { layer, mounts, _uses: uses }
    }

    /// Where the tree appears to the sandbox. Outside it is empty.
    pub(super) fn tree(&self) -> PathBuf {
        self.layer.dir.join(TREE)
    }

    /// Adds a directory of the copy, relative to it and of a name without signs; where it appears to the sandbox.
    pub(super) fn add(&mut self, directory: &str) -> io::Result<PathBuf> {
        // Apart from those of another run through the same layer.
        let name = format!("build-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.layer.add(&name)?;
        self.mounts.push(Mount { lower: format!("../../{directory}"), name: name.clone() });
        Ok(self.layer.dir.join(name))
    }

    /// An empty directory that goes with the layer.
    pub(super) fn add_empty(&self) -> io::Result<PathBuf> {
        let path = self.layer.dir.join(format!("empty-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        private_dir(&path).map(|()| path)
    }

    /// Has the process that becomes `command` mount it first, in name spaces of its own.
    pub(super) fn mount_in(&self, command: &mut std::process::Command) {
        let text = |text: String| CString::new(text).unwrap_or_default();
        let layer = CString::new(self.layer.dir.as_os_str().as_bytes()).unwrap_or_default();
        // Another one for every start: a second mount must not find what the first has left there.
        let start = NEXT.fetch_add(1, Ordering::Relaxed);
        let mounts: Vec<[CString; 3]> = self
            .mounts
            .iter()
            .map(|Mount { lower, name }| {
                let work = format!("{name}-work-{start}");
                // Nothing of it has to outlive a crash, so it is never waited for (`volatile`).
                let options =
                    format!("userxattr,volatile,index=off,lowerdir={lower},upperdir={name}-upper,workdir={work}");
                [text(work), text(name.clone()), text(options)]
            })
            .collect();
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let identity = [
            (c"/proc/self/setgroups", "deny".to_owned()),
            (c"/proc/self/uid_map", format!("{uid} {uid} 1")),
            (c"/proc/self/gid_map", format!("{gid} {gid} 1")),
        ];
        let enter = move || -> io::Result<()> {
            rustix::process::chdir(layer.as_c_str())?;
            // SAFETY: the process has one thread, and shares neither files nor memory with another.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)? };
            for (file, line) in &identity {
                let open = rustix::fs::openat(CWD, *file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
                rustix::io::write(&open, line.as_bytes())?;
            }
            for [work, at, options] in &mounts {
                rustix::fs::mkdirat(CWD, work.as_c_str(), Mode::from_raw_mode(0o700))?;
                let flags = MountFlags::NOSUID | MountFlags::NODEV;
                rustix::mount::mount(c"overlay", at.as_c_str(), c"overlay", flags, options.as_c_str())?;
            }
            Ok(rustix::process::chdir(c"/")?)
        };
        // SAFETY: between fork and exec only system calls are made, with texts that were made before; nothing is
        // allocated and no lock is taken.
        unsafe { command.pre_exec(enter) };
    }
}

/// What the probe runs: it sees the candidate's files, and whatever it does to the rest succeeds.
const PROBE: &str = "test \"$(cat laid)$(cat kept)\" = newold && ! test -e gone && echo x > kept && rm -r d && mkdir d \
                     && test -z \"$(ls -A d)\" && ln kept second && mv laid moved && echo x > built/x";

/// Whether overlays work in this sandbox, on the file system that holds `state_dir`; otherwise why not, in a few
/// words. It is tried once, and not where it is known.
pub async fn works(sandbox: &Sandbox, state_dir: &Path, known: Option<&Known>) -> Result<(), String> {
    if sandbox.level() != Level::Bubblewrap {
        return Err(format!("{} cannot mount", sandbox.level()));
    }
    static TRIED: Mutex<BTreeMap<PathBuf, Result<(), String>>> = Mutex::new(BTreeMap::new());
    let tried = || TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(result) = tried().get(state_dir) {
        return result.clone();
    }
    let result = match known {
        Some(known) if known.says(Fact::Overlays) => Ok(()),
        _ => attempt(sandbox, state_dir).await,
    };
    if let (Some(known), Ok(())) = (known, &result) {
        known.note(Fact::Overlays);
    }
    tried().insert(state_dir.to_owned(), result.clone());
    result
}

async fn attempt(sandbox: &Sandbox, state_dir: &Path) -> Result<(), String> {
    let name = format!("probe-{}", std::process::id());
    let claimed = storage::claim(Path::new("probe"), state_dir, &name).map_err(|e| e.to_string())?;
    let (dir, lock) = claimed.ok_or("its place is in use")?;
    let result = attempt_in(sandbox, &dir).await;
    // Closing it would not do: a process that is being started may hold it until then.
    if let (Ok(()), Some(place)) = (lock.unlock(), dir.parent()) {
        let _ = storage::remove(place);
    }
    result
}

async fn attempt_in(sandbox: &Sandbox, dir: &Path) -> Result<(), String> {
    let prepare = || -> io::Result<Overlay> {
        for made in [dir.to_owned(), dir.join("tree"), dir.join("tree/d"), dir.join("build")] {
            private_dir(&made)?;
        }
        for path in ["kept", "gone", "laid", "d/inner"] {
            fs::write(dir.join("tree").join(path), "old")?;
        }
        let layer = Layer::new(dir)?;
        let missing = vec![("laid".to_owned(), Want::Text("new", 0o644))];
        layer.lay(dir, &Plan { gone: vec!["gone".to_owned()], missing })?;
        Ok(Overlay::of_tree(Arc::new(layer), Vec::new()))
    };
    let mut overlay = prepare().map_err(|e| e.to_string())?;
    let build = overlay.add("build").map_err(|e| e.to_string())?;
    let at = PathBuf::from("/run/baton-probe");
    let cell = Cell {
        tree: overlay.tree(),
        cwd: at.clone(),
        writable: vec![(build, at.join("built"))],
        at,
        readable: Vec::new(),
        env: Vec::new(),
        overlay: Some(overlay),
    };
    let limits = Limits { wall: Duration::from_secs(10), ..Limits::default() };
    let argv = ["/bin/sh", "-c", PROBE].map(str::to_owned);
    let ran = sandbox.run(&cell, &argv, &limits, &CancellationToken::new()).await;
    let is_untouched = fs::read_to_string(dir.join("tree/kept")).is_ok_and(|text| text == "old")
        && dir.join("tree/d/inner").exists()
        && !dir.join("build/x").exists();
    match ran.end {
        End::Exited(0) if is_untouched => Ok(()),
        _ => Err(ran.output.lines().find(|line| !line.is_empty()).unwrap_or("the kernel gave no reason").to_owned()),
    }
}
