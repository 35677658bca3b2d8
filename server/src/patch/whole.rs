//! Replies that are fenced code: each piece a whole file or one whole function of it, when that is beyond doubt.

use std::collections::HashSet;

use baton_grammars::{Item, Language};

use super::block::Block;
use super::named::path_before;
use super::{Edit, Problem, block};

/// Languages of fences that hold what to type, not what to write into a file.
const COMMANDS: &[&str] = &["bash", "sh", "shell", "console", "zsh", "powershell"];

/// A piece of code between fences.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The file that stands before it or behind its fence.
    pub(super) path: Option<String>,
    /// Its lines, each with its end.
    pub(super) code: String,
}

/// The fenced code of a reply, but for commands; none where a fence never closes: that reply was cut.
pub(super) fn pieces(lines: &[&str]) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    let mut free_from = 0;
    for (at, line) in lines.iter().enumerate() {
        let bare = line.trim();
        let fence = &bare[..bare.len() - bare.trim_start_matches('`').len()];
        match open {
            Some((start, mark)) if fence.len() >= mark.len() && bare == fence => {
                let language = lines[start].trim().trim_start_matches('`').split(char::is_whitespace).next();
                if !language.is_some_and(|language| COMMANDS.contains(&language)) {
                    let code = lines[start + 1..at].iter().map(|line| format!("{line}\n")).collect();
                    found.push(Piece { path: path_before(&lines[free_from..=start]), code });
                }
                (open, free_from) = (None, at + 1);
            }
            None if fence.len() >= 3 => open = Some((at, fence)),
            _ => {}
        }
    }
    if open.is_some() { Vec::new() } else { found }
}

/// The pieces of fenced code in a reply, commands left out.
pub fn fenced(reply: &str) -> Vec<String> {
    pieces(&reply.lines().collect::<Vec<_>>()).into_iter().map(|piece| piece.code).collect()
}

/// The edits that put `code` in its place in `text`. `quote`: whether a message may quote the text.
pub(super) fn edits(
    text: &str,
    code: &str,
    language: &'static Language,
    name: &str,
    quote: bool,
) -> Result<Vec<Edit>, Problem> {
    let unclear = |why: &str| {
        Problem(format!("{name}: the reply is code without a place ({why}); answer with SEARCH/REPLACE blocks"))
    };
    let (Some(tree), Some(old)) = (language.parse(code), language.parse(text)) else {
        return Err(unclear("it takes too long to parse"));
    };
    if !language.syntax_errors(&tree).is_empty() {
        return Err(unclear("it does not parse by itself"));
    }
    let written = outermost(language.items(&tree, code));
    let there = language.items(&old, text);
    let mut range = match written.as_slice() {
        [only] if around(code, only).trim().is_empty() => {
            let same: Vec<&Item> =
                there.iter().filter(|item| item.name == only.name && item.kind == only.kind).collect();
            match same.as_slice() {
                [item] => Some(item.range.clone()),
                [] => None,
                _ => return Err(unclear(&format!("`{}` is there {} times", only.name, same.len()))),
            }
        }
        _ => None,
    };
    let tops = outermost(there);
    if tops.len() == 1 && range.as_ref() == Some(&tops[0].range) && around(text, &tops[0]).trim().is_empty() {
        range = None;
    }
    let (old, new) = match range {
        Some(range) => {
            let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
            if !text[start..range.start].trim_start_matches('\u{feff}').trim().is_empty() {
                return Err(unclear("it does not start a line"));
            }
            let margin = text[start..range.start].trim_start_matches('\u{feff}').to_owned();
            let indented = |line: &str| if line.is_empty() { String::new() } else { format!("{margin}{line}") };
            (lines(&text[start..range.end]), code.trim_end().lines().map(indented).collect())
        }
        None if is_whole(text, code, &tops, &written) => (lines(text), lines(code)),
        None => return Err(unclear("it is neither the whole file nor one function of it")),
    };
    let block = Block { old, new, ..Block::default() };
    block::edits(text, &[&block], name, quote).map_err(|mut problems| problems.remove(0))
}

fn lines(text: &str) -> Vec<String> {
    text.trim_start_matches('\u{feff}').lines().map(str::to_owned).collect()
}

fn outermost(items: Vec<Item>) -> Vec<Item> {
    let mut outer: Vec<Item> = Vec::new();
    for item in items {
        if outer.last().is_none_or(|last| item.range.start >= last.range.end) {
            outer.push(item);
        }
    }
    outer
}

/// What stands beside an item.
fn around(text: &str, item: &Item) -> String {
    format!("{}{}", text[..item.range.start].trim_start_matches('\u{feff}'), &text[item.range.end..])
}

/// Whether `code` is all of `text`, changed here and there: it has each of its items, begins the same and
/// shares most of its lines.
fn is_whole(text: &str, code: &str, tops: &[Item], written: &[Item]) -> bool {
    fn full(text: &str) -> impl Iterator<Item = &str> {
        text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty())
    }
    let there: HashSet<&str> = full(code).collect();
    let kept = full(text).filter(|line| there.contains(line)).count();
    let named = |item: &Item| written.iter().any(|other| other.name == item.name && other.kind == item.kind);
    tops.iter().all(named) && full(text).next() == full(code).next() && kept * 2 > full(text).count()
}

#[cfg(test)]
mod tests {
    use super::{edits, pieces};
    use crate::patch::apply;

    const FILE: &str = "import os\r\n\r\nclass A:\r\n    def f(self):\r\n        return 1\r\n\r\n    @cached\r\n    def g(self):\r\n        return 2\r\n\r\ndef h():\r\n    return 3\r\n";

    fn changed(code: &str) -> Result<String, String> {
        let python = baton_grammars::by_id("python").expect("python");
        let edits = edits(FILE, code, python, "f.py", true).map_err(|problem| problem.0)?;
        Ok(apply(FILE, &edits).expect("edits fit"))
    }

    #[test]
    fn one_function_takes_the_place_of_its_namesake() {
        let expected = FILE.replace("return 2", "return 5");
        assert_eq!(changed("def g(self):\n    return 5\n"), Ok(expected));
        assert_eq!(changed("def h():\n    return 4\n"), Ok(FILE.replace("return 3", "return 4")));
    }

    #[test]
    fn a_whole_file_is_told_by_its_content() {
        let code = FILE.replace('\r', "").replace("return 3", "return 4");
        assert_eq!(changed(&code), Ok(FILE.replace("return 3", "return 4")));
    }

    #[test]
    fn code_without_a_clear_place_is_refused() {
        for code in [
            "def new():\n    pass\n",
            "import os\n\ndef h():\n    return 4\n",
            "@other\ndef g(self):\n    return 5\n",
            "return 4\n",
            "def h(:\n",
            "x = 1\n",
        ] {
            assert!(changed(code).expect_err(code).contains("SEARCH/REPLACE"), "{code}");
        }
        let left_out = FILE.replace('\r', "").replace("        return 1", "        # ... as before");
        assert!(changed(&left_out).expect_err("elided").contains("left out"));
    }

    #[test]
    fn code_is_what_closed_fences_hold() {
        let read = |reply: &str| {
            let pieces = pieces(&reply.lines().collect::<Vec<_>>());
            let shown = pieces.iter().map(|piece| format!("{}: {}", piece.path.as_deref().unwrap_or("-"), piece.code));
            shown.collect::<String>()
        };
        assert_eq!(read("So:\n```python\na\n```\nDone"), "-: a\n");
        assert_eq!(read("````\n```\na\n```\n````"), "-: ```\na\n```\n");
        assert_eq!(read("src/a.py\n```\na\n```\n```py b.py\nb\n```"), "src/a.py: a\nb.py: b\n");
        assert_eq!(read("```\na\n```\nTry:\n```bash\npytest\n```"), "-: a\n");
        for nothing in ["a", "```\na\n", "```\na\n```\n```"] {
            assert_eq!(read(nothing), "", "{nothing}");
        }
    }
}
