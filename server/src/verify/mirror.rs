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
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::{Path, PathBuf};

    use super::{Mirror, Texts};
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

        fn open(&self) -> Mirror {
            Mirror::open(&self.root(), &self.dir.path().join("state"), "lane-0", false).unwrap()
        }

        fn open_own(&self) -> Mirror {
            Mirror::open(&self.root(), &self.dir.path().join("state"), "base", true).unwrap()
        }
    }

    fn listing(shadow: &Mirror) -> BTreeMap<String, String> {
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
        assert_eq!(shadow.mounted().0, [PathBuf::from("node_modules")]);
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
    fn an_own_tree_is_written_where_the_workspace_changed_and_nowhere_else() {
        let place = Place::new(&[("a", "1"), ("d/b", "1"), ("d/c", "1"), (".gitignore", "*.log\n"), ("x.log", "1")]);
        let mut mirror = place.open_own();
        assert_eq!(mirror.sync(&texts(&[("a", "unsaved"), ("new/e", "e")])).unwrap(), 7);
        let at = |path: &str| place.root().join(path);
        let written = |path: &str, text: &str| fs::write(at(path), text).unwrap();
        type Step<'a> = (&'a dyn Fn(), &'a [(&'a str, &'a str)], usize);
        let steps: [Step<'_>; 8] = [
            (&|| written("d/b", "2"), &[("a", "unsaved"), ("new/e", "e")], 1),
            (&|| written("d/b", "3"), &[("a", "unsaved 2")], 3),
            (&|| written("x.log", "2"), &[], 1),
            (&|| fs::rename(at("d/b"), at("d/c")).unwrap(), &[], 2),
            (&|| fs::rename(at("d"), at("e")).unwrap(), &[("e/c", "laid")], 3),
            (&|| fs::write(at(".gitignore"), "").unwrap(), &[], 3),
            (&|| fs::remove_dir_all(at("e")).unwrap(), &[("e/c", "laid")], 1),
            (&|| (), &[], 1),
        ];
        for (number, (change, laid, expected)) in steps.into_iter().enumerate() {
            change();
            assert_eq!(mirror.sync(&texts(laid)).unwrap(), expected, "step {number}: {:?}", listing(&mirror));
        }
        let kept = [(".gitignore", ""), ("a", "1"), ("x.log", "2")];
        assert_eq!(listing(&mirror), pairs(&kept));
        // The next start knows what is there.
        drop(mirror);
        assert_eq!(place.open_own().sync(&Texts::new()).unwrap(), 0);
    }

    #[test]
    fn after_an_end_without_a_word_an_own_tree_is_looked_over() {
        let place = Place::new(&[("a", "1"), ("b", "1")]);
        let mut mirror = place.open_own();
        mirror.sync(&Texts::new()).unwrap();
        mirror.rest();
        assert!(mirror.resume());
        mirror.sync(&texts(&[("a", "unsaved"), ("c", "unsaved")])).unwrap();
        let manifest = fs::read(mirror.dir.join("manifest")).unwrap();
        drop(mirror);
        // As if the process had been killed before it could keep the manifest.
        let dir = place.open_own().dir.clone();
        fs::write(dir.join("manifest"), manifest).unwrap();
        fs::write(dir.join("in-use"), "").unwrap();
        let mut mirror = place.open_own();
        mirror.sync(&Texts::new()).unwrap();
        assert_eq!(listing(&mirror), pairs(&[("a", "1"), ("b", "1")]));
    }

    #[test]
    fn a_resting_tree_that_another_process_used_is_not_taken_up_again() {
        let place = Place::new(&[("a", "1")]);
        let mut mirror = place.open_own();
        mirror.sync(&Texts::new()).unwrap();
        mirror.rest();
        let mut other = place.open_own();
        assert_eq!(other.dir, mirror.dir);
        assert!(!mirror.resume(), "it is in use");
        other.sync(&texts(&[("a", "other")])).unwrap();
        drop(other);
        assert!(!mirror.resume(), "it is not as it was left");
        drop(mirror);
        let mut mirror = place.open_own();
        mirror.sync(&Texts::new()).unwrap();
        assert_eq!(listing(&mirror), pairs(&[("a", "1")]));
    }

    #[test]
    fn whatever_is_written_meanwhile_the_last_state_is_what_the_tree_has() {
        let place = Place::new(&[("d0/f0", "")]);
        let mut mirror = place.open_own();
        let root = place.root();
        let writer = std::thread::spawn(move || {
            for n in 0..3_000_usize {
                let (dir, other) = (root.join(format!("d{}", n % 7)), root.join(format!("d{}", (n / 7) % 11)));
                let _ = match n % 5 {
                    0 => fs::create_dir(&dir),
                    1 => fs::rename(&dir, &other),
                    2 => fs::rename(other.join("f1"), dir.join("f0")),
                    3 if n % 9 == 0 => fs::remove_dir_all(&other),
                    _ => fs::write(dir.join(format!("f{}", n % 3)), n.to_string()),
                };
            }
        });
        while !writer.is_finished() {
            // What changes while it is copied may make this fail, as long as the next one puts it right.
            let _ = mirror.sync(&Texts::new());
        }
        writer.join().unwrap();
        mirror.sync(&Texts::new()).unwrap();
        let mut fresh = Mirror::open(&place.root(), &place.dir.path().join("state"), "fresh", true).unwrap();
        fresh.sync(&Texts::new()).unwrap();
        assert_eq!(listing(&mirror), listing(&fresh));
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
        let error = Mirror::open(&place.root(), &place.dir.path().join("state"), "lane-0", false).err().unwrap();
        assert!(matches!(error, VerifyError::Shadow { .. }));
        assert!(error.to_string().starts_with("cannot keep a private copy of the workspace in "), "{error}");
        // A link in place of our directory would have us write where someone else chose.
        let (state, elsewhere) = (place.dir.path().join("state2"), place.dir.path().join("elsewhere"));
        fs::create_dir_all(&state).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, state.join("shadow")).unwrap();
        assert!(Mirror::open(&place.root(), &state, "lane-0", false).is_err());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}
