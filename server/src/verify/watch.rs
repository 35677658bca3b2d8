//! The kernel's word on what has changed in the directories of a workspace, so that they need not be walked again.

use std::collections::{BTreeMap, HashMap};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

/// Most directories that are watched. The kernel's limit is for all programs of the user together, and each watch
/// takes about 1 kB of its memory.
const MOST_DIRECTORIES: usize = 30_000;

/// File systems on which every change is made by this kernel, which therefore knows of it: ext, XFS, Btrfs, tmpfs,
/// F2FS, ZFS, bcachefs and overlays of them. Numbers of `statfs(2)`.
const LOCAL: [u64; 8] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e, 0x794c_7630];

/// What is asked of every directory. Opening and reading are not: nothing follows from them.
const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::DONT_FOLLOW);

/// Watched directories of one workspace.
pub(super) struct Watch {
    kernel: OwnedFd,
    directories: Mutex<HashMap<i32, String>>,
    is_whole: AtomicBool,
}

/// What happened at a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Touched {
    /// It is, or was, a directory.
    pub(super) is_dir: bool,
    /// The name came, went or now stands for something else; otherwise only what it stands for has changed.
    pub(super) is_name: bool,
}

impl Watch {
    /// One that watches nothing yet.
    pub(super) fn new() -> Option<Self> {
        let kernel = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        Some(Self { kernel, directories: Mutex::default(), is_whole: AtomicBool::new(true) })
    }

    /// Watches `root`, or a directory below it, from now on.
    pub(super) fn enter(&self, root: &Path, directory: &Path) {
        if self.is_whole() && self.add(root, directory).is_none() {
            self.is_whole.store(false, Ordering::Relaxed);
        }
    }

    fn add(&self, root: &Path, directory: &Path) -> Option<()> {
        let relative = directory.strip_prefix(root).ok()?.to_str()?;
        let number = inotify::add_watch(&self.kernel, directory, CHANGES).ok()?;
        let kind = rustix::fs::statfs(directory).ok()?.f_type as u64;
        let mut directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        // One directory under two names: an event would not say which.
        let is_new = directories.insert(number, relative.to_owned()).is_none();
        (is_new && directories.len() <= MOST_DIRECTORIES && LOCAL.contains(&kind)).then_some(())
    }

    /// Whether all that was entered is watched.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Relaxed)
    }

    /// What was touched since the last time, by path; `None` where that is not known: walk then, with a new watch.
    pub(super) fn drain(&self) -> Option<BTreeMap<String, Touched>> {
        let directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let mut touched: BTreeMap<String, Touched> = BTreeMap::new();
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut events = inotify::Reader::new(&self.kernel, &mut buffer);
        loop {
            let event = match events.next() {
                Err(rustix::io::Errno::WOULDBLOCK) => return self.is_whole().then_some(touched),
                Err(_) => return None,
                Ok(event) => event,
            };
            let what = event.events();
            let lost = ReadFlags::QUEUE_OVERFLOW | ReadFlags::UNMOUNT | ReadFlags::IGNORED | ReadFlags::MOVE_SELF;
            if what.intersects(lost | ReadFlags::DELETE_SELF) {
                return None;
            }
            let directory = directories.get(&event.wd())?;
            // Without a name it is the directory itself, which its own directory reports too; the root has none.
            let Some(name) = event.file_name() else { continue };
            // What is not text is never copied.
            let Ok(name) = name.to_str() else { continue };
            let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
            let entry = touched.entry(path).or_default();
            entry.is_dir |= what.contains(ReadFlags::ISDIR);
            let name = ReadFlags::CREATE | ReadFlags::DELETE | ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO;
            entry.is_name |= what.intersects(name);
        }
    }
}
