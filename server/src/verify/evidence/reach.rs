//! Which tests reach a change, by names and imports: the files of tests that speak of what was changed, the likeliest first.

use std::collections::HashSet;
use std::path::Path;

use ignore::WalkBuilder;

use crate::patch::is_test;
use crate::workspace::{RelPath, Snapshot};

/// Most files of tests that are looked at, and most bytes of one.
const MOST_FILES: usize = 2000;
const MOST_BYTES: usize = 256 * 1024;

/// The files of tests in the workspace that name `changed` or one of its `items`; those that do not are left out.
pub(in crate::verify) fn tests_of(snapshot: &Snapshot, changed: &RelPath, items: &[String]) -> Vec<RelPath> {
    let language = baton_grammars::by_path(Path::new(changed.as_str())).map(|language| language.id);
    let file = Path::new(changed.as_str());
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    // What every package calls its entrance says nothing of which one.
    let is_entrance = ["__init__", "mod", "lib", "main", "index"].contains(&stem);
    let module =
        if is_entrance { file.parent().and_then(Path::file_name).and_then(|name| name.to_str()) } else { Some(stem) };
    let mut found: Vec<(usize, RelPath)> = Vec::new();
    for path in files(snapshot, language) {
        let Ok(text) = snapshot.read(&path) else { continue };
        if text.len() > MOST_BYTES {
            continue;
        }
        let words: HashSet<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let named = items.iter().filter(|item| words.contains(item.as_str())).count();
        let imported = module.is_some_and(|module| words.contains(module));
        let alike =
            module.is_some_and(|module| path.as_str().rsplit('/').next().is_some_and(|name| name.contains(module)));
        let score = named.min(3) * 2 + usize::from(imported) * 2 + usize::from(alike);
        if named > 0 || imported {
            found.push((score, path));
        }
    }
    found.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.cmp(other)));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The files of tests of a language, those that git ignores left out.
pub(in crate::verify) fn files(snapshot: &Snapshot, language: Option<&str>) -> Vec<RelPath> {
    let root = snapshot.root();
    let is_wanted = |path: &RelPath| {
        is_test(path) && baton_grammars::by_path(Path::new(path.as_str())).map(|language| language.id) == language
    };
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
    use std::collections::BTreeMap;
    use std::fs;

    use super::tests_of;
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
    }
}
