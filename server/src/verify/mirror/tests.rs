//! A private tree is what is wanted whatever happened to it, and no more is written than that takes.

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
    rustix::fs::mkfifoat(rustix::fs::CWD, place.root().join("pipe"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
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
