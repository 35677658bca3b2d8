//! The map against small workspaces: what it finds, and that it is the same however it came to be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::RwLock;

use proptest::prelude::*;

use super::{File, Map, Skipped, refresh};
use crate::workspace::{Buffer, RelPath, Snapshot};

fn snapshot(root: &Path, open: &[(&str, &str)]) -> Snapshot {
    let buffer = |text: &str| Buffer { text: text.into(), version: 1 };
    let open = open.iter().map(|(path, text)| (path_of(path), buffer(text)));
    Snapshot::new(root.canonicalize().unwrap(), open.collect())
}

fn path_of(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    }
}

fn mapped(snapshot: &Snapshot) -> Map {
    let map = RwLock::default();
    assert!(refresh(&map, snapshot, || false));
    map.into_inner().unwrap()
}

fn paths(map: &Map) -> Vec<&str> {
    let all: BTreeSet<&str> = map.by_path.keys().map(RelPath::as_str).collect();
    all.into_iter().collect()
}

/// Everything that a map says, with paths in place of numbers; stamps are the system's own.
fn said(map: &Map) -> BTreeMap<String, String> {
    let mut said = BTreeMap::new();
    for File { path, stamp: _, hash, skipped, tagged } in map.files.iter().flatten() {
        said.insert(path.to_string(), format!("{hash} {skipped:?} {tagged:?}"));
    }
    for (index, what) in [(&map.used, "uses"), (&map.defined, "defines")] {
        for (name, files) in index {
            let files: BTreeSet<&str> = files.iter().map(|id| map.file(*id).path.as_str()).collect();
            said.insert(format!("{what} {name}"), format!("{files:?}"));
        }
    }
    for (path, id) in &map.by_path {
        let ranks = map.rank(&BTreeMap::from([(*id, 1.0)]));
        let ranks: BTreeMap<&str, String> =
            ranks.iter().map(|(id, rank)| (map.file(*id).path.as_str(), format!("{rank}"))).collect();
        said.insert(format!("near {path}"), format!("{ranks:?}"));
    }
    said
}

#[test]
fn what_is_ignored_secret_or_linked_is_not_in_the_map() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    write(
        &root,
        &[
            ("a.py", "x = 1\n"),
            ("README.xyz", "no language\n"),
            (".gitignore", "built.py\n"),
            (".batonignore", "/private/\n"),
            ("built.py", "x = 1\n"),
            ("private/b.py", "x = 1\n"),
            ("node_modules/m/c.js", "let x = 1\n"),
            (".ssh/d.py", "x = 1\n"),
            ("id_rsa.py", "x = 1\n"),
            ("../outside/e.py", "x = 1\n"),
            ("large.py", &"x = 1\n".repeat(200_000)),
            ("minified.js", &"let x = 1; ".repeat(1000)),
        ],
    );
    std::fs::write(root.join("binary.py"), [0xff, 0xfe, 0x00]).unwrap();
    std::os::unix::fs::symlink(folder.path().join("outside"), root.join("link")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("outside/e.py"), root.join("e.py")).unwrap();
    let map = mapped(&snapshot(&root, &[]));
    assert_eq!(paths(&map), ["a.py", "binary.py", "large.py", "minified.js"]);
    let summary = map.summary();
    assert_eq!((summary.files, summary.not_written, summary.not_text, summary.definitions), (1, 2, 1, 1));
}

#[test]
fn what_the_editor_has_wins_over_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("a.py", "def old(): pass\n"), ("b.py", "")]);
    let map = RwLock::new(mapped(&snapshot(folder.path(), &[("a.py", "def new(): pass\n"), ("none.py", "")])));
    let defining = |name: &str| map.read().unwrap().defining(name).len();
    assert_eq!((defining("old"), defining("new")), (0, 1));
    assert_eq!(paths(&map.read().unwrap()), ["a.py", "b.py"]);
    refresh(&map, &snapshot(folder.path(), &[]), || false);
    assert_eq!((defining("old"), defining("new")), (1, 0));
}

#[test]
fn a_refresh_that_is_stopped_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("a.py", "x = 1\n")]);
    let map = RwLock::new(mapped(&snapshot(folder.path(), &[])));
    write(folder.path(), &[("b.py", "x = 1\n")]);
    assert!(!refresh(&map, &snapshot(folder.path(), &[]), || true));
    assert_eq!(paths(&map.read().unwrap()), ["a.py"]);
}

#[test]
fn the_near_files_rank_before_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let noise: Vec<(String, String)> = (0..30)
        .map(|n| (format!("noise/{n}.py"), format!("def run(): pass\ndef n{n}(): return n{}()\n", n + 1)))
        .collect();
    write(folder.path(), &noise.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    write(
        folder.path(),
        &[
            ("focus.py", "def merge(): return join(join(1)) + run()\n"),
            ("used.py", "def join(x): return deep(x)\n"),
            ("deep.py", "def deep(x): return x\n"),
            ("user.py", "def main(): merge()\n"),
            ("join.js", "function join(x) { return x }\n"),
        ],
    );
    let map = mapped(&snapshot(folder.path(), &[]));
    let rank = map.rank(&BTreeMap::from([(map.id(&path_of("focus.py")).unwrap(), 1.0)]));
    let mut ranked: Vec<(&str, f32)> = rank.iter().map(|(id, rank)| (map.file(*id).path.as_str(), *rank)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let order: Vec<&str> = ranked.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        order,
        ["used.py", "focus.py", "deep.py", "user.py"],
        "a name of many files and of another language links nothing"
    );
    assert!((ranked.iter().map(|(_, rank)| rank).sum::<f32>() - 1.0).abs() < 1e-3);
}

#[test]
fn a_map_is_kept_and_a_broken_one_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    write(&root, &[("a.py", "def f(): return g()\n"), ("b.py", "def g(): pass\n"), ("c.js", &"x;".repeat(5000))]);
    let map = mapped(&snapshot(&root, &[]));
    let place = folder.path().join("cache/map");
    map.save(&place).unwrap();
    let whole = std::fs::read(&place).unwrap();
    let loaded = Map::load(&place);
    assert_eq!(said(&loaded), said(&map));
    assert!(loaded.files.iter().flatten().any(|file| file.skipped == Some(Skipped::NotWritten)));
    let know = |map: &Map| {
        map.files.iter().flatten().map(|file| (file.path.clone(), file.clone())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(know(&loaded), know(&map));
    for (at, byte) in whole.iter().enumerate() {
        let mut broken = whole.clone();
        broken[at] = byte.wrapping_add(1);
        std::fs::write(&place, &broken).unwrap();
        assert_eq!(paths(&Map::load(&place)), [""; 0], "byte {at}");
        std::fs::write(&place, &whole[..at]).unwrap();
        assert_eq!(paths(&Map::load(&place)), [""; 0], "cut at {at}");
    }
    let rebuilt = RwLock::new(Map::load(&place));
    assert!(refresh(&rebuilt, &snapshot(&root, &[]), || false));
    assert_eq!(said(&rebuilt.into_inner().unwrap()), said(&map));
}

#[test]
fn a_cache_with_a_right_sum_and_wrong_places_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    write(&root, &[("a.py", "def f(): return g()\n"), ("b.py", "def g(): pass\n")]);
    let mut map = mapped(&snapshot(&root, &[]));
    let longer = mapped(&snapshot(&root, &[("b.py", &format!("{}def g(): pass\n", "# long\n".repeat(99)))]));
    let id = map.id(&path_of("b.py")).unwrap();
    let wrong = longer.file(longer.id(&path_of("b.py")).unwrap()).tagged.clone();
    map.insert(File { tagged: wrong, ..map.file(id).clone() });
    let snapshot = snapshot(&root, &[]);
    let source = crate::context::source::Source::read(&map, map.id(&path_of("b.py")).unwrap(), &snapshot);
    let source = source.expect("it is there");
    let places = source.tagged.definitions.iter().map(|found| found.range()).collect();
    assert_eq!(source.pieces(places, &mut Vec::new()), "def g(): pass");
}

#[derive(Debug, Clone)]
enum Edit {
    Write(usize, usize),
    Delete(usize),
    Ignore(usize),
    Notice,
}

const PATHS: [&str; 6] = ["a.py", "b.py", "d/a.py", "d/c.js", "d/e/f.rs", "g.go"];

/// Texts that use and define one another's names.
fn text(number: usize) -> String {
    let (own, other) = (number % 5, (number * 3 + 1) % 5);
    match number % 3 {
        0 => format!("def f{own}():\n    return f{other}()\n"),
        1 => format!("function f{own}() {{ return f{other}() }}\nfn f{own}() {{ f{other}(); }}\n"),
        _ => format!("import f{other}\nf{own} = f{other}(1)\ndef test_f{own}(): f{own}()\n"),
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (0..PATHS.len(), 0..20usize).prop_map(|(path, text)| Edit::Write(path, text)),
        1 => (0..PATHS.len()).prop_map(Edit::Delete),
        1 => (0..PATHS.len()).prop_map(Edit::Ignore),
        2 => Just(Edit::Notice),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn edits_that_are_noticed_give_the_map_of_a_new_start(edits in prop::collection::vec(edit(), 1..24)) {
        let folder = tempfile::tempdir().unwrap();
        let kept = RwLock::default();
        for edit in edits {
            match edit {
                Edit::Write(path, number) => write(folder.path(), &[(PATHS[path], &text(number))]),
                Edit::Delete(path) => drop(std::fs::remove_file(folder.path().join(PATHS[path]))),
                Edit::Ignore(path) => write(folder.path(), &[(".batonignore", PATHS[path])]),
                Edit::Notice => drop(refresh(&kept, &snapshot(folder.path(), &[]), || false)),
            }
        }
        let now = snapshot(folder.path(), &[]);
        prop_assert!(refresh(&kept, &now, || false));
        prop_assert_eq!(said(&kept.into_inner().unwrap()), said(&mapped(&now)));
    }
}
