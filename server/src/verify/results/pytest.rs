//! The output of `pytest -vv -rfE`.

use super::{Results, TestStatus, number_before};

/// What our plugin writes before the name of a file of tests that runs the file of the task.
const REACHES: &str = "[baton reaches] ";
/// Most of them.
const MOST_REACHED: usize = 1000;

const STATUSES: [(&str, TestStatus); 6] = [
    ("PASSED", TestStatus::Passed),
    ("FAILED", TestStatus::Failed),
    ("ERROR", TestStatus::Failed),
    ("SKIPPED", TestStatus::Skipped),
    ("XFAIL", TestStatus::Skipped),
    ("XPASS", TestStatus::Skipped),
];

pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    // What a test printed is repeated further down; results stand only before the first report.
    let is_report =
        |line: &str| line.starts_with("==") && [" ERRORS ", " FAILURES ", " PASSES "].iter().any(|t| line.contains(t));
    let mut lines = output.lines();
    for line in lines.by_ref() {
        if is_report(line) || line.contains("= short test summary info =") {
            break;
        }
        result(line, &mut results);
    }
    let reached = output.lines().filter_map(|line| line.strip_prefix(REACHES));
    results.reached = reached.take(MOST_REACHED).map(str::to_owned).collect();
    let mut in_summary = false;
    let mut section: Option<(String, Vec<&str>)> = None;
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for line in output.lines() {
        if line.contains("= short test summary info =") {
            in_summary = true;
        } else if in_summary {
            summary(line, &mut results);
        } else if line.starts_with("___") && line.ends_with("___") {
            said.extend(section.take());
            section = Some((line.trim_matches('_').trim().to_owned(), Vec::new()));
        } else if let (Some((_, lines)), Some(text)) = (&mut section, line.strip_prefix("E  ")) {
            lines.push(text.trim());
        }
        if line.starts_with('=') && line.ends_with('=') && line.contains(" in ") {
            results.counted = results.counted.or(Some(number_before(line, "passed").unwrap_or(0)));
        }
    }
    said.extend(section);
    for (title, lines) in said {
        let title = title.rsplit(' ').next().unwrap_or(&title).to_owned();
        let failing = results.tests.iter().filter(|(_, status)| **status == TestStatus::Failed).map(|(name, _)| name);
        let of = failing.filter(|name| name.replace("::", ".").ends_with(&title) || name.ends_with(&title));
        if let Some(name) = of.min_by_key(|name| name.len()).cloned() {
            results.say(&name, lines.join("\n"));
        }
    }
    if results.tests.is_empty() {
        cannot_run(output, &mut results);
    }
    results
}

/// `a.py::test_x[1 2] PASSED (why)   [ 50%]`, or from workers `[gw0] [ 50%] PASSED a.py::test_x`.
fn result(line: &str, results: &mut Results) {
    let Some(line) = (if line.starts_with("[gw") { line.split_once("%] ").map(|(_, rest)| rest) } else { Some(line) })
    else {
        return;
    };
    for (word, status) in STATUSES {
        if let Some(name) = line.strip_prefix(word).and_then(|rest| rest.strip_prefix(' '))
            && name.contains("::")
        {
            return results.note(name.trim(), status);
        }
    }
    if !line.contains("::") {
        return;
    }
    let line = line.trim_end();
    let line =
        if line.ends_with("%]") { line.rsplit_once('[').map_or(line, |(before, _)| before.trim_end()) } else { line };
    for (word, status) in STATUSES {
        let reason = format!(" {word} (");
        let name = line.strip_suffix(word).and_then(|name| name.strip_suffix(' '));
        let name = name.or_else(|| line.rfind(&reason).filter(|_| line.ends_with(')')).map(|at| &line[..at]));
        if let Some(name) = name {
            results.started = None;
            return results.note(name.trim(), status);
        }
    }
    results.started = Some(line.trim().to_owned());
}

/// `FAILED a.py::test_x - AssertionError: …`; a parameter may itself hold ` - `.
fn summary(line: &str, results: &mut Results) {
    let Some(rest) = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR ")) else { return };
    let known =
        results.tests.iter().filter(|(_, status)| **status == TestStatus::Failed).map(|(name, _)| name.as_str());
    let known =
        known.filter(|name| rest.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" - ")));
    let name =
        known.max_by_key(|name| name.len()).unwrap_or_else(|| rest.split(" - ").next().unwrap_or(rest)).to_owned();
    let message = rest[name.len()..].trim_start_matches(" - ").to_owned();
    results.note(&name, TestStatus::Failed);
    if !name.contains("::") {
        results.unloaded.insert(name.clone());
    }
    results.say(&name, message);
}

fn cannot_run(output: &str, results: &mut Results) {
    if output.contains("No module named pytest") {
        results.not_run = Some("pytest is not installed for the Python that is used".to_owned());
    } else if output.contains("no tests ran") && !output.contains("error") && !output.contains("ERROR") {
        results.not_run = Some("pytest collected no tests".to_owned());
    } else if output.contains("ImportError while loading conftest") || output.contains("Traceback") {
        results.fail(
            super::BUILD,
            output.lines().filter_map(|line| line.strip_prefix("E  ")).collect::<Vec<_>>().join("\n"),
        );
        results.unloaded.insert(super::BUILD.to_owned());
    } else if let Some(usage) = output.lines().find(|line| line.starts_with("ERROR: ")) {
        results.not_run = Some(format!("pytest refused the command: {}", &usage[7..]));
    }
}
