//! What a check's output says, by the format that the tool writes. The output may be forged by the code that is
//! checked: a line that cannot be read is none, and whatever is read is plain data of bounded size.

mod json;
mod lines;

use std::collections::HashSet;
use std::path::{Component, Path};

use baton_grammars::Format;

use super::super::output::clean;
use super::super::results::shortened;
use super::finding::{Finding, Severity};

/// Most findings of one run; a tool that finds more is not read further.
pub(super) const MOST: usize = 5_000;
/// Most bytes of a message, a code and a path that are kept.
const MOST_MESSAGE: usize = 600;
const MOST_CODE: usize = 80;
const MOST_PATH: usize = 400;

/// Where a tool was run, which is what its relative paths are relative to.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The workspace.
    pub(super) root: &'a Path,
    /// Where the command started, relative to it.
    pub(super) directory: &'a Path,
}

/// What a tool names, not yet cut and put in its place.
struct Named<'a> {
    file: &'a str,
    line: Option<u32>,
    column: Option<u32>,
    severity: Severity,
    code: &'a str,
    message: String,
}

/// Every finding of the output, each once, in order.
pub(super) fn read(format: Format, place: Place<'_>, output: &str) -> Vec<Finding> {
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    // What was escaped in JSON was not seen when the output was cleaned.
    let word = |text: &str, most: usize| shortened(&clean(text).replace('\n', " "), most);
    let mut note = |named: Named<'_>| {
        let finding = Finding {
            file: word(&place.relative(named.file), MOST_PATH),
            line: named.line,
            column: named.column,
            severity: named.severity,
            code: word(named.code, MOST_CODE),
            message: shortened(clean(&named.message).trim(), MOST_MESSAGE),
        };
        // The same file is compiled several times, for the library and for its tests.
        if findings.len() < MOST && seen.insert(finding.clone()) {
            findings.push(finding);
        }
    };
    match format {
        Format::Rustc => json::rustc(output, &mut note),
        Format::Ruff => json::ruff(output, &mut note),
        Format::Eslint => json::eslint(output, &mut note),
        _ => lines::read(format, output, &mut note),
    }
    findings
}

impl Place<'_> {
    /// The path as the workspace has it; as it is written where it is none of the workspace. A tool that starts
    /// others may name files from a directory above its own.
    fn relative(&self, written: &str) -> String {
        let written = written.trim().trim_start_matches("./");
        if written.is_empty() {
            return String::new();
        }
        let path = Path::new(written);
        let relative = if path.is_absolute() {
            path.strip_prefix(self.root).map(Path::to_owned).unwrap_or_else(|_| path.to_owned())
        } else {
            let leads_out = path.components().any(|part| part == Component::ParentDir);
            let mut above = self.directory.ancestors().filter(|_| !leads_out);
            let home = above.find(|above| self.root.join(above).join(path).exists()).unwrap_or(self.directory);
            home.join(path)
        };
        relative.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use baton_grammars::Format;

    use super::super::finding::Finding;
    use super::{MOST, Place, read};

    /// Outputs as the tools wrote them, in `/home/me/sample`.
    fn shown(format: Format, output: &str) -> String {
        let place = Place { root: Path::new("/home/me/sample"), directory: Path::new("in") };
        let line = |finding: &Finding| {
            format!("{:?} {:?} {}", finding.severity, finding.column.unwrap_or_default(), finding.line())
        };
        read(format, place, output).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn cargos_messages_are_read() {
        insta::assert_snapshot!(shown(Format::Rustc, include_str!("../../../../tests/fixtures/checks/cargo.txt")));
        insta::assert_snapshot!(shown(Format::Rustc, include_str!("../../../../tests/fixtures/checks/clippy.txt")));
    }

    #[test]
    fn linters_messages_are_read() {
        insta::assert_snapshot!(shown(Format::Ruff, include_str!("../../../../tests/fixtures/checks/ruff.txt")));
        insta::assert_snapshot!(shown(Format::Eslint, include_str!("../../../../tests/fixtures/checks/eslint.txt")));
    }

    #[test]
    fn lines_that_name_a_place_are_read() {
        let cases = [
            (Format::Gcc, include_str!("../../../../tests/fixtures/checks/gcc.txt")),
            (Format::Gcc, include_str!("../../../../tests/fixtures/checks/clang.txt")),
            (Format::Gcc, include_str!("../../../../tests/fixtures/checks/mypy.txt")),
            (Format::Gcc, include_str!("../../../../tests/fixtures/checks/pyright.txt")),
            (Format::Gcc, include_str!("../../../../tests/fixtures/checks/shellcheck.txt")),
            (Format::Javac, include_str!("../../../../tests/fixtures/checks/javac.txt")),
            (Format::Plain, include_str!("../../../../tests/fixtures/checks/go.txt")),
            (Format::Plain, include_str!("../../../../tests/fixtures/checks/ruby.txt")),
            (Format::Plain, include_str!("../../../../tests/fixtures/checks/luac.txt")),
            (Format::Msbuild, include_str!("../../../../tests/fixtures/checks/tsc.txt")),
            (Format::Bash, include_str!("../../../../tests/fixtures/checks/bash.txt")),
            (Format::Php, include_str!("../../../../tests/fixtures/checks/php.txt")),
            (Format::Node, include_str!("../../../../tests/fixtures/checks/node.txt")),
            // As their manuals show them: these tools are not at hand.
            (
                Format::Maven,
                "[ERROR] COMPILATION ERROR : \n[ERROR] /home/me/sample/src/A.java:[4,22] cannot find symbol\n",
            ),
            (
                Format::Kotlin,
                "e: file:///home/me/sample/A.kt:3:5 Unresolved reference: x\nw: file:///home/me/sample/A.kt:1:1 unused\n",
            ),
            (Format::Kotlin, "A.kt:3:5: error: unresolved reference: x\n"),
            (
                Format::Msbuild,
                "/home/me/sample/A.cs(3,5): error CS0103: The name 'x' does not exist [/home/me/sample/A.csproj]\n",
            ),
            (Format::Plain, "a.rb:1:1: C: [Correctable] Style/X: Missing it.\n"),
        ];
        let all: Vec<String> =
            cases.iter().map(|(format, output)| format!("## {format:?}\n{}", shown(*format, output))).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn what_is_no_finding_is_none() {
        for format in
            [Format::Rustc, Format::Ruff, Format::Eslint, Format::Gcc, Format::Plain, Format::Node, Format::Php]
        {
            for output in
                ["", "{", "[[[", "{\"message\":{}}", "[{\"messages\":[{}]}]", "all is well\n", "{\"message\":null}"]
            {
                assert_eq!(shown(format, output), "", "{format:?}: {output}");
            }
            let deep = format!("{}{}\n", "[".repeat(100_000), "]".repeat(100_000));
            assert_eq!(shown(format, &deep), "", "{format:?}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_gone_from_json_too() {
        let forged = r#"{"code":"F\u001b[31m1\n","filename":"a\nb\u202e.py","location":{"row":1,"column":2},"message":"x\u001b]0;t\u0007\u202ey"}"#;
        assert_eq!(shown(Format::Ruff, forged), "Error 2 in/a b.py:1: F1 : xy");
    }

    #[test]
    fn what_is_forged_stays_small() {
        let line = "a.c:1:1: error: x [-Wx]\n";
        assert_eq!(shown(Format::Gcc, &line.repeat(10_000)).lines().count(), 1);
        let many: String = (0..MOST + 10).map(|n| format!("a.c:{n}:1: error: {}\n", "y".repeat(2000))).collect();
        let findings = read(Format::Gcc, Place { root: Path::new("/w"), directory: Path::new("") }, &many);
        assert_eq!(findings.len(), MOST);
        assert!(findings.iter().all(|finding| finding.message.len() < 700));
        let big = "a.c:99999999999999999999:1: error: x\n";
        assert_eq!(shown(Format::Gcc, big), "Error 1 in/a.c: x");
    }
}
