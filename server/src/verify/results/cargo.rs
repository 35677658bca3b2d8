//! The output of `cargo test`.

use super::{BUILD, Results, TestStatus};

pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    let mut binary = String::new();
    let mut counted = None;
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if let Some(rest) = trimmed.strip_prefix("Running ").filter(|rest| rest.ends_with(')')) {
            binary = binary_of(rest);
        } else if let Some(name) = trimmed.strip_prefix("Doc-tests ") {
            binary = format!("doc {name}");
        } else if let Some(rest) = line.strip_prefix("test result: ") {
            let passed = super::number_before(rest, "passed");
            counted = Some(counted.unwrap_or(0) + passed.unwrap_or(0));
        } else if let Some(rest) = line.strip_prefix("test ") {
            test(&binary, rest, &mut results);
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            let mut said: Vec<&str> = Vec::new();
            while let Some(next) = lines.next_if(|next| !next.starts_with("---- ") && !next.starts_with("failures:")) {
                let noise = next.trim().is_empty() || next.starts_with("note: ") || next.starts_with("thread '");
                if !noise && said.len() < 6 {
                    said.push(next.trim_end());
                }
                if let Some(at) = next.strip_prefix("thread '").and_then(|rest| rest.split(" panicked at ").nth(1)) {
                    said.push(at.trim_end_matches(':'));
                }
            }
            results.say(&full(&binary, name), said.join("\n"));
        }
    }
    results.counted = counted;
    let errors: Vec<&str> = output.lines().filter(|line| line.starts_with("error")).collect();
    if errors.iter().any(|line| line.starts_with("error: could not compile")) {
        results.fail(BUILD, build_errors(output));
        results.unloaded.insert(BUILD.to_owned());
    } else if results.tests.is_empty()
        && let Some(error) = errors.first()
    {
        results.not_run = Some(format!("cargo could not start: {error}"));
    }
    results
}

/// `name ... ok`, `name - should panic ... ok`, `name ... ignored, why`, `name has been running for over 60 seconds`.
fn test(binary: &str, rest: &str, results: &mut Results) {
    if let Some((name, _)) = rest.split_once(" has been running for over ") {
        results.started = Some(full(binary, name));
        return;
    }
    let Some((name, status)) = rest.rsplit_once(" ... ") else { return };
    let status = match status.trim() {
        "ok" => TestStatus::Passed,
        "FAILED" => TestStatus::Failed,
        other if other.starts_with("ignored") => TestStatus::Skipped,
        _ => return,
    };
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    let name = full(binary, name);
    if results.started.as_ref() == Some(&name) {
        results.started = None;
    }
    results.note(name, status);
}

/// A name over all binaries. A documentation test is named by its line, which any patch above it moves.
fn full(binary: &str, name: &str) -> String {
    let name = name.split(" (line ").next().unwrap_or(name);
    if binary.is_empty() { name.to_owned() } else { format!("{binary}::{name}") }
}

/// `unittests src/lib.rs (target/debug/deps/x-0123)` as `x src/lib.rs`.
fn binary_of(rest: &str) -> String {
    let (source, file) = rest.rsplit_once(" (").unwrap_or((rest, ""));
    let stem = file.trim_end_matches(')').rsplit('/').next().unwrap_or("");
    let name = stem.rsplit_once('-').map_or(stem, |(name, _)| name);
    let source = source.strip_prefix("unittests").unwrap_or(source).trim();
    format!("{name} {source}").trim().to_owned()
}

/// The first errors, each with its place.
fn build_errors(output: &str) -> String {
    let mut said = Vec::new();
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("error") && !line.starts_with("error: could not compile") && said.len() < 6 {
            said.push(line.to_owned());
            said.extend(
                lines.next_if(|next| next.trim_start().starts_with("-->")).map(|place| place.trim().to_owned()),
            );
        }
    }
    said.join("\n")
}
