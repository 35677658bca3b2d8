//! Which tests reach a change, by names and imports: the files of tests that speak of what was changed, the likeliest first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use ignore::WalkBuilder;

use crate::patch::is_test;
use crate::workspace::{RelPath, Snapshot};

/// Most files of tests that are looked at, and most bytes of one.
const MOST_FILES: usize = 2000;
const MOST_BYTES: usize = 256 * 1024;
/// Most bytes of all of them, and most files through which a test reaches a change.
const MOST_ALL: usize = 32 << 20;
const MOST_BETWEEN: usize = 40;
/// Names that are shorter stand for too much.
const SHORTEST: usize = 4;

/// The files of tests in the workspace that name `changed` or one of its `items`; those that do not are left out.
pub(in crate::verify) fn tests_of(snapshot: &Snapshot, changed: &RelPath, items: &[String]) -> Vec<RelPath> {
    let tests = tests_beside(snapshot, changed);
    let texts = texts(snapshot, &tests);
    ranked(changed, items, &spoken(&texts)).into_iter().map(|(_, path)| path.clone()).collect()
}

/// The files of tests in the language of this file.
pub(in crate::verify) fn tests_beside(snapshot: &Snapshot, path: &RelPath) -> Vec<RelPath> {
    files(snapshot, |other| is_test(other) && family(other) == family(path))
}

/// The files that hold tests which reach one of the changed files: first those that were `seen` to run its lines, then
/// those that speak of it, then those that speak of what imports it.
///
/// What was seen comes from foreign code: it moves a file of tests to the front, and makes none of what is no test.
pub(in crate::verify) fn reaching(snapshot: &Snapshot, changed: &[RelPath], seen: &BTreeSet<RelPath>) -> Vec<RelPath> {
    let families: Vec<_> = changed.iter().map(family).collect();
    let all = files(snapshot, |path| families.contains(&family(path)));
    let (tests, code): (Vec<RelPath>, Vec<RelPath>) = all.into_iter().partition(is_test);
    let texts = texts(snapshot, &tests);
    let spoken = spoken(&texts);
    let mut found: BTreeMap<&RelPath, usize> = BTreeMap::new();
    let mut note = |score: usize, path| {
        let known = found.entry(path).or_default();
        *known = score.max(*known);
    };
    tests.iter().filter(|path| seen.contains(*path)).for_each(|path| note(3000, path));
    for path in changed {
        if is_test(path) || holds_tests(snapshot, path) {
            note(2000, path);
        }
        let of_itself = ranked(path, &items(snapshot, path), &spoken);
        of_itself.into_iter().for_each(|(score, test)| note(1000 + score, test));
        let between = code.iter().filter(|user| *user != path && imports(snapshot, user, path));
        for user in between.take(MOST_BETWEEN) {
            ranked(user, &[], &spoken).into_iter().for_each(|(score, test)| note(score, test));
        }
    }
    let mut found: Vec<(&RelPath, usize)> = found.into_iter().collect();
    found.sort_by_key(|(_, score)| Reverse(*score));
    found.into_iter().map(|(path, _)| path.clone()).collect()
}

/// Those of the tests that name the file or one of its items, with how much they speak of it.
fn ranked<'a>(changed: &RelPath, items: &[String], tests: &[Spoken<'a>]) -> Vec<(usize, &'a RelPath)> {
    let module = module(changed);
    // A package of Go is one with its tests.
    let is_beside = |path: &RelPath| family(changed) == Some("go") && parent(path) == parent(changed);
    let mut found: Vec<(usize, &RelPath)> = Vec::new();
    for (path, words) in tests {
        let named = items.iter().filter(|item| words.contains(item.as_str())).count();
        let imported = module.is_some_and(|module| words.contains(module)) || is_beside(path);
        let alike =
            module.is_some_and(|module| path.as_str().rsplit('/').next().is_some_and(|name| name.contains(module)));
        let score = named.min(3) * 2 + usize::from(imported) * 2 + usize::from(alike);
        if named > 0 || imported {
            found.push((score, path));
        }
    }
    found.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.cmp(other)));
    found
}

/// A file of tests and the words in it.
type Spoken<'a> = (&'a RelPath, HashSet<&'a str>);

fn spoken<'a>(texts: &'a [(&'a RelPath, Arc<str>)]) -> Vec<Spoken<'a>> {
    texts.iter().map(|(path, text)| (*path, words(text))).collect()
}

fn texts<'a>(snapshot: &Snapshot, tests: &'a [RelPath]) -> Vec<(&'a RelPath, Arc<str>)> {
    let mut left = MOST_ALL;
    let texts = tests.iter().filter_map(|path| Some((path, read(snapshot, path)?)));
    let fits = |(_, text): &(&RelPath, Arc<str>)| {
        let fits = text.len() <= left;
        left -= text.len().min(left);
        fits
    };
    texts.take_while(fits).collect()
}

/// What others call the file: its name, or that of its folder.
fn module(path: &RelPath) -> Option<&str> {
    let file = Path::new(path.as_str());
    let stem = file.file_stem()?.to_str()?;
    // What every package calls its entrance says nothing of which one.
    let is_entrance = ["__init__", "mod", "lib", "main", "index"].contains(&stem);
    if is_entrance { parent(path)?.file_name()?.to_str() } else { Some(stem) }
}

/// Whether a line that brings in other files names this one.
fn imports(snapshot: &Snapshot, user: &RelPath, path: &RelPath) -> bool {
    let (Some(module), Some(text)) = (module(path), read(snapshot, user)) else { return false };
    let brings_in = ["import", "from", "require", "use", "mod", "include", "package", "source"];
    text.contains(module)
        && text.lines().map(words).any(|words| words.contains(module) && brings_in.iter().any(|w| words.contains(w)))
}

/// The names of what the file defines, those left out that are too short to say where they come from.
fn items(snapshot: &Snapshot, path: &RelPath) -> Vec<String> {
    let read = || {
        let language = baton_grammars::by_path(Path::new(path.as_str()))?;
        let text = read(snapshot, path)?;
        Some(language.items(&language.parse(&text)?, &text))
    };
    let names = read().unwrap_or_default().into_iter().map(|item| item.name);
    names.filter(|name| name.len() >= SHORTEST).collect()
}

fn holds_tests(snapshot: &Snapshot, path: &RelPath) -> bool {
    let language = baton_grammars::by_path(Path::new(path.as_str()));
    language.is_some_and(|language| read(snapshot, path).is_some_and(|text| !language.tests_in(&text).is_empty()))
}

/// The languages that can call each other are one.
fn family(path: &RelPath) -> Option<&'static str> {
    if path.as_str().ends_with(".bats") {
        return Some("bash");
    }
    let language = baton_grammars::by_path(Path::new(path.as_str()))?;
    Some(match language.id {
        "typescript" | "tsx" => "javascript",
        "kotlin" | "scala" => "java",
        "cpp" => "c",
        id => id,
    })
}

fn parent(path: &RelPath) -> Option<&Path> {
    Path::new(path.as_str()).parent()
}

fn read(snapshot: &Snapshot, path: &RelPath) -> Option<Arc<str>> {
    snapshot.read(path).ok().filter(|text| text.len() <= MOST_BYTES)
}

fn words(text: &str) -> HashSet<&str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect()
}

/// The files of the workspace that are wanted, those that git ignores left out.
fn files(snapshot: &Snapshot, is_wanted: impl Fn(&RelPath) -> bool) -> Vec<RelPath> {
    let root = snapshot.root();
    let walk = WalkBuilder::new(root).require_git(false).follow_links(false).build();
    let on_disk = walk.flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    let on_disk = on_disk.filter_map(|entry| RelPath::new(entry.path().strip_prefix(root).ok()?.to_str()?).ok());
    let unsaved = snapshot.overlay().keys().cloned();
    let mut all: Vec<RelPath> = on_disk.chain(unsaved).filter(is_wanted).take(MOST_FILES).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;

    use super::{reaching, tests_of};
    use crate::workspace::{Buffer, RelPath, Snapshot};

    #[test]
    fn tests_that_speak_of_the_change_come_first() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, text) in [
            (".gitignore", "ignored\n"),
            ("shop/cart.py", "def total(): pass\n"),
            ("tests/test_other.py", "import shop.user\n"),
            ("tests/test_flow.py", "from shop.cart import Cart\n"),
            ("tests/test_cart.py", "from shop.cart import total\n"),
            ("tests/test_sums.py", "from shop import total\n"),
            ("tests/cart.test.js", "total; cart\n"),
            ("web/cart.js", "export const total = 1\n"),
            ("web/cart.test.tsx", "import { total } from './cart'\n"),
            ("ignored/test_cart.py", "from shop.cart import total\n"),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let unsaved = RelPath::new("tests/test_new.py").unwrap();
        let buffer = Buffer { text: "from shop.cart import total, total2\n".into(), version: 1 };
        let snapshot = Snapshot::new(root, BTreeMap::from([(unsaved, buffer)]));
        let found = tests_of(&snapshot, &RelPath::new("shop/cart.py").unwrap(), &["total".to_owned()]);
        let names: Vec<&str> = found.iter().map(RelPath::as_str).collect();
        assert_eq!(names, ["tests/test_cart.py", "tests/test_new.py", "tests/test_flow.py", "tests/test_sums.py"]);
        let found = tests_of(&snapshot, &RelPath::new("web/cart.js").unwrap(), &["total".to_owned()]);
        let names: Vec<&str> = found.iter().map(RelPath::as_str).collect();
        assert_eq!(names, ["tests/cart.test.js", "web/cart.test.tsx"]);
    }

    #[test]
    fn tests_reach_a_change_through_what_imports_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, text) in [
            ("shop/__init__.py", "from .cart import Cart\n"),
            ("shop/cart.py", "class Cart: pass\ndef add(): pass\n"),
            ("shop/user.py", "# no cart\n"),
            ("tests/test_add.py", "add\n"),
            ("tests/test_cart.py", "from shop.cart import Cart\n"),
            ("tests/test_shop.py", "import shop\n"),
            ("tests/test_seen.py", "run('x')\n"),
            ("tests/test_user.py", "import user\n"),
            ("go/cart.go", "package cart\n"),
            ("go/x_test.go", "package cart\n"),
            ("go/deep/y_test.go", "package deep\n"),
            ("rust/src/cart.rs", "fn total() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {}\n}\n"),
            ("rust/tests/flow.rs", "use shop::cart;\n"),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let snapshot = Snapshot::new(root, BTreeMap::new());
        let seen = ["tests/test_seen.py", "shop/user.py"].map(|path| RelPath::new(path).unwrap());
        let of = |changed: &str| {
            let found = reaching(&snapshot, &[RelPath::new(changed).unwrap()], &BTreeSet::from(seen.clone()));
            found.iter().map(RelPath::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("shop/cart.py"), "tests/test_seen.py tests/test_cart.py tests/test_shop.py");
        assert_eq!(of("go/cart.go"), "go/x_test.go");
        assert_eq!(of("rust/src/cart.rs"), "rust/src/cart.rs rust/tests/flow.rs");
    }
}
