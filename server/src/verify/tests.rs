//! The whole of `verify` on small projects: what it says of right, wrong and hostile changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Level, Limits, Request, Verdict, Verifier, VerifyError};
use crate::patch::{Change, Edit, Fate, Patch};
use crate::task::Goal;
use crate::workspace::{Buffer, RelPath, Snapshot};

pub(super) struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap() };
        for (path, text) in files {
            let path = project.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        project
    }

    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("project")
    }

    pub(super) async fn verifier(&self, focus: &str, test: Option<&[&str]>, unsaved: &[(&str, &str)]) -> Verifier {
        self.verifier_for(focus, test, unsaved, &[], "").await
    }

    /// The same for a task with this goal, in these words.
    pub(super) async fn verifier_of(&self, focus: &str, goal: Goal, instruction: &str) -> Verifier {
        let request = self.request(focus, None, &[], &[], "");
        let request = Request { goal, instruction: instruction.to_owned(), ..request };
        Verifier::open(request, &CancellationToken::new()).await.unwrap()
    }

    /// The same for a task about these diagnostics, with these options of checks.
    pub(super) async fn verifier_for(
        &self,
        focus: &str,
        test: Option<&[&str]>,
        unsaved: &[(&str, &str)],
        diagnostics: &[&str],
        checks: &str,
    ) -> Verifier {
        let request = self.request(focus, test, unsaved, diagnostics, checks);
        Verifier::open(request, &CancellationToken::new()).await.unwrap()
    }

    fn request(
        &self,
        focus: &str,
        test: Option<&[&str]>,
        unsaved: &[(&str, &str)],
        diagnostics: &[&str],
        checks: &str,
    ) -> Request {
        let buffer = |text: &str| Buffer { text: text.into(), version: 1 };
        let overlay: BTreeMap<_, _> =
            unsaved.iter().map(|(p, text)| (RelPath::new(p).unwrap(), buffer(text))).collect();
        Request {
            snapshot: Snapshot::new(self.root(), overlay),
            focus: RelPath::new(focus).unwrap(),
            goal: Goal::Fix,
            instruction: String::new(),
            evidence: true,
            test: test.map(|words| words.iter().map(|word| (*word).to_owned()).collect()),
            diagnostics: diagnostics.iter().map(|said| (*said).to_owned()).collect(),
            checks: toml::from_str(checks).unwrap(),
            state_dir: self.dir.path().join("state"),
            limits: Limits { wall: Duration::from_secs(60), ..Limits::default() },
        }
    }
}

pub(super) fn replacing(verifier: &Verifier, path: &str, old: &str, new: &str) -> Patch {
    let path = RelPath::new(path).unwrap();
    let start = verifier.snapshot().read(&path).unwrap().find(old).unwrap();
    let mut patch = Patch::default();
    patch.insert(path, vec![Edit { range: start..start + old.len(), text: new.to_owned() }]).unwrap();
    patch
}

pub(super) async fn judged(verifier: &Verifier, path: &str, old: &str, new: &str) -> Verdict {
    let checked = verifier.check(&replacing(verifier, path, old, new), &CancellationToken::new()).await;
    assert_eq!(checked.verified.is_some(), matches!(checked.verdict, Verdict::Passed(_)));
    checked.verdict
}

/// `passed tested 2/0: the report`
pub(super) fn shown(verdict: &Verdict) -> String {
    let (word, report) = match verdict {
        Verdict::Passed(report) => ("passed", report),
        Verdict::Failed(report) => ("failed", report),
        Verdict::Unknown(report) => ("unknown", report),
    };
    format!("{word} {:?} {}/{}: {}", report.level, report.passed, report.failed, report.report)
}

const MAXIMUM: &str = "def maximum(items):\n    best = 0\n    for item in items:\n        if item > best:\n            best = item\n    return best\n";
const TESTS: &str = "import unittest\nfrom maximum import maximum\n\nclass Maximum(unittest.TestCase):\n    def test_positive(self):\n        self.assertEqual(maximum([1, 3, 2]), 3)\n\n    def test_negative(self):\n        self.assertEqual(maximum([-3, -1]), -1)\n";
const UNITTEST: &[&str] = &["python3", "-m", "unittest"];

#[tokio::test]
async fn a_patch_is_judged_by_the_projects_own_tests() {
    let project = Project::new(&[("maximum.py", MAXIMUM), ("test_maximum.py", TESTS)]);
    let verifier = project.verifier("maximum.py", Some(UNITTEST), &[]).await;
    assert_eq!(verifier.describe(), "parse, python, then `python3 -m unittest` (given)");
    let before = verifier.baseline(&CancellationToken::new()).await.unwrap();
    assert_eq!((before.passed, before.failed), (1, 1));
    assert_eq!(before.report, "1 test fails:\n- test_maximum.Maximum.test_negative: AssertionError: 0 != -1");

    let (path, old) = ("maximum.py", "best = 0");
    assert_eq!(
        shown(&judged(&verifier, path, old, "best = items[0]").await),
        "passed Tested 2/0: 1 test that failed before passes now: test_maximum.Maximum.test_negative"
    );
    assert_eq!(
        shown(&judged(&verifier, path, old, "best = -1").await).lines().next().unwrap(),
        "passed Tested 2/0: 1 test that failed before passes now: test_maximum.Maximum.test_negative"
    );
    assert_eq!(
        shown(&judged(&verifier, path, old, "best = 1").await),
        "failed Tested 1/1: 1 of 1 target tests still fail:\n- test_maximum.Maximum.test_negative: AssertionError: 1 != -1"
    );
    assert_eq!(
        shown(&judged(&verifier, path, "item > best", "item < best").await).lines().next().unwrap(),
        "failed Tested 0/2: 1 test that passed before does not now:"
    );
    assert_eq!(
        shown(&judged(&verifier, path, "return best", "return (best").await),
        "failed Parsed 0/0: maximum.py does not parse after the change: line 6: unexpected text"
    );
    // The whole run ends with success, but the tests were not run.
    let gave_up = judged(&verifier, path, "    best = 0", "    import os; os._exit(0)").await;
    assert!(matches!(gave_up, Verdict::Failed(_)), "{gave_up:?}");
    let tests = judged(&verifier, "test_maximum.py", "-1)\n", "0)\n").await;
    assert_eq!(
        shown(&tests),
        "unknown Checked 0/0: the tests cannot verify a change of the tests: test_maximum.py is a test"
    );
    // Nothing of all this reached the workspace.
    assert_eq!(fs::read_to_string(project.root().join(path)).unwrap(), MAXIMUM);
}

#[tokio::test]
async fn files_are_made_moved_and_gone_where_the_tests_run() {
    let code = "def maximum(items):\n    import best\n    return best.of(items)\n";
    let best =
        "def of(items):\n    best = 0\n    for item in items:\n        best = max(best, item)\n    return best\n";
    let project =
        Project::new(&[("maximum.py", code), ("test_maximum.py", TESTS), ("best.py", best), ("more/x.py", "x = 1\n")]);
    let verifier = project.verifier("maximum.py", Some(UNITTEST), &[]).await;
    let path = |path| RelPath::new(path).unwrap();
    let made = |name, text: &str| {
        (path(name), Change { edits: vec![Edit { range: 0..0, text: text.into() }], fate: Fate::Created })
    };
    let gone = || {
        (
            path("best.py"),
            Change { edits: vec![Edit { range: 0..best.len(), text: String::new() }], fate: Fate::Deleted },
        )
    };
    let moved = || (path("best.py"), Change { edits: vec![], fate: Fate::Moved(path("top.py")) });
    let names = |new: &str| {
        (path("maximum.py"), replacing(&verifier, "maximum.py", "best", new).files()[&path("maximum.py")].clone())
    };
    let both = |new: &str| {
        let text = code.replace("best", new);
        (path("maximum.py"), Change::from(vec![Edit { range: 0..code.len(), text }]))
    };
    let right = "def of(items):\n    return max(items)\n";
    for (changes, wanted) in [
        (vec![made("top.py", right), both("top"), gone()], "passed Tested 2/0"),
        (vec![made("more/top.py", right), both("more.top")], "passed Tested 2/0"),
        (vec![moved(), both("top")], "failed Tested 1/1"),
        (vec![gone()], "failed Tested 0/2"),
        (vec![moved(), names("top")], "failed Tested 0/2"),
        (
            vec![made("unittest.py", "class TestCase:\n    pass\n")],
            "failed Parsed 0/0: unittest.py would be loaded in place of",
        ),
        (vec![made("random/__init__.py", "")], "failed Parsed 0/0: random/__init__.py would be loaded in place of"),
        (vec![made("new.py", "def f(:\n")], "failed Parsed 0/0: new.py does not parse"),
    ] {
        let mut patch = Patch::default();
        for (path, change) in changes {
            patch.insert(path, change).unwrap();
        }
        let said = shown(&verifier.check(&patch, &CancellationToken::new()).await.verdict);
        assert!(said.starts_with(wanted), "{patch:?}: {said}");
    }
    assert_eq!(fs::read_dir(project.root()).unwrap().count(), 4);
}

#[tokio::test]
async fn a_hang_is_a_failure_that_can_be_fixed() {
    let looping = "def count(n):\n    while n > 0:\n        n += 1\n    return n\n";
    let tests = "import unittest\nfrom loop import count\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(1, 1)\n    def test_b(self):\n        self.assertEqual(count(3), 0)\n";
    let project = Project::new(&[("loop.py", looping), ("test_loop.py", tests)]);
    let mut verifier = project.verifier("loop.py", Some(UNITTEST), &[]).await;
    verifier.request.limits.wall = Duration::from_secs(4);
    let before = verifier.baseline(&CancellationToken::new()).await.unwrap();
    let names: Vec<String> = before.tests.iter().map(|(name, status)| format!("{status:?} {name}")).collect();
    assert_eq!(names, ["Failed <the time limit>", "Passed test_loop.T.test_a", "Failed test_loop.T.test_b"]);
    assert!(matches!(judged(&verifier, "loop.py", "n += 1", "n -= 1").await, Verdict::Passed(_)));
    assert!(matches!(judged(&verifier, "loop.py", "n += 1", "n += 2").await, Verdict::Failed(_)));
}

#[tokio::test]
async fn unsaved_text_is_what_is_judged() {
    let project = Project::new(&[("maximum.py", "def maximum(items): return 'on disk'\n"), ("test_maximum.py", TESTS)]);
    let verifier = project.verifier("maximum.py", Some(UNITTEST), &[("maximum.py", MAXIMUM)]).await;
    let before = verifier.baseline(&CancellationToken::new()).await.unwrap();
    assert_eq!((before.passed, before.failed), (1, 1));
    assert!(matches!(judged(&verifier, "maximum.py", "best = 0", "best = items[0]").await, Verdict::Passed(_)));
}

#[tokio::test]
async fn what_a_run_leaves_behind_does_not_help_the_next() {
    // The test repairs the program while it runs, in its copy and, as far as it can, everywhere.
    let script = "grep -q good program.txt; status=$?\n echo good > program.txt\n rm -f check.sh; ln -s /etc/hostname check.sh\n exit $status\n";
    let project = Project::new(&[("program.txt", "bad\n"), ("check.sh", script), ("other.txt", "x\n")]);
    let verifier = project.verifier("program.txt", Some(&["sh", "check.sh"]), &[]).await;
    let before = verifier.baseline(&CancellationToken::new()).await.unwrap();
    assert_eq!((before.passed, before.failed), (0, 1));
    let no_fix = judged(&verifier, "other.txt", "x", "y").await;
    assert!(matches!(no_fix, Verdict::Failed(_)), "{no_fix:?}");
    assert!(matches!(judged(&verifier, "program.txt", "bad", "good").await, Verdict::Passed(_)));
    assert_eq!(fs::read_to_string(project.root().join("program.txt")).unwrap(), "bad\n");
    let named = judged(&verifier, "check.sh", "exit $status", "exit 0").await;
    assert!(matches!(named, Verdict::Unknown(_)), "{named:?}");
}

#[tokio::test]
async fn rust_tests_run_with_a_warm_build_directory() {
    let source = "pub fn double(x: i32) -> i32 {\n    x + 1\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn doubles() {\n        assert_eq!(super::double(3), 6);\n    }\n}\n";
    let manifest = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    let project = Project::new(&[("src/lib.rs", source), ("Cargo.toml", manifest)]);
    let verifier = project.verifier("src/lib.rs", None, &[]).await;
    assert_eq!(verifier.describe(), "parse, cargo check, then `cargo test --offline` (Cargo.toml found)");
    let before = verifier.baseline(&CancellationToken::new()).await.unwrap();
    assert_eq!((before.passed, before.failed), (0, 1), "{}", before.output);
    assert_eq!(
        shown(&judged(&verifier, "src/lib.rs", "x + 1", "x * 2").await),
        "passed Tested 1/0: 1 test that failed before passes now: sample src/lib.rs::tests::doubles"
    );
    // The build directory is warm now, and must not let yesterday's program answer for today's.
    assert!(matches!(judged(&verifier, "src/lib.rs", "x + 1", "x + 2").await, Verdict::Failed(_)));
    let broken = judged(&verifier, "src/lib.rs", "x + 1", "\"six\"").await;
    assert!(broken.report().report.contains("mismatched types"), "{broken:?}");
    assert!(!project.root().join("target").exists());
}

#[tokio::test]
async fn candidates_are_judged_at_once_and_apart() {
    let project = Project::new(&[("maximum.py", MAXIMUM), ("test_maximum.py", TESTS)]);
    let verifier = project.verifier("maximum.py", Some(UNITTEST), &[]).await;
    let candidates = ["best = items[0]", "best = 1", "best = -1", "best = 2"];
    let verdicts = candidates.map(|new| judged(&verifier, "maximum.py", "best = 0", new));
    let passed: Vec<bool> =
        futures::future::join_all(verdicts).await.iter().map(|verdict| matches!(verdict, Verdict::Passed(_))).collect();
    assert_eq!(passed, [true, false, true, false]);
    let copies = project.dir.path().join("state/shadow");
    let of_project = fs::read_dir(copies).unwrap().flatten().next().unwrap().path();
    let copies = fs::read_dir(of_project).unwrap().flatten().filter(|entry| entry.path().join("tree").exists());
    assert_eq!(copies.count(), 1, "one copy serves them all");
}

#[tokio::test]
async fn what_a_candidate_built_does_not_answer_for_the_original() {
    let source = "mod other;\npub fn double(x: i32) -> i32 {\n    x * other::two()\n}\n\n#[test]\nfn doubles() {\n    assert_eq!(double(3), 6);\n}\n";
    let manifest = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    let other = "pub fn two() -> i32 {\n    3\n}\n";
    let project = Project::new(&[("src/lib.rs", source), ("src/other.rs", other), ("Cargo.toml", manifest)]);
    let verifier = project.verifier("src/other.rs", None, &[]).await;
    assert!(matches!(judged(&verifier, "src/other.rs", "    3", "    2").await, Verdict::Passed(_)));
    // Only another file differs now: the fixed one must not be taken from what was built before.
    assert!(matches!(judged(&verifier, "src/lib.rs", "x * other", "1 * x * other").await, Verdict::Failed(_)));
    // And what is on disk meanwhile is what is judged.
    fs::write(project.root().join("src/other.rs"), other.replace("    3", "    2")).unwrap();
    assert!(matches!(judged(&verifier, "src/lib.rs", "x * other", "1 * x * other").await, Verdict::Passed(_)));
}

#[tokio::test]
async fn without_tests_a_patch_that_compiles_is_still_unknown() {
    let project = Project::new(&[("a.py", "x = 1\n"), ("empty/pytest.ini", "")]);
    let verifier = project.verifier("a.py", None, &[]).await;
    assert_eq!(verifier.describe(), "parse, python: no tests were found; name a test command with --test");
    let verdict = judged(&verifier, "a.py", "1", "2").await;
    assert_eq!(shown(&verdict), "unknown Checked 0/0: no tests were found; name a test command with --test");
    assert!(matches!(verifier.baseline(&CancellationToken::new()).await, Err(VerifyError::NoTests(_))));

    for (command, why) in [
        (&["no-such-program", "x"][..], "the test command cannot be started:"),
        (&["python3", "-m", "unittest"], "the test command ran no tests"),
        (&[], "the test command is empty"),
    ] {
        let verifier = project.verifier("a.py", Some(command), &[]).await;
        let verdict = judged(&verifier, "a.py", "1", "2").await;
        assert!(matches!(&verdict, Verdict::Unknown(report) if report.level == Level::Checked), "{verdict:?}");
        assert!(verdict.report().report.starts_with(why), "{verdict:?}");
    }
}

#[tokio::test]
async fn cancelling_is_no_verdict_on_the_patch() {
    let project = Project::new(&[("a.txt", "x\n")]);
    let verifier = project.verifier("a.txt", Some(&["sleep", "50"]), &[]).await;
    let cancel = CancellationToken::new();
    let patch = replacing(&verifier, "a.txt", "x", "y");
    cancel.cancel();
    let checked = verifier.check(&patch, &cancel).await;
    assert_eq!(shown(&checked.verdict), "unknown Parsed 0/0: cancelled");
}

#[tokio::test]
async fn lanes_are_apart_and_can_be_restored() {
    let project = Project::new(&[("a.txt", "1\n"), ("t/b.txt", "1\n")]);
    let verifier = project.verifier("a.txt", Some(&["sh", "-c", "true"]), &[("a.txt", "unsaved\n")]).await;
    let (mut one, two) = (verifier.lane(1).await.unwrap(), verifier.lane(2).await.unwrap());
    one.put(&RelPath::new("a.txt").unwrap(), "candidate\n").unwrap();
    let cat = ["sh", "-c", "cat a.txt t/b.txt; rm -r t; mkdir junk"].map(str::to_owned);
    let (sandbox, limits, cancel) = (verifier.sandbox().unwrap(), verifier.limits(), CancellationToken::new());
    assert_eq!(sandbox.run(&one.cell(), &cat, &limits, &cancel).await.output, "candidate\n1\n");
    assert_eq!(sandbox.run(&two.cell(), &cat, &limits, &cancel).await.output, "unsaved\n1\n");
    one.reset().unwrap();
    assert_eq!(sandbox.run(&one.cell(), &cat, &limits, &cancel).await.output, "unsaved\n1\n");
}
