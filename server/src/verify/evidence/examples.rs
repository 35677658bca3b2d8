//! Examples in words: calls with what they should give, as people write them in docstrings, issues and instructions.
//! Pure text; whether an example holds is found out by running it in the sandbox.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use baton_grammars::ItemKind;
use regex::Regex;

use crate::verify::command::TestCommand;
use crate::verify::results::shortened;
use crate::verify::runner::RunnerKind;
use crate::workspace::{RelPath, Snapshot};

/// Where an example was written, which decides what a named exception means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verify) enum Origin {
    /// Beside the code: what it says is wanted.
    Documentation,
    /// In the task: an exception named there is what is wrong.
    Task,
}

/// What a call should do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::verify) enum Wanted {
    /// Give a value equal to the one this text begins with.
    Value(String),
    /// Raise this exception.
    Raises(String),
    /// Not raise this exception.
    NotRaises(String),
}

/// One call and what it should do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::verify) struct Example {
    /// The call as written: `f([1, 2])`.
    pub call: String,
    /// What it should do.
    pub wanted: Wanted,
}

/// What the interpreter runs them with: one of our plugins.
const MODULE: &str = "baton_examples";

/// The examples that a task comes with: those of its own words, and those of what documents its file.
pub(in crate::verify) fn given(snapshot: &Snapshot, focus: &RelPath, words: &[&str]) -> Vec<(Origin, Example)> {
    let Some((functions, documentation)) = documented(snapshot, focus) else { return Vec::new() };
    let told = words.iter().flat_map(|text| examples(text, &functions, Origin::Task));
    let written = documentation.iter().flat_map(|text| examples(text, &functions, Origin::Documentation));
    let all =
        told.map(|example| (Origin::Task, example)).chain(written.map(|example| (Origin::Documentation, example)));
    all.take(MOST).collect()
}

/// The calls among the documentation of a file.
pub(super) fn written(snapshot: &Snapshot, focus: &RelPath) -> Vec<String> {
    given(snapshot, focus, &[]).into_iter().map(|(_, example)| example.call).collect()
}

/// The outermost functions of a Python file, and the texts that document it.
fn documented(snapshot: &Snapshot, focus: &RelPath) -> Option<(Vec<String>, Vec<String>)> {
    let language = baton_grammars::by_path(Path::new(focus.as_str())).filter(|language| language.id == "python")?;
    let text = snapshot.read(focus).ok()?;
    let items = language.items(&language.parse(&text)?, &text);
    let is_outermost = |start: usize| start == 0 || text[..start].ends_with('\n');
    let functions = items.iter().filter(|item| item.kind == ItemKind::Function && is_outermost(item.range.start));
    let functions: Vec<String> = functions.map(|item| item.name.clone()).collect();
    let documentation = items.iter().filter_map(|item| Some(text[item.doc.clone()?].to_owned())).collect();
    Some((functions, documentation))
}

/// The command that runs examples on the module at `file`; `None` without any.
pub(in crate::verify) fn command(
    python: String,
    directory: PathBuf,
    file: &Path,
    examples: &[(Origin, Example)],
) -> Option<TestCommand> {
    let why = match examples.len() {
        0 => return None,
        1 => "1 example".to_owned(),
        count => format!("{count} examples"),
    };
    let asked: Vec<[&str; 4]> = examples.iter().map(|(origin, example)| as_asked(*origin, example)).collect();
    let given = serde_json::json!({ "path": file, "examples": asked }).to_string();
    let argv = [python.as_str(), "-m", "unittest", MODULE].map(str::to_owned).to_vec();
    let variables = vec![("BATON_EXAMPLES".to_owned(), given)];
    let needs = Vec::new();
    Some(TestCommand { argv, runner: RunnerKind::Examples, needs, directory, why, variables })
}

/// Whether a test of that name is one of the examples.
pub(in crate::verify) fn is_example(name: &str) -> bool {
    name.starts_with(MODULE)
}

/// Whether it is one of the documentation.
pub(in crate::verify) fn is_documented(name: &str) -> bool {
    is_example(name) && !name[MODULE.len()..].starts_with(".Example_Reported.")
}

/// As the runner reads it: group, call, what is wanted, and the text of it.
fn as_asked(origin: Origin, example: &Example) -> [&str; 4] {
    let (wanted, text) = match &example.wanted {
        Wanted::Value(text) => ("value", text),
        Wanted::Raises(name) => ("raises", name),
        Wanted::NotRaises(name) => ("not_raises", name),
    };
    // What was reported has to be fixed as a whole; what is documented, function by function.
    let group = match origin {
        Origin::Task => "Reported",
        Origin::Documentation => example.call.split('(').next().unwrap_or_default(),
    };
    [group, &example.call, wanted, text]
}

/// Most examples that are taken from one text, and most bytes of a call.
const MOST: usize = 40;
const LONGEST: usize = 2000;

/// The examples of `text` that call one of `functions`.
pub(super) fn examples(text: &str, functions: &[String], origin: Origin) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        for (start, end) in calls(line, functions) {
            let call = &line[start..end];
            let after = line[end..].trim_start();
            let prompted = line[..start].trim_start().starts_with(">>>");
            let wanted = match after {
                "" if prompted => answer(&lines[number + 1..]),
                closing if closing.trim_matches(')').is_empty() && origin == Origin::Task => {
                    crash(&lines[number + 1..])
                }
                "" => None,
                words => said(words, origin),
            };
            let example = wanted.map(|wanted| Example { call: call.to_owned(), wanted });
            if let Some(example) = example.filter(|example| !found.contains(example)) {
                found.push(example);
            }
            if found.len() == MOST {
                return found;
            }
        }
    }
    found
}

/// The byte ranges of complete calls of `functions` in a line, none within another.
fn calls(line: &str, functions: &[String]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    if line.len() > LONGEST {
        return found;
    }
    for (at, _) in line.match_indices('(') {
        let name_start = line[..at]
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(0, |before| before + line[before..].chars().next().map_or(1, char::len_utf8));
        let name = &line[name_start..at];
        let is_free = !line[..name_start].ends_with('.') && !found.iter().any(|(_, end)| name_start < *end);
        let is_definition = ["def ", "fn ", "function ", "func "].iter().any(|word| line[..name_start].ends_with(word));
        if is_free
            && !is_definition
            && functions.iter().any(|function| function == name)
            && let Some(end) = closed(line, at)
        {
            found.push((name_start, end));
        }
    }
    found
}

/// The byte after the bracket that closes the one at `open`.
fn closed(line: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote: Option<char> = None;
    let mut chars = line[open..].char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(open + at + c.len_utf8());
                }
            }
            _ => {}
        }
    }
    None
}

/// What an interactive session printed: the lines up to the next prompt or an empty line.
fn answer(lines: &[&str]) -> Option<Wanted> {
    let printed: Vec<&str> = lines
        .iter()
        .map(|line| line.trim())
        .take_while(|line| {
            !line.is_empty() && !line.starts_with(">>>") && !line.starts_with("\"\"\"") && !line.starts_with("'''")
        })
        .collect();
    if printed.first()?.starts_with("Traceback") {
        return printed.iter().find_map(|line| exception(line)).map(Wanted::Raises);
    }
    Some(Wanted::Value(shortened(&printed.join("\n"), LONGEST)))
}

/// The exception at the end of a traceback whose frame shows the call.
fn crash(lines: &[&str]) -> Option<Wanted> {
    let last = lines.iter().map(|line| line.trim_end()).find(|line| !line.starts_with(' ') && !line.is_empty())?;
    Some(Wanted::NotRaises(exception(last)?))
}

fn exception(line: &str) -> Option<String> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:[\w]+\.)*([A-Z]\w*(?:Error|Exception|Exit|Interrupt|Iteration|Warning))\b")
            .expect("it is constant")
    });
    Some(NAME.captures(line.trim())?[1].to_owned())
}

/// What the words after a call say of it.
fn said(words: &str, origin: Origin) -> Option<Wanted> {
    static RAISES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:should |must |will )?(?:raises?|throws?|fails with|crashes with)\s+(?:an? )?`?([\w.]+)")
            .expect("it is constant")
    });
    static WRONG: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^(?:returns?|gives?|is|==|=>|->|yields?|was|got)\s*.+?(?:,|;)?\s+(?:but should (?:return|be|give)|instead of|but expected|should be|expected|rather than|not)\s*:?\s+(.+)$",
        )
        .expect("it is constant")
    });
    static RIGHT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^(?:`\s*)?(?:={1,3}>?|[#/]+\s*(?:=+>?|->|→)?|-+>|➞|→|⇒|➜|returns?:?|should (?:return|equal|be|give|yield)|must (?:return|be)|gives|yields|evaluates to|is equal to|equals|is)\s*(.+)$",
        )
        .expect("it is constant")
    });
    if let Some(found) = RAISES.captures(words) {
        let name = exception(&found[1])?;
        let is_wanted = origin == Origin::Documentation || words.starts_with("should") || words.starts_with("must");
        return Some(if is_wanted { Wanted::Raises(name) } else { Wanted::NotRaises(name) });
    }
    if origin == Origin::Task
        && let Some(found) = WRONG.captures(words)
    {
        return Some(Wanted::Value(shortened(found[1].trim(), LONGEST)));
    }
    RIGHT.captures(words).map(|found| Wanted::Value(shortened(found[1].trim(), LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::{Example, Origin, Wanted, examples};

    fn found(text: &str, origin: Origin) -> String {
        let functions = ["f".to_owned(), "below_zero".to_owned()];
        let line = |Example { call, wanted }| match wanted {
            Wanted::Value(text) => format!("{call} = {}", text.replace('\n', " | ")),
            Wanted::Raises(name) => format!("{call} raises {name}"),
            Wanted::NotRaises(name) => format!("{call} without {name}"),
        };
        examples(text, &functions, origin).into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn documentation_gives_examples_in_many_ways() {
        let text = r#"
    >>> below_zero([1, 2, -4, 5])
    True
    >>> f("a)b", [1, (2)])
    [1,
     2]

    f(1) == 2
    f(2) ➞ [3, 4]   f(3) => {'a': 1}
    f(4) # => "x"
    f(5) returns 6
    for example f(6) should return 'seven' (see above)
    >>> f(-1)
    Traceback (most recent call last):
      ...
    ValueError: negative
    f(7) raises an KeyError
    g(8) == 9
    x.f(9) == 9
    def f(n): return 3
    f(broken
    f(10)
"#;
        insta::assert_snapshot!(found(text, Origin::Documentation));
    }

    #[test]
    fn a_task_says_what_is_wrong() {
        let text = r#"f(3) returns 5 but should return 6
f(4) gives 1 instead of 2
f(5) raises IndexError
f(6) should raise ValueError
Traceback (most recent call last):
  File "run.py", line 3, in <module>
    print(f([]))
  File "a.py", line 2, in f
    return xs[0]
IndexError: list index out of range
"#;
        insta::assert_snapshot!(found(text, Origin::Task));
    }
}
