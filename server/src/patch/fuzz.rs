//! A million replies that no model would be proud of: none makes the reader panic, and none changes what it must not.

use super::{Fate, apply, gate, minimise, read};
use crate::task::Goal;
use crate::workspace::{Buffer, RelPath, Snapshot};

const CASES: u64 = 1_000_000;
/// Another seed is another million.
const SEED: u64 = 0x0ba7_04ed;

const FILES: [(&str, &str); 5] = [
    ("src/a.py", "import os\n\ndef f(x):\n    return x + 1\n\ndef g(x):\n    y = x\n    return x\n"),
    ("src/b.py", "b = 1\r\nc = 2\r\n"),
    ("Cargo.toml", "[package]\nname = \"x\"\n"),
    (".env", "KEY=secret\n"),
    (".git/config", "[core]\nsecret\n"),
];

/// Replies that are right, in every format.
const RIGHT: [&str; 12] = [
    "src/a.py\n```python\n<<<<<<< SEARCH\n    return x + 1\n=======\n    return x - 1\n>>>>>>> REPLACE\n```\n",
    "<<<<<<< SEARCH\ndef g(x):\n    y = x\n=======\ndef g(x):\n    y = 2\n>>>>>>> REPLACE\n\nsrc/b.py\n<<<<<<< SEARCH\nb = 1\n=======\nb = 2\n>>>>>>> REPLACE\n",
    "--- a/src/a.py\n+++ b/src/a.py\n@@ -3,2 +3,2 @@ import os\n def f(x):\n-    return x + 1\n+    return x\n--- a/src/b.py\n+++ b/src/b.py\n@@ -1 +1 @@\n-b = 1\n+b = 2\n",
    "*** Begin Patch\n*** Update File: src/a.py\n@@ def g(x):\n     y = x\n-    return x\n+    return y\n*** End Patch\n",
    "{\"path\":\"src/a.py\",\"old_string\":\"x + 1\",\"new_string\":\"x - 1\"}",
    "{\"edits\":[{\"path\":\"src/b.py\",\"old_string\":\"b = 1\\n\",\"new_string\":\"\"},{\"path\":\"src/a.py\",\"old_string\":\"x\",\"new_string\":\"z\",\"replace_all\":true}]}",
    "```python\ndef f(x):\n    return x - 1\n```\n",
    "Cargo.toml\n<<<<<<< SEARCH\nname = \"x\"\n=======\nname = \"y\"\n>>>>>>> REPLACE\n",
    ".env\n<<<<<<< SEARCH\nKEY=secret\n=======\nKEY=\n>>>>>>> REPLACE\n",
    "{\"path\":\"src/b.py\",\"content\":\"b = 3\\n\"}",
    "src/c.py\n<<<<<<< SEARCH\n=======\nc = 1\n>>>>>>> REPLACE\n",
    "*** Begin Patch\n*** Update File: src/b.py\n*** Move to: src/d.py\n@@\n-b = 1\n+b = 2\n*** Delete File: src/a.py\n*** End Patch\n",
];

const FRAGMENTS: [&str; 40] = [
    "<<<<<<< SEARCH\n",
    "=======\n",
    ">>>>>>> REPLACE\n",
    "```\n",
    "```python src/b.py\n",
    "@@ -1,2 +1,2 @@\n",
    "@@ f\n",
    "@@\n",
    "--- a/src/a.py\n+++ b/src/a.py\n",
    "--- /dev/null\n+++ b/new\n",
    "*** Begin Patch\n",
    "*** End Patch\n",
    "*** Update File: ../x\n",
    "*** Delete File: src/a.py\n",
    "*** Move to: .git/config\n",
    "{\"path\":\"",
    "\"old_string\":\"x\",",
    "\"}",
    "src/b.py\n",
    ".git/config\n",
    ".GIT/config\n",
    "../../etc/passwd\n",
    "/proc/self/environ\n",
    ".env\n",
    "Cargo.toml\n",
    "src/../.env\n",
    "src/a.py/../../../x\n",
    "import os\n",
    "def f(x):\n",
    "    return x\n",
    "\n",
    "  ",
    "\t",
    "\r\n",
    "...\n",
    "# ... rest\n",
    "\u{202e}",
    "\u{feff}",
    "<think>",
    "</think>",
];

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// A place in `text` between two characters.
    fn place(&mut self, text: &str) -> usize {
        let at = self.below(text.len() + 1);
        (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
    }

    /// A right reply, or fragments, and a few things done to it.
    fn reply(&mut self) -> String {
        let mut reply = match self.below(5) {
            0 => (0..self.below(12)).map(|_| self.one_of(&FRAGMENTS)).collect(),
            1 => self.one_of(&RIGHT).to_owned() + self.one_of(&RIGHT),
            _ => self.one_of(&RIGHT).to_owned(),
        };
        for _ in 0..self.below(5) {
            let (mut from, mut to) = (self.place(&reply), self.place(&reply));
            (from, to) = (from.min(to), from.max(to));
            match self.below(6) {
                0 => reply.truncate(to),
                1 => reply.insert_str(from, self.one_of(&FRAGMENTS)),
                2 => reply.replace_range(
                    from..(from + 1..)
                        .find(|&at| at >= reply.len() || reply.is_char_boundary(at))
                        .map_or(from, |at| at.min(reply.len())),
                    "",
                ),
                3 => reply = [&reply[..to], &reply[from..]].concat(),
                4 => {
                    reply = reply.replace(
                        self.one_of(&["src/a.py", "src/b.py", "x", "\n", " "]),
                        self.one_of(&["src/b.py", "../a", ".git/config", "", "\r\n", "x"]),
                    )
                }
                _ => {
                    let line_start = reply[..from].rfind('\n').map_or(0, |at| at + 1);
                    let line_end = reply[from..].find('\n').map_or(reply.len(), |at| from + at + 1);
                    reply.replace_range(line_start..line_end, self.one_of(&FRAGMENTS));
                }
            }
        }
        reply
    }
}

#[test]
fn no_reply_makes_it_panic_or_leave_its_scope() {
    let path = |path| RelPath::new(path).expect("a path");
    let overlay = FILES.map(|(name, text)| (path(name), Buffer { text: text.into(), version: 1 }));
    let snapshot = Snapshot::new("/nowhere/project".into(), overlay.into());
    let focus = path("src/a.py");
    let (mut passed, mut refused) = (0, 0);
    for case in 0..CASES {
        // Each case has its own seed, so that one can be run alone.
        let mut dice = Dice((SEED ^ case).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let reply = dice.reply();
        let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| judge(&reply, &snapshot, &focus)));
        match judged {
            Ok(Ok(true)) => passed += 1,
            Ok(Ok(false)) => refused += 1,
            Ok(Err(wrong)) => panic!("seed {SEED:#x}, case {case}: {wrong}: {reply:?}"),
            Err(_) => panic!("seed {SEED:#x}, case {case} panics: {reply:?}"),
        }
    }
    // A fuzzer that only ever reaches the first refusal proves nothing.
    assert!(passed > CASES / 20 && refused > CASES / 20, "{passed} passed, {refused} were refused");
}

/// Whether the reply passes; an error is what must never happen.
fn judge(reply: &str, snapshot: &Snapshot, focus: &RelPath) -> Result<bool, String> {
    let problems = match read(reply, snapshot, focus) {
        Ok(patch) => {
            if minimise(&patch, snapshot) != patch {
                return Err("its edits are not minimal".into());
            }
            match gate(&patch, snapshot, Goal::Edit) {
                Ok(asks) => {
                    for (path, change) in patch.files() {
                        let old = change.before(path, snapshot).map_err(|_| format!("{path} was not there"))?;
                        let new =
                            apply(&old, &change.edits).ok_or_else(|| format!("the edits of {path} do not fit"))?;
                        let asked = asks.contains_key(path);
                        let known = FILES.iter().any(|(name, _)| *name == path.as_str());
                        let ordinary = path.as_str().starts_with("src/") && known;
                        let in_scope = match change.fate {
                            Fate::Kept => ordinary || path.as_str() == "Cargo.toml" && asked,
                            Fate::Created => !known,
                            Fate::Deleted | Fate::Moved(_) => known && asked,
                        };
                        if !in_scope || path.as_str().starts_with('.') && !asked {
                            return Err(format!("{path} is out of scope"));
                        }
                        if new.contains('\u{202e}') || old.contains("\r\n") && new.replace("\r\n", "").contains('\n') {
                            return Err(format!("{path} would get characters that it had not"));
                        }
                    }
                    return Ok(true);
                }
                Err(problems) => problems,
            }
        }
        Err(problems) => problems,
    };
    let told: String = problems.iter().map(|problem| problem.0.replace(reply, "")).collect();
    if problems.is_empty() || told.contains("secret") && !reply.contains("secret") {
        return Err(format!("{problems:?}"));
    }
    Ok(false)
}
