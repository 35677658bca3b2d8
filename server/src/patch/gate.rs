//! What no patch may do, whoever wrote it. Every model and every byte of the repository counts as hostile here.

use std::collections::{BTreeMap, BTreeSet};

use super::place::{self, Gate, hides};
use super::{Change, Fate, Patch, Problem, apply};
use crate::task::Goal;
use crate::workspace::{RelPath, Snapshot};

/// Most files of one patch.
const FILES: usize = 20;
/// Most bytes of new text in one patch.
const BYTES: usize = 512 * 1024;

/// The files for which the user must be asked, each with why.
pub type Asks = BTreeMap<RelPath, String>;

/// What the user must be asked before `patch` is applied. The error is every reason why it
/// must not be applied at all. Passing says nothing of whether it is right.
pub fn gate(patch: &Patch, snapshot: &Snapshot, goal: Goal) -> Result<Asks, Vec<Problem>> {
    let mut problems = Vec::new();
    if goal == Goal::Ask && !patch.is_empty() {
        problems.push(Problem("a question was asked; nothing is changed".into()));
    }
    if patch.files().len() > FILES {
        problems.push(Problem(format!("the patch changes {} files; at most {FILES} are allowed", patch.files().len())));
    }
    let bytes: usize = patch.files().values().flat_map(|change| &change.edits).map(|edit| edit.text.len()).sum();
    if bytes > BYTES {
        problems.push(Problem(format!("the patch writes {bytes} bytes; at most {BYTES} are allowed")));
    }
    let mut asks = Asks::new();
    let mut places = BTreeSet::new();
    let names = patch.files().iter().flat_map(|(path, change)| change.names(path));
    for path in names.collect::<BTreeSet<_>>() {
        match place::gate(path, snapshot, goal) {
            Gate::Deny(why) => problems.push(Problem(why)),
            Gate::Ask(why) => drop(asks.insert(path.clone(), why)),
            Gate::Allow => {}
        }
    }
    // Of a file that may not be touched nothing more is said.
    if !problems.is_empty() {
        return Err(problems);
    }
    problems.extend(taken(patch, snapshot));
    // More programs load such files by themselves than anybody can list.
    for path in patch.new_names().filter(|path| path.as_str().split('/').any(|part| part.starts_with('.'))) {
        asks.entry(path.clone()).or_insert_with(|| format!("{path} would be a new hidden file"));
    }
    for (path, change) in patch.files() {
        let real = snapshot.real(path).unwrap_or_else(|_| path.clone());
        let why = match &change.fate {
            Fate::Deleted => Some(format!("{path} would be deleted")),
            Fate::Moved(to) => Some(format!("{path} would become {to}")),
            Fate::Kept | Fate::Created => None,
        };
        if let Some(why) = why {
            if real != *path {
                problems.push(Problem(format!("{path} is {real} by another name; such a file stays where it is")));
            }
            asks.entry(path.clone()).and_modify(|said| *said = format!("{why}; {said}")).or_insert(why);
        }
        if !places.insert(real) {
            problems.push(Problem(format!("{path} is another name of a file that the patch changes too")));
        }
        match change.before(path, snapshot) {
            Ok(old) => problems.extend(text_problem(path, &old, change, goal)),
            Err(error) => problems.push(Problem(error.to_string())),
        }
    }
    if problems.is_empty() { Ok(asks) } else { Err(problems) }
}

/// New names that are not free: a file has them, or another of the patch would, or has a folder of that name.
fn taken(patch: &Patch, snapshot: &Snapshot) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names: Vec<(String, &RelPath)> = Vec::new();
    for path in patch.new_names() {
        if let Some(there) = snapshot.namesake(path) {
            problems.push(Problem(format!("{there} is there already; {path} cannot be a new file")));
        }
        let name = path.as_str().to_lowercase();
        let within = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if let Some((_, other)) = names.iter().find(|(other, _)| within(other, &name) || within(&name, other)) {
            problems.push(Problem(format!("{path} and {other} cannot both be new files")));
        }
        names.push((name, path));
    }
    problems
}

fn text_problem(path: &RelPath, old: &str, change: &Change, goal: Goal) -> Option<Problem> {
    let edits = &change.edits;
    if apply(old, edits).is_none() {
        return Some(Problem(format!("the edits do not fit {path} as it is")));
    }
    let mut last = ' ';
    for c in edits.iter().flat_map(|edit| edit.text.chars()) {
        // Behind a picture these choose how it looks; in a row, or behind what has one look only, they can spell.
        let spells = matches!(c, '\u{fe0e}' | '\u{fe0f}') && (last.is_ascii_alphabetic() || is_selector(last));
        last = c;
        if c == '\0' || (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}') && !old.contains(c)) {
            return Some(Problem(format!("{path} would get the control character U+{:04X}", u32::from(c))));
        }
        if (hides(c) || spells) && !old.contains(c) {
            let code = u32::from(c);
            return Some(Problem(format!("{path} would get U+{code:04X}, which hides what the text really says")));
        }
    }
    let inline = goal == Goal::Fix
        && baton_grammars::by_path(path.as_str().as_ref())
            .map_or_else(Vec::new, |language| language.tests_in(old))
            .iter()
            .any(|tests| edits.iter().any(|edit| edit.range.start < tests.end && edit.range.end > tests.start));
    inline.then(|| Problem(format!("the change is within the tests of {path}; a fix must make them pass as they are")))
}

fn is_selector(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::{Asks, Goal, gate};
    use crate::patch::{Change, Edit, Fate, Patch, Problem};
    use crate::workspace::{Buffer, RelPath, Snapshot};

    const RUST: &str =
        "fn f() -> u8 { 1 }\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() { assert_eq!(super::f(), 2); }\n}\n";

    /// What the gate says of replacing bytes of a file that has `old` as its text.
    fn verdict(path: &str, old: &str, range: std::ops::Range<usize>, text: &str, goal: Goal) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = RelPath::new(path).expect("a path");
        let buffer = Buffer { text: old.into(), version: 1 };
        let root = folder.path().canonicalize().expect("a path");
        let snapshot = Snapshot::new(root, [(path.clone(), buffer)].into());
        let mut patch = Patch::default();
        patch.insert(path, vec![Edit { range, text: text.into() }]).expect("in order");
        said(gate(&patch, &snapshot, goal))
    }

    fn said(gated: Result<Asks, Vec<Problem>>) -> String {
        match gated {
            Ok(asks) if asks.is_empty() => "passed".into(),
            Ok(asks) => asks.iter().map(|(path, why)| format!("{path}? {why}")).collect(),
            Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    fn path(path: &str) -> String {
        verdict(path, "a\n", 0..1, "b", Goal::Edit)
    }

    #[test]
    fn a_fix_leaves_tests_among_the_code_alone() {
        let at = RUST.find("2)").expect("the expected value");
        assert!(verdict("src/f.rs", RUST, at..at + 1, "1", Goal::Fix).contains("within the tests of src/f.rs"));
        assert_eq!(verdict("src/f.rs", RUST, at..at + 1, "1", Goal::Edit), "passed");
        assert_eq!(verdict("src/f.rs", RUST, 15..16, "2", Goal::Fix), "passed");
    }

    #[test]
    fn the_user_is_asked_file_by_file() {
        assert_eq!(path("Cargo.toml"), "Cargo.toml? Cargo.toml can execute code; Baton does not change it by itself");
        assert!(path(".git/config").contains("never changed"));
        assert_eq!(path("src/a.py"), "passed");
    }

    /// What the gate says of files that are made, moved or removed.
    fn of_files(root: &std::path::Path, changes: &[(&str, Fate)], goal: Goal) -> String {
        let snapshot = Snapshot::new(root.to_owned(), Default::default());
        let mut patch = Patch::default();
        for (path, fate) in changes {
            let path = RelPath::new(path).expect("a path");
            patch.insert(path, Change { edits: Vec::new(), fate: fate.clone() }).expect("in order");
        }
        said(gate(&patch, &snapshot, goal))
    }

    #[cfg(unix)]
    #[test]
    fn files_are_made_where_nothing_is_and_moved_or_deleted_only_if_the_user_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path").join("project");
        std::fs::create_dir_all(root.join("src")).expect("made");
        for name in ["src/a.py", "test_a.py", "../outside.py"] {
            std::fs::write(root.join(name), "a\n").expect("written");
        }
        std::os::unix::fs::symlink("..", root.join("up")).expect("linked");
        std::os::unix::fs::symlink("src", root.join("lib")).expect("linked");
        std::os::unix::fs::symlink("../nowhere.py", root.join("broken.py")).expect("linked");
        let moved = |to| Fate::Moved(RelPath::new(to).expect("a path"));
        for (changes, fix, edit) in [
            (&[("src/b.py", Fate::Created)][..], "passed", "passed"),
            (&[("src/a.py", Fate::Created)], "src/a.py is there already", "src/a.py is there already"),
            (&[("SRC/A.py", Fate::Created)], "src/a.py is there already", "src/a.py is there already"),
            (&[("broken.py", Fate::Created)], "broken.py is there already", "broken.py is there already"),
            (&[("up/b.py", Fate::Created)], "leads out", "leads out"),
            (&[(".git/hooks/x", Fate::Created)], "never changed", "never changed"),
            (&[("test_b.py", Fate::Created)], "is a test", "passed"),
            (&[("conftest.py", Fate::Created)], "is a test", "conftest.py? conftest.py can execute code"),
            (&[("a.pth", Fate::Created)], "loaded by tests", "a.pth? a.pth can execute code"),
            (&[(".rc", Fate::Created)], ".rc? .rc would be a new hidden file", "new hidden file"),
            (&[("x", Fate::Created), ("X/y", Fate::Created)], "cannot both be new", "cannot both be new"),
            (&[("src/a.py", Fate::Deleted)], "src/a.py? src/a.py would be deleted", "would be deleted"),
            (&[("lib/a.py", Fate::Deleted)], "by another name", "by another name"),
            (&[("test_a.py", Fate::Deleted)], "is a test", "test_a.py? test_a.py would be deleted"),
            (&[("test_a.py", moved("a.py"))], "is a test", "test_a.py? test_a.py would become a.py"),
            (&[("src/a.py", moved("test_b.py"))], "test_b.py is a test", "would become test_b.py"),
            (&[("src/a.py", moved("build.rs"))], "build.rs? build.rs can execute", "would become build.rs"),
            (&[("src/a.py", moved("test_a.py"))], "is a test", "test_a.py is there already"),
            (&[("src/a.py", moved("b.py")), ("B.py", Fate::Created)], "cannot both be new", "cannot both be new"),
        ] {
            for (goal, wanted) in [(Goal::Fix, fix), (Goal::Edit, edit)] {
                let said = of_files(&root, changes, goal);
                assert!(said.contains(wanted), "{changes:?} {goal:?}: {said}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_not_changed_under_two_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        std::fs::write(root.join("a.py"), "a\n").expect("written");
        std::os::unix::fs::symlink("a.py", root.join("b.py")).expect("linked");
        let mut patch = Patch::default();
        for name in ["a.py", "b.py"] {
            let edit = Edit { range: 0..1, text: "b".into() };
            patch.insert(RelPath::new(name).expect("a path"), vec![edit]).expect("in order");
        }
        let problems = gate(&patch, &Snapshot::new(root, Default::default()), Goal::Edit).expect_err("one file");
        assert!(problems[0].0.contains("b.py is another name"), "{problems:?}");
    }

    #[test]
    fn text_that_hides_something_is_refused_unless_it_was_there() {
        for c in ['\u{202e}', '\u{200b}', '\u{2066}', '\u{e0041}', '\u{feff}', '\0', '\u{1b}'] {
            let said = verdict("a.py", "a\n", 0..1, &format!("x{c}"), Goal::Edit);
            assert!(said.contains(&format!("U+{:04X}", u32::from(c))), "{said}");
        }
        assert_eq!(verdict("a.py", "a\u{200d}\n", 0..1, "b\u{200d}", Goal::Edit), "passed");
        for text in ["\tä €\r\n", "⚠\u{fe0f} 1\u{fe0f}\u{20e3}"] {
            assert_eq!(verdict("a.py", "a\n", 0..1, text, Goal::Edit), "passed");
        }
        for text in ["x\u{fe0f}", "⚠\u{fe0f}\u{fe0e}"] {
            assert!(verdict("a.py", "a\n", 0..1, text, Goal::Edit).contains("hides"), "{text}");
        }
    }

    #[test]
    fn size_fit_and_goal() {
        assert!(verdict("a.py", "a\n", 0..1, &"x".repeat(600_000), Goal::Edit).contains("at most 524288"));
        assert!(verdict("a.py", "a\n", 0..9, "x", Goal::Edit).contains("do not fit"));
        assert!(verdict("a.py", "a\n", 0..1, "x", Goal::Ask).contains("a question"));
    }
}
