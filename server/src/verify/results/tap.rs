//! The Test Anything Protocol, as node's own runner and our plugins for jest and RSpec write it.

use super::{Results, TestStatus};

/// Whether an output is of this format.
pub(super) fn is(output: &str) -> bool {
    output.lines().any(|line| line.starts_with("TAP version"))
}

/// Nested by four spaces; a suite's own line comes after its tests.
pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    let mut path: Vec<String> = Vec::new();
    // For each depth: whether tests were seen below the one that is open there.
    let mut inner: Vec<bool> = Vec::new();
    let mut last_failed: Option<String> = None;
    let (mut counted, mut planned, mut not_passed, mut nested) = (None, None, 0, false);
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
            nested |= depth > 0;
            not_passed += usize::from(depth == 0 && status != TestStatus::Passed);
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
            counted = count.trim().parse().ok();
        } else if let Some(count) = line.strip_prefix("1..") {
            // Of several plans the least counts; a run that ended early has none.
            let count = count.split(' ').next().and_then(|count| count.parse::<usize>().ok());
            planned = planned.min(count).or(count);
        }
    }
    results.counted = counted.or_else(|| (!nested).then(|| planned.unwrap_or(0).saturating_sub(not_passed)));
    results
}

/// `ok 1 - name` or `not ok 1 - name`; some write no dash, some no name.
fn point(text: &str) -> Option<(bool, &str)> {
    let (failed, rest) = match text.strip_prefix("not ok ") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("ok ")?),
    };
    let (number, name) = rest.split_once(' ').unwrap_or((rest, rest));
    number.parse::<u32>().ok()?;
    Some((failed, name.strip_prefix("- ").unwrap_or(name)))
}
