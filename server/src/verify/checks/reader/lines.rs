//! Tools that print a line for each finding: a table of what such lines look like.

use std::sync::LazyLock;

use baton_grammars::Format;
use regex::{Captures, Regex};

use super::{Named, Severity};

/// A file's name, where what follows it is a colon: as short as it can be, and never a URL's or a sentence's part.
const FILE: &str = r"(?<file>[^\s:(\[][^:\n]*?)";

/// What a line looks like. Groups: `file`, `line`, `column`, `severity`, `code`, `message`, and `more`, which belongs
/// to the message. Where there is no `severity` it is an error. Matching takes time linear in the output.
static LINES: LazyLock<Vec<(Format, Regex)>> = LazyLock::new(|| {
    let marked = format!(
        r"(?m)^\s*{FILE}:(?<line>\d+)(?::(?<column>\d+))?(?::| -) (?<severity>fatal error|error|warning): (?<message>.*)$"
    );
    let javac = format!(
        r"{marked}(?:\n.*\n[ \t]*\^[ \t]*(?:\n[ \t]+symbol:[ \t]+(?<more>.*))?)?",
        marked = marked.trim_end_matches('$')
    );
    let rows: [(Format, &str); 11] = [
        (Format::Gcc, &marked),
        (Format::Javac, &javac),
        (
            Format::Plain,
            &format!(r"(?m)^(?:\w+: )?{FILE}:(?<line>\d+)(?::(?<column>\d+))?:\s*(?:[A-Z]: )?(?<message>.*)$"),
        ),
        (
            Format::Msbuild,
            r"(?m)^\s*(?<file>[^\s(][^(\n]*)\((?<line>\d+),(?<column>\d+)[\d,]*\): (?<severity>error|warning) (?<code>\w+): (?<message>.*?)(?: \[[^\]\n]*proj[^\]\n]*\])?$",
        ),
        (
            Format::Maven,
            r"(?m)^\[(?<severity>ERROR|WARNING)\] (?<file>[^\s:][^:\n]*):\[(?<line>\d+)(?:,(?<column>\d+))?\] (?<message>.*)$",
        ),
        (Format::Kotlin, &marked),
        (
            Format::Kotlin,
            r"(?m)^(?<severity>e|w): (?:file://)?(?<file>[^\s:][^:\n]*):(?<line>\d+):(?<column>\d+):? (?<message>.*)$",
        ),
        (
            Format::Kotlin,
            r"(?m)^\[(?<severity>ERROR|WARNING)\] (?<file>[^\s:][^:\n]*): \((?<line>\d+), ?(?<column>\d+)\) (?<message>.*)$",
        ),
        (Format::Bash, r"(?m)^(?:bash: )?(?<file>[^\s:][^:\n]*): line (?<line>\d+): (?<message>.*)$"),
        (
            Format::Php,
            r"(?m)^(?:PHP )?(?:Parse|Fatal|Compile) error: +(?<message>.*) in (?<file>\S.*) on line (?<line>\d+)$",
        ),
        (Format::Node, r"(?m)^(?<file>/[^:\n]+):(?<line>\d+)\n(?:.*\n){1,12}?(?<message>\w*Error: .*)$"),
    ];
    let compiled = |(format, pattern)| (format, Regex::new(pattern).expect("the table is well-formed"));
    rows.into_iter().map(compiled).collect()
});

/// A code at the end of a message: `[-Wunused]`, `[return-value]`, `(reportReturnType)`.
static CODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?<message>.*\S)\s+[\[(](?<code>[A-Za-z-][\w.+/=-]*)[\])]$").expect("the pattern is well-formed")
});

/// Every line of the output that looks as the format says.
pub(super) fn read(format: Format, output: &str, note: &mut dyn FnMut(Named<'_>)) {
    for (_, pattern) in LINES.iter().filter(|(of, _)| *of == format) {
        pattern.captures_iter(output).for_each(|captures| note(named(&captures)));
    }
}

fn named<'a>(captures: &Captures<'a>) -> Named<'a> {
    let group = |name: &str| captures.name(name).map(|found| found.as_str());
    let number = |name: &str| group(name).and_then(|digits| digits.parse().ok());
    let mut message = group("message").unwrap_or_default();
    let mut code = group("code");
    if code.is_none()
        && let Some(split) = CODE.captures(message)
    {
        code = split.name("code").map(|found| found.as_str());
        message = split.name("message").map_or(message, |found| found.as_str());
    }
    let is_warning = matches!(group("severity"), Some("warning" | "WARNING" | "w"));
    Named {
        file: group("file").unwrap_or_default(),
        line: number("line"),
        column: number("column"),
        severity: if is_warning { Severity::Warning } else { Severity::Error },
        code: code.unwrap_or_default(),
        message: group("more").map_or(message.to_owned(), |more| format!("{message}: {more}")),
    }
}
