//! The ladder with real compilers: what it says of patches in projects with and without tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::tests::{Project, judged, shown};
use super::super::{RungEnd, Verdict, Verifier};

const MANIFEST: &str = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";

async fn said(verifier: &Verifier, path: &str, old: &str, new: &str) -> String {
    let verdict = judged(verifier, path, old, new).await;
    format!("{}\n  {}", shown(&verdict), verdict.report().climbed())
}

#[tokio::test]
async fn a_patch_that_does_not_compile_is_refused_before_the_tests() {
    let source = "pub fn double(x: i32) -> i32 {\n    let unused = 3;\n    x + 1\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn doubles() {\n        assert_eq!(super::double(3), 6);\n    }\n}\n";
    let other = "fn main() {\n    sample::double(1);\n}\n";
    let project = Project::new(&[("src/lib.rs", source), ("examples/other.rs", other), ("Cargo.toml", MANIFEST)]);
    let verifier = project.verifier("src/lib.rs", None, &[]).await;
    assert_eq!(verifier.describe(), "parse, cargo check, then `cargo test --offline` (Cargo.toml found)");
    assert_eq!(
        said(&verifier, "src/lib.rs", "x + 1", "\"six\"").await,
        "failed Checked 0/0: cargo check finds 1 error that was not there before:\n\
         - src/lib.rs:3: E0308: mismatched types: expected `i32`, found `&str`\n  parsed · cargo check refuses it"
    );
    let verdict = judged(&verifier, "src/lib.rs", "double(x: i32)", "double(x: i32, y: i32)").await;
    let rung = &verdict.report().rungs[1];
    assert!(rung.findings.iter().any(|finding| finding.file == "examples/other.rs"), "{rung:?}");
    assert_eq!(
        said(&verifier, "src/lib.rs", "x + 1", "x * 2").await,
        "passed Tested 1/0: 1 test that failed before passes now: sample src/lib.rs::tests::doubles\n  \
         parsed · cargo check · 1 test passed, 0 failed"
    );
}

#[tokio::test]
async fn without_tests_only_an_error_that_goes_is_proof() {
    let source = "pub fn double(x: i32) -> i32 {\n    \"six\"\n}\n\npub fn half(x: i32) -> i32 {\n    x / 2\n}\n";
    let project = Project::new(&[("src/lib.rs", source), ("Cargo.toml", MANIFEST)]);
    let test = Some(&["no-such-program"][..]);
    let verifier = project.verifier("src/lib.rs", test, &[]).await;
    let complaints = verifier.complaints(&CancellationToken::new()).await.unwrap();
    assert_eq!(
        complaints,
        "cargo check finds 1 error:\n- src/lib.rs:2: E0308: mismatched types: expected `i32`, found `&str`"
    );
    let fixed = judged(&verifier, "src/lib.rs", "\"six\"", "x * 2").await;
    assert!(matches!(fixed, Verdict::Passed(_)), "{fixed:?}");
    assert!(
        shown(&fixed).starts_with(
            "passed Checked 0/0: cargo check no longer finds what it found before:\n- src/lib.rs:2: E0308: mismatched types: expected `i32`, found `&str`\nthe test command cannot be started"
        ),
        "{fixed:?}"
    );
    // Another change compiles no worse and proves nothing; nor does taking the function out.
    let other = judged(&verifier, "src/lib.rs", "x / 2", "x / 3").await;
    assert!(matches!(other, Verdict::Unknown(_)), "{other:?}");
    assert!(other.report().climbed().starts_with("parsed · cargo check (1 error as before); not checked: tests ("));
    let function = &source[..source.find("pub fn half").unwrap()];
    let taken_out = judged(&verifier, "src/lib.rs", function, "").await;
    assert!(matches!(taken_out, Verdict::Unknown(_)), "{taken_out:?}");
    assert!(taken_out.report().report.contains("the change takes out `double`"), "{taken_out:?}");
}

#[tokio::test]
async fn what_the_task_is_about_is_said() {
    let code = "def f(x):\n    return (x\n";
    let project = Project::new(&[("a.py", code), ("b.py", "x = 1\n")]);
    let about = |said: &'static [&'static str]| project.verifier_for("a.py", None, &[], said, "");
    let verifier = about(&["'(' was never closed"]).await;
    let verdict = judged(&verifier, "a.py", "(x\n", "(x)\n").await;
    assert!(
        matches!(&verdict, Verdict::Passed(report) if report.report.contains("'(' was never closed")),
        "{verdict:?}"
    );
    // The error goes, but the task was about another one.
    let verdict = judged(&about(&["undefined name `y`"]).await, "a.py", "(x\n", "(x)\n").await;
    assert!(matches!(verdict, Verdict::Unknown(_)), "{verdict:?}");
}

#[tokio::test]
async fn compilers_see_what_the_parser_does_not() {
    let project = Project::new(&[
        ("a.py", "def f():\n    return 1\n"),
        ("b.js", "function f(a) {\n  return a;\n}\n"),
        ("c.c", "int f(int a) {\n    return a;\n}\n"),
        ("D.java", "class D {\n    int f() { return 1; }\n}\n"),
        ("e.sh", "echo one\n"),
    ]);
    let mut lines = Vec::new();
    for (path, old, new) in [
        ("a.py", "    return 1\n", "    return 1\nreturn 2\n"),
        ("b.js", "  return a;", "  return a; let a = 1;"),
        ("c.c", "return a;", "return b;"),
        ("D.java", "return 1;", "return g();"),
    ] {
        let verifier = project.verifier(path, None, &[]).await;
        lines.push(said(&verifier, path, old, new).await);
        let harmless = judged(&verifier, path, "return", "/* */ return").await;
        if path != "a.py" {
            lines.push(harmless.report().climbed());
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn what_was_wrong_before_does_not_count() {
    let code = "int f(int a) {\n    return missing;\n}\n\nint g(int a) {\n    return a;\n}\n";
    let project = Project::new(&[("a.c", code)]);
    let verifier = project.verifier("a.c", None, &[]).await;
    let same = judged(&verifier, "a.c", "int f", "/* one\n two */\nint f").await;
    assert!(matches!(same, Verdict::Unknown(_)) && same.report().climbed().contains("1 error as before"), "{same:?}");
    let more = judged(&verifier, "a.c", "return a;", "return gone;").await;
    assert!(matches!(&more, Verdict::Failed(report) if report.report.contains("a.c:6: ‘gone’ undeclared")), "{more:?}");
}

/// A linter of the project's own: it finds every line with `bad` in it.
const LINTER: &str = "#!/bin/sh\nfor file; do grep -n bad \"$file\" | sed \"s|^\\([0-9]*\\).*|$file:\\1: bad word|\"; done >/tmp/found\ncat /tmp/found; test ! -s /tmp/found\n";

fn with_linter(linter: &str) -> Project {
    let project = Project::new(&[
        ("a.py", "x = 'bad'\ny = 1\n"),
        ("pyproject.toml", "[tool.ruff]\n[tool.mypy]\n"),
        ("venv/pyvenv.cfg", ""),
        ("venv/bin/lint", linter),
    ]);
    let program = project.root().join("venv/bin/lint");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    project
}

const CHOICE: &str = "[mypy]\nenabled = false\n[ruff]\ncommand = ['no-such-linter', '{paths}']\n[own]\nlanguage = 'python'\nlint = true\nformat = 'plain'\ncommand = ['lint', '{paths}']\n";

#[tokio::test]
async fn linters_are_the_projects_and_the_users_and_those_missing_are_named() {
    let project = with_linter(LINTER);
    let verifier = project.verifier_for("a.py", None, &[], &[], CHOICE).await;
    let worse = said(&verifier, "a.py", "y = 1", "y = 'bad'").await;
    assert_eq!(
        worse,
        "failed Linted 0/0: own finds 1 error that was not there before:\n- a.py:2: bad word\n  \
         parsed · python · own refuses it; not checked: layout by ruff (not installed), ruff (not installed)"
    );
    let same = judged(&verifier, "a.py", "y = 1", "y = 2").await;
    let climbed = same.report().climbed();
    assert!(climbed.starts_with("parsed · python · own (1 error as before); not checked: layout by ruff (not installed), ruff (not installed), tests ("), "{climbed}");
    assert_eq!(same.report().rungs[3].end, RungEnd::Missing);
}

#[tokio::test]
async fn a_check_that_hangs_dies_or_floods_is_no_answer() {
    for (linter, climbed) in [
        ("#!/bin/sh\nkill -9 $$\n", "own (it fails without the change too: it was killed: Killed)"),
        (
            "#!/bin/sh\necho nothing to say; exit 3\n",
            "own (it fails without the change too: it ended with status 3: nothing to say)",
        ),
    ] {
        let project = with_linter(linter);
        let verifier = project.verifier_for("a.py", None, &[], &[], CHOICE).await;
        let verdict = judged(&verifier, "a.py", "y = 1", "y = 2").await;
        assert!(verdict.report().climbed().contains(climbed), "{verdict:?}");
    }
    // It hangs, floods, dies and cannot be started only with the change: then the change is refused.
    for (end, why) in [
        ("while :; do :; done", "it did not end within"),
        ("kill -9 $$", "it was killed"),
        ("while :; do echo flood; done", "own fails with the change"),
        ("exit 127", "it cannot be started"),
    ] {
        let linter = format!("#!/bin/sh\nif grep -q 2 \"$1\"; then {end}; fi\n");
        let project = with_linter(&linter);
        let mut verifier = project.verifier_for("a.py", None, &[], &[], CHOICE).await;
        verifier.request.limits.wall = Duration::from_secs(5);
        let verdict = judged(&verifier, "a.py", "y = 1", "y = 2").await;
        assert!(matches!(&verdict, Verdict::Failed(report) if report.report.contains(why)), "{why}: {verdict:?}");
    }
}

#[tokio::test]
async fn what_one_check_leaves_in_the_tree_is_gone_for_the_next() {
    // The first linter repairs the file that the second one looks at.
    let project = with_linter("#!/bin/sh\nsed -i s/bad/good/ \"$1\"\n");
    let second = project.root().join("venv/bin/second");
    fs::write(&second, LINTER).unwrap();
    fs::set_permissions(&second, fs::Permissions::from_mode(0o755)).unwrap();
    let choice = format!(
        "{CHOICE}[second]\nlanguage = 'python'\nlint = true\nformat = 'plain'\ncommand = ['second', '{{paths}}']\n"
    );
    let verifier = project.verifier_for("a.py", None, &[], &[], &choice).await;
    let verdict = judged(&verifier, "a.py", "y = 1", "y = 'bad'").await;
    assert!(
        matches!(&verdict, Verdict::Failed(report) if report.report.contains("second finds 1 error")),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_new_or_moves_is_checked_under_its_name() {
    use crate::patch::{Change, Edit, Fate, Patch};
    use crate::workspace::RelPath;
    let project = Project::new(&[("a.py", "return 1\n")]);
    let verifier = project.verifier("a.py", None, &[]).await;
    let path = |path: &str| RelPath::new(path).unwrap();
    let mut moved = Patch::default();
    moved.insert(path("a.py"), Change { edits: vec![], fate: Fate::Moved(path("b.py")) }).unwrap();
    let verdict = verifier.check(&moved, &CancellationToken::new()).await.verdict;
    assert!(verdict.report().climbed().starts_with("parsed · python (1 error as before)"), "{verdict:?}");
    let mut made = Patch::default();
    let edits = vec![Edit { range: 0..0, text: "x = 1\nreturn 2\n".into() }];
    made.insert(path("c.py"), Change { edits, fate: Fate::Created }).unwrap();
    let verdict = verifier.check(&made, &CancellationToken::new()).await.verdict;
    assert!(shown(&verdict).contains("- c.py:2: 'return' outside function"), "{verdict:?}");
}

#[tokio::test]
async fn what_a_check_caches_of_a_candidate_does_not_judge_the_next() {
    let project = Project::new(&[("a.py", "x = 'original'\n")]);
    // A tool that finds in a file what its cache says of it.
    let script = "cat \"$0/seen\" 2>/dev/null; printf \"%s:1:1: error: %s\\n\" \"$1\" \"$(cat \"$1\")\" > \"$0/seen\"";
    let tool = format!("command = ['sh', '-c', '{script}', '{{cache}}', '{{path}}']");
    let choice = format!("[cached]\nlanguage = 'python'\n{tool}\n");
    for number in 0..3 {
        // From the second on, the cache has what the baseline left there.
        let verifier = project.verifier_for("a.py", None, &[], &[], &choice).await;
        for new in ["'first'", "'second'"] {
            let verdict = shown(&judged(&verifier, "a.py", "'original'", new).await);
            let stale = verdict.contains("'first'") || verdict.contains("'second'");
            assert!(!stale && (number == 0) == verdict.contains("'original'"), "{number} {new}: {verdict}");
        }
    }
}
