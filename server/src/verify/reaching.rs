//! The tests that reach a change, run by themselves: before the whole suite where that takes long, so that most wrong
//! patches are refused soon, and in its place where it does not come to an end.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::command::TestCommand;
use super::results::{Results, TIME, TestStatus};
use super::{Baseline, Verdict, Verifier, VerifyError, evidence, judge};
use crate::patch::Patch;
use crate::workspace::RelPath;

/// From which time of the whole suite on the tests that reach a change run first, and which part of that time they may
/// take: else they would cost more than they save.
pub(super) const SLOW: Duration = Duration::from_secs(2);
const PART: u32 = 4;
/// Which part of the limit they may take where the whole suite does not end within it.
const PART_OF_LIMIT: u32 = 3;
/// Most files of tests that are run for one change.
const MOST: usize = 20;

/// The tests that reach a change, by themselves, and what they say before it.
#[derive(Debug)]
pub(super) struct Reaching {
    /// What runs them alone.
    pub command: TestCommand,
    /// Which they are, in words: `2 files`.
    pub what: String,
    /// What they said before any patch.
    pub before: Results,
    /// What they printed then.
    pub output: String,
    /// Milliseconds that they took then.
    pub ms: u64,
}

/// The tests that reach a change, by the files that it changes; `None` where they cannot be run alone.
pub(super) type Known = Mutex<BTreeMap<Vec<RelPath>, Arc<OnceCell<Option<Arc<Reaching>>>>>>;

impl Reaching {
    /// Whether what they say alone is what they say in the whole run, and in so little time that it is worth it.
    fn saves(&self, whole: &Baseline) -> bool {
        let agrees = self.before.tests.iter().all(|(name, status)| whole.tests.get(name) == Some(status));
        agrees && self.ms * u64::from(PART) <= whole.ms
    }

    /// What speaks against a patch for certain, of what the tests said with it.
    pub(super) fn refusal(&self, to_mend: impl Fn(&str) -> bool, whole: &Results, after: &Results) -> Option<Verdict> {
        if after.not_run.is_some() || after.count(TestStatus::Failed) == 0 {
            return None;
        }
        // Where something else has to be mended too, that some of it is not says little: a fix need not mend what is
        // apart.
        let is_elsewhere = |(name, status): (&String, &TestStatus)| {
            *status == TestStatus::Failed && to_mend(name) && !self.before.tests.contains_key(name)
        };
        let elsewhere = whole.tests.iter().any(is_elsewhere);
        let verdict = judge::judge(self.command.runner, |name| !elsewhere && to_mend(name), &self.before, after);
        matches!(verdict, Verdict::Failed(_)).then_some(verdict)
    }
}

/// What the tests are asked about one patch.
pub(super) struct Asked<'a> {
    /// The tests that reach it: to be run first, or, where the whole suite was cut off, instead.
    pub few: Option<Arc<Reaching>>,
    /// What decides.
    pub suites: Vec<Cow<'a, TestCommand>>,
    /// What this said before the patch, and in how many milliseconds.
    pub before: Cow<'a, Results>,
    pub ms: u64,
}

impl Verifier {
    /// What the tests are asked about a patch, by how the whole suite did before it.
    pub(super) async fn asked<'a>(
        &'a self,
        patch: &Patch,
        whole: &'a Baseline,
        cancel: &CancellationToken,
    ) -> Result<Asked<'a>, VerifyError> {
        let Some(cut) = &whole.cut else {
            let few = self.reaching_first(patch, whole, cancel).await?;
            let suites = self.suites().map(Cow::Borrowed).collect();
            return Ok(Asked { few, suites, before: Cow::Borrowed(&whole.results), ms: whole.ms });
        };
        let Some(few) = self.reaching_only(Some(patch), cancel).await? else {
            return Err(VerifyError::NoTests(format!(
                "{cut}, and the tests that reach the change cannot be run alone"
            )));
        };
        let examples = self.examples.iter().map(Cow::Borrowed);
        let suites = std::iter::once(Cow::Owned(few.command.clone())).chain(examples).collect();
        let (before, ms) = (Cow::Owned(self.with_examples(&few, &whole.results)), few.ms);
        Ok(Asked { few: Some(few), suites, before, ms })
    }

    /// The tests that reach a patch, where it is worth while to run them before the whole suite.
    async fn reaching_first(
        &self,
        patch: &Patch,
        whole: &Baseline,
        cancel: &CancellationToken,
    ) -> Result<Option<Arc<Reaching>>, VerifyError> {
        let took = Duration::from_millis(whole.ms);
        if took < self.slow {
            return Ok(None);
        }
        let found = self.reaching(changed(patch), took / PART, cancel).await?;
        Ok(found.filter(|found| found.saves(whole)))
    }

    /// The tests that reach a patch, else the focus, where the whole suite does not end.
    pub(super) async fn reaching_only(
        &self,
        patch: Option<&Patch>,
        cancel: &CancellationToken,
    ) -> Result<Option<Arc<Reaching>>, VerifyError> {
        let changed = patch.into_iter().flat_map(changed);
        self.reaching(changed, self.limits().wall / PART_OF_LIMIT, cancel).await
    }

    /// The tests that reach the focus or one of these files, where they can be run alone and end within `wall`; each set
    /// of files is looked at once.
    async fn reaching(
        &self,
        changed: impl Iterator<Item = RelPath>,
        wall: Duration,
        cancel: &CancellationToken,
    ) -> Result<Option<Arc<Reaching>>, VerifyError> {
        let mut files: Vec<RelPath> = changed.chain([self.request.focus.clone()]).collect();
        files.sort();
        files.dedup();
        let found =
            self.reaching.lock().unwrap_or_else(PoisonError::into_inner).entry(files.clone()).or_default().clone();
        found.get_or_try_init(|| self.run_reaching(&files, wall, cancel)).await.cloned()
    }

    async fn run_reaching(
        &self,
        files: &[RelPath],
        wall: Duration,
        cancel: &CancellationToken,
    ) -> Result<Option<Arc<Reaching>>, VerifyError> {
        for (command, what) in [self.related(files), self.choose(files)].into_iter().flatten() {
            let (ran, before) = self.run_suite(&command, &self.unsaved, wall, cancel).await?;
            let has_tests = before.tests.keys().any(|name| !name.starts_with('<'));
            if before.not_run.is_none() && has_tests && !before.tests.contains_key(TIME) {
                return Ok(Some(Arc::new(Reaching { command, what, before, output: ran.output, ms: ran.ms })));
            }
        }
        Ok(None)
    }

    /// The command for the tests that import one of the files, where the runner itself can tell.
    fn related(&self, files: &[RelPath]) -> Option<(TestCommand, String)> {
        let there: Vec<RelPath> = files.iter().filter(|path| self.snapshot().read(path).is_ok()).cloned().collect();
        let command = self.tests.as_ref()?.related(&there)?;
        Some((command, "those that import it".to_owned()))
    }

    /// The command for the tests of the files that speak of one of the files, if it can run less than all; and which
    /// they are.
    fn choose(&self, files: &[RelPath]) -> Option<(TestCommand, String)> {
        let whole = self.tests.as_ref()?;
        let mut chosen: Vec<RelPath> = Vec::new();
        let mut command = None;
        for file in evidence::reaching(self.snapshot(), files, &self.seen()) {
            if chosen.len() == MOST {
                break;
            }
            chosen.push(file);
            match whole.only(&chosen) {
                Some(found) => command = Some(found),
                None => _ = chosen.pop(),
            }
        }
        let command = command.filter(|command| command.argv != whole.argv)?;
        let word = if chosen.len() == 1 { "file" } else { "files" };
        Some((command, format!("{} {word}", chosen.len())))
    }

    /// The files of tests that ran the focus in the whole run before any patch, as far as its runner tells.
    fn seen(&self) -> BTreeSet<RelPath> {
        let names = self.baseline.get().into_iter().flat_map(|baseline| &baseline.results.reached);
        names.filter_map(|name| RelPath::within(self.root(), Path::new(name)).ok()).collect()
    }
}

/// The files that a patch changes, by the names that they have before it.
fn changed(patch: &Patch) -> impl Iterator<Item = RelPath> {
    patch.files().keys().cloned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::super::command::TestCommand;
    use super::super::results::{Results, TestStatus};
    use super::super::tests::{Project, judged, shown};
    use super::super::{Verdict, Verifier};
    use super::Reaching;
    use crate::task::Goal;

    const CART: &str = "def total(prices):\n    return sum(prices[1:])\n\ndef label(name):\n    return name\n";
    const CART_TESTS: &str = "import unittest\nfrom cart import total, label\n\nclass Cart(unittest.TestCase):\n    def test_total(self):\n        self.assertEqual(total([1, 2]), 3)\n\n    def test_label(self):\n        self.assertEqual(label('a'), 'a')\n";
    /// Tests of something else, which take long.
    const SLOW_TESTS: &str = "import time, unittest\nimport shop\n\nclass Shop(unittest.TestCase):\n    def test_name(self):\n        time.sleep(SECONDS)\n        self.assertEqual(shop.name(), 'a')\n";
    const SHOP: &str = "import sys\n\ndef name():\n    return sys.modules['builtins'].__import__('cart').label('a')\n";

    async fn verifier(seconds: u32, more: &[(&str, &str)]) -> (Project, Verifier) {
        let slow = SLOW_TESTS.replace("SECONDS", &seconds.to_string());
        let own = [("cart.py", CART), ("shop.py", SHOP), ("test_cart.py", CART_TESTS), ("test_shop.py", &slow)];
        let project = Project::new(&[&own[..], more].concat());
        let verifier = project.verifier("cart.py", Some(&["python3", "-m", "unittest"]), &[]).await;
        (project, verifier)
    }

    /// The verdict, then the rungs of tests.
    fn told(verdict: &Verdict) -> String {
        let rungs = verdict.report().rungs.iter().filter(|rung| rung.level == super::super::Level::Tested);
        let rungs: Vec<String> = rungs.map(|rung| format!("{} {:?}: {}", rung.name, rung.end, rung.reason)).collect();
        format!("{}\n{}\n{}", shown(verdict), rungs.join("\n"), verdict.report().climbed())
    }

    /// `+a -b` are a that passed and b that failed.
    fn results(written: &str) -> Results {
        let mut results = Results::default();
        for (mark, name) in written.split_whitespace().map(|word| word.split_at(1)) {
            let status = if mark == "+" { TestStatus::Passed } else { TestStatus::Failed };
            results.tests.insert(name.to_owned(), status);
        }
        results
    }

    #[test]
    fn tests_alone_refuse_only_what_the_whole_suite_would() {
        let command = TestCommand::given(&["pytest".to_owned(), "f".to_owned()]);
        for (whole, few, after, is_refused) in [
            ("+f::a -f::b +g::c", "+f::a -f::b", "+f::a -f::b", true),
            ("+f::a -f::b +g::c", "+f::a -f::b", "+f::a +f::b", false),
            ("+f::a -f::b +g::c", "+f::a -f::b", "+f::a +f::b -f::new", true),
            ("+f::a -f::b +g::c", "+f::a -f::b", "-f::a +f::b", true),
            // What is to be mended may be the other.
            ("+f::a -f::b -g::c", "+f::a -f::b", "+f::a -f::b", false),
            ("+f::a -f::b -g::c", "+f::a -f::b", "-f::a +f::b", true),
            // What did not run says nothing.
            ("+f::a -f::b +g::c", "+f::a -f::b", "", false),
        ] {
            let (what, output) = (String::new(), String::new());
            let few = Reaching { command: command.clone(), what, before: results(few), output, ms: 1 };
            let refusal = few.refusal(|_| true, &results(whole), &results(after));
            assert_eq!(refusal.is_some(), is_refused, "{whole} | {after}: {refusal:?}");
        }
    }

    #[tokio::test]
    async fn where_the_whole_suite_is_slow_the_tests_that_reach_a_change_refuse_it_first() {
        let (_project, verifier) = verifier(5, &[]).await;
        let wrong = judged(&verifier, "cart.py", "prices[1:]", "prices[:1]").await;
        let breaking = judged(&verifier, "cart.py", "return name", "return name * 2").await;
        let right = judged(&verifier, "cart.py", "prices[1:]", "prices").await;
        insta::assert_snapshot!([told(&wrong), told(&breaking), told(&right)].join("\n\n"));
    }

    #[tokio::test]
    async fn where_the_whole_suite_is_quick_it_alone_is_run() {
        let (_project, verifier) = verifier(0, &[]).await;
        let wrong = judged(&verifier, "cart.py", "prices[1:]", "prices[:1]").await;
        assert!(told(&wrong).contains("\ntests Failed: \n"), "{}", told(&wrong));
        assert!(!told(&wrong).contains("reach"), "{}", told(&wrong));
    }

    #[tokio::test]
    async fn tests_that_say_something_else_alone_refuse_nothing() {
        // Alone it fails for want of what the slow tests leave behind.
        let slow = "import time, unittest\nimport shop\n\nclass Shop(unittest.TestCase):\n    def test_name(self):\n        time.sleep(5)\n        shop.ready = True\n";
        let tests = "import unittest\nimport shop\nfrom cart import total\n\nclass Cart(unittest.TestCase):\n    def test_total(self):\n        self.assertTrue(shop.ready)\n        self.assertEqual(total([1, 2]), 3)\n\n    def test_ready(self):\n        self.assertTrue(shop.ready)\n";
        let project =
            Project::new(&[("cart.py", CART), ("shop.py", SHOP), ("test_cart.py", tests), ("test_a.py", slow)]);
        let verifier = project.verifier("cart.py", Some(&["python3", "-m", "unittest"]), &[]).await;
        let right = judged(&verifier, "cart.py", "prices[1:]", "prices").await;
        assert!(told(&right).starts_with("passed Tested 3/0"), "{}", told(&right));
        assert!(!told(&right).contains("reach"), "{}", told(&right));
    }

    #[tokio::test]
    async fn where_the_whole_suite_does_not_end_the_tests_that_reach_a_change_stand_for_it() {
        let (_project, mut verifier) = verifier(100, &[("other.py", "x = 1\n")]).await;
        verifier.request.limits.wall = Duration::from_secs(9);
        let before = verifier.baseline(&CancellationToken::new()).await.unwrap();
        let names: Vec<String> = before.tests.iter().map(|(name, status)| format!("{status:?} {name}")).collect();
        assert_eq!(names, ["Passed test_cart.Cart.test_label", "Failed test_cart.Cart.test_total"]);
        assert_eq!(before.command, "python3 -m unittest test_cart.py");
        assert_eq!(before.cut.as_deref(), Some("the whole suite takes longer than 9 s"));
        let right = judged(&verifier, "cart.py", "prices[1:]", "prices").await;
        let wrong = judged(&verifier, "cart.py", "prices[1:]", "prices[:1]").await;
        let beside = judged(&verifier, "other.py", "1", "2").await;
        // What the tests notice is found out by those that are run.
        verifier.request.goal = Goal::Edit;
        let edit = judged(&verifier, "cart.py", "return name", "return name + ''").await;
        insta::assert_snapshot!([told(&right), told(&wrong), told(&beside), told(&edit)].join("\n\n"));
    }

    /// A sample in a workspace of its own, the packages of `tests/setup.sh` in reach.
    fn sample(folder: &str) -> Project {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let project = Project::new(&[]);
        copy(&home.join("tests/samples").join(folder), &project.root());
        let packages = match folder {
            "jest" | "mocha" | "vitest" => Some(("node/node_modules", "node_modules")),
            "pytest" => Some(("venv", ".venv")),
            _ => None,
        };
        if let Some((installed, place)) = packages {
            copy(&home.join(".tools").join(installed), &project.root().join(place));
        }
        project
    }

    /// The same tree, out of links to the same files where that is possible.
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().flatten() {
            let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
            if kind.is_dir() {
                copy(&entry.path(), &to);
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), to).unwrap();
            } else if fs::hard_link(entry.path(), &to).is_err() {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }

    /// For each sample what runs the tests that reach its focus, and whether they have the names of the whole run.
    async fn alone(samples: &[(&str, &str)]) -> String {
        let mut lines = Vec::new();
        for (folder, focus) in samples {
            let project = sample(folder);
            let verifier = project.verifier(focus, None, &[]).await;
            let cancel = CancellationToken::new();
            let whole = verifier.baseline(&cancel).await.unwrap();
            let few = verifier.reaching_only(None, &cancel).await.unwrap();
            let few = few.unwrap_or_else(|| panic!("the tests of {folder} cannot be run alone"));
            let line = few.command.line().replace(&project.root().display().to_string(), "ROOT");
            let same = if few.before.tests == whole.tests { "same" } else { "other" };
            lines.push(format!("{folder}: {line} ({}): {same} names", few.what));
        }
        lines.join("\n")
    }

    #[tokio::test]
    async fn tests_have_the_same_names_alone() {
        let samples = [
            ("bats", "calendar.sh"),
            ("busted", "src/calendar.lua"),
            ("cargo", "src/lib.rs"),
            ("go", "calendar.go"),
            ("minitest", "lib/calendar.rb"),
            ("node", "calendar.js"),
            ("phpunit", "src/Calendar.php"),
            ("rspec", "lib/calendar.rb"),
            ("unittest", "calendars.py"),
        ];
        insta::assert_snapshot!(alone(&samples).await, @r"
        bats: bats test/calendar.bats (1 file): same names
        busted: busted spec/calendar_spec.lua (1 file): same names
        cargo: cargo test --offline --test=calendar (1 file): same names
        go: go test -v . (1 file): same names
        minitest: rake test TEST=test/calendar_test.rb (1 file): same names
        node: npm test --silent -- calendar.test.js (1 file): same names
        phpunit: phpunit --colors=never tests/CalendarTest.php (1 file): same names
        rspec: rspec --no-color spec/calendar_spec.rb (1 file): same names
        unittest: python3 -m unittest test_calendars.py (1 file): same names
        ");
    }

    #[tokio::test]
    async fn tests_of_installed_runners_have_the_same_names_alone() {
        let samples = [
            ("jest", "src/calendar.js"),
            ("mocha", "src/calendar.js"),
            ("pytest", "calendars.py"),
            ("vitest", "src/calendar.ts"),
        ];
        insta::assert_snapshot!(alone(&samples).await, @r"
        jest: npm test --silent -- --findRelatedTests src/calendar.js (those that import it): same names
        mocha: npm test --silent -- test/calendar.js (1 file): same names
        pytest: ROOT/.venv/bin/python -m pytest tests/test_calendars.py (1 file): same names
        vitest: npm test --silent -- test/calendar.test.ts (1 file): same names
        ");
    }

    #[tokio::test]
    async fn pytest_tells_which_files_of_tests_run_the_focus_where_python_can() {
        let project = sample("pytest");
        let verifier = project.verifier("calendars.py", None, &[]).await;
        let cancel = CancellationToken::new();
        let whole = verifier.baseline(&cancel).await.unwrap();
        let file = project.root().join("tests/test_calendars.py").display().to_string();
        let python = Command::new(project.root().join(".venv/bin/python")).arg("--version").output().unwrap();
        let version = String::from_utf8(python.stdout).unwrap();
        let minor: u32 = version.trim().split('.').nth(1).unwrap().parse().unwrap();
        let reached: Vec<&String> = whole.results.reached.iter().collect();
        assert_eq!(reached, [&file][..usize::from(minor >= 12)], "{version}: {}", whole.output);
    }
}
