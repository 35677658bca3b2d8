//! What of a workspace belongs in a private tree: what git does not ignore, without secrets, caches and
//! directories that are mounted instead of copied.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{FileType, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ignore::{DirEntry, WalkBuilder, WalkState};

/// Most files and bytes that are copied. A larger workspace is only parsed.
const MOST_FILES: usize = 200_000;
pub(super) const MOST_BYTES: u64 = 2 << 30;

/// Where the sandbox shows the caches of tools, each named like the variable that says so.
pub(super) const CACHES: &str = "/run/baton-cache";

/// Within this time two changes can carry the same time stamp (a tick of the kernel's clock is at most 10 ms), so
/// stamps this fresh prove nothing and contents are compared.
pub(super) const TICK_NS: i64 = 50_000_000;

/// Deepest nesting of directories that is followed.
const DEEPEST: usize = 128;

/// What the system says of a file: equal if it was not touched in between. The time of the last change of status
/// cannot be set by the one who changes the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stamp(u64, u64, i64, u32);

impl Stamp {
    pub(super) fn new(ino: u64, size: u64, changed_ns: i64, mode: u32) -> Self {
        Self(ino, size, changed_ns, mode)
    }

    pub(super) fn size(&self) -> u64 {
        self.1
    }

    pub(super) fn changed_ns(&self) -> i64 {
        self.2
    }

    /// Permission bits: what everyone may read and execute, and the owner may write.
    pub(super) fn permissions(&self) -> u32 {
        (self.3 & 0o755) | 0o600
    }
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Self {
        Self(found.ino(), found.size(), found.ctime() * 1_000_000_000 + found.ctime_nsec(), found.mode())
    }
}

/// The time now, as stamps carry it.
pub(super) fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as i64)
}

/// One thing of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A directory.
    Directory,
    /// A regular file.
    File(Stamp),
    /// A link that stays inside, with what it says.
    Link(PathBuf),
}

/// A workspace as found, by path relative to its root. Paths are text: comparing them as paths, part by part, takes
/// most of the time of a sync.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In order, a directory before what it holds.
    pub(super) items: BTreeMap<String, Item>,
    /// Directories that tests need although they are not copied; relative.
    pub(super) dependencies: Vec<PathBuf>,
    /// Directories for what is built, which are kept warm; relative, or in [`CACHES`].
    pub(super) builds: Vec<PathBuf>,
    /// Bytes of all files.
    pub(super) bytes: u64,
    /// What can change without a trace in its directory: links, also those that lead out, and files with several names.
    pub(super) doubtful: Vec<String>,
    /// Repositories' own directories, absolute; they are not entered but say what is ignored.
    pub(super) repositories: Vec<PathBuf>,
}

/// Walks the workspace. `enter` is called for every directory before it is read. An error is one sentence.
pub(super) fn walk(root: &Path, enter: impl Fn(&Path) + Send + Sync + 'static) -> Result<Found, String> {
    enter(root);
    let repositories = Arc::new(Mutex::new(Vec::new()));
    let seen = repositories.clone();
    let in_repository = root.ancestors().any(|dir| dir.join(".git").exists());
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let walker = WalkBuilder::new(root)
        .standard_filters(false)
        .git_ignore(true)
        .git_exclude(true)
        .git_global(true)
        // Outside a repository, a `.gitignore` above the workspace is none of its business.
        .parents(in_repository)
        .require_git(in_repository)
        .follow_links(false)
        .max_depth(Some(DEEPEST))
        .threads(threads)
        .filter_entry(move |entry| {
            if entry.file_name() == ".git" {
                lock(&seen).push(entry.path().to_owned());
            }
            is_wanted(entry, &enter)
        })
        .build_parallel();
    let (files, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let gathered = Mutex::new(Vec::new());
    walker.run(|| {
        let mut batch = Batch { found: Vec::new(), gathered: &gathered };
        let (files, bytes) = (&files, &bytes);
        Box::new(move |entry| {
            let Ok(entry) = entry else { return WalkState::Continue };
            let below = entry.path().strip_prefix(root).ok().and_then(Path::to_str);
            let Some(relative) = below.filter(|path| !path.is_empty()) else { return WalkState::Continue };
            let found = entry.file_type().and_then(|kind| look_at(root, entry.path(), kind));
            if let Some((Some(Item::File(stamp)), _)) = &found {
                let total = bytes.fetch_add(stamp.size(), Ordering::Relaxed) + stamp.size();
                if files.fetch_add(1, Ordering::Relaxed) >= MOST_FILES || total > MOST_BYTES {
                    return WalkState::Quit;
                }
            }
            batch.found.extend(found.map(|(item, sure)| (relative.to_owned(), item, sure)));
            WalkState::Continue
        })
    });
    let bytes = bytes.into_inner();
    if files.into_inner() > MOST_FILES || bytes > MOST_BYTES {
        return Err(
            "the workspace has more than 200,000 files or 2 GiB; open a part of it, or ignore what git need not keep"
                .to_owned(),
        );
    }
    let mut found = Found { bytes, repositories: std::mem::take(&mut *lock(&repositories)), ..Found::default() };
    let mut gathered = gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
    // Sorted, they become a map at once.
    gathered.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
    found.doubtful = gathered.iter().filter(|(.., sure)| !sure).map(|(path, ..)| path.clone()).collect();
    found.items = gathered.into_iter().filter_map(|(path, item, _)| Some((path, item?))).collect();
    found.add_mounted(root);
    Ok(found)
}

/// A path, what stands there if it is wanted, and whether a change of it would show in its directory.
type Sighting = (String, Option<Item>, bool);

/// What one thread found; handed over when the thread is done.
struct Batch<'a> {
    found: Vec<Sighting>,
    gathered: &'a Mutex<Vec<Sighting>>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        lock(self.gathered).append(&mut self.found);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_wanted(entry: &DirEntry, enter: &impl Fn(&Path)) -> bool {
    if entry.depth() == 0 {
        return true;
    }
    let Some(name) = entry.file_name().to_str() else { return false };
    let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
    if is_private(name, is_dir) || (is_dir && is_mounted(entry.path(), name)) {
        return false;
    }
    if is_dir {
        enter(entry.path());
        // What makes it one that is mounted may have come before it was entered.
        return !is_mounted(entry.path(), name);
    }
    true
}

/// Whether a name says that it is not to be copied: secrets, git's own files and caches.
pub(super) fn is_private(name: &str, is_dir: bool) -> bool {
    let secret = name.starts_with(".env")
        || matches!(name, ".netrc" | ".pypirc" | ".npmrc" | ".ssh" | ".aws" | ".gnupg" | ".git-credentials");
    // A bytecode cache is keyed by a time that a copy does not keep.
    secret || name == ".git" || (is_dir && matches!(name, "__pycache__" | ".pytest_cache"))
}

/// Whether the coming or going of this name changes more than itself: what is ignored, mounted or built.
pub(super) fn is_telling(name: &str) -> bool {
    matches!(name, ".git" | ".gitignore" | "pyvenv.cfg")
        || baton_grammars::all().iter().any(|language| {
            let facts = &language.facts;
            [&facts.markers, &facts.dependencies, &facts.build]
                .iter()
                .any(|list| list.iter().any(|known| known == name))
        })
}

/// Whether a directory is mounted rather than copied: dependencies, and build output beside its marker.
fn is_mounted(path: &Path, name: &str) -> bool {
    baton_grammars::all().iter().any(|language| {
        let facts = &language.facts;
        let is_dependency = facts.dependencies.iter().any(|d| d == name)
            && (name == "node_modules" || path.join("pyvenv.cfg").exists());
        let beside = |marker: &String| path.parent().is_some_and(|parent| parent.join(marker).exists());
        is_dependency || (facts.build.iter().any(|b| b == name) && facts.markers.iter().any(beside))
    })
}

/// What stands at `path`, which is absolute: an item if it belongs in a private tree, and whether every change of it
/// would show in its directory. `None`: nothing, or nothing that could ever belong there.
pub(super) fn look_at(root: &Path, path: &Path, kind: FileType) -> Option<(Option<Item>, bool)> {
    if kind.is_dir() {
        Some((Some(Item::Directory), true))
    } else if kind.is_file() {
        let found = std::fs::symlink_metadata(path).ok().filter(Metadata::is_file)?;
        Some((Some(Item::File(Stamp::from(&found))), found.nlink() == 1))
    } else if kind.is_symlink() {
        // A link that leads out would lead a test, and a copy, to what is not the project's.
        let inside = std::fs::canonicalize(path).is_ok_and(|target| target.starts_with(root));
        Some((inside.then(|| std::fs::read_link(path).ok().map(Item::Link)).flatten(), false))
    } else {
        None
    }
}

impl Found {
    /// Finds the directories that are mounted: beside the markers of each language, and at the root.
    fn add_mounted(&mut self, root: &Path) {
        let real = |path: &PathBuf| std::fs::symlink_metadata(root.join(path)).is_ok_and(|found| found.is_dir());
        let all: HashSet<&str> =
            baton_grammars::all().iter().flat_map(|language| &language.facts.markers).map(String::as_str).collect();
        let markers: Vec<(PathBuf, String)> = self
            .items
            .keys()
            .map(|path| path.rsplit_once('/').unwrap_or(("", path)))
            .filter(|(_, name)| all.contains(name))
            .map(|(dir, name)| (PathBuf::from(dir), name.to_owned()))
            .collect();
        for language in baton_grammars::all() {
            let facts = &language.facts;
            let marked: BTreeSet<&Path> =
                markers.iter().filter(|(_, name)| facts.markers.contains(name)).map(|(dir, _)| dir.as_path()).collect();
            let homes = marked.iter().copied().chain([Path::new("")]);
            let dependencies = homes.flat_map(|home| facts.dependencies.iter().map(move |name| home.join(name)));
            // What is copied, without secrets and histories, is not shown as it is besides.
            let copied = |path: &PathBuf| path.to_str().is_some_and(|path| self.items.contains_key(path));
            self.dependencies.extend(dependencies.filter(|path| real(path) && !copied(path)));
            if !marked.is_empty() {
                self.builds.extend(facts.caches.iter().map(|variable| Path::new(CACHES).join(variable)));
            }
            for home in &marked {
                // Members of a workspace build into the outermost directory; the others have their own if they have it.
                let outermost = !home.ancestors().skip(1).any(|above| marked.contains(above));
                self.builds.extend(facts.build.iter().map(|name| home.join(name)).filter(|dir| outermost || real(dir)));
            }
        }
        for list in [&mut self.dependencies, &mut self.builds] {
            list.sort();
            list.dedup();
        }
    }
}
