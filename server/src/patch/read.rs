//! From a reply to a patch, or to the reasons why not, which go back to the worker once.

use std::collections::BTreeMap;

use super::block::Block;
use super::{Patch, Problem, block, gate, search_replace, unified, whole};
use crate::workspace::{ReadError, RelPath, Snapshot};

/// Longest reply that is read, in bytes.
const LONGEST: usize = 4 << 20;

/// The change that a reply describes: SEARCH/REPLACE blocks, a unified diff, or one fenced piece of code that
/// is clearly the whole of `focus` or one function of it. Edits are minimal and fit the texts of `snapshot`.
pub fn read(reply: &str, snapshot: &Snapshot, focus: &RelPath) -> Result<Patch, Vec<Problem>> {
    if reply.len() > LONGEST {
        return Err(vec![Problem("the reply is longer than 4 MiB".into())]);
    }
    let reply = spoken(reply).replace("\r\n", "\n");
    let mut blocks = search_replace::parse(&reply)?;
    if blocks.is_empty() {
        blocks = unified::parse(&reply)?;
    }
    let patch = if blocks.is_empty() { code(&reply, snapshot, focus)? } else { change(&blocks, snapshot, focus)? };
    if patch.is_empty() { Err(vec![Problem("the edit changes nothing".into())]) } else { Ok(patch) }
}

/// The reply without what its model thought aloud first: edits in there are drafts.
fn spoken(reply: &str) -> &str {
    let reply = reply.trim_start_matches('\u{feff}').trim_start();
    if !reply.starts_with("<think>") {
        return reply;
    }
    reply.split_once("</think>").map_or("", |(_, spoken)| spoken)
}

fn change(blocks: &[Block], snapshot: &Snapshot, focus: &RelPath) -> Result<Patch, Vec<Problem>> {
    let mut files: BTreeMap<RelPath, Vec<&Block>> = BTreeMap::new();
    let mut problems = Vec::new();
    for block in blocks {
        match block.path.as_deref().map_or(Ok(focus.clone()), |name| file(name, snapshot, focus)) {
            Ok(path) => files.entry(path).or_default().push(block),
            Err(problem) => problems.push(problem),
        }
    }
    let mut patch = Patch::default();
    for (path, blocks) in files {
        let text = match snapshot.read(&path) {
            Ok(text) => text,
            Err(error) => {
                problems.push(Problem(error.to_string()));
                continue;
            }
        };
        // Only the focus was shown to the worker: a message must not show it another file.
        match block::edits(&text, &blocks, path.as_str(), path == *focus) {
            Ok(edits) => patch.insert(path, edits).unwrap_or_else(|problem| problems.push(problem)),
            Err(more) => problems.extend(more),
        }
    }
    problems.dedup();
    if problems.is_empty() { Ok(patch) } else { Err(problems) }
}

/// The file that a reply means by `name`.
fn file(name: &str, snapshot: &Snapshot, focus: &RelPath) -> Result<RelPath, Problem> {
    let path = RelPath::new(name).map_err(|error| Problem(error.to_string()))?;
    if path == *focus {
        return Ok(path);
    }
    if let Some(problem) = gate::forbidden(&path, snapshot) {
        return Err(problem);
    }
    match snapshot.read(&path) {
        Ok(_) => Ok(path),
        Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            if focus.as_str().ends_with(&format!("/{path}")) {
                return Ok(focus.clone());
            }
            Err(Problem(format!("{path} does not exist; change existing files only, such as {focus}")))
        }
        Err(error) => Err(Problem(error.to_string())),
    }
}

fn code(reply: &str, snapshot: &Snapshot, focus: &RelPath) -> Result<Patch, Vec<Problem>> {
    let none = || vec![Problem("there is no edit in the reply; answer with SEARCH/REPLACE blocks".into())];
    let code = whole::fenced(reply).ok_or_else(none)?;
    let language = baton_grammars::by_path(std::path::Path::new(focus.as_str())).ok_or_else(none)?;
    let text = snapshot.read(focus).map_err(|error| vec![Problem(error.to_string())])?;
    let edits = whole::edits(&text, &code, language, focus.as_str()).map_err(|problem| vec![problem])?;
    let mut patch = Patch::default();
    patch.insert(focus.clone(), edits).map_err(|problem| vec![problem])?;
    Ok(patch)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::patch::{diff, minimise};
    use crate::workspace::{RelPath, Snapshot};

    fn workspace() -> (tempfile::TempDir, Snapshot, RelPath) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        for (path, text) in [
            ("src/a.py", "def f(x):\n    return x + 1\n\ndef g(x):\n    return x\n"),
            ("src/b.py", "b = 1\n"),
            (".env", "KEY=secret\n"),
            (".git/config", "[core]\n"),
        ] {
            std::fs::create_dir_all(root.join(path).parent().expect("a parent")).expect("made");
            std::fs::write(root.join(path), text).expect("written");
        }
        (folder, Snapshot::new(root, Default::default()), RelPath::new("src/a.py").expect("a path"))
    }

    fn block(path: &str, old: &str, new: &str) -> String {
        format!("{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n")
    }

    fn outcome(reply: &str) -> String {
        let (_folder, snapshot, focus) = workspace();
        match read(reply, &snapshot, &focus) {
            Ok(patch) => {
                assert_eq!(minimise(&patch, &snapshot), patch, "edits are minimal as they are read");
                diff(&patch, &snapshot)
            }
            Err(problems) => problems.iter().map(|problem| format!("! {problem}\n")).collect(),
        }
    }

    #[test]
    fn every_way_to_write_the_same_change() {
        let plain = outcome(&block("src/a.py", "    return x + 1", "    return x - 1"));
        insta::assert_snapshot!(plain, @r"
        --- a/src/a.py
        +++ b/src/a.py
        @@ -1,5 +1,5 @@
         def f(x):
        -    return x + 1
        +    return x - 1
         
         def g(x):
             return x
        ");
        let thought = "<think>\n<<<<<<< SEARCH\nzzz\n=======\ny\n>>>>>>> REPLACE\n</think>\n";
        for reply in [
            block("a.py", "return x + 1", "return x - 1"),
            block("", "def f(x):\r\n    return x + 1", "def f(x):\r\n    return x - 1"),
            format!("{thought}{}", block("", "return x + 1", "return x - 1")),
            "--- a/src/a.py\n+++ b/src/a.py\n@@ -40,2 +40,2 @@\n def f(x):\n-    return x + 1\n+    return x - 1\n"
                .into(),
            "The sign is wrong:\n```python\ndef f(x):\n    return x - 1\n```\n".into(),
        ] {
            assert_eq!(outcome(&reply), plain, "{reply}");
        }
    }

    #[test]
    fn several_files_or_none() {
        let both = block("src/a.py", "return x + 1", "return x") + &block("src/b.py", "b = 1", "b = 2");
        assert_eq!(outcome(&both).matches("+++ b/").count(), 2);
        let half = block("src/a.py", "return x + 1", "return x") + &block("src/b.py", "c = 1", "b = 2");
        insta::assert_snapshot!(outcome(&half), @"! src/b.py: the lines from `c = 1` are not in the file");
    }

    #[test]
    fn what_cannot_be_an_edit_says_why() {
        for (reply, says) in [
            ("I think the sign is wrong.".to_owned(), "there is no edit in the reply"),
            (String::new(), "there is no edit"),
            ("<think> never ends".to_owned(), "there is no edit"),
            (block("", "    return x", "    return x"), "changes nothing"),
            (block("src/new.py", "a", "b"), "src/new.py does not exist"),
            (block("../x.py", "a", "b"), "not a plain path"),
            (block("/etc/passwd", "root", "b"), "not a plain path"),
            (block(".git/config", "[core]", "[x]"), ".git"),
            (block(".env", "KEY=other", "KEY="), "keys"),
            (block("", "return y", "return z"), "nearest:"),
        ] {
            let said = outcome(&reply);
            assert!(said.starts_with("! ") && said.contains(says) && !said.contains("secret"), "{reply}: {said}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_workspace_is_not_read() {
        let (_folder, snapshot, focus) = workspace();
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("x.py"), "x = 1\n").expect("written");
        std::os::unix::fs::symlink(outside.path(), snapshot.root().join("link")).expect("linked");
        std::os::unix::fs::symlink(".git/config", snapshot.root().join("c.py")).expect("linked");
        for (path, old) in [("link/x.py", "x = 1"), ("c.py", "[core]")] {
            let problems = read(&block(path, old, "y"), &snapshot, &focus).expect_err(path);
            assert!(problems[0].0.contains("leads"), "{problems:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_reply_makes_it_panic(reply in "((<<<<<<< SEARCH|=======|>>>>>>> REPLACE|@@ -1 @@|--- a/x|\\+\\+\\+ b/x|```|[ -+]?return x|[ -+]?.{0,6})\r?\n){0,14}") {
            let (_folder, snapshot, focus) = workspace();
            if let Ok(patch) = read(&reply, &snapshot, &focus) {
                proptest::prop_assert!(!patch.is_empty());
            }
        }
    }
}
