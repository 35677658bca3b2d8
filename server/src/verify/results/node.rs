//! The output of node's own runner (TAP and spec), and of jest, vitest and mocha where they name tests.

use super::{Results, TestStatus};

pub(super) fn read(output: &str) -> Results {
    let mut results =
        if output.lines().any(|line| line.starts_with("TAP version")) { tap(output) } else { spec(output) };
    // A file that cannot be loaded fails as a test with the file's name, and its own tests are not named.
    let is_file = |name: &&String| [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"].iter().any(|end| name.ends_with(end));
    results.unloaded = results.tests.keys().filter(is_file).cloned().collect();
    results
}

/// Nested by four spaces; a suite's own line comes after its tests.
fn tap(output: &str) -> Results {
    let mut results = Results::default();
    let mut path: Vec<String> = Vec::new();
    // For each depth: whether tests were seen below the one that is open there.
    let mut inner: Vec<bool> = Vec::new();
    let mut last_failed: Option<String> = None;
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        let text = line.trim_start();
        let depth = (line.len() - text.len()) / 4;
        if let Some(name) = text.strip_prefix("# Subtest: ") {
            path.truncate(depth);
            path.resize(depth, String::new());
            path.push(name.to_owned());
            inner = vec![true; depth];
            inner.push(false);
            results.started = Some(path.join(" > "));
        } else if let Some((failed, rest)) = point(text) {
            let (name, directive) = rest.rsplit_once(" # ").unwrap_or((rest, ""));
            path.truncate(depth);
            path.resize(depth, String::new());
            let is_suite = inner.get(depth).copied().unwrap_or(false);
            path.push(name.to_owned());
            let full = path.join(" > ");
            let left_out = ["SKIP", "TODO", "skip", "todo"].iter().any(|word| directive.starts_with(word));
            let status = match (left_out, failed) {
                (true, _) => TestStatus::Skipped,
                (_, true) => TestStatus::Failed,
                _ => TestStatus::Passed,
            };
            let below = format!("{full} > ");
            let told =
                results.tests.iter().any(|(name, status)| name.starts_with(&below) && *status == TestStatus::Failed);
            results.started = None;
            last_failed = None;
            if !is_suite || (status == TestStatus::Failed && !told) {
                last_failed = (status == TestStatus::Failed).then(|| full.clone());
                results.note(full, status);
            }
            path.pop();
        } else if let (Some(name), Some(error)) = (last_failed.clone(), text.strip_prefix("error: ")) {
            let mut said = vec![error.trim_matches('\'').to_owned()];
            if error.starts_with('|') {
                said.clear();
                let block = line.len() - text.len();
                while let Some(next) =
                    lines.next_if(|next| next.trim().is_empty() || next.len() - next.trim_start().len() > block)
                {
                    if !next.trim().is_empty() && said.len() < 8 {
                        said.push(next.trim().to_owned());
                    }
                }
            }
            results.say(&name, said.join("\n"));
        } else if let Some(count) = line.strip_prefix("# pass ") {
            results.counted = count.trim().parse().ok();
        }
    }
    results
}

/// `ok 1 - name` or `not ok 1 - name`.
fn point(text: &str) -> Option<(bool, &str)> {
    let (failed, rest) = match text.strip_prefix("not ok ") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("ok ")?),
    };
    let (number, name) = rest.split_once(" - ")?;
    number.parse::<u32>().ok().map(|_| (failed, name))
}

/// Nested by two spaces; a suite's line comes before its tests.
fn spec(output: &str) -> Results {
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
