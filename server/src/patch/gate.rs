//! What no patch may do, whoever wrote it. Every model and every byte of the repository counts as hostile here.

use super::protected::{holds_secrets, is_test, runs_by_itself};
use super::{Edit, Patch, Problem, apply};
use crate::task::Goal;
use crate::workspace::{RelPath, Snapshot};

/// Most files of one patch.
const FILES: usize = 20;
/// Most bytes of new text in one patch.
const BYTES: usize = 512 * 1024;

/// Every reason why `patch` must not be applied. Passing says nothing of whether it is right.
pub fn gate(patch: &Patch, snapshot: &Snapshot, goal: Goal) -> Result<(), Vec<Problem>> {
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
    for (path, edits) in patch.files() {
        let real = snapshot.real(path).unwrap_or_else(|_| path.clone());
        let problem = forbidden(path, snapshot).or_else(|| reserved(path, goal)).or_else(|| reserved(&real, goal));
        if let Some(problem) = problem {
            problems.push(problem);
            continue;
        }
        match snapshot.read(path) {
            Ok(old) => problems.extend(text_problem(path, &old, edits, goal)),
            Err(error) => problems.push(Problem(error.to_string())),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Why a path that a model names is not even read. Links are followed first.
pub(super) fn forbidden(path: &RelPath, snapshot: &Snapshot) -> Option<Problem> {
    let real = match snapshot.real(path) {
        Ok(real) => real,
        Err(error) => return Some(Problem(error.to_string())),
    };
    let linked = if real == *path { String::new() } else { format!("{path} leads there: ") };
    [path, &real].into_iter().find_map(|path| {
        let part = path.as_str().split('/').find(|part| is_ours_or_gits(part));
        let what = match part {
            Some(_) => "belongs to git or to Baton and is never changed",
            None if holds_secrets(path) => "is a place for keys and is never changed",
            None if path.as_str().chars().any(hides) => "has invisible characters in its name and is not changed",
            None => return None,
        };
        Some(Problem(format!("{linked}{} {what}", path.as_str().escape_debug())))
    })
}

/// `.git` and `.baton` in every spelling that some file system takes for them: other case, trailing dots and
/// blanks, short names, ignorable and look-alike characters.
fn is_ours_or_gits(part: &str) -> bool {
    let bare: String = part.chars().filter(|c| !hides(*c)).flat_map(char::to_lowercase).collect();
    let bare = bare.trim_end_matches(['.', ' ']);
    let short = bare.strip_prefix("git~").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    // No ordinary hidden name is this short and not ASCII.
    let alike = bare.starts_with(['.', '．', '․', '。', '·']) && bare.chars().count() <= 6 && !bare.is_ascii();
    bare == ".git" || bare == ".baton" || bare.starts_with(".git:") || short || alike
}

/// What only the user changes.
fn reserved(path: &RelPath, goal: Goal) -> Option<Problem> {
    if runs_by_itself(path) {
        return Some(Problem(format!("{path} can execute code; Baton does not change it by itself")));
    }
    let test = goal == Goal::Fix && is_test(path);
    test.then(|| Problem(format!("{path} is a test; a fix must make the tests pass as they are")))
}

fn text_problem(path: &RelPath, old: &str, edits: &[Edit], goal: Goal) -> Option<Problem> {
    if apply(old, edits).is_none() {
        return Some(Problem(format!("the edits do not fit {path} as it is")));
    }
    for c in edits.iter().flat_map(|edit| edit.text.chars()) {
        if c == '\0' || (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}') && !old.contains(c)) {
            return Some(Problem(format!("{path} would get the control character U+{:04X}", u32::from(c))));
        }
        if hides(c) && !old.contains(c) {
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

/// Characters that show nothing or turn the order of what is shown (CVE-2021-42574), and tag characters.
fn hides(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::{Goal, gate, holds_secrets};
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
            Ok(()) => "passed".into(),
            Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    fn path(path: &str, goal: Goal) -> String {
        verdict(path, "a\n", 0..1, "b", goal)
    }

    #[test]
    fn git_and_our_state_are_never_changed() {
        for name in [
            ".git/config",
            "a/.git/hooks/post-checkout",
            ".GIT/config",
            ".git./config",
            ".git /x",
            "git~1/config",
            ".g\u{200c}it/config",
            "．git/config",
            ".ɡit/config",
            ".gіt/x",
            ".baton/state",
        ] {
            assert!(path(name, Goal::Edit).contains("never changed"), "{name}: {}", path(name, Goal::Edit));
        }
        for name in [".gitignore", "git/config.py", "a/.github.md", "gität.py"] {
            assert_eq!(path(name, Goal::Edit), "passed", "{name}");
        }
    }

    #[test]
    fn what_runs_by_itself_is_left_to_the_user() {
        for name in [
            "Cargo.toml",
            "x/build.rs",
            ".github/workflows/ci.yml",
            ".vscode/tasks.json",
            "package.json",
            "makefile",
            "conftest.py",
            "a/b/AGENTS.md",
            ".cargo/config.toml",
            "pyproject.toml",
            "vite.config.ts",
            "BUILD.RS",
        ] {
            let sentence = format!("{name} can execute code; Baton does not change it by itself");
            assert_eq!(path(name, Goal::Edit), sentence);
        }
        assert_eq!(path("src/builder.rs", Goal::Edit), "passed");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_judged_by_where_it_leads() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        std::fs::write(root.join("Cargo.toml"), "a\n").expect("written");
        std::os::unix::fs::symlink("Cargo.toml", root.join("notes.md")).expect("linked");
        let mut patch = Patch::default();
        let path = RelPath::new("notes.md").expect("a path");
        patch.insert(path, vec![Edit { range: 0..1, text: "b".into() }]).expect("in order");
        let problems =
            gate(&patch, &Snapshot::new(root, Default::default()), Goal::Edit).expect_err("leads to Cargo.toml");
        assert!(problems[0].0.contains("Cargo.toml can execute code"), "{problems:?}");
    }

    #[test]
    fn a_fix_leaves_the_tests_alone_and_an_edit_may_change_them() {
        for name in ["tests/a.rs", "test_a.py", "src/a.test.ts", "a_test.go"] {
            assert!(path(name, Goal::Fix).contains("is a test"), "{name}");
            assert_eq!(path(name, Goal::Edit), "passed", "{name}");
        }
        let at = RUST.find("2)").expect("the expected value");
        assert!(verdict("src/f.rs", RUST, at..at + 1, "1", Goal::Fix).contains("within the tests of src/f.rs"));
        assert_eq!(verdict("src/f.rs", RUST, at..at + 1, "1", Goal::Edit), "passed");
        assert_eq!(verdict("src/f.rs", RUST, 15..16, "2", Goal::Fix), "passed");
    }

    #[test]
    fn secrets_are_never_changed() {
        for name in [".env", "deploy/.env.prod", "server.pem", "home/.ssh/config"] {
            assert!(path(name, Goal::Edit).contains("place for keys"), "{name}");
            assert!(holds_secrets(&RelPath::new(name).expect("a path")));
        }
        assert_eq!(path("src/environment.py", Goal::Edit), "passed");
    }

    #[test]
    fn text_that_hides_something_is_refused_unless_it_was_there() {
        for c in ['\u{202e}', '\u{200b}', '\u{2066}', '\u{e0041}', '\u{feff}', '\0', '\u{1b}'] {
            let said = verdict("a.py", "a\n", 0..1, &format!("x{c}"), Goal::Edit);
            assert!(said.contains(&format!("U+{:04X}", u32::from(c))), "{said}");
        }
        assert_eq!(verdict("a.py", "a\u{200d}\n", 0..1, "b\u{200d}", Goal::Edit), "passed");
        assert_eq!(verdict("a.py", "a\n", 0..1, "\tä €\r\n", Goal::Edit), "passed");
    }

    #[test]
    fn size_fit_and_goal() {
        assert!(verdict("a.py", "a\n", 0..1, &"x".repeat(600_000), Goal::Edit).contains("at most 524288"));
        assert!(verdict("a.py", "a\n", 0..9, "x", Goal::Edit).contains("do not fit"));
        assert!(verdict("a.py", "a\n", 0..1, "x", Goal::Ask).contains("a question"));
    }
}
