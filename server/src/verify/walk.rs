//! What of a workspace belongs in a private tree: what git does not ignore, without secrets, caches and
//! directories that are mounted instead of copied.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ignore::{DirEntry, WalkBuilder, WalkState};

/// Most files and bytes that are copied. A larger workspace is only parsed.
const MOST_FILES: usize = 200_000;
const MOST_BYTES: u64 = 2 << 30;

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
    /// Build directories, which are kept warm; relative.
    pub(super) builds: Vec<PathBuf>,
}

/// Walks the workspace. An error is one sentence.
pub(super) fn walk(root: &Path) -> Result<Found, String> {
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
        .filter_entry(is_wanted)
        .build_parallel();
    let (files, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let gathered = Mutex::new(Vec::new());
    walker.run(|| {
        let mut batch = Batch { items: Vec::new(), gathered: &gathered };
        let (files, bytes) = (&files, &bytes);
        Box::new(move |entry| {
            let Ok(entry) = entry else { return WalkState::Continue };
            let below = entry.path().strip_prefix(root).ok().and_then(Path::to_str);
            let Some(relative) = below.filter(|path| !path.is_empty()) else { return WalkState::Continue };
            let Some(item) = item(root, &entry) else { return WalkState::Continue };
            if let Item::File(stamp) = &item {
                let total = bytes.fetch_add(stamp.1, Ordering::Relaxed) + stamp.1;
                if files.fetch_add(1, Ordering::Relaxed) >= MOST_FILES || total > MOST_BYTES {
                    return WalkState::Quit;
                }
            }
            batch.items.push((relative.to_owned(), item));
            WalkState::Continue
        })
    });
    if files.into_inner() > MOST_FILES || bytes.into_inner() > MOST_BYTES {
        return Err(
            "the workspace has more than 200,000 files or 2 GiB; open a part of it, or ignore what git need not keep"
                .to_owned(),
        );
    }
    let mut found = Found::default();
    found.items.extend(gathered.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
    found.add_mounted(root);
    Ok(found)
}

/// What one thread found; handed over when the thread is done.
struct Batch<'a> {
    items: Vec<(String, Item)>,
    gathered: &'a Mutex<Vec<(String, Item)>>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.gathered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut self.items);
    }
}

fn is_wanted(entry: &DirEntry) -> bool {
    let Some(name) = entry.file_name().to_str() else { return false };
    let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
    if entry.depth() == 0 {
        return true;
    }
    let secret = name.starts_with(".env")
        || matches!(name, ".netrc" | ".pypirc" | ".npmrc" | ".ssh" | ".aws" | ".gnupg" | ".git-credentials");
    // A bytecode cache is keyed by a time that a copy does not keep.
    let cache = is_dir && matches!(name, "__pycache__" | ".pytest_cache");
    !(secret || cache || name == ".git" || (is_dir && is_mounted(entry.path(), name)))
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

fn item(root: &Path, entry: &DirEntry) -> Option<Item> {
    let kind = entry.file_type()?;
    if kind.is_dir() {
        Some(Item::Directory)
    } else if kind.is_file() {
        Some(Item::File(Stamp::from(&entry.metadata().ok()?)))
    } else if kind.is_symlink() {
        // A link that leads out would lead a test, and a copy, to what is not the project's.
        let inside = std::fs::canonicalize(entry.path()).is_ok_and(|target| target.starts_with(root));
        inside.then(|| std::fs::read_link(entry.path()).ok().map(Item::Link)).flatten()
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
            self.dependencies.extend(dependencies.filter(real));
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
