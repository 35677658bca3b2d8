//! What a workspace holds on disk, known again at little cost: by a watch where one can be trusted, by walking
//! everything where not.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::walk::{self, Found, Item, MOST_BYTES, Stamp, TICK_NS, now_ns};
use super::watch::{Touched, Watch};

/// How long a watch is believed. The kernel does not report what is written through a mapping that outlives its
/// file's closing, through another name that a file got meanwhile, or below something mounted over a directory.
const BELIEVED: Duration = Duration::from_secs(600);

/// Most things that are looked at each time because a watch does not cover them.
const MOST_DOUBTFUL: usize = 2_000;

/// Most names that are remembered as ignored.
const MOST_IGNORED: usize = 10_000;

/// What a workspace holds.
pub(super) struct Listing {
    root: PathBuf,
    found: Found,
    /// Absent where changes are not reported, or nothing was looked at yet.
    watch: Option<Arc<Watch>>,
    is_watching: bool,
    walked: Instant,
    /// Files outside the watched directories that say what is ignored, as they were.
    inputs: Vec<(PathBuf, Option<Stamp>)>,
    /// Paths that were touched although nothing of them is wanted.
    ignored: HashSet<String>,
}

/// Paths, relative to the root, that may differ from what was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// Any.
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl Scope {
    /// No path.
    pub(super) fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Whether it is no path.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::Only(paths) if paths.is_empty())
    }

    /// Takes in another.
    pub(super) fn add(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Only(paths), Self::Only(more)) => paths.extend(more),
            _ => *self = Self::All,
        }
    }
}

impl Listing {
    /// Of a directory that is looked at later; `is_watching`: whether it will be looked at often.
    pub(super) fn new(root: &Path, is_watching: bool) -> Self {
        Self {
            root: root.to_owned(),
            found: Found::default(),
            watch: None,
            is_watching,
            walked: Instant::now(),
            inputs: Vec::new(),
            ignored: HashSet::new(),
        }
    }

    /// What was found when it was looked at last.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// Looks again. Every change that was complete before is seen.
    pub(super) fn look(&mut self) -> Result<Scope, String> {
        let known = self.watch.take().filter(|_| self.walked.elapsed() < BELIEVED && self.inputs_are_same());
        let mut unknown = Vec::new();
        if let Some(watch) = known
            && let Some(touched) = watch.drain()
            && let Some(changed) = self.recheck(touched, &mut unknown)
        {
            self.watch = Some(watch);
            return Ok(Scope::Only(changed));
        }
        self.walk(unknown).map(|()| Scope::All)
    }

    fn walk(&mut self, unknown: Vec<String>) -> Result<(), String> {
        let before: BTreeMap<_, _> = inputs(&self.root, &self.found.repositories).into_iter().collect();
        let began = now_ns();
        self.walked = Instant::now();
        let watch = Watch::new().filter(|_| self.is_watching).map(Arc::new);
        let (root, entered) = (self.root.clone(), watch.clone());
        self.found = walk::walk(&self.root, move |directory| {
            if let Some(watch) = &entered {
                watch.enter(&root, directory);
            }
        })?;
        self.inputs = inputs(&self.root, &self.found.repositories);
        // What says what is ignored must have said so during the whole walk.
        let is_old = |stamp: &Option<Stamp>| stamp.is_none_or(|stamp| stamp.changed_ns() < began - TICK_NS);
        let same = |(path, stamp): &(PathBuf, Option<Stamp>)| before.get(path).is_none_or(|before| before == stamp);
        let is_settled = self.inputs.iter().all(|input| is_old(&input.1) && same(input));
        self.ignored.extend(unknown);
        self.ignored.retain(|path| !self.found.items.contains_key(path));
        if self.ignored.len() > MOST_IGNORED {
            self.ignored.clear();
        }
        let few = self.found.doubtful.len() <= MOST_DOUBTFUL;
        self.watch = watch.filter(|watch| few && is_settled && watch.is_whole());
        Ok(())
    }

    fn inputs_are_same(&self) -> bool {
        self.inputs.iter().all(|(path, stamp)| input(path) == *stamp)
    }

    /// Looks at what was touched; `None`: only a walk can say what follows from it.
    fn recheck(&mut self, touched: BTreeMap<String, Touched>, unknown: &mut Vec<String>) -> Option<BTreeSet<String>> {
        let mut needs_walk = false;
        let mut changed = BTreeSet::new();
        for (path, Touched { is_dir, is_name }) in touched {
            let name = path.rsplit('/').next().unwrap_or(&path);
            if (is_name && walk::is_telling(name)) || name == ".gitignore" {
                return None;
            }
            if walk::is_private(name, is_dir) || self.ignored.contains(&path) {
                continue;
            }
            if is_dir {
                return None;
            }
            match (self.found.items.get(&path), self.at(&path)) {
                (None, None) => {}
                (Some(Item::File(_)), Some((Some(now @ Item::File(_)), true))) => {
                    self.set(&path, Some(now));
                    // Also where it looks the same: two changes can carry one time.
                    changed.insert(path);
                }
                (Some(Item::File(_)), None) => {
                    self.set(&path, None);
                    changed.insert(path);
                }
                (None, Some(_)) => {
                    needs_walk = true;
                    unknown.push(path);
                }
                _ => needs_walk = true,
            }
        }
        if needs_walk {
            return None;
        }
        for path in std::mem::take(&mut self.found.doubtful) {
            let now = self.at(&path).and_then(|(item, _)| item);
            if now.as_ref() != self.found.items.get(&path) {
                self.set(&path, now);
                changed.insert(path.clone());
            }
            self.found.doubtful.push(path);
        }
        (self.found.bytes <= MOST_BYTES).then_some(changed)
    }

    fn set(&mut self, path: &str, now: Option<Item>) {
        let size = |item: &Option<Item>| match item {
            Some(Item::File(stamp)) => stamp.size(),
            _ => 0,
        };
        let more = size(&now);
        let before = match now {
            Some(item) => self.found.items.insert(path.to_owned(), item),
            None => self.found.items.remove(path),
        };
        self.found.bytes = (self.found.bytes + more).saturating_sub(size(&before));
    }

    fn at(&self, path: &str) -> Option<(Option<Item>, bool)> {
        let path = self.root.join(path);
        let kind = fs::symlink_metadata(&path).ok()?.file_type();
        walk::look_at(&self.root, &path, kind)
    }
}

/// Files outside the watched directories that say what is ignored, and the root itself, which may be another one.
fn inputs(root: &Path, repositories: &[PathBuf]) -> Vec<(PathBuf, Option<Stamp>)> {
    let above =
        root.ancestors().flat_map(|dir| [dir.join(".gitignore"), dir.join(".git"), dir.join(".git/info/exclude")]);
    let below = repositories.iter().map(|dir| dir.join("info/exclude"));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".gitconfig"));
    let of_user = ignore::gitignore::gitconfig_excludes_path();
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
    let git = config.map(|dir| dir.join("git/config"));
    let files = above.chain(below).chain(home).chain(of_user).chain(git);
    files.chain([root.to_owned()]).map(|path| (path.clone(), input(&path))).collect()
}

/// What tells one state of an input from another: of a directory only which one it is.
fn input(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(if found.is_dir() { Stamp::new(found.ino(), found.dev(), 0, 0) } else { Stamp::from(&found) })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use super::{Listing, Scope};
    use crate::verify::walk;

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new() -> (Self, Listing) {
            let place = Self { dir: tempfile::tempdir().unwrap() };
            for (path, text) in [
                ("a.py", "1"),
                ("d/b.py", "1"),
                ("d/e/c.py", "1"),
                ("f/g.py", "1"),
                (".gitignore", "*.log\nskipped/\n"),
                ("skipped/x", "1"),
                ("__pycache__/a.pyc", "1"),
            ] {
                let path = place.at(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            symlink("a.py", place.at("link")).unwrap();
            fs::write(place.dir.path().join("outside"), "1").unwrap();
            fs::hard_link(place.dir.path().join("outside"), place.at("shared.py")).unwrap();
            let listing = Listing::new(&place.root(), true);
            (place, listing)
        }

        fn root(&self) -> PathBuf {
            self.dir.path().canonicalize().unwrap().join("project")
        }

        fn at(&self, path: &str) -> PathBuf {
            self.root().join(path)
        }

        /// Looks until it is watched: files that were made just now may still be made by others.
        fn watched(&self, listing: &mut Listing) {
            while listing.look().unwrap() == Scope::All {}
        }
    }

    fn same_as_walked(listing: &Listing, root: &Path) {
        let fresh = walk::walk(root, |_| ()).unwrap();
        let found = listing.found();
        assert_eq!(found.items, fresh.items);
        assert_eq!((&found.dependencies, &found.builds), (&fresh.dependencies, &fresh.builds));
        assert_eq!(found.bytes, fresh.bytes);
    }

    fn only(paths: &[&str]) -> Scope {
        Scope::Only(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn a_change_is_known_without_a_walk_or_found_by_one() {
        let (place, mut listing) = Place::new();
        let at = |path: &str| place.at(path);
        let write = |path: &str, text: &str| fs::write(at(path), text).unwrap();
        let outside = place.dir.path().join("outside");
        type Step<'a> = (&'a str, Box<dyn Fn() + 'a>, Scope);
        let steps: Vec<Step<'_>> = vec![
            ("nothing", Box::new(|| ()), only(&[])),
            ("a text", Box::new(|| write("d/e/c.py", "2")), only(&["d/e/c.py"])),
            ("rights", Box::new(|| rustix::fs::chmod(at("a.py"), 0o755.into()).unwrap()), only(&["a.py"])),
            (
                "saved by renaming",
                Box::new(|| {
                    write("d/.b.py.swp", "3");
                    fs::rename(at("d/.b.py.swp"), at("d/b.py")).unwrap();
                }),
                only(&["d/b.py"]),
            ),
            ("a file goes", Box::new(|| fs::remove_file(at("f/g.py")).unwrap()), only(&["f/g.py"])),
            ("a file comes", Box::new(|| write("f/h.py", "1")), Scope::All),
            ("an ignored file comes", Box::new(|| write("f/x.log", "1")), Scope::All),
            ("an ignored file is known", Box::new(|| write("f/x.log", "2")), only(&[])),
            ("a cache", Box::new(|| write("__pycache__/b.pyc", "1")), only(&[])),
            ("in an ignored directory", Box::new(|| write("skipped/y", "1")), only(&[])),
            ("through another name", Box::new(|| fs::write(&outside, "22").unwrap()), only(&["shared.py"])),
            (
                "a link leads out",
                Box::new(|| {
                    fs::remove_file(at("link")).unwrap();
                    symlink(&outside, at("link")).unwrap();
                }),
                Scope::All,
            ),
            (
                "a link leads in again",
                Box::new(|| {
                    fs::remove_file(&outside).unwrap();
                    symlink(at("a.py"), &outside).unwrap();
                }),
                only(&["link", "shared.py"]),
            ),
            (
                "a directory comes with what it holds",
                Box::new(|| {
                    fs::create_dir_all(at("new/deep")).unwrap();
                    write("new/deep/x.py", "1");
                }),
                Scope::All,
            ),
            ("in a new directory", Box::new(|| write("new/deep/x.py", "2")), only(&["new/deep/x.py"])),
            ("a directory is renamed", Box::new(|| fs::rename(at("new"), at("newer")).unwrap()), Scope::All),
            ("in a renamed directory", Box::new(|| write("newer/deep/x.py", "3")), only(&["newer/deep/x.py"])),
            (
                "two directories change places",
                Box::new(|| {
                    fs::rename(at("d"), at("t")).unwrap();
                    fs::rename(at("newer"), at("d")).unwrap();
                    fs::rename(at("t"), at("newer")).unwrap();
                }),
                Scope::All,
            ),
            ("a marker comes", Box::new(|| write("f/Cargo.toml", "")), Scope::All),
            ("a marker changes", Box::new(|| write("f/Cargo.toml", "[package]")), only(&["f/Cargo.toml"])),
            ("a marker goes", Box::new(|| fs::remove_file(at("f/Cargo.toml")).unwrap()), Scope::All),
            ("other files are ignored", Box::new(|| write("d/.gitignore", "*.py\n")), Scope::All),
            (
                "a file becomes a directory",
                Box::new(|| {
                    fs::remove_file(at("a.py")).unwrap();
                    fs::create_dir(at("a.py")).unwrap();
                }),
                Scope::All,
            ),
            (
                "the directory is another one",
                Box::new(|| {
                    fs::rename(place.root(), place.dir.path().join("old")).unwrap();
                    fs::create_dir(place.root()).unwrap();
                    write("z.py", "1");
                }),
                Scope::All,
            ),
            ("in the other one", Box::new(|| write("z.py", "2")), only(&["z.py"])),
        ];
        place.watched(&mut listing);
        for (what, change, expected) in steps {
            change();
            let seen = listing.look().unwrap();
            assert_eq!(seen, expected, "{what}");
            same_as_walked(&listing, &place.root());
            if seen == Scope::All {
                place.watched(&mut listing);
            }
        }
    }

    #[test]
    fn events_that_are_lost_are_made_up_for_by_a_walk() {
        let (place, mut listing) = Place::new();
        place.watched(&mut listing);
        let most: usize = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
        for n in 0..=most / 2 {
            // Two files in turn: equal events that follow each other become one.
            fs::write(place.at(if n % 2 == 0 { "a.py" } else { "d/b.py" }), n.to_string()).unwrap();
        }
        fs::write(place.at("d/e/c.py"), "after the last event that there was room for").unwrap();
        assert_eq!(listing.look().unwrap(), Scope::All);
        same_as_walked(&listing, &place.root());
    }

    #[test]
    fn what_is_ignored_from_outside_is_noticed() {
        let (place, mut listing) = Place::new();
        fs::create_dir_all(place.at(".git/info")).unwrap();
        place.watched(&mut listing);
        fs::write(place.at(".git/info/exclude"), "b.py\n").unwrap();
        assert_eq!(listing.look().unwrap(), Scope::All);
        assert!(!listing.found().items.contains_key("d/b.py"));
        same_as_walked(&listing, &place.root());
    }

    #[test]
    fn without_a_watch_it_is_walked() {
        let (place, _) = Place::new();
        let mut listing = Listing::new(&place.root(), false);
        for text in ["2", "3"] {
            fs::write(place.at("a.py"), text).unwrap();
            assert_eq!(listing.look().unwrap(), Scope::All);
            same_as_walked(&listing, &place.root());
        }
    }
}
