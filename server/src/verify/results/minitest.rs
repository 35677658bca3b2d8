//! The output of minitest with `-v`, also when rake or rails starts it.

use super::{Results, TestStatus, number_before};

pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        // What a test prints comes between its name and its result.
        if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| is_name(name)) {
            results.started = Some(name.to_owned());
        }
        if let (Some(name), Some(status)) = (results.started.clone(), status(line)) {
            results.note(name, status);
        } else if let Some(status) = section(line)
            && let Some(name) = lines.next().and_then(title)
        {
            results.note(name, status);
            let mut said = Vec::new();
            while let Some(next) = lines.next_if(|next| !next.trim().is_empty()) {
                said.extend((said.len() < 6).then(|| next.trim()));
            }
            if status == TestStatus::Failed {
                results.say(name, said.join("\n"));
            }
        } else if let Some(runs) = number_before(line, "runs") {
            let others = ["failures", "errors", "skips"].iter().filter_map(|word| number_before(line, word));
            // rake may run several suites, each with its own count.
            results.counted = Some(results.counted.unwrap_or(0) + runs.saturating_sub(others.sum()));
            results.started = None;
            if runs == 0 && results.tests.is_empty() {
                results.not_run = Some("the test command ran no tests".to_owned());
            }
        }
    }
    if !results.tests.is_empty() {
        results.counted.get_or_insert(0);
    }
    results
}

fn is_name(name: &str) -> bool {
    name.contains('#') && !name.starts_with(' ')
}

/// `0.00 s = .` at the end of a line.
fn status(line: &str) -> Option<TestStatus> {
    let (before, mark) = line.rsplit_once(" s = ")?;
    before.rsplit(' ').next()?.parse::<f64>().ok()?;
    match mark {
        "." => Some(TestStatus::Passed),
        "F" | "E" => Some(TestStatus::Failed),
        "S" => Some(TestStatus::Skipped),
        _ => None,
    }
}

/// `  1) Failure:`
fn section(line: &str) -> Option<TestStatus> {
    let (number, word) = line.trim_start().split_once(") ")?;
    number.parse::<usize>().ok()?;
    match word {
        "Failure:" | "Error:" => Some(TestStatus::Failed),
        "Skipped:" => Some(TestStatus::Skipped),
        _ => None,
    }
}

/// `ATest#test_x [test/a_test.rb:8]:`, or without a place where it is an error.
fn title(line: &str) -> Option<&str> {
    let name = line.strip_suffix(':')?;
    let name = name.split(" [").next().unwrap_or(name);
    is_name(name).then_some(name)
}
