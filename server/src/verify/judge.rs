//! The judgement itself: the tests after a patch beside the tests before it. Pure.

use std::collections::BTreeSet;

use super::results::{Results, TestStatus, shortened};
use super::runner::RunnerKind;
use super::verdict::{Level, MOST_REPORT, Report, Verdict};

/// Judges what the tests say after a patch by what they said before it.
///
/// What failed before does not count against the patch, but the fix of a test is a fix only if nothing beside it
/// in the same group (file, class, module, suite) still fails: half of a fix is none. What passed must still pass;
/// a test that is gone or left out did not pass. `to_mend` says which of those that failed
/// the patch is about; where it is about none, that is all.
pub(super) fn judge(runner: RunnerKind, to_mend: impl Fn(&str) -> bool, before: &Results, after: &Results) -> Verdict {
    let (passed, failed) = (after.count(TestStatus::Passed), after.count(TestStatus::Failed));
    let report = |text: String| Report { passed, failed, ..Report::new(Level::Tested, shortened(&text, MOST_REPORT)) };
    let say = |names: &[&String], with: &Results| list(names, with);
    if let Some(why) = &after.not_run {
        return Verdict::Failed(report(format!("with the change, {why}")));
    }
    let was = |name: &String| before.tests.get(name).copied();
    let is = |name: &String| after.tests.get(name).copied();

    let broken: Vec<&String> = before
        .tests
        .iter()
        .filter(|(name, status)| **status == TestStatus::Passed && is(name) != Some(TestStatus::Passed))
        .map(|(name, _)| name)
        .collect();
    if !broken.is_empty() {
        let text =
            format!("{} that passed before {}:\n{}", count(broken.len()), fail_now(broken.len()), say(&broken, after));
        return Verdict::Failed(report(text));
    }
    let failed_before = before.tests.iter().filter(|(_, status)| **status == TestStatus::Failed).map(|(name, _)| name);
    let targets: Vec<&String> = failed_before.filter(|name| to_mend(name)).collect();
    let is_fixed = |name: &&String| match is(name) {
        Some(status) => status == TestStatus::Passed,
        // What stood for tests that could not be loaded is gone once they can.
        None => before.unloaded.contains(*name) || name.starts_with('<'),
    };
    let (fixed, mut still): (Vec<&String>, Vec<&String>) = targets.iter().partition(|name| is_fixed(name));
    still.extend(
        after
            .tests
            .iter()
            .filter(|(name, status)| **status == TestStatus::Failed && was(name).is_none())
            .map(|(name, _)| name),
    );
    if targets.is_empty() {
        return match still.as_slice() {
            [] if passed > 0 => Verdict::Passed(report(format!("{}, and did before the change", all_pass(passed)))),
            [] => Verdict::Unknown(report("no test passed, before or after the change".to_owned())),
            new => Verdict::Failed(report(format!("{} now:\n{}", count_fail(new.len()), say(new, after)))),
        };
    }
    let groups: BTreeSet<String> = fixed.iter().map(|name| runner.group(name)).collect();
    // A failing test that was not there before was either brought by the change or could not be loaded.
    let counts = |name: &&&String| name.starts_with('<') || was(name).is_none() || groups.contains(&runner.group(name));
    let left: Vec<&String> = still.iter().filter(counts).copied().collect();
    if fixed.is_empty() {
        let text = format!(
            "{} of {} target tests still fail:\n{}",
            still.len(),
            targets.len().max(still.len()),
            say(&still, after)
        );
        return Verdict::Failed(report(text));
    }
    if !left.is_empty() {
        let total = left.len() + fixed.len();
        let text = format!("{} of {total} target tests still fail:\n{}", left.len(), say(&left, after));
        return Verdict::Failed(report(text));
    }
    if passed == 0 {
        return Verdict::Failed(report("no test passes with the change".to_owned()));
    }
    let names = fixed.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let mut text = format!("{} that failed before pass now: {names}", count(fixed.len()));
    if fixed.len() == 1 {
        text = format!("1 test that failed before passes now: {names}");
    }
    let others = still.len();
    if others > 0 {
        text.push_str(&format!("\n{} elsewhere as before", count_fail(others)));
    }
    Verdict::Passed(report(text))
}

/// What fails and what it says; at most 2 kB.
pub(super) fn failures(results: &Results) -> String {
    let failing: Vec<&String> =
        results.tests.iter().filter(|(_, status)| **status == TestStatus::Failed).map(|(name, _)| name).collect();
    if failing.is_empty() {
        return all_pass(results.count(TestStatus::Passed));
    }
    shortened(&format!("{}:\n{}", count_fail(failing.len()), list(&failing, results)), MOST_REPORT)
}

/// Each name with its message, as many as fit; the rest as a number.
pub(super) fn list(names: &[&String], results: &Results) -> String {
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        let message = match results.messages.get(*name) {
            Some(said) => format!(": {}", said.replace('\n', "\n    ")),
            None if results.tests.contains_key(*name) => String::new(),
            None => ": it did not run".to_owned(),
        };
        let line = format!("- {}{message}\n", shortened(name, 200));
        if text.len() + line.len() > MOST_REPORT - 200 {
            text.push_str(&format!("and {} more\n", names.len() - index));
            break;
        }
        text.push_str(&line);
    }
    text.trim_end().to_owned()
}

fn count(number: usize) -> String {
    if number == 1 { "1 test".to_owned() } else { format!("{number} tests") }
}

fn count_fail(number: usize) -> String {
    if number == 1 { "1 test fails".to_owned() } else { format!("{number} tests fail") }
}

fn fail_now(number: usize) -> &'static str {
    if number == 1 { "does not now" } else { "do not now" }
}

fn all_pass(number: usize) -> String {
    if number == 1 { "the 1 test passes".to_owned() } else { format!("all {number} tests pass") }
}

#[cfg(test)]
mod tests {
    use super::super::results::{RUN, Results, TestStatus};
    use super::judge;
    use crate::verify::runner::RunnerKind;
    use crate::verify::verdict::Verdict;

    /// `+a -b ~c` are a that passed, b that failed and c that was skipped; `!d` failed to load.
    fn results(written: &str) -> Results {
        let mut results = Results::default();
        for word in written.split_whitespace() {
            let (mark, name) = word.split_at(1);
            let status = match mark {
                "+" => TestStatus::Passed,
                "~" => TestStatus::Skipped,
                _ => TestStatus::Failed,
            };
            if mark == "!" {
                results.unloaded.insert(name.to_owned());
            }
            results.tests.insert(name.to_owned(), status);
        }
        results
    }

    fn judged(before: &str, after: &str) -> String {
        let verdict = judge(RunnerKind::Pytest, |_| true, &results(before), &results(after));
        let word = match &verdict {
            Verdict::Passed(_) => "passed",
            Verdict::Failed(_) => "failed",
            Verdict::Unknown(_) => "unknown",
        };
        format!("{word}: {}", verdict.report().report.replace('\n', " | "))
    }

    #[test]
    fn a_patch_is_judged_by_what_changed() {
        let cases = [
            ("+f::a -f::b", "+f::a +f::b"),
            ("+f::a -f::b", "-f::a +f::b"),
            ("+f::a -f::b", "+f::b"),
            ("+f::a -f::b", "~f::a +f::b"),
            ("+f::a -f::b", "+f::a -f::b"),
            ("+f::a -f::b", "+f::a ~f::b"),
            ("+f::a -f::b", "+f::a"),
            ("-f::a[1] -f::a[2] -f::a[3::x]", "+f::a[1] -f::a[2] -f::a[3::x]"),
            ("-f::a -g::b", "+f::a -g::b"),
            ("+f::a", "+f::a"),
            ("+f::a", "+f::a -f::new"),
            ("~f::a", "~f::a"),
            ("!f +g::a", "+f::x +g::a"),
            ("!f +g::a", "+f::x -f::y +g::a"),
            ("!f", ""),
            ("-f::a", &format!("+f::a -{}", RUN.replace(' ', "_"))),
            ("+f::a -<run>", "+f::a +f::b"),
        ];
        let shown: Vec<String> = cases
            .iter()
            .map(|(before, after)| format!("{before:30} | {after:34} | {}", judged(before, after)))
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_report_stays_within_two_kilobytes() {
        let many: String = (0..500).map(|n| format!("-f::test_with_a_long_name_{n} ")).collect();
        let verdict = judge(RunnerKind::Pytest, |_| true, &results(&many), &results(&many));
        assert!(verdict.report().report.len() <= 2003, "{}", verdict.report().report.len());
        assert!(verdict.report().report.starts_with("500 of 500 target tests still fail:"));
        assert!(verdict.report().report.contains(" more"));
    }
}
