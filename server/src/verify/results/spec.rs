//! What node's own runner, jest and mocha write for people: marks before the names, suites by indentation. Only where
//! the command is not ours to add a reporter to.

use super::{Results, TestStatus};

/// Nested by two spaces; a suite's line comes before its tests.
pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    let mut path: Vec<(usize, String)> = Vec::new();
    let body = output.split("failing tests:").next().unwrap_or(output);
    for line in body.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let Some(first) = text.chars().next() else { continue };
        let status = match first {
            '✔' | '✓' | '√' => Some(TestStatus::Passed),
            '✖' | '✕' | '×' => Some(TestStatus::Failed),
            '﹣' | '○' | '↓' => Some(TestStatus::Skipped),
            _ if is_numbered(text) => Some(TestStatus::Failed),
            _ => None,
        };
        let name = name_of(text, status.is_some());
        path.retain(|(at, _)| *at < indent);
        let full = path.iter().map(|(_, name)| name.as_str()).chain([name]).collect::<Vec<_>>().join(" > ");
        match status {
            Some(_) if name.is_empty() => {}
            Some(status) => {
                // A failing suite has a line of its own after its tests.
                let below = format!("{full} > ");
                if !results.tests.keys().any(|test| test.starts_with(&below)) {
                    results.note(full, status);
                }
            }
            None if is_title(text, indent) => path.push((indent, name.to_owned())),
            None => {}
        }
        if let Some(count) = line.strip_prefix("ℹ pass ") {
            results.counted = count.trim().parse().ok();
        }
    }
    said(output, &mut results);
    results
}

/// What stands below each name in the list of failures.
fn said(output: &str, results: &mut Results) {
    let Some((_, failures)) = output.split_once("failing tests:") else { return };
    let mut current: Option<String> = None;
    let mut lines: Vec<&str> = Vec::new();
    // The error's other fields say nothing that its text does not.
    let noise = ["at ", "test at ", "generatedMessage:", "code:", "actual:", "expected:", "operator:", "}"];
    for line in failures.lines().chain(["✖ "]) {
        if let Some(rest) = line.trim_start().strip_prefix("✖ ") {
            if let Some(name) = current.take() {
                results.say(&name, lines.join("\n"));
            }
            let name = without_time(rest);
            let mut failed =
                results.tests.iter().filter(|(_, status)| **status == TestStatus::Failed).map(|(name, _)| name);
            current = failed.find(|full| *full == name || full.ends_with(&format!(" > {name}"))).cloned();
            lines.clear();
        } else if lines.len() < 6 && !line.trim().is_empty() && !noise.iter().any(|n| line.trim_start().starts_with(n))
        {
            lines.push(line.trim());
        }
    }
}

/// `1) name`, as mocha numbers what fails.
fn is_numbered(text: &str) -> bool {
    text.split_once(") ").is_some_and(|(number, _)| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// A line that heads a suite: marked by node, plain and indented in jest and mocha.
fn is_title(text: &str, indent: usize) -> bool {
    text.starts_with('▶') || (indent >= 2 && text.chars().next().is_some_and(char::is_alphanumeric) && text.len() < 120)
}

fn name_of(text: &str, marked: bool) -> &str {
    let text =
        if marked || text.starts_with('▶') { text.split_once(' ').map_or(text, |(_, rest)| rest) } else { text };
    without_time(text.trim())
}

/// The name without `(1.5ms)`, `(3 ms)` or `# SKIP` at its end.
fn without_time(text: &str) -> &str {
    let text = text.strip_suffix(" # SKIP").unwrap_or(text);
    match text.rsplit_once(" (") {
        Some((name, time)) if time.ends_with("ms)") || time.ends_with("s)") => name,
        _ => text,
    }
}
