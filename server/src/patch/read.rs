//! From a reply to a patch, or to the reasons why not, which go back to the worker once.

use std::collections::BTreeMap;

use super::block::{Block, Reach};
use super::place::{self, Gate};
use super::{Change, Fate, Patch, Problem, block, call, hunks, minimise, search_replace, whole};
use crate::task::Goal;
use crate::workspace::{RelPath, Snapshot};

/// Longest reply that is read, in bytes.
const LONGEST: usize = 4 << 20;

/// The change that a reply describes: SEARCH/REPLACE blocks, a diff, calls of an editing tool, or fenced code that
/// is clearly the whole of a file or one function of it. A change that names no file is one of `focus`. Edits are
/// minimal and fit the texts of `snapshot`.
pub fn read(reply: &str, snapshot: &Snapshot, focus: &RelPath) -> Result<Patch, Vec<Problem>> {
    let blocks = blocks(reply)?;
    let patch = if blocks.is_empty() { code(reply, snapshot, focus)? } else { change(&blocks, snapshot, focus)? };
    if patch.is_empty() { Err(vec![Problem("the edit changes nothing".into())]) } else { Ok(patch) }
}

/// The changes that a reply writes down, before they are looked for in any file; none where it is prose or code.
pub fn blocks(reply: &str) -> Result<Vec<Block>, Vec<Problem>> {
    if reply.len() > LONGEST {
        return Err(vec![Problem("the reply is longer than 4 MiB".into())]);
    }
    let reply = spoken(reply);
    let lines: Vec<&str> = reply.lines().collect();
    let (marked, rest) = search_replace::parse(&lines)?;
    let hunks = hunks::parse(&rest)?;
    let mut blocks = match (marked.is_empty(), hunks.is_empty()) {
        (true, true) => call::parse(reply)?,
        (true, false) => hunks,
        (false, true) => marked,
        // One of them may repeat the other or not: nobody can tell.
        (false, false) => {
            let both = "there are SEARCH/REPLACE blocks and a diff; answer with the blocks alone";
            return Err(vec![Problem(both.into())]);
        }
    };
    // Code for another file would be left out, and the rest is half a change; for a file with changes it explains.
    let named = |path: &String| blocks.iter().any(|block| block.path.as_ref() == Some(path));
    let beside = |piece: whole::Piece| piece.path.filter(|path| !piece.code.trim().is_empty() && !named(path));
    if let (false, Some(path)) = (blocks.is_empty(), whole::pieces(&rest).into_iter().find_map(beside)) {
        let what = format!("there is code for {path} beside the changes; write it as a SEARCH/REPLACE block");
        return Err(vec![Problem(what)]);
    }
    // The mark of a file's first line is no part of its text.
    for line in blocks.iter_mut().flat_map(|block| block.old.first_mut().into_iter().chain(block.new.first_mut())) {
        if let Some(text) = line.strip_prefix('\u{feff}') {
            *line = text.to_owned();
        }
    }
    Ok(blocks)
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
        let named = |name| file(name, block.makes_a_file(), snapshot, focus);
        match block.path.as_deref().map_or(Ok(focus.clone()), named) {
            Ok(path) => files.entry(path).or_default().push(block),
            Err(problem) => problems.push(problem),
        }
    }
    let mut patch = Patch::default();
    for (path, blocks) in files {
        // Only the focus was shown to the worker: a message must not show it another file.
        match one_file(&path, &blocks, snapshot, path == *focus) {
            Ok(change) => patch.insert(path, change).unwrap_or_else(|problem| problems.push(problem)),
            Err(more) => problems.extend(more),
        }
    }
    problems.dedup();
    if problems.is_empty() { Ok(patch) } else { Err(problems) }
}

/// What the blocks for one file make of it. `quote`: whether messages may quote it.
fn one_file(path: &RelPath, blocks: &[&Block], snapshot: &Snapshot, quote: bool) -> Result<Change, Vec<Problem>> {
    let problem = |what: String| vec![Problem(what)];
    let (names, texts): (Vec<&Block>, Vec<&Block>) = blocks.iter().partition(|block| block.reach == Reach::Name);
    let (text, mut fate) = match snapshot.read(path) {
        Ok(text) => (text, Fate::Kept),
        Err(error) if error.is_absent() => ("".into(), Fate::Created),
        Err(error) => return Err(problem(error.to_string())),
    };
    if let Some(first) = names.first() {
        if names.iter().any(|name| name.new != first.new) {
            return Err(problem(format!("{path} would become several things")));
        }
        let to = first.new.first().map(|to| inside(to, snapshot)).transpose().map_err(|problem| vec![problem])?;
        fate = to.map_or(Fate::Deleted, Fate::Moved);
    }
    let edits = match (&fate, texts.is_empty()) {
        (Fate::Deleted, true) => minimise::edits(&text, ""),
        (Fate::Deleted, false) => return Err(problem(format!("{path} would be both changed and deleted"))),
        (_, true) => Vec::new(),
        (_, false) => block::edits(&text, &texts, path.as_str(), quote)?,
    };
    Ok(Change { edits, fate })
}

/// The path that a reply means by `name`: within the workspace, or absolute below its root.
fn inside(name: &str, snapshot: &Snapshot) -> Result<RelPath, Problem> {
    let plain = name.replace('\\', "/");
    let within = snapshot.root().to_str().and_then(|root| plain.strip_prefix(root)?.strip_prefix('/'));
    RelPath::new(within.unwrap_or(&plain)).map_err(|error| Problem(error.to_string()))
}

/// The file that a reply means by `name`. `new`: it may be one that is not there yet.
fn file(name: &str, new: bool, snapshot: &Snapshot, focus: &RelPath) -> Result<RelPath, Problem> {
    let path = inside(name, snapshot)?;
    if path == *focus {
        return Ok(path);
    }
    // What is never changed is not even read: a message could tell of it.
    if let Gate::Deny(why) = place::gate(&path, snapshot, Goal::Edit) {
        return Err(Problem(why));
    }
    match snapshot.read(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.is_absent() => {
            if focus.as_str().ends_with(&format!("/{path}")) {
                return Ok(focus.clone());
            }
            if new {
                return Ok(path);
            }
            let what = format!("{path} does not exist; change {focus}, or leave SEARCH empty to make a new file");
            Err(Problem(what))
        }
        Err(error) => Err(Problem(error.to_string())),
    }
}

fn code(reply: &str, snapshot: &Snapshot, focus: &RelPath) -> Result<Patch, Vec<Problem>> {
    let none = || vec![Problem("there is no edit in the reply; answer with SEARCH/REPLACE blocks".into())];
    let pieces = whole::pieces(&spoken(reply).lines().collect::<Vec<_>>());
    // Several pieces without names are an explanation, not a change.
    if pieces.is_empty() || pieces.len() > 1 && pieces.iter().any(|piece| piece.path.is_none()) {
        return Err(none());
    }
    let mut patch = Patch::default();
    for piece in pieces {
        let path = piece.path.map_or(Ok(focus.clone()), |name| file(&name, false, snapshot, focus));
        let path = path.map_err(|problem| vec![problem])?;
        let language = baton_grammars::by_path(std::path::Path::new(path.as_str())).ok_or_else(none)?;
        let text = snapshot.read(&path).map_err(|error| vec![Problem(error.to_string())])?;
        let edits = whole::edits(&text, &piece.code, language, path.as_str(), path == *focus)
            .map_err(|problem| vec![problem])?;
        if patch.files().contains_key(&path) {
            return Err(vec![Problem(format!("{path} is there twice; answer with SEARCH/REPLACE blocks"))]);
        }
        patch.insert(path, edits).map_err(|problem| vec![problem])?;
    }
    Ok(patch)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::patch::{diff, minimise};
    use crate::workspace::{Buffer, RelPath, Snapshot};

    /// A workspace that is on no disk, but for what is not open.
    fn workspace() -> (Snapshot, RelPath) {
        let open = [
            ("src/a.py", "def f(x):\n    return x + 1\n\ndef g(x):\n    return x\n"),
            ("src/b.py", "b = 1\n"),
            (".env", "KEY=secret\n"),
            (".git/config", "[core]\n"),
        ];
        let path = |path| RelPath::new(path).expect("a path");
        let overlay = open.map(|(name, text)| (path(name), Buffer { text: text.into(), version: 1 }));
        (Snapshot::new("/nowhere/project".into(), overlay.into()), path("src/a.py"))
    }

    fn block(path: &str, old: &str, new: &str) -> String {
        format!("{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n")
    }

    fn outcome(reply: &str) -> String {
        let (snapshot, focus) = workspace();
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
            "*** Begin Patch\n*** Update File: src/a.py\n@@ def f(x):\n-    return x + 1\n+    return x - 1\n*** End Patch".into(),
            r#"{"path":"/nowhere/project/src/a.py","old_string":"x + 1","new_string":"x - 1"}"#.into(),
            "The sign is wrong:\n```python\ndef f(x):\n    return x - 1\n```\n".into(),
            "src\\a.py\n```python\ndef f(x):\n    return x - 1\n```\n```sh\npytest\n```\n".into(),
        ] {
            assert_eq!(outcome(&reply), plain, "{reply}");
        }
    }

    #[test]
    fn every_way_to_make_move_or_remove_a_file() {
        let made = outcome(&block("src/new.py", "", "def h():\n    return 1"));
        insta::assert_snapshot!(made, @r"
        diff --git a/src/new.py b/src/new.py
        new file mode 100644
        --- /dev/null
        +++ b/src/new.py
        @@ -0,0 +1,2 @@
        +def h():
        +    return 1
        ");
        for reply in [
            made.clone(),
            "--- /dev/null\n+++ b/src/new.py\n@@ -0,0 +1,2 @@\n+def h():\n+    return 1\n".into(),
            "*** Begin Patch\n*** Add File: src/new.py\n+def h():\n+    return 1\n*** End Patch".into(),
            r#"{"command":"create","path":"src/new.py","file_text":"def h():\n    return 1\n"}"#.into(),
        ] {
            assert_eq!(outcome(&reply), made, "{reply}");
        }
        let gone = outcome("*** Begin Patch\n*** Delete File: src/b.py\n*** End Patch");
        insta::assert_snapshot!(gone, @r"
        diff --git a/src/b.py b/src/b.py
        deleted file mode 100644
        --- a/src/b.py
        +++ /dev/null
        @@ -1 +0,0 @@
        -b = 1
        ");
        assert_eq!(outcome(&gone), gone);
        assert_eq!(outcome(r#"{"command":"delete","path":"src/b.py"}"#), gone);
        let moved = outcome(
            "*** Begin Patch\n*** Update File: src/b.py\n*** Move to: src/c.py\n@@\n-b = 1\n+b = 2\n*** End Patch",
        );
        insta::assert_snapshot!(moved, @r"
        diff --git a/src/b.py b/src/c.py
        rename from src/b.py
        rename to src/c.py
        --- a/src/b.py
        +++ b/src/c.py
        @@ -1 +1 @@
        -b = 1
        +b = 2
        ");
        assert_eq!(outcome(&moved), moved);
        let renamed = outcome("*** Begin Patch\n*** Update File: src/b.py\n*** Move to: src/c.py\n*** End Patch");
        assert_eq!(outcome(r#"{"command":"rename","path":"src/b.py","new_path":"src/c.py"}"#), renamed);
        let empty = outcome("*** Begin Patch\n*** Add File: src/__init__.py\n*** End Patch");
        assert_eq!(empty, "diff --git a/src/__init__.py b/src/__init__.py\nnew file mode 100644\n");
        assert_eq!(outcome(&empty), empty);
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
            ("--- /dev/null\n+++ b/src/b.py\n@@ -0,0 +1 @@\n+b = 2\n".into(), "does not say which lines"),
            (
                "*** Begin Patch\n*** Delete File: src/b.py\n*** Update File: src/b.py\n-b = 1\n+b = 2\n*** End Patch"
                    .into(),
                "both changed and deleted",
            ),
            ("*** Begin Patch\n*** Delete File: src/no.py\n*** End Patch".into(), "src/no.py does not exist"),
            (
                "*** Begin Patch\n*** Update File: src/b.py\n*** Move to: ../b.py\n*** End Patch".into(),
                "not a plain path",
            ),
            (block("../new.py", "", "b"), "not a plain path"),
            (block(".git/hooks/x", "", "b"), ".git"),
            (block("../x.py", "a", "b"), "not a plain path"),
            (block("/etc/passwd", "root", "b"), "not a plain path"),
            (block(".git/config", "[core]", "[x]"), ".git"),
            (block(".env", "KEY=other", "KEY="), "keys"),
            (block("", "return y", "return z"), "nearest:"),
            (
                block("", "return x + 1", "return x") + "\n@@ -5 +5 @@\n-    return x\n+    return y\n",
                "blocks and a diff",
            ),
            (block("", "return x + 1", "return x") + "src/b.py\n```\nb = 2\n```\n", "code for src/b.py"),
            ("```\nx = 1\n```\nor\n```\nx = 2\n```".into(), "there is no edit"),
            (r#"{"path":"src/a.py","old_string":"x","new_string":"y"}"#.into(), "found 4 times"),
        ] {
            let said = outcome(&reply);
            assert!(said.starts_with("! ") && said.contains(says) && !said.contains("secret"), "{reply}: {said}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_workspace_is_not_read() {
        let (folder, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let root = folder.path().canonicalize().expect("a path");
        std::fs::write(outside.path().join("x.py"), "x = 1\n").expect("written");
        std::fs::create_dir(root.join(".git")).expect("made");
        std::fs::write(root.join(".git/config"), "[core]\n").expect("written");
        std::os::unix::fs::symlink(outside.path(), root.join("link")).expect("linked");
        std::os::unix::fs::symlink(".git/config", root.join("c.py")).expect("linked");
        let snapshot = Snapshot::new(root, Default::default());
        for (path, old) in [("link/x.py", "x = 1"), ("c.py", "[core]"), ("link/new/y.py", "")] {
            let focus = RelPath::new("a.py").expect("a path");
            let problems = read(&block(path, old, "y"), &snapshot, &focus).expect_err(path);
            assert!(problems[0].0.contains("leads"), "{problems:?}");
        }
    }
}
