//! A reply that is one fenced piece of code: the whole file or one whole function of it, when that is beyond doubt.

use baton_grammars::{Item, Language};

use super::block::Block;
use super::{Edit, Problem, block, minimise};

/// The only fenced code of a reply; `None` where there is none or more than one.
pub(super) fn fenced(reply: &str) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in reply.lines() {
        let bare = line.trim_start();
        let fence = &bare[..bare.len() - bare.trim_start_matches('`').len()];
        match &mut open {
            Some((mark, lines)) => {
                if fence.len() >= mark.len() && bare.trim_end() == fence {
                    found.push(lines.iter().map(|line| format!("{line}\n")).collect());
                    open = None;
                } else {
                    lines.push(line);
                }
            }
            None if fence.len() >= 3 => open = Some((fence, Vec::new())),
            None => {}
        }
    }
    // A fence that never closes is a reply that was cut.
    if found.len() == 1 && open.is_none() { found.pop() } else { None }
}

/// The edits that put `code` in its place in `text`.
pub(super) fn edits(text: &str, code: &str, language: &'static Language, name: &str) -> Result<Vec<Edit>, Problem> {
    let unclear = |why: &str| {
        Problem(format!("{name}: the reply is code without a place ({why}); answer with SEARCH/REPLACE blocks"))
    };
    let tree = language.parse(code, None);
    if !language.syntax_errors(&tree).is_empty() {
        return Err(unclear("it does not parse by itself"));
    }
    let written = outermost(language.items(&tree, code));
    let there = language.items(&language.parse(text, None), text);
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
    let block = Block { path: None, old, new, line: None };
    let edits = block::edits(text, &[&block], name, true).map_err(|mut problems| problems.remove(0))?;
    let changed = super::apply(text, &edits).unwrap_or_else(|| text.to_owned());
    Ok(minimise::edits(text, &changed))
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
    let kept = full(text).filter(|line| full(code).any(|there| there == *line)).count();
    let named = |item: &Item| written.iter().any(|other| other.name == item.name && other.kind == item.kind);
    tops.iter().all(named) && full(text).next() == full(code).next() && kept * 2 > full(text).count()
}

#[cfg(test)]
mod tests {
    use super::{edits, fenced};
    use crate::patch::apply;

    const FILE: &str = "import os\r\n\r\nclass A:\r\n    def f(self):\r\n        return 1\r\n\r\n    @cached\r\n    def g(self):\r\n        return 2\r\n\r\ndef h():\r\n    return 3\r\n";

    fn changed(code: &str) -> Result<String, String> {
        let python = baton_grammars::by_id("python").expect("python");
        let edits = edits(FILE, code, python, "f.py").map_err(|problem| problem.0)?;
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
    fn only_a_single_closed_fence_counts() {
        assert_eq!(fenced("So:\n```python\na\n```\nDone").as_deref(), Some("a\n"));
        assert_eq!(fenced("````\n```\na\n```\n````").as_deref(), Some("```\na\n```\n"));
        for reply in ["a", "```\na\n```\n```\nb\n```", "```\na\n"] {
            assert_eq!(fenced(reply), None, "{reply}");
        }
    }
}
