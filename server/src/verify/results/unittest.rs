//! The output of `python3 -m unittest -v`.

use super::{Results, TestStatus};
use crate::verify::evidence::is_example;

pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    let body = output.find("\n======").map_or(output, |at| &output[..at]);
    let mut running: Option<String> = None;
    for line in body.lines() {
        if line.starts_with("-----") {
            break;
        }
        // A test that printed, or whose subtests failed, has its status on a line of its own.
        let (before, status) = match line.rsplit_once(" ... ") {
            Some((before, status)) => (before, status),
            None => match status_of(line) {
                Some(_) => ("", line),
                None => (line, ""),
            },
        };
        let last = before.rsplit(" ... ").next().unwrap_or(before);
        if let Some(name) = name_of(last.trim_start()) {
            running = Some(name);
        }
        if let (Some(name), Some(status)) = (&running, status_of(status)) {
            results.note(name.clone(), status);
            // Why one of our own was left out.
            if status == TestStatus::Skipped && is_example(name) {
                let why = line.rsplit_once(" ... skipped '").and_then(|(_, why)| why.strip_suffix('\''));
                results.say(name, why.unwrap_or_default());
            }
            // A subtest's status is not yet the test's.
            if !line.starts_with("  ") {
                running = None;
            }
        }
    }
    results.started = running;
    for section in output.split("\n======").skip(1) {
        failure(section, &mut results);
    }
    if let Some(line) = output.lines().rev().find(|line| line.starts_with("Ran ") && line.contains(" test")) {
        let ran = line.split(' ').nth(1).and_then(|count| count.parse().ok());
        results.counted = ran;
        if ran == Some(0) && results.tests.is_empty() {
            results.not_run = Some("the test command ran no tests".to_owned());
        }
    }
    results
}

/// `====\nFAIL: test_x (a.C.test_x)\n----\nTraceback …\nAssertionError: …`
fn failure(section: &str, results: &mut Results) {
    let mut lines = section.lines().skip(1);
    let Some(title) = lines.next() else { return };
    let Some(name) = title.strip_prefix("FAIL: ").or_else(|| title.strip_prefix("ERROR: ")).and_then(name_of) else {
        return;
    };
    let mut message = String::new();
    let mut after_code = false;
    for line in lines.skip_while(|line| !line.starts_with("------")).skip(1) {
        if line.starts_with("------") {
            break;
        }
        let indented = line.starts_with(' ');
        if !indented && after_code && !line.trim().is_empty() {
            message = line.to_owned();
        }
        after_code = indented;
    }
    if name.contains("_FailedTest") {
        results.unloaded.insert(name.clone());
    }
    results.fail(&name, message);
}

/// `test_x (a.C.test_x)`, before Python 3.11 `test_x (a.C)`, as `a.C.test_x`.
fn name_of(text: &str) -> Option<String> {
    let (test, rest) = text.split_once(" (")?;
    let place = &rest[..rest.find(')')?];
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_.<>".contains(c));
    if !plain(test) || !plain(place) {
        return None;
    }
    let whole = place.rsplit('.').next() == Some(test);
    Some(if whole { place.to_owned() } else { format!("{place}.{test}") })
}

fn status_of(text: &str) -> Option<TestStatus> {
    match text.trim() {
        "ok" => Some(TestStatus::Passed),
        "FAIL" | "ERROR" | "unexpected success" => Some(TestStatus::Failed),
        "expected failure" => Some(TestStatus::Skipped),
        other => other.starts_with("skipped").then_some(TestStatus::Skipped),
    }
}
