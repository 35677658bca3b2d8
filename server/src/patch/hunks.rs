//! Diffs: unified ones, with line numbers taken as hints because models rarely count right, and the envelopes of
//! `apply_patch` (`*** Begin Patch`), which have no numbers but headings.

use super::Problem;
use super::anchor::Hint;
use super::block::{Block, Reach};

/// The hunks of a reply, none where it holds no diff. What cannot be a part of a diff within one is a problem:
/// to skip it would be to apply a half.
pub(super) fn parse(lines: &[&str]) -> Result<Vec<Block>, Vec<Problem>> {
    let mut reading = Reading { lines, ..Reading::default() };
    // A fence is one around a diff if it says so or once it holds a header.
    let (mut at, mut envelope, mut fence) = (0, None, None::<bool>);
    while at < lines.len() {
        let line = lines[at];
        if let Some((old, new)) = header(lines, at) {
            reading.git_file(old, new);
            fence = fence.map(|_| true);
            at += 2;
            at += reading.hunk(at, None, fence.is_some());
            continue;
        }
        if let Some(word) = line.strip_prefix("*** ") {
            match word.trim_end() {
                "Begin Patch" => envelope = Some(at),
                "End Patch" => (envelope, reading.path, reading.file) = (None, None, File::Kept),
                _ => reading.envelope_file(word),
            }
            at += 1;
            // The first hunk of a file may do without a heading.
            at += if reading.path.is_some() { reading.hunk(at, None, true) } else { 0 };
            continue;
        }
        if let Some(heading) = line.strip_prefix("@@") {
            at += 1;
            at += reading.hunk(at, Some(heading), fence == Some(true) || envelope.is_some());
            continue;
        }
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let diff = ["diff", "patch", "udiff"].contains(&language.trim());
            fence = if fence.is_some() { None } else { Some(diff) };
        }
        reading.beside_text(at);
        at += 1;
    }
    if let Some(began) = envelope {
        reading.problem(began, "the patch has no `*** End Patch`");
    }
    if reading.problems.is_empty() { Ok(reading.blocks) } else { Err(reading.problems) }
}

/// A diff while it is read.
#[derive(Default)]
struct Reading<'a> {
    lines: &'a [&'a str],
    /// The file that the next hunks are for.
    path: Option<String>,
    /// What is made of that file itself, where it is not only its text that changes.
    file: File,
    /// Headings that stand directly above the next hunk.
    under: Vec<String>,
    blocks: Vec<Block>,
    problems: Vec<Problem>,
}

/// What a diff makes of the file whose hunks follow.
#[derive(Default, PartialEq)]
enum File {
    /// Nothing.
    #[default]
    Kept,
    /// It is new: its hunk has no old lines.
    New,
    /// It goes: its hunks say nothing more.
    Gone,
}

impl Reading<'_> {
    fn problem(&mut self, line: usize, what: &str) {
        self.problems.push(Problem(format!("line {}: {what}", line + 1)));
    }

    /// The two header lines of a unified diff.
    fn git_file(&mut self, old: &str, new: &str) {
        let (old, new) = (name(old), name(new));
        let moved =
            |block: &Block| block.reach == Reach::Name && block.path == old && block.new.first() == new.as_ref();
        (self.file, self.path) = match (&old, &new) {
            (None, Some(_)) => (File::New, new),
            (Some(_), None) => (File::Gone, old),
            // Hunks are for the text as it was, so they are for the file of that name.
            (Some(_), Some(_)) if self.blocks.last().is_some_and(moved) => (File::Kept, old),
            _ => (File::Kept, new),
        };
        self.gone();
    }

    /// Takes down that the file goes, if it does, or that it gets another name.
    fn gone(&mut self) {
        if let (File::Gone, Some(path)) = (&self.file, self.path.clone()) {
            self.name(path, None);
        }
    }

    fn name(&mut self, path: String, to: Option<&str>) {
        let new = to.into_iter().map(str::to_owned).collect();
        self.blocks.push(Block { path: Some(path), new, reach: Reach::Name, ..Block::default() });
    }

    /// `*** Update File: …` and its like.
    fn envelope_file(&mut self, word: &str) {
        let Some((what, path)) = word.split_once(':') else { return };
        let path = path.trim();
        self.file = match what {
            "Update File" => File::Kept,
            "Add File" => File::New,
            "Delete File" => File::Gone,
            "Move to" => {
                match self.path.clone() {
                    Some(old) => self.name(old, Some(path)),
                    None => self.problems.push(Problem(format!("nothing says which file would become {path}"))),
                }
                return;
            }
            _ => return,
        };
        self.path = Some(path.to_owned());
        self.gone();
    }

    /// What git says of a file beside its text.
    fn beside_text(&mut self, at: usize) {
        let line = self.lines[at];
        let mode = line.starts_with("new mode ") && at > 0 && self.lines[at - 1].starts_with("old mode ");
        if mode || line == "GIT binary patch" {
            self.problem(at, &format!("`{line}` is not a change of text; Baton makes no other"));
        }
        if let (Some(old), Some(new)) = (line.strip_prefix("rename from "), self.lines.get(at + 1)) {
            match new.strip_prefix("rename to ") {
                Some(new) => self.name(old.trim().to_owned(), Some(new.trim())),
                None => self.problem(at, "`rename from` has no `rename to` below it"),
            }
        }
        // Only a file without text has no header below.
        let made = line.starts_with("new file mode ");
        let bare = (made || line.starts_with("deleted file mode "))
            && !self.lines[at + 1..].iter().take(2).any(|line| line.starts_with("--- "));
        if let (true, Some(path)) = (bare, at.checked_sub(1).and_then(|above| git_name(self.lines[above]))) {
            match made {
                true => self.blocks.push(Block { path: Some(path), ..Block::default() }),
                false => self.name(path, None),
            }
        }
    }

    /// Reads the lines from `start` on that belong to one hunk and returns their number. `closed`: something says
    /// where the diff ends, so that every line before belongs to it.
    fn hunk(&mut self, start: usize, heading: Option<&str>, closed: bool) -> usize {
        let lines = self.lines;
        let end = (start..lines.len()).find(|&line| !belongs(lines, line)).unwrap_or(lines.len());
        if let Some(heading) = heading {
            self.under.extend(section(heading));
        }
        // Two headings in a row, as `apply_patch` writes a method of a class.
        if end == start && lines.get(end).is_some_and(|line| line.starts_with("@@")) {
            return 0;
        }
        let hint = Hint { line: heading.and_then(claimed), under: std::mem::take(&mut self.under) };
        let (old, new) = sides(&lines[start..end]);
        let breaks_off = lines.get(end).is_some_and(|line| !follows(line));
        let made = self.file == File::New;
        if self.file == File::Gone || old == new && !made && !(closed && breaks_off) {
            return end - start;
        }
        let parted = end > start && lines[end - 1].trim().is_empty();
        if breaks_off && (closed || !parted) {
            self.problem(end, "within a hunk, every line begins with a blank, `+` or `-`");
        } else if made && !old.is_empty() {
            self.problem(start, "a new file has lines with `+` only");
        } else if made {
            self.blocks.push(Block { path: self.path.clone(), new, ..Block::default() });
        } else if old.is_empty() {
            self.problem(start, "the hunk quotes no line of the file; add context lines");
        } else {
            self.blocks.push(Block { path: self.path.clone(), old, new, hint, ..Block::default() });
        }
        end - start
    }
}

fn header<'a>(lines: &[&'a str], at: usize) -> Option<(&'a str, &'a str)> {
    Some((lines[at].strip_prefix("--- ")?, lines.get(at + 1)?.strip_prefix("+++ ")?))
}

/// The file of a header line; `None` for `/dev/null`.
fn name(written: &str) -> Option<String> {
    let bare = written.split('\t').next().unwrap_or_default().trim().trim_matches('"');
    if bare == "/dev/null" {
        return None;
    }
    Some(bare.strip_prefix("a/").or(bare.strip_prefix("b/")).unwrap_or(bare).to_owned())
}

/// The file of git's own header, where both names are one.
fn git_name(header: &str) -> Option<String> {
    let names = header.strip_prefix("diff --git a/")?;
    let (old, new) = names.split_at_checked(names.len().checked_sub(3)? / 2)?;
    (new.strip_prefix(" b/")? == old).then(|| old.to_owned())
}

/// Whether a line goes on with a hunk. `-- x` removed and `++ y` added look like the header of the next file,
/// which is always followed by a hunk.
fn belongs(lines: &[&str], line: usize) -> bool {
    let text = lines[line];
    let next_file = header(lines, line).is_some() && lines.get(line + 2).is_some_and(|line| line.starts_with("@@"));
    !next_file && (text.is_empty() || text.starts_with([' ', '+', '-', '\\', '\t']))
}

/// Whether a line may stand directly after a hunk.
fn follows(line: &str) -> bool {
    let begins = ["@@", "*** ", "diff ", "Index: ", "index ", "--- ", "```", "~~~", "</"];
    begins.iter().any(|word| line.trim_start().starts_with(word))
}

/// The lines before and after.
fn sides(lines: &[&str]) -> (Vec<String>, Vec<String>) {
    // A blank line at the end separates the hunk from what follows it.
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for line in &lines[..end] {
        match line.chars().next() {
            Some('-') => old.push(line[1..].to_owned()),
            Some('+') => new.push(line[1..].to_owned()),
            Some('\\') => {}
            _ => {
                let context = line.strip_prefix(' ').unwrap_or(line).to_owned();
                old.push(context.clone());
                new.push(context);
            }
        }
    }
    (old, new)
}

/// The line that the rest of a hunk header claims to start at, counted from 0.
fn claimed(heading: &str) -> Option<usize> {
    let digits = heading.trim_start().strip_prefix('-')?.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<usize>().ok()?.checked_sub(1)
}

/// The line above the hunk that its header quotes: after the second `@@` where there are numbers.
fn section(heading: &str) -> Option<String> {
    let bare = match heading.trim_start().starts_with('-') {
        true => heading.split_once("@@").map_or("", |(_, section)| section),
        false => heading,
    };
    let bare = bare.trim().trim_end_matches("@@").trim();
    bare.contains(char::is_alphanumeric).then(|| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Problem;
    use super::{Block, Hint, Reach};

    fn parse(reply: &str) -> Result<Vec<Block>, Vec<Problem>> {
        super::parse(&reply.lines().collect::<Vec<_>>())
    }

    fn block(path: Option<&str>, old: &[&str], new: &[&str], line: Option<usize>, under: &[&str]) -> Block {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let hint = Hint { line, under: own(under) };
        Block { path: path.map(str::to_owned), old: own(old), new: own(new), hint, ..Block::default() }
    }

    #[test]
    fn hunks_are_read_whatever_surrounds_them() {
        let reply = "Fixed:\n\n```diff\n--- a/src/x.rs\n+++ b/src/x.rs\n@@ -7,3 +7,3 @@ fn f() {\n a\n\n--- b\n+c\n\\ No newline at end of file\n@@ ... @@\n-d\n```\nDone.";
        let expected = [
            block(Some("src/x.rs"), &["a", "", "-- b"], &["a", "", "c"], Some(6), &["fn f() {"]),
            block(Some("src/x.rs"), &["d"], &[], None, &[]),
        ];
        assert_eq!(parse(reply), Ok(expected.into()));
        assert_eq!(parse("no diff - really\n+1"), Ok(vec![]));
        let bare = "--- x\n+++ x\n-a\n+b\n\nThat is all.";
        assert_eq!(parse(bare), Ok(vec![block(Some("x"), &["a"], &["b"], None, &[])]), "no hunk header");
        assert_eq!(parse("```ruby\n@@count = 0\nclass A\n- b\n```"), Ok(vec![]), "a class variable");
        let dashes = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- q\n+++ r\n s\n";
        assert_eq!(parse(dashes), Ok(vec![block(Some("x"), &["-- q", "s"], &["++ r", "s"], Some(0), &[])]));
    }

    #[test]
    fn an_envelope_holds_several_files_and_headings() {
        let reply = "*** Begin Patch\n*** Update File: src/a.py\n@@ class A:\n@@     def f(self):\n-        return 1\n+        return 2\n@@\n x\n+y\n*** End of File\n*** Update File: b.py\n-q\n+r\n*** End Patch\nDone.";
        let expected = [
            block(Some("src/a.py"), &["        return 1"], &["        return 2"], None, &["class A:", "def f(self):"]),
            block(Some("src/a.py"), &["x"], &["x", "y"], None, &[]),
            block(Some("b.py"), &["q"], &["r"], None, &[]),
        ];
        assert_eq!(parse(reply), Ok(expected.into()));
    }

    #[test]
    fn files_are_made_moved_and_removed() {
        let text = |path, old: &[&str], new: &[&str]| block(Some(path), old, new, None, &[]);
        let name = |path, new: &[&str]| Block { reach: Reach::Name, ..block(Some(path), &[], new, None, &[]) };
        let edit = block(Some("x"), &["a"], &["b"], Some(0), &[]);
        for (reply, expected) in [
            ("--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+b\n+c", vec![text("x", &[], &["b", "c"])]),
            ("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a", vec![name("x", &[])]),
            ("diff --git a/x b/x\nnew file mode 100644\nindex 000..e69\n", vec![text("x", &[], &[])]),
            ("diff --git a/x b/x\ndeleted file mode 100644\nindex e69..000\n", vec![name("x", &[])]),
            (
                "diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\n--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n",
                vec![name("x", &["y"]), edit],
            ),
            ("*** Begin Patch\n*** Add File: x\n+b\n*** End Patch", vec![text("x", &[], &["b"])]),
            ("*** Begin Patch\n*** Add File: x\n*** End Patch", vec![text("x", &[], &[])]),
            ("*** Begin Patch\n*** Delete File: x\n*** End Patch", vec![name("x", &[])]),
            (
                "*** Begin Patch\n*** Update File: x\n*** Move to: y\n@@\n-a\n+b\n*** End Patch",
                vec![name("x", &["y"]), text("x", &["a"], &["b"])],
            ),
        ] {
            assert_eq!(parse(reply), Ok(expected), "{reply}");
        }
    }

    #[test]
    fn what_is_not_a_change_of_text_is_a_problem() {
        for (reply, says) in [
            ("old mode 100644\nnew mode 100755\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b", "not a change of text"),
            ("*** Begin Patch\n*** Move to: y\n*** End Patch", "become y"),
            ("*** Begin Patch\n*** Add File: x\nb\n*** End Patch", "every line begins with"),
            ("--- /dev/null\n+++ b/x\n@@ -1 +1 @@\n a\n+b", "lines with `+` only"),
            ("rename from x\nrenamed y", "no `rename to`"),
        ] {
            let problems = parse(reply).expect_err(says);
            assert!(problems[0].0.contains(says), "{problems:?}");
        }
    }

    #[test]
    fn half_a_diff_is_a_problem() {
        for (reply, says) in [
            ("--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+b", "add context"),
            ("*** Begin Patch\n*** Update File: x\n@@\n-a\n+b\n", "line 1: the patch has no `*** End Patch`"),
            ("```diff\n@@ -1 +1 @@\n-a\n+b\nx\n-c\n+d\n```", "line 5: within a hunk"),
            ("```diff\n@@ -1 +1 @@\n-a\n+b\n\nx\n-c\n+d\n```", "line 6: within a hunk"),
            ("*** Begin Patch\n*** Update File: x\n-a\n+b\n\nx\n*** End Patch", "line 6: within a hunk"),
            ("*** Begin Patch\n*** Update File: x\nx\n-a\n+b\n*** End Patch", "line 3: within a hunk"),
            ("```diff\n@@ -1 +1 @@\nx\n-a\n+b\n```", "line 3: within a hunk"),
        ] {
            let problems = parse(reply).expect_err(says);
            assert!(problems[0].0.contains(says), "{problems:?}");
        }
    }
}
