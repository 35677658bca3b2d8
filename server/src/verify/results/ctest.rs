//! The output of CTest; each of its tests is a program.

use super::{Results, TestStatus};

pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    let mut failing: Option<(String, Vec<&str>)> = None;
    for line in output.lines() {
        let text = line.trim_start();
        if let Some((name, status)) = result(text) {
            say(failing.take(), &mut results);
            results.started = None;
            results.note(name, status);
            failing = (status == TestStatus::Failed).then(|| (name.to_owned(), Vec::new()));
        } else if let Some((_, name)) = text.strip_prefix("Start ").and_then(|rest| rest.trim().split_once(": ")) {
            say(failing.take(), &mut results);
            results.started = Some(name.to_owned());
        } else if let Some((failed, total)) = summary(text) {
            say(failing.take(), &mut results);
            results.counted = Some(total.saturating_sub(failed));
        } else if let Some((_, said)) = &mut failing {
            said.extend((!text.is_empty() && said.len() < 8).then(|| line.trim_end()));
        }
    }
    say(failing, &mut results);
    if !results.tests.is_empty() {
        results.counted.get_or_insert(0);
    } else if output.contains("No tests were found") {
        results.not_run = Some("CTest found no tests".to_owned());
    } else {
        super::build(output, &mut results);
    }
    results
}

fn say(failing: Option<(String, Vec<&str>)>, results: &mut Results) {
    if let Some((name, said)) = failing {
        results.say(&name, said.join("\n"));
    }
}

/// `2/3 Test #2: name ....***Failed    0.01 sec`
fn result(text: &str) -> Option<(&str, TestStatus)> {
    let (number, rest) = text.split_once(" Test ")?;
    let (at, of) = number.split_once('/')?;
    let is_number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    let (id, rest) = rest.trim_start().strip_prefix('#')?.split_once(": ")?;
    let rest = rest.strip_suffix(" sec")?.trim_end();
    let (rest, _time) = rest.rsplit_once(' ')?;
    let (name, status) = rest.split_once(" .")?;
    let status = match status.trim_start_matches('.').trim() {
        "Passed" => TestStatus::Passed,
        "***Skipped" | "***Not Run (Disabled)" => TestStatus::Skipped,
        _ => TestStatus::Failed,
    };
    (is_number(at) && is_number(of) && is_number(id)).then_some((name, status))
}

/// `67% tests passed, 1 tests failed out of 3`
fn summary(text: &str) -> Option<(usize, usize)> {
    let (_, rest) = text.split_once("% tests passed, ")?;
    let (failed, total) = rest.split_once(" tests failed out of ")?;
    Some((failed.parse().ok()?, total.trim().parse().ok()?))
}
