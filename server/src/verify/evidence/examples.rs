//! Examples in words: calls with what they should give, as people write them in docstrings, issues and instructions.
//! Pure text; whether an example holds is found out by running it in the sandbox.

use std::path::PathBuf;
use std::sync::LazyLock;

use baton_grammars::{Item, ItemKind};
use regex::Regex;

use super::interpreter::{Interpreter, Style};
use crate::verify::command::TestCommand;
use crate::verify::results::{Results, TestStatus, shortened};
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
    /// Give a value that is printed like this, or equals the one that this begins with.
    Prints(String),
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

/// What their names begin with.
const MODULE: &str = "baton_examples";

/// The examples that a task comes with: those of its own words, and those of what documents its file.
pub(in crate::verify) fn given(snapshot: &Snapshot, focus: &RelPath, words: &[&str]) -> Vec<(Origin, Example)> {
    let Some((interpreter, functions, documentation)) = documented(snapshot, focus) else { return Vec::new() };
    let style = &interpreter.style;
    let told = words.iter().flat_map(|text| examples(text, &functions, Origin::Task, style));
    let written = documentation.iter().flat_map(|text| examples(text, &functions, Origin::Documentation, style));
    let all =
        told.map(|example| (Origin::Task, example)).chain(written.map(|example| (Origin::Documentation, example)));
    all.take(MOST).collect()
}

/// The calls among the documentation of a file.
pub(super) fn written(snapshot: &Snapshot, focus: &RelPath) -> Vec<String> {
    given(snapshot, focus, &[]).into_iter().map(|(_, example)| example.call).collect()
}

/// Whether an item stands in nothing else.
pub(super) fn is_outermost(item: &Item, text: &str) -> bool {
    item.outer.start == 0 || text[..item.outer.start].ends_with('\n')
}

/// What calls the functions of a file, the outermost of them, and the texts that document it.
fn documented(snapshot: &Snapshot, focus: &RelPath) -> Option<(&'static Interpreter, Vec<String>, Vec<String>)> {
    let (interpreter, language) = Interpreter::of(focus)?;
    let text = snapshot.read(focus).ok()?;
    let items = language.items(&language.parse(&text)?, &text);
    let functions = items.iter().filter(|item| item.kind == ItemKind::Function && is_outermost(item, &text));
    let functions: Vec<String> = functions.map(|item| item.name.clone()).collect();
    let documentation = items.iter().filter_map(|item| Some(interpreter.style.uncommented(&text[item.doc.clone()?])));
    let documentation = documentation.collect();
    Some((interpreter, functions, documentation))
}

/// The command that runs examples on the file `focus` with `program`, from `directory` on; `None` without any.
pub(in crate::verify) fn command(
    interpreter: &Interpreter,
    program: String,
    directory: PathBuf,
    focus: &RelPath,
    examples: &[(Origin, Example)],
) -> Option<TestCommand> {
    let why = match examples.len() {
        0 => return None,
        1 => "1 example".to_owned(),
        count => format!("{count} examples"),
    };
    let asked: Vec<[String; 4]> = examples.iter().map(|(origin, example)| as_asked(*origin, example)).collect();
    // Relative: not every sandbox shows the tree at the workspace's own path.
    let up: PathBuf = directory.components().map(|_| "..").collect();
    let given = serde_json::json!({ "path": focus.under(&up), "examples": asked }).to_string();
    let argv = std::iter::once(program).chain(interpreter.examples.iter().map(|word| (*word).to_owned())).collect();
    let own = interpreter.variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables = own.chain([("BATON_EXAMPLES".to_owned(), given)]).collect();
    let needs = Vec::new();
    Some(TestCommand { argv, runner: RunnerKind::Examples, needs, directory, why, variables })
}

/// Why the examples among these results say nothing, where what documents them could not be loaded.
pub(in crate::verify) fn left_out(results: &Results) -> Option<&str> {
    let mut examples = results.tests.iter().filter(|(name, _)| is_example(name)).peekable();
    let (first, _) = examples.peek()?;
    let why = results.messages.get(*first).filter(|why| why.starts_with("it cannot be loaded"))?;
    examples.all(|(_, status)| *status == TestStatus::Skipped).then_some(why)
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
fn as_asked(origin: Origin, example: &Example) -> [String; 4] {
    let (wanted, text) = match &example.wanted {
        Wanted::Value(text) => ("value", text),
        Wanted::Prints(text) => ("prints", text),
        Wanted::Raises(name) => ("raises", name),
        Wanted::NotRaises(name) => ("not_raises", name),
    };
    // What was reported has to be fixed as a whole; what is documented, function by function.
    let group = match origin {
        Origin::Task => "Reported",
        Origin::Documentation => example.call.split('(').next().unwrap_or_default(),
    };
    // A name of a test has none of the signs that a name of JavaScript may have.
    [group.replace('$', "_"), example.call.clone(), wanted.to_owned(), text.clone()]
}

/// Most examples that are taken from one text, and most bytes of a call.
const MOST: usize = 40;
const LONGEST: usize = 2000;

/// The examples of `text` that call one of `functions`.
pub(super) fn examples(text: &str, functions: &[String], origin: Origin, style: &Style) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        for (start, end) in calls(line, functions) {
            let (call, rest) = (&line[start..end], &lines[number + 1..]);
            let (before, after) = (line[..start].trim_start(), line[end..].trim_start());
            let wanted = around(before, after, rest, origin, style);
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

/// What the text around a call says of it: what stands before and after it in its line, and the lines below.
fn around(before: &str, after: &str, below: &[&str], origin: Origin, style: &Style) -> Option<Wanted> {
    let asserted = style.asserts.iter().find_map(|(begin, then)| {
        let value = before.ends_with(begin).then(|| after.strip_prefix(then))??;
        Some(Wanted::Value(shortened(value.trim(), LONGEST)))
    });
    if asserted.is_some() {
        return asserted;
    }
    let is_printed = before.ends_with(style.prints);
    let after = if is_printed { after.strip_prefix(')').map_or(after, str::trim_start) } else { after };
    let after = after.strip_prefix(';').map_or(after, str::trim_start);
    match after {
        "" if before.starts_with(style.prompt) && !is_printed => answer(below, origin, style),
        closing if closing.trim_matches(')').is_empty() && origin == Origin::Task => crash(below),
        "" => None,
        words => match said(words, origin) {
            Some(Wanted::Value(text)) if is_printed => Some(Wanted::Prints(text)),
            wanted => wanted,
        },
    }
}

/// The byte ranges of complete calls of `functions` in a line, none within another.
fn calls(line: &str, functions: &[String]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    if line.len() > LONGEST {
        return found;
    }
    for (at, _) in line.match_indices('(') {
        let name_start = line[..at]
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .map_or(0, |before| before + line[before..].chars().next().map_or(1, char::len_utf8));
        let name = &line[name_start..at];
        let is_free = !line[..name_start].ends_with('.') && !found.iter().any(|(_, end)| name_start < *end);
        let is_definition =
            ["def ", "fn ", "function ", "func ", "new "].iter().any(|word| line[..name_start].ends_with(word));
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
            (None, '"' | '\'' | '`') => quote = Some(c),
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
fn answer(lines: &[&str], origin: Origin, style: &Style) -> Option<Wanted> {
    let ends = [style.prompt, "\"\"\"", "'''", "```"];
    let lines = lines.iter().map(|line| line.trim());
    let printed: Vec<&str> =
        lines.take_while(|line| !line.is_empty() && !ends.iter().any(|end| line.starts_with(end))).collect();
    if let Some(rest) = printed.first()?.strip_prefix(style.failure) {
        let name = std::iter::once(rest).chain(printed[1..].iter().copied()).find_map(exception)?;
        return Some(thrown(name, origin == Origin::Documentation));
    }
    Some(Wanted::Value(shortened(&printed.join("\n"), LONGEST)))
}

fn thrown(name: String, is_wanted: bool) -> Wanted {
    if is_wanted { Wanted::Raises(name) } else { Wanted::NotRaises(name) }
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
            r"^(?:={1,3}>?|[#/]+\s*(?:=+>?|->|→|returns?:?|gives)?|-+>|➞|→|⇒|➜|returns?:?|should (?:return|equal|be|give|yield)|must (?:return|be)|gives|yields|evaluates to|is equal to|equals|is)\s*(.+)$",
        )
        .expect("it is constant")
    });
    // In Markdown the call is marked, and so is what it gives.
    let words = words.strip_prefix('`').map_or(words, str::trim_start);
    let remark = words.trim_start_matches(['#', '/']).trim_start();
    let remark = remark.strip_prefix("=>").map_or(remark, str::trim_start);
    if let Some(found) = RAISES.captures(remark) {
        let name = exception(&found[1])?;
        let is_wanted = origin == Origin::Documentation || words.starts_with("should") || words.starts_with("must");
        return Some(thrown(name, is_wanted));
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
    use super::{Example, Interpreter, Origin, Wanted, examples};
    use crate::workspace::RelPath;

    fn found(path: &str, text: &str, origin: Origin) -> String {
        let functions = ["f".to_owned(), "below_zero".to_owned()];
        let (interpreter, _) = Interpreter::of(&RelPath::new(path).unwrap()).unwrap();
        let line = |Example { call, wanted }| match wanted {
            Wanted::Value(text) => format!("{call} = {}", text.replace('\n', " | ")),
            Wanted::Prints(text) => format!("{call} prints {text}"),
            Wanted::Raises(name) => format!("{call} raises {name}"),
            Wanted::NotRaises(name) => format!("{call} without {name}"),
        };
        let text = if origin == Origin::Task { text.to_owned() } else { interpreter.style.uncommented(text) };
        examples(&text, &functions, origin, &interpreter.style).into_iter().map(line).collect::<Vec<_>>().join("\n")
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
        insta::assert_snapshot!(found("a.py", text, Origin::Documentation));
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
        insta::assert_snapshot!(found("a.py", text, Origin::Task));
    }

    #[test]
    fn comments_of_javascript_give_examples_in_many_ways() {
        let text = r#"/**
 * Adds, so f(1, 2) returns 3.
 * @param {number} a
 * @example
 * f(1, "x)") // => [3, 4]
 * console.log(f(2)); // two words
 * const x = f(3); // → 'a'
 * f(4) === {a: 1}
 * assert.equal(f(5), 5);
 * expect(f(6)).toEqual([6]);
 * assert.equal(6, f(60));
 * > f(7)
 * Map(1) {
 *   'a' => 1 }
 * > f(8)
 * Uncaught RangeError: too many
 * > console.log(f(9))
 * f(10) // throws TypeError
 * f(11) throws a RangeError for what is below
 * new f(12) // 12
 * x.f(13) // 13
 * await f(14) // 14
 * f(15) // 15 */
// f(16) // returns 16
/// f(`${17}(`) // 17
function f(n) { return f(18) }
"#;
        insta::assert_snapshot!(found("a.mjs", text, Origin::Documentation));
    }

    #[test]
    fn a_task_about_javascript_says_what_is_wrong() {
        let text = r#"`f(3)` returns `5` but should return `6`
`f(4)` throws `TypeError: x is undefined`
console.log(f(5)) // prints nothing
> f(6)
Uncaught TypeError: Cannot read properties of undefined (reading 'y')
> f(7)
8
f([]) crashes with TypeError
f(9) should throw a RangeError
"#;
        insta::assert_snapshot!(found("a.ts", text, Origin::Task));
    }

    #[test]
    fn examples_in_markdown_say_what_they_say_without_marks() {
        let text =
            "`f(3)` returns `5` but should return `6`; `f(4)` gives 1 instead of 2\n>>> f(5)\nTraceback\nKeyError: 1\n";
        insta::assert_snapshot!(found("a.py", text, Origin::Task));
    }
}
