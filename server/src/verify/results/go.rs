//! The output of `go test -v`.

use super::{BUILD, Results, TestStatus};

pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    // A package is named after its tests.
    let mut pending: Vec<(String, TestStatus, String)> = Vec::new();
    let mut said: Vec<&str> = Vec::new();
    // What a test says is indented; what the compiler says is not.
    let is_compiler = |line: &&str| line.contains(".go:") && !line.starts_with(' ');
    for line in output.lines() {
        let text = line.trim_start();
        if let Some(name) = text.strip_prefix("=== RUN ") {
            results.started = Some(name.trim().to_owned());
            said.clear();
        } else if let Some((status, name)) = result(text) {
            pending.push((name.to_owned(), status, said.join("\n")));
            results.started = None;
            said.clear();
        } else if let Some(package) = package(line) {
            for (name, status, message) in pending.drain(..) {
                let full = format!("{package} {name}");
                results.note(full.clone(), status);
                if status == TestStatus::Failed {
                    results.say(&full, message);
                }
            }
            if line.contains("[build failed]") || line.contains("[setup failed]") {
                let name = format!("{BUILD} {package}");
                results.fail(&name, output.lines().filter(is_compiler).take(5).collect::<Vec<_>>().join("\n"));
                results.unloaded.insert(name);
            }
        } else if text.contains("_test.go:") || text.starts_with("panic:") {
            said.push(text);
            // A failing subtest speaks after its own line.
            if let Some((_, TestStatus::Failed, message)) = pending.last_mut()
                && message.is_empty()
                && line.starts_with(' ')
                && results.started.is_none()
            {
                *message = text.to_owned();
            }
        }
    }
    for (name, status, message) in pending {
        results.note(name.clone(), status);
        results.say(&name, message);
    }
    results
}

/// `--- PASS: TestX (0.00s)`
fn result(text: &str) -> Option<(TestStatus, &str)> {
    let (word, rest) = text.strip_prefix("--- ")?.split_once(": ")?;
    let status = match word {
        "PASS" => TestStatus::Passed,
        "FAIL" => TestStatus::Failed,
        "SKIP" => TestStatus::Skipped,
        _ => return None,
    };
    Some((status, rest.split(" (").next().unwrap_or(rest)))
}

/// `ok  <tab>package<tab>0.1s` or `FAIL<tab>package<tab>0.1s`.
fn package(line: &str) -> Option<&str> {
    let mut fields = line.split('\t');
    let word = fields.next()?.trim();
    let package = fields.next()?;
    matches!(word, "ok" | "FAIL" | "?").then(|| package.split(' ').next().unwrap_or(package))
}
