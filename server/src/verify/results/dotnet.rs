//! The output of `dotnet test` with its detailed console logger.

use super::{Results, TestStatus};

pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    let mut counted = None;
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some((name, status)) = result(line) {
            results.note(name, status);
            if status == TestStatus::Failed {
                let mut said = Vec::new();
                // The message stands between its title and the stack; what the test printed follows both.
                while let Some(next) =
                    lines.next_if(|next| result(next).is_none() && !next.trim().starts_with("Stack Trace:"))
                {
                    let next = next.trim();
                    if !next.is_empty() && next != "Error Message:" && said.len() < 6 {
                        said.push(next);
                    }
                }
                results.say(name, said.join("\n"));
            }
        } else if let Some(passed) = line.trim().strip_prefix("Passed: ") {
            // One for each project of a solution.
            counted = Some(counted.unwrap_or(0) + passed.trim().parse::<usize>().unwrap_or(0));
        } else if line.starts_with("No test is available") || line.contains("No test matches") {
            results.not_run = Some("dotnet found no tests".to_owned());
        }
    }
    if results.tests.is_empty() {
        super::build(output, &mut results);
    } else {
        results.counted = counted.or(Some(0));
    }
    results
}

/// `  Passed Namespace.Class.Method(x: 1) [12 ms]`
fn result(line: &str) -> Option<(&str, TestStatus)> {
    let (word, rest) = line.strip_prefix("  ")?.split_once(' ')?;
    let status = match word {
        "Passed" => TestStatus::Passed,
        "Failed" => TestStatus::Failed,
        "Skipped" => TestStatus::Skipped,
        _ => return None,
    };
    let (name, time) = rest.rsplit_once(" [")?;
    time.ends_with("s]").then_some((name, status))
}
