//! What no patch may do, whoever wrote it. Every model and every byte of the repository counts as hostile here.

use std::collections::{BTreeMap, BTreeSet};

use super::place::{self, Gate, hides};
use super::{Edit, Patch, Problem, apply};
use crate::task::Goal;
use crate::workspace::{RelPath, Snapshot};

/// Most files of one patch.
const FILES: usize = 20;
/// Most bytes of new text in one patch.
const BYTES: usize = 512 * 1024;

/// What the user must be asked before `patch` is applied: file by file, with why. The error is every reason why it
/// must not be applied at all. Passing says nothing of whether it is right.
pub fn gate(patch: &Patch, snapshot: &Snapshot, goal: Goal) -> Result<BTreeMap<RelPath, String>, Vec<Problem>> {
    let mut problems = Vec::new();
    if goal == Goal::Ask && !patch.is_empty() {
        problems.push(Problem("a question was asked; nothing is changed".into()));
    }
    if patch.files().len() > FILES {
        problems.push(Problem(format!("the patch changes {} files; at most {FILES} are allowed", patch.files().len())));
    }
    let bytes: usize = patch.files().values().flatten().map(|edit| edit.text.len()).sum();
    if bytes > BYTES {
        problems.push(Problem(format!("the patch writes {bytes} bytes; at most {BYTES} are allowed")));
    }
    let mut asks = BTreeMap::new();
    let mut places = BTreeSet::new();
    for (path, edits) in patch.files() {
        match place::gate(path, snapshot, goal) {
            Gate::Deny(why) => {
                problems.push(Problem(why));
                continue;
            }
            Gate::Ask(why) => drop(asks.insert(path.clone(), why)),
            Gate::Allow => {}
        }
        if !places.insert(snapshot.real(path).unwrap_or_else(|_| path.clone())) {
            problems.push(Problem(format!("{path} is another name of a file that the patch changes too")));
        }
        match snapshot.read(path) {
            Ok(old) => problems.extend(text_problem(path, &old, edits, goal)),
            Err(error) => problems.push(Problem(error.to_string())),
        }
    }
    if problems.is_empty() { Ok(asks) } else { Err(problems) }
}

fn text_problem(path: &RelPath, old: &str, edits: &[Edit], goal: Goal) -> Option<Problem> {
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
        && tests_within(path, old)
            .iter()
            .any(|tests| edits.iter().any(|edit| edit.range.start < tests.end && edit.range.end > tests.start));
    inline.then(|| Problem(format!("the change is within the tests of {path}; a fix must make them pass as they are")))
}

fn is_selector(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// The items that Rust compiles for tests only, in the same file as the code.
fn tests_within(path: &RelPath, text: &str) -> Vec<std::ops::Range<usize>> {
    let language = baton_grammars::by_path(std::path::Path::new(path.as_str()));
    let Some(rust) = language.filter(|language| language.id == "rust" && text.contains("test")) else {
        return Vec::new();
    };
    let tree = rust.parse(text, None);
    let mut found = Vec::new();
    let mut open = vec![tree.root_node()];
    while let Some(node) = open.pop() {
        let mut start = None;
        for child in node.children(&mut node.walk()) {
            let attribute = child.kind() == "attribute_item";
            let words = &text[child.byte_range()];
            if attribute && (words.contains("test]") || words.contains("cfg(") && words.contains("test")) {
                start = start.or(Some(child.start_byte()));
            } else if !attribute && !child.is_extra() {
                match start.take() {
                    Some(start) => found.push(start..child.end_byte()),
                    None => open.push(child),
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Goal, gate};
    use crate::patch::{Edit, Patch};
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
        match gate(&patch, &snapshot, goal) {
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
