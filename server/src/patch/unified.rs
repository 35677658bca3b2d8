//! Unified diffs, with the line numbers taken as hints: models rarely count right.

use super::Problem;
use super::block::Block;

/// The hunks of a reply, none where it holds no diff.
pub(super) fn parse(reply: &str) -> Result<Vec<Block>, Vec<Problem>> {
    let lines: Vec<&str> = reply.lines().collect();
    let mut blocks = Vec::new();
    let mut problems = Vec::new();
    let mut path = None;
    let mut at = 0;
    while at < lines.len() {
        if let Some((old, new)) = header(&lines, at) {
            path = match (name(old), name(new)) {
                (None, _) => {
                    problems.push(Problem("the diff makes a new file; Baton changes existing files only".into()));
                    None
                }
                (_, None) => {
                    problems.push(Problem("the diff deletes a file; Baton changes the text of files only".into()));
                    None
                }
                (_, new) => new,
            };
            at += 2;
        } else if lines[at].starts_with("@@") {
            let end = (at + 1..lines.len()).find(|&line| !belongs(&lines, line)).unwrap_or(lines.len());
            match hunk(&lines[at + 1..end]) {
                (old, new) if old == new => {}
                (old, new) if old.is_empty() && !new.is_empty() => problems
                    .push(Problem(format!("line {}: the hunk quotes no line of the file; add context lines", at + 1))),
                (old, new) => blocks.push(Block { path: path.clone(), old, new, line: claimed(lines[at]) }),
            }
            at = end;
        } else {
            at += 1;
        }
    }
    if problems.is_empty() { Ok(blocks) } else { Err(problems) }
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

/// Whether a line goes on with a hunk.
fn belongs(lines: &[&str], line: usize) -> bool {
    let text = lines[line];
    header(lines, line).is_none() && (text.is_empty() || text.starts_with([' ', '+', '-', '\\', '\t']))
}

fn hunk(lines: &[&str]) -> (Vec<String>, Vec<String>) {
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

/// The line that a hunk header claims to start at, counted from 0.
fn claimed(header: &str) -> Option<usize> {
    let digits = header.split('-').nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse::<usize>().ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn hunks_are_read_whatever_surrounds_them() {
        let reply = "Fixed:\n\n```diff\n--- a/src/x.rs\n+++ b/src/x.rs\n@@ -7,3 +7,3 @@ fn f() {\n a\n\n--- b\n+c\n\\ No newline at end of file\n@@ ... @@\n-d\n```\nDone.";
        let blocks = parse(reply).expect("hunks");
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].path.as_deref(), Some("src/x.rs"));
        assert_eq!(
            (blocks[0].old.as_slice(), blocks[0].line),
            (["a", "", "-- b"].map(str::to_owned).as_slice(), Some(6))
        );
        assert_eq!(blocks[0].new, ["a", "", "c"]);
        assert_eq!((blocks[1].old.as_slice(), blocks[1].line), (["d".to_owned()].as_slice(), None));
        assert_eq!(parse("no diff - really\n+1"), Ok(vec![]));
    }

    #[test]
    fn files_are_neither_made_nor_deleted() {
        for (old, new, says) in [("/dev/null", "b/x", "new file"), ("a/x", "/dev/null", "deletes")] {
            let problems = parse(&format!("--- {old}\n+++ {new}\n@@ -1 +1 @@\n-a\n+b")).expect_err(says);
            assert!(problems[0].0.contains(says), "{problems:?}");
        }
        assert!(parse("--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+b").expect_err("no context")[0].0.contains("context"));
    }
}
