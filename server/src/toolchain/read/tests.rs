//! Outputs that were recorded by running the tools on the texts here, and outputs that somebody forged.

use std::path::Path;

use baton_grammars::FixFormat;

use super::{File, read};
use crate::patch::apply;
use crate::toolchain::merge::merged;

/// With a byte order mark, line breaks of Windows, and characters of one to four bytes before what is mended.
const RUST: &str = "\u{feff}//! Über-Körbe 🧺.\r\nuse std::collections::{BTreeMap, HashMap};\r\n\r\npub fn total(lines: &[(u32, u32)]) -> u32 {\r\n    let sum = 0; /* süß */ let unit = \"€\";\r\n    for line in lines {\r\n        sum += line.0 * line.1;\r\n    }\r\n    let _ = unit;\r\n    return sum;\r\n}\r\n\r\npub fn keys(map: &HashMap<String, u32>) -> usize {\r\n    map.keys().count()\r\n}\r\n";
const PYTHON: &str = "\u{feff}import os, sys\r\nname = \"größe 🧺\"; x = name == None\r\ndef f(a):\r\n    if not a in name: print(f\"süß\")\r\n    s = set([1, 2])  # 🧺\r\n    return s\r\n";
const JAVASCRIPT: &str = "\u{feff}var größe = \"🧺\"; var b = größe == null\r\nif (!(größe == b)) { let x = 1; b = x }\r\n\"🧺\"; let extra = !!!b;;\r\nmodule.exports = { größe, extra }\r\n";
const C: &str = "#include <stdio.h>\r\nstruct Größe { int breite; };\r\nint summe(struct Größe *g) {\r\n    const char *s = \"🧺\"; int n = g.breite;\r\n    if (n = 3) printf(\"%s %ld\\n\", s, n);\r\n    int m = 2\r\n    prinft(\"x\");\r\n    return n + m;\r\n}\r\n";

/// What is read, each with the text it points at and the texts it replaces; then the file with all that go together.
fn shown(format: FixFormat, path: &str, text: &str, output: &str) -> String {
    let Some(found) = read(format, output, File { path: Path::new(path), text }) else { return "unreadable".into() };
    let mut shown = String::new();
    for suggestion in &found {
        let kind = if suggestion.is_error { "error" } else { "finding" };
        shown += &format!("{kind} at {:?}: {}\n", &text[suggestion.place.clone()], suggestion.message);
        for edit in &suggestion.edits {
            shown += &format!("    {:?} becomes {:?}\n", &text[edit.range.clone()], edit.text);
        }
    }
    let (edits, taken) = merged(&found);
    let after = apply(text, &edits).expect("edits fit");
    let lines: Vec<String> = after.split('\n').map(|line| format!("{}\n", line.escape_debug())).collect();
    format!("{shown}{} of {} at once:\n{}", taken.len(), found.len(), lines.concat())
}

#[test]
fn rustc() {
    insta::assert_snapshot!(shown(
        FixFormat::Rustc,
        "/project/src/lib.rs",
        RUST,
        include_str!("../fixtures/rustc.txt")
    ));
}

#[test]
fn ruff() {
    insta::assert_snapshot!(shown(FixFormat::Ruff, "/project/shop.py", PYTHON, include_str!("../fixtures/ruff.txt")));
}

#[test]
fn eslint() {
    insta::assert_snapshot!(shown(
        FixFormat::Eslint,
        "/project/shop.js",
        JAVASCRIPT,
        include_str!("../fixtures/eslint.txt")
    ));
}

#[test]
fn clang() {
    insta::assert_snapshot!(shown(FixFormat::Clang, "/project/shop.c", C, include_str!("../fixtures/clang.txt")));
}

#[test]
fn gcc() {
    insta::assert_snapshot!(shown(FixFormat::Clang, "/project/shop.c", C, include_str!("../fixtures/gcc.txt")));
}

#[test]
fn a_file_changed_in_place() {
    let text = "a\r\nb\r\n\tc é\r\n";
    insta::assert_snapshot!(shown(FixFormat::InPlace, "/project/a.rb", text, "a\nB\n\tc é\nd\n"));
    for (text, output) in [("a\u{c}\n", "a\nb\n"), ("a\r\nb\n", "a\nc\n"), ("a\n", "")] {
        assert_eq!(shown(FixFormat::InPlace, "/project/a.rb", text, output), "unreadable", "{text:?}");
    }
}

#[test]
fn a_tool_that_did_not_do_its_work_is_known() {
    for (format, said) in [
        (
            FixFormat::Rustc,
            "error: no such command: `clippy`\n\nhelp: view all installed commands with `cargo --list`\n",
        ),
        (FixFormat::Ruff, "ruff failed\n  Cause: Failed to parse ruff.toml\n"),
        (FixFormat::Eslint, "\nOops! Something went wrong! :(\n\nESLint: 10.15.0\n[not an array\n"),
    ] {
        assert_eq!(shown(format, "/project/a", "a\n", said), "unreadable", "{said}");
    }
}

#[test]
fn what_a_tool_says_beside_its_answer_does_no_harm() {
    let answer = include_str!("../fixtures/ruff.txt");
    let with = format!("[warning] the top-level settings are deprecated\n{answer}\nFound 10 errors.\n");
    let read = |output| shown(FixFormat::Ruff, "/project/shop.py", PYTHON, output);
    assert_eq!(read(&with), read(answer));
}

#[test]
fn what_does_not_fit_the_file_is_left_out() {
    let rustc = |file: &str, bytes: [u64; 2], applicability: &str| {
        let span = serde_json::json!({"file_name": file, "byte_start": bytes[0], "byte_end": bytes[1], "is_primary": true,
            "suggested_replacement": "x", "suggestion_applicability": applicability});
        let message =
            serde_json::json!({"message": "m", "level": "error", "spans": [span], "children": [{"spans": [span]}]});
        let line = serde_json::json!({"reason": "compiler-message", "manifest_path": "/project/member/Cargo.toml", "message": message});
        let file = File { path: Path::new("/project/member/src/a.rs"), text: "é = 1;\n" };
        read(FixFormat::Rustc, &line.to_string(), file).map(|found| found.len())
    };
    let (file, sure) = ("member/src/a.rs", "MachineApplicable");
    for (number, file, bytes, applicability) in [
        (1, file, [0, 2], sure),
        (1, "src/a.rs", [0, 2], sure),
        (1, "/project/member/src/a.rs", [0, 2], sure),
        (0, file, [0, 2], "MaybeIncorrect"),
        (0, file, [0, 1], sure),
        (0, file, [3, 2], sure),
        (0, file, [0, u64::MAX], sure),
        (0, "src/b.rs", [0, 2], sure),
        (0, "/other/member/src/a.rs", [0, 2], sure),
        (0, "../member/src/a.rs", [0, 2], sure),
        (0, "/home/u/.cargo/registry/src/a.rs", [0, 2], sure),
    ] {
        assert_eq!(rustc(file, bytes, applicability), Some(number), "{file} {bytes:?} {applicability}");
    }
    let eslint = |range: &str| {
        let message = format!(r#"{{"message": "m", "line": 1, "column": 1, "fix": {{"range": {range}, "text": ""}}}}"#);
        let output = format!(r#"[{{"filePath": "/project/a.js", "messages": [{message}]}}]"#);
        let file = File { path: Path::new("/project/a.js"), text: "\u{feff}🧺;\n" };
        read(FixFormat::Eslint, &output, file).map(|found| found.len())
    };
    let read: Vec<_> = ["[0, 2]", "[-1, 0]", "[0, 1]", "[2, 0]", "[0, 99]"].map(eslint).into();
    assert_eq!(read, [Some(1), Some(0), Some(0), Some(0), Some(0)]);
    let clang = |text: &str, line: &str| {
        let output = format!("/project/a.c:1:1: error: m\n{line}\n");
        let found = super::read(FixFormat::Clang, &output, File { path: Path::new("/project/a.c"), text });
        found.and_then(|found| found.first().map(|found| found.edits[0].text.clone()))
    };
    let fix = |at: &str, text: &str| format!(r#"fix-it:"/project/a.c":{{{at}}}:"{text}""#);
    assert_eq!(clang("a\n", &fix("1:1-1:2", r#"\"\\\303\274\xc3\xbc\n"#)).as_deref(), Some("\"\\üü\n"));
    assert_eq!(clang("a\r\n", &fix("1:1-1:2", r"b\n")).as_deref(), Some("b\r\n"));
    for (text, line) in [
        ("\u{feff}a\n", fix("1:1-1:2", "b")),
        ("a\n", fix("1:1-1:9", "b")),
        ("é\n", fix("1:1-1:2", "b")),
        ("a\n", fix("1:1-1:2", r"\303")),
        ("a\n", fix("99999999999999999999:1-1:2", "b")),
        ("a\n", fix("1:1-1:2", "b").replace("/project/a.c", "/etc/passwd")),
    ] {
        assert_eq!(clang(text, &line), None, "{line}");
    }
}
