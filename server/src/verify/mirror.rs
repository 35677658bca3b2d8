//! A private tree that is made equal to a workspace, with texts laid over it, again and again. Of everything in it
//! is known what it was made from, so only what differs is written.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::VerifyError;
use super::listing::{Listing, Scope};
use super::manifest::{self, Entry, Kept, Manifest, Source, Texts, above};
use super::plan::Plan;
use super::storage::{self, private_dir};
use super::tree::{Place, Tree};
use super::walk::{Stamp, TICK_NS, now_ns};
use super::write;
use crate::workspace::RelPath;

/// A private tree, locked for this process.
pub(super) struct Mirror {
    root: PathBuf,
    dir: PathBuf,
    source: Place,
    tree: Tree,
    manifest: Manifest,
    listing: Listing,
    /// Whether foreign code never writes to the tree; otherwise it is compared with the manifest before each use.
    is_own: bool,
    /// Whether the tree is known to be as the manifest says.
    is_known: bool,
    /// What stands in the tree and is not in the manifest.
    strange: Vec<PathBuf>,
    /// What of the workspace may differ from the tree.
    behind: Scope,
    /// Paths whose text was laid over.
    laid: BTreeSet<String>,
    is_saved: bool,
    lock: File,
    /// While it is given up: how it was left.
    resting: Option<[Option<Stamp>; 2]>,
}

/// Trees of other processes that are passed over before giving up.
const MOST_PROCESSES: usize = 16;

impl Mirror {
    /// A tree for `root` below `state_dir`, called `name`; where that is in use, the next free one. `is_own`: foreign
    /// code will never write to it.
    pub(super) fn open(root: &Path, state_dir: &Path, name: &str, is_own: bool) -> Result<Self, VerifyError> {
        let failed = |e: io::Error| VerifyError::Shadow { dir: state_dir.to_owned(), reason: reason(&e) };
        for process in 0..MOST_PROCESSES {
            let name = if process == 0 { name.to_owned() } else { format!("{name}-{process}") };
            if let Some((dir, lock)) = storage::claim(root, state_dir, &name).map_err(failed)? {
                return Self::open_locked(root, dir, lock, is_own).map_err(failed);
            }
        }
        let reason = "too many other runs are using their copies; wait until one has ended".to_owned();
        Err(VerifyError::Shadow { dir: state_dir.to_owned(), reason })
    }

    fn open_locked(root: &Path, dir: PathBuf, lock: File, is_own: bool) -> io::Result<Self> {
        for made in [dir.clone(), dir.join("tree"), dir.join("trash"), dir.join("build")] {
            private_dir(&made)?;
        }
        let mut tree = Tree::open(&dir.join("tree"), &dir.join("trash"))?;
        tree.empty_trash()?;
        let known = manifest::load(&dir.join("manifest"));
        let mut mirror = Self {
            root: root.to_owned(),
            source: Place::open(root)?,
            tree,
            listing: Listing::new(root, is_own),
            is_own,
            // Without a word on the end of its last use, the tree may be ahead of the manifest.
            is_known: is_own && known.is_some() && !dir.join("in-use").exists(),
            strange: Vec::new(),
            behind: Scope::All,
            laid: BTreeSet::new(),
            is_saved: true,
            manifest: known.unwrap_or_default(),
            dir,
            lock,
            resting: None,
        };
        mirror
            .laid
            .extend(mirror.manifest.iter().filter(|(_, kept)| kept.entry.is_text()).map(|(path, _)| path.clone()));
        mirror.begin()?;
        Ok(mirror)
    }

    /// The workspace.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where everything of it is kept; the tree is `tree` in there.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Directories that tests need although they are not copied, and build directories; relative.
    pub(super) fn mounted(&self) -> (&[PathBuf], &[PathBuf]) {
        let found = self.listing.found();
        (&found.dependencies, &found.builds)
    }

    /// Makes the tree equal to the workspace as it is on disk with `texts` over it. Nothing may be running in it.
    /// Returns how many files, links and directories had to be written or removed.
    pub(super) fn sync(&mut self, texts: &Texts) -> Result<usize, VerifyError> {
        self.look()?;
        self.apply(texts)
    }

    /// Looks at the workspace, and at the tree unless it is known.
    pub(super) fn look(&mut self) -> Result<(), VerifyError> {
        // Directories may be others by now.
        self.source = Place::open(&self.root).map_err(|e| self.failed(&e))?;
        self.tree.forget();
        if self.is_known {
            let news = self.listing.look().map_err(VerifyError::TooLarge)?;
            self.behind.add(news);
            return Ok(());
        }
        self.manifest.values_mut().for_each(|kept| kept.intact = false);
        self.strange.clear();
        let (tree, listing, manifest, strange) = (&self.tree, &mut self.listing, &mut self.manifest, &mut self.strange);
        let (news, scanned) = std::thread::scope(|scope| {
            let looking = scope.spawn(|| listing.look());
            let scanned = tree.scan(&mut |path, what| {
                let kept = path.to_str().and_then(|path| manifest.get_mut(path));
                let is_ours = kept.is_some_and(|kept| {
                    kept.intact = kept.entry.is(what);
                    kept.intact
                });
                if !is_ours {
                    strange.push(path.to_owned());
                }
                // What is not ours is removed as a whole and need not be entered.
                is_ours
            });
            (looking.join(), scanned)
        });
        self.behind = Scope::All;
        news.unwrap_or_else(|_| Err("the workspace cannot be listed".to_owned())).map_err(VerifyError::TooLarge)?;
        scanned.map_err(|e| self.failed(&e))?;
        self.is_known = self.is_own;
        Ok(())
    }

    /// Makes the tree equal to what was looked at last, with `texts` over it.
    pub(super) fn apply(&mut self, texts: &Texts) -> Result<usize, VerifyError> {
        let began = now_ns();
        let done = self.try_apply(texts, began);
        if done.is_err() {
            // How far it came is not known.
            (self.is_known, self.behind) = (false, Scope::All);
        }
        done.map_err(|e| self.failed(&e))
    }

    fn try_apply(&mut self, texts: &Texts, began: i64) -> io::Result<usize> {
        let scope = self.scope(texts);
        // What is strange was not entered, so nothing strange lies in it.
        let strange = std::mem::take(&mut self.strange);
        for path in &strange {
            self.tree.remove(path)?;
        }
        let mut changed = strange.len();
        let found = self.listing.found();
        let Plan { gone, missing } = Plan::new(found, &self.manifest, &mut self.source, &mut self.tree, &scope, texts);
        self.is_saved &= changed == 0 && gone.is_empty() && missing.is_empty();
        let mut removed = HashSet::new();
        for path in &gone {
            let was_intact = self.manifest.remove(path).is_some_and(|kept| kept.intact);
            if was_intact && !above(path).any(|dir| removed.contains(dir)) {
                self.tree.remove(Path::new(path))?;
                removed.insert(path.as_str());
                changed += 1;
            }
        }
        changed += missing.len();
        let made = write::all(&self.source, &mut self.tree, &missing)?;
        let written = now_ns();
        for ((path, _), entry) in missing.into_iter().zip(made) {
            match entry {
                Some(entry) => drop(self.manifest.insert(path, Kept { entry, intact: true })),
                None => {
                    self.manifest.remove(&path);
                    changed -= 1;
                }
            }
        }
        self.tree.empty_trash()?;
        let is_own = self.is_own;
        let settle = |kept: &mut Kept| {
            if let Entry::File { source, copy, settled } = &mut kept.entry {
                let source_is_old = !matches!(source, Source::Disk(stamp) if stamp.changed_ns() > began - TICK_NS);
                *settled = source_is_old && (is_own || copy.changed_ns() <= written - TICK_NS);
            }
        };
        match &scope {
            Scope::All => self.manifest.values_mut().for_each(settle),
            Scope::Only(paths) => paths.iter().for_each(|path| {
                self.manifest.get_mut(path).map(settle);
            }),
        }
        self.laid = texts.keys().map(|path| path.as_str().to_owned()).collect();
        self.behind = Scope::none();
        if changed > 500 {
            self.save();
        }
        Ok(changed)
    }

    /// Whether the tree has something else than the workspace had when it was looked at last.
    pub(super) fn is_behind(&self) -> bool {
        !self.behind.is_none()
    }

    /// What would make the tree equal to what was looked at last with `texts` over it.
    pub(super) fn plan<'a>(&'a mut self, texts: &'a Texts) -> Plan<'a> {
        let scope = self.scope(texts);
        let found = self.listing.found();
        let mut plan = Plan::new(found, &self.manifest, &mut self.source, &mut self.tree, &scope, texts);
        plan.gone.extend(self.strange.iter().filter_map(|path| Some(path.to_str()?.to_owned())));
        plan
    }

    /// What can differ: what has changed on disk, and what texts lie or are to lie over.
    fn scope(&self, texts: &Texts) -> Scope {
        let mut scope = self.behind.clone();
        let texts = texts.keys().map(RelPath::as_str);
        let named = self.laid.iter().map(String::as_str).chain(texts);
        scope.add(Scope::Only(named.flat_map(|path| above(path).chain([path])).map(str::to_owned).collect()));
        scope
    }

    /// Lays one text over a file, at once. Safe while something is running in the tree.
    pub(super) fn put(&mut self, path: &RelPath, text: &str) -> Result<(), VerifyError> {
        let permissions = match self.manifest.get(path.as_str()).map(|kept| &kept.entry) {
            Some(Entry::File { copy, .. }) => copy.permissions(),
            _ => 0o644,
        };
        self.tree.forget();
        let mut put = || -> io::Result<Entry> {
            for dir in above(path.as_str()) {
                if !self.manifest.contains_key(dir) {
                    self.tree.directory(Path::new(dir))?;
                    self.manifest.insert(dir.to_owned(), Kept { entry: Entry::Directory, intact: true });
                }
            }
            write::text(&mut self.tree, Path::new(path.as_str()), text, permissions)
        };
        let entry = put().map_err(|e| self.failed(&e))?;
        self.manifest.insert(path.as_str().to_owned(), Kept { entry, intact: true });
        self.laid.insert(path.as_str().to_owned());
        self.is_saved = false;
        Ok(())
    }

    pub(super) fn failed(&self, error: &io::Error) -> VerifyError {
        VerifyError::Shadow { dir: self.dir.clone(), reason: reason(error) }
    }

    /// Gives the tree up for a while; another process may use it meanwhile.
    pub(super) fn rest(&mut self) {
        self.save();
        if self.is_saved && self.is_known {
            let _ = fs::remove_file(self.dir.join("in-use"));
        }
        self.resting = Some(self.state());
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }

    /// Takes it up again, if it is free and nobody has used it meanwhile.
    pub(super) fn resume(&mut self) -> bool {
        let is_free = storage::lock(&self.lock, &self.dir).unwrap_or(false);
        let is_same = is_free && self.resting.is_some_and(|state| state == self.state());
        let is_ours = is_same && self.begin().is_ok();
        if is_ours {
            self.resting = None;
        }
        is_ours
    }

    /// What another process cannot but change: the manifest, or the sign that it did not end well.
    fn state(&self) -> [Option<Stamp>; 2] {
        ["manifest", "in-use"].map(|name| fs::metadata(self.dir.join(name)).map(|found| Stamp::from(&found)).ok())
    }

    fn begin(&mut self) -> io::Result<()> {
        File::create(self.dir.join("in-use")).map(drop)
    }

    /// Keeps the manifest for the next start.
    fn save(&mut self) {
        self.is_saved = self.is_saved || manifest::save(&self.manifest, &self.dir.join("manifest")).is_some();
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if self.resting.is_none() {
            self.rest();
        }
    }
}

/// The system's reason with what to do about it.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full; free some space there".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            format!("{error}; make it writable or set XDG_STATE_HOME to a directory that is")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
