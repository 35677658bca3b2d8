//! A private copy of the workspace, kept between runs. What ran in it may have changed anything there, so before
//! every use each file is compared with what was written, and put right.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::runner::{PLUGIN_DIR, PLUGINS};
use super::sandbox::Cell;
use super::toolchains::home_dir;
use super::tree::{Seen, Tree, open_regular};
use super::walk::{self, Found, Item, Stamp};
use super::{VerifyError, mounted_at};
use crate::workspace::RelPath;

/// Texts laid over the files, by path; `None`: no such file.
pub type Texts = BTreeMap<RelPath, Option<Arc<str>>>;

/// A private copy, locked for this process.
pub struct Shadow {
    root: PathBuf,
    dir: PathBuf,
    tree: Tree,
    manifest: BTreeMap<String, Kept>,
    dependencies: Vec<PathBuf>,
    builds: Vec<PathBuf>,
    _lock: File,
}

/// What was written at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Entry {
    Directory,
    Link { target: PathBuf, copy: Stamp },
    File { source: Source, copy: Stamp, settled: bool },
}

/// An entry, and whether the last look found it as it was written.
struct Kept {
    entry: Entry,
    intact: bool,
}

/// What a file's content came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    Disk(Stamp),
    /// A digest of a text.
    Text([u8; 32]),
}

/// What is wanted at a place.
#[derive(Clone, Copy)]
enum Want<'a> {
    Directory,
    Link(&'a Path),
    Disk(Stamp),
    Text(&'a str, u32),
}

/// Within this time two changes can carry the same time stamp (a tick of the kernel's clock is at most 10 ms), so
/// stamps this fresh prove nothing and contents are compared.
const TICK_NS: i64 = 50_000_000;

/// Lanes of other processes that are passed over before giving up.
const MOST_PROCESSES: usize = 16;

impl Shadow {
    /// The `n`-th private copy of `root` below `state_dir`; of the same number in another process, the next free one.
    /// It is not equal to the workspace before [`Shadow::sync`].
    pub fn open(root: &Path, state_dir: &Path, n: usize) -> Result<Self, VerifyError> {
        let failed = |e: io::Error| VerifyError::Shadow { dir: state_dir.to_owned(), reason: reason(&e) };
        let name: String =
            Sha256::digest(root.as_os_str().as_encoded_bytes())[..8].iter().map(|b| format!("{b:02x}")).collect();
        let base = state_dir.join("shadow").join(name);
        private_dir(&state_dir.join("shadow")).map_err(failed)?;
        private_dir(&base).map_err(failed)?;
        for process in 0..MOST_PROCESSES {
            let name = if process == 0 { format!("lane-{n}") } else { format!("lane-{n}-{process}") };
            let lock = File::create(base.join(format!("{name}.lock"))).map_err(failed)?;
            if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Self::open_locked(root, base.join(name), lock).map_err(failed);
            }
        }
        let reason = "too many other runs are using their copies; wait until one has ended".to_owned();
        Err(VerifyError::Shadow { dir: state_dir.to_owned(), reason })
    }

    fn open_locked(root: &Path, dir: PathBuf, lock: File) -> io::Result<Self> {
        for made in [dir.clone(), dir.join("tree"), dir.join("trash"), dir.join("build")] {
            private_dir(&made)?;
        }
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let home = home_dir();
        fs::write(dir.join("passwd"), format!("baton:x:{uid}:{gid}:baton:{}:/bin/sh\n", home.display()))?;
        private_dir(&dir.join("plugin"))?;
        for (name, text) in PLUGINS {
            fs::write(dir.join("plugin").join(name), text)?;
        }
        fs::write(dir.join("group"), format!("baton:x:{gid}:\n"))?;
        let mut tree = Tree::open(&dir.join("tree"), &dir.join("trash"))?;
        tree.empty_trash()?;
        // Without a readable manifest everything is written anew.
        let bytes = fs::read(dir.join("manifest.json")).unwrap_or_default();
        let entries: Vec<(String, Entry)> = serde_json::from_slice(&bytes).unwrap_or_default();
        let manifest = entries.into_iter().map(|(path, entry)| (path, Kept { entry, intact: false })).collect();
        Ok(Self { root: root.to_owned(), dir, tree, manifest, dependencies: vec![], builds: vec![], _lock: lock })
    }

    /// Makes the tree equal to the workspace as it is on disk with `texts` over it. Nothing may be running in it.
    /// Returns how many files, links and directories had to be written or removed.
    pub fn sync(&mut self, texts: &Texts) -> Result<usize, VerifyError> {
        let looked = now_ns();
        let root = self.root.clone();
        self.manifest.values_mut().for_each(|kept| kept.intact = false);
        let (tree, manifest, mut strange) = (&self.tree, &mut self.manifest, Vec::new());
        let (found, scanned) = std::thread::scope(|scope| {
            let walking = scope.spawn(|| walk::walk(&root));
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
            (walking.join(), scanned)
        });
        let found = found.unwrap_or_else(|_| Err("the workspace cannot be listed".to_owned()));
        let mut found = found.map_err(VerifyError::TooLarge)?;
        for path in texts.iter().filter(|(_, text)| text.is_none()).map(|(path, _)| path.as_str()) {
            found.items.remove(path);
        }
        let result = scanned.and_then(|()| self.write(&found, texts, strange, looked));
        self.dependencies = found.dependencies;
        self.builds = found.builds;
        let changed = result.map_err(|e| self.failed(&e))?;
        if changed > 500 {
            self.save();
        }
        Ok(changed)
    }

    /// Lays one text over a file, at once. Safe while something is running in the tree.
    pub fn put(&mut self, path: &RelPath, text: &str) -> Result<(), VerifyError> {
        let at = Path::new(path.as_str());
        let permissions = match self.manifest.get(path.as_str()).map(|kept| &kept.entry) {
            Some(Entry::File { copy, .. }) => copy.permissions(),
            _ => 0o644,
        };
        let mut put = || -> io::Result<Stamp> {
            for dir in above(path.as_str()) {
                if !self.manifest.contains_key(dir) {
                    self.tree.directory(Path::new(dir))?;
                    self.manifest.insert(dir.to_owned(), Kept { entry: Entry::Directory, intact: true });
                }
            }
            write_text(&mut self.tree, at, text, permissions)
        };
        let copy = put().map_err(|e| self.failed(&e))?;
        let entry = Entry::File { source: Source::Text(digest(text)), copy, settled: false };
        self.manifest.insert(path.as_str().to_owned(), Kept { entry, intact: true });
        Ok(())
    }

    /// The tree as a cell; a command starts in `directory`, relative to the root.
    pub fn cell(&self, directory: &Path) -> Cell {
        let inside = |path: &PathBuf| mounted_at(&self.root, path);
        let mut readable: Vec<(PathBuf, PathBuf)> =
            ["passwd", "group"].iter().map(|name| (self.dir.join(name), Path::new("/etc").join(name))).collect();
        readable.push((self.dir.join("plugin"), PLUGIN_DIR.into()));
        readable.extend(self.dependencies.iter().map(|path| (inside(path), inside(path))));
        let build = |path: &PathBuf| self.dir.join("build").join(path.to_string_lossy().replace('/', "%"));
        let writable = self.builds.iter().map(|path| (build(path), inside(path)));
        let writable = writable.filter(|(host, _)| private_dir(host).is_ok()).collect();
        Cell {
            tree: self.dir.join("tree"),
            at: self.root.clone(),
            cwd: mounted_at(&self.root, directory),
            readable,
            writable,
            env: Vec::new(),
        }
    }

    fn write(&mut self, found: &Found, texts: &Texts, strange: Vec<PathBuf>, looked: i64) -> io::Result<usize> {
        let laid = laid(found, texts);
        let wanted = |path: &str| laid.get(path).copied().or_else(|| found.items.get(path).map(Want::from));
        let mut changed = strange.len();
        // What is strange was not entered, so nothing strange lies in it.
        for path in &strange {
            self.tree.remove(path)?;
        }
        let unwanted = |path: &str, entry: &Entry| !wanted(path).is_some_and(|want| want.is_kind_of(entry));
        let outdated: Vec<String> = self
            .manifest
            .iter()
            .filter(|(path, kept)| unwanted(path, &kept.entry))
            .map(|(path, _)| path.clone())
            .collect();
        let mut gone = HashSet::new();
        for path in &outdated {
            let was_intact = self.manifest.remove(path).is_some_and(|kept| kept.intact);
            if was_intact && !above(path).any(|dir| gone.contains(dir)) {
                self.tree.remove(Path::new(path))?;
                gone.insert(path.as_str());
                changed += 1;
            }
        }
        // A directory is before what it holds; those of the texts hold other files too.
        let laid_all = || laid.iter().map(|(path, want)| (path.as_str(), *want));
        let others = found.items.iter().filter(|(path, _)| !laid.contains_key(path.as_str()));
        let mut all: Vec<(&str, Want<'_>)> = laid_all().filter(|(_, want)| matches!(want, Want::Directory)).collect();
        all.extend(others.map(|(path, item)| (path.as_str(), Want::from(item))));
        all.extend(laid_all().filter(|(_, want)| matches!(want, Want::Text(..))));
        for (path, want) in all {
            if self.is_kept(path, want) {
                continue;
            }
            match self.made(Path::new(path), want)? {
                Some(entry) => {
                    self.manifest.insert(path.to_owned(), Kept { entry, intact: true });
                    changed += 1;
                }
                None => drop(self.manifest.remove(path)),
            }
        }
        self.tree.empty_trash()?;
        let written = now_ns();
        for kept in self.manifest.values_mut() {
            if let Entry::File { source, copy, settled } = &mut kept.entry {
                let source_is_old = !matches!(source, Source::Disk(stamp) if stamp.changed_ns() > looked - TICK_NS);
                *settled = source_is_old && copy.changed_ns() <= written - TICK_NS;
            }
        }
        Ok(changed)
    }

    /// Whether what stands there is as it was written, and that is what is wanted.
    fn is_kept(&mut self, path: &str, want: Want<'_>) -> bool {
        let Some(kept) = self.manifest.get(path).filter(|kept| kept.intact) else { return false };
        let at = Path::new(path);
        match (want, &kept.entry) {
            (Want::Directory, Entry::Directory) => true,
            (Want::Link(target), Entry::Link { target: written, .. }) => target == written,
            (Want::Disk(stamp), Entry::File { source, settled, .. }) => {
                *source == Source::Disk(stamp) && (*settled || self.same_as_disk(at).unwrap_or(false))
            }
            (Want::Text(text, _), Entry::File { source, settled, .. }) => {
                *source == Source::Text(digest(text)) && (*settled || self.same_as_text(at, text).unwrap_or(false))
            }
            _ => false,
        }
    }

    /// Writes what is wanted; `None` where the source has gone meanwhile or may not be read.
    fn made(&mut self, path: &Path, want: Want<'_>) -> io::Result<Option<Entry>> {
        Ok(Some(match want {
            Want::Directory => {
                self.tree.directory(path)?;
                Entry::Directory
            }
            Want::Link(target) => {
                self.tree.link(path, target)?;
                match self.tree.see(path)? {
                    Some(Seen::Link(copy)) => Entry::Link { target: target.to_path_buf(), copy },
                    _ => return Ok(None),
                }
            }
            Want::Text(text, permissions) => {
                let copy = write_text(&mut self.tree, path, text, permissions)?;
                Entry::File { source: Source::Text(digest(text)), copy, settled: false }
            }
            Want::Disk(_) => {
                let Ok(mut from) = open_regular(rustix::fs::CWD, self.root.join(path)) else {
                    self.tree.remove(path)?;
                    return Ok(None);
                };
                let source = Stamp::from(&from.metadata()?);
                let mut to = self.tree.create(path, source.permissions())?;
                // The standard library lets the kernel copy, which shares the blocks where the file system can.
                io::copy(&mut from, &mut to)?;
                Entry::File { source: Source::Disk(source), copy: Stamp::from(&to.metadata()?), settled: false }
            }
        }))
    }

    fn same_as_disk(&mut self, path: &Path) -> io::Result<bool> {
        let source = read_all(open_regular(rustix::fs::CWD, self.root.join(path))?)?;
        Ok(source == read_all(self.tree.read(path)?)?)
    }

    fn same_as_text(&mut self, path: &Path, text: &str) -> io::Result<bool> {
        Ok(text.as_bytes() == read_all(self.tree.read(path)?)?)
    }

    fn failed(&self, error: &io::Error) -> VerifyError {
        VerifyError::Shadow { dir: self.dir.clone(), reason: reason(error) }
    }

    /// Keeps the manifest for the next start. An old one is safe: what does not fit it is written anew.
    fn save(&self) {
        let entries: Vec<_> = self.manifest.iter().map(|(path, kept)| (path, &kept.entry)).collect();
        let Ok(bytes) = serde_json::to_vec(&entries) else { return };
        let new = self.dir.join("manifest.new");
        if fs::write(&new, bytes).is_ok() {
            let _ = fs::rename(&new, self.dir.join("manifest.json"));
        }
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        self.save();
    }
}

impl Entry {
    /// Whether what was seen is this, untouched.
    fn is(&self, seen: Seen) -> bool {
        match (self, seen) {
            (Self::Directory, Seen::Directory) => true,
            (Self::Link { copy, .. }, Seen::Link(now)) | (Self::File { copy, .. }, Seen::File(now)) => *copy == now,
            _ => false,
        }
    }
}

impl Want<'_> {
    fn is_kind_of(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Directory => matches!(self, Self::Directory),
            Entry::Link { .. } => matches!(self, Self::Link(_)),
            Entry::File { .. } => matches!(self, Self::Disk(_) | Self::Text(..)),
        }
    }
}

impl<'a> From<&'a Item> for Want<'a> {
    fn from(item: &'a Item) -> Self {
        match item {
            Item::Directory => Self::Directory,
            Item::File(stamp) => Self::Disk(*stamp),
            Item::Link(target) => Self::Link(target),
        }
    }
}

/// The texts, and the directories that they need.
fn laid<'a>(found: &Found, texts: &'a Texts) -> BTreeMap<String, Want<'a>> {
    let mut laid = BTreeMap::new();
    for (path, text) in texts.iter().filter_map(|(path, text)| Some((path, text.as_deref()?))) {
        let permissions = match found.items.get(path.as_str()) {
            Some(Item::File(stamp)) => stamp.permissions(),
            _ => 0o644,
        };
        laid.extend(above(path.as_str()).map(|dir| (dir.to_owned(), Want::Directory)));
        laid.insert(path.as_str().to_owned(), Want::Text(text, permissions));
    }
    laid
}

/// The directories that hold `path`, the outermost first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn write_text(tree: &mut Tree, path: &Path, text: &str, permissions: u32) -> io::Result<Stamp> {
    let mut file = tree.create(path, permissions)?;
    file.write_all(text.as_bytes())?;
    Ok(Stamp::from(&file.metadata()?))
}

fn read_all(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as i64)
}

/// Makes a directory for the user alone; one that is there must be a real one, and the user's.
fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(format!("{} is not a directory of yours; remove it", path.display())));
    }
    if found.mode() & 0o077 != 0 {
        rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o700))?;
    }
    Ok(())
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
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::{Path, PathBuf};

    use super::{Shadow, Texts};
    use crate::verify::VerifyError;
    use crate::workspace::RelPath;

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new(files: &[(&str, &str)]) -> Self {
            let place = Self { dir: tempfile::tempdir().unwrap() };
            for (path, text) in files {
                let path = place.root().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            place
        }

        fn root(&self) -> PathBuf {
            self.dir.path().join("project")
        }

        fn open(&self) -> Shadow {
            Shadow::open(&self.root(), &self.dir.path().join("state"), 0).unwrap()
        }
    }

    fn listing(shadow: &Shadow) -> BTreeMap<String, String> {
        fn list(root: &Path, at: &Path, into: &mut BTreeMap<String, String>) {
            for entry in fs::read_dir(at).unwrap().flatten() {
                let (path, kind) = (entry.path(), entry.file_type().unwrap());
                let name = path.strip_prefix(root).unwrap().display().to_string();
                if kind.is_dir() {
                    list(root, &path, into);
                } else if kind.is_symlink() {
                    into.insert(name, format!("-> {}", fs::read_link(path).unwrap().display()));
                } else if kind.is_file() {
                    into.insert(name, fs::read_to_string(path).unwrap());
                } else {
                    into.insert(name, "special".to_owned());
                }
            }
        }
        let mut into = BTreeMap::new();
        let tree = shadow.dir.join("tree");
        list(&tree, &tree, &mut into);
        into
    }

    fn pairs(items: &[(&str, &str)]) -> BTreeMap<String, String> {
        items.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn texts(items: &[(&str, &str)]) -> Texts {
        items.iter().map(|(path, text)| (RelPath::new(path).unwrap(), Some((*text).into()))).collect()
    }

    #[test]
    fn it_holds_what_git_keeps_and_no_secret() {
        let place = Place::new(&[
            ("a.py", "a"),
            ("pkg/b.py", "b"),
            (".gitignore", "*.log\nbuild/\n"),
            (".github/ci.yml", "ci"),
            ("x.log", "ignored"),
            ("build/out", "ignored"),
            (".env", "KEY=1"),
            (".env.local", "KEY=2"),
            (".git/config", "git"),
            ("node_modules/m/index.js", "m"),
            ("package.json", "{}"),
            ("__pycache__/a.pyc", "c"),
        ]);
        let outside = place.dir.path().join("secret");
        fs::write(&outside, "secret").unwrap();
        symlink(&outside, place.root().join("out")).unwrap();
        symlink("../../secret", place.root().join("pkg/up")).unwrap();
        symlink("pkg/b.py", place.root().join("in")).unwrap();
        fs::set_permissions(place.root().join("a.py"), fs::Permissions::from_mode(0o4755)).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, place.root().join("pipe"), rustix::fs::Mode::from_raw_mode(0o600))
            .unwrap();
        let mut shadow = place.open();
        shadow.sync(&Texts::new()).unwrap();
        let kept = [
            (".github/ci.yml", "ci"),
            (".gitignore", "*.log\nbuild/\n"),
            ("a.py", "a"),
            ("in", "-> pkg/b.py"),
            ("package.json", "{}"),
            ("pkg/b.py", "b"),
        ];
        assert_eq!(listing(&shadow), pairs(&kept));
        assert_eq!(shadow.dependencies, [PathBuf::from("node_modules")]);
        // Executable stays, set-user-id does not.
        assert_eq!(fs::metadata(shadow.dir.join("tree/a.py")).unwrap().mode() & 0o7777, 0o755);
        assert_eq!(fs::metadata(&shadow.dir).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn only_what_changed_is_written_also_by_the_next_start() {
        let place = Place::new(&[("a", "1"), ("d/b", "1"), ("d/c", "1")]);
        let mut shadow = place.open();
        assert_eq!(shadow.sync(&Texts::new()).unwrap(), 4);
        assert_eq!(shadow.sync(&Texts::new()).unwrap(), 0);
        drop(shadow);
        let mut shadow = place.open();
        assert_eq!(shadow.sync(&Texts::new()).unwrap(), 0);
        fs::write(place.root().join("d/b"), "2").unwrap();
        fs::remove_file(place.root().join("a")).unwrap();
        assert_eq!(shadow.sync(&texts(&[("d/c", "unsaved"), ("new/e", "e")])).unwrap(), 5);
        assert_eq!(listing(&shadow), pairs(&[("d/b", "2"), ("d/c", "unsaved"), ("new/e", "e")]));
        assert_eq!(shadow.sync(&Texts::new()).unwrap(), 2);
        assert_eq!(listing(&shadow), pairs(&[("d/b", "2"), ("d/c", "1")]));
        let gone = Texts::from([(RelPath::new("d/b").unwrap(), None), (RelPath::new("no/such").unwrap(), None)]);
        assert_eq!(shadow.sync(&gone).unwrap(), 1);
        assert_eq!(listing(&shadow), pairs(&[("d/c", "1")]));
        shadow.sync(&Texts::new()).unwrap();
        assert_eq!(listing(&shadow), pairs(&[("d/b", "2"), ("d/c", "1")]));
    }

    #[test]
    fn whatever_a_hostile_run_left_is_put_right_and_nothing_outside_is_touched() {
        let place = Place::new(&[("a", "1"), ("d/b", "1"), ("e/c", "1"), ("f", "1"), ("g", "1"), ("h", "1")]);
        let victim = place.dir.path().join("victim");
        fs::create_dir(&victim).unwrap();
        fs::write(victim.join("b"), "victim").unwrap();
        let mut shadow = place.open();
        shadow.sync(&Texts::new()).unwrap();
        let clean = listing(&shadow);
        let tree = shadow.dir.join("tree");
        // A directory becomes a link out of the tree, and so does a file.
        fs::remove_dir_all(tree.join("d")).unwrap();
        symlink(&victim, tree.join("d")).unwrap();
        fs::remove_file(tree.join("a")).unwrap();
        symlink(victim.join("b"), tree.join("a")).unwrap();
        // A file becomes a pipe, which would block whoever opens it.
        fs::remove_file(tree.join("f")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, tree.join("f"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        // A file changes and gets its old time back; another gets a second name outside the tree.
        let before = fs::metadata(tree.join("g")).unwrap().modified().unwrap();
        fs::write(tree.join("g"), "X").unwrap();
        fs::File::open(tree.join("g")).unwrap().set_modified(before).unwrap();
        fs::hard_link(tree.join("h"), shadow.dir.join("second-name")).unwrap();
        // Directories without rights, nested deeper than paths and descriptors reach.
        fs::create_dir(tree.join("e/locked")).unwrap();
        fs::set_permissions(tree.join("e/locked"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(tree.join("e"), fs::Permissions::from_mode(0o500)).unwrap();
        let mut deep = rustix::fs::open(&tree, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&deep, "deep", rustix::fs::Mode::from_raw_mode(0o700)).unwrap();
            deep = rustix::fs::openat(&deep, "deep", rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
        }
        shadow.put(&RelPath::new("a").unwrap(), "written while it is a link").unwrap();
        assert_eq!(fs::read_to_string(victim.join("b")).unwrap(), "victim");
        assert!(shadow.put(&RelPath::new("d/b").unwrap(), "through a link").is_err());

        shadow.sync(&Texts::new()).unwrap();
        assert_eq!(listing(&shadow), clean);
        assert_eq!(fs::read_to_string(victim.join("b")).unwrap(), "victim");
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 1);
        assert_eq!(fs::metadata(tree.join("h")).unwrap().nlink(), 1);
        assert_eq!(fs::read_dir(shadow.dir.join("trash")).unwrap().count(), 0);
    }

    #[test]
    fn two_users_of_one_workspace_do_not_share_a_tree() {
        let place = Place::new(&[("a", "1"), ("d/e/f", "1")]);
        let (mut one, mut two) = (place.open(), place.open());
        one.sync(&texts(&[("a", "one"), ("d/e/g", "one")])).unwrap();
        two.sync(&texts(&[("a", "two")])).unwrap();
        assert_eq!(listing(&one), pairs(&[("a", "one"), ("d/e/f", "1"), ("d/e/g", "one")]));
        assert_eq!(listing(&two), pairs(&[("a", "two"), ("d/e/f", "1")]));
    }

    #[test]
    fn a_state_directory_that_cannot_be_used_is_one_sentence() {
        let place = Place::new(&[("a", "1")]);
        fs::write(place.dir.path().join("state"), "a file").unwrap();
        let error = Shadow::open(&place.root(), &place.dir.path().join("state"), 0).err().unwrap();
        assert!(matches!(error, VerifyError::Shadow { .. }));
        assert!(error.to_string().starts_with("cannot keep a private copy of the workspace in "), "{error}");
        // A link in place of our directory would have us write where someone else chose.
        let (state, elsewhere) = (place.dir.path().join("state2"), place.dir.path().join("elsewhere"));
        fs::create_dir_all(&state).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, state.join("shadow")).unwrap();
        assert!(Shadow::open(&place.root(), &state, 0).is_err());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}
